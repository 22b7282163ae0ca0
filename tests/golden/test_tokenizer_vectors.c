/* test_tokenizer_vectors.c - token ids of the models' own tokenizers, and texts there and back.
 *
 * Every vector below shared/ goes through the loader of its file and the tokenizer. Nothing
 * here was made by this project's own code but the random strings of the round trips.
 */
#include "support.h"

#include "base/json.h"
#include "base/rng.h"
#include "token/load.h"
#include "token/tokenizer.h"

enum { MAX_IDS = 1 << 16, SPECIAL = BANTAM_TOKENIZE_SPECIAL, ADD = BANTAM_TOKENIZE_ADD };

#define TOK      "tokenizers/"
#define LLAMACPP TOK "llama.cpp-vocab-tests/ggml-vocab-"
#define SPM_V3   TOK "mistral-spm-tests/mistral_instruct_tokenizer_240323.model.v3"
#define TEKKEN   TOK "mistral-tekken/tekken_240718.reconstructed.json"

/* ---- helpers ----------------------------------------------------------------------------- */

static bnt_tokenizer *open_tokenizer(const char *name)
{
    bnt_tokenizer *t = NULL;
    bantam_error err = {0};
    bnt_spec spec;

    bnt_spec_init(&spec);
    if (bnt_spec_load(&spec, shared_path(name), &err)) fail_msg("%s", err.message);
    if (bnt_tokenizer_open(&t, &spec, &err)) fail_msg("%s: %s", name, err.message);
    bnt_spec_deinit(&spec);
    return t;
}

static json_t *read_json(const char *name)
{
    json_t *value = NULL;
    bantam_error err = {0};
    size_t size;
    char *const data = read_whole(shared_path(name), &size);

    if (bnt_json_parse(&value, data, size, &err)) fail_msg("%s: %s", name, err.message);
    free(data);
    return value;
}

static size_t encode(const bnt_tokenizer *t, bantam_text text, unsigned flags, uint32_t *ids)
{
    bantam_error err = {0};
    size_t n = 0;

    if (bnt_tokenizer_encode(t, text, flags, ids, MAX_IDS, &n, &err))
        fail_msg("%s", err.message);
    return n;
}

static void print_ids(const char *what, const uint32_t *ids, size_t n)
{
    print_error("%s:", what);
    for (size_t i = 0; i < n && i < 60; i++)
        print_error(" %u", (unsigned)ids[i]);
    print_error("\n");
}

static void check_ids(const bnt_tokenizer *t, const char *what, bantam_text text,
                      unsigned flags, const uint32_t *expected, size_t n_expected)
{
    static uint32_t ids[MAX_IDS];
    const size_t n = encode(t, text, flags, ids);

    if (n == n_expected && (!n || !memcmp(ids, expected, n * sizeof *ids))) return;
    print_ids("expected", expected, n_expected);
    print_ids("found   ", ids, n);
    fail_msg("%s: \"%.*s\"", what, (int)text.size, text.data);
}

static size_t json_ids(const json_t *array, uint32_t *ids)
{
    const size_t n = json_array_size(array);

    assert_true(n <= MAX_IDS);
    for (size_t i = 0; i < n; i++) {
        ids[i] = (uint32_t)json_integer_value(json_array_get(array, i));
    }
    return n;
}

static void check_json(const bnt_tokenizer *t, const char *what, const json_t *text,
                       const json_t *ids, unsigned flags)
{
    static uint32_t expected[MAX_IDS];

    assert_true(json_is_string(text) && json_is_array(ids));
    const size_t n = json_ids(ids, expected);
    check_ids(t, what, bnt_json_text(text), flags, expected, n);
}

/* An array of {text, ids}; special names are parsed where the entry says so or flags do. */
static size_t check_file(const bnt_tokenizer *t, const char *name, const char *ids_key,
                         unsigned flags)
{
    json_t *const cases = read_json(name);
    const size_t n = json_array_size(cases);

    assert_true(n > 0);
    for (size_t i = 0; i < n; i++) {
        const json_t *const c = json_array_get(cases, i);
        const unsigned special =
            json_is_true(json_object_get(c, "parse_special")) ? SPECIAL : 0;
        check_json(t, name, json_object_get(c, "text"), json_object_get(c, ids_key),
                   flags | special);
    }
    json_decref(cases);
    return n;
}

