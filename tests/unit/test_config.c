/* Tests of model/config*.c and arch.c: what GGUF keys and config.json say, in all their
 * layouts, and what is said where they are silent. Hostile values are test_hostile_config.c's.
 */
#include "model/model.h"

#include "tiny_model.h"

#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- reading ----------------------------------------------------------------------------- */

/* Texts of the config are gone with the archive; numbers stay. */
static bantam_status read_path(const char *path, bnt_config *c, bantam_rope rope,
                               bantam_error *err)
{
    bnt_archive *archive = NULL;
    bantam_status status = bnt_archive_open(&archive, path, err);
    if (!status) status = bnt_config_read(c, archive, rope, err);
    bnt_archive_close(archive);
    return status;
}

static bantam_status read_json(const char *json, bnt_config *c, bantam_error *err)
{
    const char *const folder = tiny_path("folder");
    char file[600];
    mkdir(folder, 0700);
    snprintf(file, sizeof file, "%s/config.json", folder);
    write_whole(file, json, strlen(json));
    const bantam_status status = read_path(folder, c, BANTAM_ROPE_DEFAULT, err);
    unlink(file);
    rmdir(folder);
    return status;
}

static bnt_config good_json(const char *json)
{
    bnt_config c;
    bantam_error err = {0};
    if (read_json(json, &c, &err)) fail_msg("%s", err.message);
    return c;
}

static void bad_json(const char *json, bantam_status expected, const char *named)
{
    bnt_config c;
    bantam_error err = {0};
    assert_int_equal(read_json(json, &c, &err), expected);
    if (!strstr(err.message, named)) fail_msg("%s is not in: %s", named, err.message);
}

static bnt_config good_gguf(const tiny_spec *spec)
{
    const char *const path = tiny_path("config.gguf");
    bnt_config c;
    bantam_error err = {0};
    tiny_write(path, spec);
    if (read_path(path, &c, BANTAM_ROPE_DEFAULT, &err)) fail_msg("%s", err.message);
    unlink(path);
    return c;
}

static void bad_gguf(const tiny_spec *spec, bantam_status expected, const char *named)
{
    const char *const path = tiny_path("config.gguf");
    bnt_config c;
    bantam_error err = {0};
    tiny_write(path, spec);
    assert_int_equal(read_path(path, &c, BANTAM_ROPE_DEFAULT, &err), expected);
    if (!strstr(err.message, named)) fail_msg("%s is not in: %s", named, err.message);
    unlink(path);
}

#define LLAMA "\"architectures\":[\"LlamaForCausalLM\"],\"model_type\":\"llama\","
#define SHAPE                                                                                  \
    "\"hidden_size\":64,\"num_hidden_layers\":4,\"num_attention_heads\":4,"                    \
    "\"intermediate_size\":96,\"vocab_size\":100,\"max_position_embeddings\":2048"

/* ---- config.json of the published models ------------------------------------------------- */

static void smollm2_is_read_as_published(void **state)
{
    (void)state;
    const bnt_config c = good_json(
        "{" LLAMA "\"attention_bias\":false,\"bos_token_id\":1,\"eos_token_id\":2,"
        "\"hidden_act\":\"silu\",\"hidden_size\":576,\"initializer_range\":0.041,"
        "\"intermediate_size\":1536,\"is_llama_config\":true,\"max_position_embeddings\":8192,"
        "\"mlp_bias\":false,\"num_attention_heads\":9,\"num_hidden_layers\":30,"
        "\"num_key_value_heads\":3,\"pad_token_id\":2,\"pretraining_tp\":1,"
        "\"rms_norm_eps\":1e-05,\"rope_interleaved\":false,\"rope_scaling\":null,"
        "\"rope_theta\":100000,\"tie_word_embeddings\":true,\"torch_dtype\":\"bfloat16\","
        "\"vocab_size\":49152}");
    assert_int_equal(c.n_layers, 30);
    assert_int_equal(c.n_embd, 576);
    assert_int_equal(c.n_heads, 9);
    assert_int_equal(c.n_kv_heads, 3);
    assert_int_equal(c.head_dim, 64);
    assert_int_equal(c.n_ffn, 1536);
    assert_int_equal(c.n_vocab, 49152);
    assert_int_equal(c.context_tokens, 8192);
    assert_true(c.norm_eps == 1e-5f);
    assert_true(c.tied);
    assert_int_equal(c.act, BNT_ACT_SILU);
    assert_int_equal(c.pairing, BNT_PAIR_HALVES);
    assert_int_equal(c.rope_dims, 64);
    assert_true(c.rope_base == 1e5);
    assert_int_equal(c.scaling, BNT_ROPE_PLAIN);
    assert_int_equal(c.int8_rope, BANTAM_ROPE_FLOAT);
    assert_int_equal(c.window_tokens, 0);
    assert_string_equal(bnt_config_family(&c), "smollm2");
    assert_string_equal(bnt_config_rope_name(&c), "normal");
}

