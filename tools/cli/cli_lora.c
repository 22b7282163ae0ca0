/* cli_lora.c - reads --lora FILE[:SCALE]. A file may have a colon in its name: what is there
 * under the whole text is that file. */
#include "cli_lora.h"

#include "cli_out.h"
#include "cli_text.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Stronger than that is no adapter any more. */
static const double most = 1000.0;

static int read_one(cli_loras *loras, const char *text)
{
    const size_t size = strlen(text);
    char *path = memcpy(cli_grow(NULL, size + 1, 1), text, size + 1);
    const char *colon = strrchr(text, ':');
    double scale = 1.0;

    loras->paths[loras->n] = path;
    loras->scales[loras->n++] = 1.0f;
    if (size == 0) return cli_usage("--lora: the name of a file is missing");
    if (!colon || access(text, F_OK) == 0) return 0;
    path[colon - text] = '\0';
    if (cli_read_real(colon + 1, -most, most, &scale)) {
        loras->scales[loras->n - 1] = (float)scale;
        return 0;
    }
    if (access(path, F_OK) == 0) {
        return cli_usage("--lora: '%s' is not a scale: a number from %g to %g", colon + 1,
                         -most, most);
    }
    path[colon - text] = ':';
    return 0;
}

int cli_loras_read(cli_loras *loras, const cli_args *args)
{
    *loras = (cli_loras){.n = 0};
    if (args->lora.n > BANTAM_MAX_ADAPTERS) {
        return cli_usage("--lora: at most %d adapters, found %zu", (int)BANTAM_MAX_ADAPTERS,
                         args->lora.n);
    }
    for (size_t i = 0; i < args->lora.n; i++) {
        const int status = read_one(loras, args->lora.items[i]);
        if (status) {
            cli_loras_free(loras);
            return status;
        }
    }
    return 0;
}

void cli_loras_free(cli_loras *loras)
{
    for (size_t i = 0; i < loras->n; i++) {
        free(loras->paths[i]);
    }
    *loras = (cli_loras){.n = 0};
}
