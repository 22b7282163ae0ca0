/* bantam.h - small language models, run on the device they are needed on.
 *
 * This header is the whole public interface. It compiles alone as C99 and as C++17.
 *
 * Ownership is said with four words: *owns* (must close), *borrows until* (names the event),
 * *takes* (closes it even on failure), *copies*. A pointer that comes back is lent unless its
 * comment says otherwise. Every close function accepts NULL.
 *
 * A function that can fail returns a bantam_status, 0 for success, and takes a bantam_error,
 * which may be NULL, as its last argument. After a failure its outputs are NULL or zero and
 * nothing else has changed. The library never prints, exits, aborts or raises a signal.
 *
 * Option structs begin with their own size, so that a program built against an older header
 * keeps working. Set it and leave the rest zero: zero always means "the default".
 *
 *     bantam_session_options options = {0};
 *     options.struct_size = sizeof options;
 *
 * A model and a tokenizer do not change after they are opened and may be shared by any number
 * of threads. A session belongs to one thread at a time; only bantam_session_cancel() may be
 * called from another.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BANTAM_BANTAM_H
#define BANTAM_BANTAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define BANTAM_API __attribute__((visibility("default")))
#else
#define BANTAM_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

#define BANTAM_VERSION_MAJOR 0
#define BANTAM_VERSION_MINOR 1
#define BANTAM_VERSION_PATCH 0

/* ---- status, errors, text ---------------------------------------------------------------- */

/* What the caller can do about a failure. */
typedef enum bantam_status {
    BANTAM_OK = 0,
    BANTAM_ERR_INVALID = 1, /* fix the call */
    BANTAM_ERR_NOMEM = 2,   /* free something */
    BANTAM_ERR_IO = 3,      /* look at the system: disk, permissions, a file cut while mapped */
    BANTAM_ERR_FORMAT = 4,  /* use another file: this one breaks its own format */
    BANTAM_ERR_UNSUPPORTED =
        5,                   /* use another build: the file is sound, this program lacks it */
    BANTAM_ERR_FULL = 6,     /* wait or shorten: a context or a buffer is used up */
    BANTAM_ERR_CANCELLED = 7 /* bantam_session_cancel() was called, or a callback said stop */
} bantam_status;

/* One failure, on the caller's stack. The message is one line: what, which, expected, found;
 * lower case, no period, bytes from files escaped. */
typedef struct bantam_error {
    bantam_status status;
    char message[512];
} bantam_error;

/* Bytes with a length; data need not end in NUL. */
typedef struct bantam_text {
    const char *data;
    size_t size;
} bantam_text;

/* "0.1.0", the version of the library in use, which may be newer than this header. */
BANTAM_API const char *bantam_version(void);

/* "ok", "invalid", "nomem", "io", "format", "unsupported", "full", "cancelled". */
BANTAM_API const char *bantam_status_name(bantam_status status);

/* ---- finding models ---------------------------------------------------------------------- */

/* Turns what a user calls a model into a path. A `.gguf` file or a folder is itself. Any other
 * name is looked for in Bantam's own store (see below), as `smollm2:135m`, `org/repo` or
 * `org/repo:QUANT`, and then in the Hugging Face hub cache (HF_HUB_CACHE, HF_HOME, or
 * ~/.cache/huggingface), as `org/repo` or, where only one organization has it, as `repo`.
 * Writes a NUL-terminated path to path[capacity]. Opens no socket.
 * BANTAM_ERR_IO when nothing is found, BANTAM_ERR_FULL when capacity is too small,
 * BANTAM_ERR_INVALID when the name is ambiguous, or is one that no model has. */
BANTAM_API bantam_status bantam_locate(const char *name, char *path, size_t capacity,
                                       bantam_error *err);

/* A model on this machine, as bantam_list_models() finds it. */
typedef struct bantam_listed_model {
    bantam_text name;   /* what bantam_locate() takes */
    bantam_text path;   /* where it lies */
    uint64_t bytes;     /* of its weight files */
    bantam_text source; /* "store", "hub", "folder" or "built in" */
} bantam_listed_model;

/* Return false to stop. The model is borrowed until the function returns. */
typedef bool (*bantam_list_fn)(void *user, const bantam_listed_model *model);

/* Calls fn for the built-in model, where there is one, every model in the store and every model
 * in the Hugging Face hub cache, each in order of name. */
BANTAM_API bantam_status bantam_list_models(bantam_list_fn fn, void *user, bantam_error *err);

/* Calls fn for the models in a plain folder and in the folders right in it; their names are
 * their paths. */
BANTAM_API bantam_status bantam_list_folder(const char *folder, bantam_list_fn fn, void *user,
                                            bantam_error *err);

