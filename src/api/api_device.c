/* api_device.c - what there is to compute with, and how much of it is to be used. */
#include <stdio.h>
#include <string.h>

#include "api/api.h"
#include "base/cpu.h"

/* The sets a caller can choose as the highest one, each with those below it. All flags of
 * `needs` must be there; `uses` may be where they are. */
static const struct {
    const char *name;
    unsigned needs, uses;
} levels[] = {
    {"ref", 0, 0},
    {"avx2", BNT_CPU_AVX2, BNT_CPU_AVX2},
    {"avxvnni", BNT_CPU_AVX2 | BNT_CPU_AVXVNNI, BNT_CPU_AVX2 | BNT_CPU_AVXVNNI},
    {"avx512vnni", BNT_CPU_AVX2 | BNT_CPU_AVX512 | BNT_CPU_AVX512VNNI,
     BNT_CPU_AVX2 | BNT_CPU_AVXVNNI | BNT_CPU_AVX512 | BNT_CPU_AVX512VNNI},
    {"neon", BNT_CPU_NEON, BNT_CPU_NEON | BNT_CPU_FP16},
    {"dotprod", BNT_CPU_NEON | BNT_CPU_DOTPROD, BNT_CPU_NEON | BNT_CPU_FP16 | BNT_CPU_DOTPROD},
    {"i8mm", BNT_CPU_NEON | BNT_CPU_DOTPROD | BNT_CPU_I8MM,
     BNT_CPU_NEON | BNT_CPU_FP16 | BNT_CPU_DOTPROD | BNT_CPU_I8MM},
};

enum { N_LEVELS = sizeof levels / sizeof levels[0] };

static bool is_there(size_t level, unsigned flags)
{
    return (flags & levels[level].needs) == levels[level].needs;
}

bantam_status bnt_api_cpu_flags(const char *name, unsigned *out, bantam_error *err)
{
    const unsigned flags = bnt_cpu_flags();
    char has[128] = "";
    size_t used = 0;
    bool known = false;

    *out = flags;
    if (!name) return BANTAM_OK;
    for (size_t i = 0; i < N_LEVELS; i++) {
        if (is_there(i, flags)) {
            used += (size_t)snprintf(has + used, sizeof has - used, "%s%s", used ? ", " : "",
                                     levels[i].name);
        }
        if (strcmp(name, levels[i].name) != 0) continue;
        *out = flags & levels[i].uses;
        if (is_there(i, flags)) return BANTAM_OK;
        known = true;
    }
    *out = 0;
    return bnt_fail(err, known ? BANTAM_ERR_UNSUPPORTED : BANTAM_ERR_INVALID,
                    "cpu: this machine has %s; found \"%.40s\"", has, name);
}

void bantam_device_describe(bantam_device_info *out)
{
    static const struct {
        unsigned flag;
        const char *name;
    } sets[] = {
        {BNT_CPU_AVX2, "avx2"},     {BNT_CPU_AVXVNNI, "avxvnni"},
        {BNT_CPU_AVX512, "avx512"}, {BNT_CPU_AVX512VNNI, "avx512vnni"},
        {BNT_CPU_NEON, "neon"},     {BNT_CPU_DOTPROD, "dotprod"},
        {BNT_CPU_I8MM, "i8mm"},     {BNT_CPU_FP16, "fp16"},
    };
    const unsigned flags = bnt_cpu_flags();
    bnt_kernels kernels;
    size_t used = 0;

    *out = (bantam_device_info){.n_cores = bnt_cpu_cores()};
    bnt_kernels_init(&kernels, flags);
    snprintf(out->cpu, sizeof out->cpu, "%s", kernels.name);
    for (size_t i = 0; i < sizeof sets / sizeof sets[0]; i++) {
        if (!(flags & sets[i].flag)) continue;
        used += (size_t)snprintf(out->features + used, sizeof out->features - used, "%s%s",
                                 used ? " " : "", sets[i].name);
    }
    bnt_cpu_memory(&out->memory_bytes, &out->available_bytes);
}
