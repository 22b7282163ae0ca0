/* Limits of memory and time, read from folders that look like a system's. */
#include "base/quota.h"
#include "support.h"
#include "temp_folder.h"

static const char meminfo[] = "MemTotal:        8000000 kB\n"
                              "MemFree:          100000 kB\n"
                              "MemAvailable:    5000000 kB\n"
                              "SwapTotal:             0 kB\n";

/* Writes a file and the folders above it. */
static void put(const temp_folder *t, const char *path, const char *text)
{
    char folder[256];
    snprintf(folder, sizeof folder, "%.*s", (int)(strrchr(path, '/') - path), path);
    temp_folder_in(t, folder);
    temp_write_text(t, path, text);
}

static bnt_quotas read_quotas(const temp_folder *t)
{
    bnt_quotas q;
    bnt_quotas_from(&q, t->path, RLIM_INFINITY, RLIM_INFINITY);
    return q;
}

static const bantam_memory_limit *find(const bnt_quotas *q, const char *name)
{
    for (size_t i = 0; i < q->n; i++) {
        if (strcmp(q->items[i].name, name) == 0) return &q->items[i];
    }
    return NULL;
}

static void an_empty_system_has_no_limits(void **state)
{
    (void)state;
    temp_folder t;
    temp_make(&t);
    const bnt_quotas q = read_quotas(&t);
    assert_true(q.n == 0 && q.memory_bytes == 0 && q.cores == UINT32_MAX);
    assert_true(bnt_quotas_left(&q) == UINT64_MAX);
    temp_remove(&t);
}

static void available_memory_is_a_limit_with_a_name(void **state)
{
    (void)state;
    temp_folder t;
    temp_make(&t);
    put(&t, "proc/meminfo", meminfo);
    const bnt_quotas q = read_quotas(&t);
    const bantam_memory_limit *const l = find(&q, "memory available");
    assert_true(q.n == 1 && l && l->of == BANTAM_LIMIT_MEMORY);
    assert_true(q.memory_bytes == UINT64_C(8000000) * 1024);
    assert_true(l->limit_bytes == q.memory_bytes);
    assert_true(l->left_bytes == UINT64_C(5000000) * 1024);
    assert_true(bnt_quotas_left(&q) == l->left_bytes);
    temp_remove(&t);
}

/* Of 1000 MB, 400 are used, 100 of them by files nobody has open. */
static void the_tightest_group_of_version_2_counts(void **state)
{
    (void)state;
    temp_folder t;
    temp_make(&t);
    put(&t, "proc/meminfo", meminfo);
    put(&t, "proc/self/cgroup", "0::/user/app\n");
    put(&t, "sys/fs/cgroup/user/memory.max", "1000000000\n");
    put(&t, "sys/fs/cgroup/user/memory.current", "400000000\n");
    put(&t, "sys/fs/cgroup/user/memory.stat", "anon 5\ninactive_file 100000000\nfile 7\n");
    put(&t, "sys/fs/cgroup/user/app/memory.max", "max\n");
    put(&t, "sys/fs/cgroup/user/app/memory.current", "300000000\n");
    put(&t, "sys/fs/cgroup/user/app/cpu.max", "max 100000\n");
    put(&t, "sys/fs/cgroup/user/cpu.max", "250000 100000\n");
    bnt_quotas q = read_quotas(&t);
    const bantam_memory_limit *l = find(&q, "control group");
    assert_true(q.n == 2 && l && l->of == BANTAM_LIMIT_MEMORY);
    assert_true(l->limit_bytes == 1000000000 && l->left_bytes == 700000000);
    assert_true(bnt_quotas_left(&q) == 700000000);
    assert_int_equal(q.cores, 3); /* two and a half */

    /* From memory.high on the system takes memory back. */
    put(&t, "sys/fs/cgroup/user/app/memory.high", "350000000\n");
    q = read_quotas(&t);
    l = find(&q, "control group");
    assert_true(l && l->limit_bytes == 350000000 && l->left_bytes == 50000000);
    temp_remove(&t);
}

