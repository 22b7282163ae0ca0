/* gguf_read.c - a GGUF file taken apart and proved sound, in one pass over its head.
 *
 *     magic "GGUF" | u32 version | u64 tensors | u64 pairs
 *     pairs:   text key | u32 type | value
 *     tensors: text name | u32 dims | u64 * dims | u32 type | u64 offset
 *     zeros up to a multiple of the alignment
 *     data:    tensors at their offsets
 *
 * A text is a u64 length and its bytes. The file is walked in a straight line with a cursor;
 * nothing is taken from the heap for a count before that many of the smallest things fit into
 * the bytes left, and even then the tables grow with what was read. Typed access to values is
 * gguf_value.c's.
 *
 * Decisions where the specification leaves room: tensors may stand in any order and may leave
 * holes, but no two may share a byte; bytes after the last tensor are nobody's business; the
 * fill between table and data must be zeros, because anything else is the rest of a table whose
 * count is wrong.
 */
#include "format/gguf.h"

#include "base/checked.h"
#include "base/cursor.h"
#include "base/table.h"
#include "base/utf8.h"
#include "format/grow.h"
#include "format/ranges.h"

#include <inttypes.h>
#include <string.h>

enum {
    DEFAULT_ALIGNMENT = 32,
    MIN_PAIR_BYTES = 8 + 1 + 4 + 1,           /* key of one byte, value of one */
    MIN_TENSOR_BYTES = 8 + 1 + 4 + 8 + 4 + 8, /* name of one byte, one dimension */
    MIN_TEXT_BYTES = 8,                       /* an empty one */
    MIN_ARRAY_BYTES = 4 + 8,                  /* an empty one */
    N_TYPES = BNT_GGUF_F64 + 1
};

struct bnt_gguf {
    bnt_cursor cursor; /* on the borrowed bytes; at the end of the table after parsing */
    uint32_t version;
    uint64_t alignment;
    bnt_gguf_pair *pairs; /* (n_pairs), owns */
    size_t n_pairs, pair_capacity;
    bnt_table keys;
    bnt_tensor *tensors; /* (n_tensors), owns */
    size_t n_tensors, tensor_capacity;
};

/* ---- values ------------------------------------------------------------------------------ */

static bantam_status check_bools(const bnt_gguf_pair *p, const uint8_t *data, size_t n,
                                 bantam_error *err)
{
    for (size_t i = 0; i < n; i++) {
        if (data[i] > 1) {
            return bnt_fail(err, BANTAM_ERR_FORMAT,
                            "key %.*s: a bool is 0 or 1, the file has %u", BNT_TEXT_ARG(p->key),
                            data[i]);
        }
    }
    return BANTAM_OK;
}

/* Takes a u64 length and that many bytes. */
static bantam_status take_text(bnt_cursor *c, const bnt_gguf_pair *p, bantam_text *out,
                               bantam_error *err)
{
    const uint64_t size = bnt_cursor_u64(c);

    if (c->failed || size > bnt_cursor_left(c)) {
        return bnt_fail(err, BANTAM_ERR_FORMAT,
                        "key %.*s: a string of %" PRIu64 " bytes where %zu are left",
                        BNT_TEXT_ARG(p->key), size, bnt_cursor_left(c));
    }
    if (size > BNT_MAX_STRING) {
        return bnt_fail(err, BANTAM_ERR_FORMAT,
                        "key %.*s: a string of %" PRIu64 " bytes, at most %d are read",
                        BNT_TEXT_ARG(p->key), size, BNT_MAX_STRING);
    }
    out->data = (const char *)bnt_cursor_take(c, size);
    out->size = (size_t)size;
    return BANTAM_OK;
}

typedef struct array_level {
    uint32_t element;
    uint64_t left;
} array_level;

