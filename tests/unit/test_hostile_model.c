/* Hostile models through the public interface: parts that are sound alone and do not belong
 * together, and what the message about them looks like. */
#include "bantam/bantam.h"

#include "base/mem.h"
#include "safetensors_builder.h"
#include "temp_folder.h"
#include "tiny_model.h"

/* Four tokens for four rows, unless told otherwise. */
static tiny_pair words(uint32_t n)
{
    uint8_t texts[12 * 9];
    for (uint32_t i = 0; i < n; i++) {
        const uint64_t one = 1;
        memcpy(texts + (size_t)i * 9, &one, 8);
        texts[i * 9 + 8] = (uint8_t)('a' + i);
    }
    return tiny_array("tokenizer.ggml.tokens", GB_STRING, texts, n, 9);
}

static tiny_pair scores(uint32_t n)
{
    float values[12] = {0};
    return tiny_array("tokenizer.ggml.scores", GB_F32, values, n, 4);
}

static bantam_status open_path(const char *path, bool *has_tokenizer, bantam_error *err)
{
    bantam_model *model;
    const int64_t live = bnt_mem_live();
    *err = (bantam_error){0};
    const bantam_status status = bantam_model_open(&model, path, NULL, err);
    assert_int_equal(status == BANTAM_OK, model != NULL);
    *has_tokenizer = model && bantam_model_tokenizer(model);
    bantam_model_close(model);
    assert_int_equal(bnt_mem_live(), live);
    return status;
}

static bantam_status open_pairs(const tiny_pair *pairs, bool *has_tokenizer, bantam_error *err)
{
    const char *const path = tiny_path("model.gguf");
    tiny_write(path, &(tiny_spec){.n_vocab = 4, .pairs = pairs});
    const bantam_status status = open_path(path, has_tokenizer, err);
    unlink(path);
    return status;
}

static unsigned count_of(const char *text, const char *part)
{
    unsigned n = 0;
    for (const char *at = strstr(text, part); at; at = strstr(at + 1, part)) {
        n++;
    }
    return n;
}

static void a_message_names_the_file_once(void **state)
{
    (void)state;
    const tiny_pair faults[][2] = {
        {tiny_u32("llama.block_count", 0), {0}},
        {tiny_u32("llama.feed_forward_length", 7), {0}},
        {tiny_text("general.architecture", "mamba"), {0}},
        {tiny_text("tokenizer.ggml.model", "martian"), {0}},
        {tiny_text("tokenizer.ggml.model", "llama"), {0}},
    };
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        bantam_error err;
        bool has;
        assert_int_not_equal(open_pairs(faults[i], &has, &err), BANTAM_OK);
        if (count_of(err.message, "model.gguf") != 1) fail_msg("%s", err.message);
    }
}

static void a_gguf_has_one_token_for_each_row_of_the_embedding(void **state)
{
    (void)state;
    static const uint32_t counts[] = {3, 4, 5, 8};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        const tiny_pair pairs[] = {tiny_text("tokenizer.ggml.model", "llama"),
                                   words(counts[i]),
                                   scores(counts[i]),
                                   {0}};
        bantam_error err;
        bool has;
        const bantam_status status = open_pairs(pairs, &has, &err);
        assert_int_equal(status, counts[i] == 4 ? BANTAM_OK : BANTAM_ERR_FORMAT);
        if (status) {
            assert_non_null(strstr(err.message, "tokenizer.ggml.tokens"));
            assert_non_null(strstr(err.message, "4"));
        } else {
            assert_true(has);
        }
    }
}

static void a_gguf_may_say_that_it_has_no_tokenizer(void **state)
{
    (void)state;
    const tiny_pair pairs[] = {tiny_text("tokenizer.ggml.model", "none"), {0}};
    bantam_error err;
    bool has = true;
    if (open_pairs(pairs, &has, &err)) fail_msg("%s", err.message);
    assert_false(has);
}

