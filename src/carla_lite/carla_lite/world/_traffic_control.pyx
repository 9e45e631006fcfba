"""Which light each vehicle has to heed, compiled; see `carla_lite.world.traffic_control`."""

from libc.math cimport cos, sin

from carla_lite.world._body cimport VEHICLE, Body, rows_of

cdef enum:
    GREEN = 2

cdef double FAR = 1e9


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
