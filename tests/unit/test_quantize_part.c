/* Quantizations that are killed, stopped or out of room, and go on: to the bytes that one in a
 * single piece makes. What lies beside the output and is not theirs, or is damaged, is not
 * used. */
#include "compress/quantize.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "compress/convert.h"
#include "format/archive.h"
#include "format/gguf_write.h"
#include "temp_folder.h"
#include "tiny_model.h"

enum { MAX_REPORTS = 64 };

typedef struct watcher {
    uint64_t calls, kill_at, stop_at; /* progress; 0: never */
    uint64_t n_reports;
    double errors[MAX_REPORTS];
    bool goes_on, refused;
    uint64_t tensors_done;
} watcher;

static bool on_progress(void *user, uint64_t done, uint64_t total)
{
    watcher *const w = user;
    assert_true(done <= total);
    w->calls++;
    if (w->calls == w->kill_at) raise(SIGKILL);
    return w->calls != w->stop_at;
}

static void on_tensor(void *user, const bantam_quantized *t)
{
    watcher *const w = user;
    assert_true(w->n_reports < MAX_REPORTS);
    w->errors[w->n_reports++] = t->squared_error;
}

static bool on_plan(void *user, const bantam_quantize_plan *plan)
{
    watcher *const w = user;
    assert_true(plan->n_tensors > 0 && plan->memory_bytes > 0 && plan->file_bytes > 0);
    w->goes_on = plan->goes_on;
    w->tensors_done = plan->tensors_done;
    w->refused = plan->refused != NULL;
    return true;
}

/* ---- models with words ------------------------------------------------------------------- */

/* The letters are tokens, so is the space; the rest of the vocabulary has no text. */
static void put_words(bnt_gguf_writer *w)
{
    enum { N = 40 };
    static char names[N][8];
    bantam_text texts[N];
    int32_t kinds[N];

    for (int i = 0; i < N; i++) {
        snprintf(names[i], sizeof names[i], i < 26 ? "%c" : "<%d>", i < 26 ? 'a' + i : i);
        texts[i] = i == 26 ? bnt_text_of("\xC4\xA0") : bnt_text_of(names[i]);
        kinds[i] = i <= 26 ? 1 : 3;
    }
    const bantam_text merge = bnt_text_of("a b");
    bnt_gguf_put_text(w, "tokenizer.ggml.model", bnt_text_of("gpt2"));
    bnt_gguf_put_text(w, "tokenizer.ggml.pre", bnt_text_of("gpt-2"));
    texts[27] = bnt_text_of("ab");
    kinds[27] = 1;
    bnt_gguf_put_texts(w, "tokenizer.ggml.tokens", texts, N);
    bnt_gguf_put_i32s(w, "tokenizer.ggml.token_type", kinds, N);
    bnt_gguf_put_texts(w, "tokenizer.ggml.merges", &merge, 1);
}

static void write_model(const temp_folder *t, const char *path, bool f16)
{
    const char *const bare = temp_path(t, "bare.gguf");
    bnt_archive *a;
    bnt_gguf_writer *w;

    tiny_write(bare, &(tiny_spec){.n_layers = 2,
                                  .n_embd = 64,
                                  .n_heads = 4,
                                  .head_dim = 16,
                                  .n_ffn = 96,
                                  .f16_matrices = f16});
    assert_int_equal(bnt_archive_open(&a, bare, NULL), BANTAM_OK);
    assert_int_equal(bnt_gguf_writer_open(&w, path, NULL), BANTAM_OK);
    const bnt_gguf *const g = bnt_archive_gguf(a);
    for (size_t i = 0; i < bnt_gguf_n_pairs(g); i++) {
        const bnt_gguf_pair *const pair = bnt_gguf_pair_at(g, i);
        if (!bnt_text_starts_with(pair->key, "tokenizer.")) bnt_gguf_put_pair(w, pair);
    }
    put_words(w);
    for (size_t i = 0; i < bnt_archive_n_tensors(a); i++) {
        const bnt_tensor *const x = bnt_archive_tensor_at(a, i);
        bnt_gguf_declare(w, x->name, x->type, x->n_dims, x->dims);
    }
    for (size_t i = 0; i < bnt_archive_n_tensors(a); i++) {
        const bnt_tensor *const x = bnt_archive_tensor_at(a, i);
        bnt_gguf_put_data(w, x->data, x->bytes);
    }
    assert_int_equal(bnt_gguf_writer_commit(w, NULL), BANTAM_OK);
    bnt_archive_close(a);
}

