/* template.c - a template's life: checked, compiled, rendered any number of times, closed.
 *
 *     source --template_lex--> tokens --template_parse, template_expr--> code
 *     code + variables --template_eval--> text
 *
 * template_code.h says what code is, template_value.h what it computes with, template_memory.h
 * what a rendering may use. The operators are in template_ops.c, the tables of filters, tests,
 * functions and methods in the files that include template_builtin.h.
 */
#include "template/template.h"

#include "base/limits.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "template/template_parse.h"

#include <inttypes.h>

static bantam_status check_source(const char *source, size_t size, bantam_error *err)
{
    if (size > BNT_MAX_TEMPLATE_BYTES) {
        return bnt_fail(err, BANTAM_ERR_FORMAT,
                        "the template is longer than %d bytes, found %zu",
                        BNT_MAX_TEMPLATE_BYTES, size);
    }
    uint32_t line = 1, code;
    for (size_t at = 0; at < size;) {
        const size_t n = bnt_utf8_decode(source + at, size - at, &code);
        if (code == BNT_UTF8_BAD) {
            return bnt_fail(err, BANTAM_ERR_FORMAT, "line %" PRIu32 ": not UTF-8", line);
        }
        line += code == '\n';
        at += n;
    }
    return BANTAM_OK;
}

bantam_status bnt_template_parse(bnt_template **out, const char *source, size_t size,
                                 bantam_error *err)
{
    *out = NULL;
    const bantam_status bad = check_source(source, size, err);
    if (bad) return bad;

    bnt_parser p = {.err = err, .target = 0, .last_call = SIZE_MAX};
    p.t = bnt_calloc(1, sizeof *p.t);
    if (p.t) p.t->source = bnt_strdup(source, size);
    if (!p.t || !p.t->source) {
        p.status = bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory");
        goto fail;
    }
    p.status = bnt_table_init(&p.t->table, 64, err);
    if (p.status) goto fail;
    bnt_parse_source(&p, p.t->source, bnt_lex_prepare(p.t->source, size));
    if (p.status) goto fail;

    *out = p.t;
    return BANTAM_OK;

fail:
    bnt_template_close(p.t);
    return p.status;
}

void bnt_template_close(bnt_template *t)
{
    if (!t) return;
    bnt_table_deinit(&t->table);
    bnt_heap_deinit(&t->heap);
    bnt_free(t->source);
    bnt_free(t->code);
    bnt_free(t->consts);
    bnt_free(t->names);
    bnt_free(t->funcs);
    bnt_free(t->params);
    bnt_free(t);
}
