/* The GGUF reader over tensor tables made to break it: names, dimensions, sizes that wrap,
 * types, offsets and overlaps. */
#include "hostile_gguf.h"

#include <math.h>

/* ---- H17 to H25: tensors ----------------------------------------------------------------- */

static const uint64_t one_row[] = {8};

/* A sound head and one tensor whose name states a length. */
static void with_tensor_name(gguf_builder *b, const void *name, size_t size, uint64_t stated)
{
    gb_init(b);
    gb_u64(&b->infos, stated);
    gb_raw(&b->infos, name, size);
    gb_u32(&b->infos, 1);
    gb_u64(&b->infos, 8);
    gb_u32(&b->infos, 0);
    gb_u64(&b->infos, 0);
    gb_raw(&b->data, NULL, 32);
    b->n_tensors = 1;
}

static void tensor_names_of_impossible_length_are_refused(void **state)
{
    (void)state;
    static const uint64_t lengths[] = {UINT64_C(1) << 40, UINT64_C(1) << 63, UINT64_MAX};
    gguf_builder b;

    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        with_tensor_name(&b, "name", 4, lengths[i]);
        refuse(&b, "tensor 0: a name of");
    }
    with_tensor_name(&b, "name", 4, 0);
    refuse(&b, "tensor 0: a name has 1 to 256 bytes, this one 0");

    char *const text = malloc(1 << 20);
    assert_non_null(text);
    memset(text, 'n', 1 << 20);
    with_tensor_name(&b, text, 1 << 20, 1 << 20);
    refuse(&b, "this one 1048576");
    with_tensor_name(&b, text, 257, 257);
    refuse(&b, "this one 257");
    with_tensor_name(&b, text, 64, 64);
    accept(&b);
    free(text);
}

static void tensor_names_that_are_no_clean_text_are_refused(void **state)
{
    (void)state;
    gguf_builder b;

    with_tensor_name(&b, "a\0b", 3, 3);
    refuse(&b, "control characters");
    with_tensor_name(&b, "\xFF\xFE", 2, 2);
    refuse(&b, "\\xff\\xfe");
    with_tensor_name(&b, "\033[31m", 5, 5);
    refuse(&b, "\\x1b[31m");
    with_tensor_name(&b, "blk.-1.attn_q.weight", 20, 20); /* the model floor's to judge */
    accept(&b);
    with_tensor_name(&b, "blk.99999999999.%n", 18, 18);
    accept(&b);
}

static void two_tensors_of_one_name_are_refused(void **state)
{
    (void)state;
    gguf_builder b;

    begin(&b);
    gb_add_f32(&b, "token_embd.weight", 8, 0, NULL);
    refuse(&b, "tensor token_embd.weight is there twice");
}

static void numbers_of_dimensions_other_than_one_to_four_are_refused(void **state)
{
    (void)state;
    static const uint64_t ones[] = {1, 1, 1, 1, 1};
    static const uint32_t counts[] = {0, 255, 0xFFFFFFFFu};
    gguf_builder b;

    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        begin(&b);
        gb_text(&b.infos, "odd");
        gb_u32(&b.infos, counts[i]);
        gb_raw(&b.infos, NULL, 64);
        b.n_tensors++;
        refuse(&b, "tensor odd: expected 1 to 4 dimensions");
    }
    begin(&b);
    gb_add_tensor(&b, "odd", 0, 5, ones, NULL, 4);
    refuse(&b, "tensor odd: expected 1 to 4 dimensions, found 5");
    begin(&b);
    gb_add_tensor(&b, "even", 0, 4, ones, NULL, 4);
    accept(&b);
}

static void dimensions_of_zero_are_refused(void **state)
{
    (void)state;
    static const uint64_t shapes[][2] = {{0, 4}, {4, 0}, {0, 0}, {0, UINT64_MAX}};
    gguf_builder b;

    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        begin(&b);
        gb_add_tensor(&b, "empty", 0, 2, shapes[i], NULL, 0);
        refuse(&b, "tensor empty: a dimension is 0");
    }
}