/* Takes element type and length, and holds the length against the bytes left. */
static bantam_status take_array_head(bnt_cursor *c, const bnt_gguf_pair *p, array_level *out,
                                     bantam_error *err)
{
    out->element = bnt_cursor_u32(c);
    out->left = bnt_cursor_u64(c);
    if (c->failed) {
        return bnt_fail(err, BANTAM_ERR_FORMAT, "key %.*s: the file ends inside the array",
                        BNT_TEXT_ARG(p->key));
    }
    if (out->element >= N_TYPES) {
        return bnt_fail(err, BANTAM_ERR_FORMAT,
                        "key %.*s: array of type %" PRIu32 ", types are 0 to %d",
                        BNT_TEXT_ARG(p->key), out->element, N_TYPES - 1);
    }
    const size_t smallest = out->element == BNT_GGUF_STRING ? MIN_TEXT_BYTES
                            : out->element == BNT_GGUF_ARRAY
                                ? MIN_ARRAY_BYTES
                                : bnt_gguf_type_bytes(out->element);
    if (out->left > bnt_cursor_left(c) / smallest) {
        return bnt_fail(err, BANTAM_ERR_FORMAT,
                        "key %.*s: array of %" PRIu64 " elements in the %zu bytes left",
                        BNT_TEXT_ARG(p->key), out->left, bnt_cursor_left(c));
    }
    return BANTAM_OK;
}

/* Passes over sound texts, up to n of them; returns how many there were. Vocabularies have
 * hundreds of thousands, so this is the short way; for the text that stops it, and its message,
 * there is take_text(). */
static uint64_t skip_texts(bnt_cursor *c, uint64_t n)
{
    const uint8_t *at = c->at;
    uint64_t i = 0;
    for (; i < n && c->end - at >= MIN_TEXT_BYTES; i++) {
        const uint64_t size = bnt_gguf_length(at);
        if (size > BNT_MAX_STRING || size > (uint64_t)(c->end - at - MIN_TEXT_BYTES)) break;
        at += MIN_TEXT_BYTES + size;
    }
    c->at = at;
    return i;
}

/* Takes the elements of one level that holds no arrays. */
static bantam_status take_elements(bnt_cursor *c, const bnt_gguf_pair *p,
                                   const array_level *level, bantam_error *err)
{
    if (level->element == BNT_GGUF_STRING) {
        bantam_text ignored;
        for (uint64_t i = skip_texts(c, level->left); i < level->left; i++) {
            const bantam_status status = take_text(c, p, &ignored, err);
            if (status) return status;
        }
        return BANTAM_OK;
    }
    /* The product is at most what is left: take_array_head() divided. */
    const size_t bytes = (size_t)level->left * bnt_gguf_type_bytes(level->element);
    const uint8_t *const data = bnt_cursor_take(c, bytes);
    if (level->element == BNT_GGUF_BOOL) return check_bools(p, data, bytes, err);
    return BANTAM_OK;
}

/* Takes an array from its element type on, arrays inside it included. */
static bantam_status take_array(bnt_cursor *c, bnt_gguf_pair *p, bantam_error *err)
{
    array_level stack[BNT_MAX_ARRAY_DEPTH];
    size_t depth = 1;

    bantam_status status = take_array_head(c, p, &stack[0], err);
    if (status) return status;
    p->element = (bnt_gguf_type)stack[0].element;
    p->length = stack[0].left;
    p->data = c->at;

    while (depth) {
        array_level *const top = &stack[depth - 1];
        if (top->element != BNT_GGUF_ARRAY) {
            status = take_elements(c, p, top, err);
            depth--;
        } else if (!top->left) {
            depth--;
        } else if (depth == BNT_MAX_ARRAY_DEPTH) {
            return bnt_fail(err, BANTAM_ERR_FORMAT, "key %.*s: arrays nested more than %d deep",
                            BNT_TEXT_ARG(p->key), BNT_MAX_ARRAY_DEPTH);
        } else {
            top->left--;
            status = take_array_head(c, p, &stack[depth++], err);
        }
        if (status) return status;
    }
    p->bytes = (uint64_t)(c->at - p->data);
    return BANTAM_OK;
}

static bantam_status take_value(bnt_cursor *c, bnt_gguf_pair *p, bantam_error *err)
{
    if (p->type == BNT_GGUF_ARRAY) return take_array(c, p, err);

    if (p->type == BNT_GGUF_STRING) {
        bantam_text text = {0};
        const bantam_status status = take_text(c, p, &text, err);
        if (status) return status;
        p->data = (const uint8_t *)text.data;
        p->length = p->bytes = text.size;
        return BANTAM_OK;
    }
    p->length = 1;
    p->bytes = bnt_gguf_type_bytes(p->type);
    p->data = bnt_cursor_take(c, p->bytes);
    if (!p->data) {
        return bnt_fail(err, BANTAM_ERR_FORMAT, "key %.*s: the file ends inside the value",
                        BNT_TEXT_ARG(p->key));
    }
    if (p->type == BNT_GGUF_BOOL) return check_bools(p, p->data, 1, err);
    return BANTAM_OK;
}

