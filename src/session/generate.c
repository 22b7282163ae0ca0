/* generate.c - an answer: draw, feed, hand out, until something ends it.
 *
 * What may be shown is stream.c's affair, what forced text allows spell.c's. Here a banned
 * string is drawn back: the session returns to the place of the token it began with, that
 * token is forbidden there, and the draw is repeated. All memory is taken before the first
 * token.
 */
#include "session/generate.h"
#include "base/mem.h"
#include "base/options.h"
#include "session/spell.h"
#include "session/stream.h"

#include <string.h>

enum {
    MAX_FORBIDDEN = 64, /* tokens forbidden at places not yet handed out */
    MAX_REDRAWS = 512   /* since a step was last handed out: the search stays bounded */
};

/* A token that must not be drawn as the answer's token number index. */
typedef struct forbidden {
    uint32_t index, token;
} forbidden;

struct bnt_generator {
    bnt_session *session;
    bantam_generation options;
    bantam_step_fn fn;
    void *user;
    bnt_stream stream;
    bnt_spell spell;
    uint32_t start;    /* position of the answer's first token */
    uint32_t call;     /* first position of the call before the answer */
    uint32_t n_tokens; /* of the answer, fed */
    bantam_finish finish;
    bool done;
    bool told; /* by the callback to stop */
    forbidden forbidden[MAX_FORBIDDEN];
    uint32_t n_forbidden, n_redraws;
    uint8_t before[BNT_SAMPLER_STATE]; /* the sampler, before the last draw */
};

void bnt_generator_close(bnt_generator *g)
{
    if (!g) return;
    bnt_stream_deinit(&g->stream);
    bnt_spell_deinit(&g->spell);
    bnt_free(g);
}

bantam_status bnt_generator_open(bnt_generator **out, bnt_session *s,
                                 const bantam_generation *options, bantam_step_fn fn,
                                 void *user, bantam_error *err)
{
    *out = NULL;
    bnt_generator *const g = bnt_calloc(1, sizeof *g);
    if (!g) return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for an answer");

    bantam_status status =
        bnt_options_copy(&g->options, sizeof g->options, options, "generation options", err);
    if (status) goto fail;
    const bantam_generation *const o = &g->options;
    if (!s->tokenizer && (o->n_stop || o->n_banned || o->forced.size)) {
        status =
            bnt_fail(err, BANTAM_ERR_INVALID,
                     "stop, banned and forced strings need a tokenizer, the model has none");
        goto fail;
    }
    status = bnt_stream_init(&g->stream, o, s->max_token_bytes, err);
    if (!status && o->forced.size) {
        status = bnt_spell_init(&g->spell, s->tokenizer, s->n_vocab, o->forced, err);
    }
    if (status) goto fail;

    g->session = s;
    g->fn = fn;
    g->user = user;
    if (!g->options.max_tokens) g->options.max_tokens = UINT32_MAX;
    *out = g;
    return BANTAM_OK;

fail:
    bnt_generator_close(g);
    return status;
}

void bnt_generator_begin(bnt_generator *g)
{
    g->start = g->session->position;
    g->call = g->session->call;
}

bool bnt_generator_done(const bnt_generator *g)
{
    return g->done;
}

static bool forcing(const bnt_generator *g)
{
    return g->stream.total < g->stream.forced;
}

/* Marks the tokens that may come next; false where all may. */
static bool mask(bnt_generator *g, bool *redrawn)
{
    uint8_t *const allow = g->session->allow;

    *redrawn = false;
    for (uint32_t i = 0; i < g->n_forbidden; i++) {
        if (g->forbidden[i].index == g->n_tokens) *redrawn = true;
    }
    if (!forcing(g) && !*redrawn) return false;

    memset(allow, forcing(g) ? 0 : 1, g->session->n_vocab);
    if (forcing(g)) bnt_spell_allow(&g->spell, (size_t)g->stream.total, allow);
    for (uint32_t i = 0; i < g->n_forbidden; i++) {
        if (g->forbidden[i].index == g->n_tokens) allow[g->forbidden[i].token] = 0;
    }
    return true;
}

static void end(bnt_generator *g, bantam_finish finish)
{
    g->finish = finish;
    g->done = true;
}

static bantam_status hand_out(bnt_generator *g, const bantam_step *step, bantam_error *err)
{
    g->n_redraws = 0;
    if (!g->fn || g->fn(g->user, step)) return BANTAM_OK;
    g->told = true;
    return bnt_fail(err, BANTAM_ERR_CANCELLED, "stopped by the callback");
}

