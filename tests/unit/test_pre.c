/* test_pre.c - the table of pre-tokenizer names: every pattern compiles, and cuts known texts
 * where the models that use it do. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "support.h"

#include "token/load_parts.h"
#include <pcre2.h>

static const char *const names[] = {"llama-bpe",
                                    "llama3",
                                    "llama-v3",
                                    "falcon3",
                                    "falcon-h1",
                                    "midm-2.0",
                                    "lfm2",
                                    "dbrx",
                                    "smaug-bpe",
                                    "chatglm-bpe",
                                    "tekken",
                                    "pixtral",
                                    "gpt-4o",
                                    "llama4",
                                    "smollm",
                                    "starcoder",
                                    "refact",
                                    "command-r",
                                    "codeshell",
                                    "exaone",
                                    "minerva-7b",
                                    "gpt-2",
                                    "mpt",
                                    "olmo",
                                    "jais",
                                    "phi-2",
                                    "gigachat",
                                    "jina-es",
                                    "jina-de",
                                    "jina-v1-en",
                                    "jina-v2-es",
                                    "jina-v2-de",
                                    "jina-v2-code",
                                    "roberta-bpe",
                                    "qwen2",
                                    "stablelm2",
                                    "deepseek-r1-qwen",
                                    "megrez",
                                    "falcon",
                                    "deepseek-coder",
                                    "deepseek-v3",
                                    "bloom",
                                    "gpt3-finnish",
                                    "poro-chat",
                                    "viking",
                                    "chameleon",
                                    "default"};

enum { N_NAMES = sizeof names / sizeof names[0] };

static void open_named(bnt_spec *s, const char *name)
{
    bantam_error err;
    bnt_spec_init(s);
    const bantam_text text = {name, strlen(name)};
    assert_int_equal(bnt_pre_named(s, text, &err), BANTAM_OK);
}

static pcre2_code *compile(bantam_text pattern)
{
    int code;
    PCRE2_SIZE at;
    pcre2_code *const re = pcre2_compile((PCRE2_SPTR)pattern.data, pattern.size,
                                         PCRE2_UTF | PCRE2_UCP, &code, &at, NULL);
    if (!re) fail_msg("pattern fails at %zu: %.*s", at, (int)pattern.size, pattern.data);
    return re;
}

/* Cuts text at the matches of one pattern after the other; pieces joined with '|'. */
static void cut(const bnt_spec *s, const char *text, char *out)
{
    char now[256], next[256];

    snprintf(now, sizeof now, "%s", text);
    for (uint32_t i = 0; i < s->n_split; i++) {
        pcre2_code *const re = compile(s->split[i].pattern);
        pcre2_match_data *const match = pcre2_match_data_create(1, NULL);
        size_t n = 0;
        char *rest = NULL;
        assert_int_equal(s->split[i].behavior, BNT_SPLIT_ISOLATED);
        for (char *piece = strtok_r(now, "|", &rest); piece;
             piece = strtok_r(NULL, "|", &rest)) {
            size_t at = 0;
            const size_t size = strlen(piece);
            while (at < size) {
                size_t from = size, to = size;
                if (pcre2_match(re, (PCRE2_SPTR)piece, size, at, 0, match, NULL) > 0) {
                    from = pcre2_get_ovector_pointer(match)[0];
                    to = pcre2_get_ovector_pointer(match)[1];
                }
                if (from > at) {
                    n += (size_t)sprintf(next + n, "%.*s|", (int)(from - at), piece + at);
                }
                if (to > from) {
                    n += (size_t)sprintf(next + n, "%.*s|", (int)(to - from), piece + from);
                }
                at = to;
            }
        }
        next[n ? n - 1 : 0] = '\0';
        memcpy(now, next, sizeof now);
        pcre2_match_data_free(match);
        pcre2_code_free(re);
    }
    strcpy(out, now);
}

static void every_pattern_of_every_name_compiles(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_NAMES; i++) {
        bnt_spec s;
        open_named(&s, names[i]);
        assert_string_equal(s.pre_name, names[i]);
        assert_true(s.n_split > 0);
        for (uint32_t k = 0; k < s.n_split; k++)
            pcre2_code_free(compile(s.split[k].pattern));
        bnt_spec_deinit(&s);
    }
}

