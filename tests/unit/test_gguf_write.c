/* The GGUF writer: its bytes against the specification, its files through the reader, and its
 * refusals. */
#include "format/gguf_write.h"

#include "base/mem.h"
#include "gguf_builder.h"
#include "support.h"
#include "temp_folder.h"

#include <sys/resource.h>

static bantam_text text(const char *s)
{
    const bantam_text t = {s, strlen(s)};
    return t;
}

static const bnt_type *type_f32(void)
{
    return bnt_type_find(BNT_TYPE_F32);
}

/* One pair and two vectors, the first of 12 bytes. */
static void write_small(bnt_gguf_writer *w)
{
    static const uint64_t three[] = {3}, two[] = {2};
    static const float values[] = {1.0f, 2.0f, 3.0f, 4.0f, 5.0f};

    bnt_gguf_put_u32(w, "answer", 42);
    bnt_gguf_declare(w, text("a"), type_f32(), 1, three);
    bnt_gguf_declare(w, text("b"), type_f32(), 1, two);
    bnt_gguf_put_data(w, values, 4); /* in pieces */
    bnt_gguf_put_data(w, values + 1, 8);
    bnt_gguf_put_data(w, values + 3, 8);
}

static void a_small_file_has_the_bytes_of_the_specification(void **state)
{
    (void)state;
    static const uint8_t expected[] = {
        'G', 'G', 'U',  'F',  3,   0,   0,    0,                     /* magic, version */
        2,   0,   0,    0,    0,   0,   0,    0,                     /* tensors */
        1,   0,   0,    0,    0,   0,   0,    0,                     /* pairs */
        6,   0,   0,    0,    0,   0,   0,    0,                     /* key */
        'a', 'n', 's',  'w',  'e', 'r', 4,    0,    0,   0,          /* u32 */
        42,  0,   0,    0,                                           /* value, ends at 46 */
        1,   0,   0,    0,    0,   0,   0,    0,    'a',             /* name */
        1,   0,   0,    0,    3,   0,   0,    0,    0,   0, 0,    0, /* one dimension of 3 */
        0,   0,   0,    0,    0,   0,   0,    0,    0,   0, 0,    0, /* F32 at offset 0, ends at
                                                                        79 */
        1,   0,   0,    0,    0,   0,   0,    0,    'b',             /* name */
        1,   0,   0,    0,    2,   0,   0,    0,    0,   0, 0,    0, /* one dimension of 2 */
        0,   0,   0,    0,    32,  0,   0,    0,    0,   0, 0,    0, /* F32 at offset 32, ends
                                                                        at 112 */
        0,   0,   0,    0,    0,   0,   0,    0,    0,   0, 0,    0,    0, 0, 0, 0, /* fill to
                                                                                       128 */
        0,   0,   0x80, 0x3F, 0,   0,   0,    0x40, 0,   0, 0x40, 0x40, /* 1, 2, 3 */
        0,   0,   0,    0,    0,   0,   0,    0,    0,   0, 0,    0,    0, 0, 0, 0, 0,
        0,   0,   0,                                /* fill to 160 */
        0,   0,   0x80, 0x40, 0,   0,   0xA0, 0x40, /* 4, 5 */
        0,   0,   0,    0,    0,   0,   0,    0,    0,   0, 0,    0,    0, 0, 0, 0, 0,
        0,   0,   0,    0,    0,   0,   0, /* to 192 */
    };
    temp_folder t;
    bnt_gguf_writer *w;
    size_t size;

    temp_make(&t);
    assert_int_equal(bnt_gguf_writer_open(&w, temp_path(&t, "small.gguf"), NULL), BANTAM_OK);
    write_small(w);
    assert_int_equal(bnt_gguf_writer_total(w), sizeof expected);
    assert_false(bnt_gguf_writer_failed(w));
    assert_int_equal(bnt_gguf_writer_commit(w, NULL), BANTAM_OK);
    char *const file = read_whole(temp_path(&t, "small.gguf"), &size);
    assert_int_equal(size, sizeof expected);
    assert_memory_equal(file, expected, sizeof expected);
    free(file);
    temp_remove(&t);
}

