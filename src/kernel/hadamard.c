/* hadamard.c - which Hadamard matrices are known, and how rows are multiplied with one. The
 * products themselves are kernels; see hadamard.h. */
#include "kernel/hadamard.h"

#include <math.h>
#include <string.h>

enum { MOST = 128, CHUNK = BNT_CHUNK_POSITIONS };

static bool is_prime(uint32_t q)
{
    bool prime = q > 1;
    for (uint32_t i = 2; prime && i * i <= q; i++) {
        prime = q % i != 0;
    }
    return prime;
}

static bool is_symmetric(uint32_t m)
{
    return m % 8 == 4 && is_prime(m / 2 - 1);
}

static uint32_t odd_part(uint32_t n)
{
    while (n % 2 == 0) {
        n /= 2;
    }
    return n;
}

uint32_t bnt_hadamard_factor(uint32_t size)
{
    if (size == 0) return 0;
    const uint32_t odd = odd_part(size);

    if (odd == 1) return 1;
    if (odd > MOST / 4) return 0;
    for (uint32_t m = 4 * odd; m <= MOST && size % m == 0; m *= 2) {
        if (is_symmetric(m) || is_prime(m - 1)) return m; /* m - 1 is 3 mod 4 */
    }
    return 0;
}

uint32_t bnt_hadamard_size(uint32_t n)
{
    return bnt_hadamard_factor(n) ? n : n / odd_part(n);
}

size_t bnt_hadamard_floats(uint32_t size)
{
    const size_t m = bnt_hadamard_factor(size);
    return m > 1 ? (m + CHUNK - 1) / CHUNK * m * CHUNK : 0;
}

/* ---- Paley's matrices -------------------------------------------------------------------- */

/* The quadratic character of a modulo q: 1 for squares, 0 for 0, else -1. */
static int character(uint32_t a, uint32_t q)
{
    if (a % q == 0) return 0;
    for (uint32_t i = 1; i < q; i++) {
        if (i * i % q == a % q) return 1;
    }
    return -1;
}

/* Element (i, j) of the matrix of order q + 1 with zeros on its diagonal whose rows are
 * orthogonal: a border of ones, -1 down the first column where q = 3 mod 4, around the
 * characters of the differences. */
static int conference(uint32_t i, uint32_t j, uint32_t q)
{
    if (i == j) return 0;
    if (i == 0) return 1;
    if (j == 0) return q % 4 == 3 ? -1 : 1;
    return character(i + q - j, q);
}

static int paley(uint32_t i, uint32_t j, uint32_t m)
{
    if (!is_symmetric(m)) return i == j ? 1 : conference(i, j, m - 1);
    const uint32_t a = i / 2, b = j / 2, low = i % 2 + j % 2;
    if (a == b) return low == 0 ? 1 : -1;
    return conference(a, b, m / 2 - 1) * (low == 2 ? -1 : 1);
}

bool bnt_hadamard_init(bnt_hadamard *h, uint32_t size, float *room)
{
    const uint32_t m = bnt_hadamard_factor(size);

    *h = (bnt_hadamard){0};
    if (m == 0) return false;
    *h = (bnt_hadamard){size, m, size / m, room};
    if (m == 1) return true;
    const float scale = 1.0f / sqrtf((float)size);
    memset(room, 0, bnt_hadamard_floats(size) * sizeof *room);
    for (uint32_t i = 0; i < m; i++) {
        for (uint32_t j = 0; j < m; j++) {
            room[((size_t)(j / CHUNK) * m + i) * CHUNK + j % CHUNK] =
                (float)paley(i, j, m) * scale;
        }
    }
    return true;
}

/* ---- products ---------------------------------------------------------------------------- */

/* x (m, power) becomes P times it, some columns at a time. */
static void multiply(const bnt_hadamard *h, const bnt_kernels *kernels, float *x)
{
    enum { STRIP = 32 };
    float strip[MOST * STRIP];

    for (uint32_t at = 0; at < h->power; at += STRIP) {
        const uint32_t left = h->power - at, n = left < STRIP ? left : STRIP;
        for (uint32_t i = 0; i < h->m; i++) {
            float *const row = x + (size_t)i * h->power + at;
            memcpy(strip + i * STRIP, row, n * sizeof *row);
            memset(row, 0, n * sizeof *row);
        }
        for (uint32_t from = 0; from < h->m; from += CHUNK) {
            const uint32_t rest = h->m - from;
            kernels->mix[BNT_KV_FORM_F32]((const uint8_t *)(strip + from * STRIP),
                                          STRIP * sizeof *strip, 0, rest < CHUNK ? rest : CHUNK,
                                          h->factors + (size_t)from * h->m, h->m, n, x + at,
                                          h->power);
        }
    }
}

void bnt_hadamard_run(const bnt_hadamard *h, const bnt_kernels *kernels, float *x, size_t n)
{
    const float scale = h->m > 1 ? 1.0f : 1.0f / sqrtf((float)h->size);

    for (float *const end = x + n; x < end; x += h->size) {
        if (h->m > 1) multiply(h, kernels, x);
        for (size_t i = 0; i < h->size; i += h->power) {
            kernels->hadamard_f32(x + i, h->power, scale);
        }
    }
}
