/* lanes.h - the 16-lane language that kernels for all instruction sets are written in.
 *
 * A vector is 16 lanes, whatever the registers: `vf` holds 16 floats, `vi` 16 int32, `vb` 64
 * bytes (byte 4 r + i belongs to lane r of a vi). It is one zmm, two ymm or four q registers. A
 * set's simd_*.h (x86/simd_avx2.h, x86/simd_avx512.h, arm/simd_neon.h) defines the types, every
 * word listed here as a `static inline` function (those marked "macro" may be macros that use
 * their arguments more than once), and the numbers
 *
 *   BNT_LANES    defined to 1: bodies are empty without it
 *   TILE_WIDE    a tile of TILE_WIDE x TILE_DEEP accumulators of 16 lanes leaves registers for
 *   TILE_DEEP    the operands: 6 x 4 of 32 zmm, 3 x 2 of 16 ymm or of 32 q registers
 *
 * Lane i is element i in memory. Every operation rounds once, to nearest even, as kernel.h
 * wants it; subnormal numbers count. Pointers need no alignment. A load or store touches the
 * elements it names and no byte beyond; with a count n (0 to 16) these are the first n, and the
 * lanes beyond them become +0.
 *
 * Floats from and to memory
 *   vf   vf_load(const float *p)                  void vf_store(float *p, vf a)
 *   vf   vf_load_n(const float *p, size_t n)      void vf_store_n(float *p, vf a, size_t n)
 *   vf   vf_load_f16(const void *p)               16 halves
 *   vf   vf_load_f16_n(const void *p, size_t n)
 *   vf   vf_load_bf16(const void *p)              16 bfloat16
 *   vf   vf_load_bf16_n(const void *p, size_t n)
 *   vf   vf_load_i8(const void *p)                16 signed bytes
 *   vf   vf_load_i8_n(const void *p, size_t n)
 *   vf   vf_set1_f16(const void *p)               one half, in all lanes
 *   vf   vf_load_twice(const float *p)            8 floats, number i in lanes 2 i and 2 i + 1
 *   void vf_store_f16(void *p, vf a)              to nearest even; NaN becomes sign | 0x7E00
 *   void vf_store_f16_n(void *p, vf a, size_t n)
 *   void vf_turn4(float *p, size_t step, vf a, vf b, vf c, vf d)   lane i of the four side by
 *                              side at p + i step; lanes in any order
 *   void vf_turn2(float *p, size_t step, vf a, vf b)
 *
 * Floats
 *   vf_zero()  vf_set1(float)  vf_add(a, b)  vf_sub(a, b)  vf_mul(a, b)  vf_div(a, b)
 *   vf_fma(a, b, c)            a b + c, rounded once
 *   vf_fnma(a, b, c)           c - a b, rounded once
 *   vf_sqrt(a)                 rounded once
 *   vf_neg(a)                  the sign bit flipped
 *   vf_max(a, b)               no NaN; of -0 and +0 either
 *   vf_swap_pairs(a)           lanes 2 i and 2 i + 1 exchanged
 *   vf_swap_twos(a)  vf_swap_fours(a)  vf_swap_eights(a)   so are neighbors of 2, 4, 8 lanes
 *   vf_where_gt(a, b, x, y)    a > b ? x : y; y where one of them is a NaN
 *   vf_first(n, a, b)          the first n lanes of a, the others of b
 *   vf_exp2_scale(a, k)        a 2^k, for a whole number k in -126 ... 128 and a normal result;
 *                              any lanes else
 *   vf_keep(a)                 a, in registers; macro, and need not exist (tiles.h says why)
 *   float vf_sum(a)            the tree: s[j] += s[j + 8], then + 4, + 2, + 1
 *   float vf_largest(a)        no NaN; of -0 and +0 either
 *
 * Whole numbers, modulo 2^32
 *   vi_zero()  vi_set1(int32_t)  vi_load(const int32_t *)  vi_store(int32_t *, vi)
 *   vi_add(a, b)  vi_sub(a, b)  vi_mul(a, b)  vi_and(a, b)  vi_max(a, b), signed
 *   vi_shl(a, n)               n a literal 0 to 31; macro
 *   vi_load_i8(const void *p)  16 signed bytes
 *   vi_load_u8(const void *p)  16 unsigned bytes
 *   vi_store_i8(void *p, vi a) 16 bytes, of lanes that are -128 ... 127
 *   int32_t vi_largest(a)      signed
 *   vi_sum4(int32_t *out, a, b, c, d)  the sums of the lanes of each, 4 numbers
 *
 * Between the two
 *   vf vf_from_vi(vi a)        to nearest even
 *   vi vi_round(vf a)          to nearest even; |a| < 2^31, any lanes else
 *   vi vi_bits(vf a)           the same bits
 *   vf vf_bits(vi a)           the same bits
 *
 * Bytes
 *   vb_load(const void *p)  vb_set1(uint8_t)  vb_and(a, b)  vb_or(a, b)  vb_xor(a, b)
 *   vb_low(a)                  a & 15
 *   vb_high(a)                 a >> 4
 *   vb_bits(a, n, mask)        (a >> n) & mask; n a literal 0 to 7, mask below 2^(8 - n); macro
 *   vb_lift(a, n, mask)        (a & mask) << n; n a literal 0 to 7, mask below 2^(8 - n); macro
 *   vi vi_from_vb(vb a)        the same bits: four bytes to a lane
 *   vb vb_from_vi(vi a)        the same bits
 *
 * Dots of bytes are words of dot_*.h, since sets share all of the above but not those.
 */
#ifndef BNT_KERNEL_BODY_LANES_H
#define BNT_KERNEL_BODY_LANES_H

/* Asks for a line of memory that will be read soon; harmless for any address. */
static inline void lanes_prefetch(const void *p)
{
    __builtin_prefetch(p, 0, 3);
}

#endif
