/* adaptation.h - a model adapted to texts, by a low-rank adapter that learns beside it. */
#ifndef BNT_TRAIN_ADAPTATION_H
#define BNT_TRAIN_ADAPTATION_H
#include "model/model.h"
#include "template/template.h"
#include "token/tokenizer.h"

/* What the public handle consists of. All borrowed. */
typedef struct bnt_adapt_job {
    const bnt_model *model;
    const bnt_tokenizer *tokenizer; /* NULL is an error */
    const bnt_template *chat;       /* NULL: messages are an error */
    const char *out;
} bnt_adapt_job;

/* The contract is that of bantam_adapt(). result is not NULL. */
bantam_status bnt_adapt(const bnt_adapt_job *job, const bantam_adapt_options *options,
                        bantam_adapt_result *result, bantam_error *err);

#endif
