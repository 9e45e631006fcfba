"""What goes into a session and what comes out of it: plain frozen data, REP-103 throughout."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from td3_driving.driving.frames import FloatArray, Pose, Vector
from td3_driving.driving.lights import Light
from td3_driving.driving.traffic import Traffic


@dataclass(frozen=True)
class Command:
    """What the vehicle is asked to do for one tick; CARLA's own meaning (steer + to the right).

    Raises:
        ValueError: A value is not finite or out of range.
    """

    throttle: float = 0.0
    steer: float = 0.0
    brake: float = 0.0
    hand_brake: bool = False
    reverse: bool = False

    def __post_init__(self) -> None:
        """Refuse what must never reach the simulator."""
        # Comparisons with NaN are false, so it is refused with the rest.
        if not (0 <= self.throttle <= 1 and -1 <= self.steer <= 1 and 0 <= self.brake <= 1):
            raise ValueError(
                f"throttle {self.throttle}, steer {self.steer}, brake {self.brake}: "
                "throttle and brake must lie in [0, 1] and steer in [-1, 1]"
            )


BRAKE = Command(brake=1.0)


@dataclass(frozen=True)
class ResetRequest:
    """How an episode starts.

    Attributes:
        seed: Chooses the start and the goals that are not given.
        map: Map to drive on; empty keeps the present one.
        route_start: Index of the spawn point to start from; -1 lets the seed choose.
        route_goal: Index of the spawn point to drive to; -1 chains random goals until the route
            is route_length_m long.
        start_speed_mps: Forward speed at the start, >= 0.
        start_lateral_m: Offset from the lane's centre, + to the left.
        start_heading_rad: Heading against the lane's, + to the left.
        route_length_m: Length of a route without a goal; None takes the session's.
        traffic: Who else is on the road.
    """

    seed: int = 0
    map: str = ""
    route_start: int = -1
    route_goal: int = -1
    start_speed_mps: float = 0.0
    start_lateral_m: float = 0.0
    start_heading_rad: float = 0.0
    route_length_m: float | None = None
    traffic: Traffic = field(default_factory=Traffic)

    def __post_init__(self) -> None:
        """Refuse what cannot be an episode's start.

        Raises:
            ValueError: A value is not finite or out of range.
        """
        if self.seed < 0:
            raise ValueError(f"seed is {self.seed}; it must be 0 or more")
        if not 0 <= self.start_speed_mps <= 100:
            raise ValueError(f"start_speed_mps is {self.start_speed_mps}; it must lie in [0, 100]")
        if not abs(self.start_lateral_m) <= 100:
            raise ValueError(f"start_lateral_m is {self.start_lateral_m}; |offset| may be 100")
        if not abs(self.start_heading_rad) <= math.pi:
            raise ValueError(f"start_heading_rad is {self.start_heading_rad}; |angle| may be pi")
        if self.route_length_m is not None and not 1 <= self.route_length_m <= 100_000:
            raise ValueError(f"route_length_m is {self.route_length_m}; it must lie in [1, 100000]")


@dataclass(frozen=True)
class Twist:
    """Velocities seen from the body: linear [m/s] and angular [rad/s]."""

    linear: Vector
    angular: Vector


@dataclass(frozen=True)
class Imu:
    """Body frame: specific force [m/s2] (gravity included), angular velocity [rad/s], heading.

    heading_rad is the compass as yaw in the map frame, (-pi, pi].
    """

    acceleration: Vector
    angular_velocity: Vector
    heading_rad: float


@dataclass(frozen=True)
class Gnss:
    """Position on the globe: degrees and metres."""

    latitude_deg: float
    longitude_deg: float
    altitude_m: float


@dataclass(frozen=True)
class Collision:
    """The vehicle hit something; impulse [N s] in map axes; id 0 is the world itself."""

    frame: int
    other_actor_id: int
    other_actor_type: str
    impulse: Vector


@dataclass(frozen=True)
class LaneInvasion:
    """The vehicle crossed lane markings; their types in lower case: solid, broken, ..."""

    frame: int
    crossed_markings: tuple[str, ...]


@dataclass(frozen=True)
class Tick:
    """Everything one simulation tick gave.

    Attributes:
        frame: The simulator's number of the tick.
        stamp_s: Simulation time; grows for ever, also across maps and servers.
        image: uint8 (H, W, 4) BGRA, read-only view of the client's own buffer, which it keeps
            alive.
        pose: The vehicle's origin in the map frame.
        twist: Velocities in the body frame.
        acceleration: [m/s2] in the body frame.
        collisions, lane_invasions: Events since the tick before, oldest first.
        light: The traffic light in force.
        gap_m: Free way to who is ahead on the route, bumper to bumper; None: nobody is, or the
            episode was asked for without traffic.
    """

    frame: int
    stamp_s: float
    image: npt.NDArray[np.uint8]
    pose: Pose
    twist: Twist
    acceleration: Vector
    imu: Imu
    gnss: Gnss
    collisions: tuple[Collision, ...]
    lane_invasions: tuple[LaneInvasion, ...]
    light: Light = Light.NONE
    gap_m: float | None = None


@dataclass(frozen=True)
class EpisodeStart:
    """A new episode: its map, the route (N, 2) [m] in the map frame, and the first tick."""

    map: str
    route: FloatArray
    tick: Tick
