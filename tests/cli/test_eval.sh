#!/bin/sh
# What a model makes of texts and questions, through the command: perplexity, divergence from
# another model, answers chosen.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
helpers

json() {
    "$JSON" "$T/out" "$@"
}

# holds NAME EXPRESSION: of awk, in which eval prints the figure called so.
holds() {
    check "$1" awk "BEGIN { exit !($2) }"
}

expect "nothing asked" 2 eval model.gguf
expect "two things asked" 2 eval model.gguf --perplexity x --choice y
expect "--against without --text" 2 eval model.gguf --against other.gguf
expect "--text without --against" 2 eval model.gguf --perplexity x --text y
expect "windows of one token" 2 eval model.gguf --against other.gguf --text x --ctx 1

# ---- questions that are none ---------------------------------------------------------------
MODEL=absent.gguf
question() { # NAME LINE
    printf '%s\n' '{"query":"a","choices":["b","c"],"label":1}' "$2" >"$T/bad.jsonl"
    expect "$1" 1 eval $MODEL --choice "$T/bad.jsonl"
    check "$1: the line is named" contains "$T/err" "line 2"
}
question "no JSON" '{"query":"a"'
question "no object" '["a"]'
question "no query" '{"choices":["b","c"],"label":0}'
question "one choice" '{"query":"a","choices":["b"],"label":0}'
question "an empty choice" '{"query":"a","choices":["b",""],"label":0}'
question "no label" '{"query":"a","choices":["b","c"]}'
question "a label that is none of them" '{"query":"a","choices":["b","c"],"label":2}'
question "a label below 0" '{"query":"a","choices":["b","c"],"label":-1}'
question "half a goal" '{"goal":"a","sol1":"b","label":0}'
expect "no questions" 1 eval $MODEL --choice /dev/null
expect "questions that are not there" 1 eval $MODEL --choice "$T/absent"

shared_found 45 || finish
G=$SHARED/weights/gguf
MODEL=$G/stories260K-F32.gguf
SMALL=$G/stories260K-Q4_K_M.gguf
head -n 3 "$SHARED/data/tinystories-eval-200.txt" >"$T/text"

# ---- two models ----------------------------------------------------------------------------
run eval "$SMALL" --against "$MODEL" --text "$T/text" --json
check "against: exit 0" [ "$rc" -eq 0 ]
check "nothing is said" [ ! -s "$T/err" ]
for figure in tokens kl_mean kl_mean_error kl_median kl_p99 kl_max top1_agreement perplexity \
    perplexity_reference logprob_change_mean logprob_change_error logprob_change_rms; do
    check "there is $figure" quietly json $figure
done
cp "$T/out" "$T/against"
holds "the order of divergences" "0 < $(json kl_median) && $(json kl_median) < $(json kl_p99) &&
    $(json kl_p99) <= $(json kl_max) && $(json kl_mean) < $(json kl_p99)"
holds "agreement is a share" "0.5 < $(json top1_agreement) && $(json top1_agreement) < 1"
holds "ln of the perplexities is what ln p has lost" \
    "(x = log($(json perplexity) / $(json perplexity_reference)) + $(json logprob_change_mean)) < 1e-9 && x > -1e-9"
against=$(json perplexity) reference=$(json perplexity_reference) tokens=$(json tokens)
run eval "$SMALL" --perplexity "$T/text" --json
holds "the perplexity is that of --perplexity" "(x = $(json perplexity) / $against - 1) < 1e-5 && x > -1e-5"
check "over the same tokens" [ "$(json tokens)" -eq "$tokens" ]
run eval "$MODEL" --perplexity "$T/text" --json
holds "the reference's, too" "(x = $(json perplexity) / $reference - 1) < 1e-5 && x > -1e-5"
"$BANTAM" eval "$SMALL" --against "$MODEL" --text - --json -t 1 <"$T/text" >"$T/one"
check "any number of threads gives the same, and so does standard input" cmp -s "$T/one" "$T/against"
run eval "$MODEL" --against "$MODEL" --text "$T/text" --json
check "a model is no way from itself" [ "$(json kl_max)/$(json top1_agreement)" = 0.0/1.0 ]
run eval "$SMALL" --against "$MODEL" --text "$T/text" --json --ctx 16
holds "shorter windows predict less well" "$(json perplexity) > $against"
run eval "$SMALL" --against "$MODEL" --text "$T/text"
check "in words: exit 0" [ "$rc" -eq 0 ]
check "five lines" [ "$(lines "$T/out")" -eq 5 ]
expect "other tokens" 1 eval "$MODEL" --against "$G/babyllama-361-F32.gguf" --text "$T/text"
check "which one is told" contains "$T/err" "the models have other tokens"
expect "a reference that is not there" 1 eval "$MODEL" --against absent.gguf --text "$T/text"
expect "a text that is not there" 1 eval "$MODEL" --against "$SMALL" --text absent
expect "a text without tokens" 1 eval "$MODEL" --against "$SMALL" --text /dev/null

