/* template_parse.c - statements to code, and what both halves of the parser stand on.
 *
 * The parser makes one pass. Where the source says first what is done last (the target of a
 * set, the filter of a block) it notes the place, steps over, and comes back to it: lexers can
 * be copied.
 */
#include "template/template_parse.h"
#include "base/text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Jumps out of a loop that are not yet patched form a chain through their `a`. */
struct bnt_loop_mark {
    size_t next; /* where `continue` goes */
    int32_t breaks;
    struct bnt_loop_mark *outer;
};

/* ---- failure and tokens ---- */

void bnt_parse_fail(bnt_parser *p, bantam_status status, const char *format, ...)
{
    if (p->status) return;

    char message[400];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    p->status = bnt_fail(p->err, status, "line %" PRIu32 ": %s", p->lexer.token.line, message);
    p->lexer.status = p->status;
    p->lexer.token.type = BNT_LEX_EOF;
}

void bnt_parse_unexpected(bnt_parser *p, const char *expected)
{
    const bnt_lexeme *const token = &p->lexer.token;
    const bantam_text found = {token->data, token->size > 40 ? 40 : token->size};
    const bool end = token->type == BNT_LEX_EOF;

    bnt_parse_fail(p, BANTAM_ERR_FORMAT, "expected %s, found %s%.*s%s", expected,
                   end ? "the end of the template" : "'", end ? 0 : (int)found.size, found.data,
                   end ? "" : "'");
}

void bnt_parse_next(bnt_parser *p)
{
    bnt_lex_next(&p->lexer);
    if (p->lexer.status) p->status = p->lexer.status;
}

bool bnt_parse_accept(bnt_parser *p, bnt_lex_type type)
{
    if (bnt_parse_type(p) != type) return false;
    bnt_parse_next(p);
    return true;
}

bool bnt_parse_expect(bnt_parser *p, bnt_lex_type type, const char *what)
{
    if (bnt_parse_accept(p, type)) return true;
    bnt_parse_unexpected(p, what);
    return false;
}

bool bnt_parse_is_word(const bnt_parser *p, const char *word)
{
    const bnt_lexeme *const token = &p->lexer.token;
    return token->type == BNT_LEX_NAME &&
           bnt_text_is((bantam_text){token->data, token->size}, word);
}

bool bnt_parse_accept_word(bnt_parser *p, const char *word)
{
    if (!bnt_parse_is_word(p, word)) return false;
    bnt_parse_next(p);
    return true;
}

bool bnt_parse_peek(const bnt_parser *p, bnt_lex_type type)
{
    bnt_lexer copy = p->lexer;
    copy.err = NULL;
    bnt_lex_next(&copy);
    return !copy.status && copy.token.type == type;
}

bool bnt_parse_enter(bnt_parser *p)
{
    if (p->status) return false;
    if (p->depth == BNT_TEMPLATE_MAX_DEPTH) {
        bnt_parse_fail(p, BANTAM_ERR_UNSUPPORTED, "nested deeper than %d",
                       BNT_TEMPLATE_MAX_DEPTH);
        return false;
    }
    p->depth++;
    return true;
}

/* ---- targets of assignments ---- */

static bool is_reserved(const bnt_parser *p)
{
    static const char *const words[] = {"true", "True", "false", "False", "none", "None"};
    for (size_t i = 0; i < 6; i++) {
        if (bnt_parse_is_word(p, words[i])) return true;
    }
    return false;
}

/* The name at the token, which is stepped over. */
static size_t parse_name(bnt_parser *p)
{
    const bantam_text name = {p->lexer.token.data, p->lexer.token.size};
    if (bnt_parse_type(p) != BNT_LEX_NAME || is_reserved(p)) {
        bnt_parse_unexpected(p, "a name");
        return 0;
    }
    const size_t id = bnt_intern(p, name);
    bnt_parse_next(p);
    return id;
}

static void parse_target(bnt_parser *p, bool attributes);

