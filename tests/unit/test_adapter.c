/* Tests of model/lowrank.c, linear.c with adapters, adapter_save.c and merge.c: what adapters
 * add, held against double arithmetic and against each other; the same bits whatever the form
 * of the file, the batch and the threads. */
#include "adapter_rig.h"
#include "compress/merge.h"
#include "compress/quantize.h"
#include "model/adapter_parts.h"

#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PROMPT = 40, VOCAB = 40 };

static temp_folder folder;
static char path_a[1024], path_b[1024]; /* of the two adapters that most tests have */

static int setup(void **state)
{
    (void)state;
    temp_make(&folder);
    snprintf(path_a, sizeof path_a, "%s/a.gguf", folder.path);
    snprintf(path_b, sizeof path_b, "%s/b.gguf", folder.path);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    temp_remove(&folder);
    return 0;
}

static const char *in(const char *name)
{
    return temp_path(&folder, name);
}

static void prompt_of(uint32_t *tokens)
{
    for (uint32_t i = 0; i < PROMPT; i++) {
        tokens[i] = (i * i * 7 + i * 3 + 1) % VOCAB;
    }
}

/* Logits (PROMPT, VOCAB) of a model with adapters; the caller frees them. */
static float *compute(const char *model, rig_options o, const char *const *paths,
                      const float *scales, uint32_t n)
{
    bnt_adapter_use uses[BNT_MAX_ADAPTERS];
    bnt_adapter *adapters[BNT_MAX_ADAPTERS];
    uint32_t tokens[PROMPT];
    float *const logits = malloc(PROMPT * VOCAB * sizeof *logits);
    rig r;

    assert_non_null(logits);
    prompt_of(tokens);
    rig_open(&r, model, o);
    for (uint32_t i = 0; i < n; i++) {
        adapters[i] = lora_open(r.model, paths[i]);
        uses[i] = (bnt_adapter_use){adapters[i], scales ? scales[i] : 1.0f};
    }
    if (n) lora_use(&r, uses, n);
    rig_feed(&r, tokens, PROMPT, 0, logits, true);
    for (uint32_t i = 0; i < n; i++) {
        bnt_adapter_close(adapters[i]);
    }
    rig_close(&r);
    return logits;
}

static float *compute_one(const char *model, rig_options o, const char *path)
{
    return compute(model, o, &path, NULL, path ? 1 : 0);
}

static double distance(const float *a, const float *b)
{
    double most = 0.0;
    for (size_t i = 0; i < PROMPT * VOCAB; i++) {
        const double off = fabs((double)a[i] - (double)b[i]);
        if (!(off <= most)) most = off;
    }
    return most;
}

static void assert_same_bits(const float *a, const float *b)
{
    assert_memory_equal(a, b, PROMPT * VOCAB * sizeof *a);
}

static void merge(const char *model, const char *out, const char *type,
                  const char *const *paths, const float *scales, size_t n)
{
    const bantam_merge_options o = {.struct_size = sizeof o,
                                    .adapters = paths,
                                    .scales = scales,
                                    .n_adapters = n,
                                    .type = type};
    bantam_error err = {0};
    if (bnt_merge_adapters(model, out, &o, &err)) fail_msg("%s", err.message);
}

/* ---- what is added ----------------------------------------------------------------------- */

