/* Packed weights: the same numbers, kept in a file that is held against its model before it is
 * believed. The model has every type that is interleaved, and one that is not. */
#include "base/mem.h"
#include "format/gguf_write.h"
#include "model/pack.h"
#include "model/weights.h"
#include "temp_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

enum { N_EMBD = 256, N_FFN = 512, N_VOCAB = 37, N_HEADS = 4, N_MATRICES = 9 };

static temp_folder folder;
static char model_path[512], beside[600], shared[300];

/* ---- a model ----------------------------------------------------------------------------- */

static uint64_t random_state;

static uint8_t next_byte(void)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint8_t)(random_state >> 56);
}

/* Any bits are codes; scales and mins are small numbers. */
static void put_tensor(bnt_gguf_writer *w, const bnt_type *type, uint64_t values)
{
    const size_t block = type->block_bytes;
    uint8_t bytes[256];

    for (uint64_t i = 0; i < values / type->block_values; i++) {
        for (size_t b = 0; b < block; b++) {
            bytes[b] = next_byte();
        }
        switch ((int)type->id) {
        case BNT_TYPE_F32: {
            const float one = 1.0f;
            memcpy(bytes, &one, 4);
            break;
        }
        case BNT_TYPE_Q6_K:
            bytes[209] = 0x0B;
            break;
        case BNT_TYPE_Q4_1:
            bytes[1] = 0x1C;
            bytes[3] = 0x9C;
            break;
        case BNT_TYPE_Q4_K:
        case BNT_TYPE_Q5_K:
            bytes[1] = 0x0B;
            bytes[3] = 0x0C;
            break;
        default:
            bytes[1] = 0x1C;
            break;
        }
        bnt_gguf_put_data(w, bytes, block);
    }
}

typedef struct tensor {
    const char *name;
    bnt_type_id type;
    uint64_t rows, columns;
} tensor;

static const tensor tensors[] = {
    {"token_embd.weight", BNT_TYPE_Q6_K, N_VOCAB, N_EMBD},
    {"output.weight", BNT_TYPE_Q8_0, N_VOCAB, N_EMBD},
    {"output_norm.weight", BNT_TYPE_F32, 1, N_EMBD},
    {"blk.0.attn_norm.weight", BNT_TYPE_F32, 1, N_EMBD},
    {"blk.0.ffn_norm.weight", BNT_TYPE_F32, 1, N_EMBD},
    {"blk.0.attn_q.weight", BNT_TYPE_Q4_K, N_EMBD, N_EMBD},
    {"blk.0.attn_k.weight", BNT_TYPE_Q5_K, N_EMBD, N_EMBD},
    {"blk.0.attn_v.weight", BNT_TYPE_Q4_0, N_EMBD, N_EMBD},
    {"blk.0.attn_output.weight", BNT_TYPE_Q4_1, N_EMBD, N_EMBD},
    {"blk.0.ffn_gate.weight", BNT_TYPE_Q4_0, N_FFN, N_EMBD},
    {"blk.0.ffn_up.weight", BNT_TYPE_Q8_0, N_FFN, N_EMBD},
    {"blk.0.ffn_down.weight", BNT_TYPE_Q6_K, N_EMBD, N_FFN},
};

static void write_model_of(const char *path, uint64_t seed, bool tied, bool floats)
{
    static const struct {
        const char *key;
        uint32_t value;
    } numbers[] = {{"llama.embedding_length", N_EMBD},   {"llama.block_count", 1},
                   {"llama.feed_forward_length", N_FFN}, {"llama.attention.head_count", N_HEADS},
                   {"llama.context_length", 64},         {"llama.vocab_size", N_VOCAB}};
    const bantam_text arch = {"llama", 5};
    bnt_gguf_writer *w;

    assert_int_equal(bnt_gguf_writer_open(&w, path, NULL), BANTAM_OK);
    bnt_gguf_put_text(w, "general.architecture", arch);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        bnt_gguf_put_u32(w, numbers[i].key, numbers[i].value);
    }
    bnt_gguf_put_f32(w, "llama.attention.layer_norm_rms_epsilon", 1e-5f);
    random_state = seed;
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < sizeof tensors / sizeof tensors[0]; i++) {
            const tensor *const t = &tensors[i];
            const uint32_t id = floats ? BNT_TYPE_F32 : (uint32_t)t->type;
            const bantam_text name = {t->name, strlen(t->name)};
            const uint64_t dims[2] = {t->columns, t->rows};
            if (tied && strcmp(t->name, "output.weight") == 0) continue;
            if (pass == 0) {
                bnt_gguf_declare(w, name, bnt_type_find(id), t->rows > 1 ? 2 : 1, dims);
            } else {
                put_tensor(w, bnt_type_find(id), t->rows * t->columns);
            }
        }
    }
    assert_int_equal(bnt_gguf_writer_commit(w, NULL), BANTAM_OK);
}

