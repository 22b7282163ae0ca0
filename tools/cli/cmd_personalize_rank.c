/* cmd_personalize_rank.c - `bantam personalize rank`: items in the reader's order, each with a
 * sentence that says why. */
#include "cli_personal.h"

#ifdef BANTAM_PROFILE
#include "cli_engine.h"
#include "cli_out.h"
#include "cli_signal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    VECTOR_TOKENS = 128, /* of a text that its vector is made of */
    KEEP_EVERY = 64,     /* vectors are kept so many at a time: a stop loses no more */
    LIKED_TITLES = 4     /* that the model's likelihood is asked behind */
};

typedef struct ranking {
    const cli_args *args;
    const char *path;
    cli_item *items;
    bantam_item *views;
    size_t n, capacity;
    cli_history h;
    bantam_profile *profile; /* NULL: there is none */
    cli_engine engine;
    uint8_t model[32];
    uint32_t n_vector;
    float *vectors; /* (n + h.n_items, n_vector): the items', then the history's */
    double *affinity;
    bantam_ranked *order;
} ranking;

/* ---- items ------------------------------------------------------------------------------- */

static int on_line(void *user, const json_t *object, size_t line)
{
    ranking *const r = user;

    if (r->n == r->capacity) {
        r->capacity = r->capacity ? 2 * r->capacity : 64;
        r->items = cli_grow(r->items, r->capacity, sizeof *r->items);
    }
    const int status = cli_item_read(&r->items[r->n], object, r->path, line);
    r->n += !status;
    return status;
}

static int read_items(ranking *r)
{
    const int status = cli_read_lines(r->path, on_line, r);

    if (status) return status;
    r->views = cli_grow(NULL, r->n + 1, sizeof *r->views);
    for (size_t i = 0; i < r->n; i++) {
        r->views[i] = (bantam_item){.title = cli_text_of(r->items[i].title),
                                    .text = cli_text_of(r->items[i].text),
                                    .time = r->items[i].time};
    }
    return CLI_OK;
}

/* ---- vectors ----------------------------------------------------------------------------- */

static bantam_item *view(ranking *r, size_t i)
{
    return i < r->n ? &r->views[i] : &r->h.views[i - r->n];
}

/* Title and text as the model reads them. */
static bantam_status make_vector(ranking *r, const bantam_item *item, float *out,
                                 bantam_error *err)
{
    cli_buf text = {0};

    cli_buf_add(&text, item->title.data, item->title.size);
    cli_buf_add(&text, "\n", 1);
    cli_buf_add(&text, item->text.data, item->text.size);
    /* More bytes than its tokens could have need not be encoded. */
    const size_t size = text.size < 64 * VECTOR_TOKENS ? text.size : 64 * VECTOR_TOKENS;
    const bantam_status status =
        bantam_text_vector(r->engine.session, (bantam_text){text.data, size}, out, err);
    cli_buf_free(&text);
    return status;
}

/* Those computed since they were last kept. */
typedef struct fresh {
    uint64_t keys[KEEP_EVERY];
    float *vectors; /* (KEEP_EVERY, n_vector), owns */
    size_t n;
} fresh;

static bantam_status keep(ranking *r, fresh *f, bantam_error *err)
{
    if (!f->n) return BANTAM_OK;
    const bantam_status status = bantam_profile_keep_vectors(
        r->profile, r->model, f->keys, f->n, f->vectors, r->n_vector, err);
    f->n = 0;
    return status;
}

static bantam_status get_vectors(ranking *r, fresh *f, bantam_error *err)
{
    const size_t n = r->n + r->h.n_items;

    for (size_t i = 0; i < n; i++) {
        bantam_item *const item = view(r, i);
        float *const vector = r->vectors + i * r->n_vector;
        const uint64_t key = bantam_profile_key(item->title, item->text);
        bool found;
        bantam_status status =
            bantam_profile_vector(r->profile, r->model, key, vector, r->n_vector, &found, err);
        if (!status && !found) {
            status = make_vector(r, item, vector, err);
            if (status) return status;
            f->keys[f->n] = key;
            memcpy(f->vectors + f->n++ * r->n_vector, vector, r->n_vector * sizeof *vector);
            if (f->n == KEEP_EVERY) status = keep(r, f, err);
            cli_progress("reading", i, n);
        }
        if (status) return status;
        item->vector = vector;
    }
    return BANTAM_OK;
}

static int failed(const bantam_error *err)
{
    const int status = cli_fail(err);
    return status == CLI_INTERRUPTED ? cli_signal_status() : status;
}

