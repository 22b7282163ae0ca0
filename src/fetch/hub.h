/* hub.h - what the Hugging Face hub says of a repository: its commit, its files, their hashes.
 *
 * Pure functions over texts: addresses are made, an answer is read, files are chosen. Nothing
 * here reaches the network.
 */
#ifndef BNT_FETCH_HUB_H
#define BNT_FETCH_HUB_H
#include "base/buf.h"
#include "store/registry.h"

enum {
    BNT_HUB_MAX_FILES = 1 << 14,   /* the largest collections of gguf files have hundreds */
    BNT_HUB_MAX_ANSWER = 16 << 20, /* bytes of a listing: 1 KiB for each of them */
    BNT_HUB_MAX_CHOSEN = 2048,     /* files of a model: 1024 shards and the rest */
    BNT_HUB_MAX_PATH = 512         /* bytes of a file's path */
};

/* A file of a repository. */
typedef struct bnt_hub_file {
    char *path;      /* owns; plain components */
    uint64_t bytes;  /* only where has_bytes */
    char sha256[65]; /* of the content, in hexadecimal; empty where the hub does not say */
    char git[41];    /* sha1 that git gives the content; likewise. One of the two at most */
    bool has_bytes;
} bnt_hub_file;

typedef struct bnt_hub_listing {
    char repository[BNT_REPOSITORY_BYTES]; /* as the hub spells it */
    char revision[65];                     /* of the commit, in hexadecimal; empty: not said */
    char license[80];
    bool gated;
    bnt_hub_file *files; /* (n), owns */
    size_t n;
} bnt_hub_listing;

/* Reads the answer about a repository. BANTAM_ERR_FORMAT for anything that is no such answer,
 * most of all for a file whose path leads elsewhere. */
bantam_status bnt_hub_read(bnt_hub_listing *out, const char *repository, const char *data,
                           size_t size, bantam_error *err);
void bnt_hub_close(bnt_hub_listing *listing); /* accepts a zeroed one */

/* What is to be fetched. */
typedef struct bnt_hub_choice {
    size_t *files; /* (n), owns: indexes into the listing, small files first */
    size_t n;
    char form[BNT_FORM_BYTES];   /* "Q4_K_M"; empty: as published */
    char open[BNT_HUB_MAX_PATH]; /* the file to open; empty: the folder */
} bnt_hub_choice;

/* Chooses the files that a name means: the folder with its safetensors; or, where there are
 * none or the name says so, a gguf file with all its shards. */
bantam_status bnt_hub_choose(const bnt_hub_listing *listing, const bnt_named *named,
                             bnt_hub_choice *out, bantam_error *err);
void bnt_hub_choice_close(bnt_hub_choice *choice); /* accepts a zeroed one */

/* ENDPOINT/api/models/ORG/REPO/revision/main?blobs=true */
void bnt_hub_put_listing_url(bnt_buf *out, const char *endpoint, const char *repository);
/* ENDPOINT/ORG/REPO/resolve/REVISION/PATH, the path percent-encoded. */
void bnt_hub_put_file_url(bnt_buf *out, const char *endpoint, const char *repository,
                          const char *revision, const char *path);

/* Copies a hash out of an ETag or the like: `"HEX"`, `W/"HEX"` or `HEX` of exactly digits
 * digits, in lower case. False, and out is empty, where it is no such thing. out has room for
 * digits + 1. */
bool bnt_hub_take_hash(bantam_text text, size_t digits, char *out);

#endif
