/* packed.c - matrices that others quantized; see packed.h.
 *
 * GPTQ (arXiv 2210.17323) packs eight rows of the transposed matrix into one 32-bit word, the
 * first lowest; zeros are stored less one but in the format's second version. AWQ (arXiv
 * 2306.00978) packs eight columns of it, in the order 0 2 4 6 1 3 5 7. Both have w = scale (q -
 * zero) with a scale and a zero for each group of inputs. Where all zeros are 8 and groups are
 * whole blocks that is what Q4_0 is, and nothing is lost; elsewhere values become F16, as in
 * the kernels of their authors. FP8 is e4m3 times one scale, or one for each row.
 */
#include "format/packed.h"

#include "base/error.h"
#include "base/f16.h"
#include "base/mem.h"
#include "base/text.h"
#include "format/archive_parts.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { PER_WORD = 8, Q4_0_BYTES = 18, Q4_0_VALUES = 32, NIBBLE = 15 };

typedef enum method { GPTQ, GPTQ_V2, AWQ, FP8 } method;

typedef struct matrix {
    char name[BNT_MAX_TENSOR_NAME];
    bnt_tensor tensor; /* rows are outputs; data NULL until it is unpacked */
    method method;
    const bnt_tensor *codes, *zeros, *scales, *order; /* order: GPTQ's g_idx, or NULL */
    uint64_t group;                                   /* inputs that share a scale */
    uint8_t *values;                                  /* owns */
} matrix;

struct bnt_packed {
    const bnt_archive *archive;
    matrix *matrices; /* (n) owns */
    size_t n;
    const bnt_tensor **list; /* owns, while the table is made anew */
};

/* How quantization_config says the folder was made. */
typedef struct stated {
    method method;
    uint32_t group; /* 0: all inputs */
} stated;

static bantam_status refuse(const matrix *m, bantam_error *err, const char *what)
{
    return bnt_fail(err, BANTAM_ERR_FORMAT, "tensor %s: %s", m->name, what);
}

/* ---- the config -------------------------------------------------------------------------- */

static bantam_status read_bits(const json_t *q, stated *out, bantam_error *err)
{
    uint32_t bits = 4;
    json_t *const group = json_object_get(q, "group_size");
    const bantam_status status =
        bnt_json_u32(q, json_object_get(q, "w_bit") ? "w_bit" : "bits", &bits, err);

    if (status) return bnt_fail_within(err, status, "quantization_config: ");
    if (bits != 4) {
        return bnt_fail(err, BANTAM_ERR_UNSUPPORTED,
                        "quantization_config: bits: expected 4, found %" PRIu32, bits);
    }
    const json_int_t size = json_is_integer(group) ? json_integer_value(group) : 128;
    if (size != -1 && (size < 1 || size > BNT_MAX_EMBD)) {
        return bnt_fail(err, BANTAM_ERR_FORMAT,
                        "quantization_config: group_size: expected -1 or 1 to %d",
                        (int)BNT_MAX_EMBD);
    }
    out->group = size == -1 ? 0 : (uint32_t)size;
    return BANTAM_OK;
}

static bantam_status read_stated(const json_t *config, stated *out, bantam_error *err)
{
    const json_t *const q = json_object_get(config, "quantization_config");
    const bantam_text how = bnt_json_text(json_object_get(q, "quant_method"));
    const bantam_text form = bnt_json_text(json_object_get(q, "checkpoint_format"));
    const bantam_text version = bnt_json_text(json_object_get(q, "version"));

    *out = (stated){FP8, 0};
    if (bnt_text_is(how, "gptq")) {
        if (form.size && !bnt_text_is(form, "gptq") && !bnt_text_is(form, "gptq_v2")) {
            return bnt_fail(err, BANTAM_ERR_UNSUPPORTED,
                            "quantization_config: checkpoint_format: expected gptq or gptq_v2, "
                            "found %.*s",
                            BNT_TEXT_ARG(form));
        }
        out->method = bnt_text_is(form, "gptq_v2") ? GPTQ_V2 : GPTQ;
        return read_bits(q, out, err);
    }
    if (bnt_text_is(how, "awq")) {
        if (version.size && !bnt_text_is(version, "gemm") && !bnt_text_is(version, "GEMM")) {
            return bnt_fail(err, BANTAM_ERR_UNSUPPORTED,
                            "quantization_config: version: expected gemm, found %.*s",
                            BNT_TEXT_ARG(version));
        }
        out->method = AWQ;
        return read_bits(q, out, err);
    }
    if (how.size && !bnt_text_is(how, "fp8")) {
        return bnt_fail(err, BANTAM_ERR_UNSUPPORTED,
                        "quantization_config: quant_method: expected gptq, awq or fp8, found "
                        "%.*s",
                        BNT_TEXT_ARG(how));
    }
    return BANTAM_OK;
}

