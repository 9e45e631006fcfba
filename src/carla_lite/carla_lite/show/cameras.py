"""Cameras that people look through: from a driver's seat, from behind a car, from the air."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from carla_lite.render import PinholeCamera
from carla_lite.world import Actor, World
from carla_lite.world.geometry import Rotation, Transform, Vector3, compose

Seat = Literal["driver", "chase", "own"]
"""At the windscreen, behind and above, or where the actor itself is, as of a sensor."""


def seat_of(actor: Actor, seat: Seat) -> Transform:
    """Where a camera of an actor stands."""
    box = actor.bounding_box
    half_length, top = box.extent.x, box.location.z + box.extent.z
    mount = {
        "own": Transform(),
        "driver": Transform(Vector3(0.12 * half_length, 0.0, 0.9 * top), Rotation(pitch=-4.0)),
        "chase": Transform(Vector3(-half_length - 4.6, 0.0, top + 1.5), Rotation(pitch=-13.0)),
    }[seat]
    place = actor.transform
    # On its way over bumps and down slopes a follower keeps level.
    level = Transform(place.location, Rotation(0.0, place.rotation.yaw, 0.0))
    return compose(place if seat == "own" else level, mount)


def take_picture(
    world: World, camera: PinholeCamera, place: Transform, hidden_id: int = 0
) -> NDArray[np.uint8]:
    """Uint8 (height, width, 4) BGRA of a world as it is now, without the actor `hidden_id`."""
    (x, y, z), (pitch, yaw, roll) = place
    solids = world.population.solids(hidden_id)
    return camera.render(world.scene, (x, y, z), (pitch, yaw, roll), solids)
