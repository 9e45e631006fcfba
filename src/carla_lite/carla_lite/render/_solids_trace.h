/* Which solid each pixel's centre sees: a buffer of nearness (1 / depth) and one of faces.
 *
 * A face of a box, seen from the camera, is a cone of rays: the rays on the inner side of four
 * planes through the eye. Seen on the picture each is a linear form of column and row, and so is
 * the nearness of the face's plane (Olano and Greer, "Triangle scan conversion using 2D homogeneous
 * coordinates", 1997): nothing is clipped, and nothing is too near. Ellipsoids are solved per pixel.
 * Colours come later, once per pixel, from the buffer of faces (Burns and Hunt, "The visibility
 * buffer", 2013).
 */
#ifndef CARLA_LITE_SOLIDS_TRACE_H
#define CARLA_LITE_SOLIDS_TRACE_H

#include "_solids_types.h"

/* c + a * column + b * row */
typedef struct {
    double c, a, b;
} Form;

enum { FACE_ROUND = 6 };

/* What a pixel may see. Faces 0 to 5 of a box look along -x, +x, -y, +y, -z, +z. */
typedef struct {
    const Solid *solid;
    int face;
    int moving;
    double eye[3];  /* the camera in the solid's axes (m) */
    Form ray[3];    /* the pixel's ray in the solid's axes; of an ellipsoid, over its half extents */
    Form near;      /* 1 / depth; of an ellipsoid: minus eye times ray, both over the half extents */
    Form edge[4];   /* at least 0 inside a box's face; of an ellipsoid (0 to 2), eye cross ray */
    double beyond;  /* of an ellipsoid: the eye's squared distance over the half extents, minus 1 */
    /* Set before colours are asked for. */
    float gain[3];     /* light on a box's face */
    float wide, high;  /* windows of a wall, with the wall around them (m) */
} Face;

typedef struct {
    int width, height, stride; /* stride: floats from row to row, room for whole vectors */
    double focal;
    double eye[3];
    double axis[3][3]; /* ahead, right, down in the world */
    int from, to;      /* the band of rows that is worked on; the last one not */
    float *nearness;   /* of what the band's pixels see, ground included; 0 for the sky */
    uint32_t *seen;    /* 1 + index of the face, 0 for ground and sky */
    Face *faces;
    uint32_t count;    /* of faces so far */
    int first, last;   /* rows of the band in which they may be seen; the last one not */
} Frame;

INLINE size_t place_of(const Frame *f, int row) { return (size_t)(row - f->from) * f->stride; }

/* The form of the product of a vector, in the camera's axes, and the pixel's ray. */
INLINE Form form_of(const Frame *f, const double *n) {
    double a = n[1] / f->focal, b = n[2] / f->focal;
    return (Form){n[0] + a * (0.5 - 0.5 * f->width) + b * (0.5 - 0.5 * f->height), a, b};
}
INLINE double at(const Form *form, double column, double row) {
    return form->c + form->a * column + form->b * row;
}
INLINE void cross3(const double *a, const double *b, double *out) {
    out[0] = a[1] * b[2] - a[2] * b[1];
    out[1] = a[2] * b[0] - a[0] * b[2];
    out[2] = a[0] * b[1] - a[1] * b[0];
}
INLINE void to_camera(const Frame *f, const double *v, double *out) {
    for (int k = 0; k < 3; k++) out[k] = dot3(f->axis[k], v);
}

/* A stretch of one row in which the nearness is `first` at `anchor` and grows by `step`. Returns the
 * lanes that were seen. */
INLINE Ints fill(const Frame *f, int row, int from, int to, int anchor, float first, float step,
                 uint32_t face) {
    float *nearness = f->nearness + place_of(f, row);
    int32_t *seen = (int32_t *)f->seen + place_of(f, row);
    Ints found = {0};
    for (int u = from; u < to; u += LANES) {
        Floats old = load(nearness + u);
        Floats new = first + step * (COUNT + (float)(u - anchor));
        Ints closer = (new > old) & (COUNT < (float)(to - u));
        *(Floats *)(nearness + u) = pick(closer, new, old);
        *(Ints *)(seen + u) = pick_ints(closer, (Ints){0} + (int32_t)face, *(Ints *)(seen + u));
        found |= closer;
    }
    return found;
}

