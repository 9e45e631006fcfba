"""A regression gate: the actions that a policy has to take over a bag, kept in a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from td3_driving.bags.errors import BagError
from td3_driving.bags.replay import Replayed

SCHEMA = 1
MOST_BYTES = 256 << 20


def write_expectation(file: Path, replayed: Replayed, about: dict[str, str]) -> None:
    """Writes what the policy did, whole or not at all.

    Args:
        file: To write.
        replayed: The actions.
        about: Of bag and policy, for people.

    Raises:
        OSError: it can't be written.
    """
    rows = zip(
        replayed.episode.tolist(), replayed.step.tolist(),
        replayed.replayed[:, 0].tolist(), replayed.replayed[:, 1].tolist(), strict=True,
    )  # fmt: skip
    head = {"schema": SCHEMA, **about, "actions_sha256": replayed.sha256}
    actions = ",\n".join(json.dumps(row, allow_nan=False) for row in rows)
    text = f'{json.dumps(head)[:-1]}, "actions": [\n{actions}\n]}}\n'
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_name(f".writing-{file.name}")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(file)


def first_difference(file: Path, replayed: Replayed) -> str | None:
    """Where the actions first differ from those in the file, in words; None: nowhere.

    Raises:
        BagError: the file is no expectation.
        OSError: it can't be read.
    """
    expected = _read(file)
    if expected["actions_sha256"] == replayed.sha256:
        return None
    places = np.column_stack([replayed.episode, replayed.step])
    theirs = np.array([row[:2] for row in expected["actions"]], np.int64).reshape(-1, 2)
    wanted = np.array([row[2:] for row in expected["actions"]], np.float32).reshape(-1, 2)
    for i in range(min(len(places), len(theirs))):
        where = f"decision {i}, episode {places[i, 0]} step {places[i, 1]}"
        if (places[i] != theirs[i]).any():
            return f"{where}: expected is episode {theirs[i, 0]} step {theirs[i, 1]}"
        if (replayed.replayed[i] != wanted[i]).any():
            return f"{where}: {_words(replayed.replayed[i])}, expected {_words(wanted[i])}"
    if len(places) != len(theirs):
        return f"{len(places)} decisions, expected {len(theirs)}; all that both have are equal"
    raise BagError(f"{file} contradicts itself: its digest is not that of its actions; edited?")


def _words(action: np.ndarray) -> str:
    return f"steer {action[0]:.9g}, acceleration {action[1]:.9g}"


def _read(file: Path) -> dict[str, Any]:
    if file.stat().st_size > MOST_BYTES:
        raise BagError(f"{file} is larger than {MOST_BYTES >> 20} MiB: no expectation of ours")
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        if content["schema"] != SCHEMA or not isinstance(content["actions_sha256"], str):
            raise ValueError(f"its schema is {content['schema']!r}, must be {SCHEMA}")
        for episode, step, steer, acceleration in content["actions"]:
            if type(episode) is not int or type(step) is not int:
                raise ValueError("an action without its place")
            if not np.isfinite([float(steer), float(acceleration)]).all():
                raise ValueError("an action that is not finite")
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise BagError(
            f"{file} is no expectation ({type(error).__name__}: {error}); write one with "
            "--write-expect"
        ) from error
    return content
