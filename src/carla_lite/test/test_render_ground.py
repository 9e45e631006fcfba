"""Promises of the painted ground and of the view from above."""

from __future__ import annotations

import numpy as np
import pytest

from carla_lite.render import Scene, topdown
from carla_lite.render._painting import fill, stroke
from carla_lite.render.blocks import PITCH, SIDE
from carla_lite.render.ground import LEVELS, Ground
from carla_lite.roads import lane_strips, make_map


def _build(name: str, seed: int = 0) -> Ground:
    return Scene.build(make_map(name), seed=seed).ground


@pytest.fixture(scope="module")
def ground() -> Ground:
    return _build("LiteTown_1")


def _saturation(colours: np.ndarray) -> np.ndarray:
    colours = colours.astype(float)
    return (colours.max(axis=-1) - colours.min(axis=-1)) / np.maximum(colours.max(axis=-1), 1)


def test_the_same_map_and_seed_give_the_same_ground() -> None:
    first, second = _build("LiteCircuit_2", 5), _build("LiteCircuit_2", 5)
    np.testing.assert_array_equal(first.texels, second.texels)
    np.testing.assert_array_equal(first.table, second.table)
    np.testing.assert_array_equal(first.cover, second.cover)


def test_maps_and_seeds_differ_in_their_look() -> None:
    network = make_map("LiteCircuit_2")
    assert Scene.build(network, seed=1).look != Scene.build(network, seed=2).look
    assert Scene.build(make_map("LiteCircuit_3"), seed=1).look != Scene.build(network, seed=1).look


@pytest.mark.parametrize("name", ["LiteCircuit_4", "LiteTown_1"])
def test_from_above_roads_are_grey_and_the_rest_is_green(name: str) -> None:
    network = make_map(name)
    picture, transform = topdown(_build(name), 800)
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
    for level in range(1, 4):
        picture, grass = ground.picture(level), ground.grass(level)
        assert grass.shape[0] == grass.shape[1] == ground.levels[level, 7]
        rows, columns = picture.shape[:2]
        x, y = ground.levels[level, 5:7]
        around = np.pad(grass, ((0, rows), (0, columns), (0, 0)), "wrap")[y:, x:]
        for border in (np.s_[0], np.s_[rows - 1], np.s_[:rows, 0], np.s_[:rows, columns - 1]):
            np.testing.assert_array_equal(picture[border], around[:rows, :columns][border])


def test_blocks_hold_the_first_texels_of_their_neighbours(ground: Ground) -> None:
    blocks = ground.texels.reshape(-1, PITCH, PITCH)
    for start, across, down in ground.levels[:, :3].tolist():
        places = ground.table[start : start + across * down].reshape(down, across) // PITCH**2
        level = blocks[places]
        np.testing.assert_array_equal(level[:, :-1, :, -1], level[:, 1:, :, 0])
        np.testing.assert_array_equal(level[:-1, :, -1, :], level[1:, :, 0, :])


def test_grass_takes_memory_once(ground: Ground) -> None:
    start, across, down, grass, mask = ground.levels[0, :5].tolist()
    places = ground.table[start : start + across * down]
    assert np.isin(places, ground.table[grass : grass + (mask + 1) ** 2]).mean() > 0.3
    assert len(ground.texels) < 0.8 * 4 / 3 * ground.shape[0] * ground.shape[1]


def test_a_large_map_gets_coarser_texels_and_the_same_streets(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("carla_lite.render.ground.MAX_TEXELS", 1_000_000)
    coarse = _build("LiteTown_1")
    assert (ground.texel_m, coarse.texel_m) == (0.125, 0.5)
    assert coarse.shape[0] * coarse.shape[1] <= 1_000_000
    roads = []
    for one in (ground, coarse):
        start, across, down = one.levels[0, :3].tolist()
        places = one.table[start : start + across * down] // PITCH**2
        cover = one.cover.reshape(-1, PITCH, PITCH)[places, :SIDE, :SIDE]
        roads.append((cover & 15).sum() / 15 * one.texel_m**2)
    # Square metres of asphalt; seams that close cover more where texels are coarse.
    assert roads[1] == pytest.approx(roads[0], rel=0.05)


@pytest.mark.parametrize("angle", [0.0, 0.3, 0.8, 1.5])
def test_a_stroke_covers_its_width_at_any_angle(angle: float) -> None:
    mask = np.full((200, 200), 128, np.uint8)
    along = 60.0 * np.array([np.cos(angle), np.sin(angle)])
    middle = np.array([100.3, 99.6])
    segment = np.array([[*(middle - along), *(middle + along), 2.0, 1.0, 255]], np.float32)
    stroke(mask, segment)
    area = (mask.astype(float) - 128).sum() / 127
    assert area == pytest.approx(120.0 * 4.0 + np.pi * 4.0, rel=0.02)


@pytest.mark.parametrize("angle", [0.0, 0.3, 0.8, 1.5])
def test_a_filled_outline_covers_its_area_and_meets_its_neighbour_exactly(angle: float) -> None:
    along = np.array([np.cos(angle), np.sin(angle)])
    across = np.array([-along[1], along[0]])
    middle = np.array([50.3, 49.6])
    masks = []
    for low, high in ((-10.0, 2.3), (2.3, 10.0)):
        mask, area = np.zeros((100, 100), np.uint8), np.zeros((100, 102), np.float32)
        corners = [
            middle + i * 20.0 * along + j * across
            for i, j in ((-1, low), (1, low), (1, high), (-1, high))
        ]
        fill(mask, np.array(corners, np.float32), 255.0, area)
        assert mask.sum() / 255 == pytest.approx(40.0 * (high - low), rel=1e-3)
        assert not area.any()
        masks.append(mask.astype(int))
    assert (masks[0] + masks[1]).max() <= 256


def test_an_outline_beyond_the_mask_is_cut_off() -> None:
    mask, area = np.zeros((8, 8), np.uint8), np.zeros((8, 10), np.float32)
    around = np.array([[-30, -30], [30, -30], [30, 30], [-30, 30]], np.float32)
    fill(mask, around, 200.0, area)
    assert (mask == 200).all()
    fill(mask, around + 100.0, 10.0, area)
    assert (mask == 200).all()


def test_an_impossible_width_from_above_is_refused(ground: Ground) -> None:
    with pytest.raises(ValueError, match="width is 0"):
        topdown(ground, 0)
