"""The agent's view as rviz2 markers: the waypoints ahead and the chosen action."""

from __future__ import annotations

from geometry_msgs.msg import Point
from std_msgs.msg import ColorRGBA
from visualization_msgs.msg import Marker, MarkerArray

from td3_driving.agent.types import Drive, StepReport
from td3_driving.ros.messages import header

ARROW_M = 6.0
"""Length of the arrow of full throttle or brake."""


def agent_markers(stamp_ns: int, frame_id: str, report: StepReport, action: Drive) -> MarkerArray:
    """Waypoints as points and the action as an arrow, in the body frame."""
    points = Marker(header=header(stamp_ns, frame_id), ns="waypoints", type=Marker.POINTS)
    points.scale.x = points.scale.y = 0.4
    points.color = ColorRGBA(r=0.1, g=0.6, b=1.0, a=1.0)
    points.points = [Point(x=float(x), y=float(y)) for x, y in report.waypoints]
    points.pose.orientation.w = 1.0

    arrow = Marker(header=header(stamp_ns, frame_id), ns="action", type=Marker.ARROW)
    arrow.scale.x, arrow.scale.y, arrow.scale.z = 0.3, 0.6, 0.8
    braking = action.acceleration < 0.0
    arrow.color = ColorRGBA(r=float(braking), g=float(not braking), b=0.1, a=0.9)
    # Steering is + to the right, y is + to the left.
    tip = Point(x=ARROW_M * action.acceleration, y=-0.5 * ARROW_M * action.steer, z=2.0)
    arrow.points = [Point(z=2.0), tip]
    arrow.pose.orientation.w = 1.0
    return MarkerArray(markers=[points, arrow])
