/* test_sampler_goldens.c - what is left after each stage, against values computed elsewhere. */
#include "base/json.h"
#include "sampler_rig.h"

static float number(const json_t *arguments, const char *key)
{
    const json_t *value = json_object_get(arguments, key);
    assert_true(json_is_number(value));
    return (float)json_number_value(value);
}

static bantam_stage add_stage(bantam_sampling *o, const char *name, const json_t *a)
{
    if (!strcmp(name, "penalties")) {
        o->repeat_penalty = number(a, "repeat");
        o->frequency_penalty = number(a, "frequency");
        o->presence_penalty = number(a, "presence");
        o->penalty_last_n = (uint32_t)number(a, "last_n");
        return BANTAM_STAGE_PENALTIES;
    }
    if (!strcmp(name, "temperature")) {
        o->temperature = number(a, "t");
        return BANTAM_STAGE_TEMPERATURE;
    }
    if (!strcmp(name, "top_k")) {
        o->top_k = (uint32_t)number(a, "k");
        return BANTAM_STAGE_TOP_K;
    }
    if (!strcmp(name, "top_p")) {
        o->top_p = number(a, "p");
        return BANTAM_STAGE_TOP_P;
    }
    if (!strcmp(name, "min_p")) {
        o->min_p = number(a, "p");
        return BANTAM_STAGE_MIN_P;
    }
    if (!strcmp(name, "typical")) {
        o->typical_p = number(a, "p");
        return BANTAM_STAGE_TYPICAL;
    }
    assert_string_equal(name, "xtc");
    o->xtc_threshold = number(a, "threshold");
    o->xtc_probability = number(a, "probability");
    return BANTAM_STAGE_XTC;
}

static void run_golden_case(size_t index, const json_t *c)
{
    float logits[256];
    uint32_t history[256], token;
    size_t i, n;
    json_t *item;
    bantam_sampling o = plain(index);
    bantam_error err;
    const json_t *kept = json_object_get(c, "kept"), *probs = json_object_get(c, "probs");
    const size_t n_logits = json_array_size(json_object_get(c, "logits"));
    const size_t n_history = json_array_size(json_object_get(c, "history"));
    assert_true(n_logits > 0 && n_logits <= 256 && n_history <= 256);

    json_array_foreach(json_object_get(c, "logits"), i, item)
    {
        logits[i] = (float)json_number_value(item);
    }
    json_array_foreach(json_object_get(c, "history"), i, item)
    {
        history[i] = (uint32_t)json_integer_value(item);
    }
    json_array_foreach(json_object_get(c, "chain"), i, item)
    {
        assert_true(i < 15);
        o.order[i] =
            add_stage(&o, json_string_value(json_array_get(item, 0)), json_array_get(item, 1));
    }
    bnt_sampler *s = open_sampler((uint32_t)n_logits);
    configure(s, &o);
    if (bnt_sampler_draw(s, logits, history, n_history, NULL, &token, &err)) {
        fail_msg("case %zu: %s", index, err.message);
    }
    const bnt_candidate *found = bnt_sampler_candidates(s, &n);
    if (n != json_array_size(kept)) fail_msg("case %zu: %zu candidates left", index, n);
    bool drawn_is_left = false;
    for (i = 0; i < n; i++) {
        const double expected = json_number_value(json_array_get(probs, i));
        if (found[i].token != (uint32_t)json_integer_value(json_array_get(kept, i))) {
            fail_msg("case %zu: token %u at rank %zu", index, (unsigned)found[i].token, i);
        }
        if (fabs((double)found[i].probability - expected) > 1e-5) {
            fail_msg("case %zu rank %zu: %.7g, expected %.7g", index, i,
                     (double)found[i].probability, expected);
        }
        drawn_is_left = drawn_is_left || found[i].token == token;
    }
    assert_true(drawn_is_left);
    bnt_sampler_close(s);
}

static void stages_give_the_golden_sets(void **state)
{
    (void)state;
    if (!shared_found(47)) skip();
    size_t size, i;
    char *text = read_whole(shared_path("goldens/sampler/sampler.json"), &size);
    json_t *root, *c;
    bantam_error err;
    if (bnt_json_parse(&root, text, size, &err)) fail_msg("%s", err.message);
    free(text);
    const json_t *cases = json_object_get(root, "cases");
    assert_true(json_array_size(cases) >= 47);
    json_array_foreach(cases, i, c)
    {
        run_golden_case(i, c);
    }
    json_decref(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stages_give_the_golden_sets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
