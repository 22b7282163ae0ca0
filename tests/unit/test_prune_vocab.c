/* test_prune_vocab.c - fewer words: which stay, and that texts stay what they are. */
#include "session_rig.h"
#include "specs.h"

#include "base/mem.h"
#include "compress/convert_parts.h"
#include "compress/prune_vocab.h"
#include "token/load.h"

#define TEXT(literal) ((bantam_text){(literal), sizeof(literal) - 1})
#define SPACE         "\xE2\x96\x81" /* as SentencePiece writes it */

enum { MAX_IDS = 1 << 18, MAX_TEXT = 1 << 16 };

/* ---- opening ----------------------------------------------------------------------------- */

static bnt_prune_vocab prune(const bnt_spec *spec, uint32_t keep, const char *text)
{
    const bantam_text texts[] = {text_of(text)};
    const bnt_prune_vocab_ask ask = {
        .spec = spec, .keep = keep, .n_rows = spec->n_tokens, .texts = texts, .n_texts = 1};
    bnt_prune_vocab v;
    bantam_error err = {0};

    if (bnt_prune_vocab_open(&v, &ask, &err)) fail_msg("%s", err.message);
    return v;
}

static void refuse(const bnt_spec *spec, uint32_t keep, const char *text, const char *message)
{
    const bantam_text texts[] = {text_of(text)};
    const bnt_prune_vocab_ask ask = {
        .spec = spec, .keep = keep, .n_rows = spec->n_tokens, .texts = texts, .n_texts = 1};
    bnt_prune_vocab v;
    bantam_error err = {0};

    assert_int_not_equal(bnt_prune_vocab_open(&v, &ask, &err), BANTAM_OK);
    if (!strstr(err.message, message)) fail_msg("%s: expected %s", err.message, message);
    assert_null(v.kept);
}

/* Whether exactly these ids stay, of those from first on. */
static void assert_kept(const bnt_prune_vocab *v, uint32_t first, const uint32_t *ids, size_t n)
{
    size_t found = 0;
    for (uint32_t i = 0; i < v->n_kept; i++) {
        if (v->kept[i] < first) continue;
        assert_true(found < n);
        assert_int_equal(v->kept[i], ids[found]);
        found++;
    }
    assert_int_equal(found, n);
}

/* ---- which stay -------------------------------------------------------------------------- */

/* 256 ab, 257 abc, 258 de, 259 abcde, 260 xy, 261 bc */
static const char *const merges[] = {"a|b", "ab|c", "d|e", "abc|de", "x|y", "b|c", NULL};

static void a_token_stays_with_what_it_is_made_of(void **state)
{
    static const uint32_t pair[] = {256, 257}, whole[] = {256, 257, 258, 259}, other[] = {260};
    bnt_spec spec;
    bnt_prune_vocab v;

    (void)state;
    spec_bytes(&spec, BNT_VOCAB_BPE_MERGES, merges);
    v = prune(&spec, 258, "abc#abc#xy"); /* abc twice needs two places, xy one */
    assert_kept(&v, 256, pair, 2);
    assert_int_equal(v.n_needed, 256);
    assert_int_equal(v.spec.n_merges, 2);
    bnt_prune_vocab_close(&v);

    v = prune(&spec, 260, "abcde");
    assert_kept(&v, 256, whole, 4);
    bnt_prune_vocab_close(&v);

    v = prune(&spec, 257, "abc#abc#xy"); /* no room for two */
    assert_kept(&v, 256, other, 1);
    bnt_prune_vocab_close(&v);
    bnt_spec_deinit(&spec);
}

static void what_is_used_most_comes_first(void **state)
{
    static const uint32_t more[] = {260}, equal[] = {258};
    bnt_spec spec;
    bnt_prune_vocab v;

    (void)state;
    spec_bytes(&spec, BNT_VOCAB_BPE_MERGES, merges);
    v = prune(&spec, 257, "de#xy#xy");
    assert_kept(&v, 256, more, 1);
    bnt_prune_vocab_close(&v);
    v = prune(&spec, 257, "xy#de");
    assert_kept(&v, 256, equal, 1);
    bnt_prune_vocab_close(&v);
    bnt_spec_deinit(&spec);
}

