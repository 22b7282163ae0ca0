/* Finding models: names, the hub cache's layout, and everything that is refused on the way. */
#include "format/locate.h"

#include "base/mem.h"
#include "support.h"
#include "temp_folder.h"

#include <sys/stat.h>
#include <unistd.h>
#include <utime.h>

static temp_folder folder;

/* An empty hub in a folder of its own, with no other variable set. */
static int make_hub(void **state)
{
    (void)state;
    temp_make(&folder);
    temp_folder_in(&folder, "hub");
    unsetenv("HF_HUB_CACHE");
    unsetenv("XDG_CACHE_HOME");
    setenv("HOME", "/nonexistent", 1);
    setenv("HF_HOME", folder.path, 1);
    return 0;
}

static int remove_hub(void **state)
{
    (void)state;
    temp_remove(&folder);
    return 0;
}

/* Makes hub/models--ORG--NAME/snapshots/HASH/FILE of size bytes. */
static void put(const char *repo, const char *hash, const char *file, size_t size)
{
    char path[512];
    snprintf(path, sizeof path, "hub/models--%s/snapshots/%s", repo, hash);
    temp_folder_in(&folder, path);
    snprintf(path, sizeof path, "hub/models--%s/snapshots/%s/%s", repo, hash, file);
    char *const bytes = calloc(1, size + 1);
    assert_non_null(bytes);
    temp_write(&folder, path, bytes, size);
    free(bytes);
}

static void put_ref(const char *repo, const char *text)
{
    char path[512];
    snprintf(path, sizeof path, "hub/models--%s/refs", repo);
    temp_folder_in(&folder, path);
    snprintf(path, sizeof path, "hub/models--%s/refs/main", repo);
    temp_write_text(&folder, path, text);
}

/* A whole model as a folder. */
static void put_model(const char *repo, const char *hash)
{
    put(repo, hash, "config.json", 2);
    put(repo, hash, "model.safetensors", 100);
    put_ref(repo, hash);
}

/* Looks name up; it must be found at this path below the folder. */
static void expect(const char *name, const char *path)
{
    char found[1024];
    bantam_error err = {0};
    const int64_t live = bnt_mem_live();
    if (bnt_locate(name, found, sizeof found, &err)) fail_msg("%s", err.message);
    assert_string_equal(found, temp_path(&folder, path));
    assert_int_equal(bnt_mem_live(), live);
}

static void refuse(const char *name, bantam_status expected, const char *message)
{
    char found[1024] = "x";
    bantam_error err = {0};
    const int64_t live = bnt_mem_live();
    const bantam_status status = bnt_locate(name, found, sizeof found, &err);
    if (status != expected || !strstr(err.message, message)) {
        fail_msg("%s: expected %d with \"%s\", found %d with \"%s\"", name, (int)expected,
                 message, (int)status, err.message);
    }
    assert_string_equal(found, "");
    assert_int_equal(bnt_mem_live(), live);
}

/* ---- paths ------------------------------------------------------------------------------- */

static void what_is_there_is_itself(void **state)
{
    (void)state;
    temp_write_text(&folder, "m.gguf", "");
    expect(temp_path(&folder, "m.gguf"), "m.gguf");
    char found[1024];
    assert_int_equal(bnt_locate(folder.path, found, sizeof found, NULL), BANTAM_OK);
    assert_string_equal(found, folder.path);
}

static void paths_that_lead_nowhere_are_said_to(void **state)
{
    (void)state;
    refuse("/no/such/model.gguf", BANTAM_ERR_IO, "/no/such/model.gguf: no such file or folder");
    refuse("./nothing", BANTAM_ERR_IO, "no such file or folder");
    refuse("../nothing", BANTAM_ERR_IO, "no such file or folder");
    refuse("model.gguf", BANTAM_ERR_IO, "no such file or folder");
    refuse("my models/model.gguf", BANTAM_ERR_IO, "no such file or folder");
    refuse("~/model", BANTAM_ERR_IO, "no such file or folder");
}

static void a_path_that_does_not_fit_is_refused(void **state)
{
    (void)state;
    char small[8] = "x";
    bantam_error err;

    assert_int_equal(bnt_locate(folder.path, small, sizeof small, &err), BANTAM_ERR_FULL);
    assert_string_equal(small, "");
    const size_t exact = strlen(folder.path) + 1;
    char *const fits = malloc(exact);
    assert_non_null(fits);
    assert_int_equal(bnt_locate(folder.path, fits, exact - 1, &err), BANTAM_ERR_FULL);
    assert_int_equal(bnt_locate(folder.path, fits, exact, &err), BANTAM_OK);
    free(fits);
    assert_int_equal(bnt_locate(folder.path, NULL, 0, &err), BANTAM_ERR_FULL);
}

