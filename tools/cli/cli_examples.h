/* cli_examples.h - files of texts with labels: TSV, or JSON lines. */
#ifndef BANTAM_CLI_EXAMPLES_H
#define BANTAM_CLI_EXAMPLES_H
#include "bantam/bantam.h"
#include "cli_text.h"

typedef struct cli_examples {
    cli_buf bytes; /* what the texts point into */
    bantam_label_example *items;
    size_t n;
} cli_examples;

/* Reads lines of TEXT, a tab, LABEL, or of {"text","label"} where the name ends in .jsonl or
 * the first line is an object. A label is one of the given names, or a whole number that counts
 * them from 0. A first line whose label is called "label" is a header; empty lines do not
 * count. Returns an exit status, and has said what is wrong. */
int cli_examples_read(cli_examples *out, const char *path, const bantam_text *labels,
                      size_t n_labels);
void cli_examples_free(cli_examples *examples);

#endif
