"""Which upright boxes overlap, by the separating-axis theorem in the plane, and what follows."""

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from carla_lite.world.actors import Actor, Vehicle
from carla_lite.world.geometry import Vector3


@njit(cache=True)
def _reach(box: NDArray[np.float64], ax: float, ay: float) -> float:
    """Half the shadow which a box throws on the axis (ax, ay)."""
    cos, sin = math.cos(box[4]), math.sin(box[4])
    return box[2] * abs(cos * ax + sin * ay) + box[3] * abs(cos * ay - sin * ax)


@njit(cache=True)
def separation(
    first: NDArray[np.float64], second: NDArray[np.float64]
) -> tuple[float, float, float]:
    """How far and which way to move `first` so that two boxes no longer overlap.

    Args:
        first, second: float64 (5,): centre x, y (m), half length, half width (m), yaw (rad).

    Returns:
        depth (m), normal x, normal y: the unit normal points from second to first; a depth of 0
        means that they do not overlap.
    """
    dx, dy = first[0] - second[0], first[1] - second[1]
    near = math.hypot(first[2], first[3]) + math.hypot(second[2], second[3])
    if dx * dx + dy * dy > near * near:
        return 0.0, 0.0, 0.0
    depth, normal_x, normal_y = np.inf, 0.0, 0.0
    for which in range(4):
        yaw = (first[4] if which < 2 else second[4]) + (which % 2) * 0.5 * math.pi
        ax, ay = math.cos(yaw), math.sin(yaw)
        gap = dx * ax + dy * ay
        overlap = _reach(first, ax, ay) + _reach(second, ax, ay) - abs(gap)
        if overlap <= 0.0:
            return 0.0, 0.0, 0.0
        if overlap < depth:
            sign = 1.0 if gap >= 0.0 else -1.0
            depth, normal_x, normal_y = overlap, sign * ax, sign * ay
    return depth, normal_x, normal_y


@njit(cache=True)
def overlapping_pairs(
    boxes: NDArray[np.float64], movable: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Every overlapping pair of which at least one can move, in a fixed order.

    Args:
        boxes: float64 (K, 5), rows as `separation` takes them.
        movable: bool (K,).

    Returns:
        float64 (P, 5): index of the first and of the second box, depth (m), normal x, normal y.
    """
    pairs = []
    for i in range(len(boxes)):
        for j in range(i + 1, len(boxes)):
            if movable[i] or movable[j]:
                depth, normal_x, normal_y = separation(boxes[i], boxes[j])
                if depth > 0.0:
                    pairs.append((float(i), float(j), depth, normal_x, normal_y))
    found = np.empty((len(pairs), 5))
    for row in range(len(pairs)):
        for column in range(5):
            found[row, column] = pairs[row][column]
    return found


class Collision(NamedTuple):
    """What one of the two sides of a contact feels; the other side has its own.

    Attributes:
        actor_id: who feels it.
        other_id: whom it touched.
        impulse: N s on the actor, world frame.
    """

    actor_id: int
    other_id: int
    impulse: Vector3


def resolve(bodies: list[Actor]) -> list[Collision]:
    """Parts the bodies which overlap and takes the speed at which they closed on each other.

    Props are immovable. Two vehicles share the way out equally and leave with the common normal
    velocity of an inelastic impact.

    Args:
        bodies: everything that can be bumped into.

    Returns:
        Two entries per contact, one for each side, in a fixed order.
    """
    if len(bodies) < 2:
        return []
    boxes = np.array([body.footprint() for body in bodies])
    movable = np.array([isinstance(body, Vehicle) and body.simulate_physics for body in bodies])
    collisions: list[Collision] = []
    for i, j, depth, normal_x, normal_y in overlapping_pairs(boxes, movable).tolist():
        first, second = bodies[int(i)], bodies[int(j)]
        if first.parent_id == second.id or second.parent_id == first.id:
            continue
        impulse = _part(first, second, depth, normal_x, normal_y)
        push = Vector3(impulse * normal_x, impulse * normal_y, 0.0)
        back = Vector3(-push.x, -push.y, 0.0)
        collisions.append(Collision(first.id, second.id, push))
        collisions.append(Collision(second.id, first.id, back))
    return collisions


def _inverse_mass(body: Actor) -> float:
    if isinstance(body, Vehicle) and body.simulate_physics:
        return 1.0 / body.physics.mass_kg
    return 0.0


def _part(first: Actor, second: Actor, depth: float, normal_x: float, normal_y: float) -> float:
    """Moves a pair apart along the normal and returns the size of the impulse in N s."""
    give_first, give_second = _inverse_mass(first), _inverse_mass(second)
    velocity_first, velocity_second = first.velocity, second.velocity
    closing = (velocity_second.x - velocity_first.x) * normal_x + (
        velocity_second.y - velocity_first.y
    ) * normal_y
    impulse = max(0.0, closing) / (give_first + give_second)
    share = 0.5 if give_first and give_second else 1.0
    for body, velocity, give, sign in (
        (first, velocity_first, give_first, 1.0),
        (second, velocity_second, give_second, -1.0),
    ):
        if isinstance(body, Vehicle) and give:
            way, change = sign * share * depth, sign * impulse * give
            body.push(
                way * normal_x,
                way * normal_y,
                Vector3(velocity.x + change * normal_x, velocity.y + change * normal_y, 0.0),
            )
    return impulse


def is_occupied(body: Actor, others: list[Actor]) -> bool:
    """Whether a body's box overlaps any of the others'."""
    box = np.array(body.footprint())
    return any(separation(box, np.array(other.footprint()))[0] > 0.0 for other in others)
