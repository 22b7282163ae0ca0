/* Calls of tools: what models write is read whatever the pieces it comes in, what is written is
 * read again, and nothing that only looks like a call is one. */
#include "base/mem.h"
#include "call_rig.h"

/* ---- as models write them ---------------------------------------------------------------- */

typedef struct answer {
    bantam_call_syntax syntax;
    const char *text, *calls, *rest; /* rest: what is no call; reason: NULL, or a part of it */
    const char *reason;
} answer;

static const answer answers[] = {
    {BANTAM_CALLS_SMOLLM2,
     "<tool_call>[{\"name\": \"f\", \"arguments\": {\"a\": 1, \"b\": \"x\"}}]</tool_call>",
     "[{\"name\":\"f\",\"arguments\":{\"a\":1,\"b\":\"x\"}}]", "", NULL},
    {BANTAM_CALLS_SMOLLM2,
     "I will look.\n<tool_call>[\n{\"name\": \"f\", \"arguments\": {}},\n{\"name\": \"g\", "
     "\"arguments\": {\"l\": [1, [2.5, null], true]}}\n]</tool_call> Done.",
     "[{\"name\":\"f\",\"arguments\":{}},{\"name\":\"g\",\"arguments\":{\"l\":[1,[2.5,null],"
     "true]}}]",
     "I will look.\n Done.", NULL},
    {BANTAM_CALLS_SMOLLM2, "<tool_call>[]</tool_call>", "[]", "", NULL},
    {BANTAM_CALLS_SMOLLM2, "<tool_call>{\"name\": \"f\", \"arguments\": {}}", /* cut short */
     "[{\"name\":\"f\",\"arguments\":{}}]", "", NULL},
    {BANTAM_CALLS_SMOLLM2, "<tool_call>[{\"name\": \"f\", \"argu", "[]",
     "<tool_call>[{\"name\": \"f\", \"argu", "line"},
    {BANTAM_CALLS_SMOLLM2, "{\"name\": \"f\", \"arguments\": {}}", "[]",
     "{\"name\": \"f\", \"arguments\": {}}", NULL}, /* nobody said that it is a call */
    {BANTAM_CALLS_SMOLLM2, "a < b, <tool, <tool_", "[]", "a < b, <tool, <tool_", NULL},
    {BANTAM_CALLS_LLAMA3, "{\"name\": \"f\", \"parameters\": {\"a\": \"it's }\"}}",
     "[{\"name\":\"f\",\"arguments\":{\"a\":\"it's }\"}}]", "", NULL},
    {BANTAM_CALLS_LLAMA3,
     "<|python_tag|>{\"name\": \"f\", \"parameters\": {}}; {\"name\": \"g\", \"parameters\": "
     "{}}",
     "[{\"name\":\"f\",\"arguments\":{}},{\"name\":\"g\",\"arguments\":{}}]", "", NULL},
    {BANTAM_CALLS_LLAMA3,
     "{\"type\": \"function\", \"function\": {\"name\": \"f\", \"parameters\": {\"a\": 1}}}",
     "[{\"name\":\"f\",\"arguments\":{\"a\":1}}]", "", NULL},
    {BANTAM_CALLS_LLAMA3, "{'name': 'f', 'parameters': {'a': True, 'b': None}}",
     "[{\"name\":\"f\",\"arguments\":{\"a\":true,\"b\":null}}]", "", NULL},
    {BANTAM_CALLS_LLAMA3, "{\"answer\": 42} is what you asked for", "[]",
     "{\"answer\": 42} is what you asked for", NULL},
    {BANTAM_CALLS_LLAMA3, "{\"name\": 5, \"parameters\": {}}", "[]",
     "{\"name\": 5, \"parameters\": {}}", "name"},
    {BANTAM_CALLS_LLAMA3, "{\"name\": \"f\", \"parameters\": {\"a\": ", "[]",
     "{\"name\": \"f\", \"parameters\": {\"a\": ", "ends inside"},
    {BANTAM_CALLS_LLAMA3, "<|python_tag|>print(1)", "[]", "<|python_tag|>print(1)", "expected"},
    {BANTAM_CALLS_PYTHONIC,
     "[get_weather(city='San Francisco', metric=\"celsius\"), math.hypot(x=-4, y=.5, z=1_000)]",
     "[{\"name\":\"get_weather\",\"arguments\":{\"city\":\"San Francisco\",\"metric\":"
     "\"celsius\"}},{\"name\":\"math.hypot\",\"arguments\":{\"x\":-4,\"y\":0.5,\"z\":1000}}]",
     "", NULL},
    {BANTAM_CALLS_PYTHONIC,
     "[f(a=(1, 2,), b={'k': [True, None], }, c='it\\'s \\u00e9\\n', d=[], e=2.)]",
     "[{\"name\":\"f\",\"arguments\":{\"a\":[1,2],\"b\":{\"k\":[true,null]},\"c\":\"it's "
     "\303\251"
     "\\n\",\"d\":[],\"e\":2.0}}]",
     "", NULL},
    {BANTAM_CALLS_PYTHONIC, "[f(1)]", "[]", "[f(1)]", "expected = after an argument's name"},
    {BANTAM_CALLS_PYTHONIC, "[f(a=1, a=2)]", "[]", "[f(a=1, a=2)]", "duplicate"},
    {BANTAM_CALLS_PYTHONIC, "[f(a=[1)]", "[]", "[f(a=[1)]", "ends inside"},
    {BANTAM_CALLS_PYTHONIC, "[f(a=open)]", "[]", "[f(a=open)]", "not a name"},
    {BANTAM_CALLS_PYTHONIC, "[1] See the notes (a).", "[]", "[1] See the notes (a).", NULL},
    {BANTAM_CALLS_PYTHONIC, "[note] f(x) is a function", "[]", "[note] f(x) is a function",
     NULL},
    {BANTAM_CALLS_MISTRAL_V3,
     "[TOOL_CALLS][{\"name\": \"f\", \"arguments\": {\"a\": 1}, \"id\": \"abcdefghi\"}]",
     "[{\"name\":\"f\",\"arguments\":{\"a\":1},\"id\":\"abcdefghi\"}]", "", NULL},
    {BANTAM_CALLS_MISTRAL_V3,
     "[TOOL_CALLS] [{\"name\": \"f\", \"arguments\": \"{\\\"a\\\": 1}\"}]",
     "[{\"name\":\"f\",\"arguments\":{\"a\":1}}]", "", NULL},
    {BANTAM_CALLS_MISTRAL_V13, "Well: [TOOL_CALLS]f[ARGS]{\"a\": \"]}\"}[TOOL_CALLS]g[ARGS]{}",
     "[{\"name\":\"f\",\"arguments\":{\"a\":\"]}\"}},{\"name\":\"g\",\"arguments\":{}}]",
     "Well: ", NULL},
    {BANTAM_CALLS_MISTRAL_V13, "[TOOL_CALLS]f[CALL_ID]abcdefghi[ARGS]{}",
     "[{\"name\":\"f\",\"arguments\":{},\"id\":\"abcdefghi\"}]", "", NULL},
    {BANTAM_CALLS_MISTRAL_V13, "[TOOL_CALLS]what is this", "[]", "[TOOL_CALLS]what is this",
     "[ARGS]"},
    {BANTAM_CALLS_DROIDCALL,
     "$result0 = get_contact_info(name=\"Ann\", key=\"phone\")\n"
     "result1 = dial(phone_number=result0)$",
     "[{\"name\":\"get_contact_info\",\"arguments\":{\"name\":\"Ann\",\"key\":\"phone\"},"
     "\"id\":"
     "\"result0\"},{\"name\":\"dial\",\"arguments\":{\"phone_number\":\"#0\"},\"id\":"
     "\"result1\"}]",
     "", NULL},
    {BANTAM_CALLS_DROIDCALL,
     "$result0 = send_email(to=[\"a@b.c\"], subject=\"say \"hi\", (now)\", n=8, x=True)$\n",
     "[{\"name\":\"send_email\",\"arguments\":{\"to\":[\"a@b.c\"],\"subject\":"
     "\"say \\\"hi\\\", (now)\",\"n\":8,\"x\":true},\"id\":\"result0\"}]",
     "", NULL},
    {BANTAM_CALLS_DROIDCALL, "$dial(phone_number=\"1\")$", "[]", "$dial(phone_number=\"1\")$",
     "expected result"},
};