/* ---- parts ------------------------------------------------------------------------------- */

/* Another part of the matrix; NULL where there is none. */
static const bnt_tensor *part(const bnt_packed *p, const matrix *m, const char *suffix)
{
    char name[BNT_MAX_TENSOR_NAME + 32];
    const size_t stem = strlen(m->name) - strlen("weight");
    snprintf(name, sizeof name, "%.*s%s", (int)stem, m->name, suffix);
    return bnt_archive_find(p->archive, name);
}

static bool is_words(const bnt_tensor *t, uint64_t columns, uint64_t rows)
{
    return t && t->n_dims == 2 && t->dims[0] == columns && t->dims[1] == rows &&
           (bnt_text_is(t->type_name, "I32") || bnt_text_is(t->type_name, "U32"));
}

static uint32_t word(const bnt_tensor *t, uint64_t at)
{
    uint32_t w;
    memcpy(&w, t->data + 4 * at, sizeof w);
    return w;
}

static uint64_t groups_of(const matrix *m)
{
    return (m->tensor.dims[0] + m->group - 1) / m->group;
}

static bantam_status check_order(const matrix *m, bool *in_order, bantam_error *err)
{
    *in_order = true;
    if (!m->order) return BANTAM_OK;
    if (m->order->n_dims != 1 || m->order->dims[0] != m->tensor.dims[0] ||
        !bnt_text_is(m->order->type_name, "I32")) {
        return refuse(m, err, "g_idx: expected a group for each input, I32");
    }
    for (uint64_t i = 0; i < m->tensor.dims[0]; i++) {
        if (word(m->order, i) >= groups_of(m)) {
            return bnt_fail(err, BANTAM_ERR_FORMAT,
                            "tensor %s: g_idx: input %" PRIu64 " is in group %" PRIu32
                            " of %" PRIu64,
                            m->name, i, word(m->order, i), groups_of(m));
        }
        if (word(m->order, i) != i / m->group) *in_order = false;
    }
    return BANTAM_OK;
}

/* Whether every zero is 8, as symmetric quantization has it. */
static bool is_symmetric(const matrix *m)
{
    const uint32_t eights = m->method == GPTQ ? 0x77777777u : 0x88888888u;
    for (uint64_t i = 0; i < m->zeros->bytes / 4; i++) {
        if (word(m->zeros, i) != eights) return false;
    }
    return true;
}

/* qweight, qzeros, scales and g_idx held against each other; says what the values become. */
static bantam_status check_words(bnt_packed *p, matrix *m, const stated *s, bantam_error *err)
{
    const bool awq = s->method == AWQ;
    const uint64_t *const d = m->codes->dims;
    bnt_tensor *const t = &m->tensor;
    bool in_order;

    if (!is_words(m->codes, d[0], d[1]) || d[0] > BNT_MAX_VOCAB || d[1] > BNT_MAX_VOCAB) {
        return refuse(m, err, "qweight: expected a matrix of I32");
    }
    t->n_dims = 2;
    t->dims[0] = awq ? d[1] : d[1] * PER_WORD; /* inputs */
    t->dims[1] = awq ? d[0] * PER_WORD : d[0]; /* outputs */
    t->dims[2] = t->dims[3] = 1;
    if (t->dims[0] == 0 || t->dims[1] == 0 || t->dims[1] % PER_WORD) {
        return refuse(m, err, "qweight: expected inputs and outputs, in whole words");
    }
    m->group = s->group ? s->group : t->dims[0];
    m->zeros = part(p, m, "qzeros");
    m->scales = part(p, m, "scales");
    m->order = part(p, m, "g_idx");
    if (!is_words(m->zeros, t->dims[1] / PER_WORD, groups_of(m))) {
        return refuse(m, err, "qzeros: expected one for each group and output, I32 by eight");
    }
    if (!m->scales || !m->scales->type || m->scales->type->block_values != 1 ||
        m->scales->n_dims != 2 || m->scales->dims[0] != t->dims[1] ||
        m->scales->dims[1] != groups_of(m)) {
        return refuse(m, err, "scales: expected a float for each group and output");
    }
    const bantam_status status = check_order(m, &in_order, err);
    if (status) return status;
    const bool exact = in_order && m->group % Q4_0_VALUES == 0 &&
                       t->dims[0] % Q4_0_VALUES == 0 && m->scales->type->id == BNT_TYPE_F16 &&
                       is_symmetric(m);
    t->type = bnt_type_find(exact ? BNT_TYPE_Q4_0 : BNT_TYPE_F16);
    return BANTAM_OK;
}

