/* adapter_rig.h - adapter files made without the library, sound or broken in one place, for a
 * model of tiny_model.h's default shape; and passes and models that use them. */
#ifndef BNT_TESTS_ADAPTER_RIG_H
#define BNT_TESTS_ADAPTER_RIG_H
#include "forward_rig.h"
#include "safetensors_builder.h"
#include "temp_folder.h"
#include "tiny_model.h"

enum { LORA_PLACES = 7, LORA_HEADS = 4, LORA_KV = 2, LORA_DIM = 8, LORA_LAYERS = 2 };

static const char *const lora_gguf_names[LORA_PLACES] = {
    "attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"};
static const char *const lora_peft_names[LORA_PLACES] = {
    "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj",
    "mlp.gate_proj",    "mlp.up_proj",      "mlp.down_proj"};

typedef struct lora_spec {
    uint32_t n_embd, n_ffn; /* 0: those of a tiny model */
    uint32_t rank;          /* 0: 4 */
    uint32_t odd_rank;      /* of the up matrix of layer 1, where not 0 */
    float alpha;            /* 0: 6 */
    float size;             /* of factors; 0: 0.3 */
    uint64_t seed;
    unsigned left_out; /* bits of places */
    uint32_t type;     /* of the factors: 0 F32, 1 F16, 30 BF16, 8 Q8_0 */
} lora_spec;

static inline lora_spec lora_defaults(const lora_spec *given)
{
    lora_spec s = *given;
    if (!s.n_embd) s.n_embd = 32;
    if (!s.n_ffn) s.n_ffn = 48;
    if (!s.rank) s.rank = 4;
    if (s.alpha == 0.0f) s.alpha = 6.0f;
    if (s.size == 0.0f) s.size = 0.3f;
    return s;
}

static inline uint32_t lora_rank(const lora_spec *s, uint32_t layer, uint32_t place)
{
    return s->odd_rank && layer == 1 && place == 5 ? s->odd_rank : s->rank;
}

static inline void lora_shape(const lora_spec *s, uint32_t place, uint32_t *rows,
                              uint32_t *columns)
{
    const uint32_t q = LORA_HEADS * LORA_DIM, kv = LORA_KV * LORA_DIM;
    const uint32_t all[LORA_PLACES][2] = {
        {q, s->n_embd},        {kv, s->n_embd},       {kv, s->n_embd},      {s->n_embd, q},
        {s->n_ffn, s->n_embd}, {s->n_ffn, s->n_embd}, {s->n_embd, s->n_ffn}};
    *rows = all[place][0];
    *columns = all[place][1];
}

/* A number that depends on what it stands for alone; eighths of size, so that halves hold it.
 */
static inline float lora_value(const lora_spec *s, uint32_t layer, uint32_t place, uint32_t b,
                               uint32_t row, uint32_t column)
{
    uint64_t x = s->seed * 1000003u + layer * 7919u + place * 104729u + b * 15485863u;
    x = (x + row) * 6364136223846793005u + 1442695040888963407u;
    x = (x ^ x >> 29 ^ column) * 6364136223846793005u + 1442695040888963407u;
    return s->size * (float)((int)(x >> 58) - 32) / 32.0f;
}

/* The row of a PEFT file that is row `row` of a GGUF file: heads of 8 rows, pairs (2 i, 2 i +
 * 1) against (i, i + 4). */
static inline uint32_t lora_peft_row(uint32_t place, uint32_t row)
{
    static const uint32_t order[LORA_DIM] = {0, 4, 1, 5, 2, 6, 3, 7};
    return place > 1 ? row : row / LORA_DIM * LORA_DIM + order[row % LORA_DIM];
}

/* Rows and columns of a factor. */
static inline void lora_factor_shape(const lora_spec *s, uint32_t layer, uint32_t place,
                                     uint32_t b, uint32_t *rows, uint32_t *columns)
{
    lora_shape(s, place, rows, columns);
    if (b) {
        *columns = lora_rank(s, layer, place);
    } else {
        *rows = lora_rank(s, layer, place);
    }
}

/* A factor as stored; the caller frees it. */
static inline void *lora_factor(const lora_spec *s, uint32_t layer, uint32_t place, uint32_t b,
                                bool peft, uint64_t *bytes)
{
    const bnt_type *const type = bnt_type_find(s->type);
    uint32_t rows, columns;
    lora_factor_shape(s, layer, place, b, &rows, &columns);
    assert_true(bnt_type_bytes(type, rows, columns, bytes));
    float *const values = calloc(columns, sizeof *values);
    uint8_t *const out = calloc(1, (size_t)*bytes);
    assert_non_null(values);
    assert_non_null(out);
    for (uint32_t row = 0; row < rows; row++) {
        const uint32_t at = peft && b ? lora_peft_row(place, row) : row;
        for (uint32_t c = 0; c < columns; c++) {
            values[c] = lora_value(s, layer, place, b, row, c);
        }
        type->encode(values, out + at * (*bytes / rows), columns);
    }
    free(values);
    return out;
}

/* ---- llama.cpp's form -------------------------------------------------------------------- */

static inline const char *lora_gguf_tensor(uint32_t layer, uint32_t place, uint32_t b)
{
    static char names[8][96];
    static unsigned turn;
    char *const name = names[turn++ % 8];
    snprintf(name, sizeof names[0], "blk.%u.%s.weight.lora_%c", (unsigned)layer,
             lora_gguf_names[place], b ? 'b' : 'a');
    return name;
}

