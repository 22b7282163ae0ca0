/* check_learn.c - kernels of training: tiles of a product and their packing, what gates, norms
 * and softmax give back, the step of AdamW.
 */
#include "check.h"

#include <string.h>

#define PART(entry) (offsetof(check_tables, learn) + offsetof(bnt_learn_kernels, entry))

/* ---- products: tiles have another shape in every set, so a case is a whole small matrix ----
 */

enum { MOST_M = 26, MOST_N = 80, MOST_K = 300 };

typedef struct product {
    const float *a, *b; /* (m, k), (k, n) */
    check_room packed_a, packed_b;
    bool at_begin, add;
    size_t m, n, k, c_stride;
} product;

/* Where an operand of so many bytes lies: it ends at a page, or begins behind one. */
static float *place(const check_room *room, bool at_begin, size_t bytes, size_t align)
{
    uint8_t *const p =
        at_begin ? room->data : room->data + ((room->size - bytes) & ~(align - 1));
    return (float *)(void *)p;
}

/* Packed as the contract says, with numbers of no sense as padding. */
static void put_panel(float *out, const float *x, size_t row, size_t step, size_t n, size_t k,
                      size_t width)
{
    for (size_t s = 0; s < k; s++) {
        for (size_t i = 0; i < width; i++) {
            out[s * width + i] = i < n ? x[i * row + s * step] : -3.0e38f;
        }
    }
}

static void run_matmul(const bnt_kernels *kernels, const void *args, const check_out *out)
{
    const bnt_learn_kernels *const k = check_learn_of(kernels);
    const product *const p = args;
    const size_t rows = k->matmul_rows, columns = k->matmul_columns;
    float *const a = place(&p->packed_a, p->at_begin, p->k * rows * sizeof *a, sizeof *a);
    float *const b = place(&p->packed_b, p->at_begin, p->k * columns * sizeof *b, 64);
    float *const c = out[0].data;

    for (size_t i = 0; i < p->m; i += rows) {
        const size_t m = p->m - i < rows ? p->m - i : rows;
        put_panel(a, p->a + i * p->k, p->k, 1, m, p->k, rows);
        for (size_t j = 0; j < p->n; j += columns) {
            const size_t n = p->n - j < columns ? p->n - j : columns;
            put_panel(b, p->b + j, 1, p->n, n, p->k, columns);
            k->matmul(a, b, p->k, c + i * p->c_stride + j, p->c_stride, (uint32_t)m,
                      (uint32_t)n, p->add);
        }
    }
}

static check_room make_room(check *c, size_t bytes)
{
    const check_room room = {check_in(c, bytes, 64), bytes};
    return room;
}

static void case_matmul(check *c, size_t m, size_t n, size_t k, check_fill fill, int way)
{
    static float initial[MOST_M * (MOST_N + 3)];
    const bool add = way & 1, at_begin = way & 2;
    check_begin(c, at_begin, "%zu x %zu x %zu, fill %s%s", m, n, k, check_fill_names[fill],
                add ? ", added" : "");
    float *const a = check_in(c, m * k * sizeof *a, sizeof *a);
    float *const b = check_in(c, k * n * sizeof *b, sizeof *b);
    product p = {.a = a, .b = b, .at_begin = at_begin, .add = add, .m = m, .n = n, .k = k};
    p.packed_a = make_room(c, (MOST_K * BNT_MAX_MATMUL_ROWS) * sizeof(float));
    p.packed_b = make_room(c, (MOST_K * BNT_MAX_MATMUL_COLUMNS) * sizeof(float));
    p.c_stride = n + (add ? 3 : 0);
    check_floats(c, a, m * k, fill);
    check_floats(c, b, k * n, c->n_cases % 2 ? fill : FILL_RANDOM);
    /* The last row of C ends with its last element. */
    const size_t n_out = (m - 1) * p.c_stride + n;
    check_floats(c, initial, n_out, c->n_cases % 3 ? fill : FILL_RANDOM);
    check_out out = {CHECK_F32, n_out * sizeof(float), sizeof(float), initial, NULL};
    check_case(c, run_matmul, &p, &out, 1);
}

