/* Models known by their shape alone, held against files of that shape. */
#include "model/sketch.h"

#include "base/cpu.h"
#include "base/mem.h"
#include "format/gguf_write.h"
#include "model/pack.h"
#include "model/shape.h"
#include "session/session.h"
#include "support.h"
#include "temp_folder.h"

/* Widths of published models, few layers and words: rows of 576, 960 and 6816 values end in
 * short blocks, heads have 32, 64 and 160 values. */
static const bnt_shape shapes[] = {
    {"tiny", 4, 128, 4, 2, 32, 352, 259, 2048, true, 1e4},
    {"small", 2, 256, 4, 2, 64, 768, 259, 2048, true, 1e4},
    {"135m", 2, 576, 9, 3, 64, 1536, 500, 8192, true, 1e5},
    {"360m", 1, 960, 15, 5, 64, 2560, 300, 8192, true, 1e5},
    {"amd", 2, 768, 12, 12, 64, 2048, 320, 2048, false, 1e4},
    {"phonelm", 1, 2560, 16, 16, 160, 6816, 64, 2048, true, 1e4},
    {"wide heads", 1, 384, 8, 2, 128, 512, 40, 262144, false, 1e6},
};
enum { N_SHAPES = sizeof shapes / sizeof shapes[0] };

static bantam_text text_of(const char *s)
{
    return (bantam_text){s, strlen(s)};
}

/* ---- a file of zeros ---- */

typedef struct tensor {
    char name[48];
    uint32_t rows, columns; /* rows 0: a vector */
    const bnt_type *type;
} tensor;

static size_t list_tensors(const bnt_shape *s, const bnt_sketch_types *t, tensor *out)
{
    const uint32_t e = s->n_embd, f = s->n_ffn;
    const uint32_t q = s->n_heads * s->head_dim, kv = s->n_kv_heads * s->head_dim;
    size_t n = 0;
    out[n++] = (tensor){"token_embd.weight", s->n_vocab, e, t->embedding};
    out[n++] = (tensor){"output_norm.weight", 0, e, t->norms};
    if (!s->tied) out[n++] = (tensor){"output.weight", s->n_vocab, e, t->head};
    for (uint32_t l = 0; l < s->n_layers; l++) {
        const tensor parts[] = {
            {"attn_norm", 0, e, t->norms},    {"attn_q", q, e, t->layers},
            {"attn_k", kv, e, t->layers},     {"attn_v", kv, e, t->layers},
            {"attn_output", e, q, t->layers}, {"ffn_norm", 0, e, t->norms},
            {"ffn_gate", f, e, t->layers},    {"ffn_up", f, e, t->layers},
            {"ffn_down", e, f, t->layers},
        };
        for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++, n++) {
            out[n] = parts[i];
            snprintf(out[n].name, sizeof out[n].name, "blk.%u.%.20s.weight", l, parts[i].name);
        }
    }
    return n;
}

static void put_metadata(bnt_gguf_writer *w, const bnt_shape *s)
{
    bnt_gguf_put_text(w, "general.architecture", text_of("llama"));
    bnt_gguf_put_u32(w, "llama.context_length", s->context_tokens);
    bnt_gguf_put_u32(w, "llama.embedding_length", s->n_embd);
    bnt_gguf_put_u32(w, "llama.block_count", s->n_layers);
    bnt_gguf_put_u32(w, "llama.feed_forward_length", s->n_ffn);
    bnt_gguf_put_u32(w, "llama.attention.head_count", s->n_heads);
    bnt_gguf_put_u32(w, "llama.attention.head_count_kv", s->n_kv_heads);
    bnt_gguf_put_u32(w, "llama.attention.key_length", s->head_dim);
    bnt_gguf_put_u32(w, "llama.attention.value_length", s->head_dim);
    bnt_gguf_put_f32(w, "llama.rope.freq_base", (float)s->rope_base);
    bnt_gguf_put_f32(w, "llama.attention.layer_norm_rms_epsilon", 1e-5f);
}

static void write_file(const char *path, const bnt_shape *s, const bnt_sketch_types *types)
{
    static tensor tensors[64];
    const size_t n = list_tensors(s, types, tensors);
    bnt_gguf_writer *w;
    bantam_error err = {0};

    if (bnt_gguf_writer_open(&w, path, &err)) fail_msg("%s", err.message);
    put_metadata(w, s);
    if (types->layers->tile) bnt_gguf_align(w, BNT_TILE_LINE);
    for (size_t i = 0; i < n; i++) {
        const uint64_t dims[2] = {tensors[i].columns, tensors[i].rows};
        bnt_gguf_declare(w, text_of(tensors[i].name), tensors[i].type, tensors[i].rows ? 2 : 1,
                         dims);
    }
    for (size_t i = 0; i < n; i++) {
        const uint32_t rows = tensors[i].rows ? tensors[i].rows : 1;
        uint64_t bytes = 0;
        assert_true(bnt_type_bytes(tensors[i].type, rows, tensors[i].columns, &bytes));
        void *const zeros = bnt_calloc(1, (size_t)bytes);
        bnt_gguf_put_data(w, zeros, (size_t)bytes);
        bnt_free(zeros);
    }
    if (bnt_gguf_writer_commit(w, &err)) fail_msg("%s: %s", s->name, err.message);
}

