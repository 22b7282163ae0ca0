/* Texts walked through a model layer by layer: the same states as a pass over the whole model
 * makes, and inputs of matrices that lead to what the layer makes of them. */
#include "session/walk.h"

#include "forward_rig.h"
#include "temp_folder.h"
#include "tiny_model.h"

#include <math.h>

enum { SEQUENCE = 24, TEXTS = 3, TOKENS = SEQUENCE * TEXTS, LAYERS = 3, WIDTH = 64, FFN = 96 };

static const tiny_spec spec = {.n_layers = LAYERS,
                               .n_embd = WIDTH,
                               .n_heads = 4,
                               .n_kv_heads = 2,
                               .head_dim = 16,
                               .n_ffn = FFN,
                               .seed = 5};

typedef struct setup {
    temp_folder folder;
    rig r;
    uint32_t tokens[TOKENS + 5];
    float want[TOKENS * WIDTH]; /* after all layers and the last norm */
    float *at;
} setup;

static bool take_states(void *user, uint32_t first, uint32_t n, const float *rows)
{
    setup *const s = user;
    memcpy(s->at + (size_t)first * WIDTH, rows, n * WIDTH * sizeof *rows);
    return true;
}

static void open_setup(setup *s)
{
    bantam_error err = {0};

    *s = (setup){0};
    temp_make(&s->folder);
    tiny_write(temp_path(&s->folder, "model.gguf"), &spec);
    rig_open(&s->r, temp_path(&s->folder, "model.gguf"), (rig_options){.threads = 2});
    for (uint32_t i = 0; i < TOKENS + 5; i++) {
        s->tokens[i] = (i * 7 + i / 5) % s->r.model->config.n_vocab;
    }
    s->r.forward.states = take_states;
    s->r.forward.user = s;
    for (uint32_t t = 0; t < TEXTS; t++) {
        s->at = s->want + (size_t)t * SEQUENCE * WIDTH;
        assert_int_equal(bnt_forward_run(&s->r.forward, s->tokens + t * SEQUENCE, SEQUENCE, 0,
                                         (bnt_span){0, SEQUENCE}, NULL, 0, &err),
                         BANTAM_OK);
    }
}

static void close_setup(setup *s)
{
    rig_close(&s->r);
    temp_remove(&s->folder);
}

static void all_layers_make_the_states_of_a_pass(void **state)
{
    setup s;
    bnt_walk w;
    bantam_error err = {0};
    float row[WIDTH];
    (void)state;

    open_setup(&s);
    const bnt_model *const m = s.r.model;
    assert_int_equal(
        bnt_walk_begin(&w, s.r.model, s.r.pool, s.tokens, TOKENS + 5, SEQUENCE, &err),
        BANTAM_OK);
    assert_int_equal(w.n_tokens, TOKENS);
    for (uint32_t l = 0; l < LAYERS; l++) {
        assert_int_equal(bnt_walk_look(&w, l, NULL, NULL, &err), BANTAM_OK);
        assert_int_equal(bnt_walk_step(&w, l, NULL, NULL, &err), BANTAM_OK);
    }
    for (uint32_t t = 0; t < TOKENS; t++) {
        m->kernels.rms_norm_f32(row, w.states + t * WIDTH, m->output_norm, WIDTH,
                                m->config.norm_eps);
        assert_memory_equal(row, s.want + t * WIDTH, sizeof row);
    }
    bnt_walk_end(&w);
    close_setup(&s);
}

typedef struct seen {
    uint32_t rows[BNT_PLACES]; /* so far */
    float norm_in[TOKENS * WIDTH], down_in[TOKENS * FFN];
} seen;

static void note(void *user, uint32_t layer, bnt_place place, uint32_t n, const float *rows)
{
    seen *const s = user;
    assert_int_equal(layer, 0);
    if (place == BNT_PLACE_Q) {
        memcpy(s->norm_in + (size_t)s->rows[place] * WIDTH, rows, n * WIDTH * sizeof *rows);
    } else if (place == BNT_PLACE_DOWN) {
        memcpy(s->down_in + (size_t)s->rows[place] * FFN, rows, n * FFN * sizeof *rows);
    }
    s->rows[place] += n;
}

