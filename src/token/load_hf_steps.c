/* load_hf_steps.c - the normalizer, pre_tokenizer, decoder and post_processor of
 * tokenizer.json.
 *
 * Each is one step or a Sequence of steps, which may nest; it is walked flat. A step that the
 * spec cannot express is named in an error, never skipped. Patterns are in Oniguruma's syntax;
 * where the same characters would mean something else to PCRE2, that too is an error.
 */
#include "base/limits.h"
#include "token/load_parts.h"
#include <inttypes.h>
#include <string.h>

/* ---- walking ----------------------------------------------------------------------------- */

/* Hands out the steps below a value in order. Its depth is bounded by that of the JSON. */
typedef struct walk {
    const char *what, *members; /* "normalizer", "normalizers" */
    const json_t *single;       /* a value that is not yet handed out */
    const json_t *arrays[BNT_MAX_JSON_DEPTH];
    size_t at[BNT_MAX_JSON_DEPTH];
    int depth;
} walk;

static walk walk_on(const char *what, const char *members, const json_t *value)
{
    walk w = {.what = what, .members = members, .single = json_is_null(value) ? NULL : value};
    return w;
}

/* The next step and its type; *step is NULL at the end. */
static bantam_status walk_next(walk *w, const json_t **step, bantam_text *type,
                               bantam_error *err)
{
    *step = NULL;
    for (;;) {
        const json_t *value = w->single;
        w->single = NULL;
        while (!value && w->depth) {
            const int top = w->depth - 1;
            value = json_array_get(w->arrays[top], w->at[top]++);
            if (!value) w->depth--;
        }
        if (!value) return BANTAM_OK;
        *type = bnt_json_text(json_object_get(value, "type"));
        if (!type->size) {
            return bnt_fail(err, BANTAM_ERR_FORMAT, "%s: a step without a type", w->what);
        }
        if (!bnt_text_is(*type, "Sequence")) {
            *step = value;
            return BANTAM_OK;
        }
        const json_t *const array = json_object_get(value, w->members);
        if (!json_is_array(array) || w->depth == BNT_MAX_JSON_DEPTH) {
            return bnt_fail(err, BANTAM_ERR_FORMAT, "%s: a Sequence without %s", w->what,
                            w->members);
        }
        w->arrays[w->depth] = array;
        w->at[w->depth++] = 0;
    }
}

static bantam_status unsupported(const walk *w, bantam_text type, bantam_error *err)
{
    return bnt_fail(err, BANTAM_ERR_UNSUPPORTED, "%s step \"%.*s\" is not supported", w->what,
                    BNT_TEXT_ARG(type));
}

static bantam_status text_member(const json_t *step, const char *key, bantam_text *out,
                                 bantam_error *err)
{
    const json_t *const value = json_object_get(step, key);

    if (!json_is_string(value)) {
        return bnt_fail(err, BANTAM_ERR_FORMAT, "%s: expected a string", key);
    }
    *out = bnt_json_text(value);
    return BANTAM_OK;
}

/* ---- patterns ---------------------------------------------------------------------------- */

/* What PCRE2 would read otherwise than Oniguruma: sets inside sets, && inside sets, \h and \H
 * (digits of base 16, not spaces). */
static bool reads_otherwise(bantam_text p)
{
    bool in_set = false;

    for (size_t i = 0; i < p.size; i++) {
        const char c = p.data[i], next = i + 1 < p.size ? p.data[i + 1] : '\0';
        if (c == '\\') {
            if (next == 'h' || next == 'H') return true;
            i++;
        } else if (!in_set) {
            in_set = c == '[';
            /* A bracket right after the opening one is a member of the set. */
            if (in_set && next == '^') i++;
            if (in_set && i + 1 < p.size && p.data[i + 1] == ']') i++;
        } else if (c == ']') {
            in_set = false;
        } else if (c == '[') {
            if (next != ':') return true;
            const char *const end = memchr(p.data + i, ']', p.size - i);
            i = end ? (size_t)(end - p.data) : p.size;
        } else if (c == '&' && next == '&') {
            return true;
        }
    }
    return false;
}

