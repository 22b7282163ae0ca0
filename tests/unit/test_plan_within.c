/* test_plan_within.c - what is chosen for a budget: it holds, it is the best there is, and a
 * larger budget never gives less. */
#include "base/mem.h"
#include "session/session.h"
#include "session_rig.h"

#include <inttypes.h>

enum { FULL = 512, LEAST = 256, FAIR = 64, SMALLEST = 8, SWEEP = 400 };

static session_rig RIG;   /* 3 layers, 2 heads of 16 values, made for 512 tokens */
static session_rig SMALL; /* heads of 8 values: too small for 8 bits */
static session_rig HEAVY; /* weights outweigh the scratch of a batch on every machine */

static int open_models(void **state)
{
    const tiny_spec heavy = {
        .n_vocab = LETTERS_N, .n_layers = 24, .n_ffn = 128, .head_dim = 16};
    (void)state;
    session_rig_heads(&RIG, 1, 0, 16);
    session_rig_heads(&SMALL, 2, 0, 8);
    session_rig_made(&HEAVY, &heavy);
    return 0;
}

static int close_models(void **state)
{
    (void)state;
    session_rig_close(&RIG);
    session_rig_close(&SMALL);
    session_rig_close(&HEAVY);
    return 0;
}

static bantam_plan_info plan_of(const session_rig *r, uint32_t context, bantam_kv kv,
                                uint32_t batch)
{
    const bantam_session_options o = {.struct_size = sizeof o,
                                      .context_tokens = context,
                                      .batch_tokens = batch,
                                      .n_threads = 2,
                                      .kv = kv};
    bantam_plan_info plan;
    bantam_error err = {0};
    if (bnt_session_plan(r->model, r->letters, &o, &plan, &err)) fail_msg("%s", err.message);
    return plan;
}

static uint64_t bytes_of(const session_rig *r, uint32_t context, bantam_kv kv, uint32_t batch)
{
    return plan_of(r, context, kv, batch).total_bytes;
}

static bantam_session_options wish_of(uint64_t budget)
{
    return (bantam_session_options){
        .struct_size = sizeof(bantam_session_options), .n_threads = 2, .memory_bytes = budget};
}

/* Chooses, and proves what holds of every choice. */
static bantam_status choose(const session_rig *r, bantam_session_options *o,
                            bantam_plan_info *plan)
{
    const bantam_session_options wish = *o;
    bantam_plan_info again;
    bantam_error err = {0};
    const bantam_status status = bnt_session_plan_within(r->model, r->letters, o, plan, &err);

    if (status) {
        assert_int_equal(status, err.status);
        assert_int_equal(plan->total_bytes, 0);
        assert_memory_equal(o, &wish, sizeof wish);
        return status;
    }
    assert_true(!wish.memory_bytes || plan->total_bytes <= wish.memory_bytes);
    if (wish.context_tokens) assert_int_equal(o->context_tokens, wish.context_tokens);
    if (wish.batch_tokens) assert_int_equal(o->batch_tokens, wish.batch_tokens);
    if (wish.kv) assert_int_equal(o->kv, wish.kv);
    assert_int_equal(o->memory_bytes, wish.memory_bytes);
    assert_int_equal(bnt_session_plan(r->model, r->letters, o, &again, NULL), BANTAM_OK);
    assert_memory_equal(&again, plan, sizeof again);
    return BANTAM_OK;
}

static void without_a_budget_the_defaults_are_chosen(void **state)
{
    bantam_session_options o = wish_of(0);
    bantam_plan_info plan;
    (void)state;
    assert_int_equal(choose(&RIG, &o, &plan), BANTAM_OK);
    assert_int_equal(o.context_tokens, FULL);
    assert_int_equal(o.batch_tokens, 256);
    assert_int_equal(o.kv, BANTAM_KV_F16);
    assert_int_equal(plan.total_bytes, bytes_of(&RIG, 0, 0, 0));
}

