/* mini_score.c - how good a small model is at what bantam-mini is made for.
 *
 *     bantam-mini-score stories MODEL TEXTS       nats per character, one text a line
 *     bantam-mini-score sentiment MODEL FILE.tsv  share of sentences whose label is the
 * likelier bantam-mini-score answers MODEL FILE.tsv    questions, and answers that should come
 *
 * Texts are cut to MOST characters, so that models with other vocabularies are measured on the
 * same characters in one window each.
 */
#include "mini.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CONTEXT = 512, MOST = 900, MAX_ANSWER = 80, ROOM = 1 << 16 };

typedef struct scorer {
    bantam_model *model;
    bantam_session *session;
    const bantam_tokenizer *tokenizer;
    bantam_tokenizer_info info;
    uint32_t tokens[ROOM];
    size_t n_tokens;
    char text[ROOM];
} scorer;

static void check(bantam_status status, const bantam_error *err)
{
    if (status) mini_die("%s", err->message);
}

static void open_scorer(scorer *s, const char *path)
{
    const bantam_session_options options = {.struct_size = sizeof options,
                                            .context_tokens = CONTEXT};
    bantam_error err = {0};

    check(bantam_model_open(&s->model, path, NULL, &err), &err);
    check(bantam_session_open(&s->session, s->model, &options, &err), &err);
    s->tokenizer = bantam_model_tokenizer(s->model);
    if (!s->tokenizer) mini_die("%s: has no tokenizer", path);
    bantam_tokenizer_describe(s->tokenizer, &s->info);
}

/* ---- stories ----------------------------------------------------------------------------- */

typedef struct rows {
    scorer *s;
    double nll;
} rows;

static bool on_row(void *user, size_t index, const float *logits, uint32_t n_vocab)
{
    rows *const r = user;
    (void)n_vocab;
    if (index + 1 < r->s->n_tokens) {
        r->nll -= bantam_session_logprob(r->s->session, logits, r->s->tokens[index + 1]);
    }
    return true;
}

static int stories(scorer *s, const char *path)
{
    const mini_texts texts = mini_lines(path);
    rows r = {s, 0.0};
    size_t n_characters = 0, n_predicted = 0;
    bantam_error err = {0};

    for (size_t i = 0; i < texts.n; i++) {
        bantam_text t = texts.items[i];
        while (t.size > MOST ||
               (t.size && t.size < texts.items[i].size && t.data[t.size] != ' ')) {
            t.size--;
        }
        check(bantam_tokenize(s->tokenizer, t, BANTAM_TOKENIZE_ADD, s->tokens, ROOM,
                              &s->n_tokens, &err),
              &err);
        while (s->info.adds_eos && s->tokens[s->n_tokens - 1] == s->info.eos) {
            s->n_tokens--;
        }
        check(bantam_session_rewind(s->session, 0, &err), &err);
        check(bantam_session_score(s->session, s->tokens, s->n_tokens, on_row, &r, &err), &err);
        n_characters += t.size;
        n_predicted += s->n_tokens - 1;
    }
    printf("{\"texts\":%zu,\"characters\":%zu,\"tokens\":%zu,\"nll\":%.3f,\"per_character\":%."
           "5f}\n",
           texts.n, n_characters, n_predicted, r.nll, r.nll / (double)n_characters);
    return 0;
}

/* ---- chat -------------------------------------------------------------------------------- */

/* The chat form of one question, its last token the one after which the answer begins. */
static void ask(scorer *s, bantam_text question)
{
    bnt_buf json;
    bantam_error err = {0};
    size_t size;

    bnt_buf_init(&json, ROOM);
    bnt_buf_puts(&json, "{\"messages\":[{\"role\":\"user\",\"content\":\"");
    for (size_t i = 0; i < question.size; i++) {
        const char c = question.data[i];
        if (c == '"' || c == '\\') bnt_buf_putc(&json, '\\');
        if (c == '\n') {
            bnt_buf_puts(&json, "\\n");
        } else {
            bnt_buf_putc(&json, c);
        }
    }
    bnt_buf_puts(&json, "\"}],\"add_generation_prompt\":true}");
    check(bantam_render_chat(s->tokenizer, bnt_buf_text(&json), s->text, ROOM, &size, &err),
          &err);
    bnt_buf_deinit(&json);
    const bantam_text bos = s->info.bos == BANTAM_NO_TOKEN
                                ? (bantam_text){NULL, 0}
                                : bantam_token_text(s->tokenizer, s->info.bos);
    const bool has_bos = bos.size && size >= bos.size && !memcmp(s->text, bos.data, bos.size);
    check(bantam_tokenize(s->tokenizer, (bantam_text){s->text, size},
                          BANTAM_TOKENIZE_SPECIAL | (has_bos ? 0u : BANTAM_TOKENIZE_ADD),
                          s->tokens, ROOM, &s->n_tokens, &err),
          &err);
    check(bantam_session_rewind(s->session, 0, &err), &err);
    check(bantam_session_feed(s->session, s->tokens, s->n_tokens, &err), &err);
}

