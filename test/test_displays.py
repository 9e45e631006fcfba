"""What rviz2 and Foxglove are told to show is what the graph offers: names, types, QoS, fields."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from nav_msgs.msg import Odometry, Path
from rclpy.qos import DurabilityPolicy, ReliabilityPolicy
from sensor_msgs.msg import Image
from visualization_msgs.msg import MarkerArray

from td3_driving.configuration import config_file
from td3_driving.launching.plan import RVIZ_TOPICS
from td3_driving.ros import markers, topics

BY_NAME = {
    t.name if t.name.startswith("/") else f"{topics.DEFAULT_NAMESPACE}/{t.name}": t
    for t in topics.TOPICS
}
WANTED = {
    "rgb_front/image", "observation/frames", "odometry", "route", "markers", "guard_markers",
}  # fmt: skip
"""What both show of the list in docs/see.md; Foxglove shows messages of ours besides."""
AGENTS = {
    markers.WAYPOINTS, markers.ACTION, markers.REWARD, markers.REWARD_TERMS, markers.Q,
    markers.Q_CHOSEN,
}  # fmt: skip
DISPLAYS = {"Image": Image, "Path": Path, "Odometry": Odometry, "MarkerArray": MarkerArray}

RVIZ = yaml.safe_load(config_file("td3_driving.rviz").read_text())["Visualization Manager"]
SHOWN = [display for display in RVIZ["Displays"] if "Topic" in display]
FOXGLOVE = json.loads(config_file("td3_driving.foxglove.json").read_text())
PANELS: dict[str, dict[str, Any]] = FOXGLOVE["configById"]


@pytest.mark.parametrize("display", SHOWN, ids=lambda display: display["Name"])
def test_each_display_of_rviz_fits_its_topic(display: dict[str, Any]) -> None:
    topic, asked = BY_NAME[display["Topic"]["Value"]], display["Topic"]
    assert topic.type is DISPLAYS[display["Class"].removeprefix("rviz_default_plugins/")]
    latched = topic.qos.durability == DurabilityPolicy.TRANSIENT_LOCAL
    assert asked["Durability Policy"] == ("Transient Local" if latched else "Volatile")
    assert asked["History Policy"] == "Keep Last" and 1 <= asked["Depth"] <= topic.qos.depth
    if asked["Reliability Policy"] != "Best Effort":
        assert topic.qos.reliability == ReliabilityPolicy.RELIABLE


def test_rviz_shows_all_that_there_is_to_see_and_renames_all_of_it() -> None:
    shown = {BY_NAME[display["Topic"]["Value"]].name for display in SHOWN}
    assert shown == WANTED == {topic.name for topic in RVIZ_TOPICS}
    namespaces = {name for display in SHOWN for name in display.get("Namespaces", {})}
    assert namespaces == AGENTS | {markers.GUARD}
    assert all(display["Enabled"] for display in RVIZ["Displays"])


def message_paths(value: Any) -> Iterator[str]:
    """Every text of the layout that names a topic."""
    if isinstance(value, dict):
        value = [*value, *value.values()]
    if isinstance(value, list):
        for each in value:
            yield from message_paths(each)
    elif isinstance(value, str) and value.startswith("/"):
        yield value


@pytest.mark.parametrize("path", sorted(set(message_paths(PANELS))))
def test_each_path_of_foxglove_is_a_topic_or_a_field_of_one(path: str) -> None:
    name, _, field = path.partition(".")
    kind = BY_NAME[name].type
    if field:
        assert field.removesuffix("[:]") in kind.get_fields_and_field_types()


def test_foxglove_shows_all_that_there_is_to_see_as_it_is() -> None:
    names = {BY_NAME[path.partition(".")[0]].name for path in message_paths(PANELS)}
    assert names >= WANTED | {"action", "episode", "steering_values", "guard_state", "/diagnostics"}
    drawn = PANELS["3D!world"]["topics"]
    for path, settings in drawn.items():
        assert BY_NAME[path].type in (Path, Odometry, MarkerArray) and settings["visible"]
    namespaces = {name for settings in drawn.values() for name in settings.get("namespaces", {})}
    assert namespaces == AGENTS | {markers.GUARD}
    for name, panel in PANELS.items():
        if name.startswith("Image!"):
            assert BY_NAME[panel["imageMode"]["imageTopic"]].type is Image


def test_every_panel_of_foxglove_has_its_place() -> None:
    def panels(node: Any) -> list[str]:
        if isinstance(node, str):
            return [node]
        assert node["direction"] in ("row", "column") and 0 < node["splitPercentage"] < 100
        return panels(node["first"]) + panels(node["second"])

    assert sorted(panels(FOXGLOVE["layout"])) == sorted(PANELS)
