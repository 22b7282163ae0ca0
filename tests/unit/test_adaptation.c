/* Tests of train/adaptation.c, adapt_*.c, mix.c and rehearsal.c: what is learned, what is kept,
 * what it takes, and what a stop leaves, on a random model of three layers. */
#include "session_rig.h"
#include "temp_folder.h"

#include "base/mem.h"
#include "model/adapter.h"
#include "train/adaptation.h"
#include "train/mix.h"

#include <math.h>

static temp_folder folder;
static session_rig RIG;

static const char *in(const char *name)
{
    return temp_path(&folder, name);
}

static bool is_there(const char *name)
{
    return access(in(name), F_OK) == 0;
}

/* Forty documents of few words in a fixed order, which a random model does not expect. */
static void write_texts(const char *name, const char *words)
{
    char text[40 * 80] = "";
    size_t n = 0;
    for (int i = 0; i < 40; i++) {
        n += (size_t)snprintf(text + n, sizeof text - n, "%.*s\n<|endoftext|>\n", 24 + i % 8,
                              words);
    }
    temp_write(&folder, name, text, n);
}

static int set_up(void **state)
{
    (void)state;
    temp_make(&folder);
    session_rig_tiny(&RIG, 11, 0);
    write_texts("data.txt", "abc de the cab abc de the cab abc de");
    write_texts("keep.txt", "hi gh fg hi gh fg hi gh fg hi gh fg");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    session_rig_close(&RIG);
    temp_remove(&folder);
    return 0;
}

/* ---- watching ---------------------------------------------------------------------------- */

typedef struct telling {
    bantam_adapt_plan plan;
    unsigned n_plans, n_steps;
    double losses;       /* sum of those told */
    int64_t live_bytes;  /* the most at any step */
    uint64_t stop_after; /* step; 0: never */
    bool refuse_plan;
} telling;

static bool on_plan(void *user, const bantam_adapt_plan *plan)
{
    telling *const t = user;
    t->plan = *plan;
    t->n_plans++;
    return !t->refuse_plan;
}

static bool on_progress(void *user, const bantam_adapt_progress *p)
{
    telling *const t = user;
    if (p->stage != BANTAM_ADAPT_LEARNING) return true;
    t->n_steps++;
    t->losses += p->loss;
    if (bnt_mem_live_bytes() > t->live_bytes) t->live_bytes = bnt_mem_live_bytes();
    return !t->stop_after || p->done < t->stop_after;
}

/* ---- an adaptation ----------------------------------------------------------------------- */

typedef struct wish {
    bantam_adapt_options o;
    const char *data[1], *keep[1];
    char data_path[300], keep_path[300], checkpoint_path[300];
} wish;

static void copy_path(char path[300], const char *name)
{
    snprintf(path, 300, "%s", in(name));
}

static void learn_from(wish *w, const char *name)
{
    copy_path(w->data_path, name);
    w->data[0] = w->data_path;
    w->o.data = w->data;
    w->o.n_data = 1;
}

static void keep(wish *w, const char *name, double share)
{
    copy_path(w->keep_path, name);
    w->keep[0] = w->keep_path;
    w->o.keep = w->keep;
    w->o.n_keep = 1;
    w->o.keep_share = share;
}

static void checkpoint(wish *w, const char *name)
{
    copy_path(w->checkpoint_path, name);
    w->o.checkpoint = w->checkpoint_path;
}

static void wish_init(wish *w)
{
    memset(w, 0, sizeof *w);
    w->o = (bantam_adapt_options){.struct_size = sizeof w->o,
                                  .steps = 24,
                                  .rate = 0.01,
                                  .batch_tokens = 64,
                                  .sequence_tokens = 16,
                                  .keep_share = -1.0,
                                  .n_threads = 1,
                                  .rank = 4};
    learn_from(w, "data.txt");
}

static bantam_status adapt(const wish *w, const char *out, bantam_adapt_result *result,
                           bantam_error *err)
{
    bantam_adapt_result own;
    const bnt_adapt_job job = {.model = RIG.model, .tokenizer = RIG.letters, .out = in(out)};
    return bnt_adapt(&job, &w->o, result ? result : &own, err);
}

