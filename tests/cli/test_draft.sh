#!/bin/sh
# Guesses at what comes next: whoever makes them the answer is the same, and what makes no sense is
# refused.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
helpers

MINI=$HERE/../../models/bantam-mini.gguf
"$BANTAM" quantize "$MINI" "$T/small.gguf" --type q4_0 2>"$T/err" || cat "$T/err"
ask="Tell me a story about a dog who finds a ball. The dog finds a ball, and the dog finds a ball."

# answer NAME ARGS...: an answer of 60 tokens, and its tokens one by one.
answer() {
    name=$1
    shift
    run run "$MINI" "$ask" -n 60 --json "$@"
    mv "$T/out" "$T/$name"
    "$JSON" "$T/$name" tokens >"$T/$name.tokens"
}

for how in "--temp 0" "--temp 0.9 --seed 7"; do
    # shellcheck disable=SC2086 # options are words
    {
        answer plain $how
        answer lookup $how --lookup
        answer draft $how --draft "$T/small.gguf"
        answer both $how --lookup --draft "$T/small.gguf" --draft-tokens 7
    }
    check "$how: there is an answer" [ -s "$T/plain.tokens" ]
    for name in lookup draft both; do
        check "$how: the same answer with $name" cmp -s "$T/plain.tokens" "$T/$name.tokens"
    done
    check "$how: nothing is drafted unasked" [ "$("$JSON" "$T/plain" speculation drafted)" = 0 ]
    check "$how: some guesses of the smaller model come true" \
        [ "$("$JSON" "$T/both" speculation accepted)" -gt 5 ]
    check "$how: no more than were made" \
        [ "$("$JSON" "$T/both" speculation accepted)" -le "$("$JSON" "$T/both" speculation drafted)" ]
done

run bench "$MINI" --draft "$T/small.gguf" --draft-tokens 4 --accept 0.7 -p 16 -n 100 -r 2 --json
length=$("$JSON" "$T/out" draft_length)
check "bench drafts as many as it is told" awk -v n="$length" 'BEGIN { exit !(n > 3.8 && n <= 4) }'
check "and says that it did" [ "$("$JSON" "$T/out" replayed)" = true ]
share=$("$JSON" "$T/out" acceptance)
check "about as many as --accept says" awk -v s="$share" 'BEGIN { exit !(s > 0.5 && s < 0.9) }'

expect "eight guesses at once" 2 run "$MINI" hi --lookup --draft-tokens 8
expect "a draft that is not there" 1 run "$MINI" hi --draft "$T/nothing.gguf"
check "is named" contains "$T/err" "nothing.gguf"
expect "a draft beside a budget" 2 run "$MINI" hi --draft "$T/small.gguf" --memory 1G
expect "a share above 1" 2 bench "$MINI" --draft "$T/small.gguf" --accept 1.5
if [ -x "${BANTAM_BUILD:-}/bantam-random-model" ]; then
    "$(emulated "$BANTAM_BUILD/bantam-random-model")" small F16 1 "$T/other.gguf"
    expect "a draft of another vocabulary" 1 run "$MINI" hi --draft "$T/other.gguf"
    check "is told so" contains "$T/err" "vocabulary"
fi
finish
