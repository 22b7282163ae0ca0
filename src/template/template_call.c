/* template_call.c - macros and calls: arguments matched with parameters, frames begun and
 * ended.
 */
#include "template/template_machine.h"

#include <inttypes.h>
#include <string.h>

/* ---- macros ---- */

void bnt_op_macro(bnt_machine *m, const bnt_instr *in)
{
    bnt_tv_macro *const macro = bnt_render_alloc(&m->r, 1, sizeof *macro);

    if (!macro) return;
    *macro = (bnt_tv_macro){&m->t->funcs[in->a], m->scope};
    bnt_machine_push(m, (bnt_tv){.type = BNT_TV_MACRO, .u.macro = macro});
}

void bnt_op_given(bnt_machine *m, const bnt_instr *in)
{
    bool given = false;
    for (uint32_t i = 0; i < m->scope->n; i++) {
        given = given || m->scope->slots[i].name == (uint32_t)in->a;
    }
    bnt_machine_push(m, bnt_tv_bool(given));
}

void bnt_op_param(bnt_machine *m, const bnt_instr *in)
{
    bnt_machine_push(m, bnt_tv_undefined(BNT_TV_NO_PARAM, BNT_TV_NONE, m->t->names[in->a]));
}

static bool is_param(const bnt_machine *m, const bnt_func *f, const bnt_tv_str *name,
                     uint32_t *id)
{
    for (uint32_t i = 0; i < f->n_params; i++) {
        *id = m->t->params[f->params + i];
        const bnt_tv_str *const param = m->t->names[*id];
        if (param->size == name->size && !memcmp(param->data, name->data, name->size)) {
            return true;
        }
    }
    return false;
}

static bool is_defined(const bnt_scope *s, uint32_t name)
{
    for (uint32_t i = 0; i < s->n; i++) {
        if (s->slots[i].name == name) return true;
    }
    return false;
}

/* Arguments beyond the parameters, for macros that mention varargs. */
static void bind_varargs(bnt_machine *m, const bnt_func *f, bnt_scope *s,
                         const bnt_tv_args *args)
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
    bnt_machine_define(m, s, BNT_NAME_VARARGS, rest);
}

static void bind_named(bnt_machine *m, const bnt_func *f, bnt_scope *s, const bnt_tv_args *args)
{
    bnt_render *const r = &m->r;
    const bnt_tv rest =
        f->uses & BNT_FUNC_KWARGS ? bnt_tv_new_dict(r) : (bnt_tv){.type = BNT_TV_ABSENT};
    uint32_t id;

    if (f->uses & BNT_FUNC_CALLER) {
        bnt_machine_define(
            m, s, BNT_NAME_CALLER,
            bnt_tv_undefined(BNT_TV_NO_NAME, BNT_TV_NONE, m->t->names[BNT_NAME_CALLER]));
    }
    for (size_t i = 0; i < args->n_named && !r->status; i++) {
        const bnt_tv key = args->named[2 * i], value = args->named[2 * i + 1];
        if (is_param(m, f, key.u.s, &id)) {
            if (is_defined(s, id)) {
                bnt_render_fail(r, BANTAM_ERR_INVALID, "argument '%.*s' is given twice",
                                BNT_TEXT_ARG(bnt_tv_text(key)));
            }
            bnt_machine_define(m, s, id, value);
        } else if (bnt_tv_says(key, "caller") && f->uses & BNT_FUNC_CALLER) {
            bnt_machine_define(m, s, BNT_NAME_CALLER, value);
        } else if (rest.type == BNT_TV_DICT) {
            bnt_tv_set(r, rest, key, value);
        } else {
            bnt_render_fail(r, BANTAM_ERR_INVALID, "the macro takes no argument '%.*s'",
                            BNT_TEXT_ARG(bnt_tv_text(key)));
        }
    }
    if (rest.type != BNT_TV_ABSENT) bnt_machine_define(m, s, BNT_NAME_KWARGS, rest);
}

static void enter_macro(bnt_machine *m, const bnt_tv_macro *macro, const bnt_tv_args *args)
{
    const bnt_func *const f = macro->func;
    bnt_scope *const s = bnt_machine_scope(m, macro->scope);

    if (!s) return;
    if (m->n_frames == BNT_MACRO_DEPTH) {
        bnt_render_fail(&m->r, BANTAM_ERR_FULL, "macros call each other deeper than %d",
                        BNT_MACRO_DEPTH);
        return;
    }
    for (uint32_t i = 0; i < f->n_params && i < args->n_pos; i++) {
        bnt_machine_define(m, s, m->t->params[f->params + i], args->pos[i]);
    }
    bind_varargs(m, f, s, args);
    bind_named(m, f, s, args);
    if (m->r.status) return;

    m->n_stack -= args->n_pos + 2 * args->n_named + 1;
    m->frames[m->n_frames++] = (bnt_frame){m->pc, bnt_machine_here(m)};
    m->scope = s;
    m->pc = f->entry;
    bnt_machine_push(m, bnt_tv_int((int64_t)bnt_text_begin(&m->r)));
    m->n_captures++;
}

