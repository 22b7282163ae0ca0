/* probe_avx512vnni.c - the peak of AVX-512: VPDPBUSD on 64 bytes, FMA on 16 floats. */
#define REG_BITS 512
#include "kernel/x86/probe_x86.h"

#define STEP(sum) sum = _mm512_dpbusd_epi32(sum, x, y);

PROBE(bnt_probe_int8_avx512vnni, ri, rb_set(3), rb_set(254), STEP, 8)
PROBE_FP32(bnt_probe_fp32_avx512vnni)