static void write_text(const char *path)
{
    FILE *const f = fopen(path, "w");
    uint32_t x = 7;
    assert_non_null(f);
    for (int i = 0; i < 80; i++) {
        x = x * 1664525u + 1013904223u;
        fputc(i % 5 == 4 ? ' ' : 'a' + (int)(x >> 24) % 26, f);
    }
    assert_int_equal(fclose(f), 0);
}

/* ---- runs -------------------------------------------------------------------------------- */

typedef struct scene {
    temp_folder folder;
    char in[300], out[300], once[300], text[300], part[320], state[320];
    const char *texts[1];
} scene;

static void begin(scene *s)
{
    temp_make(&s->folder);
    snprintf(s->in, sizeof s->in, "%s", temp_path(&s->folder, "in.gguf"));
    snprintf(s->out, sizeof s->out, "%s", temp_path(&s->folder, "out.gguf"));
    snprintf(s->once, sizeof s->once, "%s", temp_path(&s->folder, "once.gguf"));
    snprintf(s->text, sizeof s->text, "%s", temp_path(&s->folder, "text"));
    snprintf(s->part, sizeof s->part, "%s.bantam-part", s->out);
    snprintf(s->state, sizeof s->state, "%s.bantam-part.state", s->out);
    s->texts[0] = s->text;
    write_model(&s->folder, s->in, false);
    write_text(s->text);
}

/* Keeps its state as often as it can. */
static bantam_quantize_options options_of(const scene *s, watcher *w)
{
    *w = (watcher){0};
    return (bantam_quantize_options){.struct_size = sizeof(bantam_quantize_options),
                                     .type = "B4",
                                     .threads = 1,
                                     .calibration = s->texts,
                                     .n_calibration = 1,
                                     .progress = on_progress,
                                     .report = on_tensor,
                                     .plan = on_plan,
                                     .checkpoint_seconds = 1e-9,
                                     .user = w};
}

static void run(const char *in, const char *out, const bantam_quantize_options *o)
{
    bantam_error err;
    if (bnt_quantize(in, out, o, &err)) fail_msg("%s", err.message);
}