/* ---- llama.cpp's vocabulary tests -------------------------------------------------------- */

/* Texts are split by a separator line; every line of the other file is one text's ids. */
static void check_inp_out(const char *tokenizer, const char *vectors)
{
    static const char separator[] = "\n__ggml_vocab_test__\n";
    static uint32_t expected[MAX_IDS];
    bnt_tokenizer *const t = open_tokenizer(tokenizer);
    char inp_name[256], out_name[256];
    size_t size;

    snprintf(inp_name, sizeof inp_name, "%s.inp", vectors);
    snprintf(out_name, sizeof out_name, "%s.out", vectors);
    char *const inp = read_whole(shared_path(inp_name), &size);
    char *const out = read_whole(shared_path(out_name), NULL);
    char *line = out;
    int n_cases = 0;
    for (char *at = inp; at;) {
        char *const end = strstr(at, separator);
        const bantam_text text = {at, end ? (size_t)(end - at) : (size_t)(inp + size - at)};
        /* The last text is empty; so is its line, which the file does not end. */
        char *const line_end = line + strcspn(line, "\n");
        size_t n = 0;
        for (char *p = line; p < line_end;) {
            char *next;
            const unsigned long id = strtoul(p, &next, 10);
            if (next == p || next > line_end) break;
            expected[n++] = (uint32_t)id;
            p = next;
        }
        check_ids(t, vectors, text, 0, expected, n);
        n_cases++;
        line = *line_end ? line_end + 1 : line_end;
        at = end ? end + strlen(separator) : NULL;
    }
    assert_int_equal(n_cases, 47);
    free(inp);
    free(out);
    bnt_tokenizer_close(t);
}

static void gguf_vocabularies_give_llama_cpps_ids(void **state)
{
    (void)state;
    if (!shared_found(4 * 47)) skip();
    check_inp_out(LLAMACPP "gpt-2.gguf", LLAMACPP "gpt-2.gguf");
    check_inp_out(LLAMACPP "refact.gguf", LLAMACPP "refact.gguf");
    check_inp_out(LLAMACPP "starcoder.gguf", LLAMACPP "starcoder.gguf");
    check_inp_out(LLAMACPP "llama-spm.gguf", LLAMACPP "llama-spm.gguf");
}

static void llama_files_give_llama_cpps_ids(void **state)
{
    (void)state;
    if (!shared_found(2 * 47)) skip();
    check_inp_out(TOK "llama3/tokenizer.model", LLAMACPP "llama-bpe.gguf");
    check_inp_out(TOK "llama2/tokenizer.model", LLAMACPP "llama-spm.gguf");
}

/* ---- per family -------------------------------------------------------------------------- */

static void smollm2_and_phonelm_give_the_known_ids(void **state)
{
    (void)state;
    static const char *const folders[] = {TOK "smollm2", TOK "phonelm"};
    if (!shared_found(2 * (55 + 15))) skip();
    for (int i = 0; i < 2; i++) {
        bnt_tokenizer *const t = open_tokenizer(folders[i]);
        bantam_tokenizer_info info;
        assert_true(check_file(t, TOK "derived-vectors/smollm2_phonelm.json", "ids", 0) >= 47);
        assert_int_equal(check_file(t, "weights/smollm2-token-vectors.json", "ids", SPECIAL),
                         15);
        /* Nothing is added, and both ends of an answer are known. */
        assert_true(check_file(t, TOK "derived-vectors/smollm2_phonelm.json", "ids", ADD) >=
                    47);
        bnt_tokenizer_describe(t, &info);
        assert_int_equal(info.n_tokens, 49152);
        assert_true(bnt_tokenizer_is_stop(t, 0));
        assert_true(bnt_tokenizer_is_stop(t, 2));
        assert_false(bnt_tokenizer_is_stop(t, 1));
        bnt_tokenizer_close(t);
    }
}

