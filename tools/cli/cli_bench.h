/* cli_bench.h - what the kinds of `bantam bench` share. */
#ifndef BANTAM_CLI_BENCH_H
#define BANTAM_CLI_BENCH_H
#include "cli_args.h"

/* Any tokens of the vocabulary will do; a fixed sequence makes runs alike. */
void cli_bench_tokens(uint32_t *tokens, uint32_t n, uint32_t n_vocab);

/* Sorts them. */
double cli_bench_median(double *values, uint32_t n);

/* `bantam bench --sessions`: several answers in one pass over the weights. */
int cli_bench_sessions(const cli_args *args);

/* `bantam bench --sustain`: makes tokens for as long as it says. */
int cli_bench_sustain(const cli_args *args);

/* `bantam bench --draft`: makes tokens with guesses and without. */
int cli_bench_draft(const cli_args *args);

#endif
