/* test_learn_vocab.c - vocabularies learned: against the definition done the slow way, and
 * against a tokenizer that has to give every byte back. */
#include "support.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/rng.h"
#include "token/load_parts.h"
#include "token/pretokenize.h"
#include "token/tokenizer.h"
#include "train/learn_vocab.h"

static bantam_text text(const char *s)
{
    return (bantam_text){s, strlen(s)};
}

static const bantam_text ends[] = {{"<|bos|>", 7}, {"<|eos|>", 7}};

static bnt_vocab_wish wish_for(const bantam_text *texts, size_t n, uint32_t n_tokens)
{
    return (bnt_vocab_wish){.n_tokens = n_tokens,
                            .specials = ends,
                            .n_specials = 2,
                            .bos = 0,
                            .eos = 1,
                            .adds_bos = true,
                            .texts = texts,
                            .n_texts = n};
}

/* ---- the definition, done the slow way --------------------------------------------------- */

enum { MAX_TOKENS = 400, MAX_SYMBOLS = 20000 };

/* Pieces one behind the other with a mark between them; each token is its text. */
typedef struct slow {
    char texts[MAX_TOKENS][130];
    size_t sizes[MAX_TOKENS];
    uint32_t n_tokens;
    uint32_t merges[MAX_TOKENS * 2][3];
    uint32_t n_merges;
    uint32_t symbols[MAX_SYMBOLS];
    size_t n_symbols;
} slow;

static const uint32_t MARK = UINT32_MAX;

static void slow_begin(slow *s, const bantam_text *texts, size_t n)
{
    bnt_spec spec;
    bnt_splitter splitter = {0};
    bnt_cutting cutting = {0};
    bnt_matcher matcher = {0};

    bnt_spec_init(&spec);
    assert_int_equal(bnt_pre_named(&spec, text("smollm"), NULL), BANTAM_OK);
    assert_int_equal(bnt_splitter_open(&splitter, &spec, NULL), BANTAM_OK);
    assert_int_equal(bnt_cutting_init(&cutting, &splitter, NULL), BANTAM_OK);
    assert_int_equal(bnt_matcher_init(&matcher, 1 << 20, NULL), BANTAM_OK);
    for (uint32_t b = 0; b < 256; b++) {
        s->texts[2 + b][0] = (char)(unsigned char)b;
        s->sizes[2 + b] = 1;
    }
    s->n_tokens = 258;
    for (size_t i = 0; i < n; i++) {
        bantam_text piece = {0};
        bnt_cutting_begin(&cutting, texts[i]);
        while (!bnt_cutting_next(&cutting, &matcher, &piece, NULL) && piece.data) {
            for (size_t k = 0; k < piece.size; k++) {
                assert_in_range(s->n_symbols, 0, MAX_SYMBOLS - 2);
                s->symbols[s->n_symbols++] = 2u + (uint8_t)piece.data[k];
            }
            s->symbols[s->n_symbols++] = MARK;
        }
    }
    bnt_matcher_deinit(&matcher);
    bnt_cutting_deinit(&cutting);
    bnt_splitter_close(&splitter);
    bnt_spec_deinit(&spec);
}

/* Counts every pair by walking everything for each of them. */
static uint32_t best_pair(const slow *s, uint32_t *left, uint32_t *right)
{
    uint32_t(*const counts)[MAX_TOKENS] = calloc(MAX_TOKENS, sizeof *counts);
    uint32_t best = 1;

    assert_non_null(counts);
    for (size_t i = 0; i + 1 < s->n_symbols; i++) {
        if (s->symbols[i] != MARK && s->symbols[i + 1] != MARK) {
            counts[s->symbols[i]][s->symbols[i + 1]]++;
        }
    }
    for (uint32_t a = 0; a < s->n_tokens; a++) {
        for (uint32_t b = 0; b < s->n_tokens; b++) {
            if (counts[a][b] <= best) continue;
            best = counts[a][b];
            *left = a;
            *right = b;
        }
    }
    free(counts);
    return best;
}

static uint32_t slow_token(slow *s, uint32_t left, uint32_t right)
{
    char joined[130];
    const size_t size = s->sizes[left] + s->sizes[right];

    memcpy(joined, s->texts[left], s->sizes[left]);
    memcpy(joined + s->sizes[left], s->texts[right], s->sizes[right]);
    for (uint32_t i = 0; i < s->n_tokens; i++) {
        /* No two merges spell the same. */
        assert_false(s->sizes[i] == size && memcmp(s->texts[i], joined, size) == 0);
    }
    memcpy(s->texts[s->n_tokens], joined, size);
    s->sizes[s->n_tokens] = size;
    return s->n_tokens++;
}

