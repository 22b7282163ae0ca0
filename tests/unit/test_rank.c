/* test_rank.c - evidence, orders, reasons and topics, on items made by hand; and vectors and
 * likelihoods of the built-in model. */
#include "support.h"

#include "bantam/bantam.h"
#include "base/mem.h"
#include "task/near.h"

#include <math.h>

static const int64_t now = 1700000000;
enum { DAY = 86400 };

#define TEXT(t)                                                                                \
    {                                                                                          \
        .data = (t), .size = sizeof(t) - 1                                                     \
    }

static bantam_item item(const char *title, const char *text, int64_t time)
{
    return (bantam_item){
        .title = {title, strlen(title)}, .text = {text, strlen(text)}, .time = time};
}

static bantam_rank_options options(void)
{
    return (bantam_rank_options){
        .struct_size = sizeof(bantam_rank_options), .now = now, .explore = -1.0};
}

/* ---- evidence ---------------------------------------------------------------------------- */

static void events_fade_with_time_and_with_those_after_them(void **state)
{
    (void)state;
    const bantam_item items[] = {item("a", "", 0), item("b", "", 0), item("c", "", 0)};
    const bantam_event events[] = {{0, BANTAM_EVENT_LIKED, 0.0, now - 20 * DAY},
                                   {1, BANTAM_EVENT_DWELT, 30.0, now - 10 * DAY},
                                   {2, BANTAM_EVENT_SHOWN, 0.0, now},
                                   {1, BANTAM_EVENT_SHOWN, 0.0, now},
                                   {0, BANTAM_EVENT_SKIPPED, 0.0, now}};
    const bantam_history h = {items, 3, events, 5, 0};
    bantam_rank_options o = options();
    bnt_evidence e[BNT_MAX_EVIDENCE];
    size_t n;

    o.half_life_days = 10.0;
    o.half_life_events = 4.0;
    assert_int_equal(bnt_evidence_gather(&h, &o, 100, e, &n, NULL), 0);
    assert_int_equal(n, 4); /* item 1 was dwelt on: that it was shown says nothing more */
    assert_int_equal(e[0].event, 4);
    assert_false(e[0].liked);
    assert_true(fabs(e[0].weight - 1.0) < 1e-12);
    assert_true(fabs(e[1].weight - 0.1 * exp2(-1.0 / 4.0)) < 1e-12); /* shown */
    assert_int_equal(e[1].doc, 102);
    assert_true(fabs(e[2].weight - 0.5 * exp2(-1.0 - 1.0 / 4.0)) < 1e-12); /* half a minute */
    assert_true(e[2].liked);
    assert_true(fabs(e[3].weight - exp2(-2.0 - 2.0 / 4.0)) < 1e-12);
}

static void after_an_absence_the_latest_event_counts_whole(void **state)
{
    (void)state;
    const bantam_item items[] = {item("a", "", 0)};
    const bantam_event events[] = {{0, BANTAM_EVENT_LIKED, 0.0, now - 1000 * DAY}};
    const bantam_history h = {items, 1, events, 1, 0};
    bantam_rank_options o = options();
    bnt_evidence e[BNT_MAX_EVIDENCE];
    size_t n;

    o.half_life_days = 10.0;
    o.half_life_events = 4.0;
    assert_int_equal(bnt_evidence_gather(&h, &o, 0, e, &n, NULL), 0);
    assert_true(fabs(e[0].weight - 1.0) < 1e-12);
}

static void one_like_moves_its_like_by_an_eighth(void **state)
{
    (void)state;
    /* One pair: its cosine is the root mean square itself, so that the bearing is 1, and
     * (1 + 3/4) / (1 + 1) - 3/4 = 1/8. */
    const bantam_item met = item("", "comet star", 0), same = item("", "comet moon", 0);
    const bantam_event liked = {0, BANTAM_EVENT_LIKED, 0.0, now};
    const bantam_history h = {&met, 1, &liked, 1, 0};
    const bantam_rank_options o = options();
    bantam_ranked out;

    assert_int_equal(bantam_rank(&h, &same, 1, &o, &out, NULL), 0);
    assert_true(fabs(out.evidence - 0.125) < 1e-9);
    assert_true(fabs(out.score - 0.125) < 1e-9);
    assert_true(fabs(out.unknown - 2.0 / 3.0) < 1e-9);
}

