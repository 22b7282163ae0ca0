/* stream.h - what of an answer may be shown already.
 *
 * Tokens go in as they are drawn; steps come out, each token once and in order, with text that
 * is settled: whole UTF-8 (what is not UTF-8 becomes U+FFFD), no part of a stop string, and
 * nothing of a token that may still be drawn back because a banned string may be in the making.
 * Pure text: it knows no model and no vocabulary. All memory is taken in init.
 *
 * Rules that a reader may ask for:
 *   - Forced text is shown as it is. Stop strings are looked for after it; a banned string may
 *     begin in it, but must not lie in it whole.
 *   - The stop string that ends first ends the answer, of several ending there the longest.
 *   - A banned string is drawn back to the token that its first byte after the forced text came
 *     with; where that token has been handed out, to the first one that has not.
 */
#ifndef BNT_SESSION_STREAM_H
#define BNT_SESSION_STREAM_H
#include "base/buf.h"
#include "session/match.h"

/* Tokens that can wait to be handed out. A banned string spread over more is still prevented,
 * by drawing back a later token of it. */
enum { BNT_STREAM_HELD = 256 };

typedef enum bnt_stream_outcome {
    BNT_STREAM_ON,    /* go on */
    BNT_STREAM_STOP,  /* a stop string is complete: the answer is at its end */
    BNT_STREAM_BANNED /* a banned string is complete: tokens were taken back */
} bnt_stream_outcome;

/* A token that was put and not yet taken. */
typedef struct bnt_stream_token {
    uint32_t token;
    float logprob;
    uint64_t start;     /* of its text in the answer */
    uint64_t stop_from; /* start of what may be a stop string just before the token was put */
} bnt_stream_token;

/* Offsets count bytes of the answer from its beginning. A zeroed stream is a valid closed one.
 */
typedef struct bnt_stream {
    bnt_needles stop, banned;
    uint64_t forced; /* bytes of forced text */
    char *text;      /* owns: bytes base .. total */
    size_t capacity;
    size_t max_token_bytes;
    uint64_t base, given, total; /* kept from, handed out, there */
    uint64_t end;                /* of the answer once a stop string is found, or UINT64_MAX */
    uint32_t n_put, n_taken;     /* tokens */
    bnt_stream_token held[BNT_STREAM_HELD]; /* token i in [n_taken, n_put) at i modulo size */
    bnt_buf clean;                          /* the text of the last step */
} bnt_stream;

/* The strings in options are borrowed until deinit. A put brings at most max_token_bytes. */
bantam_status bnt_stream_init(bnt_stream *s, const bantam_generation *options,
                              size_t max_token_bytes, bantam_error *err);
void bnt_stream_deinit(bnt_stream *s);

/* Adds a token and its text. On BNT_STREAM_BANNED the tokens from index *back on are gone,
 * among them always the one just put; that with index *back was token *drawn and must not be
 * drawn again at its place. */
bnt_stream_outcome bnt_stream_put(bnt_stream *s, uint32_t token, float logprob,
                                  bantam_text text, uint32_t *back, uint32_t *drawn);

/* The next step that may be handed out; false where there is none. Must be called until false
 * after every put: the room for what waits is counted so. The text is borrowed until the stream
 * is next used. */
bool bnt_stream_take(bnt_stream *s, bantam_step *step);

/* At the end of the answer, after everything was taken that can be: steps that waited. Then a
 * last step with BANTAM_NO_TOKEN where text is left; false where nothing is. */
bool bnt_stream_flush(bnt_stream *s, bantam_step *step);

#endif
