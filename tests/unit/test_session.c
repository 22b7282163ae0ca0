/* test_session.c - plan, feed, score, rewind, cancel, next: what a session promises. */
#include "base/cpu.h"
#include "base/mem.h"
#include "session/session.h"
#include "session_rig.h"

#include <math.h>

enum { N = 120 };

static session_rig PLAIN, WINDOWED; /* of letters; the windowed one has a window of 6 */
static uint32_t TOKENS[N];

static int open_models(void **state)
{
    (void)state;
    session_rig_heads(&PLAIN, 1, 0, 16);
    session_rig_heads(&WINDOWED, 2, 6, 16);
    assert_int_equal(WINDOWED.model->config.window_tokens, 6);
    assert_true(WINDOWED.model->config.windowed[1]);
    assert_false(WINDOWED.model->config.windowed[0]);
    rig_tokens(TOKENS, N, LETTERS_N, 5);
    return 0;
}

static int close_models(void **state)
{
    (void)state;
    session_rig_close(&PLAIN);
    session_rig_close(&WINDOWED);
    return 0;
}

/* The logits after TOKENS[0..n), fed one by one to a session that saw nothing else. */
static float *plain_logits(const session_rig *r, size_t n, bantam_kv kv)
{
    bnt_session *const s =
        rig_session(r, (bantam_session_options){
                           .context_tokens = N, .batch_tokens = N, .n_threads = 1, .kv = kv});
    for (size_t i = 0; i < n; i++)
        rig_feed_all(s, TOKENS + i, 1);
    float *const logits = rig_logits(s, LETTERS_N);
    bnt_session_close(s);
    return logits;
}

/* That the session holds TOKENS[0..n) and has the logits it should. Takes expected. */
static void assert_holds(const bnt_session *s, uint32_t n, float *expected)
{
    assert_int_equal(bnt_session_position(s), n);
    for (uint32_t i = 0; i < n; i++)
        assert_int_equal(bnt_session_token(s, i), TOKENS[i]);
    assert_int_equal(bnt_session_token(s, n), BANTAM_NO_TOKEN);
    assert_non_null(bnt_session_logits(s));
    assert_memory_equal(bnt_session_logits(s), expected, LETTERS_N * sizeof *expected);
    free(expected);
}

/* ---- the plan ---- */

static void defaults_are_what_the_header_says(void **state)
{
    bantam_plan_info plan;
    bantam_error err;
    (void)state;
    assert_int_equal(bnt_session_plan(PLAIN.model, NULL, NULL, &plan, &err), BANTAM_OK);
    assert_int_equal(plan.context_tokens, 512); /* the model's own; below 4096 */
    assert_int_equal(plan.batch_tokens, 256);
    assert_int_equal(plan.n_threads, bnt_cpu_cores());
    assert_int_equal(plan.weight_bytes, PLAIN.model->weight_bytes);
    assert_int_equal(plan.total_bytes,
                     plan.weight_bytes + plan.kv_bytes + plan.scratch_bytes + plan.other_bytes);
    /* f16: 3 layers, 2 heads of 16 values, keys and values. */
    assert_int_equal(plan.kv_bytes, 512 * 3 * 2 * 16 * 2 * 2);
}

static void more_context_than_the_model_was_made_for_may_be_asked_for(void **state)
{
    const bantam_session_options o = {.struct_size = sizeof o, .context_tokens = 1000};
    bantam_plan_info plan;
    bantam_error err;
    (void)state;
    assert_int_equal(bnt_session_plan(PLAIN.model, NULL, &o, &plan, &err), BANTAM_OK);
    assert_int_equal(plan.context_tokens, 1000);
}

static void a_window_costs_its_slots_only(void **state)
{
    const bantam_session_options o = {
        .struct_size = sizeof o, .context_tokens = 512, .batch_tokens = 10};
    bantam_plan_info plan;
    bantam_error err;
    (void)state;
    assert_int_equal(bnt_session_plan(WINDOWED.model, NULL, &o, &plan, &err), BANTAM_OK);
    assert_int_equal(plan.kv_bytes, (512 + 512 + 64) * 2 * 16 * 2 * 2);
}

