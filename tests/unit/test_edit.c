/* Sources changed on their way into a file: rows and columns by number, values of one's own,
 * layers left out, and metadata that follow. */
#include "compress/edit.h"

#include "base/mem.h"
#include "base/text.h"
#include "temp_folder.h"
#include "tiny_model.h"

/* Layers, width and so on of the tiny model's own: 2, 32, 48 neurons. */
enum { WIDTH = 32, FFN = 48 };

typedef struct setup {
    temp_folder folder;
    char in[300], out[300];
    bnt_source source;
    bnt_model *model;
    bnt_edit edit;
    bnt_archive *made;
    bantam_error err;
} setup;

static void open_setup(setup *s, const tiny_spec *spec)
{
    *s = (setup){.made = NULL};
    temp_make(&s->folder);
    snprintf(s->in, sizeof s->in, "%s/in.gguf", s->folder.path);
    snprintf(s->out, sizeof s->out, "%s/out.gguf", s->folder.path);
    tiny_write(s->in, spec);
    assert_int_equal(bnt_source_open(&s->source, s->in, s->out, &s->err), BANTAM_OK);
    assert_int_equal(bnt_model_open(&s->model, s->source.archive, BANTAM_ROPE_DEFAULT, &s->err),
                     BANTAM_OK);
    assert_int_equal(bnt_edit_init(&s->edit, &s->source, &s->model->config, &s->err),
                     BANTAM_OK);
}

static void write_out(setup *s)
{
    if (bnt_edit_write(&s->edit, s->out, NULL, NULL, &s->err)) fail_msg("%s", s->err.message);
    if (bnt_archive_open(&s->made, s->out, &s->err)) fail_msg("%s", s->err.message);
}

static void close_setup(setup *s)
{
    bnt_archive_close(s->made);
    bnt_edit_deinit(&s->edit);
    bnt_model_close(s->model);
    bnt_source_close(&s->source);
    temp_remove(&s->folder);
}

static const bnt_tensor *tensor(const bnt_archive *archive, const char *name)
{
    const bnt_tensor *const t = bnt_archive_find(archive, name);
    if (!t) fail_msg("%s is missing", name);
    return t;
}

static float value(const bnt_tensor *t, uint64_t row, uint64_t column)
{
    float values[FFN];
    bnt_type_decode_row(t->type, t->data, (size_t)t->dims[0], (size_t)row, values);
    return values[column];
}

static uint32_t number(const setup *s, const char *key)
{
    uint32_t out = 0;
    assert_int_equal(bnt_gguf_u32(bnt_archive_gguf(s->made), key, &out, NULL), BANTAM_OK);
    return out;
}

static void without_changes_everything_is_copied(void **state)
{
    setup s;
    (void)state;

    open_setup(&s, &(tiny_spec){.seed = 1});
    write_out(&s);
    for (size_t i = 0; i < bnt_archive_n_tensors(s.source.archive); i++) {
        const bnt_tensor *const t = bnt_archive_tensor_at(s.source.archive, i);
        char name[64];
        snprintf(name, sizeof name, "%.*s", (int)t->name.size, t->name.data);
        const bnt_tensor *const made = tensor(s.made, name);
        assert_int_equal(made->bytes, t->bytes);
        assert_memory_equal(made->data, t->data, t->bytes);
    }
    assert_int_equal(bnt_gguf_n_pairs(bnt_archive_gguf(s.made)),
                     bnt_gguf_n_pairs(bnt_archive_gguf(s.source.archive)));
    close_setup(&s);
}

static void rows_and_columns_are_picked_by_number(void **state)
{
    static const uint32_t rows[] = {30, 2, 7}, columns[] = {1, 47, 0, 5};
    setup s;
    (void)state;

    open_setup(&s, &(tiny_spec){.seed = 2});
    bnt_edit_tensor *const t = bnt_edit_matrix(&s.edit, 1, BNT_PLACE_DOWN);
    assert_int_equal(bnt_edit_pick(t, rows, 3, columns, 4, &s.err), BANTAM_OK);
    assert_int_equal(
        bnt_edit_pick(bnt_edit_find(&s.edit, "token_embd.weight"), rows, 3, NULL, 0, &s.err),
        BANTAM_OK);
    s.edit.config.n_vocab = 3;
    write_out(&s);
    const bnt_tensor *const made = tensor(s.made, "blk.1.ffn_down.weight");
    const bnt_tensor *const was = tensor(s.source.archive, "blk.1.ffn_down.weight");
    assert_int_equal(made->dims[0], 4);
    assert_int_equal(made->dims[1], 3);
    for (int r = 0; r < 3; r++) {
        for (int c = 0; c < 4; c++) {
            assert_true(value(made, (uint64_t)r, (uint64_t)c) ==
                        value(was, rows[r], columns[c]));
        }
        assert_true(value(tensor(s.made, "token_embd.weight"), (uint64_t)r, 9) ==
                    value(tensor(s.source.archive, "token_embd.weight"), rows[r], 9));
    }
    assert_int_equal(number(&s, "llama.vocab_size"), 3);
    close_setup(&s);
}

