"""The four nodes as processes of their own, over real DDS, as the launch files start them."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import carla
import pytest
import rclpy
import yaml
from ament_index_python.packages import get_package_prefix
from lifecycle_msgs.msg import TransitionEvent
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from visualization_msgs.msg import MarkerArray

from td3_driving.evaluation.curve import read_metrics
from td3_driving.launching.arguments import defaults
from td3_driving.launching.plan import NODES, Plan, make_plan
from td3_driving.learning import checkpoint
from td3_driving.ros import topics
from td3_driving.ros.middleware import middleware_environment

DOMAIN = 1 + os.getpid() % 20
STEPS = 300
MAP = "LiteCircuit_1"
PARAMETERS = {
    "td3_agent": {
        "batch_size": 8, "learning_starts": 16, "selections": 0, "episodes_per_map": 1000,
        "checkpoint_minutes": 0.01,
    },
    "supervisor": {"restarts": 1000},
}  # fmt: skip
KILLED = ("control", "perception", "td3_agent", "carla_bridge")
"""In this order, each while the training goes on."""
INTERFACES = Path(__file__).parents[1] / "docs" / "interfaces.md"
FRAMELESS = {
    topics.CLOCK.name, topics.DIAGNOSTICS.name, topics.HEARTBEAT.name, topics.STEERING_VALUES.name,
}  # fmt: skip


def executable(package: str, name: str) -> str:
    """What `ros2 run` would start."""
    return str(Path(get_package_prefix(package)) / "lib" / package / name)


class Processes:
    """Processes that write to files, and are gone at the end."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.by_name: dict[str, subprocess.Popen[bytes]] = {}
        self._commands: dict[str, list[str]] = {}

    def start(self, name: str, command: list[str]) -> subprocess.Popen[bytes]:
        self._commands[name] = command
        with (self.folder / f"{name}.log").open("ab") as log:
            self.by_name[name] = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        return self.by_name[name]

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text()

    def start_carla_lite(self) -> int:
        """Its port, once it is ready."""
        command = [executable("carla_lite", "carla-lite"), "--port", "0", "--map", MAP]
        server = subprocess.Popen(command, stdout=subprocess.PIPE)
        self.by_name["carla-lite"] = server
        assert server.stdout is not None
        ready = re.search(rb"ready port=(\d+)", server.stdout.readline())
        assert ready is not None, "carla-lite did not start; its message is above"
        return int(ready[1])

    def kill_and_respawn(self, name: str) -> None:
        """As launch does for a node that ends badly."""
        with self.by_name[name] as process:
            assert process.poll() is None, self.log(name)
            process.kill()
        self.start(name, self._commands[name])

    def interrupt(self, name: str) -> int:
        """The exit code after SIGINT."""
        self.by_name[name].send_signal(signal.SIGINT)
        return self.by_name[name].wait(timeout=60)

    def kill(self) -> None:
        for process in self.by_name.values():
            with process:  # closes its output and waits
                process.kill()


@pytest.fixture(scope="module")
def in_domain() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ROS_DOMAIN_ID", str(DOMAIN))
        for name, value in middleware_environment().items():
            patch.setenv(name, value)
        yield


def start_nodes(processes: Processes, plan: Plan) -> None:
    assert plan.supervisor is not None
    for node in (*plan.nodes, plan.supervisor):
        command = [executable("td3_driving", node.name), "--ros-args"]
        command += ["-r", f"__ns:={plan.namespace}"]
        for i, source in enumerate(node.parameters):
            if not isinstance(source, str):
                values, source = source, str(processes.folder / f"{node.name}-{i}.yaml")
                content = {"/**": {"ros__parameters": values}}
                Path(source).write_text(yaml.safe_dump(content))
            command += ["--params-file", source]
        processes.start(node.name, command)


class Witness(Node):
    """Hears every topic and sees who publishes it, in a process that is none of the nodes."""

    def __init__(self, context: Context) -> None:
        super().__init__("witness", context=context, namespace=topics.DEFAULT_NAMESPACE)
        self.heard: dict[str, list[Any]] = {topic.name: [] for topic in topics.TOPICS}
        self.seen: dict[str, dict[str, Any]] = {topic.name: {} for topic in topics.TOPICS}
        for topic in topics.TOPICS:
            topic.subscription(self, self.heard[topic.name].append)
        self.rests = 0
        self.create_subscription(
            TransitionEvent, "carla_bridge/transition_event", self.on_transition, 10
        )
        self.create_timer(0.2, self.look)

    def on_transition(self, event: TransitionEvent) -> None:
        """The bridge brakes when it is deactivated."""
        before, after = event.start_state.label, event.goal_state.label
        self.rests += (before, after) == ("deactivating", "inactive")

    def look(self) -> None:
        for name, by_node in self.seen.items():
            for end in self.get_publishers_info_by_topic(self.resolve_topic_name(name)):
                # The graph may know of a publisher a moment before its node.
                if not end.node_name.startswith("_NODE_NAME_UNKNOWN"):
                    by_node[end.node_name] = end


