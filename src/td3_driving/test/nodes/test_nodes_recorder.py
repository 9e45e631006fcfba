"""The recorder over real DDS: it writes what is said, counts what it can't, and closes whole."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from td3_driving.bags.errors import BagError
from td3_driving.bags.mend import mend
from td3_driving.bags.reader import Bag
from td3_driving.bags.writer import BagWriter
from td3_driving.nodes.recorder import Recorder
from td3_driving.ros import topics

TICKS = 60


def content(path: Path) -> dict[str, list[Any]]:
    """Messages by topic."""
    found: dict[str, list[Any]] = {}
    with Bag(path) as bag:
        for topic, _, message in bag.messages(topics.TOPICS):
            found.setdefault(topic.name, []).append(message)
    return found


def same(said: Any, read: Any) -> bool:
    """Whether a message that was said has the same fields as one that the bag's library read."""
    if hasattr(said, "get_fields_and_field_types"):
        names = said.get_fields_and_field_types()
        return all(same(getattr(said, name), getattr(read, name)) for name in names)
    if isinstance(said, list):
        return len(said) == len(read) and all(map(same, said, read))
    return np.array_equal(said, read)


def test_what_is_said_is_in_the_bag_and_nothing_is_dropped(
    make_bench: Callable[..., Any], messages: Any, tmp_path: Path
) -> None:
    path = tmp_path / "bag"
    bench = make_bench(Recorder, directory=str(path), task="urban")
    bench.say(topics.ROUTE, messages.route(0))
    for step in range(TICKS):
        bench.say(topics.FRAME, messages.frame(step))
        bench.say(topics.IMAGE, messages.image(step, grey=step))
        bench.say(topics.ODOMETRY, messages.odometry(step))
        said = 3 * (step + 1) + 1
        bench.until(lambda said=said: bench.node.written >= said)
    assert bench.node.dropped == {}
    bench.node.destroy_node()
    with Bag(path) as bag:
        assert bag.about.task == "urban"
    found = content(path)
    for name, expected in (
        ("frame", [messages.frame(step) for step in range(TICKS)]),
        ("rgb_front/image", [messages.image(step, grey=step) for step in range(TICKS)]),
        ("odometry", [messages.odometry(step) for step in range(TICKS)]),
        ("route", [messages.route(0)]),
    ):
        assert len(found[name]) == len(expected) and all(map(same, expected, found[name])), name


def test_what_has_arrived_is_written_before_the_bag_is_closed(
    make_bench: Callable[..., Any], messages: Any, tmp_path: Path
) -> None:
    path = tmp_path / "bag"
    bench = make_bench(Recorder, directory=str(path))
    bench.say(topics.FRAME, messages.frame(0))
    bench.until(lambda: bench.node.written >= 1)
    bench.say(topics.FRAME, messages.frame(1))
    end = time.monotonic() + 20.0
    while bench.node.written < 2:  # nobody spins meanwhile
        bench.node._drain()
        assert time.monotonic() < end
    bench.node.destroy_node()
    assert [frame.header.stamp.nanosec for frame in content(path)["frame"]] == [0, 50_000_000]


def test_a_full_cache_drops_and_tells_which_and_how_many(
    make_bench: Callable[..., Any], messages: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import threading

    gate = threading.Event()
    write = BagWriter.write

    def slow(self: BagWriter, *given: Any) -> None:
        gate.wait()
        write(self, *given)

    monkeypatch.setattr(BagWriter, "write", slow)
    path = tmp_path / "bag"
    bench = make_bench(Recorder, topics.DIAGNOSTICS, directory=str(path), cache_mib=1.0)
    try:
        # 640x480 in four channels is 1.2 MB: the first that comes has no room.
        bench.say(topics.IMAGE, messages.image(0, width=640, height=480))
        bench.until(lambda: bench.node.dropped == {"rgb_front/image": 1})
        bench.say(topics.FRAME, messages.frame(0))

        def told() -> bool:
            return any(
                {value.key: value.value for value in status.values}.get("dropped rgb_front/image")
                == "1" and status.message == "messages were dropped"
                for array in bench.heard["/diagnostics"] for status in array.status
            )  # fmt: skip

        bench.until(told)
    finally:
        gate.set()
    bench.until(lambda: bench.node.written >= 1)
    bench.node.destroy_node()
    assert "rgb_front/image" not in content(path)
    assert len(content(path)["frame"]) == 1


def test_a_full_disk_ends_the_recording_and_not_the_drive(
    make_bench: Callable[..., Any], messages: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: BagWriter, *given: Any) -> None:
        raise OSError(28, "No space left on device")

    bench = make_bench(Recorder, topics.DIAGNOSTICS, directory=str(tmp_path / "bag"))
    monkeypatch.setattr(BagWriter, "write", full)
    bench.say(topics.FRAME, messages.frame(0))
    bench.until(
        lambda: any(
            "No space left on device" in status.message
            for array in bench.heard["/diagnostics"]
            for status in array.status
        )
    )
    assert bench.node.dropped["frame"] == 1
    bench.say(topics.FRAME, messages.frame(1))
    bench.until(lambda: bench.node.dropped["frame"] == 2)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_process_that_is_told_to_stop_closes_its_bag_and_a_killed_one_can_be_mended(
    make_bench: Callable[..., Any], messages: Any, tmp_path: Path, number: signal.Signals
) -> None:
    path = tmp_path / "bag"
    bench = make_bench(Recorder, directory=str(tmp_path / "other"))
    command = [sys.executable, "-c", "import sys; from td3_driving.nodes.recorder import main; "
               "sys.exit(main())", "--ros-args", "-p", f"directory:={path}"]  # fmt: skip
    environment = {**os.environ, "ROS_DOMAIN_ID": str(bench.peer.context.get_domain_id())}
    process = subprocess.Popen(command, env=environment)
    try:
        images = bench._publishers[topics.IMAGE.name]
        bench.until(lambda: images.get_subscription_count() == 2)
        step, end = 0, time.monotonic() + 30.0
        file = path / "bag.mcap"
        while not file.exists() or file.stat().st_size < 1 << 20:  # until a chunk is written
            bench.say(topics.FRAME, messages.frame(step))
            bench.say(topics.IMAGE, messages.image(step))
            step += 1
            bench.executor.spin_once(timeout_sec=0.0)
            time.sleep(0.02)  # no more than a camera's pace
            assert time.monotonic() < end
        process.send_signal(number)
        code = process.wait(timeout=30)
    finally:
        process.kill()
        process.wait()
    if number is signal.SIGKILL:
        with pytest.raises(BagError, match="--mend"):
            Bag(path)
        assert mend(path) >= 0
    else:
        assert code == 0
    stamps = [image.header.stamp.nanosec for image in content(path)["rgb_front/image"]]
    assert len(stamps) >= 10
