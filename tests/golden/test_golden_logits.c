/* test_golden_logits.c - every tiny model of every family against logits, likelihoods and
 * greedy text that an independent float64 program wrote. The data's own README states the
 * tolerances: 1e-3 with float32 keys and values, 0.06 with float16 ones, and twice the stated
 * rope_step where cos and sin are rounded to 8 bits. */
#include "forward_rig.h"
#include "tiny_model.h"

#include <jansson.h>
#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CONTEXT = 256 };

static const char *const models[] = {"smollm2-a",     "llama32-a",    "amd-a",
                                     "codellama-a",   "phonelm-a",    "phonelm-b",
                                     "ministral8b-a", "ministral3-a", "bluelm-a"};
enum { N_MODELS = sizeof models / sizeof models[0] };

static json_t *load_golden(const char *model)
{
    char name[256];
    snprintf(name, sizeof name, "goldens/lm/%s/golden.json", model);
    size_t size = 0;
    char *const text = read_whole(shared_path(name), &size);
    json_t *const golden = json_loadb(text, size, 0, NULL);
    assert_non_null(golden);
    free(text);
    return golden;
}

static uint32_t *load_ids(const json_t *array, uint32_t *n)
{
    *n = (uint32_t)json_array_size(array);
    uint32_t *const ids = malloc(*n * sizeof *ids);
    assert_non_null(ids);
    for (uint32_t i = 0; i < *n; i++) {
        ids[i] = (uint32_t)json_integer_value(json_array_get(array, i));
    }
    return ids;
}

static bantam_rope rope_of(const json_t *entry)
{
    const char *const mode = json_string_value(json_object_get(entry, "rope_mode"));
    if (!mode) return BANTAM_ROPE_DEFAULT;
    if (strcmp(mode, "call") == 0) return BANTAM_ROPE_CALL;
    if (strcmp(mode, "table") == 0) return BANTAM_ROPE_TABLE;
    assert_string_equal(mode, "float");
    return BANTAM_ROPE_FLOAT;
}

static double tolerance_of(const json_t *entry, bantam_kv kv)
{
    const json_t *const noise = json_object_get(entry, "noise");
    const double step = json_number_value(json_object_get(noise, "rope_step"));
    return fmax(kv == BANTAM_KV_F32 ? 1e-3 : 0.06, 2.0 * step);
}

static void check_rows(const char *model, const json_t *prompt, const float *logits,
                       uint32_t n_vocab, double tolerance)
{
    const json_t *const rows = json_object_get(prompt, "rows");
    char name[256];
    snprintf(name, sizeof name, "goldens/lm/%s/%s", model,
             json_string_value(json_object_get(prompt, "logits")));
    size_t size = 0;
    char *const data = read_whole(shared_path(name), &size);
    assert_int_equal(size, json_array_size(rows) * n_vocab * sizeof(float));
    for (size_t r = 0; r < json_array_size(rows); r++) {
        const size_t row = (size_t)json_integer_value(json_array_get(rows, r));
        for (uint32_t i = 0; i < n_vocab; i++) {
            float expected;
            memcpy(&expected, data + (r * n_vocab + i) * sizeof expected, sizeof expected);
            const float found = logits[row * n_vocab + i];
            if (!(fabs((double)expected - (double)found) <= tolerance)) {
                fail_msg("%s, %s, row %zu, token %u: expected %f, found %f", model, name, row,
                         (unsigned)i, (double)expected, (double)found);
            }
        }
    }
    free(data);
}

static void check_top5(const json_t *prompt, const float *last, uint32_t n_vocab,
                       double tolerance)
{
    const json_t *const top5 = json_object_get(prompt, "top5");
    assert_int_equal(json_array_size(top5), 5);
    double least = INFINITY;
    for (size_t i = 0; i < 5; i++) {
        const json_t *const one = json_array_get(top5, i);
        const size_t id = (size_t)json_integer_value(json_array_get(one, 0));
        const double logit = json_number_value(json_array_get(one, 1));
        assert_true(id < n_vocab);
        assert_true(fabs((double)last[id] - logit) <= tolerance + 1e-5);
        least = fmin(least, logit);
    }
    uint32_t n_above = 0;
    for (uint32_t i = 0; i < n_vocab; i++) {
        n_above += (double)last[i] > least + 2 * tolerance;
    }
    assert_true(n_above <= 5);
}

static double nll(const float *logits, uint32_t n_vocab, uint32_t id)
{
    double sum = 0.0;
    for (uint32_t i = 0; i < n_vocab; i++) {
        sum += exp((double)logits[i] - (double)logits[id]);
    }
    return log(sum);
}

