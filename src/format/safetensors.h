/* safetensors.h - the safetensors container, read.
 *
 * Layout: u64 header length, JSON header, tensor bytes. Shapes are outermost first in the file
 * and reversed into bnt_tensor.dims.
 */
#ifndef BNT_FORMAT_SAFETENSORS_H
#define BNT_FORMAT_SAFETENSORS_H
#include "quant/tensor.h"

typedef struct bnt_safetensors bnt_safetensors;

/* Parses bytes, which are borrowed until it is closed. Proves what the format promises: offsets
 * in order without holes or overlaps, every byte covered, sizes equal to shape times type. */
bantam_status bnt_safetensors_parse(bnt_safetensors **out, const uint8_t *data, size_t size,
                                    bantam_error *err);
void bnt_safetensors_close(bnt_safetensors *st); /* accepts NULL */

size_t bnt_safetensors_n_tensors(const bnt_safetensors *st);
const bnt_tensor *bnt_safetensors_tensor_at(const bnt_safetensors *st, size_t index);

#endif
