/* test_run.c - steps, against AdamW in double, and the laws of a run: the same bits for any
 * number of threads and wherever it was stopped. */
#include "temp_folder.h"
#include "train_rig.h"

#include "base/mem.h"

#include <math.h>

static const char *checkpoint_in(const temp_folder *t)
{
    static char path[300];
    snprintf(path, sizeof path, "%s/run.checkpoint", t->path);
    return path;
}

static bool is_there(const char *path)
{
    return access(path, F_OK) == 0;
}

/* ---- one step ---------------------------------------------------------------------------- */

/* The first step, in double: both averages are the gradient's own after their bias is taken
 * off. */
static double first_step(const bnt_run_options *o, double w, double g, double rate, bool decays)
{
    const double u = g / (fabs(g) + o->epsilon);
    return w - (decays ? rate * o->decay * w : 0.0) - rate * u;
}

static void check_first_step(double clip)
{
    train_rig r;
    bantam_error err = {0};
    bnt_batch batch;
    double loss, squares = 0.0;

    rig_open(&r, 1, 1);
    bnt_run_options o = rig_options(&r, 1);
    o.clip = clip;
    o.epsilon = 1e-3; /* so that the size of a gradient shows in the step */
    float *const before = rig_weights(&r);
    rig_batch(&r, 0, &batch, &err);
    bnt_net_clear_gradients(r.net);
    assert_int_equal(bnt_net_learn(r.net, &batch, 1.0, &loss, &err), BANTAM_OK);
    const size_t n = rig_n_weights(&r);
    double *const g = calloc(n, sizeof *g);
    assert_non_null(g);
    for (size_t i = 0, at = 0; i < bnt_net_n_params(r.net); i++) {
        const bnt_param *const p = bnt_net_param(r.net, i);
        for (size_t k = 0; k < p->n; k++, at++) {
            g[at] = (double)p->g[k];
            squares += g[at] * g[at];
        }
    }
    const double scale = clip > 0.0 && sqrt(squares) > clip ? clip / sqrt(squares) : 1.0;

    if (bnt_run(r.net, &o, r.pool, &err)) fail_msg("%s", err.message);
    for (size_t i = 0, at = 0; i < bnt_net_n_params(r.net); i++) {
        const bnt_param *const p = bnt_net_param(r.net, i);
        for (size_t k = 0; k < p->n; k++, at++) {
            const double want =
                first_step(&o, (double)before[at], g[at] * scale, o.rate / 4.0, p->decays);
            assert_true(fabs((double)p->w[k] - want) < 1e-6);
        }
    }
    free(g);
    free(before);
    rig_close(&r);
}

static void a_step_is_that_of_the_formula(void **state)
{
    (void)state;
    check_first_step(0.0);
}

static void long_gradients_are_clipped(void **state)
{
    (void)state;
    check_first_step(0.01);
}

/* ---- what is told ------------------------------------------------------------------------ */

typedef struct told {
    bnt_progress steps[200];
    size_t n, stop_at;
} told;

static bool on_progress(void *user, const bnt_progress *p)
{
    told *const t = user;
    t->steps[t->n++] = *p;
    return p->step != t->stop_at;
}

static void rates_warm_up_and_fall_along_a_cosine(void **state)
{
    train_rig r;
    told t = {.n = 0};
    const double pi = acos(-1.0);

    (void)state;
    rig_open(&r, 1, 1);
    bnt_run_options o = rig_options(&r, 40);
    o.progress = on_progress;
    o.user = &t;
    assert_int_equal(bnt_run(r.net, &o, r.pool, NULL), BANTAM_OK);
    assert_int_equal(t.n, 40);
    for (size_t i = 0; i < 40; i++) {
        const double at = (double)i;
        const double want = i < 4 ? o.rate * (at + 1) / 4
                                  : o.final_rate + 0.5 * (o.rate - o.final_rate) *
                                                       (1 + cos(pi * (at - 4) / 35));
        assert_true(fabs(t.steps[i].rate - want) < 1e-15);
        assert_int_equal(t.steps[i].step, i + 1);
        assert_int_equal(t.steps[i].steps, 40);
        assert_true(t.steps[i].tokens_per_s > 0.0);
    }
    assert_true(fabs(t.steps[39].rate - o.final_rate) < 1e-15);
    rig_close(&r);
}

static void the_smooth_loss_is_the_mean_of_the_last_fifty(void **state)
{
    train_rig r;
    told t = {.n = 0};

    (void)state;
    rig_open(&r, 1, 1);
    bnt_run_options o = rig_options(&r, 60);
    o.progress = on_progress;
    o.user = &t;
    assert_int_equal(bnt_run(r.net, &o, r.pool, NULL), BANTAM_OK);
    double sum = 0.0;
    for (size_t i = 10; i < 60; i++) {
        sum += t.steps[i].loss;
    }
    assert_true(fabs(t.steps[59].smooth_loss - sum / 50) < 1e-12);
    assert_true(fabs(t.steps[1].smooth_loss - (t.steps[0].loss + t.steps[1].loss) / 2) < 1e-12);
    rig_close(&r);
}

