/* probe_ref.c - what C alone comes to: the compiler's own vectors, whatever they are. And the
 * streaming read, which needs no instruction set: memory is slower than any. */
#include "kernel/probe.h"

enum { LANES = 64, STEPS = 16, LINE = 8 };

uint64_t bnt_probe_int8_ref(uint32_t n_rounds, uint32_t *sink)
{
    int8_t a[LANES], b[LANES];
    uint32_t sum[LANES]; /* wraps */
    for (int i = 0; i < LANES; i++) {
        a[i] = (int8_t)(i % 15 - 7);
        b[i] = (int8_t)(i % 13 - 6);
        sum[i] = (uint32_t)i;
    }
    for (uint32_t n = 0; n < n_rounds; n++) {
        for (int step = 0; step < STEPS; step++) {
            for (int i = 0; i < LANES; i++) {
                sum[i] += (uint32_t)(a[i] * (b[i] ^ (int8_t)step));
            }
        }
        a[n % LANES] = (int8_t)(n & 63); /* no round is the same as another */
    }
    uint32_t all = 0;
    for (int i = 0; i < LANES; i++) {
        all += sum[i];
    }
    *sink = all;
    return (uint64_t)n_rounds * STEPS * LANES * 2;
}

uint64_t bnt_probe_fp32_ref(uint32_t n_rounds, uint32_t *sink)
{
    float sum[LANES], all = 0;
    for (int i = 0; i < LANES; i++) {
        sum[i] = (float)i;
    }
    for (uint32_t n = 0; n < n_rounds; n++) {
        for (int step = 0; step < STEPS; step++) {
            for (int i = 0; i < LANES; i++) {
                sum[i] = sum[i] * 0.5f + 1.0f; /* tends to 2 */
            }
        }
    }
    for (int i = 0; i < LANES; i++) {
        all += sum[i];
    }
    *sink = (uint32_t)all;
    return (uint64_t)n_rounds * STEPS * LANES * 2;
}

uint64_t bnt_probe_read(const uint8_t *data, size_t size)
{
    const uint64_t *const words = (const uint64_t *)(const void *)data;
    const size_t n = size / 4 / sizeof(uint64_t); /* words of a stream */
    uint64_t sum[4][LINE] = {{0}}, all = 0;
    for (size_t i = 0; i + LINE <= n; i += LINE) {
        for (size_t stream = 0; stream < 4; stream++) {
            for (size_t j = 0; j < LINE; j++) {
                sum[stream][j] += words[stream * n + i + j];
            }
        }
    }
    for (size_t j = 0; j < LINE; j++) {
        all += sum[0][j] + sum[1][j] + sum[2][j] + sum[3][j];
    }
    return all;
}
