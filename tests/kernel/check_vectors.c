/* check_vectors.c - kernels of one or two vectors of floats: sums, norms, gates, exponentials,
 * rotations, rounding to halves.
 */
#include "check.h"

#include <math.h>
#include <string.h>

#include "base/f16.h"

/* One call of any kernel here. */
typedef struct vectors {
    const float *x, *y;
    float a, b;
    size_t n;
    const bnt_seen *seen; /* (n) */
    bool in_place;        /* out is x */
} vectors;

enum { MOST_SOFTMAX = 20 }; /* rows */

#define PART(entry) offsetof(bnt_kernels, entry)

/* ---- one call each: out[0] is what it writes, or a returned number ---- */

static void run_dot(const bnt_kernels *k, const void *args, const check_out *out)
{
    const vectors *const v = args;
    *(float *)out[0].data = k->dot_f32(v->x, v->y, v->n);
}

static void run_add(const bnt_kernels *k, const void *args, const check_out *out)
{
    const vectors *const v = args;
    k->add_f32(out[0].data, v->y, v->n);
}

static void run_scale(const bnt_kernels *k, const void *args, const check_out *out)
{
    const vectors *const v = args;
    k->scale_f32(out[0].data, v->a, v->n);
}

static void run_blend(const bnt_kernels *k, const void *args, const check_out *out)
{
    const vectors *const v = args;
    k->blend_f32(out[0].data, v->y, v->a, v->b, v->n);
}

static void run_rms_norm(const bnt_kernels *k, const void *args, const check_out *out)
{
    const vectors *const v = args;
    k->rms_norm_f32(out[0].data, v->in_place ? out[0].data : v->x, v->y, v->n, 1e-5f);
}

static void run_gate_silu(const bnt_kernels *k, const void *args, const check_out *out)
{
    const vectors *const v = args;
    k->gate_silu_f32(out[0].data, v->in_place ? out[0].data : v->x, v->y, v->n);
}

static void run_gate_relu(const bnt_kernels *k, const void *args, const check_out *out)
{
    const vectors *const v = args;
    k->gate_relu_f32(out[0].data, v->in_place ? out[0].data : v->x, v->y, v->n);
}

static void run_exp_sum(const bnt_kernels *k, const void *args, const check_out *out)
{
    const vectors *const v = args;
    *(float *)out[1].data = k->exp_sum_f32(out[0].data, v->a, v->n);
}

static void run_max(const bnt_kernels *k, const void *args, const check_out *out)
{
    const vectors *const v = args;
    *(float *)out[0].data = k->max_f32(v->x, v->n);
}

static void run_softmax(const bnt_kernels *k, const void *args, const check_out *out)
{
    const vectors *const v = args;
    bnt_softmax of_row[MOST_SOFTMAX];
    float *const max = out[1].data, *const sum = out[2].data;
    k->softmax64(out[0].data, v->seen, (uint32_t)v->n, of_row);
    for (size_t i = 0; i < v->n; i++) {
        max[i] = of_row[i].max;
        sum[i] = of_row[i].sum;
    }
}

static void run_rope_adjacent(const bnt_kernels *k, const void *args, const check_out *out)
{
    const vectors *const v = args;
    k->rope_adjacent_f32(out[0].data, v->y, v->y + v->n / 2, v->n);
}

static void run_rope_halves(const bnt_kernels *k, const void *args, const check_out *out)
{
    const vectors *const v = args;
    k->rope_halves_f32(out[0].data, v->y, v->y + v->n / 2, v->n);
}

static void run_hadamard(const bnt_kernels *k, const void *args, const check_out *out)
{
    const vectors *const v = args;
    k->hadamard_f32(out[0].data, v->n, v->a);
}

static void run_to_half(const bnt_kernels *k, const void *args, const check_out *out)
{
    const vectors *const v = args;
    k->f32_to_f16(out[0].data, v->x, v->n);
}

/* ---- cases ---- */

