/* room.c - limits of different things made comparable, and sessions planned within them.
 *
 * Limits count different things, but a plan and the sizes of files say how far apart these are.
 * So each limit becomes a number of planned bytes, the least of them is the budget, and what a
 * session could be within a budget is the session floor's to find.
 */
#include "api/room.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/checked.h"

/* What a process maps beside planned memory and weights: stacks of threads, libraries. */
enum { OTHER_ADDRESSES = 64 << 20 };

static uint64_t sum(uint64_t a, uint64_t b)
{
    uint64_t all;
    return bnt_add_u64(a, b, &all) ? all : UINT64_MAX;
}

static uint64_t less(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

typedef struct budget {
    uint64_t bytes; /* that may be planned; UINT64_MAX: any number */
    const char *name;
} budget;

static void tighten(budget *b, uint64_t bytes, const char *name)
{
    if (bytes >= b->bytes) return;
    b->bytes = bytes;
    b->name = name;
}

/* With weights that `stay`, all that is planned is in memory; others may be taken back page by
 * page. What the caller allows is held against all of a plan, as sessions do it. */
static budget budget_of(const bnt_room_question *q, uint64_t weight_bytes, bool stay)
{
    const uint64_t unread = less(q->mapped_bytes, weight_bytes);
    budget b = {UINT64_MAX, NULL};

    for (uint32_t i = 0; i < q->machine->n_limits; i++) {
        const bantam_memory_limit *const l = &q->machine->limits[i];
        uint64_t bytes = l->left_bytes;
        if (l->of == BANTAM_LIMIT_PRIVATE || (l->of == BANTAM_LIMIT_MEMORY && !stay)) {
            bytes = sum(bytes, weight_bytes);
        }
        if (l->of == BANTAM_LIMIT_ADDRESSES) {
            bytes = less(bytes, sum(unread, OTHER_ADDRESSES));
        }
        tighten(&b, bytes, l->name);
    }
    if (q->session.memory_bytes) tighten(&b, q->session.memory_bytes, "memory allowed");
    return b;
}

/* ---- plans ------------------------------------------------------------------------------- */

/* A tokenizer that is not here counts with what it would take. */
static void add_tokenizer(const bnt_room_question *q, bantam_plan_info *plan)
{
    plan->other_bytes += q->tokenizer_bytes;
    plan->total_bytes += q->tokenizer_bytes;
}

static bantam_status plan_as(const bnt_room_question *q, bantam_session_options o,
                             bantam_plan_info *out, bantam_error *err)
{
    o.memory_bytes = 0;
    const bantam_status status = bnt_session_plan(q->model, q->tokenizer, &o, out, err);
    if (!status) add_tokenizer(q, out);
    return status;
}

/* Whether some session is possible within a budget, and which. */
static bool plan_within(const bnt_room_question *q, uint64_t bytes, bantam_plan_info *out)
{
    bantam_session_options o = q->session;

    if (bytes <= q->tokenizer_bytes) return false;
    o.memory_bytes = bytes - q->tokenizer_bytes;
    if (bnt_session_plan_within(q->model, q->tokenizer, &o, out, NULL)) return false;
    add_tokenizer(q, out);
    return true;
}

bantam_status bnt_room_find(const bnt_room_question *q, bnt_room *out, bantam_error *err)
{
    *out = (bnt_room){.verdict = BANTAM_FITS};
    const bantam_status status = plan_as(q, q->session, &out->wished, err);
    if (status) return status;

    const budget all = budget_of(q, out->wished.weight_bytes, true);
    const budget own = budget_of(q, out->wished.weight_bytes, false);
    out->plan = out->wished;
    out->left_bytes = all.bytes;
    out->limit = all.name;
    if (out->wished.total_bytes <= all.bytes) return BANTAM_OK;

    bantam_plan_info plan;
    if (plan_within(q, all.bytes, &plan)) {
        out->verdict = BANTAM_FITS_SMALLER;
    } else if (plan_within(q, own.bytes, &plan)) {
        out->verdict = BANTAM_FITS_MAPPED;
    } else {
        out->verdict = BANTAM_FITS_NOT;
        return BANTAM_OK;
    }
    out->plan = plan;
    return BANTAM_OK;
}

/* ---- words ------------------------------------------------------------------------------- */

typedef struct size_text {
    char text[24];
} size_text;

static size_text size_of(uint64_t bytes)
{
    size_text s;
    const double n = (double)bytes;
    if (bytes < 999500000) {
        snprintf(s.text, sizeof s.text, "%.0f MB", n / 1e6);
    } else {
        snprintf(s.text, sizeof s.text, "%.*f GB", n < 99.5e9 ? 1 : 0, n / 1e9);
    }
    return s;
}

void bnt_room_explain(const bnt_room *r, char *out, size_t capacity)
{
    const bantam_plan_info *const p = &r->plan;
    const size_text needed = size_of(r->wished.total_bytes), left = size_of(r->left_bytes);

    switch (r->verdict) {
    case BANTAM_FITS:
        snprintf(out, capacity, "%s of %s%s%s%s", needed.text, r->limit ? left.text : "any",
                 r->limit ? " (" : "", r->limit ? r->limit : "", r->limit ? ")" : "");
        return;
    case BANTAM_FITS_SMALLER:
        snprintf(out, capacity,
                 "%s needed, %s left (%s): fits with --ctx %" PRIu32 "%s, %" PRIu32
                 " tokens at a time",
                 needed.text, left.text, r->limit, p->context_tokens,
                 p->kv == BANTAM_KV_Q8 && r->wished.kv != p->kv ? " --kv q8" : "",
                 p->batch_tokens);
        return;
    case BANTAM_FITS_MAPPED:
        snprintf(out, capacity,
                 "%s needed, %s left (%s): weights are read from the disk again and again",
                 needed.text, left.text, r->limit);
        return;
    case BANTAM_FITS_NOT:
        snprintf(out, capacity, "%s needed, %s left (%s)", needed.text, left.text, r->limit);
        return;
    }
}
