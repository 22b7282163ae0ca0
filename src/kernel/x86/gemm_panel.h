/* gemm_panel.h - blocks of interleaved weights as panels, in the words of body/lanes.h.
 *
 * The code of a weight goes into the panel as one byte, its scale as a float with d in it. All
 * types but B4, B3 and B2 are here, whose panels differ more from set to set; how codes of less
 * than four bits come out of their lines is here, too. Before it includes this file a set
 * defines
 *
 *   GEMM_RAISE(zero)  what is added to codes without sign, `zero` being the one that means 0
 *   GEMM_FLIP         the bits of codes with a sign that are flipped
 *   GEMM_SUMS_B6      sums of whole numbers that a span of B6 takes, 1 or 2
 */
#ifndef BNT_KERNEL_X86_GEMM_PANEL_H
#define BNT_KERNEL_X86_GEMM_PANEL_H
#include "kernel/x86/gemm_x86.h"

#ifdef BNT_LANES /* as the bodies: empty without a set */

static inline void gemm_put(uint8_t *line, vi a)
{
    vi_store((int32_t *)(void *)line, a);
}

/* Sixty-four bytes, with `byte` added to each of them; no sum reaches 256. */
static inline vi gemm_raised(vb a, uint8_t byte)
{
    return vi_add(vi_from_vb(a), vi_from_vb(vb_set1(byte)));
}

/* Scales that are halves, 16 a span. */
static inline void gemm_unpack_halves(const uint8_t *halves, size_t n_spans, float *out)
{
    for (size_t i = 0; i < n_spans; i++) {
        vf_store(out + 16 * i, vf_load_f16(halves + 32 * i));
    }
}

static inline void gemm_unpack_codes8(const uint8_t *codes, size_t n_spans, uint8_t *line)
{
    for (size_t i = 0; i < 8 * n_spans; i++) {
        gemm_put(line + 64 * i,
                 vi_from_vb(vb_xor(vb_load(codes + 64 * i), vb_set1(GEMM_FLIP))));
    }
}

static inline void gemm_unpack_b8(const bnt_tile *layout, const uint8_t *head,
                                  const uint8_t *tile, size_t n_spans, const gemm_panel *out)
{
    (void)layout;
    vf_store(out->scales, vf_load_f16(head));
    gemm_unpack_codes8(tile, n_spans, out->codes);
}

static inline void gemm_unpack_q8_0(const bnt_tile *layout, const uint8_t *head,
                                    const uint8_t *tile, size_t n_spans, const gemm_panel *out)
{
    (void)head;
    gemm_unpack_halves(tile, n_spans, out->scales);
    gemm_unpack_codes8(tile + bnt_tile_codes_at(layout, n_spans), n_spans, out->codes);
}

static inline void gemm_unpack_codes4(const uint8_t *codes, size_t n_spans, uint8_t raise,
                                      uint8_t *line)
{
    for (size_t i = 0; i < n_spans; i++, codes += 256, line += 512) {
        for (size_t j = 0; j < 4; j++) {
            const vb two = vb_load(codes + 64 * j);
            gemm_put(line + 64 * j, gemm_raised(vb_low(two), raise));
            gemm_put(line + 64 * j + 256, gemm_raised(vb_high(two), raise));
        }
    }
}

/* ---- codes of two and three bits ----
 *
 * GEMM_SPAN_2(put) and GEMM_SPAN_3(put) say put(line j of the panel, its 64 codes) for each of
 * the eight lines of a span. */
#define GEMM_SPAN_2(put)                                                                       \
    do {                                                                                       \
        const vb first = vb_load(codes), second = vb_load(codes + 64);                         \
        put(0, vb_bits(first, 0, 3));                                                          \
        put(1, vb_bits(first, 2, 3));                                                          \
        put(2, vb_bits(first, 4, 3));                                                          \
        put(3, vb_bits(first, 6, 3));                                                          \
        put(4, vb_bits(second, 0, 3));                                                         \
        put(5, vb_bits(second, 2, 3));                                                         \
        put(6, vb_bits(second, 4, 3));                                                         \
        put(7, vb_bits(second, 6, 3));                                                         \
    } while (0)
