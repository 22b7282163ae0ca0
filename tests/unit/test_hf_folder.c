/* Hugging Face folders: which files are the model, and the broken ones among them. */
#include "archive_rig.h"

static const char config[] = "{\"model_type\":\"llama\",\"hidden_size\":8}";

/* ---- Hugging Face folders ---------------------------------------------------------------- */

static void a_folder_with_one_file_of_weights_opens(void **state)
{
    (void)state;
    temp_write_text(&folder, "config.json", config);
    write_safetensors("model.safetensors", "a", "b");
    bnt_archive *const a = open_sound("");

    assert_string_equal(bnt_archive_format(a), "safetensors");
    assert_string_equal(bnt_archive_folder(a), folder.path);
    assert_null(bnt_archive_gguf(a));
    assert_int_equal(bnt_archive_n_tensors(a), 2);
    assert_true(json_is_object(bnt_archive_config(a)));
    assert_string_equal(json_string_value(json_object_get(bnt_archive_config(a), "model_type")),
                        "llama");
    bnt_archive_close(a);
}

static void a_folder_without_weights_opens_with_no_tensors(void **state)
{
    (void)state;
    temp_write_text(&folder, "config.json", config);
    temp_write_text(&folder, "tokenizer.json", "{}");
    temp_write_text(&folder, "adapter_model.safetensors", "");
    bnt_archive *const a = open_sound("");

    assert_int_equal(bnt_archive_n_tensors(a), 0);
    assert_null(bnt_archive_find(a, "a"));
    assert_int_equal(bnt_archive_bytes(a), 0);
    bnt_archive_close(a);
}

static void weights_are_found_by_order_of_precedence(void **state)
{
    (void)state;
    temp_write_text(&folder, "config.json", config);
    write_safetensors("consolidated.safetensors", "consolidated", NULL);
    bnt_archive *a = open_sound("");
    assert_non_null(bnt_archive_find(a, "consolidated"));
    bnt_archive_close(a);

    write_safetensors("adapter_model.safetensors", "adapter", NULL);
    write_safetensors("other.safetensors", "other", NULL);
    a = open_sound("");
    assert_non_null(bnt_archive_find(a, "other"));
    assert_int_equal(bnt_archive_n_tensors(a), 1);
    bnt_archive_close(a);

    write_safetensors("model.safetensors", "model", NULL);
    a = open_sound("");
    assert_non_null(bnt_archive_find(a, "model"));
    bnt_archive_close(a);

    write_safetensors("shard-1.safetensors", "first", NULL);
    write_safetensors("shard-2.safetensors", "second", "third");
    write_index("{\"first\":\"shard-1.safetensors\",\"second\":\"shard-2.safetensors\","
                "\"third\":\"shard-2.safetensors\"}");
    a = open_sound("");
    assert_int_equal(bnt_archive_n_tensors(a), 3);
    assert_non_null(bnt_archive_find(a, "third"));
    assert_null(bnt_archive_find(a, "model"));
    bnt_archive_close(a);
}

static void weights_that_are_not_read_are_named(void **state)
{
    (void)state;
    temp_write_text(&folder, "config.json", config);
    temp_write_text(&folder, "pytorch_model.bin", "PK");
    refuse("", BANTAM_ERR_UNSUPPORTED, "", "convert them to safetensors");
    write_gguf("model.Q4_0.gguf", "t");
    refuse("", BANTAM_ERR_FORMAT, "", "to use model.Q4_0.gguf, name that file");
    write_safetensors("a.safetensors", "a", NULL);
    write_safetensors("b.safetensors", "b", NULL);
    refuse("", BANTAM_ERR_FORMAT, "", "2 .safetensors files and no model.safetensors.index");
}

static void a_folder_without_config_is_refused_with_a_hint(void **state)
{
    (void)state;
    write_safetensors("model.safetensors", "a", NULL);
    refuse("", BANTAM_ERR_FORMAT, "", "no config.json in this folder");
    write_gguf("model.gguf", "t");
    refuse("", BANTAM_ERR_FORMAT, "", "to use model.gguf, name that file");
}

