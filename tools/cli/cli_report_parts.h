/* cli_report_parts.h - the inside of a report, for its two files. */
#ifndef BANTAM_CLI_REPORT_PARTS_H
#define BANTAM_CLI_REPORT_PARTS_H
#include "cli_report.h"
#include "cli_text.h"

/* What a tensor is in its layer, or beside the layers. */
typedef enum cli_kind {
    CLI_KIND_Q,
    CLI_KIND_K,
    CLI_KIND_V,
    CLI_KIND_O,
    CLI_KIND_GATE,
    CLI_KIND_UP,
    CLI_KIND_DOWN,
    CLI_KIND_EMBEDDING,
    CLI_KIND_HEAD,
    CLI_KIND_OTHER,
    CLI_N_KINDS
} cli_kind;

#define CLI_NO_LAYER UINT32_MAX

extern const char *const cli_kind_names[CLI_N_KINDS];

/* By the tensor's name. *layer is CLI_NO_LAYER beside the layers. */
cli_kind cli_report_kind(const cli_report_row *row, uint32_t *layer);

double cli_report_bits(const cli_report_row *row); /* per weight */

void cli_html_put(cli_buf *out, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Text that is not ours: escaped for HTML; what is not UTF-8, and control characters, become
 * U+FFFD. */
void cli_html_text(cli_buf *out, const char *text);

/* Bits against loss, a mark for each tensor. */
void cli_report_marks(cli_buf *out, const cli_report *report);
/* Loss and bits of every layer, and of embedding and head. */
void cli_report_layers(cli_buf *out, const cli_report *report);
/* The colors of the kinds. */
void cli_report_legend(cli_buf *out, const cli_report *report);

#endif
