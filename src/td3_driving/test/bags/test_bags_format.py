"""What is written is a bag to others: read by Foxglove's mcap, and as ROS describes it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from ament_index_python.packages import get_package_share_directory
from hypothesis import given
from hypothesis import strategies as st
from mcap.reader import make_reader
from mcap_ros2.decoder import DecoderFactory
from rclpy.serialization import deserialize_message, serialize_message
from rosbags.rosbag2 import Reader

from td3_driving.bags.cache import BoundedCache, Received
from td3_driving.bags.channels import definition, type_name
from td3_driving.bags.errors import BagError
from td3_driving.bags.parameters import RecorderParameters
from td3_driving.bags.reader import About, Bag
from td3_driving.bags.writer import BagWriter, full_name
from td3_driving.ros import topics


def decoded(bag: Path) -> list[tuple[str, object]]:
    """(topic, message) of everything, by a reader that shares no code with the writer."""
    with (bag / f"{bag.name}.mcap").open("rb") as stream:
        reader = make_reader(stream, decoder_factories=[DecoderFactory()])
        return [(item.channel.topic, item.decoded_message) for item in
                reader.iter_decoded_messages()]  # fmt: skip


def test_another_reader_decodes_every_message_of_a_drive(make_bag: Callable[..., Path]) -> None:
    messages = decoded(make_bag(episodes=2, steps=6))
    names = Counter(name.removeprefix(topics.DEFAULT_NAMESPACE + "/") for name, _ in messages)
    assert names == {
        "frame": 14, "rgb_front/image": 14, "odometry": 14, "observation/image": 14, "route": 2,
        "episode": 12, "action": 12,
    }  # fmt: skip
    frames = [m for name, m in messages if name.endswith("/frame")]
    assert [(f.episode, f.step) for f in frames] == [(e, s) for e in (1, 2) for s in range(7)]
    image = next(m for name, m in messages if name.endswith("rgb_front/image"))
    pixels = np.random.default_rng([1, 0]).integers(0, 256, (24, 32, 4), dtype=np.uint8)
    assert bytes(image.data) == pixels.tobytes()
    assert {f.seed for f in frames} == {1001, 1002}


def test_another_reader_decodes_a_message_of_every_topic(tmp_path: Path) -> None:
    path = tmp_path / "all"
    with BagWriter(path) as writer:
        for i, topic in enumerate(topics.TOPICS):
            writer.write(topic.name, i, serialize_message(topic.type()))
    assert [name for name, _ in decoded(path)] == [
        full_name(topics.DEFAULT_NAMESPACE, topic) for topic in topics.TOPICS
    ]


def test_the_metadata_is_of_version_9_and_says_what_the_publishers_offer(
    make_bag: Callable[..., Path],
) -> None:
    path = make_bag(episodes=1, steps=4)
    content = yaml.safe_load((path / "metadata.yaml").read_text())["rosbag2_bagfile_information"]
    assert (content["version"], content["storage_identifier"]) == (9, "mcap")
    assert content["relative_file_paths"] == ["bag.mcap"]
    entries = {
        entry["topic_metadata"]["name"]: entry for entry in content["topics_with_message_count"]
    }
    assert set(entries) == {full_name(topics.DEFAULT_NAMESPACE, topic) for topic in topics.TOPICS}
    assert content["message_count"] == sum(e["message_count"] for e in entries.values()) == 29
    for topic in topics.TOPICS:
        said = entries[full_name(topics.DEFAULT_NAMESPACE, topic)]["topic_metadata"]
        assert said["type"] == type_name(topic.type)
        (qos,) = said["offered_qos_profiles"]
        assert qos["reliability"] == "reliable"
        assert qos["depth"] == topic.qos.depth
        latched = topic is topics.ROUTE
        assert qos["durability"] == ("transient_local" if latched else "volatile")


@pytest.mark.parametrize("topic", topics.TOPICS, ids=lambda topic: topic.name)
def test_a_definition_is_named_and_hashed_as_its_generator_has_it(topic: topics.Topic) -> None:
    found = definition(topic.type)
    package, folder, base = found.name.split("/")
    file = Path(get_package_share_directory(package), folder, f"{base}.json")
    hashes = {e["type_name"]: e["hash_string"] for e in json.loads(file.read_text())["type_hashes"]}
    assert found.rihs01 == hashes[found.name]
    assert found.rihs01.startswith("RIHS01_")


def test_a_message_is_read_with_the_values_that_rclpy_reads(make_bag: Callable[..., Path]) -> None:
    with Bag(make_bag(episodes=1, steps=3)) as bag:
        read = list(bag.messages(topics.TOPICS))
        with Reader(bag.path) as reader:
            raw = [bytes(data) for _, _, data in reader.messages()]
    assert {m.topic.name for m in read} == bag.present
    for (topic, _, message), data in zip(read, raw, strict=True):
        assert_same_fields(deserialize_message(data, topic.type), message)


def assert_same_fields(ours: Any, read: Any) -> None:
    """Whether every field, however deep, has the same value."""
    for name in ours.get_fields_and_field_types():
        mine, theirs = getattr(ours, name), getattr(read, name)
        if hasattr(mine, "get_fields_and_field_types"):
            assert_same_fields(mine, theirs)
        elif isinstance(mine, list) and mine and hasattr(mine[0], "get_fields_and_field_types"):
            for one, other in zip(mine, theirs, strict=True):
                assert_same_fields(one, other)
        else:
            np.testing.assert_array_equal(np.asarray(theirs), np.asarray(mine), err_msg=name)


def test_messages_that_come_in_one_moment_keep_their_order(tmp_path: Path) -> None:
    with BagWriter(tmp_path / "bag") as writer:
        for i in range(200):
            message = topics.FRAME.type(step=i)
            writer.write("frame", 5 if i % 3 else 4, serialize_message(message))
    with Bag(tmp_path / "bag") as bag:
        assert [m.message.step for m in bag.messages((topics.FRAME,))] == list(range(200))


def test_a_folder_that_is_there_is_not_written_over(make_bag: Callable[..., Path]) -> None:
    path = make_bag(episodes=1, steps=1)
    before = (path / "bag.mcap").read_bytes()
    with pytest.raises(BagError, match="exists already"):
        BagWriter(path)
    assert (path / "bag.mcap").read_bytes() == before


def test_a_bag_says_what_was_driven(make_bag: Callable[..., Path]) -> None:
    parameters = RecorderParameters(task="urban", policy='a "b"', action_repeat=3)
    with Bag(make_bag(about=json.loads(parameters.about))) as bag:
        assert bag.about == About("urban", 'a "b"', 3)


@given(st.text(max_size=200) | st.builds(json.dumps, st.dictionaries(st.text(), st.integers())))
def test_what_a_bag_says_of_itself_is_not_trusted(text: str) -> None:
    assert About.of(text) == About()


# --- The cache ---


def received(name: str, size: int) -> Received:
    return Received(name, 0, bytes(size))


def test_what_does_not_fit_into_the_cache_is_dropped_and_counted_by_topic() -> None:
    cache = BoundedCache(100)
    assert cache.put(received("a", 60))
    assert not cache.put(received("b", 41))
    assert cache.put(received("b", 40))
    assert not cache.put(received("a", 1))
    assert cache.dropped == {"a": 1, "b": 1}
    assert cache.take() == received("a", 60)
    assert cache.put(received("a", 60)), "what was taken leaves room"


def test_a_closed_cache_gives_the_rest_and_then_nothing() -> None:
    cache = BoundedCache(100)
    cache.put(received("a", 1))
    cache.close()
    assert not cache.put(received("b", 1))
    assert cache.take() == received("a", 1)
    assert cache.take() is None
    assert cache.dropped == {"b": 1}


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 50)), max_size=60))
def test_nothing_is_lost_uncounted_and_the_order_is_kept(calls: list[tuple[bool, int]]) -> None:
    cache, taken, waiting = BoundedCache(100), [], 0
    for i, (put, size) in enumerate(calls):
        if put:
            waiting += cache.put(Received(str(i), i, bytes(size)))
        elif waiting:
            taken.append(cache.take())
            waiting -= 1
    cache.close()
    while (message := cache.take()) is not None:
        taken.append(message)
    stamps = [message.at_ns for message in taken if message is not None]
    assert stamps == sorted(stamps)
    assert len(taken) + sum(cache.dropped.values()) == sum(put for put, _ in calls)
