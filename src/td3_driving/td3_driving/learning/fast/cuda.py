"""Training by whole cycles from a replay on the agent's device; on a GPU as one CUDA graph."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch

from td3_driving.learning.errors import NonFiniteError
from td3_driving.learning.fast.mirror import ReplayMirror
from td3_driving.learning.fast.updates import FIGURES, Precision, UpdateCycle
from td3_driving.learning.replay import FrameReplay

if TYPE_CHECKING:
    from td3_driving.learning.td3 import TD3Agent

_WARM_UP_CYCLES = 3


class CycleUpdates:
    """Trains an agent from its replay memory, a cycle at a time, on any device.

    Args:
        agent: on the device.
        replay: its memory; mirrored on the device.
        precision: of the encoders.
        compile_: fuse the element-wise work with torch.compile.

    Raises:
        ReplayMemoryError: the mirror does not fit on the device.
    """

    def __init__(
        self,
        agent: TD3Agent,
        replay: FrameReplay,
        precision: Precision = "float32",
        compile_: bool = False,
    ) -> None:
        self._agent = agent
        self._device = agent.device
        self._mirror = ReplayMirror(
            replay, self._device, getattr(torch, precision), compile_, agent.config.policy_delay
        )
        self._cycle = UpdateCycle(agent, precision, compile_)
        self._refused = 0

    @property
    def at_once(self) -> int:
        """The fewest updates of one call of train: those of a cycle."""
        return self._agent.config.policy_delay

    def prepare(self) -> None:
        """Nothing to do."""

    def train(self, updates: int, upto: int | None = None, apart: int = 0) -> dict[str, float]:
        """Runs that many critic updates, a whole number of cycles.

        Args:
            updates: a multiple of policy_delay.
            upto: draw only from transitions stored before this count.
            apart: transitions that were stored between two updates' turns: the updates of a cycle
                draw as if each had been done in its turn.

        Returns:
            Figures of the last cycle, named as TD3Agent.train's.

        Raises:
            ValueError: not a whole number of cycles.
            ReplayError: nothing to draw from.
            NonFiniteError: updates were refused; no weight was changed by those.
        """
        delay = self._agent.config.policy_delay
        if updates < 1 or updates % delay:
            raise ValueError(f"updates is {updates}; it must be a positive multiple of {delay}")
        self._mirror.update(upto, apart)
        self._run_cycles(updates // delay)
        self._agent.updates += updates
        return self._report()

    def adopt(self) -> None:
        """Call it after agent.load_state_dict or agent.load_networks."""
        self._cycle.adopt()

    def state_dict(self) -> dict[str, float]:
        """JSON-able; what a continued run needs beside the agent's state."""
        return self._cycle.state_dict()

    def load_state_dict(self, state: Mapping[str, float]) -> None:
        """The inverse of state_dict; call it after the agent's."""
        self._cycle.adopt()
        self._cycle.load_state_dict(state)
        self._refused = int(self._cycle.refused.item())

    def _run_cycles(self, count: int) -> None:
        for _ in range(count):
            self._run_cycle()

    def _run_cycle(self) -> None:
        config, generator = self._agent.config, self._agent.generator
        size = config.policy_delay * config.batch_size
        device = self._device
        fraction = torch.rand(size, dtype=torch.float64, device=device, generator=generator)
        noise = torch.randn(size, config.action_dim, device=device, generator=generator)
        self._cycle.run(self._mirror.draw(fraction), noise)

    def _report(self) -> dict[str, float]:
        figures = dict(zip(FIGURES, self._cycle.figures.tolist(), strict=True))
        config = self._agent.config
        for name in ("critic", "actor"):
            norm = (
                figures[f"gradients/{name}_cnn_norm"] ** 2
                + figures[f"gradients/{name}_mlp_norm"] ** 2
            ) ** 0.5
            limit = getattr(config, f"{name}_grad_clip")
            figures[f"gradients/{name}_clip_share"] = float(norm > limit)
        refused = int(self._cycle.refused.item())
        if refused > self._refused:
            new, self._refused = refused - self._refused, refused
            self._agent.non_finite += new
            raise NonFiniteError(
                f"{new} updates were refused by update {self._agent.updates}: loss or gradients "
                "were not finite; no weight was changed by those. Rewards far from 1 or a "
                "diverging critic are the usual causes."
            )
        return figures


class CudaUpdates(CycleUpdates):
    """Trains an agent on a GPU: a cycle, with the sampling, is one CUDA graph.

    Args:
        agent: on a CUDA device.
        replay: its memory; mirrored on the device.
        precision: of the encoders.
        compile_: fuse the element-wise work: a third faster, after some 20 s of compiling.

    Raises:
        ReplayMemoryError: the mirror does not fit on the device.
    """

    def __init__(
        self,
        agent: TD3Agent,
        replay: FrameReplay,
        precision: Precision = "float32",
        compile_: bool = True,
    ) -> None:
        # tf32: float32's range with ten bits of significand, on the tensor cores. Products of
        # vectors alone are too small to gain by it.
        tf32 = replay.frame_shape is not None
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = tf32
        torch.backends.cudnn.benchmark = True
        torch.backends.cudnn.benchmark_limit = 0  # try every algorithm, not ten
        super().__init__(agent, replay, precision, compile_)
        self._graph: torch.cuda.CUDAGraph | None = None
        self._done = torch.cuda.Event(blocking=True)

    def prepare(self) -> None:
        """Compiles and records a cycle, unless that is done.

        Meanwhile nobody else may use the device. Drawn from is what the mirror holds, if only
        zeros.
        """
        if self._graph is None:
            self._graph = self._capture()

    def _run_cycles(self, count: int) -> None:
        self.prepare()
        assert self._graph is not None
        for _ in range(count):
            self._graph.replay()
        # Asking for the figures at once would wait at full speed, on a processor that simulates.
        self._done.record()
        self._done.synchronize()

    def _capture(self) -> torch.cuda.CUDAGraph:
        """Records a cycle. What the warming-up did to the agent is undone."""
        tensors, values = self._agent.state_dict()
        cycle = self._cycle.state_dict()
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(_WARM_UP_CYCLES):
                self._run_cycle()
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        graph.register_generator_state(self._agent.generator)
        with torch.cuda.graph(graph):
            self._run_cycle()
        self._agent.load_state_dict(tensors, values)
        self.load_state_dict(cycle)
        return graph
