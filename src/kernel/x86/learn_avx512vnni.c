/* learn_avx512vnni.c - the inner loops of training in AVX-512: 24 sums of sixteen lanes, two
 * registers of b, the rest for values of a.
 */
#include "kernel/x86/learn_x86.h"

/* The words first, then the bodies that are written in them. */
#include "kernel/x86/simd_avx512.h"

#define FMA_ROWS              12
#define FMA_VECTORS           2
#define FMA_TILES(t, vectors) t(4, vectors) t(8, vectors) t(12, vectors)
#define FMA_HEIGHT(m)         ((m) <= 4 ? 4 : (m) <= 8 ? 8 : 12)
#define FMA_LOAD4
#define FMA_LOAD8
#define FMA_LOAD12
#define FMA_ROW1(i)                                                                            \
    {                                                                                          \
        const vf x = vf_keep(vf_set1(a[i]));                                                   \
        p##i = vf_fma(x, b0, p##i);                                                            \
    }
#define FMA_ROW2(i)                                                                            \
    {                                                                                          \
        const vf x = vf_keep(vf_set1(a[i]));                                                   \
        p##i = vf_fma(x, b0, p##i);                                                            \
        q##i = vf_fma(x, b1, q##i);                                                            \
    }

#include "kernel/body/fma_tile.h"
#include "kernel/body/grads.h"

void bnt_learn_avx512vnni(bnt_learn_kernels *k)
{
    k->name = "avx512vnni";
    put_fma_tile(k);
    put_grads(k);
}
