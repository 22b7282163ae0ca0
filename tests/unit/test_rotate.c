/* test_rotate.c - a rotated model computes what it computed, and says what it is.
 *
 * Models are random and of a few numbers; logits are compared with those of the file that was
 * rotated, relative to the largest. A rotation that leaves one matrix out, or takes a wrong
 * norm, moves them by about themselves.
 */
#include "support.h"

#include <math.h>

#include "base/rng.h"
#include "base/text.h"
#include "compress/convert.h"
#include "compress/quantize.h"
#include "compress/rotate.h"
#include "forward_rig.h"
#include "tiny_model.h"
#include "train/net.h"

enum { TOKENS = 24 };

static const uint32_t tokens[TOKENS] = {1,  17, 3, 39, 0, 5,  22, 8, 30, 11, 2,  2,
                                        25, 9,  6, 14, 1, 33, 12, 7, 19, 28, 35, 4};

/* The rotated model of a file. */
static void rotate(const char *in, const char *out, bantam_rotation rotation, const char *type)
{
    bantam_error err = {0};
    rotation.struct_size = sizeof rotation;
    const bantam_convert_options o = {
        .struct_size = sizeof o, .type = type, .rotation = &rotation};
    if (bnt_convert(in, out, &o, &err)) fail_msg("%s", err.message);
}

/* (TOKENS, vocab); the caller frees it. */
static float *logits_of(const char *path, uint32_t batch, uint32_t threads, size_t *n)
{
    rig r;
    rig_open(&r, path, (rig_options){.batch = batch, .threads = threads});
    *n = (size_t)TOKENS * r.model->config.n_vocab;
    float *const logits = calloc(*n, sizeof *logits);
    assert_non_null(logits);
    rig_feed(&r, tokens, TOKENS, 0, logits, true);
    rig_close(&r);
    return logits;
}

/* The largest difference, relative to the largest logit. */
static double difference(const char *a, const char *b)
{
    size_t n = 0;
    double most = 0.0, largest = 0.0;
    float *const x = logits_of(a, 0, 1, &n), *const y = logits_of(b, 0, 1, &n);
    for (size_t i = 0; i < n; i++) {
        most = fmax(most, fabs((double)x[i] - (double)y[i]));
        largest = fmax(largest, fabs((double)x[i]));
        if (!(isfinite(x[i]) && isfinite(y[i]))) most = INFINITY;
    }
    free(x);
    free(y);
    return most / largest;
}

static void check_kept(const tiny_spec *spec, const char *what)
{
    const char *const in = tiny_path("plain.gguf"), *const out = tiny_path("rotated.gguf");
    static const bantam_rotation rotations[] = {
        {.seed = 1}, {.down = true, .seed = 2}, {.down = true, .n_seeds = 3}};

    tiny_write(in, spec);
    for (size_t i = 0; i < sizeof rotations / sizeof *rotations; i++) {
        rotate(in, out, rotations[i], "F32");
        const double off = difference(in, out);
        if (!(off < 1e-4)) fail_msg("%s, rotation %zu: logits are off by %g", what, i, off);
    }
    unlink(in);
    unlink(out);
}

static void logits_stay_what_they_were(void **state)
{
    (void)state;
    check_kept(&(tiny_spec){.seed = 1}, "tied");
    check_kept(&(tiny_spec){.seed = 2, .untied = true}, "untied");
    check_kept(&(tiny_spec){.seed = 3, .n_heads = 6, .n_kv_heads = 2, .head_dim = 12}, "gqa");
    check_kept(&(tiny_spec){.seed = 4, .n_heads = 4, .n_kv_heads = 4, .arch = "phonelm"},
               "relu before the gate");
    check_kept(&(tiny_spec){.seed = 5, .n_embd = 36, .n_ffn = 80}, "36 and 20 * 4");
    check_kept(&(tiny_spec){.seed = 6, .n_embd = 28, .n_ffn = 172, .head_dim = 14},
               "cut into pieces");
    check_kept(&(tiny_spec){.seed = 7, .n_ffn = 104, .divisors = "rope_freqs.weight"},
               "two chunks, and divisors");
    check_kept(&(tiny_spec){.seed = 8, .f16_matrices = true, .f16_norms = true}, "halves");
}

