/* test_bpe.c - merging, against the definition carried out word for word. */
#include "base/mem.h"
#include "base/rng.h"
#include "base/utf8.h"
#include "specs.h"
#include "support.h"
#include "token/bpe.h"

#include <math.h>

enum { MAX_TEXT = 512 };

/* A vocabulary with its encoder. */
typedef struct fixture {
    bnt_spec spec;
    bnt_vocab vocab;
    bnt_bpe bpe;
    bnt_bpe_scratch scratch;
} fixture;

static void open_fixture(fixture *f)
{
    bantam_error err = {0};
    if (bnt_vocab_open(&f->vocab, &f->spec, &err)) fail_msg("%s", err.message);
    if (bnt_bpe_open(&f->bpe, &f->vocab, &f->spec, &err)) fail_msg("%s", err.message);
    f->scratch = (bnt_bpe_scratch){0};
}

static void close_fixture(fixture *f)
{
    bnt_bpe_scratch_deinit(&f->scratch);
    bnt_bpe_close(&f->bpe);
    bnt_vocab_close(&f->vocab);
    bnt_spec_deinit(&f->spec);
}

static void expect(fixture *f, const char *text, size_t size, const uint32_t *ids, size_t n)
{
    uint32_t got[4 * MAX_TEXT];
    bnt_ids out = {got, 4 * MAX_TEXT, 0};
    bantam_error err = {0};
    const bantam_text piece = {text, size};
    if (bnt_bpe_encode(&f->bpe, &f->scratch, piece, &out, &err)) fail_msg("%s", err.message);
    assert_int_equal(out.n, n);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(got[i], ids[i]);
    }
}

#define EXPECT(f, text, ...)                                                                   \
    do {                                                                                       \
        const uint32_t ids_[] = {__VA_ARGS__};                                                 \
        expect(f, text, strlen(text), ids_, sizeof ids_ / sizeof ids_[0]);                     \
    } while (0)

/* ---- the definition ---- */

typedef struct naive_symbol {
    size_t start, size;
    uint32_t id;
} naive_symbol;

/* Whether two symbols merge, how early, and into what: better is true where the rank of the new
 * pair comes strictly before the one found so far. */
static bool naive_better(const bnt_spec *spec, const char *text, const naive_symbol *l,
                         const naive_symbol *r, bool have, double *rank, uint32_t *made)
{
    double found = 0;
    uint32_t id = BANTAM_NO_TOKEN;
    if (spec->kind == BNT_VOCAB_BPE_MERGES) {
        for (uint32_t i = 0; i < spec->n_merges && id == BANTAM_NO_TOKEN; i++) {
            if (spec->merges[i].left != l->id || spec->merges[i].right != r->id) continue;
            id = spec->merges[i].result;
            found = i;
        }
    } else {
        id = spec_find(spec, text + l->start, l->size + r->size);
        if (id != BANTAM_NO_TOKEN) {
            found = spec->kind == BNT_VOCAB_BPE_RANKS ? (double)id
                                                      : -(double)spec->tokens[id].score;
        }
    }
    if (id == BANTAM_NO_TOKEN || (have && found >= *rank)) return false;
    *rank = found;
    *made = id;
    return true;
}

static size_t naive_encode(const bnt_spec *spec, const char *text, size_t size, uint32_t *out)
{
    naive_symbol s[MAX_TEXT];
    size_t n = 0, n_out = 0;
    for (size_t at = 0; at < size; n++) {
        uint32_t code;
        const size_t step = spec->byte_level ? 1 : bnt_utf8_decode(text + at, size - at, &code);
        s[n] = (naive_symbol){at, step, spec_find(spec, text + at, step)};
        at += step;
    }
    for (;;) {
        bool have = false;
        double rank = 0;
        uint32_t made = 0;
        size_t best = 0;
        for (size_t i = 0; i + 1 < n; i++) {
            if (!naive_better(spec, text, &s[i], &s[i + 1], have, &rank, &made)) continue;
            have = true;
            best = i;
        }
        if (!have) break;
        s[best].size += s[best + 1].size;
        s[best].id = made;
        memmove(&s[best + 1], &s[best + 2], (n - best - 2) * sizeof s[0]);
        n--;
    }
    for (size_t i = 0; i < n; i++) {
        if (s[i].id != BANTAM_NO_TOKEN) {
            out[n_out++] = s[i].id;
            continue;
        }
        for (size_t b = 0; b < s[i].size; b++) {
            out[n_out++] = 3 + (uint32_t)(uint8_t)text[s[i].start + b];
        }
    }
    return n_out;
}

