/* cli_personal.h - what the verbs of `bantam personalize` share: the profile, its history in
 * memory, items. Functions that return int return an exit status and have said
 * what is wrong. */
#ifndef BANTAM_CLI_PERSONAL_H
#define BANTAM_CLI_PERSONAL_H
#include "bantam/profile.h"
#include "cli_args.h"
#include "cli_jsonl.h"
#include "cli_text.h"

/* Where the profile is: as --profile says, or the usual place. */
int cli_profile_path(const cli_args *args, char *path, size_t capacity);
/* Opens it. Without `make`, *out is NULL where there is none. */
int cli_profile_open(const cli_args *args, bool make, bantam_profile **out);
/* A file that lies beside the profile: its path and a suffix. */
int cli_profile_beside(const cli_args *args, const char *suffix, char *path, size_t capacity);

typedef struct cli_item {
    char *id, *title, *text; /* owns */
    int64_t time;
} cli_item;

/* What the profile holds. items, item_views and events are in the same order. */
typedef struct cli_history {
    cli_item *items;
    bantam_item *views; /* of items, for the library */
    bantam_event *events;
    size_t n_items, n_events;
    char **wishes;
    size_t n_wishes;
} cli_history;

/* profile may be NULL: there is nothing. */
int cli_history_read(cli_history *h, bantam_profile *profile);
void cli_history_free(cli_history *h);

/* An object's id, title, text and time. The texts are copied. */
int cli_item_read(cli_item *item, const json_t *object, const char *path, size_t line);
void cli_item_free(cli_item *item);

bantam_text cli_text_of(const char *text);

/* A time: seconds since 1970, or YYYY-MM-DD, or YYYY-MM-DDTHH:MM[:SS][Z], in UTC. */
bool cli_read_time(const char *text, int64_t *out);
int64_t cli_now(void);
/* "3 days ago". */
const char *cli_ago(int64_t time, int64_t now, char *text, size_t capacity);

const char *cli_event_name(bantam_event_kind kind); /* "liked" */
bool cli_event_kind(const char *name, bantam_event_kind *out);

/* The verbs beside `profile`. */
int cli_personal_rank(const cli_args *args);
int cli_personal_rewrite(const cli_args *args);
int cli_personal_adapt(const cli_args *args);

/* Files beside the profile that were made from it. */
#define CLI_ADAPTER_SUFFIX    ".adapter.gguf"
#define CLI_ADAPT_DATA_SUFFIX ".adapt.jsonl"

#endif
