/* test_stream.c - settled text: stop strings, banned strings, forced text, whole characters. */
#include "base/mem.h"
#include "base/rng.h"
#include "base/utf8.h"
#include "cpu_time.h"
#include "session/stream.h"
#include "support.h"

enum { MAX_TEXT = 1 << 16 };

/* Everything a listener has heard. */
typedef struct heard {
    char text[MAX_TEXT];
    size_t size;
    uint32_t tokens[MAX_TEXT];
    uint32_t n;
    bool flushed; /* a step without a token came */
} heard;

static bantam_text text_of(const char *s)
{
    const bantam_text t = {s, strlen(s)};
    return t;
}

static void hear(heard *h, const bantam_step *step)
{
    assert_true(bnt_utf8_valid(step->text.data, step->text.size));
    assert_true(h->size + step->text.size < MAX_TEXT);
    if (step->text.size) memcpy(h->text + h->size, step->text.data, step->text.size);
    h->size += step->text.size;
    h->text[h->size] = '\0';
    assert_false(h->flushed);
    assert_int_equal(step->index, h->n);
    if (step->token == BANTAM_NO_TOKEN) {
        h->flushed = true;
        assert_true(step->text.size > 0);
    } else {
        assert_float_equal(step->logprob, -(float)step->token, 0.0f);
        h->tokens[h->n++] = step->token;
    }
}

static void hear_all(heard *h, bnt_stream *s)
{
    bantam_step step;
    while (bnt_stream_take(s, &step))
        hear(h, &step);
}

static bnt_stream_outcome put(bnt_stream *s, uint32_t token, const char *text)
{
    uint32_t back = 0, drawn = 0;
    return bnt_stream_put(s, token, -(float)token, text_of(text), &back, &drawn);
}

static void finish(heard *h, bnt_stream *s)
{
    bantam_step step;
    while (bnt_stream_flush(s, &step))
        hear(h, &step);
    bnt_stream_deinit(s);
}

static void begin(bnt_stream *s, heard *h, const char *const *stop, const char *const *banned,
                  const char *forced)
{
    static bantam_text stops[8], bans[8];
    bantam_generation o = {.struct_size = sizeof o, .stop = stops, .banned = bans};
    bantam_error err;

    for (; stop && stop[o.n_stop]; o.n_stop++)
        stops[o.n_stop] = text_of(stop[o.n_stop]);
    for (; banned && banned[o.n_banned]; o.n_banned++) {
        bans[o.n_banned] = text_of(banned[o.n_banned]);
    }
    o.forced = text_of(forced);
    memset(h, 0, sizeof *h);
    assert_int_equal(bnt_stream_init(s, &o, 32, &err), BANTAM_OK);
}

static heard H;
static bnt_stream S;

static void text_without_stops_comes_out_with_its_token(void **state)
{
    (void)state;
    begin(&S, &H, NULL, NULL, "");
    assert_int_equal(put(&S, 0, "Hello"), BNT_STREAM_ON);
    hear_all(&H, &S);
    assert_string_equal(H.text, "Hello");
    assert_int_equal(H.n, 1);
    put(&S, 1, ", world");
    hear_all(&H, &S);
    assert_string_equal(H.text, "Hello, world");
    finish(&H, &S);
    assert_false(H.flushed);
}

static void a_stop_string_spread_over_tokens_is_never_shown(void **state)
{
    const char *const stop[] = {"\nUser:", NULL};
    (void)state;
    begin(&S, &H, stop, NULL, "");
    put(&S, 0, "fine\n");
    hear_all(&H, &S);
    assert_string_equal(H.text, "fine");
    put(&S, 1, "Us");
    hear_all(&H, &S);
    assert_string_equal(H.text, "fine");
    assert_int_equal(H.n, 2); /* the token is told, its text waits */
    assert_int_equal(put(&S, 2, "er: and more"), BNT_STREAM_STOP);
    hear_all(&H, &S);
    finish(&H, &S);
    assert_string_equal(H.text, "fine");
    assert_int_equal(H.n, 3);
}

