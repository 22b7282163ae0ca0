/* label_score.c - how likely each label is after the question about one text.
 *
 * A prompt begins like the one before it, with all that is the same for every text; the session
 * goes back to where they part and computes what is new. Behind the prompt the labels' tree is
 * walked: one row of logits where each label is one token, and one token more per node.
 */
#include "task/labels.h"

#include "base/mem.h"
#include "task/sentences.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

bantam_text bnt_label_trim(bantam_text text)
{
    while (text.size > 0 && is_space(*text.data)) {
        text.data++;
        text.size--;
    }
    while (text.size > 0 && is_space(text.data[text.size - 1])) {
        text.size--;
    }
    return text;
}

bantam_status bnt_label_work_open(bnt_label_work *out, bantam_session *session,
                                  bantam_error *err)
{
    bantam_tokenizer_info info;

    *out = (bnt_label_work){.session = session,
                            .tokenizer = bantam_model_tokenizer(bantam_session_model(session)),
                            .capacity = bantam_session_capacity(session)};
    bnt_buf_init(&out->prompt, BNT_MAX_PROMPT);
    bantam_tokenizer_describe(out->tokenizer, &info);
    out->eos = info.adds_eos ? info.eos : BANTAM_NO_TOKEN;
    out->tokens = bnt_calloc(out->capacity, sizeof *out->tokens);
    out->spare = bnt_calloc(out->capacity, sizeof *out->spare);
    if (out->tokens && out->spare) return BANTAM_OK;
    return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for %zu tokens", out->capacity);
}

void bnt_label_work_close(bnt_label_work *work)
{
    bnt_buf_deinit(&work->prompt);
    bnt_free(work->tokens);
    bnt_free(work->spare);
    *work = (bnt_label_work){0};
}

/* ---- the prompt as tokens ---------------------------------------------------------------- */

/* As bantam_tokenize(), but that there are more tokens than capacity is no failure. */
static bantam_status encode(const bnt_label_work *w, bantam_text text, unsigned flags,
                            uint32_t *tokens, size_t capacity, size_t *n, bantam_error *err)
{
    const bantam_status status =
        bantam_tokenize(w->tokenizer, text, flags, tokens, capacity, n, err);
    return status == BANTAM_ERR_FULL ? BANTAM_OK : status;
}

static bantam_status count(const bnt_label_work *w, bantam_text text, size_t *n,
                           bantam_error *err)
{
    return encode(w, text, 0, NULL, 0, n, err);
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* How many tokens the text has, and whether it holds the name of a special token, which must
 * not become that token. */
static bantam_status look_at(const bnt_label_work *w, bantam_text text, size_t *n,
                             bool *special, bantam_error *err)
{
    size_t n_special = 0;
    bantam_status status = encode(w, text, 0, w->tokens, w->capacity, n, err);

    if (!status) {
        status =
            encode(w, text, BANTAM_TOKENIZE_SPECIAL, w->spare, w->capacity, &n_special, err);
    }
    *special = !status &&
               (*n != n_special ||
                memcmp(w->tokens, w->spare, least(*n, w->capacity) * sizeof *w->tokens) != 0);
    return status;
}

/* Prompt and text as one, as the model's encoder has it. */
static bantam_status encode_whole(bnt_label_work *w, const bnt_label_form *form,
                                  bantam_text text, size_t *n, bantam_error *err)
{
    const unsigned flags = BANTAM_TOKENIZE_SPECIAL | (form->add ? BANTAM_TOKENIZE_ADD : 0u);

    bnt_buf_clear(&w->prompt);
    bnt_buf_put(&w->prompt, form->head.data, form->head.size);
    bnt_buf_put(&w->prompt, text.data, text.size);
    bnt_buf_put(&w->prompt, form->tail.data, form->tail.size);
    bantam_status status = bnt_buf_status(&w->prompt, "the prompt", err);
    if (!status) {
        status = encode(w, bnt_buf_text(&w->prompt), flags, w->tokens, w->capacity, n, err);
    }
    return status;
}

/* In three pieces, of which the text is one without special tokens. */
static bantam_status encode_pieces(bnt_label_work *w, const bnt_label_form *form,
                                   bantam_text text, size_t *n, bantam_error *err)
{
    const unsigned flags = BANTAM_TOKENIZE_SPECIAL;
    const struct {
        bantam_text text;
        unsigned flags;
    } pieces[] = {{bnt_buf_text(&form->head), flags | (form->add ? BANTAM_TOKENIZE_ADD : 0u)},
                  {text, 0},
                  {bnt_buf_text(&form->tail), flags}};
    size_t at = 0, more;

    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        const size_t room = at < w->capacity ? w->capacity - at : 0;
        const bantam_status status = encode(w, pieces[i].text, pieces[i].flags,
                                            room ? w->tokens + at : NULL, room, &more, err);
        if (status) return status;
        at += more;
        if (i == 0 && form->add && more && more <= room && w->tokens[at - 1] == w->eos) at--;
    }
    *n = at;
    return BANTAM_OK;
}

