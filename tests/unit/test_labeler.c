/* test_labeler.c - labels for texts, on a tiny model that the test writes. What a labeler says
 * is held against prompts written by hand and likelihoods taken from bantam_session_score(). */
#include "bantam/bantam.h"

#include <math.h>

#include "base/mem.h"
#include "label_rig.h"

enum { MOST = 8 };

/* ---- by hand ----------------------------------------------------------------------------- */

typedef struct sum {
    bantam_session *session;
    const uint32_t *tokens;
    size_t n, from; /* tokens[from..n) are summed */
    uint32_t end;   /* and this one behind them, unless it is BANTAM_NO_TOKEN */
    double logprob;
} sum;

static bool on_row(void *user, size_t index, const float *logits, uint32_t n_vocab)
{
    sum *s = user;
    (void)n_vocab;
    if (index + 1 < s->from) return true;
    if (index + 1 < s->n) {
        s->logprob += bantam_session_logprob(s->session, logits, s->tokens[index + 1]);
    } else if (s->end != BANTAM_NO_TOKEN) {
        s->logprob += bantam_session_logprob(s->session, logits, s->end);
    }
    return true;
}

/* ln p of an answer after a prompt. Names of special tokens in both are these tokens. */
static double answer_logprob(rig *r, const char *prompt, const char *answer, uint32_t end)
{
    static uint32_t tokens[4096];
    const bantam_tokenizer *t = bantam_model_tokenizer(r->model);
    size_t n = 0, more = 0;
    sum s = {.session = r->other, .tokens = tokens, .end = end};
    bantam_error err;

    assert_int_equal(bantam_tokenize(t, bnt_text_of(prompt), BANTAM_TOKENIZE_SPECIAL, tokens,
                                     2048, &n, NULL),
                     BANTAM_OK);
    assert_int_equal(bantam_tokenize(t, bnt_text_of(answer), 0, tokens + n, 2048, &more, NULL),
                     BANTAM_OK);
    s.from = n;
    s.n = n + more;
    bantam_session_rewind(r->other, 0, NULL);
    if (bantam_session_score(r->other, tokens, s.n, on_row, &s, &err))
        fail_msg("%s", err.message);
    return s.logprob;
}

/* ---- what labelers say ------------------------------------------------------------------- */

typedef struct said {
    bantam_label_result r;
    double probabilities[MOST], logprobs[MOST];
} said;

typedef struct heard {
    said *all;
    size_t n, stop_at, n_labels;
} heard;

static bool on_result(void *user, const bantam_label_result *r)
{
    heard *h = user;
    said *const s = &h->all[h->n];

    assert_int_equal(r->index, h->n);
    s->r = *r;
    memcpy(s->probabilities, r->probabilities, h->n_labels * sizeof *r->probabilities);
    memcpy(s->logprobs, r->logprobs, h->n_labels * sizeof *r->logprobs);
    return ++h->n != h->stop_at;
}

static size_t texts_of(bantam_text *out, const char *const *strings)
{
    size_t n = 0;
    for (; strings[n]; n++) {
        out[n] = bnt_text_of(strings[n]);
    }
    return n;
}

static bantam_labeler_options with_labels(bantam_text *out, const char *const *labels)
{
    const bantam_labeler_options o = {
        .struct_size = sizeof o, .labels = out, .n_labels = texts_of(out, labels)};
    return o;
}

static bantam_labeler *open_labeler(rig *r, size_t n_sessions, const bantam_labeler_options *o)
{
    bantam_labeler *l;
    bantam_error err;
    if (bantam_labeler_open(&l, r->sessions, n_sessions, o, &err)) fail_msg("%s", err.message);
    return l;
}

static void judge(bantam_labeler *l, size_t n_labels, const char *const *strings, said *out)
{
    bantam_text texts[64];
    heard h = {.all = out, .n_labels = n_labels};
    bantam_error err;
    const size_t n = texts_of(texts, strings);

    if (bantam_labeler_judge(l, texts, n, on_result, &h, &err)) fail_msg("%s", err.message);
    assert_int_equal(h.n, n);
}

static said judge_one(bantam_labeler *l, size_t n_labels, const char *text)
{
    const char *const one[] = {text, NULL};
    said s;
    judge(l, n_labels, one, &s);
    return s;
}

