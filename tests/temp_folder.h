/* temp_folder.h - a folder that a test makes and leaves nothing of. */
#ifndef BNT_TESTS_TEMP_FOLDER_H
#define BNT_TESTS_TEMP_FOLDER_H
#include "support.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct temp_folder {
    char path[256];
} temp_folder;

static inline void temp_make(temp_folder *t)
{
    const char *const root = getenv("TMPDIR");
    snprintf(t->path, sizeof t->path, "%s/bantam-test-XXXXXX", root && *root ? root : "/tmp");
    assert_non_null(mkdtemp(t->path));
}

/* Removes a folder and what is in it; links are removed, not followed. */
static inline void temp_remove_all(const char *path)
{
    DIR *const dir = opendir(path);
    const struct dirent *entry;

    while (dir && (entry = readdir(dir)) != NULL) {
        char inner[1024];
        struct stat st;
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
        const int n = snprintf(inner, sizeof inner, "%s/%s", path, entry->d_name);
        if (n < 0 || (size_t)n >= sizeof inner) continue;
        if (!lstat(inner, &st) && S_ISDIR(st.st_mode)) {
            temp_remove_all(inner);
        } else {
            unlink(inner);
        }
    }
    if (dir) closedir(dir);
    rmdir(path);
}

static inline void temp_remove(temp_folder *t)
{
    temp_remove_all(t->path);
}

/* Path of a name in the folder, in one of eight rotating buffers. */
static inline const char *temp_path(const temp_folder *t, const char *name)
{
    static char paths[8][1024];
    static unsigned turn;
    char *const path = paths[turn++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", t->path, name);
    return path;
}

/* Makes a folder below it, with those above. */
static inline void temp_folder_in(const temp_folder *t, const char *name)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", t->path, name);
    for (char *p = path + strlen(t->path) + 1; *p; p++) {
        if (*p != '/') continue;
        *p = '\0';
        mkdir(path, 0700);
        *p = '/';
    }
    mkdir(path, 0700);
}

/* Writes a file below it. */
static inline void temp_write(const temp_folder *t, const char *name, const void *data,
                              size_t size)
{
    write_whole(temp_path(t, name), data, size);
}

static inline void temp_write_text(const temp_folder *t, const char *name, const char *text)
{
    temp_write(t, name, text, strlen(text));
}

#endif
