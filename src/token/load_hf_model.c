/* load_hf_model.c - the model and added_tokens of tokenizer.json: vocabulary and merges.
 *
 * Ids come from the file, so they are held against the number of entries before anything is
 * sized by them. An added token may rename an id of the vocabulary; merges still mean the old
 * names, which is why they are resolved through the vocabulary as the file has it.
 */
#include "base/limits.h"
#include "base/text.h"
#include "token/load_parts.h"
#include "token/merges.h"
#include <inttypes.h>
#include <string.h>

enum { MAX_HOLES = 1024 }; /* real files leave a few ids out; nobody leaves out most */

static bantam_status id_error(bantam_text name, bantam_error *err)
{
    return bnt_fail(err, BANTAM_ERR_FORMAT,
                    "token \"%.*s\": its id is no whole number near the vocabulary's size",
                    BNT_TEXT_ARG(name));
}

static bool read_id(const json_t *value, uint64_t limit, uint32_t *out)
{
    if (!json_is_integer(value)) return false;
    const json_int_t id = json_integer_value(value);
    if (id < 0 || (uint64_t)id >= limit || (uint64_t)id >= BNT_MAX_VOCAB) return false;
    *out = (uint32_t)id;
    return true;
}

/* How many tokens there are: the largest id, plus one. */
static bantam_status count_tokens(const json_t *vocab, const json_t *added, uint32_t *n,
                                  bantam_error *err)
{
    const size_t n_entries = json_object_size(vocab) + json_array_size(added);
    const uint64_t limit = 2 * (uint64_t)n_entries + MAX_HOLES;
    const char *key;
    json_t *value;
    uint32_t id;

    *n = 0;
    /* Jansson iterates through a pointer that is not const and changes nothing. */
    json_object_foreach((json_t *)(uintptr_t)vocab, key, value)
    {
        if (!read_id(value, limit, &id)) {
            return id_error(bnt_text_of(key), err);
        }
        if (id >= *n) *n = id + 1;
    }
    for (size_t i = 0; i < json_array_size(added); i++) {
        const json_t *const item = json_array_get(added, i);
        const bantam_text name = bnt_json_text(json_object_get(item, "content"));
        if (!name.size) {
            return bnt_fail(err, BANTAM_ERR_FORMAT, "added token %zu has no content", i);
        }
        if (!read_id(json_object_get(item, "id"), limit, &id)) return id_error(name, err);
        if (id >= *n) *n = id + 1;
    }
    return BANTAM_OK;
}

/* ---- added tokens ------------------------------------------------------------------------ */

static bantam_status read_added(bnt_spec *spec, const json_t *item, const json_t *vocab,
                                bantam_error *err)
{
    static const struct {
        const char *key;
        uint8_t flag;
    } flags[] = {{"lstrip", BNT_ADDED_LSTRIP},
                 {"rstrip", BNT_ADDED_RSTRIP},
                 {"single_word", BNT_ADDED_WORD},
                 {"normalized", BNT_ADDED_NORMALIZED}};
    const bantam_text name = bnt_json_text(json_object_get(item, "content"));
    const uint32_t id = (uint32_t)json_integer_value(json_object_get(item, "id"));
    const json_t *const other = json_object_getn(vocab, name.data, name.size);
    bnt_token_spec *const t = &spec->tokens[id];
    bool special = false;

    if (other && json_integer_value(other) != (json_int_t)id) {
        return bnt_fail(err, BANTAM_ERR_FORMAT,
                        "added token \"%.*s\": id %" PRIu32
                        ", but the vocabulary has it under another",
                        BNT_TEXT_ARG(name), id);
    }
    if (t->kind == BNT_TOKEN_CONTROL || t->kind == BNT_TOKEN_USER_DEFINED) {
        return bnt_fail(err, BANTAM_ERR_FORMAT, "two added tokens have id %" PRIu32, id);
    }
    bantam_status status = bnt_json_bool(item, "special", &special, err);
    for (size_t i = 0; !status && i < sizeof flags / sizeof flags[0]; i++) {
        bool set = false;
        status = bnt_json_bool(item, flags[i].key, &set, err);
        if (set) t->added |= flags[i].flag;
    }
    if (status) return status;
    t->kind = special ? BNT_TOKEN_CONTROL : BNT_TOKEN_USER_DEFINED;
    return bnt_load_text(spec, id, name, err);
}

/* ---- vocabulary -------------------------------------------------------------------------- */

static bantam_status put_word(bnt_spec *spec, uint32_t id, bantam_text word, bantam_error *err)
{
    uint8_t byte;

    spec->tokens[id].kind = BNT_TOKEN_NORMAL;
    if (spec->byte_level) return bnt_load_byte_text(spec, id, word, err);
    if (spec->byte_fallback && bnt_load_byte_name(word, &byte)) {
        return bnt_load_byte_token(spec, id, byte, err);
    }
    return bnt_load_text(spec, id, word, err);
}

