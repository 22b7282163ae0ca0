/* test_batch.c - who may join a batch, who leaves it, and what goes wrong without disturbing
 * anybody. That answers are the same together as alone is test_batch_laws.c's. */
#include "adapter_rig.h"
#include "session_rig.h"

#include "session/lockstep.h"

enum { CONTEXT = 64, PROMPT = 9, ANSWER = 6 };

static session_rig RIG, OTHER;
static uint32_t TOKENS[CONTEXT];

static int open_models(void **state)
{
    const tiny_spec spec = {.n_vocab = LETTERS_N, .n_layers = 2, .untied = true, .seed = 3};
    (void)state;
    session_rig_made(&RIG, &spec);
    session_rig_tiny(&OTHER, 4, 0);
    rig_tokens(TOKENS, CONTEXT, LETTERS_N, 5);
    return 0;
}

static int close_models(void **state)
{
    (void)state;
    session_rig_close(&RIG);
    session_rig_close(&OTHER);
    return 0;
}

static bnt_session *open_session(const session_rig *r)
{
    return rig_session(r, (bantam_session_options){
                              .context_tokens = CONTEXT, .batch_tokens = 16, .n_threads = 1});
}

static bnt_lockstep *open_batch(uint32_t n_sessions)
{
    const bantam_batch_options o = {
        .struct_size = sizeof o, .n_sessions = n_sessions, .n_threads = 2};
    bnt_lockstep *b = NULL;
    bantam_error err = {0};
    if (bnt_lockstep_open(&b, RIG.model, &o, &err)) fail_msg("%s", err.message);
    return b;
}

/* What became of one answer. */
typedef struct ending {
    uint32_t n_steps, n_done;
    uint32_t stop_after; /* steps; 0: never */
    bantam_status status;
    bantam_answer answer;
    char message[512];
    bnt_lockstep *cancels; /* from within done */
    bnt_lockstep *again;   /* joins once more from within done */
    bnt_session *session;
} ending;

static bool on_step(void *user, const bantam_step *step)
{
    ending *const e = user;
    (void)step;
    if (e->again) {
        assert_int_equal(bnt_lockstep_leave(e->again, e->session, NULL), BANTAM_ERR_INVALID);
    }
    return ++e->n_steps != e->stop_after;
}

static const bantam_generation HOW = {
    .struct_size = sizeof HOW, .max_tokens = ANSWER, .ignore_stop_tokens = true};

static bantam_request request_of(ending *e);

static void on_done(void *user, bantam_status status, const bantam_error *err,
                    const bantam_answer *answer)
{
    ending *const e = user;
    e->n_done++;
    e->status = status;
    e->answer = *answer;
    snprintf(e->message, sizeof e->message, "%s", err->message);
    if (e->cancels) bnt_lockstep_cancel(e->cancels);
    if (e->again && e->n_done == 1) {
        bantam_request r = request_of(e);
        r.n_tokens = 2;
        assert_int_equal(bnt_lockstep_join(e->again, e->session, &r, NULL), BANTAM_OK);
    }
}

static bantam_request request_of(ending *e)
{
    return (bantam_request){.struct_size = sizeof(bantam_request),
                            .tokens = TOKENS,
                            .n_tokens = PROMPT,
                            .generation = &HOW,
                            .step = on_step,
                            .done = on_done,
                            .user = e};
}

static bantam_status join(bnt_lockstep *b, bnt_session *s, ending *e, bantam_error *err)
{
    const bantam_request r = request_of(e);
    return bnt_lockstep_join(b, s, &r, err);
}

static void join_well(bnt_lockstep *b, bnt_session *s, ending *e)
{
    bantam_error err = {0};
    if (join(b, s, e, &err)) fail_msg("%s", err.message);
}

static uint32_t step(bnt_lockstep *b)
{
    uint32_t n_left = 0;
    bantam_error err = {0};
    if (bnt_lockstep_step(b, &n_left, &err)) fail_msg("%s", err.message);
    return n_left;
}

static void finish(bnt_lockstep *b)
{
    for (int i = 0; step(b); i++) {
        assert_true(i < 1000);
    }
}

/* The logits of a session that was fed and answered alone. Freed by the caller. */
static float *alone(const bantam_adapter *const *adapters, const float *scales, size_t n)
{
    bnt_session *const s = open_session(&RIG);
    bantam_error err = {0};
    if (bnt_session_set_adapters(s, adapters, scales, n, &err)) fail_msg("%s", err.message);
    rig_feed_all(s, TOKENS, PROMPT);
    if (bnt_session_generate(s, &HOW, NULL, NULL, NULL, &err)) fail_msg("%s", err.message);
    float *const logits = rig_logits(s, LETTERS_N);
    bnt_session_close(s);
    return logits;
}