static bantam_status check_fp8(bnt_packed *p, matrix *m, bantam_error *err)
{
    bnt_tensor *const t = &m->tensor;

    m->scales = part(p, m, "weight_scale_inv");
    if (!m->scales) m->scales = part(p, m, "weight_scale");
    *t = *m->codes;
    const bnt_tensor *const s = m->scales;
    const uint64_t n = s ? s->dims[0] * s->dims[1] * s->dims[2] * s->dims[3] : 0;
    if (t->n_dims != 2 || !s || !s->type || s->type->block_values != 1 ||
        (n != 1 && n != t->dims[1]) || (n != 1 && s->n_dims == 2 && s->dims[0] != 1)) {
        return refuse(m, err,
                      "weight_scale_inv: expected one float for the matrix or for each row");
    }
    t->type = bnt_type_find(BNT_TYPE_F16);
    return BANTAM_OK;
}

/* ---- the table --------------------------------------------------------------------------- */

/* What this tensor is of a packed matrix: its codes are the matrix, other parts fall away. FP8
 * without a scale is nobody's way to store a matrix. */
typedef enum role { PLAIN, CODES, OTHER } role;

static bool has_scale(const bnt_archive *a, const bnt_tensor *t)
{
    char name[BNT_MAX_TENSOR_NAME + 16];
    if (t->name.size >= BNT_MAX_TENSOR_NAME) return false;
    snprintf(name, sizeof name, "%.*s_scale_inv", BNT_TEXT_ARG(t->name));
    if (bnt_archive_find(a, name)) return true;
    name[strlen(name) - strlen("_inv")] = '\0';
    return bnt_archive_find(a, name) != NULL;
}

static role role_of(const bnt_archive *a, const bnt_tensor *t, bool words)
{
    static const char *const others[] = {".qzeros", ".scales", ".g_idx"};
    static const char *const fp8[] = {".weight_scale_inv", ".weight_scale", ".activation_scale",
                                      ".input_scale"};
    if (words && bnt_text_ends_with(t->name, ".qweight")) return CODES;
    if (!words && bnt_text_is(t->type_name, "F8_E4M3") &&
        bnt_text_ends_with(t->name, ".weight") && has_scale(a, t)) {
        return CODES;
    }
    for (size_t i = 0; words && i < sizeof others / sizeof *others; i++) {
        if (bnt_text_ends_with(t->name, others[i])) return OTHER;
    }
    for (size_t i = 0; !words && i < sizeof fp8 / sizeof *fp8; i++) {
        if (bnt_text_ends_with(t->name, fp8[i])) return OTHER;
    }
    return PLAIN;
}

/* GPTQ's tools write biases of zeros for models that have none. */
static bool is_no_bias(const bnt_archive *a, const bnt_tensor *t)
{
    char name[BNT_MAX_TENSOR_NAME + 16];
    if (!bnt_text_ends_with(t->name, ".bias") || t->name.size >= BNT_MAX_TENSOR_NAME) {
        return false;
    }
    snprintf(name, sizeof name, "%.*sqweight", (int)(t->name.size - strlen("bias")),
             t->name.data);
    if (!bnt_archive_find(a, name)) return false;
    for (uint64_t i = 0; i < t->bytes; i++) {
        if (t->data[i]) return false;
    }
    return true;
}

static bantam_status add_matrix(bnt_packed *p, const bnt_tensor *codes, const stated *s,
                                bantam_error *err)
{
    matrix *const m = &p->matrices[p->n];
    const bool words = s->method != FP8;
    const size_t stem = codes->name.size - strlen(words ? "qweight" : "weight");

    if (stem + strlen("weight") >= sizeof m->name) {
        return bnt_fail(err, BANTAM_ERR_FORMAT, "tensor %.*s: the name is too long",
                        BNT_TEXT_ARG(codes->name));
    }
    snprintf(m->name, sizeof m->name, "%.*sweight", (int)stem, codes->name.data);
    m->method = s->method;
    m->codes = codes;
    p->n++;
    const bantam_status status = words ? check_words(p, m, s, err) : check_fp8(p, m, err);
    if (status) return status;
    bnt_tensor *const t = &m->tensor;
    t->name = (bantam_text){m->name, strlen(m->name)};
    t->type_name = (bantam_text){t->type->name, strlen(t->type->name)};
    t->data = NULL;
    if (bnt_type_bytes(t->type, t->dims[1], t->dims[0], &t->bytes)) return BANTAM_OK;
    return refuse(m, err, "too large");
}

