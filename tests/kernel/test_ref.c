/* test_ref.c - the reference kernels, which judge all others, by means that are not theirs:
 * numbers worked out by hand, and sums in double with a bound. test_ref_products.c does the
 * same for products with quantized weights.
 *
 * Where an order of operations is stated, a case is used in which another order gives other
 * numbers: 2^24 + 1 + 1 is 2^24 from left to right, and 2^24 + 2 from right to left.
 */
#include "support.h"

#include <float.h>
#include <math.h>

#include "base/f16.h"
#include "base/rng.h"
#include "kernel/kernel.h"

enum { MOST = 100 };

static const float BIG = 16777216.0f; /* 2^24 */
/* a * a = 1 + 2^-11 + 2^-24 loses its last part when it is rounded. */
static const float ODD = 1.0f + 0x1p-12f;
static const float ODD_SQUARE = 1.0f + 0x1p-11f;

static bnt_kernels k;
static bnt_rng rng;
static float a[MOST], b[MOST];

static int setup(void **state)
{
    (void)state;
    bnt_kernels_init(&k, 0);
    bnt_rng_seed(&rng, 42);
    for (int i = 0; i < MOST; i++) {
        a[i] = (float)bnt_rng_normal(&rng);
        b[i] = (float)bnt_rng_normal(&rng);
    }
    return 0;
}

static bool close_to(float got, double want, double size, double n)
{
    return fabs((double)got - want) <= (n + 4.0) * (double)FLT_EPSILON * size + 1e-37;
}

/* ---- vectors ---- */

static void a_dot_product_is_right_for_every_tail(void **state)
{
    (void)state;
    for (size_t n = 0; n <= MOST; n++) {
        double want = 0.0, size = 0.0;
        for (size_t i = 0; i < n; i++) {
            want += (double)a[i] * (double)b[i];
            size += fabs((double)a[i] * (double)b[i]);
        }
        assert_true(close_to(k.dot_f32(a, b, n), want, size, (double)n));
    }
}

/* The stated tree, from numbers that are each rounded as they stand. */
static float sum_as_stated(const float *x, size_t n)
{
    volatile float s[16] = {0};
    for (size_t i = 0; i < n; i++) {
        s[i % 16] = s[i % 16] + x[i];
    }
    for (int half = 8; half; half /= 2) {
        for (int j = 0; j < half; j++) {
            s[j] = s[j] + s[j + half];
        }
    }
    return s[0];
}

/* Products of numbers of 12 bits are exact, so that only the order of additions shows. */
static void a_dot_product_adds_in_the_stated_order(void **state)
{
    (void)state;
    float x[MOST], y[MOST];
    for (int i = 0; i < MOST; i++) {
        x[i] = ldexpf((float)bnt_rng_below(&rng, 4096) - 2048.0f, (int)bnt_rng_below(&rng, 9));
        y[i] = ldexpf((float)bnt_rng_below(&rng, 4096) - 2048.0f, (int)bnt_rng_below(&rng, 9));
    }
    for (size_t n = 0; n <= MOST; n++) {
        float products[MOST];
        for (size_t i = 0; i < n; i++) {
            products[i] = x[i] * y[i];
        }
        const float want = sum_as_stated(products, n), got = k.dot_f32(x, y, n);
        assert_memory_equal(&want, &got, sizeof want);
    }
}

static void products_round_once_where_the_contract_says_fma(void **state)
{
    (void)state;
    float x[17] = {0}, y[17] = {0}, out = -ODD_SQUARE, pair[2] = {ODD, ODD};
    const float one[1] = {ODD};
    x[0] = -ODD_SQUARE, y[0] = 1.0f;
    x[16] = ODD, y[16] = ODD;
    assert_true(k.dot_f32(x, y, 17) == 0x1p-24f);

    k.blend_f32(&out, one, 1.0f, ODD, 1);
    assert_true(out == 0x1p-24f);

    /* x[b] s is exact before it is taken from x[a] c, which is rounded. */
    k.rope_adjacent_f32(pair, one, one, 2);
    assert_true(pair[0] == -0x1p-24f);
    pair[0] = ODD, pair[1] = -ODD;
    k.rope_halves_f32(pair, one, one, 2);
    assert_true(pair[1] == 0x1p-24f);
}

