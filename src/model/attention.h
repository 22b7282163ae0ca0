/* attention.h - the sizes attention fixes for the whole library. */
#ifndef BNT_MODEL_ATTENTION_H
#define BNT_MODEL_ATTENTION_H
#include "kernel/kernel.h"

enum {
    /* Positions of one softmax chunk, and of one segment of chunks; both begin at multiples of
     * their size. Part of the definition of the result: other numbers give other bits. */
    BNT_ATTENTION_CHUNK = BNT_CHUNK_POSITIONS,
    BNT_ATTENTION_SEGMENT = 256,

    /* Query rows that share the keys and values of a chunk. Changes no bit. */
    BNT_ATTENTION_ROWS = 64
};

#endif
