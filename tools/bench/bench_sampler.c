/* bench_sampler.c - how long it takes to choose a token: [TOKENS].
 *
 * Draws from made-up logits of TOKENS words (128256), most of them near 0 and some thousandth
 * standing out, as those of models do, after a history of as many random tokens as penalties
 * look at. Prints the processor time of the median draw, for greedy choice and for the stages
 * that chats use.
 */
#include "base/cpu.h"
#include "base/rng.h"
#include "sample/sampler.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { N_DRAWS = 301, N_HISTORY = 1024, N_LOGITS = 4 };

typedef struct bench {
    uint32_t n_vocab;
    float *logits; /* (N_LOGITS, n_vocab) */
    float *row;    /* (n_vocab): as the head leaves it, just written */
    uint32_t history[N_HISTORY];
    bnt_sampler *sampler;
} bench;

static int fail(const bantam_error *err)
{
    fprintf(stderr, "bench_sampler: %s\n", err->message);
    return 1;
}

static int compare(const void *left, const void *right)
{
    const double l = *(const double *)left, r = *(const double *)right;
    return l < r ? -1 : l > r;
}

static double processor_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void make_up(bench *b)
{
    bnt_rng rng;
    bnt_rng_seed(&rng, 1);
    for (size_t i = 0; i < (size_t)N_LOGITS * b->n_vocab; i++) {
        b->logits[i] = (float)(2.5 * bnt_rng_normal(&rng));
        if (bnt_rng_below(&rng, 1000) == 0) b->logits[i] += (float)(12 * bnt_rng_f64(&rng));
    }
    for (size_t i = 0; i < N_HISTORY; i++) {
        b->history[i] = (uint32_t)bnt_rng_below(&rng, b->n_vocab);
    }
}

static int measure(bench *b, const char *name, const bantam_sampling *sampling)
{
    double us[N_DRAWS];
    bantam_error err = {0};
    uint32_t token;

    if (bnt_sampler_configure(b->sampler, sampling, NULL, NULL, &err)) return fail(&err);
    for (int i = 0; i < N_DRAWS; i++) {
        memcpy(b->row, b->logits + (size_t)(i % N_LOGITS) * b->n_vocab,
               b->n_vocab * sizeof *b->row);
        const double start = processor_us();
        if (bnt_sampler_draw(b->sampler, b->row, b->history, N_HISTORY, NULL, &token, &err)) {
            return fail(&err);
        }
        us[i] = processor_us() - start;
    }
    qsort(us, N_DRAWS, sizeof us[0], compare);
    printf("%-44s %8.1f us (%.1f to %.1f)\n", name, us[N_DRAWS / 2], us[N_DRAWS / 20],
           us[N_DRAWS - 1 - N_DRAWS / 20]);
    return 0;
}

static int measure_all(bench *b)
{
    bantam_sampling s;

    bnt_sampling_init(&s);
    int failed = measure(b, "greedy", &s);
    s.temperature = 0.8f;
    if (!failed) failed = measure(b, "temperature", &s);
    s.min_p = 0.05f;
    if (!failed) failed = measure(b, "min-p, temperature", &s);
    s.top_p = 0.95f;
    s.top_k = 40;
    if (!failed) failed = measure(b, "top-k, top-p, min-p, temperature", &s);
    s.repeat_penalty = 1.1f;
    s.frequency_penalty = s.presence_penalty = 0.1f;
    if (!failed) failed = measure(b, "penalties, top-k, top-p, min-p, temperature", &s);
    s.penalty_last_n = N_HISTORY;
    s.dry_multiplier = 0.8f;
    if (!failed) failed = measure(b, "and DRY, penalties over 1024 tokens", &s);
    return failed;
}

int main(int argc, char **argv)
{
    bench b = {.n_vocab = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 128256};
    bantam_error err = {0};
    bnt_kernels kernels;
    int failed = 1;

    if (argc > 2 || b.n_vocab < 2 || b.n_vocab > 1u << 20) {
        fprintf(stderr, "usage: bench_sampler [TOKENS]\n");
        return 2;
    }
    bnt_kernels_init(&kernels, bnt_cpu_flags());
    b.logits = calloc((size_t)N_LOGITS * b.n_vocab, sizeof *b.logits);
    b.row = calloc(b.n_vocab, sizeof *b.row);
    if (!b.logits || !b.row) {
        fprintf(stderr, "bench_sampler: out of memory\n");
    } else if (bnt_sampler_open(&b.sampler, b.n_vocab, &kernels, &err)) {
        failed = fail(&err);
    } else {
        make_up(&b);
        printf("choosing one of %u tokens, %s, median of %d draws (90 %% of them)\n", b.n_vocab,
               kernels.name, N_DRAWS);
        failed = measure_all(&b);
    }
    bnt_sampler_close(b.sampler);
    free(b.row);
    free(b.logits);
    return failed;
}
