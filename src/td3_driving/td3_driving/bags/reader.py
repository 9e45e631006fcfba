"""Opens a bag and gives its messages. What it holds is not trusted."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from rosbags.interfaces import Connection
from rosbags.rosbag2 import Reader

from td3_driving.bags.channels import definition, typestore
from td3_driving.bags.errors import BagError
from td3_driving.bags.writer import ABOUT, full_name
from td3_driving.ros import topics

MOST_METADATA_BYTES = 4 << 20
MOST_MESSAGE_BYTES = 64 << 20
"""A picture of 4096x4096 in four channels."""


@dataclass(frozen=True)
class About:
    """What a bag says of its drive; empty or 0 where it does not."""

    task: str = ""
    policy: str = ""
    action_repeat: int = 0

    @classmethod
    def of(cls, text: str) -> About:
        """From the bag's text; nothing where that is not ours."""
        try:
            values = json.loads(text)
            task, policy = str(values["task"])[:200], str(values["policy"])[:1000]
            return cls(task, policy, int(values["action_repeat"]))
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
            return cls()


class BagMessage(NamedTuple):
    """A message of a topic of ours, and when it was received.

    The message has the fields of the topic's type, but is none of rclpy's: the library that reads
    the file decodes it in a third of the time, and leaves pictures where they lie.
    """

    topic: topics.Topic
    received_ns: int
    message: Any


