/* adapter_read.c - adapter files, believed only after everything in them is held against the
 * model: llama.cpp's GGUF, and PEFT's safetensors with its adapter_config.json.
 *
 * Tensors are looked up by the names they must have; one that is not asked for is a stranger,
 * and refused: to leave it out would be to compute something else than was trained.
 */
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "model/adapter_parts.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* adapter_config.json of many modules has some ten KiB; a JSON tree takes a hundred times its
 * bytes. */
enum { MAX_CONFIG_BYTES = 256 << 10 };

typedef struct pair {
    const bnt_tensor *of[2]; /* by bnt_factor */
} pair;

/* A file under examination. */
typedef struct reader {
    const bnt_model *model;
    bnt_archive *archive; /* owns */
    json_t *config;       /* owns; NULL for GGUF */
    bnt_adapter_form form;
    pair (*pairs)[BNT_PLACES]; /* (n_layers) owns */
    double alpha;              /* 0: the file has none, and every strength is 1 */
    bool root;                 /* strengths are alpha / sqrt(rank) */
    uint32_t rank;             /* PEFT: where no pattern says otherwise */
} reader;

static void reader_deinit(reader *r)
{
    bnt_archive_close(r->archive);
    json_decref(r->config);
    bnt_free(r->pairs);
}

/* ---- the files --------------------------------------------------------------------------- */

static bantam_status read_config(reader *r, const char *path, bantam_error *err)
{
    bnt_buf text;

    bnt_buf_init(&text, MAX_CONFIG_BYTES);
    bantam_status status = bnt_file_read(path, &text, err);
    if (!status) {
        status = bnt_json_parse(&r->config, text.data, text.size, err);
        if (!status && !json_is_object(r->config)) {
            status = bnt_fail(err, BANTAM_ERR_FORMAT, "expected a JSON object");
        }
        if (status) bnt_fail_within(err, status, "%s: ", path);
    }
    bnt_buf_deinit(&text);
    return status;
}

/* The file of that name beside path, or inside it where it is a folder; NULL: no memory. */
static char *sibling(const char *path, const char *name, bool inside)
{
    const bantam_text last = bnt_path_name(path);
    if (inside) return bnt_path_join(path, name);
    const size_t before = (size_t)(last.data - path);
    char *const folder = before ? bnt_strdup(path, before) : bnt_strdup(".", 1);
    char *const joined = folder ? bnt_path_join(folder, name) : NULL;
    bnt_free(folder);
    return joined;
}

static bantam_status open_files(reader *r, const char *path, bantam_error *err)
{
    const bool folder = bnt_file_kind_of(path) == BNT_FILE_FOLDER;
    char *const config = sibling(path, BNT_PEFT_CONFIG, folder);
    char *const weights = folder ? sibling(path, BNT_PEFT_WEIGHTS, true) : NULL;
    bantam_status status = BANTAM_OK;

    if (!config || (folder && !weights)) {
        status = bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for an adapter's path");
        goto done;
    }
    if (folder && (!bnt_file_is_there(config) || !bnt_file_is_there(weights))) {
        status = bnt_fail(err, BANTAM_ERR_FORMAT,
                          "%s: not an adapter: expected %s and %s in the folder", path,
                          BNT_PEFT_CONFIG, BNT_PEFT_WEIGHTS);
        goto done;
    }
    status = bnt_archive_open(&r->archive, folder ? weights : path, err);
    if (status) goto done;
    r->form.peft = !bnt_archive_gguf(r->archive);
    if (r->form.peft) status = read_config(r, config, err);

done:
    bnt_free(config);
    bnt_free(weights);
    return status;
}

/* ---- llama.cpp's settings ---------------------------------------------------------------- */

static bantam_status expect_text(const bnt_gguf *gguf, const char *key, bantam_text expected,
                                 bantam_error *err)
{
    bantam_text found = {"nothing", 7};
    const bantam_status status = bnt_gguf_text(gguf, key, &found, err);

    if (status) return status;
    if (bnt_text_same(found, expected)) return BANTAM_OK;
    return bnt_fail(err, BANTAM_ERR_FORMAT, "key %s: expected %.*s, found %.*s", key,
                    BNT_TEXT_ARG(expected), BNT_TEXT_ARG(found));
}

