"""Writes a bag: rosbag2's MCAP with metadata of version 9, the same whatever ROS is installed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

from rosbags.rosbag2 import StoragePlugin, Writer

from td3_driving.bags.channels import definition, offered
from td3_driving.bags.errors import BagError
from td3_driving.ros import topics

ABOUT = "td3_driving"
"""Key of what a bag says of its drive."""


class BagWriter:
    """Writes serialized messages of the graph's topics. It belongs to one thread.

    Args:
        path: The bag's folder; it must not exist yet.
        namespace: Of the vehicle, such as /carla/ego_vehicle.
        about: What the drive was, as JSON; empty for nothing.
        recorded: The topics.

    Raises:
        BagError: the folder exists already.
        OSError: it can't be made.
    """

    def __init__(
        self,
        path: Path,
        namespace: str = topics.DEFAULT_NAMESPACE,
        about: str = "",
        recorded: Sequence[topics.Topic] = topics.TOPICS,
    ) -> None:
        if path.exists():
            raise BagError(f"{path} exists already; a recording wants a folder of its own")
        self.path = path
        self._writer = Writer(path, version=9, storage_plugin=StoragePlugin.MCAP)
        self._writer.open()
        if about:
            self._writer.set_custom_data(ABOUT, about)
        self._channels = {}
        for topic in recorded:
            kind = definition(topic.type)
            self._channels[topic.name] = self._writer.add_connection(
                full_name(namespace, topic), kind.name, msgdef=kind.text, rihs01=kind.rihs01,
                offered_qos_profiles=(offered(topic.qos),),
            )  # fmt: skip
        self._last_ns = 0

    def write(self, topic: str, received_ns: int, data: bytes) -> None:
        """Writes one message.

        Args:
            topic: Its name, as ros/topics.py has it.
            received_ns: Wall time; what comes later is written as later.
            data: The message as CDR.

        Raises:
            OSError: the disk is full, or gone.
        """
        self._last_ns = max(received_ns, self._last_ns + 1)
        self._writer.write(self._channels[topic], self._last_ns, data)

    @property
    def counts(self) -> Mapping[str, int]:
        """Messages written, by topic."""
        return {name: self._writer.counts[c.id] for name, c in self._channels.items()}

    def close(self) -> None:
        """Writes index and metadata: from now on the bag is whole. Idempotent.

        Raises:
            OSError: they can't be written.
        """
        if self._writer.storage is None:
            return
        if not any(self._writer.counts.values()):
            # What began at the end of time is no valid start.
            self._writer.min_timestamp = 0
        self._writer.close()

    def abort(self) -> None:
        """Lets go of the file as it is, without index and metadata. Idempotent."""
        self._writer.abort()

    def __enter__(self) -> BagWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def full_name(namespace: str, topic: topics.Topic) -> str:
    """The topic's name in the graph."""
    return topic.name if topic.name.startswith("/") else f"{namespace}/{topic.name}"
