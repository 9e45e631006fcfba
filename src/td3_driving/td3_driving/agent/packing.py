"""Packs the policy of a run for shipping, and writes the card that goes with it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from td3_driving.agent.run_folder import write_whole
from td3_driving.learning.policy import Policy
from td3_driving.learning.policy_file import load_policy, save_policy

MOST_BYTES = 8_000_000
"""Of a shipped file."""
MOST_CHANGE = 1e-3
"""Of any action by storing weights in half precision."""

_OF_ONE_RUN = frozenset({"mode", "policy", "run_dir", "resume", "launch"})
"""Parameters that say nothing of a policy, but maybe where somebody's files lie."""

Scores = dict[str, dict[str, Any]]
"""Figures and their "intervals" by who drove: the policy, and whom it is compared with."""

_FIGURES = {
    "completion_pct": "completion [%]",
    "success_pct": "success [%]",
    "driving_score": "driving score",
    "mean_speed_mps": "speed [m/s]",
    "lane_deviation_m": "off the centre [m]",
    "infractions_per_km": "infractions per km",
}


def pack(
    policy_file: Path,
    task: str,
    out: Path,
    scores: Scores | None = None,
    command: str = "",
    dtype: torch.dtype = torch.float16,
) -> Path:
    """Writes a policy as a file to ship, and its model card beside it.

    Args:
        policy_file: As a run wrote it.
        task: Its name; what the file says of its task must not contradict it.
        out: The file to write, by custom policies/TASK.safetensors.
        scores: Added to those in the file.
        command: That trained it; as the file has it unless given.
        dtype: Of the stored weights.

    Raises:
        ValueError: it is of another task, its actions would change, or it is too large.
        CheckpointError, FileNotFoundError: the run's policy cannot be read.
        OSError: it cannot be written.
    """
    policy, info = load_policy(policy_file)
    trained_for = info.task.get("task")
    if trained_for not in (None, "", task):
        raise ValueError(f"{policy_file} was trained for the task {trained_for!r}, not {task!r}")
    about = {name: value for name, value in info.task.items() if name not in _OF_ONE_RUN}
    training = {**info.training, "command": command or info.training.get("command", "")}
    training["scores"] = {**info.training.get("scores", {}), **(scores or {})}
    # In a place of its own until it is judged, so that a refusal leaves what is shipped as it was.
    draft = out.with_name(f".draft-{out.name}")
    try:
        save_policy(draft, policy, {**about, "task": task}, training, dtype)
        change = largest_change(policy, load_policy(draft)[0])
        if change > MOST_CHANGE:
            raise ValueError(
                f"in {dtype} an action of {policy_file} changes by {change:.1e}, more than "
                f"{MOST_CHANGE:g}; pack it with --float32"
            )
        if (size := draft.stat().st_size) > MOST_BYTES:
            raise ValueError(f"{policy_file} takes {size / 1e6:.1f} MB; at most 8 are shipped")
        draft.replace(out)
    finally:
        draft.unlink(missing_ok=True)
    write_whole(out.with_suffix(".md"), model_card(out))
    return out


def largest_change(one: Policy, other: Policy, observations: int = 64) -> float:
    """The largest difference of an action between two policies, over observations of all kinds.

    Pictures from smooth to noisy, dark to bright; vectors as spread as driving makes them.
    """
    random = np.random.default_rng(0)
    shape = one.config.image_shape
    obs = {
        "vector": random.standard_normal((observations, one.config.vector_dim)).astype(np.float32)
    }
    if shape is not None:
        level = random.uniform(0, 255, (observations, shape[0], 1, 1))
        slope = (
            random.uniform(-128, 128, (observations, 1, 1, 1))
            * np.linspace(-1, 1, shape[1])[None, None, :, None]
        )
        noise = random.uniform(0, 64, (observations, 1, 1, 1)) * random.standard_normal(
            (observations, *shape)
        )
        obs["image"] = np.clip(level + slope + noise, 0, 255).astype(np.uint8)
    change = one.select_action(obs) - other.select_action(obs)
    return float(np.abs(change).max())


