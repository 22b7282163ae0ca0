/* query.c - SQLite's calls with this project's errors; see profile_parts.h. */
#include "profile/profile_parts.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bantam_status bnt_profile_fail(bantam_error *err, bantam_status status, const char *format, ...)
{
    va_list args;

    if (!err) return status;
    err->status = status;
    va_start(args, format);
    vsnprintf(err->message, sizeof err->message, format, args);
    va_end(args);
    /* Paths may hold anything. */
    for (char *c = err->message; *c; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7F) *c = '?';
    }
    return status;
}

bantam_status bnt_profile_failed(bantam_profile *p, const char *what, bantam_error *err)
{
    const int code = p->db ? sqlite3_errcode(p->db) & 0xFF : SQLITE_NOMEM;
    const char *const why = p->db ? sqlite3_errmsg(p->db) : "out of memory";

    switch (code) {
    case SQLITE_NOMEM:
        return bnt_profile_fail(err, BANTAM_ERR_NOMEM, "%s: out of memory to %s", p->path,
                                what);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_FORMAT:
    case SQLITE_SCHEMA:
    case SQLITE_TOOBIG:
    case SQLITE_ERROR:
    case SQLITE_MISMATCH:
    case SQLITE_CONSTRAINT:
        return bnt_profile_fail(err, BANTAM_ERR_FORMAT,
                                "%s: cannot %s: not a sound profile: %s", p->path, what, why);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return bnt_profile_fail(err, BANTAM_ERR_IO,
                                "%s: cannot %s: another process is writing to it", p->path,
                                what);
    default:
        return bnt_profile_fail(err, BANTAM_ERR_IO, "%s: cannot %s: %s", p->path, what, why);
    }
}

bantam_status bnt_profile_run(bantam_profile *p, const char *sql, bantam_error *err)
{
    if (sqlite3_exec(p->db, sql, NULL, NULL, NULL) == SQLITE_OK) return BANTAM_OK;
    return bnt_profile_failed(p, "write", err);
}

/* ---- statements -------------------------------------------------------------------------- */

static void note(bnt_query *q, int code)
{
    if (!q->failed && code != SQLITE_OK) q->failed = code;
}

void bnt_query_open(bnt_query *q, bantam_profile *p, const char *sql)
{
    *q = (bnt_query){.p = p};
    note(q, sqlite3_prepare_v2(p->db, sql, -1, &q->statement, NULL));
}

void bnt_query_text(bnt_query *q, int at, bantam_text text)
{
    if (q->failed) return;
    note(q, sqlite3_bind_text64(q->statement, at, text.data ? text.data : "", text.size,
                                SQLITE_STATIC, SQLITE_UTF8));
}

void bnt_query_int(bnt_query *q, int at, int64_t value)
{
    if (!q->failed) note(q, sqlite3_bind_int64(q->statement, at, value));
}

void bnt_query_real(bnt_query *q, int at, double value)
{
    if (!q->failed) note(q, sqlite3_bind_double(q->statement, at, value));
}

void bnt_query_bytes(bnt_query *q, int at, const void *data, size_t size)
{
    if (!q->failed) note(q, sqlite3_bind_blob64(q->statement, at, data, size, SQLITE_STATIC));
}

bantam_status bnt_query_step(bnt_query *q, bool *row, bantam_error *err)
{
    *row = false;
    if (!q->failed) {
        const int code = sqlite3_step(q->statement);
        *row = code == SQLITE_ROW;
        if (code == SQLITE_ROW || code == SQLITE_DONE) return BANTAM_OK;
        q->failed = code;
    }
    return bnt_profile_failed(q->p, "use it", err);
}

bantam_status bnt_query_finish(bnt_query *q, bantam_error *err)
{
    bool row;
    bantam_status status;

    do {
        status = bnt_query_step(q, &row, err);
    } while (!status && row);
    if (!status) note(q, sqlite3_reset(q->statement));
    return status;
}

bantam_text bnt_query_column(const bnt_query *q, int column)
{
    /* The order matters: reading the text converts it, and the size is then that of the text.
     */
    const char *const data = (const char *)sqlite3_column_text(q->statement, column);
    const int size = sqlite3_column_bytes(q->statement, column);
    return (bantam_text){data ? data : "", data && size > 0 ? (size_t)size : 0};
}

void bnt_query_close(bnt_query *q)
{
    sqlite3_finalize(q->statement);
    *q = (bnt_query){0};
}

/* ---- transactions ------------------------------------------------------------------------ */

bantam_status bnt_profile_begin(bantam_profile *p, bantam_error *err)
{
    return bnt_profile_run(p, "BEGIN IMMEDIATE", err);
}

bantam_status bnt_profile_end(bantam_profile *p, bantam_status status, bantam_error *err)
{
    if (!status) status = bnt_profile_run(p, "COMMIT", err);
    if (status && !sqlite3_get_autocommit(p->db)) {
        sqlite3_exec(p->db, "ROLLBACK", NULL, NULL, NULL);
    }
    return status;
}
