/* test_summarize.c - bantam_summarize() with the built-in model: what is read, what is handed
 * out, what a stop and a lack of memory leave.
 */
#include "base/mem.h"
#include "support.h"
#include "task/sentences.h"

static bantam_model *model; /* NULL: this build has none */

static int setup(void **state)
{
    (void)state;
    if (bantam_model_open(&model, NULL, NULL, NULL)) model = NULL;
    if (!model) print_message("skipped 9 cases: no built-in model\n");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    bantam_model_close(model);
    return 0;
}

static bantam_session *open_session(uint32_t context)
{
    const bantam_session_options o = {
        .struct_size = sizeof o, .context_tokens = context, .n_threads = 1};
    bantam_session *session;
    bantam_error err;

    if (!model) skip();
    if (bantam_session_open(&session, model, &o, &err)) fail_msg("%s", err.message);
    return session;
}

static bantam_text text_of(const char *text)
{
    return (bantam_text){text, strlen(text)};
}

/* A text of n sentences, of which each tenth is a fact that no other one says. */
static char *planted(size_t n, size_t *size)
{
    static const char *const filler[] = {"The river went slowly past the old mill that day. ",
                                         "Nobody at the market had anything new to say. ",
                                         "It rained for most of the afternoon, they thought.\n",
                                         "Mr. Brown fed his horses and went to bed early.\n\n"};
    char *const text = malloc(n * 80 + 1);

    assert_non_null(text);
    *size = 0;
    for (size_t i = 0; i < n; i++) {
        if (i % 10 == 5) {
            *size += (size_t)sprintf(text + *size,
                                     "The key of vault %zu lies under stone %zu. ", i, i * 7);
        } else {
            *size += (size_t)sprintf(text + *size, "%s", filler[i % 4]);
        }
    }
    return text;
}

typedef struct watch {
    const char *text; /* of the only source */
    uint64_t covered;
    size_t n_facts, n_chunks, stop_after;
    uint64_t n_tokens;
    int64_t most_bytes;
} watch;

static size_t count(bantam_text in, const char *what)
{
    size_t n = 0;

    for (size_t i = 0; i + strlen(what) <= in.size; i++) {
        n += memcmp(in.data + i, what, strlen(what)) == 0;
    }
    return n;
}

static void on_chunk(void *user, const bantam_summary_chunk *c)
{
    watch *w = user;

    if (bnt_mem_live_bytes() > w->most_bytes) w->most_bytes = bnt_mem_live_bytes();
    if (c->level > 0) return;
    assert_int_equal(c->offset, w->covered);
    assert_memory_equal(c->text.data, w->text + c->offset, c->text.size);
    /* A fact that is whole in a chunk begins and ends there. */
    assert_int_equal(count(c->text, "The key of vault"), count(c->text, " lies under stone"));
    w->n_facts += count(c->text, "The key of vault");
    w->covered += c->text.size;
    w->n_tokens += c->n_tokens;
    w->n_chunks++;
}

static bool on_progress(void *user, uint64_t done, uint64_t total)
{
    watch *w = user;

    assert_true(done <= total);
    return w->stop_after == 0 || w->n_chunks < w->stop_after;
}

static bantam_status run(bantam_session *session, bantam_text text, bantam_summarize_options o,
                         watch *w, bantam_summary **out)
{
    const bantam_source source = {.text = text, .format = BANTAM_TEXT_PLAIN};
    bantam_error err = {0};

    o.struct_size = sizeof o;
    if (w) {
        *w = (watch){.text = text.data, .stop_after = w->stop_after};
        o.chunk = on_chunk;
        o.progress = on_progress;
        o.user = w;
    }
    return bantam_summarize(session, &source, 1, &o, out, &err);
}

static void check_coverage(bantam_summary_method method, size_t n_sentences, uint32_t context)
{
    bantam_session *const session = open_session(context);
    size_t size;
    char *const text = planted(n_sentences, &size);
    const bantam_summarize_options o = {.method = method};
    bantam_summary *s = NULL;
    watch w = {0};
    const int64_t before = bnt_mem_live_bytes();

    assert_int_equal(run(session, (bantam_text){text, size}, o, &w, &s), BANTAM_OK);
    assert_int_equal(w.covered, size);
    assert_int_equal(w.n_facts, n_sentences / 10);
    assert_int_equal(w.n_chunks, s->n_chunks);
    assert_int_equal(w.n_tokens, s->source_tokens);
    assert_true(s->n_words > 0 && s->n_words <= 90 && !s->partial);
    /* Linear, with a small factor: read twice, or once with an instruction, an answer and
     * summaries of summaries; memory for a copy of the text and less about it. */
    assert_true(s->computed_tokens <= 3 * s->source_tokens + 200);
    assert_true(w.most_bytes - before <= (int64_t)(3 * size) + (6 << 20));
    bantam_summary_close(s);
    free(text);
    bantam_session_close(session);
}

