/* The safetensors reader over files made to break it: header lengths, headers that are not
 * quite JSON, offsets, shapes and types. Each is refused with a message that names the fault.
 */
#include "format/safetensors.h"

#include "base/mem.h"
#include "cpu_time.h"
#include "safetensors_builder.h"
#include "support.h"

/* Parses and frees file, which must be refused with a message that contains this. */
static void refuse_file(uint8_t *file, size_t size, const char *message)
{
    bnt_safetensors *st;
    bantam_error err = {0};
    const int64_t live = bnt_mem_live();
    const bantam_status status = bnt_safetensors_parse(&st, file, size, &err);

    assert_null(st);
    if (status != BANTAM_ERR_FORMAT || !strstr(err.message, message)) {
        fail_msg("expected \"%s\", found status %d, \"%s\"", message, (int)status, err.message);
    }
    assert_int_equal(bnt_mem_live(), live);
    free(file);
}

/* A header as given with 8 bytes of data. */
static void refuse(const char *header, const char *message)
{
    size_t size;
    uint8_t *const file = st_make(header, 8, &size);
    refuse_file(file, size, message);
}

static void accept(const char *header)
{
    size_t size;
    bnt_safetensors *st;
    bantam_error err = {0};
    uint8_t *const file = st_make(header, 8, &size);
    if (bnt_safetensors_parse(&st, file, size, &err)) fail_msg("refused: %s", err.message);
    bnt_safetensors_close(st);
    free(file);
}

#define SOUND "{\"t\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}"

/* ---- H44: the length and the JSON -------------------------------------------------------- */

static void files_shorter_than_the_length_are_refused(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 7};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        uint8_t *const file = calloc(1, sizes[i] ? sizes[i] : 1);
        assert_non_null(file);
        refuse_file(file, sizes[i], "not a safetensors file");
    }
    uint8_t *const file = calloc(1, 8);
    assert_non_null(file);
    refuse_file(file, 8, "expected {");
}

static void header_lengths_that_lie_are_refused(void **state)
{
    (void)state;
    static const uint64_t lengths[] = {10000000,          100000001,      UINT64_C(1) << 63,
                                       UINT64_MAX - 7,    UINT64_MAX,     UINT64_C(1) << 32,
                                       strlen(SOUND) + 9, UINT64_MAX - 8, INT64_MAX};
    size_t size;

    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        uint8_t *const file = st_make_stated(lengths[i], SOUND, strlen(SOUND), NULL, 8, &size);
        refuse_file(file, size, "not a safetensors file: a header of");
    }
    refuse_file(st_make_stated(0, SOUND, strlen(SOUND), NULL, 8, &size), size, "expected {");
    uint8_t *file = st_make_stated(1, SOUND, strlen(SOUND), NULL, 8, &size);
    refuse_file(file, size, "found its end");
    file = st_make_stated(strlen(SOUND) - 1, SOUND, strlen(SOUND), NULL, 8, &size);
    refuse_file(file, size, "found its end");
    file = st_make_stated(strlen(SOUND) + 1, SOUND, strlen(SOUND), NULL, 8, &size);
    refuse_file(file, size, "lie outside the 7 bytes of data");
    file = st_make_stated(strlen(SOUND) + 1, SOUND, strlen(SOUND), "        ", 8, &size);
    refuse_file(file, size, "lie outside the 7 bytes of data");
}

static void a_header_of_more_than_100_mb_is_refused(void **state)
{
    (void)state;
    const size_t stated = ((size_t)100 << 20) + 1;
    /* Zero pages that are never touched: the length alone decides. */
    uint8_t *const file = calloc(1, stated + 8);
    assert_non_null(file);
    for (size_t i = 0; i < 8; i++) {
        file[i] = (uint8_t)((uint64_t)stated >> (8 * i));
    }
    refuse_file(file, stated + 8, "at most 104857600 are read");
}

static void headers_that_are_not_an_object_are_refused(void **state)
{
    (void)state;
    static const char *const headers[] = {
        "",      "[]",          " " SOUND, "\n" SOUND, "\xEF\xBB\xBF" SOUND, "null", "1",
        "\"x\"", "[" SOUND "]", "true",    "x"};
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
        refuse(headers[i], "expected { as its first byte");
    }
}

