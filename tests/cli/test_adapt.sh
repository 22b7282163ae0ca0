#!/bin/sh
# Learning on the device, through the command: what becomes easier, what stays, what it takes, what
# a stop leaves, what is refused.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
helpers

json() {
    "$JSON" "$T/out" "$@"
}

# below A B: A < B, of two numbers that may have fractions.
# shellcheck disable=SC2317
below() {
    awk -v a="$1" -v b="$2" 'BEGIN { exit !(a + 0 < b + 0) }'
}

# ---- command lines ----

expect "nothing to learn from" 2 adapt model.gguf
expect "no place for the adapter" 2 adapt model.gguf data.txt
for wrong in "--rank 0" "--rank 2000" "--rate 2" "--held-out 0.9" "--keep-share 1" "--steps x"; do
    # shellcheck disable=SC2086
    expect "adapt $wrong" 2 adapt a b -o c $wrong
done
expect "a model that is not there" 1 adapt "$T/nothing.gguf" "$T/data.txt" -o "$T/a.gguf"

shared_found 53 || finish
MODEL=$SHARED/weights/gguf/stories260K-F32.gguf

# A style that the model does not know: reports. Every line is one of a few thousand.
awk 'BEGIN {
    split("north south east west upper lower", side, " ")
    split("pump valve motor tank fan", part, " ")
    split("runs well|is too hot|has stopped|makes noise", state, "|")
    for (i = 0; i < 240; i++)
        printf "Report %d: the %s %s %s; level %d.\n", 100 + i * 7 % 900,
            side[1 + i * 5 % 6], part[1 + i * 3 % 5], state[1 + int(i / 3) % 4], i * 13 % 60
}' >"$T/reports"
sed -n '1,200s/.*/{"text": "&"}/p' "$T/reports" >"$T/style.jsonl"
sed -n '201,240p' "$T/reports" | tr '\n' ' ' >"$T/style.txt"
head -c 9000 "$SHARED/data/tinystories-eval-200.txt" >"$T/else.txt"
tail -c +1000001 "$SHARED/data/tinystories-head-2MiB.txt" | head -c 15000 >"$T/keep.txt"

perplexity() { # MODEL FILE [ARGS...]
    p_model=$1 p_file=$2
    shift 2
    "$BANTAM" eval "$p_model" --perplexity "$p_file" --json "$@" >"$T/p" && "$JSON" "$T/p" perplexity
}

# ---- the same bytes ----

FEW="--steps 4 --batch 128 --seq 32"
# shellcheck disable=SC2086
{
    run adapt "$MODEL" "$T/style.jsonl" -o "$T/one.gguf" -q $FEW -t 1
    run adapt "$MODEL" "$T/style.jsonl" -o "$T/two.gguf" -q $FEW -t 2
    check "two threads: the same bytes" cmp -s "$T/one.gguf" "$T/two.gguf"
    run adapt "$MODEL" "$T/style.jsonl" -o "$T/ref.gguf" -q $FEW --cpu ref
    check "other instructions: the same bytes" cmp -s "$T/one.gguf" "$T/ref.gguf"
    run adapt "$MODEL" "$T/style.jsonl" -o "$T/seed.gguf" -q $FEW --seed 2
    check "another seed: other bytes" sh -c "! cmp -s '$T/one.gguf' '$T/seed.gguf'"
    run adapt "$MODEL" "$T/style.jsonl" -o "$T/one.gguf/" -q $FEW
    check "a file is no folder" [ "$rc" -eq 1 ]
    run adapt "$MODEL" "$T/style.jsonl" -o "$T/peft/" -q $FEW
    check "PEFT's form" [ -s "$T/peft/adapter_config.json" ]
}
"$BANTAM" logits "$MODEL" --tokens 5,6,7 --lora "$T/one.gguf" -o "$T/one.f32"
"$BANTAM" logits "$MODEL" --tokens 5,6,7 --lora "$T/peft" -o "$T/peft.f32"
check "computes the same" cmp -s "$T/one.f32" "$T/peft.f32"

# What may differ between processors has been seen by now, and an emulator takes minutes for more.
[ -z "${BANTAM_EMULATOR:-}" ] || finish