static void places_that_are_left_are_filled_by_id(void **state)
{
    static const uint32_t ids[] = {256, 257, 260};
    bnt_spec spec;

    (void)state;
    spec_bytes(&spec, BNT_VOCAB_BPE_MERGES, merges);
    bnt_prune_vocab v = prune(&spec, 259, "xy");
    assert_kept(&v, 256, ids, 3);
    bnt_prune_vocab_close(&v);
    bnt_spec_deinit(&spec);
}

/* "bc" is a token, but in "abc" a and b merge first: only what really happens counts. */
static void ranks_and_scores_follow_the_merges_that_happen(void **state)
{
    static const char *const words[] = {"ab", "bc", "abc", NULL};
    static const uint32_t ids[] = {256, 258}, pieces[] = {259, 261};
    bnt_spec spec;
    bnt_prune_vocab v;

    (void)state;
    spec_bytes(&spec, BNT_VOCAB_BPE_RANKS, words);
    v = prune(&spec, 258, "abc");
    assert_kept(&v, 256, ids, 2);
    bnt_prune_vocab_close(&v);
    bnt_spec_deinit(&spec);

    /* a, b and c are bytes here, and stay as such. */
    spec_scores(&spec, words);
    v = prune(&spec, 261, "abc");
    assert_kept(&v, 259, pieces, 2);
    bnt_prune_vocab_close(&v);
    bnt_spec_deinit(&spec);
}

static void what_decoding_turns_into_a_space_stays(void **state)
{
    static const char *const words[] = {"a", "b", "ab", SPACE "ab", SPACE, NULL};
    bnt_spec spec;

    (void)state;
    spec_scores(&spec, words);
    bnt_prune_vocab v = prune(&spec, 260, "ab ab");
    const uint32_t ids[] = {263};
    assert_kept(&v, 259, ids, 1);
    assert_int_equal(v.n_needed, 260);
    bnt_prune_vocab_close(&v);
    bnt_spec_deinit(&spec);
}

static void without_bytes_every_character_stays(void **state)
{
    static const char *const words[] = {"a", "b", "\xC3\xA9", "ab", "qu", NULL};
    static const uint32_t ids[] = {259, 260, 261, 263}; /* q is spelled by qu alone */
    bnt_spec spec;

    (void)state;
    spec_scores(&spec, words);
    spec.byte_fallback = false;
    spec.n_normal = spec.n_decode = 0;
    bnt_prune_vocab v = prune(&spec, 263, "ab");
    assert_kept(&v, 259, ids, 4);
    bnt_prune_vocab_close(&v);
    refuse(&spec, 262, "ab", "are 263 tokens that stay");
    bnt_spec_deinit(&spec);
}

static void special_tokens_stay_and_their_ids_follow(void **state)
{
    bnt_spec spec;

    (void)state;
    spec_bytes(&spec, BNT_VOCAB_BPE_MERGES, merges);
    spec_token(&spec, 258, "<|end|>", 7, BNT_TOKEN_CONTROL);
    spec_token(&spec, 261, "<tool>", 6, BNT_TOKEN_USER_DEFINED);
    spec.n_merges = 2;
    spec.bos = spec.eos = 258;
    spec.pad = 259;
    bnt_spec_add_stop(&spec, 258);
    bnt_spec_add_stop(&spec, 260);
    bnt_prune_vocab v = prune(&spec, 260, "zz");
    const uint32_t ids[] = {258, 259, 260, 261};
    assert_kept(&v, 256, ids, 4);
    assert_int_equal(v.spec.bos, 256);
    assert_int_equal(v.spec.eos, 256);
    assert_int_equal(v.spec.pad, 257);
    assert_int_equal(v.spec.unk, BANTAM_NO_TOKEN);
    assert_int_equal(v.spec.n_stops, 2);
    assert_int_equal(v.spec.stops[1], 258);
    assert_int_equal(v.spec.tokens[256].kind, BNT_TOKEN_CONTROL);
    bnt_prune_vocab_close(&v);
    bnt_spec_deinit(&spec);
}

static void the_words_of_a_chat_template_come_first(void **state)
{
    static const char *const words[] = {"u|s", "us|e", "use|r", "x|y", NULL};
    static const uint32_t ids[] = {256, 257, 258};
    bnt_spec spec;

    (void)state;
    spec_bytes(&spec, BNT_VOCAB_BPE_MERGES, words);
    spec.chat_template = text_of("{{ role }}");
    bnt_prune_vocab v = prune(&spec, 259, "xy xy xy");
    assert_kept(&v, 256, ids, 3);
    bnt_prune_vocab_close(&v);
    bnt_spec_deinit(&spec);
}

