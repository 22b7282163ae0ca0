/* template_eval.c - the machine that runs a template's code.
 *
 * One loop over instructions, one small function for each. Macros are frames on a stack of
 * bounded height and loops a chain of records, so that a template, however it nests, uses the
 * same little of the C stack.
 *
 * Names live in scopes: the outermost is an array by name number, the inner ones are short
 * lists. A name that no scope has is a member of the variables, and after them a function.
 */
#include "token/template.h"

#include "base/clock.h"
#include "base/mem.h"
#include "token/template_code.h"
#include "token/template_ops.h"
#include "token/template_print.h"
#include "token/template_unicode.h"

#include <inttypes.h>
#include <string.h>

/* ---- the stack ---- */

static void push(machine *m, bnt_tv v)
{
    if (m->n_stack == m->stack_room) {
        const size_t room = 2 * m->stack_room;
        bnt_tv *const stack =
            room <= STACK_VALUES ? bnt_realloc(m->stack, room, sizeof *stack) : NULL;
        if (!stack) {
            if (room > STACK_VALUES) {
                bnt_render_fail(&m->r, BANTAM_ERR_FULL, "more than %d values at once",
                                STACK_VALUES);
            }
            bnt_render_no_memory(&m->r);
            return;
        }
        m->stack = stack;
        m->stack_room = room;
    }
    m->stack[m->n_stack++] = v;
}

static bnt_tv pop(machine *m)
{
    return m->stack[--m->n_stack];
}

static bnt_tv *top(machine *m)
{
    return &m->stack[m->n_stack - 1];
}

static void jump(machine *m, const bnt_instr *in)
{
    m->pc = (size_t)((int64_t)m->pc - 1 + in->a);
}

/* ---- scopes ---- */

static scope *new_scope(machine *m, scope *outer)
{
    scope *const s = bnt_render_alloc(&m->r, 1, sizeof *s);
    if (s) *s = (scope){.outer = outer};
    return s;
}

static void define(machine *m, scope *s, uint32_t name, bnt_tv value)
{
    if (!s) {
        m->names[name] = value;
        return;
    }
    for (uint32_t i = 0; i < s->n; i++) {
        if (s->slots[i].name != name) continue;
        s->slots[i].value = value;
        return;
    }
    bnt_render_work(&m->r, s->n / 16);
    if (s->n == s->room) {
        const uint32_t room = s->room ? 2 * s->room : 4;
        slot *const slots = bnt_render_alloc(&m->r, room, sizeof *slots);
        if (!slots) return;
        if (s->n) memcpy(slots, s->slots, s->n * sizeof *slots);
        s->slots = slots;
        s->room = room;
    }
    s->slots[s->n++] = (slot){name, value};
}

/* A name that no scope has, looked up once: it is then as if the outermost scope had it. */
static bnt_tv global(machine *m, uint32_t name)
{
    bnt_tv_str *const s = m->t->names[name];
    const json_t *const json = json_object_getn(m->variables, s->data, s->size);
    const bnt_tv_builtin *const f =
        json ? NULL : bnt_builtin_find(bnt_functions, (bantam_text){s->data, s->size});

    if (json) return bnt_tv_from_json(&m->r, json);
    if (f) return (bnt_tv){.type = BNT_TV_FUNCTION, .id = (uint16_t)(f - bnt_functions)};
    return bnt_tv_undefined(BNT_TV_NO_NAME, BNT_TV_NONE, s);
}

static bnt_tv look_up(machine *m, uint32_t name)
{
    uint64_t looked_at = 0;
    for (const scope *s = m->scope; s; s = s->outer) {
        for (uint32_t i = 0; i < s->n; i++) {
            if (s->slots[i].name == name) return s->slots[i].value;
        }
        looked_at += s->n + 1;
    }
    bnt_render_work(&m->r, looked_at / 16);
    if (m->names[name].type == BNT_TV_ABSENT) m->names[name] = global(m, name);
    return m->names[name];
}

static place here(const machine *m)
{
    const place p = {m->scope, m->loop, m->n_stack, m->n_captures};
    return p;
}

/* Leaves all that began since, captures too: between statements the stack holds nothing but
 * their marks, and the text of the outermost goes with them. */
static void return_to(machine *m, const place *p)
{
    if (m->n_captures > p->n_captures) m->r.text.size = (size_t)m->stack[p->n_stack].u.i;
    m->scope = p->scope;
    m->loop = p->loop;
    m->n_stack = p->n_stack;
    m->n_captures = p->n_captures;
}

