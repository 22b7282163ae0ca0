/* test_sensors.c - heat, clock and energy out of folders that stand for /sys. */
#include "base/mem.h"
#include "base/sensors.h"
#include "temp_folder.h"

#include <math.h>

static const uint64_t second = 1000000000u;

static temp_folder T;
static const bnt_cpu_set TWO_CORES = {{3}};

static int make_folder(void **state)
{
    (void)state;
    temp_make(&T);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    temp_remove(&T);
    return 0;
}

/* Writes FOLDER/NAME, making the folder. */
static void put(const char *folder, const char *name, const char *text)
{
    char path[512];
    temp_folder_in(&T, folder);
    snprintf(path, sizeof path, "%s/%s", folder, name);
    temp_write_text(&T, path, text);
}

static bnt_sensors *open_at(uint64_t now)
{
    bnt_sensors *s = NULL;
    bantam_error err = {0};
    if (bnt_sensors_open(&s, T.path, &TWO_CORES, now, &err)) fail_msg("%s", err.message);
    return s;
}

static bantam_reading read_at(bnt_sensors *s, uint64_t now)
{
    bantam_reading r;
    bnt_sensors_read(s, now, &r);
    return r;
}

static bantam_reading read_once(void)
{
    bnt_sensors *const s = open_at(0);
    bantam_reading r = read_at(s, second);
    bnt_sensors_close(s);
    r.temperature_from = r.energy_from = (bantam_text){NULL, 0};
    return r;
}

static bool is(bantam_text text, const char *word)
{
    return text.size == strlen(word) && memcmp(text.data, word, text.size) == 0;
}

/* ---- nothing ---- */

static void where_there_is_nothing_nothing_is_shown(void **state)
{
    bnt_sensors *const s = open_at(0);
    const bantam_reading r = read_at(s, second);
    (void)state;
    assert_true(isnan(r.temperature_c) && isnan(r.frequency_mhz) && isnan(r.energy_j));
    assert_int_equal(r.temperature_from.size, 0);
    assert_int_equal(r.energy_from.size, 0);
    bnt_sensors_close(s);
    bnt_sensors_close(NULL);
}

static void a_root_that_is_not_there_is_an_empty_one(void **state)
{
    bnt_sensors *s = NULL;
    bantam_error err = {0};
    (void)state;
    assert_int_equal(bnt_sensors_open(&s, "/nonexistent/sys", &TWO_CORES, 0, &err), BANTAM_OK);
    assert_true(isnan(read_at(s, second).temperature_c));
    bnt_sensors_close(s);
}

/* ---- heat ---- */

static void the_hottest_of_the_processors_zones_counts(void **state)
{
    put("class/thermal/thermal_zone0", "type", "acpitz\n");
    put("class/thermal/thermal_zone0", "temp", "99000\n");
    put("class/thermal/thermal_zone1", "type", "x86_pkg_temp\n");
    put("class/thermal/thermal_zone1", "temp", "61500\n");
    put("class/thermal/thermal_zone2", "type", "cpu-1-0-usr\n");
    put("class/thermal/thermal_zone2", "temp", "64250\n");
    put("class/thermal/thermal_zone3", "type", "soc\n"); /* a state of charge */
    put("class/thermal/thermal_zone3", "temp", "90000\n");
    put("class/thermal/cooling_device0", "type", "Processor cpu\n");
    put("class/thermal/cooling_device0", "temp", "95000\n");
    bnt_sensors *const s = open_at(0);
    const bantam_reading r = read_at(s, second);
    (void)state;
    assert_true(r.temperature_c == 64.25);
    assert_true(is(r.temperature_from, "x86_pkg_temp"));
    put("class/thermal/thermal_zone1", "temp", "70000\n");
    assert_true(read_at(s, 2 * second).temperature_c == 70.0);
    bnt_sensors_close(s);
}

static void monitors_of_chips_count_too(void **state)
{
    put("class/hwmon/hwmon0", "name", "nvme\n");
    put("class/hwmon/hwmon0", "temp1_input", "80000\n");
    put("class/hwmon/hwmon1", "name", "coretemp\n");
    put("class/hwmon/hwmon1", "temp1_input", "50000\n");
    put("class/hwmon/hwmon1", "temp3_input", "53000\n");
    (void)state;
    assert_true(read_once().temperature_c == 53.0);
}

