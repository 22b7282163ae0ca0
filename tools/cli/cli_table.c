/* cli_table.c - the commands and options themselves; see cli_table.h for what is made of them.
 */
#include "cli_table.h"

#include "cli_args.h"

#include <string.h>

#define AT(member) offsetof(cli_args, member)
#define IN(id)     (1u << CLI_##id)

enum {
    ANSWERS = IN(RUN) | IN(CHAT),
    COMPUTES = IN(RUN) | IN(CHAT) | IN(LOGITS) | IN(EVAL) | IN(BENCH),
    EVERYWHERE = (1u << CLI_N_COMMANDS) - 1
};

const char cli_about[] = "runs small language models on this machine, without a network.";

const char cli_exit_status[] =
    "0 success; 1 failure, with one line on standard error; 2 a command line that makes no "
    "sense; 130 interrupted, and what was there of the result is kept.";

const char *const cli_group_names[CLI_N_GROUPS] = {
    [CLI_GROUP_COMMAND] = "Options",          [CLI_GROUP_ANSWER] = "The answer",
    [CLI_GROUP_SAMPLING] = "Choosing tokens", [CLI_GROUP_MODEL] = "Model and machine",
    [CLI_GROUP_GENERAL] = "General",
};

const cli_environment cli_environments[] = {
    {"HF_HUB_CACHE", "the Hugging Face hub cache, where models are looked for by name"},
    {"HF_HOME",
     "the folder above it, where HF_HUB_CACHE is not set; ~/.cache/huggingface else"},
    {"BANTAM_CACHE", "the folder for packed weights, in place of the models' own folders and "
                     "~/.cache/bantam; off: none are kept"},
    {"BANTAM_CACHE_MAX", "how much may lie in that folder; 16G"},
    {"BANTAM_CACHE_MIN", "weights of less than this are not kept; 16M"},
    {"XDG_CACHE_HOME", "in place of ~/.cache"},
    {"HOME", "where ~ is"},
    {NULL, NULL},
};

