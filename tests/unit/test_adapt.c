/* Tests of session/adapt.c and of sessions with adapters: what is in use, what is kept and what
 * is forgotten, plans, saved states, memory. */
#include "adapter_rig.h"
#include "session_rig.h"

#include <math.h>
#include <unistd.h>

/* The model of session_rig.h has a shape of its own: three layers. */
enum { N = 20, CONTEXT = 64 };

static temp_folder folder;
static session_rig RIG, OTHER;
static uint32_t TOKENS[N];
static bnt_adapter *FIRST, *SECOND, *FOREIGN;

/* Of a two-layer adapter's tensors: the third layer goes without. */
static bnt_adapter *make(const session_rig *r, uint64_t seed)
{
    lora_write_gguf(temp_path(&folder, "a.gguf"), &(lora_spec){.seed = seed});
    return lora_open(r->model, temp_path(&folder, "a.gguf"));
}

static int open_all(void **state)
{
    (void)state;
    temp_make(&folder);
    session_rig_tiny(&RIG, 21, 6);
    session_rig_tiny(&OTHER, 22, 0);
    rig_tokens(TOKENS, N, LETTERS_N, 7);
    FIRST = make(&RIG, 1);
    SECOND = make(&RIG, 2);
    FOREIGN = make(&OTHER, 1);
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    bnt_adapter_close(FIRST);
    bnt_adapter_close(SECOND);
    bnt_adapter_close(FOREIGN);
    session_rig_close(&RIG);
    session_rig_close(&OTHER);
    temp_remove(&folder);
    return 0;
}

static bnt_session *session_with(const bantam_adapter *const *adapters, const float *scales,
                                 uint32_t n)
{
    return rig_session(&RIG, (bantam_session_options){.context_tokens = CONTEXT,
                                                      .batch_tokens = 5,
                                                      .n_threads = 2,
                                                      .adapters = adapters,
                                                      .adapter_scales = scales,
                                                      .n_adapters = n});
}

static void set(bnt_session *s, const bantam_adapter *const *adapters, const float *scales,
                size_t n)
{
    bantam_error err = {0};
    if (bnt_session_set_adapters(s, adapters, scales, n, &err)) fail_msg("%s", err.message);
}

/* Logits after all tokens, of a session that is used for nothing else. */
static float *alone(const bantam_adapter *const *adapters, const float *scales, uint32_t n)
{
    bnt_session *const s = session_with(adapters, scales, n);
    rig_feed_all(s, TOKENS, N);
    float *const logits = rig_logits(s, LETTERS_N);
    bnt_session_close(s);
    return logits;
}

static void assert_logits(const bnt_session *s, const float *expected)
{
    assert_non_null(bnt_session_logits(s));
    assert_memory_equal(bnt_session_logits(s), expected, LETTERS_N * sizeof *expected);
}

static const bantam_adapter *one[1], *two[1], *both[2];

static int name_lists(void **state)
{
    (void)state;
    one[0] = both[0] = FIRST;
    two[0] = both[1] = SECOND;
    return 0;
}

/* ---- what is in use ---------------------------------------------------------------------- */

static void scale_zero_is_none_to_the_bit(void **state)
{
    (void)state;
    static const float zero[] = {0.0f, -0.0f}, half[] = {0.0f, 1.0f};
    float *const plain = alone(NULL, NULL, 0);
    float *const found = alone(both, zero, 2);
    float *const second = alone(both, half, 2), *const expected = alone(two, NULL, 1);
    assert_memory_equal(found, plain, LETTERS_N * sizeof *plain);
    /* It costs nothing either, and a state of it is one of no adapter. */
    bantam_error err = {0};
    bnt_session *const s = session_with(both, zero, 2), *const t = session_with(NULL, NULL, 0);
    rig_feed_all(s, TOKENS, N);
    assert_int_equal(bnt_session_save(s, temp_path(&folder, "zero"), &err), BANTAM_OK);
    assert_int_equal(bnt_session_load(t, temp_path(&folder, "zero"), &err), BANTAM_OK);
    assert_logits(t, plain);
    bnt_session_close(s);
    bnt_session_close(t);
    assert_memory_equal(second, expected, LETTERS_N * sizeof *plain);
    assert_memory_not_equal(second, plain, LETTERS_N * sizeof *plain);
    free(plain);
    free(found);
    free(second);
    free(expected);
}

