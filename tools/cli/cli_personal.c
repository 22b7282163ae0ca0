/* cli_personal.c - the profile as the command sees it; see cli_personal.h. */
#include "cli_personal.h"

#ifdef BANTAM_PROFILE
#include "cli_out.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

bantam_text cli_text_of(const char *text)
{
    return (bantam_text){text, strlen(text)};
}

static char *copy(bantam_text text)
{
    char *const own = cli_grow(NULL, text.size + 1, 1);

    if (text.size > 0) memcpy(own, text.data, text.size);
    own[text.size] = '\0';
    return own;
}

/* ---- the file ---------------------------------------------------------------------------- */

int cli_profile_path(const cli_args *args, char *path, size_t capacity)
{
    bantam_error err = {0};

    if (!args->personal.profile) {
        return bantam_profile_path(path, capacity, &err) ? cli_fail(&err) : CLI_OK;
    }
    const int n = snprintf(path, capacity, "%s", args->personal.profile);
    if (n <= 0 || (size_t)n >= capacity) return cli_usage("--profile: not a path");
    return CLI_OK;
}

int cli_profile_beside(const cli_args *args, const char *suffix, char *path, size_t capacity)
{
    const int status = cli_profile_path(args, path, capacity);
    const size_t n = status ? 0 : strlen(path);

    if (status) return status;
    if (n + strlen(suffix) >= capacity) return cli_usage("the profile's path is too long");
    memcpy(path + n, suffix, strlen(suffix) + 1);
    return CLI_OK;
}

int cli_profile_open(const cli_args *args, bool make, bantam_profile **out)
{
    char path[PATH_MAX];
    bantam_error err = {0};
    const int status = cli_profile_path(args, path, sizeof path);

    *out = NULL;
    if (status) return status;
    if (!make && access(path, F_OK) != 0) return CLI_OK;
    return bantam_profile_open(out, path, make, &err) ? cli_fail(&err) : CLI_OK;
}

/* ---- history ----------------------------------------------------------------------------- */

/* Room for one more of n: capacities are powers of two. */
static void *grow_by_one(void *items, size_t n, size_t size)
{
    return (n & (n - 1)) == 0 ? cli_grow(items, n ? 2 * n : 1, size) : items;
}

static bool on_event(void *user, const bantam_profile_event *e, size_t item)
{
    cli_history *const h = user;

    if (item == h->n_items) {
        h->items = grow_by_one(h->items, h->n_items, sizeof *h->items);
        h->items[h->n_items++] = (cli_item){copy(e->id), copy(e->title), copy(e->text), 0};
    }
    if (item >= h->n_items) return true; /* a profile that contradicts itself */
    h->events = grow_by_one(h->events, h->n_events, sizeof *h->events);
    h->events[h->n_events++] = (bantam_event){item, e->kind, e->seconds, e->time};
    return true;
}

static bool on_wish(void *user, bantam_text wish, int64_t time)
{
    cli_history *const h = user;

    (void)time;
    h->wishes = grow_by_one(h->wishes, h->n_wishes, sizeof *h->wishes);
    h->wishes[h->n_wishes++] = copy(wish);
    return true;
}

int cli_history_read(cli_history *h, bantam_profile *profile)
{
    bantam_error err = {0};

    *h = (cli_history){0};
    if (!profile) return CLI_OK;
    if (bantam_profile_events(profile, on_event, h, &err) ||
        bantam_profile_wishes(profile, on_wish, h, &err)) {
        cli_history_free(h);
        return cli_fail(&err);
    }
    h->views = cli_grow(NULL, h->n_items + 1, sizeof *h->views);
    for (size_t i = 0; i < h->n_items; i++) {
        h->views[i] = (bantam_item){.title = cli_text_of(h->items[i].title),
                                    .text = cli_text_of(h->items[i].text)};
    }
    return CLI_OK;
}

void cli_history_free(cli_history *h)
{
    for (size_t i = 0; i < h->n_items; i++)
        cli_item_free(&h->items[i]);
    for (size_t i = 0; i < h->n_wishes; i++)
        free(h->wishes[i]);
    free(h->items);
    free(h->views);
    free(h->events);
    free(h->wishes);
    *h = (cli_history){0};
}

/* ---- items ------------------------------------------------------------------------------- */

static int read_member_time(int64_t *out, const json_t *value, const char *path, size_t line)
{
    *out = 0;
    if (!value || json_is_null(value)) return CLI_OK;
    if (json_is_integer(value)) {
        *out = (int64_t)json_integer_value(value);
        return CLI_OK;
    }
    if (json_is_real(value) && json_real_value(value) > -9e15 &&
        json_real_value(value) < 9e15) {
        *out = (int64_t)json_real_value(value);
        return CLI_OK;
    }
    if (json_is_string(value) && cli_read_time(json_string_value(value), out)) return CLI_OK;
    return cli_fail_with(
        BANTAM_ERR_FORMAT,
        "%s: line %zu: \"time\": expected seconds since 1970 or a date such as "
        "2026-11-23T08:30Z",
        path, line);
}

