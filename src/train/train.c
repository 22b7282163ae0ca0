/* train.c - what `train` does, in order: words, data, weights, steps, the file.
 *
 * The numbers are recipe.c's, the steps run.c's. Here they meet, and the identity is made by
 * which a checkpoint is known.
 */
#include "train/train.h"

#include "base/clock.h"
#include "base/cpu.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/options.h"
#include "base/text.h"
#include "token/load.h"
#include "train/checkpoint.h"
#include "train/dataset.h"
#include "train/learn_vocab.h"
#include "train/recipe.h"
#include "train/run.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

enum {
    VOCAB_BYTES = 64 << 20, /* of all files together that a vocabulary is learned from */
    HELD_OUT_ROWS = 32768,  /* that the held-out loss is measured on at most */
    USUAL_SEQUENCE = 256,
    USUAL_BATCH = 4096,
    MAX_THREADS = 256
};

typedef struct trainer {
    bantam_train_options o;
    const bantam_train_data *files;
    size_t n_files;
    const char *out;
    const bnt_type *type;
    bnt_recipe recipe;
    char *checkpoint;                  /* owns */
    bool resumes;                      /* there is one, and it is to be used */
    uint64_t steps_done, steps_before; /* what it says */
    bnt_archive *archive;              /* owns: of init */
    bnt_model *init;                   /* owns */
    bnt_spec spec;
    bnt_tokenizer *tokenizer;          /* owns */
    bnt_template *chat;                /* owns */
    bnt_dataset *data, *held_out;      /* own */
    const bnt_batch *held_out_batches; /* borrowed from them */
    size_t n_held_out;
    bnt_config config;
    bnt_model *model; /* owns */
    bnt_pool *pool;   /* owns */
    bnt_net *net;     /* owns */
    bnt_run_options run;
} trainer;

static bantam_status nomem(bantam_error *err)
{
    return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for training");
}

static bantam_status stopped(bantam_error *err)
{
    return bnt_fail(err, BANTAM_ERR_CANCELLED, "stopped");
}

/* ---- numbers ----------------------------------------------------------------------------- */

static bantam_status read_type(trainer *t, bantam_error *err)
{
    const char *const name = t->o.type ? t->o.type : "F32";

    t->type = bnt_type_named(name);
    if (t->type && t->type->encode && t->type->block_values == 1) return BANTAM_OK;
    return bnt_fail(err, BANTAM_ERR_INVALID, "type %s: expected one of F32, F16, BF16", name);
}

static bantam_status take_option(const char *what, double value, double least, double most,
                                 bantam_error *err)
{
    if (value == 0.0 || (value >= least && value <= most)) return BANTAM_OK;
    return bnt_fail(err, BANTAM_ERR_INVALID, "%s: expected %g to %g, found %g", what, least,
                    most, value);
}

/* What the options say in place of the file. */
static bantam_status take_options(trainer *t, bantam_error *err)
{
    const bantam_train_options *const o = &t->o;
    bnt_recipe *const r = &t->recipe;
    bantam_status status = take_option("rate", o->rate, 1e-12, 100.0, err);

    if (!status) status = take_option("checkpoint_seconds", o->checkpoint_seconds, 0, 1e9, err);
    if (!status) status = take_option("steps", (double)o->steps, 1, UINT32_MAX, err);
    if (status) return status;
    if (o->steps) {
        r->steps = o->steps;
        r->epochs = r->minutes = 0.0;
    }
    if (o->batch_tokens) r->batch_tokens = o->batch_tokens;
    if (o->sequence_tokens) r->sequence_tokens = o->sequence_tokens;
    if (o->rate > 0.0) r->rate = o->rate;
    if (o->seed) r->seed = o->seed;
    if (o->vocab_tokens && (r->vocab_path || o->init)) {
        return bnt_fail(err, BANTAM_ERR_INVALID,
                        "a vocabulary of %" PRIu32
                        " tokens is to be learned, and one is given: "
                        "%s",
                        o->vocab_tokens, o->init ? o->init : r->vocab_path);
    }
    if (o->vocab_tokens) r->vocab_tokens = o->vocab_tokens;
    if (!r->steps && !(r->epochs > 0.0) && !(r->minutes > 0.0)) {
        return bnt_fail(err, BANTAM_ERR_INVALID,
                        "how long to train: expected steps, epochs or minutes, found nothing");
    }
    if (o->init && r->has_model) {
        return bnt_fail(err, BANTAM_ERR_INVALID,
                        "the config file describes a model, and one is given: %s", o->init);
    }
    if (!o->init && !r->has_model) {
        return bnt_fail(err, BANTAM_ERR_INVALID,
                        "the config file says nothing of the model: n_layers is missing");
    }
    if (o->init || r->vocab_tokens || r->vocab_path) return BANTAM_OK;
    return bnt_fail(err, BANTAM_ERR_INVALID,
                    "vocab: expected a number of tokens to learn, or a file to take them from");
}

