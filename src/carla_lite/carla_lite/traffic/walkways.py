"""Where people walk: sidewalks joined at their ends, crosswalks, and streets crossed elsewhere."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import IntEnum
from functools import cached_property
from itertools import pairwise
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from carla_lite.roads import RoadNetwork
from carla_lite.roads.lanes import LaneStrip, lane_strips
from carla_lite.scenery import Solids

Floats = NDArray[np.float64]

_WALKED = ("sidewalk", "walking")
_JOINED_M = 1.0
"""Sidewalks whose ends are this near continue each other."""
_REACH_M = 4.0
"""From the end of a crosswalk to the middle of its sidewalk."""
_STEP_M = 0.5
_BODY_M = 0.35
"""Room that a walker's middle needs beside a post."""
_DETOUR_M = 0.8
_WIDEST_M = 0.6
"""Posts are thinner than this; what is wider does not stand on sidewalks."""
_BESIDE_M = 1.5
"""Posts this far from the middle of a way may stand in it."""
_EYE_LEVEL_M = 1.9
_SHORTEST_M = 30.0
"""Streets shorter than this are crossed at their ends only."""


class Kind(IntEnum):
    """What one walks on."""

    SIDEWALK = 0
    CROSSWALK = 1
    STREET = 2


@dataclass(frozen=True, eq=False)
class Walkway:
    """A stretch between two nodes.

    Attributes:
        kind: what it is.
        nodes: where it starts and ends.
        line: float64 (N, 2), leads from the first node to the second.
        posts: float64 (K, 3), x, y and radius of what stands on it.
    """

    kind: Kind
    nodes: tuple[int, int]
    line: Floats
    posts: Floats

    @cached_property
    def _there(self) -> tuple[Floats, Floats, Floats]:
        return _frames(self.line)

    @cached_property
    def _back(self) -> tuple[Floats, Floats, Floats]:
        return _frames(self.line[::-1])

    def track(self, node: int, aside_m: float) -> Floats:
        """float64 (M, 2), half a metre apart: the way from a node for someone who keeps right of
        the middle (CARLA's frame: y to the right of x) and goes round posts."""
        line, ahead, right = self._there if node == self.nodes[0] else self._back
        aside = np.full(len(line), aside_m)
        for x, y, radius in self.posts.tolist():
            to_post = np.array([x, y]) - line
            along, across = (to_post * ahead).sum(axis=1), (to_post * right).sum(axis=1)
            near = (np.abs(along) < _DETOUR_M) & (np.abs(across - aside_m) < radius + _BODY_M)
            where = across[near] if near.any() else np.zeros(1)
            side = 1.0 if float(where.mean()) < aside_m else -1.0
            aside[near] = where.mean() + side * (radius + _BODY_M)
        return line + aside[:, None] * right

    def other(self, node: int) -> int:
        """The node at the other end."""
        return self.nodes[1] if node == self.nodes[0] else self.nodes[0]


@dataclass(frozen=True, eq=False)
class Walkways:
    """All walkways of a map.

    Attributes:
        ways: in the order of the map.
        at_node: for each node, the numbers of the ways that meet there.
    """

    ways: tuple[Walkway, ...]
    at_node: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, network: RoadNetwork, solids: Solids) -> Walkways:
        """As `build`, but worked out again only after other posts than the last time."""
        posts, known = _posts(solids), _KNOWN.get(network)
        if known is None or not np.array_equal(known[0], posts):
            known = _KNOWN[network] = posts, cls._with(network, posts)
        return known[1]

    @classmethod
    def build(cls, network: RoadNetwork, solids: Solids) -> Walkways:
        """Takes the sidewalks and crosswalks from a road network, and the posts from solids."""
        return cls._with(network, _posts(solids))

    @classmethod
    def _with(cls, network: RoadNetwork, posts: Floats) -> Walkways:
        strips = lane_strips(network, step_m=2.0, kinds=_WALKED)
        builder = _Builder([_Sidewalk(strip.centre) for strip in strips])
        for crosswalk in network.crosswalks:
            centre, axis = np.array(crosswalk.centre), np.array(crosswalk.axis)
            half = axis * (crosswalk.length_m / 2.0)
            builder.join(Kind.CROSSWALK, centre - half, centre + half)
        for left, right in _facing(strips):
            middle = len(left.s_m) // 2
            builder.join(Kind.STREET, left.centre[middle], right.centre[middle])
        return builder.finish(posts)

    @property
    def sidewalks(self) -> list[int]:
        """Numbers of the ways where people may start."""
        return [number for number, way in enumerate(self.ways) if way.kind is Kind.SIDEWALK]


_KNOWN: WeakKeyDictionary[RoadNetwork, tuple[Floats, Walkways]] = WeakKeyDictionary()
"""Of each network: the posts and the walkways of the last time; a town's take 0.1 s and more."""


def _facing(strips: list[LaneStrip]) -> list[tuple[LaneStrip, LaneStrip]]:
    """Pairs of sidewalks on both sides of a street that is long enough to be crossed midway."""
    pairs = []
    for left in strips:
        if left.road.junction_id is not None or left.lane.id < 0:
            continue
        if left.s_m[-1] - left.s_m[0] < _SHORTEST_M:
            continue
        pairs += [
            (left, right)
            for right in strips
            if right.road is left.road and right.section is left.section and right.lane.id < 0
        ]
    return pairs


def _even(line: Floats) -> Floats:
    """The same line with points half a metre apart."""
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(line, axis=0).T))])
    places = np.linspace(0.0, along[-1], max(2, int(np.ceil(along[-1] / _STEP_M)) + 1))
    return np.column_stack([np.interp(places, along, line[:, axis]) for axis in (0, 1)])


