/* prune_vocab_count.c - how often texts use each token. */
#include <string.h>

#include "base/mem.h"
#include "compress/prune_vocab_parts.h"

enum {
    SLICE = 64 << 10,
    MAX_IDS = 4 * SLICE + 64 /* a space is three bytes in some vocabularies, and no token less
                                than one */
};

/* Cuts off the next part: up to the last line end in it, else between two characters. */
static bantam_text next_slice(bantam_text *rest)
{
    size_t n = rest->size;

    if (n > SLICE) {
        n = SLICE;
        while (n && rest->data[n - 1] != '\n') {
            n--;
        }
    }
    if (!n) {
        n = SLICE;
        for (int back = 0; back < 3 && ((uint8_t)rest->data[n] & 0xC0) == 0x80; back++) {
            n--;
        }
    }
    const bantam_text slice = {rest->data, n};
    rest->data += n;
    rest->size -= n;
    return slice;
}

bantam_status bnt_prune_vocab_count(const bnt_tokenizer *t, const bantam_text *texts,
                                    size_t n_texts, uint64_t *counts, uint64_t *n_tokens,
                                    bantam_error *err)
{
    uint32_t *const ids = bnt_calloc(MAX_IDS, sizeof *ids);
    bantam_status status = BANTAM_OK;

    if (!ids) return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for the tokens of texts");
    for (size_t i = 0; i < n_texts; i++) {
        bantam_text rest = texts[i];
        while (!status && rest.size) {
            size_t n = 0;
            status = bnt_tokenizer_encode(t, next_slice(&rest), 0, ids, MAX_IDS, &n, err);
            for (size_t k = 0; !status && k < n; k++) {
                counts[ids[k]]++;
            }
            if (!status) *n_tokens += n;
        }
    }
    bnt_free(ids);
    return status;
}
