/* test_imatrix.c - importance files: both forms read from bytes that are written here by hand,
 * what is written is read again, and what is no such file is refused with a reason. */
#include "format/imatrix.h"

#include <math.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/text.h"
#include "gguf_builder.h"
#include "support.h"
#include "temp_folder.h"

/* ---- files ------------------------------------------------------------------------------- */

static void old_entry(gb_bytes *b, const char *name, uint32_t calls, const float *values,
                      uint32_t n)
{
    gb_u32(b, (uint32_t)strlen(name));
    gb_raw(b, name, strlen(name));
    gb_u32(b, calls);
    gb_u32(b, n);
    for (uint32_t i = 0; i < n; i++) {
        gb_f32(b, values[i]);
    }
}

static const float three[3] = {2.0f, 0.0f, 6.0f}, two[2] = {5.0f, 7.0f};

/* Two entries without what may stand behind them. */
static gb_bytes old_file(void)
{
    gb_bytes b = {NULL, 0, 0};
    gb_u32(&b, 2);
    old_entry(&b, "a.weight", 4, three, 3);
    old_entry(&b, "b.weight", 0, two, 2);
    return b;
}

static void old_trailer(gb_bytes *b)
{
    gb_u32(b, 17);
    gb_u32(b, 4);
    gb_raw(b, "text", 4);
}

static void begin_new(gguf_builder *b, const char *kind)
{
    gb_init(b);
    if (kind) gb_put_text(b, "general.type", kind);
    gb_put_u32(b, "imatrix.chunk_count", 17);
    gb_put_u32(b, "imatrix.chunk_size", 512);
}

/* A matrix of three columns, and one of two experts of which one was never asked. */
static uint8_t *new_file(size_t *size)
{
    static const float sums[4] = {3.0f, 6.0f, 0.0f, 0.0f}, counts[2] = {3.0f, 0.0f};
    static const float count = 8.0f;
    gguf_builder b;

    begin_new(&b, "imatrix");
    gb_add_f32(&b, "a.weight.in_sum2", 3, 0, three);
    gb_add_f32(&b, "a.weight.counts", 1, 0, &count);
    gb_add_f32(&b, "e.weight.counts", 1, 2, counts);
    gb_add_f32(&b, "e.weight.in_sum2", 2, 2, sums);
    return gb_finish(&b, size);
}

static bnt_imatrix *parse(const uint8_t *data, size_t size)
{
    bnt_imatrix *m;
    bantam_error err;
    if (bnt_imatrix_parse(&m, data, size, &err)) fail_msg("%s", err.message);
    return m;
}

static void refuse(uint8_t *data, size_t size, const char *reason)
{
    bnt_imatrix *m;
    bantam_error err;

    assert_int_equal(bnt_imatrix_parse(&m, data, size, &err), BANTAM_ERR_FORMAT);
    assert_null(m);
    if (!strstr(err.message, reason)) fail_msg("\"%s\" lacks \"%s\"", err.message, reason);
    free(data);
}

static void check_entry(const bnt_imatrix *m, const char *name, const float *mean, size_t n)
{
    const bnt_importance *const e = bnt_imatrix_find(m, bnt_text_of(name));
    assert_non_null(e);
    assert_true(bnt_text_is(e->name, name));
    assert_int_equal(e->n, n);
    for (size_t i = 0; i < n; i++) {
        assert_true(e->mean[i] == mean[i]);
    }
}

/* ---- reading ----------------------------------------------------------------------------- */

static void the_older_form_is_read_with_and_without_its_end(void **state)
{
    (void)state;
    gb_bytes b = old_file();

    for (int end = 0; end < 2; end++) {
        bnt_imatrix *const m = parse(b.data, b.size);
        assert_int_equal(bnt_imatrix_n_entries(m), 2);
        assert_int_equal(bnt_imatrix_n_chunks(m), end ? 17 : 0);
        check_entry(m, "a.weight", (const float[]){0.5f, 0.0f, 1.5f}, 3);
        check_entry(m, "b.weight", two, 2);
        assert_true(bnt_text_is(bnt_imatrix_at(m, 1)->name, "b.weight"));
        assert_null(bnt_imatrix_find(m, bnt_text_of("c.weight")));
        bnt_imatrix_close(m);
        old_trailer(&b);
    }
    free(b.data);
}