/* ---- printing ---- */

static void print(machine *m, bnt_tv v)
{
    bnt_render *const r = &m->r;

    if (m->n_captures) {
        bnt_tv_put_str(r, v);
        if (r->text.failed) bnt_text_end(r, r->text.size); /* which says how */
        return;
    }
    v = bnt_tv_to_str(r, v);
    if (r->status || !bnt_render_charge(r, v.u.s->size)) return;
    if (!bnt_render_work(r, v.u.s->size / 64)) return;
    bnt_buf_put(m->out, v.u.s->data, v.u.s->size);
    if (m->out->failed == BANTAM_ERR_NOMEM) bnt_render_no_memory(r);
    if (m->out->failed) {
        bnt_render_fail(r, BANTAM_ERR_FULL, "the output is longer than %zu bytes", m->out->max);
    }
}

static void op_text(machine *m, const bnt_instr *in)
{
    print(m, m->t->consts[in->a]);
}

static void op_print(machine *m, const bnt_instr *in)
{
    (void)in;
    print(m, pop(m));
}

static void op_capture(machine *m, const bnt_instr *in)
{
    (void)in;
    push(m, bnt_tv_int((int64_t)bnt_text_begin(&m->r)));
    m->n_captures++;
}

static void op_end_capture(machine *m, const bnt_instr *in)
{
    (void)in;
    m->n_captures--;
    push(m, bnt_text_end(&m->r, (size_t)pop(m).u.i));
}

/* ---- values ---- */

static void op_const(machine *m, const bnt_instr *in)
{
    push(m, m->t->consts[in->a]);
}

static void op_int(machine *m, const bnt_instr *in)
{
    push(m, bnt_tv_int(in->a));
}

static void op_name(machine *m, const bnt_instr *in)
{
    push(m, (bnt_tv){.type = BNT_TV_STRING, .u.s = m->t->names[in->a]});
}

static void op_undefined(machine *m, const bnt_instr *in)
{
    push(m, bnt_tv_undefined((bnt_tv_reason)in->a, BNT_TV_NONE, NULL));
}

static void op_load(machine *m, const bnt_instr *in)
{
    push(m, look_up(m, (uint32_t)in->a));
}

static void op_store(machine *m, const bnt_instr *in)
{
    define(m, m->scope, (uint32_t)in->a, pop(m));
}

static void op_set_attr(machine *m, const bnt_instr *in)
{
    const bnt_tv owner = pop(m);
    bnt_tv_set_attr(&m->r, owner, m->t->names[in->a], pop(m));
}

static void op_unpack(machine *m, const bnt_instr *in)
{
    const size_t wanted = (size_t)in->a;
    bnt_tv_seq seq;

    if (!bnt_tv_seq_of(&m->r, pop(m), &seq)) return;
    if (seq.n != wanted) {
        bnt_render_fail(&m->r, BANTAM_ERR_INVALID, "expected %zu values to unpack, found %zu",
                        wanted, seq.n);
        return;
    }
    for (size_t i = wanted; i > 0 && !m->r.status; i--)
        push(m, bnt_tv_seq_at(&seq, i - 1));
}

static void op_list(machine *m, const bnt_instr *in)
{
    push(m, bnt_tv_new_list(&m->r, in->op == BNT_OP_LIST ? BNT_TV_LIST : BNT_TV_TUPLE, 0));
}

static void op_tuple_1(machine *m, const bnt_instr *in)
{
    (void)in;
    const bnt_tv tuple = bnt_tv_new_list(&m->r, BNT_TV_TUPLE, 2);
    bnt_tv_push(&m->r, tuple, *top(m));
    *top(m) = tuple;
}

static void op_push(machine *m, const bnt_instr *in)
{
    (void)in;
    const bnt_tv item = pop(m);
    bnt_tv_push(&m->r, *top(m), item);
}

static void op_dict(machine *m, const bnt_instr *in)
{
    (void)in;
    push(m, bnt_tv_new_dict(&m->r));
}

static void op_set(machine *m, const bnt_instr *in)
{
    (void)in;
    const bnt_tv value = pop(m), key = pop(m);
    bnt_tv_set(&m->r, *top(m), key, value);
}

