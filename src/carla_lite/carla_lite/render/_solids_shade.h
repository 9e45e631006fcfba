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
    Floats open = 0.88f + 0.12f * nz; /* walls see the ground, too */
    for (int k = 0; k < 3; k++) gain[k] = light->direct[k] * facing + light->ambient[k] * open;
}

/* 1 - exp(-x) for x >= 0, to 0.002: the fourth power of the series at x / 4. */
INLINE Floats haze_of(Floats x) {
    Floats r = 1.0f + x * (0.25f + x * (1.0f / 32.0f + x * (1.0f / 384.0f)));
    r *= r;
    return 1.0f - 1.0f / (r * r);
}

/* The first lanes of `new`, so many, and the others of `old`. */
INLINE Uints first_lanes(int count, Uints new, Uints old) {
    return (Uints)pick_ints(COUNT < (float)count, (Ints)new, (Ints)old);
}

/* Writes so many pixels; colours are at least 0. Where there is room for whole vectors one is read,
 * changed in part and written: a copy of odd length is a call. */
INLINE void store_pixels(uint32_t *to, const Floats *colour, int count, size_t room) {
    Ints channel[3];
    for (int k = 0; k < 3; k++)
        channel[k] = as_ints(least(colour[k], floats(255.0f)) + 0.5f);
    Uints packed = (Uints)(channel[0] | channel[1] << 8 | channel[2] << 16) | 0xff000000u, old;
    if (count < LANES && room < LANES) {
        memcpy(to, &packed, sizeof(uint32_t) * (size_t)count);
        return;
    }
    if (count < LANES) {
        memcpy(&old, to, sizeof old);
        packed = first_lanes(count, packed, old);
    }
    memcpy(to, &packed, sizeof packed);
}

/* What the pixels of a row have in common. */
typedef struct {
    int row;
    float focal, step, y, per_haze; /* of a pixel's ray: from column to column, and down */
    size_t room; /* pixels from the row's first one to the end of the picture */
} Line;

INLINE Line line_of(const Frame *f, const Light *light, int row) {
    return (Line){
        row, (float)f->focal, (float)(1.0 / f->focal),
        (float)((row + 0.5 - 0.5 * f->height) / f->focal), 1.0f / light->haze_m,
        (size_t)(f->height - row) * (size_t)f->width,
    };
}

/* Leaves: noise of two sizes on a round crown; its normals are `at` over the half extents. */
INLINE void paint_leaves(Paint *p, const Solid *s, const Floats *at, Floats sharp) {
    static const float size[2] = {0.55f, 0.17f}, strength[2] = {0.30f, 0.42f};
    Floats tone = floats(1.0f);
    for (int i = 0; i < 2; i++) {
        Ints x = as_ints(whole(at[0] * (1.0f / size[i]))), y = as_ints(whole(at[1] * (1.0f / size[i])));
        Ints z = as_ints(whole(at[2] * (1.0f / size[i])));
        Floats grain = noise(x + 57 * z, y + 131 * z, s->id + 7u * s->variant) * (1.0f / 255.0f) - 0.5f;
        tone += grain * strength[i] * clamp01(0.6f * size[i] * sharp - 0.4f);
    }
    for (int k = 0; k < 3; k++) p->own[k] *= tone;
}

/* Colours a stretch of one row that sees one face. `material` and `round` are known where this is
 * compiled, so that each has a loop of its own. */