/* The prompt about a text: *n tokens, of which as many as there is room for are in w->tokens.
 */
static bantam_status encode_prompt(bnt_label_work *w, const bnt_label_form *form,
                                   bantam_text text, bool special, size_t *n, bantam_error *err)
{
    if (special) return encode_pieces(w, form, text, n, err);
    const bantam_status status = encode_whole(w, form, text, n, err);
    if (!status && form->add && *n && *n <= w->capacity && w->tokens[*n - 1] == w->eos) --*n;
    return status;
}

bantam_status bnt_label_measure(bnt_label_form *form, bnt_label_work *work, bantam_error *err)
{
    const bantam_status status =
        encode_prompt(work, form, (bantam_text){"", 0}, false, &form->overhead, err);

    if (status) return status;
    const size_t room = BNT_LABEL_SLACK + BNT_LEAST_ROOM + form->deepest;
    if (form->overhead <= work->capacity && room <= work->capacity - form->overhead) {
        return BANTAM_OK;
    }
    return bnt_fail(
        err, BANTAM_ERR_FULL,
        "the question takes %zu tokens without a text: expected a context of %zu at "
        "least, found %zu",
        form->overhead, form->overhead + room, work->capacity);
}

/* ---- the labels' tree -------------------------------------------------------------------- */

/* ln p of tokens under one row of logits. The session gives it for one of them; the others
 * differ by their logits. */
typedef struct row {
    const float *logits;
    double log_sum; /* NaN until it is known */
} row;

static double logprob(bnt_label_work *w, row *r, uint32_t token)
{
    const double logit = (double)r->logits[token];

    if (!isfinite(logit)) return (double)-INFINITY;
    if (isnan(r->log_sum)) {
        r->log_sum = logit - bantam_session_logprob(w->session, r->logits, token);
    }
    return logit - r->log_sum;
}

static double end_logprob(bnt_label_work *w, row *r, const bnt_label_form *form)
{
    double p = 0.0;

    for (uint32_t i = 0; i < form->n_stops; i++) {
        p += exp(logprob(w, r, form->stops[i]));
    }
    return log(p);
}

/* What a node's row says about the labels that go through it. */
static void read_row(bnt_label_work *w, const bnt_label_form *form, const bnt_label_node *node,
                     double *scores)
{
    row r = {bantam_session_logits(w->session), (double)NAN};

    for (uint32_t i = node->first; i < node->first + node->n; i++) {
        const uint32_t at = form->start[i] + node->depth;
        scores[form->label[i]] += at < form->start[i + 1] ? logprob(w, &r, form->tokens[at])
                                                          : end_logprob(w, &r, form);
    }
}

/* Scores after the prompt in w->tokens[0..n). */
static bantam_status ask(bnt_label_work *w, const bnt_label_form *form, size_t k, size_t n,
                         double *scores, bantam_error *err)
{
    bantam_session *const s = w->session;
    const size_t most = least(bantam_session_position(s), n - 1);
    uint32_t same = 0;

    while (same < most && bantam_session_token(s, same) == w->tokens[same]) {
        same++;
    }
    bantam_status status = bantam_session_rewind(s, same, err);
    if (!status) status = bantam_session_feed(s, w->tokens + same, n - same, err);
    memset(scores, 0, k * sizeof *scores);
    for (uint32_t i = 0; i < form->n_nodes && !status; i++) {
        const bnt_label_node *const node = &form->nodes[i];
        if (node->depth > 0) {
            status = bantam_session_rewind(s, (uint32_t)n + node->depth - 1, err);
            if (!status) status = bantam_session_feed(s, &node->token, 1, err);
        }
        if (!status) read_row(w, form, node, scores);
    }
    for (size_t i = 0; i < k; i++) {
        if (!(scores[i] > BNT_LEAST_LOGPROB)) scores[i] = BNT_LEAST_LOGPROB;
    }
    return status;
}

/* ---- texts that are longer --------------------------------------------------------------- */

enum { MOST_BYTES_PER_TOKEN = 32 };

/* The largest size at or below `size`, and above 0, at which no character is cut, and no word
 * where one ends in the second half. */
static size_t cut_at(bantam_text text, size_t size)
{
    size_t word = size, whole = size;

    while (word > size / 2 && !is_space(text.data[word])) {
        word--;
    }
    if (word > size / 2) return word;
    /* A character has 3 bytes at most behind its first; more of them are no character's. */
    while (whole > 1 && whole + 3 > size && ((uint8_t)text.data[whole] & 0xC0) == 0x80) {
        whole--;
    }
    if (((uint8_t)text.data[whole] & 0xC0) == 0x80) return size;
    return whole;
}