/* That the session answered as it does alone. Takes expected. */
static void assert_answered(const bnt_session *s, const ending *e, float *expected)
{
    assert_int_equal(e->n_done, 1);
    assert_int_equal(e->status, BANTAM_OK);
    assert_int_equal(e->answer.finish, BANTAM_FINISH_LENGTH);
    assert_int_equal(e->answer.n_tokens, ANSWER);
    assert_int_equal(bnt_session_position(s), PROMPT + ANSWER);
    assert_memory_equal(bnt_session_logits(s), expected, LETTERS_N * sizeof *expected);
    free(expected);
}

/* ---- who may join ---- */

static void a_session_joins_once_and_only_the_batch_of_its_model(void **state)
{
    bnt_lockstep *const b = open_batch(2), *const c = open_batch(2);
    bnt_session *const s = open_session(&RIG), *const o = open_session(&OTHER);
    ending e = {0};
    bantam_error err;
    (void)state;
    assert_int_equal(join(b, o, &e, &err), BANTAM_ERR_INVALID);
    assert_non_null(strstr(err.message, "another model"));
    join_well(b, s, &e);
    assert_int_equal(join(b, s, &e, &err), BANTAM_ERR_INVALID);
    assert_non_null(strstr(err.message, "in a batch"));
    assert_int_equal(join(c, s, &e, &err), BANTAM_ERR_INVALID);
    assert_int_equal(bnt_lockstep_leave(c, s, &err), BANTAM_ERR_INVALID);
    finish(b);
    assert_answered(s, &e, alone(NULL, NULL, 0));
    assert_int_equal(bnt_lockstep_leave(b, s, &err), BANTAM_ERR_INVALID);
    bnt_session_close(o);
    bnt_session_close(s);
    bnt_lockstep_close(c);
    bnt_lockstep_close(b);
    bnt_lockstep_close(NULL);
}

static void a_batch_that_is_full_takes_nobody_until_one_has_left(void **state)
{
    bnt_lockstep *const b = open_batch(1);
    bnt_session *const s = open_session(&RIG), *const t = open_session(&RIG);
    ending e = {0}, f = {0};
    bantam_error err;
    (void)state;
    join_well(b, s, &e);
    assert_int_equal(join(b, t, &f, &err), BANTAM_ERR_FULL);
    assert_int_equal(bnt_lockstep_leave(b, s, &err), BANTAM_OK);
    assert_int_equal(bnt_session_position(s), 0);
    join_well(b, t, &f);
    finish(b);
    assert_answered(t, &f, alone(NULL, NULL, 0));
    assert_int_equal(e.n_done, 0);
    bnt_session_close(t);
    bnt_session_close(s);
    bnt_lockstep_close(b);
}

static void what_cannot_be_answered_is_refused_at_the_door(void **state)
{
    static const uint32_t unknown[] = {1, LETTERS_N};
    bnt_lockstep *const b = open_batch(2);
    bnt_session *const s = open_session(&RIG);
    const bantam_text banned = {"ab", 2};
    ending e = {0};
    bantam_request r = request_of(&e);
    bantam_generation bad = HOW;
    bantam_error err;
    (void)state;
    r.n_tokens = 0;
    assert_int_equal(bnt_lockstep_join(b, s, &r, &err), BANTAM_ERR_INVALID);
    r.n_tokens = CONTEXT + 1;
    assert_int_equal(bnt_lockstep_join(b, s, &r, &err), BANTAM_ERR_FULL);
    r.tokens = unknown;
    r.n_tokens = 2;
    assert_int_equal(bnt_lockstep_join(b, s, &r, &err), BANTAM_ERR_INVALID);
    r = request_of(&e);
    bad.banned = &banned;
    bad.n_banned = 1;
    bad.forced = banned; /* contains what is banned */
    r.generation = &bad;
    assert_int_equal(bnt_lockstep_join(b, s, &r, &err), BANTAM_ERR_INVALID);
    assert_int_equal(step(b), 0);
    bnt_session_close(s);
    bnt_lockstep_close(b);
}

