/* test_search.c - the encoders that search: never worse than the plain ones, close to the best
 * there is where that can be found by trying everything, and harmless with any values. */
#include "support.h"

#include <float.h>
#include <math.h>

#include "base/rng.h"
#include "quant/block.h"
#include "quant/search.h"
#include "quant/type.h"

enum { N = 512, MAX_BYTES = N / 32 * sizeof(bnt_q8_0) };

static const bnt_type_id ids[] = {BNT_TYPE_Q4_0, BNT_TYPE_Q8_0, BNT_TYPE_Q4_K,
                                  BNT_TYPE_Q5_K, BNT_TYPE_Q6_K, BNT_TYPE_IQ4_NL};
enum { N_IDS = sizeof ids / sizeof *ids, N_FLAT = 3 };
static const bnt_type_id flat[N_FLAT] = {BNT_TYPE_Q4_0, BNT_TYPE_Q8_0, BNT_TYPE_IQ4_NL};

/* ---- rows -------------------------------------------------------------------------------- */

static float normal(bnt_rng *rng)
{
    return (float)bnt_rng_normal(rng);
}

typedef enum row_kind {
    NORMAL,
    HEAVY,
    POSITIVE,
    NEGATIVE,
    OUTLIER,
    TINY,
    LARGE,
    STEPS,
    N_ROWS
} row_kind;

static float value_of(row_kind kind, bnt_rng *rng, int i)
{
    const float x = normal(rng);
    switch (kind) {
    case NORMAL:
        return 0.02f * x;
    case HEAVY:
        return 0.02f * x / fabsf(normal(rng));
    case POSITIVE:
        return 3.0f + x;
    case NEGATIVE:
        return -100.0f + 0.01f * x;
    case OUTLIER:
        return i % 100 == 7 ? 50.0f : 0.01f * x;
    case TINY:
        return 1e-7f * x;
    case LARGE:
        return 3e4f * x;
    default:
        return (float)(i % 7);
    }
}

static void make_row(row_kind kind, bnt_rng *rng, float *x)
{
    for (int i = 0; i < N; i++) {
        x[i] = value_of(kind, rng, i);
    }
}

/* Of very different sizes; every fifth is zero. */
static void make_weights(bnt_rng *rng, float *w)
{
    for (int i = 0; i < N; i++) {
        const float x = normal(rng);
        w[i] = i % 5 == 3 ? 0.0f : x * x * x * x;
    }
}

static double error_of(const float *x, const float *w, const float *y, size_t n)
{
    double sum = 0.0;
    for (size_t i = 0; i < n; i++) {
        const double off = (double)x[i] - (double)y[i];
        sum += (w ? (double)w[i] : 1.0) * off * off;
    }
    return sum;
}

/* What comes back, and its error. */
static double after(const bnt_type *type, const float *x, const float *w, bool plain, float *y)
{
    uint8_t bytes[MAX_BYTES];

    if (plain) {
        type->encode(x, bytes, N);
    } else {
        type->encode_for(x, w, bytes, N);
    }
    type->decode(bytes, y, N);
    return error_of(x, w, y, N);
}

/* ---- laws -------------------------------------------------------------------------------- */

static void no_block_is_worse_than_what_the_plain_encoder_writes(void **state)
{
    (void)state;
    float x[N], w[N], found[N], plain[N];
    bnt_rng rng;

    bnt_rng_seed(&rng, 1);
    for (int t = 0; t < N_IDS; t++) {
        const bnt_type *const type = bnt_type_find((uint32_t)ids[t]);
        for (int kind = 0; kind < N_ROWS; kind++) {
            make_row((row_kind)kind, &rng, x);
            make_weights(&rng, w);
            for (int weighted = 0; weighted < 2; weighted++) {
                const float *const by = weighted ? w : NULL;
                after(type, x, by, false, found);
                after(type, x, by, true, plain);
                for (size_t at = 0; at < N; at += type->block_values) {
                    const float *const part = by ? by + at : NULL;
                    const double error = error_of(x + at, part, found + at, type->block_values);
                    assert_true(error <=
                                error_of(x + at, part, plain + at, type->block_values));
                }
            }
        }
    }
}

