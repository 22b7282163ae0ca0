/* test_hostile_tokenizer.c - tokenizers that someone wrote to do harm. Each file is either
 * refused with a message or gives a tokenizer that encodes and decodes; under a sanitizer, none
 * reads or writes where it should not. The list follows what has broken other runtimes.
 */
#include "cpu_time.h"
#include "token_bytes.h"

#include "base/mem.h"
#include "token/tokenizer.h"
#include <math.h>

#define KEY(name) "tokenizer.ggml." name

enum { N = 300, MAX_SECONDS = 5, MAX_BYTES = 64 << 20 };

/* ---- what a file may do ------------------------------------------------------------------ */

static double start;
static int64_t start_bytes;

static void begin(void)
{
    start = cpu_seconds();
    start_bytes = bnt_mem_live_bytes();
}

/* A tokenizer that opened must work on any text: ids are its own, and texts come out. */
static void use(const bnt_tokenizer *t)
{
    static const char text[] = "Hello  \xE2\x96\x81 w\xC3\xB6rld 123\n\xFF\xFE <s></s><0x41>"
                               "\xF0\x9F\xA6\x99";
    static uint32_t ids[4096];
    static char back[1 << 20];
    bantam_tokenizer_info info;
    size_t n = 0, size = 0;

    bnt_tokenizer_describe(t, &info);
    assert_true(info.bos == BANTAM_NO_TOKEN || info.bos < info.n_tokens);
    assert_true(info.eos == BANTAM_NO_TOKEN || info.eos < info.n_tokens);
    assert_true(info.unk == BANTAM_NO_TOKEN || info.unk < info.n_tokens);
    assert_true(info.pad == BANTAM_NO_TOKEN || info.pad < info.n_tokens);
    for (unsigned flags = 0; flags < 4; flags++) {
        bantam_error err = {0};
        const bantam_status status = bnt_tokenizer_encode(
            t, (bantam_text){text, sizeof text - 1}, flags, ids, 4096, &n, &err);
        if (status) {
            assert_true(err.message[0] != '\0');
            continue;
        }
        for (size_t i = 0; i < n; i++)
            assert_true(ids[i] < info.n_tokens);
        bnt_tokenizer_decode(t, ids, n, BANTAM_DETOKENIZE_SPECIAL, back, sizeof back, &size,
                             &err);
    }
    for (uint32_t id = 0; id <= info.n_tokens; id++)
        bnt_tokenizer_text(t, id);
}

enum { EITHER = -1 }; /* the status may be a failure or not */

static void finish(bnt_spec *s, bantam_status status, int expected, const char *what,
                   bantam_error *err)
{
    bnt_tokenizer *t = NULL;

    if (!status) status = bnt_tokenizer_open(&t, s, err);
    if (status) {
        if (err->message[0] == '\0' || strchr(err->message, '\n')) {
            fail_msg("%s: no message of one line", what);
        }
        assert_int_not_equal(status, BANTAM_ERR_NOMEM);
        assert_null(t);
    } else {
        use(t);
    }
    if (expected != EITHER && (int)status != expected) {
        fail_msg("%s: status %d, expected %d: %s", what, status, expected, err->message);
    }
    if (!cpu_spent_at_most(MAX_SECONDS, start)) fail_msg("%s: too slow", what);
    if (bnt_mem_live_bytes() - start_bytes > MAX_BYTES) fail_msg("%s: too large", what);
    bnt_tokenizer_close(t);
    bnt_spec_deinit(s);
}

/* ---- GGUF -------------------------------------------------------------------------------- */

static void check_gguf(bytes *b, int expected, const char *what)
{
    bnt_spec s;
    bantam_error err = {0};

    begin();
    gguf_end(b);
    const bantam_status status = load_gguf_of(b, &s, &err);
    if (status) assert_true(spec_is_empty(&s));
    finish(&s, status, expected, what, &err);
    bytes_free(b);
}

