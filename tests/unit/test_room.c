/* Verdicts at the very byte where they change, under limits of every kind. */
#include "api/room.h"

#include "base/cpu.h"
#include "model/pack.h"
#include "model/shape.h"
#include "model/sketch.h"
#include "support.h"

enum { WORDS = 1000, FILE_BYTES_MORE = 5000 };

typedef struct rig {
    bnt_model *model;
    bantam_machine machine;
    bnt_room_question q;
    bantam_plan_info wished, least; /* without the words, least: what is tried last */
} rig;

static bantam_plan_info plan(const rig *r, uint32_t context, uint32_t batch, bantam_kv kv)
{
    bantam_plan_info p;
    const bantam_session_options o = {.struct_size = sizeof o,
                                      .context_tokens = context,
                                      .batch_tokens = batch,
                                      .n_threads = 2,
                                      .kv = kv};
    assert_int_equal(bnt_session_plan(r->model, NULL, &o, &p, NULL), BANTAM_OK);
    return p;
}

static void open_rig(rig *r)
{
    const bnt_type *const eight = bnt_type_find(BNT_TYPE_B8);
    const bnt_sketch_types types = {.layers = bnt_type_find(BNT_TYPE_B4),
                                    .embedding = eight,
                                    .norms = bnt_type_find(BNT_TYPE_F32),
                                    .head = eight};
    bnt_config config;
    memset(r, 0, sizeof *r);
    assert_int_equal(bnt_shape_config(bnt_shape_named("smollm2-360m"), &config, NULL),
                     BANTAM_OK);
    assert_int_equal(bnt_model_sketch(&r->model, &config, &types, bnt_cpu_flags(), NULL),
                     BANTAM_OK);
    r->wished = plan(r, 4096, 0, BANTAM_KV_DEFAULT);
    r->least = plan(r, 256, 8, BANTAM_KV_Q8);
    r->q = (bnt_room_question){
        .model = r->model,
        .tokenizer_bytes = WORDS,
        .mapped_bytes = r->wished.weight_bytes + FILE_BYTES_MORE,
        .session = {.struct_size = sizeof r->q.session, .n_threads = 2},
        .machine = &r->machine,
    };
}

static bnt_room judge(const rig *r)
{
    bnt_room room;
    bantam_error err = {0};
    if (bnt_room_find(&r->q, &room, &err)) fail_msg("%s", err.message);
    assert_true(room.wished.total_bytes == r->wished.total_bytes + WORDS);
    return room;
}

static bnt_room judge_limit(rig *r, bantam_limit_of of, uint64_t left)
{
    r->machine.n_limits = 1;
    r->machine.limits[0] = (bantam_memory_limit){"a limit", of, left, left};
    return judge(r);
}

/* ---- the tests ---- */

static void without_limits_everything_fits(void **state)
{
    (void)state;
    rig r;
    char why[160];
    open_rig(&r);
    const bnt_room room = judge(&r);
    assert_int_equal(room.verdict, BANTAM_FITS);
    assert_true(room.left_bytes == UINT64_MAX && !room.limit);
    assert_true(room.plan.total_bytes == r.wished.total_bytes + WORDS);
    assert_true(room.plan.other_bytes == r.wished.other_bytes + WORDS);
    bnt_room_explain(&room, why, sizeof why);
    assert_non_null(strstr(why, "any"));
    bnt_model_close(r.model);
}

static void memory_changes_the_verdict_three_times(void **state)
{
    (void)state;
    rig r;
    char why[160];
    open_rig(&r);
    const uint64_t all = r.wished.total_bytes + WORDS, least = r.least.total_bytes + WORDS;
    const uint64_t own = least - r.wished.weight_bytes;

    bnt_room room = judge_limit(&r, BANTAM_LIMIT_MEMORY, all);
    assert_int_equal(room.verdict, BANTAM_FITS);
    assert_true(room.left_bytes == all);
    assert_string_equal(room.limit, "a limit");

    room = judge_limit(&r, BANTAM_LIMIT_MEMORY, all - 1);
    assert_int_equal(room.verdict, BANTAM_FITS_SMALLER);
    assert_true(room.plan.total_bytes < all);
    room = judge_limit(&r, BANTAM_LIMIT_MEMORY, least);
    assert_int_equal(room.verdict, BANTAM_FITS_SMALLER);
    assert_true(room.plan.total_bytes == least);
    assert_int_equal(room.plan.context_tokens, 256);
    bnt_room_explain(&room, why, sizeof why);
    assert_non_null(strstr(why, "--ctx 256 --kv q8"));
    assert_non_null(strstr(why, "a limit"));

    room = judge_limit(&r, BANTAM_LIMIT_MEMORY, least - 1);
    assert_int_equal(room.verdict, BANTAM_FITS_MAPPED);
    room = judge_limit(&r, BANTAM_LIMIT_MEMORY, own);
    assert_int_equal(room.verdict, BANTAM_FITS_MAPPED);
    assert_int_equal(room.plan.context_tokens, 256);

    room = judge_limit(&r, BANTAM_LIMIT_MEMORY, own - 1);
    assert_int_equal(room.verdict, BANTAM_FITS_NOT);
    assert_true(room.plan.total_bytes == all); /* what was asked for */
    room = judge_limit(&r, BANTAM_LIMIT_MEMORY, 0);
    assert_int_equal(room.verdict, BANTAM_FITS_NOT);
    bnt_model_close(r.model);
}

