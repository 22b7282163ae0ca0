/* abstract.c - a model writes about each part of a text, then about what it wrote; see
 * summary.h.
 *
 * A level is a list of texts, cut into chunks. Where all of it is one chunk the model is asked
 * for the summary as it is wanted, else for one of each chunk, and those are the next level's
 * text. An answer has at most a quarter of the context, so that each level is a fraction of the
 * one before it; where a model writes so much that it is not, sentences are extracted from what
 * it wrote.
 */
#include "task/summary.h"

#include "base/mem.h"
#include "task/prompt.h"

#include <string.h>

enum {
    MAX_LEVELS = 16,
    LEAST_ROOM = 16,   /* tokens of text behind an instruction */
    ANSWER_SLACK = 16, /* tokens of an answer beyond two for each word */
    PART_WORDS = 60,   /* of a summary of a chunk */
    MINI_SENTENCES = 8 /* of a text that bantam-mini was shown how to shorten */
};

typedef struct writing {
    bnt_summary_run *run;
    bnt_chunker chunker;
    uint32_t *spare; /* (capacity) owns */
    bnt_buf answer;
    bnt_buf parts; /* the summaries of this level so far */
    bool mini;     /* the built-in model: one instruction, one sentence */
    bantam_generation generation;
} writing;

/* ---- instructions -------------------------------------------------------------------------
 */

static void put_instruction(bnt_buf *out, const writing *w, bool last)
{
    const bantam_summarize_options *o = &w->run->options;

    if (w->mini) {
        bnt_buf_puts(out, "Summarize in one sentence:\n");
    } else if (!last) {
        bnt_buf_printf(out,
                       "Summarize this part of a longer text in at most %d words. Keep all "
                       "names and the order of events. Write only the summary.\n\n",
                       PART_WORDS);
    } else if (o->style == BANTAM_SUMMARY_HEADLINE) {
        bnt_buf_printf(out,
                       "Write one headline of at most %u words for this text. Write only the "
                       "headline.\n\n",
                       (unsigned)o->words);
    } else if (o->style == BANTAM_SUMMARY_BULLETS) {
        bnt_buf_printf(out,
                       "Summarize this text as a list of short points, one a line, each "
                       "beginning with \"- \", in at most %u words in all. Keep names and the "
                       "order of events. Write only the list.\n\n",
                       (unsigned)o->words);
    } else {
        bnt_buf_printf(out,
                       "Summarize this text in one paragraph of at most %u words. Keep names "
                       "and the order of events. Write only the summary.\n\n",
                       (unsigned)o->words);
    }
}

static bantam_status open_prompt(writing *w, bnt_prompt *out, bool last, bantam_error *err)
{
    bnt_buf instruction;

    bnt_buf_init(&instruction, BNT_MAX_SUMMARY);
    put_instruction(&instruction, w, last);
    bantam_status status = bnt_buf_status(&instruction, "the instruction", err);
    if (!status) {
        status = bnt_prompt_open(out, w->run->tokenizer, bnt_buf_text(&instruction),
                                 "\n\nSummary:", err);
    }
    bnt_buf_deinit(&instruction);
    return status;
}

/* Tokens that an answer may have. */
static uint32_t answer_tokens(const writing *w, bool last)
{
    const uint32_t most = bantam_session_capacity(w->run->session) / 4;
    const uint32_t words = last ? w->run->options.words : PART_WORDS;
    const uint64_t wanted = 2 * (uint64_t)words + ANSWER_SLACK;

    return wanted < most ? (uint32_t)wanted : most;
}

/* Tokens of text that fit behind an instruction and before its answer. */
static bantam_status find_room(const writing *w, const bnt_prompt *p, bool last, size_t *room,
                               bantam_error *err)
{
    const size_t capacity = bantam_session_capacity(w->run->session);
    const size_t taken = p->n_head + p->n_tail + answer_tokens(w, last);

    if (taken + LEAST_ROOM > capacity) {
        return bnt_fail(err, BANTAM_ERR_FULL,
                        "a context of %zu tokens is too small: the instruction and the answer "
                        "take %zu of them",
                        capacity, taken);
    }
    *room = capacity - taken;
    return BANTAM_OK;
}

/* ---- one chunk ----------------------------------------------------------------------------
 */