/* The input of q is the norm of the embedding, and down turns its input into what the layer
 * adds last: with down made zero the states differ by just that. */
static void what_is_shown_is_what_matrices_are_multiplied_with(void **state)
{
    setup s;
    bnt_walk w;
    bantam_error err = {0};
    static seen shown;
    static float with[TOKENS * WIDTH];
    float row[WIDTH];
    (void)state;

    open_setup(&s);
    const bnt_model *const m = s.r.model;
    const bnt_matrix down = m->layers[0].down;
    assert_int_equal(bnt_walk_begin(&w, s.r.model, s.r.pool, s.tokens, TOKENS, SEQUENCE, &err),
                     BANTAM_OK);
    for (uint32_t t = 0; t < TOKENS; t++) {
        m->kernels.rms_norm_f32(row, w.states + t * WIDTH, m->layers[0].attn_norm, WIDTH,
                                m->config.norm_eps);
        memcpy(with + t * WIDTH, row, sizeof row);
    }
    assert_int_equal(bnt_walk_look(&w, 0, note, &shown, &err), BANTAM_OK);
    assert_memory_equal(shown.norm_in, with, sizeof with);
    const uint32_t all[] = {BNT_PLACE_Q, BNT_PLACE_O, BNT_PLACE_GATE, BNT_PLACE_DOWN};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(shown.rows[all[i]], TOKENS);
    }

    float *const start = malloc(sizeof with);
    assert_non_null(start);
    memcpy(start, w.states, sizeof with);
    assert_int_equal(bnt_walk_step(&w, 0, NULL, NULL, &err), BANTAM_OK);
    memcpy(with, w.states, sizeof with);
    memcpy(w.states, start, sizeof with);
    uint8_t *const zeros = calloc(down.rows, down.row_bytes);
    assert_non_null(zeros);
    s.r.model->layers[0].down.data = zeros;
    assert_int_equal(bnt_walk_step(&w, 0, NULL, NULL, &err), BANTAM_OK);
    for (uint32_t t = 0; t < TOKENS; t++) {
        for (uint32_t i = 0; i < WIDTH; i++) {
            double sum = 0;
            for (uint32_t k = 0; k < FFN; k++) {
                float weight;
                memcpy(&weight, down.data + i * down.row_bytes + k * sizeof weight, 4);
                sum += (double)weight * (double)shown.down_in[t * FFN + k];
            }
            const double added = (double)with[t * WIDTH + i] - (double)w.states[t * WIDTH + i];
            assert_true(fabs(added - sum) < 1e-4 * (1 + fabs(sum)));
        }
    }
    free(zeros);
    free(start);
    bnt_walk_end(&w);
    close_setup(&s);
}

static void too_little_text_is_refused_and_no_allocation_is_lost(void **state)
{
    setup s;
    bnt_walk w;
    bantam_error err = {0};
    (void)state;

    open_setup(&s);
    assert_int_equal(
        bnt_walk_begin(&w, s.r.model, s.r.pool, s.tokens, SEQUENCE - 1, SEQUENCE, &err),
        BANTAM_ERR_INVALID);
    assert_non_null(strstr(err.message, "24"));
    assert_int_equal(bnt_walk_begin(&w, s.r.model, s.r.pool, s.tokens, 9, 1, &err),
                     BANTAM_ERR_INVALID);
    const int64_t before = bnt_mem_live();
    bool done = false;
    for (uint64_t n = 0; !done && n < 20; n++) {
        bnt_mem_fail_after(n);
        done = !bnt_walk_begin(&w, s.r.model, s.r.pool, s.tokens, TOKENS, SEQUENCE, &err);
        bnt_mem_fail_after(UINT64_MAX);
        if (!done) assert_int_equal(err.status, BANTAM_ERR_NOMEM);
        bnt_walk_end(&w);
        assert_int_equal(bnt_mem_live(), before);
    }
    assert_true(done);
    close_setup(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_layers_make_the_states_of_a_pass),
        cmocka_unit_test(what_is_shown_is_what_matrices_are_multiplied_with),
        cmocka_unit_test(too_little_text_is_refused_and_no_allocation_is_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
