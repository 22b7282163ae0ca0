/* check_products.c - quantizing tokens, and products of every type of matrix with them. */
#include "check.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/f16.h"
#include "quant/block.h"

static const struct {
    const char *name;
    bnt_type_id id;
} tiles[BNT_TILES] = {
    [BNT_TILE_B4] = {"b4", BNT_TYPE_B4},
    [BNT_TILE_B3] = {"b3", BNT_TYPE_B3},
    [BNT_TILE_B2] = {"b2", BNT_TYPE_B2},
    [BNT_TILE_B8] = {"b8", BNT_TYPE_B8},
    [BNT_TILE_B6] = {"b6", BNT_TYPE_B6},
    [BNT_TILE_B5] = {"b5", BNT_TYPE_B5},
    [BNT_TILE_Q4_0] = {"q4_0", BNT_TYPE_Q4_0_R16},
    [BNT_TILE_Q8_0] = {"q8_0", BNT_TYPE_Q8_0_R16},
    [BNT_TILE_Q4_K] = {"q4_k", BNT_TYPE_Q4_K_R16},
    [BNT_TILE_Q5_K] = {"q5_k", BNT_TYPE_Q5_K_R16},
    [BNT_TILE_Q6_K] = {"q6_k", BNT_TYPE_Q6_K_R16},
};

/* Groups filled by way of bnt_tile_interleave from random blocks of the GGUF type. */
enum { FILL_BLOCKS = FILLS, TILE_FILLS };

static const char *fill_name(int fill)
{
    return fill == FILL_BLOCKS ? "blocks" : check_fill_names[fill];
}

/* ---- weights ---- */

/* n bytes of a section; those up to a whole line are zeros. */
static uint8_t *fill_bytes(check *c, uint8_t *p, size_t n, int fill, int least, int greatest)
{
    memset(p, 0, bnt_tile_padded(n));
    for (size_t i = 0; i < n; i++) {
        const int random = least + (int)check_below(c, (uint32_t)(greatest - least + 1));
        p[i] = (uint8_t)(fill == FILL_MIN ? least : fill == FILL_MAX ? greatest : random);
    }
    return p + bnt_tile_padded(n);
}

static uint8_t *fill_halves(check *c, uint8_t *p, size_t bytes, int fill)
{
    memset(p, 0, bnt_tile_padded(bytes));
    check_halves(c, p, bytes / 2, (check_fill)fill);
    return p + bnt_tile_padded(bytes);
}

static uint8_t *fill_scales(check *c, uint8_t *p, bnt_tile_index type, size_t bytes, int fill)
{
    switch (type) {
    case BNT_TILE_Q4_0:
    case BNT_TILE_Q8_0:
        return fill_halves(c, p, bytes, fill);
    case BNT_TILE_B4:
        return fill_bytes(c, p, bytes, fill, -15, 15);
    case BNT_TILE_B3:
        return fill_bytes(c, p, bytes, fill, -31, 31);
    case BNT_TILE_B2:
        return fill_bytes(c, p, bytes, fill, -63, 63);
    case BNT_TILE_B6:
    case BNT_TILE_B5:
    case BNT_TILE_Q6_K:
        return fill_bytes(c, p, bytes, fill, -128, 127);
    default:
        return fill_bytes(c, p, bytes, fill, 0, 255);
    }
}

/* The least and greatest codes lie in whole bytes of zeros and ones, but for signed codes of 8
 * bits. */
static uint8_t *fill_tile(check *c, uint8_t *p, bnt_tile_index type, const bnt_tile *t,
                          size_t n_spans, int fill)
{
    const bool codes8 = t->code_bytes == 512;
    p = fill_scales(c, p, type, n_spans * t->scale_bytes, fill);
    p = fill_bytes(c, p, n_spans * t->min_bytes, fill, 0, 255);
    p = fill_bytes(c, p, n_spans * t->code_bytes, fill, codes8 ? -128 : 0, codes8 ? 127 : 255);
    return fill_bytes(c, p, n_spans * t->high_bytes, fill, 0, 255);
}

static void fill_group(check *c, uint8_t *p, bnt_tile_index type, uint32_t columns, int fill)
{
    const bnt_tile *const t = bnt_type_find((uint32_t)tiles[type].id)->tile;
    p = fill_halves(c, p, bnt_tile_blocks(columns) * t->head_bytes, fill);
    for (uint32_t at = 0; at < columns; at += BNT_TILE_BLOCK) {
        const uint32_t left = columns - at, n = left < BNT_TILE_BLOCK ? left : BNT_TILE_BLOCK;
        p = fill_tile(c, p, type, t, n / BNT_TILE_SPAN, fill);
    }
}

