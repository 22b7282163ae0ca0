/* test_vocab.c - from token texts to ids. */
#include "base/limits.h"
#include "base/mem.h"
#include "specs.h"
#include "support.h"
#include "token/vocab.h"

static void every_ordinary_token_is_found_by_its_text(void **state)
{
    (void)state;
    enum { N = 5000 };
    bnt_spec spec;
    bnt_vocab vocab;
    spec_make(&spec, BNT_VOCAB_BPE_RANKS, N, 0);
    for (uint32_t id = 0; id < N; id++) {
        char text[64];
        const int size =
            snprintf(text, sizeof text, "%.*s%u", (int)(id % 40),
                     "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz", (unsigned)id);
        spec_token(&spec, id, text, (size_t)size, BNT_TOKEN_NORMAL);
    }
    assert_int_equal(bnt_vocab_open(&vocab, &spec, NULL), BANTAM_OK);
    for (uint32_t id = 0; id < N; id++) {
        const bantam_text t = spec.tokens[id].text;
        assert_int_equal(bnt_vocab_find(&vocab, t.data, t.size), id);
        assert_int_equal(bnt_vocab_text(&vocab, id).size, t.size);
        assert_memory_equal(bnt_vocab_text(&vocab, id).data, t.data, t.size);
        /* A longer text that begins with a token is not that token. */
        if (t.size < 60) {
            char longer[64];
            memcpy(longer, t.data, t.size);
            longer[t.size] = '!';
            assert_int_equal(bnt_vocab_find(&vocab, longer, t.size + 1), BANTAM_NO_TOKEN);
        }
    }
    assert_int_equal(bnt_vocab_find(&vocab, "", 0), BANTAM_NO_TOKEN);
    bnt_vocab_close(&vocab);
    bnt_spec_deinit(&spec);
}

static void of_equal_texts_the_lowest_id_is_found(void **state)
{
    (void)state;
    bnt_spec spec;
    bnt_vocab vocab;
    spec_make(&spec, BNT_VOCAB_BPE_RANKS, 6, 0);
    for (uint32_t id = 0; id < 6; id++) {
        spec_token(&spec, id, "ab", 2, BNT_TOKEN_NORMAL);
    }
    spec.tokens[0].kind = BNT_TOKEN_CONTROL;
    spec.tokens[1].kind = BNT_TOKEN_UNUSED;
    assert_int_equal(bnt_vocab_open(&vocab, &spec, NULL), BANTAM_OK);
    assert_int_equal(bnt_vocab_find(&vocab, "ab", 2), 2);
    bnt_vocab_close(&vocab);
    bnt_spec_deinit(&spec);
}

static void tokens_that_text_cannot_become_are_not_found(void **state)
{
    (void)state;
    static const bnt_token_kind kinds[] = {BNT_TOKEN_UNKNOWN, BNT_TOKEN_CONTROL,
                                           BNT_TOKEN_UNUSED, BNT_TOKEN_BYTE};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        bnt_spec spec;
        bnt_vocab vocab;
        spec_make(&spec, BNT_VOCAB_BPE_SCORES, 1, 0);
        spec_token(&spec, 0, "x", 1, kinds[i]);
        assert_int_equal(bnt_vocab_open(&vocab, &spec, NULL), BANTAM_OK);
        assert_int_equal(bnt_vocab_find(&vocab, "x", 1), BANTAM_NO_TOKEN);
        assert_int_equal(vocab.byte_ids['x'], kinds[i] == BNT_TOKEN_BYTE ? 0 : BANTAM_NO_TOKEN);
        bnt_vocab_close(&vocab);
        bnt_spec_deinit(&spec);
    }
}

static void bytes_of_a_byte_level_vocabulary_are_known_by_value(void **state)
{
    (void)state;
    static const char *const none[] = {NULL};
    bnt_spec spec;
    bnt_vocab vocab;
    spec_bytes(&spec, BNT_VOCAB_BPE_RANKS, none);
    spec.tokens[0xF5].kind = BNT_TOKEN_UNUSED; /* one byte is absent */
    assert_int_equal(bnt_vocab_open(&vocab, &spec, NULL), BANTAM_OK);
    for (uint32_t b = 0; b < 256; b++) {
        assert_int_equal(vocab.byte_ids[b], b == 0xF5 ? BANTAM_NO_TOKEN : b);
    }
    bnt_vocab_close(&vocab);
    bnt_spec_deinit(&spec);
}

