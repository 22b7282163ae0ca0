/* test_long_context.c - long texts: the last positions of the contexts that models were made
 * for, against a pass in doubles, and what windowed layers keep of 32,768 positions.
 *
 * Where every layer sees a window of W tokens, the logits of a position depend on the layers *
 * W tokens before it. So positions of a quarter of a million are computed by feeding all of the
 * text, and expected from its last hundred tokens. */
#include "forward_rig.h"
#include "session/kv.h"
#include "session_rig.h"

#include <math.h>

enum { WINDOW = 24, LAYERS = 2, HEADS = 2, HEAD_DIM = 128, EMBD = 32, FFN = 48, VOCAB = 40 };
enum { LAST = 12 }; /* positions that are compared */

typedef struct family {
    const char *arch;
    uint32_t context;
    double base;
    bool yarn; /* as Ministral 3: x16 from 16384, and the query scale; else plain */
} family;

/* ---- a pass in doubles, from the published formulas ----------------------------------------
 */

typedef struct reference {
    const bnt_archive *archive;
    const family *of;
    uint32_t first, n; /* positions first .. first + n - 1 */
} reference;

static const float *weights(const reference *r, uint32_t layer, const char *name)
{
    char full[64];
    if (layer < LAYERS) {
        snprintf(full, sizeof full, "blk.%u.%s.weight", (unsigned)layer, name);
    } else {
        snprintf(full, sizeof full, "%s.weight", name);
    }
    const bnt_tensor *const t = bnt_archive_find(r->archive, full);
    assert_non_null(t);
    return (const float *)(const void *)t->data;
}

static void multiply(double *y, const float *w, const double *x, size_t rows, size_t columns)
{
    for (size_t i = 0; i < rows; i++) {
        y[i] = 0.0;
        for (size_t j = 0; j < columns; j++) {
            y[i] += (double)w[i * columns + j] * x[j];
        }
    }
}

static void rms_norm(double *y, const double *x, const float *w)
{
    double sum = 0.0;
    for (size_t i = 0; i < EMBD; i++) {
        sum += x[i] * x[i];
    }
    for (size_t i = 0; i < EMBD; i++) {
        y[i] = x[i] / sqrt(sum / EMBD + (double)1e-5f) * (double)w[i];
    }
}

/* Radians per position of a pair. The ramp of Ministral 3 lies between the pairs 20 and 37. */
static double frequency(const family *f, size_t pair)
{
    const double own = pow(f->base, -2.0 * (double)pair / HEAD_DIM);
    const double ramp = fmin(fmax(((double)pair - 20.0) / 17.0, 0.0), 1.0);
    return f->yarn ? own * (1.0 - ramp) + own / 16.0 * ramp : own;
}

static void rope(const family *f, double *head, uint32_t pos)
{
    for (size_t i = 0; i < HEAD_DIM / 2; i++) {
        const double angle = (double)pos * frequency(f, i);
        const double a = head[2 * i], b = head[2 * i + 1];
        head[2 * i] = a * cos(angle) - b * sin(angle);
        head[2 * i + 1] = a * sin(angle) + b * cos(angle);
    }
}

/* One query (HEAD_DIM) over the keys and values (n, HEAD_DIM) of its window. */
static void attend(double *out, const double *q, const double *k, const double *v, uint32_t n)
{
    double p[WINDOW], sum = 0.0;
    for (uint32_t t = 0; t < n; t++) {
        double dot = 0.0;
        for (size_t i = 0; i < HEAD_DIM; i++) {
            dot += q[i] * k[t * HEAD_DIM + i];
        }
        p[t] = exp(dot / sqrt((double)HEAD_DIM));
        sum += p[t];
    }
    for (size_t i = 0; i < HEAD_DIM; i++) {
        out[i] = 0.0;
        for (uint32_t t = 0; t < n; t++) {
            out[i] += p[t] / sum * v[t * HEAD_DIM + i];
        }
    }
}

/* Adds to x (EMBD) what attention over the window that ends at row t gives. k, v (n, HEAD_DIM):
 * the one head of keys and values. */
