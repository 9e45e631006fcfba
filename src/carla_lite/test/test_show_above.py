"""A world from above: everything is where the map says, in its colour, and the same every time."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from carla_lite.render.marks import FAST_MPS, Mark, MarkKind, draw_mark, speed_rgb
from carla_lite.render.topdown import MapView, paint_ground
from carla_lite.scenery import Tag
from carla_lite.show.above import marks_of, picture_from_above
from carla_lite.world import Transform, Vector3, World
from carla_lite.world.debug import DebugShape, ShapeKind
from carla_lite.world.geometry import BoundingBox

CAR = "vehicle.tesla.model3"
Picture = NDArray[np.uint8]


@pytest.fixture(scope="module")
def world() -> World:
    return World("LiteTown_3", seed=0)


def around(x: float, y: float, across_m: float = 40.0) -> MapView:
    return MapView((x, y), 400 / across_m, 400, 300)


def pixel(picture: Picture, view: MapView, x: float, y: float) -> Picture:
    column, row = np.rint(view.pixels(np.array([x, y]))).astype(int)
    return picture[row, column]


def changed(one: Picture, other: Picture) -> NDArray[np.float64]:
    """The middle of all pixels that differ: column and row."""
    rows, columns = np.nonzero((one != other).any(axis=2))
    assert len(rows)
    return np.array([(columns.min() + columns.max()) / 2, (rows.min() + rows.max()) / 2])


def test_a_view_puts_its_middle_in_the_middle_and_metres_to_scale() -> None:
    view = MapView((10.0, -20.0), 4.0, 201, 101)
    places = np.array([[10.0, -20.0], [11.0, -20.0], [10.0, -18.0]])
    assert np.allclose(view.pixels(places), [[100, 50], [104, 50], [100, 58]])
    whole = MapView.of_bounds((-50.0, -20.0, 70.0, 40.0), 280, 400, margin_m=10.0)
    assert whole.centre_m == (10.0, 10.0)
    assert whole.pixels_per_m == 2.0


@pytest.mark.parametrize(
    ("centre", "scale", "width"),
    [((math.nan, 0.0), 1.0, 10), ((0.0, 0.0), 0.0, 10), ((0.0, 0.0), 1.0, 0)],
)
def test_views_that_show_nothing_are_refused(
    centre: tuple[float, float], scale: float, width: int
) -> None:
    with pytest.raises(ValueError, match="map view"):
        MapView(centre, scale, width, 10)


def test_roofs_are_seen_where_the_houses_stand(world: World) -> None:
    houses = [thing for thing in world.surroundings.objects(Tag.BUILDING) if thing.half[0] > 4]
    solids = world.surroundings.solids
    for house in houses[:20]:
        x, y, _ = house.centre
        view = around(x, y)
        picture = picture_from_above(world, view)
        roof = solids[solids["id"] == house.id][1]
        yaw = math.radians(house.yaw_deg)
        # Near a corner, where no stairs stand on it.
        u, v = 0.93 * house.half[0], 0.93 * house.half[1]
        corner = (
            x + u * math.cos(yaw) - v * math.sin(yaw),
            y + u * math.sin(yaw) + v * math.cos(yaw),
        )
        assert pixel(picture, view, *corner).tolist() == roof["bgr"].tolist()


def test_a_hidden_house_is_not_seen(world: World) -> None:
    house = world.surroundings.objects(Tag.BUILDING)[0]
    view = around(*house.centre[:2])
    before = picture_from_above(world, view)
    world.show_objects([house.id], visible=False)
    without = picture_from_above(world, view)
    world.show_objects([house.id], visible=True)
    assert (without[150, 200] != before[150, 200]).any()
    assert (picture_from_above(world, view) == before).all()


def test_a_car_is_drawn_where_it_is_in_its_paint(world: World) -> None:
    place = world.spawn_points[0]
    car = world.spawn(CAR, place, {"color": "200,10,20"})
    try:
        (mark,) = (mark for mark in marks_of(world) if mark.id == car.id)
        assert mark.kind is MarkKind.VEHICLE
        assert math.dist((mark.x_m, mark.y_m), place.location[:2]) < 0.5
        assert mark.half_m == car.bounding_box.extent[:2]
        assert mark.rgb == (200, 10, 20)
        view = around(mark.x_m, mark.y_m)
        picture = picture_from_above(world, view)
        assert pixel(picture, view, mark.x_m, mark.y_m).tolist() == [20, 10, 200]
    finally:
        world.destroy(car.id)


@pytest.mark.parametrize("yaw", [0.0, 45.0, 90.0, -120.0])
def test_the_glass_of_a_car_is_nearer_to_its_front(yaw: float) -> None:
    view = MapView((0.0, 0.0), 20.0, 200, 200)
    picture = np.zeros((200, 200, 3), np.uint8)
    mark = Mark(1, MarkKind.VEHICLE, 0.0, 0.0, yaw, (2.4, 1.0), (0, 250, 0), braking=True)
    draw_mark(picture, view, mark)
    ahead = np.array([math.cos(math.radians(yaw)), math.sin(math.radians(yaw))])
    glass = pixel(picture, view, *(0.33 * 2.4 * ahead))
    body = pixel(picture, view, *(-0.2 * 2.4 * ahead))
    across = np.array([-ahead[1], ahead[0]])
    brake = pixel(picture, view, *(-0.965 * 2.4 * ahead + 0.6 * across))
    assert body.tolist() == [0, 250, 0]
    assert glass.max() < 80
    assert brake[2] > 200 > brake[1]


def test_speed_runs_from_red_to_blue() -> None:
    red, middle, blue = (speed_rgb(v) for v in (0.0, FAST_MPS / 2, FAST_MPS))
    assert red[0] > 200 > max(red[1:])
    assert middle[1] > 200 > max(middle[0], middle[2])
    assert blue[2] > 200 > blue[0]
    assert speed_rgb(10 * FAST_MPS) == blue


def test_traffic_lights_are_seen_in_their_state() -> None:
    world = World("LiteTown01", seed=0)
    world.tick()
    lights = [mark for mark in marks_of(world) if mark.kind is MarkKind.LIGHT]
    assert len(lights) == len([s for s in world.network.signals if s.kind == "light"])
    assert len({mark.rgb for mark in lights}) >= 2
    for mark in lights[:8]:
        view = around(mark.x_m, mark.y_m)
        picture = picture_from_above(world, view)
        assert pixel(picture, view, mark.x_m, mark.y_m).tolist() == list(mark.rgb[::-1])


@pytest.mark.parametrize(
    "shape",
    [
        DebugShape(ShapeKind.POINT, Vector3(5.0, -3.0, 0.0), size=0.5),
        DebugShape(ShapeKind.LINE, Vector3(3.0, -3.0, 0.0), Vector3(7.0, -3.0, 0.0)),
        DebugShape(ShapeKind.ARROW, Vector3(5.0, -1.0, 0.0), Vector3(5.0, -5.0, 0.0)),
        DebugShape(ShapeKind.BOX, box=BoundingBox(Vector3(5.0, -3.0, 1.0), Vector3(2.0, 1.0, 1.0))),
    ],
    ids=lambda shape: shape.kind.name.lower(),
)
def test_a_debug_shape_is_drawn_at_its_place(world: World, shape: DebugShape) -> None:
    view = around(0.0, 0.0)
    before = picture_from_above(world, view)
    world.debug.draw(shape, world.elapsed_s)
    after = picture_from_above(world, view)
    world.debug.clear(texts=False)
    wanted = view.pixels(np.array([5.0, -3.0]))
    assert np.abs(changed(before, after) - wanted).max() <= 1.5


def test_ids_and_the_ring_belong_to_the_actor_that_is_followed(world: World) -> None:
    place = world.spawn_points[4]
    car = world.spawn(CAR, place)
    try:
        view = around(*place.location[:2])
        plain = picture_from_above(world, view)
        ringed = picture_from_above(world, view, follow=car.id)
        (mark,) = (mark for mark in marks_of(world) if mark.id == car.id)
        middle = view.pixels(np.array([mark.x_m, mark.y_m]))
        assert np.abs(changed(plain, ringed) - middle).max() <= 1.5
        named = changed(plain, picture_from_above(world, view, ids=True))
        assert np.abs(named - middle).max() < 40
    finally:
        world.destroy(car.id)


def test_what_is_not_finite_or_far_away_draws_nothing(world: World) -> None:
    view = around(0.0, 0.0)
    before = picture_from_above(world, view)
    far = Transform(Vector3(900_000.0, 900_000.0, 0.0))
    car = world.spawn(CAR, far)
    shape = DebugShape(ShapeKind.LINE, Vector3(9e5, 9e5, 0.0), Vector3(-9e5, 9e5, 0.0))
    world.debug.draw(shape, world.elapsed_s)
    try:
        assert (picture_from_above(world, view, ids=True) == before).all()
    finally:
        world.destroy(car.id)
        world.debug.clear(texts=False)


def test_the_grass_goes_on_beyond_the_painted_ground(world: World) -> None:
    ground = world.scene.ground
    x, y = ground.origin_m
    view = MapView((x, y + 40.0), 8.0, 160, 160)
    picture = paint_ground(ground, view).astype(float)
    beyond, within = picture[:, :70].mean(axis=(0, 1)), picture[:, 90:].mean(axis=(0, 1))
    assert np.abs(beyond - within).max() < 12.0
    assert within[1] > within[0] + 15.0  # it is green


def test_the_same_world_gives_the_same_picture() -> None:
    pictures = []
    for _ in range(2):
        world = World("LiteTown_5", seed=3)
        world.spawn(CAR, world.spawn_points[2])
        view = MapView.of_bounds(world.network.bounds, 320, 240)
        pictures.append(picture_from_above(world, view, ids=True).tobytes())
    assert pictures[0] == pictures[1]
