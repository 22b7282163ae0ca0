/* text_windows.h - a text as tokens, and cut into windows that do not overlap.
 *
 *     tokens of the text   a b c d e f g h i j k
 *     windows of five      B a b c d | B e f g h | B i j k
 *
 * B is the BOS token, where the model's encoder begins with one.
 */
#ifndef BNT_TASK_TEXT_WINDOWS_H
#define BNT_TASK_TEXT_WINDOWS_H
#include "bantam/compare.h"

/* Zeroed they are none. */
typedef struct bnt_tokens {
    uint32_t *ids; /* owns */
    size_t n;
} bnt_tokens;

/* The tokens of a text, flags as of bantam_tokenize(). tokenizer may be NULL, as of a model
 * that has none: BANTAM_ERR_UNSUPPORTED. */
bantam_status bnt_tokens_open(bnt_tokens *out, const bantam_tokenizer *tokenizer,
                              bantam_text text, unsigned flags, bantam_error *err);
void bnt_tokens_close(bnt_tokens *tokens);

/* Zeroed it is closed. */
typedef struct bnt_windows {
    bnt_tokens text;
    size_t at;        /* tokens of the text in the windows so far */
    size_t lead;      /* tokens before those of the text: 0 or 1 */
    size_t capacity;  /* of a window */
    uint32_t *tokens; /* (capacity) owns: the window */
    size_t n;         /* tokens of the window */
} bnt_windows;

/* BANTAM_ERR_INVALID where a window has no room for two tokens, or for one behind BOS. */
bantam_status bnt_windows_open(bnt_windows *out, const bantam_tokenizer *tokenizer,
                               bantam_text text, size_t capacity, bantam_error *err);
void bnt_windows_close(bnt_windows *windows);

/* The next window. False at the end of the text; a last token that nothing stands before is
 * left out. */
bool bnt_windows_next(bnt_windows *windows);

/* Tells how far the windows have come. BANTAM_ERR_CANCELLED where progress says stop. */
bantam_status bnt_windows_told(const bnt_windows *windows, const bantam_eval_options *options,
                               bantam_error *err);

/* Rewinds a session that was used; returns status where that is a failure already. */
bantam_status bnt_session_emptied(bantam_session *session, bantam_status status,
                                  bantam_error *err);

#endif
