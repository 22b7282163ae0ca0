/* state.h - a session in a file.
 *
 * All numbers are little-endian. n is the number of tokens; a layer of the model that sees only
 * a window stores the rows of positions from `kept` on, every other layer those of all.
 *
 *      0   8  "BNTSTATE"
 *      8   4  version, 1
 *     12   4  KV type, as bantam_kv counts
 *     16   4  form of PhoneLM's rope, as bantam_rope counts
 *     20   4  layers
 *     24   4  bytes of one position's keys (or values) in one layer
 *     28   4  vocabulary
 *     32   4  n, tokens held
 *     36   4  kept, at most n; 0 where the model has no windows
 *     40   4  first position of the call that computed the last token
 *     44   4  1 where logits are stored, else 0
 *     48   8  bytes of the whole file
 *     56   8  digest of the tokenizer's vocabulary, 0 without a tokenizer
 *     64  32  identity of the model and the adapters in use
 *     96  48  state of the sampler
 *    144  4n  tokens
 *     ...     logits: vocabulary times float32, where stored
 *     ...     for each layer: keys of its positions, then their values, as the cache has them
 *     ...  8  digest (digest.h) of every byte before it
 *
 * Batch and threads are not in the file: they change no bit. Neither are sampling options: they
 * are the caller's.
 */
#ifndef BNT_SESSION_STATE_H
#define BNT_SESSION_STATE_H
#include "session/session.h"

enum { BNT_STATE_VERSION = 1, BNT_STATE_HEADER = 144 };

/* A state that was found whole and fitting. Borrows the bytes. */
typedef struct bnt_state {
    const uint8_t *tokens, *logits, *rows; /* logits may be NULL */
    const uint8_t *sampler;
    uint32_t position, kept, call;
} bnt_state;

/* Checks a whole file against a session, which is not changed. BANTAM_ERR_FORMAT for what is no
 * state or a damaged one, BANTAM_ERR_UNSUPPORTED for another version, BANTAM_ERR_INVALID for a
 * state of another model, other adapters, another KV type or rope form, BANTAM_ERR_FULL where
 * it holds more tokens than the session can. */
bantam_status bnt_state_check(bnt_state *out, const bnt_session *s, const uint8_t *data,
                              size_t size, bantam_error *err);

/* Makes the session what the state says. Fails, and changes nothing, only where the sampler
 * does not take its part. */
bantam_status bnt_state_apply(bnt_session *s, const bnt_state *state, bantam_error *err);

#endif
