"""td3-driving faults"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from rich.console import Console

from td3_driving.reliability import board, groups


def run(chosen: argparse.Namespace) -> int:
    """Runs the command; returns its exit code: 0, or 1 if a case fails."""
    console = Console(stderr=True, highlight=False)
    picked = groups.chosen(chosen.only)
    if chosen.list:
        for name, cases in picked.items():
            for case in cases:
                print(f"{name:<11} {case.name:<34} {case.promise}")
        return 0
    results = []
    total = sum(map(len, picked.values()))
    for result in groups.run(chosen.only):
        results.append(result)
        mark = "[green]pass[/]" if result.passed else "[bold red]FAIL[/]"
        figures = ", ".join(f"{name} {value:g}" for name, value in result.figures.items())
        console.print(f"{len(results):>3}/{total} {mark} {result.name}  {figures}", soft_wrap=True)
        if result.why:
            console.print(f"        {result.why}", soft_wrap=True, markup=False)
    console.print(board.table(results).splitlines()[0], soft_wrap=True, markup=False)
    if chosen.out:
        Path(chosen.out).write_text(json.dumps(board.to_json(results), indent=1) + "\n")
    if chosen.page:
        board.write_page(Path(chosen.page), results)
    if chosen.json:
        print(json.dumps(board.to_json(results)), flush=True)
    return 0 if all(result.passed for result in results) else 1
