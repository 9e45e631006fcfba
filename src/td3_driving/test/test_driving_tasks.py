"""Tasks as data: those that come with us mean what they say, and a bad one is refused by name."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from td3_driving.driving.episodes import map_name
from td3_driving.driving.tasks import (
    DrivingTask,
    TaskError,
    load_task,
    parse_task,
    task_names,
    task_values,
)
from td3_driving.driving.traffic import LeadCar, Traffic
from td3_driving.driving.waypoint_noise import WaypointNoiseConfig

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
FIELDS = st.sampled_from(list(DrivingTask.__slots__))


def test_four_tasks_come_with_us() -> None:
    assert task_names() == ["car_following", "lane_keeping", "route_following", "urban"]
    assert all(load_task(name).name == name for name in task_names())
    assert all(len(load_task(name).description) > 20 for name in task_names())


def test_lane_keeping_is_what_is_driven_where_nothing_is_said() -> None:
    task = load_task("lane_keeping")
    assert replace(task, description="") == DrivingTask()
    assert (task.kind, task.waypoints.mode, task.reward) == ("circuit", "none", "mul")
    assert (task.target_speed_mps, task.episode_s, task.action_repeat) == (8.0, 30.0, 2)
    assert task.traffic == Traffic()


def test_route_following_shows_waypoints_that_drift_as_a_gps_in_towns_and_on_circuits() -> None:
    task = load_task("route_following")
    assert (task.kind, task.waypoints.mode) == ("mixed", "noisy")
    assert task.waypoints.sigma_m == 1.2 and task.waypoints.tau_s == 10.0
    maps = {map_name(task.kind, seed).split("_")[0] for seed in range(4)}
    assert maps == {"LiteCircuit", "LiteTown"}


def test_the_car_ahead_is_in_the_reward_and_leaves_time_to_arrive() -> None:
    task = load_task("car_following")
    lead = task.traffic.lead
    assert lead == LeadCar(12.0, 25.0, 2.5, 5.0, 6.0)
    assert task.reward_parameters.gap_weight > 0.0
    slowest_s = task.evaluation.distance_m / lead.min_speed_mps
    assert slowest_s <= task.evaluation.duration_s


def test_urban_ends_at_red_lights_and_collisions_among_traffic() -> None:
    task = load_task("urban")
    assert {"red_light", "collision"} <= set(task.ends.ends)
    assert task.traffic.lights and task.traffic.vehicles and task.traffic.pedestrians
    # Nobody who stands right before the start is run over by it.
    assert task.starts.rest_share == 1.0


@pytest.mark.parametrize("name", task_names())
def test_a_task_survives_json(name: str) -> None:
    task = load_task(name)
    assert parse_task(json.loads(json.dumps(task_values(task), allow_nan=False))) == task


def test_a_task_of_ones_own_is_named_by_its_path(tmp_path: Path) -> None:
    file = tmp_path / "alone.yaml"
    file.write_text("name: alone\nmap: Town02\nwaypoints: {mode: full}\n")
    expected = DrivingTask("alone", map="Town02", waypoints=WaypointNoiseConfig("full"))
    assert load_task(str(file)) == expected


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("[1, 2]", r"own\.yaml must hold fields of DrivingTask"),
        ("nam: x", r"own\.yaml\.nam does not exist; did you mean name\?"),
        ("kind: motorway", "kind is 'motorway'; it must be one of circuit, town, mixed"),
        ("reward: money", "reward 'money' is unknown; there are add, default, kendall, mul"),
        ("reward_parameters: {target_speed_mps: .nan}", r"target_speed_mps must be finite"),
        ("reward_parameters: {target_speed_mps: -3}", r"target_speed_mps is -3\.0"),
        ("reward_parameters: {tempo: 3}", r"reward_parameters\.tempo does not exist"),
        ("ends: {ends: [boredom]}", "end 'boredom' is unknown; there are collision, red_light"),
        ("ends: {ends: collision}", r"ends\.ends must be a list"),
        ("ends: {time_limit_s: 9.0}", r"ends\.time_limit_s is set by the plan; set episode_s"),
        ("waypoints: {mode: blurred}", "waypoint mode 'blurred' is unknown"),
        ("traffic: {vehicles: 2.5}", r"traffic\.vehicles must be a whole number"),
        ("traffic: {vehicles: 1000}", r"Traffic\.vehicles is 1000"),
        ("traffic: {lead: {min_gap_m: 30.0}}", r"LeadCar\.max_gap_m is 25\.0, below min_gap_m"),
        ("traffic: {lead: true}", r"traffic\.lead must hold fields of LeadCar"),
        ("action_repeat: 0", r"action_repeat is 0"),
        ("episode_s: 0", r"episode_s is 0\.0"),
        ("name: ''", "name is empty"),
        ("starts: {rest_share: 2.0}", r"StartConfig\.rest_share is 2\.0"),
        ("a: b: c", "is not YAML"),
        ("!!python/object/apply:os.getcwd []", "is not YAML"),
    ],
)
def test_a_task_file_that_cannot_be_is_refused_by_name(
    tmp_path: Path, content: str, complaint: str
) -> None:
    file = tmp_path / "own.yaml"
    file.write_text(content)
    with pytest.raises(TaskError, match=complaint):
        load_task(str(file))


def test_an_unknown_task_is_refused_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(TaskError, match="'parking' is unknown; there are car_following, lane_keep"):
        load_task("parking")
    with pytest.raises(TaskError, match="can't be read: No such file"):
        load_task(str(tmp_path / "nowhere.yaml"))
    (tmp_path / "blob.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(TaskError, match="is not YAML"):
        load_task(str(tmp_path / "blob.yaml"))


@settings(deadline=None)
@given(st.dictionaries(FIELDS | st.text(max_size=5), JSON, max_size=4))
def test_no_content_does_anything_but_make_a_task_or_be_refused(content: dict[str, object]) -> None:
    try:
        task = parse_task(content)
    except TaskError as error:
        assert str(error)
    else:
        assert parse_task(yaml.safe_load(yaml.safe_dump(task_values(task)))) == task
