/* The patterns of the materials: windows, car bodies, signals, signs.
 *
 * All lengths are metres in the solid's own axes. `sharp` is the number of pixels to a metre there;
 * patterns are softened to pixels, so that they neither flicker nor moire in the distance.
 */
#ifndef CARLA_LITE_SOLIDS_PAINT_H
#define CARLA_LITE_SOLIDS_PAINT_H

#include "_solids_types.h"

/* `CarLights` and signals, see `scenery.solids`. */
enum { BRAKE = 1, LOW_BEAM = 2, REVERSE = 4, LEFT = 8, RIGHT = 16 };
enum { SIGN_STOP, SIGN_YIELD, SIGN_SPEED }; /* a speed limit adds its tens of km/h */

/* What a surface sends back of the light on it, and what it shines with itself; 0..255. */
typedef struct {
    Floats own[3], glow[3];
} Paint;

typedef uint32_t Uints __attribute__((vector_size(4 * LANES), aligned(4)));

INLINE Ints as_ints(Floats a) { return __builtin_convertvector(a, Ints); }
INLINE Floats as_floats(Ints a) { return __builtin_convertvector(a, Floats); }
/* Noise of whole numbers, evenly 0..255. */
INLINE Floats noise(Ints i, Ints j, uint32_t seed) {
    Uints h = (Uints)i * 73856093u ^ (Uints)j * 19349663u ^ seed * 83492791u;
    h = (h ^ (h >> 15)) * 0x2c1b3c6du;
    h = (h ^ (h >> 12)) * 0x297a2d39u;
    return as_floats((Ints)(h >> 24));
}

/* How much of a pixel at `x` from a stripe's middle the stripe covers. */
INLINE Floats stripe(Floats x, Floats half, Floats sharp) {
    return clamp01((half - magnitude(x)) * sharp + 0.5f);
}
INLINE void cover(Floats *colour, const float *with, Floats share) {
    for (int k = 0; k < 3; k++) colour[k] = mix(colour[k], floats(with[k]), share);
}
INLINE void cover_times(Floats *colour, float gain, Floats share) {
    for (int k = 0; k < 3; k++) colour[k] = mix(colour[k], colour[k] * gain, share);
}
INLINE Floats where(Ints condition) { return (Floats)(condition & (Ints)floats(1.0f)); }

/* Sizes of a wall's windows, with the wall around them, so that a whole number fills it. */
INLINE void divide_wall(const Solid *s, float width, float *wide, float *high) {
    float columns = floorf(width / ((s->variant & 3) == 3 ? 2.0f : 3.0f) + 0.5f);
    float storeys = floorf(2.0f * s->half[2] / 3.2f + 0.5f);
    *wide = width / (columns < 1.0f ? 1.0f : columns);
    *high = 2.0f * s->half[2] / (storeys < 1.0f ? 1.0f : storeys);
}

/* What of a wall a stretch of pixels can see. */
typedef struct {
    int foot, top, far; /* the ground floor; the eaves; windows hardly larger than pixels */
} Reach;

/* A wall with windows. `along` runs from one corner, `up` from the foot; `wide` and `high` are one
 * window's share of it. The lowest two bits of `variant` pick the pattern, the next a shop below. */
