/* load_spm.c - SentencePiece's tokenizer.model: a protocol buffer of pieces with scores and of
 * how text was normalized in training.
 *
 * Only the fields that change how text is encoded are looked at; unknown ones are stepped over.
 * Absent fields have the defaults of the format's definition, which are not all zero.
 */
#include "base/cursor.h"
#include "base/limits.h"
#include "token/load_parts.h"
#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5 };
enum { MODEL_PIECES = 1, MODEL_TRAINER = 2, MODEL_NORMALIZER = 3 };
enum { MODEL_TYPE_UNIGRAM = 1, MODEL_TYPE_BPE = 2 };

/* One field of a message. */
typedef struct field {
    uint64_t number;
    unsigned wire;
    uint64_t value;    /* of a varint */
    float f32;         /* of four bytes */
    bantam_text bytes; /* borrows */
} field;

typedef struct settings {
    uint64_t model_type;
    bool byte_fallback, space_suffix;
    int32_t unk, bos, eos, pad; /* negative: none */
    bnt_space_rules rules;
    bool has_map; /* normalizes by a table of characters */
} settings;

static bantam_status cut_short(bantam_error *err)
{
    return bnt_fail(err, BANTAM_ERR_FORMAT, "not a sentencepiece model, or cut short");
}

/* Reads the next field; false at the end and, with c->failed, where the bytes are no message.
 */
static bool next_field(bnt_cursor *c, field *f)
{
    if (c->failed || !bnt_cursor_left(c)) return false;
    const uint64_t tag = bnt_cursor_varint(c);

    *f = (field){.number = tag >> 3, .wire = (unsigned)(tag & 7)};
    if (f->wire == WIRE_VARINT) {
        f->value = bnt_cursor_varint(c);
    } else if (f->wire == WIRE_BYTES) {
        const uint64_t n = bnt_cursor_varint(c);
        f->bytes.data = (const char *)bnt_cursor_take(c, n);
        f->bytes.size = f->bytes.data ? (size_t)n : 0;
    } else if (f->wire == WIRE_32) {
        f->f32 = bnt_cursor_f32(c);
    } else if (f->wire == WIRE_64) {
        bnt_cursor_take(c, 8);
    } else {
        c->failed = true; /* groups are not part of this format */
    }
    if (!f->number) c->failed = true;
    return !c->failed;
}

static bantam_status read_piece(bnt_spec *spec, uint32_t id, bantam_text message,
                                bantam_error *err)
{
    bnt_cursor c = bnt_cursor_on(message.data, message.size);
    bnt_token_spec *const t = &spec->tokens[id];
    bantam_text text = {0};
    uint64_t kind = BNT_TOKEN_NORMAL;
    uint8_t byte;
    field f;

    while (next_field(&c, &f)) {
        if (f.number == 1 && f.wire == WIRE_BYTES) text = f.bytes;
        if (f.number == 2 && f.wire == WIRE_32) t->score = f.f32;
        if (f.number == 3 && f.wire == WIRE_VARINT) kind = f.value;
    }
    if (c.failed) return cut_short(err);
    if (kind < BNT_TOKEN_NORMAL || kind > BNT_TOKEN_BYTE || !text.size || isnan(t->score)) {
        return bnt_fail(err, BANTAM_ERR_FORMAT,
                        "piece %" PRIu32 ": expected a text, a score and a type of 1 to 6", id);
    }
    t->kind = (uint8_t)kind;
    if (kind != BNT_TOKEN_BYTE) return bnt_load_text(spec, id, text, err);
    if (!bnt_load_byte_name(text, &byte)) {
        return bnt_fail(err, BANTAM_ERR_FORMAT,
                        "piece %" PRIu32
                        ": a byte piece is named <0x00> to <0xFF>, found \"%.*s\"",
                        id, BNT_TEXT_ARG(text));
    }
    return bnt_load_byte_token(spec, id, byte, err);
}

static bantam_status read_trainer(settings *s, bantam_text message, bantam_error *err)
{
    bnt_cursor c = bnt_cursor_on(message.data, message.size);
    field f;

    while (next_field(&c, &f)) {
        if (f.wire != WIRE_VARINT) continue;
        /* Negative numbers are written as 64 bits of two's complement. */
        const int32_t id = f.value <= INT32_MAX ? (int32_t)f.value : -1;
        if (f.number == 3) s->model_type = f.value;
        if (f.number == 24) s->space_suffix = f.value;
        if (f.number == 35) s->byte_fallback = f.value;
        if (f.number == 40) s->unk = id;
        if (f.number == 41) s->bos = id;
        if (f.number == 42) s->eos = id;
        if (f.number == 43) s->pad = id;
    }
    return c.failed ? cut_short(err) : BANTAM_OK;
}