static void eight_bits_are_taken_where_they_save_memory(void **state)
{
    bantam_session_options o = {.struct_size = sizeof o, .kv = BANTAM_KV_Q8};
    bnt_model m = *PLAIN.model; /* its arithmetic alone */
    bantam_plan_info plan;
    bantam_error err;
    (void)state;
    /* Keys of 16 codes and a scale, values of 32 codes and one. */
    assert_int_equal(bnt_session_plan(&m, NULL, &o, &plan, &err), BANTAM_OK);
    assert_int_equal(plan.kv_bytes, 512 * 3 * 2 * (18 + 34));
    m.config.head_dim = 14; /* 50 bytes, f16 56 */
    assert_int_equal(bnt_session_plan(&m, NULL, &o, &plan, &err), BANTAM_OK);
    assert_int_equal(plan.kv_bytes, 512 * 3 * 2 * (16 + 34));
    m.config.head_dim = 12; /* as many in either */
    assert_int_equal(bnt_session_plan(&m, NULL, &o, &plan, &err), BANTAM_OK);
    assert_int_equal(plan.kv_bytes, 512 * 3 * 2 * 12 * 4);
    m.config.head_dim = 8;
    assert_int_equal(bnt_session_plan(&m, NULL, &o, &plan, &err), BANTAM_OK);
    assert_int_equal(plan.kv_bytes, 512 * 3 * 2 * 8 * 4);
}

static void options_that_make_no_sense_are_refused_by_name(void **state)
{
    static const struct {
        bantam_session_options o;
        const char *word;
    } cases[] = {
        {{.struct_size = 0}, "struct_size"},
        {{.struct_size = 7}, "struct_size"},
        {{.struct_size = 1 << 20}, "struct_size"},
        {{.struct_size = sizeof cases[0].o, .context_tokens = UINT32_MAX}, "context_tokens"},
        {{.struct_size = sizeof cases[0].o, .n_threads = 5000}, "n_threads"},
        {{.struct_size = sizeof cases[0].o, .kv = (bantam_kv)5}, "kv"}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bantam_plan_info plan;
        bantam_error err;
        bnt_session *s = (bnt_session *)&plan;
        assert_int_equal(bnt_session_plan(PLAIN.model, NULL, &cases[i].o, &plan, &err),
                         BANTAM_ERR_INVALID);
        assert_non_null(strstr(err.message, cases[i].word));
        assert_int_equal(plan.total_bytes, 0);
        assert_int_equal(bnt_session_open(&s, PLAIN.model, NULL, &cases[i].o, &err),
                         BANTAM_ERR_INVALID);
        assert_null(s);
    }
}

static void an_older_and_smaller_option_struct_is_understood(void **state)
{
    bantam_session_options o = {.context_tokens = 64, .kv = (bantam_kv)99};
    bantam_plan_info plan;
    bantam_error err;
    (void)state;
    o.struct_size = offsetof(bantam_session_options, batch_tokens); /* ends after the context */
    assert_int_equal(bnt_session_plan(PLAIN.model, NULL, &o, &plan, &err), BANTAM_OK);
    assert_int_equal(plan.context_tokens, 64);
}

static void a_memory_limit_is_obeyed_or_refused_with_a_context_that_fits(void **state)
{
    bantam_session_options o = {
        .struct_size = sizeof o, .context_tokens = 4096, .n_threads = 1};
    bantam_plan_info plan;
    bantam_error err;
    bnt_session *s = NULL;
    (void)state;
    assert_int_equal(bnt_session_plan(PLAIN.model, NULL, &o, &plan, &err), BANTAM_OK);
    o.memory_bytes = plan.total_bytes - 1;
    assert_int_equal(bnt_session_open(&s, PLAIN.model, NULL, &o, &err), BANTAM_ERR_NOMEM);
    assert_null(s);
    char number[32];
    snprintf(number, sizeof number, "%llu", (unsigned long long)plan.total_bytes);
    assert_non_null(strstr(err.message, number));
    snprintf(number, sizeof number, "%llu", (unsigned long long)o.memory_bytes);
    assert_non_null(strstr(err.message, number));

    const char *const advice = strstr(err.message, "a context of ");
    assert_non_null(advice);
    o.context_tokens = (uint32_t)strtoul(advice + strlen("a context of "), NULL, 10);
    assert_in_range(o.context_tokens, 1024, 4095);
    assert_int_equal(bnt_session_open(&s, PLAIN.model, NULL, &o, &err), BANTAM_OK);
    bnt_session_close(s);
    o.context_tokens += 64;
    assert_int_equal(bnt_session_open(&s, PLAIN.model, NULL, &o, &err), BANTAM_ERR_NOMEM);

    o.memory_bytes = 1000; /* less than the weights: no context helps */
    assert_int_equal(bnt_session_plan(PLAIN.model, NULL, &o, &plan, &err), BANTAM_ERR_NOMEM);
    assert_null(strstr(err.message, "fits"));
}

