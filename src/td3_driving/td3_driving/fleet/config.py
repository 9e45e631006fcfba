"""What a fleet trains, and with which settings."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, cast

from td3_driving.agent.parameters import AgentParameters
from td3_driving.agent.task import resolved
from td3_driving.learning.fast import Device, choose_device
from td3_driving.parameters import ParameterError


@dataclass(frozen=True)
class PretrainConfig:
    """What to train, and on what.

    Args:
        agent: Task, recipe, seed and budget; see `fleet_parameters`.
        worlds: That drive at the same time.
        threads: That simulate and draw in this process; 0: one for each processor.
        workers: Processes that simulate and draw; 0: this one does it, by threads.
        target_completion_pct: Stop when a policy completes that share on selection maps; 0: never.
        closing_episodes: On other selection maps, at the end, for each of the best policies: those
            scores decide which is kept. -1: three times `selection_episodes`.
        compile_: On a GPU: compile the update, which makes it a third faster after some 20 s that
            a short run does not get back; None: if training takes more than five minutes, or a
            million ticks.
        command: That leads to all this, for the policy's file.

    Raises:
        ParameterError: a value is out of range.
    """

    agent: AgentParameters = field(default_factory=AgentParameters)
    worlds: int = 32
    threads: int = 0
    target_completion_pct: float = 0.0
    workers: int = 0
    closing_episodes: int = -1
    compile_: bool | None = None
    command: str = ""

    def __post_init__(self) -> None:
        for name, low, high in (
            ("worlds", 1, 1024), ("threads", 0, 1024), ("workers", 0, 1024),
            ("target_completion_pct", 0.0, 100.0), ("closing_episodes", -1, 1000),
        ):  # fmt: skip
            if not low <= getattr(self, name) <= high:
                raise ParameterError(
                    f"{name} is {getattr(self, name)}; it must be in [{low:g}, {high:g}]"
                )
        if self.closing_episodes < 0:
            object.__setattr__(self, "closing_episodes", 3 * self.agent.selection_episodes)
        if self.compile_ is None:
            p = self.agent
            long = p.steps > 1_000_000 if p.steps else p.minutes > 5.0
            object.__setattr__(self, "compile_", long)

    def settings(self) -> dict[str, Any]:
        """JSON-able: all but the agent's parameters and the command."""
        own = asdict(self)
        del own["agent"], own["command"]
        return own


def fleet_parameters(device: str, **changes: Any) -> AgentParameters:
    """The agent's parameters as a fleet wants them.

    An update for every four decisions, as the recipe has it: a GPU does 800 to 1100 of 256 in a
    second, and fifteen processors drive the 4000 decisions for them. On a CPU 64, since an update
    of 256 takes four times as long there. Many selections, since what is best comes and goes; few
    checkpoints, since a fleet's run is not resumed.

    Args:
        device: cpu, cuda or auto.
        changes: Parameters to set besides.

    Raises:
        DeviceError: cuda is wanted and there is none.
    """
    gpu = choose_device(cast(Device, device)).type == "cuda"
    fleet: dict[str, Any] = {
        "device": "cuda" if gpu else "cpu",
        "training_maps": 96, "learning_starts": 2000, "selections": 9, "selection_episodes": 10,
        "batch_size": 256 if gpu else 64,
        "checkpoint_minutes": 10.0,
        "replay_capacity": 300_000 if gpu else 100_000,
    }  # fmt: skip
    return resolved(AgentParameters(**(fleet | changes)))
