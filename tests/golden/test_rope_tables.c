/* test_rope_tables.c - frequencies, 8-bit cos and sin, and query scales of the real models
 * against the tables of an independent float64 program. */
#include "model/rope.h"
#include "support.h"

#include <jansson.h>
#include <math.h>

static json_t *load_tables(void)
{
    size_t size = 0;
    char *const text = read_whole(shared_path("goldens/rope/rope.json"), &size);
    json_t *const tables = json_loadb(text, size, 0, NULL);
    assert_non_null(tables);
    free(text);
    return tables;
}

static double number_at(const json_t *array, size_t i)
{
    return json_number_value(json_array_get(array, i));
}

/* The scaling that the published config of each model states; the rest is plain. */
static bnt_config config_of(const char *model, uint32_t head_dim, double theta)
{
    bnt_config c = {.head_dim = head_dim,
                    .rope_dims = head_dim,
                    .rope_base = theta,
                    .attention_factor = 1.0};
    if (strncmp(model, "llama3.2", 8) == 0) {
        c.scaling = BNT_ROPE_LLAMA3;
        c.scale_factor = 32.0;
        c.low_freq_factor = 1.0;
        c.high_freq_factor = 4.0;
        c.original_context_tokens = 8192;
    }
    if (strcmp(model, "ministral-3-3b") == 0) {
        c.scaling = BNT_ROPE_YARN;
        c.scale_factor = 16.0;
        c.beta_fast = 32.0;
        c.beta_slow = 1.0;
        c.original_context_tokens = 16384;
    }
    return c;
}

static void check_close(double found, double expected)
{
    if (!(fabs(found - expected) <= 1e-7 * fabs(expected))) {
        fail_msg("expected %.10g, found %.10g", expected, found);
    }
}

static void frequencies_are_those_of_the_real_models(void **state)
{
    (void)state;
    if (!shared_found(8)) skip();
    json_t *const tables = load_tables();
    size_t m;
    json_t *one;
    json_array_foreach(json_object_get(tables, "inv_freq"), m, one)
    {
        const json_t *const expected = json_object_get(one, "inv_freq");
        const json_t *const divisor = json_object_get(one, "divisor");
        const uint32_t head_dim =
            (uint32_t)json_integer_value(json_object_get(one, "head_dim"));
        const bnt_config c =
            config_of(json_string_value(json_object_get(one, "model")), head_dim,
                      json_number_value(json_object_get(one, "theta")));
        double found[128];
        assert_int_equal(json_array_size(expected), head_dim / 2);
        assert_int_equal(bnt_rope_frequencies(found, &c, NULL, NULL), BANTAM_OK);
        for (size_t i = 0; i < head_dim / 2; i++) {
            check_close(found[i], number_at(expected, i));
        }
        if (!divisor) continue;

        /* The same model as a GGUF file has it. */
        float divisors[128];
        for (size_t i = 0; i < head_dim / 2; i++) {
            divisors[i] = (float)number_at(divisor, i);
        }
        assert_int_equal(bnt_rope_frequencies(found, &c, divisors, NULL), BANTAM_OK);
        for (size_t i = 0; i < head_dim / 2; i++) {
            assert_true(fabs(found[i] / number_at(expected, i) - 1.0) < 1e-6);
        }
    }
    json_decref(tables);
}

/* The integers of one mode at positions pos: cos and sin over their maxima. */
static void check_int8(const json_t *one, const char *mode, bantam_rope form)
{
    const json_t *const pos = json_object_get(one, "pos");
    const uint32_t head_dim = (uint32_t)json_integer_value(json_object_get(one, "head_dim"));
    const uint32_t n = (uint32_t)json_array_size(pos);
    const uint32_t first = (uint32_t)number_at(pos, 0);
    const uint32_t n_pairs = head_dim / 2;
    double inv_freq[128];
    bnt_model model = {
        .config = config_of("", head_dim, json_number_value(json_object_get(one, "theta"))),
        .inv_freq = inv_freq};
    model.config.int8_rope = form;
    assert_int_equal(bnt_rope_frequencies(inv_freq, &model.config, NULL, NULL), BANTAM_OK);

    float *const x = malloc((size_t)n * n_pairs * sizeof *x);
    float *const y = malloc((size_t)n * n_pairs * sizeof *y);
    assert_non_null(x);
    assert_non_null(y);
    bnt_rope_fill(x, y, &model, first, n, (bnt_span){first, n});
    const struct {
        const char *name;
        const float *values;
    } both[] = {{"cos", x}, {"sin", y}};
    for (size_t b = 0; b < 2; b++) {
        char key[32];
        snprintf(key, sizeof key, "%s_%s_max", mode, both[b].name);
        const double max = json_number_value(json_object_get(one, key));
        snprintf(key, sizeof key, "%s_%s_q", mode, both[b].name);
        const json_t *const rows = json_object_get(one, key);
        assert_int_equal(json_array_size(rows), n);
        for (size_t t = 0; t < n; t++) {
            for (size_t i = 0; i < n_pairs; i++) {
                const double q = number_at(json_array_get(rows, t), i);
                const double value = (double)both[b].values[t * n_pairs + i];
                /* 1 / 127 lies between two neighbors, so this tells the integer. */
                assert_true(fabs(value - q / 127.0 * max) <= 1e-6);
            }
        }
    }
    free(x);
    free(y);
}

static void eight_bit_tables_hold_the_recorded_integers(void **state)
{
    (void)state;
    if (!shared_found(8)) skip();
    json_t *const tables = load_tables();
    size_t i;
    json_t *one;
    json_array_foreach(json_object_get(tables, "phonelm_int8"), i, one)
    {
        check_int8(one, "call", BANTAM_ROPE_CALL);
        check_int8(one, "table", BANTAM_ROPE_TABLE);
    }
    assert_int_equal(i, 8);
    json_decref(tables);
}

static void query_scales_grow_with_the_recorded_steps(void **state)
{
    (void)state;
    if (!shared_found(1)) skip();
    json_t *const tables = load_tables();
    const json_t *const scale = json_object_get(tables, "query_scale");
    const bnt_config c = {.query_scale_beta = json_number_value(json_object_get(scale, "beta")),
                          .query_scale_original = (uint32_t)json_integer_value(
                              json_object_get(scale, "original_max_position_embeddings"))};
    const json_t *const pos = json_object_get(scale, "pos");
    assert_int_equal(json_array_size(pos), 10);
    for (size_t i = 0; i < json_array_size(pos); i++) {
        check_close((double)bnt_rope_query_scale(&c, (uint32_t)number_at(pos, i)),
                    number_at(json_object_get(scale, "scale"), i));
    }
    json_decref(tables);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frequencies_are_those_of_the_real_models),
        cmocka_unit_test(eight_bit_tables_hold_the_recorded_integers),
        cmocka_unit_test(query_scales_grow_with_the_recorded_steps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