#define GEMM_SPAN_3(put)                                                                       \
    do {                                                                                       \
        const vb first = vb_load(codes), second = vb_load(codes + 64), high = vb_load(highs);  \
        put(0, vb_or(vb_bits(first, 0, 3), vb_lift(high, 2, 1)));                              \
        put(1, vb_or(vb_bits(first, 2, 3), vb_lift(high, 1, 2)));                              \
        put(2, vb_or(vb_bits(first, 4, 3), vb_bits(high, 0, 4)));                              \
        put(3, vb_or(vb_bits(first, 6, 3), vb_bits(high, 1, 4)));                              \
        put(4, vb_or(vb_bits(second, 0, 3), vb_bits(high, 2, 4)));                             \
        put(5, vb_or(vb_bits(second, 2, 3), vb_bits(high, 3, 4)));                             \
        put(6, vb_or(vb_bits(second, 4, 3), vb_bits(high, 4, 4)));                             \
        put(7, vb_or(vb_bits(second, 6, 3), vb_bits(high, 5, 4)));                             \
    } while (0)

static inline void gemm_unpack_q4_0(const bnt_tile *layout, const uint8_t *head,
                                    const uint8_t *tile, size_t n_spans, const gemm_panel *out)
{
    (void)head;
    gemm_unpack_halves(tile, n_spans, out->scales);
    gemm_unpack_codes4(tile + bnt_tile_codes_at(layout, n_spans), n_spans, GEMM_RAISE(8),
                       out->codes);
}

/* Scales and mins of Q4_K and Q5_K. */
static inline void gemm_unpack_mins(const bnt_tile *layout, const uint8_t *head,
                                    const uint8_t *tile, size_t n_spans, const gemm_panel *out)
{
    const uint8_t *const mins = tile + bnt_tile_mins_at(layout, n_spans);
    const vf d = vf_load_f16(head);
    for (size_t i = 0; i < n_spans; i++) {
        vf_store(out->scales + 16 * i, vf_mul(d, vf_from_vi(vi_load_u8(tile + 16 * i))));
    }
    for (size_t i = 0; i < 16 * n_spans; i++) {
        out->mins[i] = mins[i];
    }
    vf_store(out->extra, vf_neg(vf_load_f16(head + 32)));
}

static inline void gemm_unpack_q4_k(const bnt_tile *layout, const uint8_t *head,
                                    const uint8_t *tile, size_t n_spans, const gemm_panel *out)
{
    gemm_unpack_mins(layout, head, tile, n_spans, out);
    gemm_unpack_codes4(tile + bnt_tile_codes_at(layout, n_spans), n_spans, GEMM_RAISE(0),
                       out->codes);
}

/* Line j of a span of five bits, j a literal, as put() makes it of codes: bits j and 4 + j of
 * its high bits are bit 4. */
#define GEMM_LINE_5(j, put)                                                                    \
    do {                                                                                       \
        const vb two = vb_load(codes + 64 * (j));                                              \
        gemm_put(line + 64 * (j), put(vb_or(vb_low(two), vb_lift(high, 4 - (j), 1 << (j)))));  \
        gemm_put(line + 64 * (j) + 256, put(vb_or(vb_high(two), vb_bits(high, (j), 16))));     \
    } while (0)
#define GEMM_SPAN_5(put)                                                                       \
    do {                                                                                       \
        const vb high = vb_load(highs);                                                        \
        GEMM_LINE_5(0, put);                                                                   \
        GEMM_LINE_5(1, put);                                                                   \
        GEMM_LINE_5(2, put);                                                                   \
        GEMM_LINE_5(3, put);                                                                   \
    } while (0)
#define GEMM_PUT_Q5_K(codes5) gemm_raised(codes5, GEMM_RAISE(0))

static inline void gemm_unpack_q5_k(const bnt_tile *layout, const uint8_t *head,
                                    const uint8_t *tile, size_t n_spans, const gemm_panel *out)
{
    const uint8_t *codes = tile + bnt_tile_codes_at(layout, n_spans);
    const uint8_t *highs = tile + bnt_tile_high_at(layout, n_spans);
    uint8_t *line = out->codes;

    gemm_unpack_mins(layout, head, tile, n_spans, out);
    for (size_t i = 0; i < n_spans; i++, codes += 256, highs += 64, line += 512) {
        GEMM_SPAN_5(GEMM_PUT_Q5_K);
    }
}

