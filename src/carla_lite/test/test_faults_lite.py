"""Scripted faults reach the real client as they were written, and are counted."""

from __future__ import annotations

import json
import math
import queue
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import carla
import pytest
from hypothesis import given
from hypothesis import strategies as st

from carla_lite.faults import FaultScriptError, read_script

FAULTY_AT = 12
LAST = 17
"""The tick that a drive ends with; the client's apply_settings asked for the first."""


@pytest.fixture
def script(tmp_path: Path) -> Any:
    """Writes a script of one fault; its path."""

    def write(**fault: Any) -> str:
        file = tmp_path / "faults.json"
        file.write_text(json.dumps({"seed": 1, "faults": [{"at_tick": FAULTY_AT, **fault}]}))
        return str(file)

    return write


@pytest.fixture
def drive(running_server: Any) -> Any:
    """Drives 16 ticks against a script: what was sensed in order, and each tick's vehicle."""

    def run(file: str, kind: str) -> tuple[list[Any], list[carla.ActorSnapshot], int]:
        with running_server("--map", "LiteCircuit_1", "--faults", file) as server:
            world = server.client().get_world()
            settings = world.get_settings()
            settings.synchronous_mode, settings.fixed_delta_seconds = True, 0.05
            world.apply_settings(settings)
            world.tick()
            blueprints = world.get_blueprint_library()
            place = world.get_map().get_spawn_points()[0]
            vehicle = world.spawn_actor(blueprints.find("vehicle.tesla.model3"), place)
            vehicle.apply_control(carla.VehicleControl(throttle=1.0))
            sensor = world.spawn_actor(blueprints.find(kind), carla.Transform(), vehicle)
            inbox: queue.Queue[Any] = queue.Queue()
            sensor.listen(inbox.put)
            states = []
            for _ in range(15):
                frame = world.tick()
                states.append(world.get_snapshot().find(vehicle.id))
            with server.raw() as raw:
                ((status, ((_, count),)),) = raw.call("lite_faults")
            sensed = []
            while not sensed or sensed[-1].frame < frame:
                sensed.append(inbox.get(timeout=20.0))
            sensor.stop()
            assert status == 1
            return sensed, states, count

    return run


def relative(sensed: list[Any]) -> list[int]:
    """Frames as ticks of the script, the newest being the last."""
    newest = max(reading.frame for reading in sensed)
    return [reading.frame - newest + LAST for reading in sensed]


def test_a_dropped_picture_never_comes(drive: Any, script: Any) -> None:
    sensed, _, count = drive(script(kind="drop", for_ticks=2), "sensor.camera.rgb")
    assert relative(sensed)[-5:] == [11, 14, 15, 16, 17] and count == 2


def test_a_frozen_camera_shows_the_first_picture_of_its_freeze(drive: Any, script: Any) -> None:
    sensed, _, count = drive(script(kind="freeze", for_ticks=3), "sensor.camera.rgb")
    pictures = {tick: bytes(s.raw_data) for tick, s in zip(relative(sensed), sensed, strict=True)}
    assert pictures[12] == pictures[13] == pictures[14] != pictures[11]
    assert pictures[15] != pictures[14] and count == 3


def test_messages_come_out_of_order_and_twice(drive: Any, script: Any) -> None:
    reordered, _, count = drive(script(kind="reorder"), "sensor.camera.rgb")
    assert relative(reordered)[-7:] == [11, 13, 12, 14, 15, 16, 17]
    assert count == 1
    doubled, _, count = drive(script(kind="duplicate"), "sensor.camera.rgb")
    assert relative(doubled)[-7:] == [12, 12, 13, 14, 15, 16, 17] and count == 1


def test_a_delayed_message_comes_after_those_of_later_ticks(drive: Any, script: Any) -> None:
    sensed, _, count = drive(
        script(kind="delay", sensor="gnss", delay_s=9.0, at_tick=LAST - 1), "sensor.other.gnss"
    )
    assert relative(sensed)[-3:] == [LAST - 3, LAST - 2, LAST] and count == 1


