"""Promises of the painted ground and of the view from above."""

from __future__ import annotations

import numpy as np
import pytest

from carla_lite.render import Ground, topdown
from carla_lite.render.ground import LEVELS
from carla_lite.render.painting import stroke
from carla_lite.roads import lane_strips, make_map


@pytest.fixture(scope="module")
def ground() -> Ground:
    return Ground.build(make_map("LiteTown_1"))


def _saturation(colours: np.ndarray) -> np.ndarray:
    colours = colours.astype(float)
    return (colours.max(axis=-1) - colours.min(axis=-1)) / np.maximum(colours.max(axis=-1), 1)


def test_the_same_map_and_seed_give_the_same_ground() -> None:
    network = make_map("LiteCircuit_2")
    first, second = Ground.build(network, 5), Ground.build(network, 5)
    np.testing.assert_array_equal(first.texels, second.texels)
    for a, b in zip(first.skies, second.skies, strict=True):
        np.testing.assert_array_equal(a, b)


def test_maps_and_seeds_differ_in_their_look() -> None:
    network = make_map("LiteCircuit_2")
    assert Ground.build(network, 1).look != Ground.build(network, 2).look
    assert Ground.build(make_map("LiteCircuit_3"), 1).look != Ground.build(network, 1).look


@pytest.mark.parametrize("name", ["LiteCircuit_4", "LiteTown_1"])
def test_from_above_roads_are_grey_and_the_rest_is_green(name: str) -> None:
    network = make_map(name)
    picture, transform = topdown(Ground.build(network), 800)
    assert picture.dtype == np.uint8
    assert picture.shape[1:] == (800, 3)
    centres = np.concatenate(
        [s.centre for s in lane_strips(network, 2.0) if s.lane.kind == "driving"]
    )
    column, row = np.round(transform @ np.column_stack([centres, np.ones(len(centres))]).T)
    on_road = picture[row.astype(int), column.astype(int)]
    assert np.median(_saturation(on_road)) < 0.15
    border = np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]])
    assert np.median(_saturation(border)) > 0.3
    assert (border[:, 1] > border[:, 0]).mean() > 0.99


def test_no_hole_of_grass_is_left_in_a_junction(ground: Ground) -> None:
    network = make_map("LiteTown_1")
    inside = [s for s in lane_strips(network) if s.road.junction_id and s.lane.kind == "driving"]
    fine = ground.picture(1)
    for share in np.linspace(0.02, 0.98, 9):
        # The first and last metre hold the round ends of the streets' yellow lines.
        points = np.concatenate([(s.inner + share * (s.outer - s.inner))[1:-1] for s in inside])
        column, row = ((points - ground.origin_m) / 0.25).astype(int).T
        assert _saturation(fine[row, column]).max() < 0.35


def test_every_level_keeps_the_mean_colour(ground: Ground) -> None:
    means = [ground.picture(index).mean(axis=(0, 1)) for index in range(1, LEVELS)]
    np.testing.assert_allclose(means, np.broadcast_to(means[0], (LEVELS - 1, 3)), atol=1.0)


def test_the_seam_between_raster_and_endless_grass_cannot_be_seen(ground: Ground) -> None:
    for index in range(3):
        start, width, _, tile_start, tile, column, row = ground.levels[index]
        for x in (0, 1, width - 1):
            inside = ground.texels[start + x]
            repeated = ground.texels[tile_start + (row % tile) * tile + (column + x) % tile]
            assert inside == repeated


@pytest.mark.parametrize("angle", [0.0, 0.3, 0.8, 1.5])
def test_a_stroke_covers_its_width_at_any_angle(angle: float) -> None:
    mask = np.full((200, 200), 128, np.uint8)
    along = np.array([np.cos(angle), np.sin(angle)])
    line = np.array([100.3, 99.6]) + np.outer([-60.0, 60.0], along)
    stroke(mask, line, 2.0, 1.0, 255)
    area = (mask.astype(float) - 128).sum() / 127
    assert area == pytest.approx(120.0 * 4.0 + np.pi * 4.0, rel=0.02)


def test_an_impossible_width_from_above_is_refused(ground: Ground) -> None:
    with pytest.raises(ValueError, match="width is 0"):
        topdown(ground, 0)
