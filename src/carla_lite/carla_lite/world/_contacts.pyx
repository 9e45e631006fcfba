"""Which upright boxes overlap, and what that does to them, compiled.

Overlap is the separating-axis theorem in the plane (Gottschalk, Lin, Manocha 1996); what follows is
the impulse of two rigid bodies at the middle of their overlap, with restitution and Coulomb friction
(Baraff, "Physically Based Modeling", 1997). See `carla_lite.world.collisions`.
"""

from libc.math cimport cos, fabs, fmax, fmin, hypot, sin, sqrt

from carla_lite.world._body cimport MAX_SPEED, MAX_SPIN, WALKER, Body, rows_of, within

cdef double RESTITUTION = 0.1
cdef double BOUNCE_SPEED = 1.0
cdef double FRICTION = 0.3
cdef double FALL_SPEED = 1.0
cdef double THROW = 0.2
cdef double MAX_THROW = 4.0


cdef struct Box:
    double x, y, half_x, half_y, c, s, low, high


cdef struct Hit:
    double depth, nx, ny


cdef inline Box box_of(const Body* body) noexcept nogil:
    cdef Box box
    box.c, box.s = cos(body.yaw), sin(body.yaw)
    box.x = body.x + box.c * body.centre[0] - box.s * body.centre[1]
    box.y = body.y + box.s * body.centre[0] + box.c * body.centre[1]
    box.half_x, box.half_y = body.half[0], body.half[1]
    box.low = body.z + body.centre[2] - body.half[2]
    box.high = body.z + body.centre[2] + body.half[2]
    return box


cdef inline double reach(const Box* box, double ax, double ay) noexcept nogil:
    """Half the shadow which a box throws on the axis (ax, ay)."""
    return box.half_x * fabs(box.c * ax + box.s * ay) + box.half_y * fabs(box.c * ay - box.s * ax)


cdef Hit separate(const Box* first, const Box* second) noexcept nogil:
    """How far and which way to move `first` so that they no longer overlap; depth 0 if not."""
    cdef Hit hit
    cdef double dx = first.x - second.x, dy = first.y - second.y
    cdef double near = hypot(first.half_x, first.half_y) + hypot(second.half_x, second.half_y)
    cdef double ax, ay, gap, overlap
    cdef int which
    hit.depth = hit.nx = hit.ny = 0.0
    if dx * dx + dy * dy > near * near or first.low >= second.high or second.low >= first.high:
        return hit
    hit.depth = 1e300
    for which in range(4):
        ax = first.c if which < 2 else second.c
        ay = first.s if which < 2 else second.s
        if which % 2:
            ax, ay = -ay, ax
        gap = dx * ax + dy * ay
        overlap = reach(first, ax, ay) + reach(second, ax, ay) - fabs(gap)
        if overlap <= 0.0:
            hit.depth = 0.0
            return hit
        if overlap < hit.depth:
            hit.depth = overlap
            hit.nx = ax if gap >= 0.0 else -ax
            hit.ny = ay if gap >= 0.0 else -ay
    return hit


cdef int clip(double* xs, double* ys, int count, double ax, double ay, double limit) noexcept nogil:
    """Cuts a convex polygon at ax x + ay y <= limit, in place (Sutherland and Hodgman, 1974)."""
    cdef double out_x[16]
    cdef double out_y[16]
    cdef int kept = 0, i, j
    cdef double here, there, share
    for i in range(count):
        j = (i + 1) % count
        here = ax * xs[i] + ay * ys[i] - limit
        there = ax * xs[j] + ay * ys[j] - limit
        if here <= 0.0:
            out_x[kept], out_y[kept] = xs[i], ys[i]
            kept += 1
        if (here < 0.0 < there) or (there < 0.0 < here):
            share = here / (here - there)
            out_x[kept] = xs[i] + (xs[j] - xs[i]) * share
            out_y[kept] = ys[i] + (ys[j] - ys[i]) * share
            kept += 1
    for i in range(kept):
        xs[i], ys[i] = out_x[i], out_y[i]
    return kept


cdef void middle(const Box* first, const Box* second, double* x, double* y) noexcept nogil:
    """The mean corner of the overlap of two boxes."""
    cdef double xs[16]
    cdef double ys[16]
    cdef double dx = first.x - second.x, dy = first.y - second.y, cx, cy, along, across
    cdef int count = 4, i
    for i in range(4):
        along = first.half_x if i == 0 or i == 3 else -first.half_x
        across = first.half_y if i < 2 else -first.half_y
        cx = dx + first.c * along - first.s * across
        cy = dy + first.s * along + first.c * across
        xs[i], ys[i] = second.c * cx + second.s * cy, second.c * cy - second.s * cx
    count = clip(xs, ys, count, 1.0, 0.0, second.half_x)
    count = clip(xs, ys, count, -1.0, 0.0, second.half_x)
    count = clip(xs, ys, count, 0.0, 1.0, second.half_y)
    count = clip(xs, ys, count, 0.0, -1.0, second.half_y)
    cx = cy = 0.0
    for i in range(count):
        cx += xs[i] / count
        cy += ys[i] / count
    x[0] = second.x + second.c * cx - second.s * cy
    y[0] = second.y + second.s * cx + second.c * cy