/* W + scale alpha / rank B A, element by element in double, of every matrix. */
static void merged_weights_are_the_sum_that_the_factors_say(void **state)
{
    (void)state;
    const lora_spec first = lora_defaults(&(lora_spec){.seed = 1, .odd_rank = 3});
    const lora_spec second = lora_defaults(&(lora_spec){.seed = 2, .rank = 70, .alpha = 35.0f});
    const char *const paths[] = {path_a, path_b};
    const float scales[] = {0.5f, -2.0f};
    bnt_archive *plain = NULL, *merged = NULL;

    tiny_write(in("m.gguf"), &(tiny_spec){.seed = 3});
    lora_write_gguf(paths[0], &first);
    lora_write_gguf(paths[1], &second);
    merge(in("m.gguf"), in("merged.gguf"), NULL, paths, scales, 2);
    assert_int_equal(bnt_archive_open(&plain, in("m.gguf"), NULL), BANTAM_OK);
    assert_int_equal(bnt_archive_open(&merged, in("merged.gguf"), NULL), BANTAM_OK);
    assert_int_equal(bnt_archive_n_tensors(plain), bnt_archive_n_tensors(merged));
    for (uint32_t i = 0; i < LORA_LAYERS * LORA_PLACES; i++) {
        const uint32_t layer = i / LORA_PLACES, place = i % LORA_PLACES;
        uint32_t rows, columns;
        char name[64];
        snprintf(name, sizeof name, "blk.%u.%s.weight", (unsigned)layer,
                 lora_gguf_names[place]);
        const float *const w = (const float *)(const void *)bnt_archive_find(plain, name)->data;
        const bnt_tensor *const found = bnt_archive_find(merged, name);
        lora_shape(&first, place, &rows, &columns);
        for (uint32_t r = 0; r < rows; r++) {
            for (uint32_t c = 0; c < columns; c++) {
                double sum = (double)w[r * columns + c];
                const lora_spec *const specs[] = {&first, &second};
                for (int s = 0; s < 2; s++) {
                    const uint32_t rank = lora_rank(specs[s], layer, place);
                    for (uint32_t k = 0; k < rank; k++) {
                        sum += (double)scales[s] * (double)specs[s]->alpha / rank *
                               (double)lora_value(specs[s], layer, place, 1, r, k) *
                               (double)lora_value(specs[s], layer, place, 0, k, c);
                    }
                }
                float value;
                memcpy(&value, found->data + 4 * ((size_t)r * columns + c), 4);
                assert_true(fabs((double)value - sum) < 1e-5);
            }
        }
    }
    bnt_archive_close(plain);
    bnt_archive_close(merged);
}

static void a_pass_with_adapters_computes_what_the_merged_model_does(void **state)
{
    (void)state;
    const char *const paths[] = {path_a, path_b};
    const float scales[] = {0.5f, -0.25f};
    tiny_write(in("m.gguf"), &(tiny_spec){.seed = 3, .untied = true});
    lora_write_gguf(paths[0], &(lora_spec){.seed = 1, .odd_rank = 3});
    lora_write_gguf(paths[1], &(lora_spec){.seed = 2, .rank = 70, .left_out = 0x2A});
    merge(in("m.gguf"), in("merged.gguf"), NULL, paths, scales, 2);
    float *const plain = compute_one(in("m.gguf"), (rig_options){0}, NULL);
    float *const found = compute(in("m.gguf"), (rig_options){0}, paths, scales, 2);
    float *const expected = compute_one(in("merged.gguf"), (rig_options){0}, NULL);
    assert_true(distance(plain, expected) > 0.5);
    assert_true(distance(found, expected) < 2e-4);
    free(plain);
    free(found);
    free(expected);
}

/* Each place by itself, so that none can hide another's fault. */
static void every_matrix_is_corrected_where_it_stands(void **state)
{
    (void)state;
    const char *const path = path_a;
    tiny_write(in("m.gguf"), &(tiny_spec){.seed = 3});
    float *const plain = compute_one(in("m.gguf"), (rig_options){0}, NULL);
    for (uint32_t place = 0; place < LORA_PLACES; place++) {
        lora_write_gguf(path, &(lora_spec){.seed = 5, .left_out = 0x7Fu & ~(1u << place)});
        merge(in("m.gguf"), in("merged.gguf"), "F32", &path, NULL, 1);
        float *const found = compute_one(in("m.gguf"), (rig_options){0}, path);
        float *const expected = compute_one(in("merged.gguf"), (rig_options){0}, NULL);
        assert_true(distance(plain, expected) > 0.01);
        assert_true(distance(found, expected) < 1e-4);
        free(found);
        free(expected);
    }
    free(plain);
}