/* Those that have others for defaults. */
static bantam_status settle_sizes(trainer *t, bantam_error *err)
{
    bnt_recipe *const r = &t->recipe;
    const uint32_t context = t->config.context_tokens;

    if (!r->sequence_tokens) {
        r->sequence_tokens = context < USUAL_SEQUENCE ? context : USUAL_SEQUENCE;
    }
    if (r->sequence_tokens > context) {
        return bnt_fail(err, BANTAM_ERR_INVALID,
                        "seq: expected at most the context of %" PRIu32
                        " tokens, found %" PRIu32,
                        context, r->sequence_tokens);
    }
    if (!r->batch_tokens) {
        r->batch_tokens = r->sequence_tokens > USUAL_BATCH ? r->sequence_tokens : USUAL_BATCH;
    }
    if (r->batch_tokens < r->sequence_tokens) {
        return bnt_fail(err, BANTAM_ERR_INVALID,
                        "batch_tokens: expected at least seq, %" PRIu32 ", found %" PRIu32,
                        r->sequence_tokens, r->batch_tokens);
    }
    if (r->part_tokens && r->part_tokens < r->sequence_tokens) {
        return bnt_fail(err, BANTAM_ERR_INVALID,
                        "part_tokens: expected at least seq, %" PRIu32 ", found %" PRIu32,
                        r->sequence_tokens, r->part_tokens);
    }
    if (r->part_tokens >= r->batch_tokens) r->part_tokens = 0;
    if (r->final_rate < 0.0) r->final_rate = r->rate / 10.0;
    return BANTAM_OK;
}

/* ---- places ------------------------------------------------------------------------------ */

static bantam_status find_places(trainer *t, bantam_error *err)
{
    static const char ending[] = ".checkpoint";
    const char *const given = t->o.checkpoint;
    const char *const base = given ? given : t->out;
    const size_t n = strlen(base);
    const bnt_file_kind kind = bnt_file_kind_of(t->out);

    if (kind == BNT_FILE_FOLDER || kind == BNT_FILE_OTHER) {
        return bnt_fail(err, BANTAM_ERR_IO, "%s: expected a regular file or none", t->out);
    }
    t->checkpoint = bnt_alloc(n + sizeof ending);
    if (!t->checkpoint) return nomem(err);
    memcpy(t->checkpoint, base, n + 1);
    if (!given) memcpy(t->checkpoint + n, ending, sizeof ending);
    if (!bnt_file_is_there(t->checkpoint)) return BANTAM_OK;
    if (!t->o.resume) {
        return bnt_fail(err, BANTAM_ERR_INVALID,
                        "%s: a run was stopped here: resume it, or remove the file",
                        t->checkpoint);
    }
    t->resumes = true;
    return bnt_checkpoint_peek(t->checkpoint, &t->steps_done, &t->steps_before, err);
}

/* ---- words ------------------------------------------------------------------------------- */

static bool tell_vocab(void *user, uint64_t done, uint64_t total)
{
    const trainer *const t = user;
    return !t->o.stage || t->o.stage(t->o.user, "vocabulary", done, total);
}

static bool tell_data(void *user, uint64_t done, uint64_t total)
{
    const trainer *const t = user;
    return !t->o.stage || t->o.stage(t->o.user, "data", done, total);
}

/* As the dataset wants them: the caller frees. */
static bnt_data_file *data_files(const trainer *t)
{
    bnt_data_file *const files = bnt_calloc(t->n_files, sizeof *files);

    for (size_t i = 0; files && i < t->n_files; i++) {
        files[i] = (bnt_data_file){t->files[i].path, t->files[i].share};
    }
    return files;
}