static void answers_are_read_as_models_write_them(void **state)
{
    bnt_rng rng;
    (void)state;

    bnt_rng_seed(&rng, 1);
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        const answer *const a = &answers[i];
        for (size_t cut = 0; cut < 40; cut++) {
            const found f = read_pieces(a->syntax, text_of(a->text),
                                        cut < 2 ? 1 + 4000 * cut : 9, cut < 2 ? NULL : &rng);
            char *const calls = json_dumps(f.calls, JSON_COMPACT);
            assert_string_equal(calls, a->calls);
            assert_string_equal(f.text, a->rest);
            assert_int_equal(f.n_malformed, a->reason ? 1 : 0);
            if (a->reason && !strstr(f.reasons, a->reason)) {
                fail_msg("%s: %s", a->text, f.reasons);
            }
            free(calls);
            json_decref(f.calls);
        }
    }
}

/* ---- there and back ---------------------------------------------------------------------- */

/* Answers of the Berkeley leaderboard: of an object each member has an array of the values that
 * are accepted, "" beside others meaning that it may be left out; objects in values likewise.
 */

/* An upper bound of how many answers a value stands for. */
static double count_answers(const json_t *value)
{
    double product = 1.0;
    const char *key;
    json_t *of, *one;
    size_t i;

    json_array_foreach(value, i, one) product *= count_answers(one);
    json_object_foreach((json_t *)(uintptr_t)value, key, of)
    {
        double most = 1.0;
        json_array_foreach(of, i, one)
        {
            const double n = count_answers(one);
            if (n > most) most = n;
        }
        product *= most * (double)json_array_size(of);
    }
    return product;
}

