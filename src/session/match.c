/* match.c - the border tables, and one step of every string.
 *
 * What a match means is stream.c's affair.
 */
#include "session/match.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/mem.h"

#include <inttypes.h>
#include <string.h>

static void fill_borders(bnt_needle *needle)
{
    uint32_t k = 0;

    needle->border[0] = 0;
    for (uint32_t i = 1; i < needle->size; i++) {
        while (k && needle->data[k] != needle->data[i])
            k = needle->border[k - 1];
        if (needle->data[k] == needle->data[i]) k++;
        needle->border[i] = k;
    }
}

/* The bytes of all strings together, which is also the length of their border tables. */
static bantam_status measure(const bantam_text *texts, size_t n, const char *what,
                             size_t *bytes, bantam_error *err)
{
    *bytes = 0;
    if (n && !texts) {
        return bnt_fail(err, BANTAM_ERR_INVALID, "%s strings: %zu are announced, none is given",
                        what, n);
    }
    for (size_t i = 0; i < n; i++) {
        if (texts[i].size && !texts[i].data) {
            return bnt_fail(err, BANTAM_ERR_INVALID,
                            "%s string %zu: %zu bytes are announced, none is given", what, i,
                            texts[i].size);
        }
        if (texts[i].size > BNT_MAX_PROMPT_BYTES - *bytes) {
            return bnt_fail(err, BANTAM_ERR_INVALID, "%s strings: more than %d bytes in all",
                            what, BNT_MAX_PROMPT_BYTES);
        }
        *bytes += texts[i].size;
    }
    return BANTAM_OK;
}

bantam_status bnt_needles_init(bnt_needles *m, const bantam_text *texts, size_t n,
                               const char *what, bantam_error *err)
{
    size_t bytes = 0;

    memset(m, 0, sizeof *m);
    const bantam_status status = measure(texts, n, what, &bytes, err);
    if (status || !bytes) return status;

    m->needles = bnt_calloc(n, sizeof *m->needles);
    m->borders = bnt_calloc(bytes, sizeof *m->borders);
    if (!m->needles || !m->borders) {
        bnt_needles_deinit(m);
        return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for %zu bytes of %s strings",
                        bytes, what);
    }

    uint32_t *border = m->borders;
    for (size_t i = 0; i < n; i++) {
        if (!texts[i].size) continue;
        bnt_needle *const needle = &m->needles[m->n_needles++];
        needle->data = (const uint8_t *)texts[i].data;
        needle->size = (uint32_t)texts[i].size;
        needle->border = border;
        border += needle->size;
        if (needle->size > m->longest) m->longest = needle->size;
        fill_borders(needle);
    }
    return BANTAM_OK;
}

void bnt_needles_deinit(bnt_needles *m)
{
    bnt_free(m->needles);
    bnt_free(m->borders);
    memset(m, 0, sizeof *m);
}

void bnt_needles_reset(bnt_needles *m)
{
    for (size_t i = 0; i < m->n_needles; i++)
        m->needles[i].state = 0;
    m->live = 0;
}

size_t bnt_needles_step(bnt_needles *m, uint8_t byte)
{
    size_t found = 0;

    m->live = 0;
    for (size_t i = 0; i < m->n_needles; i++) {
        bnt_needle *const needle = &m->needles[i];
        uint32_t k = needle->state;

        if (k == needle->size) k = needle->border[k - 1]; /* it ended at the byte before */
        while (k && needle->data[k] != byte)
            k = needle->border[k - 1];
        if (needle->data[k] == byte) k++;
        needle->state = k;

        if (k == needle->size) {
            if (k > found) found = k;
        } else if (k > m->live) {
            m->live = k;
        }
    }
    return found;
}
