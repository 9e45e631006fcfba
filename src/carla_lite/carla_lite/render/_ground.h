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
#include <string.h>

#include "_target.h"

enum { RUN = 256, LEVELS = 7, SHIFT = 8, LEAST_COVER = 54 };
static const float FARTHEST = 134217728.0f; /* in 1/256 texels; keeps sums of a few in 32 bits */
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

/* How a stretch of n is sampled: from `above` on, with 1 << doublings samples of a level. */
typedef struct {
    float above;
    int level, doublings;
} Detail;

/* What the pixels of one level of detail have in common. */
typedef struct {
    float height, focal, texel_m, scale, samples; /* scale: 1/256 texels of the level per metre */
    float away[3]; /* up in the picture, at right angles to the horizon: world x, y, and its slope */
} Lens;

typedef struct {
    int32_t x[RUN], y[RUN]; /* 1/256 texels from the first texel's centre */
    float gx[RUN], gy[RUN], jx[RUN], jy[RUN];
    float distance[RUN], steep[RUN], glint[RUN];
    uint32_t even[RUN], odd[RUN];
    uint32_t at[RUN]; /* what is looked up: where, and what is there */
    uint64_t top[RUN], low[RUN];
    uint16_t bytes[RUN], more_bytes[RUN];
    int32_t fx[RUN], fy[RUN];
    float light[RUN], grain[RUN], near[RUN];
} __attribute__((aligned(64))) Scratch;

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

INLINE uint32_t to_pixel(float b, float g, float r)
{
    b = within(b, 0.0f, 255.0f);
    g = within(g, 0.0f, 255.0f);
    r = within(r, 0.0f, 255.0f);
    return (uint32_t)(int32_t)b | (uint32_t)(int32_t)g << 8 | (uint32_t)(int32_t)r << 16 |
           0xFF000000u;
}

