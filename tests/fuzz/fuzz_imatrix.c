/* fuzz_imatrix.c - an importance file of any bytes, of either form: what the reader promises of
 * every entry is checked. */
#include "format/imatrix.h"

#include <float.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool law, const char *what)
{
    if (law) return;
    fprintf(stderr, "broken law: %s\n", what);
    abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bnt_imatrix *m;
    bantam_error err;
    size_t n_values = 0;

    if (bnt_imatrix_parse(&m, data, size, &err)) {
        require(!m && err.message[0], "a reason is given");
        return 0;
    }
    require(bnt_imatrix_n_entries(m) > 0, "there is an entry");
    for (size_t i = 0; i < bnt_imatrix_n_entries(m); i++) {
        const bnt_importance *const e = bnt_imatrix_at(m, i);
        require(bnt_imatrix_find(m, e->name) == e, "names are found, and differ");
        for (size_t j = 0; j < e->n; j++) {
            require(e->mean[j] >= 0.0f && e->mean[j] <= FLT_MAX, "means are finite");
        }
        n_values += e->n;
    }
    require(n_values <= size / sizeof(float), "no more values than bytes hold");
    bnt_imatrix_close(m);
    return 0;
}
