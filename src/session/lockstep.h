/* lockstep.h - sessions whose tokens are computed in one pass. Contracts are those of the
 * public namesakes in bantam/batch.h.
 *
 * Why the bits are those of each session alone: a pass computes each row from what it and its
 * own cache hold, in one order, whatever the other rows are (model/forward.h); and each session
 * draws with its own sampler.
 */
#ifndef BNT_SESSION_LOCKSTEP_H
#define BNT_SESSION_LOCKSTEP_H
#include "bantam/batch.h"
#include "session/session.h"

typedef bantam_batch bnt_lockstep;

bantam_status bnt_lockstep_plan(const bnt_model *model, const bantam_batch_options *options,
                                bantam_batch_info *out, bantam_error *err);
bantam_status bnt_lockstep_open(bnt_lockstep **out, const bnt_model *model,
                                const bantam_batch_options *options, bantam_error *err);
void bnt_lockstep_close(bnt_lockstep *b); /* accepts NULL */

/* s in place of request->session. */
bantam_status bnt_lockstep_join(bnt_lockstep *b, bnt_session *s, const bantam_request *request,
                                bantam_error *err);
bantam_status bnt_lockstep_leave(bnt_lockstep *b, bnt_session *s, bantam_error *err);
bantam_status bnt_lockstep_step(bnt_lockstep *b, uint32_t *n_left, bantam_error *err);
void bnt_lockstep_cancel(bnt_lockstep *b);

#endif