/* ---- names and counts -------------------------------------------------------------------- */

/* Takes the text of a key or a tensor name. Both are identifiers: UTF-8 without control
 * characters, because they end up in messages, C strings and other people's files. */
static bantam_status take_name(bnt_cursor *c, const char *what, size_t number, size_t max,
                               bantam_text *out, bantam_error *err)
{
    const uint64_t size = bnt_cursor_u64(c);

    if (c->failed || size > bnt_cursor_left(c)) {
        return bnt_fail(err, BANTAM_ERR_FORMAT,
                        "%s %zu: a name of %" PRIu64 " bytes where %zu are left", what, number,
                        size, bnt_cursor_left(c));
    }
    if (!size || size > max) {
        return bnt_fail(err, BANTAM_ERR_FORMAT,
                        "%s %zu: a name has 1 to %zu bytes, this one %" PRIu64, what, number,
                        max, size);
    }
    out->data = (const char *)bnt_cursor_take(c, size);
    out->size = (size_t)size;
    bool clean = bnt_utf8_valid(out->data, out->size);
    for (size_t i = 0; i < out->size && clean; i++) {
        const unsigned char byte = (unsigned char)out->data[i];
        clean = byte >= 0x20 && byte != 0x7F;
    }
    if (!clean) {
        return bnt_fail(err, BANTAM_ERR_FORMAT,
                        "%s %zu: the name \"%.*s\" holds control characters or is not UTF-8",
                        what, number, BNT_TEXT_ARG(*out));
    }
    return BANTAM_OK;
}

static bantam_status add_name(bnt_table *names, const char *what, bantam_text name,
                              size_t number, bantam_error *err)
{
    uint32_t found;
    const bantam_status status = bnt_table_put(names, name, (uint32_t)number, &found, err);

    if (status) return status;
    if (found != BNT_TABLE_NONE) {
        return bnt_fail(err, BANTAM_ERR_FORMAT, "%s %.*s is there twice", what,
                        BNT_TEXT_ARG(name));
    }
    return BANTAM_OK;
}

/* ---- the four parts ---------------------------------------------------------------------- */

static bantam_status check_version(uint32_t version, bantam_error *err)
{
    if (version == 2 || version == 3) return BANTAM_OK;
    if (version == 1) {
        return bnt_fail(err, BANTAM_ERR_UNSUPPORTED,
                        "gguf version 1 is not supported, expected 2 or 3");
    }
    if (version && !(version & 0xFFFFu)) {
        return bnt_fail(
            err, BANTAM_ERR_UNSUPPORTED,
            "a big-endian gguf file is not supported (version reads 0x%08" PRIX32 ")", version);
    }
    return bnt_fail(err, BANTAM_ERR_UNSUPPORTED,
                    "gguf version %" PRIu32 " is not supported, expected 2 or 3", version);
}

static bantam_status read_header(bnt_gguf *g, uint64_t *n_tensors, uint64_t *n_pairs,
                                 bantam_error *err)
{
    bnt_cursor *const c = &g->cursor;
    const uint8_t *const magic = bnt_cursor_take(c, 4);

    if (!magic || memcmp(magic, "GGUF", 4) != 0) {
        return bnt_fail(err, BANTAM_ERR_FORMAT, "not a gguf file: it does not begin with GGUF");
    }
    g->version = bnt_cursor_u32(c);
    if (!c->failed) {
        const bantam_status status = check_version(g->version, err);
        if (status) return status;
    }
    *n_tensors = bnt_cursor_u64(c);
    *n_pairs = bnt_cursor_u64(c);
    if (c->failed) {
        return bnt_fail(err, BANTAM_ERR_FORMAT, "the file ends inside its header of 24 bytes");
    }
    const size_t left = bnt_cursor_left(c);
    if (*n_pairs > left / MIN_PAIR_BYTES || *n_pairs >= BNT_TABLE_NONE) {
        return bnt_fail(err, BANTAM_ERR_FORMAT,
                        "the header states %" PRIu64 " metadata pairs, too many for the %zu "
                        "bytes left",
                        *n_pairs, left);
    }
    if (*n_tensors > left / MIN_TENSOR_BYTES || *n_tensors >= BNT_TABLE_NONE) {
        return bnt_fail(err, BANTAM_ERR_FORMAT,
                        "the header states %" PRIu64 " tensors, too many for the %zu bytes "
                        "left",
                        *n_tensors, left);
    }
    return BANTAM_OK;
}

