/* random_model.c - writes a model of a published shape with seeded random weights.
 *
 *     bantam-random-model [SHAPE [TYPE [SEED]]] OUT.gguf
 *
 * For measuring speed and memory where the real weights are not at hand, and for trying the
 * command: what such a model writes is noise. Its vocabulary is the 256 bytes, ChatML's
 * markers, and up to the shape's size words of letters with the merges that make them, about as
 * many as in the published file. TYPE is that of the layers' matrices; beside four or five bits
 * the embedding and the head have more, as in files that people use.
 *
 * Codes are random bytes as they come, scales such that weights have the deviation 1 /
 * sqrt(columns), which keeps activations of size one: so a file is written as fast as the disk
 * takes it, and nothing is encoded.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "base/utf8.h"
#include "format/gguf_write.h"
#include "model/shape.h"
#include "quant/block.h"
#include "quant/tile.h"
#include "token/byte_alphabet.h"

/* Beside the published ones, two that are made in no time. */
static const bnt_shape small_shapes[] = {
    {"tiny", 4, 128, 4, 2, 32, 352, 259, 2048, true, 1e4},
    {"small", 2, 256, 4, 2, 64, 768, 259, 2048, true, 1e4},
};

enum { N_SMALL = sizeof small_shapes / sizeof small_shapes[0] };

/* NULL behind the last. */
static const bnt_shape *shape_at(size_t index)
{
    return index < N_SMALL ? &small_shapes[index] : bnt_shape_at(index - N_SMALL);
}

static const char chatml[] =
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + "
    "message['content'] + '<|im_end|>\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

static bantam_text text_of(const char *s)
{
    const bantam_text t = {s, strlen(s)};
    return t;
}

/* ---- the vocabulary ---- */

/* Words are all strings of two and of three letters, every seventh of four, and pairs of
 * these. */
enum {
    LETTERS = 26,
    TWO = LETTERS * LETTERS,
    THREE = TWO * LETTERS,
    EACH_FOUR = 7,
    FOUR = THREE * LETTERS / EACH_FOUR,
    NAME_BYTES = 24
};

static void put_letters(char *out, uint32_t n, uint32_t code)
{
    for (uint32_t i = n; i-- > 0; code /= LETTERS) {
        out[i] = (char)('a' + code % LETTERS);
    }
}

/* Word number `index`; returns its size. */
static uint32_t put_word(uint32_t index, char *out)
{
    uint32_t n = 2;
    if (index >= TWO) {
        index -= TWO;
        n = 3;
    }
    if (n == 3 && index >= THREE) {
        index = (index - THREE) * EACH_FOUR;
        n = 4;
    }
    if (n < 4 || index / EACH_FOUR < FOUR) {
        put_letters(out, n, index);
        return n;
    }
    const uint32_t pair = index / EACH_FOUR - FOUR; /* its first half, below FOUR, is its own */
    put_letters(out, 4, pair * EACH_FOUR);
    put_letters(out + 4, 4, (31 * pair + 17) % FOUR * EACH_FOUR);
    return 8;
}

/* The merges of a word: where it is cut in two, both are letters or words. Files of the larger
 * vocabularies, made from a list of ranks, hold every such cut, the others one. */
static size_t put_merges(const char *word, uint32_t size, bool every, char (*out)[NAME_BYTES])
{
    const uint32_t first = size == 8 ? 4 : 1, last = size == 8 || !every ? first : size - 1;
    for (uint32_t cut = first; cut <= last; cut++) {
        snprintf(out[cut - first], NAME_BYTES, "%.*s %s", (int)cut, word, word + cut);
    }
    return last - first + 1;
}

static size_t fill_words(bantam_text *texts, char (*names)[NAME_BYTES], uint32_t n_tokens,
                         uint32_t begin, char (*merges)[NAME_BYTES])
{
    enum { LARGE = 100000 };
    size_t n_merges = 0;
    for (uint32_t i = begin; i < n_tokens; i++) {
        texts[i].size = put_word(i - begin, names[i]);
        n_merges +=
            put_merges(names[i], (uint32_t)texts[i].size, n_tokens >= LARGE, merges + n_merges);
    }
    return n_merges;
}

