/* test_tokenizer.c - whole texts to tokens and back, and the ids that the models' own
 * tokenizers give. */
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/rng.h"
#include "specs.h"
#include "support.h"
#include "token/load.h"
#include "token/tokenizer.h"

#include <pthread.h>

enum { MAX_IDS = 8192, WORD = 259 }; /* WORD: the first word of spec_scores() */

static bnt_tokenizer *open_spec(bnt_spec *spec)
{
    bnt_tokenizer *t = NULL;
    bantam_error err = {0};
    if (bnt_tokenizer_open(&t, spec, &err)) fail_msg("%s", err.message);
    bnt_spec_deinit(spec);
    return t;
}

static size_t encode(const bnt_tokenizer *t, bantam_text text, unsigned flags, uint32_t *ids)
{
    bantam_error err = {0};
    size_t n = 0;
    if (bnt_tokenizer_encode(t, text, flags, ids, MAX_IDS, &n, &err)) {
        fail_msg("%s", err.message);
    }
    return n;
}

static void expect(const bnt_tokenizer *t, unsigned flags, const char *text,
                   const uint32_t *expected, size_t n)
{
    uint32_t ids[MAX_IDS];
    const size_t got = encode(t, text_of(text), flags, ids);
    assert_int_equal(got, n);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(ids[i], expected[i]);
    }
}

#define EXPECT(t, flags, text, ...)                                                            \
    do {                                                                                       \
        const uint32_t ids_[] = {__VA_ARGS__};                                                 \
        expect(t, flags, text, ids_, sizeof ids_ / sizeof ids_[0]);                            \
    } while (0)

static const char *const words[] = {"\xE2\x96\x81",
                                    "a",
                                    "b",
                                    "\xE2\x96\x81"
                                    "a",
                                    "ab",
                                    "\xE2\x96\x81\xE2\x96\x81",
                                    NULL};

/* Token SPECIAL is "<x>", a control token; USER is "[u]", a user-defined one. */
enum { SPECIAL = WORD + 6, USER = WORD + 7 };
static const char *const words_and_names[] = {"\xE2\x96\x81",
                                              "a",
                                              "b",
                                              "\xE2\x96\x81"
                                              "a",
                                              "ab",
                                              "\xE2\x96\x81\xE2\x96\x81",
                                              "<x>",
                                              "[u]",
                                              NULL};

static void make_named(bnt_spec *spec, uint8_t special_flags, uint8_t user_flags)
{
    spec_scores(spec, words_and_names);
    spec->tokens[SPECIAL].kind = BNT_TOKEN_CONTROL;
    spec->tokens[SPECIAL].added = special_flags;
    spec->tokens[USER].kind = BNT_TOKEN_USER_DEFINED;
    spec->tokens[USER].added = user_flags;
}

/* ---- by hand ---- */

static void a_text_is_normalized_and_merged(void **state)
{
    (void)state;
    bnt_spec spec;
    spec_scores(&spec, words);
    bnt_tokenizer *t = open_spec(&spec);
    EXPECT(t, 0, "a", WORD + 3);
    EXPECT(t, 0, "a b", WORD + 3, WORD, WORD + 2);
    EXPECT(t, 0, " a", WORD, WORD + 3);
    EXPECT(t, 0, "  ", WORD + 5, WORD);
    EXPECT(t, 0, "bab", WORD, WORD + 2, WORD + 4);
    EXPECT(t, 0, "\xC3\xA9", WORD, 3 + 0xC3, 3 + 0xA9);
    expect(t, 0, "", NULL, 0);
    bnt_tokenizer_close(t);
}

static void control_names_in_a_text_stay_text_unless_asked_for(void **state)
{
    (void)state;
    bnt_spec spec;
    make_named(&spec, 0, 0);
    bnt_tokenizer *t = open_spec(&spec);
    EXPECT(t, BANTAM_TOKENIZE_SPECIAL, "<x>", SPECIAL);
    EXPECT(t, BANTAM_TOKENIZE_SPECIAL, "<unk><s>", 0, 1);
    EXPECT(t, 0, "<x>", WORD, 3 + '<', 3 + 'x', 3 + '>');
    EXPECT(t, 0, "[u]", USER);
    EXPECT(t, BANTAM_TOKENIZE_SPECIAL, "[u]<x>[u]", USER, SPECIAL, USER);
    bnt_tokenizer_close(t);
}

