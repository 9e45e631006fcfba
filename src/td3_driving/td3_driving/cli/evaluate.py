"""td3-driving evaluate"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from td3_driving import __version__
from td3_driving.agent.parameters import AgentParameters
from td3_driving.agent.task import driving_task
from td3_driving.driving.episodes import EpisodePlan
from td3_driving.evaluation.intervals import Interval
from td3_driving.evaluation.report.page import write_report
from td3_driving.evaluation.results import DrivenEpisode, DriverResult, Evaluation, Film
from td3_driving.parameters import ParameterError, build, from_text, load
from td3_driving.scoring.lineup import Entrant, line_up, plans, task_name
from td3_driving.scoring.recording import FilmKeeper
from td3_driving.stopping import StopRequest, stop_on_signals

FIGURES = (
    "completion_pct", "success_pct", "driving_score", "mean_speed_mps", "lane_deviation_m",
    "infractions_per_km",
)  # fmt: skip

SHOWN = {
    "completion_pct": "completion %", "success_pct": "success %", "driving_score": "score",
    "infractions_per_km": "infr. per km",
}  # fmt: skip
"""What the terminal has room for, and its headings."""

Driven = tuple[list[DrivenEpisode], int]
"""Episodes, and how many more were cut off by faults."""

Drive = Callable[[Entrant, list[EpisodePlan], FilmKeeper], Driven]


def run(chosen: argparse.Namespace) -> int:
    """Runs the command; returns its exit code: 0, or 1 if it was stopped before the first score."""
    parameters = _parameters(chosen)
    entrants = line_up(parameters, chosen.policy, chosen.baselines, chosen.controls)
    episodes = plans(parameters, entrants)
    if chosen.report is not None:
        # Now, not after an hour of driving.
        chosen.report.mkdir(parents=True, exist_ok=True)
    results: list[DriverResult] = []
    film: Film | None = None
    with stop_on_signals() as stop, _backend(chosen, stop) as drive:
        for entrant in entrants:
            if stop.signal is not None:
                break
            shown = chosen.video if chosen.report is not None and entrant is entrants[0] else "none"
            repeat = driving_task(entrant.parameters).action_repeat
            keeper = FilmKeeper(shown, repeat, entrant.name)
            driven, faults = drive(entrant, episodes, keeper)
            film = film or keeper.film
            if driven:
                results.append(
                    DriverResult(
                        entrant.name, entrant.group, entrant.kind, driven, entrant.card, faults
                    )
                )
    if not results:
        return 1
    complete = len(results) == len(entrants) and all(
        len(result.episodes) == len(episodes) for result in results
    )
    task = task_name(entrants[0].parameters)
    about = _about(chosen, entrants[0].parameters, episodes)
    evaluation = Evaluation(task, about, results, complete, film)
    _say(evaluation)
    if chosen.report is not None:
        page = write_report(chosen.report, evaluation)
        Console(stderr=True).print(f"report: {page}", soft_wrap=True)
    if chosen.json:
        print(json.dumps(_figures(evaluation), allow_nan=False), flush=True)
    return 0


def _parameters(chosen: argparse.Namespace) -> AgentParameters:
    """The agent's, from config/td3_agent.yaml and the command line."""
    values: dict[str, Any] = asdict(load(AgentParameters, "td3_agent"))
    values |= {
        "mode": "evaluate", "task": chosen.task, "kind": chosen.kind, "seed": chosen.seed,
        "test_first_seed": chosen.map_seeds.start, "test_last_seed": chosen.map_seeds.stop - 1,
        "test_episodes": chosen.episodes, "test_map": chosen.map,
    }  # fmt: skip
    for assignment in chosen.set:
        target, _, text = assignment.partition("=")
        node, _, name = target.partition(".")
        if node == "td3_agent":
            values[name] = from_text(text, values.get(name))
        elif chosen.in_process:
            raise ParameterError(
                f"--set {assignment}: --in-process has no node {node!r}, only td3_agent"
            )
    return build(AgentParameters, "td3_agent", values)


