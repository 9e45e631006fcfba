"""Strokes, colours and levels of the ground's raster, compiled; see `painting` and `ground`."""

from libc.stdint cimport uint8_t, uint32_t

cdef extern from "_painting.h" nogil:
    void stroke_segment(uint8_t *, int, int, const float *)
    void fill_polygon(uint8_t *, int, int, const float *, int, float, float *)
    void colour_band(uint32_t *, uint8_t *, const uint8_t *, int, int, const uint32_t *, int,
                     const uint8_t *, const uint8_t *, int, const uint32_t *, float, int, int)
    void halve_texels(const uint32_t *, int, uint32_t *, int, int, int, int, uint32_t, uint32_t)


def stroke(uint8_t[:, ::1] mask, const float[:, ::1] segments):
    """Draws segments, rows of (x0, y0, x1, y1, half, ramp, value) in texels."""
    cdef Py_ssize_t i
    with nogil:
        for i in range(segments.shape[0]):
            stroke_segment(&mask[0, 0], <int> mask.shape[0], <int> mask.shape[1], &segments[i, 0])


def fill(uint8_t[:, ::1] mask, const float[:, ::1] outline, float value, float[:, ::1] area):
    """Fills a polygon (N, 2), in texels; `area` (H, W + 2) is zero before and after."""
    with nogil:
        fill_polygon(&mask[0, 0], <int> mask.shape[0], <int> mask.shape[1], &outline[0, 0],
                     <int> outline.shape[0], value, &area[0, 0])


def colour(
    uint32_t[:, ::1] out,
    uint8_t[:, ::1] cover,
    const uint8_t[:, :, ::1] masks,
    const uint32_t[:, ::1] grass,
    const uint8_t[:, ::1] grain,
    const uint8_t[:, ::1] wear,
    const uint32_t[::1] colours,
    float paint_wear,
    int phase_x,
    int phase_y,
):
    """Fills a band of the finest level, and its cover, from masks (5, H, W) of the same size."""
    with nogil:
        colour_band(&out[0, 0], &cover[0, 0], &masks[0, 0, 0], <int> out.shape[0],
                    <int> out.shape[1], &grass[0, 0], <int> grass.shape[1], &grain[0, 0],
                    &wear[0, 0], <int> grain.shape[0], &colours[0], paint_wear, phase_x, phase_y)


def halve(const uint32_t[:, :] fine, uint32_t[:, :] coarse, bint has_paint, uint32_t white,
          uint32_t yellow):
    """Averages 2 x 2 texels of rows that are contiguous; coarse has half the rows and columns."""
    with nogil:
        halve_texels(&fine[0, 0], <int> (fine.strides[0] // 4), &coarse[0, 0],
                     <int> coarse.shape[0], <int> coarse.shape[1],
                     <int> (coarse.strides[0] // 4), has_paint, white, yellow)
