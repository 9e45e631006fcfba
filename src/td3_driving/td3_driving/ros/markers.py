"""What the agent sees, does and earns as markers for rviz2 and Foxglove, in the body frame."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from geometry_msgs.msg import Point
from std_msgs.msg import ColorRGBA, Float32MultiArray, Header, MultiArrayDimension
from visualization_msgs.msg import Marker, MarkerArray

from td3_driving.agent.types import Drive, StepReport
from td3_driving.ros.messages import InvalidMessage
from td3_driving_msgs.msg import GuardState

ARROW_M = 6.0
"""Length of the arrow of full throttle or brake."""
WAYPOINTS, ACTION, REWARD, REWARD_TERMS, Q, Q_CHOSEN, GUARD = (
    "waypoints", "action", "reward", "reward_terms", "q_over_steering", "q_chosen", "guard",
)  # fmt: skip
"""Namespaces of the markers, by which viewers switch them on and off."""

_BARS_AT_M = (0.0, 4.0)
"""Foot of the first bar of the reward: beside the vehicle, to its left."""
_BAR_M = 2.0
"""Height of the largest term."""
_CURVE_AT_M, _CURVE_M, _CURVE_WIDE_M = 8.0, 4.0, 6.0
"""The curve of Q lies on the ground: its worst steering so far ahead, its best so much further, and
full steering so far to the side."""
_GOOD = ColorRGBA(r=0.2, g=0.8, b=0.3, a=0.9)
_BAD = ColorRGBA(r=0.9, g=0.25, b=0.2, a=0.9)
_WARN = ColorRGBA(r=1.0, g=0.7, b=0.1, a=1.0)
_BLUE = ColorRGBA(r=0.1, g=0.6, b=1.0, a=1.0)
_WHITE = ColorRGBA(r=0.95, g=0.95, b=0.95, a=1.0)


def agent_markers(
    head: Header, report: StepReport, action: Drive, values: np.ndarray | None = None
) -> MarkerArray:
    """All that the agent shows.

    Args:
        head: Stamp of the tick, and the body frame.
        report: What the tick earned, and the waypoints ahead.
        action: The one chosen.
        values: float32 (2, n): steerings in [-1, 1] and what each is worth; None where nobody
            knows.
    """
    shown = [
        _waypoints(head, report.waypoints),
        _arrow(head, action),
        *_reward(head, report.terms.values),
    ]
    if values is not None:
        shown += _curve(head, values, action.steer)
    return MarkerArray(markers=shown)


def guard_markers(state: GuardState) -> MarkerArray:
    """What the guard does, as a word over the vehicle."""
    kinds = ("stale", "non_finite", "clipped", "rate_limited")
    acts = [kind.replace("_", " ") for kind in kinds if getattr(state, kind)]
    colour = _BAD if state.stale or state.non_finite else _WARN if acts else _GOOD
    word = _marker(state.header, GUARD, Marker.TEXT_VIEW_FACING, 0.7, colour)
    word.pose.position.z = 3.2
    word.text = f"guard: {', '.join(acts) or 'passes'}"
    return MarkerArray(markers=[word])


def to_steering_values(values: np.ndarray) -> Float32MultiArray:
    """The message of float32 (2, n): steerings, and what each is worth."""
    message = Float32MultiArray(data=values.ravel().tolist())
    for label, size in zip(("steering_and_value", "point"), values.shape, strict=True):
        stride = int(np.prod(values.shape)) if not message.layout.dim else size
        message.layout.dim.append(MultiArrayDimension(label=label, size=size, stride=stride))
    return message


def from_steering_values(message: Float32MultiArray) -> np.ndarray:
    """The float32 (2, n) of a message.

    Raises:
        InvalidMessage: it has not two rows, or holds what is not finite.
    """
    values = np.array(message.data, np.float32)
    if len(values) % 2 or len(values) < 4 or not np.isfinite(values).all():
        raise InvalidMessage(
            f"steering_values holds {len(values)} numbers; expected a row of steerings and a row "
            "of values, all finite"
        )
    return values.reshape(2, -1)


def _marker(head: Header, namespace: str, kind: int, size: float, colour: ColorRGBA) -> Marker:
    marker = Marker(header=head, ns=namespace, type=kind, color=colour)
    marker.scale.x = marker.scale.y = marker.scale.z = size
    marker.pose.orientation.w = 1.0
    return marker


def _waypoints(head: Header, waypoints: np.ndarray) -> Marker:
    marker = _marker(head, WAYPOINTS, Marker.POINTS, 0.4, _BLUE)
    marker.points = [Point(x=x, y=y) for x, y in waypoints.tolist()]
    return marker


def _arrow(head: Header, action: Drive) -> Marker:
    marker = _marker(head, ACTION, Marker.ARROW, 0.3, _BAD if action.acceleration < 0.0 else _GOOD)
    marker.scale.y, marker.scale.z = 0.6, 0.8
    # Steering is + to the right, y is + to the left.
    tip = Point(x=ARROW_M * action.acceleration, y=-0.5 * ARROW_M * action.steer, z=2.0)
    marker.points = [Point(z=2.0), tip]
    return marker


def _reward(head: Header, terms: Mapping[str, float]) -> list[Marker]:
    """A bar for each term, up or down from the ground plane, and their names and values."""
    bars = _marker(head, REWARD, Marker.LINE_LIST, 0.35, _GOOD)
    x, y = _BARS_AT_M
    largest = max((abs(value) for value in terms.values()), default=0.0) or 1.0
    for index, value in enumerate(terms.values()):
        at = x - 0.8 * index
        bars.points += [Point(x=at, y=y, z=0.0), Point(x=at, y=y, z=_BAR_M * value / largest)]
        bars.colors += 2 * [_GOOD if value >= 0.0 else _BAD]
    names = _marker(head, REWARD_TERMS, Marker.TEXT_VIEW_FACING, 0.4, _WHITE)
    names.pose.position.x, names.pose.position.y, names.pose.position.z = x, y + 1.5, 2.5
    names.text = "\n".join(f"{name} {value:+.3f}" for name, value in terms.items()) or "no reward"
    return [bars, names]


def _curve(head: Header, values: np.ndarray, steer: float) -> list[Marker]:
    """Q over steering on the ground ahead, the further the better, and the steering chosen."""
    steerings, worths = values
    low, high = float(worths.min()), float(worths.max())
    shares = (worths - low) / (high - low) if high > low else np.zeros_like(worths)
    curve = _marker(head, Q, Marker.LINE_STRIP, 0.15, _WHITE)
    for steering, share in zip(steerings.tolist(), shares.tolist(), strict=True):
        curve.points.append(_on_curve(steering, share))
        curve.colors.append(ColorRGBA(r=1.0 - share, g=0.3 + 0.6 * share, b=0.2, a=1.0))
    chosen = _marker(head, Q_CHOSEN, Marker.SPHERE, 0.7, _BLUE)
    chosen.pose.position = _on_curve(steer, float(np.interp(steer, steerings, shares)))
    return [curve, chosen]


def _on_curve(steering: float, share: float) -> Point:
    return Point(x=_CURVE_AT_M + _CURVE_M * share, y=-_CURVE_WIDE_M * steering, z=0.1)