static void what_came_later_takes_weight_off_what_it_contradicts(void **state)
{
    (void)state;
    const bantam_item a = item("", "comet star", 0), b = item("", "other words", 0);
    const bantam_item *const docs[] = {&a, &b};
    bnt_near near;
    /* The latest first: a skip, a like of the same, another like of the same, and something
     * else. The bearing of a text on itself is 1 in units of its own cosine, 1. */
    bnt_evidence e[] = {
        {0, 3, 1.0, false}, {0, 2, 0.5, true}, {0, 1, 0.5, true}, {1, 0, 0.25, true}};

    assert_int_equal(bnt_near_open(&near, docs, 2, 0, NULL), 0);
    bnt_near_temper(&near, e, 4);
    assert_true(fabs(e[0].weight - 1.0) < 1e-6);
    assert_true(fabs(e[1].weight - 0.5 * sqrt(1.0 / 2.0)) < 1e-6);
    assert_true(fabs(e[2].weight - 0.5 * sqrt(1.5 / 2.5)) < 1e-6);
    assert_true(fabs(e[3].weight - 0.25) < 1e-6);
    bnt_near_close(&near);
}

static void what_vectors_have_in_common_says_nothing(void **state)
{
    (void)state;
    const float v[3][2] = {{101.0f, 100.0f}, {100.0f, 101.0f}, {100.5f, 100.5f}};
    bantam_item items[3] = {item("", "", 0), item("", "", 0), item("", "", 0)};
    const bantam_item *docs[3];
    bnt_near near;

    for (size_t i = 0; i < 3; i++) {
        items[i].vector = v[i];
        docs[i] = &items[i];
    }
    assert_int_equal(bnt_near_open(&near, docs, 3, 2, NULL), 0);
    assert_true(fabs((double)near.vectors[0] - sqrt(0.5)) < 1e-3);
    assert_true(fabs((double)near.vectors[1] + sqrt(0.5)) < 1e-3);
    assert_true(bnt_near_same(&near, 0, 1) == 0.0); /* opposite, and no words */
    assert_true(fabs(bnt_near_same(&near, 0, 0) - 1.0 / 3.0) < 1e-3);
    bnt_near_close(&near);
}

static void a_vector_that_is_not_finite_is_none(void **state)
{
    (void)state;
    const float v[2][2] = {{NAN, 1.0f}, {1.0f, 2.0f}};
    bantam_item items[2] = {item("x", "", 0), item("y", "", 0)};
    const bantam_event liked = {0, BANTAM_EVENT_LIKED, 0.0, now};
    const bantam_rank_options o = options();
    bantam_ranked out[2];

    for (size_t i = 0; i < 2; i++)
        items[i].vector = v[i];
    const bantam_history h = {items, 1, &liked, 1, 2};
    assert_int_equal(bantam_rank(&h, items, 2, &o, out, NULL), 0);
    assert_true(isfinite(out[0].score) && isfinite(out[1].score));
}

/* ---- orders ------------------------------------------------------------------------------ */

static void without_a_history_the_newest_come_first(void **state)
{
    (void)state;
    const bantam_item items[] = {item("one", "", now - 3 * DAY), item("two", "", 0),
                                 item("six", "", now - DAY), item("ten", "", now - 900 * DAY),
                                 item("old", "", now - 901 * DAY)};
    const bantam_history h = {0};
    bantam_rank_options o = options();
    bantam_ranked out[5];

    o.explore = 0.5;
    assert_int_equal(bantam_rank(&h, items, 5, &o, out, NULL), 0);
    const size_t expected[] = {2, 0, 3, 4, 1};
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(out[i].item, expected[i]);
        assert_int_equal(out[i].reason, BANTAM_REASON_RECENT);
        assert_true(out[i].event == SIZE_MAX);
        assert_true(out[i].evidence == 0.0);
    }
    assert_true(fabs(out[1].recency - 0.05) < 1e-12);
}

/* Two liked subjects, one skipped, and items of all three. */
static const bantam_item met[] = {
    {.title = TEXT("Comet over the desert"), .text = TEXT("telescope orbit planet")},
    {.title = TEXT("Rye bread"), .text = TEXT("flour dough oven yeast")},
    {.title = TEXT("Cup final"), .text = TEXT("football goal striker match")},
    {.title = TEXT("A new planet"), .text = TEXT("telescope orbit comet")},
    {.title = TEXT("Wheat bread"), .text = TEXT("flour dough oven")},
};
static const bantam_event acts[] = {{0, BANTAM_EVENT_LIKED, 0.0, now - 50},
                                    {1, BANTAM_EVENT_LIKED, 0.0, now - 40},
                                    {2, BANTAM_EVENT_SKIPPED, 0.0, now - 30},
                                    {3, BANTAM_EVENT_LIKED, 0.0, now - 20},
                                    {4, BANTAM_EVENT_DWELT, 60.0, now - 10}};
