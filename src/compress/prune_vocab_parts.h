/* prune_vocab_parts.h - what the files of a smaller vocabulary share. */
#ifndef BNT_COMPRESS_PRUNE_VOCAB_PARTS_H
#define BNT_COMPRESS_PRUNE_VOCAB_PARTS_H
#include "format/gguf.h"
#include "token/tokenizer.h"

/* Adds how often each token occurs in the texts to counts, one for each token, and all of them
 * to *n_tokens. Texts are cut after line ends, so that memory does not grow with them. */
bantam_status bnt_prune_vocab_count(const bnt_tokenizer *t, const bantam_text *texts,
                                    size_t n_texts, uint64_t *counts, uint64_t *n_tokens,
                                    bantam_error *err);

/* What a choice rests on. */
typedef struct bnt_prune_vocab_wish {
    const bnt_spec *spec;
    const uint64_t *counts; /* (spec->n_tokens): how often each is used */
    const bool *named;      /* (spec->n_tokens): must stay, whatever it is */
    uint32_t keep;          /* at most */
} bnt_prune_vocab_wish;

/* Sets kept, (spec->n_tokens) and false so far, for the tokens that stay. *n_needed gets how
 * many had to. */
bantam_status bnt_prune_vocab_choose(const bnt_prune_vocab_wish *wish, bool *kept,
                                     uint32_t *n_needed, bantam_error *err);

/* Sets named for the tokens that keys of a GGUF file name. */
void bnt_prune_vocab_find_named(const bnt_gguf *gguf, uint32_t n_tokens, bool *named);

#endif
