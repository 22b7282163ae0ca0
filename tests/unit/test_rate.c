/* Predicted rates, held against measured ones and against what must be so. */
#include "api/rate.h"

#include <math.h>

#include "base/cpu.h"
#include "model/shape.h"
#include "model/sketch.h"
#include "support.h"

static bnt_model *sketch(const bnt_shape *shape, bnt_type_id layers, bnt_type_id outer)
{
    const bnt_type *const other = bnt_type_find(outer);
    const bnt_sketch_types types = {.layers = bnt_type_find(layers),
                                    .embedding = other,
                                    .norms = bnt_type_find(BNT_TYPE_F32),
                                    .head = other};
    bnt_config config;
    bnt_model *m = NULL;
    assert_int_equal(bnt_shape_config(shape, &config, NULL), BANTAM_OK);
    assert_int_equal(bnt_model_sketch(&m, &config, &types, bnt_cpu_flags(), NULL), BANTAM_OK);
    return m;
}

/* From docs/SPEED.md, a quiet hour: rates, and the bandwidth of the same run. With two threads
 * the bandwidth itself is read a quarter apart from run to run. */
static void rates_are_near_those_that_were_measured(void **state)
{
    (void)state;
    static const struct {
        const char *shape;
        uint32_t n_threads;
        double read, decode, prefill;
    } runs[] = {
        {"smollm2-135m", 1, 32.8, 417, 2472}, {"smollm2-135m", 2, 47.2, 469, 4476},
        {"smollm2-360m", 1, 33, 155, 969},    {"smollm2-360m", 2, 54, 239, 1663},
        {"smollm2-1.7b", 1, 32.7, 34.9, 208}, {"smollm2-1.7b", 2, 51, 41.7, 389},
        {"llama3.2-1b", 1, 32.3, 42.3, 368},  {"llama3.2-1b", 2, 53, 74.7, 666},
        {"phonelm-1.5b", 1, 32, 35.8, 224},   {"phonelm-1.5b", 2, 44, 42.7, 430},
        {"ministral-8b", 1, 32, 7.78, 51.6},  {"ministral-8b", 2, 42, 9.38, 96.5},
    };
    for (size_t i = 0; i < sizeof runs / sizeof runs[0]; i++) {
        const uint32_t n = runs[i].n_threads;
        const bantam_device_speed speed = {n, runs[i].read, 975.0 * n, 245.0 * n};
        bnt_model *const m = sketch(bnt_shape_named(runs[i].shape), BNT_TYPE_B4, BNT_TYPE_B8);
        const bnt_rates r = bnt_rates_predict(m, 512, &speed);
        const double decode = r.decode_tok_s / runs[i].decode - 1;
        const double prefill = r.prefill_tok_s / runs[i].prefill - 1;
        if (fabs(decode) > (n > 1 ? 0.2 : 0.1) || fabs(prefill) > 0.1) {
            fail_msg("%s, %u threads: decode %.1f %+.0f %%, prefill %.1f %+.0f %%",
                     runs[i].shape, n, r.decode_tok_s, decode * 100, r.prefill_tok_s,
                     prefill * 100);
        }
        if (getenv("BANTAM_VERBOSE")) {
            printf("%-14s %u  decode %6.1f %+5.1f %%  prefill %6.0f %+5.1f %%\n", runs[i].shape,
                   n, r.decode_tok_s, decode * 100, r.prefill_tok_s, prefill * 100);
        }
        bnt_model_close(m);
    }
}

/* One layer of 36864 weights, a head of 6400, three norms and one row of 64. */
static const bnt_shape one = {"one", 1, 64, 2, 1, 32, 128, 100, 512, true, 1e4};
enum { WEIGHTS = 36864 + 6400, BYTES = 4 * (WEIGHTS + 64 + 3 * 64) };

static void memory_is_what_made_tokens_wait_for(void **state)
{
    (void)state;
    bnt_model *const m = sketch(&one, BNT_TYPE_F32, BNT_TYPE_F32);
    const bantam_device_speed slow = {1, 1, 1e6, 1e6}, fast = {1, 10, 1e6, 1e6};
    const double a = bnt_rates_predict(m, 512, &slow).decode_tok_s;
    const double b = bnt_rates_predict(m, 512, &fast).decode_tok_s;
    assert_true(fabs(b / a - 10) < 1e-9);
    const double share = a * BYTES / 1e9; /* of the bandwidth */
    assert_true(share > 0.9 && share < 1.1);
    bnt_model_close(m);
}

/* Slow processors beside fast memory. */
static void or_the_products_where_those_take_longer(void **state)
{
    (void)state;
    bnt_model *const m = sketch(&one, BNT_TYPE_F32, BNT_TYPE_F32);
    const bantam_device_speed weak = {1, 1e6, 1e6, 1}, weaker = {1, 1e6, 1e6, 0.5};
    const double a = bnt_rates_predict(m, 512, &weak).decode_tok_s;
    const double b = bnt_rates_predict(m, 512, &weaker).decode_tok_s;
    assert_true(fabs(a / b - 2) < 1e-9);
    assert_true(a * 2 * WEIGHTS / 1e9 < 0.5); /* of the peak */
    bnt_model_close(m);
}

static void long_prompts_are_read_more_slowly(void **state)
{
    (void)state;
    bnt_model *const m = sketch(bnt_shape_named("smollm2-135m"), BNT_TYPE_B4, BNT_TYPE_B8);
    const bantam_device_speed speed = {2, 40, 2000, 500};
    const bnt_rates brief = bnt_rates_predict(m, 64, &speed);
    const bnt_rates lengthy = bnt_rates_predict(m, 4096, &speed);
    assert_true(brief.prefill_tok_s > 1.5 * lengthy.prefill_tok_s);
    assert_true(brief.decode_tok_s == lengthy.decode_tok_s);
    bnt_model_close(m);
}

static void of_what_was_not_measured_nothing_is_said(void **state)
{
    (void)state;
    bnt_model *const m = sketch(&one, BNT_TYPE_B4, BNT_TYPE_B8);
    const bantam_device_speed nothing = {0}, blind = {1, 0, 1000, 100};
    assert_true(bnt_rates_predict(m, 512, &nothing).decode_tok_s == 0);
    assert_true(bnt_rates_predict(m, 512, &nothing).prefill_tok_s == 0);
    assert_true(bnt_rates_predict(m, 512, &blind).decode_tok_s == 0);
    assert_true(bnt_rates_predict(m, 512, &blind).prefill_tok_s > 0);
    bnt_model_close(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rates_are_near_those_that_were_measured),
        cmocka_unit_test(memory_is_what_made_tokens_wait_for),
        cmocka_unit_test(or_the_products_where_those_take_longer),
        cmocka_unit_test(long_prompts_are_read_more_slowly),
        cmocka_unit_test(of_what_was_not_measured_nothing_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
