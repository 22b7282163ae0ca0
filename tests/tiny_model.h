/* tiny_model.h - GGUF files of tiny random models, of which a test can change any metadata
 * value and any tensor. */
#ifndef BNT_TESTS_TINY_MODEL_H
#define BNT_TESTS_TINY_MODEL_H
#include "base/f16.h"
#include "gguf_builder.h"
#include "support.h"

#include <unistd.h>

enum { TINY_ABSENT = 99 };

/* A metadata value: bytes as they stand in the file after the type. */
typedef struct tiny_pair {
    const char *key; /* NULL ends a list */
    uint32_t type;
    size_t size;
    uint8_t bytes[128];
} tiny_pair;

static inline tiny_pair tiny_absent(const char *key)
{
    return (tiny_pair){key, TINY_ABSENT, 0, {0}};
}
static inline tiny_pair tiny_raw(const char *key, uint32_t type, const void *data, size_t size)
{
    tiny_pair p = {key, type, size, {0}};
    memcpy(p.bytes, data, size);
    return p;
}
static inline tiny_pair tiny_u32(const char *key, uint32_t value)
{
    return tiny_raw(key, GB_U32, &value, 4);
}
static inline tiny_pair tiny_i32(const char *key, int32_t value)
{
    return tiny_raw(key, GB_I32, &value, 4);
}
static inline tiny_pair tiny_u64(const char *key, uint64_t value)
{
    return tiny_raw(key, GB_U64, &value, 8);
}
static inline tiny_pair tiny_f32(const char *key, float value)
{
    return tiny_raw(key, GB_F32, &value, 4);
}
static inline tiny_pair tiny_bool(const char *key, bool value)
{
    const uint8_t byte = value;
    return tiny_raw(key, GB_BOOL, &byte, 1);
}
static inline tiny_pair tiny_bytes(const char *key, const char *data, uint64_t size)
{
    tiny_pair p = {key, GB_STRING, 8 + (size_t)size, {0}};
    memcpy(p.bytes, &size, 8);
    memcpy(p.bytes + 8, data, (size_t)size);
    return p;
}
static inline tiny_pair tiny_text(const char *key, const char *text)
{
    return tiny_bytes(key, text, strlen(text));
}
/* element_size bytes each. */
static inline tiny_pair tiny_array(const char *key, uint32_t element, const void *data,
                                   uint64_t n, size_t element_size)
{
    tiny_pair p = {key, GB_ARRAY, 12 + (size_t)n * element_size, {0}};
    memcpy(p.bytes, &element, 4);
    memcpy(p.bytes + 4, &n, 8);
    if (n) memcpy(p.bytes + 12, data, (size_t)n * element_size);
    return p;
}
static inline tiny_pair tiny_u32s(const char *key, const uint32_t *values, uint64_t n)
{
    return tiny_array(key, GB_U32, values, n, 4);
}

typedef struct tiny_spec {
    const char *arch;                                                         /* NULL: llama */
    uint32_t n_layers, n_embd, n_heads, n_kv_heads, head_dim, n_ffn, n_vocab; /* 0: default */
    bool untied;
    uint64_t seed;
    const tiny_pair *pairs; /* replace the pairs of the same key, or are added */
    const char *left_out;   /* a tensor that is missing */
    const char *extra;      /* a vector of n_embd that is added */
    const char *divisors;   /* a vector of head_dim / 2 that is added, all 2.0 */
    const char *swapped;    /* a matrix whose rows and columns are exchanged */
    const char *poisoned;   /* a tensor whose values are all `poison` */
    float poison;
    bool f16_norms, f16_matrices;
} tiny_spec;

typedef struct tiny_writer {
    const tiny_spec *spec;
    gguf_builder file;
    uint64_t rng;
} tiny_writer;

static inline void tiny_put_pair(tiny_writer *w, const tiny_pair *p)
{
    if (p->type == TINY_ABSENT) return;
    gb_text(&w->file.pairs, p->key);
    gb_u32(&w->file.pairs, p->type);
    gb_raw(&w->file.pairs, p->bytes, p->size);
    w->file.n_pairs++;
}

/* A default, unless the spec has its own value. */
static inline void tiny_default(tiny_writer *w, tiny_pair p)
{
    for (const tiny_pair *o = w->spec->pairs; o && o->key; o++) {
        if (strcmp(o->key, p.key) == 0) return;
    }
    tiny_put_pair(w, &p);
}

/* Uniform in [-1, 1). */
static inline float tiny_random(tiny_writer *w)
{
    w->rng = w->rng * 6364136223846793005u + 1442695040888963407u;
    return (float)(int32_t)(w->rng >> 32) / 2147483648.0f;
}

