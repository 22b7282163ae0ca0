#!/bin/sh
# The command against the golden data: tokens, logits and greedy answers of the tiny models.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
shared_found 600 || exit 0
helpers

json() {
    "$JSON" "$T/out" "$@" 2>/dev/null
}

# prompt_cases NAME FILE MODE ENTRY PROMPT TOLERANCE: one prompt with one file.
prompt_cases() {
    golden=$LM/$1/golden.json
    set -- "$@" "$1 $2${3:+ $3} $("$JSON" "$golden" entries "$4" prompts "$5" name)"
    ids=$("$JSON" "$golden" entries "$4" prompts "$5" ids)
    rows=$("$JSON" "$golden" entries "$4" prompts "$5" rows)
    vocab=$("$JSON" "$golden" vocab)
    expected=$LM/$1/$("$JSON" "$golden" entries "$4" prompts "$5" logits)

    run logits "$LM/$1/$2" ${3:+--rope "$3"} --tokens "$ids" --all --kv f32 -o "$T/rows.f32"
    if [ "$rc" -ne 0 ]; then
        failed "$7: logits" "exit $rc: $(cat "$T/err")"
    else
        if found=$("$COMPARE" "$T/rows.f32" "$expected" "$vocab" "$6" "$rows"); then
            ok "$7: logits within $6 ($found)"
        else
            failed "$7: logits" "$found, allowed $6"
        fi
    fi
    run run "$LM/$1/$2" ${3:+--rope "$3"} --tokens "$ids" --temp 0 -n 32 --ignore-eos --json
    check "$7: greedy answer" [ "$(json tokens)" = \
        "$("$JSON" "$golden" entries "$4" prompts "$5" greedy_ids)" ]
}

# entry_cases NAME ENTRY: the files and prompts of one entry of golden.json; the first file with
# every prompt, the others with the third, of 40 tokens; in an emulator that one alone, because
# the library's own golden tests run there in full.
entry_cases() {
    golden=$LM/$1/golden.json
    mode=$("$JSON" "$golden" entries "$2" rope_mode)
    [ "$mode" = null ] && mode=
    step=$("$JSON" "$golden" entries "$2" noise rope_step 2>/dev/null || echo 0)
    tolerance=$(awk -v step="${step:-0}" 'BEGIN { t = 2 * step; print (t > 1e-3 ? t : 1e-3) }')
    prompts=$(seq 0 $(($("$JSON" -n "$golden" entries "$2" prompts) - 1)))
    [ -z "${BANTAM_EMULATOR:-}" ] || prompts=2
    for file in $("$JSON" "$golden" entries "$2" files | tr -d '[]"' | tr , ' '); do
        for prompt in $prompts; do
            prompt_cases "$1" "$file" "$mode" "$2" "$prompt" "$tolerance"
        done
        prompts=2
    done
}

# tokenizer_cases NAME FILE
tokenizer_cases() {
    golden=$LM/$1/golden.json
    for prompt in $(seq 0 $(($("$JSON" -n "$golden" entries 0 prompts) - 1))); do
        "$JSON" "$golden" entries 0 prompts "$prompt" text | tr -d '\n' >"$T/text"
        ids=$("$JSON" "$golden" entries 0 prompts "$prompt" ids)
        "$BANTAM" tokenize "$LM/$1/$2" --bos --no-special <"$T/text" >"$T/out" 2>"$T/err"
        check "$1 $2: tokens of prompt $prompt" [ "$(tr ' ' , <"$T/out")" = "$ids" ]
        "$BANTAM" tokenize "$LM/$1/$2" --no-special --decode "$ids" >"$T/back" 2>"$T/err"
        check "$1 $2: and back" cmp -s "$T/text" "$T/back"
    done
}

for name in smollm2-a llama32-a amd-a codellama-a phonelm-a phonelm-b ministral8b-a \
    ministral3-a bluelm-a; do
    for entry in $(seq 0 $(($("$JSON" -n "$LM/$name/golden.json" entries) - 1))); do
        entry_cases "$name" "$entry"
    done
    for file in $("$JSON" "$LM/$name/golden.json" forms | tr -d '[]"' | tr , ' '); do
        tokenizer_cases "$name" "$file"
    done
done

