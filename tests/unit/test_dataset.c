/* test_dataset.c - files to batches: which tokens, which of them count, in which order. */
#include "temp_folder.h"

#include "base/mem.h"
#include "train/dataset.h"
#include "train/learn_vocab.h"

/* A vocabulary of bytes alone, so that every token can be read, and four names. */
static const bantam_text names[] = {
    {"<s>", 3}, {"</s>", 4}, {"<|im_start|>", 12}, {"<|im_end|>", 10}};
enum { BOS, EOS, START, END, FIRST_BYTE };

static const char chatml[] =
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";

typedef struct rig {
    temp_folder folder;
    char paths[3][300];
    bnt_data_file files[3];
    bnt_tokenizer *tokenizer;
    bnt_template *chat;
    bnt_dataset_options options;
    bnt_dataset *ds;
} rig;

static void rig_make(rig *r, bool has_bos, const char *chat)
{
    const bnt_vocab_wish wish = {.n_tokens = FIRST_BYTE + 256,
                                 .specials = names,
                                 .n_specials = 4,
                                 .bos = has_bos ? BOS : BANTAM_NO_TOKEN,
                                 .eos = EOS,
                                 .adds_bos = has_bos};
    bantam_error err = {0};
    bnt_spec spec;

    memset(r, 0, sizeof *r);
    temp_make(&r->folder);
    bnt_spec_init(&spec);
    if (bnt_learn_vocab(&spec, &wish, NULL, NULL, &err)) fail_msg("%s", err.message);
    bnt_spec_add_stop(&spec, END);
    if (bnt_tokenizer_open(&r->tokenizer, &spec, &err)) fail_msg("%s", err.message);
    bnt_spec_deinit(&spec);
    if (chat && bnt_template_parse(&r->chat, chat, strlen(chat), &err)) {
        fail_msg("%s", err.message);
    }
    r->options = (bnt_dataset_options){.tokenizer = r->tokenizer,
                                       .chat = r->chat,
                                       .files = r->files,
                                       .sequence_tokens = 64,
                                       .batch_tokens = 64,
                                       .seed = 1};
}

static void rig_file(rig *r, const char *name, const char *data)
{
    const size_t i = r->options.n_files++;
    snprintf(r->paths[i], sizeof r->paths[i], "%s", temp_path(&r->folder, name));
    write_whole(r->paths[i], data, strlen(data));
    r->files[i].path = r->paths[i];
}

static void rig_open(rig *r)
{
    bantam_error err = {0};
    if (bnt_dataset_open(&r->ds, &r->options, &err)) fail_msg("%s", err.message);
}

static void rig_free(rig *r)
{
    bnt_dataset_close(r->ds);
    bnt_template_close(r->chat);
    bnt_tokenizer_close(r->tokenizer);
    temp_remove_all(r->folder.path);
}

static char letter(uint32_t token)
{
    static const char marks[] = "^$<>";
    return token < FIRST_BYTE ? marks[token] : (char)(unsigned char)(token - FIRST_BYTE);
}

/* A sequence as text: inputs, "|", targets with '.' in place of those that do not count. */
static const char *show(const bnt_batch *b, uint32_t s)
{
    static char text[4][600];
    static unsigned turn;
    char *const out = text[turn++ % 4];
    const bnt_sequence q = b->sequences[s];
    size_t n = 0;

    for (uint32_t i = 0; i < q.n; i++) {
        out[n++] = letter(b->tokens[q.first + i]);
    }
    out[n++] = '|';
    for (uint32_t i = 0; i < q.n; i++) {
        out[n++] = b->weights[q.first + i] > 0.0f ? letter(b->targets[q.first + i]) : '.';
    }
    out[n] = '\0';
    return out;
}

/* All of a dataset's documents, in order, as text. */
static void expect_in_order(rig *r, const char *const *want, size_t n)
{
    const bnt_batch *batches;
    size_t n_batches, at = 0;

    assert_int_equal(bnt_dataset_in_order(r->ds, false, 0, &batches, &n_batches, NULL),
                     BANTAM_OK);
    for (size_t i = 0; i < n_batches; i++) {
        for (uint32_t s = 0; s < batches[i].n_sequences; s++) {
            assert_in_range(at, 0, n - 1);
            assert_string_equal(show(&batches[i], s), want[at++]);
        }
    }
    assert_int_equal(at, n);
}

