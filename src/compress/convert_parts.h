/* convert_parts.h - metadata of a GGUF file out of what a model and its tokenizer are. */
#ifndef BNT_COMPRESS_CONVERT_PARTS_H
#define BNT_COMPRESS_CONVERT_PARTS_H
#include "format/gguf_write.h"
#include "model/model.h"
#include "token/spec.h"

/* The general.* and architecture keys. type is that of most tensors to be written. */
void bnt_convert_config(bnt_gguf_writer *w, const bnt_config *config, const bnt_type *type,
                        bantam_text name);

/* The tokenizer.* keys, with as many tokens as the embedding has rows. A vocabulary without a
 * merge list gets the list its ranks imply. BANTAM_ERR_UNSUPPORTED where GGUF has no way to say
 * what the tokenizer does. */
bantam_status bnt_convert_words(bnt_gguf_writer *w, const bnt_spec *spec, uint32_t n_rows,
                                bantam_error *err);

/* What most tensors are: llama.cpp's number in general.file_type, or for a type that has no
 * number there its name in bantam.file_type. */
void bnt_convert_file_type(bnt_gguf_writer *w, const bnt_type *type);

#endif
