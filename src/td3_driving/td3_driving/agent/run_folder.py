"""A run's folder: configuration, metrics, TensorBoard events, checkpoints, policy, a curve.

config.yaml            every parameter of every node, as the run used them
metrics.jsonl          one line per episode
events.out.tfevents.*  TensorBoard
checkpoints/           whole states, to resume from
policy.safetensors     the best policy so far
learning_curve.png     completion over time
summary.json           what the run came to
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Protocol

import cv2
import numpy as np
import yaml
from torch.utils.tensorboard import SummaryWriter

from td3_driving.agent.parameters import AgentParameters
from td3_driving.agent.types import Assignment, Purpose
from td3_driving.driving.termination import Ending
from td3_driving.evaluation.metrics import EpisodeScore
from td3_driving.evaluation.story import Track, write_tracks
from td3_driving.learning import checkpoint
from td3_driving.learning.config import TD3Config
from td3_driving.learning.policy import Policy
from td3_driving.learning.policy_file import load_policy, save_policy

if TYPE_CHECKING:
    from td3_driving.agent.runner import Status

MAY_CHANGE = frozenset(
    {
        "steps", "minutes", "run_dir", "resume", "launch", "closing_test", "checkpoint_minutes",
        "checkpoints_kept", "host", "port", "silence_s", "test_episodes", "training",
    }
)  # fmt: skip
"""Parameters that a resumed run may set anew; all others must be those of the run."""

PICTURE_EVERY = 10
"""Episodes between two pictures on TensorBoard."""


class Learner(Protocol):
    """What a log tells of whoever learns."""

    @property
    def updates(self) -> int:
        """Updates done."""

    @property
    def metrics(self) -> Mapping[str, float]:
        """Figures of the last ones."""


class Run(Protocol):
    """What a log tells of a run: a Runner, or a fleet's training."""

    @property
    def trained_s(self) -> float:
        """Time trained."""

    @property
    def status(self) -> Status:
        """Its counters."""

    @property
    def trainer(self) -> Learner | None:
        """Whoever learns; None where nothing is learned."""


class Drawn(Protocol):
    """A path that can be drawn."""

    @property
    def points(self) -> np.ndarray:
        """(M, 2) x, y."""


class LoggedEpisode(Protocol):
    """What a log tells of an episode that is over; an EpisodeInProgress has it all."""

    @property
    def number(self) -> int: ...
    @property
    def ending(self) -> Ending | None: ...
    @property
    def steps(self) -> int: ...
    @property
    def episode_return(self) -> float: ...
    @property
    def completion(self) -> float: ...
    @property
    def term_sums(self) -> Mapping[str, float]: ...
    @property
    def route(self) -> Drawn: ...
    @property
    def xy(self) -> Sequence[tuple[float, float]] | np.ndarray: ...
    @property
    def speeds_mps(self) -> Sequence[float] | np.ndarray: ...
    @property
    def last_stack(self) -> np.ndarray: ...


class RunFolderError(RuntimeError):
    """The run folder can't be used; says why and what to do."""


def _differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    # An agent in a process of its own knows no other node's parameters.
    return [
        f"{node}.{name}: {old[node].get(name)!r} -> {new[node].get(name)!r}"
        for node in sorted({*old} & {*new})
        for name in sorted({*old[node], *new[node]} - MAY_CHANGE)
        if old[node].get(name) != new[node].get(name)
    ]


def read_config(folder: Path) -> dict[str, dict[str, Any]]:
    """The parameters, by node and name, of the run in a folder.

    Raises:
        RunFolderError: there is no run, or its config.yaml is not what a run writes.
    """
    file = folder / "config.yaml"
    try:
        config = yaml.safe_load(file.read_text())
    except (FileNotFoundError, NotADirectoryError):
        raise RunFolderError(f"{folder} holds no run to resume; leave out --resume") from None
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise RunFolderError(f"{file} can't be read: {error}") from error
    if not isinstance(config, dict) or not all(isinstance(v, dict) for v in config.values()):
        raise RunFolderError(f"{file} does not hold parameters by node; was it edited?")
    return config


def write_whole(file: Path, text: str) -> None:
    """Writes a file so that it is there with all of the text, or as it was before."""
    temporary = file.with_name(f".writing-{file.name}")
    temporary.write_text(text)
    temporary.replace(file)


