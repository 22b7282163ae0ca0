/* rate.c - two sums over the matrices of a model, each divided by what the machine does.
 *
 * A made token reads every weight once: memory is what it waits for, or, on cores that are slow
 * beside their memory, the products. A token of a long prompt shares that reading with 255
 * others, and the products are what takes its time: those of the matrices in whole numbers,
 * those of attention in floats. The shares of the machine's limits that the kernels reach are
 * constants, fitted to measured rates of six shapes; docs/FIT.md has them with their errors.
 */
#include "api/rate.h"

/* Of the probe's reading, what the products of one token reach: one thread alone reads further
 * ahead than the probe does; several share what memory gives, and wait for each other. */
static const double read_share_alone = 1.04, read_share = 0.92;
/* For every layer where several threads meet. */
static const double meeting_s = 4e-6;
/* Of the peak of products, what those of one token come to with weights at hand. */
static const double few_share = 0.3;

/* Of the peaks, in a long prompt: products of matrices of B types, of other blocks, of
 * floats, and products of attention. What else there is to do, rounding, norms, gates and
 * unpacking, grows with them and is counted here; threads wait for the last of them after each
 * product. */
static const double own_share = 0.77, other_share = 0.71, float_share = 0.72;
static const double attention_share = 0.57, waiting_share = 0.92;

typedef struct work {
    double bytes;            /* read for one made token */
    double whole, floats;    /* multiplications and additions of a made token */
    double own, other, real; /* of a prompt's token, in B types, other blocks, floats */
} work;

static bool is_own(const bnt_type *type)
{
    return type->tile && !bnt_tile_is_private(type);
}

/* The head is multiplied with once a prompt, and so counts with made tokens alone. */
static void add_matrix(work *k, const bnt_matrix *w, bool in_prompt)
{
    const double ops = 2.0 * w->rows * w->columns;
    const double prompt_ops = in_prompt ? ops : 0.0;

    if (!w->type->tile) {
        k->floats += ops;
        k->real += prompt_ops;
        return;
    }
    k->whole += ops;
    if (is_own(w->type)) {
        k->own += prompt_ops;
    } else {
        k->other += prompt_ops;
    }
}

static work work_of(const bnt_model *m)
{
    work k = {.bytes = (double)bnt_model_token_bytes(m)};

    for (uint32_t l = 0; l < m->config.n_layers; l++) {
        for (size_t i = 0; i < BNT_PLACES; i++) {
            add_matrix(&k, bnt_layer_matrix(&m->layers[l], (bnt_place)i), true);
        }
    }
    add_matrix(&k, &m->head, false);
    return k;
}

/* Every position before a token and its own meet each dimension of a head's key, and of its
 * value. */
static double attention_ops(const bnt_config *c, uint32_t n_prompt)
{
    const double positions = ((double)n_prompt + 1) / 2;
    return 4.0 * c->n_layers * c->n_heads * c->head_dim * positions;
}

static double larger(double a, double b)
{
    return a > b ? a : b;
}

bnt_rates bnt_rates_predict(const bnt_model *m, uint32_t n_prompt,
                            const bantam_device_speed *speed)
{
    const work k = work_of(m);
    const double int8 = speed->int8_gops * 1e9, fp32 = speed->fp32_gflops * 1e9;
    const bool alone = speed->n_threads < 2;
    const double read = speed->read_gb_s * 1e9 * (alone ? read_share_alone : read_share);
    bnt_rates rates = {0};

    if (int8 <= 0 || fp32 <= 0) return rates;
    if (read > 0) {
        const double products = (k.whole / int8 + k.floats / fp32) / few_share;
        const double meetings = alone ? 0 : m->config.n_layers * meeting_s;
        rates.decode_tok_s = 1 / (larger(k.bytes / read, products) + meetings);
    }
    const double products = (k.own / own_share + k.other / other_share) / int8;
    const double floats = k.real / (float_share * fp32);
    const double attention = attention_ops(&m->config, n_prompt) / (attention_share * fp32);
    rates.prefill_tok_s = (alone ? 1 : waiting_share) / (products + floats + attention);
    return rates;
}
