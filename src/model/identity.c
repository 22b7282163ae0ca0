/* identity.c - 32 bytes that tell models apart whose saved states must not be mixed.
 *
 * What enters: every number and switch of the config, and of every matrix its shape, type and
 * 256 of its bytes spread over it; the norms whole. So another model, another quantization of
 * the same one, another rope form give another identity, and so does any training step that
 * reached a sampled byte. With adapters in use, their strengths and as much of every factor
 * enter too. It is no signature: who wants two files with one identity can make them.
 */
#include "model/adapter.h"
#include "model/pack.h"
#include "model/weights.h"

#include <string.h>

enum { LANES = 4, PIECES = 4, PIECE_BYTES = 64 };

/* Four independent 64-bit states; each takes every word with its own odd multiplier. */
typedef struct mixer {
    uint64_t lane[LANES];
} mixer;

static void mix(mixer *m, uint64_t word)
{
    static const uint64_t odd[LANES] = {0x9E3779B97F4A7C15u, 0xC2B2AE3D27D4EB4Fu,
                                        0xD6E8FEB86659FD93u, 0xA0761D6478BD642Fu};
    for (int i = 0; i < LANES; i++) {
        uint64_t x = (m->lane[i] ^ word) * odd[i];
        x ^= x >> 29;
        m->lane[i] = x * 0xBF58476D1CE4E5B9u + odd[LANES - 1 - i];
    }
}

static void mix_bytes(mixer *m, const uint8_t *data, size_t size)
{
    mix(m, size);
    for (size_t i = 0; i < size; i += 8) {
        uint64_t word = 0;
        for (size_t b = 0; b < 8 && i + b < size; b++) {
            word |= (uint64_t)data[i + b] << 8 * b;
        }
        mix(m, word);
    }
}

static void mix_double(mixer *m, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    mix(m, bits);
}

static void mix_config(mixer *m, const bnt_config *c)
{
    const uint32_t numbers[] = {c->n_layers,
                                c->n_embd,
                                c->n_heads,
                                c->n_kv_heads,
                                c->head_dim,
                                c->n_ffn,
                                c->n_vocab,
                                c->context_tokens,
                                (uint32_t)c->act,
                                c->tied,
                                (uint32_t)c->pairing,
                                c->rope_dims,
                                (uint32_t)c->scaling,
                                c->original_context_tokens,
                                (uint32_t)c->int8_rope,
                                c->query_scale_original,
                                c->window_tokens};
    const double reals[] = {(double)c->norm_eps, c->rope_base,        c->scale_factor,
                            c->low_freq_factor,  c->high_freq_factor, c->beta_fast,
                            c->beta_slow,        c->attention_factor, c->query_scale_beta};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        mix(m, numbers[i]);
    }
    for (size_t i = 0; i < sizeof reals / sizeof reals[0]; i++) {
        mix_double(m, reals[i]);
    }
    for (uint32_t l = 0; l < c->n_layers; l++) {
        mix(m, c->windowed[l]);
    }
    if (c->down_hadamard) mix(m, c->down_hadamard); /* few have it; the others keep theirs */
}

static void mix_sample(mixer *m, const uint8_t *data, size_t size)
{
    if (size <= (size_t)PIECES * PIECE_BYTES) {
        mix_bytes(m, data, size);
        return;
    }
    const size_t step = (size - PIECE_BYTES) / (PIECES - 1);
    for (size_t i = 0; i < PIECES; i++) {
        mix_bytes(m, data + i * step, PIECE_BYTES);
    }
}

static void mix_matrix(void *user, const bnt_matrix *w)
{
    mixer *const m = user;
    mix(m, (uint64_t)w->type->id);
    mix(m, (uint64_t)w->rows << 32 | w->columns);
    mix_sample(m, w->data, w->row_bytes * bnt_matrix_strips(w->type, w->rows));
}

/* The last words must reach every bit too. */
static void end(mixer *m, uint8_t out[32])
{
    for (uint64_t i = 0; i < 4; i++) {
        mix(m, i);
    }
    for (size_t i = 0; i < 32; i++) {
        out[i] = (uint8_t)(m->lane[i / 8] >> 8 * (i % 8));
    }
}

void bnt_model_digest(const bnt_model *model, uint8_t out[32])
{
    mixer m = {{1, 2, 3, 4}};
    bnt_weights_each(model, mix_matrix, &m);
    end(&m, out);
}

void bnt_model_identity(const bnt_model *model, uint8_t out[32])
{
    const bnt_config *const c = &model->config;
    mixer m = {{1, 2, 3, 4}};
    uint8_t matrices[32];

    /* Packed weights are the same weights. */
    if (model->pack) {
        memcpy(matrices, bnt_pack_source(model->pack), sizeof matrices);
    } else {
        bnt_model_digest(model, matrices);
    }
    mix_config(&m, c);
    mix_bytes(&m, matrices, sizeof matrices);
    const size_t n_norms = (2 * (size_t)c->n_layers + 1) * c->n_embd;
    mix_bytes(&m, (const uint8_t *)model->floats, n_norms * sizeof *model->floats);
    for (uint32_t i = 0; i < c->rope_dims / 2; i++) {
        mix_double(&m, model->inv_freq[i]);
    }
    end(&m, out);
}

/* Factors lie in memory as floats do on this machine, and so does what a saved state holds. */
static void mix_lora(mixer *m, const bnt_matrix *w, const bnt_lora *lora)
{
    mix(m, lora->rank);
    if (!lora->rank) return;
    mix_sample(m, (const uint8_t *)lora->a, (size_t)lora->rank * w->columns * sizeof(float));
    mix_sample(m, (const uint8_t *)lora->b, (size_t)lora->rank * w->rows * sizeof(float));
}

void bnt_adapter_identity(const bnt_model *model, const bnt_adapter_use *uses, size_t n,
                          uint8_t out[32])
{
    mixer m = {{1, 2, 3, 4}};

    bnt_model_identity(model, out);
    if (n == 0) return;
    mix_bytes(&m, out, 32);
    for (size_t u = 0; u < n; u++) {
        const bnt_adapter *const adapter = uses[u].adapter;
        mix_double(&m, (double)uses[u].scale * (double)adapter->alpha);
        for (uint32_t l = 0; l < adapter->n_layers; l++) {
            for (int place = 0; place < BNT_PLACES; place++) {
                mix_lora(&m, bnt_layer_matrix(&model->layers[l], (bnt_place)place),
                         &adapter->layers[l][place]);
            }
        }
    }
    end(&m, out);
}
