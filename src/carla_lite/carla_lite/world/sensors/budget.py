"""How much all sensors of a world may measure together, so that a tick stays a matter of a moment.

CARLA has no such limits; there a client that asks for too much brings the simulator down.
"""

from collections.abc import Iterable

from carla_lite.world.actors import Sensor
from carla_lite.world.errors import SpawnError

MAX_PIXELS = 24_000_000
"""Of all cameras: eleven in Full HD, or fifty of CARLA's usual size."""

MAX_POINTS_PER_S = 20_000_000
"""Of all lidars and radars."""


def check_budget(sensors: Iterable[Sensor]) -> None:
    """Checks that a world can bear all these sensors.

    Raises:
        SpawnError: they are too many or too large; it says by how much.
    """
    pixels = points_per_s = 0
    for sensor in sensors:
        wanted = sensor.attributes
        pixels += int(wanted.get("image_size_x", "0")) * int(wanted.get("image_size_y", "0"))
        points_per_s += int(wanted.get("points_per_second", "0"))
    for total, limit, what in (
        (pixels, MAX_PIXELS, "pixels of all cameras"),
        (points_per_s, MAX_POINTS_PER_S, "points per second of all lidars and radars"),
    ):
        if total > limit:
            raise SpawnError(
                f"{total} {what} would be more than the {limit} that this server measures; "
                "make them smaller or destroy some"
            )
