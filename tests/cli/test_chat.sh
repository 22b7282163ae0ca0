#!/bin/sh
# Conversations: through a pipe, and on a terminal made by script(1) where there is one.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
shared_found 30 || exit 0
helpers

MODEL=$LM/smollm2-a/hf

json() {
    "$JSON" "$T/out" "$@" 2>/dev/null
}

# chat OPTIONS...: a chat with the lines of $T/in.
chat() {
    rc=0
    "$BANTAM" chat "$MODEL" --temp 0 -n 6 "$@" <"$T/in" >"$T/out" 2>"$T/err" || rc=$?
}

printf 'Hi\nAnd you?\n/save %s\n/bye\nnever read\n' "$T/saved.json" >"$T/in"
chat -c 1000
check "chat exits 0" [ "$rc" -eq 0 ]
check "two messages, two answers" [ "$("$JSON" -n "$T/saved.json" messages)" = 4 ]
check "the first is the user's" [ "$("$JSON" "$T/saved.json" messages 0 role)" = user ]
check "the first as it was typed" [ "$("$JSON" "$T/saved.json" messages 0 content)" = Hi ]
check "the second is the assistant's" [ "$("$JSON" "$T/saved.json" messages 1 role)" = assistant ]
check "no prompt is printed into a pipe" [ -z "$(grep '^> ' "$T/out" "$T/err")" ]

# The answer to the same messages is the same, whether they were typed or loaded.
chat -c 1000 --json
sed -n 2p "$T/out" >"$T/second"
printf '/load %s\n/system\n/save %s\n' "$T/saved.json" "$T/again.json" >"$T/in"
chat -c 1000
check "what was saved is loaded" cmp -s "$T/saved.json" "$T/again.json"

printf 'Hi\n/clear\nAnd you?\n' >"$T/in"
chat -c 1000 --json -q
sed -n 2p "$T/out" >"$T/cleared"
printf 'And you?\n' >"$T/in"
chat -c 1000 --json -q
check "after /clear the conversation begins anew" \
    [ "$("$JSON" "$T/cleared" tokens)" = "$(json tokens)" ]

printf '/system Be brief.\nHi\n' >"$T/in"
chat -c 1000 --json -q
told=$(json prompt_tokens)
printf 'Hi\n' >"$T/in"
chat -c 1000 --json -q --system "Be brief."
check "/system and --system are the same" [ "$(json prompt_tokens)" = "$told" ]

# Only what is new is computed in the second turn.
printf 'Hi\nHi\n' >"$T/in"
chat -c 1000 --json -q
first=$(sed -n 1p "$T/out" | "$JSON" - prompt_tokens)
second=$(sed -n 2p "$T/out" | "$JSON" - prompt_tokens)
"$BANTAM" run "$MODEL" --temp 0 -n 1 --json Hi >"$T/one" 2>"$T/err"
check "the first turn feeds what run feeds" [ "$first" = "$("$JSON" "$T/one" prompt_tokens)" ]
check "the second turn does not feed the first again" [ "$second" -lt $((2 * first)) ]

printf '"""one\ntwo"""\n/save %s\n' "$T/block.json" >"$T/in"
chat -c 1000
check "three quotes hold several lines" \
    [ "$("$JSON" "$T/block.json" messages 0 content)" = "$(printf 'one\ntwo')" ]

printf 'Hi\n%0500d\n/save %s\n' 7 "$T/full.json" >"$T/in"
chat -c 200
check "a message too long for the context: chat goes on" [ "$rc" -eq 0 ]
check "and says both numbers" contains "$T/err" "the context holds 200"
check "and keeps the conversation" [ "$("$JSON" -n "$T/full.json" messages)" = 2 ]

printf '/nothing\n/save\n/load %s\n/help\n/stats\n' "$T/absent" >"$T/in"
chat -c 1000
check "commands that are none do not end the chat" [ "$rc" -eq 0 ]
check "commands print nothing on standard output" [ ! -s "$T/out" ]
printf '{"messages":[{"role":1}]}' >"$T/bad.json"
printf '/load %s\n' "$T/bad.json" >"$T/in"
chat -c 1000
check "messages that are none are refused" contains "$T/err" "expected"
: >"$T/in"
chat -c 1000
check "no line at all: exit 0" [ "$rc" -eq 0 ]
printf 'no newline at the end' >"$T/in"
chat -c 1000
check "a last line without a newline is read" [ -s "$T/out" ]

# A terminal: text of the model and of files is escaped there, and only there.
if command -v script >/dev/null && script -qec true /dev/null >/dev/null 2>&1; then
    script -qec "'$BANTAM' tokenize '$MODEL' --json hi" /dev/null >"$T/out" </dev/null
    check "JSON on a terminal is the same" quietly "$JSON" "$T/out" tokens
    printf '\033[31mred\007' >"$T/red"
    ids=$("$BANTAM" tokenize "$MODEL" <"$T/red" | tr ' ' ,)
    "$BANTAM" tokenize "$MODEL" --decode "$ids" >"$T/out"
    check "a pipe gets the bytes" cmp -s "$T/out" "$T/red"
    script -qec "'$BANTAM' tokenize '$MODEL' --decode $ids" /dev/null >"$T/out" </dev/null
    check "a terminal gets no escape" [ -z "$(grep "$(printf '\033')" "$T/out")" ]
    check "but its spelling" contains "$T/out" '\x1b[31mred\x07'
    printf '/bye\n' | script -qec "'$BANTAM' chat '$MODEL' -c 1000" /dev/null >"$T/out" 2>&1
    check "chat on a terminal shows a prompt" contains "$T/out" "> "
else
    echo "skipped 5 cases: no script(1)"
fi

finish
