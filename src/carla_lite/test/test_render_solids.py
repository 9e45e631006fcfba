"""Promises of solids in pictures: where they appear, what hides what, that all outputs agree."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carla_lite.render.look import Look
from carla_lite.render.raycast import RayHits, cast_rays
from carla_lite.render.solids_raster import SolidRaster
from carla_lite.render.solids_static import StaticSolids
from carla_lite.render.view import View, rotation_matrix
from carla_lite.scenery.solids import (
    SOLID,
    Material,
    Shape,
    Solids,
    Tag,
    empty,
    solid,
)

WIDTH, HEIGHT = 64, 48
LOOK = Look.random(np.random.default_rng(1))
NONE = StaticSolids.build(empty())


class Plain:
    """A map with nothing but terrain around the solids that stay."""

    def __init__(self, solids: Solids) -> None:
        self.static = StaticSolids.build(solids)

    def ground_tags(self, x_m: np.ndarray, y_m: np.ndarray) -> np.ndarray:
        return np.full(len(x_m), Tag.TERRAIN, np.uint8)


def make_view(
    location: tuple = (0.0, 0.0, 1.5),
    rotation: tuple = (0.0, 0.0, 0.0),
    fov_deg: float = 90.0,
    size: tuple[int, int] = (WIDTH, HEIGHT),
) -> View:
    focal = 0.5 * size[0] / math.tan(math.radians(fov_deg / 2))
    return View(*size, focal, location, rotation_matrix(*rotation))


def pixel_rays(view: View) -> np.ndarray:
    """(H, W, 3) in the camera's frame, one metre along the optical axis."""
    right = (np.arange(view.width) + 0.5 - view.width / 2) / view.focal_px
    up = (view.height / 2 - np.arange(view.height) - 0.5) / view.focal_px
    rays = np.ones((view.height, view.width, 3))
    rays[..., 1], rays[..., 2] = right, up[:, None]
    return rays


def depth_of(view: View, static: StaticSolids, moving: Solids) -> np.ndarray:
    depth = np.full((view.height, view.width), -1.0, np.float32)
    SolidRaster(view.width, view.height).measure(view, static, moving, depth)
    return depth


def labels_of(view: View, static: StaticSolids, moving: Solids) -> tuple[np.ndarray, np.ndarray]:
    tags = np.zeros((view.height, view.width), np.uint8)
    ids = np.zeros((view.height, view.width), np.uint32)
    SolidRaster(view.width, view.height).label(view, static, moving, tags, ids)
    return tags, ids


def cast(view: View, scene: Plain, moving: Solids) -> RayHits:
    """Rays through all pixels' centres; the distances are turned to depths."""
    rays = pixel_rays(view)
    hits = cast_rays(scene, moving, view.location, rays.reshape(-1, 3) @ view.rotation.T, 1e7)
    lengths = np.linalg.norm(rays, axis=-1).reshape(-1)
    return hits._replace(distance=hits.distance / lengths.astype(np.float32))


def box(
    centre: tuple, half: tuple, yaw: float = 0.0, owner: int = 1, bgr: tuple = (60, 60, 200)
) -> Solids:
    return solid(centre, half, yaw, bgr, Tag.CAR, owner=owner)


def ball(centre: tuple, half: tuple, yaw: float = 0.0, owner: int = 1) -> Solids:
    return solid(
        centre, half, yaw, (60, 160, 60), Tag.VEGETATION, shape=Shape.ELLIPSOID, owner=owner
    )


def span(low: float, high: float) -> st.SearchStrategy[float]:
    return st.floats(low, high, allow_nan=False, width=32)


views = st.builds(
    make_view,
    st.tuples(span(-8, 8), span(-8, 8), span(0.125, 12)),
    st.tuples(span(-90, 90), span(-180, 180), span(-180, 180)),
    span(10, 179),
)


@st.composite
def scenes(draw: st.DrawFn, count: int = 12) -> Solids:
    """Boxes and ellipsoids of all sizes around the origin."""
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    many = draw(st.integers(1, count))
    solids = np.zeros(many, SOLID)
    solids["centre"] = rng.uniform((-25, -25, -1), (25, 25, 8), (many, 3))
    solids["half"] = np.exp(rng.uniform(math.log(0.05), math.log(6.0), (many, 3)))
    yaw = rng.uniform(0, 2 * np.pi, many)
    solids["heading"] = np.column_stack([np.cos(yaw), np.sin(yaw)])
    solids["bgr"] = rng.integers(0, 256, (many, 3))
    solids["shape"] = rng.integers(0, 2, many)
    solids["material"] = rng.integers(0, len(Material), many)
    solids["tag"] = rng.integers(1, 29, many)
    solids["variant"] = rng.integers(0, 256, many)
    solids["lights"] = rng.integers(0, 32, many)
    solids["id"] = np.arange(1, many + 1)
    return solids


