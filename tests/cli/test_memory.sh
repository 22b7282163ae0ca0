#!/bin/sh
# Memory: what --memory chooses holds, and with too little there is a clear refusal before the
# first token, never a crash and never half an answer.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
helpers

json() {
    "$JSON" "$T/out" "$@"
}

# ---- budgets -------------------------------------------------------------------------------

# budgets NAME MODEL: from just too little to more than enough, with what is chosen in between.
budgets() {
    name=$1
    model=$2
    run run "$model" --raw -n 2 --ignore-eos -q --json hello
    full=$(json memory planned_bytes)
    context=$(json memory context_tokens)
    run run "$model" --raw -n 2 --memory 1 hello
    check "$name: a byte is refused" [ "$rc" -eq 1 ]
    check "$name: with one line" [ "$(lines "$T/err")" -eq 1 ]
    check "$name: and nothing on standard output" [ ! -s "$T/out" ]
    least=$(sed -n 's/.*at least \([0-9]*\) bytes are needed.*/\1/p' "$T/err")
    check "$name: the least is told, and is less than what is usual" [ "${least:-$full}" -lt "$full" ]
    expect "$name: one byte less than the least" 1 run "$model" --raw -n 2 --memory $((least - 1)) hello
    before=0
    for part in 0 1 2 3 4 5 6 7 8; do
        budget=$((least + (full - least) * part / 8))
        run run "$model" --raw -n 2 --ignore-eos --json --memory $budget hello
        check "$name: $part/8 of the way: an answer" [ "$rc" -eq 0 ]
        if [ "$(json memory planned_bytes)" -gt $budget ]; then
            check "$name: $part/8 of the way: weights beyond the budget are told of" \
                contains "$T/err" "again and again"
            check "$name: $part/8 of the way: only where nothing else fits" [ "$(json memory context_tokens)" -eq 256 ]
        fi
        check "$name: $part/8 of the way: no shorter than with less" \
            [ "$(json memory context_tokens)" -ge "$before" ]
        before=$(json memory context_tokens)
        if [ "$part" -lt 8 ]; then
            check "$name: $part/8 of the way: what was chosen is told" contains "$T/err" "tokens of context"
        fi
    done
    check "$name: enough is enough for all" [ "$before" -eq "$context" ]
    check "$name: and nothing needs to be told" [ ! -s "$T/err" ]
    run run "$model" --raw -n 2 --memory "$least" -q hello
    check "$name: -q tells nothing" [ ! -s "$T/err" ]
    budget=$(((least + full) / 2))
    run run "$model" --raw -n 2 --memory "$least" -c "$context" --kv f32 hello
    check "$name: demands that do not fit are refused" [ "$rc" -eq 1 ]
    check "$name: with what would fit" contains "$T/err" " would fit"
    run run "$model" --raw -n 2 --memory $budget -c 100 --kv f32 --json hello
    check "$name: demands that fit are kept" [ "$(json memory context_tokens)" -eq 100 ]
    check "$name: all of them" [ "$(json memory kv)" = f32 ]
    for line in "bench MODEL -p 4 -n 2 -r 1" "logits MODEL --tokens 1,2,3 -o $T/rows" \
        "eval MODEL --perplexity $HERE/lib.sh --ctx 64"; do
        line=$(printf %s "$line" | sed "s|MODEL|$model|")
        # shellcheck disable=SC2086 # the words of the line
        expect "$name: ${line%% *} within a budget" 0 $line --memory "$full"
        # shellcheck disable=SC2086
        expect "$name: ${line%% *} beyond one" 1 $line --memory 1000
    done
}

if [ "$(built_in)" -gt 0 ]; then budgets built-in bantam-mini; fi
if shared_found 90; then budgets "a tiny model" "$LM/smollm2-a/model-f32.gguf"; fi

# ---- weights larger than the budget --------------------------------------------------------

MAKE=${BANTAM_BUILD:-}/bantam-random-model
if [ -x "$MAKE" ] && [ -z "${BANTAM_EMULATOR:-}" ]; then
    "$MAKE" smollm2-135m B4 1 "$T/large.gguf"
    bytes=$(wc -c <"$T/large.gguf")
    run run "$T/large.gguf" -q --raw -c 256 -n 3 --temp 0 --ignore-eos hi
    mv "$T/out" "$T/whole"
    run run "$T/large.gguf" --memory $((bytes / 2)) --raw -n 3 --temp 0 --ignore-eos hi
    check "weights of twice the budget: exit 0" [ "$rc" -eq 0 ]
    check "weights of twice the budget: the same answer" cmp -s "$T/out" "$T/whole"
    check "weights of twice the budget: one line about it" [ "$(lines "$T/err")" -eq 1 ]
    check "weights of twice the budget: which says that it is slow" contains "$T/err" "which is slow"
    run run "$T/large.gguf" --memory $((bytes / 2)) --raw -c 8192 --kv f32 -n 3 --temp 0 hi
    check "keys and values are counted: exit 1" [ "$rc" -eq 1 ]
    check "keys and values are counted: with what would fit" contains "$T/err" " would fit"
    "$MAKE" smollm2-135m Q4_0 1 "$T/packed.gguf"
    BANTAM_CACHE=$T/cache
    run run "$T/packed.gguf" --memory $((bytes / 2)) --raw -n 3 --temp 0 --ignore-eos hi
    check "packed weights are mapped from their cache: exit 0" [ "$rc" -eq 0 ]
    run run "$T/packed.gguf" --memory $((bytes / 2)) --no-cache --raw -n 3 hi
    check "without a cache they are counted: exit 1" [ "$rc" -eq 1 ]
    check "without a cache they are counted: one line" [ "$(lines "$T/err")" -eq 1 ]
    BANTAM_CACHE=off
    rm -rf "$T/packed.gguf" "$T/cache"
    "$MAKE" smollm2-135m F16 1 "$T/half.gguf"
    run run "$T/half.gguf" --memory 120M -q --raw -n 1 hi
    check "-q tells nothing of weights either" [ ! -s "$T/err" ]
    run run "$T/half.gguf" --memory 120M --raw -n 1 hi
    check "a type that would fit is named" contains "$T/err" "b4 would take 1"
    rm -f "$T/half.gguf"