/* ---- names ------------------------------------------------------------------------------- */

static void names_that_are_no_names_are_refused(void **state)
{
    (void)state;
    static const char *const names[] = {
        "org/..",       "org/../x",        "a/b/../../../etc/passwd.gguf",
        "org/name/x",   "org/name/",       "org//name",
        "org/",         "org/na me",       "org/name:",
        "org/name:a/b", "org/name:..",     "org/.hidden",
        "or\ng/name",   "org/name\033[2J", "org/name/a//b.gguf",
        "a/b/./c.gguf", "a/b/\001.gguf",   "org/na--me",
        "-x/name",      ":Q4_0",           "org/name\\x",
        "org/\xFF\xFE", "na*me",           "org/name/sub\\x.gguf",
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        refuse(names[i], BANTAM_ERR_INVALID, "no model name");
    }
    refuse("", BANTAM_ERR_INVALID, "no name");
    char found[8];
    assert_int_equal(bnt_locate(NULL, found, sizeof found, NULL), BANTAM_ERR_INVALID);

    char *const vast = malloc(1 << 20);
    assert_non_null(vast);
    memset(vast, 'a', (1 << 20) - 1);
    vast[(1 << 20) - 1] = '\0';
    refuse(vast, BANTAM_ERR_INVALID, "no model name");
    free(vast);
}

static void names_that_nobody_has_are_not_found(void **state)
{
    (void)state;
    refuse("org/name", BANTAM_ERR_IO, "no such model in the Hugging Face cache");
    refuse("name", BANTAM_ERR_IO, "no such model in the Hugging Face cache");
    put_model("org--name", "abc");
    refuse("org/other", BANTAM_ERR_IO, "org/other: no such file, and no such model");
    refuse("other/name", BANTAM_ERR_IO, "no such model");
    refuse("nam", BANTAM_ERR_IO, "no such model");
    setenv("HF_HOME", "/nonexistent", 1);
    refuse("org/name", BANTAM_ERR_IO, "no such model");
}

static void a_model_is_found_by_both_its_names(void **state)
{
    (void)state;
    put_model("HuggingFaceTB--SmolLM2-135M", "abc");
    expect("HuggingFaceTB/SmolLM2-135M",
           "hub/models--HuggingFaceTB--SmolLM2-135M/snapshots/abc");
    expect("SmolLM2-135M", "hub/models--HuggingFaceTB--SmolLM2-135M/snapshots/abc");
}

static void a_model_without_organization_is_found(void **state)
{
    (void)state;
    put_model("gpt2", "abc");
    expect("gpt2", "hub/models--gpt2/snapshots/abc");
}

static void a_name_of_two_organizations_is_ambiguous(void **state)
{
    (void)state;
    put_model("one--name", "abc");
    put_model("two--name", "abc");
    refuse("name", BANTAM_ERR_INVALID, "several models, name one: one/name, two/name");
    expect("two/name", "hub/models--two--name/snapshots/abc");
}

static void folders_that_are_no_models_are_passed_over(void **state)
{
    (void)state;
    temp_folder_in(&folder, "hub/datasets--org--name/snapshots/abc");
    temp_folder_in(&folder, "hub/.locks");
    temp_folder_in(&folder, "hub/models--");
    temp_folder_in(&folder, "hub/models--a b--name");
    temp_write_text(&folder, "hub/version.txt", "1");
    refuse("name", BANTAM_ERR_IO, "no such model");
}

/* ---- snapshots --------------------------------------------------------------------------- */

static void set_time(const char *path, time_t when)
{
    const struct utimbuf times = {when, when};
    assert_int_equal(utime(temp_path(&folder, path), &times), 0);
}

static void the_main_reference_chooses_the_snapshot(void **state)
{
    (void)state;
    put("org--name", "aaa", "config.json", 2);
    put("org--name", "bbb", "config.json", 2);
    put_ref("org--name", "aaa\n");
    set_time("hub/models--org--name/snapshots/aaa", 1000);
    set_time("hub/models--org--name/snapshots/bbb", 2000);
    expect("org/name", "hub/models--org--name/snapshots/aaa");
    put_ref("org--name", "bbb");
    expect("org/name", "hub/models--org--name/snapshots/bbb");
}