static void near_to(double got, double want)
{
    if (!(fabs(got - want) <= 1e-5)) fail_msg("got %.9g, expected %.9g", got, want);
}

/* Scores of a text against those of prompts by hand, "%s" standing for the text. */
static void check_scores(rig *r, bantam_labeler *l, const char *const *labels, const char *lead,
                         const char *text, const char *rest, const char *before_label,
                         uint32_t end)
{
    char prompt[2048], answer[64];
    size_t n = 0;

    while (labels[n]) {
        n++;
    }
    const said s = judge_one(l, n, text);
    snprintf(prompt, sizeof prompt, "%s%s%s", lead, text, rest);
    for (size_t i = 0; i < n; i++) {
        snprintf(answer, sizeof answer, "%s%s", before_label, labels[i]);
        near_to(s.logprobs[i], answer_logprob(r, prompt, answer, end));
    }
}

static void scores_are_the_likelihoods_of_the_labels(void **state)
{
    static const char *const sets[][5] = {{"yes", "no", NULL},
                                          {"yes", "maybe", "y-day", "no", NULL},
                                          {"no", "not", "no way", "yes", NULL}};
    static const char *const question[] = {"no or yes", "maybe, no, y-day or yes",
                                           "no, no way, not or yes"};
    (void)state;

    for (int chat = 0; chat < 2; chat++) {
        rig r = open_rig("tiny", chat);
        for (int i = 0; i < 3; i++) {
            char lead[256];
            bantam_text labels[MOST];
            const bantam_labeler_options o = with_labels(labels, sets[i]);
            bantam_labeler *const l = open_labeler(&r, 1, &o);
            snprintf(lead, sizeof lead,
                     "<s>%sWhich label fits the following text: %s? Answer with the label "
                     "only.\n\n",
                     chat ? "[user]" : "", question[i]);
            for (int round = 0; round < 2; round++) { /* the second begins like the first */
                check_scores(&r, l, sets[i], lead, round ? "so it was" : "some  it's",
                             chat ? "<end>[go]" : "\nLabel:", chat ? "" : " ",
                             i < 2  ? BANTAM_NO_TOKEN
                             : chat ? END
                                    : NEWLINE);
            }
            bantam_labeler_close(l);
        }
        close_rig(&r);
    }
}

static void a_question_of_ones_own_has_the_text_in_its_place(void **state)
{
    static const char *const names[] = {"yes", "no", NULL};
    bantam_text labels[MOST];
    rig r = open_rig("tiny", true);
    bantam_labeler_options o = with_labels(labels, names);
    (void)state;

    o.question = bnt_text_of("Is \"{text}\" good?");
    bantam_labeler *l = open_labeler(&r, 1, &o);
    check_scores(&r, l, names, "<s>[user]Is \"", "tea", "\" good?<end>[go]", "",
                 BANTAM_NO_TOKEN);
    bantam_labeler_close(l);
    o.question = bnt_text_of("Good?");
    l = open_labeler(&r, 1, &o);
    check_scores(&r, l, names, "<s>[user]Good?\n", "tea", "<end>[go]", "", BANTAM_NO_TOKEN);
    bantam_labeler_close(l);
    close_rig(&r);
}

