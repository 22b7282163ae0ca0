/* template_expr.c - expressions to code, by recursive descent over Jinja's grammar.
 *
 * Code is emitted in the order of evaluation, which is the order of the source but for one
 * construct: in `x if c else y` the code of c is moved before that of x.
 */
#include "template/template_parse.h"

#include "template/template_ops.h"
#include "template/template_print.h"

#include <string.h>

/* ---- literals ---- */

static void parse_integer(bnt_parser *p)
{
    const bnt_lexeme token = p->lexer.token;
    const bnt_tv_str digits = {token.data, token.size, BNT_TV_UNCOUNTED, NULL};
    int64_t value = 0;
    bool too_large = false;

    /* Base 0 accepts 0x1F; a leading zero is for zero alone, as in Python. */
    const bool zeros = token.size > 1 && token.data[0] == '0' && token.data[1] >= '0' &&
                       token.data[1] <= '9' && strspn(token.data, "0_") < token.size;
    if (zeros || !bnt_tv_read_int(&digits, 0, &value, &too_large)) {
        bnt_parse_unexpected(p, "a number");
        return;
    }
    if (too_large) {
        bnt_parse_fail(p, BANTAM_ERR_UNSUPPORTED, "an integer does not fit in 64 bits");
        return;
    }
    bnt_parse_next(p);
    if (value <= INT32_MAX) {
        bnt_emit(p, BNT_OP_INT, (size_t)value);
    } else {
        bnt_emit(p, BNT_OP_CONST, bnt_add_const(p, bnt_tv_int(value)));
    }
}

static void parse_float(bnt_parser *p)
{
    const bnt_lexeme token = p->lexer.token;
    char digits[128];
    size_t n = 0;
    double value = 0.0;

    for (size_t i = 0; i < token.size && n < sizeof digits; i++) {
        if (token.data[i] != '_') digits[n++] = token.data[i];
    }
    if (n == sizeof digits || !bnt_tv_float_read(digits, n, &value)) {
        bnt_parse_fail(p, BANTAM_ERR_UNSUPPORTED, "a number of more than 100 digits");
        return;
    }
    bnt_parse_next(p);
    bnt_emit(p, BNT_OP_CONST, bnt_add_const(p, bnt_tv_float(value)));
}

/* Appends what the string token stands for to buf. */
static void append_string(bnt_parser *p, bnt_buf *buf)
{
    const bnt_lexeme *const token = &p->lexer.token;
    char *const out = bnt_buf_extend(buf, token->size);
    size_t size = 0;

    if (!out) {
        bnt_parse_fail(p, BANTAM_ERR_NOMEM, "out of memory");
        return;
    }
    if (!bnt_lex_unescape(token, out, &size)) {
        bnt_parse_fail(p, BANTAM_ERR_FORMAT, "a string has an escape that stands for nothing");
        return;
    }
    buf->size -= token->size - size;
}

/* One string, or several that stand side by side. */
static void parse_string(bnt_parser *p)
{
    const bnt_lexeme token = p->lexer.token;

    if (!memchr(token.data, '\\', token.size) && !bnt_parse_peek(p, BNT_LEX_STRING)) {
        bnt_parse_next(p);
        bnt_emit(p, BNT_OP_CONST, bnt_add_string(p, token.data + 1, token.size - 2));
        return;
    }
    bnt_buf buf;
    bnt_buf_init(&buf, SIZE_MAX);
    while (bnt_parse_type(p) == BNT_LEX_STRING) {
        append_string(p, &buf);
        bnt_parse_next(p);
    }
    char *const data = p->status ? NULL : bnt_heap_take(&p->t->heap, buf.size);
    if (data) {
        if (buf.size) memcpy(data, buf.data, buf.size);
        bnt_emit(p, BNT_OP_CONST, bnt_add_string(p, data, buf.size));
    } else {
        bnt_parse_fail(p, BANTAM_ERR_NOMEM, "out of memory");
    }
    bnt_buf_deinit(&buf);
}

