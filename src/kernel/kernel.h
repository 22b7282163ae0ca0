/* kernel.h - the inner loops, and the contract every version of one keeps.
 *
 * All versions give the same bits: the order of every sum is fixed here, each multiply-add that
 * is written fma rounds once, everything else rounds after each operation. So the bits of a
 * result depend neither on the instruction set nor on how many rows, tokens or threads share
 * the work. No version may contract, reassociate or approximate what stands here.
 *
 * Kernels know no threads and no memory. Pointers to floats need no more than a float's
 * alignment; groups of interleaved rows and packed tokens are 64-aligned. Buffers are read and
 * written exactly where stated: not a byte beyond (they may end at an unreadable page), but for
 * padding that is stated. Sizes may be 0 unless said otherwise.
 */
#ifndef BNT_KERNEL_KERNEL_H
#define BNT_KERNEL_KERNEL_H
#include "quant/tensor.h"
#include "quant/tile.h"

/* ---- activations as whole numbers --------------------------------------------------------
 *
 * A token's values are quantized by blocks of 256 columns, the last may be short: with max the
 * largest |x|, d = max / 127, q = round to nearest even of x * (127 / max), and all q and d are
 * 0 where max is below 2^-100. A block that holds an infinity or a NaN has d = NaN and q = 0:
 * broken weights stay visible in the logits. (max by comparing the bits of |x| as integers.)
 */
enum {
    BNT_GEMV_TOKENS = 16,     /* the most tokens one pass over the weights serves in a GEMV */
    BNT_MAX_PACK_TOKENS = 16, /* upper bounds of pack_tokens and */
    BNT_MAX_PANEL_GROUPS = 4  /* panel_groups below */
};

/* The columns a row of codes takes: padded with zero codes to a multiple of 64. */
static inline size_t bnt_acts_stride(size_t columns)
{
    return (columns + 63) & ~(size_t)63;
}

/* Quantized tokens, each row on its own: what a GEMV reads. */
typedef struct bnt_acts {
    uint32_t n_tokens;    /* 1 to BNT_GEMV_TOKENS */
    uint32_t columns;     /* a multiple of 32 */
    const int8_t *q;      /* (n_tokens, bnt_acts_stride(columns)), 64-aligned */
    const float *d;       /* (n_tokens, blocks) */
    const int32_t *sum32; /* (n_tokens, columns / 32) sums of q over each span */
    const int32_t *sum16; /* (n_tokens, columns / 16) sums of q over each half span */
} bnt_acts;

/* ---- products ---------------------------------------------------------------------------
 *
 * y[t][r] = sum over columns of W[r][c] x[t][c], W an interleaved type of tile.h, D the exact
 * integer dot product of signed codes (c less its zero; plain c for Q4_K and Q5_K) and q.
 * Starting from y = 0, block by block in order of columns:
 *
 *   B4, B3, B2      T = sum over spans of s * D(span), exact   y = fma((float)T, d * dx, y)
 *   B6, B5          t = 0; each span: t = fma((float)D, d * s, t)           y = fma(t, dx, y)
 *   B8              T = D(block)                               y = fma((float)T, d * dx, y)
 *   Q4_0, Q8_0      t = 0; each span: t = fma((float)D, s, t)               y = fma(t, dx, y)
 *   Q4_K, Q5_K      t = 0; each span: t = fma((float)D, d * s, t); with M = sum over spans of
 *                   m * sum32, exact: t = fma((float)M, -dmin, t)           y = fma(t, dx, y)
 *   Q6_K            t = 0; each half span: t = fma((float)D, d * s, t)      y = fma(t, dx, y)
 *
 * d, s, dmin are the stored numbers as floats, dx the token's d of the block; d * dx and d * s
 * round to float (the latter is exact). |T| stays below 2^31: 256 * 128 * 127 < 2^23.
 */

/* One pass over n_groups groups of rows for all tokens of x (1 to 16). group_bytes apart in
 * memory. y[t * y_stride + 16 * g + r] is overwritten, also for rows that are padding. Best
 * when n_groups is a multiple of 4: several streams of memory are read side by side. */
typedef void (*bnt_gemv_fn)(const uint8_t *groups, size_t group_bytes, uint32_t n_groups,
                            const bnt_acts *x, float *y, size_t y_stride);

/* The same product for many tokens. x holds them packed by blocks of pack_tokens as pack() has
 * written them, packed_bytes(columns) apart; the last block may be padded with zero tokens, of
 * which nothing is written to y. n_groups is 1 to panel_groups. work is gemm_work(columns)
 * bytes that one thread has to itself, 64-aligned. */
