/* arena.c - hands out one block from its start. */
#include "base/arena.h"
#include "base/checked.h"
#include "base/error.h"
#include "base/mem.h"

enum { ALIGN = 64 };

bantam_status bnt_arena_init(bnt_arena *arena, size_t size, bantam_error *err)
{
    *arena = (bnt_arena){0};
    arena->base = bnt_alloc(size);
    if (!arena->base) {
        return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for %zu bytes of scratch", size);
    }
    arena->size = size;
    return BANTAM_OK;
}

void bnt_arena_deinit(bnt_arena *arena)
{
    bnt_free(arena->base);
    *arena = (bnt_arena){0};
}

size_t bnt_arena_cost(size_t n, size_t size)
{
    size_t bytes;
    if (!bnt_mul_size(n, size, &bytes) || bytes > SIZE_MAX - (ALIGN - 1)) return SIZE_MAX;
    return (bytes + ALIGN - 1) & ~(size_t)(ALIGN - 1);
}

/* base is aligned to 64 and `used` grows by multiples of 64, so every block is aligned too. */
void *bnt_arena_alloc(bnt_arena *arena, size_t n, size_t size)
{
    const size_t cost = bnt_arena_cost(n, size);
    if (!arena->base || cost > arena->size - arena->used) return NULL;
    void *block = arena->base + arena->used;
    arena->used += cost;
    return block;
}

void *bnt_take(bnt_taker *taker, size_t n, size_t size)
{
    if (taker->arena) {
        void *const block = bnt_arena_alloc(taker->arena, n, size);
        taker->failed = taker->failed || !block;
        return block;
    }
    const size_t cost = bnt_arena_cost(n, size);
    if (cost == SIZE_MAX || !bnt_add_size(taker->total, cost, &taker->total)) {
        taker->failed = true;
    }
    return NULL;
}

float *bnt_take_floats(bnt_taker *taker, size_t n, size_t width)
{
    size_t floats = 0;
    if (!bnt_mul_size(n, width, &floats)) {
        taker->failed = true;
        return NULL;
    }
    return bnt_take(taker, floats, sizeof(float));
}

size_t bnt_taker_cost(const bnt_taker *taker)
{
    return taker->failed ? SIZE_MAX : taker->total;
}
