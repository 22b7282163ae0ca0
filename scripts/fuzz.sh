#!/bin/sh
# fuzz.sh BUILD SECONDS - runs every fuzz target for so long, one after another, starting from the
# corpus in the repository. New findings stay in BUILD/fuzz/findings.
set -eu
build=$1
seconds=$2

mkdir -p "$build/fuzz/findings"
for target in "$build"/fuzz/fuzz_*; do
    [ -x "$target" ] && [ -f "$target" ] || continue
    name=$(basename "$target")
    grown=$build/fuzz/corpus-${name#fuzz_}
    mkdir -p "$grown"
    echo "== $name"
    "$target" -max_total_time="$seconds" -timeout=5 -rss_limit_mb=512 -print_final_stats=1 \
        -artifact_prefix="$build/fuzz/findings/$name-" \
        "$grown" "tests/fuzz/corpus/${name#fuzz_}" 2>&1 | tail -n 12
done
[ -z "$(ls "$build/fuzz/findings")" ] || { ls -l "$build/fuzz/findings"; exit 1; }