static void what_only_looked_like_a_stop_string_comes_out(void **state)
{
    const char *const stop[] = {"\nUser:", NULL};
    (void)state;
    begin(&S, &H, stop, NULL, "");
    put(&S, 0, "a\nUse");
    hear_all(&H, &S);
    assert_string_equal(H.text, "a");
    put(&S, 1, "ful");
    hear_all(&H, &S);
    assert_string_equal(H.text, "a\nUseful");
    put(&S, 2, "\nUser");
    hear_all(&H, &S);
    assert_string_equal(H.text, "a\nUseful");
    finish(&H, &S); /* the answer ends here for another reason */
    assert_string_equal(H.text, "a\nUseful\nUser");
    assert_true(H.flushed);
}

static void the_stop_string_that_ends_first_ends_the_answer(void **state)
{
    const char *const stop[] = {"abcd", "bc", NULL};
    (void)state;
    begin(&S, &H, stop, NULL, "");
    assert_int_equal(put(&S, 0, "xabcd"), BNT_STREAM_STOP);
    hear_all(&H, &S);
    finish(&H, &S);
    assert_string_equal(H.text, "xa");
}

static void of_stop_strings_that_end_together_the_longest_counts(void **state)
{
    const char *const stop[] = {"c", "bc", "", NULL};
    (void)state;
    begin(&S, &H, stop, NULL, "");
    put(&S, 0, "ab");
    hear_all(&H, &S);
    assert_string_equal(H.text, "a");
    assert_int_equal(put(&S, 1, "c"), BNT_STREAM_STOP);
    hear_all(&H, &S);
    finish(&H, &S);
    assert_string_equal(H.text, "a");
}

static void a_stop_string_may_overlap_itself(void **state)
{
    const char *const stop[] = {"aab", NULL};
    (void)state;
    begin(&S, &H, stop, NULL, "");
    for (uint32_t i = 0; i < 5; i++)
        assert_int_equal(put(&S, i, "a"), BNT_STREAM_ON);
    hear_all(&H, &S);
    assert_string_equal(H.text, "aaa");
    assert_int_equal(put(&S, 5, "b"), BNT_STREAM_STOP);
    hear_all(&H, &S);
    finish(&H, &S);
    assert_string_equal(H.text, "aaa");
}

static void a_character_spread_over_tokens_comes_out_whole(void **state)
{
    (void)state;
    begin(&S, &H, NULL, NULL, "");
    put(&S, 0, "\xF0\x9F");
    hear_all(&H, &S);
    assert_string_equal(H.text, "");
    put(&S, 1, "\x98\x80!");
    hear_all(&H, &S);
    assert_string_equal(H.text, "\xF0\x9F\x98\x80!");
    finish(&H, &S);
    assert_false(H.flushed);
}

static void bytes_that_are_no_character_become_replacements(void **state)
{
    (void)state;
    begin(&S, &H, NULL, NULL, "");
    put(&S, 0,
        "a\xFF"
        "b\xE2\x82");
    hear_all(&H, &S);
    assert_string_equal(H.text, "a\xEF\xBF\xBD"
                                "b");
    put(&S, 1, "c\xE2\x82");
    hear_all(&H, &S);
    assert_string_equal(H.text, "a\xEF\xBF\xBD"
                                "b\xEF\xBF\xBD"
                                "c");
    finish(&H, &S); /* the last character is cut for good */
    assert_string_equal(H.text, "a\xEF\xBF\xBD"
                                "b\xEF\xBF\xBD"
                                "c\xEF\xBF\xBD");
    assert_true(H.flushed);
}

static void a_stop_string_of_bad_bytes_is_found(void **state)
{
    const char *const stop[] = {"\xFF\xFE", NULL};
    (void)state;
    begin(&S, &H, stop, NULL, "");
    put(&S, 0, "ok\xFF");
    hear_all(&H, &S);
    assert_string_equal(H.text, "ok");
    assert_int_equal(put(&S, 1, "\xFE"), BNT_STREAM_STOP);
    hear_all(&H, &S);
    finish(&H, &S);
    assert_string_equal(H.text, "ok");
}