static void plain_vectors_are_computed_element_by_element(void **state)
{
    (void)state;
    float y[3] = {1.0f, 2.0f, BIG};
    const float x[3] = {0.5f, -2.0f, 1.0f};
    k.add_f32(y, x, 3);
    assert_true(y[0] == 1.5f && y[1] == 0.0f && y[2] == BIG);
    k.scale_f32(y, -3.0f, 1);
    assert_true(y[0] == -4.5f && y[1] == 0.0f);
    k.blend_f32(y, x, 2.0f, 10.0f, 2);
    assert_true(y[0] == -4.0f && y[1] == -20.0f && y[2] == BIG);
    assert_true(k.max_f32(x, 1) == 0.5f && k.max_f32(x, 3) == 1.0f &&
                k.max_f32(x + 1, 1) == -2.0f);
}

static void the_largest_is_found_wherever_it_stands(void **state)
{
    (void)state;
    for (size_t n = 1; n <= MOST; n++) {
        for (size_t at = 0; at < n; at++) {
            float x[MOST];
            memcpy(x, a, sizeof x);
            x[at] = 1000.0f;
            if (n < MOST) x[n] = 2000.0f;
            assert_true(k.max_f32(x, n) == 1000.0f);
        }
    }
}

static void halves_are_rounded_to_nearest_even(void **state)
{
    (void)state;
    const float x[] = {1.0f,     -2.0f,           65504.0f,        65519.0f, 65520.0f,
                       0x1p-24f, 0x1p-25f,        0x1.000002p-25f, 0x3p-25f, INFINITY,
                       -0.0f,    1.0f + 0x1p-11f, 1.0f + 0x3p-11f};
    const uint16_t want[] = {0x3C00, 0xC000, 0x7BFF, 0x7BFF, 0x7C00, 0x0001, 0x0000,
                             0x0001, 0x0002, 0x7C00, 0x8000, 0x3C00, 0x3C02};
    uint16_t out[sizeof want / sizeof want[0]];
    k.f32_to_f16(out, x, sizeof want / sizeof want[0]);
    assert_memory_equal(out, want, sizeof want);
    const float nan = NAN;
    k.f32_to_f16(out, &nan, 1);
    assert_true((out[0] & 0x7FFF) > 0x7C00);
}

static void a_norm_has_mean_square_one(void **state)
{
    float out[MOST];
    (void)state;
    double square = 0.0;
    for (int i = 0; i < MOST; i++) {
        square += (double)a[i] * (double)a[i];
    }
    k.rms_norm_f32(out, a, b, MOST, 1e-5f);
    for (int i = 0; i < MOST; i++) {
        const double want = (double)a[i] / sqrt(square / MOST + 1e-5) * (double)b[i];
        assert_true(close_to(out[i], want, fabs(want), 10.0));
        const volatile float mean = k.dot_f32(a, a, MOST) / (float)MOST;
        const volatile float scale = 1.0f / sqrtf(mean + 1e-5f), scaled = a[i] * scale;
        assert_true(out[i] == scaled * b[i]);
    }
    float same[MOST];
    memcpy(same, a, sizeof same);
    k.rms_norm_f32(same, same, b, MOST, 1e-5f);
    assert_memory_equal(same, out, sizeof out);
    const float x[2] = {3.0f, -3.0f}, w[2] = {2.0f, 0.5f};
    k.rms_norm_f32(out, x, w, 2, 7.0f); /* 1 / sqrt(9 + 7) */
    assert_true(out[0] == 1.5f && out[1] == -0.375f);
}

