/* test_plain.c - HTML and Markdown as the text that a reader sees. */
#include "task/plain.h"

#include "base/utf8.h"
#include "support.h"

static void check(bantam_text_format format, const char *text, const char *expected)
{
    bnt_buf out;

    bnt_buf_init(&out, 1 << 20);
    bnt_put_plain(&out, (bantam_text){text, strlen(text)}, format);
    bnt_buf_putc(&out, '\0');
    assert_int_equal(out.failed, BANTAM_OK);
    assert_string_equal(out.data, expected);
    bnt_buf_deinit(&out);
}

static void html_is_read_as_a_reader_sees_it(void **state)
{
    const bantam_text_format html = BANTAM_TEXT_HTML;

    (void)state;
    check(html, "<p>One <b>two</b>.</p><p>Three.</p>", "One two.\n\nThree.\n\n");
    check(html, "<title>T</title><style>p{}</style><script>a<b>c</script>x", "x");
    check(html, "a<br>b<!-- no > no -->c", "a\nbc");
    check(html, "<table><tr><td>1<td>2</tr><tr><td>3</td></tr></table>", "1 2\n3\n\n");
    check(html, "&lt;a&gt; &amp;&nbsp;&#8212;&#x41; &nosuch; &",
          "<a> & \xE2\x80\x94"
          "A &nosuch; &");
    check(html, "1 < 2 and a<b", "1 < 2 and a");
    check(html, "<a title=\"x > y\" href='z'>link</a>", "link");
    check(html, "<pre>code</pre><svg><text>no</text></svg>yes", "yes");
    check(html, "&#0;&#xD800;&#99999999;", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
}

static void markdown_is_read_as_a_reader_sees_it(void **state)
{
    const bantam_text_format md = BANTAM_TEXT_MARKDOWN;

    (void)state;
    check(md, "# Title\nText *is* **here**.\n", "Title\n\nText is here.\n");
    check(md, "- one\n- two\n\n3. three", "one\n\ntwo\n\nthree\n");
    check(md, "a [link](http://x.y/(z)) and ![image](i.png) and [ref][r].\n\n[r]: http://x",
          "a link and image and ref.\n\n");
    check(md, "```c\nint x;\n```\nafter `code` here", "after code here\n");
    check(md, "> quoted\n\n---\n\nTitle\n=====\n", "quoted\n\nTitle\n\n");
    check(md, "| a | b |\n|---|---|\n| 1 | 2 |", "a b\n1 2\n");
    check(md, "---\ntitle: x\n---\nText", "Text\n");
    check(md, "snake_case and 2 * 3 and \\*stars\\* and note[^1].",
          "snake_case and 2 * 3 and *stars* and note.\n");
    check(md, "<b>bold</b> &amp; more", "bold & more\n");
}

static void plain_text_stays_as_it_is(void **state)
{
    (void)state;
    check(BANTAM_TEXT_PLAIN, "\xEF\xBB\xBF<b> *x* &amp;\n", "<b> *x* &amp;\n");
    check(BANTAM_TEXT_PLAIN, "a\xFFz", "a\xEF\xBF\xBDz");
}

static bantam_text_format of(const char *name, const char *text)
{
    return bnt_text_format((bantam_text){name, strlen(name)},
                           (bantam_text){text, strlen(text)});
}

static void formats_are_told_by_name_and_beginning(void **state)
{
    (void)state;
    assert_int_equal(of("a.HTML", ""), BANTAM_TEXT_HTML);
    assert_int_equal(of("b/README.md", "x"), BANTAM_TEXT_MARKDOWN);
    assert_int_equal(of("-", "\n <!DOCTYPE html><p>"), BANTAM_TEXT_HTML);
    assert_int_equal(of("-", "a <html>"), BANTAM_TEXT_PLAIN);
    assert_int_equal(of("notes.txt", "# x"), BANTAM_TEXT_PLAIN);
}

static const char sample[] = "---\na: b\n---\n# T\n\n<!-- c --><p title=\"q\">A &amp; B &#233; "
                             "<script>x</script> [l](u) "
                             "![i](j) **b** `c`\n\n```\ncode\n```\n| a | b |\n|--|--|\n> q\n- "
                             "i\n[r]: x\n<![CDATA[ z ]]>";

static void a_text_cut_anywhere_is_read(void **state)
{
    (void)state;
    for (size_t n = 0; n < sizeof sample; n++) {
        for (unsigned f = BANTAM_TEXT_PLAIN; f <= BANTAM_TEXT_MARKDOWN; f++) {
            char *const exact = malloc(n + 1); /* so that a sanitizer sees the end */
            bnt_buf out;
            assert_non_null(exact);
            memcpy(exact, sample, n);
            bnt_buf_init(&out, 1 << 20);
            bnt_put_plain(&out, (bantam_text){n ? exact : NULL, n}, (bantam_text_format)f);
            assert_int_equal(out.failed, BANTAM_OK);
            assert_true(bnt_utf8_valid(out.data, out.size));
            bnt_buf_deinit(&out);
            free(exact);
        }
    }
}

/* Work is linear: what a text of such bytes costs is bounded by its size, nests it or not. */
static void hostile_texts_cost_no_more_than_others(void **state)
{
    static const char *const units[] = {"<",    "<a",   "<!--", "[",  "[](", "*",  "a*", "&#",
                                        "<svg", "```",  "|",    "![", "\\",  "`",  "_a", "\"",
                                        "<p>",  "</p>", "[[]]", "[^", "> ",  "- ", "~",  "]("};
    enum { SIZE = 40000 };
    static char text[SIZE];

    (void)state;
    for (size_t u = 0; u < sizeof units / sizeof units[0]; u++) {
        for (size_t i = 0; i < SIZE; i++) {
            text[i] = units[u][i % strlen(units[u])];
        }
        for (unsigned f = BANTAM_TEXT_HTML; f <= BANTAM_TEXT_MARKDOWN; f++) {
            bnt_buf out;
            bnt_buf_init(&out, 1 << 20);
            bnt_put_plain(&out, (bantam_text){text, SIZE}, (bantam_text_format)f);
            assert_int_equal(out.failed, BANTAM_OK);
            assert_true(out.size <= 3 * (size_t)SIZE);
            bnt_buf_deinit(&out);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(html_is_read_as_a_reader_sees_it),
        cmocka_unit_test(markdown_is_read_as_a_reader_sees_it),
        cmocka_unit_test(plain_text_stays_as_it_is),
        cmocka_unit_test(formats_are_told_by_name_and_beginning),
        cmocka_unit_test(a_text_cut_anywhere_is_read),
        cmocka_unit_test(hostile_texts_cost_no_more_than_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
