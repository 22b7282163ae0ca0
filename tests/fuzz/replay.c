/* replay.c - runs a fuzz target over the files of a folder, without a fuzzer.
 *
 * Every file is tried whole and cut at a few places, so that a corpus of good files also tests
 * bad ones.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_cuts(const uint8_t *data, size_t size)
{
    LLVMFuzzerTestOneInput(data, size);
    for (size_t i = 0; i < 32; i++) {
        /* A copy of its own for each cut, so that a sanitizer sees reads past the end. */
        const size_t cut = size * i / 32;
        uint8_t *const copy = malloc(cut ? cut : 1);
        if (!copy) continue;
        memcpy(copy, data, cut);
        LLVMFuzzerTestOneInput(copy, cut);
        free(copy);
    }
}

static int replay(const char *path)
{
    FILE *const f = fopen(path, "rb");
    if (!f) return 0;
    fseek(f, 0, SEEK_END);
    const long size = ftell(f);
    rewind(f);
    uint8_t *const data = size > 0 ? malloc((size_t)size) : NULL;
    if (data && fread(data, 1, (size_t)size, f) == (size_t)size) try_cuts(data, (size_t)size);
    free(data);
    fclose(f);
    return 1;
}

int main(int argc, char **argv)
{
    int n_files = 0;
    DIR *const folder = argc > 1 ? opendir(argv[1]) : NULL;

    LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
    for (const struct dirent *entry; folder && (entry = readdir(folder));) {
        char path[4096];
        if (entry->d_name[0] == '.') continue;
        snprintf(path, sizeof path, "%s/%s", argv[1], entry->d_name);
        n_files += replay(path);
    }
    if (folder) closedir(folder);
    printf("%d files replayed\n", n_files);
    return n_files > 0 ? 0 : 1;
}
