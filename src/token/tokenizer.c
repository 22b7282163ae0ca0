/* tokenizer.c - a compiled spec, and the way of a text through it.
 *
 * A text goes through four stages, each of which sees only what the one before left as ordinary
 * text: names of added tokens that are matched as they stand; normalization, for each stretch
 * between them on its own; names that are matched in normalized text; the cuts of the
 * pre-tokenizer, whose pieces are merged. Everything a call needs beyond the tokenizer is taken
 * at its start and given back at its end, so that threads share nothing that changes.
 */
#include "token/tokenizer.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "token/added.h"
#include "token/bpe.h"
#include "token/decode.h"
#include "token/normalize.h"
#include "token/pretokenize.h"

#include <string.h>

enum { ALL, ORDINARY, N_SETS }; /* names with control tokens among them, and without */

struct bnt_tokenizer {
    bnt_vocab vocab;
    bnt_bpe bpe;
    bnt_decoder decoder;
    bnt_normalizer normalizer;
    bnt_splitter splitter;
    bnt_added raw[N_SETS];    /* matched before normalization */
    bnt_added normal[N_SETS]; /* matched after it */

    bool needs_utf8; /* the vocabulary cannot stand for single bytes */
    bantam_tokenizer_info info;
    uint32_t stops[32];
    uint32_t n_stops;
    char *chat_template; /* owns */
    size_t template_size;
};

/* ---- opening ---- */

static uint32_t id_or_none(uint32_t id, uint32_t n_tokens)
{
    return id < n_tokens ? id : BANTAM_NO_TOKEN;
}

static bantam_status copy_facts(bnt_tokenizer *t, const bnt_spec *spec, bantam_error *err)
{
    const char *kind = spec->kind_name ? spec->kind_name : "";
    const uint32_t n = spec->n_tokens;
    t->info = (bantam_tokenizer_info){.n_tokens = n,
                                      .bos = id_or_none(spec->bos, n),
                                      .eos = id_or_none(spec->eos, n),
                                      .unk = id_or_none(spec->unk, n),
                                      .pad = id_or_none(spec->pad, n),
                                      .adds_bos = spec->adds_bos,
                                      .adds_eos = spec->adds_eos,
                                      .has_template = spec->chat_template.size > 0,
                                      .kind = {kind, strlen(kind)}};
    t->needs_utf8 = !spec->byte_level && !spec->byte_fallback;
    for (uint32_t i = 0; i < spec->n_stops && i < 32; i++) {
        if (spec->stops[i] < n) t->stops[t->n_stops++] = spec->stops[i];
    }
    t->template_size = spec->chat_template.size;
    t->chat_template = bnt_strdup(spec->chat_template.data ? spec->chat_template.data : "",
                                  spec->chat_template.size);
    if (!t->chat_template) {
        return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for a chat template of %zu bytes",
                        t->template_size);
    }
    return BANTAM_OK;
}

static bool is_special(uint8_t kind)
{
    return kind == BNT_TOKEN_CONTROL || kind == BNT_TOKEN_UNKNOWN;
}

/* Tokens with a name, in rising order. */
typedef struct added_ids {
    uint32_t *ids; /* owns; (n) */
    size_t n;
} added_ids;

/* What the names of one set are made of. */
typedef struct collecting {
    bnt_added_name *names;
    size_t n;
    bnt_matcher matcher;
    bnt_buf buffers[2];
    bnt_buf normalized; /* the texts of names that have been normalized */
} collecting;

/* Adds the name of a token as a normalized text spells it. Texts are kept as offsets until the
 * buffer has stopped moving. */
static bantam_status add_normalized(collecting *c, const bnt_tokenizer *t, bantam_text text,
                                    bnt_added_name name, bantam_error *err)
{
    bantam_text out;
    bantam_status status =
        bnt_normalizer_run(&t->normalizer, &c->matcher, text, c->buffers, &out, err);
    if (status || out.size == 0) return status;
    name.text.size = out.size;
    c->names[c->n++] = name;
    bnt_buf_put(&c->normalized, out.data, out.size);
    return bnt_buf_status(&c->normalized, "the names of added tokens", err);
}

