/* near.c - nearness of texts by words and vectors, and evidence judged by it; see near.h.
 *
 * The judgment is a kernel estimate (Nadaraya and Watson) of the share of likes around a text:
 *
 *     (sum of w b over likes + prior) / (sum of w b over all + 1)
 *
 * with w the faded weight of an event and b its bearing on the text. Interests need no number
 * and no shape for it, and every judgment can be traced to the events that made it.
 */
#include "task/near.h"

#include "base/checked.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/options.h"

#include <math.h>
#include <string.h>

enum { SAMPLED_DOCS = 128, DAY_S = 86400, DWELL_S = 30 };

static const double vector_share = 1.0 / 3.0;
static const double shown_weight = 0.1;

/* ---- vectors ----------------------------------------------------------------------------- */

/* States of a language model lie in a narrow cone: their mean tells nothing about a text, and
 * would make all cosines nearly 1. */
static void take_off_mean(float *rows, const bool *has, size_t n, uint32_t width)
{
    for (uint32_t k = 0; k < width; k++) {
        double sum = 0.0;
        size_t count = 0;
        for (size_t d = 0; d < n; d++) {
            if (has[d]) sum += (double)rows[d * width + k];
            count += has[d];
        }
        const float mean = count ? (float)(sum / (double)count) : 0.0f;
        for (size_t d = 0; d < n; d++) {
            if (has[d]) rows[d * width + k] -= mean;
        }
    }
}

static void make_unit(float *row, uint32_t width)
{
    double squares = 0.0;

    for (uint32_t k = 0; k < width; k++)
        squares += (double)row[k] * (double)row[k];
    /* Also where a vector was not finite: it says nothing then. */
    const double scale = squares > 0.0 && isfinite(squares) ? 1.0 / sqrt(squares) : 0.0;
    for (uint32_t k = 0; k < width; k++)
        row[k] = scale > 0.0 ? (float)((double)row[k] * scale) : 0.0f;
}

static bool is_finite(const float *vector, uint32_t width)
{
    for (uint32_t k = 0; k < width; k++) {
        if (!isfinite(vector[k])) return false;
    }
    return true;
}

static bantam_status read_vectors(bnt_near *out, const bantam_item *const *docs, size_t n,
                                  bantam_error *err)
{
    const uint32_t width = out->n_vector;
    size_t size;

    if (!width) return BANTAM_OK;
    if (!bnt_mul_size(n, width, &size)) size = SIZE_MAX;
    bool *const has = bnt_calloc(n, sizeof *has);
    out->vectors = bnt_calloc(size, sizeof *out->vectors);
    if (!has || !out->vectors) {
        bnt_free(has);
        return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for the vectors of %zu items", n);
    }
    for (size_t d = 0; d < n; d++) {
        has[d] = docs[d]->vector && is_finite(docs[d]->vector, width);
        if (has[d]) memcpy(out->vectors + d * width, docs[d]->vector, width * sizeof(float));
    }
    take_off_mean(out->vectors, has, n, width);
    for (size_t d = 0; d < n; d++)
        make_unit(out->vectors + d * width, width);
    bnt_free(has);
    return BANTAM_OK;
}

bantam_status bnt_near_open(bnt_near *out, const bantam_item *const *docs, size_t n_docs,
                            uint32_t n_vector, bantam_error *err)
{
    *out = (bnt_near){.n_vector = n_vector, .word_scale = 1.0, .vector_scale = 1.0};
    bantam_status status = bnt_terms_open(&out->words, docs, n_docs, err);
    if (!status) status = read_vectors(out, docs, n_docs, err);
    if (status) bnt_near_close(out);
    return status;
}

void bnt_near_close(bnt_near *near)
{
    bnt_terms_close(&near->words);
    bnt_free(near->vectors);
    *near = (bnt_near){0};
}

/* ---- nearness ---------------------------------------------------------------------------- */

static double vector_cosine(const bnt_near *near, size_t a, size_t b)
{
    if (!near->vectors) return 0.0;
    const float *const x = near->vectors + a * near->n_vector;
    const float *const y = near->vectors + b * near->n_vector;
    float sums[8] = {0}; /* independent, so that the additions need not wait for each other */
    uint32_t k = 0;
    double sum = 0.0;

    for (; k + 8 <= near->n_vector; k += 8) {
        for (uint32_t i = 0; i < 8; i++)
            sums[i] += x[k + i] * y[k + i];
    }
    for (; k < near->n_vector; k++)
        sum += (double)x[k] * (double)y[k];
    for (uint32_t i = 0; i < 8; i++)
        sum += (double)sums[i];
    return sum;
}

