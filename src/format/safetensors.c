/* safetensors.c - a safetensors file taken apart and proved sound.
 *
 *     u64 size of the header | header, JSON | data
 *     {"__metadata__": {text: text},
 *      NAME: {"dtype": "BF16", "shape": [rows, columns], "data_offsets": [begin, end]}, ...}
 *
 * The header is read by a scanner of just this grammar instead of a JSON library: nesting is
 * three levels by construction, and memory grows with tensors, not with JSON values, of which a
 * hostile header of 100 MB can hold fifty million.
 *
 * Decisions where the format leaves room: a scalar (shape []) is one row of one value; a tensor
 * with a dimension of 0 is kept and has no bytes; fields other than the three, shapes of more
 * than four dimensions and unknown element types are refused.
 */
#include "format/safetensors.h"

#include "base/checked.h"
#include "base/cursor.h"
#include "base/mem.h"
#include "base/table.h"
#include "base/text.h"
#include "base/utf8.h"
#include "format/grow.h"
#include "format/ranges.h"

#include <inttypes.h>
#include <string.h>

enum { MAX_FIELD_NAME = 32 };

/* A name that had escapes, decoded. */
typedef struct decoded {
    struct decoded *next; /* owns */
    char text[];
} decoded;

struct bnt_safetensors {
    bnt_tensor *tensors; /* (n_tensors), owns */
    size_t n_tensors, capacity;
    decoded *names; /* owns */
};

/* What an element type of the format is to this build; type is -1 where it cannot compute. */
typedef struct element {
    const char *name;
    uint32_t bits;
    int type;
} element;

/* One tensor as the header states it. */
typedef struct stated {
    bantam_text name;
    const element *element;
    uint32_t n_dims;
    uint64_t shape[BNT_MAX_DIMS]; /* outermost first */
    uint64_t begin, end;
} stated;

static const element *find_element(bantam_text name)
{
    static const element elements[] = {
        {"F32", 32, BNT_TYPE_F32},
        {"F16", 16, BNT_TYPE_F16},
        {"BF16", 16, BNT_TYPE_BF16},
        {"BOOL", 8, -1},
        {"F4", 4, -1},
        {"F6_E2M3", 6, -1},
        {"F6_E3M2", 6, -1},
        {"U8", 8, -1},
        {"I8", 8, -1},
        {"F8_E4M3", 8, -1},
        {"F8_E5M2", 8, -1},
        {"F8_E8M0", 8, -1},
        {"F8_E4M3FNUZ", 8, -1},
        {"F8_E5M2FNUZ", 8, -1},
        {"I16", 16, -1},
        {"U16", 16, -1},
        {"I32", 32, -1},
        {"U32", 32, -1},
        {"C64", 64, -1},
        {"F64", 64, -1},
        {"I64", 64, -1},
        {"U64", 64, -1},
    };
    for (size_t i = 0; i < sizeof elements / sizeof elements[0]; i++) {
        if (bnt_text_is(name, elements[i].name)) return &elements[i];
    }
    return NULL;
}

/* ---- the scanner ------------------------------------------------------------------------- */

static bantam_status bad_header(const bnt_cursor *c, const char *expected, bantam_error *err)
{
    if (c->at == c->end) {
        return bnt_fail(err, BANTAM_ERR_FORMAT,
                        "safetensors header: expected %s, found its end", expected);
    }
    const bool printable = *c->at > 0x20 && *c->at < 0x7F;
    return bnt_fail(err, BANTAM_ERR_FORMAT,
                    printable ? "safetensors header: expected %s, found %c at byte %zu"
                              : "safetensors header: expected %s, found \\x%02X at byte %zu",
                    expected, *c->at, bnt_cursor_offset(c));
}

static void skip_space(bnt_cursor *c)
{
    while (c->at < c->end &&
           (*c->at == ' ' || *c->at == '\n' || *c->at == '\t' || *c->at == '\r')) {
        c->at++;
    }
}

/* Takes a mark after white space; false, and takes nothing, where another byte stands. */
static bool take_mark(bnt_cursor *c, char mark)
{
    skip_space(c);
    if (c->at == c->end || *c->at != (uint8_t)mark) return false;
    c->at++;
    return true;
}