static void floats_keep_their_type_and_stay_close(void **state)
{
    const char *const in = tiny_path("halves.gguf"), *const out = tiny_path("turned.gguf");
    bnt_archive *archive = NULL;
    (void)state;
    tiny_write(in, &(tiny_spec){.seed = 9, .f16_matrices = true});
    rotate(in, out, (bantam_rotation){.seed = 1}, NULL);
    assert_int_equal(bnt_archive_open(&archive, out, NULL), BANTAM_OK);
    assert_int_equal(bnt_archive_find(archive, "blk.0.ffn_down.weight")->type->id,
                     BNT_TYPE_F16);
    assert_int_equal(bnt_archive_find(archive, "output.weight")->type->id, BNT_TYPE_F16);
    bnt_archive_close(archive);
    assert_true(difference(in, out) < 0.02);
    unlink(in);
    unlink(out);
}

static bool has_tensor(const char *path, const char *name)
{
    bnt_archive *archive = NULL;
    assert_int_equal(bnt_archive_open(&archive, path, NULL), BANTAM_OK);
    const bool found = bnt_archive_find(archive, name) != NULL;
    bnt_archive_close(archive);
    return found;
}

static void a_tied_model_gets_a_head_unless_its_last_norm_is_one(void **state)
{
    const char *const in = tiny_path("tied.gguf"), *const out = tiny_path("head.gguf");
    rig r;
    (void)state;
    tiny_write(in, &(tiny_spec){.seed = 10});
    rotate(in, out, (bantam_rotation){0}, "F32");
    assert_true(has_tensor(out, "output.weight"));
    assert_false(has_tensor(out, "bantam_rotate_down"));

    rig_open(&r, out, (rig_options){0});
    assert_false(r.model->config.tied);
    for (uint32_t i = 0; i < r.model->config.n_embd; i++) {
        assert_float_equal(r.model->output_norm[i], 1.0f, 0.0f);
        assert_float_equal(r.model->layers[1].ffn_norm[i], 1.0f, 0.0f);
    }
    rig_close(&r);

    tiny_write(in, &(tiny_spec){.seed = 10, .poisoned = "output_norm.weight", .poison = 1.0f});
    rotate(in, out, (bantam_rotation){.down = true}, "F32");
    assert_false(has_tensor(out, "output.weight"));
    assert_true(has_tensor(out, "bantam_rotate_down"));
    assert_true(difference(in, out) < 1e-4);
    unlink(in);
    unlink(out);
}

/* Fed whole, in pieces and token by token, by one thread and by three. */
static void check_bits(const char *path)
{
    static const struct {
        uint32_t batch, threads;
    } ways[] = {{TOKENS, 3}, {TOKENS - 1, 1}, {7, 2}, {1, 1}, {1, 3}};
    size_t n = 0;
    float *const want = logits_of(path, TOKENS, 1, &n);
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        float *const got = logits_of(path, ways[i].batch, ways[i].threads, &n);
        assert_memory_equal(got, want, n * sizeof *got);
        free(got);
    }
    free(want);
}

static void bits_depend_neither_on_batch_nor_on_threads(void **state)
{
    static const char *const types[] = {"B8", "B4", "Q8_0"};
    const char *const in = tiny_path("in.gguf"), *const floats = tiny_path("floats.gguf");
    const char *const out = tiny_path("tiles.gguf");
    (void)state;
    tiny_write(in, &(tiny_spec){.seed = 11, .n_ffn = 96});
    rotate(in, floats, (bantam_rotation){.down = true}, "F32");
    check_bits(floats);
    rotate(in, out, (bantam_rotation){.down = true}, "F16");
    check_bits(out);
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        bantam_error err = {0};
        const bantam_quantize_options o = {.struct_size = sizeof o, .type = types[i]};
        if (bnt_quantize(floats, out, &o, &err)) fail_msg("%s", err.message);
        check_bits(out);
    }
    unlink(in);
    unlink(floats);
    unlink(out);
}

