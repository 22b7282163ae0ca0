/* test_batch_laws.c - what sessions answer together is what each answers alone.
 *
 * Over every architecture: sessions of other contexts, kinds of keys and values, samplings and
 * prompts join a batch and leave it in an order that chance decides. Every token, and at the
 * end every bit of the logits, is that of the same session with nobody beside it.
 */
#include "cpu_time.h"
#include "session_rig.h"

#include "session/lockstep.h"

enum { VOICES = 7, PLACES = 4, MAX_PAST = 60, MAX_PROMPT = 90, MAX_ANSWER = 24, ASTRAY = 50 };

static const struct {
    const char *model, *file;
    bantam_rope rope;
} families[] = {{"amd-a", "hf", BANTAM_ROPE_DEFAULT},
                {"bluelm-a", "hf", BANTAM_ROPE_DEFAULT},
                {"codellama-a", "hf", BANTAM_ROPE_DEFAULT},
                {"smollm2-a", "model-f32.gguf", BANTAM_ROPE_DEFAULT},
                {"llama32-a", "model-f16.gguf", BANTAM_ROPE_DEFAULT},
                {"phonelm-a", "hf", BANTAM_ROPE_CALL},
                {"phonelm-b", "hf", BANTAM_ROPE_TABLE},
                {"ministral8b-a", "hf", BANTAM_ROPE_DEFAULT},
                {"ministral3-a", "model-f32.gguf", BANTAM_ROPE_DEFAULT}};
enum { N_FAMILIES = sizeof families / sizeof families[0] };

/* One session: what it is asked, what it answers, and how far it has come. */
typedef struct voice {
    bantam_session_options options;
    bantam_sampling sampling;
    uint32_t past[MAX_PAST], n_past; /* held before it joins */
    uint32_t prompt[MAX_PROMPT], n_prompt;
    uint32_t max_tokens;
    uint32_t answer[MAX_ANSWER]; /* alone */
    uint32_t n_answer;
    float *logits; /* (n_vocab) alone, at its end */

    bnt_session *session;
    uint32_t n_heard;
    unsigned leaves_after; /* tokens; 0: never */
    bool done;
} voice;

static uint32_t chance(uint32_t *state, uint32_t n)
{
    *state = *state * 1664525u + 1013904223u;
    return (*state >> 8) % n;
}

static bnt_session *open_voice(const session_rig *r, const voice *v, uint32_t threads)
{
    bantam_session_options o = v->options;
    bantam_error err = {0};

    o.n_threads = threads;
    bnt_session *const s = rig_session(r, o);
    if (bnt_session_set_sampling(s, &v->sampling, &err)) fail_msg("%s", err.message);
    return s;
}

static bool note(void *user, const bantam_step *step)
{
    voice *const v = user;
    if (step->token == BANTAM_NO_TOKEN) return true;
    assert_true(v->n_answer < MAX_ANSWER);
    v->answer[v->n_answer++] = step->token;
    return true;
}

static bantam_generation generation_of(const voice *v)
{
    return (bantam_generation){.struct_size = sizeof(bantam_generation),
                               .max_tokens = v->max_tokens,
                               .ignore_stop_tokens = true};
}

/* Makes up a session and lets it answer alone. */
static void make_voice(voice *v, const session_rig *r, uint32_t *state)
{
    static const bantam_kv kvs[] = {BANTAM_KV_F32, BANTAM_KV_F16, BANTAM_KV_Q8, BANTAM_KV_Q4};
    const uint32_t n_vocab = r->model->config.n_vocab;
    bantam_error err = {0};

    memset(v, 0, sizeof *v);
    v->n_prompt = 1 + chance(state, MAX_PROMPT);
    v->max_tokens = 1 + chance(state, MAX_ANSWER);
    rig_tokens(v->prompt, v->n_prompt, n_vocab, chance(state, 1000));
    if (chance(state, 2)) v->n_past = chance(state, MAX_PAST);
    rig_tokens(v->past, v->n_past, n_vocab, chance(state, 1000));
    v->options.context_tokens = v->n_past + v->n_prompt + v->max_tokens + ASTRAY;
    v->options.batch_tokens = 1 + chance(state, 40);
    v->options.kv = kvs[chance(state, 4)];
    bnt_sampling_init(&v->sampling);
    v->sampling.seed = chance(state, 1000);
    v->sampling.temperature = chance(state, 2) ? 0.9f : 0.0f;
    v->logits = calloc(n_vocab, sizeof *v->logits);
    assert_non_null(v->logits);

    bnt_session *const s = open_voice(r, v, 1);
    bantam_generation how = generation_of(v);
    bantam_answer answer;
    rig_feed_all(s, v->past, v->n_past);
    rig_feed_all(s, v->prompt, v->n_prompt);
    if (bnt_session_generate(s, &how, note, v, &answer, &err)) fail_msg("%s", err.message);
    memcpy(v->logits, bnt_session_logits(s), n_vocab * sizeof *v->logits);
    bnt_session_close(s);
}

static bool hear(void *user, const bantam_step *step)
{
    voice *const v = user;
    if (step->token == BANTAM_NO_TOKEN) return true;
    assert_true(v->n_heard < v->n_answer);
    assert_int_equal(step->token, v->answer[v->n_heard]);
    v->n_heard++;
    return true;
}

