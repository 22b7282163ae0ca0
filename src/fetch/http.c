/* http.c - requests through libcurl; see http.h for what is allowed.
 *
 * One easy handle is kept, so that its connections are; everything else about it is set anew
 * for each request. curl's own memory is curl's.
 */
#include "fetch/http.h"

#include "base/mem.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
    MAX_REDIRECTS = 8,
    MAX_HEADER_BYTES = 64 << 10, /* of one request with its redirects */
    MAX_URL = 8 << 10,           /* signed addresses have 2 KiB */
    MAX_TOKEN = 512,
    LEAST_RATE = 1024,          /* bytes a second */
    MAX_ASIDE_BYTES = 64 << 10, /* of a redirect's own page */
    CONNECT_SECONDS = 30
};

/* What makes two addresses the same server. */
typedef struct origin {
    char *scheme, *host, *port; /* owned by curl */
} origin;

struct bnt_http {
    CURL *curl; /* owns */
    char *token;
    origin endpoint;
    bool plain; /* the endpoint is http */
    uint32_t stall_seconds;
    bnt_http_tick_fn tick;
    void *user;
};

/* ---- addresses --------------------------------------------------------------------------- */

static void origin_free(origin *o)
{
    curl_free(o->scheme);
    curl_free(o->host);
    curl_free(o->port);
    *o = (origin){NULL, NULL, NULL};
}

/* Reads an address. False where it is none, or has a user's name in it. */
static bool origin_read(const char *url, origin *out)
{
    CURLU *const u = curl_url();
    char *user = NULL;
    bool good = u != NULL;

    *out = (origin){NULL, NULL, NULL};
    good = good && strlen(url) < MAX_URL && !curl_url_set(u, CURLUPART_URL, url, 0) &&
           !curl_url_get(u, CURLUPART_SCHEME, &out->scheme, 0) &&
           !curl_url_get(u, CURLUPART_HOST, &out->host, 0) &&
           !curl_url_get(u, CURLUPART_PORT, &out->port, CURLU_DEFAULT_PORT);
    if (good && !curl_url_get(u, CURLUPART_USER, &user, 0)) good = false;
    curl_free(user);
    curl_url_cleanup(u);
    if (!good) origin_free(out);
    return good;
}

static bool origin_same(const origin *a, const origin *b)
{
    return strcasecmp(a->scheme, b->scheme) == 0 && strcasecmp(a->host, b->host) == 0 &&
           strcmp(a->port, b->port) == 0;
}

static bool is_loopback(const char *host)
{
    return strcasecmp(host, "localhost") == 0 || strncmp(host, "127.", 4) == 0 ||
           strcmp(host, "[::1]") == 0;
}

/* ---- opening ----------------------------------------------------------------------------- */

static bantam_status take_endpoint(bnt_http *h, const char *endpoint, bantam_error *err)
{
    if (!origin_read(endpoint, &h->endpoint) || (strcasecmp(h->endpoint.scheme, "https") != 0 &&
                                                 strcasecmp(h->endpoint.scheme, "http") != 0)) {
        return bnt_fail(err, BANTAM_ERR_INVALID,
                        "HF_ENDPOINT: expected an address such as https://huggingface.co, "
                        "found \"%.100s\"",
                        endpoint);
    }
    h->plain = strcasecmp(h->endpoint.scheme, "http") == 0;
    return BANTAM_OK;
}

/* The token becomes part of a header: nothing in it may end that. */
static bantam_status take_token(bnt_http *h, const char *token, bantam_error *err)
{
    const size_t n = strlen(token);

    for (size_t i = 0; i < n; i++) {
        if (token[i] <= 0x20 || token[i] > 0x7E || n > MAX_TOKEN) {
            return bnt_fail(err, BANTAM_ERR_INVALID,
                            "HF_TOKEN: expected a token of letters and digits");
        }
    }
    if (h->plain && !is_loopback(h->endpoint.host)) return BANTAM_OK; /* not in the clear */
    h->token = bnt_strdup(token, n);
    return h->token ? BANTAM_OK : bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory");
}

bantam_status bnt_http_open(bnt_http **out, const bnt_http_options *options, bantam_error *err)
{
    bnt_http *const h = (bnt_http *)bnt_calloc(1, sizeof *h);
    bantam_status status = BANTAM_OK;

    *out = NULL;
    if (!h) return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for a connection");
    if (!curl_global_init(CURL_GLOBAL_DEFAULT)) h->curl = curl_easy_init();
    if (!h->curl) {
        status = bnt_fail(err, BANTAM_ERR_NOMEM, "libcurl cannot be set up");
    }
    if (!status) status = take_endpoint(h, options->endpoint, err);
    if (!status && options->token && *options->token) {
        status = take_token(h, options->token, err);
    }
    if (status) {
        bnt_http_close(h);
        return status;
    }
    h->stall_seconds = options->stall_seconds;
    h->tick = options->tick;
    h->user = options->user;
    *out = h;
    return BANTAM_OK;
}

