/* summarize.c - texts of any length, shortened: checks the call, makes plain text of what
 * comes, chooses the method; see bantam/task.h. The methods are in extract.c and abstract.c.
 */
#include "task/summary.h"

#include "base/mem.h"
#include "base/options.h"
#include "task/plain.h"

#include <string.h>

#define LEAST_PARAMS UINT64_C(900000000) /* of a model that is trusted to write */

/* The struct that is handed out, and what it owns. */
typedef struct owned {
    bantam_summary summary;
    bnt_buf text;
} owned;

/* ---- what the methods share ---------------------------------------------------------------
 */

bantam_text bnt_chunk_text(const bnt_chunker *c)
{
    const bnt_piece *last = c->pieces + c->n_pieces - 1;
    const size_t from = c->pieces[0].offset;

    return (bantam_text){c->text.data + from, last->offset + last->size - from};
}

bool bnt_summary_tell(bnt_summary_run *run, const bnt_summary_texts *texts, size_t source,
                      const bnt_chunker *c, bantam_text summary)
{
    const bantam_summary_chunk chunk = {.source = source,
                                        .level = texts->level,
                                        .offset = c->pieces[0].offset,
                                        .text = bnt_chunk_text(c),
                                        .n_tokens = (uint32_t)c->n_tokens,
                                        .summary = summary};
    uint64_t done = c->at, total = 0;

    for (size_t i = 0; i < texts->n; i++) {
        if (i < source) done += texts->items[i].size;
        total += texts->items[i].size;
    }
    if (texts->level == 0) {
        run->out->n_chunks++;
        run->out->source_tokens += c->n_tokens;
    }
    if (texts->level + 1 > run->out->n_levels) run->out->n_levels = texts->level + 1;
    if (run->options.chunk) run->options.chunk(run->options.user, &chunk);
    return !run->options.progress || run->options.progress(run->options.user, done, total);
}

/* ---- the call -----------------------------------------------------------------------------
 */

static bantam_status read_options(bnt_summary_run *run, const bantam_summarize_options *options,
                                  bantam_error *err)
{
    bantam_summarize_options *const o = &run->options;

    *o = (bantam_summarize_options){.struct_size = sizeof *o};
    const bantam_status status = bnt_options_copy(o, sizeof *o, options, "summarize", err);
    if (status) return status;
    if ((unsigned)o->style > BANTAM_SUMMARY_HEADLINE) {
        return bnt_fail(err, BANTAM_ERR_INVALID, "summarize: there is no style %d",
                        (int)o->style);
    }
    if ((unsigned)o->method > BANTAM_SUMMARY_ABSTRACT) {
        return bnt_fail(err, BANTAM_ERR_INVALID, "summarize: there is no method %d",
                        (int)o->method);
    }
    if (o->words == 0) {
        o->words = o->style == BANTAM_SUMMARY_HEADLINE ? BNT_USUAL_HEADLINE : BNT_USUAL_WORDS;
    }
    return BANTAM_OK;
}

/* Small models, and those without a form of instruction, do not write summaries. */
static bantam_summary_method method_for(const bnt_summary_run *run)
{
    bantam_model_info info;

    if (run->options.method != BANTAM_SUMMARY_AUTO) return run->options.method;
    bantam_model_describe(bantam_session_model(run->session), &info);
    return run->words.has_template && info.n_params >= LEAST_PARAMS ? BANTAM_SUMMARY_ABSTRACT
                                                                    : BANTAM_SUMMARY_EXTRACT;
}

/* Plain text of all sources, one after the other in *bytes. */
static bantam_status read_sources(const bantam_source *sources, size_t n, bnt_buf *bytes,
                                  bantam_text *texts, bantam_error *err)
{
    size_t words = 0;

    for (size_t i = 0; i < n; i++) {
        bantam_text_format format = sources[i].format;
        bnt_buf plain;
        if ((unsigned)format > BANTAM_TEXT_MARKDOWN) {
            return bnt_fail(err, BANTAM_ERR_INVALID, "summarize: there is no format %d",
                            (int)format);
        }
        if (format == BANTAM_TEXT_AUTO) {
            format = bnt_text_format(sources[i].name, sources[i].text);
        }
        bnt_buf_init(&plain, SIZE_MAX);
        bnt_put_plain(&plain, sources[i].text, format);
        words += bnt_count_words(bnt_buf_text(&plain));
        texts[i].size = plain.size;
        bnt_buf_put(bytes, plain.data, plain.size);
        if (plain.failed) bytes->failed = plain.failed;
        bnt_buf_deinit(&plain);
        const bantam_status status = bnt_buf_status(bytes, "the text", err);
        if (status) return status;
    }
    for (size_t i = 0, at = 0; i < n; i++) {
        texts[i].data = bytes->data + at;
        at += texts[i].size;
    }
    if (words > 0) return BANTAM_OK;
    return bnt_fail(err, BANTAM_ERR_INVALID, "there is no text to summarize: not one word");
}

static bantam_status summarize(bnt_summary_run *run, const bnt_summary_texts *texts,
                               bnt_buf *out, bantam_error *err)
{
    run->out->method = method_for(run);
    const bantam_status status = run->out->method == BANTAM_SUMMARY_ABSTRACT
                                     ? bnt_abstract(run, texts, out, err)
                                     : bnt_extract(run, texts, out, err);
    run->out->partial = status == BANTAM_ERR_CANCELLED;
    return status;
}

/* What is to be handed out is *o; it is closed where that is nothing. */
static bantam_status finish(owned *o, bantam_status status, bantam_summary **out)
{
    const bool kept = !status || (status == BANTAM_ERR_CANCELLED && o->text.size > 0);

    if (!kept) {
        bantam_summary_close(&o->summary);
        return status;
    }
    o->summary.text = bnt_buf_text(&o->text);
    o->summary.n_words = (uint32_t)bnt_count_words(o->summary.text);
    *out = &o->summary;
    return status;
}

bantam_status bantam_summarize(bantam_session *session, const bantam_source *sources,
                               size_t n_sources, const bantam_summarize_options *options,
                               bantam_summary **out, bantam_error *err)
{
    bnt_summary_run run = {.session = session};
    bnt_buf bytes;

    *out = NULL;
    bantam_status status = read_options(&run, options, err);
    if (status) return status;
    run.tokenizer = bantam_model_tokenizer(bantam_session_model(session));
    if (!run.tokenizer) {
        return bnt_fail(err, BANTAM_ERR_UNSUPPORTED, "the model has no tokenizer");
    }
    bantam_tokenizer_describe(run.tokenizer, &run.words);
    owned *const o = bnt_calloc(1, sizeof *o);
    bantam_text *const texts = bnt_calloc(n_sources, sizeof *texts);
    bnt_buf_init(&bytes, SIZE_MAX);
    if (!o || !texts) {
        status = bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for a summary");
        goto done;
    }
    run.out = &o->summary;
    bnt_buf_init(&o->text, BNT_MAX_SUMMARY);
    status = read_sources(sources, n_sources, &bytes, texts, err);
    if (!status) {
        const bnt_summary_texts all = {texts, n_sources, 0};
        status = bantam_session_rewind(session, 0, err);
        if (!status) status = summarize(&run, &all, &o->text, err);
    }
done:
    if (o) status = finish(o, status, out);
    bnt_buf_deinit(&bytes);
    bnt_free(texts);
    return status;
}

void bantam_summary_close(bantam_summary *summary)
{
    if (!summary) return;
    owned *const o = (owned *)(void *)summary;
    bnt_buf_deinit(&o->text);
    bnt_free(o);
}
