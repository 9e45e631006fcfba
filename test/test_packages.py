"""What package.xml declares is what the code imports: rosdep then brings all that it can bring."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("td3_driving", "carla_lite")

KEYS = {
    "cv2": "python3-opencv",
    "jinja2": "python3-jinja2",
    "markupsafe": "python3-jinja2",  # which depends on it
    "matplotlib": "python3-matplotlib",
    "msgpack": "python3-msgpack",
    "networkx": "python3-networkx",
    "numpy": "python3-numpy",
    "rich": "python3-rich",
    "yaml": "python3-yaml",
}
"""rosdep's keys of modules that are named otherwise; a ROS package's key is its name."""

FROM_PIP = {
    "carla", "gymnasium", "hypothesis", "rosbags", "safetensors", "stable_baselines3",
    "tensorboard",
}  # fmt: skip
"""rosdep has no key for these, or not this version: requirements/ pins them. torch: setup.sh."""

IF_THERE = {"carla_msgs"}
"""Used where someone has built them."""


def imported(package: str) -> Iterator[str]:
    """Top-level modules that the package imports, wherever it does."""
    for file in (ROOT / "src" / package / package).rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                yield from (name.name.split(".")[0] for name in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                yield node.module.split(".")[0]


def declared(package: str) -> set[str]:
    """Keys that the package needs to run."""
    manifest = ElementTree.parse(ROOT / "src" / package / "package.xml")
    return {
        str(element.text)
        for kind in ("depend", "exec_depend")
        for element in manifest.getroot().iter(kind)
    }


def pinned() -> set[str]:
    lines = "\n".join(
        (ROOT / "requirements" / f"{name}.txt").read_text() for name in ("run", "dev")
    )
    names = re.findall(r"^([\w.-]+)(?:\[\w+\])?==", lines, re.MULTILINE)
    return {name.lower().replace("-", "_") for name in names}


@pytest.mark.parametrize("package", PACKAGES)
def test_package_xml_declares_what_is_imported_and_nothing_else(package: str) -> None:
    modules = set(imported(package)) - sys.stdlib_module_names - {package}
    keys = {KEYS.get(module, module) for module in modules - FROM_PIP - IF_THERE - {"torch"}}
    assert declared(package) == keys


def test_what_rosdep_cannot_bring_is_pinned_for_pip() -> None:
    assert pinned() >= FROM_PIP
    assert "torch" in (ROOT / "scripts" / "setup.sh").read_text()


@pytest.mark.parametrize("package", PACKAGES)
def test_what_rosdep_cannot_bring_is_told_where_it_is_looked_for(package: str) -> None:
    text = (ROOT / "src" / package / "package.xml").read_text()
    needed = set(imported(package)) & (FROM_PIP | {"torch"})
    assert {name for name in needed if name not in text} == set()
