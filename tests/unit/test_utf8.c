/* Strict UTF-8. */
#include "base/mem.h"
#include "base/utf8.h"
#include "support.h"

static void every_scalar_value_comes_back(void **state)
{
    (void)state;
    for (uint32_t code = 0; code <= 0x10FFFF; code++) {
        if (code >= 0xD800 && code <= 0xDFFF) continue;
        char bytes[4];
        uint32_t back;
        const size_t n = bnt_utf8_encode(code, bytes);
        const size_t expected = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
        if (n != expected || bnt_utf8_decode(bytes, n, &back) != n || back != code ||
            bnt_utf8_settled(bytes, n) != n || !bnt_utf8_valid(bytes, n)) {
            fail_msg("U+%04X", (unsigned)code);
        }
        for (size_t cut = 1; cut < n; cut++) {
            if (bnt_utf8_decode(bytes, cut, &back) != 1 || back != BNT_UTF8_BAD ||
                bnt_utf8_settled(bytes, cut) != 0) {
                fail_msg("U+%04X cut to %zu", (unsigned)code, cut);
            }
        }
    }
}

static void what_is_not_utf8_is_one_bad_byte(void **state)
{
    (void)state;
    static const char *const bad[] = {"\x80",
                                      "\xBF",
                                      "\xC0\x80",
                                      "\xC1\xBF",
                                      "\xE0\x80\x80",
                                      "\xE0\x9F\xBF", /* overlong */
                                      "\xED\xA0\x80",
                                      "\xED\xBF\xBF", /* surrogates */
                                      "\xF0\x80\x80\x80",
                                      "\xF0\x8F\xBF\xBF",
                                      "\xF4\x90\x80\x80", /* above 10FFFF */
                                      "\xF5\x80\x80\x80",
                                      "\xFE",
                                      "\xFF",
                                      "\xC3\x28",
                                      "\xE2\x28\xA1",
                                      "\xE2\x82\x28"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        uint32_t code = 0;
        assert_int_equal(bnt_utf8_decode(bad[i], strlen(bad[i]), &code), 1);
        assert_true(code == BNT_UTF8_BAD);
        assert_false(bnt_utf8_valid(bad[i], strlen(bad[i])));
        /* Bytes that nothing can complete are settled. */
        assert_int_equal(bnt_utf8_settled(bad[i], strlen(bad[i])), strlen(bad[i]));
    }
    assert_true(bnt_utf8_valid(NULL, 0));
    assert_int_equal(bnt_utf8_settled(NULL, 0), 0);
    assert_int_equal(bnt_utf8_settled("ab\xE2\x82", 4), 2);
    assert_int_equal(bnt_utf8_settled("ab\xF0\x9F\x98", 5), 2);
    assert_int_equal(bnt_utf8_settled("\xF0\x9F\x98\xE2", 4), 3);
    assert_int_equal(bnt_utf8_settled("\xE2\x82\xAC\xC3", 4), 3);
}

static void check_clean(const char *text, size_t size, const char *expected)
{
    bnt_buf buf;
    bnt_buf_init(&buf, 1000);
    bnt_utf8_put_clean(&buf, text, size);
    bnt_buf_putc(&buf, '\0');
    assert_string_equal(buf.data, expected);
    bnt_buf_deinit(&buf);
}

/* The examples of the Unicode standard, section 3.9, tables 3-8 to 3-11. */
static void maximal_subparts_are_replaced_one_for_one(void **state)
{
    (void)state;
#define R "\xEF\xBF\xBD"
    check_clean("\xC0\xAF\xE0\x80\xBF\xF0\x81\x82\x41", 9, R R R R R R R R "A");
    check_clean("\xED\xA0\x80\xED\xBF\xBF\xED\xAF\x41", 9, R R R R R R R R "A");
    check_clean("\xF4\x91\x92\x93\xFF\x41\x80\xBF\x42", 9, R R R R R "A" R R "B");
    check_clean("\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41", 9, R R R R "A");
    check_clean("a\xE2\x82\xAC\xE2", 5, "a\xE2\x82\xAC" R);
    check_clean("", 0, "");
#undef R
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_scalar_value_comes_back),
        cmocka_unit_test(what_is_not_utf8_is_one_bad_byte),
        cmocka_unit_test(maximal_subparts_are_replaced_one_for_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