static bantam_status read_gguf(reader *r, bantam_error *err)
{
    const bnt_gguf *const gguf = bnt_archive_gguf(r->archive);
    const bnt_config *const c = &r->model->config;
    const bool own = r->model->archive && bnt_archive_gguf(r->model->archive);
    float alpha = 0.0f;

    r->form.names = bnt_names_at(0);
    bantam_status status = expect_text(gguf, "general.type", bnt_text_of("adapter"), err);
    if (!status) status = expect_text(gguf, "adapter.type", bnt_text_of("lora"), err);
    if (!status) {
        status =
            expect_text(gguf, "general.architecture",
                        own ? c->architecture : bnt_text_of(bnt_arch_name_for_gguf(c)), err);
    }
    if (!status) status = bnt_gguf_f32(gguf, "adapter.lora.alpha", &alpha, err);
    if (status) return status;
    if (!isfinite(alpha)) {
        return bnt_fail(err, BANTAM_ERR_FORMAT,
                        "key adapter.lora.alpha: expected a finite number, found %g",
                        (double)alpha);
    }
    if (bnt_gguf_find(gguf, "adapter.alora.invocation_tokens")) {
        return bnt_fail(err, BANTAM_ERR_UNSUPPORTED,
                        "adapters that act only behind certain tokens (aLoRA) are not "
                        "supported");
    }
    r->alpha = (double)alpha;
    return BANTAM_OK;
}

/* ---- PEFT's settings --------------------------------------------------------------------- */

static bantam_status refuse_flags(const json_t *config, bantam_error *err)
{
    static const char *const flags[] = {"use_dora", "lora_bias", "use_qalora",
                                        "fan_in_fan_out"};
    static const char *const lists[] = {"modules_to_save",         "layer_replication",
                                        "trainable_token_indices", "alora_invocation_tokens",
                                        "target_parameters",       "megatron_config"};
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        bool set = false;
        const bantam_status status = bnt_json_bool(config, flags[i], &set, err);
        if (status) return status;
        if (set) {
            return bnt_fail(err, BANTAM_ERR_UNSUPPORTED, "%s is not supported", flags[i]);
        }
    }
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        const json_t *const list = json_object_get(config, lists[i]);
        if (!list || json_is_null(list) || (json_is_array(list) && !json_array_size(list))) {
            continue;
        }
        return bnt_fail(err, BANTAM_ERR_UNSUPPORTED, "%s is not supported", lists[i]);
    }
    return BANTAM_OK;
}

static bool is_one_of(bantam_text text, const char *const *words, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (bnt_text_is(text, words[i])) return true;
    }
    return false;
}

/* Some ways to begin change the model's own matrices first, so that the factors are no
 * correction of the matrices as published. */
static bantam_status check_words(const json_t *config, bantam_error *err)
{
    static const char *const lora[] = {"LORA"}, *const none[] = {"none"};
    static const char *const beginnings[] = {"gaussian", "eva", "orthogonal"};
    const bantam_text type = bnt_json_text(json_object_get(config, "peft_type"));
    const json_t *const bias = json_object_get(config, "bias");
    const json_t *const begin = json_object_get(config, "init_lora_weights");

    if (!is_one_of(type, lora, 1)) {
        return bnt_fail(err, type.data ? BANTAM_ERR_UNSUPPORTED : BANTAM_ERR_FORMAT,
                        "peft_type: expected LORA, found %.*s", BNT_TEXT_ARG(type));
    }
    if (bias && !json_is_null(bias) && !is_one_of(bnt_json_text(bias), none, 1)) {
        return bnt_fail(err, BANTAM_ERR_UNSUPPORTED, "bias: expected \"none\", found %.*s",
                        BNT_TEXT_ARG(bnt_json_text(bias)));
    }
    if (json_is_string(begin) && !is_one_of(bnt_json_text(begin), beginnings, 3)) {
        return bnt_fail(err, BANTAM_ERR_UNSUPPORTED,
                        "init_lora_weights: %.*s changes the model's own matrices, which is "
                        "not supported",
                        BNT_TEXT_ARG(bnt_json_text(begin)));
    }
    return BANTAM_OK;
}