static void gates_are_what_their_names_say(void **state)
{
    float out[MOST];
    (void)state;
    k.gate_silu_f32(out, a, b, MOST);
    for (int i = 0; i < MOST; i++) {
        const double want = (double)a[i] / (1.0 + exp(-(double)a[i])) * (double)b[i];
        assert_true(close_to(out[i], want, fabs(want), 4.0));
    }
    k.gate_relu_f32(out, a, b, MOST);
    for (int i = 0; i < MOST; i++) {
        assert_true(out[i] == (a[i] > 0.0f ? a[i] * b[i] : 0.0f * b[i]));
    }
    const float odd[3] = {-200.0f, 200.0f, NAN}, one[3] = {1.0f, 1.0f, 1.0f};
    k.gate_silu_f32(out, odd, one, 3);
    assert_true(out[0] == 0.0f && out[1] == 200.0f && isnan(out[2]));
    k.gate_relu_f32(out, odd, one, 3);
    assert_true(out[0] == 0.0f && out[1] == 200.0f && out[2] == 0.0f);
}

/* Rounds once but where the sizes of product and sum lie very far apart. */
static float fma_by_double(float x, float y, float z)
{
    return (float)((double)x * (double)y + (double)z);
}

static void the_exponential_takes_the_stated_steps(void **state)
{
    (void)state;
    static const int under[] = {720, 120, 24, 6, 2};
    for (int i = 0; i < 200000; i++) {
        const float x = (float)(bnt_rng_f64(&rng) * 176.0 - 87.3);
        const double n = rint((double)(x * 1.44269504f));
        float r = fma_by_double((float)n, -0.693359375f, x), p = (float)(1.0 / 5040.0);
        r = fma_by_double((float)n, 2.12194440e-4f, r);
        for (int j = 0; j < 5; j++) {
            p = fma_by_double(p, r, (float)(1.0 / under[j]));
        }
        const volatile float product = p * r;
        p = fma_by_double(product, r, r) + 1.0f;
        assert_true(bnt_expf(x) == (float)ldexp((double)p, (int)n));
    }
}

static void the_exponential_ends_where_stated(void **state)
{
    (void)state;
    assert_true(bnt_expf(-87.3f) > 0.0f && bnt_expf(nextafterf(-87.3f, -88.0f)) == 0.0f);
    assert_true(bnt_expf(88.7f) < INFINITY && bnt_expf(nextafterf(88.7f, 89.0f)) == INFINITY);
}

static void a_softmax_sum_fits_its_terms(void **state)
{
    (void)state;
    for (size_t n = 1; n <= MOST; n++) {
        float x[MOST];
        double sum = 0.0;
        memcpy(x, a, sizeof x);
        const float got = k.exp_sum_f32(x, 3.0f, n);
        for (size_t i = 0; i < n; i++) {
            assert_true(x[i] == bnt_expf(a[i] - 3.0f));
            assert_true(close_to(x[i], exp((double)(a[i] - 3.0f)), (double)x[i], 0.0));
            sum += (double)x[i];
        }
        assert_true(close_to(got, sum, sum, (double)n));
        assert_true(got == sum_as_stated(x, n));
    }
}

static void a_chunk_of_scores_becomes_weights_of_its_positions_alone(void **state)
{
    (void)state;
    for (uint32_t begin = 0; begin < 64; begin += 5) {
        for (uint32_t end = begin + 1; end <= 64; end += 3) {
            const bnt_seen seen[3] = {{end, begin}, {begin, end}, {7, 7}};
            bnt_softmax of[3];
            float rows[3 * 64], greatest = -INFINITY;
            float *const s = rows + 64;
            for (uint32_t i = 0; i < 64; i++) {
                s[i] = i < begin ? NAN : i < end ? a[i] : INFINITY;
                s[64 + i] = s[-64 + (int)i] = (float)i;
                if (i >= begin && i < end && a[i] > greatest) greatest = a[i];
            }
            k.softmax64(rows, seen, 3, of);
            double total = 0.0;
            for (uint32_t i = 0; i < 64; i++) {
                const bool inside = i >= begin && i < end;
                assert_true(s[i] == (inside ? bnt_expf(a[i] - greatest) : 0.0f));
                assert_true(s[64 + i] == 0.0f && s[-64 + (int)i] == 0.0f);
                total += (double)s[i];
            }
            assert_true(of[1].max == greatest);
            assert_true(close_to(of[1].sum, total, total, 64.0));
            assert_true(of[1].sum == sum_as_stated(s, 64));
            assert_true(of[0].max == -INFINITY && of[0].sum == 0.0f);
            assert_true(of[2].max == -INFINITY && of[2].sum == 0.0f);
        }
    }
}

