/* profile.c - a profile opened and made: where it is, what it consists of, what is distrusted
 * in it. Its events are in profile_events.c, forgetting in profile_forget.c.
 *
 * A rollback journal and not a write-ahead log, because nothing may be left beside the file:
 * the journal is gone with the commit. Deleted bytes are overwritten with zeros
 * (secure_delete). Temporary tables stay in memory.
 */
#include "profile/profile_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    APPLICATION = 0x42414E54, /* "BANT", as SQLite's files say what they are */
    VERSION = 1,
    WAIT_MS = 10000,
    LONGEST_VALUE = 16 << 20 /* of what the file may hold; what is written is far smaller */
};

static const char schema[] =
    "CREATE TABLE items(key INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, title TEXT NOT NULL, "
    "text TEXT NOT NULL);"
    "CREATE TABLE events(key INTEGER PRIMARY KEY, item INTEGER NOT NULL, kind INTEGER NOT "
    "NULL, "
    "seconds REAL NOT NULL, time INTEGER NOT NULL);"
    "CREATE TABLE wishes(key INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE, time INTEGER NOT "
    "NULL);"
    "CREATE TABLE vectors(key INTEGER PRIMARY KEY, model BLOB NOT NULL, text INTEGER NOT NULL, "
    "vector BLOB NOT NULL, UNIQUE(model, text));"
    "CREATE INDEX events_item ON events(item);"; /* indexes last: VACUUM puts them there */

/* ---- where ------------------------------------------------------------------------------- */

bantam_status bantam_profile_path(char *path, size_t capacity, bantam_error *err)
{
    static const char *const roots[][2] = {{"BANTAM_HOME", "profile.db"},
                                           {"XDG_DATA_HOME", "bantam/profile.db"},
                                           {"HOME", ".local/share/bantam/profile.db"}};

    for (size_t i = 0; i < sizeof roots / sizeof roots[0]; i++) {
        const char *const root = getenv(roots[i][0]);
        if (!root || !*root) continue;
        /* A relative XDG folder is to be ignored, says its definition. */
        if (roots[i][0][0] == 'X' && *root != '/') continue;
        const int n = snprintf(path, capacity, "%s/%s", root, roots[i][1]);
        if (n >= 0 && (size_t)n < capacity) return BANTAM_OK;
        return bnt_profile_fail(err, BANTAM_ERR_FULL,
                                "the profile's path of %d bytes does not fit", n);
    }
    return bnt_profile_fail(err, BANTAM_ERR_IO,
                            "none of BANTAM_HOME, XDG_DATA_HOME and HOME says where the "
                            "profile is to be");
}

/* Makes the folders above a file, for the owner alone. */
static bantam_status make_folders(const char *path, bantam_error *err)
{
    char *const part = sqlite3_mprintf("%s", path);
    bantam_status status = BANTAM_OK;

    if (!part) return bnt_profile_fail(err, BANTAM_ERR_NOMEM, "out of memory for a path");
    for (char *at = strchr(part + 1, '/'); at && !status; at = strchr(at + 1, '/')) {
        *at = '\0';
        if (mkdir(part, 0700) && errno != EEXIST) {
            status = bnt_profile_fail(err, BANTAM_ERR_IO, "%s: cannot make this folder: %s",
                                      part, strerror(errno));
        }
        *at = '/';
    }
    sqlite3_free(part);
    return status;
}

/* Makes the empty file that SQLite goes on with, so that nobody else can ever read it, whatever
 * the umask: the journal takes its mode from it. */
static bantam_status make_file(const char *path, bantam_error *err)
{
    const bantam_status status = make_folders(path, err);

    if (status) return status;
    const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY, 0600);
    if (fd < 0) {
        return bnt_profile_fail(err, BANTAM_ERR_IO, "%s: cannot make it: %s", path,
                                strerror(errno));
    }
    close(fd);
    return BANTAM_OK;
}

static bantam_status check_file(const char *path, bantam_error *err)
{
    struct stat st;

    if (stat(path, &st)) {
        return bnt_profile_fail(err, BANTAM_ERR_IO, "%s: no profile there: %s", path,
                                strerror(errno));
    }
    if (!S_ISREG(st.st_mode)) {
        return bnt_profile_fail(err, BANTAM_ERR_IO, "%s: expected a file", path);
    }
    if (st.st_mode & 077) (void)chmod(path, 0600); /* refused where the file is another's */
    return BANTAM_OK;
}

/* ---- what it consists of ----------------------------------------------------------------- */

static bantam_status read_number(bantam_profile *p, const char *sql, int64_t *out,
                                 bantam_error *err)
{
    bnt_query q;
    bool row;

    bnt_query_open(&q, p, sql);
    const bantam_status status = bnt_query_step(&q, &row, err);
    *out = row ? sqlite3_column_int64(q.statement, 0) : 0;
    bnt_query_close(&q);
    return status;
}

/* Another schema than ours could make a harmless query do anything. */
static bantam_status check_schema(bantam_profile *p, bantam_error *err)
{
    char have[sizeof schema + 16] = "";
    size_t used = 0;
    bnt_query q;
    bool row = true;
    bantam_status status = BANTAM_OK;

    bnt_query_open(&q, p, "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY rowid");
    while (!status && row) {
        status = bnt_query_step(&q, &row, err);
        if (status || !row) break;
        const bantam_text sql = bnt_query_column(&q, 0);
        if (sql.size + 1 >= sizeof have - used) {
            used = 0;
            break;
        }
        memcpy(have + used, sql.data, sql.size);
        used += sql.size;
        have[used++] = ';';
    }
    bnt_query_close(&q);
    if (status) return status;
    if (used == sizeof schema - 1 && memcmp(have, schema, used) == 0) return BANTAM_OK;
    return bnt_profile_fail(err, BANTAM_ERR_FORMAT, "%s: not a profile: it has other tables",
                            p->path);
}

