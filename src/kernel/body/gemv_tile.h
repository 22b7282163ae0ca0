/* gemv_tile.h - GROUPS groups of rows times tokens, for every type.
 *
 * Included by gemv.h with several pairs of GROUPS and TOKENS, so that every loop over groups
 * and tokens has a fixed length and its sums live in registers. PASSES is 1 where TOKENS are
 * all there are, or 2 where each tile is taken again for the next ones. Of one tile, register
 * by register of a group's rows (`part` counts them), span by span (`i`), line by line, the
 * codes are taken apart once and multiplied with all tokens. Loops over groups count in g, over
 * tokens in t; `b` and `p` are the parameters, TILE_LOCALS the first variables of every
 * function.
 */
#ifdef TOKENS

#define TILE(name) GEMV_NAME(tile_##name)
#define INLINE     __attribute__((always_inline)) static inline
#define EACH_GROUP _Pragma("GCC unroll 4") for (int g = 0; g < GROUPS; g++)
#define EACH_TOKEN _Pragma("GCC unroll 8") for (int t = 0; t < TOKENS; t++)
#define EACH_SUM   EACH_GROUP EACH_TOKEN

/* What lies at p0 for group 0 lies here for group g. */
#define OF_GROUP(p0) ((p0) + gemv_there(p->n_groups, g) * p->group_bytes)
/* Where, for this part, rows of n bytes each begin. */
#define ROWS_AT(n) ((n)*part * GEMV_ROWS)

#define OF_TOKEN(row0, stride) ((row0) + gemv_there(b->n_tokens, t) * (stride))
#define DX(t)                  rf_set(OF_TOKEN(b->d, b->d_stride))
#define Y(g, t)                (p->y + 16 * (g) + (size_t)(t)*b->y_stride + ROWS_AT(1))

/* codes_at: where the codes begin in the tiles. start: what the sums of spans start with, or
 * for types with mins what these are multiplied with. */
#define TILE_LOCALS(scale_bytes, starts)                                                       \
    enum { AHEAD = GEMV_AHEAD / GROUPS };                                                      \
    const size_t n = b->n_spans, codes_at = bnt_tile_padded(n * (scale_bytes));                \
    const uint8_t *tile[GROUPS];                                                               \
    const int8_t *q[TOKENS];                                                                   \
    _Alignas(64) int32_t start[TOKENS][16];                                                    \
    EACH_GROUP tile[g] = OF_GROUP(p->tile);                                                    \
    EACH_TOKEN q[t] = OF_TOKEN(b->q, b->q_stride);                                             \
    EACH_TOKEN starts(OF_TOKEN(b->sums, b->sums_stride), start[t]);                            \
    for (size_t at = 0; at < codes_at; at += 64) {                                             \
        ASK(at)                                                                                \
    }

/* Asks for the line that comes AHEAD bytes after `at` in each stream. */
#define ASK(at)                                                                                \
    {                                                                                          \
        const size_t then = gemv_ahead(p, at, AHEAD);                                          \
        EACH_GROUP __builtin_prefetch(tile[g] + then, 0, 3);                                   \
    }
/* Bytes are asked for in their order in memory, whatever the order they are used in, with span
 * i as many lines n as a span has of codes and high bits: `ahead` is where this part and pass
 * find their share of them ... */
#define SHARES (GEMV_PARTS * PASSES)
#define AHEAD_OF(n)                                                                            \
    gemv_ahead(p,                                                                              \
               codes_at + 64 * (n)*i + (size_t)(64 * (n) / SHARES * (part * PASSES + pass)),   \
               AHEAD)
/* ... and this asks for line J of the share, if it has that many. */
#define ASK_LINE(J, n)                                                                         \
    if ((J) < ((n) + SHARES - 1) / SHARES) {                                                   \
        EACH_GROUP __builtin_prefetch(tile[g] + ahead + 64 * (J), 0, 3);                       \
    }

/* Adds sum * dx to y. */
INLINE void TILE(add)(const gemv_block *b, const gemv_place *p, int part,
                      rf sum[GROUPS][TOKENS])
{
    EACH_SUM
    {
        if (gemv_padding(b, p, g, t)) continue;
        rf_store(Y(g, t), rf_fma(sum[g][t], DX(t), rf_load(Y(g, t))));
    }
}

