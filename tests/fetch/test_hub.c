/* The hub's answers read, files chosen from them, addresses made; hashes. */
#include "fetch/hub.h"

#include "base/mem.h"
#include "fetch/checksum.h"
#include "support.h"

#define HASH  "0123456789abcdef0123456789ABCDEF0123456789abcdef0123456789abcdef"
#define LOWER "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define BLOB  "0123456789abcdef0123456789abcdef01234567"

static bnt_hub_listing listing;
static bnt_hub_choice choice;

static int tear_down(void **state)
{
    (void)state;
    bnt_hub_choice_close(&choice);
    bnt_hub_close(&listing);
    assert_int_equal(bnt_mem_live(), 0);
    return 0;
}

static bantam_status read_text(const char *text, bantam_error *err)
{
    bnt_hub_close(&listing);
    return bnt_hub_read(&listing, "org/repo", text, strlen(text), err);
}

static void expect_text(const char *text)
{
    bantam_error err = {0};
    if (read_text(text, &err)) fail_msg("%s", err.message);
}

/* ---- answers ----------------------------------------------------------------------------- */

static void an_answer_is_read(void **state)
{
    (void)state;
    expect_text("{\"id\":\"Org/Repo\",\"sha\":\"" BLOB "\",\"gated\":\"auto\",\"cardData\":{"
                "\"license\":\"mit\"},\"siblings\":["
                "{\"rfilename\":\"config.json\",\"size\":12,\"blobId\":\"" BLOB "\"},"
                "{\"rfilename\":\"m.safetensors\",\"size\":99,\"blobId\":\"" BLOB "\",\"lfs\":{"
                "\"sha256\":\"" HASH "\",\"size\":1234567890123,\"pointerSize\":134}},"
                "{\"rfilename\":\"a/b.gguf\"}]}");
    assert_string_equal(listing.repository, "Org/Repo");
    assert_string_equal(listing.revision, BLOB);
    assert_string_equal(listing.license, "mit");
    assert_true(listing.gated);
    assert_int_equal(listing.n, 3);
    assert_string_equal(listing.files[0].git, BLOB);
    assert_string_equal(listing.files[0].sha256, "");
    assert_int_equal(listing.files[0].bytes, 12);
    assert_string_equal(listing.files[1].sha256, LOWER);
    assert_string_equal(listing.files[1].git, "");
    assert_true(listing.files[1].bytes == 1234567890123u);
    assert_string_equal(listing.files[2].path, "a/b.gguf");
    assert_false(listing.files[2].has_bytes);
}

static void what_is_not_said_is_not_made_up(void **state)
{
    (void)state;
    expect_text("{\"siblings\":[{\"rfilename\":\"config.json\",\"blobId\":\"" BLOB "\"}]}");
    assert_string_equal(listing.repository, "org/repo");
    assert_string_equal(listing.revision, "");
    assert_string_equal(listing.license, "");
    assert_false(listing.gated);
    /* Without a size git's hash cannot be computed. */
    assert_string_equal(listing.files[0].git, "");
    expect_text("{\"id\":\"other/repo\",\"sha\":\"../../x\",\"gated\":false,\"cardData\":7,"
                "\"siblings\":[{\"rfilename\":\"c\",\"size\":1,\"blobId\":\"xyz\"},"
                "{\"rfilename\":\"d\",\"size\":null,\"lfs\":{\"sha256\":\"abc\"}}]}");
    assert_string_equal(listing.repository, "org/repo");
    assert_string_equal(listing.revision, "");
    assert_string_equal(listing.files[0].git, "");
    assert_string_equal(listing.files[1].sha256, "");
}