static void op_attr(machine *m, const bnt_instr *in)
{
    *top(m) = bnt_tv_attr(&m->r, *top(m), m->t->names[in->a]);
}

static void op_item(machine *m, const bnt_instr *in)
{
    (void)in;
    const bnt_tv key = pop(m);
    *top(m) = bnt_tv_item(&m->r, *top(m), key);
}

static void op_slice(machine *m, const bnt_instr *in)
{
    (void)in;
    const bnt_tv step = pop(m), stop = pop(m), start = pop(m);
    *top(m) = bnt_tv_slice(&m->r, *top(m), start, stop, step);
}

static void op_binary(machine *m, const bnt_instr *in)
{
    const bnt_tv y = pop(m);
    *top(m) = bnt_tv_binary(&m->r, (bnt_tv_op)in->a, *top(m), y);
}

static void op_sign(machine *m, const bnt_instr *in)
{
    *top(m) = bnt_tv_sign(&m->r, *top(m), in->op == BNT_OP_NEG);
}

static void op_not(machine *m, const bnt_instr *in)
{
    (void)in;
    *top(m) = bnt_tv_bool(!bnt_tv_truth(*top(m)));
}

static void op_chain(machine *m, const bnt_instr *in)
{
    const bnt_tv y = pop(m);
    const bnt_tv says = bnt_tv_binary(&m->r, (bnt_tv_op)in->n_pos, *top(m), y);
    if (bnt_tv_truth(says)) {
        *top(m) = y;
    } else {
        *top(m) = bnt_tv_bool(false);
        jump(m, in);
    }
}

/* ---- jumps ---- */

static void op_jump(machine *m, const bnt_instr *in)
{
    jump(m, in);
}

static void op_jump_if(machine *m, const bnt_instr *in)
{
    if (bnt_tv_truth(pop(m)) == (in->op == BNT_OP_JUMP_TRUE)) jump(m, in);
}

static void op_and_or(machine *m, const bnt_instr *in)
{
    if (bnt_tv_truth(*top(m)) == (in->op == BNT_OP_OR)) {
        jump(m, in);
    } else {
        pop(m);
    }
}

/* ---- loops and scopes ---- */

static void op_for(machine *m, const bnt_instr *in)
{
    (void)in;
    const bnt_tv over = pop(m);
    loop *const l = bnt_render_alloc(&m->r, 1, sizeof *l);
    scope *const s = new_scope(m, m->scope);

    if (!l || !s) return;
    *l = (loop){.scope = s, .outside = here(m)};
    if (!bnt_tv_seq_of(&m->r, over, &l->self.seq)) return;
    m->loop = l;
}

/* Leaves whatever the last iteration began, gives the next one a scope without names, and
 * takes its item. False where there is none left, or after a failure. */
static bool next_item(machine *m, const bnt_instr *in, bnt_tv *item)
{
    loop *const l = m->loop;

    return_to(m, &l->outside);
    m->loop = l;
    if (l->next == l->self.seq.n) {
        jump(m, in);
        return false;
    }
    if (l->scope->kept) l->scope = new_scope(m, l->outside.scope);
    if (m->r.status) return false;
    l->scope->n = 0;
    m->scope = l->scope;
    l->self.at = l->next++;
    *item = bnt_tv_seq_at(&l->self.seq, l->self.at);
    return true;
}

static void op_next(machine *m, const bnt_instr *in)
{
    bnt_tv item;

    if (!next_item(m, in, &item)) return;
    define(m, m->scope, BNT_NAME_LOOP, (bnt_tv){.type = BNT_TV_LOOP, .u.loop = &m->loop->self});
    push(m, item);
}

static void op_pick_next(machine *m, const bnt_instr *in)
{
    bnt_tv item;

    if (m->loop->kept.type == BNT_TV_ABSENT) {
        m->loop->kept = bnt_tv_new_list(&m->r, BNT_TV_LIST, 0);
    }
    if (!m->r.status && next_item(m, in, &item)) push(m, item);
}

static void op_pick(machine *m, const bnt_instr *in)
{
    loop *const l = m->loop;

    (void)in;
    if (bnt_tv_truth(pop(m))) {
        bnt_tv_push(&m->r, l->kept, bnt_tv_seq_at(&l->self.seq, l->self.at));
    }
}

static void op_rewind(machine *m, const bnt_instr *in)
{
    (void)in;
    m->loop->next = 0;
    bnt_tv_seq_of(&m->r, m->loop->kept, &m->loop->self.seq);
}