/* What a kernel of the table below takes and gives. */
typedef struct vector_kernel {
    const char *name;
    size_t part;
    check_run_fn run;
    enum { OUT_NUMBER, OUT_VECTOR, OUT_UPDATED, OUT_HALVES, OUT_EXP } gives;
    bool in_place_too, even;
} vector_kernel;

static const vector_kernel kernels[] = {
    {"dot_f32", PART(dot_f32), run_dot, OUT_NUMBER, false, false},
    {"add_f32", PART(add_f32), run_add, OUT_UPDATED, false, false},
    {"scale_f32", PART(scale_f32), run_scale, OUT_UPDATED, false, false},
    {"blend_f32", PART(blend_f32), run_blend, OUT_UPDATED, false, false},
    {"rms_norm_f32", PART(rms_norm_f32), run_rms_norm, OUT_VECTOR, true, false},
    {"gate_silu_f32", PART(gate_silu_f32), run_gate_silu, OUT_VECTOR, true, false},
    {"gate_relu_f32", PART(gate_relu_f32), run_gate_relu, OUT_VECTOR, true, false},
    {"exp_sum_f32", PART(exp_sum_f32), run_exp_sum, OUT_EXP, false, false},
    {"rope_adjacent_f32", PART(rope_adjacent_f32), run_rope_adjacent, OUT_UPDATED, false, true},
    {"rope_halves_f32", PART(rope_halves_f32), run_rope_halves, OUT_UPDATED, false, true},
    {"f32_to_f16", PART(f32_to_f16), run_to_half, OUT_HALVES, false, false},
};

static void case_vector(check *c, const vector_kernel *kernel, size_t n, check_fill fill,
                        bool at_begin, bool in_place)
{
    check_begin(c, at_begin, "n %zu, fill %s%s", n, check_fill_names[fill],
                in_place ? ", in place" : "");
    float *const x = check_in(c, n * sizeof *x, sizeof *x);
    float *const y = check_in(c, n * sizeof *y, sizeof *y);
    check_floats(c, x, n, fill);
    check_floats(c, y, n, c->n_cases % 2 ? fill : FILL_RANDOM);
    const vectors v = {.x = x,
                       .y = y,
                       .a = check_float(c, FILL_RANDOM),
                       .b = check_float(c, FILL_RANDOM),
                       .n = n,
                       .in_place = in_place};
    const bool number = kernel->gives == OUT_NUMBER, halves = kernel->gives == OUT_HALVES;
    const bool updated = kernel->gives == OUT_UPDATED || kernel->gives == OUT_EXP || in_place;
    const size_t bytes = number ? sizeof(float) : n * (halves ? 2 : sizeof(float));
    check_out outs[] = {
        {halves ? CHECK_F16 : CHECK_F32, bytes, halves ? 2 : 4, updated ? x : NULL, NULL},
        {CHECK_F32, sizeof(float), 4, NULL, NULL},
    };
    check_case(c, kernel->run, &v, outs, kernel->gives == OUT_EXP ? 2 : 1);
}

static void check_vector(check *c, const vector_kernel *kernel)
{
    static const size_t sizes[] = {96, 127, 128, 129, 255, 256, 257, 576, 1000, 4099};
    enum { SMALL = 70, SIZES = sizeof sizes / sizeof sizes[0] };
    if (!check_kernel(c, kernel->name, &kernel->part, 1)) return;
    for (size_t i = 0; i < SMALL + SIZES; i++) {
        const size_t n = (i < SMALL ? i : sizes[i - SMALL]) & ~(size_t)kernel->even;
        for (int fill = 0; fill < FILLS; fill++) {
            case_vector(c, kernel, n, (check_fill)fill, false, false);
            case_vector(c, kernel, n, (check_fill)fill, true, kernel->in_place_too);
        }
    }
}

/* hadamard_f32 takes powers of two. */
static void check_hadamard(check *c)
{
    static const vector_kernel kernel = {
        "hadamard_f32", PART(hadamard_f32), run_hadamard, OUT_UPDATED, false, false};
    if (!check_kernel(c, kernel.name, &kernel.part, 1)) return;
    for (size_t n = 0; n <= 16384; n = n ? 2 * n : 1) {
        for (int fill = 0; fill < FILLS; fill++) {
            case_vector(c, &kernel, n, (check_fill)fill, false, false);
            case_vector(c, &kernel, n, (check_fill)fill, true, false);
        }
    }
}

