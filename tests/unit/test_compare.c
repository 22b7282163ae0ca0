/* test_compare.c - perplexity, divergence and answers, held against tables of likelihoods that
 * stand here, and against sums over bantam_session_score() made the plain way. */
#include "bigram_rig.h"

#include "base/mem.h"

enum { A, B, C, D, E, F, G, H };

static bantam_text text_of(const char *text)
{
    return (bantam_text){text, strlen(text)};
}

static void near(double found, double expected, double tolerance)
{
    if (!(fabs(found - expected) <= tolerance))
        fail_msg("%.9g, expected %.9g", found, expected);
}

/* ---- by hand ----------------------------------------------------------------------------- */

/* After a and b: p of a, b, c; q of a, b, c. After c both say a. */
static bigram reference_table(void)
{
    bigram b = bigram_none();

    b.logits[A][A] = log(0.5);
    b.logits[A][B] = log(0.25);
    b.logits[A][C] = log(0.25);
    b.logits[B][A] = log(0.125);
    b.logits[B][B] = log(0.125);
    b.logits[B][C] = log(0.75);
    b.logits[C][A] = 0.0;
    return b;
}

static bigram model_table(void)
{
    bigram b = reference_table();

    /* Logits need not be logarithms of probabilities: 7 more of each change nothing. */
    b.logits[A][A] = 7.0 + log(0.25);
    b.logits[A][B] = 7.0 + log(0.5);
    b.logits[A][C] = 7.0 + log(0.25);
    b.logits[B][A] = log(0.25);
    b.logits[B][B] = log(0.25);
    b.logits[B][C] = log(0.5);
    return b;
}

/* KL after a: 0.5 ln 2 - 0.25 ln 2; after b: 0.75 ln 1.5 - 0.25 ln 2; after c: 0. */
static const double after_a = 0.25 * 0.69314718055994530942;
static const double after_b = 0.75 * 0.40546510810816438198 - 0.25 * 0.69314718055994530942;

static void divergence_is_what_a_hand_calculates(void **state)
{
    (void)state;
    const bigram p = reference_table(), q = model_table();
    bigram_rig reference = bigram_open(&p, 32), model = bigram_open(&q, 32);
    bantam_comparison c;
    /* Predicted: a b c a a after a, a, b, c, a. */
    assert_int_equal(bantam_compare_text(model.session, reference.session, text_of("aabcaa"),
                                         NULL, &c, NULL),
                     BANTAM_OK);
    const double sum = 3.0 * after_a + after_b, mean = sum / 5.0;
    const double squares = 3.0 * after_a * after_a + after_b * after_b;

    assert_int_equal(c.n_tokens, 5);
    near(c.kl_mean, mean, 1e-6);
    near(c.kl_mean_error, sqrt((squares / 5.0 - mean * mean) / 4.0), 1e-6);
    near(c.kl_median, after_a, 1e-6); /* 0, after_b, then three of after_a */
    near(c.kl_p99, after_a, 1e-6);
    near(c.kl_max, after_a, 1e-6);
    near(c.top1_agreement, 2.0 / 5.0, 1e-12); /* after b c, after c a */
    /* The text's tokens: p 1/2 1/4 3/4 1 1/2, q 1/4 1/2 1/2 1 1/4. */
    near(c.perplexity_reference, pow(0.5 * 0.25 * 0.75 * 1.0 * 0.5, -0.2), 1e-5);
    near(c.perplexity, pow(0.25 * 0.5 * 0.5 * 1.0 * 0.25, -0.2), 1e-5);
    const double l2 = log(2.0), l23 = log(2.0 / 3.0), change = (-2.0 * l2 + l2 + l23) / 5.0;
    const double change_squares = (3.0 * l2 * l2 + l23 * l23) / 5.0;
    near(c.change_mean, change, 1e-6);
    near(c.change_rms, sqrt(change_squares), 1e-6);
    near(c.change_error, sqrt((change_squares - change * change) / 4.0), 1e-6);
    bigram_close(&model);
    bigram_close(&reference);
}

