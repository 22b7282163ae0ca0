/* gemm_avx2.c - GEMM in AVX2: tiles of 16 rows and 4 tokens.
 *
 * VPMADDUBSW multiplies bytes without sign by bytes with one and adds products in pairs to
 * int16. Panels hold codes as they are. Those of four to six bits have no sign, and the sums of
 * 16 or 32 columns fit int16:
 *
 *   Q4_K        8 pairs of c q, at most 8 * 2 * 15 * 127 < 2^15
 *   Q5_K        4 pairs, twice a span, at most 4 * 2 * 31 * 127 < 2^15
 *   B4, Q4_0    8 pairs of (c - 8) q, at most 8 * 2 * 8 * 127 < 2^15
 *   Q6_K        4 pairs of (c - 32) q, at most 4 * 2 * 32 * 127 < 2^15
 *
 * The last two start at -8 or -32 times the sums of q and may wrap on the way. So a span costs
 * one multiplication that widens, which applies the scales of B4 as well.
 *
 * Codes of eight bits have a sign: |c| is multiplied by q with the sign of c, and each pair, at
 * most 2 * 128 * 127 < 2^15, is widened at once.
 *
 * Sums of spans are added up in memory, which leaves the registers to the tile.
 */
#include "kernel/x86/simd_avx2.h"

#define GEMM_TILE_GROUPS  1
#define GEMM_PANEL_GROUPS 2
#define GEMM_RAISE(zero)  0
#define GEMM_FLIP         0
#include "kernel/x86/gemm_panel.h"
#include "kernel/x86/x86.h"

