/* api_adapter.c - adapters: opened for a model, described, used by sessions, merged. */
#include "api/api.h"
#include "compress/merge.h"

bantam_status bantam_adapter_open(bantam_adapter **out, const bantam_model *model,
                                  const char *path, bantam_error *err)
{
    *out = NULL;
    if (!path) return bnt_fail(err, BANTAM_ERR_INVALID, "adapter: no path given");
    return bnt_adapter_open(out, model->weights, path, err);
}

void bantam_adapter_close(bantam_adapter *adapter)
{
    bnt_adapter_close(adapter);
}

void bantam_adapter_describe(const bantam_adapter *adapter, bantam_adapter_info *out)
{
    *out = (bantam_adapter_info){
        .alpha = adapter->alpha,
        .rank = adapter->max_rank,
        .n_matrices = (uint32_t)bnt_adapter_n_matrices(adapter),
        .n_params = adapter->n_params,
        .bytes = adapter->bytes,
    };
}

bantam_status bantam_merge(const char *in, const char *out, const bantam_merge_options *options,
                           bantam_error *err)
{
    if (!in || !out) return bnt_fail(err, BANTAM_ERR_INVALID, "merge: no path given");
    return bnt_merge_adapters(in, out, options, err);
}
