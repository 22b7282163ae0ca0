/* run.c - steps: a batch, its gradients, how far to move, and what is told and kept of it.
 *
 * What a step computes depends on the options, the batches and the weights at its beginning.
 * So a run that was stopped and continued ends with the bits of one that was not.
 */
#include "train/run.h"

#include "base/clock.h"
#include "base/digest.h"
#include "base/file.h"
#include "train/checkpoint.h"
#include "train/parts.h"

#include <inttypes.h>
#include <math.h>

enum { RECENT_STEPS = 16 }; /* that the speed is taken from */

typedef struct running {
    bnt_net *net;
    const bnt_run_options *o;
    bnt_optimizer optimizer;
    bnt_run_state state;
    uint64_t identity;
    bnt_parts parts;     /* owns: of the batch at hand */
    uint64_t started_ns; /* seconds of the state count from here */
    double seconds_before;
    uint64_t saved_step, saved_ns;
    uint64_t rows[RECENT_STEPS], ended_ns[RECENT_STEPS]; /* step i at i modulo their number */
    uint64_t n_ended;
} running;

void bnt_run_options_init(bnt_run_options *o)
{
    *o = (bnt_run_options){
        .rate = 3e-4,
        .final_rate = 3e-5,
        .beta1 = 0.9,
        .beta2 = 0.95,
        .epsilon = 1e-8,
        .decay = 0.1,
        .clip = 1.0,
        .checkpoint_seconds = 300.0,
    };
}

size_t bnt_run_cost(uint64_t n_weights)
{
    const size_t bytes = bnt_optimizer_cost(n_weights);
    return bytes > SIZE_MAX - sizeof(running) ? SIZE_MAX : bytes + sizeof(running);
}

/* ---- rates ------------------------------------------------------------------------------- */

/* cos(pi t) for t in [0, 1]. Systems differ in the last bit of their cos. The angle is at most
 * pi / 2 after folding: the first term left out is below 1e-18. */
static double cos_pi(double t)
{
    const bool folded = t > 0.5;
    const double x = 3.14159265358979323846 * (folded ? 1.0 - t : t);
    double term = 1.0, sum = 1.0;

    for (int k = 2; k <= 22; k += 2) {
        term *= -x * x / (double)(k * (k - 1));
        sum += term;
    }
    return folded ? -sum : sum;
}

static double rate_of(const bnt_run_options *o, uint64_t step)
{
    if (step < o->warmup_steps) return o->rate * (double)(step + 1) / (double)o->warmup_steps;
    if (o->steps <= o->warmup_steps + 1) return o->rate;
    const double t =
        (double)(step - o->warmup_steps) / (double)(o->steps - 1 - o->warmup_steps);
    return o->final_rate + 0.5 * (o->rate - o->final_rate) * (1.0 + cos_pi(t));
}

/* x^n, by squaring: a fixed order of products. */
static double power(double x, uint64_t n)
{
    double result = 1.0;
    for (; n; n >>= 1) {
        if (n & 1) result *= x;
        x *= x;
    }
    return result;
}

/* ---- a step ------------------------------------------------------------------------------ */

/* The loss of a batch, and its gradients. */
static bantam_status learn_batch(running *r, const bnt_batch *b, double *loss,
                                 bantam_error *err)
{
    const double whole = bnt_batch_weight(b);
    bnt_batch part;
    double weight, part_loss = 0.0;

    *loss = 0.0;
    if (!(whole > 0.0)) {
        return bnt_fail(err, BANTAM_ERR_INVALID, "a batch has nothing to learn");
    }
    bantam_status status = bnt_parts_begin(&r->parts, b, r->o->part_rows, err);
    while (!status && bnt_parts_next(&r->parts, &part, &weight)) {
        status = bnt_net_learn(r->net, &part, weight / whole, &part_loss, err);
        *loss += weight / whole * part_loss;
    }
    return status;
}

