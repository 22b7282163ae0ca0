/* Tests of model/forward.c, model.c and identity.c: the same bits whatever the batch and the
 * threads, no allocation, cancellation, a file cut under the pass, and models told apart.
 * Values are held against the goldens elsewhere. */
#include "forward_rig.h"
#include "tiny_model.h"

#include <math.h>
#include <unistd.h>

enum { PROMPT = 150, VOCAB = 40 };

static void prompt_of(uint32_t *tokens, uint32_t n, uint32_t n_vocab)
{
    for (uint32_t i = 0; i < n; i++) {
        tokens[i] = (i * i * 7 + i * 3 + 1) % n_vocab;
    }
}

/* ---- the same bits ----------------------------------------------------------------------- */

/* Logits of every row, once straight through and then again for every way to cut the work. */
static void check_same_bits(const char *path, bantam_rope rope, bantam_kv kv)
{
    static const struct {
        uint32_t batch, threads;
    } runs[] = {{256, 1}, {1, 2}, {7, 3}, {32, 5}, {256, 2}};
    uint32_t tokens[PROMPT];
    float *expected = NULL;
    float *found = NULL;
    size_t bytes = 0;
    for (size_t i = 0; i < sizeof runs / sizeof runs[0]; i++) {
        rig r;
        rig_open(
            &r, path,
            (rig_options){
                .rope = rope, .kv = kv, .batch = runs[i].batch, .threads = runs[i].threads});
        if (!expected) {
            bytes = (size_t)PROMPT * r.model->config.n_vocab * sizeof(float);
            expected = malloc(bytes);
            found = malloc(bytes);
            assert_non_null(expected);
            assert_non_null(found);
            prompt_of(tokens, PROMPT, r.model->config.n_vocab);
        }
        rig_feed(&r, tokens, PROMPT, 0, i == 0 ? expected : found, true);
        if (i > 0) assert_memory_equal(found, expected, bytes);
        rig_close(&r);
    }
    free(expected);
    free(found);
}

static const bantam_kv kvs[] = {BANTAM_KV_F32, BANTAM_KV_F16, BANTAM_KV_Q8, BANTAM_KV_Q4};

static void threads_and_batches_change_no_bit(void **state)
{
    (void)state;
    const char *const path = tiny_path("bits.gguf");
    const tiny_pair window[] = {tiny_u32("llama.attention.sliding_window", 16), {0}};
    const tiny_spec specs[] = {
        {.n_heads = 6, .n_kv_heads = 2, .head_dim = 10},
        {.pairs = window, .n_layers = 3},
        {.arch = "phonelm", .n_embd = 33, .n_ffn = 70},
    };
    for (size_t i = 0; i < sizeof specs / sizeof specs[0]; i++) {
        tiny_write(path, &specs[i]);
        for (size_t k = 0; k < 4; k++) {
            check_same_bits(path, BANTAM_ROPE_CALL, kvs[k]);
        }
    }
    unlink(path);
}

/* Rows longer than a chunk of attention: nothing past the stated scratch is written. */
static void decoded_rows_of_any_matrix_fit_the_stated_scratch(void **state)
{
    (void)state;
    enum { GUARD = 65536, N = 20 };
    const char *const path = tiny_path("rows.gguf");
    const tiny_spec specs[] = {
        {.n_heads = 150, .n_kv_heads = 1, .head_dim = 32},
        {.n_embd = 4800},
        {.n_ffn = 4800},
    };
    for (size_t i = 0; i < sizeof specs / sizeof specs[0]; i++) {
        tiny_spec spec = specs[i];
        spec.n_layers = 1;
        spec.f16_matrices = true;
        tiny_write(path, &spec);
        uint32_t tokens[N];
        float logits[N * VOCAB];
        prompt_of(tokens, N, VOCAB);
        rig r;
        rig_open(&r, path, (rig_options){.batch = N});
        const size_t cost = r.scratch.size;
        bnt_arena_deinit(&r.scratch);
        assert_int_equal(bnt_arena_init(&r.scratch, cost + GUARD, NULL), BANTAM_OK);
        memset(r.scratch.base, 0xA5, cost + GUARD);
        r.scratch.size = cost;
        rig_feed(&r, tokens, N, 0, logits, true);
        for (size_t g = cost; g < cost + GUARD; g++) {
            assert_int_equal(r.scratch.base[g], 0xA5);
        }
        rig_close(&r);
    }
    unlink(path);
}

