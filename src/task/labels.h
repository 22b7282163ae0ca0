/* labels.h - the inside of a labeler, for the files of this folder.
 *
 * Inside, labels stand in the order of their bytes, whatever order they came in: so the order
 * given cannot change a sum, a question, or which of two equal ones comes first.
 */
#ifndef BNT_TASK_LABELS_H
#define BNT_TASK_LABELS_H
#include "base/buf.h"
#include "base/pool.h"
#include "task/calibrate.h"

enum {
    BNT_MAX_LABEL_BYTES = 256,
    BNT_MAX_STOPS = 16,          /* tokens that may end an answer */
    BNT_MAX_QUESTION = 16 << 20, /* bytes of a prompt without its text */
    BNT_LABEL_SLACK = 4,         /* tokens that a text may have more in its place than alone */
    BNT_LEAST_ROOM = 8,          /* tokens of text that must fit behind a question */
    BNT_MAX_PROMPT = 256 << 20   /* and with it */
};
#define BNT_LEAST_LOGPROB (-1e4)

/* A place where labels are told apart: behind the prompt and depth tokens of one of them. */
typedef struct bnt_label_node {
    uint32_t depth;
    uint32_t token;    /* the last of the depth tokens */
    uint32_t first, n; /* labels, in the order of their tokens, that go through it */
} bnt_label_node;

/* A question as the model sees it, and how its answers are read. Zeroed it is closed.
 *
 * The labels' tokens form a tree. Its nodes are listed parents first and branch by branch, so
 * that each is one token more than a node before it, the session going back no further than
 * where they part:
 *
 *     good, good idea, bad        ""  "bad"  "good"  "good idea"
 */
typedef struct bnt_label_form {
    bnt_buf head, tail; /* of the rendered prompt, before and behind the text */
    bool add;           /* the encoder's own tokens are to be added */
    bool ends;          /* a label is the beginning of another: the end counts */
    uint32_t *tokens;   /* owns: those of all labels, one after the other */
    uint32_t start[BANTAM_MAX_LABELS + 1]; /* of each label, in the order of their tokens */
    uint32_t label[BANTAM_MAX_LABELS];     /* which one that is */
    bnt_label_node *nodes;                 /* (n_nodes) owns */
    uint32_t n_nodes, deepest;
    uint32_t stops[BNT_MAX_STOPS];
    uint32_t n_stops;
    size_t overhead; /* tokens of the prompt without a text */
} bnt_label_form;

/* What the model is asked, but for the text. */
typedef struct bnt_label_question {
    const bantam_tokenizer *tokenizer;
    bool chat;                 /* through the template; else "Label:" is to be completed */
    bantam_text question;      /* with one {text}, or none */
    const bantam_text *labels; /* (k) */
    size_t k;
    const bantam_label_example *shots; /* (n_shots) labels are those of the k */
    size_t n_shots;
} bnt_label_question;

bantam_status bnt_label_form_open(bnt_label_form *out, const bnt_label_question *q,
                                  bantam_error *err);
void bnt_label_form_close(bnt_label_form *form);

/* One session and what a text needs there; nothing is allocated from text to text but where
 * one is longer than any before. */
typedef struct bnt_label_work {
    bantam_session *session; /* borrows */
    const bantam_tokenizer *tokenizer;
    bnt_buf prompt;
    uint32_t *tokens, *spare; /* (capacity) own */
    size_t capacity;          /* of the session's context, in tokens */
    uint32_t eos;             /* that the encoder adds; BANTAM_NO_TOKEN: it adds none */
    size_t failed_at;         /* the first text that could not be judged; SIZE_MAX: none */
    bantam_error failure;
} bnt_label_work;

bantam_status bnt_label_work_open(bnt_label_work *out, bantam_session *session,
                                  bantam_error *err);
void bnt_label_work_close(bnt_label_work *work);

/* How a text came to its scores. */
typedef struct bnt_label_seen {
    uint32_t n_parts, n_tokens;
} bnt_label_seen;

/* ln p of each of the k labels, in the order of their bytes, after the question about a text,
 * which has no white space around it. part_tokens as in the options. */
bantam_status bnt_label_score(bnt_label_work *work, const bnt_label_form *form, size_t k,
                              bantam_text text, size_t part_tokens, double *scores,
                              bnt_label_seen *seen, bantam_error *err);

/* Counts the form's overhead; BANTAM_ERR_FULL where it, an answer and some words do not fit the
 * context. */
bantam_status bnt_label_measure(bnt_label_form *form, bnt_label_work *work, bantam_error *err);

/* The text without the white space around it. */
bantam_text bnt_label_trim(bantam_text text);

struct bantam_labeler {
    bnt_label_work *works; /* (n_works) owns */
    size_t n_works;
    bnt_pool *pool;       /* owns: a thread for each */
    double *scores;       /* (block, k) owns */
    bnt_label_seen *seen; /* (block) owns */
    size_t block;         /* texts that are computed before any of them is handed out */

    bnt_buf names;                         /* bytes of the labels */
    bantam_text labels[BANTAM_MAX_LABELS]; /* (n_labels) as given */
    uint32_t n_labels;
    /* Classes: the labels that have scores, by their bytes, and behind them a band. */
    bantam_text scored[BANTAM_MAX_LABELS];
    uint32_t place[BANTAM_MAX_LABELS];    /* of a class: its number among the labels as given */
    uint32_t class_of[BANTAM_MAX_LABELS]; /* of a label */
    bnt_buf question;
    bool made_for_it; /* the model, for this question */
    bool chat;
    bool has_prior;
    uint32_t part_tokens;

    bnt_label_form form;
    double prior[BANTAM_MAX_LABELS]; /* (k) */
    bnt_calibration plain;           /* before anything is learned */
    bnt_calibration calibration;     /* of scores less prior */
    double bias[BANTAM_MAX_LABELS];  /* (n_labels) of it, lent by bantam_labeler_learn() */
};

/* The question with examples shown, measured, and the prior that goes with it. */
bantam_status bnt_labeler_ask(bantam_labeler *l, const bantam_label_example *shots,
                              size_t n_shots, bnt_label_form *form, double *prior,
                              bantam_error *err);

/* What became of one text. */
typedef struct bnt_label_row {
    size_t index;
    const bnt_label_seen *seen; /* n_parts 0: it is white space, and scores say nothing */
    const double *scores;       /* (k) */
} bnt_label_row;

/* Return false to stop. */
typedef bool (*bnt_label_row_fn)(void *user, const bnt_label_row *row);

/* Texts that are somewhere in the caller's structs: the next one is stride bytes further. */
typedef struct bnt_label_texts {
    const bantam_text *first;
    size_t stride, n;
} bnt_label_texts;

/* Scores texts in blocks, with all sessions, and hands the rows out in order. */
bantam_status bnt_labeler_run(bantam_labeler *l, const bnt_label_form *form,
                              const bnt_label_texts *texts, bnt_label_row_fn fn, void *user,
                              bantam_error *err);

#endif
