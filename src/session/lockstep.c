/* lockstep.c - who is in a batch, and what each of them has in the next pass.
 *
 * A step takes the lanes group by group, those with the same adapters together: what has logits
 * draws a token, which is one row; prompts get the rows that are left. The rows whose logits
 * are wanted come last in a pass. A prompt that ends in it is therefore two strands, all but
 * its last token, and that.
 *
 * Until a pass has succeeded nothing that sessions hold has changed but the sampler of those
 * that drew, which is put back where it fails.
 */
#include "session/lockstep.h"

#include "base/checked.h"
#include "base/cpu.h"
#include "base/mem.h"
#include "base/options.h"
#include "session/generate.h"

#include <inttypes.h>
#include <string.h>

enum {
    DEFAULT_SESSIONS = 8,
    MAX_SESSIONS = 256,
    DEFAULT_PASS = 128,
    MAX_PASS = 4096,
    MAX_THREADS = 1024
};

/* A place in the batch. */
typedef struct lane {
    bnt_session *session; /* NULL: nobody has it */
    bnt_generator *answer;
    bantam_done_fn done;
    void *user;
    const uint32_t *prompt; /* (n_prompt) */
    uint32_t n_prompt, fed;
    uint64_t ticket; /* those who came first are fed first */
    bool answering;  /* the prompt is there */

    /* Of the step under way. */
    bool served;
    bool in_pass;
    bool chosen; /* drawn is drawn, and not yet fed */
    bnt_drawn drawn;
    uint32_t n_rows; /* of the prompt */
    uint32_t row;    /* of logits; where the prompt does not end, none */
    bantam_status status;
    bantam_error err;
} lane;

struct bantam_batch {
    const bnt_model *model; /* borrowed until closed */
    bnt_pool *pool;         /* owns, as all below */
    bnt_arena scratch;
    float *logits;       /* (n_sessions, n_vocab) */
    uint32_t *tokens;    /* (pass_tokens) */
    bnt_strand *strands; /* (2 n_sessions) */
    lane *lanes;         /* (n_sessions) */
    lane **group;        /* (n_sessions) those of one pass */
    bantam_batch_info info;
    uint64_t limit_bytes;
    uint32_t n_group;
    uint32_t n_left;
    uint64_t n_tickets;
    bool stepping;
    const lane *telling; /* whose step is being called */

    /* Set from any thread or a signal handler, cleared by the call that reports it; it orders
     * nothing else. */
    atomic_int cancelled;
};

/* ---- what it takes ----------------------------------------------------------------------- */

static size_t scratch_bytes(const bnt_model *model, const bantam_batch_info *info,
                            const bnt_adapter_use *uses, uint32_t n_uses)
{
    /* Attention in parts is for a session alone: no context is counted for. */
    return bnt_forward_cost_with(model, uses, n_uses, info->pass_tokens, 1, info->n_threads);
}

static bantam_status check_limit(uint64_t bytes, uint64_t limit, bantam_error *err)
{
    if (!limit || bytes <= limit) return BANTAM_OK;
    return bnt_fail(err, BANTAM_ERR_NOMEM,
                    "a batch needs %" PRIu64 " bytes, %" PRIu64 " are allowed", bytes, limit);
}

static bantam_status check_number(const char *name, uint32_t n, uint32_t most,
                                  bantam_error *err)
{
    if (n <= most) return BANTAM_OK;
    return bnt_fail(err, BANTAM_ERR_INVALID,
                    "%s: at most %" PRIu32 " are possible, found %" PRIu32, name, most, n);
}

