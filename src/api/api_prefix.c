/* api_prefix.c - beginnings that are computed once: checks what is given, calls down. */
#include "api/api.h"
#include "session/prefixes.h"

bantam_status bantam_prefixes_open(bantam_prefixes **out,
                                   const bantam_prefixes_options *options, bantam_error *err)
{
    return bnt_prefixes_open(out, options, err);
}

void bantam_prefixes_close(bantam_prefixes *prefixes)
{
    bnt_prefixes_close(prefixes);
}

bantam_status bantam_prefixes_feed(bantam_prefixes *prefixes, bantam_session *session,
                                   const uint32_t *tokens, size_t n_tokens, size_t n_shared,
                                   bantam_prefixes_fed *out, bantam_error *err)
{
    return bnt_prefixes_feed(prefixes, bnt_api_session(session), tokens, n_tokens, n_shared,
                             out, err);
}

bool bantam_prefixes_keep(bantam_prefixes *prefixes, const bantam_session *session)
{
    return bnt_prefixes_keep(prefixes, bnt_api_session(session));
}

bantam_status bantam_prefixes_folder(char *path, size_t capacity, bantam_error *err)
{
    return bnt_prefixes_folder(path, capacity, err);
}

bantam_status bantam_prefixes_list(const char *folder, bantam_prefix_file_fn fn, void *user,
                                   bantam_error *err)
{
    if (!fn) return bnt_fail(err, BANTAM_ERR_INVALID, "list of prefixes: no function given");
    return bnt_prefixes_list(folder, fn, user, err);
}

bantam_status bantam_prefixes_remove(const char *folder, bantam_removed_fn fn, void *user,
                                     bantam_error *err)
{
    bnt_api_removing r = {fn, user};
    return bnt_prefixes_remove(folder, bnt_api_on_removed, &r, err);
}
