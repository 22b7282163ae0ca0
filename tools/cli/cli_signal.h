/* cli_signal.h - Ctrl-C and its relatives end work early and keep what is there.
 *
 * The first SIGINT, SIGTERM or SIGHUP asks whatever is running to stop; the second, or a first
 * one while nothing can be asked, ends the process at once with 128 + the signal's number.
 */
#ifndef BANTAM_CLI_SIGNAL_H
#define BANTAM_CLI_SIGNAL_H
#include "bantam/bantam.h"

void cli_signal_start(void);

/* The session to cancel from now on; NULL for none. */
void cli_signal_session(bantam_session *session);
/* Work that looks at cli_signal_caught() by itself is under way, or is not. */
void cli_signal_watched(bool watched);

int cli_signal_caught(void); /* the signal's number, 0 for none */
void cli_signal_forget(void);

/* The exit status of an interrupted command. */
int cli_signal_status(void);
/* As cli_fail(), with that status where a signal ended the work. */
int cli_signal_fail(const bantam_error *err);
/* Watched work is over: wipes its progress and says what went wrong, if anything did. Returns
 * the exit status. */
int cli_signal_end(bantam_status failed, const bantam_error *err);

#endif
