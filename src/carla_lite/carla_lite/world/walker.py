"""Pedestrians: they walk where they are told, jump, and fall when a vehicle hits them."""

import math
from typing import NamedTuple

from carla_lite.world.bodies import WALKER
from carla_lite.world.body import Body
from carla_lite.world.errors import InvalidValueError
from carla_lite.world.geometry import Transform, Vector3

MAX_PACE_MPS = 50.0


class WalkerControl(NamedTuple):
    """CARLA's walker command: a direction in the world's frame and a pace in m/s."""

    direction: Vector3 = Vector3(1.0, 0.0, 0.0)
    speed: float = 0.0
    jump: bool = False

    def checked(self) -> "WalkerControl":
        """With a direction of length one, or InvalidValueError when it is not finite."""
        length = math.hypot(*self.direction)
        if not (math.isfinite(length) and math.isfinite(self.speed)):
            raise InvalidValueError(
                f"walker control {tuple(self.direction)}, {self.speed} m/s: it must be finite; "
                "the last good one stays in force"
            )
        if length > 0.0:
            x, y, z = self.direction
            self = self._replace(direction=Vector3(x / length, y / length, z / length))
        return self._replace(speed=min(max(self.speed, 0.0), MAX_PACE_MPS))


class Walker(Body):
    """A pedestrian; its origin is the middle of its box, as in CARLA.

    It faces the way it walks. One that is not invincible falls when it is hit and stays down until
    it is teleported.
    """

    __slots__ = ()

    KIND = WALKER
    SIMULATED = True

    def __init__(self, *arguments: object, **named: object) -> None:
        """As `Body`."""
        super().__init__(*arguments, **named)  # type: ignore[arg-type]
        self.row["invincible"] = self.attributes.get("is_invincible", "true").lower() == "true"
        self.row["way"] = 1.0, 0.0, 0.0

    @property
    def control(self) -> WalkerControl:
        """The command in force."""
        row = self.row
        x, y, z = row["way"].tolist()
        return WalkerControl(Vector3(x, y, z), float(row["pace"]), bool(row["jumping"]))

    @control.setter
    def control(self, control: WalkerControl) -> None:
        row = self.row
        row["way"], row["pace"] = control.direction, control.speed
        row["jump"] = row["jumping"] = control.jump

    @property
    def has_fallen(self) -> bool:
        """Whether it lies on the road."""
        return bool(self.row["fallen"])

    def drawn_lying(self) -> bool:
        """When it has fallen."""
        return self.has_fallen

    def teleport(self, transform: Transform) -> None:
        """Puts it elsewhere, on its feet."""
        self.halt()
        self.row["fallen"] = 0
        self.transform = transform

    def set_state(self, transform: Transform, speed_mps: float) -> None:
        """Puts it somewhere, walking ahead: what CARLA's clients do who steer walkers themselves.

        Raises:
            InvalidValueError: the speed is not finite.
        """
        yaw = math.radians(transform.rotation.yaw)
        way = Vector3(math.cos(yaw), math.sin(yaw), 0.0)
        control = WalkerControl(way, speed_mps).checked()
        self.row["fallen"] = 0
        self.transform, self.control = transform, control
        self.velocity = Vector3(way.x * control.speed, way.y * control.speed, 0.0)
