/* reference_pass.h - a forward pass of llama-like models in doubles, written from the published
 * formulas in the plainest way: one row after the other, weights decoded as they are met. */
#ifndef BNT_TESTS_REFERENCE_PASS_H
#define BNT_TESTS_REFERENCE_PASS_H
#include "format/archive.h"
#include "support.h"

#include <math.h>

enum { REF_WIDEST = 1024 }; /* values of a row, heads of a token, positions of a window */

typedef struct reference {
    const bnt_archive *archive; /* GGUF: pairs of a head lie side by side */
    uint32_t n_layers, n_heads, n_kv_heads, head_dim, n_embd, n_ffn, n_vocab;
    uint32_t window; /* 0: every layer sees everything */
    double rope_base;
    bool ministral3;   /* YaRN x16 from 16384 and the query scale */
    uint32_t hadamard; /* order of what turns the input of down; a power of two; 0: nothing */
    /* What becomes of the input of a layer's matrices, and the head's; NULL: it stays. */
    void (*round)(double *x, size_t n);
    uint32_t first, n; /* positions first .. first + n - 1 */
} reference;

static inline const bnt_tensor *ref_tensor(const reference *r, uint32_t layer, const char *name)
{
    char full[64];
    if (layer < r->n_layers) {
        snprintf(full, sizeof full, "blk.%u.%s.weight", (unsigned)layer, name);
    } else {
        snprintf(full, sizeof full, "%s.weight", name);
    }
    const bnt_tensor *const t = bnt_archive_find(r->archive, full);
    assert_non_null(t);
    assert_true(t->dims[0] <= REF_WIDEST);
    return t;
}

static inline void ref_row(const bnt_tensor *t, size_t row, float *out)
{
    bnt_type_decode_row(t->type, t->data, (size_t)t->dims[0], row, out);
}

static inline void ref_multiply(const reference *r, double *y, const bnt_tensor *t,
                                const double *x)
{
    float row[REF_WIDEST];
    double in[REF_WIDEST];
    memcpy(in, x, (size_t)t->dims[0] * sizeof *in);
    if (r->round) r->round(in, (size_t)t->dims[0]);
    for (size_t i = 0; i < t->dims[1]; i++) {
        ref_row(t, i, row);
        y[i] = 0.0;
        for (size_t j = 0; j < t->dims[0]; j++) {
            y[i] += (double)row[j] * in[j];
        }
    }
}

static inline void ref_add_product(const reference *r, double *x, const bnt_tensor *t,
                                   const double *in)
{
    double y[REF_WIDEST];
    ref_multiply(r, y, t, in);
    for (size_t i = 0; i < r->n_embd; i++) {
        x[i] += y[i];
    }
}

static inline void ref_norm(const reference *r, double *y, const double *x, const bnt_tensor *t)
{
    float w[REF_WIDEST];
    double sum = 0.0;
    ref_row(t, 0, w);
    for (size_t i = 0; i < r->n_embd; i++) {
        sum += x[i] * x[i];
    }
    for (size_t i = 0; i < r->n_embd; i++) {
        y[i] = x[i] / sqrt(sum / (double)r->n_embd + (double)1e-5f) * (double)w[i];
    }
}

/* Radians per position of a pair. The ramp of Ministral 3, whose heads have 128 values, lies
 * between the pairs 20 and 37. */
static inline double ref_frequency(const reference *r, size_t pair)
{
    const double own = pow(r->rope_base, -2.0 * (double)pair / (double)r->head_dim);
    const double ramp = fmin(fmax(((double)pair - 20.0) / 17.0, 0.0), 1.0);
    return r->ministral3 ? own * (1.0 - ramp) + own / 16.0 * ramp : own;
}

static inline void ref_rope(const reference *r, double *head, uint32_t pos)
{
    for (size_t i = 0; i < r->head_dim / 2; i++) {
        const double angle = (double)pos * ref_frequency(r, i);
        const double a = head[2 * i], b = head[2 * i + 1];
        head[2 * i] = a * cos(angle) - b * sin(angle);
        head[2 * i + 1] = a * sin(angle) + b * cos(angle);
    }
}

/* One query over n keys and values (n, n_kv_heads, head_dim) of head `kv`. */
static inline void ref_attend(const reference *r, double *out, const double *q, const double *k,
                              const double *v, uint32_t kv, uint32_t n)
{
    const size_t d = r->head_dim, stride = (size_t)r->n_kv_heads * d;
    double p[REF_WIDEST], sum = 0.0;
    assert_true(n <= REF_WIDEST);
    for (uint32_t t = 0; t < n; t++) {
        double dot = 0.0;
        for (size_t i = 0; i < d; i++) {
            dot += q[i] * k[t * stride + kv * d + i];
        }
        p[t] = exp(dot / sqrt((double)d));
        sum += p[t];
    }
    for (size_t i = 0; i < d; i++) {
        out[i] = 0.0;
        for (uint32_t t = 0; t < n; t++) {
            out[i] += p[t] / sum * v[t * stride + kv * d + i];
        }
    }
}