/* The answer that *pick says, a number whose digits are taken off one for each choice. The
 * caller owns it. */
static json_t *pick_answer(const json_t *value, size_t *pick)
{
    json_t *const out = json_is_array(value) ? json_array() : json_object();
    const char *key;
    json_t *of, *one;
    size_t i;

    if (!json_is_array(value) && !json_is_object(value)) {
        json_decref(out);
        return json_incref((json_t *)(uintptr_t)value);
    }
    json_array_foreach(value, i, one) json_array_append_new(out, pick_answer(one, pick));
    json_object_foreach((json_t *)(uintptr_t)value, key, of)
    {
        const size_t n = json_array_size(of);
        assert_true(n > 0);
        one = json_array_get(of, *pick % n);
        *pick /= n;
        const bool left_out = json_is_string(one) && !*json_string_value(one) && n > 1;
        if (!left_out) json_object_set_new(out, key, pick_answer(one, pick));
    }
    return out;
}

static void check_query(const json_t *query, bnt_rng *rng, size_t *n_calls)
{
    const json_t *const truth = json_object_get(query, "ground_truth");
    size_t i;
    json_t *one;
    json_array_foreach(truth, i, one)
    {
        const char *const name = json_object_iter_key(json_object_iter(one));
        const json_t *const accepted = json_object_get(one, name);
        const double n_answers = count_answers(accepted);
        assert_true(n_answers <= 400.0); /* few enough for all of them */
        for (size_t k = 0; k < (size_t)n_answers; k++) {
            size_t pick = k;
            json_t *const calls = json_pack("[{s:s, s:o}]", "name", name, "arguments",
                                            pick_answer(accepted, &pick));
            assert_non_null(calls);
            for (int syntax = 0; syntax < N_SYNTAXES; syntax++) {
                assert_int_equal(there_and_back((bantam_call_syntax)syntax, calls, rng),
                                 BANTAM_OK);
            }
            json_decref(calls);
            ++*n_calls;
        }
    }
}

static void accepted_answers_of_600_queries_come_back_in_every_syntax(void **state)
{
    static const char *const files[] = {"data/bfcl/simple_python.answers.jsonl",
                                        "data/bfcl/multiple.answers.jsonl"};
    const size_t stride = getenv("BANTAM_EMULATOR") ? 10 : 1;
    size_t n_queries = 0, n_calls = 0;
    bnt_rng rng;
    (void)state;

    if (!shared_found(600)) skip();
    bnt_rng_seed(&rng, 2);
    for (size_t f = 0; f < 2; f++) {
        size_t size = 0;
        char *const lines = read_whole(shared_path(files[f]), &size);
        for (size_t at = 0; at < size;) {
            const char *const end = memchr(lines + at, '\n', size - at);
            const size_t n = end ? (size_t)(end - lines) - at : size - at;
            if (n > 1 && n_queries++ % stride == 0) {
                json_t *const query = json_loadb(lines + at, n, 0, NULL);
                assert_non_null(query);
                check_query(query, &rng, &n_calls);
                json_decref(query);
            }
            at += n + 1;
        }
        free(lines);
    }
    assert_int_equal(n_queries, 600);
    assert_true(n_calls >= n_queries / stride);
    print_message("%zu accepted answers in %d syntaxes\n", n_calls, (int)N_SYNTAXES);
}

