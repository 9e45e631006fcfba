"""The things in a world: vehicles, sensors, props and the spectator."""

import math
from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from carla_lite.world.blueprints import Blueprint
from carla_lite.world.dynamics import (
    SPEED,
    STATE_SIZE,
    WHEEL,
    YAW,
    YAW_RATE,
    VehicleControl,
    VehiclePhysics,
    X,
    Y,
    advance,
)
from carla_lite.world.geometry import (
    ORIGIN,
    BoundingBox,
    Rotation,
    Transform,
    Vector3,
    wrap_deg,
)
from carla_lite.world.sensor_blueprints import LANE_INVASION


class Attachment(IntEnum):
    """How an actor hangs on its parent.

    Vehicles stay level here, so a spring arm and its ghost follow them just as a rigid mount does.
    """

    RIGID = 0
    SPRING_ARM = 1
    SPRING_ARM_GHOST = 2


@dataclass(slots=True, eq=False)
class Actor:
    """Anything with an id and a place; also what a static prop and the spectator are.

    With a parent, `mount` is the place on it and `transform` follows at the end of every tick.
    """

    id: int
    type_id: str
    transform: Transform
    attributes: dict[str, str] = field(default_factory=dict)
    blueprint: Blueprint | None = None
    parent_id: int = 0
    mount: Transform = field(default_factory=Transform)
    attachment: Attachment = Attachment.RIGID

    @property
    def bounding_box(self) -> BoundingBox:
        """In the actor's own frame."""
        return self.blueprint.bounding_box if self.blueprint else BoundingBox()

    @property
    def is_body(self) -> bool:
        """Whether others can bump into it."""
        return self.bounding_box.extent.x > 0.0

    @property
    def velocity(self) -> Vector3:
        """World frame, m/s."""
        return ORIGIN

    def teleport(self, transform: Transform) -> None:
        """Puts the actor somewhere else."""
        self.transform = transform

    def pose(self) -> tuple[float, float, float]:
        """x, y (m) and yaw (rad) right now, also in the middle of a tick."""
        location, rotation = self.transform
        return location.x, location.y, math.radians(rotation.yaw)

    def footprint(self) -> tuple[float, float, float, float, float]:
        """Centre x, y (m), half length, half width (m), yaw (rad) of its box on the ground."""
        offset, extent, _ = self.bounding_box
        x, y, yaw = self.pose()
        cos, sin = math.cos(yaw), math.sin(yaw)
        return (
            x + cos * offset.x - sin * offset.y,
            y + sin * offset.x + cos * offset.y,
            extent.x,
            extent.y,
            yaw,
        )


@dataclass(slots=True, eq=False)
class Sensor(Actor):
    """Looks at the world from its place.

    Attributes:
        period_s: simulated time between two readings; 0 reads on every tick.
        due_s: when it reads next; None before the first tick it sees.
    """

    period_s: float = 0.0
    due_s: float | None = None

    def falls_due(self, elapsed_s: float) -> bool:
        """Whether it reads on this tick; keeps the rhythm counted from the first reading."""
        if self.due_s is None:
            self.due_s = elapsed_s
        if elapsed_s + 1e-9 < self.due_s:
            return False
        if self.period_s > 0.0:
            missed = math.floor((elapsed_s + 1e-9 - self.due_s) / self.period_s)
            self.due_s += (missed + 1) * self.period_s
        return True

    @property
    def streams(self) -> bool:
        """Whether the server sends its data; lane invasion is worked out by the client."""
        return self.type_id != LANE_INVASION


@dataclass(slots=True, eq=False)
class Vehicle(Actor):
    """A car, van or truck."""

    physics: VehiclePhysics = field(default_factory=VehiclePhysics)
    control: VehicleControl = field(default_factory=VehicleControl)
    simulate_physics: bool = True
    lights: int = 0
    state: NDArray[np.float64] = field(default_factory=lambda: np.zeros(STATE_SIZE))
    acceleration: Vector3 = ORIGIN
    _constants: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    _last_velocity: Vector3 = ORIGIN

    def __post_init__(self) -> None:
        self._constants = self.physics.as_array()
        self.teleport(self.transform)

    @property
    def speed_mps(self) -> float:
        """Along the body; negative when it rolls backwards."""
        return float(self.state[SPEED])

    @property
    def yaw_rate_rad_s(self) -> float:
        """Positive when it turns to the right."""
        return float(self.state[YAW_RATE])

    @property
    def velocity(self) -> Vector3:
        """World frame, m/s."""
        speed, yaw = self.speed_mps, float(self.state[YAW])
        return Vector3(speed * math.cos(yaw), speed * math.sin(yaw), 0.0)

    @velocity.setter
    def velocity(self, velocity: Vector3) -> None:
        """Takes the part along the body: wheels do not roll sideways."""
        yaw = float(self.state[YAW])
        self.state[SPEED] = velocity.x * math.cos(yaw) + velocity.y * math.sin(yaw)
        self._last_velocity = self.velocity  # a push from outside is no acceleration to measure

    def pose(self) -> tuple[float, float, float]:
        """x, y (m) and yaw (rad) right now, also in the middle of a tick."""
        x, y, yaw = self.state[:3].tolist()
        return x, y, yaw

    def teleport(self, transform: Transform) -> None:
        """Puts the vehicle elsewhere with straight wheels; it keeps its velocity, as in CARLA."""
        velocity = self.velocity
        self.transform = transform
        self.state[X], self.state[Y] = transform.location.x, transform.location.y
        self.state[YAW] = math.radians(transform.rotation.yaw)
        self.state[WHEEL] = self.state[YAW_RATE] = 0.0
        self.velocity = velocity

    def halt(self) -> None:
        """Takes all motion out of it."""
        self.state[SPEED] = self.state[WHEEL] = self.state[YAW_RATE] = 0.0
        self._last_velocity = ORIGIN

    def drive(self, duration_s: float) -> None:
        """Obeys its control for a while; it stands on the road from then on."""
        if self.simulate_physics:
            control = self.control
            advance(
                self.state,
                self._constants,
                control.throttle,
                control.steer,
                control.brake,
                control.hand_brake,
                control.reverse,
                duration_s,
            )

    def settle(self, duration_s: float) -> None:
        """Brings pose and acceleration up to date with the state at the end of a tick."""
        if self.simulate_physics:
            x, y, yaw = self.pose()
            self.transform = Transform(
                Vector3(x, y, 0.0), Rotation(0.0, wrap_deg(math.degrees(yaw)), 0.0)
            )
        before, now = self._last_velocity, self.velocity
        self._last_velocity = now
        self.acceleration = Vector3(
            (now.x - before.x) / duration_s, (now.y - before.y) / duration_s, 0.0
        )

    def push(self, dx: float, dy: float, velocity: Vector3) -> None:
        """Moves it out of a collision and leaves it the velocity which its wheels allow."""
        self.state[X] += dx
        self.state[Y] += dy
        yaw = float(self.state[YAW])
        self.state[SPEED] = velocity.x * math.cos(yaw) + velocity.y * math.sin(yaw)
