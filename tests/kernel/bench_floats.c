/* bench_floats.c - the speed of kernels of floats: rows, attention, vectors. */
#include "bench.h"

#include <stdio.h>
#include <string.h>

/* One call of any kernel here; x, y and out are floats enough for each. */
typedef struct floats {
    float *x, *y, *out;
    uint8_t *bytes;
    size_t n;
    uint32_t head_dim, n_q, n_tokens;
    bnt_kv_form form;
} floats;

enum { FLOATS = 1 << 18, WEIGHTS = 1 << 18, BYTES = 4 << 20, CHUNKS = 16 };

static void measure(check *c, const char *name, size_t part, bench b, const floats *f)
{
    b.name = name;
    b.parts = &part;
    b.n_parts = 1;
    b.args = f;
    bench_run(c, &b);
}

/* ---- rows ---- */

static void run_rows_f16(const bnt_kernels *k, const void *args)
{
    const floats *const f = args;
    const uint32_t n_rows = (uint32_t)(WEIGHTS / f->n);
    const bnt_rows w = {f->bytes, 2 * f->n, n_rows, (uint32_t)f->n};
    k->rows_f16(&w, f->x, f->n, f->n_tokens, f->out, n_rows);
}

static void bench_rows(check *c, floats f)
{
    static const uint32_t sizes[] = {576, 2048, 8192};
    for (int i = 0; i < 3; i++) {
        for (f.n_tokens = 1; f.n_tokens <= 8; f.n_tokens += 7) {
            f.n = sizes[i];
            const size_t n_weights = WEIGHTS / f.n * f.n; /* in the cache */
            bench b = {.run = run_rows_f16, .weights = f.bytes, .weight_bytes = 2 * n_weights};
            b.fp32_ops = 2.0 * (double)n_weights * f.n_tokens;
            snprintf(b.shape, sizeof b.shape, "%u columns, %u token%s", sizes[i], f.n_tokens,
                     f.n_tokens == 1 ? "" : "s");
            measure(c, "rows_f16", offsetof(bnt_kernels, rows_f16), b, &f);
        }
    }
}

/* ---- attention: CHUNKS chunks of 64 positions ---- */

static size_t block_bytes(const floats *f)
{
    const size_t n = (size_t)f->head_dim * BNT_KEY_POSITIONS;
    return f->form == BNT_KV_FORM_F32   ? 4 * n
           : f->form == BNT_KV_FORM_F16 ? 2 * n
                                        : n + (f->head_dim + 31) / 32 * 32;
}

static size_t row_bytes(const floats *f)
{
    return f->form == BNT_KV_FORM_F32   ? 4 * (size_t)f->head_dim
           : f->form == BNT_KV_FORM_F16 ? 2 * (size_t)f->head_dim
                                        : (f->head_dim + 31) / 32 * (size_t)34;
}

static void run_scores(const bnt_kernels *k, const void *args)
{
    const floats *const f = args;
    const size_t step = block_bytes(f);
    for (size_t i = 0; i < CHUNKS; i++) {
        k->scores[f->form](f->bytes + 4 * i * step, step, 4, f->x, f->head_dim, f->n_q,
                           f->head_dim, 0.125f, f->out);
    }
}

static void run_mix(const bnt_kernels *k, const void *args)
{
    const floats *const f = args;
    const size_t step = row_bytes(f);
    for (size_t i = 0; i < CHUNKS; i++) {
        k->mix[f->form](f->bytes + 64 * i * step, step, 0, 64, f->x, f->n_q, f->head_dim,
                        f->out, f->head_dim);
    }
}

static void bench_attention(check *c, floats f)
{
    static const char *const scores[] = {"scores_f32", "scores_f16", "scores_q8", "scores_q4"};
    static const char *const mixes[] = {"mix_f32", "mix_f16", "mix_q8", "mix_q4"};
    static const uint32_t n_q[] = {1, 3, 12};
    for (int i = 0; i < BNT_KV_FORMS * 3 * 2; i++) {
        f.form = (bnt_kv_form)(i / 6);
        f.n_q = n_q[i / 2 % 3];
        f.head_dim = i % 2 ? 128 : 64;
        bench b = {.run = run_scores};
        b.fp32_ops = 2.0 * CHUNKS * 64 * f.n_q * f.head_dim;
        snprintf(b.shape, sizeof b.shape, "head %u, %u quer%s", f.head_dim, f.n_q,
                 f.n_q == 1 ? "y" : "ies");
        measure(c, scores[f.form],
                offsetof(bnt_kernels, scores) + (size_t)f.form * sizeof(bnt_scores_fn), b, &f);
        b.run = run_mix;
        memset(f.out, 0, FLOATS * sizeof *f.out);
        measure(c, mixes[f.form],
                offsetof(bnt_kernels, mix) + (size_t)f.form * sizeof(bnt_mix_fn), b, &f);
    }
}

