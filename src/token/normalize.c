/* normalize.c - prepend, replace and strip.
 *
 * Each step writes its result into one of two buffers and reads the other. How the text is cut
 * afterwards is pretokenize.c's concern.
 */
#include "token/normalize.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/utf8.h"

#include <stdio.h>
#include <string.h>

/* A plain pattern is compared at every place where its first byte stands, so its length is a
 * factor of the time. Real ones are one character. */
enum { MAX_PLAIN_PATTERN = 256 };

typedef struct bnt_normalizer_step {
    bnt_normal_op op;
    bool regex, left, right;
    bnt_pattern pattern; /* where regex */
    char *plain;         /* owns; where not */
    size_t plain_size;
    char *content; /* owns */
    size_t content_size;
} step;

/* ---- white space ---- */

bool bnt_is_space(uint32_t code)
{
    if (code <= 0x20) return code == 0x20 || (code >= 0x09 && code <= 0x0D);
    if (code < 0x1680) return code == 0x85 || code == 0xA0;
    return code == 0x1680 || (code >= 0x2000 && code <= 0x200A) || code == 0x2028 ||
           code == 0x2029 || code == 0x202F || code == 0x205F || code == 0x3000;
}

size_t bnt_space_after(bantam_text text)
{
    size_t at = 0;
    while (at < text.size) {
        uint32_t code;
        const size_t size = bnt_utf8_decode(text.data + at, text.size - at, &code);
        if (!bnt_is_space(code)) break;
        at += size;
    }
    return at;
}

size_t bnt_space_before(bantam_text text)
{
    size_t at = text.size;
    while (at > 0) {
        const size_t start = bnt_text_before(text, at);
        uint32_t code;
        bnt_utf8_decode(text.data + start, at - start, &code);
        if (!bnt_is_space(code)) break;
        at = start;
    }
    return text.size - at;
}

/* ---- opening ---- */

static bantam_status open_step(step *s, const bnt_normal_step *from, uint32_t index,
                               bantam_error *err)
{
    char name[48];
    snprintf(name, sizeof name, "normalizer pattern %u", (unsigned)index);
    *s = (step){.op = from->op,
                .regex = from->regex,
                .left = from->left,
                .right = from->right,
                .plain_size = from->pattern.size,
                .content_size = from->content.size};
    s->content = bnt_strdup(from->content.data ? from->content.data : "", from->content.size);
    if (!s->content) return bnt_fail(err, BANTAM_ERR_NOMEM, "%s: out of memory", name);
    if (from->op != BNT_NORMAL_REPLACE) return BANTAM_OK;
    if (from->regex) return bnt_pattern_compile(&s->pattern, from->pattern, name, err);

    if (from->pattern.size == 0 || from->pattern.size > MAX_PLAIN_PATTERN) {
        return bnt_fail(err, BANTAM_ERR_FORMAT, "%s has %zu bytes, expected 1 to %d", name,
                        from->pattern.size, MAX_PLAIN_PATTERN);
    }
    s->plain = bnt_strdup(from->pattern.data, from->pattern.size);
    if (!s->plain) return bnt_fail(err, BANTAM_ERR_NOMEM, "%s: out of memory", name);
    return BANTAM_OK;
}

bantam_status bnt_normalizer_open(bnt_normalizer *normalizer, const bnt_spec *spec,
                                  bantam_error *err)
{
    *normalizer = (bnt_normalizer){0};
    if (spec->n_normal > BNT_SPEC_MAX_STEPS) {
        return bnt_fail(err, BANTAM_ERR_FORMAT, "the normalizer has %u steps, at most %d",
                        (unsigned)spec->n_normal, BNT_SPEC_MAX_STEPS);
    }
    if (spec->n_normal == 0) return BANTAM_OK;
    normalizer->steps = bnt_calloc(spec->n_normal, sizeof *normalizer->steps);
    if (!normalizer->steps) {
        return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for a normalizer");
    }
    for (uint32_t i = 0; i < spec->n_normal; i++) {
        normalizer->n_steps = i + 1;
        const bantam_status status = open_step(&normalizer->steps[i], &spec->normal[i], i, err);
        if (status) {
            bnt_normalizer_close(normalizer);
            return status;
        }
    }
    return BANTAM_OK;
}