static void case_max(check *c, size_t n, check_fill fill, size_t at, float greatest)
{
    check_begin(c, (n + at) % 4 == 0, "n %zu, fill %s, the greatest at %zu", n,
                check_fill_names[fill], at);
    float *const x = check_in(c, n * sizeof *x, sizeof *x);
    check_floats(c, x, n, fill);
    x[at] = greatest;
    const vectors v = {.x = x, .n = n};
    check_out out = {CHECK_F32_ANY_ZERO, sizeof(float), 4, NULL, NULL};
    check_case(c, run_max, &v, &out, 1);
}

/* max_f32 takes at least one number and no NaN; the greatest stands at each place once. */
static void check_max(check *c)
{
    static const size_t part = PART(max_f32);
    if (!check_kernel(c, "max_f32", &part, 1)) return;
    for (size_t n = 1; n <= 150; n++) {
        for (size_t at = 0; at<n; at += at> 4 && at + 70 < n ? 2 : 1) {
            const check_fill fill = (check_fill)((n + at) % FILL_SPECIAL);
            case_max(c, n, fill, at, fill == FILL_SUBNORMAL ? 0x1p-126f : 0x1p127f);
        }
        case_max(c, n, FILL_MIN, n - 1, -INFINITY);
        case_max(c, n, FILL_MIN, 0, -1.0f);
        case_max(c, n, FILL_WIDE, n / 2, INFINITY);
    }
}

/* Scores of no sense, NaN among them, lie outside of what is seen. */
static void case_softmax(check *c, const bnt_seen *seen, uint32_t n)
{
    static const check_fill fills[] = {FILL_RANDOM, FILL_ZERO, FILL_WIDE, FILL_MIN, FILL_MAX};
    float s[MOST_SOFTMAX * BNT_CHUNK_POSITIONS];
    const check_fill fill = fills[c->n_cases % 5];
    check_begin(c, c->n_cases % 4 == 0, "%u rows, the first %u to %u, fill %s", n,
                n ? seen[0].begin : 0, n ? seen[0].end : 0, check_fill_names[fill]);
    bnt_seen *const in = check_in(c, n * sizeof *in, sizeof in->begin);
    for (uint32_t i = 0; i < n; i++) {
        float *const row = s + (size_t)i * BNT_CHUNK_POSITIONS;
        check_floats(c, row, BNT_CHUNK_POSITIONS, i % 2 ? FILL_SPECIAL : FILL_MAX);
        if (seen[i].begin < seen[i].end) {
            check_floats(c, row + seen[i].begin, seen[i].end - seen[i].begin, fill);
        }
        in[i] = seen[i];
    }
    const vectors v = {.seen = in, .n = n};
    check_out outs[] = {
        {CHECK_F32, (size_t)n * BNT_CHUNK_POSITIONS * sizeof(float), 4, s, NULL},
        {CHECK_F32_ANY_ZERO, n * sizeof(float), 4, NULL, NULL},
        {CHECK_F32, n * sizeof(float), 4, NULL, NULL}};
    check_case(c, run_softmax, &v, outs, 3);
}

static void check_softmax(check *c)
{
    static const size_t part = PART(softmax64);
    bnt_seen seen[MOST_SOFTMAX];
    if (!check_kernel(c, "softmax64", &part, 1)) return;
    for (uint32_t begin = 0; begin < BNT_CHUNK_POSITIONS; begin++) {
        for (uint32_t end = begin + 1; end <= BNT_CHUNK_POSITIONS; end++) {
            seen[0] = (bnt_seen){begin, end};
            case_softmax(c, seen, 1);
        }
    }
    for (uint32_t n = 0; n <= MOST_SOFTMAX; n++) {
        for (uint32_t i = 0; i < n; i++) { /* every third sees all, and a few nothing */
            seen[i] = (bnt_seen){0, BNT_CHUNK_POSITIONS};
            if (i % 3 == n % 3) continue;
            seen[i].begin = check_below(c, BNT_CHUNK_POSITIONS);
            seen[i].end = check_below(c, BNT_CHUNK_POSITIONS + 1);
        }
        case_softmax(c, seen, n);
    }
}

