#!/bin/sh
# spills.sh BUILD - fails where a kernel's innermost loop keeps a sum on the stack.
#
# A loop that multiplies and adds vectors must not keep its sums on the stack: compilers do that
# when they have run out of registers, each sum costs a load and a store a round, and half the speed
# is gone. Stores may be one instruction in 32 at most: an operand put aside now and then. Looks at
# every kernel object of a release build, for x86-64 and aarch64. What is allowed is told.
#
# Exempt are loops whose last, shorter vector goes through an array on the stack by intent, and
# loops of functions that are not tiles.
set -eu
build=$1
here=$(dirname "$0")
exempt='^(vector_|acts_|probe_|learn_[a-z0-9]*:[^f])|:(mix_[a-z0-9]*_cut|block_mins|bnt_)'

# The objdump for an object: the host's, or the cross compiler's.
objdump_for() {
    case $(od -An -tx1 -j18 -N1 "$1" | tr -d ' ') in
    3e) machine=x86_64 ;;
    b7) machine=aarch64 ;;
    *) echo "spills: $1: not an object for x86-64 or aarch64" >&2; return 1 ;;
    esac
    if [ "$(uname -m)" = "$machine" ]; then echo objdump; else echo "$machine-linux-gnu-objdump"; fi
}

objects=$(find "$build" -path '*src/kernel/*' \( -path '*/x86/*.o' -o -path '*/arm/*.o' \) | sort)
[ -n "$objects" ] || { echo "spills: $build: no kernel objects"; exit 1; }

table=$(mktemp)
trap 'rm -f "$table"' EXIT
for object in $objects; do
    file=$(basename "$object" .c.o)
    objdump=$(objdump_for "$object")
    command -v "$objdump" > /dev/null || { echo "spills: $objdump is missing: 'make setup SETUP=ci'"; exit 1; }
    "$objdump" -d --no-show-raw-insn "$object" | awk -f "$here/loops.awk" | sed "s/^/$file:/" >> "$table"
done

failed=0
# An object of tiles in which no loop is found means that this script has gone blind.
for object in $objects; do
    file=$(basename "$object" .c.o)
    case $file in gemv_* | gemm_* | attend_* | rows_* | learn_*) ;; *) continue ;; esac
    grep -q "^$file:" "$table" || { echo "spills: $file: no loop of multiply-adds found"; failed=1; }
done
grep -vE "$exempt" "$table" | awk '
    $4 { printf "spills: %s: %d of %d instructions of a loop store vectors to the stack%s\n", $1, $4, $2,
         (32 * $4 > $2) ? "" : " (no failure)" }
    (32 * $4 > $2) { bad = 1 }
    $5 && !$4 { printf "spills: %s: %d of %d instructions of a loop load operands from the stack (no failure)\n", $1, $5, $2 }
    END { exit bad }' || failed=1

[ "$failed" = 0 ] && echo "spills: no sums in $(grep -cvE "$exempt" "$table") loops of $(echo "$objects" | wc -l) objects"
exit "$failed"
