/* Interleaved matrices: bytes against the drawing in tile.h, values against the plain types,
 * and how well the B types keep what they are given. */
#include "quant/tile.h"

#include <float.h>
#include <math.h>

#include "base/f16.h"
#include "support.h"

enum { ROWS = BNT_TILE_ROWS, MAX_COLUMNS = 1024 };

/* 64-aligned bytes for groups of rows. */
typedef struct aligned {
    _Alignas(64) uint8_t bytes[2 * 64 * MAX_COLUMNS];
} aligned;

static uint64_t random_state;

static uint32_t random_bits(void)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(random_state >> 32);
}

static double uniform(void)
{
    return (random_bits() + 0.5) / 4294967296.0;
}

static double gaussian(void)
{
    const double radius = sqrt(-2.0 * log(uniform()));
    return radius * cos(6.283185307179586 * uniform());
}

/* Student's t with 5 degrees of freedom: tails as weights have them. */
static double student(void)
{
    const double g = gaussian();
    double squares = 0.0;
    for (int i = 0; i < 5; i++) {
        const double z = gaussian();
        squares += z * z;
    }
    return g / sqrt(squares / 5.0);
}

/* ---- values ------------------------------------------------------------------------------ */

/* Any bytes are a valid block, but for scales that are no number. */
static void make_blocks(const bnt_type *source, uint8_t *bytes, size_t size)
{
    float values[256];
    for (size_t at = 0; at < size; at += source->block_bytes) {
        bool finite = true;
        do {
            for (size_t i = 0; i < source->block_bytes; i++) {
                bytes[at + i] = (uint8_t)random_bits();
            }
            source->decode(bytes + at, values, source->block_values);
            finite = true;
            for (uint32_t i = 0; i < source->block_values; i++) {
                finite = finite && isfinite(values[i]);
            }
        } while (!finite);
    }
}

static void interleave(const bnt_type *type, const uint8_t *rows, size_t row_bytes,
                       uint32_t n_rows, size_t columns, uint8_t *out)
{
    for (uint32_t r = 0; r < n_rows; r += ROWS) {
        const uint32_t n = n_rows - r < ROWS ? n_rows - r : ROWS;
        bnt_tile_interleave(type, rows + r * row_bytes, row_bytes, n, columns, out);
        out += bnt_tile_group_bytes(type->tile, columns);
    }
}

static void check_same_values(bnt_type_id id, uint32_t n_rows, size_t columns)
{
    static aligned tiles;
    static uint8_t rows[17 * MAX_COLUMNS * 2];
    const bnt_type *const source = bnt_type_find((uint32_t)id);
    const bnt_type *const type = bnt_tile_type_of(source);
    uint64_t row_bytes = 0, bytes = 0;
    float want[MAX_COLUMNS], got[MAX_COLUMNS];

    assert_non_null(type);
    assert_true(bnt_type_bytes(source, 1, columns, &row_bytes));
    assert_true(bnt_type_bytes(type, n_rows, columns, &bytes));
    assert_true(bytes < sizeof tiles.bytes - 64);
    make_blocks(source, rows, n_rows * (size_t)row_bytes);
    memset(tiles.bytes, 0xA5, sizeof tiles.bytes);
    interleave(type, rows, (size_t)row_bytes, n_rows, columns, tiles.bytes);
    assert_int_equal(tiles.bytes[bytes], 0xA5); /* nothing beyond */

    for (uint32_t r = 0; r < n_rows; r++) {
        bnt_type_decode_row(source, rows, columns, r, want);
        bnt_type_decode_row(type, tiles.bytes, columns, r, got);
        assert_memory_equal(got, want, columns * sizeof *want);
    }
}

static void interleaved_rows_keep_every_value(void **state)
{
    (void)state;
    static const uint32_t counts[] = {1, 15, 16, 17};
    static const size_t plain[] = {32, 64, 96, 224, 256, 288, 576, 960};
    static const size_t whole[] = {256, 512, 1024};

    random_state = 1;
    for (size_t n = 0; n < sizeof counts / sizeof *counts; n++) {
        for (size_t c = 0; c < sizeof plain / sizeof *plain; c++) {
            check_same_values(BNT_TYPE_Q4_0, counts[n], plain[c]);
            check_same_values(BNT_TYPE_Q8_0, counts[n], plain[c]);
        }
        for (size_t c = 0; c < sizeof whole / sizeof *whole; c++) {
            check_same_values(BNT_TYPE_Q4_K, counts[n], whole[c]);
            check_same_values(BNT_TYPE_Q5_K, counts[n], whole[c]);
            check_same_values(BNT_TYPE_Q6_K, counts[n], whole[c]);
        }
    }
}

