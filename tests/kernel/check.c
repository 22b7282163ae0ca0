/* check.c - guarded memory, seeded numbers, comparing versions with the reference.
 *
 * Around an output lies noise that is the same for the reference and for each version: a write
 * outside of what is stated shows as a difference like any other.
 */
#include "check.h"

#include <float.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/f16.h"

enum { ROOM_BYTES = 4 << 20, MARGIN = 1024 };

const char *const check_fill_names[FILLS] = {"random", "wide",      "minimum", "maximum",
                                             "zero",   "subnormal", "special", "bits"};

/* ---- memory ---- */

static check_room room_open(void)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    uint8_t *const p =
        mmap(NULL, ROOM_BYTES + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED || mprotect(p + page, ROOM_BYTES, PROT_READ | PROT_WRITE)) {
        fprintf(stderr, "kernel_check: no memory\n");
        exit(2);
    }
    const check_room room = {p + page, ROOM_BYTES};
    return room;
}

static void *room_place(const check *c, check_room *room, size_t bytes, size_t align)
{
    if (!room->data) *room = room_open();
    if (bytes > room->size) {
        fprintf(stderr, "kernel_check: %s: a buffer of %zu bytes\n", c->kernel, bytes);
        exit(2);
    }
    if (c->at_begin) return room->data;
    return room->data + ((room->size - bytes) & ~(align - 1));
}

void *check_in(check *c, size_t bytes, size_t align)
{
    return room_place(c, &c->in[c->n_in++ % CHECK_ROOMS], bytes, align);
}

/* ---- numbers ---- */

uint32_t check_below(check *c, uint32_t n)
{
    return (uint32_t)(bnt_rng_u64(&c->rng) >> 32) % n;
}

void check_noise(check *c, void *p, size_t bytes)
{
    uint8_t *const to = p;
    for (size_t i = 0; i < bytes; i += 8) {
        const uint64_t word = bnt_rng_u64(&c->rng);
        memcpy(to + i, &word, bytes - i < 8 ? bytes - i : 8);
    }
}

static float special_float(check *c)
{
    static const uint32_t bits[] = {0x7F800000u, 0xFF800000u, 0x7FC00000u, 0xFFC12345u,
                                    0x00000000u, 0x80000000u, 0x00000001u, 0x7F7FFFFFu};
    return bnt_f32_from_bits(bits[check_below(c, sizeof bits / sizeof bits[0])]);
}

float check_float(check *c, check_fill fill)
{
    const uint64_t word = bnt_rng_u64(&c->rng);
    const float unit = (float)(int32_t)(word >> 32) * 0x1p-31f; /* -1 to 1 */
    switch (fill) {
    case FILL_RANDOM:
        return unit * 3.0f;
    case FILL_WIDE:
        return ldexpf(unit, (int)(word & 0xFFFF) % 81 - 40);
    case FILL_MIN:
        return -FLT_MAX;
    case FILL_MAX:
        return FLT_MAX;
    case FILL_ZERO:
        return word & 1 ? -0.0f : 0.0f;
    case FILL_SUBNORMAL:
        return unit * 0x1p-126f;
    case FILL_SPECIAL:
        return word % 16 == 0 ? special_float(c) : unit;
    default:
        return bnt_f32_from_bits((uint32_t)word);
    }
}

void check_floats(check *c, float *x, size_t n, check_fill fill)
{
    for (size_t i = 0; i < n; i++) {
        x[i] = check_float(c, fill);
    }
}

