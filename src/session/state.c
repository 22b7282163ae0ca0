/* state.c - writing a session to a file, and believing one that comes back.
 *
 * A file is held against the session and its own digest before anything is changed. Every
 * number in it is checked besides, because a digest stops accidents only.
 */
#include "session/state.h"
#include "base/cursor.h"
#include "base/digest_file.h"
#include "base/f16.h"
#include "base/file.h"
#include "base/map.h"
#include "base/mem.h"
#include "session/core.h"

#include <inttypes.h>
#include <string.h>

static const char MAGIC[8] = {'B', 'N', 'T', 'S', 'T', 'A', 'T', 'E'};

enum { SIZE_AT = 48, IDENTITY_BYTES = 32, HAS_LOGITS = 1 };

/* The numbers of the header. */
typedef struct header {
    uint32_t kv, rope, n_layers, slot_bytes, n_vocab, position, kept, call, flags;
    uint64_t size, vocabulary;
    uint8_t identity[IDENTITY_BYTES];
} header;

/* Two tokenizers with the same texts and kinds give ids the same meaning. */
static uint64_t vocabulary_digest(const bnt_tokenizer *t)
{
    bantam_tokenizer_info info;
    bnt_digest d;

    if (!t) return 0;
    bnt_tokenizer_describe(t, &info);
    bnt_digest_init(&d);
    for (uint32_t i = 0; i < info.n_tokens; i++) {
        const bantam_text text = bnt_tokenizer_text(t, i);
        const uint32_t n = (uint32_t)text.size;
        const uint8_t head[5] = {(uint8_t)n, (uint8_t)(n >> 8), (uint8_t)(n >> 16),
                                 (uint8_t)(n >> 24), (uint8_t)bnt_tokenizer_kind(t, i)};
        bnt_digest_put(&d, head, sizeof head);
        bnt_digest_put(&d, text.data, text.size);
    }
    return bnt_digest_end(&d);
}

/* What this session would write, but for what differs from moment to moment. */
static void describe(header *h, const bnt_session *s)
{
    memset(h, 0, sizeof *h);
    h->kv = (uint32_t)s->cache.kv.type;
    h->rope = (uint32_t)s->model->config.int8_rope;
    h->n_layers = s->cache.n_layers;
    h->slot_bytes = (uint32_t)s->cache.slot_bytes;
    h->n_vocab = s->n_vocab;
    h->vocabulary = vocabulary_digest(s->tokenizer);
    bnt_adapter_identity(s->model, s->adapters, s->n_adapters, h->identity);
}

static uint32_t rows_of_layer(const bnt_session *s, uint32_t layer, uint32_t position,
                              uint32_t kept)
{
    return bnt_cache_windowed(&s->model->config, layer) ? position - kept : position;
}

/* Bytes of the file. Cannot wrap: it is less than the session's own memory, which fits. */
static uint64_t file_size(const bnt_session *s, uint32_t position, uint32_t kept, bool logits)
{
    uint64_t size = BNT_STATE_HEADER + BNT_DIGEST_BYTES + (uint64_t)position * sizeof(uint32_t);

    if (logits) size += (uint64_t)s->n_vocab * sizeof(float);
    for (uint32_t i = 0; i < s->cache.n_layers; i++) {
        size += (uint64_t)rows_of_layer(s, i, position, kept) * s->cache.slot_bytes * 2;
    }
    return size;
}

/* ---- saving ---- */

static void put_header(bnt_digest_file *f, const bnt_session *s, const header *h)
{
    uint8_t sampler[BNT_SAMPLER_STATE];

    bnt_digest_file_put(f, MAGIC, sizeof MAGIC);
    bnt_digest_file_put_u32(f, BNT_STATE_VERSION);
    bnt_digest_file_put_u32(f, h->kv);
    bnt_digest_file_put_u32(f, h->rope);
    bnt_digest_file_put_u32(f, h->n_layers);
    bnt_digest_file_put_u32(f, h->slot_bytes);
    bnt_digest_file_put_u32(f, h->n_vocab);
    bnt_digest_file_put_u32(f, h->position);
    bnt_digest_file_put_u32(f, h->kept);
    bnt_digest_file_put_u32(f, h->call);
    bnt_digest_file_put_u32(f, h->flags);
    bnt_digest_file_put_u64(f, h->size);
    bnt_digest_file_put_u64(f, h->vocabulary);
    bnt_digest_file_put(f, h->identity, sizeof h->identity);
    bnt_sampler_save(s->sampler, sampler);
    bnt_digest_file_put(f, sampler, sizeof sampler);
}

