/* dataset_parts.h - from a record to tokens. Only dataset*.c include it. */
#ifndef BNT_TRAIN_DATASET_PARTS_H
#define BNT_TRAIN_DATASET_PARTS_H
#include "train/dataset.h"

/* A token that is not learned: the bit is above all ids (BNT_MAX_VOCAB). */
#define BNT_MASKED 0x80000000u

/* Tokens that grow; zeroed is empty. */
typedef struct bnt_token_list {
    uint32_t *items; /* owns; with BNT_MASKED */
    size_t n, capacity;
} bnt_token_list;

/* Room for n more behind those there are. */
bantam_status bnt_token_list_reserve(bnt_token_list *list, size_t n, bantam_error *err);

/* Makes the documents of records. */
typedef struct bnt_encoder {
    const bnt_tokenizer *tokenizer; /* borrows */
    const bnt_template *chat;       /* borrows; may be NULL */
    bantam_tokenizer_info info;
    bnt_token_list doc, trial; /* own */
    bnt_buf before, after;     /* own: renderings */
} bnt_encoder;

void bnt_encoder_init(bnt_encoder *e, const bnt_tokenizer *tokenizer, const bnt_template *chat);
void bnt_encoder_deinit(bnt_encoder *e);

/* Takes a document, borrowed until it returns. */
typedef bantam_status (*bnt_take_document_fn)(void *user, const bnt_token_list *doc,
                                              bantam_error *err);

/* Calls take for each document of a record: one, or, where a template writes a conversation's
 * earlier turns otherwise once later ones follow, one for each answer. */
bantam_status bnt_encode_record(bnt_encoder *e, const bnt_record *record,
                                bnt_take_document_fn take, void *user, bantam_error *err);

/* Of a file; 0 where it cannot be opened, which reading it will tell. */
uint64_t bnt_records_bytes(const char *path);

#endif
