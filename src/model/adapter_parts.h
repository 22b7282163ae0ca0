/* adapter_parts.h - the two forms of adapter files, for adapter*.c: how each names its tensors
 * and orders the rows of q and k. */
#ifndef BNT_MODEL_ADAPTER_PARTS_H
#define BNT_MODEL_ADAPTER_PARTS_H
#include "model/adapter.h"

#define BNT_PEFT_CONFIG  "adapter_config.json"
#define BNT_PEFT_WEIGHTS "adapter_model.safetensors"

typedef struct bnt_adapter_form {
    const bnt_names *names; /* of the model's tensors */
    bool peft;              /* else llama.cpp's */
} bnt_adapter_form;

typedef struct bnt_adapter_name {
    char text[BNT_MAX_TENSOR_NAME];
} bnt_adapter_name;

/* "blk.0.attn_q.weight.lora_a",
 * "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight"
 */
bnt_adapter_name bnt_adapter_tensor(const bnt_adapter_form *form, uint32_t layer,
                                    bnt_place place, bnt_factor factor);
/* What PEFT calls the matrix: "model.layers.0.self_attn.q_proj". */
bnt_adapter_name bnt_adapter_module(const bnt_names *names, uint32_t layer, bnt_place place);

/* The row, in the order of pairing `from`, of what is row `row` in the order of `to`. */
uint32_t bnt_adapter_row(const bnt_config *config, bnt_place place, bnt_pairing to,
                         bnt_pairing from, uint32_t row);

/* Takes memory for factors of the ranks that layers state already, and points a and b into it;
 * n_params, max_rank and bytes follow. BANTAM_ERR_NOMEM. */
bantam_status bnt_adapter_take(bnt_adapter *adapter, const bnt_model *model, bantam_error *err);
/* Makes of finished factors what passes read. BANTAM_ERR_NOMEM. */
bantam_status bnt_adapter_ready(bnt_adapter *adapter, const bnt_model *model,
                                bantam_error *err);
/* An adapter without factors. */
bantam_status bnt_adapter_new(bnt_adapter **out, const bnt_model *model, bantam_error *err);

#endif