static bantam_status read_vocab(bnt_spec *spec, const json_t *vocab, const json_t *added,
                                bantam_error *err)
{
    uint32_t n;
    bantam_status status = count_tokens(vocab, added, &n, err);
    const char *key;
    json_t *value;

    if (!status) status = bnt_load_tokens(spec, n, err);
    if (status) return status;
    for (uint32_t i = 0; i < n; i++)
        spec->tokens[i].kind = BNT_TOKEN_UNUSED;
    for (size_t i = 0; !status && i < json_array_size(added); i++) {
        status = read_added(spec, json_array_get(added, i), vocab, err);
    }
    if (status) return status;

    /* Added tokens are not in the byte alphabet, so they keep what they have; a kind of 0 marks
     * ordinary ids until all names are seen, to find two names for one id. */
    for (uint32_t i = 0; i < n; i++) {
        if (spec->tokens[i].kind == BNT_TOKEN_UNUSED) spec->tokens[i].kind = 0;
    }
    json_object_foreach((json_t *)(uintptr_t)vocab, key, value)
    {
        const uint32_t id = (uint32_t)json_integer_value(value);
        const uint8_t kind = spec->tokens[id].kind;
        if (kind == BNT_TOKEN_CONTROL || kind == BNT_TOKEN_USER_DEFINED) continue;
        if (kind) {
            return bnt_fail(err, BANTAM_ERR_FORMAT,
                            "token \"%.*s\": another one has its id %" PRIu32 " too",
                            BNT_TEXT_ARG(bnt_text_of(key)), id);
        }
        status = put_word(spec, id, bnt_text_of(key), err);
        if (status) return status;
    }
    for (uint32_t i = 0; i < n; i++) {
        if (!spec->tokens[i].kind) spec->tokens[i].kind = BNT_TOKEN_UNUSED; /* a hole */
    }
    return BANTAM_OK;
}

/* ---- merges ------------------------------------------------------------------------------ */

/* The next string, as long as the spec. */
static bnt_json_step next_text(bnt_spec *spec, bnt_json_list *list, bantam_text *text)
{
    bool lent;
    const bnt_json_step step = bnt_json_list_next(list, text, &lent);

    if (step != BNT_JSON_TEXT || !lent) return step;
    *text = bnt_spec_copy(spec, text->data, text->size);
    return text->data ? step : BNT_JSON_NOMEM;
}

/* "a b" with exactly one space. */
static bool split_line(bantam_text line, bantam_text halves[2])
{
    const char *const space = line.size ? memchr(line.data, ' ', line.size) : NULL;

    if (!space) return false;
    halves[0] = (bantam_text){line.data, (size_t)(space - line.data)};
    halves[1] = (bantam_text){space + 1, line.size - halves[0].size - 1};
    return halves[0].size && halves[1].size && !memchr(halves[1].data, ' ', halves[1].size);
}

/* ["a", "b"], or "a b": BNT_JSON_TEXT. Other things are BNT_JSON_OTHER. */
static bnt_json_step next_merge(bnt_spec *spec, bnt_json_list *list, bantam_text halves[2])
{
    bantam_text line;
    bnt_json_step step = next_text(spec, list, &line);

    if (step == BNT_JSON_TEXT) return split_line(line, halves) ? step : BNT_JSON_OTHER;
    if (step != BNT_JSON_OPEN) return step;
    for (int i = 0; i < 2; i++) {
        step = next_text(spec, list, &halves[i]);
        if (step == BNT_JSON_NOMEM) return step;
        if (step != BNT_JSON_TEXT || !halves[i].size) return BNT_JSON_OTHER;
    }
    step = next_text(spec, list, &line);
    if (step == BNT_JSON_NOMEM) return step;
    return step == BNT_JSON_CLOSE ? BNT_JSON_TEXT : BNT_JSON_OTHER;
}

static bool find_word(const json_t *vocab, bantam_text word, uint32_t *id)
{
    const json_t *const value = json_object_getn(vocab, word.data, word.size);

    if (value) *id = (uint32_t)json_integer_value(value);
    return value;
}

static bantam_status merge_error(size_t index, const bantam_text halves[2], bantam_error *err)
{
    return bnt_fail(err, BANTAM_ERR_FORMAT,
                    "merge %zu: \"%.*s\" and \"%.*s\" name or make a token that the "
                    "vocabulary lacks",
                    index, BNT_TEXT_ARG(halves[0]), BNT_TEXT_ARG(halves[1]));
}

/* Reads some merges, the first one's number being that of those read before. */
static bantam_status read_some(bnt_merges *m, bnt_json_list *list, bantam_error *err)
{
    bantam_text halves[2 * BNT_MERGES_TOGETHER];
    const size_t first = m->spec->n_merges;
    bnt_json_step step = BNT_JSON_TEXT;
    size_t n = 0;

    while (n < BNT_MERGES_TOGETHER && first + n < list->n) {
        step = next_merge(m->spec, list, &halves[2 * n]);
        if (step != BNT_JSON_TEXT) break;
        n++;
    }
    const size_t n_added = bnt_merges_add(m, halves, n);
    if (n_added < n) return merge_error(first + n_added, &halves[2 * n_added], err);
    if (step == BNT_JSON_NOMEM) return bnt_load_nomem(err);
    if (step == BNT_JSON_TEXT) return BANTAM_OK;
    return bnt_fail(err, BANTAM_ERR_FORMAT, "merge %zu: expected two tokens", first + n);
}

