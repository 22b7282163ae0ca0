/* test_state.c - saved sessions: what comes back, and what is refused. */
#include "base/digest.h"
#include "base/mem.h"
#include "base/rng.h"
#include "session/state.h"
#include "session_rig.h"

#include <sys/stat.h>

enum { CONTEXT = 120, HELD = 40 };

static session_rig PLAIN, WINDOWED;
static uint32_t TOKENS[CONTEXT];

static int open_models(void **state)
{
    (void)state;
    session_rig_heads(&PLAIN, 21, 0, 16);
    session_rig_heads(&WINDOWED, 22, 6, 16);
    rig_tokens(TOKENS, CONTEXT, LETTERS_N, 7);
    return 0;
}

static int close_models(void **state)
{
    (void)state;
    session_rig_close(&PLAIN);
    session_rig_close(&WINDOWED);
    return 0;
}

static bnt_session *session(const session_rig *r, uint32_t context, bantam_kv kv)
{
    return rig_session(
        r, (bantam_session_options){
               .context_tokens = context, .batch_tokens = 5, .n_threads = 1, .kv = kv});
}

static void warm(bnt_session *s, uint64_t seed)
{
    const bantam_sampling sampling = {.struct_size = sizeof sampling,
                                      .seed = seed,
                                      .temperature = 1.0f,
                                      .top_p = 1.0f,
                                      .typical_p = 1.0f,
                                      .repeat_penalty = 1.0f};
    bantam_error err;
    if (bnt_session_set_sampling(s, &sampling, &err)) fail_msg("%s", err.message);
}

/* Draws n tokens; stop tokens are drawn and not fed, which is as good here. */
static void draw(bnt_session *s, uint32_t *out, size_t n)
{
    bantam_text text;
    bantam_error err;
    for (size_t i = 0; i < n; i++) {
        if (bnt_session_next(s, out + i, &text, &err)) fail_msg("%s", err.message);
    }
}

static void save(const bnt_session *s, const char *path)
{
    bantam_error err;
    if (bnt_session_save(s, path, &err)) fail_msg("%s", err.message);
}

static void assert_same(const bnt_session *a, const bnt_session *b)
{
    assert_int_equal(bnt_session_position(a), bnt_session_position(b));
    for (uint32_t i = 0; i < bnt_session_position(a); i++) {
        assert_int_equal(bnt_session_token(a, i), bnt_session_token(b, i));
    }
    assert_int_equal(!bnt_session_logits(a), !bnt_session_logits(b));
    if (bnt_session_logits(a)) {
        assert_memory_equal(bnt_session_logits(a), bnt_session_logits(b),
                            LETTERS_N * sizeof(float));
    }
}

/* ---- what comes back ---- */

static void a_restored_session_goes_on_with_the_same_bits(void **state)
{
    static const session_rig *const rigs[] = {&PLAIN, &WINDOWED};
    static const bantam_kv kvs[] = {BANTAM_KV_F32, BANTAM_KV_F16, BANTAM_KV_Q8, BANTAM_KV_Q4};
    const char *const path = tiny_path("state");
    (void)state;
    for (size_t r = 0; r < 2; r++) {
        for (size_t k = 0; k < 4; k++) {
            for (uint32_t held = 1; held < 90; held += 11) {
                bnt_session *const a = session(rigs[r], CONTEXT, kvs[k]);
                /* Another batch, more threads, a context just large enough. */
                bnt_session *const b =
                    rig_session(rigs[r], (bantam_session_options){.context_tokens = held + 30,
                                                                  .batch_tokens = 64,
                                                                  .n_threads = 2,
                                                                  .kv = kvs[k]});
                uint32_t drawn_a[20], drawn_b[20];
                bantam_error err = {0};
                warm(a, 5);
                warm(b, 99);
                rig_feed_all(a, TOKENS, held);
                draw(a, drawn_a, 2); /* the generator has moved */
                save(a, path);
                rig_feed_all(b, TOKENS + 1, 25); /* what is there is forgotten */
                assert_int_equal(bnt_session_load(b, path, &err), BANTAM_OK);
                assert_same(a, b);
                draw(a, drawn_a, 20);
                draw(b, drawn_b, 20);
                assert_memory_equal(drawn_a, drawn_b, sizeof drawn_a);
                assert_same(a, b);

                /* Also after a step back over what was saved. */
                const uint32_t back = held / 2;
                assert_int_equal(bnt_session_rewind(a, back, &err), BANTAM_OK);
                assert_int_equal(bnt_session_rewind(b, back, &err), BANTAM_OK);
                rig_feed_all(a, TOKENS + 50, 3);
                rig_feed_all(b, TOKENS + 50, 3);
                assert_same(a, b);
                bnt_session_close(b);
                bnt_session_close(a);
            }
        }
    }
    unlink(path);
}