static void shapes_whose_size_wraps_are_refused(void **state)
{
    (void)state;
    static const uint64_t two32 = UINT64_C(1) << 32;
    const uint64_t shapes[][4] = {
        {UINT64_MAX, 1, 1, 1},              /* -1 */
        {UINT64_C(1) << 63, 1, 1, 1},       /* negative */
        {INT64_MAX, 1, 1, 1},               /* four times as many bytes */
        {two32, two32, 1, 1},               /* the product is 2^64: wraps to 0 */
        {8, two32, two32, 1},               /* wraps to 0 in the third step */
        {two32 + 1, two32, 1, 1},           /* wraps to 2^32 */
        {UINT64_C(1) << 62, 1, 1, 1},       /* elements fit, bytes wrap to 0 */
        {(UINT64_C(1) << 62) + 8, 1, 1, 1}, /* bytes wrap to the true 32 */
        {8, (UINT64_C(1) << 61) + 1, 1, 1}, /* elements wrap to 8 */
        {8, 3, 0x5555555555555556u, 1},     /* 3 * that wraps to 2 */
        {UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX},
    };
    gguf_builder b;

    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        begin(&b);
        gb_add_tensor(&b, "vast", 0, 4, shapes[i], NULL, 32);
        refuse(&b, "tensor vast: its");
        begin(&b); /* in bytes instead: blocks of 32 values in 34 bytes, dims a multiple */
        gb_add_tensor(&b, "vast", 24, 4, shapes[i], NULL, 32);
        refuse(&b, "tensor vast: its");
    }
    static const uint64_t q8[] = {UINT64_C(0x0F0F0F0F0F0F0F20), 1};
    begin(&b);
    gb_add_tensor(&b, "vast", 8, 2, q8, NULL, 34);
    refuse(&b, "tensor vast: its");
}

static void shapes_that_ask_for_more_than_the_file_are_refused(void **state)
{
    (void)state;
    static const uint64_t row_more[] = {8, 5};
    gguf_builder b;

    gb_init(&b);
    gb_add_tensor(&b, "grown", 0, 2, row_more, NULL, 8 * 4 * 4);
    refuse(&b, "tensor grown: its 160 bytes at offset 0 lie outside the 128 bytes of data");
}

static void a_shape_that_reaches_into_the_next_tensor_is_refused(void **state)
{
    (void)state;
    static const uint64_t row_more[] = {8, 5}, rows[] = {8, 4};
    gguf_builder b;

    gb_init(&b);
    gb_add_tensor(&b, "grown", 0, 2, row_more, NULL, 128);
    gb_add_tensor(&b, "next", 0, 2, rows, NULL, 128);
    refuse(&b, "tensors grown and next overlap");
}

static void numbers_of_no_type_are_refused(void **state)
{
    (void)state;
    static const uint32_t numbers[] = {0xFFFFFFFFu, 0x80000000u, 255, 139, 1000};
    gguf_builder b;

    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        begin(&b);
        gb_add_tensor(&b, "typed", numbers[i], 1, one_row, NULL, 32);
        refuse(&b, "tensor typed: no type has the number");
    }
}

static void types_this_build_lacks_are_named(void **state)
{
    (void)state;
    static const struct {
        uint32_t number;
        const char *message;
    } cases[] = {{4, "Q4_2"},     {5, "Q4_3"},   {31, "Q4_0_4_4"}, {36, "IQ4_NL_4_4"},
                 {16, "IQ2_XXS"}, {34, "TQ1_0"}, {39, "MXFP4"},    {9, "Q8_1"}};
    static const uint64_t row[] = {256};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        gguf_builder b;
        begin(&b);
        gb_add_tensor(&b, "blk.0.ffn_up.weight", cases[i].number, 1, row, NULL, 1024);
        size_t size;
        bantam_error err;
        uint8_t *const file = gb_finish(&b, &size);
        assert_int_equal(parse_bytes(file, size, &err), BANTAM_ERR_UNSUPPORTED);
        assert_non_null(strstr(err.message, "tensor blk.0.ffn_up.weight: type "));
        assert_non_null(strstr(err.message, cases[i].message));
        free(file);
    }
}