/* ---- models by name ----------------------------------------------------------------------
 *
 * Bantam knows the models it was made for by short names: FAMILY:SIZE[-VARIANT][-QUANT], such
 * as `llama3.2:1b-instruct` or `smollm2:1.7b-instruct-q4`. -q4 and -q8 are forms that are made
 * here, of types B4 and B8, from the weights as published. Any other model is ORG/REPO[:QUANT],
 * of which :B4 and :B8 are made here, too, and other QUANTs are gguf files of the repository.
 *
 * The store is BANTAM_HOME/models, else XDG_DATA_HOME/bantam/models, else
 * ~/.local/share/bantam/models, one folder a model. bantam_fetch() of bantam/fetch.h, a library
 * of its own, puts models there; nothing here needs a network.
 */

typedef struct bantam_catalog_model {
    bantam_text name;       /* "smollm2:135m-instruct" */
    bantam_text repository; /* of the hub; empty where no weights have been published */
    bantam_text license;
    bantam_text files; /* what is fetched: patterns, separated by spaces */
    bantam_text note;  /* empty where there is nothing to tell */
    uint64_t n_params;
    uint64_t bytes; /* of the weights as published */
    bool gated;     /* given only to accounts of the hub that have accepted the license */
} bantam_catalog_model;

/* Return false to stop. What the model's texts point to lives as long as the program. */
typedef bool (*bantam_catalog_fn)(void *user, const bantam_catalog_model *model);

/* Calls fn for every model that has a short name. */
BANTAM_API void bantam_list_catalog(bantam_catalog_fn fn, void *user);

/* What a name says. */
typedef struct bantam_name_info {
    char name[320];       /* as it is written properly */
    char repository[200]; /* "HuggingFaceTB/SmolLM2-135M" */
    char form[100];       /* "b4", "Q4_K_M"; empty: as published, or the usual one */
    bool made_here;       /* the form is made on this machine */
    bool in_catalog;
    bantam_catalog_model catalog; /* where it is there */
} bantam_name_info;

/* Takes a name apart; it need not be on this machine. BANTAM_ERR_INVALID for one that no model
 * has, with the nearest ones in the message. */
BANTAM_API bantam_status bantam_read_name(const char *name, bantam_name_info *out,
                                          bantam_error *err);

/* ---- archives: a model file looked at, not run ------------------------------------------- */

/* A GGUF file (all its shards), a safetensors file or a Hugging Face folder: its metadata and
 * tensor table. Anything well formed opens, also what no session could run. */
typedef struct bantam_archive bantam_archive;

typedef struct bantam_tensor_info {
    bantam_text name;
    bantam_text type; /* "F32", "Q4_K", ... */
    uint32_t n_dims;  /* 1 to 4 */
    uint64_t dims[4]; /* outermost first: (rows, columns) for a matrix */
    uint64_t bytes;
} bantam_tensor_info;

BANTAM_API bantam_status bantam_archive_open(bantam_archive **out, const char *path,
                                             bantam_error *err);
BANTAM_API void bantam_archive_close(bantam_archive *archive);

/* "gguf v3", "safetensors". */
BANTAM_API const char *bantam_archive_format(const bantam_archive *archive);
BANTAM_API uint64_t bantam_archive_bytes(const bantam_archive *archive);
BANTAM_API size_t bantam_archive_n_tensors(const bantam_archive *archive);
BANTAM_API bantam_status bantam_archive_tensor(const bantam_archive *archive, size_t index,
                                               bantam_tensor_info *out, bantam_error *err);

/* Metadata: GGUF keys, or the top-level members of config.json. Values are JSON texts; an array
 * of more than 8 elements is shortened to its first 8 and its length:
 * {"length":N,"first":[...]}. */
BANTAM_API size_t bantam_archive_n_metadata(const bantam_archive *archive);
/* Text is borrowed until the next call on this archive. */
BANTAM_API bantam_status bantam_archive_metadata(bantam_archive *archive, size_t index,
                                                 bantam_text *key, bantam_text *json,
                                                 bantam_error *err);

/* ---- tokenizers -------------------------------------------------------------------------- */

typedef struct bantam_tokenizer bantam_tokenizer;

#define BANTAM_NO_TOKEN UINT32_MAX

typedef struct bantam_tokenizer_info {
    uint32_t n_tokens;
    uint32_t bos, eos, unk, pad; /* BANTAM_NO_TOKEN where there is none */
    bool adds_bos, adds_eos;     /* whether the model's own encoder adds them */
    bool has_template;
    bantam_text kind; /* "byte-level bpe", "sentencepiece bpe", "tiktoken" */
} bantam_tokenizer_info;

