/* template_unicode.c - classes and cases of characters, as Python's str knows them.
 *
 * One character at a time: text in templates is short, and almost all of it is ASCII, which
 * never reaches PCRE2. Mappings of one character to several are not made here.
 */
#include "template/template_unicode.h"

#include "base/mem.h"
#include "base/utf8.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

struct bnt_unicode {
    pcre2_general_context *general;
    pcre2_match_data *match;
    pcre2_code *any; /* one character */
    pcre2_code *classes[BNT_N_CHAR_CLASSES];
};

static void *take(size_t size, void *user)
{
    (void)user;
    return bnt_alloc(size);
}

static void give(void *block, void *user)
{
    (void)user;
    bnt_free(block);
}

void bnt_unicode_close(struct bnt_unicode *u)
{
    if (!u) return;
    for (int i = 0; i < BNT_N_CHAR_CLASSES; i++) {
        pcre2_code_free(u->classes[i]);
    }
    pcre2_code_free(u->any);
    pcre2_match_data_free(u->match);
    pcre2_general_context_free(u->general);
    bnt_free(u);
}

static pcre2_code *compile(struct bnt_unicode *u, const char *pattern)
{
    pcre2_compile_context *const context = pcre2_compile_context_create(u->general);
    if (!context) return NULL;

    int code;
    size_t offset;
    pcre2_code *const compiled =
        pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED,
                      PCRE2_UTF | PCRE2_ANCHORED | PCRE2_DOTALL, &code, &offset, context);
    pcre2_compile_context_free(context);
    return compiled;
}

/* The tables of this rendering; NULL after a failure. */
static struct bnt_unicode *tables(bnt_render *r)
{
    if (r->unicode || r->status) return r->status ? NULL : r->unicode;

    struct bnt_unicode *const u = bnt_calloc(1, sizeof *u);
    if (u) u->general = pcre2_general_context_create(take, give, NULL);
    if (u && u->general) u->match = pcre2_match_data_create(1, u->general);
    if (u && u->match) u->any = compile(u, ".");
    if (!u || !u->any) {
        bnt_unicode_close(u);
        bnt_render_no_memory(r);
        return NULL;
    }
    r->unicode = u;
    return u;
}

static bool ascii_is(uint32_t c, bnt_char_class class)
{
    const bool lower = c >= 'a' && c <= 'z', upper = c >= 'A' && c <= 'Z';
    const bool digit = c >= '0' && c <= '9';

    switch (class) {
    case BNT_CHAR_ALPHA:
        return lower || upper;
    case BNT_CHAR_DIGIT:
        return digit;
    case BNT_CHAR_ALNUM:
        return lower || upper || digit;
    case BNT_CHAR_LOWER:
        return lower;
    case BNT_CHAR_UPPER:
        return upper;
    default:
        return c >= 0x20 && c < 0x7F;
    }
}

bool bnt_char_is(bnt_render *r, uint32_t code, bnt_char_class class)
{
    /* Digits beyond category Nd are the superscripts and subscripts; printable is what repr()
     * writes as it is. */
    static const char *const patterns[BNT_N_CHAR_CLASSES] = {
        "\\p{L}",
        "[\\p{Nd}\\x{B2}\\x{B3}\\x{B9}\\x{2070}\\x{2074}-\\x{2079}\\x{2080}-\\x{2089}]",
        "[\\p{L}\\p{N}]",
        "\\p{Lowercase}",
        "\\p{Uppercase}",
        "[^\\p{C}\\p{Z}]"};

    if (code < 0x80) return ascii_is(code, class);
    if (!bnt_render_work(r, 1)) return false;

    struct bnt_unicode *const u = tables(r);
    if (!u) return false;
    if (!u->classes[class]) u->classes[class] = compile(u, patterns[class]);
    if (!u->classes[class]) {
        bnt_render_no_memory(r);
        return false;
    }
    char bytes[4];
    const size_t size = bnt_utf8_encode(code, bytes);
    return pcre2_match(u->classes[class], (PCRE2_SPTR)bytes, size, 0, 0, u->match, NULL) >= 0;
}

/* Scripts without case make up most text beyond ASCII: CJK, kana, Hangul, emoji. */
static bool caseless(uint32_t code)
{
    return (code >= 0x3000 && code < 0xA640) || (code >= 0xAC00 && code < 0xD800) ||
           code >= 0x1F000;
}

