/* test_generate.c - answers: their steps, their ends, forced and banned text. */
#include "base/mem.h"
#include "base/utf8.h"
#include "session/session.h"
#include "session_rig.h"

#include <math.h>

enum { PROMPT = 12, CONTEXT = 200, MAX_TEXT = 8192 };

static session_rig PLAIN, WINDOWED;
static uint32_t TOKENS[CONTEXT];

static int open_models(void **state)
{
    (void)state;
    session_rig_tiny(&PLAIN, 11, 0);
    session_rig_tiny(&WINDOWED, 12, 6);
    rig_tokens(TOKENS, CONTEXT, LETTERS_N, 6);
    return 0;
}

static int close_models(void **state)
{
    (void)state;
    session_rig_close(&PLAIN);
    session_rig_close(&WINDOWED);
    return 0;
}

/* What a listener has heard, and what it does. */
typedef struct heard {
    char text[MAX_TEXT];
    size_t size;
    uint32_t tokens[CONTEXT];
    float logprobs[CONTEXT];
    uint32_t n;
    bool flushed;
    uint32_t stop_after;   /* returns false after so many tokens; 0: never */
    uint32_t cancel_after; /* cancels the session likewise */
    bnt_session *session;
    uint64_t allocations; /* at the first step */
} heard;

static bool hear(void *user, const bantam_step *step)
{
    heard *const h = user;

    if (!h->n && !h->flushed) h->allocations = bnt_mem_allocations();
    assert_true(bnt_mem_allocations() == h->allocations);
    assert_true(bnt_utf8_valid(step->text.data, step->text.size));
    assert_true(h->size + step->text.size < MAX_TEXT);
    if (step->text.size) memcpy(h->text + h->size, step->text.data, step->text.size);
    h->size += step->text.size;
    h->text[h->size] = '\0';
    assert_false(h->flushed);
    assert_int_equal(step->index, h->n);
    if (step->token == BANTAM_NO_TOKEN) {
        h->flushed = true;
        return true;
    }
    assert_true(step->logprob <= 1e-6f && !isnan(step->logprob));
    h->logprobs[h->n] = step->logprob;
    h->tokens[h->n++] = step->token;
    if (h->n == h->cancel_after) bnt_session_cancel(h->session);
    return h->n != h->stop_after;
}

static void sample(bnt_session *s, float temperature, uint64_t seed, uint32_t only,
                   uint32_t never)
{
    bantam_logit_bias bias[LETTERS_N];
    bantam_error err;
    uint32_t n = 0;
    for (uint32_t i = 0; i < LETTERS_N; i++) {
        if (i == never || (only != BANTAM_NO_TOKEN && i != only)) {
            bias[n++] = (bantam_logit_bias){i, -INFINITY};
        }
    }
    const bantam_sampling sampling = {.struct_size = sizeof sampling,
                                      .seed = seed,
                                      .temperature = temperature,
                                      .top_p = 1.0f,
                                      .typical_p = 1.0f,
                                      .repeat_penalty = 1.0f,
                                      .bias = bias,
                                      .n_bias = n};
    if (bnt_session_set_sampling(s, &sampling, &err)) fail_msg("%s", err.message);
}

/* A session that has read the prompt; warm sampling, so that texts vary, never a stop token. */
static bnt_session *prompted(const session_rig *r, uint64_t seed)
{
    bnt_session *const s = rig_session(
        r,
        (bantam_session_options){.context_tokens = CONTEXT, .batch_tokens = 4, .n_threads = 1});
    sample(s, 1.0f, seed, BANTAM_NO_TOKEN, LETTERS_STOP);
    rig_feed_all(s, TOKENS, PROMPT);
    return s;
}

static bantam_answer answer(bnt_session *s, heard *h, bantam_generation o)
{
    bantam_answer a;
    bantam_error err = {0};
    o.struct_size = sizeof o;
    *h = (heard){.n = 0};
    if (bnt_session_generate(s, &o, hear, h, &a, &err)) fail_msg("%s", err.message);
    assert_int_equal(a.n_tokens, h->n);
    assert_int_equal(bnt_session_position(s), PROMPT + a.n_tokens);
    for (uint32_t i = 0; i < a.n_tokens; i++) {
        assert_int_equal(bnt_session_token(s, PROMPT + i), h->tokens[i]);
    }
    return a;
}