/* Opens the tokenizer of a model alone, without weights. path is a GGUF file (also one that
 * holds a vocabulary only), a Hugging Face folder, or one of the files tokenizer.json,
 * tokenizer.model (SentencePiece or tiktoken), tekken.json. */
BANTAM_API bantam_status bantam_tokenizer_open(bantam_tokenizer **out, const char *path,
                                               bantam_error *err);
BANTAM_API void bantam_tokenizer_close(bantam_tokenizer *tokenizer);
BANTAM_API void bantam_tokenizer_describe(const bantam_tokenizer *tokenizer,
                                          bantam_tokenizer_info *out);

enum {
    BANTAM_TOKENIZE_SPECIAL = 1,  /* names of special tokens in the text become those tokens */
    BANTAM_TOKENIZE_ADD = 2,      /* add what the model's encoder adds: BOS, EOS */
    BANTAM_DETOKENIZE_SPECIAL = 4 /* write the names of control tokens too */
};

/* Encodes text. Writes at most capacity ids; *n_tokens is the number that the text has. Where
 * that is more than capacity the result is BANTAM_ERR_FULL and the ids written are the first
 * ones. tokens may be NULL when capacity is 0. The text may hold any bytes: what is not UTF-8
 * is encoded as U+FFFD where the vocabulary has no bytes, as itself where it has. */
BANTAM_API bantam_status bantam_tokenize(const bantam_tokenizer *tokenizer, bantam_text text,
                                         unsigned flags, uint32_t *tokens, size_t capacity,
                                         size_t *n_tokens, bantam_error *err);

/* Decodes ids as the model's decoder does (a leading space that the encoder added is dropped).
 * Writes at most capacity bytes, no NUL; *size is the number the text has, BANTAM_ERR_FULL
 * where that is more. BANTAM_ERR_INVALID for an id outside the vocabulary. */
BANTAM_API bantam_status bantam_detokenize(const bantam_tokenizer *tokenizer,
                                           const uint32_t *tokens, size_t n_tokens,
                                           unsigned flags, char *text, size_t capacity,
                                           size_t *size, bantam_error *err);

/* The bytes one token stands for inside a text; for control tokens their name. Borrowed until
 * the tokenizer is closed. {NULL, 0} for an id outside the vocabulary. */
BANTAM_API bantam_text bantam_token_text(const bantam_tokenizer *tokenizer, uint32_t token);

/* Whether the token ends an answer (eos, eot, eom and the model's own list). */
BANTAM_API bool bantam_token_is_stop(const bantam_tokenizer *tokenizer, uint32_t token);

/* Renders the model's chat template. json is {"messages":[{"role","content"},...],
 * "tools":[...],"add_generation_prompt":bool}; any other member becomes a variable of the
 * template. Writes at most capacity bytes; sizes and BANTAM_ERR_FULL as in bantam_detokenize().
 * BANTAM_ERR_UNSUPPORTED where the model has no template or it uses an unknown construct,
 * BANTAM_ERR_INVALID where the template itself refuses the messages. */
BANTAM_API bantam_status bantam_render_chat(const bantam_tokenizer *tokenizer, bantam_text json,
                                            char *text, size_t capacity, size_t *size,
                                            bantam_error *err);

/* ---- models ------------------------------------------------------------------------------ */

typedef struct bantam_model bantam_model;

/* PhoneLM's published forms of rotary embedding; other families ignore it. */
typedef enum bantam_rope {
    BANTAM_ROPE_DEFAULT = 0, /* table */
    BANTAM_ROPE_CALL = 1,    /* int8 with the maxima of one call, as the authors' Python code */
    BANTAM_ROPE_TABLE = 2,   /* int8 with maximum 1, as the authors' phone runtime */
    BANTAM_ROPE_FLOAT = 3    /* not rounded */
} bantam_rope;

/* done and total in bytes written. Return false to stop; no file is left. */
typedef bool (*bantam_progress_fn)(void *user, uint64_t done, uint64_t total);

typedef struct bantam_model_options {
    size_t struct_size;
    bantam_rope rope;

    /* Highest set of instructions to compute with: "ref", "avx2", "avxvnni", "avx512vnni",
     * "neon", "dotprod", "i8mm"; NULL: the best there is. Changes no bit.
     * BANTAM_ERR_UNSUPPORTED where this machine lacks it. */
    const char *cpu;
    bantam_progress_fn progress; /* of packing, in bytes; may be NULL. Return false to stop */
    void *user;
    /* Weights of GGUF's block types are packed once into a form that can be computed with as it
     * lies, and kept in a cache file; later opens map that file. Packing changes no bit of any
     * result. With no_cache they are packed into memory at every open; no file is looked for
     * and none is made. */
    bool no_cache;
    /* The model is only to be described and planned with: nothing is packed, and no session can
     * be opened on it. */
    bool describe_only;
} bantam_model_options;