/* The archive's table anew: plain tensors, and matrices in place of their codes. */
static bantam_status replace_table(bnt_packed *p, bnt_archive *a, const stated *s,
                                   bantam_error *err)
{
    const bool words = s->method != FP8;
    bnt_table names = {0};
    size_t n = 0, next = 0;
    bantam_status status = bnt_table_init(&names, a->n_tensors, err);

    for (size_t i = 0; i < a->n_tensors && !status; i++) {
        const bnt_tensor *const old = a->tensors[i];
        const role is = role_of(a, old, words);
        uint32_t found = BNT_TABLE_NONE;
        if (is == OTHER || (words && is_no_bias(a, old))) continue;
        const bnt_tensor *const t = is == CODES ? &p->matrices[next++].tensor : old;
        status = bnt_table_put(&names, t->name, (uint32_t)n, &found, err);
        if (!status && found != BNT_TABLE_NONE) {
            status = bnt_fail(err, BANTAM_ERR_FORMAT, "tensor %.*s is there twice, once packed",
                              BNT_TEXT_ARG(t->name));
        }
        p->list[n++] = t;
    }
    if (status) {
        bnt_table_deinit(&names);
        return status;
    }
    memcpy((void *)a->tensors, (const void *)p->list, n * sizeof *a->tensors);
    a->n_tensors = n;
    bnt_table_deinit(&a->names);
    a->names = names;
    return BANTAM_OK;
}

bantam_status bnt_packed_find(bnt_packed **out, bnt_archive *a, bantam_error *err)
{
    stated s;
    size_t n = 0;
    bantam_status status = read_stated(a->config, &s, err);

    *out = NULL;
    for (size_t i = 0; i < a->n_tensors; i++) {
        n += role_of(a, a->tensors[i], s.method != FP8) == CODES;
    }
    if (status || n == 0) return status;
    bnt_packed *const p = bnt_calloc(1, sizeof *p);
    if (p) {
        p->archive = a;
        p->matrices = bnt_calloc(n, sizeof *p->matrices);
        p->list = (const bnt_tensor **)bnt_calloc(a->n_tensors, sizeof(const bnt_tensor *));
    }
    if (!p || !p->matrices || !p->list) {
        bnt_packed_close(p);
        return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for %zu packed matrices", n);
    }
    for (size_t i = 0; i < a->n_tensors && !status; i++) {
        const bnt_tensor *const t = a->tensors[i];
        if (role_of(a, t, s.method != FP8) == CODES) status = add_matrix(p, t, &s, err);
    }
    if (!status) status = replace_table(p, a, &s, err);
    bnt_free((void *)p->list);
    p->list = NULL;
    if (status) {
        bnt_packed_close(p);
        return status;
    }
    *out = p;
    return BANTAM_OK;
}

void bnt_packed_close(bnt_packed *p)
{
    if (!p) return;
    for (size_t i = 0; i < p->n; i++) {
        bnt_free(p->matrices[i].values);
    }
    bnt_free(p->matrices);
    bnt_free((void *)p->list);
    bnt_free(p);
}

/* ---- values ------------------------------------------------------------------------------ */

static uint32_t nibble(uint32_t w, uint32_t place)
{
    return w >> (4 * place) & NIBBLE;
}

/* Where AWQ has the k'th of eight. */
static uint32_t awq_place(uint64_t k)
{
    static const uint8_t places[PER_WORD] = {0, 4, 1, 5, 2, 6, 3, 7};
    return places[k % PER_WORD];
}

/* The code of an input, row of an output. */
static uint32_t code_at(const matrix *m, uint64_t row, uint64_t input)
{
    const uint64_t rows = m->tensor.dims[1];
    if (m->method == AWQ) {
        return nibble(word(m->codes, input * (rows / PER_WORD) + row / PER_WORD),
                      awq_place(row));
    }
    return nibble(word(m->codes, input / PER_WORD * rows + row), (uint32_t)(input % PER_WORD));
}

static int zero_at(const matrix *m, uint64_t row, uint64_t group)
{
    const uint64_t rows = m->tensor.dims[1];
    const uint32_t w = word(m->zeros, group * (rows / PER_WORD) + row / PER_WORD);
    const uint32_t place = m->method == AWQ ? awq_place(row) : (uint32_t)(row % PER_WORD);
    return (int)nibble(w, place) + (m->method == GPTQ ? 1 : 0);
}