static void rotations_turn_pairs_by_the_angle(void **state)
{
    (void)state;
    float cosines[8], sines[8], x[16], y[16];
    for (int i = 0; i < 8; i++) {
        cosines[i] = (float)cos(0.3 * i);
        sines[i] = (float)sin(0.3 * i);
    }
    memcpy(x, a, sizeof x);
    k.rope_adjacent_f32(x, cosines, sines, 16);
    memcpy(y, a, sizeof y);
    k.rope_halves_f32(y, cosines, sines, 16);
    for (int i = 0; i < 8; i++) {
        const double c = cos(0.3 * i), s = sin(0.3 * i);
        const double u = (double)a[2 * i], v = (double)a[2 * i + 1];
        const double p = (double)a[i], q = (double)a[i + 8];
        assert_true(close_to(x[2 * i], u * c - v * s, fabs(u) + fabs(v), 2.0));
        assert_true(close_to(x[2 * i + 1], u * s + v * c, fabs(u) + fabs(v), 2.0));
        assert_true(close_to(y[i], p * c - q * s, fabs(p) + fabs(q), 2.0));
        assert_true(close_to(y[i + 8], p * s + q * c, fabs(p) + fabs(q), 2.0));
    }
}

/* ---- attention ---- */

enum { HEAD = 72, QUERIES = 3 };

/* A chunk of 32 positions in every form, from numbers that each of them holds exactly. */
typedef struct chunk {
    float key[32][HEAD], value[32][HEAD];
    _Alignas(4) uint8_t keys[BNT_KV_FORMS][2 * HEAD * 16 * 4];
    _Alignas(4) uint8_t values[BNT_KV_FORMS][32 * HEAD * 4];
    size_t block_bytes[BNT_KV_FORMS], row_bytes[BNT_KV_FORMS];
} chunk;

static void put_half(uint8_t *p, float value)
{
    const uint16_t bits = bnt_f32_to_f16(value);
    memcpy(p, &bits, sizeof bits);
}

/* Codes of four bits are those of eight bits that fit; others are not looked at. */
static void put_half_code(uint8_t *byte, bool high, int code)
{
    const unsigned stored = (unsigned)(code + 8) & 15u;
    *byte = (uint8_t)(high ? (*byte & 15u) | stored << 4 : (*byte & 240u) | stored);
}

static void put_key(chunk *c, uint32_t j, uint32_t d, int code, float scale)
{
    uint8_t *const q4 = c->keys[3] + j / 16 * c->block_bytes[3];
    const float x = scale * (float)code;
    const uint32_t block = j / 16, at = d * 16 + j % 16;
    uint8_t *const q8 = c->keys[2] + block * c->block_bytes[2];
    c->key[j][d] = x;
    memcpy(c->keys[0] + block * c->block_bytes[0] + 4 * (size_t)at, &x, 4);
    put_half(c->keys[1] + block * c->block_bytes[1] + 2 * (size_t)at, x);
    q8[at] = (uint8_t)code;
    put_half(q8 + HEAD * 16 + 2 * (d / 32 * 16 + j % 16), scale);
    put_half_code(&q4[d / 2 * 16 + j % 16], d % 2, code);
    put_half(q4 + HEAD * 8 + 2 * (d / 32 * 16 + j % 16), scale);
}

static void put_value(chunk *c, uint32_t j, uint32_t d, int code, float scale)
{
    const float x = scale * (float)code;
    uint8_t *const q8 = c->values[2] + j * c->row_bytes[2] + d / 32 * 34;
    c->value[j][d] = x;
    memcpy(c->values[0] + j * c->row_bytes[0] + 4 * (size_t)d, &x, 4);
    put_half(c->values[1] + j * c->row_bytes[1] + 2 * (size_t)d, x);
    uint8_t *const q4 = c->values[3] + j * c->row_bytes[3] + d / 32 * 18;
    put_half(q8, scale);
    q8[2 + d % 32] = (uint8_t)code;
    put_half(q4, scale);
    put_half_code(&q4[2 + d % 16], d % 32 >= 16, code);
}

