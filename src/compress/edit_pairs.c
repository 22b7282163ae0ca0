/* edit_pairs.c - the metadata of a changed model. A folder's are made from its numbers; a GGUF
 * file's are copied, but for those that the changes make wrong. */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "compress/convert_parts.h"
#include "compress/edit_parts.h"
#include "model/arch.h"

enum { KEY_BYTES = 128, MAX_STATED = 16 };

/* A number that the file states anew. */
typedef struct stated {
    char key[KEY_BYTES];
    uint32_t value;
} stated;

typedef struct pairs {
    const bnt_edit *edit;
    const bnt_gguf *gguf;
    bnt_gguf_writer *w;
    stated numbers[MAX_STATED];
    size_t n_numbers;
    char pattern[KEY_BYTES]; /* the key of which layers are windowed; "": it stays
                              */
    const bnt_type *type;    /* what most bytes are now; NULL: what they were */
} pairs;

/* ---- types
 * -------------------------------------------------------------------------------
 */

/* The type of most bytes of matrices, of the source or of the file. */
static const bnt_type *main_type(const bnt_edit *e, bool of_file)
{
    const bnt_type *types[BNT_MAX_TYPES];
    uint64_t sums[BNT_MAX_TYPES];
    size_t n = 0, best = 0;

    for (size_t i = 0; i < e->n_tensors; i++) {
        const bnt_edit_tensor *const t = &e->tensors[i];
        const bnt_type *const type = of_file ? bnt_edit_type(e, t) : t->from->type;
        const uint64_t *const dims = of_file ? t->dims : t->from->dims;
        uint64_t bytes = 0;
        if (t->from->n_dims != 2 || (of_file && t->gone)) continue;
        if (!bnt_type_bytes(type, dims[1], dims[0], &bytes)) continue;
        size_t k = 0;
        while (k < n && types[k] != type) {
            k++;
        }
        if (k == n) {
            if (n == BNT_MAX_TYPES) continue;
            types[n] = type;
            sums[n++] = 0;
        }
        sums[k] += bytes;
        if (sums[k] > sums[best]) best = k;
    }
    return n ? types[best] : bnt_type_find(BNT_TYPE_F32);
}

/* ---- what is stated anew
 * ----------------------------------------------------------------- */

static void make_key(char key[KEY_BYTES], const bnt_edit *e, const char *name)
{
    snprintf(key, KEY_BYTES, "%s.%s", e->original->arch->gguf, name);
}

static void state_number(pairs *p, const char *name, uint32_t value)
{
    stated *const s = &p->numbers[p->n_numbers++];
    make_key(s->key, p->edit, name);
    s->value = value;
}

static void state_changed(pairs *p, const char *name, uint32_t before, uint32_t now)
{
    if (before != now) state_number(p, name, now);
}

/* Numbers that a reader would make out of others, or know from the model's
 * shape, are stated where those others change. */
static void find_stated(pairs *p)
{
    const bnt_config *const was = p->edit->original, *const now = &p->edit->config;
    const bool heads = was->n_heads != now->n_heads || was->n_kv_heads != now->n_kv_heads;
    const bool shape = heads || was->n_layers != now->n_layers || was->n_ffn != now->n_ffn;

    state_changed(p, "block_count", was->n_layers, now->n_layers);
    state_changed(p, "feed_forward_length", was->n_ffn, now->n_ffn);
    state_changed(p, "vocab_size", was->n_vocab, now->n_vocab);
    if (heads) {
        state_number(p, "attention.head_count", now->n_heads);
        state_number(p, "attention.head_count_kv", now->n_kv_heads);
        state_number(p, "attention.key_length", now->head_dim);
        state_number(p, "attention.value_length", now->head_dim);
        state_number(p, "rope.dimension_count", now->rope_dims);
    }
    if (shape && now->window_tokens) {
        state_number(p, "attention.sliding_window", now->window_tokens);
        make_key(p->pattern, p->edit, "attention.sliding_window_pattern");
    }
}