static void windows_do_not_overlap_and_begin_with_bos(void **state)
{
    (void)state;
    bigram table = reference_table();
    bantam_eval found;

    table.logits[BIGRAM_BOS][A] = log(0.5);
    table.logits[BIGRAM_BOS][B] = log(0.125);
    table.logits[BIGRAM_BOS][C] = log(0.375);
    /* aab|cab|a, of which nothing predicts the last one, nor the first of each. */
    bigram_rig plain = bigram_open(&table, 3);
    assert_int_equal(bantam_eval_text(plain.session, text_of("aabcaba"), NULL, &found, NULL),
                     0);
    assert_int_equal(found.n_tokens, 4);
    near(found.nll, -log(0.5 * 0.25 * 1.0 * 0.25), 1e-5);
    near(found.perplexity, exp(found.nll / 4.0), 1e-9);
    bigram_close(&plain);
    /* <s>aa|<s>bc|<s>ab|<s>a */
    table.adds_bos = true;
    bigram_rig begun = bigram_open(&table, 3);
    assert_int_equal(bantam_eval_text(begun.session, text_of("aabcaba"), NULL, &found, NULL),
                     0);
    assert_int_equal(found.n_tokens, 7);
    near(found.nll, -log(0.5 * 0.5 * 0.125 * 0.75 * 0.5 * 0.25 * 0.5), 1e-5);
    assert_int_equal(bantam_session_position(begun.session), 0);
    bigram_close(&begun);
}

static void where_nothing_is_predicted_there_are_no_figures(void **state)
{
    (void)state;
    const bigram table = reference_table();
    bigram_rig one = bigram_open(&table, 8), other = bigram_open(&table, 8);
    bigram_rig narrow = bigram_open(&table, 1);
    bantam_comparison c;
    bantam_eval found;
    bantam_error err;

    assert_int_equal(bantam_eval_text(one.session, text_of("a"), NULL, &found, NULL), 0);
    assert_int_equal(found.n_tokens, 0);
    assert_true(isnan(found.perplexity));
    assert_int_equal(
        bantam_compare_text(one.session, other.session, text_of(""), NULL, &c, NULL), 0);
    assert_int_equal(c.n_tokens, 0);
    assert_true(isnan(c.kl_mean) && isnan(c.kl_p99) && isnan(c.top1_agreement));
    assert_int_equal(bantam_eval_text(narrow.session, text_of("ab"), NULL, &found, &err),
                     BANTAM_ERR_INVALID);
    assert_int_equal(
        bantam_compare_text(one.session, one.session, text_of("ab"), NULL, &c, &err),
        BANTAM_ERR_INVALID);
    bigram_close(&one);
    bigram_close(&other);
    bigram_close(&narrow);
}

/* ---- the plain way ----------------------------------------------------------------------- */

/* The rows of logits after every token of one window. */
typedef struct rows {
    float *at; /* (n, n_vocab) */
    size_t n;
} rows;

static bool keep_row(void *user, size_t index, const float *logits, uint32_t n_vocab)
{
    rows *const r = user;

    r->at = realloc(r->at, (index + 1) * n_vocab * sizeof *r->at);
    assert_non_null(r->at);
    memcpy(r->at + index * n_vocab, logits, n_vocab * sizeof *logits);
    r->n = index + 1;
    return true;
}

static rows rows_of(bantam_session *session, const uint32_t *tokens, size_t n)
{
    rows r = {NULL, 0};

    assert_int_equal(bantam_session_rewind(session, 0, NULL), 0);
    assert_int_equal(bantam_session_score(session, tokens, n, keep_row, &r, NULL), 0);
    assert_int_equal(r.n, n);
    return r;
}

static double probability(const float *row, uint32_t n, uint32_t i)
{
    double sum = 0.0;

    for (uint32_t j = 0; j < n; j++)
        sum += exp((double)row[j]);
    return exp((double)row[i]) / sum;
}

static double plain_divergence(const float *p, const float *q, uint32_t n)
{
    double kl = 0.0;

    for (uint32_t i = 0; i < n; i++) {
        const double x = probability(p, n, i), y = probability(q, n, i);
        if (x > 0.0) kl += x * log(x / y);
    }
    return kl;
}

static uint32_t plain_best(const float *row, uint32_t n)
{
    uint32_t best = 0;

    for (uint32_t i = 1; i < n; i++) {
        if (row[i] > row[best]) best = i;
    }
    return best;
}