static bool put_vocabulary(bnt_gguf_writer *w, uint32_t n)
{
    static const char *const specials[] = {"<|endoftext|>", "<|im_start|>", "<|im_end|>"};
    enum { OTHERS = 3 + 256 };
    const size_t most = 3 * (size_t)n;
    char(*const names)[NAME_BYTES] = bnt_calloc(n, sizeof *names);
    char(*const merges)[NAME_BYTES] = bnt_calloc(most, sizeof *merges);
    bantam_text *const texts = bnt_calloc(most, sizeof *texts);
    int32_t *const kinds = bnt_calloc(n, sizeof *kinds);
    const bool ok = names && merges && texts && kinds && n >= OTHERS;

    for (uint32_t i = 0; ok && i < n; i++) {
        texts[i].data = names[i];
        kinds[i] = i < 3 ? 3 : 1;
        if (i < 3) {
            texts[i] = text_of(specials[i]);
        } else if (i < OTHERS) {
            texts[i].size = bnt_utf8_encode(bnt_byte_alphabet_code((uint8_t)(i - 3)), names[i]);
        }
    }
    if (ok) {
        const size_t n_merges = fill_words(texts, names, n, OTHERS, merges);
        bnt_gguf_put_text(w, "tokenizer.ggml.model", text_of("gpt2"));
        bnt_gguf_put_text(w, "tokenizer.ggml.pre", text_of("smollm"));
        bnt_gguf_put_texts(w, "tokenizer.ggml.tokens", texts, n);
        bnt_gguf_put_i32s(w, "tokenizer.ggml.token_type", kinds, n);
        for (size_t i = 0; i < n_merges; i++) {
            texts[i] = text_of(merges[i]);
        }
        bnt_gguf_put_texts(w, "tokenizer.ggml.merges", texts, n_merges);
        bnt_gguf_put_u32(w, "tokenizer.ggml.bos_token_id", 1);
        bnt_gguf_put_u32(w, "tokenizer.ggml.eos_token_id", 2);
        bnt_gguf_put_bool(w, "tokenizer.ggml.add_bos_token", false);
        bnt_gguf_put_text(w, "tokenizer.chat_template", text_of(chatml));
    }
    bnt_free(names);
    bnt_free(merges);
    bnt_free(texts);
    bnt_free(kinds);
    return ok;
}

typedef struct plan {
    char name[48];
    uint32_t rows, columns; /* rows 0: a norm */
} plan;

static size_t plan_tensors(const bnt_shape *s, plan *out)
{
    size_t n = 0;
    out[n++] = (plan){"token_embd.weight", s->n_vocab, s->n_embd};
    for (uint32_t layer = 0; layer < s->n_layers; layer++) {
        const struct {
            const char *name;
            uint32_t rows, columns;
        } parts[] = {
            {"attn_norm", 0, s->n_embd},
            {"attn_q", s->n_heads * s->head_dim, s->n_embd},
            {"attn_k", s->n_kv_heads * s->head_dim, s->n_embd},
            {"attn_v", s->n_kv_heads * s->head_dim, s->n_embd},
            {"attn_output", s->n_embd, s->n_heads * s->head_dim},
            {"ffn_norm", 0, s->n_embd},
            {"ffn_gate", s->n_ffn, s->n_embd},
            {"ffn_up", s->n_ffn, s->n_embd},
            {"ffn_down", s->n_embd, s->n_ffn},
        };
        for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++, n++) {
            out[n].rows = parts[i].rows;
            out[n].columns = parts[i].columns;
            snprintf(out[n].name, sizeof out[n].name, "blk.%u.%s.weight", layer, parts[i].name);
        }
    }
    out[n++] = (plan){"output_norm.weight", 0, s->n_embd};
    if (!s->tied) out[n++] = (plan){"output.weight", s->n_vocab, s->n_embd};
    return n;
}

/* ---- random weights ---- */

static void fill_bytes(bnt_rng *rng, void *out, size_t size)
{
    uint8_t *const at = out;
    size_t i = 0;
    for (; i + 8 <= size; i += 8) {
        const uint64_t x = bnt_rng_u64(rng);
        memcpy(at + i, &x, sizeof x);
    }
    for (; i < size; i++) {
        at[i] = (uint8_t)(bnt_rng_u64(rng) >> 56);
    }
}

