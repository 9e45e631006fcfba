"""Bags by the command that people use: what the graph drove is driven again, bit for bit."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from td3_driving.agent.learner import td3_config
from td3_driving.agent.parameters import AgentParameters
from td3_driving.agent.task import driving_task, resolved
from td3_driving.agent.trainer import OnlineTrainer
from td3_driving.bags.experience import Experience
from td3_driving.bags.reader import Bag
from td3_driving.bags.ticks import read_ticks
from td3_driving.cli.main import main
from td3_driving.learning import checkpoint
from td3_driving.learning.policy_file import save_policy
from td3_driving.learning.td3 import TD3Agent
from td3_driving.ros import topics

SMALL = ("--set", "td3_agent.batch_size=4", "--set", "td3_agent.replay_capacity=2000")


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable:
    """Runs the command in this process; returns the object on its last line."""
    monkeypatch.setenv("ROS_DOMAIN_ID", str(24 + os.getpid() % 3))

    def run(*arguments: str) -> dict[str, Any]:
        assert main(arguments) == 0
        return json.loads(capfd.readouterr().out.splitlines()[-1])

    return run


@pytest.mark.parametrize("task", ["lane_keeping", "route_following"])
def test_the_policy_that_drove_does_the_same_to_the_bit_off_line(
    command: Callable, tmp_path: Path, task: str
) -> None:
    parameters = resolved(AgentParameters(task=task))
    policy = tmp_path / "policy.safetensors"
    agent = TD3Agent.create(td3_config(parameters), 5)
    said = {"task": task, "action_repeat": parameters.action_repeat}
    save_policy(policy, agent.policy(), said, {})
    bags = tmp_path / "bags"
    command("evaluate", "--policy", str(policy), "--episodes", "2", "--record", str(bags), "--json")
    (bag,) = bags.iterdir()
    figures = command("replay", str(bag), "--policy", str(policy), "--json")
    assert figures["episodes"] == 2 and figures["decisions"] > 50
    assert figures["identical"]
    assert figures["action_error"]["all"]["max"] == 0.0
    assert figures["pictures_differ"] == figures["ticks_missing"] == figures["ticks_refused"] == 0


def test_a_bag_of_a_training_gives_the_memory_that_it_had(
    command: Callable, tmp_path: Path
) -> None:
    run, path = tmp_path / "run", tmp_path / "bag"
    given = ("--steps", "200", "--seed", "2", "--json", *SMALL)
    command("train", *given, "--run-dir", str(run), "--record", str(path))
    parameters = resolved(AgentParameters(seed=2, batch_size=4, replay_capacity=2000))
    live, again = (OnlineTrainer(parameters, learning_starts=10) for _ in range(2))
    try:
        saved = checkpoint.newest(run / "checkpoints")
        assert saved is not None
        checkpoint.load(saved, live.agent, live.replay)
        with Bag(path) as bag:
            assert bag.present >= {topic.name for topic in (topics.CLOCK, topics.DIAGNOSTICS)}
            experience = Experience(again, driving_task(parameters), (0.0,) * 4, (160, 120))
            experience.take("bag", read_ticks(bag))
        # The last tick of the run ends an episode whose end no message tells of.
        count = again.replay.stored
        assert live.replay.stored - 1 <= count <= live.replay.stored and count > 80
        for name, array in live.replay.view("transitions", 0, count).items():
            other = again.replay.view("transitions", 0, count)[name]
            assert np.array_equal(array, other), name
        rows = int(live.replay.view("transitions", 0, count)["row"][-1])
        for name, array in live.replay.view("rows", 0, rows).items():
            assert np.array_equal(array, again.replay.view("rows", 0, rows)[name]), name
    finally:
        live.close()
        again.close()

    given = ("--steps", "60", "--seed", "3", "--json", *SMALL)
    figures = command(
        "train", *given, "--run-dir", str(tmp_path / "second"), "--from-bag", str(path),
        "--pretrain-updates", "6",
    )  # fmt: skip
    assert figures["updates"] > 6, "what it remembers counts: it learns from the first decision on"