/* SmolLM, the first, has SmolLM2's shape and another base. */
static void a_shape_alone_does_not_make_a_family(void **state)
{
    (void)state;
    const bnt_config c = good_json("{" LLAMA "\"hidden_size\":576,\"num_hidden_layers\":30,"
                                   "\"num_attention_heads\":9,\"intermediate_size\":1536,"
                                   "\"vocab_size\":49152,\"max_position_embeddings\":2048,"
                                   "\"rope_theta\":10000.0}");
    assert_string_equal(bnt_config_family(&c), "llama");
}

static void llama_3_2_is_read_as_published(void **state)
{
    (void)state;
    const bnt_config c = good_json(
        "{" LLAMA "\"head_dim\":64,\"hidden_act\":\"silu\",\"hidden_size\":2048,"
        "\"intermediate_size\":8192,\"max_position_embeddings\":131072,"
        "\"num_attention_heads\":32,\"num_hidden_layers\":16,\"num_key_value_heads\":8,"
        "\"rms_norm_eps\":1e-05,\"rope_scaling\":{\"factor\":32.0,\"high_freq_factor\":4.0,"
        "\"low_freq_factor\":1.0,\"original_max_position_embeddings\":8192,"
        "\"rope_type\":\"llama3\"},\"rope_theta\":500000.0,\"tie_word_embeddings\":true,"
        "\"eos_token_id\":[128001,128008,128009],\"vocab_size\":128256}");
    assert_int_equal(c.scaling, BNT_ROPE_LLAMA3);
    assert_true(c.scale_factor == 32.0);
    assert_true(c.low_freq_factor == 1.0);
    assert_true(c.high_freq_factor == 4.0);
    assert_int_equal(c.original_context_tokens, 8192);
    assert_int_equal(c.context_tokens, 131072);
    assert_string_equal(bnt_config_family(&c), "llama3");
    assert_string_equal(bnt_config_rope_name(&c), "llama3");
}

static void phonelm_has_a_relu_and_eight_bit_rope(void **state)
{
    (void)state;
    const bnt_config c = good_json(
        "{\"architectures\":[\"PhoneLMForCausalLM\"],\"model_type\":\"phonelm\","
        "\"hidden_act\":\"relu\",\"hidden_size\":2560,\"intermediate_size\":6816,"
        "\"max_position_embeddings\":2048,\"num_attention_heads\":16,\"num_hidden_layers\":19,"
        "\"num_key_value_heads\":16,\"rms_norm_eps\":1e-06,\"rope_scaling\":null,"
        "\"rope_theta\":10000.0,\"vocab_size\":49152}");
    assert_int_equal(c.head_dim, 160);
    assert_int_equal(c.act, BNT_ACT_RELU);
    assert_int_equal(c.int8_rope, BANTAM_ROPE_TABLE);
    assert_true(c.norm_eps == 1e-6f);
    assert_string_equal(bnt_config_family(&c), "phonelm");
    assert_string_equal(bnt_config_rope_name(&c), "int8 table");
}

