/* session.c - opening, closing, and what needs no computing: plan, position, rewind, sampling.
 *
 * All memory is taken here. feed.c computes, generate.c makes text, state.c saves and loads.
 */
#include "base/checked.h"
#include "base/cpu.h"
#include "base/mem.h"
#include "base/options.h"
#include "model/kv_row.h"
#include "session/core.h"
#include "session/lockstep.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
    DEFAULT_CONTEXT = 4096,
    MAX_CONTEXT = 1 << 20, /* four times the longest published; keeps sizes in 32 bits */
    MOST_BATCH = 256,
    LEAST_BATCH = 128,
    BATCH_BYTES = 20 << 20, /* scratch that a default batch may take */
    MAX_THREADS = 1024
};

/* Options with defaults filled in, and what they cost. */
typedef struct sizing {
    uint32_t context, batch, n_threads;
    bantam_kv kv;
    size_t kv_bytes, forward_bytes, scratch_bytes;
    bnt_adapter_use adapters[BNT_MAX_ADAPTERS];
    uint32_t n_adapters;
    uint64_t weight_bytes, other_bytes, total_bytes;
    uint64_t limit_bytes; /* 0: none */
    bool reread;
    uint64_t counted_bytes; /* of total_bytes, what a limit is held against */
} sizing;

/* ---- the plan ---- */

/* Weights are unpacked once a batch, so a larger one is faster, up to a point. */
static uint32_t default_batch(const bnt_model *model, const sizing *z)
{
    uint32_t batch = MOST_BATCH;
    while (batch > LEAST_BATCH &&
           bnt_forward_cost(model, batch, z->context, z->n_threads) > BATCH_BYTES) {
        batch /= 2;
    }
    return batch;
}

/* Eight bits come with scales, and rows of values in blocks of 32: small heads would take more
 * with them than in f16, and lose by it. */
static bool saves_memory(bantam_kv kv, uint32_t head_dim)
{
    const size_t f16 = bnt_kv_row_bytes(BANTAM_KV_F16, head_dim) * BNT_KEY_POSITIONS +
                       bnt_kv_block_bytes(BANTAM_KV_F16, head_dim);
    return bnt_kv_row_bytes(kv, head_dim) * BNT_KEY_POSITIONS +
               bnt_kv_block_bytes(kv, head_dim) <
           f16;
}

static bantam_status resolve(sizing *z, const bnt_model *model, const bantam_session_options *o,
                             bantam_error *err)
{
    const uint32_t made_for = model->config.context_tokens;

    z->context = o->context_tokens;
    if (!z->context) {
        z->context = made_for && made_for < DEFAULT_CONTEXT ? made_for : DEFAULT_CONTEXT;
    }
    if (z->context > MAX_CONTEXT) {
        return bnt_fail(err, BANTAM_ERR_INVALID,
                        "context_tokens: at most %d are possible, found %" PRIu32, MAX_CONTEXT,
                        z->context);
    }
    z->n_threads = o->n_threads ? o->n_threads : bnt_cpu_threads();
    if (o->n_threads > MAX_THREADS) {
        return bnt_fail(err, BANTAM_ERR_INVALID,
                        "n_threads: at most %d are possible, found %" PRIu32, MAX_THREADS,
                        o->n_threads);
    }
    if (z->n_threads > MAX_THREADS) z->n_threads = MAX_THREADS;

    z->batch = o->batch_tokens ? o->batch_tokens : default_batch(model, z);
    if (z->batch > z->context) z->batch = z->context;

    z->kv = o->kv == BANTAM_KV_DEFAULT ? BANTAM_KV_F16 : o->kv;
    if (z->kv < BANTAM_KV_F32 || z->kv > BANTAM_KV_Q4) {
        return bnt_fail(err, BANTAM_ERR_INVALID, "kv: no such type, found %d", (int)o->kv);
    }
    if (z->kv >= BANTAM_KV_Q8 && !saves_memory(z->kv, model->config.head_dim)) {
        z->kv = BANTAM_KV_F16;
    }
    return BANTAM_OK;
}

