/* cmd_eval.c - `bantam eval`: how well a model predicts a text, how far its predictions are
 * from another model's, and how often it finds the right answer likeliest (cmd_eval_choice.c).
 */
#include "cli_commands.h"
#include "cli_engine.h"
#include "cli_out.h"
#include "cli_report.h"
#include "cli_signal.h"

#include <inttypes.h>
#include <string.h>

enum { USUAL_WINDOW = 512 };

/* The window where the command line names none. */
static uint32_t usual_window(const bantam_model_info *info)
{
    if (info->context_tokens > 1 && info->context_tokens < USUAL_WINDOW) {
        return info->context_tokens;
    }
    return USUAL_WINDOW;
}

static bool on_progress(void *user, uint64_t done, uint64_t total)
{
    (void)user;
    cli_progress("eval", done, total);
    return !cli_signal_caught();
}

static const bantam_eval_options options = {.struct_size = sizeof options,
                                            .progress = on_progress};

/* What is left to say when a text has been gone through, or as much of it as there was time
 * for: whether there are figures to print, and the exit status. */
static bool has_figures(bantam_status failed, const bantam_error *err, uint64_t n_tokens,
                        const char *path, int *status)
{
    *status = cli_signal_end(failed, err);
    if (failed && failed != BANTAM_ERR_CANCELLED) return false;
    if (failed && n_tokens > 0) {
        cli_note("stopped early: figures of the first %" PRIu64 " tokens", n_tokens);
    } else if (!failed && n_tokens == 0) {
        *status = cli_fail_with(BANTAM_ERR_INVALID,
                                "%s: expected two tokens or more, found less", path);
    }
    return n_tokens > 0;
}

/* ---- one model --------------------------------------------------------------------------- */

static void put_perplexity(const bantam_eval *found, bool json)
{
    if (json) {
        cli_put_json(json_pack("{s:I,s:o,s:o}", "tokens", (json_int_t)found->n_tokens, "nll",
                               cli_json_real(found->nll), "perplexity",
                               cli_json_real(found->perplexity)));
        return;
    }
    cli_printf("tokens      %" PRIu64 "\nnll         %.4f\nperplexity  %.4f\n", found->n_tokens,
               found->nll, found->perplexity);
}

static int eval_perplexity(const cli_args *args)
{
    cli_engine e;
    cli_buf text = {0};
    bantam_eval found;
    bantam_error err = {0};
    int status = cli_engine_model(&e, args);

    if (!status) status = cli_engine_session(&e, args, usual_window(&e.info));
    if (!status && cli_read_file(args->perplexity, &text, &err)) status = cli_fail(&err);
    if (!status) {
        const bantam_status failed = bantam_eval_text(
            e.session, (bantam_text){text.data, text.size}, &options, &found, &err);
        if (has_figures(failed, &err, found.n_tokens, args->perplexity, &status)) {
            put_perplexity(&found, args->json);
        }
    }
    cli_buf_free(&text);
    cli_engine_close(&e);
    return status;
}

/* ---- two models -------------------------------------------------------------------------- */

static void put_json_comparison(const bantam_comparison *c)
{
    const struct {
        const char *name;
        double value;
    } figures[] = {
        {"kl_mean", c->kl_mean},
        {"kl_mean_error", c->kl_mean_error},
        {"kl_median", c->kl_median},
        {"kl_p99", c->kl_p99},
        {"kl_max", c->kl_max},
        {"top1_agreement", c->top1_agreement},
        {"perplexity", c->perplexity},
        {"perplexity_reference", c->perplexity_reference},
        {"logprob_change_mean", c->change_mean},
        {"logprob_change_error", c->change_error},
        {"logprob_change_rms", c->change_rms},
    };
    json_t *const all = json_pack("{s:I}", "tokens", (json_int_t)c->n_tokens);

    for (size_t i = 0; i < sizeof figures / sizeof figures[0]; i++) {
        json_object_set_new(all, figures[i].name, cli_json_real(figures[i].value));
    }
    cli_put_json(all);
}

static void put_comparison(const bantam_comparison *c, bool json)
{
    if (json) {
        put_json_comparison(c);
        return;
    }
    cli_printf("tokens         %" PRIu64 "\n", c->n_tokens);
    cli_printf("divergence     %.3g nats, +- %.2g; median %.3g, p99 %.3g, largest %.3g\n",
               c->kl_mean, c->kl_mean_error, c->kl_median, c->kl_p99, c->kl_max);
    cli_printf("likeliest      the same token at %.2f %% of positions\n",
               100.0 * c->top1_agreement);
    cli_printf("perplexity     %.4f; of the reference %.4f\n", c->perplexity,
               c->perplexity_reference);
    cli_printf("ln p           of the text's tokens changes by %+.3g, +- %.2g; root mean "
               "square %.3g\n",
               c->change_mean, c->change_error, c->change_rms);
}

