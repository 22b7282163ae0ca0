/* byte_alphabet.c - GPT-2's byte alphabet by rule, without a table: the printing ranges are
 * themselves and the rest is counted. */
#include "token/byte_alphabet.h"
#include "base/utf8.h"

enum { FIRST_STAND_IN = 0x100, N_CONTROLS = 0x21 /* 0x00-0x20 */ };

uint32_t bnt_byte_alphabet_code(uint8_t byte)
{
    if (byte <= 0x20) return FIRST_STAND_IN + (uint32_t)byte;
    if (byte >= 0x7F && byte <= 0xA0) return FIRST_STAND_IN + N_CONTROLS + byte - 0x7Fu;
    if (byte == 0xAD) return FIRST_STAND_IN + N_CONTROLS + 34; /* 34 bytes: 0x7F-0xA0 */
    return byte;
}

int bnt_byte_alphabet_byte(uint32_t code)
{
    if (code < FIRST_STAND_IN) {
        const uint8_t byte = (uint8_t)code;
        return bnt_byte_alphabet_code(byte) == code ? (int)byte : -1;
    }
    const uint32_t turn = code - FIRST_STAND_IN;
    if (turn < N_CONTROLS) return (int)turn;
    if (turn < N_CONTROLS + 34) return (int)(turn - N_CONTROLS + 0x7F);
    return turn == N_CONTROLS + 34 ? 0xAD : -1;
}

bool bnt_byte_alphabet_undo(const char *text, size_t size, char *out, size_t *n)
{
    size_t at = 0, written = 0;

    *n = 0;
    while (at < size) {
        uint32_t code = (uint8_t)text[at];
        if (code > 0x20 && code < 0x7F) { /* most of most words */
            out[written++] = text[at++];
            continue;
        }
        if (code >= 0xC4 && code <= 0xC5 && size - at > 1 &&
            ((uint8_t)text[at + 1] & 0xC0) == 0x80) {
            code = (code & 0x1F) << 6 | ((uint8_t)text[at + 1] & 0x3F);
            at += 2;
        } else {
            at += bnt_utf8_decode(text + at, size - at, &code);
        }
        const int byte = bnt_byte_alphabet_byte(code); /* BNT_UTF8_BAD is no letter either */
        if (byte < 0) return false;
        /* A character is at least as long as its byte, so out never overtakes text. */
        out[written++] = (char)(unsigned char)byte;
    }
    *n = written;
    return true;
}