static const char letters[] =
    "abcdefgh a bca hgfedcba abcabcaabbccddeeffgghh a a ab hag bad cab";

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void random_models_diverge_as_the_plain_sums_say(void **state)
{
    (void)state;
    enum { WINDOW = 16 };
    const bigram p = {.seed = 3}, q = {.seed = 4};
    bigram_rig reference = bigram_open(&p, WINDOW), model = bigram_open(&q, WINDOW + 5);
    uint32_t tokens[sizeof letters];
    size_t n_tokens, n = 0, n_agreed = 0;
    double all[sizeof letters], kl = 0.0, nll = 0.0;
    bantam_comparison c;

    assert_int_equal(bantam_tokenize(bantam_model_tokenizer(model.model), text_of(letters), 0,
                                     tokens, sizeof letters, &n_tokens, NULL),
                     0);
    for (size_t at = 0; at < n_tokens; at += WINDOW) {
        const size_t here = n_tokens - at < WINDOW ? n_tokens - at : WINDOW;
        const rows x = rows_of(reference.session, tokens + at, here);
        const rows y = rows_of(model.session, tokens + at, here);
        for (size_t i = 0; i + 1 < here; i++) {
            const float *const a = x.at + i * BIGRAM_N, *const b = y.at + i * BIGRAM_N;
            const double one = plain_divergence(a, b, BIGRAM_N);
            kl += one;
            nll -= log(probability(b, BIGRAM_N, tokens[at + i + 1]));
            n_agreed += plain_best(a, BIGRAM_N) == plain_best(b, BIGRAM_N);
            all[n++] = one;
        }
        free(x.at);
        free(y.at);
    }
    assert_int_equal(
        bantam_compare_text(model.session, reference.session, text_of(letters), NULL, &c, NULL),
        0);
    assert_int_equal(c.n_tokens, n);
    assert_true(kl > 1.0); /* they are not alike */
    near(c.kl_mean, kl / (double)n, 1e-9 * kl);
    qsort(all, n, sizeof *all, by_size);
    assert_int_equal(n, 56); /* ranks 28, and 56 as 0.99 of it is 55.44 */
    near(c.kl_median, all[27], 1e-9);
    near(c.kl_p99, all[55], 1e-9);
    near(c.kl_max, all[55], 1e-9);
    near(c.perplexity, exp(nll / (double)n), 1e-9 * c.perplexity);
    near(c.top1_agreement, (double)n_agreed / (double)n, 1e-12);
    bigram_close(&model);
    bigram_close(&reference);
}

static void a_model_is_no_way_from_itself(void **state)
{
    (void)state;
    const bigram p = {.seed = 3};
    bigram_rig reference = bigram_open(&p, 16), model = bigram_open(&p, 16);
    bantam_comparison c;
    bantam_eval alone;

    assert_int_equal(
        bantam_compare_text(model.session, reference.session, text_of(letters), NULL, &c, NULL),
        0);
    assert_true(c.kl_mean == 0.0 && c.kl_max == 0.0 && c.kl_mean_error == 0.0);
    assert_true(c.top1_agreement == 1.0);
    assert_true(c.change_mean == 0.0 && c.change_rms == 0.0);
    assert_true(c.perplexity == c.perplexity_reference);
    assert_int_equal(bantam_eval_text(model.session, text_of(letters), NULL, &alone, NULL), 0);
    assert_int_equal(alone.n_tokens, c.n_tokens);
    near(alone.perplexity, c.perplexity, 1e-5 * c.perplexity);
    bigram_close(&model);
    bigram_close(&reference);
}

/* More logits than are kept at once: the window is read in pieces. */
static void a_window_of_many_logits_is_read_in_pieces(void **state)
{
    (void)state;
    const bigram p = {.seed = 3, .n_more = 70000}, q = {.seed = 4, .n_more = 70000};
    char text[401];
    bantam_comparison c;
    bantam_eval model_alone, reference_alone;

    if (getenv("BANTAM_EMULATOR")) skip(); /* 100 million exponentials */
    for (size_t i = 0; i < sizeof text - 1; i++)
        text[i] = (char)('a' + (i * i / 7) % 8);
    text[sizeof text - 1] = '\0';
    /* 64 MiB are 239 rows, and the window has 400. */
    bigram_rig reference = bigram_open(&p, 400), model = bigram_open(&q, 400);
    assert_int_equal(
        bantam_compare_text(model.session, reference.session, text_of(text), NULL, &c, NULL),
        0);
    assert_int_equal(bantam_eval_text(model.session, text_of(text), NULL, &model_alone, NULL),
                     0);
    assert_int_equal(
        bantam_eval_text(reference.session, text_of(text), NULL, &reference_alone, NULL), 0);
    assert_int_equal(c.n_tokens, 399);
    near(c.perplexity, model_alone.perplexity, 1e-5 * c.perplexity);
    near(c.perplexity_reference, reference_alone.perplexity, 1e-5 * c.perplexity_reference);
    assert_true(c.kl_mean > 0.1 && isfinite(c.kl_max));
    bigram_close(&model);
    bigram_close(&reference);
}