static void llama3_gives_metas_ids(void **state)
{
    (void)state;
    static uint32_t ids[MAX_IDS], expected[MAX_IDS];
    if (!shared_found(50 + 3)) skip();
    bnt_tokenizer *const t = open_tokenizer(TOK "llama3");
    assert_true(check_file(t, TOK "derived-vectors/llama3.json", "ids", 0) >= 47);

    json_t *const tests = read_json(TOK "llama3/expected_meta_tests.json");
    bantam_tokenizer_info info;
    bnt_tokenizer_describe(t, &info);
    assert_int_equal(json_array_size(tests), 3);
    /* The first asks for BOS and EOS; what the model's own encoder adds is BOS alone. */
    const json_t *const first = json_array_get(tests, 0);
    const size_t n_expected = json_ids(json_object_get(first, "ids"), expected);
    const size_t n = encode(t, bnt_json_text(json_object_get(first, "text")), ADD, ids);
    assert_int_equal(n + 1, n_expected);
    assert_memory_equal(ids, expected, n * sizeof *ids);
    assert_int_equal(info.eos, expected[n]);
    for (size_t i = 1; i < 3; i++) {
        const json_t *const c = json_array_get(tests, i);
        check_json(t, "meta", json_object_get(c, "text"), json_object_get(c, "ids"), SPECIAL);
    }
    json_decref(tests);
    for (uint32_t id = 128000; id < 128256; id++) {
        const bool stop = id == 128001 || id == 128008 || id == 128009;
        assert_int_equal(bnt_tokenizer_is_stop(t, id), stop);
    }
    bnt_tokenizer_close(t);
}

static void llama2_gives_the_known_ids(void **state)
{
    (void)state;
    if (!shared_found(2 * 47)) skip();
    bnt_tokenizer *t = open_tokenizer(TOK "llama2/tokenizer.model");
    assert_true(check_file(t, TOK "derived-vectors/llama2_amd.json", "ids", 0) >= 47);
    bnt_tokenizer_close(t);
    t = open_tokenizer(LLAMACPP "llama-spm.gguf");
    assert_true(check_file(t, TOK "derived-vectors/llama2_amd.json", "ids", 0) >= 47);
    bnt_tokenizer_close(t);
}

static void tekken_gives_mistrals_ids(void **state)
{
    (void)state;
    if (!shared_found(47 + 12)) skip();
    bnt_tokenizer *const t = open_tokenizer(TEKKEN);
    assert_true(check_file(t, TOK "derived-vectors/tekken_240718.json", "ids", 0) >= 47);
    assert_int_equal(
        check_file(t, TOK "mistral-tekken/expected_tekken_240718.json", "ids_with_bos", ADD),
        12);
    bnt_tokenizer_close(t);
}

/* Mistral's samples write spaces as U+2581, the added leading one of each stretch included, and
 * line breaks as their byte token's name. The text that gives those stretches has spaces, and
 * none after the name of a control token. */
static bantam_text sample_text(const bnt_tokenizer *t, const char *marked, char *out)
{
    static const char mark[] = "\xE2\x96\x81";
    size_t n = 0;
    bool after_control = true;

    for (const char *p = marked; *p;) {
        size_t name = 0;
        for (uint32_t id = 1; id < 16 && !name; id++) {
            const bantam_text text = bnt_tokenizer_text(t, id);
            if (!strncmp(p, text.data, text.size)) name = text.size;
        }
        if (name) {
            memcpy(out + n, p, name);
            n += name;
            p += name;
            after_control = true;
        } else if (!strncmp(p, "<0x0A>", 6)) {
            out[n++] = '\n';
            after_control = false;
            p += 6;
        } else if (!strncmp(p, mark, 3)) {
            if (!after_control) out[n++] = ' ';
            after_control = false;
            p += 3;
        } else {
            out[n++] = *p++;
            after_control = false;
        }
    }
    return (bantam_text){out, n};
}