/* Ranks one after the other, adapter after adapter: one file with the ranks of both. */
static void two_adapters_are_one_with_the_ranks_of_both(void **state)
{
    (void)state;
    const lora_spec half = lora_defaults(&(lora_spec){.seed = 9, .rank = 4, .alpha = 4.0f});
    const lora_spec other = lora_defaults(&(lora_spec){.seed = 8, .rank = 4, .alpha = 4.0f});
    const char *const paths[] = {path_a, path_b};
    char both[1024];
    gguf_builder g;

    snprintf(both, sizeof both, "%s", in("both.gguf"));
    lora_gguf_begin(&g, 8.0f);
    for (uint32_t i = 0; i < LORA_LAYERS * LORA_PLACES * 2; i++) {
        const uint32_t b = i % 2, place = i / 2 % LORA_PLACES, layer = i / 2 / LORA_PLACES;
        uint32_t rows, columns;
        lora_factor_shape(&half, layer, place, b, &rows, &columns);
        rows *= b ? 1 : 2;
        columns *= b ? 2 : 1;
        float *const values = malloc(rows * columns * sizeof *values);
        assert_non_null(values);
        for (uint32_t r = 0; r < rows; r++) {
            for (uint32_t c = 0; c < columns; c++) {
                const lora_spec *const s = (b ? c : r) < 4 ? &half : &other;
                values[r * columns + c] =
                    lora_value(s, layer, place, b, b ? r : r % 4, b ? c % 4 : c);
            }
        }
        gb_add_f32(&g, lora_gguf_tensor(layer, place, b), columns, rows, values);
        free(values);
    }
    lora_gguf_end(&g, both);
    lora_write_gguf(paths[0], &half);
    lora_write_gguf(paths[1], &other);
    tiny_write(in("m.gguf"), &(tiny_spec){.seed = 3});
    float *const found = compute(in("m.gguf"), (rig_options){0}, paths, NULL, 2);
    float *const expected = compute_one(in("m.gguf"), (rig_options){0}, both);
    assert_same_bits(found, expected);
    free(found);
    free(expected);
}

/* ---- the same bits ----------------------------------------------------------------------- */

static void threads_and_batches_change_no_bit(void **state)
{
    (void)state;
    static const rig_options runs[] = {
        {.batch = 1, .threads = 2}, {.batch = 7, .threads = 3}, {.batch = 17, .threads = 2}};
    const tiny_spec specs[] = {{.seed = 3, .n_embd = 64, .n_ffn = 96},
                               {.seed = 3, .n_embd = 64, .n_ffn = 96, .f16_matrices = true},
                               {.seed = 3, .n_embd = 64, .n_ffn = 96}};
    const char *const paths[] = {path_a, path_b};
    const float scales[] = {1.0f, 0.3f};
    lora_write_gguf(paths[0], &(lora_spec){.n_embd = 64, .n_ffn = 96, .rank = 5});
    lora_write_gguf(paths[1],
                    &(lora_spec){.n_embd = 64, .n_ffn = 96, .rank = 67, .left_out = 0x11});
    for (size_t i = 0; i < 3; i++) {
        char path[1024];
        tiny_write(in("m.gguf"), &specs[i]);
        snprintf(path, sizeof path, "%s", in(i == 2 ? "b4.gguf" : "m.gguf"));
        if (i == 2) { /* interleaved rows */
            const bantam_quantize_options o = {.struct_size = sizeof o, .threads = 1};
            assert_int_equal(bnt_quantize(in("m.gguf"), path, &o, NULL), BANTAM_OK);
        }
        float *const plain = compute_one(path, (rig_options){0}, NULL);
        float *const expected = compute(path, (rig_options){0}, paths, scales, 2);
        assert_true(distance(plain, expected) > 0.1);
        for (size_t k = 0; k < sizeof runs / sizeof runs[0]; k++) {
            float *const found = compute(path, runs[k], paths, scales, 2);
            assert_same_bits(found, expected);
            free(found);
        }
        free(plain);
        free(expected);
    }
}

