/* Models in fewer bits: which type every tensor gets, that rows come out as the encoders make
 * them whatever the threads, what the report says, and what is refused. */
#include "compress/quantize.h"

#include <math.h>

#include "base/mem.h"
#include "compress/convert.h"
#include "format/archive.h"
#include "model/model.h"
#include "quant/tile.h"
#include "temp_folder.h"
#include "tiny_model.h"

enum { MAX_REPORTS = 64 };

/* What the library reported; names and types outlive the call. */
typedef struct reports {
    size_t n;
    struct {
        char name[64];
        bantam_quantized tensor;
    } of[MAX_REPORTS];
    uint64_t done, total; /* the last progress */
    int left;             /* how often progress says to go on */
} reports;

static void on_tensor(void *user, const bantam_quantized *t)
{
    reports *const r = user;
    assert_true(r->n < MAX_REPORTS && t->name.size < sizeof r->of[0].name);
    memcpy(r->of[r->n].name, t->name.data, t->name.size);
    r->of[r->n].name[t->name.size] = '\0';
    r->of[r->n++].tensor = *t;
}

static bool on_progress(void *user, uint64_t done, uint64_t total)
{
    reports *const r = user;
    assert_true(done >= r->done && done <= total);
    assert_true(r->total == 0 || r->total == total);
    r->done = done;
    r->total = total;
    return r->left-- > 0;
}

/* Two layers, width 64, 96 in the middle, 40 tokens. */
static const tiny_spec small = {.n_embd = 64, .n_heads = 4, .head_dim = 16, .n_ffn = 96};

static bantam_quantize_options options_of(const char *type, reports *r)
{
    *r = (reports){.left = 1 << 20};
    return (bantam_quantize_options){.struct_size = sizeof(bantam_quantize_options),
                                     .type = type,
                                     .threads = 1,
                                     .progress = on_progress,
                                     .report = on_tensor,
                                     .user = r};
}

static bnt_archive *open_archive(const char *path)
{
    bnt_archive *archive;
    bantam_error err;
    if (bnt_archive_open(&archive, path, &err)) fail_msg("%s", err.message);
    return archive;
}

static const char *type_of(const bnt_archive *a, const char *name)
{
    const bnt_tensor *const t = bnt_archive_find(a, name);
    assert_non_null(t);
    return t->type->name;
}

static void quantize(const char *in, const char *out, const bantam_quantize_options *o)
{
    bantam_error err;
    if (bnt_quantize(in, out, o, &err)) fail_msg("%s", err.message);
}

/* ---- types ------------------------------------------------------------------------------- */

static void matrices_get_four_bits_and_the_embedding_eight(void **state)
{
    (void)state;
    temp_folder t;
    reports r;

    temp_make(&t);
    const char *const in = temp_path(&t, "in.gguf"), *const out = temp_path(&t, "out.gguf");
    tiny_write(in, &(tiny_spec){.n_embd = 64, .head_dim = 16, .n_ffn = 96, .untied = true});
    const bantam_quantize_options o = options_of(NULL, &r);
    quantize(in, out, &o);

    bnt_archive *const a = open_archive(out);
    assert_string_equal(type_of(a, "token_embd.weight"), "B8");
    assert_string_equal(type_of(a, "output.weight"), "B8");
    assert_string_equal(type_of(a, "blk.0.attn_q.weight"), "B4");
    assert_string_equal(type_of(a, "blk.1.ffn_down.weight"), "B4");
    assert_string_equal(type_of(a, "blk.1.ffn_norm.weight"), "F32");
    assert_string_equal(type_of(a, "output_norm.weight"), "F32");
    for (size_t i = 0; i < bnt_archive_n_tensors(a); i++) {
        assert_int_equal((uintptr_t)bnt_archive_tensor_at(a, i)->data % 64, 0);
    }
    bantam_text kind = {0};
    const bnt_gguf *const g = bnt_archive_gguf(a);
    assert_int_equal(bnt_gguf_text(g, "bantam.file_type", &kind, NULL), BANTAM_OK);
    assert_int_equal(kind.size, 2);
    assert_memory_equal(kind.data, "B4", 2);
    assert_null(bnt_gguf_find(g, "general.file_type"));
    assert_int_equal(r.done, r.total);
    assert_int_equal(r.total, bnt_archive_bytes(a));
    bnt_archive_close(a);
    temp_remove(&t);
}

