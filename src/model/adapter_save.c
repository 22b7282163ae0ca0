/* adapter_save.c - adapters written, in the form of llama.cpp or in that of PEFT.
 *
 * Factors are floats in both. Each file appears whole or not at all; of PEFT's two the one with
 * the factors comes last.
 */
#include "base/f16.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "format/gguf_write.h"
#include "model/adapter_parts.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>

/* Where floats go, one factor after the other. */
typedef struct sink {
    bnt_gguf_writer *gguf; /* one of the two */
    bnt_save *file;
} sink;

typedef struct writer {
    const bnt_adapter *adapter;
    const bnt_model *model;
    bnt_adapter_form form;
    sink sink;
} writer;

/* A factor as the file has it. */
typedef struct factor {
    uint32_t layer;
    bnt_place place;
    bnt_factor which;
    const bnt_lora *lora;
    const bnt_matrix *w;
    uint32_t rows, columns;
} factor;

/* The factor behind f, in order of layers, matrices, A before B; false behind the last. Begins
 * with a zeroed f whose lora is NULL. */
static bool next_factor(const writer *w, factor *f)
{
    bool first = !f->lora;

    if (!first && f->which == BNT_FACTOR_A) {
        f->which = BNT_FACTOR_B;
        f->rows = f->w->rows;
        f->columns = f->lora->rank;
        return true;
    }
    uint32_t at = first ? 0 : f->layer * BNT_PLACES + f->place + 1;
    for (; at < w->adapter->n_layers * BNT_PLACES; at++) {
        f->layer = at / BNT_PLACES;
        f->place = (bnt_place)(at % BNT_PLACES);
        f->lora = &w->adapter->layers[f->layer][f->place];
        if (!f->lora->rank) continue;
        f->w = bnt_layer_matrix(&w->model->layers[f->layer], f->place);
        f->which = BNT_FACTOR_A;
        f->rows = f->lora->rank;
        f->columns = f->w->columns;
        return true;
    }
    return false;
}

/* Floats as every machine writes them: lowest byte first. */
static void put_floats(const sink *s, const float *values, size_t n)
{
    uint8_t bytes[1024];

    for (size_t at = 0; at < n;) {
        const size_t most = sizeof bytes / 4;
        const size_t part = n - at < most ? n - at : most;
        for (size_t i = 0; i < part; i++) {
            const uint32_t bits = bnt_f32_to_bits(values[at + i]);
            for (size_t b = 0; b < 4; b++) {
                bytes[4 * i + b] = (uint8_t)(bits >> 8 * b);
            }
        }
        if (s->gguf) {
            bnt_gguf_put_data(s->gguf, bytes, 4 * part);
        } else {
            bnt_save_put(s->file, bytes, 4 * part);
        }
        at += part;
    }
}

static void put_factor(const writer *w, const factor *f)
{
    const bnt_config *const c = &w->model->config;
    if (f->which == BNT_FACTOR_A) {
        put_floats(&w->sink, f->lora->a, (size_t)f->rows * f->columns);
        return;
    }
    for (uint32_t row = 0; row < f->rows; row++) {
        const uint32_t own =
            bnt_adapter_row(c, f->place, w->form.names->pairing, c->pairing, row);
        put_floats(&w->sink, f->lora->b + (size_t)own * f->columns, f->columns);
    }
}

static void put_factors(const writer *w)
{
    for (factor f = {0}; next_factor(w, &f);) {
        put_factor(w, &f);
    }
}

static uint32_t max_rank(const bnt_adapter *adapter)
{
    uint32_t most = 0;

    for (uint32_t l = 0; l < adapter->n_layers; l++) {
        for (int place = 0; place < BNT_PLACES; place++) {
            const uint32_t rank = adapter->layers[l][place].rank;
            if (rank > most) most = rank;
        }
    }
    return most;
}

/* ---- what it is for ------------------------------------------------------------------------
 *
 * The base model by its name and identity, and how much was learned, in numbers: nothing of
 * the texts themselves.
 */

enum { IDENTITY_LETTERS = 2 * 32 };

static void identity_of(const bnt_model *model, char text[IDENTITY_LETTERS])
{
    static const char digits[] = "0123456789abcdef";
    uint8_t bytes[32];

    bnt_model_identity(model, bytes);
    for (size_t i = 0; i < sizeof bytes; i++) {
        text[2 * i] = digits[bytes[i] >> 4];
        text[2 * i + 1] = digits[bytes[i] & 15];
    }
}

static void put_origin(const writer *w, bnt_gguf_writer *out)
{
    const bnt_adapter *const a = w->adapter;
    const bantam_text name = w->model->config.name;
    char identity[IDENTITY_LETTERS];

    identity_of(w->model, identity);
    if (name.size) {
        bnt_gguf_put_u32(out, "general.base_model.count", 1);
        bnt_gguf_put_text(out, "general.base_model.0.name", name);
    }
    bnt_gguf_put_text(out, "bantam.adapter.base_identity",
                      (bantam_text){identity, sizeof identity});
    bnt_gguf_put_u32(out, "bantam.adapter.rank", max_rank(a));
    if (!a->n_steps) return;
    bnt_gguf_put_u64(out, "bantam.adapter.steps", a->n_steps);
    bnt_gguf_put_u64(out, "bantam.adapter.documents", a->n_documents);
    bnt_gguf_put_u64(out, "bantam.adapter.tokens", a->n_tokens);
}