INLINE Doubles pick_doubles(Longs where, Doubles a, Doubles b) {
    return (Doubles)((where & (Longs)a) | (~where & (Longs)b));
}
/* The first whole number not below each lane, kept within 0 and `end`. */
INLINE Ints first_pixel(Doubles x, double end) {
    Doubles zero = {0}, last = zero + end;
    x = pick_doubles(x > zero, x, zero);
    x = pick_doubles(x < last, x, last);
    Ints cut = __builtin_convertvector(x, Ints);
    return cut - __builtin_convertvector(__builtin_convertvector(cut, Doubles) < x, Ints);
}

/* Draws one face whose `edge` and `near` are set; tells whether any pixel sees it. */
INLINE int draw_face(const Frame *f, const Face *face, int top, int bottom, uint32_t name) {
    const Doubles count = __builtin_convertvector(COUNT, Doubles), zero = {0};
    const Form near = face->near;
    double slope[4], start[4];
    for (int k = 0; k < 4; k++) {
        const Form *e = &face->edge[k];
        slope[k] = -e->b / e->a, start[k] = -e->c / e->a;
    }
    Ints found = {0};
    for (int first = top; first < bottom; first += LANES) {
        Doubles row = count + (double)first, left = zero - 1e9, right = zero + 1e9;
        for (int k = 0; k < 4; k++) {
            const Form *e = &face->edge[k];
            Doubles x = slope[k] * row + start[k];
            if (e->a > 0.0)
                left = pick_doubles(x > left, x, left);
            else if (e->a < 0.0)
                right = pick_doubles(x < right, x, right);
            else /* level: rows are in or out */
                right = pick_doubles(e->c + e->b * row < zero, zero - 1e9, right);
        }
        Ints from = first_pixel(left, f->width), to = first_pixel(right, f->width);
        /* Nearness is counted from the far end, so that nothing cancels. */
        Ints anchor = near.a >= 0.0 ? from : to - 1;
        Floats value = __builtin_convertvector(
            near.c + near.b * row + near.a * __builtin_convertvector(anchor, Doubles), Floats);
        int rows = bottom - first < LANES ? bottom - first : LANES;
        for (int i = 0; i < rows; i++)
            if (from[i] < to[i])
                found |= fill(f, first + i, from[i], to[i], anchor[i], value[i], (float)near.a, name);
    }
    return any(found);
}

/* Draws one ellipsoid; tells whether any pixel sees it.
 *
 * With eye o and ray d over the half extents, o + t d meets the unit sphere where
 * 1 / t = (-o.d + sqrt(d.d - |o x d|^2)) / (o.o - 1): no difference of large numbers. */
INLINE int draw_round(const Frame *f, const Face *face, int top, int bottom, uint32_t name) {
    Ints found = {0};
    const float inverse = (float)(1.0 / face->beyond);
    for (int row = top; row < bottom; row++) {
        double c = 0.0, b = 0.0, a = 0.0; /* of the root's argument, c + 2 b u + a u^2 */
        for (int k = 0; k < 3; k++) {
            double d = face->ray[k].c + face->ray[k].b * row, e = face->edge[k].c + face->edge[k].b * row;
            c += d * d - e * e;
            b += d * face->ray[k].a - e * face->edge[k].a;
            a += face->ray[k].a * face->ray[k].a - face->edge[k].a * face->edge[k].a;
        }
        int from = 0, to = f->width;
        double middle = 0.0;
        if (a < 0.0) { /* a stretch of the row; else the outline is open, and each pixel is asked */
            middle = -b / a;
            double reach = (c + b * middle) / -a;
            if (!(reach >= 0.0)) continue;
            reach = sqrt(reach);
            double low = middle - reach, high = middle + reach;
            from = low > 0.0 ? (low < f->width ? (int)ceil(low) : f->width) : 0;
            to = high > 0.0 ? (high < f->width ? (int)ceil(high) : f->width) : 0;
            if (from >= to) continue;
            middle = middle > from ? (middle < to ? floor(middle) : to - 1) : from;
        }
        c += middle * (2.0 * b + a * middle), b += a * middle;
        const float c0 = (float)c, b0 = (float)(2.0 * b), a0 = (float)a;
        const float n0 = (float)at(&face->near, middle, row), n1 = (float)face->near.a;
        float *nearness = f->nearness + place_of(f, row);
        int32_t *seen = (int32_t *)f->seen + place_of(f, row);
        for (int u = from; u < to; u += LANES) {
            Floats x = COUNT + (float)(u - (int)middle), old = load(nearness + u);
            Floats under = c0 + x * (b0 + a0 * x), ahead = n0 + n1 * x;
            if (a < 0.0) under = most(under, floats(0.0f)); /* inside, but for rounding */
            Ints closer = (under >= floats(0.0f)) & (ahead > floats(0.0f)) & (COUNT < (float)(to - u));
            Floats new = (ahead + root(most(under, floats(0.0f)))) * inverse;
            closer &= new > old;
            *(Floats *)(nearness + u) = pick(closer, new, old);
            *(Ints *)(seen + u) = pick_ints(closer, (Ints){0} + (int32_t)name, *(Ints *)(seen + u));
            found |= closer;
        }
    }
    return any(found);
}

