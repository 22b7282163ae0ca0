/* prune_model.h - a model with less in it. See bantam_prune() in bantam/prune.h. */
#ifndef BNT_COMPRESS_PRUNE_MODEL_H
#define BNT_COMPRESS_PRUNE_MODEL_H
#include "bantam/prune.h"

bantam_status bnt_prune(const char *in, const char *out, const bantam_prune_options *options,
                        bantam_prune_result *result, bantam_error *err);

#endif