/* What is interleaved meets adapters as rows of floats do: the same sums beside other ones. */
static void four_bit_weights_are_corrected_as_their_floats_are(void **state)
{
    (void)state;
    const bantam_quantize_options o = {.struct_size = sizeof o, .type = "B8", .threads = 1};
    const char *const path = path_a;
    tiny_write(in("m.gguf"), &(tiny_spec){.seed = 3, .n_embd = 64, .n_ffn = 96});
    lora_write_gguf(path, &(lora_spec){.n_embd = 64, .n_ffn = 96, .seed = 4, .size = 0.2f});
    assert_int_equal(bnt_quantize(in("m.gguf"), in("b8.gguf"), &o, NULL), BANTAM_OK);
    merge(in("b8.gguf"), in("merged.gguf"), "F32", &path, NULL, 1);
    float *const plain = compute_one(in("b8.gguf"), (rig_options){0}, NULL);
    float *const found = compute_one(in("b8.gguf"), (rig_options){0}, path);
    float *const expected = compute_one(in("merged.gguf"), (rig_options){0}, NULL);
    assert_true(distance(plain, expected) > 1.0);
    assert_true(distance(found, expected) < 0.1 * distance(plain, expected)); /* of 8 bits */
    free(plain);
    free(found);
    free(expected);
}

/* The same numbers in halves and in floats. One tiny factor that no half
 * holds makes all be read as floats, and has no say itself: it meets a zero. */
static void halves_are_read_as_they_are_and_give_the_bits_of_floats(void **state)
{
    (void)state;
    lora_spec spec = lora_defaults(&(lora_spec){.seed = 6, .rank = 5, .size = 0.5f});
    gguf_builder g;
    rig r;

    tiny_write(in("m.gguf"), &(tiny_spec){.seed = 3});
    spec.type = BNT_TYPE_F16;
    lora_write_gguf(path_a, &spec);
    lora_gguf_begin(&g, 2.0f * spec.alpha); /* rank 10, of which 5 are nothing */
    for (uint32_t i = 0; i < LORA_LAYERS * LORA_PLACES * 2; i++) {
        const uint32_t b = i % 2, place = i / 2 % LORA_PLACES, layer = i / 2 / LORA_PLACES;
        uint32_t rows, columns;
        lora_factor_shape(&spec, layer, place, b, &rows, &columns);
        if (b) {
            columns *= 2;
        } else {
            rows *= 2;
        }
        float *const values = calloc(rows * columns, sizeof *values);
        assert_non_null(values);
        for (uint32_t row = 0; row < rows; row++) {
            for (uint32_t c = 0; c < columns; c++) {
                if ((b ? c : row) >= 5) continue;
                values[row * columns + c] = lora_value(&spec, layer, place, b, row, c);
            }
        }
        if (!b) values[9 * columns] = 1e-30f;
        gb_add_f32(&g, lora_gguf_tensor(layer, place, b), columns, rows, values);
        free(values);
    }
    lora_gguf_end(&g, path_b);
    rig_open(&r, in("m.gguf"), (rig_options){0});
    for (int i = 0; i < 2; i++) {
        bnt_adapter *const adapter = lora_open(r.model, i ? path_b : path_a);
        assert_int_equal(adapter->halves, i == 0);
        bnt_adapter_close(adapter);
    }
    rig_close(&r);
    for (uint32_t batch = 1; batch < 64; batch += 20) {
        const rig_options o = {.batch = batch};
        float *const halves = compute_one(in("m.gguf"), o, path_a);
        float *const floats = compute_one(in("m.gguf"), o, path_b);
        assert_same_bits(halves, floats);
        free(halves);
        free(floats);
    }
}

static void both_forms_of_a_file_give_the_same_bits(void **state)
{
    (void)state;
    const lora_spec spec = {.seed = 6, .odd_rank = 3};
    tiny_write(in("m.gguf"), &(tiny_spec){.seed = 3});
    lora_write_gguf(in("a.gguf"), &spec);
    lora_write_peft(&folder, "peft", &spec,
                    "\"rank_pattern\":{\"model.layers.1.mlp.up_proj\":3}", NULL);
    float *const gguf = compute_one(in("m.gguf"), (rig_options){0}, in("a.gguf"));
    float *const peft = compute_one(in("m.gguf"), (rig_options){0}, in("peft"));
    float *const file =
        compute_one(in("m.gguf"), (rig_options){0}, in("peft/adapter_model.safetensors"));
    assert_same_bits(gguf, peft);
    assert_same_bits(gguf, file);
    free(gguf);
    free(peft);
    free(file);
}