static void parse_list(bnt_parser *p)
{
    bnt_parse_next(p);
    bnt_emit(p, BNT_OP_LIST, 0);
    while (!p->status && bnt_parse_type(p) != BNT_LEX_RBRACKET) {
        bnt_parse_expression(p);
        bnt_emit(p, BNT_OP_PUSH, 0);
        if (!bnt_parse_accept(p, BNT_LEX_COMMA)) break;
    }
    bnt_parse_expect(p, BNT_LEX_RBRACKET, "']'");
}

static void parse_dict(bnt_parser *p)
{
    bnt_parse_next(p);
    bnt_emit(p, BNT_OP_DICT, 0);
    while (!p->status && bnt_parse_type(p) != BNT_LEX_RBRACE) {
        bnt_parse_expression(p);
        bnt_parse_expect(p, BNT_LEX_COLON, "':'");
        bnt_parse_expression(p);
        bnt_emit(p, BNT_OP_SET, 0);
        if (!bnt_parse_accept(p, BNT_LEX_COMMA)) break;
    }
    bnt_parse_expect(p, BNT_LEX_RBRACE, "'}'");
}

static void parse_parentheses(bnt_parser *p)
{
    bnt_parse_next(p);
    if (bnt_parse_type(p) == BNT_LEX_RPAREN) {
        bnt_emit(p, BNT_OP_TUPLE, 0);
    } else {
        bnt_parse_tuple(p, true);
    }
    bnt_parse_expect(p, BNT_LEX_RPAREN, "')'");
}

static void parse_name(bnt_parser *p)
{
    static const char *const constants[] = {"true", "True", "false", "False", "none", "None"};
    static const char *const special[] = {"caller", "varargs", "kwargs"};
    const bnt_lexeme token = p->lexer.token;

    for (size_t i = 0; i < 6; i++) {
        if (!bnt_parse_is_word(p, constants[i])) continue;
        bnt_parse_next(p);
        bnt_emit(p, BNT_OP_CONST, bnt_add_const(p, i < 4 ? bnt_tv_bool(i < 2) : bnt_tv_none()));
        return;
    }
    for (size_t i = 0; i < 3; i++) {
        if (bnt_parse_is_word(p, special[i])) p->uses |= 1u << i;
    }
    if (bnt_parse_is_word(p, "self")) { /* the template's own blocks */
        bnt_parse_fail(p, BANTAM_ERR_UNSUPPORTED, "'self' is not supported");
    }
    bnt_parse_next(p);
    bnt_emit(p, BNT_OP_LOAD, bnt_intern(p, (bantam_text){token.data, token.size}));
}

static void parse_primary(bnt_parser *p)
{
    switch (bnt_parse_type(p)) {
    case BNT_LEX_NAME:
        parse_name(p);
        break;
    case BNT_LEX_STRING:
        parse_string(p);
        break;
    case BNT_LEX_INTEGER:
        parse_integer(p);
        break;
    case BNT_LEX_FLOAT:
        parse_float(p);
        break;
    case BNT_LEX_LPAREN:
        parse_parentheses(p);
        break;
    case BNT_LEX_LBRACKET:
        parse_list(p);
        break;
    case BNT_LEX_LBRACE:
        parse_dict(p);
        break;
    default:
        bnt_parse_unexpected(p, "an expression");
    }
}

/* ---- what follows a value ---- */

/* The argument behind * or **. From the first of them on, arguments are collected in a list and
 * a dictionary, and laid out when the call is made. */
static void parse_spread(bnt_parser *p, bnt_instr *n)
{
    const bool named = bnt_parse_type(p) == BNT_LEX_POW;

    bnt_parse_next(p);
    if (n->n_pos != BNT_SPREAD) {
        const size_t at = bnt_emit(p, BNT_OP_GATHER, 0);
        if (p->status) return;
        p->t->code[at].n_pos = n->n_pos;
        p->t->code[at].n_named = n->n_named;
        *n = (bnt_instr){.n_pos = BNT_SPREAD};
    }
    bnt_parse_expression(p);
    bnt_emit(p, named ? BNT_OP_SPREAD_NAMED : BNT_OP_SPREAD, 0);
}