static inline void tiny_tensor(tiny_writer *w, const char *name, uint64_t rows,
                               uint64_t columns)
{
    const bool norm = rows == 1;
    const bool poisoned = w->spec->poisoned && strcmp(w->spec->poisoned, name) == 0;
    const bool divisors = w->spec->divisors && strcmp(w->spec->divisors, name) == 0;
    const bool f16 = norm ? w->spec->f16_norms : w->spec->f16_matrices;
    if (w->spec->left_out && strcmp(w->spec->left_out, name) == 0) return;

    gb_bytes values = {0};
    for (uint64_t i = 0; i < rows * columns; i++) {
        float value = tiny_random(w);
        value = norm ? 1.0f + 0.25f * value : 0.4f * value;
        if (divisors) value = 2.0f;
        if (poisoned) value = w->spec->poison;
        if (f16) {
            gb_u16(&values, bnt_f32_to_f16(value));
        } else {
            gb_f32(&values, value);
        }
    }
    const bool swapped = w->spec->swapped && strcmp(w->spec->swapped, name) == 0;
    const uint64_t dims[] = {swapped ? rows : columns, swapped ? columns : rows};
    gb_add_tensor(&w->file, name, f16 ? 1 : 0, norm ? 1 : 2, dims, values.data, values.size);
    free(values.data);
}

static inline const char *tiny_key(const tiny_spec *s, const char *name)
{
    static char keys[16][96];
    static unsigned turn;
    char *const key = keys[turn++ % 16];
    snprintf(key, sizeof keys[0], "%s.%s", s->arch, name);
    return key;
}

static inline void tiny_metadata(tiny_writer *w)
{
    const tiny_spec *const s = w->spec;
    tiny_default(w, tiny_text("general.architecture", s->arch));
    tiny_default(w, tiny_u32(tiny_key(s, "block_count"), s->n_layers));
    tiny_default(w, tiny_u32(tiny_key(s, "embedding_length"), s->n_embd));
    tiny_default(w, tiny_u32(tiny_key(s, "feed_forward_length"), s->n_ffn));
    tiny_default(w, tiny_u32(tiny_key(s, "context_length"), 512));
    tiny_default(w, tiny_u32(tiny_key(s, "attention.head_count"), s->n_heads));
    tiny_default(w, tiny_u32(tiny_key(s, "attention.head_count_kv"), s->n_kv_heads));
    tiny_default(w, tiny_u32(tiny_key(s, "attention.key_length"), s->head_dim));
    tiny_default(w, tiny_u32(tiny_key(s, "attention.value_length"), s->head_dim));
    tiny_default(w, tiny_f32(tiny_key(s, "attention.layer_norm_rms_epsilon"), 1e-5f));
    for (const tiny_pair *p = s->pairs; p && p->key; p++) {
        tiny_put_pair(w, p);
    }
}

static inline void tiny_tensors(tiny_writer *w)
{
    const tiny_spec *const s = w->spec;
    const uint64_t heads = (uint64_t)s->n_heads * s->head_dim;
    const uint64_t kv = (uint64_t)s->n_kv_heads * s->head_dim;
    tiny_tensor(w, "token_embd.weight", s->n_vocab, s->n_embd);
    for (uint32_t l = 0; l < s->n_layers; l++) {
        const struct {
            const char *name;
            uint64_t rows, columns;
        } all[] = {{"attn_norm", 1, s->n_embd},       {"attn_q", heads, s->n_embd},
                   {"attn_k", kv, s->n_embd},         {"attn_v", kv, s->n_embd},
                   {"attn_output", s->n_embd, heads}, {"ffn_norm", 1, s->n_embd},
                   {"ffn_gate", s->n_ffn, s->n_embd}, {"ffn_up", s->n_ffn, s->n_embd},
                   {"ffn_down", s->n_embd, s->n_ffn}};
        for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
            char name[64];
            snprintf(name, sizeof name, "blk.%u.%s.weight", (unsigned)l, all[i].name);
            tiny_tensor(w, name, all[i].rows, all[i].columns);
        }
    }
    tiny_tensor(w, "output_norm.weight", 1, s->n_embd);
    if (s->untied) tiny_tensor(w, "output.weight", s->n_vocab, s->n_embd);
    if (s->extra) tiny_tensor(w, s->extra, 1, s->n_embd);
    if (s->divisors) tiny_tensor(w, s->divisors, 1, s->head_dim / 2);
}

/* Writes the file. */
static inline void tiny_write(const char *path, const tiny_spec *given)
{
    tiny_spec s = *given;
    if (!s.arch) s.arch = "llama";
    if (!s.n_layers) s.n_layers = 2;
    if (!s.n_embd) s.n_embd = 32;
    if (!s.n_heads) s.n_heads = 4;
    if (!s.n_kv_heads) s.n_kv_heads = 2;
    if (!s.head_dim) s.head_dim = 8;
    if (!s.n_ffn) s.n_ffn = 48;
    if (!s.n_vocab) s.n_vocab = 40;

    tiny_writer w = {.spec = &s, .rng = s.seed * 2 + 1};
    gb_init(&w.file);
    tiny_metadata(&w);
    tiny_tensors(&w);

    size_t size = 0;
    uint8_t *const file = gb_finish(&w.file, &size);
    write_whole(path, file, size);
    free(file);
}

/* A path of this process in the temporary folder, in one of eight rotating buffers. */
static inline const char *tiny_path(const char *name)
{
    static char paths[8][512];
    static unsigned turn;
    char *const path = paths[turn++ % 8];
    const char *tmp = getenv("TMPDIR");
    snprintf(path, sizeof paths[0], "%s/bantam-test-%ld-%s", tmp && *tmp ? tmp : "/tmp",
             (long)getpid(), name);
    return path;
}

#endif
