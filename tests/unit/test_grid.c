/* Grids of the project's own types: where codes and scales lie, that the nearest code is taken,
 * and that the search beats what is simpler. */
#include "quant/grid.h"

#include <float.h>
#include <math.h>

#include "base/f16.h"
#include "base/rng.h"
#include "support.h"

enum { ROWS = BNT_TILE_ROWS, BLOCK = BNT_TILE_BLOCK, COLUMNS = 320 };

/* As tile.h has them. */
static const struct own {
    bnt_type_id id;
    int low, high, most_scale;
    size_t tile_bytes, short_bytes; /* of 256 columns, and of 64 */
} own[] = {
    {BNT_TYPE_B6, -32, 31, 127, 128 + 2048 + 1024, 64 + 512 + 256},
    {BNT_TYPE_B5, -16, 15, 127, 128 + 2048 + 512, 64 + 512 + 128},
    {BNT_TYPE_B4, -8, 7, 15, 128 + 2048, 64 + 512},
    {BNT_TYPE_B3, -4, 3, 31, 128 + 1024 + 512, 64 + 256 + 128},
    {BNT_TYPE_B2, -2, 1, 63, 128 + 1024, 64 + 256},
    {BNT_TYPE_B8, -127, 127, 1, 4096, 1024},
};
enum { OWN = sizeof own / sizeof *own };

static _Alignas(64) uint8_t group[64 * COLUMNS];
static float x[ROWS * COLUMNS];

static void fill_normal(uint64_t seed)
{
    bnt_rng rng;
    bnt_rng_seed(&rng, seed);
    for (size_t i = 0; i < ROWS * COLUMNS; i++) {
        x[i] = (float)bnt_rng_normal(&rng);
    }
}

/* ---- bytes ------------------------------------------------------------------------------- */

/* The stored code, its low and its high bits put together, of a column in a row. */
static int stored_code(const struct own *t, size_t column, size_t row)
{
    const size_t block = column / 256, span = column % 256 / 32, c = column % 32;
    const size_t n_spans = block ? 2 : 8;
    /* A head of two blocks is 64 bytes; scales of 2 spans are filled up to 64. */
    const uint8_t *const tile = group + 64 + (block ? t->tile_bytes : 0);
    const uint8_t *const codes = tile + (block ? 64 : 128);
    const size_t byte = 4 * row + c % 4;

    switch ((int)t->id) {
    case BNT_TYPE_B8:
        return (int8_t)tile[512 * span + 64 * (c / 4) + byte];
    case BNT_TYPE_B6:
    case BNT_TYPE_B5:
    case BNT_TYPE_B4: {
        const int four = codes[256 * span + 64 * (c % 16 / 4) + byte] >> (c < 16 ? 0 : 4) & 15;
        const uint8_t *const high = codes + 256 * n_spans;
        if (t->id == BNT_TYPE_B4) return four;
        if (t->id == BNT_TYPE_B5) return four | (high[64 * span + byte] >> (c / 4) & 1) << 4;
        return four | (high[128 * span + 64 * (c / 16) + byte] >> (c % 16 / 4 * 2) & 3) << 4;
    }
    default: {
        const int two = codes[128 * span + 64 * (c / 16) + byte] >> (2 * (c % 16 / 4)) & 3;
        const uint8_t *const high = codes + 128 * n_spans + 64 * span;
        return t->id == BNT_TYPE_B2 ? two : two | (high[byte] >> (c / 4) & 1) << 2;
    }
    }
}

