/* gemm_avx512vnni.c - GEMM in AVX-512 VNNI: tiles of 32 rows, and of 12 or 6 tokens. */
#include "kernel/x86/simd_avx512.h"
#include "kernel/x86/x86.h"

#define REG_BITS          512
#define GEMM_TILE_GROUPS  2
#define GEMM_PANEL_GROUPS 2

#define GEMM_SECOND(p, part, n) ((p)[1].part)

#include "kernel/x86/gemm_micro_vnni.h"

GEMM_WHOLE(whole12, GEMM_EACH12)
GEMM_WHOLE(whole8, GEMM_EACH8)
GEMM_WHOLE(whole4, GEMM_EACH4)

static void multiply_whole(const gemm_panel *p, const gemm_tokens *x, uint32_t columns,
                           uint32_t n_tokens, const gemm_floats *f)
{
    if (n_tokens > 8) {
        whole12(p, x, columns, f);
    } else if (n_tokens > 4) {
        whole8(p, x, columns, f);
    } else {
        whole4(p, x, columns, f);
    }
}

GEMM_REST_VNNI(bnt_gemm_avx512vnni, GEMM_EACH6, 6)
