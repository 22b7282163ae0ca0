/* Paths, folders, files that appear whole or not at all. */
#include "base/file.h"
#include "base/mem.h"
#include "support.h"

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64], path[128];

static int set_up(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/bantam-file-XXXXXX");
    if (!mkdtemp(folder)) return -1;
    snprintf(path, sizeof path, "%s/file", folder);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder); /* fails where a temporary file was left */
}

static void check_name(const char *text, const char *expected)
{
    const bantam_text name = bnt_path_name(text);
    assert_int_equal(name.size, strlen(expected));
    assert_memory_equal(name.data, expected, name.size);
}

static void paths_are_taken_apart_and_joined(void **state)
{
    (void)state;
    check_name("a/b/c", "c");
    check_name("c", "c");
    check_name("a/b//", "b");
    check_name("/a", "a");
    check_name("", "");
    char *joined = bnt_path_join("a/b", "c");
    assert_string_equal(joined, "a/b/c");
    bnt_free(joined);

    static const char *const good[] = {"a", "...", ".a", "a.b", "..a"};
    static const char *const bad[] = {"", ".", "..", "a/b", "/", "../x"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_true(bnt_path_is_plain((bantam_text){good[i], strlen(good[i])}));
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_false(bnt_path_is_plain((bantam_text){bad[i], strlen(bad[i])}));
    }
    assert_false(bnt_path_is_plain((bantam_text){"a\0b", 3}));
    assert_false(bnt_path_is_plain((bantam_text){NULL, 0}));
    char longest[256];
    memset(longest, 'a', sizeof longest);
    assert_true(bnt_path_is_plain((bantam_text){longest, 255}));
    assert_false(bnt_path_is_plain((bantam_text){longest, 256}));
}

static void kinds_are_told_apart(void **state)
{
    (void)state;
    char name[160];
    snprintf(name, sizeof name, "%s/x", folder);
    assert_int_equal(bnt_file_kind_of(folder), BNT_FILE_FOLDER);
    assert_int_equal(bnt_file_kind_of("/dev/null"), BNT_FILE_OTHER);
    assert_int_equal(bnt_file_kind_of(name), BNT_FILE_ABSENT);
    assert_false(bnt_file_is_there(name));
    assert_int_equal(symlink("nowhere", name), 0);
    assert_int_equal(bnt_file_kind_of(name), BNT_FILE_ABSENT);
    assert_true(bnt_file_is_there(name));
    unlink(name);
    write_whole(path, "x", 1);
    assert_int_equal(bnt_file_kind_of(path), BNT_FILE_REGULAR);
}

static void a_file_is_read_whole_up_to_the_maximum(void **state)
{
    (void)state;
    enum { N = 200000 };
    char *data = malloc(N);
    for (size_t i = 0; i < N; i++) {
        data[i] = (char)(i * 31 >> 3);
    }
    write_whole(path, data, N);
    bnt_buf buf;
    bantam_error err;
    bnt_buf_init(&buf, N + 3);
    bnt_buf_puts(&buf, "abc"); /* what is there stays */
    assert_int_equal(bnt_file_read(path, &buf, &err), BANTAM_OK);
    assert_int_equal(buf.size, N + 3);
    assert_memory_equal(buf.data, "abc", 3);
    assert_memory_equal(buf.data + 3, data, N);
    bnt_buf_deinit(&buf);

    bnt_buf_init(&buf, N - 1);
    const int64_t bytes = bnt_mem_live_bytes();
    assert_int_equal(bnt_file_read(path, &buf, &err), BANTAM_ERR_FORMAT);
    assert_int_equal(bnt_mem_live_bytes(), bytes); /* refused before memory is taken */
    assert_int_equal(buf.size, 0);
    assert_ptr_equal(strstr(err.message, path), err.message);
    assert_non_null(strstr(err.message, "longer than 199999 bytes"));
    bnt_buf_deinit(&buf);
    free(data);
}

