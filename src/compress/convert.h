/* convert.h - any readable model to one GGUF file. See bantam_convert() in bantam.h. */
#ifndef BNT_COMPRESS_CONVERT_H
#define BNT_COMPRESS_CONVERT_H
#include "compress/source.h"

bantam_status bnt_convert(const char *in, const char *out,
                          const bantam_convert_options *options, bantam_error *err);

/* The same for a source that is open already and stays the caller's. Where options->type is
 * NULL, matrices of other types than floats become `instead`; NULL: they stay as they are. */
bantam_status bnt_convert_source(const bnt_source *source, const char *out,
                                 const bantam_convert_options *options, const bnt_type *instead,
                                 bantam_error *err);

#endif
