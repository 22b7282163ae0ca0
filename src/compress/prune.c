/* prune.c - the course of a pruning: what is asked for, what it comes to, and whether the file
 * is worth writing. */
#include "compress/prune_model.h"

#include <math.h>
#include <string.h>

#include "base/cpu.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/options.h"
#include "base/text.h"
#include "compress/prune_parts.h"

enum {
    MAX_THREADS = 256,
    LEAST_TOKENS = 64,
    MAX_TEXT_BYTES = 1 << 30,
    NARROW = 32, /* widths are multiples of it, so that rows are whole blocks */
    WIDE = 256   /* of blocks that fewer types have */
};

static const double USUAL_MAX_KL = 0.5;
static const double WIDE_COST = 0.02; /* share of the neurons by which a width may miss */

/* ---- options ----------------------------------------------------------------------------- */

static bool is_share(double x)
{
    return x > 0.0 && x < 1.0;
}

static bantam_status read_options(bnt_pruning *p, const bantam_prune_options *options,
                                  bantam_error *err)
{
    bantam_prune_options *const o = &p->o;
    const bantam_status status = bnt_options_copy(o, sizeof *o, options, "prune options", err);
    if (status) return status;
    const int n = (o->layers != 0) + (o->ffn_share != 0.0) + (o->heads_share != 0.0) +
                  (o->vocab != 0) + (o->vocab_share != 0.0) + o->two_of_four +
                  (o->zeros_share != 0.0);

    if (n != 1) {
        return bnt_fail(
            err, BANTAM_ERR_INVALID,
            "prune: expected one of layers, neurons, heads, words and weights to take out, "
            "found %d",
            n);
    }
    if ((o->ffn_share != 0.0 && !is_share(o->ffn_share)) ||
        (o->heads_share != 0.0 && !is_share(o->heads_share)) ||
        (o->zeros_share != 0.0 && !is_share(o->zeros_share))) {
        return bnt_fail(err, BANTAM_ERR_INVALID,
                        "prune: expected a share above 0 and below 1, found %g",
                        o->ffn_share + o->heads_share + o->zeros_share);
    }
    if (!(o->vocab_share >= 0.0 && o->vocab_share <= 1.0)) {
        return bnt_fail(err, BANTAM_ERR_INVALID,
                        "prune: expected a share of the words above 0 and at most 1, found %g",
                        o->vocab_share);
    }
    if (!o->calibrate) {
        return bnt_fail(err, BANTAM_ERR_INVALID, "prune: expected a calibration text");
    }
    if (o->sequence_tokens == 1 || (o->n_tokens && o->n_tokens < LEAST_TOKENS)) {
        return bnt_fail(err, BANTAM_ERR_INVALID,
                        "prune: expected %d tokens or more, in sequences of two or more",
                        LEAST_TOKENS);
    }
    if (o->max_kl == 0.0) o->max_kl = USUAL_MAX_KL;
    return BANTAM_OK;
}

static bantam_status read_type(bnt_pruning *p, bantam_error *err)
{
    static const bnt_type_id ids[] = {BNT_TYPE_F32, BNT_TYPE_F16, BNT_TYPE_BF16, BNT_TYPE_Q8_0};

    if (!p->o.type) return BANTAM_OK;
    const bnt_type *const type = bnt_type_named(p->o.type);
    for (size_t i = 0; type && i < sizeof ids / sizeof *ids; i++) {
        if (type->id == ids[i]) p->edit.type = type;
    }
    if (p->edit.type) return BANTAM_OK;
    return bnt_fail(err, BANTAM_ERR_INVALID, "type %s: expected one of F32, F16, BF16, Q8_0",
                    p->o.type);
}

/* ---- what is left ------------------------------------------------------------------------ */

/* The nearest width that is a multiple; of the larger where that is near enough. */
static uint32_t width_near(uint32_t before, double wanted)
{
    const double wide = round(wanted / WIDE) * WIDE, narrow = round(wanted / NARROW) * NARROW;

    if (wide > 0.0 && wide < before && fabs(wide - wanted) <= WIDE_COST * before) {
        return (uint32_t)wide;
    }
    if (narrow > 0.0 && narrow < before) return (uint32_t)narrow;
    return (uint32_t)fmax(1.0, round(wanted));
}

