/* api_train.c - training, and how what was trained becomes a file. */
#include "api/api.h"
#include "compress/convert_parts.h"
#include "train/train.h"

static bantam_status write_trained(const char *path, const bnt_trained *trained,
                                   bantam_error *err)
{
    bnt_gguf_writer *w;
    bantam_status status = bnt_gguf_writer_open(&w, path, err);

    if (status) return status;
    bnt_convert_config(w, trained->config, trained->type, trained->name);
    status = bnt_convert_words(w, trained->spec, trained->config->n_vocab, err);
    if (!status) status = bnt_trained_put(trained, w, err);
    if (!status) return bnt_gguf_writer_commit(w, err);
    bnt_gguf_writer_abort(w);
    return status;
}

bantam_status bantam_train(const char *config, const bantam_train_data *data, size_t n_data,
                           const char *out, const bantam_train_options *options,
                           bantam_error *err)
{
    if (!config || !out) return bnt_fail(err, BANTAM_ERR_INVALID, "train: no path given");
    if (!data || !n_data) return bnt_fail(err, BANTAM_ERR_INVALID, "train: no data given");
    for (size_t i = 0; i < n_data; i++) {
        if (!data[i].path) {
            return bnt_fail(err, BANTAM_ERR_INVALID, "train: file %zu has no path", i);
        }
    }
    return bnt_train(config, data, n_data, out, options, write_trained, err);
}
