/* adapt.c - which adapters a session computes with.
 *
 * Changing them takes no more than scratch for what they add to a pass; the keys and values of
 * before are worth nothing then, so that the session begins anew.
 */
#include "session/core.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

_Static_assert((int)BANTAM_MAX_ADAPTERS == (int)BNT_MAX_ADAPTERS, "the same limit");

bantam_status bnt_adapters_list(bnt_adapter_use *out, uint32_t *n_out, const bnt_model *model,
                                const bantam_adapter *const *adapters, const float *scales,
                                size_t n, bantam_error *err)
{
    *n_out = 0;
    if (n > BNT_MAX_ADAPTERS) {
        return bnt_fail(err, BANTAM_ERR_INVALID, "at most %d adapters at once, found %zu",
                        BNT_MAX_ADAPTERS, n);
    }
    for (size_t i = 0; i < n; i++) {
        const bnt_adapter *const adapter = adapters ? adapters[i] : NULL;
        const float scale = scales ? scales[i] : 1.0f;
        if (!adapter) {
            return bnt_fail(err, BANTAM_ERR_INVALID,
                            "%zu adapters are announced, number %zu is not given", n, i);
        }
        if (adapter->model != model) {
            return bnt_fail(err, BANTAM_ERR_INVALID,
                            "adapter %zu was opened for another model than the session's", i);
        }
        /* Below rank 1 nothing gets larger, so that no strength is infinite. */
        if (!isfinite(scale) || !isfinite(scale * adapter->alpha)) {
            return bnt_fail(err, BANTAM_ERR_INVALID,
                            "scale of adapter %zu: expected a finite number, found %g with "
                            "alpha %g",
                            i, (double)scale, (double)adapter->alpha);
        }
        if (scale != 0.0f) out[(*n_out)++] = (bnt_adapter_use){adapter, scale};
    }
    return BANTAM_OK;
}

uint64_t bnt_adapters_bytes(const bnt_adapter_use *uses, uint32_t n)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < n; i++) {
        bytes += uses[i].adapter->bytes;
    }
    return bytes;
}

bool bnt_session_adapted(const bnt_session *s, const bnt_adapter_use *uses, uint32_t n)
{
    if (n != s->n_adapters) return false;
    for (uint32_t i = 0; i < n; i++) {
        if (uses[i].adapter != s->adapters[i].adapter ||
            uses[i].scale != s->adapters[i].scale) {
            return false;
        }
    }
    return true;
}

static bantam_status check_limit(const bnt_session *s, uint64_t more, bantam_error *err)
{
    if (!s->limit_bytes || more <= s->limit_bytes - s->plain_bytes) return BANTAM_OK;
    return bnt_fail(err, BANTAM_ERR_NOMEM,
                    "%" PRIu64 " bytes are needed (the session %" PRIu64
                    ", the adapters %" PRIu64 "), %" PRIu64 " are allowed",
                    s->plain_bytes + more, s->plain_bytes, more, s->limit_bytes);
}

bantam_status bnt_session_set_adapters(bnt_session *s, const bantam_adapter *const *adapters,
                                       const float *scales, size_t n, bantam_error *err)
{
    const uint32_t n_threads = bnt_pool_threads(s->pool);
    bnt_adapter_use uses[BNT_MAX_ADAPTERS] = {{NULL, 0.0f}};
    uint32_t n_uses = 0;
    bnt_arena scratch = {0};

    bantam_status status = bnt_session_check_free(s, err);
    if (!status) {
        status = bnt_adapters_list(uses, &n_uses, s->model, adapters, scales, n, err);
    }
    if (status || bnt_session_adapted(s, uses, n_uses)) return status;

    const size_t plain = bnt_forward_cost(s->model, s->batch, s->context, n_threads);
    const size_t cost =
        bnt_forward_cost_with(s->model, uses, n_uses, s->batch, s->context, n_threads);
    status = check_limit(s, bnt_adapters_bytes(uses, n_uses) + (cost - plain), err);
    if (!status && cost > s->scratch.size) status = bnt_arena_init(&scratch, cost, err);
    if (status) return status;
    if (scratch.base) {
        bnt_arena_deinit(&s->scratch);
        s->scratch = scratch;
    }
    memcpy(s->adapters, uses, sizeof s->adapters);
    s->n_adapters = n_uses;
    bnt_ahead_forget(s, 0);
    s->position = 0;
    s->logits = NULL;
    return BANTAM_OK;
}
