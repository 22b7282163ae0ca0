/* Half precision, against arithmetic that knows no bit tricks. */
#include "base/f16.h"
#include "support.h"

#include <math.h>

/* The value of a half by its definition. */
static double half_value(uint16_t h)
{
    const int exponent = h >> 10 & 31, fraction = h & 1023;
    double x = exponent ? ldexp(1024 + fraction, exponent - 25) : ldexp(fraction, -24);
    if (exponent == 31) x = fraction ? (double)NAN : (double)INFINITY;
    return h & 0x8000 ? -x : x;
}

static void every_half_has_its_value_and_comes_back(void **state)
{
    (void)state;
    for (uint32_t h = 0; h < 65536; h++) {
        const float f = bnt_f16_to_f32((uint16_t)h);
        const double expected = half_value((uint16_t)h);
        if (isnan(expected)) {
            if (!isnan(f) || !isnan(bnt_f16_to_f32(bnt_f32_to_f16(f))))
                fail_msg("%x", (unsigned)h);
            continue;
        }
        if ((double)f != expected || !signbit(f) != !(h & 0x8000)) fail_msg("%x", (unsigned)h);
        if (bnt_f32_to_f16(f) != h) fail_msg("%x comes back as another", (unsigned)h);
    }
}

/* Between two neighbors: nearer wins, the middle goes to the even one. */
static void rounding_is_to_nearest_even(void **state)
{
    (void)state;
    for (uint16_t h = 0; h < 0x7BFF; h++) {
        const double low = half_value(h), high = half_value((uint16_t)(h + 1));
        const float middle = (float)((low + high) / 2);
        const uint16_t even = h % 2 ? (uint16_t)(h + 1) : h;
        if (bnt_f32_to_f16(middle) != even) fail_msg("middle above %x", h);
        if (bnt_f32_to_f16(nextafterf(middle, 0)) != h) fail_msg("below the middle, %x", h);
        if (bnt_f32_to_f16(nextafterf(middle, 1e9f)) != h + 1) fail_msg("above, %x", h);
        if (bnt_f32_to_f16(-middle) != (even | 0x8000)) fail_msg("negative, %x", h);
    }
    assert_int_equal(bnt_f32_to_f16(65519.996f), 0x7BFF);
    assert_int_equal(bnt_f32_to_f16(65520.0f), 0x7C00);
    assert_int_equal(bnt_f32_to_f16(3e38f), 0x7C00);
    assert_int_equal(bnt_f32_to_f16(-INFINITY), 0xFC00);
    assert_int_equal(bnt_f32_to_f16(0x1p-25f), 0); /* half of the least, to even */
    assert_int_equal(bnt_f32_to_f16(0x1.8p-25f), 1);
    assert_int_equal(bnt_f32_to_f16(1e-45f), 0);
}

static void bfloat16_rounds_alike(void **state)
{
    (void)state;
    for (uint32_t b = 0; b < 0x7F7F; b++) {
        const float low = bnt_bf16_to_f32((uint16_t)b);
        assert_true(bnt_f32_to_bf16(low) == b);
        const uint32_t bits = b << 16;
        if (bnt_f32_to_bf16(bnt_f32_from_bits(bits | 0x7FFF)) != b) fail_msg("%x", (unsigned)b);
        if (bnt_f32_to_bf16(bnt_f32_from_bits(bits | 0x8001)) != b + 1)
            fail_msg("%x", (unsigned)b);
        if (bnt_f32_to_bf16(bnt_f32_from_bits(bits | 0x8000)) != b + b % 2) {
            fail_msg("middle %x", (unsigned)b);
        }
    }
    assert_int_equal(bnt_f32_to_bf16(INFINITY), 0x7F80);
    assert_int_equal(bnt_f32_to_bf16(-3.4e38f), 0xFF80);
    assert_true(isnan(bnt_bf16_to_f32(bnt_f32_to_bf16(bnt_f32_from_bits(0x7F800001)))));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_half_has_its_value_and_comes_back),
        cmocka_unit_test(rounding_is_to_nearest_even),
        cmocka_unit_test(bfloat16_rounds_alike),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
