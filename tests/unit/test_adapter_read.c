/* Tests of model/adapter_read.c: what both forms of adapter files come to, and files that are
 * broken, meant for something else, or more than an adapter. */
#include "adapter_rig.h"
#include "cpu_time.h"

#include <math.h>

static temp_folder folder;
static rig model;

static int open_model(void **state)
{
    (void)state;
    temp_make(&folder);
    tiny_write(temp_path(&folder, "m.gguf"), &(tiny_spec){.seed = 3});
    rig_open(&model, temp_path(&folder, "m.gguf"), (rig_options){0});
    return 0;
}

static int close_model(void **state)
{
    (void)state;
    rig_close(&model);
    temp_remove(&folder);
    return 0;
}

static const char *in(const char *name)
{
    return temp_path(&folder, name);
}

/* Opening must fail so, quickly, with the file named first, and leave nothing behind. */
static void refuse(const char *name, bantam_status expected, const char *text)
{
    bnt_adapter *adapter = NULL;
    bantam_error err = {0};
    const int64_t live = bnt_mem_live();
    const double start = cpu_seconds();
    const bantam_status status = bnt_adapter_open(&adapter, model.model, in(name), &err);

    assert_null(adapter);
    if (status != expected || !strstr(err.message, text) ||
        strncmp(err.message, in(name), strlen(in(name))) != 0) {
        fail_msg("expected %d with \"%s: ... %s\", found %d with \"%s\"", (int)expected,
                 in(name), text, (int)status, err.message);
    }
    assert_int_equal(bnt_mem_live(), live);
    assert_true(cpu_spent_at_most(1.0, start));
}

/* ---- what they come to ------------------------------------------------------------------- */

/* A number that a pass reads. */
static float read_at(const bnt_adapter *adapter, const uint8_t *values, size_t at)
{
    uint16_t half = 0;
    float value = 0.0f;
    if (adapter->halves) {
        memcpy(&half, values + sizeof half * at, sizeof half);
        return bnt_f16_to_f32(half);
    }
    memcpy(&value, values + sizeof value * at, sizeof value);
    return value;
}

/* Factors of every place, times what b was multiplied by. */
static void assert_factors(const bnt_adapter *adapter, const lora_spec *given, double factor)
{
    const lora_spec s = lora_defaults(given);
    for (uint32_t i = 0; i < LORA_LAYERS * LORA_PLACES; i++) {
        const uint32_t layer = i / LORA_PLACES, place = i % LORA_PLACES;
        const bnt_lora *const lora = &adapter->layers[layer][place];
        const uint32_t rank = lora_rank(&s, layer, place);
        uint32_t rows, columns;
        lora_shape(&s, place, &rows, &columns);
        assert_int_equal(lora->rank, s.left_out & 1u << place ? 0 : rank);
        if (!lora->rank) continue;
        for (uint32_t k = 0; k < rank; k++) {
            for (uint32_t c = 0; c < columns; c++) {
                assert_true(lora->a[k * columns + c] == lora_value(&s, layer, place, 0, k, c));
                assert_true(read_at(adapter, lora->read_a, k * columns + c) ==
                            lora->a[k * columns + c]);
            }
            for (uint32_t r = 0; r < rows; r++) {
                const float b = lora->b[r * rank + k];
                const double expected = factor * (double)lora_value(&s, layer, place, 1, r, k);
                assert_true(fabs((double)b - expected) <= 1e-6 * fabs(expected));
                assert_true(read_at(adapter, lora->strips, bnt_strip_at(rank, r, k)) == b);
            }
        }
    }
}

static void factors_of_every_type_are_read(void **state)
{
    (void)state;
    static const uint32_t types[] = {BNT_TYPE_F32, BNT_TYPE_F16, BNT_TYPE_BF16};
    for (size_t i = 0; i < 3; i++) {
        const lora_spec s = {.type = types[i], .seed = i, .size = 0.5f, .left_out = 0x22};
        lora_write_gguf(in("a.gguf"), &s);
        lora_write_peft(&folder, "p", &s, NULL, NULL);
        for (int peft = 0; peft < 2; peft++) {
            bnt_adapter *const a = lora_open(model.model, in(peft ? "p" : "a.gguf"));
            assert_factors(a, &s, 1.0);
            assert_true(a->alpha == 6.0f);
            assert_true(a->halves);
            assert_int_equal(a->max_rank, 4);
            assert_int_equal(bnt_adapter_n_matrices(a), 2 * 5);
            assert_int_equal(a->n_params, 2 * 4 * (64 + 48 + 64 + 80 + 80));
            bnt_adapter_close(a);
        }
    }
}

