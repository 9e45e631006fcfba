"""A policy looks at a recorded drive: what is compared, guarded, valued and expected."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from td3_driving.agent.critic import Critic
from td3_driving.agent.drivers import LearnedDriver
from td3_driving.agent.learner import td3_config
from td3_driving.agent.parameters import AgentParameters
from td3_driving.agent.task import driving_task
from td3_driving.agent.types import Sight
from td3_driving.bags.errors import BagError
from td3_driving.bags.expectation import first_difference, write_expectation
from td3_driving.bags.figures import figures
from td3_driving.bags.following import Follower
from td3_driving.bags.reader import Bag
from td3_driving.bags.replay import Replayed, Replayer
from td3_driving.bags.report import write_report
from td3_driving.bags.ticks import read_ticks
from td3_driving.cli.main import main
from td3_driving.driving.gate import GateLimits
from td3_driving.learning.policy_file import save_policy
from td3_driving.learning.td3 import TD3Agent

PARAMETERS = AgentParameters()
TASK = driving_task(PARAMETERS)
WHOLE = (0.0, 0.0, 0.0, 0.0)
MakeBag = Callable[..., Path]


class Told:
    """A driver that does what it is told, decision by decision."""

    def __init__(self, *actions: tuple[float, float]) -> None:
        self._actions = actions
        self.sights: list[Sight] = []

    def act(self, sight: Sight) -> np.ndarray:
        self.sights.append(sight)
        return np.array(self._actions[(len(self.sights) - 1) % len(self._actions)], np.float32)


def learned(seed: int = 0) -> LearnedDriver:
    torch.set_num_threads(1)
    return LearnedDriver(TD3Agent.create(td3_config(PARAMETERS), seed).policy())


def replay(path: Path, driver: Any, critic: Critic | None = None) -> Replayed:
    with Bag(path) as bag:
        replayer = Replayer(driver, Follower(TASK, WHOLE), GateLimits(), 0.05, critic)
        return replayer.replay(read_ticks(bag))


def test_what_was_driven_is_compared_decision_by_decision(
    make_bag: MakeBag, driven_action: Callable[[int, int], tuple[float, float]]
) -> None:
    replayed = replay(make_bag(episodes=2, steps=20), Told((0.1, 0.25), (-0.1, 0.5)))
    assert replayed.step.tolist() == 2 * list(range(0, 20, 2))
    assert replayed.episode.tolist() == 10 * [1] + 10 * [2]
    driven = [driven_action(e, s) for e in (1, 2) for s in range(0, 20, 2)]
    assert replayed.driven.tolist() == [list(action) for action in driven]
    values = figures(replayed)
    error = np.abs(np.array(driven) - np.tile([[0.1, 0.25], [-0.1, 0.5]], (10, 1)))
    for name, column in (("steer", error[:, 0]), ("acceleration", error[:, 1]),
                         ("all", error.max(axis=1))):  # fmt: skip
        assert values["action_error"][name] == pytest.approx(
            {"mean": column.mean(), "p95": np.percentile(column, 95), "max": column.max()}
        )
    assert (replayed.pictures_differ, replayed.missing, replayed.refused) == (0, 0, 0)
    assert values["duration_s"] == pytest.approx(2 * 21 * 0.05)
    largest = [moment.difference for moment in replayed.worst]
    assert largest == sorted(largest, reverse=True)
    assert largest[0] == pytest.approx(error.max())


def test_a_policy_sees_what_perception_published(make_bag: MakeBag) -> None:
    driver = Told((0.0, 0.0))
    path = make_bag(episodes=1, steps=20)
    replay(path, driver)
    with Bag(path) as bag:
        seen = [tick.seen for tick in read_ticks(bag) if tick.step % 2 == 0 and tick.action]
    assert len(seen) == len(driver.sights) == 10
    for sight, recorded in zip(driver.sights, seen, strict=True):
        assert (sight.image == recorded).all()
    # The vector knows the steering in force, which is what was driven before.
    steer = [sight.vector[2] for sight in driver.sights]
    assert steer[:3] == [0.0, np.float32(-0.09), np.float32(-0.02)]


def test_other_pictures_than_were_driven_with_are_counted(make_bag: MakeBag) -> None:
    path = make_bag(episodes=1, steps=10)
    with Bag(path) as bag:
        follower = Follower(TASK, (0.5, 0.0, 0.0, 0.0))
        replayed = Replayer(Told((0.0, 0.0)), follower, GateLimits(), 0.05).replay(read_ticks(bag))
    assert replayed.pictures_differ == 11


def test_the_same_bag_and_policy_give_the_same_bits(make_bag: MakeBag) -> None:
    path = make_bag(episodes=2, steps=40)
    first, again, other = replay(path, learned()), replay(path, learned()), replay(path, learned(1))
    assert first.replayed.tobytes() == again.replayed.tobytes()
    assert first.sha256 == again.sha256 != other.sha256


def test_missing_ticks_are_counted_and_gone_over(make_bag: MakeBag) -> None:
    def change(episode: int, step: int, topic: str, message: Any) -> Any:
        return None if episode == 1 and step in (5, 6) else message

    replayed = replay(make_bag(episodes=2, steps=20, change=change), Told((0.0, 0.0)))
    assert replayed.missing == 2
    assert replayed.step[:9].tolist() == [0, 2, 4, 8, 10, 12, 14, 16, 18]
    known = np.isfinite(replayed.reward[:9])
    assert known.tolist() == [True, True, False, True, True, True, True, True, True]


def test_an_episode_whose_first_tick_is_missing_is_not_followed(make_bag: MakeBag) -> None:
    def change(episode: int, step: int, topic: str, message: Any) -> Any:
        return None if (episode, step) == (1, 0) else message

    replayed = replay(make_bag(episodes=2, steps=20, change=change), Told((0.0, 0.0)))
    assert set(replayed.episode.tolist()) == {2}
    assert replayed.refused == 20


def test_the_guard_is_run_over_both(make_bag: MakeBag) -> None:
    # Half a lock per tick is allowed: a decision of two ticks comes from 0 to 1, but from 1 to -1
    # no further than to 0.
    replayed = replay(make_bag(episodes=1, steps=20), Told((1.0, 0.0), (-1.0, 0.0)))
    assert replayed.guard_driven.total == 0
    assert replayed.guard_replayed.rate_limited == 5 * 1 + 5 * 2
    assert len(replayed.guarded_at_s) == 15
    assert figures(replayed)["interventions"]["replayed"]["total"] == 15


def test_smoothness_is_that_of_the_steering_within_episodes(make_bag: MakeBag) -> None:
    replayed = replay(make_bag(episodes=2, steps=8), Told((0.1, 0.0), (0.3, 0.0)))
    smooth = figures(replayed)["smoothness"]["replayed"]
    assert smooth["steering_rate"] == pytest.approx(0.2 / 0.1)
    assert smooth["steering_jerk"] == pytest.approx(0.4 / 0.1**2)


def test_values_and_td_errors_are_the_critics(make_bag: MakeBag) -> None:
    agent = TD3Agent.create(td3_config(PARAMETERS), 3)
    driver = Told((0.2, 0.4))
    replayed = replay(make_bag(episodes=1, steps=8), driver, Critic(agent, "checkpoint-1"))
    images = np.stack([sight.image for sight in driver.sights])
    vectors = np.stack([sight.vector for sight in driver.sights])

    def q(actions: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            state = agent.extract_features(
                {"image": torch.from_numpy(images), "vector": torch.from_numpy(vectors)}, False,
                False,
            )  # fmt: skip
            return torch.minimum(*agent.critic(state, torch.from_numpy(actions))).numpy()[:, 0]

    value = q(replayed.replayed)
    assert replayed.value == pytest.approx(value, abs=1e-5)
    error = replayed.reward[:-1] + agent.config.gamma * value[1:] - q(replayed.driven)[:-1]
    assert replayed.td_error[:-1] == pytest.approx(error, abs=1e-5)
    assert np.isnan(replayed.td_error[-1]), "what the last one led to was not looked at"


# --- Expectations ---


def test_an_expectation_finds_the_first_action_that_differs(
    make_bag: MakeBag, tmp_path: Path
) -> None:
    path, file = make_bag(episodes=2, steps=20), tmp_path / "deep" / "expected.json"
    replayed = replay(path, learned())
    write_expectation(file, replayed, {"policy": "seed 0"})
    assert first_difference(file, replay(path, learned())) is None
    said = first_difference(file, replay(path, learned(1)))
    assert said is not None and said.startswith("decision 0, episode 1 step 0: steer ")
    content = json.loads(file.read_text())
    changed = replay(path, learned())
    changed.replayed[13, 1] = np.nextafter(changed.replayed[13, 1], np.float32(2))
    said = first_difference(file, changed)
    assert said is not None and said.startswith("decision 13, episode 2 step 6: steer ")
    content["actions"].pop()
    content["actions_sha256"] = "0"
    file.write_text(json.dumps(content))
    assert "20 decisions, expected 19" in str(first_difference(file, replayed))


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"schema": 2, "actions_sha256": "", "actions": []}',
     '{"schema": 1, "actions_sha256": "", "actions": [[1, 2, 3]]}',
     '{"schema": 1, "actions_sha256": "", "actions": [[1, 2, NaN, 0]]}'],
)  # fmt: skip
def test_a_file_that_is_no_expectation_is_refused(
    make_bag: MakeBag, tmp_path: Path, text: str
) -> None:
    file = tmp_path / "expected.json"
    file.write_text(text)
    with pytest.raises(BagError, match=r"expected\.json is no expectation"):
        first_difference(file, replay(make_bag(episodes=1, steps=2), Told((0.0, 0.0))))


# --- The command and its report ---


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    file = tmp_path / "policy.safetensors"
    save_policy(file, learned().policy, {"task": "lane_keeping", "action_repeat": 2}, {})
    return file


def test_the_command_says_figures_and_fails_where_actions_differ(
    make_bag: MakeBag, policy: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    bag, expected, report = str(make_bag(steps=10)), str(tmp_path / "e.json"), tmp_path / "report"
    given = ["replay", bag, "--policy", str(policy), "--expect", expected]
    assert main([*given, "--write-expect", "--report", str(report), "--json"]) == 0
    said = json.loads(capfd.readouterr().out.splitlines()[-1])
    assert said["decisions"] == 10 and said["first_difference"] is None
    assert said["actions_sha256"] == json.loads((report / "replay.json").read_text())[
        "actions_sha256"
    ]  # fmt: skip
    assert main([*given, "--json"]) == 0
    assert json.loads(capfd.readouterr().out.splitlines()[-1])["first_difference"] is None
    assert main(["replay", bag, "--policy", "random", "--expect", expected]) == 1
    assert "first differ" not in (err := capfd.readouterr().err)
    assert "decision 0, episode 1 step 0" in err
    assert main(["replay", bag, "--policy", str(policy), "--write-expect"]) == 2


def test_a_policy_of_another_task_is_told_and_a_file_has_no_values(
    make_bag: MakeBag, policy: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    bag = make_bag(steps=4, about={"task": "urban"})
    assert main(["replay", str(bag), "--policy", str(policy), "--json"]) == 0
    notes = json.loads(capfd.readouterr().out.splitlines()[-1])["notes"]
    assert notes[0] == "The drive was urban, the policy's task is lane_keeping."
    assert notes[-1].startswith("No values:")


def test_the_report_is_one_page_that_needs_nothing_else(make_bag: MakeBag, tmp_path: Path) -> None:
    agent = TD3Agent.create(td3_config(PARAMETERS), 3)
    path = make_bag(name="a <b> & c", steps=30)
    replayed = replay(path, Told((0.9, 0.0), (-0.9, 0.2)), Critic(agent, "checkpoint-1"))
    page = write_report(
        tmp_path / "report", replayed, {"bag": path.name, "policy": "me & you"}, ["<careful>"]
    ).read_text()
    assert "a &lt;b&gt; &amp; c" in page and "&lt;careful&gt;" in page
    assert not re.search(r"(src|href)=\"(?!data:)", page)
    assert "default-src &#39;none&#39;" in page and "<script" not in page
    for name in ("steering", "acceleration", "reward", "value", "TD error"):
        assert f'aria-label="{name}' in page
    assert page.count("data:image/png;base64,") == len(replayed.worst) > 0
    assert page.count('class="guard"') > 0


def test_a_bag_of_nothing_but_a_middle_is_refused(
    make_bag: MakeBag, capfd: pytest.CaptureFixture[str]
) -> None:
    def change(episode: int, step: int, topic: str, message: Any) -> Any:
        return None if step == 0 else message

    path = make_bag(episodes=1, steps=6, change=change)
    assert main(["replay", str(path), "--policy", "random"]) == 2
    assert "holds no episode from its first tick on" in capfd.readouterr().err
