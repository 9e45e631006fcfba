"""What each steering is worth to the critic, for people to see; worked out beside the driving."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np

from td3_driving.agent.critic import Critic
from td3_driving.agent.runner import Runner
from td3_driving.agent.types import Sight

STEERINGS = np.linspace(-1.0, 1.0, 21, dtype=np.float32)
PERIOD_S = 0.5
"""Between two questions."""


class SteeringValues:
    """Asks a runner's critic now and then, waits for nothing, and changes nothing of the run.

    A learner's critic is asked on the learner's thread, between two updates. Someone who only
    drives with the policy of a run's folder has the critic of its newest checkpoint, if it is
    there; a policy file by itself has none.

    Args:
        runner: Whose.
        clock: Seconds.
    """

    def __init__(self, runner: Runner, clock: Callable[[], float] = time.monotonic) -> None:
        self._runner = runner
        self._clock = clock
        self._asked_at = -PERIOD_S
        self._asked: Future[np.ndarray | None] | None = None
        self._thread: ThreadPoolExecutor | None = None
        self._critic: Critic | None = None
        self._none = False

    def ask(self, acceleration: float) -> None:
        """Asks what steering is worth where the last decision was made, with this acceleration.

        Does nothing while an answer is under way, within half a second of the last question, or
        where there is no critic.
        """
        now, sight = self._clock(), self._runner.sight
        if self._none or self._asked is not None or sight is None:
            return
        if now - self._asked_at < PERIOD_S:
            return
        self._asked_at = now
        actions = np.column_stack([STEERINGS, np.full_like(STEERINGS, acceleration)])
        trainer = self._runner.trainer
        if trainer is not None:
            critic = Critic(trainer.agent)
            self._asked = trainer.beside_updates(lambda: worth(critic, sight, actions))
            return
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="critic")
        self._asked = self._thread.submit(self._of_checkpoint, sight, actions)

    def take(self) -> np.ndarray | None:
        """The answer, float32 (2, 21): steerings, and what each is worth; None while there is none.

        Raises:
            LearningError: the critic can't be loaded; nobody is asked any more.
        """
        if self._asked is None or not self._asked.done():
            return None
        asked, self._asked = self._asked, None
        self._none = True  # unless there is an answer
        answer = asked.result()
        self._none = answer is None
        return answer

    def close(self) -> None:
        """Ends the thread, if there is one. Idempotent."""
        self._none = True
        if self._thread is not None:
            self._thread.shutdown(cancel_futures=True)

    def _of_checkpoint(self, sight: Sight, actions: np.ndarray) -> np.ndarray | None:
        if self._critic is None:
            policy = Path(self._runner.parameters.policy).expanduser()
            if policy.exists():
                self._critic = Critic.of_run(policy if policy.is_dir() else policy.parent)
        return None if self._critic is None else worth(self._critic, sight, actions)


def worth(critic: Critic, sight: Sight, actions: np.ndarray) -> np.ndarray:
    """float32 (2, n): the steering of each action (n, 2), and what it is worth at that moment."""
    return np.stack([actions[:, 0], np.array(critic.values(sight, *actions), np.float32)])
