/* sensors.c - heat, clock and energy, as Linux shows them below /sys.
 *
 *     class/thermal/thermal_zone0/type, temp         thousandths of a degree
 *     class/hwmon/hwmon0/name, temp1_input           likewise
 *     devices/system/cpu/cpu0/cpufreq/scaling_cur_freq                   kHz
 *     class/powercap/intel-rapl:0/name, energy_uj, max_energy_range_uj   millionths of a joule
 *     class/power_supply/BAT0/type, scope, status    and power_now, or current_now and
 *                                                    voltage_now, or energy_now: millionths of
 *                                                    a watt, ampere, volt and watt-hour
 *
 * A counter of energy runs over after some minutes or hours, so that somebody has to look at it
 * more often than that; a battery's power is integrated between one look and the next.
 */
#include "base/sensors.h"

#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/systext.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
    WORD = 64,
    MAX_PATHS = 64,
    MAX_PACKAGES = 16,
    MAX_BATTERIES = 4,
    MAX_NAMES = 4096,
    PATH = 512
};

/* Degrees that a running processor can have. Sensors that are off say 0, -273 or 65535. */
static const double least_celsius = -40.0, most_celsius = 150.0;
/* Watts that a processor or a device can draw: more is a counter that jumped. */
static const double most_watts = 10000.0;

typedef struct counter {
    char path[PATH];
    int64_t range; /* where it begins anew; 0: not told */
    int64_t last;
} counter;

struct bnt_sensors {
    char *heat[MAX_PATHS]; /* (n_heat) owns, as clocks */
    size_t n_heat;
    char heat_from[WORD];    /* the first one's kind */
    char *clocks[MAX_PATHS]; /* (n_clocks) */
    size_t n_clocks;
    counter packages[MAX_PACKAGES];
    size_t n_packages;
    char batteries[MAX_BATTERIES][PATH]; /* folders */
    size_t n_batteries;
    bool discharging;   /* from the first reading on */
    double watts;       /* of the batteries, at the last reading; NaN: not told */
    double stored;      /* joules in them at first; NaN: not told */
    double joules;      /* since open */
    uint64_t before_ns; /* the last reading */
};

/* ---- paths ------------------------------------------------------------------------------- */

/* False where the path is too long, which none of the system's is. */
static bool join(char out[PATH], const char *folder, const char *name)
{
    const int n = snprintf(out, PATH, "%s/%s", folder, name);
    return n > 0 && n < PATH;
}

/* The first line, cut to what fits, without its end. */
static bool word_at(const char *path, char word[WORD])
{
    char text[BNT_SYSTEXT_BYTES];

    word[0] = '\0';
    if (!bnt_systext_read(path, text)) return false;
    snprintf(word, WORD, "%.*s", (int)strcspn(text, "\n"), text);
    return word[0] != '\0';
}

/* One decimal number and nothing else. */
static bool number_at(const char *path, int64_t *out)
{
    char word[WORD], *end;

    *out = 0;
    if (!word_at(path, word)) return false;
    const char first = word[0] == '-' ? word[1] : word[0];
    if (first < '0' || first > '9') return false;
    errno = 0;
    const long long n = strtoll(word, &end, 10);
    if (errno || *end) return false;
    *out = n;
    return true;
}

static bool read_word(const char *folder, const char *name, char word[WORD])
{
    char path[PATH];
    word[0] = '\0';
    return join(path, folder, name) && word_at(path, word);
}

static bool read_number(const char *folder, const char *name, int64_t *out)
{
    char path[PATH];
    *out = 0;
    return join(path, folder, name) && number_at(path, out);
}

/* Keeps a path; false only when out of memory. */
static bool keep(char **paths, size_t *n, const char *path)
{
    if (*n == MAX_PATHS) return true;
    paths[*n] = bnt_strdup(path, strlen(path));
    if (!paths[*n]) return false;
    ++*n;
    return true;
}

/* Looks at one entry of a folder; false only when out of memory. */
typedef bool (*entry_fn)(bnt_sensors *s, const char *folder, const char *name);

/* A folder that cannot be listed has no entries. */
static bool for_each(bnt_sensors *s, const char *root, const char *below, entry_fn fn)
{
    char folder[PATH], entry[PATH], **names = NULL;
    size_t n = 0;
    bool ok = true;

    if (!join(folder, root, below)) return true;
    const bantam_status status = bnt_file_list(folder, MAX_NAMES, &names, &n, NULL);
    if (status) return status != BANTAM_ERR_NOMEM;
    for (size_t i = 0; i < n && ok; i++) {
        if (join(entry, folder, names[i])) ok = fn(s, entry, names[i]);
    }
    bnt_free(names);
    return ok;
}

/* ---- heat -------------------------------------------------------------------------------- */

/* Whether a sensor of that kind lies in or on the processor. The zone that Qualcomm calls soc
 * is the battery's state of charge. */
