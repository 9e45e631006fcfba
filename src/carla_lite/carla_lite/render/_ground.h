/*
 * The ground under a pinhole camera, a run of pixels of one row at a time.
 *
 * A ray d that is one unit long along the optical axis and n down meets the ground at t = h / n, for
 * a camera h above it. A pixel's footprint is t / f across (along the horizon) and t / (n f) away
 * from it, so the level of detail depends on n alone: without roll a whole row has one.
 *
 * Every loop is one that GCC turns into vector code.
 */
#ifndef CARLA_LITE_GROUND_H
#define CARLA_LITE_GROUND_H

#include <math.h>
#include <stddef.h>

#include "_target.h"

enum { RUN = 256, LEVELS = 7, SHIFT = 8, LEAST_COVER = 54 };
static const float FARTHEST = 268435456.0f; /* in 1/256 texels; keeps them in 32 bits */
static const float HORIZON = 1e-4f;         /* n above which a ray meets the ground */

typedef struct {
    int32_t start, pitch, width, height; /* of the raster, in texels */
    int32_t tile_start, tile_pitch, tile_mask, phase_x, phase_y;
    int32_t light_start, light_pitch, light_width, light_height;
} Level;

typedef struct {
    const uint32_t *texels; /* BGRA; A is paint on level 0: 128 none, more white, less yellow */
    const uint8_t *detail;  /* 512 x 512 grain around 128, sixteen to a texel */
    const uint8_t *light;   /* 0 in the shade to 255 in the light, from level `light_level` up */
    const uint8_t *cover;   /* as level 0: asphalt in the low half byte, all paving in the high */
    Level level[LEVELS];
    int32_t light_level; /* LEVELS for none */
    double texel_m, x_m, y_m;
} Ground;

typedef struct {
    float white[3], yellow[3]; /* paint, BGR */
    float shade[3], sun[3];    /* gain in the shade, and what full light adds */
    float mist[3], per_haze_m; /* what the distance fades into */
    float reflected[3], wet;   /* what wet stone mirrors */
    float sharpen;             /* above 0: close ground gets its grain */
} Shading;

typedef struct {
    int32_t width, height;
    double focal, x, y, z, r[9];
} Camera;

/* Rays of a run, all affine in the pixel's number i within it. */
typedef struct {
    float x, x_step, y, y_step, n, n_step;
} Rays;

typedef struct {
    int32_t x[RUN], y[RUN]; /* 1/256 texels from the first texel's centre */
    float gx[RUN], gy[RUN], jx[RUN], jy[RUN];
    float distance[RUN], steep[RUN], glint[RUN];
    uint32_t even[RUN], odd[RUN];
    float light[RUN], grain[RUN], near[RUN];
} Scratch;

typedef uint32_t __attribute__((aligned(1), may_alias)) unaligned;

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

/* Where a run meets the ground and how far a pixel reaches, in 1/256 texels from the camera. */
CLONED static void meet_ground(const Rays *rays, int count, float height, float scale, float focal,
                               float texel_m, float samples, const float *away, Scratch *s)
{
    const float per = scale / (focal * height), tilt = away[2];
    const float magnified = focal / height * texel_m;
    for (int i = 0; i < count; i++) {
        float k = (float)i;
        float n = rays->n + k * rays->n_step, t = height / n;
        float dx = rays->x + k * rays->x_step, dy = rays->y + k * rays->y_step;
        float far = t * scale, reach = t * t * per, length = sqrtf(dx * dx + dy * dy + n * n);
        s->gx[i] = far * dx;
        s->gy[i] = far * dy;
        s->jx[i] = reach * (away[0] * n + tilt * dx);
        s->jy[i] = reach * (away[1] * n + tilt * dy);
        s->distance[i] = t * length;
        s->steep[i] = n / length;
        /* Pixels per texel, by the longer side of the footprint that a sample stands for. */
        float shorter = n * samples;
        s->near[i] = magnified * n * (shorter < 1.0f ? shorter : 1.0f);
    }
}

/* Texel coordinates of one sample of every pixel; returns 1 if all are in the raster, 0 if none is,
 * -1 if some are. */
