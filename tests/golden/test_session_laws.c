/* test_session_laws.c - laws that sessions keep over real architectures.
 *
 * The same tokens give the same bits whatever the number of threads, the batch, the pieces of a
 * prompt, a save and a load in between, a rewind and a replay; an answer is what next() gives
 * one by one; and greedy answers are those of an independent program.
 */
#include "cpu_time.h"
#include "session_rig.h"

#include "token/load.h"

#include <jansson.h>

enum { CONTEXT = 256, STEPS = 8, MAX_PROMPT = 160, LONG = 90 };

/* What the laws are tried on: full layers, windows, YaRN, int8 rope by the call. */
static const struct {
    const char *model, *file;
    bantam_rope rope;
} laws[] = {{"smollm2-a", "model-f32.gguf", BANTAM_ROPE_DEFAULT},
            {"llama32-a", "model-f16.gguf", BANTAM_ROPE_DEFAULT},
            {"phonelm-a", "hf", BANTAM_ROPE_CALL},
            {"ministral8b-a", "hf", BANTAM_ROPE_DEFAULT},
            {"ministral3-a", "model-f32.gguf", BANTAM_ROPE_DEFAULT}};
enum { N_LAWS = sizeof laws / sizeof laws[0] };

static const bantam_kv kvs[] = {BANTAM_KV_F32, BANTAM_KV_F16, BANTAM_KV_Q8, BANTAM_KV_Q4};

static const char *model_path(const char *model, const char *file)
{
    char name[256];
    snprintf(name, sizeof name, "goldens/lm/%s/%s", model, file);
    return shared_path(name);
}

static json_t *golden_of(const char *model)
{
    size_t size = 0;
    char *const text = read_whole(model_path(model, "golden.json"), &size);
    json_t *const golden = json_loadb(text, size, 0, NULL);
    assert_non_null(golden);
    free(text);
    return golden;
}

static uint32_t ids_of(const json_t *array, uint32_t *out, uint32_t capacity)
{
    const uint32_t n = (uint32_t)json_array_size(array);
    assert_true(n <= capacity);
    for (uint32_t i = 0; i < n; i++) {
        out[i] = (uint32_t)json_integer_value(json_array_get(array, i));
    }
    return n;
}

/* The first ids of the longest prompt. */
static uint32_t long_prompt(const char *model, uint32_t *ids)
{
    json_t *const golden = golden_of(model);
    const json_t *const entry = json_array_get(json_object_get(golden, "entries"), 0);
    const json_t *const prompts = json_object_get(entry, "prompts");
    const json_t *const last = json_array_get(prompts, json_array_size(prompts) - 1);
    const uint32_t n = ids_of(json_object_get(last, "ids"), ids, MAX_PROMPT);
    json_decref(golden);
    assert_true(n >= LONG);
    return LONG;
}

/* One law's subject: what a session does after a prompt when nothing disturbs it. */
typedef struct course {
    session_rig rig;
    bantam_rope rope;
    bantam_kv kv;
    uint32_t n_vocab;
    uint32_t prompt[MAX_PROMPT], n_prompt;
    uint32_t drawn[STEPS];
    float *logits; /* (STEPS + 1, n_vocab): after the prompt and after each token drawn */
} course;

static bnt_session *begin(const course *c, uint32_t threads, uint32_t batch)
{
    return rig_session(&c->rig, (bantam_session_options){.context_tokens = CONTEXT,
                                                         .batch_tokens = batch,
                                                         .n_threads = threads,
                                                         .kv = c->kv});
}

static void assert_row(const course *c, const bnt_session *s, uint32_t row)
{
    assert_non_null(bnt_session_logits(s));
    assert_memory_equal(bnt_session_logits(s), c->logits + (size_t)row * c->n_vocab,
                        c->n_vocab * sizeof(float));
}

static uint32_t next(bnt_session *s)
{
    uint32_t token = 0;
    bantam_text text;
    bantam_error err = {0};
    if (bnt_session_next(s, &token, &text, &err)) fail_msg("%s", err.message);
    return token;
}

/* That the session, which holds the prompt, goes on as it should from step `from` on. */
static void assert_goes_on(const course *c, bnt_session *s, uint32_t from)
{
    assert_row(c, s, from);
    for (uint32_t i = from; i < STEPS; i++) {
        assert_int_equal(next(s), c->drawn[i]);
        assert_row(c, s, i + 1);
    }
}

