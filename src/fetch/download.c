/* download.c - one file over as many connections as it takes. */
#include "fetch/download.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "fetch/checksum.h"
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    HASH_DIGITS = 16, /* of the part's name */
    READ_BYTES = 1 << 20,
    FIRST_PAUSE_MS = 500,
    MAX_PAUSE_MS = 30000,
    MAX_ASKED_S = 120
};

/* The file under way. */
typedef struct part {
    bnt_download *d;
    char *path;        /* owns */
    int fd;            /* owns */
    uint64_t size;     /* in place, and hashed */
    bnt_checksum *sum; /* owns */
    bool restart;      /* what is in place is of no use to the server's answer */
} part;

static bantam_status no_memory(bantam_error *err)
{
    return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for a path");
}

static const char *hash_of(const bnt_hub_file *f)
{
    return *f->sha256 ? f->sha256 : f->git;
}

char *bnt_download_part(const char *folder, const bnt_hub_file *file)
{
    char name[BNT_HUB_MAX_PATH + HASH_DIGITS + 8];
    const char *const hash = hash_of(file);

    snprintf(name, sizeof name, "%s.%.*s.part", file->path, HASH_DIGITS,
             *hash ? hash : "unknown");
    return bnt_path_join(folder, name);
}

uint64_t bnt_download_left(const char *folder, const bnt_hub_file *file)
{
    struct stat st;
    char *const path = bnt_download_part(folder, file);
    const bool there = path && *hash_of(file) && stat(path, &st) == 0 && S_ISREG(st.st_mode);

    bnt_free(path);
    return there && (!file->has_bytes || (uint64_t)st.st_size <= file->bytes)
               ? (uint64_t)st.st_size
               : 0;
}

/* ---- the part ---------------------------------------------------------------------------- */

static bantam_status failed(const part *p, bantam_error *err)
{
    if (errno == ENOSPC || errno == EDQUOT) {
        return bnt_fail(err, BANTAM_ERR_IO,
                        "%s: the disk is full: %.1f MB are there and stay; make room and pull "
                        "again to go on",
                        p->path, (double)p->size / 1e6);
    }
    return bnt_fail(err, BANTAM_ERR_IO, "%s: cannot write: %s", p->path, strerror(errno));
}

static bantam_status cancelled(bantam_error *err)
{
    return bnt_fail(err, BANTAM_ERR_CANCELLED, "the download was stopped");
}

static bool tick(const part *p)
{
    const bnt_download_watch *const w = &p->d->watch;
    return !w->tick || w->tick(w->user, p->size);
}

static void note(const part *p, const char *text)
{
    if (p->d->watch.note) p->d->watch.note(p->d->watch.user, text);
}

/* Forgets what is in place: an empty file under the same name, and not the same one emptied,
 * which may be another model's, too. */
