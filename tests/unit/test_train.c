/* test_train.c - training through the public call: what it tells, where it stops, what it
 * leaves. */
#include "temp_folder.h"

#include "bantam/bantam.h"
#include "base/mem.h"

#include <math.h>

static temp_folder folder;
static char config[300], data[300], out[300], checkpoint[320];

static int setup(void **state)
{
    static const char text[] = "a cat.\n<|endoftext|>\na dog.\n<|endoftext|>\nthe cat.\n"
                               "<|endoftext|>\nthe dog.\n<|endoftext|>\na cat, a dog.";
    (void)state;
    temp_make(&folder);
    snprintf(config, sizeof config, "%s/c.json", folder.path);
    snprintf(data, sizeof data, "%s/d.txt", folder.path);
    snprintf(out, sizeof out, "%s/m.gguf", folder.path);
    snprintf(checkpoint, sizeof checkpoint, "%s.checkpoint", out);
    write_whole(data, text, sizeof text - 1);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    temp_remove_all(folder.path);
    return 0;
}

static void write_config(const char *more)
{
    char json[600];
    snprintf(json, sizeof json,
             "{\"name\":\"t\",\"n_layers\":1,\"n_embd\":8,\"n_heads\":1,\"n_ffn\":8,"
             "\"context\":16,\"vocab\":262,\"batch_tokens\":16,\"held_out\":0.2%s}",
             more);
    write_whole(config, json, strlen(json));
}

typedef struct watched {
    unsigned n_stages, n_plans, n_steps, stop_at; /* stop_at: a step; 0: none */
    bool stop_stage, stop_plan;
    bantam_train_plan plan;
    bantam_train_step last;
} watched;

static bool on_stage(void *user, const char *stage, uint64_t done, uint64_t total)
{
    watched *const w = user;
    assert_true(!strcmp(stage, "vocabulary") || !strcmp(stage, "data"));
    assert_true(done <= total);
    w->n_stages++;
    return !w->stop_stage;
}

static bool on_plan(void *user, const bantam_train_plan *plan)
{
    watched *const w = user;
    w->n_plans++;
    w->plan = *plan;
    return !w->stop_plan;
}

static bool on_step(void *user, const bantam_train_step *step)
{
    watched *const w = user;
    w->n_steps++;
    w->last = *step;
    return step->step != w->stop_at;
}

static bantam_train_options watching(watched *w)
{
    return (bantam_train_options){.struct_size = sizeof(bantam_train_options),
                                  .threads = 1,
                                  .stage = on_stage,
                                  .plan = on_plan,
                                  .step = on_step,
                                  .user = w};
}

static bantam_status train(const bantam_train_options *o, bantam_error *err)
{
    const bantam_train_data files[] = {{data, 0.0}};
    return bantam_train(config, files, 1, out, o, err);
}

static bool is_there(const char *path)
{
    return access(path, F_OK) == 0;
}

static void a_run_tells_its_plan_and_every_step(void **state)
{
    watched w = {0};
    bantam_error err = {0};
    bantam_model *model;
    bantam_model_info info;
    bantam_train_options o = watching(&w);

    (void)state;
    write_config(",\"steps\":6");
    if (train(&o, &err)) fail_msg("%s", err.message);
    assert_int_equal(w.n_plans, 1);
    assert_int_equal(w.n_steps, 6);
    assert_int_equal(w.plan.steps, 6);
    assert_int_equal(w.plan.n_documents, 4);
    assert_int_equal(w.plan.batch_tokens, 16);
    assert_int_equal(w.plan.sequence_tokens, 16);
    assert_true(w.plan.memory_bytes > 4 * 4 * w.plan.n_params);
    assert_true(isfinite(w.last.held_out_loss));
    assert_false(is_there(checkpoint));
    if (bantam_model_open(&model, out, NULL, &err)) fail_msg("%s", err.message);
    bantam_model_describe(model, &info);
    assert_int_equal(info.n_params, w.plan.n_params);
    assert_int_equal(info.n_vocab, w.plan.n_vocab);
    assert_true(info.tied);
    bantam_model_close(model);
    unlink(out);
}

static void numbers_of_the_call_win(void **state)
{
    watched w = {0};
    bantam_error err = {0};
    bantam_train_options o = watching(&w);

    (void)state;
    write_config(",\"epochs\":3");
    o.steps = 2;
    o.batch_tokens = 32;
    o.sequence_tokens = 8;
    o.rate = 0.5;
    o.vocab_tokens = 259;
    if (train(&o, &err)) fail_msg("%s", err.message);
    assert_int_equal(w.plan.steps, 2);
    assert_int_equal(w.plan.batch_tokens, 32);
    assert_int_equal(w.plan.sequence_tokens, 8);
    assert_int_equal(w.plan.n_vocab, 259);
    assert_true(fabs(w.last.rate - 0.05) < 1e-12);
    unlink(out);
}