@given(
    st.tuples(span(4, 30), span(-10, 10), span(-4, 8)),
    st.tuples(span(0.25, 3), span(0.25, 3), span(0.25, 3)),
    span(-180, 180),
    st.tuples(span(-25, 25), span(-180, 180), span(-40, 40)),
    span(40, 120),
)
@settings(max_examples=60, deadline=None)
def test_a_box_covers_just_the_pixels_inside_its_projected_corners(
    place: tuple, half: tuple, yaw: float, rotation: tuple, fov: float
) -> None:
    view = make_view((0.0, 0.0, 40.0), rotation, fov)
    centre = np.array(view.location) + view.rotation @ np.array(place)
    thing = box(tuple(centre), half, yaw)
    _, ids = labels_of(view, NONE, thing)
    signs = np.array([(x, y, z) for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)])
    # As stored: float32 centre and heading.
    cos, sin = thing["heading"][0].astype(float)
    corners = signs * thing["half"][0].astype(float)
    turned = np.column_stack(
        [
            cos * corners[:, 0] - sin * corners[:, 1],
            sin * corners[:, 0] + cos * corners[:, 1],
            corners[:, 2],
        ]
    )
    seen = (thing["centre"][0].astype(float) + turned - np.array(view.location)) @ view.rotation
    if seen[:, 0].min() < 0.01:
        return
    u = WIDTH / 2 + view.focal_px * seen[:, 1] / seen[:, 0]
    v = HEIGHT / 2 - view.focal_px * seen[:, 2] / seen[:, 0]
    inside = _depth_in_hull(np.column_stack([u, v]))
    assert (ids[inside > 1e-3] == 1).all()
    assert (ids[inside < -1e-3] == 0).all()


def _depth_in_hull(points: np.ndarray) -> np.ndarray:
    """How many pixels each pixel's centre is inside the convex hull of points; negative outside."""
    grid = np.stack(np.meshgrid(np.arange(WIDTH) + 0.5, np.arange(HEIGHT) + 0.5), axis=-1)
    depth = np.full((HEIGHT, WIDTH), np.inf)
    for i in range(len(points)):
        for j in range(len(points)):
            way = points[j] - points[i]
            length = np.hypot(*way)
            if length < 1e-9:
                continue
            normal = np.array([-way[1], way[0]]) / length
            # A pair of points with all others on one side is an edge of the hull.
            if ((points - points[i]) @ normal).min() > -1e-9:
                depth = np.minimum(depth, (grid - points[i]) @ normal)
    return depth


@given(views, scenes())
@settings(max_examples=60, deadline=None)
def test_depth_and_labels_are_those_of_the_ray_through_each_pixels_centre(
    view: View, solids: Solids
) -> None:
    cut = len(solids) // 2
    scene, moving = Plain(solids[:cut]), solids[cut:]
    depth = depth_of(view, scene.static, moving).reshape(-1)
    tags, ids = (a.reshape(-1) for a in labels_of(view, scene.static, moving))
    hits = cast(view, scene, moving)
    # Both are exact but for rounding: a ray that grazes an edge, or the line where two solids or a
    # solid and the ground pass through each other, may fall to either side.
    same = (ids == hits.id) & ((tags == hits.tag) | (ids == 0))
    assert (~same).mean() <= 1e-3
    sky = np.isinf(hits.distance)
    assert np.array_equal(np.isinf(depth)[same], sky[same])
    both = same & ~sky
    # Within a degree of the horizon a hair's breadth of angle is many metres of ground.
    flat = (ids == 0) & (hits.cosine < 1e-3)
    close = np.abs(depth[both] - hits.distance[both]) <= 1e-3 * hits.distance[both]
    assert (close | flat[both]).all()


