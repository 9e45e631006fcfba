"""The learner beside the wheel: stores decisions, trains on its own thread, gives policies out."""

from __future__ import annotations

import time
from collections import deque
from concurrent import futures
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch

from td3_driving.agent.drivers import LearnedDriver, RandomDriver
from td3_driving.agent.parameters import AgentParameters
from td3_driving.agent.types import Sight
from td3_driving.driving.observation import vector_dim
from td3_driving.learning import checkpoint
from td3_driving.learning.config import TD3Config
from td3_driving.learning.errors import NonFiniteError
from td3_driving.learning.health import DeadActorDetector
from td3_driving.learning.noise import GaussianNoise, LinearSchedule
from td3_driving.learning.replay import FrameReplay
from td3_driving.learning.td3 import TD3Agent

NOISE_ENDS_AT = 0.8
"""Share of the run after which the exploration noise has reached its end value."""


def td3_config(parameters: AgentParameters) -> TD3Config:
    """The learner's configuration of an agent's parameters."""
    return TD3Config(
        vector_dim=vector_dim(parameters.waypoint_count),
        gamma=parameters.gamma,
        tau=parameters.tau,
        policy_delay=parameters.policy_delay,
        actor_lr=parameters.actor_lr,
        critic_lr=parameters.critic_lr,
        batch_size=parameters.batch_size,
        pretanh_l2=parameters.pretanh_l2,
    )