static void values_of_every_kind_come_back(void **state)
{
    static const char *const arguments[] = {
        "{\"a\": 9223372036854775807, \"b\": -9223372036854775808, \"c\": 0.1}",
        "{\"a\": 1e300, \"b\": -0.0, \"c\": 5e-324, \"d\": 1.7976931348623157e308}",
        "{\"a\": \"line\\nquote\\\" back\\\\slash \\u0001 \\u00e9 \\ud83d\\ude00 'x'\"}",
        "{\"a\": [], \"b\": {}, \"c\": [[], [{}]], \"d\": {\"k\": {\"k\": [1, \"2\", null]}}}",
        "{\"a\": true, \"b\": false, \"c\": null, \"d\": \"\", \"e\": \"True\"}",
        "{\"a\": \"x, b=1)\", \"b\": \"[TOOL_CALLS]g[ARGS]{}\", \"c\": \"]}\"}",
        "{\"a\": \"</tool_call>\", \"b\": {\"<tool_call>\": \"<|python_tag|>\"}}",
        "{\"a\": \"it's\", \"b\": [\"[ARGS]\", \"$\"]}",
        "{}"};
    bnt_rng rng;
    (void)state;

    bnt_rng_seed(&rng, 3);
    for (size_t i = 0; i < sizeof arguments / sizeof *arguments; i++) {
        json_t *const of = json_loads(arguments[i], 0, NULL);
        json_t *const calls = json_pack("[{s:s, s:O}, {s:s, s:o}]", "name", "f", "arguments",
                                        of, "name", "g.h", "arguments", of);
        assert_non_null(calls);
        for (int syntax = 0; syntax < BANTAM_CALLS_DROIDCALL; syntax++) {
            assert_int_equal(there_and_back((bantam_call_syntax)syntax, calls, &rng),
                             BANTAM_OK);
        }
        json_decref(calls);
    }
}

static void what_a_syntax_cannot_say_is_refused(void **state)
{
    static const struct {
        bantam_call_syntax syntax;
        const char *calls;
        bantam_status status;
    } cases[] = {
        {BANTAM_CALLS_MISTRAL_V13, "[{\"name\":\"f[ARGS]\",\"arguments\":{}}]",
         BANTAM_ERR_UNSUPPORTED},
        {BANTAM_CALLS_DROIDCALL, "[{\"name\":\"f\",\"arguments\":{\"a\":\"x\\\", b=\\\"y\"}}]",
         BANTAM_ERR_UNSUPPORTED},
        {BANTAM_CALLS_PYTHONIC, "[{\"name\":\"f g\",\"arguments\":{}}]",
         BANTAM_ERR_UNSUPPORTED},
        {BANTAM_CALLS_PYTHONIC, "[{\"name\":\"f\",\"arguments\":{\"a b\":1}}]",
         BANTAM_ERR_UNSUPPORTED},
        {BANTAM_CALLS_LLAMA3, "{\"name\":\"f\"}", BANTAM_ERR_INVALID},
        {BANTAM_CALLS_LLAMA3, "[{\"arguments\":{}}]", BANTAM_ERR_INVALID},
        {BANTAM_CALLS_LLAMA3, "[{\"name\":\"f\",\"arguments\":[1]}]", BANTAM_ERR_INVALID},
        {BANTAM_CALLS_LLAMA3, "[", BANTAM_ERR_INVALID},
        {(bantam_call_syntax)N_SYNTAXES, "[]", BANTAM_ERR_INVALID},
    };
    char text[256];
    size_t size;
    bantam_error err;
    (void)state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(bantam_calls_write(cases[i].syntax, text_of(cases[i].calls), text,
                                            sizeof text, &size, &err),
                         cases[i].status);
        assert_int_equal(err.status, cases[i].status);
    }
    const char *const one = "[{\"name\":\"f\",\"arguments\":{}}]";
    assert_int_equal(
        bantam_calls_write(BANTAM_CALLS_PYTHONIC, text_of(one), text, 4, &size, &err),
        BANTAM_ERR_FULL);
    assert_int_equal(size, 5); /* [f()] */
}