@contextmanager
def _backend(chosen: argparse.Namespace, stop: StopRequest) -> Iterator[Drive]:
    """What drives an entrant: worlds of this process, or the graph."""
    with ExitStack() as leaving:
        if chosen.in_process:
            if chosen.simulator:
                raise ValueError("--in-process drives in this process; leave --simulator out")
            if chosen.record is not None:
                raise ValueError("--record writes what the graph says; leave --in-process out")
            from td3_driving.scoring.in_process import InProcess

            worlds = leaving.enter_context(InProcess())

            def in_process(
                entrant: Entrant, episodes: list[EpisodePlan], keeper: FilmKeeper
            ) -> Driven:
                with _progress(entrant.name, len(episodes)) as advance:
                    driven = worlds.drive(
                        entrant, episodes, keeper, lambda: stop.signal is not None, advance
                    )
                return driven, 0

            yield in_process
            return
        # Imported here: without ROS the other way works.
        from td3_driving.cli.evaluate_graph import graph_backend

        yield graph_backend(chosen.set, chosen.simulator, stop, chosen.record)


@contextmanager
def _progress(name: str, total: int) -> Iterator[Callable[[DrivenEpisode], None]]:
    """A bar on the terminal that says how it goes."""
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
        TextColumn("{task.fields[mean]}"),
    )  # fmt: skip
    done: list[float] = []
    with Progress(*columns, console=Console(stderr=True)) as progress:
        bar = progress.add_task(name, total=total, mean="")

        def advance(episode: DrivenEpisode) -> None:
            done.append(episode.score.completion_pct)
            mean = sum(done) / len(done)
            progress.update(bar, advance=1, mean=f"completion {mean:.1f} %")

        yield advance


def _about(
    chosen: argparse.Namespace, parameters: AgentParameters, episodes: list[EpisodePlan]
) -> dict[str, str]:
    """How it was made, for people."""
    task, first = driving_task(parameters), episodes[0]
    maps = list(dict.fromkeys(plan.map for plan in episodes))
    others = task.traffic
    return {
        "command": f"td3-driving {shlex.join(sys.argv[1:])}",
        "task": task.description or task.name,
        "maps": maps[0] if len(maps) == 1 else f"{len(maps)} maps, {maps[0]} to {maps[-1]}",
        "episodes": f"{len(episodes)} for each driver, from rest, {first.distance_m:.0f} m, "
        f"at most {first.duration_s:.0f} s",
        "waypoints seen": task.waypoints.mode,
        "traffic": f"{others.vehicles} vehicles, {others.pedestrians} pedestrians"
        + (", a slower car ahead" if others.lead is not None else ""),
        "driven through": "carla_lite worlds in one process" if chosen.in_process
        else "the ROS graph, in lock-step",
        "seed": str(parameters.seed),
        "version": f"td3_driving {__version__}",
    }  # fmt: skip


def _figures(evaluation: Evaluation) -> dict[str, Any]:
    """For --json: the first driver's figures, then those of all with their intervals."""
    everything = evaluation.as_dict()
    first = everything["drivers"][0]["summary"]
    return {
        **{name: first[name] for name in (*FIGURES, "episodes")},
        "complete": evaluation.complete,
        "drivers": [
            {"name": driver["name"], "kind": driver["kind"], **driver["summary"]}
            for driver in everything["drivers"]
        ],
        "means": everything["means"],
    }


def _say(evaluation: Evaluation) -> None:
    table = Table(title=f"{evaluation.task}; below each figure its 95 % interval")
    table.add_column("driver")
    for heading in SHOWN.values():
        table.add_column(heading, justify="right", no_wrap=True)

    def add(name: str, figures: dict[str, tuple[float | None, Interval | None]]) -> None:
        cells = []
        for figure in SHOWN:
            value, interval = figures.get(figure, (None, None))
            digits = 2 if figure == "infractions_per_km" else 1
            cell = "-" if value is None else f"{value:.{digits}f}"
            if interval is not None:
                cell += f"\n{interval[0]:.{digits}f} to {interval[1]:.{digits}f}"
            cells.append(cell)
        table.add_row(name, *cells)

    for driver in evaluation.drivers:
        s = driver.summary()
        add(driver.name, {name: (s.figure(name), s.intervals.get(name)) for name in SHOWN})
    for name, group in evaluation.groups().items():
        add(f"{name}: mean of {group['drivers']}", group["figures"])
    Console(stderr=True).print(table)