static bantam_status learn_words(trainer *t, bantam_error *err)
{
    const bnt_recipe *const r = &t->recipe;
    bnt_data_file *const files = data_files(t);
    bnt_texts texts = {0};
    bantam_status status;

    if (!files) return nomem(err);
    status = bnt_texts_read(&texts, files, t->n_files, VOCAB_BYTES / t->n_files, err);
    const bnt_vocab_wish wish = {
        .n_tokens = r->vocab_tokens,
        .specials = r->specials,
        .n_specials = r->n_specials,
        .bos = r->bos,
        .eos = r->eos,
        .adds_bos = r->bos != BANTAM_NO_TOKEN,
        .texts = texts.items,
        .n_texts = texts.n,
    };
    if (!status) status = bnt_learn_vocab(&t->spec, &wish, tell_vocab, t, err);
    for (size_t i = 0; !status && i < r->n_stops; i++) {
        bnt_spec_add_stop(&t->spec, r->stops[i]);
    }
    bnt_texts_free(&texts);
    bnt_free(files);
    return status;
}

static bantam_status load_words(trainer *t, bantam_error *err)
{
    const char *const path = t->o.init ? t->o.init : t->recipe.vocab_path;
    const bnt_spec *const s = &t->spec;
    bantam_status status = bnt_spec_load(&t->spec, path, err);

    if (status) return status;
    /* Better now than when hours have been spent. */
    if ((s->byte_level && !*s->pre_name) ||
        (!s->byte_level && s->kind == BNT_VOCAB_BPE_RANKS)) {
        return bnt_fail(err, BANTAM_ERR_UNSUPPORTED, "%s: this vocabulary has no form in GGUF",
                        path);
    }
    return BANTAM_OK;
}

static bantam_status open_words(trainer *t, bantam_error *err)
{
    const bantam_text given = bnt_buf_text(&t->recipe.chat_template);
    bantam_status status =
        t->o.init || t->recipe.vocab_path ? load_words(t, err) : learn_words(t, err);

    if (status) return status;
    if (given.size) {
        t->spec.chat_template = bnt_spec_copy(&t->spec, given.data, given.size);
        if (!t->spec.chat_template.data) return nomem(err);
    }
    const bantam_text source = t->spec.chat_template;
    if (source.size) {
        bantam_error why = {0};
        status = bnt_template_parse(&t->chat, source.data, source.size, &why);
        if (status && (given.size || status == BANTAM_ERR_NOMEM)) {
            return bnt_fail(err, status, "chat_template: %s", why.message);
        }
    }
    return bnt_tokenizer_open(&t->tokenizer, &t->spec, err);
}

/* ---- data -------------------------------------------------------------------------------- */

static bantam_status open_held_out(trainer *t, const bnt_dataset_options *like,
                                   const char *path, bantam_error *err)
{
    const bnt_data_file file = {path, 0.0};
    bnt_dataset_options o = *like;

    o.files = &file;
    o.n_files = 1;
    o.held_out = 0.0;
    bantam_status status = bnt_dataset_open(&t->held_out, &o, err);
    if (status) return status;
    return bnt_dataset_in_order(t->held_out, false, HELD_OUT_ROWS, &t->held_out_batches,
                                &t->n_held_out, err);
}

static bantam_status open_data(trainer *t, bantam_error *err)
{
    const char *const path = t->o.held_out ? t->o.held_out : t->recipe.held_out_path;
    bnt_data_file *const files = data_files(t);
    const bnt_dataset_options o = {
        .tokenizer = t->tokenizer,
        .chat = t->chat,
        .files = files,
        .n_files = t->n_files,
        .sequence_tokens = t->recipe.sequence_tokens,
        .batch_tokens = t->recipe.batch_tokens,
        .seed = t->recipe.seed,
        .held_out = path ? 0.0 : t->recipe.held_out,
        .progress = tell_data,
        .user = t,
    };
    bantam_status status = files ? bnt_dataset_open(&t->data, &o, err) : nomem(err);

    if (!status && path) {
        status = open_held_out(t, &o, path, err);
    } else if (!status && o.held_out > 0.0) {
        status = bnt_dataset_in_order(t->data, true, HELD_OUT_ROWS, &t->held_out_batches,
                                      &t->n_held_out, err);
    }
    bnt_free(files);
    return status;
}

