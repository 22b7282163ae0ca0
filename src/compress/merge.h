/* merge.h - adapters worked into a model's weights; see bantam_merge(). */
#ifndef BNT_COMPRESS_MERGE_H
#define BNT_COMPRESS_MERGE_H
#include "bantam/bantam.h"

bantam_status bnt_merge_adapters(const char *in, const char *out,
                                 const bantam_merge_options *options, bantam_error *err);

#endif
