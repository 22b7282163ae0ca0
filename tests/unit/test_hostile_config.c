/* Hostile models: metadata and config.json with every size and switch at values that no file
 * should have, tensors that do not fit, weights that are no numbers. Each is one clear error,
 * or a model that runs; nothing leaks, nothing crashes. */
#include "forward_rig.h"
#include "tiny_model.h"

#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

/* One line of printable text that does not end in a period. */
static void check_message(const bantam_error *err)
{
    const size_t size = strlen(err->message);
    assert_true(size > 0);
    assert_true(err->message[size - 1] != '.');
    for (size_t i = 0; i < size; i++) {
        assert_true((unsigned char)err->message[i] >= 0x20);
    }
}

static bantam_status open_model(const char *path, bantam_error *err)
{
    bnt_archive *archive = NULL;
    bnt_model *model = NULL;
    bantam_status status = bnt_archive_open(&archive, path, err);
    if (!status) status = bnt_model_open(&model, archive, BANTAM_ROPE_DEFAULT, err);
    assert_int_equal(status == BANTAM_OK, model != NULL);
    bnt_model_close(model);
    bnt_archive_close(archive);
    return status;
}

/* The file is refused as a file, whoever refuses it. */
static void refused(const tiny_spec *spec, const char *what)
{
    const char *const path = tiny_path("hostile.gguf");
    const int64_t live = bnt_mem_live();
    bantam_error err = {0};
    tiny_write(path, spec);
    const bantam_status status = open_model(path, &err);
    if (status != BANTAM_ERR_FORMAT && status != BANTAM_ERR_UNSUPPORTED) {
        fail_msg("%s: status %d, %s", what, (int)status, err.message);
    }
    check_message(&err);
    assert_int_equal(bnt_mem_live(), live);
    unlink(path);
}

static void refused_pair(tiny_pair pair)
{
    const tiny_pair pairs[] = {pair, {0}};
    refused(&(tiny_spec){.pairs = pairs}, pair.key);
}

static void loads(const tiny_spec *spec)
{
    const char *const path = tiny_path("sound.gguf");
    const uint32_t tokens[] = {1, 2, 3};
    float logits[64];
    tiny_write(path, spec);
    rig r;
    rig_open(&r, path, (rig_options){.context = 8, .batch = 4});
    rig_feed(&r, tokens, 3, 0, logits, false);
    for (int i = 0; i < 40; i++) {
        assert_true(isfinite(logits[i]));
    }
    rig_close(&r);
    unlink(path);
}

static void loads_pair(tiny_pair pair)
{
    const tiny_pair pairs[] = {pair, {0}};
    loads(&(tiny_spec){.pairs = pairs});
}

/* The key as an integer that the model does not have, and as every other type. */
static void refuse_types_and(const char *key, const uint32_t *values, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        refused_pair(tiny_u32(key, values[i]));
    }
    refused_pair(tiny_i32(key, -1));
    refused_pair(tiny_u64(key, UINT64_MAX));
    refused_pair(tiny_u64(key, (uint64_t)1 << 32));
    refused_pair(tiny_f32(key, 2.0f));
    refused_pair(tiny_text(key, "2"));
    refused_pair(tiny_bool(key, true));
    const uint32_t three[] = {1, 2, 3};
    refused_pair(tiny_u32s(key, three, 3));
    refused_pair(tiny_u32s(key, three, 0));
}

/* ---- GGUF -------------------------------------------------------------------------------- */

static void architectures_that_are_none(void **state)
{
    (void)state;
    const char *const key = "general.architecture";
    char longest[100];
    memset(longest, 'x', sizeof longest);
    refused_pair(tiny_absent(key));
    refused_pair(tiny_text(key, ""));
    refused_pair(tiny_text(key, "unknown"));
    refused_pair(tiny_text(key, "%n%s%n%s"));
    refused_pair(tiny_text(key, "../../etc/passwd"));
    refused_pair(tiny_text(key, "\x1b[31m\n\r"));
    refused_pair(tiny_text(key, "Llama"));
    refused_pair(tiny_bytes(key, "llama\0", 6));
    refused_pair(tiny_bytes(key, "lla", 3));
    refused_pair(tiny_bytes(key, longest, sizeof longest));
    refused_pair(tiny_u32(key, 1));
    const uint32_t one[] = {1};
    refused_pair(tiny_u32s(key, one, 1));
}