static const bantam_history two_interests = {met, 5, acts, 5, 0};

static const bantam_item offered[] = {
    {.title = TEXT("Football transfer"), .text = TEXT("striker match goal"), .time = 1},
    {.title = TEXT("Telescope sees comet"), .text = TEXT("planet orbit"), .time = 1},
    {.title = TEXT("Taxes"), .text = TEXT("parliament law vote budget"), .time = 1},
    {.title = TEXT("Dough at home"), .text = TEXT("flour oven bread"), .time = 1},
};

static void two_interests_stay_two(void **state)
{
    (void)state;
    const bantam_rank_options o = options();
    bantam_ranked out[4];

    assert_int_equal(bantam_rank(&two_interests, offered, 4, &o, out, NULL), 0);
    assert_true(out[0].item == 1 || out[0].item == 3);
    assert_true(out[1].item == 1 || out[1].item == 3);
    assert_int_equal(out[2].item, 2);
    assert_int_equal(out[3].item, 0);
    assert_true(out[3].evidence < 0.0);
}

static void a_place_is_explained_by_the_event_and_the_words(void **state)
{
    (void)state;
    const bantam_rank_options o = options();
    bantam_ranked out[4];

    assert_int_equal(bantam_rank(&two_interests, offered, 4, &o, out, NULL), 0);
    for (size_t i = 0; i < 4; i++) {
        const bantam_ranked *const r = &out[i];
        assert_true(fabs(r->score - (r->evidence + r->affinity + r->recency + r->repetition)) <
                    1e-12);
        if (r->item == 0) {
            assert_int_equal(r->reason, BANTAM_REASON_SKIPPED);
            assert_int_equal(r->event, 2);
        } else if (r->item == 2) {
            assert_int_equal(r->reason, BANTAM_REASON_RECENT);
            assert_true(r->event == SIZE_MAX);
        } else {
            assert_int_equal(r->reason, BANTAM_REASON_LIKED);
            assert_true(r->item == 1 ? r->event == 0 || r->event == 3
                                     : r->event == 1 || r->event == 4);
            assert_true(r->words[0][0] != '\0');
        }
    }
}

static void an_interest_that_ended_is_outweighed(void **state)
{
    (void)state;
    bantam_event events[24];
    const bantam_rank_options o = options();
    bantam_ranked out[4];

    /* Comets were liked ten times, then skipped three times while bread was liked. */
    for (size_t i = 0; i < 10; i++)
        events[i] = (bantam_event){0, BANTAM_EVENT_LIKED, 0.0, now};
    for (size_t i = 10; i < 22; i += 2) {
        events[i] = (bantam_event){3, BANTAM_EVENT_SKIPPED, 0.0, now};
        events[i + 1] = (bantam_event){1, BANTAM_EVENT_LIKED, 0.0, now};
    }
    const bantam_history h = {met, 5, events, 22, 0};
    assert_int_equal(bantam_rank(&h, offered, 4, &o, out, NULL), 0);
    assert_int_equal(out[0].item, 3);
    const bantam_history before = {met, 5, events, 10, 0};
    assert_int_equal(bantam_rank(&before, offered, 4, &o, out, NULL), 0);
    assert_int_equal(out[0].item, 1);
}

static void the_same_text_twice_is_lowered_once(void **state)
{
    (void)state;
    const bantam_item items[] = {offered[1], offered[1], offered[2]};
    bantam_rank_options o = options();
    bantam_ranked out[3];

    assert_int_equal(bantam_rank(&two_interests, items, 3, &o, out, NULL), 0);
    double lowest = 0.0;
    for (size_t i = 0; i < 3; i++)
        lowest = fmin(lowest, out[i].repetition);
    assert_true(fabs(lowest + 0.15) < 1e-6); /* cosine 1, squared, times the usual share */
    assert_true(out[0].repetition == 0.0);
    o.diversity = -1.0;
    assert_int_equal(bantam_rank(&two_interests, items, 3, &o, out, NULL), 0);
    for (size_t i = 0; i < 3; i++)
        assert_true(out[i].repetition == 0.0);
}

static void a_share_of_the_places_goes_to_what_is_least_known(void **state)
{
    (void)state;
    bantam_item items[30];
    bantam_rank_options o = options();
    bantam_ranked out[30];
    bool there[30] = {false};
    size_t n_new = 0;

    for (size_t i = 0; i < 30; i++)
        items[i] = offered[i % 4];
    o.explore = 0.1;
    assert_int_equal(bantam_rank(&two_interests, items, 30, &o, out, NULL), 0);
    for (size_t i = 0; i < 30; i++) {
        assert_false(there[out[i].item]);
        there[out[i].item] = true;
        n_new += out[i].reason == BANTAM_REASON_NEW;
    }
    assert_int_equal(n_new, 3);
    assert_int_equal(out[9].reason, BANTAM_REASON_NEW);
    assert_int_equal(out[9].item % 4, 2); /* taxes: nothing is known of them */
    assert_int_equal(out[29].reason, BANTAM_REASON_NEW);
}