static void a_banned_string_takes_back_the_token_it_began_with(void **state)
{
    const char *const banned[] = {"bad", NULL};
    uint32_t back = 99, drawn = 99;
    (void)state;
    begin(&S, &H, NULL, banned, "");
    put(&S, 10, "so ");
    hear_all(&H, &S);
    put(&S, 11, "very b"); /* may be the start of it: the whole token waits */
    hear_all(&H, &S);
    assert_string_equal(H.text, "so ");
    assert_int_equal(H.n, 1);
    assert_int_equal(bnt_stream_put(&S, 12, -12.0f, text_of("ad"), &back, &drawn),
                     BNT_STREAM_BANNED);
    assert_int_equal(back, 1);
    assert_int_equal(drawn, 11);
    put(&S, 13, "good");
    hear_all(&H, &S);
    assert_string_equal(H.text, "so good");
    assert_int_equal(H.n, 2);
    assert_int_equal(H.tokens[1], 13);
    finish(&H, &S);
}

static void a_stop_string_begun_before_a_token_taken_back_stays_hidden(void **state)
{
    const char *const stop[] = {"abX", NULL};
    const char *const banned[] = {"cd", NULL};
    uint32_t back = 99, drawn = 99;
    (void)state;
    begin(&S, &H, stop, banned, "");
    put(&S, 0, "1ab");
    put(&S, 1, "c"); /* the stop string is off, but this token may be taken back */
    hear_all(&H, &S);
    assert_string_equal(H.text, "1");
    assert_int_equal(bnt_stream_put(&S, 2, -2.0f, text_of("d"), &back, &drawn),
                     BNT_STREAM_BANNED);
    assert_int_equal(back, 1);
    assert_int_equal(put(&S, 3, "X"), BNT_STREAM_STOP);
    hear_all(&H, &S);
    finish(&H, &S);
    assert_string_equal(H.text, "1");
    assert_int_equal(H.n, 2);
}

static void forced_text_is_shown_though_it_holds_a_stop_string(void **state)
{
    const char *const stop[] = {"```", NULL};
    (void)state;
    begin(&S, &H, stop, NULL, "```json\n");
    assert_int_equal(put(&S, 0, "```"), BNT_STREAM_ON);
    hear_all(&H, &S);
    assert_string_equal(H.text, "```");
    assert_int_equal(put(&S, 1, "json"), BNT_STREAM_ON);
    assert_int_equal(put(&S, 2, "\n{}"), BNT_STREAM_ON);
    hear_all(&H, &S);
    assert_string_equal(H.text, "```json\n{}");
    assert_int_equal(put(&S, 3, "```"), BNT_STREAM_STOP);
    hear_all(&H, &S);
    finish(&H, &S);
    assert_string_equal(H.text, "```json\n{}");
}

static void a_banned_string_begun_in_forced_text_takes_back_what_follows_it(void **state)
{
    const char *const banned[] = {"not ok", NULL};
    uint32_t back = 99, drawn = 99;
    (void)state;
    begin(&S, &H, NULL, banned, "is not");
    put(&S, 0, "is");
    put(&S, 1, " not");
    hear_all(&H, &S);
    assert_string_equal(H.text, "is not");
    put(&S, 2, " o");
    hear_all(&H, &S);
    assert_int_equal(bnt_stream_put(&S, 3, -3.0f, text_of("k"), &back, &drawn),
                     BNT_STREAM_BANNED);
    assert_int_equal(back, 2);
    assert_int_equal(drawn, 2);
    finish(&H, &S);
    assert_string_equal(H.text, "is not");
}

static void forced_text_with_a_banned_string_is_refused(void **state)
{
    const bantam_text banned = text_of("b");
    const bantam_generation o = {
        .struct_size = sizeof o, .banned = &banned, .n_banned = 1, .forced = {"abc", 3}};
    bantam_error err;
    (void)state;
    assert_int_equal(bnt_stream_init(&S, &o, 8, &err), BANTAM_ERR_INVALID);
    assert_non_null(strstr(err.message, "byte 2"));
}

static void strings_without_data_are_refused(void **state)
{
    const bantam_text hollow = {NULL, 4};
    const bantam_generation a = {.struct_size = sizeof a, .stop = &hollow, .n_stop = 1};
    const bantam_generation b = {.struct_size = sizeof b, .n_banned = 3};
    const bantam_generation c = {.struct_size = sizeof c, .forced = {NULL, 4}};
    bantam_error err;
    (void)state;
    assert_int_equal(bnt_stream_init(&S, &a, 8, &err), BANTAM_ERR_INVALID);
    assert_int_equal(bnt_stream_init(&S, &b, 8, &err), BANTAM_ERR_INVALID);
    assert_int_equal(bnt_stream_init(&S, &c, 8, &err), BANTAM_ERR_INVALID);
}