/* The keys of a pattern are names of modules, or the ends of such; PEFT takes them for regular
 * expressions, of which only plain names are taken here. */
static bantam_status check_pattern(const json_t *config, const char *name, bantam_error *err)
{
    /* Jansson's iterators do not change the object. */
    json_t *const pattern = json_object_get((json_t *)(uintptr_t)config, name);
    const char *key;
    json_t *value;

    if (!pattern || json_is_null(pattern)) return BANTAM_OK;
    if (!json_is_object(pattern)) {
        return bnt_fail(err, BANTAM_ERR_FORMAT, "%s: expected an object", name);
    }
    json_object_foreach(pattern, key, value)
    {
        for (const char *p = key[0] == '^' ? key + 1 : key; *p; p++) {
            if (strchr("\\()[]{}*+?|^$", *p)) {
                return bnt_fail(err, BANTAM_ERR_UNSUPPORTED,
                                "%s: only plain names of modules are supported, found %.80s",
                                name, key);
            }
        }
        if (!json_is_number(value) || !isfinite(json_number_value(value)) ||
            json_number_value(value) == 0.0) {
            return bnt_fail(err, BANTAM_ERR_FORMAT, "%s: %.80s: expected a number other than 0",
                            name, key);
        }
    }
    return BANTAM_OK;
}

/* What a pattern says of a module: its first key that names it, or ends its name. */
static double pattern_value(const json_t *config, const char *name, const char *module,
                            double fallback)
{
    json_t *const pattern = json_object_get((json_t *)(uintptr_t)config, name);
    const size_t size = strlen(module);
    const char *key;
    json_t *value;

    if (!json_is_object(pattern)) return fallback;
    json_object_foreach(pattern, key, value)
    {
        const bool whole = key[0] == '^';
        const char *const end = whole ? key + 1 : key;
        const size_t n = strlen(end);
        if (n > size || strcmp(module + size - n, end) != 0) continue;
        if (n == size || (!whole && module[size - n - 1] == '.')) {
            return json_number_value(value);
        }
    }
    return fallback;
}

/* The layout that the file's own names are of: that of a folder with an image tower has longer
 * ones than that of its text model alone. */
static const bnt_names *find_layout(const bnt_archive *archive)
{
    static const char before[] = "base_model.model.";
    const size_t n_before = strlen(before);
    const bnt_names *names;

    for (size_t i = 1; (names = bnt_names_at(i)) != NULL; i++) {
        const size_t n = strlen(names->layer);
        for (size_t t = 0; t < bnt_archive_n_tensors(archive); t++) {
            const bantam_text name = bnt_archive_tensor_at(archive, t)->name;
            if (name.size > n_before + n && !memcmp(name.data, before, n_before) &&
                !memcmp(name.data + n_before, names->layer, n)) {
                return names;
            }
        }
    }
    return bnt_names_at(1);
}

static bantam_status read_peft(reader *r, bantam_error *err)
{
    const json_t *const c = r->config;

    r->form.names = find_layout(r->archive);
    bantam_status status = check_words(c, err);
    if (!status) status = refuse_flags(c, err);
    if (!status) status = check_pattern(c, "rank_pattern", err);
    if (!status) status = check_pattern(c, "alpha_pattern", err);
    if (!status) status = bnt_json_u32(c, "r", &r->rank, err);
    if (!status) status = bnt_json_f64(c, "lora_alpha", &r->alpha, err);
    if (!status) status = bnt_json_bool(c, "use_rslora", &r->root, err);
    if (!status && (r->rank < 1 || r->rank > BNT_MAX_RANK)) {
        status = bnt_fail(err, BANTAM_ERR_FORMAT, "r: expected 1 to %d, found %" PRIu32,
                          BNT_MAX_RANK, r->rank);
    }
    if (!status && (!isfinite((float)r->alpha) || (float)r->alpha == 0.0f)) {
        status = bnt_fail(err, BANTAM_ERR_FORMAT,
                          "lora_alpha: expected a number other than 0, found %g", r->alpha);
    }
    return status ? bnt_fail_within(err, status, "%s: ", BNT_PEFT_CONFIG) : BANTAM_OK;
}

