#!/bin/sh
# mini.sh BUILD [WORK] - makes the built-in model, models/bantam-mini.gguf, from the shared texts.
#
# Data, vocabulary, training, quantizing, measuring: each step is left out where what it makes lies
# in WORK already, and the training goes on where it was stopped. Every choice that is drawn comes
# from SEED. The training takes about an hour on two cores; BANTAM_SHARED names the shared folder.
set -eu
build=$1
work=${2:-$build/mini}
shared=${BANTAM_SHARED:-../shared}
data=$shared/data
writer=$shared/weights/gguf/stories260K-F32.gguf
SEED=7
WRITTEN=6000000 # bytes of stories by each of two writers
TASKS=140000
OPINIONS=40000

say() { printf '%s\n' "$*" >&2; }
wanted() { [ ! -f "$work/$1" ]; }

mkdir -p "$work"
cp tools/mini/mini.json tools/mini/vocab.json tools/mini/chat.jinja "$work"

if wanted stories.txt; then
    say "stories"
    "$build/bantam-mini-texts" stories "$data/tinystories-head-2MiB.txt" \
        "$data/tinystories-eval-200.txt" $SEED "$work/stories.tmp" "$work/stories-held.txt"
    mv "$work/stories.tmp" "$work/stories.txt"
fi

# Two writers, so that two cores are used; what they write does not depend on that.
if wanted written.txt; then
    say "stories by a model that has read many"
    for writing in 1 2; do
        "$build/bantam-mini-write" "$writer" "$work/stories.txt" "$data/tinystories-eval-200.txt" \
            $WRITTEN $writing "$work/written-$writing.tmp" &
    done
    wait
    cat "$work/written-1.tmp" "$work/written-2.tmp" >"$work/written.tmp"
    rm "$work/written-1.tmp" "$work/written-2.tmp"
    mv "$work/written.tmp" "$work/written.txt"
fi

if wanted sentiment.jsonl; then
    say "phrases with a sentiment"
    "$build/bantam-mini-texts" sentiment "$data/sst2-train.tsv" "$data/sst2-dev.tsv" $SEED \
        "${MINI_HELD:-0}" "$work/sentiment.tmp" "$work/sentiment-held.tsv" "$work/phrases.txt"
    "$build/bantam-mini-texts" opinions $SEED $OPINIONS "$work/opinions.jsonl"
    mv "$work/sentiment.tmp" "$work/sentiment.jsonl"
fi

if wanted tasks.jsonl; then
    say "tasks"
    "$build/bantam-mini-tasks" $SEED $TASKS "$work/stories.txt" "$work/tasks.tmp" "$work/tales.jsonl"
    mv "$work/tasks.tmp" "$work/tasks.jsonl"
fi

if wanted vocab.gguf; then
    say "vocabulary"
    head -n 20000 "$work/tasks.jsonl" >"$work/some-tasks.jsonl"
    "$build/bantam" train "$work/vocab.json" "$work/stories.txt" "$work/sentiment.jsonl" \
        "$work/some-tasks.jsonl" -o "$work/vocab.gguf"
    rm "$work/some-tasks.jsonl"
fi

if wanted trained.gguf; then
    say "training"
    resume=
    if [ -f "$work/trained.gguf.checkpoint" ]; then resume=--resume; fi
    # shellcheck disable=SC2086 # nothing where there is nothing to go on from
    "$build/bantam" train "$work/mini.json" "$work/stories.txt:15" "$work/written.txt:23" \
        "$work/tales.jsonl:6" "$work/sentiment.jsonl:15" "$work/phrases.txt:10" \
        "$work/opinions.jsonl:2" "$work/tasks.jsonl:29" \
        -o "$work/trained.gguf" --log "$work/loss.jsonl" $resume
fi

say "quantizing"
"$build/bantam" quantize "$work/trained.gguf" "$work/bantam-mini.gguf" --type b8
bytes=$(wc -c <"$work/bantam-mini.gguf")
if [ "$bytes" -gt 4194304 ]; then
    say "$work/bantam-mini.gguf: $bytes bytes, at most 4194304 are built in"
    exit 1
fi
sh scripts/mini_eval.sh "$build" "$work/bantam-mini.gguf" "$work" >"$work/report.md"
say "$work/bantam-mini.gguf: $bytes bytes; measured in $work/report.md"
say "to build it in: cp $work/bantam-mini.gguf models/"
