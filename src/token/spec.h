/* spec.h - a tokenizer as its files describe it.
 *
 * Each loader (load_gguf, load_hf, load_spm, load_tekken, load_tiktoken) turns one kind of file
 * into a spec: plain data without behavior. tokenizer.c compiles a spec into something that
 * runs. The GGUF writer goes the other way. Everything a spec points at lies in its own arena
 * of blocks and is freed with it.
 */
#ifndef BNT_TOKEN_SPEC_H
#define BNT_TOKEN_SPEC_H
#include "base/buf.h"

/* GGUF's numbers. */
typedef enum bnt_token_kind {
    BNT_TOKEN_NORMAL = 1,
    BNT_TOKEN_UNKNOWN = 2,
    BNT_TOKEN_CONTROL = 3,      /* special: never made from ordinary text */
    BNT_TOKEN_USER_DEFINED = 4, /* added: matched in text before anything else */
    BNT_TOKEN_UNUSED = 5,
    BNT_TOKEN_BYTE = 6 /* the text is the one byte itself, not "<0x41>" */
} bnt_token_kind;

enum { /* of added tokens (CONTROL and USER_DEFINED): what else a match swallows or needs */
       BNT_ADDED_LSTRIP = 1,    /* white space before it belongs to it */
       BNT_ADDED_RSTRIP = 2,    /* white space after it */
       BNT_ADDED_WORD = 4,      /* matches only where no word character touches it */
       BNT_ADDED_NORMALIZED = 8 /* matched after normalization, else before */
};

typedef struct bnt_token_spec {
    bantam_text text; /* raw bytes: byte-level alphabets are already undone; for SentencePiece
                         pieces as stored (U+2581 stands for a space) */
    float score;      /* SentencePiece: merges with higher scores come first */
    uint8_t kind;     /* bnt_token_kind */
    uint8_t added;    /* BNT_ADDED_ flags */
} bnt_token_spec;

typedef enum bnt_vocab_kind {
    BNT_VOCAB_BPE_MERGES, /* symbols merge by the merge list, lowest index first */
    BNT_VOCAB_BPE_RANKS,  /* symbols merge when their union is a token, lowest id first */
    BNT_VOCAB_BPE_SCORES  /* symbols merge when their union is a token, highest score first */
} bnt_vocab_kind;

/* What happens to a text before it is split. */
typedef enum bnt_normal_op {
    BNT_NORMAL_PREPEND, /* content before a text that is not empty */
    BNT_NORMAL_REPLACE, /* pattern becomes content */
    BNT_NORMAL_STRIP    /* white space at left / right */
} bnt_normal_op;

typedef struct bnt_normal_step {
    bnt_normal_op op;
    bantam_text pattern;
    bool regex; /* pattern is a PCRE2 pattern, else a plain string */
    bantam_text content;
    bool left, right;
} bnt_normal_step;

/* How a text is cut into pieces that merges do not cross; names and meanings are those of
 * tokenizer.json. */
typedef enum bnt_split_op {
    BNT_SPLIT_PATTERN, /* cut at matches of pattern */
    BNT_SPLIT_PREFIX   /* put content before the text where it does not begin with it */
} bnt_split_op;

typedef enum bnt_split_behavior {
    BNT_SPLIT_ISOLATED, /* matches and what lies between them are pieces */
    BNT_SPLIT_REMOVED,  /* matches vanish */
    BNT_SPLIT_MERGED_WITH_PREVIOUS,
    BNT_SPLIT_MERGED_WITH_NEXT,
    BNT_SPLIT_CONTIGUOUS /* adjacent matches form one piece */
} bnt_split_behavior;

typedef struct bnt_split_step {
    bnt_split_op op;
    bantam_text pattern; /* PCRE2 with UTF and UCP; plain strings are escaped by the loader */
    bnt_split_behavior behavior;
    bool invert; /* what the pattern does not match is the match */
    bantam_text content;
    bool first_only; /* BNT_SPLIT_PREFIX: only where the piece begins the whole text */
} bnt_split_step;

/* From tokens back to text. */
typedef enum bnt_decode_op {
    BNT_DECODE_REPLACE, /* plain string pattern becomes content, in each token */
    BNT_DECODE_STRIP    /* up to `count` times content at the start / end of the whole text */
} bnt_decode_op;

typedef struct bnt_decode_step {
    bnt_decode_op op;
    bantam_text pattern, content;
    uint32_t start_count, end_count;
} bnt_decode_step;

enum { BNT_SPEC_MAX_STEPS = 64 };

typedef struct bnt_merge {
    uint32_t left, right, result; /* token ids */
} bnt_merge;

typedef struct bnt_spec {
    bnt_vocab_kind kind;
    const char *kind_name; /* "byte-level bpe", "sentencepiece bpe", "tiktoken": static */
    const char *pre_name;  /* what GGUF calls the pre-tokenizer ("llama-bpe", "smollm"), or "";
                              static */
    bool byte_level; /* every byte is a token (or spelled by them); false: bytes of unknown
                        characters become BYTE tokens where byte_fallback, else unk */
    bool byte_fallback;
    bool ignore_merges; /* a piece that is itself a token is taken whole */
    bool fuse_unknown;  /* a run of unknown characters becomes one unk */
    bool adds_bos, adds_eos;

    bnt_token_spec *tokens; /* (n_tokens), owned through blocks */
    uint32_t n_tokens;
    bnt_merge *merges; /* (n_merges), in order of priority; BNT_VOCAB_BPE_MERGES only */
    uint32_t n_merges;
    bool merges_proved; /* the loader has seen that every result's text is the two together */

    bnt_normal_step normal[BNT_SPEC_MAX_STEPS];
    uint32_t n_normal;
    bnt_split_step split[BNT_SPEC_MAX_STEPS];
    uint32_t n_split;
    bnt_decode_step decode[BNT_SPEC_MAX_STEPS];
    uint32_t n_decode;

    uint32_t bos, eos, unk, pad; /* BANTAM_NO_TOKEN where there is none */
    uint32_t stops[32];          /* tokens that end an answer, eos among them */
    uint32_t n_stops;

    bantam_text chat_template; /* empty where there is none */

    struct bnt_spec_block *blocks; /* owns all memory above */
} bnt_spec;

/* Sets a spec to empty: no tokens, ids BANTAM_NO_TOKEN. */
void bnt_spec_init(bnt_spec *spec);
void bnt_spec_deinit(bnt_spec *spec);

/* n * size bytes that live as long as the spec, cleared. NULL when out of memory. */
void *bnt_spec_alloc(bnt_spec *spec, size_t n, size_t size);
/* Room for size bytes, not cleared, of which bnt_spec_keep() then keeps the first ones; nothing
 * else is asked of the spec in between. NULL when out of memory. */
char *bnt_spec_begin(bnt_spec *spec, size_t size);
void bnt_spec_keep(bnt_spec *spec, size_t size);
/* A copy that lives as long as the spec; {NULL, 0} when out of memory. */
bantam_text bnt_spec_copy(bnt_spec *spec, const char *data, size_t size);

/* Adds a stop token unless it is there already or is BANTAM_NO_TOKEN. */
void bnt_spec_add_stop(bnt_spec *spec, uint32_t token);

#endif
