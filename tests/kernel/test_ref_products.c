/* test_ref_products.c - the reference's quantized tokens and products with them, judged by
 * means that are not its own: numbers worked out by hand from the drawings in tile.h, the
 * stated steps with each multiply-add made in double, weights decoded by quant/.
 */
#include "support.h"

#include <float.h>
#include <math.h>

#include "base/f16.h"
#include "base/rng.h"
#include "kernel/kernel.h"

enum { MOST = 100 };

static const float BIG = 16777216.0f; /* 2^24: adding 1 does not change it */

static bnt_kernels k;
static bnt_rng rng;

static int setup(void **state)
{
    (void)state;
    bnt_kernels_init(&k, 0);
    bnt_rng_seed(&rng, 43);
    return 0;
}

static bool close_to(float got, double want, double size, double n)
{
    return fabs((double)got - want) <= (n + 4.0) * (double)FLT_EPSILON * size + 1e-37;
}

/* ---- quantized tokens ---- */

enum { COLUMNS = 576, STRIDE = 576, BLOCKS = 3, SPANS = COLUMNS / 32 };

typedef struct token {
    int8_t q[STRIDE];
    float d[BLOCKS];
    int32_t sum32[SPANS], sum16[2 * SPANS];
} token;

static void quantized_values_are_near_and_their_sums_exact(void **state)
{
    (void)state;
    float x[COLUMNS];
    token t;
    for (int i = 0; i < COLUMNS; i++) {
        x[i] = (float)bnt_rng_normal(&rng) * (i < 256 ? 1.0f : 1e-6f);
    }
    memset(&t, 1, sizeof t);
    k.quantize(x, 544, t.q, t.d, t.sum32, t.sum16);
    for (int i = 0; i < 544; i++) {
        const double d = (double)t.d[i / 256];
        assert_true(fabs((double)x[i] - d * t.q[i]) <= d * 0.50001);
        assert_true(abs(t.q[i]) <= 127);
    }
    for (int i = 544; i < STRIDE; i++) {
        assert_int_equal(t.q[i], 0); /* padding to a multiple of 64 */
    }
    for (int s = 0; s < 34; s++) {
        int sum = 0;
        for (int i = 0; i < 16; i++) {
            sum += t.q[16 * s + i];
        }
        assert_int_equal(t.sum16[s], sum);
        if (s % 2) assert_int_equal(t.sum32[s / 2], sum + t.sum16[s - 1]);
    }
}

static void codes_are_rounded_to_nearest_even(void **state)
{
    (void)state;
    float x[32] = {127.0f, 0.5f, 1.5f, 2.5f, -0.5f, -1.5f, 126.5f, 0.49f, -127.0f, -126.5f};
    const int8_t want[10] = {127, 0, 2, 2, 0, -2, 126, 0, -127, -126};
    token t;
    k.quantize(x, 32, t.q, t.d, t.sum32, t.sum16);
    assert_memory_equal(t.q, want, sizeof want);
    assert_true(t.d[0] == 1.0f);
}

static void tiny_and_broken_blocks_have_no_codes(void **state)
{
    (void)state;
    static const struct {
        float greatest;
        bool codes, nan;
    } cases[] = {
        {0.0f, false, false},    {0x1p-100f, true, false}, {0x1.fffffep-101f, false, false},
        {INFINITY, false, true}, {-INFINITY, false, true}, {NAN, false, true},
        {-NAN, false, true},     {FLT_MAX, true, false}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        float x[64] = {0};
        token t;
        x[40] = cases[i].greatest;
        k.quantize(x, 64, t.q, t.d, t.sum32, t.sum16);
        assert_int_equal(t.q[40], cases[i].codes ? 127 : 0);
        assert_true(isnan(t.d[0]) == cases[i].nan);
        if (!cases[i].codes && !cases[i].nan) assert_true(t.d[0] == 0.0f);
        if (cases[i].codes) assert_true(t.d[0] == cases[i].greatest / 127.0f);
    }
}

/* ---- products ---- */

static const bnt_type_id tile_ids[BNT_TILES] = {
    BNT_TYPE_B4,       BNT_TYPE_B3,       BNT_TYPE_B2,       BNT_TYPE_B8,
    BNT_TYPE_B6,       BNT_TYPE_B5,       BNT_TYPE_Q4_0_R16, BNT_TYPE_Q8_0_R16,
    BNT_TYPE_Q4_K_R16, BNT_TYPE_Q5_K_R16, BNT_TYPE_Q6_K_R16};