static void a_memory_limit_covers_the_tokenizer_too(void **state)
{
    bantam_session_options o = {.struct_size = sizeof o, .context_tokens = 64};
    bantam_plan_info alone, both;
    bantam_error err;
    bnt_tokenizer *const letters = letters_open();
    bnt_session *s = NULL;
    (void)state;
    assert_int_equal(bnt_session_plan(PLAIN.model, NULL, &o, &alone, &err), BANTAM_OK);
    assert_int_equal(bnt_session_plan(PLAIN.model, letters, &o, &both, &err), BANTAM_OK);
    assert_int_equal(both.total_bytes - alone.total_bytes, bnt_tokenizer_bytes(letters));
    o.memory_bytes = both.total_bytes - 1;
    assert_int_equal(bnt_session_open(&s, PLAIN.model, letters, &o, &err), BANTAM_ERR_NOMEM);
    o.memory_bytes = both.total_bytes;
    assert_int_equal(bnt_session_open(&s, PLAIN.model, letters, &o, &err), BANTAM_OK);
    bnt_session_close(s);
    bnt_tokenizer_close(letters);
}

/* An embedding of a GiB that nothing reads, for arithmetic alone. */
static bnt_model with_large_embedding(void)
{
    bnt_model m = *PLAIN.model;
    const bnt_matrix *const w = &m.embed;
    const uint64_t before = (uint64_t)w->row_bytes * bnt_matrix_strips(w->type, w->rows);

    assert_false(m.config.tied || m.embed_copied);
    m.embed.type = bnt_type_find(BNT_TYPE_B8);
    m.embed.rows = 1 << 18;
    m.embed.row_bytes = (size_t)1 << 16; /* of 16 rows */
    m.weight_bytes += ((uint64_t)1 << 30) - before;
    return m;
}

static void of_a_large_embedding_a_context_uses_what_it_looks_up(void **state)
{
    static const uint32_t contexts[] = {1, 512, 8191};
    const uint64_t whole = (uint64_t)1 << 30, of_token = 2 << 16; /* a group, and around it */
    bantam_session_options o = {.struct_size = sizeof o, .n_threads = 1};
    bnt_model m = with_large_embedding();
    bantam_plan_info plan, other;
    bantam_error err;
    (void)state;
    for (size_t i = 0; i < sizeof contexts / sizeof contexts[0]; i++) {
        o.context_tokens = contexts[i];
        assert_int_equal(bnt_session_plan(&m, NULL, &o, &plan, &err), BANTAM_OK);
        assert_int_equal(plan.weight_bytes, m.weight_bytes - whole + contexts[i] * of_token);
        assert_int_equal(plan.total_bytes, plan.weight_bytes + plan.kv_bytes +
                                               plan.scratch_bytes + plan.other_bytes);
    }
    o.context_tokens = 8192; /* might touch all of it */
    assert_int_equal(bnt_session_plan(&m, NULL, &o, &plan, &err), BANTAM_OK);
    assert_int_equal(plan.weight_bytes, m.weight_bytes);

    o.context_tokens = 512;
    m.config.tied = true; /* the head is read whole */
    assert_int_equal(bnt_session_plan(&m, NULL, &o, &other, &err), BANTAM_OK);
    assert_int_equal(other.weight_bytes, m.weight_bytes);
    m.config.tied = false;
    m.embed_copied = true;
    assert_int_equal(bnt_session_plan(&m, NULL, &o, &other, &err), BANTAM_OK);
    assert_int_equal(other.weight_bytes, m.weight_bytes);
    m.embed_copied = false;

    /* A limit is held against what is used, and a context that fits is found by it. */
    assert_int_equal(bnt_session_plan(&m, NULL, &o, &plan, &err), BANTAM_OK);
    o.memory_bytes = plan.total_bytes;
    assert_int_equal(bnt_session_plan(&m, NULL, &o, &other, &err), BANTAM_OK);
    o.context_tokens = 2048;
    assert_int_equal(bnt_session_plan(&m, NULL, &o, &other, &err), BANTAM_ERR_NOMEM);
    assert_non_null(strstr(err.message, "a context of 512 tokens fits"));
}

