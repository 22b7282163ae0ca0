/* bench_sparse.c - whether 2:4 weights of four bits would be multiplied faster than dense ones:
 * [THREADS [SECONDS]].
 *
 * A prototype of such a type: of every four columns the two that are not zero, four bits each
 * with two bits for which they are, and scales as B4 has them: 3.3125 bits a weight of the
 * matrix, as B3. A tile of 16 rows and 256 columns is
 *
 *     int8 s[8][16] | codes: 8 spans of two lines of 64 bytes | 8 spans of one line of places
 *
 * with fp16 d[16] for each tile in front of a group. Of a span of 32 columns, byte 4 r + i of
 * line j holds for row r what stays of columns 16 j ... 16 j + 7 in its low half (i counts it)
 * and of 16 j + 8 ... 16 j + 15 in its high half; bits 2 p and 2 p + 1 of byte 4 r + i of the
 * places say which of its four columns that is, for the p-th eight columns. Its columns are
 * picked out of the token by a shuffle of bytes, row by row.
 *
 * Products of one token are timed against those of B4 and B3, for matrices read from memory and
 * from the cache, the prototype after it was held against plain sums. x86 only.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cpu.h"
#include "base/f16.h"
#include "base/mem.h"
#include "base/pool.h"
#include "base/rng.h"
#include "kernel/kernel.h"

enum {
    ROWS = BNT_TILE_ROWS,
    BLOCK = BNT_TILE_BLOCK,
    SPANS = BNT_TILE_SPANS,
    CODES_AT = SPANS * ROWS,
    PLACES_AT = CODES_AT + SPANS * 128,
    TILE_BYTES = PLACES_AT + SPANS * 64,
    AHEAD = 136 * 64, /* bytes asked for before they are used, as body/gemv.h has it */
    TASK_GROUPS = 16
};

#if defined(__x86_64__)
#include <immintrin.h>

/* ---- the prototype ----------------------------------------------------------------------- */

#define AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,avx512vnni,f16c,fma")))
#define AVX2   __attribute__((target("avx2,f16c,fma")))

static size_t group_bytes(size_t columns)
{
    return columns / BLOCK * (TILE_BYTES + 2 * ROWS);
}

/* Adds the products of part P of a span: its codes, and the columns they belong to. */
#define PART512(P, nibbles)                                                                    \
    {                                                                                          \
        const __m512i at = _mm512_ternarylogic_epi32(_mm512_srli_epi32(places, 2 * (P)),       \
                                                     three, (P) % 2 ? odd : even, 0xEA);       \
        const __m512i columns = _mm512_shuffle_epi8((P) < 2 ? x0 : x1, at);                    \
        sum = _mm512_dpbusd_epi32(sum, nibbles, columns);                                      \
        off = _mm512_dpbusd_epi32(off, eight, columns);                                        \
    }

AVX512 static void product_avx512(const uint8_t *groups, uint32_t n_groups, const bnt_acts *x,
                                  float *y)
{
    const size_t n_blocks = x->columns / BLOCK, bytes = group_bytes(x->columns);
    const __m512i three = _mm512_set1_epi8(3), low = _mm512_set1_epi8(15);
    const __m512i eight = _mm512_set1_epi8(8);
    const __m512i even = _mm512_set1_epi32(0x04040000), odd = _mm512_set1_epi32(0x0C0C0808);

    for (uint32_t g = 0; g < n_groups; g++) {
        const uint8_t *const head = groups + g * bytes;
        const uint8_t *tile = head + n_blocks * 2 * ROWS;
        __m512 out = _mm512_setzero_ps();
        for (size_t b = 0; b < n_blocks; b++, tile += TILE_BYTES) {
            __m512i total = _mm512_setzero_si512();
            for (int i = 0; i < SPANS; i++) {
                const int8_t *const q = x->q + b * BLOCK + 32 * i;
                const __m512i x0 = _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)q));
                const __m512i x1 =
                    _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)(q + 16)));
                const __m512i places = _mm512_loadu_si512(tile + PLACES_AT + 64 * i);
                const __m512i one = _mm512_loadu_si512(tile + CODES_AT + 128 * i);
                const __m512i two = _mm512_loadu_si512(tile + CODES_AT + 128 * i + 64);
                const __m512i s =
                    _mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)(tile + ROWS * i)));
                __m512i sum = _mm512_setzero_si512(), off = sum;
                _mm_prefetch((const char *)tile + AHEAD + 208 * i, _MM_HINT_T0);
                _mm_prefetch((const char *)tile + AHEAD + 208 * i + 64, _MM_HINT_T0);
                _mm_prefetch((const char *)tile + AHEAD + 208 * i + 128, _MM_HINT_T0);
                if (i % 4 == 0) {
                    _mm_prefetch((const char *)tile + AHEAD + 208 * i + 192, _MM_HINT_T0);
                }
                PART512(0, _mm512_and_si512(one, low))
                PART512(1, _mm512_and_si512(_mm512_srli_epi32(one, 4), low))
                PART512(2, _mm512_and_si512(two, low))
                PART512(3, _mm512_and_si512(_mm512_srli_epi32(two, 4), low))
                total =
                    _mm512_add_epi32(total, _mm512_mullo_epi32(_mm512_sub_epi32(sum, off), s));
            }
            const __m512 d =
                _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(head + b * 2 * ROWS)));
            out = _mm512_fmadd_ps(_mm512_cvtepi32_ps(total),
                                  _mm512_mul_ps(d, _mm512_set1_ps(x->d[b])), out);
        }
        _mm512_storeu_ps(y + g * ROWS, out);
    }
}