static bool take_hex(bnt_cursor *c, uint32_t *out)
{
    uint32_t code = 0;

    if (bnt_cursor_left(c) < 4) return false;
    for (int i = 0; i < 4; i++) {
        const uint8_t byte = *c->at++;
        uint32_t digit;
        if (byte >= '0' && byte <= '9')
            digit = (uint32_t)(byte - '0');
        else if (byte >= 'a' && byte <= 'f')
            digit = (uint32_t)(byte - 'a') + 10;
        else if (byte >= 'A' && byte <= 'F')
            digit = (uint32_t)(byte - 'A') + 10;
        else
            return false;
        code = code << 4 | digit;
    }
    *out = code;
    return true;
}

/* After "\u": one Unicode scalar value, written as one escape or as a surrogate pair. */
static bool take_unicode(bnt_cursor *c, uint32_t *out)
{
    uint32_t low;

    if (!take_hex(c, out)) return false;
    if (*out < 0xD800 || *out > 0xDFFF) return true;
    if (*out > 0xDBFF || bnt_cursor_left(c) < 2 || c->at[0] != '\\' || c->at[1] != 'u') {
        return false;
    }
    c->at += 2;
    if (!take_hex(c, &low) || low < 0xDC00 || low > 0xDFFF) return false;
    *out = 0x10000 + ((*out - 0xD800) << 10) + (low - 0xDC00);
    return true;
}

/* After a backslash: what it stands for, as UTF-8. Returns its length, 0 where it is none. */
static size_t take_escape(bnt_cursor *c, char out[4])
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    uint32_t code;

    if (c->at == c->end) return 0;
    const char letter = (char)*c->at++;
    if (letter == 'u') return take_unicode(c, &code) ? bnt_utf8_encode(code, out) : 0;
    const char *const found = letter ? strchr(from, letter) : NULL;
    if (!found) return 0;
    out[0] = to[found - from];
    return 1;
}

/* Takes a string. *out is its bytes in the file where it has no escapes, else its first
 * capacity bytes decoded into room, with *out.size what it would have been. The header is known
 * to be UTF-8. */
static bantam_status take_string(bnt_cursor *c, const char *expected, char *room,
                                 size_t capacity, bantam_text *out, bantam_error *err)
{
    bool escaped = false;

    if (!take_mark(c, '"')) return bad_header(c, expected, err);
    const uint8_t *const start = c->at;
    out->size = 0;
    while (c->at < c->end && *c->at != '"') {
        char bytes[4] = {(char)*c->at};
        size_t n = 1;
        if (*c->at < 0x20) return bad_header(c, "no control character in a string", err);
        if (*c->at++ == '\\') {
            if (!escaped) memcpy(room, start, out->size < capacity ? out->size : capacity);
            escaped = true;
            n = take_escape(c, bytes);
            if (!n) return bad_header(c, "a JSON escape", err);
        }
        for (size_t i = 0; escaped && i < n; i++) {
            if (out->size + i < capacity) room[out->size + i] = bytes[i];
        }
        out->size += n;
    }
    out->data = escaped ? room : (const char *)start;
    return take_mark(c, '"') ? BANTAM_OK : bad_header(c, "the end of a string", err);
}

/* Takes a whole number without sign, fraction or exponent. */
static bantam_status take_number(bnt_cursor *c, const char *expected, uint64_t *out,
                                 bantam_error *err)
{
    uint64_t value = 0;

    skip_space(c);
    const uint8_t *const start = c->at;
    while (c->at < c->end && *c->at >= '0' && *c->at <= '9') {
        if (!bnt_mul_u64(value, 10, &value) || !bnt_add_u64(value, *c->at - '0', &value)) {
            return bad_header(c, "a number below 2^64", err);
        }
        c->at++;
    }
    if (c->at == start) return bad_header(c, expected, err);
    if (*start == '0' && c->at - start > 1) {
        c->at = start;
        return bad_header(c, "a number without leading zeros", err);
    }
    if (c->at < c->end && (*c->at == '.' || *c->at == 'e' || *c->at == 'E')) {
        return bad_header(c, "a whole number", err);
    }
    *out = value;
    return BANTAM_OK;
}

/* ---- the grammar ------------------------------------------------------------------------- */

/* {text: text, ...}; read past, for nothing of it decides anything. */
static bantam_status skip_metadata(bnt_cursor *c, bantam_error *err)
{
    bantam_text ignored;
    char room[1];
    bantam_status status;

    if (!take_mark(c, '{')) return bad_header(c, "an object of texts", err);
    if (take_mark(c, '}')) return BANTAM_OK;
    do {
        status = take_string(c, "a metadata key", room, sizeof room, &ignored, err);
        if (status) return status;
        if (!take_mark(c, ':')) return bad_header(c, "a colon", err);
        status = take_string(c, "a metadata text", room, sizeof room, &ignored, err);
        if (status) return status;
    } while (take_mark(c, ','));
    return take_mark(c, '}') ? BANTAM_OK : bad_header(c, "a comma or }", err);
}

