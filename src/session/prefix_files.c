/* prefix_files.c - beginnings of prompts in files: found by name, believed after a check.
 *
 * A file counts for nothing until state.c has held all of it against the session and its tokens
 * are those that are wanted. What fails that is removed, so that it is not read again. Two
 * processes that write the same file each put a whole one in place; a file that is removed
 * while another process reads it stays until that is done.
 */
#include "session/prefixes.h"

#include "base/digest.h"
#include "base/file.h"
#include "base/kept.h"
#include "base/map.h"
#include "base/mem.h"
#include "session/core.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char suffix[] = ".bantam-prefix";

enum {
    SHAPE_DIGITS = 16,
    TOKENS_AT = SHAPE_DIGITS + 1,
    TOKENS_DIGITS = 8,
    DIGEST_AT = TOKENS_AT + TOKENS_DIGITS + 1,
    DIGEST_DIGITS = 16,
    STEM_BYTES = DIGEST_AT + DIGEST_DIGITS,
    NAME_BYTES = STEM_BYTES + sizeof suffix
};

/* ---- names ------------------------------------------------------------------------------- */

static uint64_t tokens_digest(const uint32_t *tokens, uint32_t n)
{
    bnt_digest d;

    bnt_digest_init(&d);
    for (uint32_t i = 0; i < n; i++) {
        const uint8_t le[4] = {(uint8_t)tokens[i], (uint8_t)(tokens[i] >> 8),
                               (uint8_t)(tokens[i] >> 16), (uint8_t)(tokens[i] >> 24)};
        bnt_digest_put(&d, le, sizeof le);
    }
    return bnt_digest_end(&d);
}

static void write_name(char name[NAME_BYTES], uint64_t shape, uint32_t n, uint64_t digest)
{
    snprintf(name, NAME_BYTES, "%016" PRIx64 "-%08" PRIx32 "-%016" PRIx64 "%s", shape, n,
             digest, suffix);
}

static bool read_digits(const char *text, int n, uint64_t *out)
{
    *out = 0;
    for (int i = 0; i < n; i++) {
        const char c = text[i];
        if (c >= '0' && c <= '9') {
            *out = *out << 4 | (uint64_t)(c - '0');
        } else if (c >= 'a' && c <= 'f') {
            *out = *out << 4 | (uint64_t)(c - 'a' + 10);
        } else {
            return false;
        }
    }
    return true;
}

typedef struct named {
    uint64_t shape, n_tokens, digest;
} named;

static bool read_name(named *out, const char *name)
{
    return strlen(name) == NAME_BYTES - 1 && read_digits(name, SHAPE_DIGITS, &out->shape) &&
           name[TOKENS_AT - 1] == '-' &&
           read_digits(name + TOKENS_AT, TOKENS_DIGITS, &out->n_tokens) &&
           name[DIGEST_AT - 1] == '-' &&
           read_digits(name + DIGEST_AT, DIGEST_DIGITS, &out->digest) &&
           strcmp(name + STEM_BYTES, suffix) == 0;
}

/* ---- found and loaded -------------------------------------------------------------------- */

void bnt_prefix_find(bnt_prefix_found *out, const char *folder, uint64_t shape,
                     const uint32_t *tokens, uint32_t most)
{
    enum { MAX_FILES = 1 << 16 };
    const char *best = NULL;
    char **names = NULL;
    size_t n = 0;

    *out = (bnt_prefix_found){0};
    if (bnt_file_list(folder, MAX_FILES, &names, &n, NULL)) return;
    for (size_t i = 0; i < n; i++) {
        named file;
        if (!read_name(&file, names[i]) || file.shape != shape || file.n_tokens > most ||
            file.n_tokens <= out->n_tokens ||
            file.digest != tokens_digest(tokens, (uint32_t)file.n_tokens)) {
            continue;
        }
        best = names[i];
        out->n_tokens = (uint32_t)file.n_tokens;
    }
    if (best) out->path = bnt_path_join(folder, best);
    bnt_free((void *)names);
}

static bool holds(const bnt_state *state, const bnt_session *s, const uint32_t *tokens,
                  uint32_t n)
{
    if (state->position != n || state->kept != bnt_cache_need(&s->cache, n)) return false;
    for (uint32_t i = 0; i < n; i++) {
        if (bnt_state_token(state, i) != tokens[i]) return false;
    }
    return true;
}

/* Nobody else can have put it there. */
static bool is_own(const bnt_map *map)
{
    bnt_map_stamp stamp;
    return bnt_map_stamp_of(map, &stamp) && stamp.owner == (uint32_t)geteuid();
}