static void parse_one_target(bnt_parser *p, bool attributes)
{
    if (bnt_parse_accept(p, BNT_LEX_LPAREN)) {
        parse_target(p, attributes);
        bnt_parse_expect(p, BNT_LEX_RPAREN, "')'");
        return;
    }
    const size_t name = parse_name(p);
    if (!attributes || !bnt_parse_accept(p, BNT_LEX_DOT)) {
        bnt_emit(p, BNT_OP_STORE, name);
        return;
    }
    bnt_emit(p, BNT_OP_LOAD, name);
    bnt_emit(p, BNT_OP_SET_ATTR, parse_name(p));
}

static void insert_unpack(bnt_parser *p, size_t start)
{
    const size_t at = bnt_emit(p, BNT_OP_UNPACK, 0);
    if (p->status) return;
    const bnt_instr unpack = p->t->code[at];
    memmove(p->t->code + start + 1, p->t->code + start, (at - start) * sizeof unpack);
    p->t->code[start] = unpack;
}

/* Emits the code that takes the value at the top of the stack into names. */
static void parse_target(bnt_parser *p, bool attributes)
{
    if (!bnt_parse_enter(p)) return;

    /* That several names follow is seen at the first comma, after code for the first name; the
     * instruction that spreads the value is put before it then. */
    const size_t start = p->t->n_code;
    size_t n = 0;
    bool tuple = false;
    while (!p->status) {
        parse_one_target(p, attributes);
        n++;
        if (!bnt_parse_accept(p, BNT_LEX_COMMA)) break;
        if (!tuple) insert_unpack(p, start);
        tuple = true;
        const bool more =
            bnt_parse_type(p) == BNT_LEX_NAME || bnt_parse_type(p) == BNT_LEX_LPAREN;
        if (!more || bnt_parse_is_word(p, "in")) break; /* a comma behind the last name */
    }
    if (tuple && !p->status) p->t->code[start].a = (int32_t)n;
    bnt_parse_leave(p);
}

/* Steps over a target. */
static void skip_target(bnt_parser *p, bool attributes)
{
    const size_t start = p->t->n_code;
    parse_target(p, attributes);
    p->t->n_code = start;
}

/* Compiles the target at `place` here. */
static void return_to_target(bnt_parser *p, const bnt_lexer *place, bool attributes)
{
    if (p->status) return;
    const bnt_lexer here = p->lexer;
    p->lexer = *place;
    parse_target(p, attributes);
    if (!p->status) p->lexer = here;
}

/* ---- bodies ---- */

static void parse_statement(bnt_parser *p);

static void parse_print(bnt_parser *p)
{
    bnt_parse_next(p);
    bnt_parse_tuple(p, true);
    bnt_emit(p, BNT_OP_PRINT, 0);
    bnt_parse_expect(p, BNT_LEX_VAR_END, "'}}'");
}

/* Whether the tag at the token is one of these words, which have spaces between them. */
static bool is_one_of(const bnt_parser *p, const char *words)
{
    char word[16];
    while (*words) {
        const size_t size = strcspn(words, " ");
        if (size < sizeof word) {
            memcpy(word, words, size);
            word[size] = '\0';
            if (bnt_parse_is_word(p, word)) return true;
        }
        words += size;
        words += *words == ' ';
    }
    return false;
}

/* Text and tags up to a tag whose word is one of `ends`, which becomes the token; to the end of
 * the template where ends is empty. The block began in this line. */
static void parse_body(bnt_parser *p, const char *ends, uint32_t line)
{
    if (!bnt_parse_enter(p)) return;
    while (!p->status) {
        const bnt_lexeme token = p->lexer.token;
        if (token.type == BNT_LEX_EOF) {
            if (*ends) {
                bnt_parse_fail(p, BANTAM_ERR_FORMAT,
                               "the template ends inside the block of line %" PRIu32
                               ", expected %s",
                               line, ends);
            }
            break;
        }
        if (token.type == BNT_LEX_DATA) {
            bnt_emit(p, BNT_OP_TEXT, bnt_add_string(p, token.data, token.size));
            bnt_parse_next(p);
        } else if (token.type == BNT_LEX_VAR_BEGIN) {
            parse_print(p);
        } else {
            bnt_parse_next(p);
            if (is_one_of(p, ends)) break;
            parse_statement(p);
        }
    }
    bnt_parse_leave(p);
}

