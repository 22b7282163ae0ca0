/* limits.h - how large things from files may be, each with its reason.
 *
 * Real models stay far below every limit; a hostile file is stopped before it costs anything.
 */
#ifndef BNT_BASE_LIMITS_H
#define BNT_BASE_LIMITS_H

enum {
    BNT_MAX_DIMS = 4,               /* what GGUF allows and any model here needs */
    BNT_MAX_TENSOR_NAME = 256,      /* Hugging Face names of nested models reach 100 */
    BNT_MAX_KEY = 65535,            /* the GGUF specification's own limit */
    BNT_MAX_STRING = 16 << 20,      /* the largest templates are 16 KiB, scores are arrays */
    BNT_MAX_ARRAY_DEPTH = 4,        /* no known key nests at all */
    BNT_MAX_JSON_DEPTH = 64,        /* tokenizer.json reaches 8 */
    BNT_MAX_JSON_BYTES = 256 << 20, /* tokenizer.json of 256k words is 33 MB */
    BNT_MAX_SAFETENSORS_HEADER = 100 << 20, /* the format's own limit */
    BNT_MAX_ALIGNMENT = 1 << 20,
    BNT_MAX_SHARDS = 1024,
    BNT_MAX_LAYERS = 512,
    BNT_MAX_HEADS = 65536,
    BNT_MAX_HEAD_DIM = 1024,
    BNT_MAX_EMBD = 1 << 20,
    BNT_MAX_VOCAB = 1 << 22, /* four times the largest known */
    BNT_MAX_TOKEN_BYTES = 65536,
    BNT_MAX_PROMPT_BYTES = 1 << 30, /* beyond it ids would not fit in memory either */
    BNT_MAX_TEMPLATE_BYTES = 1 << 20
};

#endif