/* ---- tensors ----------------------------------------------------------------------------- */

static bool holds(bantam_text text, const char *part)
{
    const size_t n = strlen(part);
    for (size_t i = 0; i + n <= text.size; i++) {
        if (memcmp(text.data + i, part, n) == 0) return true;
    }
    return false;
}

/* Says what is wrong with a tensor that is no factor of a layer's matrix. */
static bantam_status refuse(const reader *r, bantam_text name, bantam_error *err)
{
    static const struct {
        const char *part, *what;
    } kinds[] = {
        {"lora_magnitude_vector", "adapters with magnitudes (DoRA) are"},
        {"token_embd", "a corrected embedding is"},
        {"embed_tokens", "a corrected embedding is"},
        {"lora_embedding", "a corrected embedding is"},
        {"lm_head", "a corrected head is"},
        {"output.weight", "a corrected head is"},
        {"norm", "a replaced norm is"},
        {"bias", "a bias is"},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (holds(name, kinds[i].part)) {
            return bnt_fail(err, BANTAM_ERR_UNSUPPORTED, "tensor %.*s: %s not supported",
                            BNT_TEXT_ARG(name), kinds[i].what);
        }
    }
    return bnt_fail(err, BANTAM_ERR_FORMAT,
                    "tensor %.*s is no factor of a matrix of the model, which has %" PRIu32
                    " layers",
                    BNT_TEXT_ARG(name), r->model->config.n_layers);
}

/* What stands before the first stranger is known, so that the search is short. */
static bantam_status refuse_stranger(const reader *r, bantam_error *err)
{
    const size_t n_pairs = (size_t)r->model->config.n_layers * BNT_PLACES;
    const pair *const pairs = &r->pairs[0][0];

    for (size_t i = 0; i < bnt_archive_n_tensors(r->archive); i++) {
        const bnt_tensor *const t = bnt_archive_tensor_at(r->archive, i);
        bool known = false;
        for (size_t k = 0; k < n_pairs && !known; k++) {
            known = pairs[k].of[0] == t || pairs[k].of[1] == t;
        }
        if (!known) return refuse(r, t->name, err);
    }
    return BANTAM_OK;
}

static bantam_status find_pairs(reader *r, bantam_error *err)
{
    const uint32_t n_layers = r->model->config.n_layers;
    size_t found = 0;

    r->pairs = bnt_calloc(n_layers, sizeof *r->pairs);
    if (!r->pairs) return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for an adapter");
    for (uint32_t l = 0; l < n_layers; l++) {
        for (int place = 0; place < BNT_PLACES; place++) {
            for (int f = BNT_FACTOR_A; f <= BNT_FACTOR_B; f++) {
                const bnt_adapter_name name =
                    bnt_adapter_tensor(&r->form, l, (bnt_place)place, (bnt_factor)f);
                const bnt_tensor *const t = bnt_archive_find(r->archive, name.text);
                r->pairs[l][place].of[f] = t;
                found += t != NULL;
            }
        }
    }
    if (found != bnt_archive_n_tensors(r->archive)) return refuse_stranger(r, err);
    if (found) return BANTAM_OK;
    return bnt_fail(err, BANTAM_ERR_FORMAT, "the adapter holds no tensors");
}

