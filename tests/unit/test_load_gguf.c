/* test_load_gguf.c - tokenizer.ggml.* keys to specs. */
#include "token_bytes.h"

#include "base/mem.h"

#define KEY(name) "tokenizer.ggml." name

static const char *const pieces[] = {"<unk>",        "<s>", "</s>",       "<0x41>",
                                     "\xE2\x96\x81", "ab",  "<|eot_id|>", "<|x|>"};
static const int32_t piece_kinds[] = {2, 3, 3, 6, 1, 1, 3, 4};
static const float piece_scores[] = {0, 0, 0, 0, -1, -2, 0, 0};
enum { N_PIECES = 8 };

static bytes llama_file(void)
{
    bytes b = {0};
    gguf_start(&b);
    gguf_text(&b, KEY("model"), "llama");
    gguf_texts(&b, KEY("tokens"), pieces, N_PIECES);
    gguf_ints(&b, KEY("token_type"), piece_kinds, N_PIECES);
    gguf_floats(&b, KEY("scores"), piece_scores, N_PIECES);
    return b;
}

/* A space in the byte alphabet is U+0120. */
static const char *const words[] = {"<|endoftext|>", "<|im_end|>",  "h", "e", "\xC4\xA0", "he",
                                    "\xC4\xA0he",    "\xE3\x81\x82"};
static const int32_t word_kinds[] = {3, 3, 1, 1, 1, 1, 1, 1};
static const char *const merges[] = {"h e", "\xC4\xA0 he"};
enum { N_WORDS = 8 };

static bytes gpt2_file(const char *pre)
{
    bytes b = {0};
    gguf_start(&b);
    gguf_text(&b, KEY("model"), "gpt2");
    if (pre) gguf_text(&b, KEY("pre"), pre);
    gguf_texts(&b, KEY("tokens"), words, N_WORDS);
    gguf_ints(&b, KEY("token_type"), word_kinds, N_WORDS);
    gguf_texts(&b, KEY("merges"), merges, 2);
    return b;
}

static void load(bytes *b, bnt_spec *s)
{
    bantam_error err = {0};
    gguf_end(b);
    const bantam_status status = load_gguf_of(b, s, &err);
    if (status) fail_msg("%s", err.message);
    bytes_free(b);
}

static void refuse(bytes *b, bantam_status expected, const char *message)
{
    bnt_spec s;
    bantam_error err = {0};
    gguf_end(b);
    assert_int_equal(load_gguf_of(b, &s, &err), expected);
    if (!strstr(err.message, message)) fail_msg("\"%s\" lacks \"%s\"", err.message, message);
    assert_true(spec_is_empty(&s));
    bytes_free(b);
}

static void llama_pieces_keep_scores_kinds_and_default_ids(void **state)
{
    (void)state;
    bnt_spec s;
    bytes b = llama_file();
    load(&b, &s);
    assert_int_equal(s.kind, BNT_VOCAB_BPE_SCORES);
    assert_int_equal(s.n_tokens, N_PIECES);
    for (uint32_t i = 0; i < N_PIECES; i++) {
        assert_int_equal(s.tokens[i].kind, piece_kinds[i]);
        assert_true(s.tokens[i].score == piece_scores[i]);
        if (i != 3) assert_text(s.tokens[i].text, pieces[i]);
    }
    assert_text(s.tokens[3].text, "A");
    assert_false(s.byte_level);
    assert_true(s.byte_fallback);
    assert_true(s.adds_bos);
    assert_false(s.adds_eos);
    assert_int_equal(s.unk, 0);
    assert_int_equal(s.bos, 1);
    assert_int_equal(s.eos, 2);
    assert_int_equal(s.pad, BANTAM_NO_TOKEN);
    assert_int_equal(s.n_stops, 2); /* </s> and <|eot_id|> */
    assert_int_equal(s.stops[0], 2);
    assert_int_equal(s.stops[1], 6);
    assert_int_equal(s.n_normal, 2);
    assert_int_equal(s.normal[0].op, BNT_NORMAL_PREPEND);
    assert_text(s.normal[0].content, "\xE2\x96\x81");
    assert_text(s.normal[1].pattern, " ");
    assert_text(s.normal[1].content, "\xE2\x96\x81");
    assert_int_equal(s.n_decode, 2);
    assert_int_equal(s.n_split, 0);
    assert_int_equal(s.chat_template.size, 0);
    bnt_spec_deinit(&s);
}