static void empty_and_rewound_sessions_are_saved_too(void **state)
{
    static const session_rig *const rigs[] = {&PLAIN, &WINDOWED};
    const char *const path = tiny_path("state");
    (void)state;
    for (size_t r = 0; r < 2; r++) {
        for (uint32_t back = 0; back < 60; back += 19) { /* windowed rows are lost by some */
            bnt_session *const a = session(rigs[r], CONTEXT, BANTAM_KV_F16);
            bnt_session *const b = session(rigs[r], CONTEXT, BANTAM_KV_F16);
            bantam_error err;
            rig_feed_all(a, TOKENS, 60);
            assert_int_equal(bnt_session_rewind(a, back, &err), BANTAM_OK);
            save(a, path);
            rig_feed_all(b, TOKENS + 3, 30);
            assert_int_equal(bnt_session_load(b, path, &err), BANTAM_OK);
            assert_same(a, b);
            assert_null(bnt_session_logits(b));
            rig_feed_all(a, TOKENS + 60, 20);
            rig_feed_all(b, TOKENS + 60, 20);
            assert_same(a, b);
            bnt_session_close(b);
            bnt_session_close(a);
        }
    }
    unlink(path);
}

static void a_window_is_saved_and_not_the_whole_context(void **state)
{
    const char *const path = tiny_path("state");
    bnt_session *const s = session(&WINDOWED, CONTEXT, BANTAM_KV_F32);
    struct stat info;
    (void)state;
    rig_feed_all(s, TOKENS, 100);
    save(s, path);
    assert_int_equal(stat(path, &info), 0);
    /* Two full layers and five rows of the windowed one; 2 heads of 16 floats, twice. */
    assert_int_equal(info.st_size, BNT_STATE_HEADER + 100 * 4 + LETTERS_N * 4 +
                                       (100 + 5 + 100) * 2 * 16 * 4 * 2 + 8);
    bnt_session_close(s);
    unlink(path);
}

/* ---- what is refused ---- */

/* A small saved session in memory, and one to load into that must stay as it is. */
typedef struct target {
    uint8_t *data;
    size_t size;
    bnt_session *s, *untouched;
} target;

static void target_open(target *t, const session_rig *r)
{
    const char *const path = tiny_path("state");
    bnt_session *const s = session(r, 16, BANTAM_KV_Q8);
    rig_feed_all(s, TOKENS, 8);
    save(s, path);
    bnt_session_close(s);
    t->data = (uint8_t *)read_whole(path, &t->size);
    unlink(path);
    t->s = session(r, 16, BANTAM_KV_Q8);
    t->untouched = session(r, 16, BANTAM_KV_Q8);
    rig_feed_all(t->s, TOKENS + 9, 7);
    rig_feed_all(t->untouched, TOKENS + 9, 7);
}

static void target_close(target *t)
{
    bnt_session_close(t->s);
    bnt_session_close(t->untouched);
    free(t->data);
}

/* As bnt_session_load(), from memory. */
static bantam_status load(bnt_session *s, const uint8_t *data, size_t size, bantam_error *err)
{
    bnt_state parsed;
    const bantam_status status = bnt_state_check(&parsed, s, data, size, err);
    return status ? status : bnt_state_apply(s, &parsed, err);
}

