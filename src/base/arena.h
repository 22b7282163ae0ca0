/* arena.h - one block of memory handed out from its start, given back to a mark. */
#ifndef BNT_BASE_ARENA_H
#define BNT_BASE_ARENA_H
#include "bantam/bantam.h"

/* A zeroed arena is a valid closed one. */
typedef struct bnt_arena {
    uint8_t *base; /* owns */
    size_t size, used;
} bnt_arena;

bantam_status bnt_arena_init(bnt_arena *arena, size_t size, bantam_error *err);
void bnt_arena_deinit(bnt_arena *arena);

/* n * size bytes aligned to 64, not cleared. NULL when they do not fit or the product wraps. */
void *bnt_arena_alloc(bnt_arena *arena, size_t n, size_t size);

/* What an allocation of n * size costs in an arena, for sizing one beforehand; SIZE_MAX where
 * the product wraps. */
size_t bnt_arena_cost(size_t n, size_t size);

/* A mark is the value of `used`; bnt_arena_reset gives back everything allocated after it. */
static inline size_t bnt_arena_mark(const bnt_arena *arena)
{
    return arena->used;
}
static inline void bnt_arena_reset(bnt_arena *arena, size_t mark)
{
    arena->used = mark;
}

/* Takes what a piece of work needs, in two passes of one function: without an arena it adds up
 * what taking would cost and hands out NULL, with one it takes. Starts zeroed but for the
 * arena; failure is sticky: a sum that wraps, or an arena that is full. */
typedef struct bnt_taker {
    bnt_arena *arena; /* borrows; NULL: counts */
    size_t total;     /* counted so far */
    bool failed;
} bnt_taker;

/* As bnt_arena_alloc(). */
void *bnt_take(bnt_taker *taker, size_t n, size_t size);
/* (n, width) */
float *bnt_take_floats(bnt_taker *taker, size_t n, size_t width);

/* What an arena must hold for everything that was counted; SIZE_MAX after a failure. */
size_t bnt_taker_cost(const bnt_taker *taker);

#endif