/* Of codes of so many bits: all forms but Q4 hold eight, all hold four. */
static void make_chunk(chunk *c, int bits)
{
    const int most = 1 << (bits - 1);
    static const size_t block_bytes[] = {HEAD * 64, HEAD * 32, HEAD * 16 + 2 * 48,
                                         HEAD * 8 + 2 * 48};
    static const size_t row_bytes[] = {HEAD * 4, HEAD * 2, 3 * 34, 3 * 18};
    memset(c, 0, sizeof *c);
    memcpy(c->block_bytes, block_bytes, sizeof block_bytes);
    memcpy(c->row_bytes, row_bytes, sizeof row_bytes);
    for (uint32_t j = 0; j < 32; j++) {
        for (uint32_t d = 0; d < HEAD; d++) {
            const float scale = ldexpf(1.0f, -(int)((j + d / 32) % 8));
            put_key(c, j, d, (int)bnt_rng_below(&rng, 2 * (uint32_t)most) - most, scale);
            put_value(c, j, d, (int)bnt_rng_below(&rng, 2 * (uint32_t)most) - most, scale);
        }
    }
}

static void check_scores(int bits)
{
    const int n_forms = bits == 4 ? BNT_KV_FORMS : BNT_KV_FORM_Q4;
    static chunk c;
    float q[QUERIES * (HEAD + 3)], scores[BNT_KV_FORMS][QUERIES * 64];
    make_chunk(&c, bits);
    for (int i = 0; i < QUERIES * (HEAD + 3); i++) {
        q[i] = a[i % MOST];
    }
    for (int form = 0; form < n_forms; form++) {
        for (int i = 0; i < QUERIES * 64; i++) {
            scores[form][i] = -7.0f;
        }
        k.scores[form](c.keys[form], c.block_bytes[form], 2, q, HEAD + 3, QUERIES, HEAD, 0.5f,
                       scores[form]);
        for (int i = 0; i < QUERIES; i++) {
            for (int j = 0; j < 64; j++) {
                const float got = scores[form][i * 64 + j];
                double want = 0.0, size = 0.0;
                for (int d = 0; d < HEAD && j < 32; d++) {
                    const double term =
                        0.5 * (double)q[i * (HEAD + 3) + d] * (double)c.key[j][d];
                    want += term;
                    size += fabs(term);
                }
                assert_true(j < 32 ? close_to(got, want, size, HEAD) : got == -7.0f);
            }
        }
        assert_memory_equal(scores[form], scores[0], sizeof scores[0]);
    }
}

static void scores_are_products_of_queries_and_keys_in_every_form(void **state)
{
    (void)state;
    check_scores(8);
    check_scores(4);
}

static void check_mixes(int bits)
{
    const int n_forms = bits == 4 ? BNT_KV_FORMS : BNT_KV_FORM_Q4;
    static chunk c;
    float p[QUERIES * 64], first[QUERIES * (HEAD + 2)], out[QUERIES * (HEAD + 2)];
    make_chunk(&c, bits);
    for (int i = 0; i < QUERIES * 64; i++) {
        p[i] = a[i % MOST];
    }
    for (int form = 0; form < n_forms; form++) {
        for (int i = 0; i < QUERIES * (HEAD + 2); i++) {
            out[i] = b[i % MOST];
        }
        k.mix[form](c.values[form], c.row_bytes[form], 3, 30, p, QUERIES, HEAD, out, HEAD + 2);
        for (int i = 0; i < QUERIES * (HEAD + 2); i++) {
            const int query = i / (HEAD + 2), d = i % (HEAD + 2);
            double want = (double)b[i % MOST], size = fabs(want);
            for (int j = 3; j < 30 && d < HEAD; j++) {
                const double term = (double)p[query * 64 + j] * (double)c.value[j][d];
                want += term;
                size += fabs(term);
            }
            assert_true(d < HEAD ? close_to(out[i], want, size, 27.0) : out[i] == b[i % MOST]);
        }
        if (form == 0) memcpy(first, out, sizeof first);
        assert_memory_equal(out, first, sizeof first);
    }
}