class Bag:
    """A recorded drive, open for reading; a context manager.

    Args:
        path: The bag's folder, or its .mcap file.
        namespace: Of the vehicle; None where only one was recorded.

    Raises:
        BagError: there is no bag, it is damaged, not closed, empty, of another storage, or holds
            nothing or several of what a vehicle tells.
    """

    def __init__(self, path: Path | str, namespace: str | None = None) -> None:
        self.path = Path(path).expanduser()
        self._reader = self._open()
        try:
            with self._guarded():
                self._require_plain()
            self.namespace = self._vehicle(namespace)
            if self._reader.message_count == 0:
                raise BagError(f"{self.path} holds no message; did anything run while it recorded?")
            self._known = self._match()
        except BaseException:
            self.close()
            raise

    def _open(self) -> Reader:
        source = self._source()
        with self._guarded():
            reader = Reader(source)
            reader.open()
        return reader

    def _source(self) -> Path:
        """The folder if it says what it holds, else its only file."""
        path = self.path
        if not path.exists():
            raise BagError(f"there is no bag at {path}")
        if path.is_file():
            if path.suffix != ".mcap":
                raise BagError(f"{path} is no bag; give a bag's folder or an .mcap file")
            return path
        metadata, files = path / "metadata.yaml", sorted(path.glob("*.mcap"))
        root = path.resolve()
        for file in [metadata, *files]:
            if file.exists() and file.resolve().parent != root:
                raise BagError(f"{file} points out of the bag; a bag is whole in its folder")
        if metadata.is_file():
            if metadata.stat().st_size > MOST_METADATA_BYTES:
                raise BagError(f"{metadata} is larger than {MOST_METADATA_BYTES >> 20} MiB")
            return path
        if len(files) != 1:
            raise BagError(f"{path} holds neither metadata.yaml nor a single .mcap file: no bag")
        return files[0]

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        """Whatever the library meets in a file that is not what it should be is a BagError."""
        try:
            yield
        except BagError:
            raise
        except PermissionError as error:
            raise BagError(f"{self.path} may not be read: {error.strerror}") from error
        except Exception as error:
            why = str(error) or type(error).__name__
            hint = ""
            if "end magic" in why or "seems to be empty" in why:
                hint = "; its recorder was killed? `td3-driving replay --mend` saves what it holds"
            raise BagError(f"{self.path} is damaged, or no bag: {why.rstrip('.')}{hint}") from error

    def _require_plain(self) -> None:
        """Refuses what could swell, or lies outside of the file."""
        metadata = self._reader.storage.metadata
        storages = getattr(self._reader.storage, "storages", [self._reader.storage])
        for storage in storages:
            if not hasattr(storage, "chunks"):
                raise BagError(
                    f"{self.path} is not stored as MCAP; ros2 bag convert makes an MCAP of it"
                )
            size = storage.path.stat().st_size
            for chunk in storage.chunks:
                if chunk.compression:
                    raise BagError(f"{self.path} is compressed; ros2 bag convert can undo that")
                if not 0 <= chunk.uncompressed_size <= chunk.compressed_size <= size:
                    raise BagError(f"{self.path} is damaged: a chunk is larger than its file")
        if metadata.compression_mode:
            raise BagError(f"{self.path} is compressed; ros2 bag convert can undo that")

    def _vehicle(self, namespace: str | None) -> str:
        frame = definition(topics.FRAME.type).name
        ending = f"/{topics.FRAME.name}"
        found = sorted(
            connection.topic.removesuffix(ending)
            for connection in self._reader.connections
            if connection.topic.endswith(ending) and connection.msgtype == frame
        )
        if namespace is None:
            if len(found) != 1:
                told = "no vehicle" if not found else f"several vehicles ({', '.join(found)})"
                raise BagError(
                    f"{self.path} tells of {told}; it was recorded elsewhere, or say one"
                )
            return found[0]
        if namespace not in found:
            raise BagError(
                f"{self.path} tells nothing of {namespace}; of {', '.join(found) or '-'}"
            )
        return namespace

    def _match(self) -> dict[str, tuple[topics.Topic, list[Connection]]]:
        """The connections by topic of ours.

        Raises:
            BagError: one has another type, or another definition of it.
        """
        known: dict[str, tuple[topics.Topic, list[Connection]]] = {}
        by_name = {full_name(self.namespace, topic): topic for topic in topics.TOPICS}
        for connection in self._reader.connections:
            topic = by_name.get(connection.topic)
            if topic is None or not connection.msgcount:
                continue
            kind = definition(topic.type)
            if connection.msgtype != kind.name:
                raise BagError(
                    f"{self.path}: {connection.topic} is {connection.msgtype}, not {kind.name}"
                )
            if connection.digest not in ("", kind.rihs01):
                raise BagError(
                    f"{self.path} was recorded with another definition of {kind.name}; read it "
                    "with the version of td3_driving that recorded it"
                )
            known.setdefault(topic.name, (topic, []))[1].append(connection)
        return known

    @property
    def present(self) -> frozenset[str]:
        """Names, as ros/topics.py has them, of what it holds messages of."""
        return frozenset(self._known)

    @property
    def about(self) -> About:
        """What it says of its drive."""
        custom = self._reader.storage.metadata.custom or {}
        return About.of(str(custom.get(ABOUT, ""))) if isinstance(custom, dict) else About()

    def count(self, topic: topics.Topic) -> int:
        """Messages of a topic."""
        return sum(c.msgcount for c in self._known.get(topic.name, (topic, []))[1])

    def messages(self, wanted: Iterable[topics.Topic]) -> Iterator[BagMessage]:
        """The messages of these topics in the order in which they were received.

        Raises:
            BagError: the bag is damaged from here on.
        """
        chosen = [entry for topic in wanted if (entry := self._known.get(topic.name))]
        by_name = {c.topic: topic for topic, connections in chosen for c in connections}
        connections = [c for _, found in chosen for c in found]
        if not connections:
            return
        with self._guarded():
            for connection, received_ns, data in self._reader.messages(connections):
                topic = by_name[connection.topic]
                if len(data) > MOST_MESSAGE_BYTES:
                    raise BagError(f"{self.path}: a message of {topic.name} has {len(data)} bytes")
                try:
                    message = typestore().deserialize_cdr(data, connection.msgtype)
                except Exception as error:  # the library's own, and what it did not foresee
                    raise BagError(
                        f"{self.path} is damaged: a message of {topic.name} is no {topic.type}"
                    ) from error
                yield BagMessage(topic, received_ns, message)

    def close(self) -> None:
        """Lets go of the files. Idempotent."""
        if self._reader.is_open:
            self._reader.close()

    def __enter__(self) -> Bag:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