static void threads_and_batches_change_no_bit_of_any_family(void **state)
{
    (void)state;
    static const char *const models[] = {"smollm2-a/hf",    "llama32-a/model-f16.gguf",
                                         "phonelm-a/hf",    "ministral8b-a/hf",
                                         "ministral3-a/hf", "ministral8b-a/model-f16.gguf"};
    if (!shared_found(6)) skip();
    for (size_t i = 0; i < sizeof models / sizeof models[0]; i++) {
        char name[256];
        snprintf(name, sizeof name, "goldens/lm/%s", models[i]);
        check_same_bits(shared_path(name), BANTAM_ROPE_CALL, kvs[i % 4]);
    }
}

static void the_last_row_alone_has_the_bits_it_has_among_all(void **state)
{
    (void)state;
    const char *const path = tiny_path("last.gguf");
    uint32_t tokens[PROMPT];
    float all[PROMPT * VOCAB];
    float last[VOCAB];
    tiny_write(path, &(tiny_spec){.untied = true});
    prompt_of(tokens, PROMPT, VOCAB);
    rig r;
    rig_open(&r, path, (rig_options){.batch = 64});
    rig_feed(&r, tokens, PROMPT, 0, all, true);
    rig_feed(&r, tokens, PROMPT, 0, last, false);
    assert_memory_equal(last, all + (PROMPT - 1) * VOCAB, sizeof last);
    rig_close(&r);
    unlink(path);
}

/* Two texts, one of them in two strands, and only the last rows wanted: the middle of a strand
 * is where they begin. */
static void texts_in_one_pass_have_the_bits_they_have_alone(void **state)
{
    enum { A = 20, B = 33, ROWS = 9 };
    static const bantam_kv types[2] = {BANTAM_KV_Q8, BANTAM_KV_F32};
    const tiny_pair window[] = {tiny_u32("llama.attention.sliding_window", 16), {0}};
    const tiny_spec spec = {.head_dim = 16, .n_vocab = VOCAB, .pairs = window, .seed = 8};
    const char *const path = tiny_path("strands.gguf");
    uint32_t tokens[A + B];
    float expected[A + B][VOCAB], found[ROWS][VOCAB];
    bantam_error err = {0};
    rig a, b;
    (void)state;
    tiny_write(path, &spec);
    prompt_of(tokens, A + B, VOCAB);
    rig_open(&a, path, (rig_options){.kv = types[0], .threads = 3});
    rig_open(&b, path, (rig_options){.kv = types[1]});
    rig_feed(&a, tokens, A, 0, expected[0], true);
    rig_feed(&b, tokens + A, B, 0, expected[A], true);

    const bnt_strand strands[] = {
        {&b.kv, B - 4, 0, {0, B}}, {&a.kv, A, 0, {0, A}}, {&b.kv, 4, B - 4, {0, B}}};
    uint32_t order[A + B];
    memcpy(order, tokens + A, (B - 4) * sizeof *order);
    memcpy(order + B - 4, tokens, A * sizeof *order);
    memcpy(order + B - 4 + A, tokens + A + B - 4, 4 * sizeof *order);
    if (bnt_forward_strands(&a.forward, order, strands, 3, found[0], ROWS, &err)) {
        fail_msg("%s", err.message);
    }
    assert_memory_equal(found[0], expected[A - 5], 5 * sizeof *found);
    assert_memory_equal(found[5], expected[A + B - 4], 4 * sizeof *found);
    rig_close(&b);
    rig_close(&a);
    unlink(path);
}