/* Noise with moderate scales, laid out as the GGUF type has it. */
static void fill_source(check *c, uint8_t *p, size_t bytes, const bnt_type *source)
{
    check_noise(c, p, bytes);
    for (size_t at = 0; at < bytes; at += source->block_bytes) {
        switch ((int)source->id) {
        case BNT_TYPE_Q6_K:
            check_halves(c, p + at + source->block_bytes - 2, 1, FILL_RANDOM);
            break;
        case BNT_TYPE_Q4_K:
        case BNT_TYPE_Q5_K:
            check_halves(c, p + at, 2, FILL_RANDOM);
            break;
        default:
            check_halves(c, p + at, 1, FILL_RANDOM);
        }
    }
}

static void fill_from_blocks(check *c, uint8_t *p, bnt_tile_index type, uint32_t columns)
{
    static uint8_t rows[16 * 8192 * 2];
    const bnt_type *const tile = bnt_type_find((uint32_t)tiles[type].id);
    const bnt_type *const source = bnt_type_find((uint32_t)tile->tile->source);
    const uint32_t n_rows = 1 + check_below(c, 16);
    const size_t row_bytes = (size_t)columns / source->block_values * source->block_bytes;
    fill_source(c, rows, n_rows * row_bytes, source);
    bnt_tile_interleave(tile, rows, row_bytes, n_rows, columns, p);
}

/* ---- tokens ---- */

/* Codes and their sums as quantize() leaves them: -127 to 127, d from the fill. */
static bnt_acts make_acts(check *c, uint32_t n_tokens, uint32_t columns, int fill)
{
    const size_t stride = bnt_acts_stride(columns), blocks = bnt_tile_blocks(columns);
    int8_t *const q = check_in(c, n_tokens * stride, 64);
    float *const d = check_in(c, n_tokens * blocks * sizeof *d, sizeof *d);
    int32_t *const sum32 = check_in(c, n_tokens * (columns / 32) * 4, 4);
    int32_t *const sum16 = check_in(c, n_tokens * (columns / 16) * 4, 4);
    memset(q, 0, n_tokens * stride);
    memset(sum32, 0, (size_t)n_tokens * (columns / 32) * 4);
    memset(sum16, 0, (size_t)n_tokens * (columns / 16) * 4);
    for (uint32_t t = 0; t < n_tokens; t++) {
        const int sign = check_below(c, 2) ? -1 : 1; /* of a token of extremes */
        for (uint32_t i = 0; i < columns; i++) {
            int code = (int)check_below(c, 255) - 127;
            if (fill == FILL_MIN || fill == FILL_MAX) code = sign * 127;
            if (fill == FILL_ZERO && t % 2) code = 0;
            q[t * stride + i] = (int8_t)code;
            sum32[t * (columns / 32) + i / 32] += code;
            sum16[t * (columns / 16) + i / 16] += code;
        }
    }
    const bool plain = fill == FILL_BLOCKS || fill == FILL_MIN || fill == FILL_MAX;
    for (size_t i = 0; i < n_tokens * blocks; i++) {
        d[i] = fabsf(check_float(c, plain ? FILL_RANDOM : (check_fill)fill));
    }
    const bnt_acts x = {n_tokens, columns, q, d, sum32, sum16};
    return x;
}

/* ---- quantize ---- */

typedef struct quantize_args {
    const float *x;
    uint32_t columns;
} quantize_args;

static void run_quantize(const bnt_kernels *k, const void *args, const check_out *out)
{
    const quantize_args *const a = args;
    k->quantize(a->x, a->columns, out[0].data, out[1].data, out[2].data, out[3].data);
}

/* Fills beyond the common ones that quantize has rules for. */
enum { BLOCKS_OF_KINDS = FILLS, TIES, THRESHOLD, ONE_INFINITY, ONE_NAN, QUANTIZE_FILLS };

/* One number in each block that makes it NaN. */
static void fill_broken(check *c, float *x, uint32_t n, bool nan)
{
    check_floats(c, x, n, FILL_RANDOM);
    for (uint32_t i = 0; i < n; i += BNT_TILE_BLOCK) {
        const uint32_t left = n - i, at = check_below(c, left < BNT_TILE_BLOCK ? left : 256);
        const uint32_t sign = check_below(c, 2) << 31;
        const uint32_t rest = nan ? 1 + check_below(c, 0x7FFFFF) : 0;
        x[i + at] = bnt_f32_from_bits(sign | 0x7F800000u | rest);
    }
}

