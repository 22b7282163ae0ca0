/* api_compare.c - weights against weights: checks the paths, calls down. */
#include "base/error.h"
#include "compress/compare_weights.h"

bantam_status bantam_compare_weights(const char *path, const char *reference,
                                     bantam_quantized_fn report, bantam_progress_fn progress,
                                     void *user, bantam_error *err)
{
    if (!path || !reference || !report) {
        return bnt_fail(err, BANTAM_ERR_INVALID, "compare: no path or no report given");
    }
    return bnt_compare_weights(path, reference, report, progress, user, err);
}
