/* text_windows.c - texts as tokens and in windows; see text_windows.h. */
#include "task/text_windows.h"

#include "base/error.h"
#include "base/mem.h"

#include <string.h>

bantam_status bnt_tokens_open(bnt_tokens *out, const bantam_tokenizer *tokenizer,
                              bantam_text text, unsigned flags, bantam_error *err)
{
    size_t capacity = text.size + 16; /* nearly always enough: one a byte, and what is added */

    *out = (bnt_tokens){0};
    if (!tokenizer) return bnt_fail(err, BANTAM_ERR_UNSUPPORTED, "the model has no tokenizer");
    for (;;) {
        out->ids = bnt_calloc(capacity, sizeof *out->ids);
        if (!out->ids) return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for a text");
        const bantam_status status =
            bantam_tokenize(tokenizer, text, flags, out->ids, capacity, &out->n, err);
        if (!status) return BANTAM_OK;
        const size_t n = out->n;
        bnt_tokens_close(out);
        if (status != BANTAM_ERR_FULL || n <= capacity) return status;
        capacity = n;
    }
}

void bnt_tokens_close(bnt_tokens *tokens)
{
    bnt_free(tokens->ids);
    *tokens = (bnt_tokens){0};
}

bantam_status bnt_windows_open(bnt_windows *out, const bantam_tokenizer *tokenizer,
                               bantam_text text, size_t capacity, bantam_error *err)
{
    bantam_tokenizer_info info;

    *out = (bnt_windows){.capacity = capacity};
    if (capacity < 2) {
        return bnt_fail(err, BANTAM_ERR_INVALID,
                        "a window wants two tokens or more, the session holds %zu", capacity);
    }
    bantam_status status = bnt_tokens_open(&out->text, tokenizer, text, 0, err);
    if (status) return status;
    bantam_tokenizer_describe(tokenizer, &info);
    out->lead = info.adds_bos && info.bos != BANTAM_NO_TOKEN;
    out->tokens = bnt_calloc(capacity, sizeof *out->tokens);
    if (!out->tokens) {
        bnt_windows_close(out);
        return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for a window of %zu tokens",
                        capacity);
    }
    if (out->lead) out->tokens[0] = info.bos;
    return BANTAM_OK;
}

void bnt_windows_close(bnt_windows *windows)
{
    bnt_tokens_close(&windows->text);
    bnt_free(windows->tokens);
    *windows = (bnt_windows){0};
}

bool bnt_windows_next(bnt_windows *w)
{
    const size_t left = w->text.n - w->at, room = w->capacity - w->lead;
    const size_t n = left < room ? left : room;

    if (n + w->lead < 2 || n == 0) return false;
    memcpy(w->tokens + w->lead, w->text.ids + w->at, n * sizeof *w->tokens);
    w->at += n;
    w->n = n + w->lead;
    return true;
}

bantam_status bnt_windows_told(const bnt_windows *w, const bantam_eval_options *options,
                               bantam_error *err)
{
    if (!options->progress || options->progress(options->user, w->at, w->text.n)) {
        return BANTAM_OK;
    }
    return bnt_fail(err, BANTAM_ERR_CANCELLED, "cancelled after %zu of %zu tokens", w->at,
                    w->text.n);
}

bantam_status bnt_session_emptied(bantam_session *session, bantam_status status,
                                  bantam_error *err)
{
    const bantam_status rewound = bantam_session_rewind(session, 0, status ? NULL : err);
    return status ? status : rewound;
}
