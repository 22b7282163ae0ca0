/* The GGUF reader over sound files: everything it promises to find in them, and that a file cut
 * anywhere or a failing allocation is an error and nothing else. Broken files are
 * test_hostile_gguf.c's. */
#include "format/gguf.h"

#include "base/mem.h"
#include "cpu_time.h"
#include "gguf_builder.h"
#include "support.h"

#include <jansson.h>
#include <math.h>

/* Parses a copy of exactly size bytes, so that a sanitizer sees the first byte beyond. */
static bantam_status parse_copy(bnt_gguf **out, uint8_t **copy, const uint8_t *file,
                                size_t size, bantam_error *err)
{
    *copy = malloc(size ? size : 1);
    assert_non_null(*copy);
    memcpy(*copy, file, size);
    return bnt_gguf_parse(out, *copy, size, err);
}

/* A file with a pair of every type, arrays, and three tensors. */
static void build_sample(gguf_builder *b)
{
    static const char *const texts[] = {"a", "", "\xC3\xA9t\xC3\xA9"};
    static const float floats[] = {0.5f, -2.0f};
    static const int32_t ints[] = {-1, 2147483647};
    static const uint8_t bools[] = {1, 0, 1};
    static const uint64_t q8[] = {64, 2}, vector[] = {3}, words[] = {2};
    static const float numbers[] = {1.0f, 2.0f, 3.0f};

    gb_init(b);
    gb_put_text(b, "general.architecture", "llama");
    gb_put_u8(b, "u8", 200);
    gb_put_i8(b, "i8", -100);
    gb_put_u16(b, "u16", 60000);
    gb_put_i16(b, "i16", -30000);
    gb_put_u32(b, "u32", 4000000000u);
    gb_put_i32(b, "i32", -2000000000);
    gb_put_u64(b, "u64", UINT64_MAX);
    gb_put_i64(b, "i64", INT64_MIN);
    gb_put_f32(b, "f32", 1e-5f);
    gb_put_f64(b, "f64", 0.1);
    gb_put_bool(b, "bool", 1);
    gb_put_texts(b, "texts", texts, 3);
    gb_put_f32s(b, "floats", floats, 2);
    gb_put_i32s(b, "ints", ints, 2);
    gb_put_bools(b, "bools", bools, 3);
    gb_add_tensor(b, "q8", 8, 2, q8, NULL, 2 * 2 * 34);
    gb_add_tensor(b, "vector", 0, 1, vector, numbers, sizeof numbers);
    gb_add_tensor(b, "words", 26, 1, words, NULL, 8);
}

static bnt_gguf *open_sample(uint8_t **file)
{
    gguf_builder b;
    size_t size;
    bnt_gguf *g;
    bantam_error err = {0};

    build_sample(&b);
    *file = gb_finish(&b, &size);
    if (bnt_gguf_parse(&g, *file, size, &err)) fail_msg("%s", err.message);
    return g;
}

static void assert_text(bantam_text text, const char *expected)
{
    assert_int_equal(text.size, strlen(expected));
    assert_memory_equal(text.data, expected, text.size);
}

/* ---- tables ------------------------------------------------------------------------------ */

static void pairs_and_tensors_stand_in_the_order_of_the_file(void **state)
{
    (void)state;
    uint8_t *file;
    bnt_gguf *const g = open_sample(&file);

    assert_int_equal(bnt_gguf_version(g), 3);
    assert_int_equal(bnt_gguf_n_pairs(g), 16);
    assert_text(bnt_gguf_pair_at(g, 0)->key, "general.architecture");
    assert_text(bnt_gguf_pair_at(g, 15)->key, "bools");
    assert_null(bnt_gguf_pair_at(g, 16));
    assert_ptr_equal(bnt_gguf_find(g, "u64"), bnt_gguf_pair_at(g, 7));
    assert_null(bnt_gguf_find(g, "u6"));
    assert_null(bnt_gguf_find(g, ""));

    assert_int_equal(bnt_gguf_n_tensors(g), 3);
    assert_text(bnt_gguf_tensor_at(g, 0)->name, "q8");
    assert_text(bnt_gguf_tensor_at(g, 1)->name, "vector");
    assert_null(bnt_gguf_tensor_at(g, 3));
    bnt_gguf_close(g);
    free(file);
}