/* Rows of 50 values. */
static void rows_that_are_no_whole_blocks_become_f16(void **state)
{
    (void)state;
    temp_folder t;
    reports r;
    unsigned n_wanted = 0;

    temp_make(&t);
    const char *const in = temp_path(&t, "in.gguf"), *const out = temp_path(&t, "out.gguf");
    tiny_write(in, &(tiny_spec){.n_ffn = 50});
    const bantam_quantize_options o = options_of("B4", &r);
    quantize(in, out, &o);

    for (size_t i = 0; i < r.n; i++) {
        const bool down = strstr(r.of[i].name, "ffn_down") != NULL;
        assert_int_equal(r.of[i].tensor.wanted != NULL, down);
        if (!down) continue;
        assert_string_equal(r.of[i].tensor.wanted, "B4");
        assert_string_equal(r.of[i].tensor.type, "F16");
        assert_true(r.of[i].tensor.squared_error < 1e-6 * r.of[i].tensor.squared_values);
        n_wanted++;
    }
    assert_int_equal(n_wanted, 2);
    bnt_archive *const a = open_archive(out);
    assert_string_equal(type_of(a, "blk.0.ffn_down.weight"), "F16");
    assert_string_equal(type_of(a, "blk.0.ffn_up.weight"), "B4");
    bnt_archive_close(a);
    temp_remove(&t);
}

static void types_of_embedding_and_output_are_chosen(void **state)
{
    (void)state;
    static const struct {
        const char *type, *embedding, *output;
        const char *want_layer, *want_embedding, *want_output;
    } cases[] = {
        {"b4", "b4", "f16", "B4", "B4", "F16"},
        {"b8", NULL, "q8_0", "B8", "B8", "Q8_0"},
        {"q8_0", NULL, NULL, "Q8_0", "Q8_0", "Q8_0"},
        {"q4_0", NULL, "b4", "Q4_0", "Q8_0", "B4"},
        {"Q4_0", "F32", "BF16", "Q4_0", "F32", "BF16"},
    };
    temp_folder t;
    reports r;

    temp_make(&t);
    const char *const in = temp_path(&t, "in.gguf"), *const out = temp_path(&t, "out.gguf");
    tiny_write(in, &(tiny_spec){.untied = true, .n_ffn = 64});
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bantam_quantize_options o = options_of(cases[i].type, &r);
        o.embedding = cases[i].embedding;
        o.output = cases[i].output;
        quantize(in, out, &o);
        bnt_archive *const a = open_archive(out);
        assert_string_equal(type_of(a, "blk.1.attn_k.weight"), cases[i].want_layer);
        assert_string_equal(type_of(a, "token_embd.weight"), cases[i].want_embedding);
        assert_string_equal(type_of(a, "output.weight"), cases[i].want_output);
        bnt_archive_close(a);
    }
    temp_remove(&t);
}

/* ---- values ------------------------------------------------------------------------------ */

/* Sums over a tensor of both files, row by row. */
static void measure(const bnt_tensor *was, const bnt_tensor *is, double *error, double *energy)
{
    float x[96], y[96];
    const size_t columns = (size_t)was->dims[0];

    assert_true(columns <= 96);
    *error = *energy = 0.0;
    for (size_t r = 0; r < was->dims[1]; r++) {
        bnt_type_decode_row(was->type, was->data, columns, r, x);
        bnt_type_decode_row(is->type, is->data, columns, r, y);
        for (size_t c = 0; c < columns; c++) {
            *error += ((double)y[c] - (double)x[c]) * ((double)y[c] - (double)x[c]);
            *energy += (double)x[c] * (double)x[c];
        }
    }
}

