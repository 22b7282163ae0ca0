/* pretokenize.c - the steps of a pre-tokenizer, piece by piece.
 *
 * Each step cuts the pieces of the step before. No list of pieces is kept: every step holds the
 * one piece it is at, and the last of them asks the one before for more when it has used its
 * own up. So memory does not grow with the text.
 *
 * A step sees its text as a row of parts: matches of its pattern and what lies between them.
 * Empty matches are parts too, they cut without taking anything. The behavior says which
 * neighboring parts stay together, as Hugging Face's tokenizers define it.
 */
#include "token/pretokenize.h"
#include "base/buf.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/utf8.h"

#include <stdio.h>
#include <string.h>

typedef struct bnt_splitter_step {
    bnt_split_op op;
    bnt_split_behavior behavior;
    bool invert;
    bool first_only;
    bnt_pattern pattern;
    char *content; /* owns */
    size_t content_size;
} step;

/* text[start..end) of a level's text. */
typedef struct part {
    size_t start, end;
    bool is_match; /* after inversion */
} part;

typedef struct bnt_cut_level {
    bantam_text text;
    bnt_subject subject;
    bnt_buf prefixed; /* where the step puts something before its text */

    size_t at;         /* where the next part starts */
    size_t from;       /* where the next match may start; SIZE_MAX: there is none */
    size_t last_end;   /* of the match before, or SIZE_MAX */
    bool found;        /* a match is known that has not been given out: */
    size_t start, end; /* this one */
    bool ended;        /* all parts have been given out */
    bool has_next;     /* a part was looked at and not used: */
    part next;         /* this one */
} level;

/* ---- opening ---- */

static bantam_status open_step(step *s, const bnt_split_step *from, uint32_t index,
                               bantam_error *err)
{
    char name[48];
    snprintf(name, sizeof name, "split pattern %u", (unsigned)index);
    *s = (step){.op = from->op,
                .behavior = from->behavior,
                .invert = from->invert,
                .first_only = from->first_only};
    if (from->op == BNT_SPLIT_PATTERN) {
        return bnt_pattern_compile(&s->pattern, from->pattern, name, err);
    }
    if (from->content.size > BNT_MAX_TOKEN_BYTES) {
        return bnt_fail(err, BANTAM_ERR_FORMAT, "split prefix %u has %zu bytes, at most %d",
                        (unsigned)index, from->content.size, BNT_MAX_TOKEN_BYTES);
    }
    s->content_size = from->content.size;
    s->content = bnt_strdup(from->content.data ? from->content.data : "", s->content_size);
    if (!s->content) return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for a pattern");
    return BANTAM_OK;
}

bantam_status bnt_splitter_open(bnt_splitter *splitter, const bnt_spec *spec, bantam_error *err)
{
    *splitter = (bnt_splitter){0};
    if (spec->n_split > BNT_SPEC_MAX_STEPS) {
        return bnt_fail(err, BANTAM_ERR_FORMAT, "the pre-tokenizer has %u steps, at most %d",
                        (unsigned)spec->n_split, BNT_SPEC_MAX_STEPS);
    }
    if (spec->n_split == 0) return BANTAM_OK;
    splitter->steps = bnt_calloc(spec->n_split, sizeof *splitter->steps);
    if (!splitter->steps) {
        return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for a pre-tokenizer");
    }
    for (uint32_t i = 0; i < spec->n_split; i++) {
        splitter->n_steps = i + 1;
        const bantam_status status = open_step(&splitter->steps[i], &spec->split[i], i, err);
        if (status) {
            bnt_splitter_close(splitter);
            return status;
        }
    }
    return BANTAM_OK;
}

void bnt_splitter_close(bnt_splitter *splitter)
{
    for (uint32_t i = 0; i < splitter->n_steps; i++) {
        bnt_pattern_free(&splitter->steps[i].pattern);
        bnt_free(splitter->steps[i].content);
    }
    bnt_free(splitter->steps);
    *splitter = (bnt_splitter){0};
}