/* The largest codes as stored. */
static const int greatest[BNT_TILES] = {15, 7, 3, 127, 63, 31, 15, 127, 15, 31, 63};

/* Types whose spans have scales that are whole numbers, and these' largest. */
static int greatest_scale(bnt_tile_index type)
{
    return type == BNT_TILE_B4 ? 15 : type == BNT_TILE_B3 ? 31 : type == BNT_TILE_B2 ? 63 : 0;
}

/* Types whose spans have a scale with a sign that is not part of their whole sums. */
static bool has_signed_scale(bnt_tile_index type)
{
    return type == BNT_TILE_B6 || type == BNT_TILE_B5;
}

/* A matrix of one group, and tokens that are distinct numbers. */
enum { WIDE = 768, TOKENS = 6 };
static _Alignas(64) uint8_t group[32768];
static _Alignas(64) int8_t codes[TOKENS * WIDE];
static float scales_of_x[TOKENS * 3];
static int32_t sum32[TOKENS * WIDE / 32], sum16[TOKENS * WIDE / 16];

static bnt_acts make_tokens(uint32_t columns)
{
    const size_t stride = bnt_acts_stride(columns);
    memset(codes, 0, sizeof codes);
    memset(sum32, 0, sizeof sum32);
    memset(sum16, 0, sizeof sum16);
    for (uint32_t t = 0; t < TOKENS; t++) {
        for (uint32_t i = 0; i < columns; i++) {
            const int code = (int)bnt_rng_below(&rng, 255) - 127;
            codes[t * stride + i] = (int8_t)code;
            sum32[t * (columns / 32) + i / 32] += code;
            sum16[t * (columns / 16) + i / 16] += code;
        }
    }
    for (int i = 0; i < TOKENS * 3; i++) {
        scales_of_x[i] = (float)bnt_rng_f64(&rng);
    }
    const bnt_acts x = {TOKENS, columns, codes, scales_of_x, sum32, sum16};
    return x;
}

static void put_half(uint8_t *p, float value)
{
    const uint16_t bits = bnt_f32_to_f16(value);
    p[0] = (uint8_t)bits;
    p[1] = (uint8_t)(bits >> 8);
}

/* Where one row's numbers of one span lie, worked out from the table of tile.h. */
typedef struct place {
    uint8_t *head, *scales, *mins, *lines, *high;
} place;

static place span_at(const bnt_tile *t, size_t columns, size_t span)
{
    const size_t block = span / 8, left = columns / 32 - 8 * block, n = left < 8 ? left : 8;
    uint8_t *const tile =
        group + bnt_tile_head_bytes(t, columns) + block * bnt_tile_bytes(t, 8);
    const place p = {group + block * t->head_bytes, tile + span % 8 * t->scale_bytes,
                     tile + bnt_tile_mins_at(t, n) + span % 8 / 2 * 32 + span % 2,
                     tile + bnt_tile_codes_at(t, n) + span % 8 * t->code_bytes,
                     tile + bnt_tile_high_at(t, n) + span % 8 * t->high_bytes};
    return p;
}

/* Gives a row its scales in every span: 2 in all. */
static void put_scales(bnt_tile_index type, const bnt_tile *t, size_t columns, uint32_t row)
{
    for (size_t span = 0; span < columns / 32; span++) {
        const place p = span_at(t, columns, span);
        if (t->head_bytes) put_half(p.head + 2 * row, type == BNT_TILE_B8 ? 2.0f : 0.5f);
        if (type == BNT_TILE_Q4_0 || type == BNT_TILE_Q8_0) {
            put_half(p.scales + 2 * row, 2.0f);
        } else if (t->scale_bytes) {
            p.scales[row] = 4;
            if (type == BNT_TILE_Q6_K) p.scales[16 + row] = 4;
        }
    }
}

static int zero_code(bnt_tile_index type)
{
    static const int zero[BNT_TILES] = {8, 4, 2, 0, 32, 16, 8, 0, 0, 0, 32};
    return zero[type];
}