# Trained checkpoints: what a runner that is not ours answered, 64 steps after BOS. Where the two
# best logits lie closer than 0.01, another rounding may rightly choose otherwise.
WEIGHTS=$SHARED/weights
n=0
while IFS= read -r line; do
    printf '%s\n' "$line" >"$T/case"
    n=$((n + 1))
    [ "$("$JSON" "$T/case" n)" = 64 ] || continue
    awk -v gap="$("$JSON" "$T/case" min_gap)" 'BEGIN { exit !(gap < 0.01) }' && continue
    model=$("$JSON" "$T/case" model)
    prompt=$("$JSON" "$T/case" prompt)
    prompt_tokens=$("$JSON" -n "$T/case" prompt_ids)
    run run "$WEIGHTS/gguf/${model%.bin}-F32.gguf" --raw --temp 0 -n $((65 - prompt_tokens)) \
        --json --kv f32 "$prompt"
    check "${model%.bin} '$prompt': prompt" [ "$(json prompt_tokens)" = "$prompt_tokens" ]
    check "${model%.bin} '$prompt': answer" [ "$(json tokens)" = \
        "$("$JSON" "$T/case" ids | cut -d, -f"$prompt_tokens"-)" ]
    "$JSON" "$T/case" text >"$T/expected"
    { printf %s "$prompt" && json text; } | sed '1s/^ //' >"$T/found"
    check "${model%.bin} '$prompt': text" cmp -s "$T/expected" "$T/found"
done <"$WEIGHTS/expected.jsonl"

# Names of special tokens in a text: the tokens, or text where that is asked for; and back.
M=$LM/smollm2-a/hf
run tokenize "$M" "<|im_start|>k<|im_end|>"
check "special names become tokens" [ "$(cat "$T/out")" = "1 91 2" ]
run tokenize "$M" --no-special "<|im_start|>k<|im_end|>"
check "--no-special leaves them text" [ "$(wc -w <"$T/out")" -gt 10 ]
run tokenize "$M" --decode 1,91,2
check "--decode writes them" [ "$(cat "$T/out")" = "<|im_start|>k<|im_end|>" ]
run tokenize "$M" --decode 1,91,2 --no-special
check "--decode --no-special leaves them out" [ "$(cat "$T/out")" = k ]
run tokenize "$M" --json "<|im_start|>k"
check "pieces are the texts of the tokens" \
    [ "$(cat "$T/out")" = '{"tokens":[1,91],"pieces":["<|im_start|>","k"]}' ]

# The last row, and the prompt in pieces: the same bits.
M=$LM/llama32-a/model-f32.gguf
ids=$("$JSON" "$LM/llama32-a/golden.json" entries 0 prompts 2 ids)
"$BANTAM" logits "$M" --tokens "$ids" --all -o "$T/all.f32"
"$BANTAM" logits "$M" --tokens "$ids" -o "$T/last.f32"
tail -c 1600 "$T/all.f32" >"$T/tail.f32"
check "the last row of all is the row alone" cmp -s "$T/tail.f32" "$T/last.f32"
for batch in 1 3 7 1000; do
    "$BANTAM" logits "$M" --tokens "$ids" --all --batch $batch -o "$T/pieces.f32"
    check "pieces of $batch give the same bits" cmp -s "$T/all.f32" "$T/pieces.f32"
done
for threads in 1 2 5; do
    "$BANTAM" logits "$M" --tokens "$ids" --all -t $threads -o "$T/threads.f32"
    check "$threads threads give the same bits" cmp -s "$T/all.f32" "$T/threads.f32"
done

# The perplexity of a golden text is that of its golden nll_sum: -ln p of every token but the
# first, BOS included in the window where the model adds one.
for name in smollm2-a llama32-a amd-a phonelm-a ministral8b-a ministral3-a bluelm-a; do
    golden=$LM/$name/golden.json
    mode=$("$JSON" "$golden" entries 0 rope_mode)
    [ "$mode" = null ] && mode=
    for prompt in 2 3; do
        "$JSON" "$golden" entries 0 prompts $prompt text | tr -d '\n' >"$T/text"
        run eval "$LM/$name/hf" ${mode:+--rope "$mode"} --perplexity "$T/text" --kv f32 --json
        n=$("$JSON" -n "$golden" entries 0 prompts $prompt ids)
        check "$name: eval predicts all of prompt $prompt but the first" \
            [ "$(json tokens)" = $((n - 1)) ]
        check "$name: and its nll is the golden one" awk -v found="$(json nll)" \
            -v golden="$("$JSON" "$golden" entries 0 prompts $prompt nll_sum)" \
            'BEGIN { d = found / golden - 1; exit !(d < 1e-4 && d > -1e-4) }'
    done
