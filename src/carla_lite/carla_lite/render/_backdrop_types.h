/* What ground, sky and cameras are in memory. */
#ifndef CARLA_LITE_BACKDROP_TYPES_H
#define CARLA_LITE_BACKDROP_TYPES_H

#include <stdint.h>

enum { LEVELS = 7, BLOCK_SHIFT = 6, BLOCK_SIDE = 1 << BLOCK_SHIFT, BLOCK_PITCH = BLOCK_SIDE + 1 };

/* As `ground.Ground.levels`. */
typedef struct {
    int32_t start, columns, rows;              /* of its blocks in the table */
    int32_t grass, grass_mask;                 /* of blocks that repeat around these */
    int32_t phase_x, phase_y, period;          /* in texels */
    int32_t light_start, light_pitch, light_width, light_height;
} Level;

typedef struct {
    const uint32_t *texels; /* BGRA; A is paint on level 0: 128 none, more white, less yellow */
    const int32_t *table;   /* where each place's block begins */
    const uint8_t *detail;  /* 512 x 512 grain around 128, sixteen to a texel */
    const uint8_t *light;   /* 0 in the shade to 255 in the light, from level `light_level` up */
    const uint8_t *cover;   /* as level 0's blocks: asphalt in the low half byte, paving in the high */
    Level level[LEVELS];
    int32_t light_level; /* LEVELS for none */
    double texel_m, x_m, y_m;
} Ground;

typedef struct {
    int32_t width, height;
    double focal, x, y, z, r[9];
} Camera;

typedef struct {
    float white[3], yellow[3]; /* paint, BGR */
    float shade[3], sun[3];    /* gain in the shade, and what full light adds */
    float mist[3], per_haze_m; /* what the distance fades into */
    float reflected[3], wet;   /* what wet stone mirrors */
    float sharpen;             /* above 0: close ground gets its grain */
} Shading;

enum { SKY_LEVELS = 4 };

typedef struct {
    const uint32_t *texels;
    int32_t start[SKY_LEVELS], width[SKY_LEVELS], height[SKY_LEVELS]; /* pitch: width + 1 */
} Sky;

/* Which pixels of a band of rows show something else: names other than 0, from row `from` on. */
typedef struct {
    const uint32_t *names;
    int stride, from;
    int first, last; /* rows that have names; the last one not */
} Mask;

#endif
