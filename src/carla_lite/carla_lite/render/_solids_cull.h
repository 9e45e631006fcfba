/* Which solids a camera may see, the near ones first. */
#ifndef CARLA_LITE_SOLIDS_CULL_H
#define CARLA_LITE_SOLIDS_CULL_H

#include "_solids_trace.h"

enum { BUCKETS = 160, SCRATCH = 6 };

/* Spheres and upright cylinders around solids, a whole number of vectors of them: rows x, y, z of the
 * middle, the sphere's radius, the cylinder's radius and half height. */
static void bound_solids(const Solid *solids, int count, int padded, float *bounds) {
    for (int i = 0; i < padded; i++) {
        if (i >= count) {
            for (int k = 0; k < 3; k++) bounds[k * padded + i] = 0.0f;
            for (int k = 3; k < 6; k++) bounds[k * padded + i] = -1e30f;
            continue;
        }
        const float *c = solids[i].centre, *h = solids[i].half;
        const float slack = 1e-6f * (fabsf(c[0]) + fabsf(c[1]) + fabsf(c[2])) + 1e-3f;
        const float flat = h[0] * h[0] + h[1] * h[1];
        for (int k = 0; k < 3; k++) bounds[k * padded + i] = c[k];
        bounds[3 * padded + i] = sqrtf(flat + h[2] * h[2]) * 1.0001f + slack;
        bounds[4 * padded + i] = sqrtf(flat) * 1.0001f + slack;
        bounds[5 * padded + i] = h[2] * 1.0001f + slack;
    }
}

/* A solid that may be seen: its number, the part of the picture that may show it, and a nearness
 * that it nowhere exceeds. */
typedef struct {
    uint32_t number;
    float nearest;
    uint16_t left, right, top, bottom;
} Candidate;

/* One of the camera's axes, and how much of an upright cylinder's radius and half height reach along
 * it. */
typedef struct {
    float axis[3], radius, height;
} Axis;

INLINE Floats along(const Axis *r, Floats x, Floats y, Floats z) {
    return r->axis[0] * x + r->axis[1] * y + r->axis[2] * z;
}

/* The pixels between two slopes, `low` and `high` over the depths `near` and `far`, both above 0. */
INLINE void span_of(Floats low, Floats high, Floats per_near, Floats per_far, float focal, int size,
                    Floats *first, Floats *last) {
    const float middle = 0.5f * (float)size - 0.5f, slack = 1e-3f + 1e-6f * (float)size;
    low *= pick(low < 0.0f, per_near, per_far), high *= pick(high > 0.0f, per_near, per_far);
    low = most(low * focal + (middle - slack), floats(0.0f));
    high = least(high * focal + (middle + slack), floats((float)(size - 1)));
    *first = -whole(-low), *last = whole(most(high, floats(-1.0f)));
}

