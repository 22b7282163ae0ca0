/* label_form.c - what the model is asked about a text, as a rendered prompt that is cut where
 * the text stands, and the tree of the labels' tokens.
 */
#include "task/labels.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

/* Stands for the text while a prompt is rendered: a character that Unicode keeps for private
 * use. */
static const char hole[] = "\xEE\x80\x80";
static const char place[] = "{text}";

static const char *find(bantam_text in, const char *what, bool last)
{
    const size_t size = strlen(what);
    const char *found = NULL;

    for (size_t i = 0; i + size <= in.size; i++) {
        if (memcmp(in.data + i, what, size) != 0) continue;
        found = in.data + i;
        if (!last) break;
    }
    return found;
}

/* ---- the prompt -------------------------------------------------------------------------- */

/* The question with a text in its place. */
static void ask(bnt_buf *out, bantam_text question, bantam_text text)
{
    const char *const at = find(question, place, false);

    if (!at) {
        bnt_buf_put(out, question.data, question.size);
        bnt_buf_putc(out, '\n');
        bnt_buf_put(out, text.data, text.size);
        return;
    }
    const size_t before = (size_t)(at - question.data), skip = before + strlen(place);
    bnt_buf_put(out, question.data, before);
    bnt_buf_put(out, text.data, text.size);
    bnt_buf_put(out, question.data + skip, question.size - skip);
}

static void put_message(bnt_buf *json, const char *role, bantam_text content)
{
    bnt_buf_printf(json, "{\"role\":\"%s\",\"content\":", role);
    bnt_json_put_string(json, content.data, content.size);
    bnt_buf_putc(json, '}');
}

/* The conversation as JSON: the shots are questions that were answered. */
static bantam_status conversation(bnt_buf *json, const bnt_label_question *q, bantam_error *err)
{
    const bantam_text mark = bnt_text_of(hole);
    bnt_buf asked;

    bnt_buf_init(&asked, BNT_MAX_QUESTION);
    bnt_buf_puts(json, "{\"messages\":[");
    for (size_t i = 0; i <= q->n_shots && !asked.failed; i++) {
        const bool shot = i < q->n_shots;
        bnt_buf_clear(&asked);
        ask(&asked, q->question, shot ? bnt_label_trim(q->shots[i].text) : mark);
        put_message(json, "user", bnt_buf_text(&asked));
        if (!shot) break;
        bnt_buf_putc(json, ',');
        put_message(json, "assistant", q->labels[q->shots[i].label]);
        bnt_buf_putc(json, ',');
    }
    bnt_buf_puts(json, "],\"add_generation_prompt\":true}");
    bantam_status status = bnt_buf_status(&asked, "the question", err);
    if (!status) status = bnt_buf_status(json, "the question", err);
    bnt_buf_deinit(&asked);
    return status;
}

static bantam_status render_chat(bnt_buf *out, const bnt_label_question *q, bantam_error *err)
{
    bnt_buf json;
    size_t size = 0;

    bnt_buf_init(&json, BNT_MAX_QUESTION);
    bantam_status status = conversation(&json, q, err);
    if (!status) {
        status = bantam_render_chat(q->tokenizer, bnt_buf_text(&json), NULL, 0, &size, err);
    }
    if (status == BANTAM_ERR_FULL && size > 0) {
        char *const at = bnt_buf_extend(out, size);
        status = bnt_buf_status(out, "the prompt", err);
        if (!status) {
            status =
                bantam_render_chat(q->tokenizer, bnt_buf_text(&json), at, size, &size, err);
        }
    }
    bnt_buf_deinit(&json);
    return status;
}

/* What is repeated of the question where nothing but lines tells one text from the next: the
 * line that the text stands in. */
static bantam_text last_line(bantam_text question)
{
    const char *const at = find(question, place, false);
    const char *line = at;

    if (!at) return bnt_text_of(place);
    while (line > question.data && line[-1] != '\n') {
        line--;
    }
    return (bantam_text){line, question.size - (size_t)(line - question.data)};
}

/* Without a template: the question once, texts and labels in turn, the last label left to the
 * model. */
static bantam_status render_plain(bnt_buf *out, const bnt_label_question *q, bantam_error *err)
{
    const bantam_text mark = bnt_text_of(hole), again = last_line(q->question);

    for (size_t i = 0; i <= q->n_shots; i++) {
        const bool shot = i < q->n_shots;
        ask(out, i ? again : q->question, shot ? bnt_label_trim(q->shots[i].text) : mark);
        bnt_buf_puts(out, "\nLabel:");
        if (!shot) break;
        const bantam_text label = q->labels[q->shots[i].label];
        bnt_buf_putc(out, ' ');
        bnt_buf_put(out, label.data, label.size);
        bnt_buf_puts(out, "\n\n");
    }
    return bnt_buf_status(out, "the prompt", err);
}