/* As Hugging Face's Prepend normalizer and llama.cpp do. */
static void each_stretch_between_names_is_normalized_on_its_own(void **state)
{
    (void)state;
    bnt_spec spec;
    make_named(&spec, 0, 0);
    bnt_tokenizer *t = open_spec(&spec);
    EXPECT(t, BANTAM_TOKENIZE_SPECIAL, "a<x>a[u]b", WORD + 3, SPECIAL, WORD + 3, USER, WORD,
           WORD + 2);
    bnt_tokenizer_close(t);
}

static void names_swallow_white_space_where_asked_for(void **state)
{
    (void)state;
    bnt_spec spec;
    make_named(&spec, BNT_ADDED_LSTRIP, BNT_ADDED_RSTRIP);
    bnt_tokenizer *t = open_spec(&spec);
    EXPECT(t, BANTAM_TOKENIZE_SPECIAL, "a  <x>[u] \na", WORD + 3, SPECIAL, USER, WORD + 3);
    bnt_tokenizer_close(t);
}

/* A normalized name is itself normalized: here it begins with the prefix and is found where the
 * text has one, at its start and after a space. */
static void normalized_names_are_found_in_normalized_text(void **state)
{
    (void)state;
    bnt_spec spec;
    make_named(&spec, 0, BNT_ADDED_NORMALIZED);
    bnt_tokenizer *t = open_spec(&spec);
    EXPECT(t, 0, "[u]a [u]", USER, WORD + 1, USER);
    EXPECT(t, 0, "a[u]", WORD + 3, 3 + '[', 3 + 'u', 3 + ']');
    EXPECT(t, BANTAM_TOKENIZE_SPECIAL, "<x>[u]", SPECIAL, USER);
    bnt_tokenizer_close(t);
}

static void names_as_they_stand_come_before_normalized_ones(void **state)
{
    (void)state;
    bnt_spec spec;
    spec_scores(&spec, words_and_names);
    spec.n_normal = 0;
    spec_token(&spec, SPECIAL, "aab", 3, BNT_TOKEN_USER_DEFINED);
    spec.tokens[SPECIAL].added = BNT_ADDED_NORMALIZED;
    spec_token(&spec, USER, "ab", 2, BNT_TOKEN_USER_DEFINED);
    bnt_tokenizer *t = open_spec(&spec);
    EXPECT(t, 0, "aab", WORD + 1, USER);
    bnt_tokenizer_close(t);
}

static void begin_and_end_are_added_where_the_model_adds_them(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        uint32_t expected[3];
        size_t n = 0;
        bnt_spec spec;
        spec_scores(&spec, words);
        spec.adds_bos = i & 1;
        spec.adds_eos = i & 2;
        bnt_tokenizer *t = open_spec(&spec);
        if (i & 1) expected[n++] = 1;
        expected[n++] = WORD + 3;
        if (i & 2) expected[n++] = 2;
        expect(t, BANTAM_TOKENIZE_ADD, "a", expected, n);
        EXPECT(t, 0, "a", WORD + 3);
        bnt_tokenizer_close(t);
    }
}

static void ids_of_names_outside_the_vocabulary_count_as_none(void **state)
{
    (void)state;
    bnt_spec spec;
    bantam_tokenizer_info info;
    spec_scores(&spec, words);
    spec.bos = 300;
    spec.eos = 0x80000000u;
    spec.unk = UINT32_MAX - 1;
    spec.adds_bos = spec.adds_eos = true;
    spec.stops[0] = 300;
    spec.stops[1] = 2;
    spec.n_stops = 2;
    bnt_tokenizer *t = open_spec(&spec);
    bnt_tokenizer_describe(t, &info);
    assert_int_equal(info.bos, BANTAM_NO_TOKEN);
    assert_int_equal(info.eos, BANTAM_NO_TOKEN);
    assert_int_equal(info.unk, BANTAM_NO_TOKEN);
    EXPECT(t, BANTAM_TOKENIZE_ADD, "a", WORD + 3);
    assert_false(bnt_tokenizer_is_stop(t, 300));
    assert_true(bnt_tokenizer_is_stop(t, 2));
    assert_false(bnt_tokenizer_is_stop(t, 1));
    bnt_tokenizer_close(t);
}

