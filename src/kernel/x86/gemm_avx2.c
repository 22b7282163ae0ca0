/* gemm_avx2.c - GEMM in AVX2: tiles of 16 rows and 3 tokens, or of 8 rows and 6 tokens.
 *
 * VPMADDUBSW multiplies bytes without sign by bytes with one and adds products in pairs to
 * int16. Panels hold codes as they are, those of B3 and B2 as codes of B4 of the same value.
 * Those of up to six bits have no sign, and the sums of 16 or 32 columns fit int16:
 *
 *   Q4_K        8 pairs of c q, at most 8 * 2 * 15 * 127 < 2^15
 *   B5, Q5_K    8 pairs of (c - 16) q, at most 8 * 2 * 16 * 127 < 2^15
 *   B4, Q4_0    8 pairs of (c - 8) q, at most 8 * 2 * 8 * 127 < 2^15
 *   B6, Q6_K    4 pairs of (c - 32) q, at most 4 * 2 * 32 * 127 < 2^15
 *
 * The last three start at -16, -8 or -32 times the sums of q and may wrap on the way; what Q5_K
 * started with is taken away again from the widened sum. So a span costs one multiplication
 * that widens, which applies the scales of B4 as well.
 *
 * Codes of eight bits have a sign: |c| is multiplied by q with the sign of c, and each pair, at
 * most 2 * 128 * 127 < 2^15, is widened at once.
 *
 * A tile has twelve registers of sums: six of a span and six of a block. The other four hold
 * what is multiplied, so that the products of a token are plain instructions: left to itself, a
 * compiler takes one register more and puts sums off to memory.
 */
#include "kernel/x86/simd_avx2.h"

#define REG_BITS          256
#define GEMM_TILE_GROUPS  1
#define GEMM_PANEL_GROUPS 2
#define GEMM_RAISE(zero)  0
#define GEMM_FLIP         0
#define GEMM_SUMS_B6      2
#include "kernel/x86/gemm_panel.h"
#include "kernel/x86/x86.h"

enum {
    LINE = 64,              /* bytes of four columns in a panel */
    STEP = 4 * GEMM_TOKENS, /* and in packed tokens */
    ENTRY = GEMM_ENTRY
};

/* ---- packed tokens: sums of q at columns 0, 1 and at columns 2, 3 of every four ---- */

/* Of 16 columns, as two int16. */
static inline __m128i pair_sums(const int8_t *q)
{
    const __m128i codes = _mm_loadu_si128((const __m128i *)(const void *)q);
    const __m128i pairs = _mm_maddubs_epi16(_mm_set1_epi8(1), codes);
    const __m128i two = _mm_add_epi16(pairs, _mm_unpackhi_epi64(pairs, pairs));
    return _mm_add_epi16(two, _mm_shuffle_epi32(two, 1));
}

static inline void put_start(uint8_t *out, __m128i sums)
{
    const int32_t both = _mm_cvtsi128_si32(sums);
    memcpy(out, &both, sizeof(both));
}

/* Spans start at -8 times the sums, half spans at -32 times. */
static void gemm_pack_avx2(const bnt_acts *x, uint8_t *block)
{
    const gemm_sections s = gemm_sections_of(x->columns);
    const size_t stride = bnt_acts_stride(x->columns);

    gemm_pack_tokens(x, block);
    memset(block + s.block, 0, s.pairs - s.block);
    for (uint32_t t = 0; t < x->n_tokens; t++) {
        uint8_t *span = block + s.span + 4 * t, *half = block + s.half + 4 * t;
        for (size_t c = 0; c < x->columns; c += 32, span += ENTRY, half += 2 * ENTRY) {
            const __m128i zero = _mm_setzero_si128();
            const __m128i a = _mm_sub_epi16(zero, pair_sums(x->q + t * stride + c));
            const __m128i b = _mm_sub_epi16(zero, pair_sums(x->q + t * stride + c + 16));
            put_start(span, _mm_slli_epi16(_mm_add_epi16(a, b), 3));
            put_start(half, _mm_slli_epi16(a, 5));
            put_start(half + ENTRY, _mm_slli_epi16(b, 5));
        }
    }
}

/* ---- panels ---- */

