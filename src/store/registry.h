/* registry.h - names of models: the table of those that Bantam knows, and what a name says.
 *
 *     FAMILY:SIZE[-VARIANT][-QUANT]   smollm2:1.7b-instruct-q4   a row of the table
 *     ORG/REPO[:QUANT]                any repository of the hub
 *     ORG/REPO/FILE.gguf              one file of it
 *
 * Names of the table are read in any case of letters. A QUANT of theirs is made here,
 * from the weights as they were published: q4 is B4, q8 is B8. So are :B4 and :B8 of a
 * repository; any other :QUANT chooses among its gguf files.
 */
#ifndef BNT_STORE_REGISTRY_H
#define BNT_STORE_REGISTRY_H
#include "model/shape.h"

enum {
    BNT_MODEL_NAME_BYTES = 320, /* of a name with its form */
    BNT_REPOSITORY_BYTES = 200, /* two parts of 96, a slash and NUL */
    BNT_FORM_BYTES = 100        /* one part and NUL */
};

typedef struct bnt_registry_row {
    const char *name;       /* "smollm2:135m-instruct" */
    const char *repository; /* NULL: no weights have been published */
    const char *license;
    const char *files; /* patterns of what is needed, separated by spaces */
    const char *note;  /* NULL where there is nothing to tell */
    uint64_t n_params;
    uint32_t value_bytes; /* of a parameter, as published */
    bool gated;           /* the hub hands it out to accounts that have accepted its license */
    bool chat;            /* made to answer */
    const char *shape;    /* of model/shape.h; NULL: not published */
    uint32_t tokenizer_bytes; /* of memory that its tokenizer takes, as opened here */
} bnt_registry_row;

size_t bnt_registry_n(void);
const bnt_registry_row *bnt_registry_at(size_t index);

/* The patterns for a repository that is in no row: whatever a Hugging Face folder may need. */
extern const char bnt_registry_files[];

/* A name taken apart. */
typedef struct bnt_named {
    char name[BNT_MODEL_NAME_BYTES];       /* as it is written properly */
    char repository[BNT_REPOSITORY_BYTES]; /* "ORG/REPO" */
    char form[BNT_FORM_BYTES]; /* "b4", "Q4_K_M"; empty: as published, or the usual one */
    const char *file;          /* of the repository, borrowed from the name given; NULL: none */
    const char *made;          /* the type to quantize to here, "b4"; NULL: published so */
    const bnt_registry_row *row; /* NULL for a repository that no row has */
} bnt_named;

/* Takes a name apart. BANTAM_ERR_INVALID where it is none, with the nearest of the table;
 * BANTAM_ERR_UNSUPPORTED where no weights have been published. */
bantam_status bnt_registry_find(const char *name, bnt_named *out, bantam_error *err);

/* Whether a name is meant as one of the table: it has no slash and begins with a family. */
bool bnt_registry_claims(const char *name);

/* The row of a repository; NULL where it has none. Repositories are compared in any case. */
const bnt_registry_row *bnt_registry_by_repository(const char *repository);

/* How the model of a repository in a form is called: "smollm2:135m-q4", "org/repo:Q4_K_M". */
void bnt_registry_name(const char *repository, const char *form, char *out, size_t capacity);

#endif
