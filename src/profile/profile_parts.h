/* profile_parts.h - the open profile, and SQLite's calls with this project's errors. */
#ifndef BNT_PROFILE_PROFILE_PARTS_H
#define BNT_PROFILE_PROFILE_PARTS_H
#include "bantam/profile.h"

#include <sqlite3.h>

struct bantam_profile {
    sqlite3 *db; /* owns */
    char *path;  /* owns (sqlite3_free) */
};

/* Writes status and message into err, which may be NULL. */
bantam_status bnt_profile_fail(bantam_error *err, bantam_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* What SQLite's last failure means to a caller. */
bantam_status bnt_profile_failed(bantam_profile *p, const char *what, bantam_error *err);

/* Runs statements that return nothing. */
bantam_status bnt_profile_run(bantam_profile *p, const char *sql, bantam_error *err);

/* One statement at a time: bound by position, stepped, closed. A zeroed one is closed. Failure
 * is sticky: bind in a straight line, and step tells. */
typedef struct bnt_query {
    bantam_profile *p;
    sqlite3_stmt *statement; /* owns */
    int failed;
} bnt_query;

void bnt_query_open(bnt_query *q, bantam_profile *p, const char *sql);
void bnt_query_text(bnt_query *q, int at, bantam_text text);
void bnt_query_int(bnt_query *q, int at, int64_t value);
void bnt_query_real(bnt_query *q, int at, double value);
void bnt_query_bytes(bnt_query *q, int at, const void *data, size_t size);
/* *row says whether there is one. */
bantam_status bnt_query_step(bnt_query *q, bool *row, bantam_error *err);
/* Steps to the end, and makes the statement ready to be bound again. */
bantam_status bnt_query_finish(bnt_query *q, bantam_error *err);
bantam_text bnt_query_column(const bnt_query *q, int column); /* until the next step */
void bnt_query_close(bnt_query *q);

/* A transaction: begin takes the right to write at once, end commits, or with a status that is
 * not BANTAM_OK takes everything back and returns that. */
bantam_status bnt_profile_begin(bantam_profile *p, bantam_error *err);
bantam_status bnt_profile_end(bantam_profile *p, bantam_status status, bantam_error *err);

#endif