#define PART256(P, nibbles)                                                                    \
    {                                                                                          \
        const __m256i at =                                                                     \
            _mm256_or_si256(_mm256_and_si256(_mm256_srli_epi32(places, 2 * (P)), three),       \
                            (P) % 2 ? odd : even);                                             \
        const __m256i columns = _mm256_shuffle_epi8((P) < 2 ? x0 : x1, at);                    \
        sum = _mm256_add_epi16(sum, _mm256_maddubs_epi16(nibbles, columns));                   \
        off = _mm256_add_epi16(off, _mm256_maddubs_epi16(eight, columns));                     \
    }

/* Eight rows of a group at a time. Pairs of products stay within 16 bits: of a span's eight
 * codes a pair column adds at most 8 * 23 * 127 = 23368. */
AVX2 static void product_avx2(const uint8_t *groups, uint32_t n_groups, const bnt_acts *x,
                              float *y)
{
    const size_t n_blocks = x->columns / BLOCK, bytes = group_bytes(x->columns);
    const __m256i three = _mm256_set1_epi8(3), low = _mm256_set1_epi8(15);
    const __m256i eight = _mm256_set1_epi8(8);
    const __m256i even = _mm256_set1_epi32(0x04040000), odd = _mm256_set1_epi32(0x0C0C0808);

    for (uint32_t g = 0; g < n_groups; g++) {
        const uint8_t *const head = groups + g * bytes;
        const uint8_t *tile = head + n_blocks * 2 * ROWS;
        __m256 out[2] = {_mm256_setzero_ps(), _mm256_setzero_ps()};
        for (size_t b = 0; b < n_blocks; b++, tile += TILE_BYTES) {
            __m256i total[2] = {_mm256_setzero_si256(), _mm256_setzero_si256()};
            for (int i = 0; i < 2 * SPANS; i++) {
                const int half = i % 2, span = i / 2;
                const int8_t *const q = x->q + b * BLOCK + 32 * span;
                const uint8_t *const codes = tile + CODES_AT + 128 * span + 32 * half;
                const __m256i x0 =
                    _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)q));
                const __m256i x1 =
                    _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(q + 16)));
                const __m256i places = _mm256_loadu_si256(
                    (const __m256i *)(tile + PLACES_AT + 64 * span + 32 * half));
                const __m256i one = _mm256_loadu_si256((const __m256i *)codes);
                const __m256i two = _mm256_loadu_si256((const __m256i *)(codes + 64));
                const __m256i s = _mm256_cvtepi8_epi32(
                    _mm_loadl_epi64((const __m128i *)(tile + ROWS * span + ROWS / 2 * half)));
                __m256i sum = _mm256_setzero_si256(), off = sum;
                _mm_prefetch((const char *)tile + AHEAD + 104 * i, _MM_HINT_T0);
                _mm_prefetch((const char *)tile + AHEAD + 104 * i + 64, _MM_HINT_T0);
                PART256(0, _mm256_and_si256(one, low))
                PART256(1, _mm256_and_si256(_mm256_srli_epi32(one, 4), low))
                PART256(2, _mm256_and_si256(two, low))
                PART256(3, _mm256_and_si256(_mm256_srli_epi32(two, 4), low))
                const __m256i both = _mm256_or_si256(
                    _mm256_slli_epi32(s, 16), _mm256_and_si256(s, _mm256_set1_epi32(0xFFFF)));
                total[half] = _mm256_add_epi32(
                    total[half], _mm256_madd_epi16(_mm256_sub_epi16(sum, off), both));
            }
            for (int half = 0; half < 2; half++) {
                const __m256 d = _mm256_cvtph_ps(_mm_loadu_si128(
                    (const __m128i *)(head + b * 2 * ROWS + (size_t)(ROWS * half))));
                out[half] =
                    _mm256_fmadd_ps(_mm256_cvtepi32_ps(total[half]),
                                    _mm256_mul_ps(d, _mm256_set1_ps(x->d[b])), out[half]);
            }
        }
        _mm256_storeu_ps(y + g * ROWS, out[0]);
        _mm256_storeu_ps(y + g * ROWS + ROWS / 2, out[1]);
    }
}

