/* test_load_spm.c - SentencePiece's tokenizer.model to specs. */
#include "token_bytes.h"

#include "base/mem.h"
#include <math.h>

enum { BPE = 2 };

static bytes model(void)
{
    bytes b = {0};
    pb_piece(&b, "<unk>", 0, 2);
    pb_piece(&b, "<s>", 0, 3);
    pb_piece(&b, "</s>", 0, 3);
    pb_piece(&b, "<0x41>", 0, 6);
    pb_piece(&b, "\xE2\x96\x81", -1.5f, 0);
    pb_piece(&b, "[TOOL]", 0, 4);
    return b;
}

static void put_trainer(bytes *b, uint64_t type)
{
    bytes m = {0};
    pb_bytes(&m, 1, "corpus", 6);
    pb_number(&m, 3, type);
    pb_number(&m, 35, 1);
    pb_number(&m, 40, 0);
    pb_number(&m, 41, 1);
    pb_number(&m, 42, 2);
    pb_number(&m, 43, UINT64_MAX); /* -1: no padding */
    pb_bytes(b, 2, m.data, m.size);
    bytes_free(&m);
}

static void put_normalizer(bytes *b, uint64_t prefix, uint64_t collapse, const char *map)
{
    bytes m = {0};
    pb_bytes(&m, 1, "identity", 8);
    pb_bytes(&m, 2, map, strlen(map));
    pb_number(&m, 3, prefix);
    pb_number(&m, 4, collapse);
    pb_bytes(b, 3, m.data, m.size);
    bytes_free(&m);
}

static bantam_status load(const bytes *b, bnt_spec *s, bantam_error *err)
{
    bnt_spec_init(s);
    return bnt_load_spm(s, b->data, b->size, err);
}

static void refuse(bytes *b, bantam_status expected, const char *message)
{
    bnt_spec s;
    bantam_error err = {0};
    assert_int_equal(load(b, &s, &err), expected);
    if (!strstr(err.message, message)) fail_msg("\"%s\" lacks \"%s\"", err.message, message);
    assert_true(spec_is_empty(&s));
    bytes_free(b);
}

static void pieces_ids_and_rules_are_read(void **state)
{
    (void)state;
    bnt_spec s;
    bantam_error err;
    bytes b = model();
    put_trainer(&b, BPE);
    put_normalizer(&b, 1, 0, "");
    assert_int_equal(load(&b, &s, &err), BANTAM_OK);
    assert_int_equal(s.kind, BNT_VOCAB_BPE_SCORES);
    assert_int_equal(s.n_tokens, 6);
    assert_int_equal(s.tokens[0].kind, BNT_TOKEN_UNKNOWN);
    assert_int_equal(s.tokens[3].kind, BNT_TOKEN_BYTE);
    assert_text(s.tokens[3].text, "A");
    assert_int_equal(s.tokens[4].kind, BNT_TOKEN_NORMAL);
    assert_true(s.tokens[4].score == -1.5f);
    assert_int_equal(s.tokens[5].kind, BNT_TOKEN_USER_DEFINED);
    assert_int_equal(s.unk, 0);
    assert_int_equal(s.bos, 1);
    assert_int_equal(s.eos, 2);
    assert_int_equal(s.pad, BANTAM_NO_TOKEN);
    assert_true(s.byte_fallback);
    assert_true(s.adds_bos);
    assert_int_equal(s.n_normal, 2);
    assert_int_equal(s.n_decode, 2);
    assert_int_equal(s.n_stops, 1);
    bnt_spec_deinit(&s);
    bytes_free(&b);
}

static void absent_fields_have_the_defaults_of_the_format(void **state)
{
    (void)state;
    bnt_spec s;
    bantam_error err;
    bytes b = model(), m = {0};
    pb_number(&m, 3, BPE);
    pb_bytes(&b, 2, m.data, m.size);
    assert_int_equal(load(&b, &s, &err), BANTAM_OK);
    assert_int_equal(s.bos, 1);
    assert_int_equal(s.eos, 2);
    assert_false(s.byte_fallback);
    assert_int_equal(s.n_normal, 4); /* extra spaces are removed unless the file says no */
    assert_text(s.normal[1].pattern, " {2,}");
    bnt_spec_deinit(&s);
    bytes_free(&m);
    bytes_free(&b);
}

static void no_prefix_means_nothing_to_strip(void **state)
{
    (void)state;
    bnt_spec s;
    bantam_error err;
    bytes b = model();
    put_trainer(&b, BPE);
    put_normalizer(&b, 0, 0, "");
    assert_int_equal(load(&b, &s, &err), BANTAM_OK);
    assert_int_equal(s.n_normal, 1);
    assert_int_equal(s.normal[0].op, BNT_NORMAL_REPLACE);
    assert_int_equal(s.n_decode, 1);
    assert_int_equal(s.decode[0].op, BNT_DECODE_REPLACE);
    bnt_spec_deinit(&s);
    bytes_free(&b);
}

