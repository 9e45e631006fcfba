"""Bodies: actors that can be bumped into, as handles on their row of `carla_lite.world.bodies`."""

import math

from carla_lite.world.actors import Actor, Attachment
from carla_lite.world.blueprints import Blueprint
from carla_lite.world.bodies import PROP, Row, new_row
from carla_lite.world.dynamics import MAX_SPEED_MPS, MAX_SPIN_DEG_S
from carla_lite.world.geometry import (
    Rotation,
    Transform,
    Vector3,
    check_vector,
    inverse_rotate,
    wrap_deg,
)

MAX_IMPULSE = 1e9
"""In N s, N, kg m^2 deg/s or kg m^2 deg/s^2; what it does to a body is limited by its top speed."""


class Body(Actor):
    """A vehicle, a walker or a prop; itself a prop.

    Whatever moves it goes through its row, which the compiled tick works on. A prop stays where it
    is put until physics is simulated for it; then it slides under friction.

    Attributes:
        row: its state, a view of a row of BODY.
    """

    __slots__ = ("row",)

    KIND = PROP
    SIMULATED = False

    def __init__(
        self,
        actor_id: int,
        type_id: str,
        transform: Transform,
        attributes: dict[str, str],
        blueprint: Blueprint,
        parent_id: int = 0,
        mount: Transform | None = None,
        attachment: Attachment = Attachment.RIGID,
    ) -> None:
        """As `Actor`; the body is not in any world yet."""
        self.row: Row = new_row()
        super().__init__(
            actor_id,
            type_id,
            transform,
            attributes,
            blueprint,
            parent_id,
            mount or Transform(),
            attachment,
        )
        box, row = blueprint.bounding_box, self.row
        row["id"], row["parent"], row["kind"] = actor_id, parent_id, self.KIND
        row["centre"], row["half"] = box.location, box.extent
        row["physics"] = self.SIMULATED and not parent_id
        row["gravity"] = row["collides"] = 1
        self._weigh(blueprint.mass_kg)

    def _weigh(self, mass_kg: float) -> None:
        """Sets mass and moment of inertia, that of a plate of the box's length and width."""
        half = self.row["half"]
        self.row["mass"] = mass_kg
        self.row["inertia"] = mass_kg * float(half[0] ** 2 + half[1] ** 2) / 3.0

    @property
    def transform(self) -> Transform:
        """Where it is and which way it faces."""
        row = self.row
        return Transform(
            Vector3(float(row["x"]), float(row["y"]), float(row["z"])),
            Rotation(
                float(row["pitch_deg"]),
                wrap_deg(math.degrees(float(row["yaw"]))),
                float(row["roll_deg"]),
            ),
        )

    @transform.setter
    def transform(self, transform: Transform) -> None:
        row, (location, rotation) = self.row, transform
        row["x"], row["y"], row["z"] = location
        row["yaw"] = math.radians(rotation.yaw)
        row["pitch_deg"], row["roll_deg"] = rotation.pitch, rotation.roll

    @property
    def velocity(self) -> Vector3:
        """World frame, m/s; setting it is no acceleration to measure."""
        row = self.row
        speed, slip, yaw = float(row["speed"]), float(row["slip"]), float(row["yaw"])
        cos, sin = math.cos(yaw), math.sin(yaw)
        return Vector3(speed * cos - slip * sin, speed * sin + slip * cos, float(row["climb"]))

    @velocity.setter
    def velocity(self, velocity: Vector3) -> None:
        row, yaw = self.row, float(self.row["yaw"])
        cos, sin = math.cos(yaw), math.sin(yaw)
        row["speed"] = velocity.x * cos + velocity.y * sin
        row["slip"] = velocity.y * cos - velocity.x * sin
        row["climb"] = velocity.z
        self.forget_acceleration()

    def forget_acceleration(self) -> None:
        """Takes the present velocity for that of the last tick."""
        self.row["before"] = self.velocity

    @property
    def acceleration(self) -> Vector3:
        """Mean of the last tick, world frame, m/s^2."""
        x, y, z = self.row["acceleration"].tolist()
        return Vector3(x, y, z)

    @property
    def yaw_rate_rad_s(self) -> float:
        """Positive when it turns to the right."""
        return float(self.row["yaw_rate"]) + float(self.row["spin"])

    @property
    def simulate_physics(self) -> bool:
        """Whether anything but its commands moves it."""
        return bool(self.row["physics"])

    @simulate_physics.setter
    def simulate_physics(self, enabled: bool) -> None:
        # What hangs on a parent is carried by it.
        self.row["physics"] = enabled and not self.parent_id
        if not enabled:
            self.halt()

    @property
    def mass_kg(self) -> float:
        """What a push works on."""
        return float(self.row["mass"])

    @property
    def enable_gravity(self) -> bool:
        """Whether it falls; without gravity it floats at its height, and rolls when on the road."""
        return bool(self.row["gravity"])

    @enable_gravity.setter
    def enable_gravity(self, enabled: bool) -> None:
        row = self.row
        high = float(row["z"] + row["centre"][2] - row["half"][2]) > 0.0
        if enabled and not row["gravity"] and high and row["climb"] == 0.0:
            row["climb"] = -1e-9  # it falls, instead of standing on the road at once
        row["gravity"] = enabled

    @property
    def collides(self) -> bool:
        """Whether anything bumps into it."""
        return bool(self.row["collides"])

    @collides.setter
    def collides(self, enabled: bool) -> None:
        self.row["collides"] = enabled

    def pose(self) -> tuple[float, float, float]:
        """x, y (m) and yaw (rad) right now, also in the middle of a tick."""
        return float(self.row["x"]), float(self.row["y"]), float(self.row["yaw"])

    def halt(self) -> None:
        """Takes all motion out of it."""
        for name in ("speed", "slip", "climb", "wheel", "yaw_rate", "spin", "impulse", "moment"):
            self.row[name] = 0.0
        self.forget_acceleration()

    # Pushes

    def set_target_velocity(self, velocity: Vector3) -> None:
        """Gives it a velocity (world frame, m/s) at once.

        Raises:
            InvalidValueError: it is not finite or too fast.
        """
        self.velocity = check_vector(velocity, "target velocity (m/s)", MAX_SPEED_MPS)

    def set_target_angular_velocity(self, velocity_deg_s: Vector3) -> None:
        """Sets how fast it turns right now (deg/s about z, positive to the right)."""
        check_vector(velocity_deg_s, "target angular velocity (deg/s)", MAX_SPIN_DEG_S)
        self.row["yaw_rate"], self.row["spin"] = 0.0, math.radians(velocity_deg_s.z)

    def enable_constant_velocity(self, velocity: Vector3 | None) -> None:
        """Holds a velocity in its own frame, m/s, until told otherwise; None lets go."""
        if velocity is not None:
            self.row["constant"] = check_vector(velocity, "constant velocity (m/s)", MAX_SPEED_MPS)
        self.row["held"] = velocity is not None

    def add_impulse(self, impulse: Vector3, at: Vector3 | None = None) -> None:
        """Pushes it during the next tick.

        Args:
            impulse: N s, world frame.
            at: where, in the world; None for the middle of its box, which does not turn it.
        """
        check_vector(impulse, "impulse (N s)", MAX_IMPULSE)
        self.row["impulse"] += impulse
        if at is not None:
            check_vector(at, "place of an impulse (m)", MAX_IMPULSE)
            x, y, *_ = self.footprint()
            self.row["moment"] += (at.x - x) * impulse.y - (at.y - y) * impulse.x

    def add_angular_impulse(self, impulse: Vector3) -> None:
        """Turns it about z: kg m^2 deg/s, positive to the right."""
        check_vector(impulse, "angular impulse", MAX_IMPULSE)
        self.row["moment"] += math.radians(impulse.z)

    def drawn_lying(self) -> bool:
        """Whether it is drawn lying down."""
        return False

    def local(self, vector: Vector3) -> Vector3:
        """A world vector in the body's frame."""
        return inverse_rotate(self.transform.rotation, vector)
