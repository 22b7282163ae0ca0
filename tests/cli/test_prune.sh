#!/bin/sh
# A model with less in it, through the command: what is written, what is said, what is refused.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
helpers

json() {
    "$JSON" "$T/out" "$@"
}

# below A B: whether A < B.
# shellcheck disable=SC2317
below() {
    awk -v a="$1" -v b="$2" 'BEGIN { exit !(a < b) }'
}

printf 'Once upon a time there was a cat. ' >"$T/text"
expect "nothing to take out" 2 prune a.gguf b.gguf --calibrate "$T/text"
expect "two things at once" 2 prune a.gguf b.gguf --layers 1 --ffn 20 --calibrate "$T/text"
expect "no text" 2 prune a.gguf b.gguf --ffn 20
expect "all of the neurons" 2 prune a.gguf b.gguf --ffn 100 --calibrate "$T/text"
expect "a type that is not offered" 2 prune a.gguf b.gguf --ffn 20 --calibrate "$T/text" --type q4_k
expect "a pattern that is none" 2 prune a.gguf b.gguf --sparse 1:4 --calibrate "$T/text"
expect "all of the weights" 2 prune a.gguf b.gguf --sparse 100% --calibrate "$T/text"
expect "a method that is none" 2 prune a.gguf b.gguf --sparse 2:4 --method gptq --calibrate "$T/text"
expect "zeros and layers" 2 prune a.gguf b.gguf --sparse 2:4 --layers 1 --calibrate "$T/text"
expect "from nothing" 1 prune "$T/nothing" "$T/x.gguf" --ffn 20 --calibrate "$T/text"
check "and no file is left" [ ! -e "$T/x.gguf" ]

shared_found 25 || finish
MODEL=$SHARED/weights/gguf/llama2xs-279K-F32.gguf
QUANTIZED=$SHARED/weights/gguf/llama2xs-279K-Q8_0.gguf
# Enough to heal with, and little enough for an emulator.
N=16384
if [ -n "${BANTAM_EMULATOR:-}" ]; then N=4096; fi
TEXT=$SHARED/data/tinystories-head-2MiB.txt

run prune "$MODEL" "$T/small.gguf" --ffn 20 --calibrate "$TEXT" --tokens $N --json
check "neurons: exit 0" [ "$rc" -eq 0 ]
check "nothing is said" [ ! -s "$T/err" ]
check "the path is in the report" [ "$(json path)" = "$T/small.gguf" ]
check "the file's size, too" [ "$(json bytes)" -eq "$(wc -c <"$T/small.gguf")" ]
check "what went is a multiple of 32" [ "$(json removed ffn)" -eq 32 ]
before=$(json perplexity before)
healed=$(json perplexity healed)
check "healing helps" below "$(json loss healed)" "$(json loss after)"
check "but not more than there was" below "$(json loss before)" "$(json loss healed)"

run prune "$MODEL" "$T/plain.gguf" --ffn 20 --calibrate "$TEXT" --tokens $N --json \
    --score magnitude --no-heal --max-kl 100
plain=$(json perplexity after)
check "a third of what plain pruning costs, or less" \
    awk -v b="$before" -v h="$healed" -v p="$plain" 'BEGIN { exit !(h - b < (p - b) / 3) }'

"$BANTAM" inspect "$T/small.gguf" --json >"$T/out"
check "the file says its width" [ "$(json model n_ffn)" -eq 160 ]
run run "$T/small.gguf" --raw -n 8 --temp 0 "Once upon a time"
check "it runs" [ "$rc" -eq 0 ]
check "and says something" [ -s "$T/out" ]

run prune "$MODEL" "$T/x.gguf" --ffn 80 --calibrate "$TEXT" --tokens 2048 --no-heal
check "too much: exit 1" [ "$rc" -eq 1 ]
check "which is said" contains "$T/err" "(KL)"
check "and no file is left of it" [ ! -e "$T/x.gguf" ]
run prune "$MODEL" "$T/x.gguf" --ffn 80 --calibrate "$TEXT" --tokens 2048 --no-heal --max-kl 100
check "unless more is allowed" [ "$rc" -eq 0 ]
check "people get a table" [ "$(lines "$T/out")" -eq 3 ]

run prune "$MODEL" "$T/layers.gguf" --layers 1 --calibrate "$TEXT" --tokens 4096 --max-kl 100 --json
check "a layer: exit 0" [ "$rc" -eq 0 ]
check "one is named" [ "$("$JSON" -n "$T/out" removed layers)" -eq 1 ]
run prune "$MODEL" "$T/heads.gguf" --heads 25 --calibrate "$TEXT" --tokens 4096 --max-kl 100 --json
check "heads: exit 0" [ "$rc" -eq 0 ]
check "they go with their key head" [ "$(json removed heads) $(json removed kv_heads)" = "2 1" ]
run prune "$QUANTIZED" "$T/q.gguf" --ffn 20 --calibrate "$TEXT" --tokens 4096 --max-kl 100
check "eight bits: exit 0" [ "$rc" -eq 0 ]
for name in layers heads q; do
    run run "$T/$name.gguf" --raw -n 4 --temp 0 "Once"
    check "$name: it runs" [ "$rc" -eq 0 ]
done
methods="magnitude wanda sparsegpt"
if [ -n "${BANTAM_EMULATOR:-}" ]; then
    echo "skipped 8 cases: other methods take too long here"
    methods=sparsegpt
fi
for method in $methods; do
    run prune "$MODEL" "$T/zeros.gguf" --sparse 2:4 --method $method --calibrate "$TEXT" \
        --tokens 4096 --max-kl 100 --json
    check "2:4 by $method: exit 0" [ "$rc" -eq 0 ]
    check "$method: half of the weights" awk -v z="$(json removed zeros)" 'BEGIN { exit !(z > 50000) }'
    check "$method: healing helps" below "$(json loss healed)" "$(json loss after)"
    check "$method: no matrix is smaller" [ "$(json removed parameters)" -eq 0 ]
done
"$BANTAM" eval "$T/zeros.gguf" --against "$MODEL" --text "$T/text" -c 16 --json >"$T/out"
check "which is another model" below 0.01 "$(json kl_mean)"
run prune "$MODEL" "$T/x.gguf" --sparse 60% --calibrate "$TEXT" --tokens 2048 --no-heal
check "zeros that cost too much: exit 1" [ "$rc" -eq 1 ]
check "leave the file that was there" [ -e "$T/x.gguf" ]
# Rows of q and k come in another order from a folder: zeros of no weight change nothing.
FOLDER=$LM/smollm2-a/hf
run prune "$FOLDER" "$T/folder.gguf" --sparse 0.001% --calibrate "$TEXT" --tokens 512 \
    --sequence 32 --type f32
check "a folder: exit 0" [ "$rc" -eq 0 ]
run convert "$FOLDER" "$T/as-it-is.gguf" --type f32
for name in folder as-it-is; do
    "$BANTAM" logits "$T/$name.gguf" --tokens 5,6,7,8,9 -o "$T/$name.f32" --all
done
check "the same logits as of the folder" cmp -s "$T/folder.f32" "$T/as-it-is.f32"

expect "a file onto itself" 1 prune "$T/q.gguf" "$T/q.gguf" --ffn 20 --calibrate "$TEXT"

finish
