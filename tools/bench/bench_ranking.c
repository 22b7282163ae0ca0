/* bench_ranking.c - ranking, replayed over readers whose interests are known.
 *
 *     bantam-bench-ranking [-m MODEL|none] [-n SEEDS] [-f FIRST] [-d one|all] [-p feed|random]
 *                          [-s SET] [-l N] FOLDER
 *
 * FOLDER holds wikitext2-test.raw and hellaswag-val-1000.jsonl. Topics are articles of the
 * first (set wiki), labels of the second (set how), and both together (set both). A reader is
 * drawn for each seed: ten topics, two of them liked. Of 20 fresh items at a time, ordered by
 * what is known (-p feed) or not at all (-p random), the reader looks at the first five, likes
 * those on a liked topic and skips the others, and does the contrary with a chance of 0.15.
 * After event 60 one liked topic gives way to another (-d all: both do).
 *
 * Measured on items the reader never meets: nDCG@10 of the ranking, and of the newest first,
 * every ten events. Means over the readers and their standard deviations; then how many
 * readers, and means of 60 of them, have recovered 30 events after the change. With -l, the
 * model is asked how likely it finds the titles of the first N behind the last titles that were
 * liked, as `bantam personalize rank` does.
 */
#include "bantam/bantam.h"
#include "base/rng.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    MAX_ITEMS = 4000,
    MAX_TOPICS = 200,
    TOPIC_ITEMS = 40, /* of one topic at most */
    LEAST_ITEMS = 13,
    TOPICS = 10,
    HELD_OUT = 60,
    FEED = 20,
    SEEN = 5, /* of a feed */
    EVENTS = 120,
    DRIFT = 60,
    RECOVERED = 90,
    GROUP = 60, /* readers */
    EVERY = 10,
    POINTS = EVENTS / EVERY + 1,
    TITLE_WORDS = 8,
    VECTOR_TOKENS = 128,
    LIKED_TITLES = 4
};

static const double noise = 0.15;
static const int64_t now = 1700000000;

typedef struct material {
    bantam_item items[MAX_ITEMS];
    int topics[MAX_ITEMS];
    size_t n;
    char names[MAX_TOPICS][96];
    size_t counts[MAX_TOPICS];
    int n_topics;
    uint32_t n_vector;
} material;

typedef struct reader {
    bnt_rng rng;
    int liked[2];
    size_t pool[MAX_ITEMS], n_pool; /* what feeds are made of */
    bantam_item held_out[HELD_OUT];
    int held_out_topics[HELD_OUT];
    size_t n_held_out;
    bantam_item met[EVENTS];
    bantam_event events[EVENTS];
    size_t n_events;
} reader;

static _Noreturn void give_up(const char *what, const char *why)
{
    fprintf(stderr, "bantam-bench-ranking: %s: %s\n", what, why);
    exit(1);
}

/* ---- topics ------------------------------------------------------------------------------ */

static int topic_of(material *m, const char *name)
{
    for (int i = 0; i < m->n_topics; i++) {
        if (strcmp(m->names[i], name) == 0) return i;
    }
    if (m->n_topics == MAX_TOPICS) return -1;
    snprintf(m->names[m->n_topics], sizeof m->names[0], "%s", name);
    return m->n_topics++;
}

/* The first words of a text are its title. */
static void add_item(material *m, const char *topic, const char *text)
{
    const int id = topic_of(m, topic);
    if (id < 0 || m->n == MAX_ITEMS || m->counts[id] == TOPIC_ITEMS) return;
    char *const own = strdup(text);
    if (!own) give_up("memory", "none left");
    size_t size = strlen(own), title = 0;
    if (size > 800) size = 800;
    for (int words = 0; title < size && words < TITLE_WORDS; title++)
        words += own[title] == ' ';
    m->items[m->n] = (bantam_item){.title = {own, title}, .text = {own + title, size - title}};
    m->topics[m->n++] = id;
    m->counts[id]++;
}

static FILE *open_in(const char *folder, const char *name)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *const f = fopen(path, "r");
    if (!f) give_up(path, "cannot be opened");
    return f;
}

/* Paragraphs under a heading of the first level: " = Title = ". */
static void read_wiki(material *m, const char *folder)
{
    FILE *const f = open_in(folder, "wikitext2-test.raw");
    char *line = NULL, heading[96] = "";
    size_t capacity = 0;

    while (getline(&line, &capacity, f) > 0) {
        line[strcspn(line, "\n")] = '\0';
        if (strncmp(line, " = ", 3) == 0 && line[3] != '=') {
            snprintf(heading, sizeof heading, "%s", line + 3);
        } else if (strlen(line) >= 200 && strncmp(line, " =", 2) != 0) {
            add_item(m, heading, line + 1);
        }
    }
    free(line);
    fclose(f);
}

