"""Draws the tables of a page of benchmarks from records of what was measured.

A record is a JSON file: the command, the machine, the rows as the command's own `--json` names
their figures, and for each column a format string over a row's names. Its table stands in the page
between `<!-- table: NAME -->` and `<!-- end of table -->`, NAME being the file's, without ending.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_MARKED = re.compile(r"(<!-- table: (\S+) -->\n).*?(<!-- end of table -->)", re.DOTALL)
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3})")


class RecordError(ValueError):
    """A record, or the page, is not as it must be; says which and how."""


def load(file: Path) -> dict[str, Any]:
    """A record.

    Raises:
        RecordError: it is no JSON, lacks a part, or a column's format does not fit a row.
    """
    try:
        record = json.loads(file.read_text())
    except json.JSONDecodeError as error:
        raise RecordError(f"{file} is no JSON: {error}") from error
    missing = {"command", "machine", "columns", "rows"} - set(record)
    if missing:
        raise RecordError(f"{file} lacks {', '.join(sorted(missing))}")
    try:
        table(record)
    except (KeyError, IndexError, ValueError, TypeError) as error:
        raise RecordError(f"{file}: a column does not fit a row: {error!r}") from error
    return record


def table(record: Mapping[str, Any]) -> str:
    """A record as a Markdown table; thousands are set apart by spaces."""
    columns: Mapping[str, str] = record["columns"]
    head = f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}\n"
    return head + "".join(
        f"| {' | '.join(_cell(form, row) for form in columns.values())} |\n"
        for row in record["rows"]
    )


def _cell(form: str, row: Mapping[str, Any]) -> str:
    name = re.split(r"[\[:!}]", form.partition("{")[2])[0]
    if name in row and row[name] is None:
        return "-"
    return _THOUSANDS.sub(" ", form.format(**row))


def redrawn(page: str, records: Mapping[str, Mapping[str, Any]]) -> str:
    """The page with every marked table drawn from its record, by name.

    Raises:
        RecordError: a marked table has no record, or a record has no place in the page.
    """
    marked = {match[1] for match in _MARKED.findall(page)}
    if marked != set(records):
        raise RecordError(
            f"tables without a record: {sorted(marked - set(records))}; "
            f"records without a place in the page: {sorted(set(records) - marked)}"
        )
    return _MARKED.sub(lambda match: match[1] + table(records[match[2]]) + match[3], page)


def run(chosen: argparse.Namespace) -> int:
    """Redraws the page, or says whether that would change it; returns the exit code."""
    page: Path = chosen.page
    files = chosen.records or sorted(page.with_suffix("").glob("*.json"))
    before = page.read_text()
    after = redrawn(before, {file.stem: load(file) for file in files})
    if chosen.check:
        if after != before:
            print(f"{page} is not what its records say; redraw it without --check", file=sys.stderr)
        return int(after != before)
    page.write_text(after)
    print(f"{page}: {len(files)} tables drawn", file=sys.stderr)
    return 0
