/* chunks.h - a text in parts that a context holds, of whole sentences where they fit.
 *
 * The pieces of all chunks follow each other without a gap: every byte of the text is in
 * exactly one piece of one chunk. A sentence that is longer than a chunk is cut between words.
 */
#ifndef BNT_TASK_CHUNKS_H
#define BNT_TASK_CHUNKS_H
#include "task/sentences.h"

enum { BNT_MAX_PIECES = 256 }; /* of one chunk */

/* A sentence, or a part of a long one, with its tokens. */
typedef struct bnt_piece {
    size_t offset, size; /* in the text, with white space */
    bantam_text text;    /* without */
    size_t first, n_tokens;
    bool begins; /* a paragraph */
    bool part;   /* of a sentence that was cut */
} bnt_piece;

typedef struct bnt_chunker {
    const bantam_tokenizer *tokenizer; /* borrows */
    bantam_text text;                  /* borrows */
    size_t room;                       /* tokens of a chunk */
    size_t max_pieces;                 /* at most BNT_MAX_PIECES */
    size_t at;                         /* where the next chunk begins */
    bool spaced;                       /* the encoder puts a space before a text by itself */
    bool inside;                       /* the next chunk begins inside a sentence */
    char *spelling;                    /* owns: a space and a sentence */
    uint32_t *tokens;                  /* (room) owns: those of the chunk */
    bnt_piece *pieces;                 /* (BNT_MAX_PIECES) owns */
    size_t n_tokens, n_pieces;
} bnt_chunker;

/* Prepares for texts in chunks of at most room tokens. */
bantam_status bnt_chunker_open(bnt_chunker *out, const bantam_tokenizer *tokenizer, size_t room,
                               bantam_error *err);
void bnt_chunker_close(bnt_chunker *chunker);

/* Begins a text. */
void bnt_chunker_begin(bnt_chunker *chunker, bantam_text text);

/* Puts the next chunk together; n_pieces is 0 at the end of the text. BANTAM_ERR_FULL where not
 * even one character fits. */
bantam_status bnt_chunker_next(bnt_chunker *chunker, bantam_error *err);

#endif