static void write_model(const char *path, uint64_t seed)
{
    write_model_of(path, seed, false, false);
}

/* ---- opening ----------------------------------------------------------------------------- */

typedef struct opened {
    bnt_archive *archive;
    bnt_model *model;
} opened;

static opened open_plain(const char *path)
{
    opened o;
    bantam_error err;
    if (bnt_archive_open(&o.archive, path, &err)) fail_msg("%s", err.message);
    if (bnt_model_open(&o.model, o.archive, BANTAM_ROPE_DEFAULT, &err)) {
        fail_msg("%s", err.message);
    }
    return o;
}

static opened open_packed(const char *path, bool no_cache)
{
    const bnt_pack_options options = {.no_cache = no_cache};
    opened o = open_plain(path);
    bantam_error err;
    if (bnt_model_pack(o.model, &options, &err)) fail_msg("%s", err.message);
    return o;
}

static void close_all(opened *o)
{
    bnt_model_close(o->model);
    bnt_archive_close(o->archive);
}

static const char *path_of(const opened *o)
{
    return o->model->pack ? bnt_pack_path(o->model->pack) : NULL;
}

/* A sum over all weights' bytes as they lie. */
static uint64_t sum_bytes(const opened *o)
{
    const bnt_matrix *w;
    uint64_t sum = 1;
    for (size_t i = 0; (w = bnt_weights_at(o->model, i)) != NULL; i++) {
        const size_t size = w->row_bytes * bnt_matrix_strips(w->type, w->rows);
        for (size_t b = 0; b < size; b++) {
            sum = sum * 31 + w->data[b];
        }
    }
    return sum;
}

static bool is_there(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0;
}

static size_t count_files(const char *path)
{
    DIR *const dir = opendir(path);
    size_t n = 0;
    assert_non_null(dir);
    while (readdir(dir)) {
        n++;
    }
    closedir(dir);
    return n - 2;
}

static int setup(void **state)
{
    (void)state;
    temp_make(&folder);
    snprintf(model_path, sizeof model_path, "%s/m.gguf", folder.path);
    snprintf(beside, sizeof beside, "%s.bantam-cache", model_path);
    snprintf(shared, sizeof shared, "%s/caches", folder.path);
    assert_int_equal(mkdir(shared, 0700), 0);
    write_model(model_path, 1);
    unsetenv("BANTAM_CACHE");
    unsetenv("BANTAM_CACHE_MAX");
    setenv("BANTAM_CACHE_MIN", "0", 1);
    setenv("XDG_CACHE_HOME", shared, 1);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    temp_remove(&folder);
    return 0;
}

/* ---- the numbers ------------------------------------------------------------------------- */

static void packed_rows_hold_the_numbers_of_the_file(void **state)
{
    (void)state;
    opened plain = open_plain(model_path), packed = open_packed(model_path, true);
    float want[N_FFN], found[N_FFN];
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
        assert_int_equal((uintptr_t)b->data % (b->type->tile ? 64 : 1), 0);
    }
    assert_int_equal(i, N_MATRICES);
    assert_int_equal(n_packed, N_MATRICES - 1);
    assert_int_equal(packed.model->forms,
                     BNT_FORM_TILES | BNT_FORM_FLOATS | BNT_FORM_DECODED);
    close_all(&plain);
    close_all(&packed);
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
    bnt_pack_pretend(plain.model);
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

/* ---- files that are not the cache of this model ------------------------------------------ */

/* Makes the model's cache in the shared folder and lets no other be made there, so that one
 * that is not believed shows as weights in memory. */
