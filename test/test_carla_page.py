"""docs/carla.md names topics and parameters that there are."""

import dataclasses
import re
from pathlib import Path

from td3_driving.nodes.bridge_carla_msgs import APPLIED, STATUS
from td3_driving.nodes.bridge_parameters import BridgeParameters
from td3_driving.ros import topics

PAGE = (Path(__file__).resolve().parents[1] / "docs/carla.md").read_text()
TOLD = {topic.name: topic.type.__name__ for topic in topics.TOPICS}


def rows(heading: str) -> list[list[str]]:
    """Cells of the table under a heading, without its head."""
    section = PAGE.split(f"## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def quoted(text: str) -> list[str]:
    return re.findall(r"`([^`]+)`", text)


def test_topics_that_are_called_the_same_have_that_name_and_type() -> None:
    same = [row for row in rows("Beside carla ros-bridge") if row[2] == "the same"]
    names = [(name, row[1]) for row in same for name in quoted(row[0])]
    assert len(names) >= 6
    for name, kind in names:
        assert TOLD[name] in kind, name


def test_topics_of_ours_beside_others_exist() -> None:
    named = {name for row in rows("Beside carla ros-bridge") for name in quoted(row[2])}
    ours = {name for name in named if not name.startswith("<")}
    services = {service.name for service in topics.SERVICES}
    known = TOLD.keys() | services | {"weather"}
    assert {"route", "reset"} <= ours <= known
    assert STATUS in PAGE and f"`{APPLIED}`" in PAGE


def test_what_the_bridge_does_is_named_as_its_parameters_are() -> None:
    parameters = {field.name for field in dataclasses.fields(BridgeParameters)}
    named = {
        name
        for row in rows("What the bridge does with a server")
        for name in quoted(row[1])
        if re.fullmatch(r"[a-z_]+", name)
    }
    assert {"weather", "spectator_follows", "camera_width", "vehicle"} <= named
    assert named - {"get_traffic_light_state"} <= parameters