static void a_session_takes_what_the_plan_says(void **state)
{
    const bantam_session_options o = {
        .struct_size = sizeof o, .context_tokens = 4096, .batch_tokens = 64, .n_threads = 2};
    bantam_plan_info plan;
    bantam_error err;
    (void)state;
    assert_int_equal(bnt_session_plan(PLAIN.model, NULL, &o, &plan, &err), BANTAM_OK);
    const int64_t before = bnt_mem_live_bytes();
    bnt_session *const s = rig_session(&PLAIN, o);
    const double taken = (double)(bnt_mem_live_bytes() - before);
    const double planned = (double)(plan.kv_bytes + plan.scratch_bytes);
    assert_true(taken <= planned * 1.03 && taken >= planned * 0.97);
    bnt_session_close(s);
    assert_true(bnt_mem_live_bytes() == before);
}

/* ---- feeding ---- */

static void a_prompt_may_come_in_any_pieces_batches_and_threads(void **state)
{
    static const uint32_t batches[] = {1, 7, 32, 256};
    static const bantam_kv kvs[] = {BANTAM_KV_F32, BANTAM_KV_F16, BANTAM_KV_Q8, BANTAM_KV_Q4};
    static const session_rig *const rigs[] = {&PLAIN, &WINDOWED};
    (void)state;
    for (size_t r = 0; r < 2; r++) {
        for (size_t k = 0; k < 4; k++) {
            for (size_t b = 0; b < 4; b++) {
                bnt_session *const s =
                    rig_session(rigs[r], (bantam_session_options){.context_tokens = N,
                                                                  .batch_tokens = batches[b],
                                                                  .n_threads = 1 + (uint32_t)b,
                                                                  .kv = kvs[k]});
                const uint32_t cut = 1 + (uint32_t)(b * 29);
                rig_feed_all(s, TOKENS, cut);
                rig_feed_all(s, TOKENS + cut, N - cut);
                assert_holds(s, N, plain_logits(rigs[r], N, kvs[k]));
                bnt_session_close(s);
            }
        }
    }
}

static void what_does_not_fit_is_refused_with_both_numbers(void **state)
{
    bnt_session *const s =
        rig_session(&PLAIN, (bantam_session_options){.context_tokens = 50, .n_threads = 1});
    bantam_error err;
    (void)state;
    rig_feed_all(s, TOKENS, 20);
    assert_int_equal(bnt_session_feed(s, TOKENS + 20, 31, &err), BANTAM_ERR_FULL);
    assert_non_null(strstr(err.message, "31 tokens"));
    assert_non_null(strstr(err.message, "50 positions"));
    assert_non_null(strstr(err.message, "30 are left"));
    assert_holds(s, 20, plain_logits(&PLAIN, 20, BANTAM_KV_F16));
    assert_int_equal(bnt_session_feed(s, TOKENS + 20, SIZE_MAX, &err), BANTAM_ERR_FULL);
    rig_feed_all(s, TOKENS + 20, 30);
    assert_int_equal(bnt_session_capacity(s), 50);
    assert_holds(s, 50, plain_logits(&PLAIN, 50, BANTAM_KV_F16));
    bnt_session_close(s);
}

static void ids_outside_the_vocabulary_are_refused_by_name(void **state)
{
    bnt_session *const s =
        rig_session(&PLAIN, (bantam_session_options){.context_tokens = 50, .n_threads = 1});
    uint32_t bad[3] = {1, LETTERS_N, 2};
    bantam_error err;
    (void)state;
    assert_int_equal(bnt_session_feed(s, bad, 3, &err), BANTAM_ERR_INVALID);
    assert_non_null(strstr(err.message, "token 1 of 3: id 48"));
    bad[1] = UINT32_MAX;
    assert_int_equal(bnt_session_feed(s, bad, 3, &err), BANTAM_ERR_INVALID);
    assert_int_equal(bnt_session_feed(s, NULL, 3, &err), BANTAM_ERR_INVALID);
    assert_int_equal(bnt_session_feed(s, NULL, 0, &err), BANTAM_OK);
    assert_int_equal(bnt_session_position(s), 0);
    assert_null(bnt_session_logits(s));
    bnt_session_close(s);
}

/* ---- scoring ---- */

typedef struct scored {
    float rows[N][LETTERS_N];
    size_t n, stop_at;
    bnt_session *cancel;
} scored;

static bool keep_row(void *user, size_t index, const float *logits, uint32_t n_vocab)
{
    scored *const k = user;
    assert_int_equal(index, k->n);
    assert_int_equal(n_vocab, LETTERS_N);
    memcpy(k->rows[k->n++], logits, n_vocab * sizeof *logits);
    if (k->cancel && k->n == k->stop_at) bnt_session_cancel(k->cancel);
    return k->cancel || k->n != k->stop_at;
}