INLINE void shade_stretch(const Frame *f, const Light *light, const Face *face, const int material,
                          const int round, const Line *line, int from, int to,
                          uint32_t *pixels) {
    const Solid own = *face->solid, *s = &own; /* pixels, when written, cannot change a copy */
    const int k = round ? 0 : face->face >> 1;
    const int row = line->row;
    const float *nearness = f->nearness + place_of(f, row);
    uint32_t *out = pixels + (size_t)row * f->width;
    const float y = line->y, focal = line->focal, step = line->step, per_haze = line->per_haze;
    const float x0 = (float)((from + 0.5 - 0.5 * f->width) / f->focal);
    const float cos = s->heading[0], sin = s->heading[1];
    const size_t room = line->room;
    float eye[3], ray0[3], ray1[3];
    for (int j = 0; j < 3; j++) {
        float size = round ? s->half[j] : 1.0f;
        eye[j] = (float)face->eye[j];
        ray0[j] = (float)at(&face->ray[j], from, row) * size, ray1[j] = (float)face->ray[j].a * size;
    }
    const float wide = face->wide, high = face->high;
    const int side = face->face;
    Reach reach = {0};
    float slant = 1.0f;
    if (material == FACADE) {
        /* Along a row heights change one way only, and so do distances. */
        const float first = nearness[from], last = nearness[to - 1], count = (float)(to - 1 - from);
        const float low = eye[2] + s->half[2] + ray0[2] / first;
        const float up = eye[2] + s->half[2] + (ray0[2] + ray1[2] * count) / last;
        const float x = x0 + 0.5f * step * count;
        slant = fabsf(ray0[k] + 0.5f * ray1[k] * count) / sqrtf(1.0f + x * x + y * y);
        slant = slant > 0.02f ? slant : 0.02f;
        const float sharp = focal * (first < last ? first : last);
        reach.foot = (low < up ? low : up) < high;
        reach.top = (low < up ? up : low) > 2.0f * s->half[2] - 1.0f;
        reach.far = sharp * slant * wide < 3.0f || sharp * high < 3.0f;
    }
    Floats gain[3], mist[3];
    for (int j = 0; j < 3; j++) gain[j] = floats(face->gain[j]), mist[j] = floats(light->mist[j]);
    for (int u = from; u < to; u += LANES) {
        Floats count = COUNT + (float)(u - from), near = load(nearness + u), depth = 1.0f / near;
        Floats x = x0 + step * count, length = root(1.0f + y * y + x * x), sharp = near * focal;
        Floats place[3];
        for (int j = 0; j < 3; j++) place[j] = eye[j] + depth * (ray0[j] + ray1[j] * count);
        if (round) {
            Floats n[3], size = {0};
            for (int j = 0; j < 3; j++) {
                n[j] = place[j] * (1.0f / (s->half[j] * s->half[j]));
                size += n[j] * n[j];
            }
            size = 1.0f / root(size);
            for (int j = 0; j < 3; j++) n[j] *= size;
            light_on(light, cos * n[0] - sin * n[1], sin * n[0] + cos * n[1], n[2], gain);
        }
        Paint p = {{floats(s->bgr[0]), floats(s->bgr[1]), floats(s->bgr[2])}, {{0}}};
        if (material == FACADE) {
            Floats along = k ? place[0] + s->half[0] : place[1] + s->half[1];
            paint_wall(&p, s, along, place[2] + s->half[2], wide, high, sharp * slant, sharp, reach,
                       light->glow, light->sky);
        } else if (material == FOLIAGE) {
            paint_leaves(&p, s, place, sharp);
        } else if (material == CAR_HULL) {
            paint_hull(&p, s, side, place, sharp, light->glow);
        } else if (material == CAR_CABIN) {
            paint_cabin(&p, s, side, place, sharp, light->sky);
        } else if (material == SIGNAL) {
            paint_signal(&p, s, place, sharp);
        } else if (material == SIGN) {
            paint_sign(&p, s, place);
        } else if (s->material == PLAIN && s->lights) { /* the head of a street lamp */
            static const float lamp[3] = {170, 226, 255};
            for (int j = 0; j < 3; j++) p.glow[j] = floats(light->glow * lamp[j]);
        }
        Floats haze = haze_of(depth * length * per_haze), colour[3];
        for (int j = 0; j < 3; j++)
            colour[j] = mix(p.own[j] * gain[j] + p.glow[j], mist[j], haze);
        store_pixels(out + u, colour, to - u, room - (size_t)u);
    }
}

/* Which pattern a face has: only walls have windows, and only fronts lamps and signs. */
INLINE int pattern_of(const Face *face) {
    int material = face->solid->material;
    if (material == FACADE) return face->face < 4 ? FACADE : PLAIN;
    if (material == SIGNAL || material == SIGN) return face->face == 1 ? material : PLAIN;
    return material;
}

INLINE void shade(const Frame *f, const Light *light, const Face *face, const Line *line, int from,
                  int to, uint32_t *out) {
    if (face->face == FACE_ROUND) {
        if (face->solid->material == FOLIAGE)
            shade_stretch(f, light, face, FOLIAGE, 1, line, from, to, out);
        else
            shade_stretch(f, light, face, PLAIN, 1, line, from, to, out);
        return;
    }
    switch (pattern_of(face)) {
    case FACADE: shade_stretch(f, light, face, FACADE, 0, line, from, to, out); break;
    case FOLIAGE: shade_stretch(f, light, face, FOLIAGE, 0, line, from, to, out); break;
    case CAR_HULL: shade_stretch(f, light, face, CAR_HULL, 0, line, from, to, out); break;
    case CAR_CABIN: shade_stretch(f, light, face, CAR_CABIN, 0, line, from, to, out); break;
    case SIGNAL: shade_stretch(f, light, face, SIGNAL, 0, line, from, to, out); break;
    case SIGN: shade_stretch(f, light, face, SIGN, 0, line, from, to, out); break;
    default: shade_stretch(f, light, face, PLAIN, 0, line, from, to, out);
    }
}

/* Sets what all pixels of a face have in common. */
INLINE void prepare_faces(const Frame *f, const Light *light) {
    for (uint32_t i = 0; i < f->count; i++) {
        Face *face = &f->faces[i];
        if (face->face == FACE_ROUND) continue;
        const Solid *s = face->solid;
        float side = face->face & 1 ? 1.0f : -1.0f, n[3] = {0};
        if (face->face < 2) n[0] = side * s->heading[0], n[1] = side * s->heading[1];
        else if (face->face < 4) n[0] = -side * s->heading[1], n[1] = side * s->heading[0];
        else n[2] = side;
        Floats gain[3];
        light_on(light, floats(n[0]), floats(n[1]), floats(n[2]), gain);
        for (int k = 0; k < 3; k++) face->gain[k] = gain[k][0];
        if (s->material == FACADE)
            divide_wall(s, 2.0f * s->half[face->face < 2 ? 1 : 0], &face->wide, &face->high);
    }
}

#endif