static void keys_overrule_defaults(void **state)
{
    (void)state;
    bnt_spec s;
    bytes b = llama_file();
    gguf_flag(&b, KEY("add_bos_token"), false);
    gguf_flag(&b, KEY("add_eos_token"), true);
    gguf_flag(&b, KEY("add_space_prefix"), false);
    gguf_flag(&b, KEY("remove_extra_whitespaces"), true);
    gguf_number(&b, KEY("bos_token_id"), 6);
    gguf_number(&b, KEY("eos_token_id"), 5);
    gguf_number(&b, KEY("eot_token_id"), 7);
    gguf_number(&b, KEY("eom_token_id"), 4);
    gguf_number(&b, KEY("padding_token_id"), 0);
    gguf_text(&b, "tokenizer.chat_template", "{{ messages }}");
    load(&b, &s);
    assert_false(s.adds_bos);
    assert_true(s.adds_eos);
    assert_int_equal(s.bos, 6);
    assert_int_equal(s.eos, 5);
    assert_int_equal(s.pad, 0);
    assert_int_equal(s.n_stops, 5);
    assert_int_equal(s.stops[0], 5);
    assert_int_equal(s.stops[1], 7);
    assert_int_equal(s.stops[2], 4);
    assert_int_equal(s.n_normal, 3); /* two that collapse spaces, one that escapes them */
    assert_true(s.normal[0].regex);
    assert_true(s.normal[1].regex);
    assert_int_equal(s.n_decode, 1);
    assert_text(s.chat_template, "{{ messages }}");
    bnt_spec_deinit(&s);
}

static void further_ends_of_an_answer_may_be_listed(void **state)
{
    static const int32_t ids[] = {2, 5, 4, 3, N_PIECES, -1, 3};
    (void)state;
    bnt_spec s;
    bytes b = llama_file();
    gguf_number(&b, KEY("eot_token_id"), 5);
    gguf_ints(&b, "bantam.stop_token_ids", ids, 7);
    load(&b, &s);
    assert_int_equal(s.n_stops, 5); /* <|eot_id|> by its name */
    assert_int_equal(s.stops[0], 2);
    assert_int_equal(s.stops[1], 5);
    assert_int_equal(s.stops[2], 4);
    assert_int_equal(s.stops[3], 3);
    assert_int_equal(s.stops[4], 6);
    bnt_spec_deinit(&s);

    b = llama_file();
    gguf_text(&b, "bantam.stop_token_ids", "2");
    refuse(&b, BANTAM_ERR_FORMAT, "bantam.stop_token_ids");
}

static void ids_outside_the_vocabulary_count_as_absent(void **state)
{
    (void)state;
    static const uint32_t ids[] = {N_PIECES, 300, 0x80000000u, UINT32_MAX};
    for (size_t i = 0; i < 4; i++) {
        bnt_spec s;
        bytes b = llama_file();
        gguf_number(&b, KEY("bos_token_id"), ids[i]);
        gguf_number(&b, KEY("padding_token_id"), ids[i]);
        gguf_number(&b, KEY("eot_token_id"), ids[i]);
        load(&b, &s);
        assert_int_equal(s.bos, 1); /* the default of the format stays */
        assert_int_equal(s.pad, BANTAM_NO_TOKEN);
        assert_int_equal(s.n_stops, 2);
        bnt_spec_deinit(&s);
    }
}

static void files_without_kinds_get_them_from_names_and_places(void **state)
{
    (void)state;
    bnt_spec s;
    bytes b = {0};
    gguf_start(&b);
    gguf_text(&b, KEY("model"), "llama");
    gguf_texts(&b, KEY("tokens"), pieces, N_PIECES);
    gguf_floats(&b, KEY("scores"), piece_scores, N_PIECES);
    load(&b, &s);
    assert_int_equal(s.tokens[0].kind, BNT_TOKEN_UNKNOWN);
    assert_int_equal(s.tokens[1].kind, BNT_TOKEN_CONTROL);
    assert_int_equal(s.tokens[3].kind, BNT_TOKEN_BYTE);
    assert_text(s.tokens[3].text, "A");
    assert_int_equal(s.tokens[5].kind, BNT_TOKEN_NORMAL);
    bnt_spec_deinit(&s);
}

static void gpt2_words_leave_the_byte_alphabet(void **state)
{
    (void)state;
    bnt_spec s;
    bytes b = gpt2_file("smollm");
    gguf_number(&b, KEY("eos_token_id"), 1);
    load(&b, &s);
    assert_int_equal(s.kind, BNT_VOCAB_BPE_MERGES);
    assert_true(s.byte_level);
    assert_string_equal(s.pre_name, "smollm");
    assert_int_equal(s.n_split, 2);
    assert_text(s.tokens[0].text, "<|endoftext|>");
    assert_text(s.tokens[4].text, " ");
    assert_text(s.tokens[6].text, " he");
    assert_int_equal(s.tokens[6].kind, BNT_TOKEN_NORMAL);
    /* Bytes cannot spell what is outside the alphabet. */
    assert_text(s.tokens[7].text, words[7]);
    assert_int_equal(s.tokens[7].kind, BNT_TOKEN_UNUSED);
    assert_int_equal(s.n_merges, 2);
    assert_int_equal(s.merges[0].left, 2);
    assert_int_equal(s.merges[0].right, 3);
    assert_int_equal(s.merges[0].result, 5);
    assert_int_equal(s.merges[1].left, 4);
    assert_int_equal(s.merges[1].right, 5);
    assert_int_equal(s.merges[1].result, 6);
    assert_false(s.adds_bos);
    assert_int_equal(s.n_stops, 2);
    assert_int_equal(s.stops[0], 1);
    assert_int_equal(s.stops[1], 0);
    bnt_spec_deinit(&s);
}

