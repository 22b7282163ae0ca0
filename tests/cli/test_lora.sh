#!/bin/sh
# Adapters through the command: --lora and merge.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
helpers
if [ -n "${BANTAM_BUILD:-}" ] && [ -z "${BANTAM_EMULATOR:-}" ]; then
    MAKE=$BANTAM_BUILD/tests/make_lora
else
    MAKE=$T/make_lora
    ${CC:-cc} -std=c11 "$HERE/make_lora.c" -o "$MAKE" || exit 1
fi

expect "merge without an adapter" 2 merge a b
expect "merge with a word too few" 2 merge a --lora x
expect "--type of merge" 2 merge a b --lora x --type q4_k
expect "merge from nothing" 1 merge "$T/nothing" "$T/x.gguf" --lora "$T/nothing"
check "and no file is left" [ ! -e "$T/x.gguf" ]
: >"$T/there"
expect "a scale that is none" 2 run "$T/nothing.gguf" hi --lora "$T/there:strong"
check "is named" contains "$T/err" "'strong' is not a scale"
expect "a scale that is too large" 2 run "$T/nothing.gguf" hi --lora "$T/there:1e9"
expect "no file named" 2 run "$T/nothing.gguf" hi --lora ""
nine=
for _ in 1 2 3 4 5 6 7 8 9; do nine="$nine --lora $T/there"; done
# shellcheck disable=SC2086 # the list is words
expect "nine adapters" 2 run "$T/nothing.gguf" hi $nine

shared_found 40 || finish
MODEL=$SHARED/weights/gguf/stories260K-F32.gguf
TOKENS=1,80,9,200,33,7,301,12
A=$T/a.gguf
B=$T/b.gguf
"$MAKE" "$A" 5 64 64 32 172 4 1 0.1
"$MAKE" "$B" 5 64 64 32 172 7 2 0.1
mkdir "$T/peft"
"$MAKE" "$T/peft" 5 64 64 32 172 4 1 0.1

# logits NAME ARGS...: all rows, with an exact cache.
logits() {
    name=$1
    shift
    run logits "$@" --tokens $TOKENS --all --kv f32 -o "$T/$name.f32"
    [ "$rc" -eq 0 ] || failed "logits $name" "exit $rc: $(cat "$T/err")"
}
same() {
    check "$1" cmp -s "$T/$2.f32" "$T/$3.f32"
}

logits plain "$MODEL"
logits a "$MODEL" --lora "$A"
check "an adapter changes what is computed" sh -c "! cmp -s '$T/plain.f32' '$T/a.f32'"
logits zero "$MODEL" --lora "$A:0"
same "a scale of 0 is no adapter" zero plain
logits one "$MODEL" --lora "$A:1"
same "a scale of 1 is that of the file" one a
logits peft "$MODEL" --lora "$T/peft"
same "a PEFT folder computes the same bits" peft a
logits tensors "$MODEL" --lora "$T/peft/adapter_model.safetensors:1"
same "so does its file of tensors" tensors a
logits pieces "$MODEL" --lora "$A" --batch 3
same "in pieces" pieces a
logits threads "$MODEL" --lora "$A" --threads 3
same "with threads" threads a
logits ref "$MODEL" --lora "$A" --cpu ref
same "in plain C" ref a
logits both "$MODEL" --lora "$A:0.5" --lora "$B:-2"
check "two adapters are neither" sh -c "! cmp -s '$T/both.f32' '$T/a.f32'"
cp "$A" "$T/c.gguf:2"
logits colon "$MODEL" --lora "$T/c.gguf:2"
same "a name with a colon is a name" colon a

run merge "$MODEL" "$T/merged.gguf" --lora "$A"
check "merge: exit 0" [ "$rc" -eq 0 ]
check "nothing is printed" [ ! -s "$T/out" ]
check "nothing is said" [ ! -s "$T/err" ]
logits merged "$T/merged.gguf"
check "the merged model computes what the adapter does" \
    quietly "$COMPARE" "$T/merged.f32" "$T/a.f32" 512 2e-4