static void parse_argument(bnt_parser *p, bnt_instr *n)
{
    const bantam_text name = {p->lexer.token.data, p->lexer.token.size};
    const bool spread = n->n_pos == BNT_SPREAD;

    if (bnt_parse_type(p) == BNT_LEX_NAME && bnt_parse_peek(p, BNT_LEX_ASSIGN)) {
        bnt_emit(p, BNT_OP_NAME, bnt_intern(p, name));
        bnt_parse_next(p);
        bnt_parse_next(p);
        if (!spread) n->n_named++;
    } else if (n->n_named || spread) {
        bnt_parse_fail(p, BANTAM_ERR_FORMAT,
                       "a positional argument after a named one or after *");
    } else {
        n->n_pos++;
    }
    if (!spread && n->n_pos + n->n_named > BNT_TV_MAX_ARGS) {
        bnt_parse_fail(p, BANTAM_ERR_UNSUPPORTED, "more than %d arguments", BNT_TV_MAX_ARGS);
    }
    bnt_parse_expression(p);
    if (spread) bnt_emit(p, BNT_OP_SET, 0);
}

/* Arguments in parentheses; their numbers are returned for the call instruction. */
static bnt_instr parse_arguments(bnt_parser *p)
{
    bnt_instr n = {0};

    bnt_parse_expect(p, BNT_LEX_LPAREN, "'('");
    while (!p->status && bnt_parse_type(p) != BNT_LEX_RPAREN) {
        if (bnt_parse_type(p) == BNT_LEX_MUL || bnt_parse_type(p) == BNT_LEX_POW) {
            parse_spread(p, &n);
        } else {
            parse_argument(p, &n);
        }
        if (!bnt_parse_accept(p, BNT_LEX_COMMA)) break;
    }
    bnt_parse_expect(p, BNT_LEX_RPAREN, "')'");
    if (n.n_pos == BNT_SPREAD) bnt_emit(p, BNT_OP_SCATTER, 0);
    return n;
}

static void emit_call(bnt_parser *p, bnt_op op, size_t a, bnt_instr counts)
{
    const size_t at = bnt_emit(p, op, a);
    if (p->status) return;
    p->t->code[at].n_pos = counts.n_pos;
    p->t->code[at].n_named = counts.n_named;
    if (op == BNT_OP_CALL) p->last_call = at;
}

static void parse_attribute(bnt_parser *p)
{
    bnt_parse_next(p);
    const bnt_lexeme token = p->lexer.token;
    if (token.type == BNT_LEX_INTEGER) {
        parse_integer(p);
        bnt_emit(p, BNT_OP_ITEM, 0);
    } else if (token.type == BNT_LEX_NAME) {
        bnt_parse_next(p);
        bnt_emit(p, BNT_OP_ATTR, bnt_intern(p, (bantam_text){token.data, token.size}));
    } else {
        bnt_parse_unexpected(p, "a name or number");
    }
}

/* One bound of a slice, none where it is left out. */
static void parse_bound(bnt_parser *p)
{
    if (bnt_parse_type(p) == BNT_LEX_COLON || bnt_parse_type(p) == BNT_LEX_RBRACKET) {
        bnt_emit(p, BNT_OP_CONST, bnt_add_const(p, bnt_tv_none()));
    } else {
        bnt_parse_expression(p);
    }
}

static void parse_subscript(bnt_parser *p)
{
    bnt_parse_next(p);
    if (bnt_parse_type(p) == BNT_LEX_RBRACKET) {
        bnt_parse_unexpected(p, "a subscript");
        return;
    }
    parse_bound(p);
    if (!bnt_parse_accept(p, BNT_LEX_COLON)) {
        if (bnt_parse_type(p) == BNT_LEX_COMMA) {
            bnt_parse_fail(p, BANTAM_ERR_UNSUPPORTED,
                           "subscripts with commas are not supported");
        }
        bnt_emit(p, BNT_OP_ITEM, 0);
    } else {
        parse_bound(p);
        bnt_parse_accept(p, BNT_LEX_COLON);
        parse_bound(p);
        bnt_emit(p, BNT_OP_SLICE, 0);
    }
    bnt_parse_expect(p, BNT_LEX_RBRACKET, "']'");
}

