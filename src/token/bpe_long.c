/* bpe_long.c - merging long pieces with a queue of ranks.
 *
 * A million equal letters are one piece, and a heap of their pairs is slow because it jumps all
 * over the cache. Here pairs of one rank stand in one list in order of position, threaded
 * through the symbols themselves; a small heap knows which list has the best rank. Merging one
 * list from left to right makes new pairs from left to right too, so they are nearly always put
 * at the end of their list. The few pairs that would have to go into the middle of a list go to
 * a second heap instead, ordered by rank and position; what comes first of both is merged next.
 * Nothing is ever searched or sorted, so the time is n log n at worst.
 */
#include "base/error.h"
#include "base/mem.h"
#include "token/bpe.h"

#include <string.h>

#define NONE UINT32_MAX

typedef struct bnt_long_symbol {
    uint32_t start;      /* of its bytes in the piece; they end where the next symbol starts */
    uint32_t id;         /* or BANTAM_NO_TOKEN */
    uint32_t prev, next; /* neighbors, or NONE */
    uint32_t list, made; /* of this symbol with the next one: where the pair waits, or NONE, and
                            the token it would make */
    uint32_t before, after; /* in that list, or NONE */
} symbol;

/* All pairs of one rank, but for those in the heap of strays. */
typedef struct list {
    uint32_t rank;
    uint32_t first, last; /* symbols, or NONE */
    bool waiting;         /* is in the heap of lists */
} list;

typedef struct bnt_long_queue {
    list *lists;
    size_t n_lists, lists_capacity;

    uint32_t *slots; /* (n_slots), rank to list: open addressing, NONE is free */
    size_t n_slots;

    uint32_t *heap; /* of lists, best rank first; (n_heap) */
    size_t n_heap, heap_capacity;

    uint64_t *strays; /* a heap of rank << 32 | symbol; may hold pairs that are no more */
    size_t n_strays, strays_capacity;
} queue;

static bool grow(void **block, size_t *capacity, size_t size)
{
    const size_t wanted = *capacity ? *capacity * 2 : 64;
    void *more = bnt_realloc(*block, wanted, size);
    if (!more) return false;
    *block = more;
    *capacity = wanted;
    return true;
}

/* ---- the heap of strays ---- */

static bool stray_push(queue *q, uint64_t key)
{
    if (q->n_strays == q->strays_capacity) {
        void *block = q->strays;
        if (!grow(&block, &q->strays_capacity, sizeof *q->strays)) return false;
        q->strays = block;
    }
    size_t i = q->n_strays++;
    for (; i > 0 && q->strays[(i - 1) / 2] > key; i = (i - 1) / 2) {
        q->strays[i] = q->strays[(i - 1) / 2];
    }
    q->strays[i] = key;
    return true;
}

static void stray_pop(queue *q)
{
    const uint64_t key = q->strays[--q->n_strays];
    size_t i = 0;
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= q->n_strays) break;
        if (child + 1 < q->n_strays && q->strays[child + 1] < q->strays[child]) child++;
        if (q->strays[child] >= key) break;
        q->strays[i] = q->strays[child];
        i = child;
    }
    q->strays[i] = key;
}

/* ---- the heap of lists ---- */

static bool heap_push(queue *q, uint32_t index)
{
    if (q->n_heap == q->heap_capacity) {
        void *block = q->heap;
        if (!grow(&block, &q->heap_capacity, sizeof *q->heap)) return false;
        q->heap = block;
    }
    const uint32_t rank = q->lists[index].rank;
    size_t i = q->n_heap++;
    for (; i > 0 && q->lists[q->heap[(i - 1) / 2]].rank > rank; i = (i - 1) / 2) {
        q->heap[i] = q->heap[(i - 1) / 2];
    }
    q->heap[i] = index;
    q->lists[index].waiting = true;
    return true;
}

static void heap_pop(queue *q)
{
    q->lists[q->heap[0]].waiting = false;
    const uint32_t index = q->heap[--q->n_heap];
    const uint32_t rank = q->lists[index].rank;
    size_t i = 0;
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= q->n_heap) break;
        if (child + 1 < q->n_heap &&
            q->lists[q->heap[child + 1]].rank < q->lists[q->heap[child]].rank) {
            child++;
        }
        if (q->lists[q->heap[child]].rank >= rank) break;
        q->heap[i] = q->heap[child];
        i = child;
    }
    q->heap[i] = index;
}

/* ---- ranks to lists ---- */

