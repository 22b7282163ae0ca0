/* test_api.c - the public interface as an app uses it, on a tiny model that the test writes. */
#include "bantam/bantam.h"

#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/utf8.h"
#include "format/gguf_write.h"
#include "support.h"
#include "token/byte_alphabet.h"

enum { N_EMBD = 32, N_FFN = 48, N_VOCAB = 260, END = 259 };

static const char *const path = "test_api.tmp.gguf";
static const char *const template =
    "{{ bos_token }}{% for m in messages %}{% if m.role == 'bad' %}{{ raise_exception('no') }}"
    "{% endif %}[{{ m.role }}]{{ m.content }}{% endfor %}"
    "{% if tools is not none %}T{% endif %}{% if add_generation_prompt %}[go]{% endif %}";

static bantam_text text_of(const char *s)
{
    const bantam_text t = {s, strlen(s)};
    return t;
}

static void put_words(bnt_gguf_writer *w)
{
    static char names[N_VOCAB][8];
    bantam_text texts[N_VOCAB];
    int32_t kinds[N_VOCAB];

    for (uint32_t i = 0; i < N_VOCAB; i++) {
        const uint32_t code = bnt_byte_alphabet_code((uint8_t)i);
        texts[i] = (bantam_text){names[i], bnt_utf8_encode(code, names[i])};
        kinds[i] = 1;
    }
    texts[256] = text_of("<s>");
    texts[257] = text_of("<unused>");
    texts[258] = text_of("he");
    texts[END] = text_of("<end>");
    kinds[256] = kinds[END] = 3;
    kinds[257] = 5;
    const bantam_text merge = text_of("h e");
    bnt_gguf_put_text(w, "tokenizer.ggml.model", text_of("gpt2"));
    bnt_gguf_put_text(w, "tokenizer.ggml.pre", text_of("gpt-2"));
    bnt_gguf_put_texts(w, "tokenizer.ggml.tokens", texts, N_VOCAB);
    bnt_gguf_put_i32s(w, "tokenizer.ggml.token_type", kinds, N_VOCAB);
    bnt_gguf_put_texts(w, "tokenizer.ggml.merges", &merge, 1);
    bnt_gguf_put_u32(w, "tokenizer.ggml.bos_token_id", 256);
    bnt_gguf_put_u32(w, "tokenizer.ggml.eos_token_id", END);
    bnt_gguf_put_bool(w, "tokenizer.ggml.add_bos_token", true);
}

static void put_tensor(bnt_gguf_writer *w, bnt_rng *rng, uint32_t rows, uint32_t columns)
{
    for (uint32_t i = 0; i < (rows ? rows : 1) * columns; i++) {
        const float value = rows ? (float)(0.3 * bnt_rng_normal(rng)) : 1.0f;
        bnt_gguf_put_data(w, &value, sizeof value);
    }
}

static void write_model(bool with_template)
{
    static const struct {
        const char *name;
        uint32_t rows, columns;
    } tensors[] = {
        {"token_embd.weight", N_VOCAB, N_EMBD},  {"blk.0.attn_norm.weight", 0, N_EMBD},
        {"blk.0.attn_q.weight", N_EMBD, N_EMBD}, {"blk.0.attn_k.weight", N_EMBD, N_EMBD},
        {"blk.0.attn_v.weight", N_EMBD, N_EMBD}, {"blk.0.attn_output.weight", N_EMBD, N_EMBD},
        {"blk.0.ffn_norm.weight", 0, N_EMBD},    {"blk.0.ffn_gate.weight", N_FFN, N_EMBD},
        {"blk.0.ffn_up.weight", N_FFN, N_EMBD},  {"blk.0.ffn_down.weight", N_EMBD, N_FFN},
        {"output_norm.weight", 0, N_EMBD},
    };
    enum { N = sizeof tensors / sizeof tensors[0] };
    bnt_gguf_writer *w;
    bnt_rng rng;

    bnt_rng_seed(&rng, 5);
    assert_int_equal(bnt_gguf_writer_open(&w, path, NULL), BANTAM_OK);
    bnt_gguf_put_text(w, "general.architecture", text_of("llama"));
    bnt_gguf_put_text(w, "general.name", text_of("tiny"));
    bnt_gguf_put_u32(w, "llama.context_length", 64);
    bnt_gguf_put_u32(w, "llama.embedding_length", N_EMBD);
    bnt_gguf_put_u32(w, "llama.block_count", 1);
    bnt_gguf_put_u32(w, "llama.feed_forward_length", N_FFN);
    bnt_gguf_put_u32(w, "llama.attention.head_count", 2);
    bnt_gguf_put_f32(w, "llama.attention.layer_norm_rms_epsilon", 1e-5f);
    put_words(w);
    if (with_template) bnt_gguf_put_text(w, "tokenizer.chat_template", text_of(template));
    for (int i = 0; i < N; i++) {
        const uint64_t dims[2] = {tensors[i].columns, tensors[i].rows};
        bnt_gguf_declare(w, text_of(tensors[i].name), bnt_type_find(BNT_TYPE_F32),
                         tensors[i].rows ? 2 : 1, dims);
    }
    for (int i = 0; i < N; i++) {
        put_tensor(w, &rng, tensors[i].rows, tensors[i].columns);
    }
    assert_int_equal(bnt_gguf_writer_commit(w, NULL), BANTAM_OK);
}

