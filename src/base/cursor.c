/* cursor.c - little-endian numbers out of bytes, on any machine. */
#include "base/cursor.h"
#include "base/f16.h"

const uint8_t *bnt_cursor_take(bnt_cursor *c, uint64_t n)
{
    if (c->failed || n > bnt_cursor_left(c)) {
        c->failed = true;
        return NULL;
    }
    const uint8_t *p = c->at;
    if (n) c->at += n; /* a cursor on NULL stays there: NULL + 0 is not C */
    return p;
}

static uint64_t take_number(bnt_cursor *c, unsigned bytes)
{
    const uint8_t *p = bnt_cursor_take(c, bytes);
    uint64_t x = 0;
    for (unsigned i = 0; p && i < bytes; i++) {
        x |= (uint64_t)p[i] << (8 * i);
    }
    return x;
}

uint8_t bnt_cursor_u8(bnt_cursor *c)
{
    return (uint8_t)take_number(c, 1);
}

uint16_t bnt_cursor_u16(bnt_cursor *c)
{
    return (uint16_t)take_number(c, 2);
}

uint32_t bnt_cursor_u32(bnt_cursor *c)
{
    return (uint32_t)take_number(c, 4);
}

uint64_t bnt_cursor_u64(bnt_cursor *c)
{
    return take_number(c, 8);
}

float bnt_cursor_f32(bnt_cursor *c)
{
    return bnt_f32_from_bits(bnt_cursor_u32(c));
}

double bnt_cursor_f64(bnt_cursor *c)
{
    const uint64_t bits = bnt_cursor_u64(c);
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

uint64_t bnt_cursor_varint(bnt_cursor *c)
{
    uint64_t x = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
        const uint8_t byte = bnt_cursor_u8(c);
        /* The tenth byte brings bit 63 alone. */
        if (c->failed || (shift == 63 && byte > 1)) break;
        x |= (uint64_t)(byte & 0x7F) << shift;
        if (byte < 0x80) return x;
    }
    c->failed = true;
    return 0;
}
