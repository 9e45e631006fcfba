/* Colours of ground that has been looked up: paint, light, wetness and haze. */
#ifndef CARLA_LITE_GROUND_SHADE_H
#define CARLA_LITE_GROUND_SHADE_H

#include "_ground_sample.h"

INLINE uint32_t to_pixel(float b, float g, float r)
{
    b = within(b, 0.0f, 255.0f);
    g = within(g, 0.0f, 255.0f);
    r = within(r, 0.0f, 255.0f);
    return (uint32_t)(int32_t)b | (uint32_t)(int32_t)g << 8 | (uint32_t)(int32_t)r << 16 |
           0xFF000000u;
}

/* Paint, light, wetness and haze, from the sums of samples to pixels. */
INLINE void shade(const Shading *look, int doublings, const int painted, const int wet, int count,
                  const Scratch *restrict s, uint32_t *restrict out)
{
    const float share = 1.0f / (float)(1 << doublings);
    const Shading l = *look;
    count = whole_vectors(count);
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

#endif
