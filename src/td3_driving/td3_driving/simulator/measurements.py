"""From the client's sensor data to plain data in REP-103."""

from __future__ import annotations

import carla
import numpy as np
import numpy.typing as npt

from td3_driving.driving import frames
from td3_driving.driving.frames import Pose
from td3_driving.driving.lights import Light
from td3_driving.simulator.data import Collision, Gnss, Imu, LaneInvasion

_LIGHTS = {
    carla.TrafficLightState.Red: Light.RED,
    carla.TrafficLightState.Yellow: Light.YELLOW,
    carla.TrafficLightState.Green: Light.GREEN,
}


class _Pixels:
    """Lends a picture's memory to NumPy and keeps the picture alive meanwhile.

    carla.Image.raw_data is a view that does not own the memory, so an array made from it alone
    would dangle when the picture is collected. An array made from this object holds the object.
    """

    def __init__(self, image: carla.Image) -> None:
        self.image = image
        flat = np.frombuffer(image.raw_data, np.uint8)
        self.__array_interface__ = {
            "version": 3,
            "shape": (image.height, image.width, 4),
            "typestr": "|u1",
            "data": (flat.__array_interface__["data"][0], True),
        }


def pixels(image: carla.Image) -> npt.NDArray[np.uint8]:
    """The picture as uint8 (H, W, 4) BGRA, read-only, without a copy."""
    return np.asarray(_Pixels(image))


def pose(transform: carla.Transform) -> Pose:
    """The transform of an actor, REP-103."""
    location, rotation = transform.location, transform.rotation
    return frames.pose_from_carla(
        location.x, location.y, location.z, rotation.pitch, rotation.yaw, rotation.roll
    )


def transform(pose: Pose) -> carla.Transform:
    """The carla.Transform of a pose."""
    x, y, z, pitch, yaw, roll = frames.pose_to_carla(pose)
    return carla.Transform(carla.Location(x, y, z), carla.Rotation(pitch, yaw, roll))


def light(vehicle: carla.Vehicle) -> Light:
    """The traffic light in force for a vehicle, by the client's newest snapshot."""
    if not vehicle.is_at_traffic_light():
        return Light.NONE
    return _LIGHTS.get(vehicle.get_traffic_light_state(), Light.NONE)


def imu(data: carla.IMUMeasurement) -> Imu:
    """Accelerometer, gyroscope (rad/s on the wire) and compass."""
    force, rate = data.accelerometer, data.gyroscope
    return Imu(
        frames.mirror_vector(force.x, force.y, force.z),
        frames.mirror_axial(rate.x, rate.y, rate.z),
        frames.heading_from_compass(data.compass),
    )


def gnss(data: carla.GnssMeasurement) -> Gnss:
    """Position on the globe."""
    return Gnss(data.latitude, data.longitude, data.altitude)


def collision(event: carla.CollisionEvent) -> Collision:
    """What was hit, and how hard."""
    impulse, other = event.normal_impulse, event.other_actor
    return Collision(
        event.frame,
        other.id,
        other.type_id,
        frames.mirror_vector(impulse.x, impulse.y, impulse.z),
    )


def lane_invasion(event: carla.LaneInvasionEvent) -> LaneInvasion:
    """Which markings were crossed. (event.actor is unusable: the client says it is destroyed.)"""
    kinds = (_snake_case(str(marking.type)) for marking in event.crossed_lane_markings)
    return LaneInvasion(event.frame, tuple(kinds))


def _snake_case(name: str) -> str:
    """solid_broken of SolidBroken."""
    return "".join(f"_{c.lower()}" if c.isupper() and i else c.lower() for i, c in enumerate(name))
