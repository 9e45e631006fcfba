"""One training run on the driving environment, by our learner or by stable-baselines3's TD3.

All drive the same episodes of a seed, as many steps, and are scored by the same function on maps
that nobody trains on. A step is one decision, two ticks of the task's world.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from td3_driving.agent.drivers import RandomDriver
from td3_driving.agent.learner import NOISE_ENDS_AT, td3_config
from td3_driving.agent.parameters import AgentParameters
from td3_driving.bench.runs import Scores, write
from td3_driving.driving.episodes import MAP_SPLIT
from td3_driving.environment.driving import TRAINING_MAPS, DrivingEnv
from td3_driving.learning.noise import GaussianNoise, LinearSchedule
from td3_driving.learning.policy import Policy
from td3_driving.learning.replay import FrameReplay
from td3_driving.learning.td3 import TD3Agent

LEARNERS = ("ours", "sb3", "sb3-tuned")
"""sb3: at its defaults; sb3-tuned: with our rates, sizes, noise and schedule. SB3 has no n-step
returns for pictures, no gradient clipping, no pre-tanh penalty, and other random first actions."""
SELECTION_MAPS = MAP_SPLIT.selection[:20]
MEMORY = 1_000_000

Observation = dict[str, np.ndarray]
Act = Callable[[Observation], np.ndarray]


@dataclass(frozen=True)
class Run:
    """What is trained, how long, and how it is scored.

    Attributes:
        task: Name of the task.
        learner: One of LEARNERS.
        seed: Of the episodes, the networks and the noise.
        steps: Of the environment.
        device: Of the learner, cpu or cuda.
        batch: Transitions per update of ours and sb3-tuned.
        every: Steps between two evaluations.
        episodes: Of an evaluation.
    """

    task: str
    learner: str
    seed: int
    steps: int
    device: str = "cpu"
    batch: int = 32
    every: int = 4000
    episodes: int = 20

    @property
    def name(self) -> str:
        """Of its file, without ending."""
        return f"{self.task}-{self.learner}-seed{self.seed}-{self.steps}"

    @property
    def recipe(self) -> AgentParameters:
        """Our hyper-parameters: those of a run of the graph."""
        return AgentParameters(task=self.task, seed=self.seed, batch_size=self.batch)

    @property
    def learning_starts(self) -> int:
        """Steps before our first update."""
        return max(2, min(self.recipe.learning_starts, self.steps // 10))

    def noise(self, step: int) -> float:
        """Standard deviation of our exploration noise at a step."""
        start, end = self.recipe.noise_start, self.recipe.noise_end
        return LinearSchedule(start, end, max(1, round(NOISE_ENDS_AT * self.steps)))(step)


def record(run: Run, folder: Path) -> Path:
    """Trains, and writes its file."""
    learn = {"ours": _train_ours, "sb3": _train_sb3, "sb3-tuned": _train_sb3}[run.learner]
    return write(run, folder, "completions", learn(run))


def evaluate(act: Act, env: DrivingEnv, episodes: int) -> list[float]:
    """Completions in percent of noise-free episodes, the same ones each time."""
    completions = []
    for k in range(episodes):
        observation, info = env.reset(seed=0, options={"episode": k})
        over = False
        while not over:
            observation, _, terminated, truncated, info = env.step(act(observation))
            over = terminated or truncated
        completions.append(100.0 * info["completion"])
    return completions


def _train_ours(run: Run) -> Scores:
    recipe, config = run.recipe, td3_config(run.recipe)
    env, scored_on = _environments(run)
    agent = TD3Agent.create(config, run.seed, run.device)
    memory = FrameReplay(
        # An episode takes a row more than it has steps.
        2 * min(run.steps, MEMORY), config.image_shape, config.vector_dim, config.action_dim,
        run.seed, recipe.n_step, recipe.gamma,
    )  # fmt: skip
    update, actor = _updates(agent, memory)
    noise = GaussianNoise(LinearSchedule(1.0, 1.0, 1), seed=run.seed + 1)
    random = RandomDriver(run.seed + 2)

    def act(observation: Observation) -> np.ndarray:
        return actor.select_action(observation, deterministic=True)

    observation, _ = env.reset(seed=run.seed)
    memory.begin(observation["image"][-1], observation["vector"])
    for step in range(1, run.steps + 1):
        if step <= run.learning_starts:
            action = random.draw()
        else:
            scaled = (run.noise(step) * noise.sample()).astype(np.float32)
            action = actor.select_action(observation, noise=scaled)
        observation, reward, terminated, truncated, _ = env.step(action)
        memory.append(
            action, reward, terminated, truncated, observation["image"][-1], observation["vector"]
        )
        if terminated or truncated:
            observation, _ = env.reset()
            memory.begin(observation["image"][-1], observation["vector"])
        if step > run.learning_starts and step % recipe.decisions_per_update == 0:
            update()
        if step % run.every == 0:
            yield step, evaluate(act, scored_on, run.episodes)


def _updates(agent: TD3Agent, memory: FrameReplay) -> tuple[Callable[[], None], TD3Agent | Policy]:
    """What does one update, and who acts: on a GPU the actor's copy on the CPU."""
    if agent.device.type == "cpu":

        def update() -> None:
            agent.train(memory)

        return update, agent
    from td3_driving.learning.fast import CudaUpdates

    cycle, policy, owed = CudaUpdates(agent, memory), agent.policy(), [0]

    def update_in_cycles() -> None:
        owed[0] += 1
        if owed[0] == agent.config.policy_delay:
            cycle.train(owed[0])
            policy.load_from(agent)
            owed[0] = 0

    return update_in_cycles, policy


def _train_sb3(run: Run) -> Scores:
    from td3_driving.bench.sb3 import driving_model

    env, scored_on = _environments(run)
    model = driving_model(run, env)

    def act(observation: Observation) -> np.ndarray:
        return model.predict(observation, deterministic=True)[0]

    # learn() returns between two steps, so it is called for each stretch between evaluations.
    for step in range(run.every, run.steps + 1, run.every):
        model.learn(run.every, reset_num_timesteps=step == run.every, log_interval=10**9)
        yield step, evaluate(act, scored_on, run.episodes)


def _environments(run: Run) -> tuple[DrivingEnv, DrivingEnv]:
    """To train in, and to be scored in."""
    return DrivingEnv(run.task, map_seeds=TRAINING_MAPS), DrivingEnv(
        run.task, map_seeds=SELECTION_MAPS
    )


if __name__ == "__main__":
    record(Run(**json.loads(sys.argv[1])), Path(sys.argv[2]))
