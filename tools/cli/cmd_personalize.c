/* cmd_personalize.c - `bantam personalize`: which verb, and those about the profile itself. */
#include "cli_commands.h"
#include "cli_out.h"

#include <string.h>

#ifdef BANTAM_PROFILE
#include "cli_personal.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { MAX_TOPICS = 12 };

/* ---- add --------------------------------------------------------------------------------- */

/* Events of a file, and then all of them in one step; wishes one by one, behind them. */
typedef struct adding {
    const char *path;
    cli_item *items;
    bantam_profile_event *events;
    size_t n;
    char **wishes;
    int64_t *wish_times;
    size_t n_wishes;
} adding;

static void adding_free(adding *a)
{
    for (size_t i = 0; i < a->n; i++)
        cli_item_free(&a->items[i]);
    for (size_t i = 0; i < a->n_wishes; i++)
        free(a->wishes[i]);
    free(a->items);
    free(a->events);
    free(a->wishes);
    free(a->wish_times);
}

static void add_item(adding *a, const cli_item *item, bantam_event_kind kind, double seconds)
{
    if ((a->n & (a->n - 1)) == 0) {
        const size_t capacity = a->n ? 2 * a->n : 1;
        a->items = cli_grow(a->items, capacity, sizeof *a->items);
        a->events = cli_grow(a->events, capacity, sizeof *a->events);
    }
    a->items[a->n] = *item;
    a->events[a->n] = (bantam_profile_event){.id = cli_text_of(item->id),
                                             .title = cli_text_of(item->title),
                                             .text = cli_text_of(item->text),
                                             .kind = kind,
                                             .seconds = seconds,
                                             .time = item->time ? item->time : cli_now()};
    a->n++;
}

static int add_wish(adding *a, const json_t *object, const char *wish, size_t line)
{
    const json_t *const time = json_object_get(object, "time");

    if (time && !json_is_integer(time)) {
        return cli_fail_with(BANTAM_ERR_FORMAT, "%s: line %zu: \"time\": expected seconds",
                             a->path, line);
    }
    a->wishes = cli_grow(a->wishes, a->n_wishes + 1, sizeof *a->wishes);
    a->wish_times = cli_grow(a->wish_times, a->n_wishes + 1, sizeof *a->wish_times);
    a->wishes[a->n_wishes] = cli_grow(NULL, strlen(wish) + 1, 1);
    memcpy(a->wishes[a->n_wishes], wish, strlen(wish) + 1);
    a->wish_times[a->n_wishes++] = time ? (int64_t)json_integer_value(time) : cli_now();
    return CLI_OK;
}

static int on_line(void *user, const json_t *object, size_t line)
{
    adding *const a = user;
    const char *const name = json_string_value(json_object_get(object, "event"));
    const char *const wish = json_string_value(json_object_get(object, "wish"));
    const json_t *const seconds = json_object_get(object, "seconds");
    bantam_event_kind kind;
    cli_item item;

    if (wish && !name) return add_wish(a, object, wish, line);
    if (!name || !cli_event_kind(name, &kind)) {
        return cli_fail_with(BANTAM_ERR_FORMAT,
                             "%s: line %zu: \"event\": expected shown, liked, skipped or dwelt",
                             a->path, line);
    }
    if (seconds && !(json_number_value(seconds) >= 0.0 && json_is_number(seconds))) {
        return cli_fail_with(BANTAM_ERR_FORMAT,
                             "%s: line %zu: \"seconds\": expected a number of 0 or more",
                             a->path, line);
    }
    const int status = cli_item_read(&item, object, a->path, line);
    if (!status) add_item(a, &item, kind, json_number_value(seconds));
    return status;
}