double bnt_near_same(const bnt_near *near, size_t a, size_t b)
{
    const double words = bnt_terms_cosine(&near->words, a, b);

    if (!near->vectors) return words;
    const double vectors = vector_cosine(near, a, b);
    return (1.0 - vector_share) * words + (vectors > 0.0 ? vector_share * vectors : 0.0);
}

double bnt_near_bearing(const bnt_near *near, size_t a, size_t b)
{
    double s = bnt_terms_cosine(&near->words, a, b) * near->word_scale;

    if (near->vectors) {
        s = (1.0 - vector_share) * s +
            vector_share * vector_cosine(near, a, b) * near->vector_scale;
    }
    return s > 0.0 ? s * sqrt(s) : 0.0;
}

void bnt_near_measure(bnt_near *near, size_t n_docs, const bnt_evidence *evidence, size_t n)
{
    const size_t step = n_docs > SAMPLED_DOCS ? n_docs / SAMPLED_DOCS : 1;
    double words = 0.0, vectors = 0.0;
    size_t pairs = 0;

    for (size_t d = 0; d < n_docs; d += step) {
        for (size_t e = 0; e < n; e++) {
            if (evidence[e].doc == d) continue;
            const double w = bnt_terms_cosine(&near->words, d, evidence[e].doc);
            const double v = vector_cosine(near, d, evidence[e].doc);
            words += w * w;
            vectors += v * v;
            pairs++;
        }
    }
    /* Where hardly anything is alike, what little there is must not become much. */
    const double least_word = 0.02, least_vector = 0.05;
    const double w = pairs ? sqrt(words / (double)pairs) : 0.0;
    const double v = pairs ? sqrt(vectors / (double)pairs) : 0.0;
    near->word_scale = 1.0 / (w > least_word ? w : least_word);
    near->vector_scale = 1.0 / (v > least_vector ? v : least_vector);
}

/* ---- evidence ---------------------------------------------------------------------------- */

bantam_status bnt_rank_options(bantam_rank_options *out, const bantam_rank_options *options,
                               bantam_error *err)
{
    *out = (bantam_rank_options){.struct_size = sizeof *out};
    const bantam_status status =
        bnt_options_copy(out, sizeof *out, options, "bantam_rank_options", err);
    if (status) return status;
    const double numbers[] = {out->half_life_days, out->half_life_events, out->explore,
                              out->diversity};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        if (isfinite(numbers[i])) continue;
        return bnt_fail(err, BANTAM_ERR_INVALID, "rank: an option is not a finite number");
    }
    if (out->half_life_days < 0.0 || out->half_life_events < 0.0 || out->explore > 1.0) {
        return bnt_fail(
            err, BANTAM_ERR_INVALID,
            "rank: expected half-lives of 0 or more and explore of at most 1, found "
            "%g, %g and %g",
            out->half_life_days, out->half_life_events, out->explore);
    }
    if (!out->now) out->now = bnt_clock_seconds();
    if (out->half_life_days == 0.0) out->half_life_days = 30.0;
    if (out->half_life_events == 0.0) out->half_life_events = 20.0;
    if (out->explore == 0.0) out->explore = 0.1;
    if (out->diversity == 0.0) out->diversity = 0.15;
    return BANTAM_OK;
}

static bantam_status check_event(const bantam_history *h, size_t i, bantam_error *err)
{
    const bantam_event *const e = &h->events[i];

    if (e->item >= h->n_items) {
        return bnt_fail(err, BANTAM_ERR_INVALID,
                        "event %zu is about item %zu, and the history has %zu", i, e->item,
                        h->n_items);
    }
    if (e->kind < BANTAM_EVENT_SHOWN || e->kind > BANTAM_EVENT_DWELT) {
        return bnt_fail(err, BANTAM_ERR_INVALID, "event %zu is of no known kind: %d", i,
                        (int)e->kind);
    }
    if (e->kind == BANTAM_EVENT_DWELT && !(e->seconds >= 0.0 && isfinite(e->seconds))) {
        return bnt_fail(err, BANTAM_ERR_INVALID,
                        "event %zu: expected seconds of 0 or more, found %g", i, e->seconds);
    }
    return BANTAM_OK;
}

