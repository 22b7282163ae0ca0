/* prefixes.c - the longest known beginning of a prompt: chosen, put into a session, kept.
 *
 * A beginning may be known to the session itself, to a copy in memory and to a file. A copy
 * serves every shorter beginning too, as far as its windowed layers still have the rows that
 * would be looked at; a file serves only the tokens that its name is made of. Copies are whole
 * and own their bytes; the lock is held while one is made or read, so that none goes meanwhile.
 */
#include "session/prefixes.h"

#include "base/mem.h"
#include "base/options.h"
#include "session/core.h"

#include <inttypes.h>
#include <pthread.h>
#include <string.h>

/* Tokens of a copy and of a file: fewer are computed about as fast as a file is written. */
enum { LEAST = 32, LEAST_FILE = 128 };

/* Reading a token takes less than this part of computing it: docs/PREFIX.md. */
enum { WORTH = 16 };

static const uint64_t default_folder_bytes = (uint64_t)512 << 20;

typedef struct copy {
    struct copy *next; /* used less lately */
    uint64_t shape, bytes;
    bnt_state state; /* borrows what follows the struct */
    uint8_t data[];
} copy;

struct bantam_prefixes {
    char *folder; /* owns; NULL: none */
    uint64_t folder_bytes, memory_bytes;
    uint32_t least, least_file;

    pthread_mutex_t lock; /* of what follows */
    copy *copies;         /* owns; the one used last first */
    uint64_t bytes;       /* of them all */
};

bantam_status bnt_prefixes_open(bnt_prefixes **out, const bantam_prefixes_options *options,
                                bantam_error *err)
{
    bantam_prefixes_options o = {.struct_size = sizeof o};

    *out = NULL;
    const bantam_status status = bnt_options_copy(&o, sizeof o, options, "prefix options", err);
    if (status) return status;
    bnt_prefixes *const p = bnt_calloc(1, sizeof *p);
    char *const folder = o.folder ? bnt_strdup(o.folder, strlen(o.folder)) : NULL;
    if (!p || (o.folder && !folder) || pthread_mutex_init(&p->lock, NULL)) {
        bnt_free(folder);
        bnt_free(p);
        return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for a keeper of prefixes");
    }
    p->folder = folder;
    p->folder_bytes = o.folder_bytes
                          ? o.folder_bytes
                          : bnt_kept_size_setting("BANTAM_PREFIX_MAX", default_folder_bytes);
    p->memory_bytes = o.memory_bytes;
    p->least = o.least_tokens ? o.least_tokens : LEAST;
    p->least_file = o.least_file_tokens ? o.least_file_tokens : LEAST_FILE;
    *out = p;
    return BANTAM_OK;
}

/* The copy that a link leads to. */
static void drop(bnt_prefixes *p, copy **link)
{
    copy *const c = *link;

    *link = c->next;
    p->bytes -= c->bytes;
    bnt_free(c);
}

void bnt_prefixes_close(bnt_prefixes *p)
{
    if (!p) return;
    while (p->copies)
        drop(p, &p->copies);
    pthread_mutex_destroy(&p->lock);
    bnt_free(p->folder);
    bnt_free(p);
}

/* ---- what is known ----------------------------------------------------------------------- */

/* How many of the first `most` tokens the copy can stand for. */
static uint32_t serves(const copy *c, const bnt_session *s, const uint32_t *tokens,
                       uint32_t most)
{
    uint32_t n = 0;

    if (most > c->state.position) most = c->state.position;
    while (n < most && bnt_state_token(&c->state, n) == tokens[n])
        n++;
    return c->state.kept <= bnt_cache_need(&s->cache, n) ? n : 0;
}

/* The link to the copy that stands for the most tokens; its address may be used under the lock
 * only. */
static copy **best_copy(bnt_prefixes *p, const bnt_session *s, uint64_t shape,
                        const uint32_t *tokens, uint32_t most, uint32_t *n)
{
    copy **best = NULL;

    *n = 0;
    for (copy **link = &p->copies; *link; link = &(*link)->next) {
        if ((*link)->shape != shape) continue;
        const uint32_t served = serves(*link, s, tokens, most);
        if (served > *n) {
            *n = served;
            best = link;
        }
    }
    return best;
}

static void use(bnt_prefixes *p, copy **link)
{
    copy *const c = *link;

    *link = c->next;
    c->next = p->copies;
    p->copies = c;
}