static void probabilities_are_those_among_the_labels(void **state)
{
    static const char *const names[] = {"yes", "no", "maybe", NULL};
    static const char *const nothing[] = {"", "N/A", "..."};
    const char *const lead = "<s>[user]Q\n", *const rest = "<end>[go]";
    double mean[3] = {0}, raw[3], corrected[3], total = 0.0, raw_total = 0.0;
    bantam_text labels[MOST];
    rig r = open_rig("tiny", true);
    bantam_labeler_options o = with_labels(labels, names);
    (void)state;

    for (int t = 0; t < 3; t++) {
        char prompt[256];
        double p[3], all = 0.0;
        snprintf(prompt, sizeof prompt, "%s%s%s", lead, nothing[t], rest);
        for (int i = 0; i < 3; i++) {
            all += p[i] = exp(answer_logprob(&r, prompt, names[i], BANTAM_NO_TOKEN));
        }
        for (int i = 0; i < 3; i++) {
            mean[i] += p[i] / all / 3.0;
        }
    }
    for (int i = 0; i < 3; i++) {
        raw[i] = exp(answer_logprob(&r, "<s>[user]Q\nhi!<end>[go]", names[i], BANTAM_NO_TOKEN));
        corrected[i] = raw[i] / mean[i];
        raw_total += raw[i];
        total += corrected[i];
    }
    o.question = bnt_text_of("Q");
    bantam_labeler *l = open_labeler(&r, 1, &o);
    said s = judge_one(l, 3, " hi!\r\n");
    for (int i = 0; i < 3; i++) {
        near_to(s.probabilities[i], corrected[i] / total);
        assert_true(s.r.probability >= s.probabilities[i]);
    }
    near_to(s.probabilities[s.r.label], s.r.probability);
    assert_int_equal(s.r.n_parts, 1);
    assert_int_equal(s.r.n_tokens, 3);
    bantam_labeler_close(l);

    o.prior = BANTAM_PRIOR_NONE;
    l = open_labeler(&r, 1, &o);
    s = judge_one(l, 3, "hi!");
    for (int i = 0; i < 3; i++) {
        near_to(s.probabilities[i], raw[i] / raw_total);
    }
    bantam_labeler_close(l);
    close_rig(&r);
}

static void the_order_of_labels_changes_nothing(void **state)
{
    static const char *const one[] = {"yes", "no", "not", "maybe", NULL};
    static const char *const two[] = {"maybe", "not", "yes", "no", NULL};
    static const int there[] = {2, 3, 1, 0};
    bantam_text first[MOST], second[MOST];
    rig r = open_rig("tiny", true);
    const bantam_labeler_options o = with_labels(first, one), p = with_labels(second, two);
    bantam_labeler *const l = open_labeler(&r, 1, &o), *const m = open_labeler(&r, 1, &p);
    (void)state;

    const said s = judge_one(l, 4, "a text"), t = judge_one(m, 4, "a text");
    for (int i = 0; i < 4; i++) {
        assert_true(s.probabilities[i] == t.probabilities[there[i]]);
        assert_true(s.logprobs[i] == t.logprobs[there[i]]);
        assert_true(bnt_text_is(bantam_labeler_label(m, (size_t)there[i]), one[i]));
    }
    assert_int_equal(there[s.r.label], t.r.label);
    assert_null(bantam_labeler_label(m, 4).data);
    bantam_labeler_close(l);
    bantam_labeler_close(m);
    close_rig(&r);
}

static void same(const said *a, const said *b, size_t n_labels)
{
    assert_memory_equal(a->probabilities, b->probabilities, n_labels * sizeof(double));
    assert_memory_equal(a->logprobs, b->logprobs, n_labels * sizeof(double));
    assert_int_equal(a->r.label, b->r.label);
    assert_int_equal(a->r.n_parts, b->r.n_parts);
}

static void many_at_once_are_as_one_by_one(void **state)
{
    enum { N = 60 };
    static const char *const names[] = {"yes", "no", "not", NULL};
    char bytes[N][24];
    const char *texts[N + 1] = {NULL};
    said all[N], three[N];
    bantam_text labels[MOST];
    rig r = open_rig("tiny", true);
    const bantam_labeler_options o = with_labels(labels, names);
    bantam_labeler *l = open_labeler(&r, 1, &o);
    (void)state;

    for (int i = 0; i < N; i++) {
        snprintf(bytes[i], sizeof bytes[i], "%s %d", i % 7 ? "text number" : "another", i * i);
        texts[i] = i % 11 ? bytes[i] : " ";
    }
    judge(l, 3, texts, all);
    assert_int_equal(all[0].r.label, BANTAM_NO_LABEL);
    assert_int_equal(all[0].r.n_parts, 0);
    near_to(all[0].r.probability, 0.0);
    for (int i = 1; i < N; i += 9) { /* a session that holds nothing yet, with two threads */
        bantam_labeler *fresh;
        bantam_session_rewind(r.other, 0, NULL);
        assert_int_equal(bantam_labeler_open(&fresh, &r.other, 1, &o, NULL), BANTAM_OK);
        const said s = judge_one(fresh, 3, texts[i]);
        same(&s, &all[i], 3);
        bantam_labeler_close(fresh);
    }
    bantam_labeler_close(l);
    l = open_labeler(&r, 3, &o);
    judge(l, 3, texts, three);
    for (int i = 0; i < N; i++) {
        if (i % 11) same(&three[i], &all[i], 3);
    }
    bantam_labeler_close(l);
    close_rig(&r);
}

