"""Promises of the solids that stay: what is refused, and what is found around a place."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carla_lite.render.solids_raster import SolidRaster
from carla_lite.render.solids_static import InvalidSolidsError, StaticSolids
from carla_lite.render.view import View, rotation_matrix
from carla_lite.scenery.solids import SOLID, Solids, Tag, empty, solid

WIDTH, HEIGHT = 32, 24
NONE = StaticSolids.build(empty())


def make_view(z_m: float = 1.5, width: int = WIDTH) -> View:
    return View(width, HEIGHT, 16.0, (0.0, 0.0, z_m), rotation_matrix(0.0, 0.0, 0.0))


def depth_of(view: View, static: StaticSolids, moving: Solids) -> np.ndarray:
    depth = np.empty((view.height, view.width), np.float32)
    SolidRaster(view.width, view.height).measure(view, static, moving, depth)
    return depth


def box(centre: tuple, half: tuple, owner: int = 1) -> Solids:
    return solid(centre, half, 0.0, (0, 0, 0), Tag.CAR, owner=owner)


def random_boxes(seed: int, count: int) -> Solids:
    rng = np.random.default_rng(seed)
    solids = np.zeros(count, SOLID)
    solids["centre"] = rng.uniform((-25, -25, -1), (25, 25, 8), (count, 3))
    solids["half"] = np.exp(rng.uniform(math.log(0.05), math.log(6.0), (count, 3)))
    yaw = rng.uniform(0, 2 * np.pi, count)
    solids["heading"] = np.column_stack([np.cos(yaw), np.sin(yaw)])
    solids["id"] = np.arange(1, count + 1)
    return solids


@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 60),
    st.floats(-40, 40),
    st.floats(-40, 40),
    st.floats(0, 30),
)
@settings(max_examples=40, deadline=None)
def test_near_finds_all_solids_whose_footprints_reach_into_the_circle(
    seed: int, count: int, x: float, y: float, radius: float
) -> None:
    solids = random_boxes(seed, count)
    found = set(StaticSolids.build(solids).near(x, y, radius)["id"].tolist())
    cos, sin = solids["heading"].astype(float).T
    dx, dy = x - solids["centre"][:, 0], y - solids["centre"][:, 1]
    out_x = np.maximum(np.abs(cos * dx + sin * dy) - solids["half"][:, 0], 0.0)
    out_y = np.maximum(np.abs(cos * dy - sin * dx) - solids["half"][:, 1], 0.0)
    reached = solids["id"][np.hypot(out_x, out_y) < radius]
    assert set(reached.tolist()) <= found


def test_near_leaves_out_what_is_far_and_finds_nothing_on_an_empty_map() -> None:
    row = np.concatenate([box((30.0 * i, 0.0, 1.0), (1.0, 1.0, 1.0), owner=i) for i in range(9)])
    static = StaticSolids.build(row)
    assert static.near(60.0, 1.0, 2.0)["id"].tolist() == [2]
    assert len(static.near(1e9, -1e9, 5.0)) == 0 and len(NONE.near(0.0, 0.0, 100.0)) == 0


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("centre", (math.nan, 0.0, 0.0)),
        ("centre", (0.0, math.inf, 0.0)),
        ("half", (1.0, 0.0, 1.0)),
        ("half", (1.0, -1.0, 1.0)),
        ("half", (1.0, math.nan, 1.0)),
        ("heading", (0.0, 0.0)),
        ("heading", (math.nan, 1.0)),
        ("shape", 2),
        ("material", 7),
        ("tag", 29),
    ],
)
def test_solids_that_cannot_be_drawn_are_refused(field: str, value: object) -> None:
    solids = np.concatenate([box((5.0, 0.0, 1.0), (1.0, 1.0, 1.0))] * 3)
    solids[field][1] = value
    with pytest.raises(InvalidSolidsError, match="solid 1 of 3"):
        StaticSolids.build(solids)
    with pytest.raises(InvalidSolidsError, match="solid 1 of 3"):
        depth_of(make_view(), NONE, solids)


def test_arrays_of_another_kind_are_refused() -> None:
    with pytest.raises(InvalidSolidsError, match="float64"):
        StaticSolids.build(np.zeros((3, 10)))
    raster, view = SolidRaster(WIDTH, HEIGHT), make_view()
    with pytest.raises(ValueError, match="output"):
        raster.measure(view, NONE, empty(), np.zeros((HEIGHT, WIDTH + 1), np.float32))
    with pytest.raises(ValueError, match="made for"):
        raster.measure(make_view(width=8), NONE, empty(), np.zeros((HEIGHT, 8), np.float32))
    with pytest.raises(ValueError, match="above the ground"):
        raster.measure(make_view(0.0), NONE, empty(), np.zeros((HEIGHT, WIDTH), np.float32))


def test_solids_of_every_second_record_are_drawn_like_a_copy() -> None:
    solids = np.concatenate([box((5.0 + i, 0.0, 1.0), (0.4, 0.4, 1.0), owner=i) for i in range(6)])
    view = make_view()
    np.testing.assert_array_equal(
        depth_of(view, NONE, solids[::2]), depth_of(view, NONE, solids[::2].copy())
    )