/* rows is room for slot_bytes. */
static void put_rows(bnt_digest_file *f, const bnt_session *s, uint32_t position, uint32_t kept,
                     uint8_t *rows)
{
    for (uint32_t i = 0; i < s->cache.n_layers; i++) {
        const uint32_t n = rows_of_layer(s, i, position, kept);
        for (int v = 0; v < 2; v++) {
            for (uint32_t p = position - n; p < position && !bnt_save_failed(f->save); p++) {
                bnt_cache_get(&s->cache, i, p, v == 1, rows);
                bnt_digest_file_put(f, rows, s->cache.slot_bytes);
            }
        }
    }
}

/* The first n tokens; logits: with those after the last one. */
static bantam_status save(const bnt_session *s, const char *path, uint32_t n, bool logits,
                          bool private, bantam_error *err)
{
    header h;
    bnt_digest_file f;

    uint8_t *const rows = bnt_alloc(s->cache.slot_bytes);
    if (!rows) return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for saving a session");
    bantam_status status = bnt_digest_file_begin(&f, path, err);
    if (status) {
        bnt_free(rows);
        return status;
    }
    if (private) bnt_save_private(f.save);

    describe(&h, s);
    h.position = n;
    if (s->cache.window && n) {
        /* The rows that the next position looks at, or none where some are lost. */
        h.kept = bnt_cache_ready(&s->cache, n) ? bnt_cache_need(&s->cache, n) : n;
    }
    h.call = logits ? s->call : 0;
    h.flags = logits ? HAS_LOGITS : 0;
    h.size = file_size(s, n, h.kept, logits);

    put_header(&f, s, &h);
    for (uint32_t i = 0; i < n; i++)
        bnt_digest_file_put_u32(&f, s->tokens[i]);
    if (logits) {
        for (uint32_t i = 0; i < s->n_vocab; i++)
            bnt_digest_file_put_u32(&f, bnt_f32_to_bits(s->logits[i]));
    }
    put_rows(&f, s, n, h.kept, rows);
    bnt_free(rows);
    return bnt_digest_file_commit(&f, err);
}

bantam_status bnt_session_save(const bnt_session *s, const char *path, bantam_error *err)
{
    return save(s, path, s->position, s->logits != NULL, false, err);
}

bantam_status bnt_state_save_beginning(const bnt_session *s, uint32_t n, const char *path,
                                       bantam_error *err)
{
    return save(s, path, n, false, true, err);
}

uint64_t bnt_state_beginning_bytes(const bnt_session *s, uint32_t n)
{
    return file_size(s, n, bnt_cache_need(&s->cache, n), false);
}

/* ---- loading ---- */

