/* pre.c - the pre-tokenizers that GGUF files call by name.
 *
 * A GGUF file states no patterns, only a name; this table holds what each name stands for, as
 * the tokenizer.json files of those models state it, one pattern per step, every match a piece.
 * Where today's runtimes use a pattern that differs from its model's own, the model's own
 * stands here. Compiling and running patterns is for tokenizer.c.
 */
#include "token/load_parts.h"
#include <string.h>

enum { MAX_PATTERNS = 6 };

#define GPT2                                                                                   \
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"

/* The family of GPT-4's pattern; digits come in groups of at most so many. */
#define WORDS_AND(digits)                                                                      \
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|" digits                       \
    "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"

/* Words in upper, title and lower case; what may follow a word differs. */
#define UPPER "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]"
#define LOWER "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]"
#define CASED_WORDS(ending, digits)                                                            \
    "[^\\r\\n\\p{L}\\p{N}]?" UPPER "*" LOWER "+" ending "|[^\\r\\n\\p{L}\\p{N}]?" UPPER        \
    "+" LOWER "*" ending "|" digits                                                            \
    "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"

#define BLOOM " ?[^(\\s|.,!?\\x{2026}\\x{3002}\\x{FF0C}\\x{3001}\\x{0964}\\x{06D4}\\x{060C})]+"

const char *const bnt_pre_gpt2 = GPT2;
const char *const bnt_pre_llama3 = WORDS_AND("\\p{N}{1,3}");

typedef struct rule {
    bool ignore_merges, adds_bos;
    const char *patterns[MAX_PATTERNS + 1]; /* NULL ends them */
} rule;

static const rule llama3 = {true, true, {WORDS_AND("\\p{N}{1,3}")}};
static const rule llama3_merging = {false, false, {WORDS_AND("\\p{N}{1,3}")}};
static const rule tekken = {true, true, {CASED_WORDS("", "\\p{N}")}};
static const rule gpt4o = {
    false, false, {CASED_WORDS("(?i:'s|'t|'re|'ve|'m|'ll|'d)?", "\\p{N}{1,3}")}};
static const rule gpt2 = {false, false, {GPT2}};
static const rule digits_gpt2 = {false, false, {"\\p{N}", GPT2}};
static const rule qwen2 = {false, false, {WORDS_AND("\\p{N}")}};
static const rule falcon = {
    false, false, {"[\\p{P}\\$\\+<=>\\^~\\|`]+", GPT2, "[0-9][0-9][0-9]"}};
static const rule deepseek_coder = {
    false,
    false,
    {"[\\r\\n]", "\\s?\\p{L}+", "\\s?\\p{P}+",
     "[\\x{4E00}-\\x{9FA5}\\x{0800}-\\x{4E00}\\x{AC00}-\\x{D7FF}]+", "\\p{N}"}};
static const rule deepseek_v3 = {
    false,
    false,
    {"\\p{N}{1,3}", "[\\x{4E00}-\\x{9FA5}\\x{3040}-\\x{309F}\\x{30A0}-\\x{30FF}]+",
     "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?"
     "[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"}};
static const rule bloom = {false, false, {BLOOM}};
static const rule viking = {false, false, {BLOOM, "\\p{N}"}};
static const rule chameleon = {false,
                               true,
                               {"<sentinel:[0-9]+>", "(IMGIMG)((A|B|C|D|E|F|G|H|I){1,4})Z",
                                "([\\t\\n]|    |  )", "\\p{N}", "[\\p{P}!-/:-@\\[-`{-~]",
                                GPT2}};
/* What files without a name get: those of the time before names. */
static const rule unnamed = {
    false, false, {"[\\p{P}\\$\\+<=>\\^~\\|]+", GPT2, "\\p{N}+", "[0-9][0-9][0-9]"}};

