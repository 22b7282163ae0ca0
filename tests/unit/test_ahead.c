/* Tokens computed ahead: whatever is guessed, by whom and how far, an answer is the same to the
 * last bit, and nothing is left of guesses that did not come true. */
#include "session/ahead.h"

#include "base/mem.h"
#include "session_rig.h"

#include <math.h>
#include <unistd.h>

enum { CONTEXT = 320, PROMPT = 40, ANSWER = 150, WINDOW = 24, VOCAB_MOST = LETTERS_N + 8 };

static session_rig PLAIN, WINDOWED, OTHER;

static int open_rigs(void **state)
{
    (void)state;
    session_rig_heads(&PLAIN, 11, 0, 16);
    session_rig_heads(&WINDOWED, 12, WINDOW, 16);
    session_rig_heads(&OTHER, 13, 0, 16);
    return 0;
}

static int close_rigs(void **state)
{
    (void)state;
    session_rig_close(&PLAIN);
    session_rig_close(&WINDOWED);
    session_rig_close(&OTHER);
    return 0;
}

static bnt_session *open(const session_rig *r, bantam_kv kv)
{
    return rig_session(
        r, (bantam_session_options){.context_tokens = CONTEXT, .n_threads = 1, .kv = kv});
}

/* What an answer was. */
typedef struct answer {
    uint32_t tokens[ANSWER];
    float logprobs[ANSWER];
    uint32_t n;
} answer;

static bool note(void *user, const bantam_step *step)
{
    answer *const a = user;
    a->tokens[a->n] = step->token;
    a->logprobs[a->n++] = step->logprob;
    return true;
}

/* Feeds a prompt that repeats itself a little, and lets the session answer. */
static void run(bnt_session *s, float temperature, const bantam_generation *how, answer *out)
{
    uint32_t prompt[PROMPT];
    bantam_sampling sampling;
    bantam_error err = {0};

    bnt_sampling_init(&sampling);
    sampling.temperature = temperature;
    sampling.seed = 5;
    sampling.repeat_penalty = temperature > 0 ? 1.05f : 1.0f;
    if (bnt_session_set_sampling(s, &sampling, &err)) fail_msg("%s", err.message);
    rig_tokens(prompt, PROMPT, LETTERS_N - 5, 77);
    memcpy(prompt + PROMPT / 2, prompt, PROMPT / 2 * sizeof *prompt);
    rig_feed_all(s, prompt, PROMPT);
    *out = (answer){.n = 0};
    if (bnt_session_generate(s, how, note, out, NULL, &err)) fail_msg("%s", err.message);
}

static const bantam_generation ALL = {
    .struct_size = sizeof ALL, .max_tokens = ANSWER, .ignore_stop_tokens = true};

static void speculate(bnt_session *s, bantam_speculation o, bnt_session *draft)
{
    bantam_error err = {0};
    o.struct_size = sizeof o;
    if (bnt_session_speculate(s, &o, draft, &err)) fail_msg("%s", err.message);
}

static void *saved(const bnt_session *s, size_t *size)
{
    const char *const path = tiny_path("ahead-state");
    bantam_error err = {0};
    if (bnt_session_save(s, path, &err)) fail_msg("%s", err.message);
    void *const bytes = read_whole(path, size);
    unlink(path);
    return bytes;
}

/* Answers and saved states, byte by byte: keys, values, logits and the generator's state. */
static void assert_same(const bnt_session *s, const answer *a, const bnt_session *plain,
                        const answer *b)
{
    size_t n_s, n_p;
    void *const left = saved(s, &n_s), *const right = saved(plain, &n_p);
    assert_int_equal(a->n, b->n);
    assert_memory_equal(a->tokens, b->tokens, sizeof a->tokens);
    assert_memory_equal(a->logprobs, b->logprobs, sizeof a->logprobs);
    assert_int_equal(n_s, n_p);
    assert_memory_equal(left, right, n_s);
    free(left);
    free(right);
}