static void a_window_wider_than_the_text_changes_nothing(void **state)
{
    (void)state;
    const char *const path = tiny_path("wide.gguf");
    uint32_t tokens[PROMPT];
    float logits[3][PROMPT * VOCAB];
    prompt_of(tokens, PROMPT, VOCAB);
    const uint32_t windows[] = {0, PROMPT, 20};
    for (size_t i = 0; i < 3; i++) {
        const tiny_pair pairs[] = {tiny_u32("llama.attention.sliding_window", windows[i]), {0}};
        tiny_write(path, &(tiny_spec){.pairs = pairs});
        rig r;
        rig_open(&r, path, (rig_options){0});
        rig_feed(&r, tokens, PROMPT, 0, logits[i], true);
        rig_close(&r);
    }
    assert_memory_equal(logits[1], logits[0], sizeof logits[0]);
    assert_memory_equal(logits[2], logits[0], 20 * VOCAB * sizeof(float));
    assert_memory_not_equal(logits[2], logits[0], sizeof logits[0]);
    unlink(path);
}

/* ---- what a pass takes ------------------------------------------------------------------- */

static void a_pass_allocates_nothing_and_gives_its_scratch_back(void **state)
{
    (void)state;
    const char *const path = tiny_path("scratch.gguf");
    uint32_t tokens[32];
    float logits[32 * VOCAB];
    tiny_write(path, &(tiny_spec){0});
    prompt_of(tokens, 32, VOCAB);
    rig r;
    rig_open(&r, path, (rig_options){.batch = 32, .threads = 2});
    assert_int_equal(r.scratch.size, bnt_forward_cost(r.model, 32, 256, 2));
    rig_feed(&r, tokens, 32, 0, logits, true);
    const uint64_t before = bnt_mem_allocations();
    rig_feed(&r, tokens, 32, 32, logits, true);
    rig_feed(&r, tokens, 1, 64, logits, false);
    assert_int_equal(bnt_mem_allocations(), before);
    assert_int_equal(r.scratch.used, 0);

    /* Half of the stated cost does not do. */
    bantam_error err = {0};
    void *const taken = bnt_arena_alloc(&r.scratch, 1, r.scratch.size / 2);
    assert_non_null(taken);
    const size_t mark = bnt_arena_mark(&r.scratch);
    assert_int_equal(
        bnt_forward_run(&r.forward, tokens, 32, 0, (bnt_span){0, 32}, NULL, 0, &err),
        BANTAM_ERR_INVALID);
    assert_int_equal(bnt_arena_mark(&r.scratch), mark);
    rig_close(&r);
    unlink(path);
}

static void no_row_asked_for_needs_no_logits(void **state)
{
    (void)state;
    const char *const path = tiny_path("norow.gguf");
    const uint32_t tokens[] = {1, 2, 3};
    float logits[2][VOCAB];
    tiny_write(path, &(tiny_spec){0});
    rig r;
    rig_open(&r, path, (rig_options){0});
    rig_feed(&r, tokens, 3, 0, logits[0], false);
    assert_int_equal(bnt_forward_run(&r.forward, tokens, 2, 0, (bnt_span){0, 3}, NULL, 0, NULL),
                     BANTAM_OK);
    rig_feed(&r, tokens + 2, 1, 2, logits[1], false);
    assert_memory_equal(logits[0], logits[1], sizeof logits[0]);
    rig_close(&r);
    unlink(path);
}

