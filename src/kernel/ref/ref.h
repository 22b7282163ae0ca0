/* ref.h - the reference kernels: specification, fallback and judge of all others. */
#ifndef BNT_KERNEL_REF_REF_H
#define BNT_KERNEL_REF_REF_H
#include <stddef.h>

float bnt_dot_f32_ref(const float *a, const float *b, size_t n);
void bnt_axpy_f32_ref(float *y, float scale, const float *x, size_t n);
void bnt_rms_norm_f32_ref(float *out, const float *x, const float *w, size_t n, float eps);
void bnt_gate_silu_f32_ref(float *out, const float *gate, const float *up, size_t n);
void bnt_gate_relu_f32_ref(float *out, const float *gate, const float *up, size_t n);
float bnt_exp_sum_f32_ref(float *x, float max, size_t n);
void bnt_rope_adjacent_f32_ref(float *x, const float *cos, const float *sin, size_t n);
void bnt_rope_halves_f32_ref(float *x, const float *cos, const float *sin, size_t n);

/* Adds the 16 partial sums as kernel.h's tree does. */
float bnt_sum16_ref(float s[16]);

#endif