typedef struct bantam_model_info {
    bantam_text name;         /* general.name, or the folder's name */
    bantam_text family;       /* "smollm2", "llama3", "phonelm", "mistral3", ... */
    bantam_text architecture; /* as the file calls it */
    bantam_text type;         /* type of most weights, "Q4_0" */
    uint64_t n_params;
    uint64_t file_bytes;
    uint64_t weight_bytes; /* as they are computed with */
    uint32_t n_layers, n_embd, n_heads, n_kv_heads, head_dim, n_ffn, n_vocab;
    uint32_t context_tokens; /* the most positions the model was made for */
    bool tied;               /* output head shares the embedding */
    bantam_text rope;        /* "normal", "llama3", "yarn", "int8 table", ... */
    bantam_text activation;  /* "silu", "relu" */
    uint32_t window_tokens;  /* of windowed layers; 0 where there are none */
    uint64_t token_bytes;    /* of the weights, read for one token: all but an embedding that is
                                not the head too, of which one row is */
} bantam_model_info;

/* Opens a model: a `.gguf` file or a Hugging Face folder; NULL, or "bantam-mini" where no file
 * is called so: the small model that is built into the library. Weights are mapped, from the
 * model's files or from its cache file; where there is no place for a cache file, those that
 * need it are packed into memory. options may be NULL. The caller owns *out.
 * BANTAM_ERR_CANCELLED where progress said stop. */
BANTAM_API bantam_status bantam_model_open(bantam_model **out, const char *path,
                                           const bantam_model_options *options,
                                           bantam_error *err);
BANTAM_API void bantam_model_close(bantam_model *model);

/* Texts are borrowed until the model is closed. */
BANTAM_API void bantam_model_describe(const bantam_model *model, bantam_model_info *out);

/* The set of instructions in use: "avx512vnni". */
BANTAM_API const char *bantam_model_cpu(const bantam_model *model);

/* The cache file in use; NULL where there is none. Borrowed until the model is closed. */
BANTAM_API const char *bantam_model_cache(const bantam_model *model);

/* Why no cache file could be made, in the words of an error; NULL where there is no reason to
 * tell. Borrowed until the model is closed. */
BANTAM_API const char *bantam_model_note(const bantam_model *model);

/* 32 bytes that tell models apart by their numbers: another quantization is another model.
 * What was computed with one is not mixed with what was computed with another. No signature. */
BANTAM_API void bantam_model_identity(const bantam_model *model, uint8_t identity[32]);

/* Borrowed until the model is closed. NULL where the file has no tokenizer. */
BANTAM_API const bantam_tokenizer *bantam_model_tokenizer(const bantam_model *model);

/* ---- cache files -------------------------------------------------------------------------
 *
 * A model's cache file lies beside it as MODEL.gguf.bantam-cache, or, where its folder cannot
 * be written to, in XDG_CACHE_HOME/bantam or ~/.cache/bantam. BANTAM_CACHE names another folder
 * for all of them, or says `off`. BANTAM_CACHE_MAX (16G) limits what the folder holds: files
 * not used for the longest time go first. Weights of less than BANTAM_CACHE_MIN (16M) are
 * packed without a file. A cache file that is not that of the model as it is now is made anew.
 * It may be removed at any time.
 */

/* Called for each file removed; path is borrowed until it returns. */
typedef void (*bantam_removed_fn)(void *user, bantam_text path, uint64_t bytes);

/* Removes the cache file of the model at path, which may be gone already, or, where path is
 * NULL, all in the shared folder. fn may be NULL. That there is none is no failure. */
BANTAM_API bantam_status bantam_cache_remove(const char *path, bantam_removed_fn fn, void *user,
                                             bantam_error *err);

/* ---- sessions ---------------------------------------------------------------------------- */

typedef struct bantam_session bantam_session;
typedef struct bantam_adapter bantam_adapter;

typedef enum bantam_kv {
    BANTAM_KV_DEFAULT = 0, /* f16 */
    BANTAM_KV_F32 = 1,
    BANTAM_KV_F16 = 2,
    BANTAM_KV_Q8 = 3, /* 8 bits with one scale per position, head and 32 values; f16 where heads
                         are so small (12 values) that it takes no less */
    BANTAM_KV_Q4 = 4  /* 4 bits likewise. It costs quality: measure, docs/MEMORY.md */
} bantam_kv;