/* Not only no worse: of very different weights much is to be had. */
static void weights_lower_the_weighted_error(void **state)
{
    (void)state;
    float x[N], w[N], y[N];
    bnt_rng rng;

    bnt_rng_seed(&rng, 2);
    make_row(NORMAL, &rng, x);
    make_weights(&rng, w);
    for (int t = 0; t < N_IDS; t++) {
        const bnt_type *const type = bnt_type_find((uint32_t)ids[t]);
        const double found = after(type, x, w, false, y);
        after(type, x, NULL, false, y);
        assert_true(found < 0.9 * error_of(x, w, y, N));
    }
}

/* One scale a block, of Q4_0 or Q8_0: all halves are tried that may be it for values of the
 * size of x, and the codes nearest under each. */
static double least_error(float low, float high, const float *x, const float *w)
{
    double least = HUGE_VAL;

    for (uint32_t bits = 0; bits < 0x10000; bits++) {
        const float d = bnt_f16_to_f32((uint16_t)bits);
        double sum = 0.0;
        if (!(fabsf(d) * high > 0.02f && fabsf(d) * high < 2.0f)) continue;
        for (int i = 0; i < 32; i++) {
            const float q = fminf(fmaxf(nearbyintf(x[i] / d), low), high);
            const double off = (double)x[i] - (double)d * (double)q;
            sum += (double)w[i] * off * off;
        }
        least = fmin(least, sum);
    }
    return least;
}

static void the_best_scale_of_all_is_hardly_better(void **state)
{
    (void)state;
    double found[2] = {0.0, 0.0}, least[2] = {0.0, 0.0};
    float x[N], w[N], y[N];
    bnt_rng rng;

    bnt_rng_seed(&rng, 3);
    make_row(NORMAL, &rng, x);
    for (int i = 0; i < N; i++) {
        w[i] = 0.5f + (float)bnt_rng_f64(&rng);
        x[i] *= 10.0f;
    }
    for (int t = 0; t < 2; t++) {
        const bnt_type *const type = bnt_type_find((uint32_t)flat[t]);
        after(type, x, w, false, y);
        for (size_t at = 0; at < N; at += 32) {
            const double best = t == 0 ? least_error(-8.0f, 7.0f, x + at, w + at)
                                       : least_error(-127.0f, 127.0f, x + at, w + at);
            const double error = error_of(x + at, w + at, y + at, 32);
            assert_true(error >= best * (1.0 - 1e-5));
            found[t] += error;
            least[t] += best;
        }
        assert_true(found[t] <= (t == 0 ? 1.01 : 1.05) * least[t]);
    }
}

/* A scale and a minimum of any precision, spread over the range of each 32 values: what the
 * search loses by six bits it wins back by looking. */
static void codes_spread_over_the_range_are_worse(void **state)
{
    (void)state;
    const struct {
        bnt_type_id id;
        double most, factor;
    } cases[] = {{BNT_TYPE_Q4_K, 15.0, 0.95}, {BNT_TYPE_Q5_K, 31.0, 1.0}};
    float x[N], y[N];
    bnt_rng rng;

    bnt_rng_seed(&rng, 4);
    for (int kind = NORMAL; kind <= HEAVY; kind++) {
        make_row((row_kind)kind, &rng, x);
        for (int c = 0; c < 2; c++) {
            const bnt_type *const type = bnt_type_find((uint32_t)cases[c].id);
            const double found = after(type, x, NULL, false, y);
            for (int at = 0; at < N; at += 32) {
                float low = x[at], high = x[at];
                for (int i = at; i < at + 32; i++) {
                    low = fminf(low, x[i]);
                    high = fmaxf(high, x[i]);
                }
                const double step = ((double)high - (double)low) / cases[c].most;
                for (int i = at; i < at + 32; i++) {
                    const double code = nearbyint(((double)x[i] - (double)low) / step);
                    y[i] = (float)((double)low + step * code);
                }
            }
            assert_true(found <= cases[c].factor * error_of(x, NULL, y, N));
        }
    }
}

/* ---- what comes back unchanged ----------------------------------------------------------- */

