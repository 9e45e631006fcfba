"""Fills the page from an evaluation. Jinja escapes every text; only our own SVG is Markup."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from td3_driving.driving.termination import EpisodeEnd
from td3_driving.evaluation.comfort import BOUNDS
from td3_driving.evaluation.intervals import Interval
from td3_driving.evaluation.metrics import Summary
from td3_driving.evaluation.report import svg
from td3_driving.evaluation.report.pictures import film_strip, film_uri
from td3_driving.evaluation.results import (
    DrivenEpisode,
    DriverResult,
    Evaluation,
    ending_in_words,
    write_json,
)

WORST_SHOWN = 3


class Column(NamedTuple):
    """One figure of the table of drivers."""

    name: str
    unit: str
    figure: str
    digits: int
    bar: bool = False


COLUMNS = (
    Column("completion", "%", "completion_pct", 1, bar=True),
    Column("success", "%", "success_pct", 0),
    Column("driving score", "", "driving_score", 1),
    Column("infractions", "per km", "infractions_per_km", 2),
    Column("speed", "m/s", "mean_speed_mps", 1),
    Column("speed RMSE", "m/s", "speed_rmse_mps", 1),
    Column("lane deviation", "m", "lane_deviation_m", 2),
    Column("deviation p95", "m", "lane_deviation_p95_m", 2),
    Column("heading error", "°", "heading_error_deg", 1),
    Column("comfortable", "% of time", "comfort_pct.all", 0),
)


def _cell(value: float | None, interval: Interval | None, digits: int) -> dict[str, Any]:
    if value is None:
        return {"value": "-", "interval": "", "bar": None}
    words = "" if interval is None else f"{interval[0]:.{digits}f} to {interval[1]:.{digits}f}"
    return {"value": f"{value:.{digits}f}", "interval": words, "bar": None}


def _row(
    name: str, kind: str, about: str, figures: dict[str, tuple[float | None, Interval | None]]
) -> dict[str, Any]:
    cells = []
    for column in COLUMNS:
        value, interval = figures.get(column.figure, (None, None))
        cell = _cell(value, interval, column.digits)
        if column.bar and value is not None:
            cell["bar"] = svg.share_bar(value, interval)
        cells.append(cell)
    return {"name": name, "kind": kind, "about": about, "cells": cells}


def _figures(summary: Summary) -> dict[str, tuple[float | None, Interval | None]]:
    return {c.figure: (summary.figure(c.figure), summary.intervals.get(c.figure)) for c in COLUMNS}


def _rows(evaluation: Evaluation, summaries: dict[str, Summary]) -> list[dict[str, Any]]:
    """A row for every driver, and above those of a group that has several, their mean."""
    groups, rows, shown = evaluation.groups(), [], set()
    for driver in evaluation.drivers:
        group = groups.get(driver.group)
        if group is not None and driver.group not in shown:
            shown.add(driver.group)
            about = f"mean of {group['drivers']}"
            rows.append(_row(driver.group, "mean", about, group["figures"]))
        summary = summaries[driver.name]
        about = f"{driver.kind}, {summary.episodes} episodes"
        rows.append(_row(driver.name, driver.kind, about, _figures(summary)))
    return rows


def _galleries(evaluation: Evaluation, top_speed_mps: float) -> list[dict[str, Any]]:
    """The worst episodes and the best one of every policy; of the others, the worst alone."""
    galleries, others = [], []
    for i, driver in enumerate(evaluation.drivers):
        ranked = driver.ranked()
        if i > 0 and driver.kind != "policy":
            others.append(_card(driver.name, ranked[-1], top_speed_mps))
            continue
        worst = ranked[1:][: -WORST_SHOWN - 1 : -1]
        cards = [_card("worst", episode, top_speed_mps) for episode in worst]
        cards.append(_card("best" if worst else "the only one", ranked[0], top_speed_mps))
        galleries.append({"name": driver.name, "cards": cards})
    if others:
        galleries.append({"name": "The others' worst", "cards": others})
    return galleries


def _card(heading: str, episode: DrivenEpisode, top_speed_mps: float) -> dict[str, Any]:
    score = episode.score
    arrived = episode.record.reason is EpisodeEnd.ROUTE_DONE
    return {
        "map": svg.map_picture(episode, top_speed_mps),
        "title": heading,
        "words": f"on {episode.map}: {ending_in_words(episode.record.reason)} after "
        f"{score.completion_pct:.0f} % and {episode.record.duration_s:.1f} s",
        "detail": "" if arrived else episode.detail,
        "strip": film_strip(episode.last_frames),
    }


def _distributions(evaluation: Evaluation, top_speed_mps: float) -> list[dict[str, Any]]:
    rows = []
    for driver in evaluation.drivers:
        records = [episode.record for episode in driver.episodes]
        completion = np.array([episode.score.completion_pct for episode in driver.episodes])
        speed = np.concatenate([record.speed_mps for record in records])
        lateral = np.concatenate([np.abs(record.lateral_m) for record in records])
        pictures = [
            svg.histogram(completion, 0.0, 100.0, "%"),
            svg.histogram(speed, 0.0, top_speed_mps, "m/s"),
            svg.histogram(lateral, 0.0, 2.0, "m", digits=2),
        ]
        rows.append({"name": driver.name, "pictures": pictures})
    return rows


def _endings(summaries: dict[str, Summary]) -> dict[str, Any]:
    reasons = [end for end in EpisodeEnd if any(end.value in s.endings for s in summaries.values())]
    kinds = sorted({kind for summary in summaries.values() for kind in summary.infractions})
    rows = []
    for name, summary in summaries.items():
        cells = [_cell(float(summary.endings.get(end.value, 0)), None, 0) for end in reasons]
        for kind in kinds:
            figure = f"infractions_per_km_by_kind.{kind}"
            rate = summary.infractions_per_km_by_kind.get(kind, 0.0 if summary.km else None)
            cells.append(_cell(rate, summary.intervals.get(figure), 2))
        rows.append({"name": name, "cells": [*cells, _cell(summary.km, None, 2)]})
    return {
        "names": [ending_in_words(end) for end in reasons],
        "kinds": [kind.replace("_", " ") for kind in kinds],
        "rows": rows,
    }


def _comfort(summaries: dict[str, Summary]) -> dict[str, Any]:
    bounds = [
        {"name": name.replace("_", " "), "limits": f"{bound.low:g} to {bound.high:g} {bound.unit}"}
        for name, bound in BOUNDS.items()
    ]
    rows = [
        {
            "name": name,
            "cells": [
                _cell(s.comfort_pct[each], s.intervals.get(f"comfort_pct.{each}"), 1)
                for each in (*BOUNDS, "all")
            ],
        }
        for name, s in summaries.items()
    ]
    return {"bounds": [*bounds, {"name": "all at once", "limits": ""}], "rows": rows}


def _headline(evaluation: Evaluation, summaries: dict[str, Summary]) -> str:
    """One sentence on the first driver, or on the mean of its group."""
    first = evaluation.drivers[0]
    group = evaluation.groups().get(first.group)
    value, interval = (
        group["figures"]["completion_pct"]
        if group is not None
        else _figures(summaries[first.name])["completion_pct"]
    )
    sure = (
        ""
        if interval is None
        else f" (95\N{NO-BREAK SPACE}% interval {interval[0]:.0f} to {interval[1]:.0f})"
    )
    name = first.group[:1].upper() + first.group[1:]
    verb = "drives" if group is None else "drive"
    return f"{name} {verb} {value:.1f}\N{NO-BREAK SPACE}% of the way{sure}"


def _lead(evaluation: Evaluation, summary: Summary) -> str:
    first = evaluation.drivers[0].episodes[0]
    maps = "one map" if summary.maps == 1 else f"{summary.maps} maps"
    return (
        f"{summary.episodes} episodes on {maps}, none of which was used for training or for "
        f"choosing a policy; {first.record.distance_m:.0f} m each, from rest."
    )


def _warnings(evaluation: Evaluation) -> list[str]:
    warnings = []
    if not evaluation.complete:
        warnings.append(
            "The evaluation was stopped before all episodes were driven; this is what was scored "
            "until then, and drivers may have driven different numbers of episodes."
        )
    faults = sum(driver.faults for driver in evaluation.drivers)
    if faults:
        warnings.append(f"{faults} episodes were cut off by faults of the set-up and driven anew.")
    return warnings


def _policies(drivers: Sequence[DriverResult]) -> list[dict[str, Any]]:
    return [{"name": d.name, "lines": sorted(d.card.items())} for d in drivers if d.card]


def render(evaluation: Evaluation) -> str:
    """The page.

    Args:
        evaluation: With one driver or more, each with one episode or more.

    Raises:
        OSError: the film can't be encoded.
    """
    summaries = {driver.name: driver.summary() for driver in evaluation.drivers}
    fastest = max(
        float(episode.record.speed_mps.max())
        for driver in evaluation.drivers
        for episode in driver.episodes
    )
    top_speed_mps = float(max(4.0, 2.0 * np.ceil(fastest / 2.0)))
    folder = files(__package__)
    style = (folder / "page.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    film = evaluation.film
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=False)
    template = environment.from_string((folder / "page.html").read_text(encoding="utf-8"))
    return template.render(
        policy=f"default-src 'none'; img-src data:; media-src data:; style-src 'sha256-{digest}'",
        style=Markup(style),
        title=f"{evaluation.drivers[0].group}: {evaluation.task}",
        task=evaluation.task.replace("_", " "),
        headline=_headline(evaluation, summaries),
        lead=_lead(evaluation, summaries[evaluation.drivers[0].name]),
        warnings=_warnings(evaluation),
        columns=COLUMNS,
        rows=_rows(evaluation, summaries),
        film=None if film is None else _film(evaluation),
        legend=svg.speed_legend(top_speed_mps),
        galleries=_galleries(evaluation, top_speed_mps),
        distributions=_distributions(evaluation, top_speed_mps),
        endings=_endings(summaries),
        comfort=_comfort(summaries),
        about=list(evaluation.about.items()),
        policies=_policies(evaluation.drivers),
    )


def _film(evaluation: Evaluation) -> dict[str, str]:
    film = evaluation.film
    assert film is not None
    episode = film.episode
    words = ending_in_words(episode.record.reason)
    return {
        "title": film.title,
        "uri": film_uri(film),
        "note": f"{episode.map}: {words} after {episode.score.completion_pct:.0f} %. The camera's "
        "grey pictures as the policy sees them, the last four of them below, what it does, and "
        "the way from above.",
    }


def write_report(folder: Path, evaluation: Evaluation) -> Path:
    """Writes report.json, then report.html; returns the page.

    Raises:
        OSError: the folder is not writable, or the film can't be encoded.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "report.json", evaluation)
    page = folder / "report.html"
    page.write_text(render(evaluation), encoding="utf-8")
    return page
