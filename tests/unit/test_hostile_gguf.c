/* The GGUF reader over files made to break it, field by field, in the order of the fields
 * up to the tensor table, which is test_hostile_tensors.c's. Each
 * is refused with a message that names the fault, or loads where the fault is none of the
 * container's business; nothing is read past the end, nothing is kept, and no count is believed
 * that the file cannot hold. */
#include "hostile_gguf.h"

/* ---- H01 to H03: the first bytes --------------------------------------------------------- */

static void a_file_shorter_than_its_header_is_refused(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 3, 4, 6, 8, 20, 23};
    gguf_builder b;
    size_t size;

    begin(&b);
    uint8_t *const file = gb_finish(&b, &size);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        refuse_bytes(file, sizes[i], BANTAM_ERR_FORMAT, sizes[i] < 4 ? "GGUF" : "header");
    }
    refuse_bytes(file, 24, BANTAM_ERR_FORMAT, "2 metadata pairs, too many for the 0 bytes");
    refuse_bytes(NULL, 0, BANTAM_ERR_FORMAT, "GGUF");
    free(file);
}

static void another_magic_is_refused(void **state)
{
    (void)state;
    static const char *const magics[] = {"GGML",          "gguf",   "FUGG",
                                         "\xEF\xBB\xBFG", "<!DO",   "vers",
                                         "\x1F\x8B\x08",  "PK\3\4", "\x80\4\x95"};
    for (size_t i = 0; i < sizeof magics / sizeof magics[0]; i++) {
        gguf_builder b;
        begin(&b);
        memcpy(b.magic, magics[i], strlen(magics[i]));
        refuse(&b, "does not begin with GGUF");
    }
    uint8_t *const fill = malloc(65536);
    assert_non_null(fill);
    memset(fill, 0, 65536);
    refuse_bytes(fill, 65536, BANTAM_ERR_FORMAT, "does not begin with GGUF");
    memset(fill, 0xFF, 65536);
    refuse_bytes(fill, 65536, BANTAM_ERR_FORMAT, "does not begin with GGUF");
    free(fill);
}

static void other_versions_are_unsupported_by_name(void **state)
{
    (void)state;
    static const struct {
        uint32_t version;
        const char *message;
    } cases[] = {
        {0, "version 0 is not supported"}, {1, "version 1 is not supported"},
        {4, "version 4 is not supported"}, {0xFFFFFFFF, "version 4294967295 is not supported"},
        {0x03000000, "big-endian"},        {0x02000000, "big-endian"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        gguf_builder b;
        begin(&b);
        b.version = cases[i].version;
        refuse_unsupported(&b, cases[i].message);
    }
}

/* ---- H04, H05: counts -------------------------------------------------------------------- */

static const uint64_t huge[] = {
    UINT64_C(1) << 63,       UINT64_MAX, INT64_MAX, UINT64_C(1) << 61, UINT64_C(1) << 60,
    (UINT64_C(1) << 32) + 2, UINT32_MAX, 1000000};
enum { N_HUGE = sizeof huge / sizeof huge[0] };

static void a_count_that_the_file_cannot_hold_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_HUGE; i++) {
        gguf_builder b;
        begin(&b);
        b.n_tensors = huge[i];
        refuse(&b, "tensors, too many");
        begin(&b);
        b.n_pairs = huge[i];
        refuse(&b, "metadata pairs, too many");
    }
}

static void a_count_that_is_wrong_by_one_is_refused(void **state)
{
    (void)state;
    for (int pairs = -1; pairs <= 1; pairs++) {
        for (int tensors = -1; tensors <= 1; tensors++) {
            gguf_builder b;
            begin(&b);
            b.n_pairs += (uint64_t)pairs; /* wraps for -1, as meant */
            b.n_tensors += (uint64_t)tensors;
            if (!pairs && !tensors) {
                accept(&b);
            } else {
                refuse(&b, "");
            }
        }
    }
}