/* The part of the band that may see any of eight corners; all of it where one is beside or behind the
 * eye. Tells whether there is a pixel's centre in it. */
INLINE int find_window(const Frame *f, double corner[8][3], int *left, int *right, int *top, int *bottom) {
    double low[2] = {1e300, 1e300}, high[2] = {-1e300, -1e300};
    const int size[2] = {f->width, f->height};
    int behind = 0, beside = 0, from[2] = {0, 0}, to[2] = {f->width, f->height};
    for (int i = 0; i < 8; i++) {
        behind += corner[i][0] <= 0.0;
        if (corner[i][0] < 1e-3) {
            beside = 1;
            continue;
        }
        double scale = f->focal / corner[i][0];
        for (int k = 0; k < 2; k++) {
            double x = corner[i][k + 1] * scale;
            low[k] = x < low[k] ? x : low[k], high[k] = x > high[k] ? x : high[k];
        }
    }
    if (behind == 8) return 0;
    if (!beside)
        for (int k = 0; k < 2; k++) { /* a hair wider, for rounding */
            double middle = 0.5 * size[k] - 0.5, a = low[k] + middle - 1e-6, b = high[k] + middle + 1e-6;
            if (a > size[k] - 1 || b < 0.0) return 0;
            if (a > 0.0) from[k] = (int)ceil(a);
            if (b < size[k] - 1) to[k] = (int)b + 1;
            if (from[k] >= to[k]) return 0;
        }
    *left = from[0], *right = to[0];
    *top = from[1] > f->from ? from[1] : f->from, *bottom = to[1] < f->to ? to[1] : f->to;
    return *top < *bottom;
}

static const uint8_t FACE_CORNERS[6][4] = {
    /* Corner bits: 1 for +x, 2 for +y, 4 for +z; each in a ring. */
    {0, 2, 6, 4}, {1, 3, 7, 5}, {0, 1, 5, 4}, {2, 3, 7, 6}, {0, 1, 3, 2}, {4, 5, 7, 6},
};

/* Keeps a face that is seen. */
INLINE void keep(Frame *f, int seen, int top, int bottom) {
    if (!seen) return;
    f->count++;
    if (top < f->first) f->first = top;
    if (bottom > f->last) f->last = bottom;
}