/* Weights come from files, so that they do not count. */
static void private_memory_is_all_but_the_weights(void **state)
{
    (void)state;
    rig r;
    open_rig(&r);
    const uint64_t own = r.wished.total_bytes + WORDS - r.wished.weight_bytes;
    const uint64_t least = r.least.total_bytes + WORDS - r.wished.weight_bytes;
    assert_int_equal(judge_limit(&r, BANTAM_LIMIT_PRIVATE, own).verdict, BANTAM_FITS);
    assert_int_equal(judge_limit(&r, BANTAM_LIMIT_PRIVATE, own - 1).verdict,
                     BANTAM_FITS_SMALLER);
    assert_int_equal(judge_limit(&r, BANTAM_LIMIT_PRIVATE, least).verdict, BANTAM_FITS_SMALLER);
    assert_int_equal(judge_limit(&r, BANTAM_LIMIT_PRIVATE, least - 1).verdict, BANTAM_FITS_NOT);
    bnt_model_close(r.model);
}

/* Whole files are mapped, and 64 MiB of stacks and libraries. Nothing of it can be had later.
 */
static void addresses_are_for_whole_files(void **state)
{
    (void)state;
    rig r;
    open_rig(&r);
    const uint64_t more = FILE_BYTES_MORE + (UINT64_C(64) << 20) + WORDS;
    const uint64_t all = r.wished.total_bytes + more, least = r.least.total_bytes + more;
    assert_int_equal(judge_limit(&r, BANTAM_LIMIT_ADDRESSES, all).verdict, BANTAM_FITS);
    assert_int_equal(judge_limit(&r, BANTAM_LIMIT_ADDRESSES, all - 1).verdict,
                     BANTAM_FITS_SMALLER);
    assert_int_equal(judge_limit(&r, BANTAM_LIMIT_ADDRESSES, least).verdict,
                     BANTAM_FITS_SMALLER);
    assert_int_equal(judge_limit(&r, BANTAM_LIMIT_ADDRESSES, least - 1).verdict,
                     BANTAM_FITS_NOT);
    assert_int_equal(judge_limit(&r, BANTAM_LIMIT_ADDRESSES, 1).verdict, BANTAM_FITS_NOT);
    bnt_model_close(r.model);
}

/* Sessions count their weights against what they are allowed, mapped or not. */
static void what_the_caller_allows_is_for_everything(void **state)
{
    (void)state;
    rig r;
    open_rig(&r);
    r.q.session.memory_bytes = r.wished.total_bytes + WORDS;
    assert_int_equal(judge(&r).verdict, BANTAM_FITS);
    r.q.session.memory_bytes--;
    const bnt_room room = judge(&r);
    assert_int_equal(room.verdict, BANTAM_FITS_SMALLER);
    assert_string_equal(room.limit, "memory allowed");
    r.q.session.memory_bytes = r.least.total_bytes + WORDS;
    assert_int_equal(judge(&r).verdict, BANTAM_FITS_SMALLER);
    r.q.session.memory_bytes--;
    assert_int_equal(judge(&r).verdict, BANTAM_FITS_NOT);
    bnt_model_close(r.model);
}

static void the_tightest_limit_is_the_one_that_is_named(void **state)
{
    (void)state;
    rig r;
    char why[160];
    open_rig(&r);
    r.machine.n_limits = 2;
    r.machine.limits[0] = (bantam_memory_limit){"wide", BANTAM_LIMIT_MEMORY, UINT64_C(1) << 40,
                                                UINT64_C(1) << 40};
    r.machine.limits[1] =
        (bantam_memory_limit){"narrow", BANTAM_LIMIT_MEMORY, 1 << 20, 1 << 20};
    const bnt_room room = judge(&r);
    assert_int_equal(room.verdict, BANTAM_FITS_NOT);
    bnt_room_explain(&room, why, sizeof why);
    assert_non_null(strstr(why, "1 MB left (narrow)"));
    bnt_model_close(r.model);
}

/* A context that is demanded stays: keys and values get smaller, or it is refused. */
static void what_is_demanded_is_not_given_up(void **state)
{
    (void)state;
    rig r;
    open_rig(&r);
    r.q.session.context_tokens = 4096;
    const uint64_t least = plan(&r, 4096, 8, BANTAM_KV_Q8).total_bytes + WORDS;
    const bnt_room room = judge_limit(&r, BANTAM_LIMIT_MEMORY, least);
    assert_int_equal(room.verdict, BANTAM_FITS_SMALLER);
    assert_int_equal(room.plan.context_tokens, 4096);
    assert_int_equal(room.plan.kv, BANTAM_KV_Q8);
    assert_int_equal(judge_limit(&r, BANTAM_LIMIT_MEMORY, least - 1).verdict,
                     BANTAM_FITS_MAPPED);
    bnt_model_close(r.model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_limits_everything_fits),
        cmocka_unit_test(memory_changes_the_verdict_three_times),
        cmocka_unit_test(private_memory_is_all_but_the_weights),
        cmocka_unit_test(addresses_are_for_whole_files),
        cmocka_unit_test(what_the_caller_allows_is_for_everything),
        cmocka_unit_test(the_tightest_limit_is_the_one_that_is_named),
        cmocka_unit_test(what_is_demanded_is_not_given_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
