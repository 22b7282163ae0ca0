/* gguf.h - the GGUF container, versions 2 and 3, read.
 *
 * Every bound is proved at parse time: after bnt_gguf_parse() succeeds each tensor's bytes lie
 * inside the file and each metadata value has been walked once. Typed getters check the type
 * that the file states before the value is looked at.
 */
#ifndef BNT_FORMAT_GGUF_H
#define BNT_FORMAT_GGUF_H
#include "base/buf.h"
#include "quant/tensor.h"

typedef enum bnt_gguf_type {
    BNT_GGUF_U8 = 0,
    BNT_GGUF_I8,
    BNT_GGUF_U16,
    BNT_GGUF_I16,
    BNT_GGUF_U32,
    BNT_GGUF_I32,
    BNT_GGUF_F32,
    BNT_GGUF_BOOL,
    BNT_GGUF_STRING,
    BNT_GGUF_ARRAY,
    BNT_GGUF_U64,
    BNT_GGUF_I64,
    BNT_GGUF_F64
} bnt_gguf_type;

/* Bytes of one value of a fixed size; 0 for strings, arrays and what is no type. */
size_t bnt_gguf_type_bytes(uint32_t type);

/* One metadata pair. data points at the value inside the file: for a string at its bytes (after
 * the length), for an array at its first element. */
typedef struct bnt_gguf_pair {
    bantam_text key;
    bnt_gguf_type type;
    bnt_gguf_type element; /* of an array */
    uint64_t length;       /* elements of an array, bytes of a string, else 1 */
    const uint8_t *data;
    uint64_t bytes; /* from data to the end of the value */
} bnt_gguf_pair;

typedef struct bnt_gguf bnt_gguf;

/* Parses bytes, which are borrowed until the gguf is closed. */
bantam_status bnt_gguf_parse(bnt_gguf **out, const uint8_t *data, size_t size,
                             bantam_error *err);
void bnt_gguf_close(bnt_gguf *gguf); /* accepts NULL */

uint32_t bnt_gguf_version(const bnt_gguf *gguf);

size_t bnt_gguf_n_pairs(const bnt_gguf *gguf);
const bnt_gguf_pair *bnt_gguf_pair_at(const bnt_gguf *gguf, size_t index);
/* NULL where the key is absent. */
const bnt_gguf_pair *bnt_gguf_find(const bnt_gguf *gguf, const char *key);

size_t bnt_gguf_n_tensors(const bnt_gguf *gguf);
const bnt_tensor *bnt_gguf_tensor_at(const bnt_gguf *gguf, size_t index);

/* Typed values of keys. An absent key gives BANTAM_OK and leaves *out as it was, so that
 * callers put the default there first. A value of another type is BANTAM_ERR_FORMAT and names
 * key, expected and found type. Integers of any width and sign are accepted where the value
 * fits. */
bantam_status bnt_gguf_u32(const bnt_gguf *gguf, const char *key, uint32_t *out,
                           bantam_error *err);
bantam_status bnt_gguf_f32(const bnt_gguf *gguf, const char *key, float *out,
                           bantam_error *err); /* f32 or f64 */
bantam_status bnt_gguf_bool(const bnt_gguf *gguf, const char *key, bool *out,
                            bantam_error *err);
bantam_status bnt_gguf_text(const bnt_gguf *gguf, const char *key, bantam_text *out,
                            bantam_error *err); /* borrowed until close */

/* The length that stands before a text in the file. */
static inline uint64_t bnt_gguf_length(const uint8_t *p)
{
    const uint32_t low =
        (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
    const uint32_t high =
        (uint32_t)p[4] | (uint32_t)p[5] << 8 | (uint32_t)p[6] << 16 | (uint32_t)p[7] << 24;
    return (uint64_t)high << 32 | low;
}

/* Arrays are walked with an iterator, in order, in linear time. */
typedef struct bnt_gguf_items {
    const bnt_gguf_pair *pair;
    const uint8_t *at;
    uint64_t left;
} bnt_gguf_items;

/* Where key is absent, items->pair is NULL and BANTAM_OK is returned. element is the type each
 * item must have; integer element types of any width stand for BNT_GGUF_I32. */
bantam_status bnt_gguf_items_begin(const bnt_gguf *gguf, const char *key, bnt_gguf_type element,
                                   bnt_gguf_items *items, bantam_error *err);
/* False at the end. Integers wider than int64 wrap; callers check ranges. */
static inline bool bnt_gguf_next_text(bnt_gguf_items *items, bantam_text *out)
{
    if (!items->left) return false;
    items->left--;
    out->data = (const char *)items->at + 8;
    out->size = (size_t)bnt_gguf_length(items->at);
    items->at += 8 + out->size; /* inside the file, as parsing has proved */
    return true;
}
bool bnt_gguf_next_f32(bnt_gguf_items *items, float *out);
bool bnt_gguf_next_i64(bnt_gguf_items *items, int64_t *out);
bool bnt_gguf_next_bool(bnt_gguf_items *items, bool *out);

/* Appends a pair's value as JSON (arrays of more than 8 elements as
 * {"length":N,"first":[8 elements]}; not-a-number and infinities as strings). */
void bnt_gguf_put_json(const bnt_gguf_pair *pair, bnt_buf *out);

#endif