static bantam_status read_merges(bnt_spec *spec, const json_t *vocab, const json_t *merges,
                                 bnt_json_list *list, bantam_error *err)
{
    bnt_merges m;
    const char *key;
    json_t *value;

    if (!json_is_array(merges) || list->n > UINT32_MAX) {
        return bnt_fail(err, BANTAM_ERR_FORMAT, "model: merges: expected an array");
    }
    bantam_status status = bnt_merges_begin(&m, spec, (size_t)list->n, err);
    if (status) return status;
    json_object_foreach((json_t *)(uintptr_t)vocab, key, value)
    {
        m.words[json_integer_value(value)] = bnt_text_of(key);
    }
    bnt_merges_index(&m);
    while (!status && spec->n_merges < list->n) {
        status = read_some(&m, list, err);
    }
    bnt_merges_end(&m);
    return status;
}

/* ---- the model --------------------------------------------------------------------------- */

/* Options that change ids and that no model of today uses. */
static bantam_status refuse_options(const json_t *model, bantam_error *err)
{
    static const char *const affixes[] = {"continuing_subword_prefix", "end_of_word_suffix"};
    double dropout = 0;
    const bantam_status status = bnt_json_f64(model, "dropout", &dropout, err);

    if (status) return status;
    if (dropout > 0) {
        return bnt_fail(err, BANTAM_ERR_UNSUPPORTED, "model: dropout is not supported");
    }
    for (size_t i = 0; i < 2; i++) {
        const json_t *const value = json_object_get(model, affixes[i]);
        if (!value || json_is_null(value)) continue;
        if (json_is_string(value) && !json_string_length(value)) continue;
        return bnt_fail(err, BANTAM_ERR_UNSUPPORTED, "model: %s is not supported", affixes[i]);
    }
    return BANTAM_OK;
}

static bantam_status read_unknown(bnt_spec *spec, const json_t *model, const json_t *vocab,
                                  bantam_error *err)
{
    const json_t *const value = json_object_get(model, "unk_token");
    const bantam_text name = bnt_json_text(value);

    if (!name.size) return BANTAM_OK;
    spec->unk = bnt_load_find(spec, name);
    if (spec->unk == BANTAM_NO_TOKEN && !find_word(vocab, name, &spec->unk)) {
        return bnt_fail(err, BANTAM_ERR_FORMAT, "model: unk_token \"%.*s\" is no token",
                        BNT_TEXT_ARG(name));
    }
    if (spec->tokens[spec->unk].kind == BNT_TOKEN_NORMAL) {
        spec->tokens[spec->unk].kind = BNT_TOKEN_UNKNOWN;
    }
    return BANTAM_OK;
}

bantam_status bnt_hf_model(bnt_spec *spec, const json_t *root, bnt_json_list *list,
                           bantam_error *err)
{
    const json_t *const model = json_object_get(root, "model");
    const json_t *const vocab = json_object_get(model, "vocab");
    const json_t *const merges = json_object_get(model, "merges");
    const json_t *const added = json_object_get(root, "added_tokens");
    const json_t *const type = json_object_get(model, "type");

    if (!json_is_object(model)) return bnt_fail(err, BANTAM_ERR_FORMAT, "no model");
    /* Old files name no type; those with merges are BPE. */
    if (type ? !bnt_text_is(bnt_json_text(type), "BPE") : !merges) {
        return bnt_fail(err, BANTAM_ERR_UNSUPPORTED,
                        "model type \"%.*s\": only BPE is supported",
                        BNT_TEXT_ARG(bnt_json_text(type)));
    }
    if (!json_is_object(vocab)) {
        return bnt_fail(err, BANTAM_ERR_FORMAT, "model: vocab: expected an object");
    }
    if (added && !json_is_array(added) && !json_is_null(added)) {
        return bnt_fail(err, BANTAM_ERR_FORMAT, "added_tokens: expected an array");
    }
    spec->kind = BNT_VOCAB_BPE_MERGES;
    bantam_status status = refuse_options(model, err);
    if (!status) status = bnt_json_bool(model, "byte_fallback", &spec->byte_fallback, err);
    if (!status) status = bnt_json_bool(model, "ignore_merges", &spec->ignore_merges, err);
    if (!status) status = bnt_json_bool(model, "fuse_unk", &spec->fuse_unknown, err);
    if (!status) status = read_vocab(spec, vocab, added, err);
    if (!status) status = read_merges(spec, vocab, merges, list, err);
    if (!status) status = read_unknown(spec, model, vocab, err);
    return status;
}