/* ---- definitions ------------------------------------------------------------------------- */

static void calls_are_held_against_definitions(void **state)
{
    static const char tools[] =
        "[{\"type\": \"function\", \"function\": {\"name\": \"weather\", \"parameters\": "
        "{\"type\": "
        "\"object\", \"properties\": {\"city\": {\"type\": \"string\"}, \"days\": {\"type\": "
        "\"integer\"}, \"unit\": {\"type\": \"string\", \"enum\": [\"c\", \"f\"]}, \"at\": "
        "{\"type\": "
        "\"array\", \"items\": {\"type\": \"number\"}}}, \"required\": [\"city\"]}}},"
        "{\"name\": \"mail\", \"arguments\": {\"to\": {\"type\": \"List[str]\", \"required\": "
        "true}, "
        "\"cc\": {\"type\": \"Optional[List[str]]\", \"required\": false}, \"hot\": {\"type\": "
        "\"bool\"}}}]";
    static const struct {
        const char *call, *reason; /* NULL: it is right */
    } cases[] = {
        {"{\"name\": \"weather\", \"arguments\": {\"city\": \"Oslo\", \"days\": 3, \"at\": [1, "
         "2.5]}}",
         NULL},
        {"{\"name\": \"weather\", \"arguments\": {\"city\": \"Oslo\", \"days\": 3.0}}", NULL},
        {"{\"name\": \"weather\", \"arguments\": {\"city\": \"Oslo\", \"days\": 3.5}}", "days"},
        {"{\"name\": \"weather\", \"arguments\": {\"city\": \"Oslo\", \"days\": \"3\"}}",
         "integer"},
        {"{\"name\": \"weather\", \"arguments\": {\"days\": 3}}", "city: is required"},
        {"{\"name\": \"weather\", \"arguments\": {\"city\": \"Oslo\", \"unit\": \"k\"}}",
         "unit"},
        {"{\"name\": \"weather\", \"arguments\": {\"city\": \"Oslo\", \"at\": [\"x\"]}}", "at"},
        {"{\"name\": \"weather\", \"arguments\": {\"city\": \"Oslo\", \"town\": 1}}", "town"},
        {"{\"name\": \"whether\", \"arguments\": {}}", "whether: no such"},
        {"{\"name\": \"mail\", \"arguments\": {\"to\": [\"a\"], \"cc\": null, \"hot\": true}}",
         NULL},
        {"{\"name\": \"mail\", \"arguments\": {\"to\": \"#0\", \"cc\": [\"b\"]}}", NULL},
        {"{\"name\": \"mail\", \"arguments\": {\"to\": [1]}}", "to"},
        {"{\"name\": \"mail\", \"arguments\": {\"to\": [\"a\"], \"hot\": 1}}", "bool"},
        {"{\"name\": \"mail\", \"arguments\": {}}", "to: is required"},
    };
    (void)state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bantam_error err = {0};
        const bantam_status status =
            bantam_calls_check(text_of(tools), text_of(cases[i].call), &err);
        assert_int_equal(status, cases[i].reason ? BANTAM_ERR_INVALID : BANTAM_OK);
        if (cases[i].reason && !strstr(err.message, cases[i].reason)) {
            fail_msg("%s: %s", cases[i].call, err.message);
        }
    }
}

/* A value of a type as DroidCall's definitions name it. */
static json_t *value_of(const char *type, size_t turn)
{
    if (strcmp(type, "str") == 0) return json_string(turn % 2 ? "content://x/1, (a=b)" : "#0");
    if (strcmp(type, "int") == 0) return json_integer(-7);
    if (strcmp(type, "bool") == 0) return json_true();
    if (strstr(type, "ist[str]")) return json_pack("[s, s]", "a \"b\"", "c, d=1)");
    return json_pack("{s:s, s:{s:[i]}}", "k", "v", "n", "l", 1);
}

/* The 24 functions of DroidCall: a call of each with all its arguments comes back and is right,
 * and is wrong without one that is required; the prompt names everything. */