/* A rotation changes bytes, but not by the number of threads. */
static void one_seed_gives_one_file(void **state)
{
    const char *const in = tiny_path("seed.gguf"), *const a = tiny_path("a.gguf");
    const char *const b = tiny_path("b.gguf");
    size_t n_a = 0, n_b = 0;
    (void)state;
    tiny_write(in, &(tiny_spec){.seed = 12});
    for (uint64_t other = 0; other < 2; other++) {
        rotate(in, a, (bantam_rotation){.down = true, .seed = 5, .threads = 1}, "F32");
        rotate(in, b, (bantam_rotation){.down = true, .seed = 5 + other, .threads = 3}, "F32");
        char *const x = read_whole(a, &n_a), *const y = read_whole(b, &n_b);
        assert_int_equal(n_a, n_b);
        assert_int_equal(memcmp(x, y, n_a) == 0, other == 0);
        free(x);
        free(y);
    }
    unlink(in);
    unlink(a);
    unlink(b);
}

/* Of what four-bit rounding of the sampled rows loses, the best of several draws is no more
 * than that of any of them: the first of many seeds is seldom the best, so the kept one moves.
 */
static void several_seeds_are_looked_at(void **state)
{
    const char *const in = tiny_path("many.gguf"), *const out = tiny_path("kept.gguf");
    bool moved = false;
    (void)state;
    for (uint64_t seed = 0; seed < 6; seed++) {
        uint32_t kept = 0;
        bnt_archive *archive = NULL;
        tiny_write(in, &(tiny_spec){.seed = 20 + seed});
        rotate(in, out, (bantam_rotation){.n_seeds = 4, .seed = 100}, "F32");
        assert_int_equal(bnt_archive_open(&archive, out, NULL), BANTAM_OK);
        assert_int_equal(
            bnt_gguf_u32(bnt_archive_gguf(archive), "bantam.rotate.seed", &kept, NULL),
            BANTAM_OK);
        bnt_archive_close(archive);
        assert_in_range(kept, 100, 103);
        moved = moved || kept != 100;
    }
    assert_true(moved);
    unlink(in);
    unlink(out);
}

/* ---- what it is for ---------------------------------------------------------------------- */

enum { OUTLIER = 40, FEW = 64 }; /* so much larger is one channel of so many */

/* What becomes of a weight: of what makes a large channel, larger; of what reads it, smaller by
 * `read`. */
static float outlying(bantam_text name, size_t row, size_t column, float x, float read)
{
    const bool large = column % FEW == 5;
    if (bnt_text_is(name, "token_embd.weight")) return large ? x * OUTLIER : x;
    if (bnt_text_is(name, "blk.0.ffn_down.weight")) return column % FEW == 9 ? x / read : x;
    if (bnt_text_is(name, "blk.0.attn_output.weight")) return x;
    if (bnt_text_is(name, "blk.0.ffn_up.weight") && row % FEW == 9) x *= OUTLIER;
    return large ? x / read : x;
}

/* Copies a model of floats with other matrices, normally distributed, in which some channels of
 * the stream, and some of what down multiplies, are OUTLIER times as large as the others. */
static void write_outliers(const char *in, const char *out, float read)
{
    bnt_archive *archive = NULL;
    bnt_gguf_writer *w = NULL;
    bnt_rng rng;
    bnt_rng_seed(&rng, 7);
    assert_int_equal(bnt_archive_open(&archive, in, NULL), BANTAM_OK);
    assert_int_equal(bnt_gguf_writer_open(&w, out, NULL), BANTAM_OK);
    const bnt_gguf *const gguf = bnt_archive_gguf(archive);
    for (size_t i = 0; i < bnt_gguf_n_pairs(gguf); i++) {
        bnt_gguf_put_pair(w, bnt_gguf_pair_at(gguf, i));
    }
    const size_t n = bnt_archive_n_tensors(archive);
    for (size_t i = 0; i < n; i++) {
        const bnt_tensor *const t = bnt_archive_tensor_at(archive, i);
        bnt_gguf_declare(w, t->name, t->type, t->n_dims, t->dims);
    }
    for (size_t i = 0; i < n; i++) {
        const bnt_tensor *const t = bnt_archive_tensor_at(archive, i);
        const size_t columns = (size_t)t->dims[0],
                     rows = t->n_dims > 1 ? (size_t)t->dims[1] : 1;
        for (size_t e = 0; e < rows * columns; e++) {
            float x = 1.0f; /* of norms */
            if (rows > 1) {
                x = 0.06f * (float)bnt_rng_normal(&rng);
                x = outlying(t->name, e / columns, e % columns, x, read);
            }
            bnt_gguf_put_data(w, &x, sizeof x);
        }
    }
    assert_int_equal(bnt_gguf_writer_commit(w, NULL), BANTAM_OK);
    bnt_archive_close(archive);
}

