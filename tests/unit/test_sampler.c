/* test_sampler.c - from logits to a token. */
#include "base/clock.h"
#include "base/mem.h"
#include "sampler_rig.h"

#include <float.h>

/* ---- order of candidates ---- */

typedef struct ranked {
    float logit;
    uint32_t token;
} ranked;

static int compare_ranked(const void *a, const void *b)
{
    const ranked *x = a, *y = b;
    if (x->logit != y->logit) return x->logit > y->logit ? -1 : 1;
    return x->token < y->token ? -1 : 1;
}

static void the_k_most_likely_come_in_order_and_ties_by_id(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {1, 2, 3, 17, 100, 5000};
    for (size_t t = 0; t < 12; t++) {
        const uint32_t n = sizes[t / 2];
        float *logits = malloc(n * sizeof *logits);
        ranked *sorted = malloc(n * sizeof *sorted);
        bantam_candidate *top = malloc(n * sizeof *top);
        bnt_sampler *s = open_sampler(n);
        fill_random(logits, n, t, t % 2);
        for (uint32_t i = 0; i < n; i++) {
            sorted[i] = (ranked){logits[i], i};
        }
        qsort(sorted, n, sizeof *sorted, compare_ranked);
        for (uint32_t k = 1; k <= n; k = k < n && k * 3 > n ? n : k * 3) {
            bantam_sampling o = plain(1);
            o.top_k = k;
            configure(s, &o);
            draw(s, logits);
            size_t left;
            const bnt_candidate *c = bnt_sampler_candidates(s, &left);
            assert_int_equal(left, k);
            for (size_t i = 0; i < k; i++) {
                if (c[i].token != sorted[i].token)
                    fail_msg("n %u k %u", (unsigned)n, (unsigned)k);
            }
            bnt_sampler_top(s, logits, top, k);
            for (size_t i = 0; i < k; i++) {
                assert_int_equal(top[i].token, sorted[i].token);
            }
        }
        bantam_sampling greedy;
        bnt_sampling_init(&greedy);
        configure(s, &greedy);
        assert_int_equal(draw(s, logits), sorted[0].token);
        bnt_sampler_close(s);
        free(top);
        free(sorted);
        free(logits);
    }
}

/* Rows of any length with every kind of impossible token: what is left after top-k against all
 * possible ones sorted with qsort. Some k exceed the blocks, some the possible tokens. */
static void impossible_tokens_hide_no_possible_one(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {63, 64, 65, 127, 1000, 4097};
    for (size_t t = 0; t < 36; t++) {
        const uint32_t n = sizes[t % 6];
        float *logits = malloc(n * sizeof *logits);
        uint8_t *allow = malloc(n);
        ranked *sorted = malloc(n * sizeof *sorted);
        bnt_sampler *s = open_sampler(n);
        bnt_rng rng;
        bnt_rng_seed(&rng, t);
        fill_random(logits, n, t, t % 2);
        size_t possible = 0;
        for (uint32_t i = 0; i < n; i++) {
            const uint64_t kind = bnt_rng_u64(&rng) % (t < 18 ? 8 : 60);
            if (kind == 0) logits[i] = NAN;
            if (kind == 1) logits[i] = -INFINITY;
            if (kind == 2) logits[i] = FLT_MAX;
            if (kind == 3) logits[i] = INFINITY; /* counts as the largest number */
            allow[i] = t < 18 || bnt_rng_u64(&rng) % (n / 4) == 0;
            if (!allow[i] || !(logits[i] > -INFINITY)) continue;
            sorted[possible++] = (ranked){logits[i] < FLT_MAX ? logits[i] : FLT_MAX, i};
        }
        qsort(sorted, possible, sizeof *sorted, compare_ranked);
        for (uint32_t k = 1; possible && k <= n; k = k * 2 + 1) {
            const size_t expected = k < possible ? k : possible;
            bantam_sampling o = plain(1);
            uint32_t token;
            size_t left;
            o.top_k = k;
            configure(s, &o);
            assert_int_equal(bnt_sampler_draw(s, logits, NULL, 0, allow, &token, NULL), 0);
            const bnt_candidate *c = bnt_sampler_candidates(s, &left);
            assert_int_equal(left, expected);
            for (size_t i = 0; i < expected; i++) {
                assert_int_equal(c[i].token, sorted[i].token);
            }
        }
        bnt_sampler_close(s);
        free(sorted);
        free(allow);
        free(logits);
    }
}

