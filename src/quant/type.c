/* type.c - the table of number types, and the one place that computes tensor bytes. */
#include "quant/type.h"

#include <strings.h>

#include "base/checked.h"
#include "quant/block.h"
#include "quant/tile.h"

/* Bytes of head, scales, mins, codes, high bits: see tile.h. */
static const bnt_tile b2 = {32, 16, 0, 128, 0, BNT_TYPE_B2};
static const bnt_tile b3 = {32, 16, 0, 128, 64, BNT_TYPE_B3};
static const bnt_tile b4 = {32, 16, 0, 256, 0, BNT_TYPE_B4};
static const bnt_tile b5 = {32, 16, 0, 256, 64, BNT_TYPE_B5};
static const bnt_tile b6 = {32, 16, 0, 256, 128, BNT_TYPE_B6};
static const bnt_tile b8 = {32, 0, 0, 512, 0, BNT_TYPE_B8};
static const bnt_tile q4_0_r16 = {0, 32, 0, 256, 0, BNT_TYPE_Q4_0};
static const bnt_tile q8_0_r16 = {0, 32, 0, 512, 0, BNT_TYPE_Q8_0};
static const bnt_tile q4_k_r16 = {64, 16, 16, 256, 0, BNT_TYPE_Q4_K};
static const bnt_tile q5_k_r16 = {64, 16, 16, 256, 64, BNT_TYPE_Q5_K};
static const bnt_tile q6_k_r16 = {32, 32, 0, 256, 128, BNT_TYPE_Q6_K};

static const bnt_type types[] = {
    {BNT_TYPE_F32, "F32", 1, 4, bnt_f32_decode, bnt_f32_encode, NULL, NULL},
    {BNT_TYPE_F16, "F16", 1, 2, bnt_f16_decode, bnt_f16_encode, NULL, NULL},
    {BNT_TYPE_Q4_0, "Q4_0", 32, sizeof(bnt_q4_0), bnt_q4_0_decode, bnt_q4_0_encode,
     bnt_q4_0_encode_for, NULL},
    {BNT_TYPE_Q4_1, "Q4_1", 32, sizeof(bnt_q4_1), bnt_q4_1_decode, NULL, NULL, NULL},
    {BNT_TYPE_Q5_0, "Q5_0", 32, sizeof(bnt_q5_0), bnt_q5_0_decode, NULL, NULL, NULL},
    {BNT_TYPE_Q5_1, "Q5_1", 32, sizeof(bnt_q5_1), bnt_q5_1_decode, NULL, NULL, NULL},
    {BNT_TYPE_Q8_0, "Q8_0", 32, sizeof(bnt_q8_0), bnt_q8_0_decode, bnt_q8_0_encode,
     bnt_q8_0_encode_for, NULL},
    {BNT_TYPE_Q2_K, "Q2_K", 256, sizeof(bnt_q2_k), bnt_q2_k_decode, NULL, NULL, NULL},
    {BNT_TYPE_Q3_K, "Q3_K", 256, sizeof(bnt_q3_k), bnt_q3_k_decode, NULL, NULL, NULL},
    {BNT_TYPE_Q4_K, "Q4_K", 256, sizeof(bnt_q4_k), bnt_q4_k_decode, bnt_q4_k_encode,
     bnt_q4_k_encode_for, NULL},
    {BNT_TYPE_Q5_K, "Q5_K", 256, sizeof(bnt_q5_k), bnt_q5_k_decode, bnt_q5_k_encode,
     bnt_q5_k_encode_for, NULL},
    {BNT_TYPE_Q6_K, "Q6_K", 256, sizeof(bnt_q6_k), bnt_q6_k_decode, bnt_q6_k_encode,
     bnt_q6_k_encode_for, NULL},
    {BNT_TYPE_IQ4_NL, "IQ4_NL", 32, sizeof(bnt_iq4_nl), bnt_iq4_nl_decode, bnt_iq4_nl_encode,
     bnt_iq4_nl_encode_for, NULL},
    {BNT_TYPE_IQ4_XS, "IQ4_XS", 256, sizeof(bnt_iq4_xs), bnt_iq4_xs_decode, NULL, NULL, NULL},
    {BNT_TYPE_BF16, "BF16", 1, 2, bnt_bf16_decode, bnt_bf16_encode, NULL, NULL},
    {BNT_TYPE_B2, "B2", 4, 0, NULL, NULL, NULL, &b2},
    {BNT_TYPE_B3, "B3", 4, 0, NULL, NULL, NULL, &b3},
    {BNT_TYPE_B4, "B4", 4, 0, NULL, NULL, NULL, &b4},
    {BNT_TYPE_B5, "B5", 4, 0, NULL, NULL, NULL, &b5},
    {BNT_TYPE_B6, "B6", 4, 0, NULL, NULL, NULL, &b6},
    {BNT_TYPE_B8, "B8", 4, 0, NULL, NULL, NULL, &b8},
    {BNT_TYPE_Q4_0_R16, "Q4_0_R16", 32, 0, NULL, NULL, NULL, &q4_0_r16},
    {BNT_TYPE_Q8_0_R16, "Q8_0_R16", 32, 0, NULL, NULL, NULL, &q8_0_r16},
    {BNT_TYPE_Q4_K_R16, "Q4_K_R16", 256, 0, NULL, NULL, NULL, &q4_k_r16},
    {BNT_TYPE_Q5_K_R16, "Q5_K_R16", 256, 0, NULL, NULL, NULL, &q5_k_r16},
    {BNT_TYPE_Q6_K_R16, "Q6_K_R16", 256, 0, NULL, NULL, NULL, &q6_k_r16},
};

