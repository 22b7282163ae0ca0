/* Files mapped for reading, cut while they are read. */
#if !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif
#include "base/map.h"
#include "base/mem.h"
#include "base/pool.h"
#include "support.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGES = 64 };
static size_t page;
static char folder[64], path[128];

static void make_file(size_t size)
{
    char *data = malloc(size + 1);
    memset(data, 'x', size);
    write_whole(path, data, size);
    free(data);
}

static int set_up(void **state)
{
    (void)state;
    page = (size_t)sysconf(_SC_PAGESIZE);
    strcpy(folder, "/tmp/bantam-map-XXXXXX");
    if (!mkdtemp(folder)) return -1;
    snprintf(path, sizeof path, "%s/file", folder);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder);
}

/* Maps a file by itself, cuts it and reads the missing page. */
static int fault_elsewhere(void)
{
    make_file(2 * page);
    const int fd = open(path, O_RDONLY);
    const volatile char *p = mmap(NULL, 2 * page, PROT_READ, MAP_PRIVATE, fd, 0);
    if (truncate(path, 0)) return -1;
    const int c = p[page];
    close(fd);
    return c;
}

/* These run in children of their own: a SIGBUS that is not ours ends the process. */
static int in_child(void (*before)(void), void (*after)(void))
{
    fflush(NULL);
    const pid_t child = fork();
    if (child == 0) {
        bnt_map *map;
        before();
        make_file(page);
        if (bnt_map_open(&map, path, NULL)) _exit(90);
        after();
        _exit(91);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void found_by_app(int number, siginfo_t *info, void *context)
{
    (void)context;
    _exit(number == SIGBUS && info->si_addr ? 42 : 43);
}

static void install_app_handler(void)
{
    struct sigaction a = {.sa_sigaction = found_by_app, .sa_flags = SA_SIGINFO};
    sigaction(SIGBUS, &a, NULL);
}

static void install_nothing(void)
{
    signal(SIGBUS, SIG_DFL);
}

static void install_ignore(void)
{
    signal(SIGBUS, SIG_IGN);
}

static void fault(void)
{
    (void)fault_elsewhere();
}

static void send(void)
{
    raise(SIGBUS);
}

static struct sigaction beneath;

static void found_by_polite_app(int number, siginfo_t *info, void *context)
{
    beneath.sa_sigaction(number, info, context);
}

/* Over ours, passing on to ours; the next open finds it and puts ours on top again. */
static void install_polite_app_over_ours(void)
{
    bnt_map *map;
    install_app_handler();
    make_file(page);
    if (bnt_map_open(&map, path, NULL)) _exit(92);
    struct sigaction a = {.sa_sigaction = found_by_polite_app, .sa_flags = SA_SIGINFO};
    sigaction(SIGBUS, &a, &beneath);
}

static void a_handler_that_passes_on_to_ours_makes_no_circle(void **state)
{
    (void)state;
    const int status = in_child(install_polite_app_over_ours, fault);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 42);
}

static void other_faults_reach_the_handler_before_ours(void **state)
{
    (void)state;
    int status = in_child(install_app_handler, fault);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 42);
    status = in_child(install_nothing, fault);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS);
    status = in_child(install_nothing, send);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS);
    status = in_child(install_ignore, send);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 91);
}

static void a_file_is_mapped_whole(void **state)
{
    (void)state;
    bnt_map *map;
    make_file(3 * page + 5);
    assert_int_equal(bnt_map_open(&map, path, NULL), BANTAM_OK);
    assert_int_equal(bnt_map_size(map), 3 * page + 5);
    for (size_t i = 0; i < 3 * page + 5; i++) {
        assert_int_equal(bnt_map_data(map)[i], 'x');
    }
    assert_false(bnt_map_damaged(map));
    assert_false(bnt_map_check(map));
    bnt_map_close(map);

    make_file(0);
    assert_int_equal(bnt_map_open(&map, path, NULL), BANTAM_OK);
    assert_int_equal(bnt_map_size(map), 0);
    assert_false(bnt_map_check(map));
    bnt_map_close(map);
    bnt_map_close(NULL);
}

static void a_file_cut_while_mapped_reads_as_zeros(void **state)
{
    (void)state;
    bnt_map *map, *other;
    make_file(PAGES * page);
    assert_int_equal(bnt_map_open(&other, path, NULL), BANTAM_OK);
    assert_int_equal(bnt_map_open(&map, path, NULL), BANTAM_OK);
    const uint8_t *const data = bnt_map_data(map);
    assert_int_equal(truncate(path, (off_t)(10 * page + 100)), 0);
    assert_false(bnt_map_damaged(map)); /* nobody has looked */
    assert_true(bnt_map_check(map));    /* but the system knows */

    for (size_t i = 0; i < PAGES * page; i += 50) {
        const int expected = i < 10 * page + 100 ? 'x' : 0;
        if (data[i] != expected) fail_msg("byte %zu is %d", i, data[i]);
    }
    assert_true(bnt_map_damaged(map));
    assert_false(bnt_map_damaged(other)); /* each mapping has its own flag */
    assert_int_equal(bnt_map_data(other)[20 * page], 0);
    assert_true(bnt_map_damaged(other));
    bnt_map_close(map);
    bnt_map_close(other);

    /* The slot of a closed mapping starts afresh. */
    make_file(page);
    assert_int_equal(bnt_map_open(&map, path, NULL), BANTAM_OK);
    assert_false(bnt_map_damaged(map));
    bnt_map_close(map);
}