static int read_vectors(ranking *r)
{
    fresh f = {.n = 0};
    bantam_error err = {0};

    bantam_model_identity(r->engine.model, r->model);
    r->n_vector = r->engine.info.n_embd;
    r->vectors = cli_grow(NULL, (r->n + r->h.n_items + 1) * r->n_vector, sizeof *r->vectors);
    f.vectors = cli_grow(NULL, (size_t)KEEP_EVERY * r->n_vector, sizeof *f.vectors);
    bantam_status status = get_vectors(r, &f, &err);
    /* What is computed is kept also after a stop. */
    const bantam_status kept = keep(r, &f, status ? NULL : &err);
    cli_progress("", 0, 0);
    free(f.vectors);
    return status || kept ? failed(&err) : CLI_OK;
}

/* ---- order ------------------------------------------------------------------------------- */

static int order(ranking *r)
{
    const bantam_history h = {r->h.views, r->h.n_items, r->h.events, r->h.n_events,
                              r->n_vector};
    const bantam_rank_options o = {
        .struct_size = sizeof o,
        .explore = r->args->personal.explore > 0.0 ? r->args->personal.explore : -1.0,
        .half_life_days = r->args->personal.half_life,
        .affinity = r->affinity};
    bantam_error err = {0};

    return bantam_rank(&h, r->views, r->n, &o, r->order, &err) ? cli_fail(&err) : CLI_OK;
}

/* The latest titles that were liked, one a line. */
static void liked_titles(const ranking *r, cli_buf *out)
{
    int n = 0;

    *out = (cli_buf){0};
    for (size_t i = r->h.n_events; i-- > 0 && n < LIKED_TITLES;) {
        const char *const title = r->h.items[r->h.events[i].item].title;
        if (r->h.events[i].kind != BANTAM_EVENT_LIKED || !*title) continue;
        cli_buf_add(out, title, strlen(title));
        cli_buf_add(out, "\n", 1);
        n++;
    }
}

/* Asks how likely the model finds the titles of the first items behind those that were liked,
 * and orders anew. */
static int ask_likelihood(ranking *r)
{
    const size_t n = r->args->personal.likelihood < r->n ? r->args->personal.likelihood : r->n;
    bantam_error err = {0};
    cli_buf liked;

    liked_titles(r, &liked);
    if (n < 2 || liked.size == 0) {
        cli_buf_free(&liked);
        return CLI_OK;
    }
    bantam_text *const titles = cli_grow(NULL, n, sizeof *titles);
    double *const got = cli_grow(NULL, n, sizeof *got);
    for (size_t i = 0; i < n; i++)
        titles[i] = r->views[r->order[i].item].title;
    const bantam_status status = bantam_text_affinity(
        r->engine.session, (bantam_text){liked.data, liked.size}, titles, n, got, &err);
    r->affinity = cli_grow(NULL, r->n, sizeof *r->affinity);
    for (size_t i = 0; i < r->n; i++)
        r->affinity[i] = (double)NAN;
    for (size_t i = 0; i < n && !status; i++)
        r->affinity[r->order[i].item] = got[i];
    free(titles);
    free(got);
    cli_buf_free(&liked);
    return status ? failed(&err) : order(r);
}

/* ---- why --------------------------------------------------------------------------------- */

static void add(cli_buf *out, const char *text)
{
    cli_buf_add(out, text, strlen(text));
}

/* A title, or as much of it as a sentence takes. */
static void add_title(cli_buf *out, const cli_item *item)
{
    const char *const title = *item->title ? item->title : item->id;
    size_t n = 0;

    while (title[n] && n < 60) {
        uint32_t c;
        const size_t size = cli_utf8_next(title + n, strlen(title + n), &c);
        n += size ? size : 1;
    }
    add(out, "\"");
    cli_buf_add(out, title, n);
    add(out, title[n] ? "...\"" : "\"");
}

static void add_event(cli_buf *out, const bantam_event *e)
{
    static const char *const did[] = {[BANTAM_EVENT_SHOWN] = "passed over",
                                      [BANTAM_EVENT_LIKED] = "liked",
                                      [BANTAM_EVENT_SKIPPED] = "skipped",
                                      [BANTAM_EVENT_DWELT] = "read"};
    char ago[64];

    add(out, ", which you ");
    add(out, did[e->kind]);
    add(out, " ");
    add(out, cli_ago(e->time, cli_now(), ago, sizeof ago));
}

static void add_words(cli_buf *out, const bantam_ranked *it)
{
    if (!it->words[0][0]) return;
    add(out, "; both have ");
    for (size_t i = 0; i < BANTAM_REASON_WORDS && it->words[i][0]; i++) {
        const bool last = i + 1 == BANTAM_REASON_WORDS || !it->words[i + 1][0];
        add(out, i == 0 ? "" : last ? " and " : ", ");
        add(out, it->words[i]);
    }
}

