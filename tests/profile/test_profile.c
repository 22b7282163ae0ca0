/* test_profile.c - the reader's profile: what it keeps, forgets, survives and refuses. */
#include "temp_folder.h"

#include "bantam/profile.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

static temp_folder folder;

static int make_folder(void **state)
{
    (void)state;
    temp_make(&folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    temp_remove(&folder);
    return 0;
}

static bantam_text text_of(const char *text)
{
    return (bantam_text){text, strlen(text)};
}

static bantam_profile *open_at(const char *path)
{
    bantam_profile *p;
    bantam_error err = {0};
    if (bantam_profile_open(&p, path, true, &err)) fail_msg("%s", err.message);
    return p;
}

static bantam_status add(bantam_profile *p, const char *id, const char *title, const char *text,
                         bantam_event_kind kind, int64_t time)
{
    const bantam_profile_event e = {text_of(id), text_of(title), text_of(text), kind, 7.5,
                                    time};
    return bantam_profile_add(p, &e, 1, NULL);
}

typedef struct seen {
    char ids[512][24], titles[512][64];
    size_t items[512];
    bantam_event_kind kinds[512];
    double seconds[512];
    size_t n;
} seen;

static bool on_event(void *user, const bantam_profile_event *e, size_t item)
{
    seen *const s = user;
    snprintf(s->ids[s->n], sizeof s->ids[0], "%.*s", (int)e->id.size, e->id.data);
    snprintf(s->titles[s->n], sizeof s->titles[0], "%.*s", (int)e->title.size, e->title.data);
    s->items[s->n] = item;
    s->kinds[s->n] = e->kind;
    s->seconds[s->n] = e->seconds;
    return ++s->n < 512;
}

static size_t read_all(const char *path, seen *s)
{
    bantam_profile *const p = open_at(path);
    s->n = 0;
    assert_int_equal(bantam_profile_events(p, on_event, s, NULL), 0);
    bantam_profile_close(p);
    return s->n;
}

/* Whether bytes stand in any file of the folder. */
static bool in_any_file(const void *bytes, size_t size)
{
    DIR *const dir = opendir(folder.path);
    const struct dirent *entry;
    bool found = false;

    assert_non_null(dir);
    while ((entry = readdir(dir)) != NULL) {
        size_t n;
        if (entry->d_name[0] == '.') continue;
        char *const data = read_whole(temp_path(&folder, entry->d_name), &n);
        for (size_t i = 0; i + size <= n && !found; i++)
            found = memcmp(data + i, bytes, size) == 0;
        free(data);
    }
    closedir(dir);
    return found;
}

static bool text_in_any_file(const char *text)
{
    return in_any_file(text, strlen(text));
}

static void assert_sound(const char *path)
{
    sqlite3 *db;
    sqlite3_stmt *s;

    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &s, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(s), SQLITE_ROW);
    assert_string_equal((const char *)sqlite3_column_text(s, 0), "ok");
    sqlite3_finalize(s);
    sqlite3_close(db);
}

/* ---- keeping ----------------------------------------------------------------------------- */