static void slow_learn(slow *s, uint32_t n_tokens)
{
    uint32_t left = 0, right = 0;

    while (s->n_tokens < n_tokens && best_pair(s, &left, &right) > 1) {
        const uint32_t result = slow_token(s, left, right);
        s->merges[s->n_merges][0] = left;
        s->merges[s->n_merges][1] = right;
        s->merges[s->n_merges++][2] = result;
        size_t out = 0;
        for (size_t i = 0; i < s->n_symbols; i++) {
            const bool here =
                s->symbols[i] == left && i + 1 < s->n_symbols && s->symbols[i + 1] == right;
            s->symbols[out++] = here ? result : s->symbols[i];
            if (here) i++;
        }
        s->n_symbols = out;
    }
}

static void same_as_slow(const bantam_text *texts, size_t n, uint32_t n_tokens)
{
    slow *const s = calloc(1, sizeof *s);
    bnt_vocab_wish wish = wish_for(texts, n, n_tokens);
    bantam_error err = {0};
    bnt_spec spec;

    assert_non_null(s);
    slow_begin(s, texts, n);
    slow_learn(s, n_tokens);
    bnt_spec_init(&spec);
    assert_int_equal(bnt_learn_vocab(&spec, &wish, NULL, NULL, &err), BANTAM_OK);
    assert_int_equal(spec.n_tokens, s->n_tokens);
    assert_int_equal(spec.n_merges, s->n_merges);
    for (uint32_t i = 2; i < spec.n_tokens; i++) {
        assert_int_equal(spec.tokens[i].text.size, s->sizes[i]);
        assert_memory_equal(spec.tokens[i].text.data, s->texts[i], s->sizes[i]);
    }
    for (uint32_t i = 0; i < spec.n_merges; i++) {
        assert_int_equal(spec.merges[i].left, s->merges[i][0]);
        assert_int_equal(spec.merges[i].right, s->merges[i][1]);
        assert_int_equal(spec.merges[i].result, s->merges[i][2]);
    }
    bnt_spec_deinit(&spec);
    free(s);
}

static void merges_are_those_of_the_definition(void **state)
{
    static char data[12][400];
    bantam_text texts[12];
    bnt_rng rng;

    (void)state;
    bnt_rng_seed(&rng, 7);
    for (int turn = 0; turn < 6; turn++) {
        for (size_t i = 0; i < 12; i++) {
            const size_t n = 1 + (size_t)bnt_rng_below(&rng, 400);
            const uint64_t letters = 2 + (uint64_t)turn; /* few letters: many overlaps */
            for (size_t k = 0; k < n; k++) {
                const uint64_t c = bnt_rng_below(&rng, letters + 1);
                data[i][k] = c == letters ? ' ' : (char)('a' + (int)c);
            }
            texts[i] = (bantam_text){data[i], n};
        }
        same_as_slow(texts, 12, 330);
    }
}

static void overlapping_pairs_are_merged_from_the_left(void **state)
{
    const bantam_text texts[] = {text("aaaaaaa aaaa aaa aaaaaaaaaaaaaaaa"), text("aaaaa")};

    (void)state;
    same_as_slow(texts, 2, 300);
}

static void numbers_are_learned_digit_by_digit(void **state)
{
    const bantam_text texts[] = {text("1234 1234 1234 1234 in 1234 in")};
    bnt_vocab_wish wish = wish_for(texts, 1, 300);
    bnt_spec spec;

    (void)state;
    bnt_spec_init(&spec);
    assert_int_equal(bnt_learn_vocab(&spec, &wish, NULL, NULL, NULL), BANTAM_OK);
    for (uint32_t i = 258; i < spec.n_tokens; i++) {
        for (size_t k = 0; k < spec.tokens[i].text.size; k++) {
            const char c = spec.tokens[i].text.data[k];
            assert_false(c >= '0' && c <= '9');
        }
    }
    assert_string_equal(spec.pre_name, "smollm");
    bnt_spec_deinit(&spec);
}

/* ---- as a tokenizer ---------------------------------------------------------------------- */

