/* test_sentences.c - where sentences end, in texts that make it hard. */
#include "task/sentences.h"

#include "support.h"

/* The text is the sentences, with "|" where one ends: those are taken out before it is read. */
static void check(const char *marked)
{
    char text[1024], got[1024];
    size_t n = 0, size = 0;
    bnt_sentence s;

    for (const char *c = marked; *c; c++) {
        if (*c != '|') text[n++] = *c;
    }
    const bantam_text whole = {text, n};
    for (size_t at = 0; bnt_sentence_next(whole, at, &s); at += s.size) {
        assert_int_equal(s.offset, at);
        if (at) got[size++] = '|';
        memcpy(got + size, text + at, s.size);
        size += s.size;
    }
    got[size] = '\0';
    assert_string_equal(got, marked);
}

static void sentences_end_at_their_stops(void **state)
{
    (void)state;
    check("He ran.| She sat!| Why?| Because.");
    check("One.|\nTwo lines are\none sentence.| Three.");
    check("No stop at the end");
    check("Wait...| What?!| Yes.");
    check("A heading|\n\nIt has no stop.");
}

static void abbreviations_decimals_and_initials_end_nothing(void **state)
{
    (void)state;
    check("Mr. Smith met Dr. Jones.| They left.");
    check("It cost 3.5 million.| He paid.");
    check("The U.S. Army came, e.g. Gen. Lee and J. K. Rowling.| So it was.");
    check("He left at 5 p.m. on Monday.| Then she came.");
    check("Nobody but I.| They knew.");
    check("See bantam.example.com for more.| It is there.");
}

static void quotes_and_brackets_close_with_their_sentence(void **state)
{
    (void)state;
    check("\"Stop!\" he said.| \"I will not.\"| She ran.");
    check("(It was late.)| He slept.");
    check("\xE2\x80\x9CGo.\xE2\x80\x9D| \xE2\x80\x98No.\xE2\x80\x99| End.");
}

static void stops_of_other_scripts_are_known(void **state)
{
    (void)state;
    check("\xE4\xBB\x8A\xE5\xA4\xA9\xE3\x80\x82|\xE6\x98\x8E\xE5\xA4\xA9\xEF\xBC\x81");
    check("\xE0\xA4\xB9\xE0\xA4\xBE\xE0\xA5\xA4| \xE0\xA4\xA8\xE0\xA4\xBE\xE0\xA5\xA4");
}

static void paragraphs_begin_behind_empty_lines(void **state)
{
    const char text[] = "One. Two.\n \nThree.";
    const bool begins[] = {true, false, true};
    bnt_sentence s;
    size_t i = 0;

    (void)state;
    for (size_t at = 0; bnt_sentence_next((bantam_text){text, sizeof text - 1}, at, &s); i++) {
        assert_true(i < 3);
        assert_int_equal(s.begins, begins[i]);
        at += s.size;
    }
    assert_int_equal(i, 3);
}

/* Any bytes: the sentences have no gap, and none is longer than it may be. */
static void any_bytes_are_taken_without_a_gap(void **state)
{
    static const char alphabet[] = "aA.!\" \n\xE3\x80\x82\xFF(1";
    static char text[20000];
    uint32_t seed = 7;
    bnt_sentence s;

    (void)state;
    for (unsigned round = 0; round < 40; round++) {
        size_t n = 0;
        for (; n < sizeof text; n++) {
            seed = seed * 1664525u + 1013904223u;
            const uint32_t from = round % 2 ? sizeof alphabet - 1 : 1 + round / 8;
            text[n] = alphabet[(seed >> 16) % from];
            if (round % 8 == 7) text[n] = '.';
        }
        size_t at = 0;
        while (bnt_sentence_next((bantam_text){text, n}, at, &s)) {
            assert_int_equal(s.offset, at);
            assert_true(s.size > 0 && s.size <= n - at);
            assert_true(s.trimmed.size <= BNT_MAX_SENTENCE);
            assert_true(s.trimmed.size == 0 || s.trimmed.data >= text + at);
            at += s.size;
        }
        assert_int_equal(at, n);
    }
}

static size_t words(const char *text)
{
    return bnt_count_words((bantam_text){text, strlen(text)});
}

static void words_are_counted_as_people_do(void **state)
{
    (void)state;
    assert_int_equal(words(""), 0);
    assert_int_equal(words("  one two\nthree "), 3);
    assert_int_equal(words("- It's 3.5 kg, isn't it? -"), 5);
    assert_int_equal(words("\xE4\xBB\x8A\xE5\xA4\xA9"), 2);
    const char text[] = "one two, three";
    assert_int_equal(bnt_first_words((bantam_text){text, sizeof text - 1}, 2), 8);
    assert_int_equal(bnt_first_words((bantam_text){text, sizeof text - 1}, 0), 0);
    assert_int_equal(bnt_first_words((bantam_text){text, sizeof text - 1}, 9), 14);
}

static void terms_are_runs_of_letters_whatever_their_case(void **state)
{
    const char text[] = "Don't, \xC3\x89T\xC3\x89 \xC3\xA9t\xC3\xA9!";
    const bantam_text whole = {text, sizeof text - 1};
    bantam_text terms[5];
    size_t at = 0, n = 0;

    (void)state;
    for (; n < 5; n++) {
        terms[n] = bnt_term_next(whole, &at);
        if (!terms[n].data) break;
    }
    assert_int_equal(n, 4);
    assert_memory_equal(terms[0].data, "Don", 3);
    assert_true(bnt_term_hash(terms[2]) == bnt_term_hash(terms[3]));
    assert_true(bnt_term_hash(terms[0]) != bnt_term_hash(terms[1]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sentences_end_at_their_stops),
        cmocka_unit_test(abbreviations_decimals_and_initials_end_nothing),
        cmocka_unit_test(quotes_and_brackets_close_with_their_sentence),
        cmocka_unit_test(stops_of_other_scripts_are_known),
        cmocka_unit_test(paragraphs_begin_behind_empty_lines),
        cmocka_unit_test(any_bytes_are_taken_without_a_gap),
        cmocka_unit_test(words_are_counted_as_people_do),
        cmocka_unit_test(terms_are_runs_of_letters_whatever_their_case),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