static void rows_that_are_padding_are_zero(void **state)
{
    (void)state;
    static const bnt_type_id ids[] = {BNT_TYPE_Q4_0, BNT_TYPE_Q8_0, BNT_TYPE_Q4_K,
                                      BNT_TYPE_Q5_K, BNT_TYPE_Q6_K};
    static aligned tiles;
    uint8_t row[1024];
    float values[256];

    random_state = 2;
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        const bnt_type *const source = bnt_type_find((uint32_t)ids[i]);
        const bnt_type *const type = bnt_tile_type_of(source);
        make_blocks(source, row, 256 / source->block_values * source->block_bytes);
        memset(tiles.bytes, 0xFF, sizeof tiles.bytes);
        bnt_tile_interleave(type, row, 0, 1, 256, tiles.bytes);
        for (uint32_t r = 1; r < ROWS; r++) {
            bnt_tile_decode_row(type, tiles.bytes, r, 256, values);
            for (int c = 0; c < 256; c++) {
                assert_true(values[c] == 0.0f);
            }
        }
    }
}

/* ---- bytes ------------------------------------------------------------------------------- */

static void groups_have_the_bytes_of_the_drawing(void **state)
{
    (void)state;
    static const struct {
        bnt_type_id id;
        size_t columns, bytes;
    } cases[] = {
        /* head + whole tiles + short tile, each section filled up to 64 */
        {BNT_TYPE_B4, 32, 64 + (64 + 256)},
        {BNT_TYPE_B4, 256, 64 + (128 + 2048)},
        {BNT_TYPE_B4, 576, 128 + 2 * (128 + 2048) + (64 + 512)},
        {BNT_TYPE_B4, 960, 128 + 3 * (128 + 2048) + (128 + 1536)},
        {BNT_TYPE_B3, 32, 64 + (64 + 128 + 64)},
        {BNT_TYPE_B3, 256, 64 + (128 + 1024 + 512)},
        {BNT_TYPE_B3, 576, 128 + 2 * (128 + 1024 + 512) + (64 + 256 + 128)},
        {BNT_TYPE_B2, 32, 64 + (64 + 128)},
        {BNT_TYPE_B2, 256, 64 + (128 + 1024)},
        {BNT_TYPE_B2, 960, 128 + 3 * (128 + 1024) + (128 + 768)},
        {BNT_TYPE_B6, 32, 64 + (64 + 256 + 128)},
        {BNT_TYPE_B6, 256, 64 + (128 + 2048 + 1024)},
        {BNT_TYPE_B6, 960, 128 + 3 * (128 + 2048 + 1024) + (128 + 1536 + 768)},
        {BNT_TYPE_B5, 256, 64 + (128 + 2048 + 512)},
        {BNT_TYPE_B5, 576, 128 + 2 * (128 + 2048 + 512) + (64 + 512 + 128)},
        {BNT_TYPE_B8, 32, 64 + 512},
        {BNT_TYPE_B8, 960, 128 + 3 * 4096 + 3072},
        {BNT_TYPE_B8, 2048, 256 + 8 * 4096},
        {BNT_TYPE_Q4_0_R16, 32, 64 + 256},
        {BNT_TYPE_Q4_0_R16, 576, 2 * (256 + 2048) + (64 + 512)},
        {BNT_TYPE_Q8_0_R16, 576, 2 * (256 + 4096) + (64 + 1024)},
        {BNT_TYPE_Q4_K_R16, 256, 64 + (128 + 128 + 2048)},
        {BNT_TYPE_Q5_K_R16, 512, 128 + 2 * (128 + 128 + 2048 + 512)},
        {BNT_TYPE_Q6_K_R16, 256, 64 + (256 + 2048 + 1024)},
        {BNT_TYPE_Q6_K_R16, 768, 128 + 3 * (256 + 2048 + 1024)},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const bnt_type *const type = bnt_type_find((uint32_t)cases[i].id);
        uint64_t one = 0, two = 0;
        assert_int_equal(bnt_tile_group_bytes(type->tile, cases[i].columns), cases[i].bytes);
        assert_true(bnt_type_bytes(type, 1, cases[i].columns, &one));
        assert_true(bnt_type_bytes(type, 17, cases[i].columns, &two));
        assert_int_equal(one, cases[i].bytes);
        assert_int_equal(two, 2 * cases[i].bytes);
    }
}

