/* test_long_context.c - long texts: the last positions of the contexts that models were made
 * for, against a pass in doubles, and what windowed layers keep of 32,768 positions.
 *
 * Where every layer sees a window of W tokens, the logits of a position depend on the layers *
 * W tokens before it. So positions of a quarter of a million are computed by feeding all of the
 * text, and expected from its last hundred tokens. */
#include "forward_rig.h"
#include "reference_pass.h"
#include "session/kv.h"
#include "session_rig.h"

enum { WINDOW = 24, LAYERS = 2, HEADS = 2, HEAD_DIM = 128, EMBD = 32, FFN = 48, VOCAB = 40 };
enum { LAST = 12 }; /* positions that are compared */

typedef struct family {
    const char *arch;
    uint32_t context;
    double base;
    bool yarn; /* as Ministral 3: x16 from 16384, and the query scale; else plain */
} family;

/* ---- the last positions of a context -------------------------------------------------------
 */

static void write_family(const char *path, const family *f)
{
    char keys[8][80];
    const char *const names[8] = {"context_length",
                                  "rope.freq_base",
                                  "attention.sliding_window",
                                  "rope.scaling.type",
                                  "rope.scaling.factor",
                                  "rope.scaling.original_context_length",
                                  "rope.scaling.yarn_log_multiplier",
                                  "attention.temperature_scale"};
    for (size_t i = 0; i < 8; i++) {
        snprintf(keys[i], sizeof keys[i], "%s.%s", f->arch, names[i]);
    }
    const tiny_pair pairs[] = {tiny_u32(keys[0], f->context),
                               tiny_f32(keys[1], (float)f->base),
                               tiny_u32(keys[2], WINDOW),
                               f->yarn ? tiny_text(keys[3], "yarn") : (tiny_pair){0},
                               tiny_f32(keys[4], 16.0f),
                               tiny_u32(keys[5], 16384),
                               tiny_f32(keys[6], 1.0f),
                               tiny_f32(keys[7], 0.1f),
                               {0}};
    const tiny_spec spec = {.arch = f->arch,
                            .n_layers = LAYERS,
                            .n_embd = EMBD,
                            .n_heads = HEADS,
                            .n_kv_heads = 1,
                            .head_dim = HEAD_DIM,
                            .n_ffn = FFN,
                            .n_vocab = VOCAB,
                            .untied = true,
                            .seed = f->context,
                            .pairs = pairs};
    tiny_write(path, &spec);
}

/* Feeds text up to position `end` and holds the last logits against the doubles. */
static void check_last_positions(const family *f, uint32_t end)
{
    const char *const path = tiny_path("long.gguf");
    const uint32_t tail = LAYERS * WINDOW + LAST;
    uint32_t *const tokens = calloc(end, sizeof *tokens);
    float found[LAST * VOCAB];
    double expected[LAST * VOCAB];
    rig r;

    assert_non_null(tokens);
    rig_tokens(tokens, end, VOCAB, f->context);
    write_family(path, f);
    rig_open(&r, path, (rig_options){.context = f->context, .threads = 2});
    assert_int_equal(r.model->config.context_tokens, f->context);
    assert_int_equal(r.kv.layers[0].slots, 320); /* window and batch, by 64, of all of these */
    rig_feed(&r, tokens, end - LAST, 0, found, false);
    rig_feed(&r, tokens + end - LAST, LAST, end - LAST, found, true);

    const reference ref = {.archive = r.archive,
                           .n_layers = LAYERS,
                           .n_heads = HEADS,
                           .n_kv_heads = 1,
                           .head_dim = HEAD_DIM,
                           .n_embd = EMBD,
                           .n_ffn = FFN,
                           .n_vocab = VOCAB,
                           .window = WINDOW,
                           .rope_base = f->base,
                           .ministral3 = f->yarn,
                           .first = end - tail,
                           .n = tail};
    reference_logits(&ref, tokens + end - tail, LAST, expected);
    for (size_t i = 0; i < LAST * VOCAB; i++) {
        if (!(fabs((double)found[i] - expected[i]) <= 1e-3)) {
            fail_msg("%s at %u: logit %zu is %.6f, expected %.6f", f->arch, (unsigned)end, i,
                     (double)found[i], expected[i]);
        }
    }
    rig_close(&r);
    unlink(path);
    free(tokens);
}