/* Adds sum * (d * dx) to y. */
INLINE void TILE(add_int)(const gemv_block *b, const gemv_place *p, int part,
                          ri sum[GROUPS][TOKENS])
{
    EACH_SUM
    {
        if (gemv_padding(b, p, g, t)) continue;
        const rf scale = rf_mul(rf_half(OF_GROUP(p->head) + ROWS_AT(2)), DX(t));
        rf_store(Y(g, t), rf_fma(rf_int(sum[g][t]), scale, rf_load(Y(g, t))));
    }
}

/* ---- 4-bit codes ---- */

/* Adds the products of line J of a span, at offset `codes` of the tiles. */
#define NIBBLES(J)                                                                             \
    ASK_LINE(J, 4)                                                                             \
    {                                                                                          \
        rb low[GROUPS], high[GROUPS];                                                          \
        EACH_GROUP                                                                             \
        {                                                                                      \
            const rb line = rb_load(tile[g] + codes + 64 * (J) + ROWS_AT(4));                  \
            low[g] = rb_low(line);                                                             \
            high[g] = rb_high(line);                                                           \
        }                                                                                      \
        EACH_TOKEN                                                                             \
        {                                                                                      \
            const rx x = rx_load(q[t] + 32 * i), z = rx_load(q[t] + 32 * i + 16);              \
            EACH_GROUP sum[g][t] = rs_dot(sum[g][t], low[g], x, J);                            \
            EACH_GROUP sum[g][t] = rs_dot(sum[g][t], high[g], z, J);                           \
        }                                                                                      \
    }
#define SPAN_NIBBLES NIBBLES(0) NIBBLES(1) NIBBLES(2) NIBBLES(3)

/* Adds the sums of a span times its scales to the totals. */
#define ADD_WHOLE                                                                              \
    EACH_GROUP                                                                                 \
    {                                                                                          \
        const ri scale = rs_scale(tile[g] + 16 * i + ROWS_AT(1));                              \
        EACH_TOKEN total[g][t] = rs_scaled(total[g][t], sum[g][t], scale);                     \
    }

INLINE void TILE(b4)(const gemv_block *b, const gemv_place *p, int pass)
{
    TILE_LOCALS(16, gemv_starts4)
    for (int part = 0; part < GEMV_PARTS; part++) {
        ri total[GROUPS][TOKENS];
        EACH_SUM total[g][t] = ri_zero();
        for (size_t i = 0; i < n; i++) {
            const size_t codes = codes_at + 256 * i, ahead = AHEAD_OF(4);
            rs sum[GROUPS][TOKENS];
            EACH_SUM sum[g][t] = rs_start(&start[t][i]);
            SPAN_NIBBLES
            ADD_WHOLE
        }
        TILE(add_int)(b, p, part, total);
    }
}

INLINE void TILE(q4_0)(const gemv_block *b, const gemv_place *p, int pass)
{
    TILE_LOCALS(32, gemv_starts4)
    for (int part = 0; part < GEMV_PARTS; part++) {
        rf total[GROUPS][TOKENS];
        EACH_SUM total[g][t] = rf_zero();
        for (size_t i = 0; i < n; i++) {
            const size_t codes = codes_at + 256 * i, ahead = AHEAD_OF(4);
            rs sum[GROUPS][TOKENS];
            EACH_SUM sum[g][t] = rs_start(&start[t][i]);
            SPAN_NIBBLES
            EACH_GROUP
            {
                const rf scale = rf_half(tile[g] + 32 * i + ROWS_AT(2));
                EACH_TOKEN total[g][t] = rf_fma(rf_int(rs_sum(sum[g][t])), scale, total[g][t]);
            }
        }
        TILE(add)(b, p, part, total);
    }
}

/* ---- 2 and 3 bits ---- */

/* Adds the products of four columns, the J-th of half a span; `third` adds the bit that codes
 * of B3 have besides. */
#define TWO_BITS(HALF, J, third)                                                               \
    {                                                                                          \
        rb code[GROUPS];                                                                       \
        EACH_GROUP                                                                             \
        {                                                                                      \
            const rb line = rb_load(tile[g] + codes + 64 * (HALF) + ROWS_AT(4));               \
            code[g] = third(rb_down(line, 2 * (J), 3));                                        \
        }                                                                                      \
        EACH_TOKEN                                                                             \
        {                                                                                      \
            const rx x = rx_load(q[t] + 32 * i + 16 * (HALF));                                 \
            EACH_GROUP sum[g][t] = rs_dot(sum[g][t], code[g], x, J);                           \
        }                                                                                      \
    }