static uint32_t u32_at(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint64_t u64_at(const uint8_t *p)
{
    return u32_at(p) | (uint64_t)u32_at(p + 4) << 32;
}

/* Magic, version, length and digest: whether it is one of our files, and undamaged. */
static bantam_status check_whole(const uint8_t *data, size_t size, bantam_error *err)
{
    if (size < sizeof MAGIC || memcmp(data, MAGIC, sizeof MAGIC) != 0) {
        return bnt_fail(err, BANTAM_ERR_FORMAT, "not a saved session: expected BNTSTATE first");
    }
    if (size < BNT_STATE_HEADER + BNT_DIGEST_BYTES) {
        return bnt_fail(err, BANTAM_ERR_FORMAT,
                        "the saved session is cut short: %zu bytes, its header alone has %d",
                        size, BNT_STATE_HEADER);
    }
    const uint32_t version = u32_at(data + 8);
    if (version != BNT_STATE_VERSION) {
        return bnt_fail(err, BANTAM_ERR_UNSUPPORTED,
                        "saved session of version %" PRIu32 ", expected %d", version,
                        BNT_STATE_VERSION);
    }
    const uint64_t stated = u64_at(data + SIZE_AT);
    if (stated != size) {
        return bnt_fail(err, BANTAM_ERR_FORMAT,
                        "the saved session is cut short or damaged: expected %" PRIu64
                        " bytes, found %zu",
                        stated, size);
    }
    if (!bnt_digest_file_is_whole(data, size)) {
        return bnt_fail(err, BANTAM_ERR_FORMAT,
                        "the saved session is damaged: its digest does not match");
    }
    return BANTAM_OK;
}

static void read_header(header *h, const uint8_t *data)
{
    bnt_cursor c = bnt_cursor_on(data, BNT_STATE_HEADER);

    (void)bnt_cursor_take(&c, sizeof MAGIC + sizeof(uint32_t)); /* magic and version */
    h->kv = bnt_cursor_u32(&c);
    h->rope = bnt_cursor_u32(&c);
    h->n_layers = bnt_cursor_u32(&c);
    h->slot_bytes = bnt_cursor_u32(&c);
    h->n_vocab = bnt_cursor_u32(&c);
    h->position = bnt_cursor_u32(&c);
    h->kept = bnt_cursor_u32(&c);
    h->call = bnt_cursor_u32(&c);
    h->flags = bnt_cursor_u32(&c);
    h->size = bnt_cursor_u64(&c);
    h->vocabulary = bnt_cursor_u64(&c);
    memcpy(h->identity, bnt_cursor_take(&c, sizeof h->identity), sizeof h->identity);
}

static const char *kv_name(uint32_t kv)
{
    static const char *const names[] = {"f32", "f16", "q8", "q4"};
    return kv >= BANTAM_KV_F32 && kv <= BANTAM_KV_Q4 ? names[kv - BANTAM_KV_F32] : "unknown";
}

/* Whether the state is one of this model, told so that the user knows what differs. */
static bantam_status check_model(const header *h, const bnt_session *s, bantam_error *err)
{
    header own;

    describe(&own, s);
    if (h->rope != own.rope) {
        return bnt_fail(err, BANTAM_ERR_INVALID,
                        "the saved session has another form of rope: expected %" PRIu32
                        ", found %" PRIu32,
                        own.rope, h->rope);
    }
    if (memcmp(h->identity, own.identity, sizeof own.identity) != 0) {
        return bnt_fail(err, BANTAM_ERR_INVALID,
                        "the saved session is of another model, or of other adapters than the "
                        "%" PRIu32 " in use",
                        s->n_adapters);
    }
    if (h->vocabulary != own.vocabulary) {
        return bnt_fail(err, BANTAM_ERR_INVALID, "the saved session is of another tokenizer");
    }
    if (h->kv != own.kv) {
        return bnt_fail(err, BANTAM_ERR_INVALID,
                        "the saved session has keys and values of another type: expected %s, "
                        "found %s",
                        kv_name(own.kv), kv_name(h->kv));
    }
    if (h->n_layers != own.n_layers || h->slot_bytes != own.slot_bytes ||
        h->n_vocab != own.n_vocab) {
        return bnt_fail(err, BANTAM_ERR_FORMAT,
                        "the saved session contradicts its model: %" PRIu32 " layers, %" PRIu32
                        " bytes a position, %" PRIu32 " tokens",
                        h->n_layers, h->slot_bytes, h->n_vocab);
    }
    return BANTAM_OK;
}

/* Whether the counts fit the session and each other. */
static bantam_status check_counts(const header *h, const bnt_session *s, bantam_error *err)
{
    if (h->position > s->context) {
        return bnt_fail(err, BANTAM_ERR_FULL,
                        "the saved session holds %" PRIu32 " tokens, the context has %" PRIu32
                        " positions",
                        h->position, s->context);
    }
    /* Fewer rows than the window needs are stored only as none at all. */
    const uint32_t need = bnt_cache_need(&s->cache, h->position);
    const bool kept_fits = h->kept == need || (s->cache.window && h->kept == h->position);
    const bool logits_fit =
        h->flags == 0 ? h->call == 0 : h->flags == HAS_LOGITS && h->call < h->position;
    if (!kept_fits || !logits_fit) {
        return bnt_fail(err, BANTAM_ERR_FORMAT,
                        "the saved session contradicts itself: %" PRIu32
                        " tokens, rows from %" PRIu32 ", last call from %" PRIu32
                        ", flags %" PRIu32,
                        h->position, h->kept, h->call, h->flags);
    }
    const uint64_t expected = file_size(s, h->position, h->kept, h->flags == HAS_LOGITS);
    if (h->size != expected) {
        return bnt_fail(err, BANTAM_ERR_FORMAT,
                        "the saved session has %" PRIu64 " bytes, %" PRIu32
                        " tokens of this model take %" PRIu64,
                        h->size, h->position, expected);
    }
    return BANTAM_OK;
}

bantam_status bnt_state_check(bnt_state *out, const bnt_session *s, const uint8_t *data,
                              size_t size, bantam_error *err)
{
    header h;

    memset(out, 0, sizeof *out);
    bantam_status status = check_whole(data, size, err);
    if (status) return status;
    read_header(&h, data);
    status = check_model(&h, s, err);
    if (!status) status = check_counts(&h, s, err);
    if (status) return status;

    const uint8_t *const tokens = data + BNT_STATE_HEADER;
    for (uint32_t i = 0; i < h.position; i++) {
        const uint32_t token = u32_at(tokens + 4 * (size_t)i);
        if (token >= s->n_vocab) {
            return bnt_fail(err, BANTAM_ERR_FORMAT,
                            "token %" PRIu32 " of the saved session: id %" PRIu32
                            ", the vocabulary has %" PRIu32,
                            i, token, s->n_vocab);
        }
    }
    out->tokens = tokens;
    out->rows = tokens + 4 * (size_t)h.position;
    if (h.flags == HAS_LOGITS) {
        out->logits = out->rows;
        out->rows += 4 * (size_t)s->n_vocab;
    }
    out->sampler = data + BNT_STATE_HEADER - BNT_SAMPLER_STATE;
    out->position = h.position;
    out->kept = h.kept;
    out->call = h.call;
    return BANTAM_OK;
}

/* One layer's keys, or values, of the positions before n. Returns what follows them. */
static const uint8_t *put_layer(bnt_session *s, const bnt_state *state, uint32_t layer, bool v,
                                uint32_t n, const uint8_t *at)
{
    const size_t slot_bytes = s->cache.slot_bytes;
    const uint32_t stored = rows_of_layer(s, layer, state->position, state->kept);
    const uint32_t first = state->position - stored, slots = s->cache.kv.layers[layer].slots;

    for (uint32_t p = n > slots && n - slots > first ? n - slots : first; p < n; p++) {
        bnt_cache_put(&s->cache, layer, p, v, at + (p - first) * slot_bytes);
    }
    return at + stored * slot_bytes;
}

void bnt_state_apply_beginning(bnt_session *s, const bnt_state *state, uint32_t n)
{
    const uint8_t *at = state->rows;

    bnt_ahead_forget(s, 0);
    for (uint32_t i = 0; i < n; i++) {
        const uint32_t token = bnt_state_token(state, i);
        /* Checked before; but a mapped file can change, and an id is an index. */
        s->tokens[i] = token < s->n_vocab ? token : 0;
    }
    for (uint32_t i = 0; i < s->cache.n_layers; i++) {
        at = put_layer(s, state, i, false, n, at);
        at = put_layer(s, state, i, true, n, at);
    }
    s->position = n;
    s->logits = NULL;
    s->call = 0;
    s->cache.low = state->kept;
    bnt_cache_touch(&s->cache, n); /* another session's slots may be more than ours */
}

bantam_status bnt_state_apply(bnt_session *s, const bnt_state *state, bantam_error *err)
{
    const bantam_status status = bnt_sampler_restore(s->sampler, state->sampler, err);
    if (status) return status;

    bnt_state_apply_beginning(s, state, state->position);
    if (state->logits) {
        for (uint32_t i = 0; i < s->n_vocab; i++) {
            s->rows[i] = bnt_f32_from_bits(u32_at(state->logits + 4 * (size_t)i));
        }
    }
    s->logits = state->logits ? s->rows : NULL;
    s->call = state->call;
    return BANTAM_OK;
}

bantam_status bnt_session_load(bnt_session *s, const char *path, bantam_error *err)
{
    bnt_map *map = NULL;
    bnt_state state;

    bantam_status status = bnt_session_check_free(s, err);
    if (!status) status = bnt_map_open(&map, path, err);
    if (status) return status;
    status = bnt_state_check(&state, s, bnt_map_data(map), bnt_map_size(map), err);
    if (bnt_map_damaged(map)) {
        status = bnt_fail(err, BANTAM_ERR_IO, "the file was cut while it was read");
    }
    if (!status) status = bnt_state_apply(s, &state, err);
    if (!status && bnt_map_check(map)) {
        /* Cut between the check and here: what arrived cannot be told from what is missing. */
        s->position = 0;
        s->logits = NULL;
        status = bnt_fail(err, BANTAM_ERR_IO,
                          "the file was cut while it was read; the session is empty");
    }
    if (status) status = bnt_fail_within(err, status, "%s: ", path);
    bnt_map_close(map);
    return status;
}

/* ---- beginnings ---- */

bool bnt_state_can_cut(const bnt_session *s, uint32_t n)
{
    return n <= s->position && bnt_cache_ready(&s->cache, n);
}

uint64_t bnt_state_copy_bytes(const bnt_session *s, uint32_t n, uint32_t kept)
{
    return file_size(s, n, kept, false) - BNT_STATE_HEADER - BNT_DIGEST_BYTES;
}

void bnt_state_copy(bnt_state *out, const bnt_session *s, uint32_t n, uint32_t kept,
                    uint8_t *bytes)
{
    const size_t slot_bytes = s->cache.slot_bytes;
    uint8_t *at = bytes;

    for (uint32_t i = 0; i < n; i++, at += 4) {
        for (size_t b = 0; b < 4; b++)
            at[b] = (uint8_t)(s->tokens[i] >> 8 * b);
    }
    *out = (bnt_state){.tokens = bytes, .rows = at, .position = n, .kept = kept};
    for (uint32_t i = 0; i < s->cache.n_layers; i++) {
        const uint32_t count = rows_of_layer(s, i, n, kept);
        for (int v = 0; v < 2; v++) {
            for (uint32_t p = n - count; p < n; p++, at += slot_bytes)
                bnt_cache_get(&s->cache, i, p, v == 1, at);
        }
    }
}

/* A file's size, number and time of change tell it from one that was trained further. */
static void put_stamps(bnt_digest *d, const bnt_archive *archive)
{
    for (size_t i = 0; archive && i < bnt_archive_n_files(archive); i++) {
        bnt_map_stamp stamp = {0};
        (void)bnt_map_stamp_of(bnt_archive_file_map(archive, i), &stamp);
        const uint64_t words[3] = {stamp.size, stamp.inode, stamp.modified_ns};
        bnt_digest_put(d, words, sizeof words);
    }
}

/* Whole, because training changes them without changing the model's files. */
static void put_factors(bnt_digest *d, const bnt_model *model, const bnt_adapter *adapter)
{
    for (uint32_t l = 0; l < adapter->n_layers; l++) {
        for (int place = 0; place < BNT_PLACES; place++) {
            const bnt_lora *const lora = &adapter->layers[l][place];
            const bnt_matrix *const w = bnt_layer_matrix(&model->layers[l], (bnt_place)place);
            if (!lora->rank) continue;
            bnt_digest_put(d, lora->a, (size_t)lora->rank * w->columns * sizeof *lora->a);
            bnt_digest_put(d, lora->b, (size_t)lora->rank * w->rows * sizeof *lora->b);
        }
    }
}

uint64_t bnt_state_shape(const bnt_session *s)
{
    bnt_digest d;
    header h;

    describe(&h, s);
    const uint64_t words[] = {BANTAM_VERSION_MAJOR,
                              BANTAM_VERSION_MINOR,
                              BANTAM_VERSION_PATCH,
                              BNT_STATE_VERSION,
                              h.kv,
                              h.rope,
                              h.n_layers,
                              h.slot_bytes,
                              h.n_vocab,
                              h.vocabulary};
    bnt_digest_init(&d);
    bnt_digest_put(&d, words, sizeof words);
    bnt_digest_put(&d, h.identity, sizeof h.identity);
    put_stamps(&d, s->model->archive);
    for (uint32_t i = 0; i < s->n_adapters; i++)
        put_factors(&d, s->model, s->adapters[i].adapter);
    return bnt_digest_end(&d);
}