static void a_text_that_follows_a_rule_is_learned(void **state)
{
    train_rig r;
    told t = {.n = 0};

    (void)state;
    rig_open(&r, 1, 1);
    bnt_run_options o = rig_options(&r, 60);
    o.progress = on_progress;
    o.user = &t;
    assert_int_equal(bnt_run(r.net, &o, r.pool, NULL), BANTAM_OK);
    /* Eight tokens, all as frequent: who knows no order gets ln 8. */
    assert_true(t.steps[0].loss > log(8.0));
    assert_true(t.steps[59].loss < 0.3 * log(8.0));
    rig_close(&r);
}

static void held_out_loss_is_measured_when_it_is_said(void **state)
{
    train_rig r, other;
    told t = {.n = 0};
    bnt_batch held;
    double loss;

    (void)state;
    rig_open(&r, 1, 1);
    memset(&other, 0, sizeof other);
    rig_batch(&other, 1, &held, NULL);
    held.weights = (const float[RIG_ROWS]){[3] = 0.5f, [20] = 2.0f};
    bnt_run_options o = rig_options(&r, 10);
    o.progress = on_progress;
    o.user = &t;
    o.held_out = &held;
    o.n_held_out = 1;
    o.held_out_steps = 4;
    assert_int_equal(bnt_run(r.net, &o, r.pool, NULL), BANTAM_OK);
    for (size_t i = 0; i < 10; i++) {
        assert_true(isnan(t.steps[i].held_out_loss) != (i == 3 || i == 7 || i == 9));
    }
    assert_int_equal(bnt_net_loss(r.net, &held, &loss, NULL, NULL), BANTAM_OK);
    assert_true(loss == t.steps[9].held_out_loss);
    rig_close(&r);
}

/* ---- the same bits ----------------------------------------------------------------------- */

static float *weights_after(uint32_t n_threads, uint32_t part_rows)
{
    train_rig r;
    bantam_error err = {0};

    rig_open(&r, 2, n_threads);
    bnt_run_options o = rig_options(&r, 12);
    o.part_rows = part_rows;
    if (bnt_run(r.net, &o, r.pool, &err)) fail_msg("%s", err.message);
    float *const w = rig_weights(&r);
    rig_close(&r);
    return w;
}

static size_t two_layers(void)
{
    train_rig r;
    rig_open(&r, 2, 1);
    const size_t n = rig_n_weights(&r);
    rig_close(&r);
    return n;
}

static void threads_change_no_bit(void **state)
{
    const size_t bytes = two_layers() * sizeof(float);
    float *const one = weights_after(1, 0);
    float *const three = weights_after(3, 0);

    (void)state;
    assert_memory_equal(one, three, bytes);
    free(one);
    free(three);
}

static void a_batch_in_parts_is_the_same_batch(void **state)
{
    const size_t n = two_layers();
    float *const whole = weights_after(1, 0);
    float *const parts = weights_after(1, 10); /* one sequence a part */

    (void)state;
    for (size_t i = 0; i < n; i++) {
        assert_true(fabsf(whole[i] - parts[i]) < 1e-3f);
    }
    assert_memory_not_equal(whole, parts, n * sizeof(float));
    free(whole);
    free(parts);
}

/* As rig_batch(), with sequences that weigh differently, one of them nothing. */
static bantam_status uneven_batch(void *source, uint64_t step, bnt_batch *out,
                                  bantam_error *err)
{
    train_rig *const r = source;

    rig_batch(source, step, out, err);
    for (uint32_t i = 0; i < RIG_ROWS; i++) {
        r->weights[i] = i < RIG_SEQUENCE ? 0.0f : i < 2 * RIG_SEQUENCE ? 1.0f : 3.0f;
    }
    return BANTAM_OK;
}

static void parts_count_by_their_weight(void **state)
{
    bnt_progress first[2];

    (void)state;
    for (uint32_t i = 0; i < 2; i++) {
        train_rig r;
        told t = {.n = 0};
        rig_open(&r, 1, 1);
        bnt_run_options o = rig_options(&r, 1);
        o.batch = uneven_batch;
        o.part_rows = i ? RIG_SEQUENCE : 0;
        o.progress = on_progress;
        o.user = &t;
        assert_int_equal(bnt_run(r.net, &o, r.pool, NULL), BANTAM_OK);
        first[i] = t.steps[0];
        rig_close(&r);
    }
    assert_true(fabs(first[0].loss - first[1].loss) < 1e-5);
    assert_true(fabs(first[0].grad_norm - first[1].grad_norm) < 1e-5 * first[0].grad_norm);
}