/* The texts of tokens as an answer shows them, joined, not cleaned. */
static size_t join(const uint32_t *tokens, uint32_t n, char *out)
{
    size_t size = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (tokens[i] <= 3) continue; /* unknown and control tokens show nothing */
        memcpy(out + size, letters_texts[tokens[i]], strlen(letters_texts[tokens[i]]));
        size += strlen(letters_texts[tokens[i]]);
    }
    out[size] = '\0';
    return size;
}

static const char *find(const char *text, size_t size, bantam_text part)
{
    for (size_t i = 0; i + part.size <= size; i++) {
        if (memcmp(text + i, part.data, part.size) == 0) return text + i;
    }
    fail_msg("the text lacks the string");
    return NULL;
}

static heard H, G;

/* ---- */

static void an_answer_is_what_next_gives_one_by_one(void **state)
{
    static const float temperatures[] = {0.0f, 1.0f};
    (void)state;
    for (int t = 0; t < 2; t++) {
        bnt_session *const s = prompted(&WINDOWED, 3), *const one = prompted(&WINDOWED, 3);
        sample(s, temperatures[t], 4, BANTAM_NO_TOKEN, LETTERS_STOP);
        sample(one, temperatures[t], 4, BANTAM_NO_TOKEN, LETTERS_STOP);
        const bantam_answer a = answer(s, &H, (bantam_generation){.max_tokens = 50});
        assert_int_equal(a.finish, BANTAM_FINISH_LENGTH);
        assert_int_equal(a.n_tokens, 50);
        for (uint32_t i = 0; i < 50; i++) {
            uint32_t token;
            bantam_text text;
            bantam_candidate top[LETTERS_N];
            bantam_error err;
            assert_int_equal(bnt_session_top(one, top, LETTERS_N, &err), BANTAM_OK);
            assert_int_equal(bnt_session_next(one, &token, &text, &err), BANTAM_OK);
            assert_int_equal(token, H.tokens[i]);
            for (uint32_t k = 0; k < LETTERS_N; k++) {
                if (top[k].token != token) continue;
                assert_true(fabsf(top[k].logprob - H.logprobs[i]) < 1e-5f);
            }
        }
        float *const logits = rig_logits(one, LETTERS_N);
        assert_memory_equal(bnt_session_logits(s), logits, LETTERS_N * sizeof *logits);
        free(logits);
        bnt_session_close(one);
        bnt_session_close(s);
    }
}

static void the_steps_add_up_to_the_text_of_the_tokens(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 10; seed++) {
        bnt_session *const s = prompted(&PLAIN, seed);
        char raw[MAX_TEXT];
        bnt_buf clean;
        answer(s, &H, (bantam_generation){.max_tokens = 100});
        bnt_buf_init(&clean, MAX_TEXT);
        bnt_utf8_put_clean(&clean, raw, join(H.tokens, H.n, raw));
        assert_int_equal(clean.size, H.size);
        assert_memory_equal(clean.data, H.text, H.size);
        bnt_buf_deinit(&clean);
        bnt_session_close(s);
    }
}

static void the_end_of_the_context_ends_the_answer(void **state)
{
    bnt_session *const s = prompted(&PLAIN, 1);
    bantam_answer a = answer(s, &H, (bantam_generation){.max_tokens = 0});
    (void)state;
    assert_int_equal(a.finish, BANTAM_FINISH_LENGTH);
    assert_int_equal(a.n_tokens, CONTEXT - PROMPT);

    /* Asked again at the very end there is an answer of nothing. */
    bantam_error err;
    assert_int_equal(bnt_session_generate(s, NULL, hear, &H, &a, &err), BANTAM_OK);
    assert_int_equal(a.finish, BANTAM_FINISH_LENGTH);
    assert_int_equal(a.n_tokens, 0);
    bnt_session_close(s);
}

