#!/bin/sh
# Training through the command: what is written and told, stopping and going on, what is refused.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
helpers

json() {
    "$JSON" "$T/last" "$@"
}

# below A B: whether the number A is below B.
# shellcheck disable=SC2317 # check() calls it
below() {
    awk -v a="$1" -v b="$2" 'BEGIN { exit !(a < b) }'
}

SLOW=${BANTAM_TIME_FACTOR:-1}
STEPS=400
if [ "$SLOW" -gt 1 ]; then STEPS=200; fi

# A text that follows a rule: who knows it needs far fewer bits than the letters' frequencies.
awk 'BEGIN {
    split("red green blue white black", colors, " ")
    split("cat dog bird fish mouse frog", pets, " ")
    for (i = 0; i < 400; i++)
        printf "The %s %s saw the %s %s.\n<|endoftext|>\n", colors[i % 5 + 1], pets[i % 6 + 1],
            colors[(i + 1) % 5 + 1], pets[(i + 2) % 6 + 1]
}' >"$T/text.txt"
cat >"$T/tiny.json" <<END
{"name": "tiny", "n_layers": 2, "n_embd": 32, "n_heads": 2, "n_kv_heads": 1, "n_ffn": 64,
 "context": 64, "vocab": 258, "batch_tokens": 256, "rate": 6e-3, "warmup": 5, "held_out": 0.1,
 "held_out_steps": 20, "steps": $STEPS}