static void codes_and_scales_lie_where_the_drawing_has_them(void **state)
{
    (void)state;
    static int8_t codes[2][ROWS * BLOCK];
    bnt_rng rng;

    bnt_rng_seed(&rng, 1);
    for (size_t i = 0; i < OWN; i++) {
        const struct own *const t = &own[i];
        const bnt_type *const type = bnt_type_find((uint32_t)t->id);
        bnt_grid grids[2];

        memset(group, 0xA5, sizeof group);
        for (size_t b = 2; b-- > 0;) { /* in any order */
            bnt_grid *const g = &grids[b];
            *g = (bnt_grid){.n_spans = b ? 2 : 8, .low = t->low, .high = t->high};
            for (size_t j = 0; j < ROWS * BLOCK; j++) {
                const uint64_t n = (uint64_t)(t->high - t->low) + 1;
                codes[b][j] = (int8_t)(t->low + (int)bnt_rng_below(&rng, n));
            }
            for (int r = 0; r < ROWS; r++) {
                g->d[r] = 0.25f * (float)(r + 1);
                for (int s = 0; s < 8; s++) {
                    g->s[s][r] = (int8_t)(r * s % (2 * t->most_scale + 1) - t->most_scale);
                }
            }
            bnt_grid_store(type, g, codes[b], COLUMNS, b, group);
        }
        assert_int_equal(bnt_tile_group_bytes(type->tile, COLUMNS),
                         64 + t->tile_bytes + t->short_bytes);
        assert_int_equal(group[64 + t->tile_bytes + t->short_bytes], 0xA5);
        for (size_t r = 0; r < ROWS; r++) {
            float row[COLUMNS];
            bnt_tile_decode_row(type, group, (uint32_t)r, COLUMNS, row);
            for (size_t c = 0; c < COLUMNS; c++) {
                const size_t b = c / 256, s = c % 256 / 32;
                const int code = codes[b][r * BLOCK + c % 256];
                const uint8_t *const tile = group + 64 + b * t->tile_bytes;
                const uint8_t *const d = group + 32 * b + 2 * r;
                const bool is_b8 = t->id == BNT_TYPE_B8;
                const float scale = is_b8 ? 1.0f : (float)(int8_t)tile[16 * s + r];

                assert_true(bnt_f16_to_f32((uint16_t)(d[0] | d[1] << 8)) == grids[b].d[r]);
                if (!is_b8) assert_int_equal((int8_t)tile[16 * s + r], grids[b].s[s][r]);
                assert_int_equal(stored_code(t, c, r), is_b8 ? code : code - t->low);
                assert_true(row[c] == grids[b].d[r] * scale * (float)code);
            }
        }
    }
}

static void all_that_no_number_takes_is_zero(void **state)
{
    (void)state;
    static int8_t codes[ROWS * BLOCK];
    static const size_t scales[OWN] = {16, 16, 16, 16, 16, 0};

    for (size_t i = 0; i < OWN; i++) {
        const bnt_type *const type = bnt_type_find((uint32_t)own[i].id);
        bnt_grid g = {.n_spans = 1, .low = own[i].low, .high = own[i].high};
        memset(codes, own[i].low, sizeof codes);
        for (int r = 0; r < ROWS; r++) {
            g.d[r] = 1.0f;
        }
        memset(group, 0xFF, sizeof group);
        bnt_grid_store(type, &g, codes, 32, 0, group);
        const size_t bytes = bnt_tile_group_bytes(type->tile, 32);
        for (size_t at = 32; at < 64 + (scales[i] ? 64 : 0); at++) {
            assert_int_equal(group[at], 0); /* 32 of d; all scales are 0 */
        }
        for (size_t at = 128; scales[i] && at < bytes; at++) {
            assert_int_equal(group[at], 0); /* the lowest code is stored as 0 */
        }
    }
}

/* ---- codes ------------------------------------------------------------------------------- */

/* The least distance from x of any value of the grid. */
static float least_distance(const bnt_grid *g, int span, int row, float value)
{
    float least = INFINITY;
    for (int code = g->low; code <= g->high; code++) {
        least = fminf(least, fabsf(value - g->step[span][row] * (float)code));
    }
    return least;
}

static void the_nearest_code_is_found(void **state)
{
    (void)state;
    static const float beside[] = {0.0f, 1e-30f, 0.3f, 1e9f, -1e9f, FLT_MAX, -FLT_MAX};
    bnt_grid g;

    fill_normal(2);
    for (size_t i = 0; i < OWN; i++) {
        const bnt_type *const type = bnt_type_find((uint32_t)own[i].id);
        bnt_grid_choose(type, x, COLUMNS, ROWS, 96, NULL, &g);
        assert_int_equal(g.n_spans, 3);
        assert_int_equal(g.low, own[i].low);
        assert_int_equal(g.high, own[i].high);
        for (size_t j = 0; j < ROWS * 96; j++) {
            const int span = (int)(j % 96 / 32), row = (int)(j / 96);
            const float value = x[(size_t)row * COLUMNS + j % 96];
            for (size_t k = 0; k < 1 + sizeof beside / sizeof *beside; k++) {
                const float wanted = k ? beside[k - 1] : value;
                const int code = bnt_grid_code(&g, span, row, wanted);
                const float off = fabsf(wanted - g.step[span][row] * (float)code);
                assert_in_range(code - g.low, 0, g.high - g.low);
                assert_true(off <= least_distance(&g, span, row, wanted) * 1.000001f);
            }
        }
    }
}

