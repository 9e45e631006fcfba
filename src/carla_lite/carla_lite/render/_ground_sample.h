/*
 * Looking up the texels of the ground, many pixels at a time.
 *
 * Every loop is one that GCC turns into vector code, but for those that fetch.
 */
#ifndef CARLA_LITE_GROUND_SAMPLE_H
#define CARLA_LITE_GROUND_SAMPLE_H

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "_backdrop_types.h"
#include "_target.h"

enum { RUN = 256, WIDEST = 16, ROOM = RUN + WIDEST, SHIFT = 8, LEAST_COVER = 54 };
static const float FARTHEST = 134217728.0f; /* in 1/256 texels; keeps sums of a few in 32 bits */
static const float HORIZON = 1e-4f;         /* n above which a ray meets the ground */

/* Rays of a row, all affine in the column; `from` is the first column of a stretch of it. */
typedef struct {
    float x, x_step, y, y_step, n, n_step;
    int32_t from;
} Rays;

/* How a stretch of n is sampled: from `above` on, with 1 << doublings samples of a level. */
typedef struct {
    float above;
    int level, doublings;
} Detail;

/* What the pixels of one level of detail have in common. */
typedef struct {
    float height, focal, texel_m, scale, samples; /* scale: 1/256 texels of the level per metre */
    float away[3]; /* up in the picture, off the horizon at right angles: world x, y, its slope */
} Lens;

typedef struct {
    int32_t x[ROOM], y[ROOM]; /* 1/256 texels from the first texel's centre */
    float gx[ROOM], gy[ROOM], jx[ROOM], jy[ROOM];
    float distance[ROOM], steep[ROOM], glint[ROOM];
    uint32_t even[ROOM], odd[ROOM];
    uint32_t block[ROOM], at[ROOM]; /* what is looked up: where, and what is there */
    uint64_t top[ROOM], low[ROOM];
    uint16_t bytes[ROOM], more_bytes[ROOM];
    int32_t fx[ROOM], fy[ROOM];
    float light[ROOM], grain[ROOM], near[ROOM];
} __attribute__((aligned(64))) Scratch;

/* Loops run over whole vectors, a little further than asked: what is left over of a stretch would
 * else be worked on pixel by pixel. */
INLINE int whole_vectors(int count)
{
    return (count + WIDEST - 1) & -WIDEST;
}

/* e^-x for x >= 0, to 1e-4: ((1 - x/8 + ...))^8 as a rational, which vector units do fast. */
INLINE float fade(float x)
{
    float y = x * 0.125f;
    float p = 1.0f + y * (1.0f + y * (0.5f + y * (0.16666667f + y * 0.041666668f)));
    p = p * p;
    p = p * p;
    p = p * p;
    return 1.0f / p;
}

INLINE float within(float x, float low, float high)
{
    x = x < low ? low : x;
    return x > high ? high : x;
}

/* Where pixels meet the ground and how far they reach, in 1/256 texels from the camera; written
 * from place `first` on. */
CLONED static void meet_ground(const Rays *restrict rays, int first, int count,
                               const Lens *restrict lens, Scratch *restrict s)
{
    const float scale = lens->scale, per = scale / (lens->focal * lens->height);
    const float magnified = lens->focal / lens->height * lens->texel_m;
    const float ahead_x = lens->away[0], ahead_y = lens->away[1], slope = lens->away[2];
    float *restrict gx = s->gx + first, *restrict gy = s->gy + first;
    float *restrict jx = s->jx + first, *restrict jy = s->jy + first;
    float *restrict distance = s->distance + first, *restrict steep = s->steep + first;
    float *restrict near = s->near + first;
    const int32_t from = rays->from;
    count = whole_vectors(count);
    for (int i = 0; i < count; i++) {
        float k = (float)(from + i);
        float n = rays->n + k * rays->n_step, t = lens->height / n;
        float dx = rays->x + k * rays->x_step, dy = rays->y + k * rays->y_step;
        float far = t * scale, reach = t * t * per, length = sqrtf(dx * dx + dy * dy + n * n);
        gx[i] = within(far * dx, -FARTHEST, FARTHEST);
        gy[i] = within(far * dy, -FARTHEST, FARTHEST);
        jx[i] = within(reach * (ahead_x * n + slope * dx), -FARTHEST, FARTHEST);
        jy[i] = within(reach * (ahead_y * n + slope * dy), -FARTHEST, FARTHEST);
        distance[i] = t * length;
        steep[i] = n / length;
        /* Pixels per texel, by the longer side of the footprint that a sample stands for. */
        float shorter = n * lens->samples;
        near[i] = magnified * n * (shorter < 1.0f ? shorter : 1.0f);
    }
}

