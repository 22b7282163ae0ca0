/* cli_answer.h - one answer: fed, generated, streamed, measured. What run and chat share. */
#ifndef BANTAM_CLI_ANSWER_H
#define BANTAM_CLI_ANSWER_H
#include "cli_engine.h"
#include "cli_out.h"

typedef struct cli_answer {
    cli_buf text;      /* with --json, and where keep_text says so before it is made */
    size_t text_bytes; /* of it, kept or not */
    bool keep_text;
    size_t n_tokens;
    uint32_t *tokens; /* n_tokens of them, with --json */
    float *logprobs;  /* and theirs */
    size_t capacity;
    bantam_candidate *tops; /* (capacity, n_tops): the likeliest ones at every place */
    size_t *top_counts;     /* how many of them there are */
    uint32_t n_tops;
    bantam_finish finish;
    size_t shared_tokens; /* set before it is made: of the prompt, which then begins the
                             session, what may be kept in a file; 0: it is fed as it is */
    size_t prompt_tokens, found_tokens;           /* the latter of them were not computed */
    double first_token_ms, prefill_ms, decode_ms; /* decode: from the first token to the end */
} cli_answer;

/* Sets temperature and the rest as the command line says. The seed is drawn where none is
 * given. */
int cli_answer_sampling(cli_engine *e, const cli_args *args);

/* How answers are to be made. Texts are those of the command line; free gives back lists. */
bantam_generation cli_generation(const cli_args *args);
void cli_generation_free(bantam_generation *g);
const char *cli_finish_name(bantam_finish finish);
json_t *cli_json_ids(const uint32_t *ids, size_t n);

/* Feeds the tokens (there may be none where the session has logits) and generates. Streams the
 * text to standard output unless --json is given: then nothing but a text that is to be kept
 * takes memory once the answer has begun. On failure the answer holds what there is. */
bantam_status cli_answer_make(cli_answer *a, cli_engine *e, const cli_args *args,
                              const uint32_t *tokens, size_t n_tokens, bantam_error *err);
void cli_answer_free(cli_answer *a);

/* The object that --json prints. */
json_t *cli_answer_json(const cli_answer *a, const cli_engine *e, const cli_args *args);
/* Counts and speed in one line of standard error. */
void cli_answer_stats(const cli_answer *a, const cli_engine *e);

double cli_answer_prefill_rate(const cli_answer *a); /* tokens per second; 0: not known */
double cli_answer_decode_rate(const cli_answer *a);

/* Reads a file that holds an array, or an object with one as that member. NULL and a status
 * where it is neither. */
int cli_list_read(const char *path, const char *member, json_t **out);

#endif
