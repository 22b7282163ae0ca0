/* prune_text.c - a calibration text in two: most of its sequences to calibrate with, every
 * fifth one to measure with. */
#include <string.h>

#include "base/mem.h"
#include "compress/calibration.h"
#include "compress/prune_parts.h"

enum { TEST_PERIOD = 5, USUAL_TOKENS = 40960, USUAL_SEQUENCE = 256 };

/* What all sequences begin with is a mark, not a part of the text. */
static uint32_t find_mark(const bnt_calibration_text *text)
{
    for (size_t i = text->sequence; i < text->n_tokens; i += text->sequence) {
        if (text->tokens[i] != text->tokens[0]) return BANTAM_NO_TOKEN;
    }
    return text->tokens[0];
}

static bantam_status share_out(bnt_pruning *p, const bnt_calibration_text *text,
                               bantam_error *err)
{
    const size_t length = text->sequence, n = text->n_tokens / length;

    if (n < 2) {
        return bnt_fail(err, BANTAM_ERR_INVALID,
                        "%s: expected at least %zu tokens, in two sequences, found %zu",
                        p->o.calibrate, 2 * length, text->n_tokens);
    }
    p->learn.tokens = bnt_calloc(text->n_tokens, sizeof *p->learn.tokens);
    p->test.tokens = bnt_calloc(text->n_tokens, sizeof *p->test.tokens);
    if (!p->learn.tokens || !p->test.tokens) {
        return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for the calibration text");
    }
    for (size_t i = 0; i < n; i++) {
        const bool tests = i % TEST_PERIOD == TEST_PERIOD - 1 || (n < TEST_PERIOD && i == 0);
        bnt_prune_text *const to = tests ? &p->test : &p->learn;
        memcpy(to->tokens + to->n, text->tokens + i * length, length * sizeof *to->tokens);
        to->n += length;
    }
    p->mark = find_mark(text);
    p->result->n_tokens = p->learn.n;
    p->result->n_measured = p->test.n;
    return BANTAM_OK;
}

bantam_status bnt_prune_read(bnt_pruning *p, bantam_error *err)
{
    const bnt_config *const c = &p->model->config;
    const size_t most = p->o.n_tokens ? p->o.n_tokens : USUAL_TOKENS;
    bnt_calibration_text text = {0};

    p->sequence = p->o.sequence_tokens ? p->o.sequence_tokens : USUAL_SEQUENCE;
    if (p->sequence > c->context_tokens) p->sequence = c->context_tokens;
    if (p->sequence > most / 2) p->sequence = (uint32_t)(most / 2);
    bantam_status status = bnt_calibration_read(&text, &p->source, c->n_vocab, &p->o.calibrate,
                                                1, most, p->sequence, err);
    if (status) return status;
    p->sequence = text.sequence;
    status = share_out(p, &text, err);
    bnt_calibration_free(&text);
    return status;
}
