/* gguf_builder.h - GGUF files made in memory, sound or broken in any one field.
 *
 * A file is three heaps of bytes (pairs, tensor table, data) and five header fields;
 * gb_finish() joins them. The convenient calls write what the format asks for; the raw ones
 * write whatever they are given, and magic, version and both counts may be overwritten before
 * gb_finish().
 *
 *     gguf_builder b;
 *     gb_init(&b);
 *     gb_put_text(&b, "general.architecture", "llama");
 *     gb_put_u32(&b, "llama.block_count", 2);
 *     gb_add_tensor(&b, "output_norm.weight", 0, 1, (const uint64_t[]){64}, NULL, 256);
 *     size_t size;
 *     uint8_t *const file = gb_finish(&b, &size); (the caller frees file)
 *
 * The builder knows nothing of the library, so that both cannot share one mistake.
 */
#ifndef BNT_TESTS_GGUF_BUILDER_H
#define BNT_TESTS_GGUF_BUILDER_H
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { /* value types, as the specification numbers them */
       GB_U8 = 0,
       GB_I8 = 1,
       GB_U16 = 2,
       GB_I16 = 3,
       GB_U32 = 4,
       GB_I32 = 5,
       GB_F32 = 6,
       GB_BOOL = 7,
       GB_STRING = 8,
       GB_ARRAY = 9,
       GB_U64 = 10,
       GB_I64 = 11,
       GB_F64 = 12
};

typedef struct gb_bytes {
    uint8_t *data;
    size_t size, capacity;
} gb_bytes;

typedef struct gguf_builder {
    uint8_t magic[4];
    uint32_t version;
    uint64_t n_tensors, n_pairs; /* counted by the calls below; overwrite to lie */
    uint64_t alignment;          /* of the data; does not write general.alignment */
    size_t data_start;           /* where the data begin; set by gb_finish() */
    gb_bytes pairs, infos, data;
} gguf_builder;

/* ---- bytes ------------------------------------------------------------------------------- */

static inline void gb_raw(gb_bytes *b, const void *data, size_t size)
{
    if (b->size + size > b->capacity) {
        b->capacity = (b->size + size) * 2 + 64;
        b->data = realloc(b->data, b->capacity);
        if (!b->data) abort();
    }
    if (size && data) memcpy(b->data + b->size, data, size);
    if (size && !data) memset(b->data + b->size, 0, size); /* NULL stands for zeros */
    b->size += size;
}

static inline void gb_uint(gb_bytes *b, uint64_t value, size_t bytes)
{
    uint8_t le[8];
    for (size_t i = 0; i < 8; i++) {
        le[i] = (uint8_t)(value >> (8 * i));
    }
    gb_raw(b, le, bytes);
}

static inline void gb_u8(gb_bytes *b, uint8_t value)
{
    gb_uint(b, value, 1);
}
static inline void gb_u16(gb_bytes *b, uint16_t value)
{
    gb_uint(b, value, 2);
}
static inline void gb_u32(gb_bytes *b, uint32_t value)
{
    gb_uint(b, value, 4);
}
static inline void gb_u64(gb_bytes *b, uint64_t value)
{
    gb_uint(b, value, 8);
}

static inline void gb_f32(gb_bytes *b, float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    gb_u32(b, bits);
}

static inline void gb_f64(gb_bytes *b, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    gb_u64(b, bits);
}

static inline void gb_text_sized(gb_bytes *b, const void *text, size_t size)
{
    gb_u64(b, size);
    gb_raw(b, text, size);
}

static inline void gb_text(gb_bytes *b, const char *text)
{
    gb_text_sized(b, text, strlen(text));
}

/* ---- begin and end ----------------------------------------------------------------------- */

static inline void gb_init(gguf_builder *b)
{
    memset(b, 0, sizeof *b);
    memcpy(b->magic, "GGUF", 4);
    b->version = 3;
    b->alignment = 32;
}

static inline void gb_deinit(gguf_builder *b)
{
    free(b->pairs.data);
    free(b->infos.data);
    free(b->data.data);
    memset(b, 0, sizeof *b);
}

/* The file, which the caller frees; the builder is emptied (data_start stays). Where there are
 * data, zeros fill up to a multiple of the alignment before them. */
static inline uint8_t *gb_finish(gguf_builder *b, size_t *size)
{
    gb_bytes file = {NULL, 0, 0};

    gb_raw(&file, b->magic, 4);
    gb_u32(&file, b->version);
    gb_u64(&file, b->n_tensors);
    gb_u64(&file, b->n_pairs);
    gb_raw(&file, b->pairs.data, b->pairs.size);
    gb_raw(&file, b->infos.data, b->infos.size);
    if (b->data.size) {
        while (b->alignment && file.size % b->alignment) {
            gb_u8(&file, 0);
        }
    }
    const size_t data_start = file.size;
    gb_raw(&file, b->data.data, b->data.size);
    gb_deinit(b);
    b->data_start = data_start;
    *size = file.size;
    return file.data;
}

/* ---- pairs ------------------------------------------------------------------------------- */

/* Key and type; the value is then appended to b->pairs by hand. */
static inline gb_bytes *gb_pair(gguf_builder *b, const char *key, uint32_t type)
{
    gb_text(&b->pairs, key);
    gb_u32(&b->pairs, type);
    b->n_pairs++;
    return &b->pairs;
}

/* Key, array type, element type and stated length; the elements are appended by hand. */
static inline gb_bytes *gb_array(gguf_builder *b, const char *key, uint32_t element,
                                 uint64_t length)
{
    gb_bytes *const p = gb_pair(b, key, GB_ARRAY);
    gb_u32(p, element);
    gb_u64(p, length);
    return p;
}

