/* cli_table_commands.c - the commands; see cli_table.h for what is made of them. */
#include "cli_table.h"

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
            "dash stands after '--'.\n\n"
            "With --prompts every line of FILE is answered by itself, --parallel of them at a "
            "time. Each answer is the one the prompt would get alone, with the same --seed; "
            "they are printed in the order of the file, an object a line: text, finish, "
            "prompt_tokens, completion_tokens, with --json also tokens, and the line's id; or "
            "error, and the others go on.",
            {{"Ask the built-in model", "bantam run \"Tell me a story about a dog.\""},
             {"Many prompts, eight at a time",
              "bantam run model.gguf --prompts asks.jsonl --parallel 8 -n 200"},
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
            "how well a model predicts, and what a smaller one loses",
            "With --perplexity, the text of FILE is cut into windows of --ctx tokens that do "
            "not overlap, by default 512 or what the model was made for where that is less. "
            "Where the model's encoder begins with a BOS token, every window begins with it "
            "and holds one token of text less. Every token but a window's first is predicted "
            "from those before it in its window. \"tokens\" is the number of predicted "
            "tokens, \"nll\" the sum of -ln p over them, and \"perplexity\" is "
            "exp(nll / tokens).\n\n"
            "With --against, both models read the text in such windows, and their predictions "
            "of every token are held against each other: the Kullback-Leibler divergence of "
            "the model from the reference in nats (mean with its standard error, median, the "
            "99th of a hundred, largest), how often both find the same token likeliest, both "
            "perplexities, and by how much ln p of the text's own tokens changes. The two must "
            "have the same tokens; padding at the end is left out. --lora is for MODEL "
            "alone.\n\n"
            "With --choice, each line of FILE is a question, {\"query\":TEXT,\"choices\":"
            "[TEXT,...],\"label\":N}, where the right answer has number N from 0, or as PIQA "
            "has it {\"goal\",\"sol1\",\"sol2\",\"label\"}. An answer stands behind the "
            "query and a space. The model chooses the answer with the largest ln p, and, once "
            "more, the one with the largest ln p per byte (\"norm\").\n\n"
            "Ctrl-C ends it early, with the figures of what was finished.",
            {{"Perplexity of a text",
              "bantam eval model.gguf --perplexity wiki.txt --ctx 512 --json"},
             {"What four bits have cost",
              "bantam eval model-q4.gguf --against model-f16.gguf --text wiki.txt"},
             {"The same as a page with pictures",
              "bantam eval q4.gguf --against f16.gguf --text wiki.txt --report p.html"},
             {"How many questions it answers",
              "bantam eval model.gguf --choice arc-easy.jsonl --json"},
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
            "own, windows left out of account.\n\n"
            "With --sustain, makes tokens for that long, over the same -n positions of the "
            "context again and again (128, after a prompt of 32), and tells for every minute, "
            "or for every tenth of a time shorter than ten minutes: the rate and those of its "
            "slowest and fastest twelfth; the highest temperature and the mean clock; and "
            "joules per token, of the processor where the system shows its counters, else of "
            "the device where it runs on its battery. With --json each is one object, with "
            "null where the system shows nothing; the last one holds the whole.\n\n"
            "With --sessions, one session makes -n tokens after a prompt of -p, and then N of "
            "them make as many each, all in one pass over the weights for every token, in "
            "turn: the tokens per second of all together.",
            {{"The usual numbers, far into a context, for a program",
              "bantam bench model.gguf --depth 2048 -r 3 --json"},
             {"Four answers at once", "bantam bench model.gguf --sessions 4 -p 64 -n 64"},
             {"Whether the speed lasts", "bantam bench model.gguf --sustain 10m"},
             {"At no more than 70 degrees",
              "bantam bench model.gguf --sustain 10m --max-temp 70"},
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
             {"Turned, to be quantized with a calibration text afterwards",
              "bantam convert model-f32.gguf rotated.gguf --rotate"},
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
            "being rearranged, but no other program reads it. b6, b5, b3 and b2 lie "
            "above and below b4. The others are GGUF's.\n\n"
            "With --calibrate the model reads some text first, and each column of a matrix "
            "makes up for the rounding errors of those before it (GPTQ): that halves what "
            "is lost. --budget also chooses types, matrix by matrix.\n\n"
            "Norms and other vectors stay 32-bit floats. A matrix whose rows are no whole "
            "number of blocks (256 values of q4_k, q5_k, q6_k, 4 of Bantam's own, else 32) "
            "gets iq4_nl, q8_0 or f16, and a note says so. The best source "
            "is the model as it was published: what an earlier quantization lost is not "
            "found again. OUT appears whole or not at all.\n\n"
            "nmse is the squared error over the squared values, 0 where a tensor was copied.",
            {{"Four bits, the embedding in eight", "bantam quantize ./SmolLM2-135M out.gguf"},
             {"Four bits that lose less",
              "bantam quantize ./SmolLM2-135M out.gguf --calibrate text.txt"},
             {"A file of at most 700 MiB, types chosen matrix by matrix",
              "bantam quantize in.gguf out.gguf --calibrate a.txt --budget 700M"},
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
    [CLI_PRUNE] =
        {
            "prune",
            "IN OUT.gguf",
            2,
            2,
            "a model with less in it",
            "Takes layers (--layers), neurons (--ffn) or attention heads (--heads) out of a "
            "Hugging Face folder or a GGUF file and writes what is left as a GGUF file like "
            "any "
            "other. The text of --calibrate decides what goes. What stays is then healed: the "
            "matrices behind what went are solved for anew, layer by layer, so that the model "
            "goes on as before as well as it can.\n\n"
            "A fifth of the text is kept apart, and the loss on it is told as it was, as it is "
            "without what went, and after healing, with the divergence (KL) from the model as "
            "it was. Where that is more than --max-kl, nothing is written.\n\n"
            "With --vocab the words that the text uses stay, the most frequent first, and the "
            "tokenizer becomes one that has no others. Every text can still be written; one of "
            "words that are gone takes more tokens. Of the words that stay the model says what "
            "it said before, bit by bit.\n\n"
            "With --sparse half of the weights of every matrix, or another share, become zero "
            "and shapes stay. The file is as large as it was: what it is good for, and what "
            "not, is in docs/PRUNE.md.\n\n"
            "Widths become multiples of 256 where that is near enough, else of 32. Neurons and "
            "heads that are gone make a model faster, not only smaller. What is lost beyond "
            "healing comes back with training: 'bantam adapt' on OUT.gguf, then 'bantam "
            "merge'.",
            {{"A fifth of the neurons",
              "bantam prune model-f16.gguf out.gguf --ffn 20 --calibrate texts.txt"},
             {"Two layers, and what that cost",
              "bantam prune ./SmolLM2-135M out.gguf --layers 2 --calibrate texts.txt --json"},
             {"Two of every four weights zero, in eight bits",
              "bantam prune model.gguf out.gguf --sparse 2:4 --calibrate a.txt --type q8_0"},
             {"A vocabulary of a quarter of the size",
              "bantam prune model-b4.gguf out.gguf --vocab 32k --calibrate texts.txt"}},
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
    [CLI_FIT] =
        {
            "fit",
            "[MODEL...]",
            0,
            CLI_MAX_WORDS,
            "which models this machine can run, and how fast",
            "Looks at cores, instructions, memory with all its limits, and the disk; measures "
            "for a second what memory and processor do; and says of each MODEL, before "
            "anything is fetched or loaded, how much memory a session will take, about how "
            "many tokens a second it will make and read, and whether it fits. Without MODEL "
            "these are the models of 'bantam list --available', of which one is named to "
            "begin with. MODEL is a name of that list, in all types or in one (-q4), or a "
            "model on this machine.\n\n"
            "The memory is that of a session with --ctx tokens, 4096 where it is not given, "
            "and "
            "is planned by the code that plans sessions. The rates are predictions for an idle "
            "machine, at the beginning of the context; docs/FIT.md has the formulas and how "
            "far "
            "they were off. In the list one name stands for models that differ in what they "
            "were taught alone; -v lists every one in every type.",
            {{"What to begin with", "bantam fit"},
             {"One model, in all its types", "bantam fit llama3.2:1b-instruct"},
             {"A file, with a long context and not much memory",
              "bantam fit model.gguf --ctx 8192 --memory 1.5G"},
             {"For a program", "bantam fit --json"},
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
            "repository and license. Nothing is fetched for that.\n\n"
            "With --prefixes, lists the beginnings of prompts that 'run' and 'chat' have kept.",
            {{"What is there", "bantam list"},
             {"What could be", "bantam list --available"},
             {"What somebody has downloaded", "bantam list ~/Downloads"},
             {"Beginnings of prompts", "bantam list --prefixes"},
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
            "is no failure.\n\n"
            "With --prefixes, removes all beginnings of prompts that 'run' and 'chat' have "
            "kept.",
            {{"A model", "bantam rm smollm2:135m"},
             {"One model's cache file", "bantam rm --cache model.gguf"},
             {"All in the shared folder", "bantam rm --cache"},
             {"All beginnings of prompts", "bantam rm --prefixes"},
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
    [CLI_SENTIMENT] =
        {
            "sentiment",
            "[TEXT|FILE|-]",
            0,
            1,
            "a label and its probability for every line",
            "Asks the model about each line of FILE, of TEXT, or of standard input where the "
            "word is absent or '-', and compares how likely each label is as the answer: "
            "nothing is generated. Each line gives one: label, probability and text, with tabs "
            "between them, or with --json one object. Results come as lines come. An empty "
            "line has no label. A word that is the name of a file is FILE.\n\n"
            "Without -m the small model that is built in answers; it knows positive and "
            "negative, and was made to judge sentences about films. With --labels any model is "
            "asked about any labels. Texts longer than the context are judged by parts.\n\n"
            "--examples makes the probabilities mean what they say: with them a temperature "
            "and a bias of each label are fitted, and the calibration error before and after, "
            "cross-validated, is told. With a model that was not made for the question some "
            "of them are shown to it first. With --labeled the labels of FILE are known, and "
            "what is printed is how many of them are found.",
            {{"One sentence", "bantam sentiment \"A warm, funny and clever film.\""},
             {"Every line of a file, for a program", "bantam sentiment reviews.txt --json"},
             {"Other labels, another model",
              "bantam sentiment -m smollm2:360m-instruct --labels spam,ham mail.txt"},
             {"With probabilities fitted to examples",
              "bantam sentiment --examples judged.tsv reviews.txt"},
             {NULL, NULL}},
        },
    [CLI_SUMMARIZE] =
        {
            "summarize",
            "[FILE...|-]",
            0,
            CLI_MAX_WORDS,
            "texts of any length, shortened",
            "Prints one summary of all FILEs, in their order, or of standard input where there "
            "is none or '-'. The text may be longer than the context by any factor: it is cut "
            "into chunks of whole sentences by the model's own tokens, and the model reads all "
            "of them. HTML and Markdown are read as the text that a reader sees.\n\n"
            "--method extract takes the sentences that say most, as they stand there, and "
            "works "
            "with any model. --method abstract has the model write: about each chunk, then "
            "about what it wrote, until one summary is left. By default the built-in model and "
            "other small ones extract.\n\n"
            "Ctrl-C ends with the summary of what had been read so far. With -v every chunk is "
            "told of.",
            {{"A text in some 75 words", "bantam summarize article.txt"},
             {"Points, from a web page",
              "curl -s https://example.org/ | bantam summarize --style bullets --words 60"},
             {"Chapters, by a model that writes",
              "bantam summarize -m smollm2:1.7b-instruct --words 200 chapter*.md"},
             {"For a program", "bantam summarize report.html --json"},
             {NULL, NULL}},
        },
    [CLI_PERSONALIZE] =
        {
            "personalize",
            "VERB ...",
            1,
            CLI_MAX_WORDS,
            "a private profile, and what suits it",
            "Keeps on this machine what was shown to a reader, liked, skipped and dwelt on, "
            "and "
            "nothing else; orders items by it; rewrites texts as the reader wants them. "
            "Nothing "
            "of it leaves the machine.\n\n"
            "'profile add' takes one event from the options, or many from FILE.jsonl or "
            "standard input, an object in each line: {\"event\", \"id\", \"title\", \"text\", "
            "\"time\", \"seconds\"}, or {\"wish\", \"time\"}: all of them or none. 'profile "
            "prefer TEXT' adds a wish. 'profile show' lists topics by their weight, 'profile "
            "export' writes everything in the form that 'add' reads. 'profile forget' takes "
            "one "
            "of ID, --topic, --before and --all, and leaves no byte of it in any file.\n\n"
            "'rank [FILE.jsonl]' orders items, an object in each line: {\"id\", \"title\", "
            "\"text\", \"time\"}, and says of each why it is there. A tenth of the places goes "
            "to what the profile says least about. Vectors of texts are kept in the "
            "profile.\n\n"
            "'rewrite [FILE]' shortens or retells a text by the reader's wishes. 'adapt "
            "[FILE...]' learns from texts that the reader accepted, {\"text\", \"accepted\"} "
            "in "
            "each line of a .jsonl file or else a whole file, or from the texts of items that "
            "were liked; 'rewrite' then uses what was learned. Forgetting removes it.",
            {{"Something was liked",
              "bantam personalize profile add --event liked --id 17 --title Meteors"},
             {"What to read first", "bantam personalize rank today.jsonl --top 10"},
             {"Shorter, and as the reader wants it",
              "bantam personalize rewrite article.txt --words 60"},
             {"Forget a subject", "bantam personalize profile forget --topic football"},
             {NULL, NULL}},
        },
};