static void facts_are_those_of_the_spec(void **state)
{
    (void)state;
    bnt_spec spec;
    bantam_tokenizer_info info;
    make_named(&spec, 0, 0);
    spec.pad = 7;
    spec.chat_template = text_of("{{ x }}");
    bnt_tokenizer *t = open_spec(&spec);
    bnt_tokenizer_describe(t, &info);
    assert_int_equal(info.n_tokens, USER + 1);
    assert_int_equal(info.bos, 1);
    assert_int_equal(info.eos, 2);
    assert_int_equal(info.unk, 0);
    assert_int_equal(info.pad, 7);
    assert_true(info.has_template);
    assert_int_equal(info.kind.size, 4);
    assert_memory_equal(info.kind.data, "test", 4);
    assert_int_equal(bnt_tokenizer_template(t).size, 7);
    assert_memory_equal(bnt_tokenizer_template(t).data, "{{ x }}", 7);
    assert_int_equal(bnt_tokenizer_kind(t, SPECIAL), BNT_TOKEN_CONTROL);
    assert_int_equal(bnt_tokenizer_kind(t, 3), BNT_TOKEN_BYTE);
    assert_memory_equal(bnt_tokenizer_text(t, WORD + 3).data, " a", 2);
    assert_int_equal(bnt_tokenizer_text(t, USER + 1).size, 0);
    assert_null(bnt_tokenizer_text(t, USER + 1).data);
    assert_null(bnt_tokenizer_text(t, UINT32_MAX).data);
    bnt_tokenizer_close(t);
}

static void too_little_room_gives_the_first_ids_and_the_number_of_all(void **state)
{
    (void)state;
    bnt_spec spec;
    uint32_t ids[3] = {9, 9, 9};
    size_t n;
    bantam_error err;
    spec_scores(&spec, words);
    bnt_tokenizer *t = open_spec(&spec);
    assert_int_equal(bnt_tokenizer_encode(t, text_of("a b"), 0, ids, 2, &n, &err),
                     BANTAM_ERR_FULL);
    assert_int_equal(n, 3);
    assert_int_equal(ids[0], WORD + 3);
    assert_int_equal(ids[1], WORD);
    assert_int_equal(ids[2], 9);
    assert_non_null(strstr(err.message, "3 tokens"));
    assert_int_equal(bnt_tokenizer_encode(t, text_of("a b"), 0, NULL, 0, &n, NULL),
                     BANTAM_ERR_FULL);
    assert_int_equal(n, 3);
    bnt_tokenizer_close(t);
}

static void a_text_too_long_is_refused_before_it_is_read(void **state)
{
    (void)state;
    bnt_spec spec;
    size_t n = 5;
    spec_scores(&spec, words);
    bnt_tokenizer *t = open_spec(&spec);
    const bantam_text text = {"a", (size_t)BNT_MAX_PROMPT_BYTES + 1};
    assert_int_equal(bnt_tokenizer_encode(t, text, 0, NULL, 0, &n, NULL), BANTAM_ERR_FULL);
    assert_int_equal(n, 0);
    bnt_tokenizer_close(t);
}

static void a_vocabulary_without_bytes_sees_replacement_characters(void **state)
{
    (void)state;
    static const char *const some[] = {"a", "\xEF\xBF\xBD", NULL};
    bnt_spec spec;
    spec_scores(&spec, some);
    spec.byte_fallback = false;
    spec.n_normal = 0;
    bnt_tokenizer *t = open_spec(&spec);
    EXPECT(t, 0,
           "a\xFF"
           "a\xE2\x96",
           WORD, WORD + 1, WORD, WORD + 1);
    EXPECT(t, 0, "ba", 0, WORD);
    bnt_tokenizer_close(t);
}