static void a_cancelled_pass_says_so(void **state)
{
    (void)state;
    const char *const path = tiny_path("cancel.gguf");
    const uint32_t tokens[] = {1, 2, 3};
    float logits[VOCAB];
    atomic_int cancel = 1;
    bantam_error err = {0};
    tiny_write(path, &(tiny_spec){0});
    rig r;
    rig_open(&r, path, (rig_options){0});
    r.forward.cancel = &cancel;
    assert_int_equal(
        bnt_forward_run(&r.forward, tokens, 3, 0, (bnt_span){0, 3}, logits, 1, &err),
        BANTAM_ERR_CANCELLED);
    assert_int_equal(r.scratch.used, 0);
    cancel = 0;
    rig_feed(&r, tokens, 3, 0, logits, false);
    rig_close(&r);
    unlink(path);
}

static void a_file_cut_under_the_pass_is_an_error(void **state)
{
    (void)state;
    const char *const path = tiny_path("cut.gguf");
    const uint32_t tokens[] = {1, 2, 3};
    float logits[VOCAB];
    bantam_error err = {0};
    tiny_write(path, &(tiny_spec){.n_layers = 8, .n_ffn = 200});
    rig r;
    rig_open(&r, path, (rig_options){.threads = 2});
    rig_feed(&r, tokens, 3, 0, logits, false);
    assert_int_equal(truncate(path, 4096), 0);
    assert_int_equal(
        bnt_forward_run(&r.forward, tokens, 3, 0, (bnt_span){0, 3}, logits, 1, &err),
        BANTAM_ERR_IO);
    assert_true(strlen(err.message) > 0);
    rig_close(&r);
    unlink(path);
}

/* ---- models ------------------------------------------------------------------------------ */

static void a_model_counts_its_parameters_and_bytes(void **state)
{
    (void)state;
    const char *const path = tiny_path("count.gguf");
    /* V*h*(tied 1, else 2) + L*(h*H*hd + 2*h*KV*hd + H*hd*h + 3*h*ff + 2*h) + h */
    const uint64_t layers = 2 * (32 * 32 + 2 * 32 * 16 + 32 * 32 + 3 * 32 * 48 + 2 * 32);
    for (int untied = 0; untied < 2; untied++) {
        tiny_write(path, &(tiny_spec){.untied = untied,
                                      .f16_norms = true,
                                      .poisoned = "output_norm.weight",
                                      .poison = 0.75f});
        rig r;
        rig_open(&r, path, (rig_options){0});
        const uint64_t n = 40 * 32 * (1 + (uint64_t)untied) + layers + 32;
        assert_int_equal(r.model->n_params, n);
        assert_int_equal(r.model->weight_bytes, 4 * n - 2 * 5 * 32);
        assert_int_equal(r.model->config.tied, !untied);
        assert_string_equal(bnt_model_type(r.model)->name, "F32");
        assert_true(bnt_model_bytes(r.model) > 5 * 32 * 4);
        for (int i = 0; i < 32; i++) {
            assert_true(r.model->output_norm[i] == 0.75f);
        }
        rig_close(&r);
    }
    unlink(path);
}

static void identity_of(const tiny_spec *spec, bantam_rope rope, uint8_t out[32])
{
    const char *const path = tiny_path("identity.gguf");
    tiny_write(path, spec);
    rig r;
    rig_open(&r, path, (rig_options){.rope = rope, .batch = 1, .context = 1});
    bnt_model_identity(r.model, out);
    rig_close(&r);
    unlink(path);
}