static void mixes_add_weighted_values_in_every_form(void **state)
{
    (void)state;
    check_mixes(8);
    check_mixes(4);
}

/* 2^24, 1, 1 along the dimensions of a key, and along the positions of values. */
static void scores_and_mixes_add_in_their_order(void **state)
{
    (void)state;
    float keys[HEAD * 16] = {0}, values[3] = {BIG, 1.0f, 1.0f}, q[HEAD], p[64], scores[64];
    for (int i = 0; i < HEAD; i++) {
        q[i] = 1.0f;
    }
    for (int i = 0; i < 64; i++) {
        p[i] = 1.0f;
    }
    keys[0] = BIG, keys[16] = 1.0f, keys[17 * 16] = 1.0f; /* of position 0 */
    keys[1] = 1.0f, keys[33] = 1.0f, keys[(HEAD - 1) * 16 + 1] = BIG;
    k.scores[0]((const uint8_t *)keys, 0, 1, q, 0, 1, HEAD, 1.0f, scores);
    assert_true(scores[0] == BIG && scores[1] == BIG + 2.0f);

    float out = 0.0f;
    k.mix[0]((const uint8_t *)values, 4, 0, 3, p, 1, 1, &out, 1);
    assert_true(out == BIG);
    values[0] = 1.0f, values[2] = BIG, out = 0.0f;
    k.mix[0]((const uint8_t *)values, 4, 0, 3, p, 1, 1, &out, 1);
    assert_true(out == BIG + 2.0f);
}

static void check_expansion(int bits)
{
    const int n_forms = bits == 4 ? BNT_KV_FORMS : BNT_KV_FORM_Q4;
    static chunk c;
    static float keys[2 * HEAD * 16], values[32 * HEAD];
    make_chunk(&c, bits);
    for (int form = 0; form < n_forms; form++) {
        k.expand_keys[form](c.keys[form], c.block_bytes[form], 2, HEAD, keys);
        k.expand_values[form](c.values[form], c.row_bytes[form], 32, HEAD, values);
        for (int j = 0; j < 32; j++) {
            for (int d = 0; d < HEAD; d++) {
                assert_true(keys[(j / 16 * HEAD + d) * 16 + j % 16] == c.key[j][d]);
                assert_true(values[j * HEAD + d] == c.value[j][d]);
            }
        }
    }
}

static void expanded_forms_are_the_numbers_themselves(void **state)
{
    (void)state;
    check_expansion(8);
    check_expansion(4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_dot_product_is_right_for_every_tail),
        cmocka_unit_test(a_dot_product_adds_in_the_stated_order),
        cmocka_unit_test(products_round_once_where_the_contract_says_fma),
        cmocka_unit_test(plain_vectors_are_computed_element_by_element),
        cmocka_unit_test(the_largest_is_found_wherever_it_stands),
        cmocka_unit_test(halves_are_rounded_to_nearest_even),
        cmocka_unit_test(a_norm_has_mean_square_one),
        cmocka_unit_test(gates_are_what_their_names_say),
        cmocka_unit_test(the_exponential_takes_the_stated_steps),
        cmocka_unit_test(the_exponential_ends_where_stated),
        cmocka_unit_test(a_softmax_sum_fits_its_terms),
        cmocka_unit_test(a_chunk_of_scores_becomes_weights_of_its_positions_alone),
        cmocka_unit_test(rotations_turn_pairs_by_the_angle),
        cmocka_unit_test(scores_are_products_of_queries_and_keys_in_every_form),
        cmocka_unit_test(mixes_add_weighted_values_in_every_form),
        cmocka_unit_test(scores_and_mixes_add_in_their_order),
        cmocka_unit_test(expanded_forms_are_the_numbers_themselves),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
