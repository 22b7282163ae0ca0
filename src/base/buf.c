/* buf.c - bytes that grow. */
#include "base/buf.h"
#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { FIRST_CAPACITY = 64 };

void bnt_buf_init(bnt_buf *buf, size_t max)
{
    *buf = (bnt_buf){.max = max};
}

void bnt_buf_deinit(bnt_buf *buf)
{
    bnt_free(buf->data);
    bnt_buf_init(buf, buf->max);
}

void bnt_buf_clear(bnt_buf *buf)
{
    buf->size = 0;
    buf->failed = BANTAM_OK;
}

/* Makes capacity at least size + more. */
static bool reserve(bnt_buf *buf, size_t more)
{
    if (buf->failed) return false;
    if (buf->size > buf->max || more > buf->max - buf->size) {
        buf->failed = BANTAM_ERR_FULL;
        return false;
    }
    const size_t needed = buf->size + more;
    if (needed <= buf->capacity) return true;

    /* Doubling makes the copies of growth cost a constant per byte; never beyond max. */
    size_t capacity = buf->capacity > buf->max / 2 ? buf->max : buf->capacity * 2;
    if (capacity < FIRST_CAPACITY) capacity = FIRST_CAPACITY;
    if (capacity > buf->max) capacity = buf->max;
    if (capacity < needed) capacity = needed;

    char *data = bnt_realloc(buf->data, capacity, 1);
    if (!data) {
        buf->failed = BANTAM_ERR_NOMEM;
        return false;
    }
    buf->data = data;
    buf->capacity = capacity;
    return true;
}

void *bnt_buf_extend(bnt_buf *buf, size_t size)
{
    /* For size 0 too there is a pointer to give. */
    if (!reserve(buf, size)) return NULL;
    if (!buf->data) {
        buf->data = bnt_alloc(0);
        if (!buf->data) {
            buf->failed = BANTAM_ERR_NOMEM;
            return NULL;
        }
    }
    char *at = buf->data + buf->size;
    buf->size += size;
    return at;
}

void bnt_buf_put(bnt_buf *buf, const void *data, size_t size)
{
    if (!size || !reserve(buf, size)) return;
    memcpy(buf->data + buf->size, data, size);
    buf->size += size;
}

void bnt_buf_putc(bnt_buf *buf, char c)
{
    bnt_buf_put(buf, &c, 1);
}

void bnt_buf_puts(bnt_buf *buf, const char *text)
{
    bnt_buf_put(buf, text, strlen(text));
}

void bnt_buf_printf(bnt_buf *buf, const char *format, ...)
{
    char small[256];
    va_list args;
    va_start(args, format);
    va_list again;
    va_copy(again, args);

    const int size = vsnprintf(small, sizeof small, format, args);
    if (size < 0) {
        if (!buf->failed) buf->failed = BANTAM_ERR_NOMEM;
    } else if ((size_t)size < sizeof small) {
        bnt_buf_put(buf, small, (size_t)size);
    } else if (reserve(buf, (size_t)size)) {
        /* vsnprintf writes a NUL after the text, for which there may be no room within max. */
        char *text = bnt_alloc((size_t)size + 1);
        if (text) {
            vsnprintf(text, (size_t)size + 1, format, again);
            bnt_buf_put(buf, text, (size_t)size);
        } else {
            buf->failed = BANTAM_ERR_NOMEM;
        }
        bnt_free(text);
    }
    va_end(again);
    va_end(args);
}

bantam_status bnt_buf_status(const bnt_buf *buf, const char *what, bantam_error *err)
{
    if (!buf->failed) return BANTAM_OK;
    if (buf->failed == BANTAM_ERR_NOMEM) {
        return bnt_fail(err, BANTAM_ERR_NOMEM, "%s: out of memory", what);
    }
    return bnt_fail(err, buf->failed, "%s: longer than %zu bytes", what, buf->max);
}