/* llama.cpp leaves what is no whole number of blocks in another type. */
static void eight_bit_factors_are_read(void **state)
{
    (void)state;
    const lora_spec s = lora_defaults(&(lora_spec){.rank = 32, .type = BNT_TYPE_Q8_0});
    gguf_builder g;
    lora_gguf_begin(&g, s.alpha);
    lora_gguf_pair(&g, &s, 1, 3);
    lora_gguf_end(&g, in("a.gguf"));
    bnt_adapter *const a = lora_open(model.model, in("a.gguf"));
    const bnt_lora *const lora = &a->layers[1][BNT_PLACE_O];
    assert_int_equal(lora->rank, 32);
    assert_int_equal(a->layers[0][BNT_PLACE_O].rank, 0);
    for (uint32_t k = 0; k < 32; k++) {
        for (uint32_t c = 0; c < 32; c++) {
            const double off_a =
                (double)lora->a[k * 32 + c] - (double)lora_value(&s, 1, 3, 0, k, c);
            const double off_b =
                (double)lora->b[c * 32 + k] - (double)lora_value(&s, 1, 3, 1, c, k);
            assert_true(fabs(off_a) < 0.002 && fabs(off_b) < 0.002);
        }
    }
    bnt_adapter_close(a);
}

/* alpha / rank, alpha / sqrt(rank), and what patterns say of single modules. */
static void every_statement_of_strength_is_heeded(void **state)
{
    (void)state;
    const lora_spec s = {.odd_rank = 8};
    static const char ranks[] = "\"rank_pattern\":{\"layers.1.mlp.up_proj\":8}";
    static const char stable[] =
        "\"use_rslora\":true,\"rank_pattern\":{\"^model.layers.1.mlp.up_proj\":8}";
    static const char alphas[] = "\"rank_pattern\":{\"layers.1.mlp.up_proj\":8},"
                                 "\"alpha_pattern\":{\"k_proj\":3,\"proj\":99,"
                                 "\"1.mlp.down_proj\":12,\"mlp.down_proj\":18}";
    const struct {
        const char *more;
        double q, k, up, down0, down1; /* strengths; up of layer 1 */
    } cases[] = {
        {ranks, 6.0 / 4, 6.0 / 4, 6.0 / 8, 6.0 / 4, 6.0 / 4},
        {stable, 6.0 / 2, 6.0 / 2, 6.0 / sqrt(8.0), 6.0 / 2, 6.0 / 2},
        {alphas, 6.0 / 4, 3.0 / 4, 6.0 / 8, 18.0 / 4, 12.0 / 4},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        lora_write_peft(&folder, "p", &s, cases[i].more, NULL);
        bnt_adapter *const a = lora_open(model.model, in("p"));
        const lora_spec d = lora_defaults(&s);
        const struct {
            uint32_t layer, place, rank;
            double strength;
        } found[] = {{0, 0, 4, cases[i].q},
                     {1, 1, 4, cases[i].k},
                     {1, 5, 8, cases[i].up},
                     {0, 6, 4, cases[i].down0},
                     {1, 6, 4, cases[i].down1}};
        for (size_t f = 0; f < 5; f++) {
            const bnt_lora *const lora = &a->layers[found[f].layer][found[f].place];
            const double b = (double)lora_value(&d, found[f].layer, found[f].place, 1, 3, 1) *
                             found[f].strength;
            assert_int_equal(lora->rank, found[f].rank);
            const double got =
                (double)lora->b[3 * lora->rank + 1] * (double)a->alpha / (double)lora->rank;
            assert_true(b != 0.0 && fabs(got - b) < 1e-6 * fabs(b));
        }
        bnt_adapter_close(a);
    }
}

