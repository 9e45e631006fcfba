"""Ground and sky for other compiled modules."""

from libc.stdint cimport int32_t, uint8_t, uint32_t

cdef extern from "_backdrop_types.h" nogil:
    ctypedef struct Level:
        int32_t start, columns, rows, grass, grass_mask, phase_x, phase_y, period
        int32_t light_start, light_pitch, light_width, light_height

    ctypedef struct Ground:
        const uint32_t *texels
        const int32_t *table
        const uint8_t *detail
        const uint8_t *light
        const uint8_t *cover
        Level level[7]
        int32_t light_level
        double texel_m, x_m, y_m

    ctypedef struct Shading:
        float white[3]
        float yellow[3]
        float shade[3]
        float sun[3]
        float mist[3]
        float per_haze_m
        float reflected[3]
        float wet, sharpen

    ctypedef struct Sky:
        const uint32_t *texels
        int32_t start[4]
        int32_t width[4]
        int32_t height[4]

    ctypedef struct Camera:
        int32_t width, height
        double focal, x, y, z
        double r[9]

    ctypedef struct Mask:
        const uint32_t *names
        int stride, from_row "from", first, last


cdef void place(Camera *camera, int width, int height, double focal, tuple location,
                const double[:, ::1] rotation)


cdef class Backdrop:
    cdef Ground ground
    cdef Sky sky
    cdef Shading shading
    cdef object arrays, light

    cdef void draw(self, const Camera *camera, int first, int last, const Mask *mask,
                   uint32_t *out) noexcept nogil
