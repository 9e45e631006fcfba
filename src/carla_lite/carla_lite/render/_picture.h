/* Whole pictures of ground and sky, and what else a camera tells of them. */
#ifndef CARLA_LITE_PICTURE_H
#define CARLA_LITE_PICTURE_H

#include <stdlib.h>
#include <string.h>

#include "_ground.h"
#include "_sky.h"

enum { NO_GROUND = -1, MOST_DETAILS = 3 * LEVELS, MOST_COLUMNS = 8192 };

typedef struct {
    Detail detail[MOST_DETAILS];
    int details;
    float away[3]; /* see `Lens` */
} Plan;

static Plan make_plan(const Camera *camera, double texel_m)
{
    Plan plan;
    const double *r = camera->r;
    double slope = sqrt(r[7] * r[7] + r[8] * r[8]);
    double right = slope > 1e-9 ? r[7] / slope : 0.0, up = slope > 1e-9 ? r[8] / slope : 1.0;
    plan.away[0] = (float)(r[1] * right + r[2] * up);
    plan.away[1] = (float)(r[4] * right + r[5] * up);
    plan.away[2] = (float)slope;
    plan.details = plan_detail(camera->z, camera->focal, texel_m, plan.detail);
    return plan;
}

static Rays cast_row(const Camera *camera, int v)
{
    const double *r = camera->r, step = 1.0 / camera->focal;
    double right = (0.5 - 0.5 * camera->width) * step;
    double up = (0.5 * camera->height - v - 0.5) * step;
    Rays rays = {
        (float)(r[0] + r[1] * right + r[2] * up),    (float)(r[1] * step),
        (float)(r[3] + r[4] * right + r[5] * up),    (float)(r[4] * step),
        (float)-(r[6] + r[7] * right + r[8] * up), (float)-(r[7] * step), 0,
    };
    return rays;
}

static int detail_at(const Plan *plan, const Rays *restrict rays, int i)
{
    float n = rays->n + (float)(rays->from + i) * rays->n_step;
    if (!(n > HORIZON)) return NO_GROUND;
    for (int k = 0; k < plan->details; k++)
        if (n > plan->detail[k].above) return k;
    return plan->details - 1;
}

/* How many pixels from the first on share its detail. */
static int stretch(const Plan *plan, const Rays *restrict rays, int detail, int count)
{
    if (detail_at(plan, rays, count - 1) == detail) return count;
    int same = 0, other = count - 1;
    while (other - same > 1) {
        int middle = (same + other) / 2;
        if (detail_at(plan, rays, middle) == detail)
            same = middle;
        else
            other = middle;
    }
    return other;
}

/* Pixels that wait to be drawn together, and where in the picture they go. */
typedef struct {
    int detail, count, parts;
    int32_t to[RUN], size[RUN];
    Lens lens;
    Scratch scratch;
    uint8_t marks[MOST_COLUMNS + 8]; /* of the row at hand: where something else is seen */
} Waiting;

/* What all pixels of a picture are drawn from. */
typedef struct {
    const Ground *ground;
    const Shading *look;
    const Sky *sky;
    const Camera *camera;
    Plan plan;
    int sky_level;
} Backing;

static void draw_waiting(const Backing *b, Waiting *w, uint32_t *out)
{
    /* Whole vectors of pixels that follow one another need no copy. */
    const int direct = w->parts == 1 && w->count % WIDEST == 0;
    uint32_t pixels[ROOM], *to = direct ? out + w->to[0] : pixels;
    if (w->detail == NO_GROUND)
        draw_sky(b->sky, b->sky_level, w->count, &w->scratch, to);
    else
        draw_ground(b->ground, b->look, b->camera, &b->plan.detail[w->detail], w->count, &w->scratch,
                    to);
    if (!direct)
        for (int i = 0; i < w->parts; to += w->size[i++])
            memcpy(out + w->to[i], to, sizeof(uint32_t) * (size_t)w->size[i]);
    w->count = w->parts = 0;
}