#define HIGH_LINE           rb_load(tile[g] + highs + ROWS_AT(4))
#define THIRD_UP(code, n)   rb_or(code, rb_up(HIGH_LINE, n, 4))
#define THIRD_DOWN(code, n) rb_or(code, rb_down(HIGH_LINE, n, 4))
/* Bit 4 HALF + J of the line of high bits goes to bit 2. */
#define THIRD_0(code)  THIRD_UP(code, 2)
#define THIRD_1(code)  THIRD_UP(code, 1)
#define THIRD_2(code)  THIRD_UP(code, 0)
#define THIRD_3(code)  THIRD_DOWN(code, 1)
#define THIRD_4(code)  THIRD_DOWN(code, 2)
#define THIRD_5(code)  THIRD_DOWN(code, 3)
#define THIRD_6(code)  THIRD_DOWN(code, 4)
#define THIRD_7(code)  THIRD_DOWN(code, 5)
#define NO_THIRD(code) (code)

INLINE void TILE(b3)(const gemv_block *b, const gemv_place *p, int pass)
{
    TILE_LOCALS(16, gemv_starts3)
    const size_t highs_at = codes_at + 128 * n;
    for (int part = 0; part < GEMV_PARTS; part++) {
        ri total[GROUPS][TOKENS];
        EACH_SUM total[g][t] = ri_zero();
        for (size_t i = 0; i < n; i++) {
            const size_t codes = codes_at + 128 * i, ahead = AHEAD_OF(3);
            const size_t highs = highs_at + 64 * i;
            rs sum[GROUPS][TOKENS];
            EACH_SUM sum[g][t] = rs_start(&start[t][i]);
            ASK_LINE(0, 3)
            TWO_BITS(0, 0, THIRD_0)
            TWO_BITS(0, 1, THIRD_1)
            TWO_BITS(0, 2, THIRD_2)
            ASK_LINE(1, 3)
            TWO_BITS(0, 3, THIRD_3)
            TWO_BITS(1, 0, THIRD_4)
            TWO_BITS(1, 1, THIRD_5)
            ASK_LINE(2, 3)
            TWO_BITS(1, 2, THIRD_6)
            TWO_BITS(1, 3, THIRD_7)
            ADD_WHOLE
        }
        TILE(add_int)(b, p, part, total);
    }
}

INLINE void TILE(b2)(const gemv_block *b, const gemv_place *p, int pass)
{
    TILE_LOCALS(16, gemv_starts2)
    for (int part = 0; part < GEMV_PARTS; part++) {
        ri total[GROUPS][TOKENS];
        EACH_SUM total[g][t] = ri_zero();
        for (size_t i = 0; i < n; i++) {
            const size_t codes = codes_at + 128 * i, ahead = AHEAD_OF(2);
            rs sum[GROUPS][TOKENS];
            EACH_SUM sum[g][t] = rs_start(&start[t][i]);
            ASK_LINE(0, 2)
            TWO_BITS(0, 0, NO_THIRD)
            TWO_BITS(0, 1, NO_THIRD)
            TWO_BITS(0, 2, NO_THIRD)
            TWO_BITS(0, 3, NO_THIRD)
            ASK_LINE(1, 2)
            TWO_BITS(1, 0, NO_THIRD)
            TWO_BITS(1, 1, NO_THIRD)
            TWO_BITS(1, 2, NO_THIRD)
            TWO_BITS(1, 3, NO_THIRD)
            ADD_WHOLE
        }
        TILE(add_int)(b, p, part, total);
    }
}

/* ---- 4 and 5 bits, and mins ---- */

/* Takes the mins off the totals of a part, then adds these to y. */
INLINE void TILE(add_mins)(const gemv_block *b, const gemv_place *p, int part,
                           int32_t two[TOKENS][16], rf total[GROUPS][TOKENS])
{
    const uint8_t *const mins = p->tile + bnt_tile_padded((size_t)16 * b->n_spans) + ROWS_AT(2);
    ri sum[GROUPS][TOKENS];
    EACH_SUM sum[g][t] = ri_zero();
    for (size_t i = 0; i < BNT_TILE_SPANS / 2; i++) {
        EACH_SUM sum[g][t] = ri_pairs(sum[g][t], OF_GROUP(mins) + 32 * i, &two[t][i]);
    }
    EACH_SUM
    {
        const rf dmin = rf_half(OF_GROUP(p->head) + 32 + ROWS_AT(2));
        total[g][t] = rf_fnma(rf_int(sum[g][t]), dmin, total[g][t]);
    }
    TILE(add)(b, p, part, total);
}