# ---- a style is learned, the rest is kept ----

SOON="--steps 12 --batch 256 --seq 64 --rate 0.004"
# shellcheck disable=SC2086
run adapt "$MODEL" "$T/style.jsonl" -o "$T/a.gguf" --keep "$T/keep.txt" $SOON --json
check "a style: exit 0" [ "$rc" -eq 0 ]
check "nothing is said" [ ! -s "$T/err" ]
check "the result names the file" [ "$(json path)" = "$T/a.gguf" ]
check "200 texts but for those held out" below "$(json documents)" 191
check "the loss on texts held out falls" below "$(json held_out loss_after)" "$(json held_out loss_before)"
check "what is kept stays within the limit" \
    below "$(json keep perplexity_after)" "$(awk -v p="$(json keep perplexity_before)" 'BEGIN { print p * 1.0301 }')"
planned=$(json memory planned_bytes) peak=$(json memory peak_bytes)
if limited; then
    check "the peak of $peak bytes is no more than planned, $planned" \
        below "$peak" "$(awk -v p="$planned" 'BEGIN { print p * 1.03 }')"
    check "and not much less" below "$(awk -v p="$planned" 'BEGIN { print p * 0.85 }')" "$peak"
fi
check "the checkpoint is gone" [ ! -e "$T/a.gguf.checkpoint" ]
before=$(perplexity "$MODEL" "$T/style.txt") after=$(perplexity "$MODEL" "$T/style.txt" --lora "$T/a.gguf")
check "perplexity of the style, $before, falls by a fifth: $after" \
    below "$after" "$(awk -v p="$before" 'BEGIN { print 0.8 * p }')"
before=$(perplexity "$MODEL" "$T/else.txt") after=$(perplexity "$MODEL" "$T/else.txt" --lora "$T/a.gguf")
check "elsewhere, $before, it rises by less than a twentieth: $after" \
    below "$after" "$(awk -v p="$before" 'BEGIN { print 1.05 * p }')"
run inspect "$T/a.gguf"
for key in "general.base_model.0.name" "bantam.adapter.base_identity" "bantam.adapter.rank = 8" \
    "adapter.lora.alpha = 16" "bantam.adapter.documents"; do
    check "the file says $key" contains "$T/out" "$key"
done
check "nothing of the texts is in it" sh -c "! grep -q -a -e Report -e valve '$T/a.gguf'"

# ---- nothing learned ----

run adapt "$MODEL" "$T/style.jsonl" -o "$T/zero.gguf" --steps 0 --json
check "no steps: exit 0" [ "$rc" -eq 0 ]
check "and none are made" [ "$(json steps)" -eq 0 ]
"$BANTAM" logits "$MODEL" --tokens 5,6,7 -o "$T/plain.f32"
"$BANTAM" logits "$MODEL" --tokens 5,6,7 --lora "$T/zero.gguf" -o "$T/zero.f32"
check "the adapter changes no bit" cmp -s "$T/plain.f32" "$T/zero.f32"

# ---- prompts are read, not learned ----

sed 's/\(Report [0-9]*:\) \(.*\)/{"prompt": "\1", "completion": " \2"}/' "$T/reports" >"$T/pairs.jsonl"
# shellcheck disable=SC2086
run adapt "$MODEL" "$T/pairs.jsonl" -o "$T/pairs.gguf" --json --keep-share 0 $FEW
check "prompts: exit 0" [ "$rc" -eq 0 ]
check "fewer tokens are learned than read" below "$(json learned_tokens)" "$(json tokens)"
check "what is kept was not measured" [ "$(json keep loss_before)" = null ]

# ---- a base of four bits ----

run quantize "$MODEL" "$T/b4.gguf" -q
# shellcheck disable=SC2086
run adapt "$T/b4.gguf" "$T/style.jsonl" -o "$T/b4-lora.gguf" --json $FEW --rate 0.02 --keep-limit 1
check "four bits: exit 0" [ "$rc" -eq 0 ]
before=$(perplexity "$T/b4.gguf" "$T/style.txt")
after=$(perplexity "$T/b4.gguf" "$T/style.txt" --lora "$T/b4-lora.gguf")
check "four bits: $before falls, $after" below "$after" "$before"

