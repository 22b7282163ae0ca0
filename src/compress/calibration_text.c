/* calibration_text.c - files of plain text as sequences of tokens to calibrate with. */
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "compress/calibration.h"
#include "token/load.h"
#include "token/tokenizer.h"

enum {
    MAX_FILE_BYTES = 1 << 30,
    PIECE_BYTES = 1 << 15, /* of a document, encoded at a time */
    LEAST_TOKENS = 16      /* fewer say nothing about a model */
};

static const char SEPARATOR[] = "<|endoftext|>";

typedef struct reader {
    bnt_tokenizer *tokenizer; /* owns */
    bantam_tokenizer_info info;
    bnt_calibration_text *out; /* with room for most */
    size_t most;               /* of the files so far */
    uint32_t sequence, n_vocab;
    uint32_t *piece; /* (PIECE_BYTES * 4) owns */
} reader;

static bool is_full(const reader *r)
{
    return r->out->n_tokens >= r->most;
}

static void put_token(reader *r, uint32_t token)
{
    bnt_calibration_text *const out = r->out;
    if (!is_full(r) && out->n_tokens % r->sequence == 0 && r->info.adds_bos &&
        token != r->info.bos) {
        out->tokens[out->n_tokens++] = r->info.bos;
    }
    if (!is_full(r)) out->tokens[out->n_tokens++] = token;
}

static bantam_status put_piece(reader *r, bantam_text text, bantam_error *err)
{
    size_t n = 0;
    /* What is beyond the room is left out; a character is at most four bytes, each a token. */
    const bantam_status status =
        bnt_tokenizer_encode(r->tokenizer, text, 0, r->piece, PIECE_BYTES * 4, &n, err);
    if (status) return status;
    for (size_t i = 0; i < n; i++) {
        if (r->piece[i] >= r->n_vocab) {
            return bnt_fail(err, BANTAM_ERR_FORMAT,
                            "the tokenizer makes token %u, the embedding has %u rows",
                            (unsigned)r->piece[i], (unsigned)r->n_vocab);
        }
        put_token(r, r->piece[i]);
    }
    return BANTAM_OK;
}

/* Bytes of the next piece of a long text: up to the end of a line or a word. */
static size_t piece_bytes(bantam_text text)
{
    if (text.size <= PIECE_BYTES) return text.size;
    for (size_t n = PIECE_BYTES; n > PIECE_BYTES / 2; n--) {
        if (text.data[n - 1] == '\n') return n;
    }
    for (size_t n = PIECE_BYTES; n > PIECE_BYTES / 2; n--) {
        if (text.data[n] == ' ') return n;
    }
    return PIECE_BYTES;
}

static bantam_status put_document(reader *r, bantam_text text, bantam_error *err)
{
    bantam_status status = BANTAM_OK;

    while (text.size && text.data[text.size - 1] == '\n') {
        text.size--;
    }
    if (text.size && r->info.adds_bos) put_token(r, r->info.bos);
    while (!status && text.size && !is_full(r)) {
        const size_t n = piece_bytes(text);
        status = put_piece(r, (bantam_text){text.data, n}, err);
        text.data += n;
        text.size -= n;
    }
    return status;
}

static bantam_status put_text(reader *r, bantam_text text, bantam_error *err)
{
    bantam_text document = {text.data, 0};
    bantam_status status = BANTAM_OK;

    while (!status && text.size && !is_full(r)) {
        const char *const newline = memchr(text.data, '\n', text.size);
        const size_t n = newline ? (size_t)(newline - text.data) + 1 : text.size;
        const bantam_text line = {text.data, n - (newline ? 1 : 0)};
        text.data += n;
        text.size -= n;
        if (!bnt_text_is(line, SEPARATOR)) {
            document.size += n;
            continue;
        }
        status = put_document(r, document, err);
        document = (bantam_text){text.data, 0};
    }
    return status ? status : put_document(r, document, err);
}

static bantam_status open_tokenizer(reader *r, const bnt_source *source, bantam_error *err)
{
    const bnt_gguf *const gguf = bnt_archive_gguf(source->archive);
    bnt_spec spec;

    bnt_spec_init(&spec);
    bantam_status status = gguf ? bnt_load_gguf(&spec, gguf, err) : BANTAM_OK;
    const bnt_spec *const found = gguf ? &spec : &source->spec;
    if (!status && !found->n_tokens) {
        status = bnt_fail(err, BANTAM_ERR_UNSUPPORTED,
                          "there is no tokenizer beside the weights: texts cannot be read");
    }
    if (!status) status = bnt_tokenizer_open(&r->tokenizer, found, err);
    bnt_spec_deinit(&spec);
    if (status) {
        return bnt_fail_within(err, status, "%s: ", bnt_archive_path(source->archive));
    }
    bnt_tokenizer_describe(r->tokenizer, &r->info);
    return BANTAM_OK;
}

static bantam_status read_files(reader *r, const char *const *paths, size_t n_paths,
                                size_t most, bantam_error *err)
{
    bantam_status status = BANTAM_OK;

    for (size_t i = 0; !status && i < n_paths; i++) {
        bnt_buf text;
        bnt_buf_init(&text, MAX_FILE_BYTES);
        r->most = most / n_paths * (i + 1) + (i + 1 == n_paths ? most % n_paths : 0);
        status = bnt_file_read(paths[i], &text, err);
        if (!status) {
            status = put_text(r, bnt_buf_text(&text), err);
            if (status) bnt_fail_within(err, status, "%s: ", paths[i]);
        }
        bnt_buf_deinit(&text);
    }
    return status;
}

bantam_status bnt_calibration_read(bnt_calibration_text *out, const bnt_source *source,
                                   uint32_t n_vocab, const char *const *paths, size_t n_paths,
                                   size_t most, uint32_t sequence, bantam_error *err)
{
    reader r = {.out = out, .sequence = sequence, .n_vocab = n_vocab};

    *out = (bnt_calibration_text){.sequence = sequence};
    bantam_status status = open_tokenizer(&r, source, err);
    if (status) return status;
    out->tokens = bnt_calloc(most, sizeof *out->tokens);
    r.piece = bnt_calloc(PIECE_BYTES, 4 * sizeof *r.piece);
    if (!out->tokens || !r.piece) {
        status = bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for %zu tokens of calibration",
                          most);
    }
    if (!status) status = read_files(&r, paths, n_paths, most, err);
    if (!status && out->n_tokens < LEAST_TOKENS) {
        status = bnt_fail(err, BANTAM_ERR_INVALID,
                          "%s: expected at least %d tokens to calibrate with, found %zu",
                          paths[0], LEAST_TOKENS, out->n_tokens);
    }
    if (out->n_tokens < sequence) out->sequence = (uint32_t)out->n_tokens;
    if (!status) out->n_tokens -= out->n_tokens % out->sequence;
    bnt_tokenizer_close(r.tokenizer);
    bnt_free(r.piece);
    if (status) bnt_calibration_free(out);
    return status;
}

void bnt_calibration_free(bnt_calibration_text *text)
{
    bnt_free(text->tokens);
    *text = (bnt_calibration_text){0};
}
