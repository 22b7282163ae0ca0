/* test_parts.c - where batches are cut, and that cutting changes no loss. */
#include "train_rig.h"

#include <math.h>

#include "base/mem.h"
#include "train/parts.h"

/* Five sequences of 2, 3, 1, 4 and 2 rows; row i holds token i and weighs 2^i, but for the
 * third sequence, which counts for nothing. */
enum { ROWS = 12, SEQUENCES = 5 };

typedef struct sample {
    uint32_t tokens[ROWS], targets[ROWS];
    float weights[ROWS];
    bnt_sequence sequences[SEQUENCES];
} sample;

static bnt_batch fill(sample *s)
{
    static const bnt_sequence sequences[SEQUENCES] = {{0, 2}, {2, 3}, {5, 1}, {6, 4}, {10, 2}};

    for (uint32_t i = 0; i < ROWS; i++) {
        s->tokens[i] = i;
        s->targets[i] = (i + 1) % ROWS;
        s->weights[i] = i == 5 ? 0.0f : (float)(1u << i);
    }
    memcpy(s->sequences, sequences, sizeof sequences);
    return (bnt_batch){.tokens = s->tokens,
                       .targets = s->targets,
                       .weights = s->weights,
                       .n_rows = ROWS,
                       .sequences = s->sequences,
                       .n_sequences = SEQUENCES};
}

static void check_part(bnt_parts *parts, uint32_t first, uint32_t n_rows, uint32_t n_sequences,
                       double weight)
{
    bnt_batch part;
    double found;

    assert_true(bnt_parts_next(parts, &part, &found));
    assert_int_equal(part.n_rows, n_rows);
    assert_int_equal(part.n_sequences, n_sequences);
    assert_true(found == weight);
    uint32_t at = 0;
    for (uint32_t i = 0; i < n_sequences; i++) { /* rows count from the part's own start */
        assert_int_equal(part.sequences[i].first, at);
        at += part.sequences[i].n;
    }
    assert_int_equal(at, n_rows);
    for (uint32_t i = 0; i < n_rows; i++) {
        assert_int_equal(part.tokens[i], first + i);
        assert_int_equal(part.targets[i], (first + i + 1) % ROWS);
    }
}

static void a_weight_is_the_sum_over_rows(void **state)
{
    sample s;
    const bnt_batch b = fill(&s);

    (void)state;
    assert_true(bnt_batch_weight(&b) == 4095.0 - 32.0);
}

static void parts_are_whole_sequences_as_many_as_fit(void **state)
{
    sample s;
    const bnt_batch b = fill(&s);
    bnt_parts parts = {0};
    bnt_batch none;
    double weight;

    (void)state;
    assert_int_equal(bnt_parts_begin(&parts, &b, 6, NULL), BANTAM_OK);
    check_part(&parts, 0, 6, 3, 1.0 + 2 + 4 + 8 + 16);
    check_part(&parts, 6, 6, 2, 64.0 + 128 + 256 + 512 + 1024 + 2048);
    assert_false(bnt_parts_next(&parts, &none, &weight));
    /* The same memory serves anew. */
    assert_int_equal(bnt_parts_begin(&parts, &b, 4, NULL), BANTAM_OK);
    check_part(&parts, 0, 2, 1, 3.0);
    check_part(&parts, 2, 4, 2, 28.0);
    check_part(&parts, 6, 4, 1, 960.0);
    check_part(&parts, 10, 2, 1, 3072.0);
    assert_false(bnt_parts_next(&parts, &none, &weight));
    /* A part of which no row counts is left out. */
    memset(s.weights, 0, 2 * sizeof *s.weights);
    assert_int_equal(bnt_parts_begin(&parts, &b, 4, NULL), BANTAM_OK);
    check_part(&parts, 2, 4, 2, 28.0);
    bnt_parts_deinit(&parts);
    bnt_parts_deinit(&parts);
}

static void without_a_limit_a_batch_is_one_part(void **state)
{
    sample s;
    const bnt_batch b = fill(&s);
    bnt_parts parts = {0};
    bnt_batch none;
    double weight;

    (void)state;
    assert_int_equal(bnt_parts_begin(&parts, &b, 0, NULL), BANTAM_OK);
    check_part(&parts, 0, ROWS, SEQUENCES, 4095.0 - 32.0);
    assert_false(bnt_parts_next(&parts, &none, &weight));
    bnt_parts_deinit(&parts);
}

static void a_sequence_longer_than_a_part_is_refused(void **state)
{
    sample s;
    const bnt_batch b = fill(&s);
    bnt_parts parts = {0};
    bantam_error err = {0};

    (void)state;
    assert_int_equal(bnt_parts_begin(&parts, &b, 3, &err), BANTAM_ERR_INVALID);
    assert_string_equal(err.message, "sequence of 4 rows: a part holds at most 3");
    bnt_mem_fail_after(0);
    assert_int_equal(bnt_parts_begin(&parts, &b, 4, &err), BANTAM_ERR_NOMEM);
    bnt_mem_fail_after(UINT64_MAX);
    assert_string_equal(err.message, "out of memory for 5 sequences");
    bnt_parts_deinit(&parts);
}

static void a_loss_is_the_mean_over_all_rows_that_count(void **state)
{
    sample s, other;
    bnt_batch b[2] = {fill(&s), fill(&other)};
    train_rig r;
    float per_row[ROWS];
    double loss, sum = 0.0;

    (void)state;
    rig_open(&r, 1, 1);
    b[1].n_sequences = 2; /* the first 5 rows, weighing more */
    b[1].n_rows = 5;
    for (uint32_t i = 0; i < 5; i++) {
        other.weights[i] = 100.0f;
    }
    for (int i = 0; i < 2; i++) {
        assert_int_equal(bnt_net_loss(r.net, &b[i], &loss, per_row, NULL), BANTAM_OK);
        for (uint32_t k = 0; k < b[i].n_rows; k++) {
            sum += (double)b[i].weights[k] * (double)per_row[k];
        }
    }
    const double expected = sum / (4095.0 - 32.0 + 500.0);
    for (uint32_t rows = 4; rows <= ROWS; rows++) {
        assert_int_equal(bnt_batches_loss(r.net, b, 2, rows, &loss, NULL), BANTAM_OK);
        assert_true(fabs(loss - expected) < 1e-6 * expected);
    }
    rig_close(&r);
}

static void nothing_has_no_loss(void **state)
{
    sample s;
    bnt_batch b = fill(&s);
    train_rig r;
    double loss = 0.0;

    (void)state;
    rig_open(&r, 1, 1);
    assert_int_equal(bnt_batches_loss(r.net, NULL, 0, 4, &loss, NULL), BANTAM_OK);
    assert_true(isnan(loss));
    memset(s.weights, 0, sizeof s.weights);
    loss = 0.0;
    assert_int_equal(bnt_batches_loss(r.net, &b, 1, 4, &loss, NULL), BANTAM_OK);
    assert_true(isnan(loss));
    loss = 0.0;
    assert_int_equal(bnt_batches_loss(r.net, &b, 1, 3, &loss, NULL), BANTAM_ERR_INVALID);
    assert_true(isnan(loss));
    rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_weight_is_the_sum_over_rows),
        cmocka_unit_test(parts_are_whole_sequences_as_many_as_fit),
        cmocka_unit_test(without_a_limit_a_batch_is_one_part),
        cmocka_unit_test(a_sequence_longer_than_a_part_is_refused),
        cmocka_unit_test(a_loss_is_the_mean_over_all_rows_that_count),
        cmocka_unit_test(nothing_has_no_loss),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