/* The one event that the options tell of. */
static int add_option(adding *a, const cli_args *args)
{
    cli_item item = {0};
    bantam_event_kind kind;
    cli_buf text = {0};
    bantam_error err = {0};

    if (!args->personal.id) return cli_usage("--id ID is missing");
    if (args->personal.time && !cli_read_time(args->personal.time, &item.time)) {
        return cli_usage("--time: '%s' is neither seconds since 1970 nor YYYY-MM-DD[THH:MM]",
                         args->personal.time);
    }
    if (!cli_event_kind(args->personal.event, &kind)) return cli_usage("--event");
    if (args->personal.text && args->personal.file) {
        return cli_usage("--text and --file exclude each other");
    }
    if (args->personal.file && cli_read_file(args->personal.file, &text, &err)) {
        return cli_fail(&err);
    }
    if (args->personal.text) {
        cli_buf_add(&text, args->personal.text, strlen(args->personal.text));
    }
    cli_buf_add(&text, "", 1);
    item.text = text.data;
    item.id = strdup(args->personal.id);
    item.title = strdup(args->personal.title ? args->personal.title : "");
    if (!item.id || !item.title) cli_out_of_memory();
    add_item(a, &item, kind, args->personal.seconds);
    return CLI_OK;
}

static int profile_add(const cli_args *args)
{
    adding a = {.path = args->n_words > 2 ? args->words[2] : "-"};
    bantam_profile *profile = NULL;
    bantam_error err = {0};

    if (args->personal.event && args->n_words > 2) {
        return cli_usage("'%s' and --event exclude each other", args->words[2]);
    }
    int status =
        args->personal.event ? add_option(&a, args) : cli_read_lines(a.path, on_line, &a);
    if (!status) status = cli_profile_open(args, true, &profile);
    if (!status && bantam_profile_add(profile, a.events, a.n, &err)) status = cli_fail(&err);
    for (size_t i = 0; i < a.n_wishes && !status; i++) {
        if (bantam_profile_wish(profile, cli_text_of(a.wishes[i]), a.wish_times[i], &err)) {
            status = cli_fail(&err);
        }
    }
    bantam_profile_close(profile);
    if (!status && args->json) {
        cli_put_json(json_pack("{s:I,s:I}", "events", (json_int_t)a.n, "wishes",
                               (json_int_t)a.n_wishes));
    }
    adding_free(&a);
    return status;
}

static int profile_prefer(const cli_args *args)
{
    bantam_profile *profile;
    bantam_error err = {0};

    if (args->n_words < 3)
        return cli_usage("what do you prefer? 'prefer \"short, no sports\"'");
    int status = cli_profile_open(args, true, &profile);
    if (!status && bantam_profile_wish(profile, cli_text_of(args->words[2]), cli_now(), &err)) {
        status = cli_fail(&err);
    }
    bantam_profile_close(profile);
    return status;
}

/* ---- show -------------------------------------------------------------------------------- */

typedef struct showing {
    char path[PATH_MAX];
    bantam_profile_info info;
    cli_history h;
    size_t counts[BANTAM_EVENT_DWELT + 1];
    bantam_topic topics[MAX_TOPICS];
    size_t n_topics;
    bool has_adapter;
} showing;

static json_t *words_json(char (*words)[BANTAM_WORD_BYTES], size_t n)
{
    json_t *const list = json_array();

    for (size_t i = 0; i < n && words[i][0]; i++)
        json_array_append_new(list, cli_json_text(cli_text_of(words[i])));
    return list;
}

static void show_json(showing *s)
{
    json_t *const topics = json_array(), *const wishes = json_array();

    for (size_t i = 0; i < s->n_topics; i++) {
        bantam_topic *const t = &s->topics[i];
        json_array_append_new(topics,
                              json_pack("{s:o,s:f,s:f,s:I,s:I}", "words",
                                        words_json(t->words, BANTAM_TOPIC_WORDS), "weight",
                                        t->weight, "welcome", t->welcome, "likes",
                                        (json_int_t)t->n_likes, "last", (json_int_t)t->last));
    }
    for (size_t i = 0; i < s->h.n_wishes; i++)
        json_array_append_new(wishes, cli_json_text(cli_text_of(s->h.wishes[i])));
    cli_put_json(json_pack("{s:o,s:I,s:I,s:{s:I,s:I,s:I,s:I},s:I,s:b,s:o,s:o}", "path",
                           cli_json_text(cli_text_of(s->path)), "bytes",
                           (json_int_t)s->info.bytes, "items", (json_int_t)s->info.n_items,
                           "events", "shown", (json_int_t)s->counts[BANTAM_EVENT_SHOWN],
                           "liked", (json_int_t)s->counts[BANTAM_EVENT_LIKED], "skipped",
                           (json_int_t)s->counts[BANTAM_EVENT_SKIPPED], "dwelt",
                           (json_int_t)s->counts[BANTAM_EVENT_DWELT], "vectors",
                           (json_int_t)s->info.n_vectors, "adapter", (int)s->has_adapter,
                           "wishes", wishes, "topics", topics));
}