/* ---- weights ----------------------------------------------------------------------------- */

static bantam_status open_init(trainer *t, bantam_error *err)
{
    bantam_status status = bnt_archive_open(&t->archive, t->o.init, err);

    if (!status) status = bnt_model_open(&t->init, t->archive, BANTAM_ROPE_FLOAT, err);
    if (status) return status;
    const bnt_config *const c = &t->init->config;
    if (c->pairing != BNT_PAIR_ADJACENT || c->scaling == BNT_ROPE_LLAMA3 ||
        c->int8_rope != BANTAM_ROPE_FLOAT) {
        return bnt_fail(err, BANTAM_ERR_UNSUPPORTED,
                        "%s: expected a GGUF file of the llama family with plain rotary "
                        "embedding to go on from",
                        t->o.init);
    }
    t->config = *c;
    return BANTAM_OK;
}

/* Fills the net from the model to go on from: its parameters have the names that GGUF gives
 * them. */
static bantam_status copy_weights(const trainer *t, bantam_error *err)
{
    for (size_t i = 0; i < bnt_net_n_params(t->net); i++) {
        const bnt_param *const p = bnt_net_param(t->net, i);
        const bnt_tensor *const from = bnt_archive_find(t->archive, p->name);
        if (!from || !from->type->decode || from->type->tile) {
            return bnt_fail(err, BANTAM_ERR_UNSUPPORTED,
                            "%s: tensor %s: expected floats or one of GGUF's block types",
                            t->o.init, p->name);
        }
        /* The model was opened: its shapes are those of the config. */
        for (uint32_t r = 0; r < p->rows; r++) {
            from->type->decode(from->data + from->bytes / p->rows * r,
                               p->w + (size_t)r * p->columns, p->columns);
        }
    }
    return bnt_archive_check(t->archive, err);
}

static bnt_net_options net_options(const trainer *t)
{
    const bnt_recipe *const r = &t->recipe;
    return (bnt_net_options){
        .learns = BNT_LEARNS_ALL,
        .max_rows = r->part_tokens ? r->part_tokens : r->batch_tokens,
        .max_sequence = r->sequence_tokens,
    };
}

static bantam_status open_net(trainer *t, bantam_error *err)
{
    uint32_t n_threads = t->o.threads ? t->o.threads : bnt_cpu_threads();
    if (n_threads > MAX_THREADS) n_threads = MAX_THREADS;
    const bnt_net_options o = net_options(t);

    bantam_status status = bnt_net_model_new(&t->model, &t->config, t->recipe.seed, err);
    if (!status) status = bnt_pool_open(&t->pool, n_threads, err);
    if (!status) status = bnt_net_open(&t->net, t->model, t->pool, &o, err);
    if (!status && t->init) status = copy_weights(t, err);
    return status;
}

/* ---- the run ----------------------------------------------------------------------------- */

/* Steps that fit into some minutes, as the second of two tries goes. */
static bantam_status time_steps(trainer *t, bantam_error *err)
{
    bantam_status status = BANTAM_OK;
    double seconds = 0.0;

    if (t->resumes) {
        t->recipe.steps = t->steps_before;
        return BANTAM_OK;
    }
    for (uint64_t i = 0; !status && i < 2; i++) {
        const uint64_t start = bnt_clock_ns();
        double loss;
        bnt_batch batch;
        status = bnt_dataset_batch(t->data, i, &batch, err);
        if (status) break;
        batch.n_rows = batch.sequences[0].n;
        batch.n_sequences = 1;
        status = bnt_net_learn(t->net, &batch, 1.0, &loss, err);
        seconds = (double)(bnt_clock_ns() - start) * 1e-9 / (double)batch.n_rows *
                  (double)t->recipe.batch_tokens;
    }
    bnt_net_clear_gradients(t->net);
    const double steps = seconds > 0.0 ? t->recipe.minutes * 60.0 / seconds : 1.0;
    t->recipe.steps = steps < 1.0 ? 1 : steps > 1e9 ? (uint64_t)1e9 : (uint64_t)steps;
    return status;
}

