/* test_prefix.c - beginnings of prompts: what is found again, that it changes no bit, and what
 * lies in the folder. */
#include "adapter_rig.h"
#include "base/mem.h"
#include "session/prefixes.h"
#include "session_rig.h"
#include "temp_folder.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>

enum { CONTEXT = 200, LONG = 180, SHARED = 130 };

static session_rig PLAIN, WINDOWED, OTHER;
static uint32_t TOKENS[CONTEXT], ELSE[CONTEXT];

static int open_models(void **state)
{
    (void)state;
    session_rig_heads(&PLAIN, 21, 0, 16);
    session_rig_heads(&WINDOWED, 22, 6, 16);
    session_rig_heads(&OTHER, 23, 0, 16); /* the shapes of PLAIN, other numbers */
    rig_tokens(TOKENS, CONTEXT, LETTERS_N, 7);
    rig_tokens(ELSE, CONTEXT, LETTERS_N, 8);
    return 0;
}

static int close_models(void **state)
{
    (void)state;
    session_rig_close(&PLAIN);
    session_rig_close(&WINDOWED);
    session_rig_close(&OTHER);
    return 0;
}

static bnt_session *session(const session_rig *r, bantam_kv kv, uint32_t batch)
{
    return rig_session(
        r, (bantam_session_options){
               .context_tokens = CONTEXT, .batch_tokens = batch, .n_threads = 1, .kv = kv});
}

static bnt_prefixes *keeper(uint64_t memory_bytes, const char *folder)
{
    const bantam_prefixes_options o = {
        .struct_size = sizeof o, .memory_bytes = memory_bytes, .folder = folder};
    bnt_prefixes *p = NULL;
    bantam_error err;
    if (bnt_prefixes_open(&p, &o, &err)) fail_msg("%s", err.message);
    return p;
}

static bantam_prefixes_fed feed(bnt_prefixes *p, bnt_session *s, const uint32_t *tokens,
                                size_t n, size_t n_shared)
{
    bantam_prefixes_fed fed;
    bantam_error err;
    if (bnt_prefixes_feed(p, s, tokens, n, n_shared, &fed, &err)) fail_msg("%s", err.message);
    assert_int_equal(fed.n_session + fed.n_memory + fed.n_file + fed.n_computed, n);
    return fed;
}

/* The session holds exactly these tokens and has the logits of plain feeding, now and after
 * more was fed. */
static void assert_plain(const session_rig *r, bnt_session *s, bantam_kv kv,
                         const uint32_t *tokens, uint32_t n)
{
    bnt_session *const plain = session(r, kv, 16);

    rig_feed_all(plain, tokens, n);
    assert_int_equal(bnt_session_position(s), n);
    for (uint32_t i = 0; i < n; i++)
        assert_int_equal(bnt_session_token(s, i), tokens[i]);
    for (uint32_t more = 0; more < 3; more++) {
        assert_memory_equal(bnt_session_logits(s), bnt_session_logits(plain),
                            LETTERS_N * sizeof(float));
        if (n + more == CONTEXT) break;
        rig_feed_all(plain, ELSE + more, 1);
        rig_feed_all(s, ELSE + more, 1);
    }
    bantam_error err;
    assert_int_equal(bnt_session_rewind(s, n, &err), BANTAM_OK);
    bnt_session_close(plain);
}

static size_t count_files(const char *folder)
{
    DIR *const dir = opendir(folder);
    size_t n = 0;
    if (!dir) return 0;
    for (const struct dirent *e; (e = readdir(dir)) != NULL;)
        n += e->d_name[0] != '.' || (e->d_name[1] && e->d_name[1] != '.');
    closedir(dir);
    return n;
}

/* The path of the only file of a folder. */
static const char *only_file(const char *folder)
{
    static char path[1024];
    DIR *const dir = opendir(folder);
    size_t n = 0;
    assert_non_null(dir);
    for (const struct dirent *e; (e = readdir(dir)) != NULL;) {
        if (e->d_name[0] == '.') continue;
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        n++;
    }
    closedir(dir);
    assert_int_equal(n, 1);
    return path;
}