static void a_budget_that_is_just_enough_changes_nothing(void **state)
{
    const uint64_t enough = bytes_of(&RIG, FULL, BANTAM_KV_F16, 256);
    bantam_session_options o = wish_of(enough);
    bantam_plan_info plan;
    (void)state;
    assert_int_equal(choose(&RIG, &o, &plan), BANTAM_OK);
    assert_int_equal(plan.total_bytes, enough);
    assert_int_equal(o.batch_tokens, 256);

    o = wish_of(enough - 1);
    assert_int_equal(choose(&RIG, &o, &plan), BANTAM_OK);
    assert_int_equal(o.context_tokens, FULL);
    assert_int_equal(o.kv, BANTAM_KV_F16);
    assert_int_equal(o.batch_tokens, 128);
}

/* Each step is given up exactly where the one before it does not fit. */
static void speed_is_given_up_first_then_bits_then_length(void **state)
{
    bantam_session_options o = wish_of(bytes_of(&RIG, FULL, BANTAM_KV_F16, FAIR));
    bantam_plan_info plan;
    (void)state;
    assert_int_equal(choose(&RIG, &o, &plan), BANTAM_OK);
    assert_int_equal(o.kv, BANTAM_KV_F16);
    assert_int_equal(o.batch_tokens, FAIR);

    o = wish_of(bytes_of(&RIG, FULL, BANTAM_KV_F16, FAIR) - 1);
    assert_int_equal(choose(&RIG, &o, &plan), BANTAM_OK);
    assert_int_equal(o.context_tokens, FULL);
    assert_int_equal(o.kv, BANTAM_KV_Q8);
    /* Keys of 16 codes and a scale, values of 32 codes and one. */
    assert_int_equal(plan.kv_bytes, FULL * 3 * 2 * (18 + 34));

    o = wish_of(bytes_of(&RIG, FULL, BANTAM_KV_Q8, FAIR) - 1);
    assert_int_equal(choose(&RIG, &o, &plan), BANTAM_OK);
    assert_int_equal(o.context_tokens, FULL - 64);
    assert_int_equal(o.kv, BANTAM_KV_Q8);

    o = wish_of(bytes_of(&RIG, LEAST, BANTAM_KV_Q8, FAIR) - 1);
    assert_int_equal(choose(&RIG, &o, &plan), BANTAM_OK);
    assert_int_equal(o.context_tokens, LEAST);
    assert_int_equal(o.batch_tokens, FAIR / 2);
}

static void less_than_the_least_is_refused_with_both_numbers(void **state)
{
    const uint64_t least = bytes_of(&RIG, LEAST, BANTAM_KV_Q8, SMALLEST);
    bantam_session_options o = wish_of(least);
    bantam_plan_info plan;
    bantam_error err = {0};
    char number[32];
    (void)state;
    assert_int_equal(choose(&RIG, &o, &plan), BANTAM_OK);
    assert_int_equal(plan.total_bytes, least);

    o = wish_of(least - 1);
    assert_int_equal(choose(&RIG, &o, &plan), BANTAM_ERR_NOMEM);
    assert_int_equal(bnt_session_plan_within(RIG.model, RIG.letters, &o, &plan, &err),
                     BANTAM_ERR_NOMEM);
    snprintf(number, sizeof number, "at least %" PRIu64 " ", least);
    assert_non_null(strstr(err.message, number));
    snprintf(number, sizeof number, " %" PRIu64 " are allowed", least - 1);
    assert_non_null(strstr(err.message, number));
    o = wish_of(1);
    assert_int_equal(choose(&RIG, &o, &plan), BANTAM_ERR_NOMEM);
}

