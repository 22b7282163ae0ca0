/* prune_vocab_words.c - the tokenizer of a GGUF file with fewer words.
 *
 * Pairs are copied as they stand wherever they do not speak of tokens by number, so that keys
 * this project knows nothing about stay. A folder's tokenizer is written from its spec.
 */
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "compress/convert_parts.h"
#include "compress/prune_vocab.h"
#include "compress/prune_vocab_parts.h"

enum { MAX_PAIR_BYTES = 1 << 30 };

/* ---- ids --------------------------------------------------------------------------------- */

/* One id, or several. */
static bool is_ids(const bnt_gguf_pair *pair)
{
    const bnt_gguf_type type = pair->type == BNT_GGUF_ARRAY ? pair->element : pair->type;
    const bool integers = bnt_gguf_type_bytes(type) && type != BNT_GGUF_F32 &&
                          type != BNT_GGUF_F64 && type != BNT_GGUF_BOOL;

    return integers && bnt_edit_is_words(pair->key) &&
           (bnt_text_ends_with(pair->key, "_token_id") ||
            bnt_text_ends_with(pair->key, "_token_ids"));
}

/* A single number is walked as a list of one: single is the pair in that form. */
static bnt_gguf_items ids_begin(const bnt_gguf_pair *pair, bnt_gguf_pair *single)
{
    *single = *pair;
    if (pair->type != BNT_GGUF_ARRAY) single->element = pair->type;
    return (bnt_gguf_items){single, pair->data, pair->length};
}

void bnt_prune_vocab_find_named(const bnt_gguf *gguf, uint32_t n_tokens, bool *named)
{
    for (size_t i = 0; i < bnt_gguf_n_pairs(gguf); i++) {
        const bnt_gguf_pair *const pair = bnt_gguf_pair_at(gguf, i);
        bnt_gguf_pair single;
        int64_t id;
        if (!is_ids(pair)) continue;
        bnt_gguf_items items = ids_begin(pair, &single);
        while (bnt_gguf_next_i64(&items, &id)) {
            if (id >= 0 && id < n_tokens) named[id] = true;
        }
    }
}

/* A number outside the vocabulary means that there is no such token, and still does. */
static void put_ids(const bnt_prune_vocab *v, const bnt_gguf_pair *pair, bnt_buf *out)
{
    bnt_gguf_pair single;
    bnt_gguf_items items = ids_begin(pair, &single);
    int64_t id;

    while (bnt_gguf_next_i64(&items, &id)) {
        const bool known = id >= 0 && id < v->old->n_tokens;
        const uint32_t now = known ? v->new_ids[id] : BANTAM_NO_TOKEN;
        for (int shift = 0; shift < 32; shift += 8) {
            bnt_buf_putc(out, (char)(uint8_t)(now >> shift));
        }
    }
}

/* ---- lists ------------------------------------------------------------------------------- */

static bool is_merges(const bnt_gguf_pair *pair)
{
    return bnt_text_is(pair->key, "tokenizer.ggml.merges") && pair->type == BNT_GGUF_ARRAY;
}

static bool is_per_token(const bnt_prune_vocab *v, const bnt_gguf_pair *pair)
{
    return pair->type == BNT_GGUF_ARRAY && pair->length == v->old->n_tokens &&
           (bnt_gguf_type_bytes(pair->element) || pair->element == BNT_GGUF_STRING);
}

/* A list of merges that the tokenizer has no use for goes. */
static bool stays(const bnt_prune_vocab *v, uint64_t i, bool merges)
{
    bnt_merge merge;

    if (!merges) return v->new_ids[i] != BANTAM_NO_TOKEN;
    return i < v->old->n_merges && bnt_prune_vocab_merge(v, &v->old->merges[i], &merge);
}

/* The elements that stay, which are counted. */
static uint64_t put_picked(const bnt_prune_vocab *v, const bnt_gguf_pair *pair, bool merges,
                           bnt_buf *out)
{
    const uint64_t fixed = bnt_gguf_type_bytes(pair->element);
    const uint8_t *at = pair->data;
    uint64_t n = 0;

    for (uint64_t i = 0; i < pair->length; i++) {
        const uint64_t bytes = fixed ? fixed : 8 + bnt_gguf_length(at);
        if (stays(v, i, merges)) {
            bnt_buf_put(out, at, (size_t)bytes);
            n++;
        }
        at += bytes; /* inside the file, as parsing has proved */
    }
    return n;
}

/* ---- all --------------------------------------------------------------------------------- */

static bantam_status put_pair(const bnt_prune_vocab *v, const bnt_gguf_pair *pair,
                              bnt_gguf_writer *w, bnt_buf *buf, bantam_error *err)
{
    bnt_gguf_pair now = *pair;

    bnt_buf_clear(buf);
    if (is_ids(pair)) {
        put_ids(v, pair, buf);
        if (pair->type == BNT_GGUF_ARRAY) {
            now.element = BNT_GGUF_U32;
        } else {
            now.type = BNT_GGUF_U32;
        }
    } else if (is_merges(pair) || is_per_token(v, pair)) {
        now.length = put_picked(v, pair, is_merges(pair), buf);
    } else {
        bnt_gguf_put_pair(w, pair);
        return BANTAM_OK;
    }
    const bantam_status status = bnt_buf_status(buf, "tokenizer", err);
    if (status) return status;
    now.data = (const uint8_t *)buf->data;
    now.bytes = buf->size;
    bnt_gguf_put_pair(w, &now);
    return BANTAM_OK;
}

bantam_status bnt_prune_vocab_put_words(void *user, bnt_gguf_writer *w, bantam_error *err)
{
    const bnt_prune_vocab *const v = user;
    bantam_status status = BANTAM_OK;
    bnt_buf buf;

    if (!v->gguf) return bnt_convert_words(w, &v->spec, v->n_kept, err);
    bnt_buf_init(&buf, MAX_PAIR_BYTES);
    for (size_t i = 0; !status && i < bnt_gguf_n_pairs(v->gguf); i++) {
        const bnt_gguf_pair *const pair = bnt_gguf_pair_at(v->gguf, i);
        /* A whole tokenizer.json inside the file would still be the old one. */
        if (!bnt_edit_is_words(pair->key) ||
            bnt_text_is(pair->key, "tokenizer.huggingface.json")) {
            continue;
        }
        status = put_pair(v, pair, w, &buf, err);
    }
    bnt_buf_deinit(&buf);
    return status;
}