static void put_code(bnt_tile_index type, const bnt_tile *t, size_t columns, uint32_t row,
                     size_t column, int code)
{
    const place p = span_at(t, columns, column / 32);
    const uint32_t i = column % 32, upper = i / 16, byte = 4 * row + i % 4;
    if (t->code_bytes == 512) {
        p.lines[64 * (i / 4) + byte] = (uint8_t)code;
        return;
    }
    const uint32_t j = i % 16 / 4;
    if (t->code_bytes == 128) {
        uint8_t *const two = p.lines + 64 * upper + byte;
        *two = (uint8_t)((*two & ~(3u << (2 * j))) | ((uint32_t)code & 3) << (2 * j));
        if (type == BNT_TILE_B2) return;
        const uint32_t bit = upper * 4 + j;
        p.high[byte] = (uint8_t)((p.high[byte] & ~(1u << bit)) | (uint32_t)code >> 2 << bit);
        return;
    }
    uint8_t *const line = p.lines + 64 * j + byte;
    *line = (uint8_t)((*line & (upper ? 0x0F : 0xF0)) | (code & 15) << (upper ? 4 : 0));
    if (t->high_bytes == 64) {
        const uint32_t bit = upper * 4 + j;
        p.high[byte] = (uint8_t)((p.high[byte] & ~(1u << bit)) | (uint32_t)code >> 4 << bit);
    } else if (t->high_bytes == 128) {
        uint8_t *const high = p.high + 64 * upper + byte;
        *high = (uint8_t)((*high & ~(3u << (2 * j))) | (uint32_t)code >> 4 << (2 * j));
    }
}

static uint32_t columns_for(const bnt_type *type, uint32_t columns)
{
    return type->block_values == 256 ? 768 : columns;
}

/* With every other weight zero, y is one column's value times the weight. */
static void one_weight_picks_its_column(void **state)
{
    (void)state;
    for (int type = 0; type < BNT_TILES; type++) {
        const bnt_type *const t = bnt_type_find((uint32_t)tile_ids[type]);
        const bnt_tile_index index = bnt_tile_place(t);
        const uint32_t columns = columns_for(t, 576);
        const int room = greatest[type] - zero_code(index), weight = room < 5 ? room : 5;
        assert_int_equal(index, type);
        for (uint32_t c = 0; c < columns; c += 1 + c % 3) {
            const uint32_t row = (c * 7 + c / 32) % 16;
            const bnt_acts x = make_tokens(columns);
            float y[TOKENS * 20];
            memset(group, 0, sizeof group);
            for (uint32_t i = 0; i < columns; i++) {
                put_code(index, t->tile, columns, row, i, zero_code(index));
            }
            put_scales(index, t->tile, columns, row);
            put_code(index, t->tile, columns, row, c, zero_code(index) + weight);
            k.gemv[type](group, 0, 1, &x, y, 20);
            for (uint32_t n = 0; n < TOKENS; n++) {
                const int q = codes[n * bnt_acts_stride(columns) + c];
                const float dx = x.d[n * bnt_tile_blocks(columns) + c / 256];
                assert_true(y[n * 20 + row] == (float)(2 * weight * q) * dx);
                assert_true(y[n * 20 + (row + 1) % 16] == 0.0f);
            }
        }
    }
}

/* Random weights against what bnt_tile_decode_row says they are. */
static void products_are_those_of_the_decoded_weights(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {32, 64, 224, 256, 288, 576};
    for (int i = 0; i < BNT_TILES * 6; i++) {
        const int type = i / 6;
        const bnt_type *const t = bnt_type_find((uint32_t)tile_ids[type]);
        const uint32_t columns = columns_for(t, sizes[i % 6]);
        const bnt_acts x = make_tokens(columns);
        float y[TOKENS * 16], w[WIDE];
        for (size_t at = 0; at < sizeof group; at++) {
            group[at] = (uint8_t)bnt_rng_u64(&rng);
        }
        for (size_t span = 0; span < columns / 32; span++) {
            const place p = span_at(t->tile, columns, span);
            for (int row = 0; row < 16; row++) {
                const float d = (float)bnt_rng_f64(&rng);
                if (t->tile->head_bytes) put_half(p.head + 2 * row, d);
                if (t->tile->head_bytes == 64) put_half(p.head + 32 + 2 * row, 3.0f * d);
                if (type == BNT_TILE_Q4_0 || type == BNT_TILE_Q8_0) {
                    put_half(p.scales + 2 * row, d);
                }
            }
        }
        k.gemv[type](group, 0, 1, &x, y, 16);
        for (uint32_t row = 0; row < 16; row++) {
            bnt_tile_decode_row(t, group, row, columns, w);
            for (uint32_t n = 0; n < TOKENS; n++) {
                double want = 0.0, size = 0.0;
                for (uint32_t c = 0; c < columns; c++) {
                    const double dx = (double)x.d[n * bnt_tile_blocks(columns) + c / 256];
                    const double term =
                        (double)w[c] * codes[n * bnt_acts_stride(columns) + c] * dx;
                    want += term;
                    size += fabs(term);
                }
                /* Weights of K types are differences: their own rounding is that of c d s. */
                assert_true(close_to(y[n * 16 + row], want, 4.0 * size, (double)columns));
            }
        }
    }
}