/* The same in plain sums. */
static void product_plain(const uint8_t *groups, uint32_t n_groups, const bnt_acts *x, float *y)
{
    const size_t n_blocks = x->columns / BLOCK, bytes = group_bytes(x->columns);

    for (size_t row = 0; row < (size_t)n_groups * ROWS; row++) {
        const uint8_t *const head = groups + row / ROWS * bytes;
        const size_t r = row % ROWS;
        double sum = 0.0;
        for (size_t b = 0; b < n_blocks; b++) {
            const uint8_t *const tile = head + n_blocks * 2 * ROWS + b * TILE_BYTES;
            int64_t total = 0;
            for (size_t i = 0; i < SPANS * 16; i++) { /* what stays, from left to right */
                const size_t span = i / 16, part = i / 4 % 4, k = i % 4;
                const size_t byte = 4 * r + k;
                const int line = tile[CODES_AT + 128 * span + 64 * (part / 2) + byte];
                const int code = (part % 2 ? line >> 4 : line & 15) - 8;
                const size_t place = tile[PLACES_AT + 64 * span + byte] >> (2 * part) & 3;
                const size_t column = b * BLOCK + 32 * span + 8 * part + k / 2 * 4 + place;
                total += (int8_t)tile[ROWS * span + r] * code * x->q[column];
            }
            uint16_t d;
            memcpy(&d, head + (b * ROWS + r) * 2, sizeof d);
            sum += (double)total * (double)bnt_f16_to_f32(d) * (double)x->d[b];
        }
        y[row] = (float)sum;
    }
}

/* ---- matrices ---------------------------------------------------------------------------- */

typedef void (*product_fn)(const uint8_t *groups, uint32_t n_groups, const bnt_acts *x,
                           float *y);

/* One kind of weights: the prototype's, or a type's. */
typedef struct contender {
    const char *name;
    product_fn product; /* NULL: gemv */
    bnt_gemv_fn gemv;
    size_t bytes, head, tile, scales; /* of a group, its head, a tile, the scales in it */
    int most;                         /* of a scale */
} contender;

typedef struct race {
    const contender *c;
    const uint8_t *weights;
    uint32_t n_groups;
    bnt_acts x;
    float *y;
} race;

/* Random codes and places, scales within bounds, and d = 2^-14. */
static void fill(const contender *c, uint8_t *to, size_t n_groups, bnt_rng *rng)
{
    for (size_t i = 0; i < n_groups * c->bytes / 8; i++) {
        const uint64_t bits = bnt_rng_u64(rng);
        memcpy(to + i * 8, &bits, sizeof bits);
    }
    for (size_t g = 0; g < n_groups; g++) {
        uint8_t *const group = to + g * c->bytes;
        for (size_t i = 0; i < c->head; i += 2) {
            memcpy(group + i, &(uint16_t){0x0400}, 2);
        }
        for (size_t at = c->head; at < c->bytes; at += c->tile) {
            for (size_t i = 0; i < c->scales; i++) {
                group[at + i] =
                    (uint8_t)((int)bnt_rng_below(rng, (uint64_t)(2 * c->most + 1)) - c->most);
            }
        }
    }
}