/* As llama.cpp has it: without an alpha every strength is 1. */
static void a_file_without_alpha_has_strength_one(void **state)
{
    (void)state;
    const lora_spec s = lora_defaults(&(lora_spec){.odd_rank = 8});
    for (int absent = 0; absent < 2; absent++) {
        gguf_builder g;
        gb_init(&g);
        gb_put_text(&g, "general.architecture", "llama");
        gb_put_text(&g, "general.type", "adapter");
        gb_put_text(&g, "adapter.type", "lora");
        if (!absent) gb_put_f32(&g, "adapter.lora.alpha", 0.0f);
        lora_gguf_pair(&g, &s, 0, 0);
        lora_gguf_pair(&g, &s, 1, 5);
        lora_gguf_end(&g, in("a.gguf"));
        bnt_adapter *const a = lora_open(model.model, in("a.gguf"));
        const bnt_lora *const q = &a->layers[0][0], *const up = &a->layers[1][5];
        const double strength_q = (double)a->alpha / q->rank;
        const double strength_up = (double)a->alpha / up->rank;
        assert_true(fabs(strength_q * (double)q->b[5] - (double)lora_value(&s, 0, 0, 1, 1, 1)) <
                    1e-6);
        assert_true(fabs(strength_up * (double)up->b[9] -
                         (double)lora_value(&s, 1, 5, 1, 1, 1)) < 1e-6);
        bnt_adapter_close(a);
    }
}

static void harmless_members_are_passed_over(void **state)
{
    (void)state;
    lora_write_peft(&folder, "p", &(lora_spec){0},
                    "\"target_modules\":[\"q_proj\"],\"task_type\":\"CAUSAL_LM\",\"use_dora\":"
                    "false,\"modules_to_save\":null,\"init_lora_weights\":\"gaussian\","
                    "\"layers_to_transform\":null,\"megatron_config\":null,\"lora_dropout\":"
                    "0.05,\"alpha_pattern\":{},\"target_parameters\":[]",
                    NULL);
    bnt_adapter *const a = lora_open(model.model, in("p"));
    assert_factors(a, &(lora_spec){0}, 1.0);
    assert_false(a->halves); /* whose factors are tenths */
    bnt_adapter_close(a);
}

/* ---- GGUF files that are refused --------------------------------------------------------- */

/* A sound file but for its metadata; a NULL is left out. */
static void write_settings(const char *arch, const char *type, const char *adapter, float alpha)
{
    const lora_spec s = lora_defaults(&(lora_spec){0});
    gguf_builder g;
    gb_init(&g);
    if (arch) gb_put_text(&g, "general.architecture", arch);
    if (type) gb_put_text(&g, "general.type", type);
    if (adapter) gb_put_text(&g, "adapter.type", adapter);
    gb_put_f32(&g, "adapter.lora.alpha", alpha);
    lora_gguf_pair(&g, &s, 0, 0);
    lora_gguf_end(&g, in("a.gguf"));
}

static void settings_of_something_else_are_refused(void **state)
{
    (void)state;
    write_settings("qwen2", "adapter", "lora", 1.0f);
    refuse("a.gguf", BANTAM_ERR_FORMAT, "general.architecture: expected llama, found qwen2");
    write_settings(NULL, "adapter", "lora", 1.0f);
    refuse("a.gguf", BANTAM_ERR_FORMAT, "general.architecture: expected llama, found nothing");
    write_settings("llama", "model", "lora", 1.0f);
    refuse("a.gguf", BANTAM_ERR_FORMAT, "general.type: expected adapter, found model");
    write_settings("llama", "adapter", "control_vector", 1.0f);
    refuse("a.gguf", BANTAM_ERR_FORMAT, "adapter.type: expected lora");
    write_settings("llama", "adapter", "lora", NAN);
    refuse("a.gguf", BANTAM_ERR_FORMAT, "adapter.lora.alpha: expected a finite number");
    write_settings("llama", "adapter", "lora", -INFINITY);
    refuse("a.gguf", BANTAM_ERR_FORMAT, "adapter.lora.alpha: expected a finite number");
    refuse("m.gguf", BANTAM_ERR_FORMAT, "general.type: expected adapter, found nothing");
    refuse("none.gguf", BANTAM_ERR_IO, "");
    temp_write_text(&folder, "text.gguf", "Once upon a time");
    refuse("text.gguf", BANTAM_ERR_FORMAT, "");
}