static bantam_adapt_result adapted(const wish *w, const char *out)
{
    bantam_adapt_result result;
    bantam_error err = {0};
    if (adapt(w, out, &result, &err)) fail_msg("%s", err.message);
    return result;
}

static void assert_same_files(const char *a, const char *b)
{
    size_t n_a, n_b;
    char *const bytes_a = read_whole(in(a), &n_a), *const bytes_b = read_whole(in(b), &n_b);
    assert_int_equal(n_a, n_b);
    assert_memory_equal(bytes_a, bytes_b, n_a);
    free(bytes_a);
    free(bytes_b);
}

static void texts_held_out_become_easier(void **state)
{
    wish w;
    (void)state;
    wish_init(&w);
    const bantam_adapt_result r = adapted(&w, "a.gguf");
    assert_true(r.written);
    assert_int_equal(r.n_steps, 24);
    assert_true(r.n_documents + 2 <= 40 && r.n_documents >= 30);
    assert_true(r.n_held_out_tokens > 0);
    assert_true(r.loss_before > 2.0);
    assert_true(r.loss_after < r.loss_before - 0.7);
    assert_true(isnan(r.keep_before));
}

/* The loss of a session's logits over a text, in nats per token. */
static double session_loss(bnt_session *s, const uint32_t *tokens, size_t n)
{
    double sum = 0.0;
    for (size_t i = 0; i + 1 < n; i++) {
        rig_feed_all(s, &tokens[i], 1);
        sum -= bnt_session_logprob(s, bnt_session_logits(s), tokens[i + 1]);
    }
    return sum / (double)(n - 1);
}

static void a_session_with_the_file_does_better(void **state)
{
    static const char text[] = "abc de the cab abc de the cab";
    uint32_t tokens[40];
    bantam_error err = {0};
    bnt_adapter *adapter = NULL;
    size_t n;
    wish w;
    (void)state;

    temp_write_text(&folder, "one.txt", text);
    wish_init(&w);
    learn_from(&w, "one.txt");
    w.o.sequence_tokens = 40;
    w.o.steps = 30;
    w.o.held_out = -1.0;
    const bantam_adapt_result r = adapted(&w, "s.gguf");
    assert_true(isnan(r.loss_before) && r.best_step == 30); /* nothing to measure with */
    if (bnt_adapter_open(&adapter, RIG.model, in("s.gguf"), &err)) fail_msg("%s", err.message);

    tokens[0] = LETTERS_BOS;
    assert_int_equal(bnt_tokenizer_encode(RIG.letters, (bantam_text){text, sizeof text - 1}, 0,
                                          tokens + 1, 38, &n, &err),
                     BANTAM_OK);
    tokens[n + 1] = LETTERS_STOP;
    bnt_session *const s = rig_session(&RIG, (bantam_session_options){.context_tokens = 64});
    const double before = session_loss(s, tokens, n + 2);
    const bantam_adapter *const all[] = {adapter};
    assert_int_equal(bnt_session_set_adapters(s, all, NULL, 1, &err), BANTAM_OK);
    const double after = session_loss(s, tokens, n + 2);
    assert_true(after < 0.6 * before);
    bnt_session_close(s);
    bnt_adapter_close(adapter);
}

static void any_number_of_threads_gives_the_same_bytes(void **state)
{
    wish w;
    (void)state;
    wish_init(&w);
    w.o.keep_share = 0.3;
    w.o.steps = 8;
    adapted(&w, "t1.gguf");
    for (uint32_t n = 2; n <= 3; n++) {
        w.o.n_threads = n;
        adapted(&w, "tn.gguf");
        assert_same_files("t1.gguf", "tn.gguf");
    }
    w.o.seed = 5;
    adapted(&w, "seed.gguf");
    size_t size;
    char *const one = read_whole(in("t1.gguf"), &size), *const other =
                                                            read_whole(in("seed.gguf"), &size);
    assert_memory_not_equal(one, other, size);
    free(one);
    free(other);
}