# ---- memory ----

run adapt "$MODEL" "$T/style.jsonl" -o "$T/no.gguf" --memory 5M --json
check "too little memory: exit 1" [ "$rc" -eq 1 ]
check "it says so" [ "$(json error code)" = nomem ]
check "and what is needed" contains "$T/err" "bytes are needed at least"
check "nothing is written" [ ! -e "$T/no.gguf" ]
# shellcheck disable=SC2086
run adapt "$MODEL" "$T/style.jsonl" -o "$T/less.gguf" --memory 11M --json --steps 2 --keep-share 0
check "little memory: exit 0" [ "$rc" -eq 0 ]
check "layers are computed twice" [ "$(json memory recompute)" = true ]
check "within the limit" [ "$(json memory planned_bytes)" -le 11534336 ]

# ---- stopping and going on ----

whole="--steps 100 --batch 128 --seq 64 --keep-share 0 --patience 100 -t 1"
# shellcheck disable=SC2086
run adapt "$MODEL" "$T/style.jsonl" -o "$T/whole.gguf" -q $whole
# shellcheck disable=SC2086
"$BANTAM" adapt "$MODEL" "$T/style.jsonl" -o "$T/stop.gguf" -v $whole \
    >"$T/out.stop" 2>"$T/err.stop" </dev/null &
pid=$!
n=0
while [ "$n" -lt 4000 ] && ! grep -q "step [0-9]* of" "$T/err.stop"; do
    sleep 0.02
    n=$((n + 1))
done
kill -TERM "$pid"
rc=0
wait "$pid" || rc=$?
check "stopped: exit 143" [ "$rc" -eq 143 ]
check "what was learned so far is there" [ -s "$T/stop.gguf" ]
check "and what it takes to go on" [ -s "$T/stop.gguf.checkpoint" ]
check "how to go on is said" contains "$T/err.stop" "--resume"
check "how far it came, too" contains "$T/out.stop" "interrupted"
# shellcheck disable=SC2086
expect "going on with other settings" 1 adapt "$MODEL" "$T/style.jsonl" -o "$T/stop.gguf" -q $whole --resume --alpha 3
# shellcheck disable=SC2086
run adapt "$MODEL" "$T/style.jsonl" -o "$T/stop.gguf" -q $whole --resume
check "going on: exit 0" [ "$rc" -eq 0 ]
check "the bytes are those of a run that was not stopped" cmp -s "$T/whole.gguf" "$T/stop.gguf"
check "the checkpoint is gone" [ ! -e "$T/stop.gguf.checkpoint" ]

# ---- data that are none ----

head -n 2 "$T/style.jsonl" >"$T/bad.jsonl"
printf '{"text": "a"\n' >>"$T/bad.jsonl"
expect "a line that is no object" 1 adapt "$MODEL" "$T/bad.jsonl" -o "$T/no.gguf"
check "is named with its file" contains "$T/err" "bad.jsonl: line 3:"
printf '{"messages": [{"role": "user", "content": "a"}]}\n' >"$T/chat.jsonl"
expect "a conversation for a model without a template" 1 adapt "$MODEL" "$T/chat.jsonl" -o "$T/no.gguf"
check "is named with its line" contains "$T/err" "chat.jsonl: line 1:"
: >"$T/empty.txt"
expect "an empty file" 1 adapt "$MODEL" "$T/empty.txt" -o "$T/no.gguf"
expect "a file that is not there" 1 adapt "$MODEL" "$T/nothing.txt" -o "$T/no.gguf"
expect "texts to keep that are not there" 1 adapt "$MODEL" "$T/style.jsonl" --keep "$T/nothing.txt" -o "$T/no.gguf"
expect "a matrix that does not exist" 1 adapt "$MODEL" "$T/style.jsonl" --targets q,x -o "$T/no.gguf"
expect "to where nothing can be written" 1 adapt "$MODEL" "$T/style.jsonl" -o "$T/no/a.gguf"
check "nothing of all that is written" [ ! -e "$T/no.gguf" ]

finish