static bantam_status set_widths(bnt_pruning *p, bantam_error *err)
{
    const bnt_config *const was = &p->model->config;
    bnt_config *const now = &p->edit.config;

    if (p->o.layers && p->o.layers >= was->n_layers) {
        return bnt_fail(err, BANTAM_ERR_INVALID,
                        "%lu layers to take out: the model has %lu, and one must stay",
                        (unsigned long)p->o.layers, (unsigned long)was->n_layers);
    }
    if (p->o.ffn_share != 0.0) {
        now->n_ffn = width_near(was->n_ffn, (1.0 - p->o.ffn_share) * was->n_ffn);
        if (now->n_ffn == was->n_ffn) {
            return bnt_fail(err, BANTAM_ERR_INVALID,
                            "%g of %lu neurons: expected one neuron or more to take out",
                            p->o.ffn_share, (unsigned long)was->n_ffn);
        }
    }
    if (p->o.heads_share != 0.0) {
        const uint32_t n = (uint32_t)round(p->o.heads_share * was->n_kv_heads);
        if (n < 1 || n >= was->n_kv_heads) {
            return bnt_fail(err, BANTAM_ERR_INVALID,
                            "%g of the heads: they go in %lu groups, of which 1 to %lu can",
                            p->o.heads_share, (unsigned long)was->n_kv_heads,
                            (unsigned long)was->n_kv_heads - 1);
        }
        now->n_heads = was->n_heads / was->n_kv_heads * (was->n_kv_heads - n);
        now->n_kv_heads = was->n_kv_heads - n;
    }
    p->result->n_ffn = was->n_ffn - now->n_ffn;
    p->result->n_heads = was->n_heads - now->n_heads;
    p->result->n_kv_heads = was->n_kv_heads - now->n_kv_heads;
    return BANTAM_OK;
}

static void count_params(bnt_pruning *p)
{
    for (size_t i = 0; i < p->edit.n_tensors; i++) {
        const bnt_edit_tensor *const t = &p->edit.tensors[i];
        const uint64_t before = bnt_source_rows(t->from) * t->from->dims[0];
        p->result->n_params_before += before;
        if (t->gone) continue;
        p->result->n_params_after += t->rows || t->columns ? t->dims[0] * t->dims[1] : before;
    }
}

/* ---- the work ---------------------------------------------------------------------------- */

static bantam_status open_all(bnt_pruning *p, const char *in, const char *out,
                              bantam_error *err)
{
    uint32_t n_threads = p->o.n_threads ? p->o.n_threads : bnt_cpu_cores();
    bnt_learn_kernels *const kernels = &p->kernels;

    if (n_threads > MAX_THREADS) n_threads = MAX_THREADS;
    bantam_status status = bnt_source_open(&p->source, in, out, err);
    if (status) return status;
    if (!p->source.model) {
        status = bnt_model_open(&p->opened, p->source.archive, BANTAM_ROPE_DEFAULT, err);
    }
    p->model = p->source.model ? p->source.model : p->opened;
    if (!status) status = bnt_pool_open(&p->pool, n_threads, err);
    bnt_learn_kernels_init(kernels, bnt_cpu_flags());
    if (!status) status = bnt_matmul_init(&p->mm, kernels, p->pool, err);
    if (!status) status = bnt_edit_init(&p->edit, &p->source, &p->model->config, err);
    return status;
}

bantam_status bnt_prune_tell(bnt_pruning *p, bantam_error *err)
{
    if (p->done < p->total) p->done++;
    return bnt_prune_ask(p, err);
}

bantam_status bnt_prune_ask(const bnt_pruning *p, bantam_error *err)
{
    if (!p->o.progress || p->o.progress(p->o.user, p->done, p->total)) return BANTAM_OK;
    return bnt_fail(err, BANTAM_ERR_CANCELLED, "stopped");
}

static bool on_writing(void *user, uint64_t done, uint64_t total)
{
    const bnt_pruning *const p = user;
    (void)done;
    (void)total;
    return !p->o.progress ||
           p->o.progress(p->o.user, p->weights ? p->done : p->total, p->total);
}

/* Steps of all texts through a layer, about. */
static void count_steps(bnt_pruning *p)
{
    const uint64_t n_layers = p->model->config.n_layers, n_gone = p->o.layers;
    p->total = n_layers * (p->o.no_heal ? 5 : 7) + n_gone * n_layers;
}

/* Which words stay is prune_vocab.c's to say. They go on as they are, so that there is nothing
 * to heal, and no divergence either: what is gone cannot be predicted. */
