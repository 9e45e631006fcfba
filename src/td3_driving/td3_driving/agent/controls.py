"""Controls: drivers that get less to look at than they were trained with.

A policy that really uses its camera drives badly without one, with a mirrored one, and with another
moment's pictures; one that really needs its waypoints drives badly without them. Each control wraps
a driver and changes the observation, nothing else.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from td3_driving.agent.types import Driver, Sight

OTHER_PICTURE_DECISIONS = 300
"""How old another moment's pictures are: half a minute at ten decisions a second."""

_MOTION = 3
"""Entries of the vector before the waypoints."""


class Control:
    """A driver that sees what a function makes of each observation."""

    def __init__(self, driver: Driver, change: Callable[[Sight], Sight]) -> None:
        self._driver = driver
        self._change = change

    def act(self, sight: Sight) -> np.ndarray:
        """As Driver.act."""
        return self._driver.act(self._change(sight))


def blank(sight: Sight) -> Sight:
    """A black picture."""
    return replace(sight, image=np.zeros_like(sight.image))


def mirrored(sight: Sight) -> Sight:
    """Left and right of the picture exchanged."""
    return replace(sight, image=np.ascontiguousarray(sight.image[..., ::-1]))


def no_waypoints(sight: Sight) -> Sight:
    """Waypoints of zeros; speed, yaw rate and last steering stay."""
    vector = sight.vector.copy()
    vector[_MOTION:] = 0.0
    return replace(sight, vector=vector)


class OtherPicture:
    """The pictures of OTHER_PICTURE_DECISIONS ago, across episodes; before that the first ones."""

    def __init__(self) -> None:
        self._past: deque[np.ndarray] = deque(maxlen=OTHER_PICTURE_DECISIONS + 1)

    def __call__(self, sight: Sight) -> Sight:
        self._past.append(sight.image.copy())
        return replace(sight, image=self._past[0])


CONTROLS: dict[str, tuple[str, Callable[[], Callable[[Sight], Sight]]]] = {
    "vector_only": ("vector only: a blank camera, not trained without one", lambda: blank),
    "blank": ("blank camera", lambda: blank),
    "mirrored": ("mirrored camera", lambda: mirrored),
    "other_picture": ("another moment's pictures", OtherPicture),
    "no_waypoints": ("waypoints hidden", lambda: no_waypoints),
}
"""What each control is, for people, and what makes its change for one driver."""


def control(name: str, driver: Driver) -> Driver:
    """The driver with its sight changed.

    Raises:
        ValueError: there is no such control; the message lists those there are.
    """
    if name not in CONTROLS:
        raise ValueError(f"control {name!r} is unknown; there are {', '.join(CONTROLS)}")
    return Control(driver, CONTROLS[name][1]())