END
# Nats a byte where only the frequency of each byte is known.
entropy=$(od -An -v -t u1 -w1 "$T/text.txt" | awk '{ n[$1]++; all++ }
    END { for (b in n) h -= n[b] / all * log(n[b] / all); print h }')

expect "a word too few" 2 train "$T/tiny.json"
expect "without -o" 2 train "$T/tiny.json" "$T/text.txt"
expect "--type of train" 2 train "$T/tiny.json" "$T/text.txt" -o x --type q4_0
expect "without a config" 1 train "$T/none.json" "$T/text.txt" -o "$T/x.gguf"
expect "without data" 1 train "$T/tiny.json" "$T/none.txt" -o "$T/x.gguf"
expect "to a folder" 1 train "$T/tiny.json" "$T/text.txt" -o "$T"
echo '{"n_layer": 2}' >"$T/bad.json"
expect "a member that is not known" 1 train "$T/bad.json" "$T/text.txt" -o "$T/x.gguf"
check "is named with its file" contains "$T/err" "bad.json: n_layer"
echo '{"text": 5}' >"$T/bad.jsonl"
expect "a line that is no text" 1 train "$T/tiny.json" "$T/bad.jsonl" -o "$T/x.gguf"
check "is named with its file and number" contains "$T/err" "bad.jsonl: line 1: text"
check "nothing is left" [ -z "$(ls "$T"/x.gguf* 2>/dev/null)" ]

# ---- a run ----

run train "$T/tiny.json" "$T/text.txt" -o "$T/one.gguf" -t 1 --log "$T/log" --json
check "a run: exit 0" [ "$rc" -eq 0 ]
check "a line of JSON for the plan, every step and the result" \
    [ "$(lines "$T/out")" -eq 2 ]
check "the log has a line for every step" [ "$(lines "$T/log")" -eq "$STEPS" ]
tail -n 1 "$T/out" >"$T/last"
check "the result names the file" [ "$(json path)" = "$T/one.gguf" ]
check "and its size" [ "$(json bytes)" -eq "$(wc -c <"$T/one.gguf")" ]
held=$(json held_out_loss)
check "the held-out loss $held is below a third of the bytes' entropy $entropy" \
    below "$held" "$(awk -v h="$entropy" 'BEGIN { print h / 3 }')"
tail -n 1 "$T/log" >"$T/last"
check "the last line is of the last step" [ "$(json step)" -eq "$STEPS" ]
check "its rate is a tenth of the highest" below "$(json rate)" 0.00060001
check "the checkpoint is gone" [ ! -e "$T/one.gguf.checkpoint" ]

run train "$T/tiny.json" "$T/text.txt" -o "$T/two.gguf" -t 2 -q
check "quietly: nothing is said" [ ! -s "$T/err" ]
check "two threads: the same bytes" cmp -s "$T/one.gguf" "$T/two.gguf"
run train "$T/tiny.json" "$T/text.txt" -o "$T/seed.gguf" -q --seed 2
check "another seed: other bytes" sh -c "! cmp -s '$T/one.gguf' '$T/seed.gguf'"

run inspect "$T/one.gguf" --json
cp "$T/out" "$T/last"
check "the model is a llama" [ "$(json model architecture)" = llama ]
run run "$T/one.gguf" --raw --temp 0 "The red cat saw the "
check "it knows the rule" contains "$T/out" "green bird."
check "and when to stop" [ "$(wc -c <"$T/out")" -lt 20 ]

# ---- stopping and going on ----

"$BANTAM" train "$T/tiny.json" "$T/text.txt" -o "$T/stop.gguf" --log "$T/stop.log" \
    >/dev/null 2>"$T/err.stop" </dev/null &
pid=$!
n=0
while [ "$n" -lt 4000 ] && { [ ! -s "$T/stop.log" ] || [ "$(lines "$T/stop.log")" -lt 5 ]; }; do
    sleep 0.02
    n=$((n + 1))
done
kill -TERM "$pid"
rc=0
wait "$pid" || rc=$?
if [ -z "${BANTAM_EMULATOR:-}" ]; then
    check "stopped: exit 143" [ "$rc" -eq 143 ]
fi
check "no model is written" [ ! -e "$T/stop.gguf" ]
check "what it takes to go on is" [ -s "$T/stop.gguf.checkpoint" ]
check "how to go on is said" contains "$T/err.stop" "--resume"
expect "the same command again" 1 train "$T/tiny.json" "$T/text.txt" -o "$T/stop.gguf"
check "names the checkpoint" contains "$T/err" "stop.gguf.checkpoint"
cp "$T/stop.gguf.checkpoint" "$T/kept"
expect "going on with another seed" 1 \
    train "$T/tiny.json" "$T/text.txt" -o "$T/stop.gguf" --resume --seed 2 -q
head -c 5000 "$T/kept" >"$T/stop.gguf.checkpoint"
expect "a checkpoint that is cut" 1 \
    train "$T/tiny.json" "$T/text.txt" -o "$T/stop.gguf" --resume -q
cp "$T/kept" "$T/stop.gguf.checkpoint"
run train "$T/tiny.json" "$T/text.txt" -o "$T/stop.gguf" --resume -q
check "going on: exit 0" [ "$rc" -eq 0 ]
check "the bytes are those of a run that was not stopped" cmp -s "$T/one.gguf" "$T/stop.gguf"
check "the checkpoint is gone again" [ ! -e "$T/stop.gguf.checkpoint" ]

# ---- conversations, types, a model to go on from ----

awk 'BEGIN {
    for (i = 0; i < 100; i++)
        printf "{\"messages\":[{\"role\":\"user\",\"content\":\"%d+1\"}," \
            "{\"role\":\"assistant\",\"content\":\"%d\"}]}\n", i % 9, i % 9 + 1
}' >"$T/chat.jsonl"
cat >"$T/chat.json" <<'END'
{"name": "chat", "n_layers": 1, "n_embd": 32, "n_heads": 2, "n_ffn": 64, "context": 32,
 "vocab": 300, "specials": ["<s>", "</s>", "<u>", "<a>", "<e>"], "bos": "<s>", "eos": "</s>",
 "stops": ["<e>"], "act": "relu", "tied": false, "steps": 150, "batch_tokens": 256,
 "rate": 1e-2, "chat_template": "{% for m in messages %}{{ '<u>' if m.role == 'user' else '<a>' }}{{ m.content }}<e>{% endfor %}{% if add_generation_prompt %}<a>{% endif %}"}
END
run train "$T/chat.json" "$T/chat.jsonl:3" "$T/text.txt:1" -o "$T/chat.gguf" -q --type f16
check "conversations and shares: exit 0" [ "$rc" -eq 0 ]
run run "$T/chat.gguf" --temp 0 "4+1"
check "the answer is the one it was taught" [ "$(cat "$T/out")" = 5 ]
run inspect "$T/chat.gguf" --json
cp "$T/out" "$T/last"
check "the weights are F16" [ "$(json model type)" = F16 ]
expect "a share for one file alone" 1 \
    train "$T/chat.json" "$T/chat.jsonl:3" "$T/text.txt" -o "$T/x.gguf"

echo '{"steps": 3, "rate": 1e-5, "batch_tokens": 128, "held_out": 0.1}' >"$T/more.json"
run train "$T/more.json" "$T/text.txt" --init "$T/one.gguf" -o "$T/more.gguf" --json
check "going on from a model: exit 0" [ "$rc" -eq 0 ]
tail -n 1 "$T/out" >"$T/last"
check "it begins where the model was" below "$(json held_out_loss)" \
    "$(awk -v h="$held" 'BEGIN { print h + 0.1 }')"
expect "a model and a description of one" 1 \
    train "$T/tiny.json" "$T/text.txt" --init "$T/one.gguf" -o "$T/x.gguf"

finish