typedef struct bantam_session_options {
    size_t struct_size;
    uint32_t context_tokens; /* 0: the smaller of 4096 and what the model was made for. Any
                                other number is taken as it is, up to 2^20 */
    uint32_t batch_tokens;   /* prompt positions computed together; 0: 256, or 128 where 256
                                take much memory. Changes no bit */
    uint32_t n_threads; /* 0: one per available core, small ones left out. Changes no bit */
    bantam_kv kv;
    uint64_t memory_bytes; /* refuse to open beyond this much, weights included; 0: no limit */
    /* In use from the start; as bantam_session_set_adapters() takes them. */
    const bantam_adapter *const *adapters;
    const float *adapter_scales;
    uint32_t n_adapters;
    bool weights_reread; /* weights that are mapped from files count nothing of memory_bytes:
                            the system takes their pages back where memory is short, and reads
                            them again, which is slow */
} bantam_session_options;

/* What a session takes, known before anything is taken. */
typedef struct bantam_plan_info {
    uint64_t weight_bytes;  /* mapped from files, shared, given back under pressure; or packed
                               into memory, where there is no cache file. Of a mapped embedding
                               that is not the head too: what the tokens of one context look up
                             */
    uint64_t kv_bytes;      /* keys and values of the whole context */
    uint64_t scratch_bytes; /* activations, logits, sampling */
    uint64_t other_bytes;   /* tokenizer, tables, names: taken when the model was opened; and
                               about what a small program and its libraries take */
    uint64_t total_bytes;
    uint32_t context_tokens, batch_tokens, n_threads;
    bantam_kv kv; /* as it would be kept; never BANTAM_KV_DEFAULT */
} bantam_plan_info;

BANTAM_API bantam_status bantam_plan(const bantam_model *model,
                                     const bantam_session_options *options,
                                     bantam_plan_info *out, bantam_error *err);

/* Plans a session that keeps within options->memory_bytes. Of context_tokens, batch_tokens and
 * kv those that are not zero are demands and stay as they are; the others are chosen and
 * written to *options, ready for bantam_session_open(). Where the defaults are too much the
 * batch becomes smaller, down to 64, which changes no bit; then keys and values get 8 bits;
 * then the context becomes shorter, in steps of 64 down to 256; then the batch again, down
 * to 8. A budget that is larger never gives a shorter context. memory_bytes 0: the defaults are
 * chosen. With weights_reread, which is put off until nothing fits without, the context is the
 * least one. BANTAM_ERR_NOMEM where not even the least fits, with both numbers. */
BANTAM_API bantam_status bantam_plan_within(const bantam_model *model,
                                            bantam_session_options *options,
                                            bantam_plan_info *out, bantam_error *err);

/* Opens a session; options may be NULL. Everything it will ever need is taken here. The model
 * is borrowed until the session is closed. The caller owns *out. BANTAM_ERR_NOMEM names what
 * was needed and what memory_bytes allows. */
BANTAM_API bantam_status bantam_session_open(bantam_session **out, const bantam_model *model,
                                             const bantam_session_options *options,
                                             bantam_error *err);
BANTAM_API void bantam_session_close(bantam_session *session);

/* The model it was opened on. */
BANTAM_API const bantam_model *bantam_session_model(const bantam_session *session);

/* Computes tokens[0..n) after what the session holds. n may exceed the batch; to PhoneLM's
 * `call` rope one feed is one call. BANTAM_ERR_FULL, and nothing is changed, where they do not
 * fit: the message names both numbers. On BANTAM_ERR_CANCELLED the session holds what it held
 * before. */
BANTAM_API bantam_status bantam_session_feed(bantam_session *session, const uint32_t *tokens,
                                             size_t n_tokens, bantam_error *err);

/* logits holds n_vocab floats, those after tokens[index]; borrowed until fn returns. Return
 * false to stop: the call then ends with BANTAM_ERR_CANCELLED. */
typedef bool (*bantam_logits_fn)(void *user, size_t index, const float *logits,
                                 uint32_t n_vocab);

/* As bantam_session_feed(), and hands out the logits after every token, in order. */
BANTAM_API bantam_status bantam_session_score(bantam_session *session, const uint32_t *tokens,
                                              size_t n_tokens, bantam_logits_fn fn, void *user,
                                              bantam_error *err);

/* state holds n_embd floats: what the model has made of tokens[index] in its place, the output
 * of the last layer after the last norm, from which the head makes logits; borrowed until fn
 * returns. Return false to stop, as above. */
typedef bool (*bantam_states_fn)(void *user, size_t index, const float *state, uint32_t n_embd);

/* As bantam_session_feed(), and hands out the state of every token, in order: vectors that
 * can be compared, to rank or to group texts. */
BANTAM_API bantam_status bantam_session_states(bantam_session *session, const uint32_t *tokens,
                                               size_t n_tokens, bantam_states_fn fn, void *user,
                                               bantam_error *err);