static void course_open(course *c, size_t law, bantam_kv kv)
{
    memset(c, 0, sizeof *c);
    session_rig_open(&c->rig, model_path(laws[law].model, laws[law].file), laws[law].rope);
    c->rope = laws[law].rope;
    c->kv = kv;
    c->n_vocab = c->rig.model->config.n_vocab;
    c->n_prompt = long_prompt(laws[law].model, c->prompt);
    c->logits = calloc((size_t)(STEPS + 1) * c->n_vocab, sizeof *c->logits);
    assert_non_null(c->logits);

    bnt_session *const s = begin(c, 1, CONTEXT);
    rig_feed_all(s, c->prompt, c->n_prompt);
    for (uint32_t i = 0; i <= STEPS; i++) {
        memcpy(c->logits + (size_t)i * c->n_vocab, bnt_session_logits(s),
               c->n_vocab * sizeof(float));
        if (i < STEPS) c->drawn[i] = next(s);
    }
    bnt_session_close(s);
}

static void course_close(course *c)
{
    session_rig_close(&c->rig);
    free(c->logits);
}

/* Runs a law over every model, each with another KV type; turn moves the types on, so that the
 * laws together try all. */
static void for_all(void (*law)(const course *c), size_t turn)
{
    if (!shared_found(N_LAWS)) skip();
    for (size_t i = 0; i < N_LAWS; i++) {
        course c;
        course_open(&c, i, kvs[(i + turn) % 4]);
        law(&c);
        course_close(&c);
    }
}

/* ---- the laws ---- */

static void threads_and_batches(const course *c)
{
    static const struct {
        uint32_t threads, batch;
    } all[] = {{1, 1}, {2, 7}, {3, 32}, {5, 256}, {5, 1}};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        bnt_session *const s = begin(c, all[i].threads, all[i].batch);
        rig_feed_all(s, c->prompt, c->n_prompt);
        assert_goes_on(c, s, 0);
        bnt_session_close(s);
    }
}

static void threads_and_batches_change_no_bit(void **state)
{
    (void)state;
    const size_t turns = cpu_time_factor() > 1.0 ? 1 : 3;
    for (size_t turn = 0; turn < turns; turn++)
        for_all(threads_and_batches, turn);
    if (turns < 3) print_message("skipped %d cases: too slow here\n", 2 * N_LAWS);
}

static void pieces(const course *c)
{
    static const uint32_t sizes[] = {1, 13, 50};
    if (c->rope == BANTAM_ROPE_CALL) return; /* one feed is one call: pieces are other calls */
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        bnt_session *const s = begin(c, 2, 16);
        for (uint32_t at = 0; at < c->n_prompt; at += sizes[i]) {
            const uint32_t left = c->n_prompt - at;
            rig_feed_all(s, c->prompt + at, left < sizes[i] ? left : sizes[i]);
        }
        assert_goes_on(c, s, 0);
        bnt_session_close(s);
    }
}

static void pieces_of_a_prompt_change_no_bit(void **state)
{
    (void)state;
    for_all(pieces, 0);
}

static void save_and_load(const course *c)
{
    const char *const path = tiny_path("law-state");
    for (uint32_t step = 0; step <= STEPS; step += STEPS / 2) {
        bnt_session *const a = begin(c, 1, 32), *const b = begin(c, 2, 8);
        bantam_error err = {0};
        rig_feed_all(a, c->prompt, c->n_prompt);
        for (uint32_t i = 0; i < step; i++)
            next(a);
        if (bnt_session_save(a, path, &err)) fail_msg("%s", err.message);
        rig_feed_all(b, c->prompt + 5, 20);
        if (bnt_session_load(b, path, &err)) fail_msg("%s", err.message);
        assert_goes_on(c, b, step);
        assert_goes_on(c, a, step); /* saving has changed nothing */
        bnt_session_close(b);
        bnt_session_close(a);
    }
    unlink(path);
}

static void a_save_and_a_load_change_no_bit(void **state)
{
    (void)state;
    for_all(save_and_load, 1);
}

