#!/bin/sh
# guess_check.sh BUILD MODEL TEXT HOW... - how often guesses come true on real text: the first words of the
# first lines of TEXT are continued without guesses, and with them; each HOW is one argument, "--draft d.gguf" or
# "--lookup". Fails where an answer differs. WORDS (8), LINES (40), TOKENS (80), GUESSES (7) and TEMP (0) change
# the rest.
set -eu
usage="usage: guess_check.sh BUILD MODEL TEXT HOW..."
build=${1:?$usage}
model=${2:?$usage}
text=${3:?$usage}
shift 3
: "${1:?$usage}"
BANTAM=$build/bantam
JSON=$build/tests/json_get
T=$(mktemp -d "${TMPDIR:-/tmp}/bantam-guess.XXXXXX")
trap 'rm -rf "$T"' EXIT
trap 'exit 1' HUP INT TERM
head -n "${LINES:-40}" "$text" | cut -d ' ' -f "1-${WORDS:-8}" >"$T/prompts"

# answer FILE ARGS: the texts go to FILE, what was guessed to FILE.counts.
answer() {
    file=$1
    shift
    while IFS= read -r prompt; do
        "$BANTAM" run "$model" "$prompt" --raw -n "${TOKENS:-80}" --temp "${TEMP:-0}" --seed 3 --json -q "$@" \
            </dev/null >"$T/answer"
        "$JSON" "$T/answer" text >>"$file"
        { "$JSON" "$T/answer" completion_tokens && echo; } >>"$file.counts"
        for figure in drafted accepted; do
            { "$JSON" "$T/answer" speculation $figure 2>/dev/null || printf 0; } >>"$file.counts"
            echo >>"$file.counts"
        done
    done <"$T/prompts"
}

answer "$T/plain"
printf '%-28s %8s %9s %8s %12s\n' guesses drafted accepted share tokens/pass
for how in "$@"; do
    rm -f "$T/guessed" "$T/guessed.counts"
    # shellcheck disable=SC2086
    answer "$T/guessed" $how --draft-tokens "${GUESSES:-7}"
    cmp -s "$T/plain" "$T/guessed" || { echo "$how: another answer than without guesses" >&2; exit 1; }
    awk -v how="$how" 'NF { v[n++ % 3] += $1 } END {
        printf "%-28s %8d %9d %6.0f %% %12.2f\n", how, v[1], v[2], 100 * v[2] / (v[1] ? v[1] : 1), v[0] / (v[0] - v[2])
    }' "$T/guessed.counts"
done