typedef struct llama {
    size_t n_scores, n_kinds;
    int32_t kind;      /* of every token; 0: as real files have it */
    float score;       /* of token 5 */
    const char *token; /* text of token 5 where not NULL */
    bool same;         /* all tokens have one text */
    bool no_bytes;
} llama;

static void put_llama(bytes *b, llama f)
{
    gguf_start(b);
    gguf_text(b, KEY("model"), "llama");
    gguf_array(b, KEY("tokens"), BNT_GGUF_STRING, N);
    for (int i = 0; i < N; i++) {
        char text[32];
        snprintf(text, sizeof text, i < 3 ? "<s%d>" : "w%d", i);
        if (i >= 3 && i < 259 && !f.no_bytes) {
            snprintf(text, sizeof text, "<0x%02X>", (unsigned)(i - 3));
        }
        if (f.same) strcpy(text, "same");
        const char *const use_text = i == 5 && f.token ? f.token : text;
        gguf_string(b, use_text, strlen(use_text));
    }
    if (f.n_kinds) gguf_array(b, KEY("token_type"), BNT_GGUF_I32, f.n_kinds);
    for (size_t i = 0; i < f.n_kinds; i++) {
        const int32_t real = i == 0 ? 2 : i < 3 ? 3 : i < 259 && !f.no_bytes ? 6 : 1;
        put_u32(b, (uint32_t)(f.kind ? f.kind : real));
    }
    if (f.n_scores) gguf_array(b, KEY("scores"), BNT_GGUF_F32, f.n_scores);
    for (size_t i = 0; i < f.n_scores; i++)
        put_f32(b, i == 5 ? f.score : -(float)i);
}

static void check_llama(llama f, int expected, const char *what)
{
    bytes b = {0};
    put_llama(&b, f);
    check_gguf(&b, expected, what);
}

static void token_lists_of_the_wrong_kind_or_length(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, N - 1, N + 1, 2 * N};
    check_llama((llama){.n_scores = N, .n_kinds = N}, BANTAM_OK, "sound");
    check_llama((llama){.n_scores = N}, BANTAM_OK, "without kinds");
    check_llama((llama){.n_kinds = N}, BANTAM_ERR_FORMAT, "without scores");
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        check_llama((llama){.n_scores = sizes[i], .n_kinds = N}, BANTAM_ERR_FORMAT, "scores");
        check_llama((llama){.n_scores = N, .n_kinds = sizes[i]}, BANTAM_ERR_FORMAT, "kinds");
    }
    static const char *const models[] = {"llama", "gpt2"};
    for (int m = 0; m < 2; m++) {
        for (int k = 0; k < 6; k++) {
            static const char *const none[] = {""};
            bytes b = {0};
            gguf_start(&b);
            gguf_text(&b, KEY("model"), models[m]);
            if (k == 1) gguf_texts(&b, KEY("tokens"), none, 0);
            if (k == 2) gguf_number(&b, KEY("tokens"), 7);
            if (k == 3) gguf_text(&b, KEY("tokens"), "x");
            if (k == 4) {
                gguf_array(&b, KEY("tokens"), BNT_GGUF_U8, 4);
                put(&b, "abcd", 4);
            }
            if (k == 5) gguf_array(&b, KEY("tokens"), BNT_GGUF_STRING, UINT64_MAX);
            check_gguf(&b, BANTAM_ERR_FORMAT, "tokens");
        }
    }
}