static void check_greedy(rig *r, const json_t *prompt, float *logits, uint32_t pos)
{
    const json_t *const ids = json_object_get(prompt, "greedy_ids");
    const uint32_t n_vocab = r->model->config.n_vocab;
    assert_int_equal(json_array_size(ids), 32);
    for (size_t i = 0; i < 32; i++) {
        const uint32_t id = rig_argmax(logits, n_vocab);
        assert_int_equal(id, json_integer_value(json_array_get(ids, i)));
        rig_feed(r, &id, 1, pos++, logits, false);
    }
}

static void check_prompt(rig *r, const char *model, const json_t *prompt, double tolerance)
{
    const uint32_t n_vocab = r->model->config.n_vocab;
    uint32_t n = 0;
    uint32_t *const ids = load_ids(json_object_get(prompt, "ids"), &n);
    float *const logits = malloc((size_t)n * n_vocab * sizeof *logits);
    assert_non_null(logits);

    rig_feed(r, ids, n, 0, logits, true);
    check_rows(model, prompt, logits, n_vocab, tolerance);
    check_top5(prompt, logits + (size_t)(n - 1) * n_vocab, n_vocab, tolerance);
    double sum = 0.0;
    for (uint32_t i = 1; i < n; i++) {
        sum += nll(logits + (size_t)(i - 1) * n_vocab, n_vocab, ids[i]);
    }
    const double expected = json_number_value(json_object_get(prompt, "nll_sum"));
    assert_true(fabs(sum - expected) <= tolerance * n);

    memmove(logits, logits + (size_t)(n - 1) * n_vocab, n_vocab * sizeof *logits);
    check_greedy(r, prompt, logits, n);
    free(logits);
    free(ids);
}

static void check_model(const char *model, bantam_kv kv)
{
    json_t *const golden = load_golden(model);
    size_t e, f, p;
    json_t *entry, *form, *prompt;
    json_array_foreach(json_object_get(golden, "entries"), e, entry)
    {
        json_array_foreach(json_object_get(entry, "files"), f, form)
        {
            char name[256];
            snprintf(name, sizeof name, "goldens/lm/%s/%s", model, json_string_value(form));
            rig r;
            rig_open(&r, shared_path(name),
                     (rig_options){.rope = rope_of(entry), .kv = kv, .context = CONTEXT});
            json_array_foreach(json_object_get(entry, "prompts"), p, prompt)
            {
                check_prompt(&r, model, prompt, tolerance_of(entry, kv));
            }
            rig_close(&r);
        }
    }
    json_decref(golden);
}

static void every_form_of_every_model_gives_the_recorded_logits(void **state)
{
    (void)state;
    if (!shared_found(N_MODELS)) skip();
    for (size_t i = 0; i < N_MODELS; i++) {
        check_model(models[i], BANTAM_KV_F32);
    }
}

static void half_precision_keys_and_values_stay_within_their_tolerance(void **state)
{
    (void)state;
    if (!shared_found(N_MODELS)) skip();
    for (size_t i = 0; i < N_MODELS; i++) {
        check_model(models[i], BANTAM_KV_F16);
    }
}

/* What the files state reaches the config: the goldens name every dimension too. */
static void dimensions_are_read_as_stated(void **state)
{
    (void)state;
    if (!shared_found(N_MODELS)) skip();
    for (size_t i = 0; i < N_MODELS; i++) {
        json_t *const golden = load_golden(models[i]);
        size_t f;
        json_t *form;
        json_array_foreach(json_object_get(golden, "forms"), f, form)
        {
            char name[256];
            snprintf(name, sizeof name, "goldens/lm/%s/%s", models[i], json_string_value(form));
            rig r;
            rig_open(&r, shared_path(name), (rig_options){.batch = 1, .context = 1});
            const bnt_config *const c = &r.model->config;
            const struct {
                const char *key;
                uint32_t found;
            } numbers[] = {
                {"vocab", c->n_vocab}, {"hidden", c->n_embd},       {"layers", c->n_layers},
                {"heads", c->n_heads}, {"kv_heads", c->n_kv_heads}, {"head_dim", c->head_dim},
                {"ffn", c->n_ffn}};
            for (size_t k = 0; k < sizeof numbers / sizeof numbers[0]; k++) {
                assert_int_equal(numbers[k].found,
                                 json_integer_value(json_object_get(golden, numbers[k].key)));
            }
            assert_int_equal(c->tied, json_is_true(json_object_get(golden, "tied")));
            rig_close(&r);
        }
        json_decref(golden);
    }
}

/* One recorded run: BOS and prompt are fed, the rest is chosen greedily. From a step on where
 * the recorded best two logits all but meet, another rounding may rightly go elsewhere. */