static void expect_end(bnt_parser *p)
{
    bnt_parse_expect(p, BNT_LEX_END, "'%}'");
}

/* The rest of a tag, the body, and the word of the tag that ends it. */
static void parse_block(bnt_parser *p, const char *ends)
{
    const uint32_t line = p->lexer.token.line;
    bnt_parse_accept(p, BNT_LEX_COLON);
    expect_end(p);
    parse_body(p, ends, line);
}

/* As parse_block where nothing but the closing tag can end the body. */
static void parse_whole_block(bnt_parser *p, const char *end)
{
    parse_block(p, end);
    bnt_parse_next(p);
    expect_end(p);
}

/* ---- if ---- */

static void parse_if(bnt_parser *p)
{
    int32_t ends = -1; /* chain of the jumps behind the last branch */

    for (;;) {
        bnt_parse_tuple(p, false);
        const size_t skip = bnt_emit(p, BNT_OP_JUMP_FALSE, 0);
        parse_block(p, "elif else endif");
        if (p->status) return;
        const bool more = bnt_parse_is_word(p, "elif"), other = bnt_parse_is_word(p, "else");
        bnt_parse_next(p);
        if (more || other) {
            const size_t at = bnt_emit(p, BNT_OP_JUMP, 0);
            if (p->status) return;
            p->t->code[at].a = ends;
            ends = (int32_t)at;
        }
        bnt_patch(p, skip);
        if (more) continue;
        if (other) {
            parse_block(p, "endif");
            bnt_parse_next(p);
        }
        break;
    }
    while (!p->status && ends >= 0) {
        const size_t at = (size_t)ends;
        ends = p->t->code[at].a;
        bnt_patch(p, at);
    }
    expect_end(p);
}

/* ---- for ---- */

/* The `if` of a for: the items for which it holds are collected before the body sees any. */
static void parse_loop_filter(bnt_parser *p, const bnt_lexer *target)
{
    if (!bnt_parse_accept_word(p, "if")) return;
    const size_t pick = bnt_emit(p, BNT_OP_PICK_NEXT, 0);
    return_to_target(p, target, false);
    bnt_parse_expression(p);
    bnt_emit(p, BNT_OP_PICK, 0);
    bnt_emit_jump(p, BNT_OP_JUMP, pick);
    bnt_patch(p, pick);
    bnt_emit(p, BNT_OP_REWIND, 0);
}

static void parse_for(bnt_parser *p)
{
    struct bnt_loop_mark loop = {.breaks = -1, .outer = p->loop};
    const bnt_lexer target = p->lexer;

    skip_target(p, false);
    if (!bnt_parse_accept_word(p, "in")) bnt_parse_unexpected(p, "'in'");
    bnt_parse_tuple(p, false);
    bnt_emit(p, BNT_OP_FOR, 0);
    parse_loop_filter(p, &target);
    if (bnt_parse_is_word(p, "recursive")) {
        bnt_parse_fail(p, BANTAM_ERR_UNSUPPORTED, "recursive loops are not supported");
    }
    loop.next = bnt_emit(p, BNT_OP_NEXT, 0);
    return_to_target(p, &target, false);
    p->loop = &loop;
    parse_block(p, "else endfor");
    p->loop = loop.outer;
    if (p->status) return;

    bnt_emit_jump(p, BNT_OP_JUMP, loop.next);
    bnt_patch(p, loop.next);
    while (!p->status && loop.breaks >= 0) {
        const size_t at = (size_t)loop.breaks;
        loop.breaks = p->t->code[at].a;
        bnt_patch(p, at);
    }
    const size_t end = bnt_emit(p, BNT_OP_END_FOR, 0);
    const bool other = bnt_parse_is_word(p, "else");
    bnt_parse_next(p);
    if (other) {
        bnt_emit(p, BNT_OP_SCOPE, 0);
        parse_block(p, "endfor");
        bnt_emit(p, BNT_OP_END_SCOPE, 0);
        bnt_parse_next(p);
    }
    bnt_patch(p, end);
    expect_end(p);
}