cdef struct Side:
    # One side of a contact: inverse mass and inertia, arm to the contact, velocity there.
    double give, spin_give, arm_x, arm_y, vx, vy


cdef Side side_of(const Body* body, const Box* box, double x, double y) noexcept nogil:
    cdef Side side
    cdef double rate = body.yaw_rate + body.spin
    side.give = 1.0 / body.mass if body.physics else 0.0
    side.spin_give = 1.0 / body.inertia if body.physics else 0.0
    side.arm_x, side.arm_y = x - box.x, y - box.y
    side.vx = body.speed * box.c - body.slip * box.s - rate * side.arm_y
    side.vy = body.speed * box.s + body.slip * box.c + rate * side.arm_x
    return side


cdef inline double ease(const Side* side, double ax, double ay) noexcept nogil:
    """How much velocity a unit impulse along (ax, ay) gives the contact point."""
    cdef double lever = side.arm_x * ay - side.arm_y * ax
    return side.give + lever * lever * side.spin_give


cdef void push(
    Body* body, const Box* box, const Side* side, double jx, double jy, double sign
) noexcept nogil:
    cdef double vx = sign * jx * side.give, vy = sign * jy * side.give
    cdef double turn = sign * (side.arm_x * jy - side.arm_y * jx) * side.spin_give
    body.speed = within(body.speed + vx * box.c + vy * box.s, MAX_SPEED)
    body.slip = within(body.slip + vy * box.c - vx * box.s, MAX_SPEED)
    body.spin = within(body.spin + turn, MAX_SPIN)


cdef void tumble(Body* body, double closing) noexcept nogil:
    """A walker who is hit falls, unless it is invincible."""
    if body.kind == WALKER and body.physics and not body.invincible and closing > FALL_SPEED:
        body.fallen = 1
        body.climb = fmax(body.climb, fmin(THROW * closing, MAX_THROW))


cdef void bounce(
    Body* first, Body* second, const Box* one, const Box* other, const Hit* hit, double* impulse
) noexcept nogil:
    """Parts two overlapping bodies; `second` may be null for what stands fast."""
    cdef Side a, b
    cdef double x = 0.0, y = 0.0, closing, j, tx, ty, slide, jt, total, bounciness
    middle(one, other, &x, &y)
    a = side_of(first, one, x, y)
    b.give = b.spin_give = b.vx = b.vy = b.arm_x = b.arm_y = 0.0
    if second != NULL:
        b = side_of(second, other, x, y)
    closing = (b.vx - a.vx) * hit.nx + (b.vy - a.vy) * hit.ny
    impulse[0] = impulse[1] = 0.0
    if closing > 0.0:
        bounciness = RESTITUTION if closing > BOUNCE_SPEED else 0.0
        j = (1.0 + bounciness) * closing / (ease(&a, hit.nx, hit.ny) + ease(&b, hit.nx, hit.ny))
        tx, ty = -hit.ny, hit.nx
        slide = (b.vx - a.vx) * tx + (b.vy - a.vy) * ty
        jt = slide / (ease(&a, tx, ty) + ease(&b, tx, ty))
        jt = fmin(fmax(jt, -FRICTION * j), FRICTION * j)
        impulse[0], impulse[1] = j * hit.nx + jt * tx, j * hit.ny + jt * ty
        push(first, one, &a, impulse[0], impulse[1], 1.0)
        tumble(first, closing)
        if second != NULL:
            push(second, other, &b, impulse[0], impulse[1], -1.0)
            tumble(second, closing)
    total = a.give + b.give
    first.x += hit.nx * hit.depth * a.give / total
    first.y += hit.ny * hit.depth * a.give / total
    if second != NULL:
        second.x -= hit.nx * hit.depth * b.give / total
        second.y -= hit.ny * hit.depth * b.give / total


def separation(const double[::1] first, const double[::1] second):
    """See `carla_lite.world.collisions.separation`."""
    cdef Box a, b
    cdef Hit hit
    a.x, a.y, a.half_x, a.half_y = first[0], first[1], first[2], first[3]
    b.x, b.y, b.half_x, b.half_y = second[0], second[1], second[2], second[3]
    a.c, a.s, b.c, b.s = cos(first[4]), sin(first[4]), cos(second[4]), sin(second[4])
    a.low = b.low = 0.0
    a.high = b.high = 1.0
    hit = separate(&a, &b)
    return hit.depth, hit.nx, hit.ny


def occupied(unsigned char[::1] row, unsigned char[::1] rows, int count):
    """Whether the body of `row` overlaps any of `rows`, now or once it stands on the road."""
    cdef Body* body = rows_of(rows)
    cdef Box box = box_of(rows_of(row)), other
    cdef int i
    if rows_of(row).physics:
        box.low = fmin(box.low, 0.0)
    for i in range(count):
        if body[i].collides:
            other = box_of(&body[i])
            if separate(&box, &other).depth > 0.0:
                return True
    return False


