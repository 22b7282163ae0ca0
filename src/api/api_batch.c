/* api_batch.c - batches: checks the handles, calls down. */
#include "api/api.h"
#include "session/lockstep.h"

static bantam_status check_model(const bantam_model *model, bantam_error *err)
{
    if (!model->describe_only) return BANTAM_OK;
    return bnt_fail(err, BANTAM_ERR_INVALID,
                    "batch: the model was opened to be described only");
}

bantam_status bantam_batch_plan(const bantam_model *model, const bantam_batch_options *options,
                                bantam_batch_info *out, bantam_error *err)
{
    return bnt_lockstep_plan(model->weights, options, out, err);
}

bantam_status bantam_batch_open(bantam_batch **out, const bantam_model *model,
                                const bantam_batch_options *options, bantam_error *err)
{
    *out = NULL;
    const bantam_status status = check_model(model, err);
    return status ? status : bnt_lockstep_open(out, model->weights, options, err);
}

void bantam_batch_close(bantam_batch *batch)
{
    bnt_lockstep_close(batch);
}

bantam_status bantam_batch_join(bantam_batch *batch, const bantam_request *request,
                                bantam_error *err)
{
    if (!request || !request->session) {
        return bnt_fail(err, BANTAM_ERR_INVALID, "batch: no session is given to join it");
    }
    return bnt_lockstep_join(batch, bnt_api_session(request->session), request, err);
}

bantam_status bantam_batch_leave(bantam_batch *batch, bantam_session *session,
                                 bantam_error *err)
{
    if (!session) {
        return bnt_fail(err, BANTAM_ERR_INVALID, "batch: no session is given to leave it");
    }
    return bnt_lockstep_leave(batch, bnt_api_session(session), err);
}

bantam_status bantam_batch_step(bantam_batch *batch, uint32_t *n_left, bantam_error *err)
{
    uint32_t left = 0;
    const bantam_status status = bnt_lockstep_step(batch, &left, err);
    if (n_left) *n_left = left;
    return status;
}

void bantam_batch_cancel(bantam_batch *batch)
{
    bnt_lockstep_cancel(batch);
}