def read_scores(files: Sequence[Path]) -> Scores:
    """Scores from JSON files: those of `evaluate`, or the summary.json of a run.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it holds no scores.
    """
    scores: Scores = {}
    for file in files:
        try:
            content = json.loads(file.read_text())
        except ValueError as error:
            raise ValueError(f"{file} is no JSON: {error}") from error
        found = _scores_in(content, file.stem)
        if not found:
            raise ValueError(f"{file} holds no scores: no figures with a completion_pct")
        scores |= found
    return scores


def _scores_in(content: Any, name: str) -> Scores:
    if isinstance(content, list):
        named = [item for item in content if isinstance(item, Mapping) and "name" in item]
        return {k: v for item in named for k, v in _scores_in(item, str(item["name"])).items()}
    if not isinstance(content, Mapping):
        return {}
    if "intervals" in content and "completion_pct" in content:
        return {name: dict(content)}
    found: Scores = {}
    for key, value in content.items():
        found |= _scores_in(value, str(key))
    return found


def model_card(file: Path) -> str:
    """The model card of a policy file, in Markdown; says what the file says, and no more."""
    policy, info = load_policy(file)
    weights = policy.state_dict()
    task, training = info.task, info.training
    facts = {
        "task": task.get("task", "unknown"),
        "size": f"{file.stat().st_size / 1e6:.1f} MB, "
        f"{sum(w.numel() for w in weights.values()):,} weights",
        "observation": _observation(info.config.image_shape, info.config.vector_dim),
        "waypoints": f"{task.get('waypoint_mode', 'unknown')}, "
        f"{task.get('waypoint_count', '?')} every {task.get('waypoint_spacing_m', '?')} m",
        "action": f"steer (+ right) and acceleration (+ throttle, - brake) in [-1, 1], "
        f"held for {task.get('action_repeat', '?')} ticks of 0.05 s",
        "reward": f"{task.get('reward', 'unknown')}, target speed "
        f"{task.get('target_speed_mps', '?')} m/s",
    }
    trained = {
        name.replace("_", " "): value
        for name, value in training.items()
        if name not in ("scores", "command") and value is not None
    }
    lines = [
        f"# {file.stem}",
        "",
        "A policy of td3_driving, trained with TD3. Written by `td3-driving policy pack`; "
        f"`td3-driving drive --policy {file.stem}` shows it at work.",
        "",
        *_table(("", ""), facts.items()),
        "",
        "## Training",
        "",
        f"    {training.get('command') or 'not recorded'}",
        "",
        *_table(("", ""), trained.items()),
        "",
        "## Scores",
        "",
        "On maps used neither for training nor for choosing the policy, with 95 % intervals.",
        "",
        *_score_table(training.get("scores", {})),
        "",
        "## Limits",
        "",
        "It has seen carla_lite's maps, camera and weather only, from one camera pose and with one "
        "vehicle. It is made for simulators: it must not drive on a road.",
    ]
    return "\n".join(lines) + "\n"


def _observation(image_shape: tuple[int, int, int] | None, vector_dim: int) -> str:
    vector = f"a vector of {vector_dim} numbers (speed, yaw rate, last steer, waypoints)"
    if image_shape is None:
        return vector
    frames, rows, columns = image_shape
    return f"{frames} grey pictures of {columns}x{rows}, and {vector}"


def _score_table(scores: Scores) -> list[str]:
    if not scores:
        return ["None recorded."]
    names = [name for name in _FIGURES if any(name in row for row in scores.values())]
    rows = [
        (who, *(_figure(row, name) for name in names), row.get("episodes", ""))
        for who, row in scores.items()
    ]
    return _table(("driver", *(_FIGURES[name] for name in names), "episodes"), rows)


def _figure(row: Mapping[str, Any], name: str) -> str:
    value, interval = row.get(name), row.get("intervals", {}).get(name)
    if value is None:
        return ""
    return f"{value:.2f}" + (f" ({interval[0]:.2f} to {interval[1]:.2f})" if interval else "")


def _table(head: Sequence[str], rows: Any) -> list[str]:
    def line(cells: Sequence[Any]) -> str:
        return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |"

    return [line(head), "|" + "---|" * len(head), *(line(row) for row in rows)]
