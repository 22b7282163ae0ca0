/* make.h - models made from models and from texts: converted, quantized, merged, trained,
 * adapted.
 *
 * A part of bantam.h, which includes it; either may be included first. Ownership, errors and
 * option structs are as described there.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BANTAM_MAKE_H
#define BANTAM_MAKE_H

#include "bantam/bantam.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- rotation ---------------------------------------------------------------------------- */

/* A model whose coordinates are turned so that rounding costs it less; docs/ROTATE.md. */
typedef struct bantam_rotation {
    size_t struct_size;
    bool down;        /* also what down multiplies: only this library runs such a file */
    uint32_t n_seeds; /* signs are drawn so often, and those of the least error kept; 0: once */
    uint64_t seed;    /* of the first ones */
    uint32_t threads; /* 0: one per core; changes no bit of the result */
} bantam_rotation;

/* ---- conversion -------------------------------------------------------------------------- */

typedef struct bantam_convert_options {
    size_t struct_size;
    const char *type; /* "F32", "F16", "BF16", "Q8_0", "Q4_0", in capitals or not; NULL: as the
                         source has it */
    bantam_progress_fn progress;
    void *user;
    const bantam_rotation *rotation; /* NULL: none. Types that are no floats become F16 */
} bantam_convert_options;

/* Writes a Hugging Face folder or a GGUF file as one GGUF file with the metadata, tensor names
 * and row order that other tools expect. The file appears whole or not at all. */
BANTAM_API bantam_status bantam_convert(const char *in, const char *out,
                                        const bantam_convert_options *options,
                                        bantam_error *err);

/* ---- quantization ------------------------------------------------------------------------ */

/* What became of one tensor. */
typedef struct bantam_quantized {
    bantam_text name;
    const char *from, *type; /* before and after, "F32", "B4" */
    const char *wanted; /* the type it could not get, because its rows are no whole number of
                           blocks; NULL else */
    uint64_t n_values, bytes;
    double squared_error, squared_values; /* sums over all values; both 0 where it was copied */
    double output_loss; /* of gptq: what outputs on the calibration text lost, mean square of
                           one value of one token; NaN where that is not known */
    double divergence;  /* with a budget: KL to the model as it is with this tensor alone in its
                           type, nats; measured for the fewest bits and taken to go with the
                           squared error for others. NaN where it was not measured */
} bantam_quantized;

/* Borrowed until fn returns. */
typedef void (*bantam_quantized_fn)(void *user, const bantam_quantized *tensor);

/* What is going to be done, told once before anything is. */
typedef struct bantam_quantize_plan {
    const char *method; /* "rtn", "imatrix", "gptq" */
    uint64_t n_tensors, n_values;
    uint64_t file_bytes; /* of the new file; with a budget that, at most */
    uint64_t calibration_tokens;
    uint64_t memory_bytes; /* about what it will take, without pages of the mapped source */
    bool goes_on;          /* where an earlier call was stopped */
    uint64_t tensors_done; /* by that */
    const char *refused;   /* why what lies beside the output is not gone on with; NULL: nothing
                              does, or it is */
} bantam_quantize_plan;

/* Return false to stop. What is borrowed is so until fn returns. */
typedef bool (*bantam_quantize_plan_fn)(void *user, const bantam_quantize_plan *plan);

typedef struct bantam_quantize_options {
    size_t struct_size;
    const char *type; /* of the layers' matrices: "B4", "B8", "B6", "B5", "B3", "B2", "Q8_0",
                         "Q4_0", "Q4_K", "Q5_K", "Q6_K", "IQ4_NL"; NULL: B4 */
    /* One of these, or "F16", "BF16", "F32"; NULL: eight bits. A model whose embedding serves
     * as its head has no output matrix: to name a type for it is BANTAM_ERR_INVALID. */
    const char *embedding, *output;
    uint32_t threads; /* 0: one per core; changes no bit of the result */
    bantam_progress_fn progress;
    bantam_quantized_fn report; /* after each tensor, in the order of the file */
    void *user;

    /* "rtn": the nearest values, scales searched; "imatrix": the same, the error of each column
     * weighted by how large its inputs are; "gptq": columns make up for the errors of those
     * before them (arXiv 2210.17323). NULL: gptq with calibration texts, imatrix with an
     * importance file, else rtn. */
    const char *method;
    const char *const *calibration; /* files of plain text that inputs are looked at on */
    size_t n_calibration;
    size_t calibration_tokens; /* at most; 0: 65536, fewer for wide models */
    const char *imatrix;       /* an importance file of llama.cpp in place of texts */
    const char *save_imatrix;  /* where to write what the texts said; "x.dat": the older form */
    const char *const *tensors; /* "PATTERN=TYPE": other types by name, * any characters, ? one;
                                   later ones win */
    size_t n_tensors;
    /* Not 0: the file has at most so many bytes. Types of the family of `type` are spent where
     * they save most, by what the model loses with each matrix alone in few bits; types asked
     * for by name stay. Needs calibration texts. */
    uint64_t budget_bytes;
    /* NULL: none. Calibration texts then go through the rotated model; with an importance file
     * or a budget it is BANTAM_ERR_INVALID. */
    const bantam_rotation *rotation;
    bantam_quantize_plan_fn plan;
    double checkpoint_seconds; /* how long to go on at least before the state is kept again; 0:
                                  10, and longer where keeping it takes long */
} bantam_quantize_options;

