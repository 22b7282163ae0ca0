#!/bin/sh
# demo.sh BUILD - the main job, on a machine that has no model but the built-in one.
set -eu
build=$1
bantam=$build/bantam

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
[ -t 1 ] && [ -z "${NO_COLOR:-}" ] || say() { printf '\n%s\n' "$*"; }

if ! "$bantam" list -q | grep -q -x bantam-mini; then
    echo "this build has no built-in model: models/bantam-mini.gguf is not there, or BANTAM_BUILTIN is off" >&2
    exit 1
fi
say "bantam-mini, the small model inside the program"
"$bantam" inspect | grep -E '^(bytes|type|parameters|layers|width|vocabulary|context) '

say "\$ bantam run \"Tell me a story about a dog.\""
"$bantam" run -v --temp 0.6 --min-p 0.05 --seed 7 "Tell me a story about a dog." 2>"$build/demo.err"
echo
tail -n 1 "$build/demo.err"

say "\$ bantam sentiment"
"$bantam" sentiment -q <<'EOT'
A warm and funny film that made me smile from start to end.
The plot is a mess and the jokes fall flat.
It is a charming and often moving journey.
I was bored after ten minutes, and it only got worse.
The actors are wonderful, and the music is beautiful.
EOT

text="Anna lives in Oakville and is a baker. She works in a small bakery. Anna bakes fresh bread every \
day. She gets up early. People like her because she is friendly. On Sundays she rides a horse."
say "A paragraph"
echo "$text" | fold -s -w 96
say "\$ bantam summarize --method abstract"
echo "$text" | "$bantam" summarize -q --method abstract

say "The memory planned for all this, and the most that the whole process held, in bytes"
"$bantam" run --json --temp 0 "Who are you?" | tr ',{' '[\n*]' | grep -E '_bytes"' | tr -d '"}'

say "\$ bantam fit"
"$bantam" fit -q 2>/dev/null | head -n 12

say "Now give it a real model: bantam run path/to/model.gguf \"Write a haiku about chickens.\""
