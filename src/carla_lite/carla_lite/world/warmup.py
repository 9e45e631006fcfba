"""Compiles what the first tick and the first picture need, before anyone waits for them."""

from carla_lite.world.geometry import Rotation, Transform, Vector3
from carla_lite.world.sensor_blueprints import RGB_CAMERA
from carla_lite.world.world import World


def warm_up() -> None:
    """Runs one tick of a throw-away world with everything in it.

    The compiled code is kept on disk, so that this takes long only once per installation; a client
    whose first tick had to wait for it would time out.
    """
    world = World("LiteCircuit_1")
    car = world.spawn("vehicle.tesla.model3", Transform(Vector3(0.0, 0.0, 0.0)))
    world.spawn("static.prop.container", Transform(Vector3(10.0, 0.0, 0.0)))
    mount = Transform(Vector3(0.6, 0.0, 1.8), Rotation(-8.0, 0.0, 0.0))
    size = {"image_size_x": "64", "image_size_y": "48"}
    camera = world.spawn(RGB_CAMERA, mount, size, car.id)
    world.tick()
    world.read(camera.id)