/* Whether the prompt has written the token that the encoder would begin with. */
static bool has_bos(const bantam_tokenizer *tokenizer, bantam_text prompt)
{
    bantam_tokenizer_info info;

    bantam_tokenizer_describe(tokenizer, &info);
    if (info.bos == BANTAM_NO_TOKEN) return false;
    const bantam_text bos = bantam_token_text(tokenizer, info.bos);
    return bos.size > 0 && prompt.size >= bos.size &&
           memcmp(prompt.data, bos.data, bos.size) == 0;
}

static bantam_status render(bnt_label_form *form, const bnt_label_question *q,
                            bantam_error *err)
{
    bnt_buf prompt;

    bnt_buf_init(&prompt, BNT_MAX_QUESTION);
    bantam_status status =
        q->chat ? render_chat(&prompt, q, err) : render_plain(&prompt, q, err);
    const char *const at = status ? NULL : find(bnt_buf_text(&prompt), hole, true);
    if (!status && !at) {
        status = bnt_fail(err, BANTAM_ERR_UNSUPPORTED,
                          "the model's chat template does not pass on the text of a message");
    }
    if (!status) {
        const size_t before = (size_t)(at - prompt.data), skip = before + strlen(hole);
        form->add = !q->chat || !has_bos(q->tokenizer, bnt_buf_text(&prompt));
        bnt_buf_put(&form->head, prompt.data, before);
        bnt_buf_put(&form->tail, prompt.data + skip, prompt.size - skip);
        status = bnt_buf_status(&form->head, "the prompt", err);
        if (!status) status = bnt_buf_status(&form->tail, "the prompt", err);
    }
    bnt_buf_deinit(&prompt);
    return status;
}

/* ---- the labels -------------------------------------------------------------------------- */

/* Tokens of a label as they follow the prompt: what a prompt with the label has more than one
 * without, or, where the two do not begin alike, those of the label by itself. */
typedef struct spelling {
    uint32_t *tokens; /* owns */
    size_t n, skip;
    size_t index; /* of the label */
} spelling;

static bantam_status encode(const bnt_label_question *q, bantam_text text, unsigned flags,
                            uint32_t **tokens, size_t *n, bantam_error *err)
{
    bantam_status status = bantam_tokenize(q->tokenizer, text, flags, NULL, 0, n, err);

    *tokens = NULL;
    if (status && status != BANTAM_ERR_FULL) return status;
    *tokens = bnt_calloc(*n, sizeof **tokens);
    if (!*tokens) return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for a label's tokens");
    status = bantam_tokenize(q->tokenizer, text, flags, *tokens, *n, n, err);
    if (status) {
        bnt_free(*tokens);
        *tokens = NULL;
    }
    return status;
}

/* What stands before the label, without shots and text: the last part of the prompt, and a
 * letter in the text's place. */
static bantam_status spell(spelling *out, const bnt_label_question *q,
                           const bnt_label_form *form, bantam_error *err)
{
    const bantam_text label = q->labels[out->index];
    uint32_t *before = NULL;
    size_t n_before = 0;
    bnt_buf text;

    bnt_buf_init(&text, BNT_MAX_QUESTION);
    bnt_buf_putc(&text, 'x');
    bnt_buf_put(&text, form->tail.data, form->tail.size);
    bantam_status status = bnt_buf_status(&text, "the prompt", err);
    if (!status) {
        status =
            encode(q, bnt_buf_text(&text), BANTAM_TOKENIZE_SPECIAL, &before, &n_before, err);
    }
    if (!q->chat) bnt_buf_putc(&text, ' ');
    bnt_buf_put(&text, label.data, label.size);
    if (!status) status = bnt_buf_status(&text, "the prompt", err);
    if (!status) {
        status =
            encode(q, bnt_buf_text(&text), BANTAM_TOKENIZE_SPECIAL, &out->tokens, &out->n, err);
    }
    if (!status) {
        out->skip = n_before;
        if (out->n <= n_before || memcmp(out->tokens, before, n_before * sizeof *before) != 0) {
            bnt_free(out->tokens);
            out->skip = 0;
            status = encode(q, label, 0, &out->tokens, &out->n, err);
        }
    }
    if (!status && out->n == out->skip) {
        status =
            bnt_fail(err, BANTAM_ERR_INVALID, "label %.*s: has no tokens", BNT_TEXT_ARG(label));
    }
    bnt_free(before);
    bnt_buf_deinit(&text);
    return status;
}

/* How many tokens two labels have in common at their beginnings. */
static size_t shared(const spelling *a, const spelling *b)
{
    const size_t n_a = a->n - a->skip, n_b = b->n - b->skip;
    size_t n = 0;

    while (n < n_a && n < n_b && a->tokens[a->skip + n] == b->tokens[b->skip + n]) {
        n++;
    }
    return n;
}

static int by_tokens(const void *a, const void *b)
{
    const spelling *const x = a, *const y = b;
    const size_t n = shared(x, y), n_x = x->n - x->skip, n_y = y->n - y->skip;

    if (n == n_x || n == n_y) return (n_x > n_y) - (n_x < n_y);
    return x->tokens[x->skip + n] < y->tokens[y->skip + n] ? -1 : 1;
}