static void the_control_value_of_a_fan_is_no_temperature(void **state)
{
    put("class/hwmon/hwmon0", "name", "k10temp\n");
    put("class/hwmon/hwmon0", "temp1_input", "77000\n");
    put("class/hwmon/hwmon0", "temp1_label", "Tctl\n");
    (void)state;
    assert_true(read_once().temperature_c == 77.0); /* where it is all there is */
    put("class/hwmon/hwmon0", "temp2_input", "50000\n");
    put("class/hwmon/hwmon0", "temp2_label", "Tdie\n");
    assert_true(read_once().temperature_c == 50.0);
}

static void nonsense_is_no_temperature(void **state)
{
    static const char *const texts[] = {"",          "\n",       "hot\n",
                                        "-274000\n", "999999\n", "40000 C\n",
                                        "0x9C40\n",  "1e4\n",    "99999999999999999999\n"};
    (void)state;
    put("class/thermal/thermal_zone0", "type", "cpu\n");
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        put("class/thermal/thermal_zone0", "temp", texts[i]);
        assert_true(isnan(read_once().temperature_c));
    }
    put("class/thermal/thermal_zone0", "temp", "-5000\n");
    assert_true(read_once().temperature_c == -5.0);
    put("class/thermal/thermal_zone1", "type", "cpu\n");
    put("class/thermal/thermal_zone1", "temp", "65535000\n"); /* beside one that works */
    assert_true(read_once().temperature_c == -5.0);
}

static void a_sensor_that_goes_away_leaves_nothing_behind(void **state)
{
    put("class/thermal/thermal_zone0", "type", "cpu\n");
    put("class/thermal/thermal_zone0", "temp", "42000\n");
    bnt_sensors *const s = open_at(0);
    (void)state;
    assert_true(read_at(s, second).temperature_c == 42.0);
    unlink(temp_path(&T, "class/thermal/thermal_zone0/temp"));
    assert_true(isnan(read_at(s, 2 * second).temperature_c));
    bnt_sensors_close(s);
}

/* ---- clock ---- */

static void the_clock_is_the_mean_of_the_cores_in_use(void **state)
{
    put("devices/system/cpu/cpu0/cpufreq", "scaling_cur_freq", "2000000\n");
    put("devices/system/cpu/cpu1/cpufreq", "scaling_cur_freq", "3000000\n");
    put("devices/system/cpu/cpu2/cpufreq", "scaling_cur_freq", "500000\n");
    (void)state;
    assert_true(read_once().frequency_mhz == 2500.0);
    put("devices/system/cpu/cpu1/cpufreq", "scaling_cur_freq", "<unknown>\n");
    assert_true(read_once().frequency_mhz == 2000.0);
    put("devices/system/cpu/cpu0/cpufreq", "scaling_cur_freq", "0\n");
    assert_true(isnan(read_once().frequency_mhz));
}

/* ---- energy: counters ---- */

static void put_package(const char *name, const char *kind, const char *energy)
{
    char folder[64];
    snprintf(folder, sizeof folder, "class/powercap/%s", name);
    put(folder, "name", kind);
    put(folder, "energy_uj", energy);
    put(folder, "max_energy_range_uj", "262143328850\n");
}

static void packages_are_added_up_and_what_lies_in_them_is_not(void **state)
{
    put_package("intel-rapl:0", "package-0\n", "1000000\n");
    put_package("intel-rapl:1", "package-1\n", "5000000\n");
    put_package("intel-rapl:0:0", "core\n", "0\n");
    put_package("intel-rapl-mmio:0", "package-0\n", "0\n");
    put_package("intel-rapl:2", "psys\n", "0\n");
    bnt_sensors *const s = open_at(0);
    (void)state;
    put_package("intel-rapl:0", "package-0\n", "4000000\n");
    put_package("intel-rapl:1", "package-1\n", "5500000\n");
    put_package("intel-rapl:0:0", "core\n", "2000000\n");
    put_package("intel-rapl-mmio:0", "package-0\n", "3000000\n");
    put_package("intel-rapl:2", "psys\n", "9000000\n");
    const bantam_reading r = read_at(s, second);
    assert_true(fabs(r.energy_j - 3.5) < 1e-9);
    assert_true(is(r.energy_from, "rapl"));
    put_package("intel-rapl:0", "package-0\n", "4250000\n");
    assert_true(fabs(read_at(s, 2 * second).energy_j - 3.75) < 1e-9);
    bnt_sensors_close(s);
}