static void scores_and_kinds_without_sense(void **state)
{
    (void)state;
    check_llama((llama){.n_scores = N, .n_kinds = N, .score = NAN}, BANTAM_ERR_FORMAT, "NaN");
    check_llama((llama){.n_scores = N, .n_kinds = N, .score = INFINITY}, EITHER, "inf");
    check_llama((llama){.n_scores = N, .n_kinds = N, .score = -INFINITY}, EITHER, "-inf");
    check_llama((llama){.n_scores = N, .n_kinds = N, .kind = 99}, BANTAM_ERR_FORMAT, "99");
    check_llama((llama){.n_scores = N, .n_kinds = N, .kind = -1}, BANTAM_ERR_FORMAT, "-1");
    check_llama((llama){.n_scores = N, .n_kinds = N, .kind = 6}, BANTAM_ERR_FORMAT, "all BYTE");
    for (int32_t kind = 1; kind <= 5; kind++) {
        check_llama((llama){.n_scores = N, .n_kinds = N, .kind = kind}, BANTAM_OK, "all alike");
    }
    static const struct {
        const char *key;
        uint32_t element;
        size_t size;
    } arrays[] = {{KEY("scores"), BNT_GGUF_U8, 1},
                  {KEY("token_type"), BNT_GGUF_F32, 4},
                  {KEY("token_type"), BNT_GGUF_U8, 1},
                  {KEY("token_type"), BNT_GGUF_STRING, 8}};
    for (size_t k = 0; k < sizeof arrays / sizeof arrays[0]; k++) {
        bytes b = {0};
        put_llama(&b, (llama){.n_scores = k ? N : 0, .n_kinds = k ? 0 : N});
        gguf_array(&b, arrays[k].key, arrays[k].element, N);
        for (size_t i = 0; i < N * arrays[k].size; i++)
            put(&b, "", 1);
        check_gguf(&b, BANTAM_ERR_FORMAT, arrays[k].key);
    }
    bytes b = {0};
    put_llama(&b, (llama){.n_kinds = N});
    gguf_number(&b, KEY("scores"), 1);
    check_gguf(&b, BANTAM_ERR_FORMAT, "scores as a number");
}

static void tokens_with_odd_texts(void **state)
{
    (void)state;
    static const char *const odd[] = {"\xFF\xFE\x80", "<0x-1>", "<0xZZ>", "<0x", "<0x041>", ""};
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        check_llama((llama){.n_scores = N, .n_kinds = N, .token = odd[i]}, BANTAM_ERR_FORMAT,
                    "a byte token's name");
        check_llama((llama){.n_scores = N, .token = odd[i]}, BANTAM_OK, "a word");
    }
    check_llama((llama){.n_scores = N, .n_kinds = N, .no_bytes = true}, BANTAM_OK, "no bytes");
    check_llama((llama){.n_scores = N, .same = true}, BANTAM_OK, "duplicates");
    check_llama((llama){.n_scores = N, .n_kinds = N, .kind = 4, .same = true}, BANTAM_OK,
                "duplicates that are added tokens");

    char *const large = malloc((1 << 20) + 1);
    assert_non_null(large);
    memset(large, 'x', 1 << 20);
    large[1 << 20] = '\0';
    check_llama((llama){.n_scores = N, .token = large}, BANTAM_ERR_FORMAT, "1 MiB");
    large[65536] = '\0';
    check_llama((llama){.n_scores = N, .token = large}, BANTAM_OK, "64 KiB");
    free(large);

    bytes b = {0}; /* NUL inside a token */
    gguf_start(&b);
    gguf_text(&b, KEY("model"), "llama");
    gguf_array(&b, KEY("tokens"), BNT_GGUF_STRING, 3);
    gguf_string(&b, "a\0b", 3);
    gguf_string(&b, "\0", 1);
    gguf_string(&b, "", 0);
    gguf_floats(&b, KEY("scores"), (const float[]){0, 0, 0}, 3);
    check_gguf(&b, BANTAM_OK, "NUL");
}