size_t bnt_splitter_bytes(const bnt_splitter *splitter)
{
    size_t sum = splitter->n_steps * sizeof *splitter->steps;
    for (uint32_t i = 0; i < splitter->n_steps; i++) {
        sum += splitter->steps[i].content_size + bnt_pattern_bytes(&splitter->steps[i].pattern);
    }
    return sum;
}

/* ---- parts ---- */

/* Finds the next match of a level, if any. An empty match just behind the match before is no
 * match: it would cut where there is a cut already. */
static bantam_status find_match(level *l, const step *s, bnt_matcher *matcher,
                                bantam_error *err)
{
    l->found = false;
    while (l->from <= l->text.size) {
        const bantam_status status = bnt_pattern_find(
            &s->pattern, matcher, &l->subject, l->from, &l->found, &l->start, &l->end, err);
        if (status) return status;
        if (!l->found) {
            l->from = SIZE_MAX; /* nor will there be one later */
            break;
        }
        const bool empty = l->start == l->end;
        l->from = l->end;
        if (empty) {
            l->from = l->end < l->text.size ? bnt_text_after(l->text, l->end) : l->end + 1;
        }
        if (!empty || l->end != l->last_end) return BANTAM_OK;
        l->found = false;
    }
    return BANTAM_OK;
}

/* The next part of a level's text; sets l->ended instead where there is none. */
static bantam_status take_part(level *l, const step *s, bnt_matcher *matcher, part *out,
                               bantam_error *err)
{
    if (l->has_next) {
        l->has_next = false;
        *out = l->next;
        return BANTAM_OK;
    }
    if (!l->found) {
        const bantam_status status = find_match(l, s, matcher, err);
        if (status) return status;
    }
    const size_t stop = l->found ? l->start : l->text.size;
    if (l->at < stop) { /* what lies before the match */
        *out = (part){l->at, stop, s->invert};
        l->at = stop;
    } else if (l->found) {
        *out = (part){l->start, l->end, !s->invert};
        l->at = l->last_end = l->end;
        l->found = false;
    } else {
        l->ended = true;
    }
    return BANTAM_OK;
}

/* Whether `right`, which follows `left`, belongs to the same piece. */
static bool stays_together(bnt_split_behavior behavior, part left, part right)
{
    switch (behavior) {
    case BNT_SPLIT_MERGED_WITH_PREVIOUS:
        return !left.is_match && right.is_match;
    case BNT_SPLIT_MERGED_WITH_NEXT:
        return left.is_match && !right.is_match;
    case BNT_SPLIT_CONTIGUOUS:
        return left.is_match == right.is_match;
    case BNT_SPLIT_ISOLATED:
    case BNT_SPLIT_REMOVED:
    default:
        return false;
    }
}

/* The next piece of a level's text, or {NULL, 0}. */
static bantam_status take_piece(level *l, const step *s, bnt_matcher *matcher,
                                bantam_text *piece, bantam_error *err)
{
    const bool joins = s->behavior != BNT_SPLIT_ISOLATED && s->behavior != BNT_SPLIT_REMOVED;
    *piece = (bantam_text){0};
    while (!l->ended) {
        part p = {0}, next = {0};
        bantam_status status = take_part(l, s, matcher, &p, err);
        if (status) return status;
        if (l->ended) break;
        if (s->behavior == BNT_SPLIT_REMOVED && p.is_match) continue;

        while (joins) {
            status = take_part(l, s, matcher, &next, err);
            if (status) return status;
            if (l->ended) break;
            if (!stays_together(s->behavior, p, next)) {
                l->next = next;
                l->has_next = true;
                break;
            }
            p.end = next.end;
            /* Only runs of like parts go on: a piece of two parts is complete. */
            if (s->behavior != BNT_SPLIT_CONTIGUOUS) break;
        }
        if (p.end > p.start) {
            *piece = (bantam_text){l->text.data + p.start, p.end - p.start};
            return BANTAM_OK;
        }
    }
    return BANTAM_OK;
}

/* ---- levels ---- */