/* As released: one window for all layers, none of them named. The card has full layers too. */
static void ministral_8b_sees_everything_in_every_fourth_layer(void **state)
{
    (void)state;
    static const char *const windows[] = {",\"sliding_window\":32768", ""};
    for (size_t i = 0; i < 2; i++) {
        char json[700];
        snprintf(json, sizeof json,
                 "{\"architectures\":[\"MistralForCausalLM\"],\"model_type\":\"mistral\","
                 "\"head_dim\":128,\"hidden_act\":\"silu\",\"hidden_size\":4096,"
                 "\"intermediate_size\":12288,\"max_position_embeddings\":32768,"
                 "\"num_attention_heads\":32,\"num_hidden_layers\":36,"
                 "\"num_key_value_heads\":8,\"rms_norm_eps\":1e-05,"
                 "\"rope_theta\":100000000.0,\"vocab_size\":131072%s}",
                 windows[i]);
        const bnt_config c = good_json(json);
        assert_int_equal(c.window_tokens, 32768);
        for (uint32_t l = 0; l < 36; l++) {
            assert_int_equal(c.windowed[l], l % 4 != 0);
        }
        assert_string_equal(bnt_config_family(&c), "ministral");
    }
}

static void any_other_mistral_has_its_window_in_every_layer(void **state)
{
    (void)state;
    const bnt_config c =
        good_json("{\"architectures\":[\"MistralForCausalLM\"],"
                  "\"model_type\":\"mistral\",\"sliding_window\":512," SHAPE "}");
    assert_int_equal(c.window_tokens, 512);
    for (uint32_t l = 0; l < 4; l++) {
        assert_true(c.windowed[l]);
    }
    assert_string_equal(bnt_config_family(&c), "mistral");

    const bnt_config none = good_json(
        "{\"architectures\":[\"MistralForCausalLM\"],\"sliding_window\":null," SHAPE "}");
    assert_int_equal(none.window_tokens, 0);
    for (uint32_t l = 0; l < 4; l++) {
        assert_false(none.windowed[l]);
    }
}

static void layer_types_say_which_layers_a_window_holds_for(void **state)
{
    (void)state;
#define TYPES(types)                                                                           \
    "{\"architectures\":[\"MinistralForCausalLM\"],\"sliding_window\":16,"                     \
    "\"layer_types\":" types "," SHAPE "}"
    const bnt_config c =
        good_json(TYPES("[\"full_attention\",\"sliding_attention\",\"sliding_attention\","
                        "\"full_attention\"]"));
    assert_int_equal(c.window_tokens, 16);
    assert_false(c.windowed[0]);
    assert_true(c.windowed[1]);
    assert_true(c.windowed[2]);
    assert_false(c.windowed[3]);
    const bnt_config full = good_json(TYPES("[\"full_attention\",\"full_attention\","
                                            "\"full_attention\",\"full_attention\"]"));
    assert_int_equal(full.window_tokens, 0);

    bad_json(TYPES("[\"full_attention\"]"), BANTAM_ERR_FORMAT, "layer_types");
    bad_json(TYPES("7"), BANTAM_ERR_FORMAT, "layer_types");
    bad_json(TYPES("[\"full_attention\",\"chunked_attention\",\"full_attention\","
                   "\"full_attention\"]"),
             BANTAM_ERR_UNSUPPORTED, "chunked_attention");
    bad_json("{\"architectures\":[\"MinistralForCausalLM\"],\"layer_types\":["
             "\"full_attention\",\"sliding_attention\",\"full_attention\",\"full_attention\"]"
             "," SHAPE "}",
             BANTAM_ERR_FORMAT, "sliding_window");
}