/* The deviation of a code that is any of n with equal chance. */
static float spread_of(float n)
{
    return sqrtf((n * n - 1) / 12);
}

/* Of the product of a scale from 0 to 15 and a centered code of deviation s, with a min that
 * centers it on average: the 77.5 is the mean square of 0 to 15, 21.25 their variance. */
static float spread_with_min(float s, float center)
{
    return sqrtf(77.5f * s * s + center * center * 2 * 21.25f);
}

typedef struct filler {
    bnt_rng rng;
    float *row;     /* (widest) */
    uint8_t *bytes; /* (room) */
} filler;

/* What one random block becomes: scales in place of the random bytes that lie there. */
static void settle_block(bnt_type_id id, uint8_t *block, float deviation)
{
    if (id == BNT_TYPE_Q4_0) {
        ((bnt_q4_0 *)block)->d = bnt_half_make(deviation / spread_of(16));
    } else if (id == BNT_TYPE_Q8_0) {
        ((bnt_q8_0 *)block)->d = bnt_half_make(deviation / spread_of(256));
    } else if (id == BNT_TYPE_Q4_K || id == BNT_TYPE_Q5_K) {
        bnt_q4_k *const b = (bnt_q4_k *)block; /* both begin alike */
        const float n = id == BNT_TYPE_Q4_K ? 16 : 32, center = (n - 1) / 2;
        const float d = deviation / spread_with_min(spread_of(n), center);
        b->d = bnt_half_make(d);
        b->dmin = bnt_half_make(d * center);
        for (int i = 0; i < 8; i++) {
            b->scales[i] &= 15; /* all scales and mins from 0 to 15 */
        }
    } else if (id == BNT_TYPE_Q6_K) {
        bnt_q6_k *const b = (bnt_q6_k *)block;
        b->d = bnt_half_make(deviation / (spread_of(64) * spread_of(16)));
        for (int i = 0; i < 16; i++) {
            b->scales[i] = (int8_t)((b->scales[i] & 15) - 8);
        }
    }
}

static void fill_blocks(filler *f, const bnt_type *type, size_t n_blocks, float deviation)
{
    const size_t size = type->block_bytes;
    fill_bytes(&f->rng, f->bytes, n_blocks * size);
    for (size_t i = 0; i < n_blocks; i++) {
        settle_block(type->id, f->bytes + i * size, deviation);
    }
}

/* A group of a B type as tile.h draws it; rows beyond n_rows are zero by their d. */
static void fill_group(filler *f, const bnt_type *type, uint32_t n_rows, uint32_t columns,
                       float deviation)
{
    const bnt_tile *const t = type->tile;
    const bool scaled = t->scale_bytes != 0;
    const float values = type->id == BNT_TYPE_B6   ? 64.0f /* of codes */
                         : type->id == BNT_TYPE_B5 ? 32.0f
                         : type->id == BNT_TYPE_B4 ? 16.0f
                         : type->id == BNT_TYPE_B3 ? 8.0f
                         : type->id == BNT_TYPE_B2 ? 4.0f
                                                   : 256.0f;
    const float step = scaled ? spread_of(values) * spread_of(16) : spread_of(values);
    const size_t blocks = bnt_tile_blocks(columns), head = bnt_tile_head_bytes(t, columns);
    const size_t size = bnt_tile_group_bytes(t, columns);
    uint8_t *const group = f->bytes;

    fill_bytes(&f->rng, group + head, size - head);
    memset(group, 0, head);
    for (size_t b = 0; b < blocks; b++) {
        bnt_half *const d = (bnt_half *)(group + b * t->head_bytes);
        for (uint32_t r = 0; r < n_rows; r++) {
            d[r] = bnt_half_make(deviation / step);
        }
    }
    for (size_t at = head, column = 0; scaled && column < columns; column += BNT_TILE_BLOCK) {
        const size_t left = bnt_tile_columns(columns) - column;
        const size_t spans = (left < BNT_TILE_BLOCK ? left : BNT_TILE_BLOCK) / BNT_TILE_SPAN;
        const size_t used = spans * t->scale_bytes, codes = bnt_tile_codes_at(t, spans);
        for (size_t i = 0; i < used; i++) {
            group[at + i] = (uint8_t)((group[at + i] & 15) - 8);
        }
        memset(group + at + used, 0, codes - used);
        at += bnt_tile_bytes(t, spans);
    }
    for (size_t i = head; !scaled && i < size; i++) {
        group[i] = group[i] == 0x80 ? 0x81 : group[i]; /* from -127 on */
    }
}

