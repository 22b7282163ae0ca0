/* mini_plot.c - a training log as a picture: LOSS.jsonl OUT.svg.
 *
 * The log is that of `bantam train --log`: one object a line. Drawn are the mean loss of the
 * last steps and, where it was measured, the loss on texts held out, over the steps.
 */
#include "mini.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH = 720, HEIGHT = 400, LEFT = 56, RIGHT = 16, TOP = 36, BOTTOM = 44, MOST = 600 };

typedef struct row {
    double step, smooth, held_out; /* NaN where it was not measured */
} row;

typedef struct curve {
    row *rows;
    size_t n;
    double steps, low, high;
} curve;

/* A member's number; NaN where there is none. */
static double member(bantam_text line, const char *name)
{
    char key[64];
    const int size = snprintf(key, sizeof key, "\"%s\":", name);

    for (size_t i = 0; i + (size_t)size < line.size; i++) {
        if (memcmp(line.data + i, key, (size_t)size) != 0) continue;
        char *end;
        const char *const at = line.data + i + size;
        const double value = strtod(at, &end);
        return end == at ? (double)NAN : value;
    }
    return (double)NAN;
}

static curve read_log(const char *path)
{
    const mini_texts lines = mini_lines(path);
    curve c = {.low = INFINITY, .high = -INFINITY};

    c.rows = calloc(lines.n + 1, sizeof *c.rows);
    if (!c.rows) mini_die("out of memory");
    for (size_t i = 0; i < lines.n; i++) {
        const row r = {member(lines.items[i], "step"), member(lines.items[i], "smooth_loss"),
                       member(lines.items[i], "held_out_loss")};
        if (!isfinite(r.step) || !isfinite(r.smooth)) continue;
        c.rows[c.n++] = r;
        c.steps = fmax(c.steps, r.step);
        c.low = fmin(c.low, r.smooth);
        c.high = fmax(c.high, r.smooth);
        if (!isfinite(r.held_out)) continue;
        c.low = fmin(c.low, r.held_out);
        c.high = fmax(c.high, r.held_out);
    }
    if (c.n < 2) mini_die("%s: no two steps to draw", path);
    c.low = floor(c.low);
    c.high = fmin(ceil(c.high), c.low + 6.0); /* the first steps are far above the rest */
    return c;
}

static double at_x(const curve *c, double step)
{
    return LEFT + (WIDTH - LEFT - RIGHT) * step / c->steps;
}

static double at_y(const curve *c, double loss)
{
    const double share = (fmin(loss, c->high) - c->low) / (c->high - c->low);
    return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share;
}

static void draw_frame(FILE *f, const curve *c)
{
    double stride = pow(10.0, floor(log10(c->steps)));
    if (c->steps / stride < 3) stride /= 2;

    fprintf(f,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" "
            "font-family=\"sans-serif\" font-size=\"12\">\n"
            "<rect width=\"%d\" height=\"%d\" fill=\"white\"/>\n",
            WIDTH, HEIGHT, WIDTH, HEIGHT);
    for (double y = c->low; y <= c->high + 0.01; y += 1.0) {
        fprintf(f,
                "<path d=\"M%d %.1fH%d\" stroke=\"#ddd\"/><text x=\"%d\" y=\"%.1f\" "
                "text-anchor=\"end\">%.0f</text>\n",
                LEFT, at_y(c, y), WIDTH - RIGHT, LEFT - 8, at_y(c, y) + 4, y);
    }
    for (double x = 0; x <= c->steps; x += stride) {
        fprintf(f, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%.0f</text>\n", at_x(c, x),
                HEIGHT - BOTTOM + 18, x);
    }
    fprintf(f,
            "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">step</text>\n"
            "<text x=\"%d\" y=\"%d\">nats per token: "
            "<tspan fill=\"#1f6fb2\">training, mean of 50 steps</tspan>, "
            "<tspan fill=\"#c2410c\">stories held out</tspan></text>\n",
            (LEFT + WIDTH - RIGHT) / 2, HEIGHT - 8, LEFT, TOP - 14);
}

/* Every so many steps one point: more cannot be seen. */
static void draw_training(FILE *f, const curve *c)
{
    const size_t stride = c->n / MOST + 1;
    fputs("<polyline fill=\"none\" stroke=\"#1f6fb2\" stroke-width=\"1.5\" points=\"", f);
    for (size_t i = 0; i < c->n; i += stride) {
        fprintf(f, "%.1f,%.1f ", at_x(c, c->rows[i].step), at_y(c, c->rows[i].smooth));
    }
    fputs("\"/>\n", f);
}

static void draw_held_out(FILE *f, const curve *c)
{
    fputs("<g fill=\"#c2410c\">\n", f);
    for (size_t i = 0; i < c->n; i++) {
        if (!isfinite(c->rows[i].held_out)) continue;
        fprintf(f, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\"/>\n", at_x(c, c->rows[i].step),
                at_y(c, c->rows[i].held_out));
    }
    fputs("</g>\n", f);
}

int main(int argc, char **argv)
{
    if (argc != 3) mini_die("usage: bantam-mini-plot LOSS.jsonl OUT.svg");
    const curve c = read_log(argv[1]);
    FILE *const f = mini_create(argv[2]);
    draw_frame(f, &c);
    draw_training(f, &c);
    draw_held_out(f, &c);
    fputs("</svg>\n", f);
    mini_close(f, argv[2]);
    return 0;
}