static void a_byte_that_nothing_covers_is_named(void **state)
{
    (void)state;
    bnt_spec spec;
    size_t n = 5;
    bantam_error err;
    spec_make(&spec, BNT_VOCAB_BPE_RANKS, 1, 0);
    spec.byte_level = true;
    spec_token(&spec, 0, "a", 1, BNT_TOKEN_NORMAL);
    bnt_tokenizer *t = open_spec(&spec);
    EXPECT(t, 0, "aa", 0, 0);
    assert_int_equal(bnt_tokenizer_encode(t, text_of("ab"), 0, NULL, 0, &n, &err),
                     BANTAM_ERR_FORMAT);
    assert_int_equal(n, 0);
    assert_non_null(strstr(err.message, "0x62"));
    bnt_tokenizer_close(t);
}

static void make_round_trip_spec(bnt_spec *spec, int kind)
{
    static const char *const merges[] = {"a|a", "aa|aa",     "\xE2|\x96", "\xE2\x96|\x81",
                                         " |a", "\xFF|\xFF", NULL};
    static const char *const ranks[] = {"aa", "\xE2\x96", " a", "\xFF\xFF", "aaa", "1a", NULL};
    if (kind == 0) {
        spec_bytes(spec, BNT_VOCAB_BPE_MERGES, merges);
    } else if (kind == 1) {
        spec_bytes(spec, BNT_VOCAB_BPE_RANKS, ranks);
        spec->ignore_merges = true;
    } else {
        spec_scores(spec, words);
    }
    if (kind < 2) {
        spec_split(spec, "\\p{N}", BNT_SPLIT_ISOLATED);
        spec_split(spec, "\\s+(?!\\S)|\\s?\\p{L}+|\\s+", BNT_SPLIT_ISOLATED);
    }
}

static void any_bytes_come_back_as_they_were(void **state)
{
    (void)state;
    static const char *const units[] = {"a",        " ",    "1",        "\xE2\x96\x81",
                                        "\xE2",     "\xFF", "\xF0\x9F", "\n",
                                        "\xC3\xA9", "aaaa", "\0"};
    bnt_rng rng;
    bnt_rng_seed(&rng, 5);
    for (int kind = 0; kind < 3; kind++) {
        bnt_spec spec;
        make_round_trip_spec(&spec, kind);
        bnt_tokenizer *t = open_spec(&spec);
        for (int i = 0; i < 500; i++) {
            char text[1024], back[1024];
            uint32_t ids[MAX_IDS];
            size_t size = 0, back_size;
            const size_t n_units = bnt_rng_below(&rng, i % 10 == 0 ? 200 : 20);
            for (size_t k = 0; k < n_units; k++) {
                const size_t u = bnt_rng_below(&rng, 11);
                const size_t unit_size = u == 10 ? 1 : strlen(units[u]);
                memcpy(text + size, units[u], unit_size);
                size += unit_size;
            }
            /* SentencePiece writes its own sign for a space; a text that has it comes back with
             * spaces. */
            for (size_t k = 0; kind == 2 && k + 2 < size; k++) {
                if (memcmp(text + k, "\xE2\x96\x81", 3) == 0) text[k] = 'a';
            }
            const bantam_text in = {text, size};
            const size_t n = encode(t, in, 0, ids);
            assert_int_equal(
                bnt_tokenizer_decode(t, ids, n, 0, back, sizeof back, &back_size, NULL),
                BANTAM_OK);
            assert_int_equal(back_size, size);
            assert_memory_equal(back, text, size);
        }
        bnt_tokenizer_close(t);
    }
}

static void memory_is_what_is_said(void **state)
{
    (void)state;
    bnt_spec spec;
    bnt_tokenizer *t;
    make_named(&spec, 0, 0);
    const int64_t before = bnt_mem_live_bytes();
    assert_int_equal(bnt_tokenizer_open(&t, &spec, NULL), BANTAM_OK);
    const double held = (double)(bnt_mem_live_bytes() - before);
    const double said = (double)bnt_tokenizer_bytes(t);
    assert_true(said >= 0.97 * held && said <= 1.03 * held);
    bnt_tokenizer_close(t);
    bnt_spec_deinit(&spec);
    assert_true(bnt_mem_live_bytes() < before);
}

