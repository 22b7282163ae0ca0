/* fetch.c - a whole model: asked for, chosen, fetched file by file, put in place.
 *
 * Everything is put together in a folder of its own beside the models (.part--KEY), which
 * becomes the model's by one rename. Two processes that fetch the same model do not meet in it:
 * a lock on the folder itself sees to that, which the system takes back from a process that
 * dies.
 */
#include "bantam/fetch.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/options.h"
#include "base/text.h"
#include "fetch/download.h"
#include "fetch/http.h"
#include "fetch/hub.h"
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { DEFAULT_STALL_S = 60, DEFAULT_TRIES = 5, LISTING_TRIES = 3, MAX_TOKEN_FILE = 4096 };

static const char default_endpoint[] = "https://huggingface.co";

typedef struct work {
    bantam_fetch_options o;
    bnt_named named;
    char *endpoint, *models, *stage; /* owns */
    char key[BNT_STORE_KEY_BYTES];
    int lock; /* owns; below 0: none */
    bnt_http *http;
    bnt_hub_listing listing;
    bnt_hub_choice choice;
    const bnt_stored *old; /* the model as it is in the store; NULL: not there */
    bnt_store store;
    uint32_t index;         /* of the file under way, from 1 */
    uint64_t before, total; /* bytes of the files before it; of all */
    bool stopped;
    bantam_fetched *out;
} work;

static bantam_status no_memory(bantam_error *err)
{
    return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for the download");
}

static const char *setting(const char *name)
{
    const char *const value = getenv(name);
    return value && *value ? value : NULL;
}

static void note(const work *w, const char *text)
{
    if (w->o.note) w->o.note(w->o.user, text);
}

/* ---- settings ---------------------------------------------------------------------------- */

static bool is_offline(void)
{
    static const char *const yes[] = {"1", "on", "yes", "true"};
    const char *const value = setting("HF_HUB_OFFLINE");

    for (size_t i = 0; value && i < sizeof yes / sizeof yes[0]; i++) {
        if (strcasecmp(value, yes[i]) == 0) return true;
    }
    return false;
}

static bantam_status take_endpoint(work *w, bantam_error *err)
{
    const char *from = w->o.endpoint ? w->o.endpoint : setting("HF_ENDPOINT");
    if (!from) from = default_endpoint;

    size_t n = strlen(from);
    while (n && from[n - 1] == '/') {
        n--;
    }
    w->endpoint = bnt_strdup(from, n);
    return w->endpoint ? BANTAM_OK : no_memory(err);
}

/* The file in which the hub's own tools keep the token, owned by the caller; NULL where no
 * variable says where it could be. */
static char *token_path(void)
{
    static const char *const roots[][2] = {{"HF_HOME", "token"},
                                           {"XDG_CACHE_HOME", "huggingface/token"},
                                           {"HOME", ".cache/huggingface/token"}};
    const char *const own = setting("HF_TOKEN_PATH");

    if (own) return bnt_strdup(own, strlen(own));
    for (size_t i = 0; i < sizeof roots / sizeof roots[0]; i++) {
        const char *const root = setting(roots[i][0]);
        if (root) return bnt_path_join(root, roots[i][1]);
    }
    return NULL;
}

/* Reads the token, NUL-terminated, into a buf; empty where there is none. */
static void read_token(const work *w, bnt_buf *out)
{
    const char *const given = w->o.token ? w->o.token : setting("HF_TOKEN");

    if (given) {
        bnt_buf_puts(out, given);
    } else {
        char *const path = token_path();
        if (path) (void)bnt_file_read(path, out, NULL);
        bnt_free(path);
    }
    while (out->size && (unsigned char)out->data[out->size - 1] <= 0x20) {
        out->size--;
    }
    bnt_buf_putc(out, '\0');
}

/* ---- being watched ----------------------------------------------------------------------- */

