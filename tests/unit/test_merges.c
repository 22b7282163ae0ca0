/* test_merges.c - the texts of merges to ids. */
#include "base/mem.h"
#include "support.h"
#include "token/merges.h"

enum { N = 9 };

static const char *const words[N] = {"a", "b", "c", "ab", "bc", "abc", "ca", "cab", "special"};

static void make(bnt_spec *spec)
{
    bnt_spec_init(spec);
    spec->tokens = bnt_spec_alloc(spec, N, sizeof *spec->tokens);
    assert_non_null(spec->tokens);
    spec->n_tokens = N;
    for (uint32_t i = 0; i < N; i++) {
        spec->tokens[i].kind = BNT_TOKEN_NORMAL;
    }
}

static void index_words(bnt_merges *m, bnt_spec *spec, const char *const *from, size_t n_merges)
{
    assert_int_equal(bnt_merges_begin(m, spec, n_merges, NULL), BANTAM_OK);
    for (uint32_t i = 0; i < N; i++) {
        m->words[i] = (bantam_text){from[i], strlen(from[i])};
    }
    bnt_merges_index(m);
}

/* Adds "left right" pairs. */
static size_t add(bnt_merges *m, const char *const *halves, size_t n)
{
    bantam_text texts[2 * BNT_MERGES_TOGETHER];
    for (size_t i = 0; i < 2 * n; i++) {
        texts[i] = (bantam_text){halves[i], strlen(halves[i])};
    }
    return bnt_merges_add(m, texts, n);
}

static void assert_merge(const bnt_spec *spec, size_t i, uint32_t left, uint32_t right,
                         uint32_t result)
{
    assert_true(i < spec->n_merges);
    assert_int_equal(spec->merges[i].left, left);
    assert_int_equal(spec->merges[i].right, right);
    assert_int_equal(spec->merges[i].result, result);
}

static void results_are_found_in_any_order(void **state)
{
    (void)state;
    static const char *const halves[] = {"ca", "b", "a",  "b", "c", "ab", "a", "bc",
                                         "c",  "a", "ab", "c", "b", "c",  "a", "b"};
    bnt_spec spec;
    bnt_merges m;
    make(&spec);
    index_words(&m, &spec, words, 8);
    assert_int_equal(add(&m, halves, 8), 8);
    bnt_merges_end(&m);
    assert_int_equal(spec.n_merges, 8);
    assert_merge(&spec, 0, 6, 1, 7);
    assert_merge(&spec, 1, 0, 1, 3);
    assert_merge(&spec, 2, 2, 3, 7);
    assert_merge(&spec, 3, 0, 4, 5);
    assert_merge(&spec, 4, 2, 0, 6);
    assert_merge(&spec, 5, 3, 2, 5);
    assert_merge(&spec, 6, 1, 2, 4);
    assert_merge(&spec, 7, 0, 1, 3);
    assert_true(spec.merges_proved);
    bnt_spec_deinit(&spec);
}

static void the_first_merge_that_names_no_token_is_told(void **state)
{
    (void)state;
    static const char *const bad[][2] = {{"x", "a"}, {"a", "x"}, {"a", "c"}};
    for (size_t i = 0; i < 3; i++) {
        const char *const halves[] = {"a", "b", bad[i][0], bad[i][1], "b", "c"};
        bnt_spec spec;
        bnt_merges m;
        make(&spec);
        index_words(&m, &spec, words, 3);
        assert_int_equal(add(&m, halves, 3), 1);
        assert_int_equal(spec.n_merges, 1);
        bnt_merges_end(&m);
        bnt_spec_deinit(&spec);
    }
}

static void of_words_spelled_alike_the_first_is_meant(void **state)
{
    (void)state;
    static const char *const twice[N] = {"a", "b", "ab", "", "aba", "ab", "b", "a", "aba"};
    /* The second merge would find the later "ab" and "aba" first by comparing. */
    static const char *const halves[] = {"a", "b", "ab", "a", "a", "b"};
    bnt_spec spec;
    bnt_merges m;
    make(&spec);
    index_words(&m, &spec, twice, 3);
    assert_int_equal(add(&m, halves, 3), 3);
    assert_merge(&spec, 0, 0, 1, 2);
    assert_merge(&spec, 1, 2, 0, 4);
    assert_merge(&spec, 2, 0, 1, 2);
    bnt_merges_end(&m);
    bnt_spec_deinit(&spec);
}

static void merges_of_tokens_that_are_not_ordinary_prove_nothing(void **state)
{
    (void)state;
    static const char *const halves[] = {"a", "bc"};
    static const uint32_t named[] = {0, 4, 5};
    for (uint32_t id = 0; id < N; id++) {
        bnt_spec spec;
        bnt_merges m;
        make(&spec);
        spec.tokens[id].kind = BNT_TOKEN_CONTROL;
        index_words(&m, &spec, words, 1);
        assert_int_equal(add(&m, halves, 1), 1);
        assert_merge(&spec, 0, 0, 4, 5);
        const bool is_named = id == named[0] || id == named[1] || id == named[2];
        assert_int_equal(spec.merges_proved, !is_named);
        bnt_merges_end(&m);
        bnt_spec_deinit(&spec);
    }
}

/* Halves of all sizes, where the result is the next token and where it is not. */
static void words_of_all_sizes_are_told_apart(void **state)
{
    (void)state;
    char whole[64];
    memset(whole, 'm', sizeof whole);
    for (size_t size = 2; size < 40; size++) {
        for (size_t at = 1; at < size; at++) {
            for (size_t wrong = 0; wrong <= size; wrong++) { /* size: none */
                char other[64];
                bnt_spec spec;
                bnt_merges m;
                make(&spec);
                assert_int_equal(bnt_merges_begin(&m, &spec, 1, NULL), BANTAM_OK);
                memcpy(other, whole, sizeof other);
                if (wrong < size) other[wrong] = '.';
                m.words[0] = (bantam_text){other, size};
                m.words[7] = (bantam_text){whole, at};
                if (at != size - at) m.words[8] = (bantam_text){whole + at, size - at};
                bnt_merges_index(&m);
                const bantam_text halves[] = {{whole, at}, {whole + at, size - at}};
                assert_int_equal(bnt_merges_add(&m, halves, 1), wrong == size);
                bnt_merges_end(&m);
                bnt_spec_deinit(&spec);
            }
        }
    }
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    bantam_status status = BANTAM_ERR_NOMEM;
    const int64_t live = bnt_mem_live();
    for (uint64_t n = 0; status && n < 20; n++) {
        bnt_spec spec;
        bnt_merges m;
        make(&spec);
        bnt_mem_fail_after(n);
        status = bnt_merges_begin(&m, &spec, 100000, NULL);
        bnt_mem_fail_after(UINT64_MAX);
        assert_true(status == BANTAM_OK || status == BANTAM_ERR_NOMEM);
        bnt_merges_end(&m);
        bnt_spec_deinit(&spec);
    }
    assert_int_equal(status, BANTAM_OK);
    assert_int_equal(bnt_mem_live(), live);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(results_are_found_in_any_order),
        cmocka_unit_test(the_first_merge_that_names_no_token_is_told),
        cmocka_unit_test(of_words_spelled_alike_the_first_is_meant),
        cmocka_unit_test(merges_of_tokens_that_are_not_ordinary_prove_nothing),
        cmocka_unit_test(words_of_all_sizes_are_told_apart),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
