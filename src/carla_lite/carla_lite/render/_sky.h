/*
 * The sky: a panorama on the faces of an octahedron, which needs no angles to look up.
 *
 * Along a direction (x, y, z) the column is y / (|x| + |y|), mirrored behind, and the row
 * z / (|x| + |y| + z). What is stored is no colour but up (how far the blue has deepened), the noise
 * of the clouds, the cover of distant trees and how much haze is before them: the weather colours it.
 */
#ifndef CARLA_LITE_SKY_H
#define CARLA_LITE_SKY_H

#include "_ground.h"

enum { SKY_LEVELS = 4 };

typedef struct {
    const uint32_t *texels;
    int32_t start[SKY_LEVELS], width[SKY_LEVELS], height[SKY_LEVELS]; /* pitch: width + 1 */
} Sky;

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

CLONED static void sample_sky(const Rays *rays, const uint32_t *texels, int32_t width,
                              int32_t height, int count, Scratch *s)
{
    const float columns = (float)width * 64.0f, rows = (float)(height - 1) * 256.0f;
    const int32_t lowest = ((height - 1) << SHIFT) - 1, pitch = width + 1;
    for (int i = 0; i < count; i++) {
        float k = (float)i;
        float x = rays->x + k * rays->x_step, y = rays->y + k * rays->y_step;
        float z = -(rays->n + k * rays->n_step);
        z = z < 0.0f ? 0.0f : z;
        float flat = (x < 0.0f ? -x : x) + (y < 0.0f ? -y : y) + 1e-12f;
        float a = y / flat, q = z / (flat + z);
        a = x < 0.0f ? 2.0f - a : a;
        int32_t column = (int32_t)((a + 1.0f) * columns), row = (int32_t)((1.0f - q) * rows);
        row = row < lowest ? row : lowest;
        uint32_t at = (uint32_t)((row >> SHIFT) * pitch + ((column >> SHIFT) & (width - 1)));
        uint32_t even = 0, odd = 0;
        blend(texels, at, (uint32_t)pitch, column, row, &even, &odd);
        s->even[i] = even;
        s->odd[i] = odd;
        s->gx[i] = x;
        s->gy[i] = y;
        s->distance[i] = z;
        s->steep[i] = q;
    }
}

CLONED static void shade_sky(const Weather *w, int count, const Scratch *s, uint32_t *out)
{
    for (int i = 0; i < count; i++) {
        float up = (float)(int32_t)(s->even[i] & 0xFFFF) * (1.0f / 255.0f);
        float trees = (float)(int32_t)(s->even[i] >> 16) * (1.0f / 255.0f);
        float noise = ((float)(int32_t)(s->odd[i] & 0xFFFF) - 128.0f) * (1.0f / 40.0f);
        float haze = (float)(int32_t)(s->odd[i] >> 16) * (1.0f / 255.0f);
        float x = s->gx[i], y = s->gy[i], z = s->distance[i], q = s->steep[i];
        float cloud = within(0.45f * (noise + w->cloudiness), 0.0f, 0.95f);
        cloud *= within(8.0f * q, 0.0f, 1.0f);
        float glow = (x * w->sun[0] + y * w->sun[1] + z * w->sun[2]) / sqrtf(x * x + y * y + z * z);
        glow = glow > 0.0f ? glow : 0.0f;
        glow *= glow;
        glow *= glow;
        glow *= glow; /* to the 8th */
        float near = glow * glow;
        near *= near;
        near *= near; /* to the 64th */
        float disc = near * near;
        disc *= disc;
        disc *= disc;
        disc *= disc;
        disc *= disc; /* to the 2048th */
        glow = (0.06f * glow + 0.3f * near + 0.64f * disc) * (1.0f - 0.9f * cloud);
        float dim = 1.0f - 0.02f * (noise > 0.0f ? noise : 0.0f);
        float fog = 1.0f - fade(w->fog / (q + 0.01f));
        uint32_t pixel = 0xFF000000u;
        for (int c = 0; c < 3; c++) {
            float v = w->horizon[c] + (w->zenith[c] - w->horizon[c]) * up;
            v += (w->cloud[c] * dim - v) * cloud;
            v += w->glow[c] * glow;
            v += (w->trees[c] + (w->horizon[c] - w->trees[c]) * haze - v) * trees;
            v += (w->mist[c] - v) * fog;
            pixel |= (uint32_t)(int32_t)within(v, 0.0f, 255.0f) << (8 * c);
        }
        out[i] = pixel;
    }
}

static void draw_sky(const Sky *sky, const Weather *weather, int level, const Rays *rays, int count,
                     Scratch *s, uint32_t *out)
{
    sample_sky(rays, sky->texels + sky->start[level], sky->width[level], sky->height[level], count,
               s);
    shade_sky(weather, count, s, out);
}

#endif