/* The whole set sorted with qsort, and the definitions taken word by word. */
static void top_p_and_typical_agree_with_their_definitions(void **state)
{
    (void)state;
    enum { N = 3000 };
    static float logits[N];
    static ranked sorted[N];
    bnt_sampler *s = open_sampler(N);
    for (uint64_t seed = 0; seed < 20; seed++) {
        fill_random(logits, N, seed, false);
        const float flatten = seed % 4 == 0 ? 0.05f : 1; /* sets from few to nearly all */
        double sum = 0, entropy = 0, part = 0;
        for (uint32_t i = 0; i < N; i++) {
            logits[i] *= flatten;
            sum += exp((double)logits[i]);
            sorted[i] = (ranked){logits[i], i};
        }
        qsort(sorted, N, sizeof *sorted, compare_ranked);
        bantam_sampling o = plain(seed);
        o.top_p = 0.05f + 0.045f * (float)seed;
        size_t expected = 0, n;
        while (part < (double)o.top_p) {
            part += exp((double)sorted[expected++].logit) / sum;
        }
        configure(s, &o);
        draw(s, logits);
        bnt_sampler_candidates(s, &n);
        assert_int_equal(n, expected);

        o.typical_p = o.top_p;
        o.top_p = 1;
        for (uint32_t i = 0; i < N; i++) {
            const double p = exp((double)logits[i]) / sum;
            entropy -= p * log(p);
        }
        ranked by_distance[N];
        for (uint32_t i = 0; i < N; i++) { /* nearest first: largest minus distance */
            const double p = exp((double)logits[i]) / sum;
            by_distance[i] = (ranked){(float)-fabs(-log(p) - entropy), i};
        }
        qsort(by_distance, N, sizeof *by_distance, compare_ranked);
        bool wanted[N] = {false};
        part = 0;
        for (expected = 0; part <= (double)o.typical_p; expected++) {
            wanted[by_distance[expected].token] = true;
            part += exp((double)logits[by_distance[expected].token]) / sum;
        }
        configure(s, &o);
        draw(s, logits);
        const bnt_candidate *c = bnt_sampler_candidates(s, &n);
        assert_int_equal(n, expected);
        for (size_t i = 0; i < n; i++) {
            assert_true(wanted[c[i].token]);
            assert_true(i == 0 || c[i].logit <= c[i - 1].logit);
        }
    }
    bnt_sampler_close(s);
}

static void log_probabilities_are_those_of_the_whole_vocabulary(void **state)
{
    (void)state;
    enum { N = 500 };
    float logits[N];
    bantam_candidate top[N];
    double sum = 0;
    fill_random(logits, N, 5, false);
    for (size_t i = 0; i < N; i++) {
        sum += exp((double)logits[i]);
    }
    bnt_sampler *s = open_sampler(N);
    bnt_sampler_top(s, logits, top, N);
    for (size_t i = 0; i < N; i++) {
        const double expected = (double)logits[top[i].token] - log(sum);
        assert_true(fabs((double)top[i].logprob - expected) < 1e-5);
        assert_true(fabs(bnt_sampler_logprob(s, logits, top[i].token) - expected) < 1e-6);
    }
    assert_true(bnt_sampler_logprob(s, logits, N) == -INFINITY);

    const float odd[4] = {NAN, -INFINITY, INFINITY, 1e30f};
    bnt_sampler *four = open_sampler(4);
    bnt_sampler_top(four, odd, top, 4);
    assert_int_equal(top[0].token, 2);
    assert_true(top[0].logprob == 0);
    assert_int_equal(top[1].token, 3);
    assert_int_equal(top[2].token, 0);
    assert_true(top[2].logprob == -INFINITY);
    const float none[4] = {NAN, -INFINITY, NAN, NAN};
    bnt_sampler_top(four, none, top, 4);
    assert_true(top[0].logprob == -INFINITY);
    bnt_sampler_close(four);
    bnt_sampler_close(s);
}

/* ---- the draw ---- */