static void what_is_searched_loses_no_more_than_what_is_converted(void **state)
{
    (void)state;
    static const char *const types[] = {"Q8_0", "Q4_0"};
    temp_folder t;
    reports r;

    temp_make(&t);
    const char *const in = temp_path(&t, "in.gguf");
    const char *const a = temp_path(&t, "a.gguf"), *const b = temp_path(&t, "b.gguf");
    /* An embedding of more than one slice, whose last group is short. */
    tiny_write(in, &(tiny_spec){.untied = true, .n_ffn = 64, .n_vocab = 33333});
    for (size_t i = 0; i < 2; i++) {
        const bantam_quantize_options o = options_of(types[i], &r);
        const bantam_convert_options c = {.struct_size = sizeof c, .type = types[i]};
        quantize(in, a, &o);
        assert_int_equal(bnt_convert(in, b, &c, NULL), BANTAM_OK);
        bnt_archive *const was = open_archive(in), *const x = open_archive(a),
                           *const y = open_archive(b);
        assert_int_equal(bnt_archive_bytes(x), bnt_archive_bytes(y));
        for (size_t k = 0; k < bnt_archive_n_tensors(was); k++) {
            const bnt_tensor *const tensor = bnt_archive_tensor_at(was, k);
            double searched, converted, energy;
            if (tensor->n_dims < 2) continue;
            measure(tensor, bnt_archive_tensor_at(x, k), &searched, &energy);
            measure(tensor, bnt_archive_tensor_at(y, k), &converted, &energy);
            assert_true(searched <= converted && searched > 0.0);
        }
        bnt_archive_close(was);
        bnt_archive_close(x);
        bnt_archive_close(y);
    }
    temp_remove(&t);
}

static void the_report_says_what_was_lost(void **state)
{
    (void)state;
    temp_folder t;
    reports r;

    temp_make(&t);
    const char *const in = temp_path(&t, "in.gguf"), *const out = temp_path(&t, "out.gguf");
    tiny_write(in, &small);
    const bantam_quantize_options o = options_of("B4", &r);
    quantize(in, out, &o);
    bnt_archive *const was = open_archive(in), *const is = open_archive(out);
    assert_int_equal(r.n, bnt_archive_n_tensors(was));
    assert_int_equal(bnt_archive_n_tensors(is), r.n);
    for (size_t i = 0; i < r.n; i++) {
        const bantam_quantized *const q = &r.of[i].tensor;
        const bnt_tensor *const a = bnt_archive_tensor_at(was, i);
        const bnt_tensor *const b = bnt_archive_tensor_at(is, i);
        double error, energy;
        assert_memory_equal(r.of[i].name, a->name.data, a->name.size);
        assert_memory_equal(b->name.data, a->name.data, a->name.size);
        assert_string_equal(q->from, "F32");
        assert_string_equal(q->type, b->type->name);
        assert_int_equal(q->bytes, b->bytes);
        assert_int_equal(q->n_values, a->dims[0] * a->dims[1]);
        measure(a, b, &error, &energy);
        assert_true(error <= 0.0075 * energy); /* uniform values */
        if (a->n_dims < 2) {
            assert_true(q->squared_error == 0.0 && q->squared_values == 0.0);
            assert_true(error == 0.0);
            continue;
        }
        assert_true(error > 0.0);
        assert_true(fabs(q->squared_error - error) <= 1e-9 * error);
        assert_true(fabs(q->squared_values - energy) <= 1e-9 * energy);
    }
    bnt_archive_close(was);
    bnt_archive_close(is);
    temp_remove(&t);
}