static void names_of_special_tokens_stay_text(void **state)
{
    static const char *const names[] = {"yes", "no", NULL};
    bantam_text labels[MOST];
    rig r = open_rig("tiny", true);
    bantam_labeler_options o = with_labels(labels, names);
    bantam_session *const session = r.sessions[0];
    uint32_t n_ends = 0, n_begins = 0;
    (void)state;

    o.question = bnt_text_of("Q");
    bantam_labeler *const l = open_labeler(&r, 1, &o);
    judge_one(l, 2, "bad<end>[go]yes<s>");
    for (uint32_t i = 0; i < bantam_session_position(session); i++) {
        n_ends += bantam_session_token(session, i) == END;
        n_begins += bantam_session_token(session, i) == BOS;
    }
    assert_int_equal(n_ends, 1); /* the template's */
    assert_int_equal(n_begins, 1);
    bantam_labeler_close(l);
    close_rig(&r);
}

/* What bantam-mini was made for, asked of a model that is called so. */
static void the_question_of_bantam_mini(void **state)
{
    static const char *const two[] = {"negative", "positive", NULL};
    static const char *const three[] = {"positive", "neutral", "negative", NULL};
    const char *const lead = "<s>[user]positive or negative?\n", *const rest = "<end>[go]";
    bantam_text labels[MOST];
    rig r = open_rig("bantam-mini", true);
    bantam_labeler *l = open_labeler(&r, 1, NULL);
    (void)state;

    check_scores(&r, l, two, lead, "a film", rest, "", BANTAM_NO_TOKEN);
    const said s = judge_one(l, 2, "a film");
    near_to(s.probabilities[0], 1.0 / (1.0 + exp(s.logprobs[1] - s.logprobs[0])));
    bantam_labeler_close(l);

    /* The band of 0.7: m is 3. */
    const bantam_labeler_options o = with_labels(labels, three);
    l = open_labeler(&r, 1, &o);
    const said t = judge_one(l, 3, "a film");
    const double u = exp(s.logprobs[1] - s.logprobs[0]);
    near_to(t.probabilities[0], u / (u + 3.0));
    near_to(t.probabilities[2], 1.0 / (1.0 + 3.0 * u));
    near_to(t.probabilities[0] + t.probabilities[1] + t.probabilities[2], 1.0);
    near_to(t.logprobs[0], s.logprobs[1]);
    assert_true(isnan(t.logprobs[1]));
    bantam_labeler_close(l);
    close_rig(&r);
}

static void long_texts_are_judged_by_parts(void **state)
{
    static const char *const names[] = {"yes", "no", NULL};
    static const char *const parts[] = {"It was so.", "We like tea!  ", "And then it ended?"};
    char whole[64], *huge = malloc(20001);
    double mean[2] = {0}, tokens = 0.0;
    bantam_text labels[MOST];
    rig r = open_rig("tiny", true);
    bantam_labeler_options o = with_labels(labels, names);
    (void)state;

    o.question = bnt_text_of("Q");
    o.prior = BANTAM_PRIOR_NONE;
    bantam_labeler *l = open_labeler(&r, 1, &o);
    for (int i = 0; i < 3; i++) {
        const said s = judge_one(l, 2, parts[i]);
        for (int j = 0; j < 2; j++) {
            mean[j] += s.r.n_tokens * log(s.probabilities[j]);
        }
        tokens += s.r.n_tokens;
    }
    const double odds = exp((mean[0] - mean[1]) / tokens);
    snprintf(whole, sizeof whole, "%s %s%s", parts[0], parts[1], parts[2]);
    assert_int_equal(judge_one(l, 2, whole).r.n_parts, 1);
    bantam_labeler_close(l);

    o.part_tokens = 18; /* each of them, and no two */
    l = open_labeler(&r, 1, &o);
    const said s = judge_one(l, 2, whole);
    assert_int_equal(s.r.n_parts, 3);
    near_to(s.probabilities[0], odds / (1.0 + odds));
    near_to(s.logprobs[0], mean[0] / tokens);
    bantam_labeler_close(l);

    /* No sentence, no word, and then bytes that are no UTF-8: all of it is judged. */
    o.part_tokens = 0;
    l = open_labeler(&r, 1, &o);
    assert_non_null(huge);
    memset(huge, 'a', 20000);
    memset(huge + 5000, '\x80', 5000);
    for (int i = 12000; i < 20000; i += 1 + i % 13) {
        huge[i] = ' ';
    }
    huge[20000] = '\0';
    const said h = judge_one(l, 2, huge);
    assert_true(h.r.n_parts > 60 && h.r.n_parts < 200);
    near_to(h.probabilities[0] + h.probabilities[1], 1.0);
    bantam_labeler_close(l);
    free(huge);
    close_rig(&r);
}

