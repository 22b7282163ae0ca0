/* template_cases.h - templates with what they must render to, for the tests of the interpreter.
 *
 * The expectations follow from the documentation of Jinja and of Python's str, list and dict,
 * and were checked with Python's jinja2 in the settings that Hugging Face uses.
 */
#ifndef BNT_TESTS_TEMPLATE_CASES_H
#define BNT_TESTS_TEMPLATE_CASES_H
#include "support.h"

#include "template/template.h"

/* 5 March 2024, a Tuesday, 07:08:09 UTC. */
#define CASE_NOW 1709622489

typedef struct template_case {
    const char *source;
    const char *expected; /* text, or a part of the message */
} template_case;

/* Variables of all cases. */
static const char case_variables[] =
    "{\"s\": \"Hello World\", \"u\": \"\\u00fcn\\u00ef \\u65e5\\u672c \\u00df\", \"n\": 3,"
    " \"f\": 2.5, \"yes\": true, \"nothing\": null, \"l\": [3, 1, 2], \"ls\": [\"b\", \"A\", "
    "\"c\"],"
    " \"d\": {\"a\": 1, \"b\": [1, 2], \"items\": 5, \"_x\": 7},"
    " \"rows\": [{\"n\": \"x\", \"v\": 2}, {\"n\": \"Y\", \"v\": 1}, {\"n\": \"a\"}],"
    " \"nest\": {\"a\": {\"b\": {\"c\": [10, 20]}}}, \"big\": 4611686018427387904,"
    " \"ws\": \"  \\t a b \\n \", \"ml\": \"a\\nb\\r\\nc\\n\\nd\","
    " \"html\": \"<a href=\\\"x\\\">'&'</a>\"}";

static inline bantam_status case_render(const char *source, size_t size,
                                        const json_t *variables,
                                        const bnt_template_limits *limits, bnt_buf *out,
                                        bantam_error *err)
{
    bnt_template *t = NULL;
    bantam_status status = bnt_template_parse(&t, source, size, err);

    if (status) {
        assert_null(t);
        return status;
    }
    status = bnt_template_render(t, variables, limits, out, err);
    bnt_template_close(t);
    return status;
}

static inline json_t *case_json(const char *text)
{
    json_t *value = NULL;
    bantam_error err = {0};
    if (bnt_json_parse(&value, text, strlen(text), &err)) fail_msg("%s", err.message);
    return value;
}

/* Every source renders to what is expected. */
static inline void check_texts(const template_case *cases, size_t n)
{
    const bnt_template_limits limits = {.now = CASE_NOW};
    json_t *const variables = case_json(case_variables);
    size_t n_wrong = 0;

    for (size_t i = 0; i < n; i++) {
        bantam_error err = {0};
        bnt_buf out;
        bnt_buf_init(&out, 1 << 20);
        const bantam_status status = case_render(cases[i].source, strlen(cases[i].source),
                                                 variables, &limits, &out, &err);
        const size_t size = strlen(cases[i].expected);
        const bool right = !status && out.size == size &&
                           (!size || !memcmp(out.data, cases[i].expected, size));
        if (!right) {
            n_wrong++;
            print_error("%s\n  expected %s\n  found    %.*s%s\n", cases[i].source,
                        cases[i].expected, (int)out.size, out.data ? out.data : "",
                        err.message);
        }
        bnt_buf_deinit(&out);
    }
    json_decref(variables);
    assert_int_equal(n_wrong, 0);
}

/* Every source fails with this status, and a message that holds what is expected. */
static inline void check_failures(const template_case *cases, size_t n, bantam_status wanted)
{
    json_t *const variables = case_json(case_variables);
    size_t n_wrong = 0;

    for (size_t i = 0; i < n; i++) {
        bantam_error err = {0};
        bnt_buf out;
        bnt_buf_init(&out, 1 << 20);
        bnt_buf_puts(&out, "before");
        const bantam_status status =
            case_render(cases[i].source, strlen(cases[i].source), variables, NULL, &out, &err);
        /* What was in the output is still there, and nothing else. */
        const bool kept = out.size == 6 && !memcmp(out.data, "before", 6);
        if (status != wanted || !kept || !strstr(err.message, cases[i].expected)) {
            n_wrong++;
            print_error("%s\n  expected %d %s\n  found    %d %s\n", cases[i].source, wanted,
                        cases[i].expected, status, err.message);
        }
        bnt_buf_deinit(&out);
    }
    json_decref(variables);
    assert_int_equal(n_wrong, 0);
}

#define CHECK_TEXTS(cases) check_texts(cases, sizeof(cases) / sizeof *(cases))
#define CHECK_FAILURES(cases, status)                                                          \
    check_failures(cases, sizeof(cases) / sizeof *(cases), status)

#endif
