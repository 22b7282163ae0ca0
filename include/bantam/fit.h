/* fit.h - which models this machine can run, and how well, known before any is
 * loaded.
 *
 * A part of bantam.h, which includes it; either may be included first.
 * Ownership, errors and option structs are as described there.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BANTAM_FIT_H
#define BANTAM_FIT_H

#include "bantam/bantam.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- the machine, in full
 * ---------------------------------------------------------------- */

enum { BANTAM_MAX_LIMITS = 8, BANTAM_MAX_CORE_KINDS = 8 };

/* What a limit counts. */
typedef enum bantam_limit_of {
    BANTAM_LIMIT_MEMORY = 0,    /* memory in use. That of mapped weights may be taken
                                   back, and is then read from the file again */
    BANTAM_LIMIT_ADDRESSES = 1, /* everything that is mapped, whole files included */
    BANTAM_LIMIT_PRIVATE = 2    /* memory that comes from no file */
} bantam_limit_of;

typedef struct bantam_memory_limit {
    const char *name; /* "memory available", "control group", "ulimit -v", "ulimit
                         -d"; lives as long as the program */
    bantam_limit_of of;
    uint64_t limit_bytes; /* allowed in all; of "memory available" what the
                             machine has */
    uint64_t left_bytes;  /* that this process could still take */
} bantam_memory_limit;

/* Cores that are alike. */
typedef struct bantam_core_kind {
    uint32_t n_cores;
    uint32_t max_mhz;  /* 0: the system does not tell */
    uint32_t capacity; /* of 1024, which the fastest core has; 0: the system does
                          not tell */
    bool used;         /* sessions compute on them by default */
} bantam_core_kind;

typedef struct bantam_machine {
    bantam_device_info device;
    char processor[64]; /* as it calls itself; empty where it does not */
    bantam_core_kind kinds[BANTAM_MAX_CORE_KINDS];
    uint32_t n_kinds;   /* the fastest first */
    uint32_t n_threads; /* of a session by default */
    bantam_memory_limit limits[BANTAM_MAX_LIMITS];
    uint32_t n_limits;
    uint64_t storage_bytes; /* of the disk that has the store of models; 0: unknown */
    uint64_t storage_free_bytes;
} bantam_machine;

BANTAM_API void bantam_machine_describe(bantam_machine *out);

/* ---- models held against it
 * -------------------------------------------------------------- */

typedef struct bantam_fit bantam_fit;

typedef enum bantam_verdict {
    BANTAM_FITS = 0,         /* as it is wished for */
    BANTAM_FITS_SMALLER = 1, /* with a session as `plan` has it: fewer tokens at a time, keys
                                and values in 8 bits, a shorter context */
    BANTAM_FITS_MAPPED = 2,  /* its weights have no room in memory: parts of them are read from
                                the disk for every token, which is slow */
    BANTAM_FITS_NOT = 3      /* not with the shortest context either, or there are no weights */
} bantam_verdict;

/* A model in one type of weights. */
typedef struct bantam_fit_model {
    const char *name; /* what commands take: "llama3.2:1b-instruct-q4", or a path
                         as given */
    const char *type; /* of most weights: "B4", "BF16" */
    bool here;        /* on this machine, and planned from its file; else from what has
                         been  published of its shape, and of what its tokenizer takes */
    bool gated;       /* as in bantam_catalog_model */
    bool chat;        /* made to answer, as far as the catalog knows */
    uint64_t n_params;
    uint64_t file_bytes;   /* of a model that is not here: of its tensors */
    uint64_t disk_bytes;   /* free space that bantam_fetch() wants for it; 0 where
                              it is here */
    bantam_plan_info plan; /* of the session that the verdict is about: the one
                              wished for where it does not fit at all */
    /* Tokens a second at the beginning of the context, with plan.n_threads; 0
     * where nothing can be said, as of weights that are read from the disk. */
    double decode_tok_s;
    double prefill_tok_s; /* of a prompt of 512 tokens, or of a whole shorter
                             context */
    bantam_verdict verdict;
    char why[160]; /* one line for people */
} bantam_fit_model;

typedef struct bantam_fit_options {
    size_t struct_size;
    /* Names of the catalog, which mean all their types, or one where the name has
     * it; names and paths of models on this machine. None: the whole catalog. */
    const char *const *models; /* (n_models) */
    size_t n_models;
    const char *cpu; /* as in bantam_model_options */
    /* How models would be run; NULL: the defaults. memory_bytes is a limit beside
     * the machine's own. Adapters are left out. */
    const bantam_session_options *session;
    const bantam_machine *machine;    /* NULL: this one, as it is now */
    const bantam_device_speed *speed; /* NULL: measured, which takes a second or two */
} bantam_fit_options;

/* Plans every model with the code that plans sessions, predicts its rates, and
 * judges. Reads headers of files at most: no weights are loaded, and no network
 * is reached. options may be NULL. The caller owns *out. BANTAM_ERR_INVALID for
 * a name that no model has, BANTAM_ERR_IO for one that is neither here nor in
 * the catalog, and the errors of opening files. */
BANTAM_API bantam_status bantam_fit_open(bantam_fit **out, const bantam_fit_options *options,
                                         bantam_error *err);
BANTAM_API void bantam_fit_close(bantam_fit *fit);

/* What it was held against. Borrowed until the fit is closed, as all below. */
BANTAM_API const bantam_machine *bantam_fit_machine(const bantam_fit *fit);
BANTAM_API const bantam_device_speed *bantam_fit_speed(const bantam_fit *fit);

/* In the order of the options, or of the catalog; types of a model from most
 * bits to fewest. */
BANTAM_API size_t bantam_fit_n_models(const bantam_fit *fit);
BANTAM_API const bantam_fit_model *bantam_fit_model_at(const bantam_fit *fit, size_t index);

/* The one to begin with; NULL where none is. Of the models that fit as wished
 * for, in no more than three quarters of what is left under every limit, that
 * make ten tokens a second or more, and that are here or can be fetched by
 * anybody onto the disk as it is: one that answers, where there is one; then
 * the one with the most parameters, then the most bits, then the first. */
BANTAM_API const bantam_fit_model *bantam_fit_recommended(const bantam_fit *fit);

/* What bantam_plan() would say of a session if the model's weights were of another type ("b4"),
 * as bantam_quantize() makes them. Adapters of the options must not be given. */
BANTAM_API bantam_status bantam_plan_made(const bantam_model *model, const char *type,
                                          const bantam_session_options *options,
                                          bantam_plan_info *out, bantam_error *err);

#ifdef __cplusplus
}
#endif

#endif