static int setup(void **state)
{
    (void)state;
    write_model(true);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    return unlink(path);
}

static bantam_model *open_model(void)
{
    bantam_model *model;
    bantam_error err;
    if (bantam_model_open(&model, path, NULL, &err)) fail_msg("%s", err.message);
    return model;
}

static void the_version_is_that_of_the_header(void **state)
{
    char want[32];
    (void)state;
    snprintf(want, sizeof want, "%d.%d.%d", BANTAM_VERSION_MAJOR, BANTAM_VERSION_MINOR,
             BANTAM_VERSION_PATCH);
    assert_string_equal(bantam_version(), want);
    assert_string_equal(bantam_status_name(BANTAM_ERR_FULL), "full");
    assert_string_equal(bantam_status_name((bantam_status)99), "unknown");
}

static void a_model_says_what_it_is(void **state)
{
    bantam_model_info info;
    bantam_model *const model = open_model();

    (void)state;
    bantam_model_describe(model, &info);
    assert_memory_equal(info.name.data, "tiny", 4);
    assert_memory_equal(info.type.data, "F32", 4);
    assert_int_equal(info.n_params,
                     N_VOCAB * N_EMBD + 4 * N_EMBD * N_EMBD + 3 * N_EMBD * N_FFN + 3 * N_EMBD);
    assert_int_equal(info.weight_bytes, 4 * info.n_params);
    assert_int_equal(info.head_dim, N_EMBD / 2);
    assert_int_equal(info.n_kv_heads, 2);
    assert_int_equal(info.context_tokens, 64);
    assert_true(info.tied);
    bantam_model_close(model);
}

/* Every function that fills a buffer says what it needs when there is too little. */
static void a_buffer_that_is_too_small_is_told_its_size(void **state)
{
    bantam_model *const model = open_model();
    const bantam_tokenizer *const t = bantam_model_tokenizer(model);
    const bantam_text chat =
        text_of("{\"messages\":[{\"role\":\"user\",\"content\":\"hey\"}]}");
    uint32_t ids[8];
    char text[64];
    size_t n;

    (void)state;
    assert_int_equal(bantam_tokenize(t, text_of("hey"), BANTAM_TOKENIZE_ADD, NULL, 0, &n, NULL),
                     BANTAM_ERR_FULL);
    assert_int_equal(n, 3);
    assert_int_equal(bantam_tokenize(t, text_of("hey"), BANTAM_TOKENIZE_ADD, ids, 8, &n, NULL),
                     BANTAM_OK);
    const uint32_t want[] = {256, 258, 'y'};
    assert_memory_equal(ids, want, sizeof want);

    assert_int_equal(bantam_detokenize(t, ids, 3, 0, text, 2, &n, NULL), BANTAM_ERR_FULL);
    assert_int_equal(n, 3);
    assert_int_equal(bantam_detokenize(t, ids, 3, 0, text, 3, &n, NULL), BANTAM_OK);
    assert_memory_equal(text, "hey", 3);

    assert_int_equal(bantam_render_chat(t, chat, NULL, 0, &n, NULL), BANTAM_ERR_FULL);
    assert_int_equal(n, strlen("<s>[user]hey"));
    assert_int_equal(bantam_render_chat(t, chat, text, sizeof text, &n, NULL), BANTAM_OK);
    assert_memory_equal(text, "<s>[user]hey", n);
    bantam_model_close(model);
}

static void render(const bantam_tokenizer *t, const char *json, bantam_status status,
                   const char *want)
{
    char text[256];
    size_t n;
    bantam_error err = {0};
    assert_int_equal(bantam_render_chat(t, text_of(json), text, sizeof text, &n, &err), status);
    if (status) {
        assert_int_equal(err.status, status);
        if (!strstr(err.message, want)) fail_msg("%s", err.message);
    } else {
        assert_int_equal(n, strlen(want));
        assert_memory_equal(text, want, n);
    }
}