static bantam_status collect(collecting *c, const bnt_tokenizer *t, const bnt_spec *spec,
                             const added_ids *added, bool with_special, bool normalized,
                             bantam_error *err)
{
    for (size_t i = 0; i < added->n; i++) {
        const uint32_t id = added->ids[i];
        const bnt_token_spec *const s = &spec->tokens[id];
        if (s->kind != BNT_TOKEN_USER_DEFINED && !with_special) continue;
        if (((s->added & BNT_ADDED_NORMALIZED) != 0) != normalized) continue;

        const bnt_added_name name = {bnt_vocab_text(&t->vocab, id), id, s->added};
        if (!normalized) {
            c->names[c->n++] = name;
            continue;
        }
        const bantam_status status = add_normalized(c, t, s->text, name, err);
        if (status) return status;
    }
    size_t at = 0;
    for (size_t i = 0; i < c->n && normalized; i++) {
        c->names[i].text.data = c->normalized.data + at;
        at += c->names[i].text.size;
    }
    return BANTAM_OK;
}

/* Finds the tokens that can be in a set, in one walk over all of them. */
static bantam_status find_added(added_ids *added, const bnt_spec *spec, bantam_error *err)
{
    bnt_buf ids;
    bnt_buf_init(&ids, BNT_MAX_VOCAB * sizeof *added->ids);
    for (uint32_t id = 0; id < spec->n_tokens; id++) {
        const bnt_token_spec *const s = &spec->tokens[id];
        if (s->kind != BNT_TOKEN_USER_DEFINED && !is_special(s->kind)) continue;
        if (s->text.size) bnt_buf_put(&ids, &id, sizeof id);
    }
    const bantam_status status = bnt_buf_status(&ids, "added tokens", err);
    if (status) {
        bnt_buf_deinit(&ids);
        return status;
    }
    *added = (added_ids){(uint32_t *)(void *)ids.data, ids.size / sizeof *added->ids};
    return BANTAM_OK;
}

static bantam_status open_set(bnt_added *set, const bnt_tokenizer *t, const bnt_spec *spec,
                              const added_ids *added, bool with_special, bool normalized,
                              bantam_error *err)
{
    const size_t n = added->n;
    collecting c = {.n = 0};
    if (n == 0) return BANTAM_OK;
    for (int i = 0; i < 2; i++) {
        bnt_buf_init(&c.buffers[i], 16 * BNT_MAX_TOKEN_BYTES);
    }
    bnt_buf_init(&c.normalized, UINT32_MAX);
    bantam_status status = BANTAM_OK;
    c.names = bnt_calloc(n, sizeof *c.names);
    if (!c.names) {
        status = bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for %zu added tokens", n);
    }
    if (!status) {
        status = bnt_matcher_init(&c.matcher, t->vocab.offsets[t->vocab.n_tokens], err);
    }
    if (!status) status = collect(&c, t, spec, added, with_special, normalized, err);
    if (!status) status = bnt_added_open(set, c.names, c.n, err);

    for (int i = 0; i < 2; i++) {
        bnt_buf_deinit(&c.buffers[i]);
    }
    bnt_buf_deinit(&c.normalized);
    bnt_matcher_deinit(&c.matcher);
    bnt_free(c.names);
    return status;
}

static bantam_status open_sets(bnt_tokenizer *t, const bnt_spec *spec, bantam_error *err)
{
    added_ids added = {0};
    bantam_status status = find_added(&added, spec, err);
    if (!status) status = open_set(&t->raw[ALL], t, spec, &added, true, false, err);
    if (!status) status = open_set(&t->raw[ORDINARY], t, spec, &added, false, false, err);
    if (!status) status = open_set(&t->normal[ALL], t, spec, &added, true, true, err);
    if (!status) status = open_set(&t->normal[ORDINARY], t, spec, &added, false, true, err);
    bnt_free(added.ids);
    return status;
}

bantam_status bnt_tokenizer_open(bnt_tokenizer **out, const bnt_spec *spec, bantam_error *err)
{
    *out = NULL;
    bnt_tokenizer *t = bnt_calloc(1, sizeof *t);
    if (!t) return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for a tokenizer");

    bantam_status status = bnt_vocab_open(&t->vocab, spec, err);
    if (!status) status = copy_facts(t, spec, err);
    if (!status) status = bnt_bpe_open(&t->bpe, &t->vocab, spec, err);
    if (!status) status = bnt_decoder_open(&t->decoder, &t->vocab, spec, err);
    if (!status) status = bnt_normalizer_open(&t->normalizer, spec, err);
    if (!status) status = bnt_splitter_open(&t->splitter, spec, err);
    if (!status) status = open_sets(t, spec, err);
    if (status) {
        bnt_tokenizer_close(t);
        return status;
    }
    *out = t;
    return BANTAM_OK;
}

