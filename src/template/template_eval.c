/* template_eval.c - instructions but for macros and calls, and the loop that runs them.
 *
 * Names live in scopes: the outermost is an array by name number, the inner ones are short
 * lists. A name that no scope has is a member of the variables, and after them a function.
 */
#include "template/template_machine.h"

#include "base/clock.h"
#include "base/mem.h"
#include "template/template_ops.h"
#include "template/template_print.h"
#include "template/template_unicode.h"

#include <inttypes.h>
#include <string.h>

enum {
    DEFAULT_STEPS = 1000000,
    DEFAULT_BYTES = 16 << 20,
    STACK_VALUES = 65536 /* the parser's depth limit needs far less */
};

/* ---- the stack ---- */

void bnt_machine_push(bnt_machine *m, bnt_tv v)
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

static void jump(bnt_machine *m, const bnt_instr *in)
{
    m->pc = (size_t)((int64_t)m->pc - 1 + in->a);
}

/* ---- scopes ---- */

bnt_scope *bnt_machine_scope(bnt_machine *m, bnt_scope *outer)
{
    bnt_scope *const s = bnt_render_alloc(&m->r, 1, sizeof *s);
    if (s) *s = (bnt_scope){.outer = outer};
    return s;
}

void bnt_machine_define(bnt_machine *m, bnt_scope *s, uint32_t name, bnt_tv value)
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
        bnt_slot *const slots = bnt_render_alloc(&m->r, room, sizeof *slots);
        if (!slots) return;
        if (s->n) memcpy(slots, s->slots, s->n * sizeof *slots);
        s->slots = slots;
        s->room = room;
    }
    s->slots[s->n++] = (bnt_slot){name, value};
}

/* A name that no scope has, looked up once: it is then as if the outermost scope had it. */
static bnt_tv global(bnt_machine *m, uint32_t name)
{
    bnt_tv_str *const s = m->t->names[name];
    const json_t *const json = json_object_getn(m->variables, s->data, s->size);
    const bnt_tv_builtin *const f =
        json ? NULL : bnt_builtin_find(bnt_functions, (bantam_text){s->data, s->size});

    if (json) return bnt_tv_from_json(&m->r, json);
    if (f) return (bnt_tv){.type = BNT_TV_FUNCTION, .id = (uint16_t)(f - bnt_functions)};
    return bnt_tv_undefined(BNT_TV_NO_NAME, BNT_TV_NONE, s);
}

static bnt_tv look_up(bnt_machine *m, uint32_t name)
{
    uint64_t looked_at = 0;
    for (const bnt_scope *s = m->scope; s; s = s->outer) {
        for (uint32_t i = 0; i < s->n; i++) {
            if (s->slots[i].name == name) return s->slots[i].value;
        }
        looked_at += s->n + 1;
    }
    bnt_render_work(&m->r, looked_at / 16);
    if (m->names[name].type == BNT_TV_ABSENT) m->names[name] = global(m, name);
    return m->names[name];
}

void bnt_machine_return(bnt_machine *m, const bnt_place *p)
{
    if (m->n_captures > p->n_captures) m->r.text.size = (size_t)m->stack[p->n_stack].u.i;
    m->scope = p->scope;
    m->loop = p->loop;
    m->n_stack = p->n_stack;
    m->n_captures = p->n_captures;
}

/* ---- printing ---- */

static void print(bnt_machine *m, bnt_tv v)
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

static void op_text(bnt_machine *m, const bnt_instr *in)
{
    print(m, m->t->consts[in->a]);
}

static void op_print(bnt_machine *m, const bnt_instr *in)
{
    (void)in;
    print(m, bnt_machine_pop(m));
}

static void op_capture(bnt_machine *m, const bnt_instr *in)
{
    (void)in;
    bnt_machine_push(m, bnt_tv_int((int64_t)bnt_text_begin(&m->r)));
    m->n_captures++;
}

static void op_end_capture(bnt_machine *m, const bnt_instr *in)
{
    (void)in;
    m->n_captures--;
    bnt_machine_push(m, bnt_text_end(&m->r, (size_t)bnt_machine_pop(m).u.i));
}

/* ---- values ---- */

static void op_const(bnt_machine *m, const bnt_instr *in)
{
    bnt_machine_push(m, m->t->consts[in->a]);
}

static void op_int(bnt_machine *m, const bnt_instr *in)
{
    bnt_machine_push(m, bnt_tv_int(in->a));
}

static void op_name(bnt_machine *m, const bnt_instr *in)
{
    bnt_machine_push(m, (bnt_tv){.type = BNT_TV_STRING, .u.s = m->t->names[in->a]});
}

static void op_undefined(bnt_machine *m, const bnt_instr *in)
{
    bnt_machine_push(m, bnt_tv_undefined((bnt_tv_reason)in->a, BNT_TV_NONE, NULL));
}