static void the_newer_form_is_read_expert_by_expert(void **state)
{
    (void)state;
    size_t size;
    uint8_t *const file = new_file(&size);
    bnt_imatrix *const m = parse(file, size);

    assert_int_equal(bnt_imatrix_n_entries(m), 2);
    assert_int_equal(bnt_imatrix_n_chunks(m), 17);
    check_entry(m, "a.weight", (const float[]){0.25f, 0.0f, 0.75f}, 3);
    check_entry(m, "e.weight", (const float[]){1.0f, 2.0f, 1.0f, 1.0f}, 4);
    bnt_imatrix_close(m);
    free(file);
}

static void a_cut_file_is_refused_at_every_byte(void **state)
{
    (void)state;
    size_t sizes[2];
    gb_bytes old = old_file();
    const size_t entries = old.size; /* where the older form may end */
    old_trailer(&old);
    uint8_t *const files[2] = {old.data, new_file(&sizes[1])};
    sizes[0] = old.size;

    for (int f = 0; f < 2; f++) {
        for (size_t cut = 0; cut < sizes[f]; cut++) {
            bnt_imatrix *m;
            uint8_t *const copy = malloc(cut ? cut : 1);
            assert_non_null(copy);
            memcpy(copy, files[f], cut);
            const bantam_status status = bnt_imatrix_parse(&m, copy, cut, NULL);
            if (f == 0 && cut == entries) {
                assert_int_equal(status, BANTAM_OK);
            } else {
                assert_int_equal(status, BANTAM_ERR_FORMAT);
            }
            bnt_imatrix_close(m);
            free(copy);
        }
        free(files[f]);
    }
}

/* ---- refusals ---------------------------------------------------------------------------- */

static void numbers_that_do_not_add_up_are_refused(void **state)
{
    (void)state;
    /* Where a number of the older form stands, and what is put there. */
    static const struct {
        size_t at;
        uint32_t value;
    } cases[] = {{0, 0},   {0, 3},          {0, UINT32_MAX},  {4, 0},
                 {4, 257}, {4, UINT32_MAX}, {16, 1u << 31},   {20, 0},
                 {20, 4},  {20, 1u << 30},  {20, UINT32_MAX}, {0, 0x04034b50u}};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        gb_bytes b = old_file();
        for (int byte = 0; byte < 4; byte++) {
            b.data[cases[i].at + (size_t)byte] = (uint8_t)(cases[i].value >> (8 * byte));
        }
        refuse(b.data, b.size, "not an importance file, or cut short");
    }
    gb_bytes more = old_file();
    old_trailer(&more);
    gb_u8(&more, 0);
    refuse(more.data, more.size, "not an importance file");
}

static void what_no_sum_of_squares_gives_is_refused(void **state)
{
    (void)state;
    static const float bad[] = {-1.0f, NAN, INFINITY};

    for (int i = 0; i < 3; i++) {
        gb_bytes b = {NULL, 0, 0};
        gb_u32(&b, 1);
        old_entry(&b, "a.weight", 1, (const float[]){1.0f, bad[i]}, 2);
        refuse(b.data, b.size, "matrix a.weight: importance 1 is");

        static const float count = 1.0f;
        gguf_builder g;
        size_t size;
        begin_new(&g, "imatrix");
        gb_add_f32(&g, "a.weight.in_sum2", 2, 0, (const float[]){1.0f, bad[i]});
        gb_add_f32(&g, "a.weight.counts", 1, 0, &count);
        uint8_t *const file = gb_finish(&g, &size);
        refuse(file, size, "matrix a.weight: importance 1 is");
    }
}

static void a_matrix_that_stands_there_twice_is_refused(void **state)
{
    (void)state;
    gb_bytes b = {NULL, 0, 0};
    gb_u32(&b, 2);
    old_entry(&b, "a.weight", 1, two, 2);
    old_entry(&b, "a.weight", 1, two, 2);
    refuse(b.data, b.size, "matrix a.weight stands there twice");
}

