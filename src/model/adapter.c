/* adapter.c - an adapter's memory, and what both forms of its files share: names and row
 * order. Reading is adapter_read.c's, writing adapter_save.c's, computing lowrank.c's. */
#include "model/adapter.h"

#include "base/checked.h"
#include "base/f16.h"
#include "base/mem.h"
#include "model/adapter_parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- memory ------------------------------------------------------------------------------ */

bantam_status bnt_adapter_new(bnt_adapter **out, const bnt_model *model, bantam_error *err)
{
    const uint32_t n_layers = model->config.n_layers;

    bnt_adapter *const a = bnt_calloc(1, sizeof *a);
    if (a) a->layers = bnt_calloc(n_layers, sizeof *a->layers);
    if (!a || !a->layers) {
        bnt_adapter_close(a);
        return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for an adapter");
    }
    a->model = model;
    a->n_layers = n_layers;
    *out = a;
    return BANTAM_OK;
}

void bnt_adapter_close(bnt_adapter *adapter)
{
    if (!adapter) return;
    bnt_free(adapter->layers);
    bnt_free(adapter->floats);
    bnt_free(adapter->read);
    bnt_free(adapter);
}

/* One matrix's part of what is taken: floats, then bytes. */
typedef bool (*place_fn)(bnt_adapter *adapter, bnt_lora *lora, const bnt_matrix *w, size_t *at);

/* Goes through all matrices; *n is what they take together. False where that wraps. */
static bool place_all(bnt_adapter *adapter, const bnt_model *model, place_fn fn, size_t *n)
{
    *n = 0;
    for (uint32_t l = 0; l < adapter->n_layers; l++) {
        for (int place = 0; place < BNT_PLACES; place++) {
            bnt_lora *const lora = &adapter->layers[l][place];
            const bnt_matrix *const w = bnt_layer_matrix(&model->layers[l], (bnt_place)place);
            if (lora->rank && !fn(adapter, lora, w, n)) return false;
        }
    }
    return true;
}

/* Ranks and shapes are small, but their sum may wrap on a small machine. */
static bool place_factors(bnt_adapter *adapter, bnt_lora *lora, const bnt_matrix *w, size_t *at)
{
    const size_t a = (size_t)lora->rank * w->columns, b = (size_t)lora->rank * w->rows;
    size_t sum = 0;

    if (adapter->floats) {
        lora->a = adapter->floats + *at;
        lora->b = lora->a + a;
    } else {
        adapter->n_params += (uint64_t)a + b;
        if (lora->rank > adapter->max_rank) adapter->max_rank = lora->rank;
    }
    return bnt_add_size(a, b, &sum) && bnt_add_size(*at, sum, at);
}

bantam_status bnt_adapter_take(bnt_adapter *adapter, const bnt_model *model, bantam_error *err)
{
    size_t n = 0;

    if (!place_all(adapter, model, place_factors, &n)) n = SIZE_MAX;
    adapter->floats = bnt_calloc(n, sizeof *adapter->floats);
    if (!adapter->floats) {
        return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for an adapter of %zu floats", n);
    }
    (void)place_all(adapter, model, place_factors, &n);
    adapter->bytes = sizeof *adapter + adapter->n_layers * sizeof *adapter->layers +
                     n * sizeof *adapter->floats;
    return BANTAM_OK;
}

/* ---- what passes read -------------------------------------------------------------------- */

static bool are_halves(const float *values, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        if (bnt_f16_to_f32(bnt_f32_to_f16(values[i])) != values[i]) return false;
    }
    return true;
}

static void put(const bnt_adapter *adapter, uint8_t *out, size_t at, float value)
{
    const uint16_t half = adapter->halves ? bnt_f32_to_f16(value) : 0;
    if (adapter->halves) {
        memcpy(out + at * sizeof half, &half, sizeof half);
    } else {
        memcpy(out + at * sizeof value, &value, sizeof value);
    }
}