/* As another process would: a new keeper and a new session know nothing of the first. */
static bantam_prefixes_fed start(const session_rig *r, const char *folder, bantam_kv kv,
                                 const uint32_t *tokens, uint32_t n, size_t n_shared)
{
    bnt_prefixes *const p = keeper(0, folder);
    bnt_session *const s = session(r, kv, 16);
    const bantam_prefixes_fed fed = feed(p, s, tokens, n, n_shared);
    assert_plain(r, s, kv, tokens, n);
    bnt_session_close(s);
    bnt_prefixes_close(p);
    return fed;
}

/* ---- in a process ---- */

static void a_session_goes_on_with_what_it_holds(void **state)
{
    bnt_prefixes *const p = keeper(0, NULL);
    bnt_session *const s = session(&PLAIN, BANTAM_KV_F16, 16);
    uint32_t other[LONG];
    (void)state;
    assert_int_equal(feed(p, s, TOKENS, 100, 0).n_computed, 100);
    bantam_prefixes_fed fed = feed(p, s, TOKENS, LONG, 0);
    assert_int_equal(fed.n_session, 100);
    assert_int_equal(fed.n_computed, LONG - 100);
    assert_plain(&PLAIN, s, BANTAM_KV_F16, TOKENS, LONG);

    memcpy(other, TOKENS, sizeof other);
    other[70] = (other[70] + 1) % LETTERS_N;
    assert_int_equal(feed(p, s, other, LONG, 0).n_session, 70);
    assert_plain(&PLAIN, s, BANTAM_KV_F16, other, LONG);
    /* A shorter prompt: one token is computed for its logits. */
    assert_int_equal(feed(p, s, other, 60, 0).n_computed, 1);
    assert_plain(&PLAIN, s, BANTAM_KV_F16, other, 60);
    /* The same again: nothing is. */
    feed(p, s, other, 60, 0);
    assert_int_equal(feed(p, s, other, 60, 0).n_computed, 0);
    bnt_session_close(s);
    bnt_prefixes_close(p);
}

static void conversations_that_take_turns_find_themselves_again(void **state)
{
    static const session_rig *const rigs[] = {&PLAIN, &WINDOWED};
    static const bantam_kv kvs[] = {BANTAM_KV_F32, BANTAM_KV_F16, BANTAM_KV_Q8, BANTAM_KV_Q4};
    (void)state;
    for (size_t r = 0; r < 2; r++) {
        for (size_t k = 0; k < 4; k++) {
            bnt_prefixes *const p = keeper(64 << 20, NULL);
            bnt_session *const s = session(rigs[r], kvs[k], 16);
            assert_int_equal(feed(p, s, TOKENS, 100, 0).n_computed, 100);
            assert_int_equal(feed(p, s, ELSE, 90, 0).n_computed, 90);
            assert_int_equal(feed(p, s, TOKENS, 120, 0).n_memory, 100);
            assert_plain(rigs[r], s, kvs[k], TOKENS, 120);
            assert_int_equal(feed(p, s, ELSE, 95, 0).n_memory, 90);
            assert_plain(rigs[r], s, kvs[k], ELSE, 95);
            assert_int_equal(feed(p, s, TOKENS, LONG, 0).n_memory, 120);
            assert_plain(rigs[r], s, kvs[k], TOKENS, LONG);
            bnt_session_close(s);
            bnt_prefixes_close(p);
        }
    }
}

static void a_beginning_that_is_shared_serves_every_session(void **state)
{
    static const session_rig *const rigs[] = {&PLAIN, &WINDOWED};
    uint32_t mixed[LONG];
    (void)state;
    memcpy(mixed, TOKENS, sizeof mixed);
    memcpy(mixed + SHARED, ELSE, (LONG - SHARED) * sizeof *mixed);
    for (size_t r = 0; r < 2; r++) {
        bnt_prefixes *const p = keeper(64 << 20, NULL);
        bnt_session *const a = session(rigs[r], BANTAM_KV_F16, 64);
        bnt_session *const b = session(rigs[r], BANTAM_KV_F16, 5); /* fewer slots of a window */
        assert_int_equal(feed(p, a, TOKENS, LONG, SHARED).n_computed, LONG);
        assert_plain(rigs[r], a, BANTAM_KV_F16, TOKENS, LONG);
        const bantam_prefixes_fed fed = feed(p, b, mixed, LONG, SHARED);
        assert_int_equal(fed.n_memory, SHARED);
        assert_int_equal(fed.n_computed, LONG - SHARED);
        assert_plain(rigs[r], b, BANTAM_KV_F16, mixed, LONG);
        bnt_session_close(b);
        bnt_session_close(a);
        bnt_prefixes_close(p);
    }
}