static size_t slot_of(const queue *q, uint32_t rank)
{
    const uint32_t h = rank * UINT32_C(0x9E3779B1);
    return (h ^ h >> 15) & (q->n_slots - 1);
}

/* Twice as many slots, at most half of them used. */
static bool grow_slots(queue *q)
{
    const size_t n_slots = q->n_slots ? q->n_slots * 2 : 256;
    uint32_t *slots = bnt_realloc(q->slots, n_slots, sizeof *slots);
    if (!slots) return false;
    q->slots = slots;
    q->n_slots = n_slots;
    memset(slots, 0xFF, n_slots * sizeof *slots);
    for (size_t i = 0; i < q->n_lists; i++) {
        size_t at = slot_of(q, q->lists[i].rank);
        while (slots[at] != NONE) {
            at = (at + 1) & (n_slots - 1);
        }
        slots[at] = (uint32_t)i;
    }
    return true;
}

/* The index of the list of a rank, which is made where there is none, or NONE when out of
 * memory.
 */
static uint32_t list_of(queue *q, uint32_t rank)
{
    if (2 * (q->n_lists + 1) > q->n_slots && !grow_slots(q)) return NONE;
    size_t at = slot_of(q, rank);
    for (; q->slots[at] != NONE; at = (at + 1) & (q->n_slots - 1)) {
        if (q->lists[q->slots[at]].rank == rank) return q->slots[at];
    }
    if (q->n_lists == q->lists_capacity) {
        void *block = q->lists;
        if (!grow(&block, &q->lists_capacity, sizeof *q->lists)) return NONE;
        q->lists = block;
    }
    const uint32_t index = (uint32_t)q->n_lists++;
    q->lists[index] = (list){.rank = rank, .first = NONE, .last = NONE};
    q->slots[at] = index;
    return index;
}

static void clear_queue(queue *q)
{
    if (q->n_slots) memset(q->slots, 0xFF, q->n_slots * sizeof *q->slots);
    q->n_lists = q->n_heap = q->n_strays = 0;
}

/* ---- one merge run ---- */

typedef struct run {
    const bnt_bpe *bpe;
    bantam_text piece;
    symbol *s; /* (n) */
    queue *q;
    uint32_t hint; /* the list used last: in a run of equal pairs it is the right one */
} run;

/* Puts the pair that begins at symbol i into the queue. */
static bool enqueue(run *r, uint32_t i, uint32_t rank)
{
    symbol *const s = r->s;
    queue *const q = r->q;
    if (r->hint >= q->n_lists || q->lists[r->hint].rank != rank) {
        r->hint = list_of(q, rank);
        if (r->hint == NONE) return false;
    }
    list *const l = &q->lists[r->hint];
    s[i].list = r->hint;
    s[i].before = s[i].after = NONE;
    if (l->first == NONE) {
        l->first = l->last = i;
    } else if (i > l->last) {
        s[i].before = l->last;
        s[l->last].after = i;
        l->last = i;
    } else if (i < l->first) {
        s[i].after = l->first;
        s[l->first].before = i;
        l->first = i;
    } else {
        return stray_push(q, (uint64_t)rank << 32 | i);
    }
    return l->waiting || heap_push(q, r->hint);
}

/* Takes the pair that begins at symbol i out of its list. A stray stays in its heap: it no
 * longer fits its symbol when it comes up. */
static void dequeue(run *r, uint32_t i)
{
    symbol *const s = r->s;
    if (s[i].list == NONE) return;
    list *const l = &r->q->lists[s[i].list];
    s[i].list = NONE;
    if (s[i].before == NONE && s[i].after == NONE && l->first != i) return; /* a stray */

    if (s[i].before == NONE) {
        l->first = s[i].after;
    } else {
        s[s[i].before].after = s[i].after;
    }
    if (s[i].after == NONE) {
        l->last = s[i].before;
    } else {
        s[s[i].after].before = s[i].before;
    }
}

/* Finds the rank of symbol i, which waits nowhere, with its neighbor and queues the pair. */
static bool rank_at(run *r, uint32_t i)
{
    symbol *const s = &r->s[i];
    if (s->next == NONE) return true;
    const symbol *const right = &r->s[s->next];
    const uint32_t end =
        right->next == NONE ? (uint32_t)r->piece.size : r->s[right->next].start;
    const uint32_t bounds[3] = {s->start, right->start, end};
    const uint32_t rank =
        bnt_bpe_rank(r->bpe, r->piece.data, bounds, s->id, right->id, &s->made);
    return rank == BNT_NO_RANK || enqueue(r, i, rank);
}