/* Texel coordinates of one sample of every pixel, and their blocks. */
CLONED static void place(const Level *restrict level, int32_t ox, int32_t oy, float share, int count,
                         Scratch *restrict s)
{
    const uint32_t columns = (uint32_t)level->columns, rows = (uint32_t)level->rows;
    const uint32_t start = (uint32_t)level->start, grass = (uint32_t)level->grass;
    const int32_t mask = level->grass_mask, px = level->phase_x, py = level->phase_y;
    count = whole_vectors(count);
    for (int i = 0; i < count; i++) {
        float x = s->gx[i] + share * s->jx[i], y = s->gy[i] + share * s->jy[i];
        int32_t ix = ox + (int32_t)x, iy = oy + (int32_t)y;
        s->x[i] = ix;
        s->y[i] = iy;
        ix = (ix >> SHIFT) + px, iy = (iy >> SHIFT) + py;
        int32_t bx = ix >> BLOCK_SHIFT, by = iy >> BLOCK_SHIFT;
        uint32_t inside = start + (uint32_t)by * columns + (uint32_t)bx;
        uint32_t outside = grass + (uint32_t)((by & mask) * (mask + 1) + (bx & mask));
        int is_in = ((uint32_t)bx < columns) & ((uint32_t)by < rows);
        s->block[i] = is_in ? inside : outside;
        s->at[i] = (uint32_t)((iy & (BLOCK_SIDE - 1)) * BLOCK_PITCH + (ix & (BLOCK_SIDE - 1)));
    }
}

/*
 * Looking up is left to plain loads, which are faster than the gathers that GCC would make of them:
 * these are not CLONED, and what surrounds them is.
 */
static void fetch_pairs(const uint32_t *texels, uint32_t pitch, const uint32_t *at, int count,
                        uint64_t *top, uint64_t *low)
{
    for (int i = 0; i < count; i++) {
        memcpy(&top[i], texels + at[i], 8);
        memcpy(&low[i], texels + at[i] + pitch, 8);
    }
}

static void fetch_ground(const uint32_t *texels, const int32_t *table, int count, Scratch *s)
{
    for (int i = 0; i < count; i++) {
        const uint32_t *at = texels + table[s->block[i]] + s->at[i];
        memcpy(&s->top[i], at, 8);
        memcpy(&s->low[i], at + BLOCK_PITCH, 8);
    }
}

static void fetch_bytes(const uint8_t *bytes, uint32_t pitch, const uint32_t *at, int count,
                        uint16_t *top, uint16_t *low)
{
    for (int i = 0; i < count; i++) {
        memcpy(&top[i], bytes + at[i], 2);
        memcpy(&low[i], bytes + at[i] + pitch, 2);
    }
}