static void part_of_a_copy_serves_where_no_window_has_moved_on(void **state)
{
    static const session_rig *const rigs[] = {&PLAIN, &WINDOWED};
    uint32_t mixed[LONG];
    (void)state;
    memcpy(mixed, ELSE, sizeof mixed);
    memcpy(mixed, TOKENS, 60 * sizeof *mixed);
    if (mixed[60] == TOKENS[60]) mixed[60] = (mixed[60] + 1) % LETTERS_N;
    for (size_t r = 0; r < 2; r++) {
        bnt_prefixes *const p = keeper(64 << 20, NULL);
        bnt_session *const a = session(rigs[r], BANTAM_KV_F16, 16);
        bnt_session *const b = session(rigs[r], BANTAM_KV_F16, 16);
        rig_feed_all(a, TOKENS, LONG);
        assert_true(bnt_prefixes_keep(p, a));
        const bantam_prefixes_fed fed = feed(p, b, mixed, LONG, 0);
        /* 16 + 6 rows of the window make 64 slots: those before 60 are gone. */
        assert_int_equal(fed.n_memory, r ? 0 : 60);
        assert_plain(rigs[r], b, BANTAM_KV_F16, mixed, LONG);
        bnt_session_close(b);
        bnt_session_close(a);
        bnt_prefixes_close(p);
    }
}

static void copies_stay_within_their_bytes_and_the_oldest_go_first(void **state)
{
    /* 100 tokens: 3 layers, keys and values, 2 heads of 16 halves, and 4 bytes of the token. */
    const uint64_t one = 100 * (3 * 2 * 2 * 16 * 2 + 4);
    bnt_prefixes *const p = keeper(2 * one + 1000, NULL);
    bnt_session *const s = session(&PLAIN, BANTAM_KV_F16, 16);
    uint32_t third[101];
    (void)state;
    rig_tokens(third, 101, LETTERS_N, 99);
    const int64_t before = bnt_mem_live_bytes();
    feed(p, s, TOKENS, 100, 0);
    feed(p, s, ELSE, 100, 0);
    feed(p, s, third, 100, 0); /* now TOKENS and ELSE are kept */
    assert_true(bnt_mem_live_bytes() - before >= (int64_t)(2 * one));
    feed(p, s, TOKENS, 101, 0); /* third is kept, and TOKENS used: ELSE goes */
    assert_true(bnt_mem_live_bytes() - before <= (int64_t)(2 * one + 1000));
    assert_int_equal(feed(p, s, third, 101, 0).n_memory, 100);
    assert_int_equal(feed(p, s, ELSE, 100, 0).n_memory, 0);
    bnt_session_close(s);
    bnt_prefixes_close(p);
}

static void nothing_of_something_else_is_taken(void **state)
{
    temp_folder folder;
    (void)state;
    temp_make(&folder);
    bnt_prefixes *const p = keeper(64 << 20, folder.path);
    bnt_session *const f16 = session(&PLAIN, BANTAM_KV_F16, 16);
    bnt_session *const q8 = session(&PLAIN, BANTAM_KV_Q8, 16);
    bnt_session *const other = session(&OTHER, BANTAM_KV_F16, 16);
    assert_true(feed(p, f16, TOKENS, LONG, SHARED).saved);
    assert_int_equal(feed(p, q8, TOKENS, LONG, 0).n_computed, LONG);
    assert_int_equal(feed(p, other, TOKENS, LONG, 0).n_computed, LONG);
    bnt_session *plain = NULL; /* without a tokenizer the ids could mean anything */
    bantam_error err;
    const bantam_session_options o = {.struct_size = sizeof o, .context_tokens = CONTEXT};
    assert_int_equal(bnt_session_open(&plain, PLAIN.model, NULL, &o, &err), BANTAM_OK);
    assert_int_equal(feed(p, plain, TOKENS, LONG, 0).n_computed, LONG);
    bnt_session_close(plain);
    bnt_session_close(other);
    bnt_session_close(q8);
    bnt_session_close(f16);
    bnt_prefixes_close(p);
    temp_remove(&folder);
}