static void end(void *user, bantam_status status, const bantam_error *err,
                const bantam_answer *answer)
{
    voice *const v = user;
    if (status) fail_msg("%s", err->message);
    assert_false(v->done);
    assert_int_equal(answer->n_tokens, v->n_answer);
    assert_int_equal(v->n_heard, v->n_answer);
    v->done = true;
}

static void join(bnt_lockstep *b, const session_rig *r, voice *v, uint32_t threads)
{
    const bantam_generation how = generation_of(v);
    const bantam_request request = {.struct_size = sizeof request,
                                    .tokens = v->prompt,
                                    .n_tokens = v->n_prompt,
                                    .generation = &how,
                                    .step = hear,
                                    .done = end,
                                    .user = v};
    bantam_error err = {0};

    v->session = open_voice(r, v, threads);
    rig_feed_all(v->session, v->past, v->n_past);
    if (v->n_past) { /* rows of windowed layers are gone afterwards */
        uint32_t astray[ASTRAY];
        rig_tokens(astray, ASTRAY, r->model->config.n_vocab, 3);
        rig_feed_all(v->session, astray, ASTRAY);
        assert_int_equal(bnt_session_rewind(v->session, v->n_past, &err), BANTAM_OK);
    }
    v->n_heard = 0;
    v->done = false;
    if (bnt_lockstep_join(b, v->session, &request, &err)) fail_msg("%s", err.message);
}

/* The rest of an answer that left the batch, alone. */
static void go_on_alone(voice *v)
{
    const bantam_generation how = {.struct_size = sizeof how,
                                   .max_tokens = v->n_answer - v->n_heard,
                                   .ignore_stop_tokens = true};
    const uint32_t left = v->n_heard;
    bantam_answer answer;
    bantam_error err = {0};
    voice rest = *v;

    rest.n_answer = 0;
    if (bnt_session_generate(v->session, &how, note, &rest, &answer, &err)) {
        fail_msg("%s", err.message);
    }
    assert_int_equal(rest.n_answer, v->n_answer - left);
    assert_memory_equal(rest.answer, v->answer + left, rest.n_answer * sizeof *rest.answer);
}

static void assert_same(const session_rig *r, const voice *v)
{
    assert_int_equal(bnt_session_position(v->session), v->n_past + v->n_prompt + v->n_answer);
    assert_memory_equal(bnt_session_logits(v->session), v->logits,
                        r->model->config.n_vocab * sizeof *v->logits);
}

/* All voices through one batch, in the order that chance decides. */
static void run(const session_rig *r, voice *voices, uint32_t threads, uint32_t pass_tokens,
                uint32_t *state)
{
    const bantam_batch_options o = {.struct_size = sizeof o,
                                    .n_sessions = PLACES,
                                    .pass_tokens = pass_tokens,
                                    .n_threads = threads};
    uint32_t next = 0, n_left = 0;
    bnt_lockstep *b = NULL;
    bantam_error err = {0};

    if (bnt_lockstep_open(&b, r->model, &o, &err)) fail_msg("%s", err.message);
    do {
        while (next < VOICES && n_left < PLACES && chance(state, 3)) {
            voices[next].leaves_after = chance(state, 4) ? 0 : 1 + chance(state, MAX_ANSWER);
            join(b, r, &voices[next++], 1 + chance(state, 2));
            n_left++;
        }
        if (bnt_lockstep_step(b, &n_left, &err)) fail_msg("%s", err.message);
        for (uint32_t i = 0; i < VOICES; i++) {
            voice *const v = &voices[i];
            if (!v->session) continue;
            if (!v->done && v->leaves_after && v->n_heard >= v->leaves_after) {
                assert_int_equal(bnt_lockstep_leave(b, v->session, &err), BANTAM_OK);
                if (v->n_heard < v->n_answer) go_on_alone(v);
                v->done = true;
                n_left--;
            }
            if (!v->done) continue;
            assert_same(r, v);
            bnt_session_close(v->session);
            v->session = NULL;
        }
    } while (n_left || next < VOICES);
    bnt_lockstep_close(b);
}

static void an_answer_is_the_same_beside_others_as_alone(void **state)
{
    static const struct {
        uint32_t threads, pass_tokens;
    } all[] = {{1, PLACES}, {2, 11}, {3, 64}, {5, 128}};
    uint32_t dice = 7;
    (void)state;
    if (!shared_found(N_FAMILIES)) skip();
    const size_t n_runs = cpu_time_factor() > 1.0 ? 1 : sizeof all / sizeof all[0];
    for (size_t i = 0; i < N_FAMILIES; i++) {
        char name[256];
        session_rig r;
        voice voices[VOICES];
        snprintf(name, sizeof name, "goldens/lm/%s/%s", families[i].model, families[i].file);
        session_rig_open(&r, shared_path(name), families[i].rope);
        for (size_t k = 0; k < VOICES; k++) {
            make_voice(&voices[k], &r, &dice);
        }
        for (size_t k = 0; k < n_runs; k++) {
            const size_t at = n_runs == 1 ? i % 4 : k;
            run(&r, voices, all[at].threads, all[at].pass_tokens, &dice);
        }
        for (size_t k = 0; k < VOICES; k++) {
            free(voices[k].logits);
        }
        session_rig_close(&r);
    }
    if (n_runs == 1) print_message("skipped %d cases: too slow here\n", 3 * N_FAMILIES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_is_the_same_beside_others_as_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
