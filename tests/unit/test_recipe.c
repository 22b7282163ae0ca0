/* test_recipe.c - training files: their defaults, and what is wrong with a member. */
#include "temp_folder.h"

#include "base/mem.h"
#include "train/recipe.h"

#include <math.h>

#define MODEL "\"n_layers\":2,\"n_embd\":64,\"n_heads\":4,\"n_ffn\":128,\"context\":256"

static temp_folder folder;
static char path[300];

static int setup(void **state)
{
    (void)state;
    temp_make(&folder);
    snprintf(path, sizeof path, "%s/r.json", folder.path);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    temp_remove_all(folder.path);
    return 0;
}

static void read_recipe(bnt_recipe *r, const char *json)
{
    bantam_error err = {0};
    write_whole(path, json, strlen(json));
    if (bnt_recipe_read(r, path, &err)) fail_msg("%s", err.message);
}

static void expect_error(const char *json, const char *says)
{
    bantam_error err = {0};
    bnt_recipe r;

    write_whole(path, json, strlen(json));
    assert_int_equal(bnt_recipe_read(&r, path, &err), BANTAM_ERR_FORMAT);
    assert_null(r.root);
    if (!strstr(err.message, says)) fail_msg("\"%s\" does not say \"%s\"", err.message, says);
    assert_non_null(strstr(err.message, "r.json: "));
}

static void defaults_are_those_of_the_header(void **state)
{
    bnt_recipe r;

    (void)state;
    read_recipe(&r, "{" MODEL ",\"vocab\":512}");
    assert_true(r.has_model);
    assert_int_equal(r.config.n_layers, 2);
    assert_int_equal(r.config.n_embd, 64);
    assert_int_equal(r.config.n_heads, 4);
    assert_int_equal(r.config.n_kv_heads, 4);
    assert_int_equal(r.config.head_dim, 16);
    assert_int_equal(r.config.rope_dims, 16);
    assert_int_equal(r.config.n_ffn, 128);
    assert_int_equal(r.config.context_tokens, 256);
    assert_int_equal(r.config.act, BNT_ACT_SILU);
    assert_true(r.config.tied);
    assert_true(r.config.rope_base == 10000.0);
    assert_true(r.config.norm_eps == 1e-5f);
    assert_int_equal(r.vocab_tokens, 512);
    assert_int_equal(r.n_specials, 2);
    assert_int_equal(r.bos, 0);
    assert_int_equal(r.eos, 1);
    assert_true(r.steps == 0 && r.epochs == 0.0 && r.minutes == 0.0);
    assert_true(r.rate == 1e-3 && r.final_rate < 0.0 && r.decay == 0.1 && r.clip == 1.0);
    assert_true(r.beta1 == 0.9 && r.beta2 == 0.95 && r.seed == 1 && r.held_out == 0.01);
    bnt_recipe_deinit(&r);
}

static void every_member_is_taken(void **state)
{
    char want[400];
    bnt_recipe r;

    (void)state;
    read_recipe(&r,
                "{\"name\":\"t\",\"n_layers\":1,\"n_embd\":48,\"n_heads\":6,\"n_kv_heads\":3,"
                "\"head_dim\":10,\"n_ffn\":7,\"context\":99,\"act\":\"relu\","
                "\"rope_base\":500,\"norm_eps\":1e-6,\"tied\":false,\"vocab\":300,"
                "\"specials\":[\"<a>\",\"<b>\",\"<c>\"],\"bos\":null,\"eos\":\"<c>\","
                "\"stops\":[\"<b>\"],\"chat_template\":\"{{ x }}\",\"steps\":5,"
                "\"batch_tokens\":64,\"seq\":32,\"part_tokens\":33,\"rate\":0.5,"
                "\"final_rate\":0.25,\"warmup\":0,\"decay\":0,\"clip\":2,\"beta1\":0.5,"
                "\"beta2\":0.75,\"seed\":12,\"held_out\":\"dev.txt\",\"held_out_steps\":3}");
    assert_int_equal(r.config.n_kv_heads, 3);
    assert_int_equal(r.config.head_dim, 10);
    assert_int_equal(r.config.act, BNT_ACT_RELU);
    assert_false(r.config.tied);
    assert_true(r.config.rope_base == 500.0);
    assert_true(r.config.norm_eps == 1e-6f);
    assert_int_equal(r.config.name.size, 1);
    assert_int_equal(r.n_specials, 3);
    assert_int_equal(r.bos, BANTAM_NO_TOKEN);
    assert_int_equal(r.eos, 2);
    assert_int_equal(r.n_stops, 1);
    assert_int_equal(r.stops[0], 1);
    assert_int_equal(r.chat_template.size, 7);
    assert_int_equal(r.steps, 5);
    assert_int_equal(r.batch_tokens, 64);
    assert_int_equal(r.sequence_tokens, 32);
    assert_int_equal(r.part_tokens, 33);
    assert_true(r.rate == 0.5 && r.final_rate == 0.25 && r.decay == 0.0 && r.clip == 2.0);
    assert_true(r.beta1 == 0.5 && r.beta2 == 0.75);
    assert_int_equal(r.warmup, 0);
    assert_int_equal(r.seed, 12);
    assert_int_equal(r.held_out_steps, 3);
    snprintf(want, sizeof want, "%s/dev.txt", folder.path); /* beside the file that names it */
    assert_string_equal(r.held_out_path, want);
    bnt_recipe_deinit(&r);
}

