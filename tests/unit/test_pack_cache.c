/* The cache file: held against its model before it is believed, and where it lies. */
#include "pack_rig.h"

/* ---- files that are not the cache of this model ------------------------------------------ */

/* Makes the model's cache in the shared folder and lets no other be made there, so that one
 * that is not believed shows as weights in memory. */
typedef struct judged {
    char path[600];
    uint8_t *bytes; /* of the sound file */
    size_t size, data_at;
    uint64_t sum; /* of the packed weights */
} judged;

static judged prepare_judged(void)
{
    judged j;

    setenv("BANTAM_CACHE", shared, 1);
    opened o = open_packed(model_path, false);
    snprintf(j.path, sizeof j.path, "%s", path_of(&o));
    assert_int_equal(strncmp(j.path, shared, strlen(shared)), 0);
    j.sum = sum_bytes(&o);
    close_all(&o);
    j.bytes = (uint8_t *)read_whole(j.path, &j.size);
    uint64_t data_at;
    memcpy(&data_at, j.bytes + 24, 8); /* tests run on little-endian machines */
    j.data_at = (size_t)data_at;
    assert_true(j.data_at % 4096 == 0 && j.data_at < j.size);
    setenv("BANTAM_CACHE_MAX", "1", 1);
    return j;
}

static bool is_believed(const judged *j)
{
    opened o = open_packed(model_path, false);
    const bool believed = path_of(&o) != NULL;
    assert_true(sum_bytes(&o) == j->sum);
    assert_int_equal(bnt_pack_note(o.model->pack) == NULL, believed);
    close_all(&o);
    return believed;
}

static void a_cache_cut_anywhere_is_not_believed(void **state)
{
    (void)state;
    judged j = prepare_judged();
    assert_true(is_believed(&j));
    for (size_t cut = 0; cut < j.size; cut += cut < 600 ? 7 : j.size / 23) {
        write_whole(j.path, j.bytes, cut);
        if (is_believed(&j)) fail_msg("believed when cut to %zu bytes", cut);
    }
    write_whole(j.path, j.bytes, j.size - 1);
    assert_false(is_believed(&j));
    uint8_t *const longer = calloc(1, j.size + 1);
    memcpy(longer, j.bytes, j.size);
    write_whole(j.path, longer, j.size + 1);
    assert_false(is_believed(&j));
    write_whole(j.path, j.bytes, j.size);
    assert_true(is_believed(&j));
    free(longer);
    free(j.bytes);
}

static void no_changed_byte_of_the_head_is_believed(void **state)
{
    (void)state;
    judged j = prepare_judged();
    size_t end = j.data_at;
    while (end > 0 && j.bytes[end - 1] == 0) {
        end--;
    }
    assert_true(end > 72 + 24 + 40 * (N_MATRICES - 1));
    for (size_t i = 0; i < end; i++) {
        FILE *const f = fopen(j.path, "r+b");
        assert_non_null(f);
        fseek(f, (long)i, SEEK_SET);
        fputc(j.bytes[i] ^ 1 << i % 8, f);
        fclose(f);
        if (is_believed(&j)) fail_msg("believed with byte %zu changed", i);
        write_whole(j.path, j.bytes, j.size);
    }
    assert_true(is_believed(&j));
    free(j.bytes);
}

static void a_cache_whose_weights_were_not_written_is_not_believed(void **state)
{
    (void)state;
    judged j = prepare_judged();
    for (size_t i = 0; i < 8; i++) { /* zeros from some point on, as power cuts leave them */
        const size_t written = j.data_at + i * (j.size - j.data_at) / 8;
        write_whole(j.path, j.bytes, written);
        assert_int_equal(truncate(j.path, (off_t)j.size), 0);
        if (is_believed(&j)) fail_msg("believed with %zu bytes written", written);
    }
    write_whole(j.path, j.bytes, j.size);
    assert_true(is_believed(&j));
    free(j.bytes);
}

static void every_matrix_is_looked_at(void **state)
{
    (void)state;
    judged j = prepare_judged();
    for (size_t i = 0; i < N_MATRICES - 1; i++) {
        uint64_t offset, size; /* tests run on little-endian machines */
        memcpy(&offset, j.bytes + 72 + 24 + 40 * i + 16, 8);
        memcpy(&size, j.bytes + 72 + 24 + 40 * i + 24, 8);
        assert_true(size > 0 && offset + size <= j.size - j.data_at);
        for (int end = 0; end < 2; end++) {
            uint8_t *const at = j.bytes + j.data_at + offset + (end ? size - 1 : 0);
            *at ^= 1;
            write_whole(j.path, j.bytes, j.size);
            if (is_believed(&j)) fail_msg("matrix %zu is believed", i);
            *at ^= 1;
        }
    }
    write_whole(j.path, j.bytes, j.size);
    assert_true(is_believed(&j));
    free(j.bytes);
}

