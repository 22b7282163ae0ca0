/* Tests of model/rope.c: frequencies by hand, and what depends on the call and what does not.
 */
#include "model/rope.h"

#include "support.h"

#include <math.h>

static const bnt_config plain = {
    .head_dim = 64, .rope_dims = 64, .rope_base = 10000.0, .attention_factor = 1.0};

static void near(double found, double expected, double relative)
{
    if (!(fabs(found - expected) <= relative * fabs(expected))) {
        fail_msg("expected %.10g, found %.10g", expected, found);
    }
}

static void plain_frequencies_fall_from_one_by_equal_ratios(void **state)
{
    (void)state;
    double f[32];
    assert_int_equal(bnt_rope_frequencies(f, &plain, NULL, NULL), BANTAM_OK);
    assert_true(f[0] == 1.0);
    near(f[16], 0.01, 1e-12); /* half way: base^-1/2 */
    for (int i = 1; i < 32; i++) {
        near(f[i] / f[i - 1], pow(10000.0, -1.0 / 32.0), 1e-12);
    }
}

static void linear_scaling_divides_every_frequency(void **state)
{
    (void)state;
    bnt_config c = plain;
    double f[32];
    double g[32];
    c.scaling = BNT_ROPE_LINEAR;
    c.scale_factor = 4.0;
    assert_int_equal(bnt_rope_frequencies(f, &plain, NULL, NULL), BANTAM_OK);
    assert_int_equal(bnt_rope_frequencies(g, &c, NULL, NULL), BANTAM_OK);
    for (int i = 0; i < 32; i++) {
        near(g[i], f[i] / 4.0, 1e-15);
    }
}

/* Divisors of Llama 3.2 1B, as its converted files have them. */
static void llama3_scaling_keeps_short_waves_and_slows_long_ones(void **state)
{
    (void)state;
    bnt_config c = plain;
    c.rope_base = 500000.0;
    double f[32];
    double g[32];
    assert_int_equal(bnt_rope_frequencies(f, &c, NULL, NULL), BANTAM_OK);
    c.scaling = BNT_ROPE_LLAMA3;
    c.scale_factor = 32.0;
    c.low_freq_factor = 1.0;
    c.high_freq_factor = 4.0;
    c.original_context_tokens = 8192;
    assert_int_equal(bnt_rope_frequencies(g, &c, NULL, NULL), BANTAM_OK);
    for (int i = 0; i < 15; i++) {
        near(f[i] / g[i], 1.0, 1e-12);
    }
    near(f[15] / g[15], 1.651329, 1e-6);
    near(f[16] / g[16], 3.292262, 1e-6);
    near(f[17] / g[17], 9.666729, 1e-6);
    for (int i = 18; i < 32; i++) {
        near(f[i] / g[i], 32.0, 1e-12);
    }
}

/* Waves are 2 pi 10^(i/8) long: pair 4 has 19.87, pairs 5 to 7 up to 47.12, pair 8 has 62.83.
 * The mixed ones by hand: s = (100 / wave - 2) / 3, ratio (1 - s) / 8 + s. */
static void llama3_scaling_mixes_between_both_stated_waves(void **state)
{
    (void)state;
    bnt_config c = plain;
    double f[32];
    double g[32];
    assert_int_equal(bnt_rope_frequencies(f, &c, NULL, NULL), BANTAM_OK);
    c.scaling = BNT_ROPE_LLAMA3;
    c.scale_factor = 8.0;
    c.low_freq_factor = 2.0;
    c.high_freq_factor = 5.0;
    c.original_context_tokens = 100;
    assert_int_equal(bnt_rope_frequencies(g, &c, NULL, NULL), BANTAM_OK);
    near(g[4] / f[4], 1.0, 1e-12);
    near(g[5] / f[5], 0.6424629, 1e-6);
    near(g[7] / f[7], 0.1606899, 1e-6);
    near(g[8] / f[8], 0.125, 1e-12);
}