static void the_pre_tokenizer_decides_about_bos(void **state)
{
    (void)state;
    bnt_spec s;
    bytes b = gpt2_file("llama-bpe");
    gguf_number(&b, KEY("bos_token_id"), 0);
    load(&b, &s);
    assert_true(s.adds_bos);
    assert_true(s.ignore_merges);
    bnt_spec_deinit(&s);

    b = gpt2_file("llama-bpe"); /* without a BOS there is nothing to add */
    load(&b, &s);
    assert_false(s.adds_bos);
    bnt_spec_deinit(&s);

    b = gpt2_file(NULL);
    load(&b, &s);
    assert_string_equal(s.pre_name, "default");
    bnt_spec_deinit(&s);
}

static void contradictions_are_refused_and_named(void **state)
{
    (void)state;
    bytes b = {0};
    gguf_start(&b);
    refuse(&b, BANTAM_ERR_FORMAT, "tokenizer.ggml.model is absent");

    gguf_start(&b);
    gguf_text(&b, KEY("model"), "bert");
    refuse(&b, BANTAM_ERR_UNSUPPORTED, "bert");

    b = gpt2_file("martian");
    refuse(&b, BANTAM_ERR_UNSUPPORTED, "martian");

    gguf_start(&b);
    gguf_text(&b, KEY("model"), "llama");
    gguf_texts(&b, KEY("tokens"), pieces, N_PIECES);
    refuse(&b, BANTAM_ERR_FORMAT, "scores");

    gguf_start(&b);
    gguf_text(&b, KEY("model"), "llama");
    gguf_texts(&b, KEY("tokens"), pieces, N_PIECES);
    gguf_floats(&b, KEY("scores"), piece_scores, N_PIECES - 1);
    refuse(&b, BANTAM_ERR_FORMAT, "expected one element for each of 8 tokens, found 7");

    b = gpt2_file("gpt-2");
    gguf_text(&b, KEY("bos_token_id"), "1");
    refuse(&b, BANTAM_ERR_FORMAT, "bos_token_id");

    b = gpt2_file("gpt-2");
    gguf_number(&b, "tokenizer.chat_template", 1);
    refuse(&b, BANTAM_ERR_FORMAT, "chat_template");

    b = llama_file();
    gguf_array(&b, KEY("precompiled_charsmap"), BNT_GGUF_U8, 1);
    put(&b, "\xFF", 1);
    refuse(&b, BANTAM_ERR_UNSUPPORTED, "precompiled_charsmap");
}

static void bad_merges_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"",   " ",  "   ", "he",  "h",
                                      "h ", " e", "h x", "x h", "e h"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        bytes b = {0};
        gguf_start(&b);
        gguf_text(&b, KEY("model"), "gpt2");
        gguf_text(&b, KEY("pre"), "gpt-2");
        gguf_texts(&b, KEY("tokens"), words, N_WORDS);
        gguf_texts(&b, KEY("merges"), &bad[i], 1);
        refuse(&b, BANTAM_ERR_FORMAT, "merge 0");
    }
}

static void no_allocation_is_left_unchecked(void **state)
{
    (void)state;
    bytes b[2] = {llama_file(), gpt2_file("smollm")};
    for (int k = 0; k < 2; k++) {
        uint64_t n = 0;
        bantam_status status;
        gguf_text(&b[k], "tokenizer.chat_template", "x");
        gguf_end(&b[k]);
        do {
            bnt_spec s;
            bantam_error err;
            const int64_t live = bnt_mem_live();
            bnt_mem_fail_after(n++);
            status = load_gguf_of(&b[k], &s, &err);
            bnt_mem_fail_after(UINT64_MAX);
            if (status) assert_int_equal(status, BANTAM_ERR_NOMEM);
            if (status) assert_true(spec_is_empty(&s));
            bnt_spec_deinit(&s);
            assert_int_equal(bnt_mem_live(), live);
        } while (status && n < 100);
        assert_int_equal(status, BANTAM_OK);
        bytes_free(&b[k]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(llama_pieces_keep_scores_kinds_and_default_ids),
        cmocka_unit_test(keys_overrule_defaults),
        cmocka_unit_test(further_ends_of_an_answer_may_be_listed),
        cmocka_unit_test(ids_outside_the_vocabulary_count_as_absent),
        cmocka_unit_test(files_without_kinds_get_them_from_names_and_places),
        cmocka_unit_test(gpt2_words_leave_the_byte_alphabet),
        cmocka_unit_test(the_pre_tokenizer_decides_about_bos),
        cmocka_unit_test(contradictions_are_refused_and_named),
        cmocka_unit_test(bad_merges_are_refused),
        cmocka_unit_test(no_allocation_is_left_unchecked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