/* ---- files ------------------------------------------------------------------------------- */

static void documents_end_at_separators(void **state)
{
    static const char *const want[] = {"^one|one$", "^two\nlines|two\nlines$",
                                       "^<|endoftext|> x|<|endoftext|> x$", "^last|last$"};
    rig r;

    (void)state;
    rig_make(&r, true, NULL);
    rig_file(
        &r, "a.txt",
        "<|endoftext|>\none\n<|endoftext|>\n\n two\nlines \n\n<|endoftext|>\r\n<|endoftext|>"
        "\n<|endoftext|> x\n<|endoftext|>\nlast");
    rig_open(&r);
    expect_in_order(&r, want, 4);
    rig_free(&r);
}

static void a_vocabulary_without_bos_gets_none(void **state)
{
    static const char *const want[] = {"one|ne$"};
    rig r;

    (void)state;
    rig_make(&r, false, NULL);
    rig_file(&r, "a.txt", "one");
    rig_open(&r);
    expect_in_order(&r, want, 1);
    rig_free(&r);
}

static void lines_of_json_are_texts_and_completions(void **state)
{
    static const char *const want[] = {"^a b|a b$", "^ask:yes|....yes$", "^</s>|</s>$"};
    rig r;

    (void)state;
    rig_make(&r, true, NULL);
    rig_file(
        &r, "a.jsonl",
        "{\"text\":\"a b\"}\n\n  \n{\"prompt\":\"ask:\",\"completion\":\"yes\",\"id\":7}\r\n"
        "{\"text\":\"never\",\"weight\":0}\n{\"text\":\"</s>\"}");
    rig_open(&r);
    expect_in_order(&r, want, 3);
    rig_free(&r);
}

static void weights_scale_a_line(void **state)
{
    const bnt_batch *b;
    size_t n;
    rig r;

    (void)state;
    rig_make(&r, true, NULL);
    rig_file(&r, "a.jsonl", "{\"prompt\":\"a\",\"completion\":\"b\",\"weight\":0.25}\n");
    rig_open(&r);
    assert_int_equal(bnt_dataset_in_order(r.ds, false, 0, &b, &n, NULL), BANTAM_OK);
    assert_int_equal(n, 1);
    assert_int_equal(b->n_rows, 3);
    assert_true(b->weights[0] == 0.0f);
    assert_true(b->weights[1] == 0.25f);
    assert_true(b->weights[2] == 0.25f);
    rig_free(&r);
}

/* ---- conversations ----------------------------------------------------------------------- */

static void only_answers_are_learned(void **state)
{
    const bnt_batch *b;
    size_t n;
    rig r;

    (void)state;
    rig_make(&r, true, chatml);
    r.options.sequence_tokens = r.options.batch_tokens = 256;
    rig_file(
        &r, "a.jsonl",
        "{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"},"
        "{\"role\":\"assistant\",\"content\":\"ho\"},{\"role\":\"user\",\"content\":\"more\"},"
        "{\"role\":\"assistant\",\"content\":\"ok\"},{\"role\":\"user\",\"content\":\"by\"}]}");
    rig_open(&r);
    assert_int_equal(bnt_dataset_in_order(r.ds, false, 0, &b, &n, NULL), BANTAM_OK);
    assert_int_equal(n, 1);
    /* What follows the token that ends an answer is the template's, not the model's. */
    assert_string_equal(show(b, 0),
                        "^<user\nhi>\n<assistant\nho>\n<user\nmore>\n<assistant\nok|"
                        "....................." /* "<user\nhi>\n<assistant\n" */
                        "ho>"
                        "............" /* "\n<user\nmore>" */
                        "............" /* "\n<assistant\n" */
                        "ok>");
    rig_free(&r);
}

static void an_answer_without_an_end_gets_one(void **state)
{
    const bnt_batch *b;
    size_t n;
    rig r;

    (void)state;
    rig_make(&r, true,
             "{% for m in messages %}{{ 'U:' if m.role == 'user' else ' A:' }}{{ m.content }}"
             "{% endfor %}{% if add_generation_prompt %} A:{% endif %}");
    rig_file(&r, "a.jsonl",
             "{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"},"
             "{\"role\":\"assistant\",\"content\":\"ho\"}]}");
    rig_open(&r);
    assert_int_equal(bnt_dataset_in_order(r.ds, false, 0, &b, &n, NULL), BANTAM_OK);
    assert_string_equal(show(b, 0), "^U:hi A:ho|.......ho$");
    rig_free(&r);
}