static void a_tensor_has_its_type_shape_and_bytes(void **state)
{
    (void)state;
    uint8_t *file;
    bnt_gguf *const g = open_sample(&file);
    const bnt_tensor *const q8 = bnt_gguf_tensor_at(g, 0);
    const bnt_tensor *const vector = bnt_gguf_tensor_at(g, 1);

    assert_ptr_equal(q8->type, bnt_type_find(BNT_TYPE_Q8_0));
    assert_text(q8->type_name, "Q8_0");
    assert_int_equal(q8->n_dims, 2);
    assert_int_equal(q8->dims[0], 64);
    assert_int_equal(q8->dims[1], 2);
    assert_int_equal(q8->dims[2], 1);
    assert_int_equal(q8->dims[3], 1);
    assert_int_equal(q8->bytes, 136); /* four blocks of 34 */

    assert_int_equal(vector->n_dims, 1);
    assert_int_equal(vector->dims[0], 3);
    assert_int_equal(vector->dims[1], 1);
    assert_int_equal(vector->bytes, 12);
    assert_int_equal(vector->data - q8->data, 160); /* 136 rounded up to 32 */
    float third;
    memcpy(&third, vector->data + 8, sizeof third);
    assert_true(third == 3.0f);
    bnt_gguf_close(g);
    free(file);
}

static void a_tensor_of_machine_words_opens_without_a_type(void **state)
{
    (void)state;
    uint8_t *file;
    bnt_gguf *const g = open_sample(&file);
    const bnt_tensor *const words = bnt_gguf_tensor_at(g, 2);

    assert_null(words->type);
    assert_text(words->type_name, "I32");
    assert_int_equal(words->bytes, 8);
    bnt_gguf_close(g);
    free(file);
}

static void version_2_reads_like_version_3(void **state)
{
    (void)state;
    gguf_builder b;
    size_t size;
    bnt_gguf *g;
    uint32_t value = 0;

    build_sample(&b);
    b.version = 2;
    uint8_t *const file = gb_finish(&b, &size);
    assert_int_equal(bnt_gguf_parse(&g, file, size, NULL), BANTAM_OK);
    assert_int_equal(bnt_gguf_version(g), 2);
    assert_int_equal(bnt_gguf_n_tensors(g), 3);
    assert_int_equal(bnt_gguf_u32(g, "u32", &value, NULL), BANTAM_OK);
    assert_int_equal(value, 4000000000u);
    bnt_gguf_close(g);
    free(file);
}

static void an_empty_file_of_24_bytes_is_sound(void **state)
{
    (void)state;
    gguf_builder b;
    size_t size;
    bnt_gguf *g;

    gb_init(&b);
    uint8_t *const file = gb_finish(&b, &size);
    assert_int_equal(size, 24);
    assert_int_equal(bnt_gguf_parse(&g, file, size, NULL), BANTAM_OK);
    assert_int_equal(bnt_gguf_n_pairs(g), 0);
    assert_int_equal(bnt_gguf_n_tensors(g), 0);
    bnt_gguf_close(g);
    free(file);
}

static void the_stated_alignment_moves_the_data(void **state)
{
    (void)state;
    static const float values[] = {4.0f, 5.0f};
    static const uint64_t alignments[] = {8, 16, 64, 4096, 1 << 20};

    for (size_t i = 0; i < sizeof alignments / sizeof alignments[0]; i++) {
        gguf_builder b;
        size_t size;
        bnt_gguf *g;
        gb_init(&b);
        b.alignment = alignments[i];
        gb_put_u32(&b, "general.alignment", (uint32_t)alignments[i]);
        gb_add_f32(&b, "a", 1, 0, values);
        gb_add_f32(&b, "b", 2, 0, values);
        uint8_t *const file = gb_finish(&b, &size);
        assert_int_equal(bnt_gguf_parse(&g, file, size, NULL), BANTAM_OK);
        assert_ptr_equal(bnt_gguf_tensor_at(g, 0)->data, file + b.data_start);
        assert_ptr_equal(bnt_gguf_tensor_at(g, 1)->data, file + b.data_start + alignments[i]);
        bnt_gguf_close(g);
        free(file);
    }
}

