/* added.c - an automaton of Aho and Corasick that reads backwards.
 *
 * Reading forwards it would learn where names end; read from the right, over names spelled
 * backwards, it learns at every place which is the longest name that starts there, and that is
 * what leftmost-longest search asks. The text is read in windows, each from a little beyond its
 * end, so that hits take bounded memory and every byte is read at most twice.
 */
#include "token/added.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "token/normalize.h"

#include <stdlib.h>
#include <string.h>

#define NONE UINT32_MAX

enum { MIN_WINDOW = 1 << 16 };

typedef struct bnt_added_node {
    uint32_t children; /* the first; they stand together, ordered by label */
    uint32_t n_children;
    uint32_t fail; /* the node of the longest other string that could begin here */
    uint32_t name; /* the longest name that ends in this node (read forwards: starts here) */
} node;

typedef struct bnt_added_hit {
    uint32_t token, size;
    uint8_t flags;
} hit;

typedef struct bnt_added_found {
    uint32_t offset; /* of the start, before the window's end */
    uint32_t name;
} found;

/* ---- building ---- */

/* Backwards from the last byte, then by token. */
static int compare_names(const void *left, const void *right)
{
    const bnt_added_name *const l = left, *const r = right;
    const size_t n = l->text.size < r->text.size ? l->text.size : r->text.size;
    for (size_t i = 1; i <= n; i++) {
        const uint8_t a = (uint8_t)l->text.data[l->text.size - i];
        const uint8_t b = (uint8_t)r->text.data[r->text.size - i];
        if (a != b) return a < b ? -1 : 1;
    }
    if (l->text.size != r->text.size) return l->text.size < r->text.size ? -1 : 1;
    return l->token < r->token ? -1 : l->token > r->token;
}

/* How many bytes two names share at their ends. */
static size_t shared(bantam_text a, bantam_text b)
{
    size_t n = 0;
    while (n < a.size && n < b.size && a.data[a.size - 1 - n] == b.data[b.size - 1 - n]) {
        n++;
    }
    return n;
}

static uint32_t child_of(const bnt_added *added, uint32_t parent, uint8_t label)
{
    const node *const p = &added->nodes[parent];
    uint32_t low = p->children, high = p->children + p->n_children;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (added->labels[middle] < label) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    const bool is_there = low < p->children + p->n_children && added->labels[low] == label;
    return is_there ? low : 0;
}

/* The node that reading a byte leads to. Falling back costs what earlier bytes have paid. */
static uint32_t step(const bnt_added *added, uint32_t state, uint8_t byte)
{
    while (state != 0) {
        const uint32_t child = child_of(added, state, byte);
        if (child) return child;
        state = added->nodes[state].fail;
    }
    return added->first[byte];
}

/* Names below a node while the trie is built: names[low..high), alike in their last bytes. */
typedef struct range {
    uint32_t low, high, depth;
} range;

/* Hangs the children of node i below it. */
static void add_children(bnt_added *added, const bnt_added_name *names, range *ranges,
                         uint32_t i)
{
    const range r = ranges[i];
    uint32_t at = r.low;
    added->nodes[i].children = added->n_nodes;
    while (at < r.high && names[at].text.size == r.depth) { /* ends here; equal names follow */
        if (added->nodes[i].name == NONE) added->nodes[i].name = at;
        at++;
    }
    while (at < r.high) {
        const bantam_text first = names[at].text;
        const uint8_t label = (uint8_t)first.data[first.size - 1 - r.depth];
        uint32_t end = at + 1;
        while (end < r.high &&
               (uint8_t)names[end].text.data[names[end].text.size - 1 - r.depth] == label) {
            end++;
        }
        const uint32_t child = added->n_nodes++;
        added->labels[child] = label;
        added->nodes[child] = (node){.name = NONE};
        ranges[child] = (range){at, end, r.depth + 1};
        at = end;
    }
    added->nodes[i].n_children = added->n_nodes - added->nodes[i].children;
}