static void scores_are_the_logits_of_feeding_one_by_one(void **state)
{
    static scored got;
    static const uint32_t batches[] = {1, 3, 256};
    (void)state;
    for (size_t b = 0; b < 3; b++) {
        const bantam_session_options o = {
            .context_tokens = N, .batch_tokens = batches[b], .n_threads = 2};
        bnt_session *const s = rig_session(&WINDOWED, o);
        bnt_session *const one = rig_session(&WINDOWED, o);
        bantam_error err;
        got = (scored){.n = 0};
        rig_feed_all(s, TOKENS, 3);
        rig_feed_all(one, TOKENS, 3);
        assert_int_equal(bnt_session_score(s, TOKENS + 3, N - 3, keep_row, &got, &err),
                         BANTAM_OK);
        assert_int_equal(got.n, N - 3);
        for (uint32_t i = 0; i < N - 3; i++) {
            rig_feed_all(one, TOKENS + 3 + i, 1);
            assert_memory_equal(got.rows[i], bnt_session_logits(one), sizeof got.rows[i]);
        }
        assert_holds(s, N, rig_logits(one, LETTERS_N));
        bnt_session_close(one);
        bnt_session_close(s);
    }
}

/* ---- states ---- */

/* What the head makes of the state that was handed out last. */
typedef struct last_state {
    size_t n;
    float logits[LETTERS_N];
} last_state;

static bool through_the_head(void *user, size_t index, const float *row, uint32_t n_embd)
{
    const bnt_model *const m = WINDOWED.model;
    last_state *const k = user;
    assert_int_equal(index, k->n++);
    assert_int_equal(n_embd, m->config.n_embd);
    assert_string_equal(m->head.type->name, "F32");
    for (size_t v = 0; v < LETTERS_N; v++) {
        const float *const w = (const float *)m->head.data + v * n_embd;
        double sum = 0.0;
        for (size_t i = 0; i < n_embd; i++) {
            sum += (double)w[i] * (double)row[i];
        }
        k->logits[v] = (float)sum;
    }
    return true;
}

static void the_head_makes_the_logits_of_the_states(void **state)
{
    static const uint32_t batches[] = {1, 3, 256};
    (void)state;
    for (size_t b = 0; b < 3; b++) {
        const bantam_session_options o = {
            .context_tokens = N, .batch_tokens = batches[b], .n_threads = 2};
        bnt_session *const s = rig_session(&WINDOWED, o);
        bnt_session *const plain = rig_session(&WINDOWED, o);
        bantam_error err;
        rig_feed_all(s, TOKENS, 3);
        rig_feed_all(plain, TOKENS, 3);
        for (uint32_t at = 3; at < N; at += 40) {
            const uint32_t n = N - at < 40 ? N - at : 40;
            last_state last = {0};
            assert_int_equal(
                bnt_session_states(s, TOKENS + at, n, through_the_head, &last, &err),
                BANTAM_OK);
            rig_feed_all(plain, TOKENS + at, n);
            assert_int_equal(last.n, n);
            assert_holds(s, at + n, rig_logits(plain, LETTERS_N));
            for (size_t v = 0; v < LETTERS_N; v++) {
                assert_true(fabsf(last.logits[v] - bnt_session_logits(plain)[v]) < 1e-4f);
            }
        }
        bnt_session_close(plain);
        bnt_session_close(s);
    }
}

static bool stop_at_once(void *user, size_t index, const float *row, uint32_t n_embd)
{
    (void)user, (void)row, (void)n_embd;
    return index < 5;
}

static void states_that_are_stopped_leave_the_session_as_it_was(void **state)
{
    const bantam_session_options o = {.context_tokens = N, .batch_tokens = 8, .n_threads = 1};
    bnt_session *const s = rig_session(&WINDOWED, o);
    bantam_error err;
    (void)state;
    rig_feed_all(s, TOKENS, 30);
    assert_int_equal(bnt_session_states(s, TOKENS + 30, 20, stop_at_once, NULL, &err),
                     BANTAM_ERR_CANCELLED);
    assert_holds(s, 30, plain_logits(&WINDOWED, 30, BANTAM_KV_F16));
    bnt_session_close(s);
}