static void rewind_and_replay(const course *c)
{
    static const uint32_t backs[] = {1, STEPS, 40, 88};
    bantam_error err;
    for (size_t i = 0; i < sizeof backs / sizeof backs[0]; i++) {
        bnt_session *const s = begin(c, 2, 8);
        rig_feed_all(s, c->prompt, c->n_prompt);
        assert_goes_on(c, s, 0);
        const uint32_t held = c->n_prompt + STEPS;
        /* To PhoneLM's `call` rope the prompt is one call: it is replayed whole or not at all.
         */
        uint32_t to = held - backs[i];
        if (c->rope == BANTAM_ROPE_CALL && to < c->n_prompt) to = 0;
        assert_int_equal(bnt_session_rewind(s, to, &err), BANTAM_OK);
        assert_null(bnt_session_logits(s));
        if (to < c->n_prompt) rig_feed_all(s, c->prompt + to, c->n_prompt - to);
        for (uint32_t p = to < c->n_prompt ? c->n_prompt : to; p < held; p++) {
            rig_feed_all(s, c->drawn + (p - c->n_prompt), 1);
        }
        assert_row(c, s, STEPS);
        bnt_session_close(s);
    }
}

static void a_rewind_and_a_replay_change_no_bit(void **state)
{
    (void)state;
    for_all(rewind_and_replay, 2);
}

typedef struct taken {
    const course *course;
    uint32_t n;
} taken;

static bool take(void *user, const bantam_step *step)
{
    taken *const t = user;
    assert_int_equal(step->index, t->n);
    assert_int_equal(step->token, t->course->drawn[t->n]);
    t->n++;
    return true;
}

static void generate(const course *c)
{
    bnt_session *const s = begin(c, 3, 32);
    const bantam_generation o = {.struct_size = sizeof o, .max_tokens = STEPS};
    bantam_answer answer;
    bantam_error err = {0};
    taken t = {.course = c};
    rig_feed_all(s, c->prompt, c->n_prompt);
    if (bnt_session_generate(s, &o, take, &t, &answer, &err)) fail_msg("%s", err.message);
    assert_int_equal(answer.n_tokens, STEPS);
    assert_int_equal(t.n, STEPS);
    assert_row(c, s, STEPS);
    bnt_session_close(s);
}

static void an_answer_is_what_next_gives(void **state)
{
    (void)state;
    for_all(generate, 0);
}

typedef struct rows {
    const course *course;
    bnt_session *one; /* is fed one by one beside the score */
} rows;

static bool compare_row(void *user, size_t index, const float *logits, uint32_t n_vocab)
{
    rows *const r = user;
    rig_feed_all(r->one, r->course->prompt + index, 1);
    assert_memory_equal(logits, bnt_session_logits(r->one), n_vocab * sizeof *logits);
    return true;
}

static void score(const course *c)
{
    bnt_session *const s = begin(c, 2, 256);
    bantam_error err = {0};
    if (c->rope != BANTAM_ROPE_CALL) {
        bnt_session *const one = begin(c, 1, 1);
        rows r = {c, one};
        if (bnt_session_score(s, c->prompt, c->n_prompt, compare_row, &r, &err)) {
            fail_msg("%s", err.message);
        }
        assert_goes_on(c, s, 0);
        bnt_session_close(one);
    }
    bnt_session_close(s);
}

static void scores_are_the_logits_of_feeding_one_by_one(void **state)
{
    (void)state;
    for_all(score, 1);
}

/* The tokenizer that lies in a model's folder. */
static void open_tokenizer(course *c, const char *model)
{
    bantam_error err = {0};
    bnt_spec spec;
    bnt_spec_init(&spec);
    if (bnt_spec_load(&spec, model_path(model, "hf"), &err)) fail_msg("%s", err.message);
    if (bnt_tokenizer_open(&c->rig.letters, &spec, &err)) fail_msg("%s", err.message);
    bnt_spec_deinit(&spec);
}

/* Bans what the answer would begin with, so that the session goes back to the end of the
 * prompt, which to PhoneLM's `call` rope is a part of the prompt's call. */