static void numbers_of_layers_that_are_not_the_files(void **state)
{
    (void)state;
    const uint32_t values[] = {0, 1, 3, 513, 1000000000, UINT32_MAX};
    refuse_types_and("llama.block_count", values, 6);
    loads_pair(tiny_u64("llama.block_count", 2));
    loads_pair(tiny_i32("llama.block_count", 2));
}

static void widths_that_are_not_the_files(void **state)
{
    (void)state;
    const uint32_t values[] = {0, 31, 33, 63, 65, 128, 1u << 31, UINT32_MAX};
    refuse_types_and("llama.embedding_length", values, 8);
    refused_pair(tiny_absent("llama.embedding_length"));
}

static void heads_that_are_not_the_files(void **state)
{
    (void)state;
    const uint32_t heads[] = {0, 3, 8, 65, 65537, 1000000000, UINT32_MAX};
    const uint32_t kv[] = {0, 1, 3, 4, 5, 1000000000, UINT32_MAX};
    refuse_types_and("llama.attention.head_count", heads, 7);
    refuse_types_and("llama.attention.head_count_kv", kv, 7);

    const uint32_t zero[] = {2, 0};
    const uint32_t same[] = {2, 2};
    refused_pair(tiny_u32s("llama.attention.head_count_kv", zero, 2));
    refused_pair(tiny_u32s("llama.attention.head_count", zero, 2));
    refused_pair(tiny_u32s("llama.attention.head_count_kv", same, 1));
    loads_pair(tiny_u32s("llama.attention.head_count_kv", same, 2));

    const int32_t negative[] = {-2, -2};
    refused_pair(tiny_array("llama.attention.head_count_kv", GB_I32, negative, 2, 4));
    const float floats[] = {2.0f, 2.0f};
    refused_pair(tiny_array("llama.attention.head_count_kv", GB_F32, floats, 2, 4));
    uint8_t strings[2 * 9];
    for (size_t i = 0; i < 2; i++) {
        const uint64_t one = 1;
        memcpy(strings + 9 * i, &one, 8);
        strings[9 * i + 8] = '2';
    }
    refused_pair(tiny_array("llama.attention.head_count_kv", GB_STRING, strings, 2, 9));
}

static void lengths_that_are_not_the_files(void **state)
{
    (void)state;
    const uint32_t ffn[] = {0, 47, 127, 1u << 31, UINT32_MAX};
    const uint32_t key[] = {0, 7, 16, 1025, 1u << 31, UINT32_MAX};
    const uint32_t value[] = {0, 7, 16, 1u << 31};
    refuse_types_and("llama.feed_forward_length", ffn, 5);
    refuse_types_and("llama.attention.key_length", key, 6);
    refuse_types_and("llama.attention.value_length", value, 4);
    const uint32_t vocab[] = {0, 39, 41, 1u << 23, UINT32_MAX};
    refuse_types_and("llama.vocab_size", vocab, 5);
    loads_pair(tiny_u32("llama.vocab_size", 40));
}

static void ropes_that_turn_nothing_or_too_much(void **state)
{
    (void)state;
    const uint32_t dims[] = {0, 1, 5, 10, 32, UINT32_MAX};
    refuse_types_and("llama.rope.dimension_count", dims, 6);
    loads_pair(tiny_u32("llama.rope.dimension_count", 4));

    const float bases[] = {0.0f, -1.0f, 1.0f, NAN, INFINITY, -INFINITY, 1e38f, 1e-30f};
    for (size_t i = 0; i < sizeof bases / sizeof bases[0]; i++) {
        refused_pair(tiny_f32("llama.rope.freq_base", bases[i]));
    }
    refused_pair(tiny_u32("llama.rope.freq_base", 10000));
    refused_pair(tiny_text("llama.rope.freq_base", "10000"));

    refused_pair(tiny_text("llama.rope.scaling.type", "unknown"));
    refused_pair(tiny_text("llama.rope.scaling.type", ""));
    refused_pair(tiny_u32("llama.rope.scaling.type", 1));
    const float factors[] = {0.0f, -2.0f, NAN, INFINITY, 1e30f, 1e-44f};
    static const char *const types[] = {"linear", "yarn"};
    for (size_t i = 0; i < sizeof factors / sizeof factors[0]; i++) {
        refused_pair(tiny_f32("llama.rope.scaling.factor", factors[i]));
        for (size_t t = 0; t < 2; t++) {
            const tiny_pair pairs[] = {tiny_text("llama.rope.scaling.type", types[t]),
                                       tiny_f32("llama.rope.scaling.factor", factors[i]),
                                       {0}};
            refused(&(tiny_spec){.pairs = pairs}, types[t]);
        }
    }
    const tiny_pair unused[] = {tiny_text("llama.rope.scaling.type", "none"),
                                tiny_f32("llama.rope.scaling.factor", NAN),
                                {0}};
    refused(&(tiny_spec){.pairs = unused}, "a factor that nothing uses");
}