static void encoding_gives_back_all_memory(void **state)
{
    (void)state;
    bnt_spec spec;
    uint32_t ids[MAX_IDS];
    char text[2000];
    make_named(&spec, 0, BNT_ADDED_NORMALIZED);
    bnt_tokenizer *t = open_spec(&spec);
    memset(text, 'a', sizeof text);
    const int64_t live = bnt_mem_live();
    const bantam_text in = {text, sizeof text};
    encode(t, in, BANTAM_TOKENIZE_SPECIAL, ids);
    assert_int_equal(bnt_mem_live(), live);
    bnt_tokenizer_close(t);
}

static void every_failed_allocation_is_reported(void **state)
{
    (void)state;
    for (int kind = 0; kind < 3; kind++) {
        uint32_t ids[512];
        bnt_spec spec;
        bantam_status status;
        uint64_t n = 0;
        if (kind == 2) {
            make_named(&spec, BNT_ADDED_WORD, BNT_ADDED_NORMALIZED);
        } else {
            make_round_trip_spec(&spec, kind);
        }
        const int64_t live = bnt_mem_live();
        do {
            bnt_tokenizer *t = NULL;
            bantam_error err = {0};
            size_t n_ids = 1;
            bnt_mem_fail_after(n++);
            status = bnt_tokenizer_open(&t, &spec, &err);
            assert_true(!!t == !status);
            if (!status) {
                static const char text[] =
                    "<x> a [u] aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa 1 bababababababa";
                status = bnt_tokenizer_encode(t, text_of(text), BANTAM_TOKENIZE_SPECIAL, ids,
                                              512, &n_ids, &err);
                if (status) assert_int_equal(n_ids, 0);
            }
            assert_int_equal(err.status, status);
            assert_true(status == BANTAM_OK || status == BANTAM_ERR_NOMEM);
            bnt_tokenizer_close(t);
            assert_int_equal(bnt_mem_live(), live);
        } while (status && n < 200);
        bnt_mem_fail_after(UINT64_MAX);
        assert_int_equal(status, BANTAM_OK);
        assert_true(n > 20);
        bnt_spec_deinit(&spec);
    }
}

static void *encode_many(void *arg)
{
    const bnt_tokenizer *t = arg;
    uint32_t ids[64];
    for (int i = 0; i < 2000; i++) {
        size_t n = 0;
        if (bnt_tokenizer_encode(t, text_of("a <x> b [u] ab"), BANTAM_TOKENIZE_SPECIAL, ids, 64,
                                 &n, NULL) ||
            n != 8) {
            return arg;
        }
    }
    return NULL;
}

static void threads_may_share_a_tokenizer(void **state)
{
    (void)state;
    enum { N = 4 };
    pthread_t threads[N];
    bnt_spec spec;
    make_named(&spec, BNT_ADDED_LSTRIP, BNT_ADDED_RSTRIP);
    bnt_tokenizer *t = open_spec(&spec);
    for (int i = 0; i < N; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, encode_many, t), 0);
    }
    for (int i = 0; i < N; i++) {
        void *failed = t;
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
    bnt_tokenizer_close(t);
}

/* A hundred thousand names of control tokens in a user's text stay text. */
static void many_names_in_a_text_stay_text(void **state)
{
    (void)state;
    enum { N = 100000 };
    char *text = malloc(3 * N);
    size_t n = 0;
    bnt_spec spec;
    assert_non_null(text);
    for (size_t i = 0; i < N; i++) {
        memcpy(text + 3 * i, "<x>", 3);
    }
    make_named(&spec, 0, 0);
    bnt_tokenizer *t = open_spec(&spec);
    const bantam_text in = {text, 3 * N};
    assert_int_equal(bnt_tokenizer_encode(t, in, 0, NULL, 0, &n, NULL), BANTAM_ERR_FULL);
    assert_int_equal(n, 3 * N + 1);
    assert_int_equal(bnt_tokenizer_encode(t, in, BANTAM_TOKENIZE_SPECIAL, NULL, 0, &n, NULL),
                     BANTAM_ERR_FULL);
    assert_int_equal(n, N);
    bnt_tokenizer_close(t);
    free(text);
}

/* ---- the models' own tokenizers ---- */

static bnt_tokenizer *open_shared(const char *name)
{
    bnt_spec spec;
    bantam_error err = {0};
    bnt_spec_init(&spec);
    if (bnt_spec_load(&spec, shared_path(name), &err)) fail_msg("%s", err.message);
    return open_spec(&spec);
}

