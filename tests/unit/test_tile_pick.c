/* Rows picked out of interleaved matrices: every value is the one it was. */
#include "quant/tile_pick.h"

#include "support.h"

enum { ROWS = 40, MAX_COLUMNS = 576 };

static void fill(float *values, size_t n)
{
    uint32_t state = 7;
    for (size_t i = 0; i < n; i++) {
        state = state * 1664525u + 1013904223u;
        values[i] = (float)(int32_t)state / 2147483648.0f;
    }
}

/* A matrix of ROWS rows in groups, allocated at the alignment that encoding wants. */
static uint8_t *encode(const bnt_type *type, const float *values, size_t columns)
{
    const size_t bytes = bnt_tile_group_bytes(type->tile, columns);
    const size_t n_groups = (ROWS + BNT_TILE_ROWS - 1) / BNT_TILE_ROWS;
    uint8_t *const matrix = aligned_alloc(64, n_groups * bytes);

    assert_non_null(matrix);
    for (uint32_t first = 0; first < ROWS; first += BNT_TILE_ROWS) {
        const uint32_t left = ROWS - first;
        bnt_tile_encode(type, values + first * columns,
                        left < BNT_TILE_ROWS ? left : BNT_TILE_ROWS, columns, NULL,
                        matrix + first / BNT_TILE_ROWS * bytes);
    }
    return matrix;
}

static void check(const bnt_type *type, size_t columns)
{
    static const uint32_t rows[] = {39, 0, 16, 15, 31, 3, 3, 38, 17, 1, 2, 20, 21};
    const uint32_t n = sizeof rows / sizeof rows[0];
    static float values[ROWS * MAX_COLUMNS], was[MAX_COLUMNS], is[MAX_COLUMNS];

    fill(values, ROWS * columns);
    uint8_t *const matrix = encode(type, values, columns);
    uint8_t *const group = aligned_alloc(64, bnt_tile_group_bytes(type->tile, columns));
    assert_non_null(group);
    memset(group, 0xA5, bnt_tile_group_bytes(type->tile, columns));
    bnt_tile_pick(type, matrix, columns, rows, n, group);
    for (uint32_t r = 0; r < BNT_TILE_ROWS; r++) {
        memset(was, 0, sizeof was);
        if (r < n) bnt_type_decode_row(type, matrix, columns, rows[r], was);
        bnt_tile_decode_row(type, group, r, columns, is);
        for (size_t c = 0; c < columns; c++) {
            if (is[c] != was[c]) {
                fail_msg("%s, %zu columns: row %u, column %zu is %g, was %g", type->name,
                         columns, (unsigned)r, c, (double)is[c], (double)was[c]);
            }
        }
    }
    free(group);
    free(matrix);
}

static void picked_rows_hold_the_values_they_held(void **state)
{
    static const char *const names[] = {"B8", "B6", "B5", "B4", "B3", "B2"};
    static const size_t columns[] = {32, 96, 256, 288, 576};

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const bnt_type *const type = bnt_type_named(names[i]);
        assert_non_null(type);
        for (size_t k = 0; k < sizeof columns / sizeof columns[0]; k++) {
            check(type, columns[k]);
        }
    }
}

/* A group picked whole is the group. */
static void a_group_picked_whole_is_the_same_bytes(void **state)
{
    static float values[ROWS * MAX_COLUMNS];
    const bnt_type *const type = bnt_type_named("B4");
    const size_t columns = 320, bytes = bnt_tile_group_bytes(type->tile, columns);
    uint32_t rows[BNT_TILE_ROWS];

    (void)state;
    fill(values, ROWS * columns);
    uint8_t *const matrix = encode(type, values, columns);
    uint8_t *const group = aligned_alloc(64, bytes);
    assert_non_null(group);
    for (uint32_t r = 0; r < BNT_TILE_ROWS; r++) {
        rows[r] = BNT_TILE_ROWS + r;
    }
    bnt_tile_pick(type, matrix, columns, rows, BNT_TILE_ROWS, group);
    assert_memory_equal(group, matrix + bytes, bytes);
    free(group);
    free(matrix);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(picked_rows_hold_the_values_they_held),
        cmocka_unit_test(a_group_picked_whole_is_the_same_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
