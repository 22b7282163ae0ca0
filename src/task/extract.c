/* extract.c - the sentences that say most of what a text says, by what a model makes of it.
 *
 * The model reads each chunk twice: once for the likelihood of its tokens, once for its states.
 * A word weighs w = sqrt(ln(1 + n)) * s, n being how often the text has it and s the mean of
 * -ln p over its occurrences: so that words that any text has, which a model expects, weigh
 * little, with no list of them for any language. A sentence is the vector of its words'
 * weights, v. Then
 *
 *     score(s) = cos(v, sum of all v / |v|)         what it shares with the text
 *              + exp(-place / 8)                    texts begin with what matters
 *              + 0.05 z                             how near its mean state is to that of all
 *              + 0.1 min(terms, 25) / 25            short ones say little
 *
 * z is the cosine of the sentence's mean state and the mean so far of all of them, less its
 * mean over the sentences, in units of its deviation: states of a model all point much the same
 * way, and only differences tell. Sentences are taken by score less 0.5 times the largest
 * cosine with one that was taken, while they fit and a fifth of the words is left. The numbers
 * are round ones from a wide flat region; docs/SUMMARIZE.md has what they are worth.
 *
 * Words are told apart by 16 bits of a hash, so that what is kept about a text is small: two
 * bytes for each different term of a sentence, and one record a sentence.
 */
#include "task/summary.h"

#include "base/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    N_TERMS = 1 << 16,    /* a term is the lowest 16 bits of its hash */
    N_COMPARED = 1 << 22, /* pairs of sentences that are compared */
    LEAST_TERMS = 8,      /* of a sentence that is handed out, if there is any such */
    LONG_ENOUGH = 25      /* terms of a sentence that is not short at all */
};
static const double PLACE = 1.0, PLACE_DECAY = 8.0, NEARNESS = 0.05, LENGTH = 0.1,
                    REPEATS = 0.5, SAME = 0.95; /* cosine of sentences of which one is enough */

/* What is known about a term of the text. */
typedef struct term {
    uint32_t count;
    uint32_t seen;  /* the last sentence that had it, counted from 1 */
    float surprise; /* sum of -ln p */
    float weight;   /* w */
    float of_text;  /* its component of the sum of all sentences */
} term;

typedef struct sentence {
    bantam_text text; /* borrows: of the plain text */
    size_t first;     /* of its terms */
    uint32_t n_terms, n_words;
    uint32_t place; /* among the usable sentences of its source */
    float nearness, length, score, similarity;
    bool usable, taken;
} sentence;

typedef struct extraction {
    bnt_summary_run *run;
    bnt_chunker chunker;
    uint32_t *tokens; /* (capacity) own: BOS and the chunk's */
    float *surprise;  /* (capacity) owns: of the token in that place */
    size_t n_tokens, lead;
    float *means; /* (BNT_MAX_PIECES, n_embd) own: of the pieces' states */
    double *all;  /* (n_embd) owns: the sum of all directions so far */
    uint32_t n_embd;
    size_t piece;      /* that states are added to */
    term *terms;       /* (N_TERMS) owns */
    bnt_buf term_ids;  /* uint16_t: those of all sentences */
    bnt_buf sentences; /* sentence */
    uint32_t n_sentences, place;
} extraction;

static sentence *sentence_at(const extraction *x, size_t i)
{
    return (sentence *)(void *)x->sentences.data + i;
}

static const uint16_t *terms_of(const extraction *x, const sentence *s)
{
    return (const uint16_t *)(const void *)x->term_ids.data + s->first;
}

/* ---- reading ------------------------------------------------------------------------------
 */

static bool on_logits(void *user, size_t index, const float *logits, uint32_t n_vocab)
{
    extraction *x = user;

    (void)n_vocab;
    if (index + 1 < x->n_tokens) {
        const double p = bantam_session_logprob(x->run->session, logits, x->tokens[index + 1]);
        x->surprise[index + 1] = p < -30.0 ? 30.0f : (float)-p;
    }
    return true;
}