CLONED static int place(const Level *level, int32_t ox, int32_t oy, float share, int count,
                        Scratch *s)
{
    int32_t inside = 0;
    const uint32_t columns = (uint32_t)level->width - 1, rows = (uint32_t)level->height - 1;
    for (int i = 0; i < count; i++) {
        float x = s->gx[i] + share * s->jx[i], y = s->gy[i] + share * s->jy[i];
        x = x > FARTHEST ? FARTHEST : x;
        y = y > FARTHEST ? FARTHEST : y;
        x = x < -FARTHEST ? -FARTHEST : x;
        y = y < -FARTHEST ? -FARTHEST : y;
        int32_t ix = ox + (int32_t)x, iy = oy + (int32_t)y;
        s->x[i] = ix;
        s->y[i] = iy;
        inside += ((uint32_t)(ix >> SHIFT) < columns) & ((uint32_t)(iy >> SHIFT) < rows);
    }
    return inside == count ? 1 : inside == 0 ? 0 : -1;
}

/* Adds the four texels around each place, weighted; even holds blue and red, odd green and paint. */
INLINE void blend(const uint32_t *texels, uint32_t i00, uint32_t pitch, int32_t x, int32_t y,
                  uint32_t *even, uint32_t *odd)
{
    const uint32_t pair = 0x00FF00FF;
    uint32_t fx = x & 255, fy = y & 255, w11 = (fx * fy) >> 8;
    uint32_t w01 = fx - w11, w10 = fy - w11, w00 = 256 - fx - w10;
    uint32_t a = texels[i00], b = texels[i00 + 1];
    uint32_t c = texels[i00 + pitch], d = texels[i00 + pitch + 1];
    uint32_t e = (a & pair) * w00 + (b & pair) * w01 + (c & pair) * w10 + (d & pair) * w11;
    uint32_t o = ((a >> 8) & pair) * w00 + ((b >> 8) & pair) * w01 + ((c >> 8) & pair) * w10 +
                 ((d >> 8) & pair) * w11;
    *even += (e >> 8) & pair;
    *odd += (o >> 8) & pair;
}

CLONED static void sample_raster(const uint32_t *texels, const Level *level, int count, Scratch *s)
{
    const uint32_t *raster = texels + level->start;
    const uint32_t pitch = level->pitch;
    for (int i = 0; i < count; i++) {
        uint32_t at = (uint32_t)(s->y[i] >> SHIFT) * pitch + (uint32_t)(s->x[i] >> SHIFT);
        blend(raster, at, pitch, s->x[i], s->y[i], &s->even[i], &s->odd[i]);
    }
}

CLONED static void sample_tile(const uint32_t *texels, const Level *level, int count, Scratch *s)
{
    const uint32_t *tile = texels + level->tile_start;
    const uint32_t pitch = level->tile_pitch, mask = level->tile_mask;
    const int32_t px = level->phase_x, py = level->phase_y;
    for (int i = 0; i < count; i++) {
        uint32_t at = (((s->y[i] >> SHIFT) + py) & mask) * pitch;
        at += ((s->x[i] >> SHIFT) + px) & mask;
        blend(tile, at, pitch, s->x[i], s->y[i], &s->even[i], &s->odd[i]);
    }
}

CLONED static void sample_both(const uint32_t *texels, const Level *level, int count, Scratch *s)
{
    const uint32_t mask = level->tile_mask;
    const uint32_t columns = (uint32_t)level->width - 1, rows = (uint32_t)level->height - 1;
    for (int i = 0; i < count; i++) {
        uint32_t ix = s->x[i] >> SHIFT, iy = s->y[i] >> SHIFT;
        uint32_t inside = (ix < columns) & (iy < rows);
        uint32_t pitch = inside ? level->pitch : level->tile_pitch;
        uint32_t tx = (ix + level->phase_x) & mask, ty = (iy + level->phase_y) & mask;
        uint32_t at = inside ? level->start + iy * pitch + ix : level->tile_start + ty * pitch + tx;
        blend(texels, at, pitch, s->x[i], s->y[i], &s->even[i], &s->odd[i]);
    }
}

