/* cli_pace.h - making tokens no faster than wanted, or than heat allows.
 *
 * The library computes as fast as it can; a command that is to be slower sleeps between tokens.
 */
#ifndef BANTAM_CLI_PACE_H
#define BANTAM_CLI_PACE_H
#include "bantam/bantam.h"
#include "cli_args.h"

typedef struct cli_pace {
    double rate;                       /* tokens per second at most; 0: no limit */
    double limit;                      /* degrees Celsius; 0: no limit */
    bantam_sensors *sensors;           /* owns; NULL without a limit of heat */
    double share;                      /* of the time that is spent on computing */
    double celsius;                    /* when last looked */
    double looked_ms, left_ms, due_ms; /* last look; last token let go; when the next may go */
    double owed_ms;                    /* rest for heat, not taken yet */
} cli_pace;

/* Reads --pace and --max-temp. Returns 0, or has said what is wrong: a rate that is none, or a
 * system that shows no temperature to keep to. */
int cli_pace_open(cli_pace *p, const cli_args *args);
void cli_pace_close(cli_pace *p);

/* An answer begins: the time since the last one is not caught up on. */
void cli_pace_begin(cli_pace *p);
/* After each token: sleeps as long as the limits want, or until a signal comes. */
void cli_pace_wait(cli_pace *p);

/* The folder that stands for /sys: BANTAM_SYSFS, else NULL. */
const char *cli_pace_root(void);

/* A rate: "20" or "20tok/s". A time: "90", "90s", "10m", "1.5h". */
bool cli_read_rate(const char *text, double *per_second);
bool cli_read_duration(const char *text, double *seconds);

#endif