static void guesses_change_no_bit_and_leave_no_trace(void **state)
{
    static const bantam_speculation hows[] = {{.lookup = true},
                                              {.lookup = true, .max_tokens = 1, .fixed = true},
                                              {.lookup = true, .max_tokens = 7, .fixed = true},
                                              {.max_tokens = 3, .fixed = true},
                                              {.lookup = true, .max_tokens = 5}};
    const session_rig *const rigs[] = {&PLAIN, &WINDOWED};
    static const bantam_kv kvs[] = {BANTAM_KV_F16, BANTAM_KV_Q8};
    uint64_t n_accepted = 0, n_refused = 0;
    (void)state;

    for (size_t i = 0; i < 2 * 2 * 5; i++) {
        const session_rig *const r = rigs[i % 2];
        const float temperature = i / 2 % 2 ? 0.4f : 0.0f;
        const size_t how = i / 4;
        const bantam_kv kv = kvs[how % 2];
        bnt_session *const s = open(r, kv), *const plain = open(r, kv);
        bnt_session *const draft = how < 3 ? NULL : open(how == 3 ? r : &OTHER, BANTAM_KV_F16);
        answer a, b;

        speculate(s, hows[how], draft);
        run(s, temperature, &ALL, &a);
        run(plain, temperature, &ALL, &b);
        assert_int_equal(a.n, ANSWER);
        assert_same(s, &a, plain, &b);
        const bantam_speculated *const counts = bnt_session_speculated(s);
        assert_int_equal(counts->n_passes + counts->n_accepted, ANSWER);
        assert_true(counts->n_accepted <= counts->n_drafted);
        n_accepted += counts->n_accepted;
        n_refused += counts->n_drafted - counts->n_accepted;
        bnt_session_close(s);
        bnt_session_close(plain);
        bnt_session_close(draft);
    }
    assert_true(n_accepted > 100 && n_refused > 100);
}

static void phonelms_calls_of_one_token_stay_so(void **state)
{
    const char *const path = tiny_path("ahead-phonelm.gguf");
    const tiny_spec spec = {.arch = "phonelm", .n_vocab = LETTERS_N, .seed = 4};
    session_rig r;
    answer a, b;
    (void)state;

    tiny_write(path, &spec);
    session_rig_open(&r, path, BANTAM_ROPE_CALL);
    bnt_session *const s = open(&r, BANTAM_KV_F32), *const plain = open(&r, BANTAM_KV_F32);
    speculate(s, (bantam_speculation){.lookup = true, .fixed = true}, NULL);
    run(s, 0.3f, &ALL, &a);
    run(plain, 0.3f, &ALL, &b);
    assert_same(s, &a, plain, &b);
    assert_true(bnt_session_speculated(s)->n_drafted > 0);
    bnt_session_close(s);
    bnt_session_close(plain);
    session_rig_close(&r);
    unlink(path);
}

static void a_model_that_guesses_for_itself_is_always_right(void **state)
{
    bnt_session *const s = open(&PLAIN, BANTAM_KV_F16), *const d = open(&PLAIN, BANTAM_KV_F16);
    answer a;
    (void)state;

    speculate(s, (bantam_speculation){.fixed = true, .max_tokens = 4}, d);
    run(s, 0.0f, &ALL, &a);
    const bantam_speculated *const counts = bnt_session_speculated(s);
    assert_int_equal(counts->n_passes, ANSWER / 5);
    assert_int_equal(counts->n_accepted, counts->n_drafted);
    bnt_session_close(s);
    bnt_session_close(d);
}

/* How often two drawn tokens are (a, b), of n pairs that each follow the prompt,
 * which ends with `last`. */
