#!/bin/sh
# What the command says and where: streams, JSON, signals, devices. Needs a tiny model.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
shared_found 60 || exit 0
helpers

MODEL=$LM/smollm2-a/model-f32.gguf
HF=$LM/smollm2-a/hf

json() {
    "$JSON" "$T/out" "$@" 2>/dev/null
}

# ---- run -----------------------------------------------------------------------------------
run run "$MODEL" --raw --temp 0 -n 8 --ignore-eos "the cat"
check "run exits 0" [ "$rc" -eq 0 ]
check "run says nothing on standard error" [ ! -s "$T/err" ]
check "run prints something" [ -s "$T/out" ]
cp "$T/out" "$T/plain"
run run "$MODEL" --raw --temp 0 -n 8 --ignore-eos --json "the cat"
check "run --json is one line" [ "$(lines "$T/out")" -eq 1 ]
json text >"$T/text"
check "text is the same as without --json" cmp -s "$T/plain" "$T/text"
for key in text tokens prompt_tokens completion_tokens finish tool_calls timings speculation \
    memory; do
    check "run --json has $key" quietly "$JSON" "$T/out" "$key"
done
check "no tool was called" [ "$("$JSON" -n "$T/out" tool_calls)" = 0 ]
check "8 tokens were made" [ "$(json completion_tokens)" = 8 ]
check "tokens are as many" [ "$("$JSON" -n "$T/out" tokens)" = 8 ]
check "finish is length" [ "$(json finish)" = length ]
check "nothing was drafted" [ "$(json speculation)" = '{"drafted":0,"accepted":0}' ]
for key in load_ms first_token_ms prefill_tok_s decode_tok_s; do
    check "timings has $key" [ -n "$(json timings "$key")" ]
done
for key in planned_bytes peak_bytes; do
    check "memory has $key" [ -n "$(json memory "$key")" ]
done
if [ -r /proc/self/status ]; then
    "$HEAVY" 400 "$BANTAM" run "$MODEL" --raw --temp 0 -n 1 --json "the cat" >"$T/out"
    check "what came before the command is not its peak" \
        [ "$(json memory peak_bytes)" -lt 300000000 ]
fi

printf 'the cat' | "$BANTAM" run "$MODEL" --raw --temp 0 -n 8 --ignore-eos >"$T/piped"
check "a prompt from a pipe is the same prompt" cmp -s "$T/piped" "$T/plain"
printf 'the cat' | "$BANTAM" run "$MODEL" --raw --temp 0 -n 8 --ignore-eos - >"$T/piped"
check "and with -, too" cmp -s "$T/piped" "$T/plain"
for threads in 1 2 3; do
    "$BANTAM" run "$MODEL" --raw --temp 0 -n 8 --ignore-eos -t $threads "the cat" >"$T/piped"
    check "$threads threads give the same text" cmp -s "$T/piped" "$T/plain"
done

"$BANTAM" run "$MODEL" --raw --temp 1 -n 20 --ignore-eos -s 7 "the cat" >"$T/a"
"$BANTAM" run "$MODEL" --raw --temp 1 -n 20 --ignore-eos -s 7 "the cat" >"$T/b"
"$BANTAM" run "$MODEL" --raw --temp 1 -n 20 --ignore-eos -s 8 "the cat" >"$T/c"
check "the same seed makes the same choices" cmp -s "$T/a" "$T/b"
check "another seed makes others" sh -c "! cmp -s '$T/a' '$T/c'"

run run "$MODEL" --raw --temp 0 -n 8 --ignore-eos -v "the cat"
check "-v tells times on standard error" contains "$T/err" "tokens"
check "-v changes nothing on standard output" cmp -s "$T/out" "$T/plain"

run run "$MODEL" --raw --temp 0 -n 4 --ignore-eos --json --logprobs 3 "the cat"
check "--logprobs: one entry for each token" [ "$("$JSON" -n "$T/out" logprobs)" = 4 ]
check "--logprobs 3: three candidates" [ "$("$JSON" -n "$T/out" logprobs 0 top)" = 3 ]
for i in 0 1 2 3; do
    check "greedy token $i is the likeliest candidate" \
        [ "$(json logprobs $i token)" = "$(json logprobs $i top 0 token)" ]
    check "and has its log-probability" \
        [ "$(json logprobs $i logprob)" = "$(json logprobs $i top 0 logprob)" ]
