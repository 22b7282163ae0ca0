/* ranges.h - what both containers prove about where their tensors lie. */
#ifndef BNT_FORMAT_RANGES_H
#define BNT_FORMAT_RANGES_H
#include "quant/tensor.h"

/* Refuses tensors whose bytes overlap; with whole, also any byte of data[0..size) that no
 * tensor covers. The tensors' bytes are already proved to lie inside data. Tensors without
 * bytes overlap nothing. */
bantam_status bnt_ranges_check(const bnt_tensor *tensors, size_t n, const uint8_t *data,
                               uint64_t size, bool whole, bantam_error *err);

#endif