static void many_items_are_all_placed_in_order_of_their_score(void **state)
{
    (void)state;
    enum { N = 300 };
    bantam_item *const items = calloc(N, sizeof *items);
    bantam_ranked *const out = calloc(N, sizeof *out);
    bool there[N] = {false};
    bantam_rank_options o = options();

    for (size_t i = 0; i < N; i++) {
        items[i] = offered[i % 4];
        items[i].time = now - (int64_t)(i * 7919 % N) * 3600;
    }
    o.diversity = -1.0;
    assert_int_equal(bantam_rank(&two_interests, items, N, &o, out, NULL), 0);
    for (size_t i = 0; i < N; i++) {
        assert_false(there[out[i].item]);
        there[out[i].item] = true;
        if (i > 0) assert_true(out[i].score <= out[i - 1].score);
    }
    free(items);
    free(out);
}

static void likelihood_moves_by_how_far_it_is_from_the_others(void **state)
{
    (void)state;
    bantam_rank_options o = options();
    bantam_ranked out[4];
    const double affinity[] = {1.0, 3.0, (double)NAN, 2.0};

    o.affinity = affinity;
    assert_int_equal(bantam_rank(&two_interests, offered, 4, &o, out, NULL), 0);
    /* Mean 2, deviation sqrt(2/3); 0.02 for each deviation. */
    for (size_t i = 0; i < 4; i++) {
        const double a = affinity[out[i].item];
        const double expected = isnan(a) ? 0.0 : 0.02 * (a - 2.0) / sqrt(2.0 / 3.0);
        assert_true(fabs(out[i].affinity - expected) < 1e-9);
    }
}

/* ---- topics ------------------------------------------------------------------------------ */

static void likes_are_grouped_by_what_they_share(void **state)
{
    (void)state;
    const bantam_rank_options o = options();
    bantam_topic topics[8];
    size_t n;

    assert_int_equal(bantam_topics(&two_interests, &o, topics, 8, &n, NULL), 0);
    assert_int_equal(n, 2);
    double sum = 0.0;
    for (size_t i = 0; i < 2; i++) {
        const bool space = strcmp(topics[i].words[0], "comet") == 0 ||
                           strcmp(topics[i].words[0], "planet") == 0;
        assert_int_equal(topics[i].n_likes, 2);
        assert_int_equal(topics[i].last, space ? now - 20 : now - 10);
        assert_true(topics[i].welcome == 1.0);
        sum += topics[i].weight;
    }
    assert_true(fabs(sum - 1.0) < 1e-9);
    assert_true(topics[0].weight >= topics[1].weight);
    assert_int_equal(bantam_topics(&two_interests, &o, topics, 1, &n, NULL), 0);
    assert_int_equal(n, 1);
}

/* ---- what is refused --------------------------------------------------------------------- */

static void a_history_that_makes_no_sense_is_refused(void **state)
{
    (void)state;
    const bantam_event bad[] = {{5, BANTAM_EVENT_LIKED, 0.0, now},
                                {0, (bantam_event_kind)9, 0.0, now},
                                {0, BANTAM_EVENT_DWELT, -1.0, now},
                                {0, BANTAM_EVENT_DWELT, (double)INFINITY, now}};
    bantam_ranked out[4];
    bantam_error err;

    for (size_t i = 0; i < 4; i++) {
        const bantam_history h = {met, 5, &bad[i], 1, 0};
        assert_int_equal(bantam_rank(&h, offered, 4, NULL, out, &err), BANTAM_ERR_INVALID);
        assert_non_null(strstr(err.message, "event 0"));
    }
    bantam_rank_options o = options();
    o.half_life_days = (double)NAN;
    assert_int_equal(bantam_rank(&two_interests, offered, 4, &o, out, &err),
                     BANTAM_ERR_INVALID);
    o = options();
    o.explore = 1.5;
    assert_int_equal(bantam_rank(&two_interests, offered, 4, &o, out, &err),
                     BANTAM_ERR_INVALID);
    assert_int_equal(bantam_rank(&two_interests, offered, 0, NULL, out, &err), 0);
}