static void a_banned_string_longer_than_what_can_wait_is_still_prevented(void **state)
{
    static char long_one[402];
    const char *const banned[] = {long_one, NULL};
    uint32_t back = 0, drawn = 0;
    (void)state;
    memset(long_one, 'a', 400);
    long_one[400] = 'b';
    begin(&S, &H, NULL, banned, "");
    for (uint32_t i = 0; i < 400; i++) {
        assert_int_equal(put(&S, i, "a"), BNT_STREAM_ON);
        hear_all(&H, &S);
    }
    assert_int_equal(H.n, 400 - BNT_STREAM_HELD + 1);
    assert_int_equal(bnt_stream_put(&S, 400, -400.0f, text_of("b"), &back, &drawn),
                     BNT_STREAM_BANNED);
    assert_int_equal(back, H.n); /* the first that was not handed out */
    finish(&H, &S);
    assert_int_equal(H.n, back);
    assert_int_equal(H.size, back);
}

/* ---- against a model of what should happen ---- */

/* Whether any of the strings lies in text[0..size); the end of the first one to end. */
static size_t first_end(const char *text, size_t size, const bantam_text *strings, size_t n,
                        size_t *start)
{
    for (size_t end = 1; end <= size; end++) {
        size_t longest = 0;
        for (size_t i = 0; i < n; i++) {
            const size_t k = strings[i].size;
            if (k && k <= end && memcmp(text + end - k, strings[i].data, k) == 0 &&
                k > longest) {
                longest = k;
            }
        }
        if (longest) {
            *start = end - longest;
            return end;
        }
    }
    return 0;
}

/* Bytes at the end of text that begin one of the strings without being all of it. */
static size_t live_end(const char *text, size_t size, const bantam_text *strings, size_t n)
{
    size_t live = 0;
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 1; k < strings[i].size && k <= size; k++) {
            if (k > live && memcmp(text + size - k, strings[i].data, k) == 0) live = k;
        }
    }
    return live;
}

static void random_strings(bnt_rng *rng, bantam_text *out, char (*data)[8], size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const size_t size = 1 + (size_t)bnt_rng_below(rng, 6);
        for (size_t j = 0; j < size; j++)
            data[i][j] = "ab"[bnt_rng_below(rng, 2)];
        out[i].data = data[i];
        out[i].size = size;
    }
}

static void random_answers_are_cut_where_they_should_be_and_wait_no_longer(void **state)
{
    bnt_rng rng;
    (void)state;
    bnt_rng_seed(&rng, 7);
    for (int round = 0; round < 3000; round++) {
        bantam_text stops[3];
        char data[3][8], all[256];
        size_t total = 0, start = 0;
        bantam_generation o = {.struct_size = sizeof o, .stop = stops};
        bantam_error err;

        o.n_stop = (size_t)bnt_rng_below(&rng, 4);
        random_strings(&rng, stops, data, o.n_stop);
        assert_int_equal(bnt_stream_init(&S, &o, 8, &err), BANTAM_OK);
        memset(&H, 0, sizeof H.text + 64);
        H.size = 0;
        H.n = 0;
        H.flushed = false;
        for (uint32_t i = 0; i < 40; i++) {
            char token[8] = "";
            const size_t size = (size_t)bnt_rng_below(&rng, 4);
            for (size_t j = 0; j < size; j++)
                token[j] = "abc"[bnt_rng_below(&rng, 3)];
            memcpy(all + total, token, size);
            total += size;
            const bnt_stream_outcome outcome = put(&S, i, token);
            hear_all(&H, &S);
            assert_int_equal(H.n, i + 1);
            const size_t end = first_end(all, total, stops, o.n_stop, &start);
            assert_int_equal(outcome, end ? BNT_STREAM_STOP : BNT_STREAM_ON);
            if (end) break;
            start = total;
            assert_int_equal(H.size, total - live_end(all, total, stops, o.n_stop));
        }
        finish(&H, &S);
        assert_int_equal(H.size, start);
        assert_memory_equal(H.text, all, start);
    }
}

