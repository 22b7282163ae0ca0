/* fuzz_gguf.c - a GGUF file of any bytes: parsed, and everything it then offers is used. What
 * the parser promises is checked, not only that nothing crashes. */
#include "format/gguf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool law, const char *what)
{
    if (law) return;
    fprintf(stderr, "broken law: %s\n", what);
    abort();
}

static void use_pair(const bnt_gguf *g, const bnt_gguf_pair *p, const uint8_t *data,
                     size_t size)
{
    char key[64];
    uint32_t u;
    float f;
    bool b;
    bantam_text t;
    int64_t i;
    bnt_gguf_items items;
    bantam_error err;
    bnt_buf json;

    require(p->data >= data && p->bytes <= size - (size_t)(p->data - data), "value inside");
    bnt_buf_init(&json, 1 << 20);
    bnt_gguf_put_json(p, &json);
    bnt_buf_deinit(&json);
    if (p->key.size >= sizeof key) return;
    memcpy(key, p->key.data, p->key.size);
    key[p->key.size] = '\0';
    require(bnt_gguf_find(g, key) == p, "keys are found");
    bnt_gguf_u32(g, key, &u, &err);
    bnt_gguf_f32(g, key, &f, &err);
    bnt_gguf_bool(g, key, &b, &err);
    bnt_gguf_text(g, key, &t, &err);
    if (!bnt_gguf_items_begin(g, key, BNT_GGUF_STRING, &items, NULL)) {
        while (bnt_gguf_next_text(&items, &t)) {
            require((const uint8_t *)t.data + t.size <= data + size, "text inside");
        }
    }
    if (!bnt_gguf_items_begin(g, key, BNT_GGUF_I32, &items, NULL)) {
        while (bnt_gguf_next_i64(&items, &i)) {
        }
    }
    if (!bnt_gguf_items_begin(g, key, BNT_GGUF_F32, &items, NULL)) {
        while (bnt_gguf_next_f32(&items, &f)) {
        }
    }
    if (!bnt_gguf_items_begin(g, key, BNT_GGUF_BOOL, &items, NULL)) {
        while (bnt_gguf_next_bool(&items, &b)) {
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bnt_gguf *g;
    bantam_error err = {0};

    const bantam_status status = bnt_gguf_parse(&g, data, size, &err);
    require((status == BANTAM_OK) == (g != NULL), "a status fits its result");
    require(!status == !err.message[0], "a failure has a message");
    if (!g) return 0;
    for (size_t i = 0; i < bnt_gguf_n_pairs(g); i++) {
        use_pair(g, bnt_gguf_pair_at(g, i), data, size);
    }
    for (size_t i = 0; i < bnt_gguf_n_tensors(g); i++) {
        const bnt_tensor *const t = bnt_gguf_tensor_at(g, i);
        require(t->data >= data && t->bytes <= size - (size_t)(t->data - data), "data inside");
        require(t->bytes > 0 && t->n_dims >= 1 && t->n_dims <= BNT_MAX_DIMS, "shape sound");
    }
    bnt_gguf_close(g);
    return 0;
}
