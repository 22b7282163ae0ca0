/* room.h - whether a model has room under every limit of a machine, and with which session. */
#ifndef BNT_API_ROOM_H
#define BNT_API_ROOM_H
#include "bantam/fit.h"
#include "session/session.h"

/* What is to be held against what. */
typedef struct bnt_room_question {
    const bnt_model *model;
    const bnt_tokenizer *tokenizer; /* NULL where there is none, or */
    uint64_t tokenizer_bytes;       /* only known by what it takes */
    uint64_t mapped_bytes;          /* of the files that hold its weights */
    bantam_session_options session;
    const bantam_machine *machine;
} bnt_room_question;

typedef struct bnt_room {
    bantam_verdict verdict;
    bantam_plan_info plan;   /* contract as of bantam_fit_model */
    uint64_t left_bytes;     /* for a plan, under the tightest limit; UINT64_MAX: no limit */
    const char *limit;       /* its name; NULL: none */
    bantam_plan_info wished; /* of the session as asked for */
} bnt_room;

bantam_status bnt_room_find(const bnt_room_question *question, bnt_room *out,
                            bantam_error *err);

/* The verdict in words, for people. */
void bnt_room_explain(const bnt_room *room, char *out, size_t capacity);

#endif