/* The first name of a rule is the one a spec is recognized by. */
static const struct {
    const char *name;
    const rule *rule;
} names[] = {
    {"llama-bpe", &llama3},
    {"llama3", &llama3},
    {"llama-v3", &llama3},
    {"falcon3", &llama3},
    {"falcon-h1", &llama3},
    {"midm-2.0", &llama3},
    {"lfm2", &llama3},
    {"dbrx", &llama3_merging},
    {"smaug-bpe", &llama3_merging},
    {"chatglm-bpe", &llama3_merging},
    {"tekken", &tekken},
    {"pixtral", &tekken}, /* Mistral's own encoder knows one pattern for both */
    {"gpt-4o", &gpt4o},
    {"llama4", &gpt4o},
    {"smollm", &digits_gpt2},
    {"starcoder", &digits_gpt2},
    {"refact", &digits_gpt2},
    {"command-r", &digits_gpt2},
    {"codeshell", &digits_gpt2},
    {"exaone", &digits_gpt2},
    {"minerva-7b", &digits_gpt2},
    {"gpt-2", &gpt2},
    {"mpt", &gpt2},
    {"olmo", &gpt2},
    {"jais", &gpt2},
    {"phi-2", &gpt2},
    {"gigachat", &gpt2},
    {"jina-es", &gpt2},
    {"jina-de", &gpt2},
    {"jina-v1-en", &gpt2},
    {"jina-v2-es", &gpt2},
    {"jina-v2-de", &gpt2},
    {"jina-v2-code", &gpt2},
    {"roberta-bpe", &gpt2},
    {"qwen2", &qwen2},
    {"deepseek-r1-qwen", &qwen2},
    {"stablelm2", &qwen2},
    {"megrez", &qwen2},
    {"falcon", &falcon},
    {"deepseek-coder", &deepseek_coder},
    {"deepseek-v3", &deepseek_v3},
    {"bloom", &bloom},
    {"gpt3-finnish", &bloom},
    {"poro-chat", &bloom},
    {"viking", &viking},
    {"chameleon", &chameleon},
    {"default", &unnamed},
};

enum { N_NAMES = sizeof names / sizeof names[0] };

bantam_status bnt_pre_named(bnt_spec *spec, bantam_text name, bantam_error *err)
{
    size_t i = 0;

    while (i < N_NAMES && !bnt_text_is(name, names[i].name))
        i++;
    if (i == N_NAMES) {
        return bnt_fail(err, BANTAM_ERR_UNSUPPORTED, "unknown pre-tokenizer \"%.*s\"",
                        BNT_TEXT_ARG(name));
    }
    const rule *const r = names[i].rule;
    spec->n_split = 0;
    for (size_t k = 0; r->patterns[k]; k++) {
        const bnt_split_step step = {.op = BNT_SPLIT_PATTERN,
                                     .pattern = {r->patterns[k], strlen(r->patterns[k])},
                                     .behavior = BNT_SPLIT_ISOLATED};
        const bantam_status status = bnt_load_split(spec, &step, err);
        if (status) return status;
    }
    spec->pre_name = names[i].name;
    spec->ignore_merges = r->ignore_merges;
    return BANTAM_OK;
}

bool bnt_pre_adds_bos(const char *pre_name)
{
    for (size_t i = 0; i < N_NAMES; i++) {
        if (!strcmp(pre_name, names[i].name)) return names[i].rule->adds_bos;
    }
    return false;
}

static bool has_rule(const bnt_spec *spec, const rule *r)
{
    uint32_t n = 0;

    for (; n < spec->n_split && r->patterns[n]; n++) {
        const bnt_split_step *const s = &spec->split[n];
        if (s->op != BNT_SPLIT_PATTERN || s->behavior != BNT_SPLIT_ISOLATED || s->invert ||
            !bnt_text_is(s->pattern, r->patterns[n])) {
            return false;
        }
    }
    return n == spec->n_split && !r->patterns[n] && spec->ignore_merges == r->ignore_merges;
}

const char *bnt_pre_recognize(const bnt_spec *spec)
{
    if (!spec->n_split) return "";
    for (size_t i = 0; i < N_NAMES; i++) {
        if (has_rule(spec, names[i].rule)) return names[i].name;
    }
    return "";
}