uint16_t check_half(check *c, check_fill fill)
{
    const uint16_t bits = (uint16_t)(bnt_rng_u64(&c->rng) >> 48);
    switch (fill) {
    case FILL_RANDOM: /* of 2^-7 to 2 */
        return (uint16_t)((bits & 0x83FF) | (8 + bits / 1024 % 8) << 10);
    case FILL_WIDE: /* any that is finite */
        return (uint16_t)((bits & 0x7C00) == 0x7C00 ? bits & 0xBFFF : bits);
    case FILL_MIN:
        return 0xFBFF;
    case FILL_MAX:
        return 0x7BFF;
    case FILL_ZERO:
        return bits & 0x8000;
    case FILL_SUBNORMAL:
        return bits & 0x83FF;
    case FILL_SPECIAL: /* a few of all the infinities and NaN */
        return (uint16_t)(check_below(c, 16) == 0 ? bits | 0x7C00 : (bits & 0x8FFF) | 0x3000);
    default:
        return bits;
    }
}

void check_halves(check *c, uint8_t *p, size_t n, check_fill fill)
{
    for (size_t i = 0; i < n; i++) {
        const uint16_t bits = check_half(c, fill);
        memcpy(p + 2 * i, &bits, sizeof bits);
    }
}

/* ---- kernels and cases ---- */

typedef void (*any_fn)(void);

static bool same_parts(const check_tables *a, const check_tables *b, const size_t *parts, int n)
{
    for (int i = 0; i < n; i++) {
        if (memcmp((const char *)a + parts[i], (const char *)b + parts[i], sizeof(any_fn))) {
            return false;
        }
    }
    return true;
}

bool check_kernel(check *c, const char *name, const size_t *parts, int n_parts)
{
    int n_tested = 0;
    if (c->only_kernel && strncmp(name, c->only_kernel, strlen(c->only_kernel)) != 0) {
        return false;
    }
    c->kernel = name;
    c->n_cases = 0;
    for (int i = 0; i < c->n_sets; i++) {
        check_set *const set = &c->sets[i];
        set->failed = false;
        set->tested = !same_parts(&set->tables, &c->ref_tables, parts, n_parts);
        if (c->only_set && strcmp(set->name, c->only_set) != 0) set->tested = false;
        for (int j = 0; j < i; j++) { /* a lesser set's version, tested as such */
            if (c->sets[j].tested &&
                same_parts(&set->tables, &c->sets[j].tables, parts, n_parts)) {
                set->tested = false;
            }
        }
        set->n_own += set->tested;
        n_tested += set->tested;
    }
    return n_tested > 0;
}

/* The seed of a case depends on the run's seed, the kernel's name and the case alone. */
static uint64_t case_seed(const check *c)
{
    uint64_t hash = 0xCBF29CE484222325u ^ c->seed;
    for (const char *p = c->kernel; *p; p++) {
        hash = (hash ^ (uint8_t)*p) * 0x100000001B3u;
    }
    return (hash ^ c->n_cases) * 0x100000001B3u;
}

void check_begin(check *c, bool at_begin, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    vsnprintf(c->text, sizeof c->text, format, list);
    va_end(list);
    c->at_begin = at_begin;
    c->n_cases++;
    c->n_in = 0;
    bnt_rng_seed(&c->rng, case_seed(c));
}

static void fail(check *c, check_set *set)
{
    if (!set->failed) set->n_failed++;
    set->failed = true;
    printf("FAILED %s %s, case %u (%s, buffers %s), seed %llu\n", set->name, c->kernel,
           c->n_cases, c->text, c->at_begin ? "behind a page" : "at a page",
           (unsigned long long)c->seed);
}

void check_require(check *c, check_set *set, bool holds, const char *what)
{
    if (holds) return;
    fail(c, set);
    printf("    %s\n", what);
}

/* ---- comparing ---- */

/* The first byte and the size of an output with the noise around it. */
static size_t window(const check_room *room, const check_out *out, uint8_t **begin)
{
    uint8_t *const data = out->data;
    const size_t before = (size_t)(data - room->data);
    const size_t after = room->size - before - out->bytes;
    const size_t low = before < MARGIN ? before : MARGIN;
    *begin = data - low;
    return low + out->bytes + (after < MARGIN ? after : MARGIN);
}

