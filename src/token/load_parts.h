/* load_parts.h - what the tokenizer loaders share: filling in tokens, steps and stops, the
 * forms that byte tokens and base64 take, and the parts of the Hugging Face loader.
 *
 * Functions that return a status write the message; the loader resets the spec.
 */
#ifndef BNT_TOKEN_LOAD_PARTS_H
#define BNT_TOKEN_LOAD_PARTS_H
#include "base/text.h"
#include "token/load.h"

/* U+2581, which SentencePiece writes for a space. */
#define BNT_SPACE_MARK "\xE2\x96\x81"

/* A text for a literal. */
#define BNT_TEXT(literal) ((bantam_text){(literal), sizeof(literal) - 1})

/* Returns status after emptying the spec where status is a failure: the last line of every
 * loader. */
bantam_status bnt_load_end(bnt_spec *spec, bantam_status status);

bantam_status bnt_load_nomem(bantam_error *err);

/* ---- tokens ---- */

/* n empty tokens of kind NORMAL; 1 to BNT_MAX_VOCAB. The caller has proved that the file is
 * long enough for n tokens. */
bantam_status bnt_load_tokens(bnt_spec *spec, uint64_t n, bantam_error *err);
/* Copies text into token id as it is. At most BNT_MAX_TOKEN_BYTES. */
bantam_status bnt_load_text(bnt_spec *spec, uint32_t id, bantam_text text, bantam_error *err);
/* The same with GPT-2's byte alphabet undone. A text outside the alphabet can never be spelled
 * by bytes: it is kept as it is and the token becomes UNUSED. */
bantam_status bnt_load_byte_text(bnt_spec *spec, uint32_t id, bantam_text text,
                                 bantam_error *err);
/* "<0xAB>": writes the byte and returns true. */
bool bnt_load_byte_name(bantam_text text, uint8_t *byte);
/* Makes token id the BYTE token of that byte. */
bantam_status bnt_load_byte_token(bnt_spec *spec, uint32_t id, uint8_t byte, bantam_error *err);

/* The token with that text, CONTROL and USER_DEFINED ones before others; BANTAM_NO_TOKEN where
 * there is none. Linear time. */
uint32_t bnt_load_find(const bnt_spec *spec, bantam_text text);
/* The id where the vocabulary has it, else BANTAM_NO_TOKEN. */
uint32_t bnt_load_id(const bnt_spec *spec, uint64_t id);

/* Settles the end of loading: eos and the CONTROL tokens with well-known names of ends become
 * stops; adds_bos and adds_eos are cleared where there is no such token. */
void bnt_load_finish(bnt_spec *spec);

/* ---- steps; texts are copied ---- */

bantam_status bnt_load_normal(bnt_spec *spec, const bnt_normal_step *step, bantam_error *err);
bantam_status bnt_load_split(bnt_spec *spec, const bnt_split_step *step, bantam_error *err);
bantam_status bnt_load_decode(bnt_spec *spec, const bnt_decode_step *step, bantam_error *err);

/* SentencePiece's treatment of spaces. */
typedef struct bnt_space_rules {
    bool prefix;   /* a space before every text */
    bool collapse; /* runs of spaces become one, none at the ends */
    bool escape;   /* spaces are written as U+2581 */
} bnt_space_rules;
bantam_status bnt_load_spaces(bnt_spec *spec, bnt_space_rules rules, bantam_error *err);

/* ---- base64 ---- */

/* Decodes with or without padding into out (at least size bytes); false for anything that is
 * not base64. */
bool bnt_load_base64(const char *text, size_t size, uint8_t *out, size_t *n);

/* ---- pre-tokenizer names (pre.c) ---- */

/* The pattern of GPT-2, which tokenizer.json's ByteLevel step implies. */
extern const char *const bnt_pre_gpt2;
extern const char *const bnt_pre_llama3;
/* Whether models with this pre-tokenizer begin texts with BOS where their file does not say. */
bool bnt_pre_adds_bos(const char *pre_name);
/* GGUF's name for the spec's split steps, or "". */
const char *bnt_pre_recognize(const bnt_spec *spec);

/* ---- Hugging Face, in parts ---- */

/* merges: where root has an empty array for them. */
bantam_status bnt_hf_model(bnt_spec *spec, const json_t *root, bnt_json_list *merges,
                           bantam_error *err);
bantam_status bnt_hf_normalizer(bnt_spec *spec, const json_t *value, bantam_error *err);
bantam_status bnt_hf_pre_tokenizer(bnt_spec *spec, const json_t *value, bantam_error *err);
bantam_status bnt_hf_decoder(bnt_spec *spec, const json_t *value, bantam_error *err);
/* Sets adds_bos and adds_eos and those ids; *decided where the file rules on them. */
bantam_status bnt_hf_post_processor(bnt_spec *spec, const json_t *value, bool *decided,
                                    bantam_error *err);
/* What the files beside a tokenizer add to it: special ids, stops, template, and unless
 * decided adds_bos and adds_eos. Each may be NULL. */
bantam_status bnt_hf_config(bnt_spec *spec, const json_t *config, const json_t *generation,
                            const json_t *model_config, bool decided, bantam_error *err);

/* Parses a tokenizer.json but for its merges. */
bantam_status bnt_hf_parse(json_t **root, bnt_json_list *merges, const char *json, size_t size,
                           bantam_error *err);
/* The loaders of load.h for a file already parsed. */
bantam_status bnt_hf_root(bnt_spec *spec, const json_t *root, bnt_json_list *merges,
                          const json_t *config, const json_t *generation,
                          const json_t *model_config, bantam_error *err);
bantam_status bnt_tekken_root(bnt_spec *spec, const json_t *root, bantam_error *err);

#endif