static void a_count_without_what_it_counts_is_refused(void **state)
{
    (void)state;
    const tiny_pair pairs[] = {tiny_text("tokenizer.ggml.model", "llama"),
                               words(4),
                               scores(4),
                               tiny_text("tokenizer.chat_template", "x"),
                               {0}};
    const char *const path = tiny_path("counts.gguf");
    bantam_model *model;
    bantam_session *session;
    bantam_error err = {0};
    tiny_write(path, &(tiny_spec){.n_vocab = 4, .pairs = pairs});
    if (bantam_model_open(&model, path, NULL, &err)) fail_msg("%s", err.message);
    unlink(path);
    const bantam_tokenizer *const t = bantam_model_tokenizer(model);
    const bantam_text none = {NULL, 5}, some = {"a", 1}, chat = {"{\"messages\":[]}", 15};
    uint32_t id = 0;
    char text[8];
    size_t n = 7;
    assert_int_equal(bantam_tokenize(t, none, 0, &id, 1, &n, &err), BANTAM_ERR_INVALID);
    assert_int_equal(n, 0);
    assert_int_equal(bantam_tokenize(t, some, 0, NULL, 1, &n, &err), BANTAM_ERR_INVALID);
    assert_int_equal(bantam_detokenize(t, NULL, 1, 0, text, 8, &n, &err), BANTAM_ERR_INVALID);
    assert_int_equal(bantam_detokenize(t, &id, 1, 0, NULL, 8, &n, &err), BANTAM_ERR_INVALID);
    assert_int_equal(bantam_render_chat(t, none, text, 8, &n, &err), BANTAM_ERR_INVALID);
    assert_int_equal(bantam_render_chat(t, chat, NULL, 8, &n, &err), BANTAM_ERR_INVALID);
    assert_int_equal(bantam_render_chat(t, chat, text, 8, &n, &err), BANTAM_OK);
    if (bantam_session_open(&session, model, NULL, &err)) fail_msg("%s", err.message);
    assert_int_equal(bantam_session_feed(session, NULL, 1, &err), BANTAM_ERR_INVALID);
    assert_int_equal(bantam_session_score(session, &id, 1, NULL, NULL, &err),
                     BANTAM_ERR_INVALID);
    assert_int_equal(bantam_session_position(session), 0);
    bantam_session_close(session);
    bantam_model_close(model);
}

/* ---- folders ----------------------------------------------------------------------------- */

enum { WIDTH = 8, ROWS = 4 };

/* A folder with one layer of zeros; extra is one more tensor of WIDTH values, or NULL. */
static void put_folder(const temp_folder *t, const char *members, bool head, const char *extra)
{
    static const struct {
        const char *name;
        uint32_t rows;
    } tensors[] = {
        {"model.embed_tokens.weight", ROWS},
        {"model.layers.0.input_layernorm.weight", 0},
        {"model.layers.0.self_attn.q_proj.weight", WIDTH},
        {"model.layers.0.self_attn.k_proj.weight", WIDTH},
        {"model.layers.0.self_attn.v_proj.weight", WIDTH},
        {"model.layers.0.self_attn.o_proj.weight", WIDTH},
        {"model.layers.0.post_attention_layernorm.weight", 0},
        {"model.layers.0.mlp.gate_proj.weight", WIDTH},
        {"model.layers.0.mlp.up_proj.weight", WIDTH},
        {"model.layers.0.mlp.down_proj.weight", WIDTH},
        {"model.norm.weight", 0},
        {"lm_head.weight", ROWS},
    };
    enum { N = sizeof tensors / sizeof tensors[0] };
    char header[4096] = "{";
    size_t bytes = 0, size;
    for (size_t i = 0; i <= N; i++) {
        const char *const name = i < N ? tensors[i].name : extra;
        const uint32_t rows = i < N ? tensors[i].rows : 0;
        char shape[32], one[256];
        if (!name || (i == N - 1 && !head)) continue;
        const size_t end = bytes + 4u * WIDTH * (rows ? rows : 1);
        snprintf(shape, sizeof shape, rows ? "%u,%u" : "%.0u%u", rows, WIDTH);
        snprintf(one, sizeof one,
                 "%s\"%s\":{\"dtype\":\"F32\",\"shape\":[%s],\"data_offsets\":[%zu,%zu]}",
                 bytes ? "," : "", name, shape, bytes, end);
        strcat(header, one);
        bytes = end;
    }
    strcat(header, "}");
    uint8_t *const zeros = calloc(1, bytes);
    assert_non_null(zeros);
    uint8_t *const file =
        st_make_stated(strlen(header), header, strlen(header), zeros, bytes, &size);
    write_whole(temp_path(t, "model.safetensors"), file, size);
    free(file);
    free(zeros);

    char config[1024];
    snprintf(config, sizeof config,
             "{%s\"hidden_size\":8,"
             "\"num_hidden_layers\":1,\"num_attention_heads\":2,\"intermediate_size\":8,"
             "\"vocab_size\":4,\"max_position_embeddings\":64%s}",
             strstr(members, "model_type") ? "" : "\"architectures\":[\"LlamaForCausalLM\"],",
             members);
    write_whole(temp_path(t, "config.json"), config, strlen(config));
}

