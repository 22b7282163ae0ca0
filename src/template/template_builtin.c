/* template_builtin.c - finding builtins by name and matching arguments with their parameters.
 */
#include "template/template_builtin.h"
#include "base/text.h"

const bnt_tv_builtin *bnt_builtin_find(const bnt_tv_builtin *table, bantam_text name)
{
    for (const bnt_tv_builtin *b = table; b->name; b++) {
        if (bnt_text_is(name, b->name)) return b;
    }
    return NULL;
}

/* Index of a name among names with spaces between them, -1 where it is not there. */
static int param_index(const char *params, bantam_text name)
{
    for (int i = 0; *params; i++) {
        const size_t size = strcspn(params, " ");
        if (size == name.size && !memcmp(params, name.data, size)) return i;
        params += size;
        while (*params == ' ') {
            params++;
        }
    }
    return -1;
}

static int count_params(const char *params)
{
    int n = *params != '\0';
    for (; *params; params++) {
        n += *params == ' ';
    }
    return n;
}

bnt_tv bnt_builtin_call(bnt_render *r, const bnt_tv_builtin *b, bnt_tv self,
                        const bnt_tv_args *args)
{
    bnt_tv a[BNT_TV_MAX_PARAMS] = {{0}};

    if (r->status) return self;
    if (b->params[0] == '*') return b->fn(r, self, a, args);
    const int n = count_params(b->params);
    if (args->n_pos > (size_t)n) {
        return bnt_tv_fail(r, BANTAM_ERR_INVALID, "%s takes at most %d arguments, found %zu",
                           b->name, n, args->n_pos);
    }
    for (size_t i = 0; i < args->n_pos; i++) {
        a[i] = args->pos[i];
    }
    for (size_t i = 0; i < args->n_named; i++) {
        const bantam_text name = bnt_tv_text(args->named[2 * i]);
        const int at = param_index(b->params, name);
        if (at < 0 || bnt_arg_given(a[at])) {
            return bnt_tv_fail(r, BANTAM_ERR_INVALID, "%s: argument '%.*s' is %s", b->name,
                               BNT_TEXT_ARG(name), at < 0 ? "not known" : "given twice");
        }
        a[at] = args->named[2 * i + 1];
    }
    for (int i = 0; i < b->n_required; i++) {
        if (!bnt_arg_given(a[i])) {
            return bnt_tv_fail(r, BANTAM_ERR_INVALID,
                               "%s needs %d arguments, argument %d is missing", b->name,
                               b->n_required, i + 1);
        }
    }
    return b->fn(r, self, a, args);
}

bool bnt_arg_int(bnt_render *r, bnt_tv v, const char *what, int64_t *out)
{
    if (bnt_tv_is_integral(v)) {
        *out = v.u.i;
        return true;
    }
    if (bnt_tv_is_undefined(v)) {
        bnt_tv_use_undefined(r, v);
    } else {
        bnt_tv_fail(r, BANTAM_ERR_INVALID, "%s must be an integer, found '%s'", what,
                    bnt_tv_type_name(v.type));
    }
    return false;
}

bool bnt_arg_str(bnt_render *r, bnt_tv v, const char *what, bnt_tv_str **out)
{
    if (v.type == BNT_TV_STRING) {
        *out = v.u.s;
        return true;
    }
    if (bnt_tv_is_undefined(v)) {
        bnt_tv_use_undefined(r, v);
    } else {
        bnt_tv_fail(r, BANTAM_ERR_INVALID, "%s must be a string, found '%s'", what,
                    bnt_tv_type_name(v.type));
    }
    return false;
}
