/* cmd_summarize.c - `bantam summarize`: texts of any length, shortened. */
#include "cli_commands.h"
#include "cli_engine.h"
#include "cli_out.h"
#include "cli_signal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

typedef struct inputs {
    bantam_source *items; /* (n) */
    cli_buf *texts;       /* (n) of them */
    size_t n;
} inputs;

/* ---- texts ------------------------------------------------------------------------------- */

static bantam_text_format format_of(const char *name)
{
    static const char *const names[] = {"auto", "plain", "html", "markdown"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(name, names[i]) == 0) return (bantam_text_format)i;
    }
    return BANTAM_TEXT_AUTO;
}

static int read_inputs(inputs *in, const cli_args *args)
{
    static const char *const standard_input[] = {"-"};
    const char *const *const names = args->n_words ? args->words : standard_input;
    bantam_error err = {0};
    size_t n_standard = 0;

    in->n = args->n_words ? args->n_words : 1;
    in->items = cli_grow(NULL, in->n, sizeof *in->items);
    in->texts = cli_grow(NULL, in->n, sizeof *in->texts);
    memset(in->texts, 0, in->n * sizeof *in->texts);
    for (size_t i = 0; i < in->n; i++) {
        n_standard += strcmp(names[i], "-") == 0;
        if (n_standard > 1) return cli_usage("standard input, '-', can be read only once");
        if (cli_read_file(names[i], &in->texts[i], &err)) return cli_fail(&err);
        if (in->texts[i].size && memchr(in->texts[i].data, '\0', in->texts[i].size)) {
            return cli_fail_with(BANTAM_ERR_FORMAT,
                                 "%s: expected a text, found a byte 0: a model is named by -m",
                                 names[i]);
        }
        in->items[i] = (bantam_source){.text = {in->texts[i].data, in->texts[i].size},
                                       .name = {names[i], strlen(names[i])},
                                       .format = format_of(args->summarize.format)};
    }
    return CLI_OK;
}

static void free_inputs(inputs *in)
{
    for (size_t i = 0; in->texts && i < in->n; i++) {
        cli_buf_free(&in->texts[i]);
    }
    free(in->texts);
    free(in->items);
}

/* ---- the summary ------------------------------------------------------------------------- */

static bool on_progress(void *user, uint64_t done, uint64_t total)
{
    (void)user;
    cli_progress("summarize", done, total);
    return !cli_signal_caught();
}

static void on_chunk(void *user, const bantam_summary_chunk *c)
{
    (void)user;
    cli_verbose("level %" PRIu32 ", text %zu: bytes %" PRIu64 " to %" PRIu64 ", %" PRIu32
                " tokens",
                c->level, c->source + 1, c->offset, c->offset + c->text.size, c->n_tokens);
}

static bantam_summarize_options options_of(const cli_args *args)
{
    bantam_summarize_options o = {.struct_size = sizeof o,
                                  .words = args->summarize.words,
                                  .progress = on_progress,
                                  .chunk = on_chunk};

    if (strcmp(args->summarize.style, "bullets") == 0) o.style = BANTAM_SUMMARY_BULLETS;
    if (strcmp(args->summarize.style, "headline") == 0) o.style = BANTAM_SUMMARY_HEADLINE;
    if (strcmp(args->summarize.method, "extract") == 0) o.method = BANTAM_SUMMARY_EXTRACT;
    if (strcmp(args->summarize.method, "abstract") == 0) o.method = BANTAM_SUMMARY_ABSTRACT;
    return o;
}

static void put_summary(const bantam_summary *s, const cli_args *args)
{
    static const char *const methods[] = {"auto", "extract", "abstract"};

    if (args->json) {
        cli_put_json(json_pack(
            "{s:o,s:s,s:I,s:I,s:I,s:b,s:I,s:I,s:I}", "summary", cli_json_text(s->text),
            "method", methods[s->method], "source_tokens", (json_int_t)s->source_tokens,
            "chunks", (json_int_t)s->n_chunks, "words", (json_int_t)s->n_words, "partial",
            (int)s->partial, "levels", (json_int_t)s->n_levels, "computed_tokens",
            (json_int_t)s->computed_tokens, "reused_tokens", (json_int_t)s->reused_tokens));
    } else {
        cli_put_text(s->text);
        cli_put("\n", 1);
    }
    cli_verbose("%s: %" PRIu64 " tokens in %" PRIu32 " chunks, %" PRIu32 " levels; %" PRIu64
                " computed, %" PRIu64 " reused; %" PRIu32 " words; peak memory %.1f MB",
                methods[s->method], s->source_tokens, s->n_chunks, s->n_levels,
                s->computed_tokens, s->reused_tokens, s->n_words,
                (double)cli_peak_bytes() / 1e6);
}

static int summarize(cli_engine *e, const inputs *in, const cli_args *args)
{
    const bantam_summarize_options o = options_of(args);
    bantam_summary *summary = NULL;
    bantam_error err = {0};

    const bantam_status failed =
        bantam_summarize(e->session, in->items, in->n, &o, &summary, &err);
    cli_progress("", 0, 0);
    if (summary) put_summary(summary, args);
    if (summary && failed)
        cli_note("stopped: this is of the first %" PRIu32 " chunks", summary->n_chunks);
    bantam_summary_close(summary);
    if (failed == BANTAM_ERR_CANCELLED && summary) return cli_signal_status();
    return failed ? cli_signal_fail(&err) : CLI_OK;
}

int cli_summarize(const cli_args *args)
{
    cli_args own = *args;
    inputs in = {.n = 0};
    cli_engine e = {.model = NULL};

    own.words[0] = args->summarize.model ? args->summarize.model : "bantam-mini";
    int status = read_inputs(&in, args);
    if (!status) {
        status = cli_engine_model(&e, &own);
        if (!status) status = cli_engine_session(&e, &own, 0);
        if (!status) status = summarize(&e, &in, args);
        cli_engine_close(&e);
    }
    free_inputs(&in);
    return status;
}