static void no_steps_change_nothing(void **state)
{
    bantam_error err = {0};
    bnt_adapter *adapter = NULL;
    wish w;
    (void)state;
    wish_init(&w);
    w.o.no_steps = true;
    const bantam_adapt_result r = adapted(&w, "none.gguf");
    assert_int_equal(r.n_steps, 0);
    assert_true(r.loss_after == r.loss_before);
    if (bnt_adapter_open(&adapter, RIG.model, in("none.gguf"), &err)) {
        fail_msg("%s", err.message);
    }
    assert_int_equal(bnt_adapter_n_matrices(adapter), 3 * BNT_PLACES);
    for (uint32_t l = 0; l < 3; l++) {
        for (int p = 0; p < BNT_PLACES; p++) {
            const bnt_matrix *const m = bnt_layer_matrix(&RIG.model->layers[l], (bnt_place)p);
            const bnt_lora *const lora = &adapter->layers[l][p];
            assert_int_equal(lora->rank, 4);
            assert_true(lora->a[0] != 0.0f);
            for (size_t i = 0; i < (size_t)m->rows * 4; i++) {
                assert_true(lora->b[i] == 0.0f);
            }
        }
    }
    bnt_adapter_close(adapter);
}

static void only_the_targets_get_an_adapter(void **state)
{
    bantam_error err = {0};
    bnt_adapter *adapter = NULL;
    wish w;
    (void)state;
    wish_init(&w);
    w.o.steps = 1;
    w.o.targets = "v,down";
    const bantam_adapt_result r = adapted(&w, "vd.gguf");
    if (bnt_adapter_open(&adapter, RIG.model, in("vd.gguf"), &err)) fail_msg("%s", err.message);
    assert_int_equal(bnt_adapter_n_matrices(adapter), 6);
    assert_int_equal(adapter->layers[1][BNT_PLACE_V].rank, 4);
    assert_int_equal(adapter->layers[1][BNT_PLACE_DOWN].rank, 4);
    assert_int_equal(adapter->layers[1][BNT_PLACE_UP].rank, 0);
    assert_int_equal(r.plan.n_params, adapter->n_params);
    bnt_adapter_close(adapter);
}

/* ---- keeping ----------------------------------------------------------------------------- */

static double weight_of_rows(const bnt_batch *b, uint32_t first, uint32_t end)
{
    double sum = 0.0;
    for (uint32_t i = first; i < end; i++) {
        sum += (double)b->weights[i];
    }
    return sum;
}

static void texts_to_keep_have_their_share_of_every_step(void **state)
{
    const char *const names[2] = {"data.txt", "keep.txt"};
    bnt_dataset *sets[2];
    bantam_error err = {0};
    (void)state;
    for (int i = 0; i < 2; i++) {
        const bnt_data_file file = {.path = in(names[i])};
        const bnt_dataset_options o = {.tokenizer = RIG.letters,
                                       .files = &file,
                                       .n_files = 1,
                                       .sequence_tokens = 16,
                                       .batch_tokens = i ? 32 : 64};
        if (bnt_dataset_open(&sets[i], &o, &err)) fail_msg("%s", err.message);
    }
    bnt_mix mix = {.data = sets[0], .keep = sets[1], .keep_share = 0.3, .max_rows = 96};
    assert_int_equal(bnt_mix_init(&mix, &err), BANTAM_OK);
    for (uint64_t step = 0; step < 9; step++) {
        bnt_batch all, data;
        assert_int_equal(bnt_mix_batch(&mix, step, &all, &err), BANTAM_OK);
        assert_int_equal(bnt_dataset_batch(sets[0], step, &data, &err), BANTAM_OK);
        assert_memory_equal(all.tokens, data.tokens, data.n_rows * sizeof *data.tokens);
        assert_memory_equal(all.weights, data.weights, data.n_rows * sizeof *data.weights);
        const double kept = weight_of_rows(&all, data.n_rows, all.n_rows);
        const double whole = weight_of_rows(&all, 0, all.n_rows);
        assert_true(fabs(kept / whole - 0.3) < 1e-6);
        uint32_t row = 0;
        for (uint32_t i = 0; i < all.n_sequences; i++) {
            assert_int_equal(all.sequences[i].first, row);
            row += all.sequences[i].n;
        }
        assert_int_equal(row, all.n_rows);
    }
    mix.max_rows = 65;
    bnt_batch all;
    assert_int_equal(bnt_mix_batch(&mix, 0, &all, &err), BANTAM_ERR_INVALID);
    bnt_mix_deinit(&mix);
}

