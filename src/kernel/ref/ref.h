/* ref.h - the reference kernels: specification, fallback and judge of all others.
 *
 * Plain C that reads like the contract in kernel.h, one operation after the other in the order
 * it states. Every version for an instruction set gives the same bits.
 */
#ifndef BNT_KERNEL_REF_REF_H
#define BNT_KERNEL_REF_REF_H
#include "kernel/kernel.h"

/* Fills in every entry of the table. */
void bnt_kernels_ref(bnt_kernels *k);

/* acts_ref.c: quantized tokens, each by itself and packed. */
enum { BNT_PACK_TOKENS_REF = 4, BNT_PANEL_GROUPS_REF = 1 };
void bnt_quantize_ref(const float *x, uint32_t columns, int8_t *q, float *d, int32_t *sum32,
                      int32_t *sum16);
size_t bnt_packed_bytes_ref(uint32_t columns);
void bnt_pack_ref(const bnt_acts *x, uint8_t *block);
size_t bnt_gemm_work_ref(uint32_t columns);
/* The tokens of one packed block, as pack was given them; n_tokens of them count. */
bnt_acts bnt_unpack_ref(const uint8_t *block, uint32_t n_tokens, uint32_t columns);

/* gemv_ref.c, gemm_ref.c: by place of the type in the table. */
extern const bnt_gemv_fn bnt_gemv_ref[BNT_TILES];
extern const bnt_gemm_fn bnt_gemm_ref[BNT_TILES];

/* rows_ref.c */
void bnt_rows_f32_ref(const bnt_rows *w, const float *x, size_t x_stride, uint32_t n_tokens,
                      float *y, size_t y_stride);
void bnt_rows_f16_ref(const bnt_rows *w, const float *x, size_t x_stride, uint32_t n_tokens,
                      float *y, size_t y_stride);
void bnt_rows_bf16_ref(const bnt_rows *w, const float *x, size_t x_stride, uint32_t n_tokens,
                       float *y, size_t y_stride);

/* attention_ref.c: by form of the cache. */
extern const bnt_scores_fn bnt_scores_ref[BNT_KV_FORMS];
extern const bnt_mix_fn bnt_mix_ref[BNT_KV_FORMS];
void bnt_expand_keys_f32_ref(const uint8_t *keys, size_t block_bytes, uint32_t n_blocks,
                             uint32_t head_dim, float *out);
void bnt_expand_keys_f16_ref(const uint8_t *keys, size_t block_bytes, uint32_t n_blocks,
                             uint32_t head_dim, float *out);
void bnt_expand_keys_q8_ref(const uint8_t *keys, size_t block_bytes, uint32_t n_blocks,
                            uint32_t head_dim, float *out);
void bnt_expand_keys_q4_ref(const uint8_t *keys, size_t block_bytes, uint32_t n_blocks,
                            uint32_t head_dim, float *out);
void bnt_expand_values_f32_ref(const uint8_t *values, size_t row_bytes, uint32_t n_positions,
                               uint32_t head_dim, float *out);
void bnt_expand_values_f16_ref(const uint8_t *values, size_t row_bytes, uint32_t n_positions,
                               uint32_t head_dim, float *out);
void bnt_expand_values_q8_ref(const uint8_t *values, size_t row_bytes, uint32_t n_positions,
                              uint32_t head_dim, float *out);
void bnt_expand_values_q4_ref(const uint8_t *values, size_t row_bytes, uint32_t n_positions,
                              uint32_t head_dim, float *out);

/* exp_ref.c */
void bnt_softmax64_ref(float *s, const bnt_seen *seen, uint32_t n, bnt_softmax *out);
float bnt_exp_sum_f32_ref(float *x, float max, size_t n);
void bnt_gate_silu_f32_ref(float *out, const float *gate, const float *up, size_t n);

/* vector_ref.c */
float bnt_dot_f32_ref(const float *a, const float *b, size_t n);
void bnt_add_f32_ref(float *y, const float *x, size_t n);
void bnt_scale_f32_ref(float *y, float a, size_t n);
void bnt_blend_f32_ref(float *out, const float *part, float a, float b, size_t n);
void bnt_rms_norm_f32_ref(float *out, const float *x, const float *w, size_t n, float eps);
void bnt_gate_relu_f32_ref(float *out, const float *gate, const float *up, size_t n);
float bnt_max_f32_ref(const float *x, size_t n);
void bnt_hadamard_f32_ref(float *x, size_t n, float scale);
void bnt_f32_to_f16_ref(uint16_t *out, const float *x, size_t n);
/* Adds the 16 partial sums as kernel.h's tree does. */
float bnt_sum16_ref(float s[16]);

/* rope_ref.c */
void bnt_rope_adjacent_f32_ref(float *x, const float *cos, const float *sin, size_t n);
void bnt_rope_halves_f32_ref(float *x, const float *cos, const float *sin, size_t n);

#endif
