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
    {"BANTAM_HOME",
     "the folder of Bantam's own store; XDG_DATA_HOME/bantam where it is not set, "
     "else ~/.local/share/bantam"},
    {"HF_TOKEN",
     "for 'bantam pull': the account's token; else it is read from HF_TOKEN_PATH or "
     "HF_HOME/token"},
    {"HF_ENDPOINT", "for 'bantam pull': the hub, or a mirror; https://huggingface.co"},
    {"HF_HUB_OFFLINE", "1: 'bantam pull' fetches nothing"},
    {"https_proxy", "for 'bantam pull': through which server; with no_proxy as usual"},
    {"SSL_CERT_FILE", "for 'bantam pull': the certificates that are trusted"},
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
            "[MODEL] [PROMPT]",
            0,
            2,
            "one answer, streamed",
            "Answers PROMPT, or what comes from standard input where PROMPT is absent or '-'. "
            "The answer is printed as it is made.\n\n"
            "Without MODEL the small model that is built in answers: a single word is a PROMPT "
            "where it has spaces in it, else a MODEL.\n\n"
            "Where the model has a chat template, PROMPT becomes a user's message; --raw "
            "continues it as plain text instead. A prompt that is longer than the context is "
            "refused, never cut.\n\n"
            "With --json one object is printed when the answer is complete. Without PROMPT, on "
            "a terminal, a conversation begins as in 'bantam chat'. A PROMPT that begins with "
            "a "
            "dash stands after '--'.",
            {{"Ask the built-in model", "bantam run \"Tell me a story about a dog.\""},
             {"Ask something", "bantam run model.gguf \"Why is the sky blue?\""},
             {"Continue a text", "bantam run model.gguf --raw -n 64 \"Once upon a time\""},
             {"The answer, its tokens and times, for a program",
              "bantam run model.gguf --json --seed 1 \"Name a color.\""},
             {NULL, NULL}},
        },
    [CLI_CHAT] =
        {
            "chat",
            "[MODEL]",
            0,
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
            "[MODEL] [TEXT]",
            0,
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
            "[MODEL]",
            0,
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
            "[MODEL]",
            0,
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
            "[MODEL]",
            0,
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
    [CLI_MERGE] =
        {
            "merge",
            "MODEL OUT.gguf",
            2,
            2,
            "adapters worked into a model",
            "Writes MODEL with the adapters of --lora worked into its weights, as one GGUF "
            "file "
            "that needs no adapter any more and that other programs read too. OUT appears "
            "whole "
            "or not at all.\n\n"
            "Without --type, weights that are floats keep their type and others become f16: "
            "what an adapter adds is finer than four bits. 'bantam quantize' makes such a file "
            "small again; best is to merge into the model as it was published.",
            {{"A model of its own", "bantam merge model-f16.gguf out.gguf --lora style.gguf"},
             {"Two at once, one of them at half its strength",
              "bantam merge ./model out.gguf --lora a.gguf --lora b.gguf:0.5"},
             {NULL, NULL}},
        },
    [CLI_TRAIN] =
        {
            "train",
            "CONFIG DATA...",
            2,
            CLI_MAX_WORDS,
            "a model from texts",
            "Trains a small model from nothing and writes it as a GGUF file with its "
            "tokenizer. CONFIG is a JSON file with the model's numbers (n_layers, n_embd, "
            "n_heads, n_kv_heads, n_ffn, context; head_dim, act, rope_base, norm_eps, tied; "
            "vocab, specials, bos, eos, stops, chat_template; name) and the run's (steps, "
            "epochs or minutes; batch_tokens, seq, part_tokens, rate, final_rate, warmup, "
            "decay, clip, beta1, beta2, seed, held_out, held_out_steps). A member that is not "
            "known is an error.\n\n"
            "DATA is text, with lines <|endoftext|> between documents, or, where its name ends "
            "in .jsonl, an object in each line: {\"text\"}, {\"prompt\", \"completion\"} or "
            "{\"messages\": [{\"role\", \"content\"}, ...]} for the chat template. Of the last "
            "two only the completion and the answers are learned; \"weight\" scales a line. "
            "FILE:SHARE says how much of what is seen comes from a file; without shares it "
            "goes "
            "by size.\n\n"
            "Every five minutes, and on Ctrl-C, what it takes to go on is kept beside the "
            "output; the same command with --resume ends with the same bytes as a run that was "
            "not stopped. Neither the machine's instructions nor the number of threads change "
            "the result. With --json every step is one line.",
            {{"A model of stories", "bantam train tiny.json stories.txt -o tiny.gguf"},
             {"Go on after Ctrl-C", "bantam train tiny.json stories.txt -o tiny.gguf --resume"},
             {"Half stories, half chats",
              "bantam train c.json stories.txt:1 chats.jsonl:1 -o m.gguf"},
             {"A loss curve",
              "bantam train c.json text.txt -o m.gguf --log loss.jsonl --held-out dev.txt"},
             {NULL, NULL}},
        },
    [CLI_PULL] =
        {
            "pull",
            "MODEL",
            1,
            1,
            "fetches a model by its name",
            "Fetches a model from the Hugging Face hub into Bantam's own store. MODEL is a "
            "name "
            "of 'bantam list --available' (smollm2:135m-instruct), or ORG/REPO for any other, "
            "ORG/REPO:QUANT or ORG/REPO/FILE.gguf for one of its gguf files. A repository "
            "without safetensors gives its Q4_K_M file where it is not said which.\n\n"
            "-q4 and -q8 behind a name of the list, :B4 and :B8 behind any other, are small "
            "forms that are made here: what they are made of is fetched and taken away "
            "again. With --quantize both stay.\n\n"
            "What was fetched is held against the hub's sizes and hashes. A download that was "
            "cut, or stopped with Ctrl-C, goes on where it was when the command is given "
            "again. "
            "The model appears in the store when all of it is there.\n\n"
            "A gated model wants its license accepted on the hub, and HF_TOKEN. No other "
            "command reaches the network.",
            {{"A model to try", "bantam pull smollm2:135m-instruct"},
             {"A small form of a larger one", "bantam pull llama3.2:1b-instruct-q4"},
             {"Both at once", "bantam pull smollm2:360m --quantize b4"},
             {"A file of somebody's", "bantam pull somebody/Some-Model-GGUF:Q8_0"},
             {NULL, NULL}},
        },
    [CLI_ADAPT] =
        {
            "adapt",
            "MODEL DATA...",
            2,
            CLI_MAX_WORDS,
            "a model learns from texts, here",
            "Learns a low-rank adapter (LoRA) for MODEL, of any type, from the texts in DATA, "
            "and "
            "writes it to a file or folder of its own; the model stays as it is. 'bantam run "
            "--lora' uses it, 'bantam merge' works it into a model.\n\n"
            "A .jsonl file has an object in each line: {\"text\"}, {\"prompt\", "
            "\"completion\"} "
            "or {\"messages\": [{\"role\", \"content\"}, ...]}. Prompts, and turns that are "
            "not "
            "the assistant's, are read and not learned. Any other file is plain text, its "
            "documents separated by lines that are <|endoftext|>.\n\n"
            "A tenth of the texts, at most 50, is held out and measured with; the adapter that "
            "does best on them is the result. So that the model does not forget, three tenths "
            "of every step are texts of --keep, or else texts that the model writes by itself; "
            "an adapter that makes them harder than --keep-limit allows is weakened until it "
            "does "
            "not.\n\n"
            "The memory needed is known before it is taken; with --memory layers are computed "
            "twice and steps in parts, or it is refused. Ctrl-C keeps what was learned so "
            "far; --resume goes on from the checkpoint, to the same bits.",
            {{"Learn from questions with their answers",
              "bantam adapt model.gguf answers.jsonl -o answers-lora.gguf"},
             {"Within 900 MB, and without unlearning a text",
              "bantam adapt model.gguf notes.txt --keep usual.txt --memory 900M -o notes.gguf"},
             {"For programs that read PEFT's form",
              "bantam adapt ./SmolLM2-135M notes.txt -o notes-lora"},
             {"Go on after an interruption",
              "bantam adapt model.gguf answers.jsonl -o answers-lora.gguf --resume"},
             {NULL, NULL}},
        },
    [CLI_LIST] =
        {
            "list",
            "[FOLDER...]",
            0,
            CLI_MAX_WORDS,
            "models on this machine",
            "Lists the models in Bantam's store and in the Hugging Face hub cache, or those in "
            "each FOLDER and in the folders right in it: name, size, where it is from, and "
            "path. With -q, names only.\n\n"
            "With --available, lists the models that have a short name: size as published, "
            "repository and license. Nothing is fetched for that.",
            {{"What is there", "bantam list"},
             {"What could be", "bantam list --available"},
             {"What somebody has downloaded", "bantam list ~/Downloads"},
             {NULL, NULL}},
        },
    [CLI_SHOW] =
        {
            "show",
            "MODEL",
            1,
            1,
            "where a model is from and what it is",
            "Prints a model's name, repository, license, size and note, and, where it is on "
            "this machine, its path, revision, family and type. 'bantam inspect' says more of "
            "a file.",
            {{"Before it is fetched", "bantam show llama3.2:1b"},
             {"A folder", "bantam show ./SmolLM2-135M-Instruct"},
             {NULL, NULL}},
        },
    [CLI_RM] =
        {
            "rm",
            "[MODEL...]",
            0,
            CLI_MAX_WORDS,
            "removes models",
            "Removes each MODEL and says what it was: a model of the store with what an "
            "unfinished download has left, or else one of the Hugging Face hub cache; a .gguf "
            "file with all its shards; from any other folder the files that belong to a model, "
            "and the folder if nothing else is in it.\n\n"
            "With --cache, removes only the cache file of each MODEL, or all those in the "
            "shared folder. A cache file holds a model's weights in the form that is computed "
            "with; it is made anew when the model is next used. That there is none to remove "
            "is no failure.",
            {{"A model", "bantam rm smollm2:135m"},
             {"One model's cache file", "bantam rm --cache model.gguf"},
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
    /* train */
    {"output", 'o', CLI_FILE, CLI_GROUP_COMMAND, IN(TRAIN), "FILE", "where to write the model",
     NULL, NULL, 0, 0, AT(out)},
    {"steps", 0, CLI_NUMBER, CLI_GROUP_COMMAND, IN(TRAIN), "N",
     "how many steps; by default what CONFIG says, as for all numbers", NULL, NULL, 0, 0,
     AT(steps)},
    {"batch", 0, CLI_COUNT, CLI_GROUP_COMMAND, IN(TRAIN), "N", "the most tokens of a step",
     NULL, NULL, 0, 1 << 24, AT(train_batch)},
    {"seq", 0, CLI_COUNT, CLI_GROUP_COMMAND, IN(TRAIN), "N",
     "the most tokens that see each other", NULL, NULL, 0, 1 << 24, AT(sequence)},
    {"rate", 0, CLI_REAL, CLI_GROUP_COMMAND, IN(TRAIN), "F", "the highest learning rate", NULL,
     NULL, 0, 100, AT(rate)},
    {"seed", 's', CLI_NUMBER, CLI_GROUP_COMMAND, IN(TRAIN), "N",
     "another seed makes another model; 0: what CONFIG says", NULL, NULL, 0, 0, AT(seed)},
    {"vocab", 0, CLI_COUNT, CLI_GROUP_COMMAND, IN(TRAIN), "N",
     "learn a vocabulary of N tokens from DATA", NULL, NULL, 0, 1 << 22, AT(vocab)},
    {"held-out", 0, CLI_FILE, CLI_GROUP_COMMAND, IN(TRAIN), "FILE",
     "measure the loss on this file now and then, in place of a share of DATA", NULL, NULL, 0,
     0, AT(held_out)},
    {"init", 0, CLI_FILE, CLI_GROUP_COMMAND, IN(TRAIN), "MODEL.gguf",
     "go on from this model's weights; CONFIG has numbers of the run alone", NULL, NULL, 0, 0,
     AT(init)},
    {"checkpoint", 0, CLI_FILE, CLI_GROUP_COMMAND, IN(TRAIN), "FILE",
     "where to keep what it takes to go on; OUTPUT.checkpoint", NULL, NULL, 0, 0,
     AT(checkpoint)},
    {"resume", 0, CLI_FLAG, CLI_GROUP_COMMAND, IN(TRAIN), NULL,
     "go on from the checkpoint, where there is one", NULL, NULL, 0, 0, AT(resume)},
    {"log", 0, CLI_FILE, CLI_GROUP_COMMAND, IN(TRAIN), "FILE",
     "write the numbers of every step to FILE, one JSON object a line", NULL, NULL, 0, 0,
     AT(log)},
    {"type", 0, CLI_CHOICE, CLI_GROUP_COMMAND, IN(TRAIN), "TYPE", "type of the weights written",
     "f32", "f32|f16|bf16", 0, 0, AT(type)},
    /* convert */
    {"type", 0, CLI_CHOICE, CLI_GROUP_COMMAND, IN(CONVERT) | IN(MERGE), "TYPE",
     "type of the weights; by default as they are", NULL, "f32|f16|bf16|q8_0|q4_0", 0, 0,
     AT(type)},
    /* rm */
    {"cache", 0, CLI_FLAG, CLI_GROUP_COMMAND, IN(RM), NULL, "remove cache files only", NULL,
     NULL, 0, 0, AT(cache)},
    /* list */
    {"available", 'a', CLI_FLAG, CLI_GROUP_COMMAND, IN(LIST), NULL,
     "the models that have a short name", NULL, NULL, 0, 0, AT(available)},
    /* pull */
    {"quantize", 0, CLI_CHOICE, CLI_GROUP_COMMAND, IN(PULL), "TYPE",
     "make a small form, too, of this type", NULL, "b4|b8|q8_0|q4_0", 0, 0, AT(make)},
    {"timeout", 0, CLI_COUNT, CLI_GROUP_COMMAND, IN(PULL), "N",
     "try again where less than 1 KiB a second came for N seconds", "60", NULL, 1, 3600,
     AT(timeout)},
    /* quantize */
    {"type", 0, CLI_CHOICE, CLI_GROUP_COMMAND, IN(QUANTIZE), "TYPE",
     "type of the layers' matrices", "b4", "b4|b8|q8_0|q4_0", 0, 0, AT(quantized)},
    {"embedding", 0, CLI_CHOICE, CLI_GROUP_COMMAND, IN(QUANTIZE), "TYPE",
     "type of the embedding; by default b8 with b4 and b8, else q8_0", NULL,
     "b4|b8|q8_0|q4_0|f16|bf16|f32", 0, 0, AT(embedding)},
    {"output", 0, CLI_CHOICE, CLI_GROUP_COMMAND, IN(QUANTIZE), "TYPE",
     "type of the output matrix, where the model has one of its own; the same default", NULL,
     "b4|b8|q8_0|q4_0|f16|bf16|f32", 0, 0, AT(head)},
    /* adapt */
    {"output", 'o', CLI_FILE, CLI_GROUP_COMMAND, IN(ADAPT), "ADAPTER",
     "where the adapter goes: a file that ends in .gguf, or a folder in PEFT's form", NULL,
     NULL, 0, 0, AT(out)},
    {"keep", 0, CLI_TEXTS, CLI_GROUP_COMMAND, IN(ADAPT), "FILE",
     "texts that the model should stay as good at; repeatable. By default what it writes "
     "itself",
     NULL, NULL, 0, 0, AT(adapt.keep)},
    {"keep-share", 0, CLI_REAL, CLI_GROUP_COMMAND, IN(ADAPT), "F",
     "their share of every step; 0: nothing is kept", "0.3", NULL, 0, 0.9,
     AT(adapt.keep_share)},
    {"keep-limit", 0, CLI_REAL, CLI_GROUP_COMMAND, IN(ADAPT), "F",
     "by how much their perplexity may rise; 0: no limit. By default 0.02 for files and 0.03 "
     "for "
     "what the model writes",
     NULL, NULL, 0, 1000, AT(adapt.keep_limit)},
    {"rank", 0, CLI_COUNT, CLI_GROUP_COMMAND, IN(ADAPT), "N", "rank of the corrections", "8",
     NULL, 1, 1024, AT(adapt.rank)},
    {"alpha", 0, CLI_REAL, CLI_GROUP_COMMAND, IN(ADAPT), "F",
     "their strength is F / rank; by default twice the rank", NULL, NULL, 1e-6, 1e6,
     AT(adapt.alpha)},
    {"targets", 0, CLI_TEXT, CLI_GROUP_COMMAND, IN(ADAPT), "NAMES",
     "matrices that get one, of q,k,v,o,gate,up,down", "all", NULL, 0, 0, AT(adapt.targets)},
    {"steps", 0, CLI_COUNT, CLI_GROUP_COMMAND, IN(ADAPT), "N",
     "how many steps; 0: none, an adapter that changes nothing. By default as --epochs says",
     NULL, NULL, 0, U32_TOP, AT(adapt.steps)},
    {"epochs", 0, CLI_REAL, CLI_GROUP_COMMAND, IN(ADAPT), "F",
     "how often every text is seen; by default 3 times, in 100 steps or more", NULL, NULL, 1e-3,
     1e6, AT(adapt.epochs)},
    {"rate", 0, CLI_REAL, CLI_GROUP_COMMAND, IN(ADAPT), "F", "the largest rate of learning",
     "0.001", NULL, 1e-9, 1, AT(adapt.rate)},
    {"batch", 0, CLI_COUNT, CLI_GROUP_COMMAND, IN(ADAPT), "N",
     "tokens of DATA that a step learns from; by default 1024, or --seq where that is more",
     NULL, NULL, 2, 1 << 20, AT(adapt.batch)},
    {"seq", 0, CLI_COUNT, CLI_GROUP_COMMAND, IN(ADAPT), "N",
     "tokens of the longest piece of a text; 0: 256, or what the model was made for where that "
     "is less",
     "0", NULL, 0, 1 << 20, AT(adapt.sequence)},
    {"held-out", 0, CLI_REAL, CLI_GROUP_COMMAND, IN(ADAPT), "F",
     "share of DATA that is measured with, of at most 50 texts; 0: nothing", "0.1", NULL, 0,
     0.5, AT(adapt.held_out)},
    {"patience", 0, CLI_COUNT, CLI_GROUP_COMMAND, IN(ADAPT), "N",
     "measurements in a row, of 20 in all, that may bring nothing before it ends", "5", NULL, 1,
     1000000, AT(adapt.patience)},
    {"seed", 's', CLI_NUMBER, CLI_GROUP_COMMAND, IN(ADAPT), "N",
     "another seed, another order of the texts and another beginning", "0", NULL, 0, 0,
     AT(seed)},
    {"checkpoint", 0, CLI_FILE, CLI_GROUP_COMMAND, IN(ADAPT), "FILE",
     "what --resume goes on from, made every five minutes and on Ctrl-C; by default "
     "ADAPTER.checkpoint",
     NULL, NULL, 0, 0, AT(adapt.checkpoint)},
    {"resume", 0, CLI_FLAG, CLI_GROUP_COMMAND, IN(ADAPT), NULL,
     "go on from the checkpoint, where there is one", NULL, NULL, 0, 0, AT(adapt.resume)},
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
    {"threads", 't', CLI_COUNT, CLI_GROUP_MODEL,
     COMPUTES | IN(ADAPT) | IN(QUANTIZE) | IN(PULL) | IN(TRAIN), "N",
     "threads to compute with; 0: one per core", "0", NULL, 0, 1024, AT(threads)},
    {"ctx", 'c', CLI_COUNT, CLI_GROUP_MODEL, COMPUTES, "N",
     "tokens of context; 0: what the command needs; for run and chat 4096, or what the "
     "model was made for where that is less",
     "0", NULL, 0, 1 << 24, AT(context)},
    {"memory", 0, CLI_BYTES, CLI_GROUP_MODEL, COMPUTES | IN(ADAPT), "SIZE",
     "refuse to take more than this much memory; 900M, 1.5G, 2GiB (K, M, G are powers of 1024, "
     "KB, MB, GB of 1000)",
     NULL, NULL, 0, 0, AT(memory)},
    {"kv", 0, CLI_CHOICE, CLI_GROUP_MODEL, COMPUTES, "TYPE", "type of the keys and values kept",
     "f16", "f32|f16|q8", 0, 0, AT(kv)},
    {"rope", 0, CLI_CHOICE, CLI_GROUP_MODEL, COMPUTES | IN(INSPECT), "FORM",
     "PhoneLM: which published form of its rotary embedding", NULL, "call|table|float", 0, 0,
     AT(rope)},
    {"cpu", 0, CLI_CHOICE, CLI_GROUP_MODEL, COMPUTES | IN(ADAPT), "LEVEL",
     "the highest set of instructions to use", NULL,
     "ref|avx2|avxvnni|avx512vnni|neon|dotprod|i8mm", 0, 0, AT(cpu)},
    {"lora", 0, CLI_TEXTS, CLI_GROUP_MODEL, COMPUTES | IN(MERGE), "FILE[:SCALE]",
     "an adapter that corrects the model: a GGUF file or a PEFT folder; SCALE times as "
     "strong as it was made, 1 where it is absent; repeatable",
     NULL, NULL, 0, 0, AT(lora)},
    {"no-cache", 0, CLI_FLAG, CLI_GROUP_MODEL, COMPUTES | IN(ADAPT), NULL,
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

/* Training draws from a seed, too, and has words of its own for it. */
static int has_own_seed(const cli_command *command)
{
    return command == &cli_commands[CLI_TRAIN] || command == &cli_commands[CLI_ADAPT];
}

int cli_option_taken(const cli_option *option, const cli_command *command)
{
    return option->group == CLI_GROUP_MODEL || option->group == CLI_GROUP_GENERAL ||
           (option->group == CLI_GROUP_SAMPLING && strcmp(option->name, "seed") == 0 &&
            !has_own_seed(command)) ||
           cli_option_listed(option, command);
}