static void what_the_model_writes_is_its_own(void **state)
{
    bnt_rehearsal *r = NULL;
    bantam_error err = {0};
    size_t n_held_out;
    uint64_t first = 0;
    (void)state;
    for (uint32_t threads = 1; threads <= 2; threads++) {
        const bnt_rehearsal_options o = {.model = RIG.model,
                                         .tokenizer = RIG.letters,
                                         .n_threads = threads,
                                         .sequence_tokens = 12,
                                         .batch_tokens = 24,
                                         .n_rows = 100,
                                         .held_out = 0.2,
                                         .seed = 3};
        if (bnt_rehearsal_open(&r, &o, &err)) fail_msg("%s", err.message);
        const bnt_batch *const held_out = bnt_rehearsal_held_out(r, &n_held_out);
        assert_true(n_held_out > 0 && held_out->n_rows > 0);
        if (threads == 1) first = bnt_rehearsal_digest(r);
        assert_true(bnt_rehearsal_digest(r) == first);
        for (uint64_t step = 0; step < 20; step++) {
            const bnt_batch *const b = bnt_rehearsal_batch(r, step);
            assert_true(b != held_out && b->n_rows > 0 && b->n_rows <= 24);
            for (uint32_t i = 0; i < b->n_sequences; i++) {
                const bnt_sequence s = b->sequences[i];
                assert_int_equal(b->tokens[s.first], LETTERS_BOS);
                for (uint32_t k = 1; k < s.n; k++) { /* each follows from the one before it */
                    assert_int_equal(b->tokens[s.first + k], b->targets[s.first + k - 1]);
                    assert_int_not_equal(b->tokens[s.first + k], LETTERS_STOP);
                }
            }
        }
        bnt_rehearsal_close(r);
    }
}

static void an_adapter_is_weakened_until_it_keeps(void **state)
{
    static const double limits[] = {0.2, 0.01};
    double gained[2];
    wish w;
    (void)state;
    wish_init(&w);
    w.o.keep_share = 1e-3; /* of what the model writes: too little to hold anything */
    w.o.keep_limit = -1.0;
    w.o.rate = 0.02;
    w.o.patience = 100;
    w.o.progress = on_progress;
    telling t = {0};
    w.o.user = &t;
    const bantam_adapt_result free_of_it = adapted(&w, "k.gguf");
    const double losses = t.losses;
    assert_true(free_of_it.keep_after > free_of_it.keep_before + log(1.2));
    for (int i = 0; i < 2; i++) {
        t = (telling){0};
        w.o.keep_limit = limits[i];
        const bantam_adapt_result r = adapted(&w, "k.gguf");
        assert_true(t.losses == losses); /* it is learned from the same */
        assert_true(r.keep_before == free_of_it.keep_before);
        assert_true(r.keep_after <= r.keep_before + log1p(limits[i]));
        gained[i] = r.loss_before - r.loss_after;
        assert_true(gained[i] > 0.0 && r.best_step > 0);
    }
    assert_true(gained[0] > gained[1]);
    assert_true(gained[0] < free_of_it.loss_before - free_of_it.loss_after);
}

static void rehearsal_keeps_what_was_forgotten_without_it(void **state)
{
    double rise[2];
    wish w;
    (void)state;
    wish_init(&w);
    w.o.keep_limit = -1.0;
    for (int i = 0; i < 2; i++) {
        w.o.keep_share = i ? 0.5 : 1e-3;
        const bantam_adapt_result r = adapted(&w, "r.gguf");
        rise[i] = r.keep_after - r.keep_before;
        assert_true(r.loss_after < r.loss_before);
    }
    assert_true(rise[0] > 0.0);
    assert_true(rise[1] < 0.5 * rise[0]);
}

