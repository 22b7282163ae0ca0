/* load.h - tokenizer files to specs.
 *
 * A parser takes bytes and opens no file; only bnt_spec_load() knows paths. Specs are
 * initialized by the caller and left empty on failure.
 */
#ifndef BNT_TOKEN_LOAD_H
#define BNT_TOKEN_LOAD_H
#include "base/json.h"
#include "format/gguf.h"
#include "token/spec.h"

/* The tokenizer.ggml.* keys. */
bantam_status bnt_load_gguf(bnt_spec *spec, const bnt_gguf *gguf, bantam_error *err);

/* tokenizer.json; config is tokenizer_config.json (chat template, add_bos_token, names of
 * special tokens) and generation generation_config.json (eos_token_id list), model_config
 * config.json; each of the three may be NULL. */
bantam_status bnt_load_hf(bnt_spec *spec, const char *json, size_t size, const json_t *config,
                          const json_t *generation, const json_t *model_config,
                          bantam_error *err);

/* SentencePiece's tokenizer.model: protocol buffers, BPE kind. */
bantam_status bnt_load_spm(bnt_spec *spec, const uint8_t *data, size_t size, bantam_error *err);

/* Mistral's tekken.json. */
bantam_status bnt_load_tekken(bnt_spec *spec, const char *json, size_t size, bantam_error *err);

/* tiktoken's text of "base64 rank" lines, as Llama 3 ships it, with Llama 3's special tokens
 * and pattern. */
bantam_status bnt_load_tiktoken(bnt_spec *spec, const char *text, size_t size,
                                bantam_error *err);

/* Whatever lies at path: a GGUF file, a folder (tokenizer.json before tekken.json before
 * tokenizer.model, with the config files beside it), or one of those files. Messages begin with
 * the path of the file at fault. */
bantam_status bnt_spec_load(bnt_spec *spec, const char *path, bantam_error *err);

/* The patterns behind the pre-tokenizer names that GGUF uses: fills in spec->split, pre_name
 * and ignore_merges. BANTAM_ERR_UNSUPPORTED for a name not in the table. */
bantam_status bnt_pre_named(bnt_spec *spec, bantam_text name, bantam_error *err);

#endif