/* Files of /proc say that they are empty. */
static void a_file_of_unknown_length_is_read_too(void **state)
{
    (void)state;
    bnt_buf buf;
    bantam_error err;
    bnt_buf_init(&buf, 1 << 20);
    assert_int_equal(bnt_file_read("/proc/self/status", &buf, &err), BANTAM_OK);
    assert_memory_equal(buf.data, "Name:", 5);
    bnt_buf_deinit(&buf);
    bnt_buf_init(&buf, 10);
    assert_int_equal(bnt_file_read("/proc/self/status", &buf, &err), BANTAM_ERR_FORMAT);
    assert_int_equal(buf.size, 0);
    bnt_buf_deinit(&buf);
}

static void what_cannot_be_read_is_an_error_with_its_path(void **state)
{
    (void)state;
    bnt_buf buf;
    bantam_error err;
    char name[160];
    bnt_buf_init(&buf, 100);
    assert_int_equal(bnt_file_read(folder, &buf, &err), BANTAM_ERR_IO);
    assert_ptr_equal(strstr(err.message, folder), err.message);
    assert_int_equal(bnt_file_read("/dev/zero", &buf, &err), BANTAM_ERR_IO);
    snprintf(name, sizeof name, "%s/fifo", folder);
    assert_int_equal(mkfifo(name, 0600), 0);
    assert_int_equal(bnt_file_read(name, &buf, &err), BANTAM_ERR_IO);
    unlink(name);
    assert_int_equal(bnt_file_read(name, &buf, &err), BANTAM_ERR_IO);
    assert_non_null(strstr(err.message, "No such file"));
    bnt_buf_deinit(&buf);
}

static void a_folder_is_listed_in_order(void **state)
{
    (void)state;
    static const char *const made[] = {"b", "a", "c.txt", "B", ".hidden", "\xFF"};
    static const char *const sorted[] = {".hidden", "B", "a", "b", "c.txt", "\xFF"};
    char dir[160], name[200], **names = NULL;
    size_t n;
    bantam_error err;
    snprintf(dir, sizeof dir, "%s/dir", folder);
    assert_int_equal(mkdir(dir, 0700), 0);
    assert_int_equal(bnt_file_list(dir, 0, &names, &n, &err), BANTAM_OK);
    assert_int_equal(n, 0);
    bnt_free(names);
    for (size_t i = 0; i < 6; i++) {
        snprintf(name, sizeof name, "%s/%s", dir, made[i]);
        write_whole(name, "", 0);
    }
    assert_int_equal(bnt_file_list(dir, 6, &names, &n, &err), BANTAM_OK);
    assert_int_equal(n, 6);
    for (size_t i = 0; i < 6; i++) {
        assert_string_equal(names[i], sorted[i]);
    }
    bnt_free(names);
    assert_int_equal(bnt_file_list(dir, 5, &names, &n, &err), BANTAM_ERR_FORMAT);
    assert_null(names);

    names = NULL;
    const int64_t live = bnt_mem_live();
    for (uint64_t k = 0; !names && k < 10; k++) {
        bnt_mem_fail_after(k);
        const bantam_status status = bnt_file_list(dir, 6, &names, &n, &err);
        assert_int_equal(status, names ? BANTAM_OK : BANTAM_ERR_NOMEM);
    }
    bnt_mem_fail_after(UINT64_MAX);
    bnt_free(names);
    assert_int_equal(bnt_mem_live(), live);

    for (size_t i = 0; i < 6; i++) {
        snprintf(name, sizeof name, "%s/%s", dir, made[i]);
        unlink(name);
    }
    rmdir(dir);
    assert_int_equal(bnt_file_list(dir, 6, &names, &n, &err), BANTAM_ERR_IO);
}

static void check_content(const char *expected, size_t size)
{
    size_t found;
    char *data = read_whole(path, &found);
    assert_int_equal(found, size);
    assert_memory_equal(data, expected, size);
    free(data);
}