static void ministral_3_is_read_out_of_its_text_config(void **state)
{
    (void)state;
    const bnt_config c = good_json(
        "{\"architectures\":[\"Mistral3ForConditionalGeneration\"],\"model_type\":\"mistral3\","
        "\"image_token_index\":10,\"vision_config\":{\"hidden_size\":1024,"
        "\"num_attention_heads\":16},\"text_config\":{\"model_type\":\"ministral3\","
        "\"hidden_act\":\"silu\",\"head_dim\":128,\"hidden_size\":3072,"
        "\"intermediate_size\":9216,\"max_position_embeddings\":262144,"
        "\"num_attention_heads\":32,\"num_hidden_layers\":26,\"num_key_value_heads\":8,"
        "\"rms_norm_eps\":1e-05,\"rope_parameters\":{\"rope_type\":\"yarn\","
        "\"rope_theta\":1000000.0,\"factor\":16.0,\"original_max_position_embeddings\":16384,"
        "\"beta_fast\":32.0,\"beta_slow\":1.0,\"mscale\":1.0,\"mscale_all_dim\":1.0,"
        "\"llama_4_scaling_beta\":0.1},\"sliding_window\":null,\"tie_word_embeddings\":true,"
        "\"vocab_size\":131072}}");
    assert_int_equal(c.n_embd, 3072);
    assert_int_equal(c.n_heads * c.head_dim, 4096);
    assert_int_equal(c.scaling, BNT_ROPE_YARN);
    assert_true(c.rope_base == 1e6);
    assert_true(c.scale_factor == 16.0);
    assert_true(c.attention_factor == 1.0);
    assert_int_equal(c.original_context_tokens, 16384);
    assert_true(c.query_scale_beta == 0.1);
    assert_int_equal(c.query_scale_original, 16384);
    assert_true(c.tied);
    assert_string_equal(bnt_config_family(&c), "mistral3");
    assert_string_equal(bnt_config_rope_name(&c), "yarn");
}

/* ---- config.json, member by member ------------------------------------------------------- */

static void what_a_config_json_leaves_out_has_its_usual_value(void **state)
{
    (void)state;
    const bnt_config c = good_json("{" LLAMA "\"head_dim\":null," SHAPE "}");
    assert_int_equal(c.n_kv_heads, 4);
    assert_int_equal(c.head_dim, 16);
    assert_true(c.rope_base == 10000.0);
    assert_true(c.norm_eps == 1e-6f);
    assert_int_equal(c.rope_dims, 16);
    assert_true(c.tied); /* without weights there is no head either */
    assert_string_equal(bnt_config_family(&c), "llama");

    const bnt_config wide = good_json("{" LLAMA "\"head_dim\":32," SHAPE "}");
    assert_int_equal(wide.head_dim, 32);
    const bnt_config part = good_json("{" LLAMA "\"partial_rotary_factor\":0.25," SHAPE "}");
    assert_int_equal(part.rope_dims, 4);
    const bnt_config typed = good_json("{\"model_type\":\"llama\"," SHAPE "}");
    assert_int_equal(typed.n_embd, 64);
}

static void missing_members_are_named(void **state)
{
    (void)state;
    static const char *const members[] = {"hidden_size",         "num_hidden_layers",
                                          "num_attention_heads", "intermediate_size",
                                          "vocab_size",          "max_position_embeddings"};
    for (size_t m = 0; m < 6; m++) {
        for (int null = 0; null < 2; null++) {
            char json[512] = "{\"model_type\":\"llama\"";
            for (size_t i = 0; i < 6; i++) {
                char one[64] = "";
                if (i != m) snprintf(one, sizeof one, ",\"%s\":64", members[i]);
                if (i == m && null) snprintf(one, sizeof one, ",\"%s\":null", members[i]);
                strcat(json, one);
            }
            strcat(json, "}");
            bad_json(json, BANTAM_ERR_FORMAT, members[m]);
        }
    }
    bad_json("{" SHAPE "}", BANTAM_ERR_FORMAT, "model_type");
    bad_json("{}", BANTAM_ERR_FORMAT, "model_type");
}

static void unknown_words_are_refused_by_name(void **state)
{
    (void)state;
    bad_json("{\"architectures\":[\"GPT2LMHeadModel\"],\"model_type\":\"gpt2\"," SHAPE "}",
             BANTAM_ERR_UNSUPPORTED, "GPT2LMHeadModel");
    bad_json("{" LLAMA "\"hidden_act\":\"gelu\"," SHAPE "}", BANTAM_ERR_UNSUPPORTED, "gelu");
    bad_json("{" LLAMA "\"rope_interleaved\":true," SHAPE "}", BANTAM_ERR_UNSUPPORTED,
             "rope_interleaved");
    bad_json("{\"model_type\":\"bluelm\",\"use_stable_embedding\":true," SHAPE "}",
             BANTAM_ERR_UNSUPPORTED, "use_stable_embedding");
    static const char *const types[] = {"dynamic", "longrope", "su", "mrope", "LLAMA3"};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        char json[512];
        snprintf(json, sizeof json,
                 "{" LLAMA "\"rope_scaling\":{\"type\":\"%s\",\"factor\":2.0}," SHAPE "}",
                 types[i]);
        bad_json(json, BANTAM_ERR_UNSUPPORTED, types[i]);
    }
}