static void special_ids_are_never_indices(void **state)
{
    (void)state;
    static const char *const keys[] = {KEY("bos_token_id"),     KEY("eos_token_id"),
                                       KEY("unknown_token_id"), KEY("padding_token_id"),
                                       KEY("eot_token_id"),     KEY("eom_token_id")};
    static const uint32_t ids[] = {N, 0x80000000u, UINT32_MAX};
    for (size_t k = 0; k < sizeof keys / sizeof keys[0]; k++) {
        for (size_t i = 0; i < 3; i++) {
            bytes b = {0};
            put_llama(&b, (llama){.n_scores = N, .n_kinds = N});
            gguf_number(&b, keys[k], ids[i]);
            check_gguf(&b, BANTAM_OK, keys[k]);
        }
        bytes b = {0};
        put_llama(&b, (llama){.n_scores = N, .n_kinds = N});
        gguf_text(&b, keys[k], "1");
        check_gguf(&b, BANTAM_ERR_FORMAT, "an id as a string");
    }
}

/* 256 bytes in their alphabet, then "ab", "ba", "aba". */
static void put_gpt2(bytes *b, int absent)
{
    gguf_start(b);
    gguf_text(b, KEY("model"), "gpt2");
    gguf_text(b, KEY("pre"), "gpt-2");
    gguf_array(b, KEY("tokens"), BNT_GGUF_STRING, 256 + 3 + 1);
    for (int i = 0, n = 0; i < 256; i++) {
        const bool prints = (i > 0x20 && i < 0x7F) || (i > 0xA0 && i != 0xAD);
        const uint32_t code = prints ? (uint32_t)i : 0x100 + (uint32_t)n;
        char text[2] = {(char)code, 0};
        size_t size = 1;
        if (!prints) n++;
        if (code >= 0x80) {
            text[0] = (char)(uint8_t)(0xC0 | code >> 6);
            text[1] = (char)(uint8_t)(0x80 | (code & 63));
            size = 2;
        }
        gguf_string(b, i == absent ? "absent" : text, i == absent ? 6 : size);
    }
    gguf_string(b, "ab", 2);
    gguf_string(b, "ba", 2);
    gguf_string(b, "aba", 3);
    gguf_string(b, "", 0);
}

static void merges_that_lead_nowhere(void **state)
{
    (void)state;
    static const char *const refused[] = {"x\xFFy", "zz a",  "ab",        " ",
                                          "",       "     ", "\xFF \xFE", "a c"};
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        bytes b = {0};
        put_gpt2(&b, -1);
        gguf_texts(&b, KEY("merges"), &refused[i], 1);
        check_gguf(&b, BANTAM_ERR_FORMAT, "a merge");
    }
    static const char *const cyclic[] = {"a b", "b a", "ab a", "a ba"};
    bytes b = {0};
    put_gpt2(&b, -1);
    gguf_texts(&b, KEY("merges"), cyclic, 4);
    check_gguf(&b, BANTAM_OK, "merges that make one token twice");

    put_gpt2(&b, -1);
    check_gguf(&b, BANTAM_ERR_FORMAT, "no merges");
    put_gpt2(&b, -1);
    gguf_number(&b, KEY("merges"), 1);
    check_gguf(&b, BANTAM_ERR_FORMAT, "merges as a number");
    put_gpt2(&b, -1);
    gguf_array(&b, KEY("merges"), BNT_GGUF_STRING, 100000);
    for (int i = 0; i < 100000; i++)
        gguf_string(&b, "a b", 3);
    check_gguf(&b, BANTAM_OK, "one merge 100,000 times");
    put_gpt2(&b, 'H');
    gguf_texts(&b, KEY("merges"), cyclic, 1);
    check_gguf(&b, BANTAM_OK, "a byte without a token");
}

static void character_maps_are_refused_unread(void **state)
{
    (void)state;
    for (size_t size = 1; size < 64; size += 7) {
        bytes b = {0};
        put_llama(&b, (llama){.n_scores = N, .n_kinds = N});
        gguf_array(&b, KEY("precompiled_charsmap"), BNT_GGUF_U8, size);
        for (size_t i = 0; i < size; i++)
            put(&b, "\xFF", 1);
        check_gguf(&b, BANTAM_ERR_UNSUPPORTED, "precompiled_charsmap");
    }
}