static void droidcalls_functions_are_called_and_checked(void **state)
{
    static char prompt[1 << 17], written[1 << 14];
    size_t size = 0, n_functions = 0, n_required = 0, turn = 0, n_written = 0;
    bnt_rng rng;
    (void)state;

    if (!shared_found(24)) skip();
    bnt_rng_seed(&rng, 5);
    char *const lines = read_whole(shared_path("data/droidcall-api.jsonl"), &size);
    json_t *const tools = json_array();
    for (size_t at = 0; at < size;) {
        const char *const end = memchr(lines + at, '\n', size - at);
        const size_t n = end ? (size_t)(end - lines) - at : size - at;
        if (n > 1) json_array_append_new(tools, json_loadb(lines + at, n, 0, NULL));
        at += n + 1;
    }
    char *const defined = json_dumps(tools, 0);
    json_t *f;
    size_t i;
    json_array_foreach(tools, i, f)
    {
        json_t *const arguments = json_object();
        const char *key;
        json_t *a;
        n_functions++;
        json_object_foreach(json_object_get(f, "arguments"), key, a)
        {
            json_object_set_new(
                arguments, key,
                value_of(json_string_value(json_object_get(a, "type")), turn++));
        }
        json_t *const calls = json_pack("[{s:O, s:O}]", "name", json_object_get(f, "name"),
                                        "arguments", arguments);
        assert_int_equal(there_and_back(BANTAM_CALLS_DROIDCALL, calls, &rng), BANTAM_OK);
        char *const whole = json_dumps(calls, 0);
        bantam_error err = {0};
        if (bantam_calls_check(text_of(defined), text_of(whole), &err))
            fail_msg("%s", err.message);
        json_object_foreach(json_object_get(f, "arguments"), key, a)
        {
            if (!json_is_true(json_object_get(a, "required"))) continue;
            json_t *const kept = json_incref(json_object_get(arguments, key));
            json_object_del(arguments, key);
            char *const less = json_dumps(calls, 0);
            assert_int_equal(bantam_calls_check(text_of(defined), text_of(less), &err),
                             BANTAM_ERR_INVALID);
            assert_non_null(strstr(err.message, key));
            json_object_set_new(arguments, key, kept);
            free(less);
            n_required++;
            break; /* the object that is gone through was changed */
        }
        free(whole);
        json_decref(calls);
        json_decref(arguments);
    }
    assert_int_equal(n_functions, 24);
    assert_true(n_required > 12);
    bantam_error err = {0};
    if (bantam_tools_messages(BANTAM_CALLS_DROIDCALL, text_of(defined),
                              text_of("[{\"role\": \"user\", \"content\": \"Dial 110\"}]"),
                              prompt, sizeof prompt, &n_written, &err)) {
        fail_msg("%s", err.message);
    }
    json_t *const messages = json_loadb(prompt, n_written, 0, NULL);
    const char *const said =
        json_string_value(json_object_get(json_array_get(messages, 1), "content"));
    assert_non_null(said);
    json_array_foreach(tools, i, f)
    {
        snprintf(written, sizeof written, "Name:\n    %s\nDescription:\n    ",
                 json_string_value(json_object_get(f, "name")));
        assert_non_null(strstr(said, written));
    }
    assert_non_null(strstr(said, "\n\n\n\n\n\n\n\nNow my query is: Dial 110\n"));
    json_decref(messages);
    json_decref(tools);
    free(defined);
    free(lines);
}

/* The whole prompt, by hand from the layout that DroidCall's authors publish. */
static void a_droidcall_prompt_is_as_published(void **state)
{
    static const char tools[] =
        "[{\"name\": \"dial\", \"description\": \"Dials.\", \"arguments\": {\"phone_number\": "
        "{\"description\": \"Whom to call.\", \"type\": \"str\", \"required\": true}}},"
        "{\"name\": \"now\", \"description\": \"The time.\", \"returns\": {\"type\": \"str\", "
        "\"description\": \"It.\"}}]";
    static const char expected[] =
        "\nHere is a list of functions:\n"
        "Name:\n    dial\nDescription:\n    Dials.\nArgs:\n    phone_number (str): Whom to "
        "call.\n"
        "Returns:\n    None\n"
        "==================================================\n"
        "Name:\n    now\nDescription:\n    The time.\nArgs:\n    None\nReturns:\n    str: It."
        "\n\n\n\n\n\n\n\nNow my query is: Call Ann\n";
    char text[2048];
    size_t size = 0;
    bantam_error err = {0};
    (void)state;

    if (bantam_tools_messages(BANTAM_CALLS_DROIDCALL, text_of(tools),
                              text_of("[{\"role\": \"user\", \"content\": \"Call Ann\"}]"),
                              text, sizeof text, &size, &err)) {
        fail_msg("%s", err.message);
    }
    json_t *const messages = json_loadb(text, size, 0, NULL);
    assert_int_equal(json_array_size(messages), 2);
    assert_string_equal(
        json_string_value(json_object_get(json_array_get(messages, 0), "content")),
        "\nYou are an expert in composing functions.\n");
    assert_string_equal(
        json_string_value(json_object_get(json_array_get(messages, 1), "content")), expected);
    json_decref(messages);
}

