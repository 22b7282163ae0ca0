/* template_lex.h - template text to tokens, one at a time.
 *
 * A lexer is a small struct: copying it marks a place to come back to. White space control,
 * comments and raw blocks are settled here and are not seen by the parser.
 */
#ifndef BNT_TEMPLATE_LEX_H
#define BNT_TEMPLATE_LEX_H
#include "template/template_memory.h"

typedef enum bnt_lex_type {
    BNT_LEX_EOF,
    BNT_LEX_DATA,      /* text outside of tags */
    BNT_LEX_BEGIN,     /* of a statement */
    BNT_LEX_END,       /* of a statement */
    BNT_LEX_VAR_BEGIN, /* of a print statement */
    BNT_LEX_VAR_END,
    BNT_LEX_NAME,
    BNT_LEX_STRING, /* with its quotes */
    BNT_LEX_INTEGER,
    BNT_LEX_FLOAT,
    /* Operators, the longer ones first, in the order of the table in template_lex.c. */
    BNT_LEX_FLOORDIV,
    BNT_LEX_POW,
    BNT_LEX_EQ,
    BNT_LEX_NE,
    BNT_LEX_GE,
    BNT_LEX_LE,
    BNT_LEX_ADD,
    BNT_LEX_SUB,
    BNT_LEX_DIV,
    BNT_LEX_MUL,
    BNT_LEX_MOD,
    BNT_LEX_TILDE,
    BNT_LEX_LBRACKET,
    BNT_LEX_RBRACKET,
    BNT_LEX_LPAREN,
    BNT_LEX_RPAREN,
    BNT_LEX_LBRACE,
    BNT_LEX_RBRACE,
    BNT_LEX_GT,
    BNT_LEX_LT,
    BNT_LEX_ASSIGN,
    BNT_LEX_DOT,
    BNT_LEX_COLON,
    BNT_LEX_PIPE,
    BNT_LEX_COMMA
} bnt_lex_type;

typedef struct bnt_lexeme {
    bnt_lex_type type;
    uint32_t line;
    const char *data; /* borrows from the source */
    size_t size;
} bnt_lexeme;

typedef struct bnt_lexer {
    const char *start, *at, *end; /* borrows the source */
    uint32_t line;
    uint32_t n_open;   /* brackets, which keep a tag from ending */
    bnt_lex_type mode; /* what ends the tag; BNT_LEX_DATA outside of tags */
    bnt_lexeme token;
    bantam_status status; /* after a failure the tokens are BNT_LEX_EOF */
    bantam_error *err;
} bnt_lexer;

/* source is as bnt_lex_prepare() leaves it. Reads the first token. */
void bnt_lex_begin(bnt_lexer *lexer, const char *source, size_t size, bantam_error *err);
void bnt_lex_next(bnt_lexer *lexer);

/* Makes every line end a '\n' and drops the last one, in place; returns the new size. */
size_t bnt_lex_prepare(char *source, size_t size);

/* Bytes that a string token stands for, written to out, which has room for its size. False for
 * an escape that stands for nothing. */
bool bnt_lex_unescape(const bnt_lexeme *token, char *out, size_t *size);

#endif
