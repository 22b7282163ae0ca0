/* test_byte_alphabet.c - GPT-2's byte alphabet. */
#include "support.h"

#include "token/byte_alphabet.h"

static void every_byte_has_a_letter_of_its_own(void **state)
{
    (void)state;
    bool taken[512] = {false};
    for (int b = 0; b < 256; b++) {
        const uint32_t code = bnt_byte_alphabet_code((uint8_t)b);
        assert_true(code < 512);
        assert_false(taken[code]);
        taken[code] = true;
        assert_int_equal(bnt_byte_alphabet_byte(code), b);
    }
}

static void letters_are_those_of_gpt2(void **state)
{
    (void)state;
    assert_int_equal(bnt_byte_alphabet_code('A'), 'A');
    assert_int_equal(bnt_byte_alphabet_code('~'), '~');
    assert_int_equal(bnt_byte_alphabet_code(' '), 0x120);
    assert_int_equal(bnt_byte_alphabet_code('\n'), 0x10A);
    assert_int_equal(bnt_byte_alphabet_code('\0'), 0x100);
    assert_int_equal(bnt_byte_alphabet_code(0x7F), 0x121);
    assert_int_equal(bnt_byte_alphabet_code(0xA0), 0x142);
    assert_int_equal(bnt_byte_alphabet_code(0xAD), 0x143);
    assert_int_equal(bnt_byte_alphabet_code(0xA1), 0xA1);
    assert_int_equal(bnt_byte_alphabet_code(0xFF), 0xFF);
}

static void other_characters_are_no_letters(void **state)
{
    (void)state;
    static const uint32_t codes[] = {0,    0x20,  0x7F,   0x80,     0xA0,
                                     0xAD, 0x144, 0x2581, 0x10FFFF, UINT32_MAX};
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        assert_int_equal(bnt_byte_alphabet_byte(codes[i]), -1);
    }
}

static void texts_are_undone_in_place(void **state)
{
    (void)state;
    char text[] = "\xC4\xA0h\xC3\xA9\xC4\x8A"; /* " h", byte 0xE9, newline */
    size_t n;
    assert_true(bnt_byte_alphabet_undo(text, strlen(text), text, &n));
    assert_int_equal(n, 4);
    assert_memory_equal(text, " h\xE9\n", 4);

    char out[16];
    assert_true(bnt_byte_alphabet_undo("", 0, out, &n));
    assert_int_equal(n, 0);
    assert_false(bnt_byte_alphabet_undo("a b", 3, out, &n));
    assert_int_equal(n, 0);
    assert_false(bnt_byte_alphabet_undo("\xFF", 1, out, &n));
    assert_false(bnt_byte_alphabet_undo("\xE3\x81\x82", 3, out, &n));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_byte_has_a_letter_of_its_own),
        cmocka_unit_test(letters_are_those_of_gpt2),
        cmocka_unit_test(other_characters_are_no_letters),
        cmocka_unit_test(texts_are_undone_in_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