static void empty_tokens_and_equal_tokens_do_no_harm(void **state)
{
    (void)state;
    bnt_spec spec;
    bnt_vocab vocab;
    spec_make(&spec, BNT_VOCAB_BPE_RANKS, 100000, 0);
    for (uint32_t id = 0; id < spec.n_tokens; id++) {
        spec.tokens[id].kind = BNT_TOKEN_NORMAL;
        if (id >= 1000) spec.tokens[id].text = text_of("equal");
    }
    assert_int_equal(bnt_vocab_open(&vocab, &spec, NULL), BANTAM_OK);
    assert_int_equal(bnt_vocab_find(&vocab, "", 0), BANTAM_NO_TOKEN);
    assert_int_equal(bnt_vocab_find(&vocab, "equal", 5), 1000);
    assert_int_equal(bnt_vocab_find(&vocab, "a", 1), BANTAM_NO_TOKEN);
    bnt_vocab_close(&vocab);
    bnt_spec_deinit(&spec);
}

static void limits_are_held(void **state)
{
    (void)state;
    bnt_spec spec;
    bnt_vocab vocab;
    bantam_error err;
    char *large = calloc(1, BNT_MAX_TOKEN_BYTES + 1);
    assert_non_null(large);

    spec_make(&spec, BNT_VOCAB_BPE_RANKS, 2, 0);
    spec_token(&spec, 1, large, BNT_MAX_TOKEN_BYTES, BNT_TOKEN_NORMAL);
    assert_int_equal(bnt_vocab_open(&vocab, &spec, &err), BANTAM_OK);
    assert_int_equal(bnt_vocab_find(&vocab, large, BNT_MAX_TOKEN_BYTES), 1);
    bnt_vocab_close(&vocab);

    spec_token(&spec, 1, large, BNT_MAX_TOKEN_BYTES + 1, BNT_TOKEN_NORMAL);
    assert_int_equal(bnt_vocab_open(&vocab, &spec, &err), BANTAM_ERR_FORMAT);
    assert_non_null(strstr(err.message, "token 1 has 65537 bytes"));
    spec.n_tokens = 0;
    assert_int_equal(bnt_vocab_open(&vocab, &spec, &err), BANTAM_ERR_FORMAT);
    spec.n_tokens = BNT_MAX_VOCAB + 1;
    assert_int_equal(bnt_vocab_open(&vocab, &spec, &err), BANTAM_ERR_FORMAT);
    bnt_spec_deinit(&spec);
    free(large);
}

static void every_failed_allocation_is_reported(void **state)
{
    (void)state;
    static const char *const words[] = {"ab", "abc", NULL};
    bnt_spec spec;
    bnt_vocab vocab;
    uint64_t n = 0;
    bantam_status status;
    spec_bytes(&spec, BNT_VOCAB_BPE_RANKS, words);
    const int64_t live = bnt_mem_live();
    do {
        bnt_mem_fail_after(n++);
        status = bnt_vocab_open(&vocab, &spec, NULL);
        if (status) {
            assert_int_equal(status, BANTAM_ERR_NOMEM);
            assert_int_equal(bnt_mem_live(), live);
        }
    } while (status && n < 100);
    bnt_mem_fail_after(UINT64_MAX);
    assert_true(n > 3);
    assert_int_equal(status, BANTAM_OK);
    bnt_vocab_close(&vocab);
    assert_int_equal(bnt_mem_live(), live);
    bnt_spec_deinit(&spec);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_ordinary_token_is_found_by_its_text),
        cmocka_unit_test(of_equal_texts_the_lowest_id_is_found),
        cmocka_unit_test(tokens_that_text_cannot_become_are_not_found),
        cmocka_unit_test(bytes_of_a_byte_level_vocabulary_are_known_by_value),
        cmocka_unit_test(empty_tokens_and_equal_tokens_do_no_harm),
        cmocka_unit_test(limits_are_held),
        cmocka_unit_test(every_failed_allocation_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