static void learn_from(bnt_spec *spec, const char *s, uint32_t n_tokens)
{
    const bantam_text texts[] = {text(s)};
    bnt_vocab_wish wish = wish_for(texts, 1, n_tokens);
    bantam_error err = {0};

    wish.chat_template = text("{{ bos_token }}");
    bnt_spec_init(spec);
    if (bnt_learn_vocab(spec, &wish, NULL, NULL, &err)) fail_msg("%s", err.message);
}

static const char story[] =
    "Once upon a time there was a little dog. The dog was happy, and the little cat was happy "
    "too. They said: \"Look! A big, big ball.\" The dog and the cat played with the ball all "
    "day. <|eos|>Once upon a time there was a bird. The bird wanted to play with the ball.";

static void any_bytes_come_back(void **state)
{
    static char in[600], back[4096];
    static uint32_t ids[2048];
    bnt_tokenizer *t;
    bnt_spec spec;
    bnt_rng rng;

    (void)state;
    learn_from(&spec, story, 300);
    assert_int_equal(bnt_tokenizer_open(&t, &spec, NULL), BANTAM_OK);
    bnt_rng_seed(&rng, 3);
    for (int turn = 0; turn < 100; turn++) {
        const size_t n = (size_t)bnt_rng_below(&rng, sizeof in);
        size_t n_ids, size;
        for (size_t i = 0; i < n; i++) {
            in[i] = (char)(unsigned char)bnt_rng_below(&rng, 256);
        }
        assert_int_equal(
            bnt_tokenizer_encode(t, (bantam_text){in, n}, 0, ids, 2048, &n_ids, NULL),
            BANTAM_OK);
        assert_int_equal(bnt_tokenizer_decode(t, ids, n_ids, 0, back, sizeof back, &size, NULL),
                         BANTAM_OK);
        assert_int_equal(size, n);
        assert_memory_equal(back, in, n);
    }
    bnt_tokenizer_close(t);
    bnt_spec_deinit(&spec);
}

static void a_text_like_those_learned_from_gets_shorter(void **state)
{
    uint32_t ids[512];
    bantam_tokenizer_info info;
    bnt_tokenizer *t;
    bnt_spec spec;
    size_t n;

    (void)state;
    learn_from(&spec, story, 320);
    assert_int_equal(bnt_tokenizer_open(&t, &spec, NULL), BANTAM_OK);
    bnt_tokenizer_describe(t, &info);
    assert_int_equal(info.bos, 0);
    assert_int_equal(info.eos, 1);
    assert_true(info.adds_bos);
    assert_true(bnt_tokenizer_is_stop(t, 1));
    assert_false(bnt_tokenizer_is_stop(t, 0));
    const bantam_text s = text("Once upon a time there was a little dog.");
    assert_int_equal(bnt_tokenizer_encode(t, s, BANTAM_TOKENIZE_ADD, ids, 512, &n, NULL),
                     BANTAM_OK);
    assert_int_equal(ids[0], 0);
    assert_in_range(n, 2, s.size / 2);
    /* A name of a special token is one token where that is asked for. */
    assert_int_equal(
        bnt_tokenizer_encode(t, text("<|eos|>"), BANTAM_TOKENIZE_SPECIAL, ids, 512, &n, NULL),
        BANTAM_OK);
    assert_int_equal(n, 1);
    assert_int_equal(ids[0], 1);
    bnt_tokenizer_close(t);
    bnt_spec_deinit(&spec);
}

static void nothing_is_learned_from_names_of_special_tokens(void **state)
{
    bnt_spec spec;

    (void)state;
    learn_from(&spec, "<|eos|><|eos|><|eos|><|eos|><|eos|>a<|bos|><|bos|>", 300);
    assert_int_equal(spec.n_tokens, 258);
    assert_int_equal(spec.n_merges, 0);
    bnt_spec_deinit(&spec);
}

static void fewer_tokens_come_out_of_little_text(void **state)
{
    bnt_spec spec;

    (void)state;
    learn_from(&spec, "the the", 1000);
    /* "th", "the": " the" occurs once. */
    assert_int_equal(spec.n_tokens, 260);
    bnt_spec_deinit(&spec);
}