static void op_end_for(machine *m, const bnt_instr *in)
{
    const loop *const l = m->loop;

    return_to(m, &l->outside);
    if (l->next > 0) jump(m, in);
}

static void op_scope(machine *m, const bnt_instr *in)
{
    scope *const s = new_scope(m, m->scope);

    (void)in;
    if (s) m->scope = s;
}

static void op_end_scope(machine *m, const bnt_instr *in)
{
    (void)in;
    m->scope = m->scope->outer;
}

/* ---- macros ---- */

static void op_macro(machine *m, const bnt_instr *in)
{
    bnt_tv_macro *const macro = bnt_render_alloc(&m->r, 1, sizeof *macro);

    if (!macro) return;
    *macro = (bnt_tv_macro){&m->t->funcs[in->a], m->scope};
    for (scope *s = m->scope; s && !s->kept; s = s->outer)
        s->kept = true;
    push(m, (bnt_tv){.type = BNT_TV_MACRO, .u.macro = macro});
}

static void op_given(machine *m, const bnt_instr *in)
{
    bool given = false;
    for (uint32_t i = 0; i < m->scope->n; i++) {
        given = given || m->scope->slots[i].name == (uint32_t)in->a;
    }
    push(m, bnt_tv_bool(given));
}

static void op_param(machine *m, const bnt_instr *in)
{
    push(m, bnt_tv_undefined(BNT_TV_NO_PARAM, BNT_TV_NONE, m->t->names[in->a]));
}

static bool is_param(const machine *m, const bnt_func *f, const bnt_tv_str *name, uint32_t *id)
{
    for (uint32_t i = 0; i < f->n_params; i++) {
        *id = m->t->params[f->params + i];
        const bnt_tv_str *const param = m->t->names[*id];
        if (param->size == name->size && !memcmp(param->data, name->data, name->size))
            return true;
    }
    return false;
}

static bool is_defined(const scope *s, uint32_t name)
{
    for (uint32_t i = 0; i < s->n; i++) {
        if (s->slots[i].name == name) return true;
    }
    return false;
}

/* Arguments beyond the parameters, for macros that mention varargs. */
static void bind_varargs(machine *m, const bnt_func *f, scope *s, const bnt_tv_args *args)
{
    bnt_render *const r = &m->r;
    const bantam_text name = {m->t->names[f->name]->data, m->t->names[f->name]->size};

    if (!(f->uses & BNT_FUNC_VARARGS)) {
        if (args->n_pos > f->n_params) {
            bnt_render_fail(r, BANTAM_ERR_INVALID,
                            "macro '%.*s' takes at most %" PRIu32 " arguments, found %zu",
                            BNT_TEXT_ARG(name), f->n_params, args->n_pos);
        }
        return;
    }
    const bnt_tv rest = bnt_tv_new_list(r, BNT_TV_TUPLE, 0);
    for (size_t i = f->n_params; i < args->n_pos && !r->status; i++) {
        bnt_tv_push(r, rest, args->pos[i]);
    }
    define(m, s, BNT_NAME_VARARGS, rest);
}

static void bind_named(machine *m, const bnt_func *f, scope *s, const bnt_tv_args *args)
{
    bnt_render *const r = &m->r;
    const bnt_tv rest =
        f->uses & BNT_FUNC_KWARGS ? bnt_tv_new_dict(r) : (bnt_tv){.type = BNT_TV_ABSENT};
    uint32_t id;

    if (f->uses & BNT_FUNC_CALLER) {
        define(m, s, BNT_NAME_CALLER,
               bnt_tv_undefined(BNT_TV_NO_NAME, BNT_TV_NONE, m->t->names[BNT_NAME_CALLER]));
    }
    for (size_t i = 0; i < args->n_named && !r->status; i++) {
        const bnt_tv key = args->named[2 * i], value = args->named[2 * i + 1];
        if (is_param(m, f, key.u.s, &id)) {
            if (is_defined(s, id)) {
                bnt_render_fail(r, BANTAM_ERR_INVALID, "argument '%.*s' is given twice",
                                BNT_TEXT_ARG(bnt_tv_text(key)));
            }
            define(m, s, id, value);
        } else if (bnt_tv_says(key, "caller") && f->uses & BNT_FUNC_CALLER) {
            define(m, s, BNT_NAME_CALLER, value);
        } else if (rest.type == BNT_TV_DICT) {
            bnt_tv_set(r, rest, key, value);
        } else {
            bnt_render_fail(r, BANTAM_ERR_INVALID, "the macro takes no argument '%.*s'",
                            BNT_TEXT_ARG(bnt_tv_text(key)));
        }
    }
    if (rest.type != BNT_TV_ABSENT) define(m, s, BNT_NAME_KWARGS, rest);
}