done

first=$(json tokens | cut -d, -f1)
run run "$MODEL" --raw --temp 0 -n 4 --ignore-eos --json --logit-bias "$first=-inf" "the cat"
check "--logit-bias ID=-inf bans a token" \
    sh -c "! echo ',$(json tokens),' | grep -q ',$first,'"
run run "$MODEL" --raw --temp 0 -n 4 --ignore-eos --json --logit-bias 300=1000 "the cat"
check "--logit-bias ID=1000 forces one" [ "$(json tokens)" = 300,300,300,300 ]
expect "--logit-bias beyond the vocabulary" 2 run "$MODEL" --raw --logit-bias 340=1 x
expect "--logit-bias without a number" 2 run "$MODEL" --raw --logit-bias 5=x x
expect "--samplers with an unknown name" 2 run "$MODEL" --raw --samplers top_k,nothing x
expect "--samplers with names of both kinds" 0 run "$MODEL" --raw -n 2 \
    --samplers "penalties;top_k,min-p;temperature" x
expect "--tokens beyond the vocabulary" 1 run "$MODEL" --tokens 1,340
expect "a prompt longer than the context" 1 run "$MODEL" --raw -c 4 "the cat sat on the mat"
run run "$MODEL" --raw -c 4 --json "the cat sat on the mat"
check "and its code is full" [ "$(json error code)" = full ]
expect "a budget that is too small" 1 run "$MODEL" --raw --memory 10K x
run run "$MODEL" --raw --memory 10K --json x
check "and its code is nomem" [ "$(json error code)" = nomem ]
run run "$MODEL" --raw -c 12 --ignore-eos --json "the"
check "an answer ends where the context is full" [ "$(json finish)" = length ]

# --stop, --ban and --force on what the model says by itself.
run run "$MODEL" --raw --temp 0 -n 24 --ignore-eos --json "the cat"
text=$(json text)
middle=$(printf %s "$text" | cut -c6-7)
run run "$MODEL" --raw --temp 0 -n 24 --ignore-eos --json --stop "$middle" "the cat"
check "--stop ends the answer" [ "$(json finish)" = stop ]
check "--stop is not shown" sh -c "! printf %s '$(json text)' | grep -q -F -e '$middle'"
run run "$MODEL" --raw --temp 0 -n 24 --ignore-eos --json --ban "$middle" "the cat"
check "--ban keeps a text out" [ -z "$(json text | grep -F -e "$middle")" ]
run run "$MODEL" --raw --temp 0 -n 24 --ignore-eos --json --force "dog" "the cat"
check "--force begins the answer" [ "$(json text | cut -c1-3)" = dog ]

# ---- saved state ---------------------------------------------------------------------------
"$BANTAM" run "$MODEL" --raw --temp 0 -n 16 --ignore-eos --json "the cat" >"$T/out"
whole=$(json tokens)
"$BANTAM" run "$MODEL" --raw --temp 0 -n 6 --ignore-eos --json --save-state "$T/state" "the cat" >"$T/out"
begin=$(json tokens)
"$BANTAM" run "$MODEL" --temp 0 -n 10 --ignore-eos --json --load-state "$T/state" >"$T/out"
check "a saved state goes on where it was" [ "$begin,$(json tokens)" = "$whole" ]
head -c 100 "$T/state" >"$T/cut"
expect "a state that is cut" 1 run "$MODEL" --load-state "$T/cut"
expect "a state of another model" 1 run "$LM/llama32-a/model-f32.gguf" --load-state "$T/state"
expect "a state that cannot be written" 1 run "$MODEL" --raw -n 1 --save-state "$T/no/state" x

