/* cli_report_svg.c - the pictures of a report; see cli_report_parts.h. */
#include "cli_report_parts.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH = 880, LEFT = 62, RIGHT = 14 };

/* A number of an axis, and where it lies on the page. */
typedef struct axis {
    double low, high; /* values at its ends */
    double from, to;  /* places of its ends */
} axis;

static double place(const axis *a, double value)
{
    return a->from + (value - a->low) / (a->high - a->low) * (a->to - a->from);
}

static bool is_lost(const cli_report_row *row)
{
    return row->loss > 0.0 && isfinite(row->loss) && row->n_values > 0;
}

/* Attention is round, feed-forward square, what is beside the layers stands on its corner: so
 * the kinds can be told apart without their colors. */
static void put_mark(cli_buf *out, cli_kind kind, double x, double y, double size)
{
    if (kind <= CLI_KIND_O) {
        cli_html_put(out, "<circle class=\"mark k%d\" cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\"", kind,
                     x, y, size);
    } else if (kind <= CLI_KIND_DOWN) {
        cli_html_put(out,
                     "<rect class=\"mark k%d\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" "
                     "height=\"%.1f\"",
                     kind, x - 0.88 * size, y - 0.88 * size, 1.76 * size, 1.76 * size);
    } else {
        const double s = 1.3 * size;
        cli_html_put(out,
                     "<path class=\"mark k%d\" d=\"M%.1f %.1fl%.1f %.1fl%.1f %.1fl%.1f "
                     "%.1fz\"",
                     kind, x, y - s, s, s, -s, s, -s, -s);
    }
}

void cli_report_legend(cli_buf *out, const cli_report *r)
{
    bool found[CLI_N_KINDS] = {false};
    uint32_t layer;

    for (size_t i = 0; i < r->n_rows; i++) {
        const cli_kind kind = cli_report_kind(&r->rows[i], &layer);
        found[kind] = found[kind] || kind != CLI_KIND_OTHER || is_lost(&r->rows[i]);
    }
    cli_html_put(out, "<div class=legend>");
    for (int i = 0; i < CLI_N_KINDS; i++) {
        if (!found[i]) continue;
        cli_html_put(out, "<span><svg viewBox=\"0 0 14 14\">");
        put_mark(out, (cli_kind)i, 7.0, 7.0, 5.0);
        cli_html_put(out, "/></svg>%s</span>", cli_kind_names[i]);
    }
    cli_html_put(out, "</div>\n");
}

static void put_figure(cli_buf *out, int height, const char *says)
{
    cli_html_put(out, "<figure><svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"%s\">\n",
                 WIDTH, height, says);
}

/* 0.05, 1e-5. */
static void put_number(cli_buf *out, double value)
{
    const double power = value > 0.0 ? floor(log10(value) + 1e-9) : 0.0;

    if (power < -4.0)
        cli_html_put(out, "%.0fe%.0f", value / pow(10.0, power), power);
    else
        cli_html_put(out, "%.3g", value);
}

/* A line across at a value, and the value in front of it. */
static void put_line(cli_buf *out, double y, double value)
{
    cli_html_put(out,
                 "<line class=\"grid\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/>"
                 "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">",
                 LEFT, WIDTH - RIGHT, y, y, LEFT - 8, y + 4.0);
    put_number(out, value);
    cli_html_put(out, "</text>\n");
}

/* ---- bits against loss ------------------------------------------------------------------- */

enum { MARKS_HEIGHT = 400, MARKS_TOP = 14, MARKS_BOTTOM = 348 };

typedef struct spread {
    axis bits, loss; /* loss by its decimal logarithm */
    double width;    /* that the layers of one type are spread over, in bits */
    uint32_t n_layers;
    size_t n; /* rows with a loss */
} spread;

/* The least difference between the bits of two types, as the first row of each has them. */
static double least_gap(const cli_report *r)
{
    enum { MAX_TYPES = 32 };
    const cli_report_row *seen[MAX_TYPES];
    size_t n = 0;
    double gap = 1.0;

    for (size_t i = 0; i < r->n_rows && n < MAX_TYPES; i++) {
        const cli_report_row *const row = &r->rows[i];
        size_t same = 0;
        if (!is_lost(row)) continue;
        while (same < n && strcmp(seen[same]->type, row->type) != 0)
            same++;
        if (same < n) continue;
        for (size_t j = 0; j < n; j++)
            gap = fmin(gap, fabs(cli_report_bits(row) - cli_report_bits(seen[j])));
        seen[n++] = row;
    }
    return fmax(gap, 0.1);
}

