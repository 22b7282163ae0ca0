/* The safetensors reader over sound files, and its laws. Broken files are
 * test_hostile_safetensors.c's. */
#include "format/safetensors.h"

#include "base/mem.h"
#include "cpu_time.h"
#include "safetensors_builder.h"
#include "support.h"

static void assert_text(bantam_text text, const char *expected)
{
    assert_int_equal(text.size, strlen(expected));
    assert_memory_equal(text.data, expected, text.size);
}

static bnt_safetensors *open_made(const char *header, size_t data_size, uint8_t **file)
{
    size_t size;
    bnt_safetensors *st;
    bantam_error err = {0};

    *file = st_make(header, data_size, &size);
    if (bnt_safetensors_parse(&st, *file, size, &err)) fail_msg("%s", err.message);
    return st;
}

static const char sample[] =
    "{\"__metadata__\":{\"format\":\"pt\",\"note\":\"\\u00e9\\n\"},"
    "\"b\":{\"dtype\":\"F16\",\"shape\":[2,3],\"data_offsets\":[8,20]},"
    "\"a\":{\"data_offsets\":[0,8],\"dtype\":\"F32\",\"shape\":[2]},"
    " \"scalar\" : { \"dtype\" : \"BF16\" , \"shape\" : [ ] , \"data_offsets\" : [ 20 , 22 ] } "
    "}  \n";

static void shapes_are_reversed_and_bytes_are_found(void **state)
{
    (void)state;
    uint8_t *file;
    bnt_safetensors *const st = open_made(sample, 22, &file);
    const uint8_t *const data = file + 8 + strlen(sample);

    assert_int_equal(bnt_safetensors_n_tensors(st), 3);
    const bnt_tensor *const b = bnt_safetensors_tensor_at(st, 0);
    assert_text(b->name, "b");
    assert_text(b->type_name, "F16");
    assert_ptr_equal(b->type, bnt_type_find(BNT_TYPE_F16));
    assert_int_equal(b->n_dims, 2);
    assert_int_equal(b->dims[0], 3);
    assert_int_equal(b->dims[1], 2);
    assert_int_equal(b->dims[2], 1);
    assert_int_equal(b->bytes, 12);
    assert_ptr_equal(b->data, data + 8);
    const bnt_tensor *const a = bnt_safetensors_tensor_at(st, 1);
    assert_int_equal(a->dims[0], 2);
    assert_ptr_equal(a->type, bnt_type_find(BNT_TYPE_F32));
    assert_ptr_equal(a->data, data);
    assert_null(bnt_safetensors_tensor_at(st, 3));
    bnt_safetensors_close(st);
    bnt_safetensors_close(NULL);
    free(file);
}

static void a_scalar_is_one_row_of_one_value(void **state)
{
    (void)state;
    uint8_t *file;
    bnt_safetensors *const st = open_made(sample, 22, &file);
    const bnt_tensor *const scalar = bnt_safetensors_tensor_at(st, 2);

    assert_int_equal(scalar->n_dims, 1);
    assert_int_equal(scalar->dims[0], 1);
    assert_int_equal(scalar->bytes, 2);
    assert_ptr_equal(scalar->type, bnt_type_find(BNT_TYPE_BF16));
    bnt_safetensors_close(st);
    free(file);
}

static void files_without_tensors_are_sound(void **state)
{
    (void)state;
    static const char *const headers[] = {"{}", "{}      ", "{ }", "{\"__metadata__\":{}}"};
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
        uint8_t *file;
        bnt_safetensors *const st = open_made(headers[i], 0, &file);
        assert_int_equal(bnt_safetensors_n_tensors(st), 0);
        bnt_safetensors_close(st);
        free(file);
    }
}

static void an_empty_tensor_is_kept_without_bytes(void **state)
{
    (void)state;
    uint8_t *file;
    bnt_safetensors *const st =
        open_made("{\"x\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]},"
                  "\"e\":{\"dtype\":\"F32\",\"shape\":[0,7],\"data_offsets\":[4,4]},"
                  "\"f\":{\"dtype\":\"F32\",\"shape\":[7,0],\"data_offsets\":[0,0]}}",
                  4, &file);
    const bnt_tensor *const e = bnt_safetensors_tensor_at(st, 1);

    assert_int_equal(e->bytes, 0);
    assert_int_equal(e->dims[0], 7);
    assert_int_equal(e->dims[1], 0);
    bnt_safetensors_close(st);
    free(file);
}