static void other_gguf_files_are_refused(void **state)
{
    (void)state;
    static const float one = 1.0f;
    static const char *const kinds[] = {"model", NULL};
    gguf_builder b;
    size_t size;
    uint8_t *file;

    for (int i = 0; i < 2; i++) {
        begin_new(&b, kinds[i]);
        gb_add_f32(&b, "a.weight.in_sum2", 3, 0, three);
        gb_add_f32(&b, "a.weight.counts", 1, 0, &one);
        file = gb_finish(&b, &size);
        refuse(file, size, "expected \"imatrix\", found \"model\"");
    }
    begin_new(&b, "imatrix");
    file = gb_finish(&b, &size);
    refuse(file, size, "no tensor's name ends in .in_sum2");
}

static void sums_and_counts_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    static const float ones[2] = {1.0f, 1.0f};
    static const uint64_t dims[] = {3};
    gguf_builder b;
    size_t size;
    uint8_t *file;

    begin_new(&b, "imatrix");
    gb_add_f32(&b, "a.weight.in_sum2", 3, 0, three);
    file = gb_finish(&b, &size);
    refuse(file, size, "tensor a.weight.counts is missing");

    begin_new(&b, "imatrix");
    gb_add_f32(&b, "a.weight.counts", 1, 0, ones);
    file = gb_finish(&b, &size);
    refuse(file, size, "tensor a.weight.counts: there are no sums to the counts");

    begin_new(&b, "imatrix");
    gb_add_f32(&b, "a.weight.in_sum2", 3, 0, three);
    gb_add_f32(&b, "a.weight.counts", 2, 0, ones);
    file = gb_finish(&b, &size);
    refuse(file, size, "tensor a.weight.counts: expected 1 counts, found 2");

    begin_new(&b, "imatrix");
    gb_add_f32(&b, ".in_sum2", 3, 0, three);
    file = gb_finish(&b, &size);
    refuse(file, size, "tensor .in_sum2: no matrix, or no values");

    begin_new(&b, "imatrix");
    gb_add_tensor(&b, "a.weight.in_sum2", 1, 1, dims, NULL, 6);
    file = gb_finish(&b, &size);
    refuse(file, size, "tensor a.weight.in_sum2: expected F32, found F16");
}

/* ---- writing ----------------------------------------------------------------------------- */

static const bnt_importance_origin origin = {{"notes.txt", 9}, 5, 256};
static const bnt_importance_sums sums[] = {{{"a.weight", 8}, three, 3, 8},
                                           {{"b.weight", 8}, two, 2, 1}};

static void what_is_written_is_read_again(void **state)
{
    (void)state;
    static const char *const names[] = {"i.dat", "i.gguf"};
    temp_folder t;

    temp_make(&t);
    for (int i = 0; i < 2; i++) {
        const char *const path = temp_path(&t, names[i]);
        bantam_error err;
        bnt_imatrix *m;
        if (bnt_imatrix_write(path, sums, 2, &origin, &err)) fail_msg("%s", err.message);
        if (bnt_imatrix_open(&m, path, &err)) fail_msg("%s", err.message);
        assert_int_equal(bnt_imatrix_n_entries(m), 2);
        assert_int_equal(bnt_imatrix_n_chunks(m), 5);
        check_entry(m, "a.weight", (const float[]){0.25f, 0.0f, 0.75f}, 3);
        check_entry(m, "b.weight", two, 2);
        bnt_imatrix_close(m);
    }
    temp_remove(&t);
}

/* Field by field: means times the chunks, and the chunks as calls. */
static void the_older_form_has_the_bytes_that_others_read(void **state)
{
    (void)state;
    static const float a[3] = {1.25f, 0.0f, 3.75f}, b[2] = {25.0f, 35.0f};
    gb_bytes want = {NULL, 0, 0};
    temp_folder t;
    size_t size;

    gb_u32(&want, 2);
    old_entry(&want, "a.weight", 5, a, 3);
    old_entry(&want, "b.weight", 5, b, 2);
    gb_u32(&want, 5);
    gb_u32(&want, 9);
    gb_raw(&want, "notes.txt", 9);

    temp_make(&t);
    const char *const path = temp_path(&t, "i.dat");
    assert_int_equal(bnt_imatrix_write(path, sums, 2, &origin, NULL), BANTAM_OK);
    char *const file = read_whole(path, &size);
    assert_int_equal(size, want.size);
    assert_memory_equal(file, want.data, size);
    free(file);
    free(want.data);
    temp_remove(&t);
}