# ---- answers -------------------------------------------------------------------------------
# What the model would write anyway against what it would not; the letters of "z" are the fewer.
cat >"$T/q.jsonl" <<'END'
{"query":"Once upon a time, there was a little girl named","choices":["Lily.","running.","z"],"label":0}
{"query":"Once upon a","choices":["dog","time"],"label":1,"more":"is passed over"}

{"goal":"She was very","sol1":"happy","sol2":"and","label":0}
END
run eval "$MODEL" --choice "$T/q.jsonl" --json
check "choice: exit 0" [ "$rc" -eq 0 ]
check "all are asked" [ "$(json n)" -eq 3 ]
holds "shares are shares" "(x = $(json accuracy) - $(json correct) / 3) < 1e-12 && x > -1e-12"
holds "per byte, too" "(x = $(json accuracy_norm) - $(json correct_norm) / 3) < 1e-12 && x > -1e-12"
head -n 2 "$T/q.jsonl" >"$T/easy.jsonl"
run eval "$MODEL" --choice "$T/easy.jsonl" --json
check "it knows how its stories begin" [ "$(json correct)" -eq 2 ]
sed 's/"label":0/"label":1/;s/"label":1,"more"/"label":0,"more"/' "$T/easy.jsonl" >"$T/wrong.jsonl"
run eval "$MODEL" --choice "$T/wrong.jsonl" --json
check "and that others are wrong" [ "$(json correct)" -eq 0 ]

# A question of two answers of one token each, against ln p of the whole texts: --perplexity
# knows nothing of questions.
nll() {
    printf %s "$1" >"$T/whole"
    "$BANTAM" eval "$MODEL" --perplexity "$T/whole" --kv f32 --json >"$T/nll" && "$JSON" "$T/nll" nll
}
prompt="Tom had a"
for pair in "red big" "dog was" "day happy" "ball the"; do
    first=${pair% *} second=${pair#* }
    best=$(awk -v a="$(nll "$prompt $first")" -v b="$(nll "$prompt $second")" 'BEGIN { print (b < a) + 0 }')
    printf '{"query":"%s","choices":["%s","%s"],"label":%s}\n' "$prompt" "$first" "$second" "$best"
done >"$T/law.jsonl"
run eval "$MODEL" --choice "$T/law.jsonl" --kv f32 --json
check "the likelier text is the answer chosen" [ "$(json correct)" -eq 4 ]
"$BANTAM" eval "$MODEL" --choice - --kv f32 --json -t 1 <"$T/law.jsonl" >"$T/one"
check "any number of threads chooses the same" cmp -s "$T/one" "$T/out"
run eval "$MODEL" --choice "$T/law.jsonl"
check "in words: three lines" [ "$(lines "$T/out")" -eq 3 ]
head -n 4 "$SHARED/data/arc-easy-val.jsonl" >"$T/arc.jsonl"
run eval "$MODEL" --choice "$T/arc.jsonl" --ctx 64 --json
check "what does not fit is noted" contains "$T/err" "longer than the context"
expect "an answer that does not fit" 1 eval "$MODEL" --choice "$T/arc.jsonl" --ctx 4
check "the question is named" contains "$T/err" "question 1"

# ---- Ctrl-C --------------------------------------------------------------------------------
# interrupted NAME FIGURE ARGS...: what is done is told. Where nothing was yet, the machine is slow
# and gets more time; where all was, there was no time to interrupt.
interrupted() {
    name=$1 figure=$2
    shift 2
    for seconds in 0.3 1 4 20; do
        rc=0
        timeout --foreground --preserve-status -s INT "$seconds" "$BANTAM" eval "$@" --json >"$T/out" \
            2>"$T/err" || rc=$?
        [ "$rc" -eq 130 ] && [ -s "$T/out" ] && break
    done
    check "$name: exit 130" [ "$rc" -eq 130 ]
    check "$name: figures of what was done" quietly json "$figure"
    check "$name: which they are" contains "$T/err" "stopped early"
}
if command -v timeout >/dev/null && [ -z "${BANTAM_EMULATOR:-}" ]; then
    LONG=$SHARED/data/tinystories-head-2MiB.txt
    interrupted "against" kl_mean "$SMALL" --against "$MODEL" --text "$LONG" --ctx 64
    interrupted "perplexity" perplexity "$SMALL" --perplexity "$LONG" --ctx 64
    interrupted "choice" accuracy "$MODEL" --choice "$SHARED/data/hellaswag-val-1000.jsonl" --ctx 512
fi

finish