static void tensors_may_stand_in_any_order_with_holes_and_a_tail(void **state)
{
    (void)state;
    static const uint64_t dims[] = {4};
    gguf_builder b;
    size_t size;
    bnt_gguf *g;
    bantam_error err;

    gb_init(&b);
    gb_info(&b, "third", 1, dims, 0, 128); /* after a hole of 48 bytes */
    gb_info(&b, "second", 1, dims, 0, 64);
    gb_info(&b, "first", 1, dims, 0, 0);
    gb_raw(&b.data, NULL, 144 + 1000);
    uint8_t *const file = gb_finish(&b, &size);
    assert_int_equal(bnt_gguf_parse(&g, file, size, &err), BANTAM_OK);
    assert_ptr_equal(bnt_gguf_tensor_at(g, 0)->data, file + b.data_start + 128);
    assert_ptr_equal(bnt_gguf_tensor_at(g, 2)->data, file + b.data_start);
    bnt_gguf_close(g);
    free(file);
}

/* ---- values ------------------------------------------------------------------------------ */

static void integers_of_any_width_are_read_where_they_fit(void **state)
{
    (void)state;
    gguf_builder b;
    size_t size;
    bnt_gguf *g;

    gb_init(&b);
    gb_put_u8(&b, "u8", 255);
    gb_put_i8(&b, "i8", 127);
    gb_put_u16(&b, "u16", 65535);
    gb_put_i16(&b, "i16", 32767);
    gb_put_u32(&b, "u32", 4294967295u);
    gb_put_i32(&b, "i32", 2147483647);
    gb_put_u64(&b, "u64", 4294967295u);
    gb_put_i64(&b, "i64", 4294967295);
    uint8_t *const file = gb_finish(&b, &size);
    assert_int_equal(bnt_gguf_parse(&g, file, size, NULL), BANTAM_OK);
    static const struct {
        const char *key;
        uint32_t value;
    } expected[] = {{"u8", 255},          {"i8", 127},         {"u16", 65535},
                    {"i16", 32767},       {"u32", 4294967295}, {"i32", 2147483647},
                    {"u64", 4294967295u}, {"i64", 4294967295u}};
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        uint32_t value = 1;
        assert_int_equal(bnt_gguf_u32(g, expected[i].key, &value, NULL), BANTAM_OK);
        assert_int_equal(value, expected[i].value);
    }
    bnt_gguf_close(g);
    free(file);
}

static void numbers_that_do_not_fit_are_named(void **state)
{
    (void)state;
    static const char *const keys[] = {"i8", "i16", "i32", "u64", "i64"};
    static const char *const found[] = {"found -100", "found -30000", "found -2000000000",
                                        "found 18446744073709551615",
                                        "found -9223372036854775808"};
    uint8_t *file;
    bnt_gguf *const g = open_sample(&file);

    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        bantam_error err;
        uint32_t value = 77;
        assert_int_equal(bnt_gguf_u32(g, keys[i], &value, &err), BANTAM_ERR_FORMAT);
        assert_int_equal(value, 77);
        assert_non_null(strstr(err.message, keys[i]));
        assert_non_null(strstr(err.message, found[i]));
    }
    bnt_gguf_close(g);
    free(file);
}

static void an_absent_key_leaves_the_default(void **state)
{
    (void)state;
    uint8_t *file;
    bnt_gguf *const g = open_sample(&file);
    uint32_t number = 5;
    float real = 0.25f;
    bool flag = true;
    bantam_text text = {"x", 1};
    bnt_gguf_items items;

    assert_int_equal(bnt_gguf_u32(g, "none", &number, NULL), BANTAM_OK);
    assert_int_equal(bnt_gguf_f32(g, "none", &real, NULL), BANTAM_OK);
    assert_int_equal(bnt_gguf_bool(g, "none", &flag, NULL), BANTAM_OK);
    assert_int_equal(bnt_gguf_text(g, "none", &text, NULL), BANTAM_OK);
    assert_int_equal(bnt_gguf_items_begin(g, "none", BNT_GGUF_F32, &items, NULL), BANTAM_OK);
    assert_int_equal(number, 5);
    assert_true(real == 0.25f);
    assert_true(flag);
    assert_text(text, "x");
    assert_null(items.pair);
    assert_false(bnt_gguf_next_f32(&items, &real));
    bnt_gguf_close(g);
    free(file);
}