/* ln p of a token under logits (n_vocab floats), such as those handed out above: the token's
 * logit less the logarithm of the sum of all exponentials, within 1e-6. -infinity for a token
 * that is not possible. */
BANTAM_API double bantam_session_logprob(bantam_session *session, const float *logits,
                                         uint32_t token);

/* Logits after the last token (n_vocab floats). Borrowed until the session is next changed.
 * NULL before the first token and after a rewind. */
BANTAM_API const float *bantam_session_logits(const bantam_session *session);

/* Tokens held, and the most it can hold. */
BANTAM_API uint32_t bantam_session_position(const bantam_session *session);
BANTAM_API uint32_t bantam_session_capacity(const bantam_session *session);

/* The token at a position below bantam_session_position(). */
BANTAM_API uint32_t bantam_session_token(const bantam_session *session, uint32_t position);

/* Forgets everything after the first n_tokens. Feeding the same tokens again gives the same
 * bits. */
BANTAM_API bantam_status bantam_session_rewind(bantam_session *session, uint32_t n_tokens,
                                               bantam_error *err);

/* Makes the running call on this session, or else the next one, end with BANTAM_ERR_CANCELLED
 * soon. May be called from any thread and from a signal handler. */
BANTAM_API void bantam_session_cancel(bantam_session *session);

/* Saves tokens, keys, values, logits and sampler state. The file appears whole or not at all.
 */
BANTAM_API bantam_status bantam_session_save(const bantam_session *session, const char *path,
                                             bantam_error *err);

/* Restores what bantam_session_save() wrote for the same model, adapters in use, KV type and
 * rope form, and checks it whole before anything is changed. */
BANTAM_API bantam_status bantam_session_load(bantam_session *session, const char *path,
                                             bantam_error *err);

/* ---- adapters ----------------------------------------------------------------------------
 *
 * An adapter (LoRA) is a small file of corrections to a model's matrices: y = W x + scale *
 * alpha / rank * B (A x). The model stays as it is; each session says which adapters it wants,
 * and how strongly, and may change that without anything being loaded anew.
 */

enum { BANTAM_MAX_ADAPTERS = 8 }; /* of one session at once */

typedef struct bantam_adapter_info {
    float alpha;         /* as the file has it */
    uint32_t rank;       /* the largest */
    uint32_t n_matrices; /* of the model that are corrected */
    uint64_t n_params;
    uint64_t bytes; /* memory held */
} bantam_adapter_info;

/* Opens an adapter of llama.cpp's form (a GGUF file) or of PEFT's (a folder with
 * adapter_config.json and adapter_model.safetensors, or the latter file) for this model, which
 * is borrowed until the adapter is closed. Everything in it is held against the model:
 * BANTAM_ERR_FORMAT where it is one for another model, BANTAM_ERR_UNSUPPORTED for what is more
 * than low-rank corrections of the layers' matrices (DoRA, biases, embeddings, norms). */
BANTAM_API bantam_status bantam_adapter_open(bantam_adapter **out, const bantam_model *model,
                                             const char *path, bantam_error *err);
BANTAM_API void bantam_adapter_close(bantam_adapter *adapter);
BANTAM_API void bantam_adapter_describe(const bantam_adapter *adapter,
                                        bantam_adapter_info *out);

/* Makes the session use these adapters of its model from now on, in place of those it used;
 * n_adapters 0: none. scales may be NULL: all 1; an adapter with scale 0 is left out. They are
 * borrowed until the session is closed or uses others.
 *
 * What the session holds was computed with other weights: it is emptied, as by a rewind to 0,
 * unless the adapters and scales are those in use already. On failure, BANTAM_ERR_INVALID or
 * BANTAM_ERR_NOMEM, nothing has changed. */
BANTAM_API bantam_status bantam_session_set_adapters(bantam_session *session,
                                                     const bantam_adapter *const *adapters,
                                                     const float *scales, size_t n_adapters,
                                                     bantam_error *err);

/* ---- choosing tokens --------------------------------------------------------------------- */

/* The stages of the sampler, for bantam_sampling.order. */
typedef enum bantam_stage {
    BANTAM_STAGE_END = 0,
    BANTAM_STAGE_PENALTIES,
    BANTAM_STAGE_DRY,
    BANTAM_STAGE_TOP_K,
    BANTAM_STAGE_TYPICAL,
    BANTAM_STAGE_TOP_P,
    BANTAM_STAGE_MIN_P,
    BANTAM_STAGE_XTC,
    BANTAM_STAGE_TEMPERATURE
} bantam_stage;

typedef struct bantam_logit_bias {
    uint32_t token;
    float bias; /* added to the logit; -INFINITY bans */
} bantam_logit_bias;

/* Numbers are the usual ones of the field; a stage with its neutral value does nothing. Unlike
 * other option structs, zero is not a default here: begin with bantam_sampling_init(). */