static void a_count_of_zero_does_not_hide_what_follows(void **state)
{
    (void)state;
    gguf_builder b;

    begin(&b);
    b.n_tensors = 0;
    refuse(&b, "counts do not match");
    begin(&b);
    b.n_pairs = 0;
    refuse(&b, "tensor general.architecture");
}

/* ---- H06, H07, H08: keys ----------------------------------------------------------------- */

/* A first pair whose key states another length than it has. */
static void with_key(gguf_builder *b, const void *key, size_t size, uint64_t stated)
{
    gb_init(b);
    gb_u64(&b->pairs, stated);
    gb_raw(&b->pairs, key, size);
    gb_u32(&b->pairs, GB_U8);
    gb_u8(&b->pairs, 1);
    b->n_pairs = 1;
}

static void keys_of_impossible_length_are_refused(void **state)
{
    (void)state;
    static const uint64_t lengths[] = {UINT64_C(1) << 63, UINT64_MAX, UINT64_C(1) << 40,
                                       (UINT64_C(1) << 32) + 3, 9};
    gguf_builder b;

    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        with_key(&b, "key", 3, lengths[i]);
        refuse(&b, "metadata pair 0: a name of");
    }
    with_key(&b, "key", 3, 0);
    refuse(&b, "a name has 1 to 65535 bytes, this one 0");

    char *const text = malloc(65536);
    assert_non_null(text);
    memset(text, 'k', 65536);
    with_key(&b, text, 65536, 65536);
    refuse(&b, "this one 65536");
    with_key(&b, text, 65535, 65535);
    accept(&b);
    free(text);
}

static void keys_that_are_no_clean_text_are_refused_and_escaped(void **state)
{
    (void)state;
    gguf_builder b;

    with_key(&b, "\xFF\xFE", 2, 2);
    refuse(&b, "\\xff\\xfe");
    with_key(&b, "general.architecture\0x", 22, 22);
    refuse(&b, "control characters");
    with_key(&b, "a\033[2Jb", 6, 6);
    refuse(&b, "a\\x1b[2Jb");
    with_key(&b, "a\nb", 3, 3);
    refuse(&b, "a\\x0ab");
    with_key(&b, "%n%s%n", 6, 6);
    accept(&b);
    with_key(&b, "schl\xC3\xBCssel", 10, 10);
    accept(&b);
}

static void a_key_that_is_there_twice_is_refused(void **state)
{
    (void)state;
    gguf_builder b;

    begin(&b);
    gb_put_text(&b, "general.architecture", "llama");
    refuse(&b, "key general.architecture is there twice");
    begin(&b);
    gb_array(&b, "tokenizer.ggml.tokens", GB_STRING, 0);
    gb_put_u32(&b, "other", 1);
    gb_array(&b, "tokenizer.ggml.tokens", GB_STRING, 0);
    refuse(&b, "key tokenizer.ggml.tokens is there twice");
}

/* ---- H09 to H14: values ------------------------------------------------------------------ */

static void values_of_no_type_are_refused(void **state)
{
    (void)state;
    static const uint32_t types[] = {13, 99, 255, 0x80000000u, 0xFFFFFFFFu};
    gguf_builder b;

    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        begin(&b);
        gb_u64(gb_pair(&b, "strange", types[i]), 0);
        refuse(&b, "key strange: value of type");
    }
}

static void bools_are_zero_or_one(void **state)
{
    (void)state;
    static const uint8_t flags[] = {0, 1, 2, 1};
    gguf_builder b;

    begin(&b);
    gb_put_bool(&b, "flag", 2);
    refuse(&b, "key flag: a bool is 0 or 1, the file has 2");
    begin(&b);
    gb_put_bool(&b, "flag", 255);
    refuse(&b, "the file has 255");
    begin(&b);
    gb_put_bools(&b, "flags", flags, 4);
    refuse(&b, "key flags: a bool is 0 or 1");
    begin(&b);
    gb_put_bools(&b, "flags", flags, 2);
    accept(&b);
}

