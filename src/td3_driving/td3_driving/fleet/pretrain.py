"""Pre-training: a fleet of worlds teaches one policy, without ROS; for a GPU, or a quick look."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from td3_driving.agent.program import CANDIDATES
from td3_driving.agent.run_folder import RunFolder
from td3_driving.agent.runner import Status
from td3_driving.agent.task import driving_task, resolved
from td3_driving.agent.types import Purpose
from td3_driving.evaluation.curve import draw_learning_curve
from td3_driving.fleet.choosing import Choosing, select_assignments
from td3_driving.fleet.config import PretrainConfig
from td3_driving.fleet.fleet import Fleet
from td3_driving.fleet.learner import FleetLearner
from td3_driving.fleet.outcome import EpisodeOutcome
from td3_driving.fleet.turns import TrainingPlans, Turns
from td3_driving.fleet.workers import make_fleet
from td3_driving.learning.policy import Policy

CURVE = "curve.jsonl"
"""In the run's folder: a line of time, work done and scores every two seconds and per choice."""
FIRST_SELECTION = 0.15
"""Share of the run before which no policy is scored."""
_NOTES_EVERY_S = 0.25
"""Between two notes of the learner's figures; each takes as long as a decision of some worlds."""
_NO_SCORES: Mapping[str, float] = MappingProxyType({})
_POINTS_EVERY_S = 2.0
"""Between two points of the curve."""


@dataclass(frozen=True)
class PretrainResult:
    """What came of it; JSON-able but for the policy.

    Args:
        policy: The best one on selection maps; the newest if none was scored.
        figures: Steps (ticks of all worlds), updates, times, speeds, best score.
        selections: Every score on selection maps, those of the finalists last.
    """

    policy: Policy
    figures: dict[str, Any]
    selections: list[dict[str, Any]]


class _Stopped(Exception):
    """Somebody wants it to end."""