/* Members of a safetensors header's metadata, whose values are strings. PEFT itself refuses
 * members of its own file that it does not know. */
static void put_origin_members(const writer *w, bnt_buf *out)
{
    const bnt_adapter *const a = w->adapter;
    char identity[IDENTITY_LETTERS];

    identity_of(w->model, identity);
    bnt_buf_printf(out, ",\"bantam.adapter.base_identity\":\"%.*s\"", IDENTITY_LETTERS,
                   identity);
    if (!a->n_steps) return;
    bnt_buf_printf(out,
                   ",\"bantam.adapter.steps\":\"%" PRIu64
                   "\",\"bantam.adapter.documents\":\"%" PRIu64
                   "\",\"bantam.adapter.tokens\":\"%" PRIu64 "\"",
                   a->n_steps, a->n_documents, a->n_tokens);
}

/* ---- llama.cpp's form -------------------------------------------------------------------- */

static bantam_status save_gguf(writer *w, const char *path, bantam_error *err)
{
    const bnt_config *const c = &w->model->config;
    const bool own = w->model->archive && bnt_archive_gguf(w->model->archive);
    const char *const name = bnt_arch_name_for_gguf(c);
    const bantam_text architecture = own ? c->architecture : bnt_text_of(name);

    w->form = (bnt_adapter_form){bnt_names_at(0), false};
    const bantam_status status = bnt_gguf_writer_open(&w->sink.gguf, path, err);
    if (status) return status;
    bnt_gguf_writer *const out = w->sink.gguf;
    bnt_gguf_put_text(out, "general.architecture", architecture);
    bnt_gguf_put_text(out, "general.type", (bantam_text){"adapter", 7});
    bnt_gguf_put_u32(out, "general.file_type", 0);
    bnt_gguf_put_text(out, "adapter.type", (bantam_text){"lora", 4});
    bnt_gguf_put_f32(out, "adapter.lora.alpha", w->adapter->alpha);
    put_origin(w, out);
    for (factor f = {0}; next_factor(w, &f);) {
        const bnt_adapter_name tensor = bnt_adapter_tensor(&w->form, f.layer, f.place, f.which);
        const uint64_t dims[2] = {f.columns, f.rows};
        bnt_gguf_declare(out, bnt_text_of(tensor.text), bnt_type_find(BNT_TYPE_F32), 2, dims);
    }
    put_factors(w);
    return bnt_gguf_writer_commit(out, err);
}

/* ---- PEFT's form ------------------------------------------------------------------------- */

/* The matrices of that place that are corrected. */
static uint32_t count_layers(const bnt_adapter *adapter, bnt_place place)
{
    uint32_t n = 0;
    for (uint32_t l = 0; l < adapter->n_layers; l++) {
        n += adapter->layers[l][place].rank > 0;
    }
    return n;
}

/* "q_proj" where every layer has it, else whole names. */
static void put_targets(const writer *w, bnt_buf *out)
{
    const char *between = "";

    for (int place = 0; place < BNT_PLACES; place++) {
        const uint32_t n = count_layers(w->adapter, (bnt_place)place);
        const bool all = n == w->adapter->n_layers;
        for (uint32_t l = 0; l < (all ? 1 : w->adapter->n_layers); l++) {
            if (!w->adapter->layers[l][place].rank) continue;
            const bnt_adapter_name module =
                bnt_adapter_module(w->form.names, l, (bnt_place)place);
            const char *const last = strrchr(module.text, '.') + 1;
            bnt_buf_printf(out, "%s\n    \"%s\"", between, all ? last : module.text);
            between = ",";
        }
    }
}

static void put_ranks(const writer *w, uint32_t usual, bnt_buf *out)
{
    const char *between = "";

    for (factor f = {0}; next_factor(w, &f);) {
        if (f.which != BNT_FACTOR_A || f.lora->rank == usual) continue;
        const bnt_adapter_name module = bnt_adapter_module(w->form.names, f.layer, f.place);
        bnt_buf_printf(out, "%s\n    \"%s\": %" PRIu32, between, module.text, f.lora->rank);
        between = ",";
    }
}

