/* convert.h - any readable model to one GGUF file. See bantam_convert() in bantam.h. */
#ifndef BNT_COMPRESS_CONVERT_H
#define BNT_COMPRESS_CONVERT_H
#include "base/error.h"

bantam_status bnt_convert(const char *in, const char *out,
                          const bantam_convert_options *options, bantam_error *err);

#endif