/* The exponential of numbers from all over, of many where it is neither 0 nor infinity, and of
 * all around where its branches part. */
static void check_exp(check *c)
{
    static const size_t part = PART(exp_sum_f32);
    static const float edges[] = {-87.3f, 88.7f, 0.0f, 0.34657359f, -0.34657359f, 88.029694f};
    enum { BATCH = 8192, STEP = 16411 };
    static float x[BATCH];
    if (!check_kernel(c, "exp_sum_f32_range", &part, 1)) return;
    check_out outs[] = {{CHECK_F32, sizeof x, 4, x, NULL}, {CHECK_F32, 4, 4, NULL, NULL}};
    const vectors v = {.n = BATCH};
    for (uint64_t bits = 0; bits <= UINT32_MAX;) {
        check_begin(c, false, "bits from 0x%08x", (unsigned)bits);
        for (int i = 0; i < BATCH; i++, bits += STEP) {
            x[i] = bnt_f32_from_bits((uint32_t)bits);
        }
        check_case(c, run_exp_sum, &v, outs, 2);
    }
    for (int batch = 0; batch < 128; batch++) {
        check_begin(c, false, "numbers from -87.3 to 88.7, batch %d", batch);
        for (int i = 0; i < BATCH; i++) {
            x[i] = 0.7f + 29.3f * check_float(c, FILL_RANDOM);
        }
        check_case(c, run_exp_sum, &v, outs, 2);
    }
    for (size_t e = 0; e < sizeof edges / sizeof edges[0]; e++) {
        check_begin(c, false, "around %g", (double)edges[e]);
        for (uint32_t i = 0; i < BATCH; i++) {
            x[i] = bnt_f32_from_bits(bnt_f32_to_bits(edges[e]) + i - (e == 2 ? 0 : BATCH / 2));
        }
        check_case(c, run_exp_sum, &v, outs, 2);
    }
}

/* Every half, what lies in the middle between it and the next, and the floats beside these. */
static void check_halves_exactly(check *c)
{
    static const size_t part = PART(f32_to_f16);
    static float x[65536 * 4];
    if (!check_kernel(c, "f32_to_f16_ties", &part, 1)) return;
    check_begin(c, false, "every half and every tie");
    for (uint32_t h = 0; h < 65536; h++) {
        const uint32_t bits = bnt_f32_to_bits(bnt_f16_to_f32((uint16_t)h));
        /* Below 2^-14 halves are 2^-24 apart, above by 2^13 units of the float. */
        const float small = bnt_f16_to_f32((uint16_t)h) + (h & 0x8000 ? -0x1p-25f : 0x1p-25f);
        const uint32_t tie = (h & 0x7C00) == 0 ? bnt_f32_to_bits(small) : bits + (1u << 12);
        x[4 * h] = bnt_f32_from_bits(bits);
        x[4 * h + 1] = bnt_f32_from_bits(tie);
        x[4 * h + 2] = bnt_f32_from_bits(tie - 1);
        x[4 * h + 3] = bnt_f32_from_bits(tie + 1);
    }
    const vectors v = {.x = x, .n = sizeof x / sizeof x[0]};
    check_out out = {CHECK_F16, sizeof x / 2, 2, NULL, NULL};
    check_case(c, run_to_half, &v, &out, 1);
}

void check_vectors(check *c)
{
    check_softmax(c);
    check_max(c);
    check_hadamard(c);
    for (size_t i = 0; i < sizeof kernels / sizeof kernels[0]; i++) {
        check_vector(c, &kernels[i]);
    }
    check_exp(c);
    check_halves_exactly(c);
}
