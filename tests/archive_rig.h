/* archive_rig.h - what the tests of archives share: a folder for each test, files to put there,
 * and opening that must succeed or fail. */
#ifndef BNT_TESTS_ARCHIVE_RIG_H
#define BNT_TESTS_ARCHIVE_RIG_H
#include "base/mem.h"
#include "cpu_time.h"
#include "format/archive.h"
#include "gguf_builder.h"
#include "safetensors_builder.h"
#include "support.h"
#include "temp_folder.h"

#include <sys/stat.h>
#include <unistd.h>

static temp_folder folder;

static inline int make_folder(void **state)
{
    (void)state;
    temp_make(&folder);
    return 0;
}

static inline int remove_folder(void **state)
{
    (void)state;
    temp_remove(&folder);
    return 0;
}

/* Path of a name in the test's folder; "" is the folder. */
static inline const char *in(const char *name)
{
    return *name ? temp_path(&folder, name) : folder.path;
}

static inline bnt_archive *open_sound(const char *name)
{
    bnt_archive *a;
    bantam_error err = {0};
    if (bnt_archive_open(&a, in(name), &err)) fail_msg("%s", err.message);
    assert_non_null(a);
    return a;
}

/* Opening must fail with this status, and a message that begins with the path of file and
 * contains the text. */
static inline void refuse(const char *name, bantam_status expected, const char *file,
                          const char *text)
{
    bnt_archive *a;
    bantam_error err = {0};
    const int64_t live = bnt_mem_live();
    const double start = cpu_seconds();
    const bantam_status status = bnt_archive_open(&a, in(name), &err);

    assert_null(a);
    const char *const path = in(file);
    if (status != expected || !strstr(err.message, text) ||
        strncmp(err.message, path, strlen(path)) != 0) {
        fail_msg("expected %d with \"%s: ... %s\", found %d with \"%s\"", (int)expected, path,
                 text, (int)status, err.message);
    }
    assert_int_equal(err.status, status);
    assert_int_equal(bnt_mem_live(), live);
    assert_true(cpu_spent_at_most(1.0, start));
}

static inline void assert_text(bantam_text text, const char *expected)
{
    assert_int_equal(text.size, strlen(expected));
    assert_memory_equal(text.data, expected, text.size);
}

/* ---- files to open ----------------------------------------------------------------------- */

static inline void write_built(const char *name, gguf_builder *b)
{
    size_t size;
    uint8_t *const file = gb_finish(b, &size);
    temp_write(&folder, name, file, size);
    free(file);
}

/* A gguf file with one tensor. */
static inline void write_gguf(const char *name, const char *tensor)
{
    gguf_builder b;
    gb_init(&b);
    gb_put_text(&b, "general.architecture", "llama");
    gb_add_f32(&b, tensor, 8, 2, NULL);
    write_built(name, &b);
}

/* Shard no of count, with one tensor named after it. */
static inline void build_shard(gguf_builder *b, unsigned no, unsigned count)
{
    char tensor[32];
    gb_init(b);
    gb_put_u16(b, "split.no", (uint16_t)no);
    gb_put_u16(b, "split.count", (uint16_t)count);
    if (!no) gb_put_text(b, "general.architecture", "llama");
    if (!no) gb_put_i32(b, "split.tensors.count", (int32_t)count);
    snprintf(tensor, sizeof tensor, "tensor.%u", no);
    gb_add_f32(b, tensor, 8, 2, NULL);
}

static inline const char *shard_name(unsigned number, unsigned count)
{
    static char names[4][64];
    static unsigned turn;
    char *const name = names[turn++ % 4];
    snprintf(name, sizeof names[0], "m-%05u-of-%05u.gguf", number, count);
    return name;
}

static inline void write_shards(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        gguf_builder b;
        build_shard(&b, i, count);
        write_built(shard_name(i + 1, count), &b);
    }
}

/* A safetensors file with one or two tensors of 4 bytes. */
static inline void write_safetensors(const char *name, const char *first, const char *second)
{
    char header[512];
    size_t size;

    int n = snprintf(header, sizeof header,
                     "{\"%s\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}", first);
    if (second) {
        n += snprintf(header + n, sizeof header - (size_t)n,
                      ",\"%s\":{\"dtype\":\"F16\",\"shape\":[2,1],\"data_offsets\":[4,8]}",
                      second);
    }
    memcpy(header + n, "}", 2);
    uint8_t *const file = st_make(header, second ? 8 : 4, &size);
    temp_write(&folder, name, file, size);
    free(file);
}

static inline void write_index(const char *map)
{
    char *const text = malloc(strlen(map) + 64);
    assert_non_null(text);
    sprintf(text, "{\"metadata\":{\"total_size\":8},\"weight_map\":%s}", map);
    temp_write_text(&folder, "model.safetensors.index.json", text);
    free(text);
}

static inline void fail_every_allocation_of(const char *name)
{
    bnt_archive *a = NULL;
    uint64_t n = 0;
    const int64_t live = bnt_mem_live();

    do {
        bantam_error err = {0};
        bnt_mem_fail_after(n++);
        const bantam_status status = bnt_archive_open(&a, in(name), &err);
        bnt_mem_fail_after(UINT64_MAX);
        assert_int_equal(status, a ? BANTAM_OK : BANTAM_ERR_NOMEM);
        if (!a) assert_int_equal(bnt_mem_live(), live);
    } while (!a && n < 300);
    assert_non_null(a);
    assert_true(n > 5);
    bnt_archive_close(a);
    assert_int_equal(bnt_mem_live(), live);
}

/* A member of golden.json. */
static inline uint64_t golden_number(const json_t *golden, const char *key)
{
    const json_t *const value = json_object_get(golden, key);
    assert_true(json_is_integer(value));
    return (uint64_t)json_integer_value(value);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

#endif
