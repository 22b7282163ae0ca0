/* test_calls.c - answers that are wrong in one place: what is lost there, and what is not; and
 * how long hostile ones take. */
#include "base/mem.h"
#include "call_rig.h"
#include "cpu_time.h"

typedef struct wrong {
    bantam_call_syntax syntax;
    const char *text, *calls, *rest;
    const char *reason; /* a part of the first; NULL: nothing is wrong */
} wrong;

static const wrong answers[] = {
    /* Ministral 3: another mark is another call, but in a string it is the string's. */
    {BANTAM_CALLS_MISTRAL_V13, "[TOOL_CALLS]what[TOOL_CALLS]g[ARGS]{}",
     "[{\"name\":\"g\",\"arguments\":{}}]", "[TOOL_CALLS]what", "no name with [ARGS]"},
    {BANTAM_CALLS_MISTRAL_V13, "[TOOL_CALLS][TOOL_CALLS]g[ARGS]{}",
     "[{\"name\":\"g\",\"arguments\":{}}]", "[TOOL_CALLS]", "another call begins"},
    {BANTAM_CALLS_MISTRAL_V13, "[TOOL_CALLS]f[ARGS][TOOL_CALLS]g[ARGS]{}",
     "[{\"name\":\"g\",\"arguments\":{}}]", "[TOOL_CALLS]f[ARGS]", "expected a call"},
    {BANTAM_CALLS_MISTRAL_V13, "[TOOL_CALLS]f[ARGS]{\"a\": [TOOL_CALLS]g[ARGS]{}",
     "[{\"name\":\"g\",\"arguments\":{}}]",
     "[TOOL_CALLS]f[ARGS]{\"a\": ", "another call begins"},
    {BANTAM_CALLS_MISTRAL_V13, "[TOOL_CALLS]f[ARGS]{\"a\": \"[TOOL_CALLS]g[ARGS]{}", "[]",
     "[TOOL_CALLS]f[ARGS]{\"a\": \"[TOOL_CALLS]g[ARGS]{}", "ends inside"},
    {BANTAM_CALLS_MISTRAL_V13, "[TOOL_CALLS]f[ARGS]{\"a\": \"\\\"[TOOL_CALLS]g[ARGS]{}\"}",
     "[{\"name\":\"f\",\"arguments\":{\"a\":\"\\\"[TOOL_CALLS]g[ARGS]{}\"}}]", "", NULL},
    {BANTAM_CALLS_MISTRAL_V13, "[TOOL_CALLS]f[ARGS][1]", "[]", "[TOOL_CALLS]f[ARGS][1]",
     "expected a call"},
    {BANTAM_CALLS_MISTRAL_V13, "[TOOL_CALLS][ARGS]{}", "[]", "[TOOL_CALLS][ARGS]{}",
     "expected"},
    {BANTAM_CALLS_MISTRAL_V13, "[TOOL_CALLS] f [ARGS] {\"a\": 1}",
     "[{\"name\":\"f\",\"arguments\":{\"a\":1}}]", "", NULL},
    {BANTAM_CALLS_MISTRAL_V13, "[TOOL_CALLS]f{\"a\": 1}[TOOL_CALLS]g[ARGS",
     "[{\"name\":\"f\",\"arguments\":{\"a\":1}}]", "[TOOL_CALLS]g[ARGS", "no name with [ARGS]"},
    {BANTAM_CALLS_MISTRAL_V13, "[TOOL_CALLS]f[CALL_ID]a[CALL_ID]b[ARGS]{}", "[]",
     "[TOOL_CALLS]f[CALL_ID]a[CALL_ID]b[ARGS]{}", "no name with [ARGS]"},
    {BANTAM_CALLS_MISTRAL_V3, "[TOOL_CALLS][{\"name\": \"f\", [TOOL_CALLS][{\"name\": \"g\"}]",
     "[{\"name\":\"g\",\"arguments\":{}}]", "[TOOL_CALLS][{\"name\": \"f\", ",
     "another call begins"},
    /* SmolLM2: </tool_call> in a string ends nothing, outside one it ends what is open. */
    {BANTAM_CALLS_SMOLLM2,
     "<tool_call>[{\"name\": \"f\", \"arguments\": {\"a\": \"x</tool_call>y\"}}]</tool_call>.",
     "[{\"name\":\"f\",\"arguments\":{\"a\":\"x</tool_call>y\"}}]", ".", NULL},
    {BANTAM_CALLS_SMOLLM2, "<tool_call>[{\"name\": \"f\"}</tool_call>.", "[]",
     "<tool_call>[{\"name\": \"f\"}</tool_call>.", "line"},
    {BANTAM_CALLS_SMOLLM2, "<tool_call>don't</tool_call>.", "[]",
     "<tool_call>don't</tool_call>.", "line"},
    {BANTAM_CALLS_SMOLLM2,
     "<tool_call>[{\"name\": \"f\"}]\n<tool_call>[{\"name\": \"g\"}]</tool_call>",
     "[{\"name\":\"f\",\"arguments\":{}},{\"name\":\"g\",\"arguments\":{}}]", "", NULL},
    {BANTAM_CALLS_SMOLLM2, "<tool_call>[{<tool_call>[{\"name\": \"g\"}]</tool_call>",
     "[{\"name\":\"g\",\"arguments\":{}}]", "<tool_call>[{", "line"},
    /* DroidCall: behind the dollar sign that ends the calls is text. */
    {BANTAM_CALLS_DROIDCALL, "$result0 = dial(phone_number=\"1\")$ It costs $5.",
     "[{\"name\":\"dial\",\"arguments\":{\"phone_number\":\"1\"},\"id\":\"result0\"}]",
     " It costs $5.", NULL},
    {BANTAM_CALLS_DROIDCALL, "$result0 = f(n=1)\nresult1 = g(a=\"$5)$\")\n$;\nDone$",
     "[{\"name\":\"f\",\"arguments\":{\"n\":1},\"id\":\"result0\"},{\"name\":\"g\","
     "\"arguments\":{\"a\":\"$5)$\"},\"id\":\"result1\"}]",
     ";\nDone$", NULL},
    {BANTAM_CALLS_DROIDCALL, "result0 = f()$\377",
     "[{\"name\":\"f\",\"arguments\":{},\"id\":\"result0\"}]", "\377", NULL},
    {BANTAM_CALLS_DROIDCALL, "$result0 = f(a=\"\377\")$", "[]", "$result0 = f(a=\"\377\")$",
     "UTF-8"},
    {BANTAM_CALLS_DROIDCALL, "$result0 = f(1)$ and so on", "[]", "$result0 = f(1)$ and so on",
     "expected = after"},
    /* Python's words: what would have to be computed is none. */
    {BANTAM_CALLS_PYTHONIC, "[f(\"Oslo\")]", "[]", "[f(\"Oslo\")]", "name of an argument"},
    {BANTAM_CALLS_PYTHONIC, "[f(*a, **b)]", "[]", "[f(*a, **b)]", "name of an argument"},
    {BANTAM_CALLS_PYTHONIC, "[f(a=g(x=1))]", "[]", "[f(a=g(x=1))]", "a call inside a call"},
    {BANTAM_CALLS_PYTHONIC, "[f(a=[g()])]", "[]", "[f(a=[g()])]", "a call inside a call"},
    {BANTAM_CALLS_PYTHONIC, "[f(a=f\"{x}\")]", "[]", "[f(a=f\"{x}\")]", "string with a prefix"},
    {BANTAM_CALLS_PYTHONIC, "[f(a=r'\\d')]", "[]", "[f(a=r'\\d')]", "string with a prefix"},
    {BANTAM_CALLS_PYTHONIC, "[f(a=x)]", "[]", "[f(a=x)]", "not a name"},
    {BANTAM_CALLS_PYTHONIC, "[f(a=\"x\" \"y\")]", "[]", "[f(a=\"x\" \"y\")]",
     "expected , or )"},
    {BANTAM_CALLS_PYTHONIC, "[f(a=1+2)]", "[]", "[f(a=1+2)]", "line"},
    {BANTAM_CALLS_PYTHONIC, "[f(a=0x1F)]", "[]", "[f(a=0x1F)]", "line"},
    {BANTAM_CALLS_PYTHONIC, "[f(a=.)]", "[]", "[f(a=.)]", "expected a number"},
    {BANTAM_CALLS_PYTHONIC, "[f(a=1__0)]", "[]", "[f(a=1__0)]", "line"},
    {BANTAM_CALLS_PYTHONIC, "[f(a={1, 2})]", "[]", "[f(a={1, 2})]", "line"},
    {BANTAM_CALLS_PYTHONIC, "[f(a=(1))]", "[]", "[f(a=(1))]", "expected a tuple"},
    {BANTAM_CALLS_PYTHONIC, "[f(a=(1,), b=(), c=((1, 2), [3]))]",
     "[{\"name\":\"f\",\"arguments\":{\"a\":[1],\"b\":[],\"c\":[[1,2],[3]]}}]", "", NULL},
    {BANTAM_CALLS_PYTHONIC, "[f(a={'k': 1, 'k': 2})]", "[]", "[f(a={'k': 1, 'k': 2})]",
     "duplicate"},
    {BANTAM_CALLS_PYTHONIC, "[f(a=\"[g()]\"), g(b=')]')]",
     "[{\"name\":\"f\",\"arguments\":{\"a\":\"[g()]\"}},{\"name\":\"g\",\"arguments\":{\"b\":"
     "\")]\"}}]",
     "", NULL},
    {BANTAM_CALLS_PYTHONIC, "[f(a=\"x)]", "[]", "[f(a=\"x)]", "ends inside"},
    {BANTAM_CALLS_PYTHONIC, "[f(a=\"\303\")]", "[]", "[f(a=\"\303\")]", "UTF-8"},
    {BANTAM_CALLS_PYTHONIC, "[f(a='\\ud800')]", "[]", "[f(a='\\ud800')]", "no character"},
    /* Llama 3's JSON. */
    {BANTAM_CALLS_LLAMA3, "{\"name\": \"f\", \"parameters\": {\"a\": \"\377\"}}", "[]",
     "{\"name\": \"f\", \"parameters\": {\"a\": \"\377\"}}", "UTF-8"},
    {BANTAM_CALLS_LLAMA3, "{\"name\": \"f\", \"parameters\": {\"a\": 1, \"a\": 2}}", "[]",
     "{\"name\": \"f\", \"parameters\": {\"a\": 1, \"a\": 2}}", "duplicate"},
    {BANTAM_CALLS_LLAMA3, "{\"name\": \"f\", \"parameters\": {\"a\": 1e999}}", "[]",
     "{\"name\": \"f\", \"parameters\": {\"a\": 1e999}}", "line"},
    {BANTAM_CALLS_LLAMA3,
     "<|python_tag|>{\"name\": \"f\", \"parameters\": {\"a\": \"<|python_tag|>\"}}",
     "[{\"name\":\"f\",\"arguments\":{\"a\":\"<|python_tag|>\"}}]", "", NULL},
};
enum { N_ANSWERS = sizeof answers / sizeof *answers };