static void plain_sampling_has_the_softmax_distribution(void **state)
{
    (void)state;
    enum { DRAWS = 100000 };
    static const float logits[8] = {0, 1, -1, 2, 0.5f, -2, 1.5f, 0.25f};
    static const float temperatures[] = {1, 0.5f, 3};
    bnt_sampler *s = open_sampler(8);
    for (size_t t = 0; t < 3; t++) {
        bantam_sampling o = plain(42);
        o.temperature = temperatures[t];
        configure(s, &o);
        double sum = 0, chi = 0;
        uint32_t counts[8] = {0};
        for (int i = 0; i < DRAWS; i++) {
            counts[draw(s, logits)]++;
        }
        for (size_t i = 0; i < 8; i++) {
            sum += exp((double)logits[i] / (double)o.temperature);
        }
        for (size_t i = 0; i < 8; i++) {
            const double expected =
                DRAWS * exp((double)logits[i] / (double)o.temperature) / sum;
            chi += (counts[i] - expected) * (counts[i] - expected) / expected;
        }
        assert_true(chi < 24.32); /* 7 degrees of freedom, one in a thousand */
    }
    bnt_sampler_close(s);
}

static bantam_sampling everything_on(uint64_t seed)
{
    bantam_sampling o = plain(seed);
    o.temperature = 0.9f;
    o.top_k = 50;
    o.typical_p = 0.98f;
    o.top_p = 0.95f;
    o.min_p = 0.01f;
    o.xtc_probability = 0.5f;
    o.xtc_threshold = 0.1f;
    o.repeat_penalty = 1.1f;
    o.presence_penalty = 0.1f;
    o.frequency_penalty = 0.1f;
    o.dry_multiplier = 0.8f;
    return o;
}

static void draw_row(bnt_sampler *s, const float *logits, uint32_t n_vocab, uint32_t *tokens,
                     size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        assert_int_equal(
            bnt_sampler_draw(s, logits + i % 7 * n_vocab, tokens, i, NULL, &tokens[i], NULL),
            BANTAM_OK);
    }
}

static void the_seed_decides_and_a_saved_state_goes_on(void **state)
{
    (void)state;
    enum { N = 400, ROW = 200 };
    static float logits[7 * N];
    uint32_t first[ROW], second[ROW] = {0}, other[ROW];
    fill_random(logits, 7 * N, 1, false);
    for (uint32_t mirostat = 0; mirostat <= 2; mirostat++) {
        bantam_sampling o = everything_on(11);
        o.mirostat = mirostat;
        bnt_sampler *a = open_sampler(N), *b = open_sampler(N);
        configure(a, &o);
        uint8_t saved[BNT_SAMPLER_STATE];
        draw_row(a, logits, N, first, 0, ROW / 2);
        bnt_sampler_save(a, saved);
        draw_row(a, logits, N, first, ROW / 2, ROW);

        configure(b, &o); /* the same seed, from the start */
        draw_row(b, logits, N, second, 0, ROW);
        assert_memory_equal(first, second, sizeof first);

        o.seed = 99; /* another seed, but the state restored */
        configure(b, &o);
        draw_row(b, logits, N, other, 0, ROW);
        assert_memory_not_equal(first, other, sizeof first);
        assert_int_equal(bnt_sampler_restore(b, saved, NULL), BANTAM_OK);
        memset(second + ROW / 2, 0, sizeof second / 2);
        draw_row(b, logits, N, second, ROW / 2, ROW);
        assert_memory_equal(first, second, sizeof first);
        bnt_sampler_close(a);
        bnt_sampler_close(b);
    }
}