run merge "$MODEL" "$T/both.gguf" --lora "$A:0.5" --lora "$B:-2" --json
check "--json names the file" [ "$("$JSON" "$T/out" path)" = "$T/both.gguf" ]
check "and its size" [ "$("$JSON" "$T/out" bytes)" -eq "$(wc -c <"$T/both.gguf")" ]
logits merged2 "$T/both.gguf"
check "two merged compute what two do" quietly "$COMPARE" "$T/merged2.f32" "$T/both.f32" 512 5e-4
run merge "$MODEL" "$T/none.gguf" --lora "$A:0"
logits none "$T/none.gguf"
same "merged with a scale of 0 it is what it was" none plain

"$BANTAM" quantize "$MODEL" "$T/b8.gguf" --type b8 -q
run merge "$T/b8.gguf" "$T/half.gguf" --lora "$A"
check "quantized weights are merged" [ "$rc" -eq 0 ]
"$BANTAM" inspect "$T/half.gguf" --json >"$T/out"
check "into halves" [ "$("$JSON" "$T/out" model type)" = F16 ]
logits quantized "$T/b8.gguf" --lora "$A"
logits half "$T/half.gguf"
check "which compute much the same" quietly "$COMPARE" "$T/half.f32" "$T/quantized.f32" 512 0.5

# A folder, whose rows of q and k have another order: both forms do the same there.
HF=$LM/llama32-a/hf
mkdir "$T/p32"
HEAD=32 "$MAKE" "$T/g32.gguf" 2 128 128 64 256 4 3 0.1
HEAD=32 "$MAKE" "$T/p32" 2 128 128 64 256 4 3 0.1
logits hf_g "$HF" --lora "$T/g32.gguf"
logits hf_p "$HF" --lora "$T/p32"
same "on a folder both forms compute the same bits" hf_g hf_p
run merge "$HF" "$T/hf.gguf" --lora "$T/p32" --type f32
logits hf_m "$T/hf.gguf"
check "and a folder is merged" quietly "$COMPARE" "$T/hf_m.f32" "$T/hf_g.f32" 400 2e-3
run eval "$HF" --perplexity "$HERE/lib.sh" --ctx 64 --lora "$T/p32" --json
check "eval takes an adapter" [ "$rc" -eq 0 ]
run bench "$MODEL" -p 4 -n 2 -r 1 --lora "$A" --json
check "so does bench" [ "$rc" -eq 0 ]
run run "$MODEL" --raw -n 6 --temp 0 --lora "$A" --save-state "$T/state" "Once"
check "and run" [ "$rc" -eq 0 ]
run run "$MODEL" --raw -n 6 --temp 0 --lora "$A" --load-state "$T/state"
check "a state goes on with the same adapter" [ "$rc" -eq 0 ]
expect "and not without it" 1 run "$MODEL" --raw -n 6 --temp 0 --load-state "$T/state"
check "which is said" contains "$T/err" "other adapters"

expect "an adapter for another model" 1 run "$HF" --raw hi --lora "$A"
check "names the tensor" contains "$T/err" "which has 2 layers"
expect "a model for an adapter" 1 run "$MODEL" --raw hi --lora "$MODEL"
check "is told apart" contains "$T/err" "expected adapter"
expect "an adapter that is not there" 1 run "$MODEL" --raw hi --lora "$T/gone.gguf"
expect "a folder that is none" 1 run "$MODEL" --raw hi --lora "$T/empty"
expect "more than memory allows" 1 run "$MODEL" --raw hi --lora "$A" --memory 1M
expect "a file onto itself" 1 merge "$MODEL" "$MODEL" --lora "$A"
expect "merge with an adapter for another model" 1 merge "$HF" "$T/x.gguf" --lora "$A"
check "leaves no file" [ ! -e "$T/x.gguf" ]
if limited; then
    head -c 400 "$A" >"$T/cut.gguf"
    expect "an adapter cut short" 1 run "$MODEL" --raw hi --lora "$T/cut.gguf"
fi

finish
