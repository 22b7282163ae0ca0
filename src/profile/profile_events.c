/* profile_events.c - what a profile is told and what it tells: events, wishes, vectors. */
#include "profile/profile_parts.h"

#include <math.h>
#include <string.h>

enum { MAX_WISH_BYTES = 4096, MAX_VECTORS = 20000 };

/* ---- texts ------------------------------------------------------------------------------- */

/* Length of the UTF-8 character at the start of data; 0 where there is none. */
static size_t character(const unsigned char *data, size_t size)
{
    const size_t n = data[0] < 0x80                      ? 1
                     : data[0] >= 0xC2 && data[0] < 0xE0 ? 2
                     : (data[0] & 0xF0) == 0xE0          ? 3
                     : data[0] >= 0xF0 && data[0] < 0xF5 ? 4
                                                         : 0;
    if (n > size) return 0;
    for (size_t i = 1; i < n; i++) {
        if ((data[i] & 0xC0) != 0x80) return 0;
    }
    if (n == 3 && data[0] == 0xE0 && data[1] < 0xA0) return 0;  /* overlong */
    if (n == 3 && data[0] == 0xED && data[1] >= 0xA0) return 0; /* a surrogate */
    if (n == 4 && data[0] == 0xF0 && data[1] < 0x90) return 0;  /* overlong */
    if (n == 4 && data[0] == 0xF4 && data[1] >= 0x90) return 0; /* above U+10FFFF */
    return n;
}

/* How many bytes of a text are whole UTF-8 characters other than NUL, up to a limit. */
static size_t sound_bytes(bantam_text text, size_t limit)
{
    const unsigned char *const data = (const unsigned char *)text.data;
    size_t at = 0;

    while (at < text.size && data[at]) {
        const size_t n = character(data + at, text.size - at);
        if (n == 0 || at + n > limit) break;
        at += n;
    }
    return at;
}

static bool is_sound(bantam_text text, size_t limit)
{
    return sound_bytes(text, limit) == text.size;
}

/* FNV-1a, 64 bits: of this many texts no two will meet, and nobody gains by making them. */
static uint64_t fnv(uint64_t hash, bantam_text text)
{
    for (size_t i = 0; i < text.size; i++)
        hash = (hash ^ (unsigned char)text.data[i]) * 0x100000001B3u;
    return (hash ^ 0xFF) * 0x100000001B3u; /* a byte that no UTF-8 has: the end */
}

uint64_t bantam_profile_key(bantam_text title, bantam_text text)
{
    return fnv(fnv(0xCBF29CE484222325u, title), text);
}

/* ---- events ------------------------------------------------------------------------------ */

static bantam_status check_event(const bantam_profile_event *e, size_t i, bantam_error *err)
{
    if (e->id.size == 0 || !is_sound(e->id, BANTAM_PROFILE_ID_BYTES)) {
        return bnt_profile_fail(err, BANTAM_ERR_INVALID,
                                "event %zu: expected an id of 1 to %d bytes of UTF-8", i + 1,
                                BANTAM_PROFILE_ID_BYTES);
    }
    if (!is_sound(e->title, BANTAM_PROFILE_TITLE_BYTES)) {
        return bnt_profile_fail(err, BANTAM_ERR_INVALID,
                                "event %zu: expected a title of at most %d bytes of UTF-8",
                                i + 1, BANTAM_PROFILE_TITLE_BYTES);
    }
    if (!is_sound(e->text, e->text.size)) {
        return bnt_profile_fail(err, BANTAM_ERR_INVALID, "event %zu: the text is not UTF-8",
                                i + 1);
    }
    if (e->kind < BANTAM_EVENT_SHOWN || e->kind > BANTAM_EVENT_DWELT) {
        return bnt_profile_fail(err, BANTAM_ERR_INVALID, "event %zu: no known kind: %d", i + 1,
                                (int)e->kind);
    }
    if (!(e->seconds >= 0.0 && isfinite(e->seconds))) {
        return bnt_profile_fail(err, BANTAM_ERR_INVALID,
                                "event %zu: expected seconds of 0 or more", i + 1);
    }
    return BANTAM_OK;
}

static bantam_status add_event(bnt_query *item, bnt_query *event, const bantam_profile_event *e,
                               bantam_error *err)
{
    const bantam_text text = {e->text.data, sound_bytes(e->text, BANTAM_PROFILE_TEXT_BYTES)};

    bnt_query_text(item, 1, e->id);
    bnt_query_text(item, 2, e->title);
    bnt_query_text(item, 3, text);
    bantam_status status = bnt_query_finish(item, err);
    if (status) return status;
    bnt_query_text(event, 1, e->id);
    bnt_query_int(event, 2, (int64_t)e->kind);
    bnt_query_real(event, 3, e->kind == BANTAM_EVENT_DWELT ? e->seconds : 0.0);
    bnt_query_int(event, 4, e->time);
    return bnt_query_finish(event, err);
}

bantam_status bantam_profile_add(bantam_profile *profile, const bantam_profile_event *events,
                                 size_t n, bantam_error *err)
{
    bnt_query item, event;
    bantam_status status = BANTAM_OK;

    for (size_t i = 0; i < n && !status; i++)
        status = check_event(&events[i], i, err);
    if (!status) status = bnt_profile_begin(profile, err);
    if (status) return status;
    bnt_query_open(&item, profile,
                   "INSERT INTO items(id, title, text) VALUES(?1, ?2, ?3) ON CONFLICT(id) DO "
                   "UPDATE SET title = CASE excluded.title WHEN '' THEN title ELSE "
                   "excluded.title END, text = CASE excluded.text WHEN '' THEN text ELSE "
                   "excluded.text END");
    bnt_query_open(&event, profile,
                   "INSERT INTO events(item, kind, seconds, time) SELECT key, ?2, ?3, ?4 FROM "
                   "items WHERE id = ?1");
    for (size_t i = 0; i < n && !status; i++)
        status = add_event(&item, &event, &events[i], err);
    bnt_query_close(&item);
    bnt_query_close(&event);
    return bnt_profile_end(profile, status, err);
}

