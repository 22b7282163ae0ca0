/* hub_server.c - plays the Hugging Face hub for the tests of `bantam pull`, on this machine
 * only.
 *
 *     hub_server ROOT
 *
 * It listens on 127.0.0.1 and writes its port to ROOT/port. It answers
 *
 *     /api/models/ORG/REPO/revision/main   with ROOT/ORG/REPO.json
 *     /ORG/REPO/resolve/REVISION/FILE      with ROOT/ORG/REPO/FILE
 *     /cdn/ORG/REPO/FILE                   likewise: where redirects lead
 *
 * and adds a line to ROOT/log for each request: method, path, range, token. How it misbehaves
 * stands in ROOT/mode, words separated by blanks, read anew for each request; those that begin
 * with api- are for the first kind of address, the others for files.
 *
 *     status=N code=WORD   answers N, with X-Error-Code     once=N  that often only
 *     token=T              401 GatedRepo for anybody without it
 *     cut=N                closes after N bytes of a body   only=FILE  for this file alone
 *     norange shift 416    a range ignored, shifted, refused
 *     length=N             says so much and sends what there is
 *     nolength             says no length, and ends by closing
 *     longer wrong         adds bytes; changes one
 *     trickle              a byte every 20 ms
 *     headers              header upon header, without end
 *     redirect=TO          302 there: cdn (with X-Linked-*), relative, loop, or an address
 *     linked=HASH          X-Linked-Etag
 *     hold                 sends nothing while ROOT/hold exists
 *
 * It ends when ROOT/stop exists, or after ten minutes.
 */
#define _GNU_SOURCE /* strcasestr */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { TEXT = 4096, MAX_REQUEST = 16384 };

static const char *root;
static int port;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

typedef struct request {
    int fd;
    char method[16], path[TEXT], range[64], token[256], mode[TEXT];
    bool api;
} request;

/* ---- the mode ---------------------------------------------------------------------------- */

static void read_mode(request *r)
{
    char path[TEXT];

    snprintf(path, sizeof path, "%s/mode", root);
    FILE *f = fopen(path, "r");
    const size_t n = f ? fread(r->mode, 1, sizeof r->mode - 1, f) : 0;
    r->mode[n] = '\0';
    for (char *c = r->mode; *c; c++) {
        if (*c == '\n') *c = ' ';
    }
    if (f) fclose(f);
}

/* Finds a word of the mode; its value, cut at the next blank, goes to value. */
static bool has(const request *r, const char *word, char *value, size_t capacity)
{
    char wanted[64];
    const size_t n =
        (size_t)snprintf(wanted, sizeof wanted, "%s%s", r->api ? "api-" : "", word);

    for (const char *at = r->mode; *at;) {
        const size_t length = strcspn(at, " ");
        if (length >= n && strncmp(at, wanted, n) == 0 && (length == n || at[n] == '=')) {
            if (value) {
                snprintf(value, capacity, "%.*s", length > n ? (int)(length - n - 1) : 0,
                         at + n + (length > n));
            }
            return true;
        }
        at += length;
        at += strspn(at, " ");
    }
    return false;
}

static long long number(const request *r, const char *word)
{
    char value[64];
    return has(r, word, value, sizeof value) ? atoll(value) : -1;
}

/* once=N: true while the word has been obeyed fewer than N times; counted in ROOT/count. */
static bool still(const request *r)
{
    const long long most = number(r, "once");
    char path[TEXT];
    int n = 0;

    if (most < 0) return true;
    pthread_mutex_lock(&lock);
    snprintf(path, sizeof path, "%s/count", root);
    FILE *f = fopen(path, "r");
    if (f) {
        if (fscanf(f, "%d", &n) != 1) n = 0;
        fclose(f);
    }
    f = fopen(path, "w");
    if (f) {
        fprintf(f, "%d\n", n + 1);
        fclose(f);
    }
    pthread_mutex_unlock(&lock);
    return n < most;
}

/* ---- sending ----------------------------------------------------------------------------- */