static void fill_tokens(check *c, float *x, uint32_t n, int fill)
{
    if (fill >= ONE_INFINITY) {
        fill_broken(c, x, n, fill == ONE_NAN);
        return;
    }
    if (fill < FILLS) {
        check_floats(c, x, n, (check_fill)fill);
        return;
    }
    for (uint32_t i = 0; i < n; i++) {
        if (fill == BLOCKS_OF_KINDS) { /* each block by another rule */
            check_floats(c, x + i, 1, (check_fill)(i / BNT_TILE_BLOCK % FILLS));
        } else if (fill == TIES) { /* halfway between two codes, where the factor is 1 */
            x[i] = (float)((int)check_below(c, 254) - 127) + 0.5f;
            if (i % BNT_TILE_BLOCK == 3) x[i] = -127.0f;
        } else { /* the greatest of a block just above, on or just below 2^-100 */
            static const float edge[] = {0x1p-100f, 0x1.fffffep-101f, 0x1.000002p-100f};
            x[i] = edge[i / BNT_TILE_BLOCK % 3] * (i % 7 ? 0.5f : -1.0f);
        }
    }
    if (fill == TIES) {
        for (uint32_t i = 0; i < n; i++) {
            if (x[i] > 127.0f) x[i] = 126.5f;
        }
    }
}

static void check_quantize(check *c)
{
    static const uint32_t columns[] = {0,   32,  64,  96,  224,  256, 288,
                                       320, 512, 576, 960, 2048, 6816};
    static const size_t part = offsetof(bnt_kernels, quantize);
    if (!check_kernel(c, "quantize", &part, 1)) return;
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++) {
        for (int fill = 0; fill < QUANTIZE_FILLS; fill++) {
            const uint32_t n = columns[i];
            check_begin(c, (i + (size_t)fill) % 3 == 0, "columns %u, fill %d", n, fill);
            float *const x = check_in(c, n * sizeof *x, sizeof *x);
            fill_tokens(c, x, n, fill);
            const quantize_args args = {x, n};
            check_out outs[] = {
                {CHECK_BYTES, bnt_acts_stride(n), 64, NULL, NULL},
                {CHECK_F32, bnt_tile_blocks(n) * sizeof(float), 4, NULL, NULL},
                {CHECK_BYTES, n / 32 * sizeof(int32_t), 4, NULL, NULL},
                {CHECK_BYTES, n / 16 * sizeof(int32_t), 4, NULL, NULL},
            };
            check_case(c, run_quantize, &args, outs, 4);
        }
    }
}

/* ---- products: what a GEMV and a GEMM have in common ---- */

typedef struct product {
    bnt_tile_index type;
    const uint8_t *groups;
    size_t group_bytes, y_stride;
    uint32_t n_groups, n_tokens, columns;
    bnt_acts x;
    void *pack, *work; /* of a GEMM */
    size_t room_bytes; /* of pack */
} product;

/* Types with blocks of 256 have whole blocks only. */
static uint32_t fit_columns(bnt_tile_index type, uint32_t columns)
{
    const uint32_t block = bnt_type_find((uint32_t)tiles[type].id)->block_values;
    return (columns + block - 1) / block * block;
}

static product make_product(check *c, bnt_tile_index type, uint32_t n_groups, uint32_t n_tokens,
                            uint32_t columns, int fill)
{
    const bnt_tile *const t = bnt_type_find((uint32_t)tiles[type].id)->tile;
    product p = {
        .type = type,
        .n_groups = n_groups,
        .n_tokens = n_tokens,
        .columns = columns,
        .group_bytes = bnt_tile_group_bytes(t, columns) + (c->n_cases % 3 ? 0 : 192),
        .y_stride = 16 * n_groups + (c->n_cases % 2 ? 0 : 5),
    };
    const size_t last = bnt_tile_group_bytes(t, columns);
    uint8_t *const groups =
        check_in(c, n_groups ? (n_groups - 1) * p.group_bytes + last : 0, BNT_TILE_LINE);
    for (uint32_t g = 0; g < n_groups; g++) {
        if (fill == FILL_BLOCKS && t->source != tiles[type].id) {
            fill_from_blocks(c, groups + g * p.group_bytes, type, columns);
        } else {
            fill_group(c, groups + g * p.group_bytes, type, columns,
                       fill == FILL_BLOCKS ? FILL_RANDOM : fill);
        }
    }
    p.groups = groups;
    p.x = make_acts(c, n_tokens, columns, fill);
    return p;
}