static void options_that_make_no_sense_are_refused_by_name(void **state)
{
    static const struct {
        bantam_batch_options o;
        bantam_status status;
        const char *word;
    } all[] = {{{.n_sessions = 257}, BANTAM_ERR_INVALID, "n_sessions"},
               {{.pass_tokens = 4097}, BANTAM_ERR_INVALID, "pass_tokens"},
               {{.n_threads = 1025}, BANTAM_ERR_INVALID, "n_threads"},
               {{.n_sessions = 9, .pass_tokens = 8}, BANTAM_ERR_INVALID, "pass_tokens"},
               {{.memory_bytes = 1000}, BANTAM_ERR_NOMEM, "1000"}};
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        bantam_batch_options o = all[i].o;
        bantam_error err = {0};
        bnt_lockstep *b = NULL;
        o.struct_size = sizeof o;
        assert_int_equal(bnt_lockstep_open(&b, RIG.model, &o, &err), all[i].status);
        assert_non_null(strstr(err.message, all[i].word));
        assert_null(b);
    }
}

/* ---- what goes wrong with one ---- */

static void a_full_context_ends_one_answer_and_disturbs_no_other(void **state)
{
    bnt_lockstep *const b = open_batch(2);
    bnt_session *const s = open_session(&RIG);
    bnt_session *const small = rig_session(
        &RIG, (bantam_session_options){.context_tokens = PROMPT + 2, .n_threads = 1});
    ending e = {0}, f = {0};
    (void)state;
    join_well(b, small, &f);
    join_well(b, s, &e);
    finish(b);
    assert_answered(s, &e, alone(NULL, NULL, 0));
    assert_int_equal(f.answer.finish, BANTAM_FINISH_LENGTH);
    assert_int_equal(f.answer.n_tokens, 2);
    bnt_session_close(small);
    bnt_session_close(s);
    bnt_lockstep_close(b);
}

static void an_answer_that_is_cancelled_or_stopped_ends_alone(void **state)
{
    bnt_lockstep *const b = open_batch(3);
    bnt_session *const s = open_session(&RIG), *const t = open_session(&RIG),
                       *const u = open_session(&RIG);
    ending e = {0}, f = {.stop_after = 2}, g = {0};
    (void)state;
    join_well(b, s, &e);
    join_well(b, t, &f);
    join_well(b, u, &g);
    assert_int_equal(step(b), 3);
    assert_int_equal(step(b), 3);
    bnt_session_cancel(u);
    assert_int_equal(step(b), 1);
    assert_int_equal(f.status, BANTAM_ERR_CANCELLED);
    assert_non_null(strstr(f.message, "callback"));
    assert_int_equal(g.status, BANTAM_ERR_CANCELLED);
    assert_int_equal(g.answer.n_tokens, 1);
    assert_int_equal(g.answer.finish, BANTAM_FINISH_CANCELLED);
    finish(b);
    assert_answered(s, &e, alone(NULL, NULL, 0));
    rig_feed_all(u, TOKENS, 1); /* the cancel was reported once */
    bnt_session_close(u);
    bnt_session_close(t);
    bnt_session_close(s);
    bnt_lockstep_close(b);
}

static void a_session_may_be_closed_while_it_is_in_a_batch(void **state)
{
    bnt_lockstep *const b = open_batch(2);
    bnt_session *const s = open_session(&RIG), *const t = open_session(&RIG);
    ending e = {0}, f = {0};
    (void)state;
    join_well(b, s, &e);
    join_well(b, t, &f);
    step(b);
    bnt_session_close(t);
    finish(b);
    assert_answered(s, &e, alone(NULL, NULL, 0));
    assert_int_equal(f.n_done, 0);
    bnt_session_close(s);
    bnt_lockstep_close(b);
}

static void a_batch_may_be_closed_while_sessions_are_in_it(void **state)
{
    bnt_lockstep *const b = open_batch(2);
    bnt_session *const s = open_session(&RIG);
    ending e = {0};
    (void)state;
    join_well(b, s, &e);
    step(b);
    bnt_lockstep_close(b);
    assert_int_equal(bnt_session_position(s), PROMPT);
    rig_feed_all(s, TOKENS, 1);
    bnt_session_close(s);
}

static void nobody_else_changes_a_session_that_is_in_a_batch(void **state)
{
    bnt_lockstep *const b = open_batch(2);
    bnt_session *const s = open_session(&RIG);
    ending e = {0};
    uint32_t token;
    bantam_text text;
    bantam_error err;
    (void)state;
    join_well(b, s, &e);
    step(b);
    assert_int_equal(bnt_session_feed(s, TOKENS, 1, &err), BANTAM_ERR_INVALID);
    assert_int_equal(bnt_session_rewind(s, 1, &err), BANTAM_ERR_INVALID);
    assert_int_equal(bnt_session_next(s, &token, &text, &err), BANTAM_ERR_INVALID);
    assert_int_equal(bnt_session_generate(s, NULL, NULL, NULL, NULL, &err), BANTAM_ERR_INVALID);
    assert_int_equal(bnt_session_set_adapters(s, NULL, NULL, 0, &err), BANTAM_ERR_INVALID);
    assert_int_equal(bnt_session_set_sampling(s, NULL, &err), BANTAM_ERR_INVALID);
    assert_int_equal(bnt_session_load(s, "none", &err), BANTAM_ERR_INVALID);
    finish(b);
    assert_answered(s, &e, alone(NULL, NULL, 0));
    bnt_session_close(s);
    bnt_lockstep_close(b);
}

