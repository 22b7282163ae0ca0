#!/bin/sh
# quant_check.sh BUILD REFERENCE.gguf TEXT MODEL.gguf... - what smaller files of a model cost: bytes, bits per
# weight, divergence from the reference (mean with its standard error, and the 99th of a hundred), how often
# both find the same token likeliest, perplexity. Sorted by bytes. CTX names the window, by default that of
# `bantam eval`; BANTAM_ARGS is passed on to it.
set -eu
usage="usage: quant_check.sh BUILD REFERENCE.gguf TEXT MODEL.gguf..."
build=${1:?$usage}
reference=${2:?$usage}
text=${3:?$usage}
shift 3
: "${1:?$usage}"
BANTAM=$build/bantam
JSON=$build/tests/json_get
T=$(mktemp -d "${TMPDIR:-/tmp}/bantam-quant.XXXXXX")
trap 'rm -rf "$T"' EXIT
trap 'exit 1' HUP INT TERM

check() {
    # shellcheck disable=SC2086
    "$BANTAM" eval "$1" --against "$reference" --text "$text" --ctx "${CTX:-0}" --json ${BANTAM_ARGS:-} >"$T/eval"
    "$BANTAM" inspect "$1" --json >"$T/inspect"
    {
        wc -c <"$1"
        "$JSON" "$T/inspect" model n_params && echo
        for figure in kl_mean kl_mean_error kl_p99 top1_agreement perplexity; do
            "$JSON" "$T/eval" $figure && echo
        done
    } | awk -v name="$(basename "$1")" 'NF { v[++n] = $1 } END {
        printf "%-28s %11d %6.2f %10.6f %9.6f %9.5f %7.2f %% %10.4f\n", name, v[1], 8 * v[1] / v[2],
            v[3], v[4], v[5], 100 * v[6], v[7]
    }'
}

printf '%-28s %11s %6s %10s %9s %9s %9s %10s\n' file bytes bits "KL mean" +- "KL p99" top-1 perplexity
for model in "$@"; do check "$model"; done >"$T/rows"
sort -k2,2n "$T/rows"