static void a_file_cut_at_any_byte_is_refused(void **state)
{
    target t;
    (void)state;
    target_open(&t, &WINDOWED);
    for (size_t size = 0; size < t.size; size++) {
        uint8_t *const cut = malloc(size ? size : 1);
        assert_non_null(cut);
        memcpy(cut, t.data, size);
        bantam_error err;
        assert_int_equal(load(t.s, cut, size, &err), BANTAM_ERR_FORMAT);
        assert_same(t.s, t.untouched);
        free(cut);
    }
    target_close(&t);
}

static void any_changed_byte_is_refused(void **state)
{
    target t;
    bnt_rng rng;
    (void)state;
    target_open(&t, &WINDOWED);
    bnt_rng_seed(&rng, 3);
    for (size_t i = 0; i < t.size; i++) {
        const uint8_t was = t.data[i];
        bantam_error err;
        t.data[i] = (uint8_t)(was + 1 + bnt_rng_below(&rng, 255));
        const bantam_status status = load(t.s, t.data, t.size, &err);
        assert_true(status == BANTAM_ERR_FORMAT || status == BANTAM_ERR_UNSUPPORTED);
        assert_true(strlen(err.message) > 10);
        t.data[i] = was;
    }
    for (int i = 0; i < 10000; i++) {
        const uint64_t bit = bnt_rng_below(&rng, t.size * 8);
        t.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_not_equal(load(t.s, t.data, t.size, NULL), BANTAM_OK);
        t.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_same(t.s, t.untouched);
    assert_int_equal(load(t.s, t.data, t.size, NULL), BANTAM_OK);
    target_close(&t);
}

static void put_number(uint8_t *at, uint64_t value, size_t size)
{
    for (size_t i = 0; i < size; i++)
        at[i] = (uint8_t)(value >> 8 * i);
}

/* Makes the digest right for a changed file. */
static void sign(uint8_t *data, size_t size)
{
    bnt_digest d;
    bnt_digest_init(&d);
    bnt_digest_put(&d, data, size - 8);
    put_number(data + size - 8, bnt_digest_end(&d), 8);
}

static void every_number_is_checked_even_when_the_digest_is_right(void **state)
{
    static const uint64_t values[] = {
        0, 1, 2, 7, 9, 16, 17, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x100000008, UINT64_MAX};
    static const session_rig *const rigs[] = {&PLAIN, &WINDOWED};
    (void)state;
    for (size_t r = 0; r < 2; r++) {
        target t;
        target_open(&t, rigs[r]);
        for (size_t at = 8; at < 56; at += at < 48 ? 4 : 8) {
            for (size_t v = 0; v < sizeof values / sizeof values[0]; v++) {
                const size_t width = at < 48 ? 4 : 8;
                uint8_t *const copy = malloc(t.size);
                assert_non_null(copy);
                memcpy(copy, t.data, t.size);
                put_number(copy + at, values[v], width);
                if (memcmp(copy, t.data, t.size) == 0) {
                    free(copy);
                    continue;
                }
                sign(copy, t.size);
                bantam_error err;
                /* The last call may begin anywhere: that changes nothing that is stored. */
                const bool harmless = at == 40 && (uint32_t)values[v] < 8 &&
                                      (width == 8 || values[v] <= UINT32_MAX);
                const bantam_status status = load(t.s, copy, t.size, &err);
                if (harmless) {
                    assert_int_equal(status, BANTAM_OK);
                    assert_int_equal(bnt_session_rewind(t.s, 0, &err), BANTAM_OK);
                    rig_feed_all(t.s, TOKENS + 9, 7);
                } else if (status == BANTAM_OK) {
                    fail_msg("%u at %u was believed", (unsigned)values[v], (unsigned)at);
                }
                assert_same(t.s, t.untouched);
                free(copy);
            }
        }
        target_close(&t);
    }
}

static void a_token_outside_the_vocabulary_and_a_bad_sampler_are_refused(void **state)
{
    target t;
    bantam_error err;
    (void)state;
    target_open(&t, &PLAIN);
    put_number(t.data + BNT_STATE_HEADER + 4 * 3, LETTERS_N, 4);
    sign(t.data, t.size);
    assert_int_equal(load(t.s, t.data, t.size, &err), BANTAM_ERR_FORMAT);
    assert_non_null(strstr(err.message, "token 3"));
    put_number(t.data + BNT_STATE_HEADER + 4 * 3, 5, 4);
    memset(t.data + 96, 0, BNT_SAMPLER_STATE);
    sign(t.data, t.size);
    assert_int_equal(load(t.s, t.data, t.size, &err), BANTAM_ERR_FORMAT);
    assert_same(t.s, t.untouched);
    target_close(&t);
}

static void states_of_something_else_are_refused_by_name(void **state)
{
    const char *const path = tiny_path("state");
    session_rig other;
    bantam_error err;
    (void)state;
    session_rig_heads(&other, 23, 0, 16); /* the same shapes, other numbers */
    bnt_session *const saved = session(&PLAIN, 64, BANTAM_KV_F16);
    rig_feed_all(saved, TOKENS, HELD);
    save(saved, path);

    bnt_session *s = session(&other, 64, BANTAM_KV_F16);
    assert_int_equal(bnt_session_load(s, path, &err), BANTAM_ERR_INVALID);
    assert_non_null(strstr(err.message, "another model"));
    assert_non_null(strstr(err.message, path));
    bnt_session_close(s);

    s = session(&PLAIN, 64, BANTAM_KV_Q8);
    assert_int_equal(bnt_session_load(s, path, &err), BANTAM_ERR_INVALID);
    assert_non_null(strstr(err.message, "expected q8, found f16"));
    bnt_session_close(s);

    s = session(&PLAIN, HELD - 1, BANTAM_KV_F16);
    assert_int_equal(bnt_session_load(s, path, &err), BANTAM_ERR_FULL);
    assert_non_null(strstr(err.message, "40 tokens"));
    assert_non_null(strstr(err.message, "39 positions"));
    assert_int_equal(bnt_session_position(s), 0);
    bnt_session_close(s);

    /* Without a tokenizer the ids could mean anything. */
    const bantam_session_options o = {.struct_size = sizeof o, .context_tokens = 64};
    assert_int_equal(bnt_session_open(&s, PLAIN.model, NULL, &o, &err), BANTAM_OK);
    assert_int_equal(bnt_session_load(s, path, &err), BANTAM_ERR_INVALID);
    assert_non_null(strstr(err.message, "another tokenizer"));
    bnt_session_close(s);

    bnt_session_close(saved);
    session_rig_close(&other);
    unlink(path);
}

static void what_is_no_state_is_refused(void **state)
{
    const char *const path = tiny_path("state");
    bnt_session *const s = session(&PLAIN, 64, BANTAM_KV_F16);
    uint8_t header[256] = "BNTSTATE";
    bantam_error err;
    (void)state;
    write_whole(path, "", 0);
    assert_int_equal(bnt_session_load(s, path, &err), BANTAM_ERR_FORMAT);
    write_whole(path, "GGUF\3\0\0\0 and more", 16);
    assert_int_equal(bnt_session_load(s, path, &err), BANTAM_ERR_FORMAT);
    header[8] = 2;
    write_whole(path, header, sizeof header);
    assert_int_equal(bnt_session_load(s, path, &err), BANTAM_ERR_UNSUPPORTED);
    assert_non_null(strstr(err.message, "version 2"));
    unlink(path);
    assert_int_equal(bnt_session_load(s, path, &err), BANTAM_ERR_IO);
    assert_int_equal(bnt_session_load(s, "/tmp", &err), BANTAM_ERR_IO);
    bnt_session_close(s);
}

/* ---- writing ---- */

static void a_save_that_fails_leaves_the_old_file(void **state)
{
    const char *const path = tiny_path("state");
    bnt_session *const s = session(&PLAIN, 64, BANTAM_KV_F32);
    bnt_session *const loaded = session(&PLAIN, 64, BANTAM_KV_F32);
    const int64_t live = bnt_mem_live();
    bantam_error err;
    uint64_t n = 0;
    (void)state;
    rig_feed_all(s, TOKENS, HELD);
    save(s, path);
    size_t size = 0, after = 0;
    char *const before = read_whole(path, &size);

    assert_int_equal(bnt_session_rewind(s, 5, &err), BANTAM_OK);
    bantam_status status;
    do { /* memory */
        bnt_mem_fail_after(n++);
        status = bnt_session_save(s, path, &err);
        bnt_mem_fail_after(UINT64_MAX);
        assert_true(bnt_mem_live() == live);
        if (!status) break;
        assert_int_equal(status, BANTAM_ERR_NOMEM);
        char *const now = read_whole(path, &after);
        assert_int_equal(after, size);
        assert_memory_equal(now, before, size);
        free(now);
    } while (n < 50);
    assert_int_equal(status, BANTAM_OK);
    assert_true(n > 1);
    assert_int_equal(bnt_session_load(loaded, path, &err), BANTAM_OK);
    assert_int_equal(bnt_session_position(loaded), 5);

    assert_int_equal(bnt_session_save(s, "/nowhere/at/all", &err), BANTAM_ERR_IO);
    assert_non_null(strstr(err.message, "/nowhere"));
    free(before);
    bnt_session_close(loaded);
    bnt_session_close(s);
    unlink(path);
}

static void every_failed_allocation_of_load_changes_nothing(void **state)
{
    const char *const path = tiny_path("state");
    target t;
    bantam_status status;
    bantam_error err;
    uint64_t n = 0;
    (void)state;
    target_open(&t, &PLAIN);
    write_whole(path, t.data, t.size);
    do {
        bnt_mem_fail_after(n++);
        status = bnt_session_load(t.s, path, &err);
        bnt_mem_fail_after(UINT64_MAX);
        if (status) {
            assert_int_equal(status, BANTAM_ERR_NOMEM);
            assert_same(t.s, t.untouched);
        }
    } while (status && n < 20);
    assert_int_equal(status, BANTAM_OK);
    assert_int_equal(bnt_session_position(t.s), 8);
    target_close(&t);
    unlink(path);
}

/* ---- the digest ---- */

static void a_digest_does_not_depend_on_how_its_bytes_come(void **state)
{
    uint8_t data[200];
    bnt_digest whole, parts;
    bnt_rng rng;
    (void)state;
    bnt_rng_seed(&rng, 1);
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)bnt_rng_u64(&rng);
    for (size_t size = 0; size <= sizeof data; size++) {
        bnt_digest_init(&whole);
        bnt_digest_put(&whole, data, size);
        for (int round = 0; round < 20; round++) {
            bnt_digest_init(&parts);
            for (size_t at = 0; at < size;) {
                const size_t n = 1 + (size_t)bnt_rng_below(&rng, size - at);
                bnt_digest_put(&parts, data + at, n);
                at += n;
            }
            assert_true(bnt_digest_end(&parts) == bnt_digest_end(&whole));
        }
    }
}

