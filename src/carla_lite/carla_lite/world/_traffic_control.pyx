"""What lights and signs do in every tick, compiled; see `carla_lite.world.traffic_control` and
`carla_lite.world.speed_limits`."""

from libc.math cimport cos, fmax, fmin, rint, sin
from libc.string cimport memcpy

from carla_lite.world._body cimport VEHICLE, Body, rows_of, within

cdef enum:
    GREEN = 2

cdef double FAR = 1e8


cdef double before_line(const double* stretch, int points, double half_width, double x, double y,
                        double c, double s) noexcept nogil:
    """How far a vehicle's front is before a stop line, or `FAR` when it is not in the stretch.

    The stretch is a polyline from the line backwards.
    """
    cdef double ux, uy, dx, dy, squared, t, side, least = half_width * half_width, result = FAR
    cdef int k
    cdef double way = 0.0
    for k in range(points - 1):
        ux, uy = stretch[2 * k + 2] - stretch[2 * k], stretch[2 * k + 3] - stretch[2 * k + 1]
        squared = ux * ux + uy * uy
        dx, dy = x - stretch[2 * k], y - stretch[2 * k + 1]
        t = (dx * ux + dy * uy) / squared
        if k == 0 and t < 0.0:
            return FAR  # the front is past the line
        if -0.5 <= t <= 1.5 and ux * c + uy * s < 0.0:
            side = (dx * uy - dy * ux) * (dx * uy - dy * ux) / squared
            if side < least:
                least, result = side, way + t
        way += 1.0
    return result if result <= points - 1.0 else FAR


def heed(
    unsigned char[::1] rows,
    int count,
    const double[:, :, ::1] stretches,
    const int[::1] points,
    const double[::1] half_widths,
    const double[:, ::1] middles,
    const int[::1] light_of,
    const unsigned int[::1] ids,
    const unsigned char[::1] states,
):
    """Writes `at_light`, `light_id` and `light_state` of every vehicle."""
    cdef Body* body = rows_of(rows)
    cdef int i, j, k
    cdef double x, y, c, s, dx, dy, near, way, least
    for i in range(count):
        if body.kind == VEHICLE:
            body.at_light, body.light_id, body.light_state = 0, 0, GREEN
            c, s = cos(body.yaw), sin(body.yaw)
            x = body.x + c * (body.centre[0] + body.half[0]) - s * body.centre[1]
            y = body.y + s * (body.centre[0] + body.half[0]) + c * body.centre[1]
            least = FAR
            for j in range(stretches.shape[0]):
                dx, dy, near = x - middles[j, 0], y - middles[j, 1], middles[j, 2]
                if dx * dx + dy * dy > near * near:
                    continue
                way = before_line(&stretches[j, 0, 0], points[j], half_widths[j], x, y, c, s)
                if way < least:
                    least = way
                    k = light_of[j]
                    body.at_light, body.light_id, body.light_state = 1, ids[k], states[k]
        body += 1


def limit_everywhere(unsigned char[::1] rows, int count, float kmh):
    """Writes the same `speed_limit` to every body."""
    cdef Body* body
    cdef int i
    if count:
        body = rows_of(rows)
        for i in range(count):
            body[i].speed_limit = kmh


def list_places(unsigned char[::1] rows, int count, double[:, ::1] points, double[::1] yaws):
    """Writes every body's x and y, and its yaw."""
    cdef Body* body
    cdef int i
    if count:
        body = rows_of(rows)
        for i in range(count):
            points[i, 0], points[i, 1] = within(body[i].x, FAR), within(body[i].y, FAR)
            yaws[i] = body[i].yaw


def limit(
    unsigned char[::1] rows,
    int count,
    const int[::1] lanes,
    const double[:, ::1] places,
    const unsigned char[::1] is_street,
    const int[::1] start,
    const double[::1] lengths,
    const double[::1] speeds,
):
    """Writes the `speed_limit` of every vehicle which is on a street.

    Args:
        rows, count: the bodies.
        lanes: int32 (count,), where each of them is, or -1.
        places: (count, 5), of which the second number is how far along that lane (m).
        is_street: uint8 (L,), whether a lane is in no junction.
        start, lengths, speeds: of the lane index.
    """
    cdef Body* body
    cdef int i, lane
    cdef double share
    if not count:
        return
    body = rows_of(rows)
    for i in range(count):
        lane = lanes[i]
        if body[i].kind != VEHICLE or lane < 0 or not is_street[lane]:
            continue
        share = fmin(fmax(places[i, 1] / lengths[lane], 0.0), 1.0)
        body[i].speed_limit = <float>(
            3.6 * speeds[start[lane] + <int>rint(share * (start[lane + 1] - start[lane] - 1))]
        )


def pass_time(double[::1] clocks, const double[::1] until, double duration, double rounding):
    """Lets the clocks of all groups of lights go on; returns whether any has to switch.

    Args:
        clocks: float64 (G,), since each began to show what it does (s), written.
        until: float64 (G,), when it switches; negative for one that stands still.
        duration: seconds.
        rounding: so early is in time, since sums of durations miss the exact second.
    """
    cdef Py_ssize_t i
    cdef bint is_due = False
    for i in range(clocks.shape[0]):
        if until[i] >= 0.0:
            clocks[i] += duration
            is_due = is_due or clocks[i] + rounding >= until[i]
    return is_due


def write_clocks(
    unsigned char[::1] records,
    Py_ssize_t width,
    Py_ssize_t offset,
    const int[::1] whose,
    const int[::1] group_of,
    const double[::1] clocks,
):
    """Writes the clock of each light's group into its record.

    Args:
        records: bytes; each record has `width` of them, and the clock `offset` bytes from its
            beginning, a float32.
        whose: int32 (N,), which record is each light's.
        group_of: int32 (N,), its group.
        clocks: float64 (G,), seconds.
    """
    cdef Py_ssize_t i
    cdef float seconds
    for i in range(whose.shape[0]):
        seconds = <float>clocks[group_of[i]]
        memcpy(&records[whose[i] * width + offset], &seconds, sizeof(float))
