"""A vehicle and its camera in one world: commands in, what the bridge would have told out.

On its way through CARLA's protocol every number is rounded to single precision. That is done here,
too, so that a fleet drives what the graph drives, to the last bit of a picture.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from carla_lite.world import (
    Rotation,
    SpawnError,
    Transform,
    Vector3,
    Vehicle,
    VehicleControl,
    World,
)
from carla_lite.world.bodies import VEHICLE, WALKER
from td3_driving.driving.action import Command
from td3_driving.driving.camera import CameraConfig
from td3_driving.driving.frames import Pose, mirror_vector, pose_from_carla, pose_to_carla
from td3_driving.driving.lights import Light
from td3_driving.driving.start import forward_velocity
from td3_driving.driving.vehicle import VehicleState

BLUEPRINT = "vehicle.tesla.model3"
_LIGHTS = (Light.RED, Light.YELLOW, Light.GREEN)
"""By CARLA's numbers."""


class FleetCar:
    """One vehicle in a world that somebody else ticks.

    Args:
        world: Where.
        role: Its role name.
        camera: On the vehicle; None for none.

    It appears on the first spawn point that is free.

    Raises:
        SpawnError: someone stands on every one.
    """

    def __init__(self, world: World, role: str, camera: CameraConfig | None = None) -> None:
        self.world = world
        self._vehicle = _spawn(world, role, world.spawn_points)
        self._camera = 0
        if camera is not None:
            pitch_rad = float(np.radians(camera.pitch_deg))
            mount = Pose(camera.x_m, camera.y_m, camera.z_m, 0.0, pitch_rad, 0.0)
            size = {
                "image_size_x": str(camera.width),
                "image_size_y": str(camera.height),
                "fov": str(camera.fov_deg),
            }
            place = carla_transform(mount)
            self._camera = world.spawn("sensor.camera.rgb", place, size, self.id).id

    @property
    def id(self) -> int:
        """The vehicle's actor."""
        return self._vehicle.id

    def place(self, pose: Pose, speed_mps: float) -> None:
        """Teleports it, its controls cleared, driving straight ahead at a speed."""
        forward = mirror_vector(*forward_velocity(pose, speed_mps))
        self.world.apply_control(self.id, VehicleControl())
        self.world.set_transform(self.id, carla_transform(pose))
        self.world.set_target_velocity(self.id, Vector3(*map(_single, forward)))
        self.world.set_target_angular_velocity(self.id, Vector3(0.0, 0.0, 0.0))

    def command(self, command: Command) -> None:
        """What to do from the next tick on; finite, as the gate leaves it."""
        control = VehicleControl(
            _single(command.throttle), _single(command.steer), _single(command.brake)
        )
        self.world.apply_control(self.id, control)

    def pose(self) -> Pose:
        """Where the vehicle is, in the map frame."""
        return pose_from_carla(*self._record["transform"].tolist())

    def state(self, stamp_s: float) -> VehicleState:
        """The vehicle's motion."""
        record = self._record
        pose = pose_from_carla(*record["transform"].tolist())
        v = mirror_vector(*record["velocity"].tolist())
        rates = record["angular_velocity"].tolist()
        cr, sr = math.cos(pose.roll), math.sin(pose.roll)
        cp, sp = math.cos(pose.pitch), math.sin(pose.pitch)
        cy, sy = math.cos(pose.yaw), math.sin(pose.yaw)
        # Columns of frames.rotation_matrix; an array for each would cost more than the arithmetic.
        left = cy * sp * sr - sy * cr, sy * sp * sr + cy * cr, cp * sr
        up = cy * sp * cr + sy * sr, sy * sp * cr - cy * sr, cp * cr
        turn = (-math.radians(rates[0]), math.radians(rates[1]), -math.radians(rates[2]))
        return VehicleState(
            stamp_s=stamp_s,
            x_m=pose.x,
            y_m=pose.y,
            yaw_rad=pose.yaw,
            speed_mps=v.x * cy * cp + v.y * sy * cp - v.z * sp,
            lateral_speed_mps=v.x * left[0] + v.y * left[1] + v.z * left[2],
            yaw_rate_radps=turn[0] * up[0] + turn[1] * up[1] + turn[2] * up[2],
        )

    def picture(self) -> NDArray[np.uint8]:
        """What the camera sees: uint8 (H, W, 4) BGRA, good until it looks again."""
        reading = self.world.read(self._camera)
        pixels: NDArray[np.uint8] = reading.pixels  # type: ignore[union-attr]
        return pixels

    def hits(self) -> tuple[str, ...]:
        """Blueprints of what it hit in the last tick."""
        own = self.id
        return tuple(hit.other.type_id for hit in self.world.collisions if hit.actor_id == own)

    def light(self) -> Light:
        """The traffic light in force."""
        row = self._vehicle.row
        at = int(row["light_state"])
        return _LIGHTS[at] if row["at_light"] and at < len(_LIGHTS) else Light.NONE

    def others(self) -> NDArray[np.float64]:
        """(n, 5) x, y, yaw, half length, half width of the other vehicles and pedestrians."""
        rows = self.world.population.rows.rows
        kinds = rows["kind"]
        at = np.flatnonzero(((kinds == VEHICLE) | (kinds == WALKER)) & (rows["id"] != self.id))
        centre, yaw = rows["centre"][at], rows["yaw"][at]
        cos, sin = np.cos(yaw), np.sin(yaw)
        out = np.empty((len(at), 5))
        out[:, 0] = rows["x"][at] + cos * centre[:, 0] - sin * centre[:, 1]
        out[:, 1] = -(rows["y"][at] + sin * centre[:, 0] + cos * centre[:, 1])
        out[:, 2] = -yaw
        out[:, 3:] = rows["half"][at, :2]
        return out

    @property
    def _record(self) -> np.void:
        """What a snapshot tells of the vehicle, in single precision."""
        record: np.void = self.world.population.records.rows[self._vehicle.record]
        return record


def carla_transform(pose: Pose) -> Transform:
    """A pose as CARLA's protocol carries it."""
    x, y, z, pitch, yaw, roll = map(_single, pose_to_carla(pose))
    return Transform(Vector3(x, y, z), Rotation(pitch, yaw, roll))


def _single(value: float) -> float:
    return float(np.float32(value))


def _spawn(world: World, role: str, places: Sequence[Transform]) -> Vehicle:
    for place in places:
        with contextlib.suppress(SpawnError):
            actor = world.spawn(BLUEPRINT, place, {"role_name": role})
            assert isinstance(actor, Vehicle)
            return actor
    raise SpawnError(
        f"no place for {BLUEPRINT} ({role}) among {len(places)} on {world.map_name}; is another "
        "vehicle standing there?"
    )
