/* prune_vocab.h - a vocabulary with fewer words: which stay, and the tokenizer that has no
 * others.
 *
 * Tokens that stand for something other than text stay, and what any text can be spelled with;
 * then come the tokens of the texts that are given, the most frequent first, then those with
 * the lowest ids. Whatever stays can still be made: what its merges pass through stays, too.
 *
 * So every text still decodes to itself, and a text that needed only tokens that stayed is made
 * of the same ones: fewer merges can be chosen from, and the one that was chosen is still there
 * and still comes first.
 */
#ifndef BNT_COMPRESS_PRUNE_VOCAB_H
#define BNT_COMPRESS_PRUNE_VOCAB_H
#include "compress/edit.h"

/* What the texts that were counted say. */
typedef struct bnt_prune_vocab_use {
    uint64_t bytes, words;         /* of all texts; words are what stands between white space */
    uint64_t kept_bytes;           /* in tokens that stayed */
    uint64_t tokens, tokens_after; /* that they are made of, with the old and the new words */
    uint32_t n_distinct;           /* different ones of the old */
    uint32_t n_distinct_kept;
} bnt_prune_vocab_use;

/* A zeroed one is a valid closed one. */
typedef struct bnt_prune_vocab {
    const bnt_gguf *gguf; /* borrows; NULL where the tokenizer is not in a GGUF file */
    bnt_spec loaded;      /* owns: out of gguf */
    const bnt_spec *old;  /* loaded, or what was given */
    bnt_spec spec;        /* the smaller tokenizer; texts are those of old */
    uint32_t *kept;       /* owns; (n_kept), rising: word i was word kept[i] */
    uint32_t *new_ids;    /* owns; (old->n_tokens), BANTAM_NO_TOKEN for what is gone */
    uint32_t n_kept, n_needed;
    bnt_prune_vocab_use use;
} bnt_prune_vocab;

/* The tokenizer, what to keep and what to choose by. */
typedef struct bnt_prune_vocab_ask {
    const bnt_gguf *gguf; /* of the file that is pruned; NULL: spec is the tokenizer */
    const bnt_spec *spec;
    uint32_t keep;   /* tokens at most; they can be fewer only where hardly any other is left */
    uint32_t n_rows; /* of the model's embedding */
    const bantam_text *texts; /* (n_texts) */
    size_t n_texts;
} bnt_prune_vocab_ask;

/* gguf and spec are borrowed until close. BANTAM_ERR_INVALID, with the least number in words,
 * where keep is less than what must stay, and where the texts are empty. */
bantam_status bnt_prune_vocab_open(bnt_prune_vocab *v, const bnt_prune_vocab_ask *ask,
                                   bantam_error *err);
void bnt_prune_vocab_close(bnt_prune_vocab *v);

/* Embedding and head lose the rows, the config its words, and the file gets the new tokenizer:
 * v is borrowed until the edit is written. */
bantam_status bnt_prune_vocab_apply(bnt_prune_vocab *v, bnt_edit *e, bantam_error *err);

/* False where the merge of old is gone; else *out is it in new ids. */
bool bnt_prune_vocab_merge(const bnt_prune_vocab *v, const bnt_merge *merge, bnt_merge *out);

/* The pairs of the new tokenizer, in the way of bnt_edit.put_words; user is a
 * bnt_prune_vocab. */
bantam_status bnt_prune_vocab_put_words(void *user, bnt_gguf_writer *w, bantam_error *err);

#endif
