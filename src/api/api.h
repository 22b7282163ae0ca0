/* api.h - the objects behind the public handles. */
#ifndef BNT_API_API_H
#define BNT_API_API_H
#include "session/session.h"
#include "template/template.h"
#include "token/load.h"
#include "token/tokenizer.h"

struct bantam_tokenizer {
    bnt_tokenizer *tokens;   /* owns */
    bnt_template *chat;      /* owns; NULL where there is none or it could not be read */
    bantam_error chat_error; /* why it could not; status BANTAM_OK where there is simply none */
};

struct bantam_model {
    bnt_archive *archive;       /* owns */
    bnt_model *weights;         /* owns; borrows the archive */
    bantam_tokenizer tokenizer; /* tokens NULL where the file has none */
    bool describe_only;
};

/* The instruction sets up to a level; NULL: all of this machine. */
bantam_status bnt_api_cpu_flags(const char *name, unsigned *out, bantam_error *err);

/* Compiles a spec and its chat template into out, which is zeroed. A template that cannot be
 * read is remembered, not an error: everything else works without it. */
bantam_status bnt_api_tokenizer_init(bantam_tokenizer *out, const bnt_spec *spec,
                                     bantam_error *err);
void bnt_api_tokenizer_deinit(bantam_tokenizer *t);

/* What a handle holds; borrowed from it. */
bnt_session *bnt_api_session(const bantam_session *session);

/* The caller's function for removed files, and that which calls it with a bnt_api_removing. */
typedef struct bnt_api_removing {
    bantam_removed_fn fn; /* may be NULL */
    void *user;
} bnt_api_removing;
void bnt_api_on_removed(void *user, const char *path, uint64_t bytes);

#endif
