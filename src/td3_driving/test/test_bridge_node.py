"""The bridge over real DDS, real client and real server: topics, lock-step, fixed rate, resets."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import rclpy
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter

from td3_driving.nodes.carla_bridge import CarlaBridge
from td3_driving.parameters import ParameterError
from td3_driving.ros import topics
from td3_driving.ros.messages import from_image, from_odometry, from_route, to_ns
from td3_driving_msgs.msg import LeadCar, Traffic, VehicleControl
from td3_driving_msgs.srv import ResetEpisode

TAKEN = (
    topics.CLOCK, topics.FRAME, topics.IMAGE, topics.CAMERA_INFO, topics.ODOMETRY, topics.ROUTE,
    topics.COLLISION, topics.LANE_INVASION, topics.IMU, topics.GNSS, topics.DIAGNOSTICS,
)  # fmt: skip


class Graph:
    """A bridge and a client of it, spun together."""

    def __init__(self, port: int, domain: int, **parameters: Any) -> None:
        self.context = Context()
        rclpy.init(context=self.context, domain_id=domain)
        overrides = [
            Parameter(name, value=value) for name, value in {"port": port, **parameters}.items()
        ]
        self.executor = SingleThreadedExecutor(context=self.context)
        self.bridge = CarlaBridge(context=self.context, parameter_overrides=overrides)
        self.client = Node(
            "client", context=self.context, namespace=topics.namespace_of(topics.DEFAULT_ROLE)
        )
        self.heard: dict[str, list[Any]] = {topic.name: [] for topic in TAKEN}
        for topic in TAKEN:
            topic.subscription(self.client, self.heard[topic.name].append)
        self._command = topics.VEHICLE_CONTROL.publisher(self.client)
        self._reset = self.client.create_client(ResetEpisode, topics.RESET.name)
        self.executor.add_node(self.bridge)
        self.executor.add_node(self.client)
        self.bridge.bring_up()

    def until(self, done: Callable[[], bool], timeout_s: float = 60.0) -> None:
        end = time.monotonic() + timeout_s
        while not done():
            assert time.monotonic() < end, f"still waiting; heard {self.counts()}"
            self.executor.spin_once(timeout_sec=0.05)

    def counts(self) -> dict[str, int]:
        return {name: len(heard) for name, heard in self.heard.items()}

    def ready(self) -> None:
        self.until(lambda: self.health()[0] == b"\x00" and self._reset.service_is_ready())

    def health(self) -> tuple[bytes, str, dict[str, str]]:
        arrays = self.heard["/diagnostics"]
        if not arrays:
            return b"\x03", "", {}
        status = arrays[-1].status[0]
        return status.level, status.message, {pair.key: pair.value for pair in status.values}

    def reset(self, **request: Any) -> ResetEpisode.Response:
        future = self._reset.call_async(
            ResetEpisode.Request(**{"route_start": -1, "route_goal": -1, **request})
        )
        self.until(future.done)
        return future.result()

    def start(self, **request: Any) -> Any:
        """Reset and return the first frame of the episode."""
        response = self.reset(**request)
        assert response.success, response.message
        self.until(
            lambda: self.newest("frame") and self.newest("frame").header.stamp == response.stamp
        )
        return self.newest("frame")

    def newest(self, topic: str) -> Any:
        return self.heard[topic][-1] if self.heard[topic] else None

    def command(self, stamp: Any, **fields: Any) -> None:
        message = VehicleControl(**fields)
        message.header.stamp = stamp
        self._command.publish(message)

    def step(self, **fields: Any) -> Any:
        """Answer the newest frame and return the one it leads to."""
        count = len(self.heard["frame"])
        self.command(self.newest("frame").header.stamp, **fields)
        self.until(lambda: len(self.heard["frame"]) > count)
        return self.newest("frame")

    def close(self) -> None:
        for node in (self.bridge, self.client):
            self.executor.remove_node(node)
            node.destroy_node()
        self.executor.shutdown()
        rclpy.shutdown(context=self.context)


@pytest.fixture
def graph(carla_server) -> Iterator[Graph]:
    lock_step = Graph(carla_server.port, domain=61, map="LiteCircuit_1")
    lock_step.ready()
    yield lock_step
    lock_step.close()


@pytest.fixture
def make_graph() -> Iterator[Callable[..., Graph]]:
    graphs: list[Graph] = []

    def make(*arguments: Any, **options: Any) -> Graph:
        graphs.append(Graph(*arguments, **options))
        return graphs[-1]

    yield make
    for made in graphs:
        made.close()


def test_everything_of_a_step_carries_its_stamp(graph: Graph) -> None:
    frames = [graph.start(seed=1)]
    frames += [graph.step(throttle=0.5) for _ in range(5)]
    per_tick = ("rgb_front/image", "rgb_front/camera_info", "odometry", "imu", "gnss")
    graph.until(lambda: all(len(graph.heard[name]) == 6 for name in per_tick))
    stamps = [to_ns(frame.header.stamp) for frame in frames]
    assert np.diff(stamps).tolist() == [50_000_000] * 5
    assert [to_ns(message.clock) for message in graph.heard["/clock"]] == stamps
    for name in per_tick:
        assert [to_ns(message.header.stamp) for message in graph.heard[name]] == stamps
    assert [(frame.episode, frame.step) for frame in frames] == [(1, step) for step in range(6)]


def test_frames_are_named_after_rep_105(graph: Graph) -> None:
    graph.start()
    for name, frame_id in {
        "frame": "map",
        "odometry": "map",
        "route": "map",
        "rgb_front/image": "ego_vehicle/rgb_front",
        "rgb_front/camera_info": "ego_vehicle/rgb_front",
        "imu": "ego_vehicle/base_link",
        "gnss": "ego_vehicle/base_link",
    }.items():
        graph.until(lambda name=name: bool(graph.heard[name]))
        assert graph.newest(name).header.frame_id == frame_id
    assert graph.newest("odometry").child_frame_id == "ego_vehicle/base_link"


def test_picture_and_camera_info_agree(graph: Graph) -> None:
    graph.start()
    graph.until(
        lambda: bool(graph.heard["rgb_front/camera_info"] and graph.heard["rgb_front/image"])
    )
    info, image = graph.newest("rgb_front/camera_info"), graph.newest("rgb_front/image")
    assert from_image(image).shape == (info.height, info.width, 4) == (120, 160, 4)
    assert image.encoding == "bgra8"
    assert info.distortion_model == "plumb_bob"
    assert info.k.tolist() == pytest.approx([80, 0, 80, 0, 80, 60, 0, 0, 1])


def test_the_twist_is_in_the_body_frame_and_right_is_negative(graph: Graph) -> None:
    graph.start(seed=2, start_speed_mps=4.0)
    for _ in range(10):
        graph.step(throttle=0.4, steer=0.2)
    graph.until(lambda: len(graph.heard["odometry"]) == 11)
    state = from_odometry(graph.newest("odometry"))
    assert state.speed_mps > 3.5
    assert abs(state.lateral_speed_mps) < 0.5 * state.speed_mps
    assert state.yaw_rate_radps < -0.05


def test_the_route_starts_at_the_vehicle_and_is_kept_for_late_joiners(graph: Graph) -> None:
    frame = graph.start(seed=3)
    late = Node("late", context=graph.context, namespace=graph.client.get_namespace())
    heard: list[Any] = []
    topics.ROUTE.subscription(late, heard.append)
    graph.executor.add_node(late)
    graph.until(lambda: bool(heard and graph.heard["odometry"]))
    late.destroy_node()
    route, state = from_route(heard[0]), from_odometry(graph.newest("odometry"))
    assert heard[0].header.stamp == frame.header.stamp
    first = heard[0].poses[0].pose.position
    assert math.hypot(first.x - state.x_m, first.y - state.y_m) < 0.5
    assert route.length_m == pytest.approx(400.0, abs=2.0)


def test_a_tick_waits_for_the_command_of_the_newest_frame_and_takes_no_other(
    graph: Graph,
) -> None:
    first = graph.start(seed=1)
    second = graph.step(throttle=0.5)
    newer = type(second.header.stamp)(sec=second.header.stamp.sec + 100)
    for stamp in (first.header.stamp, newer, first.header.stamp):
        graph.command(stamp, throttle=1.0)
    third = graph.step(throttle=0.5)
    assert (third.episode, third.step) == (1, 2)
    graph.until(lambda: graph.health()[2].get("commands_newer") == "1")
    figures = Counter({k: int(v) for k, v in graph.health()[2].items() if "commands_" in k})
    assert figures["commands_newer"] == 1
    assert figures["commands_older"] + figures["commands_duplicate"] == 2
    assert len(graph.heard["frame"]) == 3


def test_a_command_of_the_last_episode_does_not_tick_the_next(graph: Graph) -> None:
    graph.start(seed=1)
    old = graph.step(throttle=0.5)
    new = graph.start(seed=2)
    assert (new.episode, new.step) == (2, 0)
    graph.command(old.header.stamp, throttle=1.0)
    frame = graph.step()
    assert (frame.episode, frame.step) == (2, 1)


def test_a_command_that_is_no_number_brakes_instead(graph: Graph) -> None:
    graph.start(seed=1, start_speed_mps=8.0)
    for _ in range(10):
        graph.step(throttle=math.nan)
    graph.until(lambda: len(graph.heard["odometry"]) == 11)
    assert from_odometry(graph.newest("odometry")).speed_mps < 6.0
    graph.until(lambda: graph.health()[2].get("commands_refused") == "10")


def test_events_are_published_with_the_frame_that_counts_them(graph: Graph) -> None:
    graph.start(seed=1, start_speed_mps=6.0, start_heading_rad=0.5)
    frames = [graph.step(throttle=0.5) for _ in range(20)]
    counted = {to_ns(f.header.stamp): f.lane_invasions for f in frames if f.lane_invasions}
    graph.until(lambda: len(graph.heard["lane_invasion"]) == sum(counted.values()))
    heard = Counter(to_ns(event.header.stamp) for event in graph.heard["lane_invasion"])
    assert heard == counted
    assert counted


@pytest.mark.parametrize(
    ("request_fields", "why"),
    [
        ({"map": "Atlantis"}, "Atlantis"),
        ({"route_start": 100_000}, "route_start"),
        ({"start_speed_mps": math.nan}, "start_speed_mps"),
        ({"start_lateral_m": math.inf}, "start_lateral_m"),
        ({"traffic": Traffic(vehicles=9999)}, "Traffic.vehicles is 9999"),
        ({"traffic": Traffic(lead=[LeadCar()])}, "LeadCar.min_gap_m is 0.0"),
    ],
)
def test_a_reset_that_cannot_be_says_why_and_the_next_one_works(
    graph: Graph, request_fields: dict[str, Any], why: str
) -> None:
    response = graph.reset(**request_fields)
    assert not response.success
    assert why in response.message
    assert graph.start(seed=1).episode == 1


def test_the_car_ahead_comes_with_the_reset_and_goes_with_the_next(graph: Graph) -> None:
    lead = LeadCar(
        min_gap_m=12.0, max_gap_m=25.0, min_speed_mps=2.5, max_speed_mps=5.0, change_s=6.0
    )
    first = graph.start(seed=1, traffic=Traffic(lead=[lead]))
    assert 11.5 < first.gap_m < 25.5
    gaps = [graph.step(brake=1.0).gap_m for _ in range(60)]
    assert gaps[-1] > first.gap_m + 3.0  # we stand, it drives on
    assert graph.start(seed=1).gap_m == -1.0


def test_a_reset_that_fails_ends_the_episode(graph: Graph) -> None:
    frame = graph.start(seed=1)
    assert not graph.reset(map="Atlantis").success
    graph.command(frame.header.stamp, throttle=1.0)
    graph.until(lambda: graph.health()[2].get("commands_no_episode") == "1")
    assert len(graph.heard["frame"]) == 1


def test_at_a_fixed_rate_silence_brakes_and_a_frozen_command_is_silence(
    carla_server, make_graph
) -> None:
    graph = make_graph(carla_server.port, domain=62, mode="fixed_rate", map="LiteCircuit_1")
    graph.ready()
    frame = graph.start(seed=1, start_speed_mps=5.0)

    # The same command again and again is not a fresh one.
    def keep_on() -> bool:
        graph.command(frame.header.stamp, throttle=1.0)
        odometry = graph.newest("odometry")
        return odometry is not None and odometry.twist.twist.linear.x < 0.2

    graph.until(keep_on)
    assert graph.newest("frame").episode == 1
    graph.until(lambda: "braking" in graph.health()[1])

    def drive() -> bool:
        graph.command(graph.newest("frame").header.stamp, throttle=1.0)
        return graph.newest("odometry").twist.twist.linear.x > 1.0

    graph.until(drive)


def test_a_lost_simulator_is_reported_and_the_next_one_is_driven(
    start_server, make_graph, impatient
) -> None:
    server = start_server()
    graph = make_graph(server.port, domain=63, timeout_s=20.0, retry_min_s=0.1, retry_max_s=0.2)
    graph.ready()
    before = graph.start(seed=1, map="LiteTown_1")
    server.kill()
    with impatient(graph.bridge._session):
        graph.command(before.header.stamp, throttle=1.0)
        graph.until(lambda: graph.health()[0] == b"\x02")
        assert "carla-lite" in graph.health()[1]
        assert not graph.reset().success

    start_server(port=server.port)
    graph.until(lambda: graph.health()[0] == b"\x00")
    assert graph.health()[2]["connections_lost"] == "1"
    graph.command(before.header.stamp, throttle=1.0)
    after = graph.start(seed=1)
    assert after.episode == 2
    graph.until(lambda: graph.health()[2]["map"] == "LiteTown_1")  # though it came back elsewhere
    assert to_ns(after.header.stamp) > to_ns(before.header.stamp)
    assert graph.step(throttle=0.5).step == 1


def test_after_a_lost_simulator_frames_belong_to_no_episode_until_the_next_reset(
    start_server, make_graph, impatient
) -> None:
    server = start_server()
    graph = make_graph(
        server.port, domain=63, mode="fixed_rate", timeout_s=20.0, retry_min_s=0.1, retry_max_s=0.2
    )
    graph.ready()
    assert graph.start(seed=1).episode == 1
    server.kill()
    with impatient(graph.bridge._session):
        graph.until(lambda: graph.health()[0] == b"\x02")
    heard = len(graph.heard["frame"])
    start_server(port=server.port)
    graph.until(lambda: len(graph.heard["frame"]) > heard + 2)
    assert {frame.episode for frame in graph.heard["frame"][heard:]} == {0}
    assert graph.start(seed=1).episode == 2


def test_a_bridge_without_a_server_stays_up_and_says_what_to_start(make_graph) -> None:
    graph = make_graph(1, domain=64, timeout_s=0.1)
    graph.until(lambda: graph.health()[0] == b"\x02")
    graph.until(lambda: "carla-lite" in graph.health()[1])
    assert "carla-lite" in graph.reset().message


def test_a_server_of_another_version_is_refused_with_the_instruction(
    old_server: int, make_graph
) -> None:
    graph = make_graph(old_server, domain=67)
    graph.until(lambda: "pip install carla==0.9.15" in graph.health()[1])
    assert graph.health()[0] == b"\x02"


@pytest.mark.parametrize(
    "parameters",
    [{"fixed_delta_s": 0.5}, {"camera_widht": 160}, {"mode": "free"}, {"port": "2000"}],
)
def test_a_parameter_that_cannot_be_is_refused(parameters: dict[str, Any]) -> None:
    context = Context()
    rclpy.init(context=context, domain_id=65)
    try:
        bridge = CarlaBridge(
            context=context,
            parameter_overrides=[Parameter(k, value=v) for k, v in parameters.items()],
        )
        with pytest.raises(ParameterError, match=next(iter(parameters))):
            bridge.bring_up()
        bridge.destroy_node()
    finally:
        rclpy.shutdown(context=context)


def test_a_second_publisher_of_commands_in_another_process_is_told_once_and_by_name(graph) -> None:
    graph.ready()
    context = Context()  # a DDS participant of its own, as another process has
    rclpy.init(context=context, domain_id=graph.context.get_domain_id())
    rival = Node("rival", context=context, namespace=topics.DEFAULT_NAMESPACE)
    topics.VEHICLE_CONTROL.publisher(rival)

    def told() -> list[Any]:
        return [s for s in graph.newest("/diagnostics").status if "publishers" in s.message]

    try:
        graph.until(lambda: any("/carla/ego_vehicle/rival" in status.message for status in told()))
        (status,) = told()
    finally:
        rival.destroy_node()
        rclpy.shutdown(context=context)
    assert status.level == b"\x02" and status.name == "/carla/ego_vehicle/carla_bridge: topics"
    graph.until(lambda: not told())