/* One row of Q8_0 whose spans are worth 2^24, 1, 1: added from left to right. */
static void spans_are_added_in_their_order(void **state)
{
    (void)state;
    const bnt_type *const t = bnt_type_find(BNT_TYPE_Q8_0_R16);
    int8_t q[128] = {0};
    const int32_t zero[8] = {0};
    const float dx = 1.0f;
    const bnt_acts x = {1, 96, q, &dx, zero, zero};
    const float scale[3] = {16384.0f, 1.0f, 1.0f};
    float y[16];
    memset(group, 0, sizeof group);
    for (size_t s = 0; s < 3; s++) {
        put_half(span_at(t->tile, 96, s).scales, scale[s]);
        put_code(BNT_TILE_Q8_0, t->tile, 96, 0, 32 * s, s == 0 ? 64 : 1);
        q[32 * s] = s == 0 ? 16 : 1;
    }
    k.gemv[BNT_TILE_Q8_0](group, 0, 1, &x, y, 16);
    assert_true(y[0] == BIG);
    put_half(span_at(t->tile, 96, 0).scales, 1.0f); /* 1, 1, 2^24 */
    put_half(span_at(t->tile, 96, 2).scales, 16384.0f);
    put_code(BNT_TILE_Q8_0, t->tile, 96, 0, 0, 1);
    put_code(BNT_TILE_Q8_0, t->tile, 96, 0, 64, 64);
    q[0] = 1, q[64] = 16;
    k.gemv[BNT_TILE_Q8_0](group, 0, 1, &x, y, 16);
    assert_true(y[0] == BIG + 2.0f);
}

/* Q4_K with codes of zero: only the mins are left, as one exact sum. */
static void mins_are_summed_exactly_and_taken_away(void **state)
{
    (void)state;
    const bnt_type *const t = bnt_type_find(BNT_TYPE_Q4_K_R16);
    const bnt_acts x = make_tokens(768);
    float y[TOKENS * 16];
    memset(group, 0, sizeof group);
    for (size_t s = 0; s < 24; s++) {
        const place p = span_at(t->tile, 768, s);
        put_half(p.head + 32 + 2 * 3, 0.25f);
        p.mins[2 * 3] = (uint8_t)(s + 1);
    }
    k.gemv[BNT_TILE_Q4_K](group, 0, 1, &x, y, 16);
    for (uint32_t n = 0; n < TOKENS; n++) {
        float want = 0.0f;
        for (uint32_t block = 0; block < 3; block++) {
            int32_t sum = 0;
            for (uint32_t s = 8 * block; s < 8 * block + 8; s++) {
                sum += (int32_t)(s + 1) * x.sum32[n * 24 + s];
            }
            want = fmaf(-0.25f * (float)sum, x.d[n * 3 + block], want);
        }
        assert_true(y[n * 16 + 3] == want && y[n * 16 + 4] == 0.0f);
    }
}

/* ---- the stated steps ---- */

/* Rounds once: the product of two floats is exact in double, and so is the sum but where their
 * sizes lie very far apart. */
static float fma_by_double(float x, float y, float z)
{
    return (float)((double)x * (double)y + (double)z);
}

/* One row of random numbers, kept beside the tile they are put into. */
typedef struct row_numbers {
    int code[WIDE];                       /* as stored */
    float d[3], dmin[3];                  /* by block */
    float half_scale[WIDE / 32];          /* of Q4_0, Q8_0 */
    int scale[WIDE / 16], min[WIDE / 32]; /* scale by half span for Q6_K, else by span */
} row_numbers;

static float random_half(void)
{
    return bnt_f16_to_f32(bnt_f32_to_f16((float)bnt_rng_f64(&rng) + 0.01f));
}