static void a_chat_is_rendered_or_refused(void **state)
{
    bantam_model *const model = open_model();
    const bantam_tokenizer *t = bantam_model_tokenizer(model);

    (void)state;
    render(t, "{\"messages\":[],\"tools\":[1],\"add_generation_prompt\":true}", BANTAM_OK,
           "<s>T[go]");
    render(t, "{\"messages\":[],\"bos_token\":\"B\"}", BANTAM_OK, "B");
    render(t, "{\"messages\":[{\"role\":\"bad\",\"content\":\"\"}]}", BANTAM_ERR_INVALID, "no");
    render(t, "{\"messages\":3}", BANTAM_ERR_INVALID, "messages");
    render(t, "[]", BANTAM_ERR_INVALID, "messages");
    render(t, "{\"messages\":", BANTAM_ERR_INVALID, "line 1");
    bantam_model_close(model);

    write_model(false);
    bantam_tokenizer *alone;
    assert_int_equal(bantam_tokenizer_open(&alone, path, NULL), BANTAM_OK);
    render(alone, "{\"messages\":[]}", BANTAM_ERR_UNSUPPORTED, "no chat template");
    bantam_tokenizer_close(alone);
    write_model(true);
}

static void an_archive_shows_tensors_and_metadata(void **state)
{
    bantam_archive *a;
    bantam_tensor_info info;
    bantam_text key, json;
    bool found = false;

    (void)state;
    assert_int_equal(bantam_archive_open(&a, path, NULL), BANTAM_OK);
    assert_string_equal(bantam_archive_format(a), "gguf v3");
    assert_int_equal(bantam_archive_n_tensors(a), 11);
    assert_int_equal(bantam_archive_tensor(a, 0, &info, NULL), BANTAM_OK);
    assert_int_equal(info.n_dims, 2);
    assert_int_equal(info.dims[0], N_VOCAB);
    assert_int_equal(info.dims[1], N_EMBD);
    assert_int_equal(bantam_archive_tensor(a, 11, &info, NULL), BANTAM_ERR_INVALID);
    for (size_t i = 0; i < bantam_archive_n_metadata(a); i++) {
        json_t *value;
        assert_int_equal(bantam_archive_metadata(a, i, &key, &json, NULL), BANTAM_OK);
        assert_int_equal(bnt_json_parse(&value, json.data, json.size, NULL), BANTAM_OK);
        if (key.size == 20 && memcmp(key.data, "llama.context_length", 20) == 0) {
            assert_int_equal(json_integer_value(value), 64);
            found = true;
        }
        json_decref(value);
    }
    assert_true(found);
    assert_int_equal(bantam_archive_metadata(a, 999, &key, &json, NULL), BANTAM_ERR_INVALID);
    bantam_archive_close(a);
}

static bool collect(void *user, const bantam_step *step)
{
    bnt_buf_put(user, step->text.data, step->text.size);
    return true;
}

static void an_answer_is_what_next_draws(void **state)
{
    bantam_model *const model = open_model();
    const uint32_t prompt[] = {256, 258, 'y'};
    const bantam_generation options = {
        .struct_size = sizeof options, .max_tokens = 20, .ignore_stop_tokens = true};
    bantam_session *s;
    bantam_answer answer;
    bnt_buf text;

    (void)state;
    bnt_buf_init(&text, 4096);
    assert_int_equal(bantam_session_open(&s, model, NULL, NULL), BANTAM_OK);
    assert_int_equal(bantam_session_capacity(s), 64);
    assert_null(bantam_session_logits(s));
    assert_int_equal(bantam_session_feed(s, prompt, 3, NULL), BANTAM_OK);
    assert_int_equal(bantam_session_generate(s, &options, collect, &text, &answer, NULL),
                     BANTAM_OK);
    assert_int_equal(answer.n_tokens, 20);
    assert_int_equal(answer.finish, BANTAM_FINISH_LENGTH);
    assert_true(text.size > 0);

    uint32_t told[20];
    for (uint32_t i = 0; i < 20; i++) {
        told[i] = bantam_session_token(s, 3 + i);
    }
    assert_int_equal(bantam_session_rewind(s, 2, NULL), BANTAM_OK);
    assert_int_equal(bantam_session_feed(s, prompt + 2, 1, NULL), BANTAM_OK);
    for (uint32_t i = 0; i < 20; i++) {
        bantam_candidate best;
        bantam_text piece;
        uint32_t token;
        assert_int_equal(bantam_session_top(s, &best, 1, NULL), BANTAM_OK);
        assert_int_equal(bantam_session_next(s, &token, &piece, NULL), BANTAM_OK);
        assert_int_equal(token, told[i]);
        assert_int_equal(token, best.token);
        if (token == END) break; /* next() does not feed a stop token */
    }
    bnt_buf_deinit(&text);
    bantam_session_close(s);
    bantam_model_close(model);
}

