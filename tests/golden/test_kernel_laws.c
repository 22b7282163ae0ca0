/* test_kernel_laws.c - whole passes give the same bits whatever the set of instructions.
 *
 * Kernels are held against the reference one by one in tests/kernel. Here they work together:
 * models of odd shapes and every type of weights are run with each set this machine has, in
 * batches that take every way through the products (few tokens, whole and broken blocks of
 * packed ones), and through attention (one token by segments, a few, many), over every type of
 * cache. What the plain C kernels give in one batch on one thread is the law.
 */
#include "forward_rig.h"
#include "tiny_model.h"

#include "base/cpu.h"
#include "base/rng.h"
#include "cpu_time.h"
#include "format/gguf_write.h"
#include "model/pack.h"

#include <math.h>

/* ---- models ------------------------------------------------------------------------------ */

enum { MAX_TYPES = 9 };

typedef struct shape {
    const char *arch; /* phonelm is gated by relu */
    uint32_t layers, embd, heads, kv_heads, head_dim, ffn, vocab;
    uint32_t window; /* of the first layer; 0: it sees all */
    bool halves;     /* pairs lie half a head apart, as in folders of Hugging Face */
    /* Of the matrices in their order: q, k, v, output, gate, up, down of each layer, head,
     * embedding; from the first again where there are more. */
    const char *types[MAX_TYPES + 1];
} shape;

typedef struct writer {
    bnt_gguf_writer *file;
    const shape *shape;
    bnt_rng rng;
    uint32_t turn; /* of types */
} writer;

typedef struct declared {
    char name[48];
    uint32_t rows, columns; /* rows 0: a norm */
    const bnt_type *type;
} declared;

static bantam_text text_of(const char *s)
{
    return (bantam_text){s, strlen(s)};
}

static void put_number(writer *w, const char *name, uint32_t value)
{
    char key[96];
    snprintf(key, sizeof key, "%s.%s", w->shape->arch, name);
    bnt_gguf_put_u32(w->file, key, value);
}

static void put_metadata(writer *w)
{
    const shape *const s = w->shape;
    char key[96];
    bnt_gguf_put_text(w->file, "general.architecture", text_of(s->arch));
    put_number(w, "context_length", 1024);
    put_number(w, "block_count", s->layers);
    put_number(w, "embedding_length", s->embd);
    put_number(w, "feed_forward_length", s->ffn);
    put_number(w, "attention.head_count", s->heads);
    put_number(w, "attention.head_count_kv", s->kv_heads);
    put_number(w, "attention.key_length", s->head_dim);
    put_number(w, "attention.value_length", s->head_dim);
    snprintf(key, sizeof key, "%s.attention.layer_norm_rms_epsilon", s->arch);
    bnt_gguf_put_f32(w->file, key, 1e-5f);
    if (s->window) {
        bool windowed[8] = {true};
        snprintf(key, sizeof key, "%s.attention.sliding_window_pattern", s->arch);
        put_number(w, "attention.sliding_window", s->window);
        bnt_gguf_put_bools(w->file, key, windowed, s->layers);
    }
}

static uint32_t list_tensors(writer *w, declared *out)
{
    const shape *const s = w->shape;
    const uint32_t heads = s->heads * s->head_dim, kv = s->kv_heads * s->head_dim;
    uint32_t n = 0;
    for (uint32_t layer = 0; layer < s->layers; layer++) {
        const struct {
            const char *name;
            uint32_t rows, columns;
        } parts[] = {{"attn_q", heads, s->embd},    {"attn_k", kv, s->embd},
                     {"attn_v", kv, s->embd},       {"attn_output", s->embd, heads},
                     {"ffn_gate", s->ffn, s->embd}, {"ffn_up", s->ffn, s->embd},
                     {"ffn_down", s->embd, s->ffn}, {"attn_norm", 0, s->embd},
                     {"ffn_norm", 0, s->embd}};
        for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++, n++) {
            out[n] = (declared){"", parts[i].rows, parts[i].columns, NULL};
            snprintf(out[n].name, sizeof out[n].name, "blk.%u.%s.weight", (unsigned)layer,
                     parts[i].name);
        }
    }
    out[n++] = (declared){"output.weight", s->vocab, s->embd, NULL};
    out[n++] = (declared){"token_embd.weight", s->vocab, s->embd, NULL};
    out[n++] = (declared){"output_norm.weight", 0, s->embd, NULL};

    uint32_t n_types = 0;
    while (s->types[n_types])
        n_types++;
    for (uint32_t i = 0; i < n; i++) {
        out[i].type = bnt_type_find(BNT_TYPE_F32);
        if (out[i].rows) out[i].type = bnt_type_named(s->types[w->turn++ % n_types]);
        assert_non_null(out[i].type);
        assert_int_equal(out[i].columns % out[i].type->block_values, 0);
    }
    return n;
}