static float scale_at(const bnt_tensor *scales, uint64_t at)
{
    float value;
    scales->type->decode(scales->data + at * scales->type->block_bytes, &value, 1);
    return value;
}

/* One row as Q4_0: a half, then sixteen bytes of which the low nibbles come first. False where
 * a scale is no number. */
static bool unpack_exactly(const matrix *m, uint64_t row, uint8_t *out)
{
    bool finite = true;
    for (uint64_t at = 0; at < m->tensor.dims[0]; at += Q4_0_VALUES, out += Q4_0_BYTES) {
        const uint64_t scale = at / m->group * m->tensor.dims[1] + row;
        finite = finite && isfinite(scale_at(m->scales, scale));
        memcpy(out, m->scales->data + 2 * scale, 2);
        for (uint64_t i = 0; i < Q4_0_VALUES / 2; i++) {
            out[2 + i] = (uint8_t)(code_at(m, row, at + i) |
                                   code_at(m, row, at + i + Q4_0_VALUES / 2) << 4);
        }
    }
    return finite;
}

/* False where the value is no number, or none that a half can have. */
static bool put_half(uint8_t *out, float value)
{
    const float largest = 65504.0f;
    const uint16_t half = bnt_f32_to_f16(value);
    out[0] = (uint8_t)half;
    out[1] = (uint8_t)(half >> 8);
    return fabsf(value) <= largest;
}

static bool unpack_halves(const matrix *m, uint64_t row, uint8_t *out)
{
    bool finite = true;
    for (uint64_t i = 0; i < m->tensor.dims[0]; i++) {
        const uint64_t group = m->order ? word(m->order, i) : i / m->group;
        const int code = (int)code_at(m, row, i) - zero_at(m, row, group);
        const float scale = scale_at(m->scales, group * m->tensor.dims[1] + row);
        finite = put_half(out + 2 * i, scale * (float)code) && finite;
    }
    return finite;
}

/* e4m3 as hardware has it: no infinities, one NaN of either sign, exponents from -6. */
static float e4m3(uint8_t byte)
{
    const int exponent = byte >> 3 & 15, fraction = byte & 7;
    const float sign = byte & 0x80 ? -1.0f : 1.0f;
    if ((byte & 0x7F) == 0x7F) return NAN;
    return sign * (exponent ? ldexpf((float)(8 + fraction), exponent - 10)
                            : ldexpf((float)fraction, -9));
}

static bool unpack_fp8(const matrix *m, uint64_t row, uint8_t *out)
{
    const uint64_t n = m->tensor.dims[0];
    const bool by_row = m->scales->dims[0] * m->scales->dims[1] > 1;
    const float scale = scale_at(m->scales, by_row ? row : 0);
    bool finite = true;

    for (uint64_t i = 0; i < n; i++) {
        finite = put_half(out + 2 * i, e4m3(m->codes->data[row * n + i]) * scale) && finite;
    }
    return finite;
}

static bantam_status unpack(matrix *m, bantam_error *err)
{
    bnt_tensor *const t = &m->tensor;
    const uint64_t row_bytes = t->bytes / t->dims[1];
    bool finite = true;

    bnt_free(m->values); /* of a try that failed */
    m->values = t->bytes <= SIZE_MAX ? bnt_alloc((size_t)t->bytes) : NULL;
    if (!m->values) {
        return bnt_fail(err, BANTAM_ERR_NOMEM,
                        "tensor %s: out of memory for %" PRIu64 " bytes of unpacked values",
                        m->name, t->bytes);
    }
    for (uint64_t r = 0; r < t->dims[1] && finite; r++) {
        uint8_t *const out = m->values + r * row_bytes;
        if (m->method == FP8) {
            finite = unpack_fp8(m, r, out);
        } else if (t->type->id == BNT_TYPE_Q4_0) {
            finite = unpack_exactly(m, r, out);
        } else {
            finite = unpack_halves(m, r, out);
        }
    }
    if (!finite) return refuse(m, err, "a value is no number, or too large for 16 bits");
    t->data = m->values;
    return BANTAM_OK;
}

bantam_status bnt_packed_unpack(bnt_packed *p, bantam_error *err)
{
    bantam_status status = BANTAM_OK;
    for (size_t i = 0; i < p->n && !status; i++) {
        if (!p->matrices[i].tensor.data) status = unpack(&p->matrices[i], err);
    }
    return status;
}