static void what_no_file_can_say_is_not_written(void **state)
{
    (void)state;
    const bnt_importance_sums bad[] = {{{"", 0}, three, 3, 1},
                                       {{"a", 1}, three, 0, 1},
                                       {{"a", 1}, three, 3, 0},
                                       {{"a", BNT_MAX_TENSOR_NAME}, three, 3, 1}};
    temp_folder t;
    bantam_error err;

    temp_make(&t);
    for (int i = 0; i < 4; i++) {
        const char *const path = temp_path(&t, i % 2 ? "i.dat" : "i.gguf");
        assert_int_equal(bnt_imatrix_write(path, &bad[i], 1, &origin, &err),
                         BANTAM_ERR_INVALID);
        assert_int_equal(bnt_imatrix_write(path, bad, 0, &origin, &err), BANTAM_ERR_INVALID);
        assert_int_not_equal(access(path, F_OK), 0);
    }
    temp_remove(&t);
}

/* ---- failing ----------------------------------------------------------------------------- */

static void no_failed_allocation_is_left_untried(void **state)
{
    (void)state;
    static const char *const names[] = {"i.dat", "i.gguf"};
    temp_folder t;

    temp_make(&t);
    for (int i = 0; i < 2; i++) {
        const char *const path = temp_path(&t, names[i]);
        const int64_t live = bnt_mem_live();
        bantam_status status;
        bnt_imatrix *m;
        uint64_t n = 0;
        do {
            bnt_mem_fail_after(n++);
            status = bnt_imatrix_write(path, sums, 2, &origin, NULL);
            bnt_mem_fail_after(UINT64_MAX);
            assert_true(status == BANTAM_OK || status == BANTAM_ERR_NOMEM);
            assert_int_equal(bnt_mem_live(), live);
            assert_int_equal(access(path, F_OK) == 0, status == BANTAM_OK);
        } while (status && n < 100);
        assert_true(!status && n > 1);
        n = 0;
        do {
            bnt_mem_fail_after(n++);
            status = bnt_imatrix_open(&m, path, NULL);
            bnt_mem_fail_after(UINT64_MAX);
            assert_int_equal(status, m ? BANTAM_OK : BANTAM_ERR_NOMEM);
            bnt_imatrix_close(m);
            assert_int_equal(bnt_mem_live(), live);
        } while (status && n < 100);
        assert_true(!status && n > 6);
    }
    temp_remove(&t);
}

static void a_message_names_the_file(void **state)
{
    (void)state;
    temp_folder t;
    bantam_error err;
    bnt_imatrix *m;

    temp_make(&t);
    const char *const path = temp_path(&t, "notes.txt");
    assert_int_equal(bnt_imatrix_open(&m, path, &err), BANTAM_ERR_IO);
    assert_non_null(strstr(err.message, "notes.txt"));
    write_whole(path, "these are only notes", 20);
    assert_int_equal(bnt_imatrix_open(&m, path, &err), BANTAM_ERR_FORMAT);
    assert_non_null(strstr(err.message, "notes.txt: not an importance file"));
    write_whole(path, "", 0);
    assert_int_equal(bnt_imatrix_open(&m, path, &err), BANTAM_ERR_FORMAT);
    temp_remove(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_older_form_is_read_with_and_without_its_end),
        cmocka_unit_test(the_newer_form_is_read_expert_by_expert),
        cmocka_unit_test(a_cut_file_is_refused_at_every_byte),
        cmocka_unit_test(numbers_that_do_not_add_up_are_refused),
        cmocka_unit_test(what_no_sum_of_squares_gives_is_refused),
        cmocka_unit_test(a_matrix_that_stands_there_twice_is_refused),
        cmocka_unit_test(other_gguf_files_are_refused),
        cmocka_unit_test(sums_and_counts_that_do_not_fit_are_refused),
        cmocka_unit_test(what_is_written_is_read_again),
        cmocka_unit_test(the_older_form_has_the_bytes_that_others_read),
        cmocka_unit_test(what_no_file_can_say_is_not_written),
        cmocka_unit_test(no_failed_allocation_is_left_untried),
        cmocka_unit_test(a_message_names_the_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