static bool place_read(bnt_adapter *adapter, bnt_lora *lora, const bnt_matrix *w, size_t *at)
{
    const size_t width = adapter->halves ? sizeof(uint16_t) : sizeof(float);
    const size_t n_strips = ((size_t)w->rows + BNT_STRIP_ROWS - 1) / BNT_STRIP_ROWS;
    const size_t n_a = (size_t)lora->rank * w->columns;
    const size_t a = adapter->halves ? (n_a * width + 63) & ~(size_t)63 : 0;
    const size_t strips = n_strips * lora->rank * BNT_STRIP_ROWS * width;

    if (!adapter->read) return bnt_add_size(*at, a, at) && bnt_add_size(*at, strips, at);
    uint8_t *const to_a = adapter->read + *at, *const to_strips = to_a + a;
    for (size_t i = 0; adapter->halves && i < n_a; i++) {
        put(adapter, to_a, i, lora->a[i]);
    }
    for (uint32_t row = 0; row < w->rows; row++) {
        for (uint32_t k = 0; k < lora->rank; k++) {
            put(adapter, to_strips, bnt_strip_at(lora->rank, row, k),
                lora->b[(size_t)row * lora->rank + k]);
        }
    }
    lora->read_a = adapter->halves ? to_a : (const uint8_t *)lora->a;
    lora->strips = to_strips;
    *at += a + strips;
    return true;
}

/* Factors that half precision holds exactly are read in it: half the memory for each token, and
 * the same bits. */
bantam_status bnt_adapter_ready(bnt_adapter *adapter, const bnt_model *model, bantam_error *err)
{
    size_t n = 0;

    adapter->halves = are_halves(adapter->floats, adapter->n_params);
    if (!place_all(adapter, model, place_read, &n)) n = SIZE_MAX;
    adapter->read = bnt_calloc(n, 1);
    if (!adapter->read) {
        return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for an adapter of %zu bytes", n);
    }
    (void)place_all(adapter, model, place_read, &n);
    adapter->bytes += n;
    return BANTAM_OK;
}

size_t bnt_adapter_n_matrices(const bnt_adapter *adapter)
{
    size_t n = 0;

    for (uint32_t l = 0; l < adapter->n_layers; l++) {
        for (int place = 0; place < BNT_PLACES; place++) {
            n += adapter->layers[l][place].rank > 0;
        }
    }
    return n;
}

/* ---- names ------------------------------------------------------------------------------- */

bnt_adapter_name bnt_adapter_module(const bnt_names *names, uint32_t layer, bnt_place place)
{
    static const char weight[] = ".weight";
    const char *const suffix = names->matrices[place];
    bnt_adapter_name n;

    snprintf(n.text, sizeof n.text, "%s%" PRIu32 ".%.*s", names->layer, layer,
             (int)(strlen(suffix) - strlen(weight)), suffix);
    return n;
}

bnt_adapter_name bnt_adapter_tensor(const bnt_adapter_form *form, uint32_t layer,
                                    bnt_place place, bnt_factor factor)
{
    const bnt_adapter_name module = bnt_adapter_module(form->names, layer, place);
    const int room = (int)sizeof module.text - 40; /* layouts' names are far shorter */
    bnt_adapter_name n;

    if (form->peft) {
        snprintf(n.text, sizeof n.text, "base_model.model.%.*s.lora_%c.weight", room,
                 module.text, factor == BNT_FACTOR_A ? 'A' : 'B');
    } else {
        snprintf(n.text, sizeof n.text, "%.*s.weight.lora_%c", room, module.text,
                 factor == BNT_FACTOR_A ? 'a' : 'b');
    }
    return n;
}

/* ---- row order --------------------------------------------------------------------------- */

/* Of a head's first n rows, neighbors 2 i and 2 i + 1 are halves i and n / 2 + i. */
uint32_t bnt_adapter_row(const bnt_config *config, bnt_place place, bnt_pairing to,
                         bnt_pairing from, uint32_t row)
{
    const uint32_t half = config->rope_dims / 2;
    const uint32_t in_head = row % config->head_dim, head = row - in_head;

    if (to == from || (place != BNT_PLACE_Q && place != BNT_PLACE_K)) return row;
    if (in_head >= config->rope_dims) return row;
    return to == BNT_PAIR_ADJACENT ? head + in_head % 2 * half + in_head / 2
                                   : head + in_head % half * 2 + in_head / half;
}
