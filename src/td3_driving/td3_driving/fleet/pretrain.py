"""Pre-training: a fleet of worlds teaches one policy, without ROS; for a GPU, or a quick look."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from td3_driving.agent.episode import EpisodeInProgress
from td3_driving.agent.program import CANDIDATES, Selection, held_out_plan
from td3_driving.agent.run_folder import RunFolder
from td3_driving.agent.runner import Status
from td3_driving.agent.task import driving_task, resolved
from td3_driving.agent.types import Assignment, Purpose
from td3_driving.driving.episodes import MAP_SPLIT, EpisodePlan, training_plan
from td3_driving.evaluation.curve import draw_learning_curve
from td3_driving.evaluation.metrics import EpisodeScore, score
from td3_driving.fleet.config import PretrainConfig
from td3_driving.fleet.driving import PolicyDriver, decide, drive
from td3_driving.fleet.learner import FleetLearner
from td3_driving.fleet.worlds import FleetWorlds
from td3_driving.learning.policy import Policy

FIRST_SELECTION = 0.15
"""Share of the run before which no policy is scored."""
_PREPARED_AHEAD = 64


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
        self.trainer = FleetLearner(self.parameters, config.worlds)
        self.status = Status(purpose=Purpose.TRAIN.value)
        self._folder: RunFolder | None = None
        if run_dir is not None:
            settings = {
                "td3_agent": asdict(self.parameters), "fleet": {"worlds": config.worlds}
            }  # fmt: skip
            self._folder = RunFolder(run_dir, settings, resume=False)
        self._selections: list[Selection] = []
        self._best: Policy | None = None
        self._index = 0
        self._began = self._saved_at = self._told_at = clock()
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
        p = self.parameters
        with ExitStack() as stack:
            if self._folder is not None:
                stack.callback(self._folder.close)
            stack.callback(self.trainer.close)
            keep = p.training_maps + 8
            worlds = stack.enter_context(
                FleetWorlds(self._task, self.config.worlds, self.config.threads, keep_maps=keep)
            )
            self._selection_worlds = stack.enter_context(
                FleetWorlds(self._task, len(CANDIDATES) * p.selection_episodes, self.config.threads)
            )
            self._selection_worlds.prepare(a.plan for a in self._selection())
            stack.callback(self._save, wait=True)
            self._began = self._saved_at = self._clock()
            try:
                self._train(worlds)
            except _Stopped:
                self._interrupted = True
            self.trainer.adopt()
            result = self._result()
        if self._folder is not None:
            draw_learning_curve(self._folder.metrics_file, self._folder.path / "learning_curve.png")
        return result

    # --- Training ---

    def _train(self, worlds: FleetWorlds) -> None:
        trainer, everyone = self.trainer, list(range(len(worlds)))
        episodes: dict[int, EpisodeInProgress] = {}
        self._restart(worlds, episodes, everyone)
        sights = [episodes[i].see() for i in everyone]
        for stream, sight in zip(trainer.streams, sights, strict=True):
            stream.begin(sight.image[-1], sight.vector)
        while self._progress() < 1.0 and self._target_s is None:
            self._check()
            actions = trainer.explore(sights, self._progress())
            trainer.learn()
            driven = [episodes[i] for i in everyone]
            steps_before = sum(episode.steps for episode in driven)
            decide(worlds, driven, everyone, actions)
            self.status.training_ticks += sum(e.steps for e in driven) - steps_before
            trainer.adopt()
            sights = [episode.see() for episode in driven]
            for i, episode in enumerate(driven):
                ending, sight = episode.ending, sights[i]
                trainer.streams[i].append(
                    actions[i], episode.take_reward(), ending is not None and ending.terminated,
                    ending is not None and ending.truncated, sight.image[-1], sight.vector,
                )  # fmt: skip
            trainer.decisions += len(worlds)
            over = [i for i in everyone if episodes[i].ending is not None]
            for i in over:
                self._log(episodes[i])
            self._restart(worlds, episodes, over)
            for i in over:
                sights[i] = episodes[i].see()
                trainer.streams[i].begin(sights[i].image[-1], sights[i].vector)
            self._after_a_round()

    def _restart(
        self, worlds: FleetWorlds, episodes: dict[int, EpisodeInProgress], indices: list[int]
    ) -> None:
        """Starts the next episode in each of these worlds."""
        if not indices:
            return
        plans = [self._plan(self._index + k) for k in range(len(indices))]
        self._index += len(indices)
        worlds.prepare(
            self._plan(self._index + ahead)
            for ahead in range(0, _PREPARED_AHEAD, self.parameters.episodes_per_map)
        )
        starts = worlds.reset_many(indices, plans)
        for i, plan, (tick, route) in zip(indices, plans, starts, strict=True):
            assignment = Assignment(Purpose.TRAIN, plan, "learner")
            episodes[i] = EpisodeInProgress(self._task, assignment, route, tick)

    def _plan(self, index: int) -> EpisodePlan:
        p, task = self.parameters, self._task
        pool: range | str = task.map or range(p.training_maps)
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
        if self._folder is not None:
            self._folder.log_update(self.trainer.updates, self.trainer.metrics)
        now, progress = self._clock(), self._progress()
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
        episodes = drive(self._selection_worlds, assignments, PolicyDriver(policies), self._check)
        scores: dict[str, list[EpisodeScore]] = {name: [] for name in CANDIDATES}
        for assignment, episode in zip(assignments, episodes, strict=True):
            result = self._log(episode)
            if result is not None:
                scores[assignment.driver].append(result)
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

    def _log(self, episode: EpisodeInProgress) -> EpisodeScore | None:
        """Writes an episode down; returns its score, None if it ended before its first tick."""
        record = episode.record()
        result = None if record is None else score(record)
        if episode.assignment.purpose is Purpose.TRAIN:
            self.status.episodes += 1
            self.status.returns.append(episode.episode_return)
            self.status.completions.append(100.0 * episode.completion)
        if self._folder is not None:
            self._folder.log_episode(self, episode.assignment, episode, result)
        return result

    def _write_policy(self) -> None:
        if self._folder is not None and self._best is not None:
            training = {**self.figures(), "seed": self.parameters.seed}
            self._folder.write_policy(self._best, self.parameters, training)

    def _save(self, wait: bool) -> None:
        """Writes a checkpoint and, while none was chosen, the newest policy."""
        if self._folder is None:
            return
        values = {"program": {"index": self._index, "figures": self.figures()}}
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