static void the_report_counts_what_texts_become(void **state)
{
    bnt_spec spec;

    (void)state;
    spec_bytes(&spec, BNT_VOCAB_BPE_MERGES, merges);
    /* Room for abc, with ab, but not for abcde or xy. */
    bnt_prune_vocab v = prune(&spec, 258, "abc abc abcde xyq");
    assert_int_equal(v.use.words, 4);
    assert_int_equal(v.use.bytes, 17);
    assert_int_equal(v.use.tokens, 8);        /* abc _ abc _ abcde _ xy q */
    assert_int_equal(v.use.n_distinct, 5);    /* abc, space, abcde, xy, q */
    assert_int_equal(v.use.kept_bytes, 10);   /* abc twice, three spaces, q */
    assert_int_equal(v.use.tokens_after, 11); /* abcde in three, xy in two */
    assert_int_equal(v.use.n_distinct_kept, 3);
    bnt_prune_vocab_close(&v);
    bnt_spec_deinit(&spec);
}

/* ---- what is refused --------------------------------------------------------------------- */

static void too_few_too_many_and_no_text_are_refused(void **state)
{
    bnt_spec spec;

    (void)state;
    spec_bytes(&spec, BNT_VOCAB_BPE_MERGES, merges);
    refuse(&spec, 255, "abc", "are 256 tokens that stay");
    refuse(&spec, 0, "abc", "are 256 tokens that stay");
    refuse(&spec, 263, "abc", "at most 262");
    refuse(&spec, 258, "", "the texts to choose tokens by are empty");
    bnt_prune_vocab v = prune(&spec, 262, "abc");
    assert_int_equal(v.n_kept, 262);
    bnt_prune_vocab_close(&v);
    bnt_spec_deinit(&spec);

    bnt_spec_init(&spec);
    refuse(&spec, 10, "abc", "no tokenizer");
}

static void every_failed_allocation_is_survived(void **state)
{
    const bantam_text texts[] = {TEXT("abc abcde"), TEXT("xy")};
    bnt_spec spec;
    bnt_prune_vocab v;
    bantam_error err = {0};
    bantam_status status;
    uint64_t n = 0;

    (void)state;
    spec_bytes(&spec, BNT_VOCAB_BPE_MERGES, merges);
    spec_split(&spec, "\\s+", BNT_SPLIT_ISOLATED);
    spec.chat_template = text_of("{{ role }}");
    const bnt_prune_vocab_ask ask = {
        .spec = &spec, .keep = 259, .n_rows = spec.n_tokens, .texts = texts, .n_texts = 2};
    const int64_t before = bnt_mem_live_bytes();
    do {
        bnt_mem_fail_after(n++);
        status = bnt_prune_vocab_open(&v, &ask, &err);
        bnt_mem_fail_after(UINT64_MAX);
        assert_true(status == BANTAM_OK || status == BANTAM_ERR_NOMEM);
        if (!status) bnt_prune_vocab_close(&v);
        assert_int_equal(bnt_mem_live_bytes(), before);
    } while (status && n < 1000);
    assert_int_equal(status, BANTAM_OK);
    bnt_spec_deinit(&spec);
}

/* ---- texts stay what they are ------------------------------------------------------------ */

static uint32_t before_ids[MAX_IDS], after_ids[MAX_IDS];

typedef struct pair_of_tokenizers {
    const bnt_prune_vocab *v;
    bnt_tokenizer *before, *after;
    uint32_t n_same, n_texts;
} pair_of_tokenizers;

static size_t decode(const bnt_tokenizer *t, const uint32_t *ids, size_t n, char *out)
{
    bantam_error err = {0};
    size_t size = 0;
    if (bnt_tokenizer_decode(t, ids, n, BANTAM_DETOKENIZE_SPECIAL, out, 8 * MAX_TEXT, &size,
                             &err)) {
        fail_msg("%s", err.message);
    }
    return size;
}