void bnt_http_close(bnt_http *http)
{
    if (!http) return;
    curl_easy_cleanup(http->curl);
    origin_free(&http->endpoint);
    bnt_free(http->token);
    bnt_free(http);
}

bool bnt_http_has_token(const bnt_http *http)
{
    return http->token != NULL;
}

/* ---- headers ----------------------------------------------------------------------------- */

/* One request under way. */
typedef struct transfer {
    bnt_http *http;
    const bnt_http_sink *sink;
    bnt_http_reply *reply;
    bantam_error *err;
    bantam_status failed; /* of the sink, or of too many headers */
    size_t header_bytes, aside_bytes;
    bool begun, stopped;
    bool home; /* the endpoint itself answers, not a server it led to */
} transfer;

static void copy_text(char *out, size_t capacity, bantam_text value)
{
    const size_t n = value.size < capacity ? value.size : capacity - 1;

    memcpy(out, value.data, n);
    out[n] = '\0';
}

/* Digits and nothing else, up to 2^62. */
static bool read_number(bantam_text *text, uint64_t *out)
{
    uint64_t value = 0;
    size_t n = 0;

    for (; n < text->size && text->data[n] >= '0' && text->data[n] <= '9'; n++) {
        if (value > (UINT64_MAX >> 2) / 10) return false;
        value = value * 10 + (uint64_t)(text->data[n] - '0');
    }
    text->data += n;
    text->size -= n;
    *out = value;
    return n > 0;
}

static bool skip(bantam_text *text, const char *what)
{
    const size_t n = strlen(what);

    if (text->size < n || strncasecmp(text->data, what, n) != 0) return false;
    text->data += n;
    text->size -= n;
    return true;
}

/* "bytes 100-199/200", or a total of "*". */
static void read_range(bnt_http_reply *r, bantam_text value)
{
    uint64_t last;

    r->range_total = 0;
    r->has_range = skip(&value, "bytes ") && read_number(&value, &r->range_first) &&
                   skip(&value, "-") && read_number(&value, &last) && skip(&value, "/");
    if (r->has_range && !skip(&value, "*") && !read_number(&value, &r->range_total)) {
        r->has_range = false;
    }
}

static void read_header(transfer *t, bantam_text name, bantam_text value)
{
    bnt_http_reply *const r = t->reply;
    uint64_t number = 0;
    bantam_text rest = value;

    if (skip(&name, "content-range") && !name.size) {
        read_range(r, value);
    } else if (t->home && skip(&name, "x-linked-etag") && !name.size) {
        copy_text(r->linked_etag, sizeof r->linked_etag, value);
    } else if (t->home && skip(&name, "x-linked-size") && !name.size) {
        if (read_number(&rest, &number)) r->linked_size = number;
    } else if (skip(&name, "etag") && !name.size) {
        copy_text(r->etag, sizeof r->etag, value);
    } else if (skip(&name, "x-error-code") && !name.size) {
        copy_text(r->error_code, sizeof r->error_code, value);
    } else if (skip(&name, "x-error-message") && !name.size) {
        copy_text(r->error_message, sizeof r->error_message, value);
    } else if (skip(&name, "retry-after") && !name.size) {
        if (read_number(&rest, &number))
            r->retry_after = number < 3600 ? (uint32_t)number : 3600;
    }
}

/* Called by curl for every line of every answer, those of redirects and proxies too. */
static size_t on_header(char *line, size_t one, size_t size, void *user)
{
    transfer *const t = (transfer *)user;
    const char *const colon = (const char *)memchr(line, ':', size * one);

    size *= one;
    t->header_bytes += size;
    if (t->header_bytes > MAX_HEADER_BYTES) {
        t->failed =
            bnt_fail(t->err, BANTAM_ERR_FORMAT,
                     "the server sends more than %d bytes of headers", MAX_HEADER_BYTES);
        return 0;
    }
    if (size > 5 && memcmp(line, "HTTP/", 5) == 0) { /* another answer begins */
        t->reply->has_range = false;
        t->reply->retry_after = 0;
        t->reply->etag[0] = t->reply->error_code[0] = t->reply->error_message[0] = '\0';
    }
    if (!colon) return size;
    const bantam_text name = {line, (size_t)(colon - line)};
    bantam_text value = {colon + 1, size - name.size - 1};
    while (value.size && strchr(" \t", value.data[0]) && value.data[0]) {
        value.data++;
        value.size--;
    }
    while (value.size && (unsigned char)value.data[value.size - 1] <= 0x20) {
        value.size--;
    }
    read_header(t, name, value);
    return size;
}