static void prepare(check *c, check_room rooms[], check_out *outs, int n_outs)
{
    bnt_rng noise;
    bnt_rng_seed(&noise, c->n_cases);
    const bnt_rng kept = c->rng;
    c->rng = noise; /* the same around every version */
    for (int i = 0; i < n_outs; i++) {
        uint8_t *begin;
        outs[i].data = room_place(c, &rooms[i], outs[i].bytes, outs[i].align);
        const size_t size = window(&rooms[i], &outs[i], &begin);
        check_noise(c, begin, size);
        if (outs[i].initial) memcpy(outs[i].data, outs[i].initial, outs[i].bytes);
    }
    c->rng = kept;
}

static bool equal_f32(const uint8_t *a, const uint8_t *b, bool any_zero)
{
    float x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    if (memcmp(a, b, sizeof x) == 0 || (x != x && y != y)) return true;
    return any_zero && x == 0.0f && y == 0.0f;
}

static bool equal_f16(const uint8_t *a, const uint8_t *b)
{
    uint16_t x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return x == y || ((x & 0x7FFF) > 0x7C00 && (y & 0x7FFF) > 0x7C00);
}

/* The first element that differs, or -1. */
static long differs(check_kind kind, const uint8_t *want, const uint8_t *got, size_t bytes)
{
    const size_t size = kind == CHECK_BYTES ? 1 : kind == CHECK_F16 ? 2 : 4;
    if (memcmp(want, got, bytes) == 0) return -1;
    for (size_t i = 0; i + size <= bytes; i += size) {
        const bool equal = kind == CHECK_BYTES ? want[i] == got[i]
                           : kind == CHECK_F16
                               ? equal_f16(want + i, got + i)
                               : equal_f32(want + i, got + i, kind == CHECK_F32_ANY_ZERO);
        if (!equal) return (long)(i / size);
    }
    return -1;
}

static void show(check_kind kind, const char *label, const void *data, long i)
{
    if (kind == CHECK_BYTES) {
        printf(" %s %d", label, ((const uint8_t *)data)[i]);
    } else if (kind == CHECK_F16) {
        printf(" %s 0x%04x", label, ((const uint16_t *)data)[i]);
    } else {
        const float x = ((const float *)data)[i];
        printf(" %s %.9g (0x%08x)", label, (double)x, bnt_f32_to_bits(x));
    }
}

/* Whether output i of a version is right, and nothing around it has changed. */
static bool compare(check *c, check_set *set, const check_out *out, const void *want, int i)
{
    uint8_t *begin, *const got = out->data;
    const size_t size = window(&c->got[i], out, &begin);
    const size_t low = (size_t)(got - begin), high = size - low - out->bytes;
    const long at = differs(out->kind, want, got, out->bytes);
    if (at >= 0) {
        fail(c, set);
        printf("    output %d, element %ld:", i, at);
        show(out->kind, "expected", want, at);
        show(out->kind, "found", got, at);
        printf("\n");
        return false;
    }
    const uint8_t *const near = want;
    if (memcmp(near - low, begin, low) || memcmp(near + out->bytes, got + out->bytes, high)) {
        fail(c, set);
        printf("    bytes around output %d were written\n", i);
        return false;
    }
    return true;
}

void check_case(check *c, check_run_fn run, const void *args, check_out *outs, int n_outs)
{
    const void *want[CHECK_ROOMS];
    prepare(c, c->want, outs, n_outs);
    for (int i = 0; i < n_outs; i++) {
        want[i] = outs[i].data;
    }
    run(&c->ref_tables.k, args, outs);
    for (int s = 0; s < c->n_sets; s++) {
        check_set *const set = &c->sets[s];
        if (!set->tested || set->failed) continue;
        prepare(c, c->got, outs, n_outs);
        c->running = set;
        run(&set->tables.k, args, outs);
        c->running = NULL;
        for (int i = 0; i < n_outs; i++) {
            if (!compare(c, set, &outs[i], want[i], i)) break;
        }
    }
}