/* Checks one text; gives false and says why where the ids differ. */
static bool agrees(const bnt_tokenizer *t, bantam_text text, unsigned flags,
                   const uint32_t *expected, size_t n_expected)
{
    uint32_t ids[MAX_IDS];
    const size_t n = encode(t, text, flags, ids);
    size_t i = 0;
    while (i < n && i < n_expected && ids[i] == expected[i]) {
        i++;
    }
    if (i == n && n == n_expected) return true;
    print_error("text \"%.60s\": %zu ids, expected %zu, first difference at %zu\n", text.data,
                n, n_expected, i);
    return false;
}

/* Byte-level tokenizers give every text back; SentencePiece too, as it adds a space and drops
 * it. */
static void check_round_trip(const bnt_tokenizer *t, bantam_text text)
{
    uint32_t ids[MAX_IDS];
    size_t size;
    char *back = malloc(text.size + 1);
    assert_non_null(back);
    const size_t n = encode(t, text, 0, ids);
    assert_int_equal(bnt_tokenizer_decode(t, ids, n, 0, back, text.size, &size, NULL),
                     BANTAM_OK);
    assert_int_equal(size, text.size);
    assert_memory_equal(back, text.data, size);
    free(back);
}

static json_t *read_json(const char *path)
{
    json_error_t err;
    json_t *root = json_load_file(path, 0, &err);
    if (!root) fail_msg("%s: %s", path, err.text);
    return root;
}

static size_t read_ids(const json_t *array, uint32_t *ids)
{
    const size_t n = json_array_size(array);
    assert_true(n <= MAX_IDS);
    for (size_t i = 0; i < n; i++) {
        ids[i] = (uint32_t)json_integer_value(json_array_get(array, i));
    }
    return n;
}

/* An array of {"text", key}. with_bos: the ids begin with the one that the model adds. */
static void check_vectors(const char *model, const char *vectors, const char *key,
                          bool with_bos, unsigned flags)
{
    bnt_tokenizer *t = open_shared(model);
    json_t *root = read_json(shared_path(vectors));
    size_t index, n_bad = 0;
    json_t *entry;
    bantam_tokenizer_info info;
    bnt_tokenizer_describe(t, &info);
    assert_true(json_array_size(root) > 2);
    json_array_foreach(root, index, entry)
    {
        uint32_t ids[MAX_IDS];
        const bantam_text text = bnt_json_text(json_object_get(entry, "text"));
        const size_t n = read_ids(json_object_get(entry, key), ids);
        const size_t skip = with_bos ? 1 : 0;
        if (with_bos) assert_int_equal(ids[0], info.bos);
        n_bad += !agrees(t, text, flags, ids + skip, n - skip);
        check_round_trip(t, text);
    }
    json_decref(root);
    bnt_tokenizer_close(t);
    assert_int_equal(n_bad, 0);
}

/* Texts with a line between them, and a line of ids for each. */
static void check_llama_cpp(const char *model, const char *vectors)
{
    static const char between[] = "\n__ggml_vocab_test__\n";
    char name[256];
    size_t n_bad = 0, n_texts = 0;
    bnt_tokenizer *t = open_shared(model);
    snprintf(name, sizeof name, "tokenizers/llama.cpp-vocab-tests/%s.inp", vectors);
    char *in = read_whole(shared_path(name), NULL);
    snprintf(name, sizeof name, "tokenizers/llama.cpp-vocab-tests/%s.out", vectors);
    char *out = read_whole(shared_path(name), NULL);
    char *line = out;
    for (char *text = in; text;) {
        uint32_t ids[MAX_IDS];
        size_t n = 0;
        char *const end = strstr(text, between);
        const bantam_text one = {text, end ? (size_t)(end - text) : strlen(text)};
        char *const line_end = line + strcspn(line, "\n");
        while (line < line_end) {
            char *after;
            const unsigned long id = strtoul(line, &after, 10);
            if (after == line) break;
            ids[n++] = (uint32_t)id;
            line = after;
            while (*line == ' ') {
                line++;
            }
        }
        line = *line_end ? line_end + 1 : line_end;
        n_bad += !agrees(t, one, 0, ids, n);
        check_round_trip(t, one);
        n_texts++;
        text = end ? end + sizeof between - 1 : NULL;
    }
    free(in);
    free(out);
    bnt_tokenizer_close(t);
    assert_int_equal(n_texts, 47);
    assert_int_equal(n_bad, 0);
}

