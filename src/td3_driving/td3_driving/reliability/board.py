"""The scoreboard: the headline, the table of docs/reliability.md, and the same as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from td3_driving.reliability.case import Result

BEGIN, END = "<!-- scoreboard -->", "<!-- end of scoreboard -->"


def headline(results: Sequence[Result]) -> dict[str, float]:
    """The worst of what was measured, and how many passed."""
    figures: dict[str, float] = {
        "passed": sum(result.passed for result in results),
        "total": len(results),
        "took_s": round(sum(result.took_s for result in results), 1),
    }
    worst = {"worst_brake_s": "brake_s", "worst_resume_s": "resume_s", "most_lost": "lost"}
    for name, figure in worst.items():
        values = [result.figures[figure] for result in results if figure in result.figures]
        if values:
            figures[name] = max(values)
    return figures


def to_json(results: Sequence[Result]) -> dict[str, Any]:
    """Headline and cases."""
    return {"headline": headline(results), "cases": [result.to_json() for result in results]}


def table(results: Sequence[Result]) -> str:
    """The headline and one row per case, as Markdown."""
    head = headline(results)
    said = [f"**{head['passed']:.0f} of {head['total']:.0f} cases pass**"]
    if "worst_brake_s" in head:
        said.append(f"worst time to brake {head['worst_brake_s']:.2f} s")
    if "most_lost" in head:
        said.append(f"most transitions lost by a kill {head['most_lost']:.0f}")
    if "worst_resume_s" in head:
        said.append(f"worst time to resume {head['worst_resume_s']:.1f} s")
    said.append(f"{head['took_s'] / 60.0:.1f} minutes")
    rows = ["; ".join(said) + ".", "", "| case | promise | | figures |", "|---|---|---|---|"]
    for result in results:
        figures = ", ".join(f"{name} {value:g}" for name, value in result.figures.items())
        mark = "pass" if result.passed else f"**FAIL**: {_cell(result.why)}"
        rows.append(f"| `{result.name}` | {_cell(result.promise)} | {mark} | {figures} |")
    return "\n".join(rows)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def write_page(file: Path, results: Sequence[Result]) -> None:
    """Puts the table between the two marks of a page.

    Raises:
        ValueError: the page has no such marks.
        OSError: it cannot be read or written.
    """
    before, begin, rest = file.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{file} has no {BEGIN} and {END}, between which the table belongs")
    file.write_text(f"{before}{BEGIN}\n{table(results)}\n{END}{after}")
