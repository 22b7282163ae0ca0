/* cmd_pull.c - `bantam pull`: a model from the Hugging Face hub, and a small form of it.
 *
 * This is the one command that reaches the network, and even it has no code for that: it opens
 * the library that has, libbantam-fetch, when it is called. No other file of the command names
 * that library, and none is linked to it.
 */
#include "bantam/fetch.h"
#include "cli_commands.h"
#include "cli_engine.h"
#include "cli_out.h"
#include "cli_signal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- the library ------------------------------------------------------------------------- */

typedef bantam_status (*fetch_fn)(const char *name, const bantam_fetch_options *options,
                                  bantam_fetched *out, bantam_error *err);

#ifdef BANTAM_FETCH_LIBRARY
#include <dlfcn.h>

/* It stays open until the process ends: what it has set up has no way to be taken back. */
static int open_library(fetch_fn *out)
{
    void *const library = dlopen(BANTAM_FETCH_LIBRARY, RTLD_NOW | RTLD_LOCAL);
    void *const symbol = library ? dlsym(library, "bantam_fetch") : NULL;

    if (!symbol) {
        return cli_fail_with(BANTAM_ERR_UNSUPPORTED, "pull needs %s: %s", BANTAM_FETCH_LIBRARY,
                             dlerror());
    }
    _Static_assert(sizeof *out == sizeof symbol, "POSIX: a function's address fits");
    memcpy(out, &symbol, sizeof symbol);
    return CLI_OK;
}
#else
static int open_library(fetch_fn *out)
{
    *out = NULL;
    return cli_fail_with(BANTAM_ERR_UNSUPPORTED,
                         "this bantam was built without libcurl and cannot fetch models; a "
                         "folder downloaded otherwise runs by its path");
}
#endif

/* ---- progress ---------------------------------------------------------------------------- */

typedef struct pulling {
    fetch_fn fetch;
    bantam_fetched got;
    bantam_name_info name;
    double shown_ms, since_ms, rate; /* bytes a millisecond, smoothed; 0: not known */
    uint64_t since_bytes;
} pulling;

static void put_progress(const pulling *p, const bantam_fetch_state *s)
{
    const double mb = 1e6, left = (double)(s->total - s->done);
    char time[32] = "";

    if (p->rate > 0.0 && s->total > s->done) {
        const double seconds = left / p->rate / 1e3;
        if (seconds < 100)
            snprintf(time, sizeof time, ", %.0f s left", seconds);
        else if (seconds < 360000)
            snprintf(time, sizeof time, ", %.0f min left", seconds / 60);
    }
    cli_progress_line("%" PRIu32 "/%" PRIu32 " %.*s: %.1f of %.1f MB, %.1f MB/s%s", s->index,
                      s->n_files, s->file.size > 40 ? 40 : (int)s->file.size, s->file.data,
                      (double)s->done / mb, (double)s->total / mb, p->rate * 1e3 / mb, time);
}

static bool on_progress(void *user, const bantam_fetch_state *s)
{
    pulling *p = user;
    const double now = cli_now_ms();

    if (cli_signal_caught()) return false;
    if (!cli_err_is_terminal() || !s->index || now - p->shown_ms < 200.0) return true;
    if (s->done < p->since_bytes || p->since_ms == 0.0) {
        p->since_bytes = s->done;
        p->since_ms = now;
    } else if (now - p->since_ms > 1000.0) {
        const double rate = (double)(s->done - p->since_bytes) / (now - p->since_ms);
        p->rate = p->rate > 0.0 ? 0.7 * p->rate + 0.3 * rate : rate;
        p->since_bytes = s->done;
        p->since_ms = now;
    }
    p->shown_ms = now;
    put_progress(p, s);
    return true;
}

static void on_note(void *user, const char *text)
{
    (void)user;
    cli_note("%s", text);
}

static bool on_quantizing(void *user, uint64_t done, uint64_t total)
{
    (void)user;
    cli_progress("quantize", done, total);
    return !cli_signal_caught();
}

/* ---- steps ------------------------------------------------------------------------------- */

static int fetch(pulling *p, const cli_args *args)
{
    bantam_error err = {0};
    const bantam_fetch_options o = {
        .struct_size = sizeof o,
        .stall_seconds = args->timeout,
        .progress = on_progress,
        .note = on_note,
        .user = p,
    };

    cli_signal_watched(true);
    const bantam_status failed = p->fetch(args->words[0], &o, &p->got, &err);
    cli_signal_watched(false);
    cli_progress("", 0, 0);
    if (!failed) return CLI_OK;
    if (failed == BANTAM_ERR_CANCELLED) cli_note("stopped; 'bantam pull' goes on from here");
    return cli_signal_fail(&err);
}

/* Makes the small form. type NULL: the name's own. */
static int make_form(const cli_args *args, const char *type, char path[PATH_MAX])
{
    bantam_error err = {0};
    const bantam_quantize_options o = {
        .struct_size = sizeof o,
        .type = type,
        .threads = args->threads,
        .progress = on_quantizing,
    };

    cli_signal_watched(true);
    const bantam_status failed = bantam_make_form(args->words[0], &o, path, PATH_MAX, &err);
    return cli_signal_end(failed, &err);
}