static void parse_break(bnt_parser *p, bool again)
{
    if (!p->loop) {
        bnt_parse_fail(p, BANTAM_ERR_FORMAT, "break or continue outside of a loop");
        return;
    }
    if (again) {
        bnt_emit_jump(p, BNT_OP_JUMP, p->loop->next);
    } else {
        const size_t at = bnt_emit(p, BNT_OP_JUMP, 0);
        if (p->status) return;
        p->t->code[at].a = p->loop->breaks;
        p->loop->breaks = (int32_t)at;
    }
    expect_end(p);
}

/* ---- set, with, filter, generation ---- */

/* A scope of its own whose output becomes the value on the stack. */
static void parse_captured(bnt_parser *p, const char *end)
{
    bnt_emit(p, BNT_OP_SCOPE, 0);
    bnt_emit(p, BNT_OP_CAPTURE, 0);
    parse_block(p, end);
    bnt_parse_next(p);
    bnt_emit(p, BNT_OP_END_CAPTURE, 0);
    bnt_emit(p, BNT_OP_END_SCOPE, 0);
}

static void parse_set(bnt_parser *p)
{
    const bnt_lexer target = p->lexer;

    skip_target(p, true);
    if (bnt_parse_accept(p, BNT_LEX_ASSIGN)) {
        bnt_parse_tuple(p, true);
    } else {
        /* Filters stand before the block whose text they get. */
        const bnt_lexer filters = p->lexer;
        const size_t start = p->t->n_code;
        bnt_parse_filters(p);
        p->t->n_code = start;
        parse_captured(p, "endset");
        if (p->status) return;
        const bnt_lexer here = p->lexer;
        p->lexer = filters;
        bnt_parse_filters(p);
        if (!p->status) p->lexer = here;
    }
    return_to_target(p, &target, true);
    expect_end(p);
}

static void parse_filter_block(bnt_parser *p)
{
    const bnt_lexer filters = p->lexer;
    const size_t start = p->t->n_code;

    bnt_parse_filter(p);
    bnt_parse_filters(p);
    p->t->n_code = start;
    parse_captured(p, "endfilter");
    if (p->status) return;
    const bnt_lexer here = p->lexer;
    p->lexer = filters;
    bnt_parse_filter(p);
    bnt_parse_filters(p);
    if (!p->status) p->lexer = here;
    bnt_emit(p, BNT_OP_PRINT, 0);
    expect_end(p);
}

/* Values are evaluated in the scope outside, before any name is set. */
static void parse_with(bnt_parser *p)
{
    size_t names[BNT_TV_MAX_ARGS], n = 0;

    while (!p->status && bnt_parse_type(p) == BNT_LEX_NAME) {
        if (n == BNT_TV_MAX_ARGS) {
            bnt_parse_fail(p, BANTAM_ERR_UNSUPPORTED, "more than %d names in with",
                           BNT_TV_MAX_ARGS);
            return;
        }
        names[n++] = parse_name(p);
        bnt_parse_expect(p, BNT_LEX_ASSIGN, "'='");
        bnt_parse_expression(p);
        if (!bnt_parse_accept(p, BNT_LEX_COMMA)) break;
    }
    bnt_emit(p, BNT_OP_SCOPE, 0);
    while (n > 0) {
        bnt_emit(p, BNT_OP_STORE, names[--n]);
    }
    parse_whole_block(p, "endwith");
    bnt_emit(p, BNT_OP_END_SCOPE, 0);
}