static void rows_that_are_no_whole_number_of_blocks_are_refused(void **state)
{
    (void)state;
    static const uint64_t shape[] = {64, 4}, odd[] = {33}, whole[] = {256};
    gguf_builder b;

    begin(&b); /* 256 values in all, but not in a row */
    gb_add_tensor(&b, "blocked", 12, 2, shape, NULL, 144);
    refuse(&b, "tensor blocked: rows of 64 values are no whole number of Q4_K blocks of 256");
    begin(&b);
    gb_add_tensor(&b, "blocked", 8, 1, odd, NULL, 68);
    refuse(&b, "rows of 33 values");
    begin(&b);
    gb_add_tensor(&b, "blocked", 12, 1, whole, NULL, 144);
    accept(&b);
}

static void offsets_outside_the_data_are_refused(void **state)
{
    (void)state;
    static const uint64_t past[] = {64,
                                    1 << 20,
                                    UINT64_MAX - 31,
                                    UINT64_C(1) << 63,
                                    UINT64_MAX - 95,
                                    (UINT64_C(1) << 32) * 32,
                                    32};
    static const uint64_t crooked[] = {1, 4, 8, 16, 31, UINT64_MAX};
    gguf_builder b;

    for (size_t i = 0; i < sizeof past / sizeof past[0]; i++) {
        gb_init(&b); /* 64 bytes of data, 64 of them in the tensor */
        static const uint64_t dims[] = {16};
        gb_info(&b, "away", 1, dims, 0, past[i]);
        gb_raw(&b.data, NULL, 64);
        refuse(&b, "tensor away: its 64 bytes at offset");
    }
    for (size_t i = 0; i < sizeof crooked / sizeof crooked[0]; i++) {
        gb_init(&b);
        gb_info(&b, "crooked", 1, one_row, 0, crooked[i]);
        gb_raw(&b.data, NULL, 64);
        refuse(&b, "tensor crooked: offset");
    }
}

static void tensors_that_share_bytes_are_refused(void **state)
{
    (void)state;
    static const uint64_t two_rows[] = {8, 2};
    gguf_builder b;

    gb_init(&b); /* the same place for both */
    gb_info(&b, "a", 1, one_row, 0, 0);
    gb_info(&b, "b", 1, one_row, 0, 0);
    gb_raw(&b.data, NULL, 64);
    refuse(&b, "overlap");
    gb_init(&b); /* listed in reverse, half over each other */
    gb_info(&b, "late", 2, two_rows, 0, 32);
    gb_info(&b, "early", 2, two_rows, 0, 0);
    gb_raw(&b.data, NULL, 96);
    refuse(&b, "tensors early and late overlap");
    gb_init(&b); /* one inside another */
    gb_info(&b, "outer", 2, two_rows, 0, 0);
    gb_info(&b, "inner", 1, one_row, 0, 32);
    gb_raw(&b.data, NULL, 64);
    refuse(&b, "tensors outer and inner overlap");
}

static void what_the_weights_say_is_not_the_containers_business(void **state)
{
    (void)state;
    const float values[] = {NAN, INFINITY, -INFINITY, 1e-40f, 0.0f, 3.4e38f, -0.0f, 1.0f};
    gguf_builder b;

    gb_init(&b);
    gb_add_f32(&b, "wild", 8, 0, values);
    accept(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tensor_names_of_impossible_length_are_refused),
        cmocka_unit_test(tensor_names_that_are_no_clean_text_are_refused),
        cmocka_unit_test(two_tensors_of_one_name_are_refused),
        cmocka_unit_test(numbers_of_dimensions_other_than_one_to_four_are_refused),
        cmocka_unit_test(dimensions_of_zero_are_refused),
        cmocka_unit_test(shapes_whose_size_wraps_are_refused),
        cmocka_unit_test(shapes_that_ask_for_more_than_the_file_are_refused),
        cmocka_unit_test(a_shape_that_reaches_into_the_next_tensor_is_refused),
        cmocka_unit_test(numbers_of_no_type_are_refused),
        cmocka_unit_test(types_this_build_lacks_are_named),
        cmocka_unit_test(rows_that_are_no_whole_number_of_blocks_are_refused),
        cmocka_unit_test(offsets_outside_the_data_are_refused),
        cmocka_unit_test(tensors_that_share_bytes_are_refused),
        cmocka_unit_test(what_the_weights_say_is_not_the_containers_business),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
