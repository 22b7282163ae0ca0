/* topics.c - what was liked, in groups; see bantam/interest.h.
 *
 * A group is a like and the likes that are more like it than like nothing: the one that most
 * weight lies around begins the first group, and so on with those left. Ranking does without
 * groups; they are there to be shown.
 */
#include "base/error.h"
#include "base/mem.h"
#include "task/near.h"

#include <math.h>

/* A bearing of this much joins two likes: one and a half times the usual cosine. */
static const double joins = 1.84;

typedef struct grouping {
    bnt_evidence evidence[BNT_MAX_EVIDENCE];
    size_t likes[BNT_MAX_EVIDENCE];  /* of the evidence */
    bool grouped[BNT_MAX_EVIDENCE];  /* by like */
    double around[BNT_MAX_EVIDENCE]; /* weight near it; by like */
    size_t n_evidence, n_likes;
    bnt_near near;
    const bantam_item **docs; /* (n_items), owns */
    float *bearing;           /* (n_likes, n_likes), owns */
} grouping;

static const bnt_evidence *like(const grouping *g, size_t i)
{
    return &g->evidence[g->likes[i]];
}

static bool joined(const grouping *g, size_t a, size_t b)
{
    return a == b || like(g, a)->doc == like(g, b)->doc ||
           (double)g->bearing[a * g->n_likes + b] >= joins;
}

static void weigh_around(grouping *g)
{
    for (size_t a = 0; a < g->n_likes; a++) {
        g->around[a] = 0.0;
        for (size_t b = 0; b < g->n_likes; b++) {
            if (!g->grouped[b] && joined(g, a, b)) g->around[a] += like(g, b)->weight;
        }
    }
}

static size_t heaviest(const grouping *g)
{
    size_t best = SIZE_MAX;

    for (size_t a = 0; a < g->n_likes; a++) {
        if (!g->grouped[a] && (best == SIZE_MAX || g->around[a] > g->around[best])) best = a;
    }
    return best;
}

/* Makes the group around one like, and counts what is against it. */
static bantam_status describe(grouping *g, const bantam_history *h, size_t middle, double all,
                              bantam_topic *out, bantam_error *err)
{
    size_t docs[BNT_MAX_EVIDENCE], n = 0;
    double weight = 0.0, against = 0.0;

    *out = (bantam_topic){.event = like(g, middle)->event, .last = INT64_MIN};
    for (size_t b = 0; b < g->n_likes; b++) {
        const int64_t time = h->events[like(g, b)->event].time;
        if (g->grouped[b] || !joined(g, middle, b)) continue;
        g->grouped[b] = true;
        docs[n++] = like(g, b)->doc;
        weight += like(g, b)->weight;
        out->n_likes++;
        if (time > out->last) out->last = time;
    }
    for (size_t i = 0; i < g->n_evidence; i++) {
        const bnt_evidence *const e = &g->evidence[i];
        if (!e->liked && (e->doc == like(g, middle)->doc ||
                          bnt_near_bearing(&g->near, like(g, middle)->doc, e->doc) >= joins)) {
            against += e->weight;
        }
    }
    out->weight = all > 0.0 ? weight / all : 0.0;
    out->welcome = weight + against > 0.0 ? weight / (weight + against) : 0.0;
    return bnt_terms_common(&g->near.words, docs, n, out->words, BANTAM_TOPIC_WORDS, err);
}

static bantam_status compare(grouping *g, const bantam_history *h, bantam_error *err)
{
    g->docs = bnt_calloc(h->n_items, sizeof *g->docs);
    g->bearing = bnt_calloc(g->n_likes * g->n_likes, sizeof *g->bearing);
    if (!g->docs || !g->bearing) {
        return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for the topics");
    }
    for (size_t i = 0; i < h->n_items; i++)
        g->docs[i] = &h->items[i];
    const bantam_status status = bnt_near_open(&g->near, g->docs, h->n_items, h->n_vector, err);
    if (status) return status;
    bnt_near_measure(&g->near, h->n_items, g->evidence, g->n_evidence);
    for (size_t a = 0; a < g->n_likes; a++) {
        for (size_t b = 0; b < g->n_likes; b++) {
            g->bearing[a * g->n_likes + b] =
                (float)bnt_near_bearing(&g->near, like(g, a)->doc, like(g, b)->doc);
        }
    }
    return BANTAM_OK;
}

bantam_status bantam_topics(const bantam_history *history, const bantam_rank_options *options,
                            bantam_topic *out, size_t capacity, size_t *n_topics,
                            bantam_error *err)
{
    grouping *const g = bnt_calloc(1, sizeof *g);
    bantam_rank_options o;
    double all = 0.0;

    *n_topics = 0;
    if (!g) return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for the topics");
    bantam_status status = bnt_rank_options(&o, options, err);
    if (!status) status = bnt_evidence_gather(history, &o, 0, g->evidence, &g->n_evidence, err);
    for (size_t i = 0; i < g->n_evidence; i++) {
        if (!g->evidence[i].liked) continue;
        g->likes[g->n_likes++] = i;
        all += g->evidence[i].weight;
    }
    if (!status) status = compare(g, history, err);
    while (!status && *n_topics < capacity) {
        weigh_around(g);
        const size_t middle = heaviest(g);
        if (middle == SIZE_MAX) break;
        status = describe(g, history, middle, all, &out[(*n_topics)++], err);
    }
    if (status) *n_topics = 0;
    bnt_near_close(&g->near);
    bnt_free(g->docs);
    bnt_free(g->bearing);
    bnt_free(g);
    return status;
}