class Session(NamedTuple):
    """A training that is over: what was heard of it, and how its processes ended.

    Attributes:
        rests: How often the bridge had come to rest after each kill, until the training went on.
    """

    witness: Witness
    exit_codes: dict[str, int]
    left_in_simulator: list[str]
    run_dir: Path
    rests: list[int]


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory, in_domain: None) -> Iterator[Session]:
    folder = tmp_path_factory.mktemp("processes")
    processes = Processes(folder)
    context = Context()
    rclpy.init(context=context, domain_id=DOMAIN)
    witness = Witness(context)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(witness)
    try:
        port = processes.start_carla_lite()
        client = carla.Client("127.0.0.1", port)
        client.set_timeout(20.0)
        world = client.get_world()
        # Other cars in the way, so that there is something to hit.
        blueprint = world.get_blueprint_library().find("vehicle.tesla.model3")
        for place in world.get_map().get_spawn_points()[1::2]:
            assert world.try_spawn_actor(blueprint, place) is not None
        (folder / "tiny.yaml").write_text(yaml.safe_dump(
            {f"/**/{node}": {"ros__parameters": values} for node, values in PARAMETERS.items()}
        ))  # fmt: skip
        given = {"simulator": "carla", "port": str(port), "map": MAP, "steps": str(STEPS)}
        given |= {"run_dir": str(folder / "run"), "params_file": str(folder / "tiny.yaml")}
        plan = make_plan("train", {**defaults("train"), **given}, "now", launch="this one")
        start_nodes(processes, plan)

        def until(done: Callable[[], bool]) -> None:
            end = time.monotonic() + 150.0
            while not done():
                executor.spin_once(timeout_sec=0.1)
                assert time.monotonic() < end, processes.log("td3_agent")
                assert processes.by_name["supervisor"].poll() is None, processes.log("supervisor")

        rests: list[int] = []
        for name in KILLED:
            told = len(witness.heard["episode"])
            until(lambda: len(witness.heard["episode"]) > told + 10)  # noqa: B023
            if name == "td3_agent":  # so that it has saved what became of the others
                known = newest_number(folder / "run")
                until(lambda: newest_number(folder / "run") > known)  # noqa: B023
            processes.kill_and_respawn(name)
            if name != "carla_bridge":
                until(lambda: witness.rests > len(rests))
                rests.append(witness.rests)
        agent = processes.by_name["td3_agent"]
        until(lambda: agent.poll() is not None)
        codes = {"td3_agent": agent.wait()}
        for name in ("supervisor", "control", "perception", "carla_bridge"):
            codes[name] = processes.interrupt(name)
        end = time.monotonic() + 20.0  # what this client knows may be some ticks old
        while left := [a.type_id for a in world.get_actors() if is_ours(a)]:
            if time.monotonic() > end:
                break
            world.wait_for_tick(20.0)
        codes["carla-lite"] = processes.interrupt("carla-lite")
        yield Session(witness, codes, left, folder / "run", rests)
    finally:
        processes.kill()
        executor.shutdown()
        rclpy.shutdown(context=context)


def newest_number(run_dir: Path) -> int:
    """Of the newest checkpoint; 0 for none."""
    names = (path.name for path in (run_dir / "checkpoints").glob("checkpoint-*"))
    return max((int(name.removeprefix("checkpoint-")) for name in names), default=0)


def is_ours(actor: carla.Actor) -> bool:
    return actor.type_id.startswith("sensor") or actor.attributes.get("role_name") == "ego_vehicle"


def stated() -> dict[str, tuple[str, str]]:
    """Type and frame of every topic as docs/interfaces.md states them."""
    table = {}
    for line in INTERFACES.read_text().split("## Services")[0].splitlines():
        cells = [cell.strip() for cell in line.split("|")[1:-1]]
        if len(cells) == 5 and cells[0].startswith("`"):
            package, kind = cells[1].split(",")[0].split("/")
            frame = cells[2].split(",")[0].replace("&lt;role&gt;", "ego_vehicle")
            table[cells[0].strip("`")] = (f"{package}/msg/{kind}", frame)
    return table


