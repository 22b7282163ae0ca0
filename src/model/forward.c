/* forward.c - the forward pass: embedding, layers, head. Each stage says in pass.h what it
 * reads and writes; what one model does differently from another is data in its config. */
#include "model/forward.h"

#include "model/pass.h"
#include "model/rope.h"

typedef struct norming {
    const bnt_pass *pass;
    float *out;     /* (n_rows, embd) */
    const float *x; /* (n_rows, embd) */
    const float *w; /* (embd) */
} norming;

static void norm_token(void *context, size_t t, uint32_t thread)
{
    const norming *const n = context;
    const bnt_config *const c = &n->pass->model->config;
    const size_t at = t * c->n_embd;
    (void)thread;
    n->pass->model->kernels.rms_norm_f32(n->out + at, n->x + at, n->w, c->n_embd, c->norm_eps);
}

void bnt_norm(const bnt_pass *p, float *out, const float *x, uint32_t n_rows, const float *w)
{
    norming n = {p, out, x, w};
    bnt_pass_run(p, norm_token, &n, n_rows);
}

static void add_token(void *context, size_t t, uint32_t thread)
{
    const bnt_pass *const p = context;
    const size_t n_embd = p->model->config.n_embd;
    (void)thread;
    p->model->kernels.axpy_f32(p->x + t * n_embd, 1.0f, p->h + t * n_embd, n_embd);
}

void bnt_add(const bnt_pass *p)
{
    bnt_pass_run(p, add_token, (void *)p, p->n);
}

/* x += attention(norm(x)); x += feed-forward(norm(x)). */
static void run_layer(const bnt_pass *p, uint32_t index)
{
    const bnt_layer *const layer = &p->model->layers[index];
    const bnt_product qkv[] = {{&layer->q, p->q}, {&layer->k, p->k}, {&layer->v, p->v}};
    const bnt_product o = {&layer->o, p->h};
    const bnt_product gate_up[] = {{&layer->gate, p->gate}, {&layer->up, p->up}};
    const bnt_product down = {&layer->down, p->h};

    bnt_norm(p, p->h, p->x, p->n, layer->attn_norm);
    bnt_linear(p, p->h, p->n, qkv, 3);
    bnt_turn_and_store(p, index);
    bnt_attend(p, index);
    bnt_linear(p, p->a, p->n, &o, 1);
    bnt_add(p);

    bnt_norm(p, p->h, p->x, p->n, layer->ffn_norm);
    bnt_linear(p, p->h, p->n, gate_up, 2);
    bnt_gate(p);
    bnt_linear(p, p->gate, p->n, &down, 1);
    bnt_add(p);
}

/* logits (n_rows, vocab) of the last n_rows tokens. */
static void run_head(const bnt_pass *p, float *logits, uint32_t n_rows)
{
    const float *const last = p->x + (size_t)(p->n - n_rows) * p->model->config.n_embd;
    const bnt_product head = {&p->model->head, logits};

    bnt_norm(p, p->h, last, n_rows, p->model->output_norm);
    bnt_linear(p, p->h, n_rows, &head, 1);
}

static bantam_status run(const bnt_forward *f, const bnt_pass *p, float *logits,
                         uint32_t n_rows, bantam_error *err)
{
    for (uint32_t layer = 0; layer < p->model->config.n_layers; layer++) {
        if (f->cancel && *f->cancel) {
            return bnt_fail(err, BANTAM_ERR_CANCELLED, "cancelled");
        }
        run_layer(p, layer);
    }
    if (n_rows > 0) run_head(p, logits, n_rows);
    return bnt_archive_check(p->model->archive, err);
}

bantam_status bnt_forward_run(const bnt_forward *f, const uint32_t *tokens, uint32_t n_tokens,
                              uint32_t pos, bnt_span call, float *logits, uint32_t n_rows,
                              bantam_error *err)
{
    if (n_tokens == 0) return BANTAM_OK;

    bnt_pass p = {.model = f->model, .kv = f->kv, .pool = f->pool, .n = n_tokens, .pos = pos};
    const size_t mark = bnt_arena_mark(f->scratch);
    if (!bnt_pass_take(&p, bnt_pool_threads(f->pool), f->scratch)) {
        bnt_arena_reset(f->scratch, mark);
        return bnt_fail(err, BANTAM_ERR_INVALID, "the scratch arena is too small for the pass");
    }
    bnt_embed(&p, tokens);
    bnt_rope_fill(p.cosines, p.sines, p.model, pos, n_tokens, call);
    const bantam_status status = run(f, &p, logits, n_rows, err);
    bnt_arena_reset(f->scratch, mark);
    return status;
}