static bool put(int fd, const char *data, size_t size)
{
    while (size) {
        const ssize_t n = send(fd, data, size, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        data += n;
        size -= (size_t)n;
    }
    return true;
}

static void wait_ms(int ms)
{
    const struct timespec t = {ms / 1000, (long)(ms % 1000) * 1000000};
    nanosleep(&t, NULL);
}

static void answer(const request *r, int status, const char *more)
{
    char head[TEXT];
    const int n = snprintf(head, sizeof head,
                           "HTTP/1.1 %d Words\r\nContent-Length: 6\r\nConnection: close\r\n"
                           "%s\r\nnothing",
                           status, more);
    put(r->fd, head, (size_t)n - 1); /* "nothin" is 6 bytes */
}

static void flood(const request *r)
{
    char line[1024];

    put(r->fd, "HTTP/1.1 200 OK\r\n", 17);
    for (int i = 0; i < 100000; i++) {
        const int n = snprintf(line, sizeof line, "X-Flood-%d: %0500d\r\n", i, i);
        if (!put(r->fd, line, (size_t)n)) return;
    }
}

/* ---- files ------------------------------------------------------------------------------- */

static void body(const request *r, int file, long long from, long long to)
{
    const long long cut = number(r, "cut");
    const bool trickle = has(r, "trickle", NULL, 0), wrong = has(r, "wrong", NULL, 0);
    char block[65536], path[TEXT];
    long long sent = 0;
    struct stat st;

    snprintf(path, sizeof path, "%s/hold", root);
    while (has(r, "hold", NULL, 0) && stat(path, &st) == 0) {
        wait_ms(20);
    }
    if (lseek(file, from, SEEK_SET) < 0) return;
    while (from + sent < to) {
        size_t size = trickle ? 1 : sizeof block;
        if ((long long)size > to - from - sent) size = (size_t)(to - from - sent);
        if (cut >= 0 && (long long)size > cut - sent) size = (size_t)(cut - sent);
        if (!size) break;
        const ssize_t n = read(file, block, size);
        if (n <= 0) break;
        if (wrong && sent == 0) block[0] ^= 1;
        if (!put(r->fd, block, (size_t)n)) return;
        sent += n;
        if (trickle) wait_ms(20);
    }
    if (has(r, "longer", NULL, 0)) put(r->fd, "more", 4);
}

static void send_file(const request *r, const char *path)
{
    char head[TEXT], extra[512] = "", linked[128];
    long long first = 0;
    struct stat st;
    const int file = open(path, O_RDONLY);

    if (file < 0 || fstat(file, &st) || !S_ISREG(st.st_mode)) {
        answer(r, 404, "X-Error-Code: EntryNotFound\r\nX-Error-Message: Entry not found\r\n");
        if (file >= 0) close(file);
        return;
    }
    const long long size = st.st_size;
    const bool ranged = *r->range && !has(r, "norange", NULL, 0);
    if (ranged) first = atoll(r->range) + (has(r, "shift", NULL, 0) ? 1 : 0);
    if (first > size || (ranged && has(r, "416", NULL, 0))) {
        answer(r, 416, "");
        close(file);
        return;
    }
    const long long length = number(r, "length");
    int n = snprintf(head, sizeof head, "HTTP/1.1 %s\r\nConnection: close\r\n",
                     ranged ? "206 Partial Content" : "200 OK");
    if (!has(r, "nolength", NULL, 0)) {
        n +=
            snprintf(head + n, sizeof head - (size_t)n, "Content-Length: %lld\r\n",
                     length >= 0 ? length : size - first + (has(r, "longer", NULL, 0) ? 4 : 0));
    }
    if (ranged) {
        snprintf(extra, sizeof extra, "Content-Range: bytes %lld-%lld/%lld\r\n", first,
                 size - 1, size);
    }
    if (has(r, "linked", linked, sizeof linked)) {
        n += snprintf(head + n, sizeof head - (size_t)n, "X-Linked-Etag: \"%s\"\r\n", linked);
    }
    n += snprintf(head + n, sizeof head - (size_t)n, "%s\r\n", extra);
    if (put(r->fd, head, (size_t)n)) body(r, file, first, size);
    close(file);
}

/* 302 to where the mode says. rest is ORG/REPO/FILE. */
static bool redirect(const request *r, const char *rest, const char *file)
{
    char to[TEXT / 4], more[TEXT * 2];
    struct stat st;

    if (!has(r, "redirect", to, sizeof to)) return false;
    if (strcmp(to, "cdn") == 0) {
        snprintf(more, sizeof more,
                 "Location: http://localhost:%d/cdn/%s\r\nX-Linked-Size: %lld\r\n", port, rest,
                 stat(file, &st) == 0 ? (long long)st.st_size : 0);
    } else if (strcmp(to, "relative") == 0) {
        snprintf(more, sizeof more, "Location: /cdn/%s\r\n", rest);
    } else if (strcmp(to, "loop") == 0) {
        snprintf(more, sizeof more, "Location: %s\r\n", r->path);
    } else {
        snprintf(more, sizeof more, "Location: %s\r\n", to);
    }
    answer(r, 302, more);
    return true;
}

/* ---- requests ---------------------------------------------------------------------------- */

static bool refused(const request *r)
{
    char token[256], code[128], more[512] = "";
    const long long status = number(r, "status");

    if (has(r, "token", token, sizeof token) && strcmp(token, r->token) != 0) {
        answer(r, 401,
               *r->token ? "X-Error-Message: Invalid credentials\r\n"
                         : "X-Error-Code: GatedRepo\r\n");
        return true;
    }
    if (status < 0 || !still(r)) return false;
    if (has(r, "code", code, sizeof code)) {
        snprintf(more, sizeof more, "X-Error-Code: %.100s\r\nX-Error-Message: says no\r\n",
                 code);
    }
    answer(r, (int)status, more);
    return true;
}

static void serve_api(const request *r)
{
    char path[TEXT + 256];
    const char *const name = r->path + strlen("/api/models/");
    const char *const end = strstr(name, "/revision/");

    if (refused(r)) return;
    if (has(r, "headers", NULL, 0)) {
        flood(r);
        return;
    }
    snprintf(path, sizeof path, "%s/%.*s.json", root, end ? (int)(end - name) : 0, name);
    if (access(path, R_OK) != 0) {
        answer(r, 401,
               "X-Error-Code: RepoNotFound\r\nX-Error-Message: Repository not found\r\n");
        return;
    }
    send_file(r, path);
}

static void serve_file(request *r, bool cdn)
{
    char path[TEXT + 256], rest[TEXT], only[256];
    const char *const mark = strstr(r->path, "/resolve/");

    if (cdn) {
        snprintf(rest, sizeof rest, "%s", r->path + strlen("/cdn/"));
    } else if (mark) {
        const char *const file = strchr(mark + strlen("/resolve/"), '/');
        snprintf(rest, sizeof rest, "%.*s%s", (int)(mark - r->path - 1), r->path + 1,
                 file ? file : "");
    } else {
        answer(r, 404, "");
        return;
    }
    snprintf(path, sizeof path, "%s/%s", root, rest);
    const size_t n = strlen(rest);
    if (has(r, "only", only, sizeof only) &&
        (n < strlen(only) || strcmp(rest + n - strlen(only), only) != 0)) {
        r->mode[0] = '\0';
    }
    if (strstr(path, "..")) {
        answer(r, 404, "");
    } else if (!cdn && refused(r)) {
        return;
    } else if (!cdn && redirect(r, rest, path)) {
        return;
    } else if (has(r, "headers", NULL, 0)) {
        flood(r);
    } else {
        send_file(r, path);
    }
}

static void log_request(const request *r)
{
    char path[TEXT];

    pthread_mutex_lock(&lock);
    snprintf(path, sizeof path, "%s/log", root);
    FILE *f = fopen(path, "a");
    if (f) {
        fprintf(f, "%s %s range=%s token=%s\n", r->method, r->path, r->range, r->token);
        fclose(f);
    }
    pthread_mutex_unlock(&lock);
}

static void take_header(const char *text, const char *name, const char *prefix, char *out,
                        size_t capacity)
{
    const char *at = strcasestr(text, name);

    if (!at) return;
    at += strlen(name);
    at += strspn(at, " ");
    if (strncmp(at, prefix, strlen(prefix)) != 0) return;
    at += strlen(prefix);
    snprintf(out, capacity, "%.*s", (int)strcspn(at, "\r\n"), at);
}

static void *serve(void *argument)
{
    request r = {.fd = (int)(intptr_t)argument};
    char text[MAX_REQUEST + 1];
    size_t n = 0;

    while (n < MAX_REQUEST && (n < 4 || !strstr(text, "\r\n\r\n"))) {
        const ssize_t got = recv(r.fd, text + n, MAX_REQUEST - n, 0);
        if (got <= 0) break;
        n += (size_t)got;
        text[n] = '\0';
    }
    text[n] = '\0';
    if (sscanf(text, "%15s %4095s", r.method, r.path) == 2) {
        take_header(text, "\nrange:", "bytes=", r.range, sizeof r.range);
        take_header(text, "\nauthorization:", "Bearer ", r.token, sizeof r.token);
        char *const query = strchr(r.path, '?');
        if (query) *query = '\0';
        log_request(&r);
        read_mode(&r);
        r.api = strncmp(r.path, "/api/models/", 12) == 0;
        if (r.api)
            serve_api(&r);
        else
            serve_file(&r, strncmp(r.path, "/cdn/", 5) == 0);
    }
    /* What is closed with bytes unread resets the connection and loses what was sent. */
    shutdown(r.fd, SHUT_WR);
    close(r.fd);
    return NULL;
}

int main(int argc, char **argv)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof address;
    char path[TEXT], temp[TEXT];
    struct stat st;

    if (argc != 2) return 2;
    root = argv[1];
    signal(SIGPIPE, SIG_IGN);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) || listen(fd, 16) ||
        getsockname(fd, (struct sockaddr *)&address, &size)) {
        perror("hub_server");
        return 1;
    }
    port = ntohs(address.sin_port);
    snprintf(path, sizeof path, "%s/port", root);
    snprintf(temp, sizeof temp, "%s/port.new", root);
    FILE *f = fopen(temp, "w");
    if (!f || fprintf(f, "%d\n", port) < 0 || fclose(f) || rename(temp, path)) return 1;

    snprintf(path, sizeof path, "%s/stop", root);
    const time_t end = time(NULL) + 600;
    while (time(NULL) < end && stat(path, &st) != 0) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        pthread_t thread;
        if (poll(&p, 1, 200) <= 0) continue;
        const int one = accept(fd, NULL, NULL);
        if (one < 0) continue;
        if (pthread_create(&thread, NULL, serve, (void *)(intptr_t)one)) {
            close(one);
        } else {
            pthread_detach(thread);
        }
    }
    return 0;
}