static bantam_status read_pair(bnt_gguf *g, bantam_error *err)
{
    bnt_cursor *const c = &g->cursor;
    bnt_gguf_pair p = {0};

    bnt_gguf_pair *const pairs =
        (bnt_gguf_pair *)bnt_grow(g->pairs, &g->pair_capacity, g->n_pairs, sizeof p);
    if (!pairs) return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for metadata");
    g->pairs = pairs;

    bantam_status status = take_name(c, "metadata pair", g->n_pairs, BNT_MAX_KEY, &p.key, err);
    if (!status) status = add_name(&g->keys, "key", p.key, g->n_pairs, err);
    if (status) return status;

    const uint32_t type = bnt_cursor_u32(c);
    if (c->failed) {
        return bnt_fail(err, BANTAM_ERR_FORMAT, "key %.*s: the file ends before its type",
                        BNT_TEXT_ARG(p.key));
    }
    if (type >= N_TYPES) {
        return bnt_fail(err, BANTAM_ERR_FORMAT,
                        "key %.*s: value of type %" PRIu32 ", types are 0 to %d",
                        BNT_TEXT_ARG(p.key), type, N_TYPES - 1);
    }
    p.type = p.element = (bnt_gguf_type)type;
    status = take_value(c, &p, err);
    if (status) return status;
    g->pairs[g->n_pairs++] = p;
    return BANTAM_OK;
}

static bantam_status read_alignment(bnt_gguf *g, bantam_error *err)
{
    const bnt_gguf_pair *const p = bnt_gguf_find(g, "general.alignment");

    g->alignment = DEFAULT_ALIGNMENT;
    if (!p) return BANTAM_OK;
    if (p->type != BNT_GGUF_U32) {
        return bnt_fail(err, BANTAM_ERR_FORMAT,
                        "key general.alignment: expected u32, found type %d", (int)p->type);
    }
    bnt_cursor value = bnt_cursor_on(p->data, (size_t)p->bytes);
    const uint32_t alignment = bnt_cursor_u32(&value);
    if (alignment < 8 || alignment > BNT_MAX_ALIGNMENT || (alignment & (alignment - 1))) {
        return bnt_fail(err, BANTAM_ERR_FORMAT,
                        "key general.alignment: expected a power of two from 8 to %d, found "
                        "%" PRIu32,
                        BNT_MAX_ALIGNMENT, alignment);
    }
    g->alignment = alignment;
    return BANTAM_OK;
}

/* Numbers of types that are plain machine words: this build does not compute with them, but
 * their size is no secret, so a file that carries one along still opens. */
static uint32_t word_bytes(uint32_t type)
{
    switch (type) {
    case 24:
        return 1; /* I8 */
    case 25:
        return 2; /* I16 */
    case 26:
        return 4; /* I32 */
    case 27:
        return 8; /* I64 */
    case 28:
        return 8; /* F64 */
    default:
        return 0;
    }
}

/* Fills in type, type_name and bytes from the type's number and the dimensions. */
static bantam_status set_type(bnt_tensor *t, uint32_t number, bantam_error *err)
{
    const char *const foreign = bnt_type_foreign_name(number);
    uint64_t rows = 1;
    bool fits = true;

    for (uint32_t i = 1; i < t->n_dims; i++) {
        fits = fits && bnt_mul_u64(rows, t->dims[i], &rows);
    }
    t->type = bnt_type_find(number);
    if (t->type) {
        if (t->dims[0] % t->type->block_values) {
            return bnt_fail(err, BANTAM_ERR_FORMAT,
                            "tensor %.*s: rows of %" PRIu64 " values are no whole number of "
                            "%s blocks of %" PRIu32,
                            BNT_TEXT_ARG(t->name), t->dims[0], t->type->name,
                            t->type->block_values);
        }
        fits = fits && bnt_type_bytes(t->type, rows, t->dims[0], &t->bytes);
    } else if (foreign && word_bytes(number)) {
        fits = fits && bnt_mul_u64(rows, t->dims[0], &t->bytes) &&
               bnt_mul_u64(t->bytes, word_bytes(number), &t->bytes);
    } else if (foreign) {
        return bnt_fail(err, BANTAM_ERR_UNSUPPORTED,
                        "tensor %.*s: type %s (%" PRIu32 ") is not supported by this build",
                        BNT_TEXT_ARG(t->name), foreign, number);
    } else {
        return bnt_fail(err, BANTAM_ERR_FORMAT, "tensor %.*s: no type has the number %" PRIu32,
                        BNT_TEXT_ARG(t->name), number);
    }
    if (!fits) {
        return bnt_fail(err, BANTAM_ERR_FORMAT, "tensor %.*s: its size exceeds 64 bits",
                        BNT_TEXT_ARG(t->name));
    }
    t->type_name.data = t->type ? t->type->name : foreign;
    t->type_name.size = strlen(t->type_name.data);
    return BANTAM_OK;
}