static check_out product_out(const product *p)
{
    const size_t n = p->n_groups ? (p->n_tokens - 1) * p->y_stride + 16 * p->n_groups : 0;
    const check_out out = {CHECK_F32, n * sizeof(float), sizeof(float), NULL, NULL};
    return out;
}

/* ---- GEMV ---- */

static void run_gemv(const bnt_kernels *k, const void *args, const check_out *out)
{
    const product *const p = args;
    k->gemv[p->type](p->groups, p->group_bytes, p->n_groups, &p->x, out->data, p->y_stride);
}

static void case_gemv(check *c, bnt_tile_index type, uint32_t n_groups, uint32_t n_tokens,
                      uint32_t columns, int fill)
{
    check_begin(c, c->n_cases % 4 == 3, "%u groups, %u tokens, %u columns, fill %s", n_groups,
                n_tokens, columns, fill_name(fill));
    const product p = make_product(c, type, n_groups, n_tokens, columns, fill);
    check_out out = product_out(&p);
    check_case(c, run_gemv, &p, &out, 1);
}

static void check_gemv(check *c, bnt_tile_index type)
{
    static const uint32_t small[] = {0, 32, 64, 224, 256, 288, 576};
    static const uint32_t large[] = {960, 2048, 6816};
    char name[32];
    const size_t part = offsetof(bnt_kernels, gemv) + (size_t)type * sizeof(bnt_gemv_fn);
    snprintf(name, sizeof name, "gemv_%s", tiles[type].name);
    if (!check_kernel(c, name, &part, 1)) return;

    for (int fill = 0; fill < TILE_FILLS; fill++) {
        for (uint32_t i = 0; i < sizeof small / sizeof small[0]; i++) {
            const uint32_t columns = fit_columns(type, small[i]), n = (uint32_t)fill + i;
            case_gemv(c, type, 1 + n % 4, 1, columns, fill);
            case_gemv(c, type, 1 + n % 5, 1 + n % 9, columns, fill);
        }
    }
    for (uint32_t n_tokens = 1; n_tokens <= BNT_GEMV_TOKENS; n_tokens++) {
        case_gemv(c, type, 1 + n_tokens % 2, n_tokens, fit_columns(type, 96), FILL_RANDOM);
        case_gemv(c, type, 4, n_tokens, fit_columns(type, 288), FILL_BLOCKS);
    }
    for (uint32_t n_groups = 0; n_groups < 10; n_groups++) {
        for (uint32_t n_tokens = 1; n_tokens <= 9; n_tokens += 1 + n_tokens / 2) {
            case_gemv(c, type, n_groups, n_tokens, fit_columns(type, 320), FILL_RANDOM);
        }
    }
    for (uint32_t i = 0; i < sizeof large / sizeof large[0]; i++) {
        case_gemv(c, type, 5, 1, fit_columns(type, large[i]), FILL_BLOCKS);
        case_gemv(c, type, 2, 3, fit_columns(type, large[i]), FILL_MAX);
        case_gemv(c, type, 1, 16, fit_columns(type, large[i]), FILL_MIN);
    }
}

/* ---- GEMM ---- */

/* Packs block by block, each block's tokens placed at the end of their room anew. */
static void pack_all(const bnt_kernels *k, const product *p, uint8_t *blocks)
{
    const size_t stride = bnt_acts_stride(p->columns), n_d = bnt_tile_blocks(p->columns);
    for (uint32_t t = 0; t < p->n_tokens; t += k->pack_tokens) {
        const uint32_t left = p->n_tokens - t;
        const bnt_acts part = {
            .n_tokens = left < k->pack_tokens ? left : k->pack_tokens,
            .columns = p->columns,
            .q = p->x.q + t * stride,
            .d = p->x.d + t * n_d,
            .sum32 = p->x.sum32 + (size_t)t * (p->columns / 32),
            .sum16 = p->x.sum16 + (size_t)t * (p->columns / 16),
        };
        k->pack(&part, blocks);
        blocks += k->packed_bytes(p->columns);
    }
}

/* Packed tokens and work take the ends of their rooms, and hold NaN before: nothing may be
 * taken for zero that has not been written. */