static void check_text(pair_of_tokenizers *p, bantam_text text, unsigned flags)
{
    static char was[8 * MAX_TEXT], is[8 * MAX_TEXT];
    bantam_error err = {0};
    size_t n = 0, n_after = 0;
    bool stays = true;

    const bantam_status status =
        bnt_tokenizer_encode(p->before, text, flags, before_ids, MAX_IDS, &n, &err);
    assert_int_equal(
        bnt_tokenizer_encode(p->after, text, flags, after_ids, MAX_IDS, &n_after, &err),
        status);
    if (status) return; /* a byte that the vocabulary cannot spell */
    const size_t size = decode(p->before, before_ids, n, was);
    assert_int_equal(decode(p->after, after_ids, n_after, is), size);
    assert_memory_equal(is, was, size);
    for (size_t i = 0; i < n; i++) {
        before_ids[i] = p->v->new_ids[before_ids[i]];
        stays = stays && before_ids[i] != BANTAM_NO_TOKEN;
    }
    p->n_texts++;
    if (!stays) return;
    p->n_same++;
    assert_int_equal(n_after, n);
    assert_memory_equal(after_ids, before_ids, n * sizeof *before_ids);
}

/* Characters of many scripts, spaces, digits, marks, and bytes that are none. */
static size_t random_text(char *out, size_t n, uint32_t *state)
{
    static const char *const parts[] = {
        " ",        "  ",   "\n",           "\t",           "the ",     "\xC3\xA9",
        "\xD0\xB6", "a",    "\xE4\xB8\xAD", "\xE3\x81\x82", "ing",      "\xF0\x9F\xA6\x99",
        "2026",     "'s",   "\xEA\xB0\x80", "\xD8\xA7",     "B",        SPACE,
        "\xFF",     "\xC3", "ll",           "\r\n",         "_x(",      "\xE0\xA4\x95",
        "...",      "Ma",   "<s>",          "<|eot_id|>",   "\xCC\x81", "tion"};
    size_t size = 0;
    while (size + 16 < n) {
        *state = *state * 1664525u + 1013904223u;
        const char *const part = parts[(*state >> 16) % (sizeof parts / sizeof parts[0])];
        memcpy(out + size, part, strlen(part));
        size += strlen(part);
    }
    return size;
}

static void check_texts(pair_of_tokenizers *p, bantam_text corpus)
{
    char text[96];
    uint32_t state = 1;

    for (uint32_t turn = 0; turn < 300; turn++) {
        const size_t size = random_text(text, 18 + turn % (sizeof text - 18), &state);
        check_text(p, (bantam_text){text, size}, turn % 2 ? BANTAM_TOKENIZE_SPECIAL : 0);
    }
    for (size_t at = 0, step = 40; at + step < corpus.size; at += step) {
        check_text(p, (bantam_text){corpus.data + at, step}, 0);
        step = step * 7 % 389 + 5;
    }
}

/* Prunes a tokenizer by the first half of a text and looks at the whole. */
static void check_family(const char *path, uint32_t keep_percent, const char *file,
                         size_t offset)
{
    bantam_error err = {0};
    bnt_spec spec;
    size_t size;
    bnt_prune_vocab v;

    bnt_spec_init(&spec);
    if (bnt_spec_load(&spec, shared_path(path), &err)) fail_msg("%s", err.message);
    char *const corpus = read_whole(shared_path(file), &size);
    assert_true(size > offset + MAX_TEXT);
    const bantam_text all = {corpus + offset, MAX_TEXT}, half = {all.data, MAX_TEXT / 2};
    bnt_prune_vocab_ask ask = {.spec = &spec,
                               .keep = spec.n_tokens * keep_percent / 100,
                               .n_rows = spec.n_tokens,
                               .texts = &half,
                               .n_texts = 1};
    if (bnt_prune_vocab_open(&v, &ask, &err)) fail_msg("%s: %s", path, err.message);
    assert_int_equal(v.n_kept, ask.keep);

    pair_of_tokenizers p = {.v = &v};
    if (bnt_tokenizer_open(&p.before, &spec, &err)) fail_msg("%s", err.message);
    if (bnt_tokenizer_open(&p.after, &v.spec, &err)) fail_msg("%s", err.message);
    check_texts(&p, all);
    assert_true(p.n_same > p.n_texts / 10); /* the law was put to the test */
    assert_true(keep_percent > 50 || p.n_same < p.n_texts);
    bnt_tokenizer_close(p.before);
    bnt_tokenizer_close(p.after);
    bnt_prune_vocab_close(&v);
    bnt_spec_deinit(&spec);
    free(corpus);
}