static void check_matmul(check *c)
{
    static const size_t parts[] = {PART(matmul)};
    static const size_t depths[] = {0, 1, 2, 3, 16, 17, 40};
    if (!check_kernel(c, "matmul", parts, 1)) return;
    for (int way = 0; way < 4; way++) {
        for (size_t n = 1; n <= MOST_N; n++) {
            const check_fill fill = (check_fill)((n + (size_t)way) % FILLS);
            case_matmul(c, 1 + n % MOST_M, n, depths[n % 7], FILL_RANDOM, way);
            case_matmul(c, 1 + (n + 12) % MOST_M, n, depths[(n + 3) % 7], fill, way);
        }
        for (size_t m = 1; m <= MOST_M; m++) {
            case_matmul(c, m, 64, 9, FILL_WIDE, way); /* whole columns, every height */
            case_matmul(c, m, 16, 8, FILL_SPECIAL, way);
        }
        case_matmul(c, 24, 64, MOST_K, FILL_RANDOM, way);
    }
}

/* ---- packing, seen as the matrix it is made from ---- */

typedef struct packing {
    const float *x;
    size_t stride, n, k;
    bool turned, at_begin;
    check_room packed;
} packing;

/* out[0]: the matrix that the panels hold; out[1]: one byte that says whether the padding is
 * +0. */
static void unpack(const float *panels, const packing *p, size_t width, const check_out *out)
{
    float *const matrix = out[0].data;
    uint8_t padded = 1;
    for (size_t i = 0; i < (p->n + width - 1) / width * width; i++) {
        for (size_t s = 0; s < p->k; s++) {
            const float *const x = panels + i / width * width * p->k + s * width + i % width;
            static const float zero = 0.0f;
            if (i < p->n) {
                memcpy(&matrix[i * p->k + s], x, sizeof *x);
            } else if (memcmp(x, &zero, sizeof zero) != 0) {
                padded = 0;
            }
        }
    }
    memcpy(out[1].data, &padded, 1);
}

typedef void (*pack_fn)(float *out, const float *x, size_t stride, size_t n, size_t k,
                        bool turned);

/* A byte before or after the panels that changes is one that must not. */
static void run_pack(pack_fn pack, size_t width, const packing *p, const check_out *out)
{
    const size_t n_floats = (p->n + width - 1) / width * width * p->k;
    float *const panels = place(&p->packed, p->at_begin, n_floats * sizeof(float), 64);
    uint8_t *const bytes = (uint8_t *)panels, *const end = p->packed.data + p->packed.size;
    memset(p->packed.data, 0xA5, p->packed.size);
    pack(panels, p->x, p->stride, p->n, p->k, p->turned);
    unpack(panels, p, width, out);
    bool whole = true;
    for (const uint8_t *q = bytes + n_floats * sizeof(float); q < end && whole; q++) {
        whole = *q == 0xA5;
    }
    for (const uint8_t *q = p->packed.data; q < bytes && whole; q++) {
        whole = *q == 0xA5;
    }
    if (!whole) *(uint8_t *)out[1].data = 2;
}

static void run_pack_a(const bnt_kernels *kernels, const void *args, const check_out *out)
{
    const bnt_learn_kernels *const k = check_learn_of(kernels);
    run_pack(k->pack_a, k->matmul_rows, args, out);
}

static void run_pack_b(const bnt_kernels *kernels, const void *args, const check_out *out)
{
    const bnt_learn_kernels *const k = check_learn_of(kernels);
    run_pack(k->pack_b, k->matmul_columns, args, out);
}

enum { PACK_N = 140, PACK_K = 40 };

