/* cli_report.c - the page of a report: totals, table, and the frame of its pictures; see
 * cli_report.h. cli_report_svg.c draws them. */
#include "cli_report_parts.h"

#include "cli_out.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- rows -------------------------------------------------------------------------------- */

bool cli_report_add(cli_report *r, bantam_text name, const char *type, uint64_t n_values,
                    uint64_t bytes, double loss)
{
    if (r->n_rows == r->capacity) {
        const size_t capacity = r->capacity ? 2 * r->capacity : 128;
        cli_report_row *const rows = realloc(r->rows, capacity * sizeof *rows);
        if (!rows) return false;
        r->rows = rows;
        r->capacity = capacity;
    }
    cli_report_row *const row = &r->rows[r->n_rows];
    *row = (cli_report_row){.n_values = n_values, .bytes = bytes, .loss = loss};
    row->name = malloc(name.size + 1);
    if (!row->name) return false;
    if (name.size) memcpy(row->name, name.data, name.size);
    row->name[name.size] = '\0';
    snprintf(row->type, sizeof row->type, "%s", type);
    r->n_rows++;
    return true;
}

void cli_report_free(cli_report *r)
{
    for (size_t i = 0; i < r->n_rows; i++)
        free(r->rows[i].name);
    free(r->rows);
    *r = (cli_report){.n_rows = 0};
}

double cli_report_bits(const cli_report_row *row)
{
    return row->n_values ? 8.0 * (double)row->bytes / (double)row->n_values : 0.0;
}

const char *const cli_kind_names[CLI_N_KINDS] = {"q",  "k",    "v",         "o",    "gate",
                                                 "up", "down", "embedding", "head", "other"};

/* "blk.3.attn_q.weight": the layer, and where the rest of the name begins. */
static const char *read_layer(const char *name, uint32_t *layer)
{
    enum { MAX_LAYER = 999 };
    char *end;

    *layer = CLI_NO_LAYER;
    if (strncmp(name, "blk.", 4) != 0 || name[4] < '0' || name[4] > '9') return name;
    const unsigned long n = strtoul(name + 4, &end, 10);
    if (*end != '.' || n > MAX_LAYER) return name;
    *layer = (uint32_t)n;
    return end + 1;
}

cli_kind cli_report_kind(const cli_report_row *row, uint32_t *layer)
{
    static const char *const names[CLI_KIND_OTHER] = {
        "attn_q.weight",      "attn_k.weight",     "attn_v.weight",
        "attn_output.weight", "ffn_gate.weight",   "ffn_up.weight",
        "ffn_down.weight",    "token_embd.weight", "output.weight"};
    const char *const name = read_layer(row->name, layer);

    for (int i = 0; i < CLI_KIND_OTHER; i++) {
        const bool of_layer = i < CLI_KIND_EMBEDDING;
        if (of_layer == (*layer != CLI_NO_LAYER) && strcmp(name, names[i]) == 0) {
            return (cli_kind)i;
        }
    }
    return CLI_KIND_OTHER;
}

/* ---- HTML -------------------------------------------------------------------------------- */

void cli_html_put(cli_buf *out, const char *format, ...)
{
    char small[1024]; /* more than any piece of the page that is printed has */
    va_list args;

    va_start(args, format);
    const int n = vsnprintf(small, sizeof small, format, args);
    va_end(args);
    if (n > 0) cli_buf_add(out, small, (size_t)n < sizeof small ? (size_t)n : sizeof small - 1);
}

static void put(cli_buf *out, const char *text)
{
    cli_buf_add(out, text, strlen(text));
}

void cli_html_text(cli_buf *out, const char *text)
{
    const size_t size = strlen(text);

    for (size_t at = 0; at < size;) {
        uint32_t c;
        const size_t n = cli_utf8_next(text + at, size - at, &c);
        if (c == '<')
            put(out, "&lt;");
        else if (c == '>')
            put(out, "&gt;");
        else if (c == '&')
            put(out, "&amp;");
        else if (c == '"')
            put(out, "&quot;");
        else if (n == 0 || c < 0x20 || (c >= 0x7F && c < 0xA0))
            put(out, "\xEF\xBF\xBD");
        else
            cli_buf_add(out, text + at, n);
        at += n ? n : 1;
    }
}