static void read_pages(void *context, size_t task, uint32_t thread)
{
    const uint8_t *const data = context;
    (void)thread;
    for (size_t i = 0; i < page; i += 64) {
        const volatile uint8_t *p = data + task * page + i;
        (void)*p;
    }
}

/* A fault in a thread that blocks SIGBUS would kill the process. */
static void threads_of_a_pool_survive_a_cut(void **state)
{
    (void)state;
    bnt_pool *pool;
    bnt_map *map;
    assert_int_equal(bnt_pool_open(&pool, 4, NULL), BANTAM_OK);
    for (int turn = 0; turn < 20; turn++) {
        make_file(PAGES * page);
        assert_int_equal(bnt_map_open(&map, path, NULL), BANTAM_OK);
        assert_int_equal(truncate(path, 0), 0);
        bnt_pool_run(pool, read_pages, (void *)(uintptr_t)bnt_map_data(map), PAGES);
        assert_true(bnt_map_damaged(map));
        bnt_map_close(map);
    }
    bnt_pool_close(pool);
}

static void expect_refusal(const char *what, const char *message)
{
    bnt_map *map = (bnt_map *)(uintptr_t)1;
    bantam_error err;
    assert_int_equal(bnt_map_open(&map, what, &err), BANTAM_ERR_IO);
    assert_null(map);
    assert_non_null(strstr(err.message, message));
    assert_ptr_equal(strstr(err.message, what), err.message); /* the path comes first */
}

static void what_is_not_a_regular_file_is_refused_at_once(void **state)
{
    (void)state;
    char name[160];
    expect_refusal(folder, "expected a regular file, found a folder");
    snprintf(name, sizeof name, "%s/absent", folder);
    expect_refusal(name, "No such file");

    snprintf(name, sizeof name, "%s/fifo", folder);
    assert_int_equal(mkfifo(name, 0600), 0);
    expect_refusal(name, "found a device, pipe or socket");
    unlink(name);

    snprintf(name, sizeof name, "%s/loop", folder);
    assert_int_equal(symlink("loop", name), 0);
    expect_refusal(name, "evels of symbolic links");
    unlink(name);

    assert_int_equal(symlink("/dev/zero", name), 0);
    expect_refusal(name, "found a device, pipe or socket");
    unlink(name);
}

static void a_stamp_tells_states_of_a_file_apart(void **state)
{
    (void)state;
    bnt_map *map;
    bnt_map_stamp stamp, again;
    struct stat st;
    const struct timespec times[2] = {{1, 0}, {1700000000, 123456789}};
    make_file(page);
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(bnt_map_open(&map, path, NULL), BANTAM_OK);
    assert_true(bnt_map_stamp_of(map, &stamp));
    assert_int_equal(stamp.size, page);
    assert_int_equal(stamp.inode, st.st_ino);
    assert_int_equal(stamp.owner, st.st_uid);
    assert_int_equal(stamp.modified_ns, UINT64_C(1700000000123456789));
    assert_int_equal(truncate(path, 10), 0);
    assert_true(bnt_map_stamp_of(map, &again)); /* as it is now, not as it was mapped */
    assert_int_equal(again.size, 10);
    assert_true(again.modified_ns != stamp.modified_ns);
    bnt_map_close(map);
}

static void no_allocation_is_left_untried(void **state)
{
    (void)state;
    bnt_map *map = NULL;
    bantam_error err;
    const int64_t live = bnt_mem_live();
    make_file(page);
    for (uint64_t n = 0; !map && n < 10; n++) {
        bnt_mem_fail_after(n);
        const bantam_status status = bnt_map_open(&map, path, &err);
        assert_int_equal(status, map ? BANTAM_OK : BANTAM_ERR_NOMEM);
    }
    bnt_mem_fail_after(UINT64_MAX);
    assert_non_null(map);
    bnt_map_close(map);
    assert_int_equal(bnt_mem_live(), live);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(other_faults_reach_the_handler_before_ours),
        cmocka_unit_test(a_handler_that_passes_on_to_ours_makes_no_circle),
        cmocka_unit_test(a_file_is_mapped_whole),
        cmocka_unit_test(a_file_cut_while_mapped_reads_as_zeros),
        cmocka_unit_test(threads_of_a_pool_survive_a_cut),
        cmocka_unit_test(what_is_not_a_regular_file_is_refused_at_once),
        cmocka_unit_test(a_stamp_tells_states_of_a_file_apart),
        cmocka_unit_test(no_allocation_is_left_untried),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