static void zeros_at_the_end_change_a_digest(void **state)
{
    const uint8_t zeros[100] = {0};
    uint64_t seen[100];
    (void)state;
    for (size_t size = 0; size < 100; size++) {
        bnt_digest d;
        bnt_digest_init(&d);
        bnt_digest_put(&d, zeros, size);
        seen[size] = bnt_digest_end(&d);
        for (size_t i = 0; i < size; i++)
            assert_true(seen[i] != seen[size]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_restored_session_goes_on_with_the_same_bits),
        cmocka_unit_test(empty_and_rewound_sessions_are_saved_too),
        cmocka_unit_test(a_window_is_saved_and_not_the_whole_context),
        cmocka_unit_test(a_file_cut_at_any_byte_is_refused),
        cmocka_unit_test(any_changed_byte_is_refused),
        cmocka_unit_test(every_number_is_checked_even_when_the_digest_is_right),
        cmocka_unit_test(a_token_outside_the_vocabulary_and_a_bad_sampler_are_refused),
        cmocka_unit_test(states_of_something_else_are_refused_by_name),
        cmocka_unit_test(what_is_no_state_is_refused),
        cmocka_unit_test(a_save_that_fails_leaves_the_old_file),
        cmocka_unit_test(every_failed_allocation_of_load_changes_nothing),
        cmocka_unit_test(a_digest_does_not_depend_on_how_its_bytes_come),
        cmocka_unit_test(zeros_at_the_end_change_a_digest),
    };
    return cmocka_run_group_tests(tests, open_models, close_models);
}