static void put_row(bnt_tile_index type, const bnt_tile *t, size_t columns, uint32_t row,
                    row_numbers *n)
{
    const int most = greatest_scale(type);
    for (size_t i = 0; i < columns; i++) {
        const bool is_signed = t->code_bytes == 512;
        n->code[i] = (int)bnt_rng_below(&rng, (uint64_t)greatest[type] + 1);
        if (is_signed && bnt_rng_below(&rng, 2)) n->code[i] = -1 - n->code[i];
        put_code(type, t, columns, row, i, n->code[i]);
    }
    for (size_t s = 0; s < columns / 32; s++) {
        const place p = span_at(t, columns, s);
        if (s % 8 == 0) n->d[s / 8] = random_half(), n->dmin[s / 8] = random_half();
        if (t->head_bytes) put_half(p.head + 2 * row, n->d[s / 8]);
        if (t->min_bytes) put_half(p.head + 32 + 2 * row, n->dmin[s / 8]);
        n->half_scale[s] = random_half();
        n->min[s] = (int)bnt_rng_below(&rng, 64);
        for (size_t h = 2 * s; h < 2 * s + 2; h++) {
            n->scale[h] = (int)bnt_rng_below(&rng, most ? (uint64_t)most + 1 : 64);
        }
        if (type == BNT_TILE_Q4_0 || type == BNT_TILE_Q8_0) {
            put_half(p.scales + 2 * row, n->half_scale[s]);
        } else if (type == BNT_TILE_Q6_K) {
            p.scales[row] = (uint8_t)n->scale[2 * s];
            p.scales[16 + row] = (uint8_t)-n->scale[2 * s + 1];
            n->scale[2 * s + 1] = -n->scale[2 * s + 1];
        } else if (t->scale_bytes) {
            const bool turned = has_signed_scale(type) && bnt_rng_below(&rng, 2);
            n->scale[2 * s] *= turned ? -1 : 1;
            p.scales[row] = (uint8_t)n->scale[2 * s];
        }
        if (t->min_bytes) p.mins[2 * row] = (uint8_t)n->min[s];
    }
}

static int dot_codes(bnt_tile_index type, const row_numbers *n, const int8_t *q, size_t from,
                     size_t count)
{
    int sum = 0;
    for (size_t i = from; i < from + count; i++) {
        sum += (n->code[i] - zero_code(type)) * q[i];
    }
    return sum;
}

/* y of one block after the table in kernel.h. */
static float step(bnt_tile_index type, const row_numbers *n, const int8_t *q, size_t block,
                  size_t n_spans, float dx, float y)
{
    int total = 0, mins = 0;
    float t = 0.0f;
    const float d = n->d[block];
    for (size_t s = 8 * block; s < 8 * block + n_spans; s++) {
        const int dot = dot_codes(type, n, q, 32 * s, 32);
        total += greatest_scale(type) ? n->scale[2 * s] * dot : dot;
        for (size_t i = 32 * s; i < 32 * s + 32; i++) {
            mins += n->min[s] * q[i];
        }
        if (type == BNT_TILE_Q6_K) {
            for (size_t h = 2 * s; h < 2 * s + 2; h++) {
                const int half = dot_codes(type, n, q, 16 * h, 16);
                t = fma_by_double((float)half, d * (float)n->scale[h], t);
            }
        } else {
            const bool halves = type == BNT_TILE_Q4_0 || type == BNT_TILE_Q8_0;
            t = fma_by_double((float)dot,
                              halves ? n->half_scale[s] : d * (float)n->scale[2 * s], t);
        }
    }
    if (greatest_scale(type) || type == BNT_TILE_B8)
        return fma_by_double((float)total, d * dx, y);
    if (type == BNT_TILE_Q4_K || type == BNT_TILE_Q5_K) {
        t = fma_by_double((float)mins, -n->dmin[block], t);
    }
    return fma_by_double(t, dx, y);
}

static void products_take_the_stated_steps(void **state)
{
    (void)state;
    static row_numbers n;
    for (int i = 0; i < BNT_TILES * 20; i++) {
        const int type = i / 20;
        const bnt_type *const t = bnt_type_find((uint32_t)tile_ids[type]);
        const uint32_t columns = columns_for(t, i % 2 ? 576 : 224), row = (uint32_t)i % 16;
        const bnt_acts x = make_tokens(columns);
        const size_t n_blocks = bnt_tile_blocks(columns);
        float y[TOKENS * 16];
        memset(group, 0, sizeof group);
        put_row((bnt_tile_index)type, t->tile, columns, row, &n);
        k.gemv[type](group, 0, 1, &x, y, 16);
        for (uint32_t v = 0; v < TOKENS; v++) {
            float want = 0.0f;
            for (size_t block = 0; block < n_blocks; block++) {
                const size_t left = columns / 32 - 8 * block;
                want = step((bnt_tile_index)type, &n, x.q + v * bnt_acts_stride(columns), block,
                            left < 8 ? left : 8, x.d[v * n_blocks + block], want);
            }
            assert_true(y[v * 16 + row] == want);
        }
    }
}