static void values_of_ones_own_are_written_as_the_type_has_them(void **state)
{
    setup s;
    float values[WIDTH * FFN];
    (void)state;

    open_setup(&s, &(tiny_spec){.seed = 3});
    s.edit.type = bnt_type_find(BNT_TYPE_F16);
    for (int i = 0; i < WIDTH * FFN; i++) {
        values[i] = 1.0f + (float)i / 4096.0f; /* finer than F16 where odd and above 1 */
    }
    bnt_edit_tensor *const t = bnt_edit_matrix(&s.edit, 0, BNT_PLACE_DOWN);
    assert_int_equal(bnt_edit_replace(&s.edit, t, values, &s.err), BANTAM_OK);
    write_out(&s);
    const bnt_tensor *const made = tensor(s.made, "blk.0.ffn_down.weight");
    assert_int_equal(made->type->id, BNT_TYPE_F16);
    for (int i = 0; i < WIDTH * FFN; i++) {
        const float half = bnt_f16_to_f32(bnt_f32_to_f16(1.0f + (float)i / 4096.0f));
        assert_true(values[i] == half);
        assert_true(value(made, (uint64_t)(i / FFN), (uint64_t)(i % FFN)) == half);
    }
    assert_int_equal(tensor(s.made, "blk.0.attn_norm.weight")->type->id, BNT_TYPE_F32);
    values[5] = 1e6f;
    assert_int_equal(bnt_edit_replace(&s.edit, t, values, &s.err), BANTAM_ERR_UNSUPPORTED);
    assert_non_null(strstr(s.err.message, "blk.0.ffn_down.weight"));
    close_setup(&s);
}

static void layers_left_out_are_gone_and_the_others_numbered_anew(void **state)
{
    static const bool windowed[] = {true, false, true, false}, dropped[] = {1, 0, 0, 1};
    const uint32_t each[] = {5, 6, 7, 8};
    const tiny_pair pairs[] = {
        tiny_u32("llama.attention.sliding_window", 64),
        tiny_array("llama.attention.sliding_window_pattern", GB_BOOL, windowed, 4, 1),
        tiny_u32s("llama.of_layers", each, 4),
        tiny_u32s("other.of_four", each, 4),
        {.key = NULL}};
    bnt_config config;
    bnt_gguf_items items;
    int64_t item;
    setup s;
    (void)state;

    open_setup(&s, &(tiny_spec){.seed = 4, .n_layers = 4, .pairs = pairs});
    bnt_edit_drop_layers(&s.edit, dropped);
    write_out(&s);
    assert_int_equal(bnt_config_read(&config, s.made, BANTAM_ROPE_DEFAULT, &s.err), BANTAM_OK);
    assert_int_equal(config.n_layers, 2);
    assert_false(config.windowed[0]);
    assert_true(config.windowed[1]);
    const bnt_tensor *const made = tensor(s.made, "blk.1.attn_q.weight");
    const bnt_tensor *const was = tensor(s.source.archive, "blk.2.attn_q.weight");
    assert_int_equal(made->bytes, was->bytes);
    assert_memory_equal(made->data, was->data, was->bytes);
    assert_null(bnt_archive_find(s.made, "blk.2.attn_q.weight"));
    assert_int_equal(bnt_gguf_items_begin(bnt_archive_gguf(s.made), "llama.of_layers",
                                          BNT_GGUF_I32, &items, &s.err),
                     BANTAM_OK);
    assert_true(bnt_gguf_next_i64(&items, &item) && item == 6);
    assert_true(bnt_gguf_next_i64(&items, &item) && item == 7);
    assert_false(bnt_gguf_next_i64(&items, &item));
    assert_int_equal(bnt_gguf_find(bnt_archive_gguf(s.made), "other.of_four")->length, 4);
    close_setup(&s);
}

static bantam_status put_words(void *user, bnt_gguf_writer *w, bantam_error *err)
{
    (void)err;
    bnt_gguf_put_text(w, "tokenizer.ggml.model", bnt_text_of(user));
    return BANTAM_OK;
}