static void show_text(showing *s)
{
    char ago[64];

    cli_printf("file     ");
    cli_put_text(cli_text_of(s->path));
    cli_printf(", %.1f kB\nitems    %" PRIu64 "\nevents   %zu shown, %zu liked, %zu skipped, "
               "%zu dwelt on\nvectors  %" PRIu64 "\nadapter  %s\n",
               (double)s->info.bytes / 1e3, s->info.n_items, s->counts[BANTAM_EVENT_SHOWN],
               s->counts[BANTAM_EVENT_LIKED], s->counts[BANTAM_EVENT_SKIPPED],
               s->counts[BANTAM_EVENT_DWELT], s->info.n_vectors,
               s->has_adapter ? "yes" : "none");
    for (size_t i = 0; i < s->h.n_wishes; i++) {
        cli_printf("wish     ");
        cli_put_text(cli_text_of(s->h.wishes[i]));
        cli_printf("\n");
    }
    for (size_t i = 0; i < s->n_topics; i++) {
        const bantam_topic *const t = &s->topics[i];
        cli_printf("topic    %3.0f %%  ", 100.0 * t->weight);
        for (size_t w = 0; w < BANTAM_TOPIC_WORDS && t->words[w][0]; w++) {
            cli_printf("%s", w ? ", " : "");
            cli_put_text(cli_text_of(t->words[w]));
        }
        cli_printf("  (%zu liked, last %s; welcome %.0f %%)\n", t->n_likes,
                   cli_ago(t->last, cli_now(), ago, sizeof ago), 100.0 * t->welcome);
    }
}

static int find_topics(showing *s)
{
    const bantam_history h = {s->h.views, s->h.n_items, s->h.events, s->h.n_events, 0};
    bantam_error err = {0};

    if (bantam_topics(&h, NULL, s->topics, MAX_TOPICS, &s->n_topics, &err)) {
        return cli_fail(&err);
    }
    for (size_t i = 0; i < s->h.n_events; i++)
        s->counts[s->h.events[i].kind]++;
    return CLI_OK;
}

static int profile_show(const cli_args *args)
{
    showing s = {.n_topics = 0};
    char adapter[PATH_MAX];
    bantam_profile *profile;
    bantam_error err = {0};
    int status = cli_profile_path(args, s.path, sizeof s.path);

    if (!status) status = cli_profile_beside(args, CLI_ADAPTER_SUFFIX, adapter, sizeof adapter);
    if (!status) status = cli_profile_open(args, false, &profile);
    if (status) return status;
    s.has_adapter = access(adapter, F_OK) == 0;
    if (profile && bantam_profile_describe(profile, &s.info, &err)) status = cli_fail(&err);
    if (!status) status = cli_history_read(&s.h, profile);
    if (!status) status = find_topics(&s);
    if (!status) {
        if (args->json)
            show_json(&s);
        else
            show_text(&s);
    }
    cli_history_free(&s.h);
    bantam_profile_close(profile);
    return status;
}

/* ---- export ------------------------------------------------------------------------------ */

static bool export_event(void *user, const bantam_profile_event *e, size_t item)
{
    (void)user;
    (void)item;
    json_t *const line = json_pack("{s:s,s:o,s:o,s:o,s:I}", "event", cli_event_name(e->kind),
                                   "id", cli_json_text(e->id), "title", cli_json_text(e->title),
                                   "text", cli_json_text(e->text), "time", (json_int_t)e->time);
    if (e->kind == BANTAM_EVENT_DWELT) {
        json_object_set_new(line, "seconds", cli_json_real(e->seconds));
    }
    cli_put_json(line);
    return true;
}

static bool export_wish(void *user, bantam_text wish, int64_t time)
{
    (void)user;
    cli_put_json(json_pack("{s:o,s:I}", "wish", cli_json_text(wish), "time", (json_int_t)time));
    return true;
}

static int profile_export(const cli_args *args)
{
    bantam_profile *profile;
    bantam_error err = {0};
    int status = cli_profile_open(args, false, &profile);

    if (profile && (bantam_profile_events(profile, export_event, NULL, &err) ||
                    bantam_profile_wishes(profile, export_wish, NULL, &err))) {
        status = cli_fail(&err);
    }
    bantam_profile_close(profile);
    return status;
}