static void a_step_that_is_cancelled_changes_nothing(void **state)
{
    bnt_lockstep *const b = open_batch(2);
    bnt_session *const s = open_session(&RIG), *const t = open_session(&RIG);
    bantam_sampling sampling;
    uint32_t n_left = 0;
    ending e = {0}, f = {0};
    bantam_error err;
    (void)state;
    bnt_sampling_init(&sampling);
    sampling.temperature = 1.5f;
    sampling.seed = 9;
    bnt_session *const same = open_session(&RIG);
    assert_int_equal(bnt_session_set_sampling(s, &sampling, &err), BANTAM_OK);
    assert_int_equal(bnt_session_set_sampling(same, &sampling, &err), BANTAM_OK);
    f.cancels = b;
    bantam_generation two = HOW;
    bantam_request r = request_of(&f);
    two.max_tokens = 2;
    r.generation = &two;
    join_well(b, s, &e);
    assert_int_equal(bnt_lockstep_join(b, t, &r, &err), BANTAM_OK);
    bnt_lockstep_cancel(b); /* before a step */
    assert_int_equal(bnt_lockstep_step(b, &n_left, &err), BANTAM_ERR_CANCELLED);
    assert_int_equal(bnt_session_position(s), 0);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(step(b), 2);
        assert_int_equal(bnt_session_position(s), PROMPT + i);
    }
    /* After s has drawn its token, before it is fed: t has come to its end, and cancels. */
    assert_int_equal(bnt_lockstep_step(b, &n_left, &err), BANTAM_ERR_CANCELLED);
    assert_int_equal(n_left, 1);
    assert_int_equal(f.n_done, 1);
    assert_int_equal(f.answer.n_tokens, 2);
    assert_int_equal(bnt_session_position(s), PROMPT + 2);
    finish(b);
    rig_feed_all(same, TOKENS, PROMPT);
    assert_int_equal(bnt_session_generate(same, &HOW, NULL, NULL, NULL, &err), BANTAM_OK);
    assert_answered(s, &e, rig_logits(same, LETTERS_N));
    bnt_session_close(same);
    bnt_session_close(t);
    bnt_session_close(s);
    bnt_lockstep_close(b);
}

static void a_session_may_join_again_from_within_done(void **state)
{
    bnt_lockstep *const b = open_batch(1);
    bnt_session *const s = open_session(&RIG);
    ending e = {.again = b, .session = s};
    (void)state;
    join_well(b, s, &e);
    finish(b);
    assert_int_equal(e.n_done, 2);
    assert_int_equal(e.n_steps, 2 * ANSWER);
    assert_int_equal(bnt_session_position(s), PROMPT + ANSWER + 2 + ANSWER);
    bnt_session_close(s);
    bnt_lockstep_close(b);
}

/* ---- adapters, memory ---- */

static void sessions_with_other_adapters_answer_beside_each_other(void **state)
{
    const lora_spec kinds[] = {{.seed = 1}, {.seed = 2, .rank = 70}};
    const float scales[] = {1.0f, 0.5f};
    bantam_adapter *loras[2];
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        const char *const path = tiny_path("batch-lora.gguf");
        lora_write_gguf(path, &kinds[i]);
        loras[i] = lora_open(RIG.model, path);
        unlink(path);
    }
    bnt_lockstep *const b = open_batch(4);
    bnt_session *all[4];
    ending ends[4] = {{0}};
    for (size_t i = 0; i < 4; i++) { /* none, the first, both, the first */
        bantam_error err = {0};
        all[i] = open_session(&RIG);
        if (bnt_session_set_adapters(all[i], (const bantam_adapter *const *)loras, scales,
                                     i == 3 ? 1 : i, &err)) {
            fail_msg("%s", err.message);
        }
        join_well(b, all[i], &ends[i]);
    }
    finish(b);
    for (size_t i = 0; i < 4; i++) {
        assert_answered(all[i], &ends[i],
                        alone((const bantam_adapter *const *)loras, scales, i == 3 ? 1 : i));
        bnt_session_close(all[i]);
    }
    bnt_lockstep_close(b);
    bnt_adapter_close(loras[0]);
    bnt_adapter_close(loras[1]);
}