static void headers_of_other_encodings_are_refused(void **state)
{
    (void)state;
    static const char utf16[] = "\xFF\xFE{\0}\0";
    char bytes[64];
    size_t size;

    uint8_t *file = st_make_stated(6, utf16, 6, NULL, 0, &size);
    refuse_file(file, size, "not UTF-8");
    file = st_make_stated(4, "{\0}\0", 4, NULL, 0, &size);
    refuse_file(file, size, "found \\x00 at byte 1");
    memset(bytes, 0xFF, sizeof bytes);
    file = st_make_stated(sizeof bytes, bytes, sizeof bytes, NULL, 0, &size);
    refuse_file(file, size, "not UTF-8");
    memset(bytes, 0, sizeof bytes);
    file = st_make_stated(sizeof bytes, bytes, sizeof bytes, NULL, 0, &size);
    refuse_file(file, size, "expected {");
}

static void anything_but_white_space_after_the_header_is_refused(void **state)
{
    (void)state;
    size_t size;
    uint8_t *const file = st_make_stated(sizeof SOUND, SOUND, sizeof SOUND, NULL, 8, &size);

    refuse_file(file, size, "expected its end, found \\x00"); /* a tail of NUL */
    refuse(SOUND SOUND, "expected its end, found {");
    refuse(SOUND "x", "expected its end");
    refuse(SOUND ",", "expected its end");
    refuse(SOUND "}", "expected its end");
    accept(SOUND "    \n\t ");
}

static void things_that_json_forbids_are_refused(void **state)
{
    (void)state;
    static const char *const headers[] = {
        "{",
        "{,}",
        "{\"t\"}",
        "{\"t\":}",
        "{\"t\":{}}",
        "{t:{}}",
        "{\"t\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},}",
        "{\"t\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8],}}",
        "{\"t\":{\"dtype\":\"F32\",\"shape\":[2,],\"data_offsets\":[0,8]}}",
        "{\"t\":{\"dtype\":\"F32\",\"shape\":[NaN],\"data_offsets\":[0,8]}}",
        "{\"t\":{\"dtype\":'F32',\"shape\":[2],\"data_offsets\":[0,8]}}",
        "{\"t\":{\"dtype\":\"F32\",\"shape\":[02],\"data_offsets\":[0,8]}}",
        "{\"t\":{\"dtype\":\"F32\",\"shape\":[+2],\"data_offsets\":[0,8]}}",
        "{\"t\":{\"dtype\":\"F32\",\"shape\":[0x2],\"data_offsets\":[0,8]}}",
        "{\"t\":{\"dtype\":\"F32\" \"shape\":[2],\"data_offsets\":[0,8]}}",
        "{\"t\":{\"dtype\":\"F32\",,\"shape\":[2],\"data_offsets\":[0,8]}}",
        "{\"t\" {\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}",
        "{\"t\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}/**/}",
        "{\"t\n\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}",
        "{\"\\q\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}",
        "{\"\\u12\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}",
        "{\"\\u12G4\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}",
        "{\"\\ud83d\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}",
        "{\"\\ud83d\\u0041\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}",
        "{\"\\ude00\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}",
        "{\"\\",
        "{\"\\u",
        "{\"t",
    };
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
        refuse(headers[i], "safetensors header: expected");
    }
}

static void nesting_ends_where_the_grammar_ends(void **state)
{
    (void)state;
    enum { DEPTH = 100000 };
    char *const header = malloc(2 * DEPTH);
    size_t size;

    assert_non_null(header);
    memset(header, '[', 2 * DEPTH);
    memcpy(header, "{\"t\":", 5);
    refuse_file(st_make_stated(DEPTH, header, DEPTH, NULL, 0, &size), 8 + DEPTH,
                "expected a tensor's object");
    for (size_t i = 0; i + 5 <= DEPTH; i += 5) {
        memcpy(header + i, "{\"a\":", 5);
    }
    refuse_file(st_make_stated(DEPTH, header, DEPTH, NULL, 0, &size), 8 + DEPTH,
                "field \"a\" is unknown");
    free(header);
}