static void sizes_that_wrap_are_refused(void **state)
{
    (void)state;
    const bnt_type *const b4 = bnt_type_find(BNT_TYPE_B4);
    const bnt_type *const q6 = bnt_type_find(BNT_TYPE_Q6_K_R16);
    uint64_t bytes = 7;

    assert_false(bnt_type_bytes(b4, 1, 46, &bytes));
    assert_false(bnt_type_bytes(q6, 16, 288, &bytes));
    assert_false(bnt_type_bytes(b4, 16, UINT64_MAX - 3, &bytes));
    assert_false(bnt_type_bytes(b4, 16, (uint64_t)1 << 62, &bytes));
    assert_false(bnt_type_bytes(b4, UINT64_MAX, 32, &bytes));
    assert_int_equal(bytes, 7);
    assert_true(bnt_type_bytes(b4, 0, 32, &bytes));
    assert_int_equal(bytes, 0);
}

/* One nonzero code at a time, at the byte and bit where the drawing has it. */
static void codes_lie_where_the_drawing_has_them(void **state)
{
    (void)state;
    static aligned tiles;
    uint8_t rows[ROWS][10 * 34];
    const bnt_type *const q8 = bnt_type_find(BNT_TYPE_Q8_0_R16);
    const bnt_type *const q4 = bnt_type_find(BNT_TYPE_Q4_0_R16);
    const size_t columns = 320; /* a whole block and two spans */

    for (size_t c = 0; c < columns; c += 7) {
        const size_t r = (3 * c + 1) % ROWS;
        const size_t span = c / 32 % 8, in_span = c % 32, n_spans = c < 256 ? 8 : 2;

        memset(rows, 0, sizeof rows);
        rows[r][c / 32 * 34 + 2 + in_span] = 0x91;
        bnt_tile_interleave(q8, rows[0], sizeof rows[0], ROWS, columns, tiles.bytes);
        size_t at = (c < 256 ? 0 : 256 + 4096) + 32 * n_spans; /* behind the scales */
        at += 512 * span + 64 * (in_span / 4) + 4 * r + in_span % 4;
        assert_int_equal(tiles.bytes[at], 0x91);

        memset(rows, 0, sizeof rows);
        const size_t nibble = in_span / 16;
        rows[r][c / 32 * 18 + 2 + in_span % 16] = (uint8_t)(0x9 << (4 * nibble));
        bnt_tile_interleave(q4, rows[0], sizeof rows[0], ROWS, columns, tiles.bytes);
        at = (c < 256 ? 0 : 256 + 2048) + 32 * n_spans;
        at += 256 * span + 64 * (in_span % 16 / 4) + 4 * r + in_span % 4;
        assert_int_equal(tiles.bytes[at], 0x9 << (4 * nibble));
    }
}

static void high_bits_lie_where_the_drawing_has_them(void **state)
{
    (void)state;
    static aligned tiles;
    uint8_t row[210];
    const bnt_type *const q5 = bnt_type_find(BNT_TYPE_Q5_K_R16);
    const bnt_type *const q6 = bnt_type_find(BNT_TYPE_Q6_K_R16);

    for (size_t c = 0; c < 256; c++) {
        const size_t span = c / 32, in_span = c % 32, j = in_span / 4, i = in_span % 4;

        memset(row, 0, sizeof row); /* Q5_K: d, dmin, 12 of scales, 32 of high bits, nibbles */
        row[4 + 12 + in_span] = (uint8_t)(1u << span);
        bnt_tile_interleave(q5, row, 0, 1, 256, tiles.bytes);
        const size_t at5 = 64 + 128 + 128 + 2048 + 64 * span + i;
        assert_int_equal(tiles.bytes[at5], 1u << j);

        memset(row, 0, sizeof row); /* Q6_K: 128 of low bits, 64 of high, 16 scales, d */
        row[128 + c / 128 * 32 + in_span] = (uint8_t)(2u << (2 * (c % 128 / 32)));
        bnt_tile_interleave(q6, row, 0, 1, 256, tiles.bytes);
        const size_t at6 = 64 + 256 + 2048 + 128 * span + 64 * (in_span / 16) + i;
        assert_int_equal(tiles.bytes[at6], 2u << (2 * (j % 4)));
    }
}