/* The baked light, 0 to 1; beyond its raster that of the border. */
CLONED static void sample_light(const uint8_t *light, const Level *level, int shift, int count,
                                Scratch *s)
{
    const int32_t right = (level->light_width - 1) << SHIFT, pitch = level->light_pitch;
    const int32_t bottom = (level->light_height - 1) << SHIFT;
    light += level->light_start;
    for (int i = 0; i < count; i++) {
        int32_t x = ((s->x[i] + 128) >> shift) - 128, y = ((s->y[i] + 128) >> shift) - 128;
        x = x < 0 ? 0 : x;
        y = y < 0 ? 0 : y;
        x = x < right ? x : right - 1;
        y = y < bottom ? y : bottom - 1;
        const uint8_t *at = light + (y >> SHIFT) * pitch + (x >> SHIFT);
        uint32_t top = *(const unaligned *)at, low = *(const unaligned *)(at + pitch);
        int32_t fx = x & 255, fy = y & 255;
        int32_t a = (int32_t)(top & 255) * (256 - fx) + (int32_t)((top >> 8) & 255) * fx;
        int32_t b = (int32_t)(low & 255) * (256 - fx) + (int32_t)((low >> 8) & 255) * fx;
        s->light[i] = (float)(a * (256 - fy) + b * fy) * (1.0f / (255 * 65536));
    }
}

CLONED static void sample_detail(const uint8_t *detail, int count, Scratch *s)
{
    for (int i = 0; i < count; i++) {
        float strength = within(10.0f * s->near[i] - 10.0f, 0.0f, 32.0f) * (1.0f / 16384.0f);
        int32_t at = ((s->y[i] >> 4) & 511) * 512 + ((s->x[i] >> 4) & 511);
        int32_t grain = (int32_t)(*(const unaligned *)(detail + at) & 255) - 128;
        s->grain[i] = 1.0f + strength * (float)grain;
    }
}

CLONED static void fill(float *values, float value, int count)
{
    for (int i = 0; i < count; i++) values[i] = value;
}

CLONED static void clear(Scratch *s, int count)
{
    for (int i = 0; i < count; i++) s->even[i] = s->odd[i] = 0;
}

/* Paint, light, wetness and haze, from the sums of samples to pixels. */
CLONED static void shade_ground(const Shading *look, int doublings, int painted, int count,
                                const Scratch *s, uint32_t *out)
{
    const float share = 1.0f / (float)(1 << doublings);
    const float weight = painted ? 240.0f / (256.0f * 127.0f) : 0.0f;
    for (int i = 0; i < count; i++) {
        float b = (float)(int32_t)(s->even[i] & 0xFFFF) * share;
        float r = (float)(int32_t)(s->even[i] >> 16) * share;
        float g = (float)(int32_t)(s->odd[i] & 0xFFFF) * share;
        float paint = (float)(int32_t)(s->odd[i] >> 16) * share - 128.0f;
        float cover = paint < 0.0f ? -paint : paint, near = s->near[i];
        float sharpness = near > 1.1f ? near : 1.0f;
        cover = within((cover - LEAST_COVER) * sharpness + LEAST_COVER, 0.0f, 127.0f) * weight;
        b += ((paint < 0.0f ? look->yellow[0] : look->white[0]) - b) * cover;
        g += ((paint < 0.0f ? look->yellow[1] : look->white[1]) - g) * cover;
        r += ((paint < 0.0f ? look->yellow[2] : look->white[2]) - r) * cover;
        /* What is grey is paved; wet paving mirrors the sky at a flat angle (Schlick, 1994). */
        float dark = b < r ? b : r, bright = g > r ? g : r;
        float stone = within(1.0f - 6.0f * (bright - dark) / (bright + 1.0f), 0.0f, 1.0f);
        float flat = 1.0f - s->steep[i], flat2 = flat * flat;
        float mirror = look->wet * stone * (0.05f + 0.75f * flat2 * flat2 * flat);
        float lit = s->light[i], grain = s->grain[i];
        b *= grain * (look->shade[0] + look->sun[0] * lit);
        g *= grain * (look->shade[1] + look->sun[1] * lit);
        r *= grain * (look->shade[2] + look->sun[2] * lit);
        b += (look->reflected[0] - b) * mirror;
        g += (look->reflected[1] - g) * mirror;
        r += (look->reflected[2] - r) * mirror;
        float haze = (1.0f - fade(s->distance[i] * look->per_haze_m)) * (250.0f / 256.0f);
        b = within(b + (look->mist[0] - b) * haze, 0.0f, 255.0f);
        g = within(g + (look->mist[1] - g) * haze, 0.0f, 255.0f);
        r = within(r + (look->mist[2] - r) * haze, 0.0f, 255.0f);
        out[i] = (uint32_t)(int32_t)b | (uint32_t)(int32_t)g << 8 | (uint32_t)(int32_t)r << 16 |
                 0xFF000000u;
    }
}

