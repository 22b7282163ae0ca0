/* outlier_model.c - writes a model that computes the same with outliers in its activations.
 *
 *     bantam-outlier-model IN.gguf OUT.gguf [SHARE [FACTOR [SEED]]]
 *
 * Published models have a few channels of the stream, the same in all layers, whose activations
 * are 20 to 100 times as large as the others' (LLM.int8(), arXiv 2208.07339, section 3;
 * SmoothQuant, arXiv 2211.10438, section 3), and some of what down multiplies (SpinQuant, arXiv
 * 2405.16406). Small models that are at hand have none. Here one channel in SHARE (128) gets
 * them, each by a factor drawn between 20 and FACTOR (100), uniform in its logarithm: what a
 * norm makes of a channel is multiplied, and the columns of the matrices that read it are
 * divided; rows of up are multiplied, columns of down divided. That is SmoothQuant's own
 * transform the other way round, and changes no output but by the rounding of floats: what a
 * smaller file loses can be held against the model as it was.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "base/text.h"
#include "format/archive.h"
#include "format/gguf_write.h"

enum { MAX_COLUMNS = 1 << 16 };

typedef struct outliers {
    uint64_t share, seed;
    double most;
    float stream[MAX_COLUMNS]; /* factors by channel; 1: none */
    float ffn[MAX_COLUMNS];    /* of the layer under way */
} outliers;

static void draw(outliers *o, float *factors, uint64_t n, uint64_t seed)
{
    bnt_rng rng;
    bnt_rng_seed(&rng, seed);
    for (uint64_t i = 0; i < n; i++) {
        factors[i] = 1.0f;
    }
    for (uint64_t i = 0; i < (n + o->share - 1) / o->share; i++) {
        const double factor = 20.0 * pow(o->most / 20.0, bnt_rng_f64(&rng));
        factors[bnt_rng_below(&rng, n)] = (float)factor;
    }
}

/* Whether the name is PREFIX.NUMBER.REST; the number is the layer's. */
static bool is_of_layer(const char *name, const char *rest, uint64_t *layer)
{
    char *end = NULL;
    if (strncmp(name, "blk.", 4) != 0) return false;
    *layer = strtoull(name + 4, &end, 10);
    return *end == '.' && strcmp(end + 1, rest) == 0;
}

static void multiply(float *x, const float *by, uint64_t n, bool divide)
{
    for (uint64_t i = 0; i < n; i++) {
        x[i] = divide ? x[i] / by[i] : x[i] * by[i];
    }
}

/* Row r of a tensor as it becomes. */
static void change(outliers *o, const char *name, uint64_t r, uint64_t columns, float *row)
{
    static const char *const norms[] = {"attn_norm.weight", "ffn_norm.weight"};
    static const char *const readers[] = {"attn_q.weight", "attn_k.weight", "attn_v.weight",
                                          "ffn_gate.weight", "ffn_up.weight"};
    uint64_t layer = 0;

    for (size_t i = 0; i < 2; i++) {
        if (is_of_layer(name, norms[i], &layer)) multiply(row, o->stream, columns, false);
    }
    for (size_t i = 0; i < 5; i++) {
        if (is_of_layer(name, readers[i], &layer)) multiply(row, o->stream, columns, true);
    }
    if (is_of_layer(name, "ffn_up.weight", &layer)) {
        for (uint64_t c = 0; c < columns; c++) {
            row[c] *= o->ffn[r];
        }
    }
    if (is_of_layer(name, "ffn_down.weight", &layer)) multiply(row, o->ffn, columns, true);
}

static void put_tensor(outliers *o, bnt_gguf_writer *w, const bnt_tensor *t)
{
    char name[BNT_MAX_TENSOR_NAME + 1];
    uint64_t layer = 0, rows = 1;
    float *const row = bnt_calloc((size_t)t->dims[0], sizeof *row);

    if (!row) return;
    snprintf(name, sizeof name, "%.*s", (int)t->name.size, t->name.data);
    for (uint32_t d = 1; d < t->n_dims; d++) {
        rows *= t->dims[d];
    }
    if (is_of_layer(name, "ffn_up.weight", &layer)) draw(o, o->ffn, rows, o->seed + 1 + layer);
    if (is_of_layer(name, "ffn_down.weight", &layer)) {
        draw(o, o->ffn, t->dims[0], o->seed + 1 + layer);
    }
    for (uint64_t r = 0; r < rows; r++) {
        bnt_type_decode_row(t->type, t->data, (size_t)t->dims[0], (size_t)r, row);
        change(o, name, r, t->dims[0], row);
        bnt_gguf_put_data(w, row, (size_t)t->dims[0] * sizeof *row);
    }
    bnt_free(row);
}

static bantam_status write_model(outliers *o, const bnt_archive *a, const char *path,
                                 bantam_error *err)
{
    const bnt_gguf *const g = bnt_archive_gguf(a);
    bnt_gguf_writer *w;
    if (!g) return bnt_fail(err, BANTAM_ERR_UNSUPPORTED, "expected a GGUF file");
    const bantam_status status = bnt_gguf_writer_open(&w, path, err);
    if (status) return status;
    for (size_t i = 0; i < bnt_gguf_n_pairs(g); i++) {
        const bnt_gguf_pair *const pair = bnt_gguf_pair_at(g, i);
        if (!bnt_text_is(pair->key, "bantam.file_type")) bnt_gguf_put_pair(w, pair);
    }
    for (size_t i = 0; i < bnt_archive_n_tensors(a); i++) {
        const bnt_tensor *const t = bnt_archive_tensor_at(a, i);
        bnt_gguf_declare(w, t->name, bnt_type_find(BNT_TYPE_F32), t->n_dims, t->dims);
        if (bnt_text_is(t->name, "blk.0.attn_norm.weight") && t->dims[0] <= MAX_COLUMNS) {
            draw(o, o->stream, t->dims[0], o->seed);
        }
    }
    for (size_t i = 0; i < bnt_archive_n_tensors(a); i++) {
        put_tensor(o, w, bnt_archive_tensor_at(a, i));
    }
    return bnt_gguf_writer_commit(w, err);
}

int main(int n_words, char **words)
{
    bantam_error err = {0};
    bnt_archive *a = NULL;

    if (n_words < 3 || n_words > 6) {
        fprintf(stderr,
                "usage: bantam-outlier-model IN.gguf OUT.gguf [SHARE [FACTOR [SEED]]]\n");
        return 2;
    }
    outliers *const o = bnt_calloc(1, sizeof *o);
    if (!o) return 1;
    o->share = n_words > 3 ? strtoull(words[3], NULL, 10) : 128;
    o->most = n_words > 4 ? strtod(words[4], NULL) : 100.0;
    o->seed = n_words > 5 ? strtoull(words[5], NULL, 10) : 1;
    if (!o->share || !(o->most >= 20.0)) return 2;
    bantam_status status = bnt_archive_open(&a, words[1], &err);
    if (!status) status = write_model(o, a, words[2], &err);
    if (status) fprintf(stderr, "bantam-outlier-model: %s\n", err.message);
    bnt_archive_close(a);
    bnt_free(o);
    return status ? 1 : 0;
}