static void scales_lie_where_the_drawing_has_them(void **state)
{
    (void)state;
    static aligned tiles;
    uint8_t rows[ROWS][144];
    const bnt_type *const q4 = bnt_type_find(BNT_TYPE_Q4_K_R16);

    memset(rows, 0, sizeof rows);
    rows[5][0] = 0x34; /* d, then dmin */
    rows[5][1] = 0x12;
    rows[5][2] = 0x78;
    rows[5][3] = 0x56;
    rows[5][4 + 2] = 41; /* scale of span 2, min of span 3 */
    rows[5][4 + 4 + 3] = 23;
    bnt_tile_interleave(q4, rows[0], sizeof rows[0], ROWS, 256, tiles.bytes);
    assert_int_equal(tiles.bytes[2 * 5], 0x34);
    assert_int_equal(tiles.bytes[2 * 5 + 1], 0x12);
    assert_int_equal(tiles.bytes[32 + 2 * 5], 0x78);
    assert_int_equal(tiles.bytes[32 + 2 * 5 + 1], 0x56);
    assert_int_equal(tiles.bytes[64 + 16 * 2 + 5], 41);
    assert_int_equal(tiles.bytes[64 + 128 + 32 * 1 + 2 * 5 + 1], 23);
}

/* ---- the project's own types ------------------------------------------------------------- */

/* Sum of squared errors over sum of squares of what is given back for (ROWS, columns). */
static double nmse(const bnt_type *type, const float *x, size_t columns, const float *weights)
{
    static aligned tiles;
    float row[MAX_COLUMNS];
    double error = 0.0, energy = 0.0;

    bnt_tile_encode(type, x, ROWS, columns, weights, tiles.bytes);
    for (uint32_t r = 0; r < ROWS; r++) {
        bnt_tile_decode_row(type, tiles.bytes, r, columns, row);
        for (size_t c = 0; c < columns; c++) {
            const double w = weights ? (double)weights[c] : 1.0;
            const double value = (double)x[r * columns + c], off = (double)row[c] - value;
            error += w * off * off;
            energy += w * value * value;
        }
    }
    return error / energy;
}

static double mean_nmse(bnt_type_id id, double (*draw)(void), double scale)
{
    enum { COLUMNS = 1024, GROUPS = 12 };
    static float x[ROWS * COLUMNS];
    double sum = 0.0;

    for (int g = 0; g < GROUPS; g++) {
        for (size_t i = 0; i < ROWS * COLUMNS; i++) {
            x[i] = (float)(scale * draw());
        }
        sum += nmse(bnt_type_find((uint32_t)id), x, COLUMNS, NULL);
    }
    return sum / GROUPS;
}

/* Bounds of a search over scales; a scale that maps the largest value to 7 or -8 misses them.
 */