static void run_gemm(const bnt_kernels *k, const void *args, const check_out *out)
{
    const product *const p = args;
    const uint32_t n_blocks = (p->n_tokens + k->pack_tokens - 1) / k->pack_tokens;
    const size_t pack_bytes = n_blocks * k->packed_bytes(p->columns);
    const size_t work_bytes = k->gemm_work(p->columns);
    uint8_t *const blocks = (uint8_t *)p->pack + p->room_bytes - pack_bytes;
    uint8_t *const work = (uint8_t *)p->work + p->room_bytes - work_bytes;
    const bnt_packed x = {blocks, p->n_tokens, p->columns};
    memset(blocks, 0xFF, pack_bytes);
    memset(work, 0xFF, work_bytes);
    pack_all(k, p, blocks);
    k->gemm[p->type](p->groups, p->group_bytes, p->n_groups, &x, out->data, p->y_stride, work);
}

static void case_gemm(check *c, bnt_tile_index type, uint32_t n_groups, uint32_t n_tokens,
                      uint32_t columns, int fill)
{
    check_begin(c, c->n_cases % 4 == 3, "%u groups, %u tokens, %u columns, fill %s", n_groups,
                n_tokens, columns, fill_name(fill));
    product p = make_product(c, type, n_groups, n_tokens, columns, fill);
    c->at_begin = false;
    p.room_bytes = 2u << 20;
    p.pack = check_in(c, p.room_bytes, 64);
    p.work = check_in(c, p.room_bytes, 64);
    c->at_begin = c->n_cases % 4 == 0;
    check_out out = product_out(&p);
    check_case(c, run_gemm, &p, &out, 1);
}

/* The table's own promises, and the most groups that every version takes. */
static uint32_t check_sizes(check *c)
{
    uint32_t most = BNT_MAX_PANEL_GROUPS;
    check_begin(c, false, "sizes");
    for (int i = 0; i < c->n_sets; i++) {
        check_set *const set = &c->sets[i];
        const bnt_kernels *const k = &set->k;
        if (!set->tested) continue;
        check_require(c, set, k->pack_tokens >= 1 && k->pack_tokens <= BNT_MAX_PACK_TOKENS,
                      "pack_tokens is not 1 to 16");
        check_require(c, set, k->panel_groups >= 1 && k->panel_groups <= BNT_MAX_PANEL_GROUPS,
                      "panel_groups is not 1 to 4");
        for (uint32_t columns = 0; columns <= 8192; columns += 32) {
            check_require(c, set, k->packed_bytes(columns) % 64 == 0,
                          "packed_bytes is no multiple of 64");
            check_require(c, set, k->gemm_work(columns) % 64 == 0,
                          "gemm_work is no multiple of 64");
        }
        if (k->panel_groups < most) most = k->panel_groups;
    }
    return most;
}

static void check_gemm(check *c, bnt_tile_index type)
{
    static const uint32_t small[] = {0, 32, 64, 224, 256, 288, 576};
    static const uint32_t large[] = {960, 2048, 6816};
    static const uint32_t tokens[] = {23, 24, 25, 31, 32, 33, 47, 48, 49};
    char name[32];
    const size_t parts[] = {
        offsetof(bnt_kernels, gemm) + (size_t)type * sizeof(bnt_gemm_fn),
        offsetof(bnt_kernels, pack),
        offsetof(bnt_kernels, packed_bytes),
        offsetof(bnt_kernels, gemm_work),
    };
    snprintf(name, sizeof name, "gemm_%s", tiles[type].name);
    if (!check_kernel(c, name, parts, 4)) return;
    const uint32_t most = check_sizes(c);

    for (int fill = 0; fill < TILE_FILLS; fill++) {
        for (uint32_t i = 0; i < sizeof small / sizeof small[0]; i++) {
            const uint32_t columns = fit_columns(type, small[i]), n = (uint32_t)fill + i;
            case_gemm(c, type, 1 + n % most, 1 + n % 17, columns, fill);
        }
    }
    for (uint32_t n_tokens = 1; n_tokens <= 17; n_tokens++) {
        case_gemm(c, type, most, n_tokens, fit_columns(type, 96), FILL_RANDOM);
        case_gemm(c, type, 1, n_tokens, fit_columns(type, 288), FILL_BLOCKS);
    }
    for (uint32_t i = 0; i < sizeof tokens / sizeof tokens[0]; i++) {
        for (uint32_t n_groups = 1; n_groups <= most; n_groups++) {
            case_gemm(c, type, n_groups, tokens[i], fit_columns(type, 320), FILL_BLOCKS);
        }
    }
    for (uint32_t i = 0; i < sizeof large / sizeof large[0]; i++) {
        case_gemm(c, type, most, 17, fit_columns(type, large[i]), FILL_BLOCKS);
        case_gemm(c, type, 1, 4, fit_columns(type, large[i]), FILL_MAX);
        case_gemm(c, type, 1, 3, fit_columns(type, large[i]), FILL_MIN);
    }
}

