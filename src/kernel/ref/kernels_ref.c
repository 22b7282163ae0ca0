/* kernels_ref.c - every entry of the table in plain C. */
#include "kernel/ref/ref.h"

void bnt_kernels_ref(bnt_kernels *k)
{
    *k = (bnt_kernels){
        .name = "ref",
        .quantize = bnt_quantize_ref,
        .pack_tokens = BNT_PACK_TOKENS_REF,
        .panel_groups = BNT_PANEL_GROUPS_REF,
        .packed_bytes = bnt_packed_bytes_ref,
        .pack = bnt_pack_ref,
        .gemm_work = bnt_gemm_work_ref,
        .rows_f32 = bnt_rows_f32_ref,
        .rows_f16 = bnt_rows_f16_ref,
        .rows_bf16 = bnt_rows_bf16_ref,
        .expand_keys = {bnt_expand_keys_f32_ref, bnt_expand_keys_f16_ref,
                        bnt_expand_keys_q8_ref, bnt_expand_keys_q4_ref},
        .expand_values = {bnt_expand_values_f32_ref, bnt_expand_values_f16_ref,
                          bnt_expand_values_q8_ref, bnt_expand_values_q4_ref},
        .softmax64 = bnt_softmax64_ref,
        .blend_f32 = bnt_blend_f32_ref,
        .dot_f32 = bnt_dot_f32_ref,
        .add_f32 = bnt_add_f32_ref,
        .scale_f32 = bnt_scale_f32_ref,
        .rms_norm_f32 = bnt_rms_norm_f32_ref,
        .gate_silu_f32 = bnt_gate_silu_f32_ref,
        .gate_relu_f32 = bnt_gate_relu_f32_ref,
        .exp_sum_f32 = bnt_exp_sum_f32_ref,
        .max_f32 = bnt_max_f32_ref,
        .rope_adjacent_f32 = bnt_rope_adjacent_f32_ref,
        .rope_halves_f32 = bnt_rope_halves_f32_ref,
        .hadamard_f32 = bnt_hadamard_f32_ref,
        .f32_to_f16 = bnt_f32_to_f16_ref,
    };
    for (int type = 0; type < BNT_TILES; type++) {
        k->gemv[type] = bnt_gemv_ref[type];
        k->gemm[type] = bnt_gemm_ref[type];
    }
    for (int form = 0; form < BNT_KV_FORMS; form++) {
        k->scores[form] = bnt_scores_ref[form];
        k->mix[form] = bnt_mix_ref[form];
    }
}