/* Reads one row of the table. The offset stands in *offset until the data's start is known. */
static bantam_status read_tensor(bnt_gguf *g, bnt_table *names, uint64_t *offset,
                                 bantam_error *err)
{
    bnt_cursor *const c = &g->cursor;
    bnt_tensor *const t = &g->tensors[g->n_tensors];

    *t = (bnt_tensor){.dims = {1, 1, 1, 1}};
    bantam_status status =
        take_name(c, "tensor", g->n_tensors, BNT_MAX_TENSOR_NAME, &t->name, err);
    if (!status) status = add_name(names, "tensor", t->name, g->n_tensors, err);
    if (status) return status;

    t->n_dims = bnt_cursor_u32(c);
    if (!c->failed && (!t->n_dims || t->n_dims > BNT_MAX_DIMS)) {
        return bnt_fail(err, BANTAM_ERR_FORMAT,
                        "tensor %.*s: expected 1 to %d dimensions, found %" PRIu32,
                        BNT_TEXT_ARG(t->name), BNT_MAX_DIMS, t->n_dims);
    }
    bool empty = false;
    for (uint32_t i = 0; i < t->n_dims && !c->failed; i++) {
        t->dims[i] = bnt_cursor_u64(c);
        if (!t->dims[i]) empty = true;
    }
    const uint32_t number = bnt_cursor_u32(c);
    *offset = bnt_cursor_u64(c);
    if (c->failed) {
        return bnt_fail(err, BANTAM_ERR_FORMAT, "tensor %.*s: the table is cut short",
                        BNT_TEXT_ARG(t->name));
    }
    if (empty) {
        return bnt_fail(err, BANTAM_ERR_FORMAT, "tensor %.*s: a dimension is 0",
                        BNT_TEXT_ARG(t->name));
    }
    if (*offset & (g->alignment - 1)) {
        return bnt_fail(err, BANTAM_ERR_FORMAT,
                        "tensor %.*s: offset %" PRIu64 " is no multiple of the alignment "
                        "%" PRIu64,
                        BNT_TEXT_ARG(t->name), *offset, g->alignment);
    }
    return set_type(t, number, err);
}

/* The fill between table and data: zeros up to the alignment, or to the end of a file that has
 * no data. The cursor then stands at the data. */
static bantam_status skip_fill(bnt_gguf *g, bantam_error *err)
{
    bnt_cursor *const c = &g->cursor;
    const size_t over = bnt_cursor_offset(c) & (size_t)(g->alignment - 1);
    size_t fill = over ? (size_t)g->alignment - over : 0;

    if (fill > bnt_cursor_left(c)) fill = bnt_cursor_left(c);
    const uint8_t *const zeros = bnt_cursor_take(c, fill);
    for (size_t i = 0; i < fill; i++) {
        if (zeros[i]) {
            return bnt_fail(err, BANTAM_ERR_FORMAT,
                            "byte %zu after the tensor table is not zero: the header's counts "
                            "do not match the table",
                            i);
        }
    }
    return BANTAM_OK;
}

