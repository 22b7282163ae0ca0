/* rotate_parts.h - what rotation knows of a model, shared by its two files. */
#ifndef BNT_COMPRESS_ROTATE_PARTS_H
#define BNT_COMPRESS_ROTATE_PARTS_H
#include "base/pool.h"
#include "compress/rotate.h"
#include "kernel/hadamard.h"

/* What becomes of a tensor. */
typedef enum bnt_rotate_part {
    BNT_ROTATE_NONE,   /* it stays: divisors of the rope */
    BNT_ROTATE_NORM,   /* becomes ones */
    BNT_ROTATE_EMBED,  /* rows are turned as the stream is */
    BNT_ROTATE_READER, /* the same, after a norm: q, k, gate, head */
    BNT_ROTATE_UP,     /* a reader whose rows take the signs of what down multiplies */
    BNT_ROTATE_VALUES, /* a reader whose rows are turned head by head */
    BNT_ROTATE_OUTPUT, /* o: rows head by head, columns as the stream */
    BNT_ROTATE_DOWN    /* rows as what it multiplies, columns as the stream */
} bnt_rotate_part;

typedef struct bnt_rotator {
    bnt_source_maker maker; /* the first member: makers are rotators */
    bnt_config config;
    bnt_kernels kernels;
    bnt_pool *pool; /* owns */
    bool turns_down;
    uint64_t seed;                   /* of the signs that were kept */
    bnt_hadamard stream, head, down; /* down of size 0: not turned */
    float *factors;                  /* owns: of the three */
    float *norms;                    /* (2 layers + 1, embd) owns */
    float *signs; /* 1 or -1: (embd), (layers, kv*hd), (layers, ffn) where down is; owns */
    /* The tensor whose rows are at hand because columns are turned, too. */
    const bnt_source_tensor *begun;
    float *made; /* (its rows, its columns) owns */
} bnt_rotator;

/* Signs for all that is turned. */
void bnt_rotate_draw(bnt_rotator *o, uint64_t seed);

/* Draws signs n_seeds times and keeps those with which a sample of the rows of s loses least;
 * row is as wide as the widest of them. */
void bnt_rotate_search(bnt_rotator *o, const bnt_source *s, uint64_t seed, uint32_t n_seeds,
                       float *row);

/* Row r of t, turned along itself. */
void bnt_rotate_row(const bnt_rotator *o, const bnt_source_tensor *t, uint64_t r, float *out);

#endif
