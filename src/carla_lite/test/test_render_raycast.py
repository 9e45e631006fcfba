"""Promises of ray casting: what rays hit, how far away, and what is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carla_lite.render.raycast import InvalidRaysError, RayHits, cast_rays
from carla_lite.render.solids_static import InvalidSolidsError, StaticSolids
from carla_lite.scenery.solids import SOLID, Shape, Solids, Tag, empty, solid


class Striped:
    """A map whose ground is road on one side of the x axis and terrain on the other."""

    def __init__(self, solids: Solids | None = None) -> None:
        self.static = StaticSolids.build(empty() if solids is None else solids)

    def ground_tags(self, x_m: np.ndarray, y_m: np.ndarray) -> np.ndarray:
        return np.where(y_m > 0.0, Tag.ROAD, Tag.TERRAIN).astype(np.uint8)


def one_ray(
    scene: Striped, moving: Solids, origin: tuple, direction: tuple, reach: float = 1e3
) -> tuple[float, int, int, float]:
    hits = cast_rays(scene, moving, origin, [direction], reach)
    return tuple(float(column[0]) for column in hits)  # type: ignore[return-value]


def box(centre: tuple, half: tuple, yaw: float = 0.0, owner: int = 1) -> Solids:
    return solid(centre, half, yaw, (0, 0, 0), Tag.CAR, owner=owner)


def ball(centre: tuple, half: tuple, yaw: float = 0.0, owner: int = 1) -> Solids:
    return solid(
        centre, half, yaw, (0, 0, 0), Tag.VEGETATION, shape=Shape.ELLIPSOID, owner=owner
    )  # fmt: skip


def random_solids(seed: int, count: int, spread: float) -> Solids:
    rng = np.random.default_rng(seed)
    solids = np.zeros(count, SOLID)
    solids["centre"] = rng.uniform((-spread, -spread, -1), (spread, spread, 12), (count, 3))
    solids["half"] = np.exp(rng.uniform(math.log(0.05), math.log(8.0), (count, 3)))
    yaw = rng.uniform(0, 2 * np.pi, count)
    solids["heading"] = np.column_stack([np.cos(yaw), np.sin(yaw)])
    solids["shape"], solids["tag"] = rng.integers(0, 2, count), rng.integers(1, 29, count)
    solids["id"] = np.arange(1, count + 1)
    return solids


def by_force(solids: Solids, origin: np.ndarray, ways: np.ndarray) -> tuple:
    """Distance and id of the nearest hit among solids and ground, each asked in turn."""
    ways = ways / np.linalg.norm(ways, axis=1, keepdims=True)
    best, ids = np.full(len(ways), np.inf), np.zeros(len(ways), np.uint32)
    with np.errstate(divide="ignore", invalid="ignore"):
        ground = -origin[2] / ways[:, 2]
        best = np.where(ground > 0, ground, np.inf)
        for one in solids:
            cos, sin = (float(v) for v in one["heading"])
            turn = np.array([[cos, sin, 0], [-sin, cos, 0], [0, 0, 1]])
            half = one["half"].astype(float)
            o, d = turn @ (origin - one["centre"].astype(float)) / half, ways @ turn.T / half
            if one["shape"] == Shape.BOX:
                a, b = (-1 - o) / d, (1 - o) / d
                enter, leave = np.minimum(a, b).max(axis=1), np.maximum(a, b).min(axis=1)
                t = np.where((enter > 0) & (enter <= leave), enter, np.inf)
            else:
                a, b, c = (d * d).sum(1), d @ o, o @ o - 1
                root = b * b - a * c
                t = np.where((c > 0) & (b < 0) & (root >= 0), (-b - np.sqrt(root)) / a, np.inf)
            nearer = t < best
            best, ids = np.where(nearer, t, best), np.where(nearer, one["id"], ids)
    return best, ids


def test_a_ray_ends_on_the_nearest_face_of_a_box() -> None:
    scene = Striped(box((10.0, 1.0, 2.0), (2.0, 3.0, 2.0), owner=7))
    found = one_ray(scene, empty(), (0.0, 0.0, 1.5), (1.0, 0.0, 0.0))
    assert found == pytest.approx((8.0, Tag.CAR, 7, 1.0))


def test_a_turned_box_is_hit_at_its_corner_s_distance_and_slant() -> None:
    scene = Striped(box((10.0, 0.2, 2.0), (1.0, 1.0, 2.0), 45.0))
    distance, _, _, cosine = one_ray(scene, empty(), (0.0, 0.0, 1.5), (1.0, 0.0, 0.0))
    assert distance == pytest.approx(10.0 - math.sqrt(2.0) + 0.2, rel=1e-6)
    assert cosine == pytest.approx(math.sqrt(0.5), rel=1e-6)


def test_an_ellipsoid_is_hit_where_its_formula_says() -> None:
    scene = Striped(ball((10.0, 0.0, 4.0), (3.0, 1.0, 2.0), owner=9))
    # At height 1 above the centre the half length is 3 sqrt(1 - 1/4).
    distance, tag, owner, cosine = one_ray(scene, empty(), (0.0, 0.0, 5.0), (2.0, 0.0, 0.0))
    x = -3.0 * math.sqrt(0.75)
    assert (distance, tag, owner) == pytest.approx((10.0 + x, Tag.VEGETATION, 9), rel=1e-6)
    normal = np.array([x / 9.0, 1.0 / 4.0])
    assert cosine == pytest.approx(-normal[0] / np.hypot(*normal), rel=1e-5)


@pytest.mark.parametrize(("y", "tag"), [(5.0, Tag.ROAD), (-5.0, Tag.TERRAIN)])
def test_the_ground_is_hit_with_the_tag_that_it_has_there(y: float, tag: Tag) -> None:
    found = one_ray(Striped(), empty(), (0.0, y, 3.0), (4.0, 0.0, -3.0))
    assert found == pytest.approx((5.0, tag, 0, 0.6))


def test_the_sky_is_infinitely_far() -> None:
    distance, tag, owner, cosine = one_ray(Striped(), empty(), (0.0, 0.0, 1.0), (1.0, 0.0, 0.1))
    assert (distance, tag, owner, cosine) == (math.inf, Tag.SKY, 0, 0.0)


def test_nothing_is_hit_beyond_the_range() -> None:
    scene = Striped(box((10.0, 0.0, 1.0), (1.0, 1.0, 1.0)))
    assert one_ray(scene, empty(), (0.0, 0.0, 1.0), (1.0, 0.0, 0.0), 9.01)[0] == 9.0
    assert one_ray(scene, empty(), (0.0, 0.0, 1.0), (1.0, 0.0, 0.0), 8.99)[0] == math.inf
    assert one_ray(scene, empty(), (0.0, 0.0, 1.0), (0.0, 0.0, -1.0), 0.99)[0] == math.inf


@pytest.mark.parametrize("shape", [box, ball])
def test_a_ray_from_inside_a_solid_does_not_see_it(shape: object) -> None:
    around = shape((0.0, 0.0, 2.0), (3.0, 2.0, 1.5), 20.0)  # type: ignore[operator]
    beyond = box((10.0, 0.0, 2.0), (1.0, 1.0, 1.0), owner=5)
    for scene, moving in ((Striped(around), beyond), (Striped(beyond), around)):
        assert one_ray(scene, moving, (0.5, 0.2, 2.0), (1.0, 0.0, 0.0))[2] == 5


def test_the_length_of_a_direction_does_not_matter() -> None:
    scene = Striped(random_solids(3, 40, 30.0))
    ways = np.random.default_rng(0).normal(size=(500, 3))
    first = cast_rays(scene, empty(), (0.0, 0.0, 3.0), ways, 80.0)
    second = cast_rays(scene, empty(), (0.0, 0.0, 3.0), ways * 1e3, 80.0)
    np.testing.assert_allclose(first.distance, second.distance, rtol=1e-5)
    np.testing.assert_array_equal(first.id, second.id)


@given(
    st.integers(0, 2**32 - 1),
    st.integers(0, 60),
    st.sampled_from([5.0, 40.0, 300.0]),
    st.tuples(st.floats(-50, 50), st.floats(-50, 50), st.floats(0.01, 30)),
)
@settings(max_examples=80, deadline=None)
def test_hits_are_those_found_by_asking_every_solid(
    seed: int, count: int, spread: float, origin: tuple
) -> None:
    solids = random_solids(seed, count, spread)
    cut = count // 2
    ways = np.random.default_rng(seed).normal(size=(200, 3)) * (1.0, 1.0, 0.4)
    # Along the axes the grid is walked straight, on the borders between its cells at times.
    ways[:6] = [(1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0), (0, 0, -1), (0, 0, 1)]
    hits = cast_rays(Striped(solids[:cut]), solids[cut:], origin, ways, 1e6)
    distance, ids = by_force(solids, np.array(origin), ways)
    distance[distance > 1e6] = np.inf
    grazing = ~np.isclose(hits.distance, distance, rtol=1e-4, atol=1e-5)
    # A ray along an edge, to a few bits, may fall to either side of it.
    assert grazing.sum() <= 1
    assert (hits.id != ids)[~grazing].sum() <= 1


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=20, deadline=None)
def test_solids_that_stay_and_solids_that_move_are_hit_alike(seed: int) -> None:
    solids = random_solids(seed, 50, 40.0)
    ways = np.random.default_rng(seed + 1).normal(size=(300, 3))
    stay = cast_rays(Striped(solids), empty(), (1.0, 2.0, 3.0), ways, 200.0)
    move = cast_rays(Striped(), solids, (1.0, 2.0, 3.0), ways, 200.0)
    for first, second in zip(stay, move, strict=True):
        np.testing.assert_array_equal(first, second)


def test_the_nearest_of_many_is_hit_however_they_are_ordered() -> None:
    row = np.concatenate(
        [box((5.0 + 3.0 * i, 0.0, 1.0), (0.5, 1.0, 1.0), owner=i + 1) for i in range(20)]
    )
    for order in (slice(None), slice(None, None, -1)):
        found = one_ray(Striped(row[order]), empty(), (0.0, 0.0, 1.0), (1.0, 0.0, 0.0))
        assert found[0] == pytest.approx(4.5) and found[2] == 1


def test_rays_from_far_outside_the_map_reach_it() -> None:
    scene = Striped(box((10.0, 0.0, 50.0), (5.0, 5.0, 50.0)))
    found = one_ray(scene, empty(), (-4000.0, 0.0, 80.0), (1.0, 0.0, 0.0), 1e4)
    assert found[0] == pytest.approx(4005.0)
    assert one_ray(scene, empty(), (-4000.0, 0.0, 80.0), (-1.0, 0.0, 0.0), 1e4)[0] == math.inf


def test_no_rays_give_no_hits() -> None:
    hits = cast_rays(Striped(), empty(), (0.0, 0.0, 1.0), np.zeros((0, 3)), 10.0)
    assert isinstance(hits, RayHits) and [len(column) for column in hits] == [0, 0, 0, 0]


def test_hits_have_the_promised_types() -> None:
    hits = cast_rays(Striped(), empty(), (0.0, 0.0, 1.0), [(1, 0, -1), (0, 0, 1)], 10.0)
    assert [column.dtype for column in hits] == [np.float32, np.uint8, np.uint32, np.float32]


@pytest.mark.parametrize(
    ("origin", "directions", "reach", "what"),
    [
        ((math.nan, 0.0, 1.0), [(1, 0, 0)], 10.0, "origin"),
        ((0.0, 0.0, math.inf), [(1, 0, 0)], 10.0, "origin"),
        ((0.0, 0.0), [(1, 0, 0)], 10.0, "origin"),
        ((0.0, 0.0, 1.0), [(0, 0, 0)], 10.0, "direction 0"),
        ((0.0, 0.0, 1.0), [(1, 0, 0), (math.nan, 0, 1)], 10.0, "direction 1"),
        ((0.0, 0.0, 1.0), [(math.inf, 0, 0)], 10.0, "direction 0"),
        ((0.0, 0.0, 1.0), [(1, 0)], 10.0, "shape"),
        ((0.0, 0.0, 1.0), (1, 0, 0), 10.0, "shape"),
        ((0.0, 0.0, 1.0), [(1, 0, 0)], 0.0, "range"),
        ((0.0, 0.0, 1.0), [(1, 0, 0)], math.nan, "range"),
        ((0.0, 0.0, 1.0), [(1, 0, 0)], math.inf, "range"),
    ],
)
def test_rays_that_lead_nowhere_are_refused(
    origin: tuple, directions: object, reach: float, what: str
) -> None:
    with pytest.raises(InvalidRaysError, match=what):
        cast_rays(Striped(), empty(), origin, directions, reach)  # type: ignore[arg-type]


def test_moving_solids_that_cannot_be_hit_are_refused() -> None:
    bad = box((1.0, 0.0, 1.0), (1.0, 1.0, 1.0))
    bad["centre"][0, 1] = math.nan
    with pytest.raises(InvalidSolidsError, match="solid 0"):
        cast_rays(Striped(), bad, (0.0, 0.0, 1.0), [(1, 0, 0)], 10.0)