static void no_memory_is_an_error_and_leaves_nothing(void **state)
{
    (void)state;
    const int64_t live = bnt_mem_live();
    bantam_status status = BANTAM_ERR_NOMEM;
    bantam_ranked out[4];
    bantam_topic topics[4];
    size_t n_topics;

    for (uint64_t n = 0; status && n < 100; n++) {
        bnt_mem_fail_after(n);
        status = bantam_rank(&two_interests, offered, 4, NULL, out, NULL);
        bnt_mem_fail_after(UINT64_MAX);
        assert_true(!status || status == BANTAM_ERR_NOMEM);
        assert_int_equal(bnt_mem_live(), live);
    }
    assert_int_equal(status, 0);
    status = BANTAM_ERR_NOMEM;
    for (uint64_t n = 0; status && n < 100; n++) {
        bnt_mem_fail_after(n);
        status = bantam_topics(&two_interests, NULL, topics, 4, &n_topics, NULL);
        bnt_mem_fail_after(UINT64_MAX);
        assert_true(!status || status == BANTAM_ERR_NOMEM);
        assert_int_equal(bnt_mem_live(), live);
    }
    assert_int_equal(status, 0);
}

/* ---- a model ----------------------------------------------------------------------------- */

typedef struct mean {
    double sums[4096];
    size_t n;
} mean;

static bool add_state(void *user, size_t index, const float *state, uint32_t n_embd)
{
    mean *const m = user;
    (void)index;
    for (uint32_t i = 0; i < n_embd; i++)
        m->sums[i] += (double)state[i];
    m->n++;
    return true;
}

static void a_text_s_vector_is_the_mean_of_its_states(void **state)
{
    (void)state;
    static const bantam_text text = TEXT("A comet was seen over the desert.");
    const bantam_session_options o = {.struct_size = sizeof o, .context_tokens = 64};
    bantam_model *model;
    bantam_session *session;
    bantam_model_info info;
    mean m = {.n = 0};
    uint32_t tokens[64];
    size_t n;
    float vector[4096];

    if (bantam_model_open(&model, NULL, NULL, NULL)) {
        print_message("skipped 1 case: no built-in model\n");
        skip();
    }
    assert_int_equal(bantam_session_open(&session, model, &o, NULL), 0);
    bantam_model_describe(model, &info);
    assert_int_equal(bantam_text_vector(session, text, vector, NULL), 0);
    assert_int_equal(bantam_session_position(session), 0);
    assert_int_equal(
        bantam_tokenize(bantam_model_tokenizer(model), text, 0, tokens, 64, &n, NULL), 0);
    assert_int_equal(bantam_session_states(session, tokens, n, add_state, &m, NULL), 0);
    for (uint32_t i = 0; i < info.n_embd; i++) {
        assert_true(fabs((double)vector[i] - m.sums[i] / (double)m.n) < 1e-5);
    }
    static const bantam_text before = TEXT("A comet was seen over the desert.\n");
    static const bantam_text others[] = {TEXT("A comet was seen over the desert."),
                                         TEXT("Tax law and parliament."), TEXT("")};
    double affinity[3];
    assert_int_equal(bantam_text_affinity(session, before, others, 3, affinity, NULL), 0);
    assert_true(affinity[0] > affinity[1]); /* what was just said is likelier again */
    assert_true(affinity[2] == 0.0);
    bantam_session_close(session);
    bantam_model_close(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_fade_with_time_and_with_those_after_them),
        cmocka_unit_test(after_an_absence_the_latest_event_counts_whole),
        cmocka_unit_test(one_like_moves_its_like_by_an_eighth),
        cmocka_unit_test(what_came_later_takes_weight_off_what_it_contradicts),
        cmocka_unit_test(what_vectors_have_in_common_says_nothing),
        cmocka_unit_test(a_vector_that_is_not_finite_is_none),
        cmocka_unit_test(without_a_history_the_newest_come_first),
        cmocka_unit_test(two_interests_stay_two),
        cmocka_unit_test(a_place_is_explained_by_the_event_and_the_words),
        cmocka_unit_test(an_interest_that_ended_is_outweighed),
        cmocka_unit_test(the_same_text_twice_is_lowered_once),
        cmocka_unit_test(a_share_of_the_places_goes_to_what_is_least_known),
        cmocka_unit_test(many_items_are_all_placed_in_order_of_their_score),
        cmocka_unit_test(likelihood_moves_by_how_far_it_is_from_the_others),
        cmocka_unit_test(likes_are_grouped_by_what_they_share),
        cmocka_unit_test(a_history_that_makes_no_sense_is_refused),
        cmocka_unit_test(no_memory_is_an_error_and_leaves_nothing),
        cmocka_unit_test(a_text_s_vector_is_the_mean_of_its_states),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