class Pretraining:
    """One run. Call `run` once.

    Args:
        config: What to train.
        run_dir: Folder of the run; None: nothing is written.
        stop: Asked before each decision; the run ends, saved, when it says so.
        tell: Given the figures now and then, for a progress line.
        clock: Wall time in seconds.

    Raises:
        RunFolderError: the folder holds a run, or can't be written.
        ReplayMemoryError: the replay does not fit into memory.
    """

    def __init__(
        self,
        config: PretrainConfig,
        run_dir: Path | None = None,
        stop: Callable[[], bool] = lambda: False,
        tell: Callable[[dict[str, Any]], None] = lambda figures: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.config, self.parameters = config, resolved(config.agent)
        self._stop, self._tell, self._clock = stop, tell, clock
        self._task = driving_task(self.parameters)
        self.status = Status(purpose=Purpose.TRAIN.value)
        self._began = self._saved_at = self._told_at = self._noted_at = self._drawn_at = clock()
        self._plans = TrainingPlans(self.parameters, config.worlds)
        with ExitStack() as stack:
            # The fleet first: it gets ready while the learner does.
            self._fleet = self._make_fleet(stack)
            self.trainer = FleetLearner(self.parameters, config.worlds, bool(config.compile_))
            self._folder: RunFolder | None = None
            if run_dir is not None:
                settings = {"td3_agent": asdict(self.parameters), "fleet": config.settings()}
                self._folder = RunFolder(run_dir, settings, resume=False)
            self._open = stack.pop_all()
        self._choosing = Choosing(
            self.parameters, self._fleet, config.worlds, self._log, self._check
        )
        self._turns = Turns(
            self._fleet, self.trainer, self._plans, config.worlds,
            self.parameters.episodes_per_map, self._log,
        )  # fmt: skip
        self._target_s: float | None = None
        self._interrupted = False
        count = self.parameters.selections
        self._points = np.linspace(FIRST_SELECTION, 1.0, count).tolist() if count else []

    @property
    def trained_s(self) -> float:
        """Wall time since the start, that of workers and learner included."""
        return self._clock() - self._began

    def run(self) -> PretrainResult:
        """Trains until the budget is used up, the target is reached, or somebody stops it.

        Raises:
            LearningError: the learner refuses update after update; what was learned is saved.
        """
        with self._open as stack:
            if self._folder is not None:
                stack.callback(self._folder.close)
            stack.callback(self.trainer.close)
            stack.callback(self._save, wait=True)
            self._told_at = self._clock()
            self.trainer.prepare()
            try:
                self._train()
                if self._target_s is None:
                    self._choosing.close(self.config.closing_episodes)
                    self._write_policy()
            except _Stopped:
                self._interrupted = True
            self.trainer.settle()
            result = self._result()
        if self._folder is not None:
            draw_learning_curve(self._folder.metrics_file, self._folder.path / "learning_curve.png")
        return result

    # --- Training ---

    def _make_fleet(self, stack: ExitStack) -> Fleet:
        """The worlds to learn in, and after them those to choose policies in."""
        p, config = self.parameters, self.config
        episodes = range(p.selection_episodes if p.selections else 0)
        selection = select_assignments(p, CANDIDATES, episodes)
        fleet = stack.enter_context(
            make_fleet(
                p, config.worlds + len(selection), config.workers, config.threads,
                p.training_maps + p.selection_episodes + 8,
            )
        )  # fmt: skip
        fleet.prepare({i: self._plans.peek(i) for i in range(config.worlds)})
        fleet.prepare({config.worlds + i: a.plan for i, a in enumerate(selection)})
        return fleet

    def _train(self) -> None:
        self._turns.start(0.0)
        while (progress := self._progress()) < 1.0 and self._target_s is None:
            self._check()
            self._turns.next(progress)
            self.status.training_ticks = self._turns.ticks
            self._after_a_turn()
        self._turns.finish()
        self.status.training_ticks = self._turns.ticks

    def _progress(self) -> float:
        p = self.parameters
        if p.steps:
            return self.status.training_ticks / p.steps
        return self.trained_s / (60.0 * p.minutes)

    def _after_a_turn(self) -> None:
        """Scores, saves and tells when it is time to."""
        now, progress = self._clock(), self._progress()
        if self._folder is not None and now - self._noted_at >= _NOTES_EVERY_S:
            self._noted_at = now
            self._folder.log_update(self.trainer.updates, self.trainer.metrics)
        if self._points and progress >= self._points[0]:
            self._points = [point for point in self._points if point > progress]
            self._turns.finish()
            self._select(progress)
            self._turns.start(progress)
        if now - self._saved_at >= 60.0 * self.parameters.checkpoint_minutes:
            self._saved_at = now
            self._save(wait=False)
        if now - self._drawn_at >= _POINTS_EVERY_S:
            self._drawn_at = now
            self._note_point()
        if now - self._told_at >= 1.0:
            self._told_at = now
            self._tell(self.figures())

    def _check(self) -> None:
        if self._stop():
            raise _Stopped

    # --- Choosing ---

    def _select(self, progress: float) -> None:
        """Scores the learner and its average; keeps the best policy so far."""
        policies = {name: self.trainer.candidate(name) for name in CANDIDATES}
        reached = self._choosing.select(policies, progress)
        target = self.config.target_completion_pct
        if target and reached >= target:
            self._target_s = round(self.trained_s, 2)
        newest = self._choosing.selections[-len(policies) :]
        self._note_point(
            {f"{each.candidate}_completion_pct": round(each.completion_pct, 2) for each in newest}
        )
        self._write_policy()

    # --- Writing ---

    def _log(self, episode: EpisodeOutcome) -> None:
        """Writes an episode down."""
        if episode.assignment.purpose is Purpose.TRAIN:
            self.status.episodes += 1
            self.status.returns.append(episode.episode_return)
            self.status.completions.append(100.0 * episode.completion)
        if self._folder is not None:
            self._folder.log_episode(self, episode.assignment, episode, episode.score)

    def _note_point(self, scores: Mapping[str, float] = _NO_SCORES) -> None:
        """Writes down how far the run is; with scores, if there are new ones."""
        if self._folder is None:
            return
        point = {
            "time_s": round(self.trained_s, 2),
            "steps": self.status.training_ticks,
            "decisions": self.trainer.decisions,
            "updates": self.trainer.updates,
            "episodes": self.status.episodes,
            **self._completions(),
            **scores,
        }
        with (self._folder.path / CURVE).open("a") as file:
            file.write(json.dumps(point, allow_nan=False) + "\n")

    def _completions(self) -> dict[str, float | None]:
        """In percent: of the last training episodes, and the best score."""
        recent, best = self.status.completions, self._choosing.best
        completions = {
            "training_completion_pct": float(np.mean(recent)) if recent else None,
            "best_completion_pct": best.selection.completion_pct if best else None,
        }
        return {name: None if x is None else round(x, 2) for name, x in completions.items()}

    def _write_policy(self) -> None:
        best = self._choosing.best
        if self._folder is not None and best is not None:
            self._folder.write_policy(best.policy, self.parameters, self._training())

    def _training(self) -> dict[str, Any]:
        """How the run goes and how to do it again, for the policy's file."""
        return {
            **self.figures(), "seed": self.parameters.seed, "command": self.config.command,
            "settings": self.config.settings(), "machine": self.trainer.machine(),
        }  # fmt: skip

    def _save(self, wait: bool) -> None:
        """Writes a checkpoint and, while none was chosen, the newest policy."""
        if self._folder is None:
            return
        values = {"program": {"index": self._plans.begun, "figures": self.figures()}}
        directory, folder = self._folder.checkpoints, self._folder

        def write_newest(policy: Policy, updates: int) -> None:
            if self._choosing.best is None:
                training = {**self._training(), "updates": updates}
                folder.write_policy(policy, self.parameters, training)

        self.trainer.save(directory, values, wait, write_newest)

    def figures(self) -> dict[str, Any]:
        """How far it is, for a progress line and for the result."""
        trained_s, best = max(self.trained_s, 1e-9), self._choosing.best
        status = self.status
        return {
            "task": self._task.name,
            "worlds": self.config.worlds,
            "device": self.trainer.agent.device.type,
            "progress": round(min(self._progress(), 1.0), 4),
            "trained_s": round(trained_s, 2),
            "steps": status.training_ticks,
            "episodes": status.episodes,
            "updates": self.trainer.updates,
            "steps_per_s": round(status.training_ticks / trained_s, 1),
            "updates_per_s": round(self.trainer.updates / trained_s, 1),
            **self._completions(),
            "best_candidate": best.selection.candidate if best else None,
            "best_at": round(best.selection.progress, 4) if best else None,
            "seconds_to_target": self._target_s,
            "alarm": self.trainer.alarm,
        }

    def _result(self) -> PretrainResult:
        digest = self.trainer.agent.parameters_sha256()
        figures = {
            **self.figures(), "interrupted": self._interrupted, "parameters_sha256": digest,
        }  # fmt: skip
        best = self._choosing.best
        policy = best.policy if best is not None else self.trainer.candidate("learner")
        return PretrainResult(policy, figures, [vars(s) for s in self._choosing.selections])


def pretrain(
    config: PretrainConfig,
    run_dir: Path | None = None,
    stop: Callable[[], bool] = lambda: False,
    tell: Callable[[dict[str, Any]], None] = lambda figures: None,
) -> PretrainResult:
    """Trains a policy in a fleet of worlds; see Pretraining."""
    return Pretraining(config, run_dir, stop, tell).run()
