"""The motion of the vehicle at one instant."""

from dataclasses import dataclass

from td3_driving.driving.validation import require_finite


@dataclass(frozen=True, slots=True)
class VehicleState:
    """Pose in the map frame and velocity in the body frame (REP-103).

    Args:
        stamp_s: Simulation time.
        x_m: Position in the map frame.
        y_m: Position in the map frame.
        yaw_rad: Heading, counter-clockwise from the map's x axis.
        speed_mps: Forward velocity; negative when rolling backwards.
        lateral_speed_mps: Sideways velocity, positive to the left.
        yaw_rate_radps: Positive counter-clockwise (turning left).

    Raises:
        ValueError: a value isn't finite; the message names it.
    """

    stamp_s: float
    x_m: float
    y_m: float
    yaw_rad: float
    speed_mps: float
    lateral_speed_mps: float = 0.0
    yaw_rate_radps: float = 0.0

    def __post_init__(self) -> None:
        require_finite(self)