void bnt_op_return(bnt_machine *m, const bnt_instr *in)
{
    const bnt_frame *const f = &m->frames[--m->n_frames];

    (void)in;
    const bnt_tv text = bnt_text_end(&m->r, (size_t)bnt_machine_pop(m).u.i);
    m->n_captures--;
    bnt_machine_return(m, &f->outside);
    m->pc = f->return_to;
    bnt_machine_push(m, text);
}

/* ---- calls ---- */

/* The arguments at the top of the stack; they stay there. */
static bnt_tv_args arguments(const bnt_machine *m, const bnt_instr *in)
{
    const bool spread = in->n_pos == BNT_SPREAD;
    const size_t n_pos = spread ? m->spread_pos : in->n_pos;
    const size_t n_named = in->n_named + (spread ? m->spread_named : 0);
    const bnt_tv *const end = m->stack + m->n_stack;
    const bnt_tv_args args = {end - 2 * n_named - n_pos, n_pos, end - 2 * n_named, n_named};
    return args;
}

/* Takes the arguments from the stack and puts the result in place of what is below them. */
static void finish(bnt_machine *m, const bnt_tv_args *args, bnt_tv result)
{
    m->n_stack -= args->n_pos + 2 * args->n_named;
    *bnt_machine_top(m) = result;
}

void bnt_op_gather(bnt_machine *m, const bnt_instr *in)
{
    bnt_render *const r = &m->r;
    const bnt_tv_args args = arguments(m, in);
    const bnt_tv list = bnt_tv_new_list(r, BNT_TV_LIST, args.n_pos);
    const bnt_tv dict = bnt_tv_new_dict(r);

    if (r->status) return;
    for (size_t i = 0; i < args.n_pos; i++) {
        bnt_tv_push(r, list, args.pos[i]);
    }
    for (size_t i = 0; i < args.n_named; i++) {
        bnt_tv_set(r, dict, args.named[2 * i], args.named[2 * i + 1]);
    }
    m->n_stack -= args.n_pos + 2 * args.n_named;
    bnt_machine_push(m, list);
    bnt_machine_push(m, dict);
}

void bnt_op_spread(bnt_machine *m, const bnt_instr *in)
{
    const bnt_tv v = bnt_machine_pop(m);
    bnt_tv_seq seq;

    (void)in;
    if (!bnt_tv_seq_of(&m->r, v, &seq)) return;
    for (size_t i = 0; i < seq.n && bnt_render_work(&m->r, 1); i++) {
        bnt_tv_push(&m->r, m->stack[m->n_stack - 2], bnt_tv_seq_at(&seq, i));
    }
}

void bnt_op_spread_named(bnt_machine *m, const bnt_instr *in)
{
    const bnt_tv v = bnt_machine_pop(m);
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
            bnt_tv_find(&m->r, *bnt_machine_top(m), entries[i].key)) {
            bnt_render_fail(&m->r, BANTAM_ERR_INVALID,
                            "an argument behind ** is given twice or has no name");
        }
        bnt_tv_set(&m->r, *bnt_machine_top(m), entries[i].key, entries[i].value);
    }
}

void bnt_op_scatter(bnt_machine *m, const bnt_instr *in)
{
    const bnt_tv dict = bnt_machine_pop(m), list = bnt_machine_pop(m);
    const bnt_tv *const items = bnt_tv_items(&m->r, list, &m->spread_pos);
    const bnt_tv_entry *const entries = bnt_tv_entries(&m->r, dict, &m->spread_named);

    (void)in;
    if (m->spread_pos + m->spread_named > BNT_TV_MAX_ARGS) {
        bnt_render_fail(&m->r, BANTAM_ERR_UNSUPPORTED, "more than %d arguments",
                        BNT_TV_MAX_ARGS);
        return;
    }
    for (size_t i = 0; i < m->spread_pos; i++) {
        bnt_machine_push(m, items[i]);
    }
    for (size_t i = 0; i < m->spread_named; i++) {
        bnt_machine_push(m, entries[i].key);
        bnt_machine_push(m, entries[i].value);
    }
}

static bnt_tv join_next(bnt_tv_cycler *joiner, bnt_render *r)
{
    const bool first = joiner->at == 0;
    joiner->at = 1;
    return first ? bnt_tv_literal(r, "") : joiner->separator;
}

void bnt_op_call(bnt_machine *m, const bnt_instr *in)
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

void bnt_op_filter(bnt_machine *m, const bnt_instr *in)
{
    const bnt_tv_args args = arguments(m, in);
    finish(m, &args, bnt_builtin_call(&m->r, &bnt_filters[in->a], args.pos[-1], &args));
}

void bnt_op_test(bnt_machine *m, const bnt_instr *in)
{
    const bnt_tv_args args = arguments(m, in);
    finish(m, &args, bnt_builtin_call(&m->r, &bnt_tests[in->a], args.pos[-1], &args));
}
