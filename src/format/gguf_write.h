/* gguf_write.h - GGUF version 3, written.
 *
 * Order of calls: open, metadata, tensor declarations, then data for each tensor in the order
 * of declaration, commit. Failure is sticky and reported by commit.
 */
#ifndef BNT_FORMAT_GGUF_WRITE_H
#define BNT_FORMAT_GGUF_WRITE_H
#include "base/digest.h"
#include "format/gguf.h"

typedef struct bnt_gguf_writer bnt_gguf_writer;

bantam_status bnt_gguf_writer_open(bnt_gguf_writer **out, const char *path, bantam_error *err);
/* The same over a temporary file of a known name (bnt_save_begin_at): one that an earlier
 * writer left can be gone on with. */
bantam_status bnt_gguf_writer_open_at(bnt_gguf_writer **out, const char *path, const char *temp,
                                      bantam_error *err);
/* Accepts NULL; leaves no file, but for a temporary one that is to be kept. */
void bnt_gguf_writer_abort(bnt_gguf_writer *w);

void bnt_gguf_put_u32(bnt_gguf_writer *w, const char *key, uint32_t value);
void bnt_gguf_put_u64(bnt_gguf_writer *w, const char *key, uint64_t value);
void bnt_gguf_put_f32(bnt_gguf_writer *w, const char *key, float value);
void bnt_gguf_put_bool(bnt_gguf_writer *w, const char *key, bool value);
void bnt_gguf_put_text(bnt_gguf_writer *w, const char *key, bantam_text value);
void bnt_gguf_put_texts(bnt_gguf_writer *w, const char *key, const bantam_text *values,
                        size_t n);
void bnt_gguf_put_f32s(bnt_gguf_writer *w, const char *key, const float *values, size_t n);
void bnt_gguf_put_i32s(bnt_gguf_writer *w, const char *key, const int32_t *values, size_t n);
void bnt_gguf_put_u32s(bnt_gguf_writer *w, const char *key, const uint32_t *values, size_t n);
void bnt_gguf_put_bools(bnt_gguf_writer *w, const char *key, const bool *values, size_t n);
/* Copies a pair of another file as it is; general.alignment is passed over, because the file
 * being written has its own. */
void bnt_gguf_put_pair(bnt_gguf_writer *w, const bnt_gguf_pair *pair);

/* Data of tensors begin at multiples of this, a power of two: 32 where it is not called.
 * Interleaved types need BNT_TILE_LINE. Once, before the first declaration. */
void bnt_gguf_align(bnt_gguf_writer *w, uint32_t alignment);

/* Declares a tensor; name is copied. dims[0] is the contiguous dimension. */
void bnt_gguf_declare(bnt_gguf_writer *w, bantam_text name, const bnt_type *type,
                      uint32_t n_dims, const uint64_t *dims);

/* Total bytes of the file, known once all tensors are declared. */
uint64_t bnt_gguf_writer_total(const bnt_gguf_writer *w);

/* Puts all that stands before the data, as it will be, into a digest. */
void bnt_gguf_digest_head(const bnt_gguf_writer *w, bnt_digest *d);

/* In place of the first byte of data, over a temporary file of a known name: what it holds of
 * the first n_done tensors, and before them, stays, and the next one's turn it is. 0: of
 * nothing. */
void bnt_gguf_resume(bnt_gguf_writer *w, size_t n_done);
/* Brings what was put to the disk and says how many bytes of the file that is. Between tensors.
 */
uint64_t bnt_gguf_sync(bnt_gguf_writer *w);
/* Whether the temporary file stays when this writer fails or is given up. */
void bnt_gguf_keep(bnt_gguf_writer *w, bool keep);

/* Appends data of the tensor whose turn it is; a tensor may come in any number of pieces. The
 * writer pads between tensors and checks that each got exactly its bytes. */
void bnt_gguf_put_data(bnt_gguf_writer *w, const void *data, size_t size);
bool bnt_gguf_writer_failed(const bnt_gguf_writer *w);

/* Takes w. */
bantam_status bnt_gguf_writer_commit(bnt_gguf_writer *w, bantam_error *err);

#endif
