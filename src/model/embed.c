/* embed.c - from token ids to rows of the embedding. */
#include "model/pass.h"

typedef struct embedding {
    const bnt_pass *pass;
    const uint32_t *tokens;
} embedding;

static void embed_token(void *context, size_t t, uint32_t thread)
{
    const embedding *const e = context;
    const bnt_matrix *const w = &e->pass->model->embed;
    (void)thread;
    bnt_type_decode_row(w->type, w->data, w->columns, e->tokens[t],
                        e->pass->x + t * w->columns);
}

void bnt_embed(const bnt_pass *p, const uint32_t *tokens)
{
    embedding e = {p, tokens};
    bnt_pass_run(p, embed_token, &e, p->n);
}
