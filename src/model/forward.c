/* forward.c - the forward pass: embedding, layers, head. Each stage says in pass.h what it
 * reads and writes; what one model does differently from another is data in its config. */
#include "model/forward.h"

#include "model/pass.h"
#include "model/rope.h"

#include <string.h>

static bnt_input normed(const bnt_pass *p, const float *norm)
{
    return (bnt_input){.x = p->x, .norm = norm, .n = p->n, .columns = p->model->config.n_embd};
}

/* The input of a product to whoever watches it. */
static void show(const bnt_pass *p, const bnt_input *in, uint32_t layer, bnt_place place)
{
    if (!p->tap) return;
    if (!bnt_input_is_made(in)) {
        p->tap(p->tap_user, layer, place, in->n, in->x);
        return;
    }
    for (uint32_t i = 0; i < in->n; i++) {
        p->tap(p->tap_user, layer, place, 1, bnt_input_row(p, in, i, p->work->row));
    }
}

/* Keys and values of every token into the cache, queries of those that go on: the last ones. */
static void project(const bnt_pass *p, const bnt_pass *on, uint32_t index)
{
    const bnt_layer *const layer = &p->model->layers[index];
    const bnt_product all[] = {
        {.w = &layer->q, .y = p->q, .layer = index, .place = BNT_PLACE_Q},
        {.w = &layer->k, .y = p->k, .layer = index, .place = BNT_PLACE_K},
        {.w = &layer->v, .y = p->v, .layer = index, .place = BNT_PLACE_V}};
    const bnt_input in = normed(p, layer->attn_norm);
    const bnt_product q = {.w = &layer->q, .y = on->q, .layer = index, .place = BNT_PLACE_Q};
    const bnt_input in_on = normed(on, layer->attn_norm);

    show(p, &in, index, BNT_PLACE_Q);
    if (on->n == p->n) {
        bnt_linear(p, &in, all, 3);
        return;
    }
    bnt_linear(p, &in, all + 1, 2);
    if (on->n) bnt_linear(on, &in_on, &q, 1);
}

/* x += attention(norm(x)); x += feed-forward(norm(x)); for the tokens that go on. */
static void run_layer(const bnt_pass *p, const bnt_pass *on, uint32_t index)
{
    const bnt_config *const c = &p->model->config;
    const bnt_layer *const layer = &p->model->layers[index];
    const bnt_input attended = {.x = on->a,
                                .n_parts = bnt_attention_segments(on, index),
                                .n = on->n,
                                .columns = c->n_heads * c->head_dim};
    const bnt_product o = {
        .w = &layer->o, .y = on->x, .end = BNT_END_ADD, .layer = index, .place = BNT_PLACE_O};
    const bnt_input x = normed(on, layer->ffn_norm);
    const bnt_product gated = {.w = &layer->gate,
                               .up = &layer->up,
                               .y = on->h,
                               .end = BNT_END_GATE,
                               .layer = index,
                               .place = BNT_PLACE_GATE};
    const bnt_input h = {.x = on->h, .turn = &p->model->turn, .n = on->n, .columns = c->n_ffn};
    const bnt_product down = {.w = &layer->down,
                              .y = on->x,
                              .end = BNT_END_ADD,
                              .layer = index,
                              .place = BNT_PLACE_DOWN};

    project(p, on, index);
    if (!on->decode) bnt_store_kv(p, index);
    if (!on->n) return;
    bnt_attend(on, index);
    show(on, &attended, index, BNT_PLACE_O);
    bnt_linear(on, &attended, &o, 1);
    show(on, &x, index, BNT_PLACE_GATE);
    bnt_linear(on, &x, &gated, 1);
    show(on, &h, index, BNT_PLACE_DOWN);
    bnt_linear(on, &h, &down, 1);
}

/* logits of all tokens of p, which are the last ones of a pass; slice by slice where they are
 * taken. False where the taker has had enough. */
static bool run_head(const bnt_forward *f, const bnt_pass *p, uint32_t first, float *logits)
{
    const bnt_product head = {.w = &p->model->head, .y = logits, .place = BNT_PLACES};
    const uint32_t room = f->take ? f->room : p->n;

    for (uint32_t at = 0; at < p->n; at += room) {
        const uint32_t left = p->n - at;
        const uint32_t n = left < room ? left : room;
        bnt_input x = normed(p, p->model->output_norm);
        x.x += (size_t)at * x.columns;
        x.n = n;
        bnt_linear(p, &x, &head, 1);
        if (f->take && !f->take(f->user, first + at, n, logits)) return false;
    }
    return true;
}

/* Row by row; false where the taker has had enough. */
static bool hand_out_states(const bnt_forward *f, const bnt_pass *p)
{
    const bnt_config *const c = &p->model->config;

    for (uint32_t i = 0; i < p->n; i++) {
        p->model->kernels.rms_norm_f32(p->work->row, p->x + (size_t)i * c->n_embd,
                                       p->model->output_norm, c->n_embd, c->norm_eps);
        if (!f->states(f->user, i, 1, p->work->row)) return false;
    }
    return true;
}

