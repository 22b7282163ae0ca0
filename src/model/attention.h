/* attention.h - the sizes attention fixes for the whole library. */
#ifndef BNT_MODEL_ATTENTION_H
#define BNT_MODEL_ATTENTION_H

enum {
    /* Positions of one softmax chunk; chunks begin at multiples of it. Part of the definition
     * of the result: another number gives other bits. */
    BNT_ATTENTION_CHUNK = 64,

    /* Tokens that share the decoded keys and values of a chunk. Changes no bit. */
    BNT_ATTENTION_TOKENS = 16
};

#endif