static const char style[] =
    ":root{--ink:#1c2430;--soft:#5f6b7a;--line:#e4e8ed;--paper:#fff;--tile:#f6f7f9;"
    "--k0:#2a78d6;--k1:#1baf7a;--k2:#d99000;--k3:#067a06;--k4:#6352c7;--k5:#e34948;"
    "--k6:#d9649a;--k7:#eb6834;--k8:#59687c;--k9:#a3acb8}\n"
    "@media(prefers-color-scheme:dark){:root{--ink:#e8ebef;--soft:#9aa5b3;--line:#323a45;"
    "--paper:#171b21;--tile:#20262e;--k0:#4f97ee;--k1:#30c48d;--k2:#e8ab2e;--k3:#4bb04b;"
    "--k4:#9a8cf0;--k5:#f06b6a;--k6:#ea8db6;--k7:#f58a5f;--k8:#94a3b8;--k9:#6b7683}}\n"
    "body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,"
    "sans-serif}main{max-width:880px;margin:0 auto;padding:32px 20px 48px}\n"
    "h1{font-size:24px;line-height:1.25;margin:0 0 8px;overflow-wrap:anywhere}"
    "h2{font-size:17px;margin:36px 0 2px}p{margin:4px 0;overflow-wrap:anywhere}"
    ".soft{color:var(--soft)}\n"
    ".tiles{display:flex;flex-wrap:wrap;gap:10px;margin:18px 0 6px}"
    ".tiles div{background:var(--tile);border-radius:8px;padding:10px 16px;flex:1 1 120px}"
    ".tiles b{display:block;font-size:22px;line-height:1.3;font-weight:600}"
    ".tiles span{color:var(--soft);font-size:13px}\n"
    ".legend{display:flex;flex-wrap:wrap;gap:2px 16px;font-size:13px;margin:8px 0 2px}"
    ".legend svg{width:12px;height:12px;margin-right:6px;vertical-align:-1px}\n"
    "figure{margin:0}figure svg{display:block;width:100%;height:auto}"
    "figure text{font:12px system-ui,sans-serif;fill:var(--soft)}"
    ".grid{stroke:var(--line);stroke-width:1}.axis{stroke:var(--soft);stroke-width:1}"
    ".mark{fill-opacity:.82;stroke:var(--paper);stroke-width:1}\n"
    ".bar{fill:var(--k8)}"
    ".k0{fill:var(--k0)}.k1{fill:var(--k1)}.k2{fill:var(--k2)}.k3{fill:var(--k3)}"
    ".k4{fill:var(--k4)}.k5{fill:var(--k5)}.k6{fill:var(--k6)}.k7{fill:var(--k7)}"
    ".k8{fill:var(--k8)}.k9{fill:var(--k9)}\n"
    ".wide{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:13px;"
    "margin-top:8px;font-variant-numeric:tabular-nums}"
    "th,td{padding:3px 10px 3px 0;text-align:right;border-bottom:1px solid var(--line);"
    "white-space:nowrap}"
    "th{color:var(--soft);font-weight:500}td:first-child,th:first-child,td:nth-child(2),"
    "th:nth-child(2){text-align:left}\n";

/* Totals of the rows; vectors of floats, whose loss is 0, count as all others. */
static double bits_of_all(const cli_report *r)
{
    double bits = 0.0, values = 0.0;

    for (size_t i = 0; i < r->n_rows; i++) {
        bits += 8.0 * (double)r->rows[i].bytes;
        values += (double)r->rows[i].n_values;
    }
    return values > 0.0 ? bits / values : 0.0;
}

