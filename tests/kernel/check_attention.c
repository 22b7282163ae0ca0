/* check_attention.c - scores, mixes and expanded forms of cached keys and values. */
#include "check.h"

#include <stdio.h>
#include <string.h>

static const char *const forms[BNT_KV_FORMS] = {"f32", "f16", "q8", "q4"};
static const uint32_t head_dims[] = {2,  4,  8,  16, 17,  24,  32,  40,
                                     48, 64, 80, 96, 100, 112, 128, 256};
enum { HEAD_DIMS = sizeof head_dims / sizeof head_dims[0] };

/* One call of any kernel here. */
typedef struct attention {
    bnt_kv_form form;
    const uint8_t *data; /* keys, or the value row of position 0 */
    size_t step;         /* from block to block, or row to row */
    uint32_t begin, end; /* blocks 0 to end, or positions */
    uint32_t n_q, head_dim;
    const float *q; /* queries, or p */
    size_t q_stride, out_stride;
    float scale;
} attention;

/* ---- keys and values ---- */

/* Of the codes of a block of keys. */
static size_t code_bytes(bnt_kv_form form, uint32_t head_dim)
{
    return (form == BNT_KV_FORM_Q8 ? head_dim : ((size_t)head_dim + 1) / 2) * BNT_KEY_POSITIONS;
}

static size_t key_bytes(bnt_kv_form form, uint32_t head_dim)
{
    const size_t n = (size_t)head_dim * BNT_KEY_POSITIONS;
    if (form == BNT_KV_FORM_F32) return 4 * n;
    if (form == BNT_KV_FORM_F16) return 2 * n;
    return code_bytes(form, head_dim) + (size_t)(head_dim + 31) / 32 * BNT_KEY_POSITIONS * 2;
}

static size_t value_bytes(bnt_kv_form form, uint32_t head_dim)
{
    if (form == BNT_KV_FORM_F32) return 4 * (size_t)head_dim;
    if (form == BNT_KV_FORM_F16) return 2 * (size_t)head_dim;
    return (size_t)(head_dim + 31) / 32 * (form == BNT_KV_FORM_Q8 ? 34 : 18);
}

static size_t form_align(bnt_kv_form form)
{
    return form == BNT_KV_FORM_F32 ? 4 : 2;
}

static void fill_codes(check *c, uint8_t *p, size_t n, check_fill fill)
{
    check_noise(c, p, n);
    if (fill == FILL_MIN) memset(p, 0x80, n);
    if (fill == FILL_MAX) memset(p, 0x7F, n);
}

static void fill_floats(check *c, uint8_t *p, size_t n, check_fill fill)
{
    for (size_t i = 0; i < n; i++) {
        const float x = check_float(c, fill);
        memcpy(p + 4 * i, &x, sizeof x);
    }
}

static void fill_keys(check *c, uint8_t *p, bnt_kv_form form, uint32_t head_dim,
                      check_fill fill)
{
    const size_t n = (size_t)head_dim * BNT_KEY_POSITIONS;
    if (form == BNT_KV_FORM_F32) {
        fill_floats(c, p, n, fill);
    } else if (form == BNT_KV_FORM_F16) {
        check_halves(c, p, n, fill);
    } else {
        const size_t codes = code_bytes(form, head_dim);
        fill_codes(c, p, codes, fill);
        check_halves(c, p + codes, (key_bytes(form, head_dim) - codes) / 2, fill);
    }
}

static void fill_value(check *c, uint8_t *p, bnt_kv_form form, uint32_t head_dim,
                       check_fill fill)
{
    if (form == BNT_KV_FORM_F32) {
        fill_floats(c, p, head_dim, fill);
        return;
    }
    if (form == BNT_KV_FORM_F16) {
        check_halves(c, p, head_dim, fill);
        return;
    }
    if (form == BNT_KV_FORM_Q4) {
        for (uint32_t d = 0; d < head_dim; d += 32, p += 18) {
            check_halves(c, p, 1, fill);
            fill_codes(c, p + 2, 16, fill);
        }
        return;
    }
    for (uint32_t d = 0; d < head_dim; d += 32, p += 34) {
        const uint32_t n = head_dim - d < 32 ? head_dim - d : 32;
        check_halves(c, p, 1, fill);
        memset(p + 2, 0, 32);
        fill_codes(c, p + 2, n, fill);
    }
}

/* Blocks of keys, one behind the other with a gap in some cases. */
static void make_keys(check *c, attention *a, check_fill fill)
{
    const size_t bytes = key_bytes(a->form, a->head_dim);
    a->step = bytes + (c->n_cases % 2 ? 0 : 64);
    uint8_t *const p = check_in(c, (a->end - 1) * a->step + bytes, form_align(a->form));
    for (uint32_t b = 0; b < a->end; b++) {
        fill_keys(c, p + b * a->step, a->form, a->head_dim, fill);
    }
    a->data = p;
}

