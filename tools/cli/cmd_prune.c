/* cmd_prune.c - `bantam prune`: a model with less in it, and what that cost. */
#include "bantam/prune.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli_commands.h"
#include "cli_engine.h"
#include "cli_out.h"
#include "cli_signal.h"

static bool on_progress(void *user, uint64_t done, uint64_t total)
{
    (void)user;
    cli_progress("prune", done, total);
    return !cli_signal_caught();
}

static bantam_prune_score read_score(const char *name)
{
    if (strcmp(name, "activation") == 0) return BANTAM_PRUNE_BY_ACTIVATION;
    if (strcmp(name, "magnitude") == 0) return BANTAM_PRUNE_BY_WEIGHT;
    return BANTAM_PRUNE_BY_LOSS;
}

static bantam_prune_method read_method(const char *name)
{
    if (strcmp(name, "wanda") == 0) return BANTAM_PRUNE_WANDA;
    if (strcmp(name, "magnitude") == 0) return BANTAM_PRUNE_MAGNITUDE;
    return BANTAM_PRUNE_SPARSEGPT;
}

static json_t *removed(const bantam_prune_result *r)
{
    json_t *const layers = json_array();

    for (uint32_t i = 0; i < r->n_layers; i++) {
        json_array_append_new(layers, json_integer(r->layers[i]));
    }
    return json_pack("{s:o,s:I,s:I,s:I,s:I,s:I,s:I}", "layers", layers, "ffn",
                     (json_int_t)r->n_ffn, "heads", (json_int_t)r->n_heads, "kv_heads",
                     (json_int_t)r->n_kv_heads, "words", (json_int_t)r->n_vocab, "zeros",
                     (json_int_t)r->n_zeros, "parameters",
                     (json_int_t)r->n_params_before - (json_int_t)r->n_params_after);
}

/* What the words of the text have become. */
static json_t *text_report(const bantam_prune_result *r)
{
    if (!r->n_vocab) return json_null();
    return json_pack("{s:I,s:I,s:I,s:I,s:I}", "bytes", (json_int_t)r->text_bytes, "kept_bytes",
                     (json_int_t)r->text_kept_bytes, "words", (json_int_t)r->text_words,
                     "tokens_before", (json_int_t)r->text_tokens, "tokens_after",
                     (json_int_t)r->text_tokens_after);
}

static void put_report(const bantam_prune_result *r, const char *out)
{
    json_t *const loss =
        json_pack("{s:o,s:o,s:o}", "before", cli_json_real(r->loss_before), "after",
                  cli_json_real(r->loss_after), "healed", cli_json_real(r->loss_healed));
    json_t *const perplexity = json_pack(
        "{s:o,s:o,s:o}", "before", cli_json_real(exp(r->loss_before)), "after",
        cli_json_real(exp(r->loss_after)), "healed", cli_json_real(exp(r->loss_healed)));

    cli_put_json(json_pack("{s:o,s:I,s:o,s:I,s:I,s:o,s:o,s:o,s:o}", "path",
                           cli_json_text((bantam_text){out, strlen(out)}), "bytes",
                           (json_int_t)cli_file_bytes(out), "removed", removed(r), "tokens",
                           (json_int_t)r->n_tokens, "measured", (json_int_t)r->n_measured,
                           "loss", loss, "kl", cli_json_real(r->kl), "perplexity", perplexity,
                           "text", text_report(r)));
}

static void put_line(const char *what, double loss, double kl)
{
    if (isnan(loss)) return;
    if (isnan(kl)) {
        cli_printf("%-10s  %8.4f  %10.4f\n", what, loss, exp(loss));
    } else {
        cli_printf("%-10s  %8.4f  %10.4f  %8.4f\n", what, loss, exp(loss), kl);
    }
}