void bnt_tokenizer_close(bnt_tokenizer *t)
{
    if (!t) return;
    for (int i = 0; i < N_SETS; i++) {
        bnt_added_close(&t->raw[i]);
        bnt_added_close(&t->normal[i]);
    }
    bnt_splitter_close(&t->splitter);
    bnt_normalizer_close(&t->normalizer);
    bnt_decoder_close(&t->decoder);
    bnt_bpe_close(&t->bpe);
    bnt_vocab_close(&t->vocab);
    bnt_free(t->chat_template);
    bnt_free(t);
}

/* ---- facts ---- */

void bnt_tokenizer_describe(const bnt_tokenizer *t, bantam_tokenizer_info *out)
{
    *out = t->info;
}

bantam_text bnt_tokenizer_template(const bnt_tokenizer *t)
{
    const bantam_text text = {t->chat_template, t->template_size};
    return text;
}

size_t bnt_tokenizer_bytes(const bnt_tokenizer *t)
{
    size_t sum = sizeof *t + t->template_size + 1 + bnt_vocab_bytes(&t->vocab) +
                 bnt_bpe_bytes(&t->bpe) + bnt_decoder_bytes(&t->decoder) +
                 bnt_normalizer_bytes(&t->normalizer) + bnt_splitter_bytes(&t->splitter);
    for (int i = 0; i < N_SETS; i++) {
        sum += bnt_added_bytes(&t->raw[i]) + bnt_added_bytes(&t->normal[i]);
    }
    return sum;
}

bantam_text bnt_tokenizer_text(const bnt_tokenizer *t, uint32_t token)
{
    if (token >= t->vocab.n_tokens) return (bantam_text){0};
    return bnt_decoder_text(&t->decoder, token);
}

bnt_token_kind bnt_tokenizer_kind(const bnt_tokenizer *t, uint32_t token)
{
    if (token >= t->vocab.n_tokens) return BNT_TOKEN_UNUSED;
    return (bnt_token_kind)t->vocab.kinds[token];
}

bool bnt_tokenizer_is_stop(const bnt_tokenizer *t, uint32_t token)
{
    for (uint32_t i = 0; i < t->n_stops; i++) {
        if (t->stops[i] == token) return true;
    }
    return false;
}

/* ---- encoding ---- */

/* What one call needs. Zeroed is closed. */
typedef struct encoding {
    const bnt_tokenizer *t;
    const bnt_added *raw, *normal;
    bnt_matcher matcher;
    bnt_added_search outer, inner;
    bnt_cutting cutting;
    bnt_bpe_scratch scratch;
    bnt_buf buffers[2]; /* of the normalizer */
    bnt_buf clean;      /* the text as UTF-8, where it was not */
    bnt_ids out;
} encoding;

static void encoding_deinit(encoding *e)
{
    bnt_matcher_deinit(&e->matcher);
    bnt_added_end(&e->outer);
    bnt_added_end(&e->inner);
    bnt_cutting_deinit(&e->cutting);
    bnt_bpe_scratch_deinit(&e->scratch);
    bnt_buf_deinit(&e->buffers[0]);
    bnt_buf_deinit(&e->buffers[1]);
    bnt_buf_deinit(&e->clean);
}

/* Text without names of added tokens, normalized. is_first where nothing stands before it. */
static bantam_status encode_plain(encoding *e, bantam_text text, bool is_first,
                                  bantam_error *err)
{
    e->cutting.inside = !is_first;
    bnt_cutting_begin(&e->cutting, text);
    for (;;) {
        bantam_text piece;
        bantam_status status = bnt_cutting_next(&e->cutting, &e->matcher, &piece, err);
        if (status || piece.size == 0) return status;
        status = bnt_bpe_encode(&e->t->bpe, &e->scratch, piece, &e->out, err);
        if (status) return status;
    }
}