static void turns_that_are_rewritten_become_documents_of_their_own(void **state)
{
    const bnt_batch *b;
    size_t n;
    rig r;

    (void)state;
    /* Writes an answer whole only where it is the last, as templates do that drop thoughts. */
    rig_make(&r, true,
             "{% for m in messages %}{% if m.role == 'user' %}U:{{ m.content }}{% else %}A:"
             "{{ m.content if loop.last else '...' }}</s>{% endif %}{% endfor %}"
             "{% if add_generation_prompt %}A:{% endif %}");
    rig_file(&r, "a.jsonl",
             "{\"messages\":[{\"role\":\"user\",\"content\":\"1\"},{\"role\":\"assistant\","
             "\"content\":\"x\"},{\"role\":\"user\",\"content\":\"2\"},"
             "{\"role\":\"assistant\",\"content\":\"y\"}]}");
    rig_open(&r);
    assert_int_equal(bnt_dataset_in_order(r.ds, false, 0, &b, &n, NULL), BANTAM_OK);
    assert_int_equal(n, 1);
    assert_int_equal(b->n_sequences, 2);
    assert_string_equal(show(b, 0), "^U:1A:x|.....x$");
    assert_string_equal(show(b, 1), "^U:1A:...$U:2A:y|..............y$");
    rig_free(&r);
}

static void the_line_s_other_members_reach_the_template(void **state)
{
    const bnt_batch *b;
    size_t n;
    rig r;

    (void)state;
    rig_make(&r, true,
             "{{ bos_token }}{{ mood }}{{ weight }}{% for m in messages %}{{ m.content }}"
             "{% endfor %}");
    rig_file(&r, "a.jsonl",
             "{\"mood\":\"gay\",\"weight\":2,\"messages\":[{\"role\":\"assistant\","
             "\"content\":\"x\"}]}");
    rig_open(&r);
    assert_int_equal(bnt_dataset_in_order(r.ds, false, 0, &b, &n, NULL), BANTAM_OK);
    assert_string_equal(show(b, 0), "^gayx|...x$"); /* the template's own bos stands alone */
    rig_free(&r);
}

/* ---- batches ----------------------------------------------------------------------------- */

/* How often each letter of a text of distinct letters is a target in some steps. */
static void count_targets(rig *r, uint64_t from, uint64_t n_steps, unsigned *counts)
{
    for (uint64_t i = from; i < from + n_steps; i++) {
        bnt_batch b;
        assert_int_equal(bnt_dataset_batch(r->ds, i, &b, NULL), BANTAM_OK);
        assert_in_range(b.n_rows, 1, r->options.batch_tokens);
        uint32_t rows = 0;
        for (uint32_t s = 0; s < b.n_sequences; s++) {
            assert_int_equal(b.sequences[s].first, rows);
            assert_in_range(b.sequences[s].n, 1, r->options.sequence_tokens);
            rows += b.sequences[s].n;
        }
        assert_int_equal(rows, b.n_rows);
        for (uint32_t k = 0; k < b.n_rows; k++) {
            counts[b.targets[k]] += b.weights[k] > 0.0f;
        }
    }
}

static void every_document_is_seen_once_an_epoch(void **state)
{
    unsigned counts[FIRST_BYTE + 256] = {0};
    char first[600] = "", second[600] = "";
    rig r;

    (void)state;
    rig_make(&r, true, NULL);
    r.options.sequence_tokens = r.options.batch_tokens = 2; /* a document a batch */
    rig_file(&r, "a.jsonl",
             "{\"text\":\"a\"}\n{\"text\":\"b\"}\n{\"text\":\"c\"}\n{\"text\":\"d\"}\n"
             "{\"text\":\"e\"}\n{\"text\":\"f\"}\n{\"text\":\"g\"}\n{\"text\":\"h\"}");
    rig_open(&r);
    for (uint64_t epoch = 0; epoch < 3; epoch++) {
        memset(counts, 0, sizeof counts);
        count_targets(&r, epoch * 8, 8, counts);
        for (int c = 'a'; c <= 'h'; c++) {
            assert_int_equal(counts[FIRST_BYTE + c], 1);
        }
    }
    for (uint64_t i = 0; i < 8; i++) {
        bnt_batch b;
        bnt_dataset_batch(r.ds, i, &b, NULL);
        first[i] = letter(b.targets[0]);
        bnt_dataset_batch(r.ds, i + 8, &b, NULL);
        second[i] = letter(b.targets[0]);
    }
    assert_string_not_equal(first, second);
    assert_string_not_equal(first, "abcdefgh");
    rig_free(&r);
}

