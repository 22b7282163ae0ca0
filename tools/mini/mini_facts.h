/* mini_facts.h - small things that everybody knows, as tables of questions and answers. */
#ifndef BANTAM_MINI_FACTS_H
#define BANTAM_MINI_FACTS_H
#include "mini_scene.h"

/* Draws one question and its answer into two empty buffers. */
typedef void (*mini_task_fn)(bnt_rng *rng, bnt_buf *question, bnt_buf *answer);

void mini_fact(bnt_rng *rng, bnt_buf *question, bnt_buf *answer);  /* opposites, colors ... */
void mini_sum(bnt_rng *rng, bnt_buf *question, bnt_buf *answer);   /* up to 20 */
void mini_order(bnt_rng *rng, bnt_buf *question, bnt_buf *answer); /* days, months, numbers */
void mini_list(bnt_rng *rng, bnt_buf *question, bnt_buf *answer);  /* three fruits */
void mini_is_a(bnt_rng *rng, bnt_buf *question, bnt_buf *answer);  /* is a cat an animal? */
void mini_talk(bnt_rng *rng, bnt_buf *question, bnt_buf *answer);  /* greetings, who are you */
void mini_unknown(bnt_rng *rng, bnt_buf *question, bnt_buf *answer); /* what it cannot know */

/* "- one\n- two\n- three" */
void mini_put_list(bnt_buf *out, const bantam_text *items, size_t n);

#endif
