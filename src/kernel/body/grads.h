/* grads.h - what training does to vectors of floats, 16 lanes wide: what gates, norms and
 * softmax give back, and the step of AdamW.
 *
 * Vectors end in a shorter one, whose other lanes hold zeros or what comes of them and are not
 * written.
 */
#ifndef BNT_KERNEL_BODY_GRADS_H
#define BNT_KERNEL_BODY_GRADS_H
#include <math.h>

#include "kernel/body/exp_lanes.h"
#include "kernel/learn.h"
#ifdef BNT_LANES

/* ---- gates: everything is read before anything is written, as places may be the same ---- */

static inline void silu_grad_at(vf *d_gate, vf *d_up, vf dh, vf gate, vf up)
{
    const vf one = vf_set1(1.0f);
    const vf s = vf_div(one, vf_add(one, lanes_exp(vf_neg(gate))));
    *d_up = vf_mul(dh, vf_mul(gate, s));
    *d_gate = vf_mul(vf_mul(dh, up), vf_mul(s, vf_fma(gate, vf_sub(one, s), one)));
}

static inline void relu_grad_at(vf *d_gate, vf *d_up, vf dh, vf gate, vf up)
{
    const vf zero = vf_zero();
    *d_up = vf_where_gt(gate, zero, vf_mul(dh, gate), zero);
    *d_gate = vf_where_gt(gate, zero, vf_mul(dh, up), zero);
}

#define GATE_GRAD(name, grad_at)                                                               \
    static void name(float *d_gate, float *d_up, const float *dh, const float *gate,           \
                     const float *up, size_t n)                                                \
    {                                                                                          \
        vf g, u;                                                                               \
        size_t i = 0;                                                                          \
        for (; i + 16 <= n; i += 16) {                                                         \
            grad_at(&g, &u, vf_load(dh + i), vf_load(gate + i), vf_load(up + i));              \
            vf_store(d_gate + i, g);                                                           \
            vf_store(d_up + i, u);                                                             \
        }                                                                                      \
        if (i < n) {                                                                           \
            const size_t left = n - i;                                                         \
            grad_at(&g, &u, vf_load_n(dh + i, left), vf_load_n(gate + i, left),                \
                    vf_load_n(up + i, left));                                                  \
            vf_store_n(d_gate + i, g, left);                                                   \
            vf_store_n(d_up + i, u, left);                                                     \
        }                                                                                      \
    }
GATE_GRAD(gate_silu_grad, silu_grad_at)
GATE_GRAD(gate_relu_grad, relu_grad_at)

/* ---- sums, as dot_f32 adds --------------------------------------------------------------- */

static float lanes_dot(const float *a, const float *b, size_t n)
{
    vf s = vf_zero();
    for (; n >= 16; n -= 16, a += 16, b += 16) {
        s = vf_fma(vf_load(a), vf_load(b), s);
    }
    /* Sums without a value keep even their sign of zero. */
    if (n) s = vf_first(n, vf_fma(vf_load_n(a, n), vf_load_n(b, n), s), s);
    return vf_sum(s);
}

/* Of a[i] * w[i] and b[i]. */
static float lanes_weighted_dot(const float *a, const float *w, const float *b, size_t n)
{
    vf s = vf_zero();
    for (; n >= 16; n -= 16, a += 16, w += 16, b += 16) {
        s = vf_fma(vf_mul(vf_load(a), vf_load(w)), vf_load(b), s);
    }
    if (n) {
        const vf aw = vf_mul(vf_load_n(a, n), vf_load_n(w, n));
        s = vf_first(n, vf_fma(aw, vf_load_n(b, n), s), s);
    }
    return vf_sum(s);
}

static float square_sum(const float *x, size_t n)
{
    return lanes_dot(x, x, n);
}

/* ---- norms ------------------------------------------------------------------------------- */

static inline float norm_scale(const float *x, size_t n, float eps)
{
    const float mean = lanes_dot(x, x, n) / (float)n;
    return 1.0f / sqrtf(mean + eps);
}

static void rms_norm_grad(float *dx, const float *x, const float *w, const float *dy, size_t n,
                          float eps)
{
    const float s = norm_scale(x, n, eps), g = lanes_weighted_dot(dy, w, x, n);
    const vf scale = vf_set1(s), c = vf_set1(g * s * s * s / (float)n);
    size_t i = 0;
    for (; i + 16 <= n; i += 16) {
        const vf dyw = vf_mul(vf_load(dy + i), vf_load(w + i));
        vf_store(dx + i, vf_fnma(c, vf_load(x + i), vf_fma(dyw, scale, vf_load(dx + i))));
    }
    if (i < n) {
        const size_t left = n - i;
        const vf dyw = vf_mul(vf_load_n(dy + i, left), vf_load_n(w + i, left));
        const vf sum = vf_fma(dyw, scale, vf_load_n(dx + i, left));
        vf_store_n(dx + i, vf_fnma(c, vf_load_n(x + i, left), sum), left);
    }
}