static bool tell(work *w, uint64_t in_place)
{
    bantam_fetch_state s = {.n_files = (uint32_t)w->choice.n,
                            .index = w->index,
                            .done = w->before + in_place,
                            .total = w->total};

    if (!w->o.progress || w->stopped) return !w->stopped;
    if (w->index) {
        const char *const path = w->listing.files[w->choice.files[w->index - 1]].path;
        s.file = bnt_text_of(path);
    }
    w->stopped = !w->o.progress(w->o.user, &s);
    return !w->stopped;
}

static bool on_place(void *user, uint64_t in_place)
{
    return tell((work *)user, in_place);
}

static void on_note(void *user, const char *text)
{
    note((const work *)user, text);
}

/* While nothing comes: only whether to stop. */
static bool on_idle(void *user)
{
    work *const w = (work *)user;
    return w->index ? !w->stopped : tell(w, 0);
}

/* ---- what the hub says no to ------------------------------------------------------------- */

static bantam_status gated(const work *w, bool with_token, bantam_error *err)
{
    const char *const r = w->named.repository;

    if (with_token) {
        return bnt_fail(err, BANTAM_ERR_IO,
                        "%s: the hub does not give it to this account yet: accept its license "
                        "at %s/%s, then pull again",
                        w->named.name, w->endpoint, r);
    }
    return bnt_fail(
        err, BANTAM_ERR_IO,
        "%s: is gated: accept its license at %s/%s, then set HF_TOKEN to a token of "
        "that account (%s/settings/tokens)",
        w->named.name, w->endpoint, r, w->endpoint);
}

/* In the user's words, where the hub's status is one of those a user can do something about. */
static bantam_status explain(const work *w, const bnt_http_reply *r, bantam_status status,
                             bantam_error *err)
{
    const bool token = bnt_http_has_token(w->http);
    const bool is_gated = strcmp(r->error_code, "GatedRepo") == 0 || w->listing.gated;

    if (r->status == 401 && is_gated && !token) return gated(w, false, err);
    if (r->status == 401 && token) {
        return bnt_fail(err, status,
                        "%s: the hub does not accept the token of HF_TOKEN, or there is no "
                        "repository %s",
                        w->named.name, w->named.repository);
    }
    if (r->status == 401 || (r->status == 404 && !w->index)) {
        return bnt_fail(
            err, status,
            "%s: the hub has no repository %s, or it is private and HF_TOKEN is not "
            "set",
            w->named.name, w->named.repository);
    }
    if (r->status == 403) return gated(w, token, err);
    return bnt_fail_within(err, status, "%s: ", w->named.name);
}

/* ---- the listing ------------------------------------------------------------------------- */

static bantam_status listing_begin(void *user, const bnt_http_reply *r, bantam_error *err)
{
    bnt_buf_clear((bnt_buf *)user);
    if (r->status == 200) return BANTAM_OK;
    return bnt_fail(err, BANTAM_ERR_FORMAT, "the server answers %ld to a plain request",
                    r->status);
}

static bantam_status listing_put(void *user, const void *data, size_t size, bantam_error *err)
{
    bnt_buf_put((bnt_buf *)user, data, size);
    return bnt_buf_status((bnt_buf *)user, "the hub's answer", err);
}

static bantam_status ask(work *w, const char *url, bnt_buf *answer, bantam_error *err)
{
    const bnt_http_sink sink = {listing_begin, listing_put, answer};
    bnt_http_reply reply;
    bantam_status status = BANTAM_ERR_IO;

    for (int i = 0; i < LISTING_TRIES; i++) {
        if (i) (void)poll(NULL, 0, 500 * i);
        status = bnt_http_get(w->http, url, 0, &sink, &reply, err);
        if (!status || !reply.again) break;
    }
    if (status == BANTAM_ERR_IO) status = explain(w, &reply, status, err);
    return status;
}

