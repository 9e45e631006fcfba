"""Promises of solids in pictures: where they appear, what hides what, that all outputs agree."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carla_lite.render.look import Look
from carla_lite.render.raycast import RayHits, cast_rays
from carla_lite.render.solids_raster import SolidRaster
from carla_lite.render.solids_static import InvalidSolidsError, StaticSolids
from carla_lite.render.view import View, rotation_matrix
from carla_lite.scenery.solids import (
    LIGHTS_BRAKE,
    LIGHTS_GREEN,
    LIGHTS_LOW_BEAM,
    LIGHTS_RED,
    SOLID,
    Material,
    Shape,
    Solids,
    Tag,
    empty,
    solid,
)

WIDTH, HEIGHT = 64, 48
LOOK = replace(Look.random(np.random.default_rng(1)), sun=(0.6, 0.0, 0.8), haze_m=1e6)
NONE = StaticSolids.build(empty())
GREY = 0xFF808080


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


def picture_of(
    view: View, static: StaticSolids, moving: Solids, look: Look = LOOK, ground: int = GREY
) -> np.ndarray:
    """uint8 (H, W, 4) over an even background."""
    pixels = np.full((view.height, view.width), ground, np.uint32)
    SolidRaster(view.width, view.height).draw(view, static, moving, look, pixels)
    return pixels.view(np.uint8).reshape(*pixels.shape, 4)


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
    first = picture_of(view, static, moving)
    raster = SolidRaster(WIDTH, HEIGHT)
    for _ in range(2):
        again = np.full((HEIGHT, WIDTH), GREY, np.uint32)
        raster.draw(view, static, moving, LOOK, again)
        assert again.tobytes() == first.tobytes()


def test_colours_change_where_labels_say_and_at_the_smooth_edges_around() -> None:
    view = make_view(size=(160, 120))
    static = StaticSolids.build(
        np.concatenate(
            [
                box((14.0, -3.0, 1.5), (1.0, 1.5, 1.5), 25.0, bgr=(10, 10, 240)),
                ball((9.0, 3.0, 2.0), (1.0, 1.5, 1.0), 70.0),
            ]
        )
    )
    seen = labels_of(view, static, empty())[1] > 0
    changed = (picture_of(view, static, empty())[..., :3] != 128).any(axis=-1)
    assert changed[seen].all()
    grown = np.zeros_like(seen)
    for rows, columns in ((0, 0), (0, 1), (0, -1), (1, 0), (-1, 0)):
        grown |= np.roll(seen, (rows, columns), (0, 1))
    assert not changed[~grown].any()


def test_an_edge_is_as_bright_as_the_share_of_the_pixel_that_it_covers() -> None:
    view = make_view((0.0, 0.0, 5.0), fov_deg=90.0)
    look = replace(LOOK, direct=(0.0, 0.0, 0.0), ambient=(1.0, 1.0, 1.0))
    shares = []
    for shift in np.linspace(0.0, 1.0, 11):
        # Its front reaches `shift` pixels into the pixel right of the middle.
        right = 10.0 * shift / view.focal_px
        wall = box((11.0, right - 5.0, 5.0), (1.0, 5.0, 4.0), bgr=(0, 0, 0))
        picture = picture_of(view, NONE, wall, look, 0xFFFFFFFF)
        shares.append(1.0 - picture[HEIGHT // 2, WIDTH // 2, 0] / 255.0)
    np.testing.assert_allclose(shares, np.linspace(0.0, 1.0, 11), atol=0.02)


def test_a_car_60_m_ahead_is_seen_at_160_by_120() -> None:
    for distance in np.linspace(58.0, 62.0, 9):
        car = box((float(distance), 0.7, 0.75), (2.4, 0.9, 0.75), bgr=(20, 20, 220))
        picture = picture_of(make_view(size=(160, 120)), NONE, car).astype(int)
        red = picture[..., 2] - picture[..., 1]
        # 0.75 m are one pixel there.
        assert (red > 20).sum() >= 4


def test_faces_towards_the_sun_are_brighter_than_those_away_from_it() -> None:
    cube = box((6.0, 0.0, 1.0), (1.0, 1.0, 1.0), bgr=(100, 100, 100))
    view = make_view((0.0, 0.0, 5.0), (-33.0, 0.0, 0.0))

    def front(sun_x: float) -> float:
        look = replace(LOOK, sun=(sun_x, 0.0, math.sqrt(1.0 - sun_x * sun_x)))
        return float(picture_of(view, StaticSolids.build(cube), empty(), look)[27, 32, 1])

    assert front(-0.8) > 1.3 * front(0.8)


def test_the_shadow_of_what_moves_falls_away_from_the_sun() -> None:
    view = make_view((0.0, 0.0, 30.0), (-90.0, 0.0, 0.0))  # ahead is up in the picture
    post = box((0.0, 0.0, 1.0), (0.4, 0.4, 1.0))
    for yaw in (0.0, 90.0, 180.0, 270.0):
        towards = (math.cos(math.radians(yaw)), math.sin(math.radians(yaw)))
        look = replace(LOOK, sun=(0.8 * towards[0], 0.8 * towards[1], 0.6), shadow_length=1.33)
        picture = picture_of(view, NONE, post, look).astype(int)
        dark = (picture[..., 1] < 118) & (labels_of(view, NONE, post)[1] == 0)
        rows, columns = np.nonzero(dark)
        ahead, right = HEIGHT / 2 - rows.mean() - 0.5, columns.mean() + 0.5 - WIDTH / 2
        assert ahead * towards[0] + right * towards[1] < -0.5
        assert abs(ahead * towards[1] - right * towards[0]) < 0.5
    assert (picture_of(view, StaticSolids.build(post), empty())[..., 1][~_grown(dark)] >= 118).any()


def _grown(mask: np.ndarray) -> np.ndarray:
    return mask | np.roll(mask, 1, 0) | np.roll(mask, -1, 0)


def test_shadows_lie_on_the_ground_and_not_on_solids_or_the_sky() -> None:
    view = make_view((0.0, 0.0, 1.5))
    table = StaticSolids.build(box((8.0, 0.0, 0.2), (6.0, 6.0, 0.2), bgr=(120, 120, 120)))
    post = box((8.0, 0.0, 1.2), (0.3, 0.3, 0.8))
    with_post, without = picture_of(view, table, post), picture_of(view, table, empty())
    changed = (with_post != without).any(axis=-1)
    assert not changed[~_grown(_grown(labels_of(view, table, post)[1] == 1)).T.any(axis=0)].any()
    assert np.isinf(depth_of(view, table, post)[0]).all() and not changed[0].any()


def test_far_solids_fade_into_the_mist() -> None:
    look = replace(LOOK, haze_m=100.0, mist=(200.0, 190.0, 180.0))

    def colour(distance: float) -> np.ndarray:
        wall = box((distance + 1.0, 0.0, 0.0), (1.0, distance, distance), bgr=(0, 0, 0))
        picture = picture_of(make_view(), StaticSolids.build(wall), empty(), look)
        return picture[HEIGHT // 2 - 1, WIDTH // 2, :3].astype(float)

    share = 1.0 - np.exp(-np.array([20.0, 100.0, 300.0]) / 100.0)
    for distance, expected in zip((20.0, 100.0, 300.0), share, strict=True):
        np.testing.assert_allclose(colour(distance) / (200.0, 190.0, 180.0), expected, atol=0.02)


def _car_from_behind(lights: int, look: Look = LOOK) -> np.ndarray:
    car = solid(
        (6.0, 0.0, 0.5), (2.4, 0.95, 0.5), 0.0, (120, 120, 120), Tag.CAR,
        material=Material.CAR_HULL, lights=lights, owner=1,
    )  # fmt: skip
    view = make_view((0.0, 0.0, 1.0), size=(320, 240))
    seen = labels_of(view, NONE, car)[1][..., None] == 1
    return np.where(seen, picture_of(view, NONE, car, look), 0).astype(int)


def test_brake_lights_shine_red_at_both_corners_of_the_rear() -> None:
    changed = _car_from_behind(LIGHTS_BRAKE) - _car_from_behind(0)
    brighter = changed[..., 2] > 60
    assert brighter[:, :160].sum() > 20 and brighter[:, 160:].sum() > 20
    assert (changed[..., 2][brighter] > changed[..., 1][brighter]).all()


def test_tail_lights_are_dimmer_than_brake_lights() -> None:
    off, tail, brake = (
        _car_from_behind(lights)[..., 2].max() for lights in (0, LIGHTS_LOW_BEAM, LIGHTS_BRAKE)
    )
    assert off < tail < brake


@pytest.mark.parametrize(("lights", "channel", "third"), [(LIGHTS_RED, 2, 0), (LIGHTS_GREEN, 1, 2)])
def test_a_signal_shows_the_lamp_that_is_lit(lights: int, channel: int, third: int) -> None:
    def shot(lit: int) -> np.ndarray:
        head = solid(
            (4.0, 0.0, 2.0), (0.15, 0.2, 0.5), 180.0, (30, 30, 30), Tag.TRAFFIC_LIGHT,
            material=Material.SIGNAL, lights=lit,
        )  # fmt: skip
        return picture_of(make_view((0.0, 0.0, 2.0)), StaticSolids.build(head), empty())[..., :3]

    changed = shot(lights).astype(int) - shot(0)
    rows = np.nonzero((changed.max(axis=-1) > 60).any(axis=1))[0]
    height = view_height = 1.0 / 3.85 * make_view().focal_px
    first = HEIGHT / 2 - height / 2 + third * view_height / 3
    assert len(rows) and first - 1 <= rows.min() and rows.max() <= first + view_height / 3 + 1
    lit = changed[changed.max(axis=-1) > 60]
    assert (lit.argmax(axis=-1) == channel).all()


def test_windows_are_lit_at_night_only() -> None:
    house = StaticSolids.build(
        solid(
            (20.0, 0.0, 6.0),
            (4.0, 12.0, 6.0),
            0.0,
            (150, 170, 190),
            Tag.BUILDING,
            material=Material.FACADE,
            owner=5,
        )
    )
    view = make_view((0.0, 0.0, 6.0), size=(160, 120))
    dark = replace(LOOK, direct=(0.0, 0.0, 0.0), ambient=(0.1, 0.1, 0.1))
    unlit = picture_of(view, house, empty(), dark, 0xFF000000)
    lit = picture_of(view, house, empty(), replace(dark, lamp_glow=1.0), 0xFF000000)
    assert unlit[..., 2].max() < 60
    bright = (lit[..., 2] > 120).mean()
    assert 0.02 < bright < 0.4


def test_speed_signs_of_different_limits_look_different() -> None:
    def shot(variant: int) -> np.ndarray:
        plate = solid(
            (2.0, 0.0, 2.0), (0.02, 0.35, 0.35), 180.0, (240, 240, 240), Tag.TRAFFIC_SIGN,
            material=Material.SIGN, variant=variant,
        )  # fmt: skip
        return picture_of(
            make_view((0.0, 0.0, 2.0), size=(320, 240)), StaticSolids.build(plate), empty()
        )

    shots = [shot(variant) for variant in (0, 1, 2, 5, 7, 12)]
    for i, first in enumerate(shots):
        for second in shots[i + 1 :]:
            assert (np.abs(first.astype(int) - second).max(axis=-1) > 60).sum() >= 4


@given(scenes(60), span(-40, 40), span(-40, 40), span(0, 30))
@settings(max_examples=40, deadline=None)
def test_near_finds_all_solids_whose_footprints_reach_into_the_circle(
    solids: Solids, x: float, y: float, radius: float
) -> None:
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
        raster.measure(make_view(size=(8, 8)), NONE, empty(), np.zeros((8, 8), np.float32))
    with pytest.raises(ValueError, match="above the ground"):
        raster.measure(
            make_view((0.0, 0.0, 0.0)), NONE, empty(), np.zeros((HEIGHT, WIDTH), np.float32)
        )


def test_solids_of_every_second_record_are_drawn_like_a_copy() -> None:
    solids = np.concatenate([box((5.0 + i, 0.0, 1.0), (0.4, 0.4, 1.0), owner=i) for i in range(6)])
    view = make_view()
    np.testing.assert_array_equal(
        depth_of(view, NONE, solids[::2]), depth_of(view, NONE, solids[::2].copy())
    )
