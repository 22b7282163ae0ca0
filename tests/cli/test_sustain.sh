#!/bin/sh
# Sustained running: bench --sustain, --pace and --max-temp, with sensors that are files here.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
helpers

for time in "" x -1 1d 10mm 0 0.01s 1e3 999999h 1h30m; do
    expect "--sustain '$time' is no time" 2 bench model.gguf --sustain "$time"
done
for rate in "" x 0 -1 20tok 20/min 1e3 20tok/h; do
    expect "--pace '$rate' is no rate" 2 run model.gguf hi --pace "$rate"
done
expect "--max-temp 200" 2 run model.gguf hi --max-temp 200
expect "--pace of bench without --sustain" 2 bench model.gguf --pace 5
expect "--sustain with --depth" 2 bench model.gguf --sustain 2s --depth 4
expect "--sustain with -r" 2 bench model.gguf --sustain 2s -r 4

# A system of our own.
SYS=$T/sys
BANTAM_SYSFS=$SYS
export BANTAM_SYSFS
mkdir -p "$SYS"
expect "--max-temp where no temperature is shown" 1 run model.gguf hi --max-temp 70
check "is told" contains "$T/err" "shows no temperature"

if [ "$(built_in)" -gt 0 ]; then
    MODEL=bantam-mini
elif shared_found 30; then
    MODEL=$LM/smollm2-a/model-f32.gguf
else
    finish
fi

# record N KEY: of the N-th line.
record() {
    sed -n "${1}p" "$T/out" >"$T/record"
    shift
    "$JSON" "$T/record" "$@"
}
last() {
    tail -n 1 "$T/out" >"$T/record"
    "$JSON" "$T/record" sustained "$@"
}
# shellcheck disable=SC2317 # check calls it
holds() {
    awk "BEGIN { exit !($1) }"
}

# ---- nothing to read -----------------------------------------------------------------------

run bench "$MODEL" -n 16 -p 4 --sustain 2s --json
check "exit 0" [ "$rc" -eq 0 ]
check "nothing on standard error" [ ! -s "$T/err" ]
n=$(($(lines "$T/out") - 1))
check "a record for every tenth, or fewer where tokens are slow" [ "$n" -ge 1 ]
check "and no more" [ "$n" -le 11 ]
for key in temperature_c frequency_mhz energy_j joules_per_token; do
    check "$key is null" [ "$(record 1 $key)" = null ]
    check "in the whole, too" [ "$(last $key)" = null ]
done
sum=0
i=1
while [ $i -le $n ]; do
    sum=$((sum + $(record $i tokens)))
    check "record $i: least, mean and most in order" \
        holds "$(record $i min) <= 1.0001 * $(record $i rate) && $(record $i rate) <= 1.0001 * $(record $i max)"
    i=$((i + 1))
done
check "the records' tokens are all there are" [ "$sum" -eq "$(last tokens)" ]
check "the whole time" holds "$(last to_s) >= 2"
check "the first rate is that of the first record" [ "$(last first_rate)" = "$(record 1 rate)" ]
check "the ratio is the last rate over it" \
    holds "$(last last_to_first) / ($(last last_rate) / $(last first_rate)) - 1 < 1e-6"
check "it was not interrupted" [ "$(last interrupted)" = false ]
run bench "$MODEL" -n 16 -p 4 --sustain 1s
check "for people: exit 0" [ "$rc" -eq 0 ]
check "the end compares" contains "$T/out" "last to first"

# ---- a pace --------------------------------------------------------------------------------

run bench "$MODEL" -n 16 -p 4 --sustain 2s --json --pace 20
check "at most 20 a second" [ "$(last tokens)" -le 43 ]
if [ -z "${BANTAM_EMULATOR:-}" ]; then check "and about as many" [ "$(last tokens)" -ge 20 ]; fi
start=$(date +%s%N)
run run "$MODEL" --raw --ignore-eos --temp 0 -n 12 --pace 10tok/s --json hello
took=$((($(date +%s%N) - start) / 1000000))
check "run: twelve tokens at ten a second take a second or more" [ "$took" -ge 1000 ]
paced=$("$JSON" "$T/out" text)
run run "$MODEL" --raw --ignore-eos --temp 0 -n 12 --json hello
check "and are the same ones" [ "$("$JSON" "$T/out" text)" = "$paced" ]

# ---- sensors -------------------------------------------------------------------------------

put() {
    mkdir -p "$SYS/${1%/*}"
    echo "$2" >"$SYS/$1"
}
put class/thermal/thermal_zone0/type x86_pkg_temp
put class/thermal/thermal_zone0/temp 66500
for core in 0 1 2 3 4 5 6 7; do
    put devices/system/cpu/cpu$core/cpufreq/scaling_cur_freq 2500000
done
put class/powercap/intel-rapl:0/name package-0
put class/powercap/intel-rapl:0/max_energy_range_uj 262143328850
put class/powercap/intel-rapl:0/energy_uj 1000000
(
    for joules in 2 3 4 5 6 7 8 9; do
        sleep 0.25
        put class/powercap/intel-rapl:0/next ${joules}000000
        mv "$SYS/class/powercap/intel-rapl:0/next" "$SYS/class/powercap/intel-rapl:0/energy_uj"
    done
) &
run bench "$MODEL" -n 16 -p 4 --sustain 3s --json
wait
check "the temperature" [ "$(last temperature_c)" = 66.5 ]
check "where it is from" [ "$(last temperature_from)" = x86_pkg_temp ]
check "energy is counted" holds "$(last energy_j) > 0 && $(last energy_j) <= 8"
check "where that is from" [ "$(last energy_from)" = rapl ]
check "joules for a token" holds "($(last joules_per_token) * $(last tokens) / $(last energy_j) - 1) ^ 2 < 1e-6"
if [ -d /sys/devices/system/cpu/cpu0 ] && [ "$(nproc)" -le 8 ]; then
    check "the clock" holds "$(last frequency_mhz) == 2500"
fi
run bench "$MODEL" -n 16 -p 4 --sustain 1s
check "people see the temperature" contains "$T/out" "66.5"
run bench "$MODEL" -n 16 -p 4 --sustain 1s --json --max-temp 90
check "below the limit nothing is held back" [ "$rc" -eq 0 ]
put class/thermal/thermal_zone0/temp 95000
run run "$MODEL" --raw --ignore-eos --temp 0 -n 12 --max-temp 70 --json hello
check "beyond it, the same answer, only later" [ "$("$JSON" "$T/out" text)" = "$paced" ]

# ---- interrupted ---------------------------------------------------------------------------

if [ -z "${BANTAM_EMULATOR:-}" ]; then
    rc=0
    timeout --foreground --preserve-status -s INT 1 "$BANTAM" bench "$MODEL" -n 16 -p 4 \
        --sustain 1h --json >"$T/out" 2>"$T/err" </dev/null || rc=$?
    check "Ctrl-C: exit 130" [ "$rc" -eq 130 ]
    check "what was measured is told" [ "$(last interrupted)" = true ]
    check "all of it" [ "$(last tokens)" -gt 0 ]
    check "and nothing else" [ ! -s "$T/err" ]
fi

finish