static uint32_t common(const bnt_session *s, const uint32_t *tokens, uint32_t most)
{
    uint32_t n = 0;

    if (most > s->position) most = s->position;
    while (n < most && s->tokens[n] == tokens[n])
        n++;
    return n;
}

/* Whether to read n tokens rather than to compute those that are not held. */
static bool pays(uint32_t n, uint32_t held)
{
    return n > held && (uint64_t)(n - held) * WORTH >= n;
}

/* ---- copies ------------------------------------------------------------------------------ */

/* Copies that the new one makes needless, and those that have to go for it. Windowed layers of
 * a longer copy may lack what a shorter one has. */
static void make_way(bnt_prefixes *p, const bnt_session *s, uint64_t shape, uint64_t bytes)
{
    for (copy **link = &p->copies; *link;) {
        const copy *const c = *link;
        const bool within = c->shape == shape && !s->cache.window &&
                            serves(c, s, s->tokens, s->position) == c->state.position;
        if (within) {
            drop(p, link);
        } else {
            link = &(*link)->next;
        }
    }
    while (p->copies && p->bytes > p->memory_bytes - bytes) {
        copy **link = &p->copies;
        while ((*link)->next)
            link = &(*link)->next;
        drop(p, link);
    }
}

/* Under the lock. Whether there is a copy of the session's n tokens afterwards. */
static bool keep_copy(bnt_prefixes *p, const bnt_session *s, uint64_t shape)
{
    const uint32_t n = s->position, kept = s->cache.window ? s->cache.low : 0;
    uint32_t known = 0;

    copy **const link = best_copy(p, s, shape, s->tokens, n, &known);
    if (link && known == n) {
        use(p, link);
        return true;
    }
    const uint64_t rows = bnt_state_copy_bytes(s, n, kept), bytes = sizeof(copy) + rows;
    if (bytes > p->memory_bytes) return false;
    make_way(p, s, shape, bytes);
    copy *const c = bnt_alloc((size_t)bytes);
    if (!c) return false;
    c->shape = shape;
    c->bytes = bytes;
    bnt_state_copy(&c->state, s, n, kept, c->data);
    c->next = p->copies;
    p->copies = c;
    p->bytes += bytes;
    return true;
}

/* Keys of the `call` rope depend on what is fed after them in the same call. */
static bool reuses(const bnt_session *s)
{
    return s->model->config.int8_rope != BANTAM_ROPE_CALL;
}

static bool keep(bnt_prefixes *p, const bnt_session *s, uint64_t shape)
{
    if (!p->memory_bytes || s->position < p->least || !bnt_state_can_cut(s, s->position)) {
        return false;
    }
    pthread_mutex_lock(&p->lock);
    const bool kept = keep_copy(p, s, shape);
    pthread_mutex_unlock(&p->lock);
    return kept;
}

bool bnt_prefixes_keep(bnt_prefixes *p, const bnt_session *s)
{
    return reuses(s) && keep(p, s, bnt_state_shape(s));
}

/* ---- a prompt ---------------------------------------------------------------------------- */

typedef struct prompt {
    bnt_session *s;
    const uint32_t *tokens;
    uint32_t n, most; /* of them; that may be taken from somewhere: one is left to compute */
    uint64_t shape;
    uint32_t held;  /* of them, by the session */
    uint32_t *from; /* the count of where it has them from, in fed */
    bantam_prefixes_fed fed;
} prompt;

/* From now on the session holds the first n, which come from there. */
static void now_held(prompt *r, uint32_t n, uint32_t *from)
{
    r->held = n;
    r->from = from;
}

static void take_copy(bnt_prefixes *p, prompt *r)
{
    uint32_t n = 0;

    if (!p->memory_bytes) return;
    pthread_mutex_lock(&p->lock);
    copy **const link = best_copy(p, r->s, r->shape, r->tokens, r->most, &n);
    if (link && pays(n, r->held)) {
        bnt_state_apply_beginning(r->s, &(*link)->state, n);
        use(p, link);
        now_held(r, n, &r->fed.n_memory);
    }
    pthread_mutex_unlock(&p->lock);
}