static void enter_macro(machine *m, const bnt_tv_macro *macro, const bnt_tv_args *args)
{
    const bnt_func *const f = macro->func;
    scope *const s = new_scope(m, macro->scope);

    if (!s) return;
    if (m->n_frames == MAX_MACRO_DEPTH) {
        bnt_render_fail(&m->r, BANTAM_ERR_FULL, "macros call each other deeper than %d",
                        MAX_MACRO_DEPTH);
        return;
    }
    for (uint32_t i = 0; i < f->n_params && i < args->n_pos; i++) {
        define(m, s, m->t->params[f->params + i], args->pos[i]);
    }
    bind_varargs(m, f, s, args);
    bind_named(m, f, s, args);
    if (m->r.status) return;

    m->n_stack -= args->n_pos + 2 * args->n_named + 1;
    m->frames[m->n_frames++] = (frame){m->pc, here(m)};
    m->scope = s;
    m->pc = f->entry;
    push(m, bnt_tv_int((int64_t)bnt_text_begin(&m->r)));
    m->n_captures++;
}

static void op_return(machine *m, const bnt_instr *in)
{
    const frame *const f = &m->frames[--m->n_frames];

    (void)in;
    const bnt_tv text = bnt_text_end(&m->r, (size_t)pop(m).u.i);
    m->n_captures--;
    return_to(m, &f->outside);
    m->pc = f->return_to;
    push(m, text);
}

/* ---- calls ---- */

/* The arguments at the top of the stack; they stay there. */
static bnt_tv_args arguments(const machine *m, const bnt_instr *in)
{
    const bool spread = in->n_pos == BNT_SPREAD;
    const size_t n_pos = spread ? m->spread_pos : in->n_pos;
    const size_t n_named = in->n_named + (spread ? m->spread_named : 0);
    const bnt_tv *const end = m->stack + m->n_stack;
    const bnt_tv_args args = {end - 2 * n_named - n_pos, n_pos, end - 2 * n_named, n_named};
    return args;
}

/* Takes the arguments from the stack and puts the result in place of what is below them. */
static void finish(machine *m, const bnt_tv_args *args, bnt_tv result)
{
    m->n_stack -= args->n_pos + 2 * args->n_named;
    *top(m) = result;
}

static void op_gather(machine *m, const bnt_instr *in)
{
    bnt_render *const r = &m->r;
    const bnt_tv_args args = arguments(m, in);
    const bnt_tv list = bnt_tv_new_list(r, BNT_TV_LIST, args.n_pos);
    const bnt_tv dict = bnt_tv_new_dict(r);

    if (r->status) return;
    for (size_t i = 0; i < args.n_pos; i++)
        bnt_tv_push(r, list, args.pos[i]);
    for (size_t i = 0; i < args.n_named; i++) {
        bnt_tv_set(r, dict, args.named[2 * i], args.named[2 * i + 1]);
    }
    m->n_stack -= args.n_pos + 2 * args.n_named;
    push(m, list);
    push(m, dict);
}

static void op_spread(machine *m, const bnt_instr *in)
{
    const bnt_tv v = pop(m);
    bnt_tv_seq seq;

    (void)in;
    if (!bnt_tv_seq_of(&m->r, v, &seq)) return;
    for (size_t i = 0; i < seq.n && bnt_render_work(&m->r, 1); i++) {
        bnt_tv_push(&m->r, m->stack[m->n_stack - 2], bnt_tv_seq_at(&seq, i));
    }
}