/* A (rank, columns), B (rows, rank), both plain rows. */
static bantam_status check_factor(const bnt_tensor *t, uint64_t rows, uint64_t columns,
                                  bantam_error *err)
{
    bool flat = true;
    uint64_t bytes = 0;

    for (uint32_t d = 2; d < t->n_dims; d++) {
        flat = flat && t->dims[d] == 1;
    }
    const uint64_t found = t->n_dims > 1 ? t->dims[1] : 1;
    if (!flat || t->dims[0] != columns || found != rows) {
        return bnt_fail(err, BANTAM_ERR_FORMAT,
                        "tensor %.*s: expected shape (%" PRIu64 ", %" PRIu64
                        "), found (%" PRIu64 ", %" PRIu64 ")%s",
                        BNT_TEXT_ARG(t->name), rows, columns, found, t->dims[0],
                        flat ? "" : " and further dimensions");
    }
    if (!t->type || !t->type->decode || !bnt_type_bytes(t->type, rows, columns, &bytes) ||
        bytes != t->bytes) {
        return bnt_fail(err, BANTAM_ERR_UNSUPPORTED, "tensor %.*s: type %.*s is not supported",
                        BNT_TEXT_ARG(t->name), BNT_TEXT_ARG(t->type_name));
    }
    return BANTAM_OK;
}

static bantam_status check_pair(const reader *r, uint32_t layer, bnt_place place,
                                uint32_t *rank, bantam_error *err)
{
    const bnt_tensor *const *const of = r->pairs[layer][place].of;
    const bnt_tensor *const any = of[0] ? of[0] : of[1];
    const bnt_matrix *const w = bnt_layer_matrix(&r->model->layers[layer], place);

    *rank = 0;
    if (!any) return BANTAM_OK;
    if (!of[0] || !of[1]) {
        return bnt_fail(err, BANTAM_ERR_FORMAT, "tensor %.*s: its other factor is missing",
                        BNT_TEXT_ARG(any->name));
    }
    const uint64_t found = of[0]->n_dims > 1 ? of[0]->dims[1] : 1;
    if (found < 1 || found > BNT_MAX_RANK) {
        return bnt_fail(err, BANTAM_ERR_FORMAT,
                        "tensor %.*s: expected a rank of 1 to %d, found %" PRIu64,
                        BNT_TEXT_ARG(of[0]->name), BNT_MAX_RANK, found);
    }
    if (r->config) {
        const bnt_adapter_name module = bnt_adapter_module(r->form.names, layer, place);
        const double stated =
            pattern_value(r->config, "rank_pattern", module.text, (double)r->rank);
        if (stated != (double)found) {
            return bnt_fail(err, BANTAM_ERR_FORMAT,
                            "tensor %.*s: expected the rank %g that %s states, found %" PRIu64,
                            BNT_TEXT_ARG(of[0]->name), stated, BNT_PEFT_CONFIG, found);
        }
    }
    bantam_status status = check_factor(of[0], found, w->columns, err);
    if (!status) status = check_factor(of[1], w->rows, found, err);
    if (!status) *rank = (uint32_t)found;
    return status;
}

static bantam_status check_pairs(const reader *r, bnt_adapter *adapter, bantam_error *err)
{
    for (uint32_t l = 0; l < adapter->n_layers; l++) {
        for (int place = 0; place < BNT_PLACES; place++) {
            const bantam_status status =
                check_pair(r, l, (bnt_place)place, &adapter->layers[l][place].rank, err);
            if (status) return status;
        }
    }
    return BANTAM_OK;
}

/* ---- factors ----------------------------------------------------------------------------- */

/* What b is multiplied by, so that alpha / rank becomes the strength that the file states. */
static double missing_strength(const reader *r, const bnt_adapter *adapter, uint32_t layer,
                               bnt_place place)
{
    const double rank = (double)adapter->layers[layer][place].rank;
    double alpha = r->alpha, strength = 1.0;

    if (r->config) {
        const bnt_adapter_name module = bnt_adapter_module(r->form.names, layer, place);
        alpha = pattern_value(r->config, "alpha_pattern", module.text, alpha);
    }
    if (alpha != 0.0) strength = alpha / (r->root ? sqrt(rank) : rank);
    const double missing = strength * rank / (double)adapter->alpha;
    return fabs(missing - 1.0) < 1e-6 ? 1.0 : missing; /* alpha was rounded to a float */
}