/* A stretch of the text between names that are matched as they stand. */
static bantam_status encode_stretch(encoding *e, bantam_text text, bool is_first,
                                    bantam_error *err)
{
    bantam_text normal, gap;
    uint32_t token = 0;
    if (text.size == 0) return BANTAM_OK;
    bantam_status status =
        bnt_normalizer_run(&e->t->normalizer, &e->matcher, text, e->buffers, &normal, err);
    if (!status) status = bnt_added_begin(&e->inner, e->normal, normal, err);
    while (!status && token != BANTAM_NO_TOKEN) {
        status = bnt_added_next(&e->inner, &e->matcher, &gap, &token, err);
        if (!status) {
            status = encode_plain(e, gap, is_first && gap.data == normal.data, err);
        }
        if (!status && token != BANTAM_NO_TOKEN) bnt_ids_put(&e->out, token);
    }
    return status;
}

static bantam_status encode_text(encoding *e, bantam_text text, bantam_error *err)
{
    bantam_text gap;
    uint32_t token = 0;
    bantam_status status = BANTAM_OK;
    if (e->t->needs_utf8 && !bnt_utf8_valid(text.data, text.size)) {
        bnt_utf8_put_clean(&e->clean, text.data, text.size);
        status = bnt_buf_status(&e->clean, "the text as UTF-8", err);
        text = bnt_buf_text(&e->clean);
    }
    if (!status) status = bnt_added_begin(&e->outer, e->raw, text, err);
    while (!status && token != BANTAM_NO_TOKEN) {
        status = bnt_added_next(&e->outer, &e->matcher, &gap, &token, err);
        if (!status) status = encode_stretch(e, gap, gap.data == text.data, err);
        if (!status && token != BANTAM_NO_TOKEN) bnt_ids_put(&e->out, token);
    }
    return status;
}

static bantam_status encoding_init(encoding *e, const bnt_tokenizer *t, size_t text_size,
                                   unsigned flags, bantam_error *err)
{
    const int set = flags & BANTAM_TOKENIZE_SPECIAL ? ALL : ORDINARY;
    /* A space takes three bytes as U+2581; nothing that models use grows a text more. */
    const uint64_t grown = 16 * (uint64_t)text_size + (16u << 20);
    const size_t max = grown < BNT_MAX_PIECE_BYTES ? (size_t)grown : BNT_MAX_PIECE_BYTES;
    e->t = t;
    e->raw = &t->raw[set];
    e->normal = &t->normal[set];
    for (int i = 0; i < 2; i++) {
        bnt_buf_init(&e->buffers[i], max);
    }
    bnt_buf_init(&e->clean, BNT_MAX_PIECE_BYTES);
    const bantam_status status = bnt_matcher_init(&e->matcher, text_size, err);
    return status ? status : bnt_cutting_init(&e->cutting, &t->splitter, err);
}

bantam_status bnt_tokenizer_encode(const bnt_tokenizer *t, bantam_text text, unsigned flags,
                                   uint32_t *tokens, size_t capacity, size_t *n_tokens,
                                   bantam_error *err)
{
    const bool adds = flags & BANTAM_TOKENIZE_ADD;
    encoding e = {.out = {tokens, capacity, 0}};
    *n_tokens = 0;
    if (text.size > BNT_MAX_PROMPT_BYTES) {
        return bnt_fail(err, BANTAM_ERR_FULL, "a text of %zu bytes, at most %d", text.size,
                        BNT_MAX_PROMPT_BYTES);
    }
    bantam_status status = encoding_init(&e, t, text.size, flags, err);
    if (status) goto fail;
    if (adds && t->info.adds_bos && t->info.bos != BANTAM_NO_TOKEN) {
        bnt_ids_put(&e.out, t->info.bos);
    }
    status = text.size ? encode_text(&e, text, err) : BANTAM_OK;
    if (status) goto fail;
    if (adds && t->info.adds_eos && t->info.eos != BANTAM_NO_TOKEN) {
        bnt_ids_put(&e.out, t->info.eos);
    }
    encoding_deinit(&e);

    *n_tokens = e.out.n;
    if (e.out.n > capacity) {
        return bnt_fail(err, BANTAM_ERR_FULL, "the text has %zu tokens, there is room for %zu",
                        e.out.n, capacity);
    }
    return BANTAM_OK;

fail:
    encoding_deinit(&e);
    return status;
}

bantam_status bnt_tokenizer_decode(const bnt_tokenizer *t, const uint32_t *tokens, size_t n,
                                   unsigned flags, char *text, size_t capacity, size_t *size,
                                   bantam_error *err)
{
    return bnt_decoder_run(&t->decoder, tokens, n, flags, text, capacity, size, err);
}