static void mistrals_sentencepiece_gives_its_ids(void **state)
{
    (void)state;
    static const char *const samples[] = {
        "get_weather_full", "get_weather_no_history", "get_weather_no_system_prompt",
        "no_tools",         "parallel_calls",         "several_calls"};
    static char text[1 << 16];
    if (!shared_found(12 + 6)) skip();
    bnt_tokenizer *const t = open_tokenizer(SPM_V3);
    static uint32_t expected[MAX_IDS];
    assert_int_equal(
        check_file(t, TOK "mistral-spm-tests/expected_spm_v3.json", "ids_with_bos", ADD), 12);
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
        char name[256];
        snprintf(name, sizeof name, TOK "mistral-spm-tests/samples/%s/text_v3.txt", samples[i]);
        char *const marked = read_whole(shared_path(name), NULL);
        snprintf(name, sizeof name, TOK "mistral-spm-tests/samples/%s/tokens_v3.json",
                 samples[i]);
        json_t *const tokens = read_json(name);
        const size_t n = json_ids(json_object_get(tokens, "tokens"), expected);
        check_ids(t, samples[i], sample_text(t, marked, text), SPECIAL, expected, n);
        json_decref(tokens);
        free(marked);
    }
    bnt_tokenizer_close(t);
}

/* ---- models with weights ----------------------------------------------------------------- */

static void golden_models_give_the_ids_of_their_prompts(void **state)
{
    (void)state;
    static const char *const names[] = {"smollm2-a",     "llama32-a",    "amd-a",
                                        "codellama-a",   "phonelm-a",    "phonelm-b",
                                        "ministral8b-a", "ministral3-a", "bluelm-a"};
    if (!shared_found(9 * 3)) skip();
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char name[256];
        snprintf(name, sizeof name, "goldens/lm/%s/golden.json", names[i]);
        json_t *const golden = read_json(name);
        const json_t *const forms = json_object_get(golden, "forms");
        assert_true(json_array_size(forms) > 0);
        for (size_t f = 0; f < json_array_size(forms); f++) {
            bantam_tokenizer_info info;
            snprintf(name, sizeof name, "goldens/lm/%s/%s", names[i],
                     json_string_value(json_array_get(forms, f)));
            bnt_tokenizer *const t = open_tokenizer(name);
            bnt_tokenizer_describe(t, &info);
            assert_int_equal(info.bos, json_integer_value(json_object_get(golden, "bos")));
            assert_int_equal(info.eos, json_integer_value(json_object_get(golden, "eos")));
            assert_int_equal(info.adds_bos, json_is_true(json_object_get(golden, "add_bos")));
            assert_true(bnt_tokenizer_is_stop(t, info.eos));
            const json_t *const prompts = json_object_get(
                json_array_get(json_object_get(golden, "entries"), 0), "prompts");
            assert_true(json_array_size(prompts) > 0);
            for (size_t k = 0; k < json_array_size(prompts); k++) {
                const json_t *const p = json_array_get(prompts, k);
                check_json(t, name, json_object_get(p, "text"), json_object_get(p, "ids"),
                           ADD | SPECIAL);
            }
            bnt_tokenizer_close(t);
        }
        json_decref(golden);
    }
}