static void a_stop_token_ends_the_answer_and_is_not_part_of_it(void **state)
{
    bnt_session *const s = prompted(&PLAIN, 1);
    (void)state;
    sample(s, 0.0f, 0, LETTERS_STOP, BANTAM_NO_TOKEN);
    bantam_answer a = answer(s, &H, (bantam_generation){.max_tokens = 5});
    assert_int_equal(a.finish, BANTAM_FINISH_STOP);
    assert_int_equal(a.n_tokens, 0);
    a = answer(s, &H, (bantam_generation){.max_tokens = 5, .ignore_stop_tokens = true});
    assert_int_equal(a.finish, BANTAM_FINISH_LENGTH);
    assert_int_equal(a.n_tokens, 5);
    assert_int_equal(H.size, 0); /* control tokens show nothing */
    bnt_session_close(s);
}

static void a_stop_string_cuts_the_answer_where_it_begins(void **state)
{
    char raw[MAX_TEXT];
    (void)state;
    bnt_session *s = prompted(&PLAIN, 5);
    answer(s, &G, (bantam_generation){.max_tokens = 60});
    bnt_session_close(s);
    const size_t raw_size = join(G.tokens, G.n, raw);
    for (size_t at = 0; at + 5 < raw_size && at < 40; at += 3) {
        for (size_t size = 1; size < 6; size += 2) {
            /* Any bytes of the text, also such as begin inside a character. */
            const bantam_text stop[2] = {{raw + at, size}, {NULL, 0}};
            bnt_buf expected;
            s = prompted(&PLAIN, 5);
            const bantam_answer a =
                answer(s, &H, (bantam_generation){.max_tokens = 60, .stop = stop, .n_stop = 2});
            assert_int_equal(a.finish, BANTAM_FINISH_STOP);
            const char *const found = find(raw, raw_size, stop[0]);
            bnt_buf_init(&expected, MAX_TEXT);
            bnt_utf8_put_clean(&expected, raw, (size_t)(found - raw));
            assert_int_equal(H.size, expected.size);
            if (expected.size) assert_memory_equal(H.text, expected.data, expected.size);
            assert_false(H.flushed);
            bnt_buf_deinit(&expected);
            bnt_session_close(s);
        }
    }
}

static void a_cut_character_at_the_end_is_replaced(void **state)
{
    bnt_session *const s = prompted(&PLAIN, 1);
    (void)state;
    sample(s, 0.0f, 0, 31, BANTAM_NO_TOKEN); /* the first byte of three */
    answer(s, &H, (bantam_generation){.max_tokens = 2});
    assert_string_equal(H.text, "\xEF\xBF\xBD\xEF\xBF\xBD");
    assert_true(H.flushed);
    bnt_session_close(s);
}

/* That the session is in the state in which it would be had its tokens been fed. */
static void assert_sound(const session_rig *r, const bnt_session *s)
{
    bnt_session *const fresh =
        rig_session(r, (bantam_session_options){
                           .context_tokens = CONTEXT, .batch_tokens = 64, .n_threads = 1});
    for (uint32_t i = 0; i < bnt_session_position(s); i++) {
        const uint32_t token = bnt_session_token(s, i);
        rig_feed_all(fresh, &token, 1);
    }
    float *const logits = rig_logits(fresh, LETTERS_N);
    assert_memory_equal(bnt_session_logits(s), logits, LETTERS_N * sizeof *logits);
    free(logits);
    bnt_session_close(fresh);
}