static void set_time(const char *path, long seconds, long ns)
{
    const struct timespec times[2] = {{seconds, ns}, {seconds, ns}};
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void a_model_that_changed_has_no_cache(void **state)
{
    struct stat st;
    (void)state;
    set_time(model_path, 1000000000, 5);
    judged j = prepare_judged();
    assert_true(is_believed(&j));

    set_time(model_path, 1000000000, 4); /* older, by one nanosecond */
    assert_false(is_believed(&j));
    set_time(model_path, 1000000000, 5);
    assert_true(is_believed(&j));

    /* Another model of the same size in its place: the same inode and the same time. */
    assert_int_equal(stat(model_path, &st), 0);
    write_model(temp_path(&folder, "other.gguf"), 2);
    size_t size;
    char *const other = read_whole(temp_path(&folder, "other.gguf"), &size);
    assert_int_equal(size, st.st_size);
    write_whole(model_path, other, size);
    set_time(model_path, 1000000000, 5);
    opened o = open_packed(model_path, false);
    assert_null(path_of(&o));
    assert_true(sum_bytes(&o) != j.sum);
    close_all(&o);
    free(other);
    free(j.bytes);
}

static void a_copy_of_the_model_is_another_file(void **state)
{
    size_t size;
    (void)state;
    set_time(model_path, 1000000000, 5);
    judged j = prepare_judged();
    char *const bytes = read_whole(model_path, &size);
    temp_write(&folder, "copy", bytes, size);
    assert_int_equal(rename(temp_path(&folder, "copy"), model_path), 0);
    set_time(model_path, 1000000000, 5);
    assert_false(is_believed(&j));
    free(bytes);
    free(j.bytes);
}

static void a_damaged_cache_is_made_anew_in_its_place(void **state)
{
    size_t size, again;
    (void)state;
    opened o = open_packed(model_path, false);
    close_all(&o);
    char *const sound = read_whole(beside, &size);
    write_whole(beside, sound, size / 2);
    o = open_packed(model_path, false);
    assert_string_equal(path_of(&o), beside);
    close_all(&o);
    char *const made = read_whole(beside, &again);
    assert_int_equal(again, size);
    assert_memory_equal(made, sound, size);
    assert_int_equal(count_files(folder.path), 3); /* model, cache, the shared folder */
    free(sound);
    free(made);
}

static void what_is_no_file_in_the_place_of_a_cache_does_no_harm(void **state)
{
    (void)state;
    assert_int_equal(mkdir(beside, 0700), 0);
    opened o = open_packed(model_path, false);
    assert_non_null(strstr(path_of(&o), "/caches/bantam/m.gguf-"));
    close_all(&o);
    assert_int_equal(rmdir(beside), 0);
    temp_remove_all(temp_path(&folder, "caches/bantam"));

    assert_int_equal(mkfifo(beside, 0600), 0); /* nobody writes to it: it must not be opened */
    o = open_packed(model_path, false);
    assert_non_null(strstr(path_of(&o), "/caches/bantam/m.gguf-"));
    close_all(&o);
    assert_int_equal(unlink(beside), 0);
    temp_remove_all(temp_path(&folder, "caches/bantam"));

    assert_int_equal(symlink("m.gguf.bantam-cache", beside), 0);
    o = open_packed(model_path, false);
    assert_non_null(path_of(&o));
    close_all(&o);
}

/* ---- places ------------------------------------------------------------------------------ */

static void a_model_behind_a_link_is_kept_in_the_shared_folder(void **state)
{
    (void)state;
    assert_int_equal(symlink(model_path, temp_path(&folder, "link.gguf")), 0);
    opened o = open_packed(temp_path(&folder, "link.gguf"), false);
    assert_non_null(strstr(path_of(&o), "/caches/bantam/link.gguf-"));
    close_all(&o);
    assert_false(is_there(beside));
}

static void off_keeps_nothing(void **state)
{
    (void)state;
    setenv("BANTAM_CACHE", "off", 1);
    opened o = open_packed(model_path, false);
    assert_null(path_of(&o));
    assert_null(bnt_pack_note(o.model->pack));
    close_all(&o);
    unsetenv("BANTAM_CACHE");
    setenv("BANTAM_CACHE_MIN", "16M", 1); /* this model has less */
    o = open_packed(model_path, false);
    assert_null(path_of(&o));
    close_all(&o);
    assert_int_equal(count_files(folder.path), 2);
    assert_int_equal(count_files(shared), 0);
}

/* In a process of its own, without the right to write beside the model. */
static void a_folder_that_cannot_be_written_to_is_passed_over(void **state)
{
    (void)state;
    assert_int_equal(chmod(folder.path, 0555), 0);
    assert_int_equal(chmod(shared, 0777), 0);
    const pid_t child = fork();
    if (child == 0) {
        if (geteuid() == 0 && setuid(65534)) _exit(1);
        opened o = open_plain(model_path);
        if (bnt_model_pack(o.model, NULL, NULL)) _exit(2);
        if (!path_of(&o) || !strstr(path_of(&o), "/caches/bantam/m.gguf-")) _exit(3);
        close_all(&o);
        /* And where the shared folder cannot be written to either, a note. */
        setenv("XDG_CACHE_HOME", folder.path, 1);
        o = open_plain(model_path);
        if (bnt_model_pack(o.model, NULL, NULL) || path_of(&o)) _exit(4);
        if (!strstr(bnt_pack_note(o.model->pack), "bantam-cache: ")) _exit(5);
        close_all(&o);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(chmod(folder.path, 0755), 0);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_false(is_there(beside));
}

static void a_full_disk_means_memory_and_a_note(void **state)
{
    struct rlimit old, small;
    (void)state;
    getrlimit(RLIMIT_FSIZE, &old);
    small = old;
    small.rlim_cur = 4096;
    /* A write beyond the limit would raise SIGXFSZ, which ends the process. */
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    opened o = open_packed(model_path, false);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_null(path_of(&o));
    assert_non_null(strstr(bnt_pack_note(o.model->pack), "File too large"));
    opened memory = open_packed(model_path, true);
    assert_true(sum_bytes(&o) == sum_bytes(&memory));
    close_all(&o);
    close_all(&memory);
    assert_int_equal(count_files(folder.path), 2);
    assert_int_equal(count_files(temp_path(&folder, "caches/bantam")), 0);
}

static bool fill_the_disk(void *user, uint64_t done, uint64_t total)
{
    const struct rlimit *const old = user;
    struct rlimit small = *old;
    (void)done;
    (void)total;
    small.rlim_cur = 4096;
    return setrlimit(RLIMIT_FSIZE, &small) == 0;
}

static void a_disk_that_fills_up_meanwhile_means_memory_and_a_note(void **state)
{
    struct rlimit old;
    const bnt_pack_options options = {.progress = fill_the_disk, .user = &old};
    bantam_error err;
    (void)state;
    n_ffn = 160 * N_EMBD; /* 25 MB: progress is told in between */
    write_model(model_path, 8);
    opened o = open_plain(model_path);
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &old);
    const bantam_status status = bnt_model_pack(o.model, &options, &err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    signal(SIGXFSZ, SIG_DFL);
    assert_int_equal(status, BANTAM_OK);
    assert_null(path_of(&o));
    assert_non_null(strstr(bnt_pack_note(o.model->pack), "File too large"));
    opened memory = open_packed(model_path, true);
    assert_true(sum_bytes(&o) == sum_bytes(&memory));
    close_all(&o);
    close_all(&memory);
    assert_int_equal(count_files(folder.path), 2);
}

static void those_used_long_ago_go_first(void **state)
{
    char paths[4][600];
    struct stat st;
    (void)state;
    setenv("BANTAM_CACHE", shared, 1);
    for (int i = 0; i < 3; i++) {
        char name[32];
        snprintf(name, sizeof name, "m%d.gguf", i);
        write_model(temp_path(&folder, name), 10 + (uint64_t)i);
        opened o = open_packed(temp_path(&folder, name), false);
        snprintf(paths[i], sizeof paths[i], "%s", path_of(&o));
        close_all(&o);
        set_time(paths[i], 1000000000 + i, 0);
    }
    opened o = open_packed(temp_path(&folder, "m0.gguf"), false); /* now the last one used */
    close_all(&o);
    assert_int_equal(stat(paths[0], &st), 0);
    assert_true(st.st_mtime > 1000000002);

    char max[32];
    snprintf(max, sizeof max, "%lld", (long long)st.st_size * 3 + 100);
    setenv("BANTAM_CACHE_MAX", max, 1);
    temp_write_text(&folder, "caches/notes.txt", "not a cache");
    temp_write_text(&folder, "caches/.bantam-1-2.tmp", "abandoned");
    set_time(temp_path(&folder, "caches/.bantam-1-2.tmp"), 1000000000, 0);
    temp_write_text(&folder, "caches/.bantam-1-3.tmp", "being written");
    o = open_packed(model_path, false);
    assert_non_null(path_of(&o));
    close_all(&o);
    assert_true(is_there(paths[0]));
    assert_false(is_there(paths[1]));
    assert_true(is_there(paths[2]));
    assert_true(is_there(temp_path(&folder, "caches/notes.txt")));
    assert_false(is_there(temp_path(&folder, "caches/.bantam-1-2.tmp")));
    assert_true(is_there(temp_path(&folder, "caches/.bantam-1-3.tmp")));
}

static void processes_that_make_it_at_once_all_get_it(void **state)
{
    enum { N = 4 };
    pid_t children[N];
    (void)state;
    opened memory = open_packed(model_path, true);
    const uint64_t sum = sum_bytes(&memory);
    close_all(&memory);
    for (int i = 0; i < N; i++) {
        children[i] = fork();
        if (children[i] != 0) continue;
        for (int turn = 0; turn < 5; turn++) {
            opened o = open_plain(model_path);
            if (bnt_model_pack(o.model, NULL, NULL)) _exit(1);
            if (!path_of(&o) || sum_bytes(&o) != sum) _exit(2);
            close_all(&o);
            if (turn % 2 == 0) unlink(beside);
        }
        _exit(0);
    }
    for (int i = 0; i < N; i++) {
        int status;
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
    }
    unlink(beside);
    assert_int_equal(count_files(folder.path), 2);
}

/* ---- removing ---------------------------------------------------------------------------- */

typedef struct removed {
    size_t n;
    uint64_t bytes;
} removed;

static void on_removed(void *user, bantam_text path, uint64_t bytes)
{
    removed *const r = user;
    assert_true(path.size > strlen(".bantam-cache"));
    r->n++;
    r->bytes += bytes;
}

static void caches_are_removed_where_they_lie(void **state)
{
    removed r = {0};
    struct stat st;
    (void)state;
    opened o = open_packed(model_path, false);
    close_all(&o);
    assert_int_equal(stat(beside, &st), 0);
    const uint64_t bytes = (uint64_t)st.st_size;
    assert_int_equal(symlink(model_path, temp_path(&folder, "link.gguf")), 0);
    o = open_packed(temp_path(&folder, "link.gguf"), false);
    close_all(&o);
    write_model(temp_path(&folder, "gone.gguf"), 7);
    o = open_packed(temp_path(&folder, "gone.gguf"), false);
    close_all(&o);
    assert_int_equal(unlink(temp_path(&folder, "gone.gguf")), 0);

    assert_int_equal(bantam_cache_remove(model_path, on_removed, &r, NULL), BANTAM_OK);
    assert_int_equal(r.n, 1);
    assert_int_equal(r.bytes, bytes);
    assert_false(is_there(beside));
    assert_true(is_there(model_path));
    assert_int_equal(bantam_cache_remove(model_path, on_removed, &r, NULL), BANTAM_OK);
    assert_int_equal(r.n, 1);

    /* The model need not be there. */
    const char *const gone = temp_path(&folder, "gone.gguf");
    assert_int_equal(bantam_cache_remove(gone, on_removed, &r, NULL), BANTAM_OK);
    assert_int_equal(r.n, 2);
    assert_int_equal(bantam_cache_remove(NULL, on_removed, &r, NULL), BANTAM_OK);
    assert_int_equal(r.n, 3);
    assert_int_equal(r.bytes, 3 * bytes);
    assert_int_equal(count_files(temp_path(&folder, "caches/bantam")), 0);
    assert_int_equal(bantam_cache_remove(NULL, NULL, NULL, NULL), BANTAM_OK);
    assert_int_equal(bantam_cache_remove("", NULL, NULL, NULL), BANTAM_ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest cases[] = {
        CASE(a_cache_cut_anywhere_is_not_believed),
        CASE(no_changed_byte_of_the_head_is_believed),
        CASE(a_cache_whose_weights_were_not_written_is_not_believed),
        CASE(every_matrix_is_looked_at),
        CASE(a_model_that_changed_has_no_cache),
        CASE(a_copy_of_the_model_is_another_file),
        CASE(a_damaged_cache_is_made_anew_in_its_place),
        CASE(what_is_no_file_in_the_place_of_a_cache_does_no_harm),
        CASE(a_model_behind_a_link_is_kept_in_the_shared_folder),
        CASE(off_keeps_nothing),
        CASE(a_folder_that_cannot_be_written_to_is_passed_over),
        CASE(a_full_disk_means_memory_and_a_note),
        CASE(a_disk_that_fills_up_meanwhile_means_memory_and_a_note),
        CASE(those_used_long_ago_go_first),
        CASE(processes_that_make_it_at_once_all_get_it),
        CASE(caches_are_removed_where_they_lie),
    };
    return cmocka_run_group_tests(cases, NULL, NULL);
}
