#!/bin/sh
# `bantam fit`: what it says is what sessions are planned with, and nothing is touched for it.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
helpers

json() {
    "$JSON" "$T/out" "$@"
}

# ---- the catalog
expect "the catalog is judged" 0 fit
check "a table has a header" contains "$T/out" "decode/s"
check "and the machine above it" contains "$T/out" "processor"
check "nothing is said beside it" [ ! -s "$T/err" ]
lines_usual=$(lines "$T/out")
run fit -v
check "-v lists all types and variants" [ "$(grep -c "^[^a-z]*smollm2:135m.* MB " "$T/out")" -eq 10 ]
check "which are more lines" [ "$(lines "$T/out")" -gt "$lines_usual" ]

expect "for programs" 0 fit --json
check "a name" [ "$(json models 0 model)" = smollm2:135m ]
check "its type" [ "$(json models 0 type)" = BF16 ]
for member in file_bytes planned_bytes weight_bytes kv_bytes scratch_bytes other_bytes context; do
    check "$member is a number" [ "$(json models 0 $member)" -gt 0 ]
done
for member in decode_tok_s_estimate prefill_tok_s_estimate fits why verdict here gated disk_bytes; do
    check "$member is there" quietly json models 0 $member
done
for member in cpu cores threads memory_bytes available_bytes bandwidth_gb_s int8_peak_gops; do
    check "the device has $member" quietly json device $member
done
check "something is recommended, or nothing" quietly json recommended

# ---- one name
expect "a name means all its types" 0 fit smollm2:360m --json
check "from the published one" [ "$(json models 0 type)" = BF16 ]
check "to B4" [ "$(json models 4 type)" = B4 ]
check "and no more" [ -z "$(json models 5 type 2>/dev/null)" ]
expect "a name with a type means one" 0 fit smollm2:360m-q8 --ctx 256 --kv q8 --json
check "of that type" [ "$(json models 0 type)" = B8 ]
check "with that context" [ "$(json models 0 context)" = 256 ]
check "and those keys and values" [ "$(json models 0 kv)" = q8 ]

# ---- memory allowed
expect "little memory makes a session smaller" 0 fit smollm2:360m-q4 --memory 300M --json
check "which is said" [ "$(json models 0 verdict)" = smaller ]
check "and planned" [ "$(json models 0 planned_bytes)" -le 314572800 ]
check "with a shorter context" [ "$(json models 0 context)" -lt 4096 ]
check "it does not fit as it is wished for" [ "$(json models 0 fits)" = false ]
context=$(json models 0 context)
run fit smollm2:360m-q4 --memory 300M
check "people are told the context" contains "$T/out" "--ctx $context"
expect "too little is too little" 0 fit smollm2:360m-q4 --memory 100M --json
check "which is said, too" [ "$(json models 0 verdict)" = no ]
check "and no rate" [ "$(json models 0 decode_tok_s_estimate)" = null ]

# ---- what is wrong
expect "an unknown name" 1 fit smollm2:999m
check "the nearest are named" contains "$T/err" smollm2:135m
expect "a file that is not there" 1 fit missing.gguf
expect "a name that is not here" 1 fit some/model
expect "an unknown set of instructions" 2 fit --cpu sse9
echo nonsense >"$T/bad.gguf"
expect "a file that is no model" 1 fit "$T/bad.gguf"
check "nothing was made" [ ! -e "$T/home" ]

# ---- a file, against its own session
if [ -n "${BANTAM_BUILD:-}" ] && [ -x "$BANTAM_BUILD/bantam-random-model" ]; then
    MAKE=$(emulated "$BANTAM_BUILD/bantam-random-model")
    for type in B4 Q8_0 BF16; do
        "$MAKE" small $type 1 "$T/$type.gguf"
        run bench "$T/$type.gguf" -p 8 -n 4 -r 1 -c 512 -t 2 --json
        planned=$(json planned_bytes)
        run fit "$T/$type.gguf" -c 512 -t 2 --json
        # Opened to be computed with, a model may hold some bytes more than one to be described.
        check "a file of $type is planned as it is run" awk -v a="${planned:-0}" \
            -v b="$(json models 0 planned_bytes)" 'BEGIN { d = a - b; exit !(a > 0 && d * d < 1024 * 1024) }'
        check "and is here" [ "$(json models 0 here)" = true ]
        check "in its own type" [ "$(json models 0 type)" = $type ]
    done
else
    echo "skipped 9 cases: no bantam-random-model"
fi
# Published widths, an embedding that is not the head: a file's plan is that of the name.
if [ -n "${BANTAM_BUILD:-}" ] && [ -x "$BANTAM_BUILD/bantam-random-model" ] && [ -z "${BANTAM_EMULATOR:-}" ]; then
    "$BANTAM_BUILD/bantam-random-model" amd-llama-135m B4 1 "$T/amd.gguf"
    run fit "$T/amd.gguf" amd-llama:135m-q4 --json
    for member in weight_bytes kv_bytes scratch_bytes context batch threads params; do
        check "$member of a name and of its file" \
            [ "$(json models 0 $member || echo none)" = "$(json models 1 $member)" ]
    done
    rm "$T/amd.gguf"
else
    echo "skipped 7 cases: no bantam-random-model, or emulated"
fi

finish