static void parse_postfix(bnt_parser *p)
{
    while (!p->status) {
        if (bnt_parse_type(p) == BNT_LEX_DOT) {
            parse_attribute(p);
        } else if (bnt_parse_type(p) == BNT_LEX_LBRACKET) {
            parse_subscript(p);
        } else if (bnt_parse_type(p) == BNT_LEX_LPAREN) {
            emit_call(p, BNT_OP_CALL, 0, parse_arguments(p));
        } else {
            break;
        }
    }
}

/* The name of a filter or test; -1 and a failure where there is none of that name. */
static ptrdiff_t parse_builtin_name(bnt_parser *p, const bnt_tv_builtin *table,
                                    const char *kind)
{
    const bantam_text name = {p->lexer.token.data, p->lexer.token.size};

    if (bnt_parse_type(p) != BNT_LEX_NAME) {
        bnt_parse_unexpected(p, "the name of a filter or test");
        return -1;
    }
    const bnt_tv_builtin *const b = bnt_builtin_find(table, name);
    if (!b) {
        bnt_parse_fail(p, BANTAM_ERR_UNSUPPORTED, "unknown %s '%.*s'", kind,
                       BNT_TEXT_ARG(name));
        return -1;
    }
    bnt_parse_next(p);
    return b - table;
}

void bnt_parse_filter(bnt_parser *p)
{
    const ptrdiff_t filter = parse_builtin_name(p, bnt_filters, "filter");
    bnt_instr counts = {0};

    if (filter < 0) return;
    if (bnt_parse_type(p) == BNT_LEX_LPAREN) counts = parse_arguments(p);
    emit_call(p, BNT_OP_FILTER, (size_t)filter, counts);
}

void bnt_parse_filters(bnt_parser *p)
{
    while (bnt_parse_accept(p, BNT_LEX_PIPE)) {
        bnt_parse_filter(p);
    }
}

/* Whether an argument without parentheses follows the name of a test. */
static bool test_argument_follows(const bnt_parser *p)
{
    switch (bnt_parse_type(p)) {
    case BNT_LEX_STRING:
    case BNT_LEX_INTEGER:
    case BNT_LEX_FLOAT:
    case BNT_LEX_LBRACKET:
    case BNT_LEX_LBRACE:
        return true;
    case BNT_LEX_NAME:
        return !bnt_parse_is_word(p, "else") && !bnt_parse_is_word(p, "or") &&
               !bnt_parse_is_word(p, "and");
    default:
        return false;
    }
}

static void parse_test(bnt_parser *p)
{
    const bool negated = bnt_parse_accept_word(p, "not");
    const ptrdiff_t test = parse_builtin_name(p, bnt_tests, "test");
    bnt_instr counts = {0};

    if (test < 0) return;
    if (bnt_parse_type(p) == BNT_LEX_LPAREN) {
        counts = parse_arguments(p);
    } else if (test_argument_follows(p)) {
        if (bnt_parse_is_word(p, "is")) {
            bnt_parse_fail(p, BANTAM_ERR_FORMAT, "tests cannot be chained with is");
        }
        parse_primary(p);
        parse_postfix(p);
        counts.n_pos = 1;
    }
    emit_call(p, BNT_OP_TEST, (size_t)test, counts);
    if (negated) bnt_emit(p, BNT_OP_NOT, 0);
}

static void parse_filters_and_tests(bnt_parser *p)
{
    while (!p->status) {
        if (bnt_parse_accept(p, BNT_LEX_PIPE)) {
            bnt_parse_filter(p);
        } else if (bnt_parse_accept_word(p, "is")) {
            parse_test(p);
        } else if (bnt_parse_type(p) == BNT_LEX_LPAREN) {
            emit_call(p, BNT_OP_CALL, 0, parse_arguments(p));
        } else {
            break;
        }
    }
}

/* ---- operators ---- */

/* Signs bind closer than filters: -x|abs is (-x)|abs. */
static void parse_unary(bnt_parser *p)
{
    unsigned n_signs = 0, negatives = 0; /* a bit for each, the outermost highest */

    while (bnt_parse_type(p) == BNT_LEX_SUB || bnt_parse_type(p) == BNT_LEX_ADD) {
        if (++n_signs > 16) {
            bnt_parse_fail(p, BANTAM_ERR_UNSUPPORTED, "more than 16 signs in a row");
            return;
        }
        negatives = negatives << 1 | (bnt_parse_type(p) == BNT_LEX_SUB);
        bnt_parse_next(p);
    }
    parse_primary(p);
    parse_postfix(p);
    for (; n_signs > 0; n_signs--, negatives >>= 1) {
        bnt_emit(p, negatives & 1 ? BNT_OP_NEG : BNT_OP_POS, 0);
    }
    parse_filters_and_tests(p);
}