static void rms_norm_weight_grad(float *dw, const float *x, const float *dy, size_t n,
                                 float eps)
{
    const vf scale = vf_set1(norm_scale(x, n, eps));
    size_t i = 0;
    for (; i + 16 <= n; i += 16) {
        const vf y = vf_mul(vf_load(x + i), scale);
        vf_store(dw + i, vf_fma(vf_load(dy + i), y, vf_load(dw + i)));
    }
    if (i < n) {
        const size_t left = n - i;
        const vf y = vf_mul(vf_load_n(x + i, left), scale);
        vf_store_n(dw + i, vf_fma(vf_load_n(dy + i, left), y, vf_load_n(dw + i, left)), left);
    }
}

/* ---- softmax ----------------------------------------------------------------------------- */

static void softmax_grad(float *dp, const float *p, float scale, size_t n)
{
    const vf g = vf_set1(lanes_dot(p, dp, n)), by = vf_set1(scale);
    size_t i = 0;
    for (; i + 16 <= n; i += 16) {
        const vf d = vf_mul(vf_load(p + i), vf_sub(vf_load(dp + i), g));
        vf_store(dp + i, vf_mul(d, by));
    }
    if (i < n) {
        const size_t left = n - i;
        const vf d = vf_mul(vf_load_n(p + i, left), vf_sub(vf_load_n(dp + i, left), g));
        vf_store_n(dp + i, vf_mul(d, by), left);
    }
}

/* ---- a step ------------------------------------------------------------------------------ */

typedef struct adamw_lanes {
    vf minus_rate, decay, beta1, beta2, rest1, rest2;
    vf epsilon, unbias1, unbias2, grad_scale;
} adamw_lanes;

static inline void adamw_at(const adamw_lanes *t, vf *w, vf *m, vf *v, vf gradient)
{
    const vf g = vf_mul(gradient, t->grad_scale);
    *m = vf_fma(t->rest1, g, vf_mul(t->beta1, *m));
    *v = vf_fma(vf_mul(t->rest2, g), g, vf_mul(t->beta2, *v));
    const vf size = vf_add(vf_sqrt(vf_mul(*v, t->unbias2)), t->epsilon);
    const vf u = vf_div(vf_mul(*m, t->unbias1), size);
    *w = vf_fma(t->minus_rate, u, vf_sub(*w, vf_mul(t->decay, *w)));
}

static void adamw(float *w, float *m, float *v, const float *gradient, size_t n,
                  const bnt_adamw *step)
{
    const adamw_lanes t = {.minus_rate = vf_set1(-step->rate),
                           .decay = vf_set1(step->rate * step->decay),
                           .beta1 = vf_set1(step->beta1),
                           .beta2 = vf_set1(step->beta2),
                           .rest1 = vf_set1(1.0f - step->beta1),
                           .rest2 = vf_set1(1.0f - step->beta2),
                           .epsilon = vf_set1(step->epsilon),
                           .unbias1 = vf_set1(step->unbias1),
                           .unbias2 = vf_set1(step->unbias2),
                           .grad_scale = vf_set1(step->grad_scale)};
    size_t i = 0;
    for (; i + 16 <= n; i += 16) {
        vf wi = vf_load(w + i), mi = vf_load(m + i), square = vf_load(v + i);
        adamw_at(&t, &wi, &mi, &square, vf_load(gradient + i));
        vf_store(w + i, wi);
        vf_store(m + i, mi);
        vf_store(v + i, square);
    }
    if (i < n) {
        const size_t left = n - i;
        vf wi = vf_load_n(w + i, left), mi = vf_load_n(m + i, left);
        vf square = vf_load_n(v + i, left);
        adamw_at(&t, &wi, &mi, &square, vf_load_n(gradient + i, left));
        vf_store_n(w + i, wi, left);
        vf_store_n(m + i, mi, left);
        vf_store_n(v + i, square, left);
    }
}

static void put_grads(bnt_learn_kernels *k)
{
    k->gate_silu_grad = gate_silu_grad;
    k->gate_relu_grad = gate_relu_grad;
    k->rms_norm_grad = rms_norm_grad;
    k->rms_norm_weight_grad = rms_norm_weight_grad;
    k->softmax_grad = softmax_grad;
    k->adamw = adamw;
    k->square_sum = square_sum;
}

#endif
#endif