static void an_answer_drawn_back_to_its_start_changes_no_bit(void **state)
{
    (void)state;
    if (!shared_found(N_LAWS)) skip();
    for (size_t i = 0; i < N_LAWS; i++) {
        course c;
        course_open(&c, i, kvs[i % 4]);
        open_tokenizer(&c, laws[i].model);
        const bantam_text banned = bnt_tokenizer_text(c.rig.letters, c.drawn[0]);
        const bantam_generation o = {
            .struct_size = sizeof o, .max_tokens = 3, .banned = &banned, .n_banned = 1};
        bnt_session *const s = begin(&c, 2, 8), *const fresh = begin(&c, 1, 64);
        bantam_answer answer;
        bantam_error err = {0};
        rig_feed_all(s, c.prompt, c.n_prompt);
        rig_feed_all(fresh, c.prompt, c.n_prompt);
        if (bnt_session_generate(s, &o, NULL, NULL, &answer, &err)) fail_msg("%s", err.message);
        assert_int_equal(answer.n_tokens, 3);
        assert_int_not_equal(bnt_session_token(s, c.n_prompt), c.drawn[0]);
        for (uint32_t k = 0; k < 3; k++) {
            const uint32_t token = bnt_session_token(s, c.n_prompt + k);
            rig_feed_all(fresh, &token, 1);
        }
        assert_memory_equal(bnt_session_logits(s), bnt_session_logits(fresh),
                            c.n_vocab * sizeof(float));
        bnt_session_close(fresh);
        bnt_session_close(s);
        course_close(&c);
    }
}

/* ---- against the independent program ---- */

static bantam_rope rope_of(const json_t *entry)
{
    const char *const mode = json_string_value(json_object_get(entry, "rope_mode"));
    if (!mode) return BANTAM_ROPE_DEFAULT;
    return strcmp(mode, "call") == 0    ? BANTAM_ROPE_CALL
           : strcmp(mode, "table") == 0 ? BANTAM_ROPE_TABLE
                                        : BANTAM_ROPE_FLOAT;
}

static void check_greedy(const session_rig *r, const json_t *prompt, const char *what)
{
    uint32_t ids[MAX_PROMPT], expected[64];
    const uint32_t n = ids_of(json_object_get(prompt, "ids"), ids, MAX_PROMPT);
    const uint32_t n_greedy = ids_of(json_object_get(prompt, "greedy_ids"), expected, 64);
    bnt_session *const s =
        rig_session(r, (bantam_session_options){
                           .context_tokens = CONTEXT, .batch_tokens = 64, .n_threads = 2});
    rig_feed_all(s, ids, n);
    for (uint32_t i = 0; i < n_greedy; i++) {
        const uint32_t token = next(s);
        if (token != expected[i]) {
            fail_msg("%s, prompt of %u: token %u is %u, expected %u", what, (unsigned)n,
                     (unsigned)i, (unsigned)token, (unsigned)expected[i]);
        }
    }
    bnt_session_close(s);
}

static void greedy_answers_are_those_of_the_float64_program(void **state)
{
    static const char *const models[] = {"smollm2-a",     "llama32-a",    "amd-a",
                                         "codellama-a",   "phonelm-a",    "phonelm-b",
                                         "ministral8b-a", "ministral3-a", "bluelm-a"};
    (void)state;
    if (!shared_found(sizeof models / sizeof models[0])) skip();
    for (size_t m = 0; m < sizeof models / sizeof models[0]; m++) {
        json_t *const golden = golden_of(models[m]);
        const json_t *const entries = json_object_get(golden, "entries");
        for (size_t e = 0; e < json_array_size(entries); e++) {
            const json_t *const entry = json_array_get(entries, e);
            const json_t *const prompts = json_object_get(entry, "prompts");
            const char *const file =
                json_string_value(json_array_get(json_object_get(entry, "files"), 0));
            session_rig r;
            session_rig_open(&r, model_path(models[m], file), rope_of(entry));
            for (size_t p = 0; p < json_array_size(prompts); p++) {
                check_greedy(&r, json_array_get(prompts, p), models[m]);
            }
            session_rig_close(&r);
        }
        json_decref(golden);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_and_batches_change_no_bit),
        cmocka_unit_test(pieces_of_a_prompt_change_no_bit),
        cmocka_unit_test(a_save_and_a_load_change_no_bit),
        cmocka_unit_test(a_rewind_and_a_replay_change_no_bit),
        cmocka_unit_test(an_answer_is_what_next_gives),
        cmocka_unit_test(scores_are_the_logits_of_feeding_one_by_one),
        cmocka_unit_test(an_answer_drawn_back_to_its_start_changes_no_bit),
        cmocka_unit_test(greedy_answers_are_those_of_the_float64_program),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