static const char *const stories = "data/tinystories-eval-200.txt";

static void smollm2_texts_stay_what_they_are(void **state)
{
    (void)state;
    if (!shared_found(1)) skip();
    check_family("tokenizers/smollm2/tokenizer.json", 10, stories, 0);
    check_family("tokenizers/smollm2/tokenizer.json", 65, "data/wikitext2-test.raw", 5000);
}

static void llama3_texts_stay_what_they_are(void **state)
{
    (void)state;
    if (!shared_found(1)) skip();
    check_family("tokenizers/llama3/tokenizer.model", 3, stories, 0);
}

static void llama2_texts_stay_what_they_are(void **state)
{
    (void)state;
    if (!shared_found(1)) skip();
    check_family("tokenizers/llama2/tokenizer.model", 12, stories, 0);
}

static void mistral_texts_stay_what_they_are(void **state)
{
    (void)state;
    if (!shared_found(1)) skip();
    check_family("tokenizers/mistral-spm-tests/mistral_instruct_tokenizer_240323.model.v3", 30,
                 "data/wikitext2-test.raw", 0);
}

static void tekken_texts_stay_what_they_are(void **state)
{
    (void)state;
    if (!shared_found(1)) skip();
    check_family("tokenizers/mistral-tekken/tekken_240718.reconstructed.json", 4, stories, 0);
}

/* ---- files ------------------------------------------------------------------------------- */

/* A model whose words are those of spec, with keys beside them that name tokens. */
static void write_model(const char *path, const bnt_spec *spec, bool untied)
{
    char plain[512];
    bnt_archive *archive = NULL;
    bnt_gguf_writer *w = NULL;
    bantam_error err = {0};
    float weights[512];

    snprintf(plain, sizeof plain, "%s", tiny_path("plain.gguf"));
    const tiny_spec tiny = {.n_vocab = spec->n_tokens, .untied = untied, .seed = 5};
    tiny_write(plain, &tiny);
    if (bnt_archive_open(&archive, plain, &err)) fail_msg("%s", err.message);
    if (bnt_gguf_writer_open(&w, path, &err)) fail_msg("%s", err.message);
    const bnt_gguf *const gguf = bnt_archive_gguf(archive);
    for (size_t i = 0; i < bnt_gguf_n_pairs(gguf); i++) {
        bnt_gguf_put_pair(w, bnt_gguf_pair_at(gguf, i));
    }
    if (bnt_convert_words(w, spec, spec->n_tokens, &err)) fail_msg("%s", err.message);
    bnt_gguf_put_u32(w, "tokenizer.ggml.fim_pre_token_id", 258);
    bnt_gguf_put_u32(w, "tokenizer.ggml.mask_token_id", BANTAM_NO_TOKEN);
    bnt_gguf_put_u32s(w, "bantam.stop_token_ids", (const uint32_t[]){262, 260}, 2);
    for (uint32_t i = 0; i < spec->n_tokens; i++) {
        weights[i] = (float)i;
    }
    bnt_gguf_put_f32s(w, "tokenizer.ggml.of_each", weights, spec->n_tokens);
    bnt_gguf_put_text(w, "tokenizer.huggingface.json", TEXT("{}"));
    for (size_t i = 0; i < bnt_archive_n_tensors(archive); i++) {
        const bnt_tensor *const t = bnt_archive_tensor_at(archive, i);
        bnt_gguf_declare(w, t->name, t->type, t->n_dims, t->dims);
    }
    for (size_t i = 0; i < bnt_archive_n_tensors(archive); i++) {
        const bnt_tensor *const t = bnt_archive_tensor_at(archive, i);
        uint64_t rows = 1, bytes = 0;
        for (uint32_t d = 1; d < t->n_dims; d++) {
            rows *= t->dims[d];
        }
        assert_true(bnt_type_bytes(t->type, rows, t->dims[0], &bytes));
        bnt_gguf_put_data(w, t->data, (size_t)bytes);
    }
    if (bnt_gguf_writer_commit(w, &err)) fail_msg("%s", err.message);
    bnt_archive_close(archive);
    unlink(plain);
}

