"""Scores drivers through the ROS graph, as a car would be driven."""

from __future__ import annotations

from dataclasses import asdict, replace

from td3_driving.agent.episode import EpisodeInProgress
from td3_driving.cli.display import RunDisplay
from td3_driving.cli.graph import Graph, Simulator
from td3_driving.cli.settings import change_by_text, load_settings
from td3_driving.driving.episodes import EpisodePlan
from td3_driving.evaluation.results import DrivenEpisode
from td3_driving.scoring.lineup import Entrant
from td3_driving.scoring.recording import FilmKeeper, Recorder
from td3_driving.stopping import StopRequest


class GraphBackend:
    """Starts the graph anew for every driver, and one simulator for all; a context manager.

    Args:
        changes: Parameters of nodes as "node.name=value".
        address: Of a simulator that runs already; None starts carla_lite.
        stop: Set by a signal.
    """

    def __init__(
        self, changes: list[str], address: tuple[str, int] | None, stop: StopRequest
    ) -> None:
        self._settings = load_settings()
        for assignment in changes:
            change_by_text(self._settings, assignment)
        self._simulator = Simulator(*address) if address else None
        self._stop = stop

    def __enter__(self) -> GraphBackend:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._simulator is not None:
            self._simulator.stop()

    def drive(
        self, entrant: Entrant, episodes: list[EpisodePlan], keeper: FilmKeeper
    ) -> tuple[list[DrivenEpisode], int]:
        """Drives an evaluation; what was scored until a signal.

        Args:
            entrant: Who drives. Its parameters say which episodes: the same as `episodes`.
            episodes: What is driven.
            keeper: May keep one episode's pictures.

        Returns:
            The episodes in their order, and how many more were cut off by faults.

        Raises:
            GraphError, ParameterError: as Graph.
        """
        # The node starts with a driver that needs no file; ours is there before the first tick.
        mine = replace(entrant.parameters, mode="evaluate", policy="random", run_dir="")
        settings = {node: dict(values) for node, values in self._settings.items()}
        settings["td3_agent"] = asdict(mine)
        recorder = Recorder(entrant.make(mine.seed))
        driven: list[DrivenEpisode] = []

        def over(episode: EpisodeInProgress) -> None:
            done = recorder.take(episode, keeper)
            if done is not None:
                driven.append(done)

        with Graph(settings, self._simulator, episodes[0].map) as graph:
            runner = graph.agent.runner
            runner.set_driver(recorder)
            runner.after_episode = over
            with RunDisplay(runner, f"td3-driving evaluate {entrant.name}") as display:
                graph.run(self._stop, watch=display.tick)
            return driven, runner.status.faults