/* Whether ^ or $ stand outside of sets: to Oniguruma they match at every line. */
static bool has_line_anchor(bantam_text p)
{
    bool in_set = false;

    for (size_t i = 0; i < p.size; i++) {
        const char c = p.data[i];
        if (c == '\\') {
            i++;
        } else if (c == '[' && !in_set) {
            in_set = true;
            if (i + 1 < p.size && p.data[i + 1] == '^') i++;
        } else if (c == ']') {
            in_set = false;
        } else if (!in_set && (c == '^' || c == '$')) {
            return true;
        }
    }
    return false;
}

/* {"Regex": "..."} or {"String": "..."}; *regex says which. */
static bantam_status read_pattern(const json_t *step, bnt_buf *out, bool *regex,
                                  bantam_error *err)
{
    const json_t *const pattern = json_object_get(step, "pattern");
    const json_t *const text = json_object_get(pattern, "Regex");
    const bantam_text value = bnt_json_text(text ? text : json_object_get(pattern, "String"));

    *regex = text != NULL;
    bnt_buf_clear(out);
    if (!value.data) {
        return bnt_fail(err, BANTAM_ERR_FORMAT, "pattern: expected a Regex or a String");
    }
    if (value.size > BNT_MAX_TOKEN_BYTES) {
        return bnt_fail(err, BANTAM_ERR_FORMAT, "pattern: %zu bytes, at most %d", value.size,
                        BNT_MAX_TOKEN_BYTES);
    }
    if (*regex && reads_otherwise(value)) {
        return bnt_fail(err, BANTAM_ERR_UNSUPPORTED,
                        "pattern \"%.*s\": nested sets, && and \\h are not supported",
                        BNT_TEXT_ARG(value));
    }
    if (*regex && has_line_anchor(value)) bnt_buf_puts(out, "(?m)");
    bnt_buf_put(out, value.data, value.size);
    return bnt_buf_status(out, "pattern", err);
}

/* A backslash before any ASCII character that is no letter or digit makes it stand for itself.
 */
static void put_escaped(bnt_buf *out, bantam_text text)
{
    for (size_t i = 0; i < text.size; i++) {
        const unsigned char c = (unsigned char)text.data[i];
        const bool word = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
                          (c >= 'a' && c <= 'z') || c >= 0x80;
        if (!c) {
            bnt_buf_puts(out, "\\x00");
            continue;
        }
        if (!word) bnt_buf_putc(out, '\\');
        bnt_buf_putc(out, (char)c);
    }
}

/* ---- normalizer -------------------------------------------------------------------------- */

static bantam_status normalizer_step(bnt_spec *spec, const walk *w, const json_t *step,
                                     bantam_text type, bnt_buf *scratch, bantam_error *err)
{
    bnt_normal_step s = {0};
    bantam_status status;

    if (bnt_text_is(type, "Prepend")) {
        s.op = BNT_NORMAL_PREPEND;
        status = text_member(step, "prepend", &s.content, err);
    } else if (bnt_text_is(type, "Replace")) {
        s.op = BNT_NORMAL_REPLACE;
        status = read_pattern(step, scratch, &s.regex, err);
        s.pattern = bnt_buf_text(scratch);
        if (!status) status = text_member(step, "content", &s.content, err);
    } else if (bnt_text_is(type, "Strip")) {
        s.op = BNT_NORMAL_STRIP;
        status = bnt_json_bool(step, "strip_left", &s.left, err);
        if (!status) status = bnt_json_bool(step, "strip_right", &s.right, err);
    } else {
        return unsupported(w, type, err);
    }
    return status ? status : bnt_load_normal(spec, &s, err);
}

