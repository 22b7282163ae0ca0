/* cli_draft.c - opens the model that guesses, as small as a session of it can be. */
#include "cli_draft.h"

#include "cli_engine.h"
#include "cli_out.h"

#include <string.h>

/* As `accepted` counts among guesses of which each comes true with the same probability where
 * the one before it did: p (1 - p^n) / (1 - p) / n. It grows with p, which is found by halving.
 */
static double probability_of(double accepted, uint32_t n)
{
    double low = 0.0, high = 1.0;

    for (int i = 0; i < 60; i++) {
        const double p = (low + high) / 2;
        double term = 1.0, sum = 0.0;
        for (uint32_t k = 0; k < n; k++) {
            sum += term *= p;
        }
        if (sum / n < accepted) {
            low = p;
        } else {
            high = p;
        }
    }
    return (low + high) / 2;
}

bantam_speculation cli_draft_options(const cli_draft *d, const cli_args *args)
{
    enum { USUAL = 7 };
    const uint32_t most = args->guess.most ? args->guess.most : USUAL;
    bantam_speculation o = {.struct_size = sizeof o,
                            .draft = d->session,
                            .lookup = args->guess.lookup,
                            .max_tokens = most,
                            .fixed = args->guess.most > 0};

    if (args->guess.accepted > 0) o.replay = probability_of(args->guess.accepted, most);
    return o;
}

int cli_draft_open(cli_draft *d, const cli_args *args)
{
    const bantam_model_options how = {
        .struct_size = sizeof how, .rope = cli_rope(args), .cpu = args->cpu};
    bantam_session_options options = cli_session_options(args, 0);
    bantam_plan_info plan;
    bantam_error err = {0};
    char path[PATH_MAX];

    *d = (cli_draft){0};
    if (!args->guess.draft) return CLI_OK;
    if (args->memory) return cli_usage("--memory knows nothing of a --draft: leave one out");
    const int status = cli_locate(args->guess.draft, path);
    if (status) return status;
    if (bantam_model_open(&d->model, path, &how, &err)) return cli_fail(&err);
    if (bantam_plan(d->model, &options, &plan, &err) ||
        bantam_session_open(&d->session, d->model, &options, &err)) {
        cli_draft_close(d);
        return cli_fail(&err);
    }
    d->bytes = plan.total_bytes;
    cli_verbose("draft %s: %.1f MB planned", path, (double)d->bytes / 1e6);
    return CLI_OK;
}

void cli_draft_close(cli_draft *d)
{
    bantam_session_close(d->session);
    bantam_model_close(d->model);
    *d = (cli_draft){0};
}
