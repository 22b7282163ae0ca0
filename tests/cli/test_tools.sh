#!/bin/sh
# Tools: how a model is told of them, what it says they gave, and its calls as JSON.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
shared_found 14 || exit 0
helpers

MODEL=$LM/smollm2-a/hf
json() {
    "$JSON" "$T/out" "$@" 2>/dev/null
}
cat >"$T/tools.json" <<'END'
{"tools": [{"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}]}
END
cat >"$T/asked.json" <<'END'
[{"role": "user", "content": "Is it warm in Oslo?"}]
END
cat >"$T/told.json" <<'END'
{"messages": [{"role": "user", "content": "Is it warm in Oslo?"},
 {"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "weather", "arguments": {"city": "Oslo"}}}]},
 {"role": "tool", "content": "12 degrees"}]}
END
ask() {
    run run "$MODEL" --temp 0 -n 4 --ignore-eos --json "$@"
}

ask "Is it warm in Oslo?"
plain=$(json prompt_tokens)
said=$(json tokens)
ask --messages "$T/asked.json"
check "a conversation of one message is a prompt" [ "$(json tokens)" = "$said" ]
ask --messages "$T/asked.json" --tools "$T/tools.json"
with=$(json prompt_tokens)
check "tools are told, in a template that knows none" [ "$with" -gt $((plain + 200)) ]
ask --messages "$T/told.json" --tools "$T/tools.json"
check "calls and what they gave are told" [ "$(json prompt_tokens)" -gt $((with + 40)) ]

force() {
    run run "$MODEL" Hi --tools "$T/tools.json" --temp 0 -n 120 --json --force "$1"
}
force '[weather(city="Oslo", days=3)]'
check "a call in Python's words" \
    [ "$(json tool_calls)" = '[{"name":"weather","arguments":{"city":"Oslo","days":3}}]' ]
force '<tool_call>[{"name": "weather"'
check "half a call is none" [ "$("$JSON" -n "$T/out" tool_calls)" = 0 ]
check "and a note says why" grep -q "no call, and so text: " "$T/err"

expect "messages and a prompt" 2 run "$MODEL" Hi --messages "$T/asked.json"
expect "messages that are none" 1 run "$MODEL" --messages "$T/tools.json"
check "which names the file" grep -q 'tools.json: expected an array of messages' "$T/err"
expect "messages without a template" 1 run "$LM/amd-a/model-f32.gguf" --messages "$T/asked.json"
finish
