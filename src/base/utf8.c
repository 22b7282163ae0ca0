/* utf8.c - UTF-8, decoded strictly. */
#include "base/utf8.h"

/* What the bytes at a position are. */
typedef enum kind { WHOLE, CUT, BAD } kind;

/* Looks at data[0..size), size > 0, by table 3-7 of the Unicode standard. *length is that of
 * the character for WHOLE; of the longest beginning of some character otherwise, at least 1.
 * CUT: all bytes there are such a beginning. */
static kind scan(const char *data, size_t size, size_t *length, uint32_t *code)
{
    const uint8_t *const p = (const uint8_t *)data;
    const uint32_t lead = p[0];
    size_t need;
    uint8_t low = 0x80, high = 0xBF; /* of the second byte */
    *length = 1;

    if (lead < 0x80) {
        *code = lead;
        return WHOLE;
    }
    if (lead >= 0xC2 && lead <= 0xDF) {
        need = 2;
        *code = lead & 0x1F;
    } else if (lead >= 0xE0 && lead <= 0xEF) {
        need = 3;
        *code = lead & 0x0F;
        if (lead == 0xE0) low = 0xA0;  /* overlong */
        if (lead == 0xED) high = 0x9F; /* surrogates */
    } else if (lead >= 0xF0 && lead <= 0xF4) {
        need = 4;
        *code = lead & 0x07;
        if (lead == 0xF0) low = 0x90;  /* overlong */
        if (lead == 0xF4) high = 0x8F; /* above U+10FFFF */
    } else {
        return BAD;
    }
    for (size_t i = 1; i < need; i++) {
        if (i == size) return CUT;
        if (p[i] < low || p[i] > high) return BAD;
        *code = *code << 6 | (p[i] & 0x3Fu);
        *length = i + 1;
        low = 0x80;
        high = 0xBF;
    }
    return WHOLE;
}

size_t bnt_utf8_decode(const char *data, size_t size, uint32_t *code)
{
    size_t length;
    if (scan(data, size, &length, code) == WHOLE) return length;
    *code = BNT_UTF8_BAD;
    return 1;
}

size_t bnt_utf8_encode(uint32_t code, char out[4])
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (char)(0xC0 | code >> 6);
        out[1] = (char)(0x80 | (code & 0x3F));
        return 2;
    }
    if (code < 0x10000) {
        out[0] = (char)(0xE0 | code >> 12);
        out[1] = (char)(0x80 | (code >> 6 & 0x3F));
        out[2] = (char)(0x80 | (code & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | (code >> 18 & 0x07));
    out[1] = (char)(0x80 | (code >> 12 & 0x3F));
    out[2] = (char)(0x80 | (code >> 6 & 0x3F));
    out[3] = (char)(0x80 | (code & 0x3F));
    return 4;
}

bool bnt_utf8_valid(const char *data, size_t size)
{
    size_t length;
    uint32_t code;
    for (size_t i = 0; i < size; i += length) {
        if (scan(data + i, size - i, &length, &code) != WHOLE) return false;
    }
    return true;
}

/* A byte that leads a cut character cannot be part of another one, so that looking at the last
 * three bytes is enough, whatever stands before. */
size_t bnt_utf8_settled(const char *data, size_t size)
{
    size_t length;
    uint32_t code;
    for (size_t back = size < 3 ? size : 3; back > 0; back--) {
        if (scan(data + size - back, back, &length, &code) == CUT) return size - back;
    }
    return size;
}

void bnt_utf8_put_clean(bnt_buf *out, const char *data, size_t size)
{
    size_t length, done = 0;
    uint32_t code;
    for (size_t i = 0; i < size; i += length) {
        if (scan(data + i, size - i, &length, &code) == WHOLE) continue;
        bnt_buf_put(out, data + done, i - done);
        bnt_buf_put(out, "\xEF\xBF\xBD", 3);
        done = i + length;
    }
    bnt_buf_put(out, data + done, size - done);
}
