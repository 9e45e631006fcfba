"""Checks at the door, shared by the records of this package."""

import math
from dataclasses import fields
from functools import cache
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray


def require_finite(record: Any) -> None:
    """Refuse a dataclass that holds a non-finite number.

    Raises:
        ValueError: names the class, the field and the value.
    """
    for name in _names(record.__class__):
        value = getattr(record, name)
        # Most are floats, and asking an abstract class takes longer than all the rest.
        if (type(value) is float or isinstance(value, Real)) and not math.isfinite(value):
            raise ValueError(
                f"{type(record).__name__}.{name} is {value}, not a finite number; its source "
                "(sensor, simulator or configuration) is at fault: check the message it came from"
            )


@cache
def _names(record_class: type[Any]) -> tuple[str, ...]:
    return tuple(field.name for field in fields(record_class))


def require_positive(record: Any, *names: str) -> None:
    """Refuse a dataclass in which one of the named fields isn't a positive finite number.

    Raises:
        ValueError: names the class, the field and the value.
    """
    for name in names:
        value = getattr(record, name)
        if not (math.isfinite(value) and value > 0):
            raise ValueError(
                f"{type(record).__name__}.{name} is {value}; it must be a finite number above 0"
            )


def require_waypoints(waypoints: NDArray[np.floating]) -> None:
    """Refuse waypoints that aren't a finite (n, 2) array with n >= 1.

    Raises:
        ValueError: names the shape, or the first non-finite waypoint.
    """
    if waypoints.ndim != 2 or waypoints.shape[1] != 2 or len(waypoints) == 0:
        raise ValueError(f"waypoints have shape {waypoints.shape}; expected (n, 2) with n >= 1")
    if not np.isfinite(waypoints).all():
        bad = int(np.argmin(np.isfinite(waypoints).all(axis=1)))
        raise ValueError(
            f"waypoint {bad} is {waypoints[bad].tolist()}, not finite; check the route it came from"
        )