static double strength(const bantam_event *e)
{
    switch (e->kind) {
    case BANTAM_EVENT_SHOWN:
        return shown_weight;
    case BANTAM_EVENT_DWELT:
        return e->seconds / (e->seconds + DWELL_S);
    default:
        return 1.0;
    }
}

/* Age is counted back from the latest event: after a long absence what was liked last is still
 * the best that is known. Times behind `now` are taken for now. */
static int64_t latest(const bantam_history *h, int64_t now)
{
    int64_t time = INT64_MIN;

    for (size_t i = 0; i < h->n_events; i++) {
        if (h->events[i].time > time) time = h->events[i].time;
    }
    return time < now ? time : now;
}

static double faded(const bantam_event *e, const bantam_rank_options *o, int64_t end,
                    size_t n_later)
{
    /* As reals: the difference of any two times is one. */
    const double days = ((double)end - (double)e->time) / DAY_S;
    const double halvings =
        (days > 0.0 ? days : 0.0) / o->half_life_days + (double)n_later / o->half_life_events;
    return strength(e) * exp2(-halvings);
}

bantam_status bnt_evidence_gather(const bantam_history *h, const bantam_rank_options *o,
                                  size_t first_doc, bnt_evidence *out, size_t *n,
                                  bantam_error *err)
{
    const int64_t end = latest(h, o->now);
    size_t n_later = 0, n_shown = 0;

    *n = 0;
    for (size_t i = 0; i < h->n_events; i++) {
        const bantam_status status = check_event(h, i, err);
        if (status) return status;
    }
    bool *const acted = bnt_calloc(h->n_items, sizeof *acted); /* more is known than `shown` */
    if (!acted) return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for the history");
    for (size_t i = 0; i < h->n_events; i++) {
        if (h->events[i].kind != BANTAM_EVENT_SHOWN) acted[h->events[i].item] = true;
    }
    for (size_t i = h->n_events; i-- > 0 && *n < BNT_MAX_EVIDENCE;) {
        const bantam_event *const e = &h->events[i];
        const bool shown = e->kind == BANTAM_EVENT_SHOWN;
        if (shown && (acted[e->item] || n_shown == BNT_MAX_SHOWN)) continue;
        out[(*n)++] = (bnt_evidence){
            .doc = first_doc + e->item,
            .event = i,
            .weight = faded(e, o, end, n_later),
            .liked = e->kind == BANTAM_EVENT_LIKED || e->kind == BANTAM_EVENT_DWELT,
        };
        n_shown += shown;
        n_later += !shown;
    }
    bnt_free(acted);
    return BANTAM_OK;
}

bnt_judgment bnt_near_judge(const bnt_near *near, size_t doc, const bnt_evidence *evidence,
                            size_t n)
{
    bnt_judgment j = {.for_it = SIZE_MAX, .against = SIZE_MAX};
    double likes = 0.0, all = 0.0, near_likes = 0.0, near_all = 0.0, best[2] = {0.0, 0.0};

    for (size_t i = 0; i < n; i++) {
        const bnt_evidence *const e = &evidence[i];
        const double w = e->weight * bnt_near_bearing(near, doc, e->doc);
        all += e->weight;
        near_all += w;
        if (e->liked) {
            likes += e->weight;
            near_likes += w;
        }
        if (w <= best[e->liked]) continue;
        best[e->liked] = w;
        if (e->liked)
            j.for_it = i;
        else
            j.against = i;
    }
    j.prior = (likes + 0.5) / (all + 1.0);
    j.share = (near_likes + j.prior) / (near_all + 1.0);
    j.nearest = best[0] > best[1] ? best[0] : best[1];
    return j;
}

void bnt_near_temper(const bnt_near *near, bnt_evidence *evidence, size_t n)
{
    double factors[BNT_MAX_EVIDENCE];

    for (size_t i = 0; i < n; i++) {
        double agree = 1.0, all = 1.0;
        for (size_t j = 0; j < i; j++) { /* the latest stand first */
            const double w =
                evidence[j].weight * bnt_near_bearing(near, evidence[i].doc, evidence[j].doc);
            all += w;
            if (evidence[i].liked == evidence[j].liked) agree += w;
        }
        factors[i] = sqrt(agree / all);
    }
    for (size_t i = 0; i < n; i++)
        evidence[i].weight *= factors[i];
}