static bool on_state(void *user, size_t index, const float *state, uint32_t n_embd)
{
    extraction *x = user;
    const bnt_chunker *c = &x->chunker;

    if (index < x->lead) return true;
    while (x->piece + 1 < c->n_pieces && index - x->lead >= c->pieces[x->piece + 1].first) {
        x->piece++;
    }
    float *const mean = x->means + x->piece * n_embd;
    for (uint32_t i = 0; i < n_embd; i++) {
        mean[i] += state[i];
    }
    return true;
}

/* Lets the model read the chunk. */
static bantam_status read_chunk(extraction *x, bantam_error *err)
{
    const bnt_chunker *c = &x->chunker;
    bantam_session *const session = x->run->session;

    memcpy(x->tokens + x->lead, c->tokens, c->n_tokens * sizeof *x->tokens);
    x->n_tokens = x->lead + c->n_tokens;
    x->piece = 0;
    memset(x->means, 0, c->n_pieces * x->n_embd * sizeof *x->means);
    bantam_status status = bantam_session_rewind(session, 0, err);
    if (!status) {
        status = bantam_session_score(session, x->tokens, x->n_tokens, on_logits, x, err);
    }
    if (!status) status = bantam_session_rewind(session, 0, err);
    if (!status) {
        status = bantam_session_states(session, x->tokens, x->n_tokens, on_state, x, err);
    }
    if (status) return status;
    x->run->out->computed_tokens += 2 * x->n_tokens;
    /* Nothing predicts a first token: it is as surprising as the second one. */
    if (!x->lead) x->surprise[0] = x->n_tokens > 1 ? x->surprise[1] : 0.0f;
    return BANTAM_OK;
}

/* Where a piece's tokens begin in its text. Byte-level vocabularies spell a text exactly, a
 * space before it; for others places are stretched to its size. */
typedef struct spelling {
    const bantam_tokenizer *tokenizer;
    const uint32_t *tokens;
    size_t n, at; /* the token that comes next */
    size_t bytes; /* of those before it */
    double scale;
} spelling;

static spelling spelling_of(const extraction *x, const bnt_piece *p)
{
    spelling s = {.tokenizer = x->run->tokenizer,
                  .tokens = x->chunker.tokens + p->first,
                  .n = p->n_tokens};
    size_t bytes = 0;

    for (size_t i = 0; i < s.n; i++) {
        bytes += bantam_token_text(s.tokenizer, s.tokens[i]).size;
    }
    s.scale = bytes ? (double)(p->text.size + 1) / (double)bytes : 1.0;
    return s;
}

/* Sum of -ln p of the tokens whose first letter is in [from, end) of the text. */
static float surprise_of(spelling *s, const float *surprise, size_t from, size_t end)
{
    float sum = 0.0f;

    for (; s->at < s->n; s->at++) {
        const bantam_text t = bantam_token_text(s->tokenizer, s->tokens[s->at]);
        const size_t letter = s->bytes + (t.size > 1 && *t.data == ' ');
        const double place = (double)letter * s->scale - 1.0;
        if (place >= (double)end) break;
        if (place >= (double)from) sum += surprise[s->at];
        s->bytes += t.size;
    }
    return sum;
}

/* Counts the piece's terms and keeps one of each. Returns how many it has, with repetitions. */
static uint32_t add_terms(extraction *x, const bnt_piece *p)
{
    spelling s = spelling_of(x, p);
    const float *const surprise = x->surprise + x->lead + p->first;
    uint32_t n = 0;
    size_t at = 0;

    for (;;) {
        const bantam_text word = bnt_term_next(p->text, &at);
        if (!word.data) return n;
        const uint16_t id = (uint16_t)bnt_term_hash(word);
        term *const t = x->terms + id;
        t->count++;
        t->surprise += surprise_of(&s, surprise, at - word.size, at);
        if (t->seen != x->n_sentences + 1) bnt_buf_put(&x->term_ids, &id, sizeof id);
        t->seen = x->n_sentences + 1;
        n++;
    }
}

