#!/bin/sh
# quant_race.sh BUILD LLAMA_QUANTIZE MODEL.gguf CALIBRATION TEXT WORK TYPE... - a model (F32) in fewer bits by
# llama.cpp's tool, with an importance matrix of the calibration text, and by `bantam quantize` within the bytes
# of each of these files; printed as quant_check.sh does. MADE names the model whose files are made, where that
# is another one than the reference: the same function with outliers (bantam-outlier-model).
set -eu
usage="usage: quant_race.sh BUILD LLAMA_QUANTIZE MODEL.gguf CALIBRATION TEXT WORK TYPE..."
build=${1:?$usage}
llama=${2:?$usage}
reference=${3:?$usage}
calibration=${4:?$usage}
text=${5:?$usage}
work=${6:?$usage}
shift 6
: "${1:?$usage}"
made=${MADE:-$reference}
ours=${OURS:-b4}
BANTAM=$build/bantam
mkdir -p "$work"
rm -f "$work"/*.gguf

# quantize NAME OPTION...
quantize() {
    name=$1
    shift
    if ! "$BANTAM" quantize "$made" "$work/$name.gguf" -q "$@" 2>"$work/err"; then
        echo "$name: $(cat "$work/err")" >&2
    fi
}

quantize "$ours-rtn" --type "$ours"
quantize "$ours-imatrix" --type "$ours" --method imatrix --calibrate "$calibration" --save-imatrix "$work/importance.dat"
quantize "$ours-gptq" --type "$ours" --calibrate "$calibration"
quantize "$ours-gptq-rotate" --type "$ours" --calibrate "$calibration" --rotate
quantize "$ours-gptq-rotate-down" --type "$ours" --calibrate "$calibration" --rotate-down
for type in "$@"; do
    if ! "$llama" --imatrix "$work/importance.dat" "$made" "$work/llama-$type.gguf" "$type" 2 >"$work/err" 2>&1; then
        echo "llama.cpp has no file of $type: $(tail -n 1 "$work/err")" >&2
        continue
    fi
    quantize "budget-of-$type" --calibrate "$calibration" --budget "$(wc -c <"$work/llama-$type.gguf")"
done
"$(dirname "$0")/quant_check.sh" "$build" "$reference" "$text" "$work"/*.gguf