static void large_vocabularies_take_time_in_proportion(void **state)
{
    (void)state;
    enum { LARGE = 200000 };
    bytes b = {0};
    gguf_start(&b);
    gguf_text(&b, KEY("model"), "llama");
    gguf_array(&b, KEY("tokens"), BNT_GGUF_STRING, LARGE);
    for (int i = 0; i < LARGE; i++)
        gguf_string(&b, "a", 1);
    gguf_array(&b, KEY("scores"), BNT_GGUF_F32, LARGE);
    for (int i = 0; i < LARGE; i++)
        put_f32(&b, 0);
    gguf_array(&b, KEY("token_type"), BNT_GGUF_I32, LARGE);
    for (int i = 0; i < LARGE; i++)
        put_u32(&b, 4);
    check_gguf(&b, BANTAM_OK, "one added token 200,000 times");
}

/* ---- tokenizer.json ---------------------------------------------------------------------- */

static void check_hf_bytes(const char *text, size_t size, int expected, const char *what)
{
    bnt_spec s;
    bantam_error err = {0};

    begin();
    bnt_spec_init(&s);
    const bantam_status status = bnt_load_hf(&s, text, size, NULL, NULL, NULL, &err);
    if (status) assert_true(spec_is_empty(&s));
    finish(&s, status, expected, what, &err);
}

#define MODEL "'model':{'type':'BPE','vocab':{'a':0,'b':1,'ab':2},'merges':['a b']}"

/* text with ' for ", and one %s filled in n times over. */
static void check_hf_many(const char *head, const char *piece, size_t n, const char *tail,
                          int expected, const char *what)
{
    bytes b = {0};
    put(&b, head, strlen(head));
    for (size_t i = 0; i < n; i++)
        put(&b, piece, strlen(piece));
    put(&b, tail, strlen(tail));
    for (size_t i = 0; i < b.size; i++) {
        if (b.data[i] == '\'') b.data[i] = '"';
    }
    check_hf_bytes((const char *)b.data, b.size, expected, what);
    bytes_free(&b);
}

static void check_hf(const char *json, int expected)
{
    const char *const text = json_of(json);
    check_hf_bytes(text, strlen(text), expected, json);
}

static void json_that_is_no_tokenizer(void **state)
{
    (void)state;
    check_hf_bytes("", 0, BANTAM_ERR_FORMAT, "empty");
    check_hf_bytes("\0", 1, BANTAM_ERR_FORMAT, "NUL");
    check_hf("[]", BANTAM_ERR_FORMAT);
    check_hf("{}", BANTAM_ERR_FORMAT);
    check_hf("{" MODEL "}", BANTAM_OK);
    check_hf("{" MODEL "," MODEL "}", BANTAM_ERR_FORMAT);
    check_hf_many("", "[", 100000, "", BANTAM_ERR_FORMAT, "100,000 deep");
    check_hf_many("", "{'a':", 100000, "", BANTAM_ERR_FORMAT, "100,000 objects deep");
}