/* Adds a stretch of a row. Pixels that follow one another and share their detail go together. */
static void add_stretch(const Backing *b, Waiting *w, int row, int from, int to, uint32_t *out)
{
    const int width = b->camera->width;
    Rays rays = cast_row(b->camera, row);
    for (int u = from, count; u < to; u += count) {
        rays.from = u;
        const int next = detail_at(&b->plan, &rays, 0);
        if (w->count == RUN || (w->count && next != w->detail)) draw_waiting(b, w, out);
        if (next != w->detail && next != NO_GROUND)
            w->lens = make_lens(b->ground, b->camera, &b->plan.detail[next], b->plan.away);
        w->detail = next;
        count = to - u < RUN - w->count ? to - u : RUN - w->count;
        count = stretch(&b->plan, &rays, next, count);
        if (next == NO_GROUND)
            meet_sky(&rays, b->sky->width[b->sky_level], b->sky->height[b->sky_level], w->count,
                     count, &w->scratch);
        else
            meet_ground(&rays, w->count, count, &w->lens, &w->scratch);
        const int32_t place = row * width + u;
        if (w->parts && w->to[w->parts - 1] + w->size[w->parts - 1] == place)
            w->size[w->parts - 1] += count;
        else
            w->to[w->parts] = place, w->size[w->parts++] = count;
        w->count += count;
    }
}

/* Which names are others than 0: a byte each, 255 or 0, and whole words of them. */
CLONED static void mark_names(const uint32_t *restrict names, int width, uint8_t *restrict marks)
{
    for (int i = 0; i < width; i++) marks[i] = names[i] ? 255 : 0;
}

/* The first place from `u` on that is marked, or that is not; `width` if none is. */
static int next_change(const uint8_t *marks, int u, int width, int marked)
{
    for (uint64_t eight; u < width; u += 8) {
        memcpy(&eight, marks + u, 8);
        if (!marked) eight = ~eight;
        if (!eight) continue;
        u += __builtin_ctzll(eight) >> 3; /* the first byte is the lowest, as a pixel's blue is */
        return u < width ? u : width;
    }
    return width;
}

/* Draws those pixels of a row at which nothing else is seen, and short gaps between them. */
static void add_row(const Backing *b, Waiting *w, int row, const uint32_t *names, uint32_t *out)
{
    enum { LEAST_GAP = 48 }; /* less is drawn over: a stretch of its own costs more */
    const int width = b->camera->width;
    uint8_t *marks = w->marks;
    mark_names(names, width, marks);
    for (int from = next_change(marks, 0, width, 0), to, next; from < width; from = next) {
        to = next_change(marks, from, width, 1);
        while ((next = next_change(marks, to, width, 0)) < width && next - to < LEAST_GAP)
            to = next_change(marks, next, width, 1);
        add_stretch(b, w, row, from, to, out);
    }
}

/* Draws the rows of a picture from `from` on where the mask, if there is one, shows nothing else. */
static void draw_backdrop(const Ground *ground, const Shading *look, const Sky *sky,
                          const Camera *camera, int from, int to, const Mask *mask, uint32_t *out)
{
    const Backing backing = {
        ground, look, sky, camera, make_plan(camera, ground->texel_m),
        sky_level(camera->focal, sky->width[0]),
    };
    Waiting waiting;
    waiting.detail = NO_GROUND, waiting.count = waiting.parts = 0;
    for (int row = from; row < to; row++) {
        if (mask && row >= mask->first && row < mask->last)
            add_row(&backing, &waiting, row,
                    mask->names + (size_t)(row - mask->from) * mask->stride, out);
        else
            add_stretch(&backing, &waiting, row, 0, camera->width, out);
    }
    if (waiting.count) draw_waiting(&backing, &waiting, out);
}

/* CARLA's tags of what has no solid. */
enum { TAG_ROAD = 1, TAG_SIDEWALK = 2, TAG_TERRAIN = 10, TAG_SKY = 11, TAG_ROAD_LINE = 24 };