/* How a stretch of n is sampled: from `above` on, with 1 << doublings samples of a level. */
typedef struct {
    float above;
    int level, doublings;
} Detail;

/* Fills the stretches in order of falling n; returns how many. The footprint is the longer of
 * t / f and t / (n f) shared by the samples. */
static int plan_detail(double height, double focal, double texel_m, Detail *plan)
{
    int count = 0;
    double above = 1e30, unit = height / focal;
    for (int doublings = 0; doublings < 3; doublings++) {
        /* Below these n the pixel is so long that twice the samples pay. */
        double last = doublings < 2 ? exp2(-(doublings + 0.8) / 0.8) : 0.0;
        for (int level = 0; level < LEVELS; level++) {
            double footprint = texel_m * exp2(level + 0.4);
            double until = fmax(unit / footprint, sqrt(unit / (footprint * (1 << doublings))));
            if (level == LEVELS - 1) until = 0.0;
            if (until >= above) continue;
            until = fmax(until, last);
            plan[count].above = (float)until;
            plan[count].level = level;
            plan[count++].doublings = doublings;
            above = until;
            if (until == last) break;
        }
    }
    return count;
}

typedef struct {
    int32_t x, y; /* the camera in 1/256 texels of a level, from its first texel's centre */
    int far;      /* out of sight of the raster: the place in the tile, which repeats */
} Origin;

static Origin place_camera(const Ground *ground, const Level *level, const Camera *camera,
                           double scale)
{
    const double period = 256.0 * (level->tile_mask + 1);
    double x = floor((camera->x - ground->x_m) * scale) - 128.0;
    double y = floor((camera->y - ground->y_m) * scale) - 128.0;
    const int far = !(fabs(x) < FARTHEST && fabs(y) < FARTHEST);
    if (far) {
        x = fmod(x, period);
        y = fmod(y, period);
    }
    const Origin origin = {(int32_t)x, (int32_t)y, far};
    return origin;
}

static void draw_ground(const Ground *ground, const Shading *look, const Camera *camera,
                        const Rays *rays, const Detail *detail, int count, const float *away,
                        Scratch *s, uint32_t *out)
{
    const Level *level = &ground->level[detail->level];
    const double scale = 256.0 / (ground->texel_m * (1 << detail->level));
    const Origin origin = place_camera(ground, level, camera, scale);
    Level beyond = *level;
    if (origin.far) beyond.width = beyond.height = 1;
    const int samples = 1 << detail->doublings;
    meet_ground(rays, count, (float)camera->z, (float)scale, (float)camera->focal,
                (float)ground->texel_m, (float)samples, away, s);
    clear(s, count);
    for (int k = 0; k < samples; k++) {
        float share = ((float)k + 0.5f) / (float)samples - 0.5f;
        int inside = place(&beyond, origin.x, origin.y, share, count, s);
        if (inside == 1)
            sample_raster(ground->texels, &beyond, count, s);
        else if (inside == 0)
            sample_tile(ground->texels, &beyond, count, s);
        else
            sample_both(ground->texels, &beyond, count, s);
    }
    int shift = ground->light_level - detail->level;
    shift = shift > 0 ? shift : 0;
    if (ground->light_level < LEVELS && !origin.far)
        sample_light(ground->light, &ground->level[detail->level + shift], shift, count, s);
    else
        fill(s->light, 1.0f, count);

    if (look->sharpen > 0.0f && fmaxf(s->near[0], s->near[count - 1]) > 1.1f)
        sample_detail(ground->detail, count, s);
    else
        fill(s->grain, 1.0f, count);
    shade_ground(look, detail->doublings, detail->level == 0, count, s, out);
}

#endif