/* Mapped weights count nothing when they may be read again, and only when they have to. */
static void weights_stay_in_their_file_where_nothing_else_fits(void **state)
{
    const bantam_plan_info least = plan_of(&HEAVY, LEAST, BANTAM_KV_Q8, SMALLEST);
    const bantam_plan_info exact = plan_of(&HEAVY, LEAST, BANTAM_KV_F16, FAIR);
    bantam_session_options o = wish_of(least.total_bytes);
    bantam_plan_info plan;
    bantam_error err = {0};
    bnt_session *s = NULL;
    (void)state;
    o.weights_reread = true;
    assert_int_equal(choose(&HEAVY, &o, &plan), BANTAM_OK);
    assert_int_equal(plan.total_bytes, least.total_bytes); /* not before */

    o = wish_of(exact.total_bytes - exact.weight_bytes);
    o.weights_reread = true;
    assert_true(o.memory_bytes < least.total_bytes);
    const bantam_session_options wish = o;
    assert_int_equal(bnt_session_plan_within(HEAVY.model, HEAVY.letters, &o, &plan, &err),
                     BANTAM_OK);
    assert_memory_equal(&plan, &exact, sizeof plan);
    assert_int_equal(bnt_session_open(&s, HEAVY.model, HEAVY.letters, &o, &err), BANTAM_OK);
    bnt_session_close(s);
    o.weights_reread = false;
    assert_int_equal(bnt_session_open(&s, HEAVY.model, HEAVY.letters, &o, &err),
                     BANTAM_ERR_NOMEM);

    o = wish;
    o.memory_bytes = least.total_bytes - least.weight_bytes - 1;
    assert_int_equal(choose(&HEAVY, &o, &plan), BANTAM_ERR_NOMEM);
    HEAVY.model->held_bytes =
        HEAVY.model->weight_bytes; /* as if they were packed into memory */
    o = wish;
    assert_int_equal(choose(&HEAVY, &o, &plan), BANTAM_ERR_NOMEM);
    HEAVY.model->held_bytes = 0;
}

/* One number of context, bits and batch, in the order they matter. */
static uint64_t worth(const bantam_session_options *o)
{
    const uint64_t bits = o->kv == BANTAM_KV_F16;
    return (uint64_t)o->context_tokens << 32 | bits << 16 | o->batch_tokens;
}

static void a_larger_budget_never_gives_less_and_nothing_better_fits(void **state)
{
    const session_rig *const rigs[] = {&RIG, &SMALL};
    (void)state;
    for (size_t m = 0; m < 2; m++) {
        const session_rig *const r = rigs[m];
        const uint64_t least = bytes_of(r, LEAST, BANTAM_KV_Q8, SMALLEST);
        const uint64_t full = bytes_of(r, FULL, BANTAM_KV_F16, 256);
        uint64_t before = 0;
        for (uint64_t i = 0; i <= SWEEP; i++) {
            bantam_session_options o = wish_of(least + (full - least) * i / SWEEP);
            bantam_plan_info plan;
            assert_int_equal(choose(r, &o, &plan), BANTAM_OK);
            assert_true(worth(&o) >= before);
            before = worth(&o);
            assert_true(o.context_tokens % 64 == 0 && o.context_tokens >= LEAST);
            if (o.context_tokens < FULL && o.batch_tokens >= FAIR) {
                assert_true(bytes_of(r, o.context_tokens + 64, BANTAM_KV_Q8, FAIR) >
                            o.memory_bytes);
            }
            if (o.batch_tokens < 256) {
                assert_true(bytes_of(r, o.context_tokens, o.kv, 2 * o.batch_tokens) >
                            o.memory_bytes);
            }
        }
        assert_int_equal(before >> 32, FULL);
    }
}

static void demands_stay_as_they_are_or_are_refused(void **state)
{
    bantam_plan_info plan;
    (void)state;
    bantam_session_options o = wish_of(bytes_of(&RIG, 300, BANTAM_KV_Q8, SMALLEST));
    o.context_tokens = 300;
    assert_int_equal(choose(&RIG, &o, &plan), BANTAM_OK);
    o = wish_of(bytes_of(&RIG, 300, BANTAM_KV_Q8, SMALLEST) - 1);
    o.context_tokens = 300;
    assert_int_equal(choose(&RIG, &o, &plan), BANTAM_ERR_NOMEM);

    o = wish_of(bytes_of(&RIG, LEAST + 64, BANTAM_KV_F32, FAIR));
    o.kv = BANTAM_KV_F32;
    assert_int_equal(choose(&RIG, &o, &plan), BANTAM_OK);
    assert_int_equal(o.context_tokens, LEAST + 64);

    o = wish_of(bytes_of(&RIG, LEAST, BANTAM_KV_F16, 100));
    o.batch_tokens = 100;
    assert_int_equal(choose(&RIG, &o, &plan), BANTAM_OK);
    assert_true(o.context_tokens >= LEAST);
    o.context_tokens = FULL;
    o.batch_tokens = 100;
    o.kv = BANTAM_KV_F32;
    assert_int_equal(choose(&RIG, &o, &plan), BANTAM_ERR_NOMEM);
}