static void the_last_positions_of_long_contexts_are_exact(void **state)
{
    const family llama = {"llama", 131072, 500000.0, false};
    const family ministral = {"mistral3", 262144, 1000000.0, true};
    (void)state;
    check_last_positions(&ministral, 16384 + LAST / 2); /* the query scale's first step */
    if (getenv("BANTAM_EMULATOR")) return;
    check_last_positions(&llama, 131072);
    check_last_positions(&ministral, 262144);
}

/* ---- windows in a long prompt --------------------------------------------------------------
 */

/* Ministral-8B's pattern, a full layer before three windowed ones, with all numbers smaller but
 * the context. */
static void write_pattern(const char *path, uint32_t context, uint32_t window)
{
    const uint8_t pattern[5] = {0, 1, 1, 1, 0};
    const tiny_pair pairs[] = {
        tiny_u32("llama.context_length", context),
        tiny_f32("llama.rope.freq_base", 1e8f),
        tiny_u32("llama.attention.sliding_window", window),
        tiny_array("llama.attention.sliding_window_pattern", GB_BOOL, pattern, 5, 1),
        {0}};
    const tiny_spec spec = {.n_vocab = LETTERS_N,
                            .n_layers = 5,
                            .n_heads = 2,
                            .n_kv_heads = 1,
                            .head_dim = 16,
                            .untied = true,
                            .seed = 8,
                            .pairs = pairs};
    tiny_write(path, &spec);
}

static void windowed_layers_keep_their_window_of_a_long_prompt(void **state)
{
    const uint32_t n = getenv("BANTAM_EMULATOR") ? 2048 : 32768, window = 512, batch = 256;
    const char *const path = tiny_path("pattern.gguf");
    const bantam_session_options o = {.struct_size = sizeof o,
                                      .context_tokens = n,
                                      .batch_tokens = batch,
                                      .n_threads = 2,
                                      .kv = BANTAM_KV_F16};
    uint32_t *const tokens = calloc(n, sizeof *tokens);
    float *const whole = calloc(LETTERS_N, sizeof *whole);
    bantam_plan_info plan;
    bantam_error err = {0};
    session_rig s;
    rig r;
    (void)state;

    assert_non_null(tokens);
    assert_non_null(whole);
    rig_tokens(tokens, n, LETTERS_N, 5);
    write_pattern(path, n, window);
    session_rig_open(&s, path, BANTAM_ROPE_DEFAULT);
    s.letters = letters_open();
    if (bnt_session_plan(s.model, s.letters, &o, &plan, &err)) fail_msg("%s", err.message);
    /* Two full layers, three of window + batch positions; keys and values of 16 halves each. */
    const uint64_t rows = 2 * (uint64_t)n + 3 * (uint64_t)(window + batch);
    assert_in_range(plan.kv_bytes, rows * 64, rows * 64 + 4096);

    const int64_t before = bnt_mem_live_bytes();
    bnt_session *const session = rig_session(&s, o);
    rig_feed_all(session, tokens, n);
    const uint64_t held = (uint64_t)(bnt_mem_live_bytes() - before);
    assert_in_range(held, plan.kv_bytes, plan.kv_bytes + plan.scratch_bytes + plan.other_bytes);

    /* The same pass with a slot for every position of every layer. */
    const rig_options all = {
        .context = n, .batch = batch, .kv = BANTAM_KV_F16, .threads = 2, .whole = true};
    rig_open(&r, path, all);
    rig_feed(&r, tokens, n, 0, whole, false);
    assert_memory_equal(bnt_session_logits(session), whole, LETTERS_N * sizeof *whole);

    rig_close(&r);
    bnt_session_close(session);
    session_rig_close(&s);
    unlink(path);
    free(whole);
    free(tokens);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_positions_of_long_contexts_are_exact),
        cmocka_unit_test(windowed_layers_keep_their_window_of_a_long_prompt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
