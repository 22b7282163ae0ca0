/* prune_vocab.c - a smaller vocabulary from end to end: count, choose, make the new tokenizer,
 * and ask it about the same texts.
 */
#include "compress/prune_vocab.h"

#include <inttypes.h>

#include "base/mem.h"
#include "base/text.h"
#include "compress/prune_vocab_parts.h"
#include "token/load.h"

/* More than any text can count: what conversations are written with comes before the texts. */
#define FIRST (UINT64_C(1) << 62)

/* ---- what the choice rests on ------------------------------------------------------------ */

static bantam_status find_old(bnt_prune_vocab *v, const bnt_prune_vocab_ask *ask,
                              bantam_error *err)
{
    if (v->gguf) {
        const bantam_status status = bnt_load_gguf(&v->loaded, v->gguf, err);
        if (status) return status;
    }
    v->old = v->gguf ? &v->loaded : ask->spec;
    if (!v->old->n_tokens) {
        return bnt_fail(err, BANTAM_ERR_FORMAT, "vocabulary: the model has no tokenizer");
    }
    if (v->old->n_tokens > ask->n_rows) {
        return bnt_fail(err, BANTAM_ERR_FORMAT,
                        "vocabulary: %" PRIu32 " tokens for an embedding of %" PRIu32 " rows",
                        v->old->n_tokens, ask->n_rows);
    }
    if (ask->keep > v->old->n_tokens) {
        return bnt_fail(err, BANTAM_ERR_INVALID,
                        "vocabulary: expected at most %" PRIu32 " tokens to keep, found "
                        "%" PRIu32,
                        v->old->n_tokens, ask->keep);
    }
    return BANTAM_OK;
}

static void find_named(const bnt_prune_vocab *v, bool *named)
{
    const bnt_spec *const old = v->old;
    const uint32_t ids[] = {old->bos, old->eos, old->unk, old->pad};

    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        if (ids[i] < old->n_tokens) named[ids[i]] = true;
    }
    for (uint32_t i = 0; i < old->n_stops; i++) {
        if (old->stops[i] < old->n_tokens) named[old->stops[i]] = true;
    }
    if (v->gguf) bnt_prune_vocab_find_named(v->gguf, old->n_tokens, named);
}

/* The words that a chat template writes itself, and those it is given for who speaks. */
static bantam_status count_template(const bnt_prune_vocab *v, const bnt_tokenizer *t,
                                    uint64_t *counts, bantam_error *err)
{
    const bantam_text texts[] = {v->old->chat_template,   bnt_text_of("system"),
                                 bnt_text_of("user"),     bnt_text_of("assistant"),
                                 bnt_text_of("tool"),     bnt_text_of("ipython"),
                                 bnt_text_of("developer")};
    uint64_t *const own = bnt_calloc(v->old->n_tokens, sizeof *own);
    uint64_t n = 0;

    if (!own) return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for counts of tokens");
    const size_t n_texts = v->old->chat_template.size ? sizeof texts / sizeof texts[0] : 0;
    const bantam_status status = bnt_prune_vocab_count(t, texts, n_texts, own, &n, err);
    for (uint32_t id = 0; !status && id < v->old->n_tokens; id++) {
        if (own[id]) counts[id] += FIRST;
    }
    bnt_free(own);
    return status;
}

static uint64_t count_words(bantam_text text)
{
    uint64_t n = 0;
    bool inside = false;

    for (size_t i = 0; i < text.size; i++) {
        const char c = text.data[i];
        const bool space = c == ' ' || (c >= '\t' && c <= '\r');
        if (!space && !inside) n++;
        inside = !space;
    }
    return n;
}

static bantam_status count_texts(bnt_prune_vocab *v, const bnt_prune_vocab_ask *ask,
                                 const bnt_tokenizer *t, uint64_t *counts, bantam_error *err)
{
    bnt_prune_vocab_use *const use = &v->use;
    const bantam_status status =
        bnt_prune_vocab_count(t, ask->texts, ask->n_texts, counts, &use->tokens, err);

    if (status) return status;
    if (!use->tokens) {
        return bnt_fail(err, BANTAM_ERR_INVALID,
                        "vocabulary: the texts to choose tokens by are empty");
    }
    for (size_t i = 0; i < ask->n_texts; i++) {
        use->words += count_words(ask->texts[i]);
    }
    return BANTAM_OK;
}

/* How much of the texts is in tokens that stay. */
static void weigh(bnt_prune_vocab *v, const bnt_tokenizer *t, const uint64_t *counts,
                  const bool *kept)
{
    for (uint32_t id = 0; id < v->old->n_tokens; id++) {
        const uint64_t count = counts[id] % FIRST;
        const uint64_t bytes = count * bnt_tokenizer_text(t, id).size;
        v->use.bytes += bytes;
        v->use.n_distinct += count > 0;
        if (!kept[id]) continue;
        v->use.kept_bytes += bytes;
        v->use.n_distinct_kept += count > 0;
    }
}

static bantam_status choose(bnt_prune_vocab *v, const bnt_prune_vocab_ask *ask, bool *kept,
                            bantam_error *err)
{
    uint64_t *const counts = bnt_calloc(v->old->n_tokens, sizeof *counts);
    bool *const named = bnt_calloc(v->old->n_tokens, sizeof *named);
    const bnt_prune_vocab_wish wish = {v->old, counts, named, ask->keep};
    bnt_tokenizer *t = NULL;
    bantam_status status = BANTAM_OK;

    if (!counts || !named) {
        status = bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for counts of tokens");
    }
    if (!status) status = bnt_tokenizer_open(&t, v->old, err);
    if (!status) status = count_texts(v, ask, t, counts, err);
    if (!status) status = count_template(v, t, counts, err);
    if (!status) {
        find_named(v, named);
        status = bnt_prune_vocab_choose(&wish, kept, &v->n_needed, err);
    }
    if (!status) weigh(v, t, counts, kept);
    bnt_tokenizer_close(t);
    bnt_free(named);
    bnt_free(counts);
    return status;
}

