"""Going on from a checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from safetensors.torch import load_file

from td3_driving.learning.checkpoint.chunks import FOLDER, read_pieces
from td3_driving.learning.checkpoint.saved import AGENT, Saved, read
from td3_driving.learning.config import SINCE, TD3Config
from td3_driving.learning.errors import ForeignCheckpointError
from td3_driving.learning.policy import Policy
from td3_driving.learning.replay import FrameReplay
from td3_driving.learning.td3 import TD3Agent

ACTING = "acting."
"""Prefix of the acting policy's weights among the agent's."""


def load(
    source: Saved | Path | str,
    agent: TD3Agent,
    replay: FrameReplay | None = None,
    acting: Policy | None = None,
) -> dict[str, Any]:
    """Puts a checkpoint into an agent, a replay and a policy made with the same configuration.

    The policy is set to the one that acted, or to the agent's where none was saved.

    Args:
        source: a checkpoint that was found whole, or its folder.
        agent, replay, acting: to be set.

    Returns:
        The `extra` that was saved.

    Raises:
        CheckpointError: by the checkpoint's name; nothing was loaded.
    """
    saved = source if isinstance(source, Saved) else read(source, replay is not None)
    path, state = saved.path, saved.state
    _require_same_config(path, state["config"], agent.config)
    if replay is not None:
        if state["replay"] is None:
            raise ForeignCheckpointError(f"{path} was saved without a replay; load it without one")
        if state["replay"]["layout"] != replay.layout():
            raise ForeignCheckpointError(
                f"{path} holds a replay of {state['replay']['layout']}, this run has "
                f"{replay.layout()}; resume with the settings of the run that wrote it"
            )
    tensors = load_file(path / AGENT)
    agent.load_state_dict(tensors, state["agent"])
    if acting is not None:
        acted = {k.removeprefix(ACTING): v for k, v in tensors.items() if k.startswith(ACTING)}
        if acted:
            acting.load_state_dict(acted)
        else:
            acting.load_from(agent)
    if replay is not None:
        pieces = read_pieces(path.parent / FOLDER, saved.chunks, path, state["tail_at"])
        replay.restore(state["replay"], state["sampler"], pieces)
    return saved.extra


def load_networks(saved: Saved, agent: TD3Agent) -> None:
    """Puts a checkpoint's networks and optimisers alone into an agent."""
    agent.load_networks(load_file(saved.path / AGENT))


def _require_same_config(path: Path, saved: dict[str, Any], config: TD3Config) -> None:
    ours, saved = config.to_dict(), SINCE | saved
    differing = sorted(key for key in saved.keys() | ours.keys() if saved.get(key) != ours.get(key))
    if differing:
        changes = ", ".join(f"{key}: {saved.get(key)} -> {ours.get(key)}" for key in differing)
        raise ForeignCheckpointError(
            f"{path} belongs to another configuration ({changes}); "
            "resume with the settings of the run that wrote it, or start a new run"
        )