/* The law of kernels, seen from here: plain C and the best set draw alike. */
static void the_instruction_set_changes_no_draw(void **state)
{
    (void)state;
    enum { N = 4999, DRAWS = 60 };
    static const bantam_stage orders[][4] = {
        {BANTAM_STAGE_END},
        {BANTAM_STAGE_TEMPERATURE, BANTAM_STAGE_TOP_K, BANTAM_STAGE_MIN_P, BANTAM_STAGE_END},
        {BANTAM_STAGE_TOP_P, BANTAM_STAGE_XTC, BANTAM_STAGE_PENALTIES, BANTAM_STAGE_END},
        {BANTAM_STAGE_TYPICAL, BANTAM_STAGE_DRY, BANTAM_STAGE_TEMPERATURE, BANTAM_STAGE_END},
        {BANTAM_STAGE_TEMPERATURE, BANTAM_STAGE_END}};
    static float logits[7 * N];
    bnt_kernels plain_c;
    bnt_sampler *a, *b = open_sampler(N);
    bnt_kernels_init(&plain_c, 0);
    assert_int_equal(bnt_sampler_open(&a, N, &plain_c, NULL), BANTAM_OK);
    fill_random(logits, 7 * N, 2, false);
    for (size_t i = 0; i < 5; i++) {
        uint32_t first[DRAWS], second[DRAWS];
        size_t n_first, n_second;
        bantam_sampling o = everything_on(i);
        memcpy(o.order, orders[i], sizeof orders[i]);
        configure(a, &o);
        configure(b, &o);
        draw_row(a, logits, N, first, 0, DRAWS);
        draw_row(b, logits, N, second, 0, DRAWS);
        assert_memory_equal(first, second, sizeof first);
        const bnt_candidate *const left = bnt_sampler_candidates(a, &n_first);
        const bnt_candidate *const right = bnt_sampler_candidates(b, &n_second);
        assert_int_equal(n_first, n_second);
        assert_memory_equal(left, right, n_first * sizeof *left);
    }
    bnt_sampler_close(a);
    bnt_sampler_close(b);
}

static void a_damaged_state_is_refused_and_changes_nothing(void **state)
{
    (void)state;
    uint8_t saved[BNT_SAMPLER_STATE], bad[BNT_SAMPLER_STATE], after[BNT_SAMPLER_STATE];
    bnt_sampler *s = open_sampler(4);
    bnt_sampler_save(s, saved);
    for (int how = 0; how < 4; how++) {
        memcpy(bad, saved, sizeof bad);
        if (how == 0) memset(bad, 0, sizeof bad);
        if (how == 1) memset(bad, 0, 32);        /* a generator that stands still */
        if (how == 2) memset(bad + 32, 0xFF, 8); /* mu is NaN */
        if (how == 3) bad[47] ^= 1;
        assert_int_equal(bnt_sampler_restore(s, bad, NULL), BANTAM_ERR_FORMAT);
        bnt_sampler_save(s, after);
        assert_memory_equal(after, saved, sizeof saved);
    }
    bnt_sampler_close(s);
}

static void drawing_takes_no_memory(void **state)
{
    (void)state;
    enum { N = 2000 };
    static float logits[N];
    uint32_t history[300], token;
    fill_random(logits, N, 8, false);
    bnt_sampler *s = open_sampler(N);
    for (size_t i = 0; i < 300; i++) {
        history[i] = (uint32_t)(i * i % 17);
    }
    for (uint32_t how = 0; how < 4; how++) {
        bantam_sampling o = everything_on(3);
        o.mirostat = how % 3;
        if (how == 3) bnt_sampling_init(&o);
        configure(s, &o);
        const uint64_t asked = bnt_mem_allocations();
        for (int i = 0; i < 50; i++) {
            assert_int_equal(bnt_sampler_draw(s, logits, history, 300, NULL, &token, NULL), 0);
        }
        assert_true(bnt_mem_allocations() == asked);
    }
    bnt_sampler_close(s);
}

/* What open takes is what the plan was told, less the heap's own rounding. */
static void the_cost_is_what_open_takes(void **state)
{
    (void)state;
    const int64_t before = bnt_mem_live_bytes();
    bnt_sampler *s = open_sampler(12345);
    assert_int_equal(bnt_mem_live_bytes() - before, bnt_sampler_cost(12345));
    bnt_sampler_close(s);
    assert_int_equal(bnt_mem_live_bytes(), before);
}

