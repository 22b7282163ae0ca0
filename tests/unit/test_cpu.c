/* What the machine says of itself, held against the system's own tables. */
#include "base/clock.h"
#include "base/cpu.h"
#include "support.h"
#include "temp_folder.h"

#include <sys/resource.h>
#include <unistd.h>

/* Whether a word stands in the first "flags" or "Features" line of /proc/cpuinfo; -1 where
 * there is no such file, as under an emulator. */
static int listed(const char *word)
{
    char *line = NULL, padded[64];
    size_t size = 0;
    int found = -1;
    FILE *f = fopen("/proc/cpuinfo", "r");
    if (!f) return -1;
    snprintf(padded, sizeof padded, " %s ", word);
    while (found < 0 && getline(&line, &size, f) > 0) {
        if (strncmp(line, "flags", 5) && strncmp(line, "Features", 8)) continue;
        line[strcspn(line, "\n")] = ' ';
        found = strstr(line, padded) != NULL;
    }
    free(line);
    fclose(f);
    return found;
}

static void instruction_sets_are_those_the_system_lists(void **state)
{
    (void)state;
    const unsigned flags = bnt_cpu_flags();
    static const struct {
        const char *word;
        unsigned flag;
    } sets[] = {
#if defined(__x86_64__)
        {"avx2", BNT_CPU_AVX2},
        {"avx_vnni", BNT_CPU_AVXVNNI},
        {"avx512f", BNT_CPU_AVX512},
        {"avx512_vnni", BNT_CPU_AVX512VNNI},
#elif defined(__aarch64__)
        {"asimd", BNT_CPU_NEON},
        {"asimddp", BNT_CPU_DOTPROD},
        {"asimdhp", BNT_CPU_FP16},
        {"i8mm", BNT_CPU_I8MM},
#endif
        {"", 0}
    };
#if defined(__x86_64__)
    const bool same_machine = listed("fpu") == 1;
#else
    const bool same_machine = listed("asimd") == 1; /* an emulator shows the host's table */
#endif
    for (size_t i = 0; same_machine && sets[i].flag; i++) {
        if (!(flags & sets[i].flag) != !listed(sets[i].word)) {
            fail_msg("%s: listed %d, found %x", sets[i].word, listed(sets[i].word), flags);
        }
    }
    if (flags & BNT_CPU_AVX512) assert_true(flags & BNT_CPU_AVX2);
    if (flags & BNT_CPU_AVX512VNNI) assert_true(flags & BNT_CPU_AVX512);
}

static void cores_are_at_least_one_and_at_most_those_configured(void **state)
{
    (void)state;
    const uint32_t n = bnt_cpu_cores();
    assert_true(n >= 1);
    assert_true((long)n <= sysconf(_SC_NPROCESSORS_CONF));
}

/* A folder like /sys/devices/system/cpu with one number per core; 0: the core has no file. */
static void write_cores(const temp_folder *t, const char *file, const unsigned *speeds,
                        size_t n)
{
    char name[64], text[32];
    for (size_t i = 0; i < n; i++) {
        snprintf(name, sizeof name, "cpu%zu/cpufreq", i);
        temp_folder_in(t, name);
        snprintf(name, sizeof name, "cpu%zu/%s", i, file);
        snprintf(text, sizeof text, "%u\n", speeds[i]);
        if (speeds[i]) temp_write_text(t, name, text);
    }
}

static void big_cores_are_those_near_the_fastest(void **state)
{
    (void)state;
    static const struct {
        const char *file;
        unsigned speeds[8];
        uint64_t allowed, big;
        uint32_t n_cores, n_big;
    } cases[] = {
        /* a phone: one large, three medium (70 % and above), four small cores */
        {"cpu_capacity", {325, 325, 325, 325, 828, 828, 828, 1024}, 0xFF, 0xF0, 8, 4},
        {"cpufreq/cpuinfo_max_freq",
         {1804800, 1804800, 1804800, 1804800, 2419200, 2419200, 2419200, 2841600},
         0xFF,
         0xF0,
         8,
         4},
        {"cpu_capacity", {716, 717, 1024, 1024, 1024, 1024, 1024, 1024}, 0xFF, 0xFE, 8, 7},
        /* the user's own choice: only small ones, which then are all alike */
        {"cpu_capacity", {325, 325, 325, 325, 828, 828, 828, 1024}, 0x07, 0x07, 3, 3},
        {"cpu_capacity", {325, 325, 325, 325, 828, 828, 828, 1024}, 0x43, 0x40, 3, 1},
        /* a core that does not tell: all count as alike */
        {"cpu_capacity", {325, 325, 0, 325, 828, 828, 828, 1024}, 0xFF, 0xFF, 8, 8},
        {"cpu_capacity", {325, 325, 0, 325, 828, 828, 828, 1024}, 0x82, 0x80, 2, 1},
        {"nothing", {0}, 0xFF, 0xFF, 8, 8},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        temp_folder folder;
        temp_make(&folder);
        bnt_cpu_layout layout;
        bnt_cpu_set allowed = {{cases[i].allowed}};
        write_cores(&folder, cases[i].file, cases[i].speeds, 8);
        bnt_cpu_layout_from(&layout, folder.path, &allowed);
        assert_int_equal(layout.n_cores, cases[i].n_cores);
        assert_int_equal(layout.n_big, cases[i].n_big);
        assert_true(layout.big.bits[0] == cases[i].big);
        temp_remove(&folder);
    }
}

