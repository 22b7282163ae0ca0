/* test_load_tiktoken.c - "base64 rank" lines to specs. */
#include "token_bytes.h"

#include "base/mem.h"
#include "token/load_parts.h"

static bantam_status load(const char *text, bnt_spec *s, bantam_error *err)
{
    bnt_spec_init(s);
    return bnt_load_tiktoken(s, text, strlen(text), err);
}

static void lines_become_tokens_and_specials_follow(void **state)
{
    (void)state;
    bnt_spec s;
    bantam_error err;
    /* "!", "ab", byte 0xFF, out of order, with both line ends and an empty line */
    assert_int_equal(load("IQ== 0\r\n/w== 2\n\nYWI= 1", &s, &err), BANTAM_OK);
    assert_int_equal(s.kind, BNT_VOCAB_BPE_RANKS);
    assert_true(s.byte_level);
    assert_true(s.ignore_merges);
    assert_string_equal(s.pre_name, "llama-bpe");
    assert_int_equal(s.n_tokens, 3 + 256);
    assert_text(s.tokens[0].text, "!");
    assert_text(s.tokens[1].text, "ab");
    assert_text(s.tokens[2].text, "\xFF");
    static const struct {
        uint32_t place;
        const char *name;
    } specials[] = {{0, "<|begin_of_text|>"},
                    {1, "<|end_of_text|>"},
                    {2, "<|reserved_special_token_0|>"},
                    {3, "<|reserved_special_token_1|>"},
                    {4, "<|finetune_right_pad_id|>"},
                    {5, "<|reserved_special_token_2|>"},
                    {6, "<|start_header_id|>"},
                    {7, "<|end_header_id|>"},
                    {8, "<|eom_id|>"},
                    {9, "<|eot_id|>"},
                    {10, "<|python_tag|>"},
                    {11, "<|reserved_special_token_3|>"},
                    {255, "<|reserved_special_token_247|>"}};
    for (size_t i = 0; i < sizeof specials / sizeof specials[0]; i++) {
        assert_text(s.tokens[3 + specials[i].place].text, specials[i].name);
        assert_int_equal(s.tokens[3 + specials[i].place].kind, BNT_TOKEN_CONTROL);
    }
    assert_int_equal(s.bos, 3);
    assert_int_equal(s.eos, 4);
    assert_int_equal(s.pad, 7);
    assert_true(s.adds_bos);
    assert_int_equal(s.n_stops, 3);
    assert_int_equal(s.stops[0], 4);
    assert_int_equal(s.stops[1], 11);
    assert_int_equal(s.stops[2], 12);
    bnt_spec_deinit(&s);
}

static void bad_lines_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "\n\n",
                                      "IQ==",
                                      "IQ== ",
                                      " 0",
                                      "IQ== 1",
                                      "IQ== 0\nIg== 0",
                                      "IQ== 0\nIg== 2",
                                      "IQ== -1",
                                      "IQ== 0x0",
                                      "I*== 0",
                                      "I 0",
                                      "= 0",
                                      "==== 0",
                                      "IQ=== 0",
                                      "IQ==  0",
                                      "IQ== 0 ",
                                      "IQ== 4294967296",
                                      "IQ== 99999999999999999999",
                                      "IR== 0"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        bnt_spec s;
        bantam_error err = {0};
        if (load(bad[i], &s, &err) != BANTAM_ERR_FORMAT) fail_msg("accepted \"%s\"", bad[i]);
        assert_true(err.message[0] != '\0');
        assert_true(spec_is_empty(&s));
    }
}

static void base64_is_decoded_with_and_without_padding(void **state)
{
    (void)state;
    static const struct {
        const char *code, *text;
    } cases[] = {{"", ""},
                 {"Zg==", "f"},
                 {"Zg", "f"},
                 {"Zm8=", "fo"},
                 {"Zm8", "fo"},
                 {"Zm9v", "foo"},
                 {"Zm9vYg==", "foob"},
                 {"Zm9vYmE=", "fooba"},
                 {"Zm9vYmFy", "foobar"},
                 {"+/+/", "\xFB\xFF\xBF"}};
    uint8_t out[16];
    size_t n;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_true(bnt_load_base64(cases[i].code, strlen(cases[i].code), out, &n));
        assert_text((bantam_text){(const char *)out, n}, cases[i].text);
    }
    static const char *const bad[] = {
        "Z", "Zg=", "Z===", "=", "====", "Zm9v=", "Zm 9", "Zh==", "_w=="};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (bnt_load_base64(bad[i], strlen(bad[i]), out, &n)) fail_msg("accepted %s", bad[i]);
    }
}

static void no_allocation_is_left_unchecked(void **state)
{
    (void)state;
    uint64_t n = 0;
    bantam_status status;
    do {
        bnt_spec s;
        const int64_t live = bnt_mem_live();
        bnt_mem_fail_after(n++);
        status = load("IQ== 0\nIg== 1\n", &s, NULL);
        bnt_mem_fail_after(UINT64_MAX);
        assert_int_equal(status, s.n_tokens ? BANTAM_OK : BANTAM_ERR_NOMEM);
        bnt_spec_deinit(&s);
        assert_int_equal(bnt_mem_live(), live);
    } while (status && n < 100);
    assert_int_equal(status, BANTAM_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_become_tokens_and_specials_follow),
        cmocka_unit_test(bad_lines_are_refused),
        cmocka_unit_test(base64_is_decoded_with_and_without_padding),
        cmocka_unit_test(no_allocation_is_left_unchecked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
