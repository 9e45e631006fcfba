"""What a bag holds: each topic with its type's definition and hash, and its quality of service."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from ament_index_python.packages import get_package_share_directory
from rclpy.qos import QoSProfile
from rosbags.interfaces import (
    Qos,
    QosDurability,
    QosHistory,
    QosLiveliness,
    QosReliability,
    QosTime,
)
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore

OURS = "td3_driving_msgs"
_FOREVER = QosTime(9223372036, 854775807)
"""How rosbag2 writes a deadline, lifespan or lease that there is not."""


@dataclass(frozen=True)
class Definition:
    """A message type as a bag describes it.

    Attributes:
        name: Such as sensor_msgs/msg/Image.
        text: Its definition and those of all types in it, as MCAP's ros2msg has them.
        rihs01: The hash of its description, as its generator computed it.
    """

    name: str
    text: str
    rihs01: str


def type_name(kind: type) -> str:
    """The ROS name of a message class."""
    package, folder, _ = kind.__module__.split(".")
    return f"{package}/{folder}/{kind.__name__}"


@lru_cache(maxsize=64)
def definition(kind: type) -> Definition:
    """The definition of a message class.

    Raises:
        LookupError: its package is not installed, or was generated without descriptions.
    """
    name = type_name(kind)
    package, folder, base = name.split("/")
    file = Path(get_package_share_directory(package), folder, f"{base}.json")
    try:
        hashes = {
            entry["type_name"]: entry["hash_string"]
            for entry in json.loads(file.read_text())["type_hashes"]
        }
    except FileNotFoundError:
        raise LookupError(f"{file} is missing; build {package} with ROS 2 Jazzy") from None
    text, _ = typestore().generate_msgdef(name, ros_version=2)
    return Definition(name, text, hashes[name])


@lru_cache(maxsize=1)
def typestore() -> Typestore:
    """Jazzy's messages and ours, ours from the texts that they were generated from."""
    store = get_typestore(Stores.ROS2_JAZZY)
    types: dict[str, Any] = {}
    for file in sorted(Path(get_package_share_directory(OURS), "msg").glob("*.msg")):
        types |= get_types_from_msg(file.read_text(), f"{OURS}/msg/{file.stem}")
    store.register(types)
    return store


def offered(qos: QoSProfile) -> Qos:
    """A publisher's quality of service as a bag's metadata has it."""
    return Qos(
        QosHistory[qos.history.name], qos.depth, QosReliability[qos.reliability.name],
        QosDurability[qos.durability.name], _FOREVER, _FOREVER, QosLiveliness.AUTOMATIC, _FOREVER,
        False,
    )  # fmt: skip