static void banned_strings_never_come_and_the_session_is_none_the_worse(void **state)
{
    static const session_rig *const rigs[] = {&PLAIN, &WINDOWED};
    unsigned n_differ = 0;
    (void)state;
    for (uint64_t seed = 0; seed < 12; seed++) {
        const session_rig *const r = rigs[seed % 2];
        bnt_session *s = prompted(r, seed);
        answer(s, &G, (bantam_generation){.max_tokens = 60});
        bnt_session_close(s);

        /* Strings that it would have said, in part across tokens, and one letter. */
        char words[3][8] = {"", "", "a"};
        char raw[MAX_TEXT];
        join(G.tokens, G.n, raw);
        memcpy(words[0], raw + 4 + seed, 3);
        memcpy(words[1], raw + 20, 2);
        const bantam_text banned[3] = {
            {words[0], strlen(words[0])}, {words[1], strlen(words[1])}, {words[2], 1}};
        s = prompted(r, seed);
        const bantam_answer a = answer(
            s, &H, (bantam_generation){.max_tokens = 60, .banned = banned, .n_banned = 3});
        assert_int_equal(a.finish, BANTAM_FINISH_LENGTH);
        assert_int_equal(a.n_tokens, 60);
        join(H.tokens, H.n, raw);
        for (int i = 0; i < 3; i++)
            assert_null(strstr(raw, words[i]));
        n_differ += strcmp(H.text, G.text) != 0;
        assert_sound(r, s);
        bnt_session_close(s);
    }
    assert_int_equal(n_differ, 12);
}

static void what_was_drawn_back_is_not_drawn_there_again(void **state)
{
    (void)state;
    for (uint32_t n = 1; n < 6; n++) {
        /* Without luck in it the same token would come again and again, were it not forbidden.
         */
        bnt_session *const plain = prompted(&WINDOWED, 0), *const s = prompted(&WINDOWED, 0);
        bantam_text text = {NULL, 0};
        uint32_t token;
        bantam_error err;
        sample(plain, 0.0f, 0, BANTAM_NO_TOKEN, LETTERS_STOP);
        sample(s, 0.0f, 0, BANTAM_NO_TOKEN, LETTERS_STOP);
        for (uint32_t i = 0; i < n || !text.size; i++) {
            assert_int_equal(bnt_session_next(plain, &token, &text, &err), BANTAM_OK);
        }
        const bantam_answer a = answer(
            s, &H, (bantam_generation){.max_tokens = 20, .banned = &text, .n_banned = 1});
        assert_int_equal(a.finish, BANTAM_FINISH_LENGTH);
        assert_int_equal(a.n_tokens, 20);
        assert_sound(&WINDOWED, s);
        bnt_session_close(s);
        bnt_session_close(plain);
    }
}

static void where_every_letter_is_banned_the_answer_ends(void **state)
{
    char letters[256];
    bantam_text banned[256];
    bnt_session *const s = prompted(&PLAIN, 1);
    (void)state;
    for (int i = 0; i < 256; i++) {
        letters[i] = (char)i;
        banned[i] = (bantam_text){letters + i, 1};
    }
    sample(s, 1.0f, 2, BANTAM_NO_TOKEN, LETTERS_STOP);
    /* Only control tokens are left, which show nothing. */
    bantam_generation o = {.max_tokens = 100, .banned = banned, .n_banned = 256};
    answer(s, &H, o);
    assert_int_equal(H.size, 0);
    for (uint32_t i = 0; i < H.n; i++)
        assert_true(H.tokens[i] <= 3);
    assert_sound(&PLAIN, s);
    bnt_session_close(s);

    bnt_session *const t = prompted(&PLAIN, 1);
    sample(t, 0.0f, 0, 19, BANTAM_NO_TOKEN); /* "the" and nothing else */
    const bantam_answer a = answer(t, &H, o);
    assert_int_equal(a.finish, BANTAM_FINISH_STOP);
    assert_int_equal(a.n_tokens, 0);
    assert_sound(&PLAIN, t);
    bnt_session_close(t);
}

static void an_answer_begins_with_the_forced_text(void **state)
{
    static const char *const texts[] = {
        "the cab", "User:\nUser: a", "\xC3\xA9\xE2\x82\xAC", "aabbccddee", "Us", "\nUserd"};
    unsigned n_ways = 0;
    (void)state;
    for (size_t t = 0; t < 6; t++) {
        uint32_t first = BANTAM_NO_TOKEN;
        for (uint64_t seed = 0; seed < 12; seed++) {
            bnt_session *const s = prompted(&PLAIN, seed);
            const bantam_generation o = {.max_tokens = 30,
                                         .forced = {texts[t], strlen(texts[t])}};
            char raw[MAX_TEXT];
            answer(s, &H, o);
            join(H.tokens, H.n, raw);
            assert_memory_equal(raw, texts[t], strlen(texts[t]));
            assert_int_equal(H.n, 30);
            if (first != H.tokens[0]) n_ways++;
            first = H.tokens[0];
            bnt_session_close(s);
        }
    }
    assert_true(n_ways > 10); /* the model chooses how to spell it */
}

