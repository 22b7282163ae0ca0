/* Sums over what matrices are multiplied with: against plain double sums of the rows that a
 * walk shows, and the same bits whatever the threads. */
#include "compress/calibration.h"

#include <math.h>

#include "base/mem.h"
#include "forward_rig.h"
#include "temp_folder.h"
#include "tiny_model.h"

enum { SEQUENCE = 20, TEXTS = 3, TOKENS = SEQUENCE * TEXTS, WIDTH = 64, FFN = 96 };

static const tiny_spec spec = {.n_layers = 2,
                               .n_embd = WIDTH,
                               .n_heads = 4,
                               .n_kv_heads = 2,
                               .head_dim = 16,
                               .n_ffn = FFN,
                               .seed = 3};

static void open_rig(temp_folder *t, rig *r, uint32_t threads, uint32_t *tokens)
{
    temp_make(t);
    tiny_write(temp_path(t, "model.gguf"), &spec);
    rig_open(r, temp_path(t, "model.gguf"), (rig_options){.threads = threads});
    for (uint32_t i = 0; i < TOKENS; i++) {
        tokens[i] = (i * 7 + i / 5) % r->model->config.n_vocab;
    }
}

typedef struct naive {
    double products[FFN * FFN];
    uint64_t n_rows;
    bnt_place place;
    uint32_t columns;
} naive;

static void add(void *user, uint32_t layer, bnt_place place, uint32_t n, const float *rows)
{
    naive *const s = user;
    (void)layer;
    if (place != s->place) return;
    for (uint32_t r = 0; r < n; r++) {
        const float *const x = rows + (size_t)r * s->columns;
        for (uint32_t i = 0; i < s->columns; i++) {
            for (uint32_t j = 0; j < s->columns; j++) {
                s->products[i * s->columns + j] += (double)x[i] * (double)x[j];
            }
        }
    }
    s->n_rows += n;
}

static void check(const bnt_moments *m, const naive *want)
{
    assert_int_equal(m->columns, want->columns);
    assert_int_equal(m->n_rows, want->n_rows);
    for (uint32_t i = 0; i < m->columns; i++) {
        const double square = want->products[i * (m->columns + 1)];
        assert_true(fabs(m->squares[i] - square) <= 1e-12 * square);
        for (uint32_t j = i; j < m->columns; j++) {
            const double bound = sqrt(square * want->products[j * (m->columns + 1)]);
            const double sum = want->products[i * m->columns + j];
            const double found = (double)m->products[(size_t)i * m->columns + j];
            assert_true(fabs(found - sum) <= 1e-5 * bound);
        }
    }
}

static void sums_are_those_of_the_rows_that_are_shown(void **state)
{
    (void)state;
    static const bnt_place places[] = {BNT_PLACE_Q, BNT_PLACE_O, BNT_PLACE_GATE,
                                       BNT_PLACE_DOWN};
    static naive want;
    temp_folder t;
    rig r;
    uint32_t tokens[TOKENS];
    const bnt_calibration_text text = {tokens, TOKENS, SEQUENCE};
    bnt_calibration c;
    bnt_walk w;

    open_rig(&t, &r, 2, tokens);
    assert_int_equal(bnt_calibration_begin(&c, r.model, r.pool, &text, true, NULL), BANTAM_OK);
    assert_int_equal(bnt_walk_begin(&w, r.model, r.pool, tokens, TOKENS, SEQUENCE, NULL),
                     BANTAM_OK);
    for (uint32_t layer = 0; layer < 2; layer++) {
        assert_int_equal(bnt_calibration_look(&c, layer, NULL), BANTAM_OK);
        for (size_t i = 0; i < 4; i++) {
            want = (naive){.place = places[i],
                           .columns = places[i] == BNT_PLACE_DOWN ? FFN : WIDTH};
            assert_int_equal(bnt_walk_look(&w, layer, add, &want, NULL), BANTAM_OK);
            assert_int_equal(want.n_rows, TOKENS);
            check(&c.inputs[places[i]], &want);
        }
        assert_int_equal(bnt_calibration_step(&c, layer, NULL), BANTAM_OK);
        assert_int_equal(bnt_walk_step(&w, layer, NULL, NULL, NULL), BANTAM_OK);
    }
    /* The head is given the normed states. */
    assert_int_equal(bnt_calibration_finish(&c, NULL), BANTAM_OK);
    want = (naive){.place = BNT_PLACE_Q, .columns = WIDTH};
    for (uint32_t i = 0; i < TOKENS; i++) {
        float row[WIDTH];
        r.model->kernels.rms_norm_f32(row, w.states + i * WIDTH, r.model->output_norm, WIDTH,
                                      r.model->config.norm_eps);
        add(&want, 0, BNT_PLACE_Q, 1, row);
    }
    check(&c.head, &want);
    bnt_walk_end(&w);
    bnt_calibration_end(&c);
    rig_close(&r);
    temp_remove(&t);
}

static void threads_change_no_bit_of_sums(void **state)
{
    (void)state;
    float *kept = NULL;
    for (uint32_t threads = 1; threads <= 3; threads += 2) {
        temp_folder t;
        rig r;
        uint32_t tokens[TOKENS];
        const bnt_calibration_text text = {tokens, TOKENS, SEQUENCE};
        bnt_calibration c;
        open_rig(&t, &r, threads, tokens);
        assert_int_equal(bnt_calibration_begin(&c, r.model, r.pool, &text, true, NULL),
                         BANTAM_OK);
        assert_int_equal(bnt_calibration_pass(&c, 0, NULL), BANTAM_OK);
        assert_int_equal(bnt_calibration_pass(&c, 1, NULL), BANTAM_OK);
        bnt_moments *const m = &c.inputs[BNT_PLACE_DOWN];
        if (kept) {
            assert_memory_equal(kept, m->products, FFN * FFN * sizeof *kept);
        } else {
            kept = m->products;
            m->products = NULL;
        }
        bnt_calibration_end(&c);
        rig_close(&r);
        temp_remove(&t);
    }
    bnt_free(kept);
}

static void every_failing_allocation_is_an_error(void **state)
{
    (void)state;
    temp_folder t;
    rig r;
    uint32_t tokens[TOKENS];
    const bnt_calibration_text text = {tokens, TOKENS, SEQUENCE};
    bantam_status status = BANTAM_ERR_NOMEM;

    open_rig(&t, &r, 1, tokens);
    const int64_t live = bnt_mem_live();
    for (uint64_t n = 0; status && n < 100; n++) {
        bnt_calibration c;
        bnt_mem_fail_after(n);
        status = bnt_calibration_begin(&c, r.model, r.pool, &text, true, NULL);
        if (!status) status = bnt_calibration_pass(&c, 0, NULL);
        bnt_mem_fail_after(UINT64_MAX);
        bnt_calibration_end(&c);
        assert_int_equal(bnt_mem_live(), live);
        if (status) assert_int_equal(status, BANTAM_ERR_NOMEM);
    }
    assert_int_equal(status, BANTAM_OK);
    rig_close(&r);
    temp_remove(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_are_those_of_the_rows_that_are_shown),
        cmocka_unit_test(threads_change_no_bit_of_sums),
        cmocka_unit_test(every_failing_allocation_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
