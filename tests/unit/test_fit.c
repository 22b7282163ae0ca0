/* The public call: what is listed, what is recommended, what is refused. Machines and speeds
 * are made up, so that nothing is measured. */
#include "bantam/fit.h"

#include <math.h>
#include <unistd.h>

#include "base/mem.h"
#include "session_rig.h"
#include "store/registry.h"
#include "temp_folder.h"

static temp_folder home;

static int make_home(void **state)
{
    (void)state;
    temp_make(&home);
    setenv("BANTAM_HOME", home.path, 1);
    setenv("HF_HUB_CACHE", home.path, 1);
    return 0;
}

static int remove_home(void **state)
{
    (void)state;
    temp_remove(&home);
    return 0;
}

/* Room for everything, and so much arithmetic that made tokens wait for memory alone. */
static bantam_machine large(void)
{
    bantam_machine m = {.n_threads = 1,
                        .storage_bytes = UINT64_C(1) << 40,
                        .storage_free_bytes = UINT64_C(1) << 40,
                        .n_limits = 1};
    m.limits[0] = (bantam_memory_limit){"memory available", BANTAM_LIMIT_MEMORY,
                                        UINT64_C(1) << 40, UINT64_C(1) << 40};
    return m;
}
static const bantam_device_speed quick = {1, 1000, 1e9, 1e9};

static bantam_fit *open_fit(const char *const *models, size_t n, const bantam_machine *machine,
                            const bantam_device_speed *speed)
{
    const bantam_fit_options o = {.struct_size = sizeof o,
                                  .models = models,
                                  .n_models = n,
                                  .machine = machine,
                                  .speed = speed};
    bantam_fit *fit = NULL;
    bantam_error err = {0};
    if (bantam_fit_open(&fit, &o, &err)) fail_msg("%s", err.message);
    return fit;
}

/* Whether the first choice among the models is that one; NULL: none is. */
static void recommends(const char *const *models, size_t n, const bantam_machine *machine,
                       const bantam_device_speed *speed, const char *expected)
{
    bantam_fit *const fit = open_fit(models, n, machine, speed);
    const bantam_fit_model *const best = bantam_fit_recommended(fit);
    if (expected) {
        assert_non_null(best);
        assert_string_equal(best->name, expected);
    } else {
        assert_null(best);
    }
    bantam_fit_close(fit);
}

/* ---- the list ---- */

static void the_catalog_is_listed_in_every_type(void **state)
{
    (void)state;
    const bantam_machine machine = large();
    bantam_fit *const fit = open_fit(NULL, 0, &machine, &quick);
    size_t at = 0;
    for (size_t i = 0; i < bnt_registry_n(); i++) {
        static const char *const endings[] = {"", "-q8_0", "-q8", "-q4_0", "-q4"};
        const bnt_registry_row *const row = bnt_registry_at(i);
        uint64_t bytes = UINT64_MAX;
        for (size_t k = 0; k < (row->repository ? 5 : 1); k++, at++) {
            const bantam_fit_model *const m = bantam_fit_model_at(fit, at);
            char name[100];
            snprintf(name, sizeof name, "%s%s", row->name, endings[k]);
            assert_non_null(m);
            assert_string_equal(m->name, name);
            assert_true(!m->here && m->gated == row->gated && m->chat == row->chat);
            if (!row->repository) {
                assert_int_equal(m->verdict, BANTAM_FITS_NOT);
                assert_string_equal(m->why, row->note);
                continue;
            }
            assert_int_equal(m->verdict, BANTAM_FITS);
            assert_true(m->decode_tok_s > 0 && m->prefill_tok_s > 0 && *m->why);
            assert_true(m->file_bytes < bytes); /* fewer with every type */
            assert_true(m->plan.total_bytes >= m->plan.weight_bytes + m->plan.kv_bytes);
            bytes = m->file_bytes;
        }
    }
    assert_int_equal(bantam_fit_n_models(fit), at);
    assert_null(bantam_fit_model_at(fit, at));
    bantam_fit_close(fit);
}

/* Two bytes a parameter as published; to make another form takes both on the disk. */
static void sizes_are_those_of_the_weights(void **state)
{
    (void)state;
    static const char *const models[] = {"smollm2:360m"};
    const bantam_machine machine = large();
    bantam_fit *const fit = open_fit(models, 1, &machine, &quick);
    const bantam_fit_model *const published = bantam_fit_model_at(fit, 0);
    const bantam_fit_model *const b4 = bantam_fit_model_at(fit, 4);
    assert_int_equal(bantam_fit_n_models(fit), 5);
    assert_string_equal(published->type, "BF16");
    assert_true(published->file_bytes == UINT64_C(2) * 361821120);
    assert_true(published->disk_bytes == published->file_bytes);
    assert_string_equal(b4->type, "B4");
    assert_true(b4->disk_bytes == b4->file_bytes + published->file_bytes);
    assert_true(b4->n_params == 361821120);
    /* 4096 positions of 32 layers, 5 heads of 64 values in two halves of two bytes */
    assert_int_equal(b4->plan.context_tokens, 4096);
    assert_true(b4->plan.kv_bytes == UINT64_C(4096) * 32 * 5 * 64 * 2 * 2);
    bantam_fit_close(fit);
}