/* ---- H46: weights and index -------------------------------------------------------------- */

static void weights_of_another_kind_are_refused(void **state)
{
    (void)state;
    temp_write_text(&folder, "config.json", config);
    write_gguf("model.safetensors", "t");
    refuse("", BANTAM_ERR_FORMAT, "model.safetensors", "expected safetensors, found gguf");
    temp_write(&folder, "model.safetensors", "\x80\2}q\0..........", 15);
    refuse("", BANTAM_ERR_UNSUPPORTED, "model.safetensors", "pickle");
    temp_write_text(&folder, "model.safetensors", "version https://git-lfs.github.com/spec/v1");
    refuse("", BANTAM_ERR_FORMAT, "model.safetensors", "git lfs pull");

    assert_int_equal(unlink(in("model.safetensors")), 0);
    assert_int_equal(mkdir(in("model.safetensors"), 0700), 0);
    refuse("", BANTAM_ERR_IO, "model.safetensors", "");
    assert_int_equal(rmdir(in("model.safetensors")), 0);
    assert_int_equal(symlink("/dev/zero", in("model.safetensors")), 0);
    refuse("", BANTAM_ERR_IO, "model.safetensors", "");
}

static void shard_names_that_leave_the_folder_are_refused(void **state)
{
    (void)state;
    static const char *const names[] = {"\"../../etc/passwd\"",
                                        "\"/etc/passwd\"",
                                        "\"..\"",
                                        "\".\"",
                                        "\"\"",
                                        "\"a/b.safetensors\"",
                                        "\"a\\u0000b\"",
                                        "1",
                                        "null",
                                        "[\"a\"]",
                                        "{}"};
    temp_write_text(&folder, "config.json", config);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char map[128];
        snprintf(map, sizeof map, "{\"t\":%s}", names[i]);
        write_index(map);
        refuse("", BANTAM_ERR_FORMAT, "model.safetensors.index.json", "weight_map: tensor t: ");
    }
}

static void an_index_that_does_not_match_its_shards_is_refused(void **state)
{
    (void)state;
    static const char index[] = "model.safetensors.index.json";

    temp_write_text(&folder, "config.json", config);
    write_safetensors("s1.safetensors", "a", NULL);
    write_safetensors("s2.safetensors", "b", NULL);
    write_index("{\"a\":\"s1.safetensors\",\"c\":\"s2.safetensors\"}");
    refuse("", BANTAM_ERR_FORMAT, index, "weight_map: tensor c is not in s2.safetensors");
    write_index("{\"a\":\"s2.safetensors\",\"b\":\"s1.safetensors\"}");
    refuse("", BANTAM_ERR_FORMAT, index, "is not in s");
    write_safetensors("s1.safetensors", "a", "x");
    write_safetensors("s2.safetensors", "b", "y");
    write_index("{\"a\":\"s1.safetensors\",\"x\":\"s2.safetensors\"}");
    refuse("", BANTAM_ERR_FORMAT, index, "weight_map: tensor x is not in s2.safetensors");
    write_index("{\"b\":\"s1.safetensors\",\"y\":\"s2.safetensors\"}");
    refuse("", BANTAM_ERR_FORMAT, index, "weight_map: tensor b is not in s1.safetensors");
    write_index("{\"a\":\"s1.safetensors\",\"b\":\"absent.safetensors\"}");
    refuse("", BANTAM_ERR_IO, "absent.safetensors", "");
    write_safetensors("s2.safetensors", "a", NULL);
    write_index("{\"a\":\"s1.safetensors\",\"b\":\"s2.safetensors\"}");
    refuse("", BANTAM_ERR_FORMAT, "s2.safetensors", "tensor a stands in another file too");
}

