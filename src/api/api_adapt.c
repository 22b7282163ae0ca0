/* api_adapt.c - adaptation: checks the handle, calls down. */
#include "api/api.h"
#include "train/adaptation.h"

bantam_status bantam_adapt(const bantam_model *model, const char *out,
                           const bantam_adapt_options *options, bantam_adapt_result *result,
                           bantam_error *err)
{
    bantam_adapt_result own;

    if (!result) result = &own;
    *result = (bantam_adapt_result){0};
    if (!out || !*out) return bnt_fail(err, BANTAM_ERR_INVALID, "adapt: no path given");
    if (model->describe_only) {
        return bnt_fail(err, BANTAM_ERR_INVALID,
                        "adapt: the model was opened to be described only");
    }
    const bnt_adapt_job job = {.model = model->weights,
                               .tokenizer = model->tokenizer.tokens,
                               .chat = model->tokenizer.chat,
                               .out = out};
    return bnt_adapt(&job, options, result, err);
}
