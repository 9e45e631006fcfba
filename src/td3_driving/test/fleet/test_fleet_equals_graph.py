"""An episode in the fleet is the episode of the same plan through the CARLA client, bit for bit."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

from carla_lite.roads import make_map
from td3_driving.driving.action import to_command
from td3_driving.driving.camera import CameraConfig
from td3_driving.driving.episodes import EpisodePlan
from td3_driving.driving.gate import CommandGate, GateLimits
from td3_driving.driving.picture import FrameStack, grey_84
from td3_driving.driving.route import Route
from td3_driving.driving.tasks import load_task
from td3_driving.fleet.maps import planner_of
from td3_driving.fleet.worlds import FleetWorlds
from td3_driving.nodes.bridge_messages import odometry, stamp_ns
from td3_driving.ros.messages import from_odometry, header
from td3_driving.simulator import CarlaSession, Command, ResetRequest, SessionConfig

TICKS = 60
ROOT = Path(__file__).parents[4]


def plan_on(name, seed):
    return EpisodePlan(name, seed, 6.3, 0.41, -0.07, 30.0, None)


def actions():
    """Steer and acceleration of each tick: throttle, brake, and steering that is too fast."""
    random = np.random.default_rng(4)
    return np.clip(random.normal((0.0, 0.3), (0.35, 0.5), (TICKS, 2)), -1, 1).astype(np.float32)


def through_the_client(port, plan, task):
    """What perception and td3_agent get: stacks and ticks, and the route's points."""
    gate, stack = CommandGate(GateLimits()), FrameStack(4, task.action_repeat)
    with CarlaSession(SessionConfig(port=port, timeout_s=20.0)) as session:
        start = session.reset(
            ResetRequest(
                plan.seed, plan.map, start_speed_mps=plan.start_speed_mps,
                start_lateral_m=plan.start_lateral_m, start_heading_rad=plan.start_heading_rad,
                traffic=task.traffic,
            )
        )  # fmt: skip
        ticks = [start.tick]
        stacks = [stack.push(grey_84(start.tick.image, "bgra8"), first=True)]
        for steer, acceleration in actions().tolist():
            command, _ = gate.filter(to_command(steer, acceleration), 0.0, 0.05)
            tick = session.tick(Command(command.throttle, command.steer, command.brake))
            ticks.append(tick)
            stacks.append(stack.push(grey_84(tick.image, "bgra8"), first=False))
    return stacks, ticks, start.route


def assert_same_states(ours, theirs):
    """Whatever td3_agent reads of a tick, to single precision."""
    states = [from_odometry(odometry(tick, header(stamp_ns(tick), "map"), "")) for tick in theirs]
    assert [tick.step for tick in ours] == list(range(TICKS + 1))
    for tick, state, seen in zip(ours, states, theirs, strict=True):
        for field in ("x_m", "y_m", "yaw_rad", "speed_mps", "lateral_speed_mps", "yaw_rate_radps"):
            assert getattr(tick.state, field) == pytest.approx(
                getattr(state, field), rel=1e-6, abs=1e-6
            )
        assert tick.state.stamp_s == pytest.approx(state.stamp_s - states[0].stamp_s, abs=1e-6)
        assert tick.hits == tuple(hit.other_actor_type for hit in seen.collisions)
        # The client's route lies a little along or beside ours.
        assert (tick.gap_m is None) == (seen.gap_m is None)
        assert tick.gap_m is None or tick.gap_m == pytest.approx(seen.gap_m, abs=0.05)
        assert tick.light is seen.light
    # And it was no standing still that was compared.
    assert abs(states[-1].x_m - states[0].x_m) + abs(states[-1].y_m - states[0].y_m) > 5.0


def through_the_fleet(plan, task):
    with FleetWorlds(task, 1, threads=1) as worlds:
        first, route = worlds.reset(0, plan)
        return [first] + [worlds.step(action[None])[0] for action in actions()], route


@pytest.mark.parametrize(
    ("name", "seed", "task"),
    [
        ("LiteCircuit_1", 3, load_task("lane_keeping")),
        ("LiteTown_2", 8, replace(load_task("urban"), action_repeat=2)),
    ],
    ids=["alone", "in traffic"],
)
def test_pictures_are_equal_to_the_byte_and_states_to_single_precision(
    carla_server, name, seed, task
):
    plan = plan_on(name, seed)
    stacks, theirs, points = through_the_client(carla_server.port, plan, task)
    ours, route = through_the_fleet(plan, task)
    assert np.abs(route.points - Route(points).points).max() < 0.02
    assert_same_states(ours, theirs)
    for i in range(0, TICKS + 1, task.action_repeat):
        assert np.array_equal(ours[i].stack, stacks[i])
    assert not np.array_equal(ours[0].stack, ours[TICKS].stack)


def test_the_car_ahead_drives_alike(carla_server):
    """It follows the route, which the client finds to some centimetres only; so does it."""
    plan, task = plan_on("LiteCircuit_1", 3), load_task("car_following")
    stacks, theirs, _ = through_the_client(carla_server.port, plan, task)
    ours, _ = through_the_fleet(plan, task)
    assert_same_states(ours, theirs)
    assert ours[0].gap_m is not None
    assert ours[TICKS].gap_m != pytest.approx(ours[0].gap_m, abs=0.5)
    for i in range(0, TICKS + 1, task.action_repeat):
        differences = np.abs(ours[i].stack.astype(int) - stacks[i])
        assert differences.mean() < 0.1


@pytest.mark.parametrize("name", ["LiteCircuit_1", "LiteCircuit_6", "LiteTown_1", "LiteTown_4"])
def test_both_plan_the_same_routes(name):
    import carla

    from carla_lite.roads.opendrive import to_opendrive
    from td3_driving.simulator.routing import planner_of as planner_of_client

    network = make_map(name)
    spawns = network.spawn_points.astype(np.float32).tolist()
    client = planner_of_client(
        carla.Map(name, to_opendrive(network)),
        [
            carla.Transform(carla.Location(x, y, z), carla.Rotation(yaw=yaw))
            for x, y, z, yaw in spawns
        ],
    )
    fleet = planner_of(network)
    for seed in range(8):
        theirs, ours = client.plan(seed, -1, -1, 400.0), fleet.plan(seed, -1, -1, 400.0)
        assert ours.start == theirs.start
        assert np.abs(Route(ours.points).points - Route(theirs.points).points).max() < 0.05


def test_the_fleet_s_camera_is_the_bridge_s():
    bridge = yaml.safe_load((ROOT / "config" / "carla_bridge.yaml").read_text())
    values = bridge["/**/carla_bridge"]["ros__parameters"]
    camera = CameraConfig()
    for name in ("width", "height", "fov_deg", "x_m", "y_m", "z_m", "pitch_deg"):
        assert getattr(camera, name) == values[f"camera_{name}"]
    perception = yaml.safe_load((ROOT / "config" / "perception.yaml").read_text())
    stride = perception["/**/perception"]["ros__parameters"]["frame_stride"]
    assert stride == load_task("lane_keeping").action_repeat