enum {
    LINE = 64,               /* bytes of four columns in a panel */
    STEP = 4 * GEMM_TOKENS,  /* and in packed tokens */
    ENTRY = 4 * GEMM_TOKENS, /* bytes of one number for each token */
    TILE_TOKENS = 4,
    TILE_NUMBERS = TILE_TOKENS * GEMM_TILE_ROWS
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

/* Codes as they are; for scales the int16 s, twice in each lane; d apart. */
static void gemm_unpack_b4(const bnt_tile *layout, const uint8_t *head, const uint8_t *tile,
                           size_t n_spans, const gemm_panel *out)
{
    vf_store(out->extra, vf_load_f16(head));
    for (size_t i = 0; i < n_spans; i++) {
        const vi s = vi_and(vi_load_i8(tile + 16 * i), vi_set1(0xFFFF));
        vf_store(out->scales + 16 * i, vf_bits(vi_mul(s, vi_set1(0x10001))));
    }
    gemm_unpack_codes4(tile + bnt_tile_codes_at(layout, n_spans), n_spans, 0, out->codes);
}

/* ---- micro-kernels ---- */

static inline __m256i load(const void *p)
{
    return _mm256_load_si256(p);
}

static inline void store(void *p, __m256i a)
{
    _mm256_store_si256(p, a);
}

/* Four bytes in every lane. */
static inline __m256i spread(const void *p)
{
    int32_t four;
    memcpy(&four, p, sizeof(four));
    return _mm256_set1_epi32(four);
}

/* Additions as instructions of their own: gcc 12 would do all multiplications of a span first,
 * and put their results off to memory. */
static inline __m256i plus16(__m256i a, __m256i b)
{
    __asm__("vpaddw %1, %0, %0" : "+x"(a) : "x"(b));
    return a;
}

static inline __m256i plus32(__m256i a, __m256i b)
{
    __asm__("vpaddd %1, %0, %0" : "+x"(a) : "x"(b));
    return a;
}

static inline __m256i widened(__m256i a)
{
    return _mm256_madd_epi16(a, _mm256_set1_epi16(1));
}

/* sum += products of w and q, in pairs: of w without sign as int16, of w with a sign, whose
 * |w| is `size`, as int32. */
static inline __m256i dot16(__m256i sum, __m256i w, __m256i q)
{
    return plus16(sum, _mm256_maddubs_epi16(w, q));
}

static inline __m256i dot32(__m256i sum, __m256i size, __m256i w, __m256i q)
{
    return plus32(sum, widened(_mm256_maddubs_epi16(size, _mm256_sign_epi8(q, w))));
}

/* y = fma(a, b, y) */
static inline void add_product(float *y, __m256 a, __m256 b)
{
    _mm256_store_ps(y, _mm256_fmadd_ps(a, b, _mm256_load_ps(y)));
}

/* For each token t, whose sums are a of rows 0 to 7 and b of rows 8 to 15. */
#define FOR_TOKENS(m) m(0) m(1) m(2) m(3)

#define SUMS(t)  __m256i a##t, b##t;
#define START(t) a##t = b##t = spread(start + 4 * t);
#define ZERO(t)  a##t = b##t = _mm256_setzero_si256();

/* Four columns, codes without sign; sixteen of them. */
#define DOT(t, i)                                                                              \
    q = spread(x + STEP * i + 4 * t);                                                          \
    a##t = dot16(a##t, wa, q);                                                                 \
    b##t = dot16(b##t, wb, q);
#define DOT0(t) DOT(t, 0)
#define DOT1(t) DOT(t, 1)
#define DOT2(t) DOT(t, 2)
#define DOT3(t) DOT(t, 3)
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

/* Four columns, codes with a sign; sixteen of them. */
#define SIGNED(t, i)                                                                           \
    q = spread(x + STEP * i + 4 * t);                                                          \
    a##t = dot32(a##t, size_a, wa, q);                                                         \
    b##t = dot32(b##t, size_b, wb, q);
#define SIGNED_0(t) SIGNED(t, 0)
#define SIGNED_1(t) SIGNED(t, 1)
#define SIGNED_2(t) SIGNED(t, 2)
#define SIGNED_3(t) SIGNED(t, 3)
#define SIGNED4(i)                                                                             \
    do {                                                                                       \
        wa = load(p + LINE * i);                                                               \
        wb = load(p + LINE * i + 32);                                                          \
        const __m256i size_a = _mm256_abs_epi8(wa), size_b = _mm256_abs_epi8(wb);              \
        FOR_TOKENS(SIGNED_##i)                                                                 \
    } while (0)
#define SIGNED16                                                                               \
    SIGNED4(0);                                                                                \
    SIGNED4(1);                                                                                \
    SIGNED4(2);                                                                                \
    SIGNED4(3);                                                                                \
    p += 4 * LINE, x += 4 * STEP

/* From int16 to int32; of Q5_K in two halves, the first of which waits in memory. */
#define WIDEN(t) a##t = widened(a##t), b##t = widened(b##t);
#define PUT_HALF(t)                                                                            \
    store(halves + 16 * t, widened(a##t));                                                     \
    store(halves + 16 * t + 8, widened(b##t));
#define ADD_HALF(t)                                                                            \
    a##t = plus32(widened(a##t), load(halves + 16 * t));                                       \
    b##t = plus32(widened(b##t), load(halves + 16 * t + 8));

/* Sums of a block in memory: floats, or of B4 whole numbers, with int16 scales in fa, fb. */
#define TOTAL_ZERO(t)                                                                          \
    store(total + 16 * t, _mm256_setzero_si256());                                             \
    store(total + 16 * t + 8, _mm256_setzero_si256());
#define TOTAL_ADD(t)                                                                           \
    add_product(total + 16 * t, _mm256_cvtepi32_ps(a##t), fa);                                 \
    add_product(total + 16 * t + 8, _mm256_cvtepi32_ps(b##t), fb);
#define TOTAL_ADD_B4(t)                                                                        \
    store(total + 16 * t, plus32(_mm256_madd_epi16(a##t, fa), load(total + 16 * t)));          \
    store(total + 16 * t + 8, plus32(_mm256_madd_epi16(b##t, fb), load(total + 16 * t + 8)));
#define TOTAL_LOAD(t)                                                                          \
    a##t = load(total + 16 * t);                                                               \
    b##t = load(total + 16 * t + 8);
#define TOTAL_TO_Y(t)                                                                          \
    dx = _mm256_set1_ps(d[t]);                                                                 \
    add_product(y + 16 * t, _mm256_load_ps(total + 16 * t), dx);                               \
    add_product(y + 16 * t + 8, _mm256_load_ps(total + 16 * t + 8), dx);
#define SUM_TO_Y(t)                                                                            \
    dx = _mm256_set1_ps(d[t]);                                                                 \
    add_product(y + 16 * t, _mm256_cvtepi32_ps(a##t), _mm256_mul_ps(fa, dx));                  \
    add_product(y + 16 * t + 8, _mm256_cvtepi32_ps(b##t), _mm256_mul_ps(fb, dx));

#define MICRO(name)                                                                            \
    GEMM_MICRO void name(const gemm_panel *panel, const gemm_tokens *tokens, uint32_t columns, \
                         float *y)
#define OPERANDS                                                                               \
    const uint8_t *p = panel->codes, *x = tokens->codes, *start = tokens->start;               \
    const float *s = panel->scales, *d = tokens->d
#define NEXT_BLOCK                                                                             \
    uint32_t left = columns < BNT_TILE_BLOCK ? columns : (uint32_t)BNT_TILE_BLOCK;             \
    columns -= left;                                                                           \
    __m256i wa, wb, q;                                                                         \
    FOR_TOKENS(SUMS)

MICRO(b4)
{
    int32_t total[TILE_NUMBERS] __attribute__((aligned(32)));
    const float *scale = panel->extra;
    OPERANDS;
    GEMM_IN_MEMORY(total);
    while (columns) {
        NEXT_BLOCK;
        FOR_TOKENS(TOTAL_ZERO);
        for (; left; left -= 32) {
            FOR_TOKENS(START);
            COLUMNS16;
            COLUMNS16;
            const __m256i fa = load(s), fb = load(s + 8);
            FOR_TOKENS(TOTAL_ADD_B4);
            GEMM_KEEP_STORED();
            s += 16, start += ENTRY;
        }
        const __m256 fa = _mm256_load_ps(scale), fb = _mm256_load_ps(scale + 8);
        __m256 dx;
        FOR_TOKENS(TOTAL_LOAD);
        FOR_TOKENS(SUM_TO_Y);
        GEMM_KEEP_STORED();
        scale += 16, d += GEMM_TOKENS;
    }
}

MICRO(b8)
{
    OPERANDS;
    (void)start;
    while (columns) {
        NEXT_BLOCK;
        FOR_TOKENS(ZERO);
        for (; left; left -= 16) {
            SIGNED16;
        }
        const __m256 fa = _mm256_load_ps(s), fb = _mm256_load_ps(s + 8);
        __m256 dx;
        FOR_TOKENS(SUM_TO_Y);
        GEMM_KEEP_STORED();
        s += 16, d += GEMM_TOKENS;
    }
}

/* The mins of a block of eight spans, multiplied by pairs of sums. */
#define MIN(t)                                                                                 \
    q = spread(pairs + 2 * t);                                                                 \
    a##t = plus32(a##t, _mm256_madd_epi16(wa, q));                                             \
    b##t = plus32(b##t, _mm256_madd_epi16(wb, q));
#define MINS                                                                                   \
    FOR_TOKENS(ZERO);                                                                          \
    for (int i = 0; i < BNT_TILE_SPANS / 2; i++) {                                             \
        wa = load(m), wb = load(m + 16);                                                       \
        FOR_TOKENS(MIN);                                                                       \
        m += 32, pairs += 2 * GEMM_TOKENS;                                                     \
    }                                                                                          \
    fa = _mm256_load_ps(dmin), fb = _mm256_load_ps(dmin + 8);                                  \
    FOR_TOKENS(TOTAL_ADD);                                                                     \
    dmin += 16
#define NO_MINS

/* sum: a span's or half span's sums, of `width` columns. */
#define SPANS(name, width, sum, at_end)                                                        \
    MICRO(name)                                                                                \
    {                                                                                          \
        float total[TILE_NUMBERS] __attribute__((aligned(32)));                                \
        int32_t halves[TILE_NUMBERS] __attribute__((aligned(32)));                             \
        const int16_t *m = panel->mins, *pairs = tokens->pairs;                                \
        const float *dmin = panel->extra;                                                      \
        OPERANDS;                                                                              \
        (void)m, (void)pairs, (void)dmin;                                                      \
        GEMM_IN_MEMORY(total);                                                                 \
        GEMM_IN_MEMORY(halves);                                                                \
        while (columns) {                                                                      \
            NEXT_BLOCK;                                                                        \
            __m256 fa, fb, dx;                                                                 \
            FOR_TOKENS(TOTAL_ZERO);                                                            \
            for (; left; left -= width) {                                                      \
                sum;                                                                           \
                fa = _mm256_load_ps(s), fb = _mm256_load_ps(s + 8);                            \
                FOR_TOKENS(TOTAL_ADD);                                                         \
                GEMM_KEEP_STORED();                                                            \
                s += 16, start += ENTRY;                                                       \
            }                                                                                  \
            at_end;                                                                            \
            FOR_TOKENS(TOTAL_TO_Y);                                                            \
            GEMM_KEEP_STORED();                                                                \
            d += GEMM_TOKENS;                                                                  \
        }                                                                                      \
    }
#define SUM_Q4_0                                                                               \
    FOR_TOKENS(START);                                                                         \
    COLUMNS16;                                                                                 \
    COLUMNS16;                                                                                 \
    FOR_TOKENS(WIDEN)
#define SUM_Q8_0                                                                               \
    FOR_TOKENS(ZERO);                                                                          \
    SIGNED16;                                                                                  \
    SIGNED16
#define SUM_Q4_K                                                                               \
    FOR_TOKENS(ZERO);                                                                          \
    COLUMNS16;                                                                                 \
    COLUMNS16;                                                                                 \
    FOR_TOKENS(WIDEN)
#define SUM_Q5_K                                                                               \
    FOR_TOKENS(ZERO);                                                                          \
    COLUMNS16;                                                                                 \
    FOR_TOKENS(PUT_HALF);                                                                      \
    FOR_TOKENS(ZERO);                                                                          \
    COLUMNS16;                                                                                 \
    FOR_TOKENS(ADD_HALF)
#define SUM_Q6_K                                                                               \
    FOR_TOKENS(START);                                                                         \
    COLUMNS16;                                                                                 \
    FOR_TOKENS(WIDEN)

SPANS(q4_0, 32, SUM_Q4_0, NO_MINS)
SPANS(q8_0, 32, SUM_Q8_0, NO_MINS)
SPANS(q4_k, 32, SUM_Q4_K, MINS)
SPANS(q5_k, 32, SUM_Q5_K, MINS)
SPANS(q6_k, 16, SUM_Q6_K, NO_MINS)

GEMM_MULTIPLY(multiply_b4, b4, TILE_TOKENS)
GEMM_MULTIPLY(multiply_b8, b8, TILE_TOKENS)
GEMM_MULTIPLY(multiply_q4_0, q4_0, TILE_TOKENS)
GEMM_MULTIPLY(multiply_q8_0, q8_0, TILE_TOKENS)
GEMM_MULTIPLY(multiply_q4_k, q4_k, TILE_TOKENS)
GEMM_MULTIPLY(multiply_q5_k, q5_k, TILE_TOKENS)
GEMM_MULTIPLY(multiply_q6_k, q6_k, TILE_TOKENS)

#include "kernel/x86/gemm_table.h"

static const gemm_kind kinds[BNT_TILES] = {
    [BNT_TILE_B4] = {GEMM_TYPE_B4, multiply_b4, 8},
    [BNT_TILE_B8] = {GEMM_TYPE_B8, multiply_b8, 1},
    [BNT_TILE_Q4_0] = {GEMM_TYPE_Q4_0, multiply_q4_0, 8},
    [BNT_TILE_Q8_0] = {GEMM_TYPE_Q8_0, multiply_q8_0, 8},
    [BNT_TILE_Q4_K] = {GEMM_TYPE_Q4_K, multiply_q4_k, 8},
    [BNT_TILE_Q5_K] = {GEMM_TYPE_Q5_K, multiply_q5_k, 8},
    [BNT_TILE_Q6_K] = {GEMM_TYPE_Q6_K, multiply_q6_k, 16},
};

GEMM_TABLE(bnt_gemm_avx2, gemm_pack_avx2)
