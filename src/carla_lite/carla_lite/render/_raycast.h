/* Rays against solids and the ground: a walk through the grid of what stays, a test of each sphere
 * around what moves (Amanatides and Woo, "A fast voxel traversal algorithm for ray tracing", 1987). */
#ifndef CARLA_LITE_RAYCAST_H
#define CARLA_LITE_RAYCAST_H

#include "_solids_types.h"

enum { TAG_GROUND = 255 }; /* which tag the ground has there is looked up later */

/* `carla_lite.render.solids_static.StaticSolids` */
typedef struct {
    double origin[2], cell, top;
    int columns, rows;
    const int32_t *starts, *members;
} Grid;

/* Solids and the spheres around them, seen from the rays' origin: offset x, y, z, and the square of
 * the distance from the sphere along a tangent. */
typedef struct {
    const Solid *solids;
    int padded;
    const float *bounds;
    float *spheres;
} Targets;

typedef struct {
    float *distance;
    uint8_t *tag;
    uint32_t *id;
    float *cosine;
} Hits;

typedef struct {
    double distance, cosine;
    const Solid *solid;
} Hit;

INLINE void place_spheres(const Targets *t, const double *origin) {
    for (int i = 0; i < t->padded; i += LANES) {
        Floats offset[3], square = {0}, radius = load(t->bounds + 3 * t->padded + i);
        for (int k = 0; k < 3; k++) {
            offset[k] = load(t->bounds + k * t->padded + i) - (float)origin[k];
            square += offset[k] * offset[k];
            *(Floats *)(t->spheres + k * t->padded + i) = offset[k];
        }
        /* Somewhat larger, for rounding; what is empty is never met. */
        Floats tangent = square * 0.999998f - radius * radius;
        *(Floats *)(t->spheres + 3 * t->padded + i) = pick(radius < 0.0f, floats(1e30f), tangent);
    }
}

/* Keeps a solid as the hit if the ray enters it before. From inside it is not seen. */
INLINE void meet(const Solid *s, const double *origin, const double *d, Hit *hit) {
    double cos = s->heading[0], sin = s->heading[1];
    double x = origin[0] - s->centre[0], y = origin[1] - s->centre[1];
    double o[3] = {cos * x + sin * y, cos * y - sin * x, origin[2] - s->centre[2]};
    double r[3] = {cos * d[0] + sin * d[1], cos * d[1] - sin * d[0], d[2]};
    if (s->shape == ELLIPSOID) {
        double across = 0.0, along = 0.0, length = 0.0, eye = 0.0;
        for (int k = 0; k < 3; k++) o[k] /= s->half[k], r[k] /= s->half[k];
        for (int k = 0; k < 3; k++) {
            int i = (k + 1) % 3, j = (k + 2) % 3;
            double c = o[i] * r[j] - o[j] * r[i];
            across += c * c, along -= o[k] * r[k], length += r[k] * r[k], eye += o[k] * o[k];
        }
        double under = length - across;
        if (eye <= 1.0 || under < 0.0 || along <= 0.0) return;
        double t = (eye - 1.0) / (along + sqrt(under));
        if (t >= hit->distance) return;
        double facing = 0.0, size = 0.0;
        for (int k = 0; k < 3; k++) {
            double n = (o[k] + t * r[k]) / s->half[k];
            facing += n * r[k] * s->half[k], size += n * n;
        }
        *hit = (Hit){t, fabs(facing) / sqrt(size), s};
        return;
    }
    double enter = -1e300, leave = 1e300;
    int axis = 0;
    for (int k = 0; k < 3; k++) {
        double inverse = 1.0 / r[k], a = (-s->half[k] - o[k]) * inverse, b = (s->half[k] - o[k]) * inverse;
        double low = a < b ? a : b, high = a < b ? b : a;
        if (r[k] == 0.0) { /* beside the slab or within it, all along */
            if (fabs(o[k]) > s->half[k]) return;
            continue;
        }
        if (low > enter) enter = low, axis = k;
        if (high < leave) leave = high;
    }
    if (enter <= 0.0 || enter > leave || enter >= hit->distance) return;
    *hit = (Hit){enter, fabs(r[axis]), s};
}