typedef struct bnt_packed {
    const uint8_t *blocks; /* (ceil(n_tokens / pack_tokens), packed_bytes(columns)) */
    uint32_t n_tokens, columns;
} bnt_packed;
typedef void (*bnt_gemm_fn)(const uint8_t *groups, size_t group_bytes, uint32_t n_groups,
                            const bnt_packed *x, float *y, size_t y_stride, void *work);

/* y[t * y_stride + r] = the dot product of row r (row_bytes apart, no alignment) and x + t *
 * x_stride, as dot_f32 has it, weights turned to float first. For any number of rows, tokens.
 */
typedef struct bnt_rows {
    const uint8_t *data;
    size_t row_bytes;
    uint32_t n_rows, columns;
} bnt_rows;
typedef void (*bnt_rows_fn)(const bnt_rows *w, const float *x, size_t x_stride,
                            uint32_t n_tokens, float *y, size_t y_stride);

/* ---- attention --------------------------------------------------------------------------
 *
 * One kv head's keys lie in blocks of 16 positions, values in rows:
 *
 *   keys    f32, f16: (head_dim, 16): dimension by dimension, 16 positions side by side
 *           q8: int8 (head_dim, 16), then fp16 (ceil(head_dim / 32), 16): one scale for each
 *           32 dimensions of a position
 *           q4: bytes (ceil(head_dim / 2), 16), then scales as q8: byte i of row e holds, for
 *           position i, dimension 2 e in its low half and 2 e + 1 in its high half
 *   values  f32, f16: (head_dim); q8: blocks of 32 as Q8_0 (fp16 scale, 32 int8), q4: as Q4_0
 *           (fp16 scale, 16 bytes: byte i holds dimension i in its low half and 16 + i in its
 *           high half); the last one padded with codes that count as zero
 *
 * A q8 key or value counts as scale * (float)code, a q4 one as scale * (float)(code - 8),
 * rounded to float.
 */
enum { BNT_KEY_POSITIONS = 16, BNT_CHUNK_POSITIONS = 64 };

typedef enum bnt_kv_form {
    BNT_KV_FORM_F32,
    BNT_KV_FORM_F16,
    BNT_KV_FORM_Q8,
    BNT_KV_FORM_Q4,
    BNT_KV_FORMS
} bnt_kv_form;

/* scores[i * 64 + j] = scale * (sum over dimensions, fma in their order from 0, of q[i][d] *
 * key[j][d]) for i < n_q and the 16 n_blocks positions j of n_blocks (1 to 4) key blocks,
 * block_bytes apart. q rows are q_stride floats apart. */
typedef void (*bnt_scores_fn)(const uint8_t *keys, size_t block_bytes, uint32_t n_blocks,
                              const float *q, size_t q_stride, uint32_t n_q, uint32_t head_dim,
                              float scale, float *scores);

/* out[i][d] = fma(p[i * 64 + j], value[j][d], out[i][d]) for j = begin, ..., end - 1 in order,
 * i < n_q. values is the row of position j = 0 of the chunk, rows row_bytes apart; out rows are
 * out_stride floats apart. */
typedef void (*bnt_mix_fn)(const uint8_t *values, size_t row_bytes, uint32_t begin,
                           uint32_t end, const float *p, uint32_t n_q, uint32_t head_dim,
                           float *out, size_t out_stride);

/* What a query sees of a chunk: positions begin to end - 1 of it, none where begin >= end. */
typedef struct bnt_seen {
    uint32_t begin, end;
} bnt_seen;

/* Of exponentials: the largest exponent, and the sum of exp(exponent - max). */
typedef struct bnt_softmax {
    float max, sum;
} bnt_softmax;

/* ---- the table ---------------------------------------------------------------------------
 *
 * dot_f32 keeps 16 partial sums from 0: value i goes to sum i mod 16 by fma, in order of i;
 * they are added as a tree: s[j] += s[j + 8], then + 4, + 2, + 1. exp is bnt_expf. silu(x) = x
 * / (1 + exp(-x)).
 */
typedef enum bnt_tile_index {
    BNT_TILE_B4,
    BNT_TILE_B3,
    BNT_TILE_B2,
    BNT_TILE_B8,
    BNT_TILE_B6,
    BNT_TILE_B5,
    BNT_TILE_Q4_0,
    BNT_TILE_Q8_0,
    BNT_TILE_Q4_K,
    BNT_TILE_Q5_K,
    BNT_TILE_Q6_K,
    BNT_TILES
} bnt_tile_index;

/* The place of an interleaved type in the tables below. */
bnt_tile_index bnt_tile_place(const bnt_type *type);

