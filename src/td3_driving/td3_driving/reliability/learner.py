"""Cases of a learner that is fed what is not finite, or has no memory, without a graph."""

from __future__ import annotations

import os
import resource
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from td3_driving.agent.parameters import AgentParameters
from td3_driving.agent.trainer import OnlineTrainer
from td3_driving.learning import checkpoint
from td3_driving.learning.errors import NonFiniteError, ReplayMemoryError
from td3_driving.reliability.case import Figures, NotInjected, Register, require
from td3_driving.reliability.files import PARAMETERS, drive, raises, sight, trainer_that_drove

LEARNER = Register()
case = LEARNER.case

ROOM_BYTES = 16 << 20
"""What a process without memory may still take."""
CAPACITY = 400_000
"""Of a replay far beyond that, and beyond what a process may free meanwhile: 2.8 GB."""


@case("NaN and infinity in rewards, observations and weights: refused by name, nothing learned")
def learner_not_finite(folder: Path) -> Figures:
    """At the replay's door, and in the networks themselves."""
    with trainer_that_drove() as trainer:
        trainer.begin(sight(0))
        action = trainer.explore(sight(0), progress=0.0)
        bad = (np.nan, np.inf, -np.inf)
        for value in bad:
            raises(NonFiniteError, lambda v=value: trainer.store(action, v, sight(1), False, False))
            raises(
                NonFiniteError,
                lambda v=value: trainer.store(action, 0.0, sight(1, v), False, False),
            )
        trainer.abort()
        require(trainer.replay.stored == 12, "something of it was stored")
        trainer.wait()
        good = {name: p.clone() for name, p in trainer.agent.actor.named_parameters()}
        with torch.no_grad():
            next(iter(trainer.agent.critic.parameters()))[:] = torch.nan
        drive(trainer, 40)
        trainer.wait()
        drive(trainer, 8)
        require("refused" in (trainer.alarm or "") or trainer.agent.non_finite, "no refusal")
        same = all(torch.equal(p, good[n]) for n, p in trainer.agent.actor.named_parameters())
        require(same, "the actor learned from a critic that is NaN")
        refused = trainer.agent.non_finite
    return {"refused": 2 * len(bad) + refused}


@case("a replay for which there is no memory: refused before anything starts, by the figure")
def replay_too_large(folder: Path) -> Figures:
    """A replay for which no machine has room."""
    huge = AgentParameters(replay_capacity=100_000_000)
    why = raises(ReplayMemoryError, lambda: OnlineTrainer(huge, 4))
    require("GiB" in why or "GB" in why, f"it does not say how much: {why}")
    return {"refused": 1}


@case("a loss or gradient that is infinite or NaN: refused before a weight changes, and learned on")
def loss_or_gradient_not_finite(folder: Path) -> Figures:
    """An overflow in the loss; a gradient of the critic's CNN; one of the actor's."""
    with trainer_that_drove() as trainer:
        trainer.wait()
        agent = trainer.agent
        refused = agent.non_finite

        def refuses(why: str) -> None:
            before = agent.parameters_sha256()
            said = raises(NonFiniteError, lambda: agent.train(trainer.replay))
            require(why in said, f"wanted {why!r}, it says {said!r}")
            require(agent.parameters_sha256() == before, f"{why}: weights were changed")

        rewards = trainer.replay._arrays["reward"]
        good = rewards.copy()
        rewards[:] = 1e30
        refuses("critic's loss is")
        rewards[:] = good
        for value in (float("inf"), float("nan")):
            weight = next(agent.critic_cnn.parameters())
            spoilt = weight.register_hook(lambda g, v=value: g * v)
            refuses("critic's gradient norm is")
            spoilt.remove()
        updates = agent.updates
        agent.train(trainer.replay)
        require(agent.updates == updates + 1, "learning did not go on")
        return {"refused": agent.non_finite - refused}


def _in_child(work: Callable[[], None]) -> str:
    """What a process of its own, which has little more memory than it has taken, says of it."""
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            try:
                work()
                said = "nothing went wrong"
            except Exception as error:
                said = f"{type(error).__name__}: {error}"
            os.write(theirs, said.encode()[:4000])
        finally:
            os._exit(0)
    os.close(theirs)
    with os.fdopen(ours) as told:
        said = told.read()
    os.waitpid(child, 0)
    return said


def _take_no_more_memory() -> None:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + ROOM_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


@case(
    "memory that ends when the replay is allocated: refused by the figure, before anything starts"
)
def out_of_memory_at_allocation(folder: Path) -> Figures:
    """The machine has it, the process may not take it."""

    def work() -> None:
        _take_no_more_memory()
        OnlineTrainer(replace(PARAMETERS, replay_capacity=CAPACITY), 4)

    said = _in_child(work)
    require(said.startswith("ReplayMemoryError") and str(CAPACITY) in said, f"it says {said!r}")
    return {"refused": 1}


@case(
    "memory that ends in an update: told, and what was learned and stored is saved on the way out"
)
def out_of_memory_in_an_update(folder: Path) -> Figures:
    """torch says RuntimeError; the process ends as for any other error, and saves."""

    def work() -> None:
        with trainer_that_drove(replace(PARAMETERS, batch_size=256)) as trainer:
            trainer.wait()
            trainer.save(folder / "starved", {}, keep=2)
            _take_no_more_memory()
            try:
                drive(trainer, 12)
                trainer.wait()
                drive(trainer, 12)
            finally:
                trainer.abort()
                trainer.save(folder / "starved", {}, keep=2)

    said = _in_child(work)
    if "allocate memory" not in said:
        raise NotInjected(f"it says {said!r}")
    saved = checkpoint.newest(folder / "starved")
    require(saved is not None and not saved.passed_over, "no whole checkpoint was left")
    assert saved is not None
    require(saved.path.name == "checkpoint-000002", f"the newest is {saved.path.name}")
    return {"stored": saved.state["replay"]["transitions"]}