static void check_answer(const wrong *a, size_t first, bnt_rng *rng)
{
    /* All of it, byte by byte, and then any pieces. */
    const found f = read_pieces(a->syntax, text_of(a->text), first, rng);
    char *const calls = json_dumps(f.calls, JSON_COMPACT);

    assert_string_equal(calls, a->calls);
    assert_string_equal(f.text, a->rest);
    if (!a->reason != !f.n_malformed) fail_msg("%s: %s", a->text, f.reasons);
    if (a->reason && !strstr(f.reasons, a->reason)) fail_msg("%s: %s", a->text, f.reasons);
    free(calls);
    json_decref(f.calls);
}

static void what_is_wrong_in_one_place_is_text_with_a_reason(void **state)
{
    bnt_rng rng;
    (void)state;

    bnt_rng_seed(&rng, 6);
    for (size_t i = 0; i < N_ANSWERS; i++) {
        check_answer(&answers[i], 4000, NULL);
        for (size_t cut = 1; cut < strlen(answers[i].text); cut++) {
            check_answer(&answers[i], cut, NULL);
        }
        for (size_t k = 0; k < 20; k++)
            check_answer(&answers[i], 9, &rng);
    }
}

/* Brackets inside each other to a limit, and numbers of any length. */
static void deep_values_and_long_numbers_are_calls_or_text(void **state)
{
    static const struct {
        bantam_call_syntax syntax;
        const char *begin, *end;
        char open, close; /* n of each between; no close: all are open's */
        size_t n;
        bool call;
    } cases[] = {
        {BANTAM_CALLS_PYTHONIC, "[f(a=", ")]", '[', ']', 32, true},
        {BANTAM_CALLS_PYTHONIC, "[f(a=", ")]", '[', ']', 33, false},
        {BANTAM_CALLS_PYTHONIC, "[f(a=", ")]", '[', ']', 1500, false},
        {BANTAM_CALLS_LLAMA3, "{\"name\":\"f\",\"parameters\":{\"a\":", "}}", '[', ']', 1500,
         false},
        {BANTAM_CALLS_PYTHONIC, "[f(a=", ")]", '9', '\0', 300, true},
        {BANTAM_CALLS_PYTHONIC, "[f(a=", ")]", '9', '\0', 400, false},
        {BANTAM_CALLS_PYTHONIC, "[f(a=", ")]", '9', '\0', 3500, false},
        {BANTAM_CALLS_LLAMA3, "{\"name\":\"f\",\"parameters\":{\"a\":-", "}}", '1', '\0', 3500,
         false},
    };
    (void)state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[4096];
        size_t at = strlen(cases[i].begin);
        memcpy(text, cases[i].begin, at);
        memset(text + at, cases[i].open, cases[i].n);
        at += cases[i].n;
        memset(text + at, cases[i].close, cases[i].close ? cases[i].n : 0);
        at += cases[i].close ? cases[i].n : 0;
        memcpy(text + at, cases[i].end, strlen(cases[i].end));
        at += strlen(cases[i].end);
        for (size_t most = 1; most <= at; most += at - 1) {
            const found f = read_pieces(cases[i].syntax, (bantam_text){text, at}, most, NULL);
            assert_int_equal(json_array_size(f.calls), cases[i].call ? 1 : 0);
            assert_int_equal(f.n_malformed, cases[i].call ? 0 : 1);
            json_decref(f.calls);
        }
    }
}