static void fill_row(filler *f, uint32_t columns, float deviation)
{
    const float scale = deviation * sqrtf(12.0f);
    for (uint32_t i = 0; i < columns; i++) {
        f->row[i] = ((float)(bnt_rng_u64(&f->rng) >> 40) * 0x1p-24f - 0.5f) * scale;
    }
}

/* The type of a tensor: norms are floats; the embedding and the head have more bits than four
 * or five; and where a row is no whole number of blocks the next larger type takes its place.
 */
static const bnt_type *type_for(const plan *t, const bnt_type *type)
{
    static const bnt_type_id finer[][2] = {
        {BNT_TYPE_B6, BNT_TYPE_B8},     {BNT_TYPE_B5, BNT_TYPE_B8},
        {BNT_TYPE_B4, BNT_TYPE_B8},     {BNT_TYPE_B3, BNT_TYPE_B8},
        {BNT_TYPE_B2, BNT_TYPE_B8},     {BNT_TYPE_Q4_0, BNT_TYPE_Q8_0},
        {BNT_TYPE_Q4_K, BNT_TYPE_Q6_K}, {BNT_TYPE_Q5_K, BNT_TYPE_Q6_K}};
    if (!t->rows) return bnt_type_find(BNT_TYPE_F32);
    for (size_t i = 0; strncmp(t->name, "blk.", 4) && i < sizeof finer / sizeof *finer; i++) {
        if (type->id != finer[i][0]) continue;
        type = bnt_type_find(finer[i][1]);
        break;
    }
    if (t->columns % type->block_values) type = bnt_type_find(BNT_TYPE_Q8_0);
    return t->columns % type->block_values ? bnt_type_find(BNT_TYPE_F16) : type;
}

/* A tile's row group, or a row of anything else. */
static size_t strip_bytes(const bnt_type *type, uint32_t columns)
{
    uint64_t bytes = 0;
    bnt_type_bytes(type, type->tile ? BNT_TILE_ROWS : 1, columns, &bytes);
    return (size_t)bytes;
}

static void put_matrix(bnt_gguf_writer *w, filler *f, const plan *t, const bnt_type *type)
{
    const float deviation = 1 / sqrtf((float)t->columns);
    const uint32_t step = type->tile ? BNT_TILE_ROWS : 1;
    const size_t bytes = strip_bytes(type, t->columns);

    for (uint32_t r = 0; r < t->rows; r += step) {
        const uint32_t n = t->rows - r < step ? t->rows - r : step;
        if (type->tile) {
            fill_group(f, type, n, t->columns, deviation);
        } else if (type->block_values > 1) {
            fill_blocks(f, type, t->columns / type->block_values, deviation);
        } else {
            fill_row(f, t->columns, deviation);
            type->encode(f->row, f->bytes, t->columns);
        }
        bnt_gguf_put_data(w, f->bytes, bytes);
    }
}

static void put_tensors(bnt_gguf_writer *w, const plan *tensors, size_t n, const bnt_type *type,
                        filler *f)
{
    if (type->tile) bnt_gguf_align(w, BNT_TILE_LINE);
    for (size_t i = 0; i < n; i++) {
        const plan *const t = &tensors[i];
        const uint64_t dims[2] = {t->columns, t->rows};
        bnt_gguf_declare(w, text_of(t->name), type_for(t, type), t->rows ? 2 : 1, dims);
    }
    for (size_t i = 0; i < n; i++) {
        const plan *const t = &tensors[i];
        for (uint32_t c = 0; !t->rows && c < t->columns; c++) {
            f->row[c] = 1.0f;
        }
        if (t->rows) {
            put_matrix(w, f, t, type_for(t, type));
        } else {
            bnt_gguf_put_data(w, f->row, t->columns * sizeof(float));
        }
    }
}