class OnlineTrainer:
    """Learns while someone else drives. All methods belong to one thread; updates run on another.

    In lock_step an update is started every `decisions_per_update` decisions and its result is
    waited for, and adopted by the acting policy, when the next is due; never sooner, whoever else
    waits for it. World and learner overlap, and still every action and every batch depend on the
    seed alone. In free_running the next update starts as soon as the last is done, and nobody
    waits.

    Args:
        parameters: Of the agent.
        learning_starts: Decisions before the first update.
    """

    def __init__(self, parameters: AgentParameters, learning_starts: int) -> None:
        # Simulator, ROS and learner share the machine: more threads make all of them slower.
        torch.set_num_threads(1)
        self._parameters = parameters
        self._starts = learning_starts
        self.config = td3_config(parameters)
        self.agent = TD3Agent.create(self.config, parameters.seed)
        self.replay = FrameReplay(
            parameters.replay_capacity,
            self.config.image_shape,
            self.config.vector_dim,
            self.config.action_dim,
            seed=parameters.seed,
            n_step=parameters.n_step,
            gamma=parameters.gamma,
        )
        self._noise = GaussianNoise(LinearSchedule(1.0, 1.0, 1), seed=parameters.seed + 1)
        self._warm_up = RandomDriver(parameters.seed + 2)
        self._acting = self.agent.policy()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="learner")
        self._update: Future[dict[str, float]] | None = None
        self._begun_at = 0
        self._health = DeadActorDetector()
        self.enabled = True
        self.decisions = 0
        self.metrics: dict[str, float] = {}
        self.alarm: str | None = None
        self.recent_actions: deque[np.ndarray] = deque(maxlen=256)

    @property
    def updates(self) -> int:
        """Updates done."""
        return self.agent.updates

    # --- Driving ---

    def explore(self, sight: Sight, progress: float) -> np.ndarray:
        """An action with exploration noise; random before learning starts. float32 (2,)."""
        if self.decisions < self._starts:
            action = self._warm_up.act(sight)
        else:
            start, end = self._parameters.noise_start, self._parameters.noise_end
            level = start + (end - start) * min(progress / NOISE_ENDS_AT, 1.0)
            noise = (level * self._noise.sample()).astype(np.float32)
            action = self._acting.select_action(sight.observation, noise=noise)
        self.recent_actions.append(action)
        return action

    def begin(self, sight: Sight) -> None:
        """Stores the first observation of an episode."""
        self.replay.begin(sight.image[-1], sight.vector)

    def store(
        self, action: np.ndarray, reward: float, sight: Sight, terminated: bool, truncated: bool
    ) -> None:
        """Stores a decision and what it led to, and lets the learner go on."""
        self.replay.append(action, reward, terminated, truncated, sight.image[-1], sight.vector)
        self.decisions += 1
        self._learn()

    def abort(self) -> None:
        """Drops the open decision after a fault; it teaches nothing."""
        self.replay.abort()

    # --- Learning ---

    def _learn(self) -> None:
        if not self.enabled or self.decisions < self._starts:
            return
        lock_step = self._parameters.learning == "lock_step"
        if lock_step and self.decisions % self._parameters.decisions_per_update:
            return
        if not lock_step and self._update is not None and not self._update.done():
            return
        self._adopt()
        self._begun_at = self.decisions
        upto = self.replay.stored if lock_step else None
        self._update = self._thread.submit(self._train, upto)

    def _train(self, upto: int | None) -> dict[str, float]:
        started = time.perf_counter()
        metrics = self.agent.train(self.replay, upto=upto)
        metrics["time/update_ms"] = 1e3 * (time.perf_counter() - started)
        return metrics

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
            self.alarm = str(error)
            return
        self.metrics |= metrics
        self.metrics["time/update_lag_decisions"] = float(self.decisions - self._begun_at)
        if "loss/actor" in metrics:
            self._acting.load_from(self.agent)
            self.alarm = self._health.update(metrics)

    # --- Policies ---

    def candidate(self, name: str) -> LearnedDriver:
        """A frozen copy of the "learner" or of its "averaged" actor, as they are now."""
        self.wait()
        return LearnedDriver(self.agent.policy(average=name == "averaged"))

    def untrained(self) -> LearnedDriver:
        """The policy that this run began with."""
        return LearnedDriver(TD3Agent.create(self.config, self._parameters.seed).policy())

    # --- State ---

    def save(self, directory: Path, extra: dict[str, Any], keep: int) -> Path:
        """Writes a whole checkpoint; nothing is in flight while it does."""
        self.wait()
        values = {
            "decisions": self.decisions,
            "learning_starts": self._starts,
            "noise": self._noise.state_dict(),
            "warm_up": self._warm_up.random.bit_generator.state,
            "health": self._health.state_dict(),
            "metrics": self.metrics,
            "unadopted": self._unadopted(),
            "program": extra,
        }
        return checkpoint.save(
            directory, self.agent, self.replay, values, keep=keep, acting=self._acting
        )

    def _unadopted(self) -> dict[str, Any] | None:
        """The last update while the acting policy is still older than it; it must be over."""
        if self._update is None:
            return None
        error = self._update.exception()
        if error is not None and not isinstance(error, NonFiniteError):
            raise error
        return {
            "begun_at": self._begun_at,
            "refused": None if error is None else str(error),
            "metrics": {} if error is not None else self._update.result(),
        }

    def load(self, directory: Path) -> dict[str, Any]:
        """Goes on from the newest whole checkpoint; returns what was saved as `extra`.

        In lock-step, and if it was written between two episodes, the run goes on bit for bit.

        Raises:
            FileNotFoundError: there is none.
            CheckpointError: it is of another configuration or version.
        """
        newest = checkpoint.latest(directory)
        if newest is None:
            raise FileNotFoundError(f"no whole checkpoint in {directory}; start the run anew")
        values = checkpoint.load(newest, self.agent, self.replay, self._acting)
        self.decisions = int(values["decisions"])
        # A longer total would set it higher, and a learner that has begun must not stop again.
        self._starts = min(self._starts, int(values["learning_starts"]))
        self._noise.load_state_dict(values["noise"])
        self._warm_up.random.bit_generator.state = values["warm_up"]
        self._health.load_state_dict(values["health"])
        self.metrics = dict(values["metrics"])
        unadopted = values["unadopted"]
        if unadopted is not None:
            self._update, self._begun_at = Future(), int(unadopted["begun_at"])
            if unadopted["refused"] is not None:
                self._update.set_exception(NonFiniteError(unadopted["refused"]))
            else:
                self._update.set_result(unadopted["metrics"])
        self.replay.abort()
        return values["program"]

    def close(self) -> None:
        """Waits for the learner and ends its thread."""
        self._adopt()
        self._thread.shutdown()