const cli_command cli_commands[CLI_N_COMMANDS] = {
    [CLI_RUN] =
        {
            "run",
            "MODEL [PROMPT]",
            1,
            2,
            "one answer, streamed",
            "Answers PROMPT, or what comes from standard input where PROMPT is absent or '-'. "
            "The answer is printed as it is made.\n\n"
            "Where the model has a chat template, PROMPT becomes a user's message; --raw "
            "continues it as plain text instead. A prompt that is longer than the context is "
            "refused, never cut.\n\n"
            "With --json one object is printed when the answer is complete. Without PROMPT, on "
            "a terminal, a conversation begins as in 'bantam chat'. A PROMPT that begins with "
            "a "
            "dash stands after '--'.",
            {{"Ask something", "bantam run model.gguf \"Why is the sky blue?\""},
             {"Summarize a file, always in the same words",
              "bantam run model.gguf --system \"Summarize.\" --temp 0 < report.txt"},
             {"Continue a text", "bantam run model.gguf --raw -n 64 \"Once upon a time\""},
             {"The answer, its tokens and times, for a program",
              "bantam run model.gguf --json --seed 1 \"Name a color.\""},
             {NULL, NULL}},
        },
    [CLI_CHAT] =
        {
            "chat",
            "MODEL",
            1,
            1,
            "a conversation",
            "Answers line after line and remembers the conversation. Three quotes at the start "
            "of a line begin a message of several lines, three quotes at the end of one end "
            "it. Ctrl-C stops an answer, Ctrl-D ends the conversation.\n\n"
            "Lines that begin with a slash are commands: /bye ends, /clear forgets the "
            "messages, /save FILE and /load FILE keep them, /system TEXT sets what the model "
            "is told first, /stats shows counts and speed, /help lists these.\n\n"
            "Only what is new is computed in each turn. When the context is full the "
            "conversation is kept and can be saved or cleared.",
            {{"Talk", "bantam chat model.gguf"},
             {"Talk to somebody",
              "bantam chat model.gguf --system \"You are a patient cook.\""},
             {NULL, NULL}},
        },
    [CLI_TOKENIZE] =
        {
            "tokenize",
            "MODEL [TEXT]",
            1,
            2,
            "text to tokens and back",
            "Prints the numbers of the tokens of TEXT, or of standard input where TEXT is "
            "absent or '-'. Names of special tokens in the text become those tokens. MODEL may "
            "also be a file with a tokenizer alone (tokenizer.json, tokenizer.model, "
            "tekken.json).\n\n"
            "With --decode, prints the text of the given tokens and nothing else.",
            {{"The tokens of a text", "bantam tokenize model.gguf \"Hello, world\""},
             {"How many tokens a file has", "bantam tokenize model.gguf < report.txt | wc -w"},
             {"Back to text", "bantam tokenize model.gguf --decode 28120,28,905"},
             {NULL, NULL}},
        },
    [CLI_TEMPLATE] =
        {
            "template",
            "MODEL FILE.json",
            2,
            2,
            "what a chat looks like to the model",
            "Renders the model's chat template for {\"messages\":[...], \"tools\":[...], "
            "\"add_generation_prompt\":bool} and prints the text exactly, without a newline of "
            "its own. FILE.json may be '-' for standard input.",
            {{"See the prompt of a conversation", "bantam template model.gguf chat.json"},
             {NULL, NULL}},
        },
    [CLI_LOGITS] =
        {
            "logits",
            "MODEL",
            1,
            1,
            "raw numbers of the next token",
            "Computes the given tokens and writes the logits after the last one, or with --all "
            "after every one, as 32-bit floats, lowest byte first, row after row.",
            {{"Logits after three tokens",
              "bantam logits model.gguf --tokens 1,15043,29892 -o logits.f32"},
             {"A row for every token, with full precision of the cache",
              "bantam logits model.gguf --tokens 1,2,3 --all --kv f32 -o rows.f32"},
             {NULL, NULL}},
        },
    [CLI_INSPECT] =
        {
            "inspect",
            "MODEL",
            1,
            1,
            "what a model file holds",
            "Prints family, shapes, types, sizes and metadata. Works for any well-formed GGUF "
            "or safetensors file, also for those that cannot be run.",
            {{"What is in it", "bantam inspect model.gguf"},
             {"Every tensor, for a program", "bantam inspect model.gguf --tensors --json"},
             {NULL, NULL}},
        },
    [CLI_EVAL] =
        {
            "eval",
            "MODEL",
            1,
            1,
            "how well a model predicts a text",
            "Measures perplexity. The text of FILE is cut into windows of --ctx tokens that do "
            "not overlap, by default 512 or what the model was made for where that is less. "
            "Where the model's encoder begins with a BOS token, every window begins with it "
            "and holds one token of text less. Every token but a window's first is predicted "
            "from those before it in its window.\n\n"
            "\"tokens\" is the number of predicted tokens, \"nll\" the sum of -ln p over "
            "them, and \"perplexity\" is exp(nll / tokens).",
            {{"Perplexity of a text",
              "bantam eval model.gguf --perplexity wiki.txt --ctx 512 --json"},
             {NULL, NULL}},
        },
    [CLI_BENCH] =
        {
            "bench",
            "MODEL",
            1,
            1,
            "how fast a model runs here",
            "Times the reading of a prompt and the making of tokens, in turn, after a run that "
            "warms up. Rates are tokens per second: the median, the quartiles, least and most. "
            "With --depth the context is filled first.\n\n"
            "What the machine does at most is measured before and after with as many threads "
            "and the same instructions: bandwidth_gb_s by reading memory as a stream, "
            "int8_peak_gops and fp32_peak_gflops by multiply-adds in registers, each counted "
            "as two operations.\n\n"
            "decode_share_of_bandwidth is the rate of decoding times decode_bytes_per_token "
            "over the bandwidth: the bytes are all weights (of an embedding that is not the "
            "head too, one row) and the keys and values of --depth and half of -n positions. "
            "prefill_share_of_peak is the rate of the prompt times prefill_ops_per_token over "
            "the peak in 8 bits, or in single precision where the weights are floats: the "
            "operations are two for each weight of the layers' matrices, and in attention "
            "four for each head's dimension and each position from the first to the token's "
            "own, windows left out of account.",
            {{"The usual numbers", "bantam bench model.gguf"},
             {"Far into a context, for a program",
              "bantam bench model.gguf --depth 2048 -r 3 --json"},
             {NULL, NULL}},
        },
    [CLI_CONVERT] =
        {
            "convert",
            "IN OUT.gguf",
            2,
            2,
            "any model to one GGUF file",
            "Writes a Hugging Face folder or a GGUF file as one GGUF file that other programs "
            "read too. OUT appears whole or not at all.",
            {{"A downloaded folder to a file",
              "bantam convert ./SmolLM2-135M-Instruct out.gguf"},
             {"In half the size", "bantam convert model-f32.gguf model-f16.gguf --type f16"},
             {NULL, NULL}},
        },
    [CLI_QUANTIZE] =
        {
            "quantize",
            "IN OUT.gguf",
            2,
            2,
            "a model in fewer bits",
            "Writes a Hugging Face folder or a GGUF file as a GGUF file whose matrices take "
            "fewer bits. b4 (4.3 bits per weight) and b8 (8.1) are Bantam's own types, laid "
            "out for its kernels: such a file is the fastest one to run and starts without "
            "being rearranged, but no other program reads it. q8_0 and q4_0 are read by "
            "others.\n\n"
            "Norms and other vectors stay 32-bit floats. A matrix whose rows are no whole "
            "number of blocks (32 values) becomes f16, and a note says so. The best source "
            "is the model as it was published: what an earlier quantization lost is not "
            "found again. OUT appears whole or not at all.\n\n"
            "nmse is the squared error over the squared values, 0 where a tensor was copied.",
            {{"Four bits, the embedding in eight", "bantam quantize ./SmolLM2-135M out.gguf"},
             {"Eight bits", "bantam quantize model-f16.gguf out.gguf --type b8"},
             {"What it cost, tensor by tensor",
              "bantam quantize model-f16.gguf out.gguf --json"},
             {NULL, NULL}},
        },
    [CLI_LIST] =
        {
            "list",
            "",
            0,
            0,
            "models on this machine",
            "Lists the models in the Hugging Face hub cache: name, size and path. With -q, "
            "names only.",
            {{"What is there", "bantam list"}, {NULL, NULL}},
        },
    [CLI_RM] =
        {
            "rm",
            "[MODEL]",
            0,
            1,
            "removes packed weights",
            "With --cache, removes the cache file of MODEL, or all those in the shared folder, "
            "and says which files they were. A cache file holds a model's weights in the form "
            "that is computed with; it is made anew when the model is next used. That there is "
            "none to remove is no failure.\n\n"
            "Models themselves are not removed.",
            {{"One model's", "bantam rm --cache model.gguf"},
             {"All in the shared folder", "bantam rm --cache"},
             {NULL, NULL}},
        },
    [CLI_DOCTOR] =
        {
            "doctor",
            "",
            0,
            0,
            "what this machine and program offer",
            "Shows version, processor, memory and folders, and names what is set in a way that "
            "cannot work.",
            {{"Look", "bantam doctor"}, {NULL, NULL}},
        },
};

