/* The store: what is put there is found, listed, replaced and removed; hostile manifests are
 * not. */
#include "store/store.h"

#include "base/file.h"
#include "base/mem.h"
#include "support.h"
#include "temp_folder.h"

static temp_folder folder;

static int make_store(void **state)
{
    (void)state;
    temp_make(&folder);
    setenv("BANTAM_HOME", folder.path, 1);
    setenv("HF_HOME", temp_path(&folder, "hf"), 1);
    setenv("HOME", "/nonexistent", 1);
    unsetenv("HF_HUB_CACHE");
    unsetenv("XDG_DATA_HOME");
    unsetenv("XDG_CACHE_HOME");
    return 0;
}

static int remove_store(void **state)
{
    (void)state;
    temp_remove(&folder);
    return 0;
}

/* Puts a model there, of one file of that many bytes. open: the file is what is opened. */
static void put_model(const char *repository, const char *form, const char *file, bool open,
                      size_t bytes)
{
    char key[BNT_STORE_KEY_BYTES], name[BNT_MODEL_NAME_BYTES];
    char *models = NULL, *stage = NULL;

    bnt_store_key(repository, form, key);
    bnt_registry_name(repository, form, name, sizeof name);
    assert_int_equal(bnt_store_folder(&models, NULL), BANTAM_OK);
    assert_int_equal(bnt_store_stage(models, key, &stage, NULL), BANTAM_OK);
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", stage, file);
    char *const data = calloc(1, bytes + 1);
    assert_non_null(data);
    write_whole(path, data, bytes);
    free(data);
    const bnt_stored_file f = {file, "", bytes};
    const bnt_manifest m = {.name = name,
                            .repository = repository,
                            .form = form,
                            .revision = "abc",
                            .license = "MIT",
                            .open = open ? file : "",
                            .files = &f,
                            .n_files = 1};
    assert_int_equal(bnt_store_write(stage, &m, NULL), BANTAM_OK);
    assert_int_equal(bnt_store_install(models, key, stage, NULL), BANTAM_OK);
    assert_int_equal(bnt_file_kind_of(stage), BNT_FILE_ABSENT);
    bnt_free(stage);
    bnt_free(models);
}

static void expect(const char *name, const char *path)
{
    char found[1024];
    bantam_error err = {0};
    const int64_t live = bnt_mem_live();
    if (bnt_store_locate(name, found, sizeof found, &err)) fail_msg("%s", err.message);
    assert_string_equal(found, temp_path(&folder, path));
    assert_int_equal(bnt_mem_live(), live);
}

static void refuse(const char *name, bantam_status expected, const char *message)
{
    char found[1024] = "";
    bantam_error err = {0};
    const int64_t live = bnt_mem_live();
    const bantam_status status = bnt_store_locate(name, found, sizeof found, &err);
    if (status != expected || !strstr(err.message, message)) {
        fail_msg("%s: expected %d with \"%s\", found %d with \"%s\"", name, (int)expected,
                 message, (int)status, err.message);
    }
    assert_int_equal(bnt_mem_live(), live);
}

static bool count(void *user, const bantam_listed_model *m)
{
    (void)m;
    ++*(size_t *)user;
    return true;
}

static size_t n_listed(void)
{
    size_t n = 0;
    assert_int_equal(bnt_store_list(count, &n, NULL), BANTAM_OK);
    return n;
}

static void an_empty_store_holds_nothing(void **state)
{
    (void)state;
    assert_int_equal(n_listed(), 0);
    refuse("smollm2:135m", BANTAM_ERR_IO, "'bantam pull smollm2:135m' fetches it");
    refuse("smolm2:135m", BANTAM_ERR_IO, "the nearest are smollm2:135m");
    refuse("smollm2:9b", BANTAM_ERR_INVALID, "there are smollm2:135m");
    refuse("some/model", BANTAM_ERR_IO, "no such model");
    unsetenv("BANTAM_HOME");
    unsetenv("HOME");
    unsetenv("HF_HOME");
    assert_int_equal(n_listed(), 0);
    refuse("smollm2:135m", BANTAM_ERR_IO, "pull");
}