static void types_that_cannot_be_computed_with_keep_their_name(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        unsigned n, bytes;
    } cases[] = {{"BOOL", 3, 3},        {"U8", 3, 3},      {"I8", 3, 3},   {"F8_E4M3", 3, 3},
                 {"F8_E5M2", 3, 3},     {"F8_E8M0", 3, 3}, {"I16", 3, 6},  {"U16", 3, 6},
                 {"I32", 3, 12},        {"U32", 3, 12},    {"F64", 3, 24}, {"I64", 3, 24},
                 {"U64", 3, 24},        {"C64", 3, 24},    {"F4", 4, 2},   {"F6_E2M3", 4, 3},
                 {"F8_E4M3FNUZ", 3, 3}, {"F6_E3M2", 8, 6}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char header[160];
        uint8_t *file;
        snprintf(header, sizeof header,
                 "{\"t\":{\"dtype\":\"%s\",\"shape\":[%u],\"data_offsets\":[0,%u]}}",
                 cases[i].name, cases[i].n, cases[i].bytes);
        bnt_safetensors *const st = open_made(header, cases[i].bytes, &file);
        const bnt_tensor *const t = bnt_safetensors_tensor_at(st, 0);
        assert_null(t->type);
        assert_text(t->type_name, cases[i].name);
        assert_int_equal(t->bytes, cases[i].bytes);
        bnt_safetensors_close(st);
        free(file);
    }
}

static void escapes_in_names_are_decoded(void **state)
{
    (void)state;
    uint8_t *file;
    bnt_safetensors *const st = open_made(
        "{\"a\\/"
        "b\\\"c\\\\\":{\"dt\\u0079pe\":\"U\\u0038\",\"shape\":[1],\"data_offsets\":[0,1]},"
        "\"\\u00e9\\u20AC\\ud83d\\ude00\":{\"dtype\":\"U8\",\"shape\":[1],"
        "\"data_offsets\":[1,2]},"
        "\"\xC3\xA9t\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[2,3]}}",
        3, &file);

    assert_text(bnt_safetensors_tensor_at(st, 0)->name, "a/b\"c\\");
    assert_text(bnt_safetensors_tensor_at(st, 1)->name, "\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80");
    assert_text(bnt_safetensors_tensor_at(st, 2)->name, "\xC3\xA9t");
    bnt_safetensors_close(st);
    free(file);
}

static void a_file_cut_at_any_byte_is_refused(void **state)
{
    (void)state;
    size_t size;
    uint8_t *const file = st_make(sample, 22, &size);

    for (size_t cut = 0; cut < size; cut++) {
        bnt_safetensors *st;
        bantam_error err = {0};
        uint8_t *const copy = malloc(cut ? cut : 1);
        assert_non_null(copy);
        memcpy(copy, file, cut);
        assert_int_equal(bnt_safetensors_parse(&st, copy, cut, &err), BANTAM_ERR_FORMAT);
        assert_null(st);
        assert_int_not_equal(err.message[0], '\0');
        free(copy);
    }
    free(file);
}

/* The header itself cut, with its length stated truly and its data behind it. */
static void a_header_cut_at_any_byte_is_refused(void **state)
{
    (void)state;
    const size_t end = strlen(sample) - 3; /* from here only white space is missing */

    for (size_t cut = 0; cut < end; cut++) {
        size_t size;
        bnt_safetensors *st;
        uint8_t *const file = st_make_stated(cut, sample, cut, NULL, 22, &size);
        assert_int_equal(bnt_safetensors_parse(&st, file, size, NULL), BANTAM_ERR_FORMAT);
        assert_null(st);
        free(file);
    }
}

static void every_failing_allocation_is_an_error_and_leaks_nothing(void **state)
{
    (void)state;
    static char header[64 * 1024];
    size_t used = 0, size;
    uint64_t n = 0;
    bnt_safetensors *st = NULL;

    header[used++] = '{';
    for (int i = 0; i < 300; i++) {
        const int more =
            snprintf(header + used, sizeof header - used,
                     "%s\"%st%d\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[%d,%d]}",
                     i ? "," : "", i % 100 ? "" : "\\/", i, i, i + 1);
        used += (size_t)more;
    }
    memcpy(header + used, "}", 2);
    uint8_t *const file = st_make(header, 300, &size);
    const int64_t live = bnt_mem_live();
    do {
        bnt_mem_fail_after(n++);
        const bantam_status status = bnt_safetensors_parse(&st, file, size, NULL);
        bnt_mem_fail_after(UINT64_MAX);
        assert_int_equal(status, st ? BANTAM_OK : BANTAM_ERR_NOMEM);
        if (!st) assert_int_equal(bnt_mem_live(), live);
    } while (!st && n < 100);
    assert_non_null(st);
    assert_true(n > 6);
    bnt_safetensors_close(st);
    assert_int_equal(bnt_mem_live(), live);
    free(file);
}

