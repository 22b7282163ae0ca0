/* download.h - one file fetched: gone on with where it was cut, and checked before it counts.
 *
 * While it comes it lies as NAME.HASH.part in the folder it is meant for, HASH being the first
 * digits of what it is known to be: bytes of another content are never gone on with. A file
 * whose hash nobody says is fetched from its first byte each time.
 */
#ifndef BNT_FETCH_DOWNLOAD_H
#define BNT_FETCH_DOWNLOAD_H
#include "fetch/http.h"
#include "fetch/hub.h"

/* What happens is told here. tick is asked between pieces and while nothing comes; false
 * stops. */
typedef struct bnt_download_watch {
    bool (*tick)(void *user, uint64_t bytes_in_place);
    void (*note)(void *user, const char *text);
    void *user;
} bnt_download_watch;

typedef struct bnt_download {
    const char *url;
    const char *folder; /* what file->path is below; the folders of the path are made */
    bnt_hub_file *file; /* its size and hash are filled in where the answer says them */
    uint32_t tries;     /* without a byte between them */
    bnt_download_watch watch;

    bnt_http_reply reply; /* the last one */
    uint64_t received;    /* bytes that came over the network */
    bool verified;        /* against a hash of the hub's */
} bnt_download;

/* Fetches the file. On BANTAM_OK it lies complete at FOLDER/PATH and is on the disk. On failure
 * what came stays for the next time, except where it proved to be wrong. */
bantam_status bnt_download_run(bnt_download *d, bnt_http *http, bantam_error *err);

/* How many bytes of a file an earlier attempt has left. */
uint64_t bnt_download_left(const char *folder, const bnt_hub_file *file);

/* The path of the file while it comes; owned by the caller. NULL when out of memory. */
char *bnt_download_part(const char *folder, const bnt_hub_file *file);

#endif
