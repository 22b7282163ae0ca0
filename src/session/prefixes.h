/* prefixes.h - beginnings of prompts, kept in memory and in files. Contracts are those of the
 * public namesakes in bantam/prefix.h.
 *
 * prefixes.c chooses between what the session, a copy and a file hold; prefix_files.c knows the
 * folder. A file is a saved session (state.h) without logits under a name that says what it is:
 *
 *      SHAPE-TOKENS-DIGEST.bantam-prefix
 *
 * all in hexadecimal: bnt_state_shape() in 16 digits, how many tokens in 8, their digest in 16.
 * So the longest one that fits a prompt is found from the names alone.
 */
#ifndef BNT_SESSION_PREFIXES_H
#define BNT_SESSION_PREFIXES_H
#include "base/kept.h"
#include "session/session.h"
#include "session/state.h"

typedef struct bantam_prefixes bnt_prefixes; /* the public handle is this very struct */

bantam_status bnt_prefixes_open(bnt_prefixes **out, const bantam_prefixes_options *options,
                                bantam_error *err);
void bnt_prefixes_close(bnt_prefixes *p); /* accepts NULL */
bantam_status bnt_prefixes_feed(bnt_prefixes *p, bnt_session *s, const uint32_t *tokens,
                                size_t n, size_t n_shared, bantam_prefixes_fed *out,
                                bantam_error *err);
bool bnt_prefixes_keep(bnt_prefixes *p, const bnt_session *s);

/* ---- files: prefix_files.c ---- */

/* A file whose name promises the first n_tokens of a prompt. */
typedef struct bnt_prefix_found {
    char *path; /* owned by the caller; NULL: none */
    uint32_t n_tokens;
} bnt_prefix_found;

/* The longest with at most `most` tokens. Whatever goes wrong is none. */
void bnt_prefix_find(bnt_prefix_found *out, const char *folder, uint64_t shape,
                     const uint32_t *tokens, uint32_t most);

/* Makes the session hold the file's tokens if they are n of these. A file that is damaged, of
 * something else or somebody else's is removed where it can be. False, and the session is
 * unchanged or empty, where it does not serve. */
bool bnt_prefix_load(bnt_session *s, const char *path, const uint32_t *tokens, uint32_t n);

/* Writes the session's first n tokens, which it has all rows of, within max_bytes for all files
 * of the folder. */
bantam_status bnt_prefix_save(const bnt_session *s, const char *folder, uint64_t max_bytes,
                              uint64_t shape, uint32_t n, bantam_error *err);

bantam_status bnt_prefixes_folder(char *path, size_t capacity, bantam_error *err);
bantam_status bnt_prefixes_list(const char *folder, bantam_prefix_file_fn fn, void *user,
                                bantam_error *err);
bantam_status bnt_prefixes_remove(const char *folder, bnt_removed_fn fn, void *user,
                                  bantam_error *err);

#endif
