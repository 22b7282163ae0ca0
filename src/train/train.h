/* train.h - a model from a file of numbers and files of texts. */
#ifndef BNT_TRAIN_TRAIN_H
#define BNT_TRAIN_TRAIN_H
#include "format/gguf_write.h"
#include "token/spec.h"
#include "train/net.h"

/* A model that is ready to be written. */
typedef struct bnt_trained {
    const bnt_config *config;
    const bnt_spec *spec;
    const bnt_net *net;
    const bnt_type *type; /* of the matrices */
    bantam_text name;
} bnt_trained;

/* Writes it to path: the floor above knows how a model's numbers and words become metadata. */
typedef bantam_status (*bnt_write_trained_fn)(const char *path, const bnt_trained *trained,
                                              bantam_error *err);

/* The contract is bantam_train()'s. */
bantam_status bnt_train(const char *config, const bantam_train_data *data, size_t n_data,
                        const char *out, const bantam_train_options *options,
                        bnt_write_trained_fn write, bantam_error *err);

/* Declares all tensors of a net that learns whole, and then puts their data. */
bantam_status bnt_trained_put(const bnt_trained *trained, bnt_gguf_writer *w,
                              bantam_error *err);

#endif