/* [number, ...] of at most max numbers. */
static bantam_status take_numbers(bnt_cursor *c, const char *expected, uint64_t *out,
                                  uint32_t max, uint32_t *n, bantam_error *err)
{
    *n = 0;
    if (!take_mark(c, '[')) return bad_header(c, expected, err);
    if (take_mark(c, ']')) return BANTAM_OK;
    do {
        uint64_t value = 0;
        const bantam_status status = take_number(c, expected, &value, err);
        if (status) return status;
        if (*n == max) {
            return bnt_fail(err, BANTAM_ERR_FORMAT,
                            "safetensors header: more than %" PRIu32 " numbers at byte %zu, "
                            "expected %s",
                            max, bnt_cursor_offset(c), expected);
        }
        out[(*n)++] = value;
    } while (take_mark(c, ','));
    return take_mark(c, ']') ? BANTAM_OK : bad_header(c, "a comma or ]", err);
}

enum { HAS_DTYPE = 1, HAS_SHAPE = 2, HAS_OFFSETS = 4, HAS_ALL = 7 };

static unsigned field_of(bantam_text name)
{
    if (name.size == 5 && !memcmp(name.data, "dtype", 5)) return HAS_DTYPE;
    if (name.size == 5 && !memcmp(name.data, "shape", 5)) return HAS_SHAPE;
    if (name.size == 12 && !memcmp(name.data, "data_offsets", 12)) return HAS_OFFSETS;
    return 0;
}

static bantam_status take_dtype(bnt_cursor *c, stated *s, bantam_error *err)
{
    char room[MAX_FIELD_NAME];
    bantam_text name;

    const bantam_status status =
        take_string(c, "a text for dtype", room, sizeof room, &name, err);
    if (status) return status;
    if (name.size > sizeof room) name.size = sizeof room; /* no known name is that long */
    s->element = find_element(name);
    if (s->element) return BANTAM_OK;
    return bnt_fail(err, BANTAM_ERR_FORMAT, "tensor %.*s: unknown dtype \"%.*s\"",
                    BNT_TEXT_ARG(s->name), BNT_TEXT_ARG(name));
}

static bantam_status take_field(bnt_cursor *c, stated *s, unsigned field, bantam_error *err)
{
    uint64_t offsets[2];
    uint32_t n;

    if (field == HAS_DTYPE) return take_dtype(c, s, err);
    if (field == HAS_SHAPE) {
        return take_numbers(c, "a shape of at most 4 whole numbers", s->shape, BNT_MAX_DIMS,
                            &s->n_dims, err);
    }
    const bantam_status status =
        take_numbers(c, "data_offsets of two whole numbers", offsets, 2, &n, err);
    if (status) return status;
    if (n != 2) {
        return bnt_fail(err, BANTAM_ERR_FORMAT,
                        "tensor %.*s: data_offsets has %" PRIu32 " numbers, expected 2",
                        BNT_TEXT_ARG(s->name), n);
    }
    s->begin = offsets[0];
    s->end = offsets[1];
    return BANTAM_OK;
}

/* {"dtype": ..., "shape": ..., "data_offsets": ...} in any order. */
static bantam_status take_tensor(bnt_cursor *c, stated *s, bantam_error *err)
{
    char room[MAX_FIELD_NAME];
    bantam_text name;
    unsigned seen = 0;

    if (!take_mark(c, '{')) return bad_header(c, "a tensor's object", err);
    do {
        bantam_status status =
            take_string(c, "a field of a tensor", room, sizeof room, &name, err);
        if (status) return status;
        if (name.size > sizeof room) name.size = sizeof room;
        const unsigned field = field_of(name);
        if (!field || (seen & field)) {
            return bnt_fail(err, BANTAM_ERR_FORMAT, "tensor %.*s: field \"%.*s\" %s",
                            BNT_TEXT_ARG(s->name), BNT_TEXT_ARG(name),
                            field ? "is there twice" : "is unknown");
        }
        seen |= field;
        if (!take_mark(c, ':')) return bad_header(c, "a colon", err);
        status = take_field(c, s, field, err);
        if (status) return status;
    } while (take_mark(c, ','));
    if (!take_mark(c, '}')) return bad_header(c, "a comma or }", err);
    if (seen != HAS_ALL) {
        return bnt_fail(err, BANTAM_ERR_FORMAT,
                        "tensor %.*s: expected dtype, shape and data_offsets",
                        BNT_TEXT_ARG(s->name));
    }
    return BANTAM_OK;
}

