"""Promises of how pictures are put together: bands and hidden ground cannot be told from them."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from carla_lite.render import PinholeCamera, Scene, solids_raster
from carla_lite.roads import make_map
from carla_lite.scenery import Solids, Tag, furnish, solid

WIDTH, HEIGHT = 160, 120
NETWORK = make_map("LiteTown01")
X, Y = NETWORK.spawn_points[0, :2].tolist()
POSES = [((X, Y, 1.8), (-8.0, 0.0, 0.0)), ((X, Y, 5.0), (-15.0, 75.0, 20.0))]


@pytest.fixture(scope="module")
def town() -> Scene:
    return Scene.build(NETWORK, furnish(NETWORK, 0).solids)


def _car() -> Solids:
    return solid((X + 6.0, Y + 3.0, 0.8), (2.2, 0.9, 0.8), 30.0, (20, 20, 230), Tag.CAR, owner=7)


@pytest.mark.parametrize(("location", "rotation"), POSES)
@pytest.mark.parametrize("rows", [2, 7])
def test_pictures_do_not_depend_on_the_height_of_bands(
    town: Scene,
    location: tuple,
    rotation: tuple,
    rows: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = PinholeCamera(WIDTH, HEIGHT, 90.0)
    monkeypatch.setattr(solids_raster, "_BAND_PIXELS", rows * (WIDTH + 8))
    banded = PinholeCamera(WIDTH, HEIGHT, 90.0)
    pose = location, rotation, _car()
    assert whole.render(town, *pose).tobytes() == banded.render(town, *pose).tobytes()
    assert whole.render_depth(town, *pose).tobytes() == banded.render_depth(town, *pose).tobytes()
    for one, other in zip(
        whole.render_labels(town, *pose), banded.render_labels(town, *pose), strict=True
    ):
        assert one.tobytes() == other.tobytes()


@pytest.mark.parametrize(("location", "rotation"), POSES)
def test_what_hides_some_ground_leaves_the_rest_as_it_is(location: tuple, rotation: tuple) -> None:
    camera = PinholeCamera(WIDTH, HEIGHT, 90.0)
    # Without shadows.
    bare = Scene.build(NETWORK, quality="low")
    built = Scene.build(NETWORK, furnish(NETWORK, 0).solids, quality="low")
    before = camera.render(bare, location, rotation)
    _, ids = camera.render_labels(built, location, rotation)
    # Edges are smooth.
    near = cv2.dilate((ids > 0).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    after = camera.render(built, location, rotation)
    assert 0.2 < near.mean() < 0.9
    assert (after[~near] == before[~near]).all()