static void a_score_that_is_stopped_leaves_the_session_as_it_was(void **state)
{
    static scored got;
    (void)state;
    for (size_t stop = 1; stop < 60; stop += 7) {
        for (int by_cancel = 0; by_cancel < 2; by_cancel++) {
            bnt_session *const s = rig_session(
                &WINDOWED, (bantam_session_options){
                               .context_tokens = N, .batch_tokens = 8, .n_threads = 1});
            bantam_error err;
            got = (scored){.stop_at = stop, .cancel = by_cancel ? s : NULL};
            rig_feed_all(s, TOKENS, 30);
            assert_int_equal(bnt_session_score(s, TOKENS + 30, 70, keep_row, &got, &err),
                             BANTAM_ERR_CANCELLED);
            assert_holds(s, 30, plain_logits(&WINDOWED, 30, BANTAM_KV_F16));
            /* The rows that were written in vain have taken windowed ones with them. */
            rig_feed_all(s, TOKENS + 30, 20);
            assert_holds(s, 50, plain_logits(&WINDOWED, 50, BANTAM_KV_F16));
            bnt_session_close(s);
        }
    }
}

/* ---- rewinding ---- */

static void rewinding_and_feeding_again_gives_the_same_bits(void **state)
{
    static const session_rig *const rigs[] = {&PLAIN, &WINDOWED};
    static const bantam_kv kvs[] = {BANTAM_KV_F32, BANTAM_KV_F16, BANTAM_KV_Q8, BANTAM_KV_Q4};
    (void)state;
    for (size_t r = 0; r < 2; r++) {
        for (uint32_t back = 0; back < 100; back += 9) {
            const bantam_kv kv = kvs[back % 4];
            bnt_session *const s = rig_session(
                rigs[r], (bantam_session_options){
                             .context_tokens = N, .batch_tokens = 5, .n_threads = 1, .kv = kv});
            bantam_error err;
            uint32_t other[20];
            rig_feed_all(s, TOKENS, 90 + back % 7);
            assert_int_equal(bnt_session_rewind(s, 90 - back / 2, &err), BANTAM_OK);
            assert_null(bnt_session_logits(s));
            rig_tokens(other, 20, LETTERS_N, back + 77);
            rig_feed_all(s, other, 20); /* another text for a while */
            assert_int_equal(bnt_session_rewind(s, 90 - back / 2, &err), BANTAM_OK);
            rig_feed_all(s, TOKENS + 90 - back / 2, back / 2 + 10);
            assert_holds(s, 100, plain_logits(rigs[r], 100, kv));
            bnt_session_close(s);
        }
    }
}

static void rewinding_forward_is_refused_and_to_zero_is_a_fresh_start(void **state)
{
    bnt_session *const s =
        rig_session(&WINDOWED, (bantam_session_options){.context_tokens = N, .n_threads = 1});
    bantam_error err;
    (void)state;
    rig_feed_all(s, TOKENS + 40, 60);
    assert_int_equal(bnt_session_rewind(s, 61, &err), BANTAM_ERR_INVALID);
    assert_non_null(bnt_session_logits(s));
    assert_int_equal(bnt_session_rewind(s, 0, &err), BANTAM_OK);
    assert_int_equal(bnt_session_position(s), 0);
    rig_feed_all(s, TOKENS, 40);
    assert_holds(s, 40, plain_logits(&WINDOWED, 40, BANTAM_KV_F16));
    bnt_session_close(s);
}

/* ---- cancelling ---- */

static void a_cancel_is_reported_once_by_the_next_call(void **state)
{
    bnt_session *const s =
        rig_session(&PLAIN, (bantam_session_options){.context_tokens = N, .n_threads = 1});
    uint32_t token = 9;
    bantam_text text = {"x", 1};
    bantam_error err;
    (void)state;
    rig_feed_all(s, TOKENS, 5);
    bnt_session_cancel(s);
    assert_int_equal(bnt_session_feed(s, TOKENS + 5, 5, &err), BANTAM_ERR_CANCELLED);
    assert_holds(s, 5, plain_logits(&PLAIN, 5, BANTAM_KV_F16));
    bnt_session_cancel(s);
    assert_int_equal(bnt_session_next(s, &token, &text, &err), BANTAM_ERR_CANCELLED);
    assert_int_equal(token, 0);
    assert_null(text.data);
    rig_feed_all(s, TOKENS + 5, 5);
    assert_holds(s, 10, plain_logits(&PLAIN, 10, BANTAM_KV_F16));
    bnt_session_close(s);
}

/* ---- choosing ---- */