static void without_a_usable_reference_the_newest_snapshot_is_taken(void **state)
{
    (void)state;
    static const char *const refs[] = {"",         "\n",   "ccc", "..",
                                       "../../..", "/etc", "a/b", "aaa\nbbb"};
    put("org--name", "aaa", "config.json", 2);
    put("org--name", "bbb", "config.json", 2);
    set_time("hub/models--org--name/snapshots/aaa", 2000);
    set_time("hub/models--org--name/snapshots/bbb", 1000);
    expect("org/name", "hub/models--org--name/snapshots/aaa");
    for (size_t i = 0; i < sizeof refs / sizeof refs[0]; i++) {
        put_ref("org--name", refs[i]);
        expect("org/name", "hub/models--org--name/snapshots/aaa");
    }
    set_time("hub/models--org--name/snapshots/bbb", 3000);
    expect("org/name", "hub/models--org--name/snapshots/bbb");
}

static void a_repository_without_snapshots_is_not_found(void **state)
{
    (void)state;
    temp_folder_in(&folder, "hub/models--org--name/blobs");
    refuse("org/name", BANTAM_ERR_IO, "holds no snapshot");
    temp_folder_in(&folder, "hub/models--org--name/snapshots");
    refuse("org/name", BANTAM_ERR_IO, "holds no snapshot");
}

static void links_into_blobs_are_followed(void **state)
{
    (void)state;
    put_model("org--name", "abc");
    temp_folder_in(&folder, "hub/models--org--name/blobs");
    temp_write_text(&folder, "hub/models--org--name/blobs/0123", "GGUF");
    assert_int_equal(symlink("../../blobs/0123",
                             temp_path(&folder, "hub/models--org--name/snapshots/abc/m.gguf")),
                     0);
    expect("org/name/m.gguf", "hub/models--org--name/snapshots/abc/m.gguf");
}

/* ---- gguf in repositories ---------------------------------------------------------------- */

static void the_only_gguf_file_is_taken(void **state)
{
    (void)state;
    put("org--m-GGUF", "abc", "README.md", 1);
    put("org--m-GGUF", "abc", "config.json", 2); /* such repositories often carry one */
    put("org--m-GGUF", "abc", "mmproj-F16.gguf", 1);
    put("org--m-GGUF", "abc", "m-Q4_0.gguf", 1);
    expect("org/m-GGUF", "hub/models--org--m-GGUF/snapshots/abc/m-Q4_0.gguf");
    expect("m-GGUF", "hub/models--org--m-GGUF/snapshots/abc/m-Q4_0.gguf");
    expect("org/m-GGUF/mmproj-F16.gguf",
           "hub/models--org--m-GGUF/snapshots/abc/mmproj-F16.gguf");
}

static void a_set_of_shards_is_one_file(void **state)
{
    (void)state;
    put("org--m", "abc", "m-00001-of-00002.gguf", 1);
    put("org--m", "abc", "m-00002-of-00002.gguf", 1);
    expect("org/m", "hub/models--org--m/snapshots/abc/m-00001-of-00002.gguf");
}

static void one_of_several_gguf_files_is_named_by_its_type(void **state)
{
    (void)state;
    put("org--m", "abc", "m-Q4_K_M.gguf", 1);
    put("org--m", "abc", "m-Q4_K_S.gguf", 1);
    put("org--m", "abc", "m.Q8_0.gguf", 1);
    put("org--m", "abc", "m-F16-00001-of-00002.gguf", 1);
    put("org--m", "abc", "m-F16-00002-of-00002.gguf", 1);
    refuse("org/m", BANTAM_ERR_INVALID,
           "several gguf files, name one: m-F16-00001-of-00002.gguf, m-Q4_K_M.gguf");
    expect("org/m:Q4_K_M", "hub/models--org--m/snapshots/abc/m-Q4_K_M.gguf");
    expect("org/m:q8_0", "hub/models--org--m/snapshots/abc/m.Q8_0.gguf");
    expect("m:f16", "hub/models--org--m/snapshots/abc/m-F16-00001-of-00002.gguf");
    expect("org/m/m-Q4_K_S.gguf", "hub/models--org--m/snapshots/abc/m-Q4_K_S.gguf");
    refuse("org/m:Q4_K", BANTAM_ERR_IO, "no gguf file of that kind");
    refuse("org/m:4_K_M", BANTAM_ERR_IO, "no gguf file of that kind");
    refuse("org/m:Q6_K", BANTAM_ERR_IO, "no gguf file of that kind");
    refuse("org/m/m-Q6_K.gguf", BANTAM_ERR_IO, "is missing");
}