static void a_name_with_a_type_is_one_model(void **state)
{
    (void)state;
    static const char *const models[] = {"SmolLM2:135M-q4", "HuggingFaceTB/SmolLM2-360M:B8"};
    const bantam_machine machine = large();
    bantam_fit *const fit = open_fit(models, 2, &machine, &quick);
    assert_int_equal(bantam_fit_n_models(fit), 2);
    assert_string_equal(bantam_fit_model_at(fit, 0)->name, "smollm2:135m-q4");
    assert_string_equal(bantam_fit_model_at(fit, 1)->name, "smollm2:360m-q8");
    bantam_fit_close(fit);
}

static void names_that_mean_nothing_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        bantam_status status;
    } cases[] = {
        {"smollm2:136m", BANTAM_ERR_INVALID},
        {"some/model", BANTAM_ERR_IO},
        {"missing.gguf", BANTAM_ERR_IO},
        {"bluelm-v:3b", BANTAM_ERR_UNSUPPORTED},
        {"", BANTAM_ERR_INVALID},
    };
    const bantam_machine machine = large();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const bantam_fit_options o = {.struct_size = sizeof o,
                                      .models = &cases[i].name,
                                      .n_models = 1,
                                      .machine = &machine,
                                      .speed = &quick};
        bantam_fit *fit = (bantam_fit *)(uintptr_t)1;
        bantam_error err = {0};
        const bantam_status status = bantam_fit_open(&fit, &o, &err);
        if (status != cases[i].status) {
            fail_msg("%s: expected %d, found %d, %s", cases[i].name, cases[i].status, status,
                     err.message);
        }
        assert_null(fit);
        assert_true(*err.message);
    }
}

static void a_file_is_planned_as_the_opened_model_is(void **state)
{
    (void)state;
    session_rig r;
    session_rig_tiny(&r, 7, 0);
    const char *const models[] = {r.made};
    const bantam_machine machine = large();
    bantam_fit *const fit = open_fit(models, 1, &machine, &quick);
    const bantam_fit_model *const m = bantam_fit_model_at(fit, 0);
    const bantam_session_options o = {.struct_size = sizeof o, .n_threads = 1};
    bantam_model *model = NULL;
    bantam_plan_info plan;
    assert_int_equal(bantam_model_open(&model, r.made, NULL, NULL), BANTAM_OK);
    assert_int_equal(bantam_plan(model, &o, &plan, NULL), BANTAM_OK);
    assert_true(m->here && m->disk_bytes == 0 && m->verdict == BANTAM_FITS);
    assert_true(m->plan.total_bytes == plan.total_bytes);
    assert_true(m->plan.weight_bytes == plan.weight_bytes);
    assert_string_equal(m->name, r.made);
    bantam_model_close(model);
    bantam_fit_close(fit);
    session_rig_close(&r);
}

/* ---- the one to begin with ---- */

static void the_larger_one_is_recommended_while_it_is_quick_enough(void **state)
{
    (void)state;
    static const char *const two[] = {"smollm2:135m-instruct-q4", "smollm2:360m-instruct-q4"};
    const bantam_machine machine = large();
    bantam_fit *const fit = open_fit(two, 2, &machine, &quick);
    const double rate = bantam_fit_model_at(fit, 1)->decode_tok_s;
    bantam_fit_close(fit);

    /* Made tokens wait for memory alone: a tenth of the bandwidth, a tenth of the rate. */
    bantam_device_speed slow = quick;
    slow.read_gb_s = quick.read_gb_s * 10 / rate * (1 + 1e-9);
    recommends(two, 2, &machine, &slow, two[1]);
    slow.read_gb_s = quick.read_gb_s * 10 / rate * (1 - 1e-9);
    recommends(two, 2, &machine, &slow, two[0]);
    slow.read_gb_s = quick.read_gb_s / rate;
    recommends(two, 2, &machine, &slow, NULL);
    slow.read_gb_s = 0; /* nobody knows */
    recommends(two, 2, &machine, &slow, NULL);
}

static void and_while_a_quarter_of_the_memory_stays_free(void **state)
{
    (void)state;
    static const char *const two[] = {"smollm2:135m-instruct-q4", "smollm2:360m-instruct-q4"};
    bantam_machine machine = large();
    bantam_fit *const fit = open_fit(two, 2, &machine, &quick);
    const uint64_t total = bantam_fit_model_at(fit, 1)->plan.total_bytes;
    bantam_fit_close(fit);

    machine.limits[0].left_bytes = (total + 2) / 3 * 4;
    recommends(two, 2, &machine, &quick, two[1]);
    machine.limits[0].left_bytes = total / 3 * 4 - 4;
    recommends(two, 2, &machine, &quick, two[0]);
    machine.limits[0].left_bytes = 0;
    recommends(two, 2, &machine, &quick, NULL);
}