static void ids_and_merges_of_any_size(void **state)
{
    (void)state;
    static const char *const ids[] = {
        "-1",  "2147483648",          "1099511627776",        "1.5", "'1'", "null",
        "1e3", "9223372036854775807", "99999999999999999999", "[]"};
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        char json[256];
        snprintf(json, sizeof json, "{'model':{'type':'BPE','vocab':{'a':%s},'merges':[]}}",
                 ids[i]);
        check_hf(json, BANTAM_ERR_FORMAT);
        snprintf(json, sizeof json, "{'added_tokens':[{'id':%s,'content':'x'}]," MODEL "}",
                 ids[i]);
        check_hf(json, BANTAM_ERR_FORMAT);
    }
    check_hf("{'model':{'type':'BPE','vocab':{'a':0,'b':0},'merges':[]}}", BANTAM_ERR_FORMAT);
    check_hf("{'model':{'type':'BPE','vocab':{'a':0},'merges':['a b c']}}", BANTAM_ERR_FORMAT);
    check_hf("{'model':{'type':'BPE','vocab':{'a':0},'merges':[1,2]}}", BANTAM_ERR_FORMAT);
    check_hf("{'added_tokens':[{'id':3,'content':''}]," MODEL "}", BANTAM_ERR_FORMAT);
    check_hf_many("{'added_tokens':[{'id':3,'content':'", "x", 1 << 20, "'}]," MODEL "}",
                  BANTAM_ERR_FORMAT, "1 MiB of an added token");
    check_hf_many("{'model':{'type':'BPE','vocab':{'a':0,'b':1,'ab':2},'merges':['a b'",
                  ",'a b'", 100000, "]}}", BANTAM_OK, "one merge 100,000 times");
}

static void patterns_that_explode(void **state)
{
    (void)state;
    static const struct {
        const char *pattern;
        int expected;
    } cases[] = {{"(a+)+$", EITHER},
                 {"(", BANTAM_ERR_FORMAT},
                 {"a{1000000000}", BANTAM_ERR_FORMAT},
                 {"((a{1000}){1000}){1000}", BANTAM_ERR_FORMAT},
                 {"a*", BANTAM_OK},
                 {"", EITHER},
                 {"(?:)", BANTAM_OK},
                 {"(?R)", EITHER},
                 {"(a|ab)*c", BANTAM_OK},
                 {"\\\\C", EITHER},
                 {"(?<=a+)b", EITHER},
                 {"[", BANTAM_ERR_FORMAT},
                 {"\\\\", BANTAM_ERR_FORMAT}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char json[512];
        snprintf(json, sizeof json,
                 "{'pre_tokenizer':{'type':'Split','pattern':{'Regex':'%s'},"
                 "'behavior':'Isolated'}," MODEL "}",
                 cases[i].pattern);
        check_hf(json, cases[i].expected);
        snprintf(
            json, sizeof json,
            "{'normalizer':{'type':'Replace','pattern':{'Regex':'%s'},'content':'b'}," MODEL
            "}",
            cases[i].pattern);
        check_hf(json, cases[i].expected);
    }
    check_hf_many("{'pre_tokenizer':{'type':'Split','pattern':{'Regex':'", "(a)", 20000,
                  "'},'behavior':'Isolated'}," MODEL "}", EITHER, "20,000 groups");
    check_hf_many("{'pre_tokenizer':{'type':'Split','pattern':{'Regex':'", "(", 50000,
                  "'},'behavior':'Isolated'}," MODEL "}", BANTAM_ERR_FORMAT, "50,000 groups");
}

static void a_slow_pattern_ends_on_a_long_text(void **state)
{
    (void)state;
    static char text[20001];
    static uint32_t ids[32768];
    bantam_error err = {0};
    bnt_tokenizer *t = NULL;
    bnt_spec s;
    size_t n = 0;
    const char *const json = json_of("{'pre_tokenizer':{'type':'Split','pattern':{'Regex':"
                                     "'(a+)+b|(a|aa)+c'},'behavior':'Isolated'}," MODEL "}");

    bnt_spec_init(&s);
    assert_int_equal(bnt_load_hf(&s, json, strlen(json), NULL, NULL, NULL, &err), BANTAM_OK);
    assert_int_equal(bnt_tokenizer_open(&t, &s, &err), BANTAM_OK);
    memset(text, 'a', sizeof text - 1);
    begin();
    const bantam_status status =
        bnt_tokenizer_encode(t, (bantam_text){text, 20000}, 0, ids, 32768, &n, &err);
    assert_true(status == BANTAM_OK || err.message[0] != '\0');
    assert_true(cpu_spent_at_most(MAX_SECONDS, start));
    bnt_tokenizer_close(t);
    bnt_spec_deinit(&s);
}