static void attention_row(const reference *r, uint32_t layer, double *x, const double *k,
                          const double *v, uint32_t t)
{
    const uint32_t pos = r->first + t, seen = t + 1 < WINDOW ? t + 1 : WINDOW;
    const size_t from = (size_t)(t + 1 - seen) * HEAD_DIM;
    const double scale =
        r->of->yarn ? 1.0 + 0.1 * log(1.0 + floor((double)pos / 16384.0)) : 1.0;
    double normed[EMBD], q[HEADS * HEAD_DIM], heads[HEADS * HEAD_DIM], y[EMBD];

    rms_norm(normed, x, weights(r, layer, "attn_norm"));
    multiply(q, weights(r, layer, "attn_q"), normed, (size_t)HEADS * HEAD_DIM, EMBD);
    for (size_t h = 0; h < HEADS; h++) {
        rope(r->of, q + h * HEAD_DIM, pos);
        for (size_t i = 0; i < HEAD_DIM; i++) {
            q[h * HEAD_DIM + i] *= scale;
        }
        attend(heads + h * HEAD_DIM, q + h * HEAD_DIM, k + from, v + from, seen);
    }
    multiply(y, weights(r, layer, "attn_output"), heads, EMBD, (size_t)HEADS * HEAD_DIM);
    for (size_t i = 0; i < EMBD; i++) {
        x[i] += y[i];
    }
}

static void ffn_row(const reference *r, uint32_t layer, double *x)
{
    double normed[EMBD], gate[FFN], up[FFN], y[EMBD];
    rms_norm(normed, x, weights(r, layer, "ffn_norm"));
    multiply(gate, weights(r, layer, "ffn_gate"), normed, FFN, EMBD);
    multiply(up, weights(r, layer, "ffn_up"), normed, FFN, EMBD);
    for (size_t i = 0; i < FFN; i++) {
        up[i] *= gate[i] / (1.0 + exp(-gate[i]));
    }
    multiply(y, weights(r, layer, "ffn_down"), up, EMBD, FFN);
    for (size_t i = 0; i < EMBD; i++) {
        x[i] += y[i];
    }
}

static void layer_rows(const reference *r, uint32_t layer, double (*x)[EMBD])
{
    double *const k = calloc((size_t)r->n * HEAD_DIM, sizeof *k);
    double *const v = calloc((size_t)r->n * HEAD_DIM, sizeof *v);
    assert_non_null(k);
    assert_non_null(v);
    for (uint32_t t = 0; t < r->n; t++) {
        double normed[EMBD];
        rms_norm(normed, x[t], weights(r, layer, "attn_norm"));
        multiply(k + (size_t)t * HEAD_DIM, weights(r, layer, "attn_k"), normed, HEAD_DIM, EMBD);
        multiply(v + (size_t)t * HEAD_DIM, weights(r, layer, "attn_v"), normed, HEAD_DIM, EMBD);
        rope(r->of, k + (size_t)t * HEAD_DIM, r->first + t);
    }
    for (uint32_t t = 0; t < r->n; t++) {
        attention_row(r, layer, x[t], k, v, t);
        ffn_row(r, layer, x[t]);
    }
    free(k);
    free(v);
}

/* logits (LAST, VOCAB) of the last positions. */
static void reference_logits(const reference *r, const uint32_t *tokens, double *logits)
{
    double(*const x)[EMBD] = calloc(r->n, sizeof *x);
    assert_non_null(x);
    for (uint32_t t = 0; t < r->n; t++) {
        for (size_t i = 0; i < EMBD; i++) {
            x[t][i] = (double)weights(r, LAYERS, "token_embd")[tokens[t] * EMBD + i];
        }
    }
    for (uint32_t l = 0; l < LAYERS; l++) {
        layer_rows(r, l, x);
    }
    for (uint32_t t = 0; t < LAST; t++) {
        double normed[EMBD];
        rms_norm(normed, x[r->n - LAST + t], weights(r, LAYERS, "output_norm"));
        multiply(logits + (size_t)t * VOCAB, weights(r, LAYERS, "output"), normed, VOCAB, EMBD);
    }
    free(x);
}

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

    const reference ref = {r.archive, f, end - tail, tail};
    reference_logits(&ref, tokens + end - tail, expected);
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
