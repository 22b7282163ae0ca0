/* rehearsal.c - draws texts and lays them out as batches.
 *
 * All texts stand in one array of rows, each behind the one before it; a batch is a run of
 * them.
 */
#include "train/rehearsal.h"

#include "base/digest.h"
#include "base/mem.h"

#include <inttypes.h>
#include <string.h>

struct bnt_rehearsal {
    uint32_t *tokens, *targets; /* (capacity) own */
    float *weights;             /* (capacity) owns: all 1 */
    bnt_sequence *sequences;    /* (capacity_texts) owns; first counts from the batch's start */
    bnt_batch *batches;         /* (capacity_texts) owns; those held out come last */
    uint32_t capacity, n_rows;
    uint32_t capacity_texts, n_texts;
    size_t n_batches, n_held_out;
};

static uint32_t most_rows(const bnt_rehearsal_options *o)
{
    return o->n_rows + o->sequence_tokens;
}

/* A model that ends most texts at once has little to say: then there are fewer rows. */
static uint32_t most_texts(const bnt_rehearsal_options *o)
{
    return o->n_rows / 8 + 2;
}

size_t bnt_rehearsal_cost(const bnt_rehearsal_options *o)
{
    return sizeof(bnt_rehearsal) +
           (size_t)most_rows(o) * (2 * sizeof(uint32_t) + sizeof(float)) +
           (size_t)most_texts(o) * (sizeof(bnt_sequence) + sizeof(bnt_batch));
}

static bantam_session_options session_options(const bnt_rehearsal_options *o)
{
    const bantam_session_options s = {.struct_size = sizeof s,
                                      .context_tokens = o->sequence_tokens + 1,
                                      .batch_tokens = 16,
                                      .n_threads = o->n_threads};
    return s;
}

bantam_status bnt_rehearsal_plan(const bnt_rehearsal_options *o, bantam_plan_info *out,
                                 bantam_error *err)
{
    const bantam_session_options s = session_options(o);
    return bnt_session_plan(o->model, o->tokenizer, &s, out, err);
}

/* The token that stands before a text. */
static uint32_t first_token(const bnt_rehearsal_options *o)
{
    bantam_tokenizer_info info;

    if (!o->tokenizer) return BANTAM_NO_TOKEN;
    bnt_tokenizer_describe(o->tokenizer, &info);
    const uint32_t first = info.bos != BANTAM_NO_TOKEN ? info.bos : info.eos;
    return first < o->model->config.n_vocab ? first : BANTAM_NO_TOKEN;
}

/* ---- writing ----------------------------------------------------------------------------- */

static bantam_status write_text(bnt_rehearsal *r, bnt_session *s, uint32_t first,
                                const bnt_rehearsal_options *o, bantam_error *err)
{
    bnt_sequence *const text = &r->sequences[r->n_texts];
    bantam_status status = bnt_session_rewind(s, 0, err);
    uint32_t last = first;

    if (!status) status = bnt_session_feed(s, &first, 1, err);
    if (status) return status;
    *text = (bnt_sequence){r->n_rows, 0};
    while (text->n < o->sequence_tokens) {
        uint32_t token;
        bantam_text bytes;
        status = bnt_session_next(s, &token, &bytes, err);
        if (status) return status;
        r->tokens[r->n_rows] = last;
        r->targets[r->n_rows] = token;
        r->weights[r->n_rows] = 1.0f;
        r->n_rows++;
        text->n++;
        last = token;
        if (bnt_tokenizer_is_stop(o->tokenizer, token)) break;
        if (o->progress && !o->progress(o->user, r->n_rows, o->n_rows)) {
            return bnt_fail(err, BANTAM_ERR_CANCELLED, "stopped after %" PRIu32 " texts",
                            r->n_texts);
        }
    }
    r->n_texts++;
    return BANTAM_OK;
}