/* Where the halves of a block lie, and what they are to a weight of deviation 1. */
static const struct {
    int id;
    size_t at[2];
    float value[2];
} scales[] = {{BNT_TYPE_Q4_0, {0}, {0.22f}},
              {BNT_TYPE_Q8_0, {0}, {0.0135f}},
              {BNT_TYPE_Q4_1, {0, 2}, {0.22f, -1.6f}},
              {BNT_TYPE_Q4_K, {0, 2}, {3e-3f, 0.025f}},
              {BNT_TYPE_Q5_K, {0, 2}, {2e-3f, 0.027f}},
              {BNT_TYPE_Q6_K, {208}, {7e-4f}}};

static void noise(writer *w, uint8_t *out, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        out[i] = (uint8_t)(bnt_rng_u64(&w->rng) >> 56);
    }
}

/* About `value`, of either sign now and then. */
static uint16_t half_near(writer *w, float value)
{
    const float x = value * (0.6f + 0.8f * (float)bnt_rng_f64(&w->rng));
    return bnt_f32_to_f16(bnt_rng_below(&w->rng, 16) ? x : -x);
}

/* A row: of floats, or blocks of any bits but for their scales. */
static void make_row(writer *w, const declared *t, float deviation, uint8_t *out)
{
    const bnt_type *const type = t->type;
    if (type->encode && type->block_values == 1) {
        float row[1024];
        for (uint32_t c = 0; c < t->columns; c++) {
            row[c] = deviation * (float)bnt_rng_normal(&w->rng);
        }
        type->encode(row, out, t->columns);
        return;
    }
    size_t kind = 0;
    while (scales[kind].id != (int)type->id)
        kind++;
    noise(w, out, t->columns / type->block_values * type->block_bytes);
    for (uint32_t b = 0; b < t->columns / type->block_values; b++) {
        uint8_t *const block = out + (size_t)b * type->block_bytes;
        for (int i = 0; i < 2 && scales[kind].value[i] != 0.0f; i++) {
            const uint16_t half = half_near(w, deviation * scales[kind].value[i]);
            memcpy(block + scales[kind].at[i], &half, sizeof half);
        }
    }
}

/* 16 rows of a B type, of which `rows` are there. */
static void make_group(writer *w, const declared *t, uint32_t rows, float deviation,
                       uint8_t *out)
{
    const bnt_tile *const tile = t->type->tile;
    /* Scales up to 15 serve all types that have any. */
    const float part = t->type->id == BNT_TYPE_B8   ? 0.0135f
                       : t->type->id == BNT_TYPE_B6 ? 0.00625f
                       : t->type->id == BNT_TYPE_B5 ? 0.0125f
                       : t->type->id == BNT_TYPE_B4 ? 0.025f
                       : t->type->id == BNT_TYPE_B3 ? 0.05f
                                                    : 0.1f;
    const size_t head = bnt_tile_head_bytes(tile, t->columns);
    const size_t size = bnt_tile_group_bytes(tile, t->columns);

    noise(w, out, size);
    memset(out, 0, head);
    for (size_t i = 0; i < bnt_tile_blocks(t->columns) * BNT_TILE_ROWS; i++) {
        const uint16_t half = half_near(w, deviation * part);
        if (i % BNT_TILE_ROWS < rows) memcpy(out + 2 * i, &half, sizeof half);
    }
    size_t at = head;
    for (uint32_t column = 0; column < t->columns; column += BNT_TILE_BLOCK) {
        const size_t left = bnt_tile_columns(t->columns) - column;
        const size_t spans = (left < BNT_TILE_BLOCK ? left : BNT_TILE_BLOCK) / BNT_TILE_SPAN;
        for (size_t i = at; i < at + spans * tile->scale_bytes; i++) {
            out[i] = (uint8_t)(out[i] % 31 - 15);
        }
        at += bnt_tile_bytes(tile, spans);
    }
}