static void make_words(bnt_spec *spec)
{
    spec_bytes(spec, BNT_VOCAB_BPE_MERGES, merges);
    spec->n_tokens = 262;
    spec->pre_name = "gpt-2";
    spec->tokens = bnt_spec_alloc(spec, 263, sizeof *spec->tokens);
    assert_non_null(spec->tokens);
    bnt_spec old;
    spec_bytes(&old, BNT_VOCAB_BPE_MERGES, merges);
    for (uint32_t i = 0; i < 262; i++) {
        spec_token(spec, i, old.tokens[i].text.data, old.tokens[i].text.size,
                   (bnt_token_kind)old.tokens[i].kind);
    }
    bnt_spec_deinit(&old);
    spec->n_tokens = 263;
    spec_token(spec, 262, "<end>", 5, BNT_TOKEN_CONTROL);
    spec->eos = 262;
}

/* Prunes a file to keep words; the pruning is still open afterwards. */
static void prune_file(const char *in, const char *out, uint32_t keep, bnt_prune_vocab *v,
                       bnt_source *source)
{
    const bantam_text text = TEXT("abc abc");
    bnt_model *model = NULL;
    bnt_edit edit = {0};
    bantam_error err = {0};

    if (bnt_source_open(source, in, out, &err)) fail_msg("%s", err.message);
    if (bnt_model_open(&model, source->archive, BANTAM_ROPE_DEFAULT, &err)) {
        fail_msg("%s", err.message);
    }
    const bnt_prune_vocab_ask ask = {.gguf = bnt_archive_gguf(source->archive),
                                     .spec = &source->spec,
                                     .keep = keep,
                                     .n_rows = model->config.n_vocab,
                                     .texts = &text,
                                     .n_texts = 1};
    if (bnt_prune_vocab_open(v, &ask, &err)) fail_msg("%s", err.message);
    if (bnt_edit_init(&edit, source, &model->config, &err)) fail_msg("%s", err.message);
    if (bnt_prune_vocab_apply(v, &edit, &err)) fail_msg("%s", err.message);
    if (bnt_edit_write(&edit, out, NULL, NULL, &err)) fail_msg("%s", err.message);
    bnt_edit_deinit(&edit);
    bnt_model_close(model);
}

static void keys_that_name_tokens_follow(void **state)
{
    char in[512], out[512];
    bnt_spec spec, got;
    bnt_source source;
    bnt_prune_vocab v;
    bnt_archive *archive = NULL;
    bantam_error err = {0};
    uint32_t id = 0, mask = 0;
    bnt_gguf_items items;
    int64_t stop;
    float weight;

    (void)state;
    make_words(&spec);
    snprintf(in, sizeof in, "%s", tiny_path("in.gguf"));
    snprintf(out, sizeof out, "%s", tiny_path("out.gguf"));
    write_model(in, &spec, false);
    /* Needed: 256 bytes, <end>, and what is named: de and xy. Then ab and abc. */
    prune_file(in, out, 261, &v, &source);
    assert_int_equal(v.n_needed, 259);
    if (bnt_archive_open(&archive, out, &err)) fail_msg("%s", err.message);
    const bnt_gguf *const gguf = bnt_archive_gguf(archive);
    bnt_spec_init(&got);
    if (bnt_load_gguf(&got, gguf, &err)) fail_msg("%s", err.message);
    assert_int_equal(got.n_tokens, 261);
    assert_int_equal(got.n_merges, v.spec.n_merges);
    assert_memory_equal(got.merges, v.spec.merges, got.n_merges * sizeof *got.merges);
    for (uint32_t i = 0; i < got.n_tokens; i++) {
        assert_int_equal(got.tokens[i].text.size, v.spec.tokens[i].text.size);
        assert_memory_equal(got.tokens[i].text.data, v.spec.tokens[i].text.data,
                            got.tokens[i].text.size);
        assert_int_equal(got.tokens[i].kind, v.spec.tokens[i].kind);
    }
    /* 256 ab, 257 abc, 258 de, 259 xy (was 260), 260 <end> (was 262). */
    assert_int_equal(got.eos, 260);
    assert_int_equal(bnt_gguf_u32(gguf, "tokenizer.ggml.fim_pre_token_id", &id, &err), 0);
    assert_int_equal(id, 258);
    assert_int_equal(bnt_gguf_u32(gguf, "tokenizer.ggml.mask_token_id", &mask, &err), 0);
    assert_int_equal(mask, BANTAM_NO_TOKEN);
    assert_int_equal(
        bnt_gguf_items_begin(gguf, "bantam.stop_token_ids", BNT_GGUF_I32, &items, &err), 0);
    assert_true(bnt_gguf_next_i64(&items, &stop) && stop == 260);
    assert_true(bnt_gguf_next_i64(&items, &stop) && stop == 259);
    assert_int_equal(
        bnt_gguf_items_begin(gguf, "tokenizer.ggml.of_each", BNT_GGUF_F32, &items, &err), 0);
    for (uint32_t i = 0; i < 261; i++) {
        assert_true(bnt_gguf_next_f32(&items, &weight));
        assert_true(weight == (float)v.kept[i]);
    }
    assert_null(bnt_gguf_find(gguf, "tokenizer.huggingface.json"));
    bnt_spec_deinit(&got);
    bnt_archive_close(archive);
    bnt_prune_vocab_close(&v);
    bnt_source_close(&source);
    bnt_spec_deinit(&spec);
    unlink(in);
    unlink(out);
}