/* Hugging Face marks what the model itself said with this block; it prints as it is. */
static void parse_generation(bnt_parser *p)
{
    bnt_emit(p, BNT_OP_SCOPE, 0);
    parse_whole_block(p, "endgeneration");
    bnt_emit(p, BNT_OP_END_SCOPE, 0);
}

/* ---- macros ---- */

/* The parameters in parentheses. Their defaults become the first code of the macro: each is
 * evaluated when it is needed, and can use the parameters before it. */
static void parse_params(bnt_parser *p, bnt_func *f)
{
    bool defaults = false;

    bnt_parse_expect(p, BNT_LEX_LPAREN, "'('");
    while (!p->status && bnt_parse_type(p) != BNT_LEX_RPAREN) {
        const size_t name = parse_name(p);
        bnt_add_param(p, name);
        f->n_params++;
        bnt_emit(p, BNT_OP_GIVEN, name);
        const size_t skip = bnt_emit(p, BNT_OP_JUMP_TRUE, 0);
        if (bnt_parse_accept(p, BNT_LEX_ASSIGN)) {
            defaults = true;
            bnt_parse_expression(p);
        } else if (defaults) {
            bnt_parse_fail(p, BANTAM_ERR_FORMAT, "a parameter without default after one with");
        } else {
            bnt_emit(p, BNT_OP_PARAM, name);
        }
        bnt_emit(p, BNT_OP_STORE, name);
        bnt_patch(p, skip);
        if (f->n_params > BNT_TV_MAX_ARGS) {
            bnt_parse_fail(p, BANTAM_ERR_UNSUPPORTED, "more than %d parameters",
                           BNT_TV_MAX_ARGS);
        }
        if (!bnt_parse_accept(p, BNT_LEX_COMMA)) break;
    }
    bnt_parse_expect(p, BNT_LEX_RPAREN, "')'");
}

static bool has_param(const bnt_template *t, const bnt_func *f, const char *name)
{
    for (uint32_t i = 0; i < f->n_params; i++) {
        const bnt_tv_str *const s = t->names[t->params[f->params + i]];
        if (bnt_text_is((bantam_text){s->data, s->size}, name)) return true;
    }
    return false;
}

/* State of the parser that belongs to the macro under way. */
typedef struct macro_mark {
    bnt_func f;
    size_t skip; /* the jump around its code */
    uint32_t uses;
    struct bnt_loop_mark *loop;
} macro_mark;

static macro_mark begin_macro(bnt_parser *p, size_t name)
{
    macro_mark m = {.uses = p->uses, .loop = p->loop};

    m.skip = bnt_emit(p, BNT_OP_JUMP, 0);
    m.f = (bnt_func){.name = (uint32_t)name,
                     .params = (uint32_t)p->t->n_params,
                     .entry = (uint32_t)p->t->n_code};
    p->uses = 0;
    p->loop = NULL;
    return m;
}

/* Leaves the macro as a value on the stack. */
static void end_macro(bnt_parser *p, macro_mark *m)
{
    if (p->status) return;
    bnt_emit(p, BNT_OP_RETURN, 0);
    m->f.uses = p->uses;
    if (has_param(p->t, &m->f, "caller")) m->f.uses &= ~(uint32_t)BNT_FUNC_CALLER;
    p->uses |= m->uses;
    p->loop = m->loop;
    bnt_patch(p, m->skip);
    bnt_emit(p, BNT_OP_MACRO, bnt_add_func(p, m->f));
}

static void parse_macro(bnt_parser *p)
{
    const size_t name = parse_name(p);
    macro_mark m = begin_macro(p, name);

    parse_params(p, &m.f);
    parse_whole_block(p, "endmacro");
    end_macro(p, &m);
    bnt_emit(p, BNT_OP_STORE, name);
}

/* {% call(params) macro(args) %}body{% endcall %}: the body is a macro that the called one gets
 * as `caller`. It is compiled between the arguments and the call. */
