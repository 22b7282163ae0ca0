/* map.c - files mapped for reading, and the signal of a page that is gone.
 *
 * A signal handler can be told nothing, so that the live mappings stand in a table of fixed
 * size that it can read without a lock. The table and the handlers found before ours are
 * globals of the process because signal handlers are.
 */
#include "base/map.h"
#include "base/error.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef MAP_ANONYMOUS
#define MAP_ANONYMOUS MAP_ANON
#endif

enum {
    MAX_LIVE = 4096, /* four models of the most shards allowed */
    MAX_FOUND = 16
};

/* One live mapping.
 *
 * turn is odd while start and end are valid; it grows on every open and close. The handler
 * reads turn, start, end and turn again, and believes them when turn was odd and the same:
 * a slot that changes hands in between is skipped, and rightly, because a mapping that someone
 * reads from is not closed meanwhile. */
typedef struct slot {
    atomic_bool taken;
    atomic_uint turn;
    atomic_uintptr_t start, end; /* end is that of the last page */
    atomic_bool damaged;
} slot;

static slot live[MAX_LIVE];
static uintptr_t page_size; /* always the same; written before the handler is installed */

/* Handlers found where ours was to be installed, oldest first. */
static struct sigaction found[MAX_FOUND];
static atomic_uint n_found;

struct bnt_map {
    int fd;              /* owns; -1 for borrowed memory */
    const uint8_t *data; /* owns where there is a slot, else borrows; NULL when size is 0 */
    size_t size;
    slot *slot; /* owns */
};

/* ---- the handler: async-signal-safe, no lock, no memory ---- */

static slot *find_slot(uintptr_t address, uintptr_t *end)
{
    for (size_t i = 0; i < MAX_LIVE; i++) {
        slot *const s = &live[i];
        const unsigned turn = atomic_load(&s->turn);
        if (turn % 2 == 0) continue;
        const uintptr_t start = atomic_load(&s->start);
        *end = atomic_load(&s->end);
        if (atomic_load(&s->turn) != turn) continue;
        if (address >= start && address < *end) return s;
    }
    return NULL;
}

/* Puts zero pages from the missing one to the end of the mapping: what lies behind a page that
 * is gone is gone too, and a cut of a gigabyte must not cost a signal per page. Zero pages that
 * are only read take no memory. */
static bool heal(uintptr_t address)
{
    uintptr_t end;
    slot *const s = find_slot(address, &end);
    if (!s) return false;
    const uintptr_t page = address & ~(page_size - 1);
    atomic_store(&s->damaged, true);
    return mmap((void *)page, end - page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
                -1, 0) != MAP_FAILED;
}

/* What the system would have done without any handler: the fault happens again, or the signal
 * comes again, and finds none. */
static void give_up(const siginfo_t *info)
{
    const struct sigaction plain = {.sa_handler = SIG_DFL};
    sigaction(SIGBUS, &plain, NULL);
    if (info->si_code <= 0) raise(SIGBUS);
}

/* Passes a signal that is not ours to the handler found before ours.
 *
 * That handler may have been installed over an earlier ours and pass on in its turn: then we
 * are called from inside of this function, for the same info and deeper in the stack, and go
 * one handler further back instead of around for ever. A handler that left with siglongjmp
 * leaves `passing` behind, which does no harm: the next signal, should its info lie at the same
 * place, comes from the system and so at the same depth. */
static void pass_on(int number, siginfo_t *info, void *context)
{
    static _Thread_local struct {
        const siginfo_t *info;
        uintptr_t frame;
        unsigned level;
    } passing;
    const uintptr_t frame = (uintptr_t)__builtin_frame_address(0);
    const unsigned level =
        passing.info == info && frame < passing.frame ? passing.level + 1 : 0;
    const unsigned n = atomic_load(&n_found);
    passing.info = info;
    passing.frame = frame;
    passing.level = level;

    const struct sigaction *const next = level < n ? &found[n - 1 - level] : NULL;
    if (next && next->sa_flags & SA_SIGINFO) {
        next->sa_sigaction(number, info, context);
    } else if (next && next->sa_handler != SIG_DFL && next->sa_handler != SIG_IGN) {
        next->sa_handler(number);
    } else if (!next || next->sa_handler == SIG_DFL || info->si_code > 0) {
        give_up(info); /* a fault cannot be ignored */
    }
    passing.info = NULL;
}

static void on_sigbus(int number, siginfo_t *info, void *context)
{
    const int saved = errno;
    /* si_code is positive for faults; a signal sent with kill() has no address. */
    if (info->si_code <= 0 || !heal((uintptr_t)info->si_addr)) pass_on(number, info, context);
    errno = saved;
}

static bool is_same_handler(const struct sigaction *a, const struct sigaction *b)
{
    if ((a->sa_flags & SA_SIGINFO) != (b->sa_flags & SA_SIGINFO)) return false;
    return a->sa_flags & SA_SIGINFO ? a->sa_sigaction == b->sa_sigaction
                                    : a->sa_handler == b->sa_handler;
}

/* Installs the handler unless it is in place: the program may have put another one there since.
 * Returns an errno. */
static int install(void)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    struct sigaction ours = {.sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    struct sigaction current;
    sigemptyset(&ours.sa_mask);

    pthread_mutex_lock(&lock);
    if (!page_size) page_size = (uintptr_t)sysconf(_SC_PAGESIZE);
    int reason = sigaction(SIGBUS, NULL, &current) ? errno : 0;
    if (!reason && !is_same_handler(&current, &ours)) {
        /* The handler may run as soon as it is installed: what it passes on to stands first.
         * A program that goes on inventing handlers is followed only so far. */
        const unsigned n = atomic_load(&n_found);
        const bool known = n && is_same_handler(&current, &found[n - 1]);
        if (!known && n < MAX_FOUND) {
            found[n] = current;
            atomic_store(&n_found, n + 1);
        }
        if ((known || n < MAX_FOUND) && sigaction(SIGBUS, &ours, NULL)) reason = errno;
    }
    pthread_mutex_unlock(&lock);
    return reason;
}

