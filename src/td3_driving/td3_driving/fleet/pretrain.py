"""Pre-training: a fleet of worlds teaches one policy, without ROS; for a GPU, or a quick look."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from td3_driving.agent.program import CANDIDATES, Selection, held_out_plan
from td3_driving.agent.run_folder import RunFolder
from td3_driving.agent.runner import Status
from td3_driving.agent.task import driving_task, resolved
from td3_driving.agent.types import Assignment, Purpose
from td3_driving.driving.episodes import MAP_SPLIT, EpisodePlan, training_plan
from td3_driving.evaluation.curve import draw_learning_curve
from td3_driving.evaluation.metrics import EpisodeScore
from td3_driving.fleet.config import PretrainConfig
from td3_driving.fleet.driving import PolicyDriver, drive
from td3_driving.fleet.fleet import Fleet
from td3_driving.fleet.learner import FleetLearner
from td3_driving.fleet.outcome import EpisodeOutcome
from td3_driving.fleet.workers import make_fleet
from td3_driving.learning.policy import Policy

FIRST_SELECTION = 0.15
"""Share of the run before which no policy is scored."""
_NOTES_EVERY_S = 0.25
"""Between two notes of the learner's figures; each takes as long as a decision of some worlds."""


@dataclass(frozen=True)
class PretrainResult:
    """What came of it; JSON-able but for the policy.

    Args:
        policy: The best one on selection maps; the newest if none was scored.
        figures: Steps (ticks of all worlds), updates, times, speeds, best score.
        selections: Every score on selection maps.
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
        self._begun = [0] * config.worlds
        with ExitStack() as stack:
            # The fleet first: it gets ready while the learner does.
            self._fleet = self._make_fleet(stack)
            self.trainer = FleetLearner(self.parameters, config.worlds)
            self._folder: RunFolder | None = None
            if run_dir is not None:
                settings = {
                    "td3_agent": asdict(self.parameters), "fleet": {"worlds": config.worlds}
                }  # fmt: skip
                self._folder = RunFolder(run_dir, settings, resume=False)
            self._open = stack.pop_all()
        self._selections: list[Selection] = []
        self._best: Policy | None = None
        self._began = self._saved_at = self._told_at = self._noted_at = clock()
        self._target_s: float | None = None
        self._interrupted = False
        count = self.parameters.selections
        self._points = np.linspace(FIRST_SELECTION, 1.0, count).tolist() if count else []

    @property
    def trained_s(self) -> float:
        """Wall time since the start."""
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
            self._began = self._saved_at = self._clock()
            self.trainer.prepare()
            try:
                self._train()
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
        selection = self._selection() if p.selections else []
        fleet = stack.enter_context(
            make_fleet(
                p, config.worlds + len(selection), config.workers, config.threads,
                p.training_maps + p.selection_episodes + 8,
            )
        )  # fmt: skip
        fleet.prepare({i: self._plan(i) for i in range(config.worlds)})
        fleet.prepare({config.worlds + i: a.plan for i, a in enumerate(selection)})
        return fleet

    def _train(self) -> None:
        trainer, fleet = self.trainer, self._fleet
        everyone = list(range(self.config.worlds))
        steps = fleet.board.steps[: len(everyone)]
        self._begin(everyone)
        while self._progress() < 1.0 and self._target_s is None:
            self._check()
            actions = trainer.explore(fleet.board.observation(everyone), self._progress())
            trainer.learn()
            before = int(steps.sum())
            over = fleet.decide(everyone, actions)
            self.status.training_ticks += int(steps.sum()) - before
            trainer.adopt()
            trainer.store(fleet.board, actions)
            for outcome in over.values():
                self._log(outcome)
            if over:
                self._begin(list(over))
            self._after_a_round()

    def _begin(self, indices: list[int]) -> None:
        """Begins the next episode in each of these worlds."""
        self._fleet.begin({i: Assignment(Purpose.TRAIN, self._plan(i), "learner") for i in indices})
        self.trainer.begin(self._fleet.board, indices)
        for i in indices:
            self._begun[i] += 1
        ahead = self.parameters.episodes_per_map
        self._fleet.prepare({i: self._plan(i, ahead) for i in indices})

    def _plan(self, world: int, ahead: int = 0) -> EpisodePlan:
        """What a world drives next, or so many episodes later.

        Each world has maps of its own, so that none is prepared by more than one worker.
        """
        p, task, worlds = self.parameters, self._task, self.config.worlds
        block, place = divmod(self._begun[world] + ahead, p.episodes_per_map)
        index = (block * worlds + world) * p.episodes_per_map + place
        maps = range(p.training_maps)
        pool: range | str = task.map or maps[world % len(maps) :: worlds]
        return training_plan(
            p.seed, index, task.kind, pool, p.episodes_per_map, task.episode_s, task.starts
        )

    def _progress(self) -> float:
        p = self.parameters
        if p.steps:
            return self.status.training_ticks / p.steps
        return self.trained_s / (60.0 * p.minutes)

    def _after_a_round(self) -> None:
        """Scores, saves and tells when it is time to."""
        now, progress = self._clock(), self._progress()
        if self._folder is not None and now - self._noted_at >= _NOTES_EVERY_S:
            self._noted_at = now
            self._folder.log_update(self.trainer.updates, self.trainer.metrics)
        if self._points and progress >= self._points[0]:
            self._points = [point for point in self._points if point > progress]
            self._select(progress)
        if now - self._saved_at >= 60.0 * self.parameters.checkpoint_minutes:
            self._saved_at = now
            self._save(wait=False)
        if now - self._told_at >= 1.0:
            self._told_at = now
            self._tell(self.figures())

    def _check(self) -> None:
        if self._stop():
            raise _Stopped

    # --- Choosing ---

    def _selection(self) -> list[Assignment]:
        seeds = MAP_SPLIT.selection[:1000]
        return [
            Assignment(Purpose.SELECT, held_out_plan(self.parameters, seeds, i), candidate)
            for candidate in CANDIDATES
            for i in range(self.parameters.selection_episodes)
        ]

    def _select(self, progress: float) -> None:
        """Scores the learner and its average; keeps the best policy so far."""
        policies = {name: self.trainer.candidate(name) for name in CANDIDATES}
        assignments = self._selection()
        driver = PolicyDriver(policies)
        episodes = drive(self._fleet, assignments, driver, self._check, self.config.worlds)
        scores: dict[str, list[EpisodeScore]] = {name: [] for name in CANDIDATES}
        for assignment, episode in zip(assignments, episodes, strict=True):
            self._log(episode)
            if episode.score is not None:
                scores[assignment.driver].append(episode.score)
        for name, of_one in scores.items():
            mean_speed_mps = float(np.mean([s.mean_speed_mps for s in of_one]))
            selection = Selection(
                progress,
                name,
                float(np.mean([s.completion_pct for s in of_one])),
                abs(mean_speed_mps - self._task.target_speed_mps),
            )
            best = self._best_selection()
            self._selections.append(selection)
            if best is None or selection.rank >= best.rank:
                self._best = policies[name]
        target = self.config.target_completion_pct
        if target and max(s.completion_pct for s in self._selections[-2:]) >= target:
            self._target_s = round(self.trained_s, 2)
        self._write_policy()

    def _best_selection(self) -> Selection | None:
        return max(reversed(self._selections), key=lambda s: s.rank, default=None)

    # --- Writing ---

    def _log(self, episode: EpisodeOutcome) -> None:
        """Writes an episode down."""
        if episode.assignment.purpose is Purpose.TRAIN:
            self.status.episodes += 1
            self.status.returns.append(episode.episode_return)
            self.status.completions.append(100.0 * episode.completion)
        if self._folder is not None:
            self._folder.log_episode(self, episode.assignment, episode, episode.score)

    def _write_policy(self) -> None:
        if self._folder is not None and self._best is not None:
            training = {**self.figures(), "seed": self.parameters.seed}
            self._folder.write_policy(self._best, self.parameters, training)

    def _save(self, wait: bool) -> None:
        """Writes a checkpoint and, while none was chosen, the newest policy."""
        if self._folder is None:
            return
        values = {"program": {"index": sum(self._begun), "figures": self.figures()}}
        directory, folder = self._folder.checkpoints, self._folder

        def write_newest(policy: Policy, updates: int) -> None:
            if self._best is None:
                training = {**self.figures(), "updates": updates, "seed": self.parameters.seed}
                folder.write_policy(policy, self.parameters, training)

        self.trainer.save(directory, values, wait, write_newest)

    def figures(self) -> dict[str, Any]:
        """How far it is, for a progress line and for the result."""
        trained_s, best = max(self.trained_s, 1e-9), self._best_selection()
        status, completions = self.status, list(self.status.completions)
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
            "training_completion_pct": (
                round(float(np.mean(completions)), 2) if completions else None
            ),
            "best_completion_pct": round(best.completion_pct, 2) if best else None,
            "best_candidate": best.candidate if best else None,
            "seconds_to_target": self._target_s,
            "alarm": self.trainer.alarm,
        }

    def _result(self) -> PretrainResult:
        digest = self.trainer.agent.parameters_sha256()
        figures = {
            **self.figures(), "interrupted": self._interrupted, "parameters_sha256": digest,
        }  # fmt: skip
        policy = self._best if self._best is not None else self.trainer.candidate("learner")
        return PretrainResult(policy, figures, [vars(s) for s in self._selections])


def pretrain(
    config: PretrainConfig,
    run_dir: Path | None = None,
    stop: Callable[[], bool] = lambda: False,
    tell: Callable[[dict[str, Any]], None] = lambda figures: None,
) -> PretrainResult:
    """Trains a policy in a fleet of worlds; see Pretraining."""
    return Pretraining(config, run_dir, stop, tell).run()