static void ids_are_those_of_llama_cpp(void **state)
{
    (void)state;
    static const char *const kinds[] = {"gpt-2", "llama-spm", "refact", "starcoder"};
    if (!shared_found(5)) skip();
    for (size_t i = 0; i < 4; i++) {
        char model[256], vectors[64];
        snprintf(vectors, sizeof vectors, "ggml-vocab-%s.gguf", kinds[i]);
        snprintf(model, sizeof model, "tokenizers/llama.cpp-vocab-tests/%s", vectors);
        check_llama_cpp(model, vectors);
    }
    check_llama_cpp("tokenizers/llama3/tokenizer.model", "ggml-vocab-llama-bpe.gguf");
}

static void ids_are_those_of_smollm2_and_phonelm(void **state)
{
    (void)state;
    if (!shared_found(2)) skip();
    check_vectors("tokenizers/smollm2", "tokenizers/derived-vectors/smollm2_phonelm.json",
                  "ids", false, BANTAM_TOKENIZE_SPECIAL);
    check_vectors("tokenizers/phonelm", "tokenizers/derived-vectors/smollm2_phonelm.json",
                  "ids", false, BANTAM_TOKENIZE_SPECIAL);
}

static void ids_are_those_of_llama3(void **state)
{
    (void)state;
    if (!shared_found(1)) skip();
    check_vectors("tokenizers/llama3/tokenizer.model", "tokenizers/derived-vectors/llama3.json",
                  "ids", false, BANTAM_TOKENIZE_SPECIAL);
}

/* The first one was made with begin and end added, the others have all names in their text. */
static void ids_are_those_of_metas_tests(void **state)
{
    (void)state;
    if (!shared_found(3)) skip();
    bnt_tokenizer *t = open_shared("tokenizers/llama3/tokenizer.model");
    json_t *root = read_json(shared_path("tokenizers/llama3/expected_meta_tests.json"));
    assert_int_equal(json_array_size(root), 3);
    for (size_t i = 0; i < 3; i++) {
        uint32_t ids[MAX_IDS];
        const json_t *entry = json_array_get(root, i);
        const bantam_text text = bnt_json_text(json_object_get(entry, "text"));
        const size_t n = read_ids(json_object_get(entry, "ids"), ids);
        const size_t skipped = i == 0 ? 1 : 0;
        assert_true(agrees(t, text, BANTAM_TOKENIZE_SPECIAL, ids + skipped, n - 2 * skipped));
    }
    json_decref(root);
    bnt_tokenizer_close(t);
}

static void ids_are_those_of_llama2(void **state)
{
    (void)state;
    if (!shared_found(1)) skip();
    check_vectors("tokenizers/llama2/tokenizer.model",
                  "tokenizers/derived-vectors/llama2_amd.json", "ids", false, 0);
}

static void ids_are_those_of_tekken(void **state)
{
    (void)state;
    static const char model[] = "tokenizers/mistral-tekken/tekken_240718.reconstructed.json";
    if (!shared_found(2)) skip();
    check_vectors(model, "tokenizers/derived-vectors/tekken_240718.json", "ids", false,
                  BANTAM_TOKENIZE_SPECIAL);
    check_vectors(model, "tokenizers/mistral-tekken/expected_tekken_240718.json",
                  "ids_with_bos", true, 0);
}

/* mistral-common prints pieces: the sign for a space where the encoder put one, and a line's
 * end as a byte's name. The text that was encoded lacks the first space after each name. */
