/* rank.c - items in the order of what is known of the reader, and why; see bantam/interest.h.
 *
 * What is near to what, and how events are weighed, is near.c's business.
 */
#include "base/error.h"
#include "base/mem.h"
#include "task/near.h"

#include <math.h>
#include <stdlib.h>

enum { RECENCY_DAYS = 3, DAY_S = 86400, DIVERSE_PLACES = 64 };

static const double recency_weight = 0.1, affinity_weight = 0.02, affinity_limit = 0.05;

/* Above this nothing near is known of an item that is worth telling. */
static const double unknown_limit = 0.5;

typedef struct ranking {
    const bantam_history *history;
    const bantam_item *items;
    size_t n;
    bantam_rank_options o;
    const bantam_item **docs; /* (n + n_items), owns: the items, then the history's */
    bnt_evidence evidence[BNT_MAX_EVIDENCE];
    size_t n_evidence;
    bnt_near near;
    bantam_ranked *judged; /* (n), owns: in the order of the items */
    size_t *by_unknown;    /* (n), owns: items, the least known first */
    bool *placed;          /* (n), owns */
} ranking;

/* ---- judging ----------------------------------------------------------------------------- */

static double recency(const bantam_item *item, int64_t now)
{
    if (!item->time) return 0.0;
    const double days = ((double)now - (double)item->time) / DAY_S;
    return recency_weight * exp2(-(days > 0.0 ? days : 0.0) / RECENCY_DAYS);
}

/* Their likelihood counts by how far it is from that of the others asked. */
static void add_affinity(ranking *r)
{
    double sum = 0.0, squares = 0.0;
    size_t n = 0;

    if (!r->o.affinity) return;
    for (size_t i = 0; i < r->n; i++) {
        if (!isfinite(r->o.affinity[i])) continue;
        sum += r->o.affinity[i];
        squares += r->o.affinity[i] * r->o.affinity[i];
        n++;
    }
    if (n < 2) return;
    const double mean = sum / (double)n;
    const double spread = sqrt(fmax(squares / (double)n - mean * mean, 0.0));
    if (spread <= 1e-9) return;
    for (size_t i = 0; i < r->n; i++) {
        if (!isfinite(r->o.affinity[i])) continue;
        const double part = affinity_weight * (r->o.affinity[i] - mean) / spread;
        r->judged[i].affinity = fmax(-affinity_limit, fmin(part, affinity_limit));
    }
}

static void give_reason(const ranking *r, bantam_ranked *out, const bnt_judgment *j)
{
    const size_t told = out->evidence >= 0.0 ? j->for_it : j->against;

    out->reason = BANTAM_REASON_RECENT;
    out->event = SIZE_MAX;
    if (told == SIZE_MAX || out->unknown > unknown_limit) return;
    out->reason = out->evidence >= 0.0 ? BANTAM_REASON_LIKED : BANTAM_REASON_SKIPPED;
    out->event = r->evidence[told].event;
    bnt_terms_shared(&r->near.words, out->item, r->evidence[told].doc, out->words,
                     BANTAM_REASON_WORDS);
}

static void judge(ranking *r)
{
    add_affinity(r);
    for (size_t i = 0; i < r->n; i++) {
        const bnt_judgment j = bnt_near_judge(&r->near, i, r->evidence, r->n_evidence);
        bantam_ranked *const out = &r->judged[i];
        out->item = i;
        out->evidence = j.share - j.prior;
        out->recency = recency(&r->items[i], r->o.now);
        out->unknown = 2.0 / (2.0 + j.nearest);
        out->score = out->evidence + out->affinity + out->recency;
        give_reason(r, out, &j);
    }
}

/* ---- placing ----------------------------------------------------------------------------- */

/* Where everything else is equal: newer first, then as given. */
static bool is_before(const ranking *r, size_t a, size_t b)
{
    const int64_t x = r->items[a].time, y = r->items[b].time;
    return x != y ? x > y : a < b;
}

static int by_score(const ranking *r, size_t a, size_t b)
{
    const double x = r->judged[a].score, y = r->judged[b].score;

    if (x != y) return x > y ? -1 : 1;
    return is_before(r, a, b) ? -1 : 1;
}

static int by_unknown(const ranking *r, size_t a, size_t b)
{
    const double x = r->judged[a].unknown, y = r->judged[b].unknown;

    if (x != y) return x > y ? -1 : 1;
    return is_before(r, a, b) ? -1 : 1;
}

typedef int (*before_fn)(const ranking *r, size_t a, size_t b);

/* Lets order[at] sink to its place in a heap of n whose parents come after their children. */
static void sink(const ranking *r, size_t *order, size_t at, size_t n, before_fn before)
{
    for (size_t child = 2 * at + 1; child < n; child = 2 * at + 1) {
        if (child + 1 < n && before(r, order[child], order[child + 1]) < 0) child++;
        if (before(r, order[at], order[child]) >= 0) return;
        const size_t kept = order[at];
        order[at] = order[child];
        order[child] = kept;
        at = child;
    }
}

/* By a heap: qsort() hands its comparison nothing to compare with. No two items are equal, so
 * there is one order only. */