/* ---- rows of floats ---- */

typedef struct rows_args {
    size_t part;
    bnt_rows w;
    const float *x;
    size_t x_stride, y_stride;
    uint32_t n_tokens;
} rows_args;

static void run_rows(const bnt_kernels *k, const void *args, const check_out *out)
{
    const rows_args *const a = args;
    bnt_rows_fn fn;
    memcpy(&fn, (const char *)k + a->part, sizeof fn);
    fn(&a->w, a->x, a->x_stride, a->n_tokens, out->data, a->y_stride);
}

static void case_rows(check *c, size_t part, uint32_t n_rows, uint32_t columns,
                      uint32_t n_tokens, check_fill fill)
{
    const size_t size = part == offsetof(bnt_kernels, rows_f32) ? 4 : 2;
    check_begin(c, c->n_cases % 4 == 3, "%u rows, %u columns, %u tokens, fill %s", n_rows,
                columns, n_tokens, check_fill_names[fill]);
    const size_t gap = c->n_cases % 3, x_stride = columns + c->n_cases % 2 * 3;
    const size_t row_bytes = columns * size + gap; /* an odd gap leaves no alignment */
    uint8_t *const rows =
        check_in(c, n_rows ? (n_rows - 1) * row_bytes + columns * size : 0, 1);
    float *const x =
        check_in(c, n_tokens ? ((n_tokens - 1) * x_stride + columns) * sizeof *x : 0, 4);
    for (uint32_t r = 0; r < n_rows; r++) {
        for (uint32_t i = 0; i < columns; i++) {
            const float w = check_float(c, fill);
            uint16_t half = check_half(c, fill);
            if (part == offsetof(bnt_kernels, rows_bf16)) half = bnt_f32_to_bf16(w);
            memcpy(rows + r * row_bytes + i * size, size == 4 ? (const void *)&w : &half, size);
        }
    }
    for (uint32_t t = 0; t < n_tokens; t++) {
        check_floats(c, x + t * x_stride, columns, fill == FILL_BITS ? FILL_RANDOM : fill);
    }
    const size_t y_stride = n_rows + c->n_cases % 2 * 7;
    const rows_args args = {part,    {rows, row_bytes, n_rows, columns}, x, x_stride, y_stride,
                            n_tokens};
    const size_t n_y = n_rows && n_tokens ? (n_tokens - 1) * y_stride + n_rows : 0;
    check_out out = {CHECK_F32, n_y * sizeof(float), 4, NULL, NULL};
    check_case(c, run_rows, &args, &out, 1);
}

static void check_rows(check *c, const char *name, size_t part)
{
    static const uint32_t columns[] = {0,  1,  2,  3,  4,  5,  6,  7,   8,   9,   15,
                                       16, 17, 31, 32, 33, 63, 65, 127, 257, 576, 960};
    if (!check_kernel(c, name, &part, 1)) return;
    for (uint32_t i = 0; i < sizeof columns / sizeof columns[0]; i++) {
        for (int fill = 0; fill < FILLS; fill++) {
            const uint32_t n = i + (uint32_t)fill;
            case_rows(c, part, n % 10, columns[i], 1 + n % 9, (check_fill)fill);
            case_rows(c, part, 1 + n % 5, columns[i], 1, (check_fill)fill);
        }
    }
    for (uint32_t n_tokens = 0; n_tokens <= 17; n_tokens++) {
        for (uint32_t n_rows = 0; n_rows <= 9; n_rows++) {
            case_rows(c, part, n_rows, 50, n_tokens, FILL_RANDOM);
        }
    }
    case_rows(c, part, 3, 6816, 2, FILL_RANDOM);
}

void check_products(check *c)
{
    check_quantize(c);
    for (int type = 0; type < BNT_TILES; type++) {
        check_gemv(c, (bnt_tile_index)type);
    }
    for (int type = 0; type < BNT_TILES; type++) {
        check_gemm(c, (bnt_tile_index)type);
    }
    check_rows(c, "rows_f32", offsetof(bnt_kernels, rows_f32));
    check_rows(c, "rows_f16", offsetof(bnt_kernels, rows_f16));
    check_rows(c, "rows_bf16", offsetof(bnt_kernels, rows_bf16));
}