static void forced_text_that_no_tokens_spell_is_refused(void **state)
{
    static const char *const texts[] = {"Q", "ab Q", "\nUserQ", "Ux"};
    bnt_session *const s = prompted(&PLAIN, 1);
    (void)state;
    for (size_t t = 0; t < 4; t++) {
        const bantam_generation o = {.struct_size = sizeof o,
                                     .forced = {texts[t], strlen(texts[t])}};
        bantam_answer a;
        bantam_error err;
        assert_int_equal(bnt_session_generate(s, &o, hear, &H, &a, &err), BANTAM_ERR_INVALID);
        assert_non_null(strstr(err.message, "spell"));
        assert_int_equal(bnt_session_position(s), PROMPT);
    }
    bnt_session_close(s);
}

static void a_listener_that_has_enough_ends_the_answer(void **state)
{
    bnt_session *const s = prompted(&PLAIN, 1);
    const bantam_text stop = {"zzz", 3};
    bantam_generation o = {.struct_size = sizeof o, .stop = &stop, .n_stop = 1};
    bantam_answer a;
    bantam_error err;
    (void)state;
    H = (heard){.stop_after = 7};
    assert_int_equal(bnt_session_generate(s, &o, hear, &H, &a, &err), BANTAM_ERR_CANCELLED);
    assert_int_equal(a.finish, BANTAM_FINISH_CANCELLED);
    assert_int_equal(a.n_tokens, 7);
    assert_int_equal(bnt_session_position(s), PROMPT + 7);
    assert_sound(&PLAIN, s);
    bnt_session_close(s);
}

static void a_cancelled_answer_keeps_what_it_has(void **state)
{
    bnt_session *const s = prompted(&PLAIN, 1);
    bantam_answer a;
    bantam_error err;
    (void)state;
    /* A stop string in the making holds text back until the end. */
    sample(s, 0.0f, 0, 4, BANTAM_NO_TOKEN);
    const bantam_text stop = {"aaaaaaaaaaaaaaaab", 17};
    bantam_generation o = {.struct_size = sizeof o, .stop = &stop, .n_stop = 1};
    H = (heard){.cancel_after = 7, .session = s};
    assert_int_equal(bnt_session_generate(s, &o, hear, &H, &a, &err), BANTAM_ERR_CANCELLED);
    assert_int_equal(a.finish, BANTAM_FINISH_CANCELLED);
    assert_int_equal(a.n_tokens, 7);
    assert_string_equal(H.text, "aaaaaaa");
    assert_true(H.flushed);
    assert_sound(&PLAIN, s);

    bnt_session_cancel(s);
    H = (heard){.n = 0};
    assert_int_equal(bnt_session_generate(s, &o, hear, &H, &a, &err), BANTAM_ERR_CANCELLED);
    assert_int_equal(a.n_tokens, 0);
    assert_int_equal(H.n, 0);
    bnt_session_close(s);
}

static void a_cancelled_answer_can_be_gone_on_with(void **state)
{
    bnt_session *const whole = prompted(&PLAIN, 9), *const s = prompted(&PLAIN, 9);
    const bantam_generation o = {.struct_size = sizeof o, .max_tokens = 40};
    bantam_answer a;
    bantam_error err;
    (void)state;
    answer(whole, &G, o);
    H = (heard){.cancel_after = 15, .session = s};
    assert_int_equal(bnt_session_generate(s, &o, hear, &H, &a, &err), BANTAM_ERR_CANCELLED);
    assert_int_equal(a.n_tokens, 15);
    /* The draw that was cancelled has used no random number. */
    H = (heard){.n = 0};
    assert_int_equal(bnt_session_generate(s, &o, hear, &H, &a, &err), BANTAM_OK);
    assert_memory_equal(H.tokens, G.tokens + 15, 25 * sizeof *H.tokens);
    bnt_session_close(s);
    bnt_session_close(whole);
}