/* Fills in the costs; false where a sum wraps. */
static bool measure(sizing *z, const bnt_model *model)
{
    const uint32_t n_vocab = model->config.n_vocab;
    const uint32_t batch = z->batch < z->context ? z->batch : z->context;
    size_t rows = 0, tokens = 0, total = sizeof(bnt_session);

    z->forward_bytes = bnt_forward_cost_with(model, z->adapters, z->n_adapters, batch,
                                             z->context, z->n_threads);
    if (!bnt_cache_cost(&model->config, z->kv, z->context, batch, &z->kv_bytes) ||
        !bnt_mul_size((size_t)n_vocab * (BNT_SCORE_ROWS + 1), sizeof(float), &rows) ||
        !bnt_mul_size(z->context, sizeof(uint32_t), &tokens) ||
        !bnt_add_size(total, z->forward_bytes, &total) || !bnt_add_size(total, rows, &total) ||
        !bnt_add_size(total, tokens, &total) || !bnt_add_size(total, n_vocab, &total) ||
        !bnt_add_size(total, bnt_sampler_cost(n_vocab), &total)) {
        return false;
    }
    z->scratch_bytes = total;
    z->weight_bytes = bnt_model_used_bytes(model, z->context);
    if (!bnt_add_u64(z->scratch_bytes, z->kv_bytes, &z->total_bytes) ||
        !bnt_add_u64(z->total_bytes, z->weight_bytes, &z->total_bytes) ||
        !bnt_add_u64(z->total_bytes, z->other_bytes, &z->total_bytes)) {
        return false;
    }
    z->counted_bytes = z->total_bytes;
    if (z->reread) z->counted_bytes -= z->weight_bytes - model->held_bytes;
    return true;
}

