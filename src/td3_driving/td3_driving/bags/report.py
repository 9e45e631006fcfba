"""The report of a replay: one page that needs no other file, and the same figures as JSON."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from td3_driving.bags.figures import DIMENSIONS, figures
from td3_driving.bags.replay import Moment, Replayed
from td3_driving.bags.timeline import Line, Marks, panel, zoom
from td3_driving.evaluation.report.pictures import film_strip


def write_report(
    folder: Path, replayed: Replayed, about: Mapping[str, str], warnings: Sequence[str]
) -> Path:
    """Writes replay.json, then replay.html; returns the page.

    Args:
        folder: Made if it is not there.
        replayed: With one decision or more.
        about: How it was made, for people; "bag" and "policy" among it.
        warnings: What a reader has to know.

    Raises:
        OSError: the folder is not writable.
    """
    folder.mkdir(parents=True, exist_ok=True)
    values = figures(replayed)
    text = json.dumps({"about": dict(about), **values}, indent=1, allow_nan=False)
    (folder / "replay.json").write_text(text + "\n", encoding="utf-8")
    page = folder / "replay.html"
    page.write_text(render(replayed, values, about, warnings), encoding="utf-8")
    return page


def render(
    replayed: Replayed,
    values: Mapping[str, Any],
    about: Mapping[str, str],
    warnings: Sequence[str],
) -> str:
    """The page."""
    folder = files(__package__)
    style = (files("td3_driving.evaluation.report") / "page.css").read_text(encoding="utf-8")
    style += (folder / "report.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    environment = Environment(autoescape=True, undefined=StrictUndefined)
    template = environment.from_string((folder / "report.html").read_text(encoding="utf-8"))
    return template.render(
        policy=f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'",
        style=Markup(style),
        title=f"{about['policy']} on {about['bag']}",
        bag=about["bag"],
        headline=_headline(values, about["policy"]),
        lead=_lead(values),
        warnings=warnings,
        panels=_panels(replayed),
        errors=_errors(values),
        beside=_beside(values),
        moments=[_moment(replayed, m, i) for i, m in enumerate(replayed.worst, 1)],
        about=list(about.items()),
    )


def _headline(values: Mapping[str, Any], policy: str) -> str:
    if values["identical"]:
        return f"{policy} does exactly what was driven"
    error = values["action_error"]["all"]
    return f"{policy} differs from what was driven by {error['mean']:.3f} on average"


def _lead(values: Mapping[str, Any]) -> str:
    changed = values["interventions"]["replayed"]["total"]
    return (
        f"{values['decisions']} decisions in {values['episodes']} episodes, "
        f"{values['duration_s']:.0f} s of driving. The guard would have changed "
        f"{changed or 'none'} of the policy's {values['ticks']} commands."
    )


def _panels(replayed: Replayed) -> list[Markup]:
    time_s = replayed.time_s
    begins = time_s[1:][np.diff(replayed.episode) != 0]
    moments = np.array([time_s[moment.index] for moment in replayed.worst])
    bare = Marks(begins, np.empty(0), np.empty(0))
    marks = (Marks(begins, np.array(replayed.guarded_at_s), moments), bare)
    panels = [
        panel(
            name, time_s,
            [Line("driven", replayed.driven[:, i]), Line("replayed", replayed.replayed[:, i])],
            marks[i], (-1.0, 1.0),
        )
        for i, name in enumerate(("steering, + to the right", "acceleration"))
    ]  # fmt: skip
    for name, style, values in (
        ("reward of what was driven", "driven", replayed.reward),
        ("value, as the critic has it", "replayed", replayed.value),
        ("TD error of what was driven", "driven", replayed.td_error),
    ):
        if np.isfinite(values).any():
            panels.append(panel(name, time_s, [Line(style, values)], bare))
    return panels


def _errors(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    names = {"all": "the larger of both", **{name: name for name in DIMENSIONS}}
    return [
        {"name": name, "cells": [f"{values['action_error'][key][c]:.4f}" for c in
                                 ("mean", "p95", "max")]}
        for key, name in names.items()
    ]  # fmt: skip


def _beside(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    def both(group: str, key: str, digits: int) -> list[str]:
        pair = (values[group][who][key] for who in ("driven", "replayed"))
        return ["-" if value is None else f"{value:.{digits}f}" for value in pair]

    rows = [
        ("steering rate", "per second", both("smoothness", "steering_rate", 3)),
        ("steering jerk", "per second squared", both("smoothness", "steering_jerk", 3)),
        ("commands that the guard changes", "ticks", both("interventions", "total", 0)),
        ("... for their steering's speed", "ticks", both("interventions", "rate_limited", 0)),
    ]
    return [{"name": name, "note": note, "cells": cells} for name, note, cells in rows]


def _moment(replayed: Replayed, moment: Moment, number: int) -> dict[str, Any]:
    i = moment.index
    driven, ours = replayed.driven[i], replayed.replayed[i]
    lines = [Line("driven", replayed.driven[:, 0]), Line("replayed", replayed.replayed[:, 0])]
    return {
        "strip": film_strip(moment.stack),
        "zoom": zoom(replayed.time_s, lines, float(replayed.time_s[i])),
        "title": f"{number}: episode {replayed.episode[i]}, step {replayed.step[i]}",
        "words": f"steering {driven[0]:+.2f} driven, {ours[0]:+.2f} replayed; acceleration "
        f"{driven[1]:+.2f} driven, {ours[1]:+.2f} replayed",
    }