static void random_redraws_leave_no_banned_and_no_stop_string(void **state)
{
    static const char *const vocabulary[] = {"a", "b", "c", "ab", "ba", "bb", "cab", ""};
    unsigned n_banned = 0, n_stopped = 0;
    bnt_rng rng;
    (void)state;
    bnt_rng_seed(&rng, 8);
    for (int round = 0; round < 3000; round++) {
        bantam_text stops[2], bans[3];
        char stop_data[2][8], ban_data[3][8], all[512];
        uint32_t tokens[64], n = 0;
        size_t total = 0, start = 0;
        bantam_generation o = {.struct_size = sizeof o, .stop = stops, .banned = bans};
        bantam_error err;
        bool stopped = false;

        o.n_stop = (size_t)bnt_rng_below(&rng, 3);
        o.n_banned = (size_t)bnt_rng_below(&rng, 4);
        random_strings(&rng, stops, stop_data, o.n_stop);
        random_strings(&rng, bans, ban_data, o.n_banned);
        assert_int_equal(bnt_stream_init(&S, &o, 8, &err), BANTAM_OK);
        H.size = 0;
        H.n = 0;
        H.flushed = false;
        for (int i = 0; i < 200 && n < 60 && !stopped; i++) {
            const uint32_t token = (uint32_t)bnt_rng_below(&rng, 8);
            uint32_t back = 99, drawn = 99;
            const bnt_stream_outcome outcome = bnt_stream_put(
                &S, token, -(float)token, text_of(vocabulary[token]), &back, &drawn);
            tokens[n++] = token;
            total = 0;
            for (uint32_t k = 0; k < n; k++) {
                memcpy(all + total, vocabulary[tokens[k]], strlen(vocabulary[tokens[k]]));
                total += strlen(vocabulary[tokens[k]]);
            }
            const size_t ban_end = first_end(all, total, bans, o.n_banned, &start);
            const size_t stop_end = first_end(all, total, stops, o.n_stop, &start);
            const bool is_banned = ban_end && (!stop_end || ban_end < stop_end);
            assert_int_equal(outcome, is_banned  ? BNT_STREAM_BANNED
                                      : stop_end ? BNT_STREAM_STOP
                                                 : BNT_STREAM_ON);
            if (outcome == BNT_STREAM_BANNED) {
                n_banned++;
                assert_true(back < n && back >= H.n);
                assert_int_equal(drawn, tokens[back]);
                n = back;
            }
            stopped = outcome == BNT_STREAM_STOP;
            hear_all(&H, &S);
            /* A token that is not taken back at once waits only for a banned string. */
            if (!o.n_banned) assert_int_equal(H.n, n);
        }
        n_stopped += stopped;
        finish(&H, &S);

        assert_int_equal(H.n, n);
        total = 0;
        for (uint32_t i = 0; i < n; i++) {
            assert_int_equal(H.tokens[i], tokens[i]);
            memcpy(all + total, vocabulary[tokens[i]], strlen(vocabulary[tokens[i]]));
            total += strlen(vocabulary[tokens[i]]);
        }
        if (!first_end(all, total, stops, o.n_stop, &start)) start = total;
        assert_int_equal(stopped, start < total);
        assert_int_equal(H.size, start);
        assert_memory_equal(H.text, all, start);
        assert_int_equal(first_end(all, start, bans, o.n_banned, &start), 0);
    }
    assert_true(n_banned > 1000 && n_stopped > 500);
}

/* ---- much of it ---- */