static void an_adapter_that_waits_for_tokens_is_refused(void **state)
{
    (void)state;
    const uint32_t tokens[] = {1, 2};
    const lora_spec s = lora_defaults(&(lora_spec){0});
    gguf_builder g;
    lora_gguf_begin(&g, 1.0f);
    gb_put_u32s(&g, "adapter.alora.invocation_tokens", tokens, 2);
    lora_gguf_pair(&g, &s, 0, 0);
    lora_gguf_end(&g, in("a.gguf"));
    refuse("a.gguf", BANTAM_ERR_UNSUPPORTED, "aLoRA");
}

/* One pair, its names and shapes as given; dims (columns, rows) of a, then of b. */
static void write_pair(const char *a, const char *b, uint64_t a0, uint64_t a1, uint64_t b0,
                       uint64_t b1)
{
    gguf_builder g;
    lora_gguf_begin(&g, 1.0f);
    if (a) gb_add_f32(&g, a, a0, a1, NULL);
    if (b) gb_add_f32(&g, b, b0, b1, NULL);
    lora_gguf_end(&g, in("a.gguf"));
}

static void shapes_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    static const char a[] = "blk.1.attn_k.weight.lora_a", b[] = "blk.1.attn_k.weight.lora_b";
    const struct {
        uint64_t a0, a1, b0, b1;
        const char *text;
    } cases[] = {
        {33, 4, 4, 16, "attn_k.weight.lora_a: expected shape (4, 32), found (4, 33)"},
        {32, 4, 4, 32, "attn_k.weight.lora_b: expected shape (16, 4), found (32, 4)"},
        {32, 4, 5, 16, "attn_k.weight.lora_b: expected shape (16, 4), found (16, 5)"},
        {4, 32, 16, 4, "lora_a: expected shape (32, 32), found (32, 4)"},
        {1, 1025, 1025, 1, "lora_a: expected a rank of 1 to 1024, found 1025"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        write_pair(a, b, cases[i].a0, cases[i].a1, cases[i].b0, cases[i].b1);
        refuse("a.gguf", BANTAM_ERR_FORMAT, cases[i].text);
    }
    write_pair(a, NULL, 32, 4, 0, 0);
    refuse("a.gguf", BANTAM_ERR_FORMAT, "attn_k.weight.lora_a: its other factor is missing");
    write_pair(NULL, b, 0, 0, 4, 16);
    refuse("a.gguf", BANTAM_ERR_FORMAT, "attn_k.weight.lora_b: its other factor is missing");
    write_pair(NULL, NULL, 0, 0, 0, 0);
    refuse("a.gguf", BANTAM_ERR_FORMAT, "no tensors");
}

/* What the table says, without the data to go with it. */
static void ranks_that_no_file_holds_are_refused(void **state)
{
    (void)state;
    static const uint64_t ranks[] = {0, 1ull << 31, 1ull << 32, 1ull << 63, UINT64_MAX};
    for (size_t i = 0; i < sizeof ranks / sizeof ranks[0]; i++) {
        const uint64_t a[] = {32, ranks[i]}, b[] = {ranks[i], 16};
        gguf_builder g;
        lora_gguf_begin(&g, 1.0f);
        gb_info(&g, "blk.1.attn_k.weight.lora_a", 2, a, 0, 0);
        gb_info(&g, "blk.1.attn_k.weight.lora_b", 2, b, 0, 0);
        gb_add_data(&g, NULL, 64);
        lora_gguf_end(&g, in("a.gguf"));
        refuse("a.gguf", BANTAM_ERR_FORMAT, "");
    }
}