/* The longest context, in steps of 64, that stays within the limit; 0 where none does. */
static uint32_t fitting_context(const bnt_model *model, const sizing *z, uint64_t limit)
{
    uint32_t low = 0, high = z->context / 64;

    while (low < high) {
        const uint32_t middle = low + (high - low + 1) / 2;
        sizing trial = *z;
        trial.context = middle * 64;
        if (measure(&trial, model) && trial.counted_bytes <= limit) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    return low * 64;
}

/* What else the process holds: with the model's tables and the tokenizer's also the code and
 * data of a program and its libraries, as far as they are touched (the command: 5.2 MB). */
static size_t other_bytes(const bnt_model *model, const bnt_tokenizer *tokenizer)
{
    enum { PROGRAM_BYTES = 5200000 };
    return PROGRAM_BYTES + bnt_model_bytes(model) +
           (tokenizer ? bnt_tokenizer_bytes(tokenizer) : 0);
}

static bantam_status size_up(sizing *z, const bnt_model *model, const bnt_tokenizer *tokenizer,
                             const bantam_session_options *options, bantam_error *err)
{
    bantam_session_options o = {0};

    memset(z, 0, sizeof *z);
    bantam_status status = bnt_options_copy(&o, sizeof o, options, "session options", err);
    if (!status) status = resolve(z, model, &o, err);
    if (!status) {
        status = bnt_adapters_list(z->adapters, &z->n_adapters, model, o.adapters,
                                   o.adapter_scales, o.n_adapters, err);
    }
    if (status) return status;
    z->other_bytes =
        other_bytes(model, tokenizer) + bnt_adapters_bytes(z->adapters, z->n_adapters);
    z->reread = o.weights_reread;
    if (!measure(z, model)) {
        return bnt_fail(err, BANTAM_ERR_NOMEM,
                        "a context of %" PRIu32 " tokens is more than this machine can address",
                        z->context);
    }
    z->limit_bytes = o.memory_bytes;
    if (!o.memory_bytes || z->counted_bytes <= o.memory_bytes) return BANTAM_OK;

    char advice[80] = "";
    const uint32_t fits = fitting_context(model, z, o.memory_bytes);
    if (fits) snprintf(advice, sizeof advice, "; a context of %" PRIu32 " tokens fits", fits);
    return bnt_fail(
        err, BANTAM_ERR_NOMEM,
        "%" PRIu64 " bytes are needed (weights %" PRIu64 ", keys and values of %" PRIu32
        " tokens %zu, scratch %zu, other %" PRIu64 "), %" PRIu64 " are allowed%s",
        z->counted_bytes, z->weight_bytes - (z->total_bytes - z->counted_bytes), z->context,
        z->kv_bytes, z->scratch_bytes, z->other_bytes, o.memory_bytes, advice);
}

bantam_status bnt_session_plan(const bnt_model *model, const bnt_tokenizer *tokenizer,
                               const bantam_session_options *options, bantam_plan_info *out,
                               bantam_error *err)
{
    sizing z;

    memset(out, 0, sizeof *out);
    const bantam_status status = size_up(&z, model, tokenizer, options, err);
    if (status) return status;
    out->weight_bytes = z.weight_bytes;
    out->kv_bytes = z.kv_bytes;
    out->scratch_bytes = z.scratch_bytes;
    out->other_bytes = z.other_bytes;
    out->total_bytes = z.total_bytes;
    out->context_tokens = z.context;
    out->batch_tokens = z.batch;
    out->n_threads = z.n_threads;
    out->kv = z.kv;
    return BANTAM_OK;
}

/* ---- open and close ---- */

/* What would be planned without adapters. */
static uint64_t plain_bytes(const sizing *z, const bnt_model *model)
{
    const size_t forward = bnt_forward_cost(model, z->batch, z->context, z->n_threads);
    return z->counted_bytes - bnt_adapters_bytes(z->adapters, z->n_adapters) -
           (z->forward_bytes - forward);
}

static bantam_text token_text(const void *tokenizer, uint32_t token)
{
    return bnt_tokenizer_text(tokenizer, token);
}

static void find_longest_text(bnt_session *s)
{
    if (!s->tokenizer) return;
    for (uint32_t i = 0; i < s->n_vocab; i++) {
        const size_t size = bnt_tokenizer_text(s->tokenizer, i).size;
        if (size > s->max_token_bytes) s->max_token_bytes = size;
    }
}

bantam_status bnt_session_open(bnt_session **out, const bnt_model *model,
                               const bnt_tokenizer *tokenizer,
                               const bantam_session_options *options, bantam_error *err)
{
    sizing z;

    *out = NULL;
    bantam_status status = size_up(&z, model, tokenizer, options, err);
    if (status) return status;

    bnt_session *const s = bnt_calloc(1, sizeof *s);
    if (!s) return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for a session");
    s->model = model;
    s->tokenizer = tokenizer;
    s->context = z.context;
    s->batch = z.batch;
    s->limit_bytes = z.limit_bytes;
    memcpy(s->adapters, z.adapters, sizeof s->adapters);
    s->n_adapters = z.n_adapters;
    s->plain_bytes = plain_bytes(&z, model);
    s->n_vocab = model->config.n_vocab;
    s->tokens = bnt_calloc(z.context, sizeof *s->tokens);
    s->rows = bnt_calloc((size_t)s->n_vocab * (BNT_SCORE_ROWS + 1), sizeof *s->rows);
    s->allow = bnt_calloc(s->n_vocab, 1);
    if (!s->tokens || !s->rows || !s->allow) {
        status = bnt_fail(err, BANTAM_ERR_NOMEM,
                          "out of memory for a session over %" PRIu32 " tokens", z.context);
        goto fail;
    }
    status = bnt_cache_init(&s->cache, &model->config, z.kv, z.context, z.batch, err);
    if (!status) status = bnt_arena_init(&s->scratch, z.forward_bytes, err);
    if (!status) status = bnt_pool_open(&s->pool, z.n_threads, err);
    if (!status) status = bnt_sampler_open(&s->sampler, s->n_vocab, &model->kernels, err);
    if (status) goto fail;
    find_longest_text(s);

    *out = s;
    return BANTAM_OK;

fail:
    bnt_session_close(s);
    return status;
}

void bnt_session_close(bnt_session *s)
{
    if (!s) return;
    if (s->in) (void)bnt_lockstep_leave(s->in, s, NULL);
    bnt_ahead_close(&s->ahead);
    bnt_sampler_close(s->sampler);
    bnt_pool_close(s->pool);
    bnt_arena_deinit(&s->scratch);
    bnt_cache_deinit(&s->cache);
    bnt_free(s->allow);
    bnt_free(s->rows);
    bnt_free(s->tokens);
    bnt_free(s);
}

/* ---- what a session tells, and what it forgets ---- */

const float *bnt_session_logits(const bnt_session *s)
{
    return s->logits;
}

uint32_t bnt_session_position(const bnt_session *s)
{
    return s->position;
}

uint32_t bnt_session_capacity(const bnt_session *s)
{
    return s->context;
}

uint32_t bnt_session_token(const bnt_session *s, uint32_t position)
{
    return position < s->position ? s->tokens[position] : BANTAM_NO_TOKEN;
}

bantam_status bnt_session_rewind(bnt_session *s, uint32_t n_tokens, bantam_error *err)
{
    const bantam_status status = bnt_session_check_free(s, err);
    if (status) return status;
    if (n_tokens > s->position) {
        return bnt_fail(err, BANTAM_ERR_INVALID,
                        "rewind to %" PRIu32 " tokens: the session holds %" PRIu32, n_tokens,
                        s->position);
    }
    bnt_ahead_forget(s, n_tokens);
    s->position = n_tokens;
    s->logits = NULL;
    return BANTAM_OK;
}

void bnt_session_cancel(bnt_session *s)
{
    s->cancelled = 1;
}

bantam_status bnt_session_check_free(const bnt_session *s, bantam_error *err)
{
    if (!s->in) return BANTAM_OK;
    return bnt_fail(err, BANTAM_ERR_INVALID,
                    "the session is in a batch, which makes its answer: it is free again when "
                    "that is done");
}

bantam_status bnt_session_check_cancel(bnt_session *s, bantam_error *err)
{
    if (!s->cancelled) return BANTAM_OK;
    s->cancelled = 0;
    return bnt_fail(err, BANTAM_ERR_CANCELLED, "cancelled");
}

bantam_status bnt_session_begin(bnt_session *s, bantam_error *err)
{
    const bantam_status status = bnt_session_check_free(s, err);
    return status ? status : bnt_session_check_cancel(s, err);
}

/* ---- choosing tokens ---- */

bantam_status bnt_session_set_sampling(bnt_session *s, const bantam_sampling *sampling,
                                       bantam_error *err)
{
    const bantam_status status = bnt_session_check_free(s, err);
    if (status) return status;
    return bnt_sampler_configure(s->sampler, sampling, s->tokenizer ? token_text : NULL,
                                 s->tokenizer, err);
}

bantam_status bnt_session_need_logits(const bnt_session *s, bantam_error *err)
{
    if (s->logits) return BANTAM_OK;
    return bnt_fail(err, BANTAM_ERR_INVALID,
                    "there are no logits to choose from: feed a token first%s",
                    s->position ? ", a rewind has dropped them" : "");
}

bantam_status bnt_session_draw(bnt_session *s, bnt_draw_how how, uint8_t *before,
                               bnt_drawn *out, bantam_error *err)
{
    bnt_drawn drawn = {0};

    memset(out, 0, sizeof *out);
    bnt_sampler_save(s->sampler, before);
    bantam_status status = bnt_sampler_draw(s->sampler, s->logits, s->tokens, s->position,
                                            how.masked ? s->allow : NULL, &drawn.token, err);
    if (status) {
        bnt_session_undraw(s, before);
        return status;
    }
    if (how.logprob) {
        drawn.logprob = (float)bnt_sampler_logprob(s->sampler, s->logits, drawn.token);
    }
    drawn.ended =
        !how.feed_stops && s->tokenizer && bnt_tokenizer_is_stop(s->tokenizer, drawn.token);
    *out = drawn;
    return BANTAM_OK;
}

void bnt_session_undraw(bnt_session *s, const uint8_t *before)
{
    /* What a sampler has saved it also takes back. */
    (void)bnt_sampler_restore(s->sampler, before, NULL);
}

bantam_text bnt_session_text(const bnt_session *s, uint32_t token)
{
    const bantam_text none = {"", 0};

    if (!s->tokenizer) return none;
    const bnt_token_kind kind = bnt_tokenizer_kind(s->tokenizer, token);
    if (kind == BNT_TOKEN_CONTROL || kind == BNT_TOKEN_UNKNOWN) return none;
    const bantam_text text = bnt_tokenizer_text(s->tokenizer, token);
    return text.data ? text : none;
}

bantam_status bnt_session_next(bnt_session *s, uint32_t *token, bantam_text *text,
                               bantam_error *err)
{
    const bnt_draw_how how = {0};
    const bantam_text none = {NULL, 0};
    uint8_t before[BNT_SAMPLER_STATE];
    bnt_drawn drawn;

    *token = 0;
    *text = none;
    bantam_status status = bnt_session_begin(s, err);
    if (!status) status = bnt_session_need_logits(s, err);
    if (status) return status;
    if (s->position == s->context) {
        return bnt_fail(err, BANTAM_ERR_FULL,
                        "the context is used up: %" PRIu32 " of %" PRIu32
                        " positions hold tokens",
                        s->position, s->context);
    }
    status = bnt_session_draw(s, how, before, &drawn, err);
    if (status) return status;
    if (!drawn.ended) status = bnt_ahead_feed(s, &drawn.token, err);
    if (status) {
        bnt_session_undraw(s, before);
        return status;
    }
    *token = drawn.token;
    *text = bnt_session_text(s, drawn.token);
    return BANTAM_OK;
}

double bnt_session_logprob(bnt_session *s, const float *logits, uint32_t token)
{
    return bnt_sampler_logprob(s->sampler, logits, token);
}

bantam_status bnt_session_top(bnt_session *s, bantam_candidate *out, size_t k,
                              bantam_error *err)
{
    const bantam_status status = bnt_session_need_logits(s, err);

    if (status) return status;
    if (k > s->n_vocab) {
        return bnt_fail(err, BANTAM_ERR_INVALID,
                        "%zu candidates: the vocabulary has %" PRIu32 " tokens", k, s->n_vocab);
    }
    bnt_sampler_top(s->sampler, s->logits, out, k);
    return BANTAM_OK;
}