bantam_status bnt_lockstep_plan(const bnt_model *model, const bantam_batch_options *options,
                                bantam_batch_info *out, bantam_error *err)
{
    bantam_batch_options o = {0};
    bantam_batch_info info = {0};
    size_t logits = 0;

    memset(out, 0, sizeof *out);
    bantam_status status = bnt_options_copy(&o, sizeof o, options, "batch options", err);
    if (!status) status = check_number("n_sessions", o.n_sessions, MAX_SESSIONS, err);
    if (!status) status = check_number("pass_tokens", o.pass_tokens, MAX_PASS, err);
    if (!status) status = check_number("n_threads", o.n_threads, MAX_THREADS, err);
    if (status) return status;

    info.n_sessions = o.n_sessions ? o.n_sessions : DEFAULT_SESSIONS;
    info.pass_tokens = o.pass_tokens ? o.pass_tokens : DEFAULT_PASS;
    if (!o.pass_tokens && info.pass_tokens < info.n_sessions) {
        info.pass_tokens = info.n_sessions;
    }
    if (info.pass_tokens < info.n_sessions) {
        return bnt_fail(err, BANTAM_ERR_INVALID,
                        "pass_tokens: %" PRIu32 " are fewer than the %" PRIu32 " sessions",
                        info.pass_tokens, info.n_sessions);
    }
    info.n_threads = o.n_threads ? o.n_threads : bnt_cpu_threads();
    if (info.n_threads > MAX_THREADS) info.n_threads = MAX_THREADS;
    info.scratch_bytes =
        scratch_bytes(model, &info, NULL, 0) + info.pass_tokens * sizeof(uint32_t) +
        sizeof(bnt_lockstep) +
        info.n_sessions * (sizeof(lane) + sizeof(lane *) + 2 * sizeof(bnt_strand));
    if (!bnt_mul_size((size_t)info.n_sessions * sizeof(float), model->config.n_vocab,
                      &logits)) {
        return bnt_fail(err, BANTAM_ERR_NOMEM, "a batch: more than can be addressed");
    }
    info.logits_bytes = logits;
    info.total_bytes = info.scratch_bytes + info.logits_bytes;
    status = check_limit(info.total_bytes, o.memory_bytes, err);
    if (!status) *out = info;
    return status;
}

bantam_status bnt_lockstep_open(bnt_lockstep **out, const bnt_model *model,
                                const bantam_batch_options *options, bantam_error *err)
{
    bantam_batch_options o = {0};
    bantam_batch_info info;

    *out = NULL;
    bantam_status status = bnt_lockstep_plan(model, options, &info, err);
    if (!status) status = bnt_options_copy(&o, sizeof o, options, "batch options", err);
    if (status) return status;

    bnt_lockstep *const b = bnt_calloc(1, sizeof *b);
    if (!b) return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for a batch");
    b->model = model;
    b->info = info;
    b->limit_bytes = o.memory_bytes;
    b->logits = bnt_calloc((size_t)info.n_sessions * model->config.n_vocab, sizeof *b->logits);
    b->tokens = bnt_calloc(info.pass_tokens, sizeof *b->tokens);
    b->strands = bnt_calloc(2 * (size_t)info.n_sessions, sizeof *b->strands);
    b->lanes = bnt_calloc(info.n_sessions, sizeof *b->lanes);
    b->group = bnt_calloc(info.n_sessions, sizeof *b->group);
    if (!b->logits || !b->tokens || !b->strands || !b->lanes || !b->group) {
        status = bnt_fail(err, BANTAM_ERR_NOMEM,
                          "out of memory for a batch of %" PRIu32 " sessions", info.n_sessions);
        goto fail;
    }
    status = bnt_arena_init(&b->scratch, scratch_bytes(model, &info, NULL, 0), err);
    if (!status) status = bnt_pool_open(&b->pool, info.n_threads, err);
    if (status) goto fail;

    *out = b;
    return BANTAM_OK;

fail:
    bnt_lockstep_close(b);
    return status;
}

/* ---- joining and leaving ----------------------------------------------------------------- */

/* What the session had not been fed is forgotten. */
static void clear_lane(bnt_lockstep *b, lane *l)
{
    if (l->chosen) bnt_generator_unchoose(l->answer);
    bnt_generator_close(l->answer);
    l->session->in = NULL;
    memset(l, 0, sizeof *l);
    b->n_left--;
}

void bnt_lockstep_close(bnt_lockstep *b)
{
    if (!b) return;
    for (uint32_t i = 0; b->lanes && i < b->info.n_sessions; i++) {
        if (b->lanes[i].session) clear_lane(b, &b->lanes[i]);
    }
    bnt_pool_close(b->pool);
    bnt_arena_deinit(&b->scratch);
    bnt_free(b->logits);
    bnt_free(b->tokens);
    bnt_free(b->strands);
    bnt_free(b->lanes);
    bnt_free(b->group);
    bnt_free(b);
}

