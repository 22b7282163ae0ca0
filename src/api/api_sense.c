/* api_sense.c - the sensors of this machine. */
#include "api/api.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/sensors.h"

struct bantam_sensors {
    bnt_sensors *sensors; /* owns */
};

bantam_status bantam_sensors_open(bantam_sensors **out, const char *root, bantam_error *err)
{
    bnt_cpu_layout layout;

    *out = NULL;
    bantam_sensors *const s = bnt_calloc(1, sizeof *s);
    if (!s) return bnt_fail(err, BANTAM_ERR_NOMEM, "out of memory for sensors");
    bnt_cpu_layout_read(&layout);
    const bantam_status status =
        bnt_sensors_open(&s->sensors, root ? root : "/sys", &layout.big, bnt_clock_ns(), err);
    if (status) {
        bnt_free(s);
        return status;
    }
    *out = s;
    return BANTAM_OK;
}

void bantam_sensors_close(bantam_sensors *sensors)
{
    if (!sensors) return;
    bnt_sensors_close(sensors->sensors);
    bnt_free(sensors);
}

void bantam_sensors_read(bantam_sensors *sensors, bantam_reading *out)
{
    bnt_sensors_read(sensors->sensors, bnt_clock_ns(), out);
}