static void tensors_of_something_else_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        bantam_status status;
        const char *text;
    } cases[] = {
        {"blk.2.attn_k.weight.lora_a", BANTAM_ERR_FORMAT, "which has 2 layers"},
        {"blk.1000000000.attn_k.weight.lora_a", BANTAM_ERR_FORMAT, "which has 2 layers"},
        {"blk.01.attn_k.weight.lora_a", BANTAM_ERR_FORMAT, "is no factor"},
        {"blk.0.ffn_gate_exps.weight.lora_a", BANTAM_ERR_FORMAT, "is no factor"},
        {"blk.0.attn_k.weight.lora_c", BANTAM_ERR_FORMAT, "is no factor"},
        {"blk.0.attn_k.weight", BANTAM_ERR_FORMAT, "is no factor"},
        {"token_embd.weight.lora_a", BANTAM_ERR_UNSUPPORTED, "a corrected embedding"},
        {"output.weight.lora_b", BANTAM_ERR_UNSUPPORTED, "a corrected head"},
        {"blk.0.attn_norm.weight", BANTAM_ERR_UNSUPPORTED, "a replaced norm"},
        {"blk.0.attn_k.bias.lora_a", BANTAM_ERR_UNSUPPORTED, "a bias"},
    };
    const lora_spec s = lora_defaults(&(lora_spec){0});
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        gguf_builder g;
        lora_gguf_begin(&g, 1.0f);
        lora_gguf_pair(&g, &s, 0, 0);
        gb_add_f32(&g, cases[i].name, 32, 4, NULL);
        lora_gguf_end(&g, in("a.gguf"));
        refuse("a.gguf", cases[i].status, cases[i].text);
        refuse("a.gguf", cases[i].status, cases[i].name);
    }
}

static void factors_that_are_no_numbers_are_refused(void **state)
{
    (void)state;
    static const float bad[] = {NAN, INFINITY, -INFINITY};
    for (size_t i = 0; i < 6; i++) {
        float values[2][128] = {{0.0f}};
        values[i % 2][i % 2 ? 60 : 127] = bad[i / 2];
        gguf_builder g;
        lora_gguf_begin(&g, 1.0f);
        gb_add_f32(&g, "blk.1.attn_k.weight.lora_a", 32, 4, values[0]);
        gb_add_f32(&g, "blk.1.attn_k.weight.lora_b", 4, 16, values[1]);
        lora_gguf_end(&g, in("a.gguf"));
        refuse("a.gguf", BANTAM_ERR_FORMAT, "values that are no finite numbers");
        refuse("a.gguf", BANTAM_ERR_FORMAT, i % 2 ? "lora_b" : "lora_a");
    }
}

static void types_without_rows_are_refused(void **state)
{
    (void)state;
    const uint64_t a[] = {32, 16}, b[] = {16, 16};
    gguf_builder g;
    lora_gguf_begin(&g, 1.0f);
    g.alignment = 64;
    gb_put_u32(&g, "general.alignment", 64);
    gb_add_tensor(&g, "blk.1.attn_k.weight.lora_a", BNT_TYPE_B8, 2, a, NULL, 576);
    gb_add_tensor(&g, "blk.1.attn_k.weight.lora_b", 0, 2, b, NULL, 1024);
    lora_gguf_end(&g, in("a.gguf"));
    refuse("a.gguf", BANTAM_ERR_UNSUPPORTED, "type B8 is not supported");
}

static void a_file_cut_anywhere_is_refused(void **state)
{
    (void)state;
    const lora_spec s = lora_defaults(&(lora_spec){.rank = 1});
    size_t size;
    gguf_builder g;
    lora_gguf_begin(&g, 1.0f);
    lora_gguf_pair(&g, &s, 0, 2);
    lora_gguf_end(&g, in("a.gguf"));
    char *const file = read_whole(in("a.gguf"), &size);
    for (size_t n = 0; n < size; n++) {
        bnt_adapter *adapter = NULL;
        temp_write(&folder, "cut.gguf", file, n);
        assert_int_not_equal(bnt_adapter_open(&adapter, model.model, in("cut.gguf"), NULL),
                             BANTAM_OK);
        assert_null(adapter);
    }
    free(file);
}

/* ---- PEFT folders that are refused ------------------------------------------------------- */