/* Fills text with a pattern behind its beginning. */
static void fill(char *text, size_t n, const char *begin, const char *pattern)
{
    const size_t n_begin = strlen(begin), period = strlen(pattern);

    memcpy(text, begin, n_begin);
    for (size_t i = n_begin; i < n; i++)
        text[i] = pattern[(i - n_begin) % period];
}

/* Where each byte is looked at once this takes hundredths of a second; where all bytes before
 * it are looked at again, minutes. The bound is far from both. */
static void a_megabyte_in_single_bytes_takes_time_by_its_length(void **state)
{
    static const struct {
        const char *begin, *pattern;
    } cases[] = {
        {"", " "},
        {"[", " "},
        {"[f(a=", "\" \\"},
        {"[f(a=\"", "x"},
        {"{", "\"name\" "},
        {"{}", "{}"},
        {"", "{\"name\":\"f\"}"},
        {"<tool_call>", "</tool_call"},
        {"<tool_call>[", "<"},
        {"", "<tool_call></tool_call>"},
        {"", "[TOOL_CALLS]"},
        {"", "[TOOL_CALLS]f[ARGS]{}"},
        {"[TOOL_CALLS]f[ARGS]{\"a\":\"", "[TOOL_CALLS]"},
        {"[TOOL_CALLS]", "f[CALL_ID"},
        {"$result0 = f(a=\"", "\", "},
        {"$result0 = f(a=\"", "\"   "},
        {"$", "result0 = f()\n"},
    };
    const size_t n = getenv("BANTAM_EMULATOR") ? 1 << 14 : 1 << 20;
    char *const text = malloc(n);
    (void)state;

    assert_non_null(text);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fill(text, n, cases[i].begin, cases[i].pattern);
        const bantam_call_syntax syntax =
            cases[i].begin[0] == '$' ? BANTAM_CALLS_DROIDCALL : BANTAM_CALLS_ANY;
        const double start = cpu_seconds();
        const found f = read_pieces(syntax, (bantam_text){text, n}, 1, NULL);
        const double took = cpu_seconds() - start;
        if (took > 5.0 * cpu_time_factor())
            fail_msg("%s %s: %.1f s", cases[i].begin, cases[i].pattern, took);
        if (getenv("CALLS_TIMES"))
            printf("%5.2f s  %s %s\n", took, cases[i].begin, cases[i].pattern);
        json_decref(f.calls);
    }
    free(text);
}