static void epochs_and_minutes_become_steps(void **state)
{
    watched w = {0};
    bantam_error err = {0};
    bantam_train_options o = watching(&w);

    (void)state;
    write_config(",\"epochs\":3");
    if (train(&o, &err)) fail_msg("%s", err.message);
    assert_int_equal(w.plan.steps, (3 * w.plan.epoch_tokens + 15) / 16);
    unlink(out);

    /* However many they are, a run that goes on has as many. */
    memset(&w, 0, sizeof w);
    write_config(",\"minutes\":0.002");
    w.stop_at = 1;
    if (train(&o, &err) == BANTAM_ERR_CANCELLED) {
        const uint64_t steps = w.plan.steps;
        o.resume = true;
        w.stop_at = 0;
        if (train(&o, &err)) fail_msg("%s", err.message);
        assert_int_equal(w.plan.steps, steps);
        assert_int_equal(w.plan.steps_done, 1);
    }
    assert_true(is_there(out));
    unlink(out);
}

static void a_callback_can_stop_everywhere(void **state)
{
    watched w = {.stop_plan = true};
    bantam_error err = {0};
    bantam_train_options o = watching(&w);

    (void)state;
    write_config(",\"steps\":6");
    assert_int_equal(train(&o, &err), BANTAM_ERR_CANCELLED);
    assert_int_equal(w.n_steps, 0);
    assert_false(is_there(checkpoint));
    w = (watched){.stop_at = 4};
    assert_int_equal(train(&o, &err), BANTAM_ERR_CANCELLED);
    assert_non_null(strstr(err.message, "step 4 of 6"));
    assert_true(is_there(checkpoint));
    assert_false(is_there(out));
    assert_int_equal(train(&o, &err), BANTAM_ERR_INVALID);
    assert_non_null(strstr(err.message, checkpoint));
    o.resume = true;
    w = (watched){0};
    if (train(&o, &err)) fail_msg("%s", err.message);
    assert_int_equal(w.plan.steps_done, 4);
    assert_int_equal(w.n_steps, 2);
    assert_false(is_there(checkpoint));
    unlink(out);
}

static void calls_that_make_no_sense_are_named(void **state)
{
    static const struct {
        const char *more, *says;
    } wrong[] = {
        {"", "how long to train"},
        {",\"steps\":1,\"seq\":17", "seq: expected at most the context of 16"},
        {",\"steps\":1,\"seq\":16,\"part_tokens\":8", "part_tokens: expected at least seq"},
        {",\"steps\":1,\"chat_template\":\"{% if %}\"", "chat_template: "},
    };
    bantam_error err = {0};
    const bantam_train_data files[] = {{data, 0.0}, {NULL, 0.0}};
    bantam_train_options o = {.struct_size = sizeof o, .type = "Q4_0"};

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        write_config(wrong[i].more);
        assert_int_not_equal(train(NULL, &err), BANTAM_OK);
        if (!strstr(err.message, wrong[i].says)) fail_msg("%s", err.message);
    }
    write_config(",\"steps\":1");
    assert_int_equal(train(&o, &err), BANTAM_ERR_INVALID);
    assert_non_null(strstr(err.message, "F32, F16, BF16"));
    assert_int_equal(bantam_train(config, files, 2, out, NULL, &err), BANTAM_ERR_INVALID);
    assert_int_equal(bantam_train(config, NULL, 0, out, NULL, &err), BANTAM_ERR_INVALID);
    assert_int_equal(bantam_train(NULL, files, 1, out, NULL, &err), BANTAM_ERR_INVALID);
    assert_false(is_there(out));
    assert_false(is_there(checkpoint));
}

static void every_failed_allocation_is_told(void **state)
{
    const int64_t live = bnt_mem_live();
    bantam_status status = BANTAM_ERR_NOMEM;
    bantam_error err = {0};
    uint64_t n = 0;

    (void)state;
    write_config(",\"steps\":1,\"chat_template\":\"{{ messages }}\"");
    for (; status && n < 5000; n++) {
        bnt_mem_fail_after(n);
        status = train(NULL, &err);
        bnt_mem_fail_after(UINT64_MAX);
        if (status && status != BANTAM_ERR_NOMEM) fail_msg("%u: %s", (unsigned)n, err.message);
        assert_int_equal(bnt_mem_live(), live);
        unlink(checkpoint);
    }
    assert_int_equal(status, BANTAM_OK);
    assert_true(n > 50);
    unlink(out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_tells_its_plan_and_every_step),
        cmocka_unit_test(numbers_of_the_call_win),
        cmocka_unit_test(epochs_and_minutes_become_steps),
        cmocka_unit_test(a_callback_can_stop_everywhere),
        cmocka_unit_test(calls_that_make_no_sense_are_named),
        cmocka_unit_test(every_failed_allocation_is_told),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
