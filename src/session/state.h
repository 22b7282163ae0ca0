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

static inline uint32_t bnt_state_token(const bnt_state *state, uint32_t i)
{
    const uint8_t *const at = state->tokens + 4 * (size_t)i;
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 |
           (uint32_t)at[3] << 24;
}

/* Checks a whole file against a session, which is not changed. BANTAM_ERR_FORMAT for what is no
 * state or a damaged one, BANTAM_ERR_UNSUPPORTED for another version, BANTAM_ERR_INVALID for a
 * state of another model, other adapters, another KV type or rope form, BANTAM_ERR_FULL where
 * it holds more tokens than the session can. */
bantam_status bnt_state_check(bnt_state *out, const bnt_session *s, const uint8_t *data,
                              size_t size, bantam_error *err);

/* Makes the session what the state says. Fails, and changes nothing, only where the sampler
 * does not take its part. */
bantam_status bnt_state_apply(bnt_session *s, const bnt_state *state, bantam_error *err);

/* ---- beginnings: the first n tokens that a session holds, and nothing that came of them ----
 */

/* What keys and values depend on besides the tokens, as one number: model, adapters in use and
 * their strengths, rope form, KV type, tokenizer, the model's files as the system dates them,
 * the library's version. */
uint64_t bnt_state_shape(const bnt_session *s);

/* Whether all rows are there that whoever goes on at n looks at. */
bool bnt_state_can_cut(const bnt_session *s, uint32_t n);

/* Bytes that a copy takes whose windowed layers hold the rows from kept on. */
uint64_t bnt_state_copy_bytes(const bnt_session *s, uint32_t n, uint32_t kept);
/* Copies tokens and rows; *out borrows bytes and has no logits and no sampler. kept is no less
 * than what the cache still has. */
void bnt_state_copy(bnt_state *out, const bnt_session *s, uint32_t n, uint32_t kept,
                    uint8_t *bytes);

/* A file as bnt_session_save() writes it, but without logits, and for the user's eyes alone
 * (mode 0600). The rows are there. */
bantam_status bnt_state_save_beginning(const bnt_session *s, uint32_t n, const char *path,
                                       bantam_error *err);
/* Its size. */
uint64_t bnt_state_beginning_bytes(const bnt_session *s, uint32_t n);

/* Makes the session hold the state's first n tokens, n at most its position; at least kept of
 * windowed layers. The sampler stays as it is; there are no logits. */
void bnt_state_apply_beginning(bnt_session *s, const bnt_state *state, uint32_t n);

#endif