/* Takes no memory of its own. */
static bool count(void *user, const bantam_call_event *event)
{
    found *const f = user;
    f->n_malformed += event->kind == BANTAM_CALL_MALFORMED;
    f->n_text += event->kind == BANTAM_CALL_FOUND;
    return true;
}

static void no_allocation_that_fails_changes_what_is_a_call(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ANSWERS; i += getenv("BANTAM_EMULATOR") ? 7 : 1) {
        const wrong *const a = &answers[i];
        bool done = false;
        for (uint64_t n = 0; !done; n++) {
            bantam_call_reader *reader = NULL;
            bantam_error err = {0};
            found f = {0};
            bnt_mem_fail_after(n);
            bantam_status status = bantam_call_reader_open(&reader, a->syntax, &err);
            if (!status) {
                status = bantam_call_reader_feed(reader, text_of(a->text), count, &f, &err);
            }
            if (!status) status = bantam_call_reader_end(reader, count, &f, &err);
            bnt_mem_fail_after(UINT64_MAX);
            bantam_call_reader_close(reader);
            if (status) assert_int_equal(status, BANTAM_ERR_NOMEM);
            if (f.n_malformed) assert_non_null(a->reason);
            done = !status;
            if (done) assert_int_equal(f.n_text > 0, strcmp(a->calls, "[]") != 0);
        }
    }
}

