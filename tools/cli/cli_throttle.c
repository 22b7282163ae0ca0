/* cli_throttle.c - how much of the time to compute, so that a limit of heat is kept.
 *
 * Heat follows power by a lag of seconds (a chip) to minutes (a phone's case), and power
 * follows the share of time about in proportion. The controller is the usual one with a
 * proportional and an integral part, in the form that knows no set point: it changes the
 * logarithm of the share, so that a step means the same at any speed.
 *
 *     ln share' = ln share - KP * change - KI * (celsius - limit) * seconds
 *
 * With 50 degrees between idle and full speed, a lag T and a share of one half it behaves like
 * an oscillator of frequency sqrt(25 KI / T), damped by (1 + 25 KP) / (2 sqrt(25 KI T)): 1.6
 * for ten seconds, 0.65 for a minute.
 */
#include "cli_throttle.h"

#include <math.h>

double cli_throttle(double share, double celsius, double change, double limit, double seconds)
{
    static const double kp = 0.05, ki = 0.002; /* per degree; per degree and second */
    static const double least = 0.02;
    static const double most_step = 0.7; /* a factor of two at once */

    double step = kp * change + ki * (celsius - limit) * seconds;
    if (isnan(step)) return share;
    step = fmax(-most_step, fmin(most_step, step));
    return fmax(least, fmin(1.0, share * exp(-step)));
}
