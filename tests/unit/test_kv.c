/* test_kv.c - the cache's layout, and which windowed rows it still has. */
#include "base/mem.h"
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

static void rows_lie_inside_the_block_and_apart_from_each_other(void **state)
{
    static const bantam_kv types[] = {BANTAM_KV_F32, BANTAM_KV_F16, BANTAM_KV_Q8};
    (void)state;
    for (size_t t = 0; t < 3; t++) {
        const bnt_config *const c = config(4, 5);
        bnt_cache cache;
        bantam_error err;
        size_t bytes = 0, sum = 0;

        assert_true(bnt_cache_cost(c, types[t], 40, 7, &bytes));
        assert_int_equal(bnt_cache_init(&cache, c, types[t], 40, 7, &err), BANTAM_OK);
        assert_int_equal(cache.slot_bytes, 2 * bnt_kv_row_bytes(types[t], 20));
        memset(cache.block, 0, bytes);
        for (uint32_t layer = 0; layer < 4; layer++) {
            assert_int_equal(cache.kv.layers[layer].slots, layer % 2 ? 12 : 40);
            for (uint32_t p = 0; p < cache.kv.layers[layer].slots; p++) {
                for (int v = 0; v < 2; v++) {
                    uint8_t *const row = bnt_cache_at(&cache, layer, p, v == 1);
                    assert_true(row >= cache.block);
                    assert_true(row + cache.slot_bytes <= cache.block + bytes);
                    for (size_t i = 0; i < cache.slot_bytes; i++) {
                        assert_int_equal(row[i], 0); /* no other row has been here */
                        row[i] = 1;
                    }
                    sum += cache.slot_bytes;
                }
            }
            assert_true((uintptr_t)cache.kv.layers[layer].k % 64 == 0);
            assert_true((uintptr_t)cache.kv.layers[layer].v % 64 == 0);
        }
        assert_true(sum <= bytes && bytes - sum < 8 * 64);
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
    enum { WINDOW = 5, BATCH = 3, CONTEXT = 64, SLOTS = WINDOW + BATCH };
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
        pos -= pos ? (seed >> 20) % (pos + 1) % 9 : 0;
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
        cmocka_unit_test(rows_lie_inside_the_block_and_apart_from_each_other),
        cmocka_unit_test(a_context_within_the_window_has_a_slot_for_every_position),
        cmocka_unit_test(keys_that_depend_on_the_call_are_all_kept),
        cmocka_unit_test(a_position_is_ready_exactly_when_its_window_is_there),
        cmocka_unit_test(a_cache_that_cannot_be_addressed_has_no_cost),
        cmocka_unit_test(every_failed_allocation_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
