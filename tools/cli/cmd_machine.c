/* cmd_machine.c - `bantam doctor`: what there is on this machine. */
#include "cli_commands.h"
#include "cli_engine.h"
#include "cli_machine.h"
#include "cli_out.h"

#include <inttypes.h>
#include <langinfo.h>
#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* ---- doctor ------------------------------------------------------------------------------ */

typedef struct checkup {
    bantam_machine machine;
    char cache[PATH_MAX];
    bool cache_exists;
    size_t n_models;
    json_t *problems; /* texts */
} checkup;

static void problem(checkup *c, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void problem(checkup *c, const char *format, ...)
{
    char text[PATH_MAX + 128];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    json_array_append_new(c->problems, cli_json_text((bantam_text){text, strlen(text)}));
}

static bool is_folder(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static const char *setting(const char *name)
{
    const char *value = getenv(name);

    return value && *value ? value : NULL;
}

static bool count_model(void *user, const bantam_listed_model *m)
{
    (void)m;
    ++*(size_t *)user;
    return true;
}

static void check_cache(checkup *c)
{
    const char *hub = setting("HF_HUB_CACHE"), *hf = setting("HF_HOME"),
               *home = setting("HOME");
    bantam_error err = {0};

    if (hub)
        snprintf(c->cache, sizeof c->cache, "%s", hub);
    else if (hf)
        snprintf(c->cache, sizeof c->cache, "%s/hub", hf);
    else if (home)
        snprintf(c->cache, sizeof c->cache, "%s/.cache/huggingface/hub", home);
    else
        problem(c, "HOME is not set: models are found by path only");

    c->cache_exists = c->cache[0] && is_folder(c->cache);
    if (hub && !c->cache_exists) problem(c, "HF_HUB_CACHE names no folder: %s", hub);
    if (!hub && hf && !is_folder(hf)) problem(c, "HF_HOME names no folder: %s", hf);
    if (bantam_list_models(count_model, &c->n_models, &err)) problem(c, "%s", err.message);
}

static void check_settings(checkup *c)
{
    const char *folder = setting("BANTAM_CACHE");
    struct stat st;

    if (folder && strcmp(folder, "off") != 0 && stat(folder, &st) == 0 &&
        !S_ISDIR(st.st_mode)) {
        problem(c, "BANTAM_CACHE names no folder: %s", folder);
    }
}

static void check_machine(checkup *c)
{
    for (uint32_t i = 0; i < c->machine.n_limits; i++) {
        const bantam_memory_limit *l = &c->machine.limits[i];
        if (l->of != BANTAM_LIMIT_ADDRESSES) continue;
        problem(c, "address space is limited to %" PRIu64 " MiB: models are mapped into it",
                l->limit_bytes >> 20);
    }
    if (c->machine.device.available_bytes < (uint64_t)256 << 20) {
        problem(c, "less than 256 MiB of memory are available");
    }
    if (setting("OMP_NUM_THREADS")) {
        problem(c, "OMP_NUM_THREADS has no effect here: use --threads");
    }
    setlocale(LC_CTYPE, "");
    if (strcmp(nl_langinfo(CODESET), "UTF-8") != 0) {
        problem(c,
                "the locale is not UTF-8: text that is typed in 'bantam chat' must be ASCII");
    }
    setlocale(LC_CTYPE, "C");
}

static void put_checkup_json(const checkup *c)
{
    const bantam_text cache = {c->cache, strlen(c->cache)};
    json_t *o = json_pack("{s:s}", "version", bantam_version());
    json_t *machine = cli_machine_json(&c->machine);

    json_object_update(o, machine);
    json_decref(machine);
    json_object_set_new(o, "cache",
                        json_pack("{s:o,s:b,s:I}", "path", cli_json_text(cache), "exists",
                                  c->cache_exists, "models", (json_int_t)c->n_models));
    json_object_set(o, "problems", c->problems);
    cli_put_json(o);
}

static void put_checkup(const checkup *c)
{
    const json_t *text;
    size_t i;

    cli_printf("version     %s\n", bantam_version());
    cli_printf("kernels     %s\n", c->machine.device.cpu);
    cli_machine_put(&c->machine);
    cli_printf("models      %zu in ", c->n_models);
    cli_put_text((bantam_text){c->cache, strlen(c->cache)});
    cli_printf("%s\n", c->cache_exists ? "" : " (not there)");
    json_array_foreach(c->problems, i, text)
    {
        cli_put("problem     ", 12);
        cli_put_text((bantam_text){json_string_value(text), json_string_length(text)});
        cli_put("\n", 1);
    }
    if (json_array_size(c->problems) == 0) cli_printf("problems    none\n");
}

int cli_doctor(const cli_args *args)
{
    checkup c = {.problems = json_array()};

    bantam_machine_describe(&c.machine);
    check_cache(&c);
    check_settings(&c);
    check_machine(&c);
    if (args->json)
        put_checkup_json(&c);
    else
        put_checkup(&c);
    json_decref(c.problems);
    return CLI_OK;
}