/* ---- tensors ----------------------------------------------------------------------------- */

static bantam_status check_name(bantam_text name, bantam_error *err)
{
    bool clean = true;

    if (!name.size || name.size > BNT_MAX_TENSOR_NAME) {
        return bnt_fail(err, BANTAM_ERR_FORMAT,
                        "safetensors header: a tensor name of %zu bytes, expected 1 to %d",
                        name.size, BNT_MAX_TENSOR_NAME);
    }
    for (size_t i = 0; i < name.size; i++) {
        const unsigned char byte = (unsigned char)name.data[i];
        if (byte < 0x20 || byte == 0x7F) clean = false;
    }
    if (clean) return BANTAM_OK;
    return bnt_fail(err, BANTAM_ERR_FORMAT,
                    "safetensors header: the tensor name \"%.*s\" holds control characters",
                    BNT_TEXT_ARG(name));
}

/* Gives a decoded name a place of its own. */
static bantam_status keep_name(bnt_safetensors *st, bantam_text *name, bantam_error *err)
{
    decoded *const copy = (decoded *)bnt_alloc(sizeof *copy + name->size);
    if (!copy) return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for a tensor name");
    memcpy(copy->text, name->data, name->size);
    copy->next = st->names;
    st->names = copy;
    name->data = copy->text;
    return BANTAM_OK;
}

/* Bytes of a tensor; false where they exceed 64 bits or end inside a byte. */
static bool stated_bytes(const stated *s, uint64_t *out)
{
    uint64_t n = 1, bits;

    for (uint32_t i = 0; i < s->n_dims; i++) {
        if (!s->shape[i]) {
            *out = 0;
            return true;
        }
    }
    for (uint32_t i = 0; i < s->n_dims; i++) {
        if (!bnt_mul_u64(n, s->shape[i], &n)) return false;
    }
    if (!bnt_mul_u64(n, s->element->bits, &bits) || bits % 8) return false;
    *out = bits / 8;
    return true;
}

/* Proves that a stated tensor lies inside data[0..size) and adds it. */
static bantam_status add_tensor(bnt_safetensors *st, const stated *s, const uint8_t *data,
                                uint64_t size, bantam_error *err)
{
    uint64_t bytes;

    if (s->begin > s->end || s->end > size) {
        return bnt_fail(err, BANTAM_ERR_FORMAT,
                        "tensor %.*s: data_offsets %" PRIu64 " to %" PRIu64
                        " lie outside the %" PRIu64 " bytes of data",
                        BNT_TEXT_ARG(s->name), s->begin, s->end, size);
    }
    if (!stated_bytes(s, &bytes) || bytes != s->end - s->begin) {
        return bnt_fail(err, BANTAM_ERR_FORMAT,
                        "tensor %.*s: shape and dtype %s do not make the %" PRIu64
                        " bytes of its data_offsets",
                        BNT_TEXT_ARG(s->name), s->element->name, s->end - s->begin);
    }
    bnt_tensor *const tensors =
        (bnt_tensor *)bnt_grow(st->tensors, &st->capacity, st->n_tensors, sizeof *tensors);
    if (!tensors) return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for a tensor table");
    st->tensors = tensors;

    bnt_tensor *const t = &st->tensors[st->n_tensors++];
    *t = (bnt_tensor){.name = s->name, .dims = {1, 1, 1, 1}};
    t->type = s->element->type < 0 ? NULL : bnt_type_find((uint32_t)s->element->type);
    t->type_name.data = s->element->name;
    t->type_name.size = strlen(s->element->name);
    t->n_dims = s->n_dims ? s->n_dims : 1;
    for (uint32_t i = 0; i < s->n_dims; i++) {
        t->dims[i] = s->shape[s->n_dims - 1 - i];
    }
    t->data = data + s->begin;
    t->bytes = bytes;
    return BANTAM_OK;
}