/* ---- random vocabularies ---- */

/* The alphabet: a character of one, two and three bytes, and a byte that is no UTF-8. */
static size_t random_text(bnt_rng *rng, char *text, size_t n_symbols, unsigned variety)
{
    static const char *const symbols[] = {"a",    "b", "c", "\xC3\xA9", "\xE2\x96\x81",
                                          "\xFF", "d"};
    size_t size = 0;
    for (size_t i = 0; i < n_symbols; i++) {
        const char *s = symbols[bnt_rng_below(rng, variety)];
        memcpy(text + size, s, strlen(s));
        size += strlen(s);
    }
    return size;
}

/* Words are put together from words before, so that merges can reach them. */
static void random_spec(bnt_rng *rng, bnt_spec *spec, bnt_vocab_kind kind, bool byte_level,
                        uint32_t n_words, unsigned variety)
{
    const uint32_t first = 259;
    spec_make(spec, kind, first + n_words, n_words);
    spec->byte_level = byte_level;
    spec->byte_fallback = !byte_level;
    for (uint32_t b = 0; b < 256; b++) {
        const char byte = (char)(uint8_t)b;
        spec_token(spec, 3 + b, &byte, 1, byte_level ? BNT_TOKEN_NORMAL : BNT_TOKEN_BYTE);
    }
    for (uint32_t i = 0; i < n_words; i++) {
        char word[64];
        uint32_t part[2];
        size_t size = 0;
        if (!byte_level &&
            i < 12) { /* single characters, so that there is something to merge */
            size = random_text(rng, word, 1, variety);
            spec_token(spec, first + i, word, size, BNT_TOKEN_NORMAL);
            continue;
        }
        for (int p = 0; p < 2; p++) {
            const bool byte = byte_level && (i < 8 || bnt_rng_below(rng, 3) == 0);
            part[p] = byte ? 3u + 'a' + (uint32_t)bnt_rng_below(rng, 3)
                           : first + (uint32_t)bnt_rng_below(rng, i ? i : 1);
            const bantam_text t = spec->tokens[part[p]].text;
            if (size + t.size > sizeof word) break;
            memcpy(word + size, t.data, t.size);
            size += t.size;
        }
        const uint32_t id = first + i;
        spec_token(spec, id, word, size, BNT_TOKEN_NORMAL);
        spec->tokens[id].score = -(float)bnt_rng_below(rng, 8); /* many are equal */
        const bantam_text l = spec->tokens[part[0]].text, r = spec->tokens[part[1]].text;
        if (kind == BNT_VOCAB_BPE_MERGES && l.size + r.size == size) {
            spec->merges[spec->n_merges++] = (bnt_merge){part[0], part[1], id};
        }
    }
    /* Merge lists name the token that a text finds, which is the lowest of equal ones. */
    for (uint32_t i = 0; i < spec->n_merges; i++) {
        uint32_t *const ids[] = {&spec->merges[i].left, &spec->merges[i].right,
                                 &spec->merges[i].result};
        for (int p = 0; p < 3; p++) {
            const bantam_text t = spec->tokens[*ids[p]].text;
            *ids[p] = spec_find(spec, t.data, t.size);
        }
        /* Their order is no longer that of the words' making. */
        const uint32_t other = (uint32_t)bnt_rng_below(rng, i + 1);
        const bnt_merge m = spec->merges[i];
        spec->merges[i] = spec->merges[other];
        spec->merges[other] = m;
    }
}