/* A file that does not serve is gone; then a shorter one may. */
static void take_file(const bnt_prefixes *p, prompt *r)
{
    bnt_prefix_found found;

    if (!p->folder) return;
    for (uint32_t most = r->most; most; most = found.n_tokens - 1) {
        bnt_prefix_find(&found, p->folder, r->shape, r->tokens, most);
        if (!found.path || !pays(found.n_tokens, r->held)) {
            bnt_free(found.path);
            return;
        }
        const bool loaded = bnt_prefix_load(r->s, found.path, r->tokens, found.n_tokens);
        bnt_free(found.path);
        if (loaded) {
            now_held(r, found.n_tokens, &r->fed.n_file);
            return;
        }
        if (!r->s->position) now_held(r, 0, &r->fed.n_session); /* emptied by the attempt */
    }
}

/* The session's own beginning, and what it is about to forget. */
static void look_at_session(bnt_prefixes *p, prompt *r)
{
    const uint32_t own = common(r->s, r->tokens, r->most);

    if (r->s->position - own >= p->least) (void)keep(p, r->s, r->shape);
    now_held(r, bnt_cache_ready(&r->s->cache, own) ? own : 0, &r->fed.n_session);
}

static bantam_status feed_to(prompt *r, uint32_t end, bantam_error *err)
{
    const bantam_status status =
        bnt_session_feed(r->s, r->tokens + r->held, end - r->held, err);

    if (status) return status;
    r->fed.n_computed += end - r->held;
    r->held = end;
    return BANTAM_OK;
}

static void save_shared(bnt_prefixes *p, prompt *r, uint32_t n)
{
    (void)keep(p, r->s, r->shape);
    if (!p->folder || n < p->least_file || !bnt_state_can_cut(r->s, n)) return;
    r->fed.saved =
        !bnt_prefix_save(r->s, p->folder, p->folder_bytes, r->shape, n, &r->fed.saving);
}

/* The shared part, which is kept, and the rest. */
static bantam_status feed_rest(bnt_prefixes *p, prompt *r, uint32_t n_shared, bantam_error *err)
{
    const bool copies = p->memory_bytes && n_shared >= p->least;
    const bool files = p->folder && n_shared >= p->least_file;

    if (r->held < n_shared && (copies || files)) {
        const bantam_status status = feed_to(r, n_shared, err);
        if (status) return status;
        save_shared(p, r, n_shared);
    }
    return feed_to(r, r->n, err);
}

static bantam_status feed_known(bnt_prefixes *p, prompt *r, uint32_t n_shared,
                                bantam_error *err)
{
    r->most = r->n - 1;
    r->shape = bnt_state_shape(r->s);
    look_at_session(p, r);
    take_copy(p, r);
    take_file(p, r);
    *r->from = r->held;
    const bantam_status status = bnt_session_rewind(r->s, r->held, err);
    if (status) return status;
    return feed_rest(p, r, n_shared < r->most ? n_shared : r->most, err);
}

static bantam_status check(const bnt_session *s, const uint32_t *tokens, size_t n,
                           bantam_error *err)
{
    if (!n) return bnt_fail(err, BANTAM_ERR_INVALID, "an empty prompt has no logits after it");
    if (!tokens) {
        return bnt_fail(err, BANTAM_ERR_INVALID, "%zu tokens are announced, none is given", n);
    }
    if (n > s->context) {
        return bnt_fail(err, BANTAM_ERR_FULL,
                        "%zu tokens do not fit: the context has %" PRIu32 " positions", n,
                        s->context);
    }
    for (size_t i = 0; i < n; i++) {
        if (tokens[i] < s->n_vocab) continue;
        return bnt_fail(err, BANTAM_ERR_INVALID,
                        "token %zu of %zu: id %" PRIu32 ", the vocabulary has %" PRIu32, i, n,
                        tokens[i], s->n_vocab);
    }
    return BANTAM_OK;
}

bantam_status bnt_prefixes_feed(bnt_prefixes *p, bnt_session *s, const uint32_t *tokens,
                                size_t n, size_t n_shared, bantam_prefixes_fed *out,
                                bantam_error *err)
{
    prompt r = {.s = s, .tokens = tokens, .n = (uint32_t)n};

    if (out) memset(out, 0, sizeof *out);
    bantam_status status = check(s, tokens, n, err);
    if (status) return status;
    if (s->logits && s->position == r.n && common(s, tokens, r.n) == r.n) {
        r.fed.n_session = r.n;
    } else if (reuses(s)) {
        status = feed_known(p, &r, n_shared < n ? (uint32_t)n_shared : r.n, err);
    } else {
        status = bnt_session_rewind(s, 0, err);
        if (!status) status = feed_to(&r, r.n, err);
    }
    if (out) *out = r.fed;
    return status;
}