static void case_pack(check *c, check_run_fn run, size_t n, size_t k, int way)
{
    const bool turned = way & 1, at_begin = way & 2;
    const size_t lines = turned ? n : k, line = turned ? k : n, stride = line + (n % 3);
    const size_t n_x = lines ? (lines - 1) * stride + line : 0;
    check_begin(c, at_begin, "%zu of %zu steps%s", n, k, turned ? ", turned" : "");
    float *const x = check_in(c, n_x * sizeof *x, sizeof *x);
    packing p = {.x = x, .stride = stride, .n = n, .k = k, .turned = turned};
    p.at_begin = at_begin;
    p.packed = make_room(c, (PACK_N + BNT_MAX_MATMUL_COLUMNS) * PACK_K * sizeof(float));
    check_floats(c, x, n_x, FILL_BITS);
    check_out outs[] = {{CHECK_BYTES, n * k * sizeof(float), 4, NULL, NULL},
                        {CHECK_BYTES, 1, 1, NULL, NULL}};
    check_case(c, run, &p, outs, 2);
}

static void check_pack(check *c, const char *name, size_t part, check_run_fn run)
{
    static const size_t depths[] = {1, 3, 15, 16, 17, PACK_K};
    const size_t parts[] = {part};
    if (!check_kernel(c, name, parts, 1)) return;
    for (size_t n = 1; n <= PACK_N; n++) {
        for (int way = 0; way < 4; way++) {
            case_pack(c, run, n, depths[n % 6], way);
            case_pack(c, run, n, depths[(n + 3) % 6], way);
        }
    }
}

/* ---- vectors ---- */

enum { INPUTS = 4, OUTPUTS = 3 };

/* One call: inputs, and for outputs that lie on one of them its number. */
typedef struct vectors {
    const float *x[INPUTS];
    int on[OUTPUTS]; /* -1: a place of its own */
    float a;
    size_t n;
    bnt_adamw step;
} vectors;

/* Input i, or the output that lies in its place. */
static const float *input(const vectors *v, const check_out *out, int i)
{
    for (int o = 0; o < OUTPUTS; o++) {
        if (v->on[o] == i) return out[o].data;
    }
    return v->x[i];
}

static void run_gate_silu_grad(const bnt_kernels *k, const void *args, const check_out *out)
{
    const vectors *const v = args;
    check_learn_of(k)->gate_silu_grad(out[0].data, out[1].data, input(v, out, 0),
                                      input(v, out, 1), input(v, out, 2), v->n);
}

static void run_gate_relu_grad(const bnt_kernels *k, const void *args, const check_out *out)
{
    const vectors *const v = args;
    check_learn_of(k)->gate_relu_grad(out[0].data, out[1].data, input(v, out, 0),
                                      input(v, out, 1), input(v, out, 2), v->n);
}

static void run_rms_norm_grad(const bnt_kernels *k, const void *args, const check_out *out)
{
    const vectors *const v = args;
    check_learn_of(k)->rms_norm_grad(out[0].data, v->x[1], v->x[2], v->x[3], v->n, 1e-5f);
}

static void run_rms_norm_weight_grad(const bnt_kernels *k, const void *args,
                                     const check_out *out)
{
    const vectors *const v = args;
    check_learn_of(k)->rms_norm_weight_grad(out[0].data, v->x[1], v->x[2], v->n, 1e-5f);
}

static void run_softmax_grad(const bnt_kernels *k, const void *args, const check_out *out)
{
    const vectors *const v = args;
    check_learn_of(k)->softmax_grad(out[0].data, v->x[1], v->a, v->n);
}

static void run_adamw(const bnt_kernels *k, const void *args, const check_out *out)
{
    const vectors *const v = args;
    check_learn_of(k)->adamw(out[0].data, out[1].data, out[2].data, v->x[3], v->n, &v->step);
}

static void run_square_sum(const bnt_kernels *k, const void *args, const check_out *out)
{
    const vectors *const v = args;
    *(float *)out[0].data = check_learn_of(k)->square_sum(v->x[1], v->n);
}

typedef struct learn_kernel {
    const char *name;
    size_t part;
    check_run_fn run;
    int n_outs;
    bool number; /* what comes out is one */
    bool gate; /* outputs may lie on the first three inputs; else output i begins as input i */
} learn_kernel;