static void names_and_fields_that_are_there_twice_are_refused(void **state)
{
    (void)state;
    refuse("{\"t\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]},"
           "\"t\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[4,8]}}",
           "tensor t is there twice");
    refuse("{\"t\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]},"
           "\"\\u0074\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[4,8]}}",
           "tensor t is there twice");
    refuse("{\"t\":{\"dtype\":\"U8\",\"dtype\":\"U8\",\"shape\":[8],\"data_offsets\":[0,8]}}",
           "tensor t: field \"dtype\" is there twice");
    refuse("{\"t\":{\"dtype\":\"U8\",\"shape\":[8],\"shape\":[8],\"data_offsets\":[0,8]}}",
           "tensor t: field \"shape\" is there twice");
    refuse("{\"__metadata__\":{},\"__metadata__\":{}}", "__metadata__ is there twice");
}

static void missing_and_unknown_fields_are_refused(void **state)
{
    (void)state;
    refuse("{\"t\":{\"shape\":[2],\"data_offsets\":[0,8]}}", "tensor t: expected dtype, shape");
    refuse("{\"t\":{\"dtype\":\"F32\",\"data_offsets\":[0,8]}}", "tensor t: expected dtype");
    refuse("{\"t\":{\"dtype\":\"F32\",\"shape\":[2]}}", "tensor t: expected dtype");
    refuse("{\"t\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8],\"more\":1}}",
           "tensor t: field \"more\" is unknown");
    refuse("{\"t\":{\"this_field_has_a_name_of_more_than_32_bytes\":1}}", "is unknown");
}

static void metadata_are_texts_by_texts(void **state)
{
    (void)state;
    refuse("{\"__metadata__\":null}", "an object of texts");
    refuse("{\"__metadata__\":[]}", "an object of texts");
    refuse("{\"__metadata__\":{\"a\":1}}", "a metadata text");
    refuse("{\"__metadata__\":{\"a\":{}}}", "a metadata text");
    refuse("{\"__metadata__\":{1:\"a\"}}", "a metadata key");
    refuse("{\"__metadata__\":{\"a\":\"b\",}}", "a metadata key");
}

/* ---- H45: offsets, shapes, types --------------------------------------------------------- */

/* One tensor of F32 with shape and offsets as written. */
static void refuse_tensor(const char *dtype, const char *shape, const char *offsets,
                          const char *message)
{
    char header[512];
    snprintf(header, sizeof header, "{\"t\":{\"dtype\":%s,\"shape\":%s,\"data_offsets\":%s}}",
             dtype, shape, offsets);
    refuse(header, message);
}

static void offsets_that_are_no_two_whole_numbers_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "[0,-8]",    "[0.5,8]",       "[0,8.0]", "[0,1e400]",   "[0,8e0]",
        "[\"0\",8]", "[\"0\",\"8\"]", "null",    "[null,null]", "\"0,8\"",
        "{}",        "[0,[8]]",       "8",       "[0,true]"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        refuse_tensor("\"F32\"", "[2]", bad[i], "safetensors header: expected");
    }
    refuse_tensor("\"F32\"", "[2]", "[]", "tensor t: data_offsets has 0 numbers, expected 2");
    refuse_tensor("\"F32\"", "[2]", "[8]", "tensor t: data_offsets has 1 numbers, expected 2");
    refuse_tensor("\"F32\"", "[2]", "[0,8,8]", "more than 2 numbers");
}

static void offsets_outside_the_data_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"[8,0]",
                                      "[0,9]",
                                      "[0,16]",
                                      "[8,16]",
                                      "[9223372036854775808,9223372036854775816]",
                                      "[18446744073709551608,0]",
                                      "[0,18446744073709551615]",
                                      "[18446744073709551615,18446744073709551615]"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        refuse_tensor("\"F32\"", "[2]", bad[i], "tensor t: data_offsets");
    }
    refuse_tensor("\"F32\"", "[2]", "[0,18446744073709551616]", "a number below 2^64");
    refuse_tensor("\"F32\"", "[2]", "[0,99999999999999999999999999]", "a number below 2^64");
}

static void tensors_that_share_bytes_are_refused(void **state)
{
    (void)state;
    refuse("{\"a\":{\"dtype\":\"U8\",\"shape\":[8],\"data_offsets\":[0,8]},"
           "\"b\":{\"dtype\":\"U8\",\"shape\":[8],\"data_offsets\":[0,8]}}",
           "overlap");
    refuse("{\"a\":{\"dtype\":\"U8\",\"shape\":[5],\"data_offsets\":[3,8]},"
           "\"b\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]}}",
           "tensors b and a overlap");
}

