/* tensor.h - a stored tensor: where its bytes lie and how to read them. */
#ifndef BNT_QUANT_TENSOR_H
#define BNT_QUANT_TENSOR_H
#include "base/limits.h"
#include "quant/type.h"

/* dims[0] is the contiguous dimension (columns), as GGUF counts; unused ones are 1. The bytes
 * are proved to lie inside the file. Everything is borrowed until the archive is closed. */
typedef struct bnt_tensor {
    bantam_text name;
    const bnt_type *type;  /* NULL where this build cannot compute with it (F8, I64) */
    bantam_text type_name; /* as the file says it */
    uint32_t n_dims;
    uint64_t dims[BNT_MAX_DIMS];
    const uint8_t *data;
    uint64_t bytes;
} bnt_tensor;

#endif
