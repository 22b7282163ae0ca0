/* merges.c - merge lists resolved, a few hundred thousand at a time.
 *
 * The halves of a merge are looked up. Its result need not be: vocabularies give out ids in the
 * order of the merges, so that the result is nearly always the token of the merge before or one
 * of the next, and comparing is enough to know. Where two tokens are spelled alike comparing is
 * not enough, and in lists of another order it does not help; then results are looked up, too.
 */
#include "token/merges.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/words.h"

#include <string.h>

enum { TRIED = 3 };
#define ODD 0x80000000u /* beside an id: its text may not be its spelling */

bantam_status bnt_merges_begin(bnt_merges *m, bnt_spec *spec, size_t n_merges,
                               bantam_error *err)
{
    *m = (bnt_merges){.spec = spec};
    spec->merges = bnt_spec_alloc(spec, n_merges, sizeof *spec->merges);
    m->words = bnt_calloc_large(spec->n_tokens, sizeof *m->words);
    m->joined = bnt_alloc(BNT_MAX_TOKEN_BYTES);
    if (!spec->merges || !m->words || !m->joined) {
        bnt_merges_end(m);
        return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for %zu merges", n_merges);
    }
    const bantam_status status = bnt_names_init(&m->names, spec->n_tokens, err);
    if (status) bnt_merges_end(m);
    return status;
}

/* NORMAL tokens alone are made of their spelling by one rule, under which the text of two
 * spellings together is that of the two texts. */
static bool is_odd(const bnt_spec *spec, uint32_t id)
{
    return spec->tokens[id].kind != BNT_TOKEN_NORMAL;
}

void bnt_merges_index(bnt_merges *m)
{
    uint32_t ids[BNT_MERGES_TOGETHER];
    uint32_t n;
    for (uint32_t first = 0; first < m->spec->n_tokens; first += n) {
        n = m->spec->n_tokens - first;
        if (n > BNT_MERGES_TOGETHER) n = BNT_MERGES_TOGETHER;
        for (uint32_t i = 0; i < n; i++) {
            ids[i] = (first + i) | (is_odd(m->spec, first + i) ? ODD : 0);
        }
        if (bnt_names_put(&m->names, m->words + first, ids, n)) m->twice = true;
    }
    m->spec->merges_proved = true;
}

/* memcmp() for words, whose call alone would cost more than most of them do. Some bytes are
 * compared twice. size is not 0. */
static bool same(const char *a, const char *b, size_t size)
{
    if (size > 16) return memcmp(a, b, size) == 0;
    if (size >= 8) {
        const size_t last = size - 8;
        return ((bnt_load64(a) ^ bnt_load64(b)) |
                (bnt_load64(a + last) ^ bnt_load64(b + last))) == 0;
    }
    if (size >= 4) {
        const size_t last = size - 4;
        return ((bnt_load32(a) ^ bnt_load32(b)) |
                (bnt_load32(a + last) ^ bnt_load32(b + last))) == 0;
    }
    return a[0] == b[0] && a[size / 2] == b[size / 2] && a[size - 1] == b[size - 1];
}

static bool is_made(bantam_text word, bantam_text left, bantam_text right)
{
    return word.size == left.size + right.size && same(word.data, left.data, left.size) &&
           same(word.data + left.size, right.data, right.size);
}

/* The token of two texts together, with ODD, or BANTAM_NO_TOKEN. */
static uint32_t result_of(bnt_merges *m, bantam_text left, bantam_text right)
{
    const uint32_t n = m->spec->n_tokens;
    for (uint32_t id = m->next; !m->twice && id < n && id < m->next + TRIED; id++) {
        if (is_made(m->words[id], left, right)) return id | (is_odd(m->spec, id) ? ODD : 0);
    }
    if (left.size > BNT_MAX_TOKEN_BYTES || right.size > BNT_MAX_TOKEN_BYTES - left.size) {
        return BANTAM_NO_TOKEN;
    }
    memcpy(m->joined, left.data, left.size);
    memcpy(m->joined + left.size, right.data, right.size);
    return bnt_names_find(&m->names, m->joined, left.size + right.size);
}

size_t bnt_merges_add(bnt_merges *m, const bantam_text *halves, size_t n)
{
    bnt_spec *const spec = m->spec;
    uint32_t ids[2 * BNT_MERGES_TOGETHER];
    uint32_t odd = 0;
    size_t i;

    bnt_names_find_all(&m->names, halves, 2 * n, ids);
    for (i = 0; i < n; i++) {
        const uint32_t left = ids[2 * i], right = ids[2 * i + 1];
        if (left == BANTAM_NO_TOKEN || right == BANTAM_NO_TOKEN) break;
        const uint32_t result = result_of(m, halves[2 * i], halves[2 * i + 1]);
        if (result == BANTAM_NO_TOKEN) break;

        odd |= left | right | result;
        m->next = result & ~ODD;
        spec->merges[spec->n_merges++] = (bnt_merge){left & ~ODD, right & ~ODD, m->next};
    }
    if (odd & ODD) spec->merges_proved = false;
    return i;
}

void bnt_merges_end(bnt_merges *m)
{
    bnt_free(m->words);
    bnt_names_deinit(&m->names);
    bnt_free(m->joined);
    *m = (bnt_merges){0};
}