static void little_is_lost(void **state)
{
    (void)state;
    random_state = 3;
    assert_true(mean_nmse(BNT_TYPE_B4, gaussian, 0.02) <= 0.0068);
    assert_true(mean_nmse(BNT_TYPE_B4, student, 0.02) <= 0.0112);
    assert_true(mean_nmse(BNT_TYPE_B4, gaussian, 1000.0) <= 0.0068);
    assert_true(mean_nmse(BNT_TYPE_B4, gaussian, 1e-5) <= 0.0072); /* d is barely a half */
    /* The best 8 and 4 even steps for all of a normal distribution lose .03744 and .1188 (J.
     * Max, Quantizing for minimum distortion, 1960); steps that follow each span lose less. */
    assert_true(mean_nmse(BNT_TYPE_B3, gaussian, 0.02) <= 0.75 * 0.03744);
    assert_true(mean_nmse(BNT_TYPE_B3, gaussian, 1000.0) <= 0.75 * 0.03744);
    assert_true(mean_nmse(BNT_TYPE_B2, gaussian, 0.02) <= 0.95 * 0.1188);
    assert_true(mean_nmse(BNT_TYPE_B2, gaussian, 1000.0) <= 0.95 * 0.1188);
    /* The best 64 and 32 steps lose .001041 and .003495, likewise. */
    assert_true(mean_nmse(BNT_TYPE_B6, gaussian, 0.02) <= 0.5 * 0.001041);
    assert_true(mean_nmse(BNT_TYPE_B6, gaussian, 1000.0) <= 0.5 * 0.001041);
    assert_true(mean_nmse(BNT_TYPE_B5, gaussian, 0.02) <= 0.6 * 0.003495);
    assert_true(mean_nmse(BNT_TYPE_B5, gaussian, 1000.0) <= 0.6 * 0.003495);
    assert_true(mean_nmse(BNT_TYPE_B8, gaussian, 0.02) <= 0.00005);
    assert_true(mean_nmse(BNT_TYPE_B8, student, 0.02) <= 0.00015);
}

static float half_of(const uint8_t *p)
{
    return bnt_f16_to_f32((uint16_t)(p[0] | p[1] << 8));
}

/* The largest |s|: what is left of int8 by the lowest code, or all of it. */
static int most_scale(const bnt_type *type)
{
    if (type->id == BNT_TYPE_B6 || type->id == BNT_TYPE_B5) return 127;
    return type->id == BNT_TYPE_B4 ? 127 / 8 : type->id == BNT_TYPE_B3 ? 127 / 4 : 127 / 2;
}

/* What a file may hold: d finite and not negative, scales in their limits, no code -128, no
 * fill but zero. */
static void check_sound(const bnt_type *type, const uint8_t *group, size_t columns)
{
    const bnt_tile *const t = type->tile;
    const uint8_t *tile = group + bnt_tile_head_bytes(t, columns);

    for (size_t b = 0; b < bnt_tile_blocks(columns); b++) {
        const size_t left = columns / 32 - 8 * b, n_spans = left < 8 ? left : 8;
        for (size_t r = 0; r < ROWS; r++) {
            const float d = half_of(group + 32 * b + 2 * r);
            assert_true(isfinite(d) && d >= 0.0f);
        }
        for (size_t i = 0; i < n_spans * t->scale_bytes; i++) {
            assert_true(abs((int8_t)tile[i]) <= most_scale(type));
        }
        for (size_t i = n_spans * t->scale_bytes; i < bnt_tile_codes_at(t, n_spans); i++) {
            assert_int_equal(tile[i], 0);
        }
        for (size_t i = 0; type->id == BNT_TYPE_B8 && i < 512 * n_spans; i++) {
            assert_int_not_equal(tile[i], 0x80);
        }
        tile += bnt_tile_bytes(t, n_spans);
    }
}

enum { OWN = 6 };
static const bnt_type_id own_ids[OWN] = {BNT_TYPE_B6, BNT_TYPE_B5, BNT_TYPE_B4,
                                         BNT_TYPE_B3, BNT_TYPE_B2, BNT_TYPE_B8};

/* Encodes (ROWS, columns) as each own type and hands them back in got (OWN, ROWS, columns). */
static void encode_all(const float *x, size_t columns, float *got)
{
    static aligned tiles;

    for (size_t i = 0; i < OWN; i++) {
        const bnt_type *const type = bnt_type_find((uint32_t)own_ids[i]);
        bnt_tile_encode(type, x, ROWS, columns, NULL, tiles.bytes);
        check_sound(type, tiles.bytes, columns);
        for (uint32_t r = 0; r < ROWS; r++) {
            bnt_tile_decode_row(type, tiles.bytes, r, columns, got + (i * ROWS + r) * columns);
        }
    }
}