static void kinds_are_counted_the_fastest_first(void **state)
{
    (void)state;
    static const unsigned capacities[8] = {325, 325, 325, 325, 828, 828, 828, 1024};
    static const unsigned clocks[8] = {1804800, 1804800, 1804800, 1804800,
                                       2419200, 2419200, 2600000, 2841600};
    const bnt_cpu_set allowed = {{0xFE}}, all = {{0xFF}};
    bnt_cpu_kind kinds[8];
    temp_folder folder;
    temp_make(&folder);
    assert_int_equal(bnt_cpu_kinds_from(kinds, 8, folder.path, &all), 1);
    assert_true(kinds[0].n_cores == 8 && kinds[0].max_mhz == 0 && kinds[0].capacity == 0);
    assert_true(kinds[0].big);

    write_cores(&folder, "cpu_capacity", capacities, 8);
    assert_int_equal(bnt_cpu_kinds_from(kinds, 8, folder.path, &allowed), 3);
    assert_true(kinds[0].n_cores == 1 && kinds[0].capacity == 1024 && kinds[0].big);
    assert_true(kinds[1].n_cores == 3 && kinds[1].capacity == 828 && kinds[1].big);
    assert_true(kinds[2].n_cores == 3 && kinds[2].capacity == 325 && !kinds[2].big);

    write_cores(&folder, "cpufreq/cpuinfo_max_freq", clocks, 8);
    assert_int_equal(bnt_cpu_kinds_from(kinds, 8, folder.path, &all), 4);
    assert_true(kinds[1].n_cores == 1 && kinds[1].max_mhz == 2600);
    assert_true(kinds[2].n_cores == 2 && kinds[2].max_mhz == 2419);
    assert_int_equal(bnt_cpu_kinds_from(kinds, 2, folder.path, &all), 2);
    temp_remove(&folder);
}

static void threads_are_no_more_than_cores(void **state)
{
    (void)state;
    bnt_cpu_layout layout;
    bnt_cpu_layout_read(&layout);
    assert_true(layout.n_big >= 1 && layout.n_big <= layout.n_cores);
    assert_true(bnt_cpu_threads() >= 1 && bnt_cpu_threads() <= layout.n_big);
    assert_true(bnt_cpu_threads() <= bnt_cpu_cores());
}

static void available_memory_is_within_the_total_and_the_limits(void **state)
{
    (void)state;
    uint64_t total, available;
    bnt_cpu_memory(&total, &available);
    assert_true(total >= UINT64_C(1) << 26);
    assert_true(available > 0 && available <= total);

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    struct rlimit before, limit;
    assert_int_equal(getrlimit(RLIMIT_AS, &before), 0);
    limit = before;
    limit.rlim_cur = UINT64_C(300) << 20;
    assert_int_equal(setrlimit(RLIMIT_AS, &limit), 0);
    struct rlimit now = limit;
    getrlimit(RLIMIT_AS, &now);
    bnt_cpu_memory(&total, &available);
    setrlimit(RLIMIT_AS, &before);
    if (now.rlim_cur != limit.rlim_cur) return; /* an emulator takes this limit for itself */
    assert_true(available > 0 && available <= limit.rlim_cur);
#endif
}

static void the_clock_goes_forward(void **state)
{
    (void)state;
    const uint64_t start = bnt_clock_ns();
    usleep(2000);
    const uint64_t passed = bnt_clock_ns() - start;
    assert_true(passed >= 2000000 && passed < UINT64_C(60000000000));
    assert_true(bnt_clock_seconds() > INT64_C(1600000000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(instruction_sets_are_those_the_system_lists),
        cmocka_unit_test(cores_are_at_least_one_and_at_most_those_configured),
        cmocka_unit_test(big_cores_are_those_near_the_fastest),
        cmocka_unit_test(kinds_are_counted_the_fastest_first),
        cmocka_unit_test(threads_are_no_more_than_cores),
        cmocka_unit_test(available_memory_is_within_the_total_and_the_limits),
        cmocka_unit_test(the_clock_goes_forward),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