static void smollm2_is_told_of_tools_calls_and_results_in_its_own_way(void **state)
{
    char text[4096];
    size_t size = 0;
    bantam_error err = {0};
    (void)state;

    if (bantam_tools_messages(BANTAM_CALLS_SMOLLM2,
                              text_of("[{\"name\": \"f\", \"parameters\": {}}]"),
                              text_of("[{\"role\": \"user\", \"content\": \"Q\"}, {\"role\": "
                                      "\"assistant\", \"content\": "
                                      "\"\", \"tool_calls\": [{\"type\": \"function\", "
                                      "\"function\": {\"name\": \"f\", "
                                      "\"arguments\": \"{\\\"a\\\": 1}\"}}]}, {\"role\": "
                                      "\"tool\", \"content\": \"42\"}]"),
                              text, sizeof text, &size, &err)) {
        fail_msg("%s", err.message);
    }
    json_t *const m = json_loadb(text, size, 0, NULL);
    assert_int_equal(json_array_size(m), 4);
    const char *const system =
        json_string_value(json_object_get(json_array_get(m, 0), "content"));
    assert_non_null(strstr(system, "<tools>[{\"type\": \"function\", \"function\": {\"name\": "
                                   "\"f\", \"parameters\": {}}}]</tools>"));
    assert_string_equal(
        json_string_value(json_object_get(json_array_get(m, 2), "content")),
        "<tool_call>[{\"name\": \"f\", \"arguments\": {\"a\": 1}}]</tool_call>");
    assert_string_equal(json_string_value(json_object_get(json_array_get(m, 3), "role")),
                        "user");
    assert_string_equal(json_string_value(json_object_get(json_array_get(m, 3), "content")),
                        "<tool_response>\n42\n</tool_response>");
    json_decref(m);
}

/* ---- hostile bytes ----------------------------------------------------------------------- */

static void changed_answers_are_calls_or_text_whatever_the_cuts(void **state)
{
    const size_t n = getenv("BANTAM_EMULATOR") ? 2000 : 20000;
    static const char noise[] = "[]{}()\"'\\,:=$#;<>\n 0eE+-.TNr\0\377\303";
    bnt_rng rng;
    (void)state;

    bnt_rng_seed(&rng, 4);
    for (size_t i = 0; i < n; i++) {
        const answer *const a = &answers[i % (sizeof answers / sizeof *answers)];
        const bantam_call_syntax syntax = (bantam_call_syntax)bnt_rng_below(&rng, N_SYNTAXES);
        char text[512];
        size_t size = strlen(a->text);
        memcpy(text, a->text, size);
        for (size_t k = bnt_rng_below(&rng, 4); k > 0 && size > 2; k--) {
            const size_t at = bnt_rng_below(&rng, size);
            if (bnt_rng_below(&rng, 3) == 0) {
                memmove(text + at, text + at + 1, --size - at);
            } else {
                text[at] = noise[bnt_rng_below(&rng, sizeof noise - 1)];
            }
        }
        const found whole = read_pieces(syntax, (bantam_text){text, size}, size, NULL);
        const found cut = read_pieces(syntax, (bantam_text){text, size}, 7, &rng);
        assert_true(json_equal(whole.calls, cut.calls));
        assert_string_equal(whole.reasons, cut.reasons);
        assert_int_equal(whole.n_text, cut.n_text);
        assert_memory_equal(whole.text, cut.text, whole.n_text);
        json_decref(whole.calls);
        json_decref(cut.calls);
    }
}

