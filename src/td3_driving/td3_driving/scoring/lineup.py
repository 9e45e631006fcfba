"""Who takes part in an evaluation, and on which episodes; what can't be fair is refused."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from td3_driving.agent.build import load_driver
from td3_driving.agent.controls import CONTROLS, control
from td3_driving.agent.drivers import (
    LearnedDriver,
    PurePursuitDriver,
    RandomDriver,
    SeenPursuitDriver,
    policy_file,
)
from td3_driving.agent.learner import td3_config
from td3_driving.agent.parameters import AgentParameters
from td3_driving.agent.program import held_out_plan
from td3_driving.agent.task import driving_task, resolved
from td3_driving.agent.types import Driver
from td3_driving.driving.episodes import MAP_SPLIT, EpisodePlan, map_seed
from td3_driving.driving.observation import vector_dim
from td3_driving.driving.tasks import load_task
from td3_driving.learning.config import TD3Config
from td3_driving.learning.policy import Policy
from td3_driving.learning.policy_file import PolicyInfo, load_policy

BASELINES: Mapping[str, str] = {
    "pure_pursuit": "pure pursuit on the exact route",
    "pure_pursuit_seen": "pure pursuit on the waypoints seen",
    "random": "random",
    "untrained": "untrained",
}
"""Drivers to compare with, and how they are called on the page."""

POLICIES = "trained policies"
"""The group of several policies."""


@dataclass(frozen=True, slots=True, eq=False)
class Entrant:
    """One who takes part.

    Args:
        name: For people, and unique.
        group: Those of one group differ in their training seed alone.
        kind: "policy", "baseline" or "control".
        parameters: What it sees and where it drives.
        make: A driver with a memory of its own; the number seeds what is random in it.
        card: What a policy file says of itself.
        trained_on: The fixed map that it was trained on; empty for procedural ones.
    """

    name: str
    group: str
    kind: str
    parameters: AgentParameters
    make: Callable[[int], Driver]
    card: Mapping[str, str] = field(default_factory=dict)
    trained_on: str = ""


def line_up(
    parameters: AgentParameters,
    policies: Sequence[str],
    baselines: Sequence[str] = (),
    controls: Sequence[str] = (),
) -> list[Entrant]:
    """All who take part: the policies, their controls, and the baselines.

    Args:
        parameters: Of the agent; those that are left to the task follow the first policy.
        policies: Files, run folders, names of shipped ones, or baselines.
        baselines: Names of BASELINES.
        controls: Names of CONTROLS; each is applied to every trained policy.

    Raises:
        ValueError: an unknown name, a policy of another task or architecture, or a control without
            a policy to be applied to; the message names it.
        FileNotFoundError, LearningError: a policy can't be loaded.
    """
    names = list(dict.fromkeys(policies))
    baselines = [*(n for n in names if n in BASELINES), *baselines]
    _require_known("baseline", baselines, BASELINES)
    _require_known("control", controls, CONTROLS)
    files = [name for name in names if name not in BASELINES]
    trained = _trained(parameters, files)
    if controls and not trained:
        raise ValueError(f"control {controls[0]!r} needs a trained policy; give one by --policy")
    if not trained and not baselines:
        raise ValueError("nobody drives; give a policy")
    common = trained[0][0].parameters if trained else resolved(parameters)
    entrants = [entrant for entrant, _ in trained]
    for name in dict.fromkeys(controls):
        entrants += [_controlled(name, entrant, len(trained) > 1) for entrant, _ in trained]
    config = trained[0][1].config if trained else td3_config(common)
    entrants += [_baseline(name, common, config) for name in dict.fromkeys(baselines)]
    return entrants


def _require_known(what: str, names: Sequence[str], known: Mapping[str, Any]) -> None:
    for name in names:
        if name not in known:
            raise ValueError(f"{what} {name!r} is unknown; there are {', '.join(known)}")


def _trained(parameters: AgentParameters, files: Sequence[str]) -> list[tuple[Entrant, PolicyInfo]]:
    found: list[tuple[Entrant, PolicyInfo]] = []
    names = _short_names([policy_file(file) for file in files])
    for name, file in zip(names, files, strict=True):
        task = found[0][0].parameters.task if found else parameters.task
        asked = replace(parameters, policy=file, task=task)
        needs, _ = load_driver(asked)
        policy, info = load_policy(policy_file(file))
        _require_architecture(file, info, needs)
        entrant = Entrant(
            name,
            POLICIES if len(files) > 1 else name,
            "policy",
            needs,
            _learned(policy),
            _card(info),
            driving_task(needs).map or str(info.task.get("map", "")),
        )
        found.append((entrant, info))
    return found


def _learned(policy: Policy) -> Callable[[int], Driver]:
    return lambda seed: LearnedDriver(policy)


def _require_architecture(file: str, info: PolicyInfo, needs: AgentParameters) -> None:
    wanted = vector_dim(driving_task(needs).waypoint_count)
    if info.config.vector_dim != wanted or info.config.image_shape != (4, 84, 84):
        raise ValueError(
            f"policy {file} takes pictures of {info.config.image_shape} and a vector of "
            f"{info.config.vector_dim}, but the task {needs.task} shows (4, 84, 84) and {wanted}; "
            "it was trained for other observations"
        )


def _controlled(name: str, entrant: Entrant, several: bool) -> Entrant:
    label = CONTROLS[name][0]
    return replace(
        entrant,
        name=f"{label} ({entrant.name})" if several else label,
        group=label,
        kind="control",
        make=lambda seed: control(name, entrant.make(seed)),
        card={},
    )


def _baseline(name: str, common: AgentParameters, config: TD3Config) -> Entrant:
    if name == "pure_pursuit_seen" and driving_task(common).waypoints.mode == "none":
        raise ValueError(
            f"the task {common.task} shows no waypoints, so that pure_pursuit_seen has nothing to "
            "follow; take pure_pursuit, which follows the exact route"
        )
    makers: dict[str, Callable[[int], Driver]] = {
        "pure_pursuit": lambda seed: PurePursuitDriver(),
        "pure_pursuit_seen": lambda seed: SeenPursuitDriver(),
        "random": RandomDriver,
        "untrained": _learned(Policy.create(config, common.seed)),
    }
    label = BASELINES[name]
    return Entrant(label, label, "baseline", common, makers[name])


def plans(parameters: AgentParameters, entrants: Sequence[Entrant]) -> list[EpisodePlan]:
    """The episodes that all of them drive.

    Raises:
        ValueError: no episodes; map seeds, or a fixed map, that training or the choice of a policy
            use; the message names them.
    """
    seeds = range(parameters.test_first_seed, parameters.test_last_seed + 1)
    MAP_SPLIT.require_held_out(seeds)
    common = entrants[0].parameters
    found = [held_out_plan(common, seeds, i) for i in range(parameters.test_episodes)]
    for name in dict.fromkeys(plan.map for plan in found):
        seed = map_seed(name)
        if seed is not None and seed not in MAP_SPLIT.test:
            raise ValueError(
                f"{name} is no map for a test: training and the choice of policies use maps with "
                f"seeds below {MAP_SPLIT.test.start}"
            )
        for entrant in entrants:
            if entrant.kind != "baseline" and entrant.trained_on == name:
                raise ValueError(
                    f"{entrant.name} was trained on {name}; give another map by --map, or map seeds"
                )
    return found


def task_name(parameters: AgentParameters) -> str:
    """The task's own name, whether it was given by name or as a file."""
    return load_task(parameters.task).name


def _short_names(files: Sequence[Path]) -> list[str]:
    """The shortest names that tell files apart: of the file or its run, with folders if needed."""
    stems = [file.parent.name if file.stem == "policy" else file.stem for file in files]
    seen = Counter(stems)
    longer = [
        stem if seen[stem] == 1 else f"{file.parent.parent.name}/{file.parent.name}/{stem}"
        for stem, file in zip(stems, files, strict=True)
    ]
    again = Counter(longer)
    return [name if again[name] == 1 else f"{name} #{i + 1}" for i, name in enumerate(longer)]


def _card(info: PolicyInfo) -> dict[str, str]:
    """What a policy file says of itself, as lines of text."""
    lines: dict[str, str] = {}
    for part, values in (("task", info.task), ("training", info.training)):
        for name, value in values.items():
            text = value if isinstance(value, str) else json.dumps(value)
            if text not in ("", "null"):
                lines[f"{part}: {name}"] = text
    return lines