/* {"query": "Label: text"} */
static void read_how(material *m, const char *folder)
{
    FILE *const f = open_in(folder, "hellaswag-val-1000.jsonl");
    char *line = NULL;
    size_t capacity = 0;

    while (getline(&line, &capacity, f) > 0) {
        json_t *const object = json_loads(line, 0, NULL);
        const char *const query = json_string_value(json_object_get(object, "query"));
        const char *const colon = query ? strstr(query, ": ") : NULL;
        char label[96];
        if (!colon) give_up("hellaswag-val-1000.jsonl", "a line has no query with a label");
        snprintf(label, sizeof label, "%.*s", (int)(colon - query), query);
        add_item(m, label, colon + 2);
        json_decref(object);
    }
    free(line);
    fclose(f);
}

/* The model that vectors are made with; both NULL without one. */
typedef struct reading_model {
    bantam_model *model;
    bantam_session *session;
} reading_model;

static void make_vectors(material *m, const char *path, reading_model *out)
{
    const bantam_session_options o = {.struct_size = sizeof o, .context_tokens = VECTOR_TOKENS};
    bantam_model_info info;
    bantam_error err;

    if (bantam_model_open(&out->model, path, NULL, &err) ||
        bantam_session_open(&out->session, out->model, &o, &err)) {
        give_up("the model", err.message);
    }
    bantam_model_describe(out->model, &info);
    m->n_vector = info.n_embd;
    for (size_t i = 0; i < m->n; i++) {
        const bantam_item *const item = &m->items[i];
        if (m->counts[m->topics[i]] < LEAST_ITEMS) continue;
        float *const vector = calloc(info.n_embd, sizeof *vector);
        /* Title and text lie one behind the other. */
        const bantam_text all = {item->title.data, item->title.size + item->text.size};
        if (!vector || bantam_text_vector(out->session, all, vector, &err)) {
            give_up("the vectors", err.message);
        }
        m->items[i].vector = vector;
    }
}

/* ---- a reader ---------------------------------------------------------------------------- */

static void shuffle(bnt_rng *rng, size_t *items, size_t n)
{
    for (size_t i = n; i-- > 1;) {
        const size_t j = bnt_rng_below(rng, i + 1), kept = items[i];
        items[i] = items[j];
        items[j] = kept;
    }
}

/* Draws topics and shares their items out. Returns the topics not liked at first. */
static void draw_reader(reader *r, const material *m, uint64_t seed, int others[2])
{
    size_t topics[MAX_TOPICS], n = 0;

    memset(r, 0, sizeof *r);
    bnt_rng_seed(&r->rng, seed);
    for (int i = 0; i < m->n_topics; i++) {
        if (m->counts[i] >= LEAST_ITEMS) topics[n++] = (size_t)i;
    }
    if (n < TOPICS) give_up("the data", "too few topics");
    shuffle(&r->rng, topics, n);
    for (size_t i = 0; i < m->n; i++) {
        for (size_t t = 0; t < TOPICS; t++) {
            if (m->topics[i] == (int)topics[t]) r->pool[r->n_pool++] = i;
        }
    }
    shuffle(&r->rng, r->pool, r->n_pool);
    r->n_held_out = r->n_pool / 3 < HELD_OUT ? r->n_pool / 3 : HELD_OUT;
    for (size_t i = 0; i < r->n_held_out; i++) {
        const size_t item = r->pool[--r->n_pool];
        r->held_out[i] = m->items[item];
        r->held_out[i].time = now - (int64_t)bnt_rng_below(&r->rng, 3 * 86400);
        r->held_out_topics[i] = m->topics[item];
    }
    r->liked[0] = (int)topics[0];
    r->liked[1] = (int)topics[1];
    others[0] = (int)topics[2];
    others[1] = (int)topics[3];
}

static bool likes(const reader *r, int topic)
{
    return topic == r->liked[0] || topic == r->liked[1];
}

static void rank(const reader *r, uint32_t n_vector, const bantam_item *items, size_t n,
                 const double *affinity, bantam_ranked *out)
{
    const bantam_history h = {r->met, r->n_events, r->events, r->n_events, n_vector};
    const bantam_rank_options o = {.struct_size = sizeof o, .now = now, .affinity = affinity};
    bantam_error err;

    if (bantam_rank(&h, items, n, &o, out, &err)) give_up("rank", err.message);
}

