/* test_convert_config.c - a model's numbers written as GGUF metadata and read back are the
 * same numbers, for whatever Hugging Face's layouts can say. */
#include "tiny_model.h"

#include <math.h>
#include <unistd.h>

#include "compress/convert_parts.h"
#include "format/archive.h"
#include "model/arch.h"

static const bantam_text llama = {"LlamaForCausalLM", 16};
static const bantam_text phonelm = {"PhoneLMForCausalLM", 18};

static bnt_config plain(bantam_text class_name)
{
    bnt_config c = {0};
    c.arch = bnt_arch_of_json(class_name, (bantam_text){NULL, 0});
    c.n_layers = 3;
    c.n_embd = 64;
    c.n_heads = 4;
    c.n_kv_heads = 2;
    c.head_dim = 32;
    c.rope_dims = 32;
    c.n_ffn = 96;
    c.n_vocab = 300;
    c.context_tokens = 2048;
    c.original_context_tokens = 2048;
    c.query_scale_original = 2048;
    c.norm_eps = 1e-5f;
    c.act = BNT_ACT_SILU;
    c.rope_base = 10000.0;
    c.scale_factor = 1.0;
    c.beta_fast = 32.0;
    c.beta_slow = 1.0;
    c.attention_factor = 1.0;
    c.int8_rope = BANTAM_ROPE_FLOAT;
    return c;
}

/* Written, with an embedding of zeros, and read. */
static bnt_config round_trip(const bnt_config *c)
{
    static const float zeros[64 * 300] = {0.0f};
    const char *const path = tiny_path("config.gguf");
    const bnt_type *const type = bnt_type_find(BNT_TYPE_F32);
    const uint64_t dims[BNT_MAX_DIMS] = {c->n_embd, c->n_vocab};
    bnt_gguf_writer *w = NULL;
    bnt_archive *archive = NULL;
    bnt_config got;
    bantam_error err = {0};

    if (bnt_gguf_writer_open(&w, path, &err)) fail_msg("%s", err.message);
    bnt_convert_config(w, c, type, (bantam_text){"tiny", 4});
    bnt_gguf_declare(w, (bantam_text){"token_embd.weight", 17}, type, 2, dims);
    bnt_gguf_put_data(w, zeros, sizeof zeros);
    if (bnt_gguf_writer_commit(w, &err)) fail_msg("%s", err.message);
    if (bnt_archive_open(&archive, path, &err)) fail_msg("%s", err.message);
    if (bnt_config_read(&got, archive, BANTAM_ROPE_DEFAULT, &err)) fail_msg("%s", err.message);
    bnt_archive_close(archive);
    unlink(path);
    return got;
}

static void assert_close(double got, double expected)
{
    if (fabs(got - expected) > 1e-6 * fabs(expected)) fail_msg("%g, not %g", got, expected);
}

static void yarn_keeps_any_factor_on_cos_and_sin(void **state)
{
    /* 1; 0.1 ln(16) + 1, which is YaRN's own; ratios of two magnitudes; stated ones. */
    static const double factors[] = {1.0, 1.2772588722239781, 0.93, 1.08, 1.3, 0.5};

    (void)state;
    for (size_t i = 0; i < 2 * sizeof factors / sizeof factors[0]; i++) {
        bnt_config c = plain(llama);
        c.scaling = BNT_ROPE_YARN;
        c.scale_factor = 16.0;
        c.original_context_tokens = 128;
        c.beta_fast = 24.0;
        c.beta_slow = 2.0;
        c.attention_factor = factors[i / 2];
        c.query_scale_beta = i % 2 ? 0.1 : 0.0;
        const bnt_config got = round_trip(&c);
        assert_int_equal(got.scaling, BNT_ROPE_YARN);
        assert_close(got.attention_factor, c.attention_factor);
        assert_close(got.scale_factor, 16.0);
        assert_int_equal(got.original_context_tokens, 128);
        assert_close(got.beta_fast, 24.0);
        assert_close(got.beta_slow, 2.0);
        assert_close(got.query_scale_beta, c.query_scale_beta);
    }
}

static void a_query_scale_keeps_its_context_without_yarn(void **state)
{
    bnt_config c = plain(llama);

    (void)state;
    c.query_scale_beta = 0.25;
    c.original_context_tokens = 32;
    c.query_scale_original = 32;
    const bnt_config got = round_trip(&c);
    assert_int_equal(got.scaling, BNT_ROPE_PLAIN);
    assert_close(got.query_scale_beta, 0.25);
    assert_int_equal(got.query_scale_original, 32);
}

static void gate_and_rotary_table_are_kept_apart(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        bnt_config c = plain(i % 2 ? phonelm : llama);
        c.act = i / 2 ? BNT_ACT_RELU : BNT_ACT_SILU;
        c.int8_rope = i % 2 ? BANTAM_ROPE_TABLE : BANTAM_ROPE_FLOAT;
        const bnt_config got = round_trip(&c);
        assert_int_equal(got.act, c.act);
        assert_int_equal(got.int8_rope, c.int8_rope);
    }
}

static void windows_and_partial_heads_are_kept(void **state)
{
    bnt_config c = plain(llama);

    (void)state;
    c.window_tokens = 40;
    c.windowed[1] = true;
    c.rope_dims = 20;
    c.scaling = BNT_ROPE_LINEAR;
    c.scale_factor = 2.5;
    const bnt_config got = round_trip(&c);
    assert_int_equal(got.window_tokens, 40);
    for (uint32_t l = 0; l < c.n_layers; l++) {
        assert_int_equal(got.windowed[l], l == 1);
    }
    assert_int_equal(got.rope_dims, 20);
    assert_int_equal(got.scaling, BNT_ROPE_LINEAR);
    assert_close(got.scale_factor, 2.5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(yarn_keeps_any_factor_on_cos_and_sin),
        cmocka_unit_test(a_query_scale_keeps_its_context_without_yarn),
        cmocka_unit_test(gate_and_rotary_table_are_kept_apart),
        cmocka_unit_test(windows_and_partial_heads_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