static void a_long_document_is_cut_and_nothing_is_lost(void **state)
{
    unsigned counts[FIRST_BYTE + 256] = {0};
    char text[151];
    bnt_dataset_info info;
    rig r;

    (void)state;
    for (int i = 0; i < 150; i++) {
        text[i] = (char)('!' + i % 90);
    }
    text[150] = '\0';
    rig_make(&r, true, NULL);
    r.options.sequence_tokens = r.options.batch_tokens = 16;
    rig_file(&r, "a.txt", text);
    rig_open(&r);
    bnt_dataset_describe(r.ds, &info);
    assert_int_equal(info.n_cut, 1);
    assert_int_equal(info.n_rows, 151);
    /* Pieces are 16 long but the first and the last: 10 or 11 of them an epoch. */
    uint32_t rows = 0;
    uint64_t step = 0;
    for (; rows < 151; step++) {
        bnt_batch b;
        assert_int_equal(bnt_dataset_batch(r.ds, step, &b, NULL), BANTAM_OK);
        rows += b.n_rows;
        count_targets(&r, step, 1, counts);
    }
    assert_int_equal(rows, 151);
    for (int i = 0; i < 90; i++) {
        assert_int_equal(counts[FIRST_BYTE + '!' + i], i < 60 ? 2 : 1);
    }
    assert_int_equal(counts[EOS], 1);
    rig_free(&r);
}

static void a_batch_is_a_function_of_its_step(void **state)
{
    static const uint64_t steps[] = {40, 3, 3, 0, 41, 17};
    char seen[50][600];
    bnt_batch b;
    rig r;

    (void)state;
    rig_make(&r, true, NULL);
    r.options.sequence_tokens = 6;
    r.options.batch_tokens = 13;
    rig_file(&r, "a.txt",
             "one\n<|endoftext|>\na longer one\n<|endoftext|>\ntwo\n<|endoftext|>\nx");
    rig_file(&r, "b.txt", "beta\n<|endoftext|>\nbetabetabeta\n<|endoftext|>\nbe");
    rig_open(&r);
    for (uint64_t i = 0; i < 50; i++) {
        seen[i][0] = '\0';
        assert_int_equal(bnt_dataset_batch(r.ds, i, &b, NULL), BANTAM_OK);
        for (uint32_t s = 0; s < b.n_sequences; s++) {
            strncat(seen[i], show(&b, s), 100);
        }
    }
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        char again[600] = "";
        assert_int_equal(bnt_dataset_batch(r.ds, steps[i], &b, NULL), BANTAM_OK);
        for (uint32_t s = 0; s < b.n_sequences; s++) {
            strncat(again, show(&b, s), 100);
        }
        assert_string_equal(again, seen[steps[i]]);
    }
    rig_free(&r);
}

static void shares_say_how_much_of_each_file_is_seen(void **state)
{
    unsigned counts[FIRST_BYTE + 256] = {0};
    rig r;

    (void)state;
    rig_make(&r, false, NULL);
    r.options.batch_tokens = 100;
    rig_file(&r, "a.txt", "aaaaaaaaa\n<|endoftext|>\naaaaaaaaa\n<|endoftext|>\naaaaaaaaa");
    rig_file(&r, "b.txt", "bbbbbbbbb");
    r.files[0].share = 1;
    r.files[1].share = 3;
    rig_open(&r);
    count_targets(&r, 0, 40, counts);
    const double share = (double)counts[FIRST_BYTE + 'b'] /
                         (double)(counts[FIRST_BYTE + 'a'] + counts[FIRST_BYTE + 'b']);
    assert_true(share > 0.73 && share < 0.77);
    rig_free(&r);

    memset(counts, 0, sizeof counts);
    rig_make(&r, false, NULL);
    r.options.batch_tokens = 100;
    rig_file(&r, "a.txt", "aaaaaaaaa\n<|endoftext|>\naaaaaaaaa\n<|endoftext|>\naaaaaaaaa");
    rig_file(&r, "b.txt", "bbbbbbbbb");
    rig_open(&r);
    count_targets(&r, 0, 40, counts);
    const double by_size = (double)counts[FIRST_BYTE + 'b'] /
                           (double)(counts[FIRST_BYTE + 'a'] + counts[FIRST_BYTE + 'b']);
    assert_true(by_size > 0.23 && by_size < 0.27);
    rig_free(&r);
}