static void count_pairs(bnt_session *s, uint32_t last, uint32_t n, uint32_t n_vocab,
                        uint32_t *counts)
{
    bantam_error err = {0};
    for (uint32_t i = 0; i < n; i++) {
        uint32_t pair[2] = {0};
        bantam_text text;
        if (bnt_session_rewind(s, PROMPT - 1, &err)) fail_msg("%s", err.message);
        rig_feed_all(s, &last, 1);
        for (int t = 0; t < 2; t++) {
            if (bnt_session_next(s, &pair[t], &text, &err)) fail_msg("%s", err.message);
        }
        counts[pair[0] * n_vocab + pair[1]]++;
    }
}

static void softmax(double *p, const float *logits, uint32_t n)
{
    double sum = 0.0;
    for (uint32_t i = 0; i < n; i++) {
        sum += p[i] = exp((double)logits[i]);
    }
    for (uint32_t i = 0; i < n; i++) {
        p[i] /= sum;
    }
}

/* Pearson's statistic of the counts against what the logits say, and the cells it is over. */
static double chi_squared(bnt_session *plain, uint32_t n, uint32_t n_vocab,
                          const uint32_t *counts, uint32_t *n_cells)
{
    double first[VOCAB_MOST], second[VOCAB_MOST], chi = 0.0, rare = 0.0, rare_seen = 0.0;

    *n_cells = 0;
    softmax(first, bnt_session_logits(plain), n_vocab);
    for (uint32_t a = 0; a < n_vocab; a++) {
        rig_feed_all(plain, &a, 1);
        softmax(second, bnt_session_logits(plain), n_vocab);
        for (uint32_t b = 0; b < n_vocab; b++) {
            const double expected = n * first[a] * second[b];
            const double seen = (double)counts[a * n_vocab + b];
            if (expected < 10.0) {
                rare += expected;
                rare_seen += seen;
                continue;
            }
            chi += (seen - expected) * (seen - expected) / expected;
            ++*n_cells;
        }
        assert_int_equal(bnt_session_rewind(plain, PROMPT, NULL), BANTAM_OK);
    }
    if (rare < 10.0) return chi;
    ++*n_cells;
    return chi + (rare_seen - rare) * (rare_seen - rare) / rare;
}

/* What is drawn follows the target's distribution, whatever another model guesses, one of more
 * words or of fewer: 50,000 pairs of tokens each. */
static void a_hundred_thousand_draws_are_distributed_as_the_logits_say(void **state)
{
    const uint32_t n = getenv("BANTAM_EMULATOR") ? 5000 : 50000;
    const tiny_spec larger = {.n_vocab = VOCAB_MOST, .head_dim = 16, .untied = true, .seed = 3};
    session_rig rigs[2];
    (void)state;

    session_rig_heads(&rigs[0], 11, 0, 16);
    session_rig_made(&rigs[1], &larger);
    for (int i = 0; i < 2; i++) { /* tokens without texts: the letters are too few */
        bnt_tokenizer_close(rigs[i].letters);
        rigs[i].letters = NULL;
    }
    for (int way = 0; way < 2; way++) {
        const uint32_t n_vocab = rigs[way].model->config.n_vocab;
        uint32_t *const counts = calloc((size_t)n_vocab * n_vocab, sizeof *counts);
        uint32_t prompt[PROMPT], n_cells;
        bantam_sampling sampling;
        bantam_error err = {0};
        bnt_session *s[3];
        assert_non_null(counts);
        rig_tokens(prompt, PROMPT, LETTERS_N, 7);
        for (int i = 0; i < 3; i++) { /* with guesses, without, and the one that guesses */
            s[i] = open(&rigs[i == 2 ? !way : way], BANTAM_KV_F16);
        }
        bnt_sampling_init(&sampling);
        sampling.temperature = 1.0f;
        sampling.top_k = 0;
        sampling.top_p = 1.0f;
        sampling.min_p = 0.0f;
        sampling.seed = 9;
        assert_int_equal(bnt_session_set_sampling(s[0], &sampling, &err), BANTAM_OK);
        speculate(s[0], (bantam_speculation){.fixed = true, .max_tokens = 2}, s[2]);
        rig_feed_all(s[0], prompt, PROMPT);
        rig_feed_all(s[1], prompt, PROMPT);
        count_pairs(s[0], prompt[PROMPT - 1], n, n_vocab, counts);

        const bantam_speculated *const guessed = bnt_session_speculated(s[0]);
        assert_true(guessed->n_accepted > n / 1000 && guessed->n_accepted < guessed->n_drafted);
        const double chi = chi_squared(s[1], n, n_vocab, counts, &n_cells);
        const double free_cells = (double)n_cells - 1.0;
        assert_true(n_cells > n / 1000);
        assert_true(fabs(chi - free_cells) < 4.0 * sqrt(2.0 * free_cells));
        for (int i = 0; i < 3; i++) {
            bnt_session_close(s[i]);
        }
        free(counts);
    }
    session_rig_close(&rigs[0]);
    session_rig_close(&rigs[1]);
}

