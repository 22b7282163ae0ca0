/* locate.h - from what a user calls a model to the path where it lies; the Hugging Face hub
 * cache. See bantam_locate() and bantam_list_models() in bantam.h for the contract. */
#ifndef BNT_FORMAT_LOCATE_H
#define BNT_FORMAT_LOCATE_H
#include "base/error.h"

bantam_status bnt_locate(const char *name, char *path, size_t capacity, bantam_error *err);
bantam_status bnt_list_models(bantam_list_fn fn, void *user, bantam_error *err);

#endif
