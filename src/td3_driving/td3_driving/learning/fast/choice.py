"""The learner for a device: the same update, arranged for a CPU or for a GPU."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal, Protocol

import torch

from td3_driving.learning.errors import DeviceError
from td3_driving.learning.fast.cuda import CudaUpdates
from td3_driving.learning.fast.pictures import picture_features
from td3_driving.learning.fast.updates import Precision
from td3_driving.learning.replay import FrameReplay

if TYPE_CHECKING:
    from td3_driving.learning.td3 import TD3Agent

Device = Literal["cpu", "cuda", "auto"]


class Updates(Protocol):
    """What trains an agent from its replay memory. It belongs to the learner's thread."""

    @property
    def at_once(self) -> int:
        """The fewest updates of one call of train; `train` takes multiples of it."""

    def prepare(self) -> None:
        """Does now what would delay the first update; nothing needs to be stored yet."""

    def train(self, updates: int, upto: int | None = None, apart: int = 0) -> dict[str, float]:
        """Runs that many updates; figures as TD3Agent.train's, of the last of each kind.

        Args:
            updates: a multiple of `at_once`.
            upto: the last one draws only from transitions stored before this count.
            apart: transitions that were stored between the turns of two updates of `at_once`;
                each draws only from what was stored in its turn.

        Raises:
            NonFiniteError: updates were refused; no weight was changed by those.
        """

    def adopt(self) -> None:
        """Takes over what was loaded into the agent's networks and optimisers."""

    def state_dict(self) -> dict[str, float]:
        """JSON-able; what a continued run needs beside the agent's state."""

    def load_state_dict(self, state: Mapping[str, float]) -> None:
        """The inverse of state_dict; call it after the agent's."""


class CpuUpdates:
    """Trains an agent on the CPU: its own updates, through a faster forward pass of its CNNs.

    Args:
        agent: on the CPU.
        replay: its memory.
    """

    at_once = 1

    def __init__(self, agent: TD3Agent, replay: FrameReplay) -> None:
        self._agent, self._replay = agent, replay
        agent.encode = picture_features

    def prepare(self) -> None:
        """Nothing to do."""

    def train(self, updates: int, upto: int | None = None, apart: int = 0) -> dict[str, float]:
        """As Updates.train; here the turn of each is a call of its own."""
        metrics: dict[str, float] = {}
        for _ in range(updates):
            metrics |= self._agent.train(self._replay, upto=upto)
        return metrics

    def adopt(self) -> None:
        """Nothing to do: the agent's own optimisers are used."""

    def state_dict(self) -> dict[str, float]:
        """Nothing beside the agent's state."""
        return {}

    def load_state_dict(self, state: Mapping[str, float]) -> None:
        """Nothing to do."""


def choose_device(wanted: Device) -> torch.device:
    """The device of that name; auto: a GPU where there is one.

    Raises:
        DeviceError: cuda is wanted and there is none.
    """
    if wanted == "cpu":
        return torch.device("cpu")
    if torch.cuda.is_available():
        return torch.device("cuda")
    if wanted == "auto":
        return torch.device("cpu")
    built_for = f"CUDA {torch.version.cuda}" if torch.version.cuda else "CPUs alone"
    raise DeviceError(
        f"device is cuda, but PyTorch {torch.__version__} (built for {built_for}) finds no GPU; "
        "see that nvidia-smi lists one and install a CUDA build of PyTorch, or use cpu or auto"
    )


def make_updates(
    agent: TD3Agent, replay: FrameReplay, precision: Precision = "float32", compile_: bool = True
) -> Updates:
    """What trains this agent best on the device it lives on.

    Args:
        agent: on its device.
        replay: its memory.
        precision: of the encoders, on a GPU.
        compile_: see CudaUpdates; on a CPU nothing is compiled.

    Raises:
        DeviceError: that precision is not for this device.
        ReplayMemoryError: the replay does not fit on the device.
    """
    if agent.device.type == "cuda":
        return CudaUpdates(agent, replay, precision, compile_)
    if precision != "float32":
        raise DeviceError(
            f"precision is {precision}, which is for a GPU; on a CPU the learner computes in "
            "float32: set precision to float32"
        )
    return CpuUpdates(agent, replay)
