/* probe_avxvnni.c - the peak of AVX-VNNI: VPDPBUSD on 32 bytes. */
#define REG_BITS 256
#include "kernel/x86/probe_x86.h"

#define STEP(sum) sum = _mm256_dpbusd_avx_epi32(sum, x, y);

PROBE(bnt_probe_int8_avxvnni, ri, rb_set(3), rb_set(254), STEP, 8)