/* ln p of a text after the question. */
static double label_logprob(scorer *s, const char *label)
{
    uint32_t ids[16];
    size_t n;
    bantam_error err = {0};
    double sum = 0.0;
    const uint32_t begin = bantam_session_position(s->session);

    check(bantam_tokenize(s->tokenizer, mini_text(label), 0, ids, 16, &n, &err), &err);
    for (size_t i = 0; i < n; i++) {
        sum += bantam_session_logprob(s->session, bantam_session_logits(s->session), ids[i]);
        if (i + 1 < n) check(bantam_session_feed(s->session, &ids[i], 1, &err), &err);
    }
    if (n > 1) { /* back to the question's end, and its logits again */
        const uint32_t last = bantam_session_token(s->session, begin - 1);
        check(bantam_session_rewind(s->session, begin - 1, &err), &err);
        check(bantam_session_feed(s->session, &last, 1, &err), &err);
    }
    return sum;
}

static int sentiment(scorer *s, const char *path)
{
    const mini_texts lines = mini_lines(path);
    size_t n = 0, n_right = 0, n_positive = 0;
    double loss = 0.0;
    char question[ROOM];

    for (size_t i = 1; i < lines.n; i++) { /* the first line is a header */
        const bantam_text l = lines.items[i];
        if (l.size < 3 || l.data[l.size - 2] != '\t') mini_die("%s: line %zu", path, i + 1);
        const bool truth = l.data[l.size - 1] == '1';
        const int size =
            snprintf(question, ROOM, "positive or negative?\n%.*s", (int)l.size - 2, l.data);
        while (size > 0 && question[size - 1] == ' ') {
            question[size - 1] = '\0';
            break;
        }
        ask(s, mini_text(question));
        const double positive = label_logprob(s, "positive"),
                     negative = label_logprob(s, "negative");
        const double margin = truth ? positive - negative : negative - positive;
        n++;
        n_positive += positive > negative;
        n_right += margin > 0;
        loss += log1p(exp(-margin));
    }
    printf("{\"sentences\":%zu,\"right\":%zu,\"accuracy\":%.4f,\"said_positive\":%zu,\"loss\":%"
           ".4f}\n",
           n, n_right, (double)n_right / (double)n, n_positive, loss / (double)n);
    return 0;
}

typedef struct answer {
    char text[ROOM];
    size_t size;
} answer;

static bool on_step(void *user, const bantam_step *step)
{
    answer *const a = user;
    if (step->text.size > sizeof a->text - a->size) return false;
    memcpy(a->text + a->size, step->text.data, step->text.size);
    a->size += step->text.size;
    return true;
}

/* "\n" in the file stands for a new line. */
static bantam_text unescape(bantam_text t)
{
    char *const out = malloc(t.size + 1);
    size_t n = 0;

    if (!out) mini_die("out of memory");
    for (size_t i = 0; i < t.size; i++) {
        const bool newline = t.data[i] == '\\' && i + 1 < t.size && t.data[i + 1] == 'n';
        out[n++] = newline ? '\n' : t.data[i];
        i += newline;
    }
    return (bantam_text){out, n};
}

/* Whether an answer is one of those between bars; "*" takes any, "*word" one that has the word.
 */
static bool is_right(bantam_text got, bantam_text wanted)
{
    for (size_t at = 0; at <= wanted.size;) {
        size_t size = 0;
        while (at + size < wanted.size && wanted.data[at + size] != '|') {
            size++;
        }
        const char *const w = wanted.data + at;
        if (size && *w == '*') {
            for (size_t i = 0; i + size - 1 <= got.size; i++) {
                if (!memcmp(got.data + i, w + 1, size - 1)) return true;
            }
        } else if (size == got.size && !memcmp(got.data, w, size)) {
            return true;
        }
        at += size + 1;
    }
    return false;
}

static int answers(scorer *s, const char *path)
{
    const mini_texts lines = mini_lines(path);
    const bantam_generation options = {.struct_size = sizeof options, .max_tokens = MAX_ANSWER};
    size_t n = 0, n_right = 0;
    bantam_error err = {0};
    static answer a;

    for (size_t i = 0; i < lines.n; i++) {
        const bantam_text l = lines.items[i];
        const char *const tab = memchr(l.data, '\t', l.size);
        if (!tab || *l.data == '#') continue;
        const bantam_text question = unescape((bantam_text){l.data, (size_t)(tab - l.data)});
        const bantam_text wanted =
            unescape((bantam_text){tab + 1, l.size - (size_t)(tab - l.data) - 1});
        ask(s, question);
        a.size = 0;
        check(bantam_session_generate(s->session, &options, on_step, &a, NULL, &err), &err);
        const bantam_text got = {a.text, a.size};
        const bool right = is_right(got, wanted);
        n++;
        n_right += right;
        printf("%s\t%.*s\t", right ? "right" : "wrong", (int)(tab - l.data), l.data);
        for (size_t k = 0; k < got.size; k++) {
            if (got.data[k] == '\n') {
                fputs("\\n", stdout);
            } else {
                putchar(got.data[k]);
            }
        }
        putchar('\n');
    }
    printf("%zu of %zu right\n", n_right, n);
    return 0;
}

int main(int argc, char **argv)
{
    static scorer s;

    if (argc != 4) mini_die("usage: bantam-mini-score stories|sentiment|answers MODEL FILE");
    open_scorer(&s, argv[2]);
    if (!strcmp(argv[1], "stories")) return stories(&s, argv[3]);
    if (!strcmp(argv[1], "sentiment")) return sentiment(&s, argv[3]);
    if (!strcmp(argv[1], "answers")) return answers(&s, argv[3]);
    mini_die("%s: expected stories, sentiment or answers", argv[1]);
}