static bantam_status open_folder(const char *members, bool head, const char *extra,
                                 bantam_error *err)
{
    temp_folder t;
    bool has;
    temp_make(&t);
    put_folder(&t, members, head, extra);
    const bantam_status status = open_path(t.path, &has, err);
    temp_remove(&t);
    return status;
}

static void a_head_that_the_config_calls_its_own_is_there(void **state)
{
    (void)state;
    bantam_error err;
    assert_int_equal(open_folder(",\"tie_word_embeddings\":false", false, NULL, &err),
                     BANTAM_ERR_FORMAT);
    assert_non_null(strstr(err.message, "lm_head.weight"));
    static const char *const members[] = {"", ",\"tie_word_embeddings\":true",
                                          ",\"tie_word_embeddings\":null"};
    for (size_t i = 0; i < 3; i++) {
        for (int head = 0; head < 2; head++) {
            if (open_folder(members[i], head, NULL, &err)) fail_msg("%s", err.message);
        }
    }
    assert_int_equal(open_folder(",\"tie_word_embeddings\":false", true, NULL, &err),
                     BANTAM_OK);
}

static void a_classifier_is_no_language_model(void **state)
{
    (void)state;
    bantam_error err;
    const char *const llama = ",\"architectures\":[\"Llama%s\"],\"model_type\":\"llama\"";
    static const char *const classes[] = {"ForSequenceClassification", "ForTokenClassification",
                                          "Model", "ForCausalLMx"};
    for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++) {
        char members[200];
        snprintf(members, sizeof members, llama, classes[i]);
        assert_int_equal(open_folder(members, false, NULL, &err), BANTAM_ERR_UNSUPPORTED);
        assert_non_null(strstr(err.message, classes[i]));
    }
}

static void tensors_that_the_pass_would_leave_out_are_refused(void **state)
{
    (void)state;
    bantam_error err;
    static const char *const strangers[] = {"model.layers.0.self_attn.q_norm.weight",
                                            "model.layers.0.mlp.gate.weight",
                                            "model.layers.0.pre_feedforward_layernorm.weight",
                                            "model.layers.7.input_layernorm.weight",
                                            "model.layers.-1.input_layernorm.weight",
                                            "model.layers.00.input_layernorm.weight"};
    for (size_t i = 0; i < sizeof strangers / sizeof strangers[0]; i++) {
        assert_int_not_equal(open_folder("", true, strangers[i], &err), BANTAM_OK);
        assert_non_null(strstr(err.message, strangers[i]));
    }
    /* What files carry along and nobody computes with. */
    static const char *const known[] = {"model.layers.0.self_attn.rotary_emb.inv_freq",
                                        "model.vision_tower.patch_conv.weight"};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (open_folder("", true, known[i], &err)) fail_msg("%s", err.message);
    }
}