static void put_every_kind(bnt_gguf_writer *w)
{
    static const bantam_text texts[] = {{"x", 1}, {"", 0}, {"\xC3\xA9", 2}};
    static const float floats[] = {0.5f, -1.0f};
    static const int32_t ints[] = {-1, 2147483647};
    static const uint32_t words[] = {0, 4294967295u};
    static const bool bools[] = {true, false};

    bnt_gguf_put_text(w, "general.architecture", text("llama"));
    bnt_gguf_put_u32(w, "u32", 4294967295u);
    bnt_gguf_put_u64(w, "u64", 1234567890123u);
    bnt_gguf_put_f32(w, "f32", -0.25f);
    bnt_gguf_put_bool(w, "yes", true);
    bnt_gguf_put_bool(w, "no", false);
    bnt_gguf_put_texts(w, "texts", texts, 3);
    bnt_gguf_put_f32s(w, "f32s", floats, 2);
    bnt_gguf_put_i32s(w, "i32s", ints, 2);
    bnt_gguf_put_u32s(w, "u32s", words, 2);
    bnt_gguf_put_bools(w, "bools", bools, 2);
    bnt_gguf_put_texts(w, "none", NULL, 0);
}

/* The same pairs by the tests' own builder. */
static void build_every_kind(gguf_builder *b)
{
    static const char *const texts[] = {"x", "", "\xC3\xA9"};
    static const float floats[] = {0.5f, -1.0f};
    static const int32_t ints[] = {-1, 2147483647};
    static const uint32_t words[] = {0, 4294967295u};
    static const uint8_t bools[] = {1, 0};

    gb_init(b);
    gb_put_text(b, "general.architecture", "llama");
    gb_put_u32(b, "u32", 4294967295u);
    gb_put_u64(b, "u64", 1234567890123u);
    gb_put_f32(b, "f32", -0.25f);
    gb_put_bool(b, "yes", 1);
    gb_put_bool(b, "no", 0);
    gb_put_texts(b, "texts", texts, 3);
    gb_put_f32s(b, "f32s", floats, 2);
    gb_put_i32s(b, "i32s", ints, 2);
    gb_put_u32s(b, "u32s", words, 2);
    gb_put_bools(b, "bools", bools, 2);
    gb_array(b, "none", GB_STRING, 0);
}

static void pairs_of_every_kind_have_the_bytes_of_the_specification(void **state)
{
    (void)state;
    gguf_builder b;
    temp_folder t;
    bnt_gguf_writer *w;
    size_t size, expected_size;

    temp_make(&t);
    assert_int_equal(bnt_gguf_writer_open(&w, temp_path(&t, "kinds.gguf"), NULL), BANTAM_OK);
    put_every_kind(w);
    assert_int_equal(bnt_gguf_writer_commit(w, NULL), BANTAM_OK);
    char *const file = read_whole(temp_path(&t, "kinds.gguf"), &size);
    build_every_kind(&b);
    uint8_t *const expected = gb_finish(&b, &expected_size);
    assert_int_equal(size, (expected_size + 31) / 32 * 32);
    assert_memory_equal(file, expected, expected_size);
    free(expected);
    free(file);
    temp_remove(&t);
}