static bantam_status settle_steps(trainer *t, bantam_error *err)
{
    bnt_recipe *const r = &t->recipe;
    bnt_dataset_info info;
    bantam_status status = BANTAM_OK;

    bnt_dataset_describe(t->data, &info);
    if (r->epochs > 0.0) {
        const double steps = ceil(r->epochs * (double)info.n_rows / (double)r->batch_tokens);
        r->steps = steps > 1e9 ? (uint64_t)1e9 : (uint64_t)steps;
    } else if (r->minutes > 0.0) {
        status = time_steps(t, err);
    }
    if (r->warmup == UINT64_MAX) r->warmup = r->steps / 50 < 500 ? r->steps / 50 : 500;
    if (!r->held_out_steps) r->held_out_steps = r->steps / 20 ? r->steps / 20 : 1;
    return status;
}

/* Padding and pointers stay out of what is digested. */
static void digest_config(bnt_digest *d, const bnt_config *c)
{
    const uint32_t whole[] = {
        c->n_layers, c->n_embd,    c->n_heads,        c->n_kv_heads,    c->head_dim,
        c->n_ffn,    c->n_vocab,   c->context_tokens, c->act,           c->tied,
        c->pairing,  c->rope_dims, c->scaling,        c->window_tokens, (uint32_t)c->int8_rope};
    const double reals[] = {(double)c->norm_eps, c->rope_base, c->scale_factor};

    bnt_digest_put(d, whole, sizeof whole);
    bnt_digest_put(d, reals, sizeof reals);
}

static void digest_words(bnt_digest *d, const bnt_spec *s)
{
    for (uint32_t i = 0; i < s->n_tokens; i++) {
        const uint64_t size = s->tokens[i].text.size;
        bnt_digest_put(d, &size, sizeof size);
        bnt_digest_put(d, s->tokens[i].text.data, s->tokens[i].text.size);
    }
}

static uint64_t identify(const trainer *t)
{
    bnt_dataset_info info;
    uint8_t init[32] = {0};
    bnt_digest d;

    bnt_dataset_describe(t->data, &info);
    if (t->init) bnt_model_identity(t->init, init);
    bnt_digest_init(&d);
    digest_config(&d, &t->config);
    digest_words(&d, &t->spec);
    bnt_digest_put(&d, &info.digest, sizeof info.digest);
    bnt_digest_put(&d, init, sizeof init);
    return bnt_digest_end(&d);
}

static bool tell_step(void *user, const bnt_progress *p)
{
    const trainer *const t = user;
    const bantam_train_step step = {
        .step = p->step,
        .steps = p->steps,
        .loss = p->loss,
        .smooth_loss = p->smooth_loss,
        .held_out_loss = p->held_out_loss,
        .rate = p->rate,
        .grad_norm = p->grad_norm,
        .tokens_per_s = p->tokens_per_s,
        .seconds = p->seconds,
        .seconds_left = p->seconds_left,
    };
    return !t->o.step || t->o.step(t->o.user, &step);
}

static bool tell_plan(const trainer *t)
{
    const bnt_recipe *const r = &t->recipe;
    const bnt_net_options net = net_options(t);
    const uint32_t n_threads = bnt_pool_threads(t->pool);
    bnt_dataset_info info;
    bantam_train_plan plan = {
        .n_vocab = t->config.n_vocab,
        .steps = r->steps,
        .steps_done = t->steps_done,
        .batch_tokens = r->batch_tokens,
        .sequence_tokens = r->sequence_tokens,
        .n_threads = n_threads,
    };

    if (!t->o.plan) return true;
    bnt_dataset_describe(t->data, &info);
    plan.data_bytes = info.n_bytes;
    plan.n_documents = info.n_documents;
    plan.n_cut = info.n_cut;
    plan.epoch_tokens = info.n_rows;
    plan.learned_tokens = info.n_learned;
    for (size_t i = 0; i < bnt_net_n_params(t->net); i++) {
        plan.n_params += bnt_net_param(t->net, i)->n;
    }
    for (size_t i = 0; i < t->n_held_out; i++) {
        plan.held_out_tokens += t->held_out_batches[i].n_rows;
    }
    plan.memory_bytes = bnt_net_cost(t->model, &net, n_threads) + bnt_run_cost(plan.n_params) +
                        plan.n_params * sizeof(float) + info.memory_bytes;
    return t->o.plan(t->o.user, &plan);
}