/* ---- examples ---------------------------------------------------------------------------- */

static void the_first_examples_are_shown(void **state)
{
    static const char *const names[] = {"yes", "no", NULL};
    const bantam_label_example examples[] = {{bnt_text_of("one "), 0},
                                             {bnt_text_of("two"), 0},
                                             {bnt_text_of("three"), 1},
                                             {bnt_text_of("four"), 1}};
    const bantam_learn_options two = {.struct_size = sizeof two, .n_shots = 2};
    const bantam_learn_options none = {.struct_size = sizeof none, .no_shots = true};
    bantam_label_fit fit;
    (void)state;

    for (int chat = 0; chat < 2; chat++) {
        bantam_text labels[MOST];
        rig r = open_rig("tiny", chat);
        bantam_labeler_options o = with_labels(labels, names);
        o.question = bnt_text_of("Q");
        bantam_labeler *const l = open_labeler(&r, 1, &o);
        const said before = judge_one(l, 2, "five");
        assert_int_equal(bantam_labeler_learn(l, examples, 4, &two, &fit, NULL), BANTAM_OK);
        assert_int_equal(fit.n_shots, 2);
        assert_int_equal(fit.n_fitted, 0);
        assert_true(isnan(fit.loss_after));
        if (chat) {
            check_scores(&r, l, names,
                         "<s>[user]Q\none<end>[assistant]yes<end>[user]Q\nthree<end>[assistant]"
                         "no<end>[user]Q\n",
                         "five", "<end>[go]", "", BANTAM_NO_TOKEN);
        } else {
            check_scores(&r, l, names, "<s>Q\none\nLabel: yes\n\nthree\nLabel: no\n\n", "five",
                         "\nLabel:", " ", BANTAM_NO_TOKEN);
        }
        assert_int_equal(bantam_labeler_learn(l, examples, 4, NULL, &fit, NULL), BANTAM_OK);
        assert_int_equal(fit.n_shots, 4);
        assert_int_equal(bantam_labeler_learn(l, examples, 4, &none, &fit, NULL), BANTAM_OK);
        assert_int_equal(fit.n_shots, 0);
        const said after = judge_one(l, 2, "five");
        same(&before, &after, 2);
        bantam_labeler_close(l);
        close_rig(&r);
    }
}

enum { N_EXAMPLES = 40 };

/* Labels that the model itself finds, but for every fourth. */
static void make_examples(bantam_labeler *l, char bytes[N_EXAMPLES][16],
                          bantam_label_example *out)
{
    for (int i = 0; i < N_EXAMPLES; i++) {
        snprintf(bytes[i], sizeof bytes[i], "text %d", i * 37);
        const said s = judge_one(l, 2, bytes[i]);
        out[i] =
            (bantam_label_example){bnt_text_of(bytes[i]), i % 4 ? s.r.label : 1 - s.r.label};
    }
}