static bantam_status get_listing(work *w, bantam_error *err)
{
    bnt_buf url, answer;

    bnt_buf_init(&url, 1 << 12);
    bnt_buf_init(&answer, BNT_HUB_MAX_ANSWER);
    bnt_hub_put_listing_url(&url, w->endpoint, w->named.repository);
    bnt_buf_putc(&url, '\0');
    bantam_status status = bnt_buf_status(&url, "the hub's address", err);
    if (!status) status = ask(w, url.data, &answer, err);
    if (!status) {
        status = bnt_hub_read(&w->listing, w->named.repository, answer.data ? answer.data : "",
                              answer.size, err);
    }
    bnt_buf_deinit(&answer);
    bnt_buf_deinit(&url);
    return status;
}

/* ---- the store --------------------------------------------------------------------------- */

/* Takes the folder that the model is put together in, and a lock on it. Waits for nobody: two
 * downloads of one model are one too many. */
static bantam_status take_stage(work *w, bantam_error *err)
{
    struct stat held, there;

    /* Between the opening and the locking another process may have finished, and made the
     * folder the model's. */
    for (int i = 0; i < 3; i++) {
        bnt_free(w->stage);
        const bantam_status status = bnt_store_stage(w->models, w->key, &w->stage, err);
        if (status) return status;
        if (w->lock >= 0) close(w->lock);
        w->lock = open(w->stage, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (w->lock < 0 || flock(w->lock, LOCK_EX | LOCK_NB)) {
            const bool busy = w->lock >= 0 && errno == EWOULDBLOCK;
            return bnt_fail(err, BANTAM_ERR_IO, "%s: %s", busy ? w->named.name : w->stage,
                            busy ? "is being fetched by another process" : strerror(errno));
        }
        if (!fstat(w->lock, &held) && !stat(w->stage, &there) && held.st_ino == there.st_ino) {
            return BANTAM_OK;
        }
    }
    return bnt_fail(err, BANTAM_ERR_IO, "%s: is being fetched by other processes",
                    w->named.name);
}

/* Whether a name in the folder being put together belongs to what is wanted: a file of it, its
 * part, or a folder on the way to one. */
static bool is_wanted(const work *w, const char *inner)
{
    const size_t n = strlen(inner);
    bool wanted = false;

    for (size_t i = 0; i < w->choice.n && !wanted; i++) {
        const bnt_hub_file *const f = &w->listing.files[w->choice.files[i]];
        char *const part = bnt_download_part("", f);
        wanted = strncmp(f->path, inner, n) == 0 && (!f->path[n] || f->path[n] == '/');
        if (part && strcmp(part + 1, inner) == 0) wanted = true;
        bnt_free(part);
    }
    return wanted;
}

/* Removes what an attempt at other content has left in one folder of it. */
static bantam_status tidy(const work *w, const char *inner, bantam_error *err)
{
    char **names = NULL, path[BNT_HUB_MAX_PATH + 300];
    size_t n = 0;
    char *const folder = bnt_path_join(w->stage, inner);

    if (!folder) return no_memory(err);
    bantam_status status = BANTAM_OK;
    if (bnt_file_kind_of(folder) == BNT_FILE_FOLDER) {
        status = bnt_file_list(folder, 1 << 16, &names, &n, err);
    }
    for (size_t i = 0; i < n && !status; i++) {
        snprintf(path, sizeof path, "%s%s%s", inner, *inner ? "/" : "", names[i]);
        if (is_wanted(w, path)) continue;
        char *const whole = bnt_path_join(w->stage, path);
        status = whole ? bnt_store_remove_tree(whole, err) : no_memory(err);
        bnt_free(whole);
    }
    bnt_free((void *)names);
    bnt_free(folder);
    return status;
}

static bantam_status tidy_all(const work *w, bantam_error *err)
{
    char inner[BNT_HUB_MAX_PATH];

    bantam_status status = tidy(w, "", err);
    const char *const slash = strrchr(w->choice.open, '/');
    if (!status && slash) {
        snprintf(inner, sizeof inner, "%.*s", (int)(slash - w->choice.open), w->choice.open);
        status = tidy(w, inner, err);
    }
    return status;
}

/* Finds the model as it is in the store now. */
static bantam_status look_up(work *w, bantam_error *err)
{
    w->old = NULL;
    bnt_store_close(&w->store);
    const bantam_status status = bnt_store_read(&w->store, err);

    for (size_t i = 0; i < w->store.n && !status; i++) {
        const bnt_stored *const s = &w->store.items[i];
        if (strcasecmp(s->repository, w->named.repository) == 0 &&
            strcasecmp(s->form, w->choice.form) == 0) {
            w->old = s;
        }
    }
    return status;
}

/* ---- room -------------------------------------------------------------------------------- */

/* Whether the file can be taken over from the model as it is now, and is so. */
static bool take_over(const work *w, const bnt_hub_file *f)
{
    bool taken = false;

    if (!w->old || !*f->sha256 || !f->has_bytes) return false;
    if (!bnt_store_has(w->old->folder, f->path, f->bytes, f->sha256)) return false;
    char *const from = bnt_path_join(w->old->folder, f->path);
    char *const to = bnt_path_join(w->stage, f->path);
    if (from && to) taken = link(from, to) == 0 || errno == EEXIST;
    bnt_free(from);
    bnt_free(to);
    return taken;
}

/* Bytes still to come, as far as the listing says. */
static uint64_t missing_bytes(const work *w)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < w->choice.n; i++) {
        const bnt_hub_file *const f = &w->listing.files[w->choice.files[i]];
        if (w->old && *f->sha256 &&
            bnt_store_has(w->old->folder, f->path, f->bytes, f->sha256)) {
            continue;
        }
        struct stat st;
        char *const path = bnt_path_join(w->stage, f->path);
        const bool whole = path && stat(path, &st) == 0 && (uint64_t)st.st_size == f->bytes;
        bnt_free(path);
        /* At most 2048 files of 2^44 bytes: the sum stays below 2^55. */
        if (!whole && f->has_bytes) sum += f->bytes - bnt_download_left(w->stage, f);
    }
    return sum;
}

