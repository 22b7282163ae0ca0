/* test_convert.c - folders converted to GGUF against the GGUF files of the same models that an
 * independent writer made: the same metadata, tensors and bits. */
#include "support.h"

#include <unistd.h>

#include "compress/convert.h"
#include "format/archive.h"

static const char *const out_path = "test_convert.tmp.gguf";

static void convert(const char *folder, const char *type)
{
    const bantam_convert_options options = {.struct_size = sizeof options, .type = type};
    bantam_error err;
    if (bnt_convert(shared_path(folder), out_path, &options, &err)) fail_msg("%s", err.message);
}

static bnt_archive *open_archive(const char *path)
{
    bnt_archive *archive;
    bantam_error err;
    if (bnt_archive_open(&archive, path, &err)) fail_msg("%s", err.message);
    return archive;
}

static void assert_same_tensors(const bnt_archive *got, const bnt_archive *want)
{
    assert_int_equal(bnt_archive_n_tensors(got), bnt_archive_n_tensors(want));
    for (size_t i = 0; i < bnt_archive_n_tensors(want); i++) {
        const bnt_tensor *const w = bnt_archive_tensor_at(want, i);
        char name[300];
        snprintf(name, sizeof name, "%.*s", (int)w->name.size, w->name.data);
        const bnt_tensor *const g = bnt_archive_find(got, name);
        if (!g) fail_msg("%s is missing", name);
        assert_int_equal(g->n_dims, w->n_dims);
        assert_memory_equal(g->dims, w->dims, sizeof w->dims);
        assert_ptr_equal(g->type, w->type);
        /* The divisors are computed, everything else is carried over. */
        if (strcmp(name, "rope_freqs.weight") == 0) {
            for (uint64_t k = 0; k < w->dims[0]; k++) {
                float a, b;
                memcpy(&a, g->data + 4 * k, sizeof a);
                memcpy(&b, w->data + 4 * k, sizeof b);
                assert_true(a - b < 1e-5f * b && b - a < 1e-5f * b);
            }
        } else if (memcmp(g->data, w->data, (size_t)w->bytes) != 0) {
            fail_msg("%s: other bytes", name);
        }
    }
}

/* Every key of the reference that says what the model computes is there with the same value. */
static void assert_same_pairs(const bnt_gguf *got, const bnt_gguf *want)
{
    for (size_t i = 0; i < bnt_gguf_n_pairs(want); i++) {
        const bnt_gguf_pair *const w = bnt_gguf_pair_at(want, i);
        char key[128];
        bnt_buf a, b;
        snprintf(key, sizeof key, "%.*s", (int)w->key.size, w->key.data);
        if (strncmp(key, "general.", 8) == 0 && strcmp(key, "general.architecture") != 0)
            continue;
        const bnt_gguf_pair *const g = bnt_gguf_find(got, key);
        if (!g) fail_msg("key %s is missing", key);
        bnt_buf_init(&a, 1 << 20);
        bnt_buf_init(&b, 1 << 20);
        bnt_gguf_put_json(g, &a);
        bnt_gguf_put_json(w, &b);
        /* Scores may differ as long as their order does not: the tokenizer's test holds that.
         */
        const bool scores = strcmp(key, "tokenizer.ggml.scores") == 0;
        if (!scores && (g->bytes != w->bytes ||
                        memcmp(g->data, w->data, (size_t)w->bytes) != 0 || a.size != b.size)) {
            fail_msg("key %s: %.*s, expected %.*s", key, (int)(a.size < 300 ? a.size : 300),
                     a.data, (int)(b.size < 300 ? b.size : 300), b.data);
        }
        bnt_buf_deinit(&a);
        bnt_buf_deinit(&b);
    }
}

