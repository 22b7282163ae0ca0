/* batch.h - sessions whose tokens are computed in one pass. Contracts are those of the public
 * namesakes in bantam/batch.h.
 *
 * Why the bits are those of each session alone: a pass computes each row from what it and its
 * own cache hold, in one order, whatever the other rows are (model/forward.h); and each session
 * draws with its own sampler.
 */
#ifndef BNT_SESSION_BATCH_H
#define BNT_SESSION_BATCH_H
#include "bantam/batch.h"
#include "session/session.h"

typedef bantam_batch bnt_batch;

bantam_status bnt_batch_plan(const bnt_model *model, const bantam_batch_options *options,
                             bantam_batch_info *out, bantam_error *err);
bantam_status bnt_batch_open(bnt_batch **out, const bnt_model *model,
                             const bantam_batch_options *options, bantam_error *err);
void bnt_batch_close(bnt_batch *b); /* accepts NULL */

/* s in place of request->session. */
bantam_status bnt_batch_join(bnt_batch *b, bnt_session *s, const bantam_request *request,
                             bantam_error *err);
bantam_status bnt_batch_leave(bnt_batch *b, bnt_session *s, bantam_error *err);
bantam_status bnt_batch_step(bnt_batch *b, uint32_t *n_left, bantam_error *err);
void bnt_batch_cancel(bnt_batch *b);

#endif
