/* kernel.c - fills in the table of kernels. */
#include "kernel/kernel.h"

#include "kernel/ref/ref.h"

void bnt_kernels_init(bnt_kernels *k, unsigned flags)
{
    (void)flags; /* only the reference exists */
    *k = (bnt_kernels){
        .name = "ref",
        .dot_f32 = bnt_dot_f32_ref,
        .axpy_f32 = bnt_axpy_f32_ref,
        .rms_norm_f32 = bnt_rms_norm_f32_ref,
        .gate_silu_f32 = bnt_gate_silu_f32_ref,
        .gate_relu_f32 = bnt_gate_relu_f32_ref,
        .exp_sum_f32 = bnt_exp_sum_f32_ref,
        .rope_adjacent_f32 = bnt_rope_adjacent_f32_ref,
        .rope_halves_f32 = bnt_rope_halves_f32_ref,
    };
}