static void a_counter_that_runs_over_goes_on(void **state)
{
    put_package("intel-rapl:0", "package-0\n", "262143000000\n");
    bnt_sensors *const s = open_at(0);
    (void)state;
    put_package("intel-rapl:0", "package-0\n", "671150\n");
    /* 328850 to the end of the range and 671150 from its beginning: one joule. */
    assert_true(fabs(read_at(s, second).energy_j - 1.0) < 1e-9);
    put_package("intel-rapl:0", "package-0\n", "1671150\n");
    assert_true(fabs(read_at(s, 2 * second).energy_j - 2.0) < 1e-9);
    bnt_sensors_close(s);
}

static void a_counter_without_a_range_or_with_a_jump_ends_the_count(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        put_package("intel-rapl:0", "package-0\n", "5000000\n");
        if (i == 0) put("class/powercap/intel-rapl:0", "max_energy_range_uj", "none\n");
        bnt_sensors *const s = open_at(0);
        /* Back without a range; a hundred kilowatts; not there. */
        put("class/powercap/intel-rapl:0", "energy_uj",
            i == 0   ? "4000000\n"
            : i == 1 ? "200005000000\n"
                     : "");
        const bantam_reading r = read_at(s, second);
        assert_true(isnan(r.energy_j));
        assert_int_equal(r.energy_from.size, 0);
        put("class/powercap/intel-rapl:0", "energy_uj", "6000000\n");
        assert_true(isnan(read_at(s, 2 * second).energy_j)); /* a gap stays one */
        bnt_sensors_close(s);
    }
}

/* ---- energy: batteries ---- */

static void put_battery(const char *status)
{
    put("class/power_supply/BAT0", "type", "Battery\n");
    put("class/power_supply/BAT0", "status", status);
}

static void the_power_of_a_battery_is_integrated(void **state)
{
    put_battery("Discharging\n");
    put("class/power_supply/BAT0", "power_now", "10000000\n");
    put("class/power_supply/hid-pen", "type", "Battery\n");
    put("class/power_supply/hid-pen", "scope", "Device\n");
    put("class/power_supply/hid-pen", "status", "Charging\n");
    bnt_sensors *const s = open_at(0);
    (void)state;
    put("class/power_supply/BAT0", "power_now", "20000000\n");
    const bantam_reading r = read_at(s, 2 * second);
    assert_true(fabs(r.energy_j - 30.0) < 1e-9); /* 15 W on average, two seconds */
    assert_true(is(r.energy_from, "battery"));
    assert_true(fabs(read_at(s, 3 * second).energy_j - 50.0) < 1e-9);
    put_battery("Charging\n");
    assert_true(isnan(read_at(s, 4 * second).energy_j));
    put_battery("Discharging\n");
    assert_true(isnan(read_at(s, 5 * second).energy_j));
    bnt_sensors_close(s);
}

static void the_sign_of_a_current_does_not_matter(void **state)
{
    (void)state;
    put_battery("Discharging\n");
    put("class/power_supply/BAT0", "voltage_now", "4000000\n");
    for (int i = 0; i < 2; i++) {
        put("class/power_supply/BAT0", "current_now", i ? "-1500000\n" : "1500000\n");
        bnt_sensors *const s = open_at(0);
        assert_true(fabs(read_at(s, 10 * second).energy_j - 60.0) < 1e-9);
        bnt_sensors_close(s);
    }
}