static void a_model_is_found_by_all_its_names(void **state)
{
    (void)state;
    put_model("HuggingFaceTB/SmolLM2-135M", "", "model.safetensors", false, 100);
    expect("smollm2:135m", "models/HuggingFaceTB--SmolLM2-135M");
    expect("SmolLM2:135M", "models/HuggingFaceTB--SmolLM2-135M");
    expect("HuggingFaceTB/SmolLM2-135M", "models/HuggingFaceTB--SmolLM2-135M");
    expect("huggingfacetb/smollm2-135m", "models/HuggingFaceTB--SmolLM2-135M");
    expect("SmolLM2-135M", "models/HuggingFaceTB--SmolLM2-135M");
    refuse("smollm2:135m-q4", BANTAM_ERR_IO, "pull smollm2:135m-q4");
}

static void forms_are_told_apart(void **state)
{
    (void)state;
    put_model("some/model", "b4", "model-B4.gguf", true, 10);
    expect("some/model", "models/some--model--b4/model-B4.gguf");
    put_model("some/model", "Q8_0", "model-Q8_0.gguf", true, 20);
    refuse("some/model", BANTAM_ERR_INVALID, "name one: some/model:Q8_0, some/model:b4");
    expect("some/model:b4", "models/some--model--b4/model-B4.gguf");
    expect("some/model:B4", "models/some--model--b4/model-B4.gguf");
    expect("some/model:q8_0", "models/some--model--Q8_0/model-Q8_0.gguf");
    expect("some/model/model-Q8_0.gguf", "models/some--model--Q8_0/model-Q8_0.gguf");
    refuse("some/model:Q4_0", BANTAM_ERR_IO, "no such");
    put_model("some/model", "", "model.safetensors", false, 30);
    expect("some/model", "models/some--model");
    assert_int_equal(n_listed(), 3);
}

static void a_model_is_replaced_whole(void **state)
{
    (void)state;
    put_model("some/model", "", "old.safetensors", false, 10);
    put_model("some/model", "", "new.safetensors", false, 10);
    assert_true(bnt_file_is_there(temp_path(&folder, "models/some--model/new.safetensors")));
    assert_false(bnt_file_is_there(temp_path(&folder, "models/some--model/old.safetensors")));
    assert_int_equal(n_listed(), 1);
}

static void what_was_taken_away_by_hand_is_not_listed(void **state)
{
    (void)state;
    put_model("some/model", "b4", "m.gguf", true, 10);
    assert_int_equal(n_listed(), 1);
    unlink(temp_path(&folder, "models/some--model--b4/m.gguf"));
    assert_int_equal(n_listed(), 0);
}

typedef struct sum {
    size_t n;
    uint64_t bytes;
} sum;

static void add(void *user, bantam_text path, uint64_t bytes)
{
    sum *const s = (sum *)user;
    assert_true(path.size > 0);
    s->n++;
    s->bytes += bytes;
}

static void a_removed_model_is_gone(void **state)
{
    (void)state;
    sum s = {0, 0};
    put_model("some/model", "", "m.safetensors", false, 1000);
    put_model("some/model", "b4", "m.gguf", true, 500);
    assert_int_equal(bnt_store_remove("some/model", add, &s, NULL), BANTAM_OK);
    assert_int_equal(s.n, 1);
    assert_int_equal(s.bytes, 1000);
    assert_int_equal(n_listed(), 1);
    assert_int_equal(bnt_store_remove("some/model", add, &s, NULL), BANTAM_ERR_IO);
    assert_int_equal(n_listed(), 1);
    assert_int_equal(bnt_store_remove("some/model:b4", NULL, NULL, NULL), BANTAM_OK);
    assert_int_equal(n_listed(), 0);
}

