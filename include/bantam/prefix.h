/* prefix.h - beginnings of prompts that are computed once.
 *
 * Many prompts begin alike: the same instructions, the same tools, the same document. A keeper
 * of prefixes remembers the keys and values of such beginnings, in memory for as long as the
 * process runs and, where a folder is given, in files that the next start finds. What follows
 * has the same bits as if everything had been computed anew.
 *
 * A beginning is found again only for what it was computed with: the same model files, tokens,
 * adapters and their strengths, type of keys and values, form of rope, version of the library.
 * Keys of PhoneLM's `call` rope depend on what they are fed together with: for such sessions
 * nothing is reused and nothing is kept.
 *
 * Files hold the tokens, and so the words, of what they are the beginning of. Only what the
 * caller says is shared is ever written, for the user's own eyes (mode 0600). See
 * docs/PREFIX.md.
 */
#ifndef BANTAM_PREFIX_H
#define BANTAM_PREFIX_H
#include "bantam/bantam.h"

#ifdef __cplusplus
extern "C" {
#endif

/* May be used by several threads at once, each with its own session. */
typedef struct bantam_prefixes bantam_prefixes;

typedef struct bantam_prefixes_options {
    size_t struct_size;
    uint64_t memory_bytes; /* of copies in memory, which go when the keeper is closed; those not
                              used for the longest time go first. 0: none are made */
    const char *folder;    /* of files; made where it is missing. NULL: none */
    uint64_t folder_bytes; /* of the files in it; 0: BANTAM_PREFIX_MAX, or 512 MiB */
    uint32_t least_tokens; /* shorter beginnings are not worth a copy; 0: 32 */
    uint32_t least_file_tokens; /* nor a file; 0: 128 */
} bantam_prefixes_options;

/* The folder is copied, not opened. options may be NULL: then nothing is kept but what a
 * session holds itself. The caller owns *out. BANTAM_ERR_INVALID, BANTAM_ERR_NOMEM. */
BANTAM_API bantam_status bantam_prefixes_open(bantam_prefixes **out,
                                              const bantam_prefixes_options *options,
                                              bantam_error *err);
/* No other thread uses it any more. Files stay. Accepts NULL. */
BANTAM_API void bantam_prefixes_close(bantam_prefixes *prefixes);

/* Where the tokens of a feed came from: the first n_session, n_memory or n_file were there, of
 * which at most one is not 0; the other n_computed were computed. */
typedef struct bantam_prefixes_fed {
    uint32_t n_session, n_memory, n_file, n_computed;
    bool saved;          /* a file was written */
    bantam_error saving; /* why one was not that should have been; BANTAM_OK: no reason */
} bantam_prefixes_fed;

/* Makes the session hold tokens[0..n_tokens), n_tokens at least 1, and no others, with logits
 * after the last: what a rewind to 0 and a bantam_session_feed() of all of them do, without
 * computing again the longest beginning that the session holds, a copy holds, or a file holds.
 *
 * The first n_shared tokens are kept as a copy and, where there is a folder, as a file, if they
 * are long enough and were not found; the last token of all is never part of that. 0: no file
 * is written. Where the session held more than is gone on with, a copy of that is kept too, so
 * that conversations which take turns with one session find themselves again.
 *
 * That something cannot be kept, or that a file is damaged (it is removed), is no failure.
 * out may be NULL. Errors are those of bantam_session_feed(): on BANTAM_ERR_FULL and
 * BANTAM_ERR_INVALID nothing has changed; on others the session holds a beginning of the
 * tokens. */
BANTAM_API bantam_status bantam_prefixes_feed(bantam_prefixes *prefixes,
                                              bantam_session *session, const uint32_t *tokens,
                                              size_t n_tokens, size_t n_shared,
                                              bantam_prefixes_fed *out, bantam_error *err);

/* Keeps a copy in memory of all that the session holds, as before closing it. True where there
 * is one afterwards: not where it is too short, too large, or no memory is to be had. */
BANTAM_API bool bantam_prefixes_keep(bantam_prefixes *prefixes, const bantam_session *session);

/* ---- files ------------------------------------------------------------------------------- */

/* The folder that the command uses: `prefix` in BANTAM_CACHE, or in XDG_CACHE_HOME/bantam or
 * ~/.cache/bantam. NUL-terminated; empty where no variable says where it could be, or where
 * BANTAM_CACHE says `off`. BANTAM_ERR_FULL where it does not fit. */
BANTAM_API bantam_status bantam_prefixes_folder(char *path, size_t capacity, bantam_error *err);

typedef struct bantam_prefix_file {
    bantam_text path; /* borrowed until the callback returns */
    uint64_t bytes;
    uint32_t n_tokens;
    int64_t used_s; /* when it was last used: seconds since 1970 */
} bantam_prefix_file;

/* Return false to stop. */
typedef bool (*bantam_prefix_file_fn)(void *user, const bantam_prefix_file *file);

/* The files of a folder, the one not used for the longest time first. NULL: that of the
 * command, whatever BANTAM_CACHE allows. A folder that is not there has none. */
BANTAM_API bantam_status bantam_prefixes_list(const char *folder, bantam_prefix_file_fn fn,
                                              void *user, bantam_error *err);
/* Removes them all. fn may be NULL. That there is none is no failure. */
BANTAM_API bantam_status bantam_prefixes_remove(const char *folder, bantam_removed_fn fn,
                                                void *user, bantam_error *err);

#ifdef __cplusplus
}
#endif
#endif