static void check_many_tokens(bnt_tile_index type)
{
    const bnt_type *const t = bnt_type_find((uint32_t)tile_ids[type]);
    const bnt_acts x = make_tokens(576);
    static _Alignas(64) uint8_t blocks[1 << 16];
    const size_t bytes = bnt_tile_group_bytes(t->tile, 576);
    float y[TOKENS * 32], each[TOKENS * 32];
    for (size_t at = 0; at < sizeof group; at++) {
        group[at] = (uint8_t)bnt_rng_below(&rng, 16); /* halves of 0x0?0?: small numbers */
    }
    assert_true(2 * k.packed_bytes(576) <= sizeof blocks);
    for (uint32_t n = 0; n < TOKENS; n += k.pack_tokens) {
        const uint32_t left = TOKENS - n;
        bnt_acts part = x;
        part.n_tokens = left < k.pack_tokens ? left : k.pack_tokens;
        part.q += n * bnt_acts_stride(576);
        part.d += n * 3;
        part.sum32 += n * 18;
        part.sum16 += n * 36;
        k.pack(&part, blocks + n / k.pack_tokens * k.packed_bytes(576));
    }
    const bnt_packed packed = {blocks, TOKENS, 576};
    assert_int_equal(k.gemm_work(576), 0);
    k.gemm[type](group, bytes, 1, &packed, y, 32, NULL);
    k.gemm[type](group + bytes, bytes, 1, &packed, y + 16, 32, NULL);
    k.gemv[type](group, bytes, 2, &x, each, 32);
    assert_memory_equal(y, each, sizeof y);
    assert_true(y[0] != 0.0f && y[TOKENS * 32 - 1] != 0.0f);
}

static void many_tokens_have_the_products_of_each(void **state)
{
    (void)state;
    check_many_tokens(BNT_TILE_B4);
    check_many_tokens(BNT_TILE_B3);
    check_many_tokens(BNT_TILE_B2);
    check_many_tokens(BNT_TILE_B5);
    check_many_tokens(BNT_TILE_B6);
}

static void rows_are_dot_products_of_decoded_rows(void **state)
{
    (void)state;
    static const bnt_type_id ids[] = {BNT_TYPE_F32, BNT_TYPE_F16, BNT_TYPE_BF16};
    const bnt_rows_fn fns[] = {k.rows_f32, k.rows_f16, k.rows_bf16};
    uint8_t data[1 + 3 * (MOST * 4 + 1)];
    float a[MOST], b[MOST];
    for (int i = 0; i < MOST; i++) {
        a[i] = (float)bnt_rng_normal(&rng);
        b[i] = (float)bnt_rng_normal(&rng);
    }
    for (int i = 0; i < 3; i++) {
        const bnt_type *const type = bnt_type_find((uint32_t)ids[i]);
        const size_t row_bytes = MOST / 2 * type->block_bytes + 1; /* no alignment */
        for (size_t r = 0; r < 2; r++) {
            type->encode(a + 10 * r, data + 1 + r * row_bytes, MOST / 2);
        }
        const bnt_rows w = {data + 1, row_bytes, 2, MOST / 2};
        float y[2 * 5], row[MOST / 2];
        y[2] = -7.0f;
        fns[i](&w, b, 40, 2, y, 5);
        for (size_t r = 0; r < 2; r++) {
            type->decode(data + 1 + r * row_bytes, row, MOST / 2);
            assert_true(y[r] == k.dot_f32(row, b, MOST / 2));
            assert_true(y[5 + r] == k.dot_f32(row, b + 40, MOST / 2));
        }
        assert_true(y[2] == -7.0f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantized_values_are_near_and_their_sums_exact),
        cmocka_unit_test(codes_are_rounded_to_nearest_even),
        cmocka_unit_test(tiny_and_broken_blocks_have_no_codes),
        cmocka_unit_test(one_weight_picks_its_column),
        cmocka_unit_test(products_are_those_of_the_decoded_weights),
        cmocka_unit_test(spans_are_added_in_their_order),
        cmocka_unit_test(mins_are_summed_exactly_and_taken_away),
        cmocka_unit_test(products_take_the_stated_steps),
        cmocka_unit_test(many_tokens_have_the_products_of_each),
        cmocka_unit_test(rows_are_dot_products_of_decoded_rows),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