/* Whether a ray, or what is behind its origin, may touch a sphere. */
INLINE int touches(const Targets *t, int i, const float *d) {
    const float *x = t->spheres, *y = x + t->padded, *z = y + t->padded, *tangent = z + t->padded;
    float along = x[i] * d[0] + y[i] * d[1] + z[i] * d[2];
    return tangent[i] <= 0.0f || (along > 0.0f && along * along >= tangent[i]);
}

INLINE void cast_at_moving(const Targets *t, const double *origin, const double *d, Hit *hit) {
    const float *x = t->spheres, *y = x + t->padded, *z = y + t->padded, *tangent = z + t->padded;
    const float way[3] = {(float)d[0], (float)d[1], (float)d[2]};
    for (int i = 0; i < t->padded; i += LANES) {
        Floats along = load(x + i) * way[0] + load(y + i) * way[1] + load(z + i) * way[2];
        Floats tangents = load(tangent + i);
        Ints met = (tangents <= 0.0f) | ((along > 0.0f) & (along * along >= tangents));
        if (!any(met)) continue;
        for (int j = 0; j < LANES; j++)
            if (met[j]) meet(&t->solids[i + j], origin, d, hit);
    }
}

INLINE void cast_at_fixed(const Grid *g, const Targets *t, const double *origin, const double *d, Hit *hit) {
    const float way[3] = {(float)d[0], (float)d[1], (float)d[2]};
    const int size[2] = {g->columns, g->rows};
    double from = 0.0, to = hit->distance, at[2], next[2], pace[2];
    int cell[2], step[2];
    if (d[2] > 0.0 && (g->top - origin[2]) < to * d[2]) to = (g->top - origin[2]) / d[2];
    for (int k = 0; k < 2; k++) {
        at[k] = (origin[k] - g->origin[k]) / g->cell;
        pace[k] = g->cell / fabs(d[k]);
        double low = d[k] > 0.0 ? -at[k] : at[k] - size[k], high = low + size[k];
        if (d[k] == 0.0) {
            if (at[k] < 0.0 || at[k] > size[k]) return;
            continue;
        }
        if (low * pace[k] > from) from = low * pace[k];
        if (high * pace[k] < to) to = high * pace[k];
    }
    if (from > to) return;
    for (int k = 0; k < 2; k++) {
        double x = at[k] + from * d[k] / g->cell;
        cell[k] = x < 0.0 ? 0 : x >= size[k] ? size[k] - 1 : (int)x;
        step[k] = d[k] > 0.0 ? 1 : -1;
        double border = d[k] > 0.0 ? cell[k] + 1 - at[k] : at[k] - cell[k];
        next[k] = d[k] == 0.0 ? 1e300 : border * pace[k];
    }
    for (;;) {
        int where = cell[1] * g->columns + cell[0];
        for (int i = g->starts[where]; i < g->starts[where + 1]; i++)
            if (touches(t, g->members[i], way)) meet(&t->solids[g->members[i]], origin, d, hit);
        int k = next[1] < next[0];
        if (next[k] > to || next[k] > hit->distance) return;
        cell[k] += step[k];
        if (cell[k] < 0 || cell[k] >= size[k]) return;
        next[k] += pace[k];
    }
}

/* Casts `count` rays (any length but 0) from one origin. */
CLONED
void cast_all(const Grid *grid, const Targets *fixed, const Targets *moving, const double *origin,
              const double *directions, int count, double range, const Hits *out) {
    place_spheres(fixed, origin);
    place_spheres(moving, origin);
    for (int i = 0; i < count; i++) {
        double d[3];
        double length = sqrt(dot3(directions + 3 * i, directions + 3 * i));
        for (int k = 0; k < 3; k++) d[k] = directions[3 * i + k] / length;
        Hit hit = {range, 0.0, 0};
        double ground = -origin[2] / d[2];
        int on_ground = d[2] != 0.0 && ground > 0.0 && ground <= range;
        if (on_ground) hit = (Hit){ground, fabs(d[2]), 0};
        cast_at_moving(moving, origin, d, &hit);
        if (fixed->padded && grid->members) cast_at_fixed(grid, fixed, origin, d, &hit);
        int found = on_ground || hit.solid;
        out->distance[i] = found ? (float)hit.distance : INFINITY;
        out->cosine[i] = (float)hit.cosine;
        out->tag[i] = hit.solid ? hit.solid->tag : on_ground ? TAG_GROUND : 0;
        out->id[i] = hit.solid ? hit.solid->id : 0;
    }
}

#endif