static bantam_status run_steps(trainer *t, bantam_error *err)
{
    const bnt_recipe *const r = &t->recipe;
    bnt_run_options *const o = &t->run;

    bnt_run_options_init(o);
    o->steps = r->steps;
    o->warmup_steps = r->warmup;
    o->rate = r->rate;
    o->final_rate = r->final_rate;
    o->beta1 = r->beta1;
    o->beta2 = r->beta2;
    o->decay = r->decay;
    o->clip = r->clip;
    o->seed = r->seed;
    o->checkpoint = t->checkpoint;
    if (t->o.checkpoint_seconds > 0.0) o->checkpoint_seconds = t->o.checkpoint_seconds;
    o->resume = t->resumes;
    o->batch = bnt_dataset_batch;
    o->source = t->data;
    o->held_out = t->held_out_batches;
    o->n_held_out = t->n_held_out;
    o->held_out_steps = r->held_out_steps;
    o->part_rows = r->part_tokens;
    o->progress = tell_step;
    o->user = t;
    o->identity = identify(t);
    return tell_plan(t) ? bnt_run(t->net, o, t->pool, err) : stopped(err);
}

/* ---- the whole --------------------------------------------------------------------------- */

static bantam_status prepare(trainer *t, const char *config, bantam_error *err)
{
    bantam_status status = bnt_recipe_read(&t->recipe, config, err);

    if (!status) status = take_options(t, err);
    if (!status) status = find_places(t, err);
    t->config = t->recipe.config;
    if (!status && t->o.init) status = open_init(t, err);
    if (!status) status = settle_sizes(t, err);
    if (!status) status = open_words(t, err);
    if (status) return status;
    if (!t->init) t->config.n_vocab = t->spec.n_tokens;
    if (t->config.n_vocab < t->spec.n_tokens) {
        return bnt_fail(err, BANTAM_ERR_FORMAT,
                        "%s: %" PRIu32 " tokens for an embedding of %" PRIu32 " rows",
                        t->o.init, t->spec.n_tokens, t->config.n_vocab);
    }
    status = open_data(t, err);
    if (!status) status = open_net(t, err);
    return status ? status : settle_steps(t, err);
}

/* The file's name without its ending, where the config names nothing. */
static bantam_text model_name(const trainer *t)
{
    bantam_text name = bnt_path_name(t->out);

    if (t->recipe.config.name.size) return t->recipe.config.name;
    if (name.size > 5 && bnt_text_ends_with(name, ".gguf")) name.size -= 5;
    return name;
}

static void close_all(trainer *t)
{
    bnt_net_close(t->net);
    bnt_pool_close(t->pool);
    bnt_net_model_free(t->model);
    bnt_dataset_close(t->held_out);
    bnt_dataset_close(t->data);
    bnt_template_close(t->chat);
    bnt_tokenizer_close(t->tokenizer);
    bnt_spec_deinit(&t->spec);
    bnt_model_close(t->init);
    bnt_archive_close(t->archive);
    bnt_recipe_deinit(&t->recipe);
    bnt_free(t->checkpoint);
}

bantam_status bnt_train(const char *config, const bantam_train_data *data, size_t n_data,
                        const char *out, const bantam_train_options *options,
                        bnt_write_trained_fn write, bantam_error *err)
{
    trainer *const t = bnt_calloc(1, sizeof *t); /* a config names the windows of 512 layers */

    if (!t) return nomem(err);
    t->files = data;
    t->n_files = n_data;
    t->out = out;
    bnt_spec_init(&t->spec);
    bantam_status status = bnt_options_copy(&t->o, sizeof t->o, options, "train options", err);
    if (!status) status = read_type(t, err);
    if (!status) status = prepare(t, config, err);
    if (!status) status = run_steps(t, err);
    if (!status) {
        const bnt_trained trained = {&t->config, &t->spec, t->net, t->type, model_name(t)};
        status = write(out, &trained, err);
    }
    /* The model is there: what would continue its making is of no more use. */
    if (!status) (void)unlink(t->checkpoint);
    close_all(t);
    bnt_free(t);
    return status;
}
