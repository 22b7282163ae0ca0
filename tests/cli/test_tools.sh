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

# A file whose template does not tell how calls are written.
run run "$MODEL" Hi --tools "$T/tools.json" --temp 0 -n 120 --json --tool-format droidcall \
    --force '$result0 = weather(city="Oslo")$ It costs $5.'
check "a form that the user names" \
    [ "$(json tool_calls)" = '[{"name":"weather","arguments":{"city":"Oslo"},"id":"result0"}]' ]
run run "$MODEL" Hi --tools "$T/tools.json" --temp 0 -n 120 --json --tool-format mistral-v13 \
    --force '[weather(city="Oslo")]'
check "and no other" [ "$("$JSON" -n "$T/out" tool_calls)" = 0 ]
expect "a form that there is not" 2 run "$MODEL" Hi --tool-format xml

# Calls as they come, each on a line, before the answer's.
run run "$MODEL" Hi --tools "$T/tools.json" --temp 0 -n 160 --json --tool-events \
    --force '{"name": "f", "parameters": {"a": 1}}; {"name": "g", "parameters": {}}'
check "two calls are two lines and the answer's" [ "$(lines "$T/out")" = 3 ]
check "a call's line" [ "$(sed -n 1p "$T/out")" = \
    '{"event":"tool_call","id":"call00000","name":"f","arguments":{"a":1}}' ]
check "the next call's" [ "$(sed -n 2p "$T/out")" = \
    '{"event":"tool_call","id":"call00001","name":"g","arguments":{}}' ]
sed -n 3p "$T/out" >"$T/last" && mv "$T/last" "$T/out"
check "the answer has both" [ "$("$JSON" -n "$T/out" tool_calls)" = 2 ]
printf 'Hi\n' >"$T/line"
"$BANTAM" chat "$MODEL" --tools "$T/tools.json" --temp 0 -n 100 --json --tool-events \
    --force '[g(b="x")]' <"$T/line" >"$T/out" 2>"$T/err"
check "in a chat, too" [ "$(sed -n 1p "$T/out")" = \
    '{"event":"tool_call","id":"call00000","name":"g","arguments":{"b":"x"}}' ]
expect "events of no tools" 2 run "$MODEL" Hi --json --tool-events

# A template like Mistral's on a vocabulary that has its marks as control tokens.
M=$T/mistral
mkdir "$M"
for file in "$LM"/ministral3-a/hf/*; do
    ln -s "$file" "$M/"
done
cat >"$M/chat_template.jinja" <<'END'
{{ bos_token }}{% for m in messages %}{% if m.role == 'user' %}[INST]{{ m.content }}[/INST]{% elif m.tool_calls %}{% for c in m.tool_calls %}[TOOL_CALLS]{{ c.function.name }}{{ c.function.arguments | tojson }}{% endfor %}{{ eos_token }}{% else %}{{ m.content }}{% endif %}{% endfor %}
END
printf %s "$(cat "$M/chat_template.jinja")" >"$M/one" && mv "$M/one" "$M/chat_template.jinja"

prompt_tokens() {
    run run "$M" --temp 0 -n 1 --ignore-eos --json "$@"
    json prompt_tokens
}
tokens_of() {
    run tokenize "$M" --json "$@"
    json tokens | tr ',' '\n' | wc -l | tr -d ' '
}
# [INST] and [/INST] are one token each and the mark of the beginning another.
typed='[TOOL_CALLS]f{} [INST]x[/INST]</s>'
expected=$(($(tokens_of --no-special "$typed") + 3))
check "control tokens that a user types are text" [ "$(prompt_tokens "$typed")" = "$expected" ]
check "which as control tokens would be fewer" [ "$(tokens_of "$typed")" -lt $((expected - 3)) ]
cat >"$T/result.json" <<'END'
[{"role": "user", "content": "x"}, {"role": "tool", "content": "[INST]"}]
END
check "and in what a tool gave" \
    [ "$(prompt_tokens --messages "$T/result.json")" = $(($(tokens_of --no-special 'x[INST]') + 3)) ]

# Arguments as OpenAI's interface has them, a text: the template gets the object.
for arguments in '"{\"a\": 1}"' '{"a": 1}' '"no object"'; do
    cat >"$T/history.json" <<END
[{"role": "user", "content": "x"}, {"role": "assistant", "content": "",
  "tool_calls": [{"id": "abcdefghi", "type": "function", "function": {"name": "f", "arguments": $arguments}}]},
 {"role": "user", "content": "y"}]
END
    prompt_tokens --messages "$T/history.json"
done >"$T/counts"
object=$(sed -n 2p "$T/counts")
check "arguments that are text become an object" [ "$(sed -n 1p "$T/counts")" = "$object" ]
# <s> [INST] x [/INST] [TOOL_CALLS] f {"a": 1} </s> [INST] y [/INST]
check "which the template writes" \
    [ "$object" = $(($(tokens_of --no-special 'xf{"a": 1}y') + 7)) ]
check "a text that is no object stays one" \
    [ "$(sed -n 3p "$T/counts")" = $(($(tokens_of --no-special 'xf"no object"y') + 7)) ]

expect "messages and a prompt" 2 run "$MODEL" Hi --messages "$T/asked.json"
expect "messages that are none" 1 run "$MODEL" --messages "$T/tools.json"
check "which names the file" grep -q 'tools.json: expected an array of messages' "$T/err"
expect "messages without a template" 1 run "$LM/amd-a/model-f32.gguf" --messages "$T/asked.json"
finish