static void rope_settings_are_found_in_every_layout(void **state)
{
    (void)state;
#define LINEAR "{\"rope_type\":\"linear\",\"factor\":4.0,\"rope_theta\":5000.0}"
    static const char *const layouts[] = {
        "\"rope_theta\":5000.0,\"rope_scaling\":{\"type\":\"linear\",\"factor\":4.0}",
        "\"rope_theta\":5000.0,\"rope_scaling\":{\"rope_type\":\"linear\",\"factor\":4}",
        "\"rope_parameters\":" LINEAR,
        "\"rope_parameters\":{\"full_attention\":" LINEAR ",\"sliding_attention\":" LINEAR "}",
    };
    for (size_t i = 0; i < sizeof layouts / sizeof layouts[0]; i++) {
        char json[700];
        snprintf(json, sizeof json, "{" LLAMA "%s," SHAPE "}", layouts[i]);
        const bnt_config c = good_json(json);
        assert_int_equal(c.scaling, BNT_ROPE_LINEAR);
        assert_true(c.scale_factor == 4.0);
        assert_true(c.rope_base == 5000.0);
    }
    const bnt_config plain =
        good_json("{" LLAMA "\"rope_parameters\":{\"rope_type\":\"default\","
                  "\"rope_theta\":5000.0}," SHAPE "}");
    assert_int_equal(plain.scaling, BNT_ROPE_PLAIN);
    assert_true(plain.rope_base == 5000.0);

    bad_json("{" LLAMA "\"rope_parameters\":{\"full_attention\":" LINEAR
             ",\"sliding_attention\":{\"rope_type\":\"default\"}}," SHAPE "}",
             BANTAM_ERR_UNSUPPORTED, "rope_parameters");
    bad_json("{" LLAMA "\"rope_scaling\":{\"factor\":4.0}," SHAPE "}", BANTAM_ERR_FORMAT,
             "rope_type");
    bad_json("{" LLAMA "\"rope_scaling\":{\"type\":\"linear\"}," SHAPE "}", BANTAM_ERR_FORMAT,
             "factor");
    bad_json("{" LLAMA "\"rope_scaling\":{\"type\":\"llama3\",\"factor\":8.0}," SHAPE "}",
             BANTAM_ERR_FORMAT, "original_max_position_embeddings");
}

static void yarn_magnitude_follows_what_is_stated(void **state)
{
    (void)state;
    static const struct {
        const char *members;
        double expected;
    } all[] = {
        {"", 1.0 + 0.1 * 2.772588722239781}, /* ln 16 */
        {",\"mscale\":1.0,\"mscale_all_dim\":1.0", 1.0},
        {",\"mscale\":0.707,\"mscale_all_dim\":1.0",
         (1.0 + 0.0707 * 2.772588722239781) / (1.0 + 0.1 * 2.772588722239781)},
        {",\"mscale_all_dim\":1.0", 1.0 + 0.1 * 2.772588722239781},
        {",\"mscale\":1.0", 1.0 + 0.1 * 2.772588722239781},
        {",\"attention_factor\":1.5,\"mscale\":1.0,\"mscale_all_dim\":1.0", 1.5},
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        char json[700];
        snprintf(json, sizeof json,
                 "{" LLAMA "\"rope_scaling\":{\"type\":\"yarn\",\"factor\":16.0%s}," SHAPE "}",
                 all[i].members);
        const bnt_config c = good_json(json);
        assert_true(fabs(c.attention_factor - all[i].expected) < 1e-12);
        assert_int_equal(c.original_context_tokens, 2048);
    }
    bad_json("{" LLAMA "\"rope_scaling\":{\"type\":\"yarn\",\"factor\":16.0,"
             "\"truncate\":false}," SHAPE "}",
             BANTAM_ERR_UNSUPPORTED, "truncate");
}