static void yarns_that_do_not_ramp(void **state)
{
    (void)state;
    const tiny_pair bad[] = {
        tiny_f32("llama.rope.scaling.yarn_beta_fast", 0.5f), /* below beta_slow */
        tiny_f32("llama.rope.scaling.yarn_beta_fast", NAN),
        tiny_f32("llama.rope.scaling.yarn_beta_slow", 0.0f),
        tiny_f32("llama.rope.scaling.yarn_beta_slow", -1.0f),
        tiny_f32("llama.rope.scaling.attn_factor", 0.0f),
        tiny_f32("llama.rope.scaling.attn_factor", NAN),
        tiny_f32("llama.rope.scaling.yarn_log_multiplier", INFINITY),
        tiny_f32("llama.rope.scaling.yarn_log_multiplier", NAN),
        tiny_u32("llama.rope.scaling.original_context_length", 0),
        tiny_f32("llama.attention.temperature_scale", -0.1f),
        tiny_f32("llama.attention.temperature_scale", NAN),
        tiny_f32("llama.attention.temperature_scale", INFINITY),
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const tiny_pair pairs[] = {tiny_text("llama.rope.scaling.type", "yarn"),
                                   tiny_f32("llama.rope.scaling.factor", 4.0f),
                                   bad[i],
                                   {0}};
        refused(&(tiny_spec){.pairs = pairs}, bad[i].key);
    }
    /* Original lengths from the least to the greatest make some ramp. */
    const uint32_t lengths[] = {1, 7, UINT32_MAX};
    for (size_t i = 0; i < 3; i++) {
        const tiny_pair pairs[] = {
            tiny_text("llama.rope.scaling.type", "yarn"),
            tiny_f32("llama.rope.scaling.factor", 4.0f),
            tiny_u32("llama.rope.scaling.original_context_length", lengths[i]),
            {0}};
        loads(&(tiny_spec){.pairs = pairs});
    }
}

static void epsilons_and_contexts(void **state)
{
    (void)state;
    const char *const eps = "llama.attention.layer_norm_rms_epsilon";
    const float values[] = {NAN, -1.0f, 0.0f, INFINITY, -INFINITY, 1.0f};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        refused_pair(tiny_f32(eps, values[i]));
    }
    refused_pair(tiny_u32(eps, 0));
    refused_pair(tiny_absent(eps));

    refused_pair(tiny_u32("llama.context_length", 0));
    refused_pair(tiny_i32("llama.context_length", -1));
    refused_pair(tiny_f32("llama.context_length", 512.0f));
    loads_pair(tiny_u32("llama.context_length", UINT32_MAX));
}

static void experts_and_windows(void **state)
{
    (void)state;
    const tiny_pair used[] = {
        tiny_u32("llama.expert_count", 4), tiny_u32("llama.expert_used_count", 8), {0}};
    refused_pair(tiny_u32("llama.expert_count", UINT32_MAX));
    refused_pair(tiny_text("llama.expert_count", "8"));
    refused(&(tiny_spec){.pairs = used}, "expert_used_count");
    loads_pair(tiny_u32("llama.expert_count", 0));

    loads_pair(tiny_u32("llama.attention.sliding_window", UINT32_MAX));
    loads_pair(tiny_u32("llama.attention.sliding_window", 0));
    refused_pair(tiny_i32("llama.attention.sliding_window", -1));
    refused_pair(tiny_text("llama.attention.sliding_window", "16"));
    const bool flags[] = {true, false, true};
    refused_pair(tiny_array("llama.attention.sliding_window_pattern", GB_BOOL, flags, 3, 1));
    refused_pair(tiny_array("llama.attention.sliding_window_pattern", GB_BOOL, flags, 1, 1));
    refused_pair(tiny_u32("llama.attention.sliding_window_pattern", 0));
    refused_pair(tiny_text("llama.attention.sliding_window_pattern", "all"));
    const uint32_t numbers[] = {1, 0};
    refused_pair(tiny_u32s("llama.attention.sliding_window_pattern", numbers, 2));
}

/* ---- tensors ----------------------------------------------------------------------------- */