/* One feed: an order, and what the reader does about its first items. */
static void read_feed(reader *r, const material *m, bool ordered)
{
    size_t offered[FEED];
    bantam_item items[FEED];
    bantam_ranked order[FEED];

    shuffle(&r->rng, r->pool, r->n_pool);
    for (size_t i = 0; i < FEED; i++) {
        offered[i] = r->pool[i];
        items[i] = m->items[r->pool[i]];
        items[i].time = now - (int64_t)bnt_rng_below(&r->rng, 3 * 86400);
    }
    if (ordered) rank(r, m->n_vector, items, FEED, NULL, order);
    for (size_t i = 0; i < SEEN; i++) {
        const size_t at = ordered ? order[i].item : i;
        const bool slip = bnt_rng_f64(&r->rng) < noise;
        const bool liked = likes(r, m->topics[offered[at]]) != slip;
        r->met[r->n_events] = items[at];
        r->events[r->n_events] = (bantam_event){
            r->n_events, liked ? BANTAM_EVENT_LIKED : BANTAM_EVENT_SKIPPED, 0.0, now};
        r->n_events++;
    }
}

/* ---- measuring --------------------------------------------------------------------------- */

static double ndcg(const bool *relevant, size_t n)
{
    double gain = 0.0, best = 0.0;
    size_t n_relevant = 0;

    for (size_t i = 0; i < n; i++)
        n_relevant += relevant[i];
    for (size_t i = 0; i < 10 && i < n; i++) {
        gain += relevant[i] ? 1.0 / log2((double)i + 2.0) : 0.0;
        best += i < n_relevant ? 1.0 / log2((double)i + 2.0) : 0.0;
    }
    return best > 0.0 ? gain / best : 1.0;
}

static int newer(const void *a, const void *b)
{
    const int64_t x = (*(const bantam_item *const *)a)->time;
    const int64_t y = (*(const bantam_item *const *)b)->time;
    return (x < y) - (x > y);
}

/* Orders the held-out items anew with the likelihood of the first n titles. */
static void ask(const reader *r, uint32_t n_vector, bantam_session *session, size_t n,
                bantam_ranked *order)
{
    char liked[2048] = "";
    size_t size = 0, n_liked = 0;
    bantam_text titles[HELD_OUT];
    double got[HELD_OUT], affinity[HELD_OUT];
    bantam_error err;

    for (size_t i = r->n_events; i-- > 0 && n_liked < LIKED_TITLES;) {
        const bantam_text title = r->met[r->events[i].item].title;
        if (r->events[i].kind != BANTAM_EVENT_LIKED || title.size > 400) continue;
        memcpy(liked + size, title.data, title.size);
        liked[size + title.size] = '\n';
        size += title.size + 1;
        n_liked++;
    }
    n = n < r->n_held_out ? n : r->n_held_out;
    for (size_t i = 0; i < r->n_held_out; i++)
        affinity[i] = (double)NAN;
    for (size_t i = 0; i < n; i++)
        titles[i] = r->held_out[order[i].item].title;
    if (bantam_text_affinity(session, (bantam_text){liked, size}, titles, n, got, &err)) {
        give_up("the likelihood", err.message);
    }
    for (size_t i = 0; i < n; i++)
        affinity[order[i].item] = got[i];
    rank(r, n_vector, r->held_out, r->n_held_out, affinity, order);
}

static double measure(const reader *r, uint32_t n_vector, bantam_session *session, size_t asked)
{
    bantam_ranked order[HELD_OUT];
    bool relevant[HELD_OUT];

    rank(r, n_vector, r->held_out, r->n_held_out, NULL, order);
    if (session && asked > 1) ask(r, n_vector, session, asked, order);
    for (size_t i = 0; i < r->n_held_out; i++)
        relevant[i] = likes(r, r->held_out_topics[order[i].item]);
    return ndcg(relevant, r->n_held_out);
}

static double measure_newest(const reader *r)
{
    const bantam_item *order[HELD_OUT];
    bool relevant[HELD_OUT];

    for (size_t i = 0; i < r->n_held_out; i++)
        order[i] = &r->held_out[i];
    qsort(order, r->n_held_out, sizeof *order, newer);
    for (size_t i = 0; i < r->n_held_out; i++)
        relevant[i] = likes(r, r->held_out_topics[order[i] - r->held_out]);
    return ndcg(relevant, r->n_held_out);
}

typedef struct series {
    double sum[POINTS], squares[POINTS];
} series;

static void add(series *s, size_t point, double value)
{
    s->sum[point] += value;
    s->squares[point] += value * value;
}

