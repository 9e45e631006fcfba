"""Scores drivers through the ROS graph, as a car would be driven."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace

from td3_driving.agent.episode import EpisodeInProgress
from td3_driving.bags.parameters import RecorderParameters
from td3_driving.cli.display import RunDisplay
from td3_driving.cli.graph import Graph, Simulator
from td3_driving.cli.settings import change, change_by_text, load_settings
from td3_driving.driving.episodes import EpisodePlan
from td3_driving.evaluation.results import DrivenEpisode
from td3_driving.scoring.lineup import Entrant
from td3_driving.scoring.recording import FilmKeeper, Recorder
from td3_driving.stopping import StopRequest

Drive = Callable[
    [Entrant, list[EpisodePlan], FilmKeeper],
    tuple[list[DrivenEpisode], int],
]


def graph_backend(
    changes: Sequence[str],
    address: tuple[str, int] | None,
    stop: StopRequest,
    record: str | None = None,
) -> Drive:
    """What drives an evaluation through a graph that is started anew for every driver.

    Args:
        changes: Parameters of nodes as "node.name=value".
        address: Of a simulator that runs already; None: a carla_lite for every driver.
        stop: Set by a signal.
        record: Folder for a bag of every driver; empty for the usual one, None for no bags.

    Returns:
        Takes who drives, what (as the driver's parameters say, too), and who may keep one episode's
        pictures. Gives the episodes in their order, those until a signal, and how many more were
        cut off by faults. It raises GraphError and ParameterError as Graph does.

    Raises:
        ParameterError: there is no such parameter, or its value is not allowed.
    """
    settings = load_settings()
    for assignment in changes:
        change_by_text(settings, assignment)
    simulator = Simulator(*address) if address else None
    bags = RecorderParameters(record or "").path

    def drive(
        entrant: Entrant, episodes: list[EpisodePlan], keeper: FilmKeeper
    ) -> tuple[list[DrivenEpisode], int]:
        # The node starts with a driver that needs no file; ours is there before the first tick.
        mine = replace(entrant.parameters, mode="evaluate", policy="random", run_dir="")
        own = {node: dict(values) for node, values in settings.items()}
        own["td3_agent"] = asdict(mine)
        recorder = Recorder(entrant.make(mine.seed))
        if record is not None:
            change(own, "recorder", "directory", str(bags / _safe(entrant.name)))
            change(own, "recorder", "policy", entrant.name)
        driven: list[DrivenEpisode] = []

        def over(episode: EpisodeInProgress) -> None:
            done = recorder.take(episode, keeper)
            if done is not None:
                driven.append(done)

        with Graph(own, simulator, episodes[0].map, record=record is not None) as graph:
            runner = graph.agent.runner
            runner.set_driver(recorder)
            runner.after_episode = over
            with RunDisplay(runner, f"td3-driving evaluate {entrant.name}") as display:
                graph.run(stop, watch=display.tick)
            return driven, runner.status.faults

    return drive


def _safe(name: str) -> str:
    """A driver's name as a folder's."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", name).strip(".-") or "driver"