static void op_spread_named(machine *m, const bnt_instr *in)
{
    const bnt_tv v = pop(m);
    size_t n;

    (void)in;
    if (v.type != BNT_TV_DICT) {
        bnt_render_fail(&m->r, BANTAM_ERR_INVALID,
                        "arguments behind ** must be a dict, found '%s'",
                        bnt_tv_type_name((bnt_tv_type)v.type));
        return;
    }
    const bnt_tv_entry *const entries = bnt_tv_entries(&m->r, v, &n);
    for (size_t i = 0; i < n && bnt_render_work(&m->r, 1); i++) {
        if (entries[i].key.type != BNT_TV_STRING ||
            bnt_tv_find(&m->r, *top(m), entries[i].key)) {
            bnt_render_fail(&m->r, BANTAM_ERR_INVALID,
                            "an argument behind ** is given twice or has no name");
        }
        bnt_tv_set(&m->r, *top(m), entries[i].key, entries[i].value);
    }
}

static void op_scatter(machine *m, const bnt_instr *in)
{
    const bnt_tv dict = pop(m), list = pop(m);
    const bnt_tv *const items = bnt_tv_items(&m->r, list, &m->spread_pos);
    const bnt_tv_entry *const entries = bnt_tv_entries(&m->r, dict, &m->spread_named);

    (void)in;
    if (m->spread_pos + m->spread_named > BNT_TV_MAX_ARGS) {
        bnt_render_fail(&m->r, BANTAM_ERR_UNSUPPORTED, "more than %d arguments",
                        BNT_TV_MAX_ARGS);
        return;
    }
    for (size_t i = 0; i < m->spread_pos; i++)
        push(m, items[i]);
    for (size_t i = 0; i < m->spread_named; i++) {
        push(m, entries[i].key);
        push(m, entries[i].value);
    }
}

static bnt_tv join_next(bnt_tv_cycler *joiner, bnt_render *r)
{
    const bool first = joiner->at == 0;
    joiner->at = 1;
    return first ? bnt_tv_literal(r, "") : joiner->separator;
}

static void op_call(machine *m, const bnt_instr *in)
{
    bnt_render *const r = &m->r;
    const bnt_tv_args args = arguments(m, in);
    bnt_tv callee = args.pos[-1];
    bnt_tv result = bnt_tv_none();

    switch (callee.type) {
    case BNT_TV_MACRO:
        enter_macro(m, callee.u.macro, &args);
        return;
    case BNT_TV_FUNCTION:
        result = bnt_builtin_call(r, &bnt_functions[callee.id], result, &args);
        break;
    case BNT_TV_METHOD: {
        const bnt_tv_builtin *const method =
            &bnt_methods_of((bnt_tv_type)callee.sub)[callee.id];
        callee.type = callee.sub;
        callee.sub = 0;
        result = bnt_builtin_call(r, method, callee, &args);
        break;
    }
    case BNT_TV_JOINER:
        result = join_next(callee.u.cycler, r);
        break;
    case BNT_TV_UNDEFINED:
        bnt_tv_use_undefined(r, callee);
        break;
    case BNT_TV_LOOP:
        bnt_render_fail(r, BANTAM_ERR_UNSUPPORTED, "recursive loops are not supported");
        break;
    default:
        bnt_render_fail(r, BANTAM_ERR_INVALID, "'%s' object is not callable",
                        bnt_tv_type_name((bnt_tv_type)callee.type));
    }
    finish(m, &args, result);
}

static void op_filter(machine *m, const bnt_instr *in)
{
    const bnt_tv_args args = arguments(m, in);
    finish(m, &args, bnt_builtin_call(&m->r, &bnt_filters[in->a], args.pos[-1], &args));
}

static void op_test(machine *m, const bnt_instr *in)
{
    const bnt_tv_args args = arguments(m, in);
    finish(m, &args, bnt_builtin_call(&m->r, &bnt_tests[in->a], args.pos[-1], &args));
}

/* ---- the machine ---- */

typedef void op_fn(machine *m, const bnt_instr *in);

