"""Rays against solids and the ground, compiled; see `carla_lite.render.raycast`."""

from libc.stdint cimport int32_t, uint8_t, uint32_t


cdef extern from "_raycast.h" nogil:
    ctypedef struct Solid:
        pass

    ctypedef struct Grid:
        double origin[2]
        double cell, top
        int columns, rows
        const int32_t *starts
        const int32_t *members

    ctypedef struct Targets:
        const Solid *solids
        int padded
        const float *bounds
        float *spheres

    ctypedef struct Hits:
        float *distance
        uint8_t *tag
        uint32_t *id
        float *cosine

    void cast_all(
        const Grid *grid,
        const Targets *fixed,
        const Targets *moving,
        const double *origin,
        const double *directions,
        int count,
        double range,
        const Hits *out,
    )


cdef Targets targets(const uint8_t[::1] solids, const float[:, ::1] bounds, float[:, ::1] spheres):
    cdef Targets found
    found.solids = <const Solid *>&solids[0] if solids.shape[0] else NULL
    found.padded = <int>bounds.shape[1]
    found.bounds, found.spheres = &bounds[0, 0], &spheres[0, 0]
    return found


def cast(
    static,
    const uint8_t[::1] fixed,
    const float[:, ::1] fixed_bounds,
    const uint8_t[::1] moving,
    const float[:, ::1] moving_bounds,
    float[:, ::1] fixed_spheres,
    float[:, ::1] moving_spheres,
    const double[::1] origin,
    const double[:, ::1] directions,
    double max_range_m,
    float[::1] distance,
    uint8_t[::1] tag,
    uint32_t[::1] ids,
    float[::1] cosine,
):
    """Casts rays; `static` is a `StaticSolids`, the spheres are scratch as large as the bounds."""
    if not directions.shape[0]:
        return
    cdef const int32_t[::1] starts = static.starts, members = static.members
    cdef Grid grid
    grid.origin[0], grid.origin[1] = static.origin_m
    grid.cell, grid.top = static.cell_m, static.top_m
    grid.columns, grid.rows = static.shape
    grid.starts = &starts[0]
    grid.members = &members[0] if members.shape[0] else NULL
    cdef Targets staying = targets(fixed, fixed_bounds, fixed_spheres)
    cdef Targets going = targets(moving, moving_bounds, moving_spheres)
    cdef Hits out = Hits(&distance[0], &tag[0], &ids[0], &cosine[0])
    cdef int count = <int>directions.shape[0]
    with nogil:
        cast_all(
            &grid, &staying, &going, &origin[0], &directions[0, 0], count, max_range_m, &out
        )