static void paths_are_those_beside_the_file(void **state)
{
    char file[400];
    bnt_recipe r;

    (void)state;
    snprintf(file, sizeof file, "%s/chat.jinja", folder.path);
    write_whole(file, "{{ hello }}", 11);
    read_recipe(&r, "{" MODEL ",\"vocab\":\"/words.gguf\",\"chat_template\":\"chat.jinja\"}");
    assert_string_equal(r.vocab_path, "/words.gguf");
    assert_int_equal(r.chat_template.size, 11);
    assert_int_equal(r.vocab_tokens, 0);
    bnt_recipe_deinit(&r);
}

static void a_file_may_say_nothing_of_the_model(void **state)
{
    bnt_recipe r;

    (void)state;
    read_recipe(&r, "{\"epochs\":2,\"chat_template\":\"{{ a }}\"}");
    assert_false(r.has_model);
    assert_true(r.epochs == 2.0);
    bnt_recipe_deinit(&r);
}

static void what_is_wrong_is_named(void **state)
{
    (void)state;
    expect_error("{", "line 1");
    expect_error("[]", "expected a JSON object, found an array");
    expect_error("{\"n_layer\":2}", "n_layer: there is no such member");
    expect_error("{\"n_layers\":2}", "n_embd: expected a whole number, found nothing");
    expect_error("{\"n_layers\":\"2\"}", "n_layers: expected a whole number, found a string");
    expect_error("{\"n_layers\":0}",
                 "n_layers: expected a whole number from 1 to 512, found 0");
    expect_error("{\"n_layers\":1.5}", "found 1.5");
    expect_error("{\"n_layers\":-1}", "found -1");
    expect_error("{\"n_layers\":1e300}", "n_layers");
    expect_error("{\"n_layers\":1,\"n_embd\":10,\"n_heads\":3,\"n_ffn\":1,\"context\":9}",
                 "n_heads: expected a divisor of n_embd 10");
    expect_error("{\"n_layers\":1,\"n_embd\":9,\"n_heads\":3,\"n_ffn\":1,\"context\":9}",
                 "head_dim (n_embd / n_heads): expected an even number, found 3");
    expect_error("{\"n_layers\":1,\"n_embd\":8,\"n_heads\":4,\"n_kv_heads\":3}",
                 "n_kv_heads: expected a divisor of 4 heads, found 3");
    expect_error("{" MODEL ",\"act\":\"gelu\"}", "act: expected \"silu\" or \"relu\"");
    expect_error("{" MODEL ",\"tied\":1}", "tied: expected true or false, found a number");
    expect_error("{" MODEL ",\"rope_base\":1}", "rope_base: expected 2 to");
    expect_error("{" MODEL ",\"vocab\":10}", "vocab: expected a whole number from 256");
    expect_error("{" MODEL ",\"vocab\":300,\"specials\":[\"<a>\"],\"eos\":\"<b>\"}",
                 "eos: expected one of specials, found \"<b>\"");
    expect_error("{" MODEL ",\"vocab\":300,\"specials\":\"<a>\"}",
                 "specials: expected an array");
    expect_error("{" MODEL ",\"vocab\":300,\"stops\":[1]}", "stops: expected an array");
    expect_error("{" MODEL ",\"vocab\":\"x.gguf\",\"eos\":\"</s>\"}",
                 "eos: a vocabulary that is taken from a file has its own");
    expect_error("{\"steps\":1,\"epochs\":1}", "expected one of them, found 2");
    expect_error("{\"rate\":\"fast\"}", "rate: expected a number, found a string");
    expect_error("{\"beta2\":1}", "beta2: expected 0 to 1, found 1");
    expect_error("{\"held_out\":0.9}", "held_out: expected 0 to 0.5, found 0.9");
    expect_error("{\"name\":1}", "name: expected a string");
    expect_error("{\"chat_template\":7}", "chat_template: expected a path or a template");
}

static void files_that_are_not_there_are_named(void **state)
{
    bantam_error err = {0};
    bnt_recipe r;

    (void)state;
    write_whole(path, "{\"chat_template\":\"none.jinja\"}", 30);
    assert_int_equal(bnt_recipe_read(&r, path, &err), BANTAM_ERR_IO);
    assert_non_null(strstr(err.message, "chat_template: "));
    assert_non_null(strstr(err.message, "none.jinja"));
    assert_int_equal(bnt_recipe_read(&r, "/nowhere/r.json", &err), BANTAM_ERR_IO);
    assert_non_null(strstr(err.message, "/nowhere/r.json"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_those_of_the_header),
        cmocka_unit_test(every_member_is_taken),
        cmocka_unit_test(paths_are_those_beside_the_file),
        cmocka_unit_test(a_file_may_say_nothing_of_the_model),
        cmocka_unit_test(what_is_wrong_is_named),
        cmocka_unit_test(files_that_are_not_there_are_named),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