static void what_is_no_answer_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "x",
        "[]",
        "7",
        "null",
        "{}",
        "{\"siblings\":7}",
        "{\"siblings\":{}}",
        "{\"siblings\":[7]}",
        "{\"siblings\":[{}]}",
        "{\"siblings\":[{\"rfilename\":7}]}",
        "{\"siblings\":[{\"rfilename\":\"\"}]}",
        "{\"siblings\":[{\"rfilename\":\"..\"}]}",
        "{\"siblings\":[{\"rfilename\":\"../x\"}]}",
        "{\"siblings\":[{\"rfilename\":\"a/../../x\"}]}",
        "{\"siblings\":[{\"rfilename\":\"/x\"}]}",
        "{\"siblings\":[{\"rfilename\":\"a//x\"}]}",
        "{\"siblings\":[{\"rfilename\":\"a/\"}]}",
        "{\"siblings\":[{\"rfilename\":\"a\\\\b\"}]}",
        "{\"siblings\":[{\"rfilename\":\"a\\u0000b\"}]}",
        "{\"siblings\":[{\"rfilename\":\"a\\nb\"}]}",
        "{\"siblings\":[{\"rfilename\":\"a\\u001b[2J\"}]}",
        "{\"siblings\":[{\"rfilename\":\"a\",\"size\":-1}]}",
        "{\"siblings\":[{\"rfilename\":\"a\",\"size\":1.5}]}",
        "{\"siblings\":[{\"rfilename\":\"a\",\"size\":\"1\"}]}",
        "{\"siblings\":[{\"rfilename\":\"a\",\"size\":17592186044417}]}",
        "{\"siblings\":[{\"rfilename\":\"a\",\"size\":9223372036854775808}]}",
        "{\"siblings\":[{\"rfilename\":\"a\",\"lfs\":{\"size\":-1}}]}",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        bantam_error err = {0};
        if (read_text(texts[i], &err) != BANTAM_ERR_FORMAT) fail_msg("taken: %s", texts[i]);
        assert_true(err.message[0]);
        assert_int_equal(listing.n, 0);
    }
}

static void an_answer_cut_anywhere_is_refused(void **state)
{
    (void)state;
    static const char text[] =
        "{\"id\":\"Org/Repo\",\"sha\":\"" BLOB "\",\"siblings\":["
        "{\"rfilename\":\"config.json\",\"size\":12},"
        "{\"rfilename\":\"m.gguf\",\"size\":12,\"lfs\":{\"sha256\":\"" HASH
        "\",\"size\":12}}]}";
    for (size_t n = 0; n + 1 < sizeof text; n++) {
        assert_int_equal(bnt_hub_read(&listing, "org/repo", text, n, NULL), BANTAM_ERR_FORMAT);
    }
    assert_int_equal(bnt_hub_read(&listing, "org/repo", text, sizeof text - 1, NULL),
                     BANTAM_OK);
}

static void every_failing_allocation_of_an_answer_is_an_error(void **state)
{
    (void)state;
    bantam_status status = BANTAM_ERR_NOMEM;
    uint64_t n = 0;

    for (; status && n < 200; n++) {
        bnt_mem_fail_after(n);
        status =
            read_text("{\"siblings\":[{\"rfilename\":\"a\"},{\"rfilename\":\"b\"}]}", NULL);
        bnt_mem_fail_after(UINT64_MAX);
        if (status) assert_int_equal(status, BANTAM_ERR_NOMEM);
        if (status) assert_int_equal(bnt_mem_live(), 0);
    }
    assert_int_equal(status, BANTAM_OK);
    assert_true(n > 3);
}

/* ---- choosing ---------------------------------------------------------------------------- */

/* A listing of these files, each one byte longer than the one before. */
static void list(const char *const *files)
{
    char text[8192];
    int n = snprintf(text, sizeof text, "{\"siblings\":[");
    for (size_t i = 0; files[i]; i++) {
        n += snprintf(text + n, sizeof text - (size_t)n,
                      "%s{\"rfilename\":\"%s\",\"size\":%zu}", i ? "," : "", files[i], i + 1);
    }
    snprintf(text + n, sizeof text - (size_t)n, "]}");
    expect_text(text);
}

/* Chooses by name; the files, sorted by size and joined by blanks, must be these. */
static void expect_choice(const char *name, const char *files, const char *form,
                          const char *open)
{
    char found[2048] = "";
    bnt_named named;
    bantam_error err = {0};

    bnt_hub_choice_close(&choice);
    assert_int_equal(bnt_registry_find(name, &named, NULL), BANTAM_OK);
    if (bnt_hub_choose(&listing, &named, &choice, &err)) fail_msg("%s: %s", name, err.message);
    for (size_t i = 0; i < choice.n; i++) {
        if (i) strcat(found, " ");
        strcat(found, listing.files[choice.files[i]].path);
    }
    assert_string_equal(found, files);
    assert_string_equal(choice.form, form);
    assert_string_equal(choice.open, open);
}

static void refuse_choice(const char *name, bantam_status expected, const char *message)
{
    bnt_named named;
    bantam_error err = {0};

    bnt_hub_choice_close(&choice);
    assert_int_equal(bnt_registry_find(name, &named, NULL), BANTAM_OK);
    const bantam_status status = bnt_hub_choose(&listing, &named, &choice, &err);
    if (status != expected || !strstr(err.message, message)) {
        fail_msg("%s: found %d with \"%s\"", name, (int)status, err.message);
    }
    assert_null(choice.files);
}