/* Whether a stray is still what its symbol and the next one would give. */
static bool is_current(const run *r, uint64_t stray)
{
    const uint32_t list_index = r->s[(uint32_t)stray].list;
    return list_index != NONE && r->q->lists[list_index].rank == stray >> 32;
}

/* The symbol whose pair is merged next, or NONE. */
static uint32_t next_pair(run *r)
{
    queue *const q = r->q;
    while (q->n_strays && !is_current(r, q->strays[0])) {
        stray_pop(q);
    }
    while (q->n_heap && q->lists[q->heap[0]].first == NONE) {
        heap_pop(q);
    }
    if (!q->n_heap) return q->n_strays ? (uint32_t)q->strays[0] : NONE;

    const list *const l = &q->lists[q->heap[0]];
    const uint64_t key = (uint64_t)l->rank << 32 | l->first;
    return q->n_strays && q->strays[0] < key ? (uint32_t)q->strays[0] : l->first;
}

static bool merge_all(run *r)
{
    symbol *const s = r->s;
    for (uint32_t i = 0; i != NONE; i = s[i].next) {
        if (!rank_at(r, i)) return false;
    }
    for (uint32_t i; (i = next_pair(r)) != NONE;) {
        const uint32_t gone = s[i].next, prev = s[i].prev;
        dequeue(r, i);
        dequeue(r, gone);
        s[i].id = s[i].made;
        s[i].next = s[gone].next;
        if (s[i].next != NONE) s[s[i].next].prev = i;
        if (prev != NONE) {
            dequeue(r, prev);
            if (!rank_at(r, prev)) return false;
        }
        if (!rank_at(r, i)) return false;
    }
    return true;
}

/* ---- pieces ---- */

static bantam_status fail_memory(bantam_text piece, bantam_error *err)
{
    return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for a piece of %zu bytes",
                    piece.size);
}

static void fill_symbols(const bnt_bpe *bpe, bantam_text piece, symbol *s)
{
    uint32_t n = 0;
    for (size_t at = 0; at < piece.size; n++) {
        const bantam_text rest = {piece.data + at, piece.size - at};
        s[n] = (symbol){
            .start = (uint32_t)at, .prev = n ? n - 1 : NONE, .next = n + 1, .list = NONE};
        at += bnt_bpe_symbol(bpe, rest, &s[n].id);
    }
    s[n - 1].next = NONE;
}

bantam_status bnt_bpe_encode_long(const bnt_bpe *bpe, bnt_bpe_scratch *scratch,
                                  bantam_text piece, bool *was_unknown, bnt_ids *out,
                                  bantam_error *err)
{
    if (!scratch->queue) {
        scratch->queue = bnt_calloc(1, sizeof *scratch->queue);
        if (!scratch->queue) return fail_memory(piece, err);
    }
    if (scratch->n_symbols < piece.size) { /* a symbol has a byte at least */
        bnt_free(scratch->symbols);
        scratch->n_symbols = 0;
        scratch->symbols = bnt_alloc(piece.size * sizeof *scratch->symbols);
        if (!scratch->symbols) return fail_memory(piece, err);
        scratch->n_symbols = piece.size;
    }
    run r = {.bpe = bpe, .piece = piece, .s = scratch->symbols, .q = scratch->queue};
    r.hint = NONE;
    clear_queue(r.q);
    fill_symbols(bpe, piece, r.s);
    if (!merge_all(&r)) return fail_memory(piece, err);

    for (uint32_t i = 0; i != NONE; i = r.s[i].next) {
        const uint32_t end =
            r.s[i].next == NONE ? (uint32_t)piece.size : r.s[r.s[i].next].start;
        const bantam_text text = {piece.data + r.s[i].start, end - r.s[i].start};
        const bantam_status status = bnt_bpe_put(bpe, text, r.s[i].id, was_unknown, out, err);
        if (status) return status;
    }
    return BANTAM_OK;
}

void bnt_bpe_scratch_deinit(bnt_bpe_scratch *scratch)
{
    bnt_free(scratch->symbols);
    if (scratch->queue) {
        bnt_free(scratch->queue->lists);
        bnt_free(scratch->queue->slots);
        bnt_free(scratch->queue->heap);
        bnt_free(scratch->queue->strays);
        bnt_free(scratch->queue);
    }
    *scratch = (bnt_bpe_scratch){0};
}
