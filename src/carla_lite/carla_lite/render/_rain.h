/* Streaks of rain over a whole picture, near drops longer and faster than far ones. */
#ifndef CARLA_LITE_RAIN_H
#define CARLA_LITE_RAIN_H

#include <math.h>

#include "_target.h"

enum { PIXELS_PER_STREAK = 700 };

/* A number from 0 to 1 for every pair of whole numbers (Wang's hash, 2007). */
static float scatter(uint32_t a, uint32_t b)
{
    uint32_t x = a * 0x9E3779B9u ^ b * 0x85EBCA6Bu;
    x = (x ^ 61) ^ (x >> 16);
    x *= 9;
    x ^= x >> 4;
    x *= 0x27D4EB2Du;
    x ^= x >> 15;
    return (float)(x >> 8) * (1.0f / 16777216.0f);
}

static uint32_t veil(uint32_t pixel, const float *colour, float share)
{
    uint32_t out = 0xFF000000u;
    for (int c = 0; c < 3; c++) {
        float old = (float)(pixel >> (8 * c) & 255);
        out |= (uint32_t)(int)(old + (colour[c] - old) * share) << (8 * c);
    }
    return out;
}

static void draw_rain(uint32_t *pixels, int width, int height, float amount, const float *colour,
                      double time_s)
{
    const int streaks = (int)(amount * (float)width * (float)height / PIXELS_PER_STREAK);
    for (int i = 0; i < streaks; i++) {
        const float near = scatter((uint32_t)i, 1);
        const int length = (int)((0.02f + 0.06f * near * near) * (float)height) + 1;
        const double falls = time_s * (1.5 + 2.0 * near) + scatter((uint32_t)i, 2);
        const uint32_t drop = (uint32_t)(int64_t)fmod(floor(falls), 4294967296.0);
        const float share = 0.10f + 0.14f * near, lean = 0.15f * (scatter((uint32_t)i, 3) - 0.3f);
        const int top = (int)((falls - floor(falls)) * (height + length)) - length;
        const float left = scatter((uint32_t)i, drop + 4) * (float)width;
        for (int k = 0; k < length; k++) {
            const int v = top + k, u = (int)(left + lean * (float)k);
            if (v < 0 || v >= height || u < 0 || u >= width) continue;
            pixels[(size_t)v * width + u] = veil(pixels[(size_t)v * width + u], colour, share);
        }
    }
}

#endif