static bantam_status check_room(const work *w, bantam_error *err)
{
    const uint64_t missing = missing_bytes(w);
    struct statvfs st;

    if (statvfs(w->stage, &st)) return BANTAM_OK; /* the writes will tell */
    const double room = (double)st.f_bavail * (double)st.f_frsize;
    if ((double)missing < room) return BANTAM_OK;
    return bnt_fail(err, BANTAM_ERR_IO,
                    "%s: needs %.1f MB more, and %s has %.1f MB left: make room, or set "
                    "BANTAM_HOME to another disk",
                    w->named.name, (double)missing / 1e6, w->models, room / 1e6);
}

/* ---- files ------------------------------------------------------------------------------- */

static bantam_status get_file(work *w, bnt_hub_file *f, bantam_error *err)
{
    bnt_buf url;
    bnt_download d = {
        .folder = w->stage, .file = f, .tries = w->o.tries, .watch = {on_place, on_note, w}};

    if (take_over(w, f)) {
        w->out->n_verified++;
        return BANTAM_OK;
    }
    bnt_buf_init(&url, 1 << 13);
    bnt_hub_put_file_url(&url, w->endpoint, w->listing.repository, w->listing.revision,
                         f->path);
    bnt_buf_putc(&url, '\0');
    bantam_status status = bnt_buf_status(&url, "the file's address", err);
    d.url = url.data;
    if (!status) {
        status = bnt_download_run(&d, w->http, err);
        if (status == BANTAM_ERR_IO && d.reply.status >= 400) {
            status = explain(w, &d.reply, status, err);
        }
    }
    w->out->received += d.received;
    if (d.verified) w->out->n_verified++;
    bnt_buf_deinit(&url);
    return status;
}

