/* JSON that nobody vouches for. */
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "support.h"

static json_t *parse(const char *text)
{
    json_t *value;
    bantam_error err;
    if (bnt_json_parse(&value, text, strlen(text), &err)) fail_msg("%s", err.message);
    return value;
}

static void refuse(const char *text, size_t size, const char *message)
{
    json_t *value = (json_t *)(uintptr_t)1;
    bantam_error err;
    assert_int_equal(bnt_json_parse(&value, text, size, &err), BANTAM_ERR_FORMAT);
    assert_null(value);
    if (!strstr(err.message, message)) fail_msg("\"%s\" lacks \"%s\"", err.message, message);
}

static void values_of_every_kind_are_read(void **state)
{
    (void)state;
    json_t *v = parse("{\"a\":[1,2.5,true,null,\"x\\u0000y\"]}");
    const bantam_text t = bnt_json_text(json_array_get(json_object_get(v, "a"), 4));
    assert_int_equal(t.size, 3);
    assert_memory_equal(t.data, "x\0y", 3);
    assert_null(bnt_json_text(v).data);
    assert_null(bnt_json_text(NULL).data);
    json_decref(v);
    json_decref(parse(" 3 ")); /* a value need not be an object */
}

static void errors_name_line_and_column(void **state)
{
    (void)state;
    refuse("{\"a\": 1,\n\"b\" 2}", 14, "json line 2 column 5: ");
    refuse("", 0, "json line 1");
    refuse("\xEF\xBB\xBF{}", 5, "byte order mark");
    refuse("{\"a\":1,\"a\":2}", 13, "duplicate");
    refuse("[1] x", 5, "json line 1");
    refuse("\"\xFF\"", 3, "json line 1");
    refuse("[1,]", 4, "json line 1");
    refuse("\"a", 2, "json line 1");
    refuse("\"a\\", 3, "json line 1");
}

static void depth_is_limited_outside_of_strings(void **state)
{
    (void)state;
    char text[20000];
    size_t n = 0;
    for (int i = 0; i < BNT_MAX_JSON_DEPTH; i++) {
        text[n++] = '[';
    }
    const size_t inner = n;
    n += (size_t)sprintf(text + n, "\"");
    for (int i = 0; i < 5000; i++) {
        n += (size_t)sprintf(text + n, i % 2 ? "[{" : "\\\"");
    }
    n += (size_t)sprintf(text + n, "\\\\\"");
    for (int i = 0; i < BNT_MAX_JSON_DEPTH; i++) {
        text[n++] = ']';
    }
    text[n] = '\0';
    json_decref(parse(text));

    text[inner] = '['; /* the bracket one too deep */
    refuse(text, n, "json line 1 column 65: nested deeper than 64");
    memset(text, '[', sizeof text);
    text[10] = '\n';
    refuse(text, sizeof text, "json line 2 column 55: nested deeper than 64");
}

/* Cut anywhere, a text is refused or, where nothing is lost but spaces, read. */
static void a_text_cut_at_every_byte_is_refused(void **state)
{
    (void)state;
    static const char text[] =
        "{\"k\\u00e9y\": [1, -2.5e3, {\"x\": \"\xC3\xA9\\n\"}, [true, null]]}";
    for (size_t size = 0; size < sizeof text - 1; size++) {
        char *exact = malloc(size ? size : 1); /* so that the sanitizer sees reads past it */
        memcpy(exact, text, size);
        refuse(exact, size, "json line 1");
        free(exact);
    }
    json_decref(parse(text));
}

static void strings_are_written_escaped(void **state)
{
    (void)state;
    static const char in[] =
        "a\"\\\n\r\t\b\f\x01\x1F\x7F\xC2\x9B\xC3\xA9\xF0\x9F\x98\x80\xE2\x82!\xFF\0z";
    static const char out[] = "\"a\\\"\\\\\\n\\r\\t\\b\\f\\u0001\\u001f\\u007f\\u009b\xC3\xA9"
                              "\xF0\x9F\x98\x80\xEF\xBF\xBD!\xEF\xBF\xBD\\u0000z\"";
    bnt_buf buf;
    bnt_buf_init(&buf, 1000);
    bnt_json_put_string(&buf, in, sizeof in - 1);
    bnt_buf_putc(&buf, '\0');
    assert_string_equal(buf.data, out);
    json_decref(parse(out));
    bnt_buf_clear(&buf);
    bnt_json_put_string(&buf, NULL, 0);
    assert_memory_equal(buf.data, "\"\"", 2);
    bnt_buf_deinit(&buf);
}

static void members_are_checked_for_type_and_range(void **state)
{
    (void)state;
    json_t *v = parse("{\"u\":4294967295,\"over\":4294967296,\"neg\":-1,\"whole\":32.0,"
                      "\"part\":1.5,\"s\":\"1\",\"n\":null,\"t\":true,\"f\":false,\"r\":-2.5}");
    uint32_t u = 77;
    double d = 7.5;
    bool b = true;
    bantam_error err;
    assert_int_equal(bnt_json_u32(v, "u", &u, &err), BANTAM_OK);
    assert_true(u == UINT32_MAX);
    assert_int_equal(bnt_json_u32(v, "whole", &u, &err), BANTAM_OK);
    assert_int_equal(u, 32);
    static const char *const bad[] = {"over", "neg", "part", "s", "t", "r"};
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(bnt_json_u32(v, bad[i], &u, &err), BANTAM_ERR_FORMAT);
        assert_ptr_equal(strstr(err.message, bad[i]), err.message);
    }
    assert_int_equal(bnt_json_u32(v, "absent", &u, &err), BANTAM_OK);
    assert_int_equal(bnt_json_u32(v, "n", &u, &err), BANTAM_OK);
    assert_int_equal(u, 32); /* as it was */

    assert_int_equal(bnt_json_f64(v, "n", &d, &err), BANTAM_OK);
    assert_true(d == 7.5);
    assert_int_equal(bnt_json_f64(v, "r", &d, &err), BANTAM_OK);
    assert_true(d == -2.5);
    assert_int_equal(bnt_json_f64(v, "neg", &d, &err), BANTAM_OK);
    assert_true(d == -1);
    assert_int_equal(bnt_json_f64(v, "s", &d, &err), BANTAM_ERR_FORMAT);

    assert_int_equal(bnt_json_bool(v, "f", &b, &err), BANTAM_OK);
    assert_false(b);
    assert_int_equal(bnt_json_bool(v, "t", &b, &err), BANTAM_OK);
    assert_true(b);
    assert_int_equal(bnt_json_bool(v, "u", &b, &err), BANTAM_ERR_FORMAT);
    json_decref(v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_of_every_kind_are_read),
        cmocka_unit_test(errors_name_line_and_column),
        cmocka_unit_test(depth_is_limited_outside_of_strings),
        cmocka_unit_test(a_text_cut_at_every_byte_is_refused),
        cmocka_unit_test(strings_are_written_escaped),
        cmocka_unit_test(members_are_checked_for_type_and_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
