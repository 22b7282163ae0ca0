/* quota.c - limits of memory and time, out of /proc, control groups and ulimit.
 *
 * Control groups are walked from this process's own up to the root, because
 * every one of them limits those beneath it. Version 2 has one tree, version 1
 * one for memory and one for time; both may be there. Inside a container the
 * path that the system tells may be the host's, and not be there: then the
 * root, which is the container's own group, is what counts.
 */
#include "base/quota.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/systext.h"

typedef struct reader {
    bnt_quotas *out;
    const char *root;                 /* "" for the system's own files */
    uint64_t group_limit, group_left; /* of the tightest control group; UINT64_MAX: none */
    char text[BNT_SYSTEXT_BYTES];
} reader;

/* What the files of one version are called. */
typedef struct group_names {
    const char *folder;     /* below the root */
    const char *controller; /* how /proc/self/cgroup calls it; empty: version 2 */
    const char *most[2];    /* memory allowed, and where the system begins to take it back */
    const char *used;
    const char *cache;          /* what stands before the names of memory.stat */
    const char *quota, *period; /* of time; period NULL: both stand in one file */
} group_names;

static const group_names versions[] = {
    {"sys/fs/cgroup", "", {"memory.max", "memory.high"}, "memory.current", "", "cpu.max", NULL},
    {"sys/fs/cgroup/unified",
     "",
     {"memory.max", "memory.high"},
     "memory.current",
     "",
     "cpu.max",
     NULL},
    {"sys/fs/cgroup/memory",
     "memory",
     {"memory.limit_in_bytes", NULL},
     "memory.usage_in_bytes",
     "total_",
     NULL,
     NULL},
    {"sys/fs/cgroup/cpu",
     "cpu",
     {NULL, NULL},
     NULL,
     NULL,
     "cpu.cfs_quota_us",
     "cpu.cfs_period_us"},
};

/* A number that is a file's first word. */
static bool number_in(reader *r, const char *folder, const char *name, uint64_t *out)
{
    return name && bnt_systext_read_in(folder, name, r->text) &&
           bnt_systext_number(r->text, out);
}

/* ---- control groups
 * ---------------------------------------------------------------------- */

/* Bytes of file contents that a group holds: they are given back when somebody needs memory,
 * those in use, of which mapped weights soon are, after the others. */
static uint64_t file_bytes(reader *r, const char *folder, const group_names *g)
{
    static const char *const kinds[] = {"inactive_file ", "active_file "};
    uint64_t sum = 0;

    if (!g->cache || !bnt_systext_read_in(folder, "memory.stat", r->text)) return 0;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        char key[32];
        uint64_t bytes = 0;
        snprintf(key, sizeof key, "%s%s", g->cache, kinds[i]);
        const char *const after = bnt_systext_after(r->text, key);
        if (after && bnt_systext_number(after, &bytes)) sum += bytes;
    }
    return sum;
}

/* Version 1 writes "no limit" as the largest number of whole pages. */
static void limit_memory(reader *r, const char *folder, const group_names *g)
{
    const uint64_t endless = UINT64_C(1) << 60;
    uint64_t limit = UINT64_MAX, used;

    for (size_t i = 0; i < 2; i++) {
        uint64_t most;
        if (number_in(r, folder, g->most[i], &most) && most < limit) limit = most;
    }
    if (limit >= endless || !number_in(r, folder, g->used, &used)) return;
    const uint64_t cache = file_bytes(r, folder, g);
    used -= cache < used ? cache : used;
    const uint64_t left = limit > used ? limit - used : 0;
    if (left >= r->group_left) return;
    r->group_left = left;
    r->group_limit = limit;
}

/* Time allowed in a period, both in microseconds. */
static void limit_cores(reader *r, const char *folder, const group_names *g)
{
    uint64_t quota, period = 0;
    if (!number_in(r, folder, g->quota, &quota)) return;
    if (g->period) {
        (void)number_in(r, folder, g->period, &period);
    } else {
        const char *const second = strchr(r->text, ' ');
        if (second) (void)bnt_systext_number(second, &period);
    }
    if (!period) return;
    const uint64_t cores = quota / period + (quota % period != 0);
    if (cores < r->out->cores) r->out->cores = (uint32_t)cores;
}

/* Whether a line of /proc/self/cgroup, "4:memory:/path", is the controller's;
 * several may stand between the colons, with commas. */
static bool names_controller(const char *line, const char *controller)
{
    const char *at = strchr(line, ':');
    const size_t size = strlen(controller);

    if (!at) return false;
    at++;
    if (!size) return line[0] == '0' && at == line + 2 && *at == ':';
    while (*at && *at != ':' && *at != '\n') {
        const size_t n = strcspn(at, ",:\n");
        if (n == size && memcmp(at, controller, n) == 0) return true;
        at += n + (at[n] == ',');
    }
    return false;
}

/* This process's own group of a version, without the slash in front; empty: the
 * root. */