static void a_value_of_another_type_is_refused_by_name(void **state)
{
    (void)state;
    uint8_t *file;
    bnt_gguf *const g = open_sample(&file);
    uint32_t number = 5;
    float real;
    bool flag;
    bantam_text text;
    bnt_gguf_items items;
    bantam_error err;

    assert_int_equal(bnt_gguf_u32(g, "f32", &number, &err), BANTAM_ERR_FORMAT);
    assert_string_equal(err.message, "key f32: expected u32, found f32");
    assert_int_equal(bnt_gguf_u32(g, "bool", &number, &err), BANTAM_ERR_FORMAT);
    assert_string_equal(err.message, "key bool: expected u32, found bool");
    assert_int_equal(bnt_gguf_u32(g, "texts", &number, &err), BANTAM_ERR_FORMAT);
    assert_string_equal(err.message, "key texts: expected u32, found array of string");
    assert_int_equal(bnt_gguf_f32(g, "u32", &real, &err), BANTAM_ERR_FORMAT);
    assert_int_equal(bnt_gguf_bool(g, "u8", &flag, &err), BANTAM_ERR_FORMAT);
    assert_int_equal(bnt_gguf_text(g, "texts", &text, &err), BANTAM_ERR_FORMAT);
    assert_int_equal(bnt_gguf_items_begin(g, "u8", BNT_GGUF_I32, &items, &err),
                     BANTAM_ERR_FORMAT);
    assert_string_equal(err.message, "key u8: expected array of integers, found u8");
    assert_int_equal(bnt_gguf_items_begin(g, "floats", BNT_GGUF_STRING, &items, &err),
                     BANTAM_ERR_FORMAT);
    assert_null(items.pair);
    bnt_gguf_close(g);
    free(file);
}

static void floats_and_doubles_are_both_read(void **state)
{
    (void)state;
    gguf_builder b;
    size_t size;
    bnt_gguf *g;
    float value = 0;

    gb_init(&b);
    gb_put_f32(&b, "a", 1e-5f);
    gb_put_f64(&b, "b", 0.1);
    gb_put_f64(&b, "huge", -1e300);
    gb_put_f32(&b, "nan", NAN);
    uint8_t *const file = gb_finish(&b, &size);
    assert_int_equal(bnt_gguf_parse(&g, file, size, NULL), BANTAM_OK);
    assert_int_equal(bnt_gguf_f32(g, "a", &value, NULL), BANTAM_OK);
    assert_true(value == 1e-5f);
    assert_int_equal(bnt_gguf_f32(g, "b", &value, NULL), BANTAM_OK);
    assert_true(value == 0.1f);
    assert_int_equal(bnt_gguf_f32(g, "huge", &value, NULL), BANTAM_OK);
    assert_true(isinf(value) && value < 0);
    assert_int_equal(bnt_gguf_f32(g, "nan", &value, NULL), BANTAM_OK);
    assert_true(isnan(value));
    bnt_gguf_close(g);
    free(file);
}

static void arrays_are_walked_in_order_to_their_end(void **state)
{
    (void)state;
    uint8_t *file;
    bnt_gguf *const g = open_sample(&file);
    bnt_gguf_items items;
    bantam_text text;
    int64_t number;
    float real;
    bool flag;

    assert_int_equal(bnt_gguf_items_begin(g, "texts", BNT_GGUF_STRING, &items, NULL), 0);
    assert_int_equal(items.left, 3);
    assert_true(bnt_gguf_next_text(&items, &text));
    assert_text(text, "a");
    assert_true(bnt_gguf_next_text(&items, &text));
    assert_int_equal(text.size, 0);
    assert_true(bnt_gguf_next_text(&items, &text));
    assert_text(text, "\xC3\xA9t\xC3\xA9");
    assert_false(bnt_gguf_next_text(&items, &text));

    assert_int_equal(bnt_gguf_items_begin(g, "ints", BNT_GGUF_I32, &items, NULL), 0);
    assert_true(bnt_gguf_next_i64(&items, &number));
    assert_true(number == -1);
    assert_true(bnt_gguf_next_i64(&items, &number));
    assert_true(number == 2147483647);
    assert_false(bnt_gguf_next_i64(&items, &number));

    assert_int_equal(bnt_gguf_items_begin(g, "floats", BNT_GGUF_F32, &items, NULL), 0);
    assert_true(bnt_gguf_next_f32(&items, &real) && real == 0.5f);
    assert_true(bnt_gguf_next_f32(&items, &real) && real == -2.0f);
    assert_false(bnt_gguf_next_f32(&items, &real));

    assert_int_equal(bnt_gguf_items_begin(g, "bools", BNT_GGUF_BOOL, &items, NULL), 0);
    assert_true(bnt_gguf_next_bool(&items, &flag) && flag);
    assert_true(bnt_gguf_next_bool(&items, &flag) && !flag);
    assert_true(bnt_gguf_next_bool(&items, &flag) && flag);
    assert_false(bnt_gguf_next_bool(&items, &flag));
    bnt_gguf_close(g);
    free(file);
}