/* A direction: the vector divided by its length. */
static void normalize(float *v, uint32_t n)
{
    double sum = 0.0;

    for (uint32_t i = 0; i < n; i++) {
        sum += (double)v[i] * v[i];
    }
    const float scale = sum > 0.0 ? (float)(1.0 / sqrt(sum)) : 0.0f;
    for (uint32_t i = 0; i < n; i++) {
        v[i] *= scale;
    }
}

static double dot_all(const extraction *x, const float *v)
{
    double sum = 0.0, square = 0.0;

    for (uint32_t i = 0; i < x->n_embd; i++) {
        sum += x->all[i] * v[i];
        square += x->all[i] * x->all[i];
    }
    return square > 0.0 ? sum / sqrt(square) : 0.0;
}

static bantam_status add_sentences(extraction *x, bantam_error *err)
{
    const bnt_chunker *c = &x->chunker;

    for (size_t i = 0; i < c->n_pieces; i++) {
        float *const mean = x->means + i * x->n_embd;
        normalize(mean, x->n_embd);
        for (uint32_t k = 0; k < x->n_embd; k++) {
            x->all[k] += mean[k];
        }
    }
    for (size_t i = 0; i < c->n_pieces; i++) {
        const bnt_piece *p = c->pieces + i;
        sentence s = {.text = p->text, .first = x->term_ids.size / sizeof(uint16_t)};
        const uint32_t n = add_terms(x, p);
        if (n == 0) continue;
        s.n_terms = (uint32_t)(x->term_ids.size / sizeof(uint16_t) - s.first);
        s.n_words = (uint32_t)bnt_count_words(p->text);
        s.length = n < LONG_ENOUGH ? (float)n / LONG_ENOUGH : 1.0f;
        s.usable = n >= LEAST_TERMS && !p->part;
        s.place = x->place;
        x->place += s.usable;
        s.nearness = (float)dot_all(x, x->means + i * x->n_embd);
        bnt_buf_put(&x->sentences, &s, sizeof s);
        x->n_sentences++;
    }
    const bantam_status status = bnt_buf_status(&x->term_ids, "the text's terms", err);
    return status ? status : bnt_buf_status(&x->sentences, "the text's sentences", err);
}

static bantam_status read_texts(extraction *x, const bnt_summary_texts *texts,
                                bantam_error *err)
{
    for (size_t i = 0; i < texts->n; i++) {
        bnt_chunker_begin(&x->chunker, texts->items[i]);
        x->place = 0;
        for (;;) {
            bantam_status status = bnt_chunker_next(&x->chunker, err);
            if (status) return status;
            if (x->chunker.n_pieces == 0) break;
            status = x->chunker.n_tokens ? read_chunk(x, err) : BANTAM_OK;
            if (!status) status = add_sentences(x, err);
            if (status) return status;
            if (!bnt_summary_tell(x->run, texts, i, &x->chunker, (bantam_text){NULL, 0})) {
                return bnt_fail(err, BANTAM_ERR_CANCELLED, "the summary was stopped");
            }
        }
    }
    return BANTAM_OK;
}

/* ---- scores -------------------------------------------------------------------------------
 */

static double length_of(const extraction *x, const sentence *s)
{
    const uint16_t *const ids = terms_of(x, s);
    double sum = 0.0;

    for (uint32_t k = 0; k < s->n_terms; k++) {
        sum += (double)x->terms[ids[k]].weight * x->terms[ids[k]].weight;
    }
    return sqrt(sum);
}

static void weigh_terms(extraction *x)
{
    for (size_t i = 0; i < N_TERMS; i++) {
        term *const t = x->terms + i;
        if (t->count)
            t->weight = sqrtf(logf(1.0f + (float)t->count)) * t->surprise / (float)t->count;
    }
    for (size_t i = 0; i < x->n_sentences; i++) {
        const sentence *s = sentence_at(x, i);
        const double length = length_of(x, s);
        const uint16_t *const ids = terms_of(x, s);
        for (uint32_t k = 0; k < s->n_terms && length > 0.0; k++) {
            x->terms[ids[k]].of_text += (float)(x->terms[ids[k]].weight / length);
        }
    }
}