static void tensors_that_are_missing_or_too_many(void **state)
{
    (void)state;
    static const char *const names[] = {
        "token_embd.weight",     "output_norm.weight",       "blk.0.attn_norm.weight",
        "blk.0.attn_q.weight",   "blk.1.attn_k.weight",      "blk.1.attn_v.weight",
        "blk.0.ffn_norm.weight", "blk.0.attn_output.weight", "blk.1.ffn_gate.weight",
        "blk.0.ffn_up.weight",   "blk.1.ffn_down.weight"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *const path = tiny_path("missing.gguf");
        bantam_error err = {0};
        tiny_write(path, &(tiny_spec){.left_out = names[i]});
        assert_int_equal(open_model(path, &err), BANTAM_ERR_FORMAT);
        assert_non_null(strstr(err.message, names[i]));
        unlink(path);
    }
    refused(&(tiny_spec){.swapped = "blk.0.attn_k.weight"}, "rows for columns");
    refused(&(tiny_spec){.swapped = "token_embd.weight"}, "rows for columns");
    static const char *const extras[] = {"blk.0.attn_q.bias",   "blk.1.ffn_down.bias",
                                         "output_norm.bias",    "blk.2.attn_norm.weight",
                                         "blk.2.ffn_up.weight", "output.weight"};
    for (size_t i = 0; i < sizeof extras / sizeof extras[0]; i++) {
        refused(&(tiny_spec){.extra = extras[i]}, extras[i]);
    }
    /* What this pass would leave out is part of another model. */
    static const char *const strangers[] = {"blk.0.attn_q_norm.weight", "blk.-1.attn_q.weight",
                                            "blk.99999999999.attn_q.weight",
                                            "rope_factors_long.weight", "pooler.weight"};
    for (size_t i = 0; i < sizeof strangers / sizeof strangers[0]; i++) {
        refused(&(tiny_spec){.extra = strangers[i]}, strangers[i]);
    }
    loads(&(tiny_spec){.extra = "v.patch_embd.weight"});
    loads(&(tiny_spec){.divisors = "rope_freqs.weight"});
    refused(&(tiny_spec){.extra = "rope_freqs.weight"}, "divisors of another length");
    refused(&(tiny_spec){.divisors = "rope_freqs.weight",
                         .poisoned = "rope_freqs.weight",
                         .poison = 0.0f},
            "divisors of zero");
}

/* Whatever the weights are, the pass ends and the logits are there to be looked at. */
static void weights_that_are_no_numbers(void **state)
{
    (void)state;
    static const char *const names[] = {"token_embd.weight",      "output_norm.weight",
                                        "blk.0.attn_norm.weight", "blk.0.attn_q.weight",
                                        "blk.0.attn_k.weight",    "blk.1.attn_v.weight",
                                        "blk.1.ffn_gate.weight",  "blk.1.ffn_down.weight"};
    const float poisons[] = {NAN, INFINITY, -INFINITY, 3.4028235e38f, 1e-42f, 0.0f};
    const bantam_kv kvs[] = {BANTAM_KV_F32, BANTAM_KV_F16, BANTAM_KV_Q8, BANTAM_KV_Q4};
    const char *const path = tiny_path("poison.gguf");
    uint32_t tokens[70];
    float logits[40];
    for (uint32_t i = 0; i < 70; i++) {
        tokens[i] = i % 40;
    }
    for (size_t n = 0; n < sizeof names / sizeof names[0]; n++) {
        for (size_t p = 0; p < sizeof poisons / sizeof poisons[0]; p++) {
            tiny_write(path, &(tiny_spec){.poisoned = names[n], .poison = poisons[p]});
            rig r;
            rig_open(&r, path, (rig_options){.kv = kvs[(n + p) % 4]});
            rig_feed(&r, tokens, 70, 0, logits, false);
            rig_feed(&r, tokens, 1, 70, logits, false);
            if (isnan(poisons[p])) assert_true(isnan(logits[0]));
            rig_close(&r);
        }
    }
    unlink(path);
}

/* ---- config.json ------------------------------------------------------------------------- */

static const char *const members[][2] = {
    {"architectures", "[\"LlamaForCausalLM\"]"},
    {"hidden_size", "32"},
    {"num_hidden_layers", "2"},
    {"num_attention_heads", "4"},
    {"num_key_value_heads", "2"},
    {"head_dim", "8"},
    {"intermediate_size", "48"},
    {"vocab_size", "40"},
    {"max_position_embeddings", "512"},
    {"rms_norm_eps", "1e-5"},
    {"rope_theta", "10000.0"},
    {"sliding_window", "16"},
    {"tie_word_embeddings", "true"},
    {"hidden_act", "\"silu\""},
};
enum { N_MEMBERS = sizeof members / sizeof members[0] };

