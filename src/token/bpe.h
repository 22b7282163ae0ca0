/* bpe.h - pieces of text to tokens by byte-pair encoding.
 *
 * A piece starts as a row of symbols: bytes where the vocabulary is byte-level, characters
 * elsewhere. Again and again the two neighbors whose merge comes first in order become one;
 * among equals the leftmost pair. The order is that of the merge list, of token ids or of
 * scores, by the kind of the vocabulary.
 */
#ifndef BNT_TOKEN_BPE_H
#define BNT_TOKEN_BPE_H
#include "token/vocab.h"
#include <stdatomic.h>

/* A zeroed encoder is a valid closed one. What it encodes does not change after it is opened;
 * any number of threads may use it. */
typedef struct bnt_bpe {
    const bnt_vocab *vocab; /* borrows */
    bnt_vocab_kind kind;
    bool byte_level, byte_fallback, ignore_merges, fuse_unknown;
    uint32_t unk;
    uint32_t replacement[3]; /* tokens of U+FFFD, where the vocabulary is byte-level */
    uint32_t n_replacement;

    bnt_merge *merges; /* owns; (n_merges), BNT_VOCAB_BPE_MERGES only */
    uint32_t n_merges;
    struct bnt_bpe_pair *pairs; /* owns; (pair_mask + 1): merges by what they merge */
    uint32_t pair_mask;
    uint32_t *score_ranks; /* owns; (n_tokens), BNT_VOCAB_BPE_SCORES only: smaller is better */
    _Atomic uint32_t *whole; /* owns; a bit per token: merging its own text gives this token, as
                                has been found out. NULL where a whole piece is looked up
                                anyway */
    uint64_t *inside; /* owns; a bit per hash of two characters that stand together inside some
                         token. NULL where the vocabulary is byte-level */
} bnt_bpe;

#define BNT_NO_RANK UINT32_MAX /* two neighbors that do not merge; worse than any rank */

/* Where tokens go: the first `capacity` of them are kept, all are counted. */
typedef struct bnt_ids {
    uint32_t *ids;
    size_t capacity, n;
} bnt_ids;

static inline void bnt_ids_put(bnt_ids *out, uint32_t id)
{
    if (out->n < out->capacity) out->ids[out->n] = id;
    out->n++;
}

/* Memory that encoding long pieces needs, kept from piece to piece. Zeroed is empty. */
typedef struct bnt_bpe_scratch {
    struct bnt_long_symbol *symbols; /* owns */
    size_t n_symbols;
    struct bnt_long_queue *queue; /* owns */
} bnt_bpe_scratch;

void bnt_bpe_scratch_deinit(bnt_bpe_scratch *scratch);

/* vocab is borrowed until the encoder is closed. BANTAM_ERR_FORMAT for a merge whose result is
 * not the two texts one after the other. */
bantam_status bnt_bpe_open(bnt_bpe *bpe, const bnt_vocab *vocab, const bnt_spec *spec,
                           bantam_error *err);
void bnt_bpe_close(bnt_bpe *bpe);
size_t bnt_bpe_bytes(const bnt_bpe *bpe); /* memory it holds */

/* Appends the tokens of one piece, at most BNT_MAX_PIECE_BYTES long. A symbol that no token
 * covers becomes BYTE tokens where the vocabulary falls back to them and has them all, else the
 * unknown token; where there is none, a byte that a byte-level vocabulary lacks becomes U+FFFD
 * (nothing vanishes silently), and what remains is BANTAM_ERR_FORMAT and named. */
#define BNT_MAX_PIECE_BYTES (UINT32_MAX / 2)
bantam_status bnt_bpe_encode(const bnt_bpe *bpe, bnt_bpe_scratch *scratch, bantam_text piece,
                             bnt_ids *out, bantam_error *err);

/* ---- between bpe.c and bpe_long.c ---- */

/* The rank of merging text[a..b) with text[b..c), whose tokens are left and right, and in *made
 * the token they make; BNT_NO_RANK where they do not merge. */
uint32_t bnt_bpe_rank(const bnt_bpe *bpe, const char *text, const uint32_t bounds[3],
                      uint32_t left, uint32_t right, uint32_t *made);

/* The size of the symbol that piece begins with, and its token or BANTAM_NO_TOKEN. */
size_t bnt_bpe_symbol(const bnt_bpe *bpe, bantam_text piece, uint32_t *id);

/* Appends a symbol that remained: its token, or what stands for it where it has none. */
bantam_status bnt_bpe_put(const bnt_bpe *bpe, bantam_text symbol, uint32_t id,
                          bool *was_unknown, bnt_ids *out, bantam_error *err);

/* Merges a piece of any length in time n log n, and in time n where a rank's pairs arise from
 * left to right, as they do in long runs. */
bantam_status bnt_bpe_encode_long(const bnt_bpe *bpe, bnt_bpe_scratch *scratch,
                                  bantam_text piece, bool *was_unknown, bnt_ids *out,
                                  bantam_error *err);

#endif