static void sort(const ranking *r, size_t *order, size_t n, before_fn before)
{
    for (size_t i = n / 2; i-- > 0;)
        sink(r, order, i, n, before);
    for (size_t end = n; end-- > 1;) {
        const size_t kept = order[0];
        order[0] = order[end];
        order[end] = kept;
        sink(r, order, 0, end, before);
    }
}

static size_t best_left(const ranking *r)
{
    size_t best = SIZE_MAX;

    for (size_t i = 0; i < r->n; i++) {
        if (!r->placed[i] && (best == SIZE_MAX || by_score(r, i, best) < 0)) best = i;
    }
    return best;
}

/* What repeats the item just placed goes down: by the square, so that another text on one
 * matter loses little and the same text twice all of it. */
static void lower_alike(ranking *r, size_t placed)
{
    if (r->o.diversity <= 0.0) return;
    for (size_t i = 0; i < r->n; i++) {
        bantam_ranked *const other = &r->judged[i];
        if (r->placed[i]) continue;
        const double same = bnt_near_same(&r->near, placed, i);
        const double repetition = -r->o.diversity * same * same;
        if (repetition >= other->repetition) continue;
        other->score += repetition - other->repetition;
        other->repetition = repetition;
    }
}

/* Items from now on in the order of their score, or of what is least known. */
typedef struct queue {
    const size_t *order;
    size_t at;
} queue;

static size_t queue_next(queue *q, const bool *placed)
{
    while (placed[q->order[q->at]])
        q->at++;
    return q->order[q->at];
}

static void put(ranking *r, bantam_ranked *out, size_t item, bool explored)
{
    r->placed[item] = true;
    *out = r->judged[item];
    if (!explored) return;
    out->reason = BANTAM_REASON_NEW;
    out->event = SIZE_MAX;
    for (size_t i = 0; i < BANTAM_REASON_WORDS; i++)
        out->words[i][0] = '\0';
}

static void place(ranking *r, bantam_ranked *out, size_t *order)
{
    const bool explores = r->o.explore > 0.0 && r->n_evidence > 0;
    queue unknown = {r->by_unknown, 0}, scored = {order, 0};
    double due = 0.0; /* places that what is new has a right to */

    for (size_t i = 0; i < r->n; i++) {
        r->by_unknown[i] = order[i] = i;
    }
    sort(r, r->by_unknown, r->n, by_unknown);
    for (size_t k = 0; k < r->n; k++) {
        due += explores ? r->o.explore : 0.0;
        const bool explored = due >= 1.0 - 1e-9;
        if (explored) due -= 1.0;
        if (k == DIVERSE_PLACES) sort(r, order, r->n, by_score);
        const size_t item = explored              ? queue_next(&unknown, r->placed)
                            : k >= DIVERSE_PLACES ? queue_next(&scored, r->placed)
                                                  : best_left(r);
        put(r, &out[k], item, explored);
        if (k + 1 < DIVERSE_PLACES) lower_alike(r, item);
    }
}

/* ---- the call ---------------------------------------------------------------------------- */

static bantam_status take_memory(ranking *r, bantam_error *err)
{
    const size_t n_items = r->history->n_items;

    r->docs = bnt_calloc(r->n + n_items, sizeof *r->docs);
    r->judged = bnt_calloc(r->n, sizeof *r->judged);
    r->by_unknown = bnt_calloc(r->n, sizeof *r->by_unknown);
    r->placed = bnt_calloc(r->n, sizeof *r->placed);
    if (!r->docs || !r->judged || !r->by_unknown || !r->placed) {
        return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for a ranking of %zu items",
                        r->n);
    }
    for (size_t i = 0; i < r->n; i++)
        r->docs[i] = &r->items[i];
    for (size_t i = 0; i < n_items; i++)
        r->docs[r->n + i] = &r->history->items[i];
    return BANTAM_OK;
}

static void let_go(ranking *r)
{
    bnt_near_close(&r->near);
    bnt_free(r->docs);
    bnt_free(r->judged);
    bnt_free(r->by_unknown);
    bnt_free(r->placed);
    bnt_free(r);
}

bantam_status bantam_rank(const bantam_history *history, const bantam_item *items, size_t n,
                          const bantam_rank_options *options, bantam_ranked *out,
                          bantam_error *err)
{
    ranking *const r = bnt_calloc(1, sizeof *r);

    if (!r) return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for a ranking");
    r->history = history;
    r->items = items;
    r->n = n;
    size_t *const order = bnt_calloc(n, sizeof *order);
    bantam_status status = bnt_rank_options(&r->o, options, err);
    if (!status && !order) status = bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory");
    if (!status) {
        status = bnt_evidence_gather(history, &r->o, n, r->evidence, &r->n_evidence, err);
    }
    if (!status) status = take_memory(r, err);
    if (!status) {
        status = bnt_near_open(&r->near, r->docs, n + history->n_items, history->n_vector, err);
    }
    if (!status) {
        bnt_near_measure(&r->near, n, r->evidence, r->n_evidence);
        bnt_near_temper(&r->near, r->evidence, r->n_evidence);
        judge(r);
        place(r, out, order);
    }
    bnt_free(order);
    let_go(r);
    return status;
}