enum { N_TYPES = sizeof types / sizeof types[0] };

const bnt_type *bnt_type_find(uint32_t id)
{
    for (int i = 0; i < N_TYPES; i++) {
        if ((uint32_t)types[i].id == id) return &types[i];
    }
    return NULL;
}

const bnt_type *bnt_type_named(const char *name)
{
    for (int i = 0; i < N_TYPES; i++) {
        if (strcasecmp(types[i].name, name) == 0) return &types[i];
    }
    return NULL;
}

const char *bnt_type_foreign_name(uint32_t id)
{
    static const struct {
        uint32_t id;
        const char *name;
    } foreign[] = {
        {4, "Q4_2 (retired)"},
        {5, "Q4_3 (retired)"},
        {9, "Q8_1"},
        {15, "Q8_K"},
        {16, "IQ2_XXS"},
        {17, "IQ2_XS"},
        {18, "IQ3_XXS"},
        {19, "IQ1_S"},
        {21, "IQ3_S"},
        {22, "IQ2_S"},
        {24, "I8"},
        {25, "I16"},
        {26, "I32"},
        {27, "I64"},
        {28, "F64"},
        {29, "IQ1_M"},
        {31, "Q4_0_4_4 (retired)"},
        {32, "Q4_0_4_8 (retired)"},
        {33, "Q4_0_8_8 (retired)"},
        {34, "TQ1_0"},
        {35, "TQ2_0"},
        {36, "IQ4_NL_4_4 (retired)"},
        {39, "MXFP4"},
    };
    for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++) {
        if (foreign[i].id == id) return foreign[i].name;
    }
    return NULL;
}

const bnt_type *bnt_tile_type_of(const bnt_type *source)
{
    for (int i = 0; i < N_TYPES; i++) {
        if (types[i].tile && types[i].tile->source == source->id) return &types[i];
    }
    return NULL;
}

/* Rows come in whole groups. A group takes less than 64 bytes for each column of its spans, so
 * that its size cannot wrap where 64 times these do not. */
static bool tile_bytes(const bnt_type *type, uint64_t rows, uint64_t columns, uint64_t *bytes)
{
    const uint64_t groups = rows / BNT_TILE_ROWS + (rows % BNT_TILE_ROWS ? 1 : 0);

    if (columns > SIZE_MAX / 64 - BNT_TILE_SPAN) return false;
    return bnt_mul_u64(groups, bnt_tile_group_bytes(type->tile, (size_t)columns), bytes);
}

bool bnt_type_bytes(const bnt_type *type, uint64_t rows, uint64_t columns, uint64_t *bytes)
{
    uint64_t row_bytes;

    /* Divide by the block first: values times bytes could wrap where the quotient does not. */
    if (columns % type->block_values) return false;
    if (type->tile) return tile_bytes(type, rows, columns, bytes);
    if (!bnt_mul_u64(columns / type->block_values, type->block_bytes, &row_bytes)) return false;
    return bnt_mul_u64(rows, row_bytes, bytes);
}

void bnt_type_decode_row(const bnt_type *type, const uint8_t *matrix, size_t columns,
                         size_t row, float *out)
{
    if (type->tile) {
        const size_t group_bytes = bnt_tile_group_bytes(type->tile, columns);
        const uint8_t *const group = matrix + row / BNT_TILE_ROWS * group_bytes;
        bnt_tile_decode_row(type, group, (uint32_t)(row % BNT_TILE_ROWS), columns, out);
    } else {
        const size_t row_bytes = columns / type->block_values * type->block_bytes;
        type->decode(matrix + row * row_bytes, out, columns);
    }
}