static void compare_with_definition(bnt_vocab_kind kind, bool byte_level, uint64_t seed)
{
    bnt_rng rng;
    bnt_rng_seed(&rng, seed);
    for (int turn = 0; turn < 60; turn++) {
        const unsigned variety = 1 + (unsigned)bnt_rng_below(&rng, 7);
        fixture f;
        random_spec(&rng, &f.spec, kind, byte_level, 4 + (uint32_t)bnt_rng_below(&rng, 60),
                    variety);
        open_fixture(&f);
        for (int i = 0; i < 30; i++) {
            /* Both sides of the length at which the queue takes over. */
            static const size_t most[] = {10, 50, 170};
            char text[MAX_TEXT];
            uint32_t ids[3 * MAX_TEXT];
            const size_t n = bnt_rng_below(&rng, most[i % 3]);
            const size_t size = random_text(&rng, text, n, variety);
            const size_t n_ids = naive_encode(&f.spec, text, size, ids);
            expect(&f, text, size, ids, n_ids);
        }
        close_fixture(&f);
    }
}

static void merge_lists_are_followed_as_defined(void **state)
{
    (void)state;
    compare_with_definition(BNT_VOCAB_BPE_MERGES, true, 1);
    compare_with_definition(BNT_VOCAB_BPE_MERGES, false, 2);
}

static void ranks_are_followed_as_defined(void **state)
{
    (void)state;
    compare_with_definition(BNT_VOCAB_BPE_RANKS, true, 3);
    compare_with_definition(BNT_VOCAB_BPE_RANKS, false, 4);
}

static void scores_are_followed_as_defined(void **state)
{
    (void)state;
    compare_with_definition(BNT_VOCAB_BPE_SCORES, true, 5);
    compare_with_definition(BNT_VOCAB_BPE_SCORES, false, 6);
}

/* ---- by hand ---- */

static void the_first_merge_of_the_list_comes_first(void **state)
{
    (void)state;
    static const char *const words[] = {"b|c", "a|b", "ab|c", NULL};
    fixture f;
    spec_bytes(&f.spec, BNT_VOCAB_BPE_MERGES, words);
    open_fixture(&f);
    EXPECT(&f, "abc", 'a', 256); /* bc before ab: then nothing joins a and bc */
    EXPECT(&f, "ab", 257);
    EXPECT(&f, "aab", 'a', 257);

    close_fixture(&f);
}

static void equal_pairs_merge_from_the_left(void **state)
{
    (void)state;
    static const char *const words[] = {"a|a", NULL};
    fixture f;
    spec_bytes(&f.spec, BNT_VOCAB_BPE_MERGES, words);
    open_fixture(&f);
    EXPECT(&f, "aaaaa", 256, 256, 'a');
    close_fixture(&f);
}

static void a_piece_that_is_a_token_is_taken_whole_where_the_file_says_so(void **state)
{
    (void)state;
    static const char *const words[] = {"b|c", "a|b", "ab|c", NULL};
    fixture f;
    spec_bytes(&f.spec, BNT_VOCAB_BPE_MERGES, words);
    f.spec.ignore_merges = true;
    open_fixture(&f);
    EXPECT(&f, "abc", 258); /* no merge leads there */
    EXPECT(&f, "abca", 'a', 256, 'a');
    close_fixture(&f);
}

static void of_a_merge_said_twice_the_first_counts(void **state)
{
    (void)state;
    static const char *const words[] = {"a|b", "b|c", "a|b", NULL};
    fixture f;
    spec_bytes(&f.spec, BNT_VOCAB_BPE_MERGES, words);
    open_fixture(&f);
    EXPECT(&f, "abc", 256, 'c');
    close_fixture(&f);
}

static void merges_that_make_no_sense_are_refused(void **state)
{
    (void)state;
    static const char *const words[] = {"a|b", NULL};
    static const bnt_merge bad[] = {{257, 'b', 256},        {'a', 257, 256}, {'a', 'b', 257},
                                    {'a', 'b', UINT32_MAX}, {'b', 'a', 256}, {'a', 'b', 'a'},
                                    {256, 'b', 256}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        fixture f = {.scratch = {0}};
        bantam_error err;
        spec_bytes(&f.spec, BNT_VOCAB_BPE_MERGES, words);
        f.spec.merges[0] = bad[i];
        assert_int_equal(bnt_vocab_open(&f.vocab, &f.spec, NULL), BANTAM_OK);
        assert_int_equal(bnt_bpe_open(&f.bpe, &f.vocab, &f.spec, &err), BANTAM_ERR_FORMAT);
        assert_non_null(strstr(err.message, "merge 0"));
        close_fixture(&f);
    }
}

