/* Names of models: the table holds together, every form of a name is read, wrong ones are not.
 */
#include "store/registry.h"

#include "base/mem.h"
#include "support.h"
#include "token/load.h"
#include "token/tokenizer.h"

#include <strings.h>

static bnt_named read_name(const char *name)
{
    bnt_named n;
    bantam_error err = {0};
    if (bnt_registry_find(name, &n, &err)) fail_msg("%s: %s", name, err.message);
    return n;
}

static void refuse(const char *name, bantam_status expected, const char *message)
{
    bnt_named n;
    bantam_error err = {0};
    const bantam_status status = bnt_registry_find(name, &n, &err);
    if (status != expected || !strstr(err.message, message)) {
        fail_msg("%s: expected %d with \"%s\", found %d with \"%s\"", name ? name : "NULL",
                 (int)expected, message, (int)status, err.message);
    }
    assert_string_equal(n.repository, "");
}

static void every_row_is_found_by_its_name_and_by_its_repository(void **state)
{
    (void)state;
    for (size_t i = 0; i < bnt_registry_n(); i++) {
        const bnt_registry_row *const row = bnt_registry_at(i);
        assert_non_null(strchr(row->name, ':'));
        assert_true(row->n_params > 100000000 && row->value_bytes >= 2);
        if (!row->repository) continue;
        const bnt_named n = read_name(row->name);
        assert_ptr_equal(n.row, row);
        assert_string_equal(n.name, row->name);
        assert_string_equal(n.repository, row->repository);
        assert_ptr_equal(read_name(row->repository).row, row);
        assert_string_equal(read_name(row->repository).name, row->name);
        assert_non_null(strstr(row->files, "config.json"));
        assert_non_null(strstr(row->files, "*.safetensors"));
    }
    assert_null(bnt_registry_at(bnt_registry_n()));
}

/* Parameters by the formula: the image encoder of those with vision is none of the shape's. */
static void every_published_row_has_a_shape_of_its_size(void **state)
{
    (void)state;
    for (size_t i = 0; i < bnt_registry_n(); i++) {
        const bnt_registry_row *const row = bnt_registry_at(i);
        assert_int_equal(!row->shape, !row->repository);
        if (!row->shape) continue;
        const bnt_shape *const s = bnt_shape_named(row->shape);
        assert_non_null(s);
        const uint64_t e = s->n_embd, q = s->n_heads * s->head_dim;
        const uint64_t kv = s->n_kv_heads * s->head_dim;
        const uint64_t layer = 2 * e * q + 2 * e * kv + 3 * e * s->n_ffn + 2 * e;
        const uint64_t n = (s->tied ? 1 : 2) * s->n_vocab * e + s->n_layers * layer + e;
        const bool vision = row->note && strstr(row->note, "vision");
        assert_true(vision ? n < row->n_params : n == row->n_params);
        assert_true(row->tokenizer_bytes > 1000000);
    }
}

/* Within a tenth and half a megabyte: what one published file holds more than another. */
static void tokenizers_take_what_their_rows_say(void **state)
{
    (void)state;
    static const char *const files[][2] = {
        {"smollm2:135m", "tokenizers/smollm2"},
        {"phonelm:1.5b", "tokenizers/phonelm"},
        {"amd-llama:135m", "tokenizers/llama2"},
    };
    if (!shared_found(3)) skip();
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        bnt_tokenizer *t = NULL;
        bantam_error err = {0};
        bnt_spec spec;
        bnt_spec_init(&spec);
        if (bnt_spec_load(&spec, shared_path(files[i][1]), &err)) fail_msg("%s", err.message);
        if (bnt_tokenizer_open(&t, &spec, &err)) fail_msg("%s", err.message);
        const double told = read_name(files[i][0]).row->tokenizer_bytes;
        const double found = (double)bnt_tokenizer_bytes(t);
        assert_true(found < told * 1.1 + 5e5 && told < found * 1.1 + 5e5);
        bnt_tokenizer_close(t);
        bnt_spec_deinit(&spec);
    }
}

static void no_two_rows_have_a_name_or_a_repository_in_common(void **state)
{
    (void)state;
    for (size_t i = 0; i < bnt_registry_n(); i++) {
        const bnt_registry_row *const a = bnt_registry_at(i);
        for (size_t j = 0; j < i; j++) {
            const bnt_registry_row *const b = bnt_registry_at(j);
            assert_int_not_equal(strcasecmp(a->name, b->name), 0);
            if (!a->repository || !b->repository) continue;
            assert_int_not_equal(strcasecmp(a->repository, b->repository), 0);
        }
    }
}

/* Facts that a user relies on, as the models' owners state them. */
static void rows_say_what_the_hub_says(void **state)
{
    (void)state;
    static const struct {
        const char *name, *repository;
        bool gated;
    } facts[] = {
        {"smollm2:135m", "HuggingFaceTB/SmolLM2-135M", false},
        {"smollm2:1.7b-instruct", "HuggingFaceTB/SmolLM2-1.7B-Instruct", false},
        {"llama3.2:1b", "meta-llama/Llama-3.2-1B", true},
        {"llama3.2:3b-instruct", "meta-llama/Llama-3.2-3B-Instruct", true},
        {"amd-llama:135m-code", "amd/AMD-Llama-135m-code", false},
        {"phonelm:1.5b-call", "mllmTeam/PhoneLM-1.5B-Call", false},
        {"ministral:8b", "mistralai/Ministral-8B-Instruct-2410", true},
    };
    for (size_t i = 0; i < sizeof facts / sizeof facts[0]; i++) {
        const bnt_named n = read_name(facts[i].name);
        assert_string_equal(n.repository, facts[i].repository);
        assert_int_equal(n.row->gated, facts[i].gated);
    }
}

