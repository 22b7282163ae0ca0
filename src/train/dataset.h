/* dataset.h - texts and conversations as batches of tokens.
 *
 * Files are tokenized once, into memory. What a batch holds is a function of the files, the
 * seed and the number of the step alone: documents are shuffled anew in every epoch, those
 * longer than a sequence are cut, short ones stand side by side in a batch and do not see each
 * other.
 */
#ifndef BNT_TRAIN_DATASET_H
#define BNT_TRAIN_DATASET_H
#include "template/template.h"
#include "token/tokenizer.h"
#include "train/net.h"

/* A file whose name ends in .jsonl, .ndjson or .json has an object in each line that is not
 * empty:
 *
 *   {"text": "..."}                       all of it is learned
 *   {"prompt": "...", "completion": "..."} as they are, one behind the other; only what
 *                                         completes is learned
 *   {"messages": [{"role", "content"}, ...]} rendered by the chat template; only the answers,
 *                                         turns of the role "assistant", are learned. Other
 *                                         members ("tools") become variables of the template
 *
 * each with an optional "weight", a number from 0 on that scales its loss.
 *
 * Any other file is text: documents separated by lines that are exactly <|endoftext|>. White
 * space at the ends of a document is left out.
 *
 * A document begins with what the encoder adds (bos) and ends with eos where there is one; a
 * conversation begins and ends as its template says, with eos added where its last answer has
 * no token that ends it. */
typedef struct bnt_data_file {
    const char *path;
    double share; /* of all tokens seen, relative to the other files'; 0: by size. Where one
                     file has a share all need one */
} bnt_data_file;

typedef struct bnt_dataset_options {
    const bnt_tokenizer *tokenizer; /* borrowed while opening */
    const bnt_template *chat;       /* NULL: messages are an error; borrowed while opening */
    const bnt_data_file *files;
    size_t n_files;
    uint32_t sequence_tokens; /* the longest sequence, in rows of a batch */
    uint32_t batch_tokens;    /* the most rows of a batch; at least sequence_tokens */
    uint64_t seed;
    double held_out; /* share of every file that is set aside, 0 to 0.5: whole documents, drawn
                        by the seed; the end of a file that is one document */
    bantam_progress_fn progress; /* in bytes read; may be NULL */
    void *user;
} bnt_dataset_options;

typedef struct bnt_dataset_info {
    uint64_t n_documents, n_cut; /* those longer than a sequence: cut, not shortened */
    uint64_t n_rows;             /* inputs that have something to predict, in one epoch */
    uint64_t n_learned;          /* of them those whose weight is not 0 */
    uint64_t n_bytes;            /* of the files */
    uint64_t n_held_out;         /* rows set aside */
    uint64_t memory_bytes;       /* that the dataset takes, about */
    uint64_t digest;             /* of all tokens, weights and shares: for identities */
} bnt_dataset_info;

typedef struct bnt_dataset bnt_dataset;

/* BANTAM_ERR_FORMAT names file and line; nothing to learn in all files is one too. */
bantam_status bnt_dataset_open(bnt_dataset **out, const bnt_dataset_options *options,
                               bantam_error *err);
void bnt_dataset_close(bnt_dataset *dataset); /* accepts NULL */
void bnt_dataset_describe(const bnt_dataset *dataset, bnt_dataset_info *out);

/* Memory that it holds, and that batches and what is in order will add. */
size_t bnt_dataset_bytes(const bnt_dataset *dataset);

/* A bnt_batch_fn; dataset is a bnt_dataset. Steps in rising order cost least. The batch is
 * borrowed until the next call. */
bantam_status bnt_dataset_batch(void *dataset, uint64_t step, bnt_batch *out,
                                bantam_error *err);

/* Everything once, in order, not shuffled: what was set aside, or all that was not. At most
 * max_rows rows (0: all). Called once at most for each; borrowed until the dataset is closed.
 */
bantam_status bnt_dataset_in_order(bnt_dataset *dataset, bool held_out, uint64_t max_rows,
                                   const bnt_batch **batches, size_t *n_batches,
                                   bantam_error *err);

/* ---- files, record by record ---- */

/* One document of a file, before it is tokenized. */
typedef struct bnt_record {
    bantam_text text;               /* plain; or */
    bantam_text prompt, completion; /* text.data and variables NULL; or */
    const json_t *variables;        /* the line's object, where it has messages; else NULL */
    float weight;
    uint64_t line; /* of the file, from 1, where it begins */
    uint64_t offset;
} bnt_record;

/* The record is borrowed until fn returns. A message of fn gets path and line put before it. */
typedef bantam_status (*bnt_record_fn)(void *user, const bnt_record *record, bantam_error *err);

/* Calls fn for every document of a file. */
bantam_status bnt_records_read(const char *path, bnt_record_fn fn, void *user,
                               bantam_error *err);

/* The texts of some files: what a vocabulary is learned from. Zeroed is empty. */
typedef struct bnt_texts {
    bantam_text *items; /* owns; (n) into bytes */
    size_t n;
    char *bytes; /* owns */
} bnt_texts;

/* The first max_bytes of each file; of conversations the contents of the messages. */
bantam_status bnt_texts_read(bnt_texts *out, const bnt_data_file *files, size_t n_files,
                             uint64_t max_bytes, bantam_error *err);
void bnt_texts_free(bnt_texts *texts);

#endif