static bantam_status get_files(work *w, bantam_error *err)
{
    bantam_status status = BANTAM_OK;

    for (size_t i = 0; i < w->choice.n && !status; i++) {
        bnt_hub_file *const f = &w->listing.files[w->choice.files[i]];
        w->index = (uint32_t)i + 1;
        if (!tell(w, 0)) {
            return bnt_fail(err, BANTAM_ERR_CANCELLED, "the download was stopped");
        }
        status = get_file(w, f, err);
        w->before += f->bytes;
        if (w->total < w->before) w->total = w->before;
    }
    return status;
}

/* ---- the end ----------------------------------------------------------------------------- */

static const char *license_of(const work *w)
{
    if (w->named.row) return w->named.row->license;
    return w->listing.license;
}

static bantam_status write_manifest(const work *w, bantam_error *err)
{
    bnt_stored_file *const files = (bnt_stored_file *)bnt_calloc(w->choice.n, sizeof *files);
    if (!files) return no_memory(err);

    for (size_t i = 0; i < w->choice.n; i++) {
        const bnt_hub_file *const f = &w->listing.files[w->choice.files[i]];
        files[i] = (bnt_stored_file){f->path, f->sha256, f->bytes};
    }
    const bnt_manifest m = {
        .name = w->out->name,
        .repository = w->listing.repository,
        .form = w->choice.form,
        .revision = w->listing.revision,
        .license = license_of(w),
        .open = w->choice.open,
        .files = files,
        .n_files = w->choice.n,
    };
    const bantam_status status = bnt_store_write(w->stage, &m, err);
    bnt_free(files);
    return status;
}

static bantam_status put_in_place(work *w, bantam_error *err)
{
    bantam_status status = tidy_all(w, err);
    if (!status) status = write_manifest(w, err);
    if (!status) status = bnt_store_install(w->models, w->key, w->stage, err);
    return status;
}

/* Says where the model is and what it is called. */
static bantam_status report(work *w, bantam_error *err)
{
    bantam_fetched *const out = w->out;
    const char *const open = w->choice.open;
    const int n = snprintf(out->path, sizeof out->path, "%s/%s%s%s", w->models, w->key,
                           *open ? "/" : "", open);

    if (n < 0 || (size_t)n >= sizeof out->path) {
        return bnt_fail(err, BANTAM_ERR_FULL, "%s: the path is too long", w->models);
    }
    snprintf(out->repository, sizeof out->repository, "%s", w->listing.repository);
    snprintf(out->revision, sizeof out->revision, "%s", w->listing.revision);
    snprintf(out->license, sizeof out->license, "%s", license_of(w));
    bnt_registry_name(out->repository, w->choice.form, out->name, sizeof out->name);
    out->n_files = (uint32_t)w->choice.n;
    out->bytes = 0;
    for (size_t i = 0; i < w->choice.n; i++) {
        out->bytes += w->listing.files[w->choice.files[i]].bytes;
    }
    w->total = out->bytes;
    return BANTAM_OK;
}

/* ---- all of it --------------------------------------------------------------------------- */

static bantam_status set_up(work *w, const char *name, bantam_error *err)
{
    bnt_buf token;

    bantam_status status = bnt_registry_find(name, &w->named, err);
    if (!status) status = take_endpoint(w, err);
    if (!status) status = bnt_store_folder(&w->models, err);
    if (!status && !w->models) {
        status = bnt_fail(err, BANTAM_ERR_IO,
                          "no place for models: set BANTAM_HOME or HOME to a folder");
    }
    if (!status) status = bnt_store_make_folders(w->models, err);
    if (status) return status;

    bnt_buf_init(&token, MAX_TOKEN_FILE);
    read_token(w, &token);
    const bnt_http_options options = {
        .endpoint = w->endpoint,
        .token = token.data && !token.failed ? token.data : "",
        .stall_seconds = w->o.stall_seconds,
        .tick = on_idle,
        .user = w,
    };
    status = bnt_http_open(&w->http, &options, err);
    if (!status && *options.token && !bnt_http_has_token(w->http)) {
        note(w, "the token is kept back: HF_ENDPOINT is http, and it is not sent in the clear");
    }
    bnt_buf_deinit(&token);
    return status;
}