static void run(machine *m)
{
    static op_fn *const ops[BNT_N_OPS] = {[BNT_OP_TEXT] = op_text,
                                          [BNT_OP_PRINT] = op_print,
                                          [BNT_OP_CONST] = op_const,
                                          [BNT_OP_INT] = op_int,
                                          [BNT_OP_NAME] = op_name,
                                          [BNT_OP_UNDEFINED] = op_undefined,
                                          [BNT_OP_LOAD] = op_load,
                                          [BNT_OP_STORE] = op_store,
                                          [BNT_OP_SET_ATTR] = op_set_attr,
                                          [BNT_OP_UNPACK] = op_unpack,
                                          [BNT_OP_LIST] = op_list,
                                          [BNT_OP_TUPLE] = op_list,
                                          [BNT_OP_TUPLE_1] = op_tuple_1,
                                          [BNT_OP_PUSH] = op_push,
                                          [BNT_OP_DICT] = op_dict,
                                          [BNT_OP_SET] = op_set,
                                          [BNT_OP_ATTR] = op_attr,
                                          [BNT_OP_ITEM] = op_item,
                                          [BNT_OP_SLICE] = op_slice,
                                          [BNT_OP_BINARY] = op_binary,
                                          [BNT_OP_NEG] = op_sign,
                                          [BNT_OP_POS] = op_sign,
                                          [BNT_OP_NOT] = op_not,
                                          [BNT_OP_CHAIN] = op_chain,
                                          [BNT_OP_JUMP] = op_jump,
                                          [BNT_OP_JUMP_FALSE] = op_jump_if,
                                          [BNT_OP_JUMP_TRUE] = op_jump_if,
                                          [BNT_OP_AND] = op_and_or,
                                          [BNT_OP_OR] = op_and_or,
                                          [BNT_OP_CALL] = op_call,
                                          [BNT_OP_GATHER] = op_gather,
                                          [BNT_OP_SPREAD] = op_spread,
                                          [BNT_OP_SPREAD_NAMED] = op_spread_named,
                                          [BNT_OP_SCATTER] = op_scatter,
                                          [BNT_OP_FILTER] = op_filter,
                                          [BNT_OP_TEST] = op_test,
                                          [BNT_OP_FOR] = op_for,
                                          [BNT_OP_NEXT] = op_next,
                                          [BNT_OP_PICK_NEXT] = op_pick_next,
                                          [BNT_OP_PICK] = op_pick,
                                          [BNT_OP_REWIND] = op_rewind,
                                          [BNT_OP_END_FOR] = op_end_for,
                                          [BNT_OP_SCOPE] = op_scope,
                                          [BNT_OP_END_SCOPE] = op_end_scope,
                                          [BNT_OP_CAPTURE] = op_capture,
                                          [BNT_OP_END_CAPTURE] = op_end_capture,
                                          [BNT_OP_MACRO] = op_macro,
                                          [BNT_OP_GIVEN] = op_given,
                                          [BNT_OP_PARAM] = op_param,
                                          [BNT_OP_RETURN] = op_return};

    while (m->pc < m->t->n_code) {
        const bnt_instr *const in = &m->t->code[m->pc++];
        m->r.line = in->line;
        if (!bnt_render_work(&m->r, 1)) break;
        ops[in->op](m, in);
    }
}

static void begin(machine *m, const bnt_template *t, const bnt_template_limits *limits)
{
    static const bnt_template_limits defaults;
    if (!limits) limits = &defaults;

    m->t = t;
    m->r.line = 1;
    m->r.steps_left = m->r.steps_limit = limits->steps ? limits->steps : DEFAULT_STEPS;
    m->r.bytes_left = m->r.bytes_limit = limits->bytes ? limits->bytes : DEFAULT_BYTES;
    m->r.now = limits->now ? limits->now : bnt_clock_seconds();
    bnt_buf_init(&m->r.text, m->r.bytes_limit < SIZE_MAX ? (size_t)m->r.bytes_limit : SIZE_MAX);
    m->stack_room = 64;
    m->stack = bnt_calloc(m->stack_room, sizeof *m->stack);
    m->names = bnt_calloc(t->n_names, sizeof *m->names);
    if (!m->stack || !m->names) {
        bnt_render_no_memory(&m->r);
        return;
    }
    bnt_render_charge(&m->r, t->n_names * sizeof *m->names);
}

bantam_status bnt_template_render(const bnt_template *t, const json_t *variables,
                                  const bnt_template_limits *limits, bnt_buf *out,
                                  bantam_error *err)
{
    machine m = {.variables = variables, .out = out, .r.err = err};
    const bnt_buf before = *out;

    if (out->failed) return bnt_buf_status(out, "the output", err);
    begin(&m, t, limits);
    if (!m.r.status) run(&m);
    if (m.r.status) {
        out->size = before.size;
        out->failed = BANTAM_OK;
    }
    bnt_unicode_close(m.r.unicode);
    bnt_buf_deinit(&m.r.text);
    bnt_heap_deinit(&m.r.heap);
    bnt_free(m.stack);
    bnt_free(m.names);
    return m.r.status;
}