/* Binary operators from the loosest binding to the closest: + -, ~, * / // %, **. All of them,
 * ** too, group to the left in Jinja. */
static int binary_level(bnt_lex_type type, bnt_tv_op *op)
{
    switch (type) {
    case BNT_LEX_ADD:
        *op = BNT_TV_ADD;
        return 1;
    case BNT_LEX_SUB:
        *op = BNT_TV_SUB;
        return 1;
    case BNT_LEX_TILDE:
        *op = BNT_TV_CONCAT;
        return 2;
    case BNT_LEX_MUL:
        *op = BNT_TV_MUL;
        return 3;
    case BNT_LEX_DIV:
        *op = BNT_TV_DIV;
        return 3;
    case BNT_LEX_FLOORDIV:
        *op = BNT_TV_FLOORDIV;
        return 3;
    case BNT_LEX_MOD:
        *op = BNT_TV_MOD;
        return 3;
    case BNT_LEX_POW:
        *op = BNT_TV_POW;
        return 4;
    default:
        return 0;
    }
}

/* Operators that wait for their right operand lie on a small stack: with four levels that group
 * to the left there are never more than four. */
static void parse_math(bnt_parser *p)
{
    bnt_tv_op waiting[4], op = BNT_TV_ADD;
    int levels[4], n = 0;

    parse_unary(p);
    while (!p->status) {
        const int level = binary_level(bnt_parse_type(p), &op);
        while (n > 0 && levels[n - 1] >= level) {
            bnt_emit(p, BNT_OP_BINARY, waiting[--n]);
        }
        if (!level) break;
        waiting[n] = op;
        levels[n++] = level;
        bnt_parse_next(p);
        parse_unary(p);
    }
}

/* The comparison at the token, stepped over; false where there is none. */
static bool accept_comparison(bnt_parser *p, bnt_tv_op *op)
{
    static const struct {
        bnt_lex_type type;
        bnt_tv_op op;
    } table[] = {{BNT_LEX_EQ, BNT_TV_EQ}, {BNT_LEX_NE, BNT_TV_NE}, {BNT_LEX_LT, BNT_TV_LT},
                 {BNT_LEX_LE, BNT_TV_LE}, {BNT_LEX_GT, BNT_TV_GT}, {BNT_LEX_GE, BNT_TV_GE}};

    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        *op = table[i].op;
        if (bnt_parse_accept(p, table[i].type)) return true;
    }
    *op = BNT_TV_IN;
    if (bnt_parse_accept_word(p, "in")) return true;
    if (!bnt_parse_is_word(p, "not")) return false;

    const bnt_lexer mark = p->lexer;
    bnt_parse_next(p);
    *op = BNT_TV_NOT_IN;
    if (bnt_parse_accept_word(p, "in")) return true;
    if (!p->status) p->lexer = mark;
    return false;
}

/* a < b < c is a < b and b < c, with b evaluated once: every comparison but the last keeps its
 * right side, or jumps to the end with false. */
static void parse_compare(bnt_parser *p)
{
    bnt_tv_op op, next;
    size_t jumps = SIZE_MAX; /* chain of jumps to patch, each holding the one before */

    parse_math(p);
    if (p->status || !accept_comparison(p, &op)) return;
    parse_math(p);
    while (!p->status && accept_comparison(p, &next)) {
        const size_t at = bnt_emit(p, BNT_OP_CHAIN, 0);
        if (p->status) return;
        p->t->code[at].n_pos = (uint8_t)op;
        p->t->code[at].a = jumps == SIZE_MAX ? -1 : (int32_t)jumps;
        jumps = at;
        op = next;
        parse_math(p);
    }
    bnt_emit(p, BNT_OP_BINARY, op);
    while (!p->status && jumps != SIZE_MAX) {
        const int32_t before = p->t->code[jumps].a;
        bnt_patch(p, jumps);
        jumps = before < 0 ? SIZE_MAX : (size_t)before;
    }
}