static void a_folder_with_weights_is_taken_before_a_gguf_file_beside_it(void **state)
{
    (void)state;
    put_model("org--m", "abc");
    put("org--m", "abc", "m-Q4_0.gguf", 1);
    expect("org/m", "hub/models--org--m/snapshots/abc");
    expect("org/m:Q4_0", "hub/models--org--m/snapshots/abc/m-Q4_0.gguf");
}

/* ---- where the hub is -------------------------------------------------------------------- */

static void the_environment_says_where_the_hub_is(void **state)
{
    (void)state;
    static const char *const places[] = {"home/.cache/huggingface/hub", "xdg/huggingface/hub",
                                         "hf/hub", "cache"};
    static const char *const variables[] = {"HOME", "XDG_CACHE_HOME", "HF_HOME",
                                            "HF_HUB_CACHE"};
    static const char *const values[] = {"home", "xdg", "hf", "cache"};
    char path[512];

    unsetenv("HF_HOME");
    for (size_t i = 0; i < 4; i++) { /* each beats the ones before it */
        snprintf(path, sizeof path, "%s/models--org--m/snapshots/abc", places[i]);
        temp_folder_in(&folder, path);
        strcat(path, "/config.json");
        temp_write_text(&folder, path, "{}");
        setenv(variables[i], temp_path(&folder, values[i]), 1);
        snprintf(path, sizeof path, "%s/models--org--m/snapshots/abc", places[i]);
        expect("org/m", path);
    }
    setenv("HF_HUB_CACHE", "", 1); /* empty is as good as unset */
    expect("org/m", "hf/hub/models--org--m/snapshots/abc");
}

static void without_any_variable_nothing_is_found(void **state)
{
    (void)state;
    unsetenv("HF_HOME");
    unsetenv("HOME");
    refuse("org/name", BANTAM_ERR_IO, "neither HF_HOME nor HOME is set");
}

/* ---- the list ---------------------------------------------------------------------------- */

typedef struct seen {
    char names[16][128];
    uint64_t bytes[16];
    size_t n, stop_after;
} seen;

static bool see(void *user, const bantam_listed_model *model)
{
    seen *const s = user;
    char found[1024];

    assert_true(s->n < 16 && model->name.size < 128);
    memcpy(s->names[s->n], model->name.data, model->name.size);
    s->names[s->n][model->name.size] = '\0';
    s->bytes[s->n++] = model->bytes;
    /* What is listed is found by its name. */
    assert_int_equal(bnt_locate(s->names[s->n - 1], found, sizeof found, NULL), BANTAM_OK);
    assert_int_equal(strlen(found), model->path.size);
    assert_memory_equal(found, model->path.data, model->path.size);
    return s->n != s->stop_after;
}

static void the_list_names_every_model_in_order(void **state)
{
    (void)state;
    seen s = {0};

    put_model("b-org--one", "abc"); /* in the folder's order after b--two, by name before */
    put_model("b--two", "abc");
    put("c--quants", "abc", "m-Q4_0.gguf", 10);
    put("c--quants", "abc", "m-Q8_0-00001-of-00002.gguf", 20);
    put("c--quants", "abc", "m-Q8_0-00002-of-00002.gguf", 22);
    put("c--quants", "abc", "mmproj.gguf", 5);
    put("a--single", "abc", "m.gguf", 7);
    put("a--tokenizer", "abc", "tokenizer.json", 7);
    put_model("a--mistral", "abc");
    put("a--mistral", "abc", "consolidated.safetensors", 100);
    put("a--mistral", "abc", "adapter_model.safetensors", 3);
    assert_int_equal(bnt_list_models(see, &s, NULL), BANTAM_OK);

    static const struct {
        const char *name;
        uint64_t bytes;
    } expected[] = {{"a/mistral", 100},           {"a/single", 7},
                    {"b-org/one", 100},           {"b/two", 100},
                    {"c/quants/m-Q4_0.gguf", 10}, {"c/quants/m-Q8_0-00001-of-00002.gguf", 42}};
    assert_int_equal(s.n, sizeof expected / sizeof expected[0]);
    for (size_t i = 0; i < s.n; i++) {
        assert_string_equal(s.names[i], expected[i].name);
        assert_int_equal(s.bytes[i], expected[i].bytes);
    }
}