void bnt_normalizer_close(bnt_normalizer *normalizer)
{
    for (uint32_t i = 0; i < normalizer->n_steps; i++) {
        bnt_pattern_free(&normalizer->steps[i].pattern);
        bnt_free(normalizer->steps[i].plain);
        bnt_free(normalizer->steps[i].content);
    }
    bnt_free(normalizer->steps);
    *normalizer = (bnt_normalizer){0};
}

size_t bnt_normalizer_bytes(const bnt_normalizer *normalizer)
{
    size_t sum = normalizer->n_steps * sizeof *normalizer->steps;
    for (uint32_t i = 0; i < normalizer->n_steps; i++) {
        const step *s = &normalizer->steps[i];
        sum += s->plain_size + s->content_size + bnt_pattern_bytes(&s->pattern);
    }
    return sum;
}

/* ---- running ---- */

static void replace_plain(const step *s, bantam_text text, bnt_buf *out)
{
    const char *at = text.data;
    const char *const end = text.data + text.size;
    while ((size_t)(end - at) >= s->plain_size && !out->failed) {
        const char *hit = memchr(at, s->plain[0], (size_t)(end - at) - s->plain_size + 1);
        if (!hit) break;
        if (memcmp(hit, s->plain, s->plain_size) == 0) {
            bnt_buf_put(out, at, (size_t)(hit - at));
            bnt_buf_put(out, s->content, s->content_size);
            at = hit + s->plain_size;
        } else {
            bnt_buf_put(out, at, (size_t)(hit - at) + 1);
            at = hit + 1;
        }
    }
    bnt_buf_put(out, at, (size_t)(end - at));
}

static bantam_status replace_regex(const step *s, bnt_matcher *matcher, bantam_text text,
                                   bnt_buf *out, bantam_error *err)
{
    bnt_subject subject;
    bool found;
    size_t kept = 0, from = 0, start, end;
    bnt_subject_init(&subject, text, false);
    while (from <= text.size) {
        const bantam_status status =
            bnt_pattern_find(&s->pattern, matcher, &subject, from, &found, &start, &end, err);
        if (status) return status;
        if (!found) break;
        bnt_buf_put(out, text.data + kept, start - kept);
        bnt_buf_put(out, s->content, s->content_size);
        kept = end;
        from = end;
        if (start == end) from = end < text.size ? bnt_text_after(text, end) : end + 1;
    }
    bnt_buf_put(out, text.data + kept, text.size - kept);
    return BANTAM_OK;
}

static bantam_text strip(const step *s, bantam_text text)
{
    if (s->left) {
        const size_t n = bnt_space_after(text);
        text.data += n;
        text.size -= n;
    }
    if (s->right) text.size -= bnt_space_before(text);
    return text;
}

bantam_status bnt_normalizer_run(const bnt_normalizer *normalizer, bnt_matcher *matcher,
                                 bantam_text text, bnt_buf buffers[2], bantam_text *out,
                                 bantam_error *err)
{
    unsigned turn = 0;
    for (uint32_t i = 0; i < normalizer->n_steps && text.size > 0; i++) {
        const step *s = &normalizer->steps[i];
        bantam_status status = BANTAM_OK;
        bnt_buf *const to = &buffers[turn];

        if (s->op == BNT_NORMAL_STRIP) {
            text = strip(s, text);
            continue;
        }
        bnt_buf_clear(to);
        if (s->op == BNT_NORMAL_PREPEND) {
            bnt_buf_put(to, s->content, s->content_size);
            bnt_buf_put(to, text.data, text.size);
        } else if (s->regex) {
            status = replace_regex(s, matcher, text, to, err);
        } else {
            replace_plain(s, text, to);
        }
        if (!status) status = bnt_buf_status(to, "the normalized text", err);
        if (status) return status;
        text = bnt_buf_text(to);
        turn ^= 1;
    }
    *out = text;
    return BANTAM_OK;
}