/* OpenAI's interface has arguments as a text; templates of Llama 3 and Mistral want an object.
 */
static void arguments_that_are_text_become_objects(void **state)
{
    static const struct {
        const char *given, *told;
    } cases[] = {
        {"\"{\\\"a\\\": [1, \\\"x\\\"]}\"", "{\"a\":[1,\"x\"]}"},
        {"{\"a\": 1}", "{\"a\":1}"},
        {"\"\"", "\"\""},
        {"\"[1]\"", "\"[1]\""},
        {"\"{\\\"a\\\": \"", "\"{\\\"a\\\": \""},
    };
    (void)state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (int wrapped = 0; wrapped < 2; wrapped++) {
            char messages[512], text[512], expected[512];
            size_t size = 0;
            const char *const call =
                wrapped ? "[{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"i\",\"function\":"
                          "{\"name\":\"f\",\"arguments\":%s}}]}]"
                        : "[{\"role\":\"assistant\",\"tool_calls\":[{\"name\":\"f\","
                          "\"arguments\":%s}]}]";
            const char *const at = strstr(call, "%s");
            const int n = (int)(at - call);
            snprintf(messages, sizeof messages, "%.*s%s%s", n, call, cases[i].given, at + 2);
            snprintf(expected, sizeof expected, "%.*s%s%s", n, call, cases[i].told, at + 2);
            bool done = false;
            for (uint64_t k = 0; !done; k++) {
                bantam_error err = {0};
                bnt_mem_fail_after(k);
                const bantam_status status =
                    bantam_tools_messages(BANTAM_CALLS_LLAMA3, text_of("[]"), text_of(messages),
                                          text, sizeof text, &size, &err);
                bnt_mem_fail_after(UINT64_MAX);
                if (status) assert_int_equal(status, BANTAM_ERR_NOMEM);
                done = !status;
            }
            assert_int_equal(size, strlen(expected));
            assert_memory_equal(text, expected, size);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_wrong_in_one_place_is_text_with_a_reason),
        cmocka_unit_test(deep_values_and_long_numbers_are_calls_or_text),
        cmocka_unit_test(a_megabyte_in_single_bytes_takes_time_by_its_length),
        cmocka_unit_test(arguments_that_are_text_become_objects),
        cmocka_unit_test(no_allocation_that_fails_changes_what_is_a_call),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
