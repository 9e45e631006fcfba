/* Pictures of a traced frame: colours, depth, labels. */
#ifndef CARLA_LITE_SOLIDS_PICTURE_H
#define CARLA_LITE_SOLIDS_PICTURE_H

#include "_solids_cull.h"
#include "_solids_shade.h"
#include "_solids_shadow.h"
#include "_solids_smooth.h"

/* Index of the first solid with a number that is not finite or out of range, or -1. */
static int first_bad(const Solid *solids, int count) {
    for (int i = 0; i < count; i++) {
        const Solid *s = &solids[i];
        int good = s->shape <= ELLIPSOID && s->material <= SIGN && s->tag <= GUARD_RAIL;
        for (int k = 0; k < 3; k++) /* comparisons with what is not a number are false */
            good &= fabsf(s->centre[k]) <= 1e6f && s->half[k] >= 1e-4f && s->half[k] <= 1e5f;
        float length = s->heading[0] * s->heading[0] + s->heading[1] * s->heading[1];
        if (!(good && fabsf(length - 1.0f) < 1e-3f)) return i;
    }
    return -1;
}

/* Draws the shadows and solids of a traced band, whose first row counts as drawn if it is not
 * `begin`; `list` has room for a row and some more. */
CLONED
void paint_band(const Frame *f, const Light *light, int begin, const Solid *moving, int count,
                uint32_t *pixels, int32_t *list) {
    const Light own = *light; /* pixels, when written, cannot change a copy */
    const int width = f->width;
    prepare_faces(f, &own);
    draw_shadows(f, &own, begin, moving, count, pixels);
    for (int row = f->first > begin ? f->first : begin; row < f->last; row++) {
        const uint32_t *seen = f->seen + place_of(f, row);
        const Line line = line_of(f, &own, row);
        /* Right of the picture nothing is seen, so that all that is ends in a change. */
        int changes = list_changes(seen, seen + 1, width, list), from = 0;
        for (int i = 0; i < changes; i++) {
            uint32_t name = seen[list[i]];
            if (name) shade(f, &own, &f->faces[name - 1], &line, from, list[i] + 1, pixels);
            from = list[i] + 1;
        }
        for (int i = 0; i < changes; i++)
            if (list[i] + 1 < width) smooth_pair(f, list[i], row, 1, 0, pixels);
        if (row == 0) continue;
        changes = list_changes(seen - f->stride, seen, width, list);
        for (int i = 0; i < changes; i++) smooth_pair(f, list[i], row - 1, 0, 1, pixels);
    }
    if (f->last == f->from || f->last == f->to) return;
    /* The row below the last one sees no solids, but their edges. */
    const uint32_t *seen = f->seen + place_of(f, f->last);
    int changes = list_changes(seen - f->stride, seen, width, list);
    for (int i = 0; i < changes; i++) smooth_pair(f, list[i], f->last - 1, 0, 1, pixels);
}

CLONED
void copy_depth(const Frame *f, float *depth) {
    for (int row = f->from; row < f->to; row++) {
        const float *nearness = f->nearness + place_of(f, row);
        for (int u = 0; u < f->width; u++) depth[(size_t)row * f->width + u] = 1.0f / nearness[u];
    }
}

CLONED
void copy_labels(const Frame *f, uint8_t *tags, uint32_t *ids) {
    for (int row = f->from; row < f->to; row++) {
        const uint32_t *seen = f->seen + place_of(f, row);
        for (int u = 0; u < f->width; u++) {
            if (!seen[u]) continue;
            const Solid *s = f->faces[seen[u] - 1].solid;
            tags[(size_t)row * f->width + u] = s->tag, ids[(size_t)row * f->width + u] = s->id;
        }
    }
}

#endif
