/* token_bytes.h - tokenizer files made by hand: GGUF and protocol buffers byte by byte, so that
 * a test can write what no writer would, and JSON with single quotes.
 */
#ifndef BNT_TESTS_TOKEN_BYTES_H
#define BNT_TESTS_TOKEN_BYTES_H
#include "support.h"

#include "format/gguf.h"
#include "token/load.h"

/* ---- bytes that grow ---- */

typedef struct bytes {
    uint8_t *data;
    size_t size, capacity;
    uint64_t n_pairs;
} bytes;

static inline void put(bytes *b, const void *data, size_t size)
{
    if (b->size + size > b->capacity) {
        b->capacity = 2 * (b->size + size);
        b->data = realloc(b->data, b->capacity);
        assert_non_null(b->data);
    }
    if (size) memcpy(b->data + b->size, data, size);
    b->size += size;
}

static inline void put_u32(bytes *b, uint32_t v)
{
    const uint8_t raw[4] = {(uint8_t)v, (uint8_t)(v >> 8), (uint8_t)(v >> 16),
                            (uint8_t)(v >> 24)};
    put(b, raw, 4);
}

static inline void put_u64(bytes *b, uint64_t v)
{
    put_u32(b, (uint32_t)v);
    put_u32(b, (uint32_t)(v >> 32));
}

static inline void put_f32(bytes *b, float v)
{
    uint32_t raw;
    memcpy(&raw, &v, 4);
    put_u32(b, raw);
}

static inline void bytes_free(bytes *b)
{
    free(b->data);
    memset(b, 0, sizeof *b);
}

/* ---- GGUF: gguf_start, pairs, gguf_end ---- */

static inline void gguf_start(bytes *b)
{
    put(b, "GGUF", 4);
    put_u32(b, 3);
    put_u64(b, 0);
    put_u64(b, 0); /* the number of pairs, known at the end */
}

static inline void gguf_string(bytes *b, const void *text, size_t size)
{
    put_u64(b, size);
    put(b, text, size);
}

static inline void gguf_key(bytes *b, const char *key, uint32_t type)
{
    gguf_string(b, key, strlen(key));
    put_u32(b, type);
    b->n_pairs++;
}

static inline void gguf_text(bytes *b, const char *key, const char *text)
{
    gguf_key(b, key, BNT_GGUF_STRING);
    gguf_string(b, text, strlen(text));
}

static inline void gguf_number(bytes *b, const char *key, uint32_t number)
{
    gguf_key(b, key, BNT_GGUF_U32);
    put_u32(b, number);
}

static inline void gguf_flag(bytes *b, const char *key, bool flag)
{
    const uint8_t raw = flag;
    gguf_key(b, key, BNT_GGUF_BOOL);
    put(b, &raw, 1);
}

static inline void gguf_array(bytes *b, const char *key, uint32_t element, uint64_t n)
{
    gguf_key(b, key, BNT_GGUF_ARRAY);
    put_u32(b, element);
    put_u64(b, n);
}

static inline void gguf_texts(bytes *b, const char *key, const char *const *texts, size_t n)
{
    gguf_array(b, key, BNT_GGUF_STRING, n);
    for (size_t i = 0; i < n; i++)
        gguf_string(b, texts[i], strlen(texts[i]));
}

static inline void gguf_ints(bytes *b, const char *key, const int32_t *values, size_t n)
{
    gguf_array(b, key, BNT_GGUF_I32, n);
    for (size_t i = 0; i < n; i++)
        put_u32(b, (uint32_t)values[i]);
}

static inline void gguf_floats(bytes *b, const char *key, const float *values, size_t n)
{
    gguf_array(b, key, BNT_GGUF_F32, n);
    for (size_t i = 0; i < n; i++)
        put_f32(b, values[i]);
}

static inline void gguf_end(bytes *b)
{
    for (size_t i = 0; i < 8; i++)
        b->data[16 + i] = (uint8_t)(b->n_pairs >> (8 * i));
    while (b->size % 32)
        put(b, "", 1); /* where the data of no tensor begin */
}

/* Parses and loads; the spec is initialized here. */
static inline bantam_status load_gguf_of(const bytes *b, bnt_spec *spec, bantam_error *err)
{
    bnt_gguf *gguf = NULL;
    bnt_spec_init(spec);
    bantam_status status = bnt_gguf_parse(&gguf, b->data, b->size, err);
    if (!status) status = bnt_load_gguf(spec, gguf, err);
    bnt_gguf_close(gguf);
    return status;
}

/* ---- protocol buffers ---- */

static inline void pb_varint(bytes *b, uint64_t v)
{
    do {
        const uint8_t byte = (uint8_t)((v & 127) | (v > 127 ? 128 : 0));
        put(b, &byte, 1);
        v >>= 7;
    } while (v);
}

static inline void pb_number(bytes *b, uint64_t field, uint64_t v)
{
    pb_varint(b, field << 3);
    pb_varint(b, v);
}

static inline void pb_bytes(bytes *b, uint64_t field, const void *data, size_t size)
{
    pb_varint(b, field << 3 | 2);
    pb_varint(b, size);
    put(b, data, size);
}

static inline void pb_float(bytes *b, uint64_t field, float v)
{
    pb_varint(b, field << 3 | 5);
    put_f32(b, v);
}

/* A SentencePiece piece; kind 0 leaves the field out. */
static inline void pb_piece(bytes *b, const char *text, float score, uint32_t kind)
{
    bytes m = {0};
    pb_bytes(&m, 1, text, strlen(text));
    pb_float(&m, 2, score);
    if (kind) pb_number(&m, 3, kind);
    pb_bytes(b, 1, m.data, m.size);
    bytes_free(&m);
}

/* ---- JSON ---- */

/* The text with ' turned into ", in one of four rotating buffers. */
static inline const char *json_of(const char *text)
{
    static char buffers[4][16384];
    static unsigned turn;
    char *const out = buffers[turn++ % 4];
    const size_t n = strlen(text);

    assert_true(n < sizeof buffers[0]);
    for (size_t i = 0; i <= n; i++)
        out[i] = text[i] == '\'' ? '"' : text[i];
    return out;
}

static inline bool spec_is_empty(const bnt_spec *spec)
{
    return !spec->tokens && !spec->n_tokens && !spec->merges && !spec->blocks &&
           !spec->n_normal && !spec->n_split && !spec->n_decode && !spec->n_stops &&
           spec->bos == BANTAM_NO_TOKEN && spec->eos == BANTAM_NO_TOKEN;
}

static inline void assert_text(bantam_text text, const char *expected)
{
    assert_int_equal(text.size, strlen(expected));
    if (text.size) assert_memory_equal(text.data, expected, text.size);
}

#endif
