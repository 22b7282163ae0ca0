/* compare_weights.h - see bantam_compare_weights() in bantam/make.h. */
#ifndef BNT_COMPRESS_COMPARE_WEIGHTS_H
#define BNT_COMPRESS_COMPARE_WEIGHTS_H
#include "bantam/bantam.h"

bantam_status bnt_compare_weights(const char *path, const char *reference,
                                  bantam_quantized_fn report, bantam_progress_fn progress,
                                  void *user, bantam_error *err);

#endif
