/* spec.c - the memory of a tokenizer description.
 *
 * A spec only grows until it is freed whole, so it is handed out of a chain of blocks: small
 * pieces from the newest block, what is too large from a block of its own. What the pieces mean
 * is for the loaders and for tokenizer.c.
 */
#include "token/spec.h"
#include "base/checked.h"
#include "base/mem.h"
#include <string.h>

enum { BLOCK_BYTES = 64 << 10, LARGE = BLOCK_BYTES / 4, ALIGN = 16 };

struct bnt_spec_block {
    struct bnt_spec_block *next;
    size_t used, size;
    unsigned char bytes[]; /* (size); begins 24 bytes into a block aligned to 64 */
};

void bnt_spec_init(bnt_spec *spec)
{
    memset(spec, 0, sizeof *spec);
    spec->kind_name = "";
    spec->pre_name = "";
    spec->bos = spec->eos = spec->unk = spec->pad = BANTAM_NO_TOKEN;
}

void bnt_spec_deinit(bnt_spec *spec)
{
    struct bnt_spec_block *block = spec->blocks;

    while (block) {
        struct bnt_spec_block *const next = block->next;
        bnt_free(block);
        block = next;
    }
    bnt_spec_init(spec);
}

/* A block with room for size bytes. One that holds a single large piece goes behind the newest,
 * which keeps its free room, unless it is to be the newest itself. */
static struct bnt_spec_block *add_block(bnt_spec *spec, size_t size, bool newest)
{
    const bool large = size > LARGE;
    const size_t room = large ? size : BLOCK_BYTES;
    size_t total;

    if (!bnt_add_size(room, sizeof(struct bnt_spec_block), &total)) return NULL;
    /* What is large is a table, or the texts of a vocabulary. */
    struct bnt_spec_block *const block = bnt_calloc_large(total, 1);
    if (!block) return NULL;
    block->used = 0;
    block->size = room;
    if (large && spec->blocks && !newest) {
        block->next = spec->blocks->next;
        spec->blocks->next = block;
    } else {
        block->next = spec->blocks;
        spec->blocks = block;
    }
    return block;
}

/* size bytes whose address is a multiple of align, a power of two. */
static void *take(bnt_spec *spec, size_t size, size_t align)
{
    struct bnt_spec_block *block = spec->blocks;
    size_t pad = 0, need;

    if (!bnt_add_size(size, ALIGN, &need)) return NULL;
    if (block) pad = (size_t)(-(uintptr_t)(block->bytes + block->used) & (align - 1));
    if (!block || block->size - block->used < pad || block->size - block->used - pad < size) {
        block = add_block(spec, need, false);
        if (!block) return NULL;
        pad = (size_t)(-(uintptr_t)block->bytes & (align - 1));
    }
    void *const p = block->bytes + block->used + pad;
    block->used += pad + size;
    return p;
}

void *bnt_spec_alloc(bnt_spec *spec, size_t n, size_t size)
{
    size_t bytes;

    if (!bnt_mul_size(n, size, &bytes)) return NULL;
    if (bytes > LARGE && bytes <= SIZE_MAX - ALIGN) { /* alone in its block, which is clear */
        struct bnt_spec_block *const block = add_block(spec, bytes + ALIGN, false);
        if (!block) return NULL;
        block->used = block->size;
        return block->bytes + (-(uintptr_t)block->bytes & (ALIGN - 1));
    }
    void *const p = take(spec, bytes, ALIGN);
    if (p) memset(p, 0, bytes);
    return p;
}

char *bnt_spec_begin(bnt_spec *spec, size_t size)
{
    struct bnt_spec_block *block = spec->blocks;

    if (!block || block->size - block->used < size) block = add_block(spec, size, true);
    return block ? (char *)block->bytes + block->used : NULL;
}

void bnt_spec_keep(bnt_spec *spec, size_t size)
{
    spec->blocks->used += size;
}

bantam_text bnt_spec_copy(bnt_spec *spec, const char *data, size_t size)
{
    char *const p = take(spec, size, 1);
    const bantam_text text = {p, p ? size : 0};

    if (p && size) memcpy(p, data, size);
    return text;
}

void bnt_spec_add_stop(bnt_spec *spec, uint32_t token)
{
    if (token == BANTAM_NO_TOKEN) return;
    for (uint32_t i = 0; i < spec->n_stops; i++) {
        if (spec->stops[i] == token) return;
    }
    if (spec->n_stops == sizeof spec->stops / sizeof spec->stops[0]) return;
    spec->stops[spec->n_stops++] = token;
}