/* For scales the int16 s, twice in each lane; d apart. */
static void gemm_unpack_scales(const uint8_t *head, const uint8_t *tile, size_t n_spans,
                               const gemm_panel *out)
{
    vf_store(out->extra, vf_load_f16(head));
    for (size_t i = 0; i < n_spans; i++) {
        const vi s = vi_and(vi_load_i8(tile + 16 * i), vi_set1(0xFFFF));
        vf_store(out->scales + 16 * i, vf_bits(vi_mul(s, vi_set1(0x10001))));
    }
}

static void gemm_unpack_b4(const bnt_tile *layout, const uint8_t *head, const uint8_t *tile,
                           size_t n_spans, const gemm_panel *out)
{
    gemm_unpack_scales(head, tile, n_spans, out);
    gemm_unpack_codes4(tile + bnt_tile_codes_at(layout, n_spans), n_spans, 0, out->codes);
}

/* Codes of B3 and B2 with as much added as makes their zero 8. */
#define GEMM_PUT_RAISED(j, codes4) gemm_put(line + 64 * (j), gemm_raised(codes4, raise))

static void gemm_unpack_b3(const bnt_tile *layout, const uint8_t *head, const uint8_t *tile,
                           size_t n_spans, const gemm_panel *out)
{
    const uint8_t *codes = tile + bnt_tile_codes_at(layout, n_spans), raise = 8 - 4;
    const uint8_t *highs = tile + bnt_tile_high_at(layout, n_spans);
    uint8_t *line = out->codes;

    gemm_unpack_scales(head, tile, n_spans, out);
    for (size_t i = 0; i < n_spans; i++, codes += 128, highs += 64, line += 512) {
        GEMM_SPAN_3(GEMM_PUT_RAISED);
    }
}

static void gemm_unpack_b2(const bnt_tile *layout, const uint8_t *head, const uint8_t *tile,
                           size_t n_spans, const gemm_panel *out)
{
    const uint8_t *codes = tile + bnt_tile_codes_at(layout, n_spans), raise = 8 - 2;
    uint8_t *line = out->codes;

    gemm_unpack_scales(head, tile, n_spans, out);
    for (size_t i = 0; i < n_spans; i++, codes += 128, line += 512) {
        GEMM_SPAN_2(GEMM_PUT_RAISED);
    }
}

/* ---- micro-kernels ---- */

static const int16_t ones[16]
    __attribute__((aligned(32))) = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};

static inline __m256i load(const void *p)
{
    return _mm256_load_si256(p);
}

/* Four bytes in every lane. */
static inline __m256i spread(const void *p)
{
    int32_t four;
    memcpy(&four, p, sizeof(four));
    return _mm256_set1_epi32(four);
}

/* Bytes in memory as an operand. */
#define OPERAND4(p)  "m"(*(const uint8_t(*)[4])(p))
#define OPERAND32(p) "m"(*(const uint8_t(*)[32])(const void *)(p))

/* Four columns without sign: a += products of wa and q, b += products of wb and q, in pairs. */
static inline void dot(__m256i *a, __m256i *b, __m256i wa, __m256i wb, const uint8_t *q)
{
    __m256i u, v;
    __asm__("vpbroadcastd %6, %2\n\t"
            "vpmaddubsw %2, %4, %3\n\t"
            "vpmaddubsw %2, %5, %2\n\t"
            "vpaddw %3, %0, %0\n\t"
            "vpaddw %2, %1, %1"
            : "+x"(*a), "+x"(*b), "=&x"(u), "=&x"(v)
            : "x"(wa), "x"(wb), OPERAND4(q));
}

/* Four columns with a sign: a += products of w, whose |w| is `size`, and q, widened. */
static inline void dot_signed(__m256i *a, __m256i w, __m256i size, const uint8_t *q)
{
    __m256i u;
    __asm__("vpbroadcastd %4, %1\n\t"
            "vpsignb %2, %1, %1\n\t"
            "vpmaddubsw %1, %3, %1\n\t"
            "vpmaddwd %5, %1, %1\n\t"
            "vpaddd %1, %0, %0"
            : "+x"(*a), "=&x"(u)
            : "x"(w), "x"(size), OPERAND4(q), OPERAND32(ones));
}

