/* template_machine.h - the machine that runs a template's code, for the two files that hold its
 * instructions: template_eval.c and, for macros and calls, template_call.c.
 *
 * One loop over instructions, one small function for each. Macros are frames on a stack of
 * bounded height and loops a chain of records, so that a template, however it nests, uses the
 * same little of the C stack.
 */
#ifndef BNT_TEMPLATE_MACHINE_H
#define BNT_TEMPLATE_MACHINE_H
#include "template/template_code.h"

enum { BNT_MACRO_DEPTH = 64 };

typedef struct bnt_slot {
    uint32_t name;
    bnt_tv value;
} bnt_slot;

typedef struct bnt_scope {
    struct bnt_scope *outer; /* NULL: only the outermost names are beyond */
    bnt_slot *slots;
    uint32_t n, room;
} bnt_scope;

struct bnt_tv_macro {
    const bnt_func *func;
    bnt_scope *scope; /* where it was defined */
};

/* What is as it was when a loop or macro began. */
typedef struct bnt_place {
    bnt_scope *scope;
    struct bnt_loop *loop;
    size_t n_stack;
    uint32_t n_captures;
} bnt_place;

typedef struct bnt_loop {
    bnt_tv_loop self; /* first: a loop value points here */
    bnt_place outside;
    bnt_scope *scope; /* of the iteration under way; all iterations share it, as in Jinja */
    size_t next;      /* index of the item that comes next */
    bnt_tv kept;      /* list of the items that the `if` of the loop chose */
} bnt_loop;

typedef struct bnt_frame {
    size_t return_to;
    bnt_place outside;
} bnt_frame;

typedef struct bnt_machine {
    bnt_render r;
    const bnt_template *t;
    const json_t *variables;
    bnt_buf *out;
    size_t pc; /* of the instruction after the one under way */
    bnt_tv *stack;
    size_t n_stack, stack_room;
    bnt_tv *names; /* outermost scope, by name number */
    bnt_scope *scope;
    bnt_loop *loop;
    uint32_t n_captures;
    bnt_frame frames[BNT_MACRO_DEPTH];
    size_t n_frames;
    size_t spread_pos, spread_named; /* arguments that the latest SCATTER laid out */
} bnt_machine;

typedef void bnt_op_fn(bnt_machine *m, const bnt_instr *in);

bnt_op_fn bnt_op_macro, bnt_op_given, bnt_op_param, bnt_op_return, bnt_op_gather, bnt_op_spread,
    bnt_op_spread_named, bnt_op_scatter, bnt_op_call, bnt_op_filter, bnt_op_test;

void bnt_machine_push(bnt_machine *m, bnt_tv v);
static inline bnt_tv bnt_machine_pop(bnt_machine *m)
{
    return m->stack[--m->n_stack];
}

static inline bnt_tv *bnt_machine_top(bnt_machine *m)
{
    return &m->stack[m->n_stack - 1];
}

/* A scope inside of outer; NULL after a failure. */
bnt_scope *bnt_machine_scope(bnt_machine *m, bnt_scope *outer);
/* Gives a name a value in s, NULL for the outermost scope. */
void bnt_machine_define(bnt_machine *m, bnt_scope *s, uint32_t name, bnt_tv value);

static inline bnt_place bnt_machine_here(const bnt_machine *m)
{
    const bnt_place p = {m->scope, m->loop, m->n_stack, m->n_captures};
    return p;
}

/* Leaves all that began since, captures too: between statements the stack holds nothing but
 * their marks, and the text of the outermost goes with them. */
void bnt_machine_return(bnt_machine *m, const bnt_place *p);

#endif
