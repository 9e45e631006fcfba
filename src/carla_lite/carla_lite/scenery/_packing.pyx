"""Which of many footprints stay clear of each other, compiled; see `carla_lite.scenery.ground_plan`."""

from libc.math cimport fabs

cdef enum:
    X, Y, ALONG, ACROSS, COS, SIN


cdef inline bint overlap(const double* a, const double* b, double gap) noexcept nogil:
    """Separating axes of two rectangles, the first one widened by `gap` on all sides."""
    cdef double dx = b[X] - a[X], dy = b[Y] - a[Y]
    cdef double along = a[ALONG] + gap, across = a[ACROSS] + gap
    cdef double reach = along + across + b[ALONG] + b[ACROSS]
    if fabs(dx) > reach or fabs(dy) > reach:
        return False
    cdef double c = fabs(a[COS] * b[COS] + a[SIN] * b[SIN])
    cdef double s = fabs(a[COS] * b[SIN] - a[SIN] * b[COS])
    return (
        fabs(dx * a[COS] + dy * a[SIN]) <= along + b[ALONG] * c + b[ACROSS] * s
        and fabs(dy * a[COS] - dx * a[SIN]) <= across + b[ALONG] * s + b[ACROSS] * c
        and fabs(dx * b[COS] + dy * b[SIN]) <= b[ALONG] + along * c + across * s
        and fabs(dy * b[COS] - dx * b[SIN]) <= b[ACROSS] + along * s + across * c
    )


def accept(
    double[:, ::1] plan, Py_ssize_t taken, const double[:, ::1] candidates, double gap,
    unsigned char[::1] accepted,
):
    """Adds candidates in order to `plan`, of which `taken` rows are in use, where they fit.

    Returns the number of rows in use afterwards; stops when the plan is full.
    """
    cdef Py_ssize_t i, j
    with nogil:
        for i in range(candidates.shape[0]):
            if taken == plan.shape[0]:
                break
            for j in range(taken):
                if overlap(&candidates[i, 0], &plan[j, 0], gap):
                    break
            else:
                plan[taken, :] = candidates[i, :]
                taken += 1
                accepted[i] = 1
    return taken
