/* vector.h - what is done to one vector of floats, or two: sums, norms, scaling, rotation,
 * rounding to half precision. Exponentials are in exp.h, whole numbers in acts.h.
 */
#ifndef BNT_KERNEL_BODY_VECTOR_H
#define BNT_KERNEL_BODY_VECTOR_H
#include <math.h>

#include "kernel/body/acts.h"
#include "kernel/body/exp.h"
#include "kernel/kernel.h"
#ifdef BNT_LANES

static float dot_f32(const float *a, const float *b, size_t n)
{
    vf s = vf_zero();
    for (; n >= 16; n -= 16, a += 16, b += 16) {
        s = vf_fma(vf_load(a), vf_load(b), s);
    }
    /* Sums without a value keep even their sign of zero. */
    if (n) s = vf_first(n, vf_fma(vf_load_n(a, n), vf_load_n(b, n), s), s);
    return vf_sum(s);
}

static void add_f32(float *y, const float *x, size_t n)
{
    for (; n >= 16; n -= 16, y += 16, x += 16) {
        vf_store(y, vf_add(vf_load(y), vf_load(x)));
    }
    if (n) vf_store_n(y, vf_add(vf_load_n(y, n), vf_load_n(x, n)), n);
}

static void scale_f32(float *y, float a, size_t n)
{
    const vf factor = vf_set1(a);
    for (; n >= 16; n -= 16, y += 16) {
        vf_store(y, vf_mul(vf_load(y), factor));
    }
    if (n) vf_store_n(y, vf_mul(vf_load_n(y, n), factor), n);
}

static void blend_f32(float *out, const float *part, float a, float b, size_t n)
{
    const vf by_a = vf_set1(a), by_b = vf_set1(b);
    for (; n >= 16; n -= 16, out += 16, part += 16) {
        vf_store(out, vf_fma(vf_load(part), by_b, vf_mul(vf_load(out), by_a)));
    }
    if (n) {
        const vf x = vf_mul(vf_load_n(out, n), by_a);
        vf_store_n(out, vf_fma(vf_load_n(part, n), by_b, x), n);
    }
}

static void rms_norm_f32(float *out, const float *x, const float *w, size_t n, float eps)
{
    const float mean = dot_f32(x, x, n) / (float)n;
    const vf scale = vf_set1(1.0f / sqrtf(mean + eps));
    size_t i = 0;
    for (; i + 16 <= n; i += 16) {
        vf_store(out + i, vf_mul(vf_mul(vf_load(x + i), scale), vf_load(w + i)));
    }
    if (i < n) {
        const size_t left = n - i;
        const vf y = vf_mul(vf_load_n(x + i, left), scale);
        vf_store_n(out + i, vf_mul(y, vf_load_n(w + i, left)), left);
    }
}

static inline vf relu_times(vf gate, vf up)
{
    return vf_mul(vf_where_gt(gate, vf_zero(), gate, vf_zero()), up);
}

static void gate_relu_f32(float *out, const float *gate, const float *up, size_t n)
{
    size_t i = 0;
    for (; i + 16 <= n; i += 16) {
        vf_store(out + i, relu_times(vf_load(gate + i), vf_load(up + i)));
    }
    if (i < n) {
        const size_t left = n - i;
        const vf y = relu_times(vf_load_n(gate + i, left), vf_load_n(up + i, left));
        vf_store_n(out + i, y, left);
    }
}

static float max_f32(const float *x, size_t n)
{
    vf a = vf_set1(x[0]), b = a;
    for (; n >= 32; n -= 32, x += 32) {
        a = vf_max(a, vf_load(x));
        b = vf_max(b, vf_load(x + 16));
    }
    if (n >= 16) {
        a = vf_max(a, vf_load(x));
        n -= 16;
        x += 16;
    }
    if (n) b = vf_max(b, vf_first(n, vf_load_n(x, n), b));
    return vf_largest(vf_max(a, b));
}

static void f32_to_f16(uint16_t *out, const float *x, size_t n)
{
    for (; n >= 16; n -= 16, x += 16, out += 16) {
        vf_store_f16(out, vf_load(x));
    }
    if (n) vf_store_f16_n(out, vf_load_n(x, n), n);
}

/* Rotates pairs one by one: what is left of a head beyond whole vectors. */
static void rotate_pairs(float *a, float *b, size_t step, const float *cos, const float *sin,
                         size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const float x = a[step * i], y = b[step * i];
        a[step * i] = fmaf(-y, sin[i], x * cos[i]);
        b[step * i] = fmaf(x, sin[i], y * cos[i]);
    }
}

/* Both formulas at once: of each pair the first lane adds x[b] (-s), which is the same as
 * (-x[b]) s, the second x[a] s. */