/* Adds the sums of a span times d * s to the totals. */
#define ADD_SCALED(sums, s)                                                                    \
    EACH_GROUP                                                                                 \
    {                                                                                          \
        const rf scale = rf_mul(rf_half(OF_GROUP(p->head) + ROWS_AT(2)), rf_int(s));           \
        EACH_TOKEN total[g][t] = rf_fma(rf_int(sums), scale, total[g][t]);                     \
    }

/* Scales and mins are as many bytes: of whole blocks, which all of these types are, the codes
 * begin at the sum of both. */
INLINE void TILE(q4_k)(const gemv_block *b, const gemv_place *p, int pass)
{
    TILE_LOCALS(32, gemv_starts_two)
    for (int part = 0; part < GEMV_PARTS; part++) {
        rf total[GROUPS][TOKENS];
        EACH_SUM total[g][t] = rf_zero();
        for (size_t i = 0; i < n; i++) {
            const size_t codes = codes_at + 256 * i, ahead = AHEAD_OF(4);
            rs sum[GROUPS][TOKENS];
            EACH_SUM sum[g][t] = rs_zero();
            SPAN_NIBBLES
            ADD_SCALED(rs_sum(sum[g][t]), ri_u8(tile[g] + 16 * i + ROWS_AT(1)))
        }
        TILE(add_mins)(b, p, part, start, total);
    }
}

/* As NIBBLES, with a fifth bit: of the span's line of high bits, bit J is that of the low codes
 * and bit 4 + J that of the high ones. */
#define FIVE_BITS(J)                                                                           \
    ASK_LINE(J, 5)                                                                             \
    {                                                                                          \
        rb low[GROUPS], high[GROUPS];                                                          \
        EACH_GROUP                                                                             \
        {                                                                                      \
            const rb line = rb_load(tile[g] + codes + 64 * (J) + ROWS_AT(4));                  \
            const rb fifth = rb_load(tile[g] + highs + ROWS_AT(4));                            \
            low[g] = rb_or(rb_low(line), rb_up(fifth, 4 - (J), 16));                           \
            high[g] = rb_or(rb_high(line), rb_down(fifth, J, 16));                             \
        }                                                                                      \
        EACH_TOKEN                                                                             \
        {                                                                                      \
            const rx x = rx_load(q[t] + 32 * i), z = rx_load(q[t] + 32 * i + 16);              \
            EACH_GROUP sum[g][t] = ri_dot2(sum[g][t], low[g], x, J, high[g], z, J);            \
        }                                                                                      \
    }

#define SPAN_FIVE_BITS ASK_LINE(4, 5) FIVE_BITS(0) FIVE_BITS(1) FIVE_BITS(2) FIVE_BITS(3)

INLINE void TILE(b5)(const gemv_block *b, const gemv_place *p, int pass)
{
    TILE_LOCALS(16, gemv_starts5)
    const size_t highs_at = codes_at + 256 * n;
    for (int part = 0; part < GEMV_PARTS; part++) {
        rf total[GROUPS][TOKENS];
        EACH_SUM total[g][t] = rf_zero();
        for (size_t i = 0; i < n; i++) {
            const size_t codes = codes_at + 256 * i, ahead = AHEAD_OF(5);
            const size_t highs = highs_at + 64 * i;
            ri sum[GROUPS][TOKENS];
            EACH_SUM sum[g][t] = ri_set(&start[t][i]);
            SPAN_FIVE_BITS
            ADD_SCALED(sum[g][t], ri_s8(tile[g] + 16 * i + ROWS_AT(1)))
        }
        TILE(add)(b, p, part, total);
    }
}

INLINE void TILE(q5_k)(const gemv_block *b, const gemv_place *p, int pass)
{
    TILE_LOCALS(32, gemv_starts_two)
    const size_t highs_at = codes_at + 256 * n;
    for (int part = 0; part < GEMV_PARTS; part++) {
        rf total[GROUPS][TOKENS];
        EACH_SUM total[g][t] = rf_zero();
        for (size_t i = 0; i < n; i++) {
            const size_t codes = codes_at + 256 * i, ahead = AHEAD_OF(5);
            const size_t highs = highs_at + 64 * i;
            ri sum[GROUPS][TOKENS];
            EACH_SUM sum[g][t] = ri_zero();
            SPAN_FIVE_BITS
            ADD_SCALED(sum[g][t], ri_u8(tile[g] + 16 * i + ROWS_AT(1)))
        }
        TILE(add_mins)(b, p, part, start, total);
    }
}