/* ---- the same tokens --------------------------------------------------------------------- */

static bantam_status compared(const bigram *q, const bigram *p, bantam_comparison *c,
                              bantam_error *err)
{
    bigram_rig reference = bigram_open(p, 16), model = bigram_open(q, 16);
    const bantam_status status =
        bantam_compare_text(model.session, reference.session, text_of("aabcaa"), NULL, c, err);
    bigram_close(&model);
    bigram_close(&reference);
    return status;
}

static void padding_of_one_is_left_out(void **state)
{
    (void)state;
    const bigram p = reference_table();
    bigram q = model_table();
    bantam_comparison plain, padded;

    assert_int_equal(compared(&q, &p, &plain, NULL), 0);
    q.n_more = 2;
    q.padding = 9.0; /* likelier than most */
    assert_int_equal(compared(&q, &p, &padded, NULL), 0);
    near(padded.kl_mean, plain.kl_mean, 1e-9);
    near(padded.kl_max, plain.kl_max, 1e-9);
    near(padded.top1_agreement, plain.top1_agreement, 1e-12);
    near(padded.perplexity_reference, plain.perplexity_reference, 1e-9);
    assert_true(padded.perplexity > 2.0 * plain.perplexity); /* that is over all rows */
    assert_int_equal(compared(&p, &q, &padded, NULL), 0);
}

static void other_tokens_are_refused(void **state)
{
    (void)state;
    static const char *const words[] = {"z"};
    const bigram p = reference_table();
    bigram q = reference_table();
    bantam_comparison c;
    bantam_error err;

    q.h = "x";
    assert_int_equal(compared(&q, &p, &c, &err), BANTAM_ERR_INVALID);
    assert_non_null(strstr(err.message, "7 is \"x\" in the model, \"h\" in the reference"));
    assert_int_equal(c.n_tokens, 0);
    q.h = NULL;
    q.more = words;
    q.n_more = 1;
    assert_int_equal(compared(&q, &p, &c, &err), BANTAM_ERR_INVALID);
    assert_non_null(strstr(err.message, "11, \"z\", is in the model only"));
    assert_int_equal(compared(&p, &q, &c, &err), BANTAM_ERR_INVALID);
    assert_non_null(strstr(err.message, "in the reference only"));
}

static void rows_without_numbers_are_refused(void **state)
{
    (void)state;
    const bigram p = reference_table();
    bigram q = reference_table();
    bantam_comparison c;
    bantam_error err;

    q.not_numbers = true;
    assert_int_equal(compared(&q, &p, &c, &err), BANTAM_ERR_FORMAT);
    assert_non_null(strstr(err.message, "the model has no number"));
    assert_int_equal(compared(&p, &q, &c, &err), BANTAM_ERR_FORMAT);
    assert_non_null(strstr(err.message, "the reference has no number"));
}

/* ---- ends -------------------------------------------------------------------------------- */

static bool stop_after_two(void *user, uint64_t done, uint64_t total)
{
    (void)total;
    *(uint64_t *)user = done;
    return done < 32;
}

static void a_stop_keeps_the_windows_that_are_done(void **state)
{
    (void)state;
    const bigram p = {.seed = 3}, q = {.seed = 4};
    bigram_rig reference = bigram_open(&p, 16), model = bigram_open(&q, 16);
    uint64_t seen = 0;
    const bantam_eval_options o = {
        .struct_size = sizeof o, .progress = stop_after_two, .user = &seen};
    bantam_comparison cut, shorter;
    bantam_eval eval_cut, eval_shorter;
    /* Without " a" every byte is a token. */
    const bantam_text whole = text_of("abcdefghabcabcaabbccddeeffgghhabcdefghhgfe");
    const bantam_text two = {whole.data, 32};

    assert_int_equal(
        bantam_compare_text(model.session, reference.session, whole, &o, &cut, NULL),
        BANTAM_ERR_CANCELLED);
    assert_int_equal(seen, 32);
    assert_int_equal(
        bantam_compare_text(model.session, reference.session, two, NULL, &shorter, NULL), 0);
    assert_int_equal(cut.n_tokens, 30);
    assert_memory_equal(&cut, &shorter, sizeof cut);
    assert_int_equal(bantam_eval_text(model.session, whole, &o, &eval_cut, NULL),
                     BANTAM_ERR_CANCELLED);
    assert_int_equal(bantam_eval_text(model.session, two, NULL, &eval_shorter, NULL), 0);
    assert_memory_equal(&eval_cut, &eval_shorter, sizeof eval_cut);
    bantam_session_cancel(reference.session);
    assert_int_equal(
        bantam_compare_text(model.session, reference.session, whole, NULL, &cut, NULL),
        BANTAM_ERR_CANCELLED);
    assert_int_equal(cut.n_tokens, 0);
    bigram_close(&model);
    bigram_close(&reference);
}

