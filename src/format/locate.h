/* locate.h - from what a user calls a model to the path where it lies; the Hugging Face hub
 * cache and plain folders. See bantam_locate() and bantam_list_models() in bantam.h for the
 * contract; Bantam's own store is store/store.h's.
 */
#ifndef BNT_FORMAT_LOCATE_H
#define BNT_FORMAT_LOCATE_H
#include "base/error.h"

/* Paths and the hub cache. */
bantam_status bnt_locate(const char *name, char *path, size_t capacity, bantam_error *err);
bantam_status bnt_list_models(bantam_list_fn fn, void *user, bantam_error *err);

/* The models that lie in a folder, or the one that the folder is; their names are paths. */
bantam_status bnt_list_folder(const char *folder, bantam_list_fn fn, void *user,
                              bantam_error *err);

/* Names that can only be meant as paths. FILE.gguf and FOLDER/FILE.gguf are among them: a file
 * of the cache has a repository's two names before it. */
bool bnt_is_model_path(const char *name);

/* An organization, a repository or a quantization: letters, digits and ._- as the hub allows
 * them, at most 96 bytes. "--" is the cache's own separator. */
bool bnt_is_repo_part(bantam_text t);

/* A path below a folder: plain components, printable. */
bool bnt_is_inner_path(const char *path);

/* A gguf file that stands for a model: no image projector, and of a set the first shard. */
bool bnt_is_model_gguf(const char *name);

/* Whether quant stands in name between marks: "Q4_K" is not in "m-Q4_K_M.gguf". */
bool bnt_gguf_has_quant(const char *name, bantam_text quant);

/* Bytes of a gguf file with all its shards. */
uint64_t bnt_gguf_bytes(const char *path);

/* The folder of a repository in the hub cache, owned by the caller (bnt_free), and what was
 * said behind its name: one of its files, or NULL, borrowed from name. *out is NULL where there
 * is none; a name of several organizations is BANTAM_ERR_INVALID. */
bantam_status bnt_hub_repository(const char *name, char **out, const char **file,
                                 bantam_error *err);

#endif