static void put_tile(cli_buf *out, const char *what, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void put_tile(cli_buf *out, const char *what, const char *format, ...)
{
    char number[64];
    va_list args;

    va_start(args, format);
    vsnprintf(number, sizeof number, format, args);
    va_end(args);
    cli_html_put(out, "<div><b>%s</b><span>%s</span></div>", number, what);
}

static void put_tiles(cli_buf *out, const cli_report *r)
{
    const bantam_comparison *const c = r->compared;

    put(out, "<div class=tiles>");
    put_tile(out, "the file", "%.1f MB", (double)r->bytes_after / 1e6);
    put_tile(out, "bits per weight", "%.2f", bits_of_all(r));
    if (r->bytes_before) {
        put_tile(out, "of the size before", "%.1f %%",
                 100.0 * (double)r->bytes_after / (double)r->bytes_before);
    }
    if (c) {
        put_tile(out, "mean divergence, nats", "%.3g", c->kl_mean);
        put_tile(out, "same likeliest token", "%.1f %%", 100.0 * c->top1_agreement);
        put_tile(out, "perplexity", "%.4g", c->perplexity);
    }
    put(out, "</div>\n");
}

static void put_sentence(cli_buf *out, const cli_report *r)
{
    const bantam_comparison *const c = r->compared;

    put(out, "<p>");
    cli_html_text(out, r->model);
    if (r->bytes_before) cli_html_put(out, ", %.1f MB,", (double)r->bytes_before / 1e6);
    put(out, " became ");
    cli_html_text(out, r->made);
    cli_html_put(out, ", %.1f MB, %.2f bits per weight", (double)r->bytes_after / 1e6,
                 bits_of_all(r));
    if (r->method) {
        put(out, ", by ");
        cli_html_text(out, r->method);
    }
    put(out, ".");
    if (c) {
        cli_html_put(out, " Over %" PRIu64 " tokens", c->n_tokens);
        if (r->text) {
            put(out, " of ");
            cli_html_text(out, r->text);
        }
        cli_html_put(out,
                     " its predictions diverge from those of the model before by %.3g nats on "
                     "average (+- %.1g), and by %.3g or more at one token of a hundred. At "
                     "%.2f&nbsp;%% of the tokens both find the same one likeliest. Perplexity "
                     "was %.4g and is %.4g.",
                     c->kl_mean, c->kl_mean_error, c->kl_p99, 100.0 * c->top1_agreement,
                     c->perplexity_reference, c->perplexity);
    }
    put(out, "</p>\n");
}

static void put_table(cli_buf *out, const cli_report *r)
{
    put(out, "<h2>Tensors</h2>\n<div class=wide><table>\n<tr><th>tensor<th>type<th>bits per "
             "weight<th>bytes<th>loss\n");
    for (size_t i = 0; i < r->n_rows; i++) {
        const cli_report_row *const row = &r->rows[i];
        put(out, "<tr><td>");
        cli_html_text(out, row->name);
        put(out, "<td>");
        cli_html_text(out, row->type);
        cli_html_put(out, "<td>%.3g<td>%" PRIu64 "<td>", cli_report_bits(row), row->bytes);
        cli_html_put(out, row->loss > 0.0 ? "%.3g\n" : "%.0f\n", row->loss);
    }
    put(out, "</table></div>\n");
}

static void put_page(cli_buf *out, const cli_report *r)
{
    const char *const loss = r->loss ? r->loss : "squared error over squared weights";

    put(out, "<!doctype html>\n<html lang=en><meta charset=utf-8>\n"
             "<meta name=viewport content=\"width=device-width,initial-scale=1\">\n<title>");
    cli_html_text(out, r->made);
    put(out, ": what it cost</title>\n<style>\n");
    put(out, style);
    put(out, "</style>\n<main>\n<h1>What it cost</h1>\n");
    put_sentence(out, r);
    put_tiles(out, r);
    put(out, "<h2>Bits against loss</h2>\n<p class=soft>Loss: ");
    cli_html_text(out, loss);
    put(out, ". A mark is a tensor. Marks of one type stand side by side in the order of the "
             "layers.</p>\n");
    cli_report_legend(out, r);
    cli_report_marks(out, r);
    put(out, "<h2>By layer</h2>\n");
    cli_report_layers(out, r);
    put_table(out, r);
    put(out, "</main>\n</html>\n");
}

bantam_status cli_report_write(const cli_report *r, const char *path, bantam_error *err)
{
    cli_buf page = {0};

    put_page(&page, r);
    const bantam_status status = cli_write_file(path, page.data, page.size, err);
    cli_buf_free(&page);
    return status;
}