/* ---- a page about both ------------------------------------------------------------------- */

typedef struct paging {
    cli_report report;
    bool no_memory;
} paging;

static void on_tensor(void *user, const bantam_quantized *t)
{
    paging *const p = user;
    const double loss = t->squared_values > 0.0 ? t->squared_error / t->squared_values : 0.0;
    if (!cli_report_add(&p->report, t->name, t->type, t->n_values, t->bytes, loss)) {
        p->no_memory = true;
    }
}

static bool on_page_progress(void *user, uint64_t done, uint64_t total)
{
    const paging *const p = user;
    cli_progress("report", done, total);
    return !cli_signal_caught() && !p->no_memory;
}

/* What the figures say, and tensor by tensor how far the weights are from the reference's. */
static int write_page(const cli_args *args, const bantam_comparison *found)
{
    char is[PATH_MAX], was[PATH_MAX];
    bantam_error err = {0};
    paging p = {.no_memory = false};
    int status = cli_locate(args->words[0], is);

    if (!status) status = cli_locate(args->eval.against, was);
    if (status) return status;
    cli_signal_watched(true);
    const bantam_status failed =
        bantam_compare_weights(is, was, on_tensor, on_page_progress, &p, &err);
    status = p.no_memory ? cli_fail_with(BANTAM_ERR_NOMEM, "out of memory for the report")
                         : cli_signal_end(failed, &err);
    p.report.model = was;
    p.report.made = is;
    p.report.bytes_before = (uint64_t)cli_file_bytes(was);
    p.report.bytes_after = (uint64_t)cli_file_bytes(is);
    p.report.compared = found;
    p.report.text = args->eval.text;
    if (!status && cli_report_write(&p.report, args->eval.report, &err))
        status = cli_fail(&err);
    cli_report_free(&p.report);
    return status;
}

/* The reference's command line: the same, but that what corrects the model is not for it. */
static cli_args reference_args(const cli_args *args)
{
    cli_args other = *args;

    other.words[0] = args->eval.against;
    other.n_words = 1;
    other.lora = (cli_texts){0};
    return other;
}

static int compare(const cli_args *args, cli_engine *e, cli_engine *reference)
{
    const cli_args other = reference_args(args);
    bantam_comparison found;
    bantam_error err = {0};
    cli_buf text;
    int status = cli_engine_model(e, args);

    if (!status) status = cli_engine_model(reference, &other);
    if (status) return status;
    const uint32_t a = usual_window(&e->info), b = usual_window(&reference->info);
    status = cli_engine_session(e, args, a < b ? a : b);
    if (!status) status = cli_engine_session(reference, &other, a < b ? a : b);
    if (status) return status;
    if (cli_read_file(args->eval.text, &text, &err)) return cli_fail(&err);
    const bantam_status failed =
        bantam_compare_text(e->session, reference->session, (bantam_text){text.data, text.size},
                            &options, &found, &err);
    cli_buf_free(&text);
    if (has_figures(failed, &err, found.n_tokens, args->eval.text, &status)) {
        put_comparison(&found, args->json);
    }
    if (!status && args->eval.report) status = write_page(args, &found);
    return status;
}

static int eval_against(const cli_args *args)
{
    cli_engine e = {.model = NULL}, reference = {.model = NULL};
    const int status = compare(args, &e, &reference);

    cli_engine_close(&reference);
    cli_engine_close(&e);
    return status;
}

int cli_eval(const cli_args *args)
{
    const int n_asked =
        (args->perplexity != NULL) + (args->eval.against != NULL) + (args->eval.choice != NULL);

    if (n_asked != 1) {
        return cli_usage("expected one of --perplexity FILE, --against REFERENCE and --choice "
                         "FILE");
    }
    if (args->eval.against && !args->eval.text) return cli_usage("--text FILE is missing");
    if (!args->eval.against && args->eval.text) {
        return cli_usage("--text goes with --against REFERENCE");
    }
    if (args->eval.report && (!args->eval.against || !args->n_words)) {
        return cli_usage("--report goes with a MODEL and --against REFERENCE");
    }
    if (args->context == 1) return cli_usage("--ctx: a window wants two tokens or more");
    if (args->eval.choice) return cli_eval_choice(args);
    return args->eval.against ? eval_against(args) : eval_perplexity(args);
}
