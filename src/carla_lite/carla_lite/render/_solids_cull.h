/* Which solids a camera may see, the near ones first. */
#ifndef CARLA_LITE_SOLIDS_CULL_H
#define CARLA_LITE_SOLIDS_CULL_H

#include "_solids_trace.h"

enum { BUCKETS = 160 };

/* Spheres around solids, a whole number of vectors of them: rows x, y, z, radius. */
static void bound_solids(const Solid *solids, int count, int padded, float *bounds) {
    for (int i = 0; i < padded; i++) {
        if (i >= count) {
            bounds[i] = bounds[padded + i] = bounds[2 * padded + i] = 0.0f;
            bounds[3 * padded + i] = -1e30f;
            continue;
        }
        const float *c = solids[i].centre, *h = solids[i].half;
        float size = fabsf(c[0]) + fabsf(c[1]) + fabsf(c[2]);
        for (int k = 0; k < 3; k++) bounds[k * padded + i] = c[k];
        bounds[3 * padded + i] =
            sqrtf(h[0] * h[0] + h[1] * h[1] + h[2] * h[2]) * 1.0001f + 1e-6f * size + 1e-3f;
    }
}

/* Appends the indices of spheres that reach into the picture, and how near they are. */
INLINE int cull(const Frame *f, const float *bounds, int padded, uint32_t first, uint32_t *found,
                uint8_t *bucket) {
    const float *x = bounds, *y = x + padded, *z = y + padded, *radius = z + padded;
    float eye[3], axis[3][3], side[2], slant[2];
    float slack = (float)(2e-7 * (fabs(f->eye[0]) + fabs(f->eye[1]) + fabs(f->eye[2])));
    for (int k = 0; k < 3; k++) {
        eye[k] = (float)f->eye[k];
        for (int j = 0; j < 3; j++) axis[k][j] = (float)f->axis[k][j];
    }
    for (int k = 0; k < 2; k++) {
        double half = 0.5 * (k ? f->height : f->width) / f->focal, size = sqrt(1.0 + half * half);
        side[k] = (float)(1.0 / size), slant[k] = (float)(half / size);
    }
    int count = 0;
    for (int i = 0; i < padded; i += LANES) {
        Floats dx = load(x + i) - eye[0], dy = load(y + i) - eye[1], dz = load(z + i) - eye[2];
        Floats r = load(radius + i) * 1.00001f + slack;
        Floats ahead = axis[0][0] * dx + axis[0][1] * dy + axis[0][2] * dz;
        Floats right = axis[1][0] * dx + axis[1][1] * dy + axis[1][2] * dz;
        Floats down = axis[2][0] * dx + axis[2][1] * dy + axis[2][2] * dz;
        Ints in = (ahead > -r) & (magnitude(right) * side[0] - ahead * slant[0] < r) &
                  (magnitude(down) * side[1] - ahead * slant[1] < r);
        if (!any(in)) continue;
        /* Eight buckets to each doubling of the distance of the nearest point. */
        Floats nearest = 1.0f + least(most(ahead - r, floats(0.0f)), floats(1e5f));
        Ints bits = ((Ints)nearest >> 20) - (0x3f800000 >> 20);
        for (int j = 0; j < LANES; j++)
            if (in[j]) found[count] = first + i + j, bucket[count++] = (uint8_t)bits[j];
    }
    return count;
}

/* Sorts by bucket, keeping the order within one. */
static void sort_buckets(const uint32_t *in, const uint8_t *bucket, int count, uint32_t *out) {
    int start[BUCKETS + 1] = {0};
    for (int i = 0; i < count; i++) start[bucket[i] + 1]++;
    for (int b = 0; b < BUCKETS; b++) start[b + 1] += start[b];
    for (int i = 0; i < count; i++) out[start[bucket[i]]++] = in[i];
}

/* A list of solids and their bounds. */
typedef struct {
    const Solid *solids;
    const float *bounds;
    int count, padded;
} SolidList;

/* Traces all solids into a cleared frame. `scratch` holds 3 numbers for each bound. */
CLONED
void trace_frame(Frame *f, SolidList fixed, SolidList moving, uint32_t *scratch) {
    int total = fixed.padded + moving.padded;
    uint32_t *order = scratch + total;
    uint8_t *bucket = (uint8_t *)(order + total);
    clear_frame(f);
    int count = cull(f, fixed.bounds, fixed.padded, 0, scratch, bucket);
    count += cull(f, moving.bounds, moving.padded, fixed.padded, scratch + count, bucket + count);
    sort_buckets(scratch, bucket, count, order);
    for (int i = 0; i < count; i++) {
        int k = (int)order[i] - fixed.padded;
        draw_solid(f, k < 0 ? &fixed.solids[order[i]] : &moving.solids[k], k >= 0);
    }
}

#endif
