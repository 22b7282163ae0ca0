#!/bin/sh
# bench.sh BUILD [SHAPE...] - end-to-end rates of the command on seeded random weights in the true
# shapes of published models. Nothing else should be running.
set -eu
build=$1
shift
[ $# -gt 0 ] || set -- smollm2-135m
uptime
for shape in "$@"; do
    model=$build/bench-$shape-Q8_0.gguf
    [ -f "$model" ] || "$build/bantam-random-model" "$shape" Q8_0 1 "$model"
    for threads in 1 2; do
        "$build/bantam" bench "$model" -p 64 -n 16 -r 3 -t "$threads" --json
    done
done