static spread measure(const cli_report *r)
{
    spread s = {.n_layers = 0};
    double low = INFINITY, high = 0.0, best = INFINITY, worst = 0.0;

    for (size_t i = 0; i < r->n_rows; i++) {
        const cli_report_row *const row = &r->rows[i];
        const double bits = cli_report_bits(row);
        uint32_t layer;
        cli_report_kind(row, &layer);
        if (layer != CLI_NO_LAYER && layer >= s.n_layers) s.n_layers = layer + 1;
        if (!is_lost(row)) continue;
        s.n++;
        low = fmin(low, bits);
        high = fmax(high, bits);
        best = fmin(best, row->loss);
        worst = fmax(worst, row->loss);
    }
    if (s.n == 0) return s;
    s.width = 0.8 * least_gap(r);
    s.bits = (axis){floor(low - 0.5), ceil(high + 0.5), LEFT, WIDTH - RIGHT};
    s.loss =
        (axis){floor(log10(best) - 0.05), ceil(log10(worst) + 0.05), MARKS_BOTTOM, MARKS_TOP};
    return s;
}

static void put_axes(cli_buf *out, const spread *s)
{
    const int step = (int)ceil((s->bits.high - s->bits.low) / 16.0);
    const bool few = s->loss.high - s->loss.low < 2.5;

    for (double d = s->loss.low; d <= s->loss.high; d += 1.0) {
        put_line(out, place(&s->loss, d), pow(10.0, d));
        if (!few || d + 1.0 > s->loss.high) continue;
        put_line(out, place(&s->loss, d + log10(2.0)), 2.0 * pow(10.0, d));
        put_line(out, place(&s->loss, d + log10(5.0)), 5.0 * pow(10.0, d));
    }
    cli_html_put(out, "<line class=\"axis\" x1=\"%d\" x2=\"%d\" y1=\"%d\" y2=\"%d\"/>\n", LEFT,
                 WIDTH - RIGHT, MARKS_BOTTOM, MARKS_BOTTOM);
    for (double b = s->bits.low; b <= s->bits.high; b += step) {
        cli_html_put(out, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%.0f</text>\n",
                     place(&s->bits, b), MARKS_BOTTOM + 20, b);
    }
    cli_html_put(out, "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">bits per weight</text>\n",
                 (LEFT + WIDTH - RIGHT) / 2, MARKS_HEIGHT - 10);
}

static void put_row(cli_buf *out, const spread *s, const cli_report_row *row)
{
    uint32_t layer;
    const cli_kind kind = cli_report_kind(row, &layer);
    double bits = cli_report_bits(row);

    if (layer != CLI_NO_LAYER && s->n_layers > 1) {
        bits += s->width * ((double)layer / (double)(s->n_layers - 1) - 0.5);
    }
    put_mark(out, kind, place(&s->bits, bits), place(&s->loss, log10(row->loss)),
             s->n > 100 ? 3.8 : 5.0);
    cli_html_put(out, "><title>");
    cli_html_text(out, row->name);
    cli_html_put(out, ": %s, %.3g bits, loss %.3g</title></%s>\n", row->type,
                 cli_report_bits(row), row->loss,
                 kind <= CLI_KIND_O      ? "circle"
                 : kind <= CLI_KIND_DOWN ? "rect"
                                         : "path");
}

void cli_report_marks(cli_buf *out, const cli_report *r)
{
    const spread s = measure(r);

    if (s.n == 0) {
        cli_html_put(out, "<p>No tensor has lost anything.</p>\n");
        return;
    }
    put_figure(out, MARKS_HEIGHT, "loss of each tensor by its bits per weight");
    put_axes(out, &s);
    for (size_t i = 0; i < r->n_rows; i++) {
        if (is_lost(&r->rows[i])) put_row(out, &s, &r->rows[i]);
    }
    cli_html_put(out, "</svg></figure>\n");
    if (s.n < r->n_rows) {
        cli_html_put(out,
                     "<p class=soft>%zu tensors lost nothing and are not in the picture.</p>\n",
                     r->n_rows - s.n);
    }
}

/* ---- bars -------------------------------------------------------------------------------- */

enum { BARS_HEIGHT = 190, BARS_TOP = 26, BARS_BOTTOM = 160 };

/* A layer, the embedding or the head. */
typedef struct bar {
    double bytes, values;
    double loss, weight; /* sum of losses times weights, and of weights */
} bar;

/* The embedding, the layers, the head. */
typedef struct bars {
    bar *at; /* (n_layers + 2) owns */
    uint32_t n_layers;
    size_t first, n; /* of them those that there are */
} bars;

static double loss_of(const bar *b, bool adds)
{
    if (adds) return b->loss;
    return b->weight > 0.0 ? b->loss / b->weight : 0.0;
}

