#!/bin/sh
# fit_check.sh BUILD MODEL.gguf|FOLDER... - what `bantam fit` predicts against what `bantam bench` measures,
# for every model file named or in a folder: memory, decode, prompt. THREADS="1 2" by default. Each pair is
# taken in one sitting, the prediction before and after the measurement, because the machine's own
# bandwidth moves from minute to minute; the mean of the two predictions counts.
set -eu
build=${1:?usage: fit_check.sh BUILD MODEL.gguf|FOLDER...}
shift
BANTAM=$build/bantam
JSON=$build/tests/json_get
threads=${THREADS:-1 2}
context=512 # the whole prompt, so that all of the cache is used
T=$(mktemp -d "${TMPDIR:-/tmp}/bantam-fit.XXXXXX")
trap 'rm -rf "$T"' EXIT

fit() {
    "$BANTAM" fit "$1" -t "$2" -c $context --json >"$T/$3"
}

check() {
    fit "$1" "$2" before
    "$BANTAM" bench "$1" -t "$2" -c $context -p 512 -n 64 -r 5 --json >"$T/bench"
    fit "$1" "$2" after
    {
        "$JSON" "$T/before" models 0 planned_bytes && echo
        "$JSON" "$T/bench" peak_bytes && echo
        "$JSON" "$T/before" models 0 decode_tok_s_estimate && echo
        "$JSON" "$T/after" models 0 decode_tok_s_estimate && echo
        "$JSON" "$T/bench" decode median && echo
        "$JSON" "$T/before" models 0 prefill_tok_s_estimate && echo
        "$JSON" "$T/after" models 0 prefill_tok_s_estimate && echo
        "$JSON" "$T/bench" prefill median && echo
    } | awk -v name="$(basename "$1" .gguf)" -v threads="$2" 'NF { v[++n] = $1 } END {
        d = (v[3] + v[4]) / 2; p = (v[6] + v[7]) / 2
        printf "%-22s %2d %8.1f %8.1f %+6.1f %% %8.1f %8.1f %+6.0f %% %8.0f %8.0f %+6.0f %%\n", name, threads,
            v[1] / 1e6, v[2] / 1e6, 100 * (v[1] / v[2] - 1), d, v[5], 100 * (d / v[5] - 1),
            p, v[8], 100 * (p / v[8] - 1)
    }'
}

printf '%-22s %2s %26s %26s %26s\n' model t "planned, peak MB" "decode tok/s: said, is" "prompt tok/s: said, is"
for place in "$@"; do
    if [ -d "$place" ]; then files=$(find "$place" -maxdepth 1 -name '*.gguf' | sort); else files=$place; fi
    for file in $files; do
        for n in $threads; do check "$file" "$n"; done
    done
done