/* ---- GGUF -------------------------------------------------------------------------------- */

static void what_a_gguf_leaves_out_has_its_usual_value(void **state)
{
    (void)state;
    const tiny_pair pairs[] = {tiny_absent("llama.attention.head_count_kv"),
                               tiny_absent("llama.attention.key_length"),
                               tiny_absent("llama.attention.value_length"),
                               {0}};
    const bnt_config c = good_gguf(&(tiny_spec){.pairs = pairs, .n_kv_heads = 4});
    assert_int_equal(c.n_kv_heads, 4);
    assert_int_equal(c.head_dim, 8);
    assert_int_equal(c.rope_dims, 8);
    assert_true(c.rope_base == 10000.0);
    assert_int_equal(c.n_vocab, 40);
    assert_int_equal(c.scaling, BNT_ROPE_PLAIN);
    assert_int_equal(c.pairing, BNT_PAIR_ADJACENT);
    assert_int_equal(c.act, BNT_ACT_SILU);
    assert_true(c.tied);
    assert_int_equal(c.window_tokens, 0);
}

static void missing_keys_are_named(void **state)
{
    (void)state;
    static const char *const keys[] = {"general.architecture",
                                       "llama.block_count",
                                       "llama.embedding_length",
                                       "llama.context_length",
                                       "llama.feed_forward_length",
                                       "llama.attention.head_count",
                                       "llama.attention.layer_norm_rms_epsilon"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        const tiny_pair pairs[] = {tiny_absent(keys[i]), {0}};
        bad_gguf(&(tiny_spec){.pairs = pairs}, BANTAM_ERR_FORMAT, keys[i]);
    }
    bad_gguf(&(tiny_spec){.left_out = "token_embd.weight"}, BANTAM_ERR_FORMAT,
             "token_embd.weight");
}

static void per_layer_numbers_must_be_equal(void **state)
{
    (void)state;
    const uint32_t same[] = {2, 2};
    const uint32_t other[] = {2, 4};
    const tiny_pair good[] = {tiny_u32s("llama.attention.head_count_kv", same, 2), {0}};
    const tiny_pair bad[] = {tiny_u32s("llama.attention.head_count_kv", other, 2), {0}};
    assert_int_equal(good_gguf(&(tiny_spec){.pairs = good}).n_kv_heads, 2);
    bad_gguf(&(tiny_spec){.pairs = bad}, BANTAM_ERR_UNSUPPORTED, "head_count_kv");
}

static void window_patterns_come_as_lists_and_as_periods(void **state)
{
    (void)state;
    const bool flags[] = {false, true, true, false};
    const tiny_pair list[] = {
        tiny_u32("llama.attention.sliding_window", 16),
        tiny_array("llama.attention.sliding_window_pattern", GB_BOOL, flags, 4, 1),
        {0}};
    const tiny_pair period[] = {tiny_u32("llama.attention.sliding_window", 16),
                                tiny_u32("llama.attention.sliding_window_pattern", 3),
                                {0}};
    const tiny_pair all[] = {tiny_u32("llama.attention.sliding_window", 16), {0}};
    const tiny_pair endless[] = {tiny_u32("llama.attention.sliding_window", UINT32_MAX), {0}};

    const bnt_config a = good_gguf(&(tiny_spec){.pairs = list, .n_layers = 4});
    assert_int_equal(a.window_tokens, 16);
    assert_memory_equal(a.windowed, flags, 4);
    const bnt_config b = good_gguf(&(tiny_spec){.pairs = period, .n_layers = 4});
    for (uint32_t l = 0; l < 4; l++) {
        assert_int_equal(b.windowed[l], l != 2);
    }
    const bnt_config c = good_gguf(&(tiny_spec){.pairs = all, .n_layers = 4});
    for (uint32_t l = 0; l < 4; l++) {
        assert_true(c.windowed[l]);
    }
    const bnt_config d = good_gguf(&(tiny_spec){.pairs = endless});
    assert_int_equal(d.window_tokens, 0);
    assert_false(d.windowed[0]);
}

