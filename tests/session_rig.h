/* session_rig.h - models and a vocabulary of letters for tests of sessions. */
#ifndef BNT_TESTS_SESSION_RIG_H
#define BNT_TESTS_SESSION_RIG_H
#include "tiny_model.h"

#include "model/model.h"
#include "session/session.h"
#include "token/tokenizer.h"

/* A model with its file, and the tokenizer of letters where one is wanted. */
typedef struct session_rig {
    bnt_archive *archive;
    bnt_model *model;
    bnt_tokenizer *letters;
    char made[512]; /* path of the file that was made, to be removed */
} session_rig;

/* Tokens of the vocabulary of letters; every other id is ordinary text. */
enum {
    LETTERS_UNK = 0,
    LETTERS_BOS = 1,
    LETTERS_STOP = 2,
    LETTERS_CONTROL = 3,
    LETTERS_N = 48
};

static const char *const letters_texts[LETTERS_N] = {
    "<unk>", "<s>",  "</s>", "<call>", "a",    "b",   "c",    "d",       "e",        "f",
    "g",     "h",    "i",    "j",      " ",    "\n",  "ab",   "bc",      "ca",       "the",
    " the",  " a",   "ba",   "de",     "ef",   "fg",  "gh",   "hi",      "\xC3\xA9", "\xC3",
    "\xA9",  "\xE2", "\x82", "\xAC",   "User", ":",   "\nUs", "er:",     "aa",       "bb",
    "aab",   "abc",  "cab",  "cc",     "dd",   "e f", "g\n",  "<unused>"};

static inline bnt_tokenizer *letters_open(void)
{
    bnt_tokenizer *t = NULL;
    bantam_error err = {0};
    bnt_spec spec;

    bnt_spec_init(&spec);
    spec.kind = BNT_VOCAB_BPE_SCORES;
    spec.kind_name = "sentencepiece bpe";
    spec.tokens = bnt_spec_alloc(&spec, LETTERS_N, sizeof *spec.tokens);
    assert_non_null(spec.tokens);
    spec.n_tokens = LETTERS_N;
    for (uint32_t i = 0; i < LETTERS_N; i++) {
        const size_t size = strlen(letters_texts[i]);
        spec.tokens[i].text = bnt_spec_copy(&spec, letters_texts[i], size);
        spec.tokens[i].score = -(float)i;
        spec.tokens[i].kind = i == LETTERS_UNK     ? BNT_TOKEN_UNKNOWN
                              : i < 4              ? BNT_TOKEN_CONTROL
                              : i == LETTERS_N - 1 ? BNT_TOKEN_UNUSED
                              : i >= 29 && i <= 33 ? BNT_TOKEN_BYTE
                                                   : BNT_TOKEN_NORMAL;
    }
    spec.unk = LETTERS_UNK;
    spec.bos = LETTERS_BOS;
    spec.eos = LETTERS_STOP;
    bnt_spec_add_stop(&spec, LETTERS_STOP);
    if (bnt_tokenizer_open(&t, &spec, &err)) fail_msg("%s", err.message);
    bnt_spec_deinit(&spec);
    return t;
}

static inline void session_rig_open(session_rig *r, const char *path, bantam_rope rope)
{
    bantam_error err = {0};
    memset(r, 0, sizeof *r);
    if (bnt_archive_open(&r->archive, path, &err)) fail_msg("%s", err.message);
    if (bnt_model_open(&r->model, r->archive, rope, &err)) fail_msg("%s", err.message);
}

/* A tiny random model as specified, whose n_vocab is to be LETTERS_N. */
static inline void session_rig_made(session_rig *r, const tiny_spec *spec)
{
    char name[64];
    static unsigned turn;

    snprintf(name, sizeof name, "session-%u.gguf", turn++);
    const char *const path = tiny_path(name);
    tiny_write(path, spec);
    session_rig_open(r, path, BANTAM_ROPE_DEFAULT);
    snprintf(r->made, sizeof r->made, "%s", path);
    r->letters = letters_open();
}

/* One of three layers. window 0: every layer sees all, else the middle one sees a window.
 * head_dim 0: 8, too few for keys and values in 8 bits. */
static inline void session_rig_heads(session_rig *r, uint64_t seed, uint32_t window,
                                     uint32_t head_dim)
{
    const uint8_t pattern[3] = {0, 1, 0};
    const tiny_pair windows[] = {
        tiny_u32("llama.attention.sliding_window", window),
        tiny_array("llama.attention.sliding_window_pattern", GB_BOOL, pattern, 3, 1),
        {NULL, 0, 0, {0}}};
    const tiny_spec spec = {.n_vocab = LETTERS_N,
                            .n_layers = 3,
                            .head_dim = head_dim,
                            .untied = true,
                            .seed = seed,
                            .pairs = window ? windows : NULL};
    session_rig_made(r, &spec);
}

static inline void session_rig_tiny(session_rig *r, uint64_t seed, uint32_t window)
{
    session_rig_heads(r, seed, window, 0);
}

static inline void session_rig_close(session_rig *r)
{
    bnt_tokenizer_close(r->letters);
    bnt_model_close(r->model);
    bnt_archive_close(r->archive);
    if (r->made[0]) unlink(r->made);
    memset(r, 0, sizeof *r);
}

/* Fails the test where the session does not open. */
static inline bnt_session *rig_session(const session_rig *r, bantam_session_options o)
{
    bnt_session *s = NULL;
    bantam_error err = {0};
    o.struct_size = sizeof o;
    if (bnt_session_open(&s, r->model, r->letters, &o, &err)) fail_msg("%s", err.message);
    return s;
}

/* Tokens that depend on nothing but the seed. */
static inline void rig_tokens(uint32_t *tokens, size_t n, uint32_t n_vocab, uint32_t seed)
{
    for (size_t i = 0; i < n; i++) {
        seed = seed * 1664525u + 1013904223u;
        tokens[i] = (seed >> 8) % n_vocab;
    }
}

static inline void rig_feed_all(bnt_session *s, const uint32_t *tokens, size_t n)
{
    bantam_error err = {0};
    if (bnt_session_feed(s, tokens, n, &err)) fail_msg("%s", err.message);
}

/* A copy of the current logits; the caller frees it. */
static inline float *rig_logits(const bnt_session *s, uint32_t n_vocab)
{
    float *const copy = malloc(n_vocab * sizeof *copy);
    assert_non_null(copy);
    assert_non_null(bnt_session_logits(s));
    memcpy(copy, bnt_session_logits(s), n_vocab * sizeof *copy);
    return copy;
}

#endif
