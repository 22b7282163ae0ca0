/* load_tiktoken.c - tiktoken's text of "base64 rank" lines, as Llama 3 ships it.
 *
 * The file holds ordinary tokens only; the 256 special tokens after them and the pattern are
 * Llama 3's, with the names that Hugging Face gives them.
 */
#include "base/limits.h"
#include "base/mem.h"
#include "base/text.h"
#include "token/load_parts.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { N_SPECIAL = 256, MAX_LINE = 2 * BNT_MAX_TOKEN_BYTES };

/* The special tokens that are not reserved for later; their number is their place. */
static const struct {
    uint32_t place;
    const char *name;
} named[] = {
    {0, "<|begin_of_text|>"},   {1, "<|end_of_text|>"},   {4, "<|finetune_right_pad_id|>"},
    {6, "<|start_header_id|>"}, {7, "<|end_header_id|>"}, {8, "<|eom_id|>"},
    {9, "<|eot_id|>"},          {10, "<|python_tag|>"}};

/* Takes the next line from *text, without its line break; false at the end. Empty lines count
 * as none. */
static bool next_line(bantam_text *text, bantam_text *line)
{
    while (text->size) {
        const char *const end = memchr(text->data, '\n', text->size);
        const size_t n = end ? (size_t)(end - text->data) : text->size;
        *line = (bantam_text){text->data, n};
        text->data += end ? n + 1 : n;
        text->size -= end ? n + 1 : n;
        if (line->size && line->data[line->size - 1] == '\r') line->size--;
        if (line->size) return true;
    }
    return false;
}

static bool parse_rank(bantam_text text, uint32_t *rank)
{
    uint32_t value = 0;

    if (!text.size || text.size > 9) return false;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') return false;
        value = value * 10 + (uint32_t)(text.data[i] - '0');
    }
    *rank = value;
    return true;
}

/* Ranks are the numbers below the count of lines, each once. */
static bantam_status put_line(bnt_spec *spec, bantam_text line, uint32_t n_ranks,
                              uint8_t *bytes, bantam_error *err)
{
    const char *const space = line.size <= MAX_LINE ? memchr(line.data, ' ', line.size) : NULL;
    uint32_t rank;
    size_t n = 0;

    if (!space || !bnt_load_base64(line.data, (size_t)(space - line.data), bytes, &n) || !n) {
        return bnt_fail(err, BANTAM_ERR_FORMAT,
                        "expected base64, a space and a rank, found \"%.*s\"",
                        BNT_TEXT_ARG(line));
    }
    const size_t n_left = (size_t)(space - line.data);
    const bantam_text digits = {space + 1, line.size - n_left - 1};
    if (!parse_rank(digits, &rank) || rank >= n_ranks || spec->tokens[rank].text.size) {
        return bnt_fail(err, BANTAM_ERR_FORMAT,
                        "rank \"%.*s\": expected each of 0 to %" PRIu32 " once",
                        BNT_TEXT_ARG(digits), n_ranks - 1);
    }
    return bnt_load_text(spec, rank, (bantam_text){(const char *)bytes, n}, err);
}

static bantam_status put_special(bnt_spec *spec, uint32_t n_ranks, bantam_error *err)
{
    uint32_t n_reserved = 0;

    for (uint32_t place = 0, k = 0; place < N_SPECIAL; place++) {
        char name[48];
        if (k < sizeof named / sizeof named[0] && named[k].place == place) {
            snprintf(name, sizeof name, "%s", named[k++].name);
        } else {
            snprintf(name, sizeof name, "<|reserved_special_token_%" PRIu32 "|>", n_reserved++);
        }
        const bantam_status status =
            bnt_load_text(spec, n_ranks + place, bnt_text_of(name), err);
        if (status) return status;
        spec->tokens[n_ranks + place].kind = BNT_TOKEN_CONTROL;
    }
    spec->bos = n_ranks;
    spec->eos = n_ranks + 1;
    spec->pad = n_ranks + 4;
    spec->adds_bos = true;
    return BANTAM_OK;
}

static bantam_status load(bnt_spec *spec, bantam_text text, uint8_t *bytes, bantam_error *err)
{
    bantam_text rest = text, line = {0};
    uint32_t n_ranks = 0;

    while (n_ranks <= BNT_MAX_VOCAB && next_line(&rest, &line))
        n_ranks++;
    if (!n_ranks) return bnt_fail(err, BANTAM_ERR_FORMAT, "the vocabulary is empty");
    /* The first line is looked at before memory is taken for all of them. */
    rest = text;
    next_line(&rest, &line);
    if (line.size > MAX_LINE || !memchr(line.data, ' ', line.size)) {
        return bnt_fail(err, BANTAM_ERR_FORMAT,
                        "expected base64, a space and a rank, found \"%.*s\"",
                        BNT_TEXT_ARG(line));
    }
    bantam_status status = bnt_load_tokens(spec, (uint64_t)n_ranks + N_SPECIAL, err);
    rest = text;
    while (!status && next_line(&rest, &line)) {
        status = put_line(spec, line, n_ranks, bytes, err);
    }
    if (!status) status = put_special(spec, n_ranks, err);
    return status;
}

bantam_status bnt_load_tiktoken(bnt_spec *spec, const char *text, size_t size,
                                bantam_error *err)
{
    uint8_t *const bytes = bnt_alloc(MAX_LINE);
    bantam_status status = BANTAM_OK;

    spec->kind = BNT_VOCAB_BPE_RANKS;
    spec->kind_name = "tiktoken";
    spec->byte_level = true;
    if (!bytes) status = bnt_load_nomem(err);
    if (!status) status = load(spec, (bantam_text){text, size}, bytes, err);
    if (!status) status = bnt_pre_named(spec, BNT_TEXT("llama-bpe"), err);
    if (!status) bnt_load_finish(spec);
    bnt_free(bytes);
    return bnt_load_end(spec, status);
}
