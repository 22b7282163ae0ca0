#!/bin/sh
# arm_kernels.sh BUILD - what stands for timings of the Arm kernels where there is only an emulator.
#
# BUILD is a release build for aarch64. Counts the instructions of the inner loops, a byte of
# weights (its codes) and a multiply-add, asks llvm-mca for cycles on a small core and a large
# one, and looks for spilled sums. Fails when a loop needs more instructions than KleidiAI's best
# micro-kernel for the same product (int8 tokens, 4-bit weights in blocks of 32), counted in its
# assembler with the floats of each block, as of August 2026:
#
#   1 token,  dotprod   1x8 (8 deep)   64 for 8 rows x 32        .500 a byte  .250 a multiply-add
#   tokens,   dotprod   4x8           131 for 4 x 8 rows x 32                 .128
#   tokens,   i8mm      4x8           107 for 4 x 8 rows x 32                 .104
#
# LLVM 14 has a model of its own for Cortex-A55, but takes all large cores since Cortex-A76 for a
# Cortex-A57: two vector pipes, three instructions a cycle. The limit is what a row of dots alone
# takes on the same model. Its cycles rank versions of a loop; they are no timings.
set -eu
build=$1
here=$(dirname "$0")
objdump=objdump
[ "$(uname -m)" = aarch64 ] || objdump=aarch64-linux-gnu-objdump
for tool in "$objdump" llvm-mca; do
    command -v "$tool" > /dev/null || { echo "$tool is missing: 'make setup SETUP=ci'"; exit 1; }
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

object() {
    find "$build" -path "*src/kernel/arm/$1.c.o" | head -n 1
}

# cycles CORE FILE: of one pass through the instructions in FILE.
cycles() {
    llvm-mca -march=aarch64 -mcpu="$1" -mattr=+dotprod,+i8mm -iterations=200 "$2" 2> /dev/null |
        awk '/^Total Cycles:/ { printf "%.1f", $3 / 200 }'
}

# dots CORE INSTRUCTION: how many a cycle when there is nothing else.
dots() {
    for i in 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do
        echo "$2" | sed "s/ACC/v$i/"
    done > "$work/dots.s"
    cycles "$1" "$work/dots.s" | awk '{ printf "%.3f", 16 / $1 }'
}

# show FILE FUNCTION BYTES MULTIPLY-ADDS PASSES DOT BAR WHAT: BYTES of codes and MULTIPLY-ADDS of a
# pass through the loop, PASSES in a block of 256 columns, the bar a multiply-add, in thousandths.
show() {
    file=$(object "$1")
    [ -n "$file" ] || { echo "$1: no object in $build"; failed=1; return; }
    "$objdump" -d --no-show-raw-insn "$file" > "$work/all.s"
    line=$(awk -f "$here/loops.awk" "$work/all.s" | awk -v f="$2" '$1 == f { print; exit }')
    [ -n "$line" ] || { echo "$1: $2: no loop found"; failed=1; return; }
    awk -f "$here/loops.awk" -v body="$2" "$work/all.s" > "$work/loop.s"
    n=$(grep -cE '^(sdot|smmla) ' "$work/loop.s")
    echo "$line" | awk -v what="$8" -v n="$n" -v bytes="$3" -v macs="$4" -v passes="$5" -v bar="$7" '{
        block = (passes * $2 + $6 - $2) / (passes * macs)
        by = bytes ? sprintf("%.3f", $2 / bytes) : "-"
        printf "%-30s %5d %5d %8s %9.4f %9.4f %7.3f  %s\n", what, $2, n, by, $2 / macs, block, bar / 1000, \
            block * 1000 <= bar ? "" : "ABOVE"
        exit block * 1000 > bar }' || failed=1
    for core in cortex-a55 neoverse-n2; do
        took=$(cycles "$core" "$work/loop.s")
        limit=$(dots "$core" "$6")
        [ -n "$took" ] || { echo "llvm-mca: $core: $2 not understood"; failed=1; continue; }
        awk -v c="$core" -v t="$took" -v n="$n" -v l="$limit" 'BEGIN {
            printf "%-30s %7.1f cycles for %d dots: %2.0f%% of the limit (%.2f a cycle)\n", "    " c, t, n, 100 * n / l / t, l }'
    done
}

by_lane='sdot ACC.4s, v16.16b, v17.4b[0]'
matrix='smmla ACC.4s, v16.16b, v17.16b'
printf '%-30s %5s %5s %8s %9s %9s %7s\n' '' loop dots 'a byte' 'a mul-add' 'a block' bar
show gemv_dotprod gemv_b4_micro_1 256 512 8 "$by_lane" 250 'B4, 1 token, dotprod'
show gemv_dotprod gemv_q4_0_micro_1 256 512 8 "$by_lane" 250 'Q4_0, 1 token, dotprod'
show gemm_dotprod gemm_micro_whole_8 '' 2048 8 "$by_lane" 128 'B4, B8: 8 x 8 dotprod'
show gemm_dotprod gemm_micro_span '' 1024 8 "$by_lane" 128 'Q4_0, Q8_0: 8 x 4 dotprod'
show gemm_i8mm gemm_micro_whole_4 '' 1024 16 "$matrix" 104 'B4, B8: 8 x 8 i8mm'
show gemm_i8mm gemm_micro_span '' 1024 8 "$matrix" 104 'Q4_0, Q8_0: 8 x 4 i8mm'

sh "$here/spills.sh" "$build" || failed=1
exit "$failed"