static void quantizations_behind_a_name_are_made_here(void **state)
{
    (void)state;
    static const char *const forms[][3] = {
        {"smollm2:1.7b-instruct-q4", "b4", "smollm2:1.7b-instruct-q4"},
        {"llama3.2:1b-q8", "b8", "llama3.2:1b-q8"},
        {"LLAMA3.2:1B-Q8", "b8", "llama3.2:1b-q8"},
        {"smollm2:135m-b4", "b4", "smollm2:135m-q4"},
        {"smollm2:135m-q8_0", "q8_0", "smollm2:135m-q8_0"},
        {"HuggingFaceTB/SmolLM2-135M:B4", "b4", "smollm2:135m-q4"},
        {"some/model:b8", "b8", "some/model:b8"},
    };
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        const bnt_named n = read_name(forms[i][0]);
        assert_non_null(n.made);
        assert_string_equal(n.made, forms[i][1]);
        assert_string_equal(n.form, forms[i][1]);
        assert_string_equal(n.name, forms[i][2]);
    }
}

static void any_other_repository_is_read(void **state)
{
    (void)state;
    const bnt_named plain = read_name("some.body/Model_1.5-GGUF");
    assert_null(plain.row);
    assert_string_equal(plain.repository, "some.body/Model_1.5-GGUF");
    assert_string_equal(plain.name, "some.body/Model_1.5-GGUF");
    assert_string_equal(plain.form, "");
    assert_null(plain.made);

    const bnt_named quant = read_name("some/model:Q4_K_M");
    assert_string_equal(quant.repository, "some/model");
    assert_string_equal(quant.form, "Q4_K_M");
    assert_string_equal(quant.name, "some/model:Q4_K_M");
    assert_null(quant.made);

    const bnt_named file = read_name("some/model/Q8_0/m-00001-of-00002.gguf");
    assert_string_equal(file.repository, "some/model");
    assert_string_equal(file.file, "Q8_0/m-00001-of-00002.gguf");
}

static void what_is_no_name_is_refused(void **state)
{
    (void)state;
    static const char *const names[] = {
        "a/../b", "../a/b",     "/a/b",          "a//b",        "a/b:",       "a/b:c/d",
        "a/b/c",  "a/b/",       "a/b/../c.gguf", "a/b//c.gguf", "a/b/.gguf/", "a/b c",
        "a/b\nc", "a/b\033[2J", "a/na--me",      "a/.hidden",   "-a/b",       "a/b/c\\d.gguf",
        "a/b:..", "a/\xFF",     "a/b/\x7F.gguf"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        refuse(names[i], BANTAM_ERR_INVALID, "no model name");
    }
    refuse("", BANTAM_ERR_INVALID, "no name");
    refuse(NULL, BANTAM_ERR_INVALID, "no name");

    char *const vast = malloc(1 << 20);
    assert_non_null(vast);
    memset(vast, 'a', (1 << 20) - 1);
    vast[(1 << 20) - 1] = '\0';
    refuse(vast, BANTAM_ERR_INVALID, "no model name");
    vast[100] = '/';
    vast[200] = '\0';
    refuse(vast, BANTAM_ERR_INVALID, "no model name");
    free(vast);
}

static void a_slip_gets_the_nearest_names(void **state)
{
    (void)state;
    refuse("smolm2:135m", BANTAM_ERR_INVALID, "the nearest are smollm2:135m, ");
    refuse("lama3.2:1b", BANTAM_ERR_INVALID, "the nearest are llama3.2:1b, llama3.2:3b");
    refuse("ministrall:8b", BANTAM_ERR_INVALID, "the nearest are ministral:8b, ");
    refuse("phonelm:1.5", BANTAM_ERR_INVALID,
           "there are phonelm:0.5b, phonelm:0.5b-instruct, ");
    refuse("smollm2", BANTAM_ERR_INVALID, "there are smollm2:135m, ");
    refuse("smollm2:135m-q3", BANTAM_ERR_INVALID, "there are smollm2:135m, ");
    refuse("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa:1b",
           BANTAM_ERR_INVALID, "ORG/REPO");
}

static void models_without_weights_say_so(void **state)
{
    (void)state;
    refuse("bluelm-v:3b", BANTAM_ERR_UNSUPPORTED, "published no weights");
    refuse("bluelm-v:3b-q4", BANTAM_ERR_UNSUPPORTED, "published no weights");
}

static void names_of_the_table_are_told_from_others(void **state)
{
    (void)state;
    assert_true(bnt_registry_claims("smollm2:135m"));
    assert_true(bnt_registry_claims("SMOLLM2:none"));
    assert_true(bnt_registry_claims("smollm2"));
    assert_false(bnt_registry_claims("smollm2/model"));
    assert_false(bnt_registry_claims("smollm"));
    assert_false(bnt_registry_claims("SmolLM2-135M"));
    assert_false(bnt_registry_claims(""));
    assert_false(bnt_registry_claims(":"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_is_found_by_its_name_and_by_its_repository),
        cmocka_unit_test(every_published_row_has_a_shape_of_its_size),
        cmocka_unit_test(tokenizers_take_what_their_rows_say),
        cmocka_unit_test(no_two_rows_have_a_name_or_a_repository_in_common),
        cmocka_unit_test(rows_say_what_the_hub_says),
        cmocka_unit_test(quantizations_behind_a_name_are_made_here),
        cmocka_unit_test(any_other_repository_is_read),
        cmocka_unit_test(what_is_no_name_is_refused),
        cmocka_unit_test(a_slip_gets_the_nearest_names),
        cmocka_unit_test(models_without_weights_say_so),
        cmocka_unit_test(names_of_the_table_are_told_from_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
