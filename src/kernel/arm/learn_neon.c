/* learn_neon.c - the inner loops of training in NEON: 24 sums of four lanes, four registers of
 * b, one that holds two values of a.
 */
#include "kernel/arm/learn_arm.h"

/* The words first, then the bodies that are written in them. */
#include "kernel/arm/simd_neon.h"

#define FMA_ROWS              6
#define FMA_VECTORS           1
#define FMA_TILES(t, vectors) t(2, vectors) t(4, vectors) t(6, vectors)
#define FMA_HEIGHT(m)         ((m) <= 2 ? 2 : (m) <= 4 ? 4 : 6)
#define FMA_LOAD2             float32x2_t x
#define FMA_LOAD4             float32x2_t x
#define FMA_LOAD6             float32x2_t x

/* Row i: a pair of a's values is read where its first one is needed, and not before, since all
 * other registers are taken. */
#define FMA_PAIR0 x = vld1_f32(a)
#define FMA_PAIR1
#define FMA_PAIR2 x = vld1_f32(a + 2)
#define FMA_PAIR3
#define FMA_PAIR4 x = vld1_f32(a + 4)
#define FMA_PAIR5
#define FMA_ROW1(i)                                                                            \
    FMA_PAIR##i;                                                                               \
    p##i.a = vfmaq_lane_f32(p##i.a, b0.a, x, i % 2);                                           \
    p##i.b = vfmaq_lane_f32(p##i.b, b0.b, x, i % 2);                                           \
    p##i.c = vfmaq_lane_f32(p##i.c, b0.c, x, i % 2);                                           \
    p##i.d = vfmaq_lane_f32(p##i.d, b0.d, x, i % 2);

#include "kernel/body/fma_tile.h"
#include "kernel/body/grads.h"

void bnt_learn_neon(bnt_learn_kernels *k)
{
    k->name = "neon";
    put_fma_tile(k);
    put_grads(k);
}
