"""Promises of the colours of solids: edges, light, shadows, haze, lamps, windows and signs."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from carla_lite.render.look import Look
from carla_lite.render.solids_raster import SolidRaster
from carla_lite.render.solids_static import StaticSolids
from carla_lite.render.view import View, rotation_matrix
from carla_lite.scenery.solids import (
    LIGHTS_BRAKE,
    LIGHTS_GREEN,
    LIGHTS_LOW_BEAM,
    LIGHTS_RED,
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


def make_view(
    location: tuple = (0.0, 0.0, 1.5),
    rotation: tuple = (0.0, 0.0, 0.0),
    size: tuple[int, int] = (WIDTH, HEIGHT),
) -> View:
    """A field of view of 90 degrees."""
    return View(*size, 0.5 * size[0], location, rotation_matrix(*rotation))


def picture_of(
    view: View, static: StaticSolids, moving: Solids, look: Look = LOOK, ground: int = GREY
) -> np.ndarray:
    """uint8 (H, W, 4) over an even background."""
    pixels = np.full((view.height, view.width), ground, np.uint32)
    SolidRaster(view.width, view.height).draw(view, static, moving, look, pixels)
    return pixels.view(np.uint8).reshape(*pixels.shape, 4)


def labels_of(view: View, static: StaticSolids, moving: Solids) -> np.ndarray:
    """uint32 (H, W), ids."""
    tags = np.zeros((view.height, view.width), np.uint8)
    ids = np.zeros((view.height, view.width), np.uint32)
    SolidRaster(view.width, view.height).label(view, static, moving, tags, ids)
    return ids


def grown(mask: np.ndarray) -> np.ndarray:
    """With the neighbours above, below and beside."""
    steps = ((0, 0), (0, 1), (0, -1), (1, 0), (-1, 0))
    return np.any([np.roll(mask, step, (0, 1)) for step in steps], axis=0)


def box(
    centre: tuple, half: tuple, yaw: float = 0.0, owner: int = 1, bgr: tuple = (60, 60, 200)
) -> Solids:
    return solid(centre, half, yaw, bgr, Tag.CAR, owner=owner)


def ball(centre: tuple, half: tuple, yaw: float = 0.0, owner: int = 1) -> Solids:
    return solid(
        centre, half, yaw, (60, 160, 60), Tag.VEGETATION, shape=Shape.ELLIPSOID, owner=owner
    )


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
    seen = labels_of(view, static, empty()) > 0
    changed = (picture_of(view, static, empty())[..., :3] != 128).any(axis=-1)
    assert changed[seen].all()
    assert not changed[~grown(seen)].any()


def test_an_edge_is_as_bright_as_the_share_of_the_pixel_that_it_covers() -> None:
    view = make_view((0.0, 0.0, 5.0))
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
        dark = (picture[..., 1] < 118) & (labels_of(view, NONE, post) == 0)
        rows, columns = np.nonzero(dark)
        ahead, right = HEIGHT / 2 - rows.mean() - 0.5, columns.mean() + 0.5 - WIDTH / 2
        assert ahead * towards[0] + right * towards[1] < -0.5
        assert abs(ahead * towards[1] - right * towards[0]) < 0.5


def test_shadows_lie_on_the_ground_and_not_on_solids_or_the_sky() -> None:
    view = make_view()
    table = box((8.0, 0.0, 0.2), (3.0, 6.0, 0.2), bgr=(120, 120, 120), owner=1)
    post = box((8.0, 0.0, 1.2), (0.3, 0.3, 0.8), owner=2)
    # The sun is low ahead: the shadow falls over the table's near edge and far beyond it.
    look = replace(LOOK, sun=(0.97, 0.0, 0.243), shadow_length=4.0)
    static = StaticSolids.build(table)
    changed = (picture_of(view, static, post, look) != picture_of(view, static, empty(), look)).any(
        axis=-1
    )
    labels = labels_of(view, static, post)
    around_post = grown(labels == 2)
    # Its edges are smooth, and so mixed with the ground beside them.
    assert not changed[(labels == 1) & ~around_post & ~grown(labels == 0)].any()
    assert not changed[: HEIGHT // 2][~around_post[: HEIGHT // 2]].any()
    assert changed[(labels == 0) & ~around_post].sum() > 20


def test_solids_that_stay_throw_no_shadow_as_theirs_is_in_the_ground() -> None:
    view = make_view((0.0, 0.0, 30.0), (-90.0, 0.0, 0.0))
    post = StaticSolids.build(box((0.0, 0.0, 1.0), (0.4, 0.4, 1.0)))
    changed = (picture_of(view, post, empty())[..., :3] != 128).any(axis=-1)
    assert not changed[~grown(labels_of(view, post, empty()) == 1)].any()


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
    seen = labels_of(view, NONE, car)[..., None] == 1
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


def test_the_edge_between_a_solid_and_the_ground_is_smooth_too() -> None:
    look = replace(LOOK, direct=(0.0, 0.0, 0.0), ambient=(1.0, 1.0, 1.0))
    view = make_view((0.0, 0.0, 4.0))
    middle = HEIGHT // 2 + 8
    for share in (0.1, 0.3, 0.7, 0.9):
        # The foot of the wall is seen that share of a pixel below the row's upper border.
        distance = 4.0 * view.focal_px / (middle + share - HEIGHT / 2)
        wall = box((distance + 1.0, 0.0, 5.0), (1.0, 50.0, 5.0), bgr=(0, 0, 0))
        picture = picture_of(view, StaticSolids.build(wall), empty(), look, 0xFFFFFFFF)
        assert 1.0 - picture[middle, WIDTH // 2, 0] / 255.0 == pytest.approx(share, abs=0.02)
