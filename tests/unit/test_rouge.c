/* test_rouge.c - the tests' ROUGE, against values worked out by hand. */
#include "rouge.h"
#include "support.h"

static rouge of(const char *summary, const char *reference)
{
    return rouge_of(summary, strlen(summary), reference, strlen(reference));
}

static void assert_near(double value, double expected)
{
    if (value < expected - 1e-12 || value > expected + 1e-12) {
        fail_msg("%.15f, expected %.15f", value, expected);
    }
}

static void a_text_is_all_of_itself_and_nothing_of_another(void **state)
{
    (void)state;
    const rouge same = of("The cat sat.", "the CAT, sat");
    assert_near(same.one, 1.0);
    assert_near(same.l, 1.0);
    assert_near(same.lsum, 1.0);
    assert_int_equal(same.words, 3);
    assert_near(of("dogs run", "the cat sat").one, 0.0);
    assert_near(of("", "the cat sat").l, 0.0);
    assert_near(of("the cat", "...").lsum, 0.0);
}

static void the_example_of_the_paper_has_its_values(void **state)
{
    (void)state;
    /* Lin (2004), 3.1: reference "police killed the gunman". */
    assert_near(of("police kill the gunman", "police killed the gunman").l, 0.75);
    assert_near(of("the gunman kill police", "police killed the gunman").l, 0.5);
    assert_near(of("the gunman kill police", "police killed the gunman").one, 0.75);
    assert_near(of("the gunman police killed", "police killed the gunman").l, 0.5);
    /* 3.2: reference w1 w2 w3 w4 w5, lines w1 w2 w6 w7 w8 and w1 w3 w8 w9 w5: the union is w1
     * w2 w3 w5, four of 5 and of 10. */
    assert_near(of("w1 w2 w6 w7 w8\nw1 w3 w8 w9 w5", "w1 w2 w3 w4 w5").lsum, 8.0 / 15.0);
}

static void repeated_words_count_as_often_as_both_have_them(void **state)
{
    (void)state;
    assert_near(of("the the the the", "the cat the mat").one, 0.5);
    /* The longest common subsequence crosses lines; the union does not know their order. */
    assert_near(of("c d\na b", "a b\nc d").l, 0.5);
    assert_near(of("c d\na b", "a b\nc d").lsum, 1.0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_text_is_all_of_itself_and_nothing_of_another),
        cmocka_unit_test(the_example_of_the_paper_has_its_values),
        cmocka_unit_test(repeated_words_count_as_often_as_both_have_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
