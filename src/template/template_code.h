/* template_code.h - a compiled template: instructions for a stack machine.
 *
 * Compiling to code, and not to a tree, keeps rendering free of recursion: what nests in the
 * source is depth of the machine's own stack. A template does not change once it is parsed.
 */
#ifndef BNT_TEMPLATE_CODE_H
#define BNT_TEMPLATE_CODE_H
#include "base/table.h"
#include "template/template.h"
#include "template/template_builtin.h"

/* What each instruction takes from the stack and leaves there is given as (before -> after),
 * the top at the right. `a` is an index or number; jumps are relative to the instruction, so
 * that code can be moved as a whole. Calls have n_pos arguments and then n_named pairs of name
 * and value on the stack; both together are `args`. */
typedef enum bnt_op {
    BNT_OP_TEXT,      /* ( -> ) prints constant a, a string */
    BNT_OP_PRINT,     /* (v -> ) */
    BNT_OP_CONST,     /* ( -> constant a) */
    BNT_OP_INT,       /* ( -> a) */
    BNT_OP_NAME,      /* ( -> name a, as a string) */
    BNT_OP_UNDEFINED, /* ( -> undefined) for the reason a */
    BNT_OP_LOAD,      /* ( -> v) the variable named a */
    BNT_OP_STORE,     /* (v -> ) in the innermost scope */
    BNT_OP_SET_ATTR,  /* (v namespace -> ) namespace.a = v */
    BNT_OP_UNPACK,    /* (v -> vn .. v1) exactly a items, the first at the top */

    BNT_OP_LIST,    /* ( -> list) */
    BNT_OP_TUPLE,   /* ( -> tuple) */
    BNT_OP_TUPLE_1, /* (v -> tuple) */
    BNT_OP_PUSH,    /* (list v -> list) */
    BNT_OP_DICT,    /* ( -> dict) */
    BNT_OP_SET,     /* (dict key v -> dict) */

    BNT_OP_ATTR,   /* (v -> v.a) */
    BNT_OP_ITEM,   /* (v key -> v[key]) */
    BNT_OP_SLICE,  /* (v start stop step -> v) */
    BNT_OP_BINARY, /* (x y -> x op y) a is a bnt_tv_op */
    BNT_OP_NEG,    /* (v -> -v) */
    BNT_OP_POS,    /* (v -> +v) */
    BNT_OP_NOT,    /* (v -> bool) */
    BNT_OP_CHAIN,  /* (x y -> y), or (x y -> false) and a jump; n_pos is the comparison */

    BNT_OP_JUMP,
    BNT_OP_JUMP_FALSE, /* (v -> ) */
    BNT_OP_JUMP_TRUE,  /* (v -> ) */
    BNT_OP_AND,        /* (v -> ), or (v -> v) and a jump where v is false */
    BNT_OP_OR,         /* (v -> ), or (v -> v) and a jump where v is true */

    BNT_OP_GATHER,       /* (args -> list dict) of the positional and the named ones */
    BNT_OP_SPREAD,       /* (list dict v -> list dict) adds the items of v to the list */
    BNT_OP_SPREAD_NAMED, /* (dict v -> dict) adds the members of v */
    BNT_OP_SCATTER,      /* (list dict -> args) for a call with BNT_SPREAD arguments */

    BNT_OP_CALL,   /* (f args -> v) */
    BNT_OP_FILTER, /* (v args -> v) row a of bnt_filters */
    BNT_OP_TEST,   /* (v args -> bool) row a of bnt_tests */

    BNT_OP_FOR,       /* (v -> ) begins a loop over v */
    BNT_OP_NEXT,      /* ( -> item), or a jump behind the last one */
    BNT_OP_PICK_NEXT, /* as NEXT, while the items are chosen by the `if` of a for */
    BNT_OP_PICK,      /* (bool -> ) keeps the item or not */
    BNT_OP_REWIND,    /* the loop goes over the items kept */
    BNT_OP_END_FOR,   /* ends the loop; jumps where it had items */

    BNT_OP_SCOPE,       /* begins a scope */
    BNT_OP_END_SCOPE,   /* ends it */
    BNT_OP_CAPTURE,     /* ( -> mark) what is printed from here on becomes a value */
    BNT_OP_END_CAPTURE, /* (mark -> string) */

    BNT_OP_MACRO,  /* ( -> macro) function a, with the scopes of here */
    BNT_OP_GIVEN,  /* ( -> bool) whether the parameter named a was given */
    BNT_OP_PARAM,  /* ( -> undefined) for the parameter named a */
    BNT_OP_RETURN, /* ends a macro */
    BNT_N_OPS
} bnt_op;

enum { BNT_SPREAD = 255 }; /* n_pos of a call whose arguments are counted when it is made */

typedef struct bnt_instr {
    uint8_t op, n_pos, n_named;
    int32_t a;
    uint32_t line;
} bnt_instr;

enum { BNT_FUNC_CALLER = 1, BNT_FUNC_VARARGS = 2, BNT_FUNC_KWARGS = 4 };

/* Names that the machine itself uses have fixed numbers. */
enum { BNT_NAME_LOOP, BNT_NAME_CALLER, BNT_NAME_VARARGS, BNT_NAME_KWARGS };

/* A macro, or the body of a call block. */
typedef struct bnt_func {
    uint32_t name;
    uint32_t params; /* index in bnt_template.params of the first */
    uint32_t n_params;
    uint32_t entry; /* instruction */
    uint32_t uses;  /* BNT_FUNC flags: special names that its body mentions */
} bnt_func;

struct bnt_template {
    char *source; /* owns; strings without escapes are parts of it */
    bnt_heap heap;
    bnt_instr *code; /* owns */
    size_t n_code, code_room;
    bnt_tv *consts; /* owns */
    size_t n_consts, consts_room;
    bnt_tv_str **names; /* owns; by name number */
    size_t n_names, names_room;
    bnt_func *funcs; /* owns */
    size_t n_funcs, funcs_room;
    uint32_t *params; /* owns; name numbers */
    size_t n_params, params_room;
    bnt_table table; /* names to their numbers */
};

#endif