static size_t files_in_folder(void)
{
    char **names;
    size_t n;
    assert_int_equal(bnt_file_list(folder, 100, &names, &n, NULL), BANTAM_OK);
    bnt_free(names);
    return n;
}

static void a_saved_file_appears_at_commit(void **state)
{
    (void)state;
    enum { N = 3000000 };
    char *data = malloc(N);
    for (size_t i = 0; i < N; i++) {
        data[i] = (char)(i >> 5 ^ i);
    }
    write_whole(path, "old", 3);
    bnt_save *save;
    assert_int_equal(bnt_save_begin(&save, path, NULL), BANTAM_OK);
    size_t done = 0;
    for (size_t step = 1; done < N; step = step * 3 % 700001) { /* below and above the buffer */
        const size_t size = N - done < step ? N - done : step;
        bnt_save_put(save, data + done, size);
        done += size;
        assert_true(bnt_save_offset(save) == done);
    }
    check_content("old", 3);
    assert_false(bnt_save_failed(save));
    const mode_t mask = umask(027);
    umask(mask);
    assert_int_equal(bnt_save_commit(save, NULL), BANTAM_OK);
    check_content(data, N);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0666 & ~mask);
    assert_int_equal(files_in_folder(), 1);
    free(data);
}

static void an_abandoned_file_leaves_no_trace(void **state)
{
    (void)state;
    bnt_save *save;
    write_whole(path, "old", 3);
    assert_int_equal(bnt_save_begin(&save, path, NULL), BANTAM_OK);
    bnt_save_put(save, "new", 3);
    assert_int_equal(files_in_folder(), 2);
    bnt_save_abort(save);
    bnt_save_abort(NULL);
    check_content("old", 3);
    assert_int_equal(files_in_folder(), 1);
}

/* The limit stands in for a full disk; its signal would kill the process. */
static void a_failed_write_keeps_the_old_file(void **state)
{
    (void)state;
    struct rlimit before, limit;
    bnt_save *save;
    bantam_error err;
    char *block = calloc(1, 300000);
    write_whole(path, "old", 3);
    assert_int_equal(bnt_save_begin(&save, path, NULL), BANTAM_OK);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    limit = before;
    limit.rlim_cur = 500000;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    bnt_save_put(save, block, 300000);
    assert_false(bnt_save_failed(save));
    bnt_save_put(save, block, 300000);
    assert_true(bnt_save_failed(save));
    bnt_save_put(save, block, 1);
    const bantam_status status = bnt_save_commit(save, &err);
    setrlimit(RLIMIT_FSIZE, &before);
    assert_int_equal(status, BANTAM_ERR_IO);
    assert_ptr_equal(strstr(err.message, path), err.message);
    check_content("old", 3);
    assert_int_equal(files_in_folder(), 1);
    free(block);
}

static void a_file_is_written_in_any_order(void **state)
{
    (void)state;
    bnt_save *save;
    assert_int_equal(bnt_save_begin(&save, path, NULL), BANTAM_OK);
    assert_true(bnt_save_reserve(save, 12));
    assert_int_equal(bnt_save_write_at(save, 8, "last", 4), 0);
    bnt_save_hurry(save);
    assert_int_equal(bnt_save_write_at(save, 0, "first", 5), 0);
    assert_int_equal(bnt_save_commit(save, NULL), BANTAM_OK);
    check_content("first\0\0\0last", 12);

    bantam_error err;
    assert_int_equal(bnt_save_begin(&save, path, NULL), BANTAM_OK);
    assert_true(bnt_save_reserve(save, 12));
    bnt_save_fail(save, 0); /* no errno is no failure */
    bnt_save_fail(save, ENOSPC);
    bnt_save_fail(save, EIO); /* the first reason counts */
    assert_true(bnt_save_failed(save));
    assert_int_equal(bnt_save_commit(save, &err), BANTAM_ERR_IO);
    assert_non_null(strstr(err.message, "No space left"));
    check_content("first\0\0\0last", 12);
    assert_int_equal(files_in_folder(), 1);
}