static void put_tensor(writer *w, const declared *t)
{
    const float deviation = 1.0f / sqrtf((float)t->columns);
    const uint32_t step = t->type->tile ? BNT_TILE_ROWS : 1;
    uint64_t bytes = 0;
    assert_true(bnt_type_bytes(t->type, step, t->columns, &bytes));
    uint8_t *const strip = malloc((size_t)bytes);
    assert_non_null(strip);

    for (uint32_t c = 0; t->rows == 0 && c < t->columns; c++) {
        const float value = 1.0f + 0.25f * (float)bnt_rng_f64(&w->rng);
        bnt_gguf_put_data(w->file, &value, sizeof value);
    }
    for (uint32_t r = 0; r < t->rows; r += step) {
        const uint32_t left = t->rows - r;
        if (step > 1) {
            make_group(w, t, left < step ? left : step, deviation, strip);
        } else {
            make_row(w, t, deviation, strip);
        }
        bnt_gguf_put_data(w->file, strip, (size_t)bytes);
    }
    free(strip);
}

/* first: which of its types the first matrix has. */
static void write_model(const char *path, const shape *s, uint32_t first)
{
    declared tensors[32];
    bantam_error err = {0};
    writer w = {.shape = s, .turn = first};
    bnt_rng_seed(&w.rng, 20 + first);
    if (bnt_gguf_writer_open(&w.file, path, &err)) fail_msg("%s", err.message);
    put_metadata(&w);
    bnt_gguf_align(w.file, BNT_TILE_LINE);
    const uint32_t n = list_tensors(&w, tensors);
    for (uint32_t i = 0; i < n; i++) {
        const declared *const t = &tensors[i];
        const uint64_t dims[] = {t->columns, t->rows};
        bnt_gguf_declare(w.file, text_of(t->name), t->type, t->rows ? 2 : 1, dims);
    }
    for (uint32_t i = 0; i < n; i++) {
        put_tensor(&w, &tensors[i]);
    }
    if (bnt_gguf_writer_commit(w.file, &err)) fail_msg("%s", err.message);
}

/* ---- passes ------------------------------------------------------------------------------ */

/* Each with all sets before it. The first is the reference, which needs nothing. */
static const unsigned sets[] = {0,
                                BNT_CPU_AVX2,
                                BNT_CPU_AVX2 | BNT_CPU_AVXVNNI,
                                BNT_CPU_AVX2 | BNT_CPU_AVX512 | BNT_CPU_AVX512VNNI,
                                BNT_CPU_NEON,
                                BNT_CPU_NEON | BNT_CPU_DOTPROD,
                                BNT_CPU_NEON | BNT_CPU_DOTPROD | BNT_CPU_I8MM};
enum { N_SETS = sizeof sets / sizeof sets[0] };

typedef struct subject {
    const char *path;
    const shape *shape;
    bantam_kv kv;
    uint32_t n;       /* tokens */
    uint32_t *tokens; /* (n) */
    float *expected;  /* (n, vocab) */
} subject;

/* A rig whose model has packed weights and the kernels of a set. */
static void open_with(rig *r, const subject *s, unsigned set, uint32_t batch, uint32_t threads)
{
    bantam_error err = {0};
    rig_open(r, s->path,
             (rig_options){.kv = s->kv, .context = s->n, .batch = batch, .threads = threads});
    const bnt_pack_options memory = {.no_cache = true};
    if (bnt_model_pack(r->model, &memory, &err)) fail_msg("%s", err.message);
    if (s->shape->halves) r->model->config.pairing = BNT_PAIR_HALVES;
    bnt_kernels_init(&r->model->kernels, set);

    bnt_arena_deinit(&r->scratch);
    const size_t cost = bnt_forward_cost(r->model, batch, s->n, threads);
    if (bnt_arena_init(&r->scratch, cost, &err)) fail_msg("%s", err.message);
}