static void every_byte_is_read_once_and_facts_stay_whole(void **state)
{
    (void)state;
    check_coverage(BANTAM_SUMMARY_EXTRACT, 600, 256);
    check_coverage(BANTAM_SUMMARY_EXTRACT, 60, 512);
}

static void so_it_is_where_the_model_writes(void **state)
{
    (void)state;
    check_coverage(BANTAM_SUMMARY_ABSTRACT, 100, 256);
}

/* What is extracted stands in the text, in that order, and has no more words than wanted. */
static void sentences_are_taken_as_they_stand_in_their_order(void **state)
{
    bantam_session *const session = open_session(256);
    size_t size;
    char *const text = planted(60, &size);

    (void)state;
    for (uint32_t words = 5; words < 200; words += 48) {
        const bantam_summarize_options o = {.words = words, .style = BANTAM_SUMMARY_BULLETS};
        bantam_summary *s;
        const char *at = text;
        assert_int_equal(run(session, (bantam_text){text, size}, o, NULL, &s), BANTAM_OK);
        assert_int_equal(s->method, BANTAM_SUMMARY_EXTRACT);
        assert_true(s->n_words > 0 && s->n_words <= words + words / 5);
        for (size_t i = 0; i < s->text.size && words > 9;) {
            char line[200] = {0};
            const char *const end = memchr(s->text.data + i, '\n', s->text.size - i);
            const size_t n = end ? (size_t)(end - s->text.data) - i : s->text.size - i;
            assert_true(n < sizeof line && memcmp(s->text.data + i, "- ", 2) == 0);
            memcpy(line, s->text.data + i + 2, n - 2);
            at = strstr(at, line);
            if (!at) fail_msg("'%s' is not where it should be", line);
            at += n - 2;
            i += n + 1;
        }
        bantam_summary_close(s);
    }
    free(text);
    bantam_session_close(session);
}

static void a_headline_is_one_short_line(void **state)
{
    bantam_session *const session = open_session(256);
    const bantam_summarize_options o = {.style = BANTAM_SUMMARY_HEADLINE, .words = 8};
    bantam_summary *s;

    (void)state;
    const bantam_text text = text_of("The mayor of the town opened a new bridge over the wide "
                                     "river on Monday, and people came.\n\nIt was warm.");
    assert_int_equal(run(session, text, o, NULL, &s), BANTAM_OK);
    assert_true(s->n_words >= 4 && s->n_words <= 9);
    assert_null(memchr(s->text.data, '\n', s->text.size));
    bantam_summary_close(s);
    bantam_session_close(session);
}

static void a_sentence_longer_than_the_context_is_read_in_parts(void **state)
{
    bantam_session *const session = open_session(64);
    static char text[3000];
    bantam_summary *s;
    watch w = {0};

    (void)state;
    for (size_t i = 0; i < sizeof text; i++) {
        text[i] = i % 7 == 6 ? ' ' : (char)('a' + i % 23);
    }
    const bantam_summarize_options o = {.words = 10};
    assert_int_equal(run(session, (bantam_text){text, sizeof text}, o, &w, &s), BANTAM_OK);
    assert_int_equal(w.covered, sizeof text);
    assert_true(s->n_chunks > 10);
    assert_true(s->n_words > 0 && s->n_words <= 12);
    bantam_summary_close(s);
    bantam_session_close(session);
}

