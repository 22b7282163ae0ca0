/* sensors.h - heat, clock and energy, as Linux shows them below /sys.
 *
 * Which files there are is found once, in open; a reading opens each of them and takes no
 * memory. A file that is missing, forbidden or holds nonsense counts as one that is not there.
 */
#ifndef BNT_BASE_SENSORS_H
#define BNT_BASE_SENSORS_H
#include "base/cpu.h"

typedef struct bnt_sensors bnt_sensors;

/* root stands for /sys; cores are those whose clock is of interest. now_ns is the time of a
 * first reading of the counters of energy. */
bantam_status bnt_sensors_open(bnt_sensors **out, const char *root, const bnt_cpu_set *cores,
                               uint64_t now_ns, bantam_error *err);
void bnt_sensors_close(bnt_sensors *s); /* accepts NULL */

/* Contract as of bantam_sensors_read(). now_ns does not fall. */
void bnt_sensors_read(bnt_sensors *s, uint64_t now_ns, bantam_reading *out);

#endif