static void held_out_documents_are_not_learned(void **state)
{
    char text[26 * 20 + 1] = "";
    unsigned counts[FIRST_BYTE + 256] = {0};
    const bnt_batch *held;
    bnt_dataset_info info;
    size_t n;
    rig r;

    (void)state;
    for (int c = 'a'; c <= 'z'; c++) {
        char line[32];
        snprintf(line, sizeof line, "{\"text\":\"%c\"}\n", c);
        strcat(text, line);
    }
    rig_make(&r, true, NULL);
    rig_file(&r, "a.jsonl", text);
    r.options.held_out = 0.25;
    rig_open(&r);
    bnt_dataset_describe(r.ds, &info);
    assert_int_equal(info.n_held_out,
                     14); /* seven documents of two rows: the first beyond 13 */
    assert_int_equal(info.n_documents, 19);
    assert_int_equal(bnt_dataset_in_order(r.ds, true, 0, &held, &n, NULL), BANTAM_OK);
    count_targets(&r, 0, 40, counts);
    unsigned n_held = 0;
    for (size_t i = 0; i < n; i++) {
        for (uint32_t k = 0; k < held[i].n_rows; k++) {
            if (held[i].targets[k] == EOS) continue;
            assert_int_equal(counts[held[i].targets[k]], 0);
            counts[held[i].targets[k]] = 1000;
            n_held++;
        }
    }
    assert_int_equal(n_held, 7);
    for (int c = 'a'; c <= 'z'; c++) {
        assert_true(counts[FIRST_BYTE + c] > 0);
    }
    rig_free(&r);
}

static void of_a_single_document_the_end_is_held_out(void **state)
{
    static const char *const want[] = {"^abcdefg|abcdefgh"};
    const bnt_batch *held;
    size_t n;
    rig r;

    (void)state;
    rig_make(&r, true, NULL);
    rig_file(&r, "a.txt", "abcdefghij");
    r.options.held_out = 0.3;
    rig_open(&r);
    expect_in_order(&r, want, 1);
    assert_int_equal(bnt_dataset_in_order(r.ds, true, 0, &held, &n, NULL), BANTAM_OK);
    assert_int_equal(n, 1);
    assert_string_equal(show(held, 0), "hij|ij$");
    rig_free(&r);
}

static void in_order_stops_at_so_many_rows(void **state)
{
    const bnt_batch *b;
    size_t n;
    rig r;

    (void)state;
    rig_make(&r, true, NULL);
    rig_file(&r, "a.jsonl", "{\"text\":\"abc\"}\n{\"text\":\"def\"}\n{\"text\":\"ghi\"}\n");
    rig_open(&r);
    assert_int_equal(bnt_dataset_in_order(r.ds, false, 5, &b, &n, NULL), BANTAM_OK);
    assert_int_equal(n, 1);
    assert_int_equal(b->n_sequences, 2);
    rig_free(&r);
}

/* ---- what is wrong ----------------------------------------------------------------------- */

static void expect_error(const char *name, const char *data, const char *chat,
                         bantam_status status, const char *says)
{
    bantam_error err = {0};
    rig r;

    rig_make(&r, true, chat);
    rig_file(&r, name, data);
    assert_int_equal(bnt_dataset_open(&r.ds, &r.options, &err), status);
    assert_null(r.ds);
    if (!strstr(err.message, says)) fail_msg("\"%s\" does not say \"%s\"", err.message, says);
    assert_non_null(strstr(err.message, name));
    rig_free(&r);
}