static void gguf_scaling_is_read_by_type(void **state)
{
    (void)state;
    const tiny_pair linear[] = {tiny_text("llama.rope.scaling.type", "linear"),
                                tiny_f32("llama.rope.scaling.factor", 4.0f),
                                {0}};
    const tiny_pair old[] = {tiny_f32("llama.rope.scale_linear", 4.0f), {0}};
    const tiny_pair none[] = {tiny_text("llama.rope.scaling.type", "none"),
                              tiny_f32("llama.rope.scaling.factor", 4.0f),
                              {0}};
    assert_int_equal(good_gguf(&(tiny_spec){.pairs = linear}).scaling, BNT_ROPE_LINEAR);
    assert_int_equal(good_gguf(&(tiny_spec){.pairs = old}).scaling, BNT_ROPE_LINEAR);
    assert_true(good_gguf(&(tiny_spec){.pairs = old}).scale_factor == 4.0);
    assert_int_equal(good_gguf(&(tiny_spec){.pairs = none}).scaling, BNT_ROPE_PLAIN);

    const tiny_pair longrope[] = {tiny_text("llama.rope.scaling.type", "longrope"), {0}};
    bad_gguf(&(tiny_spec){.pairs = longrope}, BANTAM_ERR_UNSUPPORTED, "longrope");
    bad_gguf(&(tiny_spec){.pairs = linear, .divisors = "rope_freqs.weight"},
             BANTAM_ERR_UNSUPPORTED, "rope_freqs.weight");
    const bnt_config c = good_gguf(&(tiny_spec){.divisors = "rope_freqs.weight"});
    assert_int_equal(c.scaling, BNT_ROPE_LLAMA3);
    assert_string_equal(bnt_config_family(&c), "llama3");
}

static void gguf_yarn_has_its_multiplier_and_query_scale(void **state)
{
    (void)state;
    const tiny_pair with[] = {tiny_text("mistral3.rope.scaling.type", "yarn"),
                              tiny_f32("mistral3.rope.scaling.factor", 16.0f),
                              tiny_u32("mistral3.rope.scaling.original_context_length", 32),
                              tiny_f32("mistral3.rope.scaling.yarn_beta_fast", 24.0f),
                              tiny_f32("mistral3.rope.scaling.yarn_beta_slow", 2.0f),
                              tiny_f32("mistral3.rope.scaling.yarn_log_multiplier", 1.0f),
                              tiny_f32("mistral3.attention.temperature_scale", 0.1f),
                              {0}};
    const bnt_config c = good_gguf(&(tiny_spec){.arch = "mistral3", .pairs = with});
    assert_int_equal(c.scaling, BNT_ROPE_YARN);
    assert_true(fabs(c.attention_factor - 1.0) < 1e-12);
    assert_true(c.beta_fast == 24.0);
    assert_true(c.beta_slow == 2.0);
    assert_int_equal(c.original_context_tokens, 32);
    assert_true(fabs(c.query_scale_beta - 0.1) < 1e-8);
    assert_int_equal(c.query_scale_original, 32);

    /* Without a multiplier the usual magnitude of YaRN applies, times what the file adds. */
    const tiny_pair without[] = {tiny_text("llama.rope.scaling.type", "yarn"),
                                 tiny_f32("llama.rope.scaling.factor", 16.0f),
                                 tiny_f32("llama.rope.scaling.attn_factor", 2.0f),
                                 {0}};
    const bnt_config d = good_gguf(&(tiny_spec){.pairs = without});
    assert_true(fabs(d.attention_factor - 2.0 * (1.0 + 0.1 * log(16.0))) < 1e-12);
    assert_int_equal(d.original_context_tokens, 512);
    assert_true(d.query_scale_beta == 0.0);
}