static void it_ends_early_when_nothing_is_gained(void **state)
{
    wish w;
    (void)state;
    wish_init(&w);
    w.o.steps = 200;
    w.o.rate = 0.5; /* destroys the model */
    w.o.patience = 2;
    const bantam_adapt_result r = adapted(&w, "early.gguf");
    assert_true(r.early);
    assert_true(r.n_steps < 200);
    assert_true(r.loss_after <= r.loss_before);
    assert_int_equal(r.n_steps, r.best_step + 2 * 10);
}

/* ---- memory ------------------------------------------------------------------------------ */

static void short_memory_means_recomputing_then_parts_then_no(void **state)
{
    bantam_error err = {0};
    bantam_adapt_result r;
    telling t = {0};
    wish w;
    (void)state;
    wish_init(&w);
    w.o.steps = 4;
    w.o.planned = on_plan;
    w.o.user = &t;
    const bantam_adapt_result plenty = adapted(&w, "m0.gguf");
    assert_int_equal(t.n_plans, 1);
    assert_false(t.plan.recompute);
    assert_int_equal(t.plan.part_tokens, 64);
    assert_true(t.plan.total_bytes == t.plan.weight_bytes + t.plan.learn_bytes +
                                          t.plan.work_bytes + t.plan.data_bytes +
                                          t.plan.other_bytes);

    w.o.memory_bytes = t.plan.total_bytes - 1;
    const bantam_adapt_result again = adapted(&w, "m1.gguf");
    assert_true(t.plan.recompute);
    assert_int_equal(t.plan.part_tokens, 64);
    assert_true(t.plan.total_bytes <= w.o.memory_bytes);
    assert_same_files("m0.gguf", "m1.gguf");
    assert_true(again.loss_after == plenty.loss_after);

    uint32_t parts = 64;
    while (parts > 16) { /* fewer at each turn; the losses differ by rounding alone */
        w.o.memory_bytes = t.plan.total_bytes - 1;
        const bantam_adapt_result less = adapted(&w, "m2.gguf");
        assert_true(t.plan.part_tokens < parts);
        assert_true(t.plan.total_bytes <= w.o.memory_bytes);
        assert_true(fabs(less.loss_after - plenty.loss_after) < 1e-3);
        parts = t.plan.part_tokens;
    }
    w.o.memory_bytes = t.plan.total_bytes - 1;
    assert_int_equal(adapt(&w, "m3.gguf", &r, &err), BANTAM_ERR_NOMEM);
    assert_false(r.written || is_there("m3.gguf"));
    assert_non_null(strstr(err.message, "bytes are needed at least"));
}

static void what_is_planned_is_what_is_taken(void **state)
{
    (void)state;
    for (int recompute = 0; recompute < 2; recompute++) {
        telling t = {0};
        wish w;
        wish_init(&w);
        keep(&w, "keep.txt", 0.3);
        w.o.steps = 2;
        w.o.planned = on_plan;
        w.o.progress = on_progress;
        w.o.user = &t;
        const uint64_t plenty = adapted(&w, "p.gguf").plan.total_bytes;
        if (recompute) w.o.memory_bytes = plenty - 1;
        t = (telling){0};
        const int64_t before = bnt_mem_live_bytes();
        adapted(&w, "p.gguf");
        const double taken = (double)(t.live_bytes - before);
        const double planned =
            (double)(t.plan.learn_bytes + t.plan.work_bytes + t.plan.data_bytes);
        assert_true(t.plan.recompute == (recompute != 0));
        assert_true(taken < 1.02 * planned + 4096.0);
        assert_true(taken > 0.95 * planned - 4096.0);
    }
}

static void a_plan_can_be_refused(void **state)
{
    telling t = {.refuse_plan = true};
    bantam_adapt_result r;
    wish w;
    (void)state;
    wish_init(&w);
    w.o.planned = on_plan;
    w.o.user = &t;
    assert_int_equal(adapt(&w, "p2.gguf", &r, NULL), BANTAM_ERR_CANCELLED);
    assert_false(r.written || is_there("p2.gguf"));
}