/* ---- plans ---- */

static void plans_are_equal(const bnt_model *a, const bnt_model *b)
{
    static const bantam_session_options options[] = {
        {.context_tokens = 0},
        {.context_tokens = 100, .batch_tokens = 7, .n_threads = 1},
        {.context_tokens = 2048, .n_threads = 3, .kv = BANTAM_KV_Q8},
        {.context_tokens = 70000, .n_threads = 16, .kv = BANTAM_KV_F32},
    };
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        bantam_plan_info x, y;
        bantam_session_options o = options[i];
        o.struct_size = sizeof o;
        assert_int_equal(bnt_session_plan(a, NULL, &o, &x, NULL), BANTAM_OK);
        assert_int_equal(bnt_session_plan(b, NULL, &o, &y, NULL), BANTAM_OK);
        assert_true(x.weight_bytes == y.weight_bytes && x.kv_bytes == y.kv_bytes);
        assert_true(x.scratch_bytes == y.scratch_bytes && x.other_bytes == y.other_bytes);
        assert_true(x.total_bytes == y.total_bytes && x.total_bytes > 0);
        assert_true(x.context_tokens == y.context_tokens && x.batch_tokens == y.batch_tokens);
        assert_true(x.n_threads == y.n_threads && x.kv == y.kv);
    }
}

static void compare(const bnt_shape *s, const bnt_sketch_types *types)
{
    bnt_archive *archive = NULL;
    bnt_model *model = NULL, *sketch = NULL;
    bantam_error err = {0};
    bnt_config config;
    temp_folder t;
    temp_make(&t);
    const char *const path = temp_path(&t, "m.gguf");

    write_file(path, s, types);
    if (bnt_archive_open(&archive, path, &err)) fail_msg("%s", err.message);
    if (bnt_model_open(&model, archive, BANTAM_ROPE_DEFAULT, &err)) fail_msg("%s", err.message);
    assert_int_equal(bnt_shape_config(s, &config, &err), BANTAM_OK);
    assert_int_equal(bnt_model_sketch(&sketch, &config, types, bnt_cpu_flags(), &err),
                     BANTAM_OK);

    assert_true(sketch->n_params == model->n_params);
    assert_true(sketch->weight_bytes == model->weight_bytes);
    assert_ptr_equal(bnt_model_type(sketch), bnt_model_type(model));
    plans_are_equal(sketch, model);
    for (int no_cache = 0; no_cache < 2; no_cache++) {
        bnt_pack_pretend(model, no_cache);
        bnt_pack_pretend(sketch, no_cache);
        assert_true(sketch->weight_bytes == model->weight_bytes);
        assert_true(bnt_model_token_bytes(sketch) == bnt_model_token_bytes(model));
        assert_int_equal(sketch->forms, model->forms);
        plans_are_equal(sketch, model);
    }
    bnt_model_close(sketch);
    bnt_model_close(model);
    bnt_archive_close(archive);
    temp_remove(&t);
}

static void a_shape_plans_as_a_file_of_that_shape(void **state)
{
    (void)state;
    static const bnt_type_id types[][3] = {
        {BNT_TYPE_F32, BNT_TYPE_F32, BNT_TYPE_F32},
        {BNT_TYPE_BF16, BNT_TYPE_BF16, BNT_TYPE_BF16},
        {BNT_TYPE_B4, BNT_TYPE_B8, BNT_TYPE_F32},
        {BNT_TYPE_B8, BNT_TYPE_B8, BNT_TYPE_F32},
        {BNT_TYPE_Q4_0, BNT_TYPE_Q8_0, BNT_TYPE_F32},
        {BNT_TYPE_Q8_0, BNT_TYPE_Q8_0, BNT_TYPE_F32},
        {BNT_TYPE_Q8_0, BNT_TYPE_F16, BNT_TYPE_F16},
    };
    for (size_t i = 0; i < N_SHAPES; i++) {
        for (size_t k = 0; k < sizeof types / sizeof types[0]; k++) {
            const bnt_type *const outer = bnt_type_find(types[k][1]);
            const bnt_sketch_types t = {.layers = bnt_type_find(types[k][0]),
                                        .embedding = outer,
                                        .norms = bnt_type_find(types[k][2]),
                                        .head = outer};
            compare(&shapes[i], &t);
        }
    }
}