static void explain(const ranking *r, const bantam_ranked *it, cli_buf *out)
{
    const cli_item *const item = &r->items[it->item];
    char ago[64];

    *out = (cli_buf){0};
    switch (it->reason) {
    case BANTAM_REASON_LIKED:
    case BANTAM_REASON_SKIPPED: {
        const bantam_event *const e = &r->h.events[it->event];
        add(out, it->reason == BANTAM_REASON_LIKED ? "Near " : "Lower, because it is near ");
        add_title(out, &r->h.items[e->item]);
        add_event(out, e);
        add_words(out, it);
        break;
    }
    case BANTAM_REASON_NEW:
        add(out, "Something new: you have met little like it");
        break;
    case BANTAM_REASON_RECENT:
        add(out, "Nothing you have met says much about it");
        if (item->time) {
            add(out, "; it is from ");
            add(out, cli_ago(item->time, cli_now(), ago, sizeof ago));
        }
        break;
    }
    if (it->repetition < -0.05) add(out, "; lower, as it repeats an item above");
    add(out, ".");
}

/* ---- output ------------------------------------------------------------------------------ */

static void put_json(const ranking *r, size_t place, const cli_buf *why)
{
    static const char *const reasons[] = {[BANTAM_REASON_RECENT] = "recent",
                                          [BANTAM_REASON_LIKED] = "liked",
                                          [BANTAM_REASON_SKIPPED] = "skipped",
                                          [BANTAM_REASON_NEW] = "new"};
    const bantam_ranked *const it = &r->order[place];
    json_t *const words = json_array();

    for (size_t i = 0; i < BANTAM_REASON_WORDS && it->words[i][0]; i++)
        json_array_append_new(words, cli_json_text(cli_text_of(it->words[i])));
    json_t *const because =
        it->event == SIZE_MAX
            ? json_null()
            : cli_json_text(cli_text_of(r->h.items[r->h.events[it->event].item].id));
    cli_put_json(json_pack("{s:o,s:I,s:f,s:o,s:s,s:o,s:o,s:{s:f,s:f,s:f,s:f,s:f}}", "id",
                           cli_json_text(cli_text_of(r->items[it->item].id)), "place",
                           (json_int_t)(place + 1), "score", it->score, "why",
                           cli_json_text((bantam_text){why->data, why->size}), "reason",
                           reasons[it->reason], "because", because, "words", words, "parts",
                           "evidence", it->evidence, "affinity", it->affinity, "recency",
                           it->recency, "repetition", it->repetition, "unknown", it->unknown));
}

static void put(const ranking *r)
{
    const size_t top = r->args->personal.top;
    const size_t n = top && top < r->n ? top : r->n;

    for (size_t i = 0; i < n; i++) {
        const cli_item *const item = &r->items[r->order[i].item];
        cli_buf why;
        explain(r, &r->order[i], &why);
        if (r->args->json) {
            put_json(r, i, &why);
        } else {
            cli_printf("%3zu. ", i + 1);
            cli_put_text(cli_text_of(*item->title ? item->title : item->id));
            cli_printf("\n     ");
            cli_put_text((bantam_text){why.data, why.size});
            cli_printf("\n");
        }
        cli_buf_free(&why);
    }
}

/* ---- the verb ---------------------------------------------------------------------------- */

static int rank(ranking *r)
{
    int status = read_items(r);

    if (!status) status = cli_profile_open(r->args, false, &r->profile);
    if (!status) status = cli_history_read(&r->h, r->profile);
    if (status) return status;
    if (r->h.n_events == 0) cli_note("nothing is known of the reader: newest first");
    r->order = cli_grow(NULL, r->n + 1, sizeof *r->order);
    /* Without events nothing is near anything, and no model is needed. */
    const bool with_model = !r->args->personal.no_model && r->h.n_events > 0 && r->n > 0;
    if (with_model) {
        cli_args own = *r->args;
        own.words[0] = r->args->personal.model ? r->args->personal.model : "bantam-mini";
        status = cli_engine_open(&r->engine, &own, VECTOR_TOKENS);
        if (!status) status = read_vectors(r);
    }
    if (!status) status = order(r);
    if (!status && with_model) status = ask_likelihood(r);
    if (!status) put(r);
    if (with_model) cli_engine_close(&r->engine);
    return status;
}

int cli_personal_rank(const cli_args *args)
{
    ranking r = {.args = args, .path = args->n_words > 1 ? args->words[1] : "-"};
    const int status = rank(&r);

    for (size_t i = 0; i < r.n; i++)
        cli_item_free(&r.items[i]);
    free(r.items);
    free(r.views);
    cli_history_free(&r.h);
    bantam_profile_close(r.profile);
    free(r.vectors);
    free(r.affinity);
    free(r.order);
    return status;
}
#endif
