"""Bags as the beginning of a training: td3-driving train --from-bag."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from td3_driving.agent.parameters import AgentParameters
from td3_driving.agent.runner import Runner
from td3_driving.agent.task import driving_task
from td3_driving.bags.experience import Experience, require_fits
from td3_driving.bags.reader import Bag
from td3_driving.bags.ticks import RecordedTick, read_ticks
from td3_driving.cli.settings import Settings
from td3_driving.ros import topics
from td3_driving.stopping import StopRequest


class Bags:
    """Bags to learn from before driving; a context manager.

    Args:
        paths: Of the bags; none: nothing is done.
        settings: Of the run.

    Raises:
        BagError: on entering, for a bag that can't be read or can't teach the run's task.
    """

    def __init__(self, paths: Sequence[Path], settings: Settings) -> None:
        self._paths, self._settings = paths, settings
        self._open = ExitStack()
        self._bags: list[Bag] = []

    def __enter__(self) -> Bags:
        task = driving_task(AgentParameters(**self._settings["td3_agent"]))
        with ExitStack() as opened:
            self._bags = [opened.enter_context(Bag(path)) for path in self._paths]
            for bag in self._bags:
                require_fits(bag, task)
            self._open = opened.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open.close()

    def teach(self, runner: Runner, updates: int, stop: StopRequest) -> None:
        """Fills the memory of a runner that has not begun to drive, and learns from it.

        Meanwhile the training clock stands.

        Args:
            runner: It learns.
            updates: To do from what the bags hold.
            stop: Set by a signal.

        Raises:
            BagError: a bag is damaged, or of another sight than the run's.
        """
        trainer = runner.trainer
        if not self._bags or trainer is None:
            return
        runner.hold("reading bags")
        seeing, camera = self._settings["perception"], self._settings["carla_bridge"]
        experience = Experience(
            trainer, runner.task,
            tuple(seeing[f"crop_{side}"] for side in ("top", "bottom", "left", "right")),
            (camera["camera_width"], camera["camera_height"]),
        )  # fmt: skip
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        with Progress(*columns, console=Console(stderr=True)) as progress:
            for bag in self._bags:
                bar = progress.add_task(bag.path.name, total=bag.count(topics.FRAME))

                def ticks(bag: Bag = bag, bar: int = bar) -> Iterator[RecordedTick]:
                    for tick in read_ticks(bag):
                        if stop.signal is not None:
                            return
                        yield tick
                        progress.advance(bar)  # type: ignore[arg-type]

                stored, broken = experience.take(str(bag.path), ticks())
                told = f", {broken} episodes broken off" if broken else ""
                print(f"{bag.path}: {stored} decisions{told}", file=sys.stderr, flush=True)
            count = -(-updates // trainer.updates_at_once) if trainer.replay.stored else 0
            bar = progress.add_task("updates", total=count, visible=count > 0)
            for _ in range(count):
                if stop.signal is not None:
                    return
                trainer.learn_now()
                progress.advance(bar)