static void what_no_token_covers_becomes_bytes_or_unknown_or_an_error(void **state)
{
    (void)state;
    static const char *const words[] = {"x", NULL};
    uint32_t ids[16];
    fixture f;
    bantam_error err;
    spec_scores(&f.spec, words);
    open_fixture(&f);
    EXPECT(&f, "x\xC3\xA9\xFF", 259, 3 + 0xC3, 3 + 0xA9, 3 + 0xFF);
    close_fixture(&f);

    spec_scores(&f.spec, words);
    f.spec.tokens[3 + 0xC3].kind = BNT_TOKEN_UNUSED; /* one of the bytes is absent */
    open_fixture(&f);
    EXPECT(&f, "x\xC3\xA9\xC3\xA9y", 259, 0, 0, 3 + 'y');
    close_fixture(&f);

    spec_scores(&f.spec, words);
    f.spec.byte_fallback = false;
    f.spec.fuse_unknown = true;
    open_fixture(&f);
    EXPECT(&f, "yzxyz", 0, 259, 0);
    close_fixture(&f);

    spec_scores(&f.spec, words);
    f.spec.byte_fallback = false;
    f.spec.unk = BANTAM_NO_TOKEN;
    open_fixture(&f);
    bnt_ids out = {ids, 16, 0};
    const bantam_text text = {"x\xC3\xA9", 3};
    assert_int_equal(bnt_bpe_encode(&f.bpe, &f.scratch, text, &out, &err), BANTAM_ERR_FORMAT);
    assert_non_null(strstr(err.message, "U+00E9"));
    close_fixture(&f);
}

static void a_byte_that_a_byte_level_vocabulary_lacks_becomes_a_replacement(void **state)
{
    (void)state;
    static const char *const words[] = {"\xEF|\xBF", NULL};
    uint32_t ids[16];
    bnt_ids out = {ids, 16, 0};
    const bantam_text text = {"a\xFF", 2};
    bantam_error err;
    fixture f;
    spec_bytes(&f.spec, BNT_VOCAB_BPE_MERGES, words);
    f.spec.tokens[0xFF].kind = BNT_TOKEN_UNUSED;
    open_fixture(&f);
    EXPECT(&f, "a\xFF", 'a', 256, 0xBD);
    close_fixture(&f);

    spec_bytes(&f.spec, BNT_VOCAB_BPE_MERGES, words);
    f.spec.tokens[0xFF].kind = BNT_TOKEN_UNKNOWN;
    f.spec.unk = 0xFF;
    open_fixture(&f);
    EXPECT(&f, "a\xFF", 'a', 0xFF);
    close_fixture(&f);

    spec_bytes(&f.spec, BNT_VOCAB_BPE_MERGES, words);
    f.spec.tokens[0xFF].kind = BNT_TOKEN_UNUSED;
    f.spec.tokens[0xBD].kind = BNT_TOKEN_UNUSED;
    open_fixture(&f);
    assert_int_equal(bnt_bpe_encode(&f.bpe, &f.scratch, text, &out, &err), BANTAM_ERR_FORMAT);
    assert_non_null(strstr(err.message, "0xFF"));
    close_fixture(&f);
}

static void scores_that_are_not_numbers_come_last(void **state)
{
    (void)state;
    static const char *const words[] = {"a", "b", "c", "ab", "bc", NULL};
    fixture f;
    spec_scores(&f.spec, words);
    f.spec.tokens[259 + 3].score = -(float)INFINITY;
    f.spec.tokens[259 + 4].score = (float)NAN;
    open_fixture(&f);
    EXPECT(&f, "abc", 259 + 3, 259 + 2);
    EXPECT(&f, "bc", 259 + 4);
    close_fixture(&f);

    spec_scores(&f.spec, words);
    f.spec.tokens[259 + 3].score = -0.0f; /* equal to 0: the left pair wins */
    f.spec.tokens[259 + 4].score = 0.0f;
    open_fixture(&f);
    EXPECT(&f, "abc", 259 + 3, 259 + 2);
    close_fixture(&f);
}