/* A context below the least one can be had by asking for it. */
static void a_short_context_can_be_demanded(void **state)
{
    bantam_session_options o = wish_of(bytes_of(&RIG, 17, BANTAM_KV_Q8, SMALLEST));
    bantam_plan_info plan;
    (void)state;
    o.context_tokens = 17;
    assert_int_equal(choose(&RIG, &o, &plan), BANTAM_OK);
    assert_int_equal(plan.context_tokens, 17);
}

static void small_heads_keep_their_bits(void **state)
{
    bantam_session_options o = wish_of(bytes_of(&SMALL, LEAST, BANTAM_KV_F16, FAIR));
    bantam_plan_info plan;
    (void)state;
    assert_int_equal(choose(&SMALL, &o, &plan), BANTAM_OK);
    assert_int_equal(plan.kv, BANTAM_KV_F16);
    assert_int_equal(o.kv, BANTAM_KV_F16);
    assert_int_equal(o.context_tokens, LEAST);
}

static void what_is_chosen_opens_and_takes_no_more(void **state)
{
    const uint64_t least = bytes_of(&RIG, LEAST, BANTAM_KV_Q8, SMALLEST);
    const uint64_t full = bytes_of(&RIG, FULL, BANTAM_KV_F16, 256);
    (void)state;
    for (uint64_t i = 0; i <= 8; i++) {
        bantam_session_options o = wish_of(least + (full - least) * i / 8);
        bantam_plan_info plan;
        bantam_error err = {0};
        bnt_session *s = NULL;
        assert_int_equal(choose(&RIG, &o, &plan), BANTAM_OK);
        const int64_t before = bnt_mem_live_bytes();
        if (bnt_session_open(&s, RIG.model, RIG.letters, &o, &err)) fail_msg("%s", err.message);
        const int64_t taken = bnt_mem_live_bytes() - before;
        /* Some kilobytes of the pool and of rounding stand in no plan. */
        assert_true(taken <= (int64_t)(plan.kv_bytes + plan.scratch_bytes) + 16384);
        bnt_session_close(s);
    }
}

static void choosing_takes_no_memory(void **state)
{
    const uint64_t asked = bnt_mem_allocations();
    bantam_session_options o = wish_of(bytes_of(&RIG, LEAST, BANTAM_KV_Q8, FAIR));
    bantam_plan_info plan;
    (void)state;
    assert_int_equal(choose(&RIG, &o, &plan), BANTAM_OK);
    assert_int_equal(bnt_mem_allocations(), asked);
}

static void options_that_make_no_sense_are_refused(void **state)
{
    bantam_session_options o = wish_of(1000);
    bantam_plan_info plan;
    bantam_error err = {0};
    (void)state;
    o.kv = (bantam_kv)7;
    assert_int_equal(choose(&RIG, &o, &plan), BANTAM_ERR_INVALID);
    o = wish_of(1000);
    o.struct_size = sizeof(size_t) + sizeof(uint32_t);
    assert_int_equal(choose(&RIG, &o, &plan), BANTAM_ERR_INVALID);
    o.struct_size = 0;
    assert_int_equal(bnt_session_plan_within(RIG.model, NULL, &o, &plan, &err),
                     BANTAM_ERR_INVALID);
    assert_non_null(strstr(err.message, "struct_size"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_budget_the_defaults_are_chosen),
        cmocka_unit_test(a_budget_that_is_just_enough_changes_nothing),
        cmocka_unit_test(speed_is_given_up_first_then_bits_then_length),
        cmocka_unit_test(less_than_the_least_is_refused_with_both_numbers),
        cmocka_unit_test(weights_stay_in_their_file_where_nothing_else_fits),
        cmocka_unit_test(a_larger_budget_never_gives_less_and_nothing_better_fits),
        cmocka_unit_test(demands_stay_as_they_are_or_are_refused),
        cmocka_unit_test(a_short_context_can_be_demanded),
        cmocka_unit_test(small_heads_keep_their_bits),
        cmocka_unit_test(what_is_chosen_opens_and_takes_no_more),
        cmocka_unit_test(choosing_takes_no_memory),
        cmocka_unit_test(options_that_make_no_sense_are_refused),
    };
    return cmocka_run_group_tests(tests, open_models, close_models);
}
