/* template_emit.c - appending to a template under construction: instructions, constants, names,
 * parameters, macros.
 */
#include "template/template_parse.h"

#include "base/mem.h"
#include "base/utf8.h"

/* Room for one more in a growing array; false after a failure. */
static bool grow(bnt_parser *p, void **array, size_t n, size_t *room, size_t size)
{
    if (p->status) return false;
    if (n < *room) return true;
    const size_t wanted = *room ? 2 * *room : 32;
    void *const bigger = wanted <= INT32_MAX ? bnt_realloc(*array, wanted, size) : NULL;
    if (!bigger) {
        bnt_parse_fail(p, BANTAM_ERR_NOMEM, "out of memory");
        return false;
    }
    *array = bigger;
    *room = wanted;
    return true;
}

size_t bnt_emit(bnt_parser *p, bnt_op op, size_t a)
{
    bnt_template *const t = p->t;
    void *code = t->code;
    const bool ok = grow(p, &code, t->n_code, &t->code_room, sizeof *t->code);

    t->code = code;
    if (!ok) return 0;
    t->code[t->n_code] =
        (bnt_instr){.op = (uint8_t)op, .a = (int32_t)a, .line = p->lexer.token.line};
    return t->n_code++;
}

void bnt_patch(bnt_parser *p, size_t index)
{
    if (p->status) return;
    p->t->code[index].a = (int32_t)(p->t->n_code - index);
    p->target = p->t->n_code;
}

void bnt_emit_jump(bnt_parser *p, bnt_op op, size_t index)
{
    const size_t at = bnt_emit(p, op, 0);
    if (!p->status) p->t->code[at].a = (int32_t)((int64_t)index - (int64_t)at);
}

size_t bnt_add_const(bnt_parser *p, bnt_tv v)
{
    bnt_template *const t = p->t;
    void *consts = t->consts;
    const bool ok = grow(p, &consts, t->n_consts, &t->consts_room, sizeof *t->consts);

    t->consts = consts;
    if (!ok) return 0;
    t->consts[t->n_consts] = v;
    return t->n_consts++;
}

/* Characters are counted here, because renderings that share a template must not write to it.
 */
static bnt_tv_str *make_string(bnt_parser *p, const char *data, size_t size)
{
    bnt_tv_str *const s = p->status ? NULL : bnt_heap_take(&p->t->heap, sizeof *s);
    uint32_t code;
    size_t n = 0;

    if (!s) {
        bnt_parse_fail(p, BANTAM_ERR_NOMEM, "out of memory");
        return NULL;
    }
    for (size_t at = 0; at < size; n++) {
        at += bnt_utf8_decode(data + at, size - at, &code);
    }
    *s = (bnt_tv_str){data, size, n, NULL};
    return s;
}

size_t bnt_add_string(bnt_parser *p, const char *data, size_t size)
{
    bnt_tv_str *const s = make_string(p, data, size);
    return s ? bnt_add_const(p, (bnt_tv){.type = BNT_TV_STRING, .u.s = s}) : 0;
}

size_t bnt_intern(bnt_parser *p, bantam_text name)
{
    bnt_template *const t = p->t;
    uint32_t found = BNT_TABLE_NONE;

    if (p->status) return 0;
    const bantam_status status =
        bnt_table_put(&t->table, name, (uint32_t)t->n_names, &found, NULL);
    if (status) {
        bnt_parse_fail(p, status, "out of memory");
        return 0;
    }
    if (found != BNT_TABLE_NONE) return found;
    void *names = t->names;
    const bool ok = grow(p, &names, t->n_names, &t->names_room, sizeof(bnt_tv_str *));
    t->names = names;
    if (!ok) return 0;
    t->names[t->n_names] = make_string(p, name.data, name.size);
    return t->n_names++;
}

void bnt_add_param(bnt_parser *p, size_t name)
{
    bnt_template *const t = p->t;
    void *params = t->params;
    const bool ok = grow(p, &params, t->n_params, &t->params_room, sizeof *t->params);

    t->params = params;
    if (ok) t->params[t->n_params++] = (uint32_t)name;
}

size_t bnt_add_func(bnt_parser *p, bnt_func f)
{
    bnt_template *const t = p->t;
    void *funcs = t->funcs;
    const bool ok = grow(p, &funcs, t->n_funcs, &t->funcs_room, sizeof *t->funcs);

    t->funcs = funcs;
    if (!ok) return 0;
    t->funcs[t->n_funcs] = f;
    return t->n_funcs++;
}