static void encoding_takes_the_nearest_codes_of_the_grid(void **state)
{
    (void)state;
    bnt_grid g;

    fill_normal(3);
    for (size_t i = 0; i < OWN; i++) {
        const bnt_type *const type = bnt_type_find((uint32_t)own[i].id);
        bnt_tile_encode(type, x, 9, COLUMNS, NULL, group);
        for (size_t at = 0; at < COLUMNS; at += BLOCK) {
            const uint32_t n = at ? COLUMNS - BLOCK : BLOCK;
            bnt_grid_choose(type, x + at, COLUMNS, 9, n, NULL, &g);
            for (uint32_t r = 0; r < ROWS; r++) {
                float row[COLUMNS];
                bnt_tile_decode_row(type, group, r, COLUMNS, row);
                for (uint32_t c = 0; c < n; c++) {
                    const float value = r < 9 ? x[r * COLUMNS + at + c] : 0.0f;
                    const int span = (int)(c / 32);
                    assert_true(fabsf(value - row[at + c]) <=
                                least_distance(&g, span, (int)r, value) * 1.000001f);
                }
            }
        }
    }
}

/* ---- the search -------------------------------------------------------------------------- */

/* Squared error of a block (ROWS, 256) at x, weighted, under the grid. */
static double error_of(const bnt_grid *g, const float *weights)
{
    double sum = 0.0;
    for (size_t r = 0; r < ROWS; r++) {
        for (size_t c = 0; c < BLOCK; c++) {
            const float value = x[r * COLUMNS + c];
            const int span = (int)(c / 32), code = bnt_grid_code(g, span, (int)r, value);
            const double off = (double)value - (double)g->step[span][r] * code;
            sum += (weights ? (double)weights[c] : 1.0) * off * off;
        }
    }
    return sum;
}

/* Each span's value of largest size becomes `level`, whatever its sign; steps are any floats.
 */
static void scale_by_largest(bnt_grid *g, float level)
{
    for (int s = 0; s < g->n_spans; s++) {
        for (int r = 0; r < ROWS; r++) {
            float largest = 0.0f;
            for (int c = 32 * s; c < 32 * s + 32; c++) {
                const float value = x[r * COLUMNS + c];
                if (fabsf(value) > fabsf(largest)) largest = value;
            }
            g->step[s][r] = largest / level;
            g->inverse[s][r] = level / largest;
        }
    }
}

/* Normal weights, then weights with heavy tails: normal ones over a root of a mean of squares.
 */
static void make_weights(int heavy)
{
    fill_normal(4);
    bnt_rng rng;
    bnt_rng_seed(&rng, 5);
    for (size_t i = 0; heavy && i < ROWS * COLUMNS; i++) {
        double squares = 0.0;
        for (int j = 0; j < 5; j++) {
            const double z = bnt_rng_normal(&rng);
            squares += z * z;
        }
        x[i] = (float)((double)x[i] / sqrt(squares / 5.0));
    }
}

static void the_search_beats_any_one_way_to_scale(void **state)
{
    (void)state;
    static float weights[BLOCK];
    bnt_grid g;

    for (size_t c = 0; c < BLOCK; c++) {
        weights[c] = c % 5 ? 1.0f : 30.0f;
    }
    for (int kind = 0; kind < 4; kind++) {
        const float *const w = kind & 1 ? weights : NULL;
        make_weights(kind >> 1);
        for (size_t i = 0; own[i].id != BNT_TYPE_B8; i++) {
            bnt_grid_choose(bnt_type_find((uint32_t)own[i].id), x, COLUMNS, ROWS, BLOCK, w, &g);
            const double found = error_of(&g, w), low = (double)own[i].low;
            for (double part = 0.4; part < 2.0; part += 0.05) { /* 1: the largest is `low` */
                scale_by_largest(&g, (float)(part * low));
                assert_true(found < error_of(&g, w));
            }
        }
    }
}

static void weights_are_what_the_search_lowers(void **state)
{
    (void)state;
    static float weights[BLOCK];
    bnt_grid plain, weighted;

    make_weights(1);
    for (size_t c = 0; c < BLOCK; c++) {
        weights[c] = c % 7 == 3 ? 100.0f : 1.0f;
    }
    for (size_t i = 0; own[i].id != BNT_TYPE_B8; i++) {
        const bnt_type *const type = bnt_type_find((uint32_t)own[i].id);
        bnt_grid_choose(type, x, COLUMNS, ROWS, BLOCK, NULL, &plain);
        bnt_grid_choose(type, x, COLUMNS, ROWS, BLOCK, weights, &weighted);
        assert_true(error_of(&weighted, weights) < 0.9 * error_of(&plain, weights));
        assert_true(error_of(&plain, NULL) < error_of(&weighted, NULL));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codes_and_scales_lie_where_the_drawing_has_them),
        cmocka_unit_test(all_that_no_number_takes_is_zero),
        cmocka_unit_test(the_nearest_code_is_found),
        cmocka_unit_test(encoding_takes_the_nearest_codes_of_the_grid),
        cmocka_unit_test(the_search_beats_any_one_way_to_scale),
        cmocka_unit_test(weights_are_what_the_search_lowers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
