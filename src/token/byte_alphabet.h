/* byte_alphabet.h - GPT-2's way to write any byte as a printable character.
 *
 * Bytes that print in Latin-1 (0x21-0x7E, 0xA1-0xAC, 0xAE-0xFF) stand for themselves as code
 * points; the other 68, in order, are U+0100 to U+0143. Vocabularies of byte-level tokenizers
 * are stored in this alphabet.
 */
#ifndef BNT_TOKEN_BYTE_ALPHABET_H
#define BNT_TOKEN_BYTE_ALPHABET_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The code point that stands for a byte. */
uint32_t bnt_byte_alphabet_code(uint8_t byte);

/* The byte that a code point stands for, or -1. */
int bnt_byte_alphabet_byte(uint32_t code);

/* Undoes the alphabet: writes at most size bytes to out and their number to *n. False where a
 * character is outside the alphabet or the text is not UTF-8; out may equal text. */
bool bnt_byte_alphabet_undo(const char *text, size_t size, char *out, size_t *n);

#endif
