/* test_sampler_stages.c - penalties, DRY, XTC and mirostat. */
#include "cpu_time.h"
#include "sampler_rig.h"

#include <float.h>

/* The logits that a chain of one stage leaves, in order of ids. */
static void logits_after(bnt_sampler *s, const float *logits, const uint32_t *history,
                         size_t n_history, float *out)
{
    uint32_t token;
    size_t n;
    assert_int_equal(bnt_sampler_draw(s, logits, history, n_history, NULL, &token, NULL), 0);
    const bnt_candidate *c = bnt_sampler_candidates(s, &n);
    for (size_t i = 0; i < n; i++) {
        out[c[i].token] = c[i].logit;
    }
}

static void penalties_look_at_the_last_n(void **state)
{
    (void)state;
    static const float logits[4] = {2, -2, 0.5f, 1};
    static const uint32_t history[] = {3, 0, 1, 1, 900};
    float out[4];
    bnt_sampler *s = open_sampler(4);
    bantam_sampling o = plain(1);
    o.repeat_penalty = 2;
    o.frequency_penalty = 0.25f;
    o.presence_penalty = 0.5f;
    o.penalty_last_n = 4; /* 3 is too long ago */
    configure(s, &o);
    logits_after(s, logits, history, 5, out);
    assert_true(out[0] == 1 - 0.25f - 0.5f);
    assert_true(out[1] == -4 - 0.5f - 0.5f);
    assert_true(out[2] == 0.5f && out[3] == 1);
    logits_after(s, logits, history, 5, out); /* nothing is left behind from the first time */
    assert_true(out[1] == -5);
    bnt_sampler_close(s);
}

/* In an order of the caller's own, penalties may come after the candidates were sorted. */
static void penalties_after_a_cut_sort_anew(void **state)
{
    (void)state;
    static const float logits[5] = {4, 3, 2, 1, 0};
    static const uint32_t history[] = {0};
    bnt_sampler *s = open_sampler(5);
    bantam_sampling o = plain(1);
    o.presence_penalty = 1.5f;
    o.top_k = 3;
    o.top_p = 0.6f; /* of 3, 2.5, 2: the first alone has 0.51 */
    o.order[0] = BANTAM_STAGE_TOP_K;
    o.order[1] = BANTAM_STAGE_PENALTIES;
    o.order[2] = BANTAM_STAGE_TOP_P;
    configure(s, &o);
    uint32_t token;
    size_t n;
    assert_int_equal(bnt_sampler_draw(s, logits, history, 1, NULL, &token, NULL), BANTAM_OK);
    const bnt_candidate *c = bnt_sampler_candidates(s, &n);
    assert_int_equal(n, 2);
    assert_int_equal(c[0].token, 1);
    assert_int_equal(c[1].token, 0);
    bnt_sampler_close(s);
}

/* DRY by its definition, comparing backwards from every place. */
static void dry_by_hand(const uint32_t *h, size_t n, const bool *breaker, double multiplier,
                        double base, size_t allowed, double *penalty)
{
    for (size_t at = 0; at + 1 < n; at++) { /* h[at] would be the end of a repetition */
        size_t length = 0;
        while (length <= at && h[at - length] == h[n - 1 - length] &&
               !breaker[h[at - length]]) {
            length++;
        }
        const uint32_t next = h[at + 1];
        if (length == 0 || length < allowed || breaker[next]) continue;
        const double p = multiplier * pow(base, (double)length - (double)allowed);
        if (p > penalty[next]) penalty[next] = p;
    }
}

static void dry_grows_with_the_match_and_stops_at_breakers(void **state)
{
    (void)state;
    enum { N = 5, LONG = 120 };
    static const float logits[N] = {0};
    bnt_rng rng;
    bnt_rng_seed(&rng, 5);
    bnt_sampler *s = open_sampler(N);
    const bantam_text colon = {":", 1};
    int punished = 0;
    for (int turn = 0; turn < 400; turn++) {
        uint32_t h[LONG];
        const size_t n = bnt_rng_below(&rng, LONG + 1);
        const bool few = turn % 2; /* two words repeat at length, five rarely */
        for (size_t i = 0; i < n; i++) {
            h[i] = (uint32_t)bnt_rng_below(&rng, few ? 2 : N);
        }
        if (few && n && turn % 3 == 0) h[n / 2] = 3;
        bantam_sampling o = plain(1);
        o.dry_multiplier = 0.8f;
        o.dry_base = 1.25f;
        o.dry_allowed_length = (uint32_t)(turn % 5);
        o.dry_last_n = turn % 7 == 0 ? 30 : 1024;
        const int breakers = turn % 3; /* the usual ones, a colon, none */
        if (breakers == 1) {
            o.dry_breakers = &colon;
            o.n_dry_breakers = 1;
        }
        assert_int_equal(bnt_sampler_configure(s, &o, breakers == 2 ? NULL : word, NULL, NULL),
                         BANTAM_OK);
        const bool breaker[N] = {false, false, false, breakers != 2, breakers == 0};
        const size_t skip = n > o.dry_last_n ? n - o.dry_last_n : 0;
        double penalty[N] = {0};
        float out[N];
        dry_by_hand(h + skip, n - skip, breaker, 0.8f, 1.25, o.dry_allowed_length, penalty);
        logits_after(s, logits, h, n, out);
        for (size_t t = 0; t < N; t++) {
            punished += penalty[t] > 0;
            if (fabs((double)out[t] + penalty[t]) > 1e-5 * (1 + penalty[t])) {
                fail_msg("turn %d token %zu: %g, expected %g", turn, t, (double)out[t],
                         -penalty[t]);
            }
        }
    }
    assert_true(punished > 300);

    /* One more repeated token makes the next one 1.75 times as dear. */
    static const uint32_t h[] = {0, 1, 2, 0, 1, 0, 0, 1, 2, 0, 1};
    float longer[N], shorter[N];
    bantam_sampling o = plain(1);
    o.dry_multiplier = 1;
    configure(s, &o);
    logits_after(s, logits, h, 11, longer); /* 0 1 2 0 1 stood before 0 */
    logits_after(s, logits, h, 10, shorter);
    assert_true(fabs((double)longer[0] + pow(1.75, 3)) < 1e-5);
    assert_true(fabs((double)shorter[1] + pow(1.75, 2)) < 1e-5);
    bnt_sampler_close(s);
}

