/* cli_args.h - the command line as values.
 *
 * Texts point into argv and live as long as it; lists are owned by cli_args.
 */
#ifndef BANTAM_CLI_ARGS_H
#define BANTAM_CLI_ARGS_H
#include "cli_table.h"

#include <stdbool.h>

typedef struct cli_texts {
    const char **items;
    size_t n;
} cli_texts;

typedef struct cli_ids {
    uint32_t *items;
    size_t n;
} cli_ids;

typedef struct cli_args {
    const cli_command *command;
    const char *words[CLI_MAX_WORDS]; /* positional arguments; NULL where absent */
    size_t n_words;
    bool given[CLI_MAX_OPTIONS]; /* cli_options[i] stood on the command line */

    bool help, version, json, quiet, verbose;

    uint32_t threads, context;
    uint64_t memory, seed;
    const char *kv, *rope, *cpu;
    bool no_cache;
    cli_texts lora;

    uint32_t max_tokens;
    const char *system, *messages, *tools, *force;
    const char *save_state, *load_state;
    struct {
        const char *format; /* NULL or auto: the file tells */
        bool events;
    } calls;
    struct { /* run */
        const char *prompts;
        uint32_t parallel;
    } many;
    cli_texts stop, ban;
    cli_ids tokens;
    uint32_t logprobs;
    bool raw, ignore_eos;

    double temperature, top_p, min_p, typical;
    double repeat_penalty, presence_penalty, frequency_penalty;
    double xtc_probability, xtc_threshold;
    double dry_multiplier, dry_base;
    double mirostat_lr, mirostat_ent;
    uint32_t top_k, repeat_last_n, dry_allowed_length, dry_last_n, mirostat;
    cli_texts dry_breakers, logit_bias;
    const char *samplers;

    bool no_special, bos;   /* tokenize */
    cli_ids decode;         /* tokenize */
    const char *out;        /* logits */
    bool all;               /* logits */
    uint32_t batch;         /* logits */
    bool tensors;           /* inspect */
    const char *perplexity; /* eval */
    struct {                /* eval */
        const char *against, *text, *choice, *report;
    } eval;
    uint32_t prompt, predict; /* bench */
    uint32_t repeat, depth;   /* bench */
    struct {                  /* bench */
        const char *sustain;
        uint32_t sessions;
    } bench;
    struct { /* run, chat, bench */
        const char *draft;
        bool lookup;
        uint32_t most;
        double accepted; /* bench */
    } guess;
    struct { /* run, chat */
        const char *cache;
    } prefix;
    struct { /* rm, list */
        bool only;
    } prefixes;
    struct { /* run, chat, bench */
        const char *rate;
        double limit;
    } pace;
    const char *type; /* convert, merge */
    struct {          /* convert, quantize */
        bool on, down;
        uint32_t seeds;
    } rotate;
    const char *quantized; /* quantize: type of the layers */
    const char *embedding; /* quantize */
    const char *head;      /* quantize */
    struct {               /* quantize */
        cli_texts texts, tensors;
        const char *method, *imatrix, *save_imatrix, *report;
        uint32_t tokens;
        uint64_t budget;
    } quantize;
    bool cache;               /* rm */
    bool available;           /* list */
    const char *make;         /* pull: type of the small form */
    uint32_t timeout;         /* pull */
    const char *init, *log;   /* train */
    const char *checkpoint;   /* train */
    const char *held_out;     /* train */
    uint64_t steps;           /* train */
    uint32_t train_batch;     /* train */
    uint32_t sequence, vocab; /* train */
    double rate;              /* train */
    bool resume;              /* train */
    struct {                  /* adapt */
        cli_texts keep;
        const char *targets, *checkpoint;
        double keep_share, keep_limit, alpha, epochs, rate, held_out;
        uint32_t rank, steps, batch, sequence, patience;
        bool resume;
    } adapt;
    struct { /* prune */
        const char *calibrate, *score, *type, *sparse, *method;
        double ffn, heads, max_kl;
        const char *vocab;
        uint32_t layers, tokens, sequence;
        bool no_heal;
    } prune;
    struct { /* sentiment */
        const char *model, *labels, *question, *examples, *prior;
        double neutral;
        uint32_t shots, part;
        bool scores, labeled;
    } sentiment;
    struct { /* summarize */
        const char *model, *style, *method, *format;
        uint32_t words;
    } summarize;
    struct { /* personalize */
        const char *model, *profile;
        const char *event, *id, *title, *text, *file, *time;
        const char *topic, *before;
        double seconds, explore, half_life;
        uint32_t likelihood, top, words, steps;
        bool no_model;
    } personal;
} cli_args;

/* Reads argv[2..argc) for the command. Returns 0, or says what is wrong with the command line
 * and returns CLI_USAGE. After --help or --version nothing more is demanded of the line. */
int cli_args_parse(cli_args *args, const cli_command *command, int argc, char **argv);
void cli_args_free(cli_args *args);

/* Whether the option of that name stood on the command line. */
bool cli_args_given(const cli_args *args, const char *name);

/* Strict readers of numbers: digits only, no sign but where `min` is negative, no blanks, no
 * other base, nothing after the number. False where the text is not such a number. */
bool cli_read_whole(const char *text, uint64_t min, uint64_t max, uint64_t *out);
bool cli_read_real(const char *text, double min, double max, double *out);
bool cli_read_bytes(const char *text, uint64_t *out);
bool cli_read_ids(const char *text, cli_ids *out);

#endif
