/* compare_f32.c - compares rows of float32 with expected ones, for the shell tests.
 *
 *     compare_f32 OURS EXPECTED COLUMNS TOLERANCE [ROW,ROW,...]
 *
 * Row i of EXPECTED is held against row ROW[i] of OURS; without a list against row i, and both
 * must then have as many. Prints the largest difference; exit 1 where it is above TOLERANCE, a
 * number is not finite, or a row is missing. Files are lowest byte first.
 */
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static float *read_floats(const char *path, size_t *n)
{
    FILE *f = fopen(path, "rb");
    if (!f) return NULL;
    fseek(f, 0, SEEK_END);
    const long size = ftell(f);
    rewind(f);
    unsigned char *bytes = malloc((size_t)size + 1);
    float *values = malloc((size_t)size + sizeof *values);
    const bool whole =
        bytes && values && size % 4 == 0 && fread(bytes, 1, (size_t)size, f) == (size_t)size;
    fclose(f);
    *n = whole ? (size_t)size / 4 : 0;
    for (size_t i = 0; i < *n; i++) {
        const unsigned char *b = bytes + 4 * i;
        const uint32_t bits =
            b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
        memcpy(&values[i], &bits, sizeof bits);
    }
    free(bytes);
    if (!whole) {
        free(values);
        return NULL;
    }
    return values;
}

/* Prints the largest difference, or what is missing; returns whether all are within it. */
static bool compare(const float *ours, size_t n_ours, const float *expected, size_t n_expected,
                    size_t columns, double tolerance, char *list)
{
    double largest = 0.0;

    if (!list && n_ours != n_expected) {
        printf("%zu numbers, expected %zu\n", n_ours, n_expected);
        return false;
    }
    for (size_t row = 0; row < n_expected / columns; row++) {
        const size_t at = list ? strtoul(list, &list, 10) : row;
        if (list && *list == ',') list++;
        if ((at + 1) * columns > n_ours) {
            printf("row %zu is missing\n", at);
            return false;
        }
        for (size_t c = 0; c < columns; c++) {
            const double d =
                fabs((double)ours[at * columns + c] - (double)expected[row * columns + c]);
            if (!isnan(largest) && !(d <= largest)) largest = d; /* what is no number stays */
        }
    }
    printf("%g\n", largest);
    return largest <= tolerance;
}

int main(int argc, char **argv)
{
    size_t n_ours = 0, n_expected = 0;
    bool same = false;

    if (argc < 5) return 2;
    float *const ours = read_floats(argv[1], &n_ours);
    float *const expected = read_floats(argv[2], &n_expected);
    const size_t columns = strtoul(argv[3], NULL, 10);
    if (!ours || !expected || columns == 0 || n_expected == 0 || n_expected % columns) {
        printf("cannot compare\n");
    } else {
        same = compare(ours, n_ours, expected, n_expected, columns, strtod(argv[4], NULL),
                       argc > 5 ? argv[5] : NULL);
    }
    free(ours);
    free(expected);
    return same ? 0 : 1;
}