static void ten_thousand_stop_strings_and_one_of_a_megabyte_are_quick(void **state)
{
    enum { N = 10001, LONG = 1 << 20 };
    bantam_text *const stops = calloc(N, sizeof *stops);
    char(*const names)[32] = calloc(N, sizeof *names);
    char *const giant = malloc(LONG);
    bantam_generation o = {.struct_size = sizeof o, .stop = stops, .n_stop = N};
    bantam_error err;
    (void)state;

    assert_non_null(stops);
    assert_non_null(names);
    assert_non_null(giant);
    for (int i = 0; i < N - 1; i++) {
        snprintf(names[i], sizeof names[i], "<stop %d>", i);
        stops[i] = text_of(names[i]);
    }
    memset(giant, 'z', LONG);
    stops[N - 1].data = giant;
    stops[N - 1].size = LONG;

    const double before = cpu_seconds();
    memset(&H, 0, sizeof H);
    assert_int_equal(bnt_stream_init(&S, &o, 8, &err), BANTAM_OK);
    for (uint32_t i = 0; i < 500; i++) {
        assert_int_equal(put(&S, i, "zzstop<"), BNT_STREAM_ON);
        hear_all(&H, &S);
    }
    assert_int_equal(H.size, 500 * 7 - 1);
    assert_int_equal(put(&S, 500, "stop 99"), BNT_STREAM_ON);
    hear_all(&H, &S);
    assert_int_equal(put(&S, 501, "99>"), BNT_STREAM_STOP);
    hear_all(&H, &S);
    finish(&H, &S);
    assert_int_equal(H.size, 500 * 7 - 1);
    /* Far above what it takes, far below what anything quadratic would. */
    assert_true(cpu_spent_at_most(10.0, before));
    free(giant);
    free(names);
    free(stops);
}

static void nothing_is_allocated_between_tokens(void **state)
{
    const char *const stop[] = {"stop", NULL};
    const char *const banned[] = {"forbidden", NULL};
    (void)state;
    begin(&S, &H, stop, banned, "");
    const uint64_t before = bnt_mem_allocations();
    for (uint32_t i = 0; i < 5000; i++) {
        put(&S, i, i % 3 ? "for\xFF\xFF" : "sto");
        hear_all(&H, &S);
    }
    bantam_step step;
    while (bnt_stream_flush(&S, &step))
        hear(&H, &step);
    assert_true(bnt_mem_allocations() == before);
    bnt_stream_deinit(&S);
}

static void every_failed_allocation_is_an_error(void **state)
{
    const bantam_text string = text_of("abc");
    const bantam_generation o = {.struct_size = sizeof o,
                                 .stop = &string,
                                 .n_stop = 1,
                                 .banned = &string,
                                 .n_banned = 1};
    const int64_t live = bnt_mem_live();
    bantam_status status;
    bantam_error err;
    uint64_t n = 0;
    (void)state;
    do {
        bnt_mem_fail_after(n++);
        status = bnt_stream_init(&S, &o, 8, &err);
        if (status) assert_int_equal(status, BANTAM_ERR_NOMEM);
        bnt_stream_deinit(&S);
        assert_true(bnt_mem_live() == live);
    } while (status && n < 50);
    bnt_mem_fail_after(UINT64_MAX);
    assert_int_equal(n, 7); /* two matchers of two, the text, the clean text, and success */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_without_stops_comes_out_with_its_token),
        cmocka_unit_test(a_stop_string_spread_over_tokens_is_never_shown),
        cmocka_unit_test(what_only_looked_like_a_stop_string_comes_out),
        cmocka_unit_test(the_stop_string_that_ends_first_ends_the_answer),
        cmocka_unit_test(of_stop_strings_that_end_together_the_longest_counts),
        cmocka_unit_test(a_stop_string_may_overlap_itself),
        cmocka_unit_test(a_character_spread_over_tokens_comes_out_whole),
        cmocka_unit_test(bytes_that_are_no_character_become_replacements),
        cmocka_unit_test(a_stop_string_of_bad_bytes_is_found),
        cmocka_unit_test(a_banned_string_takes_back_the_token_it_began_with),
        cmocka_unit_test(a_stop_string_begun_before_a_token_taken_back_stays_hidden),
        cmocka_unit_test(forced_text_is_shown_though_it_holds_a_stop_string),
        cmocka_unit_test(a_banned_string_begun_in_forced_text_takes_back_what_follows_it),
        cmocka_unit_test(forced_text_with_a_banned_string_is_refused),
        cmocka_unit_test(strings_without_data_are_refused),
        cmocka_unit_test(a_banned_string_longer_than_what_can_wait_is_still_prevented),
        cmocka_unit_test(random_answers_are_cut_where_they_should_be_and_wait_no_longer),
        cmocka_unit_test(random_redraws_leave_no_banned_and_no_stop_string),
        cmocka_unit_test(ten_thousand_stop_strings_and_one_of_a_megabyte_are_quick),
        cmocka_unit_test(nothing_is_allocated_between_tokens),
        cmocka_unit_test(every_failed_allocation_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