static void and_while_it_can_be_had(void **state)
{
    (void)state;
    static const char *const gated[] = {"llama3.2:1b-instruct-q4", "smollm2:135m-instruct-q4"};
    static const char *const two[] = {"smollm2:135m-instruct-q4", "smollm2:360m-instruct-q4"};
    bantam_machine machine = large();
    recommends(gated, 2, &machine, &quick, gated[1]);

    bantam_fit *const fit = open_fit(two, 2, &machine, &quick);
    machine.storage_free_bytes = bantam_fit_model_at(fit, 1)->disk_bytes;
    bantam_fit_close(fit);
    recommends(two, 2, &machine, &quick, two[1]);
    machine.storage_free_bytes--;
    recommends(two, 2, &machine, &quick, two[0]);
}

static void answers_come_before_size_and_size_before_bits(void **state)
{
    (void)state;
    static const char *const chat[] = {"smollm2:360m-q4", "smollm2:135m-instruct-q4"};
    static const char *const size[] = {"smollm2:135m-instruct", "smollm2:360m-instruct-q4"};
    static const char *const bits[] = {"smollm2:135m-instruct"};
    static const char *const alike[] = {"smollm2:135m-instruct-q4_0",
                                        "smollm2:135m-instruct-q4"};
    const bantam_machine machine = large();
    recommends(chat, 2, &machine, &quick, chat[1]);
    recommends(size, 2, &machine, &quick, size[1]);
    recommends(bits, 1, &machine, &quick, bits[0]);
    recommends(alike, 2, &machine, &quick, alike[1]); /* fewer bytes with the same bits */
}

/* ---- the rest ---- */

static void a_full_disk_is_named(void **state)
{
    (void)state;
    static const char *const models[] = {"smollm2:135m"};
    bantam_machine machine = large();
    machine.storage_free_bytes = 1000;
    bantam_fit *const fit = open_fit(models, 1, &machine, &quick);
    assert_non_null(strstr(bantam_fit_model_at(fit, 0)->why, "of disk"));
    bantam_fit_close(fit);
}

static void this_machine_tells_of_itself(void **state)
{
    (void)state;
    bantam_machine m;
    uint32_t cores = 0;
    bantam_machine_describe(&m);
    assert_true(m.n_kinds >= 1 && m.n_threads >= 1);
    for (uint32_t i = 0; i < m.n_kinds; i++) {
        cores += m.kinds[i].n_cores;
    }
    assert_true(cores >= m.device.n_cores); /* a control group may give time of fewer */
    assert_true(m.storage_free_bytes <= m.storage_bytes && m.storage_bytes > 0);
    for (uint32_t i = 0; i < m.n_limits; i++) {
        assert_true(m.limits[i].left_bytes <= m.limits[i].limit_bytes);
        assert_true(m.device.available_bytes <= m.limits[i].left_bytes + (64 << 20));
    }
}

static void no_allocation_is_taken_for_granted(void **state)
{
    (void)state;
    static const char *const models[] = {"smollm2:135m-q4", "amd-llama:135m"};
    const bantam_machine machine = large();
    const bantam_fit_options o = {.struct_size = sizeof o,
                                  .models = models,
                                  .n_models = 2,
                                  .machine = &machine,
                                  .speed = &quick};
    bantam_fit *fit = NULL;
    uint64_t n = 0;
    do {
        bnt_mem_fail_after(n++);
        const bantam_status status = bantam_fit_open(&fit, &o, NULL);
        assert_int_equal(status, fit ? BANTAM_OK : BANTAM_ERR_NOMEM);
    } while (!fit && n < 1000);
    bnt_mem_fail_after(UINT64_MAX);
    assert_non_null(fit);
    bantam_fit_close(fit);
    bantam_fit_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_catalog_is_listed_in_every_type),
        cmocka_unit_test(sizes_are_those_of_the_weights),
        cmocka_unit_test(a_name_with_a_type_is_one_model),
        cmocka_unit_test(names_that_mean_nothing_are_refused),
        cmocka_unit_test(a_file_is_planned_as_the_opened_model_is),
        cmocka_unit_test(the_larger_one_is_recommended_while_it_is_quick_enough),
        cmocka_unit_test(and_while_a_quarter_of_the_memory_stays_free),
        cmocka_unit_test(and_while_it_can_be_had),
        cmocka_unit_test(answers_come_before_size_and_size_before_bits),
        cmocka_unit_test(a_full_disk_is_named),
        cmocka_unit_test(this_machine_tells_of_itself),
        cmocka_unit_test(no_allocation_is_taken_for_granted),
    };
    return cmocka_run_group_tests(tests, make_home, remove_home);
}