static void a_fit_changes_probabilities_as_it_says(void **state)
{
    static const char *const names[] = {"yes", "no", NULL};
    const bantam_learn_options o = {.struct_size = sizeof o, .no_shots = true, .seed = 3};
    char bytes[N_EXAMPLES][16];
    bantam_label_example examples[N_EXAMPLES];
    bantam_text labels[MOST];
    bantam_label_fit fit, again;
    double loss = 0.0;
    rig r = open_rig("tiny", true);
    bantam_labeler_options options = with_labels(labels, names);
    (void)state;

    options.prior = BANTAM_PRIOR_NONE;
    bantam_labeler *const l = open_labeler(&r, 2, &options);
    make_examples(l, bytes, examples);
    for (int i = 0; i < N_EXAMPLES; i++) {
        const said s = judge_one(l, 2, bytes[i]);
        loss -= log(s.probabilities[examples[i].label]) / N_EXAMPLES;
    }
    assert_int_equal(bantam_labeler_learn(l, examples, N_EXAMPLES, &o, &fit, NULL), BANTAM_OK);
    assert_int_equal(fit.n_fitted, N_EXAMPLES);
    near_to(fit.accuracy_before, 0.75);
    near_to(fit.loss_before, loss);
    assert_true(fit.error_after >= 0.0 && fit.error_after <= 1.0);
    const said s = judge_one(l, 2, "another text");
    const double z = (s.logprobs[0] - s.logprobs[1]) / fit.temperature;
    near_to(s.probabilities[0], 1.0 / (1.0 + exp(fit.bias[1] - fit.bias[0] - z)));
    assert_int_equal(bantam_labeler_learn(l, examples, N_EXAMPLES, &o, &again, NULL),
                     BANTAM_OK);
    assert_memory_equal(&fit, &again, sizeof fit); /* in place of what was learned before */
    bantam_labeler_close(l);
    close_rig(&r);
}

static bool stop_soon(void *user, uint64_t done, uint64_t total)
{
    (void)user;
    assert_int_equal(total, N_EXAMPLES);
    return done < 5;
}

static void what_fails_leaves_the_labeler_as_it_was(void **state)
{
    static const char *const names[] = {"yes", "no", NULL};
    const bantam_learn_options stops = {
        .struct_size = sizeof stops, .no_shots = true, .progress = stop_soon};
    char bytes[N_EXAMPLES][16];
    bantam_label_example examples[N_EXAMPLES];
    bantam_text labels[MOST];
    bantam_label_fit fit;
    bantam_status status;
    uint64_t n = 0;
    rig r = open_rig("tiny", true);
    const bantam_labeler_options o = with_labels(labels, names);
    bantam_labeler *const l = open_labeler(&r, 1, &o);
    (void)state;

    make_examples(l, bytes, examples);
    const said before = judge_one(l, 2, "some text");
    do {
        bnt_mem_fail_after(n++);
        status = bantam_labeler_learn(l, examples, N_EXAMPLES, NULL, &fit, NULL);
        bnt_mem_fail_after(UINT64_MAX);
        assert_true(status == BANTAM_OK || status == BANTAM_ERR_NOMEM);
        if (status) {
            const said after = judge_one(l, 2, "some text");
            same(&before, &after, 2);
            assert_int_equal(fit.n_fitted, 0);
        }
        if (n > 60) n += n / 2; /* those of each text are alike */
    } while (status);
    assert_true(n > 10);

    status = bantam_labeler_learn(l, examples, N_EXAMPLES, &stops, &fit, NULL);
    assert_int_equal(status, BANTAM_ERR_CANCELLED);
    examples[3].label = 2;
    status = bantam_labeler_learn(l, examples, N_EXAMPLES, NULL, &fit, NULL);
    assert_int_equal(status, BANTAM_ERR_INVALID);
    examples[3].label = 1;
    examples[4].text = bnt_text_of(" \n");
    status = bantam_labeler_learn(l, examples, N_EXAMPLES, NULL, &fit, NULL);
    assert_int_equal(status, BANTAM_ERR_INVALID);
    bantam_labeler_close(l);
    close_rig(&r);
}

/* ---- failures ---------------------------------------------------------------------------- */

static void check_refused(rig *r, const bantam_labeler_options *o, bantam_status want,
                          const char *says)
{
    bantam_labeler *l = (bantam_labeler *)(uintptr_t)1;
    bantam_error err;

    assert_int_equal(bantam_labeler_open(&l, r->sessions, 1, o, &err), want);
    assert_null(l);
    if (!strstr(err.message, says)) fail_msg("%s: expected %s", err.message, says);
}

