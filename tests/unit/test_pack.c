/* Packed weights: the same numbers as the file's, and the same bits of logits. */
#include "pack_rig.h"

/* ---- the numbers ------------------------------------------------------------------------- */

/* Packs the model and holds every weight against the file's. Returns the matrices packed. */
static size_t check_numbers(bool no_cache)
{
    opened plain = open_plain(model_path), packed = open_packed(model_path, no_cache);
    float want[N_WIDE_FFN], found[N_WIDE_FFN];
    bnt_matrix *a, *b;
    size_t n_packed = 0, i = 0;

    for (; (a = bnt_weights_at(plain.model, i)) != NULL; i++) {
        b = bnt_weights_at(packed.model, i);
        assert_int_equal(b->type->tile != NULL, a->type->id != BNT_TYPE_Q4_1);
        n_packed += b->type->tile != NULL;
        for (uint32_t row = 0; row < a->rows; row++) {
            bnt_type_decode_row(a->type, a->data, a->columns, row, want);
            bnt_type_decode_row(b->type, b->data, b->columns, row, found);
            assert_memory_equal(found, want, a->columns * sizeof(float));
        }
        memset(want, 0, sizeof want);
        for (uint32_t row = a->rows; b->type->tile && row % BNT_TILE_ROWS; row++) {
            bnt_type_decode_row(b->type, b->data, b->columns, row, found);
            for (uint32_t c = 0; c < a->columns; c++) {
                assert_true(found[c] == 0.0f); /* rows that fill up a group are zeros */
            }
        }
        assert_int_equal((uintptr_t)b->data % (b->type->tile ? 64 : 1), 0);
    }
    assert_int_equal(i, N_MATRICES);
    assert_int_equal(packed.model->forms, BNT_FORM_TILES | BNT_FORM_FLOATS | BNT_FORM_DECODED);
    close_all(&plain);
    close_all(&packed);
    return n_packed;
}

static void packed_rows_hold_the_numbers_of_the_file(void **state)
{
    (void)state;
    assert_int_equal(check_numbers(true), N_MATRICES - 1);
    assert_int_equal(check_numbers(false), N_MATRICES - 1); /* made */
    assert_int_equal(check_numbers(false), N_MATRICES - 1); /* found */
}

static void so_do_those_that_threads_have_packed_in_pieces(void **state)
{
    (void)state;
    n_ffn = N_WIDE_FFN;
    write_model(model_path, 5);
    assert_int_equal(check_numbers(true), N_MATRICES - 1);
    assert_int_equal(check_numbers(false), N_MATRICES - 1);
    assert_true(is_there(beside));
}

static void file_and_memory_hold_the_same_bytes(void **state)
{
    (void)state;
    opened memory = open_packed(model_path, true);
    assert_null(path_of(&memory));
    assert_false(is_there(beside));
    opened made = open_packed(model_path, false);
    assert_string_equal(path_of(&made), beside);
    opened found = open_packed(model_path, false);
    assert_string_equal(path_of(&found), beside);

    assert_true(sum_bytes(&made) == sum_bytes(&memory));
    assert_true(sum_bytes(&found) == sum_bytes(&memory));
    assert_int_equal(made.model->weight_bytes, memory.model->weight_bytes);
    assert_true(memory.model->embed_copied && !made.model->embed_copied);
    assert_false(found.model->embed_copied);
    assert_null(bnt_pack_note(found.model->pack));
    close_all(&memory);
    close_all(&made);
    close_all(&found);
}

static void weight_bytes_are_those_that_are_computed_with(void **state)
{
    (void)state;
    opened plain = open_plain(model_path), packed = open_packed(model_path, true);
    uint64_t want = 3 * N_EMBD * 4;
    const bnt_matrix *w;

    for (size_t i = 0; (w = bnt_weights_at(packed.model, i)) != NULL; i++) {
        want += (uint64_t)w->row_bytes * bnt_matrix_strips(w->type, w->rows);
    }
    assert_int_equal(packed.model->weight_bytes, want);
    assert_string_equal(bnt_model_type(packed.model)->name, bnt_model_type(plain.model)->name);
    bnt_pack_pretend(plain.model, false);
    assert_int_equal(plain.model->weight_bytes, want);
    assert_int_equal(plain.model->forms, packed.model->forms);
    close_all(&plain);
    close_all(&packed);
}

static void a_packed_model_is_the_same_model(void **state)
{
    uint8_t plain_id[32], packed_id[32], other_id[32];
    (void)state;
    opened plain = open_plain(model_path), packed = open_packed(model_path, true);
    write_model(temp_path(&folder, "other.gguf"), 2);
    opened other = open_packed(temp_path(&folder, "other.gguf"), true);

    bnt_model_identity(plain.model, plain_id);
    bnt_model_identity(packed.model, packed_id);
    bnt_model_identity(other.model, other_id);
    assert_memory_equal(plain_id, packed_id, 32);
    assert_memory_not_equal(plain_id, other_id, 32);
    close_all(&plain);
    close_all(&packed);
    close_all(&other);
}

