/* type.h - the number types that tensors are stored in.
 *
 * A type stores values in blocks of block_values along a row; a row is a whole number of
 * blocks. Numbers of types are GGUF's. Layouts are drawn in block.h.
 */
#ifndef BNT_QUANT_TYPE_H
#define BNT_QUANT_TYPE_H
#include "base/error.h"

typedef enum bnt_type_id {
    BNT_TYPE_F32 = 0,
    BNT_TYPE_F16 = 1,
    BNT_TYPE_Q4_0 = 2,
    BNT_TYPE_Q4_1 = 3,
    BNT_TYPE_Q5_0 = 6,
    BNT_TYPE_Q5_1 = 7,
    BNT_TYPE_Q8_0 = 8,
    BNT_TYPE_Q2_K = 10,
    BNT_TYPE_Q3_K = 11,
    BNT_TYPE_Q4_K = 12,
    BNT_TYPE_Q5_K = 13,
    BNT_TYPE_Q6_K = 14,
    BNT_TYPE_IQ4_NL = 20,
    BNT_TYPE_IQ4_XS = 23,
    BNT_TYPE_BF16 = 30,

    /* Interleaved by 16 rows (tile.h). Files of this project hold those of 12xx; the others are
     * what kernels read in place of the type whose number is added to 1300. */
    BNT_TYPE_B2 = 1202,
    BNT_TYPE_B3 = 1203,
    BNT_TYPE_B4 = 1204,
    BNT_TYPE_B5 = 1205,
    BNT_TYPE_B6 = 1206,
    BNT_TYPE_B8 = 1208,
    BNT_TYPE_Q4_0_R16 = 1302,
    BNT_TYPE_Q8_0_R16 = 1308,
    BNT_TYPE_Q4_K_R16 = 1312,
    BNT_TYPE_Q5_K_R16 = 1313,
    BNT_TYPE_Q6_K_R16 = 1314
} bnt_type_id;

enum { BNT_MAX_TYPES = 32 }; /* more than the table has */

struct bnt_tile;

typedef struct bnt_type {
    bnt_type_id id;
    const char *name; /* "Q4_K" */
    /* Of interleaved types the columns are a multiple of block_values, and bytes are 0. */
    uint32_t block_values, block_bytes;

    /* Decodes n values, a multiple of block_values, from n / block_values blocks. src needs no
     * alignment. NULL for interleaved types, whose rows do not lie by themselves. */
    void (*decode)(const void *src, float *dst, size_t n);

    /* Encodes likewise: floats, Q4_0 and Q8_0 to the bits that llama.cpp's reference encoder of
     * the type gives, the others by encode_for without weights. NULL where this build only
     * reads the type. */
    void (*encode)(const float *src, void *dst, size_t n);

    /* Encodes n values, searching for the least sum of weights[i] * (error of value i)^2; NULL
     * for weights: all 1. Negative weights count as 0. In no block is that sum larger than
     * encode leaves it. NULL where a type has no search. */
    void (*encode_for)(const float *src, const float *weights, void *dst, size_t n);

    const struct bnt_tile *tile; /* of interleaved types, else NULL */
} bnt_type;

/* NULL for a number that is not in the table. */
const bnt_type *bnt_type_find(uint32_t id);
/* By name, upper or lower case. */
const bnt_type *bnt_type_named(const char *name);

/* The name GGUF gives a type number this build cannot read ("IQ2_XXS", "TQ1_0"), or NULL where
 * the number means nothing. For messages. */
const char *bnt_type_foreign_name(uint32_t id);

/* Bytes of rows * columns values. False where columns is no whole number of blocks or a product
 * wraps. This is the one place where tensor bytes are computed. */
bool bnt_type_bytes(const bnt_type *type, uint64_t rows, uint64_t columns, uint64_t *bytes);

/* One row of a stored matrix (rows, columns) as floats, of any type in the table. */
void bnt_type_decode_row(const bnt_type *type, const uint8_t *matrix, size_t columns,
                         size_t row, float *out);

#endif
