/* gptq.h - matrices rounded column by column, each column making up for the errors before it
 * (GPTQ, arXiv 2210.17323): feedback.h with the codes of a grid.
 */
#ifndef BNT_COMPRESS_GPTQ_H
#define BNT_COMPRESS_GPTQ_H
#include "compress/feedback.h"
#include "quant/type.h"

/* Rounds rows (n_rows, f->n) to an interleaved type: groups of 16 rows to out. f's unit is 1.
 * sweeps is as for bnt_feedback_run(). rows is overwritten. The bits do not depend on the
 * number of threads. */
bantam_status bnt_gptq_round(const bnt_feedback *f, bnt_matmul *mm, const bnt_type *type,
                             float *rows, uint32_t n_rows, uint32_t sweeps, uint8_t *out,
                             bnt_rounded *result, bantam_error *err);

#endif
