/* fetch.h - models fetched from the Hugging Face hub into Bantam's own store.
 *
 * This is a library of its own, libbantam-fetch, and not a part of libbantam: an app that runs
 * a model without a network links no network code, and nobody has to take its word for it.
 * Nothing in libbantam opens a socket, and nothing in libbantam refers to this library. The
 * command `bantam` is not linked to it either: `bantam pull`, and no other command, opens it
 * when it is called.
 *
 * It compiles alone as C99 and as C++17. Ownership, errors and option structs are as in
 * bantam.h.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BANTAM_FETCH_H
#define BANTAM_FETCH_H

#include "bantam/bantam.h"

#ifdef __cplusplus
extern "C" {
#endif

/* How far it has come. Bytes are those in place, of all files together. */
typedef struct bantam_fetch_state {
    bantam_text file;        /* under way */
    uint32_t index, n_files; /* it is the index-th, from 1 */
    uint64_t done, total;    /* total is 0 while it is not known */
} bantam_fetch_state;

/* Return false to stop; what came stays, and the next call goes on from there. The state is
 * borrowed until the function returns. */
typedef bool (*bantam_fetch_fn)(void *user, const bantam_fetch_state *state);

/* Something to tell a person: a connection was lost and is tried again, a file has no hash to
 * be held against. Borrowed until the function returns. */
typedef void (*bantam_fetch_note_fn)(void *user, const char *text);

typedef struct bantam_fetch_options {
    size_t struct_size;
    const char *endpoint;   /* NULL: HF_ENDPOINT, else https://huggingface.co */
    const char *token;      /* NULL: HF_TOKEN, else the file that the hub's own tools keep it in
                               (HF_TOKEN_PATH, HF_HOME/token); "": none */
    uint32_t stall_seconds; /* a connection that brings less than 1 KiB a second for so long is
                               given up and tried again; 0: 60 */
    uint32_t tries;         /* in a row without a byte; 0: 5 */
    bantam_fetch_fn progress;
    bantam_fetch_note_fn note;
    void *user;
} bantam_fetch_options;

typedef struct bantam_fetched {
    char path[4096];      /* what bantam_locate() now finds */
    char name[320];       /* how it is called */
    char repository[200]; /* "HuggingFaceTB/SmolLM2-135M" */
    char revision[72];    /* the commit; empty where the hub did not say */
    char license[80];     /* as the hub states it, else as the catalog does */
    uint64_t bytes;       /* of all files */
    uint64_t received;    /* over the network, this time */
    uint32_t n_files;
    uint32_t n_verified; /* held against a hash of the hub's */
    bool was_there;      /* nothing was to be done */
} bantam_fetched;

/* Fetches the model that a name means (see bantam_catalog() in bantam.h): every file of it,
 * each gone on with where an earlier call was cut, held against the hub's size and hash, and
 * forced to the disk. The model appears in the store when all of it is there, and not before.
 *
 * A form that is made here ("smollm2:135m-q4") is not made by this function: it fetches what it
 * is made of. bantam_make_form() of bantam.h makes it.
 *
 * BANTAM_ERR_INVALID for a name that nothing has; BANTAM_ERR_IO where the network, the hub or
 * the disk is in the way; BANTAM_ERR_FORMAT where the hub's answers or a file's hash are wrong;
 * BANTAM_ERR_CANCELLED where progress said stop. HF_HUB_OFFLINE=1 in the environment makes
 * every call fail before anything is opened. options may be NULL. */
BANTAM_API bantam_status bantam_fetch(const char *name, const bantam_fetch_options *options,
                                      bantam_fetched *out, bantam_error *err);

#ifdef __cplusplus
}
#endif

#endif