static void peft_of_another_kind_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *more;
        bantam_status status;
        const char *text;
    } cases[] = {
        {"\"use_dora\":true", BANTAM_ERR_UNSUPPORTED, "use_dora is not supported"},
        {"\"lora_bias\":true", BANTAM_ERR_UNSUPPORTED, "lora_bias"},
        {"\"fan_in_fan_out\":true", BANTAM_ERR_UNSUPPORTED, "fan_in_fan_out"},
        {"\"use_rslora\":1", BANTAM_ERR_FORMAT, "use_rslora"},
        {"\"modules_to_save\":[\"lm_head\"]", BANTAM_ERR_UNSUPPORTED, "modules_to_save"},
        {"\"layer_replication\":[[0,2]]", BANTAM_ERR_UNSUPPORTED, "layer_replication"},
        {"\"init_lora_weights\":\"pissa_niter_4\"", BANTAM_ERR_UNSUPPORTED,
         "init_lora_weights"},
        {"\"rank_pattern\":[1]", BANTAM_ERR_FORMAT, "rank_pattern: expected an object"},
        {"\"rank_pattern\":{\"q_proj\":3}", BANTAM_ERR_FORMAT, "expected the rank 3"},
        {"\"rank_pattern\":{\".*q_proj\":4}", BANTAM_ERR_UNSUPPORTED, "only plain names"},
        {"\"alpha_pattern\":{\"q_proj\":\"x\"}", BANTAM_ERR_FORMAT, "expected a number"},
        {"\"alpha_pattern\":{\"q_proj\":0}", BANTAM_ERR_FORMAT, "expected a number"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        lora_write_peft(&folder, "p", &(lora_spec){0}, cases[i].more, NULL);
        refuse("p", cases[i].status, cases[i].text);
    }
}

static void peft_settings_that_make_no_sense_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *config;
        bantam_status status;
        const char *text;
    } cases[] = {
        {"{\"peft_type\":\"IA3\",\"r\":4,\"lora_alpha\":6}", BANTAM_ERR_UNSUPPORTED,
         "peft_type: expected LORA, found IA3"},
        {"{\"r\":4,\"lora_alpha\":6}", BANTAM_ERR_FORMAT, "peft_type"},
        {"{\"peft_type\":\"LORA\",\"lora_alpha\":6}", BANTAM_ERR_FORMAT, "r: expected 1 to"},
        {"{\"peft_type\":\"LORA\",\"r\":0,\"lora_alpha\":6}", BANTAM_ERR_FORMAT, "found 0"},
        {"{\"peft_type\":\"LORA\",\"r\":2147483648,\"lora_alpha\":6}", BANTAM_ERR_FORMAT,
         "found 2147483648"},
        {"{\"peft_type\":\"LORA\",\"r\":-4,\"lora_alpha\":6}", BANTAM_ERR_FORMAT, "r"},
        {"{\"peft_type\":\"LORA\",\"r\":8,\"lora_alpha\":6}", BANTAM_ERR_FORMAT,
         "expected the rank 8"},
        {"{\"peft_type\":\"LORA\",\"r\":4}", BANTAM_ERR_FORMAT, "lora_alpha"},
        {"{\"peft_type\":\"LORA\",\"r\":4,\"lora_alpha\":0}", BANTAM_ERR_FORMAT, "lora_alpha"},
        {"{\"peft_type\":\"LORA\",\"r\":4,\"lora_alpha\":1e300}", BANTAM_ERR_FORMAT,
         "lora_alpha"},
        {"{\"peft_type\":\"LORA\",\"r\":4,\"lora_alpha\":3e38,\"use_rslora\":true}",
         BANTAM_ERR_FORMAT, "too large"},
        {"{\"peft_type\":\"LORA\",\"r\":4,\"lora_alpha\":6,\"bias\":\"all\"}",
         BANTAM_ERR_UNSUPPORTED, "bias"},
        {"{\"peft_type\":\"LORA\",\"r\":4,\"lora_alpha\":NaN}", BANTAM_ERR_FORMAT, ""},
        {"[]", BANTAM_ERR_FORMAT, "expected a JSON object"},
        {"", BANTAM_ERR_FORMAT, ""},
    };
    lora_write_peft(&folder, "p", &(lora_spec){0}, NULL, NULL);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        temp_write_text(&folder, "p/adapter_config.json", cases[i].config);
        refuse("p", cases[i].status, cases[i].text);
    }
}

