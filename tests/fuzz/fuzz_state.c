/* fuzz_state.c - saved sessions from bytes that nobody vouches for.
 *
 * What cannot be guessed (identity of the model, length, digest) is put right in a copy of the
 * input, so that every other number is reached. A state that is accepted is gone on with.
 */
#include "base/digest.h"
#include "base/mem.h"
#include "gguf_builder.h"
#include "session/state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { VOCAB = 24, EMBD = 16, FFN = 16, LAYERS = 3, HEAD_DIM = 16, CONTEXT = 32, WINDOW = 4 };

static bnt_archive *archive;
static bnt_model *model;
static bnt_session *session;

static void add(gguf_builder *b, const char *name, uint64_t rows, uint64_t columns)
{
    static uint64_t random = 1;
    const uint64_t dims[] = {columns, rows};
    gb_bytes values = {0};

    for (uint64_t i = 0; i < rows * columns; i++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        gb_f32(&values, rows == 1 ? 1.0f : (float)(int32_t)(random >> 32) * 0x1p-33f);
    }
    gb_add_tensor(b, name, 0, rows == 1 ? 1 : 2, dims, values.data, values.size);
    free(values.data);
}

static void write_model(const char *path)
{
    const uint8_t pattern[LAYERS] = {0, 1, 0};
    gguf_builder b;
    size_t size = 0;

    gb_init(&b);
    gb_put_text(&b, "general.architecture", "llama");
    gb_put_u32(&b, "llama.block_count", LAYERS);
    gb_put_u32(&b, "llama.embedding_length", EMBD);
    gb_put_u32(&b, "llama.feed_forward_length", FFN);
    gb_put_u32(&b, "llama.context_length", CONTEXT);
    gb_put_u32(&b, "llama.attention.head_count", EMBD / HEAD_DIM);
    gb_put_u32(&b, "llama.attention.head_count_kv", 1);
    gb_put_u32(&b, "llama.attention.sliding_window", WINDOW);
    gb_put_f32(&b, "llama.attention.layer_norm_rms_epsilon", 1e-5f);
    gb_put_bools(&b, "llama.attention.sliding_window_pattern", pattern, LAYERS);
    add(&b, "token_embd.weight", VOCAB, EMBD);
    add(&b, "output_norm.weight", 1, EMBD);
    for (int l = 0; l < LAYERS; l++) {
        static const struct {
            const char *name;
            uint64_t rows, columns;
        } all[] = {
            {"attn_norm", 1, EMBD},     {"attn_q", EMBD, EMBD},      {"attn_k", HEAD_DIM, EMBD},
            {"attn_v", HEAD_DIM, EMBD}, {"attn_output", EMBD, EMBD}, {"ffn_norm", 1, EMBD},
            {"ffn_gate", FFN, EMBD},    {"ffn_up", FFN, EMBD},       {"ffn_down", EMBD, FFN}};
        for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
            char name[64];
            snprintf(name, sizeof name, "blk.%d.%s.weight", l, all[i].name);
            add(&b, name, all[i].rows, all[i].columns);
        }
    }
    uint8_t *const file = gb_finish(&b, &size);
    FILE *const f = fopen(path, "wb");
    if (!f || fwrite(file, 1, size, f) != size || fclose(f)) abort();
    free(file);
}

static void open_session(void)
{
    const bantam_session_options o = {.struct_size = sizeof o,
                                      .context_tokens = CONTEXT,
                                      .batch_tokens = 4,
                                      .n_threads = 1,
                                      .kv = BANTAM_KV_Q8};
    bantam_error err = {0};
    char path[256];

    snprintf(path, sizeof path, "/tmp/bantam-fuzz-state-%ld.gguf", (long)getpid());
    write_model(path);
    if (bnt_archive_open(&archive, path, &err) ||
        bnt_model_open(&model, archive, BANTAM_ROPE_DEFAULT, &err) ||
        bnt_session_open(&session, model, NULL, &o, &err)) {
        fprintf(stderr, "%s\n", err.message);
        abort();
    }
    unlink(path);

    const char *const seed = getenv("BANTAM_FUZZ_SEED"); /* writes a state to begin with */
    if (seed) {
        uint32_t tokens[20];
        for (uint32_t i = 0; i < 20; i++)
            tokens[i] = i;
        if (bnt_session_feed(session, tokens, 20, &err)) abort();
        if (bnt_session_save(session, seed, &err)) abort();
    }
}

static void put_number(uint8_t *at, uint64_t value, size_t size)
{
    for (size_t i = 0; i < size; i++)
        at[i] = (uint8_t)(value >> 8 * i);
}

/* The fields that no fuzzer finds. */
static void put_right(uint8_t *data, size_t size)
{
    bnt_digest d;

    if (size < BNT_STATE_HEADER + 8) return;
    memcpy(data, "BNTSTATE", 8);
    put_number(data + 8, BNT_STATE_VERSION, 4);
    put_number(data + 48, size, 8);
    put_number(data + 56, 0, 8); /* no tokenizer */
    bnt_model_identity(model, data + 64);
    bnt_digest_init(&d);
    bnt_digest_put(&d, data, size - 8);
    put_number(data + size - 8, bnt_digest_end(&d), 8);
}

static void try_state(const uint8_t *data, size_t size)
{
    const uint32_t token = 1;
    bnt_state state;
    bantam_error err;

    if (bnt_state_check(&state, session, data, size, &err)) return;
    if (bnt_state_apply(session, &state, &err)) return;
    if (bnt_session_position(session) > CONTEXT) abort();
    bnt_session_feed(session, &token, 1, &err);
    bnt_state_apply_beginning(session, &state, state.position - state.position / 3);
    bnt_session_feed(session, &token, 1, &err);
    bnt_session_rewind(session, bnt_session_position(session) / 2, &err);
    bnt_session_feed(session, &token, 1, &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!session) open_session();
    try_state(data, size);

    uint8_t *const copy = malloc(size ? size : 1);
    if (!copy) return 0;
    if (size) memcpy(copy, data, size);
    put_right(copy, size);
    try_state(copy, size);
    free(copy);
    return 0;
}