/* Draws one solid, and notes those of its faces that are seen. */
INLINE void draw_solid(Frame *f, const Solid *s, int moving) {
    double cos = s->heading[0], sin = s->heading[1];
    double to[3] = {s->centre[0] - f->eye[0], s->centre[1] - f->eye[1], s->centre[2] - f->eye[2]};
    const double own[3][3] = {{cos, sin, 0.0}, {-sin, cos, 0.0}, {0.0, 0.0, 1.0}};
    double middle[3], axis[3][3], corner[8][3];
    to_camera(f, to, middle);
    for (int k = 0; k < 3; k++) to_camera(f, own[k], axis[k]);
    for (int i = 0; i < 8; i++)
        for (int k = 0; k < 3; k++)
            corner[i][k] = middle[k] + (i & 1 ? 1 : -1) * s->half[0] * axis[0][k] +
                           (i & 2 ? 1 : -1) * s->half[1] * axis[1][k] +
                           (i & 4 ? 1 : -1) * s->half[2] * axis[2][k];
    int left, right, top, bottom;
    if (!find_window(f, corner, &left, &right, &top, &bottom)) return;

    Face *face = &f->faces[f->count];
    face->solid = s, face->moving = moving;
    for (int k = 0; k < 3; k++) face->eye[k] = -dot3(own[k], to);
    if (s->shape == ELLIPSOID) {
        double eye[3], scaled[3][3], across[3][3];
        for (int k = 0; k < 3; k++) {
            eye[k] = face->eye[k] / s->half[k];
            for (int j = 0; j < 3; j++) scaled[k][j] = axis[k][j] / s->half[k];
            face->ray[k] = form_of(f, scaled[k]);
        }
        face->beyond = dot3(eye, eye) - 1.0;
        if (face->beyond <= 0.0) return;
        double ahead[3];
        for (int j = 0; j < 3; j++) {
            ahead[j] = -(eye[0] * scaled[0][j] + eye[1] * scaled[1][j] + eye[2] * scaled[2][j]);
            across[0][j] = eye[1] * scaled[2][j] - eye[2] * scaled[1][j];
            across[1][j] = eye[2] * scaled[0][j] - eye[0] * scaled[2][j];
            across[2][j] = eye[0] * scaled[1][j] - eye[1] * scaled[0][j];
        }
        face->near = form_of(f, ahead);
        for (int k = 0; k < 3; k++) face->edge[k] = form_of(f, across[k]);
        face->face = FACE_ROUND;
        keep(f, draw_round(f, face, top, bottom, f->count + 1), top, bottom);
        return;
    }
    Form ray[3];
    for (int k = 0; k < 3; k++) ray[k] = form_of(f, axis[k]);
    double eye[3] = {face->eye[0], face->eye[1], face->eye[2]};
    for (int k = 0; k < 3; k++) {
        double outside = fabs(eye[k]) - s->half[k];
        if (!(outside > 0.0)) continue;
        int which = 2 * k + (eye[k] > 0.0);
        double side = eye[k] > 0.0 ? -1.0 : 1.0;
        face = &f->faces[f->count];
        face->solid = s, face->moving = moving, face->face = which;
        for (int j = 0; j < 3; j++) face->eye[j] = eye[j], face->ray[j] = ray[j];
        double scale = side / outside;
        face->near = (Form){ray[k].c * scale, ray[k].a * scale, ray[k].b * scale};
        const uint8_t *ring = FACE_CORNERS[which];
        /* The middle of a face is inside all of its edges. */
        double inside[3];
        for (int j = 0; j < 3; j++)
            inside[j] = 0.5 * (corner[ring[0]][j] + corner[ring[2]][j]);
        for (int e = 0; e < 4; e++) {
            int p = ring[e], q = ring[(e + 1) & 3];
            if (p > q) p = ring[(e + 1) & 3], q = ring[e]; /* neighbours share the very same edge */
            double n[3];
            cross3(corner[p], corner[q], n);
            Form form = form_of(f, n);
            if (dot3(n, inside) < 0.0) form = (Form){-form.c, -form.a, -form.b};
            face->edge[e] = form;
        }
        keep(f, draw_face(f, face, top, bottom, f->count + 1), top, bottom);
    }
}

/* Fills the buffers with ground and sky; the ground is z = 0. */
INLINE void clear_frame(Frame *f) {
    f->count = 0, f->first = f->to, f->last = f->from;
    double down[3] = {f->axis[0][2], f->axis[1][2], f->axis[2][2]};
    for (int k = 0; k < 3; k++) down[k] /= -f->eye[2];
    Form near = form_of(f, down);
    memset(f->seen, 0, sizeof(uint32_t) * (size_t)(f->to - f->from) * f->stride);
    for (int row = f->from; row < f->to; row++) {
        float *nearness = f->nearness + place_of(f, row);
        int anchor = near.a >= 0.0 ? 0 : f->width - 1;
        float first = (float)at(&near, anchor, row), step = (float)near.a;
        for (int u = 0; u < f->stride; u += LANES) {
            Floats new = first + step * (COUNT + (float)(u - anchor));
            *(Floats *)(nearness + u) = most(new, floats(0.0f));
        }
    }
}

#endif