static void every_failed_allocation_is_an_error(void **state)
{
    bantam_error err = {0};
    bantam_adapt_result r;
    bantam_status status;
    uint64_t n = 0;
    wish w;
    (void)state;
    wish_init(&w);
    temp_write_text(&folder, "few.txt", "abc de\n<|endoftext|>\nthe cab");
    learn_from(&w, "few.txt");
    keep(&w, "few.txt", 0.3);
    w.o.steps = 1;
    w.o.sequence_tokens = 8;
    w.o.batch_tokens = 8;
    w.o.targets = "q";
    const int64_t live = bnt_mem_live();
    do {
        bnt_mem_fail_after(n++);
        status = adapt(&w, "f.gguf", &r, &err);
        bnt_mem_fail_after(UINT64_MAX);
        assert_true(status == BANTAM_OK || status == BANTAM_ERR_NOMEM);
        assert_true(r.written == (status == BANTAM_OK));
        assert_int_equal(bnt_mem_live(), live);
    } while (status && n < 2000);
    assert_int_equal(status, BANTAM_OK);
}

static void every_failed_allocation_of_a_rehearsal_is_an_error(void **state)
{
    const bnt_rehearsal_options o = {.model = RIG.model,
                                     .tokenizer = RIG.letters,
                                     .n_threads = 1,
                                     .sequence_tokens = 8,
                                     .batch_tokens = 8,
                                     .n_rows = 16,
                                     .held_out = 0.2};
    const int64_t live = bnt_mem_live();
    bantam_error err = {0};
    bnt_rehearsal *r = NULL;
    uint64_t n = 0;
    (void)state;
    do {
        bnt_mem_fail_after(n++);
        const bantam_status status = bnt_rehearsal_open(&r, &o, &err);
        bnt_mem_fail_after(UINT64_MAX);
        assert_int_equal(status, r ? BANTAM_OK : BANTAM_ERR_NOMEM);
        if (!r) assert_int_equal(bnt_mem_live(), live);
    } while (!r && n < 200);
    assert_non_null(r);
    bnt_rehearsal_close(r);
    assert_int_equal(bnt_mem_live(), live);
}

/* ---- stopping ---------------------------------------------------------------------------- */

static void a_stop_keeps_what_was_learned_and_can_be_continued(void **state)
{
    bantam_error err = {0};
    bantam_adapt_result r;
    telling t = {.stop_after = 9};
    wish w;
    (void)state;
    wish_init(&w);
    keep(&w, "keep.txt", 0.3);
    w.o.patience = 100;
    const bantam_adapt_result whole = adapted(&w, "whole.gguf");

    checkpoint(&w, "stop.checkpoint");
    w.o.progress = on_progress;
    w.o.user = &t;
    assert_int_equal(adapt(&w, "stop.gguf", &r, &err), BANTAM_ERR_CANCELLED);
    assert_true(r.written && is_there("stop.gguf") && is_there("stop.checkpoint"));
    assert_int_equal(r.n_steps, 9);
    assert_true(r.loss_after < r.loss_before);
    bnt_adapter *adapter = NULL;
    if (bnt_adapter_open(&adapter, RIG.model, in("stop.gguf"), &err)) {
        fail_msg("%s", err.message);
    }
    bnt_adapter_close(adapter);

    t = (telling){.stop_after = 17};
    w.o.resume = true;
    assert_int_equal(adapt(&w, "stop.gguf", &r, &err), BANTAM_ERR_CANCELLED);
    assert_int_equal(t.n_steps, 8);
    t = (telling){0};
    const bantam_adapt_result end = adapted(&w, "stop.gguf");
    assert_int_equal(t.n_steps, 7);
    assert_same_files("whole.gguf", "stop.gguf");
    assert_true(end.loss_after == whole.loss_after && end.best_step == whole.best_step);
    assert_false(is_there("stop.checkpoint"));
}

static void a_checkpoint_of_other_texts_is_refused(void **state)
{
    bantam_error err = {0};
    telling t = {.stop_after = 3};
    wish w;
    (void)state;
    wish_init(&w);
    checkpoint(&w, "other.checkpoint");
    w.o.progress = on_progress;
    w.o.user = &t;
    assert_int_equal(adapt(&w, "o.gguf", NULL, NULL), BANTAM_ERR_CANCELLED);
    w.o.resume = true;
    learn_from(&w, "keep.txt");
    assert_int_equal(adapt(&w, "o.gguf", NULL, &err), BANTAM_ERR_INVALID);
    assert_non_null(strstr(err.message, "another run"));
    learn_from(&w, "data.txt");
    w.o.alpha = 3.0;
    assert_int_equal(adapt(&w, "o.gguf", NULL, &err), BANTAM_ERR_INVALID);
    w.o.alpha = 0.0;
    t.stop_after = 0;
    adapted(&w, "o.gguf");
}