static void op_load(bnt_machine *m, const bnt_instr *in)
{
    bnt_machine_push(m, look_up(m, (uint32_t)in->a));
}

static void op_store(bnt_machine *m, const bnt_instr *in)
{
    bnt_machine_define(m, m->scope, (uint32_t)in->a, bnt_machine_pop(m));
}

static void op_set_attr(bnt_machine *m, const bnt_instr *in)
{
    const bnt_tv owner = bnt_machine_pop(m);
    bnt_tv_set_attr(&m->r, owner, m->t->names[in->a], bnt_machine_pop(m));
}

static void op_unpack(bnt_machine *m, const bnt_instr *in)
{
    const size_t wanted = (size_t)in->a;
    bnt_tv_seq seq;

    if (!bnt_tv_seq_of(&m->r, bnt_machine_pop(m), &seq)) return;
    if (seq.n != wanted) {
        bnt_render_fail(&m->r, BANTAM_ERR_INVALID, "expected %zu values to unpack, found %zu",
                        wanted, seq.n);
        return;
    }
    for (size_t i = wanted; i > 0 && !m->r.status; i--) {
        bnt_machine_push(m, bnt_tv_seq_at(&seq, i - 1));
    }
}

static void op_list(bnt_machine *m, const bnt_instr *in)
{
    bnt_machine_push(
        m, bnt_tv_new_list(&m->r, in->op == BNT_OP_LIST ? BNT_TV_LIST : BNT_TV_TUPLE, 0));
}

static void op_tuple_1(bnt_machine *m, const bnt_instr *in)
{
    (void)in;
    const bnt_tv tuple = bnt_tv_new_list(&m->r, BNT_TV_TUPLE, 2);
    bnt_tv_push(&m->r, tuple, *bnt_machine_top(m));
    *bnt_machine_top(m) = tuple;
}

static void op_push(bnt_machine *m, const bnt_instr *in)
{
    (void)in;
    const bnt_tv item = bnt_machine_pop(m);
    bnt_tv_push(&m->r, *bnt_machine_top(m), item);
}

static void op_dict(bnt_machine *m, const bnt_instr *in)
{
    (void)in;
    bnt_machine_push(m, bnt_tv_new_dict(&m->r));
}

static void op_set(bnt_machine *m, const bnt_instr *in)
{
    (void)in;
    const bnt_tv value = bnt_machine_pop(m), key = bnt_machine_pop(m);
    bnt_tv_set(&m->r, *bnt_machine_top(m), key, value);
}

static void op_attr(bnt_machine *m, const bnt_instr *in)
{
    *bnt_machine_top(m) = bnt_tv_attr(&m->r, *bnt_machine_top(m), m->t->names[in->a]);
}

static void op_item(bnt_machine *m, const bnt_instr *in)
{
    (void)in;
    const bnt_tv key = bnt_machine_pop(m);
    *bnt_machine_top(m) = bnt_tv_item(&m->r, *bnt_machine_top(m), key);
}

static void op_slice(bnt_machine *m, const bnt_instr *in)
{
    (void)in;
    const bnt_tv step = bnt_machine_pop(m), stop = bnt_machine_pop(m),
                 start = bnt_machine_pop(m);
    *bnt_machine_top(m) = bnt_tv_slice(&m->r, *bnt_machine_top(m), start, stop, step);
}

static void op_binary(bnt_machine *m, const bnt_instr *in)
{
    const bnt_tv y = bnt_machine_pop(m);
    *bnt_machine_top(m) = bnt_tv_binary(&m->r, (bnt_tv_op)in->a, *bnt_machine_top(m), y);
}

static void op_sign(bnt_machine *m, const bnt_instr *in)
{
    *bnt_machine_top(m) = bnt_tv_sign(&m->r, *bnt_machine_top(m), in->op == BNT_OP_NEG);
}

static void op_not(bnt_machine *m, const bnt_instr *in)
{
    (void)in;
    *bnt_machine_top(m) = bnt_tv_bool(!bnt_tv_truth(*bnt_machine_top(m)));
}

static void op_chain(bnt_machine *m, const bnt_instr *in)
{
    const bnt_tv y = bnt_machine_pop(m);
    const bnt_tv says = bnt_tv_binary(&m->r, (bnt_tv_op)in->n_pos, *bnt_machine_top(m), y);
    if (bnt_tv_truth(says)) {
        *bnt_machine_top(m) = y;
    } else {
        *bnt_machine_top(m) = bnt_tv_bool(false);
        jump(m, in);
    }
}

/* ---- jumps ---- */

static void op_jump(bnt_machine *m, const bnt_instr *in)
{
    jump(m, in);
}

static void op_jump_if(bnt_machine *m, const bnt_instr *in)
{
    if (bnt_tv_truth(bnt_machine_pop(m)) == (in->op == BNT_OP_JUMP_TRUE)) jump(m, in);
}