static void a_folder_becomes_the_file_others_write(void **state)
{
    static const char *const models[] = {"smollm2-a",     "llama32-a",    "amd-a",
                                         "ministral8b-a", "ministral3-a", "bluelm-a"};
    static const char *const types[] = {"F32", "F16"};

    (void)state;
    if (!shared_found(12)) skip();
    for (size_t m = 0; m < sizeof models / sizeof models[0]; m++) {
        for (int t = 0; t < 2; t++) {
            char path[128];
            snprintf(path, sizeof path, "goldens/lm/%s/hf", models[m]);
            convert(path, types[t]);
            snprintf(path, sizeof path, "goldens/lm/%s/model-%s.gguf", models[m],
                     t ? "f16" : "f32");
            bnt_archive *const want = open_archive(shared_path(path));
            bnt_archive *const got = open_archive(out_path);
            assert_same_tensors(got, want);
            assert_same_pairs(bnt_archive_gguf(got), bnt_archive_gguf(want));
            bnt_archive_close(got);
            bnt_archive_close(want);
        }
    }
    unlink(out_path);
}

static void a_file_is_copied_as_it_is_without_a_type(void **state)
{
    (void)state;
    if (!shared_found(1)) skip();
    const bantam_convert_options options = {.struct_size = sizeof options, .type = NULL};
    const char *const in = shared_path("weights/gguf/babyllama-361-Q4_K_M.gguf");
    assert_int_equal(bnt_convert(in, out_path, &options, NULL), BANTAM_OK);
    bnt_archive *const got = open_archive(out_path);
    bnt_archive *const want = open_archive(in);
    assert_same_tensors(got, want);
    assert_same_pairs(bnt_archive_gguf(got), bnt_archive_gguf(want));
    bnt_archive_close(got);
    bnt_archive_close(want);
    unlink(out_path);
}

static void a_file_is_quantized_as_others_quantize_it(void **state)
{
    static const char *const types[] = {"Q8_0", "F16"};

    (void)state;
    if (!shared_found(2)) skip();
    for (int t = 0; t < 2; t++) {
        char path[128];
        convert("weights/gguf/babyllama-361-F32.gguf", types[t]);
        snprintf(path, sizeof path, "weights/gguf/babyllama-361-%s.gguf", types[t]);
        bnt_archive *const got = open_archive(out_path);
        bnt_archive *const want = open_archive(shared_path(path));
        assert_same_tensors(got, want);
        bnt_archive_close(got);
        bnt_archive_close(want);
    }
    unlink(out_path);
}

static bool stop_at_once(void *user, uint64_t done, uint64_t total)
{
    (void)done;
    (void)total;
    ++*(int *)user;
    return false;
}

static void a_stopped_conversion_leaves_no_file(void **state)
{
    int calls = 0;
    bantam_error err;

    (void)state;
    if (!shared_found(1)) skip();
    const bantam_convert_options options = {
        .struct_size = sizeof options, .type = "F16", .progress = stop_at_once, .user = &calls};
    assert_int_equal(bnt_convert(shared_path("goldens/lm/amd-a/hf"), out_path, &options, &err),
                     BANTAM_ERR_CANCELLED);
    assert_int_equal(calls, 1);
    assert_int_not_equal(access(out_path, F_OK), 0);
}

static void a_type_that_cannot_be_written_is_refused(void **state)
{
    static const char *const types[] = {"Q2_K", "IQ4_XS", "nonsense", ""};
    bantam_error err;

    (void)state;
    for (int t = 0; t < 4; t++) {
        const bantam_convert_options options = {.struct_size = sizeof options,
                                                .type = types[t]};
        assert_int_equal(bnt_convert("anything", out_path, &options, &err), BANTAM_ERR_INVALID);
        assert_non_null(strstr(err.message, "expected one of"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_folder_becomes_the_file_others_write),
        cmocka_unit_test(a_file_is_copied_as_it_is_without_a_type),
        cmocka_unit_test(a_file_is_quantized_as_others_quantize_it),
        cmocka_unit_test(a_stopped_conversion_leaves_no_file),
        cmocka_unit_test(a_type_that_cannot_be_written_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
