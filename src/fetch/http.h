/* http.h - one GET after another to the hub, through libcurl; the only door to the network.
 *
 * What is allowed: https, and http only where the endpoint itself was given as http; at most
 * eight redirects, never from https to http and never to another protocol; the token to the
 * endpoint itself and to nobody else, and not in the clear over a network; 64 KiB of headers an
 * answer. Redirects are followed here and not by curl, because the hub's own first answer says
 * what the file is (X-Linked-Etag) and because each of those rules is then one line.
 */
#ifndef BNT_FETCH_HTTP_H
#define BNT_FETCH_HTTP_H
#include "base/error.h"

typedef struct bnt_http bnt_http;

/* Return false to stop. Called about every second, also while nothing comes. */
typedef bool (*bnt_http_tick_fn)(void *user);

typedef struct bnt_http_options {
    const char *endpoint;   /* "https://huggingface.co", without a slash at its end */
    const char *token;      /* NULL: none */
    uint32_t stall_seconds; /* give up where so long less than 1 KiB a second came */
    bnt_http_tick_fn tick;
    void *user;
} bnt_http_options;

/* Copies what it needs of the options. BANTAM_ERR_INVALID for an endpoint or a token that is
 * none. The caller owns *out. */
bantam_status bnt_http_open(bnt_http **out, const bnt_http_options *options, bantam_error *err);
void bnt_http_close(bnt_http *http); /* accepts NULL */

/* What the last answer said. */
typedef struct bnt_http_reply {
    long status;
    bool has_length, has_range;
    uint64_t length;      /* Content-Length */
    uint64_t range_first; /* Content-Range */
    uint64_t range_total; /* of the whole; 0 where it was not said */
    uint64_t linked_size; /* X-Linked-Size of any answer on the way; 0: none */
    char linked_etag[80]; /* X-Linked-Etag, likewise; empty: none */
    char etag[80];
    char error_code[48]; /* X-Error-Code of the hub */
    char error_message[200];
    uint32_t retry_after; /* seconds; 0: not said */
    bool again; /* the failure may pass: a connection cut, too slow, the server busy */
} bnt_http_reply;

/* Where an answer's body goes. begin is called once, when the status is 200, 206 or 416, before
 * any byte; put for each piece. A failure of theirs ends the request with their status. */
typedef struct bnt_http_sink {
    bantam_status (*begin)(void *user, const bnt_http_reply *reply, bantam_error *err);
    bantam_status (*put)(void *user, const void *data, size_t size, bantam_error *err);
    void *user;
} bnt_http_sink;

/* Asks for an address, from a byte on (0: all of it). Returns BANTAM_OK when an answer of
 * status 200, 206 or 416 has come whole. Else the reply still says what came.
 * BANTAM_ERR_CANCELLED where tick said so. */
bantam_status bnt_http_get(bnt_http *http, const char *url, uint64_t from,
                           const bnt_http_sink *sink, bnt_http_reply *reply, bantam_error *err);

/* Whether a token is sent. One is kept back where the endpoint is http and not on this machine.
 */
bool bnt_http_has_token(const bnt_http *http);

#endif