/* ---- bodies ------------------------------------------------------------------------------ */

static bool is_wanted(long status)
{
    return status == 200 || status == 206 || status == 416;
}

/* Tells the sink of the answer, once. */
static bool begin(transfer *t)
{
    curl_off_t length = -1;

    if (t->begun) return true;
    t->begun = true;
    curl_easy_getinfo(t->http->curl, CURLINFO_RESPONSE_CODE, &t->reply->status);
    curl_easy_getinfo(t->http->curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    t->reply->has_length = length >= 0;
    t->reply->length = length >= 0 ? (uint64_t)length : 0;
    if (!is_wanted(t->reply->status)) return true;
    t->failed = t->sink->begin(t->sink->user, t->reply, t->err);
    return !t->failed;
}

static size_t on_body(char *data, size_t one, size_t size, void *user)
{
    transfer *const t = (transfer *)user;

    size *= one;
    if (!begin(t)) return 0;
    if (t->reply->status != 200 && t->reply->status != 206) {
        /* A page for people. curl names a redirect's target only when its page has ended. */
        t->aside_bytes += size;
        t->stopped = t->reply->status / 100 != 3 || t->aside_bytes > MAX_ASIDE_BYTES;
        return t->stopped ? 0 : size;
    }
    t->failed = t->sink->put(t->sink->user, data, size, t->err);
    return t->failed ? 0 : size;
}

static int on_tick(void *user, curl_off_t total, curl_off_t now, curl_off_t up_total,
                   curl_off_t up_now)
{
    const bnt_http *const h = (const bnt_http *)user;

    (void)total;
    (void)now;
    (void)up_total;
    (void)up_now;
    return h->tick && !h->tick(h->user);
}

/* ---- one request ------------------------------------------------------------------------- */

static void set_protocols(CURL *c, bool plain)
{
#if LIBCURL_VERSION_NUM >= 0x075500
    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, plain ? "http,https" : "https");
#else
    curl_easy_setopt(c, CURLOPT_PROTOCOLS,
                     (long)(plain ? CURLPROTO_HTTP | CURLPROTO_HTTPS : CURLPROTO_HTTPS));
#endif
}

/* curl's tool reads these variables, its library does not. */
static void set_certificates(CURL *c)
{
    const char *const file = getenv("SSL_CERT_FILE"), *const folder = getenv("SSL_CERT_DIR");

    if (file && *file) curl_easy_setopt(c, CURLOPT_CAINFO, file);
    if (folder && *folder) curl_easy_setopt(c, CURLOPT_CAPATH, folder);
}

static void set_up(transfer *t, const char *url, uint64_t from, bool with_token)
{
    CURL *const c = t->http->curl;
    char range[32];

    curl_easy_reset(c);
    curl_easy_setopt(c, CURLOPT_URL, url);
    set_protocols(c, t->http->plain);
    set_certificates(c);
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(c, CURLOPT_USERAGENT, "bantam");
    curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_SECONDS);
    curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, (long)LEAST_RATE);
    curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, (long)t->http->stall_seconds);
    curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(c, CURLOPT_HEADERDATA, t);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, t);
    curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, on_tick);
    curl_easy_setopt(c, CURLOPT_XFERINFODATA, t->http);
    if (with_token) {
        curl_easy_setopt(c, CURLOPT_HTTPAUTH, (long)CURLAUTH_BEARER);
        curl_easy_setopt(c, CURLOPT_XOAUTH2_BEARER, t->http->token);
    }
    if (from) {
        snprintf(range, sizeof range, "%llu-", (unsigned long long)from);
        curl_easy_setopt(c, CURLOPT_RANGE, range);
    }
}