static bantam_status make_schema(bantam_profile *p, bantam_error *err)
{
    char version[96];
    int64_t tables = 0;

    snprintf(version, sizeof version, "PRAGMA application_id=%d; PRAGMA user_version=%d",
             APPLICATION, VERSION);
    bantam_status status = bnt_profile_begin(p, err);
    if (status) return status;
    /* Another process may have made it since it was looked at. */
    status = read_number(p, "SELECT count(*) FROM sqlite_schema", &tables, err);
    if (!status && !tables) status = bnt_profile_run(p, schema, err);
    if (!status && !tables) status = bnt_profile_run(p, version, err);
    return bnt_profile_end(p, status, err);
}

static bantam_status check(bantam_profile *p, bool make, bantam_error *err)
{
    int64_t application = 0, version = 0, tables = 0;
    bantam_status status = read_number(p, "SELECT count(*) FROM sqlite_schema", &tables, err);

    if (!status && !tables && make) status = make_schema(p, err);
    if (!status) status = read_number(p, "PRAGMA application_id", &application, err);
    if (!status) status = read_number(p, "PRAGMA user_version", &version, err);
    if (status) return status;
    if (application != APPLICATION) {
        return bnt_profile_fail(err, BANTAM_ERR_FORMAT,
                                "%s: not a profile: expected a database of bantam's", p->path);
    }
    if (version != VERSION) {
        return bnt_profile_fail(err, BANTAM_ERR_UNSUPPORTED,
                                "%s: a profile of version %lld, expected %d", p->path,
                                (long long)version, VERSION);
    }
    return check_schema(p, err);
}

/* ---- opening ----------------------------------------------------------------------------- */

/* The file may be anybody's: nothing in it is run, and no value of it is believed to be small.
 */
static bantam_status distrust(bantam_profile *p, bantam_error *err)
{
    sqlite3_db_config(p->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(p->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_db_config(p->db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
    sqlite3_db_config(p->db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
    sqlite3_limit(p->db, SQLITE_LIMIT_LENGTH, LONGEST_VALUE);
    sqlite3_busy_timeout(p->db, WAIT_MS);
    sqlite3_extended_result_codes(p->db, 1);
    return bnt_profile_run(p,
                           "PRAGMA cell_size_check=ON; PRAGMA mmap_size=0; "
                           "PRAGMA temp_store=MEMORY; PRAGMA secure_delete=ON; "
                           "PRAGMA journal_mode=DELETE; PRAGMA synchronous=EXTRA",
                           err);
}

bantam_status bantam_profile_open(bantam_profile **out, const char *path, bool make,
                                  bantam_error *err)
{
    /* A wrong journal mode of the file's is put right by the pragma, which needs to write. */
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE;
    bantam_status status;

    *out = NULL;
    if (!path || !*path) {
        return bnt_profile_fail(err, BANTAM_ERR_INVALID, "profile: no path given");
    }
    bantam_profile *const p = sqlite3_malloc(sizeof *p);
    if (!p) return bnt_profile_fail(err, BANTAM_ERR_NOMEM, "out of memory for the profile");
    *p = (bantam_profile){.path = sqlite3_mprintf("%s", path)};
    if (!p->path) {
        status = bnt_profile_fail(err, BANTAM_ERR_NOMEM, "out of memory for the profile");
        goto fail;
    }
    status = make ? make_file(path, err) : BANTAM_OK;
    if (!status) status = check_file(path, err);
    if (status) goto fail;
    if (sqlite3_open_v2(path, &p->db, flags, NULL) != SQLITE_OK) {
        status = bnt_profile_failed(p, "open it", err);
        goto fail;
    }
    status = distrust(p, err);
    if (!status) status = check(p, make, err);
    if (status) goto fail;
    *out = p;
    return BANTAM_OK;

fail:
    bantam_profile_close(p);
    return status;
}

void bantam_profile_close(bantam_profile *profile)
{
    if (!profile) return;
    sqlite3_close(profile->db);
    sqlite3_free(profile->path);
    sqlite3_free(profile);
}

/* ---- size -------------------------------------------------------------------------------- */

bantam_status bantam_profile_describe(bantam_profile *profile, bantam_profile_info *out,
                                      bantam_error *err)
{
    static const char *const counts[] = {
        "SELECT count(*) FROM items", "SELECT count(*) FROM events",
        "SELECT count(*) FROM wishes", "SELECT count(*) FROM vectors"};
    int64_t n[4] = {0};
    struct stat st;
    bantam_status status = BANTAM_OK;

    *out = (bantam_profile_info){0};
    for (size_t i = 0; i < 4 && !status; i++)
        status = read_number(profile, counts[i], &n[i], err);
    if (status) return status;
    *out = (bantam_profile_info){(uint64_t)n[0], (uint64_t)n[1], (uint64_t)n[2], (uint64_t)n[3],
                                 stat(profile->path, &st) ? 0 : (uint64_t)st.st_size};
    return BANTAM_OK;
}
