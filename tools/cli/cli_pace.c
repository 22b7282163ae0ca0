/* cli_pace.c - making tokens no faster than wanted; see cli_pace.h. */
#include "cli_pace.h"

#include "cli_engine.h"
#include "cli_out.h"
#include "cli_signal.h"
#include "cli_throttle.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const double look_ms = 500.0;       /* between two looks at the temperature */
static const double longest_rest = 5000.0; /* after one token, for heat */
/* Threads that have slept are slow to come back: small rests are saved up for one of these. */
static const double shortest_rest = 10.0;
static const double longest_credit = 100.0; /* of lost time, that is caught up on */

/* ---- numbers with units ------------------------------------------------------------------ */

/* A number, and what stands behind it. */
static bool split(const char *text, double *value, const char **unit)
{
    char number[32];
    const size_t n = strspn(text, "0123456789.");

    if (n == 0 || n >= sizeof number) return false;
    memcpy(number, text, n);
    number[n] = '\0';
    *unit = text + n;
    return cli_read_real(number, 0.001, 1e9, value);
}

bool cli_read_rate(const char *text, double *per_second)
{
    const char *unit;

    return split(text, per_second, &unit) &&
           (!*unit || strcmp(unit, "tok/s") == 0 || strcmp(unit, "/s") == 0);
}

bool cli_read_duration(const char *text, double *seconds)
{
    const char *unit;

    if (!split(text, seconds, &unit) || (*unit && unit[1])) return false;
    if (*unit == 'm') *seconds *= 60;
    if (*unit == 'h') *seconds *= 3600;
    return (!*unit || strchr("smh", *unit)) && *seconds >= 0.1 && *seconds <= 30 * 24 * 3600.0;
}

/* ---- open and close ---------------------------------------------------------------------- */

const char *cli_pace_root(void)
{
    const char *const root = getenv("BANTAM_SYSFS");
    return root && *root ? root : NULL;
}

static int open_sensors(cli_pace *p)
{
    bantam_reading first;
    bantam_error err = {0};

    if (bantam_sensors_open(&p->sensors, cli_pace_root(), &err)) return cli_fail(&err);
    bantam_sensors_read(p->sensors, &first);
    p->celsius = first.temperature_c;
    p->looked_ms = cli_now_ms();
    if (!isnan(p->celsius)) return 0;
    return cli_fail_with(BANTAM_ERR_UNSUPPORTED,
                         "--max-temp: this system shows no temperature of its processor");
}

int cli_pace_open(cli_pace *p, const cli_args *args)
{
    *p = (cli_pace){.share = 1.0, .limit = args->pace.limit};
    if (args->pace.rate && !cli_read_rate(args->pace.rate, &p->rate)) {
        return cli_usage("--pace: '%s' is not a rate such as 20 or 20tok/s", args->pace.rate);
    }
    return p->limit > 0.0 ? open_sensors(p) : 0;
}

void cli_pace_close(cli_pace *p)
{
    bantam_sensors_close(p->sensors);
    p->sensors = NULL;
}

/* ---- between tokens ---------------------------------------------------------------------- */

void cli_pace_begin(cli_pace *p)
{
    p->due_ms = p->left_ms = cli_now_ms();
    p->owed_ms = 0.0;
}

/* In pieces, so that a signal that comes just before one is seen soon. */
static void sleep_until(double until_ms)
{
    static const double piece_ms = 100.0;

    for (;;) {
        const double left = until_ms - cli_now_ms();
        if (left <= 0.0 || cli_signal_caught()) return;
        const double ms = left < piece_ms ? left : piece_ms;
        const struct timespec t = {0, (long)(ms * 1e6)};
        nanosleep(&t, NULL);
    }
}

static void look(cli_pace *p, double now)
{
    bantam_reading r;

    if (!p->sensors || now - p->looked_ms < look_ms) return;
    bantam_sensors_read(p->sensors, &r);
    p->share = cli_throttle(p->share, r.temperature_c, r.temperature_c - p->celsius, p->limit,
                            (now - p->looked_ms) / 1e3);
    if (!isnan(r.temperature_c)) p->celsius = r.temperature_c;
    p->looked_ms = now;
}

void cli_pace_wait(cli_pace *p)
{
    const double now = cli_now_ms();

    if (p->rate <= 0.0 && !p->sensors) return;
    look(p, now);
    p->owed_ms += (now - p->left_ms) * (1.0 / p->share - 1.0);
    p->owed_ms = fmin(p->owed_ms, longest_rest);
    if (p->rate > 0.0) p->due_ms = fmax(p->due_ms + 1e3 / p->rate, now - longest_credit);

    p->left_ms = now;
    const double rest = fmax(p->owed_ms, p->due_ms - now);
    if (rest < shortest_rest) return;
    sleep_until(now + rest);
    p->left_ms = cli_now_ms();
    p->owed_ms = fmax(0.0, p->owed_ms - (p->left_ms - now));
}
