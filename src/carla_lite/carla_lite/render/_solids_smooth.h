/* Smooth edges: where two neighbours see different faces, the edge's place between their centres
 * tells how much of which pixel the nearer face covers (Persson, "Geometry buffer anti-aliasing",
 * 2011). Only colours are smoothed; depth and labels stay those of the pixels' centres. */
#ifndef CARLA_LITE_SOLIDS_SMOOTH_H
#define CARLA_LITE_SOLIDS_SMOOTH_H

#include "_solids_trace.h"

/* How deep in an ellipsoid's outline a pixel's centre is; below 0 outside. */
INLINE double inside_round(const Face *face, double column, double row) {
    double depth = 0.0;
    for (int k = 0; k < 3; k++) {
        double d = at(&face->ray[k], column, row), e = at(&face->edge[k], column, row);
        depth += d * d - e * e;
    }
    return depth;
}

/* The share of the way from a face's pixel to its neighbour, `right` or down by 1, at which the
 * face ends; -1 if its edge runs rather along that way, and the other neighbours tell more. */
INLINE double end_of_face(const Face *face, int column, int row, int right, int down) {
    if (face->face == FACE_ROUND) {
        double here = inside_round(face, column, row);
        double there = inside_round(face, column + right, row + down);
        double aside = inside_round(face, column + down, row + right);
        double other = inside_round(face, column - down, row - right);
        if (there >= 0.0 || fabs(aside - other) > 2.0 * fabs(here - there)) return -1.0;
        return here / (here - there);
    }
    double share = 2.0;
    int along = 0;
    for (int k = 0; k < 4; k++) {
        const Form *e = &face->edge[k];
        double here = at(e, column, row), way = right * e->a + down * e->b;
        if (here + way > 1e-6 * fabs(way)) continue; /* a neighbour on the edge is outside */
        double end = -here / way;
        if (end < share) share = end, along = fabs(right * e->b + down * e->a) > fabs(way);
    }
    if (share == 2.0 || along) return -1.0;
    return share < 1.0 ? (share > 0.0 ? share : 0.0) : 1.0;
}

/* share of 256 of `b`, the rest of `a` */
INLINE uint32_t blend(uint32_t a, uint32_t b, int share) {
    uint32_t even = ((a & 0xff00ff) * (256 - share) + (b & 0xff00ff) * share) >> 8 & 0xff00ff;
    uint32_t odd = ((a >> 8 & 0xff) * (256 - share) + (b >> 8 & 0xff) * share) & 0xff00;
    return 0xff000000u | even | odd;
}

/* Smooths the edge between a pixel and its neighbour, `right` or down by 1. */
INLINE void smooth_pair(const Frame *f, int column, int row, int right, int down, uint32_t *pixels) {
    uint32_t *own = pixels + (size_t)row * f->width + column, *other = own + right + down * f->width;
    if (!((*own ^ *other) & 0xf0f0f0)) return; /* much the same */
    size_t here = place_of(f, row) + column, there = here + right + (size_t)down * f->stride;
    /* The edge is the nearer one's; where a solid meets the ground it is the solid's. */
    int back = f->seen[there] && (!f->seen[here] || f->nearness[here] < f->nearness[there]);
    uint32_t name = f->seen[back ? there : here];
    int sign = back ? -1 : 1;
    double share = end_of_face(&f->faces[name - 1], column + back * right, row + back * down,
                               sign * right, sign * down);
    if (share < 0.0) return;
    if (back) {
        uint32_t *swap = own;
        own = other, other = swap;
    }
    if (share < 0.5)
        *own = blend(*own, *other, (int)((0.5 - share) * 256.0));
    else
        *other = blend(*other, *own, (int)((share - 0.5) * 256.0));
}

/* Lists the columns at which two rows of names differ; returns how many. Both are followed by room
 * for whole chunks. */
INLINE int list_changes(const uint32_t *a, const uint32_t *b, int width, int32_t *list) {
    enum { CHUNK = 4 };
    int count = 0;
    for (int u = 0; u < width; u += CHUNK * LANES) {
        Ints change[CHUNK];
        for (int k = 0; k < CHUNK; k++)
            change[k] = *(const Ints *)(a + u + k * LANES) != *(const Ints *)(b + u + k * LANES);
        if (!any(change[0] | change[1] | change[2] | change[3])) continue;
        for (int k = 0; k < CHUNK; k++)
            for (int i = 0; i < LANES; i++) {
                list[count] = u + k * LANES + i;
                count += change[k][i] & 1;
            }
    }
    return count;
}

#endif