/* Looks for a model of the store by its name or, where that is empty, by its path. */
typedef struct looking {
    char name[320], path[PATH_MAX];
    bool found;
    uint64_t bytes;
} looking;

static bool is_text(bantam_text t, const char *text)
{
    return t.size == strlen(text) && memcmp(t.data, text, t.size) == 0;
}

static bool on_stored(void *user, const bantam_listed_model *m)
{
    looking *l = user;

    if (!is_text(m->source, "store")) return true;
    if (*l->name ? !is_text(m->name, l->name) : !is_text(m->path, l->path)) return true;
    snprintf(l->name, sizeof l->name, "%.*s", (int)m->name.size, m->name.data);
    snprintf(l->path, sizeof l->path, "%.*s", (int)m->path.size, m->path.data);
    l->bytes = m->bytes;
    l->found = true;
    return false;
}

static looking look_for(const char *name, const char *path)
{
    looking l = {.found = false};

    snprintf(l.name, sizeof l.name, "%s", name);
    snprintf(l.path, sizeof l.path, "%s", path);
    (void)bantam_list_models(on_stored, &l, NULL);
    return l;
}

/* ---- results ----------------------------------------------------------------------------- */

static json_t *json_fetched(const bantam_fetched *f)
{
    const bantam_text license = {f->license, strlen(f->license)};
    const bantam_text path = {f->path, strlen(f->path)};

    return json_pack("{s:s,s:s,s:s,s:o,s:o,s:I,s:I,s:I,s:I,s:b}", "name", f->name, "repository",
                     f->repository, "revision", f->revision, "license", cli_json_text(license),
                     "path", cli_json_text(path), "bytes", (json_int_t)f->bytes,
                     "received_bytes", (json_int_t)f->received, "files", (json_int_t)f->n_files,
                     "verified_files", (json_int_t)f->n_verified, "was_there", f->was_there);
}

static void put_line(const char *name, uint64_t bytes, const char *path)
{
    cli_printf("%-32s %9.1f MB  ", name, (double)bytes / 1e6);
    cli_put_text((bantam_text){path, strlen(path)});
    cli_put("\n", 1);
}

/* What was fetched, what was made, or both. */
static void put_result(const pulling *p, const cli_args *args, const looking *made,
                       const char *type)
{
    if (!args->json) {
        if (*p->got.path) put_line(p->got.name, p->got.bytes, p->got.path);
        if (made) put_line(made->name, made->bytes, made->path);
        return;
    }
    json_t *root = *p->got.path ? json_fetched(&p->got) : json_object();
    if (made) {
        const bantam_text path = {made->path, strlen(made->path)};
        json_object_set_new(root, "quantized",
                            json_pack("{s:s,s:s,s:o,s:I}", "name", made->name, "type", type,
                                      "path", cli_json_text(path), "bytes",
                                      (json_int_t)made->bytes));
    }
    cli_put_json(root);
}

/* What a form was made of, where nobody had asked for it. */
static void remove_source(pulling *p)
{
    bantam_error err = {0};

    if (bantam_remove_model(p->got.name, NULL, NULL, &err)) {
        cli_note("%s stays: %s", p->got.name, err.message);
        return;
    }
    cli_verbose("removed %s, of which the small form was made", p->got.name);
    memset(&p->got, 0, sizeof p->got);
}

/* NAME-q4: the form is what is wanted, and what it is made of is fetched for that alone, unless
 * it is there. */
static int pull_form(pulling *p, const cli_args *args)
{
    char path[PATH_MAX];
    looking made = look_for(p->name.name, "");

    if (made.found) {
        cli_note("%s is there; 'bantam rm' it to have it made anew", p->name.name);
        put_result(p, args, &made, p->name.form);
        return CLI_OK;
    }
    bantam_name_info source = {.made_here = false};
    (void)bantam_read_name(p->name.repository, &source, NULL);
    const bool had = look_for(source.name, "").found;
    int status = fetch(p, args);
    if (!status) status = make_form(args, NULL, path);
    if (status) return status;
    if (!had)
        remove_source(p);
    else
        memset(&p->got, 0, sizeof p->got);
    made = look_for(p->name.name, "");
    put_result(p, args, &made, p->name.form);
    return CLI_OK;
}

/* The model as published and, with --quantize, a small form beside it. */
static int pull_both(pulling *p, const cli_args *args)
{
    char path[PATH_MAX];
    looking made = {.found = false};

    int status = fetch(p, args);
    if (!status && args->make) status = make_form(args, args->make, path);
    if (status) return status;
    if (args->make)
        made = look_for("", path);
    else if (p->got.was_there)
        cli_note("%s is up to date", p->got.name);
    put_result(p, args, made.found ? &made : NULL, args->make);
    return CLI_OK;
}

int cli_pull(const cli_args *args)
{
    pulling p = {.fetch = NULL};
    bantam_error err = {0};

    if (bantam_read_name(args->words[0], &p.name, &err)) return cli_fail(&err);
    if (p.name.made_here && args->make) {
        return cli_usage("%s is a small form already: give either the form or --quantize",
                         p.name.name);
    }
    const int status = open_library(&p.fetch);
    if (status) return status;
    return p.name.made_here ? pull_form(&p, args) : pull_both(&p, args);
}
