/* pack_rig.h - a small model with every type that is interleaved and one that is not, opened
 * with its weights packed or as they lie. */
#ifndef BNT_TESTS_PACK_RIG_H
#define BNT_TESTS_PACK_RIG_H
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

enum {
    N_EMBD = 256,
    N_FFN = 512,
    N_WIDE_FFN = 4352, /* several pieces, so that threads share the work */
    N_VOCAB = 37,
    N_HEADS = 4,
    N_MATRICES = 9
};

static uint32_t n_ffn = N_FFN;

static temp_folder folder;
static char model_path[512], beside[600], shared[300];

/* ---- a model ----------------------------------------------------------------------------- */

static uint64_t random_state;

static inline uint8_t next_byte(void)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint8_t)(random_state >> 56);
}

/* Any bits are codes; scales and mins are small numbers. */
static inline void put_tensor(bnt_gguf_writer *w, const bnt_type *type, uint64_t values)
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

static inline void write_model_of(const char *path, uint64_t seed, bool tied, bool floats)
{
    const struct {
        const char *key;
        uint32_t value;
    } numbers[] = {
        {"llama.embedding_length", N_EMBD},   {"llama.block_count", 1},
        {"llama.feed_forward_length", n_ffn}, {"llama.attention.head_count", N_HEADS},
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
            const uint64_t rows = t->rows == N_FFN ? n_ffn : t->rows;
            const uint64_t columns = t->columns == N_FFN ? n_ffn : t->columns;
            const uint64_t dims[2] = {columns, rows};
            if (tied && strcmp(t->name, "output.weight") == 0) continue;
            if (pass == 0) {
                bnt_gguf_declare(w, name, bnt_type_find(id), rows > 1 ? 2 : 1, dims);
            } else {
                put_tensor(w, bnt_type_find(id), rows * columns);
            }
        }
    }
    assert_int_equal(bnt_gguf_writer_commit(w, NULL), BANTAM_OK);
}

static inline void write_model(const char *path, uint64_t seed)
{
    write_model_of(path, seed, false, false);
}

/* ---- opening ----------------------------------------------------------------------------- */

static inline bool is_there(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0;
}

typedef struct opened {
    bnt_archive *archive;
    bnt_model *model;
} opened;

static inline opened open_plain(const char *path)
{
    opened o;
    bantam_error err;
    if (bnt_archive_open(&o.archive, path, &err)) fail_msg("%s", err.message);
    if (bnt_model_open(&o.model, o.archive, BANTAM_ROPE_DEFAULT, &err)) {
        fail_msg("%s", err.message);
    }
    return o;
}

static inline opened open_packed(const char *path, bool no_cache)
{
    const bnt_pack_options options = {.no_cache = no_cache};
    opened o = open_plain(path);
    bantam_error err;
    if (bnt_model_pack(o.model, &options, &err)) fail_msg("%s", err.message);
    return o;
}

static inline void close_all(opened *o)
{
    bnt_model_close(o->model);
    bnt_archive_close(o->archive);
}

static inline const char *path_of(const opened *o)
{
    return o->model->pack ? bnt_pack_path(o->model->pack) : NULL;
}

/* A sum over all weights' bytes as they lie. */
static inline uint64_t sum_bytes(const opened *o)
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

static inline size_t count_files(const char *path)
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

static inline int setup(void **state)
{
    (void)state;
    temp_make(&folder);
    n_ffn = N_FFN;
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

static inline int teardown(void **state)
{
    (void)state;
    temp_remove(&folder);
    return 0;
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
