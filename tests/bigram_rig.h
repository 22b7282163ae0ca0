/* bigram_rig.h - models whose likelihoods a test knows, because it has written them down.
 *
 * Every token has a direction of its own as its embedding, the one layer adds nothing, and the
 * head holds what each direction says of the next token: a table of logits by the token before.
 * A model may also be random, or have more tokens than those.
 */
#ifndef BNT_TESTS_BIGRAM_RIG_H
#define BNT_TESTS_BIGRAM_RIG_H
#include "support.h"
#include "tiny_model.h"

#include "base/rng.h"
#include "base/text.h"
#include "format/gguf_write.h"

#include <math.h>
#include <unistd.h>

enum {
    BIGRAM_WIDTH = 32,
    BIGRAM_SPACE = 8, /* behind a to h */
    BIGRAM_BOS = 9,
    BIGRAM_SPACE_A = 10, /* " a", merged */
    BIGRAM_N = 11
};

#define BIGRAM_NEVER (-60.0) /* a logit that is as good as impossible */

typedef struct bigram {
    double logits[BIGRAM_N][BIGRAM_N]; /* of the next token, by the one before */
    uint64_t seed;                     /* not 0: random matrices in place of all that */
    bool adds_bos;
    uint32_t n_more;         /* tokens beyond BIGRAM_N */
    const char *const *more; /* their texts; NULL: "<pad11>" and so on */
    double padding;          /* their logit */
    const char *h;           /* in place of the token "h" */
    bool not_numbers;        /* the last norm is NaN */
} bigram;

/* All tokens never. */
static inline bigram bigram_none(void)
{
    bigram b = {.seed = 0};

    for (int i = 0; i < BIGRAM_N; i++) {
        for (int j = 0; j < BIGRAM_N; j++)
            b.logits[i][j] = BIGRAM_NEVER;
    }
    return b;
}

static inline void bigram_put_words(bnt_gguf_writer *w, const bigram *b)
{
    static const char *const names[BIGRAM_N] = {"a", "b", "c",        "d",   "e",           "f",
                                                "g", "h", "\xC4\xA0", "<s>", "\xC4\xA0\x61"};
    const bantam_text merge = bnt_text_of("\304\240 a");
    const uint32_t n = BIGRAM_N + b->n_more;
    bantam_text *const texts = calloc(n, sizeof *texts);
    int32_t *const kinds = calloc(n, sizeof *kinds);
    char(*const padding)[16] = calloc(n, sizeof *padding);

    assert_true(texts && kinds && padding);
    for (uint32_t i = 0; i < n; i++) {
        snprintf(padding[i], sizeof padding[i], "<pad%u>", i);
        texts[i] = bnt_text_of(i < BIGRAM_N ? names[i]
                               : b->more    ? b->more[i - BIGRAM_N]
                                            : padding[i]);
        kinds[i] = *texts[i].data == '<' ? 3 : 1;
    }
    if (b->h) texts[7] = bnt_text_of(b->h);
    bnt_gguf_put_text(w, "tokenizer.ggml.model", bnt_text_of("gpt2"));
    bnt_gguf_put_text(w, "tokenizer.ggml.pre", bnt_text_of("gpt-2"));
    bnt_gguf_put_texts(w, "tokenizer.ggml.tokens", texts, n);
    bnt_gguf_put_i32s(w, "tokenizer.ggml.token_type", kinds, n);
    bnt_gguf_put_texts(w, "tokenizer.ggml.merges", &merge, 1);
    bnt_gguf_put_u32(w, "tokenizer.ggml.bos_token_id", BIGRAM_BOS);
    bnt_gguf_put_bool(w, "tokenizer.ggml.add_bos_token", b->adds_bos);
    free(texts);
    free(kinds);
    free(padding);
}

/* Row and column of a matrix; what no token stands for has no direction. */
static inline float bigram_weight(const bigram *b, bnt_rng *rng, const char *name, uint32_t row,
                                  uint32_t column)
{
    const double length = sqrt((double)BIGRAM_WIDTH); /* so that the norm leaves it as it is */

    if (b->seed) return (float)(0.5 * bnt_rng_normal(rng));
    if (strcmp(name, "token_embd.weight") == 0) {
        return row < BIGRAM_N && row == column ? (float)length : 0.0f;
    }
    if (strcmp(name, "output.weight") != 0 || column >= BIGRAM_N) return 0.0f;
    return (float)((row < BIGRAM_N ? b->logits[column][row] : b->padding) / length);
}