INLINE void paint_wall(Paint *p, const Solid *s, Floats along, Floats up, float wide, float high,
                       Floats sharp_along, Floats sharp_up, Reach reach, float glow,
                       const float *sky) {
    static const float share_wide[4] = {0.20f, 0.27f, 0.46f, 0.45f};
    static const float share_high[4] = {0.24f, 0.31f, 0.27f, 0.42f};
    static const float inner[3] = {46, 40, 34}, door[3] = {38, 52, 74}, lamp[3] = {150, 214, 250};
    const int pattern = s->variant & 3;
    const float per_wide = 1.0f / wide, per_high = 1.0f / high, trim = pattern == 3 ? -0.38f : 0.16f;
    Ints i = as_ints(along * per_wide), j = as_ints(up * per_high), low = j == 0;
    Floats x = magnitude(along - (as_floats(i) + 0.5f) * wide), y = up - (as_floats(j) + 0.52f) * high;
    Floats chance = noise(i, j, s->id + 31u * s->variant), away = magnitude(y);
    Floats hw = floats(share_wide[pattern] * wide), hh = floats(share_high[pattern] * high);
    if (reach.foot && s->variant & 4) {
        hw = pick(low, floats(0.45f * wide), hw);
        hh = pick(low, floats(0.36f * high), hh);
    }
    /* The pane, and the frame around it. */
    Floats in_x = (hw - x) * sharp_along + 0.5f, in_y = (hh - away) * sharp_up + 0.5f;
    Floats frame_x = clamp01(in_x + 0.12f * sharp_along), frame_y = clamp01(in_y + 0.12f * sharp_up);
    in_x = clamp01(in_x), in_y = clamp01(in_y);
    if (reach.far) { /* only their average */
        Floats blur_x = clamp01(1.5f - 0.5f * wide * sharp_along);
        Floats blur_y = clamp01(1.5f - 0.5f * high * sharp_up);
        frame_x = mix(frame_x, 2.0f * hw * per_wide, blur_x);
        frame_y = mix(frame_y, 2.0f * hh * per_high, blur_y);
        in_x = mix(in_x, 2.0f * hw * per_wide, blur_x), in_y = mix(in_y, 2.0f * hh * per_high, blur_y);
    }
    Floats pane = in_x * in_y, wall = 1.0f + trim * (frame_x * frame_y);
    /* Walls are a little darker at the foot. */
    wall *= least(0.86f + 0.035f * up, floats(1.0f)) * (1.0f - pane);
    if (reach.top)
        wall *= 1.0f + 0.12f * stripe(up - 2.0f * s->half[2], floats(0.35f), sharp_up);
    Floats leaf = {0};
    if (reach.foot) { /* every sixth column or so has a door */
        Ints has_door = low & (noise(i, (Ints){0}, s->id) < 45.0f);
        leaf = pick(has_door, stripe(x, floats(0.62f), sharp_along), leaf);
        leaf *= stripe(up - 1.05f, floats(1.05f), sharp_up);
        wall *= 1.0f - leaf, pane *= 1.0f - leaf;
    }
    Floats mirror = pane * (0.22f + chance * (0.20f / 255.0f) + y * (0.12f * per_high));
    if (glow > 0.0f) {
        Floats lit = pick(chance < 88.0f, glow * pane, (Floats){0});
        for (int k = 0; k < 3; k++) p->glow[k] = lit * lamp[k] * (0.65f + chance * 0.004f);
        pane -= 0.8f * lit, mirror *= 1.0f - 0.8f * lit;
    }
    for (int k = 0; k < 3; k++)
        p->own[k] = s->bgr[k] * wall + inner[k] * (pane - mirror) + sky[k] * mirror + door[k] * leaf;
}

/* The lower body of a vehicle: wheels, sills, doors; lamps and bumpers at the ends. */
INLINE void paint_hull(Paint *p, const Solid *s, int face, const Floats *at, Floats sharp, float glow) {
    static const float tyre[3] = {26, 24, 24}, hub[3] = {120, 118, 116}, plate[3] = {215, 222, 222};
    static const float head[3] = {228, 236, 238}, tail[3] = {36, 26, 150}, dark[3] = {34, 32, 32};
    static const float beam[3] = {215, 245, 255}, stop[3] = {70, 60, 255}, rear[3] = {34, 28, 190};
    static const float amber[3] = {20, 150, 255}, white[3] = {235, 240, 240};
    const float hx = s->half[0], hy = s->half[1], hz = s->half[2];
    Floats up = at[2] + hz;
    if (face == 2 || face == 3) {
        const float r = 2.0f * hz * 0.52f < 0.36f ? 2.0f * hz * 0.52f : 0.36f;
        Floats x = magnitude(at[0]) - 0.61f * hx;
        cover_times(p->own, 0.72f, stripe(up - 0.62f * 2.0f * hz, floats(0.03f), sharp));
        cover_times(p->own, 0.6f, stripe(at[0] - 0.02f * hx, floats(0.012f), sharp));
        cover(p->own, dark, stripe(up, floats(0.24f * 2.0f * hz), sharp));
        Floats away = root(x * x + (up - r) * (up - r));
        cover(p->own, dark, stripe(away, floats(1.18f * r), sharp));
        cover(p->own, tyre, stripe(away, floats(r), sharp));
        cover(p->own, hub, stripe(away, floats(0.55f * r), sharp));
        return;
    }
    if (face > 1) return;
    Floats across = magnitude(at[1]);
    Floats outer = stripe(across - 0.80f * hy, floats(0.15f * hy), sharp);
    Floats edge = stripe(across - 0.93f * hy, floats(0.06f * hy), sharp);
    Floats lamps = outer * stripe(up - 1.42f * hz, floats(0.22f * hz), sharp);
    cover(p->own, dark, stripe(up, floats(0.56f * hz), sharp));
    cover(p->own, plate, stripe(across, floats(0.26f), sharp) *
                             stripe(up - 0.72f * hz, floats(0.07f), sharp));
    Floats turning = (Floats){0};
    if (s->lights & LEFT) turning += where(at[1] < 0.0f);
    if (s->lights & RIGHT) turning += where(at[1] > 0.0f);
    turning *= lamps * edge;
    const float *lit = 0;
    float strength = 1.0f;
    if (face == 1) {
        cover(p->own, dark, stripe(across, floats(0.52f * hy), sharp) *
                                stripe(up - 1.2f * hz, floats(0.18f * hz), sharp));
        cover(p->own, head, lamps);
        if (s->lights & LOW_BEAM) lit = beam;
    } else {
        cover(p->own, tail, lamps);
        if (s->lights & BRAKE)
            lit = stop;
        else if (s->lights & LOW_BEAM)
            lit = rear, strength = 0.45f + 0.4f * glow;
    }
    for (int k = 0; k < 3; k++) {
        Floats shine = lit ? lamps * (lit[k] * strength) : (Floats){0};
        shine = mix(shine, floats(amber[k]), turning);
        if (face == 0 && s->lights & REVERSE)
            shine += white[k] * stripe(across - 0.55f * hy, floats(0.06f * hy), sharp) *
                     stripe(up - 1.42f * hz, floats(0.16f * hz), sharp);
        p->glow[k] = shine;
        p->own[k] *= 1.0f - (lit ? lamps * strength : turning);
    }
}

