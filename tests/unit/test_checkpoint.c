/* test_checkpoint.c - what a run leaves on disk, and what strangers may put in its place. */
#include "temp_folder.h"
#include "train_rig.h"

#include "base/mem.h"
#include "base/rng.h"
#include "train/checkpoint.h"

typedef struct kept {
    temp_folder folder;
    char path[300];
    train_rig rig;
    bnt_optimizer optimizer;
    bnt_run_state state;
    uint64_t identity;
    char *data; /* the file as it was written */
    size_t size;
} kept;

/* Writes a checkpoint of numbers that are nobody's default. */
static void setup(kept *k)
{
    memset(k, 0, sizeof *k);
    temp_make(&k->folder);
    snprintf(k->path, sizeof k->path, "%s/c", k->folder.path);
    rig_open(&k->rig, 1, 1);
    assert_int_equal(bnt_optimizer_init(&k->optimizer, k->rig.net, k->rig.pool, NULL),
                     BANTAM_OK);
    for (size_t i = 0; i < k->optimizer.n_weights; i++) {
        k->optimizer.m[i] = (float)i * 0.25f;
        k->optimizer.v[i] = (float)i * 0.5f;
    }
    k->identity = 0xA7A7A7A7A7A7A7A7;
    k->state = (bnt_run_state){.step = 77, .steps = 100, .seconds = 12.5, .n_losses = 50};
    for (size_t i = 0; i < BNT_RECENT_LOSSES; i++) {
        k->state.losses[i] = 1.0 / (double)(i + 1);
    }
    assert_int_equal(
        bnt_checkpoint_save(k->path, k->identity, k->rig.net, &k->optimizer, &k->state, NULL),
        BANTAM_OK);
    k->data = read_whole(k->path, &k->size);
}

static void teardown(kept *k)
{
    free(k->data);
    bnt_optimizer_deinit(&k->optimizer);
    rig_close(&k->rig);
    temp_remove_all(k->folder.path);
}

static bantam_status load(kept *k, bantam_error *err)
{
    return bnt_checkpoint_load(k->path, k->identity, k->rig.net, &k->optimizer, &k->state, err);
}

/* Loads bytes that are refused: nothing may have changed then. */
static void refused(kept *k, const void *data, size_t size, bantam_status first,
                    bantam_status second)
{
    const bnt_run_state before = k->state;
    const float m = k->optimizer.m[5];
    bantam_error err = {0};

    write_whole(k->path, data, size);
    float *const w = rig_weights(&k->rig);
    const bantam_status status = load(k, &err);
    assert_true(status == first || status == second);
    assert_int_equal(err.status, status);
    assert_true(strlen(err.message) > 0);
    assert_memory_equal(&before, &k->state, sizeof before);
    assert_true(k->optimizer.m[5] == m);
    float *const after = rig_weights(&k->rig);
    assert_memory_equal(w, after, k->optimizer.n_weights * sizeof *w);
    free(w);
    free(after);
}

static void everything_comes_back(void **state)
{
    kept k;
    bantam_error err = {0};

    (void)state;
    setup(&k);
    const bnt_run_state before = k.state;
    float *const w = rig_weights(&k.rig);
    memset(&k.state, 0, sizeof k.state);
    memset(k.optimizer.m, 0, k.optimizer.n_weights * sizeof(float));
    memset(k.optimizer.v, 0, k.optimizer.n_weights * sizeof(float));
    for (size_t i = 0; i < bnt_net_n_params(k.rig.net); i++) {
        const bnt_param *const p = bnt_net_param(k.rig.net, i);
        memset(p->w, 0, p->n * sizeof *p->w);
    }
    if (load(&k, &err)) fail_msg("%s", err.message);
    assert_memory_equal(&before, &k.state, sizeof before);
    float *const after = rig_weights(&k.rig);
    assert_memory_equal(w, after, k.optimizer.n_weights * sizeof *w);
    for (size_t i = 0; i < k.optimizer.n_weights; i++) {
        assert_true(k.optimizer.m[i] == (float)i * 0.25f);
        assert_true(k.optimizer.v[i] == (float)i * 0.5f);
    }
    free(w);
    free(after);
    teardown(&k);
}

static void a_peek_tells_how_far_it_is(void **state)
{
    uint64_t step = 0, steps = 0;
    bantam_error err = {0};
    kept k;

    (void)state;
    setup(&k);
    assert_int_equal(bnt_checkpoint_peek(k.path, &step, &steps, &err), BANTAM_OK);
    assert_int_equal(step, 77);
    assert_int_equal(steps, 100);
    for (size_t n = 0; n < 40; n++) {
        write_whole(k.path, k.data, n);
        assert_int_equal(bnt_checkpoint_peek(k.path, &step, &steps, &err), BANTAM_ERR_FORMAT);
        assert_non_null(strstr(err.message, k.path));
    }
    teardown(&k);
}