else
    echo "skipped 11 cases: no random models here"
fi

# ---- limits of the system ------------------------------------------------------------------

# Where nothing can be limited, what follows has no meaning.
if [ -n "${BANTAM_EMULATOR:-}" ] || ! limited; then
    echo "skipped the limits on addresses: an emulator or a sanitizer is in the way"
    finish
fi

# at KIB ARGS...: the command with so much address space.
at() {
    rc=0
    # shellcheck disable=SC3045 # dash, bash and busybox have it
    (
        ulimit -v "$1" || exit 99
        shift
        exec timeout --foreground -k 5 $PATIENCE_S "$BANTAM" "$@"
    ) >"$T/out" 2>"$T/err" </dev/null || rc=$?
}

# least LOW HIGH ARGS...: the fewest KiB between them, to 1 part in 256 of the difference, with
# which the command exits with 0; HIGH is enough.
least() {
    low=$1
    high=$2
    shift 2
    for _ in 1 2 3 4 5 6 7 8; do
        middle=$(((low + high) / 2))
        at $middle "$@"
        if [ "$rc" -eq 0 ]; then high=$middle; else low=$middle; fi
    done
    echo "$high"
}

# The loader of programs has its own ways to say that it has no memory: steps begin where the
# program does.
begin=$(least 1000 65536 --version)

# steps NAME ARGS...: from there to a tenth more than enough, each time 1 % more.
steps() {
    name=$1
    shift
    "$BANTAM" "$@" >"$T/whole" 2>/dev/null </dev/null
    enough=$(least "$begin" 262144 "$@")
    kib=$begin
    good=0
    refused=0
    bad=
    while [ "$kib" -le $((enough + enough / 10)) ]; do
        at "$kib" "$@"
        if [ "$rc" -eq 0 ] && cmp -s "$T/out" "$T/whole"; then
            good=$((good + 1))
        elif [ "$rc" -eq 1 ] && [ ! -s "$T/out" ] && [ "$(lines "$T/err")" -eq 1 ]; then
            refused=$((refused + 1))
        else
            bad="$kib KiB: exit $rc, $(wc -c <"$T/out") bytes, $(head -c 200 "$T/err")"
            break
        fi
        kib=$((kib + kib / 100))
    done
    check "$name: an answer or one clear line ($good and $refused times)" [ -z "$bad" ]
    [ -z "$bad" ] || echo "$bad"
    check "$name: both were met" [ "$good" -gt 0 ] && [ "$refused" -gt 0 ]
}

if [ "$(built_in)" -gt 0 ]; then
    steps "built-in, limited" run -n 4 --temp 0 "Once upon a time"
    steps "built-in with three threads, limited" run -n 4 --temp 0 -t 3 "Once upon a time"
fi
if shared_found 4; then
    steps "a tiny model, limited" run "$LM/smollm2-a/model-f32.gguf" -n 4 --temp 0 --ignore-eos hello
    steps "a folder, limited" run "$LM/llama32-a/hf" -n 4 --temp 0 --ignore-eos hello
fi

# ---- weights larger than memory ------------------------------------------------------------

# Needs a control group of its own, version 1, which root alone can make.
GROUPS_OF_MEMORY=/sys/fs/cgroup/memory
group=$GROUPS_OF_MEMORY/bantam-test-$$
if [ ! -x "$MAKE" ] || [ ! -w "$GROUPS_OF_MEMORY" ] || ! mkdir "$group" 2>/dev/null; then
    echo "skipped 7 cases: no control group of memory can be made"
    finish
fi
trap 'rmdir "$group" 2>/dev/null; rm -rf "$T"' EXIT

# grouped LIMIT ARGS...: the command in the group, nothing of the model in memory before.
grouped() {
    echo "$1" >"$group/memory.limit_in_bytes"
    shift
    dd of="$T/large.gguf" oflag=nocache conv=notrunc,fdatasync count=0 2>/dev/null
    rc=0
    (
        # shellcheck disable=SC2016 # for the inner shell
        exec sh -c 'echo $$ >"$0"; exec "$@"' "$group/cgroup.procs" timeout --foreground -k 5 \
            $PATIENCE_S "$BANTAM" "$@"
    ) >"$T/out" 2>"$T/err" </dev/null || rc=$?
}

"$BANTAM" run "$T/large.gguf" -q --raw -c 256 -n 3 --temp 0 --ignore-eos hi >"$T/whole"
grouped $((bytes / 2)) run "$T/large.gguf" --raw -c 256 -n 3 --temp 0 --ignore-eos hi
check "weights of twice the memory: exit 0" [ "$rc" -eq 0 ]
check "the same answer" cmp -s "$T/out" "$T/whole"
check "and a word about it" contains "$T/err" "again and again"
check "in one line" [ "$(lines "$T/err")" -eq 1 ]
grouped $((bytes / 2)) run "$T/large.gguf" --raw -c 8192 -n 3 --temp 0 --ignore-eos hi
check "keys and values that have no room: exit 1" [ "$rc" -eq 1 ]
check "which is said with numbers" contains "$T/err" "are left (control group)"
check "and nothing is printed" [ ! -s "$T/out" ]

finish
