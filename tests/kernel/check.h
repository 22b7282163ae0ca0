/* check.h - what every check of kernels is written with.
 *
 * A check makes a case - inputs, and outputs described by check_out - and a function that calls
 * one kernel of a table on it. check_case() calls it for the reference and for each version of
 * that kernel this machine can run, and compares everything written, and what lies around it.
 * Each buffer ends at an unreadable page, or begins behind one. A case draws its numbers from a
 * seed of its own, so that it can be run again by itself.
 */
#ifndef BNT_TESTS_CHECK_H
#define BNT_TESTS_CHECK_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rng.h"
#include "kernel/kernel.h"
#include "kernel/learn.h"

enum { CHECK_SETS = 8, CHECK_ROOMS = 8, CHECK_CASE_TEXT = 200 };

/* Memory between two unreadable pages. */
typedef struct check_room {
    uint8_t *data;
    size_t size;
} check_room;

/* All tables of one set, as their init functions fill them in. A kernel's place is its offset
 * in here; what runs kernels is given the first table, which leads to the others. */
typedef struct check_tables {
    bnt_kernels k;
    bnt_learn_kernels learn;
} check_tables;

static inline const bnt_learn_kernels *check_learn_of(const bnt_kernels *k)
{
    return &((const check_tables *)(const void *)k)->learn;
}

/* An instruction set: the tables for its flags. */
typedef struct check_set {
    const char *name;
    unsigned flags;
    union {
        bnt_kernels k;
        check_tables tables;
    };
    unsigned n_own, n_failed; /* kernels tested as this set's own, and those of them wrong */
    bool tested, failed;      /* in the kernel being checked */
} check_set;

typedef struct check {
    union {
        bnt_kernels ref;
        check_tables ref_tables;
    };
    check_set sets[CHECK_SETS];
    int n_sets;
    const char *only_set, *only_kernel; /* NULL: all */
    uint64_t seed;                      /* of the whole run */
    bnt_rng rng;                        /* of the case */
    bool at_begin;                      /* buffers begin behind the page, else end at one */
    const char *kernel;
    char text[CHECK_CASE_TEXT]; /* of the case */
    unsigned n_cases;           /* of this kernel */
    check_set *running;         /* the set whose version is being called, or NULL */
    check_room in[CHECK_ROOMS], want[CHECK_ROOMS], got[CHECK_ROOMS];
    int n_in;
} check;

/* How two outputs count as equal. A NaN equals any NaN: which of them comes out depends on the
 * order of operands that a compiler has chosen. */
typedef enum check_kind {
    CHECK_BYTES,
    CHECK_F32,
    CHECK_F32_ANY_ZERO, /* -0 equals +0 */
    CHECK_F16
} check_kind;

typedef struct check_out {
    check_kind kind;
    size_t bytes, align;
    const void *initial; /* what it holds before the call; NULL: noise */
    void *data;          /* set by check_case for each call */
} check_out;

typedef void (*check_run_fn)(const bnt_kernels *k, const void *args, const check_out *out);

/* Begins a kernel: finds the versions of it that differ from the reference. parts are places in
 * the table (offsetof) of the function and of those it works together with. False where there
 * is nothing to test. */
bool check_kernel(check *c, const char *name, const size_t *parts, int n_parts);
/* Begins a case, described by format. at_begin places its buffers. */
void check_begin(check *c, bool at_begin, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Room for an input of the case. */
void *check_in(check *c, size_t bytes, size_t align);
/* Calls every version, compares what each has written. */
void check_case(check *c, check_run_fn run, const void *args, check_out *outs, int n_outs);
/* A requirement of the table itself; false is a failure of `set`. */
void check_require(check *c, check_set *set, bool holds, const char *what);

/* ---- numbers ---- */

typedef enum check_fill {
    FILL_RANDOM,    /* about 1 */
    FILL_WIDE,      /* 2^-40 to 2^40 */
    FILL_MIN,       /* all the least: -FLT_MAX, lowest codes */
    FILL_MAX,       /* all the greatest */
    FILL_ZERO,      /* of both signs */
    FILL_SUBNORMAL, /* the smallest numbers */
    FILL_SPECIAL,   /* infinities and NaN among others */
    FILL_BITS,      /* any bits at all */
    FILLS
} check_fill;
extern const char *const check_fill_names[FILLS];

uint32_t check_below(check *c, uint32_t n);
void check_noise(check *c, void *p, size_t bytes);
float check_float(check *c, check_fill fill);
void check_floats(check *c, float *x, size_t n, check_fill fill);
uint16_t check_half(check *c, check_fill fill);
void check_halves(check *c, uint8_t *p, size_t n, check_fill fill);

/* The checks, by theme. */
void check_products(check *c);  /* check_products.c */
void check_attention(check *c); /* check_attention.c */
void check_vectors(check *c);   /* check_vectors.c */
void check_learn(check *c);     /* check_learn.c */

#endif