static void an_index_that_is_no_index_is_refused(void **state)
{
    (void)state;
    static const char index[] = "model.safetensors.index.json";
    static const char *const texts[] = {"{}", "{\"weight_map\":[]}", "{\"weight_map\":{}}",
                                        "{\"weight_map\":null}", "{\"weight_map\":\"x\"}"};

    temp_write_text(&folder, "config.json", config);
    write_safetensors("model.safetensors", "a", NULL);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        temp_write_text(&folder, index, texts[i]);
        refuse("", BANTAM_ERR_FORMAT, index, "expected an object weight_map with tensors");
    }
    temp_write_text(&folder, index, "[]");
    refuse("", BANTAM_ERR_FORMAT, index, "expected a JSON object");
    temp_write_text(&folder, index, "");
    refuse("", BANTAM_ERR_FORMAT, index, "json");
    temp_write_text(&folder, index, "{\"weight_map\":{\"a\":\"b\",\"a\":\"c\"}}");
    refuse("", BANTAM_ERR_FORMAT, index, "json");
}

static void an_index_of_100000_shards_fails_at_the_first_absent_one(void **state)
{
    (void)state;
    enum { N = 100000 };
    char *const map = malloc((size_t)N * 40);
    size_t used = 0;

    assert_non_null(map);
    temp_write_text(&folder, "config.json", config);
    for (int i = 0; i < N; i++) {
        used +=
            (size_t)sprintf(map + used, "%c\"t%d\":\"s%d.safetensors\"", i ? ',' : '{', i, i);
    }
    memcpy(map + used, "}", 2);
    write_index(map);
    refuse("", BANTAM_ERR_IO, "s0.safetensors", "");
    free(map);
}

/* ---- H47: config.json -------------------------------------------------------------------- */

static void a_config_that_is_no_object_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } cases[] = {{"", "json"},
                 {"[]", "expected a JSON object"},
                 {"null", "expected a JSON object"},
                 {"\"llama\"", "expected a JSON object"},
                 {"{\"a\":1,\"a\":2}", "json"},
                 {"{\"a\":1,}", "json"},
                 {"{\"a\":NaN}", "json"},
                 {"{\"a\":1}x", "json"},
                 {"\xEF\xBB\xBF{}", "byte order mark"},
                 {"\xFF\xFE{", "json"},
                 {"version https://git-lfs.github.com/spec/v1", "git lfs pull"}};
    write_safetensors("model.safetensors", "a", NULL);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        temp_write_text(&folder, "config.json", cases[i].text);
        refuse("", BANTAM_ERR_FORMAT, "config.json", cases[i].message);
    }
    assert_int_equal(unlink(in("config.json")), 0);
    assert_int_equal(mkdir(in("config.json"), 0700), 0);
    refuse("", BANTAM_ERR_IO, "config.json", "");
}

static void a_config_nested_100000_deep_is_refused(void **state)
{
    (void)state;
    enum { DEPTH = 100000 };
    char *const text = malloc(DEPTH * 5 + 1);

    assert_non_null(text);
    for (int i = 0; i < DEPTH; i++) {
        memcpy(text + i * 5, "{\"a\":", 6);
    }
    temp_write_text(&folder, "config.json", text);
    refuse("", BANTAM_ERR_FORMAT, "config.json", "more than 16384 objects");
    text[5000 * 5] = '\0';
    temp_write_text(&folder, "config.json", text);
    refuse("", BANTAM_ERR_FORMAT, "config.json", "nested deeper than 64");
    free(text);
}

static void a_config_that_is_cheap_to_store_is_not_dear_to_read(void **state)
{
    (void)state;
    enum { SIZE = 1 << 20 };
    char *const text = malloc(SIZE + 2);

    assert_non_null(text); /* a tree of this would take a hundred times its size */
    for (size_t i = 0; i < SIZE; i += 3) {
        memcpy(text + i, "{},", 3);
    }
    text[0] = '[';
    temp_write(&folder, "config.json", text, SIZE);
    refuse("", BANTAM_ERR_FORMAT, "config.json", "more than 16384 objects");
    memset(text, ' ', SIZE + 2);
    temp_write(&folder, "config.json", text, SIZE + 2);
    refuse("", BANTAM_ERR_FORMAT, "config.json", "longer than 1048576 bytes");
    free(text);
}