/* Writes a Hugging Face folder or a GGUF file as one GGUF file whose matrices have fewer bits.
 * Vectors are F32. B4 and B8 are this project's own types, laid out for its kernels: other
 * programs do not read them. The file appears whole or not at all.
 *
 * What is done is kept beside it, in OUT.bantam-part and OUT.bantam-part.state: the same call
 * after one that was stopped, killed or had no room goes on there, and makes the same bytes.
 * Where the source, the options or the texts have changed since, or what lies there is damaged,
 * it begins anew. Both are gone when the file is there. */
BANTAM_API bantam_status bantam_quantize(const char *in, const char *out,
                                         const bantam_quantize_options *options,
                                         bantam_error *err);

/* What became of the tensors of a model's file, held against those of the model it was made
 * from: each is told of as bantam_quantize() tells, in the order of the file. `from` is NULL
 * and both sums are 0 where the reference has none of that name and shape. The weights of a
 * rotated model are others: their errors say nothing. progress is in tensors and may be NULL.
 */
BANTAM_API bantam_status bantam_compare_weights(const char *path, const char *reference,
                                                bantam_quantized_fn report,
                                                bantam_progress_fn progress, void *user,
                                                bantam_error *err);

/* ---- merging adapters -------------------------------------------------------------------- */

typedef struct bantam_merge_options {
    size_t struct_size;
    const char *const *adapters; /* paths, at most BANTAM_MAX_ADAPTERS and at least one */
    const float *scales;         /* NULL: all 1 */
    size_t n_adapters;
    /* As in bantam_convert_options; NULL: weights that are floats keep their type, others
     * become F16. */
    const char *type;
    bantam_progress_fn progress;
    void *user;
} bantam_merge_options;

/* Writes a model with adapters worked into its weights, W + scale * alpha / rank * B A, as one
 * GGUF file that needs no adapter any more. The file appears whole or not at all. */
BANTAM_API bantam_status bantam_merge(const char *in, const char *out,
                                      const bantam_merge_options *options, bantam_error *err);

/* ---- training ---------------------------------------------------------------------------- */

/* A file of texts or of JSON lines, as `bantam train --help` describes them. */
typedef struct bantam_train_data {
    const char *path;
    double
        share; /* of all tokens seen, relative to the other files'; 0: by size. All or none */
} bantam_train_data;

/* What is going to be done, told once before the first step. */
typedef struct bantam_train_plan {
    uint64_t n_params;
    uint32_t n_vocab;
    uint64_t data_bytes, n_documents;
    uint64_t n_cut;           /* documents longer than a sequence: seen in pieces */
    uint64_t epoch_tokens;    /* inputs in one pass over the data */
    uint64_t learned_tokens;  /* of them those that count in the loss */
    uint64_t held_out_tokens; /* that the held-out loss is measured on */
    uint64_t steps, steps_done;
    uint32_t batch_tokens, sequence_tokens, n_threads;
    uint64_t memory_bytes; /* about what it will take, the data included */
} bantam_train_plan;

typedef struct bantam_train_step {
    uint64_t step, steps; /* done, of all */
    double loss;          /* of this step: mean of -ln p of the tokens that count */
    double smooth_loss;   /* mean of the last 50 steps */
    double held_out_loss; /* where it was measured after this step, else NaN */
    double rate;          /* learning rate */
    double grad_norm;     /* length of all gradients together, before clipping */
    double tokens_per_s;  /* of the last steps */
    double seconds, seconds_left;
} bantam_train_step;

/* Return false to stop. What is borrowed is so until fn returns. */
typedef bool (*bantam_train_stage_fn)(void *user, const char *stage, uint64_t done,
                                      uint64_t total); /* "vocabulary", "data" */