static inline void bigram_write(const char *path, const bigram *b)
{
    const uint32_t n_rows = BIGRAM_N + b->n_more, n = BIGRAM_WIDTH;
    const struct {
        const char *name;
        uint32_t rows;
    } tensors[] = {{"token_embd.weight", n_rows}, {"blk.0.attn_norm.weight", 0},
                   {"blk.0.attn_q.weight", n},    {"blk.0.attn_k.weight", n},
                   {"blk.0.attn_v.weight", n},    {"blk.0.attn_output.weight", n},
                   {"blk.0.ffn_norm.weight", 0},  {"blk.0.ffn_gate.weight", n},
                   {"blk.0.ffn_up.weight", n},    {"blk.0.ffn_down.weight", n},
                   {"output_norm.weight", 0},     {"output.weight", n_rows}};
    enum { N = sizeof tensors / sizeof tensors[0] };
    bnt_gguf_writer *w;
    bnt_rng rng;

    bnt_rng_seed(&rng, b->seed);
    assert_int_equal(bnt_gguf_writer_open(&w, path, NULL), BANTAM_OK);
    bnt_gguf_put_text(w, "general.architecture", bnt_text_of("llama"));
    bnt_gguf_put_u32(w, "llama.context_length", 256);
    bnt_gguf_put_u32(w, "llama.embedding_length", n);
    bnt_gguf_put_u32(w, "llama.block_count", 1);
    bnt_gguf_put_u32(w, "llama.feed_forward_length", n);
    bnt_gguf_put_u32(w, "llama.attention.head_count", 2);
    bnt_gguf_put_u32(w, "llama.vocab_size", n_rows);
    bnt_gguf_put_f32(w, "llama.attention.layer_norm_rms_epsilon", 1e-12f);
    bigram_put_words(w, b);
    for (int i = 0; i < N; i++) {
        const uint64_t dims[2] = {n, tensors[i].rows};
        bnt_gguf_declare(w, bnt_text_of(tensors[i].name), bnt_type_find(BNT_TYPE_F32),
                         tensors[i].rows ? 2 : 1, dims);
    }
    for (int i = 0; i < N; i++) {
        const bool poisoned =
            b->not_numbers && strcmp(tensors[i].name, "output_norm.weight") == 0;
        for (uint32_t r = 0; r < (tensors[i].rows ? tensors[i].rows : 1); r++) {
            for (uint32_t c = 0; c < n; c++) {
                float value = poisoned ? NAN : 1.0f;
                if (tensors[i].rows) value = bigram_weight(b, &rng, tensors[i].name, r, c);
                bnt_gguf_put_data(w, &value, sizeof value);
            }
        }
    }
    assert_int_equal(bnt_gguf_writer_commit(w, NULL), BANTAM_OK);
}

/* A model with one session. */
typedef struct bigram_rig {
    bantam_model *model;
    bantam_session *session;
    char path[512];
} bigram_rig;

static inline bigram_rig bigram_open(const bigram *b, uint32_t context)
{
    static unsigned turn;
    const bantam_session_options o = {.struct_size = sizeof o,
                                      .context_tokens = context,
                                      .n_threads = 1,
                                      .kv = BANTAM_KV_F32};
    bigram_rig r;
    bantam_error err;
    char name[64];

    snprintf(name, sizeof name, "bigram-%u.gguf", turn++);
    snprintf(r.path, sizeof r.path, "%s", tiny_path(name));
    bigram_write(r.path, b);
    if (bantam_model_open(&r.model, r.path, NULL, &err)) fail_msg("%s", err.message);
    if (bantam_session_open(&r.session, r.model, &o, &err)) fail_msg("%s", err.message);
    return r;
}

static inline void bigram_close(bigram_rig *r)
{
    bantam_session_close(r->session);
    bantam_model_close(r->model);
    unlink(r->path);
}

#endif