static void nothing_outside_a_tree_is_removed_with_it(void **state)
{
    (void)state;
    temp_folder_in(&folder, "outside");
    temp_write_text(&folder, "outside/mine", "x");
    temp_folder_in(&folder, "tree/inner");
    assert_int_equal(symlink(temp_path(&folder, "outside"), temp_path(&folder, "tree/link")),
                     0);
    assert_int_equal(symlink("../../outside/mine", temp_path(&folder, "tree/inner/link")), 0);
    assert_int_equal(bnt_store_remove_tree(temp_path(&folder, "tree"), NULL), BANTAM_OK);
    assert_false(bnt_file_is_there(temp_path(&folder, "tree")));
    assert_true(bnt_file_is_there(temp_path(&folder, "outside/mine")));
    assert_int_equal(bnt_store_remove_tree(temp_path(&folder, "tree"), NULL), BANTAM_OK);

    temp_folder_in(&folder, "deep/1/2/3/4/5/6/7/8/9/10/11");
    assert_int_equal(bnt_store_remove_tree(temp_path(&folder, "deep"), NULL), BANTAM_ERR_IO);
}

/* A manifest of a folder named evil, which no install has made. */
static void put_manifest(const char *text)
{
    temp_folder_in(&folder, "models/evil");
    temp_write_text(&folder, "models/evil/m.gguf", "GGUF");
    temp_write_text(&folder, "models/evil/bantam.json", text);
}

static void hostile_manifests_are_passed_over(void **state)
{
    (void)state;
    static const char good[] = "{\"version\":1,\"name\":\"a/b\",\"repository\":\"a/b\","
                               "\"form\":\"\",\"revision\":\"\",\"open\":\"m.gguf\","
                               "\"files\":[]}";
    static const char *const texts[] = {
        "",
        "[]",
        "{",
        "null",
        "{\"version\":1}",
        /* open leads elsewhere */
        "{\"version\":1,\"name\":\"a/b\",\"repository\":\"a/"
        "b\",\"form\":\"\",\"revision\":\"\","
        "\"open\":\"../../../etc/passwd\",\"files\":[]}",
        "{\"version\":1,\"name\":\"a/b\",\"repository\":\"a/"
        "b\",\"form\":\"\",\"revision\":\"\","
        "\"open\":\"/etc/passwd\",\"files\":[]}",
        /* names that are none */
        "{\"version\":1,\"name\":\"a/b\",\"repository\":\"b\",\"form\":\"\",\"revision\":\"\","
        "\"open\":\"m.gguf\",\"files\":[]}",
        "{\"version\":1,\"name\":\"a/b\",\"repository\":\"../"
        "b\",\"form\":\"\",\"revision\":\"\","
        "\"open\":\"m.gguf\",\"files\":[]}",
        "{\"version\":1,\"name\":\"a/b\",\"repository\":\"a/b\",\"form\":\"../x\",\"revision\":"
        "\"\",\"open\":\"m.gguf\",\"files\":[]}",
        "{\"version\":1,\"name\":\"\\u001b[2J\",\"repository\":\"a/b\",\"form\":\"\","
        "\"revision\":\"\",\"open\":\"m.gguf\",\"files\":[]}",
        "{\"version\":1,\"name\":\"\",\"repository\":\"a/b\",\"form\":\"\",\"revision\":\"\","
        "\"open\":\"m.gguf\",\"files\":[]}",
        /* of a later version */
        "{\"version\":2,\"name\":\"a/b\",\"repository\":\"a/"
        "b\",\"form\":\"\",\"revision\":\"\","
        "\"open\":\"m.gguf\",\"files\":[]}",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        put_manifest(texts[i]);
        if (n_listed() != 0) fail_msg("a model by %s", texts[i]);
    }
    put_manifest(good);
    assert_int_equal(n_listed(), 1);
    expect("a/b", "models/evil/m.gguf");
}

