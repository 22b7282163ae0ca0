/* packed.h - matrices of Hugging Face folders that others quantized: GPTQ, AWQ and FP8.
 *
 * Each is stored in parts of other shapes. Here the parts are found, held against each other
 * and replaced in the archive's table by one tensor under the plain name; its values are made
 * when a model is opened, because that takes memory of their own. docs/IMPORT.md has the
 * layouts.
 */
#ifndef BNT_FORMAT_PACKED_H
#define BNT_FORMAT_PACKED_H
#include "format/archive.h"

typedef struct bnt_packed bnt_packed;

/* Looks through the table of an archive that was just indexed. *out is NULL where nothing is
 * packed. BANTAM_ERR_UNSUPPORTED for other methods of quantization, BANTAM_ERR_FORMAT for parts
 * that are missing or do not fit. */
bantam_status bnt_packed_find(bnt_packed **out, bnt_archive *archive, bantam_error *err);
void bnt_packed_close(bnt_packed *p); /* accepts NULL */

/* Gives all of them values; does nothing the second time. */
bantam_status bnt_packed_unpack(bnt_packed *p, bantam_error *err);

#endif