static double bits_of(const bar *b)
{
    return b->values > 0.0 ? 8.0 * b->bytes / b->values : 0.0;
}

static bars gather(const cli_report *r)
{
    bars all = {.n_layers = measure(r).n_layers};
    const size_t n = all.n_layers + 2;

    all.at = cli_grow(NULL, n, sizeof *all.at);
    memset(all.at, 0, n * sizeof *all.at);
    for (size_t i = 0; i < r->n_rows; i++) {
        const cli_report_row *const row = &r->rows[i];
        uint32_t layer;
        const cli_kind kind = cli_report_kind(row, &layer);
        if (layer == CLI_NO_LAYER && kind == CLI_KIND_OTHER) continue;
        bar *const b = &all.at[kind == CLI_KIND_EMBEDDING ? 0
                               : kind == CLI_KIND_HEAD    ? n - 1
                                                          : layer + 1];
        const double weight = r->adds ? 1.0 : (double)row->n_values;
        b->bytes += (double)row->bytes;
        b->values += (double)row->n_values;
        if (is_lost(row)) b->loss += weight * row->loss;
        b->weight += weight;
    }
    all.first = all.at[0].values > 0.0 ? 0 : 1;
    all.n = n - all.first - (all.at[n - 1].values > 0.0 ? 0 : 1);
    return all;
}

/* 1, 2 or 5 times a power of ten: about `wanted` of them make `most`. */
static double round_step(double most, double wanted)
{
    const double rough = most / wanted, power = pow(10.0, floor(log10(rough)));
    const double lead = rough / power;

    return power * (lead <= 1.0 ? 1.0 : lead <= 2.0 ? 2.0 : lead <= 5.0 ? 5.0 : 10.0);
}

/* Lines up to the largest bar, whose value becomes the end of the axis. */
static axis put_scale(cli_buf *out, double most, const char *title)
{
    const double step = round_step(most > 0.0 ? most : 1.0, 4.0);
    const axis a = {0.0, step * ceil((most > 0.0 ? most : 1.0) / step), BARS_BOTTOM, BARS_TOP};

    for (double v = 0.0; v <= a.high + step / 2.0; v += step)
        put_line(out, place(&a, v), v);
    cli_html_put(out, "<text x=\"%d\" y=\"12\">%s</text>\n", LEFT, title);
    return a;
}

static void put_name(cli_buf *out, const bars *all, size_t i, double x)
{
    const uint32_t every = all->n_layers > 50 ? 10 : all->n_layers > 26 ? 5 : 1;
    const size_t which = all->first + i;

    if (which > 0 && which <= all->n_layers && (which - 1) % every != 0) return;
    cli_html_put(out, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">", x, BARS_BOTTOM + 18);
    if (which == 0 || which > all->n_layers)
        cli_html_put(out, "%s</text>\n", which == 0 ? "emb" : "head");
    else
        cli_html_put(out, "%zu</text>\n", which - 1);
}

static void put_bars(cli_buf *out, const bars *all, const double *values, const char *title)
{
    const double each = (double)(WIDTH - LEFT - RIGHT) / (double)all->n;
    const double width = each > 3.0 ? fmin(each - 2.0, 36.0) : 0.8 * each;
    double most = 0.0;

    for (size_t i = 0; i < all->n; i++)
        most = fmax(most, values[i]);
    put_figure(out, BARS_HEIGHT, title);
    const axis a = put_scale(out, most, title);
    for (size_t i = 0; i < all->n; i++) {
        const bar *const b = &all->at[all->first + i];
        const double x = LEFT + each * (double)i + each / 2.0, y = place(&a, values[i]);
        cli_html_put(out,
                     "<rect class=\"bar\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" "
                     "height=\"%.1f\"><title>%.3g, %.3g MB</title></rect>\n",
                     x - width / 2.0, y, width, BARS_BOTTOM - y, values[i], b->bytes / 1e6);
        put_name(out, all, i, x);
    }
    cli_html_put(out, "</svg></figure>\n");
}

void cli_report_layers(cli_buf *out, const cli_report *r)
{
    const bars all = gather(r);
    double *const values = cli_grow(NULL, all.n, sizeof *values);

    for (size_t i = 0; i < all.n; i++)
        values[i] = loss_of(&all.at[all.first + i], r->adds);
    put_bars(out, &all, values, r->adds ? "loss, sum" : "loss, mean over weights");
    for (size_t i = 0; i < all.n; i++)
        values[i] = bits_of(&all.at[all.first + i]);
    put_bars(out, &all, values, "bits per weight, mean");
    free(values);
    free(all.at);
}