/* What eight bits a weight and an activation take from the logits, root mean squares, of
 * what they are. */
static double loss_of(const char *in, const char *out, const bantam_rotation *rotation)
{
    const bantam_quantize_options o = {
        .struct_size = sizeof o, .type = "B8", .rotation = rotation};
    bantam_error err = {0};
    double off = 0.0, all = 0.0;
    size_t n = 0;
    if (bnt_quantize(in, out, &o, &err)) fail_msg("%s", err.message);
    float *const x = logits_of(in, 0, 1, &n), *const y = logits_of(out, 0, 1, &n);
    for (size_t i = 0; i < n; i++) {
        off += ((double)x[i] - (double)y[i]) * ((double)x[i] - (double)y[i]);
        all += (double)x[i] * (double)x[i];
    }
    free(x);
    free(y);
    return sqrt(off / all);
}

static void outliers_cost_less_where_they_are_spread(void **state)
{
    static const bantam_rotation merged = {.struct_size = sizeof merged};
    static const float reads[] = {1.0f, 6.0f, 40.0f};
    static const bantam_rotation online = {.struct_size = sizeof online, .down = true};
    const char *const even = tiny_path("even.gguf"), *const in = tiny_path("outliers.gguf");
    (void)state;
    const tiny_spec spec = {.seed = 17,
                            .n_layers = 1,
                            .n_embd = 256,
                            .n_heads = 4,
                            .n_kv_heads = 2,
                            .head_dim = 64,
                            .n_ffn = 768,
                            .n_vocab = 64};
    for (size_t i = 0; i < sizeof reads / sizeof *reads; i++) {
        tiny_write(even, &spec);
        write_outliers(even, in, reads[i]);
        const double plain = loss_of(in, even, NULL), some = loss_of(in, even, &merged);
        const double all = loss_of(in, even, &online);
        if (!(some < 0.8 * plain && all < 0.65 * plain)) {
            fail_msg("read by 1 / %g: %g, rotated %g, before down too %g", (double)reads[i],
                     plain, some, all);
        }
    }
    unlink(even);
    unlink(in);
}

/* ---- what is refused --------------------------------------------------------------------- */

static void check_refused(const char *in, bantam_status want, const char *words)
{
    const char *const out = tiny_path("refused.gguf");
    const bantam_rotation rotation = {.struct_size = sizeof rotation, .down = true};
    const bantam_convert_options o = {.struct_size = sizeof o, .rotation = &rotation};
    bantam_error err = {0};
    assert_int_equal(bnt_convert(in, out, &o, &err), want);
    if (!strstr(err.message, words)) fail_msg("%s", err.message);
    assert_int_not_equal(access(out, F_OK), 0);
}

static void what_rotation_does_not_know_is_refused(void **state)
{
    const char *const in = tiny_path("odd.gguf"), *const out = tiny_path("once.gguf");
    (void)state;
    tiny_write(in, &(tiny_spec){.seed = 13, .extra = "blk.0.attn_q.bias"});
    check_refused(in, BANTAM_ERR_UNSUPPORTED, "blk.0.attn_q.bias");
    tiny_write(in, &(tiny_spec){.seed = 13, .extra = "blk.7.attn_norm.weight"});
    check_refused(in, BANTAM_ERR_UNSUPPORTED, "blk.7.attn_norm.weight");
    tiny_write(in, &(tiny_spec){.seed = 13, .left_out = "blk.1.ffn_norm.weight"});
    check_refused(in, BANTAM_ERR_FORMAT, "expected 5 norms, found 4");
    tiny_write(in, &(tiny_spec){.seed = 13, .n_ffn = 64, .swapped = "blk.1.ffn_up.weight"});
    check_refused(in, BANTAM_ERR_FORMAT, "blk.1.ffn_up.weight");

    tiny_write(in, &(tiny_spec){.seed = 13});
    rotate(in, out, (bantam_rotation){0}, NULL);
    check_refused(out, BANTAM_ERR_UNSUPPORTED, "rotated already");
    unlink(in);
    unlink(out);
}