static bantam_status run(const bnt_forward *f, const bnt_pass *p, float *logits,
                         uint32_t n_rows, bantam_error *err)
{
    const uint32_t n_layers = p->model->config.n_layers;
    /* Of the last layer only what is wanted of it is computed. */
    const bnt_pass last = f->states ? *p : bnt_pass_tail(p, n_rows);
    const bnt_pass head = bnt_pass_tail(p, n_rows);
    for (uint32_t layer = 0; layer < n_layers; layer++) {
        if (f->cancel && *f->cancel) {
            return bnt_fail(err, BANTAM_ERR_CANCELLED, "cancelled");
        }
        run_layer(p, layer + 1 < n_layers ? p : &last, layer);
    }
    if ((f->states && !hand_out_states(f, p)) || !run_head(f, &head, p->n - n_rows, logits)) {
        return bnt_fail(err, BANTAM_ERR_CANCELLED, "stopped by the callback");
    }
    return bnt_model_check(p->model, err);
}

/* The pass of n tokens from pos on, its buffers out of f->scratch. */
static bantam_status begin(const bnt_forward *f, bnt_pass *p, uint32_t n, uint32_t pos,
                           bantam_error *err)
{
    *p = (bnt_pass){.model = f->model,
                    .kv = f->kv,
                    .pool = f->pool,
                    .adapters = f->adapters,
                    .n_adapters = f->n_adapters,
                    .n = n,
                    .pos = pos,
                    .tap = f->tap,
                    .tap_user = f->user};
    if (!bnt_pass_take(p, bnt_pool_threads(f->pool), f->scratch)) {
        return bnt_fail(err, BANTAM_ERR_INVALID, "the scratch arena is too small for the pass");
    }
    return BANTAM_OK;
}

/* The angles of all rows. */
static void fill_angles(bnt_pass *p, const bnt_strand *strands, uint32_t n_strands)
{
    const size_t n_pairs = p->model->config.rope_dims / 2;
    size_t row = 0;

    for (uint32_t i = 0; i < n_strands; i++) {
        const bnt_strand *const s = &strands[i];
        bnt_rope_fill(p->cosines + row * n_pairs, p->sines + row * n_pairs, p->model, s->pos,
                      s->n, s->call);
        row += s->n;
    }
}

bantam_status bnt_forward_run(const bnt_forward *f, const uint32_t *tokens, uint32_t n_tokens,
                              uint32_t pos, bnt_span call, float *logits, uint32_t n_rows,
                              bantam_error *err)
{
    if (n_tokens == 0) return BANTAM_OK;

    bnt_pass p;
    const size_t mark = bnt_arena_mark(f->scratch);
    const bnt_strand all = {f->kv, n_tokens, pos, call};
    bantam_status status = begin(f, &p, n_tokens, pos, err);
    if (!status) {
        fill_angles(&p, &all, 1);
        bnt_embed(&p, tokens);
        status = run(f, &p, logits, n_rows, err);
    }
    bnt_arena_reset(f->scratch, mark);
    return status;
}

bantam_status bnt_forward_strands(const bnt_forward *f, const uint32_t *tokens,
                                  const bnt_strand *strands, uint32_t n_strands, float *logits,
                                  uint32_t n_rows, bantam_error *err)
{
    const size_t mark = bnt_arena_mark(f->scratch);
    uint32_t n = 0;
    bnt_pass p;

    for (uint32_t i = 0; i < n_strands; i++) {
        n += strands[i].n;
    }
    if (n == 0) return BANTAM_OK;
    bantam_status status = begin(f, &p, n, 0, err);
    if (!status) {
        p.strands = strands;
        p.n_strands = n_strands;
        p.decode = n == n_strands && n == n_rows;
        fill_angles(&p, strands, n_strands);
        bnt_embed(&p, tokens);
        status = run(f, &p, logits, n_rows, err);
    }
    bnt_arena_reset(f->scratch, mark);
    return status;
}

bantam_status bnt_forward_layer(const bnt_forward *f, uint32_t layer, float *x,
                                uint32_t n_tokens, bantam_error *err)
{
    const size_t mark = bnt_arena_mark(f->scratch);
    const bnt_strand all = {f->kv, n_tokens, 0, {0, n_tokens}};
    const size_t bytes = (size_t)n_tokens * f->model->config.n_embd * sizeof *x;
    bnt_pass p;

    bantam_status status = begin(f, &p, n_tokens, 0, err);
    if (!status) {
        fill_angles(&p, &all, 1);
        memcpy(p.x, x, bytes);
        run_layer(&p, &p, layer);
        memcpy(x, p.x, bytes);
        status = bnt_model_check(f->model, err);
    }
    bnt_arena_reset(f->scratch, mark);
    return status;
}