static void hold(const subject *s, const float *found, const float *expected, uint32_t n_rows,
                 const char *set, uint32_t batch)
{
    const size_t row = s->shape->vocab;
    for (size_t i = 0; i < n_rows * row; i++) {
        if (memcmp(&found[i], &expected[i], sizeof *found) == 0) continue;
        fail_msg("%s, batches of %u, cache %d: token %zu, logit %zu: expected %a, found %a",
                 set, (unsigned)batch, (int)s->kv, i / row, i % row, (double)expected[i],
                 (double)found[i]);
    }
}

/* All logits in one batch by plain C: numbers that mean something. */
static void make_law(subject *s)
{
    double squares = 0.0;
    rig r;
    open_with(&r, s, 0, s->n, 1);
    rig_feed(&r, s->tokens, s->n, 0, s->expected, true);
    rig_close(&r);
    for (size_t i = 0; i < (size_t)s->n * s->shape->vocab; i++) {
        assert_true(isfinite(s->expected[i]));
        squares += (double)s->expected[i] * (double)s->expected[i];
    }
    squares /= (double)s->n * s->shape->vocab;
    assert_true(squares > 0.05 && squares < 50.0);
}

/* all: every row of logits, else the last one, for which the last layer does less. */
static void check_run(const subject *s, unsigned set, uint32_t batch, uint32_t threads,
                      bool all)
{
    const size_t n_vocab = s->shape->vocab;
    const uint32_t n_rows = all ? s->n : 1;
    float *const found = malloc(n_rows * n_vocab * sizeof *found);
    assert_non_null(found);
    rig r;
    open_with(&r, s, set, batch, threads);
    rig_feed(&r, s->tokens, s->n, 0, found, all);
    hold(s, found, s->expected + (s->n - n_rows) * n_vocab, n_rows, r.model->kernels.name,
         batch);
    rig_close(&r);
    free(found);
}

/* Batches 0 end the list; the reference, which is slow, tries every other one. */
static void check_set(const subject *s, unsigned set, const uint32_t *batches)
{
    uint32_t last = 0;
    for (uint32_t i = 0; batches[i]; i++) {
        last = batches[i];
        if (set || i % 2) check_run(s, set, last, 1 + i % 3, true);
    }
    check_run(s, set, last, 2, false);
}

static void check_model(const shape *form, uint32_t first, bantam_kv kv, uint32_t n,
                        const uint32_t *batches)
{
    const unsigned have = bnt_cpu_flags();
    subject s = {.path = tiny_path("kernels.gguf"), .shape = form, .kv = kv, .n = n};
    s.tokens = calloc(n, sizeof *s.tokens);
    s.expected = calloc((size_t)n * form->vocab, sizeof *s.expected);
    assert_non_null(s.tokens);
    assert_non_null(s.expected);
    for (uint32_t i = 0; i < n; i++) {
        s.tokens[i] = (i * i * 7 + i * 3 + 1) % form->vocab;
    }
    write_model(s.path, form, first);
    make_law(&s);
    for (size_t i = 0; i < N_SETS; i++) {
        if ((sets[i] & have) == sets[i]) check_set(&s, sets[i], batches);
    }
    unlink(s.path);
    free(s.expected);
    free(s.tokens);
}

/* ---- the laws ---------------------------------------------------------------------------- */

static const bantam_kv kvs[] = {BANTAM_KV_F32, BANTAM_KV_F16, BANTAM_KV_Q8, BANTAM_KV_Q4};

/* Of each kind, with rests: of 12, 13, 16 few, 17 and more many. */
static const uint32_t product_batches[] = {1, 3, 16, 17, 31, 0};
enum { PRODUCT_TOKENS = 47 };

/* Each matrix takes another type by turns, so that each type meets rows that end in a short
 * block, rows that fill no group, gates and sums. */