static void nothing_can_be_chosen_before_the_first_token_and_after_a_rewind(void **state)
{
    bnt_session *const s =
        rig_session(&PLAIN, (bantam_session_options){.context_tokens = N, .n_threads = 1});
    bantam_candidate top;
    uint32_t token;
    bantam_text text;
    bantam_error err;
    (void)state;
    assert_int_equal(bnt_session_next(s, &token, &text, &err), BANTAM_ERR_INVALID);
    assert_int_equal(bnt_session_top(s, &top, 1, &err), BANTAM_ERR_INVALID);
    rig_feed_all(s, TOKENS, 5);
    assert_int_equal(bnt_session_rewind(s, 4, &err), BANTAM_OK);
    assert_int_equal(bnt_session_next(s, &token, &text, &err), BANTAM_ERR_INVALID);
    assert_non_null(strstr(err.message, "rewind"));
    assert_int_equal(bnt_session_generate(s, NULL, NULL, NULL, NULL, &err), BANTAM_ERR_INVALID);
    bnt_session_close(s);
}

static void the_most_likely_tokens_come_in_order_with_their_share(void **state)
{
    bnt_session *const s =
        rig_session(&PLAIN, (bantam_session_options){.context_tokens = N, .n_threads = 1});
    bantam_candidate top[LETTERS_N];
    double sum = 0.0, all = 0.0;
    bantam_error err;
    (void)state;
    rig_feed_all(s, TOKENS, 5);
    const float *const logits = bnt_session_logits(s);
    assert_int_equal(bnt_session_top(s, top, LETTERS_N + 1, &err), BANTAM_ERR_INVALID);
    assert_int_equal(bnt_session_top(s, top, LETTERS_N, &err), BANTAM_OK);
    for (uint32_t i = 0; i < LETTERS_N; i++)
        all += exp((double)logits[i]);
    for (uint32_t i = 0; i < LETTERS_N; i++) {
        if (i) assert_true(logits[top[i - 1].token] >= logits[top[i].token]);
        assert_true(fabs((double)top[i].logprob - ((double)logits[top[i].token] - log(all))) <
                    1e-4);
        sum += exp((double)top[i].logprob);
    }
    assert_true(fabs(sum - 1.0) < 1e-4);
    bnt_session_close(s);
}

/* A bias that leaves one token only. */
static void only(bnt_session *s, uint32_t token)
{
    bantam_logit_bias bias[LETTERS_N];
    bantam_error err;
    uint32_t n = 0;
    for (uint32_t i = 0; i < LETTERS_N; i++) {
        if (i != token) bias[n++] = (bantam_logit_bias){i, -INFINITY};
    }
    const bantam_sampling sampling = {.struct_size = sizeof sampling,
                                      .top_p = 1.0f,
                                      .typical_p = 1.0f,
                                      .repeat_penalty = 1.0f,
                                      .bias = bias,
                                      .n_bias = n};
    if (bnt_session_set_sampling(s, &sampling, &err)) fail_msg("%s", err.message);
}

static void a_stop_token_is_returned_and_not_fed(void **state)
{
    bnt_session *const s =
        rig_session(&PLAIN, (bantam_session_options){.context_tokens = N, .n_threads = 1});
    uint32_t token = 9;
    bantam_text text;
    bantam_error err;
    (void)state;
    rig_feed_all(s, TOKENS, 5);
    only(s, LETTERS_STOP);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(bnt_session_next(s, &token, &text, &err), BANTAM_OK);
        assert_int_equal(token, LETTERS_STOP);
        assert_int_equal(text.size, 0);
        assert_holds(s, 5, plain_logits(&PLAIN, 5, BANTAM_KV_F16));
    }
    only(s, 19);
    assert_int_equal(bnt_session_next(s, &token, &text, &err), BANTAM_OK);
    assert_int_equal(token, 19);
    assert_int_equal(text.size, 3);
    assert_memory_equal(text.data, "the", 3);
    assert_int_equal(bnt_session_position(s), 6);
    only(s, LETTERS_CONTROL);
    assert_int_equal(bnt_session_next(s, &token, &text, &err), BANTAM_OK);
    assert_int_equal(token, LETTERS_CONTROL);
    assert_int_equal(text.size, 0);
    assert_int_equal(bnt_session_position(s), 7);
    bnt_session_close(s);
}

static void a_full_context_ends_drawing_and_changes_nothing(void **state)
{
    bnt_session *const s =
        rig_session(&PLAIN, (bantam_session_options){.context_tokens = 10, .n_threads = 1});
    uint32_t token = 9;
    bantam_text text;
    bantam_error err;
    (void)state;
    rig_feed_all(s, TOKENS, 10);
    assert_int_equal(bnt_session_next(s, &token, &text, &err), BANTAM_ERR_FULL);
    assert_non_null(strstr(err.message, "10"));
    assert_holds(s, 10, plain_logits(&PLAIN, 10, BANTAM_KV_F16));
    bnt_session_close(s);
}