static void groups_of_version_1_are_walked_too(void **state)
{
    (void)state;
    temp_folder t;
    temp_make(&t);
    put(&t, "proc/self/cgroup",
        "9:name=systemd:/\n4:blkio,memory:/box/a\n2:cpu,cpuacct:/slow\n0::/\n");
    put(&t, "sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
    put(&t, "sys/fs/cgroup/memory/memory.usage_in_bytes", "7000000000\n");
    put(&t, "sys/fs/cgroup/memory/box/memory.limit_in_bytes", "600000000\n");
    put(&t, "sys/fs/cgroup/memory/box/memory.usage_in_bytes", "500000000\n");
    put(&t, "sys/fs/cgroup/memory/box/memory.stat",
        "inactive_file 1\ntotal_inactive_file 30000000\n");
    put(&t, "sys/fs/cgroup/memory/box/a/memory.limit_in_bytes", "9223372036854771712\n");
    put(&t, "sys/fs/cgroup/memory/box/a/memory.usage_in_bytes", "1\n");
    put(&t, "sys/fs/cgroup/cpu/slow/cpu.cfs_quota_us", "50000\n");
    put(&t, "sys/fs/cgroup/cpu/slow/cpu.cfs_period_us", "100000\n");
    put(&t, "sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n");
    const bnt_quotas q = read_quotas(&t);
    const bantam_memory_limit *const l = find(&q, "control group");
    assert_true(q.n == 1 && l);
    assert_true(l->limit_bytes == 600000000 && l->left_bytes == 130000000);
    assert_int_equal(q.cores, 1);
    temp_remove(&t);
}

/* Inside a container the path is the host's, and the root is the container's own group. */
static void a_group_that_is_not_there_leaves_the_root(void **state)
{
    (void)state;
    temp_folder t;
    temp_make(&t);
    put(&t, "proc/self/cgroup", "0::/docker/0123456789abcdef\n");
    put(&t, "sys/fs/cgroup/memory.max", "300000000\n");
    put(&t, "sys/fs/cgroup/memory.current", "310000000\n");
    const bnt_quotas q = read_quotas(&t);
    assert_true(q.n == 1 && q.items[0].left_bytes == 0);
    temp_remove(&t);
}

static void nonsense_is_no_limit(void **state)
{
    (void)state;
    temp_folder t;
    temp_make(&t);
    static char line[20000];
    memset(line, 'x', sizeof line - 1);
    memcpy(line, "0::/", 4);
    put(&t, "proc/self/cgroup", line);
    put(&t, "proc/meminfo", "MemTotal: much\nMemAvailable:\n");
    put(&t, "sys/fs/cgroup/memory.max", "-5\n");
    put(&t, "sys/fs/cgroup/memory.current", "12\n");
    put(&t, "sys/fs/cgroup/cpu.max", "100000\n");
    assert_true(read_quotas(&t).n == 0 && read_quotas(&t).cores == UINT32_MAX);
    put(&t, "proc/self/cgroup", "0::/../../etc\n:::\n\n4\n");
    put(&t, "sys/fs/cgroup/cpu.max", "100000 0\n");
    assert_true(read_quotas(&t).n == 0 && read_quotas(&t).cores == UINT32_MAX);
    temp_remove(&t);
}

/* statm counts pages: addresses first, data and stack sixth. */
static void what_ulimit_leaves_is_what_is_not_used_yet(void **state)
{
    (void)state;
    temp_folder t;
    temp_make(&t);
    const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    put(&t, "proc/self/statm", "1000 300 200 10 0 400 0\n");
    bnt_quotas q;
    bnt_quotas_from(&q, t.path, (rlim_t)(5000 * page), (rlim_t)(900 * page));
    const bantam_memory_limit *v = find(&q, "ulimit -v"), *d = find(&q, "ulimit -d");
    assert_true(q.n == 2 && v && d);
    assert_true(v->of == BANTAM_LIMIT_ADDRESSES && v->left_bytes == 4000 * page);
    assert_true(d->of == BANTAM_LIMIT_PRIVATE && d->left_bytes == 500 * page);
    assert_true(d->limit_bytes == 900 * page);
    bnt_quotas_from(&q, t.path, (rlim_t)(999 * page), RLIM_INFINITY);
    assert_true(q.n == 1 && q.items[0].left_bytes == 0);
    temp_remove(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_system_has_no_limits),
        cmocka_unit_test(available_memory_is_a_limit_with_a_name),
        cmocka_unit_test(the_tightest_group_of_version_2_counts),
        cmocka_unit_test(groups_of_version_1_are_walked_too),
        cmocka_unit_test(a_group_that_is_not_there_leaves_the_root),
        cmocka_unit_test(nonsense_is_no_limit),
        cmocka_unit_test(what_ulimit_leaves_is_what_is_not_used_yet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