/* A model's GGUF and its folder have the rows of q and k in other orders. */
static void one_adapter_does_the_same_to_a_file_and_to_its_folder(void **state)
{
    (void)state;
    if (!shared_found(1)) skip();
    enum { N = 12 };
    const char *const models[] = {shared_path("goldens/lm/llama32-a/model-f32.gguf"),
                                  shared_path("goldens/lm/llama32-a/hf")};
    float *logits[4] = {NULL};
    size_t n_vocab = 0;

    for (int i = 0; i < 4; i++) { /* model i / 2, adapter of the other's form or its own */
        const char *const form = i % 2 ? "p" : "g.gguf";
        uint32_t tokens[N];
        bnt_adapter_use use;
        rig r;
        for (uint32_t t = 0; t < N; t++)
            tokens[t] = 3 * t + 1;
        rig_open(&r, models[i / 2], (rig_options){.context = 64});
        n_vocab = r.model->config.n_vocab;
        if (i == 0) { /* made for the file, of all its matrices */
            bnt_adapter *made = NULL;
            assert_int_equal(bnt_adapter_new(&made, r.model, NULL), BANTAM_OK);
            made->alpha = 8.0f;
            for (uint32_t l = 0; l < made->n_layers; l++) {
                for (int p = 0; p < BNT_PLACES; p++)
                    made->layers[l][p].rank = 4;
            }
            assert_int_equal(bnt_adapter_take(made, r.model, NULL), BANTAM_OK);
            for (size_t f = 0; f < made->n_params; f++) {
                made->floats[f] = (float)((int)(f * 2654435761u >> 20 & 255) - 128) / 1024.0f;
            }
            assert_int_equal(bnt_adapter_save(made, r.model, in("g.gguf"), NULL), BANTAM_OK);
            assert_int_equal(bnt_adapter_save(made, r.model, in("p"), NULL), BANTAM_OK);
            bnt_adapter_close(made);
        }
        bnt_adapter *const adapter = lora_open(r.model, in(form));
        use = (bnt_adapter_use){adapter, 1.0f};
        logits[i] = malloc(2 * n_vocab * sizeof **logits);
        assert_non_null(logits[i]);
        rig_feed(&r, tokens, N, 0, logits[i] + n_vocab, false);
        lora_use(&r, &use, 1);
        rig_feed(&r, tokens, N, 0, logits[i], false);
        bnt_adapter_close(adapter);
        rig_close(&r);
    }
    for (int i = 0; i < 4; i++) {
        double off = 0.0, moved = 0.0;
        for (size_t v = 0; v < n_vocab; v++) {
            off = fmax(off, fabs((double)logits[i][v] - (double)logits[0][v]));
            moved = fmax(moved, fabs((double)logits[i][v] - (double)logits[i][n_vocab + v]));
        }
        assert_true(moved > 0.05);
        assert_true(off < 1e-3 * moved + 1e-4);
    }
    assert_memory_equal(logits[0], logits[1], n_vocab * sizeof(float));
    assert_memory_equal(logits[2], logits[3], n_vocab * sizeof(float));
    for (int i = 0; i < 4; i++)
        free(logits[i]);
}

/* Scratch behind the stated cost stays as it is. */
static void a_pass_with_adapters_needs_no_more_than_it_says(void **state)
{
    (void)state;
    enum { GUARD = 4096 };
    uint32_t tokens[PROMPT];
    float logits[PROMPT * VOCAB];
    rig r;
    prompt_of(tokens);
    tiny_write(in("m.gguf"), &(tiny_spec){.seed = 3});
    lora_write_gguf(in("a.gguf"), &(lora_spec){.rank = 129});
    const uint32_t batches[] = {1, 16, 33};
    for (size_t i = 0; i < 3; i++) {
        rig_open(&r, in("m.gguf"), (rig_options){.batch = batches[i], .threads = 2});
        bnt_adapter *const adapter = lora_open(r.model, in("a.gguf"));
        const bnt_adapter_use use = {adapter, 1.0f};
        lora_use(&r, &use, 1);
        const size_t cost = r.scratch.size;
        bnt_arena_deinit(&r.scratch);
        assert_int_equal(bnt_arena_init(&r.scratch, cost + GUARD, NULL), BANTAM_OK);
        memset(r.scratch.base, 0xA5, cost + GUARD);
        r.scratch.size = cost;
        rig_feed(&r, tokens, PROMPT, 0, logits, true);
        for (size_t g = cost; g < cost + GUARD; g++) {
            assert_int_equal(r.scratch.base[g], 0xA5);
        }
        bnt_adapter_close(adapter);
        rig_close(&r);
    }
}