/* config.json with one member's value replaced. */
static bantam_status read_with(const char *name, const char *value, bantam_error *err)
{
    const char *const folder = tiny_path("hostile");
    char file[600];
    char json[2048] = "{\"x\":0";
    for (size_t i = 0; i < N_MEMBERS; i++) {
        const bool replaced = strcmp(members[i][0], name) == 0;
        char one[512];
        snprintf(one, sizeof one, ",\"%s\":%s", members[i][0],
                 replaced ? value : members[i][1]);
        strcat(json, one);
    }
    strcat(json, "}");
    mkdir(folder, 0700);
    snprintf(file, sizeof file, "%s/config.json", folder);
    write_whole(file, json, strlen(json));

    bnt_archive *archive = NULL;
    bnt_config c;
    bantam_status status = bnt_archive_open(&archive, folder, err);
    if (!status) status = bnt_config_read(&c, archive, BANTAM_ROPE_DEFAULT, err);
    bnt_archive_close(archive);
    unlink(file);
    rmdir(folder);
    return status;
}

static void refused_member(const char *name, const char *value)
{
    bantam_error err = {0};
    const int64_t live = bnt_mem_live();
    const bantam_status status = read_with(name, value, &err);
    if (status != BANTAM_ERR_FORMAT && status != BANTAM_ERR_UNSUPPORTED) {
        fail_msg("%s: %s: status %d", name, value, (int)status);
    }
    check_message(&err);
    assert_int_equal(bnt_mem_live(), live);
}

static void sizes_in_config_json(void **state)
{
    (void)state;
    static const char *const values[] = {
        "-1",   "0.5", "32.0", "\"32\"",     "9223372036854775808",
        "true", "[]",  "{}",   "4294967296", "1e30"};
    bantam_error err = {0};
    if (read_with("none", "", &err)) fail_msg("%s", err.message);
    for (size_t m = 1; m <= 8; m++) { /* hidden_size to max_position_embeddings */
        refused_member(members[m][0], "0");
        for (size_t v = 0; v < sizeof values / sizeof values[0]; v++) {
            refused_member(members[m][0], values[v]);
        }
    }
    refused_member("num_key_value_heads", "3");
    refused_member("num_key_value_heads", "8");
    refused_member("head_dim", "7");
    refused_member("head_dim", "2000");
    refused_member("num_hidden_layers", "513");
    refused_member("num_hidden_layers", "1000000000");
    refused_member("vocab_size", "4294967295");
    refused_member("hidden_size", "4294967295");
    refused_member("intermediate_size", "4294967295");
    refused_member("num_attention_heads", "65537");
    assert_int_equal(read_with("max_position_embeddings", "4294967295", &err), BANTAM_OK);
    assert_int_equal(read_with("sliding_window", "4294967295", &err), BANTAM_OK);
}

static void reals_and_switches_in_config_json(void **state)
{
    (void)state;
    static const char *const reals[] = {"0", "-1", "\"1e-5\"", "true", "[]", "{}"};
    for (size_t v = 0; v < sizeof reals / sizeof reals[0]; v++) {
        refused_member("rms_norm_eps", reals[v]);
        refused_member("rope_theta", reals[v]);
    }
    refused_member("rms_norm_eps", "2.0");
    refused_member("rope_theta", "1e300");
    refused_member("sliding_window", "-1");
    refused_member("sliding_window", "\"16\"");
    refused_member("tie_word_embeddings", "1");
    refused_member("tie_word_embeddings", "\"true\"");
    refused_member("hidden_act", "\"\"");
    refused_member("hidden_act", "7");
    refused_member("hidden_act", "\"%n%s\\u001b[0m\"");
    refused_member("architectures", "\"LlamaForCausalLM\"");
    refused_member("architectures", "[]");
    refused_member("architectures", "[7]");
    refused_member("architectures", "[\"\"]");
    refused_member("architectures", "[\"LlamaForCausalLM\\n\"]");
    refused_member("tie_word_embeddings", "true,\"text_config\":7");
    refused_member("tie_word_embeddings", "true,\"text_config\":{}");
    refused_member("tie_word_embeddings", "true,\"model_type\":7");
    refused_member("tie_word_embeddings", "true,\"partial_rotary_factor\":0");
    refused_member("tie_word_embeddings", "true,\"partial_rotary_factor\":1.5");
    refused_member("tie_word_embeddings", "true,\"partial_rotary_factor\":0.01");
    refused_member("tie_word_embeddings", "true,\"llama_4_scaling_beta\":");
}