/* ---- 6 bits ---- */

/* Adds the products of lines J and K of half a span. The codes' low bits are the `nibble` of
 * the lines; `a` and `c` shift those on top out of the half's line of high bits. */
#define SIX_BITS(HALF, nibble, J, a, a_by, K, c, c_by)                                         \
    ASK_LINE(2 * (HALF) + (J) / 2, 6)                                                          \
    {                                                                                          \
        rb one[GROUPS], two[GROUPS];                                                           \
        EACH_GROUP                                                                             \
        {                                                                                      \
            const uint8_t *const lines = tile[g] + codes + ROWS_AT(4);                         \
            const rb top = rb_load(tile[g] + highs + 64 * (HALF) + ROWS_AT(4));                \
            one[g] = rb_or(nibble(rb_load(lines + 64 * (J))), a(top, a_by, 48));               \
            two[g] = rb_or(nibble(rb_load(lines + 64 * (K))), c(top, c_by, 48));               \
        }                                                                                      \
        EACH_TOKEN                                                                             \
        {                                                                                      \
            const rx x = rx_load(q[t] + 32 * i + 16 * (HALF));                                 \
            EACH_GROUP sum[g][t] = ri_dot2(sum[g][t], one[g], x, J, two[g], x, K);             \
        }                                                                                      \
    }
#define HALF_SIX_BITS(HALF, nibble)                                                            \
    SIX_BITS(HALF, nibble, 0, rb_up, 4, 1, rb_up, 2)                                           \
    SIX_BITS(HALF, nibble, 2, rb_up, 0, 3, rb_down, 2)
#define HALF_SPAN(HALF, nibble)                                                                \
    {                                                                                          \
        ri sum[GROUPS][TOKENS];                                                                \
        EACH_SUM sum[g][t] = ri_set(&start[t][2 * i + (HALF)]);                                \
        HALF_SIX_BITS(HALF, nibble)                                                            \
        ADD_SCALED(sum[g][t], ri_s8(tile[g] + 32 * i + 16 * (HALF) + ROWS_AT(1)))              \
    }

INLINE void TILE(b6)(const gemv_block *b, const gemv_place *p, int pass)
{
    TILE_LOCALS(16, gemv_starts6)
    const size_t highs_at = codes_at + 256 * n;
    for (int part = 0; part < GEMV_PARTS; part++) {
        rf total[GROUPS][TOKENS];
        EACH_SUM total[g][t] = rf_zero();
        for (size_t i = 0; i < n; i++) {
            const size_t codes = codes_at + 256 * i, ahead = AHEAD_OF(6);
            const size_t highs = highs_at + 128 * i;
            ri sum[GROUPS][TOKENS];
            EACH_SUM sum[g][t] = ri_set(&start[t][i]);
            ASK_LINE(4, 6)
            HALF_SIX_BITS(0, rb_low)
            ASK_LINE(5, 6)
            HALF_SIX_BITS(1, rb_high)
            ADD_SCALED(sum[g][t], ri_s8(tile[g] + 16 * i + ROWS_AT(1)))
        }
        TILE(add)(b, p, part, total);
    }
}

INLINE void TILE(q6_k)(const gemv_block *b, const gemv_place *p, int pass)
{
    TILE_LOCALS(32, gemv_starts6_half)
    const size_t highs_at = codes_at + 256 * n;
    for (int part = 0; part < GEMV_PARTS; part++) {
        rf total[GROUPS][TOKENS];
        EACH_SUM total[g][t] = rf_zero();
        for (size_t i = 0; i < n; i++) {
            const size_t codes = codes_at + 256 * i, ahead = AHEAD_OF(6);
            const size_t highs = highs_at + 128 * i;
            ASK_LINE(4, 6)
            HALF_SPAN(0, rb_low)
            ASK_LINE(5, 6)
            HALF_SPAN(1, rb_high)
        }
        TILE(add)(b, p, part, total);
    }
}

/* ---- 8 bits ---- */

/* Adds the products of line J of half a span. */
#define BYTES(HALF, J)                                                                         \
    ASK_LINE(4 * (HALF) + (J), 8)                                                              \
    {                                                                                          \
        rc line[GROUPS];                                                                       \
        EACH_GROUP line[g] = rc_load(tile[g] + codes + 256 * (HALF) + 64 * (J) + ROWS_AT(4));  \
        EACH_TOKEN                                                                             \
        {                                                                                      \
            const rx x = rx_load(q[t] + 32 * i + 16 * (HALF));                                 \
            EACH_GROUP sum[g][t] = ri_dot8(sum[g][t], line[g], x, J);                          \
        }                                                                                      \
    }