static void steps_nested_and_repeated(void **state)
{
    (void)state;
    check_hf_many("{'normalizer':", "{'type':'Sequence','normalizers':[", 300, "",
                  BANTAM_ERR_FORMAT, "300 nested normalizers");
    bytes b = {0};
    put(&b, "{'normalizer':", 14);
    for (int i = 0; i < 30; i++)
        put(&b, "{'type':'Sequence','normalizers':[", 34);
    for (int i = 0; i < 30; i++)
        put(&b, "]}", 2);
    put(&b, "," MODEL "}", strlen("," MODEL "}"));
    for (size_t i = 0; i < b.size; i++) {
        if (b.data[i] == '\'') b.data[i] = '"';
    }
    check_hf_bytes((const char *)b.data, b.size, BANTAM_OK, "30 nested normalizers");
    bytes_free(&b);
    check_hf_many("{'normalizer':{'type':'Sequence','normalizers':[{'type':'Prepend',"
                  "'prepend':'x'}",
                  ",{'type':'Prepend','prepend':'x'}", 1000, "]}," MODEL "}",
                  BANTAM_ERR_UNSUPPORTED, "1000 normalizers");
    /* Each step doubles the text: 2^63 times of it fit nowhere. */
    check_hf_many("{'normalizer':{'type':'Sequence','normalizers':[{'type':'Replace','pattern':"
                  "{'String':'l'},'content':'ll'}",
                  ",{'type':'Replace','pattern':{'String':'l'},'content':'ll'}", 62,
                  "]}," MODEL "}", BANTAM_OK, "a text that doubles 63 times");
    check_hf_many("{'decoder':{'type':'Sequence','decoders':[{'type':'Replace','pattern':"
                  "{'String':'a'},'content':'aa'}",
                  ",{'type':'Replace','pattern':{'String':'a'},'content':'aa'}", 62,
                  "]}," MODEL "}", EITHER, "tokens that double 63 times");
}

/* ---- tekken, tiktoken, SentencePiece ----------------------------------------------------- */

static void base64_and_ranks_that_are_none(void **state)
{
    (void)state;
    static const char *const texts[] = {"I* 0\n",
                                        "IQ== 4294967295\n",
                                        "IQ== 18446744073709551616",
                                        "\xFF\xFF 0",
                                        "IQ== 0\nIQ== 0\n",
                                        "= 0",
                                        "IQ==",
                                        "  "};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        bnt_spec s;
        bantam_error err = {0};
        begin();
        bnt_spec_init(&s);
        const bantam_status status = bnt_load_tiktoken(&s, texts[i], strlen(texts[i]), &err);
        finish(&s, status, BANTAM_ERR_FORMAT, texts[i], &err);
    }
    bnt_spec s;
    bantam_error err = {0};
    bnt_spec_init(&s);
    begin();
    bantam_status status = bnt_load_tiktoken(&s, "IQ== 0\nIQ== 1\n", 14, &err);
    finish(&s, status, BANTAM_OK, "one token under two ranks", &err);
}

static void check_spm(const bytes *b, int expected, const char *what)
{
    bnt_spec s;
    bantam_error err = {0};
    begin();
    bnt_spec_init(&s);
    const bantam_status status = bnt_load_spm(&s, b->data, b->size, &err);
    if (status) assert_true(spec_is_empty(&s));
    finish(&s, status, expected, what, &err);
}

static bytes sound_spm(void)
{
    bytes b = {0}, m = {0};
    pb_number(&m, 3, 2);
    pb_bytes(&b, 2, m.data, m.size);
    bytes_free(&m);
    pb_piece(&b, "<unk>", 0, 2);
    pb_piece(&b, "<s>", 0, 3);
    pb_piece(&b, "</s>", 0, 3);
    return b;
}