static void ropes_in_config_json(void **state)
{
    (void)state;
    static const char *const ropes[] = {
        "7",
        "[]",
        "\"yarn\"",
        "{\"rope_type\":7}",
        "{\"rope_type\":\"\"}",
        "{\"rope_type\":\"linear\",\"factor\":0}",
        "{\"rope_type\":\"linear\",\"factor\":-1}",
        "{\"rope_type\":\"linear\",\"factor\":\"2\"}",
        "{\"rope_type\":\"linear\",\"factor\":1e300}",
        "{\"rope_type\":\"yarn\",\"factor\":0}",
        "{\"rope_type\":\"yarn\",\"factor\":2,\"beta_fast\":1,\"beta_slow\":32}",
        "{\"rope_type\":\"yarn\",\"factor\":2,\"attention_factor\":0}",
        "{\"rope_type\":\"yarn\",\"factor\":2,\"mscale\":-100,\"mscale_all_dim\":1}",
        "{\"rope_type\":\"yarn\",\"factor\":2,\"original_max_position_embeddings\":0}",
        "{\"rope_type\":\"yarn\",\"factor\":2,\"original_max_position_embeddings\":-1}",
        "{\"rope_type\":\"default\",\"llama_4_scaling_beta\":-0.1}",
        "{\"rope_type\":\"default\",\"llama_4_scaling_beta\":0.1,"
        "\"original_max_position_embeddings\":0}",
        "{\"rope_type\":\"llama3\",\"factor\":8,\"low_freq_factor\":4,\"high_freq_factor\":1,"
        "\"original_max_position_embeddings\":64}",
        "{\"rope_type\":\"llama3\",\"factor\":8,\"low_freq_factor\":0,\"high_freq_factor\":4,"
        "\"original_max_position_embeddings\":64}",
    };
    for (size_t i = 0; i < sizeof ropes / sizeof ropes[0]; i++) {
        char value[400];
        snprintf(value, sizeof value, "\"silu\",\"rope_scaling\":%s", ropes[i]);
        refused_member("hidden_act", value);
        snprintf(value, sizeof value, "\"silu\",\"rope_parameters\":%s", ropes[i]);
        refused_member("hidden_act", value);
    }
}

static void a_config_json_that_is_no_object(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "[]", "7", "null", "\"llama\"", "{", "{}", "[[[[["};
    const char *const folder = tiny_path("noobject");
    char file[600];
    mkdir(folder, 0700);
    snprintf(file, sizeof file, "%s/config.json", folder);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        bantam_error err = {0};
        write_whole(file, texts[i], strlen(texts[i]));
        assert_int_equal(open_model(folder, &err), BANTAM_ERR_FORMAT);
        check_message(&err);
    }
    const size_t depth = 100000;
    char *const deep = malloc(2 * depth);
    assert_non_null(deep);
    memset(deep, '[', depth);
    memset(deep + depth, ']', depth);
    write_whole(file, deep, 2 * depth);
    free(deep);
    bantam_error err = {0};
    assert_int_equal(open_model(folder, &err), BANTAM_ERR_FORMAT);
    check_message(&err);
    const char twice[] = "{\"model_type\":\"llama\",\"model_type\":\"mistral\"}";
    write_whole(file, twice, strlen(twice));
    assert_int_equal(open_model(folder, &err), BANTAM_ERR_FORMAT);
    unlink(file);
    rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(architectures_that_are_none),
        cmocka_unit_test(numbers_of_layers_that_are_not_the_files),
        cmocka_unit_test(widths_that_are_not_the_files),
        cmocka_unit_test(heads_that_are_not_the_files),
        cmocka_unit_test(lengths_that_are_not_the_files),
        cmocka_unit_test(ropes_that_turn_nothing_or_too_much),
        cmocka_unit_test(yarns_that_do_not_ramp),
        cmocka_unit_test(epsilons_and_contexts),
        cmocka_unit_test(experts_and_windows),
        cmocka_unit_test(tensors_that_are_missing_or_too_many),
        cmocka_unit_test(weights_that_are_no_numbers),
        cmocka_unit_test(sizes_in_config_json),
        cmocka_unit_test(reals_and_switches_in_config_json),
        cmocka_unit_test(ropes_in_config_json),
        cmocka_unit_test(a_config_json_that_is_no_object),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