static void enter(level *l, bantam_text text, bool clean)
{
    l->text = text;
    l->at = l->from = 0;
    l->last_end = SIZE_MAX;
    l->found = l->ended = l->has_next = false;
    bnt_subject_init(&l->subject, text, clean);
}

/* A step that puts something before its text gives a single piece. */
static bantam_status take_prefixed(level *l, const step *s, bool is_first, bantam_text *piece,
                                   bantam_error *err)
{
    *piece = (bantam_text){0};
    if (l->ended) return BANTAM_OK;
    l->ended = true;
    *piece = l->text;
    if (s->first_only && !is_first) return BANTAM_OK;
    if (l->text.size >= s->content_size &&
        memcmp(l->text.data, s->content, s->content_size) == 0) {
        return BANTAM_OK;
    }
    bnt_buf_clear(&l->prefixed);
    bnt_buf_put(&l->prefixed, s->content, s->content_size);
    bnt_buf_put(&l->prefixed, l->text.data, l->text.size);
    *piece = bnt_buf_text(&l->prefixed);
    return bnt_buf_status(&l->prefixed, "a piece of the text", err);
}

bantam_status bnt_cutting_init(bnt_cutting *cutting, const bnt_splitter *splitter,
                               bantam_error *err)
{
    *cutting = (bnt_cutting){.splitter = splitter};
    if (splitter->n_steps == 0) return BANTAM_OK;
    cutting->levels = bnt_calloc(splitter->n_steps, sizeof *cutting->levels);
    if (!cutting->levels) {
        return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for cutting a text");
    }
    for (uint32_t i = 0; i < splitter->n_steps; i++) {
        bnt_buf_init(&cutting->levels[i].prefixed, UINT32_MAX);
    }
    return BANTAM_OK;
}

void bnt_cutting_deinit(bnt_cutting *cutting)
{
    if (cutting->levels) {
        for (uint32_t i = 0; i < cutting->splitter->n_steps; i++) {
            bnt_buf_deinit(&cutting->levels[i].prefixed);
        }
    }
    bnt_free(cutting->levels);
    *cutting = (bnt_cutting){0};
}

void bnt_cutting_begin(bnt_cutting *cutting, bantam_text text)
{
    cutting->depth = 0;
    cutting->whole = text;
    if (text.size == 0 || cutting->splitter->n_steps == 0) return;

    bnt_subject all;
    bnt_subject_init(&all, text, false);
    cutting->clean = all.run_end == text.size;
    /* Prefixes come from files and may end in the middle of a character. */
    for (uint32_t i = 0; i < cutting->splitter->n_steps && cutting->clean; i++) {
        const step *s = &cutting->splitter->steps[i];
        if (s->content) cutting->clean = bnt_utf8_valid(s->content, s->content_size);
    }
    cutting->depth = 1;
    enter(&cutting->levels[0], text, cutting->clean);
}

bantam_status bnt_cutting_next(bnt_cutting *cutting, bnt_matcher *matcher, bantam_text *piece,
                               bantam_error *err)
{
    const bnt_splitter *const splitter = cutting->splitter;
    *piece = (bantam_text){0};
    if (splitter->n_steps == 0) {
        if (cutting->whole.size) *piece = cutting->whole;
        cutting->whole = (bantam_text){0};
        return BANTAM_OK;
    }
    while (cutting->depth > 0) {
        level *const l = &cutting->levels[cutting->depth - 1];
        const step *const s = &splitter->steps[cutting->depth - 1];
        const bool is_first = !cutting->inside && l->text.data == cutting->whole.data;
        const bantam_status status = s->op == BNT_SPLIT_PREFIX
                                         ? take_prefixed(l, s, is_first, piece, err)
                                         : take_piece(l, s, matcher, piece, err);
        if (status) return status;
        if (piece->size == 0) { /* this level's text is used up */
            cutting->depth--;
        } else if (cutting->depth == splitter->n_steps) {
            return BANTAM_OK;
        } else {
            enter(&cutting->levels[cutting->depth], *piece, cutting->clean);
            cutting->depth++;
        }
    }
    *piece = (bantam_text){0};
    return BANTAM_OK;
}