static void a_stop_keeps_what_was_read(void **state)
{
    bantam_session *const session = open_session(256);
    size_t size;
    char *const text = planted(200, &size);
    bantam_summary *s;
    watch w = {.stop_after = 2};

    (void)state;
    for (int m = BANTAM_SUMMARY_EXTRACT; m <= BANTAM_SUMMARY_ABSTRACT; m++) {
        const bantam_summarize_options o = {.method = (bantam_summary_method)m};
        assert_int_equal(run(session, (bantam_text){text, size}, o, &w, &s),
                         BANTAM_ERR_CANCELLED);
        assert_non_null(s);
        assert_true(s->partial && s->n_chunks == 2 && s->n_words > 0);
        bantam_summary_close(s);
    }
    /* Before anything is read there is nothing to keep. */
    bantam_session_cancel(session);
    const bantam_summarize_options o = {.words = 20};
    assert_int_equal(run(session, (bantam_text){text, size}, o, NULL, &s),
                     BANTAM_ERR_CANCELLED);
    assert_null(s);
    free(text);
    bantam_session_close(session);
}

static void the_instruction_is_not_computed_anew(void **state)
{
    bantam_session *const session = open_session(256);
    size_t size;
    char *const text = planted(60, &size);
    const bantam_summarize_options o = {.method = BANTAM_SUMMARY_ABSTRACT};
    bantam_summary *s;

    (void)state;
    assert_int_equal(run(session, (bantam_text){text, size}, o, NULL, &s), BANTAM_OK);
    assert_true(s->n_chunks > 2);
    /* The chat form begins with "<|user|>Summarize in one sentence:" and a newline. */
    assert_true(s->reused_tokens >= 4 * (uint64_t)(s->n_chunks - 1));
    bantam_summary_close(s);
    free(text);
    bantam_session_close(session);
}

static void what_cannot_be_is_refused(void **state)
{
    bantam_session *const session = open_session(256);
    bantam_session *const tiny = open_session(8);
    bantam_summary *s;

    (void)state;
    const bantam_text text = text_of("A text of one sentence.");
    assert_int_equal(
        run(session, text_of(" \n... "), (bantam_summarize_options){.words = 5}, NULL, &s),
        BANTAM_ERR_INVALID);
    assert_null(s);
    assert_int_equal(run(session, text,
                         (bantam_summarize_options){.style = (bantam_summary_style)7}, NULL,
                         &s),
                     BANTAM_ERR_INVALID);
    assert_int_equal(run(tiny, text,
                         (bantam_summarize_options){.method = BANTAM_SUMMARY_ABSTRACT}, NULL,
                         &s),
                     BANTAM_ERR_FULL);
    assert_int_equal(bantam_summarize(session, NULL, 0, NULL, &s, NULL), BANTAM_ERR_INVALID);
    bantam_summary_close(NULL);
    bantam_session_close(tiny);
    bantam_session_close(session);
}

static void every_failed_allocation_is_survived(void **state)
{
    bantam_session *const session = open_session(256);
    const bantam_source source = {.text = text_of("<p>Leo had a wagon. He lost it in the deep "
                                                  "forest. Kate found it behind a tree.</p>"),
                                  .format = BANTAM_TEXT_HTML};

    (void)state;
    for (int m = BANTAM_SUMMARY_EXTRACT; m <= BANTAM_SUMMARY_ABSTRACT; m++) {
        const bantam_summarize_options o = {.struct_size = sizeof o,
                                            .method = (bantam_summary_method)m};
        const int64_t live = bnt_mem_live();
        bantam_summary *s = NULL;
        bantam_status status;
        uint64_t n = 0;
        do {
            bnt_mem_fail_after(n++);
            status = bantam_summarize(session, &source, 1, &o, &s, NULL);
            bnt_mem_fail_after(UINT64_MAX);
            assert_int_equal(status, s ? BANTAM_OK : BANTAM_ERR_NOMEM);
            if (!s) assert_int_equal(bnt_mem_live(), live);
        } while (!s && n < 2000);
        assert_non_null(s);
        bantam_summary_close(s);
        assert_int_equal(bnt_mem_live(), live);
    }
    bantam_session_close(session);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_byte_is_read_once_and_facts_stay_whole),
        cmocka_unit_test(so_it_is_where_the_model_writes),
        cmocka_unit_test(sentences_are_taken_as_they_stand_in_their_order),
        cmocka_unit_test(a_headline_is_one_short_line),
        cmocka_unit_test(a_sentence_longer_than_the_context_is_read_in_parts),
        cmocka_unit_test(a_stop_keeps_what_was_read),
        cmocka_unit_test(the_instruction_is_not_computed_anew),
        cmocka_unit_test(what_cannot_be_is_refused),
        cmocka_unit_test(every_failed_allocation_is_survived),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