static void of_a_folder_only_what_runs_is_taken(void **state)
{
    (void)state;
    static const char *const files[] = {".gitattributes",
                                        "README.md",
                                        "config.json",
                                        "model-00001-of-00002.safetensors",
                                        "model-00002-of-00002.safetensors",
                                        "model.safetensors.index.json",
                                        "consolidated.safetensors",
                                        "adapter_model.safetensors",
                                        "pytorch_model.bin",
                                        "onnx/model.onnx",
                                        "onnx/config.json",
                                        "original/model.safetensors",
                                        "tokenizer.json",
                                        "LICENSE.txt",
                                        "m-Q4_0.gguf",
                                        NULL};
    list(files);
    expect_choice(
        "some/model",
        "config.json model-00001-of-00002.safetensors "
        "model-00002-of-00002.safetensors model.safetensors.index.json tokenizer.json "
        "LICENSE.txt",
        "", "");
    expect_choice(
        "some/model:b4",
        "config.json model-00001-of-00002.safetensors "
        "model-00002-of-00002.safetensors model.safetensors.index.json tokenizer.json "
        "LICENSE.txt",
        "", "");
    expect_choice("some/model:Q4_0", "m-Q4_0.gguf", "Q4_0", "m-Q4_0.gguf");
}

static void weights_in_the_authors_layout_are_taken_where_there_are_no_others(void **state)
{
    (void)state;
    static const char *const files[] = {"config.json", "consolidated.safetensors",
                                        "tekken.json", NULL};
    list(files);
    expect_choice("some/model", "config.json consolidated.safetensors tekken.json", "", "");
    expect_choice("ministral:8b", "config.json consolidated.safetensors tekken.json", "", "");
}

static void of_gguf_files_one_is_taken(void **state)
{
    (void)state;
    static const char *const files[] = {
        "config.json",   "m-F16.gguf",        "m-Q4_0.gguf",     "m-Q4_K_M.gguf",
        "m-Q4_K_S.gguf", "mmproj-m-f16.gguf", "sub/m-Q8_0.gguf", NULL};
    list(files);
    expect_choice("some/model", "m-Q4_K_M.gguf", "Q4_K_M", "m-Q4_K_M.gguf");
    expect_choice("some/model:q4_k_s", "m-Q4_K_S.gguf", "Q4_K_S", "m-Q4_K_S.gguf");
    expect_choice("some/model:Q8_0", "sub/m-Q8_0.gguf", "Q8_0", "sub/m-Q8_0.gguf");
    expect_choice("some/model/m-F16.gguf", "m-F16.gguf", "m-F16", "m-F16.gguf");
    refuse_choice("some/model:Q4", BANTAM_ERR_IO, "m-Q4_K_M.gguf");
    refuse_choice("some/model/none.gguf", BANTAM_ERR_IO, "no such file");
    refuse_choice("some/model:b4", BANTAM_ERR_UNSUPPORTED, "made from safetensors");
}

static void the_only_gguf_file_is_taken_whatever_it_is(void **state)
{
    (void)state;
    static const char *const files[] = {"model.gguf", "README.md", NULL};
    list(files);
    expect_choice("some/model", "model.gguf", "", "model.gguf");
}

static void several_of_unknown_kinds_are_not_guessed_among(void **state)
{
    (void)state;
    static const char *const files[] = {"one.gguf", "two.gguf", NULL};
    list(files);
    refuse_choice("some/model", BANTAM_ERR_INVALID, "one.gguf, two.gguf");
    static const char *const twice[] = {"a-Q4_K_M.gguf", "b-Q4_K_M.gguf", NULL};
    list(twice);
    refuse_choice("some/model:Q4_K_M", BANTAM_ERR_INVALID, "name one as some/model/FILE");
}

static void parts_come_together_or_not_at_all(void **state)
{
    (void)state;
    static const char *const files[] = {
        "q/m-Q8_0-00001-of-00003.gguf", "m-Q8_0-00002-of-00003.gguf",
        "q/m-Q8_0-00002-of-00003.gguf", "q/m-Q8_0-00003-of-00003.gguf",
        "q/n-Q8_0-00002-of-00003.gguf", NULL};
    list(files);
    expect_choice("some/model:Q8_0",
                  "q/m-Q8_0-00001-of-00003.gguf q/m-Q8_0-00002-of-00003.gguf "
                  "q/m-Q8_0-00003-of-00003.gguf",
                  "Q8_0", "q/m-Q8_0-00001-of-00003.gguf");
    static const char *const cut[] = {"m-Q8_0-00001-of-00003.gguf",
                                      "m-Q8_0-00003-of-00003.gguf", NULL};
    list(cut);
    refuse_choice("some/model:Q8_0", BANTAM_ERR_FORMAT, "of which the hub lists 2");
}