/* ---- identity ---------------------------------------------------------------------------- */

static void models_with_other_adapters_have_other_identities(void **state)
{
    (void)state;
    uint8_t found[6][32];
    rig r;
    tiny_write(in("m.gguf"), &(tiny_spec){.seed = 3});
    lora_write_gguf(in("a.gguf"), &(lora_spec){.seed = 1});
    lora_write_gguf(in("b.gguf"), &(lora_spec){.seed = 2});
    rig_open(&r, in("m.gguf"), (rig_options){0});
    bnt_adapter *const a = lora_open(r.model, in("a.gguf"));
    bnt_adapter *const again = lora_open(r.model, in("a.gguf"));
    bnt_adapter *const b = lora_open(r.model, in("b.gguf"));
    const bnt_adapter_use uses[] = {{a, 1.0f}, {b, 1.0f}, {a, 0.5f}, {again, 1.0f}};
    uint8_t own[32], same[32];

    bnt_model_identity(r.model, own);
    bnt_adapter_identity(r.model, NULL, 0, found[0]);
    bnt_adapter_identity(r.model, uses, 1, found[1]);
    bnt_adapter_identity(r.model, uses + 1, 1, found[2]);
    bnt_adapter_identity(r.model, uses + 2, 1, found[3]);
    bnt_adapter_identity(r.model, uses, 2, found[4]);
    bnt_adapter_identity(r.model, uses + 1, 2, found[5]);
    bnt_adapter_identity(r.model, uses + 3, 1, same);
    assert_memory_equal(found[0], own, 32);
    assert_memory_equal(found[1], same, 32);
    for (int i = 0; i < 6; i++) {
        for (int k = 0; k < i; k++)
            assert_memory_not_equal(found[i], found[k], 32);
    }
    bnt_adapter_close(a);
    bnt_adapter_close(again);
    bnt_adapter_close(b);
    rig_close(&r);
}

/* ---- saving ------------------------------------------------------------------------------ */

static void assert_same_files(const char *a, const char *b)
{
    size_t n_a, n_b;
    char *const first = read_whole(a, &n_a), *const second = read_whole(b, &n_b);
    assert_int_equal(n_a, n_b);
    assert_memory_equal(first, second, n_a);
    free(first);
    free(second);
}

static void save_as(const rig *r, const char *from, const char *to)
{
    bnt_adapter *const adapter = lora_open(r->model, from);
    bantam_error err = {0};
    if (bnt_adapter_save(adapter, r->model, to, &err)) fail_msg("%s", err.message);
    bnt_adapter_close(adapter);
}

static void what_is_saved_opens_and_saves_to_the_same_bytes(void **state)
{
    (void)state;
    const lora_spec specs[] = {{.seed = 6, .odd_rank = 3, .left_out = 2},
                               {.seed = 7, .alpha = 1.0f / 3.0f},
                               {.seed = 8, .type = BNT_TYPE_F16}};
    rig r;
    tiny_write(in("m.gguf"), &(tiny_spec){.seed = 3});
    rig_open(&r, in("m.gguf"), (rig_options){0});
    for (size_t i = 0; i < 3; i++) {
        lora_write_gguf(in("a.gguf"), &specs[i]);
        save_as(&r, in("a.gguf"), in("b.gguf"));
        save_as(&r, in("b.gguf"), in("c.gguf"));
        assert_same_files(in("b.gguf"), in("c.gguf"));
        save_as(&r, in("a.gguf"), in("p"));
        save_as(&r, in("p"), in("q"));
        assert_same_files(in("p/adapter_config.json"), in("q/adapter_config.json"));
        assert_same_files(in("p/adapter_model.safetensors"), in("q/adapter_model.safetensors"));
        save_as(&r, in("q"), in("d.gguf"));
        assert_same_files(in("b.gguf"), in("d.gguf"));
        float *const before = compute_one(in("m.gguf"), (rig_options){0}, in("a.gguf"));
        float *const after = compute_one(in("m.gguf"), (rig_options){0}, in("q"));
        assert_same_bits(before, after);
        free(before);
        free(after);
    }
    rig_close(&r);
}

