/* test_convert_words.c - a tokenizer written as GGUF metadata and loaded again is the same. */
#include "session_rig.h"

#include <unistd.h>

#include "compress/convert_parts.h"
#include "token/load.h"

/* n tokens with the texts of the letters, byte fallback aside. */
static bnt_spec letters(uint32_t n)
{
    bnt_spec spec;

    bnt_spec_init(&spec);
    spec.kind = BNT_VOCAB_BPE_SCORES;
    spec.tokens = bnt_spec_alloc(&spec, n, sizeof *spec.tokens);
    assert_non_null(spec.tokens);
    spec.n_tokens = n;
    for (uint32_t i = 0; i < n; i++) {
        const char *const text = letters_texts[i];
        spec.tokens[i].text = bnt_spec_copy(&spec, text, strlen(text));
        spec.tokens[i].score = -(float)i;
        spec.tokens[i].kind = i == LETTERS_UNK ? BNT_TOKEN_UNKNOWN
                              : i < 4          ? BNT_TOKEN_CONTROL
                                               : BNT_TOKEN_NORMAL;
    }
    spec.unk = LETTERS_UNK;
    spec.bos = LETTERS_BOS;
    spec.eos = LETTERS_STOP;
    return spec;
}

static void round_trip(const bnt_spec *spec, uint32_t n_rows, bnt_spec *got)
{
    const char *const path = tiny_path("words.gguf");
    bnt_gguf_writer *w = NULL;
    bnt_archive *archive = NULL;
    bantam_error err = {0};

    if (bnt_gguf_writer_open(&w, path, &err)) fail_msg("%s", err.message);
    if (bnt_convert_words(w, spec, n_rows, &err)) fail_msg("%s", err.message);
    if (bnt_gguf_writer_commit(w, &err)) fail_msg("%s", err.message);
    if (bnt_archive_open(&archive, path, &err)) fail_msg("%s", err.message);
    bnt_spec_init(got);
    if (bnt_load_gguf(got, bnt_archive_gguf(archive), &err)) fail_msg("%s", err.message);
    bnt_archive_close(archive);
    unlink(path);
}

static void every_token_that_ends_an_answer_is_kept(void **state)
{
    (void)state;
    for (uint32_t n_more = 0; n_more <= 20; n_more++) {
        bnt_spec spec = letters(28);
        bnt_spec got;
        for (uint32_t i = 0; i < n_more; i++) {
            bnt_spec_add_stop(&spec, 4 + i);
            if (i == n_more / 2) bnt_spec_add_stop(&spec, spec.eos);
        }
        bnt_spec_add_stop(&spec, spec.eos);
        round_trip(&spec, 28, &got);
        assert_int_equal(got.eos, spec.eos);
        assert_int_equal(got.n_stops, spec.n_stops);
        for (uint32_t i = 0; i < spec.n_stops; i++) {
            const uint32_t before = got.n_stops;
            bnt_spec_add_stop(&got, spec.stops[i]);
            assert_int_equal(got.n_stops, before); /* it was there */
        }
        bnt_spec_deinit(&got);
        bnt_spec_deinit(&spec);
    }
}

static void texts_scores_and_ids_are_kept(void **state)
{
    bnt_spec spec = letters(28);
    bnt_spec got;

    (void)state;
    spec.adds_bos = true;
    spec.pad = 3;
    round_trip(&spec, 30, &got);
    assert_int_equal(got.n_tokens, 30); /* two rows that no text has */
    for (uint32_t i = 0; i < spec.n_tokens; i++) {
        const bnt_token_spec *const a = &spec.tokens[i], *const b = &got.tokens[i];
        assert_int_equal(b->text.size, a->text.size);
        assert_memory_equal(b->text.data, a->text.data, a->text.size);
        assert_int_equal(b->kind, a->kind);
        assert_true(b->score == a->score);
    }
    assert_int_equal(got.bos, spec.bos);
    assert_int_equal(got.eos, spec.eos);
    assert_int_equal(got.unk, spec.unk);
    assert_int_equal(got.pad, spec.pad);
    assert_true(got.adds_bos);
    assert_false(got.adds_eos);
    bnt_spec_deinit(&got);
    bnt_spec_deinit(&spec);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_token_that_ends_an_answer_is_kept),
        cmocka_unit_test(texts_scores_and_ids_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