static void put_table(const bantam_prune_result *r)
{
    if (r->n_vocab) {
        const double words = r->text_words ? (double)r->text_words : 1.0;
        cli_printf(
            "words gone  %u\ntext        %.0f bytes, %.3f%% of them in words that stay\n",
            r->n_vocab, (double)r->text_bytes,
            100.0 * (double)r->text_kept_bytes / (double)r->text_bytes);
        cli_printf("            %.0f tokens before, %.0f after; of a word %.3f and %.3f\n",
                   (double)r->text_tokens, (double)r->text_tokens_after,
                   (double)r->text_tokens / words, (double)r->text_tokens_after / words);
        return;
    }
    cli_printf("            %8s  %10s  %8s\n", "loss", "perplexity", "kl");
    put_line("before", r->loss_before, (double)NAN);
    put_line("after", r->loss_after, r->kl_after);
    put_line("healed", r->loss_healed, r->kl_healed);
    if (r->n_weights) {
        cli_printf("zeros       %.3f%% of %.0f weights\n",
                   100.0 * (double)r->n_zeros / (double)r->n_weights, (double)r->n_weights);
    }
}

/* "32000", "32k" or "25%", from above 0 on. False where it is none of these. */
static bool read_keep(const char *text, uint32_t *vocab, double *share)
{
    char *end;
    double number = strtod(text, &end);

    if (text[0] < '0' || text[0] > '9' || !(number > 0.0)) return false;
    if (strcmp(end, "%") == 0) {
        *share = number / 100.0;
        return *share <= 1.0;
    }
    if (*end == 'k' || *end == 'K') {
        number *= 1000.0;
        end++;
    }
    if (*end || number > UINT32_MAX || number != floor(number)) return false;
    *vocab = (uint32_t)number;
    return true;
}

/* "2:4" or "50%". False where it is neither. */
static bool read_sparse(const char *text, bantam_prune_options *o)
{
    char *end;

    o->two_of_four = strcmp(text, "2:4") == 0;
    if (o->two_of_four) return true;
    o->zeros_share = strtod(text, &end) / 100.0;
    return text[0] >= '0' && text[0] <= '9' && strcmp(end, "%") == 0 && o->zeros_share > 0.0 &&
           o->zeros_share < 1.0;
}

int cli_prune(const cli_args *args)
{
    char in[PATH_MAX];
    const char *const out = args->words[1];
    bantam_error err = {0};
    bantam_prune_result result;
    bantam_prune_options o = {
        .struct_size = sizeof o,
        .layers = args->prune.layers,
        .ffn_share = args->prune.ffn / 100.0,
        .heads_share = args->prune.heads / 100.0,
        .calibrate = args->prune.calibrate,
        .n_tokens = args->prune.tokens,
        .sequence_tokens = args->prune.sequence,
        .score = read_score(args->prune.score),
        .no_heal = args->prune.no_heal,
        .max_kl = args->prune.max_kl,
        .type = args->prune.type,
        .method = read_method(args->prune.method),
        .n_threads = args->threads,
        .progress = on_progress,
    };
    const int n = cli_args_given(args, "layers") + cli_args_given(args, "ffn") +
                  cli_args_given(args, "heads") + cli_args_given(args, "vocab") +
                  cli_args_given(args, "sparse");

    if (n != 1) {
        return cli_usage(
            "expected one of --layers, --ffn, --heads, --vocab and --sparse, found %d", n);
    }
    if (args->prune.sparse && !read_sparse(args->prune.sparse, &o)) {
        return cli_usage(
            "--sparse: '%s' is neither 2:4 nor a share of the weights such as 50%%",
            args->prune.sparse);
    }
    if (args->prune.vocab && !read_keep(args->prune.vocab, &o.vocab, &o.vocab_share)) {
        return cli_usage("--vocab: '%s' is no number of words such as 32000, 32k or 25%%",
                         args->prune.vocab);
    }
    if (!o.calibrate) return cli_usage("--calibrate TEXT is missing");
    int status = cli_locate(args->words[0], in);
    if (status) return status;
    cli_signal_watched(true);
    const bantam_status failed = bantam_prune(in, out, &o, &result, &err);
    status = cli_signal_end(failed, &err);
    if (status) return status;
    if (args->json) {
        put_report(&result, out);
    } else {
        put_table(&result);
        cli_verbose("wrote %s, %.1f MB, %.0f of %.0f parameters", out,
                    cli_file_bytes(out) / 1e6, (double)result.n_params_after,
                    (double)result.n_params_before);
    }
    return CLI_OK;
}