static void sessions_of_one_model_use_what_they_like_side_by_side(void **state)
{
    (void)state;
    static const float scales[] = {0.5f, -1.0f};
    bnt_session *const s[] = {session_with(NULL, NULL, 0), session_with(one, NULL, 1),
                              session_with(two, NULL, 1), session_with(both, scales, 2)};
    float *const expected[] = {alone(NULL, NULL, 0), alone(one, NULL, 1), alone(two, NULL, 1),
                               alone(both, scales, 2)};
    for (uint32_t t = 0; t < N; t++) {
        for (int i = 0; i < 4; i++)
            rig_feed_all(s[i], TOKENS + t, 1);
    }
    for (int i = 0; i < 4; i++) {
        assert_logits(s[i], expected[i]);
        if (i) assert_memory_not_equal(expected[i], expected[0], LETTERS_N * sizeof(float));
    }
    for (int i = 0; i < 4; i++) {
        bnt_session_close(s[i]);
        free(expected[i]);
    }
}

static void another_choice_empties_the_session_and_the_same_one_does_not(void **state)
{
    (void)state;
    static const float half[] = {0.5f}, same[] = {1.0f};
    float *const plain = alone(NULL, NULL, 0), *const first = alone(one, NULL, 1);
    float *const weak = alone(one, half, 1), *const all = alone(both, NULL, 2);
    bnt_session *const s = session_with(NULL, NULL, 0);
    const struct {
        const bantam_adapter *const *adapters;
        const float *scales;
        uint32_t n;
        const float *expected;
    } steps[] = {{one, NULL, 1, first},
                 {one, half, 1, weak},
                 {both, NULL, 2, all},
                 {NULL, NULL, 0, plain},
                 {one, same, 1, first}};

    rig_feed_all(s, TOKENS, N);
    assert_logits(s, plain);
    set(s, NULL, NULL, 0);
    assert_logits(s, plain);
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        set(s, steps[i].adapters, steps[i].scales, steps[i].n);
        assert_int_equal(bnt_session_position(s), 0);
        assert_null(bnt_session_logits(s));
        rig_feed_all(s, TOKENS, N);
        assert_logits(s, steps[i].expected);
        set(s, steps[i].adapters, steps[i].scales, steps[i].n);
        assert_int_equal(bnt_session_position(s), N);
        assert_logits(s, steps[i].expected);
    }
    bnt_session_close(s);
    free(plain);
    free(first);
    free(weak);
    free(all);
}

static void a_rewind_keeps_the_adapters(void **state)
{
    (void)state;
    float *const expected = alone(both, NULL, 2);
    bnt_session *const s = session_with(both, NULL, 2);
    rig_feed_all(s, TOKENS, N);
    assert_int_equal(bnt_session_rewind(s, 9, NULL), BANTAM_OK);
    rig_feed_all(s, TOKENS + 9, N - 9);
    assert_logits(s, expected);
    bnt_session_close(s);
    free(expected);
}