static void options_that_make_no_sense_are_refused(void **state)
{
    bnt_session *const s = prompted(&PLAIN, 1);
    bantam_generation o = {.struct_size = 0};
    bantam_answer a;
    bantam_error err;
    (void)state;
    assert_int_equal(bnt_session_generate(s, &o, hear, &H, &a, &err), BANTAM_ERR_INVALID);
    o.struct_size = sizeof o;
    o.n_stop = 1;
    assert_int_equal(bnt_session_generate(s, &o, hear, &H, &a, &err), BANTAM_ERR_INVALID);
    bnt_session_close(s);

    /* Without a tokenizer there are tokens and no text. */
    bnt_session *t = NULL;
    const bantam_session_options so = {.struct_size = sizeof so, .n_threads = 1};
    const bantam_text stop = {"x", 1};
    assert_int_equal(bnt_session_open(&t, PLAIN.model, NULL, &so, &err), BANTAM_OK);
    rig_feed_all(t, TOKENS, PROMPT);
    assert_int_equal(answer(t, &H, (bantam_generation){.max_tokens = 5}).n_tokens, 5);
    assert_int_equal(H.size, 0);
    o = (bantam_generation){.struct_size = sizeof o, .stop = &stop, .n_stop = 1};
    assert_int_equal(bnt_session_generate(t, &o, hear, &H, &a, &err), BANTAM_ERR_INVALID);
    assert_non_null(strstr(err.message, "tokenizer"));
    bnt_session_close(t);
}

static void every_failed_allocation_is_an_error_and_changes_nothing(void **state)
{
    const bantam_text word = {"ab", 2};
    const bantam_generation o = {.struct_size = sizeof o,
                                 .max_tokens = 10,
                                 .stop = &word,
                                 .n_stop = 1,
                                 .banned = &word,
                                 .n_banned = 1,
                                 .forced = {"the", 3}};
    bnt_session *const s = prompted(&PLAIN, 1);
    const int64_t live = bnt_mem_live();
    bantam_status status;
    bantam_error err;
    uint64_t n = 0;
    (void)state;
    do {
        bnt_mem_fail_after(n++);
        status = bnt_session_generate(s, &o, NULL, NULL, NULL, &err);
        if (status) {
            assert_int_equal(status, BANTAM_ERR_NOMEM);
            assert_int_equal(bnt_session_position(s), PROMPT);
        }
        assert_true(bnt_mem_live() == live);
    } while (status && n < 50);
    bnt_mem_fail_after(UINT64_MAX);
    assert_int_equal(status, BANTAM_OK);
    assert_true(n > 8);
    assert_sound(&PLAIN, s);
    bnt_session_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_is_what_next_gives_one_by_one),
        cmocka_unit_test(the_steps_add_up_to_the_text_of_the_tokens),
        cmocka_unit_test(the_end_of_the_context_ends_the_answer),
        cmocka_unit_test(a_stop_token_ends_the_answer_and_is_not_part_of_it),
        cmocka_unit_test(a_stop_string_cuts_the_answer_where_it_begins),
        cmocka_unit_test(a_cut_character_at_the_end_is_replaced),
        cmocka_unit_test(banned_strings_never_come_and_the_session_is_none_the_worse),
        cmocka_unit_test(what_was_drawn_back_is_not_drawn_there_again),
        cmocka_unit_test(where_every_letter_is_banned_the_answer_ends),
        cmocka_unit_test(an_answer_begins_with_the_forced_text),
        cmocka_unit_test(forced_text_that_no_tokens_spell_is_refused),
        cmocka_unit_test(a_listener_that_has_enough_ends_the_answer),
        cmocka_unit_test(a_cancelled_answer_keeps_what_it_has),
        cmocka_unit_test(a_cancelled_answer_can_be_gone_on_with),
        cmocka_unit_test(options_that_make_no_sense_are_refused),
        cmocka_unit_test(every_failed_allocation_is_an_error_and_changes_nothing),
    };
    return cmocka_run_group_tests(tests, open_models, close_models);
}
