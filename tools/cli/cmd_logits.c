/* cmd_logits.c - `bantam logits`: rows of float32, lowest byte first. */
#include "cli_commands.h"
#include "cli_engine.h"
#include "cli_out.h"
#include "cli_signal.h"

#include <string.h>

/* Appends one row. The bytes are put one by one, so that the order is the same everywhere. */
static void add_row(cli_buf *out, const float *logits, uint32_t n)
{
    char *to = cli_buf_reserve(out, (size_t)n * 4);

    for (uint32_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, &logits[i], sizeof bits);
        for (int b = 0; b < 4; b++)
            *to++ = (char)(bits >> (8 * b) & 0xFF);
    }
    out->size += (size_t)n * 4;
}

static bool on_row(void *user, size_t index, const float *logits, uint32_t n_vocab)
{
    (void)index;
    add_row(user, logits, n_vocab);
    return true;
}

static bantam_status compute(cli_engine *e, const cli_args *args, cli_buf *rows,
                             bantam_error *err)
{
    const cli_ids ids = args->tokens;
    const size_t piece = args->batch ? args->batch : ids.n;

    for (size_t at = 0; at < ids.n;) {
        const size_t n = ids.n - at < piece ? ids.n - at : piece;
        const bantam_status status =
            args->all ? bantam_session_score(e->session, ids.items + at, n, on_row, rows, err)
                      : bantam_session_feed(e->session, ids.items + at, n, err);
        if (status) return status;
        at += n;
    }
    const float *last = bantam_session_logits(e->session);
    if (!args->all && last) add_row(rows, last, e->info.n_vocab);
    return BANTAM_OK;
}

int cli_logits(const cli_args *args)
{
    cli_engine e;
    cli_buf rows = {0};
    bantam_error err = {0};

    if (args->tokens.n == 0) return cli_usage("--tokens is missing");
    if (!args->out) return cli_usage("-o FILE is missing");
    if (args->json && strcmp(args->out, "-") == 0) {
        return cli_usage("--json and -o - both want standard output");
    }
    int status = cli_engine_open(&e, args, (uint32_t)args->tokens.n);
    if (status) return status;

    if (compute(&e, args, &rows, &err) ||
        cli_write_file(args->out, rows.data, rows.size, &err)) {
        status = cli_signal_fail(&err);
    } else if (args->json) {
        cli_put_json(json_pack("{s:o,s:I,s:I}", "path",
                               cli_json_text((bantam_text){args->out, strlen(args->out)}),
                               "rows", (json_int_t)(rows.size / 4 / e.info.n_vocab), "columns",
                               (json_int_t)e.info.n_vocab));
    }
    cli_buf_free(&rows);
    cli_engine_close(&e);
    return status;
}