static bnt_session *adapted(const session_rig *r, const bantam_adapter *adapter, float scale)
{
    return rig_session(r, (bantam_session_options){.context_tokens = CONTEXT,
                                                   .n_threads = 1,
                                                   .adapters = &adapter,
                                                   .adapter_scales = &scale,
                                                   .n_adapters = 1});
}

static void adapters_and_their_strengths_are_part_of_what_is_kept(void **state)
{
    temp_folder folder;
    session_rig model;
    bnt_adapter *adapters[2];
    (void)state;
    temp_make(&folder);
    session_rig_tiny(&model, 24, 0);
    for (uint32_t i = 0; i < 2; i++) {
        lora_write_gguf(temp_path(&folder, "a.gguf"), &(lora_spec){.seed = i + 1});
        adapters[i] = lora_open(model.model, temp_path(&folder, "a.gguf"));
    }
    bnt_prefixes *const p = keeper(64 << 20, NULL);
    /* A number that the identity of saved sessions does not sample: the 26th of a factor. */
    float *const inside = (float *)(uintptr_t)&adapters[0]->layers[0][0].a[25];
    const float was = *inside;
    const struct {
        uint32_t adapter;
        float scale, number;
        uint32_t found;
    } turns[] = {{0, 1.0f, was, 0},
                 {1, 1.0f, was, 0},
                 {0, 0.5f, was, 0},
                 {0, 1.0f, was + 1.0f, 0},
                 {0, 1.0f, was, SHARED}};
    for (size_t i = 0; i < sizeof turns / sizeof turns[0]; i++) {
        *inside = turns[i].number;
        bnt_session *const s = adapted(&model, adapters[turns[i].adapter], turns[i].scale);
        assert_int_equal(feed(p, s, TOKENS, LONG, SHARED).n_memory, turns[i].found);
        bnt_session_close(s);
    }
    bnt_session *const plain = session(&model, BANTAM_KV_F16, 16);
    assert_int_equal(feed(p, plain, TOKENS, LONG, SHARED).n_memory, 0);
    bnt_session_close(plain);
    bnt_prefixes_close(p);
    for (uint32_t i = 0; i < 2; i++)
        bnt_adapter_close(adapters[i]);
    session_rig_close(&model);
    temp_remove(&folder);
}

static void a_model_file_that_was_written_anew_finds_nothing(void **state)
{
    const struct timespec before[2] = {{1000, 0}, {1000, 0}}, after[2] = {{2000, 0}, {2000, 0}};
    temp_folder folder;
    (void)state;
    temp_make(&folder);
    assert_int_equal(utimensat(AT_FDCWD, PLAIN.made, before, 0), 0);
    assert_true(start(&PLAIN, folder.path, BANTAM_KV_F16, TOKENS, LONG, SHARED).saved);
    assert_int_equal(utimensat(AT_FDCWD, PLAIN.made, after, 0), 0);
    assert_int_equal(start(&PLAIN, folder.path, BANTAM_KV_F16, TOKENS, LONG, 0).n_file, 0);
    assert_int_equal(utimensat(AT_FDCWD, PLAIN.made, before, 0), 0);
    assert_int_equal(start(&PLAIN, folder.path, BANTAM_KV_F16, TOKENS, LONG, 0).n_file, SHARED);
    temp_remove(&folder);
}

typedef struct talker {
    bnt_prefixes *p;
    const uint32_t *tokens;
    bool same;
} talker;

static void *converse(void *argument)
{
    talker *const u = argument;
    bnt_session *const s = session(&PLAIN, BANTAM_KV_F16, 16);
    float wanted[2][LETTERS_N];
    bantam_error err;

    u->same = true;
    for (int turn = 0; turn < 40; turn++) {
        const uint32_t *const tokens = turn % 2 ? TOKENS : ELSE;
        if (bnt_prefixes_feed(u->p, s, tokens, 60, 40, NULL, &err)) u->same = false;
        const float *const logits = bnt_session_logits(s);
        if (turn < 2) {
            memcpy(wanted[turn % 2], logits, sizeof wanted[0]);
        } else if (memcmp(wanted[turn % 2], logits, sizeof wanted[0]) != 0) {
            u->same = false;
        }
    }
    bnt_session_close(s);
    return NULL;
}