static void endless_and_deep_calls_are_bounded(void **state)
{
    const size_t n = 3 << 20;
    char *const text = malloc(n);
    (void)state;

    assert_non_null(text);
    static const char *const begins[] = {"[f(a=", "{\"name\": ", "<tool_call>",
                                         "[TOOL_CALLS]f"};
    static const char fills[] = "[{(\"x ";
    for (size_t i = 0; i < 4 * (sizeof fills - 1); i++) {
        const char *const begin = begins[i % 4];
        memset(text, fills[i / 4], n);
        memcpy(text, begin, strlen(begin));
        const found f = read_pieces(BANTAM_CALLS_ANY, (bantam_text){text, n}, 100000, NULL);
        assert_int_equal(json_array_size(f.calls), 0);
        assert_true(f.n_malformed > 0);
        json_decref(f.calls);
    }
    free(text);
}

/* A name of 256 bytes, spaces before a list, a call of 1 MiB: one byte less, as many, and some
 * more, whole and in small pieces. */
static void limits_are_the_same_whatever_the_cuts(void **state)
{
    static const struct {
        bantam_call_syntax syntax;
        const char *begin, *end;
        char fill;
        size_t limit; /* of all before the end */
    } cases[] = {{BANTAM_CALLS_MISTRAL_V13, "[TOOL_CALLS]", "[ARGS]{}", 'x', 12 + 256},
                 {BANTAM_CALLS_MISTRAL_V3, "[TOOL_CALLS]", "[]", ' ', 12 + 256},
                 {BANTAM_CALLS_LLAMA3, "{\"name\":\"f\",\"parameters\":{\"a\":\"", "\"}} ", 'x',
                  1 << 20}};
    char *const text = malloc((1 << 20) + 4000);
    (void)state;

    assert_non_null(text);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (size_t more = 0; more < 3000; more += more < 12 ? 1 : 997) {
            const size_t n = cases[i].limit - 6 + more;
            memset(text, cases[i].fill, n);
            memcpy(text, cases[i].begin, strlen(cases[i].begin));
            memcpy(text + n, cases[i].end, strlen(cases[i].end));
            const bantam_text all = {text, n + strlen(cases[i].end)};
            const found whole = read_pieces(cases[i].syntax, all, all.size, NULL);
            const found cut = read_pieces(cases[i].syntax, all, i < 2 ? 1 : 1013, NULL);
            assert_true(json_equal(whole.calls, cut.calls));
            assert_int_equal(whole.n_malformed, cut.n_malformed);
            assert_string_equal(whole.reasons, cut.reasons);
            json_decref(whole.calls);
            json_decref(cut.calls);
        }
    }
    free(text);
}

static void no_allocation_that_fails_is_taken_for_a_call(void **state)
{
    bool done = false;
    (void)state;

    for (uint64_t n = 0; !done; n++) {
        bantam_call_reader *reader = NULL;
        bantam_error err = {0};
        found f = {.calls = json_array()};
        bnt_mem_fail_after(n);
        bantam_status status = bantam_call_reader_open(&reader, BANTAM_CALLS_ANY, &err);
        if (!status) {
            status = bantam_call_reader_feed(reader, text_of(answers[15].text), note, &f, &err);
        }
        if (!status) status = bantam_call_reader_end(reader, note, &f, &err);
        bnt_mem_fail_after(UINT64_MAX);
        bantam_call_reader_close(reader);
        assert_int_equal(f.n_malformed, 0);
        if (status) assert_int_equal(status, BANTAM_ERR_NOMEM);
        done = !status;
        if (done) assert_int_equal(json_array_size(f.calls), 2);
        json_decref(f.calls);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_read_as_models_write_them),
        cmocka_unit_test(accepted_answers_of_600_queries_come_back_in_every_syntax),
        cmocka_unit_test(values_of_every_kind_come_back),
        cmocka_unit_test(what_a_syntax_cannot_say_is_refused),
        cmocka_unit_test(calls_are_held_against_definitions),
        cmocka_unit_test(droidcalls_functions_are_called_and_checked),
        cmocka_unit_test(a_droidcall_prompt_is_as_published),
        cmocka_unit_test(smollm2_is_told_of_tools_calls_and_results_in_its_own_way),
        cmocka_unit_test(changed_answers_are_calls_or_text_whatever_the_cuts),
        cmocka_unit_test(endless_and_deep_calls_are_bounded),
        cmocka_unit_test(limits_are_the_same_whatever_the_cuts),
        cmocka_unit_test(no_allocation_that_fails_is_taken_for_a_call),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