bool bnt_prefix_load(bnt_session *s, const char *path, const uint32_t *tokens, uint32_t n)
{
    bnt_map *map = NULL;
    bnt_state state;

    if (bnt_map_open(&map, path, NULL)) return false;
    bool good = is_own(map) &&
                !bnt_state_check(&state, s, bnt_map_data(map), bnt_map_size(map), NULL) &&
                holds(&state, s, tokens, n) && !bnt_map_damaged(map);
    if (good) {
        bnt_state_apply_beginning(s, &state, n);
        if (bnt_map_check(map)) { /* cut between the check and here */
            (void)bnt_session_rewind(s, 0, NULL);
            good = false;
        }
    }
    bnt_map_close(map);
    if (good) {
        bnt_kept_used(path);
    } else {
        (void)unlink(path);
    }
    return good;
}

/* ---- saved ------------------------------------------------------------------------------- */

bantam_status bnt_prefix_save(const bnt_session *s, const char *folder, uint64_t max_bytes,
                              uint64_t shape, uint32_t n, bantam_error *err)
{
    const bnt_kept_folder kept = {folder, suffix, max_bytes, "the limit of the folder"};
    const uint64_t bytes = bnt_state_beginning_bytes(s, n);
    char name[NAME_BYTES];
    bantam_error why = {BANTAM_ERR_IO, ""};
    bantam_status status = BANTAM_OK;

    write_name(name, shape, n, tokens_digest(s->tokens, n));
    char *const path = bnt_path_join(folder, name);
    if (!path) return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for a path");
    if (!bnt_kept_make_room(&kept, path, bytes, &why) ||
        !bnt_kept_fits_disk(folder, path, bytes, &why)) {
        status = bnt_fail(err, why.status, "%s", why.message);
    } else {
        status = bnt_state_save_beginning(s, n, path, err);
    }
    bnt_free(path);
    return status;
}

/* ---- the folder -------------------------------------------------------------------------- */

/* Owned by the caller; NULL: none. */
static bantam_status own_folder(char **out, bool *off, bantam_error *err)
{
    char *home = NULL;
    bool own;

    *out = NULL;
    const bantam_status status = bnt_kept_home(&home, &own, off, err);
    if (status || !home) return status;
    *out = bnt_path_join(home, "prefix");
    bnt_free(home);
    return *out ? BANTAM_OK : bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for a path");
}

bantam_status bnt_prefixes_folder(char *path, size_t capacity, bantam_error *err)
{
    char *found = NULL;
    bool off = false;

    if (capacity) path[0] = '\0';
    bantam_status status = own_folder(&found, &off, err);
    if (!status && found && !off) status = bnt_path_put(found, path, capacity, err);
    bnt_free(found);
    return status;
}

/* The files whose names are ours; folder NULL: the command's. */
static bantam_status read_list(bnt_kept_list *out, const char *folder, bantam_error *err)
{
    char *own = NULL;
    bool off;

    *out = (bnt_kept_list){0};
    bantam_status status = folder ? BANTAM_OK : own_folder(&own, &off, err);
    if (own) folder = own;
    if (!status && folder) {
        const bnt_kept_folder kept = {folder, suffix, 0, ""};
        status = bnt_kept_list_read(out, &kept, err);
    }
    bnt_free(own);
    return status;
}

bantam_status bnt_prefixes_list(const char *folder, bantam_prefix_file_fn fn, void *user,
                                bantam_error *err)
{
    bnt_kept_list l;

    const bantam_status status = read_list(&l, folder, err);
    for (size_t i = 0; i < l.n; i++) {
        const bnt_kept *const file = &l.files[i];
        named name;
        if (!read_name(&name, bnt_path_name(file->path).data)) continue;
        const bantam_prefix_file f = {.path = {file->path, strlen(file->path)},
                                      .bytes = file->bytes,
                                      .n_tokens = (uint32_t)name.n_tokens,
                                      .used_s = file->used};
        if (!fn(user, &f)) break;
    }
    bnt_kept_list_free(&l);
    return status;
}

bantam_status bnt_prefixes_remove(const char *folder, bnt_removed_fn fn, void *user,
                                  bantam_error *err)
{
    bnt_kept_list l;

    bantam_status status = read_list(&l, folder, err);
    for (size_t i = 0; i < l.n && !status; i++) {
        status = bnt_kept_remove(l.files[i].path, fn, user, err);
    }
    bnt_kept_list_free(&l);
    return status;
}