/* Where pixels meet the ground and how far they reach, in 1/256 texels from the camera; written from
 * place `first` on. */
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
    for (int i = 0; i < count; i++) {
        float k = (float)i;
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

/* Texel coordinates of one sample of every pixel; returns how many are in the raster. */
CLONED static int place(const Level *restrict level, int32_t ox, int32_t oy, float share, int count,
                        Scratch *restrict s)
{
    int32_t inside = 0;
    const uint32_t columns = (uint32_t)level->width - 1, rows = (uint32_t)level->height - 1;
    for (int i = 0; i < count; i++) {
        float x = s->gx[i] + share * s->jx[i], y = s->gy[i] + share * s->jy[i];
        int32_t ix = ox + (int32_t)x, iy = oy + (int32_t)y;
        s->x[i] = ix;
        s->y[i] = iy;
        inside += ((uint32_t)(ix >> SHIFT) < columns) & ((uint32_t)(iy >> SHIFT) < rows);
    }
    return inside;
}

/*
 * Looking up is left to plain loads, which are faster than the gathers that GCC would make of them:
 * these two are not CLONED, and what surrounds them is.
 */
static void fetch_pairs(const uint32_t *texels, uint32_t pitch, const uint32_t *at, int count,
                        uint64_t *top, uint64_t *low)
{
    for (int i = 0; i < count; i++) {
        memcpy(&top[i], texels + at[i], 8);
        memcpy(&low[i], texels + at[i] + pitch, 8);
    }
}

static void fetch_bytes(const uint8_t *bytes, const uint32_t *at, int count, uint16_t *out)
{
    for (int i = 0; i < count; i++) memcpy(&out[i], bytes + at[i], 2);
}

/* Adds the four texels around each place, weighted; even holds blue and red, odd green and paint. */
CLONED static void blend(int count, Scratch *restrict s)
{
    const uint32_t pair = 0x00FF00FF;
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

CLONED static void find_in_raster(const Level *restrict level, int count, Scratch *restrict s)
{
    const uint32_t pitch = level->pitch;
    for (int i = 0; i < count; i++)
        s->at[i] = (uint32_t)(s->y[i] >> SHIFT) * pitch + (uint32_t)(s->x[i] >> SHIFT);
}

CLONED static void find_in_tile(const Level *restrict level, int count, Scratch *restrict s)
{
    const uint32_t pitch = level->tile_pitch, mask = level->tile_mask;
    const int32_t px = level->phase_x, py = level->phase_y;
    for (int i = 0; i < count; i++) {
        uint32_t row = ((s->y[i] >> SHIFT) + py) & mask;
        s->at[i] = row * pitch + (((s->x[i] >> SHIFT) + px) & mask);
    }
}

/* Of a run across the raster's border: the tile's texels where `find_in_tile` was called for. */
static void fetch_both(const uint32_t *texels, const Level *level, int count, Scratch *s)
{
    const uint32_t columns = (uint32_t)level->width - 1, rows = (uint32_t)level->height - 1;
    for (int i = 0; i < count; i++) {
        const uint32_t x = (uint32_t)(s->x[i] >> SHIFT), y = (uint32_t)(s->y[i] >> SHIFT);
        const int inside = x < columns && y < rows;
        const uint32_t pitch = (uint32_t)(inside ? level->pitch : level->tile_pitch);
        const uint32_t *at = inside ? texels + level->start + y * pitch + x
                                    : texels + level->tile_start + s->at[i];
        memcpy(&s->top[i], at, 8);
        memcpy(&s->low[i], at + pitch, 8);
    }
}

static void sample_ground(const uint32_t *texels, const Level *level, int inside, int count,
                          Scratch *s)
{
    if (inside == count) {
        find_in_raster(level, count, s);
        fetch_pairs(texels + level->start, level->pitch, s->at, count, s->top, s->low);
    } else {
        find_in_tile(level, count, s);
        if (inside)
            fetch_both(texels, level, count, s);
        else
            fetch_pairs(texels + level->tile_start, level->tile_pitch, s->at, count, s->top,
                        s->low);
    }
    blend(count, s);
}

/* The baked light, 0 to 1; beyond its raster that of the border. */
CLONED static void find_light(const Level *restrict level, int shift, int count,
                              Scratch *restrict s)
{
    const int32_t right = (level->light_width - 1) << SHIFT, pitch = level->light_pitch;
    const int32_t bottom = (level->light_height - 1) << SHIFT;
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
    for (int i = 0; i < count; i++) {
        int32_t fx = s->fx[i], fy = s->fy[i], top = s->bytes[i], low = s->more_bytes[i];
        int32_t a = (top & 255) * (256 - fx) + (top >> 8) * fx;
        int32_t b = (low & 255) * (256 - fx) + (low >> 8) * fx;
        s->light[i] = (float)(a * (256 - fy) + b * fy) * (1.0f / (255 * 65536));
    }
}

CLONED static void find_detail(int count, Scratch *restrict s)
{
    for (int i = 0; i < count; i++)
        s->at[i] = (uint32_t)(((s->y[i] >> 4) & 511) * 512 + ((s->x[i] >> 4) & 511));
}

CLONED static void add_detail(int count, Scratch *restrict s)
{
    for (int i = 0; i < count; i++) {
        float strength = within(10.0f * s->near[i] - 10.0f, 0.0f, 32.0f) * (1.0f / 16384.0f);
        s->grain[i] = 1.0f + strength * (float)((int32_t)(s->bytes[i] & 255) - 128);
    }
}

static void sample_light(const uint8_t *light, const Level *level, int shift, int count, Scratch *s)
{
    light += level->light_start;
    find_light(level, shift, count, s);
    fetch_bytes(light, s->at, count, s->bytes);
    fetch_bytes(light + level->light_pitch, s->at, count, s->more_bytes);
    blend_light(count, s);
}

static void sample_detail(const uint8_t *detail, int count, Scratch *s)
{
    find_detail(count, s);
    fetch_bytes(detail, s->at, count, s->bytes);
    add_detail(count, s);
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
INLINE void shade(const Shading *look, int doublings, const int painted, const int wet, int count,
                  const Scratch *restrict s, uint32_t *restrict out)
{
    const float share = 1.0f / (float)(1 << doublings);
    const Shading l = *look;
    for (int i = 0; i < count; i++) {
        float b = (float)(int32_t)(s->even[i] & 0xFFFF) * share;
        float r = (float)(int32_t)(s->even[i] >> 16) * share;
        float g = (float)(int32_t)(s->odd[i] & 0xFFFF) * share;
        float lit = s->light[i], grain = s->grain[i];
        float haze = (1.0f - fade(s->distance[i] * l.per_haze_m)) * (250.0f / 256.0f);
        if (painted) {
            float paint = (float)(int32_t)(s->odd[i] >> 16) * share - 128.0f;
            float cover = paint < 0.0f ? -paint : paint, near = s->near[i];
            cover = (cover - LEAST_COVER) * (near > 1.1f ? near : 1.0f) + LEAST_COVER;
            cover = within(cover, 0.0f, 127.0f) * (240.0f / (256.0f * 127.0f));
            b += ((paint < 0.0f ? l.yellow[0] : l.white[0]) - b) * cover;
            g += ((paint < 0.0f ? l.yellow[1] : l.white[1]) - g) * cover;
            r += ((paint < 0.0f ? l.yellow[2] : l.white[2]) - r) * cover;
        }
        float mirror = 0.0f;
        if (wet) {
            /* What is grey is paved. Paving gets darker, and mirrors the sky at a flat angle
             * (Schlick, "An inexpensive BRDF model", 1994). */
            float dark = b < r ? b : r, bright = g > r ? g : r;
            float stone = within(1.3f - 4.0f * (bright - dark) / (bright + 1.0f), 0.0f, 1.0f);
            float flat = 1.0f - s->steep[i], flat2 = flat * flat;
            mirror = l.wet * stone * (0.05f + 0.75f * flat2 * flat2);
            grain *= 1.0f - l.wet * (0.12f + 0.26f * stone);
        }
        b *= grain * (l.shade[0] + l.sun[0] * lit);
        g *= grain * (l.shade[1] + l.sun[1] * lit);
        r *= grain * (l.shade[2] + l.sun[2] * lit);
        if (wet) {
            b += (l.reflected[0] - b) * mirror;
            g += (l.reflected[1] - g) * mirror;
            r += (l.reflected[2] - r) * mirror;
        }
        out[i] = to_pixel(b + (l.mist[0] - b) * haze, g + (l.mist[1] - g) * haze,
                          r + (l.mist[2] - r) * haze);
    }
}

#define SHADE(name, painted, wet)                                                               \
    CLONED static void name(const Shading *look, int doublings, int count,                      \
                            const Scratch *restrict s, uint32_t *restrict out)                  \
    {                                                                                           \
        shade(look, doublings, painted, wet, count, s, out);                                    \
    }
SHADE(shade_dry, 0, 0)
SHADE(shade_dry_paint, 1, 0)
SHADE(shade_wet, 0, 1)
SHADE(shade_wet_paint, 1, 1)

static void shade_ground(const Shading *look, const Detail *detail, int count, const Scratch *s,
                         uint32_t *out)
{
    const int painted = detail->level == 0;
    if (look->wet > 0.0f)
        (painted ? shade_wet_paint : shade_wet)(look, detail->doublings, count, s, out);
    else
        (painted ? shade_dry_paint : shade_dry)(look, detail->doublings, count, s, out);
}

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
                           int number)
{
    const double scale = 256.0 / (ground->texel_m * (1 << number));
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

static Lens make_lens(const Ground *ground, const Camera *camera, const Detail *detail,
                      const float *away)
{
    const Lens lens = {
        .height = (float)camera->z,
        .focal = (float)camera->focal,
        .texel_m = (float)ground->texel_m,
        .scale = (float)(256.0 / (ground->texel_m * (1 << detail->level))),
        .samples = (float)(1 << detail->doublings),
        .away = {away[0], away[1], away[2]},
    };
    return lens;
}

/* Draws pixels that `meet_ground` has placed. */
static void draw_ground(const Ground *ground, const Shading *look, const Camera *camera,
                        const Detail *detail, int count, Scratch *s, uint32_t *out)
{
    Level level = ground->level[detail->level];
    const Origin origin = place_camera(ground, &level, camera, detail->level);
    if (origin.far) level.width = level.height = 1;
    const int samples = 1 << detail->doublings;
    clear(s, count);
    for (int k = 0; k < samples; k++) {
        const float share = ((float)k + 0.5f) / (float)samples - 0.5f;
        const int inside = place(&level, origin.x, origin.y, share, count, s);
        sample_ground(ground->texels, &level, inside, count, s);
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
    shade_ground(look, detail, count, s, out);
}

#endif
