/* sentences.c - where sentences and paragraphs end; see sentences.h.
 *
 * A sentence ends behind a full stop, a mark of exclamation or a question mark, with the quotes
 * and brackets that close there, where white space follows, and at an empty line. No sentence
 * ends behind an abbreviation or an initial, nor before a small letter; the full stops of
 * scripts that write no spaces need none behind them. A text that is not UTF-8 is cut at the
 * same places; its odd bytes are letters.
 */
#include "task/sentences.h"

#include "base/utf8.h"

#include <string.h>

enum { MAX_WORD = 12 }; /* longer than any abbreviation listed */

static uint32_t code_at(bantam_text t, size_t at, size_t *length)
{
    uint32_t code;

    *length = bnt_utf8_decode(t.data + at, t.size - at, &code);
    return code;
}

static bool is_space(uint32_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r') || c == 0xA0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F ||
           c == 0x205F || c == 0x3000;
}

bool bnt_is_space_at(bantam_text text, size_t at, size_t *length)
{
    return is_space(code_at(text, at, length));
}

/* Full stops and their like; a space must follow them. */
static bool is_stop(uint32_t c)
{
    return c == '.' || c == '!' || c == '?' || c == 0x2026 || c == 0x0589 || c == 0x061F ||
           c == 0x06D4 || c == 0x0964 || c == 0x0965 || c == 0x1362 || c == 0x1367 ||
           c == 0x203C || (c >= 0x2047 && c <= 0x2049);
}

/* Those of scripts that write no spaces. */
static bool is_wide_stop(uint32_t c)
{
    return c == 0x3002 || c == 0xFF01 || c == 0xFF0E || c == 0xFF1F || c == 0xFF61 ||
           c == 0x104A || c == 0x104B || c == 0x17D4;
}

static bool closes(uint32_t c)
{
    return c == '"' || c == '\'' || c == ')' || c == ']' || c == '}' || c == 0xBB ||
           c == 0x2019 || c == 0x201D || c == 0x203A || c == 0x300D || c == 0x300F ||
           c == 0x3011 || c == 0xFF09;
}

static bool opens(uint32_t c)
{
    return c == '"' || c == '\'' || c == '(' || c == '[' || c == '{' || c == 0xAB ||
           c == 0x2018 || c == 0x201C || c == 0x2039;
}