static bantam_status check_session(const bnt_lockstep *b, const bnt_session *s,
                                   const bantam_request *r, bantam_error *err)
{
    if (s->model != b->model) {
        return bnt_fail(err, BANTAM_ERR_INVALID,
                        "batch: the session was opened on another model than the batch");
    }
    const bantam_status status = bnt_session_check_free(s, err);
    if (status) return status;
    if (b->n_left == b->info.n_sessions) {
        return bnt_fail(err, BANTAM_ERR_FULL, "batch: all %" PRIu32 " places are taken",
                        b->info.n_sessions);
    }
    if (!r->n_tokens) return bnt_session_need_logits(s, err);
    return bnt_session_check(s, r->tokens, r->n_tokens, err);
}

/* Adapters want room of their own. */
static bantam_status make_room(bnt_lockstep *b, const bnt_session *s, bantam_error *err)
{
    const size_t bytes = scratch_bytes(b->model, &b->info, s->adapters, s->n_adapters);
    bnt_arena more = {0};

    if (bytes <= b->scratch.size) return BANTAM_OK;
    const uint64_t total = b->info.total_bytes + (bytes - b->scratch.size);
    bantam_status status = check_limit(total, b->limit_bytes, err);
    if (!status) status = bnt_arena_init(&more, bytes, err);
    if (status) return status;
    b->info.scratch_bytes += bytes - b->scratch.size;
    b->info.total_bytes = total;
    bnt_arena_deinit(&b->scratch);
    b->scratch = more;
    return BANTAM_OK;
}

static lane *lane_of(const bnt_lockstep *b, const bnt_session *s)
{
    for (uint32_t i = 0; i < b->info.n_sessions; i++) {
        if (b->lanes[i].session == s) return &b->lanes[i];
    }
    return NULL;
}

bantam_status bnt_lockstep_join(bnt_lockstep *b, bnt_session *s, const bantam_request *request,
                                bantam_error *err)
{
    bnt_generator *answer = NULL;
    bantam_request r = {0};

    bantam_status status = bnt_options_copy(&r, sizeof r, request, "request", err);
    if (!status) status = check_session(b, s, &r, err);
    if (!status) status = bnt_generator_open(&answer, s, r.generation, r.step, r.user, err);
    if (!status) status = make_room(b, s, err);
    if (status) {
        bnt_generator_close(answer);
        return status;
    }
    lane *const l = lane_of(b, NULL); /* there is one: they are not all taken */
    *l = (lane){.session = s,
                .answer = answer,
                .done = r.done,
                .user = r.user,
                .prompt = r.tokens,
                .n_prompt = (uint32_t)r.n_tokens,
                .ticket = b->n_tickets++,
                .answering = r.n_tokens == 0,
                .served = true};
    if (l->answering) bnt_generator_begin(answer);
    s->in = b;
    b->n_left++;
    return BANTAM_OK;
}

bantam_status bnt_lockstep_leave(bnt_lockstep *b, bnt_session *s, bantam_error *err)
{
    lane *const l = s->in == b ? lane_of(b, s) : NULL;

    if (!l) return bnt_fail(err, BANTAM_ERR_INVALID, "batch: the session is not in it");
    if (l == b->telling) {
        return bnt_fail(err, BANTAM_ERR_INVALID,
                        "batch: a session cannot leave from within its own step");
    }
    clear_lane(b, l);
    return BANTAM_OK;
}

void bnt_lockstep_cancel(bnt_lockstep *b)
{
    b->cancelled = 1;
}

/* The answer is over: status says how, l->err why. */
static void end_lane(bnt_lockstep *b, lane *l, bantam_status status)
{
    bantam_answer answer = {.n_tokens = 0};
    bantam_error err = l->err;
    const bantam_done_fn done = l->done;
    void *const user = l->user;

    b->telling = l;
    status = bnt_generator_finish(l->answer, status, &answer, &err);
    b->telling = NULL;
    clear_lane(b, l);
    if (done) done(user, status, &err, &answer);
}