/* A link that leads nowhere is a broken download, not a file that the model does without. */
static void links_that_lead_nowhere_are_not_absent_files(void **state)
{
    (void)state;
    static const char *const names[] = {"tokenizer.json", "generation_config.json",
                                        "tokenizer_config.json",
                                        "model.safetensors.index.json"};
    static const char *const targets[] = {"gone", NULL}; /* NULL: the link itself */
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        for (size_t k = 0; k < 2; k++) {
            temp_folder t;
            bantam_error err;
            bool has;
            temp_make(&t);
            put_folder(&t, "", true, NULL);
            const char words_json[] =
                "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[]}}";
            write_whole(temp_path(&t, "tokenizer.json"), words_json, strlen(words_json));
            if (open_path(t.path, &has, &err)) fail_msg("%s", err.message);
            unlink(temp_path(&t, names[i]));
            assert_int_equal(
                symlink(targets[k] ? targets[k] : names[i], temp_path(&t, names[i])), 0);
            assert_int_equal(open_path(t.path, &has, &err), BANTAM_ERR_IO);
            assert_non_null(strstr(err.message, names[i]));
            temp_remove(&t);
        }
    }
}

/* A file that is converted opens again: rows of the embedding that no token names are padded,
 * tokens that no row holds are refused. */
static void a_padded_embedding_is_converted_with_as_many_tokens(void **state)
{
    (void)state;
    static const char *const vocabularies[] = {"{\"a\":0}", "{\"a\":0,\"b\":1,\"c\":2,\"d\":3}",
                                               "{\"a\":0,\"b\":1,\"c\":2,\"d\":3,\"e\":4}"};
    for (size_t i = 0; i < 3; i++) {
        char json[200];
        temp_folder t;
        bantam_error err = {0};
        bool has;
        temp_make(&t);
        put_folder(&t, "", true, NULL);
        snprintf(json, sizeof json, "{\"model\":{\"type\":\"BPE\",\"vocab\":%s,\"merges\":[]}}",
                 vocabularies[i]);
        write_whole(temp_path(&t, "tokenizer.json"), json, strlen(json));
        const char *const made = temp_path(&t, "made.gguf");
        const bantam_status status = bantam_convert(t.path, made, NULL, &err);
        assert_int_equal(status, i < 2 ? BANTAM_OK : BANTAM_ERR_UNSUPPORTED);
        if (!status) {
            if (open_path(made, &has, &err)) fail_msg("%s", err.message);
            assert_true(has);
        }
        temp_remove(&t);
    }
}

static void a_file_is_not_converted_onto_itself(void **state)
{
    (void)state;
    temp_folder t;
    bantam_error err = {0};
    bantam_convert_options options = {.struct_size = sizeof options, .type = "Q8_0"};
    temp_make(&t);
    char in[300], link[300];
    snprintf(in, sizeof in, "%s/in.gguf", t.path);
    snprintf(link, sizeof link, "%s/link.gguf", t.path);
    tiny_write(in, &(tiny_spec){0});
    assert_int_equal(symlink("in.gguf", link), 0);
    assert_int_equal(bantam_convert(in, in, &options, &err), BANTAM_ERR_INVALID);
    assert_int_equal(bantam_convert(link, in, &options, &err), BANTAM_ERR_INVALID);
    assert_int_equal(bantam_convert(in, link, &options, &err), BANTAM_ERR_INVALID);
    bool has;
    if (open_path(in, &has, &err)) fail_msg("%s", err.message);
    temp_remove(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_names_the_file_once),
        cmocka_unit_test(a_gguf_has_one_token_for_each_row_of_the_embedding),
        cmocka_unit_test(a_gguf_may_say_that_it_has_no_tokenizer),
        cmocka_unit_test(a_count_without_what_it_counts_is_refused),
        cmocka_unit_test(a_head_that_the_config_calls_its_own_is_there),
        cmocka_unit_test(a_classifier_is_no_language_model),
        cmocka_unit_test(tensors_that_the_pass_would_leave_out_are_refused),
        cmocka_unit_test(links_that_lead_nowhere_are_not_absent_files),
        cmocka_unit_test(a_file_is_not_converted_onto_itself),
        cmocka_unit_test(a_padded_embedding_is_converted_with_as_many_tokens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