static void a_manifest_cut_anywhere_is_passed_over(void **state)
{
    (void)state;
    put_model("some/model", "b4", "m.gguf", true, 10);
    const char *const path = temp_path(&folder, "models/some--model--b4/bantam.json");
    char copy[1024];
    size_t size;
    snprintf(copy, sizeof copy, "%s", path);
    char *const text = read_whole(copy, &size);
    for (size_t n = 0; n + 2 < size; n++) { /* all but the last bracket's newline */
        write_whole(copy, text, n);
        assert_int_equal(n_listed(), 0);
    }
    free(text);
}

static void sizes_beyond_reason_count_nothing(void **state)
{
    (void)state;
    bnt_store store;
    put_manifest("{\"version\":1,\"name\":\"a/b\",\"repository\":\"a/b\",\"form\":\"\","
                 "\"revision\":\"\",\"open\":\"m.gguf\",\"files\":["
                 "{\"path\":\"m.gguf\",\"bytes\":9223372036854775807},"
                 "{\"path\":\"m.gguf\",\"bytes\":-5},{\"path\":7,\"bytes\":7},7,"
                 "{\"path\":\"m.gguf\",\"bytes\":40},{\"path\":\"config.json\",\"bytes\":5}]}");
    assert_int_equal(bnt_store_read(&store, NULL), BANTAM_OK);
    assert_int_equal(store.n, 1);
    assert_int_equal(store.items[0].bytes, 40);
    bnt_store_close(&store);
}

static void files_are_known_by_size_and_hash(void **state)
{
    (void)state;
    put_manifest("{\"files\":[{\"path\":\"m.gguf\",\"bytes\":4,\"sha256\":\"ab\"},"
                 "{\"path\":\"n.gguf\",\"bytes\":4,\"sha256\":\"\"}]}");
    char evil[512];
    snprintf(evil, sizeof evil, "%s", temp_path(&folder, "models/evil"));
    assert_true(bnt_store_has(evil, "m.gguf", 4, "ab"));
    assert_false(bnt_store_has(evil, "m.gguf", 4, "ac"));
    assert_false(bnt_store_has(evil, "m.gguf", 5, "ab"));
    assert_false(bnt_store_has(evil, "n.gguf", 4, ""));
    assert_false(bnt_store_has("/nonexistent", "m.gguf", 4, "ab"));
}

static void every_failing_allocation_is_an_error_and_leaks_nothing(void **state)
{
    (void)state;
    put_model("some/model", "b4", "m.gguf", true, 10);
    put_model("some/other", "", "m.safetensors", false, 10);
    const int64_t live = bnt_mem_live();
    char path[1024];
    bantam_status status = BANTAM_ERR_NOMEM;
    uint64_t n = 0;

    for (; status && n < 1000; n++) {
        bnt_mem_fail_after(n);
        status = bnt_store_locate("some/model:b4", path, sizeof path, NULL);
        bnt_mem_fail_after(UINT64_MAX);
        if (status) assert_int_equal(status, BANTAM_ERR_NOMEM);
        assert_int_equal(bnt_mem_live(), live);
    }
    assert_int_equal(status, BANTAM_OK);
    assert_true(n > 5);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_store, remove_store)
    const struct CMUnitTest tests[] = {
        TEST(an_empty_store_holds_nothing),
        TEST(a_model_is_found_by_all_its_names),
        TEST(forms_are_told_apart),
        TEST(a_model_is_replaced_whole),
        TEST(what_was_taken_away_by_hand_is_not_listed),
        TEST(a_removed_model_is_gone),
        TEST(nothing_outside_a_tree_is_removed_with_it),
        TEST(hostile_manifests_are_passed_over),
        TEST(a_manifest_cut_anywhere_is_passed_over),
        TEST(sizes_beyond_reason_count_nothing),
        TEST(files_are_known_by_size_and_hash),
        TEST(every_failing_allocation_is_an_error_and_leaks_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