static bantam_status check_values(const bnt_tensor *t, const float *values, size_t n,
                                  bantam_error *err)
{
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(values[i])) {
            return bnt_fail(err, BANTAM_ERR_FORMAT,
                            "tensor %.*s: it holds values that are no finite numbers",
                            BNT_TEXT_ARG(t->name));
        }
    }
    return BANTAM_OK;
}

/* Rows of b go from the file's order to the model's. */
static void read_b(const reader *r, bnt_place place, const bnt_lora *lora, const bnt_matrix *w,
                   const bnt_tensor *t, double factor)
{
    const bnt_pairing to = r->model->config.pairing, from = r->form.names->pairing;
    const size_t row_bytes = (size_t)(t->bytes / w->rows);
    float *const b = (float *)(uintptr_t)lora->b; /* of the adapter that is being made */

    for (uint32_t row = 0; row < w->rows; row++) {
        const uint32_t in_file = bnt_adapter_row(&r->model->config, place, to, from, row);
        float *const out = b + (size_t)row * lora->rank;
        t->type->decode(t->data + in_file * row_bytes, out, lora->rank);
        for (uint32_t k = 0; k < lora->rank; k++) {
            if (factor != 1.0) out[k] = (float)((double)out[k] * factor);
        }
    }
}

static bantam_status read_pair(const reader *r, const bnt_adapter *adapter, uint32_t layer,
                               bnt_place place, bantam_error *err)
{
    const bnt_lora *const lora = &adapter->layers[layer][place];
    const bnt_matrix *const w = bnt_layer_matrix(&r->model->layers[layer], place);
    const pair *const p = &r->pairs[layer][place];
    const size_t n_a = (size_t)lora->rank * w->columns, n_b = (size_t)lora->rank * w->rows;

    if (!lora->rank) return BANTAM_OK;
    p->of[0]->type->decode(p->of[0]->data, (float *)(uintptr_t)lora->a, n_a);
    read_b(r, place, lora, w, p->of[1], missing_strength(r, adapter, layer, place));
    const bantam_status status = check_values(p->of[0], lora->a, n_a, err);
    return status ? status : check_values(p->of[1], lora->b, n_b, err);
}

static bantam_status read_factors(const reader *r, bnt_adapter *adapter, bantam_error *err)
{
    bantam_status status = bnt_adapter_take(adapter, r->model, err);
    if (status) return status;

    adapter->alpha = (float)r->alpha;
    if (r->root) adapter->alpha = (float)(r->alpha * sqrt((double)r->rank));
    if (r->alpha == 0.0) adapter->alpha = (float)adapter->max_rank;
    if (!isfinite(adapter->alpha)) {
        return bnt_fail(err, BANTAM_ERR_FORMAT, "alpha %g is too large", r->alpha);
    }
    for (uint32_t l = 0; l < adapter->n_layers && !status; l++) {
        for (int place = 0; place < BNT_PLACES && !status; place++) {
            status = read_pair(r, adapter, l, (bnt_place)place, err);
        }
    }
    return status ? status : bnt_adapter_ready(adapter, r->model, err);
}

bantam_status bnt_adapter_open(bnt_adapter **out, const bnt_model *model, const char *path,
                               bantam_error *err)
{
    reader r = {.model = model};
    bnt_adapter *adapter = NULL;

    *out = NULL;
    bantam_status status = open_files(&r, path, err); /* whose messages begin with a path */
    if (status) goto done;
    status = r.form.peft ? read_peft(&r, err) : read_gguf(&r, err);
    if (!status) status = find_pairs(&r, err);
    if (!status) status = bnt_adapter_new(&adapter, model, err);
    if (!status) status = check_pairs(&r, adapter, err);
    if (!status) status = read_factors(&r, adapter, err);
    if (status) {
        bnt_fail_within(err, status, "%s: ", path);
    } else {
        status = bnt_archive_check(r.archive, err);
    }
    if (!status) {
        *out = adapter;
        adapter = NULL;
    }

done:
    bnt_adapter_close(adapter);
    reader_deinit(&r);
    return status;
}