static void dry_takes_time_in_proportion(void **state)
{
    (void)state;
    enum { LONG = 300000 };
    static const float logits[2] = {0, 0};
    uint32_t *history = calloc(LONG, sizeof *history), token;
    bnt_sampler *s = open_sampler(2);
    bantam_sampling o = plain(1);
    o.dry_multiplier = 1;
    o.dry_last_n = UINT32_MAX;
    configure(s, &o);
    const double start = cpu_seconds();
    assert_int_equal(bnt_sampler_draw(s, logits, history, LONG, NULL, &token, NULL), BANTAM_OK);
    assert_true(cpu_spent_at_most(5.0, start)); /* each with each: minutes */
    assert_int_equal(token, 1);
    bnt_sampler_close(s);
    free(history);
}

static void xtc_happens_as_often_as_asked(void **state)
{
    (void)state;
    static const float logits[4] = {2, 1.9f, 1.8f, -3};
    bnt_sampler *s = open_sampler(4);
    bantam_sampling o = plain(6);
    o.xtc_probability = 0.3f;
    o.xtc_threshold = 0.2f; /* the first three reach it */
    configure(s, &o);
    int happened = 0;
    for (int i = 0; i < 10000; i++) {
        size_t n;
        draw(s, logits);
        const bnt_candidate *c = bnt_sampler_candidates(s, &n);
        assert_true(n == 4 || (n == 2 && c[0].token == 2 && c[1].token == 3));
        happened += n == 2;
    }
    assert_true(happened > 2800 && happened < 3200); /* deviation 46 */
    bnt_sampler_close(s);
}

/* Logits that follow a Zipf law exactly, with the first threshold, 2 tau. */
static void mirostat_cuts_by_its_formulas(void **state)
{
    (void)state;
    enum { N = 2000 };
    static float logits[N];
    double sum = 0;
    for (size_t k = 0; k < N; k++) {
        const double weight = pow((double)k + 1, -1.1);
        logits[N - 1 - k] = (float)log(weight);
        sum += weight;
    }
    bnt_sampler *s = open_sampler(N);
    bantam_sampling o = plain(1);
    size_t n, expected = 0;
    o.mirostat = 1;
    configure(s, &o);
    draw(s, logits);
    bnt_sampler_candidates(s, &n);
    /* (0.1 * 2^10 / (1 - 2000^-0.1))^(1/1.1) = 119.2 */
    assert_int_equal(n, 119);

    o.mirostat = 2;
    o.mirostat_tau = 4;
    configure(s, &o);
    draw(s, logits);
    bnt_sampler_candidates(s, &n);
    for (size_t k = 0; k < N; k++) {
        expected += -log2(pow((double)k + 1, -1.1) / sum) <= 8;
    }
    assert_true(expected > 5 && expected < N);
    assert_int_equal(n, expected);
    bnt_sampler_close(s);
}

static void mirostat_holds_the_surprise_near_tau(void **state)
{
    (void)state;
    enum { N = 2000, DRAWS = 3000, SETTLE = 300 };
    static float logits[N];
    bnt_sampler *s = open_sampler(N);
    for (uint32_t version = 1; version <= 2; version++) {
        for (int tau = 2; tau <= 5; tau++) {
            bnt_rng rng;
            bnt_rng_seed(&rng, 77);
            bantam_sampling o = plain(5);
            o.mirostat = version;
            o.mirostat_tau = (float)tau;
            configure(s, &o);
            double sum = 0;
            for (int i = 0; i < DRAWS; i++) {
                /* A Zipf law whose exponent changes from token to token: without a hand on it
                 * the surprise is anywhere from 3 to 8 bits. */
                const double exponent = 0.9 + 0.4 * bnt_rng_f64(&rng);
                for (size_t k = 0; k < N; k++) {
                    logits[(k * 997 + (size_t)i) % N] = (float)(-exponent * log((double)k + 1));
                }
                const uint32_t token = draw(s, logits);
                size_t n, at = 0;
                const bnt_candidate *c = bnt_sampler_candidates(s, &n);
                while (c[at].token != token) {
                    at++;
                }
                if (i >= SETTLE) sum -= log2((double)c[at].probability);
            }
            const double mean = sum / (DRAWS - SETTLE);
            if (fabs(mean - tau) > 0.1) fail_msg("mirostat %u: %g", (unsigned)version, mean);
        }
    }
    bnt_sampler_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(penalties_look_at_the_last_n),
        cmocka_unit_test(penalties_after_a_cut_sort_anew),
        cmocka_unit_test(dry_grows_with_the_match_and_stops_at_breakers),
        cmocka_unit_test(xtc_happens_as_often_as_asked),
        cmocka_unit_test(dry_takes_time_in_proportion),
        cmocka_unit_test(mirostat_cuts_by_its_formulas),
        cmocka_unit_test(mirostat_holds_the_surprise_near_tau),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