static void protocol_buffers_that_lie(void **state)
{
    (void)state;
    bytes b = sound_spm();
    check_spm(&b, BANTAM_OK, "sound");
    const size_t sound = b.size;
    put(&b, "\x0A\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01", 12);
    check_spm(&b, BANTAM_ERR_FORMAT, "a varint of 11 bytes");
    b.size = sound;
    put(&b, "\x0A\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01", 11);
    check_spm(&b, BANTAM_ERR_FORMAT, "a length of 2^64-1");
    b.size = sound;
    put(&b, "\x00\x00", 2);
    check_spm(&b, BANTAM_ERR_FORMAT, "field 0");
    b.size = sound;
    pb_piece(&b, "\xFF\xFF", 0, 1);
    check_spm(&b, BANTAM_OK, "a piece of FF");
    b.size = sound;
    pb_piece(&b, "x", NAN, 1);
    check_spm(&b, BANTAM_ERR_FORMAT, "a score of NaN");
    b.size = sound;
    for (int i = 0; i < 10000; i++)
        put(&b, "\x1B", 1); /* groups inside groups */
    check_spm(&b, BANTAM_ERR_FORMAT, "10,000 groups");
    bytes_free(&b);

    b = sound_spm();
    bytes nested = {0};
    for (int i = 0; i < 10000; i++) { /* built from the inside, field 2 in field 2 */
        bytes outer = {0};
        pb_bytes(&outer, 2, nested.data, nested.size);
        bytes_free(&nested);
        nested = outer;
        if (nested.size > 60000) break;
    }
    pb_bytes(&b, 4, nested.data, nested.size);
    check_spm(&b, BANTAM_OK, "messages 10,000 deep in a field nobody reads");
    bytes_free(&nested);
    bytes_free(&b);
}

static void many_pieces_of_nothing(void **state)
{
    (void)state;
    bytes b = sound_spm();
    for (int i = 0; i < 1000000; i++)
        put(&b, "\x0A\x00", 2);
    check_spm(&b, BANTAM_ERR_FORMAT, "a million empty pieces");
    bytes_free(&b);
}

static void a_model_cut_or_changed_anywhere(void **state)
{
    (void)state;
    bytes b = sound_spm();
    pb_piece(&b, "<0x41>", 0, 6);
    pb_piece(&b, "\xE2\x96\x81", -1, 1);
    pb_piece(&b, "ab", -2, 1);
    for (size_t n = 0; n < b.size; n++) {
        bytes cut = {0};
        put(&cut, b.data, n);
        check_spm(&cut, EITHER, "a cut model");
        bytes_free(&cut);
    }
    for (size_t i = 0; i < b.size; i++) {
        static const uint8_t flips[] = {0x01, 0x80, 0xFF};
        for (size_t k = 0; k < 3; k++) {
            b.data[i] ^= flips[k];
            check_spm(&b, EITHER, "a changed model");
            b.data[i] ^= flips[k];
        }
    }
    bytes_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(token_lists_of_the_wrong_kind_or_length),
        cmocka_unit_test(scores_and_kinds_without_sense),
        cmocka_unit_test(tokens_with_odd_texts),
        cmocka_unit_test(special_ids_are_never_indices),
        cmocka_unit_test(merges_that_lead_nowhere),
        cmocka_unit_test(character_maps_are_refused_unread),
        cmocka_unit_test(large_vocabularies_take_time_in_proportion),
        cmocka_unit_test(json_that_is_no_tokenizer),
        cmocka_unit_test(ids_and_merges_of_any_size),
        cmocka_unit_test(patterns_that_explode),
        cmocka_unit_test(a_slow_pattern_ends_on_a_long_text),
        cmocka_unit_test(steps_nested_and_repeated),
        cmocka_unit_test(base64_and_ranks_that_are_none),
        cmocka_unit_test(protocol_buffers_that_lie),
        cmocka_unit_test(many_pieces_of_nothing),
        cmocka_unit_test(a_model_cut_or_changed_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