static void a_repository_without_weights_says_so(void **state)
{
    (void)state;
    static const char *const files[] = {"config.json", "pytorch_model.bin", NULL};
    list(files);
    refuse_choice("some/model", BANTAM_ERR_UNSUPPORTED, "neither safetensors");
    static const char *const none[] = {NULL};
    list(none);
    refuse_choice("some/model", BANTAM_ERR_UNSUPPORTED, "neither safetensors");
}

/* ---- addresses and hashes ---------------------------------------------------------------- */

static void addresses_are_percent_encoded(void **state)
{
    (void)state;
    bnt_buf url;
    bnt_buf_init(&url, 4096);
    bnt_hub_put_file_url(&url, "https://hub", "a/b", BLOB, "q/m 1%#?\xC3\xA9.gguf");
    bnt_buf_putc(&url, '\0');
    assert_string_equal(url.data,
                        "https://hub/a/b/resolve/" BLOB "/q/m%201%25%23%3F%C3%A9.gguf");
    bnt_buf_clear(&url);
    bnt_hub_put_file_url(&url, "https://hub", "a/b", "", "m.gguf");
    bnt_buf_putc(&url, '\0');
    assert_string_equal(url.data, "https://hub/a/b/resolve/main/m.gguf");
    bnt_buf_clear(&url);
    bnt_hub_put_listing_url(&url, "https://hub", "a/b");
    bnt_buf_putc(&url, '\0');
    assert_string_equal(url.data, "https://hub/api/models/a/b/revision/main?blobs=true");
    bnt_buf_deinit(&url);
}

static void hashes_are_taken_out_of_etags(void **state)
{
    (void)state;
    static const char *const good[] = {HASH, "\"" HASH "\"", "W/\"" HASH "\"", ("W/" HASH)};
    static const char *const bad[] = {
        "",
        "\"\"",
        "abc",
        "\"" HASH,
        HASH "0",
        "W/",
        "\"",
        "g123456789abcdef0123456789abcdef0123456789abcdef0123456789"
        "abcdef"};
    char out[65];
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_true(bnt_hub_take_hash((bantam_text){good[i], strlen(good[i])}, 64, out));
        assert_string_equal(out, LOWER);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(bnt_hub_take_hash((bantam_text){bad[i], strlen(bad[i])}, 64, out));
        assert_string_equal(out, "");
    }
}

static void expect_hash(bool git, const char *text, const char *expected)
{
    bnt_checksum *c = NULL;
    char found[65];
    const size_t n = strlen(text);

    assert_int_equal(bnt_checksum_open(&c, git, n, NULL), BANTAM_OK);
    bnt_checksum_put(c, "rubbish", 7);
    bnt_checksum_restart(c);
    bnt_checksum_put(c, text, n / 2);
    bnt_checksum_put(c, text + n / 2, n - n / 2);
    assert_true(bnt_checksum_end(c, found));
    assert_string_equal(found, expected);
    bnt_checksum_put(c, text, n);
    assert_true(bnt_checksum_end(c, found));
    assert_string_equal(found, expected);
    bnt_checksum_close(c);
}

/* The values are those of FIPS 180-2 and of `git hash-object`. */
static void hashes_are_the_published_ones(void **state)
{
    (void)state;
    expect_hash(false, "abc",
                "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    expect_hash(false, "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    expect_hash(true, "", "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
    expect_hash(true, "hello\n", "ce013625030ba8dba906f756967f9e9ca394464a");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(an_answer_is_read),
        TEST(what_is_not_said_is_not_made_up),
        TEST(what_is_no_answer_is_refused),
        TEST(an_answer_cut_anywhere_is_refused),
        TEST(every_failing_allocation_of_an_answer_is_an_error),
        TEST(of_a_folder_only_what_runs_is_taken),
        TEST(weights_in_the_authors_layout_are_taken_where_there_are_no_others),
        TEST(of_gguf_files_one_is_taken),
        TEST(the_only_gguf_file_is_taken_whatever_it_is),
        TEST(several_of_unknown_kinds_are_not_guessed_among),
        TEST(parts_come_together_or_not_at_all),
        TEST(a_repository_without_weights_says_so),
        TEST(addresses_are_percent_encoded),
        TEST(hashes_are_taken_out_of_etags),
        TEST(hashes_are_the_published_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
