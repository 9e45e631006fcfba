"""Reading bags: ticks joined by stamp, and nothing believed that a file says."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rclpy.serialization import serialize_message
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer

from td3_driving.bags.channels import definition
from td3_driving.bags.errors import BagError
from td3_driving.bags.mend import mend
from td3_driving.bags.reader import Bag
from td3_driving.bags.ticks import WINDOW, TickAssembler, read_ticks
from td3_driving.ros import topics

MakeBag = Callable[..., Path]


def keys(path: Path) -> list[tuple[int, int]]:
    with Bag(path) as bag:
        return [(tick.episode, tick.step) for tick in read_ticks(bag)]


def test_a_tick_is_all_that_carries_its_stamp(
    make_bag: MakeBag, driven_action: Callable[[int, int], tuple[float, float]]
) -> None:
    with Bag(make_bag(episodes=2, steps=10)) as bag:
        ticks = list(read_ticks(bag))
    assert [(t.episode, t.step) for t in ticks] == [(e, s) for e in (1, 2) for s in range(11)]
    for tick in ticks:
        assert tick.seed == 1000 + tick.episode
        assert tick.state.x_m == pytest.approx(0.4 * tick.step)
        expected = np.random.default_rng([tick.episode, tick.step]).integers(
            0, 256, (24, 32, 4), dtype=np.uint8
        )  # fmt: skip
        assert tick.picture[1] == "bgra8"
        assert (tick.picture[0] == expected).all()
        assert (tick.route is not None) == (tick.step == 0)
        assert tick.seen is not None and tick.seen.shape == (4, 84, 84)
        ended = tick.step == 10
        assert tick.action == (None if ended else driven_action(tick.episode, tick.step))
        assert (tick.earned is None) == (tick.step == 0)
        assert tick.earned is None or (tick.earned.truncated, tick.earned.reason) == (
            (True, "time_limit") if ended else (False, "")
        )


def test_ticks_do_not_depend_on_the_order_in_which_their_messages_came(make_bag: MakeBag) -> None:
    with Bag(make_bag(episodes=1, steps=30)) as bag:
        expected = list(read_ticks(bag))
        messages = [(m.topic, m.message) for m in bag.messages(topics.TOPICS)]
        present = bag.present
    draw = random.Random(3)
    # Each comes up to 40 messages late or early: six ticks.
    mixed = sorted(enumerate(messages), key=lambda item: item[0] + draw.uniform(-20, 20))
    assembler, ticks = TickAssembler(present), []
    for _, (topic, message) in mixed:
        ticks += assembler.add(topic, message)
    ticks += assembler.rest()
    assert (assembler.incomplete, assembler.invalid) == (0, 0)
    by_step = {tick.step: tick for tick in ticks}
    assert sorted(by_step) == [tick.step for tick in expected]
    for tick in expected:
        other = by_step[tick.step]
        assert (other.action, other.earned, other.state) == (tick.action, tick.earned, tick.state)
        assert (other.picture[0] == tick.picture[0]).all()


def test_a_stamp_without_a_picture_is_counted_and_left_out(make_bag: MakeBag) -> None:
    def change(episode: int, step: int, topic: str, message: Any) -> Any:
        return None if (step, topic) == (5, "rgb_front/image") else message

    with Bag(make_bag(episodes=1, steps=60, change=change)) as bag:
        assembler = TickAssembler(bag.present)
        steps = [tick.step for tick in read_ticks(bag, assembler)]
    assert steps == [step for step in range(61) if step != 5]
    assert assembler.incomplete == 1


def test_a_tick_without_an_answer_is_waited_for_no_longer_than_the_window(
    make_bag: MakeBag,
) -> None:
    def change(episode: int, step: int, topic: str, message: Any) -> Any:
        return None if (step, topic) == (5, "action") else message

    with Bag(make_bag(episodes=1, steps=WINDOW + 20, change=change)) as bag:
        ticks = {tick.step: tick for tick in read_ticks(bag)}
    assert sorted(ticks) == list(range(WINDOW + 21))
    assert ticks[5].action is None


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e9])
def test_an_odometry_that_no_vehicle_can_have_is_refused_as_the_agent_does(
    make_bag: MakeBag, value: float
) -> None:
    def change(episode: int, step: int, topic: str, message: Any) -> Any:
        if (step, topic) == (5, "odometry"):
            message.pose.pose.position.x = value
        return message

    with Bag(make_bag(episodes=1, steps=10, change=change)) as bag:
        assembler = TickAssembler(bag.present)
        steps = [tick.step for tick in read_ticks(bag, assembler)]
    assert 5 not in steps and len(steps) == 10
    assert assembler.invalid == 1


def test_stamps_that_come_again_on_another_map_join_nothing(make_bag: MakeBag, scene: Any) -> None:
    def change(episode: int, step: int, topic: str, message: Any) -> Any:
        return None if (episode, step, topic) == (1, 45, "frame") else message

    path = make_bag(episodes=2, steps=60, change=change, scene=scene(anew=True))
    found = keys(path)
    assert found == [(e, s) for e in (1, 2) for s in range(61) if (e, s) != (1, 45)]


# --- What is no bag ---


def test_what_is_no_bag_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(BagError, match="there is no bag at"):
        Bag(tmp_path / "nothing")
    (tmp_path / "text.txt").write_text("hello")
    with pytest.raises(BagError, match=r"give a bag's folder or an \.mcap file"):
        Bag(tmp_path / "text.txt")
    (tmp_path / "empty").mkdir()
    with pytest.raises(BagError, match=r"neither metadata\.yaml nor"):
        Bag(tmp_path / "empty")
    (tmp_path / "zero.mcap").touch()
    with pytest.raises(BagError, match="empty"):
        Bag(tmp_path / "zero.mcap")


def test_a_bag_without_messages_is_refused(make_bag: MakeBag) -> None:
    with pytest.raises(BagError, match="holds no message"):
        Bag(make_bag(episodes=0))


def test_several_vehicles_are_told_apart_by_name(make_bag: MakeBag) -> None:
    path = make_bag(namespace="/carla/two", episodes=1, steps=2)
    with Bag(path) as bag:
        assert bag.namespace == "/carla/two"
    with pytest.raises(BagError, match=r"tells nothing of /carla/one; of /carla/two"):
        Bag(path, "/carla/one")


def other_bag(path: Path, msgtype: str, rihs01: str, mode: CompressionMode, plugin: Any) -> Path:
    writer = Writer(path, version=9, storage_plugin=plugin)
    writer.set_compression(mode, CompressionFormat.ZSTD)
    kind = definition(topics.FRAME.type)
    with writer:
        frame = writer.add_connection(
            "/carla/ego_vehicle/frame", kind.name, msgdef=kind.text, rihs01=kind.rihs01
        )
        writer.write(frame, 1, serialize_message(topics.FRAME.type()))
        kind = definition(topics.ACTION.type)
        action = writer.add_connection(
            "/carla/ego_vehicle/action", msgtype, msgdef=kind.text, rihs01=rihs01
        )
        writer.write(action, 2, serialize_message(topics.ACTION.type()))
    return path


@pytest.mark.parametrize(
    ("msgtype", "rihs01", "mode", "plugin", "complaint"),
    [
        ("std_msgs/msg/String", "", CompressionMode.NONE, StoragePlugin.MCAP, "is std_msgs"),
        ("", "RIHS01_00", CompressionMode.NONE, StoragePlugin.MCAP, "another definition"),
        ("", "", CompressionMode.STORAGE, StoragePlugin.MCAP, "is compressed"),
        ("", "", CompressionMode.MESSAGE, StoragePlugin.MCAP, "is compressed"),
        ("", "", CompressionMode.NONE, StoragePlugin.SQLITE3, "not stored as MCAP"),
    ],
)
def test_a_bag_of_another_making_is_refused_by_what_differs(
    tmp_path: Path, msgtype: str, rihs01: str, mode: Any, plugin: Any, complaint: str
) -> None:
    kind = definition(topics.ACTION.type)
    path = other_bag(tmp_path / "b", msgtype or kind.name, rihs01 or kind.rihs01, mode, plugin)
    with pytest.raises(BagError, match=complaint):
        Bag(path)


def test_a_file_that_points_out_of_the_bag_is_refused(make_bag: MakeBag, tmp_path: Path) -> None:
    path = make_bag(episodes=1, steps=2)
    (path / "bag.mcap").rename(tmp_path / "elsewhere.mcap")
    (path / "bag.mcap").symlink_to(tmp_path / "elsewhere.mcap")
    with pytest.raises(BagError, match="points out of the bag"):
        Bag(path)
    (path / "bag.mcap").unlink()
    text = (path / "metadata.yaml").read_text().replace("- bag.mcap", "- ../elsewhere.mcap")
    (path / "metadata.yaml").write_text(text)
    with pytest.raises(BagError, match="missing"):
        Bag(path)


# --- Damage ---


def read_all(path: Path) -> int:
    with Bag(path) as bag:
        return len(list(read_ticks(bag)))


@pytest.fixture
def whole(make_bag: MakeBag) -> Path:
    return make_bag(episodes=1, steps=12)


@settings(max_examples=30, deadline=None,
          suppress_health_check=[HealthCheck.function_scoped_fixture])  # fmt: skip
@given(share=st.floats(0.0, 0.999), with_metadata=st.booleans())
def test_a_truncated_bag_is_refused_as_such(whole: Path, share: float, with_metadata: bool) -> None:
    torn = whole.with_name("torn")
    shutil.rmtree(torn, ignore_errors=True)
    torn.mkdir()
    content = (whole / "bag.mcap").read_bytes()
    (torn / "bag.mcap").write_bytes(content[: int(share * len(content))])
    if with_metadata:
        shutil.copy(whole / "metadata.yaml", torn)
    with pytest.raises(BagError, match="torn"):
        read_all(torn)


@settings(max_examples=80, deadline=None,
          suppress_health_check=[HealthCheck.function_scoped_fixture])  # fmt: skip
@given(data=st.data())
def test_changed_bytes_are_read_as_they_are_or_refused(whole: Path, data: st.DataObject) -> None:
    changed = whole.with_name("changed.mcap")
    content = bytearray((whole / "bag.mcap").read_bytes())
    for _ in range(data.draw(st.integers(1, 8))):
        # Most of a bag is pixels; its ends say where everything is.
        end = data.draw(st.booleans())
        at = data.draw(st.integers(0, 4000))
        content[-1 - at if end else at] = data.draw(st.integers(0, 255))
    changed.write_bytes(content)
    try:
        assert read_all(changed) <= 13
    except BagError as error:
        assert "changed.mcap" in str(error)


@given(text=st.text(max_size=300))
@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_a_metadata_file_of_anything_is_refused(whole: Path, text: str) -> None:
    (whole / "metadata.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(BagError):
        Bag(whole)


# --- Mending ---


def killed(path: Path, lost: int) -> Path:
    """The bag as it lies there when its recorder is killed: no metadata, no end, a torn record."""
    (path / "metadata.yaml").unlink()
    file = path / "bag.mcap"
    content = file.read_bytes()
    end = content.index(b"serialized_metadata")  # the first record that closing writes
    file.write_bytes(content[: end - lost])
    return path


def test_a_bag_whose_recorder_was_killed_is_mended_to_what_it_held(
    make_bag: MakeBag, scene: Any
) -> None:
    # 2.4 MB of pictures: two whole chunks and a torn one.
    path = killed(make_bag(episodes=1, steps=30, scene=scene(160, 120)), lost=2000)
    with pytest.raises(BagError, match="--mend"):
        Bag(path)
    assert mend(path) > 0
    found = keys(path)
    assert len(found) > 20
    assert found == [(1, step) for step in range(len(found))]
    with pytest.raises(BagError, match="has its end"):
        mend(path)


def test_what_is_whole_or_no_bag_is_not_mended(make_bag: MakeBag, tmp_path: Path) -> None:
    path = make_bag(episodes=1, steps=2)
    before = (path / "bag.mcap").read_bytes()
    with pytest.raises(BagError, match="nothing to mend"):
        mend(path)
    assert (path / "bag.mcap").read_bytes() == before
    other = tmp_path / "other.mcap"
    other.write_bytes(b"not a bag at all")
    with pytest.raises(BagError, match="does not begin as an MCAP file"):
        mend(other)
    assert other.read_bytes() == b"not a bag at all"