bantam_status bnt_hf_normalizer(bnt_spec *spec, const json_t *value, bantam_error *err)
{
    walk w = walk_on("normalizer", "normalizers", value);
    const json_t *step;
    bantam_text type;
    bnt_buf scratch;

    bnt_buf_init(&scratch, 4 * (size_t)BNT_MAX_TOKEN_BYTES);
    bantam_status status = walk_next(&w, &step, &type, err);
    while (!status && step) {
        status = normalizer_step(spec, &w, step, type, &scratch, err);
        if (!status) status = walk_next(&w, &step, &type, err);
    }
    bnt_buf_deinit(&scratch);
    return status;
}

/* ---- pre_tokenizer ----------------------------------------------------------------------- */

/* Rust's \w, which is wider than PCRE2's. */
#define WORD_CHARACTERS "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\x{200C}\\x{200D}"

static bantam_status put_split(bnt_spec *spec, const char *pattern, bnt_split_behavior behavior,
                               bool invert, bantam_error *err)
{
    const bnt_split_step s = {.op = BNT_SPLIT_PATTERN,
                              .pattern = {pattern, strlen(pattern)},
                              .behavior = behavior,
                              .invert = invert};
    return bnt_load_split(spec, &s, err);
}

static bantam_status put_prefix(bnt_spec *spec, bantam_text content, bool first_only,
                                bantam_error *err)
{
    const bnt_split_step s = {
        .op = BNT_SPLIT_PREFIX, .content = content, .first_only = first_only};
    return bnt_load_split(spec, &s, err);
}

static bantam_status read_behavior(const json_t *step, bnt_split_behavior *out,
                                   bantam_error *err)
{
    static const char *const names[] = {"Isolated", "Removed", "MergedWithPrevious",
                                        "MergedWithNext", "Contiguous"};
    const json_t *const value = json_object_get(step, "behavior");
    const bantam_text name = bnt_json_text(value);

    if (!value) return BANTAM_OK;
    for (int i = 0; i < 5; i++) {
        if (!bnt_text_is(name, names[i])) continue;
        *out = (bnt_split_behavior)i;
        return BANTAM_OK;
    }
    return bnt_fail(err, BANTAM_ERR_FORMAT, "behavior \"%.*s\" is unknown", BNT_TEXT_ARG(name));
}

static bantam_status split_step(bnt_spec *spec, const json_t *step, bnt_buf *scratch,
                                bantam_error *err)
{
    bnt_split_step s = {.op = BNT_SPLIT_PATTERN};
    bool regex;
    bantam_status status = read_pattern(step, scratch, &regex, err);

    if (!status && !regex) {
        /* The pattern came from the JSON value, which still holds it. */
        const bantam_text plain =
            bnt_json_text(json_object_get(json_object_get(step, "pattern"), "String"));
        bnt_buf_clear(scratch);
        put_escaped(scratch, plain);
        status = bnt_buf_status(scratch, "pattern", err);
    }
    s.pattern = bnt_buf_text(scratch);
    if (!status) status = read_behavior(step, &s.behavior, err);
    if (!status) status = bnt_json_bool(step, "invert", &s.invert, err);
    return status ? status : bnt_load_split(spec, &s, err);
}

static bantam_status digits_step(bnt_spec *spec, const json_t *step, bantam_error *err)
{
    bool single = false;
    const bantam_status status = bnt_json_bool(step, "individual_digits", &single, err);

    if (status) return status;
    return put_split(spec, "\\p{N}", single ? BNT_SPLIT_ISOLATED : BNT_SPLIT_CONTIGUOUS, false,
                     err);
}

static bantam_status byte_level_step(bnt_spec *spec, const json_t *step, bantam_error *err)
{
    bool prefix = true, regex = true;
    bantam_status status = bnt_json_bool(step, "add_prefix_space", &prefix, err);

    if (!status) status = bnt_json_bool(step, "use_regex", &regex, err);
    if (!status && prefix) status = put_prefix(spec, BNT_TEXT(" "), false, err);
    if (!status && regex) {
        status = put_split(spec, bnt_pre_gpt2, BNT_SPLIT_ISOLATED, false, err);
    }
    spec->byte_level = true;
    return status;
}