/* Frequencies of Ministral 3 3B by its published formula. */
static void yarn_ramps_between_its_two_pairs(void **state)
{
    (void)state;
    const bnt_config c = {.head_dim = 128,
                          .rope_dims = 128,
                          .rope_base = 1e6,
                          .scaling = BNT_ROPE_YARN,
                          .scale_factor = 16.0,
                          .beta_fast = 32.0,
                          .beta_slow = 1.0,
                          .attention_factor = 1.0,
                          .original_context_tokens = 16384};
    const struct {
        int pair;
        double inv_freq;
    } expected[] = {{0, 1.0},
                    {1, 0.805842188},
                    {20, 0.0133352143},
                    {21, 0.0101534637},
                    {30, 6.90702339e-4},
                    {36, 4.96113533e-5},
                    {37, 2.12388021e-5},
                    {63, 7.755861e-8}};
    double f[64];
    assert_int_equal(bnt_rope_frequencies(f, &c, NULL, NULL), BANTAM_OK);
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        near(f[expected[i].pair], expected[i].inv_freq, 1e-7);
    }
}

static void divisors_of_a_file_replace_the_formula(void **state)
{
    (void)state;
    float divisors[32];
    double f[32];
    double g[32];
    bantam_error err = {0};
    for (int i = 0; i < 32; i++) {
        divisors[i] = 1.0f + (float)i;
    }
    assert_int_equal(bnt_rope_frequencies(f, &plain, NULL, NULL), BANTAM_OK);
    assert_int_equal(bnt_rope_frequencies(g, &plain, divisors, NULL), BANTAM_OK);
    for (int i = 0; i < 32; i++) {
        near(g[i], f[i] / (1.0 + i), 1e-15);
    }

    const float bad[] = {0.0f, -1.0f, NAN, INFINITY};
    for (size_t i = 0; i < 4; i++) {
        divisors[7] = bad[i];
        assert_int_equal(bnt_rope_frequencies(g, &plain, divisors, &err), BANTAM_ERR_FORMAT);
        assert_non_null(strstr(err.message, "divisor 7"));
    }
}

static bnt_model model_with(double *inv_freq, bantam_rope form)
{
    bnt_model m = {.config = plain, .inv_freq = inv_freq};
    m.config.int8_rope = form;
    assert_int_equal(bnt_rope_frequencies(inv_freq, &m.config, NULL, NULL), BANTAM_OK);
    return m;
}

/* Rows of positions [first, first + n) of a call must be the rows of the whole call. */
static void a_part_of_a_call_gets_the_rows_of_the_whole(void **state)
{
    (void)state;
    const bantam_rope forms[] = {BANTAM_ROPE_FLOAT, BANTAM_ROPE_TABLE, BANTAM_ROPE_CALL};
    enum { FIRST = 20, N = 9, PAIRS = 32 };
    for (size_t f = 0; f < 3; f++) {
        double inv_freq[PAIRS];
        const bnt_model m = model_with(inv_freq, forms[f]);
        float c[N * PAIRS], s[N * PAIRS], c1[PAIRS], s1[PAIRS];
        bnt_rope_fill(c, s, &m, FIRST, N, (bnt_span){FIRST, N});
        for (uint32_t t = 0; t < N; t++) {
            bnt_rope_fill(c1, s1, &m, FIRST + t, 1, (bnt_span){FIRST, N});
            assert_memory_equal(c1, c + t * PAIRS, sizeof c1);
            assert_memory_equal(s1, s + t * PAIRS, sizeof s1);
        }
    }
}

static void only_the_call_form_depends_on_the_call(void **state)
{
    (void)state;
    enum { PAIRS = 32 };
    double inv_freq[PAIRS];
    float c[PAIRS], s[PAIRS], c2[PAIRS], s2[PAIRS];
    const bantam_rope forms[] = {BANTAM_ROPE_FLOAT, BANTAM_ROPE_TABLE, BANTAM_ROPE_CALL};
    for (size_t f = 0; f < 3; f++) {
        const bnt_model m = model_with(inv_freq, forms[f]);
        bnt_rope_fill(c, s, &m, 1, 1, (bnt_span){1, 1});
        bnt_rope_fill(c2, s2, &m, 1, 1, (bnt_span){0, 9});
        const bool same = memcmp(s, s2, sizeof s) == 0;
        assert_int_equal(same, forms[f] != BANTAM_ROPE_CALL);
    }
}