static inline void lora_gguf_begin(gguf_builder *g, float alpha)
{
    gb_init(g);
    gb_put_text(g, "general.architecture", "llama");
    gb_put_text(g, "general.type", "adapter");
    gb_put_text(g, "adapter.type", "lora");
    gb_put_f32(g, "adapter.lora.alpha", alpha);
}

static inline void lora_gguf_pair(gguf_builder *g, const lora_spec *s, uint32_t layer,
                                  uint32_t place)
{
    for (uint32_t b = 0; b < 2; b++) {
        uint64_t bytes;
        uint32_t rows, columns;
        void *const data = lora_factor(s, layer, place, b, false, &bytes);
        lora_factor_shape(s, layer, place, b, &rows, &columns);
        const uint64_t dims[2] = {columns, rows};
        gb_add_tensor(g, lora_gguf_tensor(layer, place, b), s->type, 2, dims, data,
                      (size_t)bytes);
        free(data);
    }
}

static inline void lora_gguf_end(gguf_builder *g, const char *path)
{
    size_t size;
    uint8_t *const file = gb_finish(g, &size);
    write_whole(path, file, size);
    free(file);
}

static inline void lora_write_gguf(const char *path, const lora_spec *given)
{
    const lora_spec s = lora_defaults(given);
    gguf_builder g;

    lora_gguf_begin(&g, s.alpha);
    for (uint32_t layer = 0; layer < LORA_LAYERS; layer++) {
        for (uint32_t place = 0; place < LORA_PLACES; place++) {
            if (!(s.left_out & 1u << place)) lora_gguf_pair(&g, &s, layer, place);
        }
    }
    lora_gguf_end(&g, path);
}

/* ---- PEFT's form ------------------------------------------------------------------------- */

/* A safetensors file of the factors; extra is a name that gets a tensor of 4 bytes, or NULL. */
static inline void lora_write_tensors(const char *path, const lora_spec *s, const char *extra)
{
    char header[16384];
    gb_bytes data = {NULL, 0, 0};
    size_t size;
    int n = snprintf(header, sizeof header, "{\"__metadata__\":{\"format\":\"pt\"}");

    for (uint32_t i = 0; i < LORA_LAYERS * LORA_PLACES * 2; i++) {
        const uint32_t b = i % 2, place = i / 2 % LORA_PLACES, layer = i / 2 / LORA_PLACES;
        const char *const types[31] = {[0] = "F32", [1] = "F16", [30] = "BF16"};
        uint32_t rows, columns;
        uint64_t bytes;
        if (s->left_out & 1u << place) continue;
        void *const factor = lora_factor(s, layer, place, b, true, &bytes);
        lora_factor_shape(s, layer, place, b, &rows, &columns);
        n += snprintf(header + n, sizeof header - (size_t)n,
                      ",\"base_model.model.model.layers.%u.%s.lora_%c.weight\":{\"dtype\":"
                      "\"%s\",\"shape\":[%u,%u],\"data_offsets\":[%zu,%zu]}",
                      (unsigned)layer, lora_peft_names[place], b ? 'B' : 'A', types[s->type],
                      (unsigned)rows, (unsigned)columns, data.size, data.size + (size_t)bytes);
        gb_raw(&data, factor, (size_t)bytes);
        free(factor);
    }
    if (extra) {
        n += snprintf(header + n, sizeof header - (size_t)n,
                      ",\"%s\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[%zu,%zu]}",
                      extra, data.size, data.size + 4);
        gb_u32(&data, 0);
    }
    memcpy(header + n, "}", 2);
    uint8_t *const file =
        st_make_stated((uint64_t)n + 1, header, (size_t)n + 1, data.data, data.size, &size);
    write_whole(path, file, size);
    free(file);
    free(data.data);
}

/* Into a folder of the test's, made here; more is JSON members that follow, or NULL. */
static inline void lora_write_peft(const temp_folder *in, const char *name,
                                   const lora_spec *given, const char *more, const char *extra)
{
    const lora_spec s = lora_defaults(given);
    char path[512], text[2048];

    temp_folder_in(in, name);
    snprintf(path, sizeof path, "%s/adapter_model.safetensors", name);
    lora_write_tensors(temp_path(in, path), &s, extra);
    snprintf(text, sizeof text,
             "{\"peft_type\":\"LORA\",\"bias\":\"none\",\"r\":%u,\"lora_alpha\":%g%s%s}",
             (unsigned)s.rank, (double)s.alpha, more ? "," : "", more ? more : "");
    snprintf(path, sizeof path, "%s/adapter_config.json", name);
    temp_write_text(in, path, text);
}

/* ---- opening ----------------------------------------------------------------------------- */

static inline bnt_adapter *lora_open(const bnt_model *model, const char *path)
{
    bnt_adapter *adapter = NULL;
    bantam_error err = {0};
    if (bnt_adapter_open(&adapter, model, path, &err)) fail_msg("%s", err.message);
    assert_non_null(adapter);
    return adapter;
}

/* A pass of the rig from now on uses these; its scratch is exactly what is said to suffice. */
static inline void lora_use(rig *r, const bnt_adapter_use *uses, uint32_t n)
{
    const uint32_t threads = bnt_pool_threads(r->pool);
    const size_t cost = bnt_forward_cost_with(r->model, uses, n, r->batch, 256, threads);
    bnt_arena_deinit(&r->scratch);
    assert_int_equal(bnt_arena_init(&r->scratch, cost, NULL), BANTAM_OK);
    r->forward.adapters = uses;
    r->forward.n_adapters = n;
}

#endif