/* ---- memory ---- */

static void nothing_is_allocated_after_open(void **state)
{
    static scored got;
    bnt_session *const s = rig_session(
        &WINDOWED,
        (bantam_session_options){.context_tokens = 200, .batch_tokens = 16, .n_threads = 2});
    bantam_candidate top[5];
    uint32_t token;
    bantam_text text;
    bantam_error err;
    (void)state;
    const uint64_t before = bnt_mem_allocations();
    rig_feed_all(s, TOKENS, 60);
    got = (scored){.n = 0};
    assert_int_equal(bnt_session_score(s, TOKENS + 60, 40, keep_row, &got, &err), BANTAM_OK);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(bnt_session_next(s, &token, &text, &err), BANTAM_OK);
    }
    assert_int_equal(bnt_session_top(s, top, 5, &err), BANTAM_OK);
    assert_int_equal(bnt_session_rewind(s, 70, &err), BANTAM_OK);
    rig_feed_all(s, TOKENS, 50); /* computes windowed rows anew */
    assert_true(bnt_mem_allocations() == before);
    bnt_session_close(s);
}

static void every_failed_allocation_of_open_is_an_error(void **state)
{
    const bantam_session_options o = {
        .struct_size = sizeof o, .context_tokens = 64, .batch_tokens = 8, .n_threads = 2};
    const int64_t live = bnt_mem_live();
    bnt_session *s = NULL;
    bantam_error err;
    uint64_t n = 0;
    (void)state;
    do {
        bnt_mem_fail_after(n++);
        const bantam_status status = bnt_session_open(&s, PLAIN.model, PLAIN.letters, &o, &err);
        assert_int_equal(status, s ? BANTAM_OK : BANTAM_ERR_NOMEM);
        if (!s) assert_true(bnt_mem_live() == live);
    } while (!s && n < 100);
    bnt_mem_fail_after(UINT64_MAX);
    assert_true(n > 8);
    rig_feed_all(s, TOKENS, 20);
    assert_holds(s, 20, plain_logits(&PLAIN, 20, BANTAM_KV_F16));
    bnt_session_close(s);
    bnt_session_close(NULL);
    assert_true(bnt_mem_live() == live);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_what_the_header_says),
        cmocka_unit_test(more_context_than_the_model_was_made_for_may_be_asked_for),
        cmocka_unit_test(a_window_costs_its_slots_only),
        cmocka_unit_test(eight_bits_are_taken_where_they_save_memory),
        cmocka_unit_test(options_that_make_no_sense_are_refused_by_name),
        cmocka_unit_test(an_older_and_smaller_option_struct_is_understood),
        cmocka_unit_test(a_memory_limit_is_obeyed_or_refused_with_a_context_that_fits),
        cmocka_unit_test(a_memory_limit_covers_the_tokenizer_too),
        cmocka_unit_test(of_a_large_embedding_a_context_uses_what_it_looks_up),
        cmocka_unit_test(a_session_takes_what_the_plan_says),
        cmocka_unit_test(a_prompt_may_come_in_any_pieces_batches_and_threads),
        cmocka_unit_test(what_does_not_fit_is_refused_with_both_numbers),
        cmocka_unit_test(ids_outside_the_vocabulary_are_refused_by_name),
        cmocka_unit_test(scores_are_the_logits_of_feeding_one_by_one),
        cmocka_unit_test(a_score_that_is_stopped_leaves_the_session_as_it_was),
        cmocka_unit_test(the_head_makes_the_logits_of_the_states),
        cmocka_unit_test(states_that_are_stopped_leave_the_session_as_it_was),
        cmocka_unit_test(rewinding_and_feeding_again_gives_the_same_bits),
        cmocka_unit_test(rewinding_forward_is_refused_and_to_zero_is_a_fresh_start),
        cmocka_unit_test(a_cancel_is_reported_once_by_the_next_call),
        cmocka_unit_test(nothing_can_be_chosen_before_the_first_token_and_after_a_rewind),
        cmocka_unit_test(the_most_likely_tokens_come_in_order_with_their_share),
        cmocka_unit_test(a_stop_token_is_returned_and_not_fed),
        cmocka_unit_test(a_full_context_ends_drawing_and_changes_nothing),
        cmocka_unit_test(nothing_is_allocated_after_open),
        cmocka_unit_test(every_failed_allocation_of_open_is_an_error),
    };
    return cmocka_run_group_tests(tests, open_models, close_models);
}
