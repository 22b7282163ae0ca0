/* cursor.h - reading untrusted bytes in a straight line.
 *
 * Little-endian. Failure is sticky: after the first read past the end every read gives zero and
 * `failed` stays true. Read, then ask once.
 */
#ifndef BNT_BASE_CURSOR_H
#define BNT_BASE_CURSOR_H
#include "bantam/bantam.h"

typedef struct bnt_cursor {
    const uint8_t *start, *at, *end; /* borrows */
    bool failed;
} bnt_cursor;

static inline bnt_cursor bnt_cursor_on(const void *data, size_t size)
{
    const uint8_t *p = (const uint8_t *)data;
    const bnt_cursor c = {p, p, p ? p + size : p, false};
    return c;
}

static inline size_t bnt_cursor_left(const bnt_cursor *c)
{
    return (size_t)(c->end - c->at);
}
static inline size_t bnt_cursor_offset(const bnt_cursor *c)
{
    return (size_t)(c->at - c->start);
}

/* The next n bytes, or NULL (and failed) where fewer are left; n is what a file says. */
const uint8_t *bnt_cursor_take(bnt_cursor *c, uint64_t n);

uint8_t bnt_cursor_u8(bnt_cursor *c);
uint16_t bnt_cursor_u16(bnt_cursor *c);
uint32_t bnt_cursor_u32(bnt_cursor *c);
uint64_t bnt_cursor_u64(bnt_cursor *c);
float bnt_cursor_f32(bnt_cursor *c);
double bnt_cursor_f64(bnt_cursor *c);

/* Protocol-buffers varint; more than ten bytes, or a tenth above 1, is failure. */
uint64_t bnt_cursor_varint(bnt_cursor *c);

#endif