static void what_was_written_is_read_back(void **state)
{
    (void)state;
    static const uint64_t shape[] = {64, 3, 2};
    temp_folder t;
    bnt_gguf_writer *w;
    bnt_gguf *g;
    size_t size;
    uint8_t blocks[3 * 2 * 2 * 34];

    for (size_t i = 0; i < sizeof blocks; i++) {
        blocks[i] = (uint8_t)(i * 7);
    }
    temp_make(&t);
    assert_int_equal(bnt_gguf_writer_open(&w, temp_path(&t, "m.gguf"), NULL), BANTAM_OK);
    put_every_kind(w);
    bnt_gguf_declare(w, text("w"), bnt_type_find(BNT_TYPE_Q8_0), 3, shape);
    bnt_gguf_put_data(w, blocks, sizeof blocks);
    const uint64_t total = bnt_gguf_writer_total(w);
    assert_int_equal(bnt_gguf_writer_commit(w, NULL), BANTAM_OK);

    char *const file = read_whole(temp_path(&t, "m.gguf"), &size);
    assert_int_equal(size, total);
    assert_int_equal(size % 32, 0);
    assert_int_equal(bnt_gguf_parse(&g, (const uint8_t *)file, size, NULL), BANTAM_OK);
    assert_int_equal(bnt_gguf_n_pairs(g), 12);
    const bnt_tensor *const w0 = bnt_gguf_tensor_at(g, 0);
    assert_int_equal(w0->n_dims, 3);
    assert_int_equal(w0->dims[0], 64);
    assert_int_equal(w0->dims[1], 3);
    assert_int_equal(w0->dims[2], 2);
    assert_int_equal(w0->bytes, sizeof blocks);
    assert_memory_equal(w0->data, blocks, sizeof blocks);
    bnt_gguf_close(g);
    free(file);
    temp_remove(&t);
}

static void pairs_are_copied_from_file_to_file_byte_by_byte(void **state)
{
    (void)state;
    gguf_builder b;
    temp_folder t;
    bnt_gguf_writer *w;
    bnt_gguf *g;
    size_t size, copy_size;

    build_every_kind(&b);
    gb_bytes *const p = gb_array(&b, "nested", GB_ARRAY, 1);
    gb_u32(p, GB_STRING);
    gb_u64(p, 2);
    gb_text(p, "one");
    gb_text(p, "two");
    const uint8_t *const file = gb_finish(&b, &size);
    assert_int_equal(bnt_gguf_parse(&g, file, size, NULL), BANTAM_OK);

    temp_make(&t);
    assert_int_equal(bnt_gguf_writer_open(&w, temp_path(&t, "copy.gguf"), NULL), BANTAM_OK);
    for (size_t i = 0; i < bnt_gguf_n_pairs(g); i++) {
        bnt_gguf_put_pair(w, bnt_gguf_pair_at(g, i));
    }
    assert_int_equal(bnt_gguf_writer_commit(w, NULL), BANTAM_OK);
    char *const copy = read_whole(temp_path(&t, "copy.gguf"), &copy_size);
    assert_true(copy_size >= size);
    assert_memory_equal(copy, file, size);
    free(copy);
    bnt_gguf_close(g);
    free((void *)(uintptr_t)file);
    temp_remove(&t);
}

static void the_alignment_of_another_file_is_passed_over(void **state)
{
    (void)state;
    gguf_builder b;
    temp_folder t;
    bnt_gguf_writer *w;
    bnt_gguf *g;
    bantam_error err;
    size_t size;

    gb_init(&b);
    gb_put_u32(&b, "general.alignment", 4096);
    uint8_t *const file = gb_finish(&b, &size);
    assert_int_equal(bnt_gguf_parse(&g, file, size, NULL), BANTAM_OK);
    temp_make(&t);
    assert_int_equal(bnt_gguf_writer_open(&w, temp_path(&t, "a.gguf"), NULL), BANTAM_OK);
    bnt_gguf_put_pair(w, bnt_gguf_pair_at(g, 0));
    assert_int_equal(bnt_gguf_writer_total(w), 32);
    assert_int_equal(bnt_gguf_writer_commit(w, NULL), BANTAM_OK);

    assert_int_equal(bnt_gguf_writer_open(&w, temp_path(&t, "a.gguf"), NULL), BANTAM_OK);
    bnt_gguf_put_u32(w, "general.alignment", 64);
    assert_int_equal(bnt_gguf_writer_commit(w, &err), BANTAM_ERR_INVALID);
    assert_non_null(strstr(err.message, "general.alignment"));
    bnt_gguf_close(g);
    free(file);
    temp_remove(&t);
}

