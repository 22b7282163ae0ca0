/* Archives of single files and of gguf shards, and what is said about files of other kinds.
 * Folders are test_hf_folder.c's. */
#include "archive_rig.h"

/* ---- single files ------------------------------------------------------------------------ */

static void a_gguf_file_opens_whatever_its_name(void **state)
{
    (void)state;
    write_gguf("weights.bin", "token_embd.weight");
    bnt_archive *const a = open_sound("weights.bin");
    struct stat st;

    assert_string_equal(bnt_archive_format(a), "gguf v3");
    assert_string_equal(bnt_archive_path(a), in("weights.bin"));
    assert_null(bnt_archive_folder(a));
    assert_null(bnt_archive_config(a));
    assert_non_null(bnt_archive_gguf(a));
    assert_int_equal(stat(in("weights.bin"), &st), 0);
    assert_int_equal(bnt_archive_bytes(a), st.st_size);
    assert_int_equal(bnt_archive_n_tensors(a), 1);
    assert_text(bnt_archive_tensor_at(a, 0)->name, "token_embd.weight");
    assert_null(bnt_archive_tensor_at(a, 1));
    assert_ptr_equal(bnt_archive_find(a, "token_embd.weight"), bnt_archive_tensor_at(a, 0));
    assert_null(bnt_archive_find(a, "token_embd"));
    assert_int_equal(bnt_archive_check(a, NULL), BANTAM_OK);
    bnt_archive_close(a);
    bnt_archive_close(NULL);
}

static void a_safetensors_file_opens_whatever_its_name(void **state)
{
    (void)state;
    write_safetensors("weights.dat", "a", "b");
    bnt_archive *const a = open_sound("weights.dat");

    assert_string_equal(bnt_archive_format(a), "safetensors");
    assert_null(bnt_archive_gguf(a));
    assert_null(bnt_archive_config(a));
    assert_null(bnt_archive_folder(a));
    assert_int_equal(bnt_archive_n_tensors(a), 2);
    assert_int_equal(bnt_archive_find(a, "b")->dims[1], 2);
    bnt_archive_close(a);
}

static void a_safetensors_header_of_640_bytes_is_no_pickle(void **state)
{
    (void)state;
    static const char tensor[] =
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}";
    char header[641];
    size_t size;

    memset(header, ' ', 640);
    header[640] = '\0';
    memcpy(header, tensor, strlen(tensor));
    uint8_t *const file = st_make(header, 4, &size);
    assert_int_equal(file[0], 0x80);
    assert_int_equal(file[1], 0x02);
    temp_write(&folder, "x", file, size);
    bnt_archive_close(open_sound("x"));
    free(file);
}