static void integer_arrays_of_every_width_keep_their_sign(void **state)
{
    (void)state;
    static const uint32_t types[] = {GB_U8,  GB_I8,  GB_U16, GB_I16,
                                     GB_U32, GB_I32, GB_U64, GB_I64};
    static const size_t widths[] = {1, 1, 2, 2, 4, 4, 8, 8};
    static const int64_t expected[] = {255, -1, 65535, -1, 4294967295, -1, -1, -1};

    for (size_t i = 0; i < 8; i++) {
        gguf_builder b;
        size_t size;
        bnt_gguf *g;
        bnt_gguf_items items;
        int64_t first = 0, second = 0;
        gb_init(&b);
        gb_bytes *const p = gb_array(&b, "a", types[i], 2);
        gb_uint(p, UINT64_MAX, widths[i]);
        gb_uint(p, 7, widths[i]);
        uint8_t *const file = gb_finish(&b, &size);
        assert_int_equal(bnt_gguf_parse(&g, file, size, NULL), BANTAM_OK);
        assert_int_equal(bnt_gguf_items_begin(g, "a", BNT_GGUF_I32, &items, NULL), BANTAM_OK);
        assert_true(bnt_gguf_next_i64(&items, &first));
        assert_true(bnt_gguf_next_i64(&items, &second));
        assert_false(bnt_gguf_next_i64(&items, &second));
        assert_true(first == expected[i]); /* u64 above INT64_MAX wraps, as promised */
        assert_true(second == 7);
        bnt_gguf_close(g);
        free(file);
    }
}

/* ---- JSON -------------------------------------------------------------------------------- */

static void assert_json(const bnt_gguf *g, const char *key, const char *expected)
{
    bnt_buf out;

    bnt_buf_init(&out, 4096);
    bnt_gguf_put_json(bnt_gguf_find(g, key), &out);
    bnt_buf_putc(&out, '\0');
    assert_int_equal(out.failed, BANTAM_OK);
    assert_string_equal(out.data, expected);
    json_t *const value = json_loads(expected, JSON_DECODE_ANY, NULL);
    assert_non_null(value);
    json_decref(value);
    bnt_buf_deinit(&out);
}

static void values_become_json(void **state)
{
    (void)state;
    gguf_builder b;
    size_t size;
    bnt_gguf *g;

    build_sample(&b);
    gb_put_f32(&b, "nan", NAN);
    gb_put_f64(&b, "minus", -INFINITY);
    gb_put_f32(&b, "third", 1.0f / 3.0f);
    gb_put_f64(&b, "million", 1e6);
    gb_bytes *p = gb_array(&b, "nine", GB_U8, 9);
    gb_raw(p, "\1\2\3\4\5\6\7\10\11", 9);
    p = gb_array(&b, "nested", GB_ARRAY, 2);
    gb_u32(p, GB_STRING);
    gb_u64(p, 9);
    for (int i = 0; i < 9; i++) {
        gb_text(p, "x");
    }
    gb_u32(p, GB_BOOL);
    gb_u64(p, 1);
    gb_u8(p, 1);
    uint8_t *const file = gb_finish(&b, &size);
    assert_int_equal(bnt_gguf_parse(&g, file, size, NULL), BANTAM_OK);

    assert_json(g, "general.architecture", "\"llama\"");
    assert_json(g, "u8", "200");
    assert_json(g, "i8", "-100");
    assert_json(g, "i64", "-9223372036854775808");
    assert_json(g, "f32", "1e-05");
    assert_json(g, "f64", "0.1");
    assert_json(g, "third", "0.33333334");
    assert_json(g, "million", "1e+06");
    assert_json(g, "nan", "\"nan\"");
    assert_json(g, "minus", "\"-inf\"");
    assert_json(g, "bool", "true");
    assert_json(g, "texts", "[\"a\",\"\",\"\xC3\xA9t\xC3\xA9\"]");
    assert_json(g, "floats", "[0.5,-2]");
    assert_json(g, "bools", "[true,false,true]");
    assert_json(g, "nine", "{\"length\":9,\"first\":[1,2,3,4,5,6,7,8]}");
    assert_json(g, "nested",
                "[{\"length\":9,\"first\":[\"x\",\"x\",\"x\",\"x\",\"x\",\"x\",\"x\",\"x\"]},"
                "[true]]");

    bnt_buf out; /* no JSON reader takes 2^64-1 for an integer, but the digits are right */
    bnt_buf_init(&out, 64);
    bnt_gguf_put_json(bnt_gguf_find(g, "u64"), &out);
    assert_memory_equal(out.data, "18446744073709551615", 20);
    bnt_buf_deinit(&out);
    bnt_gguf_close(g);
    free(file);
}

