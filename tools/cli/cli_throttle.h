/* cli_throttle.h - how much of the time to compute, so that a limit of heat is kept. */
#ifndef BANTAM_CLI_THROTTLE_H
#define BANTAM_CLI_THROTTLE_H

/* The next share of time, within (0, 1], from the one before, the temperature, what it has
 * changed by since (both in degrees) and the time that took. A temperature that is not known,
 * NaN, changes nothing. */
double cli_throttle(double share, double celsius, double change, double limit, double seconds);

#endif