static void parse_not(bnt_parser *p)
{
    unsigned n = 0;

    while (bnt_parse_accept_word(p, "not")) {
        if (++n > BNT_TEMPLATE_MAX_DEPTH) {
            bnt_parse_fail(p, BANTAM_ERR_UNSUPPORTED, "more than %d times not in a row",
                           BNT_TEMPLATE_MAX_DEPTH);
        }
    }
    parse_compare(p);
    for (; n > 0; n--) {
        bnt_emit(p, BNT_OP_NOT, 0);
    }
}

/* `and` and `or` leave the value that decides. Jumps of one chain lead to its end. */
static void parse_logic(bnt_parser *p, const char *word, bnt_op op,
                        void (*operand)(bnt_parser *))
{
    size_t jumps = SIZE_MAX;

    operand(p);
    while (bnt_parse_accept_word(p, word)) {
        const size_t at = bnt_emit(p, op, 0);
        if (p->status) return;
        p->t->code[at].a = jumps == SIZE_MAX ? -1 : (int32_t)jumps;
        jumps = at;
        operand(p);
    }
    while (!p->status && jumps != SIZE_MAX) {
        const int32_t before = p->t->code[jumps].a;
        bnt_patch(p, jumps);
        jumps = before < 0 ? SIZE_MAX : (size_t)before;
    }
}

static void parse_and(bnt_parser *p)
{
    parse_logic(p, "and", BNT_OP_AND, parse_not);
}

static void parse_or(bnt_parser *p)
{
    parse_logic(p, "or", BNT_OP_OR, parse_and);
}

static void reverse_code(bnt_instr *code, size_t n)
{
    for (size_t i = 0; i < n / 2; i++) {
        const bnt_instr t = code[i];
        code[i] = code[n - 1 - i];
        code[n - 1 - i] = t;
    }
}

/* Swaps the code from start to middle with that from middle on: three reversals turn AB into
 * BA. Jumps do not lead out of either part and are relative, so they stay right. */
static void swap_code(bnt_parser *p, size_t start, size_t middle)
{
    bnt_instr *const code = p->t->code;
    reverse_code(code + start, middle - start);
    reverse_code(code + middle, p->t->n_code - middle);
    reverse_code(code + start, p->t->n_code - start);
}

void bnt_parse_expression(bnt_parser *p)
{
    if (!bnt_parse_enter(p)) return;
    const size_t start = p->t->n_code;

    parse_or(p);
    while (bnt_parse_accept_word(p, "if")) {
        const size_t middle = p->t->n_code;
        parse_or(p);
        bnt_emit(p, BNT_OP_JUMP_FALSE, 0);
        if (p->status) break;
        swap_code(p, start, middle);
        /* The condition has as many instructions as were emitted after the value. */
        const size_t skip = start + (p->t->n_code - middle) - 1;
        const size_t end = bnt_emit(p, BNT_OP_JUMP, 0);
        bnt_patch(p, skip);
        if (bnt_parse_accept_word(p, "else")) {
            bnt_parse_expression(p);
        } else {
            bnt_emit(p, BNT_OP_UNDEFINED, BNT_TV_NO_ELSE);
        }
        bnt_patch(p, end);
    }
    bnt_parse_leave(p);
}

void bnt_parse_tuple(bnt_parser *p, bool inline_if)
{
    bool tuple = false;

    if (!bnt_parse_enter(p)) return;
    for (;;) {
        if (inline_if) {
            bnt_parse_expression(p);
        } else {
            parse_or(p);
        }
        if (tuple) bnt_emit(p, BNT_OP_PUSH, 0);
        if (p->status || !bnt_parse_accept(p, BNT_LEX_COMMA)) break;
        if (!tuple) bnt_emit(p, BNT_OP_TUPLE_1, 0);
        tuple = true;
        const bnt_lex_type type = bnt_parse_type(p);
        if (type == BNT_LEX_VAR_END || type == BNT_LEX_END || type == BNT_LEX_RPAREN) break;
    }
    bnt_parse_leave(p);
}