static void bytes_that_nobody_covers_are_refused(void **state)
{
    (void)state;
    refuse("{\"a\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[0,3]},"
           "\"b\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[4,8]}}",
           "1 bytes before tensor b belong to no tensor");
    refuse("{\"a\":{\"dtype\":\"U8\",\"shape\":[7],\"data_offsets\":[1,8]}}",
           "1 bytes before tensor a belong to no tensor");
    refuse("{\"a\":{\"dtype\":\"U8\",\"shape\":[7],\"data_offsets\":[0,7]}}",
           "the tensors end at byte 7 of 8");
    refuse("{}", "the tensors end at byte 0 of 8");
    refuse("{\"a\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[4,4]},"
           "\"b\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[4,8]}}",
           "4 bytes before tensor a belong to no tensor");
}

static void shapes_that_are_no_whole_numbers_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"[-2]", "[2.0]", "[\"2\"]", "null", "2",
                                      "{}",   "[[2]]", "[null]",  "[2e0]"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        refuse_tensor("\"F32\"", bad[i], "[0,8]", "safetensors header: expected");
    }
}

static void shapes_that_do_not_make_the_bytes_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "[1]",
        "[3]",
        "[]",
        "[2,2]",
        "[0]",
        "[4294967296,4294967296]",   /* 2^64 values wrap to 0 */
        "[4294967296,4294967296,2]", /* and stay there */
        "[4611686018427387906]",     /* bytes wrap to 8 */
        "[576460752303423490]",      /* bits wrap to 64 */
        "[18446744073709551615]",
        "[18446744073709551615,18446744073709551614]",
        "[3,6148914691236517206]", /* values wrap to 2 */
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        refuse_tensor("\"F32\"", bad[i], "[0,8]",
                      "tensor t: shape and dtype F32 do not make the 8 bytes");
    }
    refuse_tensor("\"F4\"", "[3]", "[0,8]", "do not make the 8 bytes");
    refuse_tensor("\"F6_E2M3\"", "[11]", "[0,8]", "do not make the 8 bytes"); /* 66 bits */
}

static void shapes_of_many_dimensions_are_refused(void **state)
{
    (void)state;
    enum { N = 10000 };
    static char shape[2 * N + 2], header[2 * N + 100];
    size_t used = 0;

    refuse_tensor("\"F32\"", "[2,1,1,1,1]", "[0,8]", "more than 4 numbers");
    shape[used++] = '[';
    for (int i = 0; i < N; i++) {
        shape[used++] = '1';
        shape[used++] = i == N - 1 ? ']' : ',';
    }
    snprintf(header, sizeof header,
             "{\"t\":{\"dtype\":\"U8\",\"shape\":%s,\"data_offsets\":[0,1]}}", shape);
    refuse(header, "more than 4 numbers");
    accept("{\"t\":{\"dtype\":\"F32\",\"shape\":[2,1,1,1],\"data_offsets\":[0,8]}}");
}

static void unknown_types_are_refused_by_name(void **state)
{
    (void)state;
    enum { LONG = 1 << 20 };

    refuse_tensor("\"f32\"", "[2]", "[0,8]", "tensor t: unknown dtype \"f32\"");
    refuse_tensor("\"F33\"", "[2]", "[0,8]", "unknown dtype \"F33\"");
    refuse_tensor("\"F3\"", "[2]", "[0,8]", "unknown dtype \"F3\"");
    refuse_tensor("\"\"", "[2]", "[0,8]", "unknown dtype \"\"");
    refuse_tensor("\"F32\\u0000\"", "[2]", "[0,8]", "unknown dtype");
    refuse_tensor("32", "[2]", "[0,8]", "a text for dtype");
    refuse_tensor("null", "[2]", "[0,8]", "a text for dtype");
    refuse_tensor("[\"F32\"]", "[2]", "[0,8]", "a text for dtype");

    char *const header = malloc(LONG + 100);
    assert_non_null(header);
    memcpy(header, "{\"t\":{\"dtype\":\"", 15);
    memset(header + 15, 'F', LONG);
    memcpy(header + 15 + LONG, "\"}}", 4);
    refuse(header, "unknown dtype \"FFFF");
    free(header);
}