/* NAME: value, either the metadata or a tensor. */
static bantam_status take_entry(bnt_safetensors *st, bnt_table *names, bool *metadata,
                                bnt_cursor *c, const uint8_t *data, uint64_t size,
                                bantam_error *err)
{
    static const char reserved[] = "__metadata__";
    char room[BNT_MAX_TENSOR_NAME];
    stated s = {0};
    uint32_t found;

    bantam_status status = take_string(c, "a tensor name", room, sizeof room, &s.name, err);
    if (!status) status = check_name(s.name, err);
    if (status) return status;
    if (!take_mark(c, ':')) return bad_header(c, "a colon", err);

    if (bnt_text_is(s.name, reserved)) {
        if (*metadata) {
            return bnt_fail(err, BANTAM_ERR_FORMAT, "safetensors header: %s is there twice",
                            reserved);
        }
        *metadata = true;
        return skip_metadata(c, err);
    }
    if (s.name.data == room) status = keep_name(st, &s.name, err);
    if (!status) {
        status = bnt_table_put(names, s.name, (uint32_t)st->n_tensors, &found, err);
    }
    if (status) return status;
    if (found != BNT_TABLE_NONE) {
        return bnt_fail(err, BANTAM_ERR_FORMAT, "tensor %.*s is there twice",
                        BNT_TEXT_ARG(s.name));
    }
    status = take_tensor(c, &s, err);
    return status ? status : add_tensor(st, &s, data, size, err);
}

static bantam_status take_header(bnt_safetensors *st, bnt_cursor *c, const uint8_t *data,
                                 uint64_t size, bantam_error *err)
{
    bnt_table names = {0};
    bool metadata = false;

    if (c->at == c->end || *c->at != '{') return bad_header(c, "{ as its first byte", err);
    c->at++;
    bantam_status status = bnt_table_init(&names, BNT_GROW_FIRST, err);
    if (!status && !take_mark(c, '}')) {
        do {
            status = take_entry(st, &names, &metadata, c, data, size, err);
        } while (!status && take_mark(c, ','));
        if (!status && !take_mark(c, '}')) status = bad_header(c, "a comma or }", err);
    }
    bnt_table_deinit(&names);
    if (status) return status;
    skip_space(c);
    return c->at == c->end ? BANTAM_OK : bad_header(c, "its end", err);
}

bantam_status bnt_safetensors_parse(bnt_safetensors **out, const uint8_t *data, size_t size,
                                    bantam_error *err)
{
    bnt_cursor file = bnt_cursor_on(data, size);

    *out = NULL;
    const uint64_t header_size = bnt_cursor_u64(&file);
    if (file.failed || header_size > bnt_cursor_left(&file)) {
        return bnt_fail(err, BANTAM_ERR_FORMAT,
                        "not a safetensors file: a header of %" PRIu64
                        " bytes in a file of %zu bytes",
                        header_size, size);
    }
    if (header_size > BNT_MAX_SAFETENSORS_HEADER) {
        return bnt_fail(err, BANTAM_ERR_FORMAT,
                        "safetensors header: %" PRIu64 " bytes, at most %d are read",
                        header_size, BNT_MAX_SAFETENSORS_HEADER);
    }
    const uint8_t *const header = bnt_cursor_take(&file, header_size);
    if (!bnt_utf8_valid((const char *)header, (size_t)header_size)) {
        return bnt_fail(err, BANTAM_ERR_FORMAT, "safetensors header: not UTF-8");
    }
    bnt_safetensors *const st = (bnt_safetensors *)bnt_calloc(1, sizeof *st);
    if (!st) return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for a safetensors file");

    bnt_cursor c = bnt_cursor_on(header, (size_t)header_size);
    const uint64_t room = bnt_cursor_left(&file);
    bantam_status status = take_header(st, &c, file.at, room, err);
    if (!status) {
        status = bnt_ranges_check(st->tensors, st->n_tensors, file.at, room, true, err);
    }
    if (status) {
        bnt_safetensors_close(st);
        return status;
    }
    *out = st;
    return BANTAM_OK;
}

void bnt_safetensors_close(bnt_safetensors *st)
{
    if (!st) return;
    while (st->names) {
        decoded *const next = st->names->next;
        bnt_free(st->names);
        st->names = next;
    }
    bnt_free(st->tensors);
    bnt_free(st);
}

size_t bnt_safetensors_n_tensors(const bnt_safetensors *st)
{
    return st->n_tensors;
}

const bnt_tensor *bnt_safetensors_tensor_at(const bnt_safetensors *st, size_t index)
{
    return index < st->n_tensors ? &st->tensors[index] : NULL;
}