static void what_cannot_be_used_is_refused_and_changes_nothing(void **state)
{
    (void)state;
    static const float bad[] = {NAN}, endless[] = {INFINITY}, huge[] = {3e38f};
    const bantam_adapter *const foreign[] = {FOREIGN}, *const none[] = {NULL};
    const bantam_adapter *many[9];
    float *const expected = alone(one, NULL, 1);
    bnt_session *const s = session_with(one, NULL, 1);
    const struct {
        const bantam_adapter *const *adapters;
        const float *scales;
        size_t n;
        const char *text;
    } cases[] = {{foreign, NULL, 1, "another model"}, {none, NULL, 1, "not given"},
                 {NULL, NULL, 1, "not given"},        {one, bad, 1, "finite"},
                 {one, endless, 1, "finite"},         {one, huge, 1, "finite"},
                 {many, NULL, 9, "at most 8"}};

    for (int i = 0; i < 9; i++)
        many[i] = FIRST;
    rig_feed_all(s, TOKENS, N);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bantam_error err = {0};
        bnt_session *none_opened = NULL;
        assert_int_equal(
            bnt_session_set_adapters(s, cases[i].adapters, cases[i].scales, cases[i].n, &err),
            BANTAM_ERR_INVALID);
        assert_non_null(strstr(err.message, cases[i].text));
        assert_int_equal(bnt_session_position(s), N);
        assert_logits(s, expected);
        const bantam_session_options o = {.struct_size = sizeof o,
                                          .adapters = cases[i].adapters,
                                          .adapter_scales = cases[i].scales,
                                          .n_adapters = (uint32_t)cases[i].n};
        assert_int_equal(bnt_session_open(&none_opened, RIG.model, NULL, &o, &err),
                         BANTAM_ERR_INVALID);
        assert_null(none_opened);
    }
    bnt_session_close(s);
    free(expected);
}

/* ---- memory ------------------------------------------------------------------------------ */

static void nothing_is_allocated_between_tokens(void **state)
{
    (void)state;
    bnt_session *const s = session_with(both, NULL, 2);
    rig_feed_all(s, TOKENS, 7);
    const uint64_t before = bnt_mem_allocations();
    for (uint32_t t = 7; t < N; t++)
        rig_feed_all(s, TOKENS + t, 1);
    rig_feed_all(s, TOKENS, N);
    assert_int_equal(bnt_mem_allocations(), before);
    set(s, one, NULL, 1); /* which needs less */
    rig_feed_all(s, TOKENS, N);
    assert_int_equal(bnt_mem_allocations(), before);
    bnt_session_close(s);
}

static bantam_plan_info plan_of(const bantam_adapter *const *adapters, uint32_t n)
{
    const bantam_session_options o = {.struct_size = sizeof o,
                                      .context_tokens = CONTEXT,
                                      .batch_tokens = 5,
                                      .n_threads = 2,
                                      .adapters = adapters,
                                      .n_adapters = n};
    bantam_plan_info plan;
    bantam_error err = {0};
    if (bnt_session_plan(RIG.model, RIG.letters, &o, &plan, &err)) fail_msg("%s", err.message);
    return plan;
}

static void plans_count_adapters_and_their_scratch(void **state)
{
    (void)state;
    const bantam_plan_info plain = plan_of(NULL, 0), with = plan_of(both, 2);
    assert_int_equal(with.other_bytes - plain.other_bytes, FIRST->bytes + SECOND->bytes);
    assert_true(with.scratch_bytes > plain.scratch_bytes);
    assert_int_equal(with.weight_bytes, plain.weight_bytes);
    assert_int_equal(with.total_bytes - plain.total_bytes,
                     with.other_bytes - plain.other_bytes + with.scratch_bytes -
                         plain.scratch_bytes);
}

