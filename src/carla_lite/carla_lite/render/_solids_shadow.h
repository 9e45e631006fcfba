/* Soft shadows of what moves, on the ground that is seen. Those of what stays are in the ground. */
#ifndef CARLA_LITE_SOLIDS_SHADOW_H
#define CARLA_LITE_SOLIDS_SHADOW_H

#include "_solids_shade.h"

static const double SOFT_M = 0.3;

/* One shadow: a rectangle that is swept along the ground, away from the sun. */
typedef struct {
    double x, y, cos, sin, half_x, half_y; /* the rectangle, at the object's foot */
    double sweep_x, sweep_y;               /* in the rectangle's axes */
} Shadow;

/* The shadow of the solids from `first` on that have one id; sets `next`. */
INLINE Shadow shadow_of(const Light *light, const Solid *solids, int first, int count, int *next) {
    const Solid *s = &solids[first];
    double cos = s->heading[0], sin = s->heading[1], top = 0.0;
    double low[2] = {1e30, 1e30}, high[2] = {-1e30, -1e30};
    int i = first;
    do {
        const Solid *part = &solids[i++];
        double dx = part->centre[0] - s->centre[0], dy = part->centre[1] - s->centre[1];
        double at[2] = {cos * dx + sin * dy, cos * dy - sin * dx};
        double c = fabs(cos * part->heading[0] + sin * part->heading[1]);
        double d = fabs(cos * part->heading[1] - sin * part->heading[0]);
        double reach[2] = {c * part->half[0] + d * part->half[1], d * part->half[0] + c * part->half[1]};
        for (int k = 0; k < 2; k++) {
            if (at[k] - reach[k] < low[k]) low[k] = at[k] - reach[k];
            if (at[k] + reach[k] > high[k]) high[k] = at[k] + reach[k];
        }
        double tip = part->centre[2] + part->half[2];
        top = tip > top ? tip : top;
    } while (i < count && s->id && solids[i].id == s->id);
    *next = i;
    double x = 0.5 * (low[0] + high[0]), y = 0.5 * (low[1] + high[1]);
    double flat = sqrt((double)light->sun[0] * light->sun[0] + (double)light->sun[1] * light->sun[1]);
    /* The upper edges of most things stand back a little. */
    double length = flat > 1e-6 ? 0.85 * light->shadow_length * top / flat : 0.0;
    double away_x = -light->sun[0] * length, away_y = -light->sun[1] * length;
    return (Shadow){
        s->centre[0] + cos * x - sin * y, s->centre[1] + sin * x + cos * y, cos, sin,
        0.5 * (high[0] - low[0]), 0.5 * (high[1] - low[1]),
        cos * away_x + sin * away_y, cos * away_y - sin * away_x,
    };
}

/* Where among `low` to `high` a sweep by `way` is within `half` of `x`; widens no range. */
INLINE void sweep_range(Floats x, float way, float half, Floats *low, Floats *high) {
    float rate = fabsf(way) > 1e-4f ? way : 1e-4f;
    Floats a = (x - half) / rate, b = (x + half) / rate;
    *low = most(*low, least(a, b)), *high = least(*high, most(a, b));
}

INLINE void draw_shadow(const Frame *f, const Light *light, int begin, const Shadow *s,
                        uint32_t *pixels) {
    double corner[8][3], reach_x = s->half_x + SOFT_M, reach_y = s->half_y + SOFT_M;
    int left, right, top, bottom;
    double from[2] = {s->x - f->eye[0], s->y - f->eye[1]};
    for (int i = 0; i < 8; i++) {
        double x = (i & 1 ? reach_x : -reach_x) + (i & 4 ? s->sweep_x : 0.0);
        double y = (i & 2 ? reach_y : -reach_y) + (i & 4 ? s->sweep_y : 0.0);
        double v[3] = {from[0] + s->cos * x - s->sin * y, from[1] + s->sin * x + s->cos * y, -f->eye[2]};
        to_camera(f, v, corner[i]);
    }
    if (!find_window(f, corner, &left, &right, &top, &bottom)) return;
    /* A pixel's ray in the rectangle's axes. */
    double own[2][3] = {{s->cos, s->sin, 0.0}, {-s->sin, s->cos, 0.0}}, n[3];
    Form ray[2];
    for (int k = 0; k < 2; k++) {
        to_camera(f, own[k], n);
        ray[k] = form_of(f, n);
    }
    const float x0 = (float)-(s->cos * from[0] + s->sin * from[1]);
    const float y0 = (float)-(s->cos * from[1] - s->sin * from[0]);
    float lit = light->sun[2] > 0.0f ? light->sun[2] : 0.0f, dark[3];
    for (int k = 0; k < 3; k++) {
        float all = light->ambient[k] + light->direct[k] * lit;
        dark[k] = all > 0.0f ? 0.92f * light->direct[k] * lit / all : 0.0f;
    }
    for (int row = top > begin ? top : begin; row < bottom; row++) {
        const float *nearness = f->nearness + place_of(f, row);
        const int32_t *seen = (const int32_t *)f->seen + place_of(f, row);
        const float rx = (float)at(&ray[0], left, row), ry = (float)at(&ray[1], left, row);
        for (int u = left; u < right; u += LANES) {
            Floats near = load(nearness + u), count = COUNT + (float)(u - left);
            Ints ground = (*(const Ints *)(seen + u) == 0) & (near > floats(0.0f));
            if (!any(ground)) continue;
            Floats depth = 1.0f / pick(ground, near, floats(1.0f));
            Floats x = x0 + depth * (rx + (float)ray[0].a * count);
            Floats y = y0 + depth * (ry + (float)ray[1].a * count);
            Floats low = floats(0.0f), high = floats(1.0f);
            sweep_range(x, (float)s->sweep_x, (float)s->half_x, &low, &high);
            sweep_range(y, (float)s->sweep_y, (float)s->half_y, &low, &high);
            Floats t = clamp01(0.5f * (low + high));
            Floats out_x = most(magnitude(x - t * (float)s->sweep_x) - (float)s->half_x, floats(0.0f));
            Floats out_y = most(magnitude(y - t * (float)s->sweep_y) - (float)s->half_y, floats(0.0f));
            Floats fall = clamp01(1.0f - root(out_x * out_x + out_y * out_y) * (float)(1.0 / SOFT_M));
            fall = pick(ground, fall * fall * (3.0f - 2.0f * fall), floats(0.0f));
            if (!any((Ints)(fall > floats(0.0f)))) continue;
            fall *= 1.0f - haze_of(depth * (1.0f / light->haze_m));
            uint32_t *at = pixels + (size_t)row * f->width + u;
            const size_t room = (size_t)(f->height - row) * (size_t)f->width - (size_t)u;
            int used = right - u < LANES ? right - u : LANES;
            Ints old = {0};
            memcpy(&old, at, room < LANES ? sizeof(uint32_t) * (size_t)used : sizeof old);
            Floats colour[3];
            for (int k = 0; k < 3; k++)
                colour[k] = __builtin_convertvector(old >> (8 * k) & 255, Floats) * (1.0f - dark[k] * fall);
            store_pixels(at, colour, used, room);
        }
    }
}

INLINE void draw_shadows(const Frame *f, const Light *light, int begin, const Solid *moving, int count,
                         uint32_t *pixels) {
    for (int i = 0; i < count;) {
        Shadow s = shadow_of(light, moving, i, count, &i);
        draw_shadow(f, light, begin, &s, pixels);
    }
}

#endif
