/* generate.h - an answer under way: what draws its tokens and decides its end.
 *
 * Whoever feeds the tokens goes in turns: choose, feed what was chosen, settle; until the
 * answer is done. All memory is taken in open.
 */
#ifndef BNT_SESSION_GENERATE_H
#define BNT_SESSION_GENERATE_H
#include "session/core.h"

typedef struct bnt_generator bnt_generator;

/* Strings in options are borrowed until close, the session too. fn may be NULL. */
bantam_status bnt_generator_open(bnt_generator **out, bnt_session *s,
                                 const bantam_generation *options, bantam_step_fn fn,
                                 void *user, bantam_error *err);
void bnt_generator_close(bnt_generator *g); /* accepts NULL */

/* The answer begins where the session is now. */
void bnt_generator_begin(bnt_generator *g);
/* Whether nothing more is to be chosen. */
bool bnt_generator_done(const bnt_generator *g);

/* Draws the next token; or the answer is done. Another generator's may run at the same time. On
 * failure nothing has changed. */
bantam_status bnt_generator_choose(bnt_generator *g, bnt_drawn *drawn, bantam_error *err);
/* Where it cannot be fed. */
void bnt_generator_unchoose(bnt_generator *g);
/* After it was fed: hands out what is settled. The session may go back to an earlier place. */
bantam_status bnt_generator_settle(bnt_generator *g, const bnt_drawn *drawn, bantam_error *err);

/* Hands out what has waited, and says what it came to; status is how it ended, and err has its
 * words. Returns status, or what the last steps made of it. */
bantam_status bnt_generator_finish(bnt_generator *g, bantam_status status, bantam_answer *out,
                                   bantam_error *err);

#endif
