/* template_parse.h - tokens to code. Shared by the two halves of the parser: statements in
 * template_parse.c, expressions in template_expr.c.
 *
 * Failure is sticky: the tokens end, and every function returns soon.
 */
#ifndef BNT_TEMPLATE_PARSE_H
#define BNT_TEMPLATE_PARSE_H
#include "template/template_code.h"
#include "template/template_lex.h"

/* How deep statements and expressions may nest, together. The parser recurses, at most 1 KiB
 * for each level; jinja2 itself gives up near 80. */
enum { BNT_TEMPLATE_MAX_DEPTH = 80 };

typedef struct bnt_parser {
    bnt_template *t; /* under construction */
    bnt_lexer lexer;
    bantam_status status;
    bantam_error *err;
    unsigned depth;
    uint32_t uses;              /* special names mentioned in the macro under way */
    size_t target;              /* instruction that the latest forward jump leads to */
    size_t last_call;           /* index of the latest BNT_OP_CALL */
    struct bnt_loop_mark *loop; /* innermost loop of this macro */
} bnt_parser;

/* ---- tokens ---- */

static inline bnt_lex_type bnt_parse_type(const bnt_parser *p)
{
    return p->lexer.token.type;
}
void bnt_parse_next(bnt_parser *p);
bool bnt_parse_accept(bnt_parser *p, bnt_lex_type type); /* steps over it */
bool bnt_parse_expect(bnt_parser *p, bnt_lex_type type, const char *what);
bool bnt_parse_is_word(const bnt_parser *p, const char *word);
bool bnt_parse_accept_word(bnt_parser *p, const char *word);
/* Whether the token after this one is of the type. */
bool bnt_parse_peek(const bnt_parser *p, bnt_lex_type type);

void bnt_parse_fail(bnt_parser *p, bantam_status status, const char *format, ...)
    BNT_PRINTF(3, 4);
void bnt_parse_unexpected(bnt_parser *p, const char *expected);

/* One level deeper; false where that is too deep. */
bool bnt_parse_enter(bnt_parser *p);
static inline void bnt_parse_leave(bnt_parser *p)
{
    p->depth--;
}

/* ---- code ---- */

/* Appends an instruction; returns its index. */
size_t bnt_emit(bnt_parser *p, bnt_op op, size_t a);
/* Makes the jump at index lead to the next instruction. */
void bnt_patch(bnt_parser *p, size_t index);
/* A jump to the instruction at index, behind or ahead. */
void bnt_emit_jump(bnt_parser *p, bnt_op op, size_t index);
/* Number of the name that the token holds. */
size_t bnt_intern(bnt_parser *p, bantam_text name);
size_t bnt_add_const(bnt_parser *p, bnt_tv v);
/* A string constant of borrowed bytes. */
size_t bnt_add_string(bnt_parser *p, const char *data, size_t size);
void bnt_add_param(bnt_parser *p, size_t name);
size_t bnt_add_func(bnt_parser *p, bnt_func f);

/* Compiles source, which bnt_lex_prepare() has prepared, into p->t; p->status tells how that
 * went. */
void bnt_parse_source(bnt_parser *p, const char *source, size_t size);

/* ---- expressions ---- */

void bnt_parse_expression(bnt_parser *p); /* with an inline if */
/* One expression, or a tuple without parentheses. */
void bnt_parse_tuple(bnt_parser *p, bool inline_if);
/* | filter | filter ..., applied to the value on the stack. */
void bnt_parse_filters(bnt_parser *p);
/* The name of a filter and its arguments, without a bar before them. */
void bnt_parse_filter(bnt_parser *p);

#endif