static void names_that_are_no_clean_text_are_refused(void **state)
{
    (void)state;
    enum { LONG = 1 << 20 };

    refuse("{\"\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}",
           "a tensor name of 0 bytes");
    refuse("{\"a\\u0000b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}",
           "control characters");
    refuse("{\"a\\u001b[2J\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}",
           "\"a\\x1b[2J\" holds control characters");
    refuse("{\"a\x7F\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}",
           "control characters");
    char *const header = malloc(LONG + 100);
    assert_non_null(header);
    memset(header, 'n', LONG);
    memcpy(header, "{\"", 2);
    memcpy(header + LONG, "\":{}}", 6);
    refuse(header, "a tensor name of 1048574 bytes, expected 1 to 256");
    memcpy(header + 2, "\\n", 2); /* with an escape, so that it is decoded */
    refuse(header, "a tensor name of 1048573 bytes, expected 1 to 256");
    free(header);
}

/* ---- bounds ------------------------------------------------------------------------------ */

static void a_header_full_of_values_costs_no_memory(void **state)
{
    (void)state;
    enum { SIZE = 8 << 20 };
    static const char *const units[] = {"{},", "[],", "\"\",", "0,", "\"\":{},"};

    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        const size_t unit = strlen(units[i]);
        char *const header = malloc(SIZE);
        size_t size;
        assert_non_null(header);
        memcpy(header, "{\"t\":{\"shape\":[", 15);
        for (size_t at = 15; at + unit <= SIZE; at += unit) {
            memcpy(header + at, units[i], unit);
        }
        const uint64_t before = bnt_mem_allocations();
        const double start = cpu_seconds();
        refuse_file(st_make_stated(SIZE - unit, header, SIZE - unit, NULL, 0, &size),
                    8 + SIZE - unit, "");
        assert_true(bnt_mem_allocations() - before < 8);
        assert_true(cpu_spent_at_most(1.0, start));
        free(header);
    }
}

static void any_single_byte_may_be_any_other(void **state)
{
    (void)state;
    static const char header[] =
        "{\"__metadata__\":{\"a\":\"\\u00e9\"},"
        "\"t\":{\"dtype\":\"U8\",\"shape\":[2,4],\"data_offsets\":[0,8]}}";
    static const uint8_t values[] = {0,   ' ', '"', '\\', '{', '}',  '[', ']',
                                     ',', ':', '0', '9',  '-', 0x7F, 0xFF};
    size_t size;
    uint8_t *const file = st_make(header, 8, &size);

    for (size_t at = 0; at < size; at++) {
        const uint8_t kept = file[at];
        for (size_t i = 0; i < sizeof values; i++) {
            bnt_safetensors *st;
            file[at] = values[i];
            const bantam_status status = bnt_safetensors_parse(&st, file, size, NULL);
            assert_true(status == (st ? BANTAM_OK : BANTAM_ERR_FORMAT));
            bnt_safetensors_close(st);
        }
        file[at] = kept;
    }
    free(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_shorter_than_the_length_are_refused),
        cmocka_unit_test(header_lengths_that_lie_are_refused),
        cmocka_unit_test(a_header_of_more_than_100_mb_is_refused),
        cmocka_unit_test(headers_that_are_not_an_object_are_refused),
        cmocka_unit_test(headers_of_other_encodings_are_refused),
        cmocka_unit_test(anything_but_white_space_after_the_header_is_refused),
        cmocka_unit_test(things_that_json_forbids_are_refused),
        cmocka_unit_test(nesting_ends_where_the_grammar_ends),
        cmocka_unit_test(names_and_fields_that_are_there_twice_are_refused),
        cmocka_unit_test(missing_and_unknown_fields_are_refused),
        cmocka_unit_test(metadata_are_texts_by_texts),
        cmocka_unit_test(offsets_that_are_no_two_whole_numbers_are_refused),
        cmocka_unit_test(offsets_outside_the_data_are_refused),
        cmocka_unit_test(tensors_that_share_bytes_are_refused),
        cmocka_unit_test(bytes_that_nobody_covers_are_refused),
        cmocka_unit_test(shapes_that_are_no_whole_numbers_are_refused),
        cmocka_unit_test(shapes_that_do_not_make_the_bytes_are_refused),
        cmocka_unit_test(shapes_of_many_dimensions_are_refused),
        cmocka_unit_test(unknown_types_are_refused_by_name),
        cmocka_unit_test(names_that_are_no_clean_text_are_refused),
        cmocka_unit_test(a_header_full_of_values_costs_no_memory),
        cmocka_unit_test(any_single_byte_may_be_any_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