typedef struct judged {
    char path[600];
    uint8_t *bytes; /* of the sound file */
    size_t size, data_at;
    uint64_t sum; /* of the packed weights */
} judged;

static judged prepare_judged(void)
{
    judged j;

    setenv("BANTAM_CACHE", shared, 1);
    opened o = open_packed(model_path, false);
    snprintf(j.path, sizeof j.path, "%s", path_of(&o));
    assert_int_equal(strncmp(j.path, shared, strlen(shared)), 0);
    j.sum = sum_bytes(&o);
    close_all(&o);
    j.bytes = (uint8_t *)read_whole(j.path, &j.size);
    uint64_t data_at;
    memcpy(&data_at, j.bytes + 24, 8); /* tests run on little-endian machines */
    j.data_at = (size_t)data_at;
    assert_true(j.data_at % 4096 == 0 && j.data_at < j.size);
    setenv("BANTAM_CACHE_MAX", "1", 1);
    return j;
}

static bool is_believed(const judged *j)
{
    opened o = open_packed(model_path, false);
    const bool believed = path_of(&o) != NULL;
    assert_true(sum_bytes(&o) == j->sum);
    assert_int_equal(bnt_pack_note(o.model->pack) == NULL, believed);
    close_all(&o);
    return believed;
}

static void a_cache_cut_anywhere_is_not_believed(void **state)
{
    (void)state;
    judged j = prepare_judged();
    assert_true(is_believed(&j));
    for (size_t cut = 0; cut < j.size; cut += cut < 600 ? 7 : j.size / 23) {
        write_whole(j.path, j.bytes, cut);
        if (is_believed(&j)) fail_msg("believed when cut to %zu bytes", cut);
    }
    write_whole(j.path, j.bytes, j.size - 1);
    assert_false(is_believed(&j));
    uint8_t *const longer = calloc(1, j.size + 1);
    memcpy(longer, j.bytes, j.size);
    write_whole(j.path, longer, j.size + 1);
    assert_false(is_believed(&j));
    write_whole(j.path, j.bytes, j.size);
    assert_true(is_believed(&j));
    free(longer);
    free(j.bytes);
}

static void no_changed_byte_of_the_head_is_believed(void **state)
{
    (void)state;
    judged j = prepare_judged();
    size_t end = j.data_at;
    while (end > 0 && j.bytes[end - 1] == 0) {
        end--;
    }
    assert_true(end > 72 + 24 + 40 * (N_MATRICES - 1));
    for (size_t i = 0; i < end; i++) {
        FILE *const f = fopen(j.path, "r+b");
        assert_non_null(f);
        fseek(f, (long)i, SEEK_SET);
        fputc(j.bytes[i] ^ 1 << i % 8, f);
        fclose(f);
        if (is_believed(&j)) fail_msg("believed with byte %zu changed", i);
        write_whole(j.path, j.bytes, j.size);
    }
    assert_true(is_believed(&j));
    free(j.bytes);
}

static void a_cache_whose_weights_were_not_written_is_not_believed(void **state)
{
    (void)state;
    judged j = prepare_judged();
    for (size_t i = 0; i < 8; i++) { /* zeros from some point on, as power cuts leave them */
        const size_t written = j.data_at + i * (j.size - j.data_at) / 8;
        write_whole(j.path, j.bytes, written);
        assert_int_equal(truncate(j.path, (off_t)j.size), 0);
        if (is_believed(&j)) fail_msg("believed with %zu bytes written", written);
    }
    write_whole(j.path, j.bytes, j.size);
    assert_true(is_believed(&j));
    free(j.bytes);
}