/* Line j of a span of six bits: two high bits each, from one line for the low halves and one
 * for the high. */
#define GEMM_LINE_6(j, bits_of, put)                                                           \
    do {                                                                                       \
        const vb two = vb_load(codes + 64 * (j));                                              \
        gemm_put(line + 64 * (j), put(vb_or(vb_low(two), bits_of(first))));                    \
        gemm_put(line + 64 * (j) + 256, put(vb_or(vb_high(two), bits_of(second))));            \
    } while (0)
#define GEMM_BITS_0(a) vb_lift(a, 4, 3)
#define GEMM_BITS_1(a) vb_lift(a, 2, 12)
#define GEMM_BITS_2(a) vb_bits(a, 0, 48)
#define GEMM_BITS_3(a) vb_bits(a, 2, 48)
#define GEMM_SPAN_6(put)                                                                       \
    do {                                                                                       \
        const vb first = vb_load(highs), second = vb_load(highs + 64);                         \
        GEMM_LINE_6(0, GEMM_BITS_0, put);                                                      \
        GEMM_LINE_6(1, GEMM_BITS_1, put);                                                      \
        GEMM_LINE_6(2, GEMM_BITS_2, put);                                                      \
        GEMM_LINE_6(3, GEMM_BITS_3, put);                                                      \
    } while (0)
#define GEMM_PUT_Q6_K(codes6) gemm_raised(codes6, GEMM_RAISE(32))

static inline void gemm_unpack_q6_k(const bnt_tile *layout, const uint8_t *head,
                                    const uint8_t *tile, size_t n_spans, const gemm_panel *out)
{
    const uint8_t *codes = tile + bnt_tile_codes_at(layout, n_spans);
    const uint8_t *highs = tile + bnt_tile_high_at(layout, n_spans);
    uint8_t *line = out->codes;
    const vf d = vf_load_f16(head);

    for (size_t i = 0; i < 2 * n_spans; i++) {
        vf_store(out->scales + 16 * i, vf_mul(d, vf_from_vi(vi_load_i8(tile + 16 * i))));
    }
    for (size_t i = 0; i < n_spans; i++, codes += 256, highs += 128, line += 512) {
        GEMM_SPAN_6(GEMM_PUT_Q6_K);
    }
}

#define GEMM_PUT_B5(codes5) gemm_raised(codes5, GEMM_RAISE(16))

/* Types whose spans have a scale: span as above, of its codes, which are put by `put`; sums: of
 * a span, the last of which has the scale. */
#define GEMM_UNPACK_SPANS(name, span, put, high_bytes, sums)                                   \
    static inline void name(const bnt_tile *layout, const uint8_t *head, const uint8_t *tile,  \
                            size_t n_spans, const gemm_panel *out)                             \
    {                                                                                          \
        const uint8_t *codes = tile + bnt_tile_codes_at(layout, n_spans);                      \
        const uint8_t *highs = tile + bnt_tile_high_at(layout, n_spans);                       \
        const vf d = vf_load_f16(head);                                                        \
        uint8_t *line = out->codes;                                                            \
                                                                                               \
        for (size_t i = 0; i < n_spans; i++, line += 512) {                                    \
            vf_store(out->scales + 16 * ((sums)*i + (sums)-1),                                 \
                     vf_mul(d, vf_from_vi(vi_load_i8(tile + 16 * i))));                        \
            span(put);                                                                         \
            codes += 256, highs += high_bytes;                                                 \
        }                                                                                      \
    }
GEMM_UNPACK_SPANS(gemm_unpack_b6, GEMM_SPAN_6, GEMM_PUT_Q6_K, 128, GEMM_SUMS_B6)
GEMM_UNPACK_SPANS(gemm_unpack_b5, GEMM_SPAN_5, GEMM_PUT_B5, 64, 1)

#endif
#endif