static void what_the_spec_cannot_express_is_named(void **state)
{
    (void)state;
    bytes b = model();
    refuse(&b, BANTAM_ERR_UNSUPPORTED, "unigram"); /* the default type */
    b = model();
    put_trainer(&b, 1);
    refuse(&b, BANTAM_ERR_UNSUPPORTED, "unigram");
    b = model();
    put_trainer(&b, BPE);
    put_normalizer(&b, 1, 0, "map");
    refuse(&b, BANTAM_ERR_UNSUPPORTED, "character map");
    bytes m = {0};
    b = model();
    pb_number(&m, 3, BPE);
    pb_number(&m, 24, 1);
    pb_bytes(&b, 2, m.data, m.size);
    bytes_free(&m);
    refuse(&b, BANTAM_ERR_UNSUPPORTED, "treat_whitespace_as_suffix");
}

static void bad_pieces_are_refused(void **state)
{
    (void)state;
    for (int k = 0; k < 5; k++) {
        bytes b = model();
        put_trainer(&b, BPE);
        if (k == 0) pb_piece(&b, "x", NAN, 1);
        if (k == 1) pb_piece(&b, "x", 0, 7);
        if (k == 2) pb_piece(&b, "", 0, 1);
        if (k == 3) pb_piece(&b, "<0xZZ>", 0, 6);
        if (k == 4) pb_bytes(&b, 1, "\x0B", 1); /* a group begins */
        refuse(&b, BANTAM_ERR_FORMAT, k == 4 ? "cut short" : "piece 6");
    }
}

static void special_ids_outside_the_vocabulary_count_as_absent(void **state)
{
    (void)state;
    bnt_spec s;
    bantam_error err;
    bytes b = model(), m = {0};
    pb_number(&m, 3, BPE);
    pb_number(&m, 41, 300);
    pb_number(&m, 42, UINT64_MAX);
    pb_number(&m, 40, 4); /* no piece of kind unknown */
    pb_bytes(&b, 2, m.data, m.size);
    assert_int_equal(load(&b, &s, &err), BANTAM_OK);
    assert_int_equal(s.bos, BANTAM_NO_TOKEN);
    assert_int_equal(s.eos, BANTAM_NO_TOKEN);
    assert_int_equal(s.unk, BANTAM_NO_TOKEN);
    assert_false(s.adds_bos);
    bnt_spec_deinit(&s);
    bytes_free(&m);
    bytes_free(&b);
}

/* Cuts between top-level fields leave a shorter file that is whole; all others are errors. */
static void a_file_cut_inside_a_field_is_refused(void **state)
{
    (void)state;
    bytes b = {0};
    size_t ends[16], n_ends = 0;
    put_trainer(&b, BPE);
    ends[n_ends++] = b.size;
    pb_piece(&b, "<unk>", 0, 2);
    ends[n_ends++] = b.size;
    pb_piece(&b, "a", -1, 1);
    ends[n_ends++] = b.size;
    put_normalizer(&b, 1, 0, "");
    ends[n_ends++] = b.size;
    for (size_t n = 0; n < b.size; n++) {
        bnt_spec s;
        bantam_error err;
        uint8_t *const copy = malloc(n ? n : 1); /* so that a read past the end is seen */
        assert_non_null(copy);
        memcpy(copy, b.data, n);
        bnt_spec_init(&s);
        const bantam_status status = bnt_load_spm(&s, copy, n, &err);
        bool whole = false;
        for (size_t i = 1; i < n_ends; i++)
            whole = whole || n == ends[i];
        assert_int_equal(status, whole ? BANTAM_OK : BANTAM_ERR_FORMAT);
        bnt_spec_deinit(&s);
        free(copy);
    }
    bytes_free(&b);
}

static void no_allocation_is_left_unchecked(void **state)
{
    (void)state;
    bytes b = model();
    uint64_t n = 0;
    bantam_status status;
    put_trainer(&b, BPE);
    do {
        bnt_spec s;
        const int64_t live = bnt_mem_live();
        bnt_mem_fail_after(n++);
        status = load(&b, &s, NULL);
        bnt_mem_fail_after(UINT64_MAX);
        assert_int_equal(status, s.n_tokens ? BANTAM_OK : BANTAM_ERR_NOMEM);
        bnt_spec_deinit(&s);
        assert_int_equal(bnt_mem_live(), live);
    } while (status && n < 100);
    assert_int_equal(status, BANTAM_OK);
    bytes_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_ids_and_rules_are_read),
        cmocka_unit_test(absent_fields_have_the_defaults_of_the_format),
        cmocka_unit_test(no_prefix_means_nothing_to_strip),
        cmocka_unit_test(what_the_spec_cannot_express_is_named),
        cmocka_unit_test(bad_pieces_are_refused),
        cmocka_unit_test(special_ids_outside_the_vocabulary_count_as_absent),
        cmocka_unit_test(a_file_cut_inside_a_field_is_refused),
        cmocka_unit_test(no_allocation_is_left_unchecked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
