#!/bin/sh
# Fewer words, through the command: what is written, what is said, what is refused.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
helpers

json() {
    "$JSON" "$T/out" "$@"
}

printf 'Once upon a time there was a cat. ' >"$T/text"
: >"$T/empty"
for keep in x 0 -3 101% 1.5 32m ''; do
    expect "--vocab '$keep'" 2 prune a.gguf b.gguf --vocab "$keep" --calibrate "$T/text"
done
expect "words and layers" 2 prune a.gguf b.gguf --vocab 9 --layers 1 --calibrate "$T/text"
expect "words without a text" 2 prune a.gguf b.gguf --vocab 300

shared_found 20 || finish
MODEL=$SHARED/weights/gguf/stories260K-F32.gguf

expect "fewer than must stay" 1 prune "$MODEL" "$T/x.gguf" --vocab 100 --calibrate "$T/text"
check "the least number is named" contains "$T/err" "260 tokens that stay"
expect "more than there are" 1 prune "$MODEL" "$T/x.gguf" --vocab 1k --calibrate "$T/text"
check "the most is named" contains "$T/err" "at most 512"
expect "an empty text" 1 prune "$MODEL" "$T/x.gguf" --vocab 300 --calibrate "$T/empty"
expect "a text that is not there" 1 prune "$MODEL" "$T/x.gguf" --vocab 300 --calibrate "$T/none"
check "no file is left of any" [ ! -e "$T/x.gguf" ]

run prune "$MODEL" "$T/small.gguf" --vocab 384 --calibrate "$T/text" --json
check "words: exit 0" [ "$rc" -eq 0 ]
check "nothing is said" [ ! -s "$T/err" ]
check "how many went" [ "$(json removed words)" -eq 128 ]
# Of 64 columns, in the embedding and in the head.
check "two rows for each" [ "$(json removed parameters)" -eq $((2 * 128 * 64)) ]
check "the words of the text" [ "$(json text words)" -eq 8 ]
check "all of it in words that stay" [ "$(json text bytes)" -eq "$(json text kept_bytes)" ]
check "as many tokens as before" [ "$(json text tokens_before)" -eq "$(json text tokens_after)" ]
"$BANTAM" inspect "$T/small.gguf" --json >"$T/out"
check "the file says its words" [ "$(json model n_vocab)" -eq 384 ]
run run "$T/small.gguf" --raw -n 8 --temp 0 "Once upon a time"
check "it runs" [ "$rc" -eq 0 ]
check "and says something" [ -s "$T/out" ]

run prune "$MODEL" "$T/share.gguf" --vocab 75% --calibrate "$T/text"
check "three quarters are as many" cmp -s "$T/share.gguf" "$T/small.gguf"

# A text of words that went is spelled, and comes back.
run prune "$MODEL" "$T/least.gguf" --vocab 260 --calibrate "$T/text"
printf 'Zo\303\253 said: the naughty dragon flew away!\n' >"$T/other"
"$BANTAM" tokenize "$T/least.gguf" <"$T/other" >"$T/ids"
"$BANTAM" tokenize "$T/least.gguf" --decode "$(tr -s ' \n' ',' <"$T/ids" | sed 's/,$//')" >"$T/back"
check "it comes back" cmp -s "$T/back" "$T/other"
"$BANTAM" tokenize "$MODEL" <"$T/other" >"$T/before"
check "in more tokens" [ "$(wc -w <"$T/ids")" -gt "$(wc -w <"$T/before")" ]
finish
