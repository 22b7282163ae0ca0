/* learn_vocab.h - a byte-level BPE vocabulary learned from text.
 *
 * The most frequent pair of neighbors becomes a token, again and again (Sennrich et al., arXiv
 * 1508.07909; over bytes as GPT-2 does it), inside the pieces that the pre-tokenizer cuts.
 * Ties: the pair whose tokens are older. The result depends on the texts alone.
 */
#ifndef BNT_TRAIN_LEARN_VOCAB_H
#define BNT_TRAIN_LEARN_VOCAB_H
#include "token/spec.h"

typedef struct bnt_vocab_wish {
    uint32_t n_tokens;           /* specials and the 256 bytes included; at least those */
    const bantam_text *specials; /* control tokens, ids from 0; the first is bos where it is
                                    named so by bos, eos alike */
    size_t n_specials;
    uint32_t bos, eos; /* indices into specials, or BANTAM_NO_TOKEN */
    bool adds_bos;
    const bantam_text *texts;
    size_t n_texts;
    bantam_text chat_template; /* empty: none */
} bnt_vocab_wish;

/* Fills an initialized spec: kind BNT_VOCAB_BPE_MERGES, byte-level, pre-tokenizer "gpt-2" or
 * "smollm" (which GGUF can name; the header of load_gguf says which exist), stops set. Fewer
 * tokens than wished come out where the texts have no more pairs that occur twice. */
bantam_status bnt_learn_vocab(bnt_spec *spec, const bnt_vocab_wish *wish,
                              bantam_progress_fn progress, void *user, bantam_error *err);

#endif
