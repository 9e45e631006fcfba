"""Solids in pictures, compiled; see `carla_lite.render.solids_raster` and `solids_static`."""

from libc.stdint cimport int32_t, uint8_t, uint32_t


cdef extern from "_solids_picture.h" nogil:
    ctypedef struct Solid:
        float centre[3]
        float half[3]
        float heading[2]
        uint8_t material, shape
        uint32_t id

    ctypedef struct Face:
        pass

    ctypedef struct Frame:
        int width, height, stride
        double focal
        double eye[3]
        double axis[3][3]
        float *nearness
        uint32_t *seen
        Face *faces
        uint32_t count

    ctypedef struct SolidList:
        const Solid *solids
        const float *bounds
        int count, padded

    ctypedef struct Light:
        pass

    int SCRATCH
    int first_bad(const Solid *solids, int count)
    void bound_solids(const Solid *solids, int count, int padded, float *bounds)
    void trace_frame(Frame *frame, SolidList fixed, SolidList moving, uint32_t *scratch)
    void paint_frame(
        const Frame *frame,
        const Light *light,
        const Solid *moving,
        int count,
        uint32_t *pixels,
        int32_t *scratch,
    )
    void copy_depth(const Frame *frame, float *depth)
    void copy_labels(const Frame *frame, uint8_t *tags, uint32_t *ids)


FACE_BYTES = sizeof(Face)
SCRATCH_WORDS = SCRATCH
LIGHT_FLOATS = sizeof(Light) // sizeof(float)


cdef const Solid *address(const uint8_t[::1] solids) noexcept:
    return <const Solid *>&solids[0] if solids.shape[0] else NULL


cdef int count_of(const uint8_t[::1] solids) noexcept:
    return <int>(solids.shape[0] // <Py_ssize_t>sizeof(Solid))


def first_invalid(const uint8_t[::1] solids):
    """Index of the first solid that is not fit to be drawn, or -1."""
    return first_bad(address(solids), count_of(solids))


def fill_bounds(const uint8_t[::1] solids, float[:, ::1] bounds):
    """Writes the bounds of solids, see `StaticSolids.bounds`; the rest of the columns is empty."""
    bound_solids(address(solids), count_of(solids), <int>bounds.shape[1], &bounds[0, 0])


cdef class Tracer:
    """Traces solids into buffers that the caller keeps alive and large enough."""

    cdef Frame frame
    cdef SolidList fixed, moving
    cdef uint32_t *scratch
    cdef object owners

    def __init__(
        self, int width, int height, float[:, ::1] nearness, uint32_t[:, ::1] seen
    ):
        self.frame.width, self.frame.height = width, height
        self.frame.stride = <int>nearness.shape[1]
        self.frame.nearness, self.frame.seen = &nearness[0, 0], &seen[0, 0]
        self.owners = [nearness, seen]

    def reserve(
        self,
        const uint8_t[::1] fixed,
        const float[:, ::1] fixed_bounds,
        float[:, ::1] moving_bounds,
        uint8_t[::1] faces,
        uint32_t[::1] scratch,
    ):
        """Sets the solids that stay, and room for all faces and orders."""
        self.fixed = SolidList(
            address(fixed), &fixed_bounds[0, 0], count_of(fixed), <int>fixed_bounds.shape[1]
        )
        self.moving.bounds, self.moving.padded = &moving_bounds[0, 0], <int>moving_bounds.shape[1]
        self.frame.faces, self.scratch = <Face *>&faces[0], &scratch[0]
        self.owners = [*self.owners[:2], fixed, fixed_bounds, moving_bounds, faces, scratch]

    cdef void trace(
        self, double focal, location, const double[:, ::1] rotation, const uint8_t[::1] moving
    ):
        cdef Frame *frame = &self.frame
        cdef int k
        frame.focal = focal
        frame.eye[0], frame.eye[1], frame.eye[2] = location
        for k in range(3):
            frame.axis[0][k] = rotation[k, 0]
            frame.axis[1][k] = rotation[k, 1]
            frame.axis[2][k] = -rotation[k, 2]
        self.moving.solids, self.moving.count = address(moving), count_of(moving)
        with nogil:
            bound_solids(
                self.moving.solids,
                self.moving.count,
                self.moving.padded,
                <float *>self.moving.bounds,
            )
            trace_frame(frame, self.fixed, self.moving, self.scratch)

    def paint(
        self,
        double focal,
        location,
        const double[:, ::1] rotation,
        const uint8_t[::1] moving,
        const float[::1] light,
        uint32_t[:, ::1] pixels,
    ):
        """Draws shadows and solids over a picture."""
        self.trace(focal, location, rotation, moving)
        cdef const Light *lit = <const Light *>&light[0]
        cdef uint32_t *out = &pixels[0, 0]
        with nogil:
            paint_frame(
                &self.frame,
                lit,
                self.moving.solids,
                self.moving.count,
                out,
                <int32_t *>self.scratch,
            )

    def measure(
        self,
        double focal,
        location,
        const double[:, ::1] rotation,
        const uint8_t[::1] moving,
        float[:, ::1] depth,
    ):
        """Writes the depth of all that is seen, the ground included."""
        self.trace(focal, location, rotation, moving)
        cdef float *out = &depth[0, 0]
        with nogil:
            copy_depth(&self.frame, out)

    def label(
        self,
        double focal,
        location,
        const double[:, ::1] rotation,
        const uint8_t[::1] moving,
        uint8_t[:, ::1] tags,
        uint32_t[:, ::1] ids,
    ):
        """Writes tags and ids where solids are seen, and leaves the other pixels alone."""
        self.trace(focal, location, rotation, moving)
        cdef uint8_t *out = &tags[0, 0]
        cdef uint32_t *names = &ids[0, 0]
        with nogil:
            copy_labels(&self.frame, out, names)