/* Tiles of 16 rows: 384 bytes of B4 (64 of d, 64 of scales, 256 of codes). */
static void data_begin_where_the_alignment_asks(void **state)
{
    (void)state;
    static const uint64_t vector[] = {3}, shape[] = {32, 17};
    static const uint32_t alignments[] = {64, 4096};
    static uint8_t tiles[2 * 384];
    const float values[3] = {1, 2, 3};
    temp_folder t;

    temp_make(&t);
    for (size_t i = 0; i < 2; i++) {
        bnt_gguf_writer *w;
        bnt_gguf *g;
        size_t size;
        assert_int_equal(bnt_gguf_writer_open(&w, temp_path(&t, "t.gguf"), NULL), BANTAM_OK);
        bnt_gguf_align(w, alignments[i]);
        bnt_gguf_declare(w, text("v"), type_f32(), 1, vector);
        bnt_gguf_declare(w, text("m"), bnt_type_find(BNT_TYPE_B4), 2, shape);
        memset(tiles, 0x11 + (int)i, sizeof tiles);
        bnt_gguf_put_data(w, values, sizeof values);
        bnt_gguf_put_data(w, tiles, sizeof tiles);
        const uint64_t total = bnt_gguf_writer_total(w);
        assert_int_equal(bnt_gguf_writer_commit(w, NULL), BANTAM_OK);

        char *const file = read_whole(temp_path(&t, "t.gguf"), &size);
        assert_int_equal(size, total);
        assert_int_equal(size % alignments[i], 0);
        assert_int_equal(bnt_gguf_parse(&g, (const uint8_t *)file, size, NULL), BANTAM_OK);
        for (size_t j = 0; j < 2; j++) {
            const size_t at = (size_t)(bnt_gguf_tensor_at(g, j)->data - (uint8_t *)file);
            assert_int_equal(at % alignments[i], 0);
        }
        assert_int_equal(bnt_gguf_tensor_at(g, 1)->bytes, sizeof tiles);
        assert_memory_equal(bnt_gguf_tensor_at(g, 1)->data, tiles, sizeof tiles);
        bnt_gguf_close(g);
        free(file);
    }
    temp_remove(&t);
}

/* ---- refusals ---------------------------------------------------------------------------- */

typedef void (*misuse_fn)(bnt_gguf_writer *w);

static const uint64_t three[] = {3}, zero[] = {3, 0}, forty[] = {40};
static const float numbers[] = {1, 2, 3, 4};

static void a_key_twice(bnt_gguf_writer *w)
{
    bnt_gguf_put_u32(w, "key", 1);
    bnt_gguf_put_text(w, "key", text("x"));
}
static void a_tensor_twice(bnt_gguf_writer *w)
{
    bnt_gguf_declare(w, text("t"), type_f32(), 1, three);
    bnt_gguf_declare(w, text("t"), type_f32(), 1, three);
}
static void too_few_bytes(bnt_gguf_writer *w)
{
    bnt_gguf_declare(w, text("t"), type_f32(), 1, three);
    bnt_gguf_put_data(w, numbers, 8);
}
static void no_bytes(bnt_gguf_writer *w)
{
    bnt_gguf_declare(w, text("t"), type_f32(), 1, three);
}
static void too_many_bytes(bnt_gguf_writer *w)
{
    bnt_gguf_declare(w, text("t"), type_f32(), 1, three);
    bnt_gguf_put_data(w, numbers, 16);
}
static void bytes_of_no_tensor(bnt_gguf_writer *w)
{
    bnt_gguf_declare(w, text("t"), type_f32(), 1, three);
    bnt_gguf_put_data(w, numbers, 12);
    bnt_gguf_put_data(w, numbers, 4);
}
static void a_key_after_data(bnt_gguf_writer *w)
{
    bnt_gguf_declare(w, text("t"), type_f32(), 1, three);
    bnt_gguf_put_data(w, numbers, 12);
    bnt_gguf_put_u32(w, "late", 1);
}
static void a_tensor_after_data(bnt_gguf_writer *w)
{
    bnt_gguf_declare(w, text("t"), type_f32(), 1, three);
    bnt_gguf_put_data(w, numbers, 12);
    bnt_gguf_declare(w, text("late"), type_f32(), 1, three);
}
static void a_dimension_of_zero(bnt_gguf_writer *w)
{
    bnt_gguf_declare(w, text("t"), type_f32(), 2, zero);
}
static void no_dimensions(bnt_gguf_writer *w)
{
    bnt_gguf_declare(w, text("t"), type_f32(), 0, zero);
}
static void a_broken_row(bnt_gguf_writer *w)
{
    bnt_gguf_declare(w, text("t"), bnt_type_find(BNT_TYPE_Q8_0), 1, forty);
}
static void an_empty_key(bnt_gguf_writer *w)
{
    bnt_gguf_put_u32(w, "", 1);
}
static void an_empty_name(bnt_gguf_writer *w)
{
    bnt_gguf_declare(w, text(""), type_f32(), 1, three);
}

