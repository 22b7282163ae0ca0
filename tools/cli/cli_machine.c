/* cli_machine.c - the machine as text and as JSON; see cli_machine.h. */
#include "cli_machine.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static bantam_text text_of(const char *s)
{
    return (bantam_text){s, strlen(s)};
}

cli_size cli_size_of(uint64_t bytes)
{
    cli_size s;

    if (bytes < 999500000)
        snprintf(s.text, sizeof s.text, "%.0f MB", (double)bytes / 1e6);
    else
        snprintf(s.text, sizeof s.text, "%.*f GB", bytes < 99500000000 ? 1 : 0,
                 (double)bytes / 1e9);
    return s;
}

/* ---- for people -------------------------------------------------------------------------- */

static void put_kinds(const bantam_machine *m)
{
    for (uint32_t i = 0; i < m->n_kinds && m->n_kinds > 1; i++) {
        const bantam_core_kind *k = &m->kinds[i];
        cli_printf("%s%" PRIu32, i ? " + " : ": ", k->n_cores);
        if (k->max_mhz > 0) cli_printf(" of %" PRIu32 " MHz", k->max_mhz);
        if (!k->used) cli_printf(" not used");
    }
    if (m->n_kinds == 1 && m->kinds[0].max_mhz > 0)
        cli_printf(" of %" PRIu32 " MHz", m->kinds[0].max_mhz);
}

void cli_machine_put(const bantam_machine *m)
{
    cli_printf("processor   ");
    if (*m->processor) {
        cli_put_text(text_of(m->processor));
        cli_printf(", ");
    }
    cli_printf("%" PRIu32 " core%s", m->device.n_cores, m->device.n_cores == 1 ? "" : "s");
    put_kinds(m);
    cli_printf("; %" PRIu32 " thread%s; %s\n", m->n_threads, m->n_threads == 1 ? "" : "s",
               m->device.features);
    cli_printf("memory      %s", cli_size_of(m->device.memory_bytes).text);
    if (m->device.available_bytes > 0)
        cli_printf(", %s available", cli_size_of(m->device.available_bytes).text);
    for (uint32_t i = 0; i < m->n_limits; i++) {
        const bantam_memory_limit *l = &m->limits[i];
        if (l->limit_bytes == m->device.memory_bytes) continue;
        cli_printf("; %s: %s of %s left", l->name, cli_size_of(l->left_bytes).text,
                   cli_size_of(l->limit_bytes).text);
    }
    cli_put("\n", 1);
    if (m->storage_bytes > 0) {
        cli_printf("disk        %s of %s free, where models are stored\n",
                   cli_size_of(m->storage_free_bytes).text, cli_size_of(m->storage_bytes).text);
    }
}

/* ---- for programs ------------------------------------------------------------------------ */

static json_t *json_features(const char *features)
{
    json_t *array = json_array();

    while (*features) {
        const size_t n = strcspn(features, " ");
        if (n > 0) json_array_append_new(array, cli_json_text((bantam_text){features, n}));
        features += n + (features[n] == ' ');
    }
    return array;
}

/* What the system does not tell is null. */
static json_t *json_known(uint64_t value)
{
    return value ? json_integer((json_int_t)value) : json_null();
}

static json_t *json_kinds(const bantam_machine *m)
{
    json_t *array = json_array();

    for (uint32_t i = 0; i < m->n_kinds; i++) {
        const bantam_core_kind *k = &m->kinds[i];
        json_array_append_new(array,
                              json_pack("{s:I,s:o,s:o,s:b}", "cores", (json_int_t)k->n_cores,
                                        "max_mhz", json_known(k->max_mhz), "capacity",
                                        json_known(k->capacity), "used", k->used));
    }
    return array;
}

static json_t *json_limits(const bantam_machine *m)
{
    static const char *const of[] = {"memory", "addresses", "private"};
    json_t *array = json_array();

    for (uint32_t i = 0; i < m->n_limits; i++) {
        const bantam_memory_limit *l = &m->limits[i];
        json_array_append_new(array,
                              json_pack("{s:s,s:s,s:I,s:I}", "name", l->name, "of", of[l->of],
                                        "limit_bytes", (json_int_t)l->limit_bytes, "left_bytes",
                                        (json_int_t)l->left_bytes));
    }
    return array;
}

json_t *cli_machine_json(const bantam_machine *m)
{
    json_t *o = json_pack("{s:o,s:s,s:o,s:I,s:I,s:o,s:I,s:I,s:o}", "processor",
                          *m->processor ? cli_json_text(text_of(m->processor)) : json_null(),
                          "cpu", m->device.cpu, "features", json_features(m->device.features),
                          "cores", (json_int_t)m->device.n_cores, "threads",
                          (json_int_t)m->n_threads, "core_kinds", json_kinds(m), "memory_bytes",
                          (json_int_t)m->device.memory_bytes, "available_bytes",
                          (json_int_t)m->device.available_bytes, "limits", json_limits(m));

    json_object_set_new(o, "storage_bytes", json_known(m->storage_bytes));
    json_object_set_new(o, "storage_free_bytes",
                        m->storage_bytes ? json_integer((json_int_t)m->storage_free_bytes)
                                         : json_null());
    return o;
}