/* cos(v, sum of all v / |v|) */
static double share(const extraction *x, const sentence *s, double text_length)
{
    const uint16_t *const ids = terms_of(x, s);
    const double length = length_of(x, s) * text_length;
    double sum = 0.0;

    for (uint32_t k = 0; k < s->n_terms; k++) {
        sum += (double)x->terms[ids[k]].weight * x->terms[ids[k]].of_text;
    }
    return length > 0.0 ? sum / length : 0.0;
}

/* Sets out of usable sentences all that there are, where none is usable. */
static void use_something(extraction *x)
{
    for (size_t i = 0; i < x->n_sentences; i++) {
        if (sentence_at(x, i)->usable) return;
    }
    for (size_t i = 0; i < x->n_sentences; i++) {
        sentence_at(x, i)->usable = true;
    }
}

static void score_sentences(extraction *x)
{
    double text_length = 0.0, mean = 0.0, square = 0.0, n = 0.0;

    use_something(x);
    weigh_terms(x);
    for (size_t i = 0; i < N_TERMS; i++) {
        text_length += (double)x->terms[i].of_text * x->terms[i].of_text;
    }
    for (size_t i = 0; i < x->n_sentences; i++) {
        const sentence *s = sentence_at(x, i);
        if (!s->usable) continue;
        mean += s->nearness;
        square += (double)s->nearness * s->nearness;
        n += 1.0;
    }
    mean = n > 0.0 ? mean / n : 0.0;
    const double deviation = n > 0.0 ? sqrt(fmax(square / n - mean * mean, 0.0)) : 0.0;
    for (size_t i = 0; i < x->n_sentences; i++) {
        sentence *s = sentence_at(x, i);
        const double z = deviation > 1e-9 ? (s->nearness - mean) / deviation : 0.0;
        s->score = (float)(share(x, s, sqrt(text_length)) +
                           PLACE * exp(-(double)s->place / PLACE_DECAY) +
                           NEARNESS * fmax(-2.0, fmin(2.0, z)) + LENGTH * s->length);
    }
}

/* ---- choice -------------------------------------------------------------------------------
 */

static int by_score(const void *a, const void *b)
{
    const sentence *const s = *(sentence *const *)a, *const t = *(sentence *const *)b;

    if (s->score != t->score) return s->score > t->score ? -1 : 1;
    return s < t ? -1 : s > t;
}

/* What the others have in common with a sentence that was taken. The terms of that one are
 * marked in `seen` by a number that no sentence has. */
static void compare(extraction *x, sentence *const *list, size_t n, const sentence *taken,
                    uint32_t mark)
{
    const uint16_t *ids = terms_of(x, taken);
    const double length = length_of(x, taken);

    for (uint32_t k = 0; k < taken->n_terms; k++) {
        x->terms[ids[k]].seen = mark;
    }
    for (size_t i = 0; i < n; i++) {
        sentence *const s = list[i];
        const double lengths = length * length_of(x, s);
        double sum = 0.0;
        ids = terms_of(x, s);
        for (uint32_t k = 0; k < s->n_terms; k++) {
            const term *t = x->terms + ids[k];
            if (t->seen == mark) sum += (double)t->weight * t->weight;
        }
        if (lengths > 0.0 && sum / lengths > s->similarity)
            s->similarity = (float)(sum / lengths);
    }
}

/* The best of those that fit, or NULL. */
static sentence *best_of(sentence *const *list, size_t n, size_t room)
{
    sentence *best = NULL;
    double best_score = 0.0;

    for (size_t i = 0; i < n; i++) {
        const double score = list[i]->score - REPEATS * list[i]->similarity;
        if (list[i]->taken || list[i]->n_words > room || list[i]->similarity > SAME) continue;
        if (!best || score > best_score) {
            best = list[i];
            best_score = score;
        }
    }
    return best;
}