/* ---- laws -------------------------------------------------------------------------------- */

static void a_file_cut_at_any_byte_is_refused(void **state)
{
    (void)state;
    gguf_builder b;
    size_t size;

    build_sample(&b);
    uint8_t *const file = gb_finish(&b, &size);
    for (size_t cut = 0; cut <= size; cut++) {
        bnt_gguf *g;
        uint8_t *copy;
        bantam_error err = {0};
        const bantam_status status = parse_copy(&g, &copy, file, cut, &err);
        if (cut == size) {
            assert_int_equal(status, BANTAM_OK);
        } else {
            assert_int_equal(status, BANTAM_ERR_FORMAT);
            assert_null(g);
            assert_int_not_equal(err.message[0], '\0');
        }
        bnt_gguf_close(g);
        free(copy);
    }
    free(file);
}

static void every_failing_allocation_is_an_error_and_leaks_nothing(void **state)
{
    (void)state;
    gguf_builder b;
    size_t size;
    char key[32];
    uint64_t n = 0;
    bnt_gguf *g = NULL;
    bantam_status status;

    build_sample(&b);
    for (int i = 0; i < 200; i++) { /* so that tables grow */
        snprintf(key, sizeof key, "key.%d", i);
        gb_put_u32(&b, key, 1);
        gb_add_f32(&b, key, 1, 0, NULL);
    }
    uint8_t *const file = gb_finish(&b, &size);
    const int64_t live = bnt_mem_live();
    do {
        bantam_error err = {0};
        bnt_mem_fail_after(n++);
        status = bnt_gguf_parse(&g, file, size, &err);
        bnt_mem_fail_after(UINT64_MAX);
        assert_int_equal(status, g ? BANTAM_OK : BANTAM_ERR_NOMEM);
        if (!g) assert_int_equal(bnt_mem_live(), live);
    } while (!g && n < 100);
    assert_int_equal(status, BANTAM_OK);
    assert_true(n > 8);
    bnt_gguf_close(g);
    assert_int_equal(bnt_mem_live(), live);
    free(file);
}

static void a_hundred_thousand_pairs_and_tensors_take_linear_time(void **state)
{
    (void)state;
    enum { N = 100000 };
    gguf_builder b;
    size_t size;
    char name[32];
    bnt_gguf *g;

    gb_init(&b);
    for (int i = 0; i < N; i++) {
        snprintf(name, sizeof name, "some.prefix.%d", i);
        gb_put_u8(&b, name, 1);
    }
    for (int i = N / 2; i-- > 0;) { /* in reverse, so that they are sorted too */
        static const uint64_t dims[] = {8};
        snprintf(name, sizeof name, "blk.%d.weight", i);
        gb_info(&b, name, 1, dims, 0, (uint64_t)i * 32);
    }
    gb_raw(&b.data, NULL, (size_t)N / 2 * 32);
    uint8_t *const file = gb_finish(&b, &size);
    const double start = cpu_seconds();
    assert_int_equal(bnt_gguf_parse(&g, file, size, NULL), BANTAM_OK);
    /* Milliseconds in fact; a search through all for each would take minutes. */
    assert_true(cpu_spent_at_most(2.0, start));
    assert_int_equal(bnt_gguf_n_pairs(g), N);
    assert_int_equal(bnt_gguf_n_tensors(g), N / 2);
    assert_true(bnt_mem_live_bytes() < 64 << 20);
    bnt_gguf_close(g);
    free(file);
}

/* ---- files of others --------------------------------------------------------------------- */