static void strings_longer_than_the_file_are_refused(void **state)
{
    (void)state;
    static const uint64_t lengths[] = {UINT64_C(1) << 63, UINT64_MAX, UINT64_C(1) << 40,
                                       UINT64_C(1) << 33, UINT64_C(1) << 30};
    gguf_builder b;

    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        begin(&b);
        gb_u64(gb_pair(&b, "text", GB_STRING), lengths[i]);
        refuse(&b, "key text: a string of");
    }
    gb_init(&b); /* one byte more than is left */
    gb_bytes *const p = gb_pair(&b, "text", GB_STRING);
    gb_u64(p, 6);
    gb_raw(p, "abcde", 5);
    refuse(&b, "a string of 6 bytes where 5 are left");
}

static void a_string_beyond_the_limit_is_refused(void **state)
{
    (void)state;
    enum { LIMIT = 16 << 20 };
    gguf_builder b;
    gb_bytes *p;

    gb_init(&b);
    p = gb_pair(&b, "text", GB_STRING);
    gb_u64(p, LIMIT + 1);
    gb_raw(p, NULL, LIMIT + 1);
    refuse(&b, "at most 16777216 are read");
    gb_init(&b);
    p = gb_pair(&b, "text", GB_STRING);
    gb_u64(p, LIMIT);
    gb_raw(p, NULL, LIMIT);
    accept(&b);
}

static void texts_may_hold_any_bytes(void **state)
{
    (void)state;
    gguf_builder b;

    begin(&b);
    gb_put_text_sized(&b, "general.name", "\xFF\xFE\0%n\033[31m", 10);
    accept(&b);
}

static void arrays_of_no_type_are_refused(void **state)
{
    (void)state;
    static const uint32_t types[] = {13, 99, 0xFFFFFFFFu};
    gguf_builder b;

    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        begin(&b); /* elements of no size: a reader that skips them loops for ever */
        gb_array(&b, "list", types[i], UINT64_C(1) << 60);
        refuse(&b, "key list: array of type");
        begin(&b);
        gb_array(&b, "list", types[i], 0);
        refuse(&b, "key list: array of type");
    }
}

static void arrays_longer_than_the_file_are_refused(void **state)
{
    (void)state;
    static const struct {
        uint32_t type;
        uint64_t length;
    } cases[] = {{GB_U8, UINT64_C(1) << 63},
                 {GB_U64, UINT64_C(1) << 61},
                 {GB_U32, UINT64_C(1) << 62},
                 {GB_STRING, UINT64_C(1) << 60},
                 {GB_STRING, UINT64_MAX},
                 {GB_STRING, UINT64_C(1) << 61},
                 {GB_U32, 1000000000},
                 {GB_U8, UINT64_C(1) << 32},
                 {GB_ARRAY, UINT64_MAX},
                 {GB_ARRAY, UINT64_MAX / 12 + 2},
                 {GB_F64, (UINT64_C(1) << 61) + 1},
                 {GB_BOOL, UINT64_MAX}};
    gguf_builder b;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        begin(&b);
        gb_array(&b, "list", cases[i].type, cases[i].length);
        refuse(&b, "key list: array of");
    }
}

static void a_string_inside_an_array_is_bounded_too(void **state)
{
    (void)state;
    gguf_builder b;

    gb_init(&b);
    gb_bytes *const p = gb_array(&b, "list", GB_STRING, 2);
    gb_text(p, "first");
    gb_u64(p, UINT64_MAX);
    refuse(&b, "key list: a string of 18446744073709551615 bytes");
}

static void a_million_empty_strings_are_sound(void **state)
{
    (void)state;
    gguf_builder b;

    gb_init(&b);
    gb_raw(gb_array(&b, "list", GB_STRING, 1000000), NULL, 8000000);
    accept(&b);
}