/* Mins of two spans: a and b += products of wa and wb with a pair of sums. */
static inline void dot_mins(__m256i *a, __m256i *b, __m256i wa, __m256i wb, const int16_t *pair)
{
    __m256i u, v;
    __asm__("vpbroadcastd %6, %2\n\t"
            "vpmaddwd %2, %4, %3\n\t"
            "vpmaddwd %2, %5, %2\n\t"
            "vpaddd %3, %0, %0\n\t"
            "vpaddd %2, %1, %1"
            : "+x"(*a), "+x"(*b), "=&x"(u), "=&x"(v)
            : "x"(wa), "x"(wb), OPERAND4((const void *)pair));
}

/* int16 in pairs, times int16 at `by`. */
static inline __m256i widened(__m256i a, const void *by)
{
    __asm__("vpmaddwd %1, %0, %0" : "+x"(a) : OPERAND32(by));
    return a;
}

/* fma(a, scales, total) */
static inline __m256 folded(__m256 total, __m256i a, const float *scales)
{
    __m256 u = _mm256_cvtepi32_ps(a);
    __asm__("vfmadd231ps %2, %1, %0" : "+x"(total) : "x"(u), OPERAND32(scales));
    return total;
}

/* y = fma(a, b, x) */
static inline void add_product(float *y, __m256 a, __m256 b, const float *x)
{
    _mm256_storeu_ps(y, _mm256_fmadd_ps(a, b, _mm256_loadu_ps(x)));
}

#define MICRO(name)                                                                            \
    GEMM_MICRO void name(const gemm_panel *panel, const gemm_tokens *tokens, uint32_t columns, \
                         const gemm_floats *f)
#define OPERANDS                                                                               \
    const uint8_t *p = panel->codes, *x = tokens->codes;                                       \
    const float *s = panel->scales, *d = tokens->d;                                            \
    GEMM_FLOATS_BEGIN(f)
#define NEXT_BLOCK                                                                             \
    uint32_t left = columns < BNT_TILE_BLOCK ? columns : (uint32_t)BNT_TILE_BLOCK;             \
    columns -= left;                                                                           \
    GEMM_FLOATS_BLOCK(f, columns == 0)

/* ---- codes without sign ----
 *
 * For each token t the sums of a span, or half a span, are a of rows 0 to 7 and b of rows 8 to
 * 15, and those of a block are the totals ya and yb.
 */
enum { PLAIN_TOKENS = 3 };
#define FOR_TOKENS(m) m(0) m(1) m(2)

