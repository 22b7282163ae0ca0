#!/bin/sh
# bench.sh BUILD [SHAPE...] - kernels, and end-to-end rates of the command on seeded random
# weights in the true shapes of published models, as a Markdown table. Nothing here passes or
# fails, and nothing else should be running meanwhile.
#
# BANTAM_BENCH_DIR      where the models are made and kept; BUILD/bench-models where not set
# BANTAM_BENCH_TYPES    types of the weights, "B4" where not set
# BANTAM_BENCH_THREADS  numbers of threads, "1 2" where not set
# BANTAM_BENCH_ARGS     what `bantam bench` is given, "-p 512 -n 64 -r 5" where not set
# BANTAM_BENCH_KERNELS  "no" leaves the kernels out
set -eu
build=$1
shift
[ $# -gt 0 ] || set -- smollm2-135m smollm2-360m smollm2-1.7b llama3.2-1b phonelm-1.5b ministral-8b
folder=${BANTAM_BENCH_DIR:-$build/bench-models}
types=${BANTAM_BENCH_TYPES:-B4}
threads=${BANTAM_BENCH_THREADS:-1 2}
arguments=${BANTAM_BENCH_ARGS:--p 512 -n 64 -r 5}
json=$build/tests/json_get
mkdir -p "$folder"
result=$folder/result.json

say() { echo "bench: $*" >&2; }

# mib_of SHAPE TYPE: about what the file takes, in MiB.
mib_of() {
    case $1 in
    *135m) params=140 ;; *360m) params=370 ;; *1.7b) params=1750 ;; *3.2-1b) params=1300 ;;
    *3.2-3b) params=3300 ;; *1.5b) params=1600 ;; *8b) params=8600 ;; *) params=100 ;;
    esac
    case $2 in
    F32) bits=32 ;; F16 | BF16) bits=16 ;; B8 | Q8_0) bits=9 ;; Q6_K) bits=7 ;; Q5_K) bits=6 ;; *) bits=5 ;;
    esac
    echo $((params * bits / 8))
}

# fits SHAPE TYPE: whether there is room for the file and for computing with it.
fits() {
    need=$(mib_of "$1" "$2")
    disk=$(df -Pk "$folder" | awk 'NR == 2 { print int($4 / 1024) }')
    memory=$(awk '/^MemAvailable:/ { print int($2 / 1024) }' /proc/meminfo 2> /dev/null)
    if [ ! -f "$3" ] && [ "$disk" -lt $((need + need / 10)) ]; then
        say "$1 $2 left out: about $need MiB, $disk MiB of disk free"
    elif [ "${memory:-999999}" -lt $((need + need / 5 + 512)) ]; then
        say "$1 $2 left out: about $need MiB, $memory MiB of memory available"
    else
        return 0
    fi
    return 1
}

# value KEY...: of the last result, or nothing where it is null.
value() {
    "$json" "$result" "$@" | sed 's/^null$//'
}

# row SHAPE TYPE THREADS: the last result as a line of the table.
row() {
    awk -v name="$1" -v type="$2" -v threads="$3" -v cpu="$(value cpu)" \
        -v p="$(value prefill median)" -v p1="$(value prefill p25)" -v p3="$(value prefill p75)" \
        -v d="$(value decode median)" -v d1="$(value decode p25)" -v d3="$(value decode p75)" \
        -v ps="$(value prefill_share_of_peak)" -v ds="$(value decode_share_of_bandwidth)" \
        -v gops="$(value int8_peak_gops)" -v gb="$(value bandwidth_gb_s)" \
        -v first="$(value first_token_ms)" -v load="$(value load_ms)" \
        -v peak="$(value peak_bytes)" -v planned="$(value planned_bytes)" 'BEGIN {
        printf "| %s | %s | %s %s | %.1f (%.1f–%.1f) | %.0f %% of %.0f | %.2f (%.2f–%.2f) | ",
            name, type, threads, cpu, p, p1, p3, 100 * ps, gops, d, d1, d3
        if (ds == "") printf "-"; else printf "%.0f %% of %.1f", 100 * ds, gb
        printf " | %.0f | %.0f | %.0f / %.0f |\n", first, load, peak / 1e6, planned / 1e6
    }'
}

processor=$(sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo 2> /dev/null | head -n 1)
commit=$(git rev-parse --short HEAD 2> /dev/null || echo unknown)
git diff --quiet HEAD 2> /dev/null || commit="$commit with changes"
echo "$(date -u +%Y-%m-%d), ${processor:-$(uname -m)}, $("$build/bantam" doctor --json | "$json" - cores) cores," \
    "$(uname -s) $(uname -r), commit $commit, load average $(cut -d' ' -f1-3 /proc/loadavg 2> /dev/null)"
echo

if [ "${BANTAM_BENCH_KERNELS:-}" != no ] && [ -x "$build/tests/kernel_check" ]; then
    say "kernels"
    echo '```'
    "$build/tests/kernel_check" --bench || say "kernel_check --bench: exit $?"
    "$build/bantam-bench-sampler" || say "bantam-bench-sampler: exit $?"
    echo '```'
    echo
fi

echo "\`bantam bench MODEL $arguments -t THREADS\`, tokens per second: median (middle half)"
echo
echo "| model | weights | threads, set | prompt | of int8 peak, GOPS | decode | of memory, GB/s | first token, ms | load, ms | memory, MB, at most / planned |"
echo "|---|---|---|---|---|---|---|---|---|---|"
for shape in "$@"; do
    for type in $types; do
        model=$folder/$shape-$type.gguf
        fits "$shape" "$type" "$model" || continue
        if [ ! -f "$model" ]; then
            say "making $model"
            "$build/bantam-random-model" "$shape" "$type" 1 "$model" || continue
        fi
        for n in $threads; do
            say "$shape $type, $n threads"
            # shellcheck disable=SC2086 # the arguments are words
            if "$build/bantam" bench "$model" $arguments -t "$n" --json -q > "$result"; then
                row "$shape" "$type" "$n"
            else
                say "$shape $type, $n threads: failed"
            fi
        done
    done
done
rm -f "$result"

echo
echo "Tokenizers of these files, processor time:"
echo '```'
for shape in "$@"; do
    for type in $types; do
        model=$folder/$shape-$type.gguf
        [ -f "$model" ] || continue
        echo "$shape: $("$build/bantam-bench-tokenizer" "$model")"
        break
    done
done
echo '```'