done

# Chat templates: rendered exactly, and what `run` feeds.
cat >"$T/chat.json" <<'JSON'
{"messages":[{"role":"user","content":"Hi there"}],"add_generation_prompt":true}
JSON
printf '<|im_start|>user\nHi there<|im_end|>\n<|im_start|>assistant\n' >"$T/expected"
run template "$LM/smollm2-a/hf" "$T/chat.json"
check "template prints the text exactly" cmp -s "$T/out" "$T/expected"
run template "$LM/smollm2-a/hf" - </dev/null
check "a template of nothing fails" [ "$rc" -eq 1 ]
"$BANTAM" tokenize "$LM/smollm2-a/hf" <"$T/expected" >"$T/ids"
run run "$LM/smollm2-a/hf" --temp 0 -n 1 --json "Hi there"
check "run feeds the rendered template" \
    [ "$(json prompt_tokens)" = "$(wc -w <"$T/ids" | tr -d ' ')" ]
run run "$LM/smollm2-a/hf" --temp 0 -n 9 --ignore-eos --json "Hi there"
found=$(json tokens)
run run "$LM/smollm2-a/hf" --temp 0 -n 9 --ignore-eos --json --tokens "$(tr ' ' , <"$T/ids")"
check "and answers as to the same tokens" [ "$found" = "$(json tokens)" ]
run run "$LM/smollm2-a/hf" --temp 0 -n 1 --json --raw "Hi there"
check "--raw leaves the template out" [ "$(json prompt_tokens)" -lt "$(wc -w <"$T/ids")" ]

# BOS stands once, whether the template writes it or the encoder adds it.
for bos in '{{ bos_token }}' ''; do
    rm -rf "$T/hf"
    cp -r "$LM/llama32-a/hf" "$T/hf"
    chmod -R u+w "$T/hf"
    cat >"$T/hf/tokenizer_config.json" <<JSON
{"bos_token": "<|begin_of_text|>", "eos_token": "<|eot_id|>", "add_bos_token": true,
 "chat_template": "$bos{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}{% endfor %}"}
JSON
    "$BANTAM" tokenize "$T/hf" --bos --no-special "user: Hi there" >"$T/ids"
    run run "$T/hf" --temp 0 -n 9 --ignore-eos --json "Hi there"
    check "template '$bos': BOS stands once" \
        [ "$(json prompt_tokens)" = "$(wc -w <"$T/ids" | tr -d ' ')" ]
    found=$(json tokens)
    run run "$T/hf" --temp 0 -n 9 --ignore-eos --json --tokens "$(tr ' ' , <"$T/ids")"
    check "template '$bos': and the answer is that of these tokens" \
        [ "$found" = "$(json tokens)" ]
done

# Calls of tools: in the forms of SmolLM2 and of Llama 3.2, and none where there is none.
echo '[{"name":"f","parameters":{}}]' >"$T/tools.json"
M=$LM/smollm2-a/hf
run run "$M" --tools "$T/tools.json" --temp 0 -n 90 --ignore-eos --json \
    --force '<tool_call>[{"name": "f", "arguments": {"x": 1}}]</tool_call>' "Hi"
check "calls between marks" [ "$(json tool_calls)" = '[{"name":"f","arguments":{"x":1}}]' ]
run run "$M" --tools "$T/tools.json" --temp 0 -n 90 --ignore-eos --json \
    --force '{"name": "f", "parameters": {"x": 1}}' "Hi"
check "a call that is the answer" [ "$(json tool_calls)" = '[{"name":"f","arguments":{"x":1}}]' ]
run run "$M" --tools "$T/tools.json" --temp 0 -n 9 --ignore-eos --json "Hi"
check "no call" [ "$("$JSON" -n "$T/out" tool_calls)" = 0 ]

finish