static void trained_models_give_the_ids_of_their_runner(void **state)
{
    (void)state;
    if (!shared_found(40)) skip();
    char *const lines = read_whole(shared_path("weights/expected.jsonl"), NULL);
    bnt_tokenizer *t = NULL;
    char opened[256] = "";
    int n_cases = 0;
    char *rest = NULL;
    for (char *line = strtok_r(lines, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        json_t *const run = json_loads(line, 0, NULL);
        const char *const model = json_string_value(json_object_get(run, "model"));
        char name[256];
        assert_non_null(model);
        snprintf(name, sizeof name, "weights/gguf/%.*s-F32.gguf", (int)(strlen(model) - 4),
                 model);
        if (strcmp(name, opened) != 0) {
            bnt_tokenizer_close(t);
            t = open_tokenizer(name);
            snprintf(opened, sizeof opened, "%s", name);
        }
        check_json(t, name, json_object_get(run, "prompt"), json_object_get(run, "prompt_ids"),
                   ADD);
        json_decref(run);
        n_cases++;
    }
    assert_int_equal(n_cases, 40);
    bnt_tokenizer_close(t);
    free(lines);
}

/* tok105.model leaves out the field about extra spaces, so they are removed: SentencePiece's
 * own default. Its GGUF form says nothing of it; on texts without extra spaces both agree. */
static void a_model_that_removes_extra_spaces_does(void **state)
{
    (void)state;
    static const struct {
        const char *text, *same_as;
    } cases[] = {{"  a   b ", "a b"}, {"a ", "a"}, {"   ", ""}, {" a", "a"}};
    static uint32_t ids[MAX_IDS];
    if (!shared_found(4 + 10)) skip();
    bnt_tokenizer *const t = open_tokenizer("weights/tok105.model");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const bantam_text plain = {cases[i].same_as, strlen(cases[i].same_as)};
        const size_t n = encode(t, plain, 0, ids);
        check_ids(t, "tok105", (bantam_text){cases[i].text, strlen(cases[i].text)}, 0, ids, n);
    }
    char *const lines = read_whole(shared_path("weights/expected.jsonl"), NULL);
    char *rest = NULL;
    int n_cases = 0;
    for (char *line = strtok_r(lines, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        json_t *const run = json_loads(line, 0, NULL);
        if (!strcmp(json_string_value(json_object_get(run, "tokenizer")), "tok105.bin")) {
            check_json(t, "tok105", json_object_get(run, "prompt"),
                       json_object_get(run, "prompt_ids"), ADD);
            n_cases++;
        }
        json_decref(run);
    }
    assert_int_equal(n_cases, 10);
    free(lines);
    bnt_tokenizer_close(t);
}

/* ---- there and back ---------------------------------------------------------------------- */

/* Which bytes a tokenizer can spell: some byte-level vocabularies lack those that UTF-8 never
 * has and some controls. Found by encoding each one alone. */
static void find_bytes(const bnt_tokenizer *t, bool *has)
{
    uint32_t ids[16];
    char back[16];

    for (int b = 0; b < 256; b++) {
        const char c = (char)(uint8_t)b;
        size_t n = 0, size = 0;
        assert_int_equal(bnt_tokenizer_encode(t, (bantam_text){&c, 1}, 0, ids, 16, &n, NULL),
                         BANTAM_OK);
        assert_int_equal(bnt_tokenizer_decode(t, ids, n, 0, back, sizeof back, &size, NULL),
                         BANTAM_OK);
        has[b] = size == 1 && back[0] == c;
    }
}

static void check_back(const bnt_tokenizer *t, const char *what, bantam_text text)
{
    static uint32_t ids[MAX_IDS];
    static char back[1 << 20];
    bantam_error err = {0};
    size_t size = 0;
    const size_t n = encode(t, text, ADD, ids);

    if (bnt_tokenizer_decode(t, ids, n, 0, back, sizeof back, &size, &err)) {
        fail_msg("%s", err.message);
    }
    if (size == text.size && (!size || !memcmp(back, text.data, size))) return;
    print_ids("ids ", ids, n);
    print_error("back: \"%.*s\" (%zu bytes for %zu)\n", (int)size, back, size, text.size);
    for (size_t i = 0; i < text.size; i++)
        print_error("%02X ", (unsigned char)text.data[i]);
    fail_msg("%s: \"%.*s\" does not come back", what, (int)text.size, text.data);
}

/* Appends a random piece: any byte, printable ASCII, a control character, or a character. */
static size_t random_piece(bnt_rng *rng, unsigned kind, char *out)
{
    if (kind == 0) {
        out[0] = (char)(uint8_t)bnt_rng_below(rng, 256);
        return 1;
    }
    if (kind == 1) {
        out[0] = (char)(' ' + bnt_rng_below(rng, 95));
        return 1;
    }
    if (kind == 2) {
        out[0] = (char)bnt_rng_below(rng, 33);
        return 1;
    }
    static const uint32_t ends[] = {0x80, 0x800, 0xD800, 0x3100, 0x10FFFF};
    const uint32_t code = (uint32_t)bnt_rng_below(rng, ends[bnt_rng_below(rng, 5)]);
    const uint32_t c = code >= 0xD800 && code < 0xE000 ? 'x' : code;
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    size_t n = 0;
    if (c < 0x800) {
        out[n++] = (char)(uint8_t)(0xC0 | c >> 6);
    } else if (c < 0x10000) {
        out[n++] = (char)(uint8_t)(0xE0 | c >> 12);
        out[n++] = (char)(uint8_t)(0x80 | (c >> 6 & 63));
    } else {
        out[n++] = (char)(uint8_t)(0xF0 | c >> 18);
        out[n++] = (char)(uint8_t)(0x80 | (c >> 12 & 63));
        out[n++] = (char)(uint8_t)(0x80 | (c >> 6 & 63));
    }
    out[n++] = (char)(uint8_t)(0x80 | (c & 63));
    return n;
}

static const char *const all_tokenizers[] = {TOK "smollm2",
                                             TOK "phonelm",
                                             TOK "llama3",
                                             TOK "llama2",
                                             TEKKEN,
                                             SPM_V3,
                                             LLAMACPP "gpt-2.gguf",
                                             LLAMACPP "refact.gguf",
                                             LLAMACPP "starcoder.gguf",
                                             LLAMACPP "llama-spm.gguf"};
enum { N_TOKENIZERS = sizeof all_tokenizers / sizeof all_tokenizers[0] };

/* U+2581 is the one character that SentencePiece cannot tell from a space. */
static bool has_mark(const char *text, size_t size)
{
    for (size_t i = 0; i + 3 <= size; i++) {
        if (!memcmp(text + i, "\xE2\x96\x81", 3)) return true;
    }
    return false;
}

static void random_texts_come_back(void **state)
{
    (void)state;
    if (!shared_found(N_TOKENIZERS * 10000)) skip();
    for (size_t k = 0; k < N_TOKENIZERS; k++) {
        bnt_tokenizer *const t = open_tokenizer(all_tokenizers[k]);
        bool has[256];
        unsigned n_tried = 0;
        bnt_rng rng;
        bnt_rng_seed(&rng, 20240718 + k);
        find_bytes(t, has);
        for (unsigned i = 0; n_tried < 10000; i++) {
            char text[80];
            const size_t length = 1 + (size_t)bnt_rng_below(&rng, 64);
            const unsigned kind = i % 5; /* 4: all of them mixed */
            size_t size = 0;
            while (size < length) {
                const unsigned piece = kind < 4 ? kind : (unsigned)bnt_rng_below(&rng, 4);
                char one[8];
                const size_t n = random_piece(&rng, piece, one);
                bool spelled = size + n <= 64;
                for (size_t b = 0; b < n; b++)
                    spelled = spelled && has[(uint8_t)one[b]];
                if (!spelled && size + n > 64) break;
                if (!spelled) continue;
                memcpy(text + size, one, n);
                size += n;
            }
            if (!size || has_mark(text, size)) continue;
            check_back(t, all_tokenizers[k], (bantam_text){text, size});
            n_tried++;
        }
        bnt_tokenizer_close(t);
    }
}

static void every_line_of_wikitext_comes_back(void **state)
{
    (void)state;
    if (!shared_found(N_TOKENIZERS)) skip();
    size_t size;
    char *const text = read_whole(shared_path("data/wikitext2-test.raw"), &size);
    for (size_t k = 0; k < N_TOKENIZERS; k++) {
        bnt_tokenizer *const t = open_tokenizer(all_tokenizers[k]);
        for (size_t at = 0; at < size;) {
            const char *const end = memchr(text + at, '\n', size - at);
            const size_t n = end ? (size_t)(end + 1 - (text + at)) : size - at;
            check_back(t, all_tokenizers[k], (bantam_text){text + at, n});
            at += n;
        }
        bnt_tokenizer_close(t);
    }
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gguf_vocabularies_give_llama_cpps_ids),
        cmocka_unit_test(llama_files_give_llama_cpps_ids),
        cmocka_unit_test(smollm2_and_phonelm_give_the_known_ids),
        cmocka_unit_test(llama3_gives_metas_ids),
        cmocka_unit_test(llama2_gives_the_known_ids),
        cmocka_unit_test(tekken_gives_mistrals_ids),
        cmocka_unit_test(mistrals_sentencepiece_gives_its_ids),
        cmocka_unit_test(golden_models_give_the_ids_of_their_prompts),
        cmocka_unit_test(trained_models_give_the_ids_of_their_runner),
        cmocka_unit_test(a_model_that_removes_extra_spaces_does),
        cmocka_unit_test(random_texts_come_back),
        cmocka_unit_test(every_line_of_wikitext_comes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