static void the_list_ends_when_the_caller_says_so(void **state)
{
    (void)state;
    seen s = {.stop_after = 1};

    put_model("a--one", "abc");
    put_model("a--two", "abc");
    assert_int_equal(bnt_list_models(see, &s, NULL), BANTAM_OK);
    assert_int_equal(s.n, 1);
}

static void a_hub_that_is_not_there_is_an_empty_list(void **state)
{
    (void)state;
    seen s = {0};

    assert_int_equal(bnt_list_models(see, &s, NULL), BANTAM_OK);
    setenv("HF_HOME", "/nonexistent", 1);
    assert_int_equal(bnt_list_models(see, &s, NULL), BANTAM_OK);
    unsetenv("HF_HOME");
    unsetenv("HOME");
    assert_int_equal(bnt_list_models(see, &s, NULL), BANTAM_OK);
    assert_int_equal(s.n, 0);
}

/* ---- laws -------------------------------------------------------------------------------- */

static bool count(void *user, const bantam_listed_model *model)
{
    (void)model;
    ++*(int *)user;
    return true;
}

static void every_failing_allocation_is_an_error_and_leaks_nothing(void **state)
{
    (void)state;
    char found[1024];
    bantam_status status;
    uint64_t n = 0;

    put_model("org--one", "abc");
    put("org--two", "abc", "a.gguf", 1);
    put("org--two", "abc", "b.gguf", 1);
    const int64_t live = bnt_mem_live();
    do {
        bnt_mem_fail_after(n++);
        status = bnt_locate("org/one", found, sizeof found, NULL);
        bnt_mem_fail_after(UINT64_MAX);
        assert_int_equal(status, *found ? BANTAM_OK : BANTAM_ERR_NOMEM);
        assert_int_equal(bnt_mem_live(), live);
    } while (status && n < 100);
    assert_int_equal(status, BANTAM_OK);
    n = 0;
    do {
        int listed = 0;
        bnt_mem_fail_after(n++);
        status = bnt_list_models(count, &listed, NULL);
        bnt_mem_fail_after(UINT64_MAX);
        assert_true(status == BANTAM_OK || status == BANTAM_ERR_NOMEM);
        assert_int_equal(listed, status ? 0 : 3);
        assert_int_equal(bnt_mem_live(), live);
    } while (status && n < 200);
    assert_int_equal(status, BANTAM_OK);
}

#define IN_HUB(test) cmocka_unit_test_setup_teardown(test, make_hub, remove_hub)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_HUB(what_is_there_is_itself),
        IN_HUB(paths_that_lead_nowhere_are_said_to),
        IN_HUB(a_path_that_does_not_fit_is_refused),
        IN_HUB(names_that_are_no_names_are_refused),
        IN_HUB(names_that_nobody_has_are_not_found),
        IN_HUB(a_model_is_found_by_both_its_names),
        IN_HUB(a_model_without_organization_is_found),
        IN_HUB(a_name_of_two_organizations_is_ambiguous),
        IN_HUB(folders_that_are_no_models_are_passed_over),
        IN_HUB(the_main_reference_chooses_the_snapshot),
        IN_HUB(without_a_usable_reference_the_newest_snapshot_is_taken),
        IN_HUB(a_repository_without_snapshots_is_not_found),
        IN_HUB(links_into_blobs_are_followed),
        IN_HUB(the_only_gguf_file_is_taken),
        IN_HUB(a_set_of_shards_is_one_file),
        IN_HUB(one_of_several_gguf_files_is_named_by_its_type),
        IN_HUB(a_folder_with_weights_is_taken_before_a_gguf_file_beside_it),
        IN_HUB(the_environment_says_where_the_hub_is),
        IN_HUB(without_any_variable_nothing_is_found),
        IN_HUB(the_list_names_every_model_in_order),
        IN_HUB(the_list_ends_when_the_caller_says_so),
        IN_HUB(a_hub_that_is_not_there_is_an_empty_list),
        IN_HUB(every_failing_allocation_is_an_error_and_leaks_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