static void a_batch_takes_what_it_says(void **state)
{
    const bantam_batch_options o = {.struct_size = sizeof o, .n_sessions = 5, .n_threads = 1};
    const int64_t live = bnt_mem_live_bytes();
    bantam_batch_info info;
    bnt_lockstep *b = NULL;
    bantam_error err;
    (void)state;
    assert_int_equal(bnt_lockstep_plan(RIG.model, &o, &info, &err), BANTAM_OK);
    assert_int_equal(info.logits_bytes, 5 * LETTERS_N * sizeof(float));
    assert_int_equal(info.pass_tokens, 128);
    assert_int_equal(info.total_bytes, info.scratch_bytes + info.logits_bytes);
    assert_int_equal(bnt_lockstep_open(&b, RIG.model, &o, &err), BANTAM_OK);
    const uint64_t taken = (uint64_t)(bnt_mem_live_bytes() - live);
    assert_true(taken <= info.total_bytes + 4096); /* the pool */
    assert_true(taken + 4096 >= info.total_bytes);
    bnt_lockstep_close(b);
}

static void steps_take_no_memory(void **state)
{
    bnt_lockstep *const b = open_batch(2);
    bnt_session *const s = open_session(&RIG), *const t = open_session(&RIG);
    ending e = {0}, f = {0};
    (void)state;
    join_well(b, s, &e);
    join_well(b, t, &f);
    const uint64_t before = bnt_mem_allocations();
    finish(b);
    assert_true(bnt_mem_allocations() == before);
    bnt_session_close(t);
    bnt_session_close(s);
    bnt_lockstep_close(b);
}

static void every_failed_allocation_is_an_error_and_leaves_nothing(void **state)
{
    const bantam_batch_options o = {.struct_size = sizeof o, .n_sessions = 3, .n_threads = 2};
    const int64_t live = bnt_mem_live();
    bnt_session *const s = open_session(&RIG);
    const int64_t with_session = bnt_mem_live();
    bnt_lockstep *b = NULL;
    ending e = {0};
    bantam_error err;
    uint64_t n = 0;
    (void)state;
    for (; !b && n < 100; n++) {
        bnt_mem_fail_after(n);
        const bantam_status status = bnt_lockstep_open(&b, RIG.model, &o, &err);
        assert_int_equal(status, b ? BANTAM_OK : BANTAM_ERR_NOMEM);
        if (!b) assert_true(bnt_mem_live() == with_session);
    }
    assert_true(n > 6);
    const int64_t with_batch = bnt_mem_live();
    bantam_status status = BANTAM_ERR_NOMEM;
    for (n = 0; status && n < 100; n++) {
        bnt_mem_fail_after(n);
        status = join(b, s, &e, &err);
        if (status) assert_int_equal(status, BANTAM_ERR_NOMEM);
        if (status) assert_true(bnt_mem_live() == with_batch);
    }
    bnt_mem_fail_after(UINT64_MAX);
    assert_true(n > 2);
    finish(b);
    assert_answered(s, &e, alone(NULL, NULL, 0));
    bnt_lockstep_close(b);
    bnt_session_close(s);
    assert_true(bnt_mem_live() == live);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_session_joins_once_and_only_the_batch_of_its_model),
        cmocka_unit_test(a_batch_that_is_full_takes_nobody_until_one_has_left),
        cmocka_unit_test(what_cannot_be_answered_is_refused_at_the_door),
        cmocka_unit_test(options_that_make_no_sense_are_refused_by_name),
        cmocka_unit_test(a_full_context_ends_one_answer_and_disturbs_no_other),
        cmocka_unit_test(an_answer_that_is_cancelled_or_stopped_ends_alone),
        cmocka_unit_test(a_session_may_be_closed_while_it_is_in_a_batch),
        cmocka_unit_test(a_batch_may_be_closed_while_sessions_are_in_it),
        cmocka_unit_test(nobody_else_changes_a_session_that_is_in_a_batch),
        cmocka_unit_test(a_step_that_is_cancelled_changes_nothing),
        cmocka_unit_test(a_session_may_join_again_from_within_done),
        cmocka_unit_test(sessions_with_other_adapters_answer_beside_each_other),
        cmocka_unit_test(a_batch_takes_what_it_says),
        cmocka_unit_test(steps_take_no_memory),
        cmocka_unit_test(every_failed_allocation_is_an_error_and_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, open_models, close_models);
}
