/* gemm_avxvnni.c - GEMM in AVX-VNNI: tiles of 16 rows, and of 6 or 3 tokens. */
#include "kernel/x86/simd_avx2.h"
#include "kernel/x86/x86.h"

#define REG_BITS          256
#define GEMM_TILE_GROUPS  1
#define GEMM_PANEL_GROUPS 2

#define GEMM_SECOND(p, part, n) ((p)[0].part + 8 * (n))

#include "kernel/x86/gemm_micro_vnni.h"

GEMM_WHOLE(whole6, GEMM_EACH6)
GEMM_MULTIPLY(multiply_whole, whole6, 6)

GEMM_REST_VNNI(bnt_gemm_avxvnni, GEMM_EACH3, 3)