static void a_lack_of_memory_is_told(void **state)
{
    (void)state;
    const bigram p = {.seed = 3}, q = {.seed = 4};
    bigram_rig reference = bigram_open(&p, 16), model = bigram_open(&q, 16);
    const bantam_text answers[] = {text_of("ab"), text_of("a cab")};
    bantam_comparison c;
    bantam_eval found;
    double logprobs[2];
    bantam_status status;
    uint64_t n = 0;

    do {
        const int64_t live = bnt_mem_live();
        bnt_mem_fail_after(n++);
        status = bantam_compare_text(model.session, reference.session, text_of(letters), NULL,
                                     &c, NULL);
        if (!status) {
            status = bantam_eval_text(model.session, text_of(letters), NULL, &found, NULL);
        }
        if (!status) {
            status = bantam_score_answers(model.session, text_of("bad"), answers, 2, logprobs,
                                          NULL, NULL);
        }
        bnt_mem_fail_after(UINT64_MAX);
        assert_true(status == BANTAM_OK || status == BANTAM_ERR_NOMEM);
        assert_int_equal(bnt_mem_live(), live);
    } while (status && n < 100);
    assert_int_equal(status, BANTAM_OK);
    assert_true(n > 8);
    bigram_close(&model);
    bigram_close(&reference);
}

/* ---- answers ----------------------------------------------------------------------------- */

static void answers_are_as_likely_as_the_table_says(void **state)
{
    (void)state;
    bigram table = reference_table();
    const bantam_text answers[] = {text_of("a"), text_of("b"), text_of("ca")};
    double found[3];
    size_t n_cut = 9;

    table.logits[C][A] = BIGRAM_NEVER;
    table.logits[C][BIGRAM_SPACE] = log(0.75);
    table.logits[C][BIGRAM_SPACE_A] = log(0.25);
    table.logits[BIGRAM_SPACE][B] = log(0.5);
    table.logits[BIGRAM_SPACE][C] = log(0.5);
    bigram_rig rig = bigram_open(&table, 8);
    /* c, " a" | c, " ", b | c, " ", c, a, which is never. */
    assert_int_equal(
        bantam_score_answers(rig.session, text_of("abc"), answers, 3, found, &n_cut, NULL), 0);
    near(found[0], log(0.25), 1e-5);
    near(found[1], log(0.75 * 0.5), 1e-5);
    near(found[2], log(0.75 * 0.5) + BIGRAM_NEVER, 1e-4);
    assert_int_equal(n_cut, 0);
    /* White space at the end of the prompt is the answer's: nothing is said twice. */
    double again[3];
    assert_int_equal(
        bantam_score_answers(rig.session, text_of("abc "), answers, 3, again, NULL, NULL), 0);
    assert_memory_equal(found, again, sizeof found);
    /* An answer that brings its own gets no second one. */
    const bantam_text own[] = {text_of(" a")};
    assert_int_equal(
        bantam_score_answers(rig.session, text_of("abc"), own, 1, again, NULL, NULL), 0);
    assert_true(again[0] == found[0]);
    bigram_close(&rig);
}

typedef struct behind {
    bantam_session *session;
    const uint32_t *tokens;
    size_t first, n;
    double sum;
} behind;

static bool add_behind(void *user, size_t index, const float *logits, uint32_t n_vocab)
{
    behind *const b = user;

    (void)n_vocab;
    if (index + 1 >= b->first && index + 1 < b->n) {
        b->sum += bantam_session_logprob(b->session, logits, b->tokens[index + 1]);
    }
    return true;
}

