"""The learner beside the wheel: stores decisions, trains on its own thread, gives policies out."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent import futures
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from td3_driving.agent.drivers import LearnedDriver, RandomDriver
from td3_driving.agent.learner import Learner, noise_level
from td3_driving.agent.ledger import Ledger
from td3_driving.agent.parameters import AgentParameters
from td3_driving.agent.types import Sight
from td3_driving.learning.checkpoint import Saved
from td3_driving.learning.errors import NonFiniteError
from td3_driving.learning.health import DeadActorDetector, RefusalCounter
from td3_driving.learning.noise import GaussianNoise, LinearSchedule
from td3_driving.learning.policy import Policy
from td3_driving.learning.replay import FrameReplay
from td3_driving.learning.td3 import TD3Agent

T = TypeVar("T")

TOLD_FOR = 1000
"""Decisions for which it is told that the learner was restored."""


class OnlineTrainer:
    """Learns while someone else drives. All methods belong to one thread; updates run on another.

    In lock_step an update is started every `decisions_per_update` decisions and its result is
    waited for, and adopted by the acting policy, when the next is due; never sooner, whoever else
    waits for it. On a GPU the `policy_delay` updates of a cycle are started together, every
    `policy_delay` times as many decisions. World and learner overlap, and still every action and
    every batch depend on the seed alone. In free_running the next update starts as soon as the
    last is done, and nobody waits.

    Args:
        parameters: Of the agent.
        learning_starts: Decisions before the first update.

    Raises:
        DeviceError: the device or the precision is not to be had here.
        ReplayMemoryError: the replay does not fit into memory, here or on the device.
    """

    def __init__(self, parameters: AgentParameters, learning_starts: int) -> None:
        self._parameters = parameters
        self._starts = learning_starts
        # It acts on the CPU: one picture is not worth a GPU's latency.
        self._core = core = Learner.create(parameters, FrameReplay, acts_on_device=False)
        self.agent, self.replay, self.config = core.agent, core.replay, core.agent.config
        self._learner, self._acting = core.updates, core.acting
        self._thread, self._keeper = core.thread, core.keeper
        self._noise = GaussianNoise(LinearSchedule(1.0, 1.0, 1), seed=parameters.seed + 1)
        self._warm_up = RandomDriver(parameters.seed + 2)
        self._update: Future[dict[str, float]] | None = None
        self._begun_at = 0
        self._health = DeadActorDetector()
        self._refusals = RefusalCounter()
        self._restored_at = 0
        self._alarms: dict[str, str] = {}
        self.enabled = parameters.training
        self.decisions = 0
        self.ledger = Ledger()
        self.metrics: dict[str, float] = {}
        self.recent_actions: deque[np.ndarray] = deque(maxlen=256)

    @property
    def updates(self) -> int:
        """Updates done."""
        return self.agent.updates

    @property
    def updates_at_once(self) -> int:
        """Updates that the learner does at a time."""
        return self._learner.at_once

    @property
    def _is_open(self) -> bool:
        """Whether a decision is under way."""
        return bool(self.replay.counters()["open"])

    @property
    def alarm(self) -> str | None:
        """All that is wrong now, for people; None if nothing is."""
        alarms = dict(self._alarms)
        imbalance = self.ledger.imbalance(self.replay.stored, self._is_open)
        if imbalance:
            alarms["ledger"] = imbalance
        if self._keeper.error is not None:
            alarms["saving"] = (
                f"not saved: {self._keeper.error}; training goes on, the checkpoints before are "
                "as they were, and the next save tries again"
            )
        return "; ".join(alarms.values()) or None

    # --- Driving ---

    def explore(self, sight: Sight, progress: float) -> np.ndarray:
        """An action with exploration noise; random before learning starts. float32 (2,)."""
        if self.decisions < self._starts:
            action = self._warm_up.act(sight)
        else:
            level = noise_level(self._parameters, progress)
            noise = (level * self._noise.sample()).astype(np.float32)
            action = self._acting.select_action(sight.observation, noise=noise)
        self.recent_actions.append(action)
        return action

    def retune(self, parameters: AgentParameters) -> None:
        """Takes over another exploration noise, and whether to learn."""
        self._parameters = parameters
        self.enabled = parameters.training

    def begin(self, sight: Sight) -> None:
        """Stores the first observation of an episode."""
        self.replay.begin(sight.image[-1], sight.vector)
        self.ledger.produced += 1

    def store(
        self, action: np.ndarray, reward: float, sight: Sight, terminated: bool, truncated: bool
    ) -> None:
        """Stores a decision and what it led to, and lets the learner go on."""
        self.replay.append(action, reward, terminated, truncated, sight.image[-1], sight.vector)
        self.ledger.produced += not (terminated or truncated)
        self.decisions += 1
        self._learn()

    def recall(
        self, action: np.ndarray, reward: float, sight: Sight, terminated: bool, truncated: bool
    ) -> None:
        """Stores a decision of a recorded drive: it counts as one, and nothing is learned yet."""
        self.replay.append(action, reward, terminated, truncated, sight.image[-1], sight.vector)
        self.ledger.produced += not (terminated or truncated)
        self.decisions += 1

    def abort(self, why: str = "fault") -> None:
        """Drops the open decision, if there is one, after a fault; it teaches nothing."""
        before = self.replay.dropped
        self.replay.abort()
        self.ledger.dropped[why] += self.replay.dropped - before

    # --- Learning ---

    def _learn(self) -> None:
        if not self.enabled or self.decisions < self._starts:
            return
        lock_step = self._parameters.learning == "lock_step"
        per_call = self._parameters.decisions_per_update * self._learner.at_once
        if lock_step and self.decisions % per_call:
            return
        if not lock_step and self._update is not None and not self._update.done():
            return
        self._adopt()
        self._begun_at = self.decisions
        upto = self.replay.stored if lock_step else None
        self._update = self._thread.submit(self._train, upto)

    def learn_now(self) -> None:
        """Learns once from all that is stored, and waits for it; the newest actor acts then."""
        self._adopt()
        self._begun_at = self.decisions
        self._update = self._thread.submit(self._train, self.replay.stored)
        self._adopt()

    def _train(self, upto: int | None) -> dict[str, float]:
        return self._core.train(self._learner.at_once, upto)

    def beside_updates(self, look: Callable[[], T]) -> Future[T]:
        """Looks at the learner on its own thread, between two updates; must change nothing."""
        return self._thread.submit(look)

    def wait(self) -> None:
        """Waits for the update under way. The acting policy stays as it is."""
        if self._update is not None:
            futures.wait([self._update])

    def _adopt(self) -> None:
        """Waits for the update under way; from then on the acting policy is the newest one."""
        if self._update is None:
            return
        update, self._update = self._update, None
        try:
            metrics = update.result()
        except NonFiniteError as error:
            self._refuse(str(error))
        else:
            self.metrics |= metrics
            self.metrics["time/update_lag_decisions"] = float(self.decisions - self._begun_at)
            if "loss/actor" in metrics:
                self._accept(metrics)
        self.metrics["health/refused_updates"] = float(self.agent.non_finite)
        self.metrics["health/restored"] = float(self._refusals.restored)

    def _accept(self, metrics: dict[str, float]) -> None:
        """A whole cycle of updates is done: its actor acts from now on."""
        self._refusals.accepted()
        self._acting.load_from(self.agent)
        self.tell("refused", None)
        if self.decisions - self._restored_at >= TOLD_FOR:
            self.tell("restored", None)
        dead = self._health.update(metrics)
        self.tell("dead", dead)
        self.metrics["health/dead_actor"] = float(dead is not None)

    def _refuse(self, why: str) -> None:
        """An update was not finite; after some in a row the last good learner is put back."""
        due = self._refusals.refused()
        restored = self._keeper.restore_learner(_was_good) if due else None
        count = self._refusals.in_a_row
        last = f"{count} updates in a row were refused, the last because {why}"
        if restored is not None:
            self._refusals.was_restored()
            self._restored_at = self.decisions
            self.tell("restored", f"{last}; the learner of {restored} was restored")
            self.tell("refused", None)
        elif count < self._refusals.limit:
            self.tell("refused", why)
        else:
            self.tell("refused", f"{last}; there is no good checkpoint to restore")

    def tell(self, subject: str, alarm: str | None) -> None:
        """Sets or clears what is wrong with a subject."""
        if alarm is None:
            self._alarms.pop(subject, None)
        else:
            self._alarms[subject] = alarm

    # --- Policies ---

    def candidate(self, name: str) -> LearnedDriver:
        """A frozen copy of the "learner" or of its "averaged" actor, as they are now."""
        self.wait()
        return LearnedDriver(self.agent.policy(average=name == "averaged"))

    def untrained(self) -> LearnedDriver:
        """The policy that this run began with."""
        return LearnedDriver(TD3Agent.create(self.config, self._parameters.seed).policy())

    # --- State ---

    def save(
        self,
        directory: Path,
        extra: dict[str, Any],
        keep: int,
        wait: bool = True,
        then: Callable[[Policy, int], None] = lambda policy, updates: None,
    ) -> bool:
        """Saves all of it, in the background unless `wait`.

        Args:
            directory: Of the checkpoints; the same each time.
            extra: JSON-able; of the caller.
            keep: Checkpoints to keep.
            wait: Come back when it is written.
            then: Takes the newest policy and its updates when it is written, on another thread.

        Returns:
            Whether it is, or will be, saved: not, unless waiting, while another save is under way.

        Raises:
            OSError: It could not be written. Only when waiting; else `alarm` tells.
        """
        values = {
            "decisions": self.decisions,
            "learning_starts": self._starts,
            "noise": self._noise.state_dict(),
            "warm_up": self._warm_up.random.bit_generator.state,
            "health": self._health.state_dict(),
            "refusals": self._refusals.state_dict(),
            "ledger": self.ledger.state_dict(),
            "metrics": dict(self.metrics),
            "program": extra,
        }
        update, begun_at = self._update, self._begun_at
        return self._keeper.save(
            directory, values,
            lambda: {
                "unadopted": _unadopted(update, begun_at), "learner": self._learner.state_dict(),
            },
            keep, wait, then,
        )  # fmt: skip

    def load(self, directory: Path) -> dict[str, Any]:
        """Goes on from the newest whole checkpoint; returns what was saved as `extra`.

        In lock-step, and if it was written between two episodes, the run goes on bit for bit.

        Raises:
            FileNotFoundError: there is none.
            CheckpointError: it is of another configuration or version.
        """
        values = self._keeper.load(directory)
        self._learner.load_state_dict(values.get("learner", {}))
        self.decisions = int(values["decisions"])
        # A longer total would set it higher, and a learner that has begun must not stop again.
        self._starts = min(self._starts, int(values["learning_starts"]))
        self._noise.load_state_dict(values["noise"])
        self._warm_up.random.bit_generator.state = values["warm_up"]
        self._health.load_state_dict(values["health"])
        self._refusals.load_state_dict(values["refusals"])
        self.metrics = dict(values["metrics"])
        unadopted = values["unadopted"]
        if unadopted is not None:
            self._update, self._begun_at = Future(), int(unadopted["begun_at"])
            if unadopted["refused"] is not None:
                self._update.set_exception(NonFiniteError(unadopted["refused"]))
            else:
                self._update.set_result(unadopted["metrics"])
        # Runs of before there was a ledger begin theirs with what they know.
        dropped = self.replay.dropped
        produced = self.replay.stored + dropped + self._is_open
        known = {"produced": produced, "dropped": {"before": dropped}}
        self.ledger.load_state_dict(values.get("ledger", known))
        self.abort("resume")
        return values["program"]

    def close(self) -> None:
        """Waits for the learner and for a save under way, and ends their threads."""
        try:
            self._adopt()
        finally:
            self._thread.shutdown()
            self._keeper.close()


def _unadopted(update: Future[dict[str, float]] | None, begun_at: int) -> dict[str, Any] | None:
    """An update that is over while the acting policy is still older than it."""
    if update is None:
        return None
    error = update.exception()
    if error is not None and not isinstance(error, NonFiniteError):
        raise error
    return {
        "begun_at": begun_at,
        "refused": None if error is None else str(error),
        "metrics": {} if error is not None else update.result(),
    }


def _was_good(saved: Saved) -> bool:
    """Whether no update had just been refused when it was saved."""
    unadopted = saved.extra["unadopted"]
    refused = unadopted is not None and unadopted["refused"] is not None
    return not refused and saved.extra["refusals"]["in_a_row"] == 0
