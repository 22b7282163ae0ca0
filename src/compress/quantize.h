/* quantize.h - a model's matrices in fewer bits. See bantam_quantize() in bantam.h. */
#ifndef BNT_COMPRESS_QUANTIZE_H
#define BNT_COMPRESS_QUANTIZE_H
#include "base/error.h"

bantam_status bnt_quantize(const char *in, const char *out,
                           const bantam_quantize_options *options, bantam_error *err);

#endif
