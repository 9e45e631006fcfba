"""One training run on a Gymnasium MuJoCo task, by our learner or by stable-baselines3's.

Both see the same tasks with the same seeds, sizes and rates, take one update per step after the
random ones, and are scored by the same function.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import gymnasium
import numpy as np

from td3_driving.bench.runs import Scores, write
from td3_driving.learning.config import TD3Config
from td3_driving.learning.fast import make_updates
from td3_driving.learning.noise import GaussianNoise, LinearSchedule
from td3_driving.learning.policy import Policy
from td3_driving.learning.replay import FrameReplay
from td3_driving.learning.td3 import TD3Agent

RATE, BATCH, HIDDEN, NOISE = 1e-3, 256, (256, 256), 0.1
"""Adam's rate of both networks is the paper's; batch and widths are the authors' later code's."""
NO_CLIP = 1e9
MEMORY = 1_000_000
RANDOM_STEPS = {"HalfCheetah-v5": 10_000}
"""Steps of random actions before the first update, as in the paper's script; 1000 elsewhere."""

Act = Callable[[np.ndarray], np.ndarray]
"""Observation float64 (n,) to action float32 (m,) in [-1, 1]."""


@dataclass(frozen=True)
class Run:
    """What is trained, how long, and how it is scored.

    Attributes:
        env: Gymnasium's name of the task.
        learner: "ours" or "sb3".
        seed: of the task, the networks and the noise.
        steps: of the task.
        device: of the learner, "cpu" or "cuda".
        random_steps: with random actions and no update, at the start.
        every: steps between two evaluations.
        episodes: of an evaluation.
    """

    env: str
    learner: str
    seed: int
    steps: int
    device: str = "cpu"
    random_steps: int = 1000
    every: int = 5000
    episodes: int = 10

    @property
    def name(self) -> str:
        """Of its file, without ending."""
        return f"{self.env}-{self.learner}-seed{self.seed}-{self.steps}"


def learner_config(observation_dim: int, action_dim: int) -> TD3Config:
    """The paper's TD3 over vectors: none of what our recipe for driving adds."""
    return TD3Config(
        image_shape=None,
        vector_dim=observation_dim,
        action_dim=action_dim,
        hidden=HIDDEN,
        actor_last_layer_scale=1.0,
        actor_lr=RATE,
        critic_lr=RATE,
        batch_size=BATCH,
        actor_grad_clip=NO_CLIP,
        critic_grad_clip=NO_CLIP,
        pretanh_l2=0.0,
    )


def record(run: Run, folder: Path) -> Path:
    """Trains, and writes its file."""
    learn = {"ours": _train_ours, "sb3": _train_sb3}[run.learner]
    return write(run, folder, "returns", learn(run), gymnasium=gymnasium.__version__)


def make_env(name: str) -> gymnasium.Env:
    """The task, with actions in [-1, 1]."""
    return gymnasium.wrappers.RescaleAction(gymnasium.make(name), np.float32(-1), np.float32(1))


def evaluate(act: Act, env: gymnasium.Env, seed: int, episodes: int) -> list[float]:
    """Returns of noise-free episodes, whose starts the seed fixes."""
    returns = []
    for k in range(episodes):
        observation, _ = env.reset(seed=seed if k == 0 else None)
        total, over = 0.0, False
        while not over:
            observation, reward, terminated, truncated, _ = env.step(act(observation))
            total, over = total + float(reward), terminated or truncated
        returns.append(total)
    return returns


def _train_ours(run: Run) -> Scores:
    env, scored_on = make_env(run.env), make_env(run.env)
    assert env.observation_space.shape and env.action_space.shape
    config = learner_config(env.observation_space.shape[0], env.action_space.shape[0])
    agent = TD3Agent.create(config, run.seed, run.device)
    # An episode takes a row more than it has steps: room enough for none to be forgotten.
    memory = FrameReplay(
        2 * min(run.steps, MEMORY), None, config.vector_dim, config.action_dim, run.seed
    )
    noise = GaussianNoise(LinearSchedule(NOISE, NOISE, 1), config.action_dim, run.seed)
    updates = make_updates(agent, memory)
    # On a GPU by cycles: the actor changes with a cycle's last update alone, so that cycles act as
    # single updates do. One observation is faster on the CPU, wherever the learner is.
    actor = agent if updates.at_once == 1 else agent.policy()

    def act(observation: np.ndarray) -> np.ndarray:
        return actor.select_action({"vector": observation.astype(np.float32)})

    env.action_space.seed(run.seed)
    observation, _ = env.reset(seed=run.seed)
    memory.begin(None, observation.astype(np.float32))
    for step in range(1, run.steps + 1):
        if step <= run.random_steps:
            action = env.action_space.sample()
        else:
            action = np.clip(act(observation) + noise.sample(), -1.0, 1.0)
        observation, reward, terminated, truncated, _ = env.step(action)
        vector = observation.astype(np.float32)
        memory.append(action, float(reward), terminated, truncated, None, vector)
        if terminated or truncated:
            observation, _ = env.reset()
            memory.begin(None, observation.astype(np.float32))
        if step > run.random_steps and step % updates.at_once == 0:
            updates.train(updates.at_once, apart=1)
            if isinstance(actor, Policy):
                actor.load_from(agent)
        if step % run.every == 0:
            yield step, evaluate(act, scored_on, run.seed + 100, run.episodes)


def _train_sb3(run: Run) -> Scores:
    from stable_baselines3 import TD3
    from stable_baselines3.common.noise import NormalActionNoise

    env, scored_on = make_env(run.env), make_env(run.env)
    assert env.action_space.shape
    size = env.action_space.shape[0]
    model = TD3(
        "MlpPolicy",
        env,
        learning_rate=RATE,
        buffer_size=min(run.steps, MEMORY),
        learning_starts=run.random_steps,
        batch_size=BATCH,
        action_noise=NormalActionNoise(np.zeros(size), np.full(size, NOISE)),
        policy_kwargs={"net_arch": list(HIDDEN)},
        seed=run.seed,
        device=run.device,
    )

    def act(observation: np.ndarray) -> np.ndarray:
        return model.predict(observation, deterministic=True)[0]

    # learn() returns between two steps, so it is called for each stretch between evaluations.
    for step in range(run.every, run.steps + 1, run.every):
        model.learn(run.every, reset_num_timesteps=step == run.every, log_interval=10**9)
        yield step, evaluate(act, scored_on, run.seed + 100, run.episodes)


if __name__ == "__main__":
    record(Run(**json.loads(sys.argv[1])), Path(sys.argv[2]))