typedef struct bantam_sampling {
    size_t struct_size;
    uint64_t seed;
    float temperature;                    /* 0: the most likely token, always */
    uint32_t top_k;                       /* 0: off */
    float top_p;                          /* 1: off */
    float min_p;                          /* 0: off */
    float typical_p;                      /* 1: off */
    float xtc_probability, xtc_threshold; /* probability 0: off */
    float repeat_penalty;                 /* 1: off */
    float presence_penalty, frequency_penalty;
    uint32_t penalty_last_n; /* how many of the last tokens the penalties look at */
    float dry_multiplier;    /* 0: off */
    float dry_base;
    uint32_t dry_allowed_length, dry_last_n;
    const bantam_text *dry_breakers; /* NULL: newline, colon, quote, asterisk */
    size_t n_dry_breakers;
    uint32_t mirostat; /* 0: off; 1 or 2: replaces top-k, top-p, min-p, typical, XTC */
    float mirostat_tau, mirostat_eta;
    const bantam_logit_bias *bias;
    size_t n_bias;
    bantam_stage
        order[16]; /* ends with BANTAM_STAGE_END; empty: the order of the enumeration */
} bantam_sampling;

/* Greedy, everything off, the usual constants (last_n 64, DRY 1.75 / 2 / 1024, tau 5, eta 0.1).
 */
BANTAM_API void bantam_sampling_init(bantam_sampling *sampling);

/* Sets how the session chooses tokens, from now on; the seed starts anew. Copies everything.
 * BANTAM_ERR_INVALID names the number that makes no sense. */
BANTAM_API bantam_status bantam_session_set_sampling(bantam_session *session,
                                                     const bantam_sampling *sampling,
                                                     bantam_error *err);

/* Draws the next token from the current logits, feeds it, and points *text at its bytes.
 *
 * The bytes belong to the model and stay valid until it is closed. They need not be whole
 * UTF-8: one character may be spread over several tokens. A stop token is drawn and returned,
 * not fed; the next call draws again. Returns BANTAM_ERR_FULL, and changes nothing, when the
 * context is used up. */
BANTAM_API bantam_status bantam_session_next(bantam_session *session, uint32_t *token,
                                             bantam_text *text, bantam_error *err);

typedef struct bantam_candidate {
    uint32_t token;
    float logprob; /* natural logarithm of its probability before any sampling stage */
} bantam_candidate;

/* The k most likely next tokens, most likely first, and their log-probabilities under the whole
 * vocabulary. */
BANTAM_API bantam_status bantam_session_top(bantam_session *session, bantam_candidate *out,
                                            size_t k, bantam_error *err);

/* ---- generating text --------------------------------------------------------------------- */

typedef enum bantam_finish {
    BANTAM_FINISH_STOP = 0,     /* a stop token or stop string */
    BANTAM_FINISH_LENGTH = 1,   /* max_tokens, or the context is used up */
    BANTAM_FINISH_CANCELLED = 2 /* bantam_session_cancel(), or the callback */
} bantam_finish;

typedef struct bantam_generation {
    size_t struct_size;
    uint32_t max_tokens;     /* 0: until the context is full */
    bool ignore_stop_tokens; /* go on past the end of the answer */
    const bantam_text *stop; /* strings that end the answer; never shown, not even in part.
                                Looked for behind the forced text; empty ones are ignored */
    size_t n_stop;
    const bantam_text *banned; /* strings the answer must not contain: drawn back and redrawn */
    size_t n_banned;
    bantam_text forced; /* the answer begins with this; no banned string may lie in it */
} bantam_generation;

/* One step of an answer. text is whole UTF-8 that is settled and was not handed out before; it
 * may be empty while a character, a stop string or a banned string may still be in the making.
 */
typedef struct bantam_step {
    bantam_text text;
    uint32_t token; /* drawn in this step; BANTAM_NO_TOKEN in a last step that only flushes */
    uint32_t index; /* 0 for the first token of the answer */
    float logprob;  /* of the token, before any sampling stage */
} bantam_step;

/* Return false to stop. The step is borrowed until fn returns. */
typedef bool (*bantam_step_fn)(void *user, const bantam_step *step);

/* Guesses at what comes next, computed along with the token before them: a pass over a few
 * tokens takes little longer than one over a single token. Guesses change no token of an
 * answer, greedy or sampled, only the time it takes. */