/* ---- what makes no sense ----------------------------------------------------------------- */

static void options_that_make_no_sense_are_named(void **state)
{
    static const struct {
        const char *what;
        bantam_adapt_options o;
    } cases[] = {
        {"rank", {.rank = BNT_MAX_RANK + 1}},
        {"alpha", {.alpha = -1.0}},
        {"alpha", {.alpha = (double)NAN}},
        {"epochs", {.epochs = -2.0}},
        {"rate", {.rate = 2.0}},
        {"held_out", {.held_out = 0.75}},
        {"keep_share", {.keep_share = 0.95}},
        {"batch_tokens", {.batch_tokens = 8, .sequence_tokens = 16}},
        {"sequence_tokens", {.sequence_tokens = 1}},
        {"n_threads", {.n_threads = 5000}},
        {"'x'", {.targets = "q,x"}},
        {"''", {.targets = "q,"}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bantam_error err = {0};
        wish w;
        wish_init(&w);
        w.o = cases[i].o;
        w.o.struct_size = sizeof w.o;
        learn_from(&w, "data.txt");
        assert_int_equal(adapt(&w, "bad.gguf", NULL, &err), BANTAM_ERR_INVALID);
        if (!strstr(err.message, cases[i].what)) fail_msg("%s: %s", cases[i].what, err.message);
        assert_false(is_there("bad.gguf"));
    }
}

static void places_that_cannot_be_written_are_known_before_the_work(void **state)
{
    bantam_error err = {0};
    telling t = {0};
    wish w;
    (void)state;
    wish_init(&w);
    w.o.planned = on_plan;
    w.o.user = &t;
    assert_int_equal(adapt(&w, "no/a.gguf", NULL, &err), BANTAM_ERR_IO);
    checkpoint(&w, "no/a.checkpoint");
    assert_int_equal(adapt(&w, "a.gguf", NULL, &err), BANTAM_ERR_IO);
    w.o.checkpoint = NULL;
    learn_from(&w, "nothing.txt");
    assert_int_equal(adapt(&w, "a.gguf", NULL, &err), BANTAM_ERR_IO);
    assert_int_equal(t.n_plans, 0);
    const bnt_adapt_job job = {.model = RIG.model, .tokenizer = RIG.letters, .out = RIG.made};
    bantam_adapt_result r;
    learn_from(&w, "data.txt");
    assert_int_equal(bnt_adapt(&job, &w.o, &r, &err), BANTAM_ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_held_out_become_easier),
        cmocka_unit_test(a_session_with_the_file_does_better),
        cmocka_unit_test(any_number_of_threads_gives_the_same_bytes),
        cmocka_unit_test(no_steps_change_nothing),
        cmocka_unit_test(only_the_targets_get_an_adapter),
        cmocka_unit_test(texts_to_keep_have_their_share_of_every_step),
        cmocka_unit_test(what_the_model_writes_is_its_own),
        cmocka_unit_test(an_adapter_is_weakened_until_it_keeps),
        cmocka_unit_test(rehearsal_keeps_what_was_forgotten_without_it),
        cmocka_unit_test(it_ends_early_when_nothing_is_gained),
        cmocka_unit_test(short_memory_means_recomputing_then_parts_then_no),
        cmocka_unit_test(what_is_planned_is_what_is_taken),
        cmocka_unit_test(a_plan_can_be_refused),
        cmocka_unit_test(every_failed_allocation_is_an_error),
        cmocka_unit_test(every_failed_allocation_of_a_rehearsal_is_an_error),
        cmocka_unit_test(a_stop_keeps_what_was_learned_and_can_be_continued),
        cmocka_unit_test(a_checkpoint_of_other_texts_is_refused),
        cmocka_unit_test(options_that_make_no_sense_are_named),
        cmocka_unit_test(places_that_cannot_be_written_are_known_before_the_work),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
