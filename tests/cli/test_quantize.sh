#!/bin/sh
# Models in fewer bits, through the command: what is written, what is said, what is refused.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
helpers

json() {
    "$JSON" "$T/out" "$@"
}

expect "--type of quantize" 2 quantize a b --type q3_k
expect "--embedding of quantize" 2 quantize a b --embedding q9
expect "a word too few" 2 quantize in.gguf
expect "from nothing" 1 quantize "$T/nothing" "$T/x.gguf"
check "and no file is left" [ ! -e "$T/x.gguf" ]
run quantize --help
for option in --calibrate --method --imatrix --save-imatrix --budget --tensor --report; do
    check "quantize --help offers $option" [ -n "$(grep -e "$option" "$T/out")" ]
done
expect "--method of quantize" 2 quantize a b --method best

shared_found 30 || finish
HF=$LM/llama32-a/hf
MODEL=$SHARED/weights/gguf/babyllama-361-F32.gguf
ODD=$SHARED/weights/gguf/stories260K-F32.gguf

for type in b4 b8 q8_0 q4_0; do
    run quantize "$MODEL" "$T/$type.gguf" --type $type
    check "$type: exit 0" [ "$rc" -eq 0 ]
    check "$type: nothing is printed" [ ! -s "$T/out" ]
    check "$type: nothing is said" [ ! -s "$T/err" ]
    "$BANTAM" inspect "$T/$type.gguf" --json >"$T/out"
    check "$type: inspect says so" \
        [ "$(json model type)" = "$(printf %s "$type" | tr '[:lower:]' '[:upper:]')" ]
    run logits "$T/$type.gguf" --tokens 5,6,7 -o "$T/$type.f32"
    check "$type: it runs" [ "$rc" -eq 0 ]
done
"$BANTAM" logits "$MODEL" --tokens 5,6,7 -o "$T/f32.f32"
check "eight bits compute nearly the same" quietly "$COMPARE" "$T/b8.f32" "$T/f32.f32" 361 0.3
check "four bits compute much the same" quietly "$COMPARE" "$T/b4.f32" "$T/f32.f32" 361 3
check "a file of b4 is smaller than one of q4_0" \
    [ "$(wc -c <"$T/b4.gguf")" -lt "$(wc -c <"$T/q4_0.gguf")" ]

# Floats that say what b4 says compute as the kernels of b4 do.
run convert "$T/b4.gguf" "$T/back.gguf" --type f32
check "b4 becomes f32 again" [ "$rc" -eq 0 ]
"$BANTAM" logits "$T/back.gguf" --tokens 5,6,7 -o "$T/back.f32"
check "which computes the same" quietly "$COMPARE" "$T/back.f32" "$T/b4.f32" 361 0.3
run convert "$T/b4.gguf" "$T/copy.gguf"
check "without a type a file of b4 is copied" cmp -s "$T/copy.gguf" "$T/b4.gguf"

run quantize "$HF" "$T/out.gguf" --json
check "a folder: exit 0" [ "$rc" -eq 0 ]
check "the path is in the report" [ "$(json path)" = "$T/out.gguf" ]
check "the file's size, too" [ "$(json bytes)" -eq "$(wc -c <"$T/out.gguf")" ]
n=$("$JSON" -n "$T/out" tensors)
check "every tensor is in the report" [ "$n" -eq "$(json totals tensors)" ]
check "the embedding has eight bits" [ "$(json tensors 0 type)" = B8 ]
check "the layers have four" [ "$(json tensors 2 type)" = B4 ]
check "vectors are floats" [ "$(json tensors 1 type)" = F32 ]
check "what was lost is stated" awk -v e="$(json totals nmse)" 'BEGIN { exit !(e > 0.001 && e < 0.008) }'
bytes=0
i=0
while [ "$i" -lt "$n" ]; do
    bytes=$((bytes + $(json tensors "$i" bytes)))
    i=$((i + 1))
done
check "the totals are sums" [ "$bytes" -eq "$(json totals bytes)" ]
expect "a type for an output that the model does not have" 1 quantize "$HF" "$T/x.gguf" --output b8
check "no file is left of it" [ ! -e "$T/x.gguf" ]

run quantize "$ODD" "$T/odd.gguf" --type b6
check "rows of 172 values are rows of b6" [ "$rc" -eq 0 ]
check "and nothing is to be said" [ ! -s "$T/err" ]
run quantize "$ODD" "$T/odd.gguf" --type q8_0
check "rows of 172 values: exit 0" [ "$rc" -eq 0 ]
check "each matrix that gets f16 is named" [ "$(lines "$T/err")" -eq 5 ]
check "and why" contains "$T/err" "blk.0.ffn_down.weight gets F16"
run quantize "$ODD" "$T/odd.gguf" --type q8_0 -q
check "-q silences that" [ ! -s "$T/err" ]
run run "$T/odd.gguf" --raw -n 4 --temp 0 "Once"
check "types may be mixed" [ "$rc" -eq 0 ]

