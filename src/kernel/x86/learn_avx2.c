/* learn_avx2.c - the inner loops of training in AVX2: twelve sums of eight lanes, two registers
 * of b, one of a.
 */
#include "kernel/x86/learn_x86.h"

/* The words first, then the bodies that are written in them. */
#include "kernel/x86/simd_avx2.h"

#define FMA_ROWS              6
#define FMA_VECTORS           1
#define FMA_TILES(t, vectors) t(2, vectors) t(4, vectors) t(6, vectors)
#define FMA_HEIGHT(m)         ((m) <= 2 ? 2 : (m) <= 4 ? 4 : 6)
#define FMA_LOAD2
#define FMA_LOAD4
#define FMA_LOAD6
#define FMA_ROW1(i)                                                                            \
    {                                                                                          \
        const __m256 x = _mm256_broadcast_ss(a + i);                                           \
        p##i.a = _mm256_fmadd_ps(x, b0.a, p##i.a);                                             \
        p##i.b = _mm256_fmadd_ps(x, b0.b, p##i.b);                                             \
    }

#include "kernel/body/fma_tile.h"
#include "kernel/body/grads.h"

void bnt_learn_avx2(bnt_learn_kernels *k)
{
    k->name = "avx2";
    put_fma_tile(k);
    put_grads(k);
}