static void events_come_back_in_the_order_of_time(void **state)
{
    (void)state;
    const char *const path = temp_path(&folder, "new/inner/p.db");
    bantam_profile *const p = open_at(path);
    struct stat st;
    static seen s;

    assert_int_equal(add(p, "b", "Second", "text", BANTAM_EVENT_DWELT, 20), 0);
    assert_int_equal(add(p, "a", "First", "text", BANTAM_EVENT_LIKED, 10), 0);
    assert_int_equal(add(p, "b", "", "", BANTAM_EVENT_SKIPPED, 30), 0);
    bantam_profile_close(p);
    assert_int_equal(read_all(path, &s), 3);
    assert_string_equal(s.ids[0], "a");
    assert_int_equal(s.items[0], 0);
    assert_int_equal(s.items[1], 1);
    assert_int_equal(s.items[2], 1);
    assert_true(s.seconds[1] == 7.5 && s.seconds[0] == 0.0);
    assert_string_equal(s.titles[2], "Second"); /* an empty one changes nothing */
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(stat(temp_path(&folder, "new/inner"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
}

static void a_bad_event_adds_none_of_its_batch(void **state)
{
    (void)state;
    bantam_profile *const p = open_at(temp_path(&folder, "p.db"));
    bantam_profile_event events[2] = {
        {text_of("a"), text_of("t"), text_of(""), BANTAM_EVENT_LIKED, 0.0, 1},
        {text_of(""), text_of("t"), text_of(""), BANTAM_EVENT_LIKED, 0.0, 1}};
    bantam_profile_info info;
    bantam_error err;

    assert_int_equal(bantam_profile_add(p, events, 2, &err), BANTAM_ERR_INVALID);
    assert_non_null(strstr(err.message, "event 2"));
    events[1].id = text_of("\xC3\x28");
    assert_int_equal(bantam_profile_add(p, events, 2, &err), BANTAM_ERR_INVALID);
    events[1].id = (bantam_text){"a\0b", 3};
    assert_int_equal(bantam_profile_add(p, events, 2, &err), BANTAM_ERR_INVALID);
    events[1] = events[0];
    events[1].kind = (bantam_event_kind)7;
    assert_int_equal(bantam_profile_add(p, events, 2, &err), BANTAM_ERR_INVALID);
    assert_int_equal(bantam_profile_describe(p, &info, &err), 0);
    assert_int_equal(info.n_events, 0);
    assert_int_equal(info.n_items, 0);
    bantam_profile_close(p);
}

static bool count_wish(void *user, bantam_text wish, int64_t time)
{
    (void)wish;
    (void)time;
    ++*(int *)user;
    return true;
}

static void wishes_and_vectors_are_kept(void **state)
{
    (void)state;
    bantam_profile *const p = open_at(temp_path(&folder, "p.db"));
    const uint8_t one[32] = {1}, other[32] = {2};
    const uint64_t keys[2] = {bantam_profile_key(text_of("a"), text_of("b")),
                              bantam_profile_key(text_of("ab"), text_of(""))};
    const float vectors[2][3] = {{1.0f, 2.0f, 3.0f}, {4.0f, 5.0f, 6.0f}};
    float got[4];
    bool found;
    int n = 0;

    assert_true(keys[0] != keys[1]);
    assert_int_equal(bantam_profile_wish(p, text_of("short"), 1, NULL), 0);
    assert_int_equal(bantam_profile_wish(p, text_of("short"), 2, NULL), 0);
    assert_int_equal(bantam_profile_wish(p, text_of(""), 2, NULL), BANTAM_ERR_INVALID);
    assert_int_equal(bantam_profile_wishes(p, count_wish, &n, NULL), 0);
    assert_int_equal(n, 1);
    assert_int_equal(bantam_profile_keep_vectors(p, one, keys, 2, vectors[0], 3, NULL), 0);
    assert_int_equal(bantam_profile_vector(p, one, keys[1], got, 3, &found, NULL), 0);
    assert_true(found);
    assert_memory_equal(got, vectors[1], sizeof vectors[1]);
    assert_int_equal(bantam_profile_vector(p, other, keys[1], got, 3, &found, NULL), 0);
    assert_false(found);
    assert_int_equal(bantam_profile_vector(p, one, keys[1], got, 4, &found, NULL), 0);
    assert_false(found); /* of another length */
    bantam_profile_close(p);
}

/* ---- forgetting -------------------------------------------------------------------------- */

static const char secret[] = "zebrafish-quokka-7731";

/* Many events around one that is to be forgotten, so that its bytes lie on several pages. */
static void fill(const char *path, float *vector)
{
    bantam_profile *const p = open_at(path);
    const uint8_t model[32] = {3};
    const uint64_t key = bantam_profile_key(text_of(secret), text_of(""));
    char id[24], text[9000];

    for (int i = 0; i < 40; i++) {
        snprintf(id, sizeof id, "item%d", i);
        memset(text, 'a' + i % 26, sizeof text - 1);
        text[sizeof text - 1] = '\0';
        if (i == 20) {
            for (size_t at = 0; at + sizeof secret < sizeof text; at += 200)
                memcpy(text + at, secret, sizeof secret - 1);
        }
        assert_int_equal(
            add(p, id, i == 20 ? secret : "Plain", text, BANTAM_EVENT_LIKED, 1000 + i), 0);
    }
    for (int i = 0; i < 64; i++)
        vector[i] = 12345.678f + (float)i;
    assert_int_equal(bantam_profile_keep_vectors(p, model, &key, 1, vector, 64, NULL), 0);
    assert_int_equal(bantam_profile_wish(p, text_of("zebrafish please"), 1020, NULL), 0);
    bantam_profile_close(p);
}

static void assert_forgotten(const bantam_profile_forgetting *what, uint64_t n_expected,
                             bool wishes_too)
{
    const char *const path = temp_path(&folder, "p.db");
    float vector[64];
    uint64_t n;
    static seen s;

    fill(path, vector);
    assert_true(text_in_any_file(secret));
    assert_true(text_in_any_file("zebrafish please"));
    assert_true(in_any_file(vector, sizeof vector));
    bantam_profile *const p = open_at(path);
    assert_int_equal(bantam_profile_forget(p, what, &n, NULL), 0);
    assert_int_equal(n, n_expected);
    assert_false(in_any_file(vector, sizeof vector));
    assert_false(text_in_any_file(secret)); /* while the profile is open, too */
    assert_int_equal(text_in_any_file("zebrafish please"), !wishes_too);
    bantam_profile_close(p);
    assert_sound(path);
    assert_int_equal(read_all(path, &s), 40 - n_expected);
    assert_false(text_in_any_file(secret));
    unlink(path);
}

static void nothing_of_what_is_forgotten_is_in_any_file(void **state)
{
    (void)state;
    assert_forgotten(&(bantam_profile_forgetting){.topic = text_of("ZEBRAfish")}, 1, true);
    assert_forgotten(&(bantam_profile_forgetting){.before = 1021}, 21, true);
    assert_forgotten(&(bantam_profile_forgetting){.all = true}, 40, true);
    assert_forgotten(&(bantam_profile_forgetting){.id = text_of("item20")}, 1, false);
}

static void forgetting_wants_to_know_what(void **state)
{
    (void)state;
    bantam_profile *const p = open_at(temp_path(&folder, "p.db"));
    uint64_t n;

    assert_int_equal(bantam_profile_forget(p, &(bantam_profile_forgetting){0}, &n, NULL),
                     BANTAM_ERR_INVALID);
    const bantam_profile_forgetting two = {.all = true, .before = 3};
    assert_int_equal(bantam_profile_forget(p, &two, &n, NULL), BANTAM_ERR_INVALID);
    const bantam_profile_forgetting like = {.topic = text_of("%")};
    assert_int_equal(add(p, "a", "Plain", "", BANTAM_EVENT_LIKED, 1), 0);
    assert_int_equal(bantam_profile_forget(p, &like, &n, NULL), 0);
    assert_int_equal(n, 0); /* a sign is a sign */
    bantam_profile_close(p);
}

/* ---- crashes ----------------------------------------------------------------------------- */

/* Adds until it is killed, and tells the number of each add that has succeeded. */
static _Noreturn void add_forever(const char *path, int pipe_fd, int first)
{
    bantam_profile *p;
    uint64_t n;

    if (bantam_profile_open(&p, path, true, NULL)) _exit(2);
    for (int i = first;; i++) {
        char id[24];
        snprintf(id, sizeof id, "n%d", i);
        if (add(p, id, "Title", "Text", BANTAM_EVENT_LIKED, i)) _exit(3);
        if (write(pipe_fd, &i, sizeof i) != sizeof i) _exit(4);
        const bantam_profile_forgetting gone = {.topic = {"nowhere", 7}};
        if (i % 5 == 4 && bantam_profile_forget(p, &gone, &n, NULL)) _exit(5);
    }
}

static void a_kill_at_any_moment_loses_no_committed_event(void **state)
{
    (void)state;
    const char *const path = temp_path(&folder, "p.db");
    const int n_kills = getenv("BANTAM_KILLS") ? atoi(getenv("BANTAM_KILLS")) : 12;
    int last = -1;
    static seen s;

    srand(42);
    for (int kill_no = 0; kill_no < n_kills; kill_no++) {
        int ends[2], got;
        assert_int_equal(pipe(ends), 0);
        const pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            close(ends[0]);
            add_forever(path, ends[1], last + 1);
        }
        close(ends[1]);
        const struct timespec wait = {0, 2000000L + rand() % 30 * 1000000L};
        nanosleep(&wait, NULL);
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        while (read(ends[0], &got, sizeof got) == sizeof got)
            last = got;
        close(ends[0]);
        if (access(path, F_OK) != 0) continue;   /* it had no time to make the file */
        bantam_profile *const p = open_at(path); /* takes an unfinished change back */
        bantam_profile_info info;
        assert_int_equal(bantam_profile_describe(p, &info, NULL), 0);
        bantam_profile_close(p);
        assert_sound(path);
        assert_true(info.n_events >= (uint64_t)(last + 1));
        /* The one under way has happened whole or not at all. */
        assert_true(info.n_events <= (uint64_t)(last + 2));
        assert_int_equal(info.n_items, info.n_events);
        last = (int)info.n_events - 1;
    }
    assert_int_equal(read_all(path, &s), last + 1 < 512 ? last + 1 : 512);
    for (size_t i = 0; i < s.n; i++)
        assert_int_equal(atoi(s.ids[i] + 1), i);
}

static void two_processes_add_to_one_profile(void **state)
{
    (void)state;
    enum { EACH = 15 };
    const char *const path = temp_path(&folder, "p.db");
    pid_t children[2];
    static seen s;

    for (int c = 0; c < 2; c++) {
        children[c] = fork();
        if (children[c]) continue;
        bantam_profile *p;
        if (bantam_profile_open(&p, path, true, NULL)) _exit(2);
        for (int i = 0; i < EACH; i++) {
            char id[24];
            snprintf(id, sizeof id, "%d-%d", c, i);
            if (add(p, id, "t", "", BANTAM_EVENT_LIKED, i)) _exit(3);
        }
        _exit(0);
    }
    for (int c = 0; c < 2; c++) {
        int status;
        waitpid(children[c], &status, 0);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    assert_int_equal(read_all(path, &s), 2 * EACH);
}

static void a_full_disk_takes_nothing_back(void **state)
{
    (void)state;
    const char *const path = temp_path(&folder, "p.db");
    static char large[60000];
    static seen s;
    int status;

    memset(large, 'x', sizeof large - 1);
    bantam_profile *const p = open_at(path);
    assert_int_equal(add(p, "kept", "t", "text", BANTAM_EVENT_LIKED, 1), 0);
    bantam_profile_close(p);
    const pid_t child = fork();
    if (child == 0) {
        const struct rlimit limit = {65536, 65536};
        bantam_profile *q;
        bantam_error err = {0};
        signal(SIGXFSZ, SIG_IGN);
        if (setrlimit(RLIMIT_FSIZE, &limit) || bantam_profile_open(&q, path, true, NULL)) {
            _exit(2);
        }
        const bantam_profile_event e = {text_of("large"),   text_of("t"), text_of(large),
                                        BANTAM_EVENT_LIKED, 0.0,          2};
        _exit(bantam_profile_add(q, &e, 1, &err) == BANTAM_ERR_IO ? 0 : 3);
    }
    waitpid(child, &status, 0);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_sound(path);
    assert_int_equal(read_all(path, &s), 1);
    assert_string_equal(s.ids[0], "kept");
}

/* ---- what is refused --------------------------------------------------------------------- */

static void assert_refused(const char *path, bantam_status expected)
{
    bantam_profile *p;
    bantam_error err = {0};
    const bantam_status status = bantam_profile_open(&p, path, true, &err);

    if (status != expected) fail_msg("status %d: %s", status, err.message);
    assert_null(p);
    assert_true(strlen(err.message) > 0);
}

static void sql(const char *path, const char *statements)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, statements, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static void what_is_no_profile_is_refused(void **state)
{
    (void)state;
    bantam_profile *p;

    temp_write_text(&folder, "text", "this is not a database, whatever its name says, by far");
    assert_refused(temp_path(&folder, "text"), BANTAM_ERR_FORMAT);
    sql(temp_path(&folder, "other"), "CREATE TABLE t(x)");
    assert_refused(temp_path(&folder, "other"), BANTAM_ERR_FORMAT);
    assert_refused(folder.path, BANTAM_ERR_IO);
    assert_int_equal(bantam_profile_open(&p, temp_path(&folder, "none"), false, NULL),
                     BANTAM_ERR_IO);
    assert_int_equal(access(temp_path(&folder, "none"), F_OK), -1);
    assert_int_equal(bantam_profile_open(&p, "", true, NULL), BANTAM_ERR_INVALID);
}

static void a_profile_that_was_tampered_with_is_refused(void **state)
{
    (void)state;
    const char *const changes[] = {
        "CREATE TRIGGER t AFTER INSERT ON events BEGIN DELETE FROM items; END",
        "CREATE VIEW v AS SELECT 1", "DROP TABLE wishes", "PRAGMA application_id=7"};

    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        const char *const path = temp_path(&folder, "p.db");
        bantam_profile_close(open_at(path));
        sql(path, changes[i]);
        assert_refused(path, BANTAM_ERR_FORMAT);
        unlink(path);
    }
    const char *const path = temp_path(&folder, "later.db");
    bantam_profile_close(open_at(path));
    sql(path, "PRAGMA user_version=2");
    assert_refused(path, BANTAM_ERR_UNSUPPORTED);
}

static bool ignore(void *user, const bantam_profile_event *e, size_t item)
{
    (void)user;
    (void)e;
    (void)item;
    return true;
}

static void a_cut_or_changed_file_is_an_error_and_no_crash(void **state)
{
    (void)state;
    const char *const path = temp_path(&folder, "p.db"), *const bad = temp_path(&folder, "bad");
    float vector[64];
    size_t size;
    unsigned seed = 1;

    fill(path, vector);
    char *const data = read_whole(path, &size);
    for (int i = 0; i < 60; i++) {
        const bool cut = i % 2 == 0;
        seed = seed * 1103515245u + 12345u;
        const size_t at = (seed >> 8) % size;
        const char kept = data[at];
        bantam_profile *p;
        bantam_error err = {0};
        data[at] = (char)(kept ^ 0x55);
        write_whole(bad, data, cut ? at : size);
        data[at] = kept;
        const bantam_status status = bantam_profile_open(&p, bad, false, &err);
        if (!status) {
            const bantam_status walked = bantam_profile_events(p, ignore, NULL, &err);
            assert_true(!walked || strlen(err.message) > 0);
        }
        bantam_profile_close(p);
    }
    free(data);
}

static void the_usual_place_follows_the_environment(void **state)
{
    (void)state;
    char path[256];

    setenv("BANTAM_HOME", "/somewhere", 1);
    assert_int_equal(bantam_profile_path(path, sizeof path, NULL), 0);
    assert_string_equal(path, "/somewhere/profile.db");
    assert_int_equal(bantam_profile_path(path, 5, NULL), BANTAM_ERR_FULL);
    unsetenv("BANTAM_HOME");
    setenv("XDG_DATA_HOME", "relative", 1);
    setenv("HOME", "/home/x", 1);
    assert_int_equal(bantam_profile_path(path, sizeof path, NULL), 0);
    assert_string_equal(path, "/home/x/.local/share/bantam/profile.db");
    setenv("XDG_DATA_HOME", "/data", 1);
    assert_int_equal(bantam_profile_path(path, sizeof path, NULL), 0);
    assert_string_equal(path, "/data/bantam/profile.db");
}

#define IN_FOLDER(f) cmocka_unit_test_setup_teardown(f, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(events_come_back_in_the_order_of_time),
        IN_FOLDER(a_bad_event_adds_none_of_its_batch),
        IN_FOLDER(wishes_and_vectors_are_kept),
        IN_FOLDER(nothing_of_what_is_forgotten_is_in_any_file),
        IN_FOLDER(forgetting_wants_to_know_what),
        IN_FOLDER(a_kill_at_any_moment_loses_no_committed_event),
        IN_FOLDER(two_processes_add_to_one_profile),
        IN_FOLDER(a_full_disk_takes_nothing_back),
        IN_FOLDER(what_is_no_profile_is_refused),
        IN_FOLDER(a_profile_that_was_tampered_with_is_refused),
        IN_FOLDER(a_cut_or_changed_file_is_an_error_and_no_crash),
        cmocka_unit_test(the_usual_place_follows_the_environment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
