/* buf.h - bytes that grow, up to a stated maximum.
 *
 * Failure is sticky: append in a straight line and ask once, with bnt_buf_status().
 */
#ifndef BNT_BASE_BUF_H
#define BNT_BASE_BUF_H
#include "base/error.h"

typedef struct bnt_buf {
    char *data; /* owns; not NUL-terminated; NULL while empty */
    size_t size, capacity, max;
    bantam_status failed; /* BANTAM_OK, BANTAM_ERR_NOMEM, or BANTAM_ERR_FULL beyond max */
} bnt_buf;

void bnt_buf_init(bnt_buf *buf, size_t max);
void bnt_buf_deinit(bnt_buf *buf); /* leaves a valid empty buf with the same max */
void bnt_buf_clear(bnt_buf *buf);  /* size 0, capacity kept, failure forgotten */

void bnt_buf_put(bnt_buf *buf, const void *data, size_t size);
void bnt_buf_putc(bnt_buf *buf, char c);
void bnt_buf_puts(bnt_buf *buf, const char *text);
void bnt_buf_printf(bnt_buf *buf, const char *format, ...) BNT_PRINTF(2, 3);

/* Makes room for size bytes at the end and returns them, uninitialized, already counted in
 * `size`. NULL on failure. */
void *bnt_buf_extend(bnt_buf *buf, size_t size);

/* BANTAM_OK, or writes what failed: "out of memory", or "WHAT: longer than N bytes". */
bantam_status bnt_buf_status(const bnt_buf *buf, const char *what, bantam_error *err);

static inline bantam_text bnt_buf_text(const bnt_buf *buf)
{
    const bantam_text t = {buf->data, buf->size};
    return t;
}

#endif