/* Gives the children of node i, whose own fields are complete, their fallbacks. */
static void link_children(bnt_added *added, uint32_t i)
{
    const node parent = added->nodes[i];
    for (uint32_t c = parent.children; c < parent.children + parent.n_children; c++) {
        node *const child = &added->nodes[c];
        const uint8_t label = added->labels[c];
        if (i == 0) {
            added->first[label] = c;
        } else {
            child->fail = step(added, parent.fail, label);
        }
    }
}

static bantam_status build(bnt_added *added, const bnt_added_name *names, uint32_t n_nodes,
                           bantam_error *err)
{
    range *ranges = bnt_calloc(n_nodes, sizeof *ranges);
    added->nodes = bnt_calloc(n_nodes, sizeof *added->nodes);
    added->labels = bnt_calloc(n_nodes, sizeof *added->labels);
    added->names = bnt_calloc(added->n_names, sizeof *added->names);
    if (!ranges || !added->nodes || !added->labels || !added->names) {
        bnt_free(ranges);
        return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for %u added tokens",
                        (unsigned)added->n_names);
    }
    for (uint32_t i = 0; i < added->n_names; i++) {
        added->names[i] = (hit){names[i].token, (uint32_t)names[i].text.size, names[i].flags};
        if (names[i].text.size > added->longest) {
            added->longest = (uint32_t)names[i].text.size;
        }
    }
    added->n_nodes = 1;
    added->nodes[0].name = NONE;
    ranges[0] = (range){0, added->n_names, 0};
    for (uint32_t i = 0; i < added->n_nodes; i++) {
        add_children(added, names, ranges, i);
    }
    /* Nodes stand in order of depth, and a fallback is less deep: it is complete already. */
    for (uint32_t i = 0; i < added->n_nodes; i++) {
        node *const n = &added->nodes[i];
        if (n->name == NONE && i != 0) n->name = added->nodes[n->fail].name;
        link_children(added, i);
    }
    bnt_free(ranges);
    return BANTAM_OK;
}

bantam_status bnt_added_open(bnt_added *added, bnt_added_name *names, size_t n_names,
                             bantam_error *err)
{
    static const char word[] = "[\\p{L}\\p{M}\\p{Nd}\\p{Nl}\\p{Pc}]";
    const bantam_text source = {word, sizeof word - 1};
    *added = (bnt_added){0};
    if (n_names == 0) return BANTAM_OK;

    qsort(names, n_names, sizeof *names, compare_names);
    uint64_t n_nodes = 1; /* names are at most 2^22 and 2^16 long: no sum wraps */
    bool needs_word = false;
    for (size_t i = 0; i < n_names; i++) {
        n_nodes += names[i].text.size;
        if (i > 0) n_nodes -= shared(names[i - 1].text, names[i].text);
        needs_word = needs_word || (names[i].flags & BNT_ADDED_WORD);
    }
    if (n_nodes > UINT32_MAX / 2) {
        return bnt_fail(err, BANTAM_ERR_UNSUPPORTED,
                        "the names of added tokens add up to more than 2 GiB");
    }
    added->n_names = (uint32_t)n_names;
    bantam_status status = build(added, names, (uint32_t)n_nodes, err);
    if (!status && needs_word) {
        status = bnt_pattern_compile(&added->word, source, "word character", err);
    }
    if (status) bnt_added_close(added);
    return status;
}

void bnt_added_close(bnt_added *added)
{
    bnt_free(added->nodes);
    bnt_free(added->labels);
    bnt_free(added->names);
    bnt_pattern_free(&added->word);
    *added = (bnt_added){0};
}

size_t bnt_added_bytes(const bnt_added *added)
{
    return added->n_nodes * (sizeof *added->nodes + sizeof *added->labels) +
           added->n_names * sizeof *added->names + bnt_pattern_bytes(&added->word);
}

/* ---- searching ---- */

bantam_status bnt_added_begin(bnt_added_search *search, const bnt_added *added,
                              bantam_text text, bantam_error *err)
{
    const size_t wanted = added->longest > MIN_WINDOW ? added->longest : MIN_WINDOW;
    const size_t capacity = text.size < wanted ? text.size : wanted;
    if (added->n_names && search->capacity < capacity) {
        bnt_free(search->found);
        search->capacity = 0;
        search->found = bnt_alloc(capacity * sizeof *search->found);
        if (!search->found) {
            return bnt_fail(err, BANTAM_ERR_NOMEM,
                            "out of memory for finding added tokens in a text");
        }
        search->capacity = capacity;
    }
    search->added = added;
    search->text = text;
    search->at = search->from = search->window = search->n_found = 0;
    return BANTAM_OK;
}