static bantam_status write_texts(bnt_rehearsal *r, uint32_t first,
                                 const bnt_rehearsal_options *o, bantam_error *err)
{
    const bantam_session_options so = session_options(o);
    bantam_sampling sampling;
    bnt_session *s = NULL;

    bnt_sampling_init(&sampling);
    sampling.temperature = 1.0f;
    sampling.seed = o->seed;
    bantam_status status = bnt_session_open(&s, o->model, o->tokenizer, &so, err);
    if (!status) status = bnt_session_set_sampling(s, &sampling, err);
    while (!status && r->n_texts < r->capacity_texts &&
           (r->n_rows < o->n_rows || r->n_texts < 2)) {
        status = write_text(r, s, first, o, err);
    }
    bnt_session_close(s);
    return status;
}

/* ---- batches ----------------------------------------------------------------------------- */

/* Makes batches of the texts [at, end). */
static void lay_out(bnt_rehearsal *r, uint32_t at, uint32_t end, uint32_t batch_tokens)
{
    while (at < end) {
        bnt_batch *const b = &r->batches[r->n_batches++];
        const uint32_t start = r->sequences[at].first;

        *b = (bnt_batch){.tokens = r->tokens + start,
                         .targets = r->targets + start,
                         .weights = r->weights + start,
                         .sequences = r->sequences + at};
        while (at < end && r->sequences[at].n <= batch_tokens - b->n_rows) {
            r->sequences[at].first -= start;
            b->n_rows += r->sequences[at].n;
            b->n_sequences++;
            at++;
        }
    }
}

static bantam_status take(bnt_rehearsal *r, const bnt_rehearsal_options *o, bantam_error *err)
{
    r->capacity = most_rows(o);
    r->capacity_texts = most_texts(o);
    r->tokens = bnt_calloc(r->capacity, sizeof *r->tokens);
    r->targets = bnt_calloc(r->capacity, sizeof *r->targets);
    r->weights = bnt_calloc(r->capacity, sizeof *r->weights);
    r->sequences = bnt_calloc(r->capacity_texts, sizeof *r->sequences);
    r->batches = bnt_calloc(r->capacity_texts, sizeof *r->batches);
    if (r->tokens && r->targets && r->weights && r->sequences && r->batches) return BANTAM_OK;
    return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for %" PRIu32 " tokens to rehearse",
                    r->capacity);
}

bantam_status bnt_rehearsal_open(bnt_rehearsal **out, const bnt_rehearsal_options *options,
                                 bantam_error *err)
{
    const uint32_t first = first_token(options);

    *out = NULL;
    if (first == BANTAM_NO_TOKEN || !options->n_rows) return BANTAM_OK;
    bnt_rehearsal *const r = bnt_calloc(1, sizeof *r);
    if (!r) return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for a rehearsal");
    bantam_status status = take(r, options, err);
    if (!status) status = write_texts(r, first, options, err);
    if (status) {
        bnt_rehearsal_close(r);
        return status;
    }
    uint32_t n_held_out = (uint32_t)((double)r->n_texts * options->held_out);
    if (!n_held_out && options->held_out > 0.0) n_held_out = 1;
    lay_out(r, 0, r->n_texts - n_held_out, options->batch_tokens);
    const size_t n_batches = r->n_batches;
    lay_out(r, r->n_texts - n_held_out, r->n_texts, options->batch_tokens);
    r->n_held_out = r->n_batches - n_batches;
    r->n_batches = n_batches;
    *out = r;
    return BANTAM_OK;
}

void bnt_rehearsal_close(bnt_rehearsal *r)
{
    if (!r) return;
    bnt_free(r->batches);
    bnt_free(r->sequences);
    bnt_free(r->weights);
    bnt_free(r->targets);
    bnt_free(r->tokens);
    bnt_free(r);
}

uint64_t bnt_rehearsal_digest(const bnt_rehearsal *r)
{
    bnt_digest d;
    bnt_digest_init(&d);
    bnt_digest_put(&d, r->tokens, r->n_rows * sizeof *r->tokens);
    bnt_digest_put(&d, r->targets, r->n_rows * sizeof *r->targets);
    return bnt_digest_end(&d);
}

const bnt_batch *bnt_rehearsal_batch(const bnt_rehearsal *r, uint64_t step)
{
    return &r->batches[step % r->n_batches];
}

const bnt_batch *bnt_rehearsal_held_out(const bnt_rehearsal *r, size_t *n_batches)
{
    *n_batches = r->n_held_out;
    return r->batches + r->n_batches;
}