static void threads_share_a_keeper(void **state)
{
    /* Room for one copy and a half, so that they push each other out. */
    bnt_prefixes *const p = keeper(60 * 400, NULL);
    pthread_t threads[3];
    talker talkers[3];
    (void)state;
    for (int i = 0; i < 3; i++) {
        talkers[i] = (talker){.p = p};
        assert_int_equal(pthread_create(&threads[i], NULL, converse, &talkers[i]), 0);
    }
    for (int i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
        assert_true(talkers[i].same);
    }
    bnt_prefixes_close(p);
}

/* ---- across processes ---- */

static void the_second_start_computes_none_of_the_shared_part(void **state)
{
    static const session_rig *const rigs[] = {&PLAIN, &WINDOWED};
    static const bantam_kv kvs[] = {BANTAM_KV_F32, BANTAM_KV_F16, BANTAM_KV_Q8, BANTAM_KV_Q4};
    uint32_t mixed[LONG];
    (void)state;
    memcpy(mixed, TOKENS, sizeof mixed);
    memcpy(mixed + SHARED, ELSE, (LONG - SHARED) * sizeof *mixed);
    for (size_t r = 0; r < 2; r++) {
        for (size_t k = 0; k < 4; k++) {
            temp_folder folder;
            temp_make(&folder);
            bantam_prefixes_fed fed = start(rigs[r], folder.path, kvs[k], TOKENS, LONG, SHARED);
            assert_int_equal(fed.n_computed, LONG);
            assert_true(fed.saved);
            /* Another user's text, and a caller that does not say what is shared. */
            fed = start(rigs[r], folder.path, kvs[k], mixed, LONG, 0);
            assert_int_equal(fed.n_file, SHARED);
            assert_int_equal(fed.n_computed, LONG - SHARED);
            assert_false(fed.saved);
            assert_int_equal(count_files(folder.path), 1);
            temp_remove(&folder);
        }
    }
}

static void a_prompt_that_is_all_shared_computes_its_last_token(void **state)
{
    static const session_rig *const rigs[] = {&PLAIN, &WINDOWED};
    (void)state;
    for (size_t r = 0; r < 2; r++) {
        temp_folder folder;
        temp_make(&folder);
        assert_true(start(rigs[r], folder.path, BANTAM_KV_F16, TOKENS, LONG, LONG).saved);
        const bantam_prefixes_fed fed =
            start(rigs[r], folder.path, BANTAM_KV_F16, TOKENS, LONG, LONG);
        assert_int_equal(fed.n_computed, 1);
        temp_remove(&folder);
    }
}