static void threads_change_no_bit(void **state)
{
    (void)state;
    static const char *const types[] = {"B4", "B8", "Q4_0"};
    static const uint32_t threads[] = {2, 3, 7, 0};
    temp_folder t;
    reports r;

    temp_make(&t);
    const char *const in = temp_path(&t, "in.gguf");
    const char *const one = temp_path(&t, "one.gguf"), *const many = temp_path(&t, "many.gguf");
    tiny_write(in, &(tiny_spec){.n_embd = 64, .head_dim = 16, .n_ffn = 96, .n_vocab = 333});
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        size_t size, other;
        bantam_quantize_options o = options_of(types[i], &r);
        quantize(in, one, &o);
        char *const want = read_whole(one, &size);
        for (size_t n = 0; n < sizeof threads / sizeof *threads; n++) {
            o = options_of(types[i], &r);
            o.threads = threads[n];
            quantize(in, many, &o);
            char *const got = read_whole(many, &other);
            assert_int_equal(other, size);
            assert_memory_equal(got, want, size);
            free(got);
        }
        free(want);
    }
    temp_remove(&t);
}

/* Rows of a folder's q and k are brought into GGUF's order before they are encoded. */
static void a_folder_is_quantized_as_its_conversion_is(void **state)
{
    (void)state;
    temp_folder t;
    reports r;

    if (!shared_found(1)) skip();
    temp_make(&t);
    const char *const folder = shared_path("goldens/lm/llama32-a/hf");
    const char *const whole = temp_path(&t, "whole.gguf");
    const char *const a = temp_path(&t, "a.gguf"), *const b = temp_path(&t, "b.gguf");
    const bantam_convert_options c = {.struct_size = sizeof c, .type = "F32"};
    assert_int_equal(bnt_convert(folder, whole, &c, NULL), BANTAM_OK);
    bantam_quantize_options o = options_of("B4", &r);
    quantize(folder, a, &o);
    o = options_of("B4", &r);
    quantize(whole, b, &o);

    bnt_archive *const x = open_archive(a), *const y = open_archive(b);
    assert_int_equal(bnt_archive_n_tensors(x), bnt_archive_n_tensors(y));
    for (size_t i = 0; i < bnt_archive_n_tensors(y); i++) {
        const bnt_tensor *const want = bnt_archive_tensor_at(y, i);
        char name[64];
        snprintf(name, sizeof name, "%.*s", (int)want->name.size, want->name.data);
        const bnt_tensor *const got = bnt_archive_find(x, name);
        assert_non_null(got);
        assert_ptr_equal(got->type, want->type);
        assert_int_equal(got->bytes, want->bytes);
        assert_memory_equal(got->data, want->data, (size_t)want->bytes);
    }
    bnt_archive_close(x);
    bnt_archive_close(y);
    temp_remove(&t);
}

/* ---- there and back ---------------------------------------------------------------------- */

static void what_is_quantized_converts_back_to_floats(void **state)
{
    (void)state;
    temp_folder t;
    reports r;
    uint32_t number = 99;

    temp_make(&t);
    const char *const in = temp_path(&t, "in.gguf"), *const b4 = temp_path(&t, "b4.gguf");
    const char *const copy = temp_path(&t, "copy.gguf"), *const back = temp_path(&t, "f.gguf");
    tiny_write(in, &small);
    const bantam_quantize_options o = options_of("B4", &r);
    quantize(in, b4, &o);

    const bantam_convert_options as_is = {.struct_size = sizeof as_is};
    size_t size, copy_size;
    assert_int_equal(bnt_convert(b4, copy, &as_is, NULL), BANTAM_OK);
    char *const bytes = read_whole(b4, &size), *const copied = read_whole(copy, &copy_size);
    assert_int_equal(size, copy_size);
    assert_memory_equal(bytes, copied, size);
    free(bytes);
    free(copied);

    const bantam_convert_options floats = {.struct_size = sizeof floats, .type = "F32"};
    assert_int_equal(bnt_convert(b4, back, &floats, NULL), BANTAM_OK);
    bnt_archive *const a = open_archive(b4), *const b = open_archive(back);
    for (size_t i = 0; i < bnt_archive_n_tensors(a); i++) {
        double error, energy;
        const bnt_tensor *const now = bnt_archive_tensor_at(b, i);
        assert_string_equal(now->type->name, "F32");
        measure(bnt_archive_tensor_at(a, i), now, &error, &energy);
        assert_true(error == 0.0 && energy > 0.0);
    }
    assert_null(bnt_gguf_find(bnt_archive_gguf(b), "bantam.file_type"));
    assert_int_equal(bnt_gguf_u32(bnt_archive_gguf(b), "general.file_type", &number, NULL),
                     BANTAM_OK);
    assert_int_equal(number, 0);
    bnt_archive_close(a);
    bnt_archive_close(b);

    /* Tensors that have the type already are copied, whatever their rows are. */
    const bantam_quantize_options again = options_of("B4", &r);
    quantize(b4, copy, &again);
    for (size_t i = 0; i < r.n; i++) {
        assert_true(r.of[i].tensor.squared_error == 0.0);
    }
    temp_remove(&t);
}