static size_t sentence_size(bantam_text text)
{
    bnt_sentence first;
    return bnt_sentence_next(text, 0, &first) ? first.size : text.size;
}

/* How many tokens a part may have. */
typedef struct limits {
    size_t usual; /* of several sentences */
    size_t most;  /* of one sentence; what is longer is cut */
} limits;

/* Bytes of the part that the text begins with: whole sentences, else words, else characters.
 * Nothing beyond what so many tokens may hold is looked at. */
static bantam_status part_size(const bnt_label_work *w, bantam_text text, limits limit,
                               size_t *size, bantam_error *err)
{
    const size_t window = limit.most * MOST_BYTES_PER_TOKEN;
    size_t n, sum = 0;

    if (text.size > window) text.size = cut_at(text, window);
    for (*size = 0; *size < text.size;) {
        const bantam_text rest = {text.data + *size, text.size - *size};
        const size_t step = sentence_size(rest);
        const bantam_status status = count(w, (bantam_text){rest.data, step}, &n, err);
        if (status) return status;
        if (n > limit.usual - sum) break;
        sum += n;
        *size += step;
    }
    if (*size) return BANTAM_OK;

    *size = sentence_size(text);
    for (;;) {
        const bantam_status status = count(w, (bantam_text){text.data, *size}, &n, err);
        if (status || n <= limit.most || *size == 1) return status;
        const size_t guess = (size_t)((double)*size * (double)limit.most / (double)n);
        *size = cut_at(text, guess > 0 && guess < *size ? guess : *size - 1);
    }
}

/* Adds the scores of one part, as ln p among the labels, times its tokens. */
static bantam_status add_part(bnt_label_work *w, const bnt_label_form *form, size_t k,
                              bantam_text part, double *sums, size_t *n_tokens,
                              bantam_error *err)
{
    double scores[BANTAM_MAX_LABELS], p[BANTAM_MAX_LABELS];
    size_t n;
    bool special;

    part = bnt_label_trim(part);
    *n_tokens = 0;
    if (!part.size) return BANTAM_OK;
    bantam_status status = look_at(w, part, n_tokens, &special, err);
    if (!status) status = encode_prompt(w, form, part, special, &n, err);
    if (!status && n > w->capacity - form->deepest) {
        return bnt_fail(err, BANTAM_ERR_FULL,
                        "a part of %zu tokens takes %zu with the question, the context has %zu",
                        *n_tokens, n, w->capacity);
    }
    if (!status) status = ask(w, form, k, n, scores, err);
    if (status) return status;
    memcpy(p, scores, k * sizeof *p);
    bnt_softmax(p, k);
    for (size_t i = 0; i < k; i++) {
        const double log_p = log(p[i]);
        sums[i] += (double)*n_tokens * (log_p > BNT_LEAST_LOGPROB ? log_p : BNT_LEAST_LOGPROB);
    }
    return BANTAM_OK;
}

static bantam_status score_parts(bnt_label_work *w, const bnt_label_form *form, size_t k,
                                 bantam_text text, limits limit, double *scores,
                                 bnt_label_seen *seen, bantam_error *err)
{
    size_t total = 0;

    seen->n_parts = 0;
    memset(scores, 0, k * sizeof *scores);
    while (text.size) {
        size_t size, n;
        bantam_status status = part_size(w, text, limit, &size, err);
        if (!status) {
            status = add_part(w, form, k, (bantam_text){text.data, size}, scores, &n, err);
        }
        if (status) return status;
        total += n;
        seen->n_parts += n > 0;
        text = bnt_label_trim((bantam_text){text.data + size, text.size - size});
    }
    for (size_t i = 0; i < k && total; i++) {
        scores[i] /= (double)total;
    }
    return BANTAM_OK;
}

bantam_status bnt_label_score(bnt_label_work *work, const bnt_label_form *form, size_t k,
                              bantam_text text, size_t part_tokens, double *scores,
                              bnt_label_seen *seen, bantam_error *err)
{
    /* bnt_label_measure() has seen that this is 8 at least. */
    const size_t room = work->capacity - form->overhead - form->deepest - BNT_LABEL_SLACK;
    const size_t usual = part_tokens ? least(room, part_tokens) : room;
    const limits limit = {usual, least(room, 2 * usual)};
    size_t n_text, n = 0, size = text.size;
    bool special;

    bantam_status status = look_at(work, text, &n_text, &special, err);
    if (!status && part_tokens && n_text > part_tokens) {
        status = part_size(work, text, limit, &size, err);
    }
    if (!status && size == text.size)
        status = encode_prompt(work, form, text, special, &n, err);
    if (status) return status;
    *seen = (bnt_label_seen){1, (uint32_t)least(n_text, UINT32_MAX)};
    if (size == text.size && n <= work->capacity - form->deepest) {
        return ask(work, form, k, n, scores, err);
    }
    return score_parts(work, form, k, text, limit, scores, seen, err);
}
