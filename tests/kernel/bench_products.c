/* bench_products.c - the speed of products with quantized tokens, from cache and from memory.
 */
#include "bench.h"

#include <stdio.h>
#include <string.h>

enum { MOST_COLUMNS = 8192, GEMM_TOKENS = 512, GEMM_GROUPS = 32, CACHE_BYTES = 512 << 10 };

static const uint32_t sizes[] = {576, 2048, 8192};

static const struct {
    const char *gemv, *gemm;
    bnt_type_id id;
} tiles[BNT_TILES] = {
    [BNT_TILE_B4] = {"gemv_b4", "gemm_b4", BNT_TYPE_B4},
    [BNT_TILE_B3] = {"gemv_b3", "gemm_b3", BNT_TYPE_B3},
    [BNT_TILE_B2] = {"gemv_b2", "gemm_b2", BNT_TYPE_B2},
    [BNT_TILE_B8] = {"gemv_b8", "gemm_b8", BNT_TYPE_B8},
    [BNT_TILE_B6] = {"gemv_b6", "gemm_b6", BNT_TYPE_B6},
    [BNT_TILE_B5] = {"gemv_b5", "gemm_b5", BNT_TYPE_B5},
    [BNT_TILE_Q4_0] = {"gemv_q4_0", "gemm_q4_0", BNT_TYPE_Q4_0_R16},
    [BNT_TILE_Q8_0] = {"gemv_q8_0", "gemm_q8_0", BNT_TYPE_Q8_0_R16},
    [BNT_TILE_Q4_K] = {"gemv_q4_k", "gemm_q4_k", BNT_TYPE_Q4_K_R16},
    [BNT_TILE_Q5_K] = {"gemv_q5_k", "gemm_q5_k", BNT_TYPE_Q5_K_R16},
    [BNT_TILE_Q6_K] = {"gemv_q6_k", "gemm_q6_k", BNT_TYPE_Q6_K_R16},
};

typedef struct product {
    bnt_tile_index type;
    const uint8_t *groups;
    size_t group_bytes;
    uint32_t n_groups, n_tokens, columns;
    bnt_acts x; /* all tokens, for a GEMM more than bnt_acts may have */
    float *y;
    uint8_t *packed, *work;
} product;

static uint32_t fit_columns(bnt_tile_index type, uint32_t columns)
{
    const uint32_t block = bnt_type_find((uint32_t)tiles[type].id)->block_values;
    return (columns + block - 1) / block * block;
}

/* Groups of noise whose halves are all small numbers: every byte is below 64, those of B types
 * no larger than their scales may be. */
static void fill_groups(check *c, uint8_t *p, const product *w)
{
    const uint32_t below = w->type == BNT_TILE_B4 ? 16 : w->type == BNT_TILE_B3 ? 32 : 64;
    for (size_t i = 0; i < w->group_bytes; i++) {
        p[i] = (uint8_t)check_below(c, below);
    }
    for (uint32_t g = 1; g < w->n_groups; g++) {
        memcpy(p + g * w->group_bytes, p, w->group_bytes);
    }
}

/* Tokens as the reference quantizes them. */
static bnt_acts make_tokens(check *c, uint32_t n_tokens, uint32_t columns)
{
    static int8_t *q;
    static float *d;
    static int32_t *sum32, *sum16;
    static float x[MOST_COLUMNS];
    const size_t stride = bnt_acts_stride(columns);
    if (!q) {
        q = bench_memory(GEMM_TOKENS * MOST_COLUMNS);
        d = bench_memory(GEMM_TOKENS * MOST_COLUMNS / 64);
        sum32 = bench_memory(GEMM_TOKENS * MOST_COLUMNS / 8);
        sum16 = bench_memory(GEMM_TOKENS * MOST_COLUMNS / 4);
    }
    for (uint32_t t = 0; t < n_tokens; t++) {
        check_floats(c, x, columns, FILL_RANDOM);
        c->ref.quantize(x, columns, q + t * stride, d + t * bnt_tile_blocks(columns),
                        sum32 + t * (columns / 32), sum16 + t * (columns / 16));
    }
    const bnt_acts acts = {n_tokens, columns, q, d, sum32, sum16};
    return acts;
}

