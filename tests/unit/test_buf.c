/* Bytes that grow up to a maximum. */
#include "base/buf.h"
#include "base/mem.h"
#include "support.h"

static void appends_arrive_in_order(void **state)
{
    (void)state;
    bnt_buf buf;
    char expected[6000] = "";
    bnt_buf_init(&buf, SIZE_MAX);
    for (int i = 0; i < 500; i++) {
        bnt_buf_putc(&buf, '<');
        bnt_buf_puts(&buf, "n=");
        bnt_buf_printf(&buf, "%d%s", i, ">");
        sprintf(expected + strlen(expected), "<n=%d>", i);
    }
    bnt_buf_put(&buf, NULL, 0);
    assert_int_equal(bnt_buf_status(&buf, "x", NULL), BANTAM_OK);
    assert_int_equal(buf.size, strlen(expected));
    assert_memory_equal(buf.data, expected, buf.size);
    bnt_buf_deinit(&buf);
    assert_null(buf.data);
}

static void the_maximum_is_exact_and_failure_sticks(void **state)
{
    (void)state;
    bnt_buf buf;
    bantam_error err;
    bnt_buf_init(&buf, 10);
    bnt_buf_puts(&buf, "12345678");
    bnt_buf_printf(&buf, "%d", 90);
    assert_int_equal(buf.failed, BANTAM_OK);
    assert_memory_equal(buf.data, "1234567890", 10);
    bnt_buf_putc(&buf, 'x');
    assert_int_equal(buf.failed, BANTAM_ERR_FULL);
    assert_int_equal(buf.size, 10);
    assert_int_equal(bnt_buf_status(&buf, "key", &err), BANTAM_ERR_FULL);
    assert_string_equal(err.message, "key: longer than 10 bytes");

    bnt_buf_clear(&buf);
    bnt_buf_put(&buf, "12345678901", 11); /* nothing of what does not fit whole */
    assert_int_equal(buf.size, 0);
    bnt_buf_putc(&buf, 'x');
    assert_null(bnt_buf_extend(&buf, 1));
    assert_int_equal(buf.size, 0);
    bnt_buf_clear(&buf);
    bnt_buf_putc(&buf, 'x');
    assert_int_equal(buf.size, 1);
    bnt_buf_deinit(&buf);
    assert_int_equal(buf.max, 10);
}

static void long_formats_are_whole(void **state)
{
    (void)state;
    bnt_buf buf;
    for (int n = 250; n < 260; n++) { /* around the size of the small buffer */
        bnt_buf_init(&buf, (size_t)n);
        bnt_buf_printf(&buf, "%*s", n, "end");
        assert_int_equal(buf.failed, BANTAM_OK);
        assert_int_equal(buf.size, n);
        assert_memory_equal(buf.data + n - 3, "end", 3);
        bnt_buf_deinit(&buf);
    }
}

static void extend_gives_room_that_counts(void **state)
{
    (void)state;
    bnt_buf buf;
    bnt_buf_init(&buf, 1000);
    assert_non_null(bnt_buf_extend(&buf, 0));
    memset(bnt_buf_extend(&buf, 700), 'a', 700);
    memset(bnt_buf_extend(&buf, 300), 'b', 300);
    assert_int_equal(buf.size, 1000);
    assert_int_equal(buf.data[699], 'a');
    assert_int_equal(buf.data[700], 'b');
    bnt_buf_deinit(&buf);
}

static void memory_running_out_is_told(void **state)
{
    (void)state;
    bnt_buf buf;
    bantam_error err;
    bnt_buf_init(&buf, SIZE_MAX);
    bnt_buf_puts(&buf, "kept");
    bnt_mem_fail_after(0);
    bnt_buf_printf(&buf, "%200d", 1);
    bnt_mem_fail_after(UINT64_MAX);
    bnt_buf_puts(&buf, "not appended");
    assert_int_equal(bnt_buf_status(&buf, "text", &err), BANTAM_ERR_NOMEM);
    assert_string_equal(err.message, "text: out of memory");
    assert_int_equal(buf.size, 4);
    assert_memory_equal(buf.data, "kept", 4);
    bnt_buf_deinit(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appends_arrive_in_order),
        cmocka_unit_test(the_maximum_is_exact_and_failure_sticks),
        cmocka_unit_test(long_formats_are_whole),
        cmocka_unit_test(extend_gives_room_that_counts),
        cmocka_unit_test(memory_running_out_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