/* Whether the model in the store is the hub's already, and whole. */
static bool is_current(const work *w)
{
    bool current =
        w->old && *w->listing.revision && strcmp(w->old->revision, w->listing.revision) == 0;

    for (size_t i = 0; i < w->choice.n && current; i++) {
        const bnt_hub_file *const f = &w->listing.files[w->choice.files[i]];
        struct stat st;
        char *const path = bnt_path_join(w->old->folder, f->path);
        current =
            path && stat(path, &st) == 0 && (!f->has_bytes || (uint64_t)st.st_size == f->bytes);
        bnt_free(path);
    }
    return current;
}

/* From the listing to the lock: what is to be fetched, if anything is. */
static bantam_status prepare(work *w, bantam_error *err)
{
    bantam_status status = get_listing(w, err);

    if (!status) status = bnt_hub_choose(&w->listing, &w->named, &w->choice, err);
    if (status) return status;
    bnt_store_key(w->listing.repository, w->choice.form, w->key);
    status = report(w, err);
    if (!status) status = look_up(w, err);
    w->out->was_there = !status && is_current(w);
    if (status || w->out->was_there) return status;
    if (w->listing.gated && !bnt_http_has_token(w->http)) return gated(w, false, err);

    status = take_stage(w, err);
    if (!status) status = look_up(w, err); /* another process may have been at it */
    w->out->was_there = !status && is_current(w);
    if (w->out->was_there) status = bnt_store_remove_tree(w->stage, err);
    return status;
}

static bantam_status run(work *w, bantam_error *err)
{
    bantam_status status = prepare(w, err);

    if (status || w->out->was_there) return status;
    status = tidy_all(w, err);
    if (!status) status = check_room(w, err);
    if (!status) status = get_files(w, err);
    if (!status) status = report(w, err); /* sizes that no listing had are known by now */
    if (!status) status = put_in_place(w, err);
    if (!status && w->out->n_verified < w->out->n_files) {
        note(w, "for some files the hub gives no hash: their sizes are all that was checked");
    }
    return status;
}

static void tear_down(work *w)
{
    bnt_http_close(w->http);
    bnt_hub_choice_close(&w->choice);
    bnt_hub_close(&w->listing);
    bnt_store_close(&w->store);
    if (w->lock >= 0) close(w->lock);
    bnt_free(w->stage);
    bnt_free(w->models);
    bnt_free(w->endpoint);
}

bantam_status bantam_fetch(const char *name, const bantam_fetch_options *options,
                           bantam_fetched *out, bantam_error *err)
{
    bantam_fetched none;
    work w = {.lock = -1, .out = out ? out : &none};

    *w.out = (bantam_fetched){.bytes = 0};
    w.o = (bantam_fetch_options){.struct_size = sizeof w.o};
    bantam_status status = bnt_options_copy(&w.o, sizeof w.o, options, "fetch options", err);
    if (!w.o.stall_seconds) w.o.stall_seconds = DEFAULT_STALL_S;
    if (!w.o.tries) w.o.tries = DEFAULT_TRIES;
    if (!status && is_offline()) {
        status = bnt_fail(err, BANTAM_ERR_IO, "HF_HUB_OFFLINE is set: nothing is fetched");
    }
    if (!status) status = set_up(&w, name, err);
    if (!status) status = run(&w, err);
    tear_down(&w);
    if (status) *w.out = (bantam_fetched){.bytes = 0};
    return status;
}