static void stops_banned_strings_and_rewinds_are_as_without(void **state)
{
    const bantam_text banned[] = {{"ab", 2}, {"the", 3}, {"c", 1}};
    const bantam_generation how = {
        .struct_size = sizeof how, .max_tokens = 60, .banned = banned, .n_banned = 3};
    bnt_session *const s = open(&WINDOWED, BANTAM_KV_F16);
    bnt_session *const plain = open(&WINDOWED, BANTAM_KV_F16);
    bantam_error err = {0};
    answer a, b;
    (void)state;

    speculate(s, (bantam_speculation){.lookup = true, .fixed = true}, NULL);
    for (int turn = 0; turn < 3; turn++) {
        run(s, 0.9f, &how, &a);
        run(plain, 0.9f, &how, &b);
        assert_same(s, &a, plain, &b);
        const uint32_t back = bnt_session_position(s) - 20;
        assert_int_equal(bnt_session_rewind(s, back, &err), BANTAM_OK);
        assert_int_equal(bnt_session_rewind(plain, back, &err), BANTAM_OK);
    }
    bnt_session_close(s);
    bnt_session_close(plain);
}

static void a_full_context_and_a_draft_that_is_full_are_no_errors(void **state)
{
    bnt_session *const s = rig_session(
        &PLAIN, (bantam_session_options){.context_tokens = PROMPT + 50, .n_threads = 1});
    bnt_session *const d = rig_session(
        &OTHER, (bantam_session_options){.context_tokens = PROMPT + 20, .n_threads = 1});
    answer a;
    (void)state;

    speculate(s, (bantam_speculation){.fixed = true}, d);
    run(s, 0.0f, &ALL, &a);
    assert_int_equal(a.n, 50);
    bnt_session_close(s);
    bnt_session_close(d);
}

/* ---- the index --------------------------------------------------------------------------- */

static void the_longest_match_is_found_the_latest_of_equals(void **state)
{
    /*                          1  2  3  4           1  2  3  5           2  3 */
    const uint32_t tokens[] = {1, 2, 3, 4, 9, 8, 1, 2, 3, 5, 7, 7, 7, 2, 3, 6, 9, 1, 2, 3};
    const uint32_t n = sizeof tokens / sizeof *tokens;
    uint32_t out[4], length;
    bnt_lookup *l;
    bantam_error err = {0};
    (void)state;

    assert_int_equal(bnt_lookup_open(&l, 64, &err), BANTAM_OK);
    /* 1 2 3 stood there twice, behind 9 neither time: the later place wins. */
    assert_int_equal(bnt_lookup_guess(l, tokens, n, out, 4, &length), 4);
    assert_int_equal(length, 3);
    const uint32_t want[] = {5, 7, 7, 7};
    assert_memory_equal(out, want, sizeof want);

    /* 7 7 goes on with 7, and what follows is the guess itself. */
    const uint32_t sevens[] = {7, 7, 7, 7};
    bnt_lookup_forget(l, tokens, 13);
    assert_int_equal(bnt_lookup_guess(l, tokens, 13, out, 4, &length), 4);
    assert_memory_equal(out, sevens, sizeof sevens);

    /* Nothing stood there twice in the first nine but 1 2 3, which 1 2 continued so. */
    bnt_lookup_forget(l, tokens, 8);
    assert_int_equal(bnt_lookup_guess(l, tokens, 8, out, 1, &length), 1);
    assert_int_equal(length, 2);
    assert_int_equal(out[0], 3);
    assert_int_equal(bnt_lookup_guess(l, tokens, 5, out, 1, &length), 0);
    assert_int_equal(bnt_lookup_guess(l, tokens, 2, out, 1, &length), 0);
    bnt_lookup_close(l);
}