static void a_million_equal_letters_merge(void **state)
{
    (void)state;
    static const char *const words[] = {"a|a", "aa|aa", "aaaa|aaaa", NULL};
    enum { N = 1000003 };
    fixture f;
    char *text = malloc(N);
    uint32_t *ids = malloc(N * sizeof *ids);
    assert_non_null(text);
    assert_non_null(ids);
    memset(text, 'a', N);
    spec_bytes(&f.spec, BNT_VOCAB_BPE_MERGES, words);
    open_fixture(&f);
    bnt_ids out = {ids, N, 0};
    const bantam_text piece = {text, N};
    assert_int_equal(bnt_bpe_encode(&f.bpe, &f.scratch, piece, &out, NULL), BANTAM_OK);
    assert_int_equal(out.n, N / 8 + 2); /* 3 letters are left over: two and one */
    for (size_t i = 0; i < N / 8; i++) {
        assert_int_equal(ids[i], 258);
    }
    assert_int_equal(ids[N / 8], 256);
    assert_int_equal(ids[N / 8 + 1], 'a');
    close_fixture(&f);
    free(text);
    free(ids);
}

static void every_failed_allocation_is_reported(void **state)
{
    (void)state;
    static const char *const words[] = {"a", "b", "ab", "ba", "abab", NULL};
    char text[400];
    uint32_t ids[400];
    for (size_t i = 0; i < sizeof text; i++) {
        text[i] = "ab"[i % 2];
    }
    for (int kind = 0; kind < 2; kind++) {
        fixture f = {.scratch = {0}};
        bantam_status status;
        uint64_t n = 0;
        static const char *const merges[] = {"a|b", "b|a", "ab|ab", NULL};
        if (kind == 0) {
            spec_scores(&f.spec, words);
        } else {
            spec_bytes(&f.spec, BNT_VOCAB_BPE_MERGES, merges);
        }
        assert_int_equal(bnt_vocab_open(&f.vocab, &f.spec, NULL), BANTAM_OK);
        const int64_t live = bnt_mem_live();
        do {
            bnt_ids out = {ids, 400, 0};
            const bantam_text piece = {text, sizeof text};
            bantam_error err = {0};
            bnt_mem_fail_after(n++);
            status = bnt_bpe_open(&f.bpe, &f.vocab, &f.spec, &err);
            if (!status) status = bnt_bpe_encode(&f.bpe, &f.scratch, piece, &out, &err);
            assert_int_equal(err.status, status);
            assert_true(status == BANTAM_OK || status == BANTAM_ERR_NOMEM);
            bnt_bpe_scratch_deinit(&f.scratch);
            bnt_bpe_close(&f.bpe);
            assert_int_equal(bnt_mem_live(), live);
        } while (status && n < 100);
        bnt_mem_fail_after(UINT64_MAX);
        assert_int_equal(status, BANTAM_OK);
        assert_true(n > 5);
        close_fixture(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(merge_lists_are_followed_as_defined),
        cmocka_unit_test(ranks_are_followed_as_defined),
        cmocka_unit_test(scores_are_followed_as_defined),
        cmocka_unit_test(the_first_merge_of_the_list_comes_first),
        cmocka_unit_test(equal_pairs_merge_from_the_left),
        cmocka_unit_test(a_piece_that_is_a_token_is_taken_whole_where_the_file_says_so),
        cmocka_unit_test(of_a_merge_said_twice_the_first_counts),
        cmocka_unit_test(merges_that_make_no_sense_are_refused),
        cmocka_unit_test(what_no_token_covers_becomes_bytes_or_unknown_or_an_error),
        cmocka_unit_test(a_byte_that_a_byte_level_vocabulary_lacks_becomes_a_replacement),
        cmocka_unit_test(scores_that_are_not_numbers_come_last),
        cmocka_unit_test(a_million_equal_letters_merge),
        cmocka_unit_test(every_failed_allocation_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