static void peft_tensors_of_something_else_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        bantam_status status;
        const char *text;
    } cases[] = {
        {"base_model.model.model.layers.0.self_attn.q_proj.lora_magnitude_vector",
         BANTAM_ERR_UNSUPPORTED, "DoRA"},
        {"base_model.model.model.embed_tokens.lora_embedding_A", BANTAM_ERR_UNSUPPORTED,
         "a corrected embedding"},
        {"base_model.model.lm_head.lora_A.weight", BANTAM_ERR_UNSUPPORTED, "a corrected head"},
        {"base_model.model.model.layers.2.mlp.up_proj.lora_A.weight", BANTAM_ERR_FORMAT,
         "which has 2 layers"},
        {"base_model.model.model.layers.1000000000.mlp.up_proj.lora_A.weight",
         BANTAM_ERR_FORMAT, "which has 2 layers"},
        {"model.layers.0.mlp.up_proj.lora_A.weight", BANTAM_ERR_FORMAT, "is no factor"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        lora_write_peft(&folder, "p", &(lora_spec){0}, NULL, cases[i].name);
        refuse("p", cases[i].status, cases[i].text);
    }
}

static void a_folder_that_is_no_adapter_is_refused(void **state)
{
    (void)state;
    temp_folder_in(&folder, "empty");
    refuse("empty", BANTAM_ERR_FORMAT, "expected adapter_config.json");
    temp_folder_in(&folder, "half");
    temp_write_text(&folder, "half/adapter_config.json", "{}");
    refuse("half", BANTAM_ERR_FORMAT, "adapter_model.safetensors");
    lora_write_tensors(in("lone.safetensors"),
                       &(lora_spec){.n_embd = 32, .n_ffn = 48, .rank = 1}, NULL);
    bnt_adapter *adapter = NULL;
    bantam_error err = {0};
    assert_int_equal(bnt_adapter_open(&adapter, model.model, in("lone.safetensors"), &err),
                     BANTAM_ERR_IO);
    assert_non_null(strstr(err.message, "adapter_config.json"));
}

/* ---- memory ------------------------------------------------------------------------------ */

static void every_allocation_may_fail(void **state)
{
    (void)state;
    lora_write_gguf(in("a.gguf"), &(lora_spec){0});
    lora_write_peft(&folder, "p", &(lora_spec){0}, NULL, NULL);
    for (int peft = 0; peft < 2; peft++) {
        bnt_adapter *adapter = NULL;
        const int64_t live = bnt_mem_live();
        uint64_t n = 0;
        do {
            bantam_error err = {0};
            bnt_mem_fail_after(n++);
            const bantam_status status =
                bnt_adapter_open(&adapter, model.model, in(peft ? "p" : "a.gguf"), &err);
            bnt_mem_fail_after(UINT64_MAX);
            assert_int_equal(status, adapter ? BANTAM_OK : BANTAM_ERR_NOMEM);
            if (!adapter) assert_int_equal(bnt_mem_live(), live);
        } while (!adapter && n < 300);
        assert_non_null(adapter);
        assert_true(n > 5);
        bnt_adapter_close(adapter);
        assert_int_equal(bnt_mem_live(), live);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(factors_of_every_type_are_read),
        cmocka_unit_test(eight_bit_factors_are_read),
        cmocka_unit_test(every_statement_of_strength_is_heeded),
        cmocka_unit_test(a_file_without_alpha_has_strength_one),
        cmocka_unit_test(harmless_members_are_passed_over),
        cmocka_unit_test(settings_of_something_else_are_refused),
        cmocka_unit_test(an_adapter_that_waits_for_tokens_is_refused),
        cmocka_unit_test(shapes_that_do_not_fit_are_refused),
        cmocka_unit_test(ranks_that_no_file_holds_are_refused),
        cmocka_unit_test(tensors_of_something_else_are_refused),
        cmocka_unit_test(factors_that_are_no_numbers_are_refused),
        cmocka_unit_test(types_without_rows_are_refused),
        cmocka_unit_test(a_file_cut_anywhere_is_refused),
        cmocka_unit_test(peft_of_another_kind_is_refused),
        cmocka_unit_test(peft_settings_that_make_no_sense_are_refused),
        cmocka_unit_test(peft_tensors_of_something_else_are_refused),
        cmocka_unit_test(a_folder_that_is_no_adapter_is_refused),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, open_model, close_model);
}