/* PCRE2 maps case only in replacements: \U and \L force it on what follows. */
static uint32_t map_case(bnt_render *r, uint32_t code, const char *replacement)
{
    if (caseless(code) || !bnt_render_work(r, 1)) return code;

    struct bnt_unicode *const u = tables(r);
    if (!u) return code;
    char in[4];
    PCRE2_UCHAR out[16];
    size_t out_size = sizeof out;
    const size_t size = bnt_utf8_encode(code, in);
    const int n =
        pcre2_substitute(u->any, (PCRE2_SPTR)in, size, 0, PCRE2_SUBSTITUTE_EXTENDED, u->match,
                         NULL, (PCRE2_SPTR)replacement, PCRE2_ZERO_TERMINATED, out, &out_size);
    if (n == PCRE2_ERROR_NOMEMORY) {
        bnt_render_no_memory(r);
    } else if (n == 1 && out_size > 0) {
        bnt_utf8_decode((const char *)out, out_size, &code);
    }
    return code;
}

/* PCRE2 knows one other case of a letter; where a letter has several it may know the wrong one.
 * These are the lower cases whose upper case it misses (Unicode's UnicodeData.txt). */
static uint32_t upper_exception(uint32_t code)
{
    static const uint16_t pairs[][2] = {
        {0x00B5, 0x039C}, {0x0131, 0x0049}, {0x017F, 0x0053}, {0x01C5, 0x01C4},
        {0x01C8, 0x01C7}, {0x01CB, 0x01CA}, {0x01F2, 0x01F1}, {0x0345, 0x0399},
        {0x03B9, 0x0399}, {0x03BC, 0x039C}, {0x03C2, 0x03A3}, {0x03D0, 0x0392},
        {0x03D1, 0x0398}, {0x03D5, 0x03A6}, {0x03D6, 0x03A0}, {0x03F0, 0x039A},
        {0x03F1, 0x03A1}, {0x03F5, 0x0395}, {0x1C80, 0x0412}, {0x1C81, 0x0414},
        {0x1C82, 0x041E}, {0x1C83, 0x0421}, {0x1C84, 0x0422}, {0x1C85, 0x0422},
        {0x1C86, 0x042A}, {0x1C87, 0x0462}, {0x1C88, 0xA64A}, {0x1E9B, 0x1E60},
        {0x1FBE, 0x0399}, {0xA64B, 0xA64A}};

    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        if (pairs[i][0] == code) return pairs[i][1];
    }
    return 0;
}

uint32_t bnt_char_upper(bnt_render *r, uint32_t code)
{
    if (code < 0x80) return code >= 'a' && code <= 'z' ? code - 32 : code;
    if (code >= 0x2170 && code < 0x2180) return code - 16; /* numbers and letters in circles */
    if (code >= 0x24D0 && code < 0x24EA) return code - 26; /* have case but are no letters */
    const uint32_t exception = upper_exception(code);
    return exception ? exception : map_case(r, code, "\\U$0");
}

uint32_t bnt_char_lower(bnt_render *r, uint32_t code)
{
    if (code < 0x80) return code >= 'A' && code <= 'Z' ? code + 32 : code;
    if (code >= 0x2160 && code < 0x2170) return code + 16;
    if (code >= 0x24B6 && code < 0x24D0) return code + 26;
    return map_case(r, code, "\\L$0");
}

bool bnt_char_is_space(uint32_t code)
{
    if (code <= 0x20) return code == 0x20 || (code >= 9 && code <= 13) || code >= 0x1C;
    if (code < 0x1680) return code == 0x85 || code == 0xA0;
    return code == 0x1680 || (code >= 0x2000 && code <= 0x200A) || code == 0x2028 ||
           code == 0x2029 || code == 0x202F || code == 0x205F || code == 0x3000;
}

bool bnt_char_is_line_end(uint32_t code)
{
    return (code >= 10 && code <= 13) || (code >= 0x1C && code <= 0x1E) || code == 0x85 ||
           code == 0x2028 || code == 0x2029;
}

size_t bnt_char_last(const char *data, size_t size, uint32_t *code)
{
    /* A character has at most three continuation bytes; what does not decode whole from where
     * they begin is one bad byte. */
    size_t n = 1;
    while (n < 4 && n < size && ((unsigned char)data[size - n] & 0xC0) == 0x80) {
        n++;
    }
    if (bnt_utf8_decode(data + size - n, n, code) == n) return n;
    *code = BNT_UTF8_BAD;
    return 1;
}