static void an_alignment_of_48(bnt_gguf_writer *w)
{
    bnt_gguf_align(w, 48);
}
static void an_alignment_of_16(bnt_gguf_writer *w)
{
    bnt_gguf_align(w, 16);
}
static void two_alignments(bnt_gguf_writer *w)
{
    bnt_gguf_align(w, 32);
    bnt_gguf_align(w, 64);
}
static void an_alignment_after_a_tensor(bnt_gguf_writer *w)
{
    bnt_gguf_declare(w, text("t"), type_f32(), 1, three);
    bnt_gguf_align(w, 64);
}
static void tiles_out_of_line(bnt_gguf_writer *w)
{
    static const uint64_t shape[] = {32, 16};
    bnt_gguf_declare(w, text("t"), bnt_type_find(BNT_TYPE_B4), 2, shape);
}

static void misuse_is_reported_by_commit_and_leaves_no_file(void **state)
{
    (void)state;
    static const struct {
        misuse_fn fn;
        const char *message;
    } cases[] = {{a_key_twice, "key key is given twice"},
                 {a_tensor_twice, "tensor t is given twice"},
                 {too_few_bytes, "tensor t: expected 12 bytes, given 8"},
                 {no_bytes, "tensor t: expected 12 bytes, given 0"},
                 {too_many_bytes, "tensor t: given 16 bytes where 12 are missing"},
                 {bytes_of_no_tensor, "4 bytes of data after the last tensor"},
                 {an_alignment_of_48, "alignment 48: expected a power of two"},
                 {an_alignment_of_16, "alignment 16: expected a power of two"},
                 {two_alignments, "key general.alignment is given twice"},
                 {an_alignment_after_a_tensor, "before the first tensor"},
                 {tiles_out_of_line, "tensor t: type B4 needs an alignment of 64"},
                 {a_key_after_data, "key late comes after tensor data"},
                 {a_tensor_after_data, "tensor late is declared after tensor data"},
                 {a_dimension_of_zero, "tensor t"},
                 {no_dimensions, "tensor t"},
                 {a_broken_row, "rows of 40"},
                 {an_empty_key, "a key has 1 to 65535 bytes"},
                 {an_empty_name, "a tensor has 1 to 256 bytes"}};
    temp_folder t;

    temp_make(&t);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bnt_gguf_writer *w;
        bantam_error err = {0};
        const int64_t live = bnt_mem_live();
        assert_int_equal(bnt_gguf_writer_open(&w, temp_path(&t, "f.gguf"), NULL), BANTAM_OK);
        cases[i].fn(w);
        assert_int_equal(bnt_gguf_writer_commit(w, &err), BANTAM_ERR_INVALID);
        if (!strstr(err.message, cases[i].message)) fail_msg("%s", err.message);
        assert_int_equal(bnt_mem_live(), live);
        assert_int_equal(rmdir(t.path), 0); /* nothing is left in it, not even a temporary */
        assert_int_equal(mkdir(t.path, 0700), 0);
    }
    temp_remove(&t);
}