static void files_of_other_kinds_are_told_by_what_they_are(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t size;
        bantam_status status;
        const char *message;
    } cases[] = {
        {"", 0, BANTAM_ERR_FORMAT, "the file is empty"},
        {"GGU", 3, BANTAM_ERR_FORMAT, "neither gguf nor safetensors"},
        {"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", 63,
         BANTAM_ERR_FORMAT, "git lfs pull"},
        {"<!DOCTYPE html><html>", 21, BANTAM_ERR_FORMAT, "web page"},
        {"<!doctype html><html>", 21, BANTAM_ERR_FORMAT, "web page"},
        {"<html><head></head>", 19, BANTAM_ERR_FORMAT, "web page"},
        {"PK\3\4\0\0\10\10\0\0archive/data.pkl", 26, BANTAM_ERR_UNSUPPORTED,
         "convert it to safetensors"},
        {"\x80\2}q\0.........", 14, BANTAM_ERR_UNSUPPORTED, "pickle"},
        {"\x80\4\x95........", 11, BANTAM_ERR_UNSUPPORTED, "pickle"},
        {"\x1F\x8B\x08\0\0\0\0\0\0\0\0\0", 12, BANTAM_ERR_UNSUPPORTED, "gzip"},
        {"\xEF\xBB\xBFGGUF\3\0\0\0\0", 12, BANTAM_ERR_FORMAT, "byte order mark"},
        {"FUGG\0\0\0\3\0\0\0\0", 12, BANTAM_ERR_UNSUPPORTED, "byte order"},
        {"GGML\3\0\0\0\0\0\0\0", 12, BANTAM_ERR_UNSUPPORTED, "older than gguf"},
        {"tjgg\3\0\0\0\0\0\0\0", 12, BANTAM_ERR_UNSUPPORTED, "older than gguf"},
        {"gguf\3\0\0\0\0\0\0\0", 12, BANTAM_ERR_FORMAT, "begins with \"gguf"},
        {"\0\0\0\0\0\0\0\0\0\0\0\0", 12, BANTAM_ERR_FORMAT, "unfinished download"},
        {"\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 10, BANTAM_ERR_FORMAT, "\\xff\\xff"},
        {"just some text", 14, BANTAM_ERR_FORMAT, "begins with \"just som\""},
        {"\33[2J\33[2J", 8, BANTAM_ERR_FORMAT, "\\x1b[2J"},
        {"GGUF\1\0\0\0\0\0\0\0\0\0\0\0", 16, BANTAM_ERR_UNSUPPORTED, "gguf version 1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        temp_write(&folder, "file", cases[i].bytes, cases[i].size);
        refuse("file", cases[i].status, "file", cases[i].message);
    }
}

/* ---- H27: paths that are no files -------------------------------------------------------- */

static void paths_that_are_no_regular_files_are_refused(void **state)
{
    (void)state;
    refuse("absent.gguf", BANTAM_ERR_IO, "absent.gguf", "");
    assert_int_equal(mkfifo(in("fifo"), 0600), 0);
    refuse("fifo", BANTAM_ERR_IO, "fifo", "");
    assert_int_equal(symlink("nowhere", in("dangling")), 0);
    refuse("dangling", BANTAM_ERR_IO, "dangling", "");
    assert_int_equal(symlink("loop2", in("loop1")), 0);
    assert_int_equal(symlink("loop1", in("loop2")), 0);
    refuse("loop1", BANTAM_ERR_IO, "loop1", "");
    assert_int_equal(symlink("/dev/zero", in("zero")), 0);
    refuse("zero", BANTAM_ERR_IO, "zero", "");
    refuse("", BANTAM_ERR_FORMAT, "", "no config.json in this folder"); /* a folder */
    write_gguf("real.gguf", "t");
    assert_int_equal(symlink("real.gguf", in("link.gguf")), 0);
    bnt_archive_close(open_sound("link.gguf"));
}

static void a_file_cut_under_its_mapping_is_an_error_of_the_system(void **state)
{
    (void)state;
    gguf_builder b;
    bantam_error err;
    unsigned sum = 0;

    gb_init(&b);
    gb_add_f32(&b, "large", 65536, 0, NULL);
    write_built("m.gguf", &b);
    bnt_archive *const a = open_sound("m.gguf");
    assert_int_equal(bnt_archive_check(a, &err), BANTAM_OK);
    assert_int_equal(truncate(in("m.gguf"), 100), 0);
    const bnt_tensor *const t = bnt_archive_tensor_at(a, 0);
    for (uint64_t i = 0; i < t->bytes; i += 512) {
        sum += ((const volatile uint8_t *)t->data)[i];
    }
    assert_int_equal(sum, 0);
    assert_int_equal(bnt_archive_check(a, &err), BANTAM_ERR_IO);
    assert_non_null(strstr(err.message, in("m.gguf")));
    bnt_archive_close(a);
}

/* ---- gguf in several files --------------------------------------------------------------- */

static void any_shard_opens_the_whole_set(void **state)
{
    (void)state;
    write_shards(3);
    for (unsigned i = 1; i <= 3; i++) {
        bnt_archive *const a = open_sound(shard_name(i, 3));
        bantam_text architecture = {0};
        assert_int_equal(bnt_archive_n_tensors(a), 3);
        assert_text(bnt_archive_tensor_at(a, 0)->name, "tensor.0");
        assert_text(bnt_archive_tensor_at(a, 2)->name, "tensor.2");
        assert_ptr_equal(bnt_archive_find(a, "tensor.1"), bnt_archive_tensor_at(a, 1));
        assert_int_equal(
            bnt_gguf_text(bnt_archive_gguf(a), "general.architecture", &architecture, NULL),
            BANTAM_OK);
        assert_text(architecture, "llama");
        assert_string_equal(bnt_archive_path(a), in(shard_name(i, 3)));
        bnt_archive_close(a);
    }
}

static void bytes_are_those_of_all_shards(void **state)
{
    (void)state;
    uint64_t sum = 0;

    write_shards(3);
    for (unsigned i = 1; i <= 3; i++) {
        struct stat st;
        assert_int_equal(stat(in(shard_name(i, 3)), &st), 0);
        sum += (uint64_t)st.st_size;
    }
    bnt_archive *const a = open_sound(shard_name(2, 3));
    assert_int_equal(bnt_archive_bytes(a), sum);
    bnt_archive_close(a);
}

static void a_missing_shard_is_named(void **state)
{
    (void)state;
    write_shards(3);
    assert_int_equal(unlink(in(shard_name(2, 3))), 0);
    refuse(shard_name(1, 3), BANTAM_ERR_IO, shard_name(2, 3), "shard 2 of 3 is missing");
    refuse(shard_name(3, 3), BANTAM_ERR_IO, shard_name(2, 3), "shard 2 of 3 is missing");
}

static void shards_that_do_not_belong_together_are_refused(void **state)
{
    (void)state;
    gguf_builder b;

    write_shards(3);
    build_shard(&b, 2, 3); /* the third in the place of the second */
    write_built(shard_name(2, 3), &b);
    refuse(shard_name(1, 3), BANTAM_ERR_FORMAT, shard_name(2, 3),
           "split.no: expected 1, found 2");
    build_shard(&b, 1, 4);
    write_built(shard_name(2, 3), &b);
    refuse(shard_name(1, 3), BANTAM_ERR_FORMAT, shard_name(2, 3),
           "split.count: expected 3, found 4");
    gb_init(&b);
    gb_add_f32(&b, "tensor.1", 8, 2, NULL);
    write_built(shard_name(2, 3), &b);
    refuse(shard_name(1, 3), BANTAM_ERR_FORMAT, shard_name(2, 3), "split.count is absent");
    write_safetensors(shard_name(2, 3), "tensor.1", NULL);
    refuse(shard_name(1, 3), BANTAM_ERR_FORMAT, shard_name(2, 3), "expected a gguf shard");
    gb_init(&b); /* a tensor that another shard has */
    gb_put_u16(&b, "split.no", 1);
    gb_put_u16(&b, "split.count", 3);
    gb_add_f32(&b, "tensor.0", 8, 2, NULL);
    write_built(shard_name(2, 3), &b);
    refuse(shard_name(1, 3), BANTAM_ERR_FORMAT, shard_name(2, 3), "stands in another file");
}

static void split_numbers_that_make_no_sense_are_refused(void **state)
{
    (void)state;
    static const struct {
        uint32_t no, count;
        const char *name, *message;
    } cases[] = {
        {0, 65535, "m-00001-of-65535.gguf", "at most 1024 are read"},
        {0, 0xFFFFFFFFu, "m.gguf", "at most 1024 are read"},
        {9, 2, "m-00001-of-00002.gguf", "split.no: expected 0, found 9"},
        {0, 2, "m.gguf", "not named NAME-00001-of-00002.gguf"},
        {0, 2, "m-00001-of-00003.gguf", "not named NAME-00001-of-00002.gguf"},
        {0, 2, "m-00003-of-00002.gguf", "not named"},
        {0, 2, "m-00000-of-00002.gguf", "not named"},
        {0, 2, "-00001-of-00002.gguf", "not named"},
        {0, 2, "m-0001-of-00002.gguf", "not named"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        gguf_builder b;
        gb_init(&b);
        gb_put_u32(&b, "split.no", cases[i].no);
        gb_put_u32(&b, "split.count", cases[i].count);
        write_built(cases[i].name, &b);
        refuse(cases[i].name, BANTAM_ERR_FORMAT, cases[i].name, cases[i].message);
    }
    gguf_builder b;
    gb_init(&b);
    gb_put_text(&b, "split.count", "2");
    write_built("m.gguf", &b);
    refuse("m.gguf", BANTAM_ERR_FORMAT, "m.gguf", "split.count: expected u32, found string");
}

static void the_stated_number_of_tensors_is_held_against_the_shards(void **state)
{
    (void)state;
    gguf_builder b;

    write_shards(2);
    gb_init(&b);
    gb_put_u16(&b, "split.no", 0);
    gb_put_u16(&b, "split.count", 2);
    gb_put_i32(&b, "split.tensors.count", 5);
    gb_add_f32(&b, "tensor.0", 8, 2, NULL);
    write_built(shard_name(1, 2), &b);
    refuse(shard_name(1, 2), BANTAM_ERR_FORMAT, shard_name(1, 2),
           "split.tensors.count: expected 2, found 5");
}

static void a_split_count_of_one_is_a_file_by_itself(void **state)
{
    (void)state;
    gguf_builder b;

    gb_init(&b);
    gb_put_u16(&b, "split.no", 0);
    gb_put_u16(&b, "split.count", 1);
    gb_add_f32(&b, "t", 8, 0, NULL);
    write_built("any name.gguf", &b);
    bnt_archive_close(open_sound("any name.gguf"));
}

/* ---- laws -------------------------------------------------------------------------------- */

static void every_failing_allocation_is_an_error_and_leaks_nothing(void **state)
{
    (void)state;
    write_shards(3);
    fail_every_allocation_of(shard_name(2, 3));
}

/* ---- models of others -------------------------------------------------------------------- */

static void gguf_files_have_the_shapes_of_their_goldens(void **state)
{
    (void)state;
    static const char *const names[] = {"amd-a",        "bluelm-a",      "llama32-a",
                                        "ministral3-a", "ministral8b-a", "smollm2-a"};
    static const char *const forms[] = {"f32", "f16"};
    const unsigned n = sizeof names / sizeof names[0];

    if (!shared_found(2 * n)) skip();
    for (unsigned i = 0; i < 2 * n; i++) {
        char path[64];
        bnt_archive *a;
        bantam_error err = {0};
        snprintf(path, sizeof path, "goldens/lm/%s/golden.json", names[i / 2]);
        json_t *const golden = json_load_file(shared_path(path), 0, NULL);
        assert_non_null(golden);
        snprintf(path, sizeof path, "goldens/lm/%s/model-%s.gguf", names[i / 2], forms[i % 2]);
        if (bnt_archive_open(&a, shared_path(path), &err)) fail_msg("%s", err.message);
        const bnt_tensor *const embd = bnt_archive_find(a, "token_embd.weight");
        assert_non_null(embd);
        assert_int_equal(embd->dims[0], golden_number(golden, "hidden"));
        assert_int_equal(embd->dims[1], golden_number(golden, "vocab"));
        const bnt_tensor *const up = bnt_archive_find(a, "blk.0.ffn_up.weight");
        assert_non_null(up);
        assert_int_equal(up->dims[1], golden_number(golden, "ffn"));
        assert_text(up->type_name, i % 2 ? "F16" : "F32");
        bnt_archive_close(a);
        json_decref(golden);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(a_gguf_file_opens_whatever_its_name),
        IN_FOLDER(a_safetensors_file_opens_whatever_its_name),
        IN_FOLDER(a_safetensors_header_of_640_bytes_is_no_pickle),
        IN_FOLDER(files_of_other_kinds_are_told_by_what_they_are),
        IN_FOLDER(paths_that_are_no_regular_files_are_refused),
        IN_FOLDER(a_file_cut_under_its_mapping_is_an_error_of_the_system),
        IN_FOLDER(any_shard_opens_the_whole_set),
        IN_FOLDER(bytes_are_those_of_all_shards),
        IN_FOLDER(a_missing_shard_is_named),
        IN_FOLDER(shards_that_do_not_belong_together_are_refused),
        IN_FOLDER(split_numbers_that_make_no_sense_are_refused),
        IN_FOLDER(the_stated_number_of_tensors_is_held_against_the_shards),
        IN_FOLDER(a_split_count_of_one_is_a_file_by_itself),
        IN_FOLDER(every_failing_allocation_is_an_error_and_leaks_nothing),
        cmocka_unit_test(gguf_files_have_the_shapes_of_their_goldens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