static void a_head_that_is_the_embedding_is_packed_once(void **state)
{
    (void)state;
    write_model_of(model_path, 3, true, false);
    opened o = open_packed(model_path, false);
    assert_ptr_equal(o.model->head.data, o.model->embed.data);
    assert_int_equal(o.model->head.type->id, BNT_TYPE_Q6_K_R16);
    assert_int_equal(o.model->head.row_bytes, o.model->embed.row_bytes);
    close_all(&o);
}

static void a_model_of_floats_is_left_alone(void **state)
{
    (void)state;
    write_model_of(model_path, 4, false, true);
    opened o = open_packed(model_path, false);
    assert_null(o.model->pack);
    assert_int_equal(count_files(folder.path), 2);
    close_all(&o);
}

/* ---- a session on it --------------------------------------------------------------------- */

enum { N_TOKENS = 40 };

static void logits_of(const bantam_model_options *options, float *out)
{
    uint32_t tokens[N_TOKENS];
    bantam_model *model;
    bantam_session *s;
    bantam_error err;

    if (bantam_model_open(&model, model_path, options, &err)) fail_msg("%s", err.message);
    if (bantam_session_open(&s, model, NULL, &err)) fail_msg("%s", err.message);
    for (uint32_t i = 0; i < N_TOKENS; i++) {
        tokens[i] = i * 7 % N_VOCAB;
    }
    /* Many tokens together, and one by itself. */
    if (bantam_session_feed(s, tokens, N_TOKENS - 1, &err) ||
        bantam_session_feed(s, tokens + N_TOKENS - 1, 1, &err)) {
        fail_msg("%s", err.message);
    }
    memcpy(out, bantam_session_logits(s), N_VOCAB * sizeof *out);
    bantam_session_close(s);
    bantam_model_close(model);
}

static void logits_from_file_memory_and_second_start_are_the_same_bits(void **state)
{
    float first[N_VOCAB], second[N_VOCAB], memory[N_VOCAB], ref[N_VOCAB];
    bantam_model_options options = {.struct_size = sizeof options};
    bool moves = false;

    (void)state;
    logits_of(&options, first);
    assert_true(is_there(beside));
    logits_of(&options, second);
    options.no_cache = true;
    logits_of(&options, memory);
    options.cpu = "ref";
    logits_of(&options, ref);
    assert_memory_equal(first, second, sizeof first);
    assert_memory_equal(first, memory, sizeof first);
    assert_memory_equal(first, ref, sizeof first);
    for (int i = 1; i < N_VOCAB; i++) {
        assert_true(first[i] > -1e30f && first[i] < 1e30f);
        moves = moves || first[i] < first[0] || first[i] > first[0];
    }
    assert_true(moves);
}

static void a_cache_cut_while_in_use_is_an_error_not_a_crash(void **state)
{
    const uint32_t tokens[] = {1, 2, 3};
    bantam_model *model;
    bantam_session *s;
    bantam_error err;

    (void)state;
    assert_int_equal(bantam_model_open(&model, model_path, NULL, NULL), BANTAM_OK);
    assert_string_equal(bantam_model_cache(model), beside);
    assert_int_equal(bantam_session_open(&s, model, NULL, NULL), BANTAM_OK);
    assert_int_equal(truncate(beside, 8192), 0);
    assert_int_equal(bantam_session_feed(s, tokens, 3, &err), BANTAM_ERR_IO);
    assert_non_null(strstr(err.message, "bantam-cache: the file was cut"));
    bantam_session_close(s);
    bantam_model_close(model);
}

static void a_model_to_describe_is_planned_as_packed_and_has_no_sessions(void **state)
{
    bantam_model_options options = {.struct_size = sizeof options, .describe_only = true};
    bantam_plan_info described, real;
    bantam_model *model;
    bantam_session *s;

    (void)state;
    assert_int_equal(bantam_model_open(&model, model_path, &options, NULL), BANTAM_OK);
    assert_int_equal(bantam_plan(model, NULL, &described, NULL), BANTAM_OK);
    assert_int_equal(bantam_session_open(&s, model, NULL, NULL), BANTAM_ERR_INVALID);
    assert_null(s);
    assert_false(is_there(beside));
    bantam_model_close(model);

    options.describe_only = false;
    options.no_cache = true;
    assert_int_equal(bantam_model_open(&model, model_path, &options, NULL), BANTAM_OK);
    assert_null(bantam_model_cache(model));
    assert_int_equal(bantam_plan(model, NULL, &real, NULL), BANTAM_OK);
    assert_int_equal(real.weight_bytes, described.weight_bytes);
    assert_int_equal(real.scratch_bytes, described.scratch_bytes);
    bantam_model_close(model);
}