/* Against a search through the whole text, while it grows and is taken back. */
static void the_index_knows_what_a_search_finds(void **state)
{
    uint32_t tokens[400], out[1], length;
    bnt_lookup *l;
    bantam_error err = {0};
    bnt_rng rng;
    (void)state;

    bnt_rng_seed(&rng, 3);
    assert_int_equal(bnt_lookup_open(&l, 400, &err), BANTAM_OK);
    uint32_t n = 0;
    for (int turn = 0; turn < 3000; turn++) {
        if (n > 100 && bnt_rng_below(&rng, 30) == 0) {
            n -= (uint32_t)bnt_rng_below(&rng, 90);
            bnt_lookup_forget(l, tokens, n);
        }
        if (n == 400) continue;
        tokens[n++] = (uint32_t)bnt_rng_below(&rng, 14);
        uint32_t best = 0, most = 1;
        for (uint32_t place = 2; place < n; place++) {
            uint32_t same = 0;
            while (same < 32 && same < place &&
                   tokens[place - 1 - same] == tokens[n - 1 - same])
                same++;
            if (same >= most && same > 1) {
                best = place;
                most = same;
            }
        }
        const uint32_t found = bnt_lookup_guess(l, tokens, n, out, 1, &length);
        assert_int_equal(found, best ? 1 : 0);
        if (!best) continue;
        assert_int_equal(length, most);
        assert_int_equal(out[0], tokens[best]);
    }
    bnt_lookup_close(l);
}

/* ---- how far ----------------------------------------------------------------------------- */

static void as_many_are_guessed_as_pay(void **state)
{
    bnt_ahead_pace p = {.accepted = {0.5, 0.0, 1.0, 0.9}};
    (void)state;

    for (uint32_t m = 1; m <= BNT_AHEAD_ROWS; m++) {
        p.pass_s[m] = 1.0 + 0.1 * (m - 1);
    }
    /* Nothing comes true: none. All comes true: all. */
    assert_int_equal(bnt_ahead_length(&p, 1, 7), 0);
    assert_int_equal(bnt_ahead_length(&p, 2, 7), 7);
    assert_int_equal(bnt_ahead_length(&p, 2, 3), 3);
    /* Half: 1, 1.5, 1.75, 1.875 tokens of passes of 1, 1.1, 1.2, 1.3: 1.36, 1.458, 1.442. */
    assert_int_equal(bnt_ahead_length(&p, 0, 7), 2);
    /* A guess that costs half a pass: 1.5 / 1.6 is less than 1. */
    p.guess_s = 0.5;
    assert_int_equal(bnt_ahead_length(&p, 0, 7), 0);
    /* Where a second token costs another pass nothing pays. */
    p.guess_s = 0;
    for (uint32_t m = 1; m <= BNT_AHEAD_ROWS; m++) {
        p.pass_s[m] = m;
    }
    assert_int_equal(bnt_ahead_length(&p, 3, 7), 0);
}

