/* Reading untrusted bytes. */
#include "base/cursor.h"
#include "support.h"

static void numbers_are_little_endian(void **state)
{
    (void)state;
    const uint8_t bytes[] = {0x01, 0x02, 0x83, 0x04, 0x05, 0x06, 0x87, 0x08, 0x09,
                             0x0A, 0x0B, 0x0C, 0x0D, 0x0E, 0x8F, 0x00, 0x00, 0x80,
                             0xBF, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x04, 0x40};
    bnt_cursor c = bnt_cursor_on(bytes, sizeof bytes);
    assert_int_equal(bnt_cursor_u8(&c), 0x01);
    assert_int_equal(bnt_cursor_u16(&c), 0x8302);
    assert_int_equal(bnt_cursor_u32(&c), 0x87060504);
    assert_int_equal(bnt_cursor_offset(&c), 7);
    assert_true(bnt_cursor_u64(&c) == UINT64_C(0x8F0E0D0C0B0A0908));
    assert_true(bnt_cursor_f32(&c) == -1.0f);
    assert_true(bnt_cursor_f64(&c) == 2.5);
    assert_int_equal(bnt_cursor_left(&c), 0);
    assert_false(c.failed);
}

static void reading_past_the_end_fails_and_stays_failed(void **state)
{
    (void)state;
    const uint8_t bytes[3] = {1, 2, 3};
    bnt_cursor c = bnt_cursor_on(bytes, sizeof bytes);
    assert_int_equal(bnt_cursor_u32(&c), 0);
    assert_true(c.failed);
    assert_int_equal(bnt_cursor_u8(&c), 0); /* though a byte is there */
    assert_null(bnt_cursor_take(&c, 0));

    c = bnt_cursor_on(bytes, sizeof bytes);
    assert_null(bnt_cursor_take(&c, UINT64_MAX));
    assert_true(c.failed);

    c = bnt_cursor_on(bytes, sizeof bytes);
    assert_ptr_equal(bnt_cursor_take(&c, 3), bytes);
    assert_ptr_equal(bnt_cursor_take(&c, 0), bytes + 3);
    assert_false(c.failed);

    c = bnt_cursor_on(NULL, 0);
    bnt_cursor_take(&c, 0);
    assert_false(c.failed);
    bnt_cursor_u8(&c);
    assert_true(c.failed);
}

static bool varint(const char *bytes, size_t size, uint64_t *out)
{
    bnt_cursor c = bnt_cursor_on(bytes, size);
    *out = bnt_cursor_varint(&c);
    assert_true(c.failed || bnt_cursor_left(&c) == 0);
    return !c.failed;
}

static void varints_hold_64_bits_and_no_more(void **state)
{
    (void)state;
    uint64_t x;
    assert_true(varint("\x00", 1, &x) && x == 0);
    assert_true(varint("\xac\x02", 2, &x) && x == 300);
    assert_true(varint("\x80\x00", 2, &x) && x == 0); /* longer than needed is allowed */
    assert_true(varint("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10, &x) && x == UINT64_MAX);
    assert_false(varint("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10, &x));
    assert_int_equal(x, 0);
    assert_false(varint("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x81\x00", 11, &x));
    assert_false(varint("\x80\x80", 2, &x));
    assert_false(varint("", 0, &x));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_little_endian),
        cmocka_unit_test(reading_past_the_end_fails_and_stays_failed),
        cmocka_unit_test(varints_hold_64_bits_and_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