static bool on_step(void *user, const bantam_step *step)
{
    writing *w = user;

    bnt_buf_put(&w->answer, step->text.data, step->text.size);
    return w->answer.failed == BANTAM_OK;
}

/* Takes off a last sentence that was not written to its end, where another one stands before
 * it.
 */
static void drop_unfinished(bnt_buf *answer)
{
    const bantam_text text = bnt_buf_text(answer);
    bnt_sentence s;
    size_t last = 0;

    for (size_t at = 0; bnt_sentence_next(text, at, &s); at += s.size) {
        last = s.offset;
    }
    if (last > 0) answer->size = last;
}

/* The answer about the chunk is in w->answer; where the model wrote nothing, its first
 * sentence: no part of the text goes without a word. */
static bantam_status write_about(writing *w, const bnt_prompt *p, bantam_error *err)
{
    const bnt_chunker *c = &w->chunker;
    bantam_summary *const counts = w->run->out;
    bantam_answer done = {.n_tokens = 0};
    size_t n_fed;

    bnt_buf_clear(&w->answer);
    bantam_status status =
        bnt_prompt_feed(p, w->run->session, c->tokens, c->n_tokens, w->spare, &n_fed, err);
    if (status) return status;
    counts->reused_tokens += p->n_head + c->n_tokens + p->n_tail - n_fed;
    status = bantam_session_generate(w->run->session, &w->generation, on_step, w, &done, err);
    counts->computed_tokens += n_fed + done.n_tokens;
    if (w->answer.failed) return bnt_buf_status(&w->answer, "an answer", err);
    if (status) return status;
    if (done.finish == BANTAM_FINISH_LENGTH) drop_unfinished(&w->answer);
    if (bnt_count_words(bnt_buf_text(&w->answer)) == 0) {
        bnt_buf_clear(&w->answer);
        bnt_buf_put(&w->answer, c->pieces[0].text.data, c->pieces[0].text.size);
    }
    return bnt_buf_status(&w->answer, "an answer", err);
}

/* Goes through all chunks of the texts with one prompt; the answers are in w->parts, a
 * paragraph each. */
static bantam_status write_chunks(writing *w, const bnt_prompt *p,
                                  const bnt_summary_texts *texts, bantam_error *err)
{
    bnt_buf_clear(&w->parts);
    for (size_t i = 0; i < texts->n; i++) {
        bnt_chunker_begin(&w->chunker, texts->items[i]);
        for (;;) {
            bantam_status status = bnt_chunker_next(&w->chunker, err);
            if (status) return status;
            if (w->chunker.n_pieces == 0) break;
            bnt_buf_clear(&w->answer);
            if (w->chunker.n_tokens) status = write_about(w, p, err);
            if (status) return status;
            if (w->parts.size && w->answer.size) bnt_buf_puts(&w->parts, "\n\n");
            bnt_buf_put(&w->parts, w->answer.data, w->answer.size);
            status = bnt_buf_status(&w->parts, "the summaries of a text's parts", err);
            if (status) return status;
            if (!bnt_summary_tell(w->run, texts, i, &w->chunker, bnt_buf_text(&w->answer))) {
                return bnt_fail(err, BANTAM_ERR_CANCELLED, "the summary was stopped");
            }
        }
    }
    return BANTAM_OK;
}

/* ---- levels -------------------------------------------------------------------------------
 */

/* Prepares for one level with its prompt, as the last one or not. */
static bantam_status begin_level(writing *w, bnt_prompt *p, bool last, bantam_error *err)
{
    size_t room = 0;

    bnt_chunker_close(&w->chunker);
    bantam_status status = open_prompt(w, p, last, err);
    if (!status) status = find_room(w, p, last, &room, err);
    if (!status) status = bnt_chunker_open(&w->chunker, w->run->tokenizer, room, err);
    if (status) {
        bnt_prompt_close(p);
        return status;
    }
    if (w->mini) w->chunker.max_pieces = MINI_SENTENCES;
    w->generation = (bantam_generation){.struct_size = sizeof w->generation,
                                        .max_tokens = answer_tokens(w, last)};
    return BANTAM_OK;
}

