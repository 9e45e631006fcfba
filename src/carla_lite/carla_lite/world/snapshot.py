"""The state of a whole world at one frame, as plain data."""

from typing import NamedTuple

from carla_lite.world.actors import Actor
from carla_lite.world.body import Body
from carla_lite.world.dynamics import VehicleControl
from carla_lite.world.geometry import ORIGIN, Transform, Vector3
from carla_lite.world.vehicle import Vehicle


class ActorSnapshot(NamedTuple):
    """One actor at one frame; world frame, m/s, deg/s and m/s^2.

    Attributes:
        control: the command in force; None for what is no vehicle.
    """

    id: int
    transform: Transform
    velocity: Vector3 = ORIGIN
    angular_velocity_deg_s: Vector3 = ORIGIN
    acceleration: Vector3 = ORIGIN
    control: VehicleControl | None = None


class WorldSnapshot(NamedTuple):
    """Everything at one frame."""

    episode_id: int
    frame: int
    elapsed_s: float
    delta_s: float
    actors: tuple[ActorSnapshot, ...]


def snapshot_of(actor: Actor) -> ActorSnapshot:
    """The actor as it stands now."""
    if not isinstance(actor, Body):
        return ActorSnapshot(actor.id, actor.transform)
    return ActorSnapshot(
        actor.id,
        actor.transform,
        actor.velocity,
        Vector3(0.0, 0.0, actor.yaw_rate_rad_s * 57.29577951308232),
        actor.acceleration,
        actor.control if isinstance(actor, Vehicle) else None,
    )
