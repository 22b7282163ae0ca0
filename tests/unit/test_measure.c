/* What a machine does at most: the probes, and the public call that runs them. */
#include "base/cpu.h"
#include "base/mem.h"
#include "kernel/kernel.h"
#include "kernel/probe.h"
#include "support.h"

static void probes_count_what_they_do(void **state)
{
    (void)state;
    const unsigned all = bnt_cpu_flags();
    const unsigned sets[] = {0,
                             BNT_CPU_AVX2,
                             BNT_CPU_AVX2 | BNT_CPU_AVXVNNI,
                             BNT_CPU_NEON,
                             BNT_CPU_NEON | BNT_CPU_DOTPROD,
                             all};
    for (size_t i = 0; i < sizeof sets / sizeof sets[0]; i++) {
        bnt_probes p;
        bnt_kernels k;
        uint32_t one, two;
        bnt_probes_init(&p, sets[i] & all);
        bnt_kernels_init(&k, sets[i] & all);
        assert_string_equal(p.name, k.name);
        const bnt_probe_fn both[] = {p.int8, p.fp32};
        for (size_t j = 0; j < 2; j++) {
            const uint64_t ops = both[j](100, &one);
            assert_true(ops > 0);
            assert_true(both[j](200, &two) == 2 * ops);
            assert_true(both[j](200, &one) == 2 * ops && one == two);
            assert_true(both[j](0, &one) == 0);
        }
    }
}

/* A sum of 64-bit words, over four streams. */
static void every_byte_is_read(void **state)
{
    (void)state;
    enum { WORDS = 4 * 8 * 9 };
    static _Alignas(64) uint64_t words[WORDS];
    uint64_t sum = 0;
    for (size_t i = 0; i < WORDS; i++) {
        words[i] = i * UINT64_C(0x9E3779B97F4A7C15);
        sum += words[i];
    }
    assert_true(bnt_probe_read((const uint8_t *)words, sizeof words) == sum);
    assert_true(bnt_probe_read((const uint8_t *)words, 0) == 0);
}

static void wrong_arguments_are_refused_at_once(void **state)
{
    (void)state;
    bantam_device_speed speed = {1, 1, 1, 1};
    bantam_error err;
    assert_int_equal(bantam_device_measure("sse", 1, &speed, &err), BANTAM_ERR_INVALID);
    assert_non_null(strstr(err.message, "sse"));
    assert_true(speed.n_threads == 0 && speed.int8_gops == 0);
    assert_int_equal(bantam_device_measure(NULL, 1000000, &speed, &err), BANTAM_ERR_INVALID);
    assert_non_null(strstr(err.message, "1000000"));
}

/* The first allocation fails, then the second, ...: where it is the memory to be read that is
 * missing, only that rate is. */
static void a_machine_is_measured_with_the_memory_there_is(void **state)
{
    (void)state;
    const int64_t live = bnt_mem_live();
    bantam_device_speed speed = {0};
    uint64_t total, available;
    bnt_cpu_memory(&total, &available);
    bool measured = false, unread = false;
    for (uint64_t n = 0; !measured && n < 10; n++) {
        bantam_error err;
        bnt_mem_fail_after(n);
        const bantam_status status = bantam_device_measure("ref", 2, &speed, &err);
        bnt_mem_fail_after(UINT64_MAX);
        assert_true(status == BANTAM_OK || status == BANTAM_ERR_NOMEM);
        assert_int_equal(bnt_mem_live(), live);
        if (status) continue;
        assert_true(speed.n_threads == 2 && speed.int8_gops > 0 && speed.fp32_gflops > 0);
        measured = unread; /* the second success is with all memory */
        unread = true;
    }
    assert_true(measured);
    assert_true(speed.read_gb_s > 0 || available < UINT64_C(128) << 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(probes_count_what_they_do),
        cmocka_unit_test(every_byte_is_read),
        cmocka_unit_test(wrong_arguments_are_refused_at_once),
        cmocka_unit_test(a_machine_is_measured_with_the_memory_there_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