typedef struct bantam_speculation {
    size_t struct_size;
    /* A session of a smaller model with the same vocabulary (up to 1 % of it may differ), which
     * guesses. Borrowed until the session is closed or told otherwise; what it held is lost.
     * Its context should be no shorter. NULL: none. */
    bantam_session *draft;
    bool lookup;         /* guess what followed the last words where they stood before */
    uint32_t max_tokens; /* guesses at once, at most 7; 0: 7 */
    bool fixed;          /* always that many; else as many as have paid so far */
    /* For benchmarks: not 0, guesses count as true with this probability, whatever the model
     * says. The answer means nothing then. */
    double replay;
} bantam_speculation;

/* Options NULL, or neither draft nor lookup: no guesses. Counts begin anew. */
BANTAM_API bantam_status bantam_session_speculate(bantam_session *session,
                                                  const bantam_speculation *options,
                                                  bantam_error *err);

typedef struct bantam_speculated {
    uint64_t n_passes;   /* over the weights */
    uint64_t n_drafted;  /* guesses computed */
    uint64_t n_accepted; /* that came true */
} bantam_speculated;

BANTAM_API void bantam_session_speculated(const bantam_session *session,
                                          bantam_speculated *out);

typedef struct bantam_answer {
    bantam_finish finish;
    uint32_t n_tokens; /* that the answer consists of, the stop token not counted */
} bantam_answer;

/* Generates an answer after what was fed, calling fn (may be NULL) for every token. A token
 * that a banned string may yet draw back is told once that is settled, so that each token of
 * the answer is told once and in order; control tokens add no text. options and out may be
 * NULL. On failure *out still says how far it came: after bantam_session_cancel(), or when fn
 * has said stop, the result is BANTAM_ERR_CANCELLED and the session holds the tokens drawn so
 * far. */
BANTAM_API bantam_status bantam_session_generate(bantam_session *session,
                                                 const bantam_generation *options,
                                                 bantam_step_fn fn, void *user,
                                                 bantam_answer *out, bantam_error *err);

/* ---- the device -------------------------------------------------------------------------- */

typedef struct bantam_device_info {
    char cpu[64]; /* highest kernel set this build and machine share: "ref", "avx2", ... */
    char features[256];    /* instruction sets found, separated by spaces */
    uint32_t n_cores;      /* that this process may use */
    uint64_t memory_bytes; /* total, and available as the system and its limits see it */
    uint64_t available_bytes;
} bantam_device_info;

BANTAM_API void bantam_device_describe(bantam_device_info *out);

/* What n_threads of this machine do at most: the limits that the speed of a model is held
 * against. */
typedef struct bantam_device_speed {
    uint32_t n_threads;
    double read_gb_s;   /* reading memory that no cache holds, as a stream: the median of some
                           passes; 0 where there is too little memory to try */
    double int8_gops;   /* 10^9 operations a second of 8-bit dot products in registers, a
                           multiply-add being two: the best of some passes */
    double fp32_gflops; /* of multiply-adds in single precision, likewise */
} bantam_device_speed;

/* Measures it, with all n_threads at work (0: one per core worth using) and the instructions up
 * to cpu (as in bantam_model_options; NULL: the best). Takes about a second and 256 MiB for
 * that time. */
BANTAM_API bantam_status bantam_device_measure(const char *cpu, uint32_t n_threads,
                                               bantam_device_speed *out, bantam_error *err);

/* Heat, clock and energy while something runs, as far as the system shows them. */
typedef struct bantam_sensors bantam_sensors;

typedef struct bantam_reading {
    double
        temperature_c; /* of the processor's hottest sensor; NaN, as all, where none is shown */
    double frequency_mhz;         /* mean of the cores that sessions compute on */
    double energy_j;              /* used since the sensors were opened */
    bantam_text temperature_from; /* "x86_pkg_temp", "coretemp", ...; empty where none is */
    bantam_text energy_from;      /* "rapl": of the processor alone; "battery": of the device,
                                     while no charger is plugged in; empty */
} bantam_reading;

/* root is the folder that stands for the system's /sys; NULL: that one. Where there is nothing
 * to read, it opens, and every reading says so. The caller owns *out. */
BANTAM_API bantam_status bantam_sensors_open(bantam_sensors **out, const char *root,
                                             bantam_error *err);
BANTAM_API void bantam_sensors_close(bantam_sensors *sensors);

/* Takes a few system calls. Energy wants a reading every minute or so: counters run over, and a
 * battery tells what it gives at the moment alone. Texts are borrowed until the sensors are
 * closed. One thread at a time. */
BANTAM_API void bantam_sensors_read(bantam_sensors *sensors, bantam_reading *out);

#ifdef __cplusplus
}
#endif

#include "bantam/batch.h"
#include "bantam/compare.h"
#include "bantam/fit.h"
#include "bantam/interest.h"
#include "bantam/make.h"
#include "bantam/prefix.h"
#include "bantam/prune.h"
#include "bantam/task.h"
#include "bantam/tools.h"

#endif
