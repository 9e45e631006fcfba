"""The Gymnasium environment: Gymnasium's own checks, the same run for the same seed, refusals."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.error import ResetNeeded
from gymnasium.utils.env_checker import check_env

from td3_driving.driving.episodes import MAP_SPLIT
from td3_driving.driving.tasks import load_task
from td3_driving.environment import ID
from td3_driving.environment.driving import DrivingEnv, plan_episode

ONE_MAP = range(1, 2)
Make = Callable[..., Any]


@pytest.fixture
def make() -> Iterator[Make]:
    """Makes environments, and closes them."""
    made: list[gymnasium.Env] = []

    def make(**options: Any) -> gymnasium.Env:
        made.append(gymnasium.make(ID, **{"map_seeds": ONE_MAP, **options}))
        return made[-1]

    yield make
    for env in made:
        env.close()


def drive(env: Any, seed: int | None, steps: int) -> list[tuple]:
    """What an environment gives for actions that depend on the step alone."""
    seen = [env.reset(seed=seed)]
    for k in range(steps):
        action = np.array([0.2 * np.sin(k), 0.6], np.float32)
        seen.append(env.step(action))
        if seen[-1][2] or seen[-1][3]:
            seen.append(env.reset())
    return seen


def assert_same(one: list[tuple], other: list[tuple]) -> None:
    assert len(one) == len(other)
    for (a, *more), (b, *further) in zip(one, other, strict=True):
        np.testing.assert_array_equal(a["image"], b["image"])
        np.testing.assert_array_equal(a["vector"], b["vector"])
        assert more == further


def test_gymnasium_finds_nothing_wrong_with_it(make: Make) -> None:
    env = make(render_mode="rgb_array")
    check_env(env.unwrapped, skip_render_check=True)
    assert env.observation_space["image"] == gymnasium.spaces.Box(0, 255, (4, 84, 84), np.uint8)
    assert env.observation_space["vector"].shape == (53,)
    assert env.action_space == gymnasium.spaces.Box(-1.0, 1.0, (2,), np.float32)


def test_the_same_seed_gives_the_same_run_and_another_seed_another(make: Make) -> None:
    one = drive(make(), 5, 40)
    assert_same(one, drive(make(), 5, 40))
    again = make()
    drive(again, 6, 10)
    assert_same(one, drive(again, 5, 40))
    assert (drive(again, 6, 1)[0][0]["image"] != one[0][0]["image"]).any()


def test_an_episode_is_reached_by_its_number(make: Make) -> None:
    one, other = make(map_seeds=range(1, 4)), make(map_seeds=range(1, 4))
    one.reset(seed=2)
    one.reset()
    third = one.reset()
    assert_same([third], [other.reset(seed=2, options={"episode": 2})])


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_a_vector_of_environments_gives_what_each_gives_alone(make: Make, mode: str) -> None:
    vector = gymnasium.make_vec(ID, num_envs=2, vectorization_mode=mode, map_seeds=ONE_MAP)
    try:
        images = [vector.reset(seed=11)[0]["image"]]
        rewards = []
        for _ in range(5):
            obs, reward, *_, info = vector.step(np.full((2, 2), 0.3, np.float32))
            images.append(obs["image"])
            rewards.append(reward)
    finally:
        vector.close()
    assert info["completion"].shape == (2,)
    for k in range(2):
        env = make()
        np.testing.assert_array_equal(images[0][k], env.reset(seed=11 + k)[0]["image"])
        for step in range(5):
            obs, reward, *_ = env.step(np.full(2, 0.3, np.float32))
            np.testing.assert_array_equal(images[step + 1][k], obs["image"])
            assert rewards[step][k] == reward


def test_a_server_gives_what_the_world_in_this_process_gives(make: Make, carla_server: Any) -> None:
    server = drive(make(backend="carla", port=carla_server.port), 4, 25)
    here = drive(make(), 4, 25)
    assert len(server) == len(here)
    for (a, *more), (b, *further) in zip(here, server, strict=True):
        np.testing.assert_array_equal(a["image"], b["image"])
        np.testing.assert_allclose(a["vector"], b["vector"], rtol=0, atol=1e-6)
        if len(more) == 4:
            # The client makes the route of a map that was written out and read again.
            assert more[0] == pytest.approx(further[0], abs=1e-4)
            assert more[1:3] == further[1:3]


@pytest.mark.parametrize("backend", ["lite", "carla"])
def test_a_car_ahead_is_seen_and_costs_reward(make: Make, carla_server: Any, backend: str) -> None:
    env = make(task="car_following", backend=backend, port=carla_server.port)
    obs, _ = env.reset(seed=0)
    terms = {"gap": 0.0}
    for _ in range(300):
        x, y = obs["vector"][3:].reshape(-1, 2)[3]  # 8 m ahead; the task shows exact waypoints
        obs, _, terminated, truncated, info = env.step(np.array([-1.5 * y / x, 0.7], np.float32))
        terms = info["terms"]
        if terms["gap"] or terminated or truncated:
            break
    assert terms["gap"] < 0.0, info


def test_reward_is_the_sum_of_its_terms_and_an_infraction_terminates(make: Make) -> None:
    env = make()
    env.reset(seed=0)
    for _ in range(400):
        _, reward, terminated, truncated, info = env.step(np.array([1.0, 1.0], np.float32))
        assert reward == pytest.approx(sum(info["terms"].values()))
        assert 0.0 <= info["completion"] <= 1.0
        if terminated or truncated:
            break
        assert info["reason"] == ""
    assert (terminated, truncated) == (True, False)
    assert info["reason"] in ("off_lane", "wrong_way")
    assert info["terms"]["terminal"] == -1.0
    with pytest.raises(ResetNeeded, match="call reset"):
        env.unwrapped.step(np.zeros(2, np.float32))


def test_time_truncates(make: Make) -> None:
    env = make()
    env.reset(seed=1)
    # Standing is given 5 s, an episode 30 s: 1 s of driving in every 4.
    steps = 0
    while True:
        moving = steps % 40 < 6
        _, _, terminated, truncated, info = env.step(
            np.array([0.0, 0.25 if moving else -0.2], np.float32)
        )
        steps += 1
        if terminated or truncated:
            break
    assert info["reason"] in ("time_limit", "off_lane")
    assert (terminated, truncated) == (info["reason"] == "off_lane", info["reason"] == "time_limit")
    assert steps <= 300


def test_episodes_on_held_out_maps_are_those_that_are_scored() -> None:
    task = load_task("lane_keeping")
    plan = plan_episode(task, MAP_SPLIT.test[:3], seed=9, index=4)
    assert (plan.map, plan.start_speed_mps, plan.distance_m) == ("LiteCircuit_700001", 0.0, 300.0)
    assert plan_episode(task, range(7, 8), 9, 4).map == "LiteCircuit_7"


def test_the_picture_shows_the_camera_and_how_it_goes(make: Make) -> None:
    env = make(render_mode="rgb_array")
    env.reset(seed=3)
    before = env.render()
    env.step(np.array([0.5, 1.0], np.float32))
    after = env.render()
    assert before.shape == after.shape == (720, 1280, 3)
    camera = env.unwrapped._backend.camera()
    sky = camera[5, 80, ::-1].astype(int)
    assert np.abs(after[16 + 22, 408].astype(int) - sky).max() < 25
    assert (before != after).any()
    assert env.metadata["render_fps"] == 10


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"task": "no_such_task"}, "no_such_task"),
        ({"backend": "unreal"}, "backend 'unreal' is unknown"),
        ({"map_seeds": ()}, "range is empty"),
        ({"map_seeds": range(99_999, 100_001)}, "must not mix"),
        ({"map_seeds": [700_000, 3]}, "must not mix"),
    ],
)
def test_what_cannot_be_driven_is_refused_by_name(options: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        DrivingEnv(**options)


def test_actions_and_options_that_mean_nothing_are_refused(make: Make) -> None:
    env = make().unwrapped
    with pytest.raises(ResetNeeded, match="call reset"):
        env.step(np.zeros(2, np.float32))
    with pytest.raises(ValueError, match="option 'map' is unknown"):
        env.reset(seed=0, options={"map": "Town01"})
    env.reset(seed=0)
    for action in ([np.nan, 0.0], [0.0, np.inf], [0.0], [[0.0, 0.0]]):
        with pytest.raises(ValueError, match="two finite numbers"):
            env.step(np.array(action, np.float32))
    env.close()
    with pytest.raises(ResetNeeded, match="closed"):
        env.reset(seed=0)


def test_it_needs_neither_ros_nor_torch_nor_the_carla_client() -> None:
    script = """
import sys
for name in ("rclpy", "torch", "carla", "td3_driving_msgs"):
    sys.modules[name] = None
import gymnasium
env = gymnasium.make("td3_driving.environment:td3_driving/Driving-v1", map_seeds=range(1, 2))
env.reset(seed=0)
print(env.step(env.action_space.sample())[1])
env.close()
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stderr
    assert np.isfinite(float(done.stdout))