#define HALF_BYTES(HALF) BYTES(HALF, 0) BYTES(HALF, 1) BYTES(HALF, 2) BYTES(HALF, 3)

INLINE void TILE(b8)(const gemv_block *b, const gemv_place *p, int pass)
{
    TILE_LOCALS(0, gemv_starts8)
    for (int part = 0; part < GEMV_PARTS; part++) {
        ri total[GROUPS][TOKENS];
        EACH_SUM total[g][t] = ri_zero();
        for (size_t i = 0; i < n; i++) {
            const size_t codes = codes_at + 512 * i, ahead = AHEAD_OF(8);
            ri sum[GROUPS][TOKENS]; /* no chain of additions is longer than a span */
            EACH_SUM sum[g][t] = ri_start8(&start[t][i]);
            HALF_BYTES(0)
            HALF_BYTES(1)
            EACH_SUM total[g][t] = ri_add(total[g][t], sum[g][t]);
        }
        TILE(add_int)(b, p, part, total);
    }
}

INLINE void TILE(q8_0)(const gemv_block *b, const gemv_place *p, int pass)
{
    TILE_LOCALS(32, gemv_starts8)
    for (int part = 0; part < GEMV_PARTS; part++) {
        rf total[GROUPS][TOKENS];
        EACH_SUM total[g][t] = rf_zero();
        for (size_t i = 0; i < n; i++) {
            const size_t codes = codes_at + 512 * i, ahead = AHEAD_OF(8);
            ri sum[GROUPS][TOKENS];
            EACH_SUM sum[g][t] = ri_start8(&start[t][i]);
            HALF_BYTES(0)
            HALF_BYTES(1)
            EACH_GROUP
            {
                const rf scale = rf_half(tile[g] + 32 * i + ROWS_AT(2));
                EACH_TOKEN total[g][t] = rf_fma(rf_int(sum[g][t]), scale, total[g][t]);
            }
        }
        TILE(add)(b, p, part, total);
    }
}

/* ---- whole groups ---- */

/* All tiles of the groups in one function: what is outside the loop over spans is then done
 * while the next one begins. */
#define WALK(type)                                                                             \
    __attribute__((noinline)) static void GEMV_NAME(walk_##type)(const gemv_block *block,      \
                                                                 const gemv_place *place)      \
    {                                                                                          \
        gemv_block b = *block;                                                                 \
        gemv_place p = *place;                                                                 \
        do {                                                                                   \
            gemv_block tokens = b;                                                             \
            gemv_place at = p;                                                                 \
            for (int pass = 0;; pass ^= PASSES - 1) {                                          \
                TILE(type)(&tokens, &at, pass);                                                \
                if (PASSES == 1 || tokens.n_tokens <= TOKENS) break;                           \
                gemv_skip(&tokens, &at, TOKENS);                                               \
            }                                                                                  \
        } while (gemv_advance(&b, &p));                                                        \
    }
WALK(b4)
WALK(b3)
WALK(b2)
WALK(b8)
WALK(b6)
WALK(b5)
WALK(q4_0)
WALK(q8_0)
WALK(q4_k)
WALK(q5_k)
WALK(q6_k)

#undef TILE
#undef INLINE
#undef EACH_GROUP
#undef EACH_TOKEN
#undef EACH_SUM
#undef OF_GROUP
#undef ROWS_AT
#undef OF_TOKEN
#undef DX
#undef Y
#undef TILE_LOCALS
#undef ASK
#undef SHARES
#undef AHEAD_OF
#undef ASK_LINE
#undef NIBBLES
#undef SPAN_NIBBLES
#undef ADD_WHOLE
#undef TWO_BITS
#undef HIGH_LINE
#undef THIRD_UP
#undef THIRD_DOWN
#undef THIRD_0
#undef THIRD_1
#undef THIRD_2
#undef THIRD_3
#undef THIRD_4
#undef THIRD_5
#undef THIRD_6
#undef THIRD_7
#undef NO_THIRD
#undef ADD_SCALED
#undef FIVE_BITS
#undef SPAN_FIVE_BITS
#undef SIX_BITS
#undef HALF_SIX_BITS
#undef HALF_SPAN
#undef BYTES
#undef HALF_BYTES
#undef WALK

#endif