def _frames(line: Floats) -> tuple[Floats, Floats, Floats]:
    """The line with even points, and for each of them the directions ahead and to the right."""
    line = _even(line)
    ahead = np.gradient(line, axis=0)
    ahead /= np.maximum(np.hypot(*ahead.T), 1e-9)[:, None]
    return line, ahead, np.column_stack([-ahead[:, 1], ahead[:, 0]])


def _posts(solids: Solids) -> Floats:
    """x, y and radius of everything thin that stands on the ground."""
    low = solids["centre"][:, 2] - solids["half"][:, 2] < _EYE_LEVEL_M
    width = solids["half"][:, :2].max(axis=1)
    posts = solids[low & (width < _WIDEST_M)]
    table: Floats = np.column_stack(
        [posts["centre"][:, :2], posts["half"][:, :2].max(axis=1)]
    ).astype(np.float64)
    return table


def _on(line: Floats, posts: Floats) -> Floats:
    """Those posts which stand on a way."""
    low, high = line.min(axis=0) - _BESIDE_M, line.max(axis=0) + _BESIDE_M
    posts = posts[((posts[:, :2] > low) & (posts[:, :2] < high)).all(axis=1)]
    if not len(posts):
        return posts
    away = np.hypot(*(posts[:, None, :2] - _even(line)[None]).transpose(2, 0, 1)).min(axis=1)
    return posts[away < _BESIDE_M]


@dataclass(eq=False)
class _Sidewalk:
    """A sidewalk with the places where crossings meet it: distance along it, node."""

    line: Floats
    cuts: list[tuple[float, int]] = field(default_factory=list)

    def along(self) -> Floats:
        steps = np.hypot(*np.diff(self.line, axis=0).T)
        return np.concatenate([[0.0], np.cumsum(steps)])


class _Builder:
    def __init__(self, sidewalks: list[_Sidewalk]) -> None:
        self._nodes: list[Floats] = []
        self._sidewalks = sidewalks
        self._crossings: list[tuple[Kind, tuple[int, int], Floats]] = []
        # All pieces of all sidewalks, one after the other: where each starts and leads, and whose.
        steps = [np.diff(sidewalk.line, axis=0) for sidewalk in sidewalks]
        none = [np.zeros((0, 2))]
        self._starts = np.concatenate(none + [sidewalk.line[:-1] for sidewalk in sidewalks])
        self._steps = np.concatenate(none + steps)
        self._firsts = np.cumsum([0] + [len(each) for each in steps])
        for sidewalk in sidewalks:
            length = float(sidewalk.along()[-1])
            sidewalk.cuts.append((0.0, self._node(sidewalk.line[0])))
            sidewalk.cuts.append((length, self._node(sidewalk.line[-1])))

    def _node(self, place: Floats) -> int:
        for number, other in enumerate(self._nodes):
            if math.dist(place, other) < _JOINED_M:
                return number
        self._nodes.append(place)
        return len(self._nodes) - 1

    def join(self, kind: Kind, start: Floats, end: Floats) -> None:
        """Adds a crossing between the sidewalks at two places, if there are such."""
        feet = [self._foot(start), self._foot(end)]
        if feet[0] is None or feet[1] is None:
            return
        nodes = []
        for sidewalk, along, place in feet:  # type: ignore[misc]  # both are there
            node = self._node(place)
            nodes.append(node)
            if all(node != other for _, other in sidewalk.cuts):
                sidewalk.cuts.append((along, node))
        if nodes[0] != nodes[1]:
            line = np.array([self._nodes[node] for node in nodes])
            self._crossings.append((kind, (nodes[0], nodes[1]), line))

    def _foot(self, place: Floats) -> tuple[_Sidewalk, float, Floats] | None:
        """The nearest place on a sidewalk: which, how far along, where."""
        a, step = self._starts, self._steps
        if not len(a):
            return None
        share = ((place - a) * step).sum(axis=1) / (step * step).sum(axis=1)
        feet = a + np.clip(share, 0.0, 1.0)[:, None] * step
        away = np.hypot(*(feet - place).T)
        nearest = int(np.argmin(away))
        if away[nearest] >= _REACH_M:
            return None
        number = int(np.searchsorted(self._firsts, nearest, side="right")) - 1
        sidewalk, k = self._sidewalks[number], nearest - int(self._firsts[number])
        along = float(sidewalk.along()[k] + math.dist(sidewalk.line[k], feet[nearest]))
        return sidewalk, along, feet[nearest]

    def finish(self, posts: Floats) -> Walkways:
        ways = []
        for sidewalk in self._sidewalks:
            along, cuts = sidewalk.along(), sorted(sidewalk.cuts)
            for (low, first), (high, last) in pairwise(cuts):
                if first == last:
                    continue
                inner = sidewalk.line[(along > low + 0.1) & (along < high - 0.1)]
                ends = self._nodes[first][None], self._nodes[last][None]
                line = np.concatenate([ends[0], inner, ends[1]])
                ways.append(Walkway(Kind.SIDEWALK, (first, last), line, _on(line, posts)))
        for kind, nodes, line in self._crossings:
            ways.append(Walkway(kind, nodes, line, _on(line, posts)))
        at_node: list[list[int]] = [[] for _ in self._nodes]
        for number, way in enumerate(ways):
            for node in way.nodes:
                at_node[node].append(number)
        return Walkways(tuple(ways), tuple(map(tuple, at_node)))