/* ---- laws -------------------------------------------------------------------------------- */

static void every_failing_allocation_is_an_error_and_leaks_nothing(void **state)
{
    (void)state;
    temp_write_text(&folder, "config.json", config);
    write_safetensors("other.safetensors", "a", "b");
    fail_every_allocation_of("");
    write_safetensors("s1.safetensors", "a", NULL);
    write_safetensors("s2.safetensors", "b", "c");
    write_index("{\"a\":\"s1.safetensors\",\"b\":\"s2.safetensors\"}");
    fail_every_allocation_of("");
}

/* ---- models of others -------------------------------------------------------------------- */

static const bnt_tensor *find_ending(const bnt_archive *a, const char *end)
{
    for (size_t i = 0; i < bnt_archive_n_tensors(a); i++) {
        const bnt_tensor *const t = bnt_archive_tensor_at(a, i);
        const size_t n = strlen(end);
        if (t->name.size >= n && !memcmp(t->name.data + t->name.size - n, end, n)) return t;
    }
    return NULL;
}

static void hugging_face_folders_have_the_shapes_of_their_goldens(void **state)
{
    (void)state;
    static const char *const names[] = {"amd-a",     "bluelm-a",     "codellama-a",
                                        "llama32-a", "ministral3-a", "ministral8b-a",
                                        "phonelm-a", "phonelm-b",    "smollm2-a"};
    const unsigned n = sizeof names / sizeof names[0];

    if (!shared_found(n)) skip();
    for (unsigned i = 0; i < n; i++) {
        char path[64];
        bnt_archive *a;
        bantam_error err = {0};
        snprintf(path, sizeof path, "goldens/lm/%s/golden.json", names[i]);
        json_t *const golden = json_load_file(shared_path(path), 0, NULL);
        assert_non_null(golden);
        snprintf(path, sizeof path, "goldens/lm/%s/hf", names[i]);
        if (bnt_archive_open(&a, shared_path(path), &err)) fail_msg("%s", err.message);

        const bnt_tensor *const embd = find_ending(a, "embed_tokens.weight");
        assert_non_null(embd);
        assert_int_equal(embd->dims[0], golden_number(golden, "hidden"));
        assert_int_equal(embd->dims[1], golden_number(golden, "vocab"));
        assert_text(embd->type_name, json_string_value(json_object_get(golden, "dtype")));
        char last[64];
        const unsigned layers = (unsigned)golden_number(golden, "layers");
        snprintf(last, sizeof last, "layers.%u.mlp.down_proj.weight", layers - 1);
        assert_non_null(find_ending(a, last));
        assert_int_equal(find_ending(a, last)->dims[0], golden_number(golden, "ffn"));
        assert_non_null(bnt_archive_config(a));
        bnt_archive_close(a);
        json_decref(golden);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(a_folder_with_one_file_of_weights_opens),
        IN_FOLDER(a_folder_without_weights_opens_with_no_tensors),
        IN_FOLDER(weights_are_found_by_order_of_precedence),
        IN_FOLDER(weights_that_are_not_read_are_named),
        IN_FOLDER(a_folder_without_config_is_refused_with_a_hint),
        IN_FOLDER(weights_of_another_kind_are_refused),
        IN_FOLDER(shard_names_that_leave_the_folder_are_refused),
        IN_FOLDER(an_index_that_does_not_match_its_shards_is_refused),
        IN_FOLDER(an_index_that_is_no_index_is_refused),
        IN_FOLDER(an_index_of_100000_shards_fails_at_the_first_absent_one),
        IN_FOLDER(a_config_that_is_no_object_is_refused),
        IN_FOLDER(a_config_nested_100000_deep_is_refused),
        IN_FOLDER(a_config_that_is_cheap_to_store_is_not_dear_to_read),
        IN_FOLDER(every_failing_allocation_is_an_error_and_leaks_nothing),
        cmocka_unit_test(hugging_face_folders_have_the_shapes_of_their_goldens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