/* ---- refusals ---------------------------------------------------------------------------- */

static void refused(const char *in, const char *out, const bantam_quantize_options *o,
                    bantam_status status, const char *message)
{
    bantam_error err = {0};
    assert_int_equal(bnt_quantize(in, out, o, &err), status);
    if (!strstr(err.message, message)) fail_msg("%s", err.message);
    assert_int_not_equal(access(out, F_OK), 0);
}

static void types_that_cannot_be_written_are_refused(void **state)
{
    (void)state;
    static const char *const types[] = {"Q3_K", "Q4_1", "F16", "Q8_0_R16", "nonsense", ""};
    static const char *const others[] = {"Q3_K", "Q4_0_R16", "b7"};
    temp_folder t;
    reports r;

    temp_make(&t);
    const char *const in = temp_path(&t, "in.gguf"), *const out = temp_path(&t, "out.gguf");
    tiny_write(in, &small);
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        const bantam_quantize_options o = options_of(types[i], &r);
        refused(in, out, &o, BANTAM_ERR_INVALID,
                "expected one of B4, B8, B6, B5, B3, B2, Q8_0");
    }
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        bantam_quantize_options o = options_of("B4", &r);
        o.embedding = others[i];
        refused(in, out, &o, BANTAM_ERR_INVALID, "F16, BF16, F32");
    }
    bantam_quantize_options o = options_of("B4", &r);
    o.output = "B8";
    refused(in, out, &o, BANTAM_ERR_INVALID, "its embedding serves as one");
    o = options_of("B4", &r);
    assert_int_equal(bnt_quantize(in, in, &o, NULL), BANTAM_ERR_INVALID);
    o.struct_size = 3;
    refused(in, out, &o, BANTAM_ERR_INVALID, "quantize options");
    temp_remove(&t);
}

/* Rows of 64 values are a quarter of a block of K types. */
static void types_of_wide_blocks_give_way_to_narrow_ones(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"Q4_K", "IQ4_NL"}, {"Q5_K", "Q8_0"}, {"Q6_K", "Q8_0"}, {"IQ4_NL", NULL}, {"B3", NULL}};
    temp_folder t;
    reports r;

    temp_make(&t);
    const char *const in = temp_path(&t, "in.gguf"), *const out = temp_path(&t, "out.gguf");
    tiny_write(in, &(tiny_spec){.n_ffn = 64});
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const bantam_quantize_options o = options_of(cases[i][0], &r);
        quantize(in, out, &o);
        for (size_t k = 0; k < r.n; k++) {
            if (!strstr(r.of[k].name, "ffn_up")) continue;
            const bantam_quantized *const q = &r.of[k].tensor;
            assert_string_equal(q->type, cases[i][1] ? cases[i][1] : cases[i][0]);
            assert_int_equal(q->wanted != NULL, cases[i][1] != NULL);
            if (q->wanted) assert_string_equal(q->wanted, cases[i][0]);
        }
    }
    temp_remove(&t);
}