static void check_turns(const shape *s, uint32_t turns)
{
    const uint32_t few = cpu_time_factor() > 1.0 ? 1 : turns;
    for (uint32_t turn = 0; turn < few; turn++) {
        check_model(s, turn, kvs[turn % 4], PRODUCT_TOKENS, product_batches);
    }
    if (few < turns) print_message("skipped %u cases: too slow here\n", turns - few);
}

static void types_with_short_blocks_give_the_bits_of_the_reference(void **state)
{
    (void)state;
    check_turns(&(shape){.arch = "llama",
                         .layers = 1,
                         .embd = 288,
                         .heads = 6,
                         .kv_heads = 2,
                         .head_dim = 48,
                         .ffn = 608,
                         .vocab = 37,
                         .types = {"B4", "Q8_0", "B8", "Q4_0", "B3", "B2", "B6", "B5"}},
                8);
}

static void rows_that_end_inside_a_span_give_the_bits_of_the_reference(void **state)
{
    (void)state;
    check_turns(&(shape){.arch = "llama",
                         .layers = 1,
                         .embd = 100,
                         .heads = 5,
                         .kv_heads = 1,
                         .head_dim = 20,
                         .ffn = 300,
                         .vocab = 37,
                         .types = {"B4", "B8", "B6", "B5"}},
                4);
}

static void types_of_large_blocks_give_the_bits_of_the_reference(void **state)
{
    (void)state;
    check_turns(&(shape){.arch = "llama",
                         .layers = 1,
                         .embd = 256,
                         .heads = 4,
                         .kv_heads = 1,
                         .head_dim = 64,
                         .ffn = 768,
                         .vocab = 43,
                         .types = {"Q4_K", "Q5_K", "Q6_K"}},
                3);
}

static void floats_and_mixes_give_the_bits_of_the_reference(void **state)
{
    (void)state;
    check_turns(&(shape){.arch = "phonelm",
                         .layers = 1,
                         .embd = 36,
                         .heads = 3,
                         .kv_heads = 1,
                         .head_dim = 20,
                         .ffn = 50,
                         .vocab = 41,
                         .types = {"F32", "F16", "BF16"}},
                3);
    check_turns(&(shape){.arch = "phonelm",
                         .layers = 1,
                         .embd = 160,
                         .heads = 4,
                         .kv_heads = 4,
                         .head_dim = 40,
                         .ffn = 96,
                         .vocab = 41,
                         .halves = true,
                         .types = {"B4", "F16", "Q4_1", "B8", "F32", "Q8_0", "BF16"}},
                3);
}

/* Positions past a segment of attention, with a window and without. */
static void attention_gives_the_bits_of_the_reference(void **state)
{
    (void)state;
    static const uint32_t batches[] = {1, 5, 64, 290, 0};
    static const shape shapes[] = {{.arch = "mistral",
                                    .layers = 2,
                                    .embd = 32,
                                    .heads = 7,
                                    .kv_heads = 1,
                                    .head_dim = 72,
                                    .ffn = 32,
                                    .vocab = 33,
                                    .window = 70,
                                    .types = {"F32"}},
                                   {.arch = "mistral",
                                    .layers = 2,
                                    .embd = 32,
                                    .heads = 2,
                                    .kv_heads = 2,
                                    .head_dim = 32,
                                    .ffn = 32,
                                    .vocab = 33,
                                    .window = 40,
                                    .halves = true,
                                    .types = {"F16"}}};
    const bool slow = cpu_time_factor() > 1.0;
    for (size_t i = 0; i < 8; i++) {
        if (slow && i % 2 == i / 4) continue;
        check_model(&shapes[i % 2], 0, kvs[i / 2], 290, batches);
    }
    if (slow) print_message("skipped 4 cases: too slow here\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(types_with_short_blocks_give_the_bits_of_the_reference),
        cmocka_unit_test(rows_that_end_inside_a_span_give_the_bits_of_the_reference),
        cmocka_unit_test(types_of_large_blocks_give_the_bits_of_the_reference),
        cmocka_unit_test(floats_and_mixes_give_the_bits_of_the_reference),
        cmocka_unit_test(attention_gives_the_bits_of_the_reference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