static size_t plain_from_pieces(char *text)
{
    size_t from = 0, to = 0;
    bool after_name = false;
    while (text[from]) {
        static const char *const names[] = {"<s>",
                                            "</s>",
                                            "[INST]",
                                            "[/INST]",
                                            "[TOOL_CALLS]",
                                            "[AVAILABLE_TOOLS]",
                                            "[/AVAILABLE_TOOLS]",
                                            "[TOOL_RESULTS]",
                                            "[/TOOL_RESULTS]"};
        size_t size = 1;
        bool is_name = false;
        for (size_t i = 0; i < 9 && !is_name; i++) {
            is_name = strncmp(text + from, names[i], strlen(names[i])) == 0;
            if (is_name) size = strlen(names[i]);
        }
        if (!is_name && strncmp(text + from, "\xE2\x96\x81", 3) == 0) {
            from += 3;
            if (!after_name) text[to++] = ' ';
        } else if (strncmp(text + from, "<0x0A>", 6) == 0) {
            from += 6;
            text[to++] = '\n';
        } else {
            memmove(text + to, text + from, size);
            to += size;
            from += size;
        }
        after_name = is_name;
    }
    text[to] = '\0';
    return to;
}

static void ids_are_those_of_mistrals_sentencepiece(void **state)
{
    (void)state;
    static const char model[] =
        "tokenizers/mistral-spm-tests/mistral_instruct_tokenizer_240323.model.v3";
    static const char *const samples[] = {
        "get_weather_full", "get_weather_no_history", "get_weather_no_system_prompt",
        "no_tools",         "parallel_calls",         "several_calls"};
    if (!shared_found(7)) skip();
    check_vectors(model, "tokenizers/mistral-spm-tests/expected_spm_v3.json", "ids_with_bos",
                  true, 0);
    bnt_tokenizer *t = open_shared(model);
    for (size_t i = 0; i < 6; i++) {
        char name[256];
        uint32_t ids[MAX_IDS];
        snprintf(name, sizeof name, "tokenizers/mistral-spm-tests/samples/%s/text_v3.txt",
                 samples[i]);
        char *text = read_whole(shared_path(name), NULL);
        const bantam_text one = {text, plain_from_pieces(text)};
        snprintf(name, sizeof name, "tokenizers/mistral-spm-tests/samples/%s/tokens_v3.json",
                 samples[i]);
        json_t *root = read_json(shared_path(name));
        const size_t n = read_ids(json_object_get(root, "tokens"), ids);
        assert_true(agrees(t, one, BANTAM_TOKENIZE_SPECIAL, ids, n));
        json_decref(root);
        free(text);
    }
    bnt_tokenizer_close(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_text_is_normalized_and_merged),
        cmocka_unit_test(control_names_in_a_text_stay_text_unless_asked_for),
        cmocka_unit_test(each_stretch_between_names_is_normalized_on_its_own),
        cmocka_unit_test(names_swallow_white_space_where_asked_for),
        cmocka_unit_test(normalized_names_are_found_in_normalized_text),
        cmocka_unit_test(names_as_they_stand_come_before_normalized_ones),
        cmocka_unit_test(begin_and_end_are_added_where_the_model_adds_them),
        cmocka_unit_test(ids_of_names_outside_the_vocabulary_count_as_none),
        cmocka_unit_test(facts_are_those_of_the_spec),
        cmocka_unit_test(too_little_room_gives_the_first_ids_and_the_number_of_all),
        cmocka_unit_test(a_text_too_long_is_refused_before_it_is_read),
        cmocka_unit_test(a_vocabulary_without_bytes_sees_replacement_characters),
        cmocka_unit_test(a_byte_that_nothing_covers_is_named),
        cmocka_unit_test(any_bytes_come_back_as_they_were),
        cmocka_unit_test(memory_is_what_is_said),
        cmocka_unit_test(encoding_gives_back_all_memory),
        cmocka_unit_test(every_failed_allocation_is_reported),
        cmocka_unit_test(threads_may_share_a_tokenizer),
        cmocka_unit_test(many_names_in_a_text_stay_text),
        cmocka_unit_test(ids_are_those_of_llama_cpp),
        cmocka_unit_test(ids_are_those_of_smollm2_and_phonelm),
        cmocka_unit_test(ids_are_those_of_llama3),
        cmocka_unit_test(ids_are_those_of_metas_tests),
        cmocka_unit_test(ids_are_those_of_llama2),
        cmocka_unit_test(ids_are_those_of_tekken),
        cmocka_unit_test(ids_are_those_of_mistrals_sentencepiece),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