/* What base model it is for is known here by name alone. */
static void put_config(const writer *w, bnt_buf *out)
{
    const bantam_text name = w->model->config.name;
    const uint32_t rank = max_rank(w->adapter);
    const double alpha = (double)w->adapter->alpha;
    const bool whole = alpha == floor(alpha) && fabs(alpha) < 1e15;

    bnt_buf_puts(out, "{\n  \"base_model_name_or_path\": ");
    if (name.size) {
        bnt_json_put_string(out, name.data, name.size);
    } else {
        bnt_buf_puts(out, "null");
    }
    bnt_buf_puts(out, ",\n  \"peft_type\": \"LORA\",\n  \"task_type\": \"CAUSAL_LM\",\n"
                      "  \"inference_mode\": true,\n  \"bias\": \"none\",\n"
                      "  \"fan_in_fan_out\": false,\n  \"init_lora_weights\": true,\n"
                      "  \"lora_dropout\": 0.0,\n  \"modules_to_save\": null,\n"
                      "  \"use_dora\": false,\n  \"use_rslora\": false,\n");
    bnt_buf_printf(out, "  \"r\": %" PRIu32 ",\n", rank);
    bnt_buf_printf(out, whole ? "  \"lora_alpha\": %.0f,\n" : "  \"lora_alpha\": %.9g,\n",
                   alpha);
    bnt_buf_puts(out, "  \"alpha_pattern\": {},\n  \"rank_pattern\": {");
    put_ranks(w, rank, out);
    bnt_buf_puts(out, "},\n  \"target_modules\": [");
    put_targets(w, out);
    bnt_buf_puts(out, "\n  ]\n}\n");
}

/* The length of the header, the header, blanks up to a multiple of 8. */
static void put_header(const writer *w, bnt_buf *out)
{
    uint64_t at = 0;

    bnt_buf_puts(out, "{\"__metadata__\":{\"format\":\"pt\"");
    put_origin_members(w, out);
    bnt_buf_putc(out, '}');
    for (factor f = {0}; next_factor(w, &f);) {
        const bnt_adapter_name name = bnt_adapter_tensor(&w->form, f.layer, f.place, f.which);
        const uint64_t bytes = (uint64_t)f.rows * f.columns * 4;
        bnt_buf_printf(out,
                       ",\"%s\":{\"dtype\":\"F32\",\"shape\":[%" PRIu32 ",%" PRIu32
                       "],\"data_offsets\":[%" PRIu64 ",%" PRIu64 "]}",
                       name.text, f.rows, f.columns, at, at + bytes);
        at += bytes;
    }
    bnt_buf_putc(out, '}');
    while (out->size % 8 && !out->failed) {
        bnt_buf_putc(out, ' ');
    }
}

static bantam_status save_weights(writer *w, const char *path, bantam_error *err)
{
    bnt_buf header;
    uint8_t length[8];

    bnt_buf_init(&header, BNT_MAX_SAFETENSORS_HEADER);
    put_header(w, &header);
    bantam_status status = bnt_buf_status(&header, "header", err);
    if (!status) status = bnt_save_begin(&w->sink.file, path, err);
    if (status) {
        bnt_buf_deinit(&header);
        return status;
    }
    for (size_t i = 0; i < sizeof length; i++) {
        length[i] = (uint8_t)((uint64_t)header.size >> 8 * i);
    }
    bnt_save_put(w->sink.file, length, sizeof length);
    bnt_save_put(w->sink.file, header.data, header.size);
    bnt_buf_deinit(&header);
    put_factors(w);
    return bnt_save_commit(w->sink.file, err);
}

static bantam_status save_config(const writer *w, const char *path, bantam_error *err)
{
    bnt_save *save = NULL;
    bnt_buf text;

    bnt_buf_init(&text, BNT_MAX_STRING);
    put_config(w, &text);
    bantam_status status = bnt_buf_status(&text, BNT_PEFT_CONFIG, err);
    if (!status) status = bnt_save_begin(&save, path, err);
    if (!status) {
        bnt_save_put(save, text.data, text.size);
        status = bnt_save_commit(save, err);
    }
    bnt_buf_deinit(&text);
    return status;
}

static bantam_status save_peft(writer *w, const char *path, bantam_error *err)
{
    const bnt_archive *const archive = w->model->archive;
    const bool folder = archive && !bnt_archive_gguf(archive);
    char *const config = bnt_path_join(path, BNT_PEFT_CONFIG);
    char *const weights = bnt_path_join(path, BNT_PEFT_WEIGHTS);
    bantam_status status = BANTAM_OK;

    w->form = (bnt_adapter_form){folder ? bnt_names_of(archive) : bnt_names_at(1), true};
    if (!config || !weights) {
        status = bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for an adapter's path");
    } else if (mkdir(path, 0777) != 0 && bnt_file_kind_of(path) != BNT_FILE_FOLDER) {
        status = bnt_fail(err, BANTAM_ERR_IO, "%s: cannot make this folder: %s", path,
                          strerror(errno));
    }
    if (!status) status = save_config(w, config, err);
    if (!status) status = save_weights(w, weights, err);
    bnt_free(config);
    bnt_free(weights);
    return status;
}

/* ---- either ------------------------------------------------------------------------------ */

bantam_status bnt_adapter_save(const bnt_adapter *adapter, const bnt_model *model,
                               const char *path, bantam_error *err)
{
    writer w = {.adapter = adapter, .model = model};

    if (max_rank(adapter) == 0) {
        return bnt_fail(err, BANTAM_ERR_INVALID, "the adapter corrects no matrix");
    }
    if (bnt_text_ends_with(bnt_text_of(path), ".gguf")) return save_gguf(&w, path, err);
    return save_peft(&w, path, err);
}
