#!/bin/sh
# Many prompts in one command: each is answered as it would be alone, whoever is answered beside it,
# and what goes wrong with one is told in its place.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
helpers

MINI=$HERE/../../models/bantam-mini.gguf
cat >"$T/asks.jsonl" <<'END'
{"prompt": "Once upon a time", "id": "first"}
{"prompt": "The dog and the cat went out to find the ball, and the dog found it.", "more": 1}

{"prompt": "Why?", "id": 3}
{"prompt": "Tell me a story about a bird.", "id": [4]}
{"prompt": "Once upon a time"}
END

# line FILE N: its Nth line as a file.
line() { sed -n "$2p" "$1" >"$T/line"; }

for how in "--temp 0" "--temp 0.9 --seed 7 --stop the --ban dog"; do
    # shellcheck disable=SC2086 # options are words
    {
        run run "$MINI" --prompts "$T/asks.jsonl" --parallel 3 -n 12 --json $how
        cp "$T/out" "$T/many"
        check "$how: a line for each" [ "$(wc -l <"$T/many")" = 5 ]
        "$BANTAM" run "$MINI" --prompts - --parallel 1 -n 12 --json $how <"$T/asks.jsonl" >"$T/out"
        check "$how: the same one at a time" cmp -s "$T/many" "$T/out"
        run run "$MINI" --prompts "$T/asks.jsonl" --parallel 64 -n 12 --json -t 1 --ctx 100 $how
        check "$how: the same all at once" cmp -s "$T/many" "$T/out"
        n=0
        for ask in "Once upon a time" \
            "The dog and the cat went out to find the ball, and the dog found it." "Why?"; do
            n=$((n + 1))
            run run "$MINI" "$ask" -n 12 --json $how
            line "$T/many" $n
            for key in text finish prompt_tokens completion_tokens; do
                check "$how: $key of answer $n is that of the prompt alone" \
                    [ "$("$JSON" "$T/line" $key)" = "$("$JSON" "$T/out" $key)" ]
            done
        done
    }
done
line "$T/many" 1
check "a line's id comes back" [ "$("$JSON" "$T/line" id)" = first ]
check "with --json tokens too" contains "$T/line" '"tokens"'

long=$(awk 'BEGIN { for (i = 0; i < 200; i++) printf "ball " }')
printf '{"prompt": "%s", "id": 1}\n{"prompt": "Why?", "id": 2}\n' "$long" >"$T/long.jsonl"
expect "a prompt longer than the context" 1 run "$MINI" --prompts "$T/long.jsonl" --ctx 64 -n 4
line "$T/out" 1
check "is told in its place" [ "$("$JSON" "$T/line" error code)" = full ]
line "$T/out" 2
check "and the others are answered" [ "$("$JSON" "$T/line" completion_tokens)" -gt 0 ]

printf '{"prompt": "a"}\n{"text": "b"}\n' >"$T/bad.jsonl"
expect "a line without a prompt" 1 run "$MINI" --prompts "$T/bad.jsonl"
check "is named" contains "$T/err" "line 2"
check "before anything is answered" [ ! -s "$T/out" ]
: >"$T/empty.jsonl"
expect "a file of no prompts" 0 run "$MINI" --prompts "$T/empty.jsonl"
expect "a budget too small for so many" 1 run "$MINI" --prompts "$T/asks.jsonl" --parallel 5 --memory 12M
check "is told both numbers" contains "$T/err" "12582912"
expect "a prompt beside a file of them" 2 run "$MINI" hi --prompts "$T/asks.jsonl"
expect "a draft for many" 2 run "$MINI" --prompts "$T/asks.jsonl" --lookup
expect "--parallel alone" 2 run "$MINI" hi --parallel 4
expect "sixty-five at a time" 2 run "$MINI" --prompts "$T/asks.jsonl" --parallel 65

expect "sessions far into a context" 2 bench "$MINI" --sessions 3 --depth 8
run bench "$MINI" --sessions 3 -p 4 -n 8 -r 1 --json
check "bench tells how many sessions there were" [ "$("$JSON" "$T/out" sessions)" = 3 ]
for key in alone_tok_s together_tok_s each_tok_s speedup planned_bytes; do
    check "and its $key" awk -v x="$("$JSON" "$T/out" $key)" 'BEGIN { exit !(x > 0) }'
done
finish