static bantam_status prune_words(bnt_pruning *p, bantam_error *err)
{
    const bnt_prune_vocab_use *const use = &p->vocab.use;
    bnt_buf bytes;

    bnt_buf_init(&bytes, MAX_TEXT_BYTES);
    bantam_status status = bnt_file_read(p->o.calibrate, &bytes, err);
    const bantam_text text = bnt_buf_text(&bytes);
    const bnt_prune_vocab_ask ask = {.gguf = bnt_archive_gguf(p->source.archive),
                                     .spec = &p->source.spec,
                                     .keep = p->o.vocab,
                                     .n_rows = p->model->config.n_vocab,
                                     .texts = &text,
                                     .n_texts = 1};
    if (!status) status = bnt_prune_vocab_open(&p->vocab, &ask, err);
    bnt_buf_deinit(&bytes);
    if (!status) status = bnt_prune_vocab_apply(&p->vocab, &p->edit, err);
    if (status) return status;
    p->result->n_vocab = p->model->config.n_vocab - p->edit.config.n_vocab;
    p->result->text_bytes = use->bytes;
    p->result->text_kept_bytes = use->kept_bytes;
    p->result->text_words = use->words;
    p->result->text_tokens = use->tokens;
    p->result->text_tokens_after = use->tokens_after;
    return BANTAM_OK;
}

static bantam_status prune(bnt_pruning *p, bantam_error *err)
{
    bantam_status status = read_type(p, err);
    if (p->o.vocab_share > 0.0) {
        p->o.vocab = (uint32_t)fmax(1.0, p->o.vocab_share * p->model->config.n_vocab);
    }
    if (!status && p->o.vocab) return prune_words(p, err);
    if (!status && p->model->config.down_hadamard) {
        status = bnt_fail(err, BANTAM_ERR_UNSUPPORTED,
                          "%s is rotated: prune the model it was made of, then rotate",
                          bnt_archive_path(p->source.archive));
    }
    if (!status) status = set_widths(p, err);
    if (!status) status = bnt_prune_read(p, err);
    if (status) return status;
    if (p->o.two_of_four || p->o.zeros_share != 0.0) return bnt_prune_weights_open(p, err);
    count_steps(p);
    if (p->o.layers) {
        status = bnt_prune_choose_layers(p, err);
        if (status) return status;
        bnt_edit_drop_layers(&p->edit, p->dropped);
    }
    return bnt_prune_layers(p, err);
}

static bantam_status check_kl(const bnt_pruning *p, bantam_error *err)
{
    if (p->o.vocab || p->o.max_kl < 0.0 || p->result->kl <= p->o.max_kl) return BANTAM_OK;
    return bnt_fail(err, BANTAM_ERR_UNSUPPORTED,
                    "the model would be %.4f nats from what it was (KL), more than %g: nothing "
                    "is written; take out less, or allow more",
                    p->result->kl, p->o.max_kl);
}

/* Zeros are made while the file is written: what they come to is known when it is. */
static bantam_status judge_weights(void *user, bantam_error *err)
{
    bnt_pruning *const p = user;
    const bantam_status status = bnt_prune_weights_finish(p, err);
    return status ? status : check_kl(p, err);
}

bantam_status bnt_prune(const char *in, const char *out, const bantam_prune_options *options,
                        bantam_prune_result *result, bantam_error *err)
{
    bantam_prune_result own;
    bnt_pruning p = {.result = result ? result : &own};

    *p.result = (bantam_prune_result){.loss_before = (double)NAN,
                                      .loss_after = (double)NAN,
                                      .loss_healed = (double)NAN,
                                      .kl_after = (double)NAN,
                                      .kl_healed = (double)NAN,
                                      .kl = (double)NAN};
    bantam_status status = read_options(&p, options, err);
    if (!status) status = open_all(&p, in, out, err);
    if (!status) status = prune(&p, err);
    if (!status) {
        count_params(&p);
        if (p.weights) {
            p.edit.judge = judge_weights;
        } else {
            status = check_kl(&p, err);
        }
    }
    if (!status) status = bnt_edit_write(&p.edit, out, on_writing, &p, err);
    bnt_prune_weights_close(&p);
    bnt_edit_deinit(&p.edit);
    bnt_prune_vocab_close(&p.vocab);
    bnt_matmul_deinit(&p.mm);
    bnt_pool_close(p.pool);
    bnt_model_close(p.opened);
    bnt_source_close(&p.source);
    bnt_free(p.learn.tokens);
    bnt_free(p.test.tokens);
    return status;
}
