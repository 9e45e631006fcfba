"""A learner with its memory and its thread: what a run through ROS and a fleet's have alike."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic, TypeVar, cast

import torch

from td3_driving.agent.keeping import LearnerKeeper
from td3_driving.agent.parameters import AgentParameters
from td3_driving.agent.task import driving_task
from td3_driving.driving.observation import vector_dim
from td3_driving.learning.config import Encoder, TD3Config
from td3_driving.learning.fast import Device, Precision, Updates, choose_device, make_updates
from td3_driving.learning.policy import Policy
from td3_driving.learning.replay import FrameReplay
from td3_driving.learning.td3 import TD3Agent

M = TypeVar("M", bound=FrameReplay)

NOISE_ENDS_AT = 0.8
"""Share of the run after which the exploration noise has reached its end value."""


def td3_config(parameters: AgentParameters) -> TD3Config:
    """The learner's configuration of an agent's parameters."""
    return TD3Config(
        vector_dim=vector_dim(driving_task(parameters).waypoint_count),
        gamma=parameters.gamma,
        tau=parameters.tau,
        policy_delay=parameters.policy_delay,
        actor_lr=parameters.actor_lr,
        critic_lr=parameters.critic_lr,
        batch_size=parameters.batch_size,
        pretanh_l2=parameters.pretanh_l2,
        encoder=cast(Encoder, parameters.encoder),
    )


def noise_level(parameters: AgentParameters, progress: float) -> float:
    """Standard deviation of the exploration noise; progress of the training in [0, 1]."""
    start, end = parameters.noise_start, parameters.noise_end
    return start + (end - start) * min(progress / NOISE_ENDS_AT, 1.0)


@dataclass(frozen=True, eq=False)
class Learner(Generic[M]):
    """TD3 on a thread of its own.

    Args:
        agent: Its networks; they change on the thread alone.
        replay: What it learns from; whoever made this writes it.
        updates: The updates, for the device.
        acting: The policy that acts meanwhile.
        thread: One thing after the other.
        keeper: Saves it all.
    """

    agent: TD3Agent
    replay: M
    updates: Updates
    acting: Policy
    thread: ThreadPoolExecutor
    keeper: LearnerKeeper

    @classmethod
    def create(
        cls,
        parameters: AgentParameters,
        memory: Callable[..., M],
        acts_on_device: bool,
        compile_: bool = True,
    ) -> Learner[M]:
        """A learner that knows nothing yet.

        Args:
            parameters: Of the agent.
            memory: Class of the replay memory.
            acts_on_device: Act where it learns; else on the CPU.
            compile_: See CudaUpdates.

        Raises:
            DeviceError: the device or the precision is not to be had here.
            ReplayMemoryError: the replay does not fit into memory, here or on the device.
        """
        # Simulator, ROS and learner share the machine: more threads make all of them slower.
        torch.set_num_threads(1)
        config = td3_config(parameters)
        device = choose_device(cast(Device, parameters.device))
        agent = TD3Agent.create(config, parameters.seed, device)
        replay = memory(
            parameters.replay_capacity,
            config.image_shape,
            config.vector_dim,
            config.action_dim,
            seed=parameters.seed,
            n_step=parameters.n_step,
            gamma=parameters.gamma,
        )
        updates = make_updates(agent, replay, cast(Precision, parameters.precision), compile_)
        acting = Policy(config, agent.actor_cnn, agent.actor, device if acts_on_device else "cpu")
        thread = ThreadPoolExecutor(1, thread_name_prefix="learner")
        keeper = LearnerKeeper(agent, replay, acting, thread, updates.adopt)
        return cls(agent, replay, updates, acting, thread, keeper)

    def train(self, updates: int, upto: int | None = None) -> dict[str, float]:
        """Does updates, on the thread; their figures, time/update_ms among them."""
        started = time.perf_counter()
        metrics = self.updates.train(updates, upto)
        return {**metrics, "time/update_ms": 1e3 * (time.perf_counter() - started) / updates}