/* ---- GEMV ---- */

static void run_gemv(const bnt_kernels *k, const void *args)
{
    const product *const p = args;
    k->gemv[p->type](p->groups, p->group_bytes, p->n_groups, &p->x, p->y, 16 * p->n_groups);
}

static void bench_gemv(check *c, product *p, uint32_t n_tokens, const char *where)
{
    const size_t part = offsetof(bnt_kernels, gemv) + (size_t)p->type * sizeof(bnt_gemv_fn);
    p->x.n_tokens = n_tokens;
    bench b = {.name = tiles[p->type].gemv,
               .parts = &part,
               .n_parts = 1,
               .run = run_gemv,
               .args = p,
               .weights = p->groups,
               .weight_bytes = p->n_groups * p->group_bytes};
    if (n_tokens > 1) b.int8_ops = 32.0 * p->n_groups * p->columns * n_tokens;
    snprintf(b.shape, sizeof b.shape, "%u columns, %u token%s, %s", p->columns, n_tokens,
             n_tokens == 1 ? "" : "s", where);
    bench_run(c, &b);
}

static void bench_gemv_type(check *c, bnt_tile_index type)
{
    const bnt_tile *const tile = bnt_type_find((uint32_t)tiles[type].id)->tile;
    const size_t part = offsetof(bnt_kernels, gemv) + (size_t)type * sizeof(bnt_gemv_fn);
    if (!check_kernel(c, tiles[type].gemv, &part, 1)) return;
    for (int i = 0; i < 3; i++) {
        for (int in_cache = 1; in_cache >= 0; in_cache--) {
            size_t room;
            uint8_t *const groups = bench_weights(&room);
            product p = {
                .type = type, .groups = groups, .columns = fit_columns(type, sizes[i])};
            p.group_bytes = bnt_tile_group_bytes(tile, p.columns);
            p.n_groups = (uint32_t)((in_cache ? CACHE_BYTES : room) / p.group_bytes) & ~3u;
            if (p.n_groups < 4) p.n_groups = 4;
            p.x = make_tokens(c, 8, p.columns);
            static float *y;
            if (!y) y = bench_memory(64u << 20);
            p.y = y;
            fill_groups(c, groups, &p);
            bench_gemv(c, &p, 1, in_cache ? "cache" : "memory");
            bench_gemv(c, &p, 8, in_cache ? "cache" : "memory");
        }
    }
}

/* ---- GEMM ---- */

static void run_pack(const bnt_kernels *k, const void *args)
{
    const product *const p = args;
    uint8_t *block = p->packed;
    for (uint32_t t = 0; t < p->n_tokens; t += k->pack_tokens) {
        const uint32_t left = p->n_tokens - t;
        const bnt_acts part = {
            .n_tokens = left < k->pack_tokens ? left : k->pack_tokens,
            .columns = p->columns,
            .q = p->x.q + t * bnt_acts_stride(p->columns),
            .d = p->x.d + t * bnt_tile_blocks(p->columns),
            .sum32 = p->x.sum32 + (size_t)t * (p->columns / 32),
            .sum16 = p->x.sum16 + (size_t)t * (p->columns / 16),
        };
        k->pack(&part, block);
        block += k->packed_bytes(p->columns);
    }
}

