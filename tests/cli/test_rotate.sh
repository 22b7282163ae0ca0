#!/bin/sh
# Rotated models, through the command: they compute the same, and what cannot be is refused.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
helpers

expect "--rotate-seeds of convert" 2 convert a b --rotate-seeds 0

shared_found 12 || finish
MODEL=$SHARED/weights/gguf/babyllama-361-F32.gguf

"$BANTAM" logits "$MODEL" --tokens 5,6,7 -o "$T/plain.f32" --kv f32
for how in --rotate --rotate-down "--rotate --rotate-seeds 3"; do
    # shellcheck disable=SC2086
    run convert "$MODEL" "$T/turned.gguf" $how
    check "$how: exit 0" [ "$rc" -eq 0 ]
    "$BANTAM" logits "$T/turned.gguf" --tokens 5,6,7 -o "$T/turned.f32" --kv f32
    check "$how: the same logits" quietly "$COMPARE" "$T/turned.f32" "$T/plain.f32" 361 0.002
done
expect "a model that is rotated already" 1 convert "$T/turned.gguf" "$T/again.gguf" --rotate
check "and no file is left" [ ! -e "$T/again.gguf" ]
run quantize "$MODEL" "$T/small.gguf" --type b8 --rotate-down
check "a quantized one: exit 0" [ "$rc" -eq 0 ]
"$BANTAM" logits "$T/small.gguf" --tokens 5,6,7 -o "$T/small.f32"
check "and nearly the same logits" quietly "$COMPARE" "$T/small.f32" "$T/plain.f32" 361 0.3
finish
