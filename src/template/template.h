/* template.h - chat templates: a bounded interpreter of the Jinja that models ship.
 *
 * Semantics are those of Python's jinja2 as Hugging Face configures it: trim_blocks,
 * lstrip_blocks, loop controls, `tojson` without HTML escaping, `raise_exception`,
 * `strftime_now`. Autoescaping is off and `safe` changes nothing. A construct outside the
 * subset is an error that names line and construct, never silently skipped.
 */
#ifndef BNT_TEMPLATE_H
#define BNT_TEMPLATE_H
#include "base/json.h"

typedef struct bnt_template bnt_template;

/* Compiles source (copied), at most BNT_MAX_TEMPLATE_BYTES. BANTAM_ERR_FORMAT for bad syntax,
 * BANTAM_ERR_UNSUPPORTED for a construct outside the subset. */
bantam_status bnt_template_parse(bnt_template **out, const char *source, size_t size,
                                 bantam_error *err);
void bnt_template_close(bnt_template *t); /* accepts NULL */

typedef struct bnt_template_limits {
    uint64_t steps; /* statements and expressions evaluated; 0: 1,000,000 */
    uint64_t bytes; /* memory of all values alive or not, output included; 0: 16 MiB */
    int64_t now;    /* seconds since 1970 for strftime_now, UTC; 0: the clock */
} bnt_template_limits;

/* Renders with the members of variables (an object) as global names. Appends to out.
 * BANTAM_ERR_INVALID when the template calls raise_exception (its text is the message) or an
 * operation fails on these values; BANTAM_ERR_FULL when a limit is reached. limits may be NULL.
 */
bantam_status bnt_template_render(const bnt_template *t, const json_t *variables,
                                  const bnt_template_limits *limits, bnt_buf *out,
                                  bantam_error *err);

#endif