expect "a file onto itself" 1 quantize "$T/b4.gguf" "$T/b4.gguf"
expect "to where nothing can be written" 1 quantize "$MODEL" "$T/no/out.gguf"
expect "a file without layers" 1 quantize "$LM/ministral3-a/mmproj-f32.gguf" "$T/x.gguf"

# With a text: less is lost, whatever the threads, and no more bytes than there may be.
TEXT=$SHARED/data/tinystories-eval-200.txt
bytes=30000
[ -z "${BANTAM_EMULATOR:-}" ] || bytes=8000 # a machine that is not there is twenty times as slow
head -c "$bytes" "$TEXT" >"$T/text"
tail -c "$((bytes / 5))" "$TEXT" >"$T/other"
divergence() {
    "$BANTAM" eval "$1" --against "$MODEL" --text "$T/other" --json >"$T/out"
    json kl_mean
}
run quantize "$MODEL" "$T/gptq.gguf" --calibrate "$T/text" -t 1 --save-imatrix "$T/i.gguf"
check "gptq: exit 0" [ "$rc" -eq 0 ]
run quantize "$MODEL" "$T/again.gguf" --calibrate "$T/text" -t 3
check "gptq: threads change no bit" cmp -s "$T/gptq.gguf" "$T/again.gguf"
check "gptq: as many bytes" [ "$(wc -c <"$T/gptq.gguf")" -eq "$(wc -c <"$T/b4.gguf")" ]
check "gptq: less is lost" \
    awk -v a="$(divergence "$T/gptq.gguf")" -v b="$(divergence "$T/b4.gguf")" 'BEGIN { exit !(a < 0.7 * b) }'
if [ -n "${BANTAM_EMULATOR:-}" ]; then
    echo "skipped 28 cases: more calibrations take too long here"
    finish
fi
run quantize "$MODEL" "$T/a.gguf" --method imatrix --calibrate "$T/text"
check "imatrix: exit 0" [ "$rc" -eq 0 ]
run quantize "$MODEL" "$T/b.gguf" --imatrix "$T/i.gguf"
check "imatrix from a file: exit 0" [ "$rc" -eq 0 ]
# What lies beside the output and is not of this run is told of, and not used; nothing stays.
echo "nothing of ours" >"$T/again.gguf.bantam-part.state"
echo "nor this" >"$T/again.gguf.bantam-part"
run quantize "$MODEL" "$T/again.gguf" --calibrate "$T/text"
check "a foreign part: exit 0" [ "$rc" -eq 0 ]
check "a foreign part is told of" contains "$T/err" "is not gone on with: "
check "and changes nothing" cmp -s "$T/gptq.gguf" "$T/again.gguf"
check "no part stays beside the output" [ ! -e "$T/again.gguf.bantam-part" ]
check "nor its state" [ ! -e "$T/again.gguf.bantam-part.state" ]
run quantize "$MODEL" "$T/turned.gguf" --calibrate "$T/text" --rotate-down --json
check "rotation and text at once: exit 0" [ "$rc" -eq 0 ]
check "the method is told" [ "$(json method)" = gptq ]
check "and what outputs lost" [ -n "$(grep output_loss "$T/out")" ]
check "what is turned loses less than b4 by itself" \
    awk -v a="$(divergence "$T/turned.gguf")" -v b="$(divergence "$T/b4.gguf")" 'BEGIN { exit !(a < 0.8 * b) }'
run eval "$T/gptq.gguf" --against "$MODEL" --text "$T/other" --report "$T/eval.html"
check "a page of an evaluation: exit 0" [ "$rc" -eq 0 ]
check "its figures are on it" contains "$T/eval.html" "its predictions diverge"
check "and its tensors" contains "$T/eval.html" "blk.0.ffn_down.weight"
expect "a page without a reference" 2 eval "$T/gptq.gguf" --perplexity "$T/other" --report "$T/x.html"
for budget in 500000 700000; do
    run quantize "$MODEL" "$T/fit.gguf" --calibrate "$T/text" --budget $budget --report "$T/page.html"
    check "a budget of $budget: exit 0" [ "$rc" -eq 0 ]
    size=$(wc -c <"$T/fit.gguf")
    check "a budget of $budget is kept" [ "$size" -le $budget ]
    check "and used" [ "$size" -gt $((budget - budget / 20)) ]
done
check "the page is there" contains "$T/page.html" "blk.0.attn_q.weight"
expect "a budget that is too small" 1 quantize "$MODEL" "$T/x.gguf" --calibrate "$T/text" --budget 100000
check "what would do is said" contains "$T/err" "the smallest file"
rm -f "$T/x.gguf"
expect "a text that is too short" 1 quantize "$MODEL" "$T/x.gguf" --calibrate "$T/missing"
check "and no file is left of them" [ ! -e "$T/x.gguf" ]

finish