static void what_is_wrong_is_named_with_its_line(void **state)
{
    const bantam_status format = BANTAM_ERR_FORMAT;

    (void)state;
    expect_error("a.jsonl", "{\"text\":\"a\"}\n\n{\"text\":", NULL, format, "line 3: ");
    expect_error("a.jsonl", "[1]", NULL, format, "line 1: expected a JSON object");
    expect_error("a.jsonl", "{\"txt\":\"a\"}", NULL, format, "expected \"text\"");
    expect_error("a.jsonl", "{\"text\":1}", NULL, format, "text: expected a string");
    expect_error("a.jsonl", "{\"prompt\":\"a\"}", NULL, format,
                 "completion: expected a string");
    expect_error("a.jsonl", "{\"text\":\"a\",\"weight\":-1}", NULL, format, "weight");
    expect_error("a.jsonl", "{\"text\":\"a\",\"weight\":\"1\"}", NULL, format, "weight");
    expect_error("a.jsonl", "{\"messages\":1}", chatml, format, "messages: expected an array");
    expect_error("a.jsonl", "{\"messages\":[1]}", chatml, format, "message 0");
    expect_error("a.jsonl", "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]}", chatml,
                 format, "nothing to learn");
    expect_error("a.jsonl", "{\"messages\":[{\"role\":\"assistant\",\"content\":\"a\"}]}", NULL,
                 BANTAM_ERR_UNSUPPORTED, "no chat template");
    expect_error("a.jsonl", "{\"messages\":[{\"role\":\"assistant\",\"content\":\"a\"}]}",
                 "{{ raise_exception('not so') }}", BANTAM_ERR_INVALID, "not so");
    expect_error("a.jsonl", "{\"messages\":[{\"role\":\"assistant\",\"content\":\"a\"}]}",
                 "{{ messages | length }}", BANTAM_ERR_UNSUPPORTED, "where the answer begins");
    expect_error("a.txt", "", NULL, format, "nothing to learn");
    expect_error("a.txt", "\n<|endoftext|>\n \n", NULL, format, "nothing to learn");
}

static void options_that_make_no_sense_are_named(void **state)
{
    bantam_error err = {0};
    rig r;

    (void)state;
    rig_make(&r, true, NULL);
    assert_int_equal(bnt_dataset_open(&r.ds, &r.options, &err), BANTAM_ERR_INVALID);
    rig_file(&r, "a.txt", "abc");
    rig_file(&r, "b.txt", "abc");
    r.files[0].share = 1;
    assert_int_equal(bnt_dataset_open(&r.ds, &r.options, &err), BANTAM_ERR_INVALID);
    assert_non_null(strstr(err.message, "1 of 2 files have a share"));
    r.files[0].share = 0;
    r.options.batch_tokens = 63;
    assert_int_equal(bnt_dataset_open(&r.ds, &r.options, &err), BANTAM_ERR_INVALID);
    assert_non_null(strstr(err.message, "63"));
    r.options.batch_tokens = 64;
    r.options.held_out = 0.75;
    assert_int_equal(bnt_dataset_open(&r.ds, &r.options, &err), BANTAM_ERR_INVALID);
    r.options.held_out = 0.0;
    unlink(r.paths[1]);
    assert_int_equal(bnt_dataset_open(&r.ds, &r.options, &err), BANTAM_ERR_IO);
    assert_non_null(strstr(err.message, "b.txt"));
    rig_free(&r);
}

static void other_data_have_another_digest(void **state)
{
    static const char *const texts[] = {"abc", "abd", "ab\n<|endoftext|>\nc"};
    uint64_t digests[4];

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        bnt_dataset_info info;
        rig r;
        rig_make(&r, true, NULL);
        rig_file(&r, "a.txt", texts[i % 3]);
        rig_open(&r);
        bnt_dataset_describe(r.ds, &info);
        digests[i] = info.digest;
        rig_free(&r);
    }
    assert_true(digests[0] != digests[1]);
    assert_true(digests[0] != digests[2]);
    assert_true(digests[0] == digests[3]);
}