static void the_float_form_is_cos_and_sin_of_the_angle(void **state)
{
    (void)state;
    enum { PAIRS = 32 };
    double inv_freq[PAIRS];
    float c[PAIRS], s[PAIRS];
    bnt_model m = model_with(inv_freq, BANTAM_ROPE_FLOAT);
    m.config.attention_factor = 1.25;
    bnt_rope_fill(c, s, &m, 100000, 1, (bnt_span){100000, 1});
    for (int i = 0; i < PAIRS; i++) {
        const double angle = 100000.0 * pow(10000.0, -i / 32.0);
        assert_true(fabs((double)c[i] - 1.25 * cos(angle)) < 2e-7);
        assert_true(fabs((double)s[i] - 1.25 * sin(angle)) < 2e-7);
    }
}

static void eight_bits_round_ties_to_even_and_survive_a_maximum_of_zero(void **state)
{
    (void)state;
    assert_int_equal(bnt_rope_int8(0.5 / 127.0, 1.0), 0);
    assert_int_equal(bnt_rope_int8(1.5 / 127.0, 1.0), 2);
    assert_int_equal(bnt_rope_int8(-1.0, 1.0), -127);
    assert_int_equal(bnt_rope_int8(0.25, 0.5), 64); /* 63.5 */
    assert_int_equal(bnt_rope_int8(0.0, 0.0), 0);

    /* A call of position 0 alone: sin is 0 everywhere. */
    double inv_freq[32];
    float c[32], s[32];
    const bnt_model m = model_with(inv_freq, BANTAM_ROPE_CALL);
    bnt_rope_fill(c, s, &m, 0, 1, (bnt_span){0, 1});
    for (int i = 0; i < 32; i++) {
        assert_true(c[i] == 1.0f);
        assert_true(s[i] == 0.0f);
    }
}

static void a_query_scale_steps_at_multiples_of_the_original_length(void **state)
{
    (void)state;
    const bnt_config c = {.query_scale_beta = 0.1, .query_scale_original = 16384};
    assert_true(bnt_rope_query_scale(&c, 0) == 1.0f);
    assert_true(bnt_rope_query_scale(&c, 16383) == 1.0f);
    near((double)bnt_rope_query_scale(&c, 16384), 1.069315, 1e-6);
    near((double)bnt_rope_query_scale(&c, 32767), 1.069315, 1e-6);
    near((double)bnt_rope_query_scale(&c, 32768), 1.109861, 1e-6);
    near((double)bnt_rope_query_scale(&c, 262143), 1.277259, 1e-6);
    assert_true(bnt_rope_query_scale(&plain, 300000) == 1.0f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_frequencies_fall_from_one_by_equal_ratios),
        cmocka_unit_test(linear_scaling_divides_every_frequency),
        cmocka_unit_test(llama3_scaling_keeps_short_waves_and_slows_long_ones),
        cmocka_unit_test(llama3_scaling_mixes_between_both_stated_waves),
        cmocka_unit_test(yarn_ramps_between_its_two_pairs),
        cmocka_unit_test(divisors_of_a_file_replace_the_formula),
        cmocka_unit_test(a_part_of_a_call_gets_the_rows_of_the_whole),
        cmocka_unit_test(only_the_call_form_depends_on_the_call),
        cmocka_unit_test(the_float_form_is_cos_and_sin_of_the_angle),
        cmocka_unit_test(eight_bits_round_ties_to_even_and_survive_a_maximum_of_zero),
        cmocka_unit_test(a_query_scale_steps_at_multiples_of_the_original_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