static bool is_processor(const char *kind)
{
    static const char *const words[] = {"x86_pkg",  "coretemp", "k10temp",
                                        "zenpower", "cpu",      "soc"};
    if (strcasecmp(kind, "soc") == 0) return false;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        const size_t size = strlen(words[i]);
        for (const char *at = kind; *at; at++) {
            if (strncasecmp(at, words[i], size) == 0) return true;
        }
    }
    return false;
}

static bool keep_heat(bnt_sensors *s, const char *folder, const char *file, const char *kind)
{
    char path[PATH];
    int64_t value;

    if (!join(path, folder, file) || !number_at(path, &value)) return true;
    if (!s->n_heat) memcpy(s->heat_from, kind, sizeof s->heat_from);
    return keep(s->heat, &s->n_heat, path);
}

static bool add_zone(bnt_sensors *s, const char *folder, const char *name)
{
    char kind[WORD];

    if (strncmp(name, "thermal_zone", 12) != 0) return true;
    if (!read_word(folder, "type", kind) || !is_processor(kind)) return true;
    return keep_heat(s, folder, "temp", kind);
}

/* Tctl is what AMD's fans are controlled by: on some models the temperature and 10 to 27
 * degrees more. Tdie, where it is shown, is the temperature. */
static bool is_control_value(const char *folder, const char *input)
{
    char word[WORD], file[WORD];
    bool shown = false;

    for (int i = 1; i <= 8 && !shown; i++) {
        snprintf(file, sizeof file, "temp%d_label", i);
        shown = read_word(folder, file, word) && strcmp(word, "Tdie") == 0;
    }
    snprintf(file, sizeof file, "%.*slabel", (int)(strlen(input) - strlen("input")), input);
    return shown && read_word(folder, file, word) && strcmp(word, "Tctl") == 0;
}

static bool add_monitor(bnt_sensors *s, const char *folder, const char *name)
{
    char kind[WORD], file[WORD];
    bool ok = true;

    (void)name;
    if (!read_word(folder, "name", kind) || !is_processor(kind)) return true;
    for (int i = 1; i <= MAX_PATHS && ok; i++) {
        snprintf(file, sizeof file, "temp%d_input", i);
        if (!is_control_value(folder, file)) ok = keep_heat(s, folder, file, kind);
    }
    return ok;
}

static double hottest(const bnt_sensors *s)
{
    double most = NAN;

    for (size_t i = 0; i < s->n_heat; i++) {
        int64_t value;
        if (!number_at(s->heat[i], &value)) continue;
        const double celsius = (double)value / 1000;
        if (celsius < least_celsius || celsius > most_celsius) continue;
        if (!(celsius <= most)) most = celsius; /* the first one, too: NaN compares false */
    }
    return most;
}

/* ---- clock ------------------------------------------------------------------------------- */

static bool find_clocks(bnt_sensors *s, const char *root, const bnt_cpu_set *cores)
{
    char path[PATH];
    int64_t khz;
    bool ok = true;

    for (size_t i = 0; i < BNT_CPU_MAX_CORES && s->n_clocks < MAX_PATHS && ok; i++) {
        if (!(cores->bits[i / 64] >> i % 64 & 1)) continue;
        const int n =
            snprintf(path, sizeof path, "%s/devices/system/cpu/cpu%zu/cpufreq/scaling_cur_freq",
                     root, i);
        if (n < 0 || n >= PATH || !number_at(path, &khz)) continue;
        ok = keep(s->clocks, &s->n_clocks, path);
    }
    return ok;
}

static double mean_mhz(const bnt_sensors *s)
{
    double sum = 0.0;
    size_t n = 0;

    for (size_t i = 0; i < s->n_clocks; i++) {
        int64_t khz;
        if (!number_at(s->clocks[i], &khz) || khz <= 0 || khz > 100000000) continue;
        sum += (double)khz / 1000;
        n++;
    }
    return n ? sum / (double)n : NAN;
}

/* ---- energy: the processor's counters ---------------------------------------------------- */

/* Packages alone: what lies inside of one ("intel-rapl:0:0") is counted in it, the same is
 * shown again as "intel-rapl-mmio:0", and "psys" is the platform with all packages. */
static bool add_package(bnt_sensors *s, const char *folder, const char *name)
{
    char word[WORD];
    counter *const c = &s->packages[s->n_packages];

    if (s->n_packages == MAX_PACKAGES || strncmp(name, "intel-rapl:", 11) != 0) return true;
    if (strchr(name + 11, ':') || !read_word(folder, "name", word)) return true;
    if (strncmp(word, "package", 7) != 0 || !join(c->path, folder, "energy_uj")) return true;
    if (!number_at(c->path, &c->last) || c->last < 0) return true;
    if (!read_number(folder, "max_energy_range_uj", &c->range) || c->range < 0) c->range = 0;
    s->n_packages++;
    return true;
}

/* Joules since the last look. A counter that fell has begun anew. */
static double advance(counter *c, double seconds)
{
    int64_t now;

    if (!number_at(c->path, &now) || now < 0) return NAN;
    const double range = c->range >= c->last ? (double)c->range : NAN;
    const double moved = (double)now - (double)c->last;
    const double joules = (moved >= 0 ? moved : moved + range) / 1e6;
    c->last = now;
    return joules <= most_watts * (seconds + 1) ? joules : NAN; /* its steps are coarse */
}

