/* test_spinquant.c - the scheme of Llama 3.2's SpinQuant release: matrices of layers in 4 bits
 * by groups of 32, embedding and head in 8, a Hadamard transform before down while it runs, and
 * inputs of matrices rounded to 8 bits. Against a pass in doubles over the same file, with
 * inputs as they are and rounded as the scheme says. */
#include "forward_rig.h"
#include "reference_pass.h"
#include "session_rig.h"

#include <bantam/make.h>

enum {
    TOKENS = 12,
    HEADS = 8,
    KV_HEADS = 2,
    HEAD_DIM = 64,
    EMBD = 512,
    FFN = 1024,
    VOCAB = 40
};

/* One token's values in 8 bits with a zero point (torchao's int8_dyn_act): the range takes 0
 * in, 255 steps cover it. */
static void round_token(double *x, size_t n)
{
    double low = 0.0, high = 0.0;
    for (size_t i = 0; i < n; i++) {
        low = fmin(low, x[i]);
        high = fmax(high, x[i]);
    }
    const double step = fmax((high - low) / 255.0, 1e-12);
    const double zero = fmin(fmax(-128.0 - nearbyint(low / step), -128.0), 127.0);
    for (size_t i = 0; i < n; i++) {
        const double q = fmin(fmax(nearbyint(x[i] / step) + zero, -128.0), 127.0);
        x[i] = (q - zero) * step;
    }
}

/* A model in the scheme, made from floats as a user would. */
static const char *make_model(uint32_t seed)
{
    const tiny_pair pairs[] = {tiny_f32("llama.rope.freq_base", 500000.0f), {0}};
    const tiny_spec spec = {.n_layers = 2,
                            .n_embd = EMBD,
                            .n_heads = HEADS,
                            .n_kv_heads = KV_HEADS,
                            .head_dim = HEAD_DIM,
                            .n_ffn = FFN,
                            .n_vocab = VOCAB,
                            .untied = true,
                            .seed = seed,
                            .pairs = pairs};
    const bantam_rotation rotation = {.struct_size = sizeof rotation, .down = true};
    const bantam_quantize_options o = {.struct_size = sizeof o,
                                       .type = "Q4_0",
                                       .embedding = "Q8_0",
                                       .output = "Q8_0",
                                       .rotation = &rotation};
    const char *const floats = tiny_path("floats.gguf"), *const made = tiny_path("spin.gguf");
    bantam_error err = {0};
    tiny_write(floats, &spec);
    if (bantam_quantize(floats, made, &o, &err)) fail_msg("%s", err.message);
    unlink(floats);
    return made;
}

/* Root of the mean square of a - b. */
static double distance(const double *a, const double *b, size_t n)
{
    double sum = 0.0;
    for (size_t i = 0; i < n; i++) {
        sum += (a[i] - b[i]) * (a[i] - b[i]);
    }
    return sqrt(sum / (double)n);
}

typedef struct distances {
    double floats, ours,
        scheme;  /* from the exact pass: inputs as they are, in blocks, in tokens */
    double size; /* of the exact logits */
} distances;

/* Our logits, of weights that lie as in the file or as sessions have them. */
static void our_logits(const char *path, bool packed, const uint32_t *tokens, double *out)
{
    static float logits[TOKENS * VOCAB];
    rig r;
    rig_open(&r, path, (rig_options){.threads = 2, .packed = packed});
    rig_feed(&r, tokens, TOKENS, 0, logits, true);
    for (size_t i = 0; i < TOKENS * VOCAB; i++) {
        out[i] = (double)logits[i];
    }
    rig_close(&r);
}

static distances measure(uint32_t seed)
{
    static double exact[TOKENS * VOCAB], rounded[TOKENS * VOCAB], floats[TOKENS * VOCAB],
        ours[TOKENS * VOCAB];
    static const double zero[TOKENS * VOCAB];
    const char *const path = make_model(seed);
    const size_t n = TOKENS * VOCAB;
    uint32_t tokens[TOKENS];
    rig r;

    rig_tokens(tokens, TOKENS, VOCAB, seed);
    our_logits(path, false, tokens, floats);
    our_logits(path, true, tokens, ours);
    rig_open(&r, path, (rig_options){.threads = 1});
    assert_int_equal(r.model->config.down_hadamard, FFN);
    assert_string_equal(r.model->layers[0].down.type->name, "Q4_0");
    assert_string_equal(r.model->head.type->name, "Q8_0");
    assert_string_equal(r.model->embed.type->name, "Q8_0");
    reference ref = {.archive = r.archive,
                     .n_layers = 2,
                     .n_heads = HEADS,
                     .n_kv_heads = KV_HEADS,
                     .head_dim = HEAD_DIM,
                     .n_embd = EMBD,
                     .n_ffn = FFN,
                     .n_vocab = VOCAB,
                     .rope_base = 500000.0,
                     .hadamard = FFN,
                     .n = TOKENS};
    reference_logits(&ref, tokens, TOKENS, exact);
    ref.round = round_token;
    reference_logits(&ref, tokens, TOKENS, rounded);
    rig_close(&r);
    unlink(path);
    return (distances){distance(floats, exact, n), distance(ours, exact, n),
                       distance(rounded, exact, n), distance(exact, zero, n)};
}

/* With inputs as they are the file computes what the doubles do. Sessions round inputs by
 * blocks of 256 around zero, the scheme by tokens with a zero point: both are about as far from
 * the model's own logits, chance makes half of the difference. */
static void the_scheme_runs_as_doubles_say(void **state)
{
    const uint32_t n_seeds = getenv("BANTAM_EMULATOR") ? 1 : 4;
    double ours = 0.0, scheme = 0.0;
    (void)state;
    for (uint32_t seed = 1; seed <= n_seeds; seed++) {
        const distances d = measure(seed);
        assert_true(d.floats < 1e-4);
        assert_true(d.ours > 1e-3 && d.ours < 0.15 * d.size);
        ours += d.ours;
        scheme += d.scheme;
    }
    if (!(ours <= 1.5 * scheme)) fail_msg("ours is off by %g, the scheme by %g", ours, scheme);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_scheme_runs_as_doubles_say),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