static void an_unknown_name_is_unsupported_and_named(void **state)
{
    (void)state;
    bnt_spec s;
    bantam_error err;
    bnt_spec_init(&s);
    assert_int_equal(bnt_pre_named(&s, BNT_TEXT("martian"), &err), BANTAM_ERR_UNSUPPORTED);
    assert_non_null(strstr(err.message, "martian"));
    assert_int_equal(bnt_pre_named(&s, BNT_TEXT("llama-bpe\0"), &err), BANTAM_ERR_UNSUPPORTED);
    assert_int_equal(bnt_pre_named(&s, BNT_TEXT(""), &err), BANTAM_ERR_UNSUPPORTED);
    bnt_spec_deinit(&s);
}

static void texts_are_cut_as_the_models_cut_them(void **state)
{
    (void)state;
    static const struct {
        const char *name, *text, *pieces;
    } cases[] = {
        {"gpt-2", "Hello, it's 12345  x", "Hello|,| it|'s| 12345| | x"},
        {"gpt-2", "IT'S", "IT|'|S"},
        {"smollm", "a 123\n", "a| |1|2|3|\n"},
        {"smollm", "4\xC2\xBD m", "4|\xC2\xBD| m"},
        {"llama-bpe", "IT'S 12345!\n\nx", "IT|'S| |123|45|!\n\n|x"},
        {"qwen2", "a 123", "a| |1|2|3"},
        {"tekken", "HelloWorld a/b 12", "Hello|World| a|/b| |1|2"},
        {"gpt-4o", "HelloWorld's 1234", "Hello|World's| |123|4"},
        {"falcon", "x=1234", "x|=|123|4"},
        {"default", "x=1234", "x|=|123|4"},
        {"deepseek-v3", "ab 1234", "ab| |123|4"},
        {"viking", "a, b12", "a|,| b|1|2"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bnt_spec s;
        char out[256];
        open_named(&s, cases[i].name);
        cut(&s, cases[i].text, out);
        assert_string_equal(out, cases[i].pieces);
        bnt_spec_deinit(&s);
    }
}

static void flags_come_with_the_names(void **state)
{
    (void)state;
    bnt_spec s;
    open_named(&s, "llama-bpe");
    assert_true(s.ignore_merges);
    bnt_spec_deinit(&s);
    open_named(&s, "smaug-bpe");
    assert_false(s.ignore_merges);
    bnt_spec_deinit(&s);
    assert_true(bnt_pre_adds_bos("llama-bpe"));
    assert_true(bnt_pre_adds_bos("tekken"));
    assert_false(bnt_pre_adds_bos("smollm"));
    assert_false(bnt_pre_adds_bos("gpt-2"));
    assert_false(bnt_pre_adds_bos(""));
}

static void a_spec_is_recognized_by_its_steps(void **state)
{
    (void)state;
    static const char *const own[] = {"llama-bpe", "tekken", "smollm",      "gpt-2",
                                      "qwen2",     "dbrx",   "deepseek-v3", "default"};
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
        bnt_spec s;
        open_named(&s, own[i]);
        assert_string_equal(bnt_pre_recognize(&s), own[i]);
        s.split[0].invert = true;
        assert_string_equal(bnt_pre_recognize(&s), "");
        bnt_spec_deinit(&s);
    }
    bnt_spec s;
    open_named(&s, "refact"); /* shares its rule with smollm, the name of our own models */
    assert_string_equal(bnt_pre_recognize(&s), "smollm");
    s.n_split = 0;
    assert_string_equal(bnt_pre_recognize(&s), "");
    bnt_spec_deinit(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_pattern_of_every_name_compiles),
        cmocka_unit_test(an_unknown_name_is_unsupported_and_named),
        cmocka_unit_test(texts_are_cut_as_the_models_cut_them),
        cmocka_unit_test(flags_come_with_the_names),
        cmocka_unit_test(a_spec_is_recognized_by_its_steps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