static void a_part_without_room_for_a_sequence_is_refused(void **state)
{
    train_rig r;
    bantam_error err = {0};

    (void)state;
    rig_open(&r, 1, 1);
    bnt_run_options o = rig_options(&r, 2);
    o.part_rows = 7;
    assert_int_equal(bnt_run(r.net, &o, r.pool, &err), BANTAM_ERR_INVALID);
    assert_non_null(strstr(err.message, "8 rows"));
    rig_close(&r);
}

/* ---- stopping and going on --------------------------------------------------------------- */

static void a_stopped_run_goes_on_to_the_same_bits(void **state)
{
    const size_t bytes = two_layers() * sizeof(float);
    float *const whole = weights_after(1, 0);
    temp_folder folder;
    bantam_error err = {0};
    static const size_t stops[] = {1, 5, 11, 0};

    (void)state;
    temp_make(&folder);
    for (size_t i = 0; i < 4; i++) {
        train_rig r; /* a new process each time, as far as the run can tell */
        told t = {.stop_at = stops[i]};
        rig_open(&r, 2, 1 + (uint32_t)i % 2);
        bnt_run_options o = rig_options(&r, 12);
        o.checkpoint = checkpoint_in(&folder);
        o.resume = true;
        o.progress = on_progress;
        o.user = &t;
        const bantam_status status = bnt_run(r.net, &o, r.pool, &err);
        assert_int_equal(status, stops[i] ? BANTAM_ERR_CANCELLED : BANTAM_OK);
        assert_int_equal(t.steps[0].step, i ? stops[i - 1] + 1 : 1);
        float *const w = rig_weights(&r);
        if (!status) assert_memory_equal(w, whole, bytes);
        if (status) assert_memory_not_equal(w, whole, bytes);
        free(w);
        rig_close(&r);
    }
    assert_true(is_there(checkpoint_in(&folder)));
    temp_remove_all(folder.path);
    free(whole);
}

static void a_finished_run_has_nothing_left_to_do(void **state)
{
    temp_folder folder;
    train_rig r;
    told t = {.n = 0};

    (void)state;
    temp_make(&folder);
    rig_open(&r, 1, 1);
    bnt_run_options o = rig_options(&r, 3);
    o.checkpoint = checkpoint_in(&folder);
    assert_int_equal(bnt_run(r.net, &o, r.pool, NULL), BANTAM_OK);
    float *const w = rig_weights(&r);
    o.resume = true;
    o.progress = on_progress;
    o.user = &t;
    assert_int_equal(bnt_run(r.net, &o, r.pool, NULL), BANTAM_OK);
    assert_int_equal(t.n, 0);
    float *const again = rig_weights(&r);
    assert_memory_equal(w, again, rig_n_weights(&r) * sizeof *w);
    free(w);
    free(again);
    rig_close(&r);
    temp_remove_all(folder.path);
}

static void another_run_is_refused(void **state)
{
    temp_folder folder;
    bantam_error err = {0};
    train_rig r;

    (void)state;
    temp_make(&folder);
    rig_open(&r, 1, 1);
    bnt_run_options o = rig_options(&r, 3);
    o.checkpoint = checkpoint_in(&folder);
    assert_int_equal(bnt_run(r.net, &o, r.pool, NULL), BANTAM_OK);
    o.resume = true;
    for (int i = 0; i < 4; i++) {
        bnt_run_options other = o;
        if (i == 0) other.identity ^= 1;
        if (i == 1) other.rate *= 2;
        if (i == 2) other.seed++;
        if (i == 3) other.steps++;
        float *const before = rig_weights(&r);
        assert_int_equal(bnt_run(r.net, &other, r.pool, &err), BANTAM_ERR_INVALID);
        assert_non_null(strstr(err.message, "another run"));
        assert_non_null(strstr(err.message, folder.path));
        float *const after = rig_weights(&r);
        assert_memory_equal(before, after, rig_n_weights(&r) * sizeof *after);
        free(before);
        free(after);
    }
    rig_close(&r);
    temp_remove_all(folder.path);
}

/* Notes after which steps there is a checkpoint. */
typedef struct watching {
    const char *path;
    bool there[20];
} watching;

static bool on_watched_step(void *user, const bnt_progress *p)
{
    watching *const w = user;
    w->there[p->step] = is_there(w->path);
    return true;
}

