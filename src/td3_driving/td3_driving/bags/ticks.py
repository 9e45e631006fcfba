"""The ticks of a recorded drive: all that carries one stamp, in the order of the frames."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from td3_driving.bags.reader import Bag
from td3_driving.driving.lights import Light
from td3_driving.driving.route import Route
from td3_driving.driving.vehicle import VehicleState
from td3_driving.ros import topics
from td3_driving.ros.images import decode
from td3_driving.ros.messages import (
    InvalidMessage,
    from_action,
    from_frame,
    from_image,
    from_odometry,
    from_route,
    to_ns,
)

WINDOW = 32
"""Ticks that may be incomplete at a time; as deep as the nodes' pairing."""

_ANEW_NS = 2_000_000_000
"""A stamp so much older than the newest is no late one."""

READ = (
    topics.FRAME, topics.IMAGE, topics.ODOMETRY, topics.ROUTE, topics.COLLISION,
    topics.OBSERVATION, topics.ACTION, topics.EPISODE,
)  # fmt: skip
_OF_A_TICK = {
    topic.name for topic in (topics.FRAME, topics.IMAGE, topics.ODOMETRY, topics.OBSERVATION,
                             topics.ACTION, topics.EPISODE)
}  # fmt: skip


class Earned(NamedTuple):
    """What the agent said of the step that led to a tick."""

    reward: float
    terminated: bool
    truncated: bool
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class RecordedTick:
    """One tick.

    Args:
        stamp_ns: Simulation time.
        episode: Number of the episode, from 1.
        step: Ticks since its reset.
        picture: uint8 (H, W) or (H, W, channels), and its encoding.
        state: Motion of the vehicle.
        hits: What it hit in this tick.
        light: The traffic light in force.
        gap_m: Free way to who is ahead; None: nobody.
        route: The episode's, with its first tick alone.
        seed: The episode's.
        seen: uint8 (4, 84, 84), what perception made of the picture; None: not recorded.
        action: Steer and acceleration that answered the tick; None: none did.
        earned: What the step to this tick earned; None: nothing was said.
    """

    stamp_ns: int
    episode: int
    step: int
    picture: tuple[np.ndarray, str]
    state: VehicleState
    hits: tuple[str, ...]
    light: Light
    gap_m: float | None
    route: Route | None
    seed: int
    seen: np.ndarray | None
    action: tuple[float, float] | None
    earned: Earned | None


@dataclass(slots=True)
class _Parts:
    """What is there of one stamp."""

    messages: dict[str, Any] = field(default_factory=dict)
    hits: list[str] = field(default_factory=list)


class TickAssembler:
    """Joins messages to ticks by their stamp, as the nodes do.

    The nodes drop an older tick as soon as a newer one is whole. Here what the agent answered
    belongs to a tick, too, and comes late: a tick waits for it, but for WINDOW ticks at most.

    Args:
        present: Names of the topics that there are messages of.
    """

    def __init__(self, present: frozenset[str]) -> None:
        self._present = present
        self._waiting: dict[int, _Parts] = {}
        self._routes: dict[int, Route] = {}
        self._newest = 0
        self.incomplete = self.invalid = 0
        """Stamps that lacked a picture, a frame or an odometry; messages that were refused."""

    def add(self, topic: topics.Topic, message: Any) -> Iterator[RecordedTick]:
        """Takes a message, and gives the ticks that are whole with it."""
        try:
            stamp = to_ns(message.header.stamp)
            if stamp < self._newest - _ANEW_NS:
                # With another map the simulator's time begins anew: stamps come a second time.
                yield from self.rest()
                self._newest = stamp
            self._newest = max(stamp, self._newest)
            self._take(topic, message, stamp)
        except ValueError:
            self.invalid += 1
        while self._waiting:
            stamp = next(iter(self._waiting))
            if not self._whole(stamp) and len(self._waiting) <= WINDOW:
                break
            yield from self._give(stamp)

    def rest(self) -> Iterator[RecordedTick]:
        """The ticks that nothing more will come of."""
        for stamp in list(self._waiting):
            yield from self._give(stamp)

    def _take(self, topic: topics.Topic, message: Any, stamp: int) -> None:
        if topic is topics.ROUTE:
            self._routes[stamp] = from_route(message)
            while len(self._routes) > WINDOW:
                del self._routes[next(iter(self._routes))]
        elif topic is topics.COLLISION:
            self._waiting.setdefault(stamp, _Parts()).hits.append(message.other_actor_type)
        elif topic.name in _OF_A_TICK:
            value = _READERS[topic.name](message)
            self._waiting.setdefault(stamp, _Parts()).messages[topic.name] = value

    def _whole(self, stamp: int) -> bool:
        parts = self._waiting[stamp]
        there, frame = parts.messages, parts.messages.get(topics.FRAME.name)
        if frame is None or not {topics.IMAGE.name, topics.ODOMETRY.name} <= there.keys():
            return False
        if len(parts.hits) < frame.collisions:
            return False
        if frame.episode == 0:
            return True  # nobody drives, so nobody answers
        if frame.step == 0 and stamp not in self._routes:
            return False
        earned = there.get(topics.EPISODE.name)
        ended = earned is not None and (earned.terminated or earned.truncated)
        wanted = {topics.OBSERVATION.name}
        wanted |= {topics.EPISODE.name} if frame.step else set()
        wanted |= set() if ended else {topics.ACTION.name}
        return (wanted & self._present) <= there.keys()

    def _give(self, stamp: int) -> Iterator[RecordedTick]:
        parts = self._waiting.pop(stamp)
        there = parts.messages
        if not {topics.FRAME.name, topics.IMAGE.name, topics.ODOMETRY.name} <= there.keys():
            self.incomplete += 1
            return
        frame = there[topics.FRAME.name]
        light, gap_m = from_frame(frame)
        first = frame.step == 0
        yield RecordedTick(
            stamp, int(frame.episode), int(frame.step), there[topics.IMAGE.name],
            there[topics.ODOMETRY.name], tuple(parts.hits), light, gap_m,
            self._routes.get(stamp) if first else None,
            int(frame.seed),
            there.get(topics.OBSERVATION.name), there.get(topics.ACTION.name),
            there.get(topics.EPISODE.name),
        )  # fmt: skip


def _frame(message: Any) -> Any:
    from_frame(message)  # what is no light or no gap is refused before it waits for others
    return message


def _stack(message: Any) -> np.ndarray:
    frames = from_image(message)
    if frames.ndim != 3:
        raise InvalidMessage(f"observation has shape {frames.shape}; expected frames as 8UC4")
    return np.moveaxis(frames, -1, 0)


def _earned(message: Any) -> Earned:
    reason = str(message.reason)[:100]
    return Earned(float(message.reward), bool(message.terminated), bool(message.truncated), reason)


_READERS = {
    topics.FRAME.name: _frame,
    topics.IMAGE.name: decode,
    topics.ODOMETRY.name: from_odometry,
    topics.OBSERVATION.name: _stack,
    topics.ACTION.name: from_action,
    topics.EPISODE.name: _earned,
}


def read_ticks(bag: Bag, assembler: TickAssembler | None = None) -> Iterator[RecordedTick]:
    """All ticks of a bag in the order of its frames.

    Args:
        bag: Open.
        assembler: Counts what was left out; a new one unless given.

    Raises:
        BagError: the bag is damaged from here on.
    """
    assembler = assembler or TickAssembler(bag.present)
    for topic, _, message in bag.messages(READ):
        yield from assembler.add(topic, message)
    yield from assembler.rest()