def resolve_pairs(unsigned char[::1] rows, int count, int[::1] order, double[::1] low):
    """Parts all overlapping pairs of which at least one can move.

    Args:
        rows, count: the bodies.
        order, low: room for `count` numbers each; `order` holds a permutation of the bodies, best
            the one that this left there the last time.

    Returns:
        A list of (first, second, impulse x, impulse y), by index; the impulse acts on the first.
    """
    cdef Body* body = rows_of(rows)
    cdef Body* a
    cdef Body* b
    cdef Box one, other
    cdef Hit hit
    cdef double impulse[2]
    cdef double radius, high
    cdef int i, j, k, first, second
    cdef list pairs = []
    for i in range(count):
        low[i] = body[i].x - hypot(body[i].centre[0], body[i].centre[1])
        low[i] -= hypot(body[i].half[0], body[i].half[1])
    # Sweep and prune (Baraff 1992): insertion sort, since hardly anyone has overtaken anyone.
    for i in range(1, count):
        k = order[i]
        j = i - 1
        while j >= 0 and (
            low[order[j]] > low[k] or (low[order[j]] == low[k] and order[j] > k)
        ):
            order[j + 1] = order[j]
            j -= 1
        order[j + 1] = k
    for i in range(count):
        a = &body[order[i]]
        if not a.collides:
            continue
        high = 2.0 * a.x - low[order[i]]
        for j in range(i + 1, count):
            b = &body[order[j]]
            if low[order[j]] > high:
                break
            radius = (a.x - low[order[i]]) + (b.x - low[order[j]])
            if (
                fabs(a.y - b.y) > radius
                or not b.collides
                or not (a.physics or b.physics)
                or a.parent == b.id
                or b.parent == a.id
            ):
                continue
            one, other = box_of(a), box_of(b)
            if separate(&one, &other).depth > 0.0:
                pairs.append((min(order[i], order[j]), max(order[i], order[j])))
    pairs.sort()
    found = []
    for first, second in pairs:
        a, b = &body[first], &body[second]
        one, other = box_of(a), box_of(b)
        hit = separate(&one, &other)
        if hit.depth > 0.0:
            bounce(a, b, &one, &other, &hit, impulse)
            found.append((first, second, impulse[0], impulse[1]))
    return found


cdef class Grid:
    """Boxes which stand fast, by square cells of the ground."""

    cdef const double[:, ::1] boxes
    cdef const int[::1] starts
    cdef const int[::1] items
    cdef double west, north, size
    cdef int columns, lines

    def __init__(self, boxes, starts, items, double west, double north, double size, int columns):
        """Takes boxes as (x, y, half length, half width, cosine, sine, low, high), and for each
        cell, row by row, the stretch of `items` that it holds."""
        self.boxes, self.starts, self.items = boxes, starts, items
        self.west, self.north, self.size = west, north, size
        self.columns = columns
        self.lines = (starts.shape[0] - 1) // columns

    cdef inline int cell(self, double place, int last) noexcept:
        return <int>fmin(fmax(place / self.size, 0.0), <double>last)

    def resolve(self, unsigned char[::1] rows, int count):
        """Pushes bodies out of the boxes; returns (body, box, impulse x, impulse y) for each."""
        cdef Body* body = rows_of(rows)
        cdef Box one, wall
        cdef Hit hit
        cdef double impulse[2]
        cdef double reach_x, reach_y, east = self.west + self.columns * self.size
        cdef double south = self.north + self.lines * self.size
        cdef int i, column, line, k, item, base
        found = []
        for i in range(count):
            if not (body[i].physics and body[i].collides):
                continue
            one = box_of(&body[i])
            reach_x = reach(&one, 1.0, 0.0)
            reach_y = reach(&one, 0.0, 1.0)
            if (
                one.x + reach_x < self.west
                or one.x - reach_x > east
                or one.y + reach_y < self.north
                or one.y - reach_y > south
            ):
                continue
            for line in range(
                self.cell(one.y - reach_y - self.north, self.lines - 1),
                self.cell(one.y + reach_y - self.north, self.lines - 1) + 1,
            ):
                for column in range(
                    self.cell(one.x - reach_x - self.west, self.columns - 1),
                    self.cell(one.x + reach_x - self.west, self.columns - 1) + 1,
                ):
                    base = line * self.columns + column
                    for k in range(self.starts[base], self.starts[base + 1]):
                        item = self.items[k]
                        wall.x, wall.y = self.boxes[item, 0], self.boxes[item, 1]
                        wall.half_x, wall.half_y = self.boxes[item, 2], self.boxes[item, 3]
                        wall.c, wall.s = self.boxes[item, 4], self.boxes[item, 5]
                        wall.low, wall.high = self.boxes[item, 6], self.boxes[item, 7]
                        hit = separate(&one, &wall)
                        if hit.depth > 0.0:
                            bounce(&body[i], NULL, &one, &wall, &hit, impulse)
                            found.append((i, item, impulse[0], impulse[1]))
                            one = box_of(&body[i])
        return found
