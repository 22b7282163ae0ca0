#!/bin/sh
# Help, version, and command lines that make no sense. Needs no model.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

run
check "without arguments: help on standard error, exit 2" [ "$rc" -eq 2 ]
check "without arguments: nothing on standard output" [ ! -s "$T/out" ]
check "without arguments: the commands are listed" contains "$T/err" "tokenize"

run --help
check "--help exits 0" [ "$rc" -eq 0 ]
check "--help goes to standard output" contains "$T/out" "usage: bantam"
check "--help says nothing on standard error" [ ! -s "$T/err" ]
run --version
check "--version is one line" [ "$(lines "$T/out")" -eq 1 ]
check "--version names the program" contains "$T/out" "bantam "

for command in run chat tokenize template logits inspect eval bench convert quantize prune merge train pull adapt list show rm \
    doctor fit summarize sentiment personalize; do
    run "$command" --help
    check "$command --help exits 0" [ "$rc" -eq 0 ]
    check "$command --help has examples" contains "$T/out" "Examples:"
    check "$command --help names --json" contains "$T/out" "--json"
    cp "$T/out" "$T/long"
    run help "$command"
    check "help $command is the same text" cmp -s "$T/out" "$T/long"
    run "$command" -h
    check "$command -h is the same text" cmp -s "$T/out" "$T/long"
    check "$command --help fits 80 columns" [ -z "$(grep -n '.\{81,\}' "$T/long")" ]
done

# What this release does not have does not exist.
for command in serve; do
    expect "$command is an unknown command" 2 "$command" x
done
for option in --image; do
    run run --help
    check "run --help does not offer $option" [ -z "$(grep -e "$option" "$T/out")" ]
done

expect "logits without MODEL" 2 logits --tokens 1 -o x
check "logits without MODEL says what to give" contains "$T/err" ".gguf"
expect "an option before the command" 2 --json run
expect "help for an unknown command" 2 help nothing
expect "a word too many" 2 run model.gguf one two
expect "a word too few" 2 convert in.gguf
expect "template without a file" 2 template model.gguf
expect "an unknown long option" 2 run model.gguf hi --nothing
expect "an unknown short option" 2 run model.gguf hi -Z
expect "the beginning of an option is not the option" 2 run model.gguf hi --temperatur 1
expect "--tem is not --temp" 2 run model.gguf hi --tem 1
expect "an option of another command" 2 run model.gguf hi --tensors
expect "an argument that is missing" 2 run model.gguf hi --temp
expect "a flag with an argument" 2 run model.gguf hi --json=yes
expect "logits without tokens" 2 logits model.gguf -o x
expect "logits without a file" 2 logits model.gguf --tokens 1
expect "eval without a file" 2 eval model.gguf
expect "rm of a model that is not there" 1 rm model.gguf
expect "rm of nothing" 2 rm
check "rm says what it can remove" contains "$T/err" "--cache"
expect "pull of nothing" 2 pull
expect "pull of two" 2 pull a/b c/d
expect "show of nothing" 2 show
expect "a folder and --available" 2 list --available .
expect "a small form of a small form" 2 pull smollm2:135m-q4 --quantize b8
expect "a prompt and tokens" 2 run model.gguf hi --tokens 1
expect "--logprobs without --json" 2 run model.gguf hi --logprobs 2
expect "--raw with --system" 2 run model.gguf hi --raw --system x
expect "--decode with a text" 2 tokenize model.gguf text --decode 1
expect "--json and rows on one stream" 2 logits model.gguf --tokens 1 -o - --json

# The same line with POSIXLY_CORRECT: options may stand after words there, too.
rc=0
POSIXLY_CORRECT=1 "$BANTAM" tokenize nothing.gguf text --no-such >"$T/out" 2>"$T/err" || rc=$?
check "options after words whatever POSIXLY_CORRECT says" [ "$rc" -eq 2 ]
run tokenize nothing.gguf -- --no-special
check "after -- a dash begins no option" [ "$rc" -eq 1 ]

run run --json model.gguf hi --ctx 1e3
check "with --json a usage error is JSON, too" contains "$T/out" '{"error":{"code":"invalid"'
check "and still exits 2" [ "$rc" -eq 2 ]
run run --ctx 1e3 --json model.gguf hi
check "also where --json stands behind the error" contains "$T/out" '{"error":{"code":"invalid"'
run run --ctx 1e3 model.gguf -- --json
check "but not where it is no option" [ ! -s "$T/out" ]

run run "$T/nothing.gguf" hi --json
check "a file that is not there: exit 1" [ "$rc" -eq 1 ]
check "a file that is not there: code io" contains "$T/out" '{"error":{"code":"io"'
check "a file that is not there: one line" [ "$(lines "$T/err")" -eq 1 ]
expect "a name that nothing has" 1 run no-such-model-anywhere hi

run list --json
sed 's/{"name":"bantam-mini"[^}]*}//' "$T/out" >"$T/others"
check "list of an empty cache: at most the built-in model" [ "$(cat "$T/others")" = '{"models":[]}' ]
run doctor
check "doctor exits 0" [ "$rc" -eq 0 ]
run doctor --json
check "doctor --json names the version" contains "$T/out" '"version":'

# A locale with a decimal comma, where the machine has one, and odd surroundings.
for locale in de_DE.UTF-8 fr_FR.UTF-8; do
    rc=0
    LC_ALL=$locale "$BANTAM" doctor --json >"$T/out" 2>"$T/err" || rc=$?
    check "doctor in $locale" [ "$rc" -eq 0 ]
done
rc=0
env -i "$BANTAM" doctor >"$T/out" 2>"$T/err" || rc=$?
check "doctor without any environment" [ "$rc" -eq 0 ]
rc=0
"$BANTAM" --help >/dev/full 2>"$T/err" || rc=$?
check "help that cannot be written: exit 1" [ "$rc" -eq 1 ]
check "help that cannot be written: one line" [ "$(lines "$T/err")" -eq 1 ]
rc=0
"$BANTAM" --help >&- 2>"$T/err" || rc=$?
check "help into a closed standard output: exit 1" [ "$rc" -eq 1 ]

finish
