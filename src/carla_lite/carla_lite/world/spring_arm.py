"""Spring arms, by which cameras follow vehicles from behind, as CARLA hangs them up.

CARLA's UActorAttacher (Carla/Util/ActorAttacher.cpp) puts a camera at the end of an Unreal
USpringArmComponent: the arm looks along itself at what it hangs on, keeps its own pitch, follows
the parent's yaw with a lag, and the camera's rotation comes on top. Unlike Unreal's, an arm here
does not shorten in front of walls.
"""

import math

from carla_lite.world.actors import Attachment
from carla_lite.world.geometry import Rotation, Transform, Vector3, compose, wrap_deg

_LAG_SPEED_PER_S = 8.0
_MAX_STEP_S = 1.0 / 60.0
_LIFT_M = 0.3  # of the arm that is no ghost, against bumpy ground


class SpringArm:
    """One arm. `settled` gives its place at rest, `follow` after some time."""

    def __init__(self, mount: Transform, attachment: Attachment) -> None:
        """Takes where the camera hangs, relative to its parent at rest, and the kind of arm."""
        x, y, z = (-value for value in mount.location)  # from the camera to the parent
        self._length_m = math.hypot(x, y, z)
        self._pitch_deg = math.degrees(math.atan2(z, math.hypot(x, y)))
        self._own_yaw_deg = math.degrees(math.atan2(y, x))
        self._lift_m = _LIFT_M if attachment is Attachment.SPRING_ARM else 0.0
        self._turn = Transform(rotation=mount.rotation)
        self._yaw_deg = 0.0

    def settled(self, parent: Transform) -> Transform:
        """Where the camera is when the arm has come to rest behind its parent."""
        self._yaw_deg = wrap_deg(parent.rotation.yaw + self._own_yaw_deg)
        return self._end(parent)

    def follow(self, parent: Transform, duration_s: float) -> Transform:
        """Where the camera is after this time, its parent being here now."""
        behind_deg = wrap_deg(parent.rotation.yaw + self._own_yaw_deg - self._yaw_deg)
        steps = max(1, min(math.ceil(duration_s / _MAX_STEP_S), 1000))
        left = (1.0 - min(1.0, _LAG_SPEED_PER_S * duration_s / steps)) ** steps
        self._yaw_deg = wrap_deg(self._yaw_deg + behind_deg * (1.0 - left))
        return self._end(parent)

    def _end(self, parent: Transform) -> Transform:
        pitch, yaw = math.radians(self._pitch_deg), math.radians(self._yaw_deg)
        flat_m = self._length_m * math.cos(pitch)
        base = parent.location
        place = Vector3(
            base.x - flat_m * math.cos(yaw),
            base.y - flat_m * math.sin(yaw),
            base.z + self._lift_m - self._length_m * math.sin(pitch),
        )
        return compose(Transform(place, Rotation(self._pitch_deg, self._yaw_deg)), self._turn)