/* 576 values are two blocks of 256 and a quarter of one. */
static void rows_that_are_no_whole_blocks_become_halves(void **state)
{
    (void)state;
    bnt_config config;
    bnt_model *m = NULL;
    const bnt_type *const k = bnt_type_find(BNT_TYPE_Q4_K), *const f =
                                                                bnt_type_find(BNT_TYPE_F32);
    const bnt_sketch_types types = {.layers = k, .embedding = k, .norms = f, .head = k};
    assert_int_equal(bnt_shape_config(&shapes[2], &config, NULL), BANTAM_OK);
    assert_int_equal(bnt_model_sketch(&m, &config, &types, 0, NULL), BANTAM_OK);
    assert_int_equal(m->embed.type->id, BNT_TYPE_F16);
    assert_int_equal(m->layers[0].gate.type->id, BNT_TYPE_F16);
    assert_int_equal(m->layers[0].down.type->id, BNT_TYPE_Q4_K); /* 1536 are six */
    bnt_model_close(m);
}

/* Counts that the models' own cards state. */
static void published_shapes_have_the_parameters_that_were_published(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint64_t n_params;
    } facts[] = {
        {"smollm2-135m", 134515008},   {"smollm2-360m", 361821120},
        {"smollm2-1.7b", 1711376384},  {"llama3.2-1b", 1235814400},
        {"llama3.2-3b", 3212749824},   {"amd-llama-135m", 134105856},
        {"codellama-7b", 6738546688},  {"phonelm-0.5b", 509658112},
        {"phonelm-1.5b", 1618593280},  {"ministral-8b", 8019808256},
        {"ministral3-3b", 3429006336},
    };
    const bnt_type *const t = bnt_type_find(BNT_TYPE_B4), *const f =
                                                              bnt_type_find(BNT_TYPE_F32);
    const bnt_sketch_types types = {.layers = t, .embedding = t, .norms = f, .head = t};
    size_t n = 0;
    while (bnt_shape_at(n)) {
        n++;
    }
    assert_int_equal(n, sizeof facts / sizeof facts[0]);
    for (size_t i = 0; i < n; i++) {
        const bnt_shape *const s = bnt_shape_named(facts[i].name);
        bnt_config config;
        bnt_model *m = NULL;
        assert_non_null(s);
        assert_int_equal(bnt_shape_config(s, &config, NULL), BANTAM_OK);
        assert_int_equal(bnt_model_sketch(&m, &config, &types, 0, NULL), BANTAM_OK);
        assert_true(m->n_params == facts[i].n_params);
        bnt_model_close(m);
    }
    assert_null(bnt_shape_named("gpt-2"));
}

/* Three layers of four of Ministral-8B see 32768 positions. */
static void a_known_window_is_part_of_a_shape(void **state)
{
    (void)state;
    bnt_config c;
    assert_int_equal(bnt_shape_config(bnt_shape_named("ministral-8b"), &c, NULL), BANTAM_OK);
    assert_int_equal(c.window_tokens, 32768);
    assert_true(!c.windowed[0] && c.windowed[1] && c.windowed[3] && !c.windowed[4]);
    assert_int_equal(bnt_shape_config(bnt_shape_named("llama3.2-1b"), &c, NULL), BANTAM_OK);
    assert_int_equal(c.window_tokens, 0);
}

static void no_allocation_of_a_sketch_is_taken_for_granted(void **state)
{
    (void)state;
    const bnt_type *const t = bnt_type_find(BNT_TYPE_F16);
    const bnt_sketch_types types = {.layers = t, .embedding = t, .norms = t, .head = t};
    bnt_config config;
    bnt_model *m = NULL;
    uint64_t n = 0;
    assert_int_equal(bnt_shape_config(&shapes[0], &config, NULL), BANTAM_OK);
    do {
        bnt_mem_fail_after(n++);
        const bantam_status status = bnt_model_sketch(&m, &config, &types, 0, NULL);
        assert_int_equal(status, m ? BANTAM_OK : BANTAM_ERR_NOMEM);
    } while (!m && n < 100);
    bnt_mem_fail_after(UINT64_MAX);
    assert_non_null(m);
    bnt_model_close(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_shape_plans_as_a_file_of_that_shape),
        cmocka_unit_test(rows_that_are_no_whole_blocks_become_halves),
        cmocka_unit_test(published_shapes_have_the_parameters_that_were_published),
        cmocka_unit_test(a_known_window_is_part_of_a_shape),
        cmocka_unit_test(no_allocation_of_a_sketch_is_taken_for_granted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
