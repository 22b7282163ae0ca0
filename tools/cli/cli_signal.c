/* cli_signal.c - signals; see cli_signal.h.
 *
 * What the handler touches is lock-free and what it calls may be called from a handler:
 * bantam_session_cancel() promises it, _exit() is listed by POSIX.
 */
#include "cli_signal.h"

#include "cli_out.h"

#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

static volatile sig_atomic_t caught, watched_now;
static _Atomic(bantam_session *) running;

static void on_signal(int number)
{
    bantam_session *session = atomic_load(&running);

    if (caught || (!session && !watched_now)) _exit(128 + number);
    caught = number;
    if (session) bantam_session_cancel(session);
}

void cli_signal_start(void)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction action;

    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal;
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        struct sigaction before;
        /* A parent that ignores a signal (nohup) means it. */
        if (sigaction(numbers[i], NULL, &before) == 0 && before.sa_handler == SIG_IGN) continue;
        sigaction(numbers[i], &action, NULL);
    }
    /* A reader that goes away, and a file that may not grow, are errors of write(). */
    action.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &action, NULL);
    sigaction(SIGXFSZ, &action, NULL);
}

void cli_signal_session(bantam_session *session)
{
    atomic_store(&running, session);
}

void cli_signal_watched(bool watched)
{
    watched_now = watched;
}

int cli_signal_caught(void)
{
    return caught;
}

void cli_signal_forget(void)
{
    caught = 0;
}

int cli_signal_status(void)
{
    return caught ? 128 + caught : CLI_INTERRUPTED;
}

int cli_signal_fail(const bantam_error *err)
{
    const int status = cli_fail(err);
    return status == CLI_INTERRUPTED ? cli_signal_status() : status;
}

int cli_signal_end(bantam_status failed, const bantam_error *err)
{
    cli_signal_watched(false);
    cli_progress("", 0, 0);
    return failed ? cli_signal_fail(err) : CLI_OK;
}