/* ---- one pass ---------------------------------------------------------------------------- */

/* Those that are computed together with the first who was not served yet. */
static bool find_group(bnt_lockstep *b)
{
    const bnt_session *first = NULL;

    b->n_group = 0;
    for (uint32_t i = 0; i < b->info.n_sessions; i++) {
        lane *const l = &b->lanes[i];
        if (!l->session || l->served) continue;
        if (!first) first = l->session;
        if (!bnt_session_adapted(l->session, first->adapters, first->n_adapters)) continue;
        l->served = true;
        l->in_pass = true;
        b->group[b->n_group++] = l;
    }
    return first;
}

/* Draws its own token, from its own logits with its own sampler. */
static void choose_task(void *context, size_t i, uint32_t thread)
{
    const bnt_lockstep *const b = context;
    lane *const l = b->group[i];

    (void)thread;
    l->status = bnt_session_check_cancel(l->session, &l->err);
    if (l->status || !l->answering) return;
    l->status = bnt_generator_choose(l->answer, &l->drawn, &l->err);
    l->chosen = !l->status && !bnt_generator_done(l->answer);
}

/* Draws; who fails or is done leaves. Who stays is ready for a pass. */
static void choose(bnt_lockstep *b)
{
    bnt_pool_run(b->pool, choose_task, b, b->n_group);
    for (uint32_t i = 0; i < b->n_group; i++) {
        lane *const l = b->group[i];
        if (!l->in_pass) continue;
        bantam_status status = l->status;
        const bool fed_before = !l->answering && l->fed;
        if (!status && l->answering && !l->chosen) {
            end_lane(b, l, BANTAM_OK);
            continue;
        }
        if (!status && !fed_before) status = bnt_session_ready(l->session, &l->err);
        if (status) end_lane(b, l, status);
    }
}

/* Rows for tokens first, then for prompts in the order of their coming. */
static void share_rows(bnt_lockstep *b)
{
    uint32_t room = b->info.pass_tokens;

    for (uint32_t i = 0; i < b->n_group; i++) {
        lane *const l = b->group[i];
        l->n_rows = 0;
        if (l->in_pass && l->answering) room--;
    }
    while (room) {
        lane *next = NULL;
        for (uint32_t i = 0; i < b->n_group; i++) {
            lane *const l = b->group[i];
            if (!l->in_pass || l->answering || l->n_rows) continue;
            if (!next || l->ticket < next->ticket) next = l;
        }
        if (!next) return;
        const bnt_session *const s = next->session;
        const uint32_t left = next->n_prompt - next->fed;
        next->n_rows = left < room ? left : room;
        /* A windowed layer has slots for so many beside its window. */
        if (s->cache.window && next->n_rows > s->batch) next->n_rows = s->batch;
        room -= next->n_rows;
    }
}

/* The pass that the lanes fill: bodies of prompts, then rows whose logits are wanted. */
typedef struct filling {
    uint32_t n_tokens, n_strands, n_rows;
} filling;

static void add_strand(bnt_lockstep *b, filling *f, lane *l, const uint32_t *tokens, uint32_t n,
                       uint32_t pos, bnt_span call)
{
    memcpy(b->tokens + f->n_tokens, tokens, n * sizeof *tokens);
    b->strands[f->n_strands++] = (bnt_strand){&l->session->cache.kv, n, pos, call};
    f->n_tokens += n;
    bnt_cache_touch(&l->session->cache, pos + n);
}

static bool ends_prompt(const lane *l)
{
    return l->n_rows && l->fed + l->n_rows == l->n_prompt;
}