/* Adds to x (n_embd) what attention gives row t. k, v: of all rows of the layer. */
static inline void ref_attention(const reference *r, uint32_t layer, double *x, const double *k,
                                 const double *v, uint32_t t)
{
    const uint32_t pos = r->first + t;
    const uint32_t seen = r->window && t + 1 > r->window ? r->window : t + 1;
    const size_t from = (size_t)(t + 1 - seen) * r->n_kv_heads * r->head_dim;
    const double scale =
        r->ministral3 ? 1.0 + 0.1 * log(1.0 + floor((double)pos / 16384.0)) : 1.0;
    double normed[REF_WIDEST], q[REF_WIDEST], heads[REF_WIDEST];

    ref_norm(r, normed, x, ref_tensor(r, layer, "attn_norm"));
    ref_multiply(r, q, ref_tensor(r, layer, "attn_q"), normed);
    for (uint32_t h = 0; h < r->n_heads; h++) {
        double *const head = q + (size_t)h * r->head_dim;
        ref_rope(r, head, pos);
        for (size_t i = 0; i < r->head_dim; i++) {
            head[i] *= scale;
        }
        ref_attend(r, heads + (size_t)h * r->head_dim, head, k + from, v + from,
                   h / (r->n_heads / r->n_kv_heads), seen);
    }
    ref_add_product(r, x, ref_tensor(r, layer, "attn_output"), heads);
}

/* Pieces of x times a Sylvester matrix of that order over its root: signs by common bits. */
static inline void ref_hadamard(double *x, size_t n, uint32_t order)
{
    for (size_t at = 0; at < n; at += order) {
        double y[REF_WIDEST];
        for (uint32_t i = 0; i < order; i++) {
            y[i] = 0.0;
            for (uint32_t j = 0; j < order; j++) {
                uint32_t common = i & j, sign = 0;
                for (; common; common >>= 1)
                    sign ^= common & 1;
                y[i] += sign ? -x[at + j] : x[at + j];
            }
        }
        for (uint32_t i = 0; i < order; i++) {
            x[at + i] = y[i] / sqrt((double)order);
        }
    }
}

static inline void ref_ffn(const reference *r, uint32_t layer, double *x)
{
    double normed[REF_WIDEST], gate[REF_WIDEST], up[REF_WIDEST];
    ref_norm(r, normed, x, ref_tensor(r, layer, "ffn_norm"));
    ref_multiply(r, gate, ref_tensor(r, layer, "ffn_gate"), normed);
    ref_multiply(r, up, ref_tensor(r, layer, "ffn_up"), normed);
    for (size_t i = 0; i < r->n_ffn; i++) {
        up[i] *= gate[i] / (1.0 + exp(-gate[i]));
    }
    if (r->hadamard) ref_hadamard(up, r->n_ffn, r->hadamard);
    ref_add_product(r, x, ref_tensor(r, layer, "ffn_down"), up);
}

static inline void ref_layer(const reference *r, uint32_t layer, double *x)
{
    const size_t width = (size_t)r->n_kv_heads * r->head_dim;
    double *const k = calloc(r->n * width, sizeof *k);
    double *const v = calloc(r->n * width, sizeof *v);
    assert_non_null(k);
    assert_non_null(v);
    for (uint32_t t = 0; t < r->n; t++) {
        double normed[REF_WIDEST];
        ref_norm(r, normed, x + (size_t)t * r->n_embd, ref_tensor(r, layer, "attn_norm"));
        ref_multiply(r, k + t * width, ref_tensor(r, layer, "attn_k"), normed);
        ref_multiply(r, v + t * width, ref_tensor(r, layer, "attn_v"), normed);
        for (uint32_t h = 0; h < r->n_kv_heads; h++) {
            ref_rope(r, k + t * width + (size_t)h * r->head_dim, r->first + t);
        }
    }
    for (uint32_t t = 0; t < r->n; t++) {
        ref_attention(r, layer, x + (size_t)t * r->n_embd, k, v, t);
        ref_ffn(r, layer, x + (size_t)t * r->n_embd);
    }
    free(k);
    free(v);
}

/* logits (last, n_vocab) of the last positions; tokens (n) begin at position first. */
static inline void reference_logits(const reference *r, const uint32_t *tokens, uint32_t last,
                                    double *logits)
{
    double *const x = calloc((size_t)r->n * r->n_embd, sizeof *x);
    assert_non_null(x);
    for (uint32_t t = 0; t < r->n; t++) {
        float row[REF_WIDEST];
        ref_row(ref_tensor(r, r->n_layers, "token_embd"), tokens[t], row);
        for (size_t i = 0; i < r->n_embd; i++) {
            x[(size_t)t * r->n_embd + i] = (double)row[i];
        }
    }
    for (uint32_t l = 0; l < r->n_layers; l++) {
        ref_layer(r, l, x);
    }
    for (uint32_t t = 0; t < last; t++) {
        double normed[REF_WIDEST];
        ref_norm(r, normed, x + (size_t)(r->n - last + t) * r->n_embd,
                 ref_tensor(r, r->n_layers, "output_norm"));
        ref_multiply(r, logits + (size_t)t * r->n_vocab, ref_tensor(r, r->n_layers, "output"),
                     normed);
    }
    free(x);
}

#endif