def _is_of_launch(folder: Path, config: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether the run in a folder, if any, was begun or resumed last by the launch in `config`."""
    launch = config.get("td3_agent", {}).get("launch", "")
    try:
        return bool(launch) and read_config(folder)["td3_agent"]["launch"] == launch
    except (RunFolderError, KeyError):
        return False


class RunFolder:
    """Opens a folder for a new run, or for one to be resumed.

    A launch whose agent died begins it anew, with the same parameters: a run that was begun or
    resumed by the launch that td3_agent.launch names is gone on with, or begun anew where it had
    saved nothing yet.

    Args:
        path: The folder.
        config: Parameters by node and name.
        resume: Go on with the run in it.

    Attributes:
        resumed: Whether there is a run to go on with.

    Raises:
        RunFolderError: not writable; a run is in it already; nothing to resume; or it belongs to a
            run of another configuration, with the parameters that differ.
    """

    def __init__(
        self, path: Path | str, config: Mapping[str, Mapping[str, Any]], resume: bool
    ) -> None:
        self.path = Path(path).expanduser().absolute()
        self.checkpoints = self.path / "checkpoints"
        self.metrics_file = self.path / "metrics.jsonl"
        own = _is_of_launch(self.path, config)
        self.resumed = resume or (own and checkpoint.newest(self.checkpoints) is not None)
        if self.resumed:
            changes = _differences(read_config(self.path), config)
            if changes:
                raise RunFolderError(
                    f"the run in {self.path} has another configuration ({'; '.join(changes)}); "
                    "resume it with its own settings, or choose another --run-dir"
                )
        try:
            self._open(config, own or self.resumed)
        except OSError as error:
            raise RunFolderError(
                f"the run folder {self.path} is not writable ({error.strerror}); choose another "
                "--run-dir"
            ) from error
        self._logged_updates = self._logged_refusals = 0
        self._speed_from = (0.0, 0, 0)
        self._tracks: list[Track] = []
        if own and not self.resumed:
            self.forget_after(0)

    def _open(self, config: Mapping[str, Mapping[str, Any]], may_hold: bool) -> None:
        # A folder in which nothing was ever driven holds no run.
        if not may_hold and (self.metrics_file.exists() or self.checkpoints.exists()):
            raise RunFolderError(
                f"{self.path} holds a run already; go on with it by --resume, or choose another "
                "--run-dir"
            )
        self.path.mkdir(parents=True, exist_ok=True)
        text = yaml.safe_dump({node: dict(values) for node, values in config.items()})
        write_whole(self.path / "config.yaml", text)
        self._board = SummaryWriter(str(self.path), flush_secs=10)
        self._metrics: IO[str] | None = None

    # --- Policies ---

    @property
    def policy(self) -> Path:
        """The best policy's file."""
        return self.path / "policy.safetensors"

    def write_policy(
        self, policy: Policy, parameters: AgentParameters, training: Mapping[str, Any]
    ) -> None:
        """Replaces the best policy's file; `training` says how it was trained."""
        save_policy(self.policy, policy, asdict(parameters), training)

    def read_policy(self, config: TD3Config) -> Policy:
        """The best policy.

        Raises:
            RunFolderError: its architecture is not the run's.
        """
        policy, info = load_policy(self.policy)
        if info.config != config:
            raise RunFolderError(f"{self.policy} belongs to another configuration than the run")
        return policy

    # --- Logs ---

    def log_update(self, updates: int, metrics: Mapping[str, float]) -> None:
        """Writes the learner's figures to TensorBoard: every tenth update, and each refusal."""
        refusals = int(metrics.get("health/refused_updates", 0))
        if updates - self._logged_updates < 10 and refusals == self._logged_refusals:
            return
        self._logged_updates, self._logged_refusals = updates, refusals
        for name, value in metrics.items():
            self._board.add_scalar(name, value, updates)

    def log_episode(
        self,
        runner: Run,
        assignment: Assignment,
        episode: LoggedEpisode,
        score: EpisodeScore | None,
    ) -> None:
        """Writes an episode to metrics.jsonl, and training episodes to TensorBoard."""
        status, trainer = runner.status, runner.trainer
        ticks = status.training_ticks
        assert episode.ending is not None
        line: dict[str, Any] = {
            "time_s": round(runner.trained_s, 2),
            "steps": ticks,
            "updates": trainer.updates if trainer is not None else 0,
            "episode": episode.number,
            "purpose": assignment.purpose.value,
            "driver": assignment.driver,
            "map": assignment.plan.map,
            "length": episode.steps,
            "return": round(episode.episode_return, 4),
            "completion_pct": round(100.0 * episode.completion, 2),
            "ended_by": episode.ending.reason.value,
        }
        if score is not None:
            line["mean_speed_mps"] = round(score.mean_speed_mps, 3)
            line["lane_deviation_m"] = round(score.lane_deviation_m, 3)
        if trainer is not None:
            line |= {name: round(value, 6) for name, value in trainer.metrics.items()}
        self._write_line(line)
        if assignment.purpose in (Purpose.UNTRAINED, Purpose.TEST) and score is not None:
            self._tracks.append(
                Track(
                    assignment.purpose.value, assignment.plan.map, line["ended_by"],
                    episode.route.points, np.array(episode.xy), np.array(episode.speeds_mps),
                )
            )  # fmt: skip
        if assignment.purpose is not Purpose.TRAIN:
            self._board.add_scalar(
                f"{assignment.purpose.value}/{assignment.driver}_completion_pct",
                line["completion_pct"],
                ticks,
            )
            return
        for name in ("return", "completion_pct", "length"):
            self._board.add_scalar(f"episode/{name}", line[name], ticks)
        self._log_speed(runner.trained_s, ticks, line["updates"])
        for name, value in episode.term_sums.items():
            self._board.add_scalar(f"reward/{name}", value, ticks)
        if status.episodes % PICTURE_EVERY == 1:
            stack = episode.last_stack
            self._board.add_image("camera/newest_frame", stack[-1][None], ticks)
            self._board.add_image(
                "trajectory", trajectory_picture(episode), ticks, dataformats="HWC"
            )

    @property
    def metrics_bytes(self) -> int:
        """Length of metrics.jsonl."""
        return self.metrics_file.stat().st_size if self.metrics_file.exists() else 0

    def forget_after(self, length: int) -> None:
        """Cuts off what metrics.jsonl says of episodes that will be driven once more."""
        if self.metrics_bytes > length:
            with self.metrics_file.open("r+b") as file:
                file.truncate(length)

    def _write_line(self, line: Mapping[str, Any]) -> None:
        if self._metrics is None:
            torn = self.metrics_file.exists() and not self.metrics_file.read_bytes().endswith(b"\n")
            self._metrics = self.metrics_file.open("a", buffering=1)
            # What a crash cut short must not swallow the next line.
            self._metrics.write("\n" * torn)
        self._metrics.write(json.dumps(line, allow_nan=False) + "\n")

    def _log_speed(self, trained_s: float, ticks: int, updates: int) -> None:
        """How fast it goes, from one training episode to the next, selections included."""
        then_s, ticks_then, updates_then = self._speed_from
        self._speed_from = (trained_s, ticks, updates)
        if then_s and trained_s > then_s:
            for name, count in (("steps", ticks - ticks_then), ("updates", updates - updates_then)):
                self._board.add_scalar(f"time/{name}_per_s", count / (trained_s - then_s), ticks)

    def close(self) -> None:
        """Flushes everything to the disk."""
        if self._tracks:
            write_tracks(self.path / "closing_test.npz", self._tracks)
        if self._metrics is not None:
            self._metrics.close()
        self._board.close()


def trajectory_picture(episode: LoggedEpisode, size: int = 256) -> np.ndarray:
    """The route in grey and the way driven in red, from above; uint8 (size, size, 3) RGB."""
    route, driven = episode.route.points, np.array(episode.xy)
    low = np.minimum(route.min(axis=0), driven.min(axis=0)) - 5.0
    span = float((np.maximum(route.max(axis=0), driven.max(axis=0)) + 5.0 - low).max())
    picture = np.full((size, size, 3), 245, np.uint8)

    def pixels(points: np.ndarray) -> np.ndarray:
        x, y = ((points - low) / span * (size - 1)).T
        return np.column_stack([x, size - 1 - y]).round().astype(np.int32)[None]

    cv2.polylines(picture, list(pixels(route)), False, (160, 160, 160), 3, cv2.LINE_AA)
    cv2.polylines(picture, list(pixels(driven)), False, (210, 40, 40), 2, cv2.LINE_AA)
    return picture
