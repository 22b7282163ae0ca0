/* bench_tokenizer.c - how fast texts become tokens: MODEL FILE.
 *
 * Prints the time to open, the memory held, and for the file and for inputs that are made to be
 * hard the rate of the median of several runs. What the tokens are is the tests' concern.
 */
#include "base/clock.h"
#include "base/mem.h"
#include "token/load.h"
#include "token/tokenizer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

int main(int argc, char **argv)
{
    bantam_error err = {0};
    bnt_spec spec;
    bnt_tokenizer *t = NULL;
    if (argc != 3) {
        fprintf(stderr, "usage: bench_tokenizer MODEL FILE\n");
        return 2;
    }
    bnt_spec_init(&spec);
    const uint64_t start = bnt_clock_ns();
    if (bnt_spec_load(&spec, argv[1], &err)) return fail(&err);
    const uint64_t loaded = bnt_clock_ns();
    const bantam_status status = bnt_tokenizer_open(&t, &spec, &err);
    const uint64_t opened = bnt_clock_ns();
    bnt_spec_deinit(&spec);
    if (status) return fail(&err);
    printf("load %.1f ms, open %.1f ms, %zu bytes\n", (double)(loaded - start) / 1e6,
           (double)(opened - loaded) / 1e6, bnt_tokenizer_bytes(t));
    const int failed = measure_all(t, argv[2]);
    bnt_tokenizer_close(t);
    return failed;
}