void bnt_added_end(bnt_added_search *search)
{
    bnt_free(search->found);
    *search = (bnt_added_search){0};
}

/* Finds the hits of the next window. */
static void read_window(bnt_added_search *s)
{
    const bnt_added *const added = s->added;
    const size_t start = s->window > s->from ? s->window : s->from;
    const size_t rest = s->text.size - start;
    const size_t end = start + (rest < s->capacity ? rest : s->capacity);
    /* A name that starts inside may end beyond. */
    const size_t beyond = s->text.size - end;
    size_t i = end + (beyond < added->longest ? beyond : added->longest);
    uint32_t state = 0;
    s->n_found = 0;
    while (i-- > start) {
        const uint8_t byte = (uint8_t)s->text.data[i];
        state = state ? step(added, state, byte) : added->first[byte];
        if (!state || i >= end) continue;
        const uint32_t name = added->nodes[state].name;
        if (name != NONE) s->found[s->n_found++] = (found){(uint32_t)(end - i), name};
    }
    s->window = end;
}

/* The next name that starts at s->from or later. False where there is none. */
static bool take_found(bnt_added_search *s, size_t *start, const hit **name)
{
    for (;;) {
        while (s->n_found > 0) {
            const found f = s->found[--s->n_found];
            *start = s->window - f.offset;
            *name = &s->added->names[f.name];
            if (*start >= s->from) return true;
        }
        if (s->added->n_names == 0 || s->window >= s->text.size || s->from >= s->text.size) {
            return false;
        }
        read_window(s);
    }
}

/* Whether the character text[start..end) belongs to words. */
static bantam_status is_word(const bnt_added *added, bnt_matcher *matcher, bantam_text text,
                             size_t start, size_t end, bool *is, bantam_error *err)
{
    const bantam_text one = {text.data + start, end - start};
    bnt_subject subject;
    bnt_subject_init(&subject, one, false);
    size_t from, to;
    return bnt_pattern_find(&added->word, matcher, &subject, 0, is, &from, &to, err);
}

/* Whether word characters touch text[start..end). */
static bantam_status touches_word(const bnt_added *added, bnt_matcher *matcher,
                                  bantam_text text, size_t start, size_t end, bool *touches,
                                  bantam_error *err)
{
    bantam_status status = BANTAM_OK;
    *touches = false;
    if (start > 0) {
        status =
            is_word(added, matcher, text, bnt_text_before(text, start), start, touches, err);
    }
    if (!status && !*touches && end < text.size) {
        status = is_word(added, matcher, text, end, bnt_text_after(text, end), touches, err);
    }
    return status;
}

bantam_status bnt_added_next(bnt_added_search *search, bnt_matcher *matcher, bantam_text *gap,
                             uint32_t *token, bantam_error *err)
{
    const bantam_text text = search->text;
    const hit *name = NULL;
    size_t start;
    while (take_found(search, &start, &name)) {
        size_t end = start + name->size;
        search->from = end;
        if (name->flags & BNT_ADDED_WORD) {
            bool touches;
            const bantam_status status =
                touches_word(search->added, matcher, text, start, end, &touches, err);
            if (status) return status;
            if (touches) continue;
        }
        if (name->flags & BNT_ADDED_LSTRIP) {
            const bantam_text left = {text.data + search->at, start - search->at};
            start -= bnt_space_before(left);
        }
        if (name->flags & BNT_ADDED_RSTRIP) {
            const bantam_text right = {text.data + end, text.size - end};
            end += bnt_space_after(right);
        }
        *gap = (bantam_text){text.data + search->at, start - search->at};
        *token = name->token;
        search->at = search->from = end;
        return BANTAM_OK;
    }
    *gap = (bantam_text){text.data ? text.data + search->at : NULL, text.size - search->at};
    *token = BANTAM_NO_TOKEN;
    search->at = search->from = search->window = text.size;
    return BANTAM_OK;
}
