"""What scripted drivers see and do, compiled; see `carla_lite.traffic.drivers`."""

from libc.math cimport M_PI, atan, atan2, cos, fabs, fmax, fmin, sin, sqrt

from carla_lite.world._body cimport PROP, VEHICLE, WALKER, Body, rows_of

cdef double MAX_ACCELERATION = 2.5
cdef double COMFORT_BRAKE = 2.0
cdef double HARD_BRAKE = 7.0
cdef double CURVE_BRAKE = 1.5
cdef double TIME_GAP = 1.0
cdef double GAP = 2.0
cdef double LINE_GAP = 0.3
cdef double SIDE_MARGIN = 0.3
cdef double WALKER_MARGIN = 0.7
cdef double FORESIGHT_STEP = 0.75
cdef double STEERING_LAG = 0.18
cdef double NOTHING = 1e9

cdef struct Corridor:
    # What a vehicle is about to sweep: the path from `first` to `last`, so far to each side.
    const double* path
    Py_ssize_t first, last
    double half_width


cdef struct Sight:
    double gap, speed
    Py_ssize_t row


cdef inline double wrap(double angle) noexcept nogil:
    while angle > M_PI:
        angle -= 2.0 * M_PI
    while angle < -M_PI:
        angle += 2.0 * M_PI
    return angle


cdef inline double follow(
    double speed, double wanted, double gap, double leader, double still
) noexcept nogil:
    """Acceleration of the intelligent driver model."""
    cdef double ratio = speed / fmax(wanted, 0.1)
    cdef double closing = speed * (speed - leader) / (2.0 * sqrt(MAX_ACCELERATION * COMFORT_BRAKE))
    cdef double press = (still + fmax(0.0, speed * TIME_GAP + closing)) / fmax(gap, 0.05)
    return MAX_ACCELERATION * (1.0 - ratio * ratio * ratio * ratio - press * press)


cdef double locate(const double* path, Py_ssize_t points, double before, double x, double y,
                   double* error) noexcept nogil:
    """Distance along a path of the nearest point some metres around the last one."""
    cdef Py_ssize_t k, best = 0
    cdef Py_ssize_t first = <Py_ssize_t>fmax(0.0, before - 2.0)
    cdef Py_ssize_t last = <Py_ssize_t>fmin(points - 2.0, before + 8.0)
    cdef double dx, dy, ux, uy, distance, along, least = NOTHING
    for k in range(first, last + 1):
        dx, dy = x - path[3 * k], y - path[3 * k + 1]
        distance = dx * dx + dy * dy
        if distance < least:
            least, best = distance, k
    k = best
    ux, uy = path[3 * k + 3] - path[3 * k], path[3 * k + 4] - path[3 * k + 1]
    along = (x - path[3 * k]) * ux + (y - path[3 * k + 1]) * uy
    if along < 0.0 and k > 0:
        k -= 1
        ux, uy = path[3 * k + 3] - path[3 * k], path[3 * k + 4] - path[3 * k + 1]
        along = (x - path[3 * k]) * ux + (y - path[3 * k + 1]) * uy
    error[0] = ux * (y - path[3 * k + 1]) - uy * (x - path[3 * k])
    return k + fmin(fmax(along, 0.0), 1.0)


cdef double steer(const Body* body, const double* path, Py_ssize_t points, double here,
                  double error) noexcept nogil:
    """The angle of the front wheels: the path's curvature a moment ahead, and the way back to it."""
    cdef double speed = fabs(body.speed)
    cdef double ahead = fmin(here + 0.5 + speed * STEERING_LAG, points - 3.0)
    cdef Py_ssize_t k = <Py_ssize_t>fmax(ahead - 1.0, 0.0)
    cdef double ax = path[3 * k + 3] - path[3 * k], ay = path[3 * k + 4] - path[3 * k + 1]
    cdef double bx = path[3 * k + 6] - path[3 * k + 3], by = path[3 * k + 7] - path[3 * k + 4]
    cdef double curvature = atan2(ax * by - ay * bx, ax * bx + ay * by)
    k = <Py_ssize_t>here
    cdef double heading = atan2(
        path[3 * k + 4] - path[3 * k + 1], path[3 * k + 3] - path[3 * k]
    ) + curvature * (here - k - 0.5)
    return (
        atan(body.wheelbase * curvature)
        - wrap(body.yaw - heading)
        - atan(1.2 * error / (1.5 + speed))
    )


