/* embed.c - from token ids to rows of the embedding. */
#include "model/pass.h"

void bnt_embed(const bnt_pass *p, const uint32_t *tokens)
{
    const bnt_matrix *const w = &p->model->embed;
    for (uint32_t t = 0; t < p->n; t++) {
        w->type->decode(w->data + tokens[t] * w->row_bytes, p->x + (size_t)t * w->columns,
                        w->columns);
    }
}