static void values_that_a_block_can_hold_come_back(void **state)
{
    (void)state;
    float x[N], y[N];
    uint8_t bytes[MAX_BYTES];
    bnt_rng rng;

    bnt_rng_seed(&rng, 5);
    for (int t = 0; t < N_FLAT; t++) {
        const bnt_type *const type = bnt_type_find((uint32_t)flat[t]);
        for (size_t i = 0; i < sizeof bytes; i++) {
            bytes[i] = (uint8_t)bnt_rng_u64(&rng);
        }
        for (size_t b = 0; b < N / 32; b++) {
            uint8_t *const block = bytes + b * type->block_bytes;
            const bnt_half d = bnt_half_make(0.01f * (1.0f + (float)bnt_rng_f64(&rng)));
            memcpy(block, d.byte, sizeof d.byte);
            block[2] = type->id == BNT_TYPE_Q8_0 ? 127 : 0; /* the outermost is there */
            for (int i = 2; type->id == BNT_TYPE_Q8_0 && i < 34; i++) {
                if (block[i] == 0x80) block[i] = 0x81; /* -128 is never written */
            }
        }
        type->decode(bytes, x, N);
        type->encode_for(x, NULL, bytes, N);
        type->decode(bytes, y, N);
        assert_memory_equal(x, y, sizeof x);
    }
}

static void zeros_come_back(void **state)
{
    (void)state;
    const float zeros[N] = {0.0f};
    float w[N], y[N];
    bnt_rng rng;

    bnt_rng_seed(&rng, 6);
    make_weights(&rng, w);
    for (int t = 0; t < N_IDS; t++) {
        const bnt_type *const type = bnt_type_find((uint32_t)ids[t]);
        assert_true(after(type, zeros, NULL, false, y) == 0.0);
        assert_true(after(type, zeros, w, false, y) == 0.0);
        assert_true(after(type, zeros, zeros, false, y) == 0.0);
    }
}

static void a_row_of_one_value_comes_back_nearly(void **state)
{
    (void)state;
    float x[N], y[N];

    for (int t = 0; t < N_IDS; t++) {
        const bnt_type *const type = bnt_type_find((uint32_t)ids[t]);
        for (int sign = -1; sign < 2; sign += 2) {
            for (int i = 0; i < N; i++) {
                x[i] = (float)sign * 0.37f;
            }
            after(type, x, NULL, false, y);
            for (int i = 0; i < N; i++) {
                assert_true(fabsf(y[i] - x[i]) < 0.37f / 1024.0f);
            }
        }
    }
}

/* ---- values that are hard ---------------------------------------------------------------- */

static void one_large_value_is_kept(void **state)
{
    (void)state;
    float y[N];

    for (int t = 0; t < N_IDS; t++) {
        const bnt_type *const type = bnt_type_find((uint32_t)ids[t]);
        /* IQ4_NL has no level for zero; what is next to it is 1 where the outermost is 113. */
        const float near = type->id == BNT_TYPE_IQ4_NL ? 1000.0f / 113.0f : 1.0f;
        for (int sign = -1; sign < 2; sign += 2) {
            float x[N] = {0.0f};
            x[300] = (float)sign * 1000.0f;
            after(type, x, NULL, false, y);
            for (int i = 0; i < N; i++) {
                assert_true(fabsf(y[i] - x[i]) <= (i / 32 == 300 / 32 ? near : 0.0f));
            }
        }
    }
}

static void values_too_small_for_any_scale_become_nothing(void **state)
{
    (void)state;
    float x[N], y[N];

    for (int i = 0; i < N; i++) {
        x[i] = (i % 2 ? 1e-40f : -1e-40f) * (float)i;
    }
    for (int t = 0; t < N_IDS; t++) {
        after(bnt_type_find((uint32_t)ids[t]), x, NULL, false, y);
        for (int i = 0; i < N; i++) {
            assert_true(fabsf(y[i]) < 1e-30f);
        }
    }
}

/* The largest that a type can hold, or about: the scale is no infinity. */
static void values_too_large_stay_finite_and_keep_their_signs(void **state)
{
    (void)state;
    float x[N], y[N];

    for (int i = 0; i < N; i++) {
        x[i] = i % 2 ? FLT_MAX : -1e30f;
    }
    for (int t = 0; t < N_IDS; t++) {
        after(bnt_type_find((uint32_t)ids[t]), x, NULL, false, y);
        for (int i = 0; i < N; i++) {
            assert_true(isfinite(y[i]) && fabsf(y[i]) > 4e5f);
            assert_true((y[i] < 0.0f) == (x[i] < 0.0f));
        }
    }
}

static void what_is_no_number_is_encoded_without_harm(void **state)
{
    (void)state;
    float x[N], w[N], y[N];

    for (int i = 0; i < N; i++) {
        x[i] = i % 3 ? (i % 2 ? NAN : INFINITY) : 1.0f;
        w[i] = i % 4 ? (i % 3 ? NAN : -1.0f) : INFINITY;
    }
    for (int t = 0; t < N_IDS; t++) {
        const bnt_type *const type = bnt_type_find((uint32_t)ids[t]);
        after(type, x, w, false, y);
        after(type, x, NULL, false, y);
    }
}