cdef void look_at(const Body* other, double x, double y, double margin, double speed_share,
                  const Corridor* corridor, double front, Py_ssize_t row, double here,
                  Sight* sight) noexcept nogil:
    """Takes note of a body at (x, y) that stands in the corridor, nearer than what is there."""
    cdef const double* path = corridor.path
    cdef double reach = other.half[0] + other.half[1] + corridor.half_width + margin + 1.0
    cdef double dx, dy, ux, uy, distance, along, side, turn_cos, turn_sin, spread, depth, gap
    cdef double c, s, least = NOTHING
    cdef Py_ssize_t k, best = corridor.first
    for k in range(corridor.first, corridor.last + 1):
        dx, dy = x - path[3 * k], y - path[3 * k + 1]
        distance = dx * dx + dy * dy
        if distance < least:
            least, best = distance, k
    if least > reach * reach:
        return
    k = best
    ux, uy = path[3 * k + 3] - path[3 * k], path[3 * k + 4] - path[3 * k + 1]
    dx, dy = x - path[3 * k], y - path[3 * k + 1]
    along, side = dx * ux + dy * uy, fabs(ux * dy - uy * dx)
    c, s = cos(other.yaw), sin(other.yaw)
    turn_cos, turn_sin = fabs(c * ux + s * uy), fabs(s * ux - c * uy)
    spread = other.half[0] * turn_sin + other.half[1] * turn_cos
    depth = other.half[0] * turn_cos + other.half[1] * turn_sin
    gap = k + along - here
    if side > spread + corridor.half_width + margin or gap < 0.0:
        return
    gap -= depth + front
    if gap < sight.gap:
        sight.gap, sight.row = gap, row
        sight.speed = speed_share * (
            (other.speed * c - other.slip * s) * ux + (other.speed * s + other.slip * c) * uy
        )


cdef void press(Body* body, double a) noexcept nogil:
    """The pedals that give an acceleration."""
    cdef double needed = a + body.rolling + body.drag * body.speed * body.speed
    cdef double push = body.push * fmax(1.0 - body.speed / body.top_speed, 0.05)
    body.throttle = body.brake = 0.0
    if body.speed < 0.3 and a < 0.05:
        body.brake = 1.0  # hold it
    elif needed > 0.0:
        body.throttle = fmin(needed / push, 1.0)
    else:
        body.brake = fmin(-needed / body.brake_rate, 1.0)


def decide(
    unsigned char[::1] rows,
    int count,
    const int[::1] mine,
    const double[:, :, ::1] paths,
    double[::1] progress,
    const double[::1] stop_at,
    const double[::1] foresight,
    double[:, ::1] sights,
):
    """Steers, drives and brakes every scripted vehicle along its path; see the wrapper."""
    cdef Body* bodies = rows_of(rows)
    cdef Body* me
    cdef Body* other
    cdef const double* path
    cdef Py_ssize_t points = paths.shape[1], i, k
    cdef int j
    cdef double here, error, wanted, allowed, limit, horizon, near, dx, dy, a, speed, x, y, c, s
    cdef double ahead
    cdef Corridor corridor
    cdef Sight sight
    with nogil:
        for i in range(mine.shape[0]):
            me, path = &bodies[mine[i]], &paths[i, 0, 0]
            speed = me.speed
            here = locate(path, points, progress[i], me.x, me.y, &error)
            progress[i] = here
            me.steer = fmin(fmax(steer(me, path, points, here, error) / me.max_angle, -1.0), 1.0)

            # The speed that the limit and the curves ahead allow.
            horizon = speed * speed / (2.0 * COMFORT_BRAKE) + 2.0 * fmax(speed, 0.0) + 12.0
            corridor.path, corridor.half_width = path, me.half[1]
            corridor.first = <Py_ssize_t>here
            corridor.last = <Py_ssize_t>fmin(points - 2.0, here + horizon)
            wanted = path[3 * corridor.first + 2]
            allowed = wanted
            for k in range(corridor.first + 1, corridor.last + 1):
                limit = path[3 * k + 2]
                if limit < allowed:
                    allowed = fmin(allowed, sqrt(limit * limit + 2.0 * CURVE_BRAKE * (k - here)))

            # The nearest body in the corridor.
            sight.gap, sight.speed, sight.row = NOTHING, 0.0, -1
            for j in range(count):
                other = &bodies[j]
                dx, dy = other.x - me.x, other.y - me.y
                near = horizon + me.half[0] + other.half[0] + other.half[1]
                if other == me or dx * dx + dy * dy > near * near or not other.collides:
                    continue
                c, s = cos(other.yaw), sin(other.yaw)
                x = other.x + c * other.centre[0] - s * other.centre[1]
                y = other.y + s * other.centre[0] + c * other.centre[1]
                if other.kind == WALKER:
                    # Who is about to step in counts as being there.
                    look_at(other, x, y, WALKER_MARGIN, 1.0, &corridor, me.half[0], j, here, &sight)
                    ahead = FORESIGHT_STEP
                    while other.speed > 0.0 and ahead <= foresight[j]:
                        look_at(other, x + ahead * other.speed * c, y + ahead * other.speed * s,
                                SIDE_MARGIN, 0.0, &corridor, me.half[0], j, here, &sight)
                        ahead += FORESIGHT_STEP
                else:
                    look_at(other, x, y, SIDE_MARGIN, 1.0, &corridor, me.half[0], j, here, &sight)
            sights[i, 0], sights[i, 1], sights[i, 2] = sight.gap, sight.row, error

            a = follow(speed, wanted, sight.gap, fmax(sight.speed, 0.0), GAP)
            a = fmin(a, follow(speed, wanted, stop_at[i] - here - me.half[0], 0.0, LINE_GAP))
            a = fmin(a, 2.0 * (allowed - speed))
            press(me, fmin(fmax(a, -HARD_BRAKE), MAX_ACCELERATION))
            me.hand_brake = me.reverse = 0
