/* cmd_eval.c - `bantam eval`: the perplexity of a text in windows that do not overlap. */
#include "cli_commands.h"
#include "cli_engine.h"
#include "cli_out.h"
#include "cli_signal.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { USUAL_WINDOW = 512 };

typedef struct window {
    bantam_session *session;
    const uint32_t *tokens;
    size_t n;
    double nll; /* sum of -ln p over tokens[1..n) */
} window;

static bool on_row(void *user, size_t index, const float *logits, uint32_t n_vocab)
{
    window *w = user;

    (void)n_vocab;
    if (index + 1 < w->n) {
        w->nll -= bantam_session_logprob(w->session, logits, w->tokens[index + 1]);
    }
    return true;
}

/* Tokens of the text alone: every window begins by itself. */
static bantam_status text_tokens(const cli_engine *e, const char *path, cli_ids *out,
                                 bantam_error *err)
{
    cli_buf text;
    bantam_status status = cli_read_file(path, &text, err);

    if (status) return status;
    status = cli_tokenize(e->tokenizer, (bantam_text){text.data, text.size}, 0, out, err);
    cli_buf_free(&text);
    return status;
}

static bantam_status measure(cli_engine *e, const cli_ids *text, double *nll, size_t *predicted,
                             bantam_error *err)
{
    bantam_tokenizer_info info;
    const size_t capacity = bantam_session_capacity(e->session);

    bantam_tokenizer_describe(e->tokenizer, &info);
    const size_t lead = info.adds_bos && info.bos != BANTAM_NO_TOKEN;
    const size_t step = capacity - lead;
    uint32_t *tokens = cli_grow(NULL, capacity, sizeof *tokens);
    bantam_status status = BANTAM_OK;

    *nll = 0.0;
    *predicted = 0;
    if (lead) tokens[0] = info.bos;
    for (size_t at = 0; at < text->n && !status;) {
        const size_t n = text->n - at < step ? text->n - at : step;
        window w = {.session = e->session, .tokens = tokens, .n = n + lead};
        memcpy(tokens + lead, text->items + at, n * sizeof *tokens);
        status = bantam_session_rewind(e->session, 0, err);
        if (!status) status = bantam_session_score(e->session, tokens, w.n, on_row, &w, err);
        *nll += w.nll;
        *predicted += w.n - 1;
        at += n;
        cli_progress("eval", at, text->n);
    }
    cli_progress("", 0, 0);
    free(tokens);
    return status;
}

/* The window where the command line names none. */
static uint32_t usual_window(const bantam_model_info *info)
{
    if (info->context_tokens > 1 && info->context_tokens < USUAL_WINDOW) {
        return info->context_tokens;
    }
    return USUAL_WINDOW;
}

static int report(const cli_args *args, double nll, size_t predicted)
{
    if (predicted == 0) {
        return cli_fail_with(BANTAM_ERR_INVALID, "%s: expected two tokens or more, found less",
                             args->perplexity);
    }
    const double perplexity = exp(nll / (double)predicted);
    if (args->json) {
        cli_put_json(json_pack("{s:I,s:o,s:o}", "tokens", (json_int_t)predicted, "nll",
                               cli_json_real(nll), "perplexity", cli_json_real(perplexity)));
    } else {
        cli_printf("tokens      %zu\nnll         %.4f\nperplexity  %.4f\n", predicted, nll,
                   perplexity);
    }
    return CLI_OK;
}

int cli_eval(const cli_args *args)
{
    cli_engine e;
    cli_ids text = {0};
    double nll;
    size_t predicted;
    bantam_error err = {0};

    if (!args->perplexity) return cli_usage("--perplexity FILE is missing");
    if (args->context == 1) return cli_usage("--ctx: a window wants two tokens or more");
    int status = cli_engine_model(&e, args);
    if (!status) status = cli_engine_session(&e, args, usual_window(&e.info));
    if (status) {
        cli_engine_close(&e);
        return status;
    }
    if (!e.tokenizer) {
        status = cli_fail_with(BANTAM_ERR_UNSUPPORTED, "%s has no tokenizer", e.path);
    } else if (text_tokens(&e, args->perplexity, &text, &err) ||
               measure(&e, &text, &nll, &predicted, &err)) {
        status = cli_signal_fail(&err);
    } else {
        status = report(args, nll, predicted);
    }
    free(text.items);
    cli_engine_close(&e);
    return status;
}