static void a_set_of_instructions_that_is_not_there_is_told(void **state)
{
    bantam_model_options options = {.struct_size = sizeof options, .no_cache = true};
    bantam_model *model;
    bantam_error err;

    (void)state;
    options.cpu = "ref";
    assert_int_equal(bantam_model_open(&model, model_path, &options, NULL), BANTAM_OK);
    assert_string_equal(bantam_model_cpu(model), "ref");
    bantam_model_close(model);
    options.cpu = "sse9";
    assert_int_equal(bantam_model_open(&model, model_path, &options, &err), BANTAM_ERR_INVALID);
    assert_non_null(strstr(err.message, "this machine has ref"));
#if defined(__x86_64__)
    options.cpu = "dotprod";
#else
    options.cpu = "avx2";
#endif
    assert_int_equal(bantam_model_open(&model, model_path, &options, &err),
                     BANTAM_ERR_UNSUPPORTED);
    assert_non_null(strstr(err.message, options.cpu));
    assert_null(model);
}

/* ---- stopping and failing ----------------------------------------------------------- */

typedef struct watch {
    uint64_t done, total;
    int calls;
    bool stop;
} watch;

static bool on_progress(void *user, uint64_t done, uint64_t total)
{
    watch *const w = user;
    w->done = done;
    w->total = total;
    w->calls++;
    return !w->stop;
}

static void progress_is_told_and_can_stop(void **state)
{
    watch w = {.stop = true};
    const bnt_pack_options options = {.progress = on_progress, .user = &w};
    bantam_error err;
    (void)state;

    opened o = open_plain(model_path);
    const uint64_t before = sum_bytes(&o), bytes = o.model->weight_bytes;
    assert_int_equal(bnt_model_pack(o.model, &options, &err), BANTAM_ERR_CANCELLED);
    assert_int_equal(w.calls, 1);
    assert_null(o.model->pack);
    assert_true(sum_bytes(&o) == before);
    assert_int_equal(o.model->weight_bytes, bytes);
    assert_int_equal(count_files(folder.path), 2);

    w = (watch){0};
    assert_int_equal(bnt_model_pack(o.model, &options, &err), BANTAM_OK);
    assert_true(w.calls >= 1 && w.done == w.total && w.total > 0);
    close_all(&o);
    w = (watch){0};
    o = open_plain(model_path);
    assert_int_equal(bnt_model_pack(o.model, &options, &err), BANTAM_OK);
    assert_int_equal(w.calls, 0); /* nothing to wait for */
    close_all(&o);
}

static void no_allocation_is_left_untried(void **state)
{
    bantam_error err;
    (void)state;
    for (int kind = 0; kind < 3; kind++) { /* making, finding, memory */
        const bnt_pack_options options = {.no_cache = kind == 2};
        opened o = open_plain(model_path);
        const int64_t live = bnt_mem_live();
        uint64_t n = 0;

        for (; n < 200; n++) {
            if (kind == 0) unlink(beside);
            bnt_mem_fail_after(n);
            const bantam_status status = bnt_model_pack(o.model, &options, &err);
            bnt_mem_fail_after(UINT64_MAX);
            if (status == BANTAM_OK && (kind == 2 || path_of(&o))) break;
            if (status == BANTAM_OK) { /* a place that could not be made ready is passed over */
                close_all(&o);
                o = open_plain(model_path);
                continue;
            }
            assert_int_equal(status, BANTAM_ERR_NOMEM);
            assert_null(o.model->pack);
            assert_int_equal(bnt_mem_live(), live);
        }
        assert_true(n > 2 && n < 200);
        close_all(&o);
    }
}

int main(void)
{
    const struct CMUnitTest cases[] = {
        CASE(packed_rows_hold_the_numbers_of_the_file),
        CASE(so_do_those_that_threads_have_packed_in_pieces),
        CASE(file_and_memory_hold_the_same_bytes),
        CASE(weight_bytes_are_those_that_are_computed_with),
        CASE(a_packed_model_is_the_same_model),
        CASE(a_head_that_is_the_embedding_is_packed_once),
        CASE(a_model_of_floats_is_left_alone),
        CASE(logits_from_file_memory_and_second_start_are_the_same_bits),
        CASE(a_cache_cut_while_in_use_is_an_error_not_a_crash),
        CASE(a_model_to_describe_is_planned_as_packed_and_has_no_sessions),
        CASE(a_set_of_instructions_that_is_not_there_is_told),
        CASE(progress_is_told_and_can_stop),
        CASE(no_allocation_is_left_untried),
    };
    return cmocka_run_group_tests(cases, NULL, NULL);
}