static void a_replay_accepts_as_often_as_it_is_told(void **state)
{
    bnt_session *const s = open(&PLAIN, BANTAM_KV_F16), *const d = open(&OTHER, BANTAM_KV_F16);
    uint64_t passes = 0, accepted = 0;
    answer a;
    (void)state;

    for (int turn = 0; turn < 20; turn++) {
        bantam_error err = {0};
        if (!turn) speculate(s, (bantam_speculation){.replay = 0.8, .fixed = true}, d);
        assert_int_equal(bnt_session_rewind(s, 0, &err), BANTAM_OK);
        run(s, 0.0f, &ALL, &a);
    }
    passes = bnt_session_speculated(s)->n_passes;
    accepted = bnt_session_speculated(s)->n_accepted;
    /* Of seven guesses 0.8 + 0.8^2 + ... + 0.8^7 come true: 3.161 a pass. */
    assert_true(fabs((double)accepted / (double)passes - 3.161) < 0.25);
    bnt_session_close(s);
    bnt_session_close(d);
}

/* ---- what is refused --------------------------------------------------------------------- */

static void options_that_make_no_sense_are_refused(void **state)
{
    const struct {
        bantam_speculation o;
        const char *named;
    } cases[] = {{{.struct_size = sizeof cases[0].o, .max_tokens = 8}, "max_tokens"},
                 {{.struct_size = sizeof cases[0].o, .replay = 1.5}, "replay"},
                 {{.struct_size = sizeof cases[0].o, .replay = (double)NAN}, "replay"}};
    bnt_session *const s = open(&PLAIN, BANTAM_KV_F16);
    bantam_error err = {0};
    (void)state;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(bnt_session_speculate(s, &cases[i].o, NULL, &err), BANTAM_ERR_INVALID);
        assert_non_null(strstr(err.message, cases[i].named));
    }
    const bantam_speculation o = {.struct_size = sizeof o};
    assert_int_equal(bnt_session_speculate(s, &o, s, &err), BANTAM_ERR_INVALID);
    assert_non_null(strstr(err.message, "itself"));
    assert_int_equal(bnt_session_speculate(s, NULL, NULL, &err), BANTAM_OK);
    bnt_session_close(s);
}

static void an_index_that_finds_no_memory_changes_nothing(void **state)
{
    const bantam_speculation o = {.struct_size = sizeof o, .lookup = true};
    bnt_session *const s = open(&PLAIN, BANTAM_KV_F16);
    const int64_t before = bnt_mem_live();
    bantam_error err = {0};
    (void)state;

    for (uint64_t n = 0; n < 3; n++) {
        bnt_mem_fail_after(n);
        assert_int_equal(bnt_session_speculate(s, &o, NULL, &err), BANTAM_ERR_NOMEM);
        bnt_mem_fail_after(UINT64_MAX);
        assert_int_equal(bnt_mem_live(), before);
    }
    bnt_session_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(guesses_change_no_bit_and_leave_no_trace),
        cmocka_unit_test(phonelms_calls_of_one_token_stay_so),
        cmocka_unit_test(a_model_that_guesses_for_itself_is_always_right),
        cmocka_unit_test(a_hundred_thousand_draws_are_distributed_as_the_logits_say),
        cmocka_unit_test(stops_banned_strings_and_rewinds_are_as_without),
        cmocka_unit_test(a_full_context_and_a_draft_that_is_full_are_no_errors),
        cmocka_unit_test(the_longest_match_is_found_the_latest_of_equals),
        cmocka_unit_test(the_index_knows_what_a_search_finds),
        cmocka_unit_test(as_many_are_guessed_as_pay),
        cmocka_unit_test(a_replay_accepts_as_often_as_it_is_told),
        cmocka_unit_test(options_that_make_no_sense_are_refused),
        cmocka_unit_test(an_index_that_finds_no_memory_changes_nothing),
    };
    return cmocka_run_group_tests(tests, open_rigs, close_rigs);
}