/* What Metaspace puts for a space, and when it begins a text with one. */
static bantam_status read_metaspace(const json_t *step, bantam_text *mark, bool *prefix,
                                    bool *first_only, bantam_error *err)
{
    const json_t *const scheme = json_object_get(step, "prepend_scheme");
    const bantam_text name = bnt_json_text(scheme);
    const json_t *const replacement = json_object_get(step, "replacement");

    *mark = replacement ? bnt_json_text(replacement) : BNT_TEXT(BNT_SPACE_MARK);
    *prefix = true;
    *first_only = bnt_text_is(name, "first");
    if (!mark->size) return bnt_fail(err, BANTAM_ERR_FORMAT, "replacement: expected a string");
    if (!scheme) return bnt_json_bool(step, "add_prefix_space", prefix, err);
    if (bnt_text_is(name, "never")) *prefix = false;
    if (*prefix && !*first_only && !bnt_text_is(name, "always")) {
        return bnt_fail(err, BANTAM_ERR_FORMAT, "prepend_scheme \"%.*s\" is unknown",
                        BNT_TEXT_ARG(name));
    }
    return BANTAM_OK;
}

static bantam_status metaspace_step(bnt_spec *spec, const json_t *step, bnt_buf *scratch,
                                    bantam_error *err)
{
    bnt_normal_step replace = {.op = BNT_NORMAL_REPLACE, .pattern = BNT_TEXT(" ")};
    bool prefix, first_only, split = true;
    bantam_text mark;

    bantam_status status = read_metaspace(step, &mark, &prefix, &first_only, err);
    if (!status) status = bnt_json_bool(step, "split", &split, err);
    /* Pieces are replaced in one by one; before any split that is the whole text. */
    if (!status && spec->n_split) {
        status = bnt_fail(err, BANTAM_ERR_UNSUPPORTED,
                          "pre_tokenizer step \"Metaspace\" after another is not supported");
    }
    replace.content = mark;
    if (!status) status = bnt_load_normal(spec, &replace, err);
    if (!status && prefix) status = put_prefix(spec, mark, first_only, err);
    if (status || !split) return status;
    bnt_buf_clear(scratch);
    put_escaped(scratch, mark);
    status = bnt_buf_status(scratch, "pattern", err);
    if (status) return status;
    const bnt_split_step s = {.op = BNT_SPLIT_PATTERN,
                              .pattern = bnt_buf_text(scratch),
                              .behavior = BNT_SPLIT_MERGED_WITH_NEXT};
    return bnt_load_split(spec, &s, err);
}

static bantam_status pre_tokenizer_step(bnt_spec *spec, const walk *w, const json_t *step,
                                        bantam_text type, bnt_buf *scratch, bantam_error *err)
{
    if (bnt_text_is(type, "Split")) return split_step(spec, step, scratch, err);
    if (bnt_text_is(type, "Digits")) return digits_step(spec, step, err);
    if (bnt_text_is(type, "ByteLevel")) return byte_level_step(spec, step, err);
    if (bnt_text_is(type, "Metaspace")) return metaspace_step(spec, step, scratch, err);
    if (bnt_text_is(type, "Punctuation")) {
        bnt_split_behavior behavior = BNT_SPLIT_ISOLATED;
        const bantam_status status = read_behavior(step, &behavior, err);
        return status ? status
                      : put_split(spec, "[\\p{P}!-/:-@\\[-`{-~]", behavior, false, err);
    }
    if (bnt_text_is(type, "Whitespace")) {
        return put_split(spec, "[" WORD_CHARACTERS "]+|[^" WORD_CHARACTERS "\\s]+",
                         BNT_SPLIT_REMOVED, true, err);
    }
    if (bnt_text_is(type, "WhitespaceSplit")) {
        return put_split(spec, "\\s", BNT_SPLIT_REMOVED, false, err);
    }
    return unsupported(w, type, err);
}

