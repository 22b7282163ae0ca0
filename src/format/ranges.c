/* ranges.c - tensors side by side: in the order of their bytes, none begins before the one
 * before it ends. Files list tensors in the order of their bytes nearly always; only the others
 * are sorted.
 */
#include "format/ranges.h"

#include "base/mem.h"
#include "format/order.h"

#include <inttypes.h>

/* By place; those without bytes stand before the one that begins there. */
static bool stands_before(const void *things, uint32_t a, uint32_t b)
{
    const bnt_tensor *const t = (const bnt_tensor *)things;

    if (t[a].data != t[b].data) return t[a].data < t[b].data;
    return t[a].bytes < t[b].bytes;
}

static bool in_order(const bnt_tensor *tensors, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        if (stands_before(tensors, (uint32_t)i, (uint32_t)(i - 1))) return false;
    }
    return true;
}

/* order may be NULL: the tensors' own order. */
static bantam_status check_sorted(const bnt_tensor *tensors, size_t n, const uint32_t *order,
                                  const uint8_t *data, uint64_t size, bool whole,
                                  bantam_error *err)
{
    uint64_t covered = 0; /* from data: everything below belongs to a tensor or to nobody */

    for (size_t i = 0; i < n; i++) {
        const bnt_tensor *const t = &tensors[order ? order[i] : i];
        const uint64_t begin = (uint64_t)(t->data - data);

        if (begin < covered && t->bytes) {
            const bnt_tensor *const before = &tensors[order ? order[i - 1] : i - 1];
            return bnt_fail(err, BANTAM_ERR_FORMAT, "tensors %.*s and %.*s overlap",
                            BNT_TEXT_ARG(before->name), BNT_TEXT_ARG(t->name));
        }
        if (whole && begin > covered) {
            return bnt_fail(err, BANTAM_ERR_FORMAT,
                            "%" PRIu64 " bytes before tensor %.*s belong to no tensor",
                            begin - covered, BNT_TEXT_ARG(t->name));
        }
        if (t->bytes) covered = begin + t->bytes; /* at most size */
    }
    if (whole && covered != size) {
        return bnt_fail(err, BANTAM_ERR_FORMAT,
                        "the tensors end at byte %" PRIu64 " of %" PRIu64 " bytes of data",
                        covered, size);
    }
    return BANTAM_OK;
}

bantam_status bnt_ranges_check(const bnt_tensor *tensors, size_t n, const uint8_t *data,
                               uint64_t size, bool whole, bantam_error *err)
{
    if (in_order(tensors, n)) return check_sorted(tensors, n, NULL, data, size, whole, err);

    uint32_t *const order = (uint32_t *)bnt_calloc(n, sizeof *order);
    if (!order) {
        return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for a table of %zu tensors", n);
    }
    for (size_t i = 0; i < n; i++) {
        order[i] = (uint32_t)i;
    }
    bnt_order_sort(order, n, stands_before, tensors);
    const bantam_status status = check_sorted(tensors, n, order, data, size, whole, err);
    bnt_free(order);
    return status;
}
