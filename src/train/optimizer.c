/* optimizer.c - pieces of parameters, and what is done to each. How much to move is run.c's. */
#include "train/optimizer.h"

#include "base/checked.h"
#include "base/cpu.h"
#include "base/mem.h"

#include <math.h>

/* Weights, averages and gradients of a piece fill a quarter of a core's cache. */
enum { PIECE = 16384 };

struct bnt_optimizer_piece {
    float *w, *m, *v;
    const float *g;
    size_t n;
    bool decays;
    float squares; /* of its gradients */
};

size_t bnt_optimizer_cost(uint64_t n_weights)
{
    const uint64_t pieces = n_weights / PIECE + 1;
    const uint64_t bytes =
        n_weights * 2 * sizeof(float) + pieces * sizeof(struct bnt_optimizer_piece);
    return n_weights > SIZE_MAX / 64 ? SIZE_MAX : (size_t)bytes;
}

static size_t pieces_of(size_t n)
{
    return (n + PIECE - 1) / PIECE;
}

static void cut(bnt_optimizer *o, const bnt_net *net)
{
    size_t at = 0, piece = 0;

    for (size_t i = 0; i < bnt_net_n_params(net); i++) {
        const bnt_param *const p = bnt_net_param(net, i);
        for (size_t done = 0; done < p->n; done += PIECE) {
            o->pieces[piece++] = (struct bnt_optimizer_piece){
                .w = p->w + done,
                .m = o->m + at + done,
                .v = o->v + at + done,
                .g = p->g + done,
                .n = p->n - done < PIECE ? p->n - done : PIECE,
                .decays = p->decays,
            };
        }
        at += p->n;
    }
}

bantam_status bnt_optimizer_init(bnt_optimizer *o, const bnt_net *net, bnt_pool *pool,
                                 bantam_error *err)
{
    *o = (bnt_optimizer){.pool = pool};
    bnt_learn_kernels_init(&o->kernels, bnt_cpu_flags());
    for (size_t i = 0; i < bnt_net_n_params(net); i++) {
        const size_t n = bnt_net_param(net, i)->n;
        o->n_weights += n; /* the net has them in memory: the sum cannot wrap */
        o->n_pieces += pieces_of(n);
    }
    o->pieces = bnt_calloc(o->n_pieces ? o->n_pieces : 1, sizeof *o->pieces);
    o->m = bnt_calloc_large(o->n_weights ? o->n_weights : 1, sizeof *o->m);
    o->v = bnt_calloc_large(o->n_weights ? o->n_weights : 1, sizeof *o->v);
    if (!o->pieces || !o->m || !o->v) {
        const size_t n = o->n_weights;
        bnt_optimizer_deinit(o);
        return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for the averages of %zu weights",
                        n);
    }
    cut(o, net);
    return BANTAM_OK;
}

void bnt_optimizer_deinit(bnt_optimizer *o)
{
    bnt_free(o->pieces);
    bnt_free(o->m);
    bnt_free(o->v);
    *o = (bnt_optimizer){0};
}

static void square_piece(void *context, size_t task, uint32_t thread)
{
    const bnt_optimizer *const o = context;
    struct bnt_optimizer_piece *const p = &o->pieces[task];

    (void)thread;
    p->squares = o->kernels.square_sum(p->g, p->n);
}

double bnt_optimizer_norm(const bnt_optimizer *o)
{
    double sum = 0.0;

    /* The pool takes what a task may write to; the pieces are all that changes. */
    bnt_pool_run(o->pool, square_piece, (void *)(uintptr_t)o, o->n_pieces);
    for (size_t i = 0; i < o->n_pieces; i++) {
        sum += (double)o->pieces[i].squares;
    }
    return sqrt(sum);
}

typedef struct stepping {
    const bnt_optimizer *o;
    const bnt_adamw *step;
    bnt_adamw plain; /* for what does not decay */
} stepping;

static void step_piece(void *context, size_t task, uint32_t thread)
{
    const stepping *const s = context;
    const struct bnt_optimizer_piece *const p = &s->o->pieces[task];

    (void)thread;
    s->o->kernels.adamw(p->w, p->m, p->v, p->g, p->n, p->decays ? s->step : &s->plain);
}

void bnt_optimizer_step(const bnt_optimizer *o, const bnt_adamw *step)
{
    stepping s = {o, step, *step};

    s.plain.decay = 0.0f;
    bnt_pool_run(o->pool, step_piece, &s, o->n_pieces);
}