typedef struct bnt_kernels {
    const char *name; /* of the best set in use: "ref", "avx2", "avxvnni", ... */

    /* Quantizes one token, x (columns, a multiple of 32), into one row of each array of
     * bnt_acts; q's padding is written too. */
    void (*quantize)(const float *x, uint32_t columns, int8_t *q, float *d, int32_t *sum32,
                     int32_t *sum16);

    bnt_gemv_fn gemv[BNT_TILES];
    bnt_gemm_fn gemm[BNT_TILES];
    uint32_t pack_tokens;                     /* tokens of one packed block */
    uint32_t panel_groups;                    /* groups of rows one gemm call should get */
    size_t (*packed_bytes)(uint32_t columns); /* a multiple of 64 */
    void (*pack)(const bnt_acts *x, uint8_t *block); /* x has 1 to pack_tokens tokens */
    size_t (*gemm_work)(uint32_t columns); /* a multiple of 64, enough for every type */

    bnt_rows_fn rows_f32, rows_f16, rows_bf16;

    bnt_scores_fn scores[BNT_KV_FORMS];
    bnt_mix_fn mix[BNT_KV_FORMS];
    /* The chunk's keys, or values, as f32 in the same layout. */
    void (*expand_keys[BNT_KV_FORMS])(const uint8_t *keys, size_t block_bytes,
                                      uint32_t n_blocks, uint32_t head_dim, float *out);
    void (*expand_values[BNT_KV_FORMS])(const uint8_t *values, size_t row_bytes,
                                        uint32_t n_positions, uint32_t head_dim, float *out);
    /* Row by row of s (n, 64): values outside of what is seen become 0, the others exp(s -
     * max), max being their largest, -infinity where there are none; sum is that of all 64 as
     * dot_f32 adds (plain additions). */
    void (*softmax64)(float *s, const bnt_seen *seen, uint32_t n, bnt_softmax *out);
    /* out[i] = fma(part[i], b, out[i] * a). */
    void (*blend_f32)(float *out, const float *part, float a, float b, size_t n);

    float (*dot_f32)(const float *a, const float *b, size_t n);
    void (*add_f32)(float *y, const float *x, size_t n); /* y[i] += x[i] */
    void (*scale_f32)(float *y, float a, size_t n);      /* y[i] *= a */
    /* out[i] = (x[i] * scale) * w[i], scale = 1 / sqrt(dot(x, x) / n + eps). out may be x. */
    void (*rms_norm_f32)(float *out, const float *x, const float *w, size_t n, float eps);
    /* out[i] = act(gate[i]) * up[i]; relu(x) is x where x > 0, else 0. out may be gate. */
    void (*gate_silu_f32)(float *out, const float *gate, const float *up, size_t n);
    void (*gate_relu_f32)(float *out, const float *gate, const float *up, size_t n);
    /* x[i] = exp(x[i] - max); returns their sum, added as dot_f32 adds (plain additions). */
    float (*exp_sum_f32)(float *x, float max, size_t n);
    /* The largest of x (n >= 1, no NaN); -0 and +0 count as equal, either may be given. */
    float (*max_f32)(const float *x, size_t n);

    /* Rotates pairs of one head: x[a], x[b] = x[a] c - x[b] s, x[a] s + x[b] c, each as
     * fma(-x[b], s, x[a] * c) and fma(x[a], s, x[b] * c), for the n / 2 pairs. adjacent: a =
     * 2i, b = 2i + 1; halves: a = i, b = i + n / 2. */
    void (*rope_adjacent_f32)(float *x, const float *cos, const float *sin, size_t n);
    void (*rope_halves_f32)(float *x, const float *cos, const float *sin, size_t n);

    /* The Walsh-Hadamard transform of x, n 0 or a power of two: for half = 1, 2, 4, ... below n
     * each pair a = x[i], b = x[i + half] (i without the bit half) becomes a + b, a - b; then
     * x[i] *= scale. */
    void (*hadamard_f32)(float *x, size_t n, float scale);

    /* Half precision, rounding to nearest even. */
    void (*f32_to_f16)(uint16_t *out, const float *x, size_t n);
} bnt_kernels;

/* Fills in the table with the best versions that flags (of base/cpu.h) allow; C for flags 0. */
void bnt_kernels_init(bnt_kernels *k, unsigned flags);

/* exp(x) in float: relative error at most 2 ulp over the range where the result is normal, 0
 * below -87.3 and +infinity above 88.7; NaN gives NaN. The same bits on every system:
 *
 *   k = round to nearest even of x * 1.44269504 (by adding and taking away 1.5 * 2^23)
 *   r = fma(k, -0.693359375, x), then r = fma(k, 2.12194440e-4, r)
 *   p = 1/5040, then p = fma(p, r, c) for c = 1/720, 1/120, 1/24, 1/6, 1/2
 *   p = fma(p * r, r, r), then p = p + 1, all constants rounded to float
 *   exp = p * 2^(k / 2, rounded towards zero) * 2^(the rest of k)
 */
float bnt_expf(float x);

#endif