static void texts_for_a_vocabulary_leave_out_what_is_not_text(void **state)
{
    static const char *const want[] = {"one", "two", "hi", "ho", "p", "c"};
    bnt_texts texts;
    rig r;

    (void)state;
    rig_make(&r, true, NULL);
    rig_file(&r, "a.txt", "one\n<|endoftext|>\ntwo");
    rig_file(&r, "b.jsonl",
             "{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"},{\"role\":\"assistant\","
             "\"content\":\"ho\"}]}\n{\"prompt\":\"p\",\"completion\":\"c\"}");
    assert_int_equal(bnt_texts_read(&texts, r.files, 2, 1 << 20, NULL), BANTAM_OK);
    assert_int_equal(texts.n, 6);
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(texts.items[i].size, strlen(want[i]));
        assert_memory_equal(texts.items[i].data, want[i], strlen(want[i]));
    }
    bnt_texts_free(&texts);
    assert_int_equal(bnt_texts_read(&texts, r.files, 1, 4, NULL), BANTAM_OK);
    assert_int_equal(texts.n, 2);
    assert_int_equal(texts.items[1].size, 1); /* "one", "t" */
    bnt_texts_free(&texts);
    rig_free(&r);
}

static bool stop(void *user, uint64_t done, uint64_t total)
{
    (void)user;
    return done >= total;
}

static void reading_can_be_stopped(void **state)
{
    enum { SIZE = 1 << 20 };
    char *const text = malloc(SIZE + 1);
    rig r;

    (void)state;
    assert_non_null(text);
    for (size_t i = 0; i < SIZE; i++) {
        text[i] = "abc\n<|endoftext|>\n"[i % 18];
    }
    text[SIZE] = '\0';
    rig_make(&r, true, NULL);
    rig_file(&r, "a.txt", text);
    r.options.progress = stop;
    assert_int_equal(bnt_dataset_open(&r.ds, &r.options, NULL), BANTAM_ERR_CANCELLED);
    rig_free(&r);
    free(text);
}

static void every_failed_allocation_is_told(void **state)
{
    bantam_status status = BANTAM_ERR_NOMEM;
    rig r;

    (void)state;
    rig_make(&r, true, chatml);
    rig_file(&r, "a.txt", "abcd\n<|endoftext|>\nefg");
    rig_file(&r, "b.jsonl",
             "{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"},{\"role\":\"assistant\","
             "\"content\":\"ho\"}]}\n{\"prompt\":\"p\",\"completion\":\"c\"}");
    r.options.held_out = 0.1;
    const int64_t live = bnt_mem_live();
    for (uint64_t n = 0; status && n < 20000; n++) {
        const bnt_batch *list;
        size_t n_list;
        bnt_batch b;
        bnt_mem_fail_after(n);
        status = bnt_dataset_open(&r.ds, &r.options, NULL);
        if (!status) status = bnt_dataset_batch(r.ds, 3, &b, NULL);
        if (!status) status = bnt_dataset_in_order(r.ds, true, 0, &list, &n_list, NULL);
        bnt_mem_fail_after(UINT64_MAX);
        assert_true(status == BANTAM_OK || status == BANTAM_ERR_NOMEM);
        bnt_dataset_close(r.ds);
        r.ds = NULL;
        assert_int_equal(bnt_mem_live(), live);
    }
    assert_int_equal(status, BANTAM_OK);
    rig_free(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(documents_end_at_separators),
        cmocka_unit_test(a_vocabulary_without_bos_gets_none),
        cmocka_unit_test(lines_of_json_are_texts_and_completions),
        cmocka_unit_test(weights_scale_a_line),
        cmocka_unit_test(only_answers_are_learned),
        cmocka_unit_test(an_answer_without_an_end_gets_one),
        cmocka_unit_test(turns_that_are_rewritten_become_documents_of_their_own),
        cmocka_unit_test(the_line_s_other_members_reach_the_template),
        cmocka_unit_test(every_document_is_seen_once_an_epoch),
        cmocka_unit_test(a_long_document_is_cut_and_nothing_is_lost),
        cmocka_unit_test(a_batch_is_a_function_of_its_step),
        cmocka_unit_test(shares_say_how_much_of_each_file_is_seen),
        cmocka_unit_test(held_out_documents_are_not_learned),
        cmocka_unit_test(of_a_single_document_the_end_is_held_out),
        cmocka_unit_test(in_order_stops_at_so_many_rows),
        cmocka_unit_test(what_is_wrong_is_named_with_its_line),
        cmocka_unit_test(options_that_make_no_sense_are_named),
        cmocka_unit_test(other_data_have_another_digest),
        cmocka_unit_test(texts_for_a_vocabulary_leave_out_what_is_not_text),
        cmocka_unit_test(reading_can_be_stopped),
        cmocka_unit_test(every_failed_allocation_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
