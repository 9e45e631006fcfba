/* Painting the ground's raster: strokes into masks, masks into colours, colours into levels. */
#ifndef CARLA_LITE_PAINTING_H
#define CARLA_LITE_PAINTING_H

#include <math.h>
#include <stdlib.h>

#include "_target.h"

enum { PAIRS = 0x00FF00FF, NO_PAINT = 128, EDGE = 54 };

/* One segment of a polyline with smooth edges; what is already further from 128 stays. */
static void stroke_segment(uint8_t *mask, int rows, int columns, const float *segment)
{
    const float ax = segment[0], ay = segment[1], dx = segment[2] - ax, dy = segment[3] - ay;
    const float half = segment[4], ramp = segment[5], reach = half + 0.5f * ramp;
    const float strength = segment[6] - 128.0f, most = 2.0f * half < 1.0f ? 2.0f * half : 1.0f;
    const float squared = fmaxf(dx * dx + dy * dy, 1e-12f);
    const int x0 = (int)fmaxf(0.0f, floorf(fminf(ax, ax + dx) - reach));
    const int x1 = (int)fminf((float)(columns - 1), ceilf(fmaxf(ax, ax + dx) + reach));
    const int y0 = (int)fmaxf(0.0f, floorf(fminf(ay, ay + dy) - reach));
    const int y1 = (int)fminf((float)(rows - 1), ceilf(fmaxf(ay, ay + dy) + reach));
    for (int y = y0; y <= y1; y++) {
        uint8_t *row = mask + (size_t)y * columns;
        for (int x = x0; x <= x1; x++) {
            float px = (float)x - ax, py = (float)y - ay;
            float t = fminf(1.0f, fmaxf(0.0f, (px * dx + py * dy) / squared));
            float ex = px - t * dx, ey = py - t * dy;
            /* A line thinner than a texel never fills it. */
            float cover = (half - sqrtf(ex * ex + ey * ey)) / ramp + 0.5f;
            int step = (int)(fminf(most, fmaxf(0.0f, cover)) * strength);
            if (abs(step) > abs((int)row[x] - 128)) row[x] = (uint8_t)(128 + step);
        }
    }
}

INLINE uint32_t mix(uint32_t a, uint32_t b, uint32_t weight) /* of 256 */
{
    uint32_t even = (a & PAIRS) * (256 - weight) + (b & PAIRS) * weight;
    uint32_t odd = (a >> 8 & PAIRS) * (256 - weight) + (b >> 8 & PAIRS) * weight;
    return (even >> 8 & PAIRS) | (odd & ~(uint32_t)PAIRS);
}

INLINE uint32_t scale(uint32_t colour, uint32_t gain) /* of 128; saturates */
{
    uint32_t b = (colour & 255) * gain >> 7, g = (colour >> 8 & 255) * gain >> 7;
    uint32_t r = (colour >> 16 & 255) * gain >> 7;
    b = b < 255 ? b : 255;
    g = g < 255 ? g : 255;
    r = r < 255 ? r : 255;
    return b | g << 8 | r << 16 | (colour & 0xFF000000u);
}

INLINE uint32_t painted(uint32_t texel, uint32_t white, uint32_t yellow)
{
    int paint = (int)(texel >> 24) - NO_PAINT, cover = abs(paint);
    uint32_t weight = (uint32_t)((cover < 127 ? cover : 127) * 240 / 127);
    return (mix(texel, paint < 0 ? yellow : white, weight) & 0xFFFFFF) | (uint32_t)NO_PAINT << 24;
}

/* A band of the finest level from its masks: asphalt, sidewalk, lines, shade, paint. */
static void colour_band(uint32_t *out, uint8_t *cover, const uint8_t *masks, int rows, int columns,
                        const uint32_t *grass, int pitch, const uint8_t *grain,
                        const uint8_t *wear, int tile, const uint32_t *colours, float paint_wear,
                        int phase_x, int phase_y)
{
    const size_t size = (size_t)rows * columns;
    for (int y = 0; y < rows; y++) {
        const int ty = (y + phase_y) & (tile - 1);
        for (int x = 0; x < columns; x++) {
            const int tx = (x + phase_x) & (tile - 1);
            const size_t i = (size_t)y * columns + x;
            const uint32_t asphalt = masks[i], sidewalk = masks[size + i];
            const int line = (int)masks[2 * size + i] - 128, paint = (int)masks[4 * size + i] - 128;
            uint32_t colour = grass[ty * pitch + tx];
            const uint32_t paved = asphalt + sidewalk < 255 ? asphalt + sidewalk : 255;
            cover[i] = (uint8_t)((asphalt + 8) / 17 | (paved + 8) / 17 << 4);
            if (!(paved | line | paint)) {
                out[i] = colour;
                continue;
            }
            const uint32_t rough = grain[ty * tile + tx];
            if (sidewalk)
                colour = mix(colour, scale(colours[1], (rough + 128) >> 1), sidewalk + 1);
            if (asphalt) {
                uint32_t tar = scale(colours[0], rough * masks[3 * size + i] >> 7);
                colour = mix(colour, tar, asphalt + 1);
            }
            if (line > 0)
                colour = mix(colour, scale(colours[2], (rough + 128) >> 1), 2 * line);
            else if (line < 0)
                colour = scale(colour, 128 + line);
            int kept = paint;
            if (paint) {
                /* Paint fades where the noise is below the share that is worn. */
                float fade = (110.0f * paint_wear - (float)wear[ty * tile + tx]) / 60.0f;
                kept = (int)((float)paint * (1.0f - 0.2f * fminf(1.0f, fmaxf(0.0f, fade))));
            }
            out[i] = (colour & 0xFFFFFF) | (uint32_t)(kept + NO_PAINT) << 24;
        }
    }
}

/* Averages 2 x 2 texels, mixing in the paint of a finest level. */
CLONED static void halve_texels(const uint32_t *fine, int pitch, uint32_t *coarse, int rows,
                                int columns, int coarse_pitch, int has_paint, uint32_t white,
                                uint32_t yellow)
{
    for (int y = 0; y < rows; y++) {
        const uint32_t *top = fine + (size_t)(2 * y) * pitch, *low = top + pitch;
        uint32_t *out = coarse + (size_t)y * coarse_pitch;
        for (int x = 0; x < columns; x++) {
            uint32_t four[4] = {top[2 * x], top[2 * x + 1], low[2 * x], low[2 * x + 1]};
            uint32_t even = 0x00020002, odd = 0x00020002; /* rounds to nearest */
            for (int k = 0; k < 4; k++) {
                uint32_t texel = four[k];
                if (has_paint) texel = painted(texel, white, yellow);
                even += texel & PAIRS;
                odd += texel >> 8 & PAIRS;
            }
            out[x] = (even >> 2 & PAIRS) | (odd >> 2 & PAIRS) << 8;
        }
    }
}

#endif