static void zeros_stay_zero(void **state)
{
    (void)state;
    static float x[ROWS * 288], got[OWN * ROWS * 288];

    encode_all(x, 288, got);
    for (size_t i = 0; i < OWN * ROWS * 288; i++) {
        assert_true(got[i] == 0.0f);
    }
    /* A zero among others, too. */
    for (size_t i = 0; i < ROWS * 288; i++) {
        x[i] = i % 3 ? 1.0f : 0.0f;
    }
    encode_all(x, 288, got);
    for (size_t i = 0; i < OWN * ROWS * 288; i++) {
        if (x[i % (ROWS * 288)] == 0.0f) assert_true(got[i] == 0.0f);
    }
}

/* A row that ends inside of a span is one with zeros behind it, and decodes to its own width.
 */
static void rows_are_filled_up_with_zeros(void **state)
{
    (void)state;
    static const size_t widths[] = {4, 44, 172, 252, 260, 300};
    static float x[ROWS * 320], filled[ROWS * 320], weights[320];
    static aligned is, want;
    float row[321];

    random_state = 7;
    for (size_t i = 0; i < OWN * 6; i++) {
        const bnt_type *const type = bnt_type_find((uint32_t)own_ids[i / 6]);
        const size_t n = widths[i % 6], wide = (n + 31) / 32 * 32;
        memset(filled, 0, sizeof filled);
        for (size_t j = 0; j < ROWS * n; j++) {
            x[j] = (float)gaussian();
            filled[j / n * wide + j % n] = x[j];
            weights[j % n] = (float)(1 + j % 3);
        }
        const float *const w = i % 2 ? weights : NULL;
        memset(is.bytes, 0xAA, sizeof is.bytes);
        bnt_tile_encode(type, x, ROWS, n, w, is.bytes);
        bnt_tile_encode(type, filled, ROWS, wide, w, want.bytes);
        assert_int_equal(bnt_tile_group_bytes(type->tile, n),
                         bnt_tile_group_bytes(type->tile, wide));
        assert_memory_equal(is.bytes, want.bytes, bnt_tile_group_bytes(type->tile, n));
        row[n] = 7.0f;
        bnt_tile_decode_row(type, is.bytes, 3, n, row);
        assert_true(row[n] == 7.0f);
        for (size_t c = 0; c < n; c++) {
            assert_true(fabsf(row[c] - x[3 * n + c]) < 2.0f);
        }
    }
}

static void one_huge_value_is_kept_as_far_as_it_goes(void **state)
{
    (void)state;
    static float x[ROWS * 256], got[OWN * ROWS * 256];
    static const float huge[] = {100.0f, -100.0f, 7e6f, -7e6f, 1e8f, -1e30f, FLT_MAX, -FLT_MAX};
    /* Largest d, scale and code, for either sign. */
    const float limits[OWN] = {65504.0f * 127 * 31, 65504.0f * 127 * 15, 65504.0f * 15 * 7,
                               65504.0f * 31 * 3,   65504.0f * 63,       65504.0f * 127};

    for (size_t i = 0; i < sizeof huge / sizeof *huge; i++) {
        memset(x, 0, sizeof x);
        for (size_t r = 0; r < ROWS; r++) {
            x[r * 256 + 17 * r % 256] = huge[i];
            x[r * 256 + 200] = 0.01f;
        }
        encode_all(x, 256, got);
        for (size_t j = 0; j < OWN * ROWS; j++) {
            const float limit = limits[j / ROWS];
            const float least = 0.95f * fminf(fabsf(huge[i]), limit);
            const float found = got[j * 256 + 17 * (j % ROWS) % 256];
            assert_true(signbit(found) == signbit(huge[i]));
            assert_true(fabsf(found) >= least && fabsf(found) <= 1.05f * fabsf(huge[i]));
        }
    }
}