static inline void gb_put_u8(gguf_builder *b, const char *key, uint8_t v)
{
    gb_u8(gb_pair(b, key, GB_U8), v);
}
static inline void gb_put_i8(gguf_builder *b, const char *key, int8_t v)
{
    gb_u8(gb_pair(b, key, GB_I8), (uint8_t)v);
}
static inline void gb_put_u16(gguf_builder *b, const char *key, uint16_t v)
{
    gb_u16(gb_pair(b, key, GB_U16), v);
}
static inline void gb_put_i16(gguf_builder *b, const char *key, int16_t v)
{
    gb_u16(gb_pair(b, key, GB_I16), (uint16_t)v);
}
static inline void gb_put_u32(gguf_builder *b, const char *key, uint32_t v)
{
    gb_u32(gb_pair(b, key, GB_U32), v);
}
static inline void gb_put_i32(gguf_builder *b, const char *key, int32_t v)
{
    gb_u32(gb_pair(b, key, GB_I32), (uint32_t)v);
}
static inline void gb_put_u64(gguf_builder *b, const char *key, uint64_t v)
{
    gb_u64(gb_pair(b, key, GB_U64), v);
}
static inline void gb_put_i64(gguf_builder *b, const char *key, int64_t v)
{
    gb_u64(gb_pair(b, key, GB_I64), (uint64_t)v);
}
static inline void gb_put_f32(gguf_builder *b, const char *key, float v)
{
    gb_f32(gb_pair(b, key, GB_F32), v);
}
static inline void gb_put_f64(gguf_builder *b, const char *key, double v)
{
    gb_f64(gb_pair(b, key, GB_F64), v);
}
static inline void gb_put_bool(gguf_builder *b, const char *key, uint8_t v)
{
    gb_u8(gb_pair(b, key, GB_BOOL), v);
}
static inline void gb_put_text(gguf_builder *b, const char *key, const char *v)
{
    gb_text(gb_pair(b, key, GB_STRING), v);
}
static inline void gb_put_text_sized(gguf_builder *b, const char *key, const void *v,
                                     size_t size)
{
    gb_text_sized(gb_pair(b, key, GB_STRING), v, size);
}

static inline void gb_put_texts(gguf_builder *b, const char *key, const char *const *v,
                                size_t n)
{
    gb_bytes *const p = gb_array(b, key, GB_STRING, n);
    for (size_t i = 0; i < n; i++) {
        gb_text(p, v[i]);
    }
}
static inline void gb_put_f32s(gguf_builder *b, const char *key, const float *v, size_t n)
{
    gb_bytes *const p = gb_array(b, key, GB_F32, n);
    for (size_t i = 0; i < n; i++) {
        gb_f32(p, v[i]);
    }
}
static inline void gb_put_i32s(gguf_builder *b, const char *key, const int32_t *v, size_t n)
{
    gb_bytes *const p = gb_array(b, key, GB_I32, n);
    for (size_t i = 0; i < n; i++) {
        gb_u32(p, (uint32_t)v[i]);
    }
}
static inline void gb_put_u32s(gguf_builder *b, const char *key, const uint32_t *v, size_t n)
{
    gb_bytes *const p = gb_array(b, key, GB_U32, n);
    for (size_t i = 0; i < n; i++) {
        gb_u32(p, v[i]);
    }
}
static inline void gb_put_bools(gguf_builder *b, const char *key, const uint8_t *v, size_t n)
{
    gb_raw(gb_array(b, key, GB_BOOL, n), v, n);
}

/* ---- tensors ----------------------------------------------------------------------------- */

/* A row of the tensor table, as given. dims[0] is the contiguous dimension. */
static inline void gb_info(gguf_builder *b, const char *name, uint32_t n_dims,
                           const uint64_t *dims, uint32_t type, uint64_t offset)
{
    gb_text(&b->infos, name);
    gb_u32(&b->infos, n_dims);
    for (uint32_t i = 0; i < n_dims; i++) {
        gb_u64(&b->infos, dims[i]);
    }
    gb_u32(&b->infos, type);
    gb_u64(&b->infos, offset);
    b->n_tensors++;
}

/* Appends bytes of data (NULL: zeros) at the next multiple of the alignment and returns their
 * offset. */
static inline uint64_t gb_add_data(gguf_builder *b, const void *data, size_t size)
{
    while (b->alignment && b->data.size % b->alignment) {
        gb_u8(&b->data, 0);
    }
    const uint64_t offset = b->data.size;
    gb_raw(&b->data, data, size);
    return offset;
}

/* A sound tensor: a row of the table and its bytes (NULL: zeros). */
static inline void gb_add_tensor(gguf_builder *b, const char *name, uint32_t type,
                                 uint32_t n_dims, const uint64_t *dims, const void *data,
                                 size_t bytes)
{
    gb_info(b, name, n_dims, dims, type, gb_add_data(b, data, bytes));
}

/* An F32 matrix of rows * columns numbers (NULL: zeros); rows 0 makes a vector. */
static inline void gb_add_f32(gguf_builder *b, const char *name, uint64_t columns,
                              uint64_t rows, const float *values)
{
    const uint64_t dims[2] = {columns, rows};
    const size_t n = (size_t)(columns * (rows ? rows : 1));
    gb_add_tensor(b, name, 0, rows ? 2 : 1, dims, values, n * sizeof(float));
}

#endif