static bantam_status write_model(const bnt_shape *s, const bnt_type *type, uint64_t seed,
                                 const char *path, bantam_error *err)
{
    bnt_gguf_writer *w;
    bantam_status status = bnt_gguf_writer_open(&w, path, err);
    if (status) return status;

    plan *const tensors = bnt_calloc(s->n_layers * 9 + 3, sizeof *tensors);
    const uint32_t heads = s->n_heads * s->head_dim;
    uint32_t widest = s->n_ffn > s->n_embd ? s->n_ffn : s->n_embd;
    if (heads > widest) widest = heads;
    filler f = {.row = bnt_calloc(widest, sizeof *f.row),
                .bytes = bnt_calloc(widest, BNT_TILE_ROWS * sizeof(float))}; /* for any strip */
    bnt_rng_seed(&f.rng, seed);
    bnt_gguf_put_text(w, "general.architecture", text_of("llama"));
    bnt_gguf_put_text(w, "general.name", text_of(s->name));
    bnt_gguf_put_u32(w, "llama.vocab_size", s->n_vocab);
    bnt_gguf_put_u32(w, "llama.context_length", s->context_tokens);
    bnt_gguf_put_u32(w, "llama.embedding_length", s->n_embd);
    bnt_gguf_put_u32(w, "llama.block_count", s->n_layers);
    bnt_gguf_put_u32(w, "llama.feed_forward_length", s->n_ffn);
    bnt_gguf_put_u32(w, "llama.attention.head_count", s->n_heads);
    bnt_gguf_put_u32(w, "llama.attention.head_count_kv", s->n_kv_heads);
    bnt_gguf_put_u32(w, "llama.attention.key_length", s->head_dim);
    bnt_gguf_put_u32(w, "llama.attention.value_length", s->head_dim);
    bnt_gguf_put_u32(w, "llama.rope.dimension_count", s->head_dim);
    bnt_gguf_put_f32(w, "llama.rope.freq_base", (float)s->rope_base);
    bnt_gguf_put_f32(w, "llama.attention.layer_norm_rms_epsilon", 1e-5f);

    if (tensors && f.row && f.bytes && put_vocabulary(w, s->n_vocab)) {
        put_tensors(w, tensors, plan_tensors(s, tensors), type, &f);
        status = bnt_gguf_writer_commit(w, err);
    } else {
        bnt_gguf_writer_abort(w);
        status = bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory");
    }
    bnt_free(tensors);
    bnt_free(f.row);
    bnt_free(f.bytes);
    return status;
}

/* Types that kernels compute with. */
static const char *const type_names[] = {"F32",  "F16", "BF16", "Q8_0", "Q4_0", "Q4_K", "Q5_K",
                                         "Q6_K", "B4",  "B3",   "B2",   "B8",   "B6",   "B5"};
enum { N_TYPES = sizeof type_names / sizeof type_names[0] };

static int usage(void)
{
    fprintf(stderr, "usage: bantam-random-model [SHAPE [TYPE [SEED]]] OUT.gguf\nshapes:");
    for (size_t i = 0; shape_at(i); i++) {
        fprintf(stderr, " %s", shape_at(i)->name);
    }
    fprintf(stderr, "\ntypes:");
    for (size_t i = 0; i < N_TYPES; i++) {
        fprintf(stderr, " %s", type_names[i]);
    }
    fprintf(stderr, "\n");
    return 2;
}

int main(int argc, char **argv)
{
    const bnt_shape *chosen = argc > 2 ? NULL : shape_at(0);
    for (size_t i = 0; argc > 2 && shape_at(i); i++) {
        if (strcmp(shape_at(i)->name, argv[1]) == 0) chosen = shape_at(i);
    }
    const bnt_type *const named = bnt_type_named(argc > 3 ? argv[2] : "F16"), *type = NULL;
    for (size_t i = 0; named && i < N_TYPES; i++) {
        if (strcmp(named->name, type_names[i]) == 0) type = named;
    }
    const uint64_t seed = argc > 4 ? strtoull(argv[3], NULL, 10) : 1;
    bantam_error err;

    if (argc < 2 || argc > 5 || !chosen || !type) return usage();
    if (write_model(chosen, type, seed, argv[argc - 1], &err)) {
        fprintf(stderr, "bantam-random-model: %s\n", err.message);
        return 1;
    }
    return 0;
}
