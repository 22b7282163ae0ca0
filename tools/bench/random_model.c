/* random_model.c - writes a model of a published shape with seeded random weights.
 *
 *     bantam-random-model [SHAPE [TYPE [SEED]]] OUT.gguf
 *
 * For measuring speed and memory where the real weights are not at hand, and for trying the
 * command: what such a model writes is noise. Its vocabulary is the 256 bytes, ChatML's
 * markers, and unused names up to the shape's size.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "base/utf8.h"
#include "format/gguf_write.h"
#include "token/byte_alphabet.h"

typedef struct shape {
    const char *name;
    uint32_t layers, embd, heads, kv_heads, head_dim, ffn, vocab, context;
    bool tied;
    float rope_base;
} shape;

static const shape shapes[] = {
    {"tiny", 4, 128, 4, 2, 32, 352, 259, 2048, true, 1e4f},
    {"smollm2-135m", 30, 576, 9, 3, 64, 1536, 49152, 8192, true, 1e5f},
    {"smollm2-360m", 32, 960, 15, 5, 64, 2560, 49152, 8192, true, 1e5f},
    {"smollm2-1.7b", 24, 2048, 32, 32, 64, 8192, 49152, 8192, true, 1.3e5f},
    {"llama3.2-1b", 16, 2048, 32, 8, 64, 8192, 128256, 131072, true, 5e5f},
    {"llama3.2-3b", 28, 3072, 24, 8, 128, 8192, 128256, 131072, true, 5e5f},
    {"amd-llama-135m", 12, 768, 12, 12, 64, 2048, 32000, 2048, false, 1e4f},
    {"phonelm-1.5b", 19, 2560, 16, 16, 160, 6816, 49152, 2048, true, 1e4f},
    {"ministral-8b", 36, 4096, 32, 8, 128, 12288, 131072, 32768, false, 1e8f},
};

static const char chatml[] =
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + "
    "message['content'] + '<|im_end|>\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

static bantam_text text_of(const char *s)
{
    const bantam_text t = {s, strlen(s)};
    return t;
}

static bool put_vocabulary(bnt_gguf_writer *w, uint32_t n)
{
    static const char *const specials[] = {"<|endoftext|>", "<|im_start|>", "<|im_end|>"};
    char(*const names)[24] = bnt_calloc(n, sizeof *names);
    bantam_text *const texts = bnt_calloc(n, sizeof *texts);
    int32_t *const kinds = bnt_calloc(n, sizeof *kinds);
    const bool ok = names && texts && kinds;

    for (uint32_t i = 0; ok && i < n; i++) {
        texts[i].data = names[i];
        if (i < 3) {
            texts[i] = text_of(specials[i]);
            kinds[i] = 3;
        } else if (i < 259) {
            texts[i].size = bnt_utf8_encode(bnt_byte_alphabet_code((uint8_t)(i - 3)), names[i]);
            kinds[i] = 1;
        } else {
            texts[i].size = (size_t)snprintf(names[i], sizeof names[i], "<|unused_%u|>", i);
            kinds[i] = 5;
        }
    }
    if (ok) {
        bnt_gguf_put_text(w, "tokenizer.ggml.model", text_of("gpt2"));
        bnt_gguf_put_text(w, "tokenizer.ggml.pre", text_of("smollm"));
        bnt_gguf_put_texts(w, "tokenizer.ggml.tokens", texts, n);
        bnt_gguf_put_i32s(w, "tokenizer.ggml.token_type", kinds, n);
        bnt_gguf_put_texts(w, "tokenizer.ggml.merges", NULL, 0);
        bnt_gguf_put_u32(w, "tokenizer.ggml.bos_token_id", 1);
        bnt_gguf_put_u32(w, "tokenizer.ggml.eos_token_id", 2);
        bnt_gguf_put_bool(w, "tokenizer.ggml.add_bos_token", false);
        bnt_gguf_put_text(w, "tokenizer.chat_template", text_of(chatml));
    }
    bnt_free(names);
    bnt_free(texts);
    bnt_free(kinds);
    return ok;
}

typedef struct plan {
    char name[48];
    uint32_t rows, columns; /* rows 0: a norm */
} plan;

static size_t plan_tensors(const shape *s, plan *out)
{
    size_t n = 0;
    out[n++] = (plan){"token_embd.weight", s->vocab, s->embd};
    for (uint32_t layer = 0; layer < s->layers; layer++) {
        const struct {
            const char *name;
            uint32_t rows, columns;
        } parts[] = {
            {"attn_norm", 0, s->embd},
            {"attn_q", s->heads * s->head_dim, s->embd},
            {"attn_k", s->kv_heads * s->head_dim, s->embd},
            {"attn_v", s->kv_heads * s->head_dim, s->embd},
            {"attn_output", s->embd, s->heads * s->head_dim},
            {"ffn_norm", 0, s->embd},
            {"ffn_gate", s->ffn, s->embd},
            {"ffn_up", s->ffn, s->embd},
            {"ffn_down", s->embd, s->ffn},
        };
        for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++, n++) {
            out[n].rows = parts[i].rows;
            out[n].columns = parts[i].columns;
            snprintf(out[n].name, sizeof out[n].name, "blk.%u.%s.weight", layer, parts[i].name);
        }
    }
    out[n++] = (plan){"output_norm.weight", 0, s->embd};
    if (!s->tied) out[n++] = (plan){"output.weight", s->vocab, s->embd};
    return n;
}