static filling fill(bnt_lockstep *b)
{
    filling f = {0};

    for (uint32_t i = 0; i < b->n_group; i++) {
        lane *const l = b->group[i];
        const uint32_t n = l->n_rows - (ends_prompt(l) ? 1 : 0);
        if (!l->in_pass || l->answering || !n) continue;
        const uint32_t start = l->session->position;
        add_strand(b, &f, l, l->prompt + l->fed, n, start + l->fed,
                   (bnt_span){start, l->n_prompt});
    }
    for (uint32_t i = 0; i < b->n_group; i++) {
        lane *const l = b->group[i];
        if (!l->in_pass) continue;
        const uint32_t start = l->session->position;
        if (l->answering) {
            add_strand(b, &f, l, &l->drawn.token, 1, start, (bnt_span){start, 1});
        } else if (ends_prompt(l)) {
            add_strand(b, &f, l, l->prompt + l->n_prompt - 1, 1, start + l->n_prompt - 1,
                       (bnt_span){start, l->n_prompt});
        } else {
            continue;
        }
        l->row = f.n_rows++;
    }
    return f;
}

/* What the pass has computed becomes what sessions hold. */
static void hold(bnt_lockstep *b)
{
    for (uint32_t i = 0; i < b->n_group; i++) {
        lane *const l = b->group[i];
        if (!l->in_pass) continue;
        const float *const row = b->logits + (size_t)l->row * b->model->config.n_vocab;
        if (l->answering) {
            bnt_session_hold(l->session, &l->drawn.token, 1, row);
        } else if (ends_prompt(l)) {
            bnt_session_hold(l->session, l->prompt, l->n_prompt, row);
        }
    }
}

/* Hands out what was drawn, and begins the answers whose prompts have been fed. */
static void settle(bnt_lockstep *b)
{
    for (uint32_t i = 0; i < b->n_group; i++) {
        lane *const l = b->group[i];
        if (!l->in_pass) continue;
        l->in_pass = false;
        if (!l->chosen) {
            l->answering = ends_prompt(l);
            l->fed += l->n_rows;
            if (l->answering) bnt_generator_begin(l->answer);
            continue;
        }
        l->chosen = false;
        b->telling = l;
        const bantam_status status = bnt_generator_settle(l->answer, &l->drawn, &l->err);
        b->telling = NULL;
        if (status || bnt_generator_done(l->answer)) end_lane(b, l, status);
    }
}

/* Everybody is where he was before the pass. */
static void take_back(bnt_lockstep *b)
{
    for (uint32_t i = 0; i < b->n_group; i++) {
        lane *const l = b->group[i];
        if (l->in_pass && l->chosen) bnt_generator_unchoose(l->answer);
        l->chosen = false;
        l->in_pass = false;
    }
}

static bantam_status run_group(bnt_lockstep *b, bantam_error *err)
{
    choose(b);
    share_rows(b);
    const filling f = fill(b);
    if (!f.n_tokens) return BANTAM_OK;

    const bnt_session *one = NULL; /* whose adapters are everybody's */
    for (uint32_t i = 0; i < b->n_group && !one; i++) {
        if (b->group[i]->in_pass) one = b->group[i]->session;
    }
    const bnt_forward forward = {.model = b->model,
                                 .pool = b->pool,
                                 .adapters = one->adapters,
                                 .n_adapters = one->n_adapters,
                                 .scratch = &b->scratch,
                                 .cancel = &b->cancelled};
    const bantam_status status = bnt_forward_strands(&forward, b->tokens, b->strands,
                                                     f.n_strands, b->logits, f.n_rows, err);
    if (status) {
        take_back(b);
        return status;
    }
    hold(b);
    settle(b);
    return BANTAM_OK;
}

bantam_status bnt_lockstep_step(bnt_lockstep *b, uint32_t *n_left, bantam_error *err)
{
    bantam_status status = BANTAM_OK;

    *n_left = b->n_left;
    if (b->stepping) {
        return bnt_fail(err, BANTAM_ERR_INVALID, "batch: a step cannot be made within a step");
    }
    if (b->cancelled) {
        b->cancelled = 0;
        return bnt_fail(err, BANTAM_ERR_CANCELLED, "cancelled");
    }
    b->stepping = true;
    for (uint32_t i = 0; i < b->info.n_sessions; i++) {
        b->lanes[i].served = false;
    }
    while (!status && find_group(b))
        status = run_group(b, err);
    if (status == BANTAM_ERR_CANCELLED) b->cancelled = 0;
    b->stepping = false;
    *n_left = b->n_left;
    return status;
}