/* The upper body of a vehicle: glass between pillars. */
INLINE void paint_cabin(Paint *p, const Solid *s, int face, const Floats *at, Floats sharp,
                        const float *sky) {
    static const float pane[3] = {52, 46, 42};
    if (face > 3) return;
    const float hz = s->half[2], half = face < 2 ? s->half[1] : s->half[0];
    Floats along = face < 2 ? at[1] : at[0];
    Floats glass = stripe(at[2] - 0.02f * hz, floats(0.76f * hz), sharp) *
                   stripe(along, floats(half - 0.09f), sharp);
    if (face > 1) glass *= 1.0f - stripe(along + 0.04f * half, floats(0.06f), sharp);
    Floats mirror = 0.10f + 0.30f * clamp01(0.5f + 0.5f * at[2] * (1.0f / hz));
    for (int k = 0; k < 3; k++)
        p->own[k] = mix(p->own[k], mix(floats(pane[k]), floats(sky[k]), mirror), glass);
}

/* The face of a traffic light: red over yellow over green. */
INLINE void paint_signal(Paint *p, const Solid *s, const Floats *at, Floats sharp) {
    static const float lamp[3][3] = {{50, 40, 255}, {40, 200, 255}, {130, 240, 70}};
    const float third = s->half[2] / 1.5f;
    const float r = 0.82f * (s->half[1] < 0.5f * third ? s->half[1] : 0.5f * third);
    for (int i = 0; i < 3; i++) {
        Floats z = at[2] + (float)(i - 1) * third;
        Floats inside = stripe(root(at[1] * at[1] + z * z), floats(r), sharp);
        int lit = s->lights >> i & 1;
        for (int k = 0; k < 3; k++) {
            p->own[k] = mix(p->own[k], floats(lit ? 0.0f : 0.16f * lamp[i][k]), inside);
            p->glow[k] += lit ? inside * lamp[i][k] : (Floats){0};
        }
    }
}

/* Whether a number's digit, 3 wide and 5 high, has ink at a place counted from its upper left. */
static int has_ink(int digit, int column, int row) {
    static const uint16_t font[10] = {
        075557, 026227, 071747, 071717, 055711, 074717, 074757, 071122, 075757, 075717,
    };
    return font[digit] >> (3 * (4 - row) + 2 - column) & 1;
}

/* A traffic sign: a shape on its plate, and a word or number in it. */
INLINE void paint_sign(Paint *p, const Solid *s, const Floats *at) {
    static const float red[3] = {40, 32, 190}, white[3] = {232, 235, 235}, ink[3] = {24, 22, 22};
    static const float metal[3] = {128, 126, 124};
    for (int i = 0; i < LANES; i++) {
        /* Seen from the front y runs to the left. */
        float x = -at[1][i] / s->half[1], y = at[2][i] / s->half[2], ax = fabsf(x), ay = fabsf(y);
        const float *colour;
        if (s->variant == SIGN_STOP) {
            float rim = ax > ay ? ax : ay;
            rim = rim > 0.7071f * (ax + ay) ? rim : 0.7071f * (ax + ay);
            colour = rim > 1.0f ? metal : rim > 0.92f ? white : red;
            /* Four letters, each a frame, stand for the word. */
            float letter = fmodf(x + 0.8f, 0.4f);
            if (ay < 0.26f && ax < 0.76f && (letter < 0.09f || letter > 0.3f || ay > 0.19f)) colour = white;
        } else if (s->variant == SIGN_YIELD) {
            float rim = 1.155f * ax - 0.55f * (y - 0.8f);
            rim = rim > y ? rim : y;
            colour = rim > 1.0f ? metal : rim > 0.62f ? red : white;
        } else {
            float rim = sqrtf(x * x + y * y);
            colour = rim > 1.0f ? metal : rim > 0.78f ? red : white;
            const int speed = 10 * (s->variant - SIGN_SPEED), digits = speed >= 100 ? 3 : 2;
            float cell = digits == 3 ? 0.115f : 0.15f;
            int column = (int)floorf(x / cell + 0.5f * (4 * digits - 1)), row = (int)floorf(2.5f - y / (1.3f * cell));
            if (speed && column >= 0 && column < 4 * digits - 1 && row >= 0 && row < 5 && column % 4 < 3) {
                int power = digits - 1 - column / 4, number = speed;
                while (power-- > 0) number /= 10;
                if (has_ink(number % 10, column % 4, row)) colour = ink;
            }
        }
        for (int k = 0; k < 3; k++) p->own[k][i] = colour[k];
    }
}

#endif