/* In a process of its own, which progress kills; its exit status, or minus the signal. */
static int run_apart(const scene *s, const bantam_quantize_options *o, rlim_t most)
{
    const pid_t child = fork();
    int status = 0;
    assert_true(child >= 0);
    if (child == 0) {
        const struct rlimit limit = {most, most};
        if (most) setrlimit(RLIMIT_FSIZE, &limit);
        _exit((int)bnt_quantize(s->in, s->out, o, NULL));
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static bool same_bytes(const char *a, const char *b)
{
    bnt_buf x, y;
    bnt_buf_init(&x, 1 << 24);
    bnt_buf_init(&y, 1 << 24);
    assert_int_equal(bnt_file_read(a, &x, NULL), BANTAM_OK);
    assert_int_equal(bnt_file_read(b, &y, NULL), BANTAM_OK);
    const bool same = x.size == y.size && memcmp(x.data, y.data, x.size) == 0;
    bnt_buf_deinit(&x);
    bnt_buf_deinit(&y);
    return same;
}

static void nothing_is_left(const scene *s)
{
    assert_false(bnt_file_is_there(s->part));
    assert_false(bnt_file_is_there(s->state));
}

/* The methods that look at texts, and one that does not. */
static bantam_quantize_options case_of(const scene *s, watcher *w, int which)
{
    static const bantam_rotation rotation = {
        .struct_size = sizeof rotation, .down = true, .threads = 1};
    bantam_quantize_options o = options_of(s, w);
    if (which == 1) o.method = "imatrix";
    if (which == 2) o.budget_bytes = 62000;
    if (which == 3) o.rotation = &rotation;
    if (which == 4) o.n_calibration = 0;
    return o;
}

enum { CASES = 5 };

/* ---- tests ------------------------------------------------------------------------------- */

static void a_run_that_is_killed_anywhere_goes_on_to_the_same_bytes(void **state)
{
    (void)state;
    enum { POINTS = 4 };
    scene s;
    watcher once, w;

    begin(&s);
    for (int which = 0; which < CASES; which++) {
        bantam_quantize_options o = case_of(&s, &once, which);
        o.checkpoint_seconds = 1e9;
        run(s.in, s.once, &o);
        assert_true(once.calls > POINTS && !once.goes_on);
        uint64_t most = 0;
        for (uint64_t point = 1; point <= POINTS; point++) {
            o = case_of(&s, &w, which);
            w.kill_at = once.calls * point / POINTS;
            assert_int_equal(run_apart(&s, &o, 0), -SIGKILL);
            assert_false(bnt_file_is_there(s.out));

            o = case_of(&s, &w, which);
            o.threads = 1 + (uint32_t)point % 3;
            run(s.in, s.out, &o);
            assert_false(w.refused);
            if (point == POINTS) assert_true(w.goes_on);
            assert_true(w.tensors_done >= most); /* what was done is not done again */
            most = w.tensors_done;
            assert_true(same_bytes(s.out, s.once));
            nothing_is_left(&s);
            assert_int_equal(w.n_reports, once.n_reports);
            assert_memory_equal(w.errors, once.errors, once.n_reports * sizeof *w.errors);
            unlink(s.out);
        }
        assert_true(most > 0);
    }
    temp_remove(&s.folder);
}

static void a_run_may_be_stopped_again_and_again(void **state)
{
    (void)state;
    scene s;
    watcher w;
    bantam_error err;
    bantam_status status = BANTAM_ERR_CANCELLED;
    int runs = 0;

    begin(&s);
    bantam_quantize_options o = options_of(&s, &w);
    run(s.in, s.once, &o);
    uint64_t done = 0;
    for (; status && runs < 100; runs++) {
        o = options_of(&s, &w);
        w.stop_at = 90; /* more than a layer has, so that each run gets on */
        status = bnt_quantize(s.in, s.out, &o, &err);
        if (status) assert_int_equal(status, BANTAM_ERR_CANCELLED);
        assert_true(w.tensors_done >= done);
        done = w.tensors_done;
    }
    assert_int_equal(status, BANTAM_OK);
    assert_true(runs > 1);
    assert_true(same_bytes(s.out, s.once));
    nothing_is_left(&s);
    temp_remove(&s.folder);
}

static void a_full_disk_loses_nothing_that_is_done(void **state)
{
    (void)state;
    scene s;
    watcher w;

    begin(&s);
    bantam_quantize_options o = options_of(&s, &w);
    run(s.in, s.once, &o);
    o = options_of(&s, &w);
    struct stat st; /* states are smaller than the file */
    assert_int_equal(stat(s.once, &st), 0);
    assert_int_equal(run_apart(&s, &o, (rlim_t)st.st_size - 1000), BANTAM_ERR_IO);
    assert_false(bnt_file_is_there(s.out));
    o = options_of(&s, &w);
    run(s.in, s.out, &o);
    assert_true(w.goes_on && w.tensors_done > 0);
    assert_true(same_bytes(s.out, s.once));
    nothing_is_left(&s);
    temp_remove(&s.folder);
}

/* Leaves a part of about two thirds of the work. */
static void leave_part(const scene *s, uint64_t calls)
{
    watcher w;
    const bantam_quantize_options o = options_of(s, &w);
    w.stop_at = calls * 2 / 3;
    assert_int_equal(bnt_quantize(s->in, s->out, &o, NULL), BANTAM_ERR_CANCELLED);
    assert_true(bnt_file_is_there(s->part) && bnt_file_is_there(s->state));
}

static void what_belongs_to_another_run_is_not_used(void **state)
{
    (void)state;
    scene s;
    watcher w;

    begin(&s);
    bantam_quantize_options o = options_of(&s, &w);
    run(s.in, s.once, &o);
    const uint64_t calls = w.calls;
    for (int other = 0; other < 5; other++) {
        leave_part(&s, calls);
        o = options_of(&s, &w);
        const struct timespec times[2] = {{1, 0}, {1000 + other, 0}};
        if (other == 0) o.type = "B3";
        if (other == 1) o.method = "imatrix";
        if (other == 2) o.calibration_tokens = 64;
        if (other == 3) assert_int_equal(utimensat(AT_FDCWD, s.in, times, 0), 0);
        if (other == 4) o.embedding = "F16";
        run(s.in, s.out, &o);
        assert_true(w.refused && !w.goes_on);
        assert_int_equal(w.tensors_done, 0);
        if (other == 3) assert_true(same_bytes(s.out, s.once));
        nothing_is_left(&s);
        unlink(s.out);
    }
    temp_remove(&s.folder);
}

/* Changes a byte at a share of a file, or cuts the file there. */
static void harm(const char *path, double share, bool cut)
{
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    const long at = (long)(share * (double)(st.st_size - 1));
    if (cut) {
        assert_int_equal(truncate(path, at), 0);
        return;
    }
    FILE *const f = fopen(path, "r+");
    assert_non_null(f);
    assert_int_equal(fseek(f, at, SEEK_SET), 0);
    const int byte = fgetc(f);
    assert_int_equal(fseek(f, at, SEEK_SET), 0);
    fputc(byte ^ 1, f);
    assert_int_equal(fclose(f), 0);
}

static void what_is_damaged_is_not_used(void **state)
{
    (void)state;
    static const double shares[] = {0.0, 1.0};
    scene s;
    watcher w;

    begin(&s);
    bantam_quantize_options o = options_of(&s, &w);
    run(s.in, s.once, &o);
    const uint64_t calls = w.calls;
    for (int i = 0; i < 8; i++) {
        const double share = shares[i / 4];
        const bool of_state = i % 2, cut = i / 2 % 2;
        leave_part(&s, calls);
        /* Behind what counts of the part there may be more, which is of no use anyway. */
        harm(of_state ? s.state : s.part, of_state ? share : share / 2.0, cut);
        o = options_of(&s, &w);
        run(s.in, s.out, &o);
        assert_true(w.refused && !w.goes_on);
        assert_true(same_bytes(s.out, s.once));
        nothing_is_left(&s);
        unlink(s.out);
    }
    temp_remove(&s.folder);
}

static void a_file_has_one_writer(void **state)
{
    (void)state;
    temp_folder t;
    bnt_save *a, *b;
    bantam_error err;

    temp_make(&t);
    const char *const path = temp_path(&t, "x"), *const part = temp_path(&t, "x.part");
    assert_int_equal(bnt_save_begin_at(&a, path, part, &err), BANTAM_OK);
    assert_int_equal(bnt_save_begin_at(&b, path, part, &err), BANTAM_ERR_IO);
    assert_non_null(strstr(err.message, "already"));
    bnt_save_put(a, "one", 3);
    bnt_save_sync(a);
    bnt_save_abort(a); /* kept, unless it is said otherwise */
    assert_int_equal(bnt_save_begin_at(&a, path, part, &err), BANTAM_OK);
    assert_true(bnt_save_resume(a, 2));
    bnt_save_put(a, "!", 1);
    assert_int_equal(bnt_save_commit(a, &err), BANTAM_OK);
    assert_false(bnt_file_is_there(part));
    bnt_buf text;
    bnt_buf_init(&text, 100);
    assert_int_equal(bnt_file_read(path, &text, &err), BANTAM_OK);
    assert_int_equal(text.size, 3);
    assert_memory_equal(text.data, "on!", 3);
    bnt_buf_deinit(&text);

    assert_int_equal(bnt_save_begin_at(&a, path, part, &err), BANTAM_OK);
    assert_false(bnt_save_resume(a, 1)); /* it is empty */
    bnt_save_keep(a, false);
    assert_int_equal(bnt_save_commit(a, &err), BANTAM_ERR_IO);
    assert_false(bnt_file_is_there(part));
    temp_remove(&t);
}

static void no_failing_allocation_loses_memory_or_leaves_a_broken_file(void **state)
{
    (void)state;
    scene s;
    watcher w;

    begin(&s);
    const int64_t live = bnt_mem_live();
    for (int which = 0; which < CASES; which++) {
        bantam_status status = BANTAM_ERR_NOMEM;
        bantam_quantize_options o = case_of(&s, &w, which);
        run(s.in, s.once, &o);
        /* Every one of the first, then some, other ones for each method: all of them take
         * minutes under a sanitizer. */
        const uint64_t every = 16 + (uint64_t)which;
        for (uint64_t n = 0; status && n < 4000; n += 1 + n / every) {
            bantam_error err;
            o = case_of(&s, &w, which);
            o.checkpoint_seconds = 1e9;
            bnt_mem_fail_after(n);
            status = bnt_quantize(s.in, s.out, &o, &err);
            bnt_mem_fail_after(UINT64_MAX);
            assert_int_equal(bnt_mem_live(), live);
            if (!status) break;
            if (status != BANTAM_ERR_NOMEM) fail_msg("allocation %d: %s", (int)n, err.message);
            assert_false(bnt_file_is_there(s.out));
            nothing_is_left(&s);
        }
        assert_int_equal(status, BANTAM_OK);
        assert_true(same_bytes(s.out, s.once));
        unlink(s.out);
    }
    temp_remove(&s.folder);
}

/* ---- rotations --------------------------------------------------------------------------- */

/* Tensors and how they lie; the metadata stand in another order. */
static void check_same_tensors(const char *x, const char *y)
{
    bnt_archive *a, *b;
    assert_int_equal(bnt_archive_open(&a, x, NULL), BANTAM_OK);
    assert_int_equal(bnt_archive_open(&b, y, NULL), BANTAM_OK);
    assert_int_equal(bnt_archive_n_tensors(a), bnt_archive_n_tensors(b));
    assert_int_equal(bnt_archive_bytes(a), bnt_archive_bytes(b));
    for (size_t i = 0; i < bnt_archive_n_tensors(a); i++) {
        const bnt_tensor *const p = bnt_archive_tensor_at(a, i);
        const bnt_tensor *const q = bnt_archive_tensor_at(b, i);
        assert_int_equal(p->name.size, q->name.size);
        assert_memory_equal(p->name.data, q->name.data, p->name.size);
        assert_ptr_equal(p->type, q->type);
        assert_int_equal(p->bytes, q->bytes);
        if (memcmp(p->data, q->data, (size_t)p->bytes)) {
            fail_msg("%.*s differs", (int)p->name.size, p->name.data);
        }
    }
    bnt_archive_close(a);
    bnt_archive_close(b);
}

static void rotating_and_calibrating_at_once_is_doing_one_after_the_other(void **state)
{
    (void)state;
    static const char *const methods[] = {"gptq", "imatrix"};
    scene s;
    watcher w;

    begin(&s);
    const char *const floats = temp_path(&s.folder, "floats.gguf");
    for (int i = 0; i < 8; i++) {
        const bantam_rotation rotation = {
            .struct_size = sizeof rotation, .down = i % 2, .seed = 3, .threads = 1};
        const bantam_convert_options c = {
            .struct_size = sizeof c, .type = "F32", .rotation = &rotation};
        write_model(&s.folder, s.in, i / 4);
        assert_int_equal(bnt_convert(s.in, floats, &c, NULL), BANTAM_OK);
        bantam_quantize_options o = options_of(&s, &w);
        o.method = methods[i / 2 % 2];
        run(floats, s.once, &o);
        o.rotation = &rotation;
        o.threads = 3;
        run(s.in, s.out, &o);
        check_same_tensors(s.out, s.once);
    }
    temp_remove(&s.folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_that_is_killed_anywhere_goes_on_to_the_same_bytes),
        cmocka_unit_test(a_run_may_be_stopped_again_and_again),
        cmocka_unit_test(a_full_disk_loses_nothing_that_is_done),
        cmocka_unit_test(what_belongs_to_another_run_is_not_used),
        cmocka_unit_test(what_is_damaged_is_not_used),
        cmocka_unit_test(a_file_has_one_writer),
        cmocka_unit_test(no_failing_allocation_loses_memory_or_leaves_a_broken_file),
        cmocka_unit_test(rotating_and_calibrating_at_once_is_doing_one_after_the_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