/* Whether one chunk holds all of the texts. */
static bantam_status fits_one(writing *w, const bnt_summary_texts *texts, bool *out,
                              bantam_error *err)
{
    *out = false;
    if (texts->n != 1) return BANTAM_OK;
    bnt_chunker_begin(&w->chunker, texts->items[0]);
    const bantam_status status = bnt_chunker_next(&w->chunker, err);
    *out = !status && w->chunker.at == texts->items[0].size;
    return status;
}

/* One level: *last where it gave the summary itself. */
static bantam_status write_level(writing *w, const bnt_summary_texts *texts, bool *last,
                                 bantam_error *err)
{
    bnt_prompt p = {.n_head = 0};

    bantam_status status = begin_level(w, &p, true, err);
    if (!status) status = fits_one(w, texts, last, err);
    if (!status && !*last) {
        bnt_prompt_close(&p);
        status = begin_level(w, &p, false, err);
    }
    if (!status) status = write_chunks(w, &p, texts, err);
    bnt_prompt_close(&p);
    return status;
}

/* Whether what was written is the summary, or as good as one. */
static bool is_enough(const writing *w)
{
    return w->mini && w->run->options.style != BANTAM_SUMMARY_HEADLINE &&
           bnt_count_words(bnt_buf_text(&w->parts)) <= w->run->options.words;
}

static size_t bytes_of(const bnt_summary_texts *texts)
{
    size_t bytes = 0;

    for (size_t i = 0; i < texts->n; i++) {
        bytes += texts->items[i].size;
    }
    return bytes;
}

/* Level after level. What was written last is in w->parts, after BANTAM_ERR_CANCELLED too; of
 * an earlier level where nothing of this one is there. */
static bantam_status write_levels(writing *w, const bnt_summary_texts *texts, bnt_buf *out,
                                  bantam_error *err)
{
    bnt_buf level;
    bnt_summary_texts now = *texts;
    bantam_text text;
    bantam_status status = BANTAM_OK;

    bnt_buf_init(&level, SIZE_MAX);
    for (bool last = false; !status; now.level++) {
        status = write_level(w, &now, &last, err);
        if (status || last || is_enough(w)) break;
        const bool shrinks = w->parts.size < bytes_of(&now) - bytes_of(&now) / 8;
        bnt_buf_clear(&level);
        bnt_buf_put(&level, w->parts.data, w->parts.size);
        status = bnt_buf_status(&level, "the summaries of a text's parts", err);
        text = bnt_buf_text(&level);
        now = (bnt_summary_texts){&text, 1, now.level};
        if (!status && (!shrinks || now.level + 1 >= MAX_LEVELS)) {
            now.level++;
            status = bnt_extract(w->run, &now, out, err);
            break;
        }
    }
    if (status == BANTAM_ERR_CANCELLED && w->parts.size == 0 && out->size == 0) {
        bnt_buf_put(&w->parts, level.data, level.size);
    }
    bnt_buf_deinit(&level);
    return status;
}

static bantam_status set_greedy(bantam_session *session, bantam_error *err)
{
    bantam_sampling sampling;

    bantam_sampling_init(&sampling);
    return bantam_session_set_sampling(session, &sampling, err);
}

bantam_status bnt_abstract(bnt_summary_run *run, const bnt_summary_texts *texts, bnt_buf *out,
                           bantam_error *err)
{
    static const char mini[] = "bantam-mini";
    const size_t capacity = bantam_session_capacity(run->session);
    writing w = {.run = run};
    bantam_model_info info;

    bantam_model_describe(bantam_session_model(run->session), &info);
    w.mini =
        info.name.size == strlen(mini) && memcmp(info.name.data, mini, info.name.size) == 0;
    bnt_buf_init(&w.answer, BNT_MAX_SUMMARY);
    bnt_buf_init(&w.parts, SIZE_MAX);
    w.spare = bnt_calloc(capacity, sizeof *w.spare);
    bantam_status status = w.spare
                               ? set_greedy(run->session, err)
                               : bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for a prompt");
    if (!status) status = write_levels(&w, texts, out, err);
    if ((!status || status == BANTAM_ERR_CANCELLED) && out->size == 0) {
        bnt_put_fitted(out, run->options.style, bnt_buf_text(&w.parts), run->options.words);
    }
    bnt_chunker_close(&w.chunker);
    bnt_buf_deinit(&w.answer);
    bnt_buf_deinit(&w.parts);
    bnt_free(w.spare);
    return status ? status : bnt_buf_status(out, "the summary", err);
}
