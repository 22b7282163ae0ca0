#!/bin/sh
# Numbers on the command line are read strictly: exit 2, one line that names the option.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

# refuse OPTION VALUE...: none of the values is taken by `run`.
refuse() {
    option=$1
    shift
    for value; do
        run run model.gguf hi "$option" "$value"
        if [ "$rc" -ne 2 ]; then
            failed "$option $value" "exit $rc, expected 2"
        elif ! contains "$T/err" "$option"; then
            failed "$option $value" "the message does not name the option"
        elif [ "$(lines "$T/err")" -ne 1 ]; then
            failed "$option $value" "not one line"
        else
            ok "$option '$value' is refused"
        fi
    done
}

# take OPTION VALUE...: each of the values is taken: what fails is the model that is not there.
take() {
    option=$1
    shift
    for value; do
        run run "$T/nothing.gguf" hi "$option" "$value"
        check "$option '$value' is taken" [ "$rc" -eq 1 ]
    done
}

odd="-1 +1 1e3 0x10 1. 1.5 1k 99999999999 18446744073709551616 ten NaN inf"
for option in --ctx --threads --predict --top-k --repeat-last-n --dry-penalty-last-n --logprobs; do
    # shellcheck disable=SC2086 # the values are words
    refuse "$option" $odd "" " 1" "1 "
done
refuse --top-k 2147483648
refuse --threads 1025
refuse --mirostat 3
refuse --seed -1 1e3 0x10 18446744073709551616 "" x
take --seed 0 18446744073709551615
take --ctx 0 1 4096
take --threads 1 16
take --predict 0 4294967295

refuse --temp -1 nan NaN inf -inf 1e38 0x1p3 "" " 1" 1x 1,5 . - e1 1e
take --temp 0 0.8 .5 1. 1e-3 100
refuse --top-p -0.1 1.1 2 nan
take --top-p 0 1 0.95
refuse --min-p -1 2
refuse --typical 1.5
refuse --repeat-penalty 0 -1 nan
refuse --presence-penalty 1e9
take --presence-penalty -2 2
refuse --xtc-probability 2
refuse --dry-multiplier -1

refuse --memory -1 0 1e3 900X 900MM 1.5GiBx GiB "" 0x10M 99999999999T
take --memory 900M 1.5G 2GiB 2GB 1048576 1T 100KiB 5kB

refuse --kv f8 F16 "" f16x f32,f16
take --kv f32 f16 q8
refuse --rope no "" tab
take --rope call table float
refuse --cpu sse "" avx
take --cpu ref avx2 avxvnni avx512vnni neon dotprod i8mm

refuse --tokens "" , 1, ,1 1,,2 -1 1,-2 x 1.5 4294967295 99999999999 "1 2" 0x1

expect "--ctx=VALUE reads the same" 2 run model.gguf hi --ctx=1e3
expect "-c VALUE reads the same" 2 run model.gguf hi -c 1e3
expect "-cVALUE reads the same" 2 run model.gguf hi -c1e3
expect "-p of bench" 2 bench model.gguf -p 0
expect "-r of bench" 2 bench model.gguf -r 0
expect "-n of bench" 2 bench model.gguf -n 1e3
expect "--type of convert" 2 convert a b --type q9
expect "a window of one token" 2 eval model.gguf --perplexity x --ctx 1

finish