static void a_file_has_the_shared_tokens_and_is_the_users_own(void **state)
{
    temp_folder folder;
    struct stat info;
    (void)state;
    temp_make(&folder);
    const char *const inner = temp_path(&folder, "a/b");
    const mode_t was = umask(0);
    assert_false(start(&PLAIN, inner, BANTAM_KV_F16, TOKENS, LONG, 0).saved);
    assert_int_equal(count_files(inner), 0);
    assert_true(start(&PLAIN, inner, BANTAM_KV_F16, TOKENS, LONG, SHARED).saved);
    umask(was);
    assert_int_equal(stat(inner, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0700);
    assert_int_equal(stat(only_file(inner), &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    /* A header, the tokens, 3 layers of keys and values of 2 heads of 16 halves, a digest. */
    assert_int_equal(info.st_size,
                     BNT_STATE_HEADER + SHARED * 4 + SHARED * 3 * 2 * 2 * 16 * 2 + 8);
    /* Too short for a file. */
    assert_false(start(&PLAIN, inner, BANTAM_KV_F16, ELSE, LONG, 100).saved);
    assert_int_equal(count_files(inner), 1);
    temp_remove(&folder);
}

static void a_damaged_file_is_not_used_and_goes(void **state)
{
    temp_folder folder;
    size_t size = 0;
    (void)state;
    temp_make(&folder);
    assert_true(start(&PLAIN, folder.path, BANTAM_KV_F16, TOKENS, LONG, SHARED).saved);
    char path[1024];
    snprintf(path, sizeof path, "%s", only_file(folder.path));
    char *const data = read_whole(path, &size);
    for (size_t at = 0; at < size; at += size / 29) { /* changed */
        data[at] ^= 0x10;
        write_whole(path, data, size);
        data[at] ^= 0x10;
        assert_int_equal(start(&PLAIN, folder.path, BANTAM_KV_F16, TOKENS, LONG, 0).n_computed,
                         LONG);
        assert_int_equal(count_files(folder.path), 0);
    }
    for (size_t n = 0; n < size; n += size / 13) { /* cut */
        write_whole(path, data, n);
        assert_int_equal(start(&PLAIN, folder.path, BANTAM_KV_F16, TOKENS, LONG, 0).n_computed,
                         LONG);
        assert_int_equal(count_files(folder.path), 0);
    }
    /* Whole, but under the name of other tokens: those of its first 100 and of another text. */
    write_whole(path, data, size);
    bnt_session *const s = session(&PLAIN, BANTAM_KV_F16, 16);
    assert_false(bnt_prefix_load(s, path, ELSE, SHARED));
    assert_int_equal(count_files(folder.path), 0);
    write_whole(path, data, size);
    assert_false(bnt_prefix_load(s, path, TOKENS, 100));
    assert_int_equal(count_files(folder.path), 0);
    assert_int_equal(bnt_session_position(s), 0);
    bnt_session_close(s);
    /* And the next one is found and made as ever. */
    assert_true(start(&PLAIN, folder.path, BANTAM_KV_F16, TOKENS, LONG, SHARED).saved);
    assert_int_equal(start(&PLAIN, folder.path, BANTAM_KV_F16, TOKENS, LONG, 0).n_file, SHARED);
    free(data);
    temp_remove(&folder);
}

static void a_shorter_file_serves_where_the_longer_one_is_damaged(void **state)
{
    temp_folder folder;
    size_t size = 0;
    (void)state;
    temp_make(&folder);
    assert_true(start(&PLAIN, folder.path, BANTAM_KV_F16, TOKENS, LONG, SHARED).saved);
    char shorter[1024];
    snprintf(shorter, sizeof shorter, "%s", only_file(folder.path));
    char *const data = read_whole(shorter, &size);
    unlink(shorter);
    assert_true(start(&PLAIN, folder.path, BANTAM_KV_F16, TOKENS, LONG, 160).saved);
    write_whole(only_file(folder.path), "BNTSTATE", 8);
    write_whole(shorter, data, size);
    assert_int_equal(start(&PLAIN, folder.path, BANTAM_KV_F16, TOKENS, LONG, 0).n_file, SHARED);
    free(data);
    temp_remove(&folder);
}

static void files_stay_within_their_bytes_and_the_oldest_go_first(void **state)
{
    const uint64_t one = BNT_STATE_HEADER + SHARED * 4 + SHARED * 3 * 2 * 2 * 16 * 2 + 8;
    uint32_t prompts[3][LONG];
    temp_folder folder;
    (void)state;
    temp_make(&folder);
    const bantam_prefixes_options o = {
        .struct_size = sizeof o, .folder = folder.path, .folder_bytes = 2 * one};
    bnt_prefixes *p = NULL;
    bantam_error err;
    assert_int_equal(bnt_prefixes_open(&p, &o, &err), BANTAM_OK);
    bnt_session *const s = session(&PLAIN, BANTAM_KV_F16, 16);
    for (uint32_t i = 0; i < 3; i++) {
        rig_tokens(prompts[i], LONG, LETTERS_N, 50 + i);
        assert_true(feed(p, s, prompts[i], LONG, SHARED).saved);
        assert_int_equal(count_files(folder.path), i < 2 ? i + 1 : 2);
        if (i == 1) assert_int_equal(feed(p, s, prompts[0], LONG, SHARED).n_file, SHARED);
    }
    assert_int_equal(feed(p, s, prompts[0], LONG, 0).n_file,
                     SHARED); /* used after the second */
    assert_int_equal(feed(p, s, prompts[1], LONG, 0).n_file, 0);
    assert_int_equal(feed(p, s, prompts[2], LONG, 0).n_file, SHARED);
    bnt_prefixes_close(p);

    /* One that would be more than all may have is not written. */
    const bantam_prefixes_options small = {
        .struct_size = sizeof small, .folder = folder.path, .folder_bytes = one - 1};
    assert_int_equal(bnt_prefixes_open(&p, &small, &err), BANTAM_OK);
    const bantam_prefixes_fed fed = feed(p, s, prompts[1], LONG, SHARED);
    assert_false(fed.saved);
    assert_int_equal(fed.saving.status, BANTAM_ERR_FULL);
    assert_int_equal(count_files(folder.path), 2);
    bnt_session_close(s);
    bnt_prefixes_close(p);
    temp_remove(&folder);
}

static void a_folder_that_cannot_be_is_no_failure(void **state)
{
    temp_folder folder;
    (void)state;
    temp_make(&folder);
    write_whole(temp_path(&folder, "file"), "x", 1);
    const bantam_prefixes_fed fed =
        start(&PLAIN, temp_path(&folder, "file/below"), BANTAM_KV_F16, TOKENS, LONG, SHARED);
    assert_int_equal(fed.n_computed, LONG);
    assert_false(fed.saved);
    assert_int_equal(fed.saving.status, BANTAM_ERR_IO);
    temp_remove(&folder);
}

typedef struct seen {
    size_t n;
    uint32_t n_tokens;
    uint64_t bytes;
} seen;

static bool on_file(void *user, const bantam_prefix_file *file)
{
    seen *const s = user;
    s->n++;
    s->n_tokens = file->n_tokens;
    s->bytes += file->bytes;
    return true;
}

static void on_gone(void *user, const char *path, uint64_t bytes)
{
    seen *const s = user;
    (void)path;
    s->n++;
    s->bytes += bytes;
}

static void files_are_listed_and_removed_and_others_are_left_alone(void **state)
{
    temp_folder folder;
    seen listed = {0}, gone = {0};
    bantam_error err;
    (void)state;
    temp_make(&folder);
    assert_true(start(&PLAIN, folder.path, BANTAM_KV_F16, TOKENS, LONG, SHARED).saved);
    write_whole(temp_path(&folder, "mine.txt"), "x", 1);
    assert_int_equal(bnt_prefixes_list(folder.path, on_file, &listed, &err), BANTAM_OK);
    assert_int_equal(listed.n, 1);
    assert_int_equal(listed.n_tokens, SHARED);
    assert_int_equal(bnt_prefixes_remove(folder.path, on_gone, &gone, &err), BANTAM_OK);
    assert_int_equal(gone.n, 1);
    assert_int_equal(gone.bytes, listed.bytes);
    assert_int_equal(count_files(folder.path), 1);
    assert_int_equal(bnt_prefixes_list(temp_path(&folder, "none"), on_file, &listed, &err),
                     BANTAM_OK);
    temp_remove(&folder);
}

/* ---- what is asked of the caller, and what fails ---- */

static void prompts_that_cannot_be_are_refused_and_change_nothing(void **state)
{
    bnt_prefixes *const p = keeper(1 << 20, NULL);
    bnt_session *const s = session(&PLAIN, BANTAM_KV_F16, 16);
    uint32_t tokens[CONTEXT + 1] = {0};
    bantam_error err;
    (void)state;
    feed(p, s, TOKENS, 50, 0);
    assert_int_equal(bnt_prefixes_feed(p, s, tokens, 0, 0, NULL, &err), BANTAM_ERR_INVALID);
    assert_int_equal(bnt_prefixes_feed(p, s, NULL, 3, 0, NULL, &err), BANTAM_ERR_INVALID);
    assert_int_equal(bnt_prefixes_feed(p, s, tokens, CONTEXT + 1, 0, NULL, &err),
                     BANTAM_ERR_FULL);
    tokens[7] = LETTERS_N;
    assert_int_equal(bnt_prefixes_feed(p, s, tokens, 9, 0, NULL, &err), BANTAM_ERR_INVALID);
    assert_non_null(strstr(err.message, "token 7"));
    assert_int_equal(bnt_session_position(s), 50);
    assert_plain(&PLAIN, s, BANTAM_KV_F16, TOKENS, 50);
    bnt_session_close(s);
    bnt_prefixes_close(p);
}

static void keys_of_the_call_rope_are_never_reused(void **state)
{
    (void)state;
    if (!shared_found(1)) skip();
    session_rig phone;
    session_rig_open(&phone, shared_path("goldens/lm/phonelm-a/hf"), BANTAM_ROPE_CALL);
    bnt_prefixes *const p = keeper(64 << 20, NULL);
    bnt_session *const s = session(&phone, BANTAM_KV_F16, 16);
    feed(p, s, TOKENS, 100, 80);
    assert_false(bnt_prefixes_keep(p, s));
    assert_int_equal(feed(p, s, TOKENS, 120, 80).n_computed, 120);
    bnt_session_close(s);
    bnt_prefixes_close(p);
    session_rig_close(&phone);
}

static void any_allocation_may_fail(void **state)
{
    temp_folder folder;
    (void)state;
    temp_make(&folder);
    const bantam_prefixes_options o = {
        .struct_size = sizeof o, .memory_bytes = 1 << 20, .folder = folder.path};
    bnt_session *const s = session(&PLAIN, BANTAM_KV_F16, 16);
    bnt_prefixes *p = NULL;
    bantam_error err;
    bool all = false;
    for (uint64_t n = 0; !all; n++) {
        assert_int_equal(bnt_session_rewind(s, 0, &err), BANTAM_OK);
        bnt_mem_fail_after(n);
        bantam_status status = bnt_prefixes_open(&p, &o, &err);
        if (!status) {
            bantam_prefixes_fed fed;
            status = bnt_prefixes_feed(p, s, ELSE, 60, 40, NULL, &err);
            assert_int_equal(status, BANTAM_OK); /* what cannot be kept is not */
            status = bnt_prefixes_feed(p, s, TOKENS, LONG, SHARED, &fed, &err);
            assert_int_equal(status, BANTAM_OK);
            all = fed.saved && fed.n_computed == LONG;
        }
        bnt_mem_fail_after(UINT64_MAX);
        bnt_prefixes_close(p);
        if (all) assert_plain(&PLAIN, s, BANTAM_KV_F16, TOKENS, LONG);
        assert_int_equal(bnt_prefixes_remove(folder.path, on_gone, &(seen){0}, &err),
                         BANTAM_OK);
        assert_true(n < 200);
    }
    bnt_session_close(s);
    temp_remove(&folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_session_goes_on_with_what_it_holds),
        cmocka_unit_test(conversations_that_take_turns_find_themselves_again),
        cmocka_unit_test(a_beginning_that_is_shared_serves_every_session),
        cmocka_unit_test(part_of_a_copy_serves_where_no_window_has_moved_on),
        cmocka_unit_test(copies_stay_within_their_bytes_and_the_oldest_go_first),
        cmocka_unit_test(nothing_of_something_else_is_taken),
        cmocka_unit_test(adapters_and_their_strengths_are_part_of_what_is_kept),
        cmocka_unit_test(a_model_file_that_was_written_anew_finds_nothing),
        cmocka_unit_test(threads_share_a_keeper),
        cmocka_unit_test(the_second_start_computes_none_of_the_shared_part),
        cmocka_unit_test(a_prompt_that_is_all_shared_computes_its_last_token),
        cmocka_unit_test(a_file_has_the_shared_tokens_and_is_the_users_own),
        cmocka_unit_test(a_damaged_file_is_not_used_and_goes),
        cmocka_unit_test(a_shorter_file_serves_where_the_longer_one_is_damaged),
        cmocka_unit_test(files_stay_within_their_bytes_and_the_oldest_go_first),
        cmocka_unit_test(a_folder_that_cannot_be_is_no_failure),
        cmocka_unit_test(files_are_listed_and_removed_and_others_are_left_alone),
        cmocka_unit_test(prompts_that_cannot_be_are_refused_and_change_nothing),
        cmocka_unit_test(keys_of_the_call_rope_are_never_reused),
        cmocka_unit_test(any_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, open_models, close_models);
}
