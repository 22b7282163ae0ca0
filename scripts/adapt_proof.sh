#!/bin/sh
# adapt_proof.sh BUILD - what adapting does to a trained model: perplexity of a style of text that
# it was adapted to, on texts it has not seen, and of the stories it was trained on.
#
# Each line is one adaptation with the settings that a user gets who names none but 100 steps. The
# style must fall by a fifth or more, the stories must rise by less than a twentieth; else the exit
# status is 1. "own" keeps what the model writes itself, "file" stories that are none of those
# measured. Wants the shared folder (BANTAM_SHARED, default ../shared); takes some minutes.
set -eu
bantam=$1/bantam
shared=${BANTAM_SHARED:-../shared}
weights=$shared/weights/gguf
work=$(mktemp -d "${TMPDIR:-/tmp}/bantam-proof.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
export BANTAM_CACHE=off

# ---- texts ----

# Film reviews in lower case: phrases of the training split, sentences of the other.
awk -F '\t' 'NR > 1 && length($1) >= 60 && n++ < 12000 && n % 8 == 0 { print $1; print "<|endoftext|>" }' \
    "$shared/data/sst2-train.tsv" >"$work/reviews.txt"
awk -F '\t' 'NR > 1 && n++ < 300 { print $1 }' "$shared/data/sst2-dev.tsv" >"$work/reviews.held"
# An encyclopedia: paragraphs from its beginning, and others from behind them.
awk 'length($0) > 200 && n++ < 400 { print; print "<|endoftext|>" }' \
    "$shared/data/wikitext2-test.raw" >"$work/wiki.txt"
awk 'length($0) > 200 && ++n > 600 && n <= 650 { printf "%s ", $0 }' \
    "$shared/data/wikitext2-test.raw" >"$work/wiki.held"
# Stories: those that are measured are the first of their file, those to keep from its middle.
head -c 80000 "$shared/data/tinystories-eval-200.txt" >"$work/stories"
tail -c +1000001 "$shared/data/tinystories-head-2MiB.txt" | head -c 200000 >"$work/keep.txt"

# ---- one adaptation ----

perplexity() { # MODEL TEXT [ARGS...]
    model=$1 text=$2
    shift 2
    "$bantam" eval "$model" --perplexity "$text" --json "$@" | sed 's/.*"perplexity"://; s/[^0-9.].*//'
}

status=0
prove() { # NAME MODEL STYLE own|file
    keep=
    [ "$4" = own ] || keep="--keep $work/keep.txt"
    start=$(date +%s)
    # shellcheck disable=SC2086
    "$bantam" adapt "$2" "$work/$3.txt" -o "$work/lora.gguf" --steps 100 $keep --json -q >"$work/json"
    seconds=$(($(date +%s) - start))
    memory=$(sed 's/.*"planned_bytes":\([0-9]*\),"peak_bytes":\([0-9]*\).*/\1 \2/' "$work/json")
    printf '%s %s %s %s %s %s %s %s %s\n' "$1" "$3" "$4" \
        "$(perplexity "$2" "$work/$3.held")" "$(perplexity "$2" "$work/$3.held" --lora "$work/lora.gguf")" \
        "$(perplexity "$2" "$work/stories")" "$(perplexity "$2" "$work/stories" --lora "$work/lora.gguf")" \
        "$memory" "$seconds" | awk '{
            style = 100 * ($5 / $4 - 1); stories = 100 * ($7 / $6 - 1)
            good = style <= -20 && stories < 5
            printf "%-20s %-8s %-5s %8.2f %8.2f %+6.1f %% %8.3f %8.3f %+6.1f %% %7.1f %7.1f %5d  %s\n", \
                $1, $2, $3, $4, $5, style, $6, $7, stories, $8 / 1e6, $9 / 1e6, $10, good ? "holds" : "FAILS"
            exit !good }' || status=1
}

printf '%-20s %-8s %-5s %26s %28s %15s %5s\n' model style keep 'style before, after' 'stories before, after' \
    'MB plan, peak' s
for name in stories260K llama2xs-279K babyllama-361; do
    for type in b4 b8; do
        "$bantam" quantize "$weights/$name-F32.gguf" "$work/$name-$type.gguf" --type "$type" -q
    done
done
for style in reviews wiki; do
    prove stories260K-F32 "$weights/stories260K-F32.gguf" "$style" own
    prove stories260K-F32 "$weights/stories260K-F32.gguf" "$style" file
    prove stories260K-Q4_K_M "$weights/stories260K-Q4_K_M.gguf" "$style" own
    prove stories260K-B4 "$work/stories260K-b4.gguf" "$style" own
    prove stories260K-B8 "$work/stories260K-b8.gguf" "$style" file
    prove llama2xs-279K-Q4_0 "$weights/llama2xs-279K-Q4_0.gguf" "$style" own
    prove llama2xs-279K-B4 "$work/llama2xs-279K-b4.gguf" "$style" file
    prove babyllama-361-F16 "$weights/babyllama-361-F16.gguf" "$style" own
    prove babyllama-361-B4 "$work/babyllama-361-b4.gguf" "$style" file
done
exit $status