static void labels_that_make_no_sense_are_refused(void **state)
{
    static const char *const one[] = {"yes", NULL}, *const twice[] = {"no", "yes", "no", NULL},
                             *const blank[] = {"no", " ", NULL},
                             *const two[] = {"no", "yes", NULL};
    char question[CONTEXT + 1];
    bantam_text labels[MOST];
    bantam_labeler_options o = with_labels(labels, one);
    rig r = open_rig("tiny", true);
    (void)state;

    check_refused(&r, &o, BANTAM_ERR_INVALID, "expected 2 to 64");
    o = with_labels(labels, twice);
    check_refused(&r, &o, BANTAM_ERR_INVALID, "label no: is given twice");
    o = with_labels(labels, blank);
    check_refused(&r, &o, BANTAM_ERR_INVALID, "label 1");
    o = with_labels(labels, two);
    o.neutral = 0.8;
    check_refused(&r, &o, BANTAM_ERR_INVALID, "three labels");
    o.neutral = 0.4;
    check_refused(&r, &o, BANTAM_ERR_INVALID, "between 0.5 and 1");
    o = with_labels(labels, two);
    memset(question, 'q', CONTEXT);
    question[CONTEXT] = '\0';
    o.question = bnt_text_of(question);
    check_refused(&r, &o, BANTAM_ERR_FULL, "context");
    o.question = bnt_text_of("a \xEE\x80\x80");
    check_refused(&r, &o, BANTAM_ERR_INVALID, "U+E000");
    assert_int_equal(bantam_labeler_open(&(bantam_labeler *){NULL}, NULL, 0, NULL, NULL),
                     BANTAM_ERR_INVALID);
    close_rig(&r);
}

static void a_stop_ends_the_work(void **state)
{
    static const char *const strings[] = {"a", "b", "c", "d", NULL};
    said all[4];
    bantam_text texts[4];
    heard h = {.all = all, .n_labels = 2, .stop_at = 2};
    rig r = open_rig("tiny", true);
    bantam_labeler *const l = open_labeler(&r, 1, NULL);
    (void)state;

    texts_of(texts, strings);
    assert_int_equal(bantam_labeler_judge(l, texts, 4, on_result, &h, NULL),
                     BANTAM_ERR_CANCELLED);
    assert_int_equal(h.n, 2);
    bantam_session_cancel(r.sessions[0]);
    h = (heard){.all = all, .n_labels = 2};
    assert_int_equal(bantam_labeler_judge(l, texts, 4, on_result, &h, NULL),
                     BANTAM_ERR_CANCELLED);
    assert_int_equal(h.n, 0);
    assert_int_equal(bantam_labeler_judge(l, texts, 4, on_result, &h, NULL), BANTAM_OK);
    assert_int_equal(h.n, 4);
    bantam_labeler_close(l);
    close_rig(&r);
}

static void opening_survives_every_failed_allocation(void **state)
{
    static const char *const names[] = {"yes", "no", "not", NULL};
    bantam_text labels[MOST];
    const bantam_labeler_options o = with_labels(labels, names);
    bantam_labeler *l;
    uint64_t n = 0;
    rig r = open_rig("tiny", true);
    (void)state;

    do {
        bantam_error err;
        bnt_mem_fail_after(n++);
        const bantam_status status = bantam_labeler_open(&l, r.sessions, 2, &o, &err);
        bnt_mem_fail_after(UINT64_MAX);
        assert_int_equal(status, l ? BANTAM_OK : BANTAM_ERR_NOMEM);
    } while (!l && n < 2000);
    assert_non_null(l);
    assert_true(n > 10);
    bantam_labeler_close(l);
    close_rig(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scores_are_the_likelihoods_of_the_labels),
        cmocka_unit_test(a_question_of_ones_own_has_the_text_in_its_place),
        cmocka_unit_test(probabilities_are_those_among_the_labels),
        cmocka_unit_test(the_order_of_labels_changes_nothing),
        cmocka_unit_test(many_at_once_are_as_one_by_one),
        cmocka_unit_test(names_of_special_tokens_stay_text),
        cmocka_unit_test(the_question_of_bantam_mini),
        cmocka_unit_test(long_texts_are_judged_by_parts),
        cmocka_unit_test(the_first_examples_are_shown),
        cmocka_unit_test(a_fit_changes_probabilities_as_it_says),
        cmocka_unit_test(what_fails_leaves_the_labeler_as_it_was),
        cmocka_unit_test(labels_that_make_no_sense_are_refused),
        cmocka_unit_test(a_stop_ends_the_work),
        cmocka_unit_test(opening_survives_every_failed_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