static float *logits_of(const char *path, const uint32_t *tokens, size_t n, uint32_t n_vocab)
{
    session_rig r;

    session_rig_open(&r, path, BANTAM_ROPE_DEFAULT);
    assert_int_equal(r.model->config.n_vocab, n_vocab);
    bnt_session *const s = rig_session(&r, (bantam_session_options){.n_threads = 1});
    rig_feed_all(s, tokens, n);
    float *const logits = rig_logits(s, n_vocab);
    bnt_session_close(s);
    session_rig_close(&r);
    return logits;
}

static void words_that_stay_get_the_same_logits(void **state)
{
    static const uint32_t before[] = {257, 32, 257, 97, 262};
    uint32_t after[5];
    char in[512], out[512];
    bnt_spec spec;
    bnt_source source;
    bnt_prune_vocab v;

    (void)state;
    make_words(&spec);
    snprintf(in, sizeof in, "%s", tiny_path("in.gguf"));
    snprintf(out, sizeof out, "%s", tiny_path("out.gguf"));
    for (int untied = 0; untied < 2; untied++) {
        write_model(in, &spec, untied);
        prune_file(in, out, 261, &v, &source);
        for (size_t i = 0; i < 5; i++) {
            after[i] = v.new_ids[before[i]];
            assert_int_not_equal(after[i], BANTAM_NO_TOKEN);
        }
        float *const was = logits_of(in, before, 5, 263);
        float *const is = logits_of(out, after, 5, 261);
        for (uint32_t i = 0; i < 261; i++) {
            assert_memory_equal(&is[i], &was[v.kept[i]], sizeof *is);
        }
        free(was);
        free(is);
        bnt_prune_vocab_close(&v);
        bnt_source_close(&source);
        unlink(in);
        unlink(out);
    }
    bnt_spec_deinit(&spec);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_stays_with_what_it_is_made_of),
        cmocka_unit_test(what_is_used_most_comes_first),
        cmocka_unit_test(places_that_are_left_are_filled_by_id),
        cmocka_unit_test(ranks_and_scores_follow_the_merges_that_happen),
        cmocka_unit_test(what_decoding_turns_into_a_space_stays),
        cmocka_unit_test(without_bytes_every_character_stays),
        cmocka_unit_test(special_tokens_stay_and_their_ids_follow),
        cmocka_unit_test(the_words_of_a_chat_template_come_first),
        cmocka_unit_test(the_report_counts_what_texts_become),
        cmocka_unit_test(too_few_too_many_and_no_text_are_refused),
        cmocka_unit_test(every_failed_allocation_is_survived),
        cmocka_unit_test(smollm2_texts_stay_what_they_are),
        cmocka_unit_test(llama3_texts_stay_what_they_are),
        cmocka_unit_test(llama2_texts_stay_what_they_are),
        cmocka_unit_test(mistral_texts_stay_what_they_are),
        cmocka_unit_test(tekken_texts_stay_what_they_are),
        cmocka_unit_test(keys_that_name_tokens_follow),
        cmocka_unit_test(words_that_stay_get_the_same_logits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