typedef struct known_file {
    const char *path;
    const char *architecture;
    size_t n_pairs, n_tensors;
    uint64_t embd, vocab; /* of token_embd.weight; 0 where there is none */
    const char *type;     /* of blk.0.attn_q.weight */
    uint64_t n_tokens;
} known_file;

/* Counted by an independent reader in Python; dimensions from golden.json. */
static const known_file known[] = {
    {"goldens/lm/amd-a/model-f16.gguf", "llama", 25, 21, 96, 320, "F16", 320},
    {"goldens/lm/amd-a/model-f32.gguf", "llama", 25, 21, 96, 320, "F32", 320},
    {"goldens/lm/bluelm-a/model-f16.gguf", "llama", 25, 21, 96, 352, "F16", 352},
    {"goldens/lm/bluelm-a/model-f32.gguf", "llama", 25, 21, 96, 352, "F32", 352},
    {"goldens/lm/llama32-a/model-f16.gguf", "llama", 24, 21, 0, 400, "F16", 400},
    {"goldens/lm/llama32-a/model-f32.gguf", "llama", 24, 21, 0, 400, "F32", 400},
    {"goldens/lm/ministral3-a/mmproj-f32.gguf", "clip", 17, 25, 0, 0, NULL, 0},
    {"goldens/lm/ministral3-a/model-f16.gguf", "mistral3", 31, 29, 96, 400, "F16", 400},
    {"goldens/lm/ministral3-a/model-f32.gguf", "mistral3", 31, 29, 96, 400, "F32", 400},
    {"goldens/lm/ministral8b-a/model-f16.gguf", "llama", 26, 48, 0, 360, "F16", 360},
    {"goldens/lm/ministral8b-a/model-f32.gguf", "llama", 26, 48, 0, 360, "F32", 360},
    {"goldens/lm/smollm2-a/model-f16.gguf", "llama", 24, 20, 144, 340, "F16", 340},
    {"goldens/lm/smollm2-a/model-f32.gguf", "llama", 24, 20, 144, 340, "F32", 340},
    {"tokenizers/llama.cpp-vocab-tests/ggml-vocab-gpt-2.gguf", "gpt2", 16, 0, 0, 0, NULL,
     50257},
    {"tokenizers/llama.cpp-vocab-tests/ggml-vocab-llama-spm.gguf", "llama", 22, 0, 0, 0, NULL,
     32000},
    {"tokenizers/llama.cpp-vocab-tests/ggml-vocab-refact.gguf", "refact", 18, 0, 0, 0, NULL,
     49216},
    {"tokenizers/llama.cpp-vocab-tests/ggml-vocab-starcoder.gguf", "starcoder2", 19, 0, 0, 0,
     NULL, 49152},
    {"weights/gguf/babyllama-105-F16.gguf", "llama", 21, 48, 0, 105, "F16", 105},
    {"weights/gguf/babyllama-105-F32.gguf", "llama", 19, 48, 0, 105, "F32", 105},
    {"weights/gguf/babyllama-105-Q4_0.gguf", "llama", 21, 48, 0, 105, "Q4_0", 105},
    {"weights/gguf/babyllama-105-Q4_K_M.gguf", "llama", 21, 48, 0, 105, "Q5_0", 105},
    {"weights/gguf/babyllama-105-Q8_0.gguf", "llama", 21, 48, 0, 105, "Q8_0", 105},
    {"weights/gguf/babyllama-361-F16.gguf", "llama", 21, 48, 0, 361, "F16", 361},
    {"weights/gguf/babyllama-361-F32.gguf", "llama", 19, 48, 0, 361, "F32", 361},
    {"weights/gguf/babyllama-361-Q4_0.gguf", "llama", 21, 48, 0, 361, "Q4_0", 361},
    {"weights/gguf/babyllama-361-Q4_K_M.gguf", "llama", 21, 48, 0, 361, "Q5_0", 361},
    {"weights/gguf/babyllama-361-Q8_0.gguf", "llama", 21, 48, 0, 361, "Q8_0", 361},
    {"weights/gguf/llama2xs-279K-F16.gguf", "llama", 21, 48, 0, 512, "F16", 512},
    {"weights/gguf/llama2xs-279K-F32.gguf", "llama", 19, 48, 0, 512, "F32", 512},
    {"weights/gguf/llama2xs-279K-Q4_0.gguf", "llama", 21, 48, 0, 512, "Q4_0", 512},
    {"weights/gguf/llama2xs-279K-Q4_K_M.gguf", "llama", 21, 48, 0, 512, "Q5_0", 512},
    {"weights/gguf/llama2xs-279K-Q8_0.gguf", "llama", 21, 48, 0, 512, "Q8_0", 512},
    {"weights/gguf/stories260K-F16.gguf", "llama", 21, 48, 0, 512, "F16", 512},
    {"weights/gguf/stories260K-F32.gguf", "llama", 19, 48, 0, 512, "F32", 512},
    {"weights/gguf/stories260K-Q4_K_M.gguf", "llama", 21, 48, 0, 512, "Q5_0", 512},
};

