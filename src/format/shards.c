/* shards.c - names of the form that gguf-split gives to the parts of a model. */
#include "format/shards.h"

#include "base/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* "-00002-of-00003.gguf": where each piece stands, from its beginning. */
enum { DIGITS = 5, OF_AT = 6, COUNT_AT = 10, END_AT = 15, TAIL = 20 };

static bool read_digits(const char *text, uint32_t *out)
{
    uint32_t value = 0;

    for (int i = 0; i < DIGITS; i++) {
        if (text[i] < '0' || text[i] > '9') return false;
        value = value * 10 + (uint32_t)(text[i] - '0');
    }
    *out = value;
    return true;
}

bool bnt_shard_name_read(bantam_text name, bnt_shard_name *out)
{
    if (name.size <= TAIL) return false;
    const char *const tail = name.data + name.size - TAIL;

    if (tail[0] != '-' || memcmp(tail + OF_AT, "-of-", 4) != 0) return false;
    if (memcmp(tail + END_AT, ".gguf", 5) != 0) return false;
    if (!read_digits(tail + 1, &out->number)) return false;
    if (!read_digits(tail + COUNT_AT, &out->count)) return false;
    out->stem.data = name.data;
    out->stem.size = name.size - TAIL;
    return out->number >= 1 && out->number <= out->count;
}

char *bnt_shard_path(const char *path, const bnt_shard_name *shard, uint32_t number)
{
    char tail[48];
    const size_t kept = strlen(path) - TAIL;

    snprintf(tail, sizeof tail, "-%05" PRIu32 "-of-%05" PRIu32 ".gguf", number, shard->count);
    char *const other = bnt_strdup(path, strlen(path));
    if (other) memcpy(other + kept, tail, TAIL); /* five digits each: as long as the old */
    return other;
}
