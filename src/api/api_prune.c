/* api_prune.c - pruning: checks the paths, calls down. */
#include "base/error.h"
#include "compress/prune_model.h"

bantam_status bantam_prune(const char *in, const char *out, const bantam_prune_options *options,
                           bantam_prune_result *result, bantam_error *err)
{
    if (!in || !out) return bnt_fail(err, BANTAM_ERR_INVALID, "prune: no path given");
    return bnt_prune(in, out, options, result, err);
}