static void checkpoints_come_every_so_many_steps(void **state)
{
    temp_folder folder;
    train_rig r;

    (void)state;
    temp_make(&folder);
    rig_open(&r, 1, 1);
    watching w = {.path = checkpoint_in(&folder)};
    bnt_run_options o = rig_options(&r, 10);
    o.checkpoint = w.path;
    o.checkpoint_steps = 4;
    o.progress = on_watched_step;
    o.user = &w;
    assert_int_equal(bnt_run(r.net, &o, r.pool, NULL), BANTAM_OK);
    for (size_t i = 1; i <= 10; i++) {
        assert_int_equal(w.there[i], i > 4); /* told of step 4, it is written afterwards */
    }
    rig_close(&r);
    temp_remove_all(folder.path);
}

static void a_loss_that_is_no_number_ends_the_run(void **state)
{
    temp_folder folder;
    train_rig r;
    bantam_error err = {0};

    (void)state;
    temp_make(&folder);
    rig_open(&r, 1, 1);
    bnt_run_options o = rig_options(&r, 10);
    o.checkpoint = checkpoint_in(&folder);
    bnt_net_param(r.net, 0)->w[0] = NAN;
    assert_int_equal(bnt_run(r.net, &o, r.pool, &err), BANTAM_ERR_INVALID);
    assert_non_null(strstr(err.message, "step 1"));
    assert_non_null(strstr(err.message, "no number"));
    assert_false(is_there(checkpoint_in(&folder)));
    rig_close(&r);
    temp_remove_all(folder.path);
}

static void a_checkpoint_that_cannot_be_written_ends_the_run(void **state)
{
    train_rig r;
    bantam_error err = {0};

    (void)state;
    rig_open(&r, 1, 1);
    bnt_run_options o = rig_options(&r, 10);
    o.checkpoint = "/nowhere/at/all/run.checkpoint";
    o.checkpoint_steps = 2;
    assert_int_equal(bnt_run(r.net, &o, r.pool, &err), BANTAM_ERR_IO);
    rig_close(&r);
}

static void options_that_make_no_sense_are_named(void **state)
{
    train_rig r;
    bantam_error err = {0};

    (void)state;
    rig_open(&r, 1, 1);
    bnt_run_options o = rig_options(&r, 1);
    o.beta2 = 1.0;
    assert_int_equal(bnt_run(r.net, &o, r.pool, &err), BANTAM_ERR_INVALID);
    assert_non_null(strstr(err.message, "beta2"));
    o = rig_options(&r, 1);
    o.rate = NAN;
    assert_int_equal(bnt_run(r.net, &o, r.pool, &err), BANTAM_ERR_INVALID);
    assert_non_null(strstr(err.message, "rate"));
    o = rig_options(&r, 1);
    o.batch = NULL;
    assert_int_equal(bnt_run(r.net, &o, r.pool, &err), BANTAM_ERR_INVALID);
    rig_close(&r);
}

static void every_failed_allocation_is_told(void **state)
{
    bantam_status status = BANTAM_ERR_NOMEM;
    temp_folder folder;
    train_rig r;

    (void)state;
    temp_make(&folder);
    rig_open(&r, 1, 1);
    const int64_t live = bnt_mem_live();
    for (uint64_t n = 0; status && n < 1000; n++) {
        bnt_run_options o = rig_options(&r, 2);
        o.checkpoint = checkpoint_in(&folder);
        bnt_mem_fail_after(n);
        status = bnt_run(r.net, &o, r.pool, NULL);
        bnt_mem_fail_after(UINT64_MAX);
        assert_true(status == BANTAM_OK || status == BANTAM_ERR_NOMEM);
        assert_int_equal(bnt_mem_live(), live);
    }
    assert_int_equal(status, BANTAM_OK);
    rig_close(&r);
    temp_remove_all(folder.path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_step_is_that_of_the_formula),
        cmocka_unit_test(long_gradients_are_clipped),
        cmocka_unit_test(rates_warm_up_and_fall_along_a_cosine),
        cmocka_unit_test(the_smooth_loss_is_the_mean_of_the_last_fifty),
        cmocka_unit_test(a_text_that_follows_a_rule_is_learned),
        cmocka_unit_test(held_out_loss_is_measured_when_it_is_said),
        cmocka_unit_test(threads_change_no_bit),
        cmocka_unit_test(a_batch_in_parts_is_the_same_batch),
        cmocka_unit_test(parts_count_by_their_weight),
        cmocka_unit_test(a_part_without_room_for_a_sequence_is_refused),
        cmocka_unit_test(a_stopped_run_goes_on_to_the_same_bits),
        cmocka_unit_test(a_finished_run_has_nothing_left_to_do),
        cmocka_unit_test(another_run_is_refused),
        cmocka_unit_test(checkpoints_come_every_so_many_steps),
        cmocka_unit_test(a_loss_that_is_no_number_ends_the_run),
        cmocka_unit_test(a_checkpoint_that_cannot_be_written_ends_the_run),
        cmocka_unit_test(options_that_make_no_sense_are_named),
        cmocka_unit_test(every_failed_allocation_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