static int read_member_text(char **out, const json_t *object, const char *key, const char *path,
                            size_t line)
{
    const json_t *const value = json_object_get(object, key);

    *out = NULL;
    if (value && !json_is_string(value) && !json_is_null(value)) {
        return cli_fail_with(BANTAM_ERR_FORMAT, "%s: line %zu: \"%s\": expected a text", path,
                             line, key);
    }
    *out = copy((bantam_text){json_string_value(value), json_string_length(value)});
    return CLI_OK;
}

int cli_item_read(cli_item *item, const json_t *object, const char *path, size_t line)
{
    const json_t *const id = json_object_get(object, "id");
    char number[32] = "";
    int status = CLI_OK;

    *item = (cli_item){0};
    if (json_is_integer(id)) {
        snprintf(number, sizeof number, "%" JSON_INTEGER_FORMAT, json_integer_value(id));
    }
    if (!*number && json_string_length(id) == 0) {
        return cli_fail_with(BANTAM_ERR_FORMAT,
                             "%s: line %zu: \"id\": expected a text or a whole number", path,
                             line);
    }
    item->id = *number ? copy(cli_text_of(number))
                       : copy((bantam_text){json_string_value(id), json_string_length(id)});
    status = read_member_text(&item->title, object, "title", path, line);
    if (!status) status = read_member_text(&item->text, object, "text", path, line);
    if (!status) {
        status = read_member_time(&item->time, json_object_get(object, "time"), path, line);
    }
    if (status) cli_item_free(item);
    return status;
}

void cli_item_free(cli_item *item)
{
    free(item->id);
    free(item->title);
    free(item->text);
    *item = (cli_item){0};
}

/* ---- time -------------------------------------------------------------------------------- */

int64_t cli_now(void)
{
    return (int64_t)time(NULL);
}

/* Days since 1970-01-01 of a date of the Gregorian calendar: years are counted from March, so
 * that the day that comes and goes is the last. */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
    const int64_t y = month > 2 ? year : year - 1, m = (month + 9) % 12;

    return 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719468;
}

/* n digits at *text, which moves behind them and the character after, if it is `end`. */
static bool digits(const char **text, int n, int64_t least, int64_t most, int64_t *out)
{
    *out = 0;
    for (int i = 0; i < n; i++, (*text)++) {
        if (**text < '0' || **text > '9') return false;
        *out = *out * 10 + (**text - '0');
    }
    return *out >= least && *out <= most;
}

static bool skip(const char **text, char c)
{
    if (**text != c) return false;
    (*text)++;
    return true;
}

bool cli_read_time(const char *text, int64_t *out)
{
    int64_t year, month, day, hour = 0, minute = 0, second = 0;
    uint64_t whole;

    if (cli_read_whole(text, 0, INT64_MAX, &whole)) {
        *out = (int64_t)whole;
        return true;
    }
    if (!digits(&text, 4, 1, 9999, &year) || !skip(&text, '-') ||
        !digits(&text, 2, 1, 12, &month) || !skip(&text, '-') ||
        !digits(&text, 2, 1, 31, &day)) {
        return false;
    }
    if (skip(&text, 'T') || skip(&text, ' ')) {
        if (!digits(&text, 2, 0, 23, &hour) || !skip(&text, ':') ||
            !digits(&text, 2, 0, 59, &minute)) {
            return false;
        }
        if (skip(&text, ':') && !digits(&text, 2, 0, 60, &second)) return false;
        skip(&text, 'Z');
    }
    *out = ((days_of(year, month, day) * 24 + hour) * 60 + minute) * 60 + second;
    return *text == '\0';
}

const char *cli_ago(int64_t then, int64_t now, char *text, size_t capacity)
{
    static const struct {
        int64_t seconds;
        const char *name;
    } units[] = {{31556952, "year"}, {2629746, "month"}, {604800, "week"},
                 {86400, "day"},     {3600, "hour"},     {60, "minute"}};
    const double passed = (double)now - (double)then;

    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        const double n = passed / (double)units[i].seconds;
        if (n < 1.0) continue;
        snprintf(text, capacity, "%.0f %s%s ago", n < 2.0 ? 1.0 : n - 0.5, units[i].name,
                 n < 2.0 ? "" : "s");
        return text;
    }
    snprintf(text, capacity, "just now");
    return text;
}

/* ---- kinds of events --------------------------------------------------------------------- */

static const char *const kinds[] = {[BANTAM_EVENT_SHOWN] = "shown",
                                    [BANTAM_EVENT_LIKED] = "liked",
                                    [BANTAM_EVENT_SKIPPED] = "skipped",
                                    [BANTAM_EVENT_DWELT] = "dwelt"};

const char *cli_event_name(bantam_event_kind kind)
{
    return kinds[kind];
}

bool cli_event_kind(const char *name, bantam_event_kind *out)
{
    for (int i = BANTAM_EVENT_SHOWN; i <= BANTAM_EVENT_DWELT; i++) {
        if (strcmp(name, kinds[i]) != 0) continue;
        *out = (bantam_event_kind)i;
        return true;
    }
    return false;
}
#endif