static void rope_adjacent_f32(float *x, const float *cos, const float *sin, size_t n)
{
    static const float signs[16] = {-1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1};
    const vf sign = vf_load(signs);
    size_t pairs = n / 2;
    for (; pairs >= 8; pairs -= 8, x += 16, cos += 8, sin += 8) {
        const vf v = vf_load(x), s = vf_mul(vf_load_twice(sin), sign);
        vf_store(x, vf_fma(vf_swap_pairs(v), s, vf_mul(v, vf_load_twice(cos))));
    }
    rotate_pairs(x, x + 1, 2, cos, sin, pairs);
}

static void rope_halves_f32(float *x, const float *cos, const float *sin, size_t n)
{
    float *a = x, *b = x + n / 2;
    size_t pairs = n / 2;
    for (; pairs >= 16; pairs -= 16, a += 16, b += 16, cos += 16, sin += 16) {
        const vf first = vf_load(a), second = vf_load(b), c = vf_load(cos), s = vf_load(sin);
        vf_store(a, vf_fnma(second, s, vf_mul(first, c)));
        vf_store(b, vf_fma(first, s, vf_mul(second, c)));
    }
    rotate_pairs(a, b, 1, cos, sin, pairs);
}

/* Pairs within one vector: the first lane of each takes a + b, the second, whose own value is
 * b, a - b. A product with 1 or -1 is exact. */
static inline vf butterfly_lanes(vf x)
{
    static const float signs[4][16] = {
        {1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1},
        {1, 1, -1, -1, 1, 1, -1, -1, 1, 1, -1, -1, 1, 1, -1, -1},
        {1, 1, 1, 1, -1, -1, -1, -1, 1, 1, 1, 1, -1, -1, -1, -1},
        {1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1, -1}};
    x = vf_fma(x, vf_load(signs[0]), vf_swap_pairs(x));
    x = vf_fma(x, vf_load(signs[1]), vf_swap_twos(x));
    x = vf_fma(x, vf_load(signs[2]), vf_swap_fours(x));
    return vf_fma(x, vf_load(signs[3]), vf_swap_eights(x));
}

/* Two steps at once, half and 2 half, for the 4 half values from x on. */
static inline void butterfly_four(float *x, size_t half)
{
    for (size_t i = 0; i < half; i += 16) {
        float *const p = x + i;
        const vf a = vf_load(p), b = vf_load(p + half);
        const vf c = vf_load(p + 2 * half), d = vf_load(p + 3 * half);
        const vf s = vf_add(a, b), t = vf_sub(a, b), u = vf_add(c, d), v = vf_sub(c, d);
        vf_store(p, vf_add(s, u));
        vf_store(p + half, vf_add(t, v));
        vf_store(p + 2 * half, vf_sub(s, u));
        vf_store(p + 3 * half, vf_sub(t, v));
    }
}

static inline void butterfly_two(float *x, size_t half)
{
    for (size_t i = 0; i < half; i += 16) {
        const vf a = vf_load(x + i), b = vf_load(x + i + half);
        vf_store(x + i, vf_add(a, b));
        vf_store(x + i + half, vf_sub(a, b));
    }
}

/* Fewer values than lanes. */
static void hadamard_few(float *x, size_t n)
{
    for (size_t half = 1; half < n; half *= 2) {
        for (size_t i = 0; i < n; i++) {
            if (i & half) continue;
            const float a = x[i], b = x[i + half];
            x[i] = a + b;
            x[i + half] = a - b;
        }
    }
}

static void hadamard_f32(float *x, size_t n, float scale)
{
    size_t half = 16;

    if (n < 16) {
        hadamard_few(x, n);
    } else {
        for (size_t i = 0; i < n; i += 16) {
            vf_store(x + i, butterfly_lanes(vf_load(x + i)));
        }
    }
    for (; 4 * half <= n; half *= 4) {
        for (size_t i = 0; i < n; i += 4 * half) {
            butterfly_four(x + i, half);
        }
    }
    if (2 * half <= n) butterfly_two(x, half);
    scale_f32(x, scale, n);
}

static void put_vector(bnt_kernels *k)
{
    k->quantize = quantize;
    k->softmax64 = softmax64;
    k->blend_f32 = blend_f32;
    k->dot_f32 = dot_f32;
    k->add_f32 = add_f32;
    k->scale_f32 = scale_f32;
    k->rms_norm_f32 = rms_norm_f32;
    k->gate_silu_f32 = gate_silu_f32;
    k->gate_relu_f32 = gate_relu_f32;
    k->exp_sum_f32 = exp_sum_f32;
    k->max_f32 = max_f32;
    k->rope_adjacent_f32 = rope_adjacent_f32;
    k->rope_halves_f32 = rope_halves_f32;
    k->hadamard_f32 = hadamard_f32;
    k->f32_to_f16 = f32_to_f16;
}

#endif
#endif
