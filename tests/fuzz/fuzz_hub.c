/* fuzz_hub.c - what the hub says of a repository, of any bytes, and the files chosen from it.
 */
#include "base/file.h"
#include "fetch/hub.h"
#include "format/locate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool law, const char *what)
{
    if (law) return;
    fprintf(stderr, "broken law: %s\n", what);
    abort();
}

static void check_listing(const bnt_hub_listing *l)
{
    require(l->n <= BNT_HUB_MAX_FILES, "there are not too many files");
    require(strlen(l->revision) == 0 || strlen(l->revision) == 40 || strlen(l->revision) == 64,
            "a revision is a hash");
    for (size_t i = 0; i < l->n; i++) {
        const bnt_hub_file *const f = &l->files[i];
        require(bnt_is_inner_path(f->path), "a path stays inside its folder");
        require(strlen(f->path) < BNT_HUB_MAX_PATH, "a path has its limit");
        require(!f->has_bytes || f->bytes <= (uint64_t)1 << 44, "a size has its limit");
        require(strlen(f->sha256) == 0 || strlen(f->sha256) == 64, "a hash is whole");
        require(!*f->sha256 || !*f->git, "a file has one hash at most");
        require(!*f->git || f->has_bytes, "git's hash comes with a size");
    }
}

static void check_choice(const bnt_hub_listing *l, const char *name)
{
    bnt_named named;
    bnt_hub_choice c;
    bantam_error err = {0};

    require(!bnt_registry_find(name, &named, NULL), "the name is one");
    if (bnt_hub_choose(l, &named, &c, &err)) {
        require(err.message[0] && !c.files, "a refusal says why and leaves nothing");
        return;
    }
    bool opened = !*c.open;
    require(c.n > 0, "something is chosen");
    for (size_t i = 0; i < c.n; i++) {
        require(c.files[i] < l->n, "what is chosen is listed");
        if (strcmp(l->files[c.files[i]].path, c.open) == 0) opened = true;
    }
    require(opened, "what is opened is fetched");
    bnt_hub_choice_close(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"org/repo",     "org/repo:Q4_K_M",
                                        "org/repo:b4",  "org/repo/m.gguf",
                                        "smollm2:135m", "ministral:8b-q8"};
    bnt_hub_listing l;
    bantam_error err = {0};

    if (size > 65536) return 0;
    const bantam_status status =
        bnt_hub_read(&l, "org/repo", data ? (const char *)data : "", size, &err);
    require(!status == !err.message[0], "a failure has a message");
    if (status) return 0;
    check_listing(&l);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        check_choice(&l, names[i]);
    }
    bnt_hub_close(&l);
    return 0;
}