typedef bool (*bantam_train_plan_fn)(void *user, const bantam_train_plan *plan);
typedef bool (*bantam_train_step_fn)(void *user, const bantam_train_step *step);

/* Numbers here win over those of the config file; 0: the file's. */
typedef struct bantam_train_options {
    size_t struct_size;
    const char *init; /* a GGUF model to go on from, in place of random weights; the config file
                         then says nothing of the model */
    const char *type; /* of the matrices written: "F32", "F16", "BF16"; NULL: F32 */
    uint64_t steps;
    uint32_t batch_tokens, sequence_tokens;
    double rate;
    uint64_t seed;
    uint32_t vocab_tokens;     /* of a vocabulary learned from the data */
    uint32_t threads;          /* 0: one per core; changes no bit of the result */
    const char *held_out;      /* a file whose loss is measured; NULL: the file's, or a share of
                                  the data that is set aside */
    const char *checkpoint;    /* NULL: OUT.checkpoint */
    double checkpoint_seconds; /* 0: 300 */
    bool resume;               /* go on from the checkpoint, where there is one */
    bantam_train_stage_fn stage;
    bantam_train_plan_fn plan;
    bantam_train_step_fn step;
    void *user;
} bantam_train_options;

/* Trains a model as the JSON file `config` says, on n_data files, and writes it to out as GGUF
 * with its tokenizer. Runs with the same files, numbers and seed give the same bytes, also
 * where they were stopped and continued. Every few minutes all that it takes to continue is
 * written to a checkpoint, which is removed when the model is there. BANTAM_ERR_CANCELLED where
 * a callback said stop: the checkpoint is then of the last step. BANTAM_ERR_INVALID where there
 * is a checkpoint and options say nothing of resuming, or it is of another run. */
BANTAM_API bantam_status bantam_train(const char *config, const bantam_train_data *data,
                                      size_t n_data, const char *out,
                                      const bantam_train_options *options, bantam_error *err);

/* Makes a form of a model of the store, into the store: name's own (`smollm2:135m-q4`), or
 * that of options->type of the model that name is. It appears whole or not at all, beside what
 * it is made from. Writes its path to path[capacity]. options may be NULL. */
BANTAM_API bantam_status bantam_make_form(const char *name,
                                          const bantam_quantize_options *options, char *path,
                                          size_t capacity, bantam_error *err);

/* Removes a model and its cache file: out of the store (with what an unfinished download has
 * left), or else out of the Hugging Face hub cache; a `.gguf` file with all its shards; or, in
 * a plain folder, the files that belong to a model, and the folder if nothing else is in it.
 * fn is called for each file or folder removed and may be NULL. BANTAM_ERR_IO where there is
 * no such model. */
BANTAM_API bantam_status bantam_remove_model(const char *name, bantam_removed_fn fn, void *user,
                                             bantam_error *err);

/* ---- adaptation -------------------------------------------------------------------------- */

/* What an adaptation takes, known before the model is computed with. */
typedef struct bantam_adapt_plan {
    uint64_t weight_bytes; /* of the model, as bantam_plan() counts them */
    uint64_t learn_bytes; /* the adapter, its gradients and averages, and the best one so far */
    uint64_t work_bytes;  /* what the layers hand on, forward and back */
    uint64_t data_bytes;  /* the texts as tokens */
    uint64_t other_bytes; /* as in bantam_plan() */
    uint64_t total_bytes;
    uint64_t n_params;        /* that learn */
    uint32_t sequence_tokens; /* the longest sequence */
    uint32_t batch_tokens;    /* of a step, those of the texts to keep included */
    uint32_t part_tokens;     /* of them that go through the model at a time */
    uint32_t n_threads;
    bool recompute; /* layers are computed again on the way back: slower, and smaller */
} bantam_adapt_plan;

typedef enum bantam_adapt_stage {
    BANTAM_ADAPT_READING = 0,    /* the files; done and total in bytes */
    BANTAM_ADAPT_REHEARSING = 1, /* the model writes what it is to keep; in tokens */
    BANTAM_ADAPT_MEASURING = 2,  /* how well the model does as it is */
    BANTAM_ADAPT_LEARNING = 3    /* in steps */
} bantam_adapt_stage;

typedef struct bantam_adapt_progress {
    bantam_adapt_stage stage;
    uint64_t done, total;
    /* While learning: nats per token. */
    double loss;          /* of the last steps, smoothed */
    double held_out_loss; /* where it was measured at this step, else NaN */
    double keep_loss;     /* likewise */
    double rate;          /* of learning, now */
    double tokens_per_s, seconds_left;
} bantam_adapt_progress;