static void a_battery_that_tells_its_energy_alone_is_read_as_it_falls(void **state)
{
    put_battery("Discharging\n");
    put("class/power_supply/BAT0", "energy_now", "50000000\n");
    bnt_sensors *const s = open_at(0);
    (void)state;
    put("class/power_supply/BAT0", "energy_now", "49990000\n");
    assert_true(fabs(read_at(s, 60 * second).energy_j - 36.0) < 1e-6); /* 0.01 Wh */
    put("class/power_supply/BAT0", "energy_now", "49980000\n");
    assert_true(fabs(read_at(s, 120 * second).energy_j - 72.0) < 1e-6);
    bnt_sensors_close(s);
}

static void a_battery_on_a_charger_tells_nothing(void **state)
{
    static const char *const words[] = {"Charging\n", "Full\n", "Not charging\n", "Unknown\n",
                                        ""};
    (void)state;
    put("class/power_supply/BAT0", "power_now", "10000000\n");
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        put_battery(words[i]);
        assert_true(isnan(read_once().energy_j));
        bnt_sensors *const s = open_at(0);
        put_battery("Discharging\n"); /* unplugged: nobody knows since when */
        assert_true(isnan(read_at(s, second).energy_j));
        bnt_sensors_close(s);
    }
}

static void the_processors_counter_is_preferred(void **state)
{
    put_battery("Discharging\n");
    put("class/power_supply/BAT0", "power_now", "10000000\n");
    put_package("intel-rapl:0", "package-0\n", "0\n");
    bnt_sensors *const s = open_at(0);
    (void)state;
    put_package("intel-rapl:0", "package-0\n", "2000000\n");
    const bantam_reading r = read_at(s, second);
    assert_true(fabs(r.energy_j - 2.0) < 1e-9);
    assert_true(is(r.energy_from, "rapl"));
    bnt_sensors_close(s);
}

/* ---- memory ---- */

static void failed_allocations_are_reported(void **state)
{
    bnt_sensors *s = NULL;
    bantam_error err = {0};
    uint64_t n = 0;
    (void)state;
    put("class/thermal/thermal_zone0", "type", "cpu\n");
    put("class/thermal/thermal_zone0", "temp", "42000\n");
    put("class/hwmon/hwmon0", "name", "coretemp\n");
    put("class/hwmon/hwmon0", "temp1_input", "43000\n");
    put("devices/system/cpu/cpu0/cpufreq", "scaling_cur_freq", "2000000\n");
    put_package("intel-rapl:0", "package-0\n", "0\n");
    put_battery("Discharging\n");
    const int64_t live = bnt_mem_live();
    do {
        bnt_mem_fail_after(n++);
        const bantam_status status = bnt_sensors_open(&s, T.path, &TWO_CORES, 0, &err);
        assert_int_equal(status, s ? BANTAM_OK : BANTAM_ERR_NOMEM);
        if (!s) assert_int_equal(bnt_mem_live(), live);
    } while (!s && n < 100);
    bnt_mem_fail_after(UINT64_MAX);
    assert_non_null(s);
    assert_true(n > 5);
    const uint64_t asked = bnt_mem_allocations();
    assert_true(read_at(s, second).temperature_c == 43.0);
    assert_int_equal(bnt_mem_allocations(), asked); /* a reading takes none */
    bnt_sensors_close(s);
    assert_int_equal(bnt_mem_live(), live);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(where_there_is_nothing_nothing_is_shown),
        TEST(a_root_that_is_not_there_is_an_empty_one),
        TEST(the_hottest_of_the_processors_zones_counts),
        TEST(monitors_of_chips_count_too),
        TEST(the_control_value_of_a_fan_is_no_temperature),
        TEST(nonsense_is_no_temperature),
        TEST(a_sensor_that_goes_away_leaves_nothing_behind),
        TEST(the_clock_is_the_mean_of_the_cores_in_use),
        TEST(packages_are_added_up_and_what_lies_in_them_is_not),
        TEST(a_counter_that_runs_over_goes_on),
        TEST(a_counter_without_a_range_or_with_a_jump_ends_the_count),
        TEST(the_power_of_a_battery_is_integrated),
        TEST(the_sign_of_a_current_does_not_matter),
        TEST(a_battery_that_tells_its_energy_alone_is_read_as_it_falls),
        TEST(a_battery_on_a_charger_tells_nothing),
        TEST(the_processors_counter_is_preferred),
        TEST(failed_allocations_are_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