/* The limit stands in for a full disk; its signal would kill the process. */
static void a_full_disk_is_the_reason_that_is_told(void **state)
{
    (void)state;
    const uint64_t dims[1] = {1 << 18};
    const bantam_text name = {"t", 1};
    struct rlimit before, limit;
    bnt_gguf_writer *w;
    bantam_error err;
    temp_folder t;
    char *const zeros = calloc(1, 1 << 20);

    temp_make(&t);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    limit = before;
    limit.rlim_cur = 2048;
    assert_int_equal(bnt_gguf_writer_open(&w, temp_path(&t, "f.gguf"), NULL), BANTAM_OK);
    bnt_gguf_declare(w, name, bnt_type_find(BNT_TYPE_F32), 1, dims);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    /* A long writer stops when it sees that it failed; what it left out is not the reason. */
    bnt_gguf_put_data(w, zeros, 300 << 10);
    assert_true(bnt_gguf_writer_failed(w));
    const bantam_status status = bnt_gguf_writer_commit(w, &err);
    setrlimit(RLIMIT_FSIZE, &before);
    assert_int_equal(status, BANTAM_ERR_IO);
    assert_non_null(strstr(err.message, "File too large"));
    assert_int_equal(rmdir(t.path), 0);
    free(zeros);
}

static void an_aborted_writer_leaves_the_old_file(void **state)
{
    (void)state;
    temp_folder t;
    bnt_gguf_writer *w;
    size_t size;

    temp_make(&t);
    temp_write_text(&t, "f.gguf", "old");
    assert_int_equal(bnt_gguf_writer_open(&w, temp_path(&t, "f.gguf"), NULL), BANTAM_OK);
    write_small(w);
    bnt_gguf_writer_abort(w);
    bnt_gguf_writer_abort(NULL);
    char *const file = read_whole(temp_path(&t, "f.gguf"), &size);
    assert_int_equal(size, 3);
    free(file);
    assert_int_equal(remove(temp_path(&t, "f.gguf")), 0);
    assert_int_equal(rmdir(t.path), 0);
}

static void a_folder_that_is_not_there_is_an_error_of_the_system(void **state)
{
    (void)state;
    bnt_gguf_writer *w;
    bantam_error err;

    assert_int_equal(bnt_gguf_writer_open(&w, "/no/such/folder/f.gguf", &err), BANTAM_ERR_IO);
    assert_null(w);
}

static void every_failing_allocation_is_an_error_and_leaks_nothing(void **state)
{
    (void)state;
    temp_folder t;
    bantam_status status;
    uint64_t n = 0;

    temp_make(&t);
    const int64_t live = bnt_mem_live();
    do {
        bnt_gguf_writer *w;
        bantam_error err = {0};
        bnt_mem_fail_after(n++);
        status = bnt_gguf_writer_open(&w, temp_path(&t, "f.gguf"), &err);
        if (!status) {
            put_every_kind(w);
            write_small(w);
            status = bnt_gguf_writer_commit(w, &err);
        }
        bnt_mem_fail_after(UINT64_MAX);
        assert_true(status == BANTAM_OK || status == BANTAM_ERR_NOMEM);
        assert_int_equal(bnt_mem_live(), live);
    } while (status && n < 200);
    assert_int_equal(status, BANTAM_OK);
    assert_true(n > 10);
    temp_remove(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_small_file_has_the_bytes_of_the_specification),
        cmocka_unit_test(pairs_of_every_kind_have_the_bytes_of_the_specification),
        cmocka_unit_test(what_was_written_is_read_back),
        cmocka_unit_test(pairs_are_copied_from_file_to_file_byte_by_byte),
        cmocka_unit_test(data_begin_where_the_alignment_asks),
        cmocka_unit_test(the_alignment_of_another_file_is_passed_over),
        cmocka_unit_test(misuse_is_reported_by_commit_and_leaves_no_file),
        cmocka_unit_test(a_full_disk_is_the_reason_that_is_told),
        cmocka_unit_test(an_aborted_writer_leaves_the_old_file),
        cmocka_unit_test(a_folder_that_is_not_there_is_an_error_of_the_system),
        cmocka_unit_test(every_failing_allocation_is_an_error_and_leaks_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
