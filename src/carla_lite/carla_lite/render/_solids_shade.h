/* The colours of what each pixel sees: sunlight, the material's pattern, haze. */
#ifndef CARLA_LITE_SOLIDS_SHADE_H
#define CARLA_LITE_SOLIDS_SHADE_H

#include "_solids_paint.h"
#include "_solids_trace.h"

/* `carla_lite.render.look.Look`, as far as solids need it; the order of `solids_raster._packed`. */
typedef struct {
    float sun[3], direct[3], ambient[3], mist[3], sky[3], haze_m, glow, shadow_length;
} Light;

/* Light of sun and sky on a surface with normal n, which need not be of length 1 in a vector. */
INLINE void light_on(const Light *light, Floats nx, Floats ny, Floats nz, Floats *gain) {
    Floats facing = most(nx * light->sun[0] + ny * light->sun[1] + nz * light->sun[2], floats(0.0f));
    Floats open = 0.78f + 0.22f * nz;
    for (int k = 0; k < 3; k++) gain[k] = light->direct[k] * facing + light->ambient[k] * open;
}

/* 1 - exp(-x) for x >= 0, to 0.002. */
INLINE Floats haze_of(Floats x) { return 1.0f - 1.0f / (1.0f + x * (1.0f + x * (0.48f + 0.235f * x))); }

INLINE void store_pixels(uint32_t *to, const Floats *colour, int count) {
    Ints channel[3];
    for (int k = 0; k < 3; k++)
        channel[k] = as_ints(least(most(colour[k], floats(0.0f)), floats(255.0f)) + 0.5f);
    Uints packed = (Uints)(channel[0] | channel[1] << 8 | channel[2] << 16) | 0xff000000u;
    if (count >= LANES)
        memcpy(to, &packed, sizeof packed);
    else
        memcpy(to, &packed, sizeof(uint32_t) * count);
}

/* Leaves: noise of two sizes on a round crown; its normals are `at` over the half extents. */
INLINE void paint_leaves(Paint *p, const Solid *s, const Floats *at, Floats pixel) {
    static const float size[2] = {0.55f, 0.17f}, strength[2] = {0.30f, 0.42f};
    Floats tone = floats(1.0f);
    for (int i = 0; i < 2; i++) {
        Ints x = as_ints(whole(at[0] / size[i])), y = as_ints(whole(at[1] / size[i]));
        Ints z = as_ints(whole(at[2] / size[i]));
        Floats grain = noise(x + 57 * z, y + 131 * z, s->id + 7u * s->variant) * (1.0f / 255.0f) - 0.5f;
        tone += grain * strength[i] * clamp01(1.4f - 0.9f * pixel / size[i]);
    }
    for (int k = 0; k < 3; k++) p->own[k] *= tone;
}

/* Colours a stretch of one row that sees one face. */
INLINE void shade_stretch(const Frame *f, const Light *light, const Face *face, int row, int from,
                          int to, uint32_t *pixels) {
    const Solid *s = face->solid;
    const int round = face->face == FACE_ROUND, k = round ? 0 : face->face >> 1;
    const float *nearness = f->nearness + (size_t)row * f->stride;
    const float y = (float)((row + 0.5 - 0.5 * f->height) / f->focal);
    const float x0 = (float)((from + 0.5 - 0.5 * f->width) / f->focal), step = (float)(1.0 / f->focal);
    const float cos = s->heading[0], sin = s->heading[1];
    const int plain = s->material == PLAIN || (s->material == FACADE && k == 2) ||
                      (s->material == SIGNAL && face->face != 1) ||
                      (s->material == SIGN && face->face != 1) || s->material > SIGN;
    float ray0[3], ray1[3];
    for (int j = 0; j < 3; j++)
        ray0[j] = (float)at(&face->ray[j], from, row), ray1[j] = (float)face->ray[j].a;
    Floats gain[3];
    if (!round) {
        float side = face->face & 1 ? 1.0f : -1.0f;
        float nx = k == 0 ? side * cos : k == 1 ? -side * sin : 0.0f;
        float ny = k == 0 ? side * sin : k == 1 ? side * cos : 0.0f;
        light_on(light, floats(nx), floats(ny), floats(k == 2 ? side : 0.0f), gain);
    }
    for (int u = from; u < to; u += LANES) {
        Floats count = COUNT + (float)(u - from), depth = 1.0f / load(nearness + u);
        Floats x = x0 + step * count;
        Floats length = root(1.0f + y * y + x * x);
        Floats place[3];
        Paint p = {{floats(s->bgr[0]), floats(s->bgr[1]), floats(s->bgr[2])}, {{0}}};
        if (!plain || round)
            for (int j = 0; j < 3; j++)
                place[j] = (float)face->eye[j] + depth * (ray0[j] + ray1[j] * count) * (round ? s->half[j] : 1.0f);
        if (round) {
            Floats n[3], size = {0};
            for (int j = 0; j < 3; j++) {
                n[j] = place[j] / (s->half[j] * s->half[j]);
                size += n[j] * n[j];
            }
            size = 1.0f / root(size);
            for (int j = 0; j < 3; j++) n[j] *= size;
            light_on(light, cos * n[0] - sin * n[1], sin * n[0] + cos * n[1], n[2], gain);
        }
        if (!plain) {
            Floats pixel = depth * step;
            switch (s->material) {
            case FACADE: {
                Floats across = magnitude(ray0[k] + ray1[k] * count);
                Floats slant = pixel * length / most(across, floats(0.02f));
                int j = 1 - k;
                paint_wall(&p, s, place[j] + s->half[j], place[2] + s->half[2], 2.0f * s->half[j],
                           2.0f * s->half[2], slant, pixel, light->glow, light->sky);
                break;
            }
            case FOLIAGE: paint_leaves(&p, s, place, pixel); break;
            case CAR_HULL: paint_hull(&p, s, face->face, place, pixel, light->glow); break;
            case CAR_CABIN: paint_cabin(&p, s, face->face, place, pixel, light->sky); break;
            case SIGNAL: paint_signal(&p, s, place, pixel); break;
            default: paint_sign(&p, s, place);
            }
        }
        Floats haze = haze_of(depth * length * (1.0f / light->haze_m));
        Floats colour[3];
        for (int j = 0; j < 3; j++)
            colour[j] = mix(p.own[j] * gain[j] + p.glow[j], floats(light->mist[j]), haze);
        store_pixels(pixels + (size_t)row * f->width + u, colour, to - u);
    }
}

INLINE void shade_frame(const Frame *f, const Light *light, uint32_t *pixels) {
    for (int row = 0; row < f->height; row++) {
        const uint32_t *seen = f->seen + (size_t)row * f->stride;
        int u = 0;
        while (u < f->width) {
            uint32_t name = seen[u];
            int from = u++;
            while (u < f->width) {
                if (u + LANES <= f->width && !any((Ints)(*(const Ints *)(seen + u) != (int32_t)name)))
                    u += LANES;
                else if (seen[u] == name)
                    u++;
                else
                    break;
            }
            if (name) shade_stretch(f, light, &f->faces[name - 1], row, from, u, pixels);
        }
    }
}

#endif