@given(
    st.tuples(span(4, 30), span(-6, 6), span(-3, 3)),
    st.tuples(span(0.25, 3), span(0.25, 3), span(0.25, 3)),
    span(-180, 180),
    span(-60, 60),
)
@settings(max_examples=40, deadline=None)
def test_an_ellipsoid_is_seen_where_the_quadratic_of_its_surface_has_a_root(
    place: tuple, half: tuple, yaw: float, roll: float
) -> None:
    view = make_view((0.0, 0.0, 40.0), (0.0, 0.0, roll), 70.0)
    centre = np.array(view.location) + view.rotation @ np.array(place)
    thing = ball(tuple(centre), half, yaw)
    depth = depth_of(view, NONE, thing)
    _, ids = labels_of(view, NONE, thing)
    cos, sin = thing["heading"][0].astype(float)
    turn = np.array([[cos, sin, 0], [-sin, cos, 0], [0, 0, 1]])
    scale = thing["half"][0].astype(float)
    o = turn @ (np.array(view.location) - thing["centre"][0].astype(float)) / scale
    d = pixel_rays(view) @ view.rotation.T @ turn.T / scale
    a, b, c = (d * d).sum(-1), d @ o, o @ o - 1.0
    if c <= 0.0:
        return
    root = b * b - a * c
    margin = 1e-6 * b * b
    seen = (root > margin) & (b < 0)
    t = (-b - np.sqrt(np.maximum(root, 0.0))) / a
    # The ground may hide it.
    ground = -view.location[2] / np.minimum((pixel_rays(view) @ view.rotation.T)[..., 2], -1e-12)
    clear = np.abs(t - ground) > 0.01 * ground
    assert (ids[seen & clear & (t < ground)] == 1).all()
    assert (ids[(root < -margin) | (clear & (t > ground))] == 0).all()
    drawn = seen & clear & (t < ground)
    np.testing.assert_allclose(depth[drawn], t[drawn], rtol=1e-3)


@given(scenes(30), st.randoms(use_true_random=False))
@settings(max_examples=30, deadline=None)
def test_what_is_nearer_hides_what_is_farther_in_whatever_order_they_come(
    solids: Solids, shuffle: object
) -> None:
    view = make_view((-30.0, 0.0, 3.0), (-3.0, 5.0, 4.0))
    order = list(range(len(solids)))
    shuffle.shuffle(order)  # type: ignore[attr-defined]
    static, shuffled = StaticSolids.build(solids), StaticSolids.build(solids[order])
    depth = depth_of(view, static, empty())
    np.testing.assert_array_equal(depth, depth_of(view, shuffled, empty()))
    np.testing.assert_array_equal(depth, depth_of(view, NONE, solids[order]))
    for one in solids:
        alone = depth_of(view, NONE, np.atleast_1d(one))
        assert (depth <= alone).all()


