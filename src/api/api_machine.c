/* api_machine.c - the machine in full: cores by kind, limits by name, the disk of the store. */
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

#include "base/cpu.h"
#include "base/mem.h"
#include "base/quota.h"
#include "store/store.h"

/* Of the folder, or the nearest one above it that is there. */
static void find_storage(bantam_machine *out)
{
    struct statvfs fs;
    char *folder = NULL;

    if (bnt_store_folder(&folder, NULL) || !folder) return;
    while (statvfs(folder, &fs)) {
        char *const slash = strrchr(folder, '/');
        if (!slash || slash == folder) break;
        *slash = '\0';
    }
    if (!statvfs(*folder ? folder : "/", &fs)) {
        out->storage_bytes = (uint64_t)fs.f_blocks * fs.f_frsize;
        out->storage_free_bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
    }
    bnt_free(folder);
}

static void find_cores(bantam_machine *out)
{
    bnt_cpu_kind kinds[BANTAM_MAX_CORE_KINDS];
    const size_t n = bnt_cpu_kinds(kinds, BANTAM_MAX_CORE_KINDS);

    for (size_t i = 0; i < n; i++) {
        out->kinds[i] = (bantam_core_kind){kinds[i].n_cores, kinds[i].max_mhz,
                                           kinds[i].capacity, kinds[i].big};
    }
    out->n_kinds = (uint32_t)n;
}

static void find_limits(bantam_machine *out)
{
    bnt_quotas quotas;

    bnt_quotas_read(&quotas);
    for (size_t i = 0; i < quotas.n && i < BANTAM_MAX_LIMITS; i++) {
        out->limits[out->n_limits++] = quotas.items[i];
    }
}

void bantam_machine_describe(bantam_machine *out)
{
    *out = (bantam_machine){.n_threads = bnt_cpu_threads()};
    bantam_device_describe(&out->device);
    bnt_cpu_name(out->processor, sizeof out->processor);
    find_cores(out);
    find_limits(out);
    find_storage(out);
}