#define U32_TOP 4294967295.0

const cli_option cli_options[] = {
    /* tokenize */
    {"no-special", 0, CLI_FLAG, CLI_GROUP_COMMAND, IN(TOKENIZE), NULL,
     "names of special tokens in the text stay text; with --decode, leave them out", NULL, NULL,
     0, 0, AT(no_special)},
    {"bos", 0, CLI_FLAG, CLI_GROUP_COMMAND, IN(TOKENIZE), NULL,
     "add what the model's own encoder adds (BOS, EOS)", NULL, NULL, 0, 0, AT(bos)},
    {"decode", 0, CLI_IDS, CLI_GROUP_COMMAND, IN(TOKENIZE), "1,2,3",
     "print the text of these tokens", NULL, NULL, 0, 0, AT(decode)},
    /* logits, run */
    {"tokens", 0, CLI_IDS, CLI_GROUP_COMMAND, IN(RUN) | IN(LOGITS), "1,2,3",
     "these tokens, nothing added, in place of a text", NULL, NULL, 0, 0, AT(tokens)},
    {"output", 'o', CLI_FILE, CLI_GROUP_COMMAND, IN(LOGITS), "FILE",
     "where to write; '-' for standard output", NULL, NULL, 0, 0, AT(out)},
    {"all", 0, CLI_FLAG, CLI_GROUP_COMMAND, IN(LOGITS), NULL, "a row for every token", NULL,
     NULL, 0, 0, AT(all)},
    {"batch", 0, CLI_COUNT, CLI_GROUP_COMMAND, IN(LOGITS), "N",
     "feed the tokens in pieces of N; 0: all in one", "0", NULL, 0, U32_TOP, AT(batch)},
    /* inspect */
    {"tensors", 0, CLI_FLAG, CLI_GROUP_COMMAND, IN(INSPECT), NULL, "list every tensor", NULL,
     NULL, 0, 0, AT(tensors)},
    /* eval */
    {"perplexity", 0, CLI_FILE, CLI_GROUP_COMMAND, IN(EVAL), "FILE",
     "the text to predict; '-' for standard input", NULL, NULL, 0, 0, AT(perplexity)},
    /* bench */
    {"prompt", 'p', CLI_COUNT, CLI_GROUP_COMMAND, IN(BENCH), "N", "tokens of the prompt", "512",
     NULL, 1, 1 << 20, AT(prompt)},
    {"predict", 'n', CLI_COUNT, CLI_GROUP_COMMAND, IN(BENCH), "N", "tokens to make", "128",
     NULL, 1, 1 << 20, AT(predict)},
    {"repeat", 'r', CLI_COUNT, CLI_GROUP_COMMAND, IN(BENCH), "N", "how often", "5", NULL, 1,
     1000, AT(repeat)},
    {"depth", 0, CLI_COUNT, CLI_GROUP_COMMAND, IN(BENCH), "N",
     "tokens that the context holds before both", "0", NULL, 0, 1 << 24, AT(depth)},
    /* convert */
    {"type", 0, CLI_CHOICE, CLI_GROUP_COMMAND, IN(CONVERT), "TYPE",
     "type of the weights; by default as they are", NULL, "f32|f16|bf16|q8_0|q4_0", 0, 0,
     AT(type)},
    /* rm */
    {"cache", 0, CLI_FLAG, CLI_GROUP_COMMAND, IN(RM), NULL, "remove cache files", NULL, NULL, 0,
     0, AT(cache)},
    /* quantize */
    {"type", 0, CLI_CHOICE, CLI_GROUP_COMMAND, IN(QUANTIZE), "TYPE",
     "type of the layers' matrices", "b4", "b4|b8|q8_0|q4_0", 0, 0, AT(quantized)},
    {"embedding", 0, CLI_CHOICE, CLI_GROUP_COMMAND, IN(QUANTIZE), "TYPE",
     "type of the embedding; by default b8 with b4 and b8, else q8_0", NULL,
     "b4|b8|q8_0|q4_0|f16|bf16|f32", 0, 0, AT(embedding)},
    {"output", 0, CLI_CHOICE, CLI_GROUP_COMMAND, IN(QUANTIZE), "TYPE",
     "type of the output matrix, where the model has one of its own; the same default", NULL,
     "b4|b8|q8_0|q4_0|f16|bf16|f32", 0, 0, AT(head)},
    /* run, chat: the answer */
    {"predict", 'n', CLI_COUNT, CLI_GROUP_ANSWER, ANSWERS, "N",
     "the most tokens of an answer; 0: until the context is full", "0", NULL, 0, U32_TOP,
     AT(max_tokens)},
    {"system", 0, CLI_TEXT, CLI_GROUP_ANSWER, ANSWERS, "TEXT", "what the model is told first",
     NULL, NULL, 0, 0, AT(system)},
    {"tools", 0, CLI_FILE, CLI_GROUP_ANSWER, ANSWERS, "FILE.json",
     "an array of tools that the model may call", NULL, NULL, 0, 0, AT(tools)},
    {"raw", 0, CLI_FLAG, CLI_GROUP_ANSWER, IN(RUN), NULL,
     "no chat template: continue the prompt", NULL, NULL, 0, 0, AT(raw)},
    {"stop", 0, CLI_TEXTS, CLI_GROUP_ANSWER, ANSWERS, "TEXT",
     "end the answer before this text; repeatable", NULL, NULL, 0, 0, AT(stop)},
    {"force", 0, CLI_TEXT, CLI_GROUP_ANSWER, ANSWERS, "TEXT",
     "the answer begins with this text", NULL, NULL, 0, 0, AT(force)},
    {"ban", 0, CLI_TEXTS, CLI_GROUP_ANSWER, ANSWERS, "TEXT",
     "the answer must not contain this text; repeatable", NULL, NULL, 0, 0, AT(ban)},
    {"ignore-eos", 0, CLI_FLAG, CLI_GROUP_ANSWER, ANSWERS, NULL,
     "go on past the end of the answer", NULL, NULL, 0, 0, AT(ignore_eos)},
    {"logprobs", 0, CLI_COUNT, CLI_GROUP_ANSWER, ANSWERS, "K",
     "with --json: log-probability of every token and of the K most likely ones in its place",
     "0", NULL, 0, 1000, AT(logprobs)},
    {"save-state", 0, CLI_FILE, CLI_GROUP_ANSWER, IN(RUN), "FILE",
     "keep tokens and cache after the answer", NULL, NULL, 0, 0, AT(save_state)},
    {"load-state", 0, CLI_FILE, CLI_GROUP_ANSWER, IN(RUN), "FILE",
     "go on after what FILE holds; PROMPT, if there is one, follows it", NULL, NULL, 0, 0,
     AT(load_state)},
    /* run, chat: choosing tokens */
    {"temp", 0, CLI_REAL, CLI_GROUP_SAMPLING, ANSWERS, "F",
     "temperature; 0: always the most likely token", "0.8", NULL, 0, 100, AT(temperature)},
    {"top-k", 0, CLI_COUNT, CLI_GROUP_SAMPLING, ANSWERS, "N",
     "only the N most likely tokens; 0: all", "40", NULL, 0, 2147483647.0, AT(top_k)},
    {"top-p", 0, CLI_REAL, CLI_GROUP_SAMPLING, ANSWERS, "F",
     "only the likeliest that come to probability F together; 1: all", "0.95", NULL, 0, 1,
     AT(top_p)},
    {"min-p", 0, CLI_REAL, CLI_GROUP_SAMPLING, ANSWERS, "F",
     "only tokens at least F times as likely as the likeliest; 0: all", "0.05", NULL, 0, 1,
     AT(min_p)},
    {"typical", 0, CLI_REAL, CLI_GROUP_SAMPLING, ANSWERS, "F", "typical sampling; 1: off", "1",
     NULL, 0, 1, AT(typical)},
    {"repeat-penalty", 0, CLI_REAL, CLI_GROUP_SAMPLING, ANSWERS, "F",
     "divides the logits of recent tokens; 1: off", "1", NULL, 0.01, 100, AT(repeat_penalty)},
    {"repeat-last-n", 0, CLI_COUNT, CLI_GROUP_SAMPLING, ANSWERS, "N",
     "how many tokens are recent", "64", NULL, 0, 2147483647.0, AT(repeat_last_n)},
    {"presence-penalty", 0, CLI_REAL, CLI_GROUP_SAMPLING, ANSWERS, "F",
     "taken off the logits of recent tokens; 0: off", "0", NULL, -100, 100,
     AT(presence_penalty)},
    {"frequency-penalty", 0, CLI_REAL, CLI_GROUP_SAMPLING, ANSWERS, "F",
     "the same, times how often they occurred; 0: off", "0", NULL, -100, 100,
     AT(frequency_penalty)},
    {"xtc-probability", 0, CLI_REAL, CLI_GROUP_SAMPLING, ANSWERS, "F",
     "how often the top choices are left out; 0: never", "0", NULL, 0, 1, AT(xtc_probability)},
    {"xtc-threshold", 0, CLI_REAL, CLI_GROUP_SAMPLING, ANSWERS, "F",
     "how likely a token is to be a top choice", "0.1", NULL, 0, 1, AT(xtc_threshold)},
    {"dry-multiplier", 0, CLI_REAL, CLI_GROUP_SAMPLING, ANSWERS, "F",
     "strength of the penalty on repeated sequences; 0: off", "0", NULL, 0, 1000,
     AT(dry_multiplier)},
    {"dry-base", 0, CLI_REAL, CLI_GROUP_SAMPLING, ANSWERS, "F",
     "how it grows with every further token", "1.75", NULL, 1, 1000, AT(dry_base)},
    {"dry-allowed-length", 0, CLI_COUNT, CLI_GROUP_SAMPLING, ANSWERS, "N",
     "sequences up to this length go free", "2", NULL, 0, 2147483647.0, AT(dry_allowed_length)},
    {"dry-penalty-last-n", 0, CLI_COUNT, CLI_GROUP_SAMPLING, ANSWERS, "N",
     "how many tokens it looks back", "1024", NULL, 0, 2147483647.0, AT(dry_last_n)},
    {"dry-sequence-breaker", 0, CLI_TEXTS, CLI_GROUP_SAMPLING, ANSWERS, "TEXT",
     "no sequence goes across this text; repeatable, replaces newline, colon, quote and "
     "asterisk",
     NULL, NULL, 0, 0, AT(dry_breakers)},
    {"mirostat", 0, CLI_COUNT, CLI_GROUP_SAMPLING, ANSWERS, "N",
     "mirostat 1 or 2 in place of top-k, top-p, min-p, typical and XTC; 0: off", "0", NULL, 0,
     2, AT(mirostat)},
    {"mirostat-lr", 0, CLI_REAL, CLI_GROUP_SAMPLING, ANSWERS, "F", "its learning rate, eta",
     "0.1", NULL, 0, 100, AT(mirostat_lr)},
    {"mirostat-ent", 0, CLI_REAL, CLI_GROUP_SAMPLING, ANSWERS, "F", "its target entropy, tau",
     "5", NULL, 0, 100, AT(mirostat_ent)},
    {"samplers", 0, CLI_TEXT, CLI_GROUP_SAMPLING, ANSWERS, "NAMES",
     "the stages and their order, separated by commas: penalties, dry, top-k, typical, top-p, "
     "min-p, xtc, temperature",
     NULL, NULL, 0, 0, AT(samplers)},
    {"logit-bias", 0, CLI_TEXTS, CLI_GROUP_SAMPLING, ANSWERS, "TOKEN=F",
     "add F to the logit of a token, given as a number, or of every token of a text; -inf "
     "bans; repeatable",
     NULL, NULL, 0, 0, AT(logit_bias)},
    {"seed", 's', CLI_NUMBER, CLI_GROUP_SAMPLING, ANSWERS, "N",
     "the same seed makes the same choices; by default another one each time", NULL, NULL, 0, 0,
     AT(seed)},
    /* model and machine */
    {"threads", 't', CLI_COUNT, CLI_GROUP_MODEL, COMPUTES | IN(QUANTIZE), "N",
     "threads to compute with; 0: one per core", "0", NULL, 0, 1024, AT(threads)},
    {"ctx", 'c', CLI_COUNT, CLI_GROUP_MODEL, COMPUTES, "N",
     "tokens of context; 0: what the command needs; for run and chat 4096, or what the "
     "model was made for where that is less",
     "0", NULL, 0, 1 << 24, AT(context)},
    {"memory", 0, CLI_BYTES, CLI_GROUP_MODEL, COMPUTES, "SIZE",
     "refuse to take more than this much memory; 900M, 1.5G, 2GiB (K, M, G are powers of 1024, "
     "KB, MB, GB of 1000)",
     NULL, NULL, 0, 0, AT(memory)},
    {"kv", 0, CLI_CHOICE, CLI_GROUP_MODEL, COMPUTES, "TYPE", "type of the keys and values kept",
     "f16", "f32|f16|q8", 0, 0, AT(kv)},
    {"rope", 0, CLI_CHOICE, CLI_GROUP_MODEL, COMPUTES | IN(INSPECT), "FORM",
     "PhoneLM: which published form of its rotary embedding", NULL, "call|table|float", 0, 0,
     AT(rope)},
    {"cpu", 0, CLI_CHOICE, CLI_GROUP_MODEL, COMPUTES, "LEVEL",
     "the highest set of instructions to use", NULL,
     "ref|avx2|avxvnni|avx512vnni|neon|dotprod|i8mm", 0, 0, AT(cpu)},
    {"no-cache", 0, CLI_FLAG, CLI_GROUP_MODEL, COMPUTES, NULL,
     "pack weights into memory, not into a cache file", NULL, NULL, 0, 0, AT(no_cache)},
    /* general */
    {"json", 0, CLI_FLAG, CLI_GROUP_GENERAL, EVERYWHERE, NULL,
     "print the result, or the failure, as JSON", NULL, NULL, 0, 0, AT(json)},
    {"quiet", 'q', CLI_FLAG, CLI_GROUP_GENERAL, EVERYWHERE, NULL, "no notes, no progress", NULL,
     NULL, 0, 0, AT(quiet)},
    {"verbose", 'v', CLI_FLAG, CLI_GROUP_GENERAL, EVERYWHERE, NULL,
     "say on standard error what was done and how long it took", NULL, NULL, 0, 0, AT(verbose)},
    {"help", 'h', CLI_FLAG, CLI_GROUP_GENERAL, EVERYWHERE, NULL, "print this", NULL, NULL, 0, 0,
     AT(help)},
    {"version", 0, CLI_FLAG, CLI_GROUP_GENERAL, EVERYWHERE, NULL, "print the version", NULL,
     NULL, 0, 0, AT(version)},
};

const size_t cli_n_options = sizeof cli_options / sizeof cli_options[0];

_Static_assert(sizeof cli_options / sizeof cli_options[0] <= CLI_MAX_OPTIONS,
               "cli_args has a flag for each");

const cli_command *cli_command_find(const char *name)
{
    for (int i = 0; i < CLI_N_COMMANDS; i++) {
        if (strcmp(cli_commands[i].name, name) == 0) return &cli_commands[i];
    }
    return NULL;
}

int cli_option_listed(const cli_option *option, const cli_command *command)
{
    return (option->commands >> (command - cli_commands)) & 1;
}

int cli_option_taken(const cli_option *option, const cli_command *command)
{
    return option->group == CLI_GROUP_MODEL || option->group == CLI_GROUP_GENERAL ||
           strcmp(option->name, "seed") == 0 || cli_option_listed(option, command);
}