static void set_time(const char *path, long seconds, long ns)
{
    const struct timespec times[2] = {{seconds, ns}, {seconds, ns}};
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void a_model_that_changed_has_no_cache(void **state)
{
    struct stat st;
    (void)state;
    set_time(model_path, 1000000000, 5);
    judged j = prepare_judged();
    assert_true(is_believed(&j));

    set_time(model_path, 1000000000, 4); /* older, by one nanosecond */
    assert_false(is_believed(&j));
    set_time(model_path, 1000000000, 5);
    assert_true(is_believed(&j));

    /* Another model of the same size in its place: the same inode and the same time. */
    assert_int_equal(stat(model_path, &st), 0);
    write_model(temp_path(&folder, "other.gguf"), 2);
    size_t size;
    char *const other = read_whole(temp_path(&folder, "other.gguf"), &size);
    assert_int_equal(size, st.st_size);
    write_whole(model_path, other, size);
    set_time(model_path, 1000000000, 5);
    opened o = open_packed(model_path, false);
    assert_null(path_of(&o));
    assert_true(sum_bytes(&o) != j.sum);
    close_all(&o);
    free(other);
    free(j.bytes);
}

static void a_copy_of_the_model_is_another_file(void **state)
{
    size_t size;
    (void)state;
    set_time(model_path, 1000000000, 5);
    judged j = prepare_judged();
    char *const bytes = read_whole(model_path, &size);
    temp_write(&folder, "copy", bytes, size);
    assert_int_equal(rename(temp_path(&folder, "copy"), model_path), 0);
    set_time(model_path, 1000000000, 5);
    assert_false(is_believed(&j));
    free(bytes);
    free(j.bytes);
}

static void a_damaged_cache_is_made_anew_in_its_place(void **state)
{
    size_t size, again;
    (void)state;
    opened o = open_packed(model_path, false);
    close_all(&o);
    char *const sound = read_whole(beside, &size);
    write_whole(beside, sound, size / 2);
    o = open_packed(model_path, false);
    assert_string_equal(path_of(&o), beside);
    close_all(&o);
    char *const made = read_whole(beside, &again);
    assert_int_equal(again, size);
    assert_memory_equal(made, sound, size);
    assert_int_equal(count_files(folder.path), 3); /* model, cache, the shared folder */
    free(sound);
    free(made);
}

static void what_is_no_file_in_the_place_of_a_cache_does_no_harm(void **state)
{
    (void)state;
    assert_int_equal(mkdir(beside, 0700), 0);
    opened o = open_packed(model_path, false);
    assert_non_null(strstr(path_of(&o), "/caches/bantam/m.gguf-"));
    close_all(&o);
    assert_int_equal(rmdir(beside), 0);
    temp_remove_all(temp_path(&folder, "caches/bantam"));

    assert_int_equal(mkfifo(beside, 0600), 0); /* nobody writes to it: it must not be opened */
    o = open_packed(model_path, false);
    assert_non_null(strstr(path_of(&o), "/caches/bantam/m.gguf-"));
    close_all(&o);
    assert_int_equal(unlink(beside), 0);
    temp_remove_all(temp_path(&folder, "caches/bantam"));

    assert_int_equal(symlink("m.gguf.bantam-cache", beside), 0);
    o = open_packed(model_path, false);
    assert_non_null(path_of(&o));
    close_all(&o);
}

/* ---- places ------------------------------------------------------------------------------ */

static void a_model_behind_a_link_is_kept_in_the_shared_folder(void **state)
{
    (void)state;
    assert_int_equal(symlink(model_path, temp_path(&folder, "link.gguf")), 0);
    opened o = open_packed(temp_path(&folder, "link.gguf"), false);
    assert_non_null(strstr(path_of(&o), "/caches/bantam/link.gguf-"));
    close_all(&o);
    assert_false(is_there(beside));
}

static void off_keeps_nothing(void **state)
{
    (void)state;
    setenv("BANTAM_CACHE", "off", 1);
    opened o = open_packed(model_path, false);
    assert_null(path_of(&o));
    assert_null(bnt_pack_note(o.model->pack));
    close_all(&o);
    unsetenv("BANTAM_CACHE");
    setenv("BANTAM_CACHE_MIN", "16M", 1); /* this model has less */
    o = open_packed(model_path, false);
    assert_null(path_of(&o));
    close_all(&o);
    assert_int_equal(count_files(folder.path), 2);
    assert_int_equal(count_files(shared), 0);
}

/* In a process of its own, without the right to write beside the model. */
static void a_folder_that_cannot_be_written_to_is_passed_over(void **state)
{
    (void)state;
    assert_int_equal(chmod(folder.path, 0555), 0);
    assert_int_equal(chmod(shared, 0777), 0);
    const pid_t child = fork();
    if (child == 0) {
        if (geteuid() == 0 && setuid(65534)) _exit(1);
        opened o = open_plain(model_path);
        if (bnt_model_pack(o.model, NULL, NULL)) _exit(2);
        if (!path_of(&o) || !strstr(path_of(&o), "/caches/bantam/m.gguf-")) _exit(3);
        close_all(&o);
        /* And where the shared folder cannot be written to either, a note. */
        setenv("XDG_CACHE_HOME", folder.path, 1);
        o = open_plain(model_path);
        if (bnt_model_pack(o.model, NULL, NULL) || path_of(&o)) _exit(4);
        if (!strstr(bnt_pack_note(o.model->pack), "bantam-cache: ")) _exit(5);
        close_all(&o);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(chmod(folder.path, 0755), 0);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_false(is_there(beside));
}

static void a_full_disk_means_memory_and_a_note(void **state)
{
    struct rlimit old, small;
    (void)state;
    getrlimit(RLIMIT_FSIZE, &old);
    small = old;
    small.rlim_cur = 4096;
    /* A write beyond the limit would raise SIGXFSZ, which ends the process. */
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    opened o = open_packed(model_path, false);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_null(path_of(&o));
    assert_non_null(strstr(bnt_pack_note(o.model->pack), "File too large"));
    opened memory = open_packed(model_path, true);
    assert_true(sum_bytes(&o) == sum_bytes(&memory));
    close_all(&o);
    close_all(&memory);
    assert_int_equal(count_files(folder.path), 2);
    assert_int_equal(count_files(temp_path(&folder, "caches/bantam")), 0);
}

static void those_used_long_ago_go_first(void **state)
{
    char paths[4][600];
    struct stat st;
    (void)state;
    setenv("BANTAM_CACHE", shared, 1);
    for (int i = 0; i < 3; i++) {
        char name[32];
        snprintf(name, sizeof name, "m%d.gguf", i);
        write_model(temp_path(&folder, name), 10 + (uint64_t)i);
        opened o = open_packed(temp_path(&folder, name), false);
        snprintf(paths[i], sizeof paths[i], "%s", path_of(&o));
        close_all(&o);
        set_time(paths[i], 1000000000 + i, 0);
    }
    opened o = open_packed(temp_path(&folder, "m0.gguf"), false); /* now the last one used */
    close_all(&o);
    assert_int_equal(stat(paths[0], &st), 0);
    assert_true(st.st_mtime > 1000000002);

    char max[32];
    snprintf(max, sizeof max, "%lld", (long long)st.st_size * 3 + 100);
    setenv("BANTAM_CACHE_MAX", max, 1);
    temp_write_text(&folder, "caches/notes.txt", "not a cache");
    temp_write_text(&folder, "caches/.bantam-1-2.tmp", "abandoned");
    set_time(temp_path(&folder, "caches/.bantam-1-2.tmp"), 1000000000, 0);
    temp_write_text(&folder, "caches/.bantam-1-3.tmp", "being written");
    o = open_packed(model_path, false);
    assert_non_null(path_of(&o));
    close_all(&o);
    assert_true(is_there(paths[0]));
    assert_false(is_there(paths[1]));
    assert_true(is_there(paths[2]));
    assert_true(is_there(temp_path(&folder, "caches/notes.txt")));
    assert_false(is_there(temp_path(&folder, "caches/.bantam-1-2.tmp")));
    assert_true(is_there(temp_path(&folder, "caches/.bantam-1-3.tmp")));
}

static void processes_that_make_it_at_once_all_get_it(void **state)
{
    enum { N = 4 };
    pid_t children[N];
    (void)state;
    opened memory = open_packed(model_path, true);
    const uint64_t sum = sum_bytes(&memory);
    close_all(&memory);
    for (int i = 0; i < N; i++) {
        children[i] = fork();
        if (children[i] != 0) continue;
        for (int turn = 0; turn < 5; turn++) {
            opened o = open_plain(model_path);
            if (bnt_model_pack(o.model, NULL, NULL)) _exit(1);
            if (!path_of(&o) || sum_bytes(&o) != sum) _exit(2);
            close_all(&o);
            if (turn % 2 == 0) unlink(beside);
        }
        _exit(0);
    }
    for (int i = 0; i < N; i++) {
        int status;
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
    }
    unlink(beside);
    assert_int_equal(count_files(folder.path), 2);
}

/* ---- stopping, failing, removing --------------------------------------------------------- */

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

typedef struct removed {
    size_t n;
    uint64_t bytes;
} removed;

static void on_removed(void *user, bantam_text path, uint64_t bytes)
{
    removed *const r = user;
    assert_true(path.size > strlen(".bantam-cache"));
    r->n++;
    r->bytes += bytes;
}

static void caches_are_removed_where_they_lie(void **state)
{
    removed r = {0};
    struct stat st;
    (void)state;
    opened o = open_packed(model_path, false);
    close_all(&o);
    assert_int_equal(stat(beside, &st), 0);
    const uint64_t bytes = (uint64_t)st.st_size;
    assert_int_equal(symlink(model_path, temp_path(&folder, "link.gguf")), 0);
    o = open_packed(temp_path(&folder, "link.gguf"), false);
    close_all(&o);
    write_model(temp_path(&folder, "gone.gguf"), 7);
    o = open_packed(temp_path(&folder, "gone.gguf"), false);
    close_all(&o);
    assert_int_equal(unlink(temp_path(&folder, "gone.gguf")), 0);

    assert_int_equal(bantam_cache_remove(model_path, on_removed, &r, NULL), BANTAM_OK);
    assert_int_equal(r.n, 1);
    assert_int_equal(r.bytes, bytes);
    assert_false(is_there(beside));
    assert_true(is_there(model_path));
    assert_int_equal(bantam_cache_remove(model_path, on_removed, &r, NULL), BANTAM_OK);
    assert_int_equal(r.n, 1);

    /* The model need not be there. */
    const char *const gone = temp_path(&folder, "gone.gguf");
    assert_int_equal(bantam_cache_remove(gone, on_removed, &r, NULL), BANTAM_OK);
    assert_int_equal(r.n, 2);
    assert_int_equal(bantam_cache_remove(NULL, on_removed, &r, NULL), BANTAM_OK);
    assert_int_equal(r.n, 3);
    assert_int_equal(r.bytes, 3 * bytes);
    assert_int_equal(count_files(temp_path(&folder, "caches/bantam")), 0);
    assert_int_equal(bantam_cache_remove(NULL, NULL, NULL, NULL), BANTAM_OK);
    assert_int_equal(bantam_cache_remove("", NULL, NULL, NULL), BANTAM_ERR_INVALID);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest cases[] = {
        CASE(packed_rows_hold_the_numbers_of_the_file),
        CASE(file_and_memory_hold_the_same_bytes),
        CASE(weight_bytes_are_those_that_are_computed_with),
        CASE(a_packed_model_is_the_same_model),
        CASE(a_head_that_is_the_embedding_is_packed_once),
        CASE(a_model_of_floats_is_left_alone),
        CASE(logits_from_file_memory_and_second_start_are_the_same_bits),
        CASE(a_cache_cut_while_in_use_is_an_error_not_a_crash),
        CASE(a_model_to_describe_is_planned_as_packed_and_has_no_sessions),
        CASE(a_set_of_instructions_that_is_not_there_is_told),
        CASE(a_cache_cut_anywhere_is_not_believed),
        CASE(no_changed_byte_of_the_head_is_believed),
        CASE(a_cache_whose_weights_were_not_written_is_not_believed),
        CASE(a_model_that_changed_has_no_cache),
        CASE(a_copy_of_the_model_is_another_file),
        CASE(a_damaged_cache_is_made_anew_in_its_place),
        CASE(what_is_no_file_in_the_place_of_a_cache_does_no_harm),
        CASE(a_model_behind_a_link_is_kept_in_the_shared_folder),
        CASE(off_keeps_nothing),
        CASE(a_folder_that_cannot_be_written_to_is_passed_over),
        CASE(a_full_disk_means_memory_and_a_note),
        CASE(those_used_long_ago_go_first),
        CASE(processes_that_make_it_at_once_all_get_it),
        CASE(progress_is_told_and_can_stop),
        CASE(no_allocation_is_left_untried),
        CASE(caches_are_removed_where_they_lie),
    };
    return cmocka_run_group_tests(cases, NULL, NULL);
}