bantam_status bnt_hf_pre_tokenizer(bnt_spec *spec, const json_t *value, bantam_error *err)
{
    walk w = walk_on("pre_tokenizer", "pretokenizers", value);
    const json_t *step;
    bantam_text type;
    bnt_buf scratch;

    bnt_buf_init(&scratch, 4 * (size_t)BNT_MAX_TOKEN_BYTES);
    bantam_status status = walk_next(&w, &step, &type, err);
    while (!status && step) {
        status = pre_tokenizer_step(spec, &w, step, type, &scratch, err);
        if (!status) status = walk_next(&w, &step, &type, err);
    }
    bnt_buf_deinit(&scratch);
    return status;
}

/* ---- decoder ----------------------------------------------------------------------------- */

static bantam_status strip_step(bnt_spec *spec, const json_t *step, bool fused,
                                bantam_error *err)
{
    bnt_decode_step s = {.op = BNT_DECODE_STRIP};
    bantam_status status = text_member(step, "content", &s.content, err);

    if (!status) status = bnt_json_u32(step, "start", &s.start_count, err);
    if (!status) status = bnt_json_u32(step, "stop", &s.end_count, err);
    if (status) return status;
    if (!fused) {
        return bnt_fail(err, BANTAM_ERR_UNSUPPORTED,
                        "decoder step \"Strip\" before \"Fuse\" is not supported");
    }
    return bnt_load_decode(spec, &s, err);
}

static bantam_status replace_step(bnt_spec *spec, const json_t *step, bnt_buf *scratch,
                                  bantam_error *err)
{
    bnt_decode_step s = {.op = BNT_DECODE_REPLACE};
    bool regex;
    bantam_status status = read_pattern(step, scratch, &regex, err);

    s.pattern = bnt_buf_text(scratch);
    if (!status) status = text_member(step, "content", &s.content, err);
    if (!status && regex) {
        status = bnt_fail(err, BANTAM_ERR_UNSUPPORTED,
                          "decoder step \"Replace\" with a Regex is not supported");
    }
    return status ? status : bnt_load_decode(spec, &s, err);
}

static bantam_status decode_metaspace(bnt_spec *spec, const json_t *step, bantam_error *err)
{
    const bnt_decode_step strip = {
        .op = BNT_DECODE_STRIP, .content = BNT_TEXT(" "), .start_count = 1};
    bnt_decode_step replace = {.op = BNT_DECODE_REPLACE, .content = BNT_TEXT(" ")};
    bool prefix, first_only;

    bantam_status status = read_metaspace(step, &replace.pattern, &prefix, &first_only, err);
    if (!status) status = bnt_load_decode(spec, &replace, err);
    if (!status && prefix) status = bnt_load_decode(spec, &strip, err);
    return status;
}

bantam_status bnt_hf_decoder(bnt_spec *spec, const json_t *value, bantam_error *err)
{
    walk w = walk_on("decoder", "decoders", value);
    bool fused = false;
    const json_t *step;
    bantam_text type;
    bnt_buf scratch;

    bnt_buf_init(&scratch, 4 * (size_t)BNT_MAX_TOKEN_BYTES);
    bantam_status status = walk_next(&w, &step, &type, err);
    while (!status && step) {
        if (bnt_text_is(type, "Replace")) {
            status = replace_step(spec, step, &scratch, err);
        } else if (bnt_text_is(type, "Strip")) {
            status = strip_step(spec, step, fused, err);
        } else if (bnt_text_is(type, "Metaspace")) {
            status = decode_metaspace(spec, step, err);
        } else if (bnt_text_is(type, "Fuse")) {
            fused = true;
        } else if (!bnt_text_is(type, "ByteLevel") && !bnt_text_is(type, "ByteFallback")) {
            status = unsupported(&w, type, err);
        } /* The last two need no step: token texts are bytes already. */
        if (!status) status = walk_next(&w, &step, &type, err);
    }
    bnt_buf_deinit(&scratch);
    return status;
}

