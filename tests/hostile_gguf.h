/* hostile_gguf.h - what the tests over broken GGUF files share: refusal and acceptance. */
#ifndef BNT_TESTS_HOSTILE_GGUF_H
#define BNT_TESTS_HOSTILE_GGUF_H
#include "base/mem.h"
#include "format/gguf.h"
#include "gguf_builder.h"
#include "support.h"

/* What parsing may have taken from the heap at most when it refuses one of these small files:
 * the first tables and nothing in proportion to a stated count. */
enum { MAX_ALLOCATIONS = 24 };

/* Parses a copy of exactly size bytes, so that a sanitizer sees the first byte beyond. */
static inline bantam_status parse_bytes(const void *file, size_t size, bantam_error *err)
{
    uint8_t *const copy = malloc(size ? size : 1);
    const int64_t live = bnt_mem_live();
    const uint64_t before = bnt_mem_allocations();
    bnt_gguf *g;

    *err = (bantam_error){0};
    assert_non_null(copy);
    if (size) memcpy(copy, file, size);
    const bantam_status status = bnt_gguf_parse(&g, copy, size, err);
    assert_int_equal(status == BANTAM_OK, g != NULL);
    assert_int_equal(status, err->status);
    if (status) {
        assert_int_equal(bnt_mem_live(), live);
        assert_true(bnt_mem_allocations() - before <= MAX_ALLOCATIONS);
    }
    bnt_gguf_close(g);
    free(copy);
    return status;
}

static inline void refuse_bytes(const void *file, size_t size, bantam_status expected,
                                const char *message)
{
    bantam_error err;
    const bantam_status status = parse_bytes(file, size, &err);

    if (status != expected || !strstr(err.message, message)) {
        fail_msg("expected status %d with \"%s\", found %d with \"%s\"", (int)expected, message,
                 (int)status, err.message);
    }
}

/* Ends the builder; the file must be refused as broken with a message that contains this. */
static inline void refuse(gguf_builder *b, const char *message)
{
    size_t size;
    uint8_t *const file = gb_finish(b, &size);
    refuse_bytes(file, size, BANTAM_ERR_FORMAT, message);
    free(file);
}

static inline void refuse_unsupported(gguf_builder *b, const char *message)
{
    size_t size;
    uint8_t *const file = gb_finish(b, &size);
    refuse_bytes(file, size, BANTAM_ERR_UNSUPPORTED, message);
    free(file);
}

static inline void accept(gguf_builder *b)
{
    size_t size;
    bantam_error err;
    uint8_t *const file = gb_finish(b, &size);
    if (parse_bytes(file, size, &err)) fail_msg("refused: %s", err.message);
    free(file);
}

/* Two pairs and two tensors, sound. */
static inline void begin(gguf_builder *b)
{
    gb_init(b);
    gb_put_text(b, "general.architecture", "llama");
    gb_put_u32(b, "llama.block_count", 1);
    gb_add_f32(b, "token_embd.weight", 8, 4, NULL);
    gb_add_f32(b, "output_norm.weight", 8, 0, NULL);
}

#endif