static void own_group(reader *r, const group_names *g, char out[BNT_SYSTEXT_PATH])
{
    char folder[BNT_SYSTEXT_PATH];

    out[0] = '\0';
    const int n = snprintf(folder, sizeof folder, "%s/proc/self", r->root);
    if (n < 0 || (size_t)n >= sizeof folder) return;
    if (!bnt_systext_read_in(folder, "cgroup", r->text)) return;
    for (const char *line = r->text; line && *line; line = strchr(line, '\n')) {
        if (*line == '\n') line++;
        if (!names_controller(line, g->controller)) continue;
        const char *const path = strchr(strchr(line, ':') + 1, ':');
        const size_t size = path ? strcspn(path, "\n") : 0;
        if (size < 2 || size >= BNT_SYSTEXT_PATH || path[1] != '/') return;
        snprintf(out, BNT_SYSTEXT_PATH, "%.*s", (int)(size - 2), path + 2);
        if (strstr(out, "..")) out[0] = '\0';
        return;
    }
}

static void read_groups(reader *r, const group_names *g)
{
    char own[BNT_SYSTEXT_PATH], folder[BNT_SYSTEXT_PATH];

    own_group(r, g, own);
    const int top = snprintf(folder, sizeof folder, "%s/%s", r->root, g->folder);
    const int all =
        snprintf(folder, sizeof folder, "%s/%s%s%s", r->root, g->folder, *own ? "/" : "", own);
    if (top < 0 || all < 0 || (size_t)all >= sizeof folder) return;
    for (;;) {
        limit_memory(r, folder, g);
        limit_cores(r, folder, g);
        char *const slash = strrchr(folder, '/');
        if (!slash || slash < folder + top) return;
        *slash = '\0';
    }
}

/* ---- all limits
 * -------------------------------------------------------------------------- */

static void add(reader *r, const char *name, bantam_limit_of of, uint64_t limit, uint64_t left)
{
    if (r->out->n == BNT_MAX_QUOTAS) return;
    r->out->items[r->out->n++] = (bantam_memory_limit){name, of, limit, left};
}

/* MemTotal and MemAvailable are kibibytes. */
static void read_machine(reader *r)
{
    char folder[BNT_SYSTEXT_PATH];
    uint64_t kib;

    const int n = snprintf(folder, sizeof folder, "%s/proc", r->root);
    if (n < 0 || (size_t)n >= sizeof folder) return;
    if (!bnt_systext_read_in(folder, "meminfo", r->text)) return;
    const char *const total = bnt_systext_after(r->text, "MemTotal:");
    const char *const available = bnt_systext_after(r->text, "MemAvailable:");
    if (total && bnt_systext_number(total, &kib)) r->out->memory_bytes = kib * 1024;
    if (available && bnt_systext_number(available, &kib)) {
        add(r, "memory available", BANTAM_LIMIT_MEMORY, r->out->memory_bytes, kib * 1024);
    }
}

/* Pages of addresses, and of data and stack: the first and the sixth number of
 * statm. */
static void read_sizes(reader *r, uint64_t *addresses, uint64_t *private_data)
{
    char folder[BNT_SYSTEXT_PATH];
    const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    const char *at = r->text;

    *addresses = *private_data = 0;
    const int n = snprintf(folder, sizeof folder, "%s/proc/self", r->root);
    if (n < 0 || (size_t)n >= sizeof folder) return;
    if (!bnt_systext_read_in(folder, "statm", r->text)) return;
    if (bnt_systext_number(at, addresses)) *addresses *= page;
    for (int i = 0; at && i < 5; i++) {
        at = strchr(at, ' ');
        if (at) at++;
    }
    if (at && bnt_systext_number(at, private_data)) *private_data *= page;
}

void bnt_quotas_from(bnt_quotas *out, const char *root, rlim_t addresses, rlim_t private_data)
{
    reader r = {out, root, UINT64_MAX, UINT64_MAX, ""};
    uint64_t used, private_used;

    *out = (bnt_quotas){.cores = UINT32_MAX};
    read_machine(&r);
    for (size_t i = 0; i < sizeof versions / sizeof versions[0]; i++) {
        read_groups(&r, &versions[i]);
    }
    if (r.group_left != UINT64_MAX) {
        add(&r, "control group", BANTAM_LIMIT_MEMORY, r.group_limit, r.group_left);
    }
    read_sizes(&r, &used, &private_used);
    if (addresses != RLIM_INFINITY) {
        const uint64_t left = addresses > used ? addresses - used : 0;
        add(&r, "ulimit -v", BANTAM_LIMIT_ADDRESSES, addresses, left);
    }
    if (private_data != RLIM_INFINITY) {
        const uint64_t left = private_data > private_used ? private_data - private_used : 0;
        add(&r, "ulimit -d", BANTAM_LIMIT_PRIVATE, private_data, left);
    }
}

void bnt_quotas_read(bnt_quotas *out)
{
    struct rlimit addresses, private_data;

    if (getrlimit(RLIMIT_AS, &addresses)) addresses.rlim_cur = RLIM_INFINITY;
    if (getrlimit(RLIMIT_DATA, &private_data)) private_data.rlim_cur = RLIM_INFINITY;
    bnt_quotas_from(out, "", addresses.rlim_cur, private_data.rlim_cur);
    if (!out->memory_bytes) {
        const long pages = sysconf(_SC_PHYS_PAGES);
        if (pages > 0) out->memory_bytes = (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
    }
}

uint64_t bnt_quotas_left(const bnt_quotas *q)
{
    uint64_t least = UINT64_MAX;
    for (size_t i = 0; i < q->n; i++) {
        if (q->items[i].left_bytes < least) least = q->items[i].left_bytes;
    }
    return least;
}