static void masks_and_biases_forbid(void **state)
{
    (void)state;
    static const float logits[5] = {5, 4, 3, 2, 1};
    static const uint8_t allow[5] = {0, 1, 1, 1, 0};
    const bantam_logit_bias bias[] = {{1, -INFINITY}, {3, 0.75f}, {3, 0.75f}};
    bnt_sampler *s = open_sampler(5);
    bantam_sampling o;
    uint32_t token;
    bantam_error err;
    bnt_sampling_init(&o);
    configure(s, &o);
    assert_int_equal(bnt_sampler_draw(s, logits, NULL, 0, allow, &token, NULL), BANTAM_OK);
    assert_int_equal(token, 1);
    o.bias = bias;
    o.n_bias = 2;
    configure(s, &o);
    assert_int_equal(bnt_sampler_draw(s, logits, NULL, 0, allow, &token, NULL), BANTAM_OK);
    assert_int_equal(token, 2); /* 3 against 2 + 0.75 */
    o.n_bias = 3;               /* biases of one token add up: 3.5 */
    configure(s, &o);
    assert_int_equal(bnt_sampler_draw(s, logits, NULL, 0, allow, &token, NULL), BANTAM_OK);
    assert_int_equal(token, 3);

    o.temperature = 100; /* nearly flat */
    o.seed = 4;
    configure(s, &o);
    uint32_t seen[5] = {0};
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(bnt_sampler_draw(s, logits, NULL, 0, allow, &token, NULL), BANTAM_OK);
        seen[token]++;
    }
    assert_true(seen[0] == 0 && seen[1] == 0 && seen[4] == 0 && seen[2] > 300 && seen[3] > 300);

    static const uint8_t one[5] = {0, 1, 0, 0, 0}; /* what the bias bans */
    uint8_t before[BNT_SAMPLER_STATE], after[BNT_SAMPLER_STATE];
    bnt_sampler_save(s, before);
    assert_int_equal(bnt_sampler_draw(s, logits, NULL, 0, one, &token, &err),
                     BANTAM_ERR_INVALID);
    assert_non_null(strstr(err.message, "no token is possible"));
    bnt_sampler_save(s, after);
    assert_memory_equal(before, after, sizeof before);
    bnt_sampler_close(s);
}

/* Broken weights give such logits. Whatever the options, a draw ends, with a possible token. */
static void odd_logits_neither_crash_nor_win(void **state)
{
    (void)state;
    static const float rows[][6] = {{NAN, 1, NAN, 2, -INFINITY, 0},
                                    {INFINITY, 1, -INFINITY, INFINITY, NAN, 0},
                                    {FLT_MAX, -FLT_MAX, 1e-45f, 3e38f, -3e38f, NAN},
                                    {-INFINITY, -INFINITY, -INFINITY, 1, NAN, NAN},
                                    {-FLT_MAX, -FLT_MAX, -FLT_MAX, -FLT_MAX, NAN, NAN},
                                    {0, 0, 0, 0, 0, 0}};
    static const float temperatures[] = {0, 1, 1e-45f, 1e-30f, 0.5f, FLT_MAX};
    static const uint32_t history[] = {0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 77};
    bnt_sampler *s = open_sampler(6);
    for (size_t r = 0; r < 6; r++) {
        for (size_t t = 0; t < 6; t++) {
            for (uint32_t mirostat = 0; mirostat <= 2; mirostat++) {
                bantam_sampling o = everything_on(r);
                o.temperature = temperatures[t];
                o.mirostat = mirostat;
                o.dry_base = FLT_MAX;
                o.frequency_penalty = t % 2 ? FLT_MAX : 0.5f;
                configure(s, &o);
                for (int i = 0; i < 20; i++) {
                    uint32_t token;
                    assert_int_equal(
                        bnt_sampler_draw(s, rows[r], history, 12, NULL, &token, NULL), 0);
                    assert_true(token < 6 && rows[r][token] > -INFINITY);
                }
            }
        }
    }
    bantam_sampling o = plain(1);
    configure(s, &o);
    static const float none[6] = {NAN, -INFINITY, NAN, NAN, NAN, NAN};
    uint32_t token;
    assert_int_equal(bnt_sampler_draw(s, none, NULL, 0, NULL, &token, NULL),
                     BANTAM_ERR_INVALID);
    bnt_sampling_init(&o);
    configure(s, &o);
    assert_int_equal(bnt_sampler_draw(s, none, NULL, 0, NULL, &token, NULL),
                     BANTAM_ERR_INVALID);
    bnt_sampler_close(s);
}

/* A temperature so small that quotients overflow still tells the best from the next. */
static void a_tiny_temperature_is_greedy(void **state)
{
    (void)state;
    static const float logits[4] = {10, 11, 11.5f, 9};
    bnt_sampler *s = open_sampler(4);
    bantam_sampling o = plain(1);
    o.temperature = 1e-44f;
    configure(s, &o);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(draw(s, logits), 2);
    }
    bnt_sampler_close(s);
}