static const bnt_tensor *named_tensor(const bnt_gguf *g, const char *name)
{
    for (size_t i = 0; i < bnt_gguf_n_tensors(g); i++) {
        const bnt_tensor *const t = bnt_gguf_tensor_at(g, i);
        if (t->name.size == strlen(name) && !memcmp(t->name.data, name, t->name.size)) return t;
    }
    return NULL;
}

static void check_known(const known_file *k)
{
    size_t size;
    bnt_gguf *g;
    bantam_error err = {0};
    bantam_text architecture = {0}, token;
    bnt_gguf_items tokens;
    uint64_t n_tokens = 0;

    uint8_t *const file = (uint8_t *)read_whole(shared_path(k->path), &size);
    if (bnt_gguf_parse(&g, file, size, &err)) fail_msg("%s: %s", k->path, err.message);
    assert_int_equal(bnt_gguf_n_pairs(g), k->n_pairs);
    assert_int_equal(bnt_gguf_n_tensors(g), k->n_tensors);
    assert_int_equal(bnt_gguf_text(g, "general.architecture", &architecture, NULL), 0);
    assert_text(architecture, k->architecture);
    assert_int_equal(
        bnt_gguf_items_begin(g, "tokenizer.ggml.tokens", BNT_GGUF_STRING, &tokens, NULL), 0);
    while (bnt_gguf_next_text(&tokens, &token)) {
        n_tokens++;
    }
    assert_int_equal(n_tokens, k->n_tokens);
    const bnt_tensor *const embd = named_tensor(g, "token_embd.weight");
    assert_int_equal(embd != NULL, k->vocab != 0);
    if (embd) assert_int_equal(embd->dims[1], k->vocab);
    if (k->embd) assert_int_equal(embd->dims[0], k->embd);
    const bnt_tensor *const q = named_tensor(g, "blk.0.attn_q.weight");
    if (k->type) assert_text(q->type_name, k->type);
    bnt_gguf_close(g);
    free(file);
}

static void files_of_other_writers_read_as_they_are(void **state)
{
    (void)state;
    const unsigned n = sizeof known / sizeof known[0];

    if (!shared_found(n)) skip();
    for (unsigned i = 0; i < n; i++) {
        check_known(&known[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pairs_and_tensors_stand_in_the_order_of_the_file),
        cmocka_unit_test(a_tensor_has_its_type_shape_and_bytes),
        cmocka_unit_test(a_tensor_of_machine_words_opens_without_a_type),
        cmocka_unit_test(version_2_reads_like_version_3),
        cmocka_unit_test(an_empty_file_of_24_bytes_is_sound),
        cmocka_unit_test(the_stated_alignment_moves_the_data),
        cmocka_unit_test(tensors_may_stand_in_any_order_with_holes_and_a_tail),
        cmocka_unit_test(integers_of_any_width_are_read_where_they_fit),
        cmocka_unit_test(numbers_that_do_not_fit_are_named),
        cmocka_unit_test(an_absent_key_leaves_the_default),
        cmocka_unit_test(a_value_of_another_type_is_refused_by_name),
        cmocka_unit_test(floats_and_doubles_are_both_read),
        cmocka_unit_test(arrays_are_walked_in_order_to_their_end),
        cmocka_unit_test(integer_arrays_of_every_width_keep_their_sign),
        cmocka_unit_test(values_become_json),
        cmocka_unit_test(a_file_cut_at_any_byte_is_refused),
        cmocka_unit_test(every_failing_allocation_is_an_error_and_leaks_nothing),
        cmocka_unit_test(a_hundred_thousand_pairs_and_tensors_take_linear_time),
        cmocka_unit_test(files_of_other_writers_read_as_they_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