/* What curl's result means to the caller. */
static bantam_status judge(transfer *t, CURLcode code, bantam_error *err)
{
    const char *const host = t->http->endpoint.host;

    switch (code) {
    case CURLE_OK:
        return BANTAM_OK;
    case CURLE_ABORTED_BY_CALLBACK:
        return bnt_fail(err, BANTAM_ERR_CANCELLED, "the download was stopped");
    case CURLE_WRITE_ERROR:
        if (t->stopped) return BANTAM_OK;
        if (t->failed) return t->failed;
        break;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
        return bnt_fail(err, BANTAM_ERR_IO, "cannot find the server %s: is there a network",
                        host);
    case CURLE_OPERATION_TIMEDOUT:
        t->reply->again = true;
        return bnt_fail(err, BANTAM_ERR_IO, "too slow: less than %d bytes a second for %u s",
                        LEAST_RATE, (unsigned)t->http->stall_seconds);
    case CURLE_COULDNT_CONNECT:
    case CURLE_PARTIAL_FILE:
    case CURLE_GOT_NOTHING:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
    case CURLE_SSL_CONNECT_ERROR:
        t->reply->again = true;
        break;
    default:
        break;
    }
    if (t->failed) return t->failed;
    return bnt_fail(err, BANTAM_ERR_IO, "the connection failed: %s", curl_easy_strerror(code));
}

/* The address to go on to, owned by curl; NULL where the answer is no redirect. */
static bantam_status next_url(transfer *t, const char *url, char **out, bantam_error *err)
{
    const long status = t->reply->status;
    const char *to = NULL;
    origin from, o;

    *out = NULL;
    if (status != 301 && status != 302 && status != 303 && status != 307 && status != 308) {
        return BANTAM_OK;
    }
    curl_easy_getinfo(t->http->curl, CURLINFO_REDIRECT_URL, &to);
    if (!to || !origin_read(to, &o)) {
        return bnt_fail(err, BANTAM_ERR_FORMAT, "the server leads to no address: %.200s",
                        to ? to : "it says none");
    }
    const bool secure = strcasecmp(o.scheme, "https") == 0;
    const bool plain = strcasecmp(o.scheme, "http") == 0;
    const bool read = origin_read(url, &from);
    const bool down = read && plain && strcasecmp(from.scheme, "https") == 0;
    if (read) origin_free(&from);
    origin_free(&o);
    if (!secure && (!plain || !t->http->plain || down)) {
        return bnt_fail(err, BANTAM_ERR_FORMAT,
                        "the server leads to %.200s, where nothing is fetched from: expected "
                        "https",
                        to);
    }
    /* curl's text is gone with the next request. */
    *out = bnt_strdup(to, strlen(to));
    return *out ? BANTAM_OK : bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory");
}

/* One hop. *next is where to go on; NULL where this was the answer. */
static bantam_status hop(transfer *t, const char *url, uint64_t from, char **next,
                         bantam_error *err)
{
    origin o;

    *next = NULL;
    if (!origin_read(url, &o)) {
        return bnt_fail(err, BANTAM_ERR_INVALID, "no address: %.200s", url);
    }
    t->home = origin_same(&o, &t->http->endpoint);
    set_up(t, url, from, t->http->token && t->home);
    origin_free(&o);
    t->begun = t->stopped = false;
    t->aside_bytes = 0;
    const CURLcode code = curl_easy_perform(t->http->curl);
    if (code == CURLE_OK) (void)begin(t); /* an answer may have no body */
    curl_easy_getinfo(t->http->curl, CURLINFO_RESPONSE_CODE, &t->reply->status);
    const bantam_status status = t->failed ? t->failed : judge(t, code, err);
    return status ? status : next_url(t, url, next, err);
}

/* Answers that say no. */
static bantam_status refuse(bnt_http_reply *r, bantam_error *err)
{
    if (is_wanted(r->status)) return BANTAM_OK;
    r->again = r->status == 429 || r->status == 408 || r->status >= 500;
    return bnt_fail(err, BANTAM_ERR_IO, "the server answers %ld%s%.150s", r->status,
                    *r->error_message ? ": " : "", r->error_message);
}

bantam_status bnt_http_get(bnt_http *http, const char *url, uint64_t from,
                           const bnt_http_sink *sink, bnt_http_reply *reply, bantam_error *err)
{
    bantam_error none;
    transfer t = {.http = http, .sink = sink, .reply = reply, .err = err ? err : &none};
    char *at = bnt_strdup(url, strlen(url));
    bantam_status status = BANTAM_OK;
    bool done = false;

    *reply = (bnt_http_reply){0};
    if (!at) return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory");
    for (int i = 0; i <= MAX_REDIRECTS && !status && !done; i++) {
        char *next;
        status = hop(&t, at, from, &next, t.err);
        done = !next;
        bnt_free(at);
        at = next;
    }
    if (!status && !done) {
        status = bnt_fail(t.err, BANTAM_ERR_FORMAT,
                          "the server leads on and on: more than %d redirects", MAX_REDIRECTS);
    }
    bnt_free(at);
    return status ? status : refuse(reply, t.err);
}
