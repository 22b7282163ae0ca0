/* shape.c - the table of published shapes: the numbers of the models' own config.json. What
 * each has of parameters by them is what its authors state, which tests hold. */
#include "model/shape.h"

#include <string.h>

#include "base/text.h"
#include "model/config_read.h"

static const bnt_shape shapes[] = {
    {"smollm2-135m", 30, 576, 9, 3, 64, 1536, 49152, 8192, true, 1e5},
    {"smollm2-360m", 32, 960, 15, 5, 64, 2560, 49152, 8192, true, 1e5},
    {"smollm2-1.7b", 24, 2048, 32, 32, 64, 8192, 49152, 8192, true, 1.3e5},
    {"llama3.2-1b", 16, 2048, 32, 8, 64, 8192, 128256, 131072, true, 5e5},
    {"llama3.2-3b", 28, 3072, 24, 8, 128, 8192, 128256, 131072, true, 5e5},
    {"amd-llama-135m", 12, 768, 12, 12, 64, 2048, 32000, 2048, false, 1e4},
    {"codellama-7b", 32, 4096, 32, 32, 128, 11008, 32016, 16384, false, 1e6},
    {"phonelm-0.5b", 24, 1024, 16, 16, 64, 4864, 49152, 2048, true, 1e4},
    {"phonelm-1.5b", 19, 2560, 16, 16, 160, 6816, 49152, 2048, true, 1e4},
    {"ministral-8b", 36, 4096, 32, 8, 128, 12288, 131072, 32768, false, 1e8},
    {"ministral3-3b", 26, 3072, 32, 8, 128, 9216, 131072, 262144, true, 1e6},
};

enum { N_SHAPES = sizeof shapes / sizeof shapes[0] };

const bnt_shape *bnt_shape_at(size_t index)
{
    return index < N_SHAPES ? &shapes[index] : NULL;
}

const bnt_shape *bnt_shape_named(const char *name)
{
    for (size_t i = 0; i < N_SHAPES; i++) {
        if (strcmp(shapes[i].name, name) == 0) return &shapes[i];
    }
    return NULL;
}

bantam_status bnt_shape_config(const bnt_shape *s, bnt_config *out, bantam_error *err)
{
    bnt_config c = {
        .name = bnt_text_of(s->name),
        .n_layers = s->n_layers,
        .n_embd = s->n_embd,
        .n_heads = s->n_heads,
        .n_kv_heads = s->n_kv_heads,
        .head_dim = s->head_dim,
        .n_ffn = s->n_ffn,
        .n_vocab = s->n_vocab,
        .context_tokens = s->context_tokens,
        .tied = s->tied,
        .rope_base = s->rope_base,
        .rope_dims = s->head_dim,
        .norm_eps = 1e-5f,
        .scale_factor = 1.0,
        .int8_rope = BANTAM_ROPE_FLOAT,
    };
    const bnt_known *const known = bnt_known_of(&c);

    if (known) c.window_tokens = known->window_tokens;
    bnt_config_spread_window(&c);
    *out = c;
    return bnt_config_settle(out, err);
}