def test_a_wall_hides_the_car_behind_it_and_not_the_one_before_it() -> None:
    view = make_view()
    wall = box((10.0, 0.0, 2.0), (0.1, 1.0, 2.0), owner=1)
    before, behind = (
        box((6.0, 0.0, 1.0), (0.2, 0.2, 0.2), owner=2),
        box((20.0, 0.0, 1.0), (1.0, 1.0, 0.5), owner=3),
    )
    _, ids = labels_of(view, StaticSolids.build(wall), np.concatenate([behind, before]))
    assert set(np.unique(ids)) == {0, 1, 2}
    middle = HEIGHT // 2 + round(view.focal_px * 0.5 / 5.8)
    assert ids[middle, WIDTH // 2] == 2


@pytest.mark.parametrize("shape", list(Shape))
def test_a_solid_around_the_camera_is_not_seen(shape: Shape) -> None:
    view = make_view()
    around = solid(view.location, (3.0, 2.0, 1.4), 30.0, (0, 0, 0), Tag.CAR, shape=shape, owner=1)
    beyond = box((12.0, 0.0, 1.5), (0.5, 0.5, 0.5), owner=2)
    _, ids = labels_of(view, NONE, np.concatenate([around, beyond]))
    assert set(np.unique(ids)) == {0, 2}


@pytest.mark.parametrize("shape", list(Shape))
def test_a_solid_behind_the_camera_is_not_seen(shape: Shape) -> None:
    behind = solid((-4.0, 0.0, 1.5), (1.0, 9.0, 1.0), 20.0, (0, 0, 0), Tag.CAR, shape=shape)
    assert not labels_of(make_view(fov_deg=179.0), NONE, behind)[0].any()


def test_a_wall_one_centimetre_ahead_fills_the_picture() -> None:
    view = make_view(fov_deg=60.0)
    wall = box((1.01, 0.0, 1.5), (1.0, 5.0, 5.0), owner=4)
    assert (labels_of(view, NONE, wall)[1] == 4).all()
    np.testing.assert_allclose(depth_of(view, NONE, wall), 0.01, rtol=1e-4)


def test_what_is_under_the_ground_is_hidden_by_it() -> None:
    sunk = box((10.0, 0.0, -2.0), (1.0, 1.0, 1.5), owner=1)
    half_sunk = box((10.0, 4.0, 0.0), (1.0, 1.0, 1.0), owner=2)
    view = make_view((0.0, 0.0, 6.0), (-20.0, 10.0, 0.0))
    _, ids = labels_of(view, NONE, np.concatenate([sunk, half_sunk]))
    assert set(np.unique(ids)) == {0, 2}
    rays = pixel_rays(view)[ids == 2] @ view.rotation.T
    heights = 6.0 + rays[:, 2] * depth_of(view, NONE, half_sunk)[ids == 2]
    assert heights.min() > -0.01


def test_depth_of_bare_ground_is_exact_up_to_the_horizon() -> None:
    view = make_view((3.0, -2.0, 1.5), (-5.0, 40.0, 10.0))
    down = -(pixel_rays(view) @ view.rotation.T)[..., 2]
    depth = depth_of(view, NONE, empty())
    assert np.isinf(depth[down <= 0]).all()
    np.testing.assert_allclose(depth[down > 0], 1.5 / down[down > 0], rtol=1e-4)


@given(views, st.integers(0, 2**32 - 1), st.integers(1, 1000))
@settings(max_examples=25, deadline=None)
def test_no_solids_however_strange_are_drawn_outside_the_picture(
    view: View, seed: int, count: int
) -> None:
    rng = np.random.default_rng(seed)
    solids = np.zeros(count, SOLID)
    scale = 10.0 ** rng.uniform(-2, 5.5, (count, 1))
    solids["centre"] = np.clip(rng.normal(0.0, 1.0, (count, 3)) * scale, -1e6, 1e6)
    solids["half"] = np.clip(10.0 ** rng.uniform(-4, 5, (count, 3)), 1e-4, 1e5)
    yaw = rng.uniform(0, 2 * np.pi, count)
    solids["heading"] = np.column_stack([np.cos(yaw), np.sin(yaw)])
    solids["shape"], solids["material"] = rng.integers(0, 2, count), rng.integers(0, 7, count)
    solids["variant"], solids["lights"] = rng.integers(0, 256, (2, count))
    solids["id"], solids["tag"] = rng.integers(0, 9, count), Tag.OTHER
    around = np.full((HEIGHT + 8, WIDTH), 7, np.uint32)
    depths = np.full((HEIGHT + 8, WIDTH), 7, np.float32)
    static = StaticSolids.build(solids[: count // 2])
    raster = SolidRaster(WIDTH, HEIGHT)
    raster.draw(view, static, solids[count // 2 :], LOOK, around[4:-4])
    raster.measure(view, static, solids[count // 2 :], depths[4:-4])
    for rows in (slice(None, 4), slice(-4, None)):
        assert (around[rows] == 7).all() and (depths[rows] == 7).all()
    assert (depths[4:-4] > 0).all()


@given(views, scenes(30))
@settings(max_examples=25, deadline=None)
def test_the_same_solids_give_the_same_picture_byte_for_byte(view: View, solids: Solids) -> None:
    static, moving = StaticSolids.build(solids[::2]), solids[1::2]
    used, fresh = SolidRaster(WIDTH, HEIGHT), SolidRaster(WIDTH, HEIGHT)
    pictures = []
    for raster in (used, used, fresh):
        pixels = np.full((HEIGHT, WIDTH), 0xFF808080, np.uint32)
        raster.draw(view, static, moving, LOOK, pixels)
        pictures.append(pixels.tobytes())
    assert pictures[0] == pictures[1] == pictures[2]


@pytest.mark.parametrize("width", [1, 3, 7, 8, 9, 17])
def test_drawing_leaves_alone_what_lies_beyond_the_picture(width: int) -> None:
    wall = solid((6.0, 0.0, 3.0), (1.0, 8.0, 3.0), 0.0, (60, 90, 120), Tag.BUILDING)
    memory = np.full((2 + 4, width), 0x12345678, np.uint32)  # a row before it, three behind
    view = make_view(size=(width, 2), rotation=(30.0, 0.0, 0.0))
    SolidRaster(width, 2).draw(view, StaticSolids.build(wall), empty(), LOOK, memory[1:3])
    assert (memory[1:3] >> 24 == 0xFF).all()
    assert (memory[[0, 3, 4, 5]] == 0x12345678).all()