static void a_phonelm_gguf_follows_its_own_keys(void **state)
{
    (void)state;
    const bnt_config c = good_gguf(&(tiny_spec){.arch = "phonelm"});
    assert_int_equal(c.act, BNT_ACT_RELU);
    assert_int_equal(c.int8_rope, BANTAM_ROPE_TABLE);
    assert_int_equal(c.pairing, BNT_PAIR_ADJACENT);

    const tiny_pair pairs[] = {
        tiny_text("phonelm.activation", "silu"), tiny_bool("phonelm.rope.int8", false), {0}};
    const bnt_config d = good_gguf(&(tiny_spec){.arch = "phonelm", .pairs = pairs});
    assert_int_equal(d.act, BNT_ACT_SILU);
    assert_int_equal(d.int8_rope, BANTAM_ROPE_FLOAT);
    const tiny_pair gelu[] = {tiny_text("phonelm.activation", "gelu"), {0}};
    bad_gguf(&(tiny_spec){.arch = "phonelm", .pairs = gelu}, BANTAM_ERR_UNSUPPORTED, "gelu");
}

static void the_wish_for_a_rope_form_reaches_phonelm_only(void **state)
{
    (void)state;
    static const bantam_rope wishes[] = {BANTAM_ROPE_CALL, BANTAM_ROPE_TABLE,
                                         BANTAM_ROPE_FLOAT};
    static const char *const names[] = {"int8 call", "int8 table", "normal"};
    const char *const path = tiny_path("wish.gguf");
    bnt_config c;
    for (size_t i = 0; i < 3; i++) {
        tiny_write(path, &(tiny_spec){.arch = "phonelm"});
        assert_int_equal(read_path(path, &c, wishes[i], NULL), BANTAM_OK);
        assert_int_equal(c.int8_rope, wishes[i]);
        assert_string_equal(bnt_config_rope_name(&c), names[i]);
        tiny_write(path, &(tiny_spec){0});
        assert_int_equal(read_path(path, &c, wishes[i], NULL), BANTAM_OK);
        assert_int_equal(c.int8_rope, BANTAM_ROPE_FLOAT);
    }
    unlink(path);
}

static void a_failed_read_leaves_an_empty_config(void **state)
{
    (void)state;
    const tiny_pair pairs[] = {tiny_u32("llama.block_count", 0), {0}};
    const char *const path = tiny_path("empty.gguf");
    bnt_config c;
    const bnt_config empty = {0};
    memset(&c, 0xAA, sizeof c);
    tiny_write(path, &(tiny_spec){.pairs = pairs});
    assert_int_equal(read_path(path, &c, BANTAM_ROPE_DEFAULT, NULL), BANTAM_ERR_FORMAT);
    assert_int_equal(c.n_layers, empty.n_layers);
    assert_null(c.arch);
    assert_string_equal(bnt_config_family(&c), "");
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(smollm2_is_read_as_published),
        cmocka_unit_test(a_shape_alone_does_not_make_a_family),
        cmocka_unit_test(llama_3_2_is_read_as_published),
        cmocka_unit_test(phonelm_has_a_relu_and_eight_bit_rope),
        cmocka_unit_test(ministral_8b_sees_everything_in_every_fourth_layer),
        cmocka_unit_test(any_other_mistral_has_its_window_in_every_layer),
        cmocka_unit_test(layer_types_say_which_layers_a_window_holds_for),
        cmocka_unit_test(ministral_3_is_read_out_of_its_text_config),
        cmocka_unit_test(what_a_config_json_leaves_out_has_its_usual_value),
        cmocka_unit_test(missing_members_are_named),
        cmocka_unit_test(unknown_words_are_refused_by_name),
        cmocka_unit_test(rope_settings_are_found_in_every_layout),
        cmocka_unit_test(yarn_magnitude_follows_what_is_stated),
        cmocka_unit_test(what_a_gguf_leaves_out_has_its_usual_value),
        cmocka_unit_test(missing_keys_are_named),
        cmocka_unit_test(per_layer_numbers_must_be_equal),
        cmocka_unit_test(window_patterns_come_as_lists_and_as_periods),
        cmocka_unit_test(gguf_scaling_is_read_by_type),
        cmocka_unit_test(gguf_yarn_has_its_multiplier_and_query_scale),
        cmocka_unit_test(a_phonelm_gguf_follows_its_own_keys),
        cmocka_unit_test(the_wish_for_a_rope_form_reaches_phonelm_only),
        cmocka_unit_test(a_failed_read_leaves_an_empty_config),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