static bool is_stated(const pairs *p, bantam_text key)
{
    for (size_t i = 0; i < p->n_numbers; i++) {
        if (bnt_text_is(key, p->numbers[i].key)) return true;
    }
    return p->pattern[0] && bnt_text_is(key, p->pattern);
}

/* ---- copies
 * ------------------------------------------------------------------------------
 */

/* An array with an element for each layer of the source. */
static bool is_per_layer(const pairs *p, const bnt_gguf_pair *pair)
{
    char prefix[KEY_BYTES];
    make_key(prefix, p->edit, "");
    return p->edit->config.n_layers != p->edit->original->n_layers &&
           pair->type == BNT_GGUF_ARRAY && pair->length == p->edit->original->n_layers &&
           bnt_gguf_type_bytes(pair->element) && bnt_text_starts_with(pair->key, prefix);
}

static bantam_status put_layers(const pairs *p, const bnt_gguf_pair *pair, bantam_error *err)
{
    const size_t bytes = bnt_gguf_type_bytes(pair->element);
    const uint32_t n = p->edit->config.n_layers;
    bnt_gguf_pair left = *pair;
    uint8_t *const data = bnt_calloc(n, bytes);

    if (!data) return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for metadata");
    for (uint32_t l = 0; l < n; l++) {
        memcpy(data + l * bytes, pair->data + p->edit->kept[l] * bytes, bytes);
    }
    left.data = data;
    left.length = n;
    left.bytes = n * bytes;
    bnt_gguf_put_pair(p->w, &left);
    bnt_free(data);
    return BANTAM_OK;
}

bool bnt_edit_is_words(bantam_text key)
{
    return bnt_text_starts_with(key, "tokenizer.") || bnt_text_is(key, "bantam.stop_token_ids");
}

static bool is_left_out(const pairs *p, const bnt_gguf_pair *pair)
{
    return !bnt_source_keeps(pair, p->type) || is_stated(p, pair->key) ||
           (p->edit->put_words && bnt_edit_is_words(pair->key));
}

static bantam_status put_gguf(pairs *p, bantam_error *err)
{
    bantam_status status = BANTAM_OK;

    find_stated(p);
    for (size_t i = 0; !status && i < bnt_gguf_n_pairs(p->gguf); i++) {
        const bnt_gguf_pair *const pair = bnt_gguf_pair_at(p->gguf, i);
        if (is_left_out(p, pair)) continue;
        if (is_per_layer(p, pair)) {
            status = put_layers(p, pair, err);
        } else {
            bnt_gguf_put_pair(p->w, pair);
        }
    }
    for (size_t i = 0; i < p->n_numbers; i++) {
        bnt_gguf_put_u32(p->w, p->numbers[i].key, p->numbers[i].value);
    }
    if (p->pattern[0]) {
        bnt_gguf_put_bools(p->w, p->pattern, p->edit->config.windowed,
                           p->edit->config.n_layers);
    }
    if (p->type) bnt_convert_file_type(p->w, p->type);
    return status;
}

/* ---- all
 * ---------------------------------------------------------------------------------
 */

bantam_status bnt_edit_put_pairs(const bnt_edit *e, bnt_gguf_writer *w, bantam_error *err)
{
    const bnt_source *const s = e->source;
    const bnt_type *const type = main_type(e, true);
    bantam_status status = BANTAM_OK;

    if (s->model) {
        const bantam_text path_name = bnt_path_name(bnt_archive_path(s->archive));
        bnt_convert_config(w, &e->config, type,
                           e->config.name.size ? e->config.name : path_name);
        if (!e->put_words && s->spec.n_tokens) {
            status = bnt_convert_words(w, &s->spec, e->config.n_vocab, err);
        }
    } else {
        pairs p = {.edit = e, .gguf = bnt_archive_gguf(s->archive), .w = w};
        if (type != main_type(e, false)) p.type = type;
        status = put_gguf(&p, err);
    }
    if (!status && e->put_words) status = e->put_words(e->user, w, err);
    if (!status && s->maker) s->maker->put_pairs(s->maker, w);
    return status;
}