static bantam_status empty(part *p, bantam_error *err)
{
    (void)unlink(p->path);
    close(p->fd);
    p->fd = open(p->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (p->fd < 0) return failed(p, err);
    p->size = 0;
    if (p->sum) bnt_checksum_restart(p->sum);
    return BANTAM_OK;
}

/* Hashes what an earlier attempt has left. */
static bantam_status read_left(part *p, bantam_error *err)
{
    uint8_t *const block = (uint8_t *)bnt_alloc(READ_BYTES);
    bantam_status status = BANTAM_OK;
    ssize_t n = 1;

    if (!block) return no_memory(err);
    while (n > 0 && !status) {
        n = read(p->fd, block, READ_BYTES);
        if (n < 0 && errno == EINTR) {
            n = 1;
            continue;
        }
        if (n < 0) {
            status = bnt_fail(err, BANTAM_ERR_IO, "%s: %s", p->path, strerror(errno));
        } else {
            bnt_checksum_put(p->sum, block, (size_t)n);
            p->size += (uint64_t)n;
            if (!tick(p)) status = cancelled(err);
        }
    }
    bnt_free(block);
    return status;
}

/* The folders that a path below another folder needs. */
static bantam_status make_folder_of(const char *path, bantam_error *err)
{
    const bantam_text name = bnt_path_name(path);
    char *const folder = bnt_strdup(path, (size_t)(name.data - path));
    if (!folder) return no_memory(err);

    const size_t n = strlen(folder);
    if (n > 1) folder[n - 1] = '\0';
    const bantam_status status = bnt_store_make_folders(folder, err);
    bnt_free(folder);
    return status;
}

/* A file that an earlier attempt has brought to its end is looked at like any other part. */
static void take_complete(const part *p)
{
    char *const path = bnt_path_join(p->d->folder, p->d->file->path);

    if (path && bnt_file_kind_of(path) == BNT_FILE_REGULAR && !bnt_file_is_there(p->path)) {
        (void)rename(path, p->path);
    }
    bnt_free(path);
}

static void part_close(part *p)
{
    if (p->fd >= 0) close(p->fd);
    bnt_checksum_close(p->sum);
    bnt_free(p->path);
    p->fd = -1;
    p->sum = NULL;
    p->path = NULL;
}

static bantam_status part_open(part *p, bnt_download *d, bantam_error *err)
{
    const bnt_hub_file *const f = d->file;
    struct stat st;

    *p = (part){.d = d, .fd = -1, .path = bnt_download_part(d->folder, f)};
    if (!p->path) return no_memory(err);
    bantam_status status = make_folder_of(p->path, err);
    if (status) return status;
    take_complete(p);
    p->fd = open(p->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (p->fd < 0 || fstat(p->fd, &st)) {
        return bnt_fail(err, BANTAM_ERR_IO, "%s: %s", p->path, strerror(errno));
    }
    if (!S_ISREG(st.st_mode)) {
        return bnt_fail(err, BANTAM_ERR_IO, "%s: expected a regular file", p->path);
    }
    status = bnt_checksum_open(&p->sum, !*f->sha256 && *f->git, f->bytes, err);
    if (status) return status;
    const bool of_use = *hash_of(f) && (!f->has_bytes || (uint64_t)st.st_size <= f->bytes);
    return of_use ? read_left(p, err) : empty(p, err);
}

/* ---- an answer --------------------------------------------------------------------------- */

/* Takes from the answer what the listing did not say. */
static void learn(bnt_hub_file *f, const bnt_http_reply *r)
{
    if (!hash_of(f)[0]) {
        const bantam_text etag = {r->linked_etag, strlen(r->linked_etag)};
        bnt_hub_take_hash(etag, 64, f->sha256);
    }
    if (f->has_bytes) return;
    if (r->linked_size) {
        f->bytes = r->linked_size;
        f->has_bytes = true;
    } else if (r->status == 200 && r->has_length) {
        f->bytes = r->length;
        f->has_bytes = true;
    } else if (r->status == 206 && r->range_total) {
        f->bytes = r->range_total;
        f->has_bytes = true;
    }
}

/* Whether an answer to a request for the rest is that rest. */
static bool is_rest(const part *p, const bnt_http_reply *r)
{
    const bnt_hub_file *const f = p->d->file;
    return r->has_range && r->range_first == p->size &&
           (!r->range_total || !f->has_bytes || r->range_total == f->bytes);
}

static bantam_status on_begin(void *user, const bnt_http_reply *r, bantam_error *err)
{
    part *const p = (part *)user;
    bnt_hub_file *const f = p->d->file;

    if (r->status == 416 || (r->status == 206 && !is_rest(p, r))) {
        p->restart = true;
        return bnt_fail(err, BANTAM_ERR_FORMAT,
                        "%s: the server answers with other bytes than those from %" PRIu64
                        " on",
                        f->path, p->size);
    }
    if (r->status == 200 && p->size) {
        note(p, "the server begins anew");
        const bantam_status status = empty(p, err);
        if (status) return status;
    }
    learn(f, r);
    if (f->has_bytes && r->has_length && p->size + r->length != f->bytes) {
        return bnt_fail(err, BANTAM_ERR_FORMAT,
                        "%s: expected %" PRIu64 " bytes, the server offers %" PRIu64, f->path,
                        f->bytes, p->size + r->length);
    }
    return BANTAM_OK;
}

/* A write past the process's limit for file sizes raises SIGXFSZ, which kills by default. */
static bool within_limit(uint64_t end)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_FSIZE, &limit) || limit.rlim_cur == RLIM_INFINITY) return true;
    return end <= limit.rlim_cur;
}

static bantam_status on_put(void *user, const void *data, size_t size, bantam_error *err)
{
    part *const p = (part *)user;
    const bnt_hub_file *const f = p->d->file;
    const uint8_t *at = (const uint8_t *)data;

    if (f->has_bytes && size > f->bytes - p->size) {
        return bnt_fail(err, BANTAM_ERR_FORMAT, "%s: longer than its %" PRIu64 " bytes",
                        f->path, f->bytes);
    }
    if (!within_limit(p->size + size)) {
        errno = EFBIG;
        return failed(p, err);
    }
    bnt_checksum_put(p->sum, data, size);
    p->d->received += size;
    while (size) {
        const ssize_t n = write(p->fd, at, size);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) {
            if (n == 0) errno = ENOSPC;
            return failed(p, err);
        }
        at += n;
        size -= (size_t)n;
        p->size += (uint64_t)n;
    }
    return tick(p) ? BANTAM_OK : cancelled(err);
}