static void models_that_differ_have_other_identities(void **state)
{
    (void)state;
    const tiny_pair base[] = {tiny_f32("llama.rope.freq_base", 50000.0f), {0}};
    const tiny_pair window[] = {tiny_u32("llama.attention.sliding_window", 100), {0}};
    const bool flags[] = {false, true};
    const tiny_pair part[] = {
        tiny_u32("llama.attention.sliding_window", 100),
        tiny_array("llama.attention.sliding_window_pattern", GB_BOOL, flags, 2, 1),
        {0}};
    const tiny_pair eps[] = {tiny_f32("llama.attention.layer_norm_rms_epsilon", 2e-5f), {0}};
    const struct {
        tiny_spec spec;
        bantam_rope rope;
    } all[] = {
        {{0}, BANTAM_ROPE_DEFAULT},
        {{.seed = 1}, BANTAM_ROPE_DEFAULT},
        {{.pairs = base}, BANTAM_ROPE_DEFAULT},
        {{.pairs = window}, BANTAM_ROPE_DEFAULT},
        {{.pairs = part}, BANTAM_ROPE_DEFAULT},
        {{.pairs = eps}, BANTAM_ROPE_DEFAULT},
        {{.untied = true}, BANTAM_ROPE_DEFAULT},
        {{.poisoned = "blk.1.ffn_down.weight", .poison = 0.5f}, BANTAM_ROPE_DEFAULT},
        {{.poisoned = "output_norm.weight", .poison = 0.5f}, BANTAM_ROPE_DEFAULT},
        {{.divisors = "rope_freqs.weight"}, BANTAM_ROPE_DEFAULT},
        {{.arch = "phonelm"}, BANTAM_ROPE_CALL},
        {{.arch = "phonelm"}, BANTAM_ROPE_TABLE},
        {{.arch = "phonelm"}, BANTAM_ROPE_FLOAT},
    };
    enum { N = sizeof all / sizeof all[0] };
    uint8_t ids[N][32];
    for (size_t i = 0; i < N; i++) {
        uint8_t again[32];
        identity_of(&all[i].spec, all[i].rope, ids[i]);
        identity_of(&all[i].spec, all[i].rope, again);
        assert_memory_equal(ids[i], again, 32);
        for (size_t j = 0; j < i; j++) {
            for (size_t at = 0; at < 32; at += 8) { /* each quarter alone tells */
                assert_memory_not_equal(ids[i] + at, ids[j] + at, 8);
            }
        }
    }
}

static void every_failing_allocation_of_open_is_an_error(void **state)
{
    (void)state;
    const char *const path = tiny_path("nomem.gguf");
    tiny_write(path, &(tiny_spec){.divisors = "rope_freqs.weight"});
    bnt_archive *archive = NULL;
    assert_int_equal(bnt_archive_open(&archive, path, NULL), BANTAM_OK);
    const int64_t live = bnt_mem_live();
    bnt_model *model = NULL;
    uint64_t n = 0;
    do {
        bantam_error err = {0};
        bnt_mem_fail_after(n++);
        const bantam_status status = bnt_model_open(&model, archive, BANTAM_ROPE_DEFAULT, &err);
        bnt_mem_fail_after(UINT64_MAX);
        assert_int_equal(status, model ? BANTAM_OK : BANTAM_ERR_NOMEM);
        if (!model) assert_int_equal(bnt_mem_live(), live);
    } while (!model && n < 100);
    assert_true(n >= 5 && n < 100); /* the model, layers, norms, divisors, frequencies */
    bnt_model_close(model);
    assert_int_equal(bnt_mem_live(), live);
    bnt_model_close(NULL);
    bnt_archive_close(archive);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_and_batches_change_no_bit),
        cmocka_unit_test(decoded_rows_of_any_matrix_fit_the_stated_scratch),
        cmocka_unit_test(threads_and_batches_change_no_bit_of_any_family),
        cmocka_unit_test(the_last_row_alone_has_the_bits_it_has_among_all),
        cmocka_unit_test(texts_in_one_pass_have_the_bits_they_have_alone),
        cmocka_unit_test(a_window_wider_than_the_text_changes_nothing),
        cmocka_unit_test(a_pass_allocates_nothing_and_gives_its_scratch_back),
        cmocka_unit_test(no_row_asked_for_needs_no_logits),
        cmocka_unit_test(a_cancelled_pass_says_so),
        cmocka_unit_test(a_file_cut_under_the_pass_is_an_error),
        cmocka_unit_test(a_model_counts_its_parameters_and_bytes),
        cmocka_unit_test(models_that_differ_have_other_identities),
        cmocka_unit_test(every_failing_allocation_of_open_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
