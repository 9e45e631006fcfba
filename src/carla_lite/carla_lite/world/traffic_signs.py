"""Traffic signs as actors: what stands where, which stretch of road it speaks to, how it looks."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from carla_lite.roads.furniture import Signal, StopLine
from carla_lite.scenery.solids import Material, Solids, Tag, solid
from carla_lite.world.actors import Actor
from carla_lite.world.blueprints import NO_BOX, SemanticTag
from carla_lite.world.errors import WorldError
from carla_lite.world.geometry import BoundingBox, Rotation, Transform, Vector3, wrap_deg
from carla_lite.world.records import Record

SIGN_ID_BYTES = 32
"""Room for an OpenDRIVE id in a snapshot record, the closing zero included."""

TRIGGER_LENGTH_M = 6.0
"""Length of a trigger volume, along the lane and up to the stop line."""
_TRIGGER_HEIGHT_M = 3.0
_TRIGGER_SHARE = 0.9
"""Of the lanes' width, as CARLA generates its volumes."""
_LIGHT_FORWARD_M = 0.25
"""By which LibCarla's map moves the landmarks of lights."""
_POLE_BGR = (70, 72, 74)
_POLE_HALF_M = 0.06
_PLATE_HALF_M = (0.02, 0.35, 0.35)
_PLATE_HEIGHT_M = 2.4
_PLATE_BGR = {"stop": (40, 40, 200), "yield": (235, 235, 235), "speed_limit": (240, 240, 240)}
SIGN_VARIANTS = {"stop": 0, "yield": 1, "speed_limit": 2}
"""`variant` of a plate with `Material.SIGN`; a speed limit adds its tens of km/h."""


@dataclass(slots=True, eq=False)
class TrafficSign(Actor):
    """A sign of the map, which stands where it stands.

    Its transform is CARLA's: at the foot, x pointing across the lanes to the right of the traffic
    that heeds it.

    Attributes:
        sign_id: the OpenDRIVE signal's id.
        trigger: the stretch before the stop line, in the actor's frame; clients know it as the
            trigger volume and as the bounding box.
    """

    sign_id: str = ""
    trigger: BoundingBox = NO_BOX

    @property
    def bounding_box(self) -> BoundingBox:
        """The trigger volume, as in CARLA."""
        return self.trigger

    @property
    def is_body(self) -> bool:
        """Nobody bumps into a trigger volume; poles are static solids."""
        return False

    @property
    def semantic_tag(self) -> SemanticTag:
        """What it is in a segmentation."""
        return SemanticTag.TRAFFIC_SIGN

    def teleport(self, transform: Transform) -> None:
        """Refuses with a WorldError."""
        raise WorldError(f"actor {self.id} is a sign of the map, which cannot be moved")

    def write_record(self, record: Record) -> None:
        """Adds the signal's id."""
        super(TrafficSign, self).write_record(record)
        name = self.sign_id.encode()[: SIGN_ID_BYTES - 1]
        record["state"][: len(name)] = np.frombuffer(name, np.uint8)


def type_id_of(signal: Signal) -> str | None:
    """The actor type of a signal, or None for one that is no actor."""
    if signal.kind == "light":
        return "traffic.traffic_light"
    if signal.kind == "speed_limit" and signal.value is not None:
        return f"traffic.speed_limit.{round(signal.value)}"
    return f"traffic.{signal.kind}" if signal.kind in ("stop", "yield") else None


def place_of(signal: Signal) -> Transform:
    """Where the actor of a signal stands: at its landmark, but turned to the right."""
    x, y, yaw = signal.x_m, signal.y_m, math.radians(signal.yaw_deg)
    if signal.kind == "light":
        x, y = x + _LIGHT_FORWARD_M * math.cos(yaw), y + _LIGHT_FORWARD_M * math.sin(yaw)
    return Transform(Vector3(x, y, 0.0), Rotation(0.0, wrap_deg(signal.yaw_deg + 90.0), 0.0))


def trigger_of(signal: Signal, lines: list[StopLine]) -> BoundingBox:
    """The box before the stop lines of a signal, in its actor's frame."""
    place = place_of(signal)
    yaw = math.radians(place.rotation.yaw)
    across = np.array([math.cos(yaw), math.sin(yaw)])
    back = np.array([-across[1], across[0]])  # the actor's y axis: against the traffic
    foot = np.array(place.location[:2])
    if lines:
        ends = np.array([end for line in lines for end in (line.start, line.end)]) - foot
        x, y = ends @ across, ends @ back
    else:
        x, y = np.zeros(1), np.zeros(1)
    half_x = max(float(np.ptp(x)) / 2.0 * _TRIGGER_SHARE, 0.5)
    return BoundingBox(
        Vector3(
            float(x.max() + x.min()) / 2.0,
            float(y.mean()) + TRIGGER_LENGTH_M / 2.0,
            _TRIGGER_HEIGHT_M / 2.0,
        ),
        Vector3(half_x, TRIGGER_LENGTH_M / 2.0, _TRIGGER_HEIGHT_M / 2.0),
    )


def pole(signal: Signal, height_m: float, owner: int) -> Solids:
    """A thin post at the signal's foot."""
    return solid(
        (signal.x_m, signal.y_m, height_m / 2.0),
        (_POLE_HALF_M, _POLE_HALF_M, height_m / 2.0),
        signal.yaw_deg,
        _POLE_BGR,
        Tag.POLE,
        owner=owner,
    )


def sign_solids(signal: Signal, owner: int) -> Solids:
    """A post with a plate that faces the traffic."""
    height = max(signal.z_m, _PLATE_HEIGHT_M)
    variant = SIGN_VARIANTS[signal.kind]
    if signal.kind == "speed_limit" and signal.value is not None:
        variant += min(max(round(signal.value / 10.0), 0), 20)
    facing = wrap_deg(signal.yaw_deg + 180.0)
    yaw = math.radians(facing)
    out = _POLE_HALF_M + _PLATE_HALF_M[0]
    plate = solid(
        (signal.x_m + out * math.cos(yaw), signal.y_m + out * math.sin(yaw), height),
        _PLATE_HALF_M,
        facing,
        _PLATE_BGR[signal.kind],
        Tag.TRAFFIC_SIGN,
        material=Material.SIGN,
        variant=variant,
        owner=owner,
    )
    return np.concatenate([pole(signal, height + _PLATE_HALF_M[2], owner), plate])