static void a_limit_holds_for_adapters_whenever_they_come(void **state)
{
    (void)state;
    const bantam_plan_info with = plan_of(both, 2), single = plan_of(one, 1);
    for (int opened_with = 0; opened_with < 2; opened_with++) {
        bantam_session_options o = {.struct_size = sizeof o,
                                    .context_tokens = CONTEXT,
                                    .batch_tokens = 5,
                                    .n_threads = 2,
                                    .adapters = one,
                                    .n_adapters = opened_with ? 1 : 0,
                                    .memory_bytes = with.total_bytes - 1};
        bantam_error err = {0};
        bnt_session *s = rig_session(&RIG, o);
        assert_int_equal(bnt_session_set_adapters(s, both, NULL, 2, &err), BANTAM_ERR_NOMEM);
        assert_int_equal(bnt_session_set_adapters(s, one, NULL, 1, &err), BANTAM_OK);
        bnt_session_close(s);
        o.memory_bytes = with.total_bytes;
        s = rig_session(&RIG, o);
        set(s, both, NULL, 2);
        bnt_session_close(s);
        o.adapters = both;
        o.n_adapters = 2;
        o.memory_bytes = single.total_bytes;
        assert_int_equal(bnt_session_open(&s, RIG.model, RIG.letters, &o, &err),
                         BANTAM_ERR_NOMEM);
    }
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    bnt_session *const s = session_with(NULL, NULL, 0);
    float *const plain = alone(NULL, NULL, 0);
    bantam_error err = {0};
    uint64_t n = 0;
    rig_feed_all(s, TOKENS, N);
    for (;;) {
        bnt_mem_fail_after(n);
        const bantam_status status = bnt_session_set_adapters(s, both, NULL, 2, &err);
        bnt_mem_fail_after(UINT64_MAX);
        if (!status) break;
        assert_int_equal(status, BANTAM_ERR_NOMEM);
        assert_logits(s, plain);
        assert_true(n++ < 10);
    }
    assert_true(n > 0);
    bnt_session_close(s);
    free(plain);
}

/* ---- saved states ------------------------------------------------------------------------ */

static void a_state_goes_on_only_with_the_adapters_it_was_made_with(void **state)
{
    (void)state;
    static const float half[] = {0.5f};
    char path[1024];
    bantam_error err = {0};
    float *const expected = alone(one, NULL, 1);
    bnt_session *const s = session_with(one, NULL, 1);
    bnt_session *const t = session_with(NULL, NULL, 0);

    snprintf(path, sizeof path, "%s", temp_path(&folder, "state"));
    rig_feed_all(s, TOKENS, N - 3);
    assert_int_equal(bnt_session_save(s, path, &err), BANTAM_OK);
    assert_int_equal(bnt_session_load(t, path, &err), BANTAM_ERR_INVALID);
    assert_non_null(strstr(err.message, "other adapters than the 0 in use"));
    set(t, one, half, 1);
    assert_int_equal(bnt_session_load(t, path, &err), BANTAM_ERR_INVALID);
    set(t, two, NULL, 1);
    assert_int_equal(bnt_session_load(t, path, &err), BANTAM_ERR_INVALID);
    set(t, one, NULL, 1);
    assert_int_equal(bnt_session_load(t, path, &err), BANTAM_OK);
    assert_int_equal(bnt_session_position(t), N - 3);
    rig_feed_all(t, TOKENS + N - 3, 3);
    assert_logits(t, expected);

    set(t, NULL, NULL, 0);
    rig_feed_all(t, TOKENS, 5);
    assert_int_equal(bnt_session_save(t, path, &err), BANTAM_OK);
    assert_int_equal(bnt_session_load(s, path, &err), BANTAM_ERR_INVALID);
    bnt_session_close(s);
    bnt_session_close(t);
    free(expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(scale_zero_is_none_to_the_bit, name_lists),
        cmocka_unit_test_setup(sessions_of_one_model_use_what_they_like_side_by_side,
                               name_lists),
        cmocka_unit_test_setup(another_choice_empties_the_session_and_the_same_one_does_not,
                               name_lists),
        cmocka_unit_test_setup(a_rewind_keeps_the_adapters, name_lists),
        cmocka_unit_test_setup(what_cannot_be_used_is_refused_and_changes_nothing, name_lists),
        cmocka_unit_test_setup(nothing_is_allocated_between_tokens, name_lists),
        cmocka_unit_test_setup(plans_count_adapters_and_their_scratch, name_lists),
        cmocka_unit_test_setup(a_limit_holds_for_adapters_whenever_they_come, name_lists),
        cmocka_unit_test_setup(every_allocation_may_fail, name_lists),
        cmocka_unit_test_setup(a_state_goes_on_only_with_the_adapters_it_was_made_with,
                               name_lists),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
