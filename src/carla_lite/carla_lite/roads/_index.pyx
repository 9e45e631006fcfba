"""Nearest segments of lane centre lines over a grid of buckets. Arguments are checked by `index`."""

from libc.math cimport INFINITY, cos, floor, sin, sqrt


cdef double TWO_PI = 6.283185307179586


cdef struct Foot:
    double cost
    double distance_squared
    double fraction
    Py_ssize_t segment


cdef inline void _consider(
    Foot* best, Py_ssize_t segment, double x, double y, double forward_x, double forward_y,
    double wrong_way_m, const double[:, ::1] points,
) noexcept nogil:
    cdef double ax = points[segment, 0], ay = points[segment, 1]
    cdef double dx = points[segment + 1, 0] - ax, dy = points[segment + 1, 1] - ay
    cdef double squared = dx * dx + dy * dy
    cdef double t = 0.0
    if squared > 0.0:
        t = ((x - ax) * dx + (y - ay) * dy) / squared
        t = 0.0 if t < 0.0 else 1.0 if t > 1.0 else t
    cdef double ex = x - ax - t * dx, ey = y - ay - t * dy
    cdef double away = ex * ex + ey * ey
    cdef double cost = away
    if wrong_way_m > 0.0 and squared > 0.0:
        cost = sqrt(away)
        cost += 0.5 * wrong_way_m * (1.0 - (dx * forward_x + dy * forward_y) / sqrt(squared))
        cost *= cost
    # Of two lanes as near the older row wins, so that the answer never depends on the order of
    # buckets.
    if cost < best.cost or (cost == best.cost and segment < best.segment):
        best.cost, best.distance_squared, best.fraction, best.segment = cost, away, t, segment


def nearest(
    const double[:, ::1] queries,
    const double[::1] yaws,
    double wrong_way_m,
    double reach_m,
    const double[:, ::1] points,
    const double[:, ::1] stations,
    const int[::1] lane_of_point,
    double origin_x,
    double origin_y,
    double cell_m,
    Py_ssize_t columns,
    const int[::1] cell_start,
    const int[::1] cell_items,
    int[::1] lanes,
    double[:, ::1] places,
):
    """Fills `lanes` (-1 for none within reach) and `places`: s, along, lateral, yaw, distance."""
    cdef Py_ssize_t rows = (cell_start.shape[0] - 1) // columns
    cdef Py_ssize_t i, ring, cx, cy, x, y, step, k, a
    cdef Py_ssize_t rings = <Py_ssize_t>(reach_m / cell_m) + 2
    cdef double px, py, fx = 0.0, fy = 0.0, inside, dx, dy, length, turn
    cdef Foot best
    with nogil:
        for i in range(queries.shape[0]):
            px, py = queries[i, 0], queries[i, 1]
            if wrong_way_m > 0.0:
                fx, fy = cos(yaws[i]), sin(yaws[i])
            cx = <Py_ssize_t>floor((px - origin_x) / cell_m)
            cy = <Py_ssize_t>floor((py - origin_y) / cell_m)
            # How far the point lies inside its own cell.
            inside = min(
                min(px - origin_x - cx * cell_m, origin_x + (cx + 1) * cell_m - px),
                min(py - origin_y - cy * cell_m, origin_y + (cy + 1) * cell_m - py),
            )
            best.cost, best.segment = INFINITY, -1
            best.distance_squared = best.fraction = 0.0
            for ring in range(rings):
                for y in range(max(cy - ring, 0), min(cy + ring, rows - 1) + 1):
                    step = 1 if y == cy - ring or y == cy + ring or ring == 0 else 2 * ring
                    x = cx - ring
                    while x <= cx + ring:
                        if 0 <= x < columns:
                            for k in range(cell_start[y * columns + x],
                                           cell_start[y * columns + x + 1]):
                                _consider(
                                    &best, cell_items[k], px, py, fx, fy, wrong_way_m, points
                                )
                        x += step
                # Everything in farther rings is farther away than this.
                length = ring * cell_m + inside
                if best.cost <= length * length or length > reach_m:
                    break
            if best.segment < 0 or best.distance_squared > reach_m * reach_m:
                lanes[i] = -1
                continue
            a = best.segment
            lanes[i] = lane_of_point[a]
            dx, dy = points[a + 1, 0] - points[a, 0], points[a + 1, 1] - points[a, 1]
            length = sqrt(dx * dx + dy * dy)
            turn = stations[a + 1, 2] - stations[a, 2]
            turn -= TWO_PI * floor(turn / TWO_PI + 0.5)
            places[i, 0] = stations[a, 0] + best.fraction * (stations[a + 1, 0] - stations[a, 0])
            places[i, 1] = stations[a, 1] + best.fraction * (stations[a + 1, 1] - stations[a, 1])
            places[i, 2] = 0.0
            if length > 0.0:
                places[i, 2] = (dx * (py - points[a, 1]) - dy * (px - points[a, 0])) / length
            places[i, 3] = stations[a, 2] + best.fraction * turn
            places[i, 4] = sqrt(best.distance_squared)


def poses_along(
    const int[::1] lanes,
    const double[::1] along_m,
    const double[:, ::1] points,
    const double[:, ::1] stations,
    const int[::1] lane_start,
    double[:, ::1] out,
):
    """Fills `out` with x, y, yaw at distances along lanes, held at their ends."""
    cdef Py_ssize_t i, low, high, middle
    cdef double t, span, turn
    with nogil:
        for i in range(lanes.shape[0]):
            low, high = lane_start[lanes[i]], lane_start[lanes[i] + 1] - 1
            while high - low > 1:
                middle = (low + high) // 2
                if stations[middle, 1] <= along_m[i]:
                    low = middle
                else:
                    high = middle
            span = stations[high, 1] - stations[low, 1]
            t = (along_m[i] - stations[low, 1]) / span if span > 0.0 else 0.0
            t = 0.0 if t < 0.0 else 1.0 if t > 1.0 else t
            turn = stations[high, 2] - stations[low, 2]
            turn -= TWO_PI * floor(turn / TWO_PI + 0.5)
            out[i, 0] = points[low, 0] + t * (points[high, 0] - points[low, 0])
            out[i, 1] = points[low, 1] + t * (points[high, 1] - points[low, 1])
            out[i, 2] = stations[low, 2] + t * turn