/* ---- post_processor ---------------------------------------------------------------------- */

/* The id that a template's SpecialToken stands for; exactly one. */
static bantam_status template_id(const bnt_spec *spec, const json_t *step, bantam_text name,
                                 uint32_t *out, bantam_error *err)
{
    const json_t *const ids = json_object_get(
        json_object_get(json_object_get(step, "special_tokens"), name.data), "ids");
    const json_t *const id = json_array_get(ids, 0);

    *out = BANTAM_NO_TOKEN;
    if (json_array_size(ids) == 1 && json_is_integer(id) && json_integer_value(id) >= 0) {
        *out = bnt_load_id(spec, (uint64_t)json_integer_value(id));
    }
    if (*out != BANTAM_NO_TOKEN) return BANTAM_OK;
    return bnt_fail(err, BANTAM_ERR_FORMAT,
                    "post_processor: special token \"%.*s\": expected one id of the vocabulary",
                    BNT_TEXT_ARG(name));
}

/* A template for one text: at most one special token before it and one after it. */
static bantam_status template_step(bnt_spec *spec, const json_t *step, bantam_error *err)
{
    const json_t *const single = json_object_get(step, "single");
    bool after = false;

    spec->adds_bos = spec->adds_eos = false;
    for (size_t i = 0; i < json_array_size(single); i++) {
        const json_t *const item = json_array_get(single, i);
        const json_t *const special = json_object_get(item, "SpecialToken");
        if (json_object_get(item, "Sequence")) after = true;
        if (!special) continue;
        if (after ? spec->adds_eos : spec->adds_bos) {
            return bnt_fail(err, BANTAM_ERR_UNSUPPORTED,
                            "post_processor: more than one special token %s a text",
                            after ? "after" : "before");
        }
        uint32_t id;
        const bantam_text name = bnt_json_text(json_object_get(special, "id"));
        const bantam_status status =
            template_id(spec, step, name.data ? name : BNT_TEXT(""), &id, err);
        if (status) return status;
        *(after ? &spec->eos : &spec->bos) = id;
        *(after ? &spec->adds_eos : &spec->adds_bos) = true;
    }
    return BANTAM_OK;
}

/* Bert's and Roberta's: ["name", id] before and after every text. */
static bantam_status pair_id(const bnt_spec *spec, const json_t *step, const char *key,
                             uint32_t *out, bantam_error *err)
{
    const json_t *const id = json_array_get(json_object_get(step, key), 1);

    *out = json_is_integer(id) && json_integer_value(id) >= 0
               ? bnt_load_id(spec, (uint64_t)json_integer_value(id))
               : BANTAM_NO_TOKEN;
    if (*out != BANTAM_NO_TOKEN) return BANTAM_OK;
    return bnt_fail(err, BANTAM_ERR_FORMAT, "post_processor: %s: expected a name and its id",
                    key);
}

bantam_status bnt_hf_post_processor(bnt_spec *spec, const json_t *value, bool *decided,
                                    bantam_error *err)
{
    walk w = walk_on("post_processor", "processors", value);
    const json_t *step;
    bantam_text type;

    *decided = false;
    bantam_status status = walk_next(&w, &step, &type, err);
    while (!status && step) {
        if (bnt_text_is(type, "TemplateProcessing")) {
            status = template_step(spec, step, err);
            *decided = true;
        } else if (bnt_text_is(type, "RobertaProcessing") ||
                   bnt_text_is(type, "BertProcessing")) {
            status = pair_id(spec, step, "cls", &spec->bos, err);
            if (!status) status = pair_id(spec, step, "sep", &spec->eos, err);
            spec->adds_bos = spec->adds_eos = *decided = true;
        } else if (!bnt_text_is(type, "ByteLevel")) { /* which moves offsets only */
            status = unsupported(&w, type, err);
        }
        if (!status) status = walk_next(&w, &step, &type, err);
    }
    return status;
}
