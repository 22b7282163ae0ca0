#!/bin/sh
# summaries.sh BUILD [DATA.jsonl] - ROUGE of extracted summaries beside lead-3, by model.
#
# The built-in model, the small ones of the shared folder, and as a control a model of random
# weights: what is left without a model's knowledge.
set -eu
build=$1
shared=${BANTAM_SHARED:-../shared}
data=${2:-$shared/data/cnndm-100.jsonl}
work=$(mktemp -d "${TMPDIR:-/tmp}/summaries.XXXXXX")
trap 'rm -rf "$work"' EXIT

measure() {
    echo "== $1"
    "$build/bantam-bench-summaries" "$2" "$data"
}
measure bantam-mini bantam-mini
for model in "$shared"/weights/gguf/stories260K-F32.gguf "$shared"/weights/gguf/llama2xs-279K-F32.gguf \
    "$shared"/weights/gguf/babyllama-361-F32.gguf; do
    [ -f "$model" ] && measure "${model##*/}" "$model"
done
"$build/bantam-random-model" tiny F32 1 "$work/random.gguf" >/dev/null
measure "random weights" "$work/random.gguf"