static void parse_call(bnt_parser *p)
{
    const bnt_lexer params = p->lexer;
    const bool has_params = bnt_parse_type(p) == BNT_LEX_LPAREN;
    const size_t caller = BNT_NAME_CALLER;

    if (has_params) {
        bnt_func skipped = {0};
        const size_t start = p->t->n_code, n_params = p->t->n_params;
        parse_params(p, &skipped);
        p->t->n_code = start;
        p->t->n_params = n_params;
    }
    p->target = 0;
    bnt_parse_expression(p);
    if (p->status) return;
    const size_t last = p->t->n_code - 1;
    if (p->t->code[last].op != BNT_OP_CALL || p->last_call != last || p->target > last) {
        bnt_parse_fail(p, BANTAM_ERR_FORMAT, "call needs the call of a macro");
        return;
    }
    bnt_instr call = p->t->code[last];
    p->t->n_code = last;
    bnt_emit(p, BNT_OP_NAME, caller);
    macro_mark m = begin_macro(p, caller);
    if (has_params) {
        const bnt_lexer here = p->lexer;
        p->lexer = params;
        parse_params(p, &m.f);
        if (!p->status) p->lexer = here;
    }
    parse_whole_block(p, "endcall");
    end_macro(p, &m);
    const size_t at = bnt_emit(p, BNT_OP_CALL, 0);
    if (p->status) return;
    call.n_named++;
    p->t->code[at] = call;
    bnt_emit(p, BNT_OP_PRINT, 0);
}

/* ---- statements ---- */

static void parse_print_statement(bnt_parser *p)
{
    while (!p->status && bnt_parse_type(p) != BNT_LEX_END) {
        bnt_parse_expression(p);
        bnt_emit(p, BNT_OP_PRINT, 0);
        if (!bnt_parse_accept(p, BNT_LEX_COMMA)) break;
    }
    expect_end(p);
}

static void parse_unknown(bnt_parser *p, bantam_text name)
{
    static const char *const missing[] = {"block",      "extends", "include", "import", "from",
                                          "autoescape", "do",      "trans",   "debug"};
    for (size_t i = 0; i < sizeof missing / sizeof *missing; i++) {
        if (bnt_text_is(name, missing[i])) {
            bnt_parse_fail(p, BANTAM_ERR_UNSUPPORTED, "'%s' is not supported", missing[i]);
            return;
        }
    }
    bnt_parse_fail(p, BANTAM_ERR_FORMAT, "unexpected tag '%.*s'", BNT_TEXT_ARG(name));
}

/* The token is the word of the tag; at the end it is behind the tag, or behind the closing tag
 * of its block. */
static void parse_statement(bnt_parser *p)
{
    static const struct {
        const char *word;
        void (*parse)(bnt_parser *);
    } table[] = {{"if", parse_if},
                 {"for", parse_for},
                 {"set", parse_set},
                 {"with", parse_with},
                 {"macro", parse_macro},
                 {"call", parse_call},
                 {"filter", parse_filter_block},
                 {"print", parse_print_statement},
                 {"generation", parse_generation}};
    const bantam_text name = {p->lexer.token.data, p->lexer.token.size};

    if (bnt_parse_type(p) != BNT_LEX_NAME) {
        bnt_parse_unexpected(p, "the name of a tag");
        return;
    }
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (!bnt_parse_accept_word(p, table[i].word)) continue;
        table[i].parse(p);
        return;
    }
    const bool again = bnt_parse_is_word(p, "continue");
    if (again || bnt_parse_is_word(p, "break")) {
        bnt_parse_next(p);
        parse_break(p, again);
        return;
    }
    parse_unknown(p, name);
}

void bnt_parse_source(bnt_parser *p, const char *source, size_t size)
{
    static const char *const fixed[] = {"loop", "caller", "varargs", "kwargs"};

    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++) {
        bnt_intern(p, bnt_text_of(fixed[i]));
    }
    if (p->status) return;
    bnt_lex_begin(&p->lexer, source, size, p->err);
    p->status = p->lexer.status;
    parse_body(p, "", 1);
}
