/* sniff.h - which container a file is, by its first bytes. */
#ifndef BNT_FORMAT_SNIFF_H
#define BNT_FORMAT_SNIFF_H
#include "base/error.h"

typedef enum bnt_container { BNT_CONTAINER_GGUF = 1, BNT_CONTAINER_SAFETENSORS } bnt_container;

/* For anything that is no weight file the failure says what it is instead, as far as that can
 * be told, and what to do about it. */
bantam_status bnt_sniff(const uint8_t *data, size_t size, bnt_container *out,
                        bantam_error *err);

/* Whether the bytes are a git lfs pointer, which stands in a clone for a file not fetched. */
bool bnt_sniff_pointer(const uint8_t *data, size_t size);

#endif
