/* quantize_rows.h - rows of a tensor in another type, each by itself.
 *
 * Slice by slice, the groups of 16 rows of a slice shared by threads: memory does not grow with
 * the tensor, and no bit depends on the number of threads. Every row is decoded again, so that
 * it is known what was lost.
 */
#ifndef BNT_COMPRESS_QUANTIZE_ROWS_H
#define BNT_COMPRESS_QUANTIZE_ROWS_H
#include "base/pool.h"
#include "compress/quantize_plan.h"

typedef struct bnt_row_sums {
    double error, energy;
} bnt_row_sums;

typedef struct bnt_row_maker {
    bnt_pool *pool;     /* borrows */
    float *floats;      /* owns: per thread the rows of a group, and one row decoded again */
    size_t n_floats;    /* of one thread */
    uint8_t *out;       /* owns: a slice */
    size_t slice_bytes; /* of out */
    bnt_row_sums *sums; /* owns: of its groups */
} bnt_row_maker;

/* Takes memory for any tensor of the plan in its type. A
 * zeroed maker is a valid closed one. */
bantam_status bnt_row_maker_init(bnt_row_maker *m, bnt_pool *pool, const bnt_quantize_plan *p,
                                 bantam_error *err);
void bnt_row_maker_deinit(bnt_row_maker *m);

/* Takes bytes of the tensor, in order. */
typedef bantam_status (*bnt_put_fn)(void *user, const uint8_t *data, size_t size,
                                    bantam_error *err);

/* Copies to where the uint8_t pointer that user points to points, and moves that on. */
bantam_status bnt_put_memory(void *user, const uint8_t *data, size_t size, bantam_error *err);

/* Makes all rows of step in step->to and puts their bytes; errors are searched to be least in
 * proportion to step->weights. Fills in error and energy. */
bantam_status bnt_row_maker_run(bnt_row_maker *m, bnt_quantize_step *step, bnt_put_fn put,
                                void *user, bantam_error *err);

/* The rows as they are, for a step that is a copy. */
bantam_status bnt_row_maker_copy(const bnt_quantize_step *step, bnt_put_fn put, void *user,
                                 bantam_error *err);

/* Whether a tensor's sums are those of numbers that the type can hold. */
bantam_status bnt_row_sums_check(const bnt_quantize_step *step, bantam_error *err);

#endif
