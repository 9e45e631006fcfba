/* Painting the ground's raster: strokes into masks, masks into colours, colours into levels. */
#ifndef CARLA_LITE_PAINTING_H
#define CARLA_LITE_PAINTING_H

#include <math.h>
#include <stdlib.h>
#include <string.h>

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

/* The mean of max(0, t - x) for x spread evenly from a to b. */
INLINE float mean_excess(float t, float a, float b)
{
    if (t <= a) return 0.0f;
    return t >= b ? t - 0.5f * (a + b) : 0.5f * (t - a) * (t - a) / (b - a);
}

/* Adds the area of each pixel that lies to the right of an edge, as differences along the rows
 * (Levien, "Inside the fastest font renderer in the world", 2016). Pixel x spans x to x + 1. */
static void add_edge(float *area, int rows, int columns, float x0, float y0, float x1, float y1)
{
    const float right = (float)columns, sign = y0 < y1 ? 1.0f : -1.0f;
    const float top_y = fminf(y0, y1), low_y = fmaxf(y0, y1);
    if (top_y == low_y) return;
    const float slope = (x1 - x0) / (y1 - y0);
    const int first = (int)fminf((float)rows, fmaxf(0.0f, floorf(top_y)));
    const int last = (int)fminf((float)rows, fmaxf(0.0f, ceilf(low_y)));
    for (int y = first; y < last; y++) {
        float *row = area + (size_t)y * (columns + 2);
        const float top = fmaxf(top_y, (float)y), low = fminf(low_y, (float)(y + 1));
        const float from = fminf(right, fmaxf(0.0f, x0 + (top - y0) * slope));
        const float to = fminf(right, fmaxf(0.0f, x0 + (low - y0) * slope));
        const float a = fminf(from, to), b = fmaxf(from, to), height = sign * (low - top);
        float excess = 0.0f, before = 0.0f;
        for (int x = (int)a; x <= (int)ceilf(b); x++) {
            const float next = mean_excess((float)(x + 1), a, b), cover = next - excess;
            row[x] += height * (cover - before);
            excess = next;
            before = cover;
        }
    }
}

/* Moves a mask towards a value by the cover of a polygon, whose corners are whole at texel centres.
 * `area` has room for rows * (columns + 2) and is left zero. */
static void fill_polygon(uint8_t *mask, int rows, int columns, const float *points, int count,
                         float value, float *area)
{
    float top = INFINITY, low = -INFINITY, left = INFINITY, right = -INFINITY;
    for (int i = 0; i < count; i++) {
        const float *p = points + 2 * i, *q = points + 2 * ((i + 1) % count);
        add_edge(area, rows, columns, p[0] + 0.5f, p[1] + 0.5f, q[0] + 0.5f, q[1] + 0.5f);
        left = fminf(left, p[0]);
        right = fmaxf(right, p[0]);
        top = fminf(top, p[1]);
        low = fmaxf(low, p[1]);
    }
    const int y0 = (int)fminf((float)rows, fmaxf(0.0f, floorf(top)));
    const int y1 = (int)fminf((float)rows, fmaxf(0.0f, ceilf(low) + 2.0f));
    const int x0 = (int)fminf((float)columns, fmaxf(0.0f, floorf(left)));
    const int x1 = (int)fminf((float)columns, fmaxf(0.0f, ceilf(right) + 2.0f));
    for (int y = y0; y < y1; y++) {
        float *row = area + (size_t)y * (columns + 2), sum = 0.0f;
        uint8_t *to = mask + (size_t)y * columns;
        for (int x = x0; x < x1; x++) {
            sum += row[x];
            const float cover = fminf(1.0f, fabsf(sum));
            if (cover > 1e-3f) to[x] = (uint8_t)(to[x] + (value - to[x]) * cover + 0.5f);
        }
        memset(row + x0, 0, sizeof(float) * (size_t)(x1 - x0 + 2));
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