/* Uniform weights with the deviation 1 / sqrt(columns), which keeps activations of size one. */
static void fill_row(bnt_rng *rng, float *row, uint32_t columns)
{
    const float scale = sqrtf(12.0f / (float)columns);
    for (uint32_t i = 0; i < columns; i++) {
        row[i] = ((float)(bnt_rng_u64(rng) >> 40) * 0x1p-24f - 0.5f) * scale;
    }
}

static void put_tensors(bnt_gguf_writer *w, const plan *tensors, size_t n, const bnt_type *type,
                        uint64_t seed, float *row, void *stored)
{
    const bnt_type *const f32 = bnt_type_find(BNT_TYPE_F32);
    bnt_rng rng;

    bnt_rng_seed(&rng, seed);
    for (size_t i = 0; i < n; i++) {
        const plan *const t = &tensors[i];
        const uint64_t dims[2] = {t->columns, t->rows};
        const bool fits = t->rows && t->columns % type->block_values == 0;
        bnt_gguf_declare(w, text_of(t->name), fits ? type : f32, t->rows ? 2 : 1, dims);
    }
    for (size_t i = 0; i < n; i++) {
        const plan *const t = &tensors[i];
        const bnt_type *const to = t->rows && t->columns % type->block_values == 0 ? type : f32;
        uint64_t bytes = 0;
        bnt_type_bytes(to, 1, t->columns, &bytes);
        for (uint32_t r = 0; r < (t->rows ? t->rows : 1); r++) {
            for (uint32_t c = 0; !t->rows && c < t->columns; c++) {
                row[c] = 1.0f;
            }
            if (t->rows) fill_row(&rng, row, t->columns);
            to->encode(row, stored, t->columns);
            bnt_gguf_put_data(w, stored, (size_t)bytes);
        }
    }
}

static bantam_status write_model(const shape *s, const bnt_type *type, uint64_t seed,
                                 const char *path, bantam_error *err)
{
    bnt_gguf_writer *w;
    bantam_status status = bnt_gguf_writer_open(&w, path, err);
    if (status) return status;

    plan *const tensors = bnt_calloc(s->layers * 9 + 3, sizeof *tensors);
    const size_t widest = s->ffn > s->embd ? s->ffn : s->embd;
    float *const row = bnt_calloc(widest, sizeof *row);
    float *const stored = bnt_calloc(widest, sizeof *stored);
    bnt_gguf_put_text(w, "general.architecture", text_of("llama"));
    bnt_gguf_put_text(w, "general.name", text_of(s->name));
    bnt_gguf_put_u32(w, "llama.vocab_size", s->vocab);
    bnt_gguf_put_u32(w, "llama.context_length", s->context);
    bnt_gguf_put_u32(w, "llama.embedding_length", s->embd);
    bnt_gguf_put_u32(w, "llama.block_count", s->layers);
    bnt_gguf_put_u32(w, "llama.feed_forward_length", s->ffn);
    bnt_gguf_put_u32(w, "llama.attention.head_count", s->heads);
    bnt_gguf_put_u32(w, "llama.attention.head_count_kv", s->kv_heads);
    bnt_gguf_put_u32(w, "llama.attention.key_length", s->head_dim);
    bnt_gguf_put_u32(w, "llama.attention.value_length", s->head_dim);
    bnt_gguf_put_u32(w, "llama.rope.dimension_count", s->head_dim);
    bnt_gguf_put_f32(w, "llama.rope.freq_base", s->rope_base);
    bnt_gguf_put_f32(w, "llama.attention.layer_norm_rms_epsilon", 1e-5f);

    if (tensors && row && stored && put_vocabulary(w, s->vocab)) {
        put_tensors(w, tensors, plan_tensors(s, tensors), type, seed, row, stored);
        status = bnt_gguf_writer_commit(w, err);
    } else {
        bnt_gguf_writer_abort(w);
        status = bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory");
    }
    bnt_free(tensors);
    bnt_free(row);
    bnt_free(stored);
    return status;
}

int main(int argc, char **argv)
{
    const shape *chosen = argc > 2 ? NULL : &shapes[0];
    for (size_t i = 0; argc > 2 && i < sizeof shapes / sizeof shapes[0]; i++) {
        if (strcmp(shapes[i].name, argv[1]) == 0) chosen = &shapes[i];
    }
    const bnt_type *const type = bnt_type_named(argc > 3 ? argv[2] : "F16");
    const uint64_t seed = argc > 4 ? strtoull(argv[3], NULL, 10) : 1;
    bantam_error err;

    if (argc < 2 || argc > 5 || !chosen || !type || !type->encode) {
        fprintf(stderr, "usage: bantam-random-model [SHAPE [TYPE [SEED]]] OUT.gguf\nshapes:");
        for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
            fprintf(stderr, " %s", shapes[i].name);
        }
        fprintf(stderr, "\ntypes: F32 F16 BF16 Q8_0 Q4_0\n");
        return 2;
    }
    if (write_model(chosen, type, seed, argv[argc - 1], &err)) {
        fprintf(stderr, "bantam-random-model: %s\n", err.message);
        return 1;
    }
    return 0;
}