static void check_run(rig *r, const json_t *run)
{
    const json_t *const ids = json_object_get(run, "ids");
    const uint32_t n_vocab = r->model->config.n_vocab;
    size_t sure = json_array_size(ids);
    if (json_number_value(json_object_get(run, "min_gap")) < 0.001) {
        sure = (size_t)json_integer_value(json_object_get(run, "min_gap_pos"));
    }
    uint32_t n = 0;
    uint32_t *const prompt = load_ids(json_object_get(run, "prompt_ids"), &n);
    float *const logits = malloc(n_vocab * sizeof *logits);
    assert_non_null(logits);
    rig_feed(r, prompt, n, 0, logits, false);
    for (size_t i = n - 1; i < sure; i++) {
        const uint32_t id = rig_argmax(logits, n_vocab);
        assert_int_equal(id, json_integer_value(json_array_get(ids, i)));
        rig_feed(r, &id, 1, (uint32_t)i + 1, logits, false);
    }
    free(logits);
    free(prompt);
}

/* Trained models that others converted to GGUF: no rope base and no vocabulary size is stated,
 * and the output head is stored apart. The ids are those of the authors' own runner. */
static void trained_models_choose_the_recorded_ids(void **state)
{
    (void)state;
    if (!shared_found(1)) skip();
    static const char *const names[] = {"stories260K", "llama2xs-279K", "babyllama-105",
                                        "babyllama-361"};
    unsigned n_runs = 0;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char file[256];
        char model[64];
        snprintf(file, sizeof file, "weights/gguf/%s-F32.gguf", names[i]);
        snprintf(model, sizeof model, "%s.bin", names[i]);
        rig r;
        rig_open(&r, shared_path(file), (rig_options){.context = CONTEXT});
        char *const lines = read_whole(shared_path("weights/expected.jsonl"), NULL);
        for (char *line = strtok(lines, "\n"); line; line = strtok(NULL, "\n")) {
            json_t *const run = json_loads(line, 0, NULL);
            assert_non_null(run);
            if (strcmp(json_string_value(json_object_get(run, "model")), model) == 0 &&
                json_integer_value(json_object_get(run, "n")) == 64) {
                check_run(&r, run);
                n_runs++;
            }
            json_decref(run);
        }
        free(lines);
        rig_close(&r);
    }
    assert_int_equal(n_runs, 20);
}

/* Replaces each `from` by `to`, which is as long, in a text of size bytes. */
static unsigned rename_all(char *text, size_t size, const char *from, const char *to)
{
    const size_t length = strlen(from);
    unsigned n = 0;
    assert_int_equal(strlen(to), length);
    for (size_t i = 0; i + length <= size; i++) {
        if (memcmp(text + i, from, length) == 0) {
            memcpy(text + i, to, length);
            n++;
        }
    }
    return n;
}

/* Vision models were saved with two orders of prefixes. Both mean the same tensors. */
static void the_older_prefixes_of_a_vision_model_mean_the_same(void **state)
{
    (void)state;
    if (!shared_found(1)) skip();
    static const char *const files[] = {"config.json", "model.safetensors"};
    const uint32_t tokens[] = {1, 30, 60, 90};
    const char *const folder = tiny_path("prefixes");
    mkdir(folder, 0700);
    for (size_t i = 0; i < 2; i++) {
        char name[600];
        size_t size = 0;
        snprintf(name, sizeof name, "goldens/lm/ministral3-a/hf/%s", files[i]);
        char *const data = read_whole(shared_path(name), &size);
        if (i == 1) {
            uint64_t header;
            memcpy(&header, data, sizeof header);
            assert_true(rename_all(data + 8, (size_t)header, "model.language_model.",
                                   "language_model.model.") == 29);
        }
        snprintf(name, sizeof name, "%s/%s", folder, files[i]);
        write_whole(name, data, size);
        free(data);
    }
    float logits[2][4 * 400];
    const char *const paths[] = {shared_path("goldens/lm/ministral3-a/hf"), folder};
    for (size_t i = 0; i < 2; i++) {
        rig r;
        rig_open(&r, paths[i], (rig_options){0});
        rig_feed(&r, tokens, 4, 0, logits[i], true);
        rig_close(&r);
    }
    assert_memory_equal(logits[0], logits[1], sizeof logits[0]);
    for (size_t i = 0; i < 2; i++) {
        char name[600];
        snprintf(name, sizeof name, "%s/%s", folder, files[i]);
        unlink(name);
    }
    rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_form_of_every_model_gives_the_recorded_logits),
        cmocka_unit_test(half_precision_keys_and_values_stay_within_their_tolerance),
        cmocka_unit_test(dimensions_are_read_as_stated),
        cmocka_unit_test(trained_models_choose_the_recorded_ids),
        cmocka_unit_test(the_older_prefixes_of_a_vision_model_mean_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