/* ---- tries ------------------------------------------------------------------------------- */

/* Waits before the next try. False where it is to stop. */
static bool pause_ms(const part *p, uint32_t ms)
{
    const uint64_t end = bnt_clock_ns() + (uint64_t)ms * 1000000;

    while (bnt_clock_ns() < end) {
        if (!tick(p)) return false;
        (void)poll(NULL, 0, 50);
    }
    return true;
}

/* What the server asks for, within reason, else what doubles with every try. */
static uint32_t pause_after(const bnt_http_reply *r, uint32_t ms)
{
    const uint32_t asked = r->retry_after < MAX_ASKED_S ? r->retry_after : MAX_ASKED_S;
    return asked ? asked * 1000 : ms;
}

/* One connection. */
static bantam_status once(part *p, bnt_http *http, bnt_http_reply *reply, bantam_error *err)
{
    const bnt_http_sink sink = {on_begin, on_put, p};
    const bnt_hub_file *const f = p->d->file;

    p->restart = false;
    bantam_status status = bnt_http_get(http, p->d->url, p->size, &sink, reply, err);
    if (!status && f->has_bytes && p->size < f->bytes) {
        reply->again = true;
        status = bnt_fail(err, BANTAM_ERR_IO, "the connection ended early");
    }
    return status;
}

/* As many connections as it takes to have all bytes in place. */
static bantam_status fetch(part *p, bnt_http *http, bantam_error *err)
{
    const bnt_hub_file *const f = p->d->file;
    uint32_t left = p->d->tries, pause = FIRST_PAUSE_MS;
    bool restarted = false;
    bnt_http_reply *const reply = &p->d->reply;
    char text[256];

    while (!f->has_bytes || p->size < f->bytes) {
        const uint64_t before = p->size;
        bantam_error why = {0};
        const bantam_status status = once(p, http, reply, &why);
        if (!status) return BANTAM_OK;
        if (p->restart && !restarted) {
            restarted = true;
            const bantam_status emptied = empty(p, err);
            if (emptied) return emptied;
            continue;
        }
        if (p->size > before) {
            left = p->d->tries;
            pause = FIRST_PAUSE_MS;
        }
        if (!reply->again || left <= 1) {
            if (err) *err = why;
            return status;
        }
        left--;
        snprintf(text, sizeof text, "%.200s; trying again", why.message);
        note(p, text);
        if (!pause_ms(p, pause_after(reply, pause))) {
            return cancelled(err);
        }
        pause = pause < MAX_PAUSE_MS / 2 ? pause * 2 : MAX_PAUSE_MS;
    }
    return BANTAM_OK;
}

/* Whether the content is what it should be. *wrong where it is not. */
static bantam_status verify(part *p, bool *wrong, bantam_error *err)
{
    const bnt_hub_file *const f = p->d->file;
    const char *const expected = hash_of(f);
    char found[65];

    *wrong = false;
    if (!bnt_checksum_end(p->sum, found)) {
        return bnt_fail(err, BANTAM_ERR_IO, "%s: its checksum cannot be computed", f->path);
    }
    p->d->verified = *expected && strcmp(expected, found) == 0;
    if (!*expected || p->d->verified) return BANTAM_OK;
    *wrong = true;
    return bnt_fail(err, BANTAM_ERR_FORMAT, "%s: %s: expected %s, found %s", f->path,
                    *f->sha256 ? "sha256" : "git sha1", expected, found);
}

/* Puts the complete part in place. */
static bantam_status finish(part *p, bantam_error *err)
{
    char *const path = bnt_path_join(p->d->folder, p->d->file->path);
    bantam_status status = BANTAM_OK;

    if (!path) return no_memory(err);
    if ((fsync(p->fd) && errno != EINVAL && errno != ENOSYS) || rename(p->path, path)) {
        status = failed(p, err);
    }
    bnt_free(path);
    return status;
}

bantam_status bnt_download_run(bnt_download *d, bnt_http *http, bantam_error *err)
{
    part p;
    bool wrong = false;
    bantam_status status = part_open(&p, d, err);

    d->verified = false;
    if (!status) status = fetch(&p, http, err);
    if (!status) status = verify(&p, &wrong, err);
    /* Wrong bytes may be old ones, from before the machine lost power: once more from the
     * first. */
    if (wrong) {
        note(&p, "the checksum is wrong; fetching it anew");
        wrong = false;
        status = empty(&p, err);
        if (!status) status = fetch(&p, http, err);
        if (!status) status = verify(&p, &wrong, err);
        if (status && wrong) unlink(p.path);
    }
    if (!status) status = finish(&p, err);
    part_close(&p);
    return status;
}
