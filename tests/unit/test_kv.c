/* test_kv.c - the cache's layout, and which windowed rows it still has. */
#include "base/mem.h"
#include "model/kv_row.h"
#include "session/kv.h"
#include "support.h"

static bnt_config C;

static const bnt_config *config(uint32_t n_layers, uint32_t window)
{
    memset(&C, 0, sizeof C);
    C.n_layers = n_layers;
    C.n_kv_heads = 2;
    C.head_dim = 20;
    C.int8_rope = BANTAM_ROPE_FLOAT;
    C.window_tokens = window;
    for (uint32_t i = 0; i < n_layers; i++)
        C.windowed[i] = window && i % 2;
    return &C;
}

/* Bytes that differ from one place to the next; where a row of 20 values is padded, what
 * counts as zero. */
static void fill(uint8_t *rows, const bnt_cache *c, uint32_t layer, uint32_t pos, int v)
{
    for (size_t i = 0; i < c->slot_bytes; i++) {
        const size_t at = i % c->kv.row_bytes;
        rows[i] = (uint8_t)(layer * 57 + pos * 13 + i * 7 + (size_t)v);
        if (c->kv.type == BANTAM_KV_Q8 && at >= 2 + 20) rows[i] = 0;
        if (c->kv.type == BANTAM_KV_Q4 && at >= 2 + 4) rows[i] = (rows[i] & 15) | 0x80;
    }
}

/* Every byte of every row comes back, whatever else is written: so rows lie inside the block
 * and apart from each other. */
static void rows_come_back_and_lie_apart_from_each_other(void **state)
{
    static const bantam_kv types[] = {BANTAM_KV_F32, BANTAM_KV_F16, BANTAM_KV_Q8, BANTAM_KV_Q4};
    (void)state;
    for (size_t t = 0; t < 4; t++) {
        const bnt_config *const c = config(4, 5);
        bnt_cache cache;
        bantam_error err;
        uint8_t rows[256], back[256];

        assert_int_equal(bnt_cache_init(&cache, c, types[t], 140, 7, &err), BANTAM_OK);
        assert_int_equal(cache.slot_bytes, 2 * bnt_kv_row_bytes(types[t], 20));
        for (int i = 0; i < 2 * 4 * 2 * 144; i++) {
            const bool reading = i >= 4 * 2 * 144;
            const uint32_t layer = (uint32_t)i / (2 * 144) % 4, pos = (uint32_t)i / 2 % 144;
            const bnt_kv_layer *const l = &cache.kv.layers[layer];
            assert_int_equal(l->slots, layer % 2 ? 64 : 144);
            assert_true((uintptr_t)l->k % 64 == 0 && (uintptr_t)l->v % 64 == 0);
            if (pos >= l->slots) continue;
            fill(rows, &cache, layer, pos, i % 2);
            if (reading) {
                bnt_cache_get(&cache, layer, pos, i % 2 == 1, back);
                assert_memory_equal(back, rows, cache.slot_bytes);
            } else {
                bnt_cache_put(&cache, layer, pos, i % 2 == 1, rows);
            }
        }
        bnt_cache_deinit(&cache);
    }
}

static void a_context_within_the_window_has_a_slot_for_every_position(void **state)
{
    bnt_cache cache;
    bantam_error err;
    (void)state;
    assert_int_equal(bnt_cache_init(&cache, config(2, 100), BANTAM_KV_F16, 64, 8, &err),
                     BANTAM_OK);
    assert_int_equal(cache.kv.layers[1].slots, 64);
    bnt_cache_deinit(&cache);
}

static void keys_that_depend_on_the_call_are_all_kept(void **state)
{
    bnt_config *const c = (bnt_config *)(uintptr_t)config(2, 4);
    bnt_cache cache;
    bantam_error err;
    (void)state;
    c->int8_rope = BANTAM_ROPE_CALL;
    assert_int_equal(bnt_cache_init(&cache, c, BANTAM_KV_F16, 64, 8, &err), BANTAM_OK);
    assert_int_equal(cache.kv.layers[1].slots, 64);
    bnt_cache_touch(&cache, 64);
    assert_true(bnt_cache_ready(&cache, 1));
    bnt_cache_deinit(&cache);
}

/* Follows every slot by hand and compares. */
static void a_position_is_ready_exactly_when_its_window_is_there(void **state)
{
    enum { WINDOW = 50, BATCH = 14, CONTEXT = 640, SLOTS = WINDOW + BATCH };
    uint32_t in_slot[SLOTS]; /* the position each slot holds */
    uint32_t pos = 0, seed = 1;
    unsigned n_lost = 0;
    bnt_cache cache;
    bantam_error err;
    (void)state;

    memset(in_slot, 0xFF, sizeof in_slot);
    assert_int_equal(
        bnt_cache_init(&cache, config(2, WINDOW), BANTAM_KV_F16, CONTEXT, BATCH, &err),
        BANTAM_OK);
    for (int step = 0; step < 20000; step++) {
        seed = seed * 1664525u + 1013904223u;
        const uint32_t n = 1 + (seed >> 8) % BATCH;
        if ((seed >> 16) % 4 && pos + n <= CONTEXT) {
            bnt_cache_touch(&cache, pos + n);
            for (uint32_t p = pos; p < pos + n; p++)
                in_slot[p % SLOTS] = p;
            pos += n;
            continue;
        }
        pos -= pos ? (seed >> 20) % (pos + 1) % 29 : 0;
        bool there = true;
        for (uint32_t p = pos > WINDOW - 1 ? pos - (WINDOW - 1) : 0; p < pos; p++) {
            there = there && in_slot[p % SLOTS] == p;
        }
        assert_int_equal(bnt_cache_ready(&cache, pos), there);
        if (!there) { /* as feed.c does it: from the beginning */
            n_lost++;
            cache.low = 0;
            for (uint32_t p = 0; p < pos; p++)
                in_slot[p % SLOTS] = p;
            bnt_cache_touch(&cache, pos);
        }
    }
    assert_true(n_lost > 100);
    bnt_cache_deinit(&cache);
}

static void a_cache_that_cannot_be_addressed_has_no_cost(void **state)
{
    bnt_config *const c = (bnt_config *)(uintptr_t)config(512, 0);
    size_t bytes = 0;
    (void)state;
    c->n_kv_heads = UINT32_MAX;
    assert_false(bnt_cache_cost(c, BANTAM_KV_F32, UINT32_MAX, 1, &bytes));
}

static void every_failed_allocation_is_an_error(void **state)
{
    const int64_t live = bnt_mem_live();
    bantam_status status;
    bantam_error err;
    bnt_cache cache;
    uint64_t n = 0;
    (void)state;
    do {
        bnt_mem_fail_after(n++);
        status = bnt_cache_init(&cache, config(2, 4), BANTAM_KV_F16, 64, 8, &err);
        if (status) assert_int_equal(status, BANTAM_ERR_NOMEM);
        bnt_cache_deinit(&cache);
        assert_true(bnt_mem_live() == live);
    } while (status && n < 10);
    bnt_mem_fail_after(UINT64_MAX);
    assert_int_equal(n, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_come_back_and_lie_apart_from_each_other),
        cmocka_unit_test(a_context_within_the_window_has_a_slot_for_every_position),
        cmocka_unit_test(keys_that_depend_on_the_call_are_all_kept),
        cmocka_unit_test(a_position_is_ready_exactly_when_its_window_is_there),
        cmocka_unit_test(a_cache_that_cannot_be_addressed_has_no_cost),
        cmocka_unit_test(every_failed_allocation_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