/* Return false to stop: what was learned so far is kept. */
typedef bool (*bantam_adapt_progress_fn)(void *user, const bantam_adapt_progress *progress);
/* Return false to stop before anything is taken. */
typedef bool (*bantam_adapt_plan_fn)(void *user, const bantam_adapt_plan *plan);

typedef struct bantam_adapt_options {
    size_t struct_size;
    /* Files to learn from. A .jsonl file has an object in each line: {"text"}, {"prompt",
     * "completion"} or {"messages": [{"role", "content"}, ...]}; prompts, and turns that are
     * not the assistant's, are read and not learned. Any other file is plain text, its
     * documents separated by lines that are <|endoftext|>. */
    const char *const *data;
    size_t n_data;
    /* Texts that the model should go on doing as well with, in the same forms: a share of every
     * step is taken from them. None: texts that the model writes by itself at the beginning. */
    const char *const *keep;
    size_t n_keep;
    double keep_share; /* of a step; 0: the default, three tenths; below 0: nothing is kept */
    double keep_limit; /* by how much of itself their perplexity may rise: the adapter is made
                          weaker until it does not; 0: the default, 0.02 for files and 0.03 for
                          what the model writes; below 0: no limit */

    uint32_t rank;       /* of the corrections; 0: 8 */
    double alpha;        /* their strength is alpha / rank; 0: twice the rank */
    const char *targets; /* of "q,k,v,o,gate,up,down", or "all"; NULL: all */
    uint32_t steps;      /* 0: as epochs says */
    double epochs; /* how often every text is seen; 0: three times, in 100 steps or more */
    bool no_steps; /* measures, and writes an adapter that changes nothing yet */
    double rate;   /* of learning, the largest; 0: 0.001 */
    uint32_t batch_tokens;    /* of the data, learned from in a step; 0: 1024 */
    uint32_t sequence_tokens; /* longer texts are cut into pieces; 0: 256, or what the model was
                                 made for where that is less */
    uint64_t seed;
    double held_out;   /* share of the data that is not learned from but measured with; 0: a
                          tenth, at most 50 texts; below 0: nothing, and the last adapter is
                          the result in place of the best */
    uint32_t patience; /* measurements in a row, of about 20 in all, that may be no better than
                          the best before the rest is left out; 0: 5 */

    uint32_t n_threads;    /* 0: one per core worth using. Changes no bit */
    uint64_t memory_bytes; /* take no more than this much, weights included: layers are computed
                              twice, and steps in parts, where that is needed. 0: no limit */
    const char *checkpoint;       /* a file that the work can be continued from, made anew every
                                     few minutes and on a stop; it is removed when the adapter is
                                     complete. NULL: none */
    double checkpoint_seconds;    /* 0: 300 */
    bool resume;                  /* from the checkpoint, where there is one */
    bantam_adapt_plan_fn planned; /* may be NULL */
    bantam_adapt_progress_fn progress; /* may be NULL */
    void *user;
} bantam_adapt_options;

/* Losses are nats per learned token, of the texts held out and of those to keep; NaN where
 * they were not measured. */
typedef struct bantam_adapt_result {
    bantam_adapt_plan plan;
    uint64_t n_documents;       /* of the data */
    uint64_t n_tokens;          /* to learn from in one epoch */
    uint64_t n_learned_tokens;  /* of them those that are not masked */
    uint64_t n_held_out_tokens; /* set aside */
    uint64_t n_steps;           /* done */
    uint64_t best_step;         /* which the adapter is of */
    bool early;                 /* ended before its time, because nothing was gained any more */
    bool written;               /* there is a file: also after a stop, once a step was done */
    double loss_before, loss_after;
    double keep_before, keep_after;
    double seconds;
} bantam_adapt_result;

/* Learns a low-rank adapter for a model of any type (LoRA) and writes it: to a GGUF file where
 * out ends in .gguf, else to a folder in the form of PEFT. The model itself does not change.
 * The same files, options and seed give the same bytes. result may be NULL; it is filled in as
 * far as things went, also on failure. BANTAM_ERR_CANCELLED where progress said stop;
 * BANTAM_ERR_NOMEM, before anything is taken, where memory_bytes does not suffice. */
BANTAM_API bantam_status bantam_adapt(const bantam_model *model, const char *out,
                                      const bantam_adapt_options *options,
                                      bantam_adapt_result *result, bantam_error *err);
#ifdef __cplusplus
}
#endif

#endif