/* Adds the four texels around each place, weighted; even has blue and red, odd green and paint. */
CLONED static void blend(int count, Scratch *restrict s)
{
    const uint32_t pair = 0x00FF00FF;
    count = whole_vectors(count);
    for (int i = 0; i < count; i++) {
        uint32_t fx = s->x[i] & 255, fy = s->y[i] & 255, w11 = (fx * fy) >> 8;
        uint32_t w01 = fx - w11, w10 = fy - w11, w00 = 256 - fx - w10;
        uint32_t a = (uint32_t)s->top[i], b = (uint32_t)(s->top[i] >> 32);
        uint32_t c = (uint32_t)s->low[i], d = (uint32_t)(s->low[i] >> 32);
        uint32_t e = (a & pair) * w00 + (b & pair) * w01 + (c & pair) * w10 + (d & pair) * w11;
        uint32_t o = ((a >> 8) & pair) * w00 + ((b >> 8) & pair) * w01 + ((c >> 8) & pair) * w10 +
                     ((d >> 8) & pair) * w11;
        s->even[i] += (e >> 8) & pair;
        s->odd[i] += (o >> 8) & pair;
    }
}

/* The baked light, 0 to 1; beyond its raster that of the border. */
CLONED static void find_light(const Level *restrict level, int shift, int count,
                              Scratch *restrict s)
{
    const int32_t right = (level->light_width - 1) << SHIFT, pitch = level->light_pitch;
    const int32_t bottom = (level->light_height - 1) << SHIFT;
    count = whole_vectors(count);
    for (int i = 0; i < count; i++) {
        int32_t x = ((s->x[i] + 128) >> shift) - 128, y = ((s->y[i] + 128) >> shift) - 128;
        x = x < 0 ? 0 : x;
        y = y < 0 ? 0 : y;
        x = x < right ? x : right - 1;
        y = y < bottom ? y : bottom - 1;
        s->at[i] = (uint32_t)((y >> SHIFT) * pitch + (x >> SHIFT));
        s->fx[i] = x & 255;
        s->fy[i] = y & 255;
    }
}

CLONED static void blend_light(int count, Scratch *restrict s)
{
    count = whole_vectors(count);
    for (int i = 0; i < count; i++) {
        int32_t fx = s->fx[i], fy = s->fy[i], top = s->bytes[i], low = s->more_bytes[i];
        int32_t a = (top & 255) * (256 - fx) + (top >> 8) * fx;
        int32_t b = (low & 255) * (256 - fx) + (low >> 8) * fx;
        s->light[i] = (float)(a * (256 - fy) + b * fy) * (1.0f / (255 * 65536));
    }
}

CLONED static void find_detail(int count, Scratch *restrict s)
{
    count = whole_vectors(count);
    for (int i = 0; i < count; i++)
        s->at[i] = (uint32_t)(((s->y[i] >> 4) & 511) * 512 + ((s->x[i] >> 4) & 511));
}

CLONED static void add_detail(int count, Scratch *restrict s)
{
    count = whole_vectors(count);
    for (int i = 0; i < count; i++) {
        float strength = within(10.0f * s->near[i] - 10.0f, 0.0f, 32.0f) * (1.0f / 16384.0f);
        s->grain[i] = 1.0f + strength * (float)((int32_t)s->bytes[i] - 128);
    }
}

/* Whether any texel is larger than its pixel. */
CLONED static int is_near(int count, const Scratch *restrict s)
{
    int found = 0;
    for (int i = 0; i < count; i++) found |= s->near[i] > 1.0f;
    return found;
}

static void sample_light(const uint8_t *light, const Level *level, int shift, int count, Scratch *s)
{
    find_light(level, shift, count, s);
    const uint32_t pitch = (uint32_t)level->light_pitch;
    fetch_bytes(light + level->light_start, pitch, s->at, count, s->bytes, s->more_bytes);
    blend_light(count, s);
}

static void sample_detail(const uint8_t *detail, int count, Scratch *s)
{
    find_detail(count, s);
    for (int i = 0; i < count; i++) s->bytes[i] = detail[s->at[i]];
    add_detail(count, s);
}

CLONED static void fill(float *values, float value, int count)
{
    count = whole_vectors(count);
    for (int i = 0; i < count; i++) values[i] = value;
}

CLONED static void clear(Scratch *s, int count)
{
    count = whole_vectors(count);
    for (int i = 0; i < count; i++) s->even[i] = s->odd[i] = 0;
}

#endif
