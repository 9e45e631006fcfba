/*
 * The sky: a panorama on the faces of an octahedron, which needs no angles to look up.
 *
 * Along a direction (x, y, z) the column is y / (|x| + |y|), mirrored behind, and the row
 * z / (|x| + |y| + z), counted from the horizon. What a map has are its parts: up (how far the
 * blue has deepened), the noise of the clouds, the cover of distant trees and the haze before them.
 * They are coloured when the weather changes.
 */
#ifndef CARLA_LITE_SKY_H
#define CARLA_LITE_SKY_H

#include "_ground.h"

typedef struct {
    float zenith[3], horizon[3], cloud[3], trees[3], mist[3], glow[3]; /* BGR */
    float sun[3];
    float cloudiness; /* added to the noise; above 0 where there is cloud */
    float fog;        /* height of the fog over its distance */
} Weather;

static int sky_level(double focal, int32_t width)
{
    double level = floor(log2(width / 6.283185307179586 / focal) + 0.5);
    return level < 0.0 ? 0 : level > SKY_LEVELS - 1 ? SKY_LEVELS - 1 : (int)level;
}

/* Where pixels look in a panorama; written from place `first` on. */
CLONED static void meet_sky(const Rays *restrict rays, int32_t width, int32_t height, int first,
                            int count, Scratch *restrict s)
{
    const float columns = (float)width * 64.0f, rows = (float)(height - 1) * 256.0f;
    const int32_t lowest = ((height - 1) << SHIFT) - 1, pitch = width + 1;
    int32_t *restrict to_x = s->x + first, *restrict to_y = s->y + first;
    uint32_t *restrict at = s->at + first;
    const int32_t from = rays->from;
    count = whole_vectors(count);
    for (int i = 0; i < count; i++) {
        float k = (float)(from + i);
        float x = rays->x + k * rays->x_step, y = rays->y + k * rays->y_step;
        float z = -(rays->n + k * rays->n_step);
        z = z > 0.0f ? z : 0.0f;
        float flat = fabsf(x) + fabsf(y) + 1e-12f;
        float a = y / flat, share = flat / (flat + z);
        a = x < 0.0f ? 2.0f - a : a;
        int32_t column = (int32_t)((a + 1.0f) * columns), row = (int32_t)(share * rows);
        row = row < lowest ? row : lowest;
        to_x[i] = column;
        to_y[i] = row;
        at[i] = (uint32_t)((row >> SHIFT) * pitch + ((column >> SHIFT) & (width - 1)));
    }
}

CLONED static void join(int count, const Scratch *restrict s, uint32_t *restrict out)
{
    count = whole_vectors(count);
    for (int i = 0; i < count; i++) out[i] = s->even[i] | s->odd[i] << 8 | 0xFF000000u;
}

/* Draws pixels that `meet_sky` has placed. */
static void draw_sky(const Sky *sky, int level, int count, Scratch *s, uint32_t *out)
{
    const uint32_t pitch = (uint32_t)sky->width[level] + 1;
    fetch_pairs(sky->texels + sky->start[level], pitch, s->at, count, s->top, s->low);
    clear(s, count);
    blend(count, s);
    join(count, s, out);
}

INLINE float sky_channel(const Weather *w, const int c, float up, float dim, float cloud,
                         float glow, float haze, float trees, float fog)
{
    float v = w->horizon[c] + (w->zenith[c] - w->horizon[c]) * up;
    v += (w->cloud[c] * dim - v) * cloud;
    v += w->glow[c] * glow;
    v += (w->trees[c] + (w->horizon[c] - w->trees[c]) * haze - v) * trees;
    v += (w->mist[c] - v) * fog;
    return v;
}

CLONED static void shade_sky(const Weather *weather, const uint32_t *restrict parts, float q,
                             float x0, float x_step, float y0, float y_step, int count,
                             uint32_t *restrict out)
{
    const Weather w = *weather;
    const float flat = 1.0f - q, z = q, fog = 1.0f - fade(w.fog / (q + 0.01f));
    for (int i = 0; i < count; i++) {
        uint32_t part = parts[i];
        float up = (float)(int32_t)(part & 255) * (1.0f / 255.0f);
        float trees = (float)(int32_t)(part >> 16 & 255) * (1.0f / 255.0f);
        float haze = (float)(int32_t)(part >> 24) * (1.0f / 255.0f);
        float noise = (float)((int32_t)(part >> 8 & 255) - 128) * (1.0f / 40.0f);
        float k = (float)i, x = (x0 + k * x_step) * flat, y = (y0 + k * y_step) * flat;
        float cloud = within(0.45f * (noise + w.cloudiness), 0.0f, 0.95f);
        cloud *= within(8.0f * q, 0.0f, 1.0f);
        float glow = (x * w.sun[0] + y * w.sun[1] + z * w.sun[2]) / sqrtf(x * x + y * y + z * z);
        float disc = within((glow - 0.9994f) * 3000.0f, 0.0f, 1.0f);
        glow = glow > 0.5f ? glow : 0.0f; /* no power of it gets so small that it is slow */
        glow *= glow;
        glow *= glow;
        glow *= glow; /* to the 8th */
        float near = glow * glow;
        near *= near;
        near *= near; /* to the 64th */
        glow = (0.06f * glow + 0.3f * near + 0.64f * disc) * (1.0f - 0.9f * cloud);
        float dim = 1.0f - 0.02f * (noise > 0.0f ? noise : 0.0f);
        float b = sky_channel(&w, 0, up, dim, cloud, glow, haze, trees, fog);
        float g = sky_channel(&w, 1, up, dim, cloud, glow, haze, trees, fog);
        float r = sky_channel(&w, 2, up, dim, cloud, glow, haze, trees, fog);
        out[i] = to_pixel(b, g, r);
    }
}

/* Colours a panorama, face by face: along each, x and y run straight. */
static void colour_sky(const Weather *weather, const uint32_t *parts, uint32_t *out, int width,
                       int height)
{
    const int side = width / 4;
    const float step = 1.0f / (float)side;
    for (int row = 0; row < height; row++) {
        const float q = 1.0f - (float)row / (float)(height - 1);
        const uint32_t *from = parts + (size_t)row * width;
        uint32_t *to = out + (size_t)row * (width + 1);
        shade_sky(weather, from, q, 0.0f, step, -1.0f, step, side, to);
        shade_sky(weather, from + side, q, 1.0f, -step, 0.0f, step, side, to + side);
        shade_sky(weather, from + 2 * side, q, 0.0f, -step, 1.0f, -step, side, to + 2 * side);
        shade_sky(weather, from + 3 * side, q, -1.0f, step, 0.0f, -step, side, to + 3 * side);
    }
}

#endif