static void run_task(void *context, size_t task, uint32_t thread)
{
    const race *const r = context;
    const uint32_t first = (uint32_t)task * TASK_GROUPS;
    const uint32_t left = r->n_groups - first, n = left < TASK_GROUPS ? left : TASK_GROUPS;
    const uint8_t *const at = r->weights + first * r->c->bytes;
    float *const y = r->y + first * ROWS;
    (void)thread;
    if (r->c->product) {
        r->c->product(at, n, &r->x, y);
    } else {
        r->c->gemv(at, r->c->bytes, n, &r->x, y, 0);
    }
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* The shortest time of a matrix of n_groups, of `copies` that follow each other in memory and
 * are gone through in turn. */
static double measure(race *r, bnt_pool *pool, const uint8_t *weights, size_t copies,
                      double limit)
{
    const double end = seconds() + limit;
    double best = 1e9;
    do {
        for (size_t i = 0; i < copies; i++) {
            const double begin = seconds();
            r->weights = weights + i * r->n_groups * r->c->bytes;
            bnt_pool_run(pool, run_task, r, (r->n_groups + TASK_GROUPS - 1) / TASK_GROUPS);
            const double each = seconds() - begin;
            if (each < best) best = each;
        }
    } while (seconds() < end);
    return best;
}

static bool is_right(race *r)
{
    float want[TASK_GROUPS * ROWS];
    bnt_acts *const x = &r->x;
    r->c->product(r->weights, TASK_GROUPS, x, r->y);
    product_plain(r->weights, TASK_GROUPS, x, want);
    for (size_t i = 0; i < TASK_GROUPS * ROWS; i++) {
        const float off = r->y[i] - want[i];
        if (off * off > 1e-6f) return false;
    }
    return true;
}

static contender dense(const char *name, const bnt_kernels *k, size_t columns, int most)
{
    const bnt_type *const type = bnt_type_named(name);
    return (contender){name,
                       NULL,
                       k->gemv[bnt_tile_place(type)],
                       bnt_tile_group_bytes(type->tile, columns),
                       bnt_tile_head_bytes(type->tile, columns),
                       bnt_tile_bytes(type->tile, SPANS),
                       (size_t)SPANS * ROWS,
                       most};
}

static int race_shape(const bnt_kernels *k, product_fn product, bnt_pool *pool, size_t rows,
                      size_t columns, double limit)
{
    enum { MEMORY = 192 << 20, MOST_COLUMNS = 8192 };
    static _Alignas(64) int8_t q[MOST_COLUMNS];
    static float d[MOST_COLUMNS / BLOCK], floats[MOST_COLUMNS];
    static int32_t sum32[MOST_COLUMNS / 32], sum16[MOST_COLUMNS / 16];
    const contender all[] = {
        dense("B4", k, columns, 15),
        dense("B3", k, columns, 31),
        {"2:4", product, NULL, group_bytes(columns), columns / BLOCK * 2 * ROWS, TILE_BYTES,
         CODES_AT, 15},
    };
    uint8_t *const weights = bnt_alloc(MEMORY + 2 * AHEAD);
    float *const y = bnt_calloc(rows, sizeof *y);
    double in_memory = 0.0, in_cache = 0.0;
    bnt_rng rng;
    if (!weights || !y) return 1;
    bnt_rng_seed(&rng, 1);
    for (size_t i = 0; i < columns; i++) {
        floats[i] = (float)bnt_rng_normal(&rng);
    }
    k->quantize(floats, (uint32_t)columns, q, d, sum32, sum16);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        const size_t bytes = rows / ROWS * all[i].bytes;
        race r = {.c = &all[i],
                  .weights = weights,
                  .n_groups = (uint32_t)(rows / ROWS),
                  .x = {1, (uint32_t)columns, q, d, sum32, sum16},
                  .y = y};
        fill(&all[i], weights, MEMORY / all[i].bytes, &rng);
        if (all[i].product && !is_right(&r)) {
            fprintf(stderr, "bench_sparse: the prototype computes something else\n");
            return 1;
        }
        const double far = measure(&r, pool, weights, MEMORY / bytes, limit);
        const double near = measure(&r, pool, weights, 1, limit);
        if (i == 0) {
            in_memory = far;
            in_cache = near;
        }
        printf("%-12s %5zu x %-5zu %-4s %7.4f bits %9.1f us %5.1f GB/s %5.2f %9.1f us %5.2f\n",
               k->name, rows, columns, all[i].name,
               (double)bytes * 8.0 / (double)(rows * columns), far * 1e6,
               (double)bytes / far / 1e9, in_memory / far, near * 1e6, in_cache / near);
    }
    bnt_free(weights);
    bnt_free(y);
    return 0;
}

int main(int argc, char **argv)
{
    static const size_t shapes[][2] = {{2048, 2048}, {8192, 2048}, {2048, 8192}};
    const struct {
        unsigned needs, flags;
        product_fn product;
    } sets[] = {{BNT_CPU_AVX512VNNI, bnt_cpu_flags(), product_avx512},
                {BNT_CPU_AVX2, BNT_CPU_AVX2, product_avx2}};
    const int n_threads = argc > 1 ? atoi(argv[1]) : 1;
    const double limit = argc > 2 ? atof(argv[2]) : 0.5;
    bnt_pool *pool;

    if (n_threads < 1 || bnt_pool_open(&pool, (uint32_t)n_threads, NULL)) return 1;
    printf("%d threads; time and speed against B4: from memory, from the cache\n", n_threads);
    int status = 0;
    for (size_t s = 0; s < 2; s++) {
        bnt_kernels k;
        if (!(bnt_cpu_flags() & sets[s].needs)) continue;
        bnt_kernels_init(&k, sets[s].flags);
        for (size_t i = 0; !status && i < sizeof shapes / sizeof *shapes; i++) {
            status = race_shape(&k, sets[s].product, pool, shapes[i][0], shapes[i][1], limit);
        }
    }
    bnt_pool_close(pool);
    return status;
}

#else

int main(void)
{
    puts("bench_sparse: nothing is measured on this processor");
    return 0;
}

#endif