static void temperature_zero_ignores_what_would_drop_the_best(void **state)
{
    (void)state;
    static const float logits[4] = {1, 3, 2.9f, 2.8f};
    bnt_sampler *s = open_sampler(4);
    bantam_sampling o = everything_on(1);
    uint8_t before[BNT_SAMPLER_STATE], after[BNT_SAMPLER_STATE];
    o.temperature = 0;
    o.xtc_probability = 1;
    o.typical_p = 0.1f;
    for (o.mirostat = 0; o.mirostat <= 2; o.mirostat++) {
        configure(s, &o);
        bnt_sampler_save(s, before);
        for (int i = 0; i < 20; i++) {
            assert_int_equal(draw(s, logits), 1);
        }
        bnt_sampler_save(s, after);
        assert_memory_equal(before, after, sizeof before); /* no number drawn, none learned */
    }
    bnt_sampler_close(s);
}

/* ---- options ---- */

static void numbers_that_make_no_sense_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        size_t at;
        float value;
    } bad[] = {
        {"temperature", offsetof(bantam_sampling, temperature), NAN},
        {"temperature", offsetof(bantam_sampling, temperature), -1},
        {"temperature", offsetof(bantam_sampling, temperature), INFINITY},
        {"top_p", offsetof(bantam_sampling, top_p), NAN},
        {"top_p", offsetof(bantam_sampling, top_p), -1},
        {"top_p", offsetof(bantam_sampling, top_p), 2},
        {"min_p", offsetof(bantam_sampling, min_p), NAN},
        {"min_p", offsetof(bantam_sampling, min_p), -0.1f},
        {"min_p", offsetof(bantam_sampling, min_p), 1.5f},
        {"typical_p", offsetof(bantam_sampling, typical_p), NAN},
        {"typical_p", offsetof(bantam_sampling, typical_p), -1},
        {"xtc_probability", offsetof(bantam_sampling, xtc_probability), 7},
        {"xtc_threshold", offsetof(bantam_sampling, xtc_threshold), NAN},
        {"repeat_penalty", offsetof(bantam_sampling, repeat_penalty), 0},
        {"repeat_penalty", offsetof(bantam_sampling, repeat_penalty), -1},
        {"repeat_penalty", offsetof(bantam_sampling, repeat_penalty), NAN},
        {"presence_penalty", offsetof(bantam_sampling, presence_penalty), NAN},
        {"frequency_penalty", offsetof(bantam_sampling, frequency_penalty), INFINITY},
        {"dry_multiplier", offsetof(bantam_sampling, dry_multiplier), -1},
        {"dry_base", offsetof(bantam_sampling, dry_base), 0.5f},
        {"dry_base", offsetof(bantam_sampling, dry_base), NAN},
        {"mirostat_tau", offsetof(bantam_sampling, mirostat_tau), NAN},
        {"mirostat_eta", offsetof(bantam_sampling, mirostat_eta), -1},
    };
    static const float logits[4] = {0, 0, 0, 1};
    bantam_error err;
    bnt_sampler *s = open_sampler(4);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        bantam_sampling o = plain(1);
        o.dry_multiplier = 1;
        memcpy((char *)&o + bad[i].at, &bad[i].value, sizeof bad[i].value);
        assert_int_equal(bnt_sampler_configure(s, &o, NULL, NULL, &err), BANTAM_ERR_INVALID);
        assert_ptr_equal(strstr(err.message, bad[i].name), err.message);
        assert_non_null(strstr(err.message, ": expected "));
        assert_int_equal(draw(s, logits), 3); /* still the greedy one of before */
    }
    bnt_sampler_close(s);
}

static void refuse(bnt_sampler *s, const bantam_sampling *o, const char *message)
{
    bantam_error err;
    assert_int_equal(bnt_sampler_configure(s, o, NULL, NULL, &err), BANTAM_ERR_INVALID);
    if (!strstr(err.message, message)) fail_msg("\"%s\" lacks \"%s\"", err.message, message);
}

