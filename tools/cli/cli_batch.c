/* cli_batch.c - sessions that answer together; see cli_batch.h. */
#include "cli_batch.h"

#include "cli_out.h"

#include <inttypes.h>

/* Passes are the batch's: what a session computes by itself is little. */
static bantam_session_options options_of(const cli_engine *e, const cli_args *args)
{
    enum { FEW_TOKENS = 64 };
    bantam_session_options o = cli_session_options(args, e->plan.context_tokens);

    o.context_tokens = e->plan.context_tokens;
    o.batch_tokens = e->plan.batch_tokens < FEW_TOKENS ? e->plan.batch_tokens : FEW_TOKENS;
    o.kv = e->plan.kv;
    o.n_threads = 1;
    o.memory_bytes = 0; /* they are counted together */
    o.adapters = (const bantam_adapter *const *)e->adapters;
    o.adapter_scales = e->loras.scales;
    o.n_adapters = e->n_adapters;
    return o;
}

static bantam_status count(cli_batch *b, const cli_engine *e, const cli_args *args,
                           const bantam_session_options *o, bantam_batch_options *batch,
                           bantam_error *err)
{
    bantam_plan_info other;
    bantam_batch_info info;

    bantam_status status = bantam_plan(e->model, o, &other, err);
    if (!status) status = bantam_batch_plan(e->model, batch, &info, err);
    if (status) return status;
    b->planned_bytes = e->plan.total_bytes + info.total_bytes +
                       (batch->n_sessions - 1) * (other.kv_bytes + other.scratch_bytes);
    cli_verbose("%" PRIu32 " sessions and their batch: %.1f MB planned", batch->n_sessions,
                (double)b->planned_bytes / 1e6);
    if (!args->memory || b->planned_bytes <= args->memory) return BANTAM_OK;
    *err = (bantam_error){.status = BANTAM_ERR_NOMEM};
    return BANTAM_ERR_NOMEM;
}

int cli_batch_open(cli_batch *b, const cli_engine *e, const cli_args *args, uint32_t n)
{
    const bantam_session_options o = options_of(e, args);
    bantam_batch_options batch = {
        .struct_size = sizeof batch, .n_sessions = n, .n_threads = e->plan.n_threads};
    bantam_error err = {0};

    *b = (cli_batch){.n = 0};
    bantam_status status = count(b, e, args, &o, &batch, &err);
    if (status == BANTAM_ERR_NOMEM && !err.message[0]) {
        return cli_fail_with(status,
                             "%" PRIu32 " sessions need %" PRIu64 " bytes, %" PRIu64
                             " are allowed: fewer, or a shorter --ctx",
                             n, b->planned_bytes, args->memory);
    }
    if (!status) status = bantam_batch_open(&b->batch, e->model, &batch, &err);
    b->sessions[0] = e->session;
    for (b->n = 1; b->n < n && !status; b->n++) {
        status = bantam_session_open(&b->sessions[b->n], e->model, &o, &err);
        if (status) break;
    }
    if (!status) return CLI_OK;
    cli_batch_close(b);
    return cli_fail(&err);
}

void cli_batch_close(cli_batch *b)
{
    bantam_batch_close(b->batch);
    for (uint32_t i = 1; i < b->n; i++) {
        bantam_session_close(b->sessions[i]);
    }
    *b = (cli_batch){.n = 0};
}