static void a_wish_that_makes_no_sense_is_named(void **state)
{
    static const bantam_text twice[] = {{"<a>", 3}, {"<a>", 3}};
    const bantam_text texts[] = {text("abc")};
    bnt_vocab_wish wish = wish_for(texts, 1, 257);
    bantam_error err = {0};
    bnt_spec spec;

    (void)state;
    bnt_spec_init(&spec);
    assert_int_equal(bnt_learn_vocab(&spec, &wish, NULL, NULL, &err), BANTAM_ERR_INVALID);
    assert_non_null(strstr(err.message, "expected 258"));
    wish = wish_for(texts, 1, 300);
    wish.eos = 2;
    assert_int_equal(bnt_learn_vocab(&spec, &wish, NULL, NULL, &err), BANTAM_ERR_INVALID);
    assert_non_null(strstr(err.message, "eos"));
    wish = wish_for(texts, 1, 300);
    wish.specials = twice;
    assert_int_equal(bnt_learn_vocab(&spec, &wish, NULL, NULL, &err), BANTAM_ERR_INVALID);
    assert_non_null(strstr(err.message, "named twice"));
    assert_int_equal(spec.n_tokens, 0);
}

static bool stop(void *user, uint64_t done, uint64_t total)
{
    (void)user;
    (void)done;
    (void)total;
    return false;
}

static void learning_can_be_stopped(void **state)
{
    const bantam_text texts[] = {text(story)};
    bnt_vocab_wish wish = wish_for(texts, 1, 400);
    bnt_spec spec;

    (void)state;
    bnt_spec_init(&spec);
    assert_int_equal(bnt_learn_vocab(&spec, &wish, stop, NULL, NULL), BANTAM_ERR_CANCELLED);
    bnt_spec_deinit(&spec);
}

static void every_failed_allocation_is_told(void **state)
{
    const bantam_text texts[] = {text("a little dog, a little cat, a little bird")};
    bnt_vocab_wish wish = wish_for(texts, 1, 280);
    const int64_t live = bnt_mem_live();
    bantam_status status = BANTAM_ERR_NOMEM;

    (void)state;
    for (uint64_t n = 0; status && n < 5000; n++) {
        bnt_spec spec;
        bnt_spec_init(&spec);
        bnt_mem_fail_after(n);
        status = bnt_learn_vocab(&spec, &wish, NULL, NULL, NULL);
        bnt_mem_fail_after(UINT64_MAX);
        assert_true(status == BANTAM_OK || status == BANTAM_ERR_NOMEM);
        bnt_spec_deinit(&spec);
        assert_int_equal(bnt_mem_live(), live);
    }
    assert_int_equal(status, BANTAM_OK);
}

/* Ten megabytes must not take minutes: two of them, in a time that a table of all pairs made
 * anew for each merge would overrun a hundred times. */
static void a_story_book_is_learned_in_seconds(void **state)
{
    (void)state;
    if (!shared_found(1)) skip();
    size_t size;
    char *const data = read_whole(shared_path("data/tinystories-head-2MiB.txt"), &size);
    const bantam_text texts[] = {{data, size}};
    const char *const factor = getenv("BANTAM_TIME_FACTOR");
    const double allowed = 4.0 * (factor ? atof(factor) : 1.0);
    bnt_vocab_wish wish = wish_for(texts, 1, 4096);
    bnt_spec spec;

    bnt_spec_init(&spec);
    const uint64_t start = bnt_clock_ns();
    assert_int_equal(bnt_learn_vocab(&spec, &wish, NULL, NULL, NULL), BANTAM_OK);
    const double seconds = (double)(bnt_clock_ns() - start) * 1e-9;
    print_message("%u tokens of %zu bytes in %.2f s\n", spec.n_tokens, size, seconds);
    assert_int_equal(spec.n_tokens, 4096);
    assert_true(seconds < allowed);
    bnt_spec_deinit(&spec);
    free(data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(merges_are_those_of_the_definition),
        cmocka_unit_test(overlapping_pairs_are_merged_from_the_left),
        cmocka_unit_test(numbers_are_learned_digit_by_digit),
        cmocka_unit_test(any_bytes_come_back),
        cmocka_unit_test(a_text_like_those_learned_from_gets_shorter),
        cmocka_unit_test(nothing_is_learned_from_names_of_special_tokens),
        cmocka_unit_test(fewer_tokens_come_out_of_little_text),
        cmocka_unit_test(a_wish_that_makes_no_sense_is_named),
        cmocka_unit_test(learning_can_be_stopped),
        cmocka_unit_test(every_failed_allocation_is_told),
        cmocka_unit_test(a_story_book_is_learned_in_seconds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
