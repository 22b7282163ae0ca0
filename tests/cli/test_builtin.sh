#!/bin/sh
# The model that is built in: found by its name and where MODEL is absent.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

run list -q
if [ "$(cat "$T/out")" != bantam-mini ]; then
    expect "without a built-in model its name is none" 1 run bantam-mini hi
    expect "without a built-in model MODEL is wanted" 2 run
    check "and what to give is said" contains "$T/err" ".gguf"
    echo "skipped the cases of the built-in model: this build has none"
    finish
fi

run list --json
check "list --json: its name is its path" contains "$T/out" '"path":"bantam-mini"'
run inspect bantam-mini --json
check "inspect bantam-mini" [ "$rc" -eq 0 ]
cp "$T/out" "$T/named"
run inspect --json
check "inspect without MODEL is the same" cmp -s "$T/out" "$T/named"

run run bantam-mini --temp 0 -n 8 "Who are you?"
check "run bantam-mini answers" [ -s "$T/out" ]
cp "$T/out" "$T/named"
run run --temp 0 -n 8 "Who are you?"
check "run with a prompt alone answers the same" cmp -s "$T/out" "$T/named"
rc=0
printf 'Who are you?' | "$BANTAM" run --temp 0 -n 8 >"$T/out" 2>"$T/err" || rc=$?
check "run with a prompt on standard input, too" cmp -s "$T/out" "$T/named"
expect "a word without spaces is a MODEL" 1 run Hello
expect "run of an empty prompt is no model" 1 run ""
run tokenize "two words"
check "tokenize of a text alone" [ "$rc" -eq 0 ]
run tokenize bantam-mini "two words"
cp "$T/out" "$T/named"
run tokenize "two words"
check "is that of the built-in model" cmp -s "$T/out" "$T/named"
printf '/bye\n' | "$BANTAM" chat >"$T/out" 2>"$T/err" || rc=$?
check "chat without MODEL" [ "$rc" -eq 0 ]
run eval --perplexity LICENSE --json
check "eval without MODEL" contains "$T/out" perplexity
run bench -p 16 -n 4 -r 1 --json
check "bench without MODEL" contains "$T/out" bantam-mini

# A file of that name is itself.
(cd "$T" && : >bantam-mini && "$BANTAM" inspect bantam-mini >out 2>err) && rc=0 || rc=$?
check "a file that is called so is the model" [ "$rc" -eq 1 ]
rm -f "$T/bantam-mini"
run convert bantam-mini "$T/copy.gguf"
check "convert writes it as a file" [ -s "$T/copy.gguf" ]

finish