/* A small letter of the Latin, Greek or Cyrillic alphabet. */
static bool is_small(uint32_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 0xDF && c <= 0xFF && c != 0xF7) ||
           (c >= 0x3AC && c <= 0x3CE) || (c >= 0x430 && c <= 0x45F);
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static char lower(char c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

/* ---- abbreviations ----------------------------------------------------------------------- */

/* Without their last full stop, in small letters, sorted by nothing but habit. Those that often
 * end a sentence (etc, inc, p.m) do so where a capital follows, and are not listed. */
static const char *const abbreviations[] = {
    "mr",   "mrs",  "ms",   "dr",     "prof",   "st",   "sgt",  "lt",   "col", "gen",
    "capt", "maj",  "cpl",  "pte",    "sen",    "rep",  "gov",  "pres", "rev", "hon",
    "det",  "insp", "supt", "messrs", "mme",    "mlle", "sr",   "jr",   "vs",  "no",
    "nos",  "vol",  "fig",  "figs",   "eq",     "ch",   "sec",  "pp",   "ed",  "eds",
    "cf",   "e.g",  "i.e",  "viz",    "approx", "dept", "univ", "mt",   "ft",  "al",
    "bzw",  "z.b",  "d.h",  "u.a",    "nr",     "jan",  "feb",  "mar",  "apr", "jun",
    "jul",  "aug",  "sept", "sep",    "oct",    "nov",  "dec"};

/* Whether the full stop at text[stop] belongs to the word before it. */
static bool abbreviates(bantam_text text, size_t from, size_t stop)
{
    char word[MAX_WORD + 1];
    size_t begin = stop, n = 0;
    bool dotted = false;

    while (begin > from && stop - begin < MAX_WORD &&
           (is_letter(text.data[begin - 1]) || text.data[begin - 1] == '.')) {
        begin--;
    }
    for (size_t i = begin; i < stop; i++) {
        dotted = dotted || text.data[i] == '.';
        word[n++] = lower(text.data[i]);
    }
    word[n] = '\0';
    if (n == 0 || n == MAX_WORD) return false;
    if (begin > from && (uint8_t)text.data[begin - 1] >= 0x80) return false;
    /* An initial: one capital by itself, but for the pronoun. */
    if (n == 1) return word[0] != text.data[begin] && word[0] != 'i';
    if (dotted && word[0] != text.data[begin] && word[1] == '.') return true; /* U.S */
    for (size_t i = 0; i < sizeof abbreviations / sizeof abbreviations[0]; i++) {
        if (strcmp(word, abbreviations[i]) == 0) return true;
    }
    return false;
}

/* ---- sentences --------------------------------------------------------------------------- */

/* Goes over white space. *empty_line: whether there is an empty line in it. */
static size_t skip_space(bantam_text text, size_t at, bool *empty_line)
{
    size_t length;
    unsigned lines = 0;

    while (at < text.size && bnt_is_space_at(text, at, &length)) {
        lines += text.data[at] == '\n';
        at += length;
    }
    *empty_line = lines > 1;
    return at;
}

static bool small_follows(bantam_text text, size_t at)
{
    size_t length;

    while (at < text.size) {
        const uint32_t c = code_at(text, at, &length);
        if (!opens(c)) return is_small(c);
        at += length;
    }
    return false;
}

/* Behind the stops and what closes after them. */
static size_t skip_closing(bantam_text text, size_t at)
{
    size_t length;

    while (at < text.size) {
        const uint32_t c = code_at(text, at, &length);
        if (!is_stop(c) && !is_wide_stop(c) && !closes(c)) break;
        at += length;
    }
    return at;
}

/* Where the sentence ends whose stop is at text[stop], or 0 where it does not end there. */
static size_t end_behind(bantam_text text, size_t from, size_t stop, uint32_t c)
{
    const size_t end = skip_closing(text, stop);
    bool empty_line = false;
    size_t length;

    if (end == text.size || is_wide_stop(c)) return end;
    if (!bnt_is_space_at(text, end, &length)) return 0;
    const size_t next = skip_space(text, end, &empty_line);
    if (next == text.size || empty_line) return end;
    if (small_follows(text, next)) return 0;
    if (c == '.' && text.data[stop + 1] != '.' && abbreviates(text, from, stop)) return 0;
    return end;
}

/* The last place at or before `limit` between two words, else between two characters. */
static size_t cut_before(bantam_text text, size_t from, size_t limit)
{
    size_t at = limit;

    while (at > from + (limit - from) / 2 && text.data[at] != ' ' && text.data[at] != '\n') {
        at--;
    }
    if (text.data[at] == ' ' || text.data[at] == '\n') return at;
    at = limit;
    while (at > limit - 3 && ((uint8_t)text.data[at] & 0xC0) == 0x80) {
        at--;
    }
    return at;
}

/* Where the sentence ends whose first character is at text[from], or the end of the text. */
static size_t search_end(bantam_text text, size_t from)
{
    size_t length;
    bool empty_line = false;

    for (size_t at = from; at < text.size;) {
        const uint32_t c = code_at(text, at, &length);
        if (is_stop(c) || is_wide_stop(c)) {
            const size_t end = end_behind(text, from, at, c);
            if (end) return end;
            at = skip_closing(text, at); /* a row of dots is looked at once */
        } else if (c == '\n') {
            const size_t next = skip_space(text, at, &empty_line);
            if (empty_line) return at;
            at = next;
        } else {
            at += length;
        }
    }
    return text.size;
}

/* The same, looking no further than a sentence may reach. */
static size_t find_end(bantam_text text, size_t from, bool *cut)
{
    if (text.size - from <= BNT_MAX_SENTENCE) return search_end(text, from);
    const bantam_text view = {text.data, from + BNT_MAX_SENTENCE};
    const size_t end = search_end(view, from);

    *cut = end == view.size;
    return *cut ? cut_before(text, from, end) : end;
}

bool bnt_sentence_next(bantam_text text, size_t at, bnt_sentence *out)
{
    bool empty_line = false;

    *out = (bnt_sentence){.offset = at};
    if (at >= text.size) return false;
    const size_t from = skip_space(text, at, &empty_line);
    size_t end = find_end(text, from, &out->cut), length;
    const size_t next = skip_space(text, end, &(bool){false});

    out->begins = at == 0 || empty_line;
    out->size = (next == text.size ? next : end) - at;
    /* White space before an empty line's end was not part of the sentence's last word. */
    while (end > from && bnt_is_space_at(text, end - 1, &length) && length == 1) {
        end--;
    }
    out->trimmed = (bantam_text){text.data + from, end - from};
    return true;
}

/* ---- words ------------------------------------------------------------------------------- */

static bool is_han_or_kana(uint32_t c)
{
    return (c >= 0x3041 && c <= 0x30FF) || (c >= 0x3400 && c <= 0x4DBF) ||
           (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0xF900 && c <= 0xFAFF) ||
           (c >= 0x20000 && c <= 0x3FFFF && c != BNT_UTF8_BAD);
}

static bool is_word_letter(uint32_t c)
{
    if (c < 0x80) return is_letter((char)c) || (c >= '0' && c <= '9');
    return !closes(c) && !opens(c) && !is_stop(c) && !is_wide_stop(c) &&
           !(c >= 0x2010 && c <= 0x206F) && !(c >= 0x3000 && c <= 0x303F);
}

/* Counts words up to n; *end is where the last one counted ends. */
static size_t count_words(bantam_text text, size_t most, size_t *end)
{
    size_t n = 0, length;
    bool inside = false; /* a word that is counted already */

    *end = 0;
    for (size_t at = 0; at < text.size; at += length) {
        const uint32_t c = code_at(text, at, &length);
        if (is_space(c)) {
            inside = false;
            continue;
        }
        if (is_han_or_kana(c) || (!inside && is_word_letter(c))) {
            if (n == most) break;
            n++;
            inside = !is_han_or_kana(c);
        }
        if (n > 0) *end = at + length;
    }
    return n;
}

size_t bnt_count_words(bantam_text text)
{
    size_t end;

    return count_words(text, SIZE_MAX, &end);
}

size_t bnt_first_words(bantam_text text, size_t n_words)
{
    size_t end;

    return count_words(text, n_words, &end) && n_words ? end : 0;
}

bantam_text bnt_term_next(bantam_text text, size_t *at)
{
    size_t length, from = *at;

    for (; from < text.size; from += length) {
        const uint32_t c = code_at(text, from, &length);
        if (is_word_letter(c) && !is_space(c)) break;
    }
    *at = from;
    while (*at < text.size) {
        const uint32_t c = code_at(text, *at, &length);
        if (!is_word_letter(c) || is_space(c)) break;
        if (is_han_or_kana(c) && *at > from) break;
        *at += length;
        if (is_han_or_kana(c)) break;
    }
    return *at > from ? (bantam_text){text.data + from, *at - from} : (bantam_text){NULL, 0};
}

static uint32_t to_small(uint32_t c)
{
    const bool capital = (c >= 'A' && c <= 'Z') || (c >= 0xC0 && c <= 0xDE && c != 0xD7) ||
                         (c >= 0x391 && c <= 0x3A9) || (c >= 0x410 && c <= 0x42F);
    return capital ? c + 0x20 : c;
}

/* FNV-1a over code points. */
uint64_t bnt_term_hash(bantam_text term)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    size_t length;

    for (size_t at = 0; at < term.size; at += length) {
        hash = (hash ^ to_small(code_at(term, at, &length))) * UINT64_C(1099511628211);
    }
    return hash;
}
