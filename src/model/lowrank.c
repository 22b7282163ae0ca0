/* lowrank.c - the arithmetic of adapters inside a pass; see lowrank.h. Which thread does what
 * when is linear.c's. */
#include "model/lowrank.h"

static uint32_t slices_of(uint32_t rank)
{
    return (rank + BNT_SLICE_RANKS - 1) / BNT_SLICE_RANKS;
}

size_t bnt_lowrank_most(const bnt_adapter_use *uses, uint32_t n_uses)
{
    /* The matrices that share a call; an adapter need not have them all, nor in all layers. */
    static const struct {
        bnt_place first, n;
    } calls[] = {{BNT_PLACE_Q, 3}, {BNT_PLACE_O, 1}, {BNT_PLACE_GATE, 2}, {BNT_PLACE_DOWN, 1}};
    size_t most = 0;

    if (n_uses == 0) return 0;
    for (uint32_t layer = 0; layer < uses[0].adapter->n_layers; layer++) {
        for (size_t c = 0; c < sizeof calls / sizeof calls[0]; c++) {
            size_t n = 0;
            for (uint32_t u = 0; u < n_uses; u++) {
                const bnt_lora *const loras = uses[u].adapter->layers[layer] + calls[c].first;
                for (unsigned i = 0; i < (unsigned)calls[c].n; i++) {
                    n += slices_of(loras[i].rank);
                }
            }
            if (n > most) most = n;
        }
    }
    return most;
}

/* Appends what corrects one matrix. */
static uint32_t find(const bnt_pass *p, const bnt_matrix *w, uint32_t layer, bnt_place place,
                     uint32_t n, uint32_t n_tokens)
{
    for (uint32_t u = 0; u < p->n_adapters; u++) {
        const bnt_lora *const lora = &p->adapters[u].adapter->layers[layer][place];
        const bool halves = p->adapters[u].adapter->halves;
        for (uint32_t first = 0; first < lora->rank; first += BNT_SLICE_RANKS) {
            const uint32_t left = lora->rank - first;
            p->slices[n] = (bnt_slice){
                .w = w,
                .lora = lora,
                .strength = bnt_adapter_strength(&p->adapters[u], lora->rank),
                .halves = halves,
                .value_bytes = halves ? sizeof(uint16_t) : sizeof(float),
                .first = first,
                .n = left < BNT_SLICE_RANKS ? left : BNT_SLICE_RANKS,
                .t = p->t + (size_t)n * n_tokens * BNT_SLICE_RANKS,
            };
            n++;
        }
    }
    return n;
}

uint32_t bnt_lowrank_find(const bnt_pass *p, const bnt_product *products, size_t n_products,
                          uint32_t n_tokens)
{
    uint32_t n = 0;

    for (size_t i = 0; i < n_products; i++) {
        const bnt_product *const product = &products[i];
        if (product->place == BNT_PLACES) continue;
        n = find(p, product->w, product->layer, product->place, n, n_tokens);
        if (product->end == BNT_END_GATE) {
            n = find(p, product->up, product->layer, BNT_PLACE_UP, n, n_tokens);
        }
    }
    return n;
}

void bnt_lowrank_project(const bnt_pass *p, const bnt_slice *slice, bnt_lowrank_part part,
                         const float *x)
{
    const bnt_kernels *const kernels = &p->model->kernels;
    const uint32_t columns = slice->w->columns;
    const size_t row_bytes = columns * slice->value_bytes;
    const bnt_rows rows = {slice->lora->read_a + (slice->first + part.from) * row_bytes,
                           row_bytes, part.n, columns};
    float *const t = slice->t + (size_t)part.first * BNT_SLICE_RANKS + part.from;
    const bnt_rows_fn multiply = slice->halves ? kernels->rows_f16 : kernels->rows_f32;

    multiply(&rows, x, columns, part.n_tokens, t, BNT_SLICE_RANKS);
    for (uint32_t i = 0; i < part.n_tokens; i++) {
        kernels->scale_f32(t + (size_t)i * BNT_SLICE_RANKS, slice->strength, part.n);
    }
}

void bnt_lowrank_add(const bnt_pass *p, const bnt_slice *slice, uint32_t row, uint32_t n,
                     uint32_t n_tokens, float *y, size_t stride)
{
    const bnt_kv_form form = slice->halves ? BNT_KV_FORM_F16 : BNT_KV_FORM_F32;
    const size_t row_bytes = BNT_STRIP_ROWS * slice->value_bytes;
    const uint32_t end = row + n;

    for (uint32_t next; row < end; row = next) {
        next = (row / BNT_STRIP_ROWS + 1) * BNT_STRIP_ROWS;
        if (next > end) next = end;
        const size_t at = bnt_strip_at(slice->lora->rank, row, slice->first);
        p->model->kernels.mix[form](slice->lora->strips + at * slice->value_bytes, row_bytes, 0,
                                    slice->n, slice->t, n_tokens, next - row, y, stride);
        y += next - row;
    }
}