/* Copies the tokens into the form and finds out whether ends count. */
static bantam_status gather(bnt_label_form *form, const bnt_label_question *q,
                            const spelling *spellings, bantam_error *err)
{
    uint32_t total = 0;

    for (size_t i = 0; i < q->k; i++) {
        const spelling *const s = &spellings[i];
        const uint32_t n = (uint32_t)(s->n - s->skip);
        form->start[i] = total;
        form->label[i] = (uint32_t)s->index;
        total += n;
        if (n > form->deepest) form->deepest = n;
        if (i == 0 || shared(s - 1, s) < s[-1].n - s[-1].skip) continue;
        form->ends = true;
        if (s[-1].n - s[-1].skip == n) {
            return bnt_fail(
                err, BANTAM_ERR_INVALID, "labels %.*s and %.*s: have the same tokens",
                BNT_TEXT_ARG(q->labels[s[-1].index]), BNT_TEXT_ARG(q->labels[s->index]));
        }
    }
    form->start[q->k] = total;
    form->tokens = bnt_calloc(total, sizeof *form->tokens);
    form->nodes = bnt_calloc((size_t)total + q->k, sizeof *form->nodes);
    if (!form->tokens || !form->nodes) {
        return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for %zu labels", q->k);
    }
    for (size_t i = 0; i < q->k; i++) {
        const spelling *const s = &spellings[i];
        memcpy(form->tokens + form->start[i], s->tokens + s->skip,
               (s->n - s->skip) * sizeof *s->tokens);
    }
    return BANTAM_OK;
}

/* Labels come in the order of their tokens, so that those that go through a node follow each
 * other, and a label's new nodes are those behind what it shares with the label before. */
static void grow_tree(bnt_label_form *form, size_t k, const spelling *spellings)
{
    for (size_t i = 0; i < k; i++) {
        const uint32_t n = form->start[i + 1] - form->start[i];
        const size_t old = i ? shared(&spellings[i - 1], &spellings[i]) : 0;
        for (uint32_t d = i ? (uint32_t)old + 1 : 0; d < n + (form->ends ? 1 : 0); d++) {
            bnt_label_node *const node = &form->nodes[form->n_nodes++];
            *node = (bnt_label_node){.depth = d, .first = (uint32_t)i, .n = 1};
            if (d > 0) node->token = form->tokens[form->start[i] + d - 1];
            while (i + node->n < k && shared(&spellings[i], &spellings[i + node->n]) >= d) {
                node->n++;
            }
        }
    }
}

/* Chat answers end with any stop token; a label that completes a line, with the line. */
static bantam_status find_stops(bnt_label_form *form, const bnt_label_question *q,
                                bantam_error *err)
{
    bantam_tokenizer_info info;
    uint32_t *line = NULL;
    size_t n = 0;

    bantam_tokenizer_describe(q->tokenizer, &info);
    for (uint32_t t = 0; q->chat && t < info.n_tokens && form->n_stops < BNT_MAX_STOPS; t++) {
        if (bantam_token_is_stop(q->tokenizer, t)) form->stops[form->n_stops++] = t;
    }
    if (form->n_stops) return BANTAM_OK;
    const bantam_status status = encode(q, (bantam_text){"\n", 1}, 0, &line, &n, err);
    if (!status && n) form->stops[form->n_stops++] = line[n - 1];
    bnt_free(line);
    return status;
}

static bantam_status read_labels(bnt_label_form *form, const bnt_label_question *q,
                                 bantam_error *err)
{
    spelling *const spellings = bnt_calloc(q->k, sizeof *spellings);
    bantam_status status = BANTAM_OK;

    if (!spellings) {
        return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for %zu labels", q->k);
    }
    for (size_t i = 0; i < q->k && !status; i++) {
        spellings[i].index = i;
        status = spell(&spellings[i], q, form, err);
    }
    if (!status) {
        qsort(spellings, q->k, sizeof *spellings, by_tokens);
        status = gather(form, q, spellings, err);
    }
    if (!status) grow_tree(form, q->k, spellings);
    for (size_t i = 0; i < q->k; i++) {
        bnt_free(spellings[i].tokens);
    }
    bnt_free(spellings);
    return status;
}

bantam_status bnt_label_form_open(bnt_label_form *out, const bnt_label_question *q,
                                  bantam_error *err)
{
    *out = (bnt_label_form){0};
    bnt_buf_init(&out->head, BNT_MAX_QUESTION);
    bnt_buf_init(&out->tail, BNT_MAX_QUESTION);
    if (find(q->question, hole, false)) {
        return bnt_fail(err, BANTAM_ERR_INVALID,
                        "question: holds U+E000, which is used to mark the text");
    }
    bantam_status status = render(out, q, err);
    if (!status) status = read_labels(out, q, err);
    if (!status) status = find_stops(out, q, err);
    if (status) bnt_label_form_close(out);
    return status;
}

void bnt_label_form_close(bnt_label_form *form)
{
    bnt_buf_deinit(&form->head);
    bnt_buf_deinit(&form->tail);
    bnt_free(form->tokens);
    bnt_free(form->nodes);
    *form = (bnt_label_form){0};
}