/* Puts every tensor where its offset says, and proves that it lies there whole. */
static bantam_status place_tensors(bnt_gguf *g, const uint64_t *offsets, bantam_error *err)
{
    const uint8_t *const data = g->cursor.at;
    const uint64_t room = bnt_cursor_left(&g->cursor);

    for (size_t i = 0; i < g->n_tensors; i++) {
        bnt_tensor *const t = &g->tensors[i];
        /* Compare with what is left; a sum of two numbers from a file can wrap. */
        if (offsets[i] > room || t->bytes > room - offsets[i]) {
            return bnt_fail(err, BANTAM_ERR_FORMAT,
                            "tensor %.*s: its %" PRIu64 " bytes at offset %" PRIu64
                            " lie outside the %" PRIu64 " bytes of data",
                            BNT_TEXT_ARG(t->name), t->bytes, offsets[i], room);
        }
        t->data = data + offsets[i];
    }
    return bnt_ranges_check(g->tensors, g->n_tensors, data, room, false, err);
}

/* Makes room for one more tensor and its offset. */
static bantam_status grow_tensors(bnt_gguf *g, uint64_t **offsets, size_t *capacity,
                                  bantam_error *err)
{
    bnt_tensor *const tensors =
        (bnt_tensor *)bnt_grow(g->tensors, &g->tensor_capacity, g->n_tensors, sizeof *tensors);
    if (tensors) g->tensors = tensors;
    uint64_t *const more = (uint64_t *)bnt_grow(*offsets, capacity, g->n_tensors, sizeof *more);
    if (more) *offsets = more;
    if (tensors && more) return BANTAM_OK;
    return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for the tensor table");
}

static bantam_status read_tensors(bnt_gguf *g, uint64_t n, bantam_error *err)
{
    bnt_table names = {0};
    uint64_t *offsets = NULL; /* (n_tensors) */
    size_t capacity = 0;

    bantam_status status = bnt_table_init(&names, BNT_GROW_FIRST, err);
    for (uint64_t i = 0; i < n && !status; i++) {
        status = grow_tensors(g, &offsets, &capacity, err);
        if (!status) status = read_tensor(g, &names, &offsets[g->n_tensors], err);
        if (!status) g->n_tensors++;
    }
    if (!status) status = skip_fill(g, err);
    if (!status) status = place_tensors(g, offsets, err);
    bnt_free(offsets);
    bnt_table_deinit(&names);
    return status;
}

bantam_status bnt_gguf_parse(bnt_gguf **out, const uint8_t *data, size_t size,
                             bantam_error *err)
{
    uint64_t n_tensors = 0, n_pairs = 0;
    bantam_status status;

    *out = NULL;
    bnt_gguf *const g = (bnt_gguf *)bnt_calloc(1, sizeof *g);
    if (!g) return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for a gguf file");

    g->cursor = bnt_cursor_on(data, size);
    status = bnt_table_init(&g->keys, BNT_GROW_FIRST, err);
    if (!status) status = read_header(g, &n_tensors, &n_pairs, err);
    for (uint64_t i = 0; i < n_pairs && !status; i++) {
        status = read_pair(g, err);
    }
    if (!status) status = read_alignment(g, err);
    if (!status) status = read_tensors(g, n_tensors, err);
    if (status) {
        bnt_gguf_close(g);
        return status;
    }
    *out = g;
    return BANTAM_OK;
}

void bnt_gguf_close(bnt_gguf *gguf)
{
    if (!gguf) return;
    bnt_table_deinit(&gguf->keys);
    bnt_free(gguf->pairs);
    bnt_free(gguf->tensors);
    bnt_free(gguf);
}

/* ---- what was found ---------------------------------------------------------------------- */

uint32_t bnt_gguf_version(const bnt_gguf *gguf)
{
    return gguf->version;
}

size_t bnt_gguf_n_pairs(const bnt_gguf *gguf)
{
    return gguf->n_pairs;
}

const bnt_gguf_pair *bnt_gguf_pair_at(const bnt_gguf *gguf, size_t index)
{
    return index < gguf->n_pairs ? &gguf->pairs[index] : NULL;
}

const bnt_gguf_pair *bnt_gguf_find(const bnt_gguf *gguf, const char *key)
{
    const bantam_text text = {key, strlen(key)};
    const uint32_t at = bnt_table_find(&gguf->keys, text);

    return at == BNT_TABLE_NONE ? NULL : &gguf->pairs[at];
}

size_t bnt_gguf_n_tensors(const bnt_gguf *gguf)
{
    return gguf->n_tensors;
}

const bnt_tensor *bnt_gguf_tensor_at(const bnt_gguf *gguf, size_t index)
{
    return index < gguf->n_tensors ? &gguf->tensors[index] : NULL;
}