static void lists_and_orders_are_checked(void **state)
{
    (void)state;
    bnt_sampler *s = open_sampler(4);
    bantam_sampling o = plain(1);
    bantam_logit_bias bias = {4, 1};
    const bantam_text empty = {"", 0};
    o.mirostat = 3;
    refuse(s, &o, "mirostat: expected 0, 1 or 2, found 3");
    o = plain(1);
    o.bias = &bias;
    o.n_bias = 1;
    refuse(s, &o, "token 4 is not in a vocabulary of 4");
    bias = (bantam_logit_bias){3, NAN};
    refuse(s, &o, "bias of token 3");
    o.bias = NULL;
    refuse(s, &o, "a count without a list");
    o = plain(1);
    o.dry_breakers = &empty;
    o.n_dry_breakers = 1;
    refuse(s, &o, "found an empty one");
    o = plain(1);
    o.order[1] = (bantam_stage)9;
    o.order[0] = BANTAM_STAGE_TOP_K;
    refuse(s, &o, "order: 9 at place 1 is not a stage");
    for (size_t i = 0; i < 16; i++) {
        o.order[i] = BANTAM_STAGE_TOP_K;
    }
    refuse(s, &o, "order: no end");
    memset(&o, 0, sizeof o);
    refuse(s, &o, "struct_size is 0");

    /* Harmless extremes are taken. */
    o = plain(UINT64_MAX);
    o.temperature = 1e38f;
    o.top_p = 0;
    o.top_k = UINT32_MAX;
    o.penalty_last_n = UINT32_MAX;
    o.repeat_penalty = 0.5f;
    configure(s, &o);
    static const float logits[4] = {0, 0, 0, 1};
    assert_int_equal(draw(s, logits), 3);
    bnt_sampler_close(s);
}

/* A program built against an older header knows fewer members; the rest is not read. */
static void members_beyond_the_struct_size_have_their_defaults(void **state)
{
    (void)state;
    static const float logits[4] = {0, 0, 0, 1};
    bnt_sampler *s = open_sampler(4);
    bantam_sampling o = plain(1);
    o.temperature = 0;
    o.struct_size = offsetof(bantam_sampling, top_k);
    o.top_p = NAN;
    o.n_bias = 1000000;
    configure(s, &o);
    assert_int_equal(draw(s, logits), 3);
    bnt_sampler_close(s);
}

static void no_allocation_is_left_untried(void **state)
{
    (void)state;
    bnt_sampler *s = NULL;
    const int64_t live = bnt_mem_live();
    const bantam_logit_bias bias = {1, 2};
    for (uint64_t n = 0; !s && n < 10; n++) {
        bnt_mem_fail_after(n);
        const bantam_status status = bnt_sampler_open(&s, 5, rig_kernels(), NULL);
        assert_int_equal(status, s ? BANTAM_OK : BANTAM_ERR_NOMEM);
    }
    bantam_sampling o = everything_on(1);
    o.bias = &bias;
    o.n_bias = 1;
    bantam_status status = BANTAM_ERR_NOMEM;
    uint64_t n = 0;
    for (; status && n < 10; n++) {
        bnt_mem_fail_after(n);
        status = bnt_sampler_configure(s, &o, word, NULL, NULL);
        assert_true(status == BANTAM_OK || status == BANTAM_ERR_NOMEM);
    }
    bnt_mem_fail_after(UINT64_MAX);
    assert_int_equal(n, 4); /* bias, DRY's matches, its breakers */
    bnt_sampler_close(s);
    bnt_sampler_close(NULL);
    assert_int_equal(bnt_mem_live(), live);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_k_most_likely_come_in_order_and_ties_by_id),
        cmocka_unit_test(impossible_tokens_hide_no_possible_one),
        cmocka_unit_test(top_p_and_typical_agree_with_their_definitions),
        cmocka_unit_test(log_probabilities_are_those_of_the_whole_vocabulary),
        cmocka_unit_test(plain_sampling_has_the_softmax_distribution),
        cmocka_unit_test(the_seed_decides_and_a_saved_state_goes_on),
        cmocka_unit_test(the_instruction_set_changes_no_draw),
        cmocka_unit_test(a_damaged_state_is_refused_and_changes_nothing),
        cmocka_unit_test(drawing_takes_no_memory),
        cmocka_unit_test(the_cost_is_what_open_takes),
        cmocka_unit_test(masks_and_biases_forbid),
        cmocka_unit_test(odd_logits_neither_crash_nor_win),
        cmocka_unit_test(a_tiny_temperature_is_greedy),
        cmocka_unit_test(temperature_zero_ignores_what_would_drop_the_best),
        cmocka_unit_test(numbers_that_make_no_sense_are_named),
        cmocka_unit_test(lists_and_orders_are_checked),
        cmocka_unit_test(members_beyond_the_struct_size_have_their_defaults),
        cmocka_unit_test(no_allocation_is_left_untried),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