/* Each whole text scored anew, in a session of its own. */
static void answers_are_what_each_text_read_anew_gives(void **state)
{
    (void)state;
    const bigram table = {.seed = 8, .adds_bos = true};
    bigram_rig rig = bigram_open(&table, 64), other = bigram_open(&table, 64);
    static const char *const prompts[] = {"bad cab fed", "bad cab egg", "h"};
    static const char *const words[] = {"a", "ab a cab", "had", "gag a"};
    const bantam_tokenizer *const tokenizer = bantam_model_tokenizer(rig.model);
    bantam_text answers[4];
    double found[4];

    for (size_t i = 0; i < 4; i++)
        answers[i] = text_of(words[i]);
    for (size_t k = 0; k < 3; k++) {
        assert_int_equal(bantam_score_answers(rig.session, text_of(prompts[k]), answers, 4,
                                              found, NULL, NULL),
                         0);
        for (size_t i = 0; i < 4; i++) {
            char whole[64];
            uint32_t tokens[64];
            behind b = {.session = other.session, .tokens = tokens};
            snprintf(whole, sizeof whole, "%s %s", prompts[k], words[i]);
            assert_int_equal(bantam_tokenize(tokenizer, text_of(prompts[k]),
                                             BANTAM_TOKENIZE_ADD, tokens, 64, &b.first, NULL),
                             0);
            assert_int_equal(bantam_tokenize(tokenizer, text_of(whole), BANTAM_TOKENIZE_ADD,
                                             tokens, 64, &b.n, NULL),
                             0);
            assert_int_equal(tokens[0], BIGRAM_BOS);
            assert_int_equal(bantam_session_rewind(other.session, 0, NULL), 0);
            assert_int_equal(
                bantam_session_score(other.session, tokens, b.n, add_behind, &b, NULL), 0);
            assert_true(found[i] == b.sum);
        }
    }
    bigram_close(&rig);
    bigram_close(&other);
}

static void what_does_not_fit_loses_its_beginning(void **state)
{
    (void)state;
    const bigram table = {.seed = 8, .adds_bos = true};
    bigram_rig narrow = bigram_open(&table, 6), wide = bigram_open(&table, 64);
    const bantam_text answers[] = {text_of("b"), text_of("had")};
    const bantam_text answer = text_of("had"), longest = text_of("hadhadh");
    double found[2], expected;
    size_t n_cut;
    bantam_error err;
    /* <s> abcd " " had are 9 tokens, of which the last need not be held: 2 are too many. */
    assert_int_equal(
        bantam_score_answers(narrow.session, text_of("abcd"), answers, 2, found, &n_cut, &err),
        0);
    assert_int_equal(n_cut, 2);
    assert_int_equal(
        bantam_score_answers(wide.session, text_of("cd"), &answer, 1, &expected, &n_cut, NULL),
        0);
    assert_int_equal(n_cut, 0);
    assert_true(found[1] == expected);
    assert_int_equal(
        bantam_score_answers(narrow.session, text_of("abcd"), &longest, 1, found, &n_cut, &err),
        BANTAM_ERR_FULL);
    bigram_close(&narrow);
    bigram_close(&wide);
}

static void questions_without_sense_are_refused(void **state)
{
    (void)state;
    const bigram table = {.seed = 8};
    bigram_rig rig = bigram_open(&table, 16);
    const bantam_text empty = {"", 0}, two = text_of("ab");
    double found;
    bantam_error err;

    assert_int_equal(
        bantam_score_answers(rig.session, text_of("a"), &empty, 1, &found, NULL, &err),
        BANTAM_ERR_INVALID);
    assert_int_equal(
        bantam_score_answers(rig.session, text_of("a"), &two, 0, &found, NULL, &err),
        BANTAM_ERR_INVALID);
    assert_int_equal(bantam_score_answers(rig.session, empty, &two, 1, &found, NULL, &err),
                     BANTAM_ERR_INVALID);
    assert_non_null(strstr(err.message, "nothing stands before the answer"));
    bigram_close(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(divergence_is_what_a_hand_calculates),
        cmocka_unit_test(windows_do_not_overlap_and_begin_with_bos),
        cmocka_unit_test(where_nothing_is_predicted_there_are_no_figures),
        cmocka_unit_test(random_models_diverge_as_the_plain_sums_say),
        cmocka_unit_test(a_model_is_no_way_from_itself),
        cmocka_unit_test(a_window_of_many_logits_is_read_in_pieces),
        cmocka_unit_test(padding_of_one_is_left_out),
        cmocka_unit_test(other_tokens_are_refused),
        cmocka_unit_test(rows_without_numbers_are_refused),
        cmocka_unit_test(a_stop_keeps_the_windows_that_are_done),
        cmocka_unit_test(a_lack_of_memory_is_told),
        cmocka_unit_test(answers_are_as_likely_as_the_table_says),
        cmocka_unit_test(answers_are_what_each_text_read_anew_gives),
        cmocka_unit_test(what_does_not_fit_loses_its_beginning),
        cmocka_unit_test(questions_without_sense_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