bantam_status bantam_profile_events(bantam_profile *profile, bantam_profile_event_fn fn,
                                    void *user, bantam_error *err)
{
    bnt_query q;
    bool row = true, more = true;
    bantam_status status = BANTAM_OK;

    /* An item's number is that of its first event among those of all items. */
    bnt_query_open(
        &q, profile,
        "SELECT i.id, i.title, i.text, e.kind, e.seconds, e.time, n.number FROM events e JOIN "
        "items i ON i.key = e.item JOIN (SELECT item, row_number() OVER (ORDER BY min(time), "
        "min(key)) - 1 AS number FROM events GROUP BY item) n ON n.item = e.item ORDER BY "
        "e.time, e.key");
    while (!status && more) {
        status = bnt_query_step(&q, &row, err);
        if (status || !row) break;
        const bantam_profile_event e = {
            .id = bnt_query_column(&q, 0),
            .title = bnt_query_column(&q, 1),
            .text = bnt_query_column(&q, 2),
            .kind = (bantam_event_kind)sqlite3_column_int(q.statement, 3),
            .seconds = sqlite3_column_double(q.statement, 4),
            .time = sqlite3_column_int64(q.statement, 5)};
        status = check_event(&e, 0, NULL);
        if (status) {
            status = bnt_profile_fail(err, BANTAM_ERR_FORMAT,
                                      "%s: an event in it makes no sense", profile->path);
        } else {
            more = fn(user, &e, (size_t)sqlite3_column_int64(q.statement, 6));
        }
    }
    bnt_query_close(&q);
    return status;
}

/* ---- wishes ------------------------------------------------------------------------------ */

bantam_status bantam_profile_wish(bantam_profile *profile, bantam_text wish, int64_t time,
                                  bantam_error *err)
{
    bnt_query q;

    if (wish.size == 0 || !is_sound(wish, MAX_WISH_BYTES)) {
        return bnt_profile_fail(err, BANTAM_ERR_INVALID,
                                "expected a wish of 1 to %d bytes of UTF-8, found %zu bytes",
                                MAX_WISH_BYTES, wish.size);
    }
    bantam_status status = bnt_profile_begin(profile, err);
    if (status) return status;
    bnt_query_open(&q, profile,
                   "INSERT INTO wishes(text, time) VALUES(?1, ?2) ON CONFLICT(text) DO UPDATE "
                   "SET time = excluded.time");
    bnt_query_text(&q, 1, wish);
    bnt_query_int(&q, 2, time);
    status = bnt_query_finish(&q, err);
    bnt_query_close(&q);
    return bnt_profile_end(profile, status, err);
}

bantam_status bantam_profile_wishes(bantam_profile *profile, bantam_profile_wish_fn fn,
                                    void *user, bantam_error *err)
{
    bnt_query q;
    bool row = true, more = true;
    bantam_status status = BANTAM_OK;

    bnt_query_open(&q, profile, "SELECT text, time FROM wishes ORDER BY time, key");
    while (!status && more) {
        status = bnt_query_step(&q, &row, err);
        if (status || !row) break;
        more = fn(user, bnt_query_column(&q, 0), sqlite3_column_int64(q.statement, 1));
    }
    bnt_query_close(&q);
    return status;
}

/* ---- vectors ----------------------------------------------------------------------------- */

bantam_status bantam_profile_vector(bantam_profile *profile, const uint8_t model[32],
                                    uint64_t key, float *vector, uint32_t n, bool *found,
                                    bantam_error *err)
{
    bnt_query q;
    bool row;

    *found = false;
    bnt_query_open(&q, profile, "SELECT vector FROM vectors WHERE model = ?1 AND text = ?2");
    bnt_query_bytes(&q, 1, model, 32);
    bnt_query_int(&q, 2, (int64_t)key);
    const bantam_status status = bnt_query_step(&q, &row, err);
    if (row) {
        const void *const bytes = sqlite3_column_blob(q.statement, 0);
        const int size = sqlite3_column_bytes(q.statement, 0);
        *found = bytes && size >= 0 && (size_t)size == n * sizeof *vector;
        if (*found) memcpy(vector, bytes, (size_t)size);
    }
    bnt_query_close(&q);
    return status;
}

bantam_status bantam_profile_keep_vectors(bantam_profile *profile, const uint8_t model[32],
                                          const uint64_t *keys, size_t n_keys,
                                          const float *vectors, uint32_t n, bantam_error *err)
{
    bnt_query q;
    bantam_status status = bnt_profile_begin(profile, err);

    if (status) return status;
    bnt_query_open(&q, profile,
                   "INSERT OR REPLACE INTO vectors(model, text, vector) VALUES(?1, ?2, ?3)");
    for (size_t i = 0; i < n_keys && !status; i++) {
        bnt_query_bytes(&q, 1, model, 32);
        bnt_query_int(&q, 2, (int64_t)keys[i]);
        bnt_query_bytes(&q, 3, vectors + i * n, n * sizeof *vectors);
        status = bnt_query_finish(&q, err);
    }
    bnt_query_close(&q);
    if (!status) {
        bnt_query_open(&q, profile,
                       "DELETE FROM vectors WHERE key <= (SELECT max(key) FROM vectors) - ?1");
        bnt_query_int(&q, 1, MAX_VECTORS);
        status = bnt_query_finish(&q, err);
        bnt_query_close(&q);
    }
    return bnt_profile_end(profile, status, err);
}