static const learn_kernel kernels[] = {
    {"gate_silu_grad", PART(gate_silu_grad), run_gate_silu_grad, 2, false, true},
    {"gate_relu_grad", PART(gate_relu_grad), run_gate_relu_grad, 2, false, true},
    {"rms_norm_grad", PART(rms_norm_grad), run_rms_norm_grad, 1, false, false},
    {"rms_norm_weight_grad", PART(rms_norm_weight_grad), run_rms_norm_weight_grad, 1, false,
     false},
    {"softmax_grad", PART(softmax_grad), run_softmax_grad, 1, false, false},
    {"adamw", PART(adamw), run_adamw, 3, false, false},
    {"square_sum", PART(square_sum), run_square_sum, 1, true, false},
};

/* A step as in the middle of a run, or one of no sense. */
static bnt_adamw make_step(check *c, check_fill fill)
{
    const bnt_adamw usual = {3e-4f, 0.9f, 0.95f, 1e-8f, 0.1f, 1.7f, 3.1f, 0.5f};
    bnt_adamw step;
    if (fill != FILL_BITS) return usual;
    check_floats(c, &step.rate, 1, fill);
    check_floats(c, &step.beta1, 1, fill);
    check_floats(c, &step.beta2, 1, fill);
    check_floats(c, &step.epsilon, 1, fill);
    check_floats(c, &step.decay, 1, fill);
    check_floats(c, &step.unbias1, 1, fill);
    check_floats(c, &step.unbias2, 1, fill);
    check_floats(c, &step.grad_scale, 1, fill);
    return step;
}

/* place: for gates, which inputs the two outputs lie on, 0 for none. */
static void case_vector(check *c, const learn_kernel *kernel, size_t n, check_fill fill,
                        bool at_begin, int places)
{
    check_begin(c, at_begin, "n %zu, fill %s, places %d", n, check_fill_names[fill], places);
    vectors v = {.on = {places % 4 - 1, places / 4 - 1, -1}, .n = n};
    for (int i = 0; i < INPUTS; i++) {
        float *const x = check_in(c, n * sizeof *x, sizeof *x);
        check_floats(c, x, n, (c->n_cases + (unsigned)i) % 3 ? fill : FILL_RANDOM);
        v.x[i] = x;
    }
    v.a = check_float(c, FILL_RANDOM);
    v.step = make_step(c, fill);
    check_out outs[OUTPUTS];
    for (int o = 0; o < OUTPUTS; o++) {
        const float *const initial = kernel->number  ? NULL
                                     : !kernel->gate ? v.x[o]
                                     : v.on[o] >= 0  ? v.x[v.on[o]]
                                                     : NULL;
        outs[o] =
            (check_out){CHECK_F32, (kernel->number ? 1 : n) * sizeof(float), 4, initial, NULL};
    }
    check_case(c, kernel->run, &v, outs, kernel->n_outs);
}

static void check_vector(check *c, const learn_kernel *kernel)
{
    static const size_t sizes[] = {96, 127, 128, 129, 255, 256, 257, 576, 1000, 4099};
    enum { SMALL = 70, SIZES = sizeof sizes / sizeof sizes[0], PLACES = 16 };
    if (!check_kernel(c, kernel->name, &kernel->part, 1)) return;
    for (size_t i = 0; i < SMALL + SIZES; i++) {
        const size_t n = i < SMALL ? i : sizes[i - SMALL];
        for (int fill = 0; fill < FILLS; fill++) {
            case_vector(c, kernel, n, (check_fill)fill, fill % 2, 0);
            const int places = (int)(i + (size_t)fill) % PLACES;
            if (!kernel->gate || places % 4 == places / 4) continue; /* not both on one */
            case_vector(c, kernel, n, (check_fill)fill, fill % 2 == 0, places);
        }
    }
}

void check_learn(check *c)
{
    check_matmul(c);
    check_pack(c, "pack_a", PART(pack_a), run_pack_a);
    check_pack(c, "pack_b", PART(pack_b), run_pack_b);
    for (size_t i = 0; i < sizeof kernels / sizeof kernels[0]; i++) {
        check_vector(c, &kernels[i]);
    }
}