/* ---- forget ------------------------------------------------------------------------------ */

/* What was made from texts that are to be forgotten holds something of them. */
static int remove_made(const cli_args *args)
{
    static const char *const suffixes[] = {CLI_ADAPTER_SUFFIX, CLI_ADAPT_DATA_SUFFIX};
    char path[PATH_MAX];

    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
        const int status = cli_profile_beside(args, suffixes[i], path, sizeof path);
        if (status) return status;
        if (unlink(path) && errno != ENOENT) {
            return cli_fail_with(BANTAM_ERR_IO, "%s: cannot remove it: %s", path,
                                 strerror(errno));
        }
    }
    return CLI_OK;
}

static int what_to_forget(const cli_args *args, bantam_profile_forgetting *out)
{
    const int n = (args->n_words > 2) + (args->personal.topic != NULL) +
                  (args->personal.before != NULL) + args->all;

    *out = (bantam_profile_forgetting){.all = args->all};
    if (n != 1) return cli_usage("give one of ID, --topic, --before and --all");
    if (args->n_words > 2) out->id = cli_text_of(args->words[2]);
    if (args->personal.topic) out->topic = cli_text_of(args->personal.topic);
    if (args->personal.before &&
        (!cli_read_time(args->personal.before, &out->before) || out->before == 0)) {
        return cli_usage("--before: '%s' is neither seconds since 1970 nor YYYY-MM-DD[THH:MM]",
                         args->personal.before);
    }
    if ((args->n_words > 2 && !out->id.size) || (args->personal.topic && !out->topic.size)) {
        return cli_usage("forget: the text is empty");
    }
    return CLI_OK;
}

static int profile_forget(const cli_args *args)
{
    bantam_profile_forgetting what;
    bantam_profile *profile = NULL;
    bantam_error err = {0};
    uint64_t n = 0;
    int status = what_to_forget(args, &what);

    if (!status) status = cli_profile_open(args, false, &profile);
    if (!status) status = remove_made(args);
    if (!status && profile && bantam_profile_forget(profile, &what, &n, &err)) {
        status = cli_fail(&err);
    }
    bantam_profile_close(profile);
    if (status) return status;
    if (args->json)
        cli_put_json(json_pack("{s:I}", "forgotten", (json_int_t)n));
    else
        cli_note("%" PRIu64 " event%s forgotten", n, n == 1 ? "" : "s");
    return CLI_OK;
}

/* ---- which ------------------------------------------------------------------------------- */

typedef struct verb {
    const char *name;
    int (*run)(const cli_args *args);
    size_t max_words; /* the verb's own included */
} verb;

static const verb profile_verbs[] = {
    {"add", profile_add, 3},       {"show", profile_show, 2},     {"forget", profile_forget, 3},
    {"export", profile_export, 2}, {"prefer", profile_prefer, 3}, {NULL, NULL, 0}};

static const verb verbs[] = {{"rank", cli_personal_rank, 2},
                             {"rewrite", cli_personal_rewrite, 2},
                             {"adapt", cli_personal_adapt, CLI_MAX_WORDS},
                             {NULL, NULL, 0}};

static int run_verb(const verb *list, const cli_args *args, size_t at, const char *names)
{
    const char *const name = args->n_words > at ? args->words[at] : NULL;

    for (const verb *v = list; name && v->name; v++) {
        if (strcmp(name, v->name) != 0) continue;
        if (args->n_words > v->max_words) {
            return cli_usage("'%s' is one word too many", args->words[v->max_words]);
        }
        return v->run(args);
    }
    if (!name) return cli_usage("expected one of %s", names);
    return cli_usage("'%s' is not one of %s", name, names);
}

int cli_personalize(const cli_args *args)
{
    if (strcmp(args->words[0], "profile") == 0) {
        return run_verb(profile_verbs, args, 1, "add, show, forget, export, prefer");
    }
    return run_verb(verbs, args, 0, "profile, rank, rewrite, adapt");
}
#else
int cli_personalize(const cli_args *args)
{
    (void)args;
    return cli_fail_with(BANTAM_ERR_UNSUPPORTED,
                         "this bantam was built without SQLite and keeps no profile");
}
#endif