static void a_hundred_thousand_tensors_in_reverse_take_linear_time(void **state)
{
    (void)state;
    enum { N = 100000, ONE = 72 };
    char *const header = malloc((size_t)N * ONE + 2);
    size_t used = 0, size;
    bnt_safetensors *st;

    assert_non_null(header);
    header[used++] = '{';
    for (int i = N; i-- > 0;) {
        used += (size_t)snprintf(
            header + used, ONE,
            "%s\"%d\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[%d,%d]}",
            i == N - 1 ? "" : ",", i, i, i + 1);
    }
    header[used] = '}';
    uint8_t *const file = st_make_stated(used + 1, header, used + 1, NULL, N, &size);
    const double start = cpu_seconds();
    assert_int_equal(bnt_safetensors_parse(&st, file, size, NULL), BANTAM_OK);
    assert_true(cpu_spent_at_most(2.0, start));
    assert_int_equal(bnt_safetensors_n_tensors(st), N);
    bnt_safetensors_close(st);
    free(file);
    free(header);
}

static void files_of_other_writers_read_as_they_are(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        size_t n_tensors;
        const char *tensor, *type;
        uint64_t columns, rows;
    } known[] = {
        /* Dimensions from golden.json and config.json: hidden size, vocabulary. */
        {"goldens/lm/smollm2-a/hf/model.safetensors", 20, "model.embed_tokens.weight", "BF16",
         144, 340},
        {"goldens/lm/amd-a/hf/model.safetensors", 21, "model.embed_tokens.weight", "F32", 96,
         320},
        {"goldens/lm/bluelm-a/hf/model-00001-of-00002.safetensors", 0,
         "model.embed_tokens.weight", "BF16", 96, 352},
        {"goldens/vision/siglip-a/model.safetensors", 0,
         "vision_model.embeddings.position_embedding.weight", "F32", 72, 25},
    };
    const unsigned n = sizeof known / sizeof known[0];

    if (!shared_found(n)) skip();
    for (unsigned i = 0; i < n; i++) {
        size_t size;
        bnt_safetensors *st;
        bantam_error err = {0};
        const bnt_tensor *found = NULL;
        uint8_t *const file = (uint8_t *)read_whole(shared_path(known[i].path), &size);
        if (bnt_safetensors_parse(&st, file, size, &err)) fail_msg("%s", err.message);
        if (known[i].n_tensors) {
            assert_int_equal(bnt_safetensors_n_tensors(st), known[i].n_tensors);
        }
        for (size_t j = 0; j < bnt_safetensors_n_tensors(st); j++) {
            const bnt_tensor *const t = bnt_safetensors_tensor_at(st, j);
            if (t->name.size == strlen(known[i].tensor) &&
                !memcmp(t->name.data, known[i].tensor, t->name.size)) {
                found = t;
            }
        }
        assert_non_null(found);
        assert_text(found->type_name, known[i].type);
        assert_int_equal(found->dims[0], known[i].columns);
        assert_int_equal(found->dims[1], known[i].rows);
        bnt_safetensors_close(st);
        free(file);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shapes_are_reversed_and_bytes_are_found),
        cmocka_unit_test(a_scalar_is_one_row_of_one_value),
        cmocka_unit_test(files_without_tensors_are_sound),
        cmocka_unit_test(an_empty_tensor_is_kept_without_bytes),
        cmocka_unit_test(types_that_cannot_be_computed_with_keep_their_name),
        cmocka_unit_test(escapes_in_names_are_decoded),
        cmocka_unit_test(a_file_cut_at_any_byte_is_refused),
        cmocka_unit_test(a_header_cut_at_any_byte_is_refused),
        cmocka_unit_test(every_failing_allocation_is_an_error_and_leaks_nothing),
        cmocka_unit_test(a_hundred_thousand_tensors_in_reverse_take_linear_time),
        cmocka_unit_test(files_of_other_writers_read_as_they_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