/* Forbids a token at its place. What was forbidden behind it belonged to another text, what was
 * forbidden before the first step not handed out is settled. False where it is too much. */
static bool forbid(bnt_generator *g, uint32_t index, uint32_t token)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < g->n_forbidden; i++) {
        const forbidden f = g->forbidden[i];
        if (f.index >= g->stream.n_taken && f.index <= index) g->forbidden[kept++] = f;
    }
    g->n_forbidden = kept;
    if (kept == MAX_FORBIDDEN || ++g->n_redraws > MAX_REDRAWS) return false;
    g->forbidden[kept].index = index;
    g->forbidden[kept].token = token;
    g->n_forbidden++;
    return true;
}

/* Takes the session back to the place of the answer's token number index. */
static bantam_status draw_back(bnt_generator *g, uint32_t index, bantam_error *err)
{
    const uint32_t position = g->start + index;
    const bantam_status status =
        bnt_session_redo(g->session, position, index ? position - 1 : g->call, err);

    g->n_tokens = index;
    if (status && index) g->n_tokens--;
    return status;
}

bantam_status bnt_generator_choose(bnt_generator *g, bnt_drawn *drawn, bantam_error *err)
{
    bnt_session *const s = g->session;
    bnt_draw_how how = {.feed_stops = g->options.ignore_stop_tokens, .logprob = true};
    bool redrawn = false;

    if (s->position == s->context || g->n_tokens == g->options.max_tokens) {
        end(g, BANTAM_FINISH_LENGTH);
        return BANTAM_OK;
    }
    how.masked = mask(g, &redrawn);
    const bantam_status status = bnt_session_draw(s, how, g->before, drawn, err);
    if (status == BANTAM_ERR_INVALID && redrawn) { /* nothing is left that is not banned */
        end(g, BANTAM_FINISH_STOP);
        return BANTAM_OK;
    }
    if (!status && drawn->ended) end(g, BANTAM_FINISH_STOP);
    return status;
}

void bnt_generator_unchoose(bnt_generator *g)
{
    bnt_session_undraw(g->session, g->before);
}

bantam_status bnt_generator_settle(bnt_generator *g, const bnt_drawn *drawn, bantam_error *err)
{
    bantam_status status = BANTAM_OK;
    uint32_t back = 0, token = 0;
    bantam_step step;

    g->n_tokens++;
    switch (bnt_stream_put(&g->stream, drawn->token, drawn->logprob,
                           bnt_session_text(g->session, drawn->token), &back, &token)) {
    case BNT_STREAM_BANNED:
        if (!forbid(g, back, token)) end(g, BANTAM_FINISH_STOP);
        return draw_back(g, back, err);
    case BNT_STREAM_STOP:
        end(g, BANTAM_FINISH_STOP);
        break;
    case BNT_STREAM_ON:
        break;
    }
    while (!status && bnt_stream_take(&g->stream, &step))
        status = hand_out(g, &step, err);
    return status;
}

bantam_status bnt_generator_finish(bnt_generator *g, bantam_status status, bantam_answer *out,
                                   bantam_error *err)
{
    bantam_step step;

    /* Text that waited is the answer's too, unless nobody wants to hear it. */
    while (!g->told && bnt_stream_flush(&g->stream, &step)) {
        const bantam_status told = hand_out(g, &step, status ? NULL : err);
        if (!status) status = told;
    }
    if (out) {
        out->finish = status ? BANTAM_FINISH_CANCELLED : g->finish;
        out->n_tokens = g->n_tokens;
    }
    return status;
}

/* One token of the answer, or its end. */
static bantam_status go_on(bnt_generator *g, bantam_error *err)
{
    bnt_drawn drawn;

    bantam_status status = bnt_generator_choose(g, &drawn, err);
    if (status || g->done) return status;
    status = bnt_ahead_feed(g->session, &drawn.token, err);
    if (!status) return bnt_generator_settle(g, &drawn, err);
    bnt_generator_unchoose(g);
    return status;
}

bantam_status bnt_session_generate(bnt_session *s, const bantam_generation *options,
                                   bantam_step_fn fn, void *user, bantam_answer *out,
                                   bantam_error *err)
{
    bnt_generator *g = NULL;

    if (out) memset(out, 0, sizeof *out);
    bantam_status status = bnt_session_need_logits(s, err);
    if (!status) status = bnt_generator_open(&g, s, options, fn, user, err);
    if (status) return status;

    bnt_generator_begin(g);
    status = bnt_session_begin(s, err);
    while (!status && !g->done)
        status = go_on(g, err);
    status = bnt_generator_finish(g, status, out, err);
    bnt_generator_close(g);
    return status;
}
