/* bench_summaries.c - ROUGE of summaries against those that people wrote, beside a baseline.
 *
 *     bantam-bench-summaries MODEL DATA.jsonl [WORDS [METHOD]]
 *
 * Each line of DATA has "article" and "highlights". MODEL may be bantam-mini. The baseline is
 * the article's first three sentences, as this project takes sentences apart, and a stricter
 * one leaves out those of fewer than six words, which a by-line and a date are. Prints means,
 * and the means of the differences, also of both halves of the data: even lines and odd ones.
 */
#include "../../tests/rouge.h"
#include "bantam/bantam.h"
#include "task/sentences.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N_KINDS = 3, MOST = 100000 };

typedef struct totals {
    rouge sum[N_KINDS];
    double gain[2][2][2]; /* (baseline, half, measure): sums of what a summary has more */
    double square[2][2];  /* (baseline, measure): of their squares */
    size_t n[2];
} totals;

/* The first three sentences of least words or more, a line each; *size of them. */
static char *lead(bantam_text article, size_t least, size_t *size)
{
    char *const out = malloc(article.size + 4);
    bnt_sentence s;
    size_t n = 0;

    *size = 0;
    for (size_t at = 0; out && n < 3 && bnt_sentence_next(article, at, &s); at += s.size) {
        if (bnt_count_words(s.trimmed) < least) continue;
        memcpy(out + *size, s.trimmed.data, s.trimmed.size);
        *size += s.trimmed.size;
        out[(*size)++] = '\n';
        n++;
    }
    return out;
}

static void add(rouge *sum, const rouge *r)
{
    sum->one += r->one;
    sum->l += r->l;
    sum->lsum += r->lsum;
    sum->words += r->words;
}

static void measure(totals *t, const rouge r[N_KINDS], size_t line)
{
    for (size_t i = 0; i < N_KINDS; i++)
        add(&t->sum[i], &r[i]);
    for (size_t b = 0; b < 2; b++) {
        const double gains[2] = {r[2].one - r[b].one, r[2].l - r[b].l};
        for (size_t k = 0; k < 2; k++) {
            t->gain[b][line % 2][k] += gains[k];
            t->square[b][k] += gains[k] * gains[k];
        }
    }
    t->n[line % 2]++;
}

static int take_line(totals *t, bantam_session *session, const char *text, size_t line,
                     const bantam_summarize_options *o)
{
    json_t *const root = json_loads(text, 0, NULL);
    const char *article, *highlights;
    size_t n_article, n_highlights, size;
    bantam_summary *summary = NULL;
    bantam_error err = {0};
    rouge r[N_KINDS];

    if (json_unpack(root, "{s:s%,s:s%}", "article", &article, &n_article, "highlights",
                    &highlights, &n_highlights)) {
        fprintf(stderr, "line %zu: expected article and highlights\n", line + 1);
        return 1;
    }
    for (size_t i = 0; i < 2; i++) {
        char *const first = lead((bantam_text){article, n_article}, i * 6, &size);
        r[i] = rouge_of(first, size, highlights, n_highlights);
        free(first);
    }
    const bantam_source source = {.text = {article, n_article}, .format = BANTAM_TEXT_PLAIN};
    if (bantam_summarize(session, &source, 1, o, &summary, &err)) {
        fprintf(stderr, "line %zu: %s\n", line + 1, err.message);
        return 1;
    }
    /* Points, less their marks, are lines: what the union form wants. */
    r[2] = rouge_of(summary->text.data, summary->text.size, highlights, n_highlights);
    measure(t, r, line);
    bantam_summary_close(summary);
    json_decref(root);
    return 0;
}

static void report(const totals *t)
{
    static const char *const names[N_KINDS] = {"lead-3", "lead-3, six words", "summary"};
    const double n = (double)(t->n[0] + t->n[1]);

    printf("%-18s %8s %8s %10s %7s\n", "", "ROUGE-1", "ROUGE-L", "ROUGE-Lsum", "words");
    for (size_t i = 0; i < N_KINDS; i++) {
        const rouge *s = &t->sum[i];
        printf("%-18s %8.4f %8.4f %10.4f %7.1f\n", names[i], s->one / n, s->l / n, s->lsum / n,
               (double)s->words / n);
    }
    for (size_t i = 0; i < 4; i++) {
        const size_t b = i / 2, k = i % 2;
        const double mean = (t->gain[b][0][k] + t->gain[b][1][k]) / n;
        const double variance = t->square[b][k] / n - mean * mean;
        printf("%s over %-17s %+.4f, standard error %.4f; halves %+.4f %+.4f\n",
               k ? "ROUGE-L" : "ROUGE-1", names[b], mean,
               variance > 0 ? sqrt(variance / n) : 0.0, t->gain[b][0][k] / (double)t->n[0],
               t->gain[b][1][k] / (double)t->n[1]);
    }
}

int main(int argc, char **argv)
{
    bantam_model *model = NULL;
    bantam_session *session = NULL;
    bantam_error err = {0};
    totals t = {.n = {0, 0}};
    char *line = NULL;
    size_t capacity = 0, n = 0;
    int failed = 0;

    if (argc < 3 || argc > 5) {
        fprintf(stderr, "usage: %s MODEL DATA.jsonl [WORDS [extract|abstract]]\n", argv[0]);
        return 2;
    }
    const bool abstract = argc > 4 && strcmp(argv[4], "abstract") == 0;
    const bantam_summarize_options o = {
        .struct_size = sizeof o,
        .words = argc > 3 ? (uint32_t)strtoul(argv[3], NULL, 10) : 0,
        .method = abstract ? BANTAM_SUMMARY_ABSTRACT : BANTAM_SUMMARY_EXTRACT,
        .style = BANTAM_SUMMARY_BULLETS};
    FILE *const data = fopen(argv[2], "r");
    if (!data || bantam_model_open(&model, argv[1], NULL, &err) ||
        bantam_session_open(&session, model, NULL, &err)) {
        fprintf(stderr, "%s\n", data ? err.message : "the data cannot be opened");
        return 1;
    }
    while (!failed && n < MOST && getline(&line, &capacity, data) > 0)
        failed = take_line(&t, session, line, n++, &o);
    if (!failed && n > 1) report(&t);
    free(line);
    fclose(data);
    bantam_session_close(session);
    bantam_model_close(model);
    return failed;
}
