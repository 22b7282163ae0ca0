/* imatrix.h - importance files of llama.cpp, read and written.
 *
 * Such a file says of each matrix how large the inputs of its columns were over some texts: the
 * sum of their squares and how many inputs were added. Quantizers weight the error of a column
 * by the mean.
 *
 * There are two forms, little-endian both. The newer one is GGUF with general.type "imatrix",
 * for each matrix NAME the float32 tensors NAME.in_sum2 (columns, or columns and experts) and
 * NAME.counts (one number for each expert), and the keys imatrix.datasets (texts),
 * imatrix.chunk_count and imatrix.chunk_size (u32). The older one, ".dat":
 *
 *     i32 entries | entry ... | i32 chunks, i32 length, the data set's name (may be left out)
 *     entry:  i32 length, name | i32 calls | i32 values | f32 value ...
 *
 * where a value divided by calls (where that is not 0) is the mean.
 */
#ifndef BNT_FORMAT_IMATRIX_H
#define BNT_FORMAT_IMATRIX_H
#include "base/error.h"

typedef struct bnt_imatrix bnt_imatrix;

typedef struct bnt_importance {
    bantam_text name;  /* of the matrix: "blk.0.ffn_down.weight" */
    const float *mean; /* (n) of squares; finite, not negative */
    size_t n;          /* columns; times experts where a matrix has them, expert by expert */
} bnt_importance;

/* Reads a file of either form. Everything is copied. */
bantam_status bnt_imatrix_open(bnt_imatrix **out, const char *path, bantam_error *err);
/* Reads bytes of either form, borrowed during the call. */
bantam_status bnt_imatrix_parse(bnt_imatrix **out, const uint8_t *data, size_t size,
                                bantam_error *err);
void bnt_imatrix_close(bnt_imatrix *m); /* accepts NULL */

/* What follows is lent until close. */
size_t bnt_imatrix_n_entries(const bnt_imatrix *m);
const bnt_importance *bnt_imatrix_at(const bnt_imatrix *m, size_t index);
/* NULL where the file says nothing of that matrix. */
const bnt_importance *bnt_imatrix_find(const bnt_imatrix *m, bantam_text name);
/* Chunks of text the file was made of; 0 where it does not say. */
uint32_t bnt_imatrix_n_chunks(const bnt_imatrix *m);

/* ---- writing ---- */

typedef struct bnt_importance_sums {
    bantam_text name;
    const float *sums; /* (n) of squares, finite, not negative */
    size_t n;
    uint64_t count; /* inputs added, at least 1 */
} bnt_importance_sums;

/* What the sums were made of. */
typedef struct bnt_importance_origin {
    bantam_text dataset;
    uint32_t n_chunks;
    uint32_t chunk_tokens;
} bnt_importance_origin;

/* Writes the older form where path ends in ".dat", else the newer. Names differ. */
bantam_status bnt_imatrix_write(const char *path, const bnt_importance_sums *entries, size_t n,
                                const bnt_importance_origin *origin, bantam_error *err);

#endif
