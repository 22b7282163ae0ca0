/* cli_report.h - one page about a quantization: what it saved, what it cost, and where.
 *
 * The page is one HTML file without scripts and without anything from elsewhere: a sentence
 * with the totals, pictures (SVG) and a table of the tensors.
 */
#ifndef BANTAM_CLI_REPORT_H
#define BANTAM_CLI_REPORT_H
#include "bantam/compare.h"

typedef struct cli_report_row {
    char *name; /* of the tensor, as GGUF calls it */
    char type[16];
    uint64_t n_values, bytes;
    double loss; /* 0: nothing was lost */
} cli_report_row;

/* Zeroed it is an empty one. Texts are borrowed. */
typedef struct cli_report {
    const char *model, *made;           /* the file or folder read, the file written */
    const char *method;                 /* in a few words; NULL: none to tell of */
    uint64_t bytes_before, bytes_after; /* of the files; before 0: not known */
    const char *loss;                   /* what a row's loss is; NULL: error of the weights */
    bool adds;                          /* losses of a layer add up, as divergences do; else
                                           they are averaged, as shares of the weights' squares */
    const bantam_comparison *compared;  /* with the model read; NULL: not measured */
    const char *text;                   /* that they were compared on; NULL: not to be named */
    cli_report_row *rows;               /* (n_rows) */
    size_t n_rows, capacity;
} cli_report;

/* Adds a tensor; copies name and type. False where there is no memory for it. */
bool cli_report_add(cli_report *report, bantam_text name, const char *type, uint64_t n_values,
                    uint64_t bytes, double loss);

/* Writes the page, whole or not at all. Ends the process where there is no memory. */
bantam_status cli_report_write(const cli_report *report, const char *path, bantam_error *err);

void cli_report_free(cli_report *report);

#endif