/* ---- slots ---- */

static slot *take_slot(void)
{
    for (size_t i = 0; i < MAX_LIVE; i++) {
        if (!atomic_exchange(&live[i].taken, true)) return &live[i];
    }
    return NULL;
}

static void slot_begin(slot *s, const uint8_t *data, size_t size)
{
    const uintptr_t start = (uintptr_t)data;
    atomic_store(&s->start, start);
    atomic_store(&s->end, (start + size + page_size - 1) & ~(page_size - 1));
    atomic_store(&s->damaged, false);
    atomic_fetch_add(&s->turn, 1);
}

static void slot_end(slot *s)
{
    if (atomic_load(&s->turn) % 2) atomic_fetch_add(&s->turn, 1);
    atomic_store(&s->taken, false);
}

/* ---- open and close ---- */

/* Opens path into map->fd and proves that it is a regular file. */
static bantam_status open_regular(bnt_map *map, const char *path, bantam_error *err)
{
    struct stat st;
    do { /* O_NONBLOCK: opening a FIFO would wait for its writer */
        map->fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    } while (map->fd < 0 && errno == EINTR);
    if (map->fd < 0 || fstat(map->fd, &st)) {
        return bnt_fail(err, BANTAM_ERR_IO, "%s: %s", path, strerror(errno));
    }
    if (!S_ISREG(st.st_mode)) {
        return bnt_fail(err, BANTAM_ERR_IO, "%s: expected a regular file, found %s", path,
                        S_ISDIR(st.st_mode) ? "a folder" : "a device, pipe or socket");
    }
    if (st.st_size < 0 || (uintmax_t)st.st_size > SIZE_MAX / 2) {
        return bnt_fail(err, BANTAM_ERR_IO, "%s: %jd bytes do not fit this machine's memory",
                        path, (intmax_t)st.st_size);
    }
    map->size = (size_t)st.st_size;
    return BANTAM_OK;
}

static bantam_status map_pages(bnt_map *map, const char *path, bantam_error *err)
{
    const int reason = install();
    if (reason) {
        return bnt_fail(err, BANTAM_ERR_IO, "%s: cannot install a signal handler: %s", path,
                        strerror(reason));
    }
    map->slot = take_slot();
    if (!map->slot) {
        return bnt_fail(err, BANTAM_ERR_NOMEM, "%s: more than %d files are mapped", path,
                        MAX_LIVE);
    }
    void *data = mmap(NULL, map->size, PROT_READ, MAP_PRIVATE, map->fd, 0);
    if (data == MAP_FAILED) {
        return bnt_fail(err, errno == ENOMEM ? BANTAM_ERR_NOMEM : BANTAM_ERR_IO,
                        "%s: cannot map %zu bytes: %s", path, map->size, strerror(errno));
    }
    map->data = data;
    slot_begin(map->slot, map->data, map->size);
    return BANTAM_OK;
}

bantam_status bnt_map_open(bnt_map **out, const char *path, bantam_error *err)
{
    *out = NULL;
    bnt_map *map = bnt_calloc(1, sizeof *map);
    if (!map) return bnt_fail(err, BANTAM_ERR_NOMEM, "%s: out of memory", path);
    map->fd = -1;

    bantam_status status = open_regular(map, path, err);
    if (!status && map->size) status = map_pages(map, path, err);
    if (status) {
        bnt_map_close(map);
        return status;
    }
    *out = map;
    return BANTAM_OK;
}

bantam_status bnt_map_wrap(bnt_map **out, const void *data, size_t size, bantam_error *err)
{
    *out = bnt_calloc(1, sizeof **out);
    if (!*out) return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory");
    **out = (bnt_map){.fd = -1, .data = data, .size = size};
    return BANTAM_OK;
}

void bnt_map_close(bnt_map *map)
{
    if (!map) return;
    /* The slot first: an address that is unmapped may be given to somebody else. */
    if (map->slot) slot_end(map->slot);
    if (map->slot && map->data) munmap((void *)(uintptr_t)map->data, map->size);
    if (map->fd >= 0) close(map->fd);
    bnt_free(map);
}

const uint8_t *bnt_map_data(const bnt_map *map)
{
    return map->data;
}

size_t bnt_map_size(const bnt_map *map)
{
    return map->size;
}

bool bnt_map_damaged(const bnt_map *map)
{
    return map->slot && atomic_load(&map->slot->damaged);
}

bool bnt_map_stamp_of(const bnt_map *map, bnt_map_stamp *out)
{
    struct stat st;
    if (map->fd < 0 || fstat(map->fd, &st)) return false;
#ifdef __APPLE__
    const struct timespec modified = st.st_mtimespec;
#else
    const struct timespec modified = st.st_mtim;
#endif
    *out = (bnt_map_stamp){.size = (uint64_t)st.st_size,
                           .inode = (uint64_t)st.st_ino,
                           .modified_ns = (uint64_t)modified.tv_sec * 1000000000u +
                                          (uint64_t)modified.tv_nsec,
                           .owner = (uint32_t)st.st_uid};
    return true;
}

bool bnt_map_check(const bnt_map *map)
{
    struct stat st;
    if (map->fd < 0) return false;
    return bnt_map_damaged(map) || fstat(map->fd, &st) || (uintmax_t)st.st_size < map->size;
}