static void tiny_values_do_no_harm(void **state)
{
    (void)state;
    static float x[ROWS * 256], got[OWN * ROWS * 256];
    static const float sizes[] = {FLT_TRUE_MIN, 1e-40f, FLT_MIN, 1e-30f,
                                  1e-9f,        3e-8f,  6e-8f,   1e-6f};

    random_state = 4;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        for (size_t j = 0; j < ROWS * 256; j++) {
            x[j] = random_bits() % 2 ? sizes[i] : -sizes[i];
        }
        encode_all(x, 256, got);
        for (size_t j = 0; j < OWN * ROWS * 256; j++) {
            /* The smallest step above zero is 2^-24; with four bits not all its multiples
             * occur. */
            const float most = fmaxf(0x1p-25f, 0.08f * sizes[i]);
            assert_true(fabsf(got[j] - x[j % (ROWS * 256)]) <= most);
        }
    }
}

static void eight_bits_give_the_nearest_code(void **state)
{
    (void)state;
    static float x[ROWS * 576], got[OWN * ROWS * 576];

    random_state = 5;
    for (size_t i = 0; i < ROWS * 576; i++) {
        x[i] = (float)student();
    }
    encode_all(x, 576, got);
    for (size_t r = 0; r < ROWS; r++) {
        for (size_t begin = 0; begin < 576; begin += 256) {
            const size_t end = begin + 256 < 576 ? begin + 256 : 576;
            float largest = 0.0f;
            for (size_t c = begin; c < end; c++) {
                largest = fmaxf(largest, fabsf(x[r * 576 + c]));
            }
            for (size_t c = begin; c < end; c++) {
                const float off = got[((OWN - 1) * ROWS + r) * 576 + c] - x[r * 576 + c];
                /* Half a step, and what rounding d to a half takes from the largest. */
                assert_true(fabsf(off) <= largest / 254 * 1.001f + largest * 0x1p-11f);
            }
        }
    }
}

/* Rows of a group have nothing to do with each other, however many there are. */
static void a_row_is_encoded_as_if_it_were_alone(void **state)
{
    (void)state;
    static float x[ROWS * 288], alone[288], together[288];
    static aligned whole, single;

    random_state = 6;
    for (size_t i = 0; i < ROWS * 288; i++) {
        x[i] = (float)(gaussian() * exp(3.0 * (double)(i / 288)));
    }
    for (size_t i = 0; i < OWN; i++) {
        const bnt_type *const type = bnt_type_find((uint32_t)own_ids[i]);
        bnt_tile_encode(type, x, ROWS, 288, NULL, whole.bytes);
        for (uint32_t r = 0; r < ROWS; r++) {
            bnt_tile_encode(type, x + r * 288, 1, 288, NULL, single.bytes);
            check_sound(type, single.bytes, 288);
            bnt_tile_decode_row(type, single.bytes, 0, 288, alone);
            bnt_tile_decode_row(type, whole.bytes, r, 288, together);
            assert_memory_equal(alone, together, sizeof alone);
            bnt_tile_decode_row(type, single.bytes, 1 + r % 15, 288, alone);
            for (size_t c = 0; c < 288; c++) {
                assert_true(alone[c] == 0.0f);
            }
        }
    }
}

/* most_ignored: of the energy of columns whose weight is 0, what may be lost. */
static void check_weights(const bnt_type *type, double most_ignored)
{
    static float x[ROWS * 512], weights[512];
    static aligned plain, same;

    random_state = 7;
    for (size_t i = 0; i < ROWS * 512; i++) {
        x[i] = (float)gaussian();
    }
    for (size_t c = 0; c < 512; c++) {
        weights[c] = c % 4 ? 1e36f : 1e38f;
    }
    const double with = nmse(type, x, 512, weights);
    bnt_tile_encode(type, x, ROWS, 512, NULL, plain.bytes);
    double error = 0.0, energy = 0.0;
    for (uint32_t r = 0; r < ROWS; r++) {
        float row[512];
        bnt_tile_decode_row(type, plain.bytes, r, 512, row);
        for (size_t c = 0; c < 512; c++) {
            const double value = (double)x[r * 512 + c], off = (double)row[c] - value;
            error += (double)weights[c] * off * off;
            energy += (double)weights[c] * value * value;
        }
    }
    assert_true(with < 0.9 * error / energy);

    /* Where nothing counts the values are kept all the same. */
    float row[512];
    double ignored = 0.0, there = 0.0;
    for (size_t c = 64; c < 128; c++) {
        weights[c] = 0.0f;
    }
    bnt_tile_encode(type, x, ROWS, 512, weights, same.bytes);
    check_sound(type, same.bytes, 512);
    for (uint32_t r = 0; r < ROWS; r++) {
        bnt_tile_decode_row(type, same.bytes, r, 512, row);
        for (size_t c = 64; c < 128; c++) {
            const double value = (double)x[r * 512 + c], off = (double)row[c] - value;
            ignored += off * off;
            there += value * value;
        }
    }
    assert_true(ignored <= most_ignored * there);

    /* Weights that are all the same, zero among them, are none. */
    const float all[] = {0.0f, 3.0f, 1e-30f};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        for (size_t c = 0; c < 512; c++) {
            weights[c] = all[i];
        }
        bnt_tile_encode(type, x, ROWS, 512, weights, same.bytes);
        assert_memory_equal(same.bytes, plain.bytes, bnt_tile_group_bytes(type->tile, 512));
    }
}