/* The words of PEFT's own loader. */
static void a_saved_folder_says_what_peft_looks_for(void **state)
{
    (void)state;
    json_t *config = NULL;
    size_t size;
    rig r;
    tiny_write(in("m.gguf"), &(tiny_spec){.seed = 3});
    lora_write_gguf(in("a.gguf"), &(lora_spec){.odd_rank = 9, .left_out = 0x0C});
    rig_open(&r, in("m.gguf"), (rig_options){0});
    save_as(&r, in("a.gguf"), in("p"));
    rig_close(&r);
    char *const text = read_whole(in("p/adapter_config.json"), &size);
    assert_int_equal(bnt_json_parse(&config, text, size, NULL), BANTAM_OK);
    free(text);
    assert_string_equal(json_string_value(json_object_get(config, "peft_type")), "LORA");
    assert_string_equal(json_string_value(json_object_get(config, "bias")), "none");
    assert_int_equal(json_integer_value(json_object_get(config, "r")), 9);
    assert_true(json_number_value(json_object_get(config, "lora_alpha")) == 6.0);
    const json_t *const ranks = json_object_get(config, "rank_pattern");
    assert_int_equal(json_object_size(ranks), LORA_LAYERS * 5 - 1);
    assert_int_equal(
        json_integer_value(json_object_get(ranks, "model.layers.0.self_attn.q_proj")), 4);
    const json_t *const targets = json_object_get(config, "target_modules");
    static const char *const expected[] = {"q_proj", "k_proj", "gate_proj", "up_proj",
                                           "down_proj"};
    assert_int_equal(json_array_size(targets), 5);
    for (size_t i = 0; i < 5; i++) {
        assert_string_equal(json_string_value(json_array_get(targets, i)), expected[i]);
    }
    json_decref(config);
}

static void nothing_is_saved_where_nothing_can_be(void **state)
{
    (void)state;
    bantam_error err = {0};
    rig r;
    tiny_write(in("m.gguf"), &(tiny_spec){.seed = 3});
    lora_write_gguf(in("a.gguf"), &(lora_spec){0});
    rig_open(&r, in("m.gguf"), (rig_options){0});
    bnt_adapter *const adapter = lora_open(r.model, in("a.gguf"));
    assert_int_equal(bnt_adapter_save(adapter, r.model, in("no/b.gguf"), &err), BANTAM_ERR_IO);
    assert_int_equal(bnt_adapter_save(adapter, r.model, in("no/b"), &err), BANTAM_ERR_IO);
    assert_int_equal(bnt_adapter_save(adapter, r.model, in("a.gguf/b"), &err), BANTAM_ERR_IO);
    bnt_adapter_close(adapter);
    rig_close(&r);
}

/* ---- merging ----------------------------------------------------------------------------- */