static void a_file_cut_anywhere_is_refused(void **state)
{
    kept k;

    (void)state;
    setup(&k);
    for (size_t n = 0; n < k.size; n += n < 500 ? 7 : 1999) {
        refused(&k, k.data, n, BANTAM_ERR_FORMAT, BANTAM_ERR_FORMAT);
    }
    refused(&k, k.data, k.size - 1, BANTAM_ERR_FORMAT, BANTAM_ERR_FORMAT);
    char *const longer = calloc(k.size + 1, 1);
    assert_non_null(longer);
    memcpy(longer, k.data, k.size);
    refused(&k, longer, k.size + 1, BANTAM_ERR_FORMAT, BANTAM_ERR_FORMAT);
    free(longer);
    teardown(&k);
}

static void a_changed_byte_is_refused(void **state)
{
    kept k;

    (void)state;
    setup(&k);
    for (size_t i = 0; i < k.size; i += i < 500 ? 5 : 2003) {
        k.data[i] = (char)(k.data[i] ^ 0x20);
        /* A version of another program, another number of parameters, damage. */
        const bantam_status other = i >= 8 && i < 12    ? BANTAM_ERR_UNSUPPORTED
                                    : i >= 12 && i < 16 ? BANTAM_ERR_INVALID
                                                        : BANTAM_ERR_FORMAT;
        refused(&k, k.data, k.size, other, other);
        k.data[i] = (char)(k.data[i] ^ 0x20);
    }
    teardown(&k);
}

static void random_bytes_are_refused(void **state)
{
    kept k;
    bnt_rng rng;

    (void)state;
    setup(&k);
    bnt_rng_seed(&rng, 1);
    for (int turn = 0; turn < 20; turn++) {
        for (size_t i = turn % 2 ? 24 : 0; i < k.size; i++) {
            k.data[i] = (char)(unsigned char)bnt_rng_below(&rng, 256);
        }
        refused(&k, k.data, k.size, BANTAM_ERR_FORMAT, BANTAM_ERR_UNSUPPORTED);
    }
    teardown(&k);
}

static void another_identity_is_refused(void **state)
{
    kept k;

    (void)state;
    setup(&k);
    k.identity ^= UINT64_C(1) << 63;
    refused(&k, k.data, k.size, BANTAM_ERR_INVALID, BANTAM_ERR_INVALID);
    teardown(&k);
}

static void another_model_is_refused(void **state)
{
    bantam_error err = {0};
    kept k;
    train_rig other;
    bnt_optimizer o = {0};

    (void)state;
    setup(&k);
    rig_open(&other, 2, 1);
    assert_int_equal(bnt_optimizer_init(&o, other.net, other.pool, NULL), BANTAM_OK);
    assert_int_equal(bnt_checkpoint_load(k.path, k.identity, other.net, &o, &k.state, &err),
                     BANTAM_ERR_INVALID);
    assert_non_null(strstr(err.message, "another model"));
    bnt_optimizer_deinit(&o);
    rig_close(&other);
    teardown(&k);
}

static void what_is_no_file_is_refused(void **state)
{
    bantam_error err = {0};
    kept k;

    (void)state;
    setup(&k);
    assert_int_equal(
        bnt_checkpoint_load(k.folder.path, k.identity, k.rig.net, &k.optimizer, &k.state, &err),
        BANTAM_ERR_IO);
    assert_int_equal(
        bnt_checkpoint_load("/nowhere", k.identity, k.rig.net, &k.optimizer, &k.state, &err),
        BANTAM_ERR_IO);
    assert_int_equal(
        bnt_checkpoint_save(k.folder.path, k.identity, k.rig.net, &k.optimizer, &k.state, &err),
        BANTAM_ERR_IO);
    teardown(&k);
}

static void the_old_file_stays_until_the_new_one_is_whole(void **state)
{
    kept k;

    (void)state;
    setup(&k);
    for (uint64_t n = 0; n < 5; n++) {
        size_t size;
        k.state.step++;
        bnt_mem_fail_after(n);
        const bantam_status status =
            bnt_checkpoint_save(k.path, k.identity, k.rig.net, &k.optimizer, &k.state, NULL);
        bnt_mem_fail_after(UINT64_MAX);
        if (!status) break;
        assert_int_equal(status, BANTAM_ERR_NOMEM);
        char *const data = read_whole(k.path, &size);
        assert_int_equal(size, k.size);
        assert_memory_equal(data, k.data, size);
        free(data);
    }
    teardown(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_comes_back),
        cmocka_unit_test(a_peek_tells_how_far_it_is),
        cmocka_unit_test(a_file_cut_anywhere_is_refused),
        cmocka_unit_test(a_changed_byte_is_refused),
        cmocka_unit_test(random_bytes_are_refused),
        cmocka_unit_test(another_identity_is_refused),
        cmocka_unit_test(another_model_is_refused),
        cmocka_unit_test(what_is_no_file_is_refused),
        cmocka_unit_test(the_old_file_stays_until_the_new_one_is_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
