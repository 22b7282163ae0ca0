/* test_terms.c - texts as weighed words: every number by hand from the formula. */
#include "support.h"

#include "base/mem.h"
#include "task/terms.h"

#include <math.h>

static bantam_item item(const char *title, const char *text)
{
    return (bantam_item){.title = {title, strlen(title)}, .text = {text, strlen(text)}};
}

static void a_cosine_is_that_of_tf_and_idf(void **state)
{
    (void)state;
    const bantam_item a = item("", "cat dog"), b = item("", "Cat, COW"), c = item("", "owl");
    const bantam_item *const docs[] = {&a, &b, &c};
    bnt_terms t;

    assert_int_equal(bnt_terms_open(&t, docs, 3, NULL), 0);
    const double cat = log(4.0 / 2.5), rare = log(4.0 / 1.5);
    assert_true(fabs(bnt_terms_cosine(&t, 0, 1) - cat * cat / (cat * cat + rare * rare)) <
                1e-6);
    assert_true(fabs(bnt_terms_cosine(&t, 0, 0) - 1.0) < 1e-6);
    assert_true(bnt_terms_cosine(&t, 0, 2) == 0.0);
    bnt_terms_close(&t);
}

static void a_title_counts_twice_and_short_words_not_at_all(void **state)
{
    (void)state;
    const bantam_item a = item("cat", "is an ox dog"), b = item("", "cat"), c = item("", "dog");
    const bantam_item *const docs[] = {&a, &b, &c};
    bnt_terms t;

    assert_int_equal(bnt_terms_open(&t, docs, 3, NULL), 0);
    assert_int_equal(t.n_words, 2);
    /* Both words are in two texts; only how often they stand in the first differs. */
    const double cat = 1.0 + log(2.0), length = sqrt(cat * cat + 1.0);
    assert_true(fabs(bnt_terms_cosine(&t, 0, 1) - cat / length) < 1e-6);
    assert_true(fabs(bnt_terms_cosine(&t, 0, 2) - 1.0 / length) < 1e-6);
    bnt_terms_close(&t);
}

static void shared_words_come_the_most_telling_first(void **state)
{
    (void)state;
    const bantam_item a = item("", "comet star moon"), b = item("", "comet star sun"),
                      c = item("", "star");
    const bantam_item *const docs[] = {&a, &b, &c};
    char words[3][BANTAM_WORD_BYTES];
    bnt_terms t;

    assert_int_equal(bnt_terms_open(&t, docs, 3, NULL), 0);
    bnt_terms_shared(&t, 0, 1, words, 3);
    assert_string_equal(words[0], "comet");
    assert_string_equal(words[1], "star");
    assert_string_equal(words[2], "");
    const size_t group[] = {0, 1};
    assert_int_equal(bnt_terms_common(&t, group, 2, words, 3, NULL), 0);
    assert_string_equal(words[0], "comet");
    bnt_terms_close(&t);
}

static void any_bytes_are_a_text(void **state)
{
    (void)state;
    char bytes[5000];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)(i * 7919 % 251);
    memset(bytes, 'x', 600); /* a word longer than any */
    const bantam_item a = {.title = {bytes, sizeof bytes}, .text = {bytes, sizeof bytes}};
    const bantam_item empty = {.title = {NULL, 0}};
    const bantam_item *const docs[] = {&a, &empty};
    char words[4][BANTAM_WORD_BYTES];
    bnt_terms t;

    assert_int_equal(bnt_terms_open(&t, docs, 2, NULL), 0);
    assert_true(bnt_terms_cosine(&t, 0, 1) == 0.0);
    bnt_terms_shared(&t, 0, 0, words, 4);
    for (size_t i = 0; i < 4; i++)
        assert_true(strlen(words[i]) < BANTAM_WORD_BYTES);
    bnt_terms_close(&t);
    assert_int_equal(bnt_terms_open(&t, NULL, 0, NULL), 0);
    bnt_terms_close(&t);
}

static void no_memory_is_an_error(void **state)
{
    (void)state;
    const bantam_item a = item("cat", "dog cow");
    const bantam_item *const docs[] = {&a};
    const int64_t live = bnt_mem_live();
    bantam_status status = BANTAM_ERR_NOMEM;
    bnt_terms t;

    for (uint64_t n = 0; status && n < 50; n++) {
        bnt_mem_fail_after(n);
        status = bnt_terms_open(&t, docs, 1, NULL);
        bnt_mem_fail_after(UINT64_MAX);
        assert_true(!status || status == BANTAM_ERR_NOMEM);
        if (status) assert_int_equal(bnt_mem_live(), live);
    }
    assert_int_equal(status, 0);
    bnt_terms_close(&t);
    assert_int_equal(bnt_mem_live(), live);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cosine_is_that_of_tf_and_idf),
        cmocka_unit_test(a_title_counts_twice_and_short_words_not_at_all),
        cmocka_unit_test(shared_words_come_the_most_telling_first),
        cmocka_unit_test(any_bytes_are_a_text),
        cmocka_unit_test(no_memory_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