static void rules_give_tensors_other_types_and_later_ones_win(void **state)
{
    (void)state;
    static const char *const rules[] = {"blk.*.attn_?.weight=Q8_0", "blk.1.*=F16",
                                        "blk.1.attn_q*=q4_0"};
    static const char *const want[][2] = {{"blk.0.attn_k.weight", "Q8_0"},
                                          {"blk.0.attn_output.weight", "B4"},
                                          {"blk.1.attn_k.weight", "F16"},
                                          {"blk.1.attn_q.weight", "Q4_0"},
                                          {"blk.1.attn_norm.weight", "F32"}};
    temp_folder t;
    reports r;

    temp_make(&t);
    const char *const in = temp_path(&t, "in.gguf"), *const out = temp_path(&t, "out.gguf");
    tiny_write(in, &small);
    bantam_quantize_options o = options_of("B4", &r);
    o.tensors = rules;
    o.n_tensors = 3;
    quantize(in, out, &o);
    bnt_archive *const a = open_archive(out);
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        assert_string_equal(type_of(a, want[i][0]), want[i][1]);
    }
    bnt_archive_close(a);
    temp_remove(&t);
}

static void options_that_make_no_sense_are_refused(void **state)
{
    (void)state;
    static const char *const text[] = {"absent.txt"};
    static const char *const rules[] = {"blk.0.attn_q.weight", "=B4", "blk.*=B7", "v.*=B4"};
    static const char *const why[] = {"expected PATTERN=TYPE", "expected PATTERN=TYPE",
                                      "expected one of", "no matrix of the model"};
    temp_folder t;
    reports r;

    temp_make(&t);
    const char *const in = temp_path(&t, "in.gguf"), *const out = temp_path(&t, "out.gguf");
    tiny_write(in, &small);
    const bantam_quantize_options plain = options_of("B4", &r);
    const struct {
        bantam_quantize_options o;
        const char *message;
    } cases[] = {
        {{.method = "best"}, "expected one of rtn, imatrix, gptq"},
        {{.method = "gptq"}, "expected a calibration text"},
        {{.method = "imatrix"}, "expected a calibration text or an importance file"},
        {{.method = "rtn", .calibration = text, .n_calibration = 1}, "no calibration text"},
        {{.imatrix = "x.dat", .calibration = text, .n_calibration = 1}, "x.dat"},
        {{.imatrix = "x.dat", .method = "rtn"}, "expected method imatrix"},
        {{.save_imatrix = "x.dat"}, "expected a calibration text to make it from"},
        {{.budget_bytes = 1000}, "expected a calibration text to measure with"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bantam_quantize_options o = cases[i].o;
        o.struct_size = plain.struct_size;
        refused(in, out, &o, BANTAM_ERR_INVALID, cases[i].message);
    }
    for (size_t i = 0; i < 4; i++) {
        bantam_quantize_options o = plain;
        o.tensors = rules + i;
        o.n_tensors = 1;
        refused(in, out, &o, BANTAM_ERR_INVALID, why[i]);
    }
    bantam_quantize_options o = plain;
    o.calibration = text;
    o.n_calibration = 1;
    refused(in, out, &o, BANTAM_ERR_FORMAT, "tokenizer");
    o = plain;
    o.imatrix = "absent.dat";
    refused(in, out, &o, BANTAM_ERR_IO, "absent.dat");
    temp_remove(&t);
}

static void files_without_a_model_are_refused(void **state)
{
    (void)state;
    temp_folder t;
    reports r;
    gguf_builder b;
    size_t size;

    temp_make(&t);
    const char *const in = temp_path(&t, "in.gguf"), *const out = temp_path(&t, "out.gguf");
    gb_init(&b);
    gb_put_text(&b, "general.architecture", "clip");
    gb_add_f32(&b, "v.blk.0.attn_q.weight", 64, 4, NULL);
    uint8_t *const file = gb_finish(&b, &size);
    write_whole(in, file, size);
    free(file);
    const bantam_quantize_options o = options_of("B4", &r);
    refused(in, out, &o, BANTAM_ERR_UNSUPPORTED, "none of the 1 tensors");
    refused(temp_path(&t, "absent.gguf"), out, &o, BANTAM_ERR_IO, "absent.gguf");
    temp_remove(&t);
}

static void broken_values_are_refused(void **state)
{
    (void)state;
    static const float poisons[] = {NAN, INFINITY, -INFINITY};
    temp_folder t;
    reports r;

    temp_make(&t);
    const char *const in = temp_path(&t, "in.gguf"), *const out = temp_path(&t, "out.gguf");
    for (size_t i = 0; i < sizeof poisons / sizeof *poisons; i++) {
        tiny_spec spec = small;
        spec.poisoned = "blk.1.ffn_up.weight";
        spec.poison = poisons[i];
        tiny_write(in, &spec);
        const bantam_quantize_options o = options_of("B4", &r);
        refused(in, out, &o, BANTAM_ERR_FORMAT,
                "tensor blk.1.ffn_up.weight: it holds values that are no finite numbers");
    }
    /* 1e6 fits B4, and is too much for the halves that rows of 50 become. */
    tiny_write(in,
               &(tiny_spec){.n_ffn = 50, .poisoned = "blk.0.ffn_down.weight", .poison = 1e6f});
    const bantam_quantize_options o = options_of("B4", &r);
    refused(in, out, &o, BANTAM_ERR_UNSUPPORTED, "too large for type F16");
    temp_remove(&t);
}

static void a_quantization_that_is_stopped_leaves_no_file(void **state)
{
    (void)state;
    temp_folder t;
    reports r;

    temp_make(&t);
    const char *const in = temp_path(&t, "in.gguf"), *const out = temp_path(&t, "out.gguf");
    tiny_write(in, &small);
    for (int calls = 0; calls < 21; calls += 7) {
        const bantam_quantize_options o = options_of("B4", &r);
        r.left = calls;
        refused(in, out, &o, BANTAM_ERR_CANCELLED, "stopped");
        assert_int_equal(r.left, -1); /* asked once more, not twice */
    }
    temp_remove(&t);
}

static void every_failing_allocation_is_an_error_and_leaks_nothing(void **state)
{
    (void)state;
    temp_folder t;
    reports r;
    bantam_status status = BANTAM_ERR_NOMEM;
    bantam_error err;

    temp_make(&t);
    const char *const in = temp_path(&t, "in.gguf"), *const out = temp_path(&t, "out.gguf");
    tiny_write(in, &(tiny_spec){.n_layers = 1});
    const int64_t live = bnt_mem_live();
    for (uint64_t n = 0; status && n < 1000; n++) {
        const bantam_quantize_options o = options_of("B4", &r);
        bnt_mem_fail_after(n);
        status = bnt_quantize(in, out, &o, &err);
        bnt_mem_fail_after(UINT64_MAX);
        assert_int_equal(bnt_mem_live(), live);
        if (status) {
            assert_int_equal(status, BANTAM_ERR_NOMEM);
            assert_int_not_equal(access(out, F_OK), 0);
        }
    }
    assert_int_equal(status, BANTAM_OK);
    temp_remove(&t);
}

/* ---- interleaved types in files ---------------------------------------------------------- */

/* A model's metadata and an embedding (16, 32) of the given type, its data at a multiple of 64
 * or 32 bytes behind one. */
static void write_embedding(const char *path, uint32_t type, size_t bytes, bool aligned)
{
    static const uint64_t shape[] = {32, 16};
    for (size_t fill = 0; fill < 64; fill++) {
        gguf_builder b;
        char text[65] = {0};
        size_t size;

        gb_init(&b);
        gb_put_text(&b, "general.architecture", "llama");
        gb_put_text(&b, "fill", memset(text, 'x', fill));
        gb_put_u32(&b, "llama.block_count", 1);
        gb_put_u32(&b, "llama.embedding_length", 32);
        gb_put_u32(&b, "llama.feed_forward_length", 32);
        gb_put_u32(&b, "llama.context_length", 8);
        gb_put_u32(&b, "llama.attention.head_count", 4);
        gb_put_f32(&b, "llama.attention.layer_norm_rms_epsilon", 1e-5f);
        gb_add_tensor(&b, "token_embd.weight", type, 2, shape, NULL, bytes);
        uint8_t *const file = gb_finish(&b, &size);
        const bool fits = (b.data_start % 64 == 0) == aligned;
        if (fits) write_whole(path, file, size);
        free(file);
        if (fits) return;
    }
    fail_msg("no fill gives the alignment");
}

static void model_refused(const char *path, bantam_status status, const char *message)
{
    bnt_archive *const a = open_archive(path);
    bnt_model *model;
    bantam_error err = {0};
    assert_int_equal(bnt_model_open(&model, a, BANTAM_ROPE_DEFAULT, &err), status);
    if (!strstr(err.message, message)) fail_msg("%s", err.message);
    bnt_archive_close(a);
}

static void types_of_caches_are_refused_in_a_models_file(void **state)
{
    (void)state;
    static const struct {
        uint32_t type;
        size_t bytes;
    } cases[] = {{1302, 64 + 256}, {1308, 64 + 512}};
    temp_folder t;
    reports r;

    temp_make(&t);
    const char *const in = temp_path(&t, "in.gguf"), *const out = temp_path(&t, "out.gguf");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_embedding(in, cases[i].type, cases[i].bytes, true);
        model_refused(in, BANTAM_ERR_UNSUPPORTED, "belongs in a cache");
        const bantam_convert_options c = {.struct_size = sizeof c, .type = "F32"};
        assert_int_equal(bnt_convert(in, out, &c, NULL), BANTAM_ERR_UNSUPPORTED);
        const bantam_quantize_options o = options_of("B4", &r);
        refused(in, out, &o, BANTAM_ERR_UNSUPPORTED, "cannot write");
    }
    temp_remove(&t);
}

