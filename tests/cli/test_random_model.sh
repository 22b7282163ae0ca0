#!/bin/sh
# Models of random weights: every type that kernels compute with makes one that runs.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
helpers

if [ ! -x "${BANTAM_BUILD:-}/bantam-random-model" ]; then
    echo "skipped 43 cases: no bantam-random-model"
    exit 0
fi
MAKE=$(emulated "$BANTAM_BUILD/bantam-random-model")
BANTAM_CACHE=off
export BANTAM_CACHE

for type in F32 F16 BF16 Q8_0 Q4_0 Q4_K Q5_K Q6_K B4 B3 B2 B8 B6 B5; do
    check "a model of $type is made" "$MAKE" small "$type" 1 "$T/$type.gguf"
    run inspect "$T/$type.gguf" --json
    check "most of its weights are $type" [ "$("$JSON" "$T/out" model type)" = "$type" ]
    run logits "$T/$type.gguf" --tokens 5,6,7,8,9,10,11,12 --all -o "$T/rows"
    # shellcheck disable=SC2016 # awk's fields, not the shell's
    check "its logits are numbers of the usual size" awk -v bytes="$(wc -c <"$T/rows")" '
        { for (i = 1; i <= NF; i++) { n++; if ($i != $i + 0 || $i * $i > 1e4) bad++; s += $i * $i } }
        END { exit !(!bad && n == bytes / 4 && n == 8 * 259 && s / n > 0.1 && s / n < 10) }' \
        <<EOF
$(od -An -v -tf4 "$T/rows")
EOF
done
"$MAKE" small B4 1 "$T/again.gguf"
check "the same seed makes the same file" cmp -s "$T/B4.gguf" "$T/again.gguf"

finish