static bantam_status step_once(running *r, bnt_progress *p, uint32_t *n_rows, bantam_error *err)
{
    const bnt_run_options *const o = r->o;
    const uint64_t step = r->state.step;
    bnt_batch batch;
    bantam_status status = o->batch(o->source, step, &batch, err);

    if (status) return status;
    bnt_net_clear_gradients(r->net);
    status = learn_batch(r, &batch, &p->loss, err);
    if (status) return status;
    *n_rows = batch.n_rows;
    p->grad_norm = bnt_optimizer_norm(&r->optimizer);
    p->rate = rate_of(o, step);
    if (!isfinite(p->loss) || !isfinite(p->grad_norm)) {
        return bnt_fail(err, BANTAM_ERR_INVALID,
                        "step %" PRIu64 ": the loss is no number any more (loss %g, gradients "
                        "%g): a lower rate or a longer warm-up may help",
                        step + 1, p->loss, p->grad_norm);
    }
    const bool clipped = o->clip > 0.0 && p->grad_norm > o->clip;
    const bnt_adamw move = {
        .rate = (float)p->rate,
        .beta1 = (float)o->beta1,
        .beta2 = (float)o->beta2,
        .epsilon = (float)o->epsilon,
        .decay = (float)o->decay,
        .unbias1 = (float)(1.0 / (1.0 - power(o->beta1, step + 1))),
        .unbias2 = (float)(1.0 / (1.0 - power(o->beta2, step + 1))),
        .grad_scale = clipped ? (float)(o->clip / p->grad_norm) : 1.0f,
    };
    bnt_optimizer_step(&r->optimizer, &move);

    r->state.losses[step % BNT_RECENT_LOSSES] = p->loss;
    if (r->state.n_losses < BNT_RECENT_LOSSES) r->state.n_losses++;
    r->state.step = step + 1;
    return BANTAM_OK;
}

static double seconds_since(uint64_t ns)
{
    return (double)(bnt_clock_ns() - ns) * 1e-9;
}

/* The speed of the last steps, and what is left at that speed. */
static void tell_time(running *r, uint32_t n_rows, bnt_progress *p)
{
    const uint64_t n = r->n_ended < RECENT_STEPS ? r->n_ended : RECENT_STEPS - 1;
    const uint64_t now = bnt_clock_ns();
    const size_t slot = (size_t)(r->n_ended % RECENT_STEPS);
    uint64_t rows = n_rows;

    /* The step before the oldest one counted ended when that one began. */
    for (uint64_t i = 1; i < n; i++) {
        rows += r->rows[(r->n_ended - i) % RECENT_STEPS];
    }
    const uint64_t began = n ? r->ended_ns[(r->n_ended - n) % RECENT_STEPS] : r->started_ns;
    const double seconds = (double)(now - began) * 1e-9;
    const double n_steps = n ? (double)n : 1.0;

    r->rows[slot] = n_rows;
    r->ended_ns[slot] = now;
    r->n_ended++;
    r->state.seconds = r->seconds_before + seconds_since(r->started_ns);
    p->seconds = r->state.seconds;
    p->tokens_per_s = seconds > 0.0 ? (double)rows / seconds : 0.0;
    p->seconds_left = seconds / n_steps * (double)(p->steps - p->step);
}

static double smooth_loss(const bnt_run_state *s)
{
    double sum = 0.0;
    for (uint32_t i = 0; i < s->n_losses; i++) {
        sum += s->losses[i];
    }
    return sum / (double)s->n_losses;
}

/* ---- the run ----------------------------------------------------------------------------- */

static bantam_status save(running *r, bantam_error *err)
{
    if (!r->o->checkpoint) return BANTAM_OK;
    const bantam_status status = bnt_checkpoint_save(r->o->checkpoint, r->identity, r->net,
                                                     &r->optimizer, &r->state, err);
    r->saved_step = r->state.step;
    r->saved_ns = bnt_clock_ns();
    return status;
}

static bool save_is_due(const running *r)
{
    const bnt_run_options *const o = r->o;
    const uint64_t steps = r->state.step - r->saved_step;

    return (o->checkpoint_steps && steps >= o->checkpoint_steps) ||
           (o->checkpoint_seconds > 0.0 && seconds_since(r->saved_ns) >= o->checkpoint_seconds);
}

