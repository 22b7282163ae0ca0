/* ffn.c - the gate between the two halves of a feed-forward block. Its three matrices are
 * forward.c's to multiply. */
#include "model/pass.h"

static void gate_token(void *context, size_t t, uint32_t thread)
{
    const bnt_pass *const p = context;
    const bnt_kernels *const kernels = &p->model->kernels;
    const size_t n_ffn = p->model->config.n_ffn;
    float *const gate = p->gate + t * n_ffn;
    const float *const up = p->up + t * n_ffn;
    (void)thread;

    switch (p->model->config.act) {
    case BNT_ACT_SILU:
        kernels->gate_silu_f32(gate, gate, up, n_ffn);
        return;
    case BNT_ACT_RELU:
        kernels->gate_relu_f32(gate, gate, up, n_ffn);
        return;
    }
}

void bnt_gate(const bnt_pass *p)
{
    bnt_pass_run(p, gate_token, (void *)p, p->n);
}
