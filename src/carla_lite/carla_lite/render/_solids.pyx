"""Solids in pictures, compiled; see `carla_lite.render.solids_raster` and `solids_static`."""

from libc.stdint cimport int32_t, uint8_t, uint32_t

from carla_lite.render._picture cimport Backdrop, Camera, Mask, place


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
        int from_row "from"
        int to
        float *nearness
        uint32_t *seen
        Face *faces
        int first, last

    ctypedef struct SolidList:
        const Solid *solids
        const float *bounds
        int count, padded

    ctypedef struct Light:
        pass

    int SCRATCH
    int first_bad(const Solid *solids, int count)
    void bound_solids(const Solid *solids, int count, int padded, float *bounds)
    ctypedef struct Cast:
        pass

    Cast find_cast(const Frame *frame, SolidList fixed, SolidList moving, uint32_t *scratch)
    void trace_band(Frame *frame, const Cast *cast, int first, int last)
    void paint_band(
        const Frame *frame,
        const Light *light,
        int begin,
        const Solid *moving,
        int count,
        uint32_t *pixels,
        int32_t *list,
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
    """Traces solids, band by band, into buffers that the caller keeps alive and large enough."""

    cdef Frame frame
    cdef SolidList fixed, moving
    cdef uint32_t *scratch
    cdef int32_t *changes
    cdef int band
    cdef object owners

    def __init__(
        self,
        int width,
        int height,
        float[:, ::1] nearness,
        uint32_t[:, ::1] seen,
        int32_t[::1] changes,
    ):
        """A band has as many rows as `nearness` and `seen`, at least two."""
        self.frame.width, self.frame.height = width, height
        self.frame.stride, self.band = <int>nearness.shape[1], <int>nearness.shape[0]
        self.frame.nearness, self.frame.seen = &nearness[0, 0], &seen[0, 0]
        self.changes = &changes[0]
        self.owners = [nearness, seen, changes]

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
        self.owners = [*self.owners[:3], fixed, fixed_bounds, moving_bounds, faces, scratch]

    cdef void look(
        self, double focal, location, const double[:, ::1] rotation, const uint8_t[::1] moving
    ):
        """Sets the camera and what moves."""
        cdef Frame *frame = &self.frame
        cdef int k
        frame.focal = focal
        frame.eye[0], frame.eye[1], frame.eye[2] = location
        for k in range(3):
            frame.axis[0][k] = rotation[k, 0]
            frame.axis[1][k] = rotation[k, 1]
            frame.axis[2][k] = -rotation[k, 2]
        self.moving.solids, self.moving.count = address(moving), count_of(moving)

    cdef Cast find(self) noexcept nogil:
        """Finds what the camera may see."""
        bound_solids(
            self.moving.solids,
            self.moving.count,
            self.moving.padded,
            <float *>self.moving.bounds,
        )
        return find_cast(&self.frame, self.fixed, self.moving, self.scratch)

    def paint(
        self,
        double focal,
        location,
        const double[:, ::1] rotation,
        const uint8_t[::1] moving,
        const float[::1] light,
        Backdrop backdrop,
        uint32_t[:, ::1] pixels,
    ):
        """Draws the backdrop, unless it is None, and shadows and solids over it."""
        self.look(focal, location, rotation, moving)
        cdef Frame *frame = &self.frame
        cdef const Light *lit = <const Light *>&light[0]
        cdef uint32_t *out = &pixels[0, 0]
        cdef Camera camera
        cdef Mask mask
        cdef Cast cast
        cdef int begin = 0, end
        place(&camera, frame.width, frame.height, focal, location, rotation)
        with nogil:
            cast = self.find()
            while begin < frame.height:
                # A band repeats the last row of the one above, whose edges meet its own.
                end = min(max(begin - 1, 0) + self.band, frame.height)
                trace_band(frame, &cast, max(begin - 1, 0), end)
                if backdrop is not None:
                    mask = Mask(
                        frame.seen, frame.stride, frame.from_row, frame.first, frame.last
                    )
                    backdrop.draw(&camera, begin, end, &mask, out)
                paint_band(
                    frame, lit, begin, self.moving.solids, self.moving.count, out, self.changes
                )
                begin = end

    def measure(
        self,
        double focal,
        location,
        const double[:, ::1] rotation,
        const uint8_t[::1] moving,
        float[:, ::1] depth,
    ):
        """Writes the depth of all that is seen, the ground included."""
        self.look(focal, location, rotation, moving)
        cdef float *out = &depth[0, 0]
        cdef Cast cast
        cdef int begin = 0, end
        with nogil:
            cast = self.find()
            while begin < self.frame.height:
                end = min(begin + self.band, self.frame.height)
                trace_band(&self.frame, &cast, begin, end)
                copy_depth(&self.frame, out)
                begin = end

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
        self.look(focal, location, rotation, moving)
        cdef uint8_t *out = &tags[0, 0]
        cdef uint32_t *names = &ids[0, 0]
        cdef Cast cast
        cdef int begin = 0, end
        with nogil:
            cast = self.find()
            while begin < self.frame.height:
                end = min(begin + self.band, self.frame.height)
                trace_band(&self.frame, &cast, begin, end)
                copy_labels(&self.frame, out, names)
                begin = end