# ---- devices and readers that go away ------------------------------------------------------
rc=0
"$BANTAM" run "$MODEL" --raw -n 8 x >/dev/full 2>"$T/err" || rc=$?
check "an answer to /dev/full: exit 1" [ "$rc" -eq 1 ]
check "an answer to /dev/full: one line" [ "$(lines "$T/err")" -eq 1 ]
rc=0
"$BANTAM" run "$MODEL" --raw -n 8 x >&- 2>"$T/err" || rc=$?
check "an answer to a closed stream: exit 1" [ "$rc" -eq 1 ]
rc=0
"$BANTAM" logits "$MODEL" --tokens 1 -o /dev/full 2>"$T/err" || rc=$?
check "logits to /dev/full: exit 1" [ "$rc" -eq 1 ]
check "/dev/full is still a device" [ -c /dev/full ]
{
    rc=0
    "$BANTAM" run "$MODEL" --raw --ignore-eos -c 4096 x 2>"$T/err" || rc=$?
    echo "$rc" >"$T/rc"
} | head -c 1 >"$T/out"
check "a reader that goes away: exit 1" [ "$(cat "$T/rc")" -eq 1 ]
check "a reader that goes away: nothing is said" [ ! -s "$T/err" ]
rc=0
"$BANTAM" run "$MODEL" --raw -n 2 <&- >"$T/out" 2>"$T/err" || rc=$?
check "a closed standard input is an empty prompt or a failure, no crash" [ "$rc" -le 1 ]
printf 'the\0cat\377\376' | "$BANTAM" run "$MODEL" --raw -n 2 --json >"$T/out" 2>"$T/err"
check "bytes that are no text are taken" quietly "$JSON" "$T/out" text

# ---- signals -------------------------------------------------------------------------------
# interrupt NAME SIGNAL STATUS: a long answer is stopped, and what there was of it is kept. Where
# nothing was there yet, the machine is slow and gets more time.
interrupt() {
    for seconds in 0.7 4 20; do
        "$BANTAM" run "$LM/llama32-a/model-f32.gguf" --raw --ignore-eos -c 100000 --json \
            "the cat" >"$T/out" 2>"$T/err" &
        pid=$!
        sleep "$seconds"
        kill -s "$2" "$pid"
        rc=0
        wait "$pid" || rc=$?
        [ -n "$(json text)" ] && break
    done
    check "$1: exit $3" [ "$rc" -eq "$3" ]
    check "$1: the result is kept" [ "$(json finish)" = cancelled ]
    check "$1: the text so far is in it" [ -n "$(json text)" ]
}
interrupt "SIGTERM" TERM 143
interrupt "SIGHUP" HUP 129
if command -v timeout >/dev/null; then
    for seconds in 0.7 4 20; do
        rc=0
        timeout --preserve-status -s INT "$seconds" "$BANTAM" run "$LM/llama32-a/model-f32.gguf" \
            --raw --ignore-eos -c 100000 "the cat" >"$T/out" 2>"$T/err" || rc=$?
        [ -s "$T/out" ] && break
    done
    check "SIGINT: exit 130" [ "$rc" -eq 130 ]
    check "SIGINT: the text so far is there" [ -s "$T/out" ]
    check "SIGINT: nothing is said" [ ! -s "$T/err" ]
fi

# ---- inspect, convert, list ----------------------------------------------------------------
run inspect "$MODEL" --json
check "inspect counts the layers" [ "$(json model n_layers)" = 2 ]
check "inspect has metadata" [ "$(json metadata general.architecture)" = llama ]
check "inspect lists tensors only when asked" sh -c "! '$JSON' '$T/out' tensors >/dev/null"
run inspect "$MODEL" --json --tensors
check "inspect --tensors lists all" [ "$("$JSON" -n "$T/out" tensors)" = "$(json n_tensors)" ]
run inspect "$HF" --json
check "a folder is inspected, too" [ "$(json model n_layers)" = 2 ]
run inspect "$LM/phonelm-a/hf" --json
check "inspect names the family" [ "$(json model family)" = phonelm ]
run inspect "$LM/ministral3-a/mmproj-f32.gguf" --json
check "what cannot be run can be inspected" [ "$rc" -eq 0 ]
check "and its model is null" [ "$(json model)" = null ]
run inspect "$SHARED/tokenizers/llama.cpp-vocab-tests/ggml-vocab-gpt-2.gguf"
check "a file of a vocabulary can be inspected" [ "$rc" -eq 0 ]