@pytest.mark.timeout(400)  # with the session, on a machine that has much else to do
def test_a_training_whose_nodes_are_killed_runs_its_steps_and_all_end_with_exit_code_0(
    session: Session,
) -> None:
    assert session.exit_codes == dict.fromkeys(session.exit_codes, 0)
    assert len(session.exit_codes) == 6
    summary = json.loads((session.run_dir / "summary.json").read_text())
    assert summary["steps"] == STEPS
    assert summary["updates"] > 0
    assert session.left_in_simulator == []


def test_the_bridge_brakes_and_episodes_are_cut_off_when_a_node_is_killed(session: Session) -> None:
    assert len(session.rests) == 3
    ended = [line["ended_by"] for line in read_metrics(session.run_dir / "metrics.jsonl")]
    assert ended.count("fault") >= 3  # of control, perception and the bridge
    saved = checkpoint.newest(session.run_dir / "checkpoints")
    assert saved is not None and not saved.passed_over
    ledger, replay = saved.extra["ledger"], saved.state["replay"]
    assert ledger["dropped"]["fault"] >= 1
    dropped = sum(ledger["dropped"].values())
    assert ledger["produced"] == replay["transitions"] + dropped + replay["open"]


@pytest.mark.parametrize("topic", topics.TOPICS, ids=lambda topic: topic.name)
def test_every_topic_is_seen_in_another_process_as_stated(
    session: Session, topic: topics.Topic
) -> None:
    kind, frame = stated()[topic.name]
    messages = session.witness.heard[topic.name]
    assert messages
    assert {type(message) for message in messages} == {topic.type}
    if topic.name not in FRAMELESS:
        headed = messages[0].markers if topic.type is MarkerArray else messages
        assert {message.header.frame_id for message in headed} == {frame}
    for offered in session.witness.seen[topic.name].values():
        assert offered.topic_type == kind
        assert offered.qos_profile.reliability == topic.qos.reliability
        assert offered.qos_profile.durability == topic.qos.durability


def test_the_interface_page_has_every_topic_and_no_other() -> None:
    assert set(stated()) == {topic.name for topic in topics.TOPICS}


def test_each_topic_has_one_publisher_but_for_diagnostics_and_heartbeats(session: Session) -> None:
    for topic in topics.TOPICS:
        nodes = set(session.witness.seen[topic.name])
        if topic is topics.DIAGNOSTICS:
            assert nodes == {*NODES, "supervisor"}
        elif topic is topics.HEARTBEAT:
            assert nodes == set(NODES)
        else:
            assert len(nodes) == 1, topic.name


COUNT = """
import json, sys
import rclpy
from rclpy.qos import QoSProfile, ReliabilityPolicy
from td3_driving.nodes.running import initialise_ros
from td3_driving.ros import topics

initialise_ros()
node = rclpy.create_node("counter", namespace=topics.DEFAULT_NAMESPACE)
sizes, images, frames = set(), set(), []

def stamp(message):
    return message.header.stamp.sec, message.header.stamp.nanosec

def on_image(image):
    images.add(stamp(image))
    sizes.add((image.width, image.height, len(image.data)))

best_effort = QoSProfile(depth=60, reliability=ReliabilityPolicy.BEST_EFFORT)
node.create_subscription(topics.IMAGE.type, topics.IMAGE.name, on_image, best_effort)
topics.FRAME.subscription(node, lambda frame: frames.append(stamp(frame)) if images else None)
while len(frames) < 61:
    rclpy.spin_once(node, timeout_sec=0.2)
wanted = frames[1:]  # the first may be that of an image from before
print(json.dumps([len(wanted), len(images.intersection(wanted)), sorted(sizes)]))
"""


def test_no_image_of_800x600_is_lost_between_processes(tmp_path: Path, in_domain: None) -> None:
    processes = Processes(tmp_path)
    try:
        port = processes.start_carla_lite()
        counter = processes.start("counter", [sys.executable, "-c", COUNT])
        options = {"port": port, "mode": "fixed_rate", "camera_width": 800, "camera_height": 600}
        # Ten pictures a second: a busy machine's pause is no reason to lose one.
        options |= {"autostart": "true", "fixed_delta_s": 0.1}
        command = [executable("td3_driving", "carla_bridge"), "--ros-args"]
        for name, value in options.items():
            command += ["-p", f"{name}:={value}"]
        processes.start("carla_bridge", command)
        assert counter.wait(timeout=120) == 0, processes.log("counter")
        assert processes.interrupt("carla_bridge") == 0
    finally:
        processes.kill()
    wanted, received, sizes = json.loads(processes.log("counter").splitlines()[-1])
    assert (wanted, received) == (60, 60)
    assert sizes == [[800, 600, 800 * 600 * 4]]