static void op_and_or(bnt_machine *m, const bnt_instr *in)
{
    if (bnt_tv_truth(*bnt_machine_top(m)) == (in->op == BNT_OP_OR)) {
        jump(m, in);
    } else {
        bnt_machine_pop(m);
    }
}

/* ---- loops and scopes ---- */

static void op_for(bnt_machine *m, const bnt_instr *in)
{
    (void)in;
    const bnt_tv over = bnt_machine_pop(m);
    bnt_loop *const l = bnt_render_alloc(&m->r, 1, sizeof *l);
    bnt_scope *const s = bnt_machine_scope(m, m->scope);

    if (!l || !s) return;
    *l = (bnt_loop){.scope = s, .outside = bnt_machine_here(m)};
    if (!bnt_tv_seq_of(&m->r, over, &l->self.seq)) return;
    m->loop = l;
}

/* Leaves whatever the last iteration began, empties the scope for the next one, and takes its
 * item. False where there is none left, or after a failure. */
static bool next_item(bnt_machine *m, const bnt_instr *in, bnt_tv *item)
{
    bnt_loop *const l = m->loop;

    bnt_machine_return(m, &l->outside);
    m->loop = l;
    if (l->next == l->self.seq.n) {
        jump(m, in);
        return false;
    }
    l->scope->n = 0;
    m->scope = l->scope;
    l->self.at = l->next++;
    *item = bnt_tv_seq_at(&l->self.seq, l->self.at);
    return true;
}

static void op_next(bnt_machine *m, const bnt_instr *in)
{
    bnt_tv item;

    if (!next_item(m, in, &item)) return;
    bnt_machine_define(m, m->scope, BNT_NAME_LOOP,
                       (bnt_tv){.type = BNT_TV_LOOP, .u.loop = &m->loop->self});
    bnt_machine_push(m, item);
}

static void op_pick_next(bnt_machine *m, const bnt_instr *in)
{
    bnt_tv item;

    if (m->loop->kept.type == BNT_TV_ABSENT) {
        m->loop->kept = bnt_tv_new_list(&m->r, BNT_TV_LIST, 0);
    }
    if (!m->r.status && next_item(m, in, &item)) bnt_machine_push(m, item);
}

static void op_pick(bnt_machine *m, const bnt_instr *in)
{
    bnt_loop *const l = m->loop;

    (void)in;
    if (bnt_tv_truth(bnt_machine_pop(m))) {
        bnt_tv_push(&m->r, l->kept, bnt_tv_seq_at(&l->self.seq, l->self.at));
    }
}

static void op_rewind(bnt_machine *m, const bnt_instr *in)
{
    (void)in;
    m->loop->next = 0;
    bnt_tv_seq_of(&m->r, m->loop->kept, &m->loop->self.seq);
}

static void op_end_for(bnt_machine *m, const bnt_instr *in)
{
    const bnt_loop *const l = m->loop;

    bnt_machine_return(m, &l->outside);
    if (l->next > 0) jump(m, in);
}

static void op_scope(bnt_machine *m, const bnt_instr *in)
{
    bnt_scope *const s = bnt_machine_scope(m, m->scope);

    (void)in;
    if (s) m->scope = s;
}

static void op_end_scope(bnt_machine *m, const bnt_instr *in)
{
    (void)in;
    m->scope = m->scope->outer;
}

/* ---- the machine ---- */

static void run(bnt_machine *m)
{
    static bnt_op_fn *const ops[BNT_N_OPS] = {[BNT_OP_TEXT] = op_text,
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
                                              [BNT_OP_CALL] = bnt_op_call,
                                              [BNT_OP_GATHER] = bnt_op_gather,
                                              [BNT_OP_SPREAD] = bnt_op_spread,
                                              [BNT_OP_SPREAD_NAMED] = bnt_op_spread_named,
                                              [BNT_OP_SCATTER] = bnt_op_scatter,
                                              [BNT_OP_FILTER] = bnt_op_filter,
                                              [BNT_OP_TEST] = bnt_op_test,
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
                                              [BNT_OP_MACRO] = bnt_op_macro,
                                              [BNT_OP_GIVEN] = bnt_op_given,
                                              [BNT_OP_PARAM] = bnt_op_param,
                                              [BNT_OP_RETURN] = bnt_op_return};

    while (m->pc < m->t->n_code) {
        const bnt_instr *const in = &m->t->code[m->pc++];
        m->r.line = in->line;
        if (!bnt_render_work(&m->r, 1)) break;
        ops[in->op](m, in);
    }
}

static void begin(bnt_machine *m, const bnt_template *t, const bnt_template_limits *limits)
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
    bnt_machine m = {.variables = variables, .out = out, .r.err = err};
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
