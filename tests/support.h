/* support.h - what several tests need: where the shared data lie, files read whole, files made.
 */
#ifndef BNT_TESTS_SUPPORT_H
#define BNT_TESTS_SUPPORT_H
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Path of a file below the shared data folder (BANTAM_SHARED, else ../shared), in one of eight
 * rotating buffers. */
static inline const char *shared_path(const char *name)
{
    static char paths[8][1024];
    static unsigned turn;
    char *const path = paths[turn++ % 8];
    const char *root = getenv("BANTAM_SHARED");

    snprintf(path, sizeof paths[0], "%s/%s", root && *root ? root : "../shared", name);
    return path;
}

/* Whether the shared data folder is there. Prints how many cases are skipped where it is not.
 */
static inline bool shared_found(unsigned n_cases)
{
    FILE *f = fopen(shared_path("goldens/README.md"), "rb");
    if (f) {
        fclose(f);
        return true;
    }
    print_message("skipped %u cases: no shared folder\n", n_cases);
    return false;
}

/* A whole file, NUL-terminated; the caller frees it. Fails the test where it cannot be read. */
static inline char *read_whole(const char *path, size_t *size)
{
    FILE *f = fopen(path, "rb");
    if (!f) fail_msg("cannot open %s", path);
    fseek(f, 0, SEEK_END);
    const long end = ftell(f);
    rewind(f);
    char *data = malloc((size_t)end + 1);
    assert_non_null(data);
    assert_int_equal(fread(data, 1, (size_t)end, f), (size_t)end);
    data[end] = '\0';
    fclose(f);
    if (size) *size = (size_t)end;
    return data;
}

/* Writes a whole file. */
static inline void write_whole(const char *path, const void *data, size_t size)
{
    FILE *f = fopen(path, "wb");
    if (!f) fail_msg("cannot write %s", path);
    assert_int_equal(fwrite(data, 1, size, f), size);
    assert_int_equal(fclose(f), 0);
}

#endif
