"""The set-up checklist of a TD3 learner, run on a live agent.

Each row is an experiment on a copy: the agent itself, its gradients and its random numbers stay
as they are.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from td3_driving.learning.batch import Batch, TensorBatch
from td3_driving.learning.errors import LearningError
from td3_driving.learning.td3 import TD3Agent

MIN_ACTION_STD = 0.02
"""Standard deviation of an action dimension below which it counts as not explored."""

_CNNS = ("actor_cnn", "critic_cnn", "target_actor_cnn", "target_critic_cnn")
_OF_CNNS = (
    "two distinct CNN instances",
    "both CNNs in training mode",
    "CNN parameters in their network's optimiser",
    "no optimiser for a CNN alone",
    "the actor's Q1 sees the critic's own features",
    "target values use both target CNNs",
    "acting uses actor_cnn",
)
"""Rows that say nothing of a learner without pictures."""

_WHEN_SHARED = {
    "two distinct CNN instances": "one CNN for actor and critic, another for their targets",
    "target values use both target CNNs": "target values use the shared target CNN",
    "acting uses actor_cnn": "acting uses the shared CNN",
    "the actor's Q1 sees the critic's own features": "",
}
"""What these rows check instead where actor and critic share a CNN; the last holds of itself."""


@dataclass(frozen=True)
class Check:
    """One row of the checklist."""

    name: str
    """What must hold."""
    passed: bool
    figure: str
    """What was measured, with its unit or meaning."""
    detail: str
    """What is wrong and where to look; empty when passed."""


def run_checks(agent: TD3Agent, batch: Batch, recent_actions: np.ndarray) -> list[Check]:
    """Runs the whole checklist. Call it between two updates, from the thread that trains.

    Rows about CNNs alone are left out where there are none. With a shared CNN other rows stand
    for those that only hold of separate ones.

    Args:
        agent: left untouched.
        batch: real transitions, as FrameReplay.sample gives them.
        recent_actions: float (N, action_dim): actions taken lately, with their noise.
    """
    checked = TensorBatch.of(batch, agent.config).to(agent.device)
    experiments: dict[str, Callable[[], tuple[bool, str, str]]] = {
        "two distinct CNN instances": lambda: _distinct_cnns(agent),
        "both CNNs in training mode": lambda: _training_mode(agent),
        "CNN parameters in their network's optimiser": lambda: _cnn_in_optimizer(agent),
        "no optimiser for a CNN alone": lambda: _no_cnn_optimizer(agent),
        "gradients in every layer": lambda: _gradients_everywhere(agent, checked),
        "gradients within the clip": lambda: _within_clip(agent, checked),
        "critic update trains the critic's networks only": lambda: _critic_update(agent, checked),
        "actor update trains the actor's networks only": lambda: _actor_update(agent, checked),
        "the actor's Q1 sees the critic's own features": lambda: _q1_features(agent, checked),
        "target values use both target CNNs": lambda: _target_features(agent, checked),
        "targets follow their networks": lambda: _targets_follow(agent, checked),
        "acting uses actor_cnn": lambda: _acting(agent, batch),
        "every action dimension explored": lambda: _explored(recent_actions),
    }
    rows = []
    for name, experiment in experiments.items():
        if agent.config.image_shape is None and name in _OF_CNNS:
            continue
        if agent.config.shares_cnn:
            name = _WHEN_SHARED.get(name, name)
            if not name:
                continue
        try:
            passed, figure, detail = experiment()
        except LearningError as error:
            passed, figure, detail = False, "refused", str(error)
        rows.append(Check(name, passed, figure, "" if passed else detail))
    return rows


def _distinct_cnns(agent: TD3Agent) -> tuple[bool, str, str]:
    if agent.config.shares_cnn:
        cnns = [getattr(agent, name) for name in _CNNS]
        found = len({id(cnn) for cnn in cnns})
        one = cnns[0] is cnns[1] is not cnns[2] is cnns[3] and not _share_memory(cnns[0], cnns[2])
        return one, f"{found} instances", "give one CNN to both, and another to both as target"
    owners: dict[int, str] = {}
    shared = set()
    for name in _CNNS:
        for parameter in getattr(agent, name).parameters():
            owner = owners.setdefault(parameter.untyped_storage().data_ptr(), name)
            if owner != name:
                shared.add(f"{owner} and {name}")
    detail = f"weights are shared by {', '.join(sorted(shared))}; call make_cnn once for each"
    return not shared, f"{len(shared)} pairs share weights", detail


def _training_mode(agent: TD3Agent) -> tuple[bool, str, str]:
    idle = [
        name
        for name in ("actor_cnn", "critic_cnn")
        if not all(module.training for module in getattr(agent, name).modules())
    ]
    detail = f"{' and '.join(idle)} in eval mode; act through agent.policy(), which is a copy"
    return not idle, f"{2 - len(idle)} of 2 in training mode", detail


def _cnn_in_optimizer(agent: TD3Agent) -> tuple[bool, str, str]:
    times = {
        name: [
            _count(parameter, agent.optimizers[name])
            for parameter in getattr(agent, f"{name}_cnn").parameters()
        ]
        for name in ("actor", "critic")
    }
    due = {name: int(agent.config.trains_cnn(name)) for name in times}
    wrong = {name: counts for name, counts in times.items() if set(counts) != {due[name]}}
    right = sum(counts.count(due[name]) for name, counts in times.items())
    total = sum(len(counts) for counts in times.values())
    detail = (
        f"times each CNN parameter is in an optimiser: {wrong}, due {due}; it belongs together "
        "with the MLP's"
    )
    return not wrong, f"{right} of {total} places as due", detail


def _no_cnn_optimizer(agent: TD3Agent) -> tuple[bool, str, str]:
    cnn_ids = {id(p) for name in _CNNS for p in getattr(agent, name).parameters()}
    alone = [
        name
        for name, optimizer in _optimizers(agent)
        if {id(p) for group in optimizer.param_groups for p in group["params"]} <= cnn_ids
    ]
    detail = (
        f"{', '.join(alone)} holds CNN parameters only: its steps escape the clip over CNN and MLP"
    )
    return not alone, f"{len(alone)} such optimisers", detail


def _gradients_everywhere(agent: TD3Agent, batch: TensorBatch) -> tuple[bool, str, str]:
    probe = _updated(agent, batch)
    norms = {
        f"{network}.{name}": 0.0 if p.grad is None else float(p.grad.norm())
        for network in agent.online()
        for name, p in getattr(probe, network).named_parameters()
    }
    dead = [name for name, norm in norms.items() if not 0.0 < norm < float("inf")]
    detail = f"no (or no finite) gradient reaches {', '.join(dead)}"
    return not dead, f"smallest layer norm {min(norms.values()):.2g}", detail


def _within_clip(agent: TD3Agent, batch: TensorBatch) -> tuple[bool, str, str]:
    probe = _updated(agent, batch)
    norms, passed = [], True
    for name in ("actor", "critic"):
        gradients = [
            p.grad
            for part in agent.trained_by(name)
            for p in getattr(probe, part).parameters()
            if p.grad is not None
        ]
        norm = float(nn.utils.get_total_norm(gradients))
        limit = getattr(agent.config, f"{name}_grad_clip")
        passed &= norm <= limit * (1.0 + 1e-4)
        norms.append(f"{name} {norm:.3g} of {limit:g}")
    return passed, ", ".join(norms), "an applied gradient norm is above its clip"


def _critic_update(agent: TD3Agent, batch: TensorBatch) -> tuple[bool, str, str]:
    probe = _without_gradients(agent)
    probe.update_critic(batch)
    return _only_moved(agent, probe, "critic")


def _actor_update(agent: TD3Agent, batch: TensorBatch) -> tuple[bool, str, str]:
    probe = _without_gradients(agent)
    probe.update_actor(batch)
    return _only_moved(agent, probe, "actor")


def _only_moved(agent: TD3Agent, probe: TD3Agent, loss: str) -> tuple[bool, str, str]:
    """Whether exactly the networks that this loss trains have changed and have gradients."""
    trained = [getattr(agent, name) for name in agent.trained_by(loss)]
    due = {
        name
        for name in agent.online()
        if any(getattr(agent, name) is net for net in trained)
        and _has_weights(getattr(agent, name))
    }
    moved = {
        name for name in agent.online() if not _equal(getattr(agent, name), getattr(probe, name))
    }
    touched = {
        name
        for name in agent.online()
        if any(p.grad is not None and p.grad.any() for p in getattr(probe, name).parameters())
    }
    detail = (
        f"weights moved in {sorted(moved)}, gradients reached {sorted(touched)}, due {sorted(due)}"
    )
    return moved == touched == due, f"moved {', '.join(sorted(moved)) or 'nothing'}", detail


def _q1_features(agent: TD3Agent, batch: TensorBatch) -> tuple[bool, str, str]:
    plain, other = _without_gradients(agent), _without_gradients(agent)
    _perturb(other.critic_cnn)
    plain.update_actor(batch)
    other.update_actor(batch)
    differs = not _equal(plain.actor, other.actor)
    detail = (
        "another critic_cnn gives the same actor update, so Q1 is fed other features than its own"
    )
    return differs, f"critic_cnn {'matters' if differs else 'does not matter'}", detail


def _target_features(agent: TD3Agent, batch: TensorBatch) -> tuple[bool, str, str]:
    values = copy.deepcopy(agent).bellman_target(batch)
    matters = {}
    for name in _CNNS:
        probe = copy.deepcopy(agent)
        _perturb(getattr(probe, name))
        matters[name] = not torch.equal(probe.bellman_target(batch), values)
    used = [name for name, matter in matters.items() if matter]
    passed = used == ["target_actor_cnn", "target_critic_cnn"]  # the same one if it is shared
    return passed, f"used {', '.join(used) or 'none'}", "the target copies, and only they, are due"


def _targets_follow(agent: TD3Agent, batch: TensorBatch) -> tuple[bool, str, str]:
    probe = _updated(agent, batch)
    before = copy.deepcopy(probe)
    probe.update_targets()
    wrong, tau = [], agent.config.tau
    names = [name for name in agent.online() if _has_weights(getattr(agent, name))]
    for name in names:
        triples = zip(
            getattr(probe, f"target_{name}").parameters(),
            getattr(before, f"target_{name}").parameters(),
            getattr(probe, name).parameters(),
            strict=True,
        )
        followed = all(torch.allclose(now, old.lerp(online, tau)) for now, old, online in triples)
        still = _equal(getattr(probe, f"target_{name}"), getattr(before, f"target_{name}"))
        if not followed or still:
            wrong.append(f"target_{name}")
    return (
        not wrong,
        f"{len(names) - len(wrong)} of {len(names)} by tau = {tau:g}",
        f"{', '.join(wrong)} did not follow",
    )


def _acting(agent: TD3Agent, batch: Batch) -> tuple[bool, str, str]:
    assert batch.image is not None
    obs = {"image": batch.image[:1], "vector": batch.vector[:1]}
    action = agent.select_action(obs, deterministic=True)
    matters = {}
    for name in ("actor_cnn", "critic_cnn"):
        probe = copy.deepcopy(agent)
        _perturb(getattr(probe, name))
        matters[name] = not np.array_equal(probe.select_action(obs, deterministic=True), action)
    used = [name for name, matter in matters.items() if matter]
    due = ["actor_cnn", "critic_cnn"] if agent.config.shares_cnn else ["actor_cnn"]
    detail = f"a change of {' and '.join(due)} must change the action, and of no other CNN"
    return used == due, f"used {', '.join(used) or 'neither'}", detail


def _explored(actions: np.ndarray) -> tuple[bool, str, str]:
    if len(actions) < 2:
        return False, f"{len(actions)} actions", "let it act for some steps first"
    deviations = np.std(actions, axis=0)
    still = [index for index, value in enumerate(deviations) if not value > MIN_ACTION_STD]
    figure = f"std {', '.join(f'{value:.3f}' for value in deviations)}"
    return not still, figure, f"dimensions {still} hardly vary; look at the exploration noise"


def _updated(agent: TD3Agent, batch: TensorBatch) -> TD3Agent:
    """A copy after one real update of critic and actor."""
    probe = _without_gradients(agent)
    probe.update_critic(batch)
    probe.update_actor(batch)
    return probe


def _without_gradients(agent: TD3Agent) -> TD3Agent:
    probe = copy.deepcopy(agent)
    for _, network in probe.networks():
        network.zero_grad(set_to_none=True)
    return probe


@torch.no_grad()
def _perturb(cnn: nn.Module) -> None:
    for parameter in cnn.parameters():
        parameter.mul_(1.5)


def _equal(first: nn.Module, second: nn.Module) -> bool:
    return all(
        torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True)
    )


def _share_memory(first: nn.Module, second: nn.Module) -> bool:
    pairs = zip(first.parameters(), second.parameters(), strict=True)
    return any(a.data_ptr() == b.data_ptr() for a, b in pairs)


def _has_weights(network: nn.Module) -> bool:
    return next(network.parameters(), None) is not None


def _optimizers(agent: TD3Agent) -> Iterator[tuple[str, torch.optim.Optimizer]]:
    """Every optimiser that the agent holds, in an attribute or a container of one."""
    for name, value in vars(agent).items():
        if isinstance(value, torch.optim.Optimizer):
            yield name, value
        elif isinstance(value, dict | list | tuple):
            entries = value.items() if isinstance(value, dict) else enumerate(value)
            for key, entry in entries:
                if isinstance(entry, torch.optim.Optimizer):
                    yield f"{name}[{key!r}]", entry


def _count(parameter: nn.Parameter, optimizer: torch.optim.Optimizer) -> int:
    return sum(p is parameter for group in optimizer.param_groups for p in group["params"])