static void tiles_out_of_line_are_refused_in_a_models_file(void **state)
{
    (void)state;
    temp_folder t;

    temp_make(&t);
    const char *const in = temp_path(&t, "in.gguf");
    write_embedding(in, BNT_TYPE_B4, 64 + 64 + 256, true);
    model_refused(in, BANTAM_ERR_FORMAT, "blk.0"); /* what is missing next */
    write_embedding(in, BNT_TYPE_B4, 64 + 64 + 256, false);
    model_refused(in, BANTAM_ERR_FORMAT, "multiple of 64 bytes, found it 32 bytes behind one");
    temp_remove(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matrices_get_four_bits_and_the_embedding_eight),
        cmocka_unit_test(rows_that_are_no_whole_blocks_become_f16),
        cmocka_unit_test(types_of_embedding_and_output_are_chosen),
        cmocka_unit_test(what_is_searched_loses_no_more_than_what_is_converted),
        cmocka_unit_test(the_report_says_what_was_lost),
        cmocka_unit_test(threads_change_no_bit),
        cmocka_unit_test(a_folder_is_quantized_as_its_conversion_is),
        cmocka_unit_test(what_is_quantized_converts_back_to_floats),
        cmocka_unit_test(types_that_cannot_be_written_are_refused),
        cmocka_unit_test(types_of_wide_blocks_give_way_to_narrow_ones),
        cmocka_unit_test(rules_give_tensors_other_types_and_later_ones_win),
        cmocka_unit_test(options_that_make_no_sense_are_refused),
        cmocka_unit_test(files_without_a_model_are_refused),
        cmocka_unit_test(broken_values_are_refused),
        cmocka_unit_test(a_quantization_that_is_stopped_leaves_no_file),
        cmocka_unit_test(every_failing_allocation_is_an_error_and_leaks_nothing),
        cmocka_unit_test(types_of_caches_are_refused_in_a_models_file),
        cmocka_unit_test(tiles_out_of_line_are_refused_in_a_models_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
