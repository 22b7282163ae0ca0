/* bench_tokenizer.c - how fast a tokenizer opens, and texts become tokens: MODEL [FILE].
 *
 * Prints the processor time to open and the memory held; and for the file and for inputs that
 * are made to be hard the rate of the median of several runs. What the tokens are is the tests'
 * concern.
 */
#include "base/clock.h"
#include "base/mem.h"
#include "token/load.h"
#include "token/tokenizer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { N_RUNS = 5, N_REPEATS = 1000000 };

static int fail(const bantam_error *err)
{
    fprintf(stderr, "bench_tokenizer: %s\n", err->message);
    return 1;
}

static int compare(const void *left, const void *right)
{
    const double l = *(const double *)left, r = *(const double *)right;
    return l < r ? -1 : l > r;
}

static double processor_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* Encodes one text N_RUNS times and prints a line. */
static int measure(const bnt_tokenizer *t, const char *name, bantam_text text)
{
    double ms[N_RUNS];
    size_t n_tokens = 0;
    bantam_error err = {0};
    uint32_t *tokens = calloc(text.size + 16, sizeof *tokens);
    if (!tokens) return 1;
    for (int i = 0; i < N_RUNS; i++) {
        const uint64_t start = bnt_clock_ns();
        if (bnt_tokenizer_encode(t, text, 0, tokens, text.size + 16, &n_tokens, &err)) {
            free(tokens);
            fprintf(stderr, "%s: ", name);
            return fail(&err);
        }
        ms[i] = (double)(bnt_clock_ns() - start) / 1e6;
    }
    free(tokens);
    qsort(ms, N_RUNS, sizeof ms[0], compare);
    const double mb = (double)text.size / 1e6;
    printf("%-12s %9zu bytes %9zu tokens %8.2f ms (%.2f to %.2f) %7.1f MB/s\n", name, text.size,
           n_tokens, ms[N_RUNS / 2], ms[0], ms[N_RUNS - 1], mb / ms[N_RUNS / 2] * 1e3);
    return 0;
}

/* A million times the same. */
static int measure_repeated(const bnt_tokenizer *t, const char *name, const char *unit)
{
    const size_t size = strlen(unit);
    char *data = malloc(size * N_REPEATS);
    if (!data) return 1;
    for (size_t i = 0; i < N_REPEATS; i++) {
        memcpy(data + i * size, unit, size);
    }
    const bantam_text text = {data, size * N_REPEATS};
    const int failed = measure(t, name, text);
    free(data);
    return failed;
}

/* A million letters in no order, without a break. */
static int measure_letters(const bnt_tokenizer *t)
{
    char *data = malloc(N_REPEATS);
    uint32_t x = 1;
    if (!data) return 1;
    for (size_t i = 0; i < N_REPEATS; i++) {
        x = x * 1664525u + 1013904223u;
        data[i] = (char)('a' + (x >> 16) % 26);
    }
    const bantam_text text = {data, N_REPEATS};
    const int failed = measure(t, "letters", text);
    free(data);
    return failed;
}

static int measure_all(const bnt_tokenizer *t, const char *path)
{
    static const char *const repeated[][2] = {{"A", "A"},
                                              {"spaces", " "},
                                              {"newlines", "\n"},
                                              {"U+0300", "\xCC\x80"},
                                              {"digits", "7"},
                                              {"emoji", "\xF0\x9F\x99\x82"},
                                              {"a space", "a "},
                                              {"bad bytes", "\xFF\x80"},
                                              {"<|", "<|"},
                                              {"lines", "a\n  "},
                                              {"han", "\xE6\xBC\xA2\xE5\xAD\x97"}};
    bantam_error err = {0};
    bnt_buf file;
    FILE *f = fopen(path, "rb");
    if (!f) {
        perror(path);
        return 1;
    }
    bnt_buf_init(&file, 1u << 30);
    for (size_t n = 1; n > 0 && !file.failed;) {
        char block[65536];
        n = fread(block, 1, sizeof block, f);
        bnt_buf_put(&file, block, n);
    }
    fclose(f);
    if (bnt_buf_status(&file, path, &err)) return fail(&err);

    int failed = measure(t, "file", bnt_buf_text(&file));
    for (size_t i = 0; i < sizeof repeated / sizeof repeated[0] && !failed; i++) {
        failed = measure_repeated(t, repeated[i][0], repeated[i][1]);
    }
    if (!failed) failed = measure_letters(t);
    bnt_buf_deinit(&file);
    return failed;
}

/* Opens N_RUNS times, of which *t keeps the last, and prints a line. */
static int measure_open(const char *path, bnt_tokenizer **t)
{
    double load[N_RUNS], open[N_RUNS];
    uint32_t n_tokens = 0, n_merges = 0;
    bantam_error err = {0};
    bnt_spec spec;

    for (int i = 0; i < N_RUNS; i++) {
        bnt_tokenizer_close(*t);
        *t = NULL;
        bnt_spec_init(&spec);
        const double start = processor_ms();
        if (bnt_spec_load(&spec, path, &err)) return fail(&err);
        const double loaded = processor_ms();
        const bantam_status status = bnt_tokenizer_open(t, &spec, &err);
        load[i] = loaded - start;
        open[i] = processor_ms() - loaded;
        n_tokens = spec.n_tokens;
        n_merges = spec.n_merges;
        bnt_spec_deinit(&spec);
        if (status) return fail(&err);
    }
    qsort(load, N_RUNS, sizeof load[0], compare);
    qsort(open, N_RUNS, sizeof open[0], compare);
    printf("%u tokens, %u merges: load %.1f ms (%.1f to %.1f), open %.1f ms (%.1f to %.1f), "
           "%zu bytes\n",
           n_tokens, n_merges, load[N_RUNS / 2], load[0], load[N_RUNS - 1], open[N_RUNS / 2],
           open[0], open[N_RUNS - 1], bnt_tokenizer_bytes(*t));
    return 0;
}

int main(int argc, char **argv)
{
    bnt_tokenizer *t = NULL;
    if (argc != 2 && argc != 3) {
        fprintf(stderr, "usage: bench_tokenizer MODEL [FILE]\n");
        return 2;
    }
    int failed = measure_open(argv[1], &t);
    if (!failed && argc == 3) failed = measure_all(t, argv[2]);
    bnt_tokenizer_close(t);
    return failed;
}
