/* What solids are in memory, and the short vectors with which pixels are worked on.
 *
 * Vectors are GCC's and Clang's generic ones: eight lanes whatever the machine has. Everything is
 * plain IEEE arithmetic without fused products, so that each machine gives the same bytes.
 */
#ifndef CARLA_LITE_SOLIDS_TYPES_H
#define CARLA_LITE_SOLIDS_TYPES_H

#include <math.h>
#include <string.h>

#include "_target.h"

enum { BOX, ELLIPSOID };
enum { PLAIN, FACADE, FOLIAGE, CAR_HULL, CAR_CABIN, SIGNAL, SIGN };
enum { GUARD_RAIL = 28 }; /* the last of the tags */

/* `carla_lite.scenery.solids.SOLID` */
typedef struct {
    float centre[3], half[3], heading[2];
    uint8_t bgr[3], material, shape, tag, variant, lights;
    uint32_t id;
} Solid;
_Static_assert(sizeof(Solid) == 44, "Solid must have the layout of scenery.solids.SOLID");

#define LANES 8
typedef float Floats __attribute__((vector_size(4 * LANES), aligned(4)));
typedef int32_t Ints __attribute__((vector_size(4 * LANES), aligned(4)));
typedef double Doubles __attribute__((vector_size(8 * LANES), aligned(8)));
typedef int64_t Longs __attribute__((vector_size(8 * LANES), aligned(8)));

static const Floats COUNT = {0, 1, 2, 3, 4, 5, 6, 7};

INLINE Floats floats(float a) { return (Floats){a, a, a, a, a, a, a, a}; }
INLINE Floats load(const float *from) { return *(const Floats *)from; }
INLINE Floats pick(Ints where, Floats a, Floats b) {
    return (Floats)((where & (Ints)a) | (~where & (Ints)b));
}
INLINE Ints pick_ints(Ints where, Ints a, Ints b) { return (where & a) | (~where & b); }
INLINE Floats least(Floats a, Floats b) { return pick(a < b, a, b); }
INLINE Floats most(Floats a, Floats b) { return pick(a > b, a, b); }
INLINE Floats clamp01(Floats a) { return least(most(a, floats(0.0f)), floats(1.0f)); }
INLINE Floats magnitude(Floats a) { return (Floats)((Ints)a & 0x7fffffff); }
INLINE Floats root(Floats a) {
    Floats r;
    for (int i = 0; i < LANES; i++) r[i] = sqrtf(a[i]);
    return r;
}
/* The whole number below; for |a| < 2^31. */
INLINE Floats whole(Floats a) {
    Floats cut = __builtin_convertvector(__builtin_convertvector(a, Ints), Floats);
    return cut - (Floats)((cut > a) & (Ints)floats(1.0f));
}
INLINE Floats mix(Floats a, Floats b, Floats share) { return a + (b - a) * share; }
/* Whether any lane is set. */
INLINE int any(Ints where) {
    typedef int64_t Pairs __attribute__((vector_size(4 * LANES), aligned(4)));
    Pairs pairs = (Pairs)where;
    int64_t found = 0;
    for (int i = 0; i < LANES / 2; i++) found |= pairs[i];
    return found != 0;
}
INLINE double dot3(const double *a, const double *b) {
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

#endif