def test_an_imu_that_is_broken_says_not_a_number(drive: Any, script: Any) -> None:
    sensed, _, count = drive(script(kind="nan", sensor="imu"), "sensor.other.imu")
    at = dict(zip(relative(sensed), sensed, strict=True))
    assert math.isnan(at[12].accelerometer.x) and math.isnan(at[12].compass)
    assert math.isfinite(at[13].accelerometer.x) and count == 1


def test_a_state_without_numbers_is_the_vehicles_alone(drive: Any, script: Any) -> None:
    _, states, count = drive(script(kind="nan", sensor="state"), "sensor.other.gnss")
    nan = [math.isnan(state.get_transform().location.x) for state in states]
    assert nan == [tick == FAULTY_AT for tick in range(3, 18)] and count == 1


def test_odometry_jumps_sideways_once(drive: Any, script: Any) -> None:
    _, states, count = drive(script(kind="jump", jump_m=50.0), "sensor.other.gnss")
    ys = [state.get_transform().location.y for state in states]
    steps = [abs(b - a) for a, b in pairwise(ys)]
    assert max(steps) > 49.0 and steps.index(max(steps)) == FAULTY_AT - 4 and count == 1


def test_a_server_can_die_at_a_tick_refuse_to_spawn_and_lie(running_server: Any, script: Any):
    with running_server("--faults", script(kind="die", at_tick=1)) as server:
        client = server.client()
        world = client.get_world()
        settings = world.get_settings()
        settings.synchronous_mode, settings.fixed_delta_seconds = True, 0.05
        client.set_timeout(1.0)
        with pytest.raises(RuntimeError, match="time-out"):
            world.apply_settings(settings)
        assert server.process.wait(20.0) == -9
    with running_server("--faults", script(kind="version", says="0.9.15", at_tick=0)) as server:
        assert server.client().get_server_version() == "0.9.15"
        assert server.client().get_server_version() == "0.9.15"  # no tick has passed
    with running_server("--faults", script(kind="refuse_spawn", at_tick=0)) as server:
        world = server.client().get_world()
        blueprint = world.get_blueprint_library().find("vehicle.tesla.model3")
        assert world.try_spawn_actor(blueprint, world.get_map().get_spawn_points()[0]) is None


def test_without_a_script_nothing_of_it_is_there(server: Any) -> None:
    with server.raw() as raw:
        assert raw.call("lite_faults") == [[0, ["unsupported: lite_faults"]]]


@pytest.mark.parametrize(
    ("entry", "named"),
    [
        ({}, "kind"),
        ({"kind": "explode"}, "'explode'"),
        ({"kind": "drop", "sensor": "nose"}, "'nose'"),
        ({"kind": "drop", "delay_s": 1.0}, "delay_s"),
        ({"kind": "drop", "probability": 1.5}, "probability"),
        ({"kind": "drop", "probability": 0}, "never comes"),
        ({"kind": "drop", "at_tick": 1.5}, "whole"),
        ({"kind": "drop", "at_tick": 1, "at_s": 1.0}, "one of them"),
        ({"kind": "hang"}, "hang_s"),
        ({"kind": "hang", "hang_s": math.nan}, "hang_s"),
        ({"kind": "hang", "hang_s": "long"}, "number"),
        ({"kind": "nan", "sensor": "camera"}, "'camera'"),
        ({"kind": "version"}, "says"),
    ],
)
def test_a_fault_that_cannot_be_is_refused_by_its_number_and_field(
    tmp_path: Path, entry: dict[str, Any], named: str
) -> None:
    file = tmp_path / "faults.json"
    file.write_text(json.dumps({"faults": [{"kind": "die"}, entry]}))
    with pytest.raises(FaultScriptError, match="fault 2: ") as refusal:
        read_script(file)
    assert named in str(refusal.value)


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_no_file_does_more_than_be_refused(tmp_path_factory: Any, content: bytes) -> None:
    file = tmp_path_factory.mktemp("script") / "faults.yaml"
    file.write_bytes(content)
    with pytest.raises(FaultScriptError):
        read_script(file)


def test_the_command_refuses_a_script_before_it_serves(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "carla_lite.cli", "--port", "0", "--faults"]
    said = subprocess.run(
        [*command, str(tmp_path / "none.yaml")], capture_output=True, text=True, check=False
    )
    assert said.returncode == 2 and "none.yaml" in said.stderr
