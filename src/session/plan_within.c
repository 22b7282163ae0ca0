/* plan_within.c - the best session that a budget has room for.
 *
 * What the caller left open is given up in an order: first speed, then a little accuracy, then
 * length. A candidate is weighed by the plan itself (session.c), so that what is chosen holds
 * exactly and is never a second opinion about sizes.
 */
#include "session/session.h"

#include "base/error.h"
#include "base/options.h"

#include <inttypes.h>
#include <string.h>

enum {
    STEP = 64,           /* contexts between the least and the wished one are multiples of it */
    LEAST_CONTEXT = 256, /* a question and a short answer; less is to be asked for by name */
    FAIR_BATCH = 64,     /* the weights are read once for so many positions of a prompt */
    LEAST_BATCH = 8
};

typedef struct candidate {
    uint32_t context, batch; /* batch 0: the usual one */
    bantam_kv kv;
} candidate;

typedef struct search {
    const bnt_model *model;
    const bnt_tokenizer *tokenizer; /* may be NULL */
    bantam_session_options wish;    /* without a limit: zero is what was left open */
    uint64_t limit;
    bool reread; /* mapped weights are not counted */
} search;

static bantam_status weigh(const search *s, candidate c, bantam_plan_info *out,
                           bantam_error *err)
{
    bantam_session_options o = s->wish;
    o.context_tokens = c.context;
    o.batch_tokens = c.batch;
    o.kv = c.kv;
    return bnt_session_plan(s->model, s->tokenizer, &o, out, err);
}

/* What the limit is held against, as sessions do it. */
static uint64_t counted(const search *s, const bantam_plan_info *plan)
{
    const uint64_t mapped = plan->weight_bytes - s->model->held_bytes;
    return s->reread ? plan->total_bytes - mapped : plan->total_bytes;
}

static bool fits(const search *s, candidate c)
{
    bantam_plan_info plan;
    return weigh(s, c, &plan, NULL) == BANTAM_OK && counted(s, &plan) <= s->limit;
}

/* The longest context that fits: c.context, which does, `most`, or a multiple of STEP between
 * the two. */
static uint32_t longest(const search *s, candidate c, uint32_t most)
{
    uint32_t low = c.context / STEP, high = most / STEP;
    const uint32_t least = c.context;

    c.context = most;
    if (fits(s, c)) return most;
    while (low < high) { /* low fits, or is below the least; all above high do not */
        const uint32_t middle = low + (high - low + 1) / 2;
        c.context = middle * STEP;
        if (fits(s, c)) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    return low * STEP > least ? low * STEP : least;
}

/* The largest batch that fits, of the usual one for that context and its halves down to
 * c.batch, which does. */
static uint32_t largest_batch(const search *s, candidate c)
{
    const uint32_t least = c.batch;
    bantam_plan_info plan;

    c.batch = 0;
    if (weigh(s, c, &plan, NULL)) return least;
    for (c.batch = plan.batch_tokens; c.batch > least; c.batch /= 2) {
        if (fits(s, c)) return c.batch;
    }
    return least;
}

static bantam_status refuse(const search *s, candidate c, bantam_error *err)
{
    bantam_plan_info least;
    const bantam_status status = weigh(s, c, &least, err);
    if (status) return status;
    return bnt_fail(err, BANTAM_ERR_NOMEM,
                    "at least %" PRIu64 " bytes are needed (weights %" PRIu64
                    ", keys and values of %" PRIu32 " tokens %" PRIu64 ", scratch %" PRIu64
                    ", other %" PRIu64 "), %" PRIu64 " are allowed",
                    counted(s, &least), s->reread ? s->model->held_bytes : least.weight_bytes,
                    least.context_tokens, least.kv_bytes, least.scratch_bytes,
                    least.other_bytes, s->limit);
}

/* The least session beside weights that stay in their file. What it leaves is theirs. Exact
 * keys and values are worth more than the little of it that they take, and a batch that is too
 * small would have the weights read for every few tokens of a prompt. */
static bantam_status settle_beside(search *s, candidate c, candidate *out, bantam_error *err)
{
    const bantam_session_options *const w = &s->wish;
    const candidate tried[] = {
        {c.context, w->batch_tokens ? c.batch : FAIR_BATCH, w->kv ? c.kv : BANTAM_KV_F16},
        {c.context, w->batch_tokens ? c.batch : FAIR_BATCH, c.kv},
        c,
    };

    s->reread = true;
    for (size_t i = 0; i < sizeof tried / sizeof tried[0]; i++) {
        if (!fits(s, tried[i])) continue;
        *out = tried[i];
        return BANTAM_OK;
    }
    return refuse(s, c, err);
}

/* What is given up of a wish that does not fit, whose plan is `wished`. */
static bantam_status settle(search *s, const bantam_plan_info *wished, candidate *out,
                            bantam_error *err)
{
    const bantam_session_options *const w = &s->wish;
    const uint32_t most = wished->context_tokens;
    candidate c = {w->context_tokens, w->batch_tokens, w->kv};

    if (!c.context) c.context = most < LEAST_CONTEXT ? most : LEAST_CONTEXT;
    if (!c.kv) c.kv = BANTAM_KV_Q8;
    if (!w->batch_tokens) c.batch = FAIR_BATCH;
    if (fits(s, c)) {
        if (!w->context_tokens) c.context = longest(s, c, most);
        const candidate exact = {c.context, c.batch, BANTAM_KV_F16};
        if (!w->kv && fits(s, exact)) c = exact;
    } else {
        if (!w->batch_tokens) c.batch = LEAST_BATCH;
        if (!fits(s, c)) {
            return w->weights_reread ? settle_beside(s, c, out, err) : refuse(s, c, err);
        }
    }
    if (!w->batch_tokens) c.batch = largest_batch(s, c);
    *out = c;
    return BANTAM_OK;
}

bantam_status bnt_session_plan_within(const bnt_model *model, const bnt_tokenizer *tokenizer,
                                      bantam_session_options *options, bantam_plan_info *plan,
                                      bantam_error *err)
{
    search s = {.model = model, .tokenizer = tokenizer};
    candidate c;

    memset(plan, 0, sizeof *plan);
    bantam_status status =
        bnt_options_copy(&s.wish, sizeof s.wish, options, "session options", err);
    if (status) return status;
    if (s.wish.struct_size < offsetof(bantam_session_options, adapters)) {
        return bnt_fail(err, BANTAM_ERR_INVALID,
                        "session options: struct_size is %zu, too small for what is chosen",
                        s.wish.struct_size);
    }
    s.wish.struct_size = sizeof s.wish;
    s.limit = s.wish.memory_bytes;
    s.wish.memory_bytes = 0;

    c = (candidate){s.wish.context_tokens, s.wish.batch_tokens, s.wish.kv};
    bantam_plan_info chosen;
    status = weigh(&s, c, &chosen, err);
    if (!status && s.limit && chosen.total_bytes > s.limit) {
        status = settle(&s, &chosen, &c, err);
        if (!status) status = weigh(&s, c, &chosen, err);
    }
    if (status) return status;
    options->context_tokens = chosen.context_tokens;
    options->batch_tokens = chosen.batch_tokens;
    options->kv = chosen.kv;
    *plan = chosen;
    return BANTAM_OK;
}