static void a_plan_is_the_sum_of_its_parts_and_is_kept(void **state)
{
    bantam_model *const model = open_model();
    bantam_session_options options = {.struct_size = sizeof options, .n_threads = 1};
    bantam_plan_info plan;
    bantam_session *s;
    bantam_error err;

    (void)state;
    const int64_t before = bnt_mem_live_bytes();
    assert_int_equal(bantam_plan(model, &options, &plan, NULL), BANTAM_OK);
    assert_int_equal(plan.total_bytes,
                     plan.weight_bytes + plan.kv_bytes + plan.scratch_bytes + plan.other_bytes);
    assert_int_equal(bnt_mem_live_bytes(), before);
    assert_int_equal(plan.kv_bytes, 64 * 2 * N_EMBD * 2);

    assert_int_equal(bantam_session_open(&s, model, &options, NULL), BANTAM_OK);
    const uint64_t taken = (uint64_t)(bnt_mem_live_bytes() - before);
    assert_true(taken <= plan.kv_bytes + plan.scratch_bytes + 16384);
    bantam_session_close(s);

    options.memory_bytes = plan.weight_bytes;
    assert_int_equal(bantam_session_open(&s, model, &options, &err), BANTAM_ERR_NOMEM);
    assert_null(s);
    bantam_model_close(model);
}

static void wrong_paths_and_sizes_are_told(void **state)
{
    bantam_model_options odd = {.struct_size = 3};
    bantam_model *model;
    bantam_archive *archive;
    bantam_tokenizer *tokenizer;
    bantam_error err;

    (void)state;
    char built_in[64]; /* NULL is the built-in model where there is one */
    if (bantam_locate("bantam-mini", built_in, sizeof built_in, NULL)) {
        assert_int_equal(bantam_model_open(&model, NULL, NULL, NULL), BANTAM_ERR_INVALID);
    }
    assert_int_equal(bantam_model_open(&model, "/nowhere.gguf", NULL, &err), BANTAM_ERR_IO);
    assert_non_null(strstr(err.message, "/nowhere.gguf"));
    assert_int_equal(bantam_model_open(&model, path, &odd, NULL), BANTAM_ERR_INVALID);
    odd = (bantam_model_options){.struct_size = sizeof odd, .rope = (bantam_rope)9};
    assert_int_equal(bantam_model_open(&model, path, &odd, NULL), BANTAM_ERR_INVALID);
    assert_int_equal(bantam_archive_open(&archive, NULL, NULL), BANTAM_ERR_INVALID);
    assert_int_equal(bantam_tokenizer_open(&tokenizer, NULL, NULL), BANTAM_ERR_INVALID);
    assert_null(model);
    assert_null(archive);
    assert_null(tokenizer);
    bantam_model_close(NULL);
    bantam_archive_close(NULL);
    bantam_tokenizer_close(NULL);
    bantam_session_close(NULL);
}

/* Fails the first allocation, then the second, ... until none is left to fail. */
static void no_allocation_is_left_untried(void **state)
{
    const int64_t live = bnt_mem_live();
    bantam_model *model = NULL;
    bantam_session *s = NULL;
    bantam_error err;
    uint64_t n = 0;

    (void)state;
    for (; !model && n < 2000; n++) {
        bnt_mem_fail_after(n);
        const bantam_status status = bantam_model_open(&model, path, NULL, &err);
        bnt_mem_fail_after(UINT64_MAX);
        if (status != (model ? BANTAM_OK : BANTAM_ERR_NOMEM)) fail_msg("%s", err.message);
        if (!model) assert_int_equal(bnt_mem_live(), live);
    }
    assert_true(n > 20);
    for (n = 0; !s && n < 200; n++) {
        bnt_mem_fail_after(n);
        const bantam_status status = bantam_session_open(&s, model, NULL, &err);
        bnt_mem_fail_after(UINT64_MAX);
        if (status != (s ? BANTAM_OK : BANTAM_ERR_NOMEM)) fail_msg("%s", err.message);
    }
    assert_non_null(s);
    bantam_session_close(s);
    bantam_model_close(model);
    assert_int_equal(bnt_mem_live(), live);
}

static void the_device_has_a_core_and_a_kernel_set(void **state)
{
    bantam_device_info info;
    (void)state;
    bantam_device_describe(&info);
    assert_true(info.n_cores >= 1);
    assert_true(strlen(info.cpu) > 0);
    assert_true(info.available_bytes <= info.memory_bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_version_is_that_of_the_header),
        cmocka_unit_test(a_model_says_what_it_is),
        cmocka_unit_test(a_buffer_that_is_too_small_is_told_its_size),
        cmocka_unit_test(a_chat_is_rendered_or_refused),
        cmocka_unit_test(an_archive_shows_tensors_and_metadata),
        cmocka_unit_test(an_answer_is_what_next_draws),
        cmocka_unit_test(a_plan_is_the_sum_of_its_parts_and_is_kept),
        cmocka_unit_test(wrong_paths_and_sizes_are_told),
        cmocka_unit_test(no_allocation_is_left_untried),
        cmocka_unit_test(the_device_has_a_core_and_a_kernel_set),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