/* depth arrays inside each other; the innermost holds one u8. */
static void nested(gguf_builder *b, int depth)
{
    gb_init(b);
    gb_bytes *const p = gb_pair(b, "nest", GB_ARRAY);
    for (int i = 1; i < depth; i++) {
        gb_u32(p, GB_ARRAY);
        gb_u64(p, 1);
    }
    gb_u32(p, GB_U8);
    gb_u64(p, 1);
    gb_u8(p, 1);
}

static void arrays_nest_four_deep_and_no_deeper(void **state)
{
    (void)state;
    gguf_builder b;

    nested(&b, 1);
    accept(&b);
    nested(&b, 2);
    accept(&b);
    nested(&b, 4);
    accept(&b);
    nested(&b, 5);
    refuse(&b, "key nest: arrays nested more than 4 deep");
    nested(&b, 100000);
    refuse(&b, "key nest: arrays nested more than 4 deep");
}

static void many_small_arrays_inside_one_are_walked_once(void **state)
{
    (void)state;
    gguf_builder b;

    gb_init(&b);
    gb_bytes *const p = gb_array(&b, "lists", GB_ARRAY, 100000);
    for (int i = 0; i < 100000; i++) {
        gb_u32(p, i % 2 ? GB_ARRAY : GB_STRING);
        gb_u64(p, 0);
    }
    accept(&b);
    gb_init(&b); /* the last one lies */
    gb_bytes *const q = gb_array(&b, "lists", GB_ARRAY, 2);
    gb_u32(q, GB_U8);
    gb_u64(q, 0);
    gb_u32(q, GB_U64);
    gb_u64(q, UINT64_C(1) << 61);
    refuse(&b, "key lists: array of 2305843009213693952 elements");
}

/* ---- H15: alignment ---------------------------------------------------------------------- */

static void alignments_that_make_no_sense_are_refused(void **state)
{
    (void)state;
    static const uint32_t values[] = {0, 1, 3, 4, 33, 2097152, 0x80000000u, 0xFFFFFFFFu};
    gguf_builder b;

    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        begin(&b);
        gb_put_u32(&b, "general.alignment", values[i]);
        refuse(&b, "general.alignment: expected a power of two from 8 to 1048576");
    }
}

static void an_alignment_of_another_type_is_refused(void **state)
{
    (void)state;
    static const uint32_t list[] = {32};
    gguf_builder b;

    begin(&b);
    gb_put_text(&b, "general.alignment", "32");
    refuse(&b, "general.alignment: expected u32");
    begin(&b);
    gb_put_u64(&b, "general.alignment", 32);
    refuse(&b, "general.alignment: expected u32");
    begin(&b);
    gb_put_i32(&b, "general.alignment", -32);
    refuse(&b, "general.alignment: expected u32");
    begin(&b);
    gb_put_u32s(&b, "general.alignment", list, 1);
    refuse(&b, "general.alignment: expected u32");
}

static void data_laid_out_for_another_alignment_are_refused(void **state)
{
    (void)state;
    gguf_builder b;

    gb_init(&b); /* three tensors of 32 bytes, 32 apart, where 64 is stated */
    gb_put_u32(&b, "general.alignment", 64);
    gb_add_f32(&b, "a", 8, 0, NULL);
    gb_add_f32(&b, "b", 8, 0, NULL);
    gb_add_f32(&b, "c", 8, 0, NULL);
    refuse(&b, "tensor b: offset 32 is no multiple of the alignment 64");
}

/* ---- H16: cuts --------------------------------------------------------------------------- */

static void a_tail_of_a_mebibyte_is_nobodys_business(void **state)
{
    (void)state;
    gguf_builder b;

    begin(&b);
    gb_raw(&b.data, NULL, 1 << 20);
    accept(&b);
}