/* Rows of positions begin to end alone: those before and behind cannot be read. */
static void make_values(check *c, attention *a, check_fill fill)
{
    const size_t bytes = value_bytes(a->form, a->head_dim);
    const uint32_t n = a->end - a->begin;
    a->step = bytes + (c->n_cases % 2 ? 0 : 34 * 4);
    uint8_t *const p = check_in(c, n ? (n - 1) * a->step + bytes : 0, form_align(a->form));
    for (uint32_t j = 0; j < n; j++) {
        fill_value(c, p + j * a->step, a->form, a->head_dim, fill);
    }
    a->data = p - a->begin * a->step;
}

/* ---- scores ---- */

static void run_scores(const bnt_kernels *k, const void *args, const check_out *out)
{
    const attention *const a = args;
    k->scores[a->form](a->data, a->step, a->end, a->q, a->q_stride, a->n_q, a->head_dim,
                       a->scale, out->data);
}

static void case_scores(check *c, bnt_kv_form form, uint32_t n_blocks, uint32_t n_q,
                        uint32_t head_dim, check_fill fill)
{
    check_begin(c, c->n_cases % 4 == 3, "%u blocks, %u queries, head %u, fill %s", n_blocks,
                n_q, head_dim, check_fill_names[fill]);
    attention a = {.form = form, .end = n_blocks, .n_q = n_q, .head_dim = head_dim};
    a.scale = check_float(c, FILL_RANDOM);
    a.q_stride = head_dim + c->n_cases % 3;
    float *const q =
        check_in(c, n_q ? ((n_q - 1) * a.q_stride + head_dim) * sizeof *q : 0, sizeof *q);
    for (uint32_t i = 0; i < n_q; i++) {
        check_floats(c, q + i * a.q_stride, head_dim, fill);
    }
    a.q = q;
    make_keys(c, &a, fill);
    const size_t n = n_q ? (n_q - 1) * BNT_CHUNK_POSITIONS + n_blocks * BNT_KEY_POSITIONS : 0;
    check_out out = {CHECK_F32, n * sizeof(float), 4, NULL, NULL};
    check_case(c, run_scores, &a, &out, 1);
}

static void check_scores(check *c, bnt_kv_form form)
{
    char name[32];
    const size_t part = offsetof(bnt_kernels, scores) + (size_t)form * sizeof(bnt_scores_fn);
    snprintf(name, sizeof name, "scores_%s", forms[form]);
    if (!check_kernel(c, name, &part, 1)) return;
    for (uint32_t i = 0; i < HEAD_DIMS; i++) {
        for (uint32_t fill = 0; fill < FILLS; fill++) {
            case_scores(c, form, 1 + (i + fill) % 4, 1 + (i * 5 + fill * 3) % 13, head_dims[i],
                        (check_fill)fill);
        }
    }
    for (uint32_t n_q = 0; n_q <= 13; n_q++) {
        for (uint32_t n_blocks = 1; n_blocks <= 4; n_blocks++) {
            case_scores(c, form, n_blocks, n_q, n_q % 2 ? 64 : 40, FILL_RANDOM);
        }
    }
}

/* ---- mix ---- */

static void run_mix(const bnt_kernels *k, const void *args, const check_out *out)
{
    const attention *const a = args;
    k->mix[a->form](a->data, a->step, a->begin, a->end, a->q, a->n_q, a->head_dim, out->data,
                    a->out_stride);
}

static void case_mix(check *c, attention a, check_fill fill)
{
    check_begin(c, c->n_cases % 4 == 3, "positions %u to %u, %u queries, head %u, fill %s",
                a.begin, a.end, a.n_q, a.head_dim, check_fill_names[fill]);
    a.out_stride = a.head_dim + c->n_cases % 3;
    const size_t n_p = a.n_q ? (a.n_q - 1) * BNT_CHUNK_POSITIONS + a.end - a.begin : 0;
    const size_t n_out = a.n_q ? (a.n_q - 1) * a.out_stride + a.head_dim : 0;
    float *const p = check_in(c, n_p * sizeof *p, sizeof *p);
    float *const initial = check_in(c, n_out * sizeof *initial, sizeof *initial);
    check_floats(c, p, n_p, fill);
    check_floats(c, initial, n_out, fill == FILL_SPECIAL ? FILL_RANDOM : fill);
    a.q = p - a.begin; /* those before begin cannot be read */
    make_values(c, &a, fill);
    check_out out = {CHECK_F32, n_out * sizeof(float), 4, initial, NULL};
    check_case(c, run_mix, &a, &out, 1);
}