static void label_ground(const Ground *ground, int count, const Scratch *s, uint8_t *out)
{
    const Level *level = &ground->level[0];
    const int half = 65536 * 15 / 2;
    for (int i = 0; i < count; i++) {
        const int32_t x = (s->x[i] >> SHIFT) + level->phase_x, y = (s->y[i] >> SHIFT) + level->phase_y;
        const int32_t bx = x >> BLOCK_SHIFT, by = y >> BLOCK_SHIFT;
        out[i] = TAG_TERRAIN;
        if ((uint32_t)bx >= (uint32_t)level->columns || (uint32_t)by >= (uint32_t)level->rows) continue;
        const int32_t first = ground->table[level->start + by * level->columns + bx] +
                              (y & (BLOCK_SIDE - 1)) * BLOCK_PITCH + (x & (BLOCK_SIDE - 1));
        const int fx = s->x[i] & 255, fy = s->y[i] & 255;
        const int weight[4] = {(256 - fx) * (256 - fy), fx * (256 - fy), (256 - fx) * fy, fx * fy};
        int asphalt = 0, paved = 0, paint = -128 * 65536;
        for (int k = 0; k < 4; k++) {
            const int32_t at = first + (k >> 1) * BLOCK_PITCH + (k & 1);
            asphalt += weight[k] * (ground->cover[at] & 15);
            paved += weight[k] * (ground->cover[at] >> 4);
            paint += weight[k] * (int)(ground->texels[at] >> 24);
        }
        if (abs(paint) > 65536 * LEAST_COVER)
            out[i] = TAG_ROAD_LINE;
        else if (paved > half)
            out[i] = asphalt > half ? TAG_ROAD : TAG_SIDEWALK;
    }
}

/* What the ground is at places in the world, in metres. */
static void tag_places(const Ground *ground, const double *x, const double *y, size_t places,
                       uint8_t *out)
{
    Scratch s;
    const double scale = 256.0 / ground->texel_m;
    for (size_t first = 0; first < places; first += RUN) {
        const int count = places - first < RUN ? (int)(places - first) : RUN;
        for (int i = 0; i < count; i++) {
            double px = (x[first + i] - ground->x_m) * scale - 128.0;
            double py = (y[first + i] - ground->y_m) * scale - 128.0;
            s.x[i] = (int32_t)floor(fmin(fmax(px, -FARTHEST), FARTHEST));
            s.y[i] = (int32_t)floor(fmin(fmax(py, -FARTHEST), FARTHEST));
        }
        label_ground(ground, count, &s, out + first);
    }
}

/* What the ground is at the pixels' centres. */
static void draw_labels(const Ground *ground, const Camera *camera, uint8_t *out)
{
    static const Detail finest = {0.0f, 0, 0};
    Scratch s;
    Plan plan = make_plan(camera, ground->texel_m);
    plan.details = 1; /* all the ground alike */
    const Lens lens = make_lens(ground, camera, &finest, plan.away);
    const Origin origin = place_camera(ground, &ground->level[0], camera, 0);
    for (int v = 0; v < camera->height; v++) {
        Rays rays = cast_row(camera, v);
        for (int u = 0, count; u < camera->width; u += count, out += count) {
            rays.from = u;
            const int detail = detail_at(&plan, &rays, 0);
            count = camera->width - u < RUN ? camera->width - u : RUN;
            count = stretch(&plan, &rays, detail, count);
            if (detail == NO_GROUND || origin.far) {
                memset(out, detail == NO_GROUND ? TAG_SKY : TAG_TERRAIN, (size_t)count);
                continue;
            }
            meet_ground(&rays, 0, count, &lens, &s);
            place(&ground->level[0], origin.x, origin.y, 0.0f, count, &s);
            label_ground(ground, count, &s, out);
        }
    }
}

/* Luma as OpenCV has it (ITU-R BT.601), in its own fixed point. */
CLONED static void to_grey(const uint32_t *pixels, size_t count, uint8_t *out)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t p = pixels[i];
        out[i] = (uint8_t)(((p & 255) * 1868 + (p >> 8 & 255) * 9617 + (p >> 16 & 255) * 4899 +
                            8192) >> 14);
    }
}

#endif