static void zeros_from_anywhere_inside_the_head_are_refused(void **state)
{
    (void)state;
    gguf_builder b;
    size_t size;
    bantam_error err;
    size_t loads = 0;

    begin(&b);
    uint8_t *const file = gb_finish(&b, &size);
    uint8_t *const damaged = malloc(size);
    assert_non_null(damaged);
    for (size_t from = 0; from < size; from++) {
        memcpy(damaged, file, size);
        memset(damaged + from, 0, size - from);
        const bool same = !memcmp(damaged, file, size);
        const bantam_status status = parse_bytes(damaged, size, &err);
        if (same) {
            assert_int_equal(status, BANTAM_OK);
        } else if (!status) {
            loads++;
        }
    }
    /* Zeros from the counts on make a file of nothing, which the model floor refuses; zeros in
     * the last offset make two tensors overlap. */
    assert_true(loads <= 17);
    free(damaged);
    free(file);
}

/* ---- noise ------------------------------------------------------------------------------- */

static void any_single_byte_may_be_any_other(void **state)
{
    (void)state;
    gguf_builder b;
    size_t size;
    bantam_error err;
    static const uint8_t values[] = {0x00, 0x01, 0x7F, 0x80, 0xFF};

    begin(&b);
    gb_raw(gb_array(&b, "flags", GB_BOOL, 2), "\1\0", 2);
    gb_put_u32(&b, "general.alignment", 32);
    gb_text(gb_array(&b, "texts", GB_STRING, 1), "x");
    uint8_t *const file = gb_finish(&b, &size);
    for (size_t at = 0; at < size; at++) {
        const uint8_t kept = file[at];
        for (size_t i = 0; i < sizeof values; i++) {
            file[at] = values[i];
            const bantam_status status = parse_bytes(file, size, &err);
            assert_true(status == BANTAM_OK || status == BANTAM_ERR_FORMAT ||
                        status == BANTAM_ERR_UNSUPPORTED);
        }
        file[at] = kept;
    }
    free(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_shorter_than_its_header_is_refused),
        cmocka_unit_test(another_magic_is_refused),
        cmocka_unit_test(other_versions_are_unsupported_by_name),
        cmocka_unit_test(a_count_that_the_file_cannot_hold_is_refused),
        cmocka_unit_test(a_count_that_is_wrong_by_one_is_refused),
        cmocka_unit_test(a_count_of_zero_does_not_hide_what_follows),
        cmocka_unit_test(keys_of_impossible_length_are_refused),
        cmocka_unit_test(keys_that_are_no_clean_text_are_refused_and_escaped),
        cmocka_unit_test(a_key_that_is_there_twice_is_refused),
        cmocka_unit_test(values_of_no_type_are_refused),
        cmocka_unit_test(bools_are_zero_or_one),
        cmocka_unit_test(strings_longer_than_the_file_are_refused),
        cmocka_unit_test(a_string_beyond_the_limit_is_refused),
        cmocka_unit_test(texts_may_hold_any_bytes),
        cmocka_unit_test(arrays_of_no_type_are_refused),
        cmocka_unit_test(arrays_longer_than_the_file_are_refused),
        cmocka_unit_test(a_string_inside_an_array_is_bounded_too),
        cmocka_unit_test(a_million_empty_strings_are_sound),
        cmocka_unit_test(arrays_nest_four_deep_and_no_deeper),
        cmocka_unit_test(many_small_arrays_inside_one_are_walked_once),
        cmocka_unit_test(alignments_that_make_no_sense_are_refused),
        cmocka_unit_test(an_alignment_of_another_type_is_refused),
        cmocka_unit_test(data_laid_out_for_another_alignment_are_refused),
        cmocka_unit_test(a_tail_of_a_mebibyte_is_nobodys_business),
        cmocka_unit_test(zeros_from_anywhere_inside_the_head_are_refused),
        cmocka_unit_test(any_single_byte_may_be_any_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