static bantam_status run_steps(running *r, bantam_error *err)
{
    const bnt_run_options *const o = r->o;
    bantam_status status = BANTAM_OK;

    while (!status && r->state.step < o->steps) {
        bnt_progress p = {.steps = o->steps, .held_out_loss = (double)NAN};
        uint32_t n_rows = 0;
        status = step_once(r, &p, &n_rows, err);
        if (status) return status;
        p.step = r->state.step;
        p.smooth_loss = smooth_loss(&r->state);
        tell_time(r, n_rows, &p);
        const bool last = p.step == o->steps;
        const bool measured = last || (o->held_out_steps && p.step % o->held_out_steps == 0);
        if (measured && o->n_held_out) {
            status = bnt_batches_loss(r->net, o->held_out, o->n_held_out, o->part_rows,
                                      &p.held_out_loss, err);
        }
        if (status) return status;
        if (o->progress && !o->progress(o->user, &p) && !last) {
            status = save(r, err);
            if (status) return status;
            return bnt_fail(err, BANTAM_ERR_CANCELLED,
                            "stopped after step %" PRIu64 " of %" PRIu64, p.step, p.steps);
        }
        if (last || save_is_due(r)) status = save(r, err);
    }
    return status;
}

/* What the caller says of the run, and what the options say of how it goes. */
static void identify(running *r)
{
    const bnt_run_options *const o = r->o;
    const uint64_t whole[] = {o->steps, o->warmup_steps, o->seed, o->part_rows};
    const double reals[] = {o->rate,    o->final_rate, o->beta1, o->beta2,
                            o->epsilon, o->decay,      o->clip};
    bnt_digest d;

    bnt_digest_init(&d);
    bnt_digest_put(&d, &o->identity, sizeof o->identity);
    bnt_digest_put(&d, whole, sizeof whole);
    bnt_digest_put(&d, reals, sizeof reals);
    r->identity = bnt_digest_end(&d);
}

static bantam_status not_less(const char *what, double found, double least, double below,
                              bantam_error *err)
{
    if (found >= least && found < below) return BANTAM_OK;
    return bnt_fail(err, BANTAM_ERR_INVALID,
                    "%s: expected at least %g and less than %g, found %g", what, least, below,
                    found);
}

static bantam_status check(const bnt_run_options *o, bantam_error *err)
{
    bantam_status status = not_less("rate", o->rate, 0.0, 1e6, err);
    if (!status) status = not_less("final rate", o->final_rate, 0.0, 1e6, err);
    if (!status) status = not_less("beta1", o->beta1, 0.0, 1.0, err);
    if (!status) status = not_less("beta2", o->beta2, 0.0, 1.0, err);
    if (!status) status = not_less("epsilon", o->epsilon, 1e-30, 1.0, err);
    if (!status) status = not_less("decay", o->decay, 0.0, 1e6, err);
    if (!status) status = not_less("clip", o->clip, 0.0, 1e30, err);
    if (status || o->batch) return status;
    return bnt_fail(err, BANTAM_ERR_INVALID, "run: no source of batches");
}

bantam_status bnt_run(bnt_net *net, const bnt_run_options *options, bnt_pool *pool,
                      bantam_error *err)
{
    running r = {.net = net,
                 .o = options,
                 .state = {.notes = options->notes, .note_bytes = options->note_bytes}};
    bantam_status status = check(options, err);

    if (!status) status = bnt_optimizer_init(&r.optimizer, net, pool, err);
    if (status) return status;
    identify(&r);
    const char *const path = options->checkpoint;
    if (path && options->resume && bnt_file_is_there(path)) {
        status = bnt_checkpoint_load(path, r.identity, net, &r.optimizer, &r.state, err);
    }
    r.state.steps = options->steps;
    r.seconds_before = r.state.seconds;
    r.saved_step = r.state.step;
    r.started_ns = r.saved_ns = bnt_clock_ns();
    if (!status) status = run_steps(&r, err);
    bnt_optimizer_deinit(&r.optimizer);
    bnt_parts_deinit(&r.parts);
    return status;
}