static void weights_move_the_error_to_where_it_counts_less(void **state)
{
    (void)state;
    check_weights(bnt_type_find(BNT_TYPE_B6), 0.001);
    check_weights(bnt_type_find(BNT_TYPE_B5), 0.004);
    check_weights(bnt_type_find(BNT_TYPE_B4), 0.01);
    check_weights(bnt_type_find(BNT_TYPE_B3), 0.04);
    check_weights(bnt_type_find(BNT_TYPE_B2), 0.16);
}

/* ---- the table --------------------------------------------------------------------------- */

static void interleaved_types_are_in_the_table(void **state)
{
    (void)state;
    static const struct {
        uint32_t id;
        const char *name;
        bool is_private;
    } cases[] = {
        {1202, "B2", false},      {1203, "B3", false},      {1204, "B4", false},
        {1205, "B5", false},      {1206, "B6", false},      {1208, "B8", false},
        {1302, "Q4_0_R16", true}, {1308, "Q8_0_R16", true}, {1312, "Q4_K_R16", true},
        {1313, "Q5_K_R16", true}, {1314, "Q6_K_R16", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const bnt_type *const type = bnt_type_find(cases[i].id);
        assert_non_null(type);
        assert_ptr_equal(bnt_type_named(cases[i].name), type);
        assert_string_equal(type->name, cases[i].name);
        assert_null(type->decode);
        assert_null(type->encode);
        assert_non_null(type->tile);
        assert_int_equal(bnt_tile_is_private(type), cases[i].is_private);
        assert_null(bnt_type_foreign_name(cases[i].id));
        const bnt_type *const source = bnt_type_find((uint32_t)type->tile->source);
        assert_ptr_equal(bnt_tile_type_of(source), type);
        if (cases[i].is_private) assert_int_equal(source->id + 1300, type->id);
    }
    assert_null(bnt_tile_type_of(bnt_type_find(BNT_TYPE_F16)));
    assert_null(bnt_tile_type_of(bnt_type_find(BNT_TYPE_Q3_K)));
    assert_null(bnt_tile_type_of(bnt_type_find(BNT_TYPE_Q4_K_R16)));
    assert_null(bnt_type_find(1207));
    assert_null(bnt_type_find(1300));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(interleaved_rows_keep_every_value),
        cmocka_unit_test(rows_that_are_padding_are_zero),
        cmocka_unit_test(groups_have_the_bytes_of_the_drawing),
        cmocka_unit_test(sizes_that_wrap_are_refused),
        cmocka_unit_test(codes_lie_where_the_drawing_has_them),
        cmocka_unit_test(high_bits_lie_where_the_drawing_has_them),
        cmocka_unit_test(scales_lie_where_the_drawing_has_them),
        cmocka_unit_test(little_is_lost),
        cmocka_unit_test(zeros_stay_zero),
        cmocka_unit_test(rows_are_filled_up_with_zeros),
        cmocka_unit_test(one_huge_value_is_kept_as_far_as_it_goes),
        cmocka_unit_test(tiny_values_do_no_harm),
        cmocka_unit_test(eight_bits_give_the_nearest_code),
        cmocka_unit_test(a_row_is_encoded_as_if_it_were_alone),
        cmocka_unit_test(weights_move_the_error_to_where_it_counts_less),
        cmocka_unit_test(interleaved_types_are_in_the_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