static void check_mix(check *c, bnt_kv_form form)
{
    static const uint32_t edges[] = {0, 1, 2, 3, 7, 8, 15, 16, 17, 31, 33, 63, 64};
    enum { EDGES = sizeof edges / sizeof edges[0] };
    char name[32];
    const size_t part = offsetof(bnt_kernels, mix) + (size_t)form * sizeof(bnt_mix_fn);
    snprintf(name, sizeof name, "mix_%s", forms[form]);
    if (!check_kernel(c, name, &part, 1)) return;
    attention a = {.form = form};
    for (uint32_t i = 0; i < HEAD_DIMS; i++) {
        for (uint32_t fill = 0; fill < FILLS; fill++) {
            a.begin = fill % 2 ? check_below(c, 20) : 0;
            a.end = a.begin + 1 + (i * 7 + fill * 5) % 44;
            a.n_q = 1 + (i * 5 + fill * 3) % 13;
            a.head_dim = head_dims[i];
            case_mix(c, a, (check_fill)fill);
        }
    }
    for (uint32_t i = 0; i < EDGES; i++) {
        for (uint32_t j = i; j < EDGES; j++) {
            a.begin = edges[i];
            a.end = edges[j];
            a.n_q = (i + j) % 14;
            a.head_dim = (i + j) % 2 ? 24 : 64;
            case_mix(c, a, FILL_RANDOM);
        }
    }
}

/* ---- expanded forms ---- */

static void run_expand_keys(const bnt_kernels *k, const void *args, const check_out *out)
{
    const attention *const a = args;
    k->expand_keys[a->form](a->data, a->step, a->end, a->head_dim, out->data);
}

static void run_expand_values(const bnt_kernels *k, const void *args, const check_out *out)
{
    const attention *const a = args;
    k->expand_values[a->form](a->data, a->step, a->end, a->head_dim, out->data);
}

/* Blocks of keys, or positions of values, times head_dim numbers each. */
static void case_expand(check *c, bool keys, bnt_kv_form form, uint32_t n, uint32_t head_dim,
                        check_fill fill)
{
    check_begin(c, c->n_cases % 4 == 3, "%u %s, head %u, fill %s", n,
                keys ? "blocks" : "positions", head_dim, check_fill_names[fill]);
    attention a = {.form = form, .end = n, .head_dim = head_dim};
    if (keys) {
        make_keys(c, &a, fill);
    } else {
        make_values(c, &a, fill);
    }
    const size_t n_out = (size_t)n * head_dim * (keys ? BNT_KEY_POSITIONS : 1);
    check_out out = {CHECK_F32, n_out * sizeof(float), 4, NULL, NULL};
    check_case(c, keys ? run_expand_keys : run_expand_values, &a, &out, 1);
}

/* Every half there is, as one block of keys and as one row of values. */
static void case_all_halves(check *c, bool keys)
{
    check_begin(c, false, "every half");
    uint8_t *const p = check_in(c, 65536 * 2, 2);
    for (uint32_t i = 0; i < 65536; i++) {
        const uint16_t bits = (uint16_t)i;
        memcpy(p + 2 * (size_t)i, &bits, sizeof bits);
    }
    const attention a = {.form = BNT_KV_FORM_F16,
                         .data = p,
                         .end = 1,
                         .head_dim = keys ? 65536 / BNT_KEY_POSITIONS : 65536};
    check_out out = {CHECK_F32, 65536 * sizeof(float), 4, NULL, NULL};
    check_case(c, keys ? run_expand_keys : run_expand_values, &a, &out, 1);
}

static void check_expand(check *c, bool keys, bnt_kv_form form)
{
    static const uint32_t positions[] = {0, 1, 2, 5, 16, 63, 64};
    char name[32];
    const size_t part =
        (keys ? offsetof(bnt_kernels, expand_keys) : offsetof(bnt_kernels, expand_values)) +
        (size_t)form * sizeof(void (*)(void));
    snprintf(name, sizeof name, "expand_%s_%s", keys ? "keys" : "values", forms[form]);
    if (!check_kernel(c, name, &part, 1)) return;
    for (uint32_t i = 0; i < HEAD_DIMS; i++) {
        for (uint32_t fill = 0; fill < FILLS; fill++) {
            const uint32_t n = keys ? 1 + (i + fill) % 4 : positions[(i + fill) % 7];
            case_expand(c, keys, form, n, head_dims[i], (check_fill)fill);
        }
    }
    if (form == BNT_KV_FORM_F16) case_all_halves(c, keys);
}

void check_attention(check *c)
{
    for (int form = 0; form < BNT_KV_FORMS; form++) {
        check_scores(c, (bnt_kv_form)form);
        check_mix(c, (bnt_kv_form)form);
        check_expand(c, true, (bnt_kv_form)form);
        check_expand(c, false, (bnt_kv_form)form);
    }
}