/* Packing is part of it: it is done once for all rows of a matrix. */
static void run_gemm(const bnt_kernels *k, const void *args)
{
    const product *const p = args;
    const bnt_packed x = {p->packed, p->n_tokens, p->columns};
    run_pack(k, p);
    for (uint32_t g = 0; g < p->n_groups; g += k->panel_groups) {
        const uint32_t left = p->n_groups - g;
        k->gemm[p->type](p->groups + g * p->group_bytes, p->group_bytes,
                         left < k->panel_groups ? left : k->panel_groups, &x, p->y + 16 * g,
                         16 * p->n_groups, p->work);
    }
}

/* Room that is enough for every set. */
static void make_rooms(const check *c, product *p)
{
    static uint8_t *packed, *work;
    static float *y;
    size_t packed_bytes = 0, work_bytes = 0;
    for (int s = 0; s < c->n_sets; s++) {
        const bnt_kernels *const k = &c->sets[s].k;
        const size_t blocks = (GEMM_TOKENS + k->pack_tokens - 1) / k->pack_tokens;
        const size_t one = blocks * k->packed_bytes(MOST_COLUMNS);
        if (one > packed_bytes) packed_bytes = one;
        if (k->gemm_work(MOST_COLUMNS) > work_bytes) work_bytes = k->gemm_work(MOST_COLUMNS);
    }
    if (!packed) {
        packed = bench_memory(packed_bytes);
        work = bench_memory(work_bytes + 64);
        y = bench_memory(GEMM_TOKENS * 16 * GEMM_GROUPS * sizeof *y);
    }
    p->packed = packed;
    p->work = work;
    p->y = y;
}

static void bench_gemm_type(check *c, bnt_tile_index type)
{
    const bnt_tile *const tile = bnt_type_find((uint32_t)tiles[type].id)->tile;
    const size_t parts[] = {offsetof(bnt_kernels, gemm) + (size_t)type * sizeof(bnt_gemm_fn),
                            offsetof(bnt_kernels, pack)};
    if (!check_kernel(c, tiles[type].gemm, parts, 2)) return;
    for (int i = 0; i < 3; i++) {
        size_t room;
        uint8_t *const groups = bench_weights(&room);
        product p = {.type = type,
                     .groups = groups,
                     .columns = fit_columns(type, sizes[i]),
                     .n_groups = GEMM_GROUPS,
                     .n_tokens = GEMM_TOKENS};
        p.group_bytes = bnt_tile_group_bytes(tile, p.columns);
        p.x = make_tokens(c, GEMM_TOKENS, p.columns);
        make_rooms(c, &p);
        fill_groups(c, groups, &p);
        bench b = {.name = tiles[type].gemm,
                   .parts = parts,
                   .n_parts = 2,
                   .run = run_gemm,
                   .args = &p,
                   .int8_ops = 2.0 * 16 * GEMM_GROUPS * p.columns * GEMM_TOKENS};
        snprintf(b.shape, sizeof b.shape, "%u x %u x %u", GEMM_TOKENS, p.columns,
                 16 * GEMM_GROUPS);
        bench_run(c, &b);
    }
}

static void bench_pack(check *c)
{
    static const size_t part = offsetof(bnt_kernels, pack);
    if (!check_kernel(c, "pack", &part, 1)) return;
    product p = {.columns = 2048, .n_tokens = GEMM_TOKENS};
    p.x = make_tokens(c, GEMM_TOKENS, p.columns);
    make_rooms(c, &p);
    bench b = {.name = "pack", .parts = &part, .n_parts = 1, .run = run_pack, .args = &p};
    snprintf(b.shape, sizeof b.shape, "%u x %u", GEMM_TOKENS, p.columns);
    b.weights = (const uint8_t *)p.x.q;
    b.weight_bytes = (size_t)GEMM_TOKENS * p.columns;
    bench_run(c, &b);
}

void bench_products(check *c)
{
    for (int type = 0; type < BNT_TILES; type++) {
        bench_gemv_type(c, (bnt_tile_index)type);
    }
    bench_pack(c);
    for (int type = 0; type < BNT_TILES; type++) {
        bench_gemm_type(c, (bnt_tile_index)type);
    }
}
