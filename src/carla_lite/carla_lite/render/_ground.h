/*
 * The ground under a pinhole camera, a run of pixels at a time.
 *
 * A ray d that is one unit long along the optical axis and n down meets the ground at t = h / n,
 * for a camera h above it. A pixel's footprint is t / f across (along the horizon) and t / (n f)
 * away from it, so the level of detail depends on n alone: without roll a whole row has one.
 */
#ifndef CARLA_LITE_GROUND_H
#define CARLA_LITE_GROUND_H

#include "_ground_sample.h"
#include "_ground_shade.h"

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
    int far;      /* out of sight of the raster: the place in the grass, which repeats */
} Origin;

static Origin place_camera(const Ground *ground, const Level *level, const Camera *camera,
                           int number)
{
    const double scale = 256.0 / (ground->texel_m * (1 << number));
    const double period = 256.0 * level->period;
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
    if (origin.far) level.columns = level.rows = 0;
    const int samples = 1 << detail->doublings;
    clear(s, count);
    for (int k = 0; k < samples; k++) {
        const float share = ((float)k + 0.5f) / (float)samples - 0.5f;
        place(&level, origin.x, origin.y, share, count, s);
        fetch_ground(ground->texels, ground->table, count, s);
        blend(count, s);
    }
    int shift = ground->light_level - detail->level;
    shift = shift > 0 ? shift : 0;
    if (ground->light_level < LEVELS && !origin.far)
        sample_light(ground->light, &ground->level[detail->level + shift], shift, count, s);
    else
        fill(s->light, 1.0f, count);
    if (look->sharpen > 0.0f && is_near(count, s))
        sample_detail(ground->detail, count, s);
    else
        fill(s->grain, 1.0f, count);
    shade_ground(look, detail, count, s, out);
}

#endif