static bantam_status read_normalizer(settings *s, bantam_text message, bantam_error *err)
{
    bnt_cursor c = bnt_cursor_on(message.data, message.size);
    field f;

    while (next_field(&c, &f)) {
        if (f.number == 2 && f.wire == WIRE_BYTES) s->has_map = f.bytes.size;
        if (f.wire != WIRE_VARINT) continue;
        if (f.number == 3) s->rules.prefix = f.value;
        if (f.number == 4) s->rules.collapse = f.value;
        if (f.number == 5) s->rules.escape = f.value;
    }
    return c.failed ? cut_short(err) : BANTAM_OK;
}

/* Counts the pieces and reads what stands beside them. */
static bantam_status survey(settings *s, const uint8_t *data, size_t size, uint64_t *n_pieces,
                            bantam_error *err)
{
    bnt_cursor c = bnt_cursor_on(data, size);
    bantam_status status = BANTAM_OK;
    field f;

    *n_pieces = 0;
    while (!status && next_field(&c, &f)) {
        if (f.wire != WIRE_BYTES) continue;
        if (f.number == MODEL_PIECES) ++*n_pieces;
        if (f.number == MODEL_TRAINER) status = read_trainer(s, f.bytes, err);
        if (f.number == MODEL_NORMALIZER) status = read_normalizer(s, f.bytes, err);
    }
    if (status) return status;
    if (c.failed || !*n_pieces) return cut_short(err);
    if (s->model_type != MODEL_TYPE_BPE) {
        return bnt_fail(err, BANTAM_ERR_UNSUPPORTED,
                        "sentencepiece model type %s: only bpe is supported",
                        s->model_type == MODEL_TYPE_UNIGRAM ? "unigram" : "word or char");
    }
    if (s->has_map) {
        return bnt_fail(err, BANTAM_ERR_UNSUPPORTED,
                        "sentencepiece normalization by a character map is not supported");
    }
    if (s->space_suffix) {
        return bnt_fail(err, BANTAM_ERR_UNSUPPORTED,
                        "sentencepiece option treat_whitespace_as_suffix is not supported");
    }
    return BANTAM_OK;
}

static uint32_t special_id(const bnt_spec *spec, int32_t id, bnt_token_kind kind)
{
    if (id < 0 || (uint32_t)id >= spec->n_tokens) return BANTAM_NO_TOKEN;
    return spec->tokens[id].kind == kind ? (uint32_t)id : BANTAM_NO_TOKEN;
}

static bantam_status load(bnt_spec *spec, const uint8_t *data, size_t size, bantam_error *err)
{
    settings s = {.model_type = MODEL_TYPE_UNIGRAM,
                  .bos = 1,
                  .eos = 2,
                  .pad = -1,
                  .rules = {.prefix = true, .collapse = true, .escape = true}};
    bnt_cursor c = bnt_cursor_on(data, size);
    uint64_t n_pieces;
    uint32_t id = 0;
    field f;

    bantam_status status = survey(&s, data, size, &n_pieces, err);
    if (!status) status = bnt_load_tokens(spec, n_pieces, err);
    while (!status && next_field(&c, &f)) {
        if (f.number != MODEL_PIECES || f.wire != WIRE_BYTES) continue;
        status = read_piece(spec, id++, f.bytes, err);
    }
    if (status) return status;
    spec->byte_fallback = s.byte_fallback;
    spec->unk = special_id(spec, s.unk, BNT_TOKEN_UNKNOWN);
    spec->bos = special_id(spec, s.bos, BNT_TOKEN_CONTROL);
    spec->eos = special_id(spec, s.eos, BNT_TOKEN_CONTROL);
    spec->pad = special_id(spec, s.pad, BNT_TOKEN_CONTROL);
    return bnt_load_spaces(spec, s.rules, err);
}

bantam_status bnt_load_spm(bnt_spec *spec, const uint8_t *data, size_t size, bantam_error *err)
{
    spec->kind = BNT_VOCAB_BPE_SCORES;
    spec->kind_name = "sentencepiece bpe";
    spec->pre_name = "default";
    spec->fuse_unknown = true;
    spec->adds_bos = true; /* the format does not say; Llama and Mistral do */

    const bantam_status status = load(spec, data, size, err);
    if (!status) bnt_load_finish(spec);
    return bnt_load_end(spec, status);
}