#define SUMS(t)       __m256i a##t, b##t;
#define ZERO(t)       a##t = b##t = _mm256_setzero_si256();
#define START(t)      a##t = b##t = spread(start + 4 * t);
#define WIDEN(t)      a##t = widened(a##t, ones), b##t = widened(b##t, ones);
#define TOTALS(t)     __m256 ya##t = _mm256_setzero_ps(), yb##t = ya##t;
#define TOTAL_ADD(t)  ya##t = folded(ya##t, a##t, s), yb##t = folded(yb##t, b##t, s + 8);
#define TOTAL_MINS(t) ya##t = folded(ya##t, a##t, dmin), yb##t = folded(yb##t, b##t, dmin + 8);
#define TOTAL_TO_Y(t)                                                                          \
    dx = _mm256_set1_ps(d[t]);                                                                 \
    add_product(to, ya##t, dx, from);                                                          \
    add_product(to + 8, yb##t, dx, from + 8);                                                  \
    GEMM_FLOATS_NEXT_TOKEN;

/* Four columns; sixteen of them. */
#define DOT0(t) dot(&a##t, &b##t, wa, wb, x + 4 * t);
#define DOT1(t) dot(&a##t, &b##t, wa, wb, x + STEP + 4 * t);
#define DOT2(t) dot(&a##t, &b##t, wa, wb, x + 2 * STEP + 4 * t);
#define DOT3(t) dot(&a##t, &b##t, wa, wb, x + 3 * STEP + 4 * t);
#define COLUMNS4(i)                                                                            \
    wa = load(p + LINE * i);                                                                   \
    wb = load(p + LINE * i + 32);                                                              \
    FOR_TOKENS(DOT##i)
#define COLUMNS16                                                                              \
    COLUMNS4(0);                                                                               \
    COLUMNS4(1);                                                                               \
    COLUMNS4(2);                                                                               \
    COLUMNS4(3);                                                                               \
    p += 4 * LINE, x += 4 * STEP

/* Of B4 the totals are whole numbers too, and the scales of spans int16. */
#define TOTALS_B4(t) __m256i za##t = _mm256_setzero_si256(), zb##t = za##t;
#define TOTAL_ADD_B4(t)                                                                        \
    za##t = _mm256_add_epi32(za##t, widened(a##t, s));                                         \
    zb##t = _mm256_add_epi32(zb##t, widened(b##t, s + 8));
#define TOTAL_TO_Y_B4(t)                                                                       \
    dx = _mm256_set1_ps(d[t]);                                                                 \
    add_product(to, _mm256_cvtepi32_ps(za##t), _mm256_mul_ps(_mm256_load_ps(scale), dx),       \
                from);                                                                         \
    add_product(to + 8, _mm256_cvtepi32_ps(zb##t),                                             \
                _mm256_mul_ps(_mm256_load_ps(scale + 8), dx), from + 8);                       \
    GEMM_FLOATS_NEXT_TOKEN;

MICRO(b4)
{
    const uint8_t *start = tokens->start;
    const float *scale = panel->extra;
    OPERANDS;
    while (columns) {
        NEXT_BLOCK;
        __m256i wa, wb;
        __m256 dx;
        FOR_TOKENS(SUMS);
        FOR_TOKENS(TOTALS_B4);
        for (; left; left -= 32) {
            FOR_TOKENS(START);
            COLUMNS16;
            COLUMNS16;
            FOR_TOKENS(TOTAL_ADD_B4);
            s += 16, start += ENTRY;
        }
        FOR_TOKENS(TOTAL_TO_Y_B4);
        GEMM_KEEP_STORED();
        GEMM_FLOATS_NEXT_BLOCK(f);
        scale += 16, d += GEMM_TOKENS;
    }
}

/* The mins of a block of eight spans, multiplied by pairs of sums. */
#define MIN(t) dot_mins(&a##t, &b##t, wa, wb, pairs + 2 * t);
#define MINS                                                                                   \
    FOR_TOKENS(ZERO);                                                                          \
    for (int i = 0; i < BNT_TILE_SPANS / 2; i++) {                                             \
        wa = load(m), wb = load(m + 16);                                                       \
        FOR_TOKENS(MIN);                                                                       \
        m += 32, pairs += 2 * GEMM_TOKENS;                                                     \
    }                                                                                          \
    FOR_TOKENS(TOTAL_MINS);                                                                    \
    dmin += 16
#define NO_MINS

/* sum: a span's or half span's sums, of `width` columns. */
#define SPANS(name, width, sum, at_end)                                                        \
    MICRO(name)                                                                                \
    {                                                                                          \
        const uint8_t *start = tokens->start;                                                  \
        const int16_t *m = panel->mins, *pairs = tokens->pairs;                                \
        const float *dmin = panel->extra;                                                      \
        OPERANDS;                                                                              \
        (void)m, (void)pairs, (void)dmin;                                                      \
        while (columns) {                                                                      \
            NEXT_BLOCK;                                                                        \
            __m256i wa, wb;                                                                    \
            __m256 dx;                                                                         \
            FOR_TOKENS(SUMS);                                                                  \
            FOR_TOKENS(TOTALS);                                                                \
            for (; left; left -= width) {                                                      \
                sum;                                                                           \
                FOR_TOKENS(TOTAL_ADD);                                                         \
                s += 16, start += ENTRY;                                                       \
            }                                                                                  \
            at_end;                                                                            \
            FOR_TOKENS(TOTAL_TO_Y);                                                            \
            GEMM_KEEP_STORED();                                                                \
            GEMM_FLOATS_NEXT_BLOCK(f);                                                         \
            d += GEMM_TOKENS;                                                                  \
        }                                                                                      \
    }
#define SUM_Q4_0                                                                               \
    FOR_TOKENS(START);                                                                         \
    COLUMNS16;                                                                                 \
    COLUMNS16;                                                                                 \
    FOR_TOKENS(WIDEN)
#define SUM_Q4_K                                                                               \
    FOR_TOKENS(ZERO);                                                                          \
    COLUMNS16;                                                                                 \
    COLUMNS16;                                                                                 \
    FOR_TOKENS(WIDEN)
/* Twice the start of spans, read again at the end. */
#define START_Q5_K(t)                                                                          \
    wa = spread(start + 4 * t);                                                                \
    a##t = b##t = _mm256_add_epi16(wa, wa);
#define WIDEN_Q5_K(t)                                                                          \
    wa = spread(start + 4 * t);                                                                \
    wa = widened(_mm256_add_epi16(wa, wa), ones);                                              \
    a##t = _mm256_sub_epi32(widened(a##t, ones), wa);                                          \
    b##t = _mm256_sub_epi32(widened(b##t, ones), wa);
#define SUM_Q5_K                                                                               \
    FOR_TOKENS(START_Q5_K);                                                                    \
    GEMM_KEEP_STORED();                                                                        \
    COLUMNS16;                                                                                 \
    COLUMNS16;                                                                                 \
    FOR_TOKENS(WIDEN_Q5_K)
#define SUM_Q6_K                                                                               \
    FOR_TOKENS(START);                                                                         \
    COLUMNS16;                                                                                 \
    FOR_TOKENS(WIDEN)

#define SUM_B5                                                                                 \
    FOR_TOKENS(START_Q5_K);                                                                    \
    COLUMNS16;                                                                                 \
    COLUMNS16;                                                                                 \
    FOR_TOKENS(WIDEN)

/* The sums of half a span wait in memory for those of the other. */
#define HOLD(t)                                                                                \
    _mm256_store_si256(&held[2 * t], widened(a##t, ones));                                     \
    _mm256_store_si256(&held[2 * t + 1], widened(b##t, ones));
#define WIDEN_HELD(t)                                                                          \
    a##t = _mm256_add_epi32(widened(a##t, ones), held[2 * t]);                                 \
    b##t = _mm256_add_epi32(widened(b##t, ones), held[2 * t + 1]);
#define SUM_B6                                                                                 \
    __m256i held[2 * PLAIN_TOKENS];                                                            \
    FOR_TOKENS(START);                                                                         \
    COLUMNS16;                                                                                 \
    FOR_TOKENS(HOLD);                                                                          \
    s += 16, start += ENTRY;                                                                   \
    GEMM_KEEP_STORED();                                                                        \
    FOR_TOKENS(START);                                                                         \
    COLUMNS16;                                                                                 \
    FOR_TOKENS(WIDEN_HELD)

SPANS(b5, 32, SUM_B5, NO_MINS)
SPANS(b6, 32, SUM_B6, NO_MINS)
SPANS(q4_0, 32, SUM_Q4_0, NO_MINS)
SPANS(q4_k, 32, SUM_Q4_K, MINS)
SPANS(q5_k, 32, SUM_Q5_K, MINS)
SPANS(q6_k, 16, SUM_Q6_K, NO_MINS)

/* ---- codes with a sign ----
 *
 * For each token t the sum of a span, of B8 of a block, is a, and the total of a block is ya,
 * both of 8 rows. The other half of a panel's rows lies 8 numbers further everywhere.
 */
enum { SIGNED_TOKENS = 6 };
#define FOR_SIX(m) m(0) m(1) m(2) m(3) m(4) m(5)

#define SUM8(t)       __m256i a##t;
#define ZERO8(t)      a##t = _mm256_setzero_si256();
#define TOTAL8(t)     __m256 ya##t = _mm256_setzero_ps();
#define TOTAL8_ADD(t) ya##t = folded(ya##t, a##t, s);
#define TOTAL8_TO_Y(t)                                                                         \
    add_product(to, ya##t, _mm256_set1_ps(d[t]), from);                                        \
    GEMM_FLOATS_NEXT_TOKEN;
#define SUM8_TO_Y(t)                                                                           \
    add_product(to, _mm256_cvtepi32_ps(a##t),                                                  \
                _mm256_mul_ps(_mm256_load_ps(s), _mm256_set1_ps(d[t])), from);                 \
    GEMM_FLOATS_NEXT_TOKEN;

/* Four columns; sixteen of them. */
#define SIGNED0(t) dot_signed(&a##t, w, size, x + 4 * t);
#define SIGNED1(t) dot_signed(&a##t, w, size, x + STEP + 4 * t);
#define SIGNED2(t) dot_signed(&a##t, w, size, x + 2 * STEP + 4 * t);
#define SIGNED3(t) dot_signed(&a##t, w, size, x + 3 * STEP + 4 * t);
#define SIGNED4(i)                                                                             \
    w = load(p + LINE * i);                                                                    \
    size = _mm256_abs_epi8(w);                                                                 \
    FOR_SIX(SIGNED##i)
#define SIGNED16                                                                               \
    SIGNED4(0);                                                                                \
    SIGNED4(1);                                                                                \
    SIGNED4(2);                                                                                \
    SIGNED4(3);                                                                                \
    p += 4 * LINE, x += 4 * STEP

MICRO(b8)
{
    OPERANDS;
    while (columns) {
        NEXT_BLOCK;
        __m256i w, size;
        FOR_SIX(SUM8);
        FOR_SIX(ZERO8);
        for (; left; left -= 16) {
            SIGNED16;
        }
        FOR_SIX(SUM8_TO_Y);
        GEMM_KEEP_STORED();
        GEMM_FLOATS_NEXT_BLOCK(f);
        s += 16, d += GEMM_TOKENS;
    }
}

MICRO(q8_0)
{
    OPERANDS;
    while (columns) {
        NEXT_BLOCK;
        __m256i w, size;
        FOR_SIX(SUM8);
        FOR_SIX(TOTAL8);
        for (; left; left -= 32) {
            FOR_SIX(ZERO8);
            SIGNED16;
            SIGNED16;
            FOR_SIX(TOTAL8_ADD);
            s += 16;
        }
        FOR_SIX(TOTAL8_TO_Y);
        GEMM_KEEP_STORED();
        GEMM_FLOATS_NEXT_BLOCK(f);
        d += GEMM_TOKENS;
    }
}

GEMM_MULTIPLY(multiply_b4, b4, PLAIN_TOKENS)
GEMM_MULTIPLY(multiply_q4_0, q4_0, PLAIN_TOKENS)
GEMM_MULTIPLY(multiply_q4_k, q4_k, PLAIN_TOKENS)
GEMM_MULTIPLY(multiply_q5_k, q5_k, PLAIN_TOKENS)
GEMM_MULTIPLY(multiply_q6_k, q6_k, PLAIN_TOKENS)
GEMM_MULTIPLY(multiply_b5, b5, PLAIN_TOKENS)
GEMM_MULTIPLY(multiply_b6, b6, PLAIN_TOKENS)
GEMM_MULTIPLY(multiply_b8_half, b8, SIGNED_TOKENS)
GEMM_MULTIPLY(multiply_q8_0_half, q8_0, SIGNED_TOKENS)

/* Both halves of the rows. */
#define GEMM_HALVES(name, half)                                                                \
    static void name(const gemm_panel *p, const gemm_tokens *x, uint32_t columns,              \
                     uint32_t n_tokens, const gemm_floats *f)                                  \
    {                                                                                          \
        const gemm_panel second = {p->codes + 32, p->scales + 8, p->mins, p->extra};           \
        const gemm_floats floats = gemm_floats_at(f, 0, 8);                                    \
        half(p, x, columns, n_tokens, f);                                                      \
        half(&second, x, columns, n_tokens, &floats);                                          \
    }
GEMM_HALVES(multiply_b8, multiply_b8_half)
GEMM_HALVES(multiply_q8_0, multiply_q8_0_half)

#include "kernel/x86/gemm_table.h"

static const gemm_kind kinds[BNT_TILES] = {
    [BNT_TILE_B4] = {GEMM_TYPE_B4, multiply_b4, 8},
    [BNT_TILE_B3] = {GEMM_TYPE_B3, multiply_b4, 8},
    [BNT_TILE_B2] = {GEMM_TYPE_B2, multiply_b4, 8},
    [BNT_TILE_B8] = {GEMM_TYPE_B8, multiply_b8, 1},
    [BNT_TILE_B6] = {GEMM_TYPE_B6, multiply_b6, 16},
    [BNT_TILE_B5] = {GEMM_TYPE_B5, multiply_b5, 8},
    [BNT_TILE_Q4_0] = {GEMM_TYPE_Q4_0, multiply_q4_0, 8},
    [BNT_TILE_Q8_0] = {GEMM_TYPE_Q8_0, multiply_q8_0, 8},
    [BNT_TILE_Q4_K] = {GEMM_TYPE_Q4_K, multiply_q4_k, 8},
    [BNT_TILE_Q5_K] = {GEMM_TYPE_Q5_K, multiply_q5_k, 8},
    [BNT_TILE_Q6_K] = {GEMM_TYPE_Q6_K, multiply_q6_k, 16},
};

GEMM_TABLE(bnt_gemm_avx2, gemm_pack_avx2)
