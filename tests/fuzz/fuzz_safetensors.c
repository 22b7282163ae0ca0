/* fuzz_safetensors.c - a safetensors file of any bytes: parsed, and its promises checked. */
#include "format/safetensors.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool law, const char *what)
{
    if (law) return;
    fprintf(stderr, "broken law: %s\n", what);
    abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bnt_safetensors *st;
    bantam_error err = {0};
    uint64_t covered = 0, header = 0;

    const bantam_status status = bnt_safetensors_parse(&st, data, size, &err);
    require((status == BANTAM_OK) == (st != NULL), "a status fits its result");
    require(!status == !err.message[0], "a failure has a message");
    if (!st) return 0;
    for (size_t i = 0; i < 8; i++) {
        header |= (uint64_t)data[i] << (8 * i);
    }
    for (size_t i = 0; i < bnt_safetensors_n_tensors(st); i++) {
        const bnt_tensor *const t = bnt_safetensors_tensor_at(st, i);
        uint64_t values = 1;
        require(t->data >= data && t->bytes <= size - (size_t)(t->data - data), "data inside");
        for (uint32_t d = 0; d < BNT_MAX_DIMS; d++) {
            values *= t->dims[d];
        }
        if (t->type) require(values * t->type->block_bytes == t->bytes, "bytes fit the shape");
        covered += t->bytes;
    }
    require(covered == size - 8 - header, "every byte belongs to one tensor");
    bnt_safetensors_close(st);
    return 0;
}