/* ---- weights
 * ----------------------------------------------------------------------------- */

static void values_that_weigh_nothing_stand_in_nobodys_way(void **state)
{
    (void)state;
    float x[N], w[N], y[N], alone[N];
    bnt_rng rng;

    bnt_rng_seed(&rng, 7);
    make_row(NORMAL, &rng, x);
    for (int i = 0; i < N; i++) {
        w[i] = i % 32 == 9 ? 0.0f : 1.0f;
        if (i % 32 == 9) x[i] = 0.0f;
    }
    for (int t = 0; t < N_IDS; t++) {
        const bnt_type *const type = bnt_type_find((uint32_t)ids[t]);
        float louder[N];
        memcpy(louder, x, sizeof x);
        const double before = after(type, x, w, false, alone);
        for (int i = 9; i < N; i += 32) {
            louder[i] = 0.5f;
        }
        assert_true(after(type, louder, w, false, y) < 1.25 * before);
    }
}

static void only_proportions_of_weights_count(void **state)
{
    (void)state;
    uint8_t bytes[MAX_BYTES], again[MAX_BYTES];
    float x[N], w[N], more[N];
    bnt_rng rng;

    bnt_rng_seed(&rng, 8);
    make_row(HEAVY, &rng, x);
    make_weights(&rng, w);
    for (int i = 0; i < N; i++) {
        more[i] = 1024.0f * w[i];
    }
    for (int t = 0; t < N_IDS; t++) {
        const bnt_type *const type = bnt_type_find((uint32_t)ids[t]);
        type->encode_for(x, w, bytes, N);
        type->encode_for(x, more, again, N);
        assert_memory_equal(bytes, again, N / type->block_values * type->block_bytes);
    }
}

/* ---- pieces
 * ------------------------------------------------------------------------------ */

static void a_row_is_as_its_blocks_are_alone(void **state)
{
    (void)state;
    uint8_t bytes[MAX_BYTES], block[sizeof(bnt_q6_k)];
    float x[N];
    bnt_rng rng;

    bnt_rng_seed(&rng, 9);
    make_row(HEAVY, &rng, x);
    for (int t = 0; t < N_IDS; t++) {
        const bnt_type *const type = bnt_type_find((uint32_t)ids[t]);
        type->encode_for(x, NULL, bytes, N);
        for (size_t b = 0; b < N / type->block_values; b++) {
            type->encode_for(x + b * type->block_values, NULL, block, type->block_values);
            assert_memory_equal(block, bytes + b * type->block_bytes, type->block_bytes);
        }
    }
}

static void a_scale_is_rounded_as_a_half_is(void **state)
{
    (void)state;
    bnt_rng rng;

    bnt_rng_seed(&rng, 10);
    for (int i = 0; i < 2000000; i++) {
        const float x = bnt_f32_from_bits((uint32_t)bnt_rng_u64(&rng));
        if (!(fabsf(x) < 65504.0f)) continue;
        assert_true(bnt_to_half(x) == bnt_f16_to_f32(bnt_f32_to_f16(x)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_block_is_worse_than_what_the_plain_encoder_writes),
        cmocka_unit_test(weights_lower_the_weighted_error),
        cmocka_unit_test(the_best_scale_of_all_is_hardly_better),
        cmocka_unit_test(codes_spread_over_the_range_are_worse),
        cmocka_unit_test(values_that_a_block_can_hold_come_back),
        cmocka_unit_test(zeros_come_back),
        cmocka_unit_test(a_row_of_one_value_comes_back_nearly),
        cmocka_unit_test(one_large_value_is_kept),
        cmocka_unit_test(values_too_small_for_any_scale_become_nothing),
        cmocka_unit_test(values_too_large_stay_finite_and_keep_their_signs),
        cmocka_unit_test(what_is_no_number_is_encoded_without_harm),
        cmocka_unit_test(values_that_weigh_nothing_stand_in_nobodys_way),
        cmocka_unit_test(only_proportions_of_weights_count),
        cmocka_unit_test(a_row_is_as_its_blocks_are_alone),
        cmocka_unit_test(a_scale_is_rounded_as_a_half_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
