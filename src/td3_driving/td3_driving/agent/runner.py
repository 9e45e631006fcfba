"""Drives a program of episodes tick by tick: the whole agent but for ROS.

Whoever owns the world asks `start` for the first episode, hands in its first tick with `begin`,
every further tick with `advance`, and does what the reply says: drive, reset, or stop.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from td3_driving.agent.drivers import LearnedDriver
from td3_driving.agent.episode import EpisodeInProgress
from td3_driving.agent.parameters import CHANGEABLE, AgentParameters
from td3_driving.agent.program import Program, TrainingProgram
from td3_driving.agent.run_folder import RunFolder
from td3_driving.agent.task import driving_task, resolved
from td3_driving.agent.trainer import OnlineTrainer
from td3_driving.agent.types import (
    Assignment,
    Drive,
    Driver,
    Finished,
    Purpose,
    Reply,
    Reset,
    Sight,
    StepReport,
    Tick,
)
from td3_driving.driving.route import Route
from td3_driving.driving.termination import EpisodeEnd
from td3_driving.evaluation.metrics import score
from td3_driving.learning.policy import Policy

CLOSING_TEST_FROM_S = 300.0
"""Training time from which a run closes with its test, unless told otherwise."""


@dataclass
class Status:
    """Figures of the run, for a display and for the closing line."""

    purpose: str = ""
    map: str = ""
    episodes: int = 0
    ticks: int = 0
    training_ticks: int = 0
    faults: int = 0
    progress: float = 0.0
    returns: deque[float] = field(default_factory=lambda: deque(maxlen=20))
    completions: deque[float] = field(default_factory=lambda: deque(maxlen=20))
    message: str = ""
    waiting_for: str = ""
    """Why no episode can start; empty while one is driven."""


class Runner:
    """The agent, fed with ticks.

    Args:
        parameters: Of the agent.
        program: What to drive.
        trainer: The learner; None where nothing is learned.
        driver: Who drives what is given to "given"; None where only the learner's policies drive.
        folder: Where the run is written; None for nowhere.
        clock: Wall time in seconds, for budgets.
    """

    def __init__(
        self,
        parameters: AgentParameters,
        program: Program,
        trainer: OnlineTrainer | None = None,
        driver: Driver | None = None,
        folder: RunFolder | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.parameters = parameters
        self.task = driving_task(parameters)
        self.program = program
        self.trainer = trainer
        self._folder = folder
        self._clock = clock
        self._drivers: dict[str, Driver] = {} if driver is None else {"given": driver}
        self._episode: EpisodeInProgress | None = None
        self._assignment: Assignment | None = None
        self._policy_lock = threading.Lock()
        self._owed: LearnedDriver | None = None
        self._action = np.zeros(2, np.float32)
        self.sight: Sight | None = None
        """What the last decision was made from."""
        self._since = clock()
        self._saved_at = clock()
        self.trained_s = 0.0
        self.closed = False
        self.after_episode: Callable[[EpisodeInProgress], None] = lambda episode: None
        """Told of every episode that is over, those cut off by a fault included."""
        self.status = Status()

    # --- The world's side ---

    def start(self) -> Reply:
        """What to do first."""
        self._since = self._saved_at = self._clock()
        return self._next()

    def begin(self, tick: Tick, route: Route) -> Drive:
        """Takes the first tick of the episode that was asked for, and its route."""
        assert self._assignment is not None, (
            "begin without an episode asked for by start or advance"
        )
        self._measure()
        self.status.waiting_for = ""
        self._episode = EpisodeInProgress(self.task, self._assignment, route, tick)
        sight = self._episode.see()
        if self._assignment.purpose is Purpose.TRAIN and self.trainer is not None:
            self.trainer.begin(sight)
        return self._decide(sight)

    def advance(self, tick: Tick) -> tuple[Reply, StepReport]:
        """Takes the next tick of the episode: what to do, and what the tick earned."""
        episode, assignment = self._episode, self._assignment
        assert episode is not None and assignment is not None, "advance without begin"
        training = assignment.purpose is Purpose.TRAIN
        self.status.ticks += 1
        self.status.training_ticks += training
        self._measure()
        over_budget = training and self.status.progress >= 1.0
        report = episode.advance(tick, float(self._action[0]), over_budget)
        if episode.ending is None and not episode.at_decision:
            return self._drive(), report
        ending = episode.ending
        sight = episode.see()
        reward = episode.take_reward()
        if training and self.trainer is not None:
            terminated = ending is not None and ending.terminated
            if ending is not None and not terminated and not episode.at_decision:
                # The budget ran out in the middle of a decision: half a decision teaches nothing.
                self.trainer.abort("budget")
            else:
                truncated = ending is not None and ending.truncated
                self.trainer.store(self._action, reward, sight, terminated, truncated)
            updates, metrics = self.trainer.updates, self.trainer.metrics
            self._write(lambda folder: folder.log_update(updates, metrics))
        if ending is None:
            return self._decide(sight), report
        return self._finish(), report

    def fault(self, detail: str) -> Reply:
        """Something other than the policy failed: the episode is cut off, its open step dropped."""
        self.status.faults += 1
        self.status.message = detail
        if self.trainer is not None:
            self.trainer.abort()
        if self._episode is not None:
            self._episode.fail(detail)
            return self._finish()
        return Finished() if self._assignment is None else Reset(self._assignment)

    def pause(self, why: str) -> Reply:
        """Cuts the episode off as a fault does; the reply may be done at any later time."""
        reply = self.fault(why)
        self.hold(why)
        return reply

    def retune(self, parameters: AgentParameters) -> None:
        """Takes over what may change in a run: noise, training, and the next episodes' speed."""
        changed = {name: getattr(parameters, name) for name in CHANGEABLE}
        self.parameters = resolved(replace(self.parameters, **changed))
        self.task = driving_task(self.parameters)
        if self.trainer is not None:
            self.trainer.retune(self.parameters)

    def hold(self, why: str) -> None:
        """No episode can start, for that reason: the training clock stands until one does."""
        self._measure()
        self.status.waiting_for = why

    def set_driver(self, driver: Driver) -> None:
        """Lets another driver take over assignments given to "given"."""
        self._drivers["given"] = driver

    def save(self, wait: bool = True) -> None:
        """Writes a whole checkpoint and, while no selection has chosen one, the newest policy.

        Args:
            wait: Come back when all is written. Else it is written in the background, if nothing
                else is just being, and the trainer's alarm tells if that fails.

        Raises:
            OSError: It could not be written. Only when waiting.
        """
        if self._folder is None or self.trainer is None:
            return
        assert isinstance(self.program, TrainingProgram)
        values = {
            "program": self.program.state(),
            "trained_s": self.trained_s,
            "training_ticks": self.status.training_ticks,
            "episodes": self.status.episodes,
            "metrics_bytes": self._folder.metrics_bytes,
        }
        folder, trainer, figures = self._folder, self.trainer, self._training_figures()

        def write_policy(newest: Policy, updates: int) -> None:
            with self._policy_lock:
                if self._owed is not None or "best" not in self._drivers:
                    policy = newest if self._owed is None else self._owed.policy
                    folder.write_policy(policy, self.parameters, {**figures, "updates": updates})
                    self._owed = None
            trainer.tell("folder", None)  # there is room again

        directory, keep = folder.checkpoints, self.parameters.checkpoints_kept
        if trainer.save(directory, values, keep, wait, write_policy):
            self._saved_at = self._clock()

    def restore(self) -> None:
        """Goes on from the run folder's newest whole checkpoint."""
        assert self._folder is not None and self.trainer is not None
        assert isinstance(self.program, TrainingProgram)
        values = self.trainer.load(self._folder.checkpoints)
        self.program.restore(values["program"])
        self.trained_s = float(values["trained_s"])
        self.status.training_ticks = int(values["training_ticks"])
        self.status.episodes = int(values["episodes"])
        self._folder.forget_after(int(values["metrics_bytes"]))
        if self.program.selections:
            self._drivers["best"] = LearnedDriver(self._folder.read_policy(self.trainer.config))

    def close(self) -> None:
        """Drops a decision left open, saves what was learned, and stops the learner. Idempotent.

        Raises:
            OSError: it could not be saved; everything else is closed all the same.
        """
        if self.closed:
            return
        self.closed = True
        with ExitStack() as stack:
            if self._folder is not None:
                stack.callback(self._folder.close)
            if self.trainer is not None:
                stack.callback(self.trainer.close)
                self.trainer.abort("stop")
                if self.status.training_ticks:
                    self.save()

    # --- Inside ---

    def _decide(self, sight: Sight) -> Drive:
        assert self._assignment is not None
        self.sight = sight
        if self._assignment.purpose is Purpose.TRAIN and self.trainer is not None:
            self._action = self.trainer.explore(sight, self.status.progress)
        else:
            self._action = self._driver(self._assignment.driver).act(sight)
        return self._drive()

    def _drive(self) -> Drive:
        return Drive(float(self._action[0]), float(self._action[1]))

    def _driver(self, name: str) -> Driver:
        if name not in self._drivers:
            assert self.trainer is not None, f"nobody drives as {name!r}"
            self._drivers[name] = (
                self.trainer.untrained() if name == "untrained" else self.trainer.candidate(name)
            )
        return self._drivers[name]

    def _finish(self) -> Reply:
        """Closes the episode and asks for the next one."""
        episode, assignment = self._episode, self._assignment
        assert episode is not None and assignment is not None and episode.ending is not None
        record = episode.record()
        faulty = record is None or episode.ending.reason is EpisodeEnd.FAULT
        result = None if faulty or record is None else score(record)
        self.status.episodes += 1
        if assignment.purpose is Purpose.TRAIN and not faulty:
            self.status.returns.append(episode.episode_return)
            self.status.completions.append(100.0 * episode.completion)
        self._write(lambda folder: folder.log_episode(self, assignment, episode, result))
        self.after_episode(episode)
        self.program.over(assignment, result)
        self._keep_best()
        self._episode = None
        return self._next()

    def _next(self) -> Reply:
        self._measure()
        if self.parameters.closing_test == "auto" and isinstance(self.program, TrainingProgram):
            self.program.closing_test = self.trained_s > CLOSING_TEST_FROM_S
        due = self._clock() - self._saved_at >= 60.0 * self.parameters.checkpoint_minutes
        if due and isinstance(self.program, TrainingProgram) and self.program.between_trainings:
            self.save(wait=False)
        assignment = self.program.next(self.status.progress)
        if assignment is None:
            self._assignment = None
            return Finished()
        starts_test = assignment.purpose in (Purpose.UNTRAINED, Purpose.TEST)
        if starts_test and "best" not in self._drivers and self.trainer is not None:
            self._write_policy(self.trainer.candidate("learner"))
        self._assignment = assignment
        self.status.purpose, self.status.map = assignment.purpose.value, assignment.plan.map
        return Reset(assignment)

    def _keep_best(self) -> None:
        if not isinstance(self.program, TrainingProgram):
            return
        chosen = self.program.take_chosen()
        if chosen is not None:
            driver = self._driver(chosen)
            assert isinstance(driver, LearnedDriver)
            self._write_policy(driver)
        if not self.program.selecting:
            # The next selection looks at the learner as it is then.
            self._drivers.pop("learner", None)
            self._drivers.pop("averaged", None)

    def _write_policy(self, driver: LearnedDriver) -> None:
        with self._policy_lock:
            # From now on no save writes the newest policy over it.
            self._drivers["best"] = driver
            figures = self._training_figures()
            written = self._write(
                lambda folder: folder.write_policy(driver.policy, self.parameters, figures)
            )
            self._owed = None if written else driver  # with the next save, then

    def _write(self, write: Callable[[RunFolder], None]) -> bool:
        """Writes into the run folder, if there is one. A full disk is told, and stops nothing."""
        if self._folder is None:
            return True
        try:
            write(self._folder)
        except OSError as error:
            if self.trainer is not None:
                self.trainer.tell("folder", f"not written: {error}; training goes on")
            return False
        return True

    def _training_figures(self) -> dict[str, Any]:
        return {
            "training_ticks": self.status.training_ticks,
            "updates": self.trainer.updates if self.trainer is not None else 0,
            "trained_s": round(self.trained_s, 1),
            "seed": self.parameters.seed,
        }

    def _measure(self) -> None:
        """Moves the training clock and the progress on.

        Both stand still in the closing test and while no episode can start.
        """
        now = self._clock()
        testing = self._assignment is not None and self._assignment.purpose in (
            Purpose.UNTRAINED, Purpose.TEST, Purpose.DRIVE,
        )  # fmt: skip
        if not testing and not self.status.waiting_for:
            self.trained_s += now - self._since
        self._since = now
        if self.trainer is None:
            return
        if self.parameters.steps:
            self.status.progress = self.status.training_ticks / self.parameters.steps
        else:
            self.status.progress = self.trained_s / (60.0 * self.parameters.minutes)