/* ---- the new tokenizer ------------------------------------------------------------------- */

static bantam_status number(bnt_prune_vocab *v, const bool *kept, bantam_error *err)
{
    const uint32_t n = v->old->n_tokens;

    v->kept = bnt_calloc(n, sizeof *v->kept);
    v->new_ids = bnt_calloc(n, sizeof *v->new_ids);
    if (!v->kept || !v->new_ids) {
        return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for %" PRIu32 " tokens", n);
    }
    for (uint32_t id = 0; id < n; id++) {
        v->new_ids[id] = kept[id] ? v->n_kept : BANTAM_NO_TOKEN;
        if (kept[id]) v->kept[v->n_kept++] = id;
    }
    return BANTAM_OK;
}

static uint32_t new_id(const bnt_prune_vocab *v, uint32_t id)
{
    return id < v->old->n_tokens ? v->new_ids[id] : BANTAM_NO_TOKEN;
}

bool bnt_prune_vocab_merge(const bnt_prune_vocab *v, const bnt_merge *merge, bnt_merge *out)
{
    *out =
        (bnt_merge){new_id(v, merge->left), new_id(v, merge->right), new_id(v, merge->result)};
    return out->left != BANTAM_NO_TOKEN && out->right != BANTAM_NO_TOKEN &&
           out->result != BANTAM_NO_TOKEN;
}

/* The old tokenizer with other tokens, merges and ids. Its texts are not copied. */
static bantam_status make_spec(bnt_prune_vocab *v, bantam_error *err)
{
    const bnt_spec *const old = v->old;
    bnt_spec *const s = &v->spec;

    *s = *old;
    s->blocks = NULL;
    s->n_tokens = v->n_kept;
    s->n_merges = s->n_stops = 0;
    s->tokens = bnt_spec_alloc(s, v->n_kept, sizeof *s->tokens);
    s->merges = bnt_spec_alloc(s, old->n_merges, sizeof *s->merges);
    if (!s->tokens || !s->merges) {
        return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for a smaller tokenizer");
    }
    for (uint32_t i = 0; i < v->n_kept; i++) {
        s->tokens[i] = old->tokens[v->kept[i]];
    }
    for (uint32_t i = 0; i < old->n_merges; i++) {
        if (bnt_prune_vocab_merge(v, &old->merges[i], &s->merges[s->n_merges])) s->n_merges++;
    }
    s->bos = new_id(v, old->bos);
    s->eos = new_id(v, old->eos);
    s->unk = new_id(v, old->unk);
    s->pad = new_id(v, old->pad);
    for (uint32_t i = 0; i < old->n_stops; i++) {
        bnt_spec_add_stop(s, new_id(v, old->stops[i]));
    }
    return BANTAM_OK;
}

static bantam_status count_after(bnt_prune_vocab *v, const bnt_prune_vocab_ask *ask,
                                 bantam_error *err)
{
    uint64_t *const counts = bnt_calloc(v->n_kept, sizeof *counts);
    bnt_tokenizer *t = NULL;
    bantam_status status = BANTAM_OK;

    if (!counts) status = bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for counts of tokens");
    if (!status) status = bnt_tokenizer_open(&t, &v->spec, err);
    if (!status) {
        status = bnt_prune_vocab_count(t, ask->texts, ask->n_texts, counts,
                                       &v->use.tokens_after, err);
    }
    bnt_tokenizer_close(t);
    bnt_free(counts);
    return status;
}

/* ---- open, apply, close ------------------------------------------------------------------ */

bantam_status bnt_prune_vocab_open(bnt_prune_vocab *v, const bnt_prune_vocab_ask *ask,
                                   bantam_error *err)
{
    bool *kept = NULL;

    *v = (bnt_prune_vocab){.gguf = ask->gguf};
    bnt_spec_init(&v->loaded);
    bnt_spec_init(&v->spec);
    bantam_status status = find_old(v, ask, err);
    if (status) goto fail;
    kept = bnt_calloc(v->old->n_tokens, sizeof *kept);
    if (!kept) {
        status = bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for a choice of tokens");
        goto fail;
    }
    status = choose(v, ask, kept, err);
    if (!status) status = number(v, kept, err);
    if (!status) status = make_spec(v, err);
    if (!status) status = count_after(v, ask, err);
    if (status) goto fail;
    bnt_free(kept);
    return BANTAM_OK;

fail:
    bnt_free(kept);
    bnt_prune_vocab_close(v);
    return status;
}

void bnt_prune_vocab_close(bnt_prune_vocab *v)
{
    bnt_spec_deinit(&v->spec);
    bnt_spec_deinit(&v->loaded);
    bnt_free(v->kept);
    bnt_free(v->new_ids);
    *v = (bnt_prune_vocab){0};
}

bantam_status bnt_prune_vocab_apply(bnt_prune_vocab *v, bnt_edit *e, bantam_error *err)
{
    static const char *const names[] = {"token_embd.weight", "output.weight"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        bnt_edit_tensor *const t = bnt_edit_find(e, names[i]);
        if (!t) continue; /* no head of its own */
        const bantam_status status = bnt_edit_pick(t, v->kept, v->n_kept, NULL, 0, err);
        if (status) return status;
    }
    e->config.n_vocab = v->n_kept;
    e->put_words = bnt_prune_vocab_put_words;
    e->user = v;
    return BANTAM_OK;
}
