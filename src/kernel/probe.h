/* probe.h - what the arithmetic and the memory of a machine can do at most.
 *
 * Kernels are judged by their share of it, and what a model could reach on a device is told
 * from it. Like kernels, probes know no threads and no clocks.
 */
#ifndef BNT_KERNEL_PROBE_H
#define BNT_KERNEL_PROBE_H
#include <stddef.h>
#include <stdint.h>

/* Runs n rounds of independent multiply-adds in registers and returns how many operations they
 * were, a multiply-add being two. *sink gets a number that depends on all of them, so that no
 * compiler leaves them out. */
typedef uint64_t (*bnt_probe_fn)(uint32_t n_rounds, uint32_t *sink);

typedef struct bnt_probes {
    const char *name;  /* of the best set in use, as the kernels' */
    bnt_probe_fn int8; /* the set's dot product of 8-bit numbers, summed in 32 bits */
    bnt_probe_fn fp32; /* its fused multiply-add in single precision; for C alone a product and
                          a sum */
} bnt_probes;

/* The best versions that flags (of base/cpu.h) allow. */
void bnt_probes_init(bnt_probes *p, unsigned flags);

/* Reads size bytes (a multiple of 256, 64-aligned) in four streams side by side, as a GEMV
 * does, and returns a number that depends on all of them. */
uint64_t bnt_probe_read(const uint8_t *data, size_t size);

/* One for each set. */
uint64_t bnt_probe_int8_ref(uint32_t n_rounds, uint32_t *sink);
uint64_t bnt_probe_fp32_ref(uint32_t n_rounds, uint32_t *sink);
uint64_t bnt_probe_int8_avx2(uint32_t n_rounds, uint32_t *sink);
uint64_t bnt_probe_fp32_avx2(uint32_t n_rounds, uint32_t *sink);
uint64_t bnt_probe_int8_avxvnni(uint32_t n_rounds, uint32_t *sink);
uint64_t bnt_probe_int8_avx512vnni(uint32_t n_rounds, uint32_t *sink);
uint64_t bnt_probe_fp32_avx512vnni(uint32_t n_rounds, uint32_t *sink);
uint64_t bnt_probe_int8_neon(uint32_t n_rounds, uint32_t *sink);
uint64_t bnt_probe_fp32_neon(uint32_t n_rounds, uint32_t *sink);
uint64_t bnt_probe_int8_dotprod(uint32_t n_rounds, uint32_t *sink);
uint64_t bnt_probe_int8_i8mm(uint32_t n_rounds, uint32_t *sink);

#endif