static void metadata_of_a_rotation_are_checked(void **state)
{
    static const struct {
        const char *kind;
        uint32_t size;
        bantam_status want;
    } cases[] = {
        {"hadamard", 48, BANTAM_OK},
        {"hadamard", 12, BANTAM_OK},
        {"hadamard", 0, BANTAM_ERR_FORMAT},
        {"hadamard", 5, BANTAM_ERR_FORMAT},
        {"hadamard", 96, BANTAM_ERR_FORMAT},
        {"hadamard", 3, BANTAM_ERR_UNSUPPORTED},
        {"learned", 48, BANTAM_ERR_UNSUPPORTED},
    };
    const char *const path = tiny_path("keys.gguf");
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const tiny_pair pairs[] = {tiny_text("bantam.rotate.down", cases[i].kind),
                                   tiny_u32("bantam.rotate.down.size", cases[i].size),
                                   {0}};
        bnt_archive *archive = NULL;
        bnt_model *model = NULL;
        bantam_error err = {0};
        tiny_write(path, &(tiny_spec){.seed = 14, .pairs = pairs});
        assert_int_equal(bnt_archive_open(&archive, path, NULL), BANTAM_OK);
        if (bnt_model_open(&model, archive, BANTAM_ROPE_DEFAULT, &err) != cases[i].want) {
            fail_msg("%s, %u: %s", cases[i].kind, (unsigned)cases[i].size, err.message);
        }
        bnt_model_close(model);
        bnt_archive_close(archive);
    }
    unlink(path);
}

static void a_model_that_rotates_before_down_is_not_trained(void **state)
{
    const char *const in = tiny_path("t.gguf"), *const out = tiny_path("tr.gguf");
    bantam_error err = {0};
    rig r;
    (void)state;
    tiny_write(in, &(tiny_spec){.seed = 15});
    rotate(in, out, (bantam_rotation){.down = true}, "F32");
    rig_open(&r, out, (rig_options){0});
    const bnt_net_options o = {.max_rows = 8, .max_sequence = 8};
    bnt_net *net = NULL;
    assert_int_equal(bnt_net_open(&net, r.model, r.pool, &o, &err), BANTAM_ERR_UNSUPPORTED);
    assert_non_null(strstr(err.message, "rotates"));
    rig_close(&r);
    unlink(in);
    unlink(out);
}

static void every_failed_allocation_is_survived(void **state)
{
    const char *const in = tiny_path("mem.gguf"), *const out = tiny_path("memr.gguf");
    const bantam_rotation rotation = {
        .struct_size = sizeof rotation, .down = true, .threads = 1, .n_seeds = 2};
    const bantam_convert_options o = {.struct_size = sizeof o, .rotation = &rotation};
    bantam_status status = BANTAM_ERR_NOMEM;
    uint64_t n = 0;
    (void)state;
    tiny_write(in, &(tiny_spec){.seed = 16});
    for (; status && n < 400; n++) {
        bnt_mem_fail_after(n);
        status = bnt_convert(in, out, &o, NULL);
        bnt_mem_fail_after(UINT64_MAX);
        assert_true(status == BANTAM_OK || status == BANTAM_ERR_NOMEM);
    }
    assert_int_equal(status, BANTAM_OK);
    assert_true(n > 10);
    unlink(in);
    unlink(out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(logits_stay_what_they_were),
        cmocka_unit_test(floats_keep_their_type_and_stay_close),
        cmocka_unit_test(a_tied_model_gets_a_head_unless_its_last_norm_is_one),
        cmocka_unit_test(bits_depend_neither_on_batch_nor_on_threads),
        cmocka_unit_test(one_seed_gives_one_file),
        cmocka_unit_test(several_seeds_are_looked_at),
        cmocka_unit_test(outliers_cost_less_where_they_are_spread),
        cmocka_unit_test(what_rotation_does_not_know_is_refused),
        cmocka_unit_test(metadata_of_a_rotation_are_checked),
        cmocka_unit_test(a_model_that_rotates_before_down_is_not_trained),
        cmocka_unit_test(every_failed_allocation_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