/* ---- vectors ---- */

static void run_softmax(const bnt_kernels *k, const void *args)
{
    const floats *const f = args;
    enum { ROWS = 32 };
    bnt_softmax out[ROWS];
    bnt_seen seen[ROWS];
    for (uint32_t i = 0; i < ROWS; i++) {
        seen[i] = (bnt_seen){0, BNT_CHUNK_POSITIONS};
    }
    k->softmax64(f->out, seen, ROWS, out);
    f->out[0] = out[0].max + out[0].sum;
}

static void run_quantize(const bnt_kernels *k, const void *args)
{
    const floats *const f = args;
    k->quantize(f->x, (uint32_t)f->n, (int8_t *)f->bytes, f->out,
                (int32_t *)(void *)(f->bytes + f->n), (int32_t *)(void *)(f->bytes + 2 * f->n));
}

static void run_rms_norm(const bnt_kernels *k, const void *args)
{
    const floats *const f = args;
    k->rms_norm_f32(f->out, f->x, f->y, f->n, 1e-5f);
}

static void run_gate_silu(const bnt_kernels *k, const void *args)
{
    const floats *const f = args;
    k->gate_silu_f32(f->out, f->x, f->y, f->n);
}

static void run_exp_sum(const bnt_kernels *k, const void *args)
{
    const floats *const f = args;
    f->out[0] = k->exp_sum_f32(f->out, 1.0f, f->n);
}

static void run_max(const bnt_kernels *k, const void *args)
{
    const floats *const f = args;
    f->out[0] = k->max_f32(f->x, f->n);
}

static void run_dot(const bnt_kernels *k, const void *args)
{
    const floats *const f = args;
    f->out[0] = k->dot_f32(f->x, f->y, f->n);
}

static void run_add(const bnt_kernels *k, const void *args)
{
    const floats *const f = args;
    k->add_f32(f->out, f->x, f->n);
}

static void run_rope(const bnt_kernels *k, const void *args)
{
    const floats *const f = args;
    k->rope_halves_f32(f->out, f->x, f->y, f->n);
}

static void run_to_half(const bnt_kernels *k, const void *args)
{
    const floats *const f = args;
    k->f32_to_f16((uint16_t *)(void *)f->bytes, f->x, f->n);
}

static const struct {
    const char *name;
    size_t part, n;
    void (*run)(const bnt_kernels *k, const void *args);
} vectors[] = {
    {"softmax64", offsetof(bnt_kernels, softmax64), 32 * 64, run_softmax},
    {"quantize", offsetof(bnt_kernels, quantize), 576, run_quantize},
    {"quantize", offsetof(bnt_kernels, quantize), 2048, run_quantize},
    {"rms_norm_f32", offsetof(bnt_kernels, rms_norm_f32), 576, run_rms_norm},
    {"rms_norm_f32", offsetof(bnt_kernels, rms_norm_f32), 2048, run_rms_norm},
    {"gate_silu_f32", offsetof(bnt_kernels, gate_silu_f32), 8192, run_gate_silu},
    {"exp_sum_f32", offsetof(bnt_kernels, exp_sum_f32), 128 << 10, run_exp_sum},
    {"max_f32", offsetof(bnt_kernels, max_f32), 128 << 10, run_max},
    {"dot_f32", offsetof(bnt_kernels, dot_f32), 2048, run_dot},
    {"add_f32", offsetof(bnt_kernels, add_f32), 2048, run_add},
    {"rope_halves_f32", offsetof(bnt_kernels, rope_halves_f32), 64, run_rope},
    {"f32_to_f16", offsetof(bnt_kernels, f32_to_f16), 2048, run_to_half},
};

/* The plain read they are compared with is that of x alone. */
static void bench_vectors(check *c, floats f)
{
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        f.n = vectors[i].n;
        bench b = {.run = vectors[i].run,
                   .weights = (const uint8_t *)f.x,
                   .weight_bytes = f.n * sizeof *f.x};
        snprintf(b.shape, sizeof b.shape, "%zu", f.n);
        check_floats(c, f.out, f.n, FILL_RANDOM);
        measure(c, vectors[i].name, vectors[i].part, b, &f);
    }
}

void bench_floats(check *c)
{
    const floats f = {.x = bench_memory(FLOATS * sizeof(float)),
                      .y = bench_memory(FLOATS * sizeof(float)),
                      .out = bench_memory(FLOATS * sizeof(float)),
                      .bytes = bench_memory(BYTES)};
    check_floats(c, f.x, FLOATS, FILL_RANDOM);
    check_floats(c, f.y, FLOATS, FILL_RANDOM);
    for (size_t i = 0; i < BYTES; i++) { /* halves of small numbers, any codes */
        f.bytes[i] = (uint8_t)(i % 2 ? 0x28 : i * 37);
    }
    bench_rows(c, f);
    bench_attention(c, f);
    bench_vectors(c, f);
}