static void merging_keeps_floats_and_makes_halves_of_blocks(void **state)
{
    (void)state;
    const bantam_quantize_options o = {.struct_size = sizeof o, .type = "Q8_0", .threads = 1};
    const struct {
        const char *model, *type, *expected;
    } cases[] = {{"m.gguf", NULL, "F32"},   {"f16.gguf", NULL, "F16"},
                 {"q8.gguf", NULL, "F16"},  {"m.gguf", "BF16", "BF16"},
                 {"q8.gguf", "F32", "F32"}, {"m.gguf", "Q8_0", "Q8_0"}};
    const char *const path = path_a;
    tiny_write(in("m.gguf"), &(tiny_spec){.n_embd = 64, .n_ffn = 96});
    tiny_write(in("f16.gguf"), &(tiny_spec){.n_embd = 64, .n_ffn = 96, .f16_matrices = true});
    assert_int_equal(bnt_quantize(in("m.gguf"), in("q8.gguf"), &o, NULL), BANTAM_OK);
    lora_write_gguf(path, &(lora_spec){.n_embd = 64, .n_ffn = 96});
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bnt_archive *a = NULL;
        merge(in(cases[i].model), in("out.gguf"), cases[i].type, &path, NULL, 1);
        assert_int_equal(bnt_archive_open(&a, in("out.gguf"), NULL), BANTAM_OK);
        for (size_t t = 0; t < bnt_archive_n_tensors(a); t++) {
            const bnt_tensor *const tensor = bnt_archive_tensor_at(a, t);
            assert_string_equal(tensor->type->name,
                                tensor->n_dims > 1 ? cases[i].expected : "F32");
        }
        bnt_archive_close(a);
    }
}

static void a_merge_that_cannot_be_is_refused_and_leaves_no_file(void **state)
{
    (void)state;
    const char *const path = path_a, *const gone = "/nowhere/gone.gguf";
    const float scales[] = {NAN}, strong[] = {1e30f};
    const struct {
        bantam_merge_options o;
        bantam_status expected;
    } cases[] = {
        {{.adapters = &path, .n_adapters = 0}, BANTAM_ERR_INVALID},
        {{.adapters = &path, .n_adapters = 9}, BANTAM_ERR_INVALID},
        {{.adapters = NULL, .n_adapters = 1}, BANTAM_ERR_INVALID},
        {{.adapters = &gone, .n_adapters = 1}, BANTAM_ERR_IO},
        {{.adapters = &path, .n_adapters = 1, .scales = scales}, BANTAM_ERR_INVALID},
        {{.adapters = &path, .n_adapters = 1, .type = "Q2_K"}, BANTAM_ERR_INVALID},
        {{.adapters = &path, .n_adapters = 1, .scales = strong, .type = "F16"},
         BANTAM_ERR_UNSUPPORTED},
    };
    tiny_write(in("m.gguf"), &(tiny_spec){0});
    lora_write_gguf(path, &(lora_spec){0});
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bantam_merge_options o = cases[i].o;
        bantam_error err = {0};
        o.struct_size = sizeof o;
        const int64_t live = bnt_mem_live();
        const bantam_status status = bnt_merge_adapters(in("m.gguf"), in("out.gguf"), &o, &err);
        if (status != cases[i].expected) fail_msg("case %zu: %s", i, err.message);
        assert_int_equal(bnt_mem_live(), live);
        assert_int_not_equal(access(in("out.gguf"), F_OK), 0);
    }
    const bantam_merge_options same = {
        .struct_size = sizeof same, .adapters = &path, .n_adapters = 1};
    assert_int_equal(bnt_merge_adapters(in("m.gguf"), in("m.gguf"), &same, NULL),
                     BANTAM_ERR_INVALID);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(merged_weights_are_the_sum_that_the_factors_say),
        CASE(a_pass_with_adapters_computes_what_the_merged_model_does),
        CASE(every_matrix_is_corrected_where_it_stands),
        CASE(two_adapters_are_one_with_the_ranks_of_both),
        CASE(threads_and_batches_change_no_bit),
        CASE(four_bit_weights_are_corrected_as_their_floats_are),
        CASE(halves_are_read_as_they_are_and_give_the_bits_of_floats),
        CASE(both_forms_of_a_file_give_the_same_bits),
        CASE(one_adapter_does_the_same_to_a_file_and_to_its_folder),
        CASE(a_pass_with_adapters_needs_no_more_than_it_says),
        CASE(models_with_other_adapters_have_other_identities),
        CASE(what_is_saved_opens_and_saves_to_the_same_bytes),
        CASE(a_saved_folder_says_what_peft_looks_for),
        CASE(nothing_is_saved_where_nothing_can_be),
        CASE(merging_keeps_floats_and_makes_halves_of_blocks),
        CASE(a_merge_that_cannot_be_is_refused_and_leaves_no_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