/* Marks the sentences to hand out; *cut is the only one where it has to be cut. */
static void take(extraction *x, sentence **list, size_t n, const sentence **cut)
{
    const size_t wanted = x->run->options.words;
    size_t room = wanted;
    uint32_t mark = x->n_sentences;

    *cut = NULL;
    while (room == wanted || room > wanted / 5) {
        sentence *const best = best_of(list, n, room);
        if (!best) break;
        best->taken = true;
        room -= best->n_words;
        compare(x, list, n, best, ++mark);
    }
    if (room < wanted || n == 0) return;
    sentence *const s = best_of(list, n, bnt_most_words(wanted));
    if (s) {
        s->taken = true;
    } else {
        *cut = list[0];
    }
}

static bantam_status choose(extraction *x, bnt_buf *out, bantam_error *err)
{
    const bantam_summary_style style = x->run->options.style;
    const sentence *cut = NULL;
    size_t n = 0;

    sentence **const list = bnt_calloc(x->n_sentences, sizeof *list);
    if (!list) return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for a list of sentences");
    score_sentences(x);
    for (size_t i = 0; i < x->n_sentences; i++) {
        if (sentence_at(x, i)->usable) list[n++] = sentence_at(x, i);
    }
    if (n) qsort(list, n, sizeof *list, by_score);
    if (style == BANTAM_SUMMARY_HEADLINE && n) {
        cut = list[0];
    } else {
        const size_t most = N_COMPARED / (x->run->options.words / LEAST_TERMS + 1);
        take(x, list, n < most ? n : most, &cut);
    }
    for (size_t i = 0; i < x->n_sentences; i++) {
        if (sentence_at(x, i)->taken) bnt_put_item(out, style, sentence_at(x, i)->text);
    }
    if (cut) bnt_put_cut_item(out, style, cut->text, x->run->options.words);
    bnt_free(list);
    return bnt_buf_status(out, "the summary", err);
}

/* ---- the method ---------------------------------------------------------------------------
 */

static bantam_status extraction_open(extraction *x, bnt_summary_run *run, bantam_error *err)
{
    const size_t capacity = bantam_session_capacity(run->session);
    bantam_model_info info;

    bantam_model_describe(bantam_session_model(run->session), &info);
    *x = (extraction){.run = run, .n_embd = info.n_embd};
    x->lead = run->words.adds_bos && run->words.bos != BANTAM_NO_TOKEN;
    bnt_buf_init(&x->term_ids, SIZE_MAX);
    bnt_buf_init(&x->sentences, SIZE_MAX);
    if (capacity <= x->lead) {
        return bnt_fail(err, BANTAM_ERR_FULL, "the context of %zu tokens holds no text",
                        capacity);
    }
    const bantam_status status =
        bnt_chunker_open(&x->chunker, run->tokenizer, capacity - x->lead, err);
    if (status) return status;
    x->tokens = bnt_calloc(capacity, sizeof *x->tokens);
    x->surprise = bnt_calloc(capacity, sizeof *x->surprise);
    x->means = bnt_calloc((size_t)BNT_MAX_PIECES * info.n_embd, sizeof *x->means);
    x->all = bnt_calloc(info.n_embd, sizeof *x->all);
    x->terms = bnt_calloc(N_TERMS, sizeof *x->terms);
    if (!x->tokens || !x->surprise || !x->means || !x->all || !x->terms) {
        return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for the sentences of a chunk");
    }
    if (x->lead) x->tokens[0] = run->words.bos;
    return BANTAM_OK;
}

static void extraction_close(extraction *x)
{
    bnt_chunker_close(&x->chunker);
    bnt_free(x->tokens);
    bnt_free(x->surprise);
    bnt_free(x->means);
    bnt_free(x->all);
    bnt_free(x->terms);
    bnt_buf_deinit(&x->term_ids);
    bnt_buf_deinit(&x->sentences);
}

bantam_status bnt_extract(bnt_summary_run *run, const bnt_summary_texts *texts, bnt_buf *out,
                          bantam_error *err)
{
    extraction x;

    bantam_status status = extraction_open(&x, run, err);
    if (!status) status = read_texts(&x, texts, err);
    if (!status || status == BANTAM_ERR_CANCELLED) {
        const bantam_status failed = choose(&x, out, status ? NULL : err);
        if (!status) status = failed;
    }
    extraction_close(&x);
    return status;
}
