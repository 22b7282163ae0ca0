/* test_quant.c - number types against blocks that llama.cpp's reference coders read and wrote.
 *
 * tests/golden/quant_blocks.bin holds records of four u32 (type, values, bytes, direction), the
 * blocks, then the values as float32. Direction 0: values are what the blocks decode to; 1: the
 * blocks are what the values encode to.
 */
#include "support.h"

#include <math.h>

#include "quant/type.h"

static void every_type_reads_and_writes_as_others_do(void **state)
{
    (void)state;
    size_t size, at = 0;
    unsigned n_records = 0;
    char *const file = read_whole("tests/golden/quant_blocks.bin", &size);

    while (at < size) {
        uint32_t head[4];
        memcpy(head, file + at, sizeof head);
        const bnt_type *const type = bnt_type_find(head[0]);
        assert_non_null(type);
        const char *const blocks = file + at + sizeof head;
        float want[256], got[256];
        uint8_t written[1024];
        memcpy(want, blocks + head[2], head[1] * sizeof *want);

        uint64_t bytes;
        assert_true(bnt_type_bytes(type, 1, head[1], &bytes));
        assert_int_equal(bytes, head[2]);
        if (head[3]) {
            type->encode(want, written, head[1]);
            assert_memory_equal(written, blocks, head[2]);
        } else {
            type->decode(blocks, got, head[1]);
            assert_memory_equal(got, want, head[1] * sizeof *want);
        }
        at += sizeof head + head[2] + head[1] * sizeof *want;
        n_records++;
    }
    assert_int_equal(n_records, 14);
    free(file);
}

static void blocks_need_no_alignment(void **state)
{
    (void)state;
    const bnt_type *const type = bnt_type_find(BNT_TYPE_Q8_0);
    const float in[32] = {1.0f, -1.0f, 0.5f};
    uint8_t bytes[40];
    float out[32];

    for (int shift = 0; shift < 4; shift++) {
        type->encode(in, bytes + shift, 32);
        type->decode(bytes + shift, out, 32);
        assert_true(fabsf(out[0] - 1.0f) < 0.001f && fabsf(out[1] + 1.0f) < 0.001f);
    }
}

static void sixteen_bit_floats_survive_both_ways(void **state)
{
    (void)state;
    const bnt_type_id ids[] = {BNT_TYPE_F16, BNT_TYPE_BF16};

    for (int t = 0; t < 2; t++) {
        const bnt_type *const type = bnt_type_find(ids[t]);
        for (uint32_t bits = 0; bits < 65536; bits++) {
            const uint8_t in[2] = {(uint8_t)bits, (uint8_t)(bits >> 8)};
            uint8_t out[2];
            float value;
            type->decode(in, &value, 1);
            if (isnan(value)) continue;
            type->encode(&value, out, 1);
            assert_memory_equal(in, out, 2);
        }
    }
}

static void not_a_number_is_encoded_without_harm(void **state)
{
    (void)state;
    float in[32];
    uint8_t out[34];

    for (int i = 0; i < 32; i++) {
        in[i] = i % 3 ? NAN : INFINITY;
    }
    bnt_type_find(BNT_TYPE_Q8_0)->encode(in, out, 32);
    bnt_type_find(BNT_TYPE_Q4_0)->encode(in, out, 32);
}

static void tensor_bytes_are_refused_where_they_wrap(void **state)
{
    (void)state;
    const bnt_type *const q4 = bnt_type_find(BNT_TYPE_Q4_0);
    uint64_t bytes = 7;

    assert_true(bnt_type_bytes(q4, 3, 64, &bytes));
    assert_int_equal(bytes, 3 * 2 * 18);
    assert_false(bnt_type_bytes(q4, 1, 33, &bytes));
    assert_false(bnt_type_bytes(q4, UINT64_MAX / 18, 64, &bytes));
    assert_false(bnt_type_bytes(bnt_type_find(BNT_TYPE_F32), 1, UINT64_MAX / 2, &bytes));
}

static void types_are_found_by_number_and_name(void **state)
{
    (void)state;
    assert_ptr_equal(bnt_type_named("q4_k"), bnt_type_find(12));
    assert_null(bnt_type_find(31));
    assert_null(bnt_type_find(UINT32_MAX));
    assert_null(bnt_type_named("q4"));
    assert_string_equal(bnt_type_foreign_name(16), "IQ2_XXS");
    assert_null(bnt_type_foreign_name(255));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_reads_and_writes_as_others_do),
        cmocka_unit_test(blocks_need_no_alignment),
        cmocka_unit_test(sixteen_bit_floats_survive_both_ways),
        cmocka_unit_test(not_a_number_is_encoded_without_harm),
        cmocka_unit_test(tensor_bytes_are_refused_where_they_wrap),
        cmocka_unit_test(types_are_found_by_number_and_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
