"""Pictures of ground and sky, compiled; see `carla_lite.render.scene` and `camera`."""

from libc.stdint cimport int32_t, uint8_t, uint32_t
from libc.string cimport memset

cdef extern from "_picture.h" nogil:
    ctypedef struct Weather:
        float zenith[3]
        float horizon[3]
        float cloud[3]
        float trees[3]
        float mist[3]
        float glow[3]
        float sun[3]
        float cloudiness, fog

    void draw_backdrop(const Ground *, const Shading *, const Sky *, const Camera *, int, int,
                       const Mask *, uint32_t *)
    void colour_sky(const Weather *, const uint32_t *, uint32_t *, int, int)
    void tag_places(const Ground *, const double *, const double *, size_t, uint8_t *)
    void draw_labels(const Ground *, const Camera *, uint8_t *)
    void to_grey(const uint32_t *, size_t, uint8_t *)

cdef extern from "_rain.h" nogil:
    void draw_rain(uint32_t *, int, int, float, const float *, double)


cdef void place(Camera *camera, int width, int height, double focal, tuple location,
                const double[:, ::1] rotation):
    cdef int i
    camera.width, camera.height, camera.focal = width, height, focal
    camera.x, camera.y, camera.z = location
    for i in range(9):
        camera.r[i] = rotation[i // 3, i % 3]


cdef class Backdrop:
    """Ground and sky as C reads them; holds on to the arrays. `Scene` checks what it is given."""

    def __init__(
        self,
        const uint32_t[::1] texels,
        const int32_t[::1] table,
        const uint8_t[::1] cover,
        const int32_t[:, ::1] levels,
        const uint8_t[::1] detail,
        double texel_m,
        tuple origin_m,
        const uint32_t[::1] sky,
        const int32_t[:, ::1] sky_levels,
    ):
        """Takes rows of `Level` (7, 12) and of start, width and height of the panoramas (4, 3)."""
        cdef int32_t *row
        cdef int i, k
        memset(&self.shading, 0, sizeof(Shading))
        self.arrays = (texels, table, cover, detail, sky)
        self.ground.texels, self.ground.detail = &texels[0], &detail[0]
        self.ground.table = &table[0]
        self.ground.cover, self.ground.light = &cover[0], NULL
        self.ground.texel_m = texel_m
        self.ground.x_m, self.ground.y_m = origin_m
        self.ground.light_level = 7
        for i in range(7):
            row = <int32_t *> &self.ground.level[i]
            for k in range(12):
                row[k] = levels[i, k]
        self.sky.texels = &sky[0]
        for i in range(4):
            self.sky.start[i] = sky_levels[i, 0]
            self.sky.width[i] = sky_levels[i, 1]
            self.sky.height[i] = sky_levels[i, 2]

    def set_light(self, const uint8_t[::1] light, int light_level):
        """Takes the baked light, from this level of the ground up."""
        self.light = light
        self.ground.light, self.ground.light_level = &light[0], light_level

    def set_shading(self, const float[::1] shading):
        """Takes the floats of `Shading`, in their order."""
        cdef float *values = <float *> &self.shading
        cdef int i
        for i in range(<int> (sizeof(Shading) // sizeof(float))):
            values[i] = shading[i]

    cdef void draw(self, const Camera *camera, int first, int last, const Mask *mask,
                   uint32_t *out) noexcept nogil:
        """Draws rows of a picture where the mask, if not NULL, shows nothing else; z above 0."""
        draw_backdrop(&self.ground, &self.shading, &self.sky, camera, first, last, mask, out)

    def label(self, uint8_t[:, ::1] out, double focal, tuple location,
              const double[:, ::1] rotation):
        """Writes what the ground is; location and rotation as in `View`, z above 0."""
        cdef Camera camera
        place(&camera, out.shape[1], out.shape[0], focal, location, rotation)
        with nogil:
            draw_labels(&self.ground, &camera, &out[0, 0])

    def tags(self, const double[::1] x, const double[::1] y, uint8_t[::1] out):
        """Writes what the ground is at N places in the world, in metres."""
        if out.shape[0]:
            with nogil:
                tag_places(&self.ground, &x[0], &y[0], out.shape[0], &out[0])


def grey(const uint32_t[:, ::1] pixels, uint8_t[:, ::1] out):
    """Writes the luma of BGRA pixels."""
    with nogil:
        to_grey(&pixels[0, 0], pixels.shape[0] * pixels.shape[1], &out[0, 0])


def colour(const uint32_t[:, ::1] parts, const float[::1] weather, uint32_t[:, ::1] out):
    """Colours a panorama (H, W) into out (H, W + 1), all but the last column.

    `weather` holds the floats of `Weather`, in their order; W is a multiple of four.
    """
    cdef Weather values
    cdef int i
    for i in range(<int> (sizeof(Weather) // sizeof(float))):
        (<float *> &values)[i] = weather[i]
    with nogil:
        colour_sky(&values, &parts[0, 0], &out[0, 0], <int> parts.shape[1], <int> parts.shape[0])


def rain(uint32_t[:, ::1] pixels, float amount, tuple colour, double time_s):
    """Draws streaks; amount from 0 to 1, a colour of blue, green and red, any finite time."""
    cdef float values[3]
    values[0], values[1], values[2] = colour
    with nogil:
        draw_rain(&pixels[0, 0], <int> pixels.shape[1], <int> pixels.shape[0], amount, values,
                  time_s)