static void another_tokenizer_takes_the_place_of_the_old_one(void **state)
{
    const tiny_pair pairs[] = {tiny_text("tokenizer.ggml.model", "old"),
                               tiny_u32("tokenizer.ggml.bos_token_id", 1),
                               {.key = NULL}};
    static char name[] = "new";
    bantam_text found = {0};
    setup s;
    (void)state;

    open_setup(&s, &(tiny_spec){.seed = 5, .pairs = pairs});
    s.edit.put_words = put_words;
    s.edit.user = name;
    write_out(&s);
    const bnt_gguf *const gguf = bnt_archive_gguf(s.made);
    assert_int_equal(bnt_gguf_text(gguf, "tokenizer.ggml.model", &found, NULL), BANTAM_OK);
    assert_true(bnt_text_is(found, "new"));
    assert_null(bnt_gguf_find(gguf, "tokenizer.ggml.bos_token_id"));
    close_setup(&s);
}

/* A source whose matrices are made, row r of tensor n being 64 n + r throughout; t is the
 * one whose turn it is. */
typedef struct made {
    bnt_source_maker maker;
    const bnt_source_tensor *t;
} made;

static bantam_status begin_made(bnt_source_maker *maker, const bnt_source_tensor *t,
                                bantam_error *err)
{
    (void)err;
    ((made *)maker)->t = t;
    return BANTAM_OK;
}

static void make_row(const bnt_source_maker *maker, const bnt_source_tensor *t, uint64_t r,
                     float *out)
{
    assert_ptr_equal(((const made *)maker)->t, t);
    for (uint64_t c = 0; c < t->dims[0]; c++) {
        out[c] = (float)(64 * t->part + (int)r);
    }
}

static void put_made(const bnt_source_maker *maker, bnt_gguf_writer *w)
{
    (void)maker;
    bnt_gguf_put_u32(w, "test.made", 1);
}

static void close_made(bnt_source_maker *maker)
{
    (void)maker;
}

static void rows_that_are_made_are_asked_for_tensor_by_tensor(void **state)
{
    static const uint32_t rows[] = {5, 1};
    made m = {{begin_made, make_row, put_made, close_made}, NULL};
    setup s;
    (void)state;

    open_setup(&s, &(tiny_spec){.seed = 7});
    s.source.maker = &m.maker;
    for (size_t i = 0; i < s.source.n_tensors; i++) {
        if (s.source.tensors[i].n_dims != 2) continue;
        s.source.tensors[i].maker = &m.maker;
        s.source.tensors[i].part = (int)i;
    }
    bnt_edit_tensor *const up = bnt_edit_matrix(&s.edit, 1, BNT_PLACE_UP);
    bnt_edit_tensor *const down = bnt_edit_matrix(&s.edit, 0, BNT_PLACE_DOWN);
    assert_int_equal(bnt_edit_pick(up, rows, 2, NULL, 0, &s.err), BANTAM_OK);
    write_out(&s);
    const bnt_tensor *const less = tensor(s.made, "blk.1.ffn_up.weight");
    const bnt_tensor *const same = tensor(s.made, "blk.0.ffn_down.weight");
    assert_true(value(less, 0, 3) == (float)(64 * up->from->part + 5));
    assert_true(value(less, 1, 7) == (float)(64 * up->from->part + 1));
    assert_true(value(same, 9, 2) == (float)(64 * down->from->part + 9));
    assert_int_equal(number(&s, "test.made"), 1);
    close_setup(&s);
}

static void no_allocation_is_lost(void **state)
{
    static const uint32_t rows[] = {1, 2};
    bantam_status status;
    uint64_t n = 0;
    setup s;
    (void)state;

    open_setup(&s, &(tiny_spec){.seed = 6});
    const int64_t before = bnt_mem_live();
    do {
        bnt_edit e;
        bnt_mem_fail_after(n++);
        status = bnt_edit_init(&e, &s.source, &s.model->config, &s.err);
        if (!status) {
            status =
                bnt_edit_pick(bnt_edit_matrix(&e, 0, BNT_PLACE_DOWN), NULL, 0, rows, 2, &s.err);
        }
        if (!status) status = bnt_edit_write(&e, s.out, NULL, NULL, &s.err);
        bnt_edit_deinit(&e);
        bnt_mem_fail_after(UINT64_MAX);
        assert_int_equal(bnt_mem_live(), before);
        assert_int_equal(access(s.out, F_OK) == 0, !status);
    } while (status == BANTAM_ERR_NOMEM && n < 2000);
    assert_int_equal(status, BANTAM_OK);
    close_setup(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_changes_everything_is_copied),
        cmocka_unit_test(rows_and_columns_are_picked_by_number),
        cmocka_unit_test(values_of_ones_own_are_written_as_the_type_has_them),
        cmocka_unit_test(layers_left_out_are_gone_and_the_others_numbered_anew),
        cmocka_unit_test(another_tokenizer_takes_the_place_of_the_old_one),
        cmocka_unit_test(rows_that_are_made_are_asked_for_tensor_by_tensor),
        cmocka_unit_test(no_allocation_is_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