/* Appends the solids whose cylinders reach a pixel's centre, and how near they are. */
INLINE int cull(const Frame *f, const float *bounds, int padded, uint32_t first, Candidate *found,
                uint8_t *bucket) {
    const float *x = bounds, *y = x + padded, *z = y + padded;
    const float *radius = z + 2 * padded, *height = radius + padded;
    const float slack = (float)(2e-7 * (fabs(f->eye[0]) + fabs(f->eye[1]) + fabs(f->eye[2])));
    const float focal = (float)f->focal, closest = 0.05f;
    const float wide = 0.5f * (float)f->width / focal, high = 0.5f * (float)f->height / focal;
    float eye[3];
    Axis reach[3];
    for (int k = 0; k < 3; k++) {
        eye[k] = (float)f->eye[k];
        for (int j = 0; j < 3; j++) reach[k].axis[j] = (float)f->axis[k][j];
        reach[k].radius = (float)sqrt(f->axis[k][0] * f->axis[k][0] + f->axis[k][1] * f->axis[k][1]);
        reach[k].height = (float)fabs(f->axis[k][2]);
    }
    int count = 0;
    for (int i = 0; i < padded; i += LANES) {
        Floats dx = load(x + i) - eye[0], dy = load(y + i) - eye[1], dz = load(z + i) - eye[2];
        Floats r = load(radius + i) * 1.00001f + slack, h = load(height + i) * 1.00001f + slack;
        Floats place[3], half[3];
        for (int k = 0; k < 3; k++) {
            place[k] = along(&reach[k], dx, dy, dz);
            half[k] = reach[k].radius * r + reach[k].height * h;
        }
        Floats near = place[0] - half[0], far = place[0] + half[0];
        Ints in = (far > 0.0f) & (magnitude(place[1]) - half[1] < far * wide) &
                  (magnitude(place[2]) - half[2] < far * high);
        if (!any(in)) continue;
        Floats left, right, top, bottom;
        Floats per_near = 1.0f / most(near, floats(closest)), per_far = 1.0f / most(far, floats(closest));
        span_of(place[1] - half[1], place[1] + half[1], per_near, per_far, focal, f->width, &left,
                &right);
        span_of(place[2] - half[2], place[2] + half[2], per_near, per_far, focal, f->height, &top,
                &bottom);
        Ints close = near < closest;
        in &= close | ((left <= right) & (top <= bottom));
        if (!any(in)) continue;
        /* Eight buckets to each doubling of the distance of the nearest point. */
        Floats nearest = 1.0f + least(most(near, floats(0.0f)), floats(1e5f));
        Ints bits = ((Ints)nearest >> 20) - (0x3f800000 >> 20);
        for (int j = 0; j < LANES; j++) {
            if (!in[j]) continue;
            found[count] = close[j] ? (Candidate){first + i + j, 1e30f, 0, (uint16_t)f->width, 0,
                                                  (uint16_t)f->height}
                                    : (Candidate){first + i + j, per_near[j] * 1.00001f,
                                                  (uint16_t)left[j], (uint16_t)(right[j] + 1.0f),
                                                  (uint16_t)top[j], (uint16_t)(bottom[j] + 1.0f)};
            bucket[count++] = (uint8_t)bits[j];
        }
    }
    return count;
}

/* Sorts by bucket, keeping the order within one. */
static void sort_buckets(const uint8_t *bucket, int count, uint32_t *order) {
    int start[BUCKETS + 1] = {0};
    for (int i = 0; i < count; i++) start[bucket[i] + 1]++;
    for (int b = 0; b < BUCKETS; b++) start[b + 1] += start[b];
    for (int i = 0; i < count; i++) order[start[bucket[i]]++] = (uint32_t)i;
}

/* Whether all of the band's pixels that may show a solid show something nearer. */
INLINE int is_hidden(const Frame *f, const Candidate *c) {
    int top = c->top > f->from ? c->top : f->from, bottom = c->bottom < f->to ? c->bottom : f->to;
    for (int row = top; row < bottom; row++) {
        const float *nearness = f->nearness + place_of(f, row);
        for (int u = c->left; u < c->right; u += LANES)
            if (any((load(nearness + u) < c->nearest) & (COUNT < (float)(c->right - u)))) return 0;
    }
    return 1;
}

/* A list of solids and their bounds. */
typedef struct {
    const Solid *solids;
    const float *bounds;
    int count, padded;
} SolidList;

/* What of all solids a picture may show, the near ones first. */
typedef struct {
    SolidList fixed, moving;
    const Candidate *found;
    const uint32_t *order;
    int count;
} Cast;

/* Finds them; `scratch` holds `SCRATCH` numbers for each bound. */
CLONED
Cast find_cast(const Frame *f, SolidList fixed, SolidList moving, uint32_t *scratch) {
    int total = fixed.padded + moving.padded;
    Candidate *found = (Candidate *)scratch;
    uint32_t *order = scratch + total * (sizeof(Candidate) / sizeof(uint32_t));
    uint8_t *bucket = (uint8_t *)(order + total);
    int count = cull(f, fixed.bounds, fixed.padded, 0, found, bucket);
    count += cull(f, moving.bounds, moving.padded, fixed.padded, found + count, bucket + count);
    sort_buckets(bucket, count, order);
    return (Cast){fixed, moving, found, order, count};
}

/* Traces a band of the picture. */
CLONED
void trace_band(Frame *f, const Cast *cast, int from, int to) {
    f->from = from, f->to = to;
    clear_frame(f);
    for (int i = 0; i < cast->count; i++) {
        const Candidate *c = &cast->found[cast->order[i]];
        if (is_hidden(f, c)) continue;
        int k = (int)c->number - cast->fixed.padded;
        draw_solid(f, k < 0 ? &cast->fixed.solids[c->number] : &cast->moving.solids[k], k >= 0);
    }
}

#endif
