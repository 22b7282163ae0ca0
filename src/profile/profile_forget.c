/* profile_forget.c - forgetting, so that no byte stays; see bantam/profile.h.
 *
 * What is deleted is overwritten in the same transaction (secure_delete). VACUUM then writes
 * the file anew without free pages and slack, in which a page that was once moved could have
 * left a copy. Its temporary database stays in memory, and its journal, which has the old
 * pages, is gone when it returns. Were the process killed in between, the next call or the
 * next opening finds the same state and the same journal to remove.
 */
#include "profile/profile_parts.h"

#include <string.h>

static bantam_status delete_with(bantam_profile *p, const char *sql, bantam_text text,
                                 int64_t number, uint64_t *n, bantam_error *err)
{
    bnt_query q;

    bnt_query_open(&q, p, sql);
    if (sqlite3_bind_parameter_index(q.statement, "?1") > 0) bnt_query_text(&q, 1, text);
    if (sqlite3_bind_parameter_index(q.statement, "?2") > 0) bnt_query_int(&q, 2, number);
    const bantam_status status = bnt_query_finish(&q, err);
    bnt_query_close(&q);
    if (!status && n) *n += (uint64_t)sqlite3_changes64(p->db);
    return status;
}

/* Items, events and wishes of one kind of forgetting. The vectors of texts that were only
 * ranked do not say what they are of: they go altogether, and are computed again. */
static bantam_status delete_all_of(bantam_profile *p, const bantam_profile_forgetting *what,
                                   uint64_t *n, bantam_error *err)
{
    const char *events = "DELETE FROM events WHERE time < ?2";
    const char *wishes = "DELETE FROM wishes WHERE time < ?2";
    bantam_text text = {0};

    if (what->all) {
        events = "DELETE FROM events";
        wishes = "DELETE FROM wishes";
    } else if (what->id.size > 0) {
        events = "DELETE FROM events WHERE item IN (SELECT key FROM items WHERE id = ?1)";
        wishes = NULL;
        text = what->id;
    } else if (what->topic.size > 0) {
        events = "DELETE FROM events WHERE item IN (SELECT key FROM items WHERE "
                 "instr(lower(title), lower(?1)) > 0 OR instr(lower(text), lower(?1)) > 0)";
        wishes = "DELETE FROM wishes WHERE instr(lower(text), lower(?1)) > 0";
        text = what->topic;
    }
    bantam_status status = delete_with(p, events, text, what->before, n, err);
    if (!status && wishes) status = delete_with(p, wishes, text, what->before, NULL, err);
    if (!status) {
        status = bnt_profile_run(p,
                                 "DELETE FROM items WHERE key NOT IN (SELECT item FROM events);"
                                 "DELETE FROM vectors",
                                 err);
    }
    return status;
}

bantam_status bantam_profile_forget(bantam_profile *profile,
                                    const bantam_profile_forgetting *what, uint64_t *n_events,
                                    bantam_error *err)
{
    const int set = (what->id.size > 0) + (what->topic.size > 0) + (what->before != 0) +
                    (what->all ? 1 : 0);
    uint64_t n = 0;

    *n_events = 0;
    if (set != 1) {
        return bnt_profile_fail(err, BANTAM_ERR_INVALID,
                                "forget: expected one of id, topic, before and all, found %d",
                                set);
    }
    bantam_status status = bnt_profile_begin(profile, err);
    if (status) return status;
    status = bnt_profile_end(profile, delete_all_of(profile, what, &n, err), err);
    if (!status) status = bnt_profile_run(profile, "VACUUM", err);
    if (!status) *n_events = n;
    return status;
}