static double counted_joules(bnt_sensors *s, double seconds)
{
    double sum = 0.0;

    for (size_t i = 0; i < s->n_packages; i++) {
        sum += advance(&s->packages[i], seconds);
    }
    return sum;
}

/* ---- energy: the batteries --------------------------------------------------------------- */

/* Not those of mice and pens, whose scope is "Device". */
static bool add_battery(bnt_sensors *s, const char *folder, const char *name)
{
    char word[WORD];

    (void)name;
    if (s->n_batteries == MAX_BATTERIES) return true;
    if (!read_word(folder, "type", word) || strcmp(word, "Battery") != 0) return true;
    if (read_word(folder, "scope", word) && strcmp(word, "Device") == 0) return true;
    if (join(s->batteries[s->n_batteries], folder, "")) s->n_batteries++;
    return true;
}

/* What a battery gives, in watts; the sign of a current is the maker's choice. */
static double battery_watts(const char *folder)
{
    int64_t power, current, volts;

    if (read_number(folder, "power_now", &power)) return fabs((double)power) / 1e6;
    if (!read_number(folder, "current_now", &current)) return NAN;
    if (!read_number(folder, "voltage_now", &volts)) return NAN;
    return fabs((double)current / 1e6) * ((double)volts / 1e6);
}

typedef struct supply {
    bool discharging; /* at least one battery gives, and none is being charged */
    double watts, stored;
} supply;

static supply look_at_batteries(const bnt_sensors *s)
{
    supply all = {false, 0.0, 0.0};
    bool charging = false;

    for (size_t i = 0; i < s->n_batteries; i++) {
        const char *const folder = s->batteries[i];
        char status[WORD];
        int64_t stored;
        (void)read_word(folder, "status", status);
        all.stored +=
            read_number(folder, "energy_now", &stored) ? (double)stored * 3600 / 1e6 : NAN;
        if (strcmp(status, "Charging") == 0) charging = true;
        if (strcmp(status, "Discharging") != 0) continue;
        all.discharging = true;
        all.watts += battery_watts(folder);
    }
    all.discharging = all.discharging && !charging;
    if (!(all.watts <= most_watts)) all.watts = NAN;
    return all;
}

/* What the batteries gave, where they give all the device takes. A charger that is plugged in
 * ends that for good. */
static double battery_joules(bnt_sensors *s, double seconds)
{
    const supply now = look_at_batteries(s);

    s->discharging = s->discharging && now.discharging;
    if (!s->discharging) return NAN;
    if (isnan(s->watts)) return s->stored - now.stored - s->joules;
    const double joules = (s->watts + now.watts) / 2 * seconds;
    s->watts = now.watts;
    return joules;
}

/* ---- the whole --------------------------------------------------------------------------- */

bantam_status bnt_sensors_open(bnt_sensors **out, const char *root, const bnt_cpu_set *cores,
                               uint64_t now_ns, bantam_error *err)
{
    *out = NULL;
    bnt_sensors *const s = bnt_calloc(1, sizeof *s);
    const bool found = s && for_each(s, root, "class/thermal", add_zone) &&
                       for_each(s, root, "class/hwmon", add_monitor) &&
                       find_clocks(s, root, cores) &&
                       for_each(s, root, "class/powercap", add_package) &&
                       for_each(s, root, "class/power_supply", add_battery);
    if (!found) {
        bnt_sensors_close(s);
        return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for sensors");
    }
    const supply first = look_at_batteries(s);
    s->discharging = first.discharging;
    s->watts = first.watts;
    s->stored = first.stored;
    s->before_ns = now_ns;
    *out = s;
    return BANTAM_OK;
}

void bnt_sensors_close(bnt_sensors *s)
{
    if (!s) return;
    for (size_t i = 0; i < s->n_heat; i++) {
        bnt_free(s->heat[i]);
    }
    for (size_t i = 0; i < s->n_clocks; i++) {
        bnt_free(s->clocks[i]);
    }
    bnt_free(s);
}

void bnt_sensors_read(bnt_sensors *s, uint64_t now_ns, bantam_reading *out)
{
    const double seconds = (double)(now_ns - s->before_ns) / 1e9;

    *out = (bantam_reading){.temperature_c = hottest(s), .frequency_mhz = mean_mhz(s)};
    s->before_ns = now_ns;
    /* NaN stays NaN: a gap in the counting cannot be filled later. */
    s->joules += s->n_packages ? counted_joules(s, seconds) : battery_joules(s, seconds);
    out->energy_j = s->joules;
    if (s->n_heat) out->temperature_from = (bantam_text){s->heat_from, strlen(s->heat_from)};
    if (isnan(s->joules)) return;
    out->energy_from = s->n_packages ? (bantam_text){"rapl", 4} : (bantam_text){"battery", 7};
}