run convert "$HF" "$T/out.gguf"
check "convert exits 0" [ "$rc" -eq 0 ]
check "convert prints nothing" [ ! -s "$T/out" ]
check "convert says nothing" [ ! -s "$T/err" ]
"$BANTAM" logits "$HF" --tokens 5,6,7 -o "$T/a.f32"
"$BANTAM" logits "$T/out.gguf" --tokens 5,6,7 -o "$T/b.f32"
check "what was converted computes the same" quietly "$COMPARE" "$T/a.f32" "$T/b.f32" 340 1e-4
expect "convert to where nothing can be written" 1 convert "$HF" "$T/no/out.gguf"
expect "convert from nothing" 1 convert "$T/nothing" "$T/x.gguf"
check "and no file is left" [ ! -e "$T/x.gguf" ]

mkdir -p "$HF_HOME/hub/models--org--tiny/snapshots/abc" "$HF_HOME/hub/models--org--tiny/refs"
printf abc >"$HF_HOME/hub/models--org--tiny/refs/main"
cp "$HF"/* "$HF_HOME/hub/models--org--tiny/snapshots/abc/"
own=$(built_in)
run list --json
check "list finds a model of the cache" [ "$(json models "$own" name)" = org/tiny ]
run list -q
check "list -q prints names" [ "$(tail -n +$((own + 1)) "$T/out")" = org/tiny ]
run tokenize org/tiny hello
check "a model is found by its name" [ "$rc" -eq 0 ]
run tokenize tiny hello
check "and without the organization" [ "$rc" -eq 0 ]

# ---- eval, bench ---------------------------------------------------------------------------
printf 'the cat sat on the mat and the dog ran' >"$T/text.txt"
run eval "$MODEL" --perplexity "$T/text.txt" --json
check "eval exits 0" [ "$rc" -eq 0 ]
n=$("$BANTAM" tokenize "$MODEL" --json <"$T/text.txt" >"$T/tokens" && "$JSON" -n "$T/tokens" tokens)
check "eval predicts all tokens but the first" [ "$(json tokens)" -eq $((n - 1)) ]
check "perplexity is exp(nll / tokens)" awk -v n="$(json tokens)" -v nll="$(json nll)" \
    -v p="$(json perplexity)" 'BEGIN { d = exp(nll / n) / p - 1; exit !(d < 1e-9 && d > -1e-9) }'
run eval "$MODEL" --perplexity "$T/text.txt" --json --ctx 4
windows=$(((n + 3) / 4))
check "the first token of every window is not predicted" [ "$(json tokens)" -eq $((n - windows)) ]
expect "eval of an empty text" 1 eval "$MODEL" --perplexity /dev/null
run bench "$MODEL" -p 16 -n 4 -r 2 --json
check "bench exits 0" [ "$rc" -eq 0 ]
for key in model family type params file_bytes threads cpu prefill decode load_ms first_token_ms \
    peak_bytes planned_bytes bandwidth_gb_s decode_bytes_per_token decode_share_of_bandwidth \
    int8_peak_gops fp32_peak_gflops prefill_ops_per_token prefill_share_of_peak runs depth; do
    check "bench --json has $key" quietly "$JSON" "$T/out" "$key"
done
for key in tokens median min max p25 p75; do
    check "bench prefill has $key" quietly "$JSON" "$T/out" prefill $key
    check "bench decode has $key" quietly "$JSON" "$T/out" decode $key
done
for what in prefill decode; do
    check "bench: the spread of $what is in order" awk -v a="$(json $what min)" \
        -v b="$(json $what p25)" -v c="$(json $what median)" -v d="$(json $what p75)" \
        -v e="$(json $what max)" 'BEGIN { exit !(0 < a && a <= b && b <= c && c <= d && d <= e) }'
done
check "bench: peaks are measured" awk -v a="$(json int8_peak_gops)" -v b="$(json fp32_peak_gflops)" \
    'BEGIN { exit !(a > 0 && b > 0) }'
check "bench: the share is what its parts come to" awk -v s="$(json decode_share_of_bandwidth)" \
    -v r="$(json decode median)" -v n="$(json decode_bytes_per_token)" -v b="$(json bandwidth_gb_s)" \
    'BEGIN { if (s == "null") exit 0; d = r * n / (b * 1e9) / s - 1; exit !(d < 1e-6 && d > -1e-6) }'
run bench "$MODEL" -p 16 -n 4 -r 1 --depth 32 --threads 1
check "bench far into a context exits 0" [ "$rc" -eq 0 ]
check "bench says both rates" [ "$(grep -c '^prompt \|^decode ' "$T/out")" -eq 2 ]

finish
