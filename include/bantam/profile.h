/* profile.h - what a reader met and did, kept on the device and nowhere else.
 *
 * A library of its own, libbantam-profile, because it needs SQLite and libbantam does not. It
 * includes public headers alone and is not needed by anything in libbantam: an app that has a
 * store of its own gives bantam_rank() its history from there.
 *
 * A profile is one file. It holds items that something happened to, what happened and when,
 * what the reader has asked for in words, and vectors of texts, which can be computed again.
 * Beside it, while a change is being written, lies a journal of SQLite's, FILE-journal. The
 * file can be read by its owner alone.
 *
 * A call that has succeeded is on the disk: no crash of the program or the system takes it
 * back, and one that was under way has happened whole or not at all. Several processes may use
 * one profile; a writer waits up to ten seconds for another. A profile object belongs to one
 * thread at a time. A file that is not a profile, or a damaged one, is BANTAM_ERR_FORMAT;
 * nothing in it is run.
 *
 * It compiles alone as C99 and as C++17. Ownership and errors are as in bantam.h. Messages hold
 * no text of the reader's.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BANTAM_PROFILE_H
#define BANTAM_PROFILE_H

#include "bantam/bantam.h"
#include "bantam/interest.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bantam_profile bantam_profile;

/* Writes the path of the usual profile, BANTAM_HOME/profile.db, else
 * XDG_DATA_HOME/bantam/profile.db, else ~/.local/share/bantam/profile.db, to path[capacity].
 * BANTAM_ERR_IO where no variable says where, BANTAM_ERR_FULL where it does not fit. */
BANTAM_API bantam_status bantam_profile_path(char *path, size_t capacity, bantam_error *err);

/* Opens a profile, and makes it, with the folders above it, where there is none and `make` is
 * set; without, that is BANTAM_ERR_IO. The caller owns *out. */
BANTAM_API bantam_status bantam_profile_open(bantam_profile **out, const char *path, bool make,
                                             bantam_error *err);
BANTAM_API void bantam_profile_close(bantam_profile *profile); /* accepts NULL */

/* ---- events ------------------------------------------------------------------------------ */

enum {
    BANTAM_PROFILE_ID_BYTES = 1024,
    BANTAM_PROFILE_TITLE_BYTES = 4096,
    BANTAM_PROFILE_TEXT_BYTES = 65536 /* of a longer text the beginning is kept */
};

typedef struct bantam_profile_event {
    bantam_text id;          /* of the item, as the app calls it; not empty, UTF-8 */
    bantam_text title, text; /* of the item; empty: what is known already stays */
    bantam_event_kind kind;
    double seconds; /* of BANTAM_EVENT_DWELT */
    int64_t time;   /* seconds since 1970 */
} bantam_profile_event;

/* Adds n events: all of them or none. BANTAM_ERR_INVALID names the one that makes no sense. */
BANTAM_API bantam_status bantam_profile_add(bantam_profile *profile,
                                            const bantam_profile_event *events, size_t n,
                                            bantam_error *err);

/* Return false to stop. The event is borrowed until the function returns; item counts the items
 * from 0 in the order of their first event. */
typedef bool (*bantam_profile_event_fn)(void *user, const bantam_profile_event *event,
                                        size_t item);

/* Calls fn for every event in the order of time, those of one second as they were added. */
BANTAM_API bantam_status bantam_profile_events(bantam_profile *profile,
                                               bantam_profile_event_fn fn, void *user,
                                               bantam_error *err);

typedef struct bantam_profile_info {
    uint64_t n_items, n_events, n_wishes, n_vectors;
    uint64_t bytes; /* of the file */
} bantam_profile_info;

BANTAM_API bantam_status bantam_profile_describe(bantam_profile *profile,
                                                 bantam_profile_info *out, bantam_error *err);

/* ---- wishes ------------------------------------------------------------------------------ */

/* What the reader has asked for: "short, no sports". Adds one; the same twice is one. At most
 * 4096 bytes, UTF-8. */
BANTAM_API bantam_status bantam_profile_wish(bantam_profile *profile, bantam_text wish,
                                             int64_t time, bantam_error *err);

/* Return false to stop. Borrowed until the function returns. */
typedef bool (*bantam_profile_wish_fn)(void *user, bantam_text wish, int64_t time);
BANTAM_API bantam_status bantam_profile_wishes(bantam_profile *profile,
                                               bantam_profile_wish_fn fn, void *user,
                                               bantam_error *err);

/* ---- vectors ----------------------------------------------------------------------------- */

/* A key for a text: equal texts have equal ones. */
BANTAM_API uint64_t bantam_profile_key(bantam_text title, bantam_text text);

/* Reads the vector that was kept for a text and a model (bantam_model_identity()) to
 * vector[n]; *found says whether there is one of that length. */
BANTAM_API bantam_status bantam_profile_vector(bantam_profile *profile, const uint8_t model[32],
                                               uint64_t key, float *vector, uint32_t n,
                                               bool *found, bantam_error *err);

/* Keeps n_keys vectors of n numbers each: all or none. Of more than 20000 in the profile those
 * kept first go. */
BANTAM_API bantam_status bantam_profile_keep_vectors(bantam_profile *profile,
                                                     const uint8_t model[32],
                                                     const uint64_t *keys, size_t n_keys,
                                                     const float *vectors, uint32_t n,
                                                     bantam_error *err);

/* ---- forgetting -------------------------------------------------------------------------- */

/* What to forget. One member is set. All vectors go with any of it: they do not say what they
 * are of, and can be computed again. */
typedef struct bantam_profile_forgetting {
    bantam_text id;    /* this item and its events */
    bantam_text topic; /* items whose title or text, and wishes that have this in them, however
                          it is capitalized (in ASCII) */
    int64_t before;    /* events and wishes before this time, and items that have no other */
    bool all;
} bantam_profile_forgetting;

/* Forgets: when it has succeeded, no byte of what was forgotten is in the file or beside it.
 * The file is written anew for that. *n_events says how many events went. What was made from
 * the profile elsewhere is the caller's to remove. */
BANTAM_API bantam_status bantam_profile_forget(bantam_profile *profile,
                                               const bantam_profile_forgetting *what,
                                               uint64_t *n_events, bantam_error *err);

#ifdef __cplusplus
}
#endif

#endif