static void room_that_is_not_there_is_known_before_the_work(void **state)
{
    (void)state;
    struct rlimit before, limit;
    bnt_save *save;
    bantam_error err;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    limit = before;
    limit.rlim_cur = 4096;
    assert_int_equal(bnt_save_begin(&save, path, NULL), BANTAM_OK);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    const bool has_room = bnt_save_reserve(save, 4097);
    setrlimit(RLIMIT_FSIZE, &before);
    assert_false(has_room);
    assert_int_equal(bnt_save_commit(save, &err), BANTAM_ERR_IO);
    assert_non_null(strstr(err.message, "File too large"));

    /* More than any disk has. */
    assert_int_equal(bnt_save_begin(&save, path, NULL), BANTAM_OK);
    assert_false(bnt_save_reserve(save, UINT64_MAX));
    bnt_save_abort(save);
    assert_int_equal(bnt_save_begin(&save, path, NULL), BANTAM_OK);
    assert_false(bnt_save_reserve(save, (uint64_t)INT64_MAX));
    bnt_save_abort(save);
}

static void places_that_cannot_be_written_are_refused_at_begin(void **state)
{
    (void)state;
    bnt_save *save;
    bantam_error err;
    char name[300];
    assert_int_equal(bnt_save_begin(&save, folder, &err), BANTAM_ERR_IO);
    assert_int_equal(bnt_save_begin(&save, "/dev/null", &err), BANTAM_ERR_IO);
    assert_int_equal(bnt_save_begin(&save, "", &err), BANTAM_ERR_IO);
    snprintf(name, sizeof name, "%s/absent/file", folder);
    assert_int_equal(bnt_save_begin(&save, name, &err), BANTAM_ERR_IO);
    assert_null(save);
    snprintf(name, sizeof name, "%s/", path);
    assert_int_equal(bnt_save_begin(&save, name, &err), BANTAM_ERR_IO);

    /* The longest name a file system allows. */
    const int n = snprintf(name, sizeof name, "%s/", folder);
    memset(name + n, 'n', 255);
    name[n + 255] = '\0';
    assert_int_equal(bnt_save_begin(&save, name, &err), BANTAM_OK);
    assert_int_equal(bnt_save_commit(save, &err), BANTAM_OK);
    unlink(name);
}

static void no_allocation_is_left_untried(void **state)
{
    (void)state;
    bnt_save *save = NULL;
    const int64_t live = bnt_mem_live();
    const size_t files = files_in_folder();
    for (uint64_t n = 0; !save && n < 20; n++) {
        bnt_mem_fail_after(n);
        const bantam_status status = bnt_save_begin(&save, path, NULL);
        bnt_mem_fail_after(UINT64_MAX);
        assert_int_equal(status, save ? BANTAM_OK : BANTAM_ERR_NOMEM);
        assert_int_equal(files_in_folder(), files + (save ? 1 : 0));
    }
    bnt_save_abort(save);
    assert_int_equal(bnt_mem_live(), live);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_are_taken_apart_and_joined),
        cmocka_unit_test(kinds_are_told_apart),
        cmocka_unit_test(a_file_is_read_whole_up_to_the_maximum),
        cmocka_unit_test(a_file_of_unknown_length_is_read_too),
        cmocka_unit_test(what_cannot_be_read_is_an_error_with_its_path),
        cmocka_unit_test(a_folder_is_listed_in_order),
        cmocka_unit_test(a_saved_file_appears_at_commit),
        cmocka_unit_test(an_abandoned_file_leaves_no_trace),
        cmocka_unit_test(a_failed_write_keeps_the_old_file),
        cmocka_unit_test(a_file_is_written_in_any_order),
        cmocka_unit_test(room_that_is_not_there_is_known_before_the_work),
        cmocka_unit_test(places_that_cannot_be_written_are_refused_at_begin),
        cmocka_unit_test(no_allocation_is_left_untried),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