/* What a reader, or the mean of some, has at the change, 30 events later, and newest first
 * then.
 */
typedef struct recovery {
    double before, after, newest;
} recovery;

typedef struct recoveries {
    unsigned n, back, gained; /* within 0.02 of what was; 0.15 above the newest first */
} recoveries;

static void count(recoveries *r, recovery one)
{
    r->n++;
    r->back += one.after >= one.before - 0.02;
    r->gained += one.after >= one.newest + 0.15;
}

/* group gathers GROUP readers. */
static void count_reader(recoveries *readers, recoveries *groups, recovery *group, recovery one)
{
    count(readers, one);
    group->before += one.before / GROUP;
    group->after += one.after / GROUP;
    group->newest += one.newest / GROUP;
    if (readers->n % GROUP) return;
    count(groups, *group);
    *group = (recovery){0};
}

static void put_recoveries(const char *of, const recoveries *r)
{
    if (!r->n) return;
    printf("%d events after the change: %u of %u %s within 0.02 of before, %u with a gain of "
           "0.15\n",
           RECOVERED - DRIFT, r->back, r->n, of, r->gained);
}

static void put(const series *ours, const series *newest, unsigned n)
{
    printf("%8s  %16s  %16s  %6s\n", "events", "ranked", "newest first", "gain");
    for (size_t p = 0; p < POINTS; p++) {
        const double a = ours->sum[p] / n, b = newest->sum[p] / n;
        printf("%8zu  %8.3f +- %.3f  %8.3f +- %.3f  %+.3f%s\n", p * EVERY, a,
               sqrt(fmax(ours->squares[p] / n - a * a, 0.0)), b,
               sqrt(fmax(newest->squares[p] / n - b * b, 0.0)), a - b,
               p * EVERY == DRIFT ? "  an interest changes now" : "");
    }
}

int main(int argc, char **argv)
{
    static material m;
    static reader r;
    static series ours, newest;
    const char *model = NULL, *drift = "one", *policy = "feed", *set = "both";
    unsigned n_seeds = 20, first = 1, asked = 0;
    recoveries readers = {0}, groups = {0};
    recovery group = {0};
    reading_model reads = {0};
    int option;

    while ((option = getopt(argc, argv, "m:n:f:d:p:s:l:")) != -1) {
        switch (option) {
        case 'm':
            model = optarg;
            break;
        case 'n':
            n_seeds = (unsigned)strtoul(optarg, NULL, 10);
            break;
        case 'f':
            first = (unsigned)strtoul(optarg, NULL, 10);
            break;
        case 'd':
            drift = optarg;
            break;
        case 'p':
            policy = optarg;
            break;
        case 's':
            set = optarg;
            break;
        case 'l':
            asked = (unsigned)strtoul(optarg, NULL, 10);
            break;
        default:
            return 2;
        }
    }
    if (optind + 1 != argc || n_seeds == 0) {
        fputs("usage: bantam-bench-ranking [-m MODEL|none] [-n SEEDS] [-f FIRST] [-d one|all] "
              "[-p "
              "feed|random] "
              "[-s wiki|how|both] [-l N] FOLDER\n",
              stderr);
        return 2;
    }
    if (strcmp(set, "how") != 0) read_wiki(&m, argv[optind]);
    if (strcmp(set, "wiki") != 0) read_how(&m, argv[optind]);
    if (!model || strcmp(model, "none") != 0) make_vectors(&m, model, &reads);
    for (unsigned i = 0; i < n_seeds; i++) {
        int others[2];
        recovery one = {0};
        draw_reader(&r, &m, (uint64_t)first + i, others);
        for (size_t p = 0; p < POINTS; p++) {
            while (r.n_events < p * EVERY)
                read_feed(&r, &m, strcmp(policy, "feed") == 0);
            const double got = measure(&r, m.n_vector, reads.session, asked);
            const double plain = measure_newest(&r);
            add(&ours, p, got);
            add(&newest, p, plain);
            if (r.n_events == DRIFT) one.before = got;
            if (r.n_events == RECOVERED) {
                one.after = got;
                one.newest = plain;
            }
            if (r.n_events != DRIFT) continue;
            r.liked[1] = others[1];
            if (strcmp(drift, "all") == 0) r.liked[0] = others[0];
        }
        count_reader(&readers, &groups, &group, one);
    }
    put(&ours, &newest, n_seeds);
    put_recoveries("readers", &readers);
    put_recoveries("means of 60 readers", &groups);
    bantam_session_close(reads.session);
    bantam_model_close(reads.model);
    return 0;
}
